//! Options that several commands share.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{ArgAction, Args, ValueEnum};
use slpsim_config::{Checks, Config, Overrides, Secret, Speed, Start, StorePlace};
use slpsim_cssm::server::{StoreChoice, StoreUrlError};
use slpsim_logs::{Facility, Form, Framing, Precision, Repeat, SourceNet, Target, Zone};

use crate::clock;
use crate::error::BlameUser;
use crate::health::parse_address;
use crate::state::StateFolder;

/// Heading of the options that every command has, so that they do not stand among its own.
const COMMON: &str = "Common options";

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// More diagnostics; twice: even more
    #[arg(short, long, action = ArgAction::Count, global = true, help_heading = COMMON, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Only errors
    #[arg(short, long, global = true, help_heading = COMMON)]
    pub quiet: bool,
    /// When to colour diagnostics
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true, help_heading = COMMON)]
    pub color: ColorWhen,
    /// Form of results on standard output
    #[arg(long, value_enum, value_name = "FORM", default_value_t, global = true, help_heading = COMMON)]
    pub output: OutputForm,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Form of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Where a running daemon is.
#[derive(Clone, Debug, Args)]
pub struct Remote {
    /// Control socket of the daemon
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
    /// State folder of the daemon, in which its control socket lies [default: the XDG state folder]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

impl Remote {
    /// The daemon's control socket.
    ///
    /// # Errors
    /// Where neither an option nor the environment names a place.
    pub fn socket(&self) -> Result<PathBuf> {
        match (&self.control, &self.state) {
            (Some(socket), _) => Ok(socket.clone()),
            (None, Some(folder)) => Ok(StateFolder::control_socket(folder)),
            (None, None) => Ok(StateFolder::control_socket(&StateFolder::default_path()?)),
        }
    }
}

/// Which world a command runs in. Options win over the configuration file.
#[derive(Clone, Debug, Default, Args)]
pub struct WorldOptions {
    /// Configuration file (TOML); `slpsim config reference` lists its keys
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set a key of the configuration, such as device.transport=smart (repeatable)
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Decides everything that is random
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Simulated seconds in a second
    #[arg(long, value_name = "N|max", value_parser = parse_speed)]
    pub speed: Option<Speed>,
    /// Simulated time at the first start: RFC 3339, or now
    #[arg(long, value_name = "TIME", value_parser = parse_start)]
    pub start: Option<Start>,
    /// Folder of everything that outlives the command [default: the XDG state folder]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Share the clock of the process with this ready file
    #[arg(long, value_name = "READY_FILE", conflicts_with_all = ["speed", "start"])]
    pub clock_from: Option<PathBuf>,
    /// Let destinations outside this machine be reached, Cisco's own servers excepted
    #[arg(long)]
    pub allow_external: bool,
    /// Write this file once everything listens
    #[arg(long, value_name = "FILE")]
    pub ready_file: Option<PathBuf>,
}

impl WorldOptions {
    /// Reads the configuration, `without_file` where no file is given, and lays the options over it.
    ///
    /// # Errors
    /// Where something in it is wrong: one line for each problem.
    pub fn load(&self, without_file: &str) -> Result<Config> {
        let overrides = Overrides { set: self.set.clone(), allow_external: self.allow_external };
        let mut config = match &self.config {
            Some(path) => slpsim_config::load(path, &overrides, &CHECKS).blame_user()?,
            None => {
                let here = Path::new("");
                slpsim_config::parse(without_file, "built-in defaults", here, &overrides, &CHECKS)
                    .blame_user()?
            }
        };
        config.seed = self.seed.or(config.seed);
        config.speed = self.speed.unwrap_or(config.speed);
        config.start = self.start.unwrap_or(config.start);
        replace(&mut config.state, &self.state);
        replace(&mut config.clock_from, &self.clock_from);
        replace(&mut config.ready_file, &self.ready_file);
        Ok(config)
    }
}

/// What the configuration cannot check by itself.
pub(super) const CHECKS: Checks = Checks {
    zone: |text| text.parse::<Zone>().map(drop).map_err(|error| error.to_string()),
    sink: |text| text.parse::<Target>().map(drop).map_err(|error| error.to_string()),
    store: |text| text.parse::<StoreChoice>().map(drop).map_err(|error| error.to_string()),
};

pub(super) fn replace<T: Clone>(key: &mut Option<T>, option: &Option<T>) {
    if option.is_some() {
        key.clone_from(option);
    }
}

/// Where the log lines of devices go.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Log of the devices")]
pub struct LogOptions {
    /// stdout:, file:///path, udp://host:port, tcp://host:port, tls://host:port, unix:///dev/log or null: (repeatable)
    /// [default: stdout:]
    ///
    /// Behind a ?, joined by &, stand which lines it gets (severity=0..3, device=GLOB, site=GLOB) and how it behaves: for
    /// tls:// ca=FILE, sni=NAME, cert=FILE and key=FILE; for file:// rotate=100M, keep=5 and gzip; for udp://
    /// source-net=127.1.0.0/16; for tcp:// and tls:// framing=newline or octet.
    #[arg(long, value_name = "URL")]
    pub sink: Vec<String>,
    /// How messages are told apart over tcp:// and tls:// [default: newline over tcp, octet over tls]
    #[arg(long, value_parser = PossibleValuesParser::new(Framing::ALL.map(Framing::word)))]
    pub framing: Option<String>,
    /// Network of the source addresses over udp://, one for each device, such as 127.1.0.0/16
    #[arg(long, value_name = "NET", value_parser = parse_source_net)]
    pub source_net: Option<String>,
    /// Form of the lines [default: logfile for files and pipes, console for a terminal, nxos on the wire]
    #[arg(long, value_parser = PossibleValuesParser::new(Form::ALL.map(Form::word)))]
    pub form: Option<String>,
    /// What stands before the time stamp: none, hostname, ip or string:X
    #[arg(long, value_name = "WHAT")]
    pub origin_id: Option<String>,
    /// Digits behind the seconds
    #[arg(long, value_parser = PossibleValuesParser::new(Precision::ALL.map(Precision::word)))]
    pub timestamp: Option<String>,
    /// How repeated messages are told
    #[arg(long, value_parser = PossibleValuesParser::new(Repeat::ALL.map(Repeat::word)))]
    pub repeat: Option<String>,
    /// Facility of the lines
    #[arg(long, value_parser = PossibleValuesParser::new(Facility::ALL.map(Facility::word)))]
    pub facility: Option<String>,
}

impl LogOptions {
    /// Lays the options over the sinks of a configuration.
    pub fn apply(&self, config: &mut Config) {
        if !self.sink.is_empty() {
            config.sinks = self.sink.iter().map(|url| sink_to(url)).collect();
        }
        if config.sinks.is_empty() {
            config.sinks.push(sink_to("stdout:"));
        }
        for sink in &mut config.sinks {
            replace(&mut sink.form, &self.form);
            replace(&mut sink.origin_id, &self.origin_id);
            replace(&mut sink.timestamp, &self.timestamp);
            replace(&mut sink.repeat, &self.repeat);
            replace(&mut sink.facility, &self.facility);
            if sink.url.starts_with("tcp:") || sink.url.starts_with("tls:") {
                replace(&mut sink.framing, &self.framing);
            }
            if let Some(net) = self.source_net.as_ref().filter(|_| sink.url.starts_with("udp:")) {
                sink.url.push(if sink.url.contains('?') { '&' } else { '?' });
                sink.url.push_str("source-net=");
                sink.url.push_str(net);
            }
        }
    }
}

/// A sink with all defaults.
pub(super) fn sink_to(url: &str) -> slpsim_config::Sink {
    slpsim_config::Sink {
        url: url.into(),
        form: None,
        framing: None,
        origin_id: None,
        timestamp: None,
        repeat: None,
        facility: None,
        max_bytes: None,
    }
}

/// Checks a network of source addresses, and leaves it as it is.
fn parse_source_net(text: &str) -> Result<String, String> {
    text.parse::<SourceNet>().map(|_| text.to_owned()).map_err(|error| error.to_string())
}

/// Listeners of a mock.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Mock")]
pub struct MockOptions {
    /// HTTPS: smart transport, Call Home, REST [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub listen: Option<SocketAddr>,
    /// HTTP: CSLU [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub listen_plain: Option<SocketAddr>,
    /// Management, web pages and metrics of the mock; TLS and a log-in where it is no loopback address [default: 127.0.0.1:0]
    #[arg(long, value_name = "ADDR", value_parser = parse_address)]
    pub listen_manage: Option<SocketAddr>,
    /// Management without a bearer token
    #[arg(long)]
    pub manage_open: bool,
    /// The web pages want a log-in on loopback as well; users are the `[[user]]` tables of the configuration
    #[arg(long)]
    pub always_log_in: bool,
    /// Where the mock keeps what it knows: a folder, sqlite:FILE, postgres://…, journal:FOLDER [default: a folder of the
    /// state folder]
    #[arg(long, value_name = "STORE", value_parser = parse_store)]
    pub store: Option<StorePlace>,
}

impl MockOptions {
    /// Lays the options over a mock.
    pub fn apply(&self, mock: &mut slpsim_config::Mock) {
        mock.listen = self.listen.unwrap_or(mock.listen);
        mock.listen_plain = self.listen_plain.unwrap_or(mock.listen_plain);
        mock.listen_manage = self.listen_manage.unwrap_or(mock.listen_manage);
        mock.manage_open |= self.manage_open;
        mock.always_log_in |= self.always_log_in;
        replace(&mut mock.store, &self.store);
    }

    /// Whether any is given.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        self.listen.is_some()
            || self.listen_plain.is_some()
            || self.listen_manage.is_some()
            || self.manage_open
            || self.always_log_in
            || self.store.is_some()
    }
}

/// Takes a store as it is written, relative to the working directory. It is read by [`chosen`]: what is refused here would be
/// shown as it was written, a password too.
pub(super) fn parse_store(text: &str) -> Result<StorePlace, Infallible> {
    Ok(StorePlace { text: Secret::new(text), base: PathBuf::new() })
}

/// The store that is meant.
///
/// # Errors
/// One line that says what is expected, without a password.
pub(super) fn chosen(place: &StorePlace) -> Result<StoreChoice, StoreUrlError> {
    Ok(place.text.expose().parse::<StoreChoice>()?.relative_to(&place.base))
}

/// Reads `N` or `max`.
///
/// # Errors
/// One line that says what is expected.
pub fn parse_speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let factor = text.parse::<u32>().map_err(|_| format!("{text:?} is no whole number, nor `max`"))?;
    clock::Speed::try_from(factor).map(|speed| Speed::Times(speed.factor()))
}

/// Reads a time or `now`.
///
/// # Errors
/// One line that says what is expected.
pub fn parse_start(text: &str) -> Result<Start, String> {
    if text == "now" { Ok(Start::Now) } else { slpsim_config::parse_time(text).map(Start::At) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shipped_example_is_good_for_this_version() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
        let mut examples = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let options = WorldOptions { config: Some(path), ..WorldOptions::default() };
                options.load("").unwrap();
                examples += 1;
            }
        }
        assert!(examples > 3);
    }

    #[test]
    fn a_sink_that_cannot_be_is_refused_by_the_check_already() {
        let refused = |url| (CHECKS.sink)(url).unwrap_err();
        assert!(refused("carrier-pigeon://x").contains("unknown scheme"));
        assert!(refused("file:///x?rotate=1").contains("expected a size"));
        for good in ["unix:///dev/log", "tcp://127.0.0.1:5140?severity=0..3", "file:///x?rotate=1M&gzip"] {
            assert_eq!((CHECKS.sink)(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn options_reach_the_sinks_that_they_are_for() {
        let mut config = WorldOptions::default().load("[device]\n").unwrap();
        let log = LogOptions {
            sink: vec!["udp://127.0.0.1:514".into(), "tcp://127.0.0.1:514".into(), "null:".into()],
            framing: Some("octet".into()),
            source_net: Some("127.1.0.0/16".into()),
            ..LogOptions::default()
        };
        log.apply(&mut config);
        let of = |at: usize| (config.sinks[at].url.as_str(), config.sinks[at].framing.as_deref());
        assert_eq!(of(0), ("udp://127.0.0.1:514?source-net=127.1.0.0/16", None));
        assert_eq!(of(1), ("tcp://127.0.0.1:514", Some("octet")));
        assert_eq!(of(2), ("null:", None));
    }
}

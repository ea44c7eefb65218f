//! `slpsim fleet` and `slpsim why` (`interface.md` §4).

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use slpsim_agent::Token;
use slpsim_config::{Overrides, Speed, Start};
use slpsim_logs::SinkUrl;
use slpsim_policy::Wall;
use slpsim_sim::fleet::{Companions, Population, population};

use super::options::{CHECKS, Global, LogOptions, OutputForm, parse_speed, parse_start};
use super::output;
use crate::error::{BlameUser, user_error};
use crate::fleet::against;
use crate::fleet::halt::Halt;
use crate::fleet::manage;
use crate::fleet::outlets::Fate;
use crate::fleet::pace::Rate;
use crate::fleet::replay;
use crate::fleet::steer::Steer;
use crate::fleet::{DEVICES_MAX, Order, Pace, run, truth};
use crate::health::HealthServer;
use crate::metrics::Registry;
use crate::ready::{Ready, ReadyFile, Urls};
use crate::signals::{Asked, Signals};
use crate::sinks::SinkSpec;

/// The start of a fleet that has none of its own, so that the same seed gives the same bytes.
const DEFAULT_START: Wall = Wall::from_secs(1_767_225_600);
/// The end of a run at full speed that has none of its own.
const DEFAULT_DURATION: Duration = Duration::from_secs(365 * 86_400);
/// `slpsim fleet`
#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    /// How many switches, over all shards
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(DEVICES_MAX)))]
    devices: u32,
    /// How long: simulated time such as 365d, wall time with --rate [default: 365d at full speed, else until stopped]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_duration)]
    duration: Option<Duration>,
    /// Decides everything that is random
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 1, value_parser = parse_seed)]
    seed: u64,
    /// Simulated seconds in a second [default: max; after --backfill 1]
    #[arg(long, value_name = "N|max", allow_hyphen_values = true, value_parser = parse_speed)]
    speed: Option<Speed>,
    /// Lines by wall time, evenly: 5000/s, or a ramp: 5000/s..20000/s over 10m
    #[arg(long, value_name = "RATE", allow_hyphen_values = true, conflicts_with = "speed")]
    rate: Option<Rate>,
    /// Write the last so much at full speed, then go on live
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_duration, conflicts_with = "start")]
    backfill: Option<Duration>,
    /// Simulated time at the start: RFC 3339, or now [default: 2026-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = parse_start)]
    start: Option<Start>,
    /// Run this part of the fleet only, from 1: 3/8
    #[arg(long, value_name = "I/N", allow_hyphen_values = true, default_value = "1/1", value_parser = parse_shard)]
    shard: (u32, u32),
    /// Who is in it: steady, reference, storm, or a file
    #[arg(long, value_name = "NAME|FILE", default_value = "reference")]
    population: String,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Wait for a sink that is behind instead of dropping its lines; at full speed that is so anyway
    #[arg(long)]
    lossless: bool,
    /// Write what caused each line to this file, as JSON lines, for `slpsim why`
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Write a page about the run: messages over time, outages, devices by state
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Spoil this share of the lines on purpose: cut, wrong PRI, bad UTF-8
    #[arg(long, value_name = "PERCENT", allow_hyphen_values = true, default_value = "0%", value_parser = parse_percent)]
    corrupt: f64,
    /// Mix in other messages than those of the licensing agent, as a switch has them
    #[arg(long, value_enum, value_name = "AMOUNT", default_value_t)]
    companions: Amount,
    /// Send this recorded log again, with its own spacing (--speed) or at a --rate, in place of a fleet; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["against", "backfill", "start", "truth", "report", "corrupt", "companions", "manage", "metrics", "form", "duration", "devices", "shard", "seed", "population", "threads"])]
    replay: Option<PathBuf>,
    /// Whether replayed lines keep their time stamps or get new ones
    #[arg(long, value_enum, value_name = "WHICH", default_value_t, requires = "replay")]
    stamps: Stamps,
    /// Print every key of a population file and end
    #[arg(long)]
    population_reference: bool,
    /// Let this address change the rate, add and remove devices, open and end outages, while it runs
    #[arg(long, value_name = "ADDR", value_parser = crate::health::parse_address)]
    manage: Option<SocketAddr>,
    /// Serve GET /metrics for Prometheus here
    #[arg(long, value_name = "ADDR", value_parser = crate::health::parse_address)]
    metrics: Option<SocketAddr>,
    /// Write this file once both listen
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Let lines leave this machine
    #[arg(long)]
    allow_external: bool,
    #[command(flatten)]
    real: AgainstOptions,
    #[command(flatten)]
    log: LogOptions,
}

/// A fleet over real HTTP(S).
#[derive(Debug, Args)]
#[command(next_help_heading = "Against a real server")]
struct AgainstOptions {
    /// Play the fleet over real HTTP(S) against this CSSM, CSLU or On-Prem: each switch gets its first ACK. Given several
    /// times: addresses of the same one, asked in turn
    ///
    /// It has its own clock and its own summary: --speed, --rate, --backfill, --start, --truth, --report, --corrupt,
    /// --companions, --manage and --metrics are not for it.
    #[arg(long, value_name = "URL", conflicts_with_all = ["speed", "rate", "backfill", "start", "truth", "report", "corrupt", "companions", "manage", "metrics"])]
    against: Vec<String>,
    /// Certificates that the server's and its licensing objects must lead to (PEM): the mock's ca_file
    #[arg(long, value_name = "FILE", requires = "against")]
    ca: Option<PathBuf>,
    /// The id token with which switches ask a CSSM for trust
    #[arg(long, value_name = "TOKEN", env = "SLPSIM_IDTOKEN", hide_env_values = true)]
    idtoken: Option<String>,
    /// The same, in a file
    #[arg(long, value_name = "FILE", requires = "against", conflicts_with = "idtoken")]
    idtoken_file: Option<PathBuf>,
    /// Believe objects of a server that does not sign as ours does
    #[arg(long, requires = "against")]
    no_verify: bool,
    /// Exchanges at one time
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Open a connection for each exchange, as switches do; otherwise they stay open and are shared
    #[arg(long, requires = "against")]
    fresh_connections: bool,
    /// Private keys that the switches share among them
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    device_keys: u16,
}

/// `--companions`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Amount {
    /// None
    #[default]
    Off,
    /// As on a quiet switch
    Sparse,
    /// As on one that people work at
    Busy,
}

/// `--stamps`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Stamps {
    /// As recorded
    #[default]
    Old,
    /// The present time, in the same form
    New,
}

/// `slpsim why`
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    /// Number of the line in the log, from 1, or the whole line
    #[arg(value_name = "LINE")]
    line: String,
    /// What `slpsim fleet --truth` wrote
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
}

pub(super) fn why(args: &WhyArgs, form: OutputForm) -> Result<ExitCode> {
    let why = truth::why(&args.line, &args.truth)?;
    output::print(&match form {
        OutputForm::Text => why.text(),
        OutputForm::Json => format!("{}\n", serde_json::json!(why)),
    })?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn fleet(args: &FleetArgs, global: &Global) -> Result<ExitCode> {
    if args.population_reference {
        output::print(&population::reference())?;
        return Ok(ExitCode::SUCCESS);
    }
    let halt = Halt::default();
    if let Some(file) = &args.replay {
        return replayed(args, file, &halt, global);
    }
    if !args.real.against.is_empty() {
        let order = against_order(args)?;
        let _ready = listen(args, &Steer::default(), &Registry::default(), &halt)?;
        let ledger = against::run(&order, &halt)?;
        let on_stdout = order.sinks.iter().any(|spec| spec.target.url == SinkUrl::Stdout);
        tell(|| ledger.text(), || ledger.json(), global.output, on_stdout)?;
        return Ok(if ledger.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let order = order(args, global)?;
    let _ready = listen(args, &order.steer, &order.registry, &halt)?;
    let summary = run(&order, &halt)?;
    if summary.nobody_reads() && summary.error.is_none() {
        return Ok(ExitCode::SUCCESS); // as with `slpsim fleet | head`
    }
    let on_stdout = order.sinks.iter().any(|spec| spec.target.url == SinkUrl::Stdout);
    tell(|| summary.text(), || summary.json(), global.output, on_stdout)?;
    if let Some(error) = summary.error {
        anyhow::bail!(error);
    }
    let failed = summary.sinks.iter().any(Fate::has_failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn order(args: &FleetArgs, global: &Global) -> Result<Order> {
    let pace = match (args.rate, args.speed, args.backfill) {
        (Some(rate), _, _) => Pace::Rate(rate),
        (None, Some(Speed::Times(speed)), _) => Pace::Speed(speed),
        (None, None, Some(_)) => Pace::Speed(1),
        (None, Some(Speed::Max) | None, _) => Pace::Max,
    };
    let now = crate::time::host_now();
    let backfill = args.backfill.unwrap_or_default();
    let start = match (args.backfill, args.start) {
        (Some(backfill), _) => now.plus_millis(-i64::try_from(backfill.as_millis()).unwrap_or(i64::MAX)),
        (None, Some(Start::Now)) => now,
        (None, Some(Start::At(start))) => start,
        (None, None) => DEFAULT_START,
    };
    let duration = match pace {
        Pace::Max => Some(args.duration.unwrap_or(DEFAULT_DURATION)),
        Pace::Speed(_) | Pace::Rate(_) => args.duration,
    };
    if let (Pace::Max | Pace::Speed(_), Some(duration)) = (pace, duration)
        && duration < backfill
    {
        return Err(user_error("--duration is shorter than --backfill, which it includes"));
    }
    let cores =
        std::thread::available_parallelism().map_or(1, |cores| u16::try_from(cores.get()).unwrap_or(1));
    Ok(Order {
        population: read_population(&args.population)?,
        seed: args.seed,
        devices: args.devices,
        start,
        part: args.shard,
        threads: args.threads.unwrap_or(cores),
        pace,
        backfill,
        duration,
        sinks: sinks(&args.log)?,
        allow_external: args.allow_external,
        lossless: args.lossless,
        truth: args.truth.clone(),
        report: args.report.clone(),
        corrupt: args.corrupt,
        companions: match args.companions {
            Amount::Off => Companions::Off,
            Amount::Sparse => Companions::Sparse,
            Amount::Busy => Companions::Busy,
        },
        progress: !global.quiet && std::io::stderr().is_terminal(),
        steer: Steer::default(),
        steered: args.manage.is_some(),
        registry: Registry::default(),
    })
}

fn replayed(args: &FleetArgs, file: &Path, halt: &Halt, global: &Global) -> Result<ExitCode> {
    let pace = match (args.rate, args.speed) {
        (Some(rate), _) => Pace::Rate(rate),
        (None, Some(Speed::Times(speed))) => Pace::Speed(speed),
        (None, Some(Speed::Max)) => Pace::Max,
        (None, None) => Pace::Speed(1),
    };
    let order = replay::Order {
        file: file.to_owned(),
        pace,
        new_stamps: args.stamps == Stamps::New,
        sinks: sinks(&args.log)?,
        allow_external: args.allow_external,
        lossless: args.lossless,
    };
    let _ready = listen(args, &Steer::default(), &Registry::default(), halt)?;
    let replayed = replay::run(&order, halt)?;
    if Fate::nobody_reads(&replayed.sinks) && replayed.error.is_none() {
        return Ok(ExitCode::SUCCESS); // as with `slpsim fleet --replay | head`
    }
    let on_stdout = order.sinks.iter().any(|spec| spec.target.url == SinkUrl::Stdout);
    tell(|| replayed.text(), || replayed.json(), global.output, on_stdout)?;
    if let Some(error) = replayed.error {
        anyhow::bail!(error);
    }
    let failed = replayed.sinks.iter().any(Fate::has_failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn against_order(args: &FleetArgs) -> Result<against::Order> {
    let real = &args.real;
    let token = match (&real.idtoken, &real.idtoken_file) {
        (Some(token), _) => Some(Token::new(token).context("--idtoken").blame_user()?),
        (None, Some(path)) => {
            let text = slpsim_config::reader::read(path);
            let text = text.with_context(|| format!("--idtoken-file {}", path.display())).blame_user()?;
            let named = || format!("--idtoken-file {}", path.display());
            Some(Token::new(text.trim()).with_context(named).blame_user()?)
        }
        (None, None) => None,
    };
    // Lines go nowhere unless asked for: what is of interest here is the ledger.
    let sinks = if args.log.sink.is_empty() { Vec::new() } else { sinks(&args.log)? };
    Ok(against::Order {
        urls: real.against.clone(),
        ca: real.ca.clone(),
        token,
        verify: !real.no_verify,
        connections: real.connections.into(),
        fresh_connections: real.fresh_connections,
        keys: real.device_keys.into(),
        population: read_population(&args.population)?,
        seed: args.seed,
        devices: args.devices,
        part: args.shard,
        duration: args.duration,
        sinks,
        allow_external: args.allow_external,
    })
}

/// A shipped population, or one from a file.
fn read_population(name: &str) -> Result<Population> {
    if let Some((name, text)) = population::SHIPPED.into_iter().find(|(shipped, _)| *shipped == name) {
        return population::parse(text, name).blame_user();
    }
    let path = Path::new(name);
    if !name.contains(['/', '.']) && !path.exists() {
        let hint = slpsim_config::reader::did_you_mean(name, population::SHIPPED.map(|(name, _)| name));
        return Err(user_error(format!("there is no population `{name}`, and no file of that name{hint}")));
    }
    let text =
        slpsim_config::reader::read(path).with_context(|| format!("cannot read {name}")).blame_user()?;
    population::parse(&text, name).blame_user()
}

fn sinks(log: &LogOptions) -> Result<Vec<SinkSpec>> {
    let mut config = slpsim_config::parse("", "options", Path::new(""), &Overrides::default(), &CHECKS)?;
    log.apply(&mut config);
    let mut specs = Vec::new();
    for sink in &config.sinks {
        (CHECKS.sink)(&sink.url).map_err(user_error)?;
        specs.push(crate::daemon::sink_spec(sink)?);
    }
    Ok(specs)
}

/// SIGINT and SIGTERM end the run; what has been done is told as ever. The second one ends it at once, whatever it waits
/// for. The servers that were asked for listen.
fn listen(args: &FleetArgs, steer: &Steer, registry: &Registry, halt: &Halt) -> Result<Option<ReadyFile>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (signals, health, ready) = runtime.block_on(async {
        // Whoever reads that it is ready may send one at once.
        let signals = Signals::listen()?;
        let mut urls = Urls::default();
        if let Some(address) = args.manage {
            urls.manage = Some(format!("http://{}", manage::serve(address, steer.clone())?));
        }
        let health = match args.metrics {
            None => None,
            Some(address) => {
                let registry = registry.clone();
                let server =
                    HealthServer::start(address, args.allow_external, move || registry.render()).await?;
                urls.metrics = Some(format!("http://{}/metrics", server.address()));
                Some(server)
            }
        };
        let ready = Ready { pid: std::process::id(), urls, ..Ready::default() };
        let ready = args.ready_file.as_deref().map(|path| ReadyFile::write(path, &ready)).transpose()?;
        Ok::<_, anyhow::Error>((signals, health, ready))
    })?;
    let (mut signals, halt) = (signals, halt.clone());
    let ready_file = args.ready_file.clone();
    let wait = move || {
        let _health = health;
        let mut end = || {
            runtime.block_on(async {
                // A fleet has nothing to read again: SIGHUP is left unheeded.
                while signals.next().await != Asked::End {}
            });
        };
        end();
        halt.ask();
        end();
        // The process ends here, and nothing more can be said of it.
        let _ = ready_file.as_deref().map(ReadyFile::clear);
        std::process::exit(1);
    };
    // Ends with the process.
    std::thread::Builder::new().name("signals".into()).spawn(wait).context("no thread for signals")?;
    Ok(ready)
}

/// Results go to standard output, unless the lines went there.
fn tell(
    text: impl FnOnce() -> String,
    json: impl FnOnce() -> serde_json::Value,
    form: OutputForm,
    lines_on_stdout: bool,
) -> Result<()> {
    let text = match form {
        OutputForm::Text => text(),
        OutputForm::Json => format!("{}\n", json()),
    };
    if lines_on_stdout {
        eprint!("{text}");
        Ok(())
    } else {
        output::print(&text)
    }
}

fn parse_seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no seed: write a whole number from 0 to {}", u64::MAX))
}

fn parse_duration(text: &str) -> Result<Duration, String> {
    match slpsim_config::parse_span(text)? {
        Duration::ZERO => Err("a time of 0 does nothing".into()),
        span => Ok(span),
    }
}

fn parse_shard(text: &str) -> Result<(u32, u32), String> {
    let wrong = || format!("{text:?} is no part of a fleet: write I/N with I from 1 to N, such as 3/8");
    let (part, parts) = text.split_once('/').ok_or_else(wrong)?;
    let (part, parts) =
        (part.parse::<u32>().map_err(|_| wrong())?, parts.parse::<u32>().map_err(|_| wrong())?);
    if part == 0 || part > parts { Err(wrong()) } else { Ok((part, parts)) }
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let wrong = || format!("{text:?} is no share: write a percentage such as 0.1%");
    let number: f64 = text.strip_suffix('%').ok_or_else(wrong)?.trim().parse().map_err(|_| wrong())?;
    if (0.0..=100.0).contains(&number) { Ok(number / 100.0) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn parsed(line: &str) -> Result<Order> {
        let cli = super::super::Cli::try_parse_from(line.split(' '))
            .map_err(|error| user_error(error.to_string()))?;
        let super::super::Command::Fleet(args) = cli.command else { panic!("{line}") };
        order(&args, &cli.global)
    }

    #[test]
    fn the_pace_follows_from_the_options() {
        for (line, pace, duration) in [
            ("slpsim fleet", Pace::Max, Some(DEFAULT_DURATION)),
            ("slpsim fleet --speed max --duration 30d", Pace::Max, Some(Duration::from_secs(30 * 86_400))),
            ("slpsim fleet --speed 60", Pace::Speed(60), None),
            ("slpsim fleet --backfill 90d", Pace::Speed(1), None),
            (
                "slpsim fleet --rate 50/s --duration 10m",
                Pace::Rate("50/s".parse().unwrap()),
                Some(Duration::from_secs(600)),
            ),
        ] {
            let order = parsed(line).unwrap();
            assert_eq!((order.pace, order.duration), (pace, duration), "{line}");
        }
    }

    #[test]
    fn bad_options_are_refused_with_what_would_be_right() {
        for (line, expected) in [
            ("slpsim fleet --shard 0/4", "with I from 1 to N, such as 3/8"),
            ("slpsim fleet --shard 5/4", "with I from 1 to N, such as 3/8"),
            ("slpsim fleet --shard 1", "with I from 1 to N, such as 3/8"),
            ("slpsim fleet --rate 5/s --speed 2", "cannot be used with"),
            ("slpsim fleet --rate fast", "lines by time such as 5000/s"),
            ("slpsim fleet --corrupt 5", "a percentage such as 0.1%"),
            ("slpsim fleet --rate -5/s", "\"-5/s\" is no rate: write lines by time such as 5000/s"),
            ("slpsim fleet --duration -1d", "`-1d` is no span of time here: it must not be negative"),
            ("slpsim fleet --backfill -1d", "`-1d` is no span of time here"),
            ("slpsim fleet --corrupt -1%", "\"-1%\" is no share"),
            ("slpsim fleet --shard -1/4", "\"-1/4\" is no part of a fleet"),
            ("slpsim fleet --speed -3", "-3"),
            ("slpsim fleet --start -1d", "-1d"),
            ("slpsim fleet --seed -3", "\"-3\" is no seed: write a whole number from 0"),
            ("slpsim fleet --devices -3", "-3 is not in 1..="),
            ("slpsim fleet --threads -3", "-3 is not in 1..=256"),
            ("slpsim fleet --duration 0s", "does nothing"),
            ("slpsim fleet --devices 0", "0 is not in 1..="),
            ("slpsim fleet --population storms", "did you mean `storm`?"),
            ("slpsim fleet --population ./none.toml", "cannot read ./none.toml"),
            ("slpsim fleet --backfill 9d --duration 1d", "shorter than --backfill"),
            ("slpsim fleet --sink pigeon://x", "unknown scheme"),
        ] {
            let error = format!("{:#}", parsed(line).unwrap_err());
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}

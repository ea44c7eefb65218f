//! `slpsim demo`: one switch, one simulated year, an outage of six hours at a scheduled report, over real HTTPS.
//!
//! Simulated time stands still while an exchange is open (lockstep), so that the year passes in seconds.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, Result};
use slpsim_agent::{BootCause, Message, Settings, Token, TransportMode, Udi};
use slpsim_cssm::server::{Running, Server, ServerConfig};
use slpsim_logs::{Form, Formatter, Line, Options, Repeated, Zone};
use slpsim_network::World as NetworkWorld;
use slpsim_policy::Wall;
use slpsim_sim::connect::HttpConnect;
use slpsim_sim::lockstep::{Lockstep, Wires};
use slpsim_sim::{Class, DeviceId, DeviceSpec, Link, Observer, Outage, Outages, World};
use slpsim_transport::WireProfile;
use slpsim_transport::callhome::CallhomeFormat;
use slpsim_transport::client::{Anchors, Format, Limits};
use slpsim_transport::sign::{DeviceKeys, Verifier};
use slpsim_transport::smart::SmartFormat;

/// 2026-01-01T00:00:00Z, where the year begins.
pub const START: Wall = Wall::from_secs(1_767_225_600);

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What a demo shows.
pub trait Stage {
    /// A remark for the person who watches.
    fn remark(&mut self, text: &str);

    /// A command is typed at the switch, and answered so.
    fn typed(&mut self, hostname: &str, line: &str, answer: &str);

    /// The observer of the world.
    fn observer(&mut self) -> &mut dyn Observer;
}

/// Plays the year on any link; `outages` are the link's own.
///
/// # Errors
/// Where the stage's switch is not there, or answers with an error.
pub fn play<L: Link>(
    world: &mut World<L>,
    outages: impl Fn(&mut L) -> &mut Outages,
    token: &Token,
    stage: &mut dyn Stage,
) -> Result<()> {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001")?;
    let settings = Settings { transport: TransportMode::Smart, ..Settings::default() };
    let id = world.add(DeviceSpec::new("switch", udi, settings));
    let outage = 30 * DAY;
    outages(&mut world.link).add(Outage { from: at(outage), to: at(outage + 6 * HOUR) });

    stage.remark("the switch boots; transport smart, one licence in use, the policy is the Cisco default");
    world.boot(id, BootCause::First, stage.observer());
    world.run_to(10 * SECOND, Class::Event, stage.observer());
    let line = format!("license smart trust idtoken {} local", token.expose());
    typed(world, id, (&line, "license smart trust idtoken ****** local"), stage)?;
    world.run_to(outage, Class::World, stage.observer());
    stage.remark("day 30: CSSM cannot be reached for six hours, and the scheduled report is due");
    world.run_to(outage + 4 * HOUR + 5 * MINUTE, Class::Event, stage.observer());
    stage.remark("the four hours are over: the interval is reset to 15 minutes");
    let show = "show license status | include \"interval|report push\"";
    typed(world, id, (show, show), stage)?;
    world.run_to(outage + 7 * HOUR, Class::Event, stage.observer());
    stage.remark("CSSM is back, and so is the configured interval");
    typed(world, id, (show, show), stage)?;
    stage.remark("the rest of the year passes without a line");
    world.run_to(365 * DAY, Class::Expect, stage.observer());
    typed(world, id, ("show license all", "show license all"), stage)
}

fn typed<L: Link>(
    world: &mut World<L>,
    id: DeviceId,
    (line, shown): (&str, &str),
    stage: &mut dyn Stage,
) -> Result<()> {
    // What the command makes the switch log comes after it.
    let mut later = Later::default();
    let (answer, error) =
        world.exec(id, &[line.to_owned()], &mut later).context("the switch of the demo is not there")?;
    let hostname = world.device(id).map_or_else(String::new, |device| device.switch.config.hostname.clone());
    stage.typed(&hostname, shown, &answer);
    for (at_ms, clock, message) in later.0 {
        stage.observer().line(at_ms, id, clock, &message);
    }
    anyhow::ensure!(!error, "the switch answered `{shown}` with an error");
    Ok(())
}

#[derive(Default)]
struct Later(Vec<(u64, Wall, Message)>);

impl Observer for Later {
    fn line(&mut self, at_ms: u64, _device: DeviceId, clock: Wall, message: &Message) {
        self.0.push((at_ms, clock, message.clone()));
    }
}

fn at(millis: u64) -> Wall {
    START.plus_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}

/// `slpsim demo`.
///
/// # Errors
/// Where the machine gives no ports or no runtime, or standard output takes nothing. A reader that has gone
/// (`slpsim demo | head`) is no error.
pub fn run(seed: u64) -> Result<()> {
    let mut screen = Screen::new();
    let (mut world, server) = over_https(seed)?;
    let url = server.urls.smart.clone();
    screen.remark(&format!("mock CSSM of this program at {url}; simulated time from {}", print(START)));
    let token = server.idtoken.clone();
    play(&mut world, |link| &mut link.outages, &token, &mut screen)?;
    screen.finish()?;
    world.link.runtime().block_on(server.shutdown());
    Ok(())
}

/// A world whose exchanges go to a mock in this process over real HTTPS.
///
/// # Errors
/// Where the machine gives no ports or no runtime.
pub fn over_https(seed: u64) -> Result<(World<Lockstep>, Running)> {
    let mut link = Lockstep::new(START).context("cannot prepare real exchanges")?;
    let clock = Arc::clone(&link.wires().true_clock);
    let config = ServerConfig { seed: Some(seed), ..ServerConfig::default() };
    let server = link.runtime().block_on(Server::start(config, clock))?;
    let connect = connect(link.wires(), &server)?;
    link.attach(Box::new(connect));
    Ok((World::new(START, seed, link), server))
}

fn connect(wires: &Wires, server: &Running) -> Result<HttpConnect> {
    let profile = Arc::new(WireProfile::default());
    let format: Arc<dyn Format> = Arc::new(SmartFormat {
        keys: Some(Arc::new(DeviceKeys::generate()?)),
        verifier: Arc::new(Verifier::root(&server.ca_pem)?),
        profile: Arc::clone(&profile),
    });
    let mut network = NetworkWorld::default();
    network.add_route("smartreceiver.cisco.com", 443, server.addresses.0);
    Ok(HttpConnect {
        clock: Arc::clone(&wires.device_clock) as _,
        world: Arc::new(network),
        anchors: Anchors::from_pem(server.ca_pem.as_bytes())?,
        callhome: Arc::new(CallhomeFormat::new(Arc::clone(&format), profile)),
        format,
        dns: Arc::default(),
        nonces: Arc::clone(&wires.nonces) as _,
        proxy_login: None,
        limits: Limits::default(),
        door: Some(Arc::clone(&wires.door)),
    })
}

/// Lines on standard output, remarks on standard error.
struct Screen {
    console: Console,
}

impl Screen {
    fn new() -> Self {
        let form = Formatter::new(Options { form: Form::Console, ..Options::default() });
        Self { console: Console { form, result: Ok(()) } }
    }

    fn finish(self) -> Result<()> {
        match self.console.result.and_then(|()| io::stdout().flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

struct Console {
    form: Formatter,
    /// How the first write that failed did so; after it nothing is written.
    result: io::Result<()>,
}

impl Console {
    fn put(&mut self, text: &[u8]) {
        if self.result.is_ok() {
            self.result = io::stdout().write_all(text);
        }
    }
}

impl Stage for Screen {
    fn remark(&mut self, text: &str) {
        // Remarks are an addition; whoever closed standard error does without.
        let _ = writeln!(io::stderr(), "--- {text}");
    }

    fn typed(&mut self, hostname: &str, line: &str, answer: &str) {
        let end = if answer.is_empty() || answer.ends_with('\n') { "" } else { "\n" };
        self.console.put(format!("{hostname}# {line}\n{answer}{end}").as_bytes());
    }

    fn observer(&mut self) -> &mut dyn Observer {
        &mut self.console
    }
}

impl Observer for Console {
    fn line(&mut self, _at_ms: u64, _device: DeviceId, clock: Wall, message: &Message) {
        let line = self.form.format(&Line {
            at: clock,
            zone: Zone::UTC,
            host: Some("switch"),
            address: None,
            sequence: 0,
            message,
            repeated: Repeated::No,
        });
        let line = [line, b"\n"].concat();
        self.put(&line);
    }
}

fn print(wall: Wall) -> String {
    crate::time::print_time(wall)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_cssm::{Config, Cssm, TokenWish};
    use slpsim_sim::InProcess;

    #[derive(Default)]
    struct Recorder {
        lines: Vec<(u64, Message)>,
        answers: Vec<String>,
    }

    impl Observer for Recorder {
        fn line(&mut self, at_ms: u64, _device: DeviceId, _clock: Wall, message: &Message) {
            self.lines.push((at_ms, message.clone()));
        }
    }

    impl Stage for Recorder {
        fn remark(&mut self, _text: &str) {}

        fn typed(&mut self, _hostname: &str, _line: &str, answer: &str) {
            self.answers.push(answer.to_owned());
        }

        fn observer(&mut self) -> &mut dyn Observer {
            self
        }
    }

    fn simulated() -> Recorder {
        let mut cssm = Cssm::new(Config::default()).unwrap();
        let token = cssm.make_token(START, &TokenWish::default()).unwrap();
        let mut world = World::new(START, 7, InProcess::to(cssm));
        let mut recorder = Recorder::default();
        play(&mut world, |link| &mut link.outages, &token, &mut recorder).unwrap();
        recorder
    }

    #[test]
    fn the_demo_over_https_says_what_the_simulation_says() {
        let (mut world, server) = over_https(7).unwrap();
        let token = server.idtoken.clone();
        let mut real = Recorder::default();
        play(&mut world, |link| &mut link.outages, &token, &mut real).unwrap();
        let simulated = simulated();
        assert_eq!(real.lines, simulated.lines);
        let failed = real.lines.iter().filter(|(_, message)| matches!(message, Message::CommFailed { .. }));
        assert_eq!(failed.count(), 15);
        assert!(real.answers[1].contains("Reporting push interval: 15  minutes"), "{}", real.answers[1]);
        assert!(real.answers[2].contains("Reporting push interval: 30  days"), "{}", real.answers[2]);
        assert!(real.answers[3].contains("Policy name: Example Policy"));
        assert_eq!(real.answers[1..], simulated.answers[1..], "show commands agree to the letter");
    }
}

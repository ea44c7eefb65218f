//! The same script in process and over real HTTP(S): the same messages at the same times.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use slpsim_agent::input::Scope;
use slpsim_agent::{BootCause, Command, Message, Settings, Token, TransportMode, Udi};
use slpsim_cssm::server::{Server, ServerConfig};
use slpsim_cssm::{Config, Cssm, TokenWish};
use slpsim_network::World as NetworkWorld;
use slpsim_policy::Wall;
use slpsim_sim::connect::HttpConnect;
use slpsim_sim::lockstep::{Lockstep, Wires};
use slpsim_sim::{Class, DeviceSpec, InProcess, Link, Outage, Outages, World};
use slpsim_transport::WireProfile;
use slpsim_transport::callhome::CallhomeFormat;
use slpsim_transport::client::{Anchors, Format, Limits};
use slpsim_transport::sign::{DeviceKeys, Verifier};
use slpsim_transport::smart::SmartFormat;

const START: Wall = Wall::from_secs(1_767_225_600);
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

type Trace = Vec<(u64, Message)>;

/// What happens to one device.
struct Script {
    transport: TransportMode,
    outages: Vec<(u64, u64)>,
    steps: Vec<(u64, Step)>,
    until: u64,
}

enum Step {
    Trust,
    Sync,
    Interval(u16),
    PowerCut,
    TrustAll,
    StandbyAdded,
    StandbyRemoved,
    Switchover,
}

fn spec(transport: TransportMode) -> DeviceSpec {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    DeviceSpec::new("n9k-leaf-01", udi, Settings { transport, ..Settings::default() })
}

fn run<L: Link>(
    script: &Script,
    link: L,
    outages: impl FnOnce(&mut L) -> &mut Outages,
    token: &Token,
) -> (World<L>, Trace) {
    let mut world = World::new(START, 7, link);
    let list = outages(&mut world.link);
    for (from, to) in &script.outages {
        let at = |ms: &u64| START.plus_millis(i64::try_from(*ms).unwrap());
        list.add(Outage { from: at(from), to: at(to) });
    }
    let id = world.add(spec(script.transport));
    let mut trace = Trace::new();
    let mut seen = |at, _, _, message: &Message| trace.push((at, message.clone()));
    world.boot(id, BootCause::First, &mut seen);
    for (at, step) in &script.steps {
        world.run_to(*at, Class::Event, &mut seen);
        let command = match step {
            Step::Trust => Command::Trust { token: token.clone(), scope: Scope::Local, force: false },
            Step::Sync => Command::Sync,
            Step::Interval(days) => Command::UsageInterval(*days),
            Step::TrustAll => Command::Trust { token: token.clone(), scope: Scope::All, force: true },
            Step::PowerCut => {
                world.power_cycle(id, &mut seen).unwrap();
                continue;
            }
            Step::StandbyAdded => {
                world.standby_added(id, Udi::new("N9K-C9508", "FDO00000002").unwrap(), &mut seen);
                continue;
            }
            Step::StandbyRemoved => {
                world.standby_removed(id, &mut seen);
                continue;
            }
            Step::Switchover => {
                world.switchover(id, &mut seen);
                continue;
            }
        };
        world.command(id, command, &mut seen).unwrap();
    }
    world.run_to(script.until, Class::Expect, &mut seen);
    (world, trace)
}

fn in_process(script: &Script) -> Trace {
    let mut cssm = Cssm::new(Config::default()).unwrap();
    let token = cssm.make_token(START, &TokenWish::default()).unwrap();
    run(script, InProcess::to(cssm), |link| &mut link.outages, &token).1
}

fn over_sockets(script: &Script) -> Trace {
    let mut link = Lockstep::new(START).unwrap();
    let clock = Arc::clone(&link.wires().true_clock);
    let config = ServerConfig { seed: Some(0), ..ServerConfig::default() };
    let server = link.runtime().block_on(Server::start(config, clock)).unwrap();
    let connect = connect(link.wires(), &server);
    link.attach(Box::new(connect));
    let token = server.idtoken.clone();
    let (world, trace) = run(script, link, |link| &mut link.outages, &token);
    let stored = server.shared().with(|cssm| cssm.store().reports().filter(|report| report.answered).count());
    assert!(stored > 0 || script.until < HOUR, "real reports were acknowledged");
    world.link.runtime().block_on(server.shutdown());
    trace
}

fn connect(wires: &Wires, server: &slpsim_cssm::server::Running) -> HttpConnect {
    let profile = Arc::new(WireProfile::default());
    let format: Arc<dyn Format> = Arc::new(SmartFormat {
        keys: Some(Arc::new(DeviceKeys::generate().unwrap())),
        verifier: Arc::new(Verifier::root(&server.ca_pem).unwrap()),
        profile: Arc::clone(&profile),
    });
    let mut world = NetworkWorld::default();
    let (https, plain) = server.addresses;
    world.add_route("smartreceiver.cisco.com", 443, https);
    world.add_route("cslu-local", 8182, plain);
    HttpConnect {
        clock: Arc::clone(&wires.device_clock) as _,
        world: Arc::new(world),
        anchors: Anchors::from_pem(server.ca_pem.as_bytes()).unwrap(),
        callhome: Arc::new(CallhomeFormat::new(Arc::clone(&format), profile)),
        format,
        dns: Arc::default(),
        nonces: Arc::clone(&wires.nonces) as _,
        proxy_login: None,
        limits: Limits::default(),
        door: Some(Arc::clone(&wires.door)),
    }
}

/// A boot 30 d and 2 min before T on `cslu`, so that the scheduled push falls on T.
const T: u64 = 30 * DAY + 2 * MINUTE;

fn script(outages: &[(u64, u64)], steps: Vec<(u64, Step)>, until: u64) -> Script {
    Script { transport: TransportMode::Cslu, outages: outages.to_vec(), steps, until }
}

fn agree(script: &Script) -> Trace {
    let (simulated, real) = (in_process(script), over_sockets(script));
    assert_eq!(simulated, real);
    assert!(!simulated.is_empty());
    simulated
}

#[test]
fn timeline_a_is_the_same_over_sockets() {
    agree(&script(&[(T, 100 * DAY)], vec![], T + 6 * HOUR));
}

#[test]
fn timeline_b_is_the_same_over_sockets() {
    let steps = vec![(T + 150 * MINUTE, Step::Interval(7))];
    let trace = agree(&script(&[(T, T + 6 * HOUR)], steps, T + 15 * DAY));
    let failed = trace.iter().filter(|(_, message)| matches!(message, Message::CommFailed { .. }));
    assert_eq!(failed.count(), 15);
}

#[test]
fn timelines_c_and_d_are_the_same_over_sockets() {
    agree(&script(&[(T, T + 40 * MINUTE)], vec![], T + DAY));
    let steps = vec![(T + 30 * MINUTE, Step::Sync), (T + 45 * MINUTE, Step::Sync)];
    agree(&script(&[(T + 20 * MINUTE, T + 140 * MINUTE)], steps, T + 31 * DAY));
}

#[test]
fn timeline_e_with_a_power_cut_is_the_same_over_sockets() {
    let steps = vec![(2 * HOUR, Step::PowerCut)];
    agree(&script(&[(0, 7 * HOUR)], steps, 9 * HOUR));
}

#[test]
fn timeline_f_is_the_same_over_sockets() {
    let script = Script {
        transport: TransportMode::Smart,
        outages: vec![(30 * DAY, 30 * DAY + 6 * HOUR)],
        steps: vec![(10 * SECOND, Step::Trust)],
        until: 100 * DAY,
    };
    let trace = agree(&script);
    assert_eq!(trace.len(), 3 + 16);
}

/// §10: a standby gets its trust code, takes over in an outage, and asks for new codes for both.
#[test]
fn two_supervisors_are_the_same_over_sockets() {
    let script = Script {
        transport: TransportMode::Smart,
        outages: vec![(2 * HOUR, 3 * HOUR)],
        steps: vec![
            (10 * SECOND, Step::Trust),
            (HOUR, Step::StandbyAdded),
            (2 * HOUR, Step::Switchover),
            (4 * HOUR, Step::TrustAll),
            (5 * HOUR, Step::Switchover),
            (6 * HOUR, Step::StandbyRemoved),
        ],
        until: 35 * DAY,
    };
    let trace = agree(&script);
    let count = |is: fn(&Message) -> bool| trace.iter().filter(|(_, message)| is(message)).count();
    assert_eq!(count(|message| matches!(message, Message::TrustCodeInstallSuccess { .. })), 4);
    assert_eq!(count(|message| matches!(message, Message::CommFailed { .. })), 4);
    assert_eq!(count(|message| matches!(message, Message::CommRestored { .. })), 1);
}

//! Whole agents against the mock's rules in one process (`spec/behaviour.md` §7.3), and the order of one instant (§7.5).
#![allow(clippy::unwrap_used, reason = "tests")]

use slpsim_agent::input::Scope;
use slpsim_agent::{BootCause, Command, Input, Message, Settings, TransportMode, Udi, Usage};
use slpsim_cssm::{Config, Cssm, TokenWish};
use slpsim_policy::Wall;
use slpsim_sim::{Class, DeviceId, DeviceSpec, InProcess, Outage, World};

const START: Wall = Wall::from_secs(1_767_225_600);
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

type Trace = Vec<(u64, DeviceId, Message)>;

fn spec(n: u32, transport: TransportMode) -> DeviceSpec {
    let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
    DeviceSpec::new(&format!("n9k-{n}"), udi, Settings { transport, ..Settings::default() })
}

/// The agent of §7.3 F with an outage that begins at 30 d.
fn whole_agent(outage_ms: u64, until: u64) -> (World<InProcess>, Trace) {
    let mut cssm = Cssm::new(Config::default()).unwrap();
    let token = cssm.make_token(START, &TokenWish::default()).unwrap();
    let mut world = World::new(START, 7, InProcess::to(cssm));
    let from = START.plus_days(30);
    world.link.outages.add(Outage { from, to: from.plus_millis(i64::try_from(outage_ms).unwrap()) });
    let id = world.add(spec(1, TransportMode::Smart));
    let mut trace = Trace::new();
    let mut seen = |at, id, _, message: &Message| trace.push((at, id, message.clone()));
    world.boot(id, BootCause::First, &mut seen);
    world.run_to(10 * SECOND, Class::Event, &mut seen);
    let command = Command::Trust { token, scope: Scope::Local, force: false };
    world.command(id, command, &mut seen).unwrap();
    world.run_to(until, Class::Expect, &mut seen);
    (world, trace)
}

#[test]
fn the_whole_agent_of_timeline_f() {
    let (world, trace) = whole_agent(6 * HOUR, 40 * DAY);
    let t = 30 * DAY + 40 * SECOND;
    let at: Vec<u64> = trace.iter().map(|(at, ..)| *at).collect();
    let mut expected = vec![5 * SECOND, 10 * SECOND, 10 * SECOND];
    let minutes = [0, 5, 10, 15, 60, 120, 180, 240, 255, 270, 285, 300, 315, 330, 345, 360];
    expected.extend(minutes.map(|minute| t + minute * MINUTE));
    assert_eq!(at, expected);
    assert!(matches!(trace.last(), Some((_, _, Message::CommRestored { .. }))));

    let view = world.view(DeviceId(0)).unwrap();
    let since = |ms: u64| START.plus_millis(i64::try_from(ms).unwrap());
    assert_eq!(view.ack_deadline(), Some(since(210 * DAY + 6 * HOUR + 5 * MINUTE + 40 * SECOND)));
    assert_eq!(view.policy().unwrap().0, "Example Policy");
    assert_eq!(view.account().unwrap().0.r#virtual, "Lab");
    assert_eq!(world.link.cssm.store().reports().filter(|report| report.answered).count(), 2);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    assert_eq!(whole_agent(DAY, 400 * DAY).1, whole_agent(DAY, 400 * DAY).1);
}

/// On `cslu` trust comes with the first ACK, and usage is sent before it (§6).
#[test]
fn a_cslu_brings_trust_and_policy_with_the_first_ack() {
    let mut world = World::new(START, 7, InProcess::to(Cssm::new(Config::default()).unwrap()));
    let id = world.add(spec(1, TransportMode::Cslu));
    let mut trace = Trace::new();
    let mut seen = |at, id, _, message: &Message| trace.push((at, id, message.clone()));
    world.boot(id, BootCause::First, &mut seen);
    world.run_to(DAY, Class::Expect, &mut seen);
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    assert_eq!(
        trace,
        [
            (5 * SECOND, id, Message::ReportingRequired { days: 89 }),
            (3 * MINUTE, id, Message::TrustCodeInstallSuccess { udi }),
            (3 * MINUTE, id, Message::PolicyInstallSuccess),
        ]
    );
}

/// A power cut keeps what was durable, and the mock knows the device again.
#[test]
fn a_power_cycle_in_an_outage_begins_a_window_of_its_own() {
    let (mut world, _) = whole_agent(6 * HOUR, 30 * DAY + HOUR);
    let ids = |world: &World<InProcess>| -> Vec<u64> {
        world.view(DeviceId(0)).unwrap().reports().map(|report| report.id.0).collect()
    };
    let before = ids(&world);
    let mut trace = Trace::new();
    let mut seen = |at, id, _, message: &Message| trace.push((at, id, message.clone()));
    world.power_cycle(DeviceId(0), &mut seen).unwrap();
    assert!(ids(&world).starts_with(&before));
    world.run_to(40 * DAY, Class::Expect, &mut seen);
    // Reboot at 30d1h: hello at + 10 s, push at + 2 min = T, hourly hello and the window of that T.
    let restored = trace.iter().filter(|(_, _, message)| matches!(message, Message::CommRestored { .. }));
    assert_eq!(restored.count(), 1);
    assert_eq!(trace.first().unwrap().0, 30 * DAY + HOUR + 5 * SECOND);
    let reports = world.link.cssm.store().reports().collect::<Vec<_>>();
    let acked = reports.iter().filter(|report| report.answered).count();
    assert_eq!((reports.len(), acked), (4, 4), "nothing is lost or doubled");
}

/// §7.5: a usage change at the time of a timer comes before it.
#[test]
fn events_come_before_timers_of_the_same_instant() {
    let mut world = World::new(START, 7, InProcess::to(Cssm::new(Config::default()).unwrap()));
    let id = world.add(spec(1, TransportMode::Cslu));
    let mut quiet = |_, _, _, _: &Message| {};
    world.boot(id, BootCause::First, &mut quiet);
    world.run_to(2 * MINUTE, Class::Event, &mut quiet);
    assert_eq!(world.view(id).unwrap().last_push(), None, "the push of this instant has not run");
    world.input(id, Input::Usage(Usage { license: 1, count: 4 }), &mut quiet);
    world.run_to(2 * MINUTE, Class::Expect, &mut quiet);
    assert_eq!(world.link.cssm.store().reports().count(), 2, "the new licence is in the push");
}

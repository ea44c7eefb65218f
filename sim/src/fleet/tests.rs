//! Fleets as a whole, and their short cuts against the real things.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use slpsim_agent::messages::Kind;
use slpsim_agent::{BootCause, Command, Failure, Input, Message, Scope, TransportMode};
use slpsim_cssm::{Config, Cssm, Limits, TokenWish};
use slpsim_logs::Options;
use slpsim_policy::Wall;

use super::luck::Why;
use super::*;
use crate::{Carried, Class, DeviceId, DeviceSpec, Exchange, InProcess, Link, World};

const DAY: u64 = 86_400_000;
const START: Wall = Wall::from_secs(1_767_225_600);

fn shipped(name: &str) -> Population {
    let (_, text) = population::SHIPPED.into_iter().find(|(shipped, _)| *shipped == name).unwrap();
    population::parse(text, name).unwrap()
}

fn spec(population: Population, devices: u32) -> Spec {
    Spec {
        population,
        seed: 11,
        devices,
        start: START,
        part: (1, 1),
        threads: 1,
        epoch_ms: 3_600_000,
        forms: vec![Options::default()],
        deliver: true,
        corrupt: 0.0,
        companions: Companions::Off,
    }
}

/// Runs a fleet through so many days; its lines with their records, and its totals.
fn run(spec: Spec, days: u64) -> (Vec<(Record, Vec<u8>)>, Totals) {
    let mut fleet = Fleet::new(spec).unwrap();
    let mut lines = Vec::new();
    fleet
        .run(
            days * DAY,
            &mut |record, batch, at| {
                lines.push((*record, batch.texts[0].line(at).to_vec()));
                Ok(())
            },
            &mut |_, _| Ok(()),
        )
        .unwrap()
        .unwrap();
    let totals = *fleet.totals();
    (lines, totals)
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads_and_for_any_length_of_an_epoch() {
    let (one, totals) = run(spec(shipped("storm"), 300), 20);
    assert!(one.len() > 50_000, "{}", one.len());
    assert!(one.windows(2).all(|pair| pair[0].0.key < pair[1].0.key), "total order");
    for (threads, epoch_ms) in [(2, 3_600_000), (3, 1_700_000), (7, 5 * DAY)] {
        let (other, others) = run(Spec { threads, epoch_ms, ..spec(shipped("storm"), 300) }, 20);
        assert!(one == other, "{threads} threads, epochs of {epoch_ms} ms");
        assert_eq!(totals, others);
    }
    let (seeded, _) = run(Spec { seed: 12, ..spec(shipped("storm"), 300) }, 1);
    assert!(seeded != one[..seeded.len()]);
}

#[test]
fn the_merge_of_four_shards_is_the_whole_run_and_their_digests_add_up() {
    let (whole, totals) = run(spec(shipped("reference"), 1_000), 40);
    let mut merged = Vec::new();
    let mut digest = 0_u64;
    for part in 1..=4 {
        let (lines, part) = run(Spec { part: (part, 4), ..spec(shipped("reference"), 1_000) }, 40);
        assert!(!lines.is_empty());
        digest = digest.wrapping_add(part.digest);
        merged.extend(lines);
    }
    merged.sort_by_key(|(record, _)| record.key);
    assert!(merged == whole);
    assert_eq!(digest, totals.digest);
}

#[test]
fn a_run_in_slices_is_the_same_as_a_run_in_one() {
    let (whole, _) = run(spec(shipped("storm"), 100), 10);
    let mut fleet = Fleet::new(Spec { threads: 2, ..spec(shipped("storm"), 100) }).unwrap();
    let mut sliced = Vec::new();
    let mut to = 0;
    while to < 10 * DAY {
        to = (to + 7_777_777).min(10 * DAY);
        if to > 5 * DAY && fleet.now_ms() <= 5 * DAY {
            fleet.set_epoch(600_000).unwrap();
        }
        let mut take = |record: &Record, batch: &Batch, at: usize| {
            sliced.push((*record, batch.texts[0].line(at).to_vec()));
            Ok(())
        };
        fleet.run(to, &mut take, &mut |_, _| Ok(())).unwrap().unwrap();
    }
    assert!(sliced == whole);
}

#[test]
fn a_caller_that_has_enough_stops_the_fleet() {
    let mut fleet = Fleet::new(Spec { threads: 2, ..spec(shipped("storm"), 200) }).unwrap();
    let mut left = 100;
    let mut take = |_: &Record, _: &Batch, _: usize| {
        left -= 1;
        if left == 0 { Err(Stop) } else { Ok(()) }
    };
    assert_eq!(fleet.run(100 * DAY, &mut take, &mut |_, _| Ok(())).unwrap(), Err(Stop));
    assert!(fleet.now_ms() < DAY);
}

/// A way to a peer that is never there.
struct Nowhere;

impl Link for Nowhere {
    fn carry(&mut self, _: &Exchange<'_>) -> Carried {
        Carried { after: std::time::Duration::ZERO, result: Err(Failure::Resolve) }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// `spec/behaviour.md` §7.3 E, for as long as it takes to be daily reminders.
    #[test]
    fn the_closed_form_of_a_hopeless_switch_says_what_its_agent_says(
        boot in 0_u64..100_000_000,
        reloads in proptest::collection::vec(1_u64..60 * DAY, 0..3),
        days in 1_u64..150,
    ) {
        let end = days * DAY;
        let mut starts = vec![boot];
        for gap in reloads {
            starts.push(starts[starts.len() - 1] + gap);
        }
        let mut world = World::new(START, 1, Nowhere);
        let udi = slpsim_agent::Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let settings = slpsim_agent::Settings::default();
        let device = world.add(DeviceSpec::new("n9k", udi, settings));
        let mut real = Vec::new();
        let mut seen = |at: u64, _: DeviceId, _: Wall, message: &Message| {
            let days = if let Message::ReportingRequired { days } = message { Some(*days) } else { None };
            assert!(days.is_some() || matches!(message, Message::CommFailed { .. }), "{message:?}");
            real.push((at, days));
        };
        for (n, start) in starts.iter().filter(|start| **start < end).enumerate() {
            world.run_to(*start, Class::Event, &mut seen);
            let cause = if n == 0 { BootCause::First } else { BootCause::Reload };
            world.input(device, Input::Boot { cause, clock_authoritative: true }, &mut seen);
        }
        // That time excluded.
        world.run_to(end, Class::World, &mut seen);
        let mut closed = Vec::new();
        for (n, start) in starts.iter().enumerate() {
            let until = starts.get(n + 1).copied().unwrap_or(u64::MAX).min(end);
            let mut life = hopeless::Hopeless::boot(*start, boot, 90);
            while life.next_ms() < until {
                let at = life.next_ms();
                closed.push((at, match life.cry() {
                    hopeless::Cry::Hello | hopeless::Cry::Report => None,
                    hopeless::Cry::Start(days) | hopeless::Cry::Reminder(days) => Some(days),
                }));
            }
        }
        prop_assert_eq!(closed, real);
    }
}

/// The lines of a fleet and those of the same devices in a world whose peer is the whole mock.
#[test]
fn the_peer_of_a_fleet_answers_as_the_mock_does() {
    for (transport, interval, policy) in [
        (TransportMode::Smart, 30, "example"),
        (TransportMode::Callhome, 7, "none"),
        (TransportMode::Cslu, 30, "example"),
        (TransportMode::Cslu, 7, "none"),
    ] {
        let text = format!(
            "name = \"t\"\nbring-up = \"3d\"\npolicy = \"{policy}\"\n[[model]]\npid = \"N9K-C93180YC-FX3\"\n\
             licenses = [\"LAN_ENTERPRISE_SERVICES_PKG\", \"SECURITY_PKG\"]\n\
             [transport]\n{transport} = 1\n[interval]\n{interval} = 1\n[trouble]\ntoken-mistake = 0.5\n"
        );
        let population = population::parse(&text, "t").unwrap();
        let (lines, _) = run(spec(population.clone(), 8), 400);
        let fleet: Vec<(u64, u32, String)> = lines
            .iter()
            .map(|(record, line)| (record.key.at_ms, record.key.device, tail(&String::from_utf8_lossy(line))))
            .collect();
        assert_eq!(fleet, mock_lines(population, policy, 8, 400), "{transport} {interval} {policy}");
    }
}

/// From the message on.
fn tail(line: &str) -> String {
    line.split_once(": %LICMGR").map(|(_, tail)| format!("%LICMGR{tail}")).unwrap_or_default()
}

fn mock_lines(population: Population, policy: &str, devices: u32, days: u64) -> Vec<(u64, u32, String)> {
    let mut config = Config { limits: Limits::fleet(), ..Config::default() };
    if policy == "none" {
        config.accounts[0].policy = None;
    }
    let mut cssm = Cssm::new(config).unwrap();
    let token = cssm.make_token(START, &TokenWish::default()).unwrap();
    let mistyped = slpsim_agent::Token::new("MISTYPED").unwrap();
    let cast = Cast::new(population, 11, devices);
    let mut world = World::new(START, 11, InProcess::to(cssm));
    // What happens when: as `Seat` plans it.
    let mut steps: BTreeMap<(u64, u32), Option<slpsim_agent::Token>> = BTreeMap::new();
    for device in 0..devices {
        let mut spec = DeviceSpec::new(&cast.host(device), cast.udi(device, 0), cast.settings(device));
        spec.usage = cast.usage(device);
        world.add(spec);
        let boot = cast.boot_ms(device);
        steps.insert((boot, device), None);
        let after = |n, mean| cast.luck.wait(device, Why::Life, n, mean).max(1_000);
        if cast.settings(device).transport.is_direct() {
            let mut at = boot + after(1, cast.population.troubles.token_after_ms);
            if cast.luck.unit(device, Why::Mistake, 0) < 0.5 {
                steps.insert((at, device), Some(mistyped.clone()));
                at += after(2, 30 * 60_000);
            }
            steps.insert((at, device), Some(token.clone()));
        }
    }
    let mut seen = Vec::new();
    let mut log = |at: u64, device: DeviceId, _: Wall, message: &Message| {
        seen.push((at, device.0, message.to_string()));
    };
    for ((at, device), token) in steps {
        world.run_to(at, Class::Event, &mut log);
        let device = DeviceId(device);
        match token {
            None => world.boot(device, BootCause::First, &mut log),
            Some(token) => {
                let command = Command::Trust { token, scope: Scope::Local, force: false };
                world.command(device, command, &mut log).unwrap();
            }
        }
    }
    world.run_to(days * DAY, Class::World, &mut log);
    seen.sort_by_key(|(at, device, _)| (*at, *device));
    seen
}

#[test]
fn what_happens_has_the_rates_of_the_file() {
    let population = shipped("reference");
    let (devices, days) = (4_000_u32, 120_u64);
    let (lines, totals) = run(spec(population.clone(), devices), days);
    let device_days = f64::from(devices) * (days - 11) as f64;
    let mut boots = HashSet::new();
    let (mut never, mut opened, mut generations) = (HashSet::new(), HashSet::new(), HashSet::new());
    for (record, _) in &lines {
        let device = record.key.device;
        match record.cause {
            Cause::NeverCslu => drop(never.insert(device)),
            Cause::SiteOutage(kind, n) => drop(opened.insert((u32::from(kind), device / 200, n))),
            Cause::Boot(n) => drop(boots.insert((device, n))),
            Cause::UpstreamOutage(..)
            | Cause::Schedule
            | Cause::Flap(_)
            | Cause::Operator(_)
            | Cause::Token
            | Cause::Mistyped
            | Cause::Acknowledged
            | Cause::Sync
            | Cause::Clock
            | Cause::Companion
            | Cause::Opened(_) => {}
        }
        generations.insert((device, record.generation));
    }
    let near = |seen: f64, expected: f64| {
        let spread = 4.0 * expected.sqrt().max(1.0);
        assert!((seen - expected).abs() < spread, "{seen} seen, {expected} expected");
    };
    let share = |share: f64| f64::from(devices) * share;
    near(never.len() as f64, share(population.troubles.never_cslu));
    let replaced = generations.iter().filter(|(_, generation)| *generation > 0).count();
    near(replaced as f64, device_days * DAY as f64 / population.life.replace_ms as f64);
    assert_eq!(totals.lines, u64::try_from(lines.len()).unwrap());
    assert_eq!(totals.messages.iter().sum::<u64>(), totals.lines);
    // 20 sites, three kinds of outages; a short one may fall between two attempts of everybody.
    assert!(opened.len() > 5, "{opened:?}");
    let forgotten = (0..devices)
        .filter(|device| cast_of(&population, devices).character(*device) == Character::Forgotten);
    near(forgotten.count() as f64, share(population.troubles.forgotten));
}

fn cast_of(population: &Population, devices: u32) -> Cast {
    Cast::new(population.clone(), 11, devices)
}

#[test]
fn spoiled_lines_are_counted_apart() {
    let (clean, none) = run(spec(shipped("storm"), 50), 5);
    let (lines, totals) = run(Spec { corrupt: 0.01, ..spec(shipped("storm"), 50) }, 5);
    let differing = clean.iter().zip(&lines).filter(|(one, other)| one.1 != other.1).count();
    assert_eq!((none.corrupted, totals.corrupted), (0, u64::try_from(differing).unwrap()));
    let share = totals.corrupted as f64 / totals.lines as f64;
    assert!((0.008..0.012).contains(&share), "{share}");
    assert_eq!(clean.len(), lines.len());
}

#[test]
fn outages_are_opened_and_devices_come_and_go_while_a_fleet_runs() {
    let mut fleet = Fleet::new(Spec { threads: 2, ..spec(shipped("steady"), 100) }).unwrap();
    let count = |fleet: &mut Fleet, to: u64| {
        let mut devices = HashSet::new();
        let mut failed = 0;
        let from = fleet.now_ms();
        let mut take = |record: &Record, _: &Batch, _: usize| {
            assert!(record.key.at_ms >= from, "nothing is told of the past");
            devices.insert(record.key.device);
            failed += u32::from(record.cause == Cause::Opened(7));
            Ok(())
        };
        fleet.run(to, &mut take, &mut |_, _| Ok(())).unwrap().unwrap();
        (devices, failed)
    };
    assert_eq!(count(&mut fleet, 40 * DAY).1, 0);
    let to_ms = 70 * DAY;
    fleet.open(Opened { id: 7, site: None, failure: Failure::Resolve, from_ms: 40 * DAY, to_ms }).unwrap();
    fleet.add(10).unwrap();
    let joined = fleet.cast().boot_ms(109);
    assert!(joined >= 40 * DAY, "the truth counts from there: {joined}");
    assert!(fleet.remove(3).unwrap() && !fleet.remove(110).unwrap());
    assert!(!fleet.remove(3).unwrap(), "it is gone already");
    let (devices, failed) = count(&mut fleet, 60 * DAY);
    assert!(failed > 5_000, "{failed}");
    assert!(devices.iter().all(|device| *device < 110));
    assert!(devices.contains(&109) && !devices.contains(&3));
    fleet.close(7).unwrap();
    let (_, restored) = count(&mut fleet, 60 * DAY + 7_200_000);
    assert!((1..=110).contains(&restored), "one line of recovery each: {restored}");
    assert_eq!(fleet.devices(), 110);
}

#[test]
fn the_ground_truth_names_the_incident_that_a_line_lies_in() {
    let (lines, _) = run(spec(shipped("storm"), 400), 15);
    let cast = Cast::new(shipped("storm"), 11, 400);
    let truth = Truth::of(&cast);
    let mut kinds = HashSet::new();
    for (record, _) in &lines {
        let explained = truth.explain(&cast, record);
        assert!(explained.rule.contains('\u{a7}') && !explained.cause.is_empty());
        kinds.insert(std::mem::discriminant(&record.cause));
        let Some(incident) = explained.incident else { continue };
        let at = record.key.at_ms;
        assert!(incident.from_ms <= at, "{incident:?} {record:?}");
        // The recovery is told at the first attempt after the end.
        let failed = record.said.kind() != Some(Kind::CommRestored);
        assert!(!failed || incident.to_ms.is_none_or(|to| at < to), "{incident:?} {record:?}");
    }
    assert!(kinds.len() >= 7, "{}", kinds.len());
}

/// Every message that a fleet has, with every cause that it can have: in words that fit both.
#[test]
fn each_message_is_explained_by_what_can_cause_it() {
    let mut seen = BTreeSet::new();
    for name in ["reference", "storm"] {
        let mut population = shipped(name);
        // So that a token waits for the end of an outage now and then.
        population.troubles.token_mistake = 0.5;
        population.troubles.wrong_clock = 0.05;
        let (lines, _) = run(spec(population.clone(), 200), 62);
        let cast = cast_of(&population, 200);
        let truth = Truth::of(&cast);
        for (record, _) in &lines {
            let kind = record.kind().unwrap();
            let cause = truth.explain(&cast, record).cause;
            // What differs from device to device is left out.
            let cause = cause.split(": ").next().unwrap();
            let cause = cause.split_once(", for the ").map_or(cause, |(cause, _)| cause);
            let cause = cause.split_once(" (").map_or(cause, |(cause, _)| cause);
            let cause = if record.cause == Cause::Clock { "the clock was off" } else { cause };
            seen.insert((kind.row().mnemonic(), cause.to_owned()));
        }
    }
    let (by_token, by_ack) = ("an operator entered an id token", "the peer acknowledged a usage report");
    let with = |cause: &str, what: &str| format!("{cause}; the answer brought a {what}");
    let expected = [
        ("COMM_FAILED", "no CSLU was ever there".into()),
        ("COMM_FAILED", "outage".into()),
        ("COMM_FAILED", "the link of the switch itself was down".into()),
        ("COMM_RESTORED", "the first answer since this was over".into()),
        ("POLICY_INSTALL_FAILED", "the clock was off".into()),
        ("POLICY_INSTALL_SUCCESS", with(by_token, "policy")),
        ("POLICY_INSTALL_SUCCESS", with(by_ack, "policy")),
        ("REPORTING_REQUIRED", "a reminder of the ACK deadline fell due".into()),
        ("REPORTING_REQUIRED", "the switch started".into()),
        ("TRUST_CODE_INSTALL_FAILED", "an operator mistyped the id token".into()),
        ("TRUST_CODE_INSTALL_FAILED", "the clock was off".into()),
        ("TRUST_CODE_INSTALL_SUCCESS", with(by_token, "trust code")),
        ("TRUST_CODE_INSTALL_SUCCESS", with(by_ack, "trust code")),
    ];
    let seen: Vec<_> =
        seen.into_iter().map(|(kind, cause)| (kind.strip_prefix("LOG_SMART_LIC_").unwrap(), cause)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_wrong_clock_is_wrong_until_the_truth_says_so() {
    let (lines, _) = run(spec(shipped("storm"), 300), 60);
    let cast = cast_of(&shipped("storm"), 300);
    let (mut wrong, mut right) = (0, 0);
    for (record, _) in lines.iter().filter(|(record, _)| record.generation == 0) {
        let Some(end) = seat::clock_right_ms(&cast, record.key.device) else { continue };
        assert_eq!(record.clock_s != 0, record.key.at_ms < end, "{record:?} {end}");
        *if record.clock_s == 0 { &mut right } else { &mut wrong } += 1;
    }
    assert!(wrong > 50 && right > 50, "{wrong} {right}");
}

#[test]
fn companions_stand_between_the_lines_of_the_agent_and_change_none_of_them() {
    let (plain, without) = run(spec(shipped("storm"), 40), 3);
    let (mixed, totals) = run(Spec { companions: Companions::Busy, ..spec(shipped("storm"), 40) }, 3);
    let text = |lines: &[(Record, Vec<u8>)]| -> Vec<Vec<u8>> {
        let of_the_agent = lines.iter().filter(|(record, _)| record.kind().is_some());
        of_the_agent.map(|(_, line)| line.clone()).collect()
    };
    assert!(text(&plain) == text(&mixed));
    assert_eq!((without.companions, totals.messages), (0, without.messages));
    assert_eq!(totals.lines, totals.companions + without.lines);
    // A group every 5 minutes or so, of about four lines.
    let expected = 40 * 2 * 288;
    assert!((expected * 2..expected * 8).contains(&totals.companions), "{}", totals.companions);
    let sparse = run(Spec { companions: Companions::Sparse, ..spec(shipped("storm"), 40) }, 3).1.companions;
    assert!(sparse > 100 && sparse < totals.companions / 10, "{sparse}");
    let line = mixed.iter().find(|(record, _)| record.cause == Cause::Companion).unwrap();
    assert!(String::from_utf8_lossy(&line.1).contains(": %VDC_MGR-2-VDC_ONLINE: vdc 1 has come online"));
}

#[test]
fn a_fleet_that_was_stopped_between_two_epochs_runs_on() {
    let (whole, _) = run(spec(shipped("storm"), 60), 4);
    let mut fleet = Fleet::new(Spec { threads: 2, ..spec(shipped("storm"), 60) }).unwrap();
    let mut lines = Vec::new();
    let mut stops = 0;
    loop {
        let mut epochs = 0;
        let mut take = |record: &Record, batch: &Batch, at: usize| {
            lines.push((*record, batch.texts[0].line(at).to_vec()));
            Ok(())
        };
        let mut epoch = |_: u64, _: &Totals| {
            epochs += 1;
            if epochs == 5 { Err(Stop) } else { Ok(()) }
        };
        match fleet.run(4 * DAY, &mut take, &mut epoch).unwrap() {
            Ok(()) => break,
            Err(Stop) => stops += 1,
        }
    }
    assert!(lines == whole);
    assert!(stops > 10, "{stops}");
}

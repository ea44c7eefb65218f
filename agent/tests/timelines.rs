//! The worked examples of `spec/behaviour.md` §7.3, and the deadline examples of §3.3 as a running agent shows them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the variants that it is about")]

mod support;

use slpsim_agent::{BootCause, Command, Message, Peer as PeerName, Purpose, Reporting, TransportMode, Usage};
use slpsim_agent::{Failure, Input, ProfileId};
use slpsim_policy::{Policy, PushInterval, Values, Wall};
use support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy, failures, restored};

/// A device on `cslu` whose scheduled push falls due at T and that got its trust code with an earlier ACK.
fn scheduled_at_t(outages: &[(i64, i64)]) -> Rig {
    let down = outages.iter().map(|(from, to)| (T.plus_millis(*from), T.plus_millis(*to))).collect();
    let start = T.plus_millis(-30 * DAY - 2 * MINUTE);
    let peer = Peer { down, trust_in_ack: true, ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, start, peer);
    rig.run_to(T.plus_millis(-1));
    assert_eq!(rig.view().next_push(), Some(T));
    rig.log.clear();
    rig
}

const FOREVER: i64 = 1_000 * DAY;

/// §7.3 A.
#[test]
fn a_failure_that_stays_is_retried_for_four_hours_and_then_every_quarter_of_an_hour() {
    let mut rig = scheduled_at_t(&[(0, FOREVER)]);
    rig.run_to(T.plus_millis(240 * MINUTE - 1));
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    rig.run_to(T.plus_millis(5 * HOUR - 1));
    assert!(rig.view().is_fast());
    assert_eq!(failures(&rig.log, T), [0, 5, 10, 15, 60, 120, 180, 240, 255, 270, 285]);
    rig.log.clear();
    rig.run_to(T.plus_millis(29 * HOUR - 1));
    assert_eq!(rig.log.len(), 96, "96 a day");

    let reports_at =
        |rig: &Rig| rig.view().report_summary().available - rig.view().report_summary().collecting;
    rig.run_to(T.plus_millis(30 * DAY - 1));
    assert_eq!(reports_at(&rig), 1);
    rig.run_to(T.plus_millis(30 * DAY));
    assert_eq!(reports_at(&rig), 2, "T + 30 d closes the open reports into the set");
}

/// §7.3 B.
#[test]
fn an_outage_of_six_hours_gives_fifteen_failures_and_one_restoration() {
    let mut rig = scheduled_at_t(&[(0, 6 * HOUR)]);
    rig.run_to(T.plus_millis(6 * HOUR + MINUTE));
    assert_eq!(failures(&rig.log, T), [0, 5, 10, 15, 60, 120, 180, 240, 255, 270, 285, 300, 315, 330, 345]);
    assert_eq!(restored(&rig.log, T), [6 * HOUR]);
    assert_eq!(rig.log.len(), 16);
    let view = rig.view();
    assert_eq!((view.is_fast(), view.configured_interval()), (false, PushInterval::Days(30)));
    assert_eq!(view.next_push(), Some(T.plus_millis(30 * DAY + 6 * HOUR)));
    assert_eq!(view.last_ack(), Some(T.plus_millis(6 * HOUR + MINUTE)));
    // 2027-03-02 16:01:00
    assert_eq!(view.ack_deadline(), Some(Wall::from_secs(1_804_003_260)));
}

/// §7.3 B, last sentence.
#[test]
fn an_interval_changed_in_an_outage_counts_from_the_push_that_ends_it() {
    let mut rig = scheduled_at_t(&[(0, 6 * HOUR)]);
    rig.run_to(T.plus_millis(150 * MINUTE));
    rig.command(Command::UsageInterval(7));
    rig.run_to(T.plus_millis(6 * HOUR));
    assert_eq!(rig.view().next_push(), Some(T.plus_millis(7 * DAY + 6 * HOUR)));
}

/// §7.3 C.
#[test]
fn a_short_outage_never_resets_the_interval() {
    let mut rig = scheduled_at_t(&[(0, 40 * MINUTE)]);
    for minute in 0..=60 {
        rig.run_to(T.plus_millis(minute * MINUTE));
        assert!(!rig.view().is_fast());
    }
    assert_eq!(failures(&rig.log, T), [0, 5, 10, 15]);
    assert_eq!(restored(&rig.log, T), [HOUR]);
}

/// §7.3 D.
#[test]
fn a_failed_manual_sync_opens_no_window_and_is_not_followed_by_trust_sync() {
    let mut rig = scheduled_at_t(&[(20 * MINUTE, 140 * MINUTE)]);
    rig.run_to(T.plus_millis(30 * MINUTE));
    rig.sent.clear();
    rig.command(Command::Sync);
    rig.run_to(T.plus_millis(45 * MINUTE));
    rig.command(Command::Sync);
    assert_eq!(rig.purposes(), [Purpose::Usage, Purpose::Usage]);
    rig.run_to(T.plus_millis(30 * DAY - 1));
    assert_eq!(rig.view().next_push(), Some(T.plus_millis(30 * DAY)));
    assert_eq!(failures(&rig.log, T), [30, 45]);
    assert_eq!(rig.log.len(), 2);
    rig.run_to(T.plus_millis(30 * DAY));
    assert_eq!(restored(&rig.log, T), [30 * DAY]);
}

/// §7.3 E.
#[test]
fn without_dns_hello_and_report_fail_on_two_lines_of_their_own() {
    let nine = T.plus_millis(-HOUR);
    let peer =
        Peer { down: vec![(nine, nine.plus_millis(FOREVER))], failure: Failure::Resolve, ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, nine, peer);
    rig.run_to(nine.plus_millis(5 * HOUR));
    let lines: Vec<(i64, bool)> = rig
        .log
        .iter()
        .map(|(at, message)| (at.since(nine) / SECOND, matches!(message, Message::CommFailed { .. })))
        .collect();
    let report = [2, 7, 12, 17, 62, 122, 182, 242, 257, 272, 287].map(|minute| minute * 60);
    let hello = [0, 1, 2, 3, 4].map(|hour| hour * 3_600 + 10);
    let mut expected: Vec<(i64, bool)> = report.into_iter().chain(hello).map(|at| (at, true)).collect();
    expected.push((5, false));
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert_eq!(rig.log[0].1, Message::ReportingRequired { days: 89 });
    let failure = Message::CommFailed { peer: PeerName::Cslu, failure: Failure::Resolve };
    assert_eq!(rig.log[1].1, failure);
}

/// The agent of F: transport `smart`, policy 60/180/60, trust at 10 s.
fn whole_agent(outage_ms: i64) -> Rig {
    let start = Wall::from_secs(1_767_225_600);
    let peer = Peer {
        down: vec![(start.plus_days(30), start.plus_days(30).plus_millis(outage_ms))],
        policy: Some(example_policy()),
        poll_after_s: Some(300),
        ..Peer::default()
    };
    let mut rig = Rig::new(TransportMode::Smart, start, peer);
    rig.run_to(start.plus_millis(10 * SECOND));
    rig.trust(false);
    rig
}

/// §7.3 F, row by row.
#[test]
fn the_whole_agent_from_boot_to_the_end_of_an_outage() {
    let mut rig = whole_agent(6 * HOUR);
    let start = rig.start;
    let at = |millis: i64| start.plus_millis(millis);
    assert_eq!(
        rig.take_log(start),
        [
            (5 * SECOND, Message::ReportingRequired { days: 89 }),
            (10 * SECOND, Message::TrustCodeInstallSuccess { udi: support::udi() }),
            (10 * SECOND, Message::PolicyInstallSuccess),
        ]
    );
    assert_eq!(rig.view().ack_deadline(), Some(at(60 * DAY + 10 * SECOND)));
    assert_eq!(rig.view().next_push(), Some(at(40 * SECOND)));
    rig.run_to(at(40 * SECOND));
    assert_eq!(rig.view().ack_deadline(), Some(at(180 * DAY + 10 * SECOND)));
    rig.run_to(at(50 * SECOND));
    assert_eq!(rig.purposes(), [Purpose::Trust, Purpose::Usage, Purpose::TrustSync]);
    assert_eq!(rig.view().last_ack(), Some(at(10 * SECOND)));
    rig.run_to(at(5 * MINUTE + 40 * SECOND));
    assert_eq!(rig.view().ack_deadline(), Some(at(180 * DAY + 5 * MINUTE + 40 * SECOND)));
    let t = at(30 * DAY + 40 * SECOND);
    rig.run_to(t.plus_millis(4 * HOUR - 1));
    assert!(rig.log.iter().all(|(at, _)| *at >= t) && !rig.view().is_fast());
    rig.run_to(t.plus_millis(4 * HOUR));
    assert!(rig.view().is_fast());
    rig.run_to(t.plus_millis(6 * HOUR));
    assert_eq!(rig.view().next_push(), Some(at(60 * DAY + 6 * HOUR + 40 * SECOND)));
    rig.run_to(at(40 * DAY));
    assert_eq!(rig.view().ack_deadline(), Some(at(210 * DAY + 6 * HOUR + 5 * MINUTE + 40 * SECOND)));
    assert_eq!(failures(&rig.log, t), [0, 5, 10, 15, 60, 120, 180, 240, 255, 270, 285, 300, 315, 330, 345]);
    assert_eq!(restored(&rig.log, t), [6 * HOUR]);
    assert_eq!(rig.log.len(), 16);
}

/// §7.3, the table of outage lengths.
#[test]
fn outages_of_other_lengths() {
    let rows = [
        (40 * MINUTE, 4, HOUR),
        (HOUR, 4, HOUR),
        (4 * HOUR, 7, 4 * HOUR),
        (6 * HOUR, 15, 6 * HOUR),
        (7 * HOUR + 15 * MINUTE, 20, 7 * HOUR + 15 * MINUTE),
        (DAY, 87, DAY),
        (7 * DAY, 663, 7 * DAY),
    ];
    for (length, failed, back) in rows {
        let mut rig = whole_agent(length);
        let start = rig.start;
        rig.run_to(start.plus_millis(39 * DAY));
        let from = start.plus_millis(30 * DAY + 40 * SECOND);
        assert_eq!(failures(&rig.log, from).len(), failed, "outage of {length} ms");
        assert_eq!(restored(&rig.log, from), [back], "outage of {length} ms");
    }
}

/// §7.2, the closed form: attempts of the report job in an outage of L minutes that begins at T.
#[test]
fn the_number_of_failures_follows_from_the_length_of_the_outage() {
    for length in [1, 5, 6, 16, 61, 181, 240, 241, 255, 256, 270, 271, 1_000] {
        let mut rig = scheduled_at_t(&[(0, length * MINUTE)]);
        rig.run_to(T.plus_millis(2_000 * MINUTE));
        let window = [0, 5, 10, 15, 60, 120, 180].iter().filter(|minute| **minute < length).count();
        let expected = match length {
            ..=240 => window,
            241..=255 => 8,
            _ => 8 + usize::try_from((length - 255 + 14) / 15).unwrap(),
        };
        assert_eq!(failures(&rig.log, T).len(), expected, "L = {length} min");
    }
}

/// §3.3: deadline, reminders as logged, next push.
#[test]
fn the_worked_examples_of_nxos() {
    let never = Values::of(0, 0, 60);
    // N1: never ACKed. The peer answers nothing, so the report stays with the device.
    let silent = Peer { down: vec![(T, T.plus_days(3_000))], ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Off, T, silent);
    assert_eq!(rig.view().ack_deadline(), Some(T.plus_days(90)));
    assert_eq!(rig.view().next_push(), Some(T.plus_millis(2 * MINUTE)));
    rig.run_to(T.plus_days(92));
    let days = |rig: &Rig| -> Vec<(i64, u32)> {
        let mut reminders = Vec::new();
        for (at, message) in &rig.log {
            if let Message::ReportingRequired { days } = message {
                reminders.push((at.since(T) / SECOND, *days));
            }
        }
        reminders
    };
    let day = DAY / SECOND;
    assert_eq!(days(&rig), [(5, 89), (60 * day, 30), (90 * day, 0), (91 * day, 0), (92 * day, 0)]);

    // N2, N3, N4
    let n2 = || {
        let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
        rig.run_to(T.plus_millis(3 * MINUTE));
        rig
    };
    let mut rig = n2();
    let acked = T.plus_millis(3 * MINUTE);
    assert_eq!(rig.view().ack_deadline(), Some(acked.plus_days(365)));
    assert_eq!(rig.view().next_push(), Some(T.plus_millis(30 * DAY + 2 * MINUTE)));
    rig.peer.polls_before_ack = u32::MAX; // reports go on, but no further ACK comes
    rig.run_to(acked.plus_days(365));
    assert_eq!(days(&rig), [(5, 89), (335 * day + 180, 30), (365 * day + 180, 0)]);

    let mut rig = n2();
    rig.command(Command::UsageInterval(7));
    assert_eq!(rig.view().next_push(), Some(T.plus_millis(7 * DAY + 2 * MINUTE)));

    let june = Wall::from_secs(1_780_272_000); // 2026-06-01 00:00:00
    let mut rig = n2();
    rig.run_to(june);
    rig.input(Input::Usage(Usage { license: 1, count: 1 }));
    assert_eq!(rig.view().ack_deadline(), Some(june.plus_days(90)));

    // N6, N6a
    let peer = Peer { policy: Some(Policy::nxos("N6", never)), ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, T, peer);
    rig.run_to(T.plus_millis(HOUR));
    rig.command(Command::Sync); // phase Ongoing under the policy that came with the ACK
    rig.run_to(T.plus_millis(2 * HOUR));
    assert_eq!((rig.view().ack_deadline(), rig.view().next_push()), (None, None));
    assert_eq!(rig.view().configured_interval(), PushInterval::NoReporting);
    rig.run_to(june);
    assert_eq!(days(&rig), [(5, 89)]);
    rig.input(Input::Usage(Usage { license: 0, count: 2 }));
    assert_eq!(rig.view().ack_deadline(), Some(june.plus_days(60)));
    assert_eq!(rig.view().next_push(), Some(june.plus_days(30)));
}

/// §3.3 N5: the ACK that arrives at X counts before the reminder of X (§7.5).
#[test]
fn an_ack_that_arrives_at_the_deadline_comes_before_its_reminder() {
    let peer = Peer {
        policy: Some(Policy::nxos("N5", Values::of(10, 10, 10))),
        trust_in_ack: true,
        ..Peer::default()
    };
    let mut rig = Rig::new(TransportMode::Cslu, T.plus_millis(-11 * DAY), peer);
    // Under the policy from its first ACK on; a sync at T + 2 min makes the example's push.
    rig.run_to(T.plus_millis(2 * MINUTE));
    rig.command(Command::Sync);
    rig.run_to(T.plus_millis(3 * MINUTE));
    let x = T.plus_millis(10 * DAY + 3 * MINUTE);
    assert_eq!(rig.view().ack_deadline(), Some(x));
    assert_eq!(rig.view().next_push(), Some(T.plus_millis(10 * DAY + 2 * MINUTE)));
    rig.log.clear();
    rig.run_to(x);
    assert_eq!(rig.log, []);
    assert_eq!(rig.view().ack_deadline(), Some(x.plus_days(10)));
}

/// §3.3 N7, N8.
#[test]
fn without_a_licence_or_without_ack_required_there_is_no_deadline() {
    let mut rig = Rig::with(ProfileId::Nexus9000, TransportMode::Cslu, T, Peer::default(), &[]);
    rig.run_to(T.plus_days(400));
    let view = rig.view();
    assert_eq!((view.ack_deadline(), view.next_push(), view.reports().count()), (None, None, 0));
    assert_eq!(rig.purposes(), [Purpose::Hello]);
    assert_eq!(rig.log, []);

    let mut policy = example_policy();
    policy.ack_required = Some(false);
    let mut rig = Rig::new(TransportMode::Smart, T, Peer { policy: Some(policy), ..Peer::default() });
    rig.run_to(T.plus_millis(SECOND));
    rig.trust(false);
    rig.log.clear();
    rig.run_to(T.plus_days(400));
    assert_eq!(rig.log, []);
    assert!(rig.view().next_push().is_some());
}

#[test]
fn a_reload_forgets_outage_and_window_and_pushes_two_minutes_later() {
    let mut rig = scheduled_at_t(&[(0, HOUR)]);
    rig.run_to(T.plus_millis(30 * MINUTE));
    rig.log.clear();
    let before = rig.view().reports().map(|report| report.id).collect::<Vec<_>>();
    rig.restart(BootCause::Reload);
    let after = rig.view().reports().map(|report| report.id).collect::<Vec<_>>();
    assert!(after.starts_with(&before), "ids only grow");
    rig.run_to(T.plus_millis(HOUR + 2 * MINUTE));
    // Reload at 10:30: hello at 10:30:10, push at 10:32 with a window of its own.
    assert_eq!(failures(&rig.log, T), [30, 32, 37, 42, 47]);
    rig.run_to(T.plus_millis(2 * HOUR));
    assert_eq!(restored(&rig.log, T), [HOUR + 30 * MINUTE + 10 * SECOND]);
}

//! Consumption, RUM reports, on change (`spec/behaviour.md` §3.1, §3.4, §4).

use slpsim_agent::output::Event;
use slpsim_agent::{
    Command, Failure, Input, Measurement, Output, ProfileId, Purpose, ReportId, ReportState, Request, Timer,
    TransportMode, Usage,
};
use slpsim_policy::{Policy, Values};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T};

fn cslu(usage: &[Usage]) -> Rig {
    Rig::with(ProfileId::Nexus9000, TransportMode::Cslu, T, Peer::default(), usage)
}

const fn uses(license: u8, count: u32) -> Input {
    Input::Usage(Usage { license, count })
}

fn measured(rig: &Rig, id: ReportId) -> Vec<(i64, i64, u32)> {
    let measured = rig.view().measurements(id).into_iter();
    measured.map(|m: Measurement| (m.start.since(T) / SECOND, m.end.since(T) / SECOND, m.value)).collect()
}

/// §4 "chains", "report id".
#[test]
fn each_licence_has_its_chain_and_ids_count_from_the_second_of_the_first_report() {
    let mut rig = cslu(&[Usage { license: 0, count: 1 }, Usage { license: 2, count: 5 }]);
    rig.run_for(2 * MINUTE);
    rig.run_for(30 * DAY);
    let first = u64::try_from(T.secs()).unwrap();
    let id = |n: u64| ReportId(first + n);
    let rows: Vec<_> = rig.view().reports().map(|r| (r.id, r.previous, r.next, r.license.name)).collect();
    let (lan, advantage) = ("LAN_ENTERPRISE_SERVICES_PKG", "NXOS_ADVANTAGE");
    assert_eq!(
        rows,
        [
            (id(0), None, Some(id(2)), lan),
            (id(1), None, Some(id(3)), advantage),
            (id(2), Some(id(0)), Some(id(4)), lan),
            (id(3), Some(id(1)), Some(id(5)), advantage),
            (id(4), Some(id(2)), None, lan),
            (id(5), Some(id(3)), None, advantage),
        ]
    );
}

/// §4 "new measurement inside a report", "samples".
#[test]
fn a_report_measures_each_stretch_of_constant_usage_and_each_day() {
    let mut rig = cslu(&[Usage { license: 0, count: 1 }]);
    rig.run_for(3 * MINUTE);
    let id = rig.view().reports().last().unwrap().id;
    rig.run_for(HOUR);
    rig.input(uses(0, 3));
    rig.run_for(DAY);
    let (start, change) = (120, 180 + 3_600);
    assert_eq!(measured(&rig, id), [(start, change, 1), (change, change + 86_400, 3)]);
    rig.run_for(HOUR);
    let seen = measured(&rig, id);
    assert_eq!(seen[1..], [(change, change + 86_399, 3), (change + 86_400, change + 90_000, 3)]);
    assert_eq!(rig.view().measurements(id)[0].samples(), 3_660 / 900 + 1);
}

/// §5.1, §4 "a push sends".
#[test]
fn a_report_goes_from_open_over_closed_and_pending_to_acknowledged() {
    let mut rig = cslu(&[Usage { license: 0, count: 1 }]);
    let id = rig.view().reports().next().unwrap().id;
    let state = |rig: &Rig| rig.view().reports().find(|report| report.id == id).unwrap().state;
    assert_eq!(state(&rig), ReportState::Open);
    rig.hold = true;
    rig.run_for(2 * MINUTE);
    assert_eq!(state(&rig), ReportState::Pending);
    rig.hold = false;
    rig.deliver();
    assert_eq!((state(&rig), rig.view().report_summary().waiting_for_ack), (ReportState::Pending, 1));
    rig.run_for(MINUTE);
    assert_eq!(state(&rig), ReportState::Acknowledged);
    let summary = rig.view().report_summary();
    assert_eq!((summary.total, summary.acknowledged, summary.collecting, summary.available), (2, 1, 1, 1));
}

/// §4: a count of zero is measured, and opens no new report; a Nexus that consumes none makes none.
#[test]
fn a_licence_that_is_given_back_is_measured_to_its_end_and_then_no_more() {
    let mut rig = cslu(&[]);
    rig.run_for(HOUR);
    assert_eq!((rig.view().reports().count(), rig.due_in(Timer::Report)), (0, None));
    rig.input(uses(1, 2));
    rig.run_for(HOUR);
    rig.input(uses(1, 0));
    let id = rig.view().reports().next().unwrap().id;
    rig.run_for(HOUR);
    assert_eq!(measured(&rig, id), [(3_600, 7_200, 2), (7_200, 10_800, 0)]);
    rig.command(Command::Sync);
    assert_eq!(rig.view().reports().count(), 1, "no further report");
    rig.run_for(100 * DAY);
    let sent: Vec<_> = rig.purposes().into_iter().filter(|purpose| *purpose == Purpose::Usage).collect();
    assert_eq!((sent.len(), rig.due_in(Timer::Report)), (1, None));
}

/// §3.4 "no licence in use and nothing closed that waits": while reports wait, pushes go on.
#[test]
fn reports_that_wait_are_sent_also_when_no_licence_is_in_use_any_more() {
    let mut rig = cslu(&[Usage { license: 0, count: 1 }]);
    rig.outage(DAY);
    rig.run_for(3 * MINUTE);
    rig.input(uses(0, 0));
    rig.run_for(2 * DAY);
    assert_eq!(rig.view().report_summary().acknowledged, 1);
    rig.run_for(30 * DAY);
    assert_eq!(rig.due_in(Timer::Report), None, "nothing closed waits: the timer ends");
    rig.command(Command::Sync);
    rig.run_for(MINUTE);
    assert_eq!(rig.view().report_summary().acknowledged, 2, "a sync closes and sends the rest");
}

/// §3.1 "on change".
#[test]
fn a_change_bounds_the_deadline_until_an_ack_arrives_that_is_later_than_it() {
    let peer = Peer { policy: Some(Policy::nxos("P", Values::of(60, 180, 20))), ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Smart, T, peer);
    rig.trust(false);
    rig.run_for(DAY);
    rig.input(uses(3, 1));
    let bound = rig.now.wall.plus_days(20);
    assert_eq!(rig.view().ack_deadline(), Some(bound));
    rig.run_for(DAY);
    rig.input(uses(3, 2));
    assert_eq!(rig.view().ack_deadline(), Some(bound), "the earlier one stays");
    // A trust and a policy install set A, and clear nothing.
    rig.peer.policy = Some(Policy::nxos("Q", Values::of(50, 150, 0)));
    rig.trust(true);
    assert_eq!((rig.view().last_ack(), rig.view().ack_deadline()), (Some(rig.now.wall), Some(bound)));
    rig.input(uses(3, 3));
    assert_eq!(rig.view().ack_deadline(), Some(bound), "m of the new policy is zero");
    rig.command(Command::Sync);
    assert_eq!(rig.view().ack_deadline(), Some(bound), "delivered, not acknowledged");
    rig.run_for(5 * MINUTE);
    assert_eq!(rig.view().ack_deadline(), Some(rig.now.wall.plus_days(150)));
}

#[test]
fn the_same_count_again_or_an_unknown_licence_changes_nothing() {
    let mut rig = cslu(&[Usage { license: 0, count: 1 }]);
    rig.run_for(DAY);
    let before = rig.agent.clone();
    rig.input(uses(0, 1));
    rig.input(uses(200, 1));
    rig.input(uses(5, 0));
    assert_eq!(rig.view().ack_deadline(), before.view(&rig.shared, rig.now).ack_deadline());
    assert_eq!(rig.view().usage().filter(|row| row.count > 0).count(), 1);
    assert_eq!(rig.view().reports().filter(|report| report.state == ReportState::Open).count(), 1);
}

/// §3.4: also while a manual sync is under way.
#[test]
fn a_change_during_a_manual_sync_schedules_a_push_where_none_is_scheduled() {
    let peer = Peer { policy: Some(Policy::nxos("P", Values::of(0, 0, 9))), ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Smart, T, peer);
    rig.trust(false);
    rig.run_for(DAY);
    assert_eq!(rig.due_in(Timer::Report), None);
    rig.hold = true;
    rig.command(Command::Sync);
    rig.input(uses(2, 1));
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.hold = false;
    rig.deliver();
    assert_eq!(rig.due_in(Timer::Report), Some(9 * DAY));
}

/// §4 "cap".
#[test]
fn beyond_300_reports_the_oldest_is_purged_counted_and_recorded() {
    let mut rig = cslu(&[Usage { license: 0, count: 1 }]);
    rig.outage(1_000 * DAY);
    rig.run_for(5 * MINUTE);
    for _ in 0..302 {
        rig.run_for(SECOND);
        rig.command(Command::Sync);
    }
    let summary = rig.view().report_summary();
    assert_eq!((rig.waiting().len(), summary.purged), (300, 3));
    let first = u64::try_from(T.secs()).unwrap();
    let purged: Vec<_> = rig
        .outputs
        .iter()
        .filter_map(|output| match output {
            Output::Event(Event::RumPurged(id)) => Some(id.0 - first),
            _ => None,
        })
        .collect();
    assert_eq!(purged, [0, 1, 2]);
    assert_eq!(summary.total, 304);
    rig.peer.down.clear();
    rig.command(Command::Sync);
    let Some((_, Request::Usage { reports })) =
        rig.sent.iter().rev().find(|(_, r)| r.purpose() == Purpose::Usage)
    else {
        panic!()
    };
    assert_eq!((reports.len(), reports[0].id), (300, ReportId(first + 4)));
}

/// §4 "immutable": a retry resends the same contents.
#[test]
fn a_report_that_is_sent_again_is_the_same_report() {
    let mut rig = cslu(&[Usage { license: 0, count: 1 }]);
    rig.peer.down.push((T.plus_millis(-3 * DAY), T.plus_millis(DAY)));
    rig.run_for(3 * MINUTE);
    rig.input(uses(0, 9));
    rig.step_clock(-2 * DAY);
    rig.run_for(3 * HOUR);
    let sent: Vec<_> = rig
        .sent
        .iter()
        .filter_map(|(_, request)| match request {
            Request::Usage { reports } => Some(reports.clone()),
            _ => None,
        })
        .collect();
    assert!(sent.len() > 4);
    assert!(sent.iter().all(|reports| *reports == sent[0]));
}

/// A licence that flaps fills no memory: beyond the bound a report counts its peak.
#[test]
fn a_licence_that_flaps_for_ever_is_measured_within_bounds() {
    let mut rig = cslu(&[Usage { license: 0, count: 1 }]);
    rig.run_for(3 * MINUTE);
    let id = rig.view().reports().last().unwrap().id;
    for n in 0..4_000_u32 {
        rig.run_for(SECOND);
        rig.input(uses(0, 1 + n % 7));
    }
    let measured = measured(&rig, id);
    assert!((3_000..3_700).contains(&measured.len()), "{}", measured.len());
    assert_eq!(measured.last().unwrap().2, 7);
}

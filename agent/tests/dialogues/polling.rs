//! ACK polling (`spec/behaviour.md` §8).

use slpsim_agent::output::{AckIgnored, Event};
use slpsim_agent::{
    Ack, Command, Failure, Output, PollId, Purpose, ReportId, ReportState, ReportVerdict, Request, Status,
    Timer, TransportMode,
};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, failures, restored};

fn cslu(peer: Peer) -> Rig {
    let mut rig = Rig::new(TransportMode::Cslu, T, peer);
    rig.run_for(2 * MINUTE);
    rig
}

fn polls(rig: &mut Rig) -> Vec<i64> {
    rig.take_sent().into_iter().filter(|(_, purpose)| *purpose == Purpose::Poll).map(|(at, _)| at).collect()
}

/// §8 "poll delay".
#[test]
fn the_poll_comes_after_the_delay_of_the_server_or_of_the_transport() {
    for (transport, given, delay) in [
        (TransportMode::Cslu, None, MINUTE),
        (TransportMode::Cslu, Some(0), MINUTE),
        (TransportMode::Cslu, Some(600), 10 * MINUTE),
        (TransportMode::Smart, None, 5 * MINUTE),
        (TransportMode::Callhome, None, 5 * MINUTE),
    ] {
        let mut rig = Rig::new(transport, T, Peer { poll_after_s: given, ..Peer::default() });
        rig.trust(false);
        rig.run_for(30 * SECOND);
        assert_eq!(rig.due_in(Timer::Poll), Some(delay), "{transport} {given:?}");
        rig.run_for(delay);
        assert_eq!((rig.view().next_poll(), rig.view().poll_id()), (None, None));
        assert_eq!(rig.view().report_summary().acknowledged, 1);
    }
}

/// §8 "still working".
#[test]
fn ten_polls_come_at_the_delay_and_then_one_a_day() {
    let mut rig = cslu(Peer { polls_before_ack: 12, ..Peer::default() });
    rig.sent.clear();
    rig.run_for(5 * DAY);
    let tenth = 120 + 600;
    let mut expected: Vec<i64> = (1..=10).map(|n| 120 + 60 * n).collect();
    expected.extend([tenth + 86_400, tenth + 2 * 86_400, tenth + 3 * 86_400]);
    assert_eq!(polls(&mut rig), expected);
    assert_eq!(rig.view().last_ack(), Some(T.plus_millis((tenth + 3 * 86_400) * SECOND)));
}

/// §8 "poll fails".
#[test]
fn a_poll_that_fails_logs_one_failure_waits_a_day_and_leaves_the_report_job_alone() {
    let mut rig = cslu(Peer::default());
    let push = rig.view().next_push();
    rig.log.clear();
    rig.sent.clear();
    rig.once(Purpose::Poll, Err(Failure::Unreachable));
    rig.run_for(2 * DAY);
    assert_eq!(failures(&rig.log, T), [3]);
    assert_eq!(polls(&mut rig), [180, 180 + 86_400]);
    assert_eq!(rig.view().next_push(), push);
}

/// §8 "concern of its own".
#[test]
fn the_poll_id_of_a_new_push_replaces_the_old_one_and_restarts_the_count() {
    let mut rig = cslu(Peer { polls_before_ack: u32::MAX, ..Peer::default() });
    rig.run_for(9 * MINUTE);
    let old = rig.view().poll_id();
    rig.command(Command::Sync);
    assert_ne!(rig.view().poll_id(), old);
    rig.sent.clear();
    rig.run_for(HOUR);
    assert_eq!(polls(&mut rig).len(), 10);
}

/// §8 "concern of its own": the answer to the old poll id must not end the new one.
#[test]
fn a_poll_that_is_under_way_when_a_new_push_is_answered_is_given_up() {
    let mut rig = cslu(Peer::default());
    rig.hold = true;
    rig.run_for(MINUTE);
    let [(old, Request::Poll { .. })] = rig.held[..] else { panic!("{:?}", rig.held) };
    rig.command(Command::Sync);
    let usage = rig.held.remove(1);
    let answer = rig.reply(Status::OkPoll { poll_id: Some(PollId(9)), interval_s: None });
    rig.input(slpsim_agent::Input::Completed { txn: usage.0, result: Ok(answer) });
    assert!(rig.outputs.contains(&Output::Cancel(old)));
    let late = rig.reply(Status::Ok);
    rig.input(slpsim_agent::Input::Completed { txn: old, result: Ok(late) });
    assert_eq!((rig.view().poll_id(), rig.due_in(Timer::Poll)), (Some(PollId(9)), Some(MINUTE)));
}

/// §8 "`Last ACK received`", "reports not named in the ACK".
#[test]
fn a_bare_ok_acknowledges_nothing_and_the_reports_go_with_the_next_push() {
    let mut rig = cslu(Peer::default());
    let before = rig.waiting();
    rig.once(Purpose::Poll, Ok(rig.reply(Status::Ok)));
    rig.run_for(MINUTE);
    assert_eq!((rig.view().last_ack(), rig.view().poll_id()), (None, None));
    rig.sent.clear();
    rig.run_for(30 * DAY);
    let Some((_, Request::Usage { reports })) = rig.sent.first() else { panic!("{:?}", rig.sent) };
    assert_eq!(reports.len(), 2);
    assert_eq!(reports[0].id, before[0]);
    assert_eq!(rig.view().report_summary().acknowledged, 2);
}

/// §8 "answer to a push": `OK` directly.
#[test]
fn an_ack_in_the_answer_to_the_push_needs_no_poll() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    let id = rig.view().reports().next().unwrap().id;
    let mut reply = rig.reply(Status::Ok);
    reply.ack = Some(rig.element(Ack { reports: vec![(id, ReportVerdict::Acknowledged)] }));
    rig.once(Purpose::Usage, Ok(reply));
    rig.run_for(DAY);
    assert_eq!(rig.purposes(), [Purpose::Hello, Purpose::Usage]);
    assert_eq!(rig.view().last_ack(), Some(T.plus_millis(2 * MINUTE)));
    assert_eq!(rig.view().report_summary().acknowledged, 1);
}

/// §8 "report named `REJECTED`", "ACK for an unknown report id".
#[test]
fn a_rejected_report_is_closed_for_good_and_an_unknown_one_is_ignored() {
    let mut rig = cslu(Peer::default());
    let sent = rig.waiting()[0];
    let open = rig.view().reports().last().unwrap().id;
    let unknown = ReportId(42);
    rig.outputs.clear();
    let verdict = ReportVerdict::Rejected("SIGNATURE_MISMATCH".into());
    let accepted = ReportVerdict::Acknowledged;
    let mut reply = rig.reply(Status::Ok);
    reply.ack = Some(
        rig.element(Ack { reports: vec![(sent, verdict), (unknown, accepted.clone()), (open, accepted)] }),
    );
    rig.once(Purpose::Poll, Ok(reply));
    rig.run_for(MINUTE);
    let ignored: Vec<_> = rig
        .outputs
        .iter()
        .filter_map(|output| match output {
            Output::Event(Event::Ack { ignored: Some(AckIgnored::UnknownReport(id)) }) => Some(*id),
            _ => None,
        })
        .collect();
    assert_eq!(ignored, [unknown, open], "an open report cannot be acknowledged");
    let row = rig.view().reports().find(|report| report.id == sent).unwrap();
    assert_eq!((row.state, row.rejected), (ReportState::Rejected, Some("SIGNATURE_MISMATCH")));
    rig.sent.clear();
    rig.run_for(30 * DAY);
    let Some((_, Request::Usage { reports })) = rig.sent.first() else { panic!() };
    assert!(reports.iter().all(|report| report.id != sent));
}

/// §7.1 "poll due, transport forbids it".
#[test]
fn on_transport_off_a_poll_waits_in_steps_of_a_day() {
    let mut rig = cslu(Peer::default());
    rig.command(Command::Transport(TransportMode::Off));
    rig.sent.clear();
    rig.run_for(3 * DAY);
    assert_eq!(rig.sent, []);
    assert!(rig.view().poll_id().is_some());
    rig.command(Command::Transport(TransportMode::Cslu));
    rig.run_for(DAY);
    assert_eq!(rig.view().report_summary().acknowledged, 1);
}

/// §8 "concern of its own", §7.2 "success".
#[test]
fn a_poll_that_succeeds_ends_the_outage_and_the_report_goes_on_at_its_next_grid_point() {
    let to_poll = 30 * DAY + 150 * MINUTE;
    let after = u32::try_from(to_poll / SECOND).unwrap();
    let mut rig = cslu(Peer { poll_after_s: Some(after), ..Peer::default() });
    let t = rig.view().next_push().unwrap();
    rig.peer.down.push((t, t.plus_millis(140 * MINUTE)));
    rig.run_to(t.plus_millis(-1));
    rig.log.clear();
    rig.sent.clear();
    rig.run_to(t.plus_millis(4 * HOUR));
    assert_eq!(failures(&rig.log, t), [0, 5, 10, 15, 60, 120]);
    assert_eq!(restored(&rig.log, t), [150 * MINUTE]);
    let sent: Vec<_> = rig.sent.iter().map(|(at, sent)| (at.since(t) / MINUTE, sent.purpose())).collect();
    assert_eq!(sent[6..], [(150, Purpose::Poll), (180, Purpose::Usage)]);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(30 * DAY + 180 * MINUTE)));
}

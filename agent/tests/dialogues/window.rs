//! The retry window and the fast interval: what §7.3 does not show (`spec/behaviour.md` §7.2).

use slpsim_agent::{Command, Failure, Input, Purpose, Reporting, Status, Timer, TransportMode, Usage};
use slpsim_policy::Wall;

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, failures, restored};

/// The start push has been delivered; the next is due at the returned time, when the peer is down for so long.
fn scheduled(outage: i64) -> (Rig, Wall) {
    let mut rig = Rig::new(TransportMode::Cslu, T.plus_millis(-30 * DAY), Peer::default());
    rig.run_for(HOUR);
    let t = rig.view().next_push().unwrap();
    rig.peer.down.push((t, t.plus_millis(outage)));
    rig.run_to(t.plus_millis(-1));
    rig.log.clear();
    rig.sent.clear();
    (rig, t)
}

fn attempts(rig: &Rig, t: Wall) -> Vec<i64> {
    let usage = rig.sent.iter().filter(|(_, sent)| sent.purpose() == Purpose::Usage);
    usage.map(|(at, _)| at.since(t) / MINUTE).collect()
}

/// Lets the exchange in flight last so long, and then ends it.
fn lasts(rig: &mut Rig, millis: i64) {
    rig.hold = true;
    rig.run_for(millis);
    rig.hold = false;
    rig.deliver();
}

#[test]
fn an_attempt_that_lasts_beyond_a_grid_point_skips_it() {
    let (mut rig, t) = scheduled(DAY);
    rig.hold = true;
    rig.run_to(t);
    lasts(&mut rig, 6 * MINUTE); // skips T + 5
    rig.run_to(t.plus_millis(15 * MINUTE));
    rig.hold = true;
    rig.run_to(t.plus_millis(60 * MINUTE));
    lasts(&mut rig, 185 * MINUTE); // skips + 120, + 180, + 240
    rig.run_to(t.plus_millis(5 * HOUR));
    assert_eq!(attempts(&rig, t), [0, 10, 15, 60, 255, 270, 285, 300]);
    assert!(rig.view().is_fast(), "the attempt at T + 255 min failed");
}

/// §7.2 "window end": the attempt at T + 240 min decides, also when it ends later.
#[test]
fn the_interval_is_reset_when_the_attempt_of_the_fourth_hour_has_failed() {
    let (mut rig, t) = scheduled(DAY);
    rig.run_to(t.plus_millis(240 * MINUTE - 1));
    rig.hold = true;
    rig.run_to(t.plus_millis(240 * MINUTE + 30 * SECOND));
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    rig.hold = false;
    rig.deliver();
    assert!(rig.view().is_fast());
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(255 * MINUTE)));
}

/// §7.2 "a manual sync in between".
#[test]
fn a_failed_manual_sync_leaves_the_grid_as_it_is_and_a_delivered_one_ends_the_outage() {
    let (mut rig, t) = scheduled(HOUR + 30 * MINUTE);
    rig.run_to(t.plus_millis(30 * MINUTE));
    rig.command(Command::Sync);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(HOUR)));
    assert_eq!((rig.view().reporting(), rig.waiting().len()), (Reporting::Retrying, 2));
    rig.run_to(t.plus_millis(100 * MINUTE));
    rig.command(Command::Sync);
    assert_eq!(failures(&rig.log, t), [0, 5, 10, 15, 30, 60]);
    assert_eq!(restored(&rig.log, t), [100 * MINUTE]);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(30 * DAY + 100 * MINUTE)));
    assert_eq!(rig.view().reporting(), Reporting::Idle);
}

/// §7.2 "answer `OK_TRY_AGAIN`", "answer `FAILED`": authenticated, so both end outage and fast interval.
#[test]
fn an_answer_that_says_later_or_no_ends_the_fast_interval() {
    for (status, next) in [
        (Status::TryAgain { after_s: None }, 900 * SECOND),
        (Status::TryAgain { after_s: Some(60) }, 60 * SECOND),
        (Status::Refused { message: "no".into() }, 30 * DAY),
    ] {
        let (mut rig, t) = scheduled(5 * HOUR);
        rig.run_to(t.plus_millis(5 * HOUR - 1));
        assert!(rig.view().is_fast());
        let id = rig.waiting();
        rig.once(Purpose::Usage, Ok(rig.reply(status.clone())));
        rig.run_to(t.plus_millis(5 * HOUR));
        assert_eq!((rig.view().reporting(), rig.view().down()), (Reporting::Idle, None), "{status:?}");
        assert_eq!(restored(&rig.log, t), [5 * HOUR]);
        assert_eq!(rig.due_in(Timer::Report), Some(next));
        assert_eq!(rig.waiting(), id, "not delivered");
        if next < DAY {
            rig.sent.clear();
            rig.run_for(next);
            assert_eq!(rig.waiting(), id, "sent again, and nothing was closed for it");
            assert_eq!(attempts(&rig, t), [(5 * HOUR + next) / MINUTE]);
        }
    }
}

/// A busy peer that then goes down: the time that it named is a T of its own.
#[test]
fn a_failure_after_ok_try_again_opens_a_window() {
    let (mut rig, t) = scheduled(0);
    rig.once(Purpose::Usage, Ok(rig.reply(Status::TryAgain { after_s: Some(600) })));
    rig.run_to(t);
    rig.outage(DAY);
    rig.run_to(t.plus_millis(30 * MINUTE));
    assert_eq!(failures(&rig.log, t), [10, 15, 20, 25]);
}

/// What `OK_TRY_AGAIN` put off stays put off for an interval change, and goes with a sync.
#[test]
fn a_report_that_was_put_off_keeps_its_time() {
    let (mut rig, t) = scheduled(0);
    rig.once(Purpose::Usage, Ok(rig.reply(Status::TryAgain { after_s: Some(600) })));
    rig.run_to(t);
    rig.command(Command::UsageInterval(1));
    assert_eq!(rig.due_in(Timer::Report), Some(600 * SECOND));
    rig.run_for(MINUTE);
    rig.command(Command::Sync);
    assert_eq!(rig.due_in(Timer::Report), Some(DAY));
    assert_eq!(rig.waiting().len(), 2);
}

/// §7.1: a change of transport keeps the ladder.
#[test]
fn a_change_of_transport_in_the_window_keeps_the_grid() {
    let (mut rig, t) = scheduled(DAY);
    rig.run_to(t.plus_millis(12 * MINUTE));
    rig.trust(false);
    rig.command(Command::Transport(TransportMode::Off));
    rig.run_to(t.plus_millis(20 * MINUTE));
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(15 * MINUTE + DAY)));
    rig.command(Command::Transport(TransportMode::Cslu));
    rig.run_to(t.plus_millis(DAY + 14 * MINUTE));
    rig.log.clear();
    rig.run_to(t.plus_millis(DAY + 15 * MINUTE));
    assert_eq!(rig.view().reporting(), Reporting::Idle, "the peer is back");
    assert_eq!(attempts(&rig, t).last(), Some(&(15 + 24 * 60)));
}

/// §7.1: trust that comes while no report has been delivered since start ends the ladder; trust + 30 s is a new T.
#[test]
fn trust_in_the_first_window_begins_a_new_one() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    for _ in 0..11 {
        rig.once(Purpose::Usage, Err(Failure::Unreachable));
    }
    rig.run_for(5 * HOUR);
    assert!(rig.view().is_fast());
    rig.trust(false);
    assert_eq!((rig.view().reporting(), rig.due_in(Timer::Report)), (Reporting::Idle, Some(30 * SECOND)));
    rig.outage(DAY);
    rig.sent.clear();
    rig.run_for(11 * MINUTE);
    let t = T.plus_millis(5 * HOUR + 30 * SECOND);
    assert_eq!(attempts(&rig, t), [0, 5, 10]);
}

/// As above, with an attempt under way: its failure belongs to no window any more.
#[test]
fn an_attempt_under_way_when_trust_comes_belongs_to_no_window() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.hold = true;
    rig.run_for(2 * MINUTE);
    rig.trust(false);
    let usage = rig.held.iter().position(|(_, request)| request.purpose() == Purpose::Usage).unwrap();
    let (txn, _) = rig.held.remove(usage);
    rig.hold = false;
    rig.deliver();
    let failed = Input::Completed { txn, result: Err(Failure::Unreachable) };
    rig.input(failed);
    assert_eq!((rig.view().reporting(), rig.due_in(Timer::Report)), (Reporting::Idle, Some(30 * SECOND)));
}

/// The attempt that outlives its window is the attempt of the new T; no TRUST_SYNC of a manual sync follows it.
#[test]
fn an_old_attempt_that_reaches_the_new_t_is_its_first_attempt() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.hold = true;
    rig.run_for(2 * MINUTE);
    rig.trust(false);
    let at = rig.held.iter().position(|(_, request)| request.purpose() == Purpose::Trust).unwrap();
    let trust = rig.held.remove(at);
    let mut reply = rig.reply(Status::Ok);
    reply.trust.push(rig.peer.trust_code(crate::support::udi(), rig.now.wall));
    rig.input(Input::Completed { txn: trust.0, result: Ok(reply) });
    rig.run_for(31 * SECOND);
    rig.sent.clear();
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.hold = false;
    rig.deliver();
    assert_eq!(rig.sent, []);
    assert_eq!(rig.due_in(Timer::Report), Some(5 * MINUTE - SECOND));
}

/// §7.1: otherwise trust leaves the ladder alone.
#[test]
fn trust_in_a_later_window_leaves_the_grid_alone() {
    let (mut rig, t) = scheduled(0);
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.run_to(t);
    rig.trust(false);
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(5 * MINUTE)));
}

/// §7.2 "reports sent": at T + k × the interval as at T.
#[test]
fn in_an_outage_each_further_scheduled_time_adds_one_report_per_licence() {
    let (mut rig, t) = scheduled(1_000 * DAY);
    rig.input(Input::Usage(Usage { license: 1, count: 2 }));
    rig.run_to(t.plus_millis(HOUR));
    rig.command(Command::UsageInterval(5)); // remembered; T's interval closes
    rig.run_to(t.plus_millis(95 * DAY));
    assert_eq!(rig.waiting().len(), 2 * 4, "T, + 30 d, + 60 d, + 90 d");
    let last = attempts(&rig, t).into_iter().next_back().unwrap();
    assert_eq!(last % 15, 0, "the grid goes on");
}

/// §7.2 "success": an answer to another exchange also logs COMM_RESTORED; the fast interval stays until the report's own.
#[test]
fn an_answer_to_another_exchange_ends_the_outage_but_not_the_window() {
    let (mut rig, t) = scheduled(0);
    for _ in 0..3 {
        rig.once(Purpose::Usage, Err(Failure::Unreachable));
    }
    rig.run_to(t.plus_millis(5 * MINUTE));
    rig.trust(false);
    assert_eq!(restored(&rig.log, t), [5 * MINUTE]);
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    rig.run_to(t.plus_millis(15 * MINUTE));
    assert_eq!(failures(&rig.log, t), [0, 5, 10]);
    assert_eq!(restored(&rig.log, t), [5 * MINUTE, 15 * MINUTE], "the failure at + 10 was another outage");
}

/// An ACK for all of the set by another way leaves nothing of this T.
#[test]
fn a_set_that_was_acknowledged_meanwhile_is_not_sent_again() {
    let (mut rig, t) = scheduled(0);
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.run_to(t);
    rig.peer.unacked = rig.waiting();
    let mut reply = rig.reply(Status::Ok);
    reply.trust.push(rig.peer.trust_code(crate::support::udi(), rig.now.wall));
    reply.ack = Some(rig.ack_all());
    rig.once(Purpose::Trust, Ok(reply));
    rig.trust(false);
    rig.run_for(DAY);
    assert_eq!(attempts(&rig, t), [0]);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(30 * DAY + 5 * MINUTE)));
}

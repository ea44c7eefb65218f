//! Wrong clocks and clock steps (`spec/behaviour.md` §9).

use slpsim_agent::output::{AckIgnored, Event};
use slpsim_agent::{
    Command, Input, Measurement, Message, Output, PolicyError, Purpose, Status, Timer, TransportMode,
    TrustError,
};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy, udi};

/// The table of §9, direct: device clock − time stamp, in milliseconds.
#[test]
fn a_wrong_clock_refuses_trust_and_policy_each_by_itself_and_the_exchange_is_a_success() {
    for (d, trust, policy) in [
        (-31 * DAY, TrustError::Signature, PolicyError::Signature),
        (-HOUR, TrustError::Timestamp, PolicyError::Timestamp),
        (HOUR, TrustError::Timestamp, PolicyError::Timestamp),
        (366 * DAY, TrustError::Signature, PolicyError::Signature),
    ] {
        let peer = Peer { policy: Some(example_policy()), skew_ms: -d, ..Peer::default() };
        let mut rig = Rig::new(TransportMode::Smart, T, peer);
        rig.trust(false);
        let trust = Message::TrustCodeInstallFailed { udi: udi(), error: trust };
        let policy = Message::PolicyInstallFailed { error: policy };
        assert_eq!(rig.take_log(T), [(0, trust), (0, policy)], "d = {d}");
        let counted = rig.view().conversation(Purpose::Trust).unwrap();
        assert_eq!((counted.success, counted.fail), (1, 0));
        assert_eq!((rig.view().down(), rig.view().last_ack()), (None, None));
    }
}

/// The same clock passes where the answer is relayed.
#[test]
fn a_relayed_answer_is_judged_by_its_issue_time_only_when_it_lies_in_the_future() {
    for (d, installs) in
        [(-HOUR - 1, false), (-HOUR, true), (HOUR, true), (365 * DAY, true), (365 * DAY + 1, false)]
    {
        let peer = Peer { policy: Some(example_policy()), skew_ms: -d, ..Peer::default() };
        let mut rig = Rig::new(TransportMode::Cslu, T, peer);
        rig.trust(false);
        assert_eq!(rig.view().policy().is_some(), installs, "d = {d}");
    }
}

/// An answer is judged by the way it went, not by the transport that is set when it arrives.
#[test]
fn an_answer_under_way_at_a_change_of_transport_is_judged_as_it_was_sent() {
    for (from, to, installs) in [
        (TransportMode::Cslu, TransportMode::Smart, true),
        (TransportMode::Smart, TransportMode::Cslu, false),
    ] {
        let mut rig = Rig::new(from, T, Peer { skew_ms: -2 * HOUR, ..Peer::default() });
        rig.hold = true;
        rig.trust(false);
        rig.command(Command::Transport(to));
        rig.command(Command::Url);
        rig.deliver();
        assert_eq!(rig.agent.sender().identity.is_some(), installs, "{from}");
    }
}

#[test]
fn an_ack_that_a_wrong_clock_refuses_is_an_entry_of_the_event_log() {
    for (skew, why) in [(2 * HOUR, AckIgnored::Timestamp), (40 * DAY, AckIgnored::Signature)] {
        let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
        rig.run_for(2 * MINUTE);
        rig.peer.skew_ms = skew;
        rig.log.clear();
        rig.outputs.clear();
        rig.run_for(MINUTE);
        assert!(rig.outputs.contains(&Output::Event(Event::Ack { ignored: Some(why) })));
        assert_eq!((rig.view().last_ack(), rig.log.len(), rig.waiting().len()), (None, 0, 1));
    }
}

#[test]
fn after_a_step_next_push_and_reminders_keep_their_wall_clock_times() {
    for delta in [-3 * DAY, 2 * DAY, 5 * SECOND] {
        let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
        rig.run_for(DAY);
        let (push, reminder) = (rig.view().next_push(), rig.view().timer(Timer::Reminder));
        let deadline = rig.view().ack_deadline();
        rig.step_clock(delta);
        assert_eq!((rig.view().next_push(), rig.view().timer(Timer::Reminder)), (push, reminder));
        assert_eq!(rig.view().ack_deadline(), deadline);
    }
}

#[test]
fn a_step_over_a_push_sends_it_at_once_and_a_reminder_that_it_jumps_over_is_skipped() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.run_for(DAY);
    rig.sent.clear();
    rig.log.clear();
    rig.step_clock(350 * DAY); // X is T + 365 d 3 min; X − 30 d is past
    rig.run_for(0);
    assert_eq!((rig.purposes(), rig.log.len()), (vec![Purpose::Usage], 0));
    let ahead = rig.view().ack_deadline().unwrap().since(rig.now.wall);
    assert_eq!(rig.due_in(Timer::Reminder), Some(ahead));
}

#[test]
fn a_window_and_a_poll_run_on_elapsed_time() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.run_for(2 * MINUTE);
    rig.step_clock(-HOUR);
    assert_eq!(rig.due_in(Timer::Poll), Some(MINUTE));
    rig.run_for(HOUR);
    let push = rig.due_in(Timer::Report).unwrap();
    rig.run_for(push - 1);
    rig.outage(DAY);
    rig.run_for(MINUTE);
    let retry = rig.due_in(Timer::Report);
    rig.step_clock(10 * DAY);
    assert_eq!(rig.due_in(Timer::Report), retry);
}

#[test]
fn a_step_begins_a_measurement_that_names_it_and_a_correction_below_a_second_does_not() {
    let mut rig = Rig::new(TransportMode::Off, T, Peer::default());
    rig.run_for(MINUTE);
    rig.step_clock(-HOUR);
    rig.run_for(MINUTE);
    rig.step_clock(400);
    let id = rig.view().reports().next().unwrap().id;
    let steps: Vec<Option<i64>> =
        rig.view().measurements(id).iter().map(|m: &Measurement| m.clock_change_s).collect();
    assert_eq!(steps, [None, Some(-3_600)]);
}

/// The end of trust is a wall-clock time.
#[test]
fn a_step_beyond_the_renewal_of_trust_asks_for_a_new_code() {
    let mut rig = Rig::new(TransportMode::Smart, T, Peer::default());
    rig.trust(false);
    rig.run_for(HOUR);
    rig.sent.clear();
    rig.step_clock(2900 * DAY);
    rig.run_for(0);
    assert!(rig.purposes().contains(&Purpose::TrustSync));
}

#[test]
fn no_step_however_wild_makes_the_agent_fail() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    for delta in [i64::MAX, i64::MIN, -1, i64::MAX, 0, i64::MIN] {
        rig.now.wall = rig.now.wall.plus_millis(delta);
        rig.input(Input::ClockStep { delta_ms: delta });
        for _ in 0..20 {
            rig.input(Input::Timeout);
        }
        rig.input(Input::Usage(slpsim_agent::Usage { license: 0, count: delta.count_ones() }));
    }
    assert_eq!(rig.reply(Status::Ok).status, Status::Ok);
    assert!(rig.view().reports().count() > 0);
}

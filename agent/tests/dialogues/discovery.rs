//! Hello, capabilities, down-rev peers (`spec/behaviour.md` §7.1, §13).

use slpsim_agent::view::Discovery;
use slpsim_agent::{
    Capabilities, Command, Failure, Message, PollId, Purpose, ReportState, Reporting, Status, Timer,
    TransportMode,
};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, failures, restored};

const OLD: Capabilities = Capabilities(0b110); // DLC, AppHA

fn down_rev() -> Rig {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { capabilities: OLD, ..Peer::default() });
    rig.run_for(10 * SECOND);
    rig
}

fn of(rig: &mut Rig, purpose: Purpose) -> Vec<i64> {
    rig.take_sent().into_iter().filter(|(_, sent)| *sent == purpose).map(|(at, _)| at).collect()
}

fn not_supported(rig: &Rig) -> usize {
    rig.log.iter().filter(|(_, message)| *message == Message::ReportingNotSupported).count()
}

#[test]
fn hello_comes_ten_seconds_after_start_each_hour_until_it_is_answered_and_never_again() {
    let peer = Peer { down: vec![(T, T.plus_millis(5 * SECOND + 2 * HOUR))], ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, T, peer);
    rig.run_for(MINUTE);
    assert_eq!(rig.view().discovery(), Discovery::Failing);
    rig.run_for(5 * DAY);
    assert_eq!(of(&mut rig, Purpose::Hello), [10, 3_610, 7_210]);
    assert_eq!(rig.view().discovery(), Discovery::Answered { down_rev: false });
}

/// §7.1: any authenticated answer carries `connect_info` and counts as the hello answer.
#[test]
fn the_answer_to_any_exchange_counts_as_the_hello_answer() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.run_for(SECOND);
    rig.command(Command::Sync);
    rig.run_for(5 * DAY);
    assert_eq!(of(&mut rig, Purpose::Hello), []);
}

#[test]
fn a_hello_that_fails_after_another_answer_came_is_not_repeated() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.hold = true;
    rig.run_for(10 * SECOND);
    rig.command(Command::Sync);
    rig.held.swap(0, 1);
    rig.once(Purpose::Hello, Err(Failure::Unreachable));
    rig.hold = false;
    rig.deliver();
    assert_eq!(failures(&rig.log, T), [0]);
    assert_eq!(
        (rig.view().discovery(), rig.due_in(Timer::Hello)),
        (Discovery::Answered { down_rev: false }, None)
    );
}

/// §7.1: a change of transport or URL only arms hello and forgets the old answer.
#[test]
fn a_change_of_the_peer_asks_it_anew_and_keeps_outage_ladder_and_poll() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { polls_before_ack: u32::MAX, ..Peer::default() });
    rig.run_to(T.plus_millis(30 * DAY));
    rig.outage(DAY);
    rig.run_for(10 * MINUTE);
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    let poll = rig.view().poll_id();
    assert!(poll.is_some());
    let (down, next) = (rig.view().down(), rig.view().next_push());
    rig.command(Command::Transport(TransportMode::Cslu));
    assert_eq!(rig.due_in(Timer::Hello), None, "the same transport again is no change");
    rig.command(Command::Url);
    assert_eq!(rig.view().discovery(), Discovery::Unknown);
    assert_eq!((rig.view().down(), rig.view().next_push(), rig.view().poll_id()), (down, next, poll));
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    assert_eq!(rig.due_in(Timer::Hello), Some(10 * SECOND));
}

#[test]
fn an_answer_of_the_old_peer_says_nothing_about_the_new_one() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { capabilities: OLD, ..Peer::default() });
    rig.hold = true;
    rig.run_for(2 * MINUTE);
    rig.command(Command::Url);
    let hello_cancelled = rig.held.len() == 1;
    assert!(hello_cancelled, "{:?}", rig.held);
    rig.hold = false;
    let refused = rig.reply(Status::Refused { message: "unknown request type".into() });
    rig.once(Purpose::Usage, Ok(refused));
    rig.deliver();
    assert_eq!(rig.view().discovery(), Discovery::Unknown);
    assert_eq!(not_supported(&rig), 0);
    rig.run_for(10 * SECOND);
    assert_eq!(not_supported(&rig), 1);
}

/// §13 "lack `POLICY_USAGE`".
#[test]
fn to_a_down_rev_peer_nothing_is_sent_but_a_daily_hello_and_reports_are_stored() {
    let mut rig = down_rev();
    assert_eq!(rig.take_log(T).last().unwrap(), &(10 * SECOND, Message::ReportingNotSupported));
    rig.sent.clear();
    rig.command(Command::Sync);
    rig.run_for(65 * DAY);
    let sent = rig.take_sent();
    assert!(sent.iter().all(|(at, purpose)| *purpose == Purpose::Hello && at % 86_400 == 10), "{sent:?}");
    assert_eq!(sent.len(), 65);
    assert_eq!(not_supported(&rig), 0, "the daily hello does not repeat it");
    // Closed by the sync, at start + 2 min, and at each scheduled time.
    assert_eq!(rig.waiting().len(), 4);
    assert!(rig.view().reports().take(4).all(|report| report.state == ReportState::Closed));
    assert_eq!(rig.view().last_push(), None);
}

#[test]
fn a_failing_hello_to_a_down_rev_peer_is_repeated_each_hour() {
    let mut rig = down_rev();
    rig.run_for(DAY - MINUTE);
    rig.outage(90 * MINUTE);
    rig.sent.clear();
    rig.run_for(2 * DAY);
    let at = |n: i64| 10 + 86_400 + n;
    assert_eq!(of(&mut rig, Purpose::Hello), [at(0), at(3_600), at(7_200), at(7_200 + 86_400)]);
}

/// §13: when the capability appears, a push starts at once; messages.md §1 row 7: "or after the peer had the capability".
#[test]
fn when_the_capability_appears_a_push_starts_at_once_and_its_loss_is_logged_again() {
    let mut rig = down_rev();
    rig.run_for(HOUR);
    rig.peer.capabilities = Capabilities::AGENT;
    rig.log.clear();
    rig.sent.clear();
    rig.run_for(DAY);
    let day = 86_410;
    assert_eq!(rig.take_sent(), [(day, Purpose::Hello), (day, Purpose::Usage), (day + 60, Purpose::Poll)]);
    assert_eq!(rig.waiting(), []);
    rig.peer.capabilities = OLD;
    rig.command(Command::Sync);
    assert_eq!(not_supported(&rig), 1);
}

/// §13: a report that was tried while the capabilities were unknown.
#[test]
fn a_report_that_a_down_rev_peer_refuses_stays_stored() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { capabilities: OLD, ..Peer::default() });
    rig.once(Purpose::Hello, Err(Failure::Unreachable));
    rig.refuse_once(Purpose::Usage, "unknown request type");
    rig.run_for(3 * MINUTE);
    assert_eq!(not_supported(&rig), 1);
    assert_eq!(
        (rig.waiting().len(), rig.view().last_push(), rig.view().phase()),
        (1, None, slpsim_policy::Phase::First)
    );
    rig.sent.clear();
    rig.run_for(40 * DAY);
    assert_eq!(of(&mut rig, Purpose::Usage), []);
}

#[test]
fn a_peer_that_turns_out_down_rev_in_a_window_ends_it() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { capabilities: OLD, ..Peer::default() });
    rig.outage(90 * MINUTE);
    rig.run_for(HOUR);
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    rig.log.clear();
    rig.run_for(HOUR + MINUTE);
    let closed = rig.waiting().len();
    assert_eq!(restored(&rig.log, T), [2 * HOUR + 10 * SECOND], "by the hello");
    assert_eq!(rig.view().reporting(), Reporting::Idle);
    rig.sent.clear();
    rig.run_for(DAY / 2);
    assert_eq!((of(&mut rig, Purpose::Usage), rig.waiting().len()), (vec![], closed));
}

/// §13: "unknown, never answered".
#[test]
fn while_the_capabilities_are_unknown_reports_are_tried() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.once(Purpose::Hello, Err(Failure::Unreachable));
    rig.once(Purpose::Usage, Ok(rig.reply(Status::OkPoll { poll_id: Some(PollId(5)), interval_s: None })));
    rig.run_for(2 * MINUTE);
    assert_eq!(rig.view().poll_id(), Some(PollId(5)));
}

/// `spec/messages.md` §3: the name follows the transport configured at present.
#[test]
fn an_exchange_that_ends_on_transport_off_is_not_logged() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.hold = true;
    rig.run_for(2 * MINUTE);
    rig.command(Command::Transport(TransportMode::Off));
    rig.log.clear();
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.deliver();
    assert_eq!((rig.log.len(), rig.view().down()), (0, None));
}

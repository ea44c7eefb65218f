//! Policies (`spec/behaviour.md` §2.3, §3.1, §3.4).

use slpsim_agent::{
    Command, CommandError, Element, ElementFault, Failure, Input, Message, PolicyError, Purpose, Reporting,
    Status, Timer, TransportMode, Usage,
};
use slpsim_policy::{Phase, Policy, PushInterval, Source, Values};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy};

/// Trust and example policy at T, first push at 30 s.
fn with_policy() -> Rig {
    let peer = Peer { policy: Some(example_policy()), poll_after_s: Some(60), ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Smart, T, peer);
    rig.trust(false);
    rig.run_for(MINUTE);
    rig
}

fn installed(rig: &Rig) -> usize {
    rig.log.iter().filter(|(_, message)| *message == Message::PolicyInstallSuccess).count()
}

/// §2.3 rule 6.
#[test]
fn the_same_policy_again_is_silent_and_sets_nothing() {
    let mut rig = with_policy();
    assert_eq!(installed(&rig), 1);
    rig.run_for(HOUR);
    let before = (rig.view().policy().map(|(_, at)| at), rig.view().last_ack());
    rig.log.clear();
    rig.run_for(MINUTE);
    let mut reply = rig.reply(Status::Ok);
    reply.policy = rig.peer.policy(rig.now.wall);
    rig.once(Purpose::TrustSync, Ok(reply));
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.command(Command::Sync);
    rig.command(Command::Sync);
    assert_eq!(installed(&rig), 0);
    assert_eq!((rig.view().policy().map(|(_, at)| at), rig.view().last_ack()), before);
}

/// §3.1 phase, §8: the new policy sets A, and the phase is First until a report is delivered.
#[test]
fn another_policy_begins_a_first_phase_and_counts_as_an_ack() {
    let mut rig = with_policy();
    rig.run_for(DAY);
    assert_eq!(rig.view().phase(), Phase::Ongoing);
    rig.peer.policy = Some(Policy::nxos("Second", Values::of(20, 40, 0)));
    rig.log.clear();
    rig.command(Command::Sync); // TRUST_SYNC brings it
    let p = rig.now.wall;
    assert_eq!((installed(&rig), rig.view().phase(), rig.view().last_ack()), (1, Phase::First, Some(p)));
    assert_eq!(rig.view().policy(), Some(("Second", Some(p))));
    assert_eq!(rig.view().ack_deadline(), Some(p.plus_days(20)), "max(T0, P) + first");
    assert_eq!(rig.view().configured_interval(), PushInterval::Days(20));
    assert_eq!(rig.view().next_push(), Some(p.plus_days(20)), "last push was this sync's");
    rig.run_to(p.plus_days(20));
    assert_eq!(rig.view().phase(), Phase::Ongoing);
    assert_eq!(rig.view().next_push(), Some(p.plus_days(50)), "min(30, 40)");
}

/// §3.4 "interval or policy changed": past means at once, and that is then T.
#[test]
fn an_interval_that_is_past_makes_the_push_due_at_once() {
    let mut rig = with_policy();
    rig.run_for(10 * DAY);
    rig.sent.clear();
    rig.command(Command::UsageInterval(7));
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    let t = rig.now.wall;
    rig.run_for(0);
    assert_eq!(rig.purposes(), [Purpose::Usage]);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(5 * MINUTE)));
    rig.run_for(5 * MINUTE);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(7 * DAY + 5 * MINUTE)));
}

/// §3.4 "interval or policy changed".
#[test]
fn an_interval_changes_nothing_while_the_first_push_stands() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.command(Command::UsageInterval(1));
    assert_eq!(rig.due_in(Timer::Report), Some(2 * MINUTE));
    rig.run_for(DAY / 2);
    rig.restart(slpsim_agent::BootCause::Reload);
    rig.command(Command::UsageInterval(3650));
    assert_eq!(rig.due_in(Timer::Report), Some(2 * MINUTE), "the push at start still pends");
    rig.trust(false);
    assert_eq!(rig.due_in(Timer::Report), Some(30 * SECOND));
    rig.command(Command::UsageInterval(2));
    assert_eq!(rig.due_in(Timer::Report), Some(30 * SECOND), "so does the one that replaced it");
}

/// §3.4, §16.
#[test]
fn the_interval_accepts_1_to_3650() {
    let mut rig = with_policy();
    for bad in [0, 3_651, u16::MAX] {
        assert_eq!(rig.try_command(Command::UsageInterval(bad)), Err(CommandError::IntervalRange));
    }
    for good in [1, 3_650] {
        rig.command(Command::UsageInterval(good));
        assert_eq!(rig.agent.settings().usage_interval_days, good);
    }
    assert_eq!(rig.view().configured_interval(), PushInterval::Days(180), "min(3650, 180)");
}

/// §7.2 "new interval or policy in between".
#[test]
fn a_policy_that_arrives_in_a_window_is_only_remembered() {
    let mut rig = with_policy();
    let t = rig.view().next_push().unwrap();
    rig.run_to(t.plus_millis(-1));
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.run_to(t);
    rig.peer.policy = Some(Policy::nxos("Second", Values::of(5, 10, 0)));
    rig.trust(true);
    assert_eq!(rig.view().reporting(), Reporting::Retrying);
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(5 * MINUTE)));
    rig.run_to(t.plus_millis(5 * MINUTE));
    assert_eq!(rig.view().next_push(), Some(t.plus_millis(10 * DAY + 5 * MINUTE)), "by the new policy");
}

/// `spec/messages.md` §1 row 1: each refused arrival, also of the policy in use.
#[test]
fn a_policy_is_judged_before_it_is_compared() {
    let mut rig = with_policy();
    rig.log.clear();
    for (fault, error) in
        [(ElementFault::Signature, PolicyError::Signature), (ElementFault::Unreadable, PolicyError::Parse)]
    {
        let mut reply = rig.reply(Status::Ok);
        reply.policy = Some(Element { issued: rig.now.wall, body: Err(fault) });
        rig.once(Purpose::TrustSync, Ok(reply));
        rig.command(Command::Sync);
        assert_eq!(rig.take_log(T), [(MINUTE, Message::PolicyInstallFailed { error })]);
    }
    rig.peer.skew_ms = -2 * HOUR;
    rig.command(Command::Sync);
    let error = PolicyError::Timestamp;
    assert_eq!(rig.take_log(T), [(MINUTE, Message::PolicyInstallFailed { error })]);
    assert_eq!(rig.view().policy().map(|(name, _)| name), Some("Example Policy"));
}

/// §2.3 rule 2.
#[test]
fn a_value_that_the_policy_lacks_stays_cisco_s() {
    let mut policy = example_policy();
    policy.ack_required = None;
    let mut rig = Rig::new(TransportMode::Smart, T, Peer { policy: Some(policy), ..Peer::default() });
    rig.trust(false);
    let rules = rig.view().rules();
    assert_eq!((rules.ack_required.value, rules.ack_required.source), (true, Source::CiscoDefault));
    let first = rules.first(slpsim_policy::Class::Unenforced);
    assert_eq!((first.value, first.source), (60, Source::Customer));
}

/// §3.4 "first licence, or a licence that returns, whatever m".
#[test]
fn a_licence_that_returns_schedules_a_push_where_none_is_scheduled() {
    for (values, expected) in [
        (Values::of(0, 0, 0), 30),   // the user's
        (Values::of(0, 0, 5), 5),    // on change is earlier
        (Values::of(0, 12, 20), 12), // n of the phase
    ] {
        let peer = Peer { policy: Some(Policy::nxos("P", values)), ..Peer::default() };
        let mut rig = Rig::new(TransportMode::Smart, T, peer);
        rig.trust(false);
        rig.run_for(10 * MINUTE);
        rig.input(Input::Usage(Usage { license: 0, count: 0 }));
        rig.run_for(120 * DAY);
        assert_eq!(rig.view().next_push(), None, "nothing in use, nothing waits");
        rig.input(Input::Usage(Usage { license: 0, count: 1 }));
        assert_eq!(rig.view().next_push(), Some(rig.now.wall.plus_days(expected)), "{values:?}");
    }
}

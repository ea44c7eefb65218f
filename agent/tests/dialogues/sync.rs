//! TRUST_SYNC and `license smart sync` (`spec/behaviour.md` §7.1).

use slpsim_agent::{Command, Failure, Input, Purpose, Request, Status, Sync, Timer, TransportMode};
use slpsim_policy::Wall;

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, failures, restored};

/// Trust at T; nothing has been sent since but the token.
fn trusted(peer: Peer) -> Rig {
    let mut rig = Rig::new(TransportMode::Smart, T, peer);
    rig.trust(false);
    rig.sent.clear();
    rig.log.clear();
    rig
}

fn syncs(rig: &mut Rig) -> Vec<i64> {
    rig.take_sent()
        .into_iter()
        .filter(|(_, purpose)| *purpose == Purpose::TrustSync)
        .map(|(at, _)| at)
        .collect()
}

#[test]
fn a_trust_sync_that_fails_is_repeated_after_an_hour_until_it_is_answered() {
    let mut rig = trusted(Peer::default());
    for _ in 0..2 {
        rig.once(Purpose::TrustSync, Err(Failure::Unreachable));
    }
    rig.run_for(2 * DAY);
    assert_eq!(syncs(&mut rig), [40, 3_640, 7_240]);
    assert_eq!(rig.view().sync(), Sync::None);
}

/// Any answer ends it, also one that says no.
#[test]
fn any_answer_ends_a_trust_sync() {
    for status in
        [Status::NoData, Status::TryAgain { after_s: None }, Status::Refused { message: "no".into() }]
    {
        let mut rig = trusted(Peer::default());
        rig.run_for(35 * SECOND);
        rig.once(Purpose::TrustSync, Ok(rig.reply(status)));
        rig.run_for(2 * DAY);
        assert_eq!(syncs(&mut rig), [40]);
    }
}

#[test]
fn it_is_held_while_the_report_job_keeps_the_peer_down_and_runs_right_after_the_first_success() {
    let mut rig =
        trusted(Peer { down: vec![(T.plus_millis(SECOND), T.plus_millis(90 * MINUTE))], ..Peer::default() });
    rig.run_for(HOUR);
    assert_eq!(rig.view().sync(), Sync::Held);
    assert_eq!(failures(&rig.log, T), [0, 5, 10, 15], "of the report at 30 s, and its ladder");
    rig.run_for(2 * HOUR);
    // The ladder of T + 30 s: 60 min 30 s still fails, 120 min 30 s succeeds.
    let back = 120 * 60 + 30;
    assert_eq!(restored(&rig.log, T), [back * SECOND]);
    assert_eq!(syncs(&mut rig), [back]);
}

#[test]
fn a_failing_hello_holds_it_too() {
    let peer = Peer { trust_in_ack: true, ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, T, peer);
    rig.run_to(T.plus_millis(181 * SECOND)); // trust with the ACK: TRUST_SYNC at 220 s
    rig.outage(2 * HOUR);
    rig.command(Command::Url); // hello anew at 191 s
    rig.run_for(30 * MINUTE);
    assert_eq!(rig.view().sync(), Sync::Held);
    rig.sent.clear();
    rig.run_for(2 * HOUR);
    let hello = 191 + 2 * 3_600;
    let hello_and_sync = [(hello, Purpose::Hello), (hello, Purpose::TrustSync)];
    assert!(rig.take_sent().ends_with(&hello_and_sync));
}

#[test]
fn a_failed_poll_trust_request_or_manual_sync_does_not_hold_it() {
    let mut rig = trusted(Peer::default());
    rig.run_for(35 * SECOND);
    rig.once(Purpose::Trust, Err(Failure::Unreachable));
    rig.trust(true);
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.command(Command::Sync);
    rig.run_for(10 * SECOND);
    assert_eq!(syncs(&mut rig), [40]);
}

#[test]
fn the_command_sends_reports_then_trust_sync_and_counts_as_a_push() {
    let mut rig = trusted(Peer::default());
    rig.run_for(DAY);
    rig.sent.clear();
    rig.command(Command::Sync);
    assert_eq!(rig.purposes(), [Purpose::Usage, Purpose::TrustSync]);
    assert_eq!(rig.view().next_push(), Some(T.plus_millis(31 * DAY)));
    assert_eq!(rig.view().last_push(), Some(T.plus_millis(DAY)));
}

#[test]
fn with_nothing_to_report_the_command_sends_trust_sync_alone() {
    let mut rig = Rig::with(slpsim_agent::ProfileId::Nexus9000, TransportMode::Cslu, T, Peer::default(), &[]);
    rig.command(Command::Sync);
    assert_eq!(rig.purposes(), [Purpose::TrustSync]);
}

#[test]
fn nothing_of_the_command_is_retried() {
    let mut rig = trusted(Peer::default());
    rig.run_for(DAY);
    let next = rig.view().next_push();
    rig.log.clear();
    rig.sent.clear();
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.command(Command::Sync);
    assert_eq!(rig.purposes(), [Purpose::Usage]);
    assert_eq!((rig.log.len(), rig.view().next_push()), (1, next));
    rig.once(Purpose::TrustSync, Err(Failure::Unreachable));
    rig.command(Command::Sync);
    rig.run_for(5 * HOUR);
    let sent: Vec<_> = rig.purposes().into_iter().filter(|purpose| *purpose != Purpose::Poll).collect();
    assert_eq!(sent, [Purpose::Usage, Purpose::Usage, Purpose::TrustSync]);
    assert_eq!(rig.view().sync(), Sync::None);
}

/// §7.1: only if reporting is allowed; the reports are closed all the same.
#[test]
fn where_nothing_may_be_sent_the_command_only_closes_reports() {
    for transport in [TransportMode::Smart, TransportMode::Off] {
        let mut rig = Rig::new(transport, T, Peer::default());
        rig.run_for(MINUTE);
        rig.command(Command::Sync);
        assert_eq!((rig.sent.len(), rig.waiting().len()), (0, 1), "{transport}");
    }
}

#[test]
fn a_command_during_a_usage_exchange_waits_for_it_and_closes_each_report_once() {
    let mut rig = trusted(Peer::default());
    rig.hold = true;
    rig.run_for(30 * SECOND);
    rig.run_for(5 * SECOND);
    rig.command(Command::Sync);
    let waiting = rig.waiting();
    assert_eq!((rig.held.len(), waiting.len()), (1, 2));
    rig.run_for(4 * SECOND);
    rig.hold = false;
    rig.deliver();
    let sent: Vec<_> = rig.sent.iter().map(|(_, request)| request).collect();
    let [Request::Usage { reports: first }, Request::Usage { reports: second }, Request::TrustSync] =
        sent[..]
    else {
        panic!("{sent:?}")
    };
    let ids = |reports: &[slpsim_agent::Report]| reports.iter().map(|report| report.id).collect::<Vec<_>>();
    assert_eq!((ids(first), ids(second)), (waiting[..1].to_vec(), waiting));
    rig.run_for(2 * SECOND);
    assert_eq!(
        rig.view().sync(),
        Sync::None,
        "the answer to the command's TRUST_SYNC ended the one that was due"
    );
}

#[test]
fn a_scheduled_time_that_meets_a_manual_sync_takes_its_fate() {
    for fails in [true, false] {
        let mut rig = trusted(Peer::default());
        let t = Wall(rig.now.wall.0 + 30 * SECOND);
        rig.hold = true;
        rig.run_for(29 * SECOND);
        rig.command(Command::Sync);
        rig.run_for(2 * SECOND);
        assert_eq!(rig.held.len(), 1);
        if fails {
            rig.once(Purpose::Usage, Err(Failure::Unreachable));
        }
        rig.hold = false;
        rig.deliver();
        if fails {
            assert_eq!(rig.view().next_push(), Some(t.plus_millis(5 * MINUTE)), "T's ladder");
            assert_eq!(rig.purposes(), [Purpose::Usage]);
        } else {
            assert_eq!(rig.view().next_push(), Some(t.plus_millis(30 * DAY + SECOND)));
            assert_eq!(rig.purposes(), [Purpose::Usage, Purpose::TrustSync]);
        }
    }
}

/// §7.1 "TRUST_SYNC due, transport forbids it".
#[test]
fn on_transport_off_a_due_trust_sync_waits_in_steps_of_a_day() {
    let mut rig = trusted(Peer::default());
    rig.command(Command::Transport(TransportMode::Off));
    rig.run_for(3 * DAY);
    assert_eq!((rig.take_sent(), rig.view().sync()), (vec![], Sync::Due));
    rig.command(Command::Transport(TransportMode::Smart));
    rig.run_for(DAY);
    assert_eq!(syncs(&mut rig), [40 + 3 * 86_400]);
    assert_eq!(rig.due_in(Timer::Sync), None);
}

#[test]
fn two_commands_during_one_exchange_are_one() {
    let mut rig = trusted(Peer::default());
    rig.hold = true;
    rig.run_for(30 * SECOND);
    rig.command(Command::Sync);
    rig.command(Command::Sync);
    rig.hold = false;
    rig.deliver();
    assert_eq!(rig.purposes(), [Purpose::Usage, Purpose::Usage, Purpose::TrustSync]);
    rig.input(Input::Timeout);
}

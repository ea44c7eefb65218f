//! Trust codes (`spec/behaviour.md` §6, §7.1).

use slpsim_agent::view::TrustState;
use slpsim_agent::{
    Command, Element, ElementFault, Message, Output, Purpose, Request, Status, Timer, Token, TransportMode,
    TrustError, input::Scope,
};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy, standby, udi};

fn smart() -> Rig {
    let mut rig =
        Rig::new(TransportMode::Smart, T, Peer { policy: Some(example_policy()), ..Peer::default() });
    rig.run_for(10 * SECOND);
    rig.log.clear();
    rig
}

fn trusted() -> Rig {
    let mut rig = smart();
    rig.trust(false);
    rig.run_for(10 * MINUTE);
    rig.log.clear();
    rig.sent.clear();
    rig
}

fn failed(error: TrustError) -> Message {
    Message::TrustCodeInstallFailed { udi: udi(), error }
}

/// §6 "Lifecycle", §7.1 hello, usage report, TRUST_SYNC.
#[test]
fn a_trust_code_is_followed_by_a_push_after_30_s_and_one_trust_sync_after_40_s() {
    let mut rig = smart();
    assert_eq!(rig.sent, [], "without trust nothing is sent, not even hello");
    rig.trust(false);
    let texts = [
        Message::TrustCodeInstallSuccess { udi: udi() }.to_string(),
        Message::PolicyInstallSuccess.to_string(),
    ];
    assert_eq!(rig.texts(), texts);
    rig.run_for(2 * DAY);
    let sent = [(10, Purpose::Trust), (40, Purpose::Usage), (50, Purpose::TrustSync), (340, Purpose::Poll)];
    assert_eq!(rig.take_sent(), sent);
    assert_eq!(rig.log, []);
}

/// §6 "node lock".
#[test]
fn a_device_with_a_trust_code_refuses_a_second_command_by_itself_unless_it_says_force() {
    let mut rig = trusted();
    let before = rig.view().trust();
    let TrustState::Installed(before) = before else { panic!("{before:?}") };
    rig.trust(false);
    assert_eq!(rig.sent, []);
    assert_eq!(rig.log, [(rig.now.wall, failed(TrustError::AlreadyInstalled))]);
    assert_eq!(rig.view().trust(), TrustState::Installed(before));
    rig.trust(true);
    assert!(matches!(rig.sent[..], [(_, Request::Trust { force: true, .. })]));
    let TrustState::Installed(after) = rig.view().trust() else { panic!() };
    assert_ne!(after.identity, before.identity);
    assert_eq!(after.installed, rig.now.wall);
}

/// §5.2: the state is as before; §8 "COMM_FAILED": an answer that says no is none.
#[test]
fn a_refused_request_is_logged_once_and_not_repeated() {
    for (words, error) in [
        ("The token is not valid", TrustError::Token),
        ("Smart Account and Virtual Account mismatch", TrustError::Account),
        ("The token cannot be validated: no connection to CSSM", TrustError::NoConnection),
        ("Quota used up", TrustError::Other("Quota used up".into())),
    ] {
        let mut rig = smart();
        rig.refuse_once(Purpose::Trust, words);
        rig.trust(false);
        rig.run_for(2 * HOUR);
        assert_eq!(rig.take_log(T), [(10 * SECOND, failed(error.clone()))]);
        assert_eq!(rig.purposes(), [Purpose::Trust]);
        assert_eq!(rig.view().trust(), TrustState::Refused(&error));
    }
}

/// §6 "loss".
#[test]
fn a_refusal_never_takes_an_installed_trust_code_away() {
    let mut rig = trusted();
    rig.refuse_once(Purpose::Trust, "The token is not valid");
    rig.trust(true);
    assert_eq!(rig.log, [(rig.now.wall, failed(TrustError::Token))]);
    assert!(matches!(rig.view().trust(), TrustState::Installed(_)));
}

/// §6 "Lifecycle": `Requesting` → `Failure`.
#[test]
fn a_request_that_fails_is_repeated_every_hour_until_it_is_answered() {
    let mut rig = smart();
    rig.outage(150 * MINUTE);
    rig.trust(false);
    assert_eq!(rig.view().trust(), TrustState::Requesting { attempt: 1 });
    rig.run_for(3 * HOUR);
    let kinds: Vec<_> = rig.take_log(T).into_iter().map(|(at, m)| (at / SECOND, m.kind())).collect();
    use slpsim_agent::messages::Kind::{
        CommFailed, CommRestored, PolicyInstallSuccess, TrustCodeInstallSuccess,
    };
    assert_eq!(
        kinds,
        [
            (10, CommFailed),
            (3_610, CommFailed),
            (7_210, CommFailed),
            (10_810, CommRestored),
            (10_810, TrustCodeInstallSuccess),
            (10_810, PolicyInstallSuccess),
        ]
    );
}

/// §6 "commands that meet".
#[test]
fn a_new_token_command_replaces_a_pending_one() {
    let mut rig = smart();
    rig.hold = true;
    rig.trust(false);
    let token = Token::new("EXAMPLETOKEN0002").unwrap();
    rig.command(Command::Trust { token: token.clone(), scope: Scope::Local, force: false });
    assert_eq!(rig.held.len(), 1, "the first exchange was cancelled");
    assert!(rig.outputs.iter().any(|output| matches!(output, Output::Cancel(_))));
    assert!(matches!(&rig.held[0].1, Request::Trust { token: sent, .. } if *sent == token));
    rig.deliver();
    assert_eq!(rig.log.len(), 2);
}

/// §6 "commands that meet", §7.1.
#[test]
fn on_transport_off_a_command_is_dropped_and_a_pending_request_waits() {
    let mut rig = Rig::new(TransportMode::Off, T, Peer::default());
    rig.trust(false);
    rig.run_for(MINUTE);
    assert_eq!((rig.view().trust(), rig.sent.len()), (TrustState::Absent, 0));

    let mut rig = smart();
    rig.outage(MINUTE);
    rig.trust(false);
    rig.command(Command::Transport(TransportMode::Off));
    rig.log.clear();
    rig.run_for(HOUR);
    assert_eq!(rig.due_in(Timer::Trust), Some(DAY));
    rig.command(Command::Transport(TransportMode::Cslu));
    rig.run_for(DAY);
    assert!(matches!(rig.view().trust(), TrustState::Installed(_)));
}

/// §6 "implicit trust, when".
#[test]
fn the_first_ack_brings_trust_then_the_policy_and_replaces_no_push() {
    let peer = Peer { policy: Some(example_policy()), trust_in_ack: true, ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, T, peer);
    rig.run_for(HOUR);
    let trust = Message::TrustCodeInstallSuccess { udi: udi() };
    let start = (5 * SECOND, Message::ReportingRequired { days: 89 });
    assert_eq!(
        rig.take_log(T),
        [start, (180 * SECOND, trust), (180 * SECOND, Message::PolicyInstallSuccess)]
    );
    let sent = [(10, Purpose::Hello), (120, Purpose::Usage), (180, Purpose::Poll), (220, Purpose::TrustSync)];
    assert_eq!(rig.take_sent(), sent);
    assert_eq!(rig.view().next_push(), Some(T.plus_millis(30 * DAY + 2 * MINUTE)));
}

/// §5.2: `Requesting` is left by a trust code in an ACK.
#[test]
fn a_code_that_comes_with_an_ack_ends_a_request_that_fails() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { trust_in_ack: true, ..Peer::default() });
    rig.once(Purpose::Trust, Err(slpsim_agent::Failure::Unreachable));
    rig.trust(false);
    rig.run_for(3 * HOUR);
    let tried = rig.purposes().into_iter().filter(|purpose| *purpose == Purpose::Trust).count();
    assert_eq!(tried, 1);
    assert_eq!(rig.due_in(Timer::Trust), None);
}

/// §8: `OK_TRY_AGAIN`.
#[test]
fn a_server_that_is_busy_is_asked_again_after_its_time_or_900_s() {
    for (given, waits) in [(None, 900), (Some(0), 900), (Some(30), 30)] {
        let mut rig = smart();
        let busy = rig.reply(Status::TryAgain { after_s: given });
        rig.once(Purpose::Trust, Ok(busy));
        rig.trust(false);
        rig.run_for(20 * MINUTE);
        let asked: Vec<_> = rig.take_sent().into_iter().filter(|(_, p)| *p == Purpose::Trust).collect();
        assert_eq!(asked, [(10, Purpose::Trust), (10 + waits, Purpose::Trust)]);
    }
}

/// §6 "node lock".
#[test]
fn a_code_for_another_device_is_refused() {
    let mut rig = smart();
    let mut reply = rig.reply(Status::Ok);
    reply.trust.push(rig.peer.trust_code(standby(), rig.now.wall));
    rig.once(Purpose::Trust, Ok(reply));
    rig.trust(false);
    assert_eq!(rig.take_log(T), [(10 * SECOND, failed(TrustError::Parse))]);
    assert!(!rig.view().may_talk());
}

#[test]
fn an_answer_without_a_code_and_a_code_with_a_bad_signature_are_failed_installations() {
    let mut rig = smart();
    rig.once(Purpose::Trust, Ok(rig.reply(Status::Ok)));
    rig.trust(false);
    let mut reply = rig.reply(Status::Ok);
    reply.trust.push(Element { issued: rig.now.wall, body: Err(ElementFault::Signature) });
    rig.once(Purpose::Trust, Ok(reply));
    rig.trust(false);
    let at = 10 * SECOND;
    assert_eq!(rig.take_log(T), [(at, failed(TrustError::Parse)), (at, failed(TrustError::Signature))]);
}

/// §6 "transport `smart`/`callhome` without trust".
#[test]
fn without_trust_a_direct_transport_sends_nothing_logs_nothing_and_looks_again_each_day() {
    for transport in [TransportMode::Smart, TransportMode::Callhome] {
        let mut rig = Rig::new(transport, T, Peer::default());
        rig.run_for(3 * DAY);
        assert_eq!((rig.sent.len(), rig.log.len()), (0, 1), "only the reminder at start");
        assert_eq!(rig.due_in(Timer::Report), Some(2 * MINUTE));
    }
}

/// §6 "renewal", §19 "trust renewal before expiry".
#[test]
fn ninety_days_before_its_end_a_new_code_is_asked_for_each_day() {
    let mut rig = trusted();
    let TrustState::Installed(trust) = rig.view().trust() else { panic!() };
    let due = trust.valid_to.plus_millis(-90 * DAY);
    rig.run_to(due.plus_millis(-1));
    rig.sent.clear();
    rig.run_to(due.plus_millis(DAY));
    let syncs: Vec<_> = rig.sent.iter().filter(|(_, request)| *request == Request::TrustSync).collect();
    assert_eq!(syncs.iter().map(|(at, _)| at.since(due)).collect::<Vec<_>>(), [0, DAY]);
    rig.run_for(DAY - MINUTE);
    let mut reply = rig.reply(Status::Ok);
    reply.trust.push(rig.peer.trust_code(udi(), rig.now.wall));
    rig.once(Purpose::TrustSync, Ok(reply));
    rig.run_for(MINUTE);
    let TrustState::Installed(renewed) = rig.view().trust() else { panic!() };
    assert_ne!(renewed.identity, trust.identity);
    rig.sent.clear();
    rig.run_for(20 * DAY);
    assert!(!rig.purposes().contains(&Purpose::TrustSync));
}

#[test]
fn a_peer_that_gives_out_codes_at_their_end_is_asked_once_a_day() {
    let mut rig = smart();
    for _ in 0..4 {
        let mut reply = rig.reply(Status::Ok);
        let mut code = rig.peer.trust_code(udi(), rig.now.wall.plus_millis(HOUR / 2));
        code.body.as_mut().unwrap().valid_to = T;
        reply.trust.push(code);
        rig.once(Purpose::Trust, Ok(reply.clone()));
        rig.once(Purpose::TrustSync, Ok(reply));
    }
    rig.trust(false);
    rig.run_for(DAY - MINUTE);
    let syncs = rig.purposes().into_iter().filter(|purpose| *purpose == Purpose::TrustSync).count();
    assert_eq!(syncs, 1, "the one 40 s after trust");
}

/// §7.1: the hourly repetition is of attempts that failed; one that is under way is not begun again.
#[test]
fn a_trust_request_that_lasts_longer_than_an_hour_is_not_sent_again() {
    let mut rig = Rig::new(TransportMode::Smart, T, Peer::default());
    rig.hold = true;
    rig.trust(false);
    rig.sent.clear();
    rig.run_for(3 * HOUR);
    assert!(!rig.purposes().contains(&Purpose::Trust));
    rig.hold = false;
    rig.deliver();
    assert!(matches!(rig.view().trust(), TrustState::Installed(_)));
}

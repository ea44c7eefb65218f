//! Authorization codes on `mds9000` (`spec/messages.md` §1 rows 2, 9, 10, `spec/formats.md` §6, §8.3).

use slpsim_agent::{
    AuthCode, AuthError, Command, CommandError, Element, ElementFault, Failure, Input, Message, ProfileId,
    Purpose, Reply, Request, Status, TransportMode, Udi, Usage,
};

use crate::support::{HOUR, MINUTE, Peer, Rig, T, failures, standby, udi};

fn mds() -> Rig {
    let usage = [Usage { license: 2, count: 1 }];
    let mut rig = Rig::with(ProfileId::Mds9000, TransportMode::Cslu, T, Peer::default(), &usage);
    rig.run_for(5 * MINUTE);
    rig.log.clear();
    rig.sent.clear();
    rig
}

fn with_code(rig: &Rig, udi: Udi, count: u32) -> Reply {
    let tag = rig.agent.profile().licenses[2].tag.to_owned();
    let code = AuthCode { udi, entitlements: vec![(tag, count)], flag: "A".into() };
    let mut reply = rig.reply(Status::Ok);
    reply.auth.push(rig.element(code));
    reply
}

const REQUEST: Command = Command::AuthorizationRequest { license: 2, count: 3 };

#[test]
fn a_code_is_asked_for_once_installed_once_and_returned() {
    let mut rig = mds();
    rig.once(Purpose::AuthRequest, Ok(with_code(&rig, udi(), 3)));
    rig.command(REQUEST);
    let Request::AuthRequest { keys } = &rig.sent[0].1 else { panic!("{:?}", rig.sent) };
    assert_eq!((keys[0].entitlement, keys[0].count), (rig.agent.profile().licenses[2].tag, 3));
    assert_eq!(rig.log, [(rig.now.wall, Message::AuthorizationInstallSuccess { udi: udi() })]);
    rig.once(Purpose::AuthRequest, Ok(with_code(&rig, udi(), 3)));
    rig.command(REQUEST);
    assert_eq!(rig.log.len(), 1, "the same code again");
    rig.restart(slpsim_agent::BootCause::Reload);
    assert_eq!(rig.view().authorizations().count(), 1);
    rig.log.clear();

    rig.once(Purpose::AuthReturn, Err(Failure::Unreachable));
    rig.command(Command::AuthorizationReturn);
    assert_eq!((rig.view().authorizations().count(), failures(&rig.log, T).len()), (1, 1));
    rig.refuse_once(Purpose::AuthReturn, "unknown code");
    rig.command(Command::AuthorizationReturn);
    assert_eq!(rig.view().authorizations().count(), 1);
    rig.log.clear();
    rig.command(Command::AuthorizationReturn);
    assert_eq!(rig.log, [(rig.now.wall, Message::AuthorizationRemoved { udi: udi() })]);
    let Some((_, Request::AuthReturn { remove_code })) = rig.sent.last() else { panic!() };
    assert_eq!(rig.agent.return_code().as_ref(), Some(remove_code));
    assert_eq!(rig.try_command(Command::AuthorizationReturn), Err(CommandError::NotFound));
}

#[test]
fn another_count_for_the_same_licence_replaces_the_code() {
    let mut rig = mds();
    for count in [3, 5] {
        rig.once(Purpose::AuthRequest, Ok(with_code(&rig, udi(), count)));
        rig.command(REQUEST);
    }
    let counts: Vec<u32> = rig.view().authorizations().map(|(code, _)| code.entitlements[0].1).collect();
    assert_eq!((counts, rig.log.len()), (vec![5], 2));
}

#[test]
fn a_code_that_is_refused_on_arrival_is_logged_each_time() {
    let mut rig = mds();
    for (fault, error) in
        [(ElementFault::Signature, AuthError::Signature), (ElementFault::Unreadable, AuthError::Parse)]
    {
        let mut reply = rig.reply(Status::Ok);
        reply.auth.push(Element { issued: rig.now.wall, body: Err(fault) });
        rig.once(Purpose::AuthRequest, Ok(reply));
        rig.command(REQUEST);
        assert_eq!(rig.log.pop().unwrap().1, Message::AuthorizationInstallFailed { udi: udi(), error });
    }
    rig.peer.skew_ms = 2 * HOUR;
    for error in [AuthError::Timestamp, AuthError::Timestamp] {
        rig.once(Purpose::AuthRequest, Ok(with_code(&rig, udi(), 3)));
        rig.command(REQUEST);
        assert_eq!(rig.log.pop().unwrap().1, Message::AuthorizationInstallFailed { udi: udi(), error });
    }
    rig.peer.skew_ms = 0;
    rig.once(Purpose::AuthRequest, Ok(with_code(&rig, standby(), 3)));
    rig.command(REQUEST);
    let error = AuthError::Parse;
    assert_eq!(rig.log, [(rig.now.wall, Message::AuthorizationInstallFailed { udi: udi(), error })]);
    assert_eq!(rig.view().authorizations().count(), 0);
}

#[test]
fn nothing_of_a_request_is_repeated_and_a_refusal_is_silent() {
    let mut rig = mds();
    rig.once(Purpose::AuthRequest, Err(Failure::Unreachable));
    rig.command(REQUEST);
    rig.refuse_once(Purpose::AuthRequest, "no licences left");
    rig.command(REQUEST);
    rig.run_for(HOUR);
    assert_eq!(rig.purposes(), [Purpose::AuthRequest, Purpose::AuthRequest]);
    assert_eq!((failures(&rig.log, T), rig.log.len()), (vec![5], 2));
}

/// `spec/messages.md` §1 note 1: Nexus profiles refuse.
#[test]
fn a_nexus_refuses_request_return_and_code() {
    for profile in [ProfileId::Nexus9000, ProfileId::Nexus3000] {
        let usage = [Usage { license: 0, count: 1 }];
        let mut rig = Rig::with(profile, TransportMode::Cslu, T, Peer::default(), &usage);
        let refused = Err(CommandError::NotOnThisProfile);
        assert_eq!(rig.try_command(REQUEST), refused);
        assert_eq!(rig.try_command(Command::AuthorizationReturn), refused);
        assert_eq!(rig.sent, []);
        let reply = with_code(&rig, udi(), 1);
        rig.once(Purpose::TrustSync, Ok(reply));
        rig.command(Command::Sync);
        assert_eq!((rig.log.len(), rig.view().authorizations().count()), (0, 0));
    }
}

#[test]
fn a_request_needs_a_licence_of_the_platform_and_a_transport_that_may_talk() {
    let mut rig = mds();
    let unknown = Command::AuthorizationRequest { license: 9, count: 1 };
    assert_eq!(rig.try_command(unknown), Err(CommandError::NotFound));
    for transport in [TransportMode::Off, TransportMode::Smart] {
        rig.command(Command::Transport(transport));
        assert!(matches!(rig.try_command(REQUEST), Err(CommandError::Refused(_))), "{transport}");
    }
    assert_eq!(rig.sent, []);
}

/// The command is about the active unit: codes of the other one stay, whoever is active when the answer comes.
#[test]
fn a_return_takes_only_the_codes_of_the_unit_that_is_active() {
    let mut rig = mds();
    rig.input(Input::StandbyAdded(standby()));
    for unit in [udi(), standby()] {
        rig.once(Purpose::AuthRequest, Ok(with_code(&rig, unit, 3)));
        rig.command(REQUEST);
    }
    assert_eq!(rig.view().authorizations().count(), 2);
    rig.command(Command::AuthorizationReturn);
    rig.run_for(MINUTE);
    assert_eq!(rig.view().authorizations().map(|(code, _)| code.udi).collect::<Vec<_>>(), [standby()]);
    assert_eq!(rig.try_command(Command::AuthorizationReturn), Err(CommandError::NotFound));
    rig.input(Input::Switchover);
    rig.hold = true;
    rig.command(Command::AuthorizationReturn);
    rig.input(Input::Switchover);
    rig.hold = false;
    rig.deliver();
    assert_eq!(rig.view().authorizations().count(), 1, "nothing of the unit that is active now");
}

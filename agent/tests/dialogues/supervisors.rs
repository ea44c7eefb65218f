//! Two supervisors (`spec/behaviour.md` §10, `spec/messages.md` §2).

use slpsim_agent::{
    Command, Element, ElementFault, Failure, Input, Message, Purpose, Report, Request, Role, Signer, Status,
    Timer, Token, TransportMode, TrustError, Udi, input::Scope,
};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy, standby, udi};

fn trust_all(rig: &mut Rig, force: bool) {
    let token = Token::new("EXAMPLETOKEN0001").unwrap();
    rig.command(Command::Trust { token, scope: Scope::All, force });
}

/// Both supervisors with trust, an hour after start.
fn pair(transport: TransportMode) -> Rig {
    let mut rig = Rig::new(transport, T, Peer { policy: Some(example_policy()), ..Peer::default() });
    rig.input(Input::StandbyAdded(standby()));
    trust_all(&mut rig, false);
    rig.run_for(HOUR);
    rig
}

fn last_reports(rig: &Rig) -> Vec<Report> {
    let sent = rig.sent.iter().rev().find_map(|(_, request)| match request {
        Request::Usage { reports } => Some(reports.clone()),
        _ => None,
    });
    sent.unwrap()
}

fn roles(report: &Report) -> Vec<(Role, Udi)> {
    report.units.iter().map(|unit| (unit.role, unit.udi)).collect()
}

#[test]
fn with_all_both_units_are_asked_for_and_the_active_one_is_logged_first() {
    let mut rig =
        Rig::new(TransportMode::Smart, T, Peer { policy: Some(example_policy()), ..Peer::default() });
    rig.input(Input::StandbyAdded(standby()));
    let mut reply = rig.reply(Status::Ok);
    for udi in [standby(), udi()] {
        reply.trust.push(rig.peer.trust_code(udi, rig.now.wall));
    }
    reply.policy = rig.peer.policy(rig.now.wall);
    rig.once(Purpose::Trust, Ok(reply));
    trust_all(&mut rig, false);
    let Request::Trust { units, .. } = &rig.sent[0].1 else { panic!("{:?}", rig.sent) };
    assert_eq!(units.iter().map(|unit| unit.udi).collect::<Vec<_>>(), [udi(), standby()]);
    let logged: Vec<_> = rig.log.drain(..).map(|(_, message)| message).collect();
    let success = |udi| Message::TrustCodeInstallSuccess { udi };
    assert_eq!(logged, [success(udi()), success(standby()), Message::PolicyInstallSuccess]);
    assert!(rig.view().units().all(|(_, trust)| trust.is_some()));
}

/// `spec/messages.md` §1 row 6: once per UDI and refusal.
#[test]
fn a_refusal_is_logged_for_each_unit_that_was_asked_for() {
    let failed = |udi, error| Message::TrustCodeInstallFailed { udi, error };
    let mut rig = Rig::new(TransportMode::Smart, T, Peer::default());
    rig.input(Input::StandbyAdded(standby()));
    rig.refuse_once(Purpose::Trust, "The token is not valid");
    trust_all(&mut rig, false);
    let mut reply = rig.reply(Status::Ok);
    reply.trust.push(rig.peer.trust_code(udi(), rig.now.wall));
    reply.trust.push(Element { issued: rig.now.wall, body: Err(ElementFault::Signature) });
    rig.once(Purpose::Trust, Ok(reply));
    trust_all(&mut rig, false);
    trust_all(&mut rig, true);
    trust_all(&mut rig, false);
    let logged: Vec<_> = rig.log.drain(..).map(|(_, message)| message).collect();
    assert_eq!(
        logged,
        [
            failed(udi(), TrustError::Token),
            failed(standby(), TrustError::Token),
            Message::TrustCodeInstallSuccess { udi: udi() },
            failed(standby(), TrustError::Signature),
            Message::TrustCodeInstallSuccess { udi: udi() },
            Message::TrustCodeInstallSuccess { udi: standby() },
            failed(udi(), TrustError::AlreadyInstalled),
            failed(standby(), TrustError::AlreadyInstalled),
        ]
    );
}

/// §10: report at once, with a retry window; on a direct topology also TRUST_SYNC.
#[test]
fn each_event_of_the_pair_is_a_push_at_once_with_a_window() {
    for event in [
        Input::StandbyRemoved,
        Input::Switchover,
        Input::StandbyAdded(Udi::new("N9K-C9508", "FDO00000009").unwrap()),
    ] {
        for transport in [TransportMode::Cslu, TransportMode::Smart] {
            let mut rig = pair(transport);
            rig.sent.clear();
            let added = matches!(event, Input::StandbyAdded(_));
            rig.outage(10 * MINUTE);
            rig.input(event.clone());
            rig.run_for(6 * MINUTE);
            let usage = rig.sent.iter().filter(|(_, sent)| sent.purpose() == Purpose::Usage);
            let at: Vec<_> = usage.map(|(at, _)| at.since(T) - HOUR).collect();
            assert_eq!(at, [0, 5 * MINUTE], "{event:?} {transport}");
            rig.run_for(HOUR);
            let synced = rig.purposes().contains(&Purpose::TrustSync);
            assert_eq!(synced, added && transport == TransportMode::Smart, "{event:?} {transport}");
        }
    }
}

#[test]
fn an_event_in_a_window_begins_a_new_one_and_during_an_exchange_it_waits() {
    let mut rig = pair(TransportMode::Cslu);
    rig.outage(2 * DAY);
    rig.input(Input::StandbyRemoved);
    rig.run_for(5 * HOUR);
    assert!(rig.view().is_fast());
    rig.input(Input::StandbyAdded(standby()));
    rig.run_for(0);
    assert!(!rig.view().is_fast());
    assert_eq!(rig.due_in(Timer::Report), Some(5 * MINUTE));

    rig.peer.down.clear();
    rig.hold = true;
    rig.run_for(5 * MINUTE);
    rig.input(Input::StandbyRemoved);
    assert_eq!(rig.held.len(), 1);
    rig.sent.clear();
    rig.hold = false;
    rig.deliver();
    rig.run_for(0);
    let reports = last_reports(&rig);
    assert_eq!(roles(reports.last().unwrap()), [(Role::Active, udi())]);
}

/// §4 "immutable", `spec/formats.md` §13.
#[test]
fn a_report_closed_before_a_switchover_keeps_units_and_signer() {
    let mut rig = pair(TransportMode::Cslu);
    let old = rig.agent.sender().identity.unwrap();
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.command(Command::Sync);
    let before = last_reports(&rig);
    assert_eq!(roles(&before[0]), [(Role::Active, udi()), (Role::Standby, standby())]);
    assert_eq!(before[0].signer, Signer::Id(old));
    rig.input(Input::Switchover);
    assert_eq!(rig.agent.sender().udi, standby());
    let new = rig.agent.sender().identity.unwrap();
    assert_ne!(new, old);
    rig.run_for(0);
    let after = last_reports(&rig);
    assert_eq!(after[0], before[0]);
    assert_eq!(roles(&after[1]), [(Role::Active, standby()), (Role::Standby, udi())]);
    assert_eq!(after[1].signer, Signer::Id(new));
}

/// The hard cases of the generations: a standby without trust, new codes, switchovers to and fro, a restart.
#[test]
fn reports_keep_their_signer_through_any_order_of_switchovers_and_new_codes() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.trust(false);
    rig.run_for(HOUR);
    rig.peer.down.push((T, T.plus_days(365)));
    rig.input(Input::StandbyAdded(standby()));
    rig.run_for(0);
    let mut known = last_reports(&rig);
    for round in 0..12 {
        match round % 4 {
            0 | 2 => rig.input(Input::Switchover),
            1 => {
                let mut reply = rig.reply(Status::Ok);
                for unit in rig.agent.units().map(|unit| unit.udi).collect::<Vec<_>>() {
                    reply.trust.push(rig.peer.trust_code(unit, rig.now.wall));
                }
                rig.once(Purpose::Trust, Ok(reply));
                trust_all(&mut rig, true);
            }
            _ => {
                let mut reply = rig.reply(Status::Ok);
                let active = rig.agent.sender().udi;
                reply.trust.push(rig.peer.trust_code(active, rig.now.wall));
                rig.once(Purpose::Trust, Ok(reply));
                rig.trust(true);
                rig.restart(slpsim_agent::BootCause::Reload);
            }
        }
        rig.run_for(SECOND);
        rig.command(Command::Sync);
        let sent = last_reports(&rig);
        assert_eq!(sent[..known.len()], known, "round {round}");
        known = sent;
    }
    let signers: Vec<_> = known.iter().map(|report| report.signer).collect();
    assert!(signers.contains(&Signer::Builtin), "of the supervisor that had no code yet");
    assert!(signers.iter().collect::<std::collections::HashSet<_>>().len() > 6);
}

/// More generations than a byte can count.
#[test]
fn three_hundred_reports_of_three_hundred_switchovers_keep_their_units() {
    let mut rig = pair(TransportMode::Cslu);
    rig.outage(900 * DAY);
    let mut known = Vec::new();
    for _ in 0..299 {
        rig.input(Input::Switchover);
        rig.run_for(SECOND);
        known.extend(last_reports(&rig).pop());
    }
    let sent = last_reports(&rig);
    assert!(sent.ends_with(&known));
    let active = |report: &Report| report.units[0].udi;
    assert!(known.windows(2).all(|two| active(&two[0]) != active(&two[1])));
}

/// §10: "the new active continues with the synchronised state".
#[test]
fn the_new_active_continues_with_ids_deadline_and_policy() {
    let mut rig = pair(TransportMode::Smart);
    let facts = |rig: &Rig| {
        (rig.view().ack_deadline(), rig.view().policy().map(|(_, at)| at), rig.view().last_push())
    };
    let before = facts(&rig);
    let last = rig.view().reports().last().unwrap().id;
    rig.input(Input::Switchover);
    assert_eq!(facts(&rig), before);
    rig.run_for(0);
    assert!(rig.view().reports().last().unwrap().id > last);
}

#[test]
fn a_switchover_to_a_unit_without_trust_stops_a_direct_transport() {
    let mut rig = Rig::new(TransportMode::Smart, T, Peer::default());
    rig.trust(false);
    rig.run_for(HOUR);
    rig.input(Input::StandbyAdded(standby()));
    rig.run_for(HOUR);
    rig.input(Input::Switchover);
    rig.sent.clear();
    rig.run_for(DAY);
    assert_eq!((rig.sent.len(), rig.view().may_talk(), rig.due_in(Timer::TrustRenew)), (0, false, None));
    rig.trust(false);
    assert!(rig.view().may_talk());
}

/// A request for one unit that comes back when the roles have changed installs on the unit that it names.
#[test]
fn a_code_goes_to_the_unit_that_it_is_for() {
    let mut rig = pair(TransportMode::Cslu);
    rig.hold = true;
    rig.trust(true);
    rig.input(Input::Switchover);
    let active = rig.agent.sender().identity;
    rig.log.clear();
    rig.hold = false;
    let mut reply = rig.reply(Status::Ok);
    reply.trust.push(rig.peer.trust_code(udi(), rig.now.wall));
    rig.once(Purpose::Trust, Ok(reply));
    rig.deliver();
    assert_eq!(rig.log, [(rig.now.wall, Message::TrustCodeInstallSuccess { udi: udi() })]);
    assert_eq!(rig.agent.sender().identity, active);
}

#[test]
fn a_factory_reset_forgets_the_trust_of_both_units_and_keeps_the_pair() {
    let mut rig = pair(TransportMode::Cslu);
    rig.command(Command::FactoryReset);
    let units: Vec<_> = rig.view().units().map(|(unit, trust)| (unit.role, unit.udi, trust)).collect();
    assert_eq!(units, [(Role::Active, udi(), None), (Role::Standby, standby(), None)]);
}

/// §10 speaks of a standby that is added; one that is there from the start is no event.
#[test]
fn a_standby_that_is_there_from_the_start_causes_no_push_of_its_own() {
    let usage = [slpsim_agent::Usage { license: 0, count: 1 }];
    let profile = slpsim_agent::ProfileId::Nexus9000;
    let mut rig = Rig::unbooted(profile, TransportMode::Cslu, T, Peer::default(), &usage);
    rig.agent.pair_with(standby());
    rig.input(Input::Boot { cause: slpsim_agent::BootCause::First, clock_authoritative: true });
    rig.run_for(HOUR);
    let usage = rig.sent.iter().filter(|(_, sent)| sent.purpose() == Purpose::Usage);
    assert_eq!(usage.map(|(at, _)| at.since(T)).collect::<Vec<_>>(), [2 * MINUTE]);
    assert_eq!(roles(&last_reports(&rig)[0]), [(Role::Active, udi()), (Role::Standby, standby())]);
    rig.input(Input::StandbyAdded(standby()));
    assert_eq!(rig.due_in(Timer::Report), Some(30 * DAY + 2 * MINUTE - HOUR), "it is there already");
}

#[test]
fn events_that_change_nothing_push_nothing() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.run_for(HOUR);
    rig.sent.clear();
    for event in [Input::StandbyRemoved, Input::Switchover, Input::StandbyAdded(udi())] {
        rig.input(event);
        rig.run_for(SECOND);
    }
    assert_eq!(rig.sent, []);
}

//! Usage and trust requests that are saved, and files that are imported (`spec/behaviour.md` §4, §9, §12, §17).

use slpsim_agent::output::{AckIgnored, Event};
use slpsim_agent::{
    Account, Ack, AuthCode, Command, CommandError, Element, ElementFault, Failure, File, Import, ImportKind,
    Output, ProfileId, Purpose, Report, ReportId, ReportState, ReportVerdict, SaveUsage, Timer, Token,
    TransportMode, Udi, Usage,
};
use slpsim_policy::{Phase, Policy, Values, Wall};

use crate::support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy, standby, udi};

const OFF: TransportMode = TransportMode::Off;

fn save(rig: &mut Rig, which: SaveUsage) -> Result<Vec<Report>, CommandError> {
    rig.outputs.clear();
    rig.try_command(Command::SaveUsage(which))?;
    let [Output::Persist, Output::WriteFile(File::Usage(reports))] = &rig.outputs[..] else {
        panic!("{:?}", rig.outputs)
    };
    Ok(reports.clone())
}

fn saved_ids(rig: &mut Rig, which: SaveUsage) -> Result<Vec<u64>, CommandError> {
    save(rig, which).map(|reports| reports.iter().map(|report| report.id.0).collect())
}

fn import(rig: &mut Rig, import: Import) -> Result<(), String> {
    rig.try_command(Command::Import(Box::new(import))).map_err(|error| error.to_string())
}

fn ack_of(rig: &Rig, ids: &[u64]) -> (Option<Udi>, Element<Ack>) {
    let reports = ids.iter().map(|id| (ReportId(*id), ReportVerdict::Acknowledged)).collect();
    (Some(udi()), rig.element(Ack { reports }))
}

fn policy_file(issued: Wall, policy: Policy) -> Import {
    Import { policies: vec![Element { issued, body: Ok(policy) }], ..Import::default() }
}

fn trust_file(rig: &mut Rig, udi: Udi, issued: Wall) -> Import {
    Import { trust: vec![rig.peer.trust_code(udi, issued)], ..Import::default() }
}

/// §4 "what closes a report", §5.1 "unacknowledged", §18 `Last report file write:`.
#[test]
fn saving_usage_closes_the_open_reports_and_marks_those_that_are_saved() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    rig.run_for(DAY);
    let first = u64::try_from(T.secs()).unwrap();
    assert_eq!(rig.view().last_file_write(), None);
    assert_eq!(saved_ids(&mut rig, SaveUsage::Unreported), Ok(vec![first]));
    assert_eq!(rig.view().last_file_write(), Some(rig.now.wall));
    let states: Vec<_> = rig.view().reports().map(|report| report.state.word()).collect();
    assert_eq!(states, ["UNACK", "OPEN"]);
    rig.run_for(HOUR);
    assert_eq!(saved_ids(&mut rig, SaveUsage::All), Ok(vec![first, first + 1]));
    assert_eq!((rig.view().last_push(), rig.view().phase()), (None, Phase::First), "nothing was delivered");
    let summary = rig.view().report_summary();
    assert_eq!((summary.waiting_for_ack, summary.collecting), (2, 1));
}

#[test]
fn each_selection_has_the_reports_that_it_names() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    let first = u64::try_from(T.secs()).unwrap();
    for _ in 0..3 {
        rig.run_for(10 * DAY);
        rig.command(Command::Sync); // closes reports, and sends nothing on this transport
    }
    let ack = Import { acks: vec![ack_of(&rig, &[first])], ..Import::default() };
    assert_eq!(import(&mut rig, ack), Ok(()));
    let rejected = Ack { reports: vec![(ReportId(first + 1), ReportVerdict::Rejected("R".into()))] };
    let rejected = Import { acks: vec![(Some(udi()), rig.element(rejected))], ..Import::default() };
    assert_eq!(import(&mut rig, rejected), Ok(()));
    rig.run_for(DAY);
    let not_found = Err(CommandError::NotFound);
    let on_a_copy = |which| saved_ids(&mut rig.clone(), which);
    assert_eq!(on_a_copy(SaveUsage::All), Ok(vec![first + 1, first + 2, first + 3]));
    assert_eq!(on_a_copy(SaveUsage::Unreported), Ok(vec![first + 2, first + 3]));
    assert_eq!(on_a_copy(SaveUsage::Days(1)), Ok(vec![first + 2, first + 3]));
    assert_eq!(on_a_copy(SaveUsage::Days(12)), Ok(vec![first + 1, first + 2, first + 3]));
    assert_eq!(on_a_copy(SaveUsage::Report(ReportId(first + 2))), Ok(vec![first + 2]));
    assert_eq!(on_a_copy(SaveUsage::Report(ReportId(first + 3))), Ok(vec![first + 3]), "open until now");
    assert_eq!(on_a_copy(SaveUsage::Report(ReportId(first))), not_found, "gone with its ACK");
    assert_eq!(on_a_copy(SaveUsage::Report(ReportId(7))), not_found);
    assert_eq!(CommandError::NotFound.to_string(), "The requested item was not found");
    let before = rig.agent.clone();
    let _ = save(&mut rig, SaveUsage::Report(ReportId(7)));
    assert_eq!(rig.agent, before, "what is not found changes nothing");
}

#[test]
fn a_device_that_never_used_a_license_has_nothing_to_save() {
    let mut rig = Rig::with(ProfileId::Nexus9000, OFF, T, Peer::default(), &[]);
    rig.run_for(DAY);
    for which in [SaveUsage::All, SaveUsage::Days(9), SaveUsage::Unreported] {
        assert_eq!(saved_ids(&mut rig, which), Err(CommandError::NotFound));
    }
}

/// A saved report is pushed like any other: it is delivered when a peer takes it.
#[test]
fn a_report_that_was_saved_still_goes_with_the_next_push() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    let ids = saved_ids(&mut rig, SaveUsage::Unreported).unwrap();
    rig.run_for(5 * MINUTE);
    let acked = rig.view().reports().filter(|report| report.state == ReportState::Acknowledged);
    assert!(acked.map(|report| report.id.0).any(|id| id == ids[0]));
}

#[test]
fn a_trust_request_carries_the_token_of_a_command_that_waits() {
    let mut rig = Rig::new(TransportMode::Smart, T, Peer::default());
    let request = |rig: &mut Rig| {
        rig.outputs.clear();
        rig.command(Command::SaveTrustRequest);
        match rig.outputs.pop() {
            Some(Output::WriteFile(File::TrustRequest { token, force })) => (token, force),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(request(&mut rig), (None, false));
    rig.once(Purpose::Trust, Err(Failure::Unreachable));
    rig.trust(true);
    let (token, force) = request(&mut rig);
    assert_eq!((token, force), (Some(Token::new("EXAMPLETOKEN0001").unwrap()), true));
    assert!(!format!("{:?}", rig.outputs).contains("EXAMPLETOKEN0001"));
}

/// §12 topology 5, on the agent alone.
#[test]
fn without_any_connection_trust_policy_and_ack_come_by_files() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    rig.run_for(DAY);
    let now = rig.now.wall;
    let code = trust_file(&mut rig, udi(), now);
    assert_eq!(import(&mut rig, code), Ok(()));
    let ids = saved_ids(&mut rig, SaveUsage::Unreported).unwrap();
    rig.run_for(HOUR);
    let file = Import {
        account: Some(Account { smart: "Example SA".into(), r#virtual: "Lab".into() }),
        policies: vec![rig.element(example_policy())],
        acks: vec![ack_of(&rig, &ids)],
        ..Import::default()
    };
    rig.texts();
    assert_eq!(import(&mut rig, file.clone()), Ok(()));
    assert_eq!(
        rig.texts(),
        [
            "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed."
        ]
    );
    let view = rig.view();
    assert_eq!(view.account().unwrap().0.r#virtual, "Lab");
    assert_eq!((view.last_ack(), view.phase()), (Some(rig.now.wall), Phase::First), "a new policy");
    assert_eq!(view.ack_deadline(), Some(rig.now.wall.plus_days(60)));
    assert_eq!(rig.waiting(), []);

    // The same file again is harmless, whatever has happened since.
    rig.run_for(30 * DAY);
    rig.input(slpsim_agent::Input::Usage(Usage { license: 1, count: 1 }));
    let before = (rig.view().last_ack(), rig.view().ack_deadline());
    assert_eq!(import(&mut rig, file), Ok(()));
    assert_eq!((rig.view().last_ack(), rig.view().ack_deadline()), before);
    assert_eq!(rig.take_sent(), []);

    // The next ACK finds the policy in use: now the reports of this policy have been delivered.
    let ids = saved_ids(&mut rig, SaveUsage::Unreported).unwrap();
    let ack = Import { acks: vec![ack_of(&rig, &ids)], ..Import::default() };
    assert_eq!(import(&mut rig, ack), Ok(()));
    assert_eq!(rig.view().phase(), Phase::Ongoing);
    assert_eq!(rig.view().ack_deadline(), Some(rig.now.wall.plus_days(180)));
    rig.run_for(400 * DAY);
    assert_eq!(rig.take_sent(), [], "transport off");
}

/// §9, third column, and what is refused beside it: the reply, the message, and that nothing changes.
#[test]
fn what_is_refused_is_named_and_changes_nothing() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    rig.run_for(DAY);
    let now = rig.now.wall;
    import(&mut rig, policy_file(now, example_policy())).unwrap();
    let code = trust_file(&mut rig, udi(), now);
    import(&mut rig, code).unwrap();
    rig.texts();
    let other = Policy::nxos("Other", Values::of(1, 2, 3));
    let policy = "%LICMGR-3-LOG_SMART_LIC_POLICY_INSTALL_FAILED: The installation of a new licensing policy has failed";
    let trust = "%LICMGR-3-LOG_SMART_LIC_TRUST_CODE_INSTALL_FAILED: The install of a new licensing trust code has failed on P:N9K-C93180YC-FX3,S:FDO00000001";
    let bad =
        |fault| Import { policies: vec![Element { issued: now, body: Err(fault) }], ..Import::default() };
    let day = |days: i64| now.plus_millis(days * DAY);
    let mut code = |udi, issued| trust_file(&mut rig, udi, issued);
    let stranger = Udi::new("N9K-C93180YC-FX3", "FDO00000009").unwrap();
    let rows = [
        (
            bad(ElementFault::Signature),
            "policy: Signature mismatch",
            format!("{policy}: Signature mismatch."),
        ),
        (
            bad(ElementFault::Unreadable),
            "policy: message parsing error",
            format!("{policy}: message parsing error."),
        ),
        (
            policy_file(now.plus_millis(HOUR + 1), other.clone()),
            "policy: Timestamp mismatch",
            format!("{policy}: Timestamp mismatch."),
        ),
        (
            policy_file(day(31), other.clone()),
            "policy: Signature mismatch",
            format!("{policy}: Signature mismatch."),
        ),
        (
            policy_file(day(-366), other.clone()),
            "policy: Signature mismatch",
            format!("{policy}: Signature mismatch."),
        ),
        (
            policy_file(day(-1), other),
            "policy: it is older than the one installed",
            format!("{policy}: Timestamp mismatch."),
        ),
        (
            code(udi(), day(-1)),
            "trust code: it is older than the one installed",
            format!("{trust}: Timestamp mismatch."),
        ),
        (
            code(stranger, now),
            "trust code: it is for another product instance",
            format!("{trust}: message parsing error."),
        ),
        (
            Import::unreadable(ImportKind::TrustCode, now),
            "trust code: message parsing error",
            format!("{trust}: message parsing error."),
        ),
    ];
    for (file, reply, message) in rows {
        let before = rig.agent.clone();
        assert_eq!(import(&mut rig, file), Err(format!("% Import Data Failed: {reply}")));
        assert_eq!(rig.texts(), [message]);
        assert_eq!(rig.agent, before, "{reply}");
    }
}

#[test]
fn an_ack_that_is_refused_leaves_an_entry_in_the_event_log() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    let ids = saved_ids(&mut rig, SaveUsage::Unreported).unwrap();
    let (_, good) = ack_of(&rig, &ids);
    let other = Udi::new("N9K-C93180YC-FX3", "FDO00000009").unwrap();
    for (udi, ack, why, ignored) in [
        (Some(other), good.clone(), "it is for another product instance", AckIgnored::Unreadable),
        (
            Some(udi()),
            Element { issued: rig.now.wall.plus_days(1), ..good.clone() },
            "Timestamp mismatch",
            AckIgnored::Timestamp,
        ),
        (
            None,
            Element { body: Err(ElementFault::Signature), ..good },
            "Signature mismatch",
            AckIgnored::Signature,
        ),
    ] {
        rig.outputs.clear();
        let file = Import { acks: vec![(udi, ack)], ..Import::default() };
        assert_eq!(import(&mut rig, file), Err(format!("% Import Data Failed: RUM ACK: {why}")));
        assert_eq!(rig.outputs, [Output::Event(Event::Ack { ignored: Some(ignored) })]);
    }
    assert_eq!(rig.waiting().len(), 1);
}

/// A policy says nothing of devices: what comes with the ACK or the code of another device is not for this one.
#[test]
fn a_file_for_another_device_brings_no_policy_and_no_account() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    let ids = saved_ids(&mut rig, SaveUsage::Unreported).unwrap();
    let now = rig.now.wall;
    let other = Udi::new("N9K-C93180YC-FX3", "FDO00000009").unwrap();
    let (_, ack) = ack_of(&rig, &ids);
    let account = Some(Account { smart: "Other SA".into(), r#virtual: "Other".into() });
    let foreign =
        |ack| Import { acks: vec![ack], account: account.clone(), ..policy_file(now, example_policy()) };
    rig.outputs.clear();
    let reply = "% Import Data Failed: RUM ACK: it is for another product instance";
    for fault in [None, Some(ElementFault::Signature)] {
        let body = fault.map_or(ack.body.clone(), Err);
        let before = rig.agent.clone();
        let answer = import(&mut rig, foreign((Some(other), Element { issued: now, body })));
        assert!(answer.as_ref().is_err_and(|text| fault.is_some() || text == reply), "{answer:?}");
        assert_eq!(rig.texts(), [""; 0]);
        assert_eq!(rig.agent, before);
    }
    let code = trust_file(&mut rig, other, now);
    let file = Import { trust: code.trust, ..policy_file(now, example_policy()) };
    assert!(import(&mut rig, file).is_err());
    assert_eq!(rig.view().policy(), None);
    // Beside one of its own it counts, whatever else is in the file.
    let file = Import {
        acks: vec![(Some(other), ack.clone()), (Some(udi()), ack)],
        ..policy_file(now, example_policy())
    };
    assert_eq!(import(&mut rig, file), Err(format!("{reply}; taken: policy, RUM ACK")));
    assert_eq!(rig.view().policy().map(|(name, _)| name.to_owned()).as_deref(), Some("Example Policy"));
    assert_eq!(rig.waiting(), []);
}

/// What is good of a file counts, and the reply names the rest.
#[test]
fn of_a_file_each_part_is_judged_by_itself() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    let ids = saved_ids(&mut rig, SaveUsage::Unreported).unwrap();
    let now = rig.now.wall;
    let policies = vec![Element { issued: now, body: Err(ElementFault::Signature) }];
    let file = Import { policies, acks: vec![ack_of(&rig, &ids)], ..Import::default() };
    let reply = "% Import Data Failed: policy: Signature mismatch; taken: RUM ACK";
    assert_eq!(import(&mut rig, file), Err(reply.into()));
    assert_eq!((rig.waiting(), rig.view().last_ack()), (vec![], Some(now)));
}

/// `spec/formats.md` §3.
#[test]
fn authorization_codes_are_for_mds_only() {
    for (profile, accepted) in [(ProfileId::Nexus9000, false), (ProfileId::Mds9000, true)] {
        let mut rig = Rig::with(profile, OFF, T, Peer::default(), &[Usage { license: 0, count: 1 }]);
        let code = AuthCode { udi: udi(), entitlements: vec![("t".into(), 2)], flag: "A".into() };
        let file = Import { auth: vec![rig.element(code)], ..Import::default() };
        let expected = if accepted { Ok(()) } else { Err("Unsupported response type".to_owned()) };
        assert_eq!(import(&mut rig, file.clone()), expected);
        assert_eq!(import(&mut rig, file), expected, "twice is harmless");
        assert_eq!(rig.view().authorizations().count(), usize::from(accepted));
        assert_eq!(rig.texts().len(), usize::from(accepted));
    }
    let mut rig = Rig::new(OFF, T, Peer::default());
    assert_eq!(import(&mut rig, Import::default()), Err("Unsupported response type".to_owned()));
    // Beside something that is taken, the reply says both.
    let code = AuthCode { udi: udi(), entitlements: vec![("t".into(), 2)], flag: "A".into() };
    let now = rig.now.wall;
    let file = Import { auth: vec![rig.element(code)], ..trust_file(&mut rig, udi(), now) };
    let reply =
        "% Import Data Failed: authorization code: this platform has no enforced licenses; taken: trust code";
    assert_eq!(import(&mut rig, file), Err(reply.to_owned()));
}

/// §7.1 "trust installed", on transports that use it.
#[test]
fn trust_from_a_file_starts_hello_push_and_synchronisation_on_a_direct_transport() {
    let mut rig = Rig::new(TransportMode::Smart, T, Peer::default());
    rig.run_for(HOUR);
    assert_eq!(rig.take_sent(), []);
    let now = rig.now.wall;
    let code = trust_file(&mut rig, udi(), now);
    import(&mut rig, code).unwrap();
    assert_eq!(rig.due_in(Timer::Hello), Some(10 * SECOND));
    assert_eq!(rig.due_in(Timer::Report), Some(30 * SECOND));
    rig.run_for(MINUTE);
    let h = 3_600;
    let expected = [(h + 10, Purpose::Hello), (h + 30, Purpose::Usage), (h + 40, Purpose::TrustSync)];
    assert_eq!(rig.take_sent(), expected);
}

/// §7.2 "new interval or policy, trust by file, in between: only remembered; the grid goes on".
#[test]
fn trust_and_policy_from_files_leave_a_window_alone() {
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
    rig.outage(6 * HOUR);
    rig.run_for(30 * MINUTE);
    let before = (rig.due_in(Timer::Report), rig.view().reporting());
    let now = rig.now.wall;
    let code = trust_file(&mut rig, udi(), now);
    import(&mut rig, code).unwrap();
    import(&mut rig, policy_file(now, example_policy())).unwrap();
    assert_eq!((rig.due_in(Timer::Report), rig.view().reporting()), before);
}

/// §10: two trust codes in a file, the active one first.
#[test]
fn a_file_with_two_trust_codes_serves_both_supervisors() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    rig.input(slpsim_agent::Input::StandbyAdded(standby()));
    let now = rig.now.wall;
    let trust = vec![rig.peer.trust_code(standby(), now), rig.peer.trust_code(udi(), now)];
    rig.texts();
    import(&mut rig, Import { trust, ..Import::default() }).unwrap();
    let success = "%LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS: A new licensing trust code was successfully installed on P:N9K-C93180YC-FX3,S:FDO0000000";
    assert_eq!(rig.texts(), [format!("{success}1."), format!("{success}2.")]);
    assert!(rig.view().units().all(|(_, trust)| trust.is_some()));
}

/// The chapter's S-33f: after a factory reset the policy comes back by its file, however old that is.
#[test]
fn after_a_factory_reset_the_old_policy_file_is_good_again() {
    let mut rig = Rig::new(OFF, T, Peer::default());
    let file = policy_file(rig.now.wall, example_policy());
    rig.run_for(DAY);
    let newer = policy_file(rig.now.wall, Policy::nxos("Other", Values::of(1, 2, 3)));
    import(&mut rig, newer).unwrap();
    import(&mut rig, file.clone()).unwrap_err();
    rig.restart(slpsim_agent::BootCause::Reload);
    import(&mut rig, file.clone()).unwrap_err();
    rig.command(Command::FactoryReset);
    import(&mut rig, file).unwrap();
    assert_eq!(rig.view().policy().unwrap().0, "Example Policy");
}

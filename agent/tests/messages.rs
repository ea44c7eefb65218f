//! Each of the twelve messages, with its exact text, from the transition that `spec/messages.md` §1 names; and the
//! orders of §2.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the variants that it is about")]

mod support;

use slpsim_agent::messages::{CATALOGUE, Kind};
use slpsim_agent::{
    AuthCode, BootCause, Capabilities, Command, Element, ElementFault, Failure, Input, Message, PolicyError,
    ProfileId, Purpose, Reply, Status, TransportMode, TrustError, Usage,
};
use slpsim_policy::{Policy, Values};
use support::{DAY, HOUR, MINUTE, Peer, Rig, SECOND, T, example_policy, standby, udi};

const OLD: Capabilities = Capabilities(0b110);

fn smart() -> Rig {
    let peer = Peer { policy: Some(example_policy()), ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Smart, T, peer);
    rig.run_for(6 * SECOND);
    rig.log.clear();
    rig
}

fn trusted() -> Rig {
    let mut rig = smart();
    rig.trust(false);
    rig.run_for(10 * MINUTE);
    rig.log.clear();
    rig
}

fn mds() -> Rig {
    let usage = [Usage { license: 0, count: 1 }, Usage { license: 2, count: 1 }];
    let mut rig = Rig::with(ProfileId::Mds9000, TransportMode::Cslu, T, Peer::default(), &usage);
    rig.run_for(5 * MINUTE);
    rig.log.clear();
    rig
}

/// An answer with an authorization code for this device.
fn authorized(rig: &Rig) -> Reply {
    let mut reply = rig.reply(Status::Ok);
    let code = AuthCode { udi: udi(), entitlements: vec![("tag".into(), 1)], flag: "A".into() };
    reply.auth.push(rig.element(code));
    reply
}

const ASK: Command = Command::AuthorizationRequest { license: 2, count: 1 };

/// Row 1: in an ACK, a trust or a sync answer; once per refused arrival.
#[test]
fn row_1_a_policy_is_refused_on_arrival() {
    let line = |error: &str| {
        format!(
            "%LICMGR-3-LOG_SMART_LIC_POLICY_INSTALL_FAILED: The installation of a new licensing policy has failed: {error}."
        )
    };
    let mut rig = trusted();
    for (fault, error) in
        [(ElementFault::Signature, "Signature mismatch"), (ElementFault::Unreadable, "message parsing error")]
    {
        for purpose in [Purpose::Poll, Purpose::Trust, Purpose::TrustSync] {
            let mut reply = rig.reply(Status::Ok);
            reply.policy = Some(Element { issued: rig.now.wall, body: Err(fault) });
            if purpose == Purpose::Trust {
                reply.trust.push(rig.peer.trust_code(udi(), rig.now.wall));
            }
            rig.once(purpose, Ok(reply));
            if purpose == Purpose::Trust {
                rig.trust(true)
            } else {
                rig.command(Command::Sync)
            }
            rig.run_for(6 * MINUTE);
            let texts = rig.texts();
            assert_eq!(texts.iter().filter(|text| **text == line(error)).count(), 1, "{purpose:?} {texts:?}");
        }
    }
    rig.peer.skew_ms = 2 * HOUR;
    rig.command(Command::Sync);
    assert_eq!(rig.texts(), [line("Timestamp mismatch")], "also of the policy in use");
}

/// Row 2: `mds9000` only.
#[test]
fn row_2_an_authorization_code_is_refused_on_arrival() {
    let mut rig = mds();
    let mut reply = rig.reply(Status::Ok);
    reply.auth.push(Element { issued: T, body: Err(ElementFault::Signature) });
    rig.once(Purpose::AuthRequest, Ok(reply));
    rig.command(ASK);
    let line = "%LICMGR-3-LOG_SMART_LIC_AUTHORIZATION_INSTALL_FAILED: The install of a new licensing authorization code has failed on P:N9K-C93180YC-FX3,S:FDO00000001: Signature mismatch.";
    assert_eq!(rig.texts(), [line]);
}

/// Row 3: an exchange of any purpose; every failed attempt; every `Failure` of §5 but those that never occur.
#[test]
fn row_3_each_failed_attempt_of_any_purpose() {
    let line = |reason: &str| {
        format!(
            "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the Cisco Smart License Utility (CSLU) : {reason}"
        )
    };
    for failure in
        Failure::ALL.into_iter().filter(|failure| !matches!(failure, Failure::Busy | Failure::Unspecified))
    {
        let mut rig = Rig::new(TransportMode::Cslu, T, Peer::default());
        rig.once(Purpose::Usage, Err(failure));
        rig.command(Command::Sync);
        assert_eq!(rig.texts(), [line(&failure.to_string())]);
    }
    let mut rig = mds();
    let down = Err(Failure::Resolve);
    let reason = line("Unable to resolve server hostname/domain name");
    rig.once(Purpose::AuthRequest, Ok(authorized(&rig)));
    rig.command(ASK);
    rig.log.clear();
    type Exchange<'a> = (Purpose, &'a dyn Fn(&mut Rig));
    let exchanges: [Exchange<'_>; 7] = [
        (Purpose::Hello, &|rig| {
            rig.command(Command::Url);
            rig.run_for(10 * SECOND);
        }),
        (Purpose::Trust, &|rig| rig.trust(false)),
        (Purpose::Usage, &|rig| rig.command(Command::Sync)),
        (Purpose::TrustSync, &|rig| rig.command(Command::Sync)),
        (Purpose::Poll, &|rig| rig.run_for(MINUTE)),
        (Purpose::AuthRequest, &|rig| rig.command(ASK)),
        (Purpose::AuthReturn, &|rig| rig.command(Command::AuthorizationReturn)),
    ];
    for (purpose, exchange) in exchanges {
        rig.once(purpose, down.clone());
        exchange(&mut rig);
        let texts = rig.texts();
        assert_eq!(texts.iter().filter(|text| **text == reason).count(), 1, "{purpose:?} {texts:?}");
    }
    let mut rig = smart();
    rig.once(Purpose::Trust, down);
    rig.trust(false);
    let line = "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the Cisco Smart Software Manager (CSSM) : Unable to resolve server hostname/domain name";
    assert_eq!(rig.texts(), [line]);
}

/// Row 4: once per outage; an answer that says no is an authenticated answer; none for an outage that a reload has cut.
#[test]
fn row_4_the_first_authenticated_answer_after_failures() {
    let line = "%LICMGR-3-LOG_SMART_LIC_COMM_RESTORED: Communications with the Cisco Smart Software Manager (CSSM) restored.";
    for status in [
        Status::Ok,
        Status::NoData,
        Status::TryAgain { after_s: None },
        Status::Refused { message: "no".into() },
    ] {
        let mut rig = trusted();
        for _ in 0..3 {
            rig.once(Purpose::Usage, Err(Failure::Unreachable));
            rig.command(Command::Sync);
        }
        assert_eq!(rig.texts().len(), 3);
        let answer = rig.reply(status);
        rig.once(Purpose::Usage, Ok(answer));
        rig.command(Command::Sync);
        rig.command(Command::Sync);
        assert_eq!(rig.texts(), [line]);
    }
    let mut rig = trusted();
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.command(Command::Sync);
    rig.restart(BootCause::Reload);
    rig.log.clear();
    rig.run_for(HOUR);
    assert!(!rig.texts().iter().any(|text| text.contains("COMM_RESTORED")));
}

/// The name follows the transport that is configured when the message is sent (§3).
#[test]
fn row_4_names_the_peer_of_the_transport_configured_at_present() {
    let mut rig = trusted();
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.command(Command::Sync);
    rig.command(Command::Transport(TransportMode::Cslu));
    rig.log.clear();
    rig.run_for(MINUTE);
    let line = "%LICMGR-3-LOG_SMART_LIC_COMM_RESTORED: Communications with the Cisco Smart License Utility (CSLU) restored.";
    assert_eq!(rig.texts(), [line]);
}

/// Row 5: silent when only the default was in use.
#[test]
fn row_5_a_factory_reset_removes_the_installed_policy() {
    let line = "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.";
    let mut rig = trusted();
    rig.command(Command::FactoryReset);
    assert_eq!(rig.texts(), [line]);
    rig.command(Command::FactoryReset);
    assert_eq!(rig.texts(), [""; 0]);
}

/// Row 6: refused by the server, refused on arrival, refused by the device itself.
#[test]
fn row_6_a_trust_request_or_a_trust_code_is_refused() {
    let line = |error: &str| {
        format!(
            "%LICMGR-3-LOG_SMART_LIC_TRUST_CODE_INSTALL_FAILED: The install of a new licensing trust code has failed on P:N9K-C93180YC-FX3,S:FDO00000001: {error}."
        )
    };
    for error in TrustError::KNOWN {
        let mut rig = smart();
        rig.refuse_once(Purpose::Trust, error.text());
        rig.trust(false);
        assert_eq!(rig.texts(), [line(error.text())]);
    }
    let mut rig = smart();
    let mut reply = rig.reply(Status::Ok);
    reply.trust.push(Element { issued: rig.now.wall, body: Err(ElementFault::Signature) });
    rig.once(Purpose::Trust, Ok(reply));
    rig.trust(false);
    assert_eq!(rig.texts(), [line("Signature mismatch")]);
    let mut rig = trusted();
    rig.trust(false);
    assert_eq!(rig.texts(), [line("Trust code is already installed")]);
}

/// Row 7: once per discovery.
#[test]
fn row_7_the_peer_lacks_the_capability() {
    let line = "%LICMGR-4-LOG_SMART_LIC_REPORTING_NOT_SUPPORTED: The CSSM OnPrem that this product instance is connected to is down rev and does not support the enhanced policy and usage reporting mode.";
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { capabilities: OLD, ..Peer::default() });
    let count = |rig: &mut Rig| rig.texts().iter().filter(|text| *text == line).count();
    rig.run_for(3 * DAY);
    assert_eq!(count(&mut rig), 1, "the daily hello does not repeat it");
    rig.command(Command::Url);
    rig.run_for(MINUTE);
    assert_eq!(count(&mut rig), 1, "a change of URL");
    rig.command(Command::FactoryReset);
    rig.run_for(MINUTE);
    assert_eq!(count(&mut rig), 1, "a factory reset");
    rig.restart(BootCause::Reload);
    rig.run_for(MINUTE);
    assert_eq!(count(&mut rig), 1, "a start");
    rig.peer.capabilities = Capabilities::AGENT;
    rig.run_for(2 * DAY);
    rig.peer.capabilities = OLD;
    rig.command(Command::Sync);
    assert_eq!(count(&mut rig), 1, "after the peer had the capability");
    rig.command(Command::Transport(TransportMode::Smart));
    rig.trust(false);
    assert_eq!(count(&mut rig), 1, "a change of transport");
}

/// Row 8: by ACK, trust and sync answer; the same policy again is silent.
#[test]
fn row_8_a_policy_of_another_content_is_installed() {
    let line =
        "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed.";
    let mut rig = smart();
    rig.trust(false);
    assert_eq!(rig.texts().iter().filter(|text| *text == line).count(), 1, "trust answer");
    rig.run_for(10 * MINUTE);
    assert_eq!(rig.texts(), [""; 0], "the same in TRUST_SYNC and ACK");
    rig.peer.policy = Some(Policy::nxos("Second", Values::of(1, 2, 3)));
    rig.command(Command::Sync);
    assert_eq!(rig.texts(), [line], "TRUST_SYNC answer");
    rig.peer.policy = Some(Policy::nxos("Second", Values::of(1, 2, 4)));
    rig.run_for(5 * MINUTE);
    assert_eq!(rig.texts(), [line], "ACK");
}

/// Rows 9 and 10: once per UDI and code; returned, or factory reset.
#[test]
fn rows_9_and_10_an_authorization_code_is_stored_and_removed() {
    let stored = "%LICMGR-6-LOG_SMART_LIC_AUTHORIZATION_INSTALL_SUCCESS: A new licensing authorization code was successfully installed on: P:N9K-C93180YC-FX3,S:FDO00000001.";
    let removed = "%LICMGR-6-LOG_SMART_LIC_AUTHORIZATION_REMOVED: A licensing authorization code has been removed from P:N9K-C93180YC-FX3,S:FDO00000001";
    for leave in [Command::AuthorizationReturn, Command::FactoryReset] {
        let mut rig = mds();
        for _ in 0..2 {
            rig.once(Purpose::AuthRequest, Ok(authorized(&rig)));
            rig.command(ASK);
        }
        assert_eq!(rig.texts(), [stored]);
        rig.command(leave);
        assert_eq!(rig.texts(), [removed]);
    }
}

/// Rows 2, 9 and 10: never on a Nexus profile.
#[test]
fn a_nexus_never_speaks_of_authorization_codes() {
    for profile in [ProfileId::Nexus9000, ProfileId::Nexus3000] {
        let usage = [Usage { license: 0, count: 1 }];
        let mut rig = Rig::with(profile, TransportMode::Cslu, T, Peer::default(), &usage);
        for fault in [None, Some(ElementFault::Signature)] {
            let mut reply = authorized(&rig);
            if let Some(fault) = fault {
                reply.auth[0].body = Err(fault);
            }
            rig.once(Purpose::TrustSync, Ok(reply));
            rig.command(Command::Sync);
        }
        rig.command(Command::FactoryReset);
        assert_eq!(rig.texts(), [""; 0]);
    }
}

/// Row 11: at start, at X − 30 d, at X, daily after X; none without a licence, a deadline, or "ACK required".
#[test]
fn row_11_the_deadline_comes_nearer() {
    let line = |days| {
        format!(
            "%LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: A Usage report acknowledgement will be required in {days} days."
        )
    };
    let mut rig = Rig::new(TransportMode::Off, T, Peer::default());
    rig.run_for(92 * DAY);
    let at = |days: i64, left| (days * DAY / SECOND, line(left));
    assert_eq!(rig.lines(), [(5, line(89)), at(60, 30), at(90, 0), at(91, 0), at(92, 0)]);
    rig.command(Command::FactoryReset);
    rig.run_for(MINUTE);
    assert_eq!(rig.texts(), [line(89)]);
    let mut silent = example_policy();
    silent.ack_required = Some(false);
    let mut rig = Rig::new(TransportMode::Smart, T, Peer { policy: Some(silent), ..Peer::default() });
    rig.trust(false);
    rig.log.clear();
    rig.run_for(400 * DAY);
    assert_eq!(rig.texts(), [""; 0]);
}

/// Row 12: asked for, or come with an ACK; with `all` once for each supervisor.
#[test]
fn row_12_a_trust_code_is_stored() {
    let line = |serial: &str| {
        format!(
            "%LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS: A new licensing trust code was successfully installed on P:N9K-C93180YC-FX3,S:{serial}."
        )
    };
    let mut rig = Rig::new(TransportMode::Cslu, T, Peer { trust_in_ack: true, ..Peer::default() });
    rig.run_for(DAY);
    assert_eq!(rig.texts()[1..], [line("FDO00000001")]);
    let mut rig = smart();
    rig.input(Input::StandbyAdded(standby()));
    rig.peer.policy = None;
    let token = slpsim_agent::Token::new("EXAMPLETOKEN0001").unwrap();
    let scope = slpsim_agent::input::Scope::All;
    rig.command(Command::Trust { token, scope, force: false });
    assert_eq!(rig.texts(), [line("FDO00000001"), line("FDO00000002")]);
}

/// §2: the orders, where several fall together.
#[test]
fn messages_of_one_instant_come_in_their_order() {
    // First success after an outage, then whatever the answer brings; trust before policy.
    let mut rig = smart();
    rig.once(Purpose::Trust, Err(Failure::Unreachable));
    rig.trust(false);
    rig.run_for(HOUR);
    let kinds = |rig: &mut Rig| rig.log.drain(..).map(|(_, message)| message.kind()).collect::<Vec<_>>();
    let restored =
        [Kind::CommFailed, Kind::CommRestored, Kind::TrustCodeInstallSuccess, Kind::PolicyInstallSuccess];
    assert_eq!(kinds(&mut rig), restored);
    // A poll that ends an outage and brings ACK, trust and policy.
    let peer = Peer { policy: Some(example_policy()), trust_in_ack: true, ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, T, peer);
    rig.once(Purpose::Poll, Err(Failure::Unreachable));
    rig.run_for(2 * DAY);
    assert_eq!(kinds(&mut rig)[1..], restored);
    // Factory reset: the policy, then each code, then the reminder.
    let mut rig = mds();
    rig.peer.policy = Some(example_policy());
    rig.once(Purpose::AuthRequest, Ok(authorized(&rig)));
    rig.command(ASK);
    rig.command(Command::Sync);
    rig.command(Command::Sync);
    rig.log.clear();
    rig.command(Command::FactoryReset);
    rig.run_for(5 * SECOND);
    assert_eq!(kinds(&mut rig), [Kind::PolicyRemoved, Kind::AuthorizationRemoved, Kind::ReportingRequired]);
    // Refusals of one answer keep the order of their elements.
    let mut rig = smart();
    rig.peer.skew_ms = 2 * HOUR;
    rig.trust(false);
    assert_eq!(kinds(&mut rig), [Kind::TrustCodeInstallFailed, Kind::PolicyInstallFailed]);
}

/// §2: boot without DNS.
#[test]
fn a_boot_without_dns_begins_with_reminder_hello_and_report() {
    let peer = Peer { down: vec![(T, T.plus_days(1))], failure: Failure::Resolve, ..Peer::default() };
    let mut rig = Rig::new(TransportMode::Cslu, T, peer);
    rig.run_for(3 * MINUTE);
    let at: Vec<_> = rig.log.iter().map(|(at, message)| (at.since(T) / SECOND, message.kind())).collect();
    assert_eq!(at, [(5, Kind::ReportingRequired), (10, Kind::CommFailed), (120, Kind::CommFailed)]);
}

/// §7: what increments which counter, and what is a COMM_FAILED.
#[test]
fn the_counters_follow_the_table_of_outcomes() {
    let reply = |rig: &Rig, status| Ok(rig.reply(status));
    let refused = Status::Refused { message: "not valid".into() };
    let mut rig = trusted();
    let rows: [(Status, bool, bool); 5] = [
        (Status::Ok, true, false),
        (Status::NoData, true, false),
        (Status::OkPoll { poll_id: None, interval_s: None }, true, false),
        (Status::TryAgain { after_s: None }, false, false),
        (refused, false, false),
    ];
    for (status, success, failed) in rows {
        rig.once(Purpose::Usage, Err(Failure::Unreachable));
        rig.command(Command::Sync);
        let before = rig.view().conversation(Purpose::Usage).unwrap().clone();
        assert!(before.ongoing_overall > 0 && before.ongoing_communication == 1);
        rig.log.clear();
        let answer = reply(&rig, status.clone());
        rig.once(Purpose::Usage, answer);
        rig.command(Command::Sync);
        let after = rig.view().conversation(Purpose::Usage).unwrap();
        let overall = if success { 0 } else { before.ongoing_overall + 1 };
        assert_eq!((after.ongoing_overall, after.ongoing_communication), (overall, 0), "{status:?}");
        assert_eq!(after.total, before.total + 1);
        assert_eq!(
            (after.success - before.success, after.fail - before.fail),
            (u32::from(success), u32::from(!success))
        );
        let logged = rig.log.iter().any(|(_, message)| matches!(message, Message::CommFailed { .. }));
        assert_eq!(logged, failed, "{status:?}");
    }
    // A request that could not be built is none: nothing is known of the peer, and nothing is said of it.
    rig.once(Purpose::Usage, Err(Failure::Unreachable));
    rig.command(Command::Sync);
    let before = rig.view().conversation(Purpose::Usage).unwrap().clone();
    rig.log.clear();
    rig.once(Purpose::Usage, Err(Failure::NotBuilt));
    rig.command(Command::Sync);
    let after = rig.view().conversation(Purpose::Usage).unwrap().clone();
    assert_eq!((after.fail, after.success), (before.fail + 1, before.success));
    assert_eq!(after.ongoing_overall, before.ongoing_overall + 1);
    assert_eq!(after.ongoing_communication, before.ongoing_communication);
    assert_eq!(after.last_response.map(|(word, _)| word), Some("BUILD REQUEST ERROR"));
    assert_eq!(rig.log, []);
    rig.command(Command::Sync);
    rig.log.clear();
    // Refused elements: the exchange is a success.
    let mut answer = rig.reply(Status::Ok);
    answer.policy = Some(Element { issued: rig.now.wall, body: Err(ElementFault::Signature) });
    rig.once(Purpose::TrustSync, Ok(answer));
    rig.log.clear();
    rig.command(Command::Sync);
    assert_eq!(rig.log, [(rig.now.wall, Message::PolicyInstallFailed { error: PolicyError::Signature })]);
    let sync = rig.view().conversation(Purpose::TrustSync).unwrap();
    assert_eq!((sync.ongoing_overall, sync.ongoing_communication), (0, 0));
}

/// The tests above name every row.
#[test]
fn the_catalogue_has_no_row_that_is_not_shown_here() {
    assert_eq!(CATALOGUE.len(), 12);
}

//! The rules without a wire: what a device says and what it hears, at simulated times.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "helpers of tests say what they expect by unwrapping it"
)]

use std::time::Duration;

use slpsim_agent::{
    IdCert, Measurement, Reason, Reply, Report, ReportId, ReportVerdict, Request, Role as UnitRole, Sender,
    Signer, Status, Token, Udi, Unit, numbers,
};
use slpsim_cssm::records::{Event, Membership};
use slpsim_cssm::{AckMode, Arrived, Config, Cssm, Limits, Role, Route, Rule, Steer, TokenWish};
use slpsim_policy::{Policy, Values, Wall};
use slpsim_transport::message::{ServerMessage, StatusWord, accept, compose};

const NOW: Wall = Wall::from_secs(1_772_445_600);
const CSLU: Route = Route::Cslu { tenant: None };

/// A device as far as a peer sees one.
struct Device {
    sender: Sender,
    nonce: u64,
}

impl Device {
    fn new(n: u32) -> Self {
        let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
        let sender = Sender {
            udi,
            units: vec![Unit { role: UnitRole::Active, udi }],
            identity: None,
            profile: slpsim_agent::ProfileId::Nexus9000.profile(),
            hostname: Some("n9k-leaf-01".into()),
            send_version: true,
            standby_identity: None,
            custom_id: None,
        };
        Self { sender, nonce: 4_611_686_018_427_387_905 }
    }

    fn says(
        &mut self,
        cssm: &mut Cssm,
        at: Wall,
        route: &Route,
        request: &Request,
    ) -> (ServerMessage, Option<Rule>) {
        self.says_steered(cssm, at, route, request, &Steer::default())
    }

    fn says_steered(
        &mut self,
        cssm: &mut Cssm,
        at: Wall,
        route: &Route,
        request: &Request,
        steer: &Steer,
    ) -> (ServerMessage, Option<Rule>) {
        self.nonce += 1;
        let message = compose(request, &self.sender, at, self.nonce);
        let answer = cssm.handle_steered(at, &Arrived::in_process(route.clone(), &message), steer);
        (answer.message, answer.rule)
    }

    fn hears(&mut self, cssm: &mut Cssm, at: Wall, route: &Route, request: &Request) -> Reply {
        let (message, _) = self.says(cssm, at, route, request);
        let reply = accept(message, self.nonce, &self.sender.units).unwrap();
        if let Some(trust) = reply.trust.first() {
            self.sender.identity = Some(trust.body.as_ref().unwrap().identity);
        }
        reply
    }

    fn breaks(&mut self, cssm: &mut Cssm, at: Wall, route: &Route, request: &Request) -> (Rule, String) {
        let (message, rule) = self.says(cssm, at, route, request);
        assert!(matches!(message.status, StatusWord::Failed | StatusWord::Invalid), "{message:?}");
        (rule.expect("a rule is named"), message.status_message.into_owned())
    }

    fn trust(&self, token: &Token, force: bool) -> Request {
        Request::Trust { token: token.clone(), force, units: self.sender.units.clone() }
    }

    fn report(&self, id: u64) -> Report {
        let signer = self.sender.identity.map_or(Signer::Builtin, Signer::Id);
        Report {
            id: ReportId(id),
            previous: None,
            license: &self.sender.profile.licenses[0],
            signer,
            units: self.sender.units.clone(),
            measurements: vec![Measurement {
                start: NOW,
                end: NOW.plus_millis(120_000),
                value: 1,
                reason: Some(Reason::CurrentUsageRequested),
                clock_change_s: None,
            }],
        }
    }

    fn usage(&self, ids: &[u64]) -> Request {
        Request::Usage { reports: ids.iter().map(|id| self.report(*id)).collect() }
    }
}

fn cssm(config: Config) -> Cssm {
    Cssm::new(config).unwrap()
}

fn token(cssm: &mut Cssm) -> Token {
    cssm.make_token(NOW, &TokenWish::default()).unwrap()
}

fn after(millis: i64) -> Wall {
    NOW.plus_millis(millis)
}

const fn days(days: i64) -> Wall {
    NOW.plus_millis(days * 86_400_000)
}

fn poll_id(status: &Status) -> slpsim_agent::PollId {
    match status {
        Status::OkPoll { poll_id: Some(poll_id), .. } => *poll_id,
        other => panic!("no poll id: {other:?}"),
    }
}

/// `spec/behaviour.md` §7.3 F: the exchanges of the default world.
#[test]
fn a_device_gets_trust_reports_usage_and_fetches_its_ack_with_the_policy() {
    let mut cssm = cssm(Config::default());
    let mut device = Device::new(1);
    let token = token(&mut cssm);

    let trust = device.trust(&token, false);
    let reply = device.hears(&mut cssm, after(10_000), &Route::Smart, &trust);
    assert_eq!(reply.status, Status::Ok);
    let code = reply.trust[0].body.as_ref().unwrap();
    assert_eq!(code.udi, device.sender.udi);
    assert_eq!(code.trust_id, 101);
    assert_eq!(code.valid_to, after(10_000).plus_days(numbers::TRUST_VALIDITY_DAYS));
    let account = reply.account.unwrap();
    assert_eq!((account.smart.as_str(), account.r#virtual.as_str()), ("Example SA", "Lab"));
    let expected = Policy::nxos("Example Policy", Values::of(60, 180, 60));
    assert_eq!(reply.policy.unwrap().body, Ok(expected.clone()));

    let usage = device.usage(&[1_772_445_600, 1_772_445_601]);
    let reply = device.hears(&mut cssm, after(40_000), &Route::Smart, &usage);
    let Status::OkPoll { poll_id: Some(poll_id), interval_s: Some(300) } = reply.status else {
        panic!("{reply:?}")
    };
    assert!(reply.policy.is_none() && reply.ack.is_none());
    assert_eq!(poll_id.0 % 80, 0, "unharmed by a reader whose numbers are doubles");

    let reply = device.hears(&mut cssm, after(340_000), &Route::Smart, &Request::Poll { poll_id });
    assert_eq!(reply.status, Status::Ok);
    let ack = reply.ack.unwrap();
    assert_eq!(ack.issued, after(340_000));
    let acknowledged =
        [1_772_445_600, 1_772_445_601].map(|id| (ReportId(id), ReportVerdict::Acknowledged)).to_vec();
    assert_eq!(ack.body.unwrap().reports, acknowledged);
    let policy = reply.policy.unwrap();
    assert_eq!(policy.body, Ok(expected));
    assert_eq!(policy.issued, after(340_000), "a policy is issued with each answer");
    assert!(reply.trust.is_empty(), "a device with trust gets no second code");
}

/// `spec/behaviour.md` §6 "implicit trust, when"; `spec/formats.md` §10.
#[test]
fn a_connected_cslu_gives_trust_with_the_first_ack_until_the_device_shows_it() {
    let mut cssm = cssm(Config::default());
    let mut device = Device::new(1);
    let usage = device.usage(&[1]);
    let reply = device.hears(&mut cssm, NOW, &CSLU, &usage);
    let Status::OkPoll { poll_id: Some(poll_id), interval_s: Some(60) } = reply.status else {
        panic!("{reply:?}")
    };
    let poll = Request::Poll { poll_id };
    let (first, _) = device.says(&mut cssm, after(60_000), &CSLU, &poll);
    let first = first.data.ack.unwrap().object.unwrap();
    // The device refused that one, or never saw it: again with the next answer.
    let reply = device.hears(&mut cssm, after(120_000), &CSLU, &poll);
    let second = reply.trust[0].body.clone().unwrap();
    assert_ne!(first.trust_codes[0].object.as_ref().unwrap().code, second);
    let reply = device.hears(&mut cssm, after(180_000), &CSLU, &poll);
    assert!(reply.trust.is_empty(), "the poll named the identity");
    assert!(reply.ack.is_some(), "an ACK can be fetched again");
}

#[test]
fn a_cssm_reached_directly_gives_no_trust_with_an_ack_and_wants_to_know_who_asks() {
    let mut cssm = cssm(Config::default());
    let mut device = Device::new(1);
    for request in
        [device.usage(&[1]), Request::TrustSync, Request::Poll { poll_id: slpsim_agent::PollId(1) }]
    {
        let (rule, text) = device.breaks(&mut cssm, NOW, &Route::Smart, &request);
        assert_eq!(rule, Rule::TrustRequired);
        assert!(text.starts_with("trust-required: "), "{text}");
    }
    assert_eq!(device.hears(&mut cssm, NOW, &Route::Smart, &Request::Hello).status, Status::Ok);
    assert!(cssm.store().devices().next().is_none(), "a refused request adds no device");
}

/// `spec/messages.md` §6, `spec/behaviour.md` §6.
#[test]
fn tokens_are_refused_in_the_words_of_the_catalogue() {
    let mut mock = cssm(Config::default());
    let mut device = Device::new(1);
    let unknown = Token::new("EXAMPLETOKEN0001").unwrap();
    let wish = |days, uses| TokenWish { expires_after_days: days, max_uses: uses, ..TokenWish::default() };
    let short = mock.make_token(NOW, &wish(Some(30), None)).unwrap();
    let once = mock.make_token(NOW, &wish(None, Some(1))).unwrap();
    let revoked = token(&mut mock);
    assert!(mock.revoke_token(revoked.expose()));
    assert_eq!(device.hears(&mut mock, NOW, &Route::Smart, &device.trust(&once, false)).status, Status::Ok);
    let mut other = Device::new(2);
    for (token, at, expected) in [
        (&unknown, NOW, Rule::TokenUnknown),
        (&short, days(30), Rule::TokenExpired),
        (&once, NOW, Rule::TokenUsedUp),
        (&revoked, NOW, Rule::TokenRevoked),
    ] {
        let request = other.trust(token, false);
        let (rule, text) = other.breaks(&mut mock, at, &Route::Smart, &request);
        assert_eq!((rule, text.as_str()), (expected, "The token is not valid"));
    }
    let last_moment = days(30).plus_millis(-1);
    let request = other.trust(&short, false);
    assert_eq!(other.hears(&mut mock, last_moment, &Route::Smart, &request).status, Status::Ok);
}

#[test]
fn a_peer_without_connection_cannot_have_tokens_validated() {
    for (role, connected, down_rev) in
        [(Role::Cslu, false, false), (Role::OnPrem, false, false), (Role::OnPrem, true, true)]
    {
        let mut cssm = cssm(Config { role, connected, down_rev, ..Config::default() });
        let token = token(&mut cssm);
        let mut device = Device::new(1);
        let request = device.trust(&token, false);
        let (rule, text) = device.breaks(&mut cssm, NOW, &CSLU, &request);
        assert_eq!(rule, Rule::TokenConnection, "{role:?}");
        assert_eq!(text, "The token cannot be validated: no connection to CSSM");
    }
}

/// `spec/behaviour.md` §6 "node lock at the server".
#[test]
fn a_trust_code_is_node_locked_until_forced_or_forgotten() {
    let mut cssm = cssm(Config::default());
    let token = token(&mut cssm);
    let mut device = Device::new(1);
    let first = device.trust(&token, false);
    assert_eq!(device.hears(&mut cssm, NOW, &Route::Smart, &first).status, Status::Ok);
    let identity = device.sender.identity;
    let (rule, text) = device.breaks(&mut cssm, NOW, &Route::Smart, &first);
    assert_eq!((rule, text.as_str()), (Rule::NodeLock, "Trust code is already installed"));
    let forced = device.trust(&token, true);
    assert_eq!(device.hears(&mut cssm, NOW, &Route::Smart, &forced).status, Status::Ok);
    assert_ne!(device.sender.identity, identity, "a new registration has a new identity");
    // After a factory reset the device asks without an identity.
    device.sender.identity = None;
    assert_eq!(device.hears(&mut cssm, NOW, &Route::Smart, &first).status, Status::Ok);
}

#[test]
fn the_identity_before_stays_good_until_the_new_one_is_seen() {
    let mut cssm = cssm(Config::default());
    let token = token(&mut cssm);
    let mut device = Device::new(1);
    let request = device.trust(&token, false);
    device.hears(&mut cssm, NOW, &Route::Smart, &request);
    let old = device.sender.identity;
    let forced = device.trust(&token, true);
    let (lost, _) = device.says(&mut cssm, NOW, &Route::Smart, &forced);
    let new = lost.data.trust_codes[0].object.as_ref().unwrap().code.identity;
    assert_eq!(device.hears(&mut cssm, NOW, &Route::Smart, &Request::TrustSync).status, Status::Ok);
    device.sender.identity = Some(new);
    assert_eq!(device.hears(&mut cssm, NOW, &Route::Smart, &Request::TrustSync).status, Status::Ok);
    device.sender.identity = old;
    let (rule, _) = device.breaks(&mut cssm, NOW, &Route::Smart, &Request::TrustSync);
    assert_eq!(rule, Rule::Identity);
}

/// `spec/messages.md` §7.
#[test]
fn an_unknown_identity_is_refused_with_the_json_of_the_catalogue() {
    let mut cssm = cssm(Config::default());
    let mut device = Device::new(1);
    let instance = slpsim_agent::InstanceId::parse("00000000-0000-4000-8000-0000000000aa").unwrap();
    device.sender.identity = Some(IdCert { instance, serial: 1 });
    let (message, rule) = device.says(&mut cssm, NOW, &Route::Smart, &Request::TrustSync);
    assert_eq!((message.status, rule), (StatusWord::Invalid, Some(Rule::Identity)));
    assert_eq!(
        message.status_message,
        "{\"product_instance_identifier\":[\"The identity for the instance \
         00000000-0000-4000-8000-0000000000aa is not valid.Please re-register the instance.\"]}"
    );
}

#[test]
fn a_certificate_that_was_not_issued_is_refused() {
    let mut cssm = cssm(Config::default());
    let token = token(&mut cssm);
    let mut device = Device::new(1);
    let request = device.trust(&token, false);
    device.hears(&mut cssm, NOW, &Route::Smart, &request);
    device.sender.identity.as_mut().unwrap().serial += 1;
    let (rule, _) = device.breaks(&mut cssm, NOW, &Route::Smart, &Request::TrustSync);
    assert_eq!(rule, Rule::CertificateSerial);
}

#[test]
fn a_device_of_another_account_is_refused_until_it_is_removed_there() {
    let mut cssm = cssm(Config::default());
    let other = TokenWish { r#virtual: Some("Other".into()), ..TokenWish::default() };
    let (lab, other) = (token(&mut cssm), cssm.make_token(NOW, &other).unwrap());
    let mut device = Device::new(1);
    let request = device.trust(&lab, false);
    device.hears(&mut cssm, NOW, &Route::Smart, &request);
    device.sender.identity = None;
    let request = device.trust(&other, false);
    let (rule, text) = device.breaks(&mut cssm, NOW, &Route::Smart, &request);
    assert_eq!((rule, text.as_str()), (Rule::OtherAccount, "Smart Account and Virtual Account mismatch"));
    assert!(cssm.remove_device("FDO00000001", NOW));
    let reply = device.hears(&mut cssm, NOW, &Route::Smart, &request);
    assert_eq!(reply.account.unwrap().r#virtual, "Other");
    assert!(reply.policy.is_none(), "an account without a policy sends none");
}

#[test]
fn an_account_with_a_list_takes_those_on_it() {
    let mut cssm = cssm(Config::default());
    let token = token(&mut cssm);
    let (mut listed, mut stranger) = (Device::new(1), Device::new(2));
    cssm.set_membership("Lab", Membership::Listed([listed.sender.udi].into())).unwrap();
    let request = stranger.trust(&token, false);
    let (rule, text) = stranger.breaks(&mut cssm, NOW, &Route::Smart, &request);
    assert_eq!((rule, text.as_str()), (Rule::Membership, "Smart Account and Virtual Account mismatch"));
    let request = listed.trust(&token, false);
    assert_eq!(listed.hears(&mut cssm, NOW, &Route::Smart, &request).status, Status::Ok);
    let request = stranger.usage(&[1]);
    assert_eq!(stranger.breaks(&mut cssm, NOW, &CSLU, &request).0, Rule::Membership);
}

/// `spec/behaviour.md` §10.
#[test]
fn a_request_for_all_units_brings_a_trust_code_for_each_the_active_first() {
    let mut cssm = cssm(Config::default());
    let token = token(&mut cssm);
    let mut device = Device::new(1);
    let standby = Device::new(2).sender.udi;
    device.sender.units.push(Unit { role: UnitRole::Standby, udi: standby });
    let request = device.trust(&token, false);
    let reply = device.hears(&mut cssm, NOW, &Route::Smart, &request);
    let udis: Vec<Udi> = reply.trust.iter().map(|code| code.body.as_ref().unwrap().udi).collect();
    assert_eq!(udis, [device.sender.udi, standby]);
    device.sender.units.push(Unit { role: UnitRole::Standby, udi: standby });
    let request = device.trust(&token, true);
    assert_eq!(device.breaks(&mut cssm, NOW, &Route::Smart, &request).0, Rule::DeviceList);
}

#[test]
fn a_report_that_came_before_is_acknowledged_again() {
    let mut cssm = cssm(Config::default());
    let mut device = Device::new(1);
    for round in 1..=3 {
        let request = device.usage(&[7, 8]);
        let reply = device.hears(&mut cssm, after(round * 1000), &CSLU, &request);
        let poll = Request::Poll { poll_id: poll_id(&reply.status) };
        let reply = device.hears(&mut cssm, after(round * 1000), &CSLU, &poll);
        let reports = reply.ack.unwrap().body.unwrap().reports;
        assert_eq!(reports.len(), 2);
        assert!(reports.iter().all(|(_, verdict)| *verdict == ReportVerdict::Acknowledged));
        assert!(cssm.store().reports().all(|report| i64::from(report.times) == round && report.answered));
    }
    let request = device.usage(&[7, 7]);
    assert_eq!(device.breaks(&mut cssm, NOW, &CSLU, &request).0, Rule::ReportTwice);
    let nothing = device.usage(&[]);
    assert_eq!(device.hears(&mut cssm, NOW, &CSLU, &nothing).status, Status::NoData);
}

/// `spec/behaviour.md` §8, `interface.md` §7 `PUT ack-mode`.
#[test]
fn acks_become_ready_at_once_later_or_when_released() {
    for (mode, ready_at) in
        [(AckMode::AtOnce, Some(0)), (AckMode::Delay(600_000), Some(600_000)), (AckMode::Manual, None)]
    {
        let mut cssm = cssm(Config { ack_mode: mode, ..Config::default() });
        let mut device = Device::new(1);
        let request = device.usage(&[1]);
        let poll = Request::Poll { poll_id: poll_id(&device.hears(&mut cssm, NOW, &CSLU, &request).status) };
        for minute in [1, 5, 9, 10, 11] {
            let reply = device.hears(&mut cssm, after(minute * 60_000), &CSLU, &poll);
            let ready = ready_at.is_some_and(|ready| minute * 60_000 >= ready);
            assert_eq!(reply.ack.is_some(), ready, "{mode:?}, minute {minute}");
            if !ready {
                assert_eq!(reply.status, Status::OkPoll { poll_id: None, interval_s: Some(60) });
            }
        }
        let waiting = usize::from(ready_at.is_none());
        assert_eq!(cssm.waiting().count(), waiting);
        assert_eq!(cssm.release_acks(&["FDO00000002".into()]), 0);
        assert_eq!(cssm.release_acks(&[]), waiting);
        assert!(device.hears(&mut cssm, days(1), &CSLU, &poll).ack.is_some());
    }
}

/// `spec/behaviour.md` §12 topologies 4 and 6.
#[test]
fn a_disconnected_cslu_says_ok_poll_until_the_files_have_been_exchanged() {
    let mut cssm = cssm(Config { role: Role::Cslu, connected: false, ..Config::default() });
    let mut device = Device::new(1);
    let request = device.usage(&[1]);
    let poll = Request::Poll { poll_id: poll_id(&device.hears(&mut cssm, NOW, &CSLU, &request).status) };
    for day in 0..5 {
        let reply = device.hears(&mut cssm, days(day), &CSLU, &poll);
        assert_eq!(reply.status, Status::OkPoll { poll_id: None, interval_s: Some(60) });
    }
    assert_eq!(device.hears(&mut cssm, days(5), &CSLU, &Request::TrustSync).status, Status::NoData);
    assert_eq!(cssm.release_acks(&[]), 1);
    let reply = device.hears(&mut cssm, days(5), &CSLU, &poll);
    assert!(reply.ack.is_some() && reply.policy.is_some());
    assert_eq!(reply.trust.len(), 1, "trust comes with the first ACK");
}

/// `spec/behaviour.md` §13.
#[test]
fn a_down_rev_on_prem_lacks_the_capability_and_refuses_reports() {
    let mut cssm = cssm(Config { role: Role::OnPrem, down_rev: true, ..Config::default() });
    let mut device = Device::new(1);
    let reply = device.hears(&mut cssm, NOW, &CSLU, &Request::Hello);
    assert!(!reply.capabilities.contains(slpsim_agent::Capabilities::POLICY_USAGE));
    for request in [device.usage(&[1]), Request::TrustSync] {
        assert_eq!(device.breaks(&mut cssm, NOW, &CSLU, &request).0, Rule::PolicyUsage);
    }
    for request in [Request::AuthRenew, Request::IdRenew] {
        assert_eq!(device.hears(&mut cssm, NOW, &CSLU, &request).status, Status::Ok);
    }
}

/// `spec/behaviour.md` §6 "renewal".
#[test]
fn a_trust_sync_renews_a_code_that_ends_within_ninety_days() {
    let mut cssm = cssm(Config::default());
    let token = token(&mut cssm);
    let mut device = Device::new(1);
    let request = device.trust(&token, false);
    device.hears(&mut cssm, NOW, &Route::Smart, &request);
    let old = device.sender.identity.unwrap();
    let end = NOW.plus_days(numbers::TRUST_VALIDITY_DAYS);
    let before = |span: Duration| end.plus_millis(-i64::try_from(span.as_millis()).unwrap());
    let early = before(numbers::TRUST_RENEWAL_BEFORE).plus_millis(-1);
    let reply = device.hears(&mut cssm, early, &Route::Smart, &Request::TrustSync);
    assert!(reply.trust.is_empty() && reply.policy.is_some() && reply.account.is_some());
    let due = before(numbers::TRUST_RENEWAL_BEFORE);
    let reply = device.hears(&mut cssm, due, &Route::Smart, &Request::TrustSync);
    let code = reply.trust[0].body.as_ref().unwrap();
    assert_eq!(code.identity.instance, old.instance, "the product instance stays the same");
    assert_ne!(code.identity.serial, old.serial);
    assert_eq!((code.trust_id, code.valid_to), (102, due.plus_days(numbers::TRUST_VALIDITY_DAYS)));
}

/// `spec/behaviour.md` §9.
#[test]
fn a_wrong_clock_is_noted_and_refused_only_when_strict() {
    for (strict, skew_ms, broken, noted) in [
        (false, 3_599_999, false, false),
        (false, 3_600_000, false, true),
        (false, -3_600_000, false, true),
        (true, 3_599_999, false, false),
        (true, -3_600_000, true, true),
    ] {
        let mut cssm = cssm(Config { strict_clock: strict, ..Config::default() });
        let mut device = Device::new(1);
        let message = compose(&Request::Hello, &device.sender, after(skew_ms), 1);
        let answer = cssm.handle(NOW, &Arrived::in_process(Route::Smart, &message));
        assert_eq!(answer.rule, broken.then_some(Rule::Clock), "{skew_ms}");
        let events: Vec<_> = cssm.store().events().map(|event| event.event).collect();
        assert_eq!(events.contains(&Event::ClockSkew(skew_ms)), noted, "{skew_ms}: {events:?}");
        // The server's own clock can be the one that is wrong.
        cssm.set_skew_ms(7_200_000);
        let (message, _) = device.says(&mut cssm, NOW, &Route::Smart, &Request::Hello);
        assert_eq!(message.timestamp, after(7_200_000));
    }
}

/// `spec/formats.md` §3: the reasons of a rejected report.
#[test]
fn a_report_of_somebody_else_is_rejected_and_named() {
    let mut cssm = cssm(Config::default());
    let mut device = Device::new(1);
    let message_with_stranger = {
        let mut message = compose(&device.usage(&[1, 2]), &device.sender, NOW, 1);
        if let slpsim_transport::message::DeviceBody::LicenseUsage { reports, .. } = &mut message.body {
            reports[1].udi = Device::new(9).sender.udi;
        }
        message
    };
    let answer = cssm.handle(NOW, &Arrived::in_process(CSLU, &message_with_stranger));
    let poll = Request::Poll { poll_id: answer.message.data.poll_id.unwrap() };
    let reply = device.hears(&mut cssm, NOW, &CSLU, &poll);
    assert_eq!(
        reply.ack.unwrap().body.unwrap().reports,
        [
            (ReportId(1), ReportVerdict::Acknowledged),
            (ReportId(2), ReportVerdict::Rejected("UNKNOWN_DEVICE".into()))
        ]
    );
}

/// A device that speaks for many others, twice over: nobody is counted twice, and what it says is kept in part.
#[test]
fn a_message_with_reports_of_many_devices_is_judged_as_one_of_few_would_be() {
    let mut cssm = cssm(Config::default());
    let mut spokesman = Device::new(0);
    spokesman.sender.hostname = Some("ä".repeat(1_000));
    let mut reports = Vec::new();
    for n in 1..=40 {
        let mut other = Device::new(n);
        if n % 2 == 0 {
            other.hears(&mut cssm, NOW, &CSLU, &other.usage(&[7]));
        }
        reports.extend([8, 9].map(|id| other.report(id)));
    }
    reports.rotate_left(1);
    let pushed = spokesman.hears(&mut cssm, NOW, &CSLU, &Request::Usage { reports: reports.clone() });
    let kept: Vec<_> = cssm.store().reports().filter(|report| report.id.0 > 7).collect();
    let broken = |rule| kept.iter().filter(|report| report.broken == rule).count();
    assert_eq!((kept.len(), broken(None), broken(Some(Rule::ReportDevice))), (80, 40, 40));
    assert!(matches!(pushed.status, Status::OkPoll { .. }));
    let device = cssm.device_called("FDO00000000").unwrap();
    assert_eq!(device.hostname.as_deref(), Some("ä".repeat(255).as_str()));
    reports.push(reports[3].clone());
    let (rule, _) = spokesman.breaks(&mut cssm, NOW, &CSLU, &Request::Usage { reports });
    assert_eq!(rule, Rule::ReportTwice);
}

#[test]
fn an_operator_can_have_reports_rejected_acks_late_and_tokens_refused() {
    let mut cssm = cssm(Config::default());
    let mut device = Device::new(1);
    let request = device.usage(&[1]);
    let steer =
        Steer { reject_reports: Some(Rule::ReportTimestamp), late_ack_ms: Some(60_000), ..Steer::default() };
    let (message, _) = device.says_steered(&mut cssm, NOW, &CSLU, &request, &steer);
    let poll = Request::Poll { poll_id: message.data.poll_id.unwrap() };
    assert!(device.hears(&mut cssm, after(59_999), &CSLU, &poll).ack.is_none());
    let reports = device.hears(&mut cssm, after(60_000), &CSLU, &poll).ack.unwrap().body.unwrap().reports;
    assert_eq!(reports, [(ReportId(1), ReportVerdict::Rejected("TIMESTAMP_MISMATCH".into()))]);
    let steer = Steer { try_again_s: Some(30), ..Steer::default() };
    let (message, rule) = device.says_steered(&mut cssm, NOW, &CSLU, &Request::Hello, &steer);
    assert_eq!((message.status, message.retry_time_s, rule), (StatusWord::TryAgain, Some(30), None));
    let token = token(&mut cssm);
    let request = device.trust(&token, true);
    let steer = Steer { refuse_token: Some(Rule::TokenExpired), ..Steer::default() };
    let (message, rule) = device.says_steered(&mut cssm, NOW, &CSLU, &request, &steer);
    assert_eq!((message.status, rule), (StatusWord::Failed, Some(Rule::TokenExpired)));
}

/// `spec/formats.md` §12.
#[test]
fn a_tenant_decides_the_account() {
    let mut cssm = cssm(Config { role: Role::OnPrem, ..Config::default() });
    cssm.account_or_new(None, Some("Other")).unwrap();
    for (element, expected) in
        [("Other-1", Some("Other")), ("Example%20SA-1", Some("Lab")), ("nobody-1", None)]
    {
        let mut device = Device::new(u32::try_from(element.len()).unwrap());
        let request = device.usage(&[1]);
        let (_, rule) = device.says(&mut cssm, NOW, &Route::tenant(element), &request);
        assert_eq!(rule, expected.is_none().then_some(Rule::Tenant), "{element}");
        let account = cssm.device_called(device.sender.udi.serial.as_str()).map(|device| device.account);
        let names = account.and_then(|id| cssm.store().accounts().get(usize::from(id.0)));
        assert_eq!(names.map(|account| account.names.r#virtual.as_str()), expected, "{element}");
    }
}

/// `spec/formats.md` §6, §8.3.
#[test]
fn an_mds_gets_authorization_for_enforced_licences_and_gives_it_back() {
    let mut cssm = cssm(Config::default());
    let mut device = Device::new(1);
    let mds = slpsim_agent::ProfileId::Mds9000.profile();
    let key = |license: usize, count| slpsim_agent::request::AuthKey {
        entitlement: mds.licenses[license].tag,
        count,
    };
    for keys in [vec![], vec![key(0, 1)], vec![key(2, 0)]] {
        let request = Request::AuthRequest { keys };
        assert_eq!(device.breaks(&mut cssm, NOW, &CSLU, &request).0, Rule::Entitlement);
    }
    let give_back = Request::AuthReturn { remove_code: "EXAMPLECODE".into() };
    assert_eq!(device.hears(&mut cssm, NOW, &CSLU, &give_back).status, Status::NoData);
    let request = Request::AuthRequest { keys: vec![key(2, 4)] };
    let reply = device.hears(&mut cssm, NOW, &CSLU, &request);
    let code = reply.auth[0].body.as_ref().unwrap();
    assert_eq!((code.udi, code.entitlements[0].1), (device.sender.udi, 4));
    let without_code = Request::AuthReturn { remove_code: String::new() };
    assert_eq!(device.breaks(&mut cssm, NOW, &CSLU, &without_code).0, Rule::RemoveCode);
    assert_eq!(device.hears(&mut cssm, NOW, &CSLU, &give_back).status, Status::Ok);
}

#[test]
fn a_full_mock_takes_no_more_devices() {
    let limits = Limits { devices: 1, ..Limits::default() };
    let mut cssm = cssm(Config { limits, ..Config::default() });
    let token = token(&mut cssm);
    let (mut first, mut second) = (Device::new(1), Device::new(2));
    let request = first.usage(&[1]);
    first.hears(&mut cssm, NOW, &CSLU, &request);
    let request = second.usage(&[1]);
    assert_eq!(second.breaks(&mut cssm, NOW, &CSLU, &request).0, Rule::DeviceLimit);
    let request = second.trust(&token, false);
    assert_eq!(second.breaks(&mut cssm, NOW, &Route::Smart, &request).0, Rule::DeviceLimit);
}

#[test]
fn the_same_seed_gives_the_same_answers_in_any_order_of_devices() {
    let answers = |order: [u32; 3], seed| {
        let mut cssm = cssm(Config { seed, ..Config::default() });
        let mut seen: Vec<_> = order
            .into_iter()
            .map(|n| {
                let mut device = Device::new(n);
                let request = device.usage(&[1]);
                let reply = device.hears(&mut cssm, NOW, &CSLU, &request);
                (n, poll_id(&reply.status))
            })
            .collect();
        seen.sort_unstable();
        seen
    };
    assert_eq!(answers([1, 2, 3], 7), answers([3, 1, 2], 7));
    assert_ne!(answers([1, 2, 3], 7), answers([1, 2, 3], 8));
}

//! For each rule of the mock a request that is broken only there; its name is read back from the answer and from
//! `GET requests`.

use serde_json::json;
use slpsim_agent::{IdCert, InstanceId, PollId, Request, Role, Token, Unit};
use slpsim_cssm::rule::{Kind, Rule};
use slpsim_cssm::server::ServerConfig;
use slpsim_cssm::{Config, Limits};
use slpsim_transport::fault;
use slpsim_transport::message::{DeviceBody, DeviceMessage, EnvelopeSignature};
use slpsim_transport::smart::decode_response;
use slpsim_transport::{WireProfile, rum};

use crate::client::{Device, Raw, World, post};

/// Sends a message and expects a refusal with `rule`, in the header, in the status and in the history.
async fn breaks(world: &World, url: &str, device: &Device, message: &DeviceMessage, rule: Rule) -> Raw {
    let body = device.encode(message);
    breaks_raw(world, url, device, body, rule).await
}

async fn breaks_raw(world: &World, url: &str, device: &Device, body: String, rule: Rule) -> Raw {
    let raw = post(&world.http, url, body).await.unwrap();
    assert_eq!(raw.status, 200, "{rule}: {}", String::from_utf8_lossy(&raw.body));
    assert_eq!(raw.rule.as_deref(), Some(rule.name()));
    let answer = decode_response(&raw.body, &device.verifier, &WireProfile::default()).unwrap().message;
    let text = answer.status_message.as_ref();
    match rule.kind() {
        Kind::InvalidStatus => assert!(text.contains("is not valid"), "{rule}: {text}"),
        Kind::Failed if rule.text_is_fixed() => assert_eq!(text, rule.text()),
        Kind::Failed => assert_eq!(text, format!("{}: {}", rule.name(), rule.text())),
        Kind::Report | Kind::Unreadable(_) => panic!("{rule} is not refused like that"),
    }
    assert_eq!(world.last_rule().await.as_deref(), Some(rule.name()));
    raw
}

#[tokio::test]
async fn rules_of_identity_and_signature() {
    let world = World::new().await;
    let smart = world.server.urls.smart.clone();
    let mut device = Device::new(&world, 1);

    let message = device.message(&world, &Request::TrustSync);
    breaks(&world, &smart, &device, &message, Rule::TrustRequired).await;

    let instance = InstanceId::parse("00000000-0000-4000-8000-0000000000aa").unwrap();
    device.sender.identity = Some(IdCert { instance, serial: 1 });
    let message = device.message(&world, &Request::TrustSync);
    breaks(&world, &smart, &device, &message, Rule::Identity).await;

    device.sender.identity = None;
    device.gets_trust(&world).await;
    let message = device.message(&world, &Request::TrustSync);
    let mut outer: serde_json::Value = serde_json::from_str(&device.encode(&message)).unwrap();
    outer["signature"] = json!(null);
    breaks_raw(&world, &smart, &device, outer.to_string(), Rule::SignatureMissing).await;

    let message = device.message(&world, &Request::TrustSync);
    let body = device.encode(&message);
    let other = device.message(&world, &Request::Hello);
    let other: serde_json::Value = serde_json::from_str(&device.encode(&other)).unwrap();
    let mut outer: serde_json::Value = serde_json::from_str(&body).unwrap();
    outer["signature"] = other["signature"].clone();
    breaks_raw(&world, &smart, &device, outer.to_string(), Rule::Signature).await;

    let mut message = device.message(&world, &Request::TrustSync);
    message.header.id_cert_serial = Some(5);
    breaks(&world, &smart, &device, &message, Rule::CertificateSerial).await;

    let request = device.trust(&world);
    let message = device.message(&world, &request);
    breaks(&world, &smart, &device, &message, Rule::NodeLock).await;
}

#[tokio::test]
async fn rules_of_trust_requests() {
    let world = World::new().await;
    let smart = world.server.urls.smart.clone();
    let mut device = Device::new(&world, 1);
    let ask = |device: &Device, token: &str| Request::Trust {
        token: Token::new(token).unwrap(),
        force: false,
        units: device.sender.units.clone(),
    };

    let request = ask(&device, "EXAMPLETOKEN0001");
    let message = device.message(&world, &request);
    breaks(&world, &smart, &device, &message, Rule::TokenUnknown).await;

    let made = |answer: serde_json::Value| answer["idtoken"].as_str().unwrap().to_owned();
    let short = made(world.ok("POST", "tokens", Some(json!({"expires_after_days": 1}))).await);
    let once = made(world.ok("POST", "tokens", Some(json!({"max_uses": 1}))).await);
    let revoked = made(world.ok("POST", "tokens", None).await);
    let other = made(world.ok("POST", "tokens", Some(json!({"virtual_account": "Other"}))).await);
    world.ok("POST", "tokens/revoke", Some(json!({"idtoken": revoked}))).await;
    let mut first = Device::new(&world, 2);
    let request = ask(&first, &once);
    first.says(&world, &smart, &request).await.unwrap();
    for (token, rule) in [(&once, Rule::TokenUsedUp), (&revoked, Rule::TokenRevoked)] {
        let request = ask(&device, token);
        let message = device.message(&world, &request);
        breaks(&world, &smart, &device, &message, rule).await;
    }
    let request = ask(&first, &other);
    let message = first.message(&world, &request);
    breaks(&world, &smart, &first, &message, Rule::OtherAccount).await;

    let request = device.trust(&world);
    let mut message = device.message(&world, &request);
    if let DeviceBody::IdTokenTrust { csr, .. } = &mut message.body {
        *csr = Some("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n".into());
    }
    breaks(&world, &smart, &device, &message, Rule::Csr).await;

    // Good, with much behind it that the records would have to keep.
    let long = device.keys.csr(&device.sender.udi).unwrap() + &"\n".repeat(100_000);
    let mut message = device.message(&world, &request);
    if let DeviceBody::IdTokenTrust { csr, .. } = &mut message.body {
        *csr = Some(long.into());
    }
    breaks(&world, &smart, &device, &message, Rule::Csr).await;

    let mut message = device.message(&world, &request);
    if let DeviceBody::IdTokenTrust { units, .. } = &mut message.body {
        units[0].udi = first.sender.udi;
        units.push(Unit { role: Role::Standby, udi: first.sender.udi });
    }
    breaks(&world, &smart, &device, &message, Rule::DeviceList).await;

    world.ok("PUT", "accounts/Lab", Some(json!({"membership": "listed", "devices": []}))).await;
    let message = device.message(&world, &request);
    breaks(&world, &smart, &device, &message, Rule::Membership).await;

    world.advance(86_400_000);
    let request = ask(&device, &short);
    let message = device.message(&world, &request);
    breaks(&world, &smart, &device, &message, Rule::TokenExpired).await;
}

#[tokio::test]
async fn rules_of_reports_polls_and_codes() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);

    let request = device.usage(&[1, 1]);
    let message = device.message(&world, &request);
    breaks(&world, &cslu, &device, &message, Rule::ReportTwice).await;

    let request = device.usage(&[1]);
    let mut message = device.message(&world, &request);
    if let DeviceBody::LicenseUsage { reports, .. } = &mut message.body {
        reports[0].measurements.clear();
    }
    breaks(&world, &cslu, &device, &message, Rule::ReportPayload).await;

    let message = device.message(&world, &Request::Poll { poll_id: PollId(1) });
    breaks(&world, &cslu, &device, &message, Rule::PollId).await;

    let message = device.message(&world, &Request::AuthRequest { keys: Vec::new() });
    breaks(&world, &cslu, &device, &message, Rule::Entitlement).await;
    let message = device.message(&world, &Request::AuthReturn { remove_code: String::new() });
    breaks(&world, &cslu, &device, &message, Rule::RemoveCode).await;

    let mut message = device.message(&world, &Request::Hello);
    message.body = DeviceBody::Unknown("LUNCH".into());
    breaks(&world, &cslu, &device, &message, Rule::RequestType).await;

    let message = device.message(&world, &Request::Hello);
    breaks(&world, &format!("{cslu}/Nobody-1"), &device, &message, Rule::Tenant).await;
}

/// `spec/formats.md` §3: these are told in the ACK.
#[tokio::test]
async fn rules_whose_breach_is_told_in_the_ack() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    for (n, (rule, reason)) in [
        (Rule::ReportDevice, "UNKNOWN_DEVICE"),
        (Rule::ReportSignature, "SIGNATURE_MISMATCH"),
        (Rule::ReportTimestamp, "TIMESTAMP_MISMATCH"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = 10 + u64::try_from(n).unwrap();
        let request = device.usage(&[id]);
        let mut message = device.message(&world, &request);
        match rule {
            Rule::ReportDevice => {
                let stranger = Device::new(&world, 9).sender.udi;
                if let DeviceBody::LicenseUsage { reports, .. } = &mut message.body {
                    reports[0].udi = stranger;
                }
            }
            _ => {
                let fault = json!({"kind": "reject-report", "why": reason, "next": 1});
                world.ok("POST", "faults", Some(fault)).await;
            }
        }
        let body = device.encode(&message);
        let raw = post(&world.http, &cslu, body).await.unwrap();
        let answer = decode_response(&raw.body, &device.verifier, &WireProfile::default()).unwrap().message;
        let poll = Request::Poll { poll_id: answer.data.poll_id.unwrap() };
        let answer = device.says(&world, &cslu, &poll).await.unwrap();
        let (_, verdict) = &answer.data.ack.unwrap().object.unwrap().reports[0];
        assert_eq!(*verdict, slpsim_agent::ReportVerdict::Rejected(reason.into()));
        let events = world.ok("GET", "events?limit=50", None).await;
        let noted = events.as_array().unwrap().iter().any(|event| event["detail"]["rule"] == rule.name());
        assert!(noted, "{rule}: {events}");
    }
}

/// `spec/formats.md` §13: real reports are read by a mock that is told not to verify.
#[tokio::test]
async fn a_report_whose_signature_is_not_ours_is_rejected_unless_nothing_is_verified() {
    type Spoil = fn(&mut EnvelopeSignature);
    let spoiled: [(&str, Option<Spoil>, bool); 6] = [
        ("as it should be", Some(|_| {}), true),
        ("no signature", None, false),
        (
            "another value",
            Some(|signature| signature.value = signature.value.replacen('=', "A", 1).into()),
            false,
        ),
        ("another software tag", Some(|signature| signature.key = "regid".into()), false),
        ("that of real hardware", Some(|signature| signature.signing_type = "CISC123".into()), false),
        ("no serial number", Some(|signature| signature.signing_type = "SHA256".into()), false),
    ];
    for verify in [true, false] {
        let mock = Config { verify, ..Config::default() };
        let world = World::with(ServerConfig { mock, seed: Some(1), ..ServerConfig::default() }).await;
        let cslu = world.server.urls.cslu.clone();
        let mut device = Device::new(&world, 1);
        for (id, (what, spoil, genuine)) in (1..).zip(spoiled) {
            let request = device.usage(&[id]);
            let mut message = device.message(&world, &request);
            if let DeviceBody::LicenseUsage { reports, .. } = &mut message.body {
                let mut envelope = rum::seal(&reports[0], None).unwrap();
                match (spoil, &mut envelope.signature) {
                    (Some(spoil), Some(signature)) => spoil(signature),
                    (_, signature) => *signature = None,
                }
                reports[0].envelope = Some(Box::new(envelope));
            }
            let raw = post(&world.http, &cslu, device.encode(&message)).await.unwrap();
            assert_eq!((raw.status, raw.rule), (200, None), "{what}");
            let reports = world.ok("GET", "reports", None).await;
            let rule = (verify && !genuine).then_some(Rule::ReportSignature.name());
            assert_eq!(reports.as_array().unwrap().last().unwrap()["rule"], json!(rule), "{what}, {verify}");
        }
    }
}

#[tokio::test]
async fn rules_of_other_roles_and_limits() {
    let on_prem = Config { role: slpsim_cssm::Role::OnPrem, down_rev: true, ..Config::default() };
    let full = Config { limits: Limits { devices: 0, ..Limits::default() }, ..Config::default() };
    let strict = Config { strict_clock: true, ..Config::default() };
    for (mock, rule) in [
        (on_prem.clone(), Rule::PolicyUsage),
        (on_prem, Rule::TokenConnection),
        (full, Rule::DeviceLimit),
        (strict, Rule::Clock),
    ] {
        let world = World::with(ServerConfig { mock, seed: Some(1), ..ServerConfig::default() }).await;
        let cslu = world.server.urls.cslu.clone();
        let mut device = Device::new(&world, 1);
        let request = match rule {
            Rule::TokenConnection => device.trust(&world),
            _ => device.usage(&[1]),
        };
        let message = device.message(&world, &request);
        if rule == Rule::Clock {
            world.advance(3_600_000);
        }
        breaks(&world, &cslu, &device, &message, rule).await;
    }
}

/// The tables above, `unreadable.rs` and `lifetime.rs` name every rule; a new one has to be added to one of them.
#[test]
fn every_rule_has_a_test() {
    let sources =
        [include_str!("rules.rs"), include_str!("unreadable.rs"), include_str!("lifetime.rs")].concat();
    for rule in Rule::ALL {
        let variant = format!("Rule::{rule:?}");
        let name = format!("\"{}\"", rule.name());
        assert!(sources.contains(&variant) || sources.contains(&name), "no test breaks {rule}");
    }
}

#[test]
fn the_guide_for_own_servers_names_every_rule_and_every_live_fault() {
    let guide = include_str!("../../../docs/own-server.md");
    let is_live = |kind: &fault::Kind| kind.row().places.contains(&fault::Place::Live);
    let live = fault::Kind::ALL.into_iter().filter(is_live).map(fault::Kind::word);
    let words = Rule::ALL.iter().map(|rule| rule.name()).chain(live);
    for word in words {
        assert!(guide.contains(&format!("`{word}`")), "docs/own-server.md does not name {word}");
    }
}

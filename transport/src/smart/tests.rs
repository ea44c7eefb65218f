//! Both directions against the examples of the reference, and against everything that is not as it should be.

use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use slpsim_agent::{
    Account, ElementFault, Failure, IdCert, InstanceId, PollId, Purpose, ReportId, ReportVerdict, Role,
    Token, TrustCode, Udi, Unit,
};
use slpsim_policy::{Policy, Values, Wall};

use super::*;
use crate::message::*;
use crate::rum::{ReportSignature, tests::example, verify};
use crate::sign::{DeviceKeys, IdRequest, PublicKey, Signer, Verifier};
use crate::{MAX_BYTES, Rule};

const NONCE: u64 = 4_611_686_018_427_387_905;
const NOW: Wall = Wall(1_772_446_020_000);
const ID_SERIAL: u64 = 16_451_201;

fn keys() -> &'static DeviceKeys {
    static KEYS: OnceLock<DeviceKeys> = OnceLock::new();
    KEYS.get_or_init(|| DeviceKeys::generate().unwrap())
}

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::generate(NOW).unwrap())
}

fn verifier() -> Verifier {
    Verifier::root(signer().root_pem()).unwrap()
}

fn profile() -> WireProfile {
    WireProfile::default()
}

fn udi() -> Udi {
    Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap()
}

fn instance() -> InstanceId {
    InstanceId::parse("00000000-0000-4000-8000-0000000000aa").unwrap()
}

fn identity() -> IdCert {
    IdCert { instance: instance(), serial: ID_SERIAL }
}

fn id_cert() -> String {
    let csr = keys().csr(&udi()).unwrap();
    let (valid_from, valid_to) = (NOW.plus_millis(-302_000), NOW.plus_days(2922));
    signer()
        .issue_id(IdRequest { csr: &csr, product: "N9K", identity: identity(), valid_from, valid_to })
        .unwrap()
}

fn with_body(trusted: bool, body: DeviceBody) -> DeviceMessage {
    DeviceMessage {
        header: DeviceHeader {
            udi: udi(),
            timestamp: NOW,
            nonce: Nonce::Number(NONCE),
            connect_info: ConnectInfo::AGENT,
            instance: trusted.then(instance),
            id_cert_serial: trusted.then_some(ID_SERIAL),
            signing_cert_serial: trusted.then_some(3),
            custom_id: None,
        },
        body,
    }
}

fn trust_request() -> DeviceBody {
    DeviceBody::IdTokenTrust {
        token: Token::new("EXAMPLETOKEN0001").unwrap(),
        hostname: Some("n9k-leaf-01".into()),
        software_tag: example().software_tag,
        csr: Some(keys().csr(&udi()).unwrap().into()),
        mode: "PERMANENT".into(),
        force: true,
        units: vec![Unit { role: Role::Active, udi: udi() }],
    }
}

fn usage() -> DeviceBody {
    DeviceBody::LicenseUsage {
        hostname: Some("n9k-leaf-01".into()),
        software_tag: example().software_tag,
        reports: vec![example()],
    }
}

fn encode(message: &DeviceMessage) -> EncodedRequest {
    encode_request(message, Some(keys()), &profile()).unwrap()
}

/// `spec/formats.md` §8.1, §8.3.
#[test]
fn the_examples_of_requests_come_out_byte_for_byte() {
    let poll = encode(&with_body(true, DeviceBody::Poll { poll_id: PollId(77_000_000_000_000_001) }));
    let expected = r#""credential":null,"request":"{\"header\":{\"version\":\"1.3\",\"locale\":\"en_US.UTF-8\",\"sudi\":{\"suvi\":null,\"uuid\":null,\"host_identifier\":null,\"mac_address\":null,\"udi_pid\":\"N9K-C93180YC-FX3\",\"udi_serial_number\":\"FDO00000001\",\"udi_vid\":null},\"timestamp\":1772446020000,\"nonce\":\"4611686018427387905\",\"request_type\":\"POLL_REQ\",\"agent_actions\":null,\"connect_info\":{\"name\":\"C_agent\",\"version\":\"slpsim-1\",\"production\":true,\"additional_info\":\"\",\"capabilities\":[\"UTILITY\",\"DLC\",\"AppHA\",\"MULTITIER\",\"EXPORT_2\",\"OK_TRY_AGAIN\",\"POLICY_USAGE\"]},\"product_instance_identifier\":\"00000000-0000-4000-8000-0000000000aa\",\"id_cert_serial_number\":\"16451201\",\"signing_cert_serial_number\":\"3\"},\"nonce\":\"4611686018427387905\",\"request_data\":\"{\\\"sudi\\\":{\\\"udi_pid\\\":\\\"N9K-C93180YC-FX3\\\",\\\"udi_serial_number\\\":\\\"FDO00000001\\\"},\\\"timestamp\\\":1772446020000,\\\"nonce\\\":\\\"4611686018427387905\\\",\\\"poll_id\\\":77000000000000001}\"}"}"#;
    let (signature, rest) = poll.body.split_at(poll.body.len() - expected.len());
    assert_eq!(rest, expected);
    let signature = signature.strip_prefix(r#"{"signature":{"type":"SHA-256","value":""#).unwrap();
    assert_eq!(signature.strip_suffix(r#""},"#).unwrap().len(), 344);

    let data = r#"{"sudi":{"udi_pid":"N9K-C93180YC-FX3","udi_serial_number":"FDO00000001"},"timestamp":1772446020000,"nonce":"4611686018427387905","product_instance_identifier":"00000000-0000-4000-8000-0000000000aa","hostname":"n9k-leaf-01","software_tag_identifier":"regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300","reports":[{"sudi":{"udi_pid":"N9K-C93180YC-FX3","udi_serial_number":"FDO00000001"},"usage":[ENVELOPE]}]}"#;
    let report = encode(&with_body(true, usage()));
    let request: Value = serde_json::from_str(&report.history).unwrap();
    assert_eq!(request["request_data"], data.replace("ENVELOPE", crate::rum::tests::V1));
}

#[test]
fn every_type_of_request_is_read_as_it_was_written() {
    let key = AuthEntry { entitlement: "regid.x".into(), count: 2 };
    for body in [
        trust_request(),
        usage(),
        DeviceBody::Poll { poll_id: PollId(u64::MAX) },
        DeviceBody::TrustSync { units: Vec::new() },
        DeviceBody::TrustSync {
            units: vec![
                SyncUnit {
                    unit: Unit { role: Role::Active, udi: udi() },
                    instance: Some(identity().instance),
                },
                SyncUnit {
                    unit: Unit {
                        role: Role::Standby,
                        udi: Udi::new("N9K-C93180YC-FX3", "FDO00000002").unwrap(),
                    },
                    instance: None,
                },
            ],
        },
        DeviceBody::Hello,
        DeviceBody::AuthRequest { keys: vec![key] },
        DeviceBody::AuthReturn { remove_code: "Cabc".into() },
        DeviceBody::AuthRenew,
        DeviceBody::IdRenew,
        DeviceBody::Unknown("THIRD_PARTY_KEY".into()),
    ] {
        for trusted in [false, true] {
            let mut message = with_body(trusted, body.clone());
            message.header.custom_id = Some("lab \"7\"".into());
            let mut read = decode_request(encode(&message).body.as_bytes(), &profile()).unwrap();
            let key = PublicKey::from_certificate_pem(&id_cert()).unwrap().verifying();
            assert_eq!(read.signature.is_some(), trusted);
            assert_eq!(read.is_signed_by(&key), trusted);
            if let DeviceBody::LicenseUsage { reports, .. } = &mut read.message.body {
                for report in reports {
                    assert_eq!(verify(report, |_| None), ReportSignature::Genuine);
                    report.envelope = None;
                }
            }
            assert_eq!(read.message, message);
        }
    }
}

#[test]
fn a_trust_request_gets_its_certificate_request_and_hides_its_token_from_the_history() {
    let mut body = trust_request();
    let DeviceBody::IdTokenTrust { csr, .. } = &mut body else { panic!("another body") };
    *csr = None;
    let message = with_body(false, body);
    assert_eq!(encode_request(&message, None, &profile()), Err(crate::EncodeError::NoKey));
    let encoded = encode(&message);
    assert!(encoded.body.contains("EXAMPLETOKEN0001") && encoded.body.contains("BEGIN CERTIFICATE REQUEST"));
    assert!(!encoded.history.contains("EXAMPLETOKEN0001") && encoded.history.contains("********"));
    assert!(!format!("{encoded:?}").contains("EXAMPLETOKEN0001"));
    let read = decode_request(encoded.body.as_bytes(), &profile()).unwrap();
    assert!(!format!("{:?}", read.message).contains("EXAMPLETOKEN0001"));
}

#[test]
fn a_request_that_was_read_shows_no_token_in_debug_output() {
    let body = encode(&with_body(false, trust_request())).body;
    let received = decode_request(body.as_bytes(), &profile()).unwrap();
    assert!(!format!("{received:?}").contains("EXAMPLETOKEN0001"));
}

/// Entries are counted before any of them is read: here none could be.
#[test]
fn the_reports_of_all_devices_in_a_request_are_counted_together() {
    let mut layers = Layers::of(&with_body(false, usage()));
    let group = |serial: &str, reports: usize| {
        let sudi = json!({"udi_pid": "N9K-C93180YC-FX3", "udi_serial_number": serial});
        json!({"sudi": sudi, "usage": vec![0; reports]})
    };
    layers.data["reports"] = json!([group("FDO00000001", 6_000), group("FDO00000002", 4_001)]);
    let error = decode_request(&layers.assemble(), &profile()).unwrap_err();
    assert_eq!((error.rule, error.field.as_str()), (Rule::Count, "request.request_data.reports"));
}

#[test]
fn a_request_above_the_limit_is_not_sent() {
    let reports = vec![example(); 3500];
    let body = DeviceBody::LicenseUsage { hostname: None, software_tag: example().software_tag, reports };
    let encoded = encode_request(&with_body(false, body), None, &profile());
    let Err(error) = encoded else { panic!("it was encoded") };
    assert_eq!(error.failure(), Some(Failure::TooLarge));
    assert!(error.to_string().contains("the limit is 5000000"));
}

/// The layers of a request, so that one of them can be broken.
struct Layers {
    outer: Value,
    request: Value,
    data: Value,
}

impl Layers {
    fn of(message: &DeviceMessage) -> Self {
        let outer: Value = serde_json::from_str(&encode(message).body).unwrap();
        let request: Value = serde_json::from_str(outer["request"].as_str().unwrap()).unwrap();
        let data = serde_json::from_str(request["request_data"].as_str().unwrap()).unwrap();
        Self { outer, request, data }
    }

    fn assemble(mut self) -> Vec<u8> {
        if self.request["request_data"].is_string() {
            self.request["request_data"] = Value::String(self.data.to_string());
        }
        if self.outer["request"].is_string() {
            self.outer["request"] = Value::String(self.request.to_string());
        }
        self.outer.to_string().into_bytes()
    }
}

/// A message, how it is broken, the rule, the field.
type Row = (fn() -> DeviceMessage, fn(&mut Layers), Rule, &'static str);

/// One row per rule of a request: broken in this rule alone, it is refused with the rule's name and the field.
#[test]
fn a_request_broken_in_one_rule_is_refused_by_that_rule() {
    let poll = || with_body(true, DeviceBody::Poll { poll_id: PollId(1) });
    let usage = || with_body(true, usage());
    let trust = || with_body(false, trust_request());
    let rows: [Row; 26] = [
        (poll, |l| l.outer = json!([]), Rule::Object, ""),
        (poll, |l| l.outer["request"] = json!({}), Rule::Text, "request"),
        (poll, |l| l.outer["request"] = Value::Null, Rule::Present, "request"),
        (poll, |l| l.outer["signature"]["type"] = json!("MD5"), Rule::Word, "signature.type"),
        (poll, |l| l.outer["signature"]["value"] = json!("?"), Rule::Base64, "signature.value"),
        (poll, |l| l.request["header"] = json!("x"), Rule::Object, "request.header"),
        (poll, |l| l.request["header"]["version"] = Value::Null, Rule::Present, "request.header.version"),
        (poll, |l| l.request["header"]["timestamp"] = json!("1"), Rule::Number, "request.header.timestamp"),
        (poll, |l| l.request["header"]["nonce"] = json!(1), Rule::Text, "request.header.nonce"),
        (
            poll,
            |l| l.request["header"]["sudi"]["udi_pid"] = json!("a b"),
            Rule::Udi,
            "request.header.sudi.udi_serial_number",
        ),
        (
            poll,
            |l| l.request["header"]["connect_info"]["capabilities"] = json!("x"),
            Rule::List,
            "request.header.connect_info.capabilities",
        ),
        (
            poll,
            |l| l.request["header"]["connect_info"]["production"] = json!(1),
            Rule::Flag,
            "request.header.connect_info.production",
        ),
        (
            poll,
            |l| l.request["header"]["product_instance_identifier"] = json!("1"),
            Rule::Uuid,
            "request.header.product_instance_identifier",
        ),
        (
            poll,
            |l| l.request["header"]["id_cert_serial_number"] = json!("0x1"),
            Rule::Decimal,
            "request.header.id_cert_serial_number",
        ),
        (poll, |l| l.request["nonce"] = json!("2"), Rule::Agrees, "request.nonce"),
        (poll, |l| l.request["request_data"] = json!({}), Rule::Text, "request.request_data"),
        (
            poll,
            |l| l.data["sudi"]["udi_serial_number"] = json!("FDO00000002"),
            Rule::Agrees,
            "request.request_data.sudi",
        ),
        (poll, |l| l.data["timestamp"] = json!(1), Rule::Agrees, "request.request_data.timestamp"),
        (poll, |l| l.data["poll_id"] = json!(-1), Rule::Number, "request.request_data.poll_id"),
        (trust, |l| l.data["id_token"] = json!("a b"), Rule::Token, "request.request_data.id_token"),
        (trust, |l| l.data["csr"] = json!("x"), Rule::Pem, "request.request_data.csr"),
        (
            trust,
            |l| l.data["device_list"][0]["role"] = json!("Boss"),
            Rule::Word,
            "request.request_data.device_list[0].role",
        ),
        (
            trust,
            |l| l.data["device_list"] = json!(vec![0; 101]),
            Rule::Count,
            "request.request_data.device_list",
        ),
        (
            usage,
            |l| l.data["product_instance_identifier"] = json!("00000000-0000-4000-8000-0000000000ab"),
            Rule::Agrees,
            "request.request_data.product_instance_identifier",
        ),
        (
            usage,
            |l| l.data["reports"][0]["usage"][0]["payload"] = json!("{"),
            Rule::Json,
            "request.request_data.reports[0].usage[0].payload",
        ),
        (
            usage,
            |l| l.data["reports"][0]["sudi"]["udi_serial_number"] = json!("X"),
            Rule::Agrees,
            "request.request_data.reports[0].usage[0].payload",
        ),
    ];
    for (message, change, rule, field) in rows {
        let mut layers = Layers::of(&message());
        change(&mut layers);
        let error = decode_request(&layers.assemble(), &profile()).unwrap_err();
        assert_eq!((error.rule, error.field.as_str()), (rule, field), "{error}");
    }
    let rule = |bytes: &[u8]| decode_request(bytes, &profile()).unwrap_err().rule;
    assert_eq!(rule(b"not JSON"), Rule::Json);
    assert_eq!(rule(b"\xff"), Rule::Utf8);
    assert_eq!(rule(&b"[".repeat(100)), Rule::Depth);
    assert_eq!(rule(&vec![b' '; MAX_BYTES + 1]), Rule::Size);
}

fn policy() -> Sealed<PolicyObject> {
    let policy = Policy::nxos("Example Policy", Values::of(60, 180, 60));
    let account = Some(account());
    Sealed::good(NOW, PolicyObject { id: "00000000-0000-4000-8000-0000000000d1".into(), policy, account })
}

fn account() -> Account {
    Account { smart: "Example SA".into(), r#virtual: "Lab".into() }
}

fn trust_code() -> Sealed<TrustObject> {
    let code = TrustCode { udi: udi(), trust_id: 101, identity: identity(), valid_to: NOW.plus_days(2922) };
    let object = TrustObject {
        code,
        valid_from: NOW.plus_millis(-302_000),
        id_cert: Some(id_cert().trim().into()),
        sub_ca: Some(signer().signer_pem().into()),
        nonce: Some(Nonce::Number(NONCE)),
        account: Some(account()),
    };
    Sealed::good(NOW, object)
}

fn ack() -> Sealed<AckObject> {
    let object = AckObject {
        udi: udi(),
        nonce: Some(Nonce::Number(NONCE)),
        account: Some(account()),
        transaction_id: "00000000-0000-4000-8000-0000000000c1".into(),
        reports: vec![
            (ReportId(1), ReportVerdict::Acknowledged),
            (ReportId(2), ReportVerdict::Rejected("WHY".into())),
        ],
        policy: Some(policy()),
        trust_codes: vec![trust_code()],
    };
    Sealed::good(NOW, object)
}

fn authorization() -> Sealed<AuthObject> {
    let entry = AuthEntry { entitlement: "regid.x".into(), count: 3 };
    let object = AuthObject {
        udi: udi(),
        instance: Some(instance()),
        flag: "A".into(),
        entitlements: vec![(entry, "X".into())],
    };
    Sealed::good(NOW, object)
}

fn answer(purpose: Purpose, data: ServerData) -> ServerMessage {
    let mut message =
        ServerMessage::bare(Nonce::Number(NONCE), purpose.into(), NOW, ConnectInfo::CSSM, StatusWord::Ok);
    message.data = data;
    message.instance = Some(instance());
    message.retry_time_s = Some(0);
    message
}

fn answers() -> Vec<ServerMessage> {
    let data = ServerData::default;
    let polled = ServerData { poll_id: Some(PollId(77)), poll_interval_s: Some(300), ..data() };
    let trusted = ServerData {
        trust_codes: vec![trust_code()],
        policy: Some(policy()),
        account: Some(account()),
        ..data()
    };
    let mut refused = answer(Purpose::Trust, data());
    (refused.status, refused.status_message) = (StatusWord::Other("NO WAY".into()), "why \"so\"".into());
    vec![
        answer(Purpose::Hello, data()),
        answer(Purpose::Usage, polled),
        answer(Purpose::Trust, trusted),
        answer(Purpose::Poll, ServerData { ack: Some(ack()), ..data() }),
        answer(Purpose::AuthRequest, ServerData { auth: vec![authorization()], ..data() }),
        refused,
    ]
}

fn body_of(message: &ServerMessage) -> String {
    encode_response(message, Sealing::by(signer()), &profile()).unwrap()
}

#[test]
fn every_answer_is_read_as_it_was_written() {
    for message in answers() {
        let read = decode_response(body_of(&message).as_bytes(), &verifier(), &profile()).unwrap();
        assert_eq!(read.notes, [] as [String; 0]);
        assert_eq!(read.message, message);
        accept(read.message, NONCE, &[Unit { role: Role::Active, udi: udi() }]).unwrap();
    }
}

/// `spec/formats.md` §8.2.
#[test]
fn the_example_of_an_answer_has_its_order_of_keys() {
    let read = decode_response(body_of(&answers()[0]).as_bytes(), &verifier(), &profile()).unwrap();
    let expected = r#"{"header":{"version":"1.3","timestamp":1772446020000,"nonce":"4611686018427387905","request_type":"HELLO","connect_info":{"name":"SSM","version":"1.3","production":true,"additional_info":"","capabilities":["DLC","AppHA","EXPORT_2","POLICY_USAGE","UTILITY","TELEMETRY","TELEMETRY_POLICY"]},"product_instance_identifier":"00000000-0000-4000-8000-0000000000aa"},"status_code":"OK","status_message":"","retry_time_seconds":0,"response_data":"{}"}"#;
    assert_eq!(read.history, expected);
}

/// `spec/behaviour.md` §12: a CSLU hands out what CSSM signed.
#[test]
fn a_file_of_another_signer_goes_out_byte_for_byte() {
    let cslu = Signer::generate(NOW).unwrap();
    let file = crate::files::ack_file(&ack(), signer()).unwrap();
    let data = ServerData { file: Some(file.as_str().into()), ..ServerData::default() };
    let body = encode_response(&answer(Purpose::Poll, data), Sealing::by(&cslu), &profile()).unwrap();
    assert!(body.contains(&crate::base64::encode(file.as_bytes())));
    let roots = [signer().root_pem(), cslu.root_pem()].concat();
    let read = decode_response(body.as_bytes(), &Verifier::root(&roots).unwrap(), &profile()).unwrap();
    assert_eq!(read.notes, Vec::<String>::new());
    assert_eq!(read.message.data.ack, Some(ack()));
}

#[test]
fn a_fault_of_a_signed_object_is_its_own_and_not_that_of_the_answer() {
    for (fault, note) in [(ElementFault::Signature, "does not fit"), (ElementFault::Unreadable, "must be")] {
        let data = ServerData {
            policy: Some(policy().spoiled(fault)),
            trust_codes: vec![trust_code().spoiled(fault), trust_code()],
            ..ServerData::default()
        };
        let body = body_of(&answer(Purpose::TrustSync, data));
        let read = decode_response(body.as_bytes(), &verifier(), &profile()).unwrap();
        assert_eq!(read.message.data.policy.unwrap().fault, Some(fault));
        let faults: Vec<_> = read.message.data.trust_codes.iter().map(|code| code.fault).collect();
        assert_eq!(faults, [Some(fault), None]);
        assert!(
            read.notes.len() == 2 && read.notes.iter().all(|line| line.contains(note)),
            "{:?}",
            read.notes
        );

        let body = body_of(&answer(
            Purpose::Poll,
            ServerData { ack: Some(ack().spoiled(fault)), ..Default::default() },
        ));
        let read = decode_response(body.as_bytes(), &verifier(), &profile()).unwrap();
        assert_eq!(read.message.data.ack.unwrap().fault, Some(fault));
        let auth = vec![authorization().spoiled(fault)];
        let body = body_of(&answer(Purpose::AuthRequest, ServerData { auth, ..Default::default() }));
        let read = decode_response(body.as_bytes(), &verifier(), &profile()).unwrap();
        assert_eq!(read.message.data.auth[0].fault, Some(fault));
    }
}

/// `spec/messages.md` §5.
#[test]
fn an_answer_that_is_not_as_it_should_be_is_the_right_failure() {
    let good = body_of(&answers()[3]);
    let spoiled = Sealing { signer: signer(), spoiled: true };
    let spoiled = encode_response(&answers()[0], spoiled, &profile()).unwrap();
    let stranger = Signer::generate(NOW).unwrap();
    let foreign = encode_response(&answers()[0], Sealing::by(&stranger), &profile()).unwrap();
    let unsigned = good.replacen(r#""signature":{"#, r#""unsigned":{"#, 1);
    let unknown = good.replacen("certificate", "certificat", 1);
    let huge = " ".repeat(MAX_BYTES) + &good;
    for (body, failure) in [
        ("<html>no JSON</html>", Failure::BadReply),
        (&good[..good.len() / 2], Failure::BadReply),
        ("[1]", Failure::BadReply),
        (r#"{"response":{}}"#, Failure::BadReply),
        (&huge, Failure::BadReply),
        (&spoiled, Failure::BadSignature),
        (&unsigned, Failure::BadSignature),
        (&foreign, Failure::SignerInvalid),
        (&unknown, Failure::TrustChain),
    ] {
        let refusal = decode_response(body.as_bytes(), &verifier(), &profile()).unwrap_err();
        assert_eq!(refusal.failure, failure, "{refusal}");
        assert!(!refusal.detail.is_empty() && !refusal.detail.contains('\n'));
    }
    let read = decode_response(good.as_bytes(), &verifier(), &profile()).unwrap();
    assert_eq!(accept(read.message, NONCE + 1, &[]), Err(Failure::NonceMismatch));
}

/// What a server of the user's own needs: a line of JSON, and `verify = "off"`.
#[test]
fn without_verification_a_plain_answer_is_enough() {
    let response = json!({
        "header": {"timestamp": 1, "nonce": NONCE, "connect_info": {"name": "own", "version": "1", "capabilities": []}},
        "status_code": "OK_POLL",
        "response_data": r#"{"poll_id":5}"#,
    });
    let body = json!({"response": response.to_string(), "signature": "none"}).to_string();
    let read = decode_response(body.as_bytes(), &Verifier::OFF, &profile()).unwrap();
    assert_eq!(read.message.data.poll_id, Some(PollId(5)));
    assert!(accept(read.message, NONCE, &[]).is_ok());
}

#[test]
fn a_profile_changes_words_and_names_on_both_sides() {
    let file = r#"{"request_types":{"hello":"DISCOVER"},"fields":{"request_data":"payload","nonce":"once"}}"#;
    let profile = WireProfile::from_json(file).unwrap();
    let encoded = encode_request(&with_body(true, DeviceBody::Hello), Some(keys()), &profile).unwrap();
    assert!(encoded.history.contains("DISCOVER") && encoded.history.contains(r#""payload":"#));
    assert_eq!(decode_request(encoded.body.as_bytes(), &profile).unwrap().message.body, DeviceBody::Hello);
    assert!(decode_request(encoded.body.as_bytes(), &WireProfile::default()).is_err());
}

proptest! {
    #[test]
    fn no_damage_makes_a_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        static BODIES: OnceLock<Vec<String>> = OnceLock::new();
        let bodies = BODIES.get_or_init(|| {
            let requests = [usage(), trust_request()].map(|body| encode(&with_body(true, body)).body);
            answers().iter().map(body_of).chain(requests).collect()
        });
        for body in bodies {
            let mut bytes = body.clone().into_bytes();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            let _ = decode_request(&bytes, &profile());
            let _ = decode_response(&bytes, &Verifier::OFF, &profile());
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>()) {
        let _ = decode_request(&bytes, &profile());
        let _ = decode_response(&bytes, &verifier(), &profile());
    }
}

//! The strictness table of the reference, and every file there and back.

use std::sync::OnceLock;

use proptest::prelude::*;
use slpsim_agent::{
    Account, ElementFault, IdCert, InstanceId, ReportId, ReportVerdict, Role, Token, TrustCode, Udi,
};
use slpsim_policy::{Policy, Values, Wall};

use super::*;
use crate::message::{AuthEntry, Nonce, Payload};
use crate::rum::tests::{V1, example};
use crate::rum::{ReportSignature, envelope_text, verify};
use crate::sign::{DeviceKeys, IdRequest, Verifier};
use crate::{MAX_BYTES, Rule};

const NOW: Wall = Wall(1_772_446_020_000);

fn signer() -> &'static Signer {
    static SIGNER: OnceLock<Signer> = OnceLock::new();
    SIGNER.get_or_init(|| Signer::generate(NOW).unwrap())
}

fn verifier() -> Verifier {
    Verifier::root(signer().root_pem()).unwrap()
}

fn udi() -> Udi {
    Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap()
}

fn instance() -> InstanceId {
    InstanceId::parse("00000000-0000-4000-8000-0000000000aa").unwrap()
}

fn account() -> Option<Account> {
    Some(Account { smart: "Example SA".into(), r#virtual: "Lab".into() })
}

fn read(text: &str) -> LicenseFile {
    LicenseFile::read(text.as_bytes(), &mut Opener::new(&verifier(), NOW)).unwrap()
}

fn rule(text: &str) -> Rule {
    LicenseFile::read(text.as_bytes(), &mut Opener::new(&verifier(), NOW)).unwrap_err().rule
}

fn info() -> SystemInfo {
    let tag = Some(example().software_tag);
    let unit = SystemUnit {
        udi: udi(),
        hostname: Some("n9k-leaf-01".into()),
        software_tag: tag.clone(),
        role: Some(Role::Active),
    };
    SystemInfo {
        udi: udi(),
        timestamp: Wall(1_772_445_720_000),
        nonce: Nonce::Number(4_611_686_018_427_387_905),
        hostname: Some("n9k-leaf-01".into()),
        software_tag: tag,
        devices: vec![unit],
        other: serde_json::Map::new(),
    }
}

/// `spec/formats.md` §2.
#[test]
fn the_example_of_a_save_file_comes_out_byte_for_byte() {
    let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<smartLicense>
<smartLicenseSystemInfo><data><![CDATA[{"sudi":{"udi_pid":"N9K-C93180YC-FX3","udi_serial_number":"FDO00000001"},"timestamp":1772445720000,"nonce":"4611686018427387905","hostname":"n9k-leaf-01","software_tag_identifier":"regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300","device_list":[{"sudi":{"udi_pid":"N9K-C93180YC-FX3","udi_serial_number":"FDO00000001"},"hostname":"n9k-leaf-01","software_tag_identifier":"regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300","role":"Active"}]}]]></data></smartLicenseSystemInfo>
<RUMReport><![CDATA[ENVELOPE]]></RUMReport>
</smartLicense>
"#
    .replace("ENVELOPE", V1);
    assert_eq!(save_file(Some(&info()), &[example()], None).unwrap(), expected);
    let file = read(&expected);
    assert_eq!(file.system_info, Some(info()));
    assert_eq!(verify(&file.reports[0], |_| None), ReportSignature::Genuine);
    assert_eq!(save_file(file.system_info.as_ref(), &file.reports, None).unwrap(), expected);
}

/// The table of `spec/formats.md` §19, what is accepted.
#[test]
fn what_the_strictness_table_accepts_is_read() {
    let report = |envelope: &str| format!("<RUMReport><![CDATA[{envelope}]]></RUMReport>");
    let payload: serde_json::Value = serde_json::from_str(V1).unwrap();
    let payload = payload["payload"].as_str().unwrap();
    let as_object = V1.replace(&serde_json::to_string(payload).unwrap(), payload);
    assert_ne!(as_object, V1);
    let headless = V1.replace(r#""header":{"type":"rum"},"#, "");
    let foreign = V1.replacen(r#""signing_type":"builtin""#, r#""signing_type":"CISC123""#, 1);
    for (row, text, reports, signature) in [
        ("payload as string", report(V1), 1, ReportSignature::Genuine),
        ("payload as object", report(&as_object), 1, ReportSignature::Unchecked),
        ("header missing", report(&headless), 1, ReportSignature::Genuine),
        ("root missing", report(V1), 1, ReportSignature::Genuine),
        (
            "several reports",
            format!("<smartLicense>{0}{0}</smartLicense>", report(V1)),
            2,
            ReportSignature::Genuine,
        ),
        ("several reports, no root", report(V1).repeat(3), 3, ReportSignature::Genuine),
        (
            "blanks around CDATA",
            format!("<RUMReport>\n  <![CDATA[{V1}]]>\n</RUMReport>\n"),
            1,
            ReportSignature::Genuine,
        ),
        ("prolog", format!("<?xml version=\"1.0\"?>{}", report(V1)), 1, ReportSignature::Genuine),
        ("unknown enum word", report(&foreign), 1, ReportSignature::Unchecked),
    ] {
        let file = read(&text);
        assert_eq!(file.reports.len(), reports, "{row}");
        for report in &file.reports {
            assert_eq!(verify(report, |_| None), signature, "{row}");
        }
    }
    assert!(matches!(
        read(&report(&as_object)).reports[0].envelope.as_ref().unwrap().payload,
        Payload::Object(_)
    ));
}

#[test]
fn unknown_keys_and_elements_are_kept_and_written_back() {
    let envelope = V1.replace(r#"bx4="}}"#, r#"bx4="},"is_ha":true}"#);
    let text = format!(
        "<smartLicense><RUMReport><![CDATA[{envelope}]]></RUMReport><new a=\"1\">x<y/></new></smartLicense>"
    );
    let file = read(&text);
    assert_eq!(envelope_text(file.reports[0].envelope.as_ref().unwrap()), envelope);
    assert_eq!(*file.other, ["<new a=\"1\">x<y/></new>".into()]);
    let mut info = info();
    info.other.insert("new".into(), serde_json::json!([1, null]));
    let saved = save_file(Some(&info), &[], None).unwrap();
    assert_eq!(read(&saved).system_info, Some(info));
}

/// The table of `spec/formats.md` §19, what is refused.
#[test]
fn what_the_strictness_table_refuses_is_refused() {
    for (text, expected) in [
        ("<!DOCTYPE smartLicense><smartLicense/>".to_owned(), Rule::NoDtd),
        ("<smartLicense>&x;</smartLicense>".to_owned(), Rule::NoDtd),
        (format!("<smartLicense>{}{}</smartLicense>", "<a>".repeat(32), "</a>".repeat(32)), Rule::Depth),
        (format!("<RUMReport>{}</RUMReport>", "[".repeat(33)), Rule::Depth),
        (" ".repeat(MAX_BYTES + 1), Rule::Size),
        ("<other/>".to_owned(), Rule::Root),
        (String::new(), Rule::Root),
        ("<RUMReport/>".to_owned(), Rule::Present),
        ("<smartLicenseSystemInfo/>".to_owned(), Rule::Present),
        ("no XML".to_owned(), Rule::Xml),
    ] {
        assert_eq!(rule(&text), expected, "{}", &text[..text.len().min(60)]);
    }
}

fn policy() -> Sealed<PolicyObject> {
    let policy = Policy::nxos("Example <Policy> ]]> &", Values::of(60, 180, 60));
    Sealed::good(
        NOW,
        PolicyObject { id: "00000000-0000-4000-8000-0000000000d1".into(), policy, account: account() },
    )
}

fn trust_code() -> Sealed<TrustObject> {
    let identity = IdCert { instance: instance(), serial: u64::MAX };
    let csr = DeviceKeys::generate().unwrap().csr(&udi()).unwrap();
    let (valid_from, valid_to) = (NOW.plus_millis(-302_000), NOW.plus_days(2922));
    let request = IdRequest { csr: &csr, product: "N9K", identity, valid_from, valid_to };
    let object = TrustObject {
        code: TrustCode { udi: udi(), trust_id: 101, identity, valid_to },
        valid_from,
        id_cert: Some(signer().issue_id(request).unwrap().into()),
        sub_ca: Some(signer().signer_pem().into()),
        nonce: None,
        account: account(),
    };
    Sealed::good(NOW, object)
}

fn ack() -> Sealed<AckObject> {
    let object = AckObject {
        udi: udi(),
        nonce: Some(Nonce::Number(1)),
        account: account(),
        transaction_id: "00000000-0000-4000-8000-0000000000c1".into(),
        reports: vec![(ReportId(1_772_445_600), ReportVerdict::Acknowledged)],
        policy: Some(policy()),
        trust_codes: vec![trust_code()],
    };
    Sealed::good(NOW, object)
}

fn authorization() -> Sealed<AuthObject> {
    let entry = AuthEntry { entitlement: "regid.2021-03.com.cisco.MDS_PORT_ACTIV,1.0_x".into(), count: 1 };
    let entitlements = vec![(entry, "Ports & <more>".into())];
    Sealed::good(NOW, AuthObject { udi: udi(), instance: Some(instance()), flag: "A".into(), entitlements })
}

#[test]
fn every_signed_file_is_read_as_it_was_written() {
    let ack = ack();
    assert_eq!(read(&ack_file(&ack, signer()).unwrap()).into_ack(), Some(ack));
    let text = policy_file(&policy(), signer()).unwrap();
    assert!(text.starts_with("<smartLicensePolicy>\n<data><![CDATA["));
    for text in [&text, &format!("<smartLicense>{text}</smartLicense>")] {
        assert_eq!(read(text).policies, [policy()]);
    }
    let code = trust_code();
    assert_eq!(read(&trust_code_file(std::slice::from_ref(&code), signer()).unwrap()).trust_codes, [code]);
    let codes = [authorization(), authorization()];
    let text = auth_file(&codes, signer()).unwrap();
    assert!(text.contains("<udi>P:N9K-C93180YC-FX3,S:FDO00000001</udi>"));
    assert_eq!(read(&text).auth_codes, codes);
}

#[test]
fn a_signed_file_that_was_changed_or_cut_says_so() {
    for (text, from, to) in [
        (policy_file(&policy(), signer()).unwrap(), "180", "181"),
        (auth_file(&[authorization()], signer()).unwrap(), "<count>1<", "<count>9<"),
        (ack_file(&ack(), signer()).unwrap(), "1772445600", "1772445601"),
    ] {
        assert!(text.contains(from));
        let verifier = verifier();
        let mut opener = Opener::new(&verifier, NOW);
        let file = LicenseFile::read(text.replacen(from, to, 1).as_bytes(), &mut opener).unwrap();
        let policy = file.policies.first().and_then(|policy| policy.fault);
        let auth = file.auth_codes.first().and_then(|code| code.fault);
        let ack = file.acks.first().and_then(|ack| ack.fault);
        assert_eq!(ack.or(auth).or(policy), Some(ElementFault::Signature));
        assert_eq!(opener.notes.len(), 1);
    }
    let unreadable = policy_file(&policy().spoiled(ElementFault::Unreadable), signer()).unwrap();
    assert_eq!(read(&unreadable).policies[0].fault, Some(ElementFault::Unreadable));
    let bare = read("<smartLicensePolicy/><specificPLR/>");
    assert_eq!(bare.policies[0].fault, Some(ElementFault::Unreadable));
    assert_eq!(bare.auth_codes[0].fault, Some(ElementFault::Unreadable));
}

#[test]
fn requests_as_files_are_read_as_they_were_written() {
    let request = TrustRequest {
        udi: udi(),
        hostname: None,
        software_tag: example().software_tag,
        csr: "-----BEGIN CERTIFICATE REQUEST-----\n".into(),
        token: Some(Token::new("EXAMPLETOKEN0001").unwrap()),
        force: true,
        nonce: Nonce::Number(2),
        timestamp: NOW,
    };
    assert!(!format!("{request:?}").contains("EXAMPLETOKEN0001"));
    assert_eq!(read(&trust_request_file(&request).unwrap()).trust_requests, [request]);
    let keys = vec![AuthEntry { entitlement: "regid.x".into(), count: 1 }];
    let requests = [
        AuthRequest { udi: udi(), keys, confirm_code: None, remove_code: None },
        AuthRequest { udi: udi(), keys: vec![], confirm_code: None, remove_code: Some("Cabc".into()) },
    ];
    let file = read(&auth_request_file(&info(), &requests).unwrap());
    assert_eq!(file.auth_requests, requests);
    assert_eq!(file.system_info, Some(info()));
}

proptest! {
    #[test]
    fn no_damage_makes_the_reader_panic(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        static FILES: OnceLock<Vec<String>> = OnceLock::new();
        let files = FILES.get_or_init(|| vec![
            ack_file(&ack(), signer()).unwrap(),
            auth_file(&[authorization()], signer()).unwrap(),
            save_file(Some(&info()), &[example()], None).unwrap(),
        ]);
        for file in files {
            let mut bytes = file.clone().into_bytes();
            let at = at.index(bytes.len());
            if cut { bytes.truncate(at) } else { bytes[at] = byte }
            let _ = LicenseFile::read(&bytes, &mut Opener::new(&Verifier::OFF, NOW));
        }
    }
}

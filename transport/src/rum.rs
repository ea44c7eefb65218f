//! RUM reports (`spec/formats.md` §1): written in layout v1, read in both.
//!
//! The payload is a string inside the envelope, and both signatures cover its exact bytes. Whoever passes a report on
//! passes the envelope on; nothing here writes a payload that was read.

mod envelope;
mod payload;
mod signature;

pub(crate) use payload::sudi;

pub(crate) use envelope::{envelope_of, write_envelope};
pub use envelope::{envelope_text, read_envelope, report_from_text};
pub use payload::seal;
pub use signature::{ReportSignature, verify};

/// `signing_type` of a report closed without trust.
pub(crate) const BUILTIN: &str = "builtin";
/// `signing_type` of a report signed with the ID key.
pub(crate) const SHA256: &str = "SHA256";
/// Most entries of a list inside a report.
pub(crate) const MAX_ENTRIES: usize = 10_000;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::message::{RumMeasurement, RumSigner, UsageReport};
    use slpsim_agent::{ReportId, Role, Udi, Unit};
    use slpsim_policy::Wall;

    const SOFTWARE_TAG: &str = "regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300";
    const TAG: &str = "regid.2019-06.com.cisco.LAN_Nexus9300_XF2,1.0_00000000-0000-4000-8000-000000000001";
    /// `spec/formats.md` §1.3.
    const V2: &str = r#"{"version":"2.0","asset_identification":{"report_id":1772445600,"asset":{"name":"regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300"},"instance":{"sudi":{"udi_pid":"N9K-C93180YC-FX3","udi_serial_number":"FDO00000001"}}},"signature":{"signing_type":"builtin","key":"regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300","value":"2B7AKmpS+wgGVuSImO5NC0iJi3Dxzk2Zh/U/MzP7Rlg="},"meta":{"entitlement_tag":"regid.2019-06.com.cisco.LAN_Nexus9300_XF2,1.0_00000000-0000-4000-8000-000000000001","utility_enabled":false,"software_version":"10.3(3)FI9(1)","ha_udi":[{"role":"Active","sudi":{"udi_pid":"N9K-C93180YC-FX3","udi_serial_number":"FDO00000001"}}]},"measurements":[{"log_time":1772445600,"metric_name":"ENTITLEMENT","start_time":1772445600,"end_time":1772445720,"sample_interval":120,"num_samples":1,"meta":{"termination_reason":"CurrentUsageRequested"},"value":{"type":"COUNT","value":"1"}}]}"#;
    /// The envelope of `spec/formats.md` §1.4.
    pub(crate) const V1: &str = r#"{"payload":"{\"asset_identification\":{\"asset\":{\"name\":\"regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300\"},\"instance\":{\"sudi\":{\"udi_pid\":\"N9K-C93180YC-FX3\",\"udi_serial_number\":\"FDO00000001\"}},\"signature\":{\"signing_type\":\"builtin\",\"key\":\"regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300\",\"value\":\"8czLAUhDH+8Hv51bo7fkly1Arb4WByiVjiA2OvyoG/c=\"}},\"meta\":{\"entitlement_tag\":\"regid.2019-06.com.cisco.LAN_Nexus9300_XF2,1.0_00000000-0000-4000-8000-000000000001\",\"report_id\":1772445600,\"software_version\":\"10.3(3)FI9(1)\",\"ha_udi\":[{\"role\":\"Active\",\"sudi\":{\"udi_pid\":\"N9K-C93180YC-FX3\",\"udi_serial_number\":\"FDO00000001\"}}]},\"measurements\":[{\"log_time\":1772445600,\"metric_name\":\"ENTITLEMENT\",\"start_time\":1772445600,\"end_time\":1772445720,\"sample_interval\":120,\"num_samples\":1,\"meta\":{\"termination_reason\":\"CurrentUsageRequested\"},\"value\":{\"type\":\"COUNT\",\"value\":\"1\"}}]}","header":{"type":"rum"},"signature":{"sudi":{"udi_pid":"N9K-C93180YC-FX3","udi_serial_number":"FDO00000001"},"signing_type":"builtin","key":"regid.2017-11.com.cisco.Nexus_9300,1.0_00000000-0000-4000-8000-000000009300","value":"UVkaPb8Upn4DrNlCPIhO8+MWXtDbl5rg5sZhBQz4bx4="}}"#;

    /// The report of the examples.
    pub(crate) fn example() -> UsageReport {
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        UsageReport {
            udi,
            id: ReportId(1_772_445_600),
            tag: TAG.into(),
            software_tag: SOFTWARE_TAG.into(),
            software_version: Some("10.3(3)FI9(1)".into()),
            instance: None,
            units: vec![Unit { role: Role::Active, udi }],
            measurements: vec![RumMeasurement {
                start: Wall::from_secs(1_772_445_600),
                end: Wall::from_secs(1_772_445_720),
                samples: 1,
                value: 1,
                reason: Some("CurrentUsageRequested".into()),
                clock_change_s: None,
            }],
            signer: RumSigner::Builtin,
            envelope: None,
        }
    }

    /// Both test vectors of `spec/formats.md` §13 for layout v1, and its length and hash in §1.2.
    #[test]
    fn the_example_of_layout_v1_comes_out_byte_for_byte() {
        let envelope = seal(&example(), None).unwrap();
        assert_eq!(envelope_text(&envelope), V1);
        let crate::message::Payload::Text(payload) = &envelope.payload else { panic!("no text") };
        assert_eq!(payload.len(), 899);
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, payload.as_bytes());
        let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "04ac43b63eab98d67058add4833f9b3ff156974f7ce75a4c85a9bb4ee437c052");
        assert!(payload.contains("8czLAUhDH+8Hv51bo7fkly1Arb4WByiVjiA2OvyoG/c="));
        assert_eq!(
            envelope.signature.unwrap().value.as_ref(),
            "UVkaPb8Upn4DrNlCPIhO8+MWXtDbl5rg5sZhBQz4bx4="
        );
    }

    fn v2_envelope() -> String {
        let value = serde_json::json!({
            "payload": V2,
            "header": {"type": "rum"},
            "signature": {
                "sudi": {"udi_pid": "N9K-C93180YC-FX3", "udi_serial_number": "FDO00000001"},
                "signing_type": "builtin",
                "key": SOFTWARE_TAG,
                "value": "SdRebaBPU4unTGe4DQIj8d07rAARFfQZXA3FRiRrYqA=",
            },
        });
        value.to_string()
    }

    #[test]
    fn both_layouts_read_to_the_same_report_and_their_signatures_verify() {
        for text in [V1.to_owned(), v2_envelope()] {
            let report = report_from_text(&text).unwrap();
            assert_eq!(verify(&report, |_| None), ReportSignature::Genuine);
            assert_eq!(envelope_text(report.envelope.as_ref().unwrap()), text);
            assert_eq!(UsageReport { envelope: None, ..report }, example());
        }
    }

    #[test]
    fn any_change_of_the_payload_or_a_signature_is_noticed() {
        for (from, to, expected) in [
            ("LAN_Nexus", "LAN_nexus", ReportSignature::Outer),
            ("8czLAU", "8czLAV", ReportSignature::Outer),
            ("UVkaPb", "UVkaPc", ReportSignature::Outer),
            (r#""signing_type":"builtin""#, r#""signing_type":"CISC123""#, ReportSignature::Unchecked),
        ] {
            assert!(V1.contains(from));
            let report = report_from_text(&V1.replacen(from, to, 1)).unwrap();
            assert_eq!(verify(&report, |_| None), expected, "{from}");
        }
    }

    #[test]
    fn a_wrong_inner_signature_is_noticed_under_a_right_outer_one() {
        let report = report_from_text(V1).unwrap();
        let mut envelope = *report.envelope.unwrap();
        let crate::message::Payload::Text(payload) = &envelope.payload else { panic!("no text") };
        let forged = payload.replace("8czLAU", "8czLAV");
        envelope.signature.as_mut().unwrap().value = crate::sign::builtin_value(SOFTWARE_TAG, &forged).into();
        envelope.payload = crate::message::Payload::Text(forged.into());
        let report = report_from_text(&envelope_text(&envelope)).unwrap();
        assert_eq!(verify(&report, |_| None), ReportSignature::Inner);
    }

    #[test]
    fn a_report_with_trust_is_signed_with_the_id_key() {
        use crate::sign::{DeviceKeys, IdRequest, PublicKey, Signer};
        use slpsim_agent::{IdCert, InstanceId};
        let keys = DeviceKeys::generate().unwrap();
        let instance = InstanceId::parse("00000000-0000-4000-8000-0000000000aa").unwrap();
        let identity = IdCert { instance, serial: 16_451_201 };
        let report = UsageReport { signer: RumSigner::Id(16_451_201), instance: Some(instance), ..example() };
        assert_eq!(seal(&report, None), Err(crate::EncodeError::NoKey));
        let envelope = seal(&report, Some(&keys)).unwrap();
        assert_eq!(seal(&report, Some(&keys)).unwrap(), envelope, "the same report is always the same bytes");
        let read = report_from_text(&envelope_text(&envelope)).unwrap();
        assert_eq!(UsageReport { envelope: None, ..read.clone() }, report);

        let signer = Signer::generate(Wall(0)).unwrap();
        let csr = keys.csr(&report.udi).unwrap();
        let request =
            IdRequest { csr: &csr, product: "N9K", identity, valid_from: Wall(0), valid_to: Wall(1) };
        let key = PublicKey::from_certificate_pem(&signer.issue_id(request).unwrap()).unwrap().verifying();
        assert_eq!(
            verify(&read, |serial| (serial == 16_451_201).then(|| key.clone())),
            ReportSignature::Genuine
        );
        assert_eq!(verify(&read, |_| None), ReportSignature::UnknownKey(16_451_201));
        let other = PublicKey::from_certificate_pem(signer.signer_pem()).unwrap().verifying();
        assert_eq!(verify(&read, |_| Some(other)), ReportSignature::Outer);
    }
}

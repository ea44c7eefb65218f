//! What a device saves: from the agent's [`File`] to the text of the file (`spec/formats.md` §2, §5).

use slpsim_agent::{File, Sender};
use slpsim_policy::Wall;

use super::{SystemInfo, SystemUnit, TrustRequest, save_file, trust_request_file};
use crate::error::EncodeError;
use crate::message::{Nonce, UsageReport, Word, usage_report};
use crate::sign::DeviceKeys;

/// The text of a file that the device behind `sender` saves at `now`, its clock. `nonce` is a random 63-bit number.
/// Host name and version follow `sender`, that is the privacy settings (`spec/behaviour.md` §14).
///
/// # Errors
/// [`EncodeError::NoKey`] where the ID key is needed: for the certificate request of a trust request, and for reports
/// that were closed with trust. [`EncodeError::TooLarge`], [`EncodeError::Signing`].
pub fn device_file(
    file: &File,
    sender: &Sender,
    now: Wall,
    nonce: u64,
    keys: Option<&DeviceKeys>,
) -> Result<String, EncodeError> {
    match file {
        File::Usage(reports) => {
            let reports: Vec<UsageReport> =
                reports.iter().map(|report| usage_report(report, sender)).collect();
            save_file(Some(&system_info(sender, now, nonce)), &reports, keys)
        }
        File::TrustRequest { token, force } => trust_request_file(&TrustRequest {
            udi: sender.udi,
            hostname: hostname(sender),
            software_tag: software_tag(sender),
            csr: keys.ok_or(EncodeError::NoKey)?.csr(&sender.udi)?.into(),
            token: token.clone(),
            force: *force,
            nonce: Nonce::Number(nonce),
            timestamp: now,
        }),
    }
}

fn system_info(sender: &Sender, now: Wall, nonce: u64) -> SystemInfo {
    let units = sender.units.iter().map(|unit| SystemUnit {
        udi: unit.udi,
        hostname: hostname(sender),
        software_tag: Some(software_tag(sender)),
        role: Some(unit.role),
    });
    SystemInfo {
        udi: sender.udi,
        timestamp: now,
        nonce: Nonce::Number(nonce),
        hostname: hostname(sender),
        software_tag: Some(software_tag(sender)),
        devices: units.collect(),
        other: serde_json::Map::new(),
    }
}

fn hostname(sender: &Sender) -> Option<Box<str>> {
    sender.hostname.as_deref().map(Into::into)
}

const fn software_tag(sender: &Sender) -> Word {
    Word::Borrowed(sender.profile.software_tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{LicenseFile, Opener};
    use crate::rum::{ReportSignature, verify};
    use crate::sign::Verifier;
    use slpsim_agent::{Measurement, ProfileId, Report, ReportId, Role, Signer, Token, Udi, Unit};

    const NOW: Wall = Wall(1_772_445_720_000);

    fn sender(private: bool) -> Sender {
        let [active, standby] =
            ["FDO00000001", "FDO00000002"].map(|serial| Udi::new("N9K-C9508", serial).unwrap());
        Sender {
            udi: active,
            units: vec![Unit { role: Role::Active, udi: active }, Unit { role: Role::Standby, udi: standby }],
            identity: None,
            profile: ProfileId::Nexus9000.profile(),
            hostname: (!private).then(|| "n9k-leaf-01".into()),
            send_version: !private,
            standby_identity: None,
            custom_id: None,
        }
    }

    fn usage() -> File {
        let start = Wall::from_secs(1_772_445_600);
        File::Usage(vec![Report {
            id: ReportId(1_772_445_600),
            previous: None,
            license: &ProfileId::Nexus9000.profile().licenses[0],
            signer: Signer::Builtin,
            units: sender(false).units,
            measurements: vec![Measurement {
                start,
                end: start.plus_millis(120_000),
                value: 1,
                reason: None,
                clock_change_s: None,
            }],
        }])
    }

    fn read(text: &str) -> LicenseFile {
        LicenseFile::read(text.as_bytes(), &mut Opener::new(&Verifier::NOBODY, NOW)).unwrap()
    }

    #[test]
    fn a_save_file_names_all_units_and_its_reports_verify() {
        let file = read(&device_file(&usage(), &sender(false), NOW, 7, None).unwrap());
        let info = file.system_info.unwrap();
        assert_eq!((info.timestamp, info.nonce), (NOW, Nonce::Number(7)));
        assert_eq!(info.hostname.as_deref(), Some("n9k-leaf-01"));
        let roles: Vec<_> =
            info.devices.iter().map(|unit| (unit.udi.serial.to_string(), unit.role)).collect();
        assert_eq!(
            roles,
            [("FDO00000001".into(), Some(Role::Active)), ("FDO00000002".into(), Some(Role::Standby))]
        );
        assert_eq!(verify(&file.reports[0], |_| None), ReportSignature::Genuine);
        assert_eq!(file.reports[0].units, sender(false).units);
    }

    /// `spec/behaviour.md` §14.
    #[test]
    fn privacy_keeps_host_name_and_version_out_of_both_files() {
        let keys = DeviceKeys::generate().unwrap();
        let request = File::TrustRequest { token: None, force: false };
        for (file, version) in [(usage(), true), (request, false)] {
            let open = device_file(&file, &sender(false), NOW, 7, Some(&keys)).unwrap();
            let private = device_file(&file, &sender(true), NOW, 7, Some(&keys)).unwrap();
            assert!(open.contains("n9k-leaf-01") && !private.contains("hostname"), "{private}");
            assert_eq!(open.contains("10.3(3)"), version);
            assert!(!private.contains("10.3(3)"), "{private}");
        }
    }

    #[test]
    fn a_trust_request_has_a_certificate_request_and_the_token_where_there_is_one() {
        let keys = DeviceKeys::generate().unwrap();
        for token in [None, Some(Token::new("EXAMPLETOKEN0001").unwrap())] {
            let file = File::TrustRequest { token: token.clone(), force: true };
            assert_eq!(device_file(&file, &sender(false), NOW, 7, None), Err(EncodeError::NoKey));
            let text = device_file(&file, &sender(false), NOW, 7, Some(&keys)).unwrap();
            assert_eq!(text.contains("id_token"), token.is_some());
            let [request] = &read(&text).trust_requests[..] else { panic!("{text}") };
            assert_eq!((&request.token, request.force, request.udi), (&token, true, sender(false).udi));
            assert!(request.csr.contains("BEGIN CERTIFICATE REQUEST"));
            assert!(!format!("{request:?} {file:?}").contains("EXAMPLETOKEN0001"));
        }
    }
}

//! The acknowledgement of reports (`spec/formats.md` §3). The contents of `data` are modelled.

use slpsim_agent::{ReportId, ReportVerdict};
use slpsim_policy::Wall;

use super::policy::{read_account, write_account};
use super::{SealedText, sealed};
use crate::error::{DecodeError, EncodeError, Rule};
use crate::json::{Field, Object, Writer, parse_object};
use crate::message::{AckObject, Nonce, Sealed, Word};
use crate::rum::{MAX_ENTRIES, sudi};
use crate::sign::Signer;

const ACKNOWLEDGED: &str = "ACKNOWLEDGED";
const REJECTED: &str = "REJECTED";

/// Writes and signs `data` of an ACK, without what it carries along.
pub(crate) fn seal(ack: &Sealed<AckObject>, signer: &Signer, kind: &str) -> Result<SealedText, EncodeError> {
    let data = ack.object.as_ref().map_or_else(String::new, |object| write(ack.issued, object));
    sealed::seal(data, ack.fault, signer, kind)
}

fn write(issued: Wall, object: &AckObject) -> String {
    Writer::object(|w| {
        w.text("version", "1.0");
        w.number("timestamp", issued.0);
        if let Some(nonce) = &object.nonce {
            w.text("nonce", &nonce.to_string());
        }
        w.udi("sudi", &object.udi);
        write_account(w, object.account.as_ref());
        w.text("transaction_id", &object.transaction_id);
        w.list("reports", |w| {
            for (id, verdict) in &object.reports {
                w.entry(|w| {
                    w.number("report_id", id.0);
                    match verdict {
                        ReportVerdict::Acknowledged => w.text("status", ACKNOWLEDGED),
                        ReportVerdict::Rejected(reason) => {
                            w.text("status", REJECTED);
                            w.text("reason", reason);
                        }
                    }
                });
            }
        });
    })
}

/// Reads `data` of an ACK.
pub(crate) fn read(data: &str) -> Result<(Wall, AckObject), DecodeError> {
    let map = parse_object(data)?;
    let object = Object(&map);
    let ack = AckObject {
        udi: object.field("sudi").object_with(sudi)?,
        nonce: object.field("nonce").optional().map(Field::text).transpose()?.map(Nonce::parse),
        account: read_account(object)?,
        transaction_id: Word::Owned(object.field("transaction_id").text()?.to_owned()),
        reports: object.field("reports").each(MAX_ENTRIES, |entry| read_verdict(entry.object()?))?,
        policy: None,
        trust_codes: Vec::new(),
    };
    Ok((object.field("timestamp").millis()?, ack))
}

fn read_verdict(report: Object<'_>) -> Result<(ReportId, ReportVerdict), DecodeError> {
    let id = ReportId(report.field("report_id").number()?);
    let status = report.field("status");
    let verdict = match status.text()? {
        ACKNOWLEDGED => ReportVerdict::Acknowledged,
        REJECTED => {
            let reason = report.field("reason").optional().map(Field::text).transpose()?;
            ReportVerdict::Rejected(reason.unwrap_or_default().into())
        }
        _ => return Err(status.wrong(Rule::Word)),
    };
    Ok((id, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/formats.md` §3.
    const EXAMPLE: &str = r#"{"version":"1.0","timestamp":1772446020000,"nonce":"4611686018427387905","sudi":{"udi_pid":"N9K-C93180YC-FX3","udi_serial_number":"FDO00000001"},"smart_account":"Example SA","virtual_account":"Lab","transaction_id":"00000000-0000-4000-8000-0000000000c1","reports":[{"report_id":1772445600,"status":"ACKNOWLEDGED"}]}"#;

    #[test]
    fn the_example_is_read_and_written_back_byte_for_byte() {
        let (issued, object) = read(EXAMPLE).unwrap();
        assert_eq!(object.reports, [(ReportId(1_772_445_600), ReportVerdict::Acknowledged)]);
        assert_eq!(write(issued, &object), EXAMPLE);
    }

    #[test]
    fn a_rejection_keeps_its_reason() {
        let text = EXAMPLE.replace(r#""ACKNOWLEDGED""#, r#""REJECTED","reason":"SIGNATURE_MISMATCH""#);
        let (issued, object) = read(&text).unwrap();
        assert_eq!(object.reports[0].1, ReportVerdict::Rejected("SIGNATURE_MISMATCH".into()));
        assert_eq!(write(issued, &object), text);
        let error = read(&EXAMPLE.replace("ACKNOWLEDGED", "PERHAPS")).unwrap_err();
        assert_eq!(error.to_string(), "reports[0].status must be one of the allowed words, found a string");
    }
}

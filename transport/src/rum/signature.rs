//! Are the two signatures of a report right (`spec/formats.md` §13).

use super::payload::inner_value;
use crate::json::parse;
use crate::message::{Envelope, Payload, RumSigner, UsageReport};
use crate::sign::{VerifyingKey, verify_builtin};

/// What the signatures of a report are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportSignature {
    /// Both are right; or the report was handed over in process.
    Genuine,
    /// There is none.
    Missing,
    /// The outer one does not fit the payload.
    Outer,
    /// The inner one does not fit the payload, or is missing.
    Inner,
    /// Nobody has a certificate with this serial number.
    UnknownKey(u64),
    /// Cannot be checked: the payload came as an object, or the signing type is that of genuine hardware.
    Unchecked,
}

/// Checks both signatures. `id_key` finds the key of an ID certificate by its serial number.
pub fn verify(report: &UsageReport, id_key: impl FnOnce(u64) -> Option<VerifyingKey>) -> ReportSignature {
    let Some(envelope) = report.envelope.as_deref() else { return ReportSignature::Genuine };
    let Some(signature) = &envelope.signature else { return ReportSignature::Missing };
    let Payload::Text(payload) = &envelope.payload else { return ReportSignature::Unchecked };
    match &report.signer {
        RumSigner::Other(_) => ReportSignature::Unchecked,
        // The key is the software tag of the report itself, whatever the envelope calls it.
        RumSigner::Builtin if *signature.key != *report.software_tag => ReportSignature::Outer,
        RumSigner::Builtin => {
            both(envelope, payload, |text, value| verify_builtin(&report.software_tag, text, value))
        }
        RumSigner::Id(serial) => match id_key(*serial) {
            None => ReportSignature::UnknownKey(*serial),
            Some(key) => both(envelope, payload, |text, value| key.verifies(text.as_bytes(), value)),
        },
    }
}

fn both(envelope: &Envelope, payload: &str, fits: impl Fn(&str, &str) -> bool) -> ReportSignature {
    let outer = envelope.signature.as_ref().map_or("", |signature| &*signature.value);
    if !fits(payload, outer) {
        return ReportSignature::Outer;
    }
    let parsed = parse(payload.as_bytes()).unwrap_or_default();
    let inner = inner_value(&parsed).filter(|value| !value.is_empty());
    let right = inner.is_some_and(|value| blanked(payload, value).is_some_and(|text| fits(&text, value)));
    if right { ReportSignature::Genuine } else { ReportSignature::Inner }
}

/// The payload with the inner value empty, everything else as it came. Some writers escape the slash.
fn blanked(payload: &str, value: &str) -> Option<String> {
    [format!("\"{value}\""), format!("\"{}\"", value.replace('/', "\\/"))]
        .iter()
        .find(|quoted| payload.contains(quoted.as_str()))
        .map(|quoted| payload.replacen(quoted.as_str(), "\"\"", 1))
}

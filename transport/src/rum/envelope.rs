//! The envelope around a payload (`spec/formats.md` §1.4, §19).

use serde_json::{Map, Value};

use super::payload::{self, sudi};
use super::{BUILTIN, SHA256};
use crate::error::{DecodeError, EncodeError};
use crate::json::{Field, Object, Writer, parse_object};
use crate::message::{Envelope, EnvelopeSignature, Payload, RumSigner, UsageReport};
use crate::sign::DeviceKeys;

/// The envelope as compact JSON. Key order: payload, header, signature, then members that were read and not known.
#[must_use]
pub fn envelope_text(envelope: &Envelope) -> String {
    Writer::object(|w| write_envelope(w, envelope))
}

/// The members of the envelope into an object that is open.
pub(crate) fn write_envelope(w: &mut Writer, envelope: &Envelope) {
    match &envelope.payload {
        Payload::Text(text) => w.text("payload", text),
        Payload::Object(value) => w.value("payload", value),
    }
    if let Some(header) = &envelope.header {
        w.value("header", header);
    }
    if let Some(signature) = &envelope.signature {
        w.inner("signature", |w| {
            if let Some(udi) = &signature.udi {
                w.udi("sudi", udi);
            }
            w.text("signing_type", &signature.signing_type);
            w.text("key", &signature.key);
            w.text("value", &signature.value);
        });
    }
    for (name, value) in &envelope.other {
        w.value(name, value);
    }
}

/// The envelope that a report came in, or a new one.
pub(crate) fn envelope_of(report: &UsageReport, keys: Option<&DeviceKeys>) -> Result<Envelope, EncodeError> {
    match &report.envelope {
        Some(envelope) => Ok((**envelope).clone()),
        None => payload::seal(report, keys),
    }
}

/// Reads an envelope and its payload from text.
///
/// # Errors
/// Names the field and the rule that it breaks.
pub fn report_from_text(text: &str) -> Result<UsageReport, DecodeError> {
    read(Object(&parse_object(text)?))
}

/// Reads an envelope and its payload.
///
/// # Errors
/// Names the field and the rule that it breaks.
pub fn read_envelope(value: &Value) -> Result<UsageReport, DecodeError> {
    read(Field::entry("", value).object()?)
}

pub(crate) fn read(object: Object<'_>) -> Result<UsageReport, DecodeError> {
    let payload = object.field("payload");
    let value = payload.value()?;
    let (contents, payload) = if let Some(text) = value.as_str() {
        let contents = payload.text_with(|text| payload::read(Object(&parse_object(text)?)))?;
        (contents, Payload::Text(text.into()))
    } else {
        (payload.object_with(payload::read)?, Payload::Object(value.clone()))
    };
    let signature = object.field("signature").optional();
    let signature = signature.map(|field| field.object_with(read_signature)).transpose()?;
    let known = ["payload", "header", "signature"];
    let other: Map<String, Value> = object
        .0
        .iter()
        .filter(|(name, _)| !known.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let envelope = Envelope { payload, header: object.0.get("header").cloned(), signature, other };
    Ok(UsageReport {
        udi: contents.udi,
        id: contents.id,
        tag: contents.tag,
        software_tag: contents.software_tag,
        software_version: contents.software_version,
        instance: contents.instance,
        units: contents.units,
        measurements: contents.measurements,
        signer: signer(envelope.signature.as_ref()),
        envelope: Some(Box::new(envelope)),
    })
}

fn read_signature(signature: Object<'_>) -> Result<EnvelopeSignature, DecodeError> {
    let udi = signature.field("sudi").optional();
    Ok(EnvelopeSignature {
        udi: udi.map(|field| field.object_with(sudi)).transpose()?,
        signing_type: signature.field("signing_type").text()?.into(),
        key: signature.field("key").text()?.into(),
        value: signature.field("value").text()?.into(),
    })
}

fn signer(signature: Option<&EnvelopeSignature>) -> RumSigner {
    let Some(signature) = signature else { return RumSigner::Other("".into()) };
    match &*signature.signing_type {
        BUILTIN => RumSigner::Builtin,
        SHA256 => signature.key.parse().map_or_else(|_| RumSigner::Other(SHA256.into()), RumSigner::Id),
        other => RumSigner::Other(other.into()),
    }
}

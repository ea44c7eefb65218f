//! The payload of a report.

use serde_json::Value;
use slpsim_agent::{InstanceId, ReportId, Role, Udi, Unit};

use super::{BUILTIN, MAX_ENTRIES, SHA256};
use crate::error::{DecodeError, EncodeError};
use crate::json::{Field, Object, Writer};
use crate::message::{Envelope, EnvelopeSignature, Payload, RumMeasurement, RumSigner, UsageReport, Word};
use crate::sign::{DeviceKeys, builtin_value};

/// Writes the payload in layout v1 and signs it twice: inside, with its own value empty, and outside
/// (`spec/formats.md` §13). The same report always comes out as the same bytes.
///
/// # Errors
/// [`EncodeError::NoKey`] where the report is to be signed with the ID key and `keys` is absent, or where its signing
/// type is a foreign one.
pub fn seal(report: &UsageReport, keys: Option<&DeviceKeys>) -> Result<Envelope, EncodeError> {
    let (signing_type, key) = match &report.signer {
        RumSigner::Builtin => (BUILTIN, report.software_tag.to_string()),
        RumSigner::Id(serial) => (SHA256, serial.to_string()),
        RumSigner::Other(_) => return Err(EncodeError::NoKey),
    };
    let sign = |text: &str| match &report.signer {
        RumSigner::Builtin => Ok(builtin_value(&report.software_tag, text)),
        RumSigner::Id(_) | RumSigner::Other(_) => keys.ok_or(EncodeError::NoKey)?.sign(text.as_bytes()),
    };
    let unsigned = Writer::object(|w| write(w, report, signing_type, &key));
    let inner = sign(&unsigned)?;
    // The first empty value is that of the signature: what stands before it are strings, in which quotes are escaped.
    let payload = unsigned.replacen(r#""value":"""#, &format!(r#""value":"{inner}""#), 1);
    let value = sign(&payload)?;
    Ok(Envelope {
        payload: Payload::Text(payload.into()),
        header: Some(serde_json::json!({"type": "rum"})),
        signature: Some(EnvelopeSignature {
            udi: Some(report.udi),
            signing_type: signing_type.into(),
            key: key.into(),
            value: value.into(),
        }),
        other: serde_json::Map::new(),
    })
}

fn write(w: &mut Writer, report: &UsageReport, signing_type: &str, key: &str) {
    w.inner("asset_identification", |w| {
        w.inner("asset", |w| w.text("name", &report.software_tag));
        w.inner("instance", |w| {
            w.udi("sudi", &report.udi);
            if let Some(instance) = report.instance {
                w.plain("product_instance_identifier", instance);
            }
        });
        w.inner("signature", |w| {
            w.text("signing_type", signing_type);
            w.text("key", key);
            w.text("value", "");
        });
    });
    w.inner("meta", |w| {
        w.text("entitlement_tag", &report.tag);
        w.number("report_id", report.id.0);
        if let Some(version) = &report.software_version {
            w.text("software_version", version);
        }
        w.list("ha_udi", |w| {
            for unit in &report.units {
                w.entry(|w| {
                    w.text("role", unit.role.name());
                    w.udi("sudi", &unit.udi);
                });
            }
        });
    });
    w.list("measurements", |w| {
        report.measurements.iter().for_each(|measurement| w.entry(|w| measured(w, measurement)))
    });
}

fn measured(w: &mut Writer, measurement: &RumMeasurement) {
    let (start, end) = (measurement.start.secs(), measurement.end.secs());
    w.number("log_time", start);
    w.text("metric_name", "ENTITLEMENT");
    w.number("start_time", start);
    w.number("end_time", end);
    w.number("sample_interval", end.saturating_sub(start));
    w.number("num_samples", measurement.samples);
    w.inner("meta", |w| {
        if let Some(reason) = &measurement.reason {
            w.text("termination_reason", reason);
        }
        if let Some(delta) = measurement.clock_change_s {
            w.plain("clock_change_delta", delta);
        }
    });
    w.inner("value", |w| {
        w.text("type", "COUNT");
        w.plain("value", measurement.value);
    });
}

/// What a payload of either layout says.
pub(super) struct Contents {
    pub(super) udi: Udi,
    pub(super) id: ReportId,
    pub(super) tag: Word,
    pub(super) software_tag: Word,
    pub(super) software_version: Option<Word>,
    pub(super) instance: Option<InstanceId>,
    pub(super) units: Vec<Unit>,
    pub(super) measurements: Vec<RumMeasurement>,
}

/// Reads a payload. Layout v2 has `report_id` beside the asset, v1 in `meta`.
pub(super) fn read(payload: Object<'_>) -> Result<Contents, DecodeError> {
    let asset = payload.field("asset_identification");
    let (software_tag, udi, instance, v2_id) = asset.object_with(|asset| {
        let tag = asset.field("asset").object_with(|asset| asset.field("name").text().map(owned))?;
        let (udi, instance) = asset.field("instance").object_with(|instance| {
            let uuid = instance.field("product_instance_identifier").optional();
            Ok((instance.field("sudi").object_with(sudi)?, uuid.map(Field::uuid).transpose()?))
        })?;
        Ok((tag, udi, instance, asset.field("report_id").optional().map(Field::number).transpose()?))
    })?;
    let (tag, id, software_version, units) = payload.field("meta").object_with(|meta| {
        let id = v2_id.map_or_else(|| meta.field("report_id").number(), Ok)?;
        let version = meta.field("software_version").optional().map(Field::text).transpose()?;
        Ok((owned(meta.field("entitlement_tag").text()?), id, version.map(owned), units(meta)?))
    })?;
    let measurements =
        payload.field("measurements").each(MAX_ENTRIES, |entry| measurement(entry.object()?))?;
    Ok(Contents { udi, id: ReportId(id), tag, software_tag, software_version, instance, units, measurements })
}

/// The inner signature's value, where there is one: in the asset (v1) or at the top (v2).
pub(super) fn inner_value(payload: &Value) -> Option<&str> {
    let signature =
        payload.get("signature").or_else(|| payload.get("asset_identification")?.get("signature"));
    signature?.get("value")?.as_str()
}

pub(crate) fn sudi(object: Object<'_>) -> Result<Udi, DecodeError> {
    object.udi("udi_pid", "udi_serial_number")
}

/// `ha_udi`; a unit with a role word that is not known is passed over, the payload keeps it.
fn units(meta: Object<'_>) -> Result<Vec<Unit>, DecodeError> {
    let Some(list) = meta.field("ha_udi").optional() else { return Ok(Vec::new()) };
    let units = list.each(MAX_ENTRIES, |entry| {
        let unit = entry.object()?;
        let word = unit.field("role").text()?;
        let role = [Role::Active, Role::Standby].into_iter().find(|role| role.name() == word);
        role.map(|role| unit.field("sudi").object_with(sudi).map(|udi| Unit { role, udi })).transpose()
    })?;
    Ok(units.into_iter().flatten().collect())
}

fn measurement(measured: Object<'_>) -> Result<RumMeasurement, DecodeError> {
    let (mut reason, mut clock_change_s) = (None, None);
    if let Some(meta) = measured.field("meta").optional() {
        (reason, clock_change_s) = meta.object_with(|meta| {
            let word = meta.field("termination_reason").optional().or(meta.field("close_reason").optional());
            let delta = meta.field("clock_change_delta").optional();
            Ok((word.map(Field::text).transpose()?.map(owned), delta.map(Field::decimal).transpose()?))
        })?;
    }
    Ok(RumMeasurement {
        start: measured.field("start_time").seconds()?,
        end: measured.field("end_time").seconds()?,
        samples: measured.field("num_samples").number()?,
        value: measured.field("value").object_with(|value| value.field("value").decimal())?,
        reason,
        clock_change_s,
    })
}

fn owned(text: &str) -> Word {
    Word::Owned(text.to_owned())
}

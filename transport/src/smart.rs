//! The smart message: three layers of JSON, each a string inside the next (`spec/formats.md` §8.1, §8.2).
//!
//! Signatures cover the exact strings `request` and `response`, so these are never written anew from what was read.
//! Names and words come from a [`crate::WireProfile`]. The response envelope is modelled.
//!
//! An answer in full, layers unfolded (each `…_data` and `response` is a string on the wire; what is not needed may be
//! left out, or `null`):
//!
//! ```text
//! {"signature": {"type": "SHA256", "key": "1001", "value": BASE64, "certificate": PEM},
//!  "response": {
//!    "header": {"version": "1.3", "timestamp": MILLISECONDS, "nonce": THAT OF THE REQUEST, "request_type": WORD,
//!               "connect_info": {"name": "SSM", "version": "1.3", "production": true, "additional_info": "",
//!                                "capabilities": ["POLICY_USAGE"]},
//!               "product_instance_identifier": UUID},
//!    "status_code": "OK", "status_message": "", "retry_time_seconds": 0,
//!    "response_data": {
//!      "poll_id": NUMBER, "poll_interval": SECONDS,
//!      "policy": {"data": STRING, "signature": {…}}, "trust_codes": [{"data": STRING, "signature": {…}}],
//!      "account": {"smart_account": NAME, "virtual_account": NAME},
//!      "smart_license": BASE64 OF A FILE}}}
//! ```
//!
//! `data` is the text that the element `data` has in files; who signs, and how a device knows, is told in
//! [`crate::sign`].

#[cfg(feature = "client")]
mod format;
mod request;
mod request_data;
mod response;
mod response_data;

#[cfg(feature = "client")]
pub use format::SmartFormat;
pub use request::{EncodedRequest, ReceivedRequest, decode_request, encode_request};
pub use response::{ReceivedResponse, Sealing, decode_response, encode_response};

use serde_json::Value;
use slpsim_agent::Udi;

use crate::error::{DecodeError, Rule};
use crate::json::{Field, Object, Writer};
use crate::message::{ConnectInfo, Nonce, Word};
use crate::profile::{Fields, WireProfile};

/// Most capability words and similar small lists.
const MAX_WORDS: usize = 100;
/// Longest nonce.
const MAX_NONCE: usize = 64;

fn owned(text: &str) -> Word {
    Word::Owned(text.to_owned())
}

fn write_connect_info(w: &mut Writer, names: &Fields, info: &ConnectInfo) {
    w.inner(&names.connect_info, |w| {
        w.text(&names.name, &info.name);
        w.text(&names.version, &info.version);
        w.flag(&names.production, info.production);
        w.text(&names.additional_info, "");
        w.list(&names.capabilities, |w| info.capabilities.iter().for_each(|word| w.text_entry(word)));
    });
}

fn read_connect_info(header: Object<'_>, names: &Fields) -> Result<ConnectInfo, DecodeError> {
    header.field(&names.connect_info).object_with(|info| {
        let words = info.field(&names.capabilities).each(MAX_WORDS, |word| word.text().map(owned))?;
        let production = info.field(&names.production).optional().map(Field::flag).transpose()?;
        Ok(ConnectInfo {
            name: owned(info.field(&names.name).text()?),
            version: owned(info.field(&names.version).text()?),
            production: production.unwrap_or(true),
            capabilities: words.into(),
        })
    })
}

/// The pair of product id and serial number.
fn write_sudi(w: &mut Writer, names: &Fields, udi: &Udi) {
    w.inner(&names.sudi, |w| {
        w.text(&names.udi_pid, udi.pid.as_str());
        w.text(&names.udi_serial_number, udi.serial.as_str());
    });
}

fn read_sudi(object: Object<'_>, names: &Fields) -> Result<Udi, DecodeError> {
    object.field(&names.sudi).object_with(|sudi| sudi.udi(&names.udi_pid, &names.udi_serial_number))
}

/// A nonce as a string.
fn read_nonce(field: Field<'_>) -> Result<Nonce, DecodeError> {
    let text = field.text()?;
    if text.is_empty() || text.len() > MAX_NONCE {
        return Err(field.wrong(Rule::Word));
    }
    Ok(Nonce::parse(text))
}

/// Reads the object in a string member.
fn layer<T>(
    field: Field<'_>,
    read: impl FnOnce(&serde_json::Map<String, Value>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    field.text_with(|text| read(&crate::json::parse_object(text)?))
}

/// What both directions agree on.
#[derive(Clone, Copy)]
struct Codec<'a> {
    profile: &'a WireProfile,
}

impl<'a> Codec<'a> {
    const fn names(self) -> &'a Fields {
        &self.profile.fields
    }
}

#[cfg(test)]
mod tests;

//! The signature of a report that was closed without trust: an HMAC under a key that everybody knows (modelled).

use aws_lc_rs::hmac;

use crate::base64;

/// What stands before the software tag in the key.
const PREFIX: &str = "slpsim-builtin-v1:";

fn key(software_tag: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, [PREFIX, software_tag].concat().as_bytes())
}

/// HMAC-SHA-256 of `text`, base64.
#[must_use]
pub fn builtin_value(software_tag: &str, text: &str) -> String {
    base64::encode(hmac::sign(&key(software_tag), text.as_bytes()).as_ref())
}

/// Whether `value` is the base64 of the HMAC of `text`.
#[must_use]
pub fn verify_builtin(software_tag: &str, text: &str, value: &str) -> bool {
    base64::decode(value).is_ok_and(|tag| hmac::verify(&key(software_tag), text.as_bytes(), &tag).is_ok())
}

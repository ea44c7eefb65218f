//! Base64 where the formats have it (RFC 4648 §4).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{DecodeError, Rule};

/// With padding, without line breaks.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Reads what [`encode`] writes; blanks and line breaks are allowed, since people make base64 with `openssl base64`.
///
/// # Errors
/// [`Rule::Base64`].
pub fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    let refused = |error: base64::DecodeError| DecodeError::new(Rule::Base64, "", error.to_string());
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        let text: String = text.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        return STANDARD.decode(text).map_err(refused);
    }
    STANDARD.decode(text).map_err(refused)
}

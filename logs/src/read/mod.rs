//! From the bytes of a line, in any form of `spec/logs.md`, back to device, time and message.

mod body;
mod cursor;
mod header;
mod tally;
mod when;

use std::borrow::Cow;

pub use body::{Misfit, Said};
pub use tally::Tally;
pub use when::{Named, When};

use crate::form::Form;
use crate::line::Repeated;

/// A line, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read<'a> {
    /// Which form it has.
    pub form: Form,
    /// PRI, where the form has one.
    pub pri: Option<u8>,
    /// Who sent it, as printed: host name, address, or the text of `logging origin-id string`.
    pub device: Option<Cow<'a, str>>,
    /// The sender's address, where the form has a place for it beside the name (JSON).
    pub address: Option<Cow<'a, str>>,
    /// The device's count of messages, where the form has one (IOS-XE, IOS-XR).
    pub sequence: Option<u64>,
    /// When.
    pub when: When<'a>,
    /// Tag and text, as printed.
    pub text: Cow<'a, str>,
    /// What it says.
    pub said: Said,
    /// Whether it stands for lines that were held back.
    pub repeated: Repeated,
}

/// Why a line is none of these forms.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Bytes that are no text.
    #[error("the line is not UTF-8 from byte {0} on")]
    Utf8(usize),
    /// No PRI, no time stamp, no JSON.
    #[error("the line begins like none of the forms: <PRI>, a year, a month or {{")]
    NoForm,
    /// `<` without a number up to 191 and `>`.
    #[error("the line begins with < but has no PRI between <0> and <191>")]
    Pri,
    /// What should follow in that form.
    #[error("no {what} where the form {form} has it")]
    Missing {
        /// What.
        what: &'static str,
        /// Where.
        form: &'static str,
    },
    /// A JSON line.
    #[error("no JSON line of ours: {0}")]
    Json(String),
    /// The message.
    #[error(transparent)]
    Misfit(#[from] Misfit),
}

/// Reads a line, without the newline at its end.
///
/// # Errors
/// Where it has none of the forms, or is a licensing message that the catalogue does not have.
pub fn read(line: &[u8]) -> Result<Read<'_>, ReadError> {
    let text = std::str::from_utf8(line).map_err(|error| ReadError::Utf8(error.valid_up_to()))?;
    header::read(text)
}

/// Who sent a line, as far as its header tells, also where the message behind it cannot be read; empty where the header
/// names nobody, none where there is no header of any form.
#[must_use]
pub fn device(line: &[u8]) -> Option<Cow<'_, str>> {
    // Damage behind the header does no harm to it.
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(line.get(..error.valid_up_to())?).ok()?,
    };
    match header::head(text) {
        Ok((header, _)) => Some(header.device.unwrap_or_default()),
        Err(_) => header::json_host(text).map(Cow::Borrowed),
    }
}

/// Whether a line that cannot be read is one that should have been: it has a tag of the licensing agent somewhere.
#[must_use]
pub fn is_licensing(line: &[u8]) -> bool {
    ["%LICMGR-", "%SMART_LIC-", "%LICENSE-SMART_LIC-", "\"LICMGR\""]
        .iter()
        .any(|tag| line.windows(tag.len()).any(|window| window == tag.as_bytes()))
}

#[cfg(test)]
mod tests;

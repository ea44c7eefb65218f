//! Tag and text of a line, held against the catalogue (`spec/messages.md`).

use slpsim_agent::Message;
use slpsim_agent::messages::{CATALOGUE, Row, Shape};

use super::cursor::Cursor;
use crate::line::Repeated;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A message of the catalogue, with its arguments.
    Message(Message),
    /// `last message repeated N times`.
    Repeat,
    /// Something of another feature of the switch, or without a tag.
    Other,
}

/// Why a line of LICMGR is none of the catalogue's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// No such message.
    #[error("{tag} is no message of the catalogue")]
    Mnemonic {
        /// The tag.
        tag: String,
    },
    /// The digit of the tag.
    #[error("{mnemonic} has severity {expected}, not {found}")]
    Severity {
        /// Of which message.
        mnemonic: &'static str,
        /// The catalogue's.
        expected: u8,
        /// The line's.
        found: char,
    },
    /// The text.
    #[error("the text of {mnemonic} should read: {template}")]
    Text {
        /// Of which message.
        mnemonic: &'static str,
        /// The catalogue's.
        template: &'static str,
    },
    /// PRI and tag disagree.
    #[error("PRI <{pri}> says severity {of_pri}, the tag says {of_tag}")]
    Pri {
        /// PRI.
        pri: u8,
        /// Its severity.
        of_pri: u8,
        /// The tag's.
        of_tag: u8,
    },
    /// A field of the header that repeats what the tag says.
    #[error("{field} is {found:?}, the tag says {expected:?}")]
    Field {
        /// Which.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        expected: String,
    },
}

/// Which column of the catalogue a form has.
pub(super) type Column = fn(&'static Row) -> &'static Shape;

/// What `text` (tag included) says, whether it stands for repeats, and its severity where it has a tag.
pub(super) fn read(text: &str, column: Column) -> Result<(Said, Repeated, Option<u8>), Misfit> {
    if let Some(count) = text.strip_prefix("last message repeated ").and_then(times) {
        return Ok((Said::Repeat, Repeated::Line(count), None));
    }
    let Some(tag) = Tag::of(text) else { return Ok((Said::Other, Repeated::No, None)) };
    let severity = tag.severity.to_digit(8).and_then(|digit| u8::try_from(digit).ok());
    let Some(facility) = CATALOGUE.first().map(|row| column(row).facility) else {
        return Ok((Said::Other, Repeated::No, severity));
    };
    if tag.facility != facility {
        return Ok((Said::Other, Repeated::No, severity));
    }
    if let Some(message) = Message::parse_as(text, column) {
        return Ok((Said::Message(message), Repeated::No, severity));
    }
    let repeated = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (message repeated "));
    if let Some((message, count)) = repeated
        && let Some((message, count)) = Message::parse_as(message, column).zip(times(count))
    {
        return Ok((Said::Message(message), Repeated::Suffix(count), severity));
    }
    Err(tag.misfit(column))
}

/// `1 time`, `2 times`; older systems also wrote `1 times` and `3 time` (`spec/logs.md` §6).
fn times(text: &str) -> Option<u32> {
    let mut from = Cursor(text);
    let count = u32::try_from(from.number()?).ok()?;
    matches!(from.0, " time" | " times").then_some(count)
}

/// `%FACILITY-S-MNEMONIC:`
struct Tag<'a> {
    facility: &'a str,
    severity: char,
    mnemonic: &'a str,
}

impl<'a> Tag<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let tag = text.strip_prefix('%')?.split_once(':')?.0.trim_end();
        let (rest, mnemonic) = tag.rsplit_once('-')?;
        let (facility, severity) = rest.rsplit_once('-')?;
        let mut digits = severity.chars();
        let severity = digits.next().filter(|digit| digit.is_ascii_digit() && digits.as_str().is_empty())?;
        (!tag.contains(' ')).then_some(Self { facility, severity, mnemonic })
    }

    fn misfit(&self, column: Column) -> Misfit {
        let Self { facility, severity, mnemonic } = self;
        match CATALOGUE.iter().map(column).find(|shape| shape.mnemonic == *mnemonic) {
            None => Misfit::Mnemonic { tag: format!("%{facility}-{severity}-{mnemonic}") },
            Some(shape) if severity.to_digit(10) != Some(shape.severity.digit().into()) => {
                let expected = shape.severity.digit();
                Misfit::Severity { mnemonic: shape.mnemonic, expected, found: *severity }
            }
            Some(shape) => Misfit::Text { mnemonic: shape.mnemonic, template: shape.template },
        }
    }
}

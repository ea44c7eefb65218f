//! What is wrong with something that was read.

use std::borrow::Cow;
use std::fmt;

use slpsim_agent::Failure;

/// The rules that bytes from outside have to keep. Each has a name for machines and a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// At most 5,000,000 bytes (`spec/behaviour.md` §16).
    Size,
    /// UTF-8.
    Utf8,
    /// JSON (RFC 8259).
    Json,
    /// Well-formed XML.
    Xml,
    /// No document type declaration, no entities beside the five predefined ones.
    NoDtd,
    /// At most 32 levels deep (`spec/formats.md` §19).
    Depth,
    /// A member that must be there.
    Present,
    /// A JSON object.
    Object,
    /// A JSON list.
    List,
    /// A JSON string.
    Text,
    /// A JSON integer within its range.
    Number,
    /// `true` or `false`.
    Flag,
    /// Product id and serial number of printable ASCII (`spec/messages.md` §4).
    Udi,
    /// A hyphenated uuid.
    Uuid,
    /// A number as a decimal string.
    Decimal,
    /// Base64 (RFC 4648 §4).
    Base64,
    /// A PEM block of the expected kind.
    Pem,
    /// An id token: 1 to 255 characters without blanks.
    Token,
    /// Repeats what an outer layer says.
    Agrees,
    /// One of the words that are allowed here.
    Word,
    /// At most so many entries.
    Count,
    /// A known root element (`spec/formats.md` §3).
    Root,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 22] = [
        Self::Size,
        Self::Utf8,
        Self::Json,
        Self::Xml,
        Self::NoDtd,
        Self::Depth,
        Self::Present,
        Self::Object,
        Self::List,
        Self::Text,
        Self::Number,
        Self::Flag,
        Self::Udi,
        Self::Uuid,
        Self::Decimal,
        Self::Base64,
        Self::Pem,
        Self::Token,
        Self::Agrees,
        Self::Word,
        Self::Count,
        Self::Root,
    ];

    /// The name for machines, stable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Size => "size",
            Self::Utf8 => "utf8",
            Self::Json => "json",
            Self::Xml => "xml",
            Self::NoDtd => "no-dtd",
            Self::Depth => "depth",
            Self::Present => "present",
            Self::Object => "object",
            Self::List => "list",
            Self::Text => "string",
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Udi => "udi",
            Self::Uuid => "uuid",
            Self::Decimal => "decimal-string",
            Self::Base64 => "base64",
            Self::Pem => "pem",
            Self::Token => "id-token",
            Self::Agrees => "agrees",
            Self::Word => "word",
            Self::Count => "count",
            Self::Root => "root-element",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "must have at most 5000000 bytes",
            Self::Utf8 => "must be UTF-8",
            Self::Json => "must be JSON",
            Self::Xml => "must be well-formed XML",
            Self::NoDtd => "must have no document type declaration and no entities of its own",
            Self::Depth => "must be at most 32 levels deep",
            Self::Present => "must be present",
            Self::Object => "must be a JSON object",
            Self::List => "must be a JSON list",
            Self::Text => "must be a JSON string",
            Self::Number => "must be a JSON integer within its range",
            Self::Flag => "must be true or false",
            Self::Udi => "must name a product id and serial number of printable ASCII without blanks",
            Self::Uuid => "must be a hyphenated uuid",
            Self::Decimal => "must be a decimal number in a JSON string",
            Self::Base64 => "must be base64 with padding",
            Self::Pem => "must be a PEM block of the right kind",
            Self::Token => "must be an id token of 1 to 255 characters without blanks",
            Self::Agrees => "must repeat what the outer layer says",
            Self::Word => "must be one of the allowed words",
            Self::Count => "has too many entries",
            Self::Root => "must have a known root element",
        })
    }
}

/// Bytes from outside broke a rule: the sender is to blame. Never carries contents, which may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Which rule.
    pub rule: Rule,
    /// Where, as a path such as `request.header.nonce`; empty for the whole message.
    pub field: String,
    /// What was there instead; may be empty.
    pub found: Cow<'static, str>,
}

impl DecodeError {
    /// `rule` is broken at `field`.
    pub(crate) fn new(rule: Rule, field: &str, found: impl Into<Cow<'static, str>>) -> Self {
        Self { rule, field: field.to_owned(), found: found.into() }
    }

    /// The same error, seen from the layer around: `outer` is where the failing part stands.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        if self.field.is_empty() {
            self.field.push_str(outer);
        } else if !outer.is_empty() {
            let dot = if self.field.starts_with('[') { "" } else { "." };
            self.field.insert_str(0, dot);
            self.field.insert_str(0, outer);
        }
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { "message" } else { &self.field };
        write!(f, "{field} {}", self.rule)?;
        if self.found.is_empty() { Ok(()) } else { write!(f, ", found {}", self.found) }
    }
}

impl std::error::Error for DecodeError {}

/// Why an answer is not authenticated: the row of `spec/messages.md` §5, and a detail for diagnostics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    /// What the agent is told.
    pub failure: Failure,
    /// One line that says what is wrong; no secrets.
    pub detail: String,
    /// The text of the answer, where that much could be read.
    pub text: Option<Box<str>>,
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self { failure: Failure::BadReply, detail: format!("the answer is not usable: {error}"), text: None }
    }
}

/// Why a message or file could not be made: the caller or the configuration is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// It would have more than 5,000,000 bytes.
    #[error("the message would have {0} bytes; the limit is {max}", max = crate::MAX_BYTES)]
    TooLarge(usize),
    /// A signature with the key of the ID certificate is due, and there is no key.
    #[error("there is no key to sign with; ask for a new trust code")]
    NoKey,
    /// The cryptographic library refused.
    #[error("signing failed")]
    Signing,
}

impl EncodeError {
    /// The row of `spec/messages.md` §5, where the agent is to be told of a failed exchange. `None` stands for
    /// `BUILD REQUEST ERROR`, which is none (§7 there).
    #[must_use]
    pub const fn failure(self) -> Option<Failure> {
        match self {
            Self::TooLarge(_) => Some(Failure::TooLarge),
            Self::NoKey | Self::Signing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_rule_has_a_name_of_its_own() {
        let names: BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        assert_eq!(names.len(), Rule::ALL.len());
    }

    #[test]
    fn a_path_grows_from_the_inside() {
        let error = DecodeError::new(Rule::Number, "report_id", "a string")
            .within("meta")
            .within("[0]")
            .within("reports");
        assert_eq!(
            error.to_string(),
            "reports[0].meta.report_id must be a JSON integer within its range, found a string"
        );
    }
}

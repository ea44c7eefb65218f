//! The messages of both directions, decoded (`spec/formats.md` §8), as plain data.
//!
//! A device's request becomes a [`DeviceMessage`] by [`compose`]; the answer to it is a [`ServerMessage`], which
//! [`accept`] turns into what the agent understands. A simulation in process hands these values over as they are:
//! no JSON, no base64, no RSA. On a wire the same values go through the codecs of this crate.

use std::borrow::Cow;
use std::fmt;

use slpsim_agent::{Capabilities, Purpose};

mod accept;
mod compose;
mod device;
mod server;

pub use accept::accept;
pub(crate) use accept::{auth_code, element};
pub use compose::compose;
pub(crate) use compose::usage_report;
pub use device::{
    AuthEntry, DeviceBody, DeviceHeader, DeviceMessage, Envelope, EnvelopeSignature, Payload, RumMeasurement,
    RumSigner, SyncUnit, UsageReport,
};
pub use server::{
    AckObject, AuthObject, PolicyObject, Sealed, ServerData, ServerMessage, StatusWord, TrustObject,
};

/// Text that is mostly one of the program's own constants.
pub type Word = Cow<'static, str>;

/// What an answer has to repeat, so that it cannot be mistaken for the answer to something else.
///
/// On the wire it is a string (`spec/formats.md` §8.1). A decimal number in its shortest form is kept as a number,
/// everything else as it came, so that it is always repeated exactly.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Nonce {
    /// A decimal number without leading zeros.
    Number(u64),
    /// Any other text.
    Text(Box<str>),
}

impl Nonce {
    /// From the text on the wire.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let canonical =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        match text.parse() {
            Ok(number) if canonical => Self::Number(number),
            Ok(_) | Err(_) => Self::Text(text.into()),
        }
    }
}

impl From<u64> for Nonce {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}

/// Who is speaking and what it can do (`spec/formats.md` §8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectInfo {
    /// `C_agent`, `SSM`, `CSLU_V1`.
    pub name: Word,
    /// Version of that program.
    pub version: Word,
    /// `production`: true outside Cisco's own test beds.
    pub production: bool,
    /// Capability words in the order of the sender.
    pub capabilities: Cow<'static, [Word]>,
}

impl ConnectInfo {
    /// What the agent says of itself (the list X, name and version modelled).
    pub const AGENT: Self = Self {
        name: Cow::Borrowed("C_agent"),
        version: Cow::Borrowed("slpsim-1"),
        production: true,
        capabilities: Cow::Borrowed(&[
            Cow::Borrowed("UTILITY"),
            Cow::Borrowed("DLC"),
            Cow::Borrowed("AppHA"),
            Cow::Borrowed("MULTITIER"),
            Cow::Borrowed("EXPORT_2"),
            Cow::Borrowed("OK_TRY_AGAIN"),
            Cow::Borrowed("POLICY_USAGE"),
        ]),
    };

    /// CSSM (X).
    pub const CSSM: Self = Self {
        name: Cow::Borrowed("SSM"),
        version: Cow::Borrowed("1.3"),
        production: true,
        capabilities: Cow::Borrowed(&[
            Cow::Borrowed("DLC"),
            Cow::Borrowed("AppHA"),
            Cow::Borrowed("EXPORT_2"),
            Cow::Borrowed("POLICY_USAGE"),
            Cow::Borrowed("UTILITY"),
            Cow::Borrowed("TELEMETRY"),
            Cow::Borrowed("TELEMETRY_POLICY"),
        ]),
    };

    /// CSLU, and an SSM On-Prem behind a CSLU URL (X).
    pub const CSLU: Self = Self {
        name: Cow::Borrowed("CSLU_V1"),
        version: Cow::Borrowed("v1"),
        production: true,
        capabilities: Cow::Borrowed(&[
            Cow::Borrowed("UTILITY"),
            Cow::Borrowed("DLC"),
            Cow::Borrowed("AppHA"),
            Cow::Borrowed("MULTITIER"),
            Cow::Borrowed("EXPORT_2"),
            Cow::Borrowed("OK_TRY_AGAIN"),
            Cow::Borrowed("POLICY_USAGE"),
            Cow::Borrowed("CSLU_V1"),
        ]),
    };

    /// An On-Prem of before usage policies (modelled).
    pub const DOWN_REV: Self = Self {
        name: Cow::Borrowed("SSM"),
        version: Cow::Borrowed("1.2"),
        production: true,
        capabilities: Cow::Borrowed(&[Cow::Borrowed("DLC"), Cow::Borrowed("AppHA")]),
    };

    /// The words that change behaviour, as a set.
    #[must_use]
    pub fn capability_set(&self) -> Capabilities {
        Capabilities::from_words(self.capabilities.iter().map(AsRef::as_ref))
    }
}

/// What a request asks for: one row each of `spec/formats.md` §8.3. The words stand in the wire profile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestType {
    /// One that an agent sends.
    Known(Purpose),
    /// A word that is not in the table.
    Other(Box<str>),
}

impl RequestType {
    /// The purpose, where the word is known.
    #[must_use]
    pub const fn purpose(&self) -> Option<Purpose> {
        match self {
            Self::Known(purpose) => Some(*purpose),
            Self::Other(_) => None,
        }
    }
}

impl From<Purpose> for RequestType {
    fn from(purpose: Purpose) -> Self {
        Self::Known(purpose)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_prints_exactly_what_it_was_read_from() {
        for text in [
            "0",
            "1",
            "4611686018427387905",
            "18446744073709551615",
            "007",
            "+7",
            "",
            "n0000001",
            "99999999999999999999",
        ] {
            assert_eq!(Nonce::parse(text).to_string(), text);
        }
        assert_eq!(Nonce::parse("4611686018427387905"), Nonce::Number(4_611_686_018_427_387_905));
        assert_eq!(Nonce::parse("007"), Nonce::Text("007".into()));
    }

    /// `spec/formats.md` §8.4: only the down-rev peer lacks the capability that matters.
    #[test]
    fn only_the_down_rev_peer_lacks_policy_usage() {
        for (info, expected) in [
            (ConnectInfo::AGENT, true),
            (ConnectInfo::CSSM, true),
            (ConnectInfo::CSLU, true),
            (ConnectInfo::DOWN_REV, false),
        ] {
            let set = info.capability_set();
            assert_eq!(set.contains(Capabilities::POLICY_USAGE), expected, "{}", info.name);
        }
        assert_eq!(ConnectInfo::AGENT.capability_set(), Capabilities::AGENT);
    }
}

//! An authenticated answer, decoded (`spec/formats.md` §8.2, §8.5), as plain data.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use slpsim_policy::{Policy, Wall};

use crate::ids::{IdCert, PollId, ReportId, Udi};

/// What a peer answered, after the transport has checked nonce and envelope signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Header time stamp: what the device's clock is compared with (`spec/behaviour.md` §9).
    pub stamp: Wall,
    /// From the header's `connect_info`.
    pub capabilities: Capabilities,
    /// What the header's `connect_info` says of the peer's program, for the eye only; absent in outline.
    pub peer: Option<Box<PeerInfo>>,
    /// Status word and what belongs to it.
    pub status: Status,
    /// Smart and Virtual Account, where the answer names them.
    pub account: Option<Account>,
    /// Trust codes, beside or inside an ACK.
    pub trust: Vec<Element<TrustCode>>,
    /// Policies, beside or inside an ACK; an account has one.
    pub policy: Option<Element<Policy>>,
    /// Acknowledgement of reports.
    pub ack: Option<Element<Ack>>,
    /// Authorization codes (`mds9000`).
    pub auth: Vec<Element<AuthCode>>,
}

impl Reply {
    /// An answer that carries only a status.
    #[must_use]
    pub const fn bare(stamp: Wall, capabilities: Capabilities, status: Status) -> Self {
        Self {
            stamp,
            capabilities,
            peer: None,
            status,
            account: None,
            trust: Vec::new(),
            policy: None,
            ack: None,
            auth: Vec::new(),
        }
    }
}

/// A peer's program as it names itself (`spec/formats.md` §8.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// `name`.
    pub name: Box<str>,
    /// `version`.
    pub version: Box<str>,
    /// `production`.
    pub production: bool,
    /// `capabilities`, in its order.
    pub capabilities: Vec<Box<str>>,
}

/// Status words (`spec/formats.md` §8.5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Done, data inside.
    Ok,
    /// Come back with the poll id.
    OkPoll {
        /// The poll id; absent in the answer to a poll that is still working.
        poll_id: Option<PollId>,
        /// Seconds until the poll; absent: the device's default.
        interval_s: Option<u32>,
    },
    /// Again later.
    TryAgain {
        /// `retry_time_seconds`; absent or 0 in the answer: the device's default.
        after_s: Option<u32>,
    },
    /// Nothing to do.
    NoData,
    /// `FAILED` or `INVALID STATUS CODE`: the peer refuses.
    Refused {
        /// The server's text.
        message: Box<str>,
    },
}

/// A set of capability words; only those that change behaviour or are printed by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Capabilities(pub u16);

impl Capabilities {
    /// The words by bit, in the order of the agent's own list (`spec/formats.md` §8.4).
    pub const WORDS: [&'static str; 11] = [
        "UTILITY",
        "DLC",
        "AppHA",
        "MULTITIER",
        "EXPORT_2",
        "OK_TRY_AGAIN",
        "POLICY_USAGE",
        "TELEMETRY",
        "TELEMETRY_POLICY",
        "CSLU_V1",
        "SATELLITE",
    ];
    /// The capability whose absence makes a peer down-rev (`spec/behaviour.md` §13).
    pub const POLICY_USAGE: Self = Self(1 << 6);
    /// The agent's own: `UTILITY` to `POLICY_USAGE`.
    pub const AGENT: Self = Self(0b111_1111);

    /// The set of the known words among `words`.
    pub fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        words.into_iter().fold(Self(0), |set, word| {
            let bit = Self::WORDS.iter().position(|known| *known == word);
            Self(bit.map_or(set.0, |bit| set.0 | 1 << bit))
        })
    }

    /// Whether all of `other` are in the set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The words of the set.
    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & 1 << bit != 0)
            .map(|(_, word)| word)
    }
}

/// Smart Account and Virtual Account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Account {
    /// Smart Account.
    pub smart: String,
    /// Virtual Account.
    pub r#virtual: String,
}

/// An installable or acknowledging part of an answer. Its clock is judged by the agent, its signature by the transport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element<T> {
    /// When the object was issued.
    pub issued: Wall,
    /// The contents, or why there are none to install.
    pub body: Result<T, ElementFault>,
}

/// What the transport found wrong with an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ElementFault {
    /// The signature does not verify.
    Signature,
    /// Not readable.
    Unreadable,
}

/// A trust code for one UDI (`spec/formats.md` §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustCode {
    /// Node lock: whom it is for.
    pub udi: Udi,
    /// `TrustId` of tech support.
    pub trust_id: u32,
    /// Identity that it brings.
    pub identity: IdCert,
    /// End of validity.
    pub valid_to: Wall,
}

/// An acknowledgement of reports (`spec/formats.md` §3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// Verdict by report.
    pub reports: Vec<(ReportId, ReportVerdict)>,
}

/// What the peer thinks of one report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportVerdict {
    /// `ACKNOWLEDGED`
    Acknowledged,
    /// `REJECTED`, with its reason.
    Rejected(Box<str>),
}

/// An authorization code for one UDI (`spec/formats.md` §6, profile `mds9000`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthCode {
    /// Whom it is for.
    pub udi: Udi,
    /// Entitlement tags and counts that it grants.
    pub entitlements: Vec<(String, u32)>,
    /// Whether the wire form carried the flag of a specific reservation.
    pub flag: Box<str>,
}

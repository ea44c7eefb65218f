//! What faults do.

use std::time::Duration;

use slpsim_agent::Failure;

/// What a fault does with an exchange, or a write, that it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The request never reaches the peer; the exchange ends so, at once or at the device's time-out.
    Lost {
        /// How it ends.
        failure: Failure,
        /// Only at the time-out.
        at_timeout: bool,
    },
    /// The peer answers, and the answer needs so long; what is slower than the time-out is lost on the way.
    Late(Duration),
    /// The peer did its part, but the device gets nothing that it can use.
    Spoiled(Failure),
    /// The answer that brings an ACK is lost on the way; the peer thinks that it was fetched.
    LostAck,
    /// The peer decides otherwise than by its rules.
    Decided(Verdict),
    /// The policy in an answer is not as it was sealed.
    Policy(PolicyFlaw),
    /// A write of the device's own, and no exchange.
    Write(WriteFlaw),
}

impl Effect {
    /// Whether an exchange that it hits still brings an authenticated answer in time.
    #[must_use]
    pub const fn lets_through(self) -> bool {
        match self {
            Self::Lost { .. } | Self::Spoiled(_) | Self::LostAck | Self::Decided(Verdict::TryAgain(_)) => {
                false
            }
            Self::Late(_) | Self::Decided(_) | Self::Policy(_) | Self::Write(_) => true,
        }
    }
}

/// What a peer answers in place of what its rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// `OK_TRY_AGAIN`, with these seconds (0: the device's default).
    TryAgain(u32),
    /// The ACK of a push is ready so much later.
    LateAck(Duration),
    /// The ACK names reports that are not the device's.
    ForeignAck,
    /// Reports are answered `REJECTED`.
    RejectReport(ReportWhy),
    /// Tokens are refused.
    TokenRefused(TokenWhy),
}

/// What is wrong with a policy that arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyFlaw {
    /// Its signature does not verify.
    Signature,
    /// It was issued so many milliseconds later (negative: earlier) than it was.
    Time(i64),
}

/// What goes wrong when a device writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFlaw {
    /// A write of the durable state is lost, and the device does not know.
    Lost,
    /// A write of the durable state, or of a file, finds no space.
    DiskFull,
}

/// Why a report is rejected (`spec/formats.md` §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportWhy {
    /// `SIGNATURE_MISMATCH`
    Signature,
    /// `TIMESTAMP_MISMATCH`
    Timestamp,
    /// `UNKNOWN_DEVICE`
    Device,
}

/// Why a token is refused (`spec/messages.md` §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenWhy {
    /// There is no such token.
    Unknown,
    /// It has expired.
    Expired,
    /// It was taken back.
    Revoked,
    /// It has no uses left.
    UsedUp,
    /// The device is in another account.
    Account,
    /// Nobody can be asked about it.
    Connection,
    /// A trust code is there already.
    Installed,
}

impl ReportWhy {
    /// All, each with its word.
    pub const WORDS: [(&'static str, Self); 3] = [
        ("SIGNATURE_MISMATCH", Self::Signature),
        ("TIMESTAMP_MISMATCH", Self::Timestamp),
        ("UNKNOWN_DEVICE", Self::Device),
    ];
}

impl TokenWhy {
    /// All, each with its word.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("unknown", Self::Unknown),
        ("expired", Self::Expired),
        ("revoked", Self::Revoked),
        ("used-up", Self::UsedUp),
        ("account", Self::Account),
        ("connection", Self::Connection),
        ("installed", Self::Installed),
    ];
}

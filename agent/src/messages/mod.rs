//! The twelve LICMGR messages (`spec/messages.md`).

mod text;

use alloc::boxed::Box;

use crate::failure::Failure;
use crate::ids::Udi;
use crate::settings::TransportMode;

/// One message with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Row 1.
    PolicyInstallFailed {
        /// Why.
        error: PolicyError,
    },
    /// Row 2, not applicable to Nexus.
    AuthorizationInstallFailed {
        /// Where.
        udi: Udi,
        /// Why.
        error: AuthError,
    },
    /// Row 3.
    CommFailed {
        /// With whom.
        peer: Peer,
        /// Why.
        failure: Failure,
    },
    /// Row 4.
    CommRestored {
        /// With whom.
        peer: Peer,
    },
    /// Row 5.
    PolicyRemoved,
    /// Row 6.
    TrustCodeInstallFailed {
        /// On which UDI it was tried.
        udi: Udi,
        /// Why.
        error: TrustError,
    },
    /// Row 7.
    ReportingNotSupported,
    /// Row 8.
    PolicyInstallSuccess,
    /// Row 9, not applicable to Nexus.
    AuthorizationInstallSuccess {
        /// Where.
        udi: Udi,
    },
    /// Row 10; emitted on `mds9000` only.
    AuthorizationRemoved {
        /// Where.
        udi: Udi,
    },
    /// Row 11.
    ReportingRequired {
        /// Whole days left.
        days: u32,
    },
    /// Row 12.
    TrustCodeInstallSuccess {
        /// Where.
        udi: Udi,
    },
}

/// The name of the other side in messages 3 and 4; follows the transport type configured at present (`spec/messages.md` §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// `Cisco Smart License Utility (CSLU)`
    Cslu,
    /// `Cisco Smart Software Manager (CSSM)`
    Cssm,
}

impl Peer {
    /// The peer's name by transport type; none on transport `off`, where no message is ever sent.
    #[must_use]
    pub const fn of(transport: TransportMode) -> Option<Self> {
        match transport {
            TransportMode::Cslu => Some(Self::Cslu),
            TransportMode::Smart | TransportMode::Callhome => Some(Self::Cssm),
            TransportMode::Off => None,
        }
    }
}

/// How the CSLU is spelled (`spec/messages.md` §11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `Utility`, as devices print it.
    #[default]
    Device,
    /// `utility`, as the chapter prints it (`chapter-spelling`).
    Chapter,
}

/// Why a policy is refused (`spec/messages.md` §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyError {
    /// Signature wrong, or the clock outside the signer's validity.
    Signature,
    /// Clock and time stamp do not agree.
    Timestamp,
    /// Not readable.
    Parse,
}

/// Why an authorization code is refused: the three texts of [`PolicyError`].
pub type AuthError = PolicyError;

/// Why a trust code is refused (`spec/messages.md` §6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TrustError {
    /// There is one, and `force` was not given.
    AlreadyInstalled,
    /// The UDI belongs to another account.
    Account,
    /// Signature wrong, or the clock outside the signer's validity.
    Signature,
    /// Clock and time stamp do not agree.
    Timestamp,
    /// Token unknown, expired, revoked or used up.
    Token,
    /// The peer has no connection to CSSM.
    NoConnection,
    /// Not readable (modelled).
    Parse,
    /// A server's own words.
    Other(Box<str>),
}

impl TrustError {
    /// The error that a server's refusal text stands for.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self::Other(text.into())
    }
}

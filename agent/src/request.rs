//! What the agent asks its transport to carry (`spec/formats.md` §8.3), as plain data.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{IdCert, PollId, Token, Udi};
use crate::profile::Profile;
use crate::report::{Report, Unit};

/// Why an exchange takes place. At most one exchange of a purpose is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Result polling: fetch the ACK of a report.
    Poll,
    /// Discovery: is the peer there, what can it do.
    Hello,
    /// Trust establishment with an id token.
    Trust,
    /// Usage report.
    Usage,
    /// Trust synchronisation.
    TrustSync,
    /// Authorization request (`mds9000`).
    AuthRequest,
    /// Authorization return (`mds9000`).
    AuthReturn,
    /// Authorization renewal of a device from classic Smart Licensing.
    AuthRenew,
    /// Registration renewal of a device from classic Smart Licensing.
    IdRenew,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Self; 9] = [
        Self::Poll,
        Self::Hello,
        Self::Trust,
        Self::Usage,
        Self::TrustSync,
        Self::AuthRequest,
        Self::AuthReturn,
        Self::AuthRenew,
        Self::IdRenew,
    ];

    pub(crate) const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// Its word in scenarios, faults, histories and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Hello => "hello",
            Self::Trust => "trust",
            Self::Usage => "usage",
            Self::TrustSync => "trust-sync",
            Self::AuthRequest => "auth-request",
            Self::AuthReturn => "auth-return",
            Self::AuthRenew => "auth-renew",
            Self::IdRenew => "id-renew",
        }
    }

    /// The purpose of a word of [`Purpose::word`].
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.word() == word)
    }

    /// Position in [`Purpose::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A request, without what every request has (that is [`Sender`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Fetch the ACK.
    Poll {
        /// As given with `OK_POLL`.
        poll_id: PollId,
    },
    /// Learn the peer's capabilities.
    Hello,
    /// Ask for trust codes.
    Trust {
        /// The operator's token.
        token: Token,
        /// A new trust code although one exists.
        force: bool,
        /// The units for which a trust code is asked, the active one first.
        units: Vec<Unit>,
    },
    /// Deliver usage.
    Usage {
        /// All closed, unacknowledged reports together, oldest first.
        reports: Vec<Report>,
    },
    /// Refresh trust, policy and account data.
    TrustSync,
    /// Ask for authorization codes.
    AuthRequest {
        /// What for.
        keys: Vec<AuthKey>,
    },
    /// Give an authorization code back.
    AuthReturn {
        /// The return code that the device made.
        remove_code: String,
    },
    /// Renew the authorization of classic Smart Licensing.
    AuthRenew,
    /// Renew the registration of classic Smart Licensing.
    IdRenew,
}

impl Request {
    /// Its purpose.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        match self {
            Self::Poll { .. } => Purpose::Poll,
            Self::Hello => Purpose::Hello,
            Self::Trust { .. } => Purpose::Trust,
            Self::Usage { .. } => Purpose::Usage,
            Self::TrustSync => Purpose::TrustSync,
            Self::AuthRequest { .. } => Purpose::AuthRequest,
            Self::AuthReturn { .. } => Purpose::AuthReturn,
            Self::AuthRenew => Purpose::AuthRenew,
            Self::IdRenew => Purpose::IdRenew,
        }
    }
}

/// One entitlement of an authorization request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AuthKey {
    /// Entitlement tag.
    pub entitlement: &'static str,
    /// How many.
    pub count: u32,
}

/// What every request says of the device that sends it. The driver fills it in from the agent and the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The active unit.
    pub udi: Udi,
    /// All units, the active one first.
    pub units: Vec<Unit>,
    /// Identity from the trust code, where there is one.
    pub identity: Option<IdCert>,
    /// The same of the standby.
    pub standby_identity: Option<IdCert>,
    /// Software tag and version.
    pub profile: &'static Profile,
    /// Host name; absent with `license smart privacy hostname`.
    pub hostname: Option<String>,
    /// Whether the software version is sent; not with `license smart privacy version`.
    pub send_version: bool,
    /// `license smart custom_id`.
    pub custom_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_a_word_of_its_own() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::by_word(purpose.word()), Some(purpose));
        }
        assert_eq!(Purpose::by_word("lunch"), None);
    }
}

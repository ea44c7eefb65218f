//! What happens to an agent.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use slpsim_policy::numbers;

use crate::failure::Failure;
use crate::files::{Import, ImportFault, ImportKind, SaveUsage, write_judged};
use crate::ids::{Token, Txn, Udi};
use crate::reply::Reply;
use crate::settings::TransportMode;

/// Everything that can happen to an agent, beside an operator's [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "an input lives for one call and is never stored")]
pub enum Input {
    /// The agent starts.
    Boot {
        /// Why.
        cause: BootCause,
        /// Whether the clock is authoritative already.
        clock_authoritative: bool,
    },
    /// [`crate::Agent::next_deadline`] may have been reached. Early, late and double ones are harmless.
    Timeout,
    /// An exchange ended.
    Completed {
        /// Which one.
        txn: Txn,
        /// With an authenticated answer, or without.
        result: Result<Reply, Failure>,
    },
    /// A licence is used more, less, or no longer.
    Usage(Usage),
    /// The clock has been stepped; the wall clock of this call is the one after the step.
    ClockStep {
        /// New time minus old time, in milliseconds.
        delta_ms: i64,
    },
    /// The clock became authoritative.
    ClockAuthoritative,
    /// A second supervisor is there.
    StandbyAdded(Udi),
    /// The second supervisor is gone.
    StandbyRemoved,
    /// The standby has become the active one.
    Switchover,
}

/// Consumption of one licence from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Position in the profile's list of licences.
    pub license: u8,
    /// How many are in use; 0: none.
    pub count: u32,
}

/// Why an agent starts (`spec/behaviour.md` §11, §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BootCause {
    /// The first start of a device.
    First,
    /// `reload`.
    Reload,
    /// Power came back, or the daemon was started again: what was durable is there.
    PowerLoss,
    /// Upgrade from a release with classic Smart Licensing.
    Upgraded {
        /// Registered with an On-Prem: the renewal jobs of `spec/behaviour.md` §13 run.
        registered: bool,
    },
}

/// The units that a command is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The active unit.
    #[default]
    Local,
    /// All units of the redundancy set.
    All,
}

/// What an operator asks for (`spec/behaviour.md` §17).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `license smart trust idtoken`.
    Trust {
        /// The id token.
        token: Token,
        /// For which units.
        scope: Scope,
        /// Ask although a trust code is installed.
        force: bool,
    },
    /// `license smart sync`.
    Sync,
    /// `license smart factory reset`.
    FactoryReset,
    /// `license smart transport`.
    Transport(TransportMode),
    /// The URL of the transport in use changed.
    Url,
    /// `license smart usage interval`, in days.
    UsageInterval(u16),
    /// `license smart authorization request` (`mds9000`): entitlement by position in the profile's licences.
    AuthorizationRequest {
        /// Position in the profile's list of licences.
        license: u8,
        /// How many.
        count: u32,
    },
    /// `license smart authorization return` (`mds9000`): all codes of the active unit.
    AuthorizationReturn,
    /// `license smart save usage`: leaves [`crate::Output::WriteFile`].
    SaveUsage(SaveUsage),
    /// `license smart save trust-request`: leaves [`crate::Output::WriteFile`].
    SaveTrustRequest,
    /// `license smart import`.
    Import(Box<Import>),
}

/// Why a command was refused; the text is what the console prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandError {
    /// The interval is outside the range.
    IntervalRange,
    /// The profile has no enforced licences.
    NotOnThisProfile,
    /// There is nothing to act on.
    NotFound,
    /// The agent cannot do that now.
    Refused(String),
    /// A file brings nothing that this platform installs.
    UnsupportedResponse,
    /// Parts of a file were refused: what became of each, by kind and in the order of the file. The others have been
    /// installed, or were in force already.
    ImportRefused(Box<[(ImportKind, Result<(), ImportFault>)]>),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = numbers::INTERVAL_RANGE_DAYS;
        match self {
            Self::IntervalRange => write!(f, "Value out of range, enter {}-{}", range.start(), range.end()),
            Self::NotOnThisProfile => f.write_str("This platform has no enforced licenses"),
            Self::NotFound => f.write_str("The requested item was not found"),
            Self::Refused(why) => f.write_str(why),
            Self::UnsupportedResponse => f.write_str("Unsupported response type"),
            Self::ImportRefused(judged) => {
                f.write_str("% Import Data Failed: ")?;
                write_judged(f, judged)
            }
        }
    }
}

impl core::error::Error for CommandError {}

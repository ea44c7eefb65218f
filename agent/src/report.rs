//! A RUM report as the agent builds it on demand (`spec/formats.md` §1, `spec/behaviour.md` §4, §5.1).

use alloc::vec::Vec;

use slpsim_policy::Wall;

use crate::ids::{IdCert, ReportId, Udi};
use crate::profile::License;

/// A closed report, ready to be put on the wire. The same report always builds to the same contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Its number.
    pub id: ReportId,
    /// The report before it in the chain of its licence.
    pub previous: Option<ReportId>,
    /// The licence that it measures.
    pub license: &'static License,
    /// Decided when the report was closed; never changes (`spec/formats.md` §13).
    pub signer: Signer,
    /// The units of the redundancy set, the active one first.
    pub units: Vec<Unit>,
    /// Stretches of constant usage, oldest first.
    pub measurements: Vec<Measurement>,
}

/// Who signs a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signer {
    /// No trust when it was closed: the built-in key of the software tag.
    Builtin,
    /// The key of the ID certificate.
    Id(IdCert),
}

/// One supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unit {
    /// Its role.
    pub role: Role,
    /// Its identity.
    pub udi: Udi,
}

/// Role in the redundancy set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The one that talks.
    Active,
    /// The one that waits.
    Standby,
}

impl Role {
    /// As printed: `Active`, `Standby`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Standby => "Standby",
        }
    }
}

/// One stretch of constant usage inside a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Measurement {
    /// First second.
    pub start: Wall,
    /// Last second.
    pub end: Wall,
    /// Licences in use.
    pub value: u32,
    /// Why the measurement ended, where that is recorded.
    pub reason: Option<Reason>,
    /// The clock step that began it, in seconds.
    pub clock_change_s: Option<i64>,
}

impl Measurement {
    /// `sample_interval`: `end` − `start`, in seconds.
    #[must_use]
    pub fn interval_s(&self) -> u64 {
        u64::try_from(self.end.secs() - self.start.secs()).unwrap_or(0)
    }

    /// `num_samples`: one each 15 minutes and one at the start.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.interval_s() / crate::numbers::MEASUREMENT_INTERVAL_S + 1
    }
}

/// `termination_reason` and `close_reason` words (`spec/formats.md` §1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum Reason {
    /// A push, a sync, a save: somebody asked for the usage (V).
    CurrentUsageRequested,
    /// The product instance reloaded (X).
    ProductReload,
}

impl Reason {
    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::CurrentUsageRequested => "CurrentUsageRequested",
            Self::ProductReload => "ProductReload",
        }
    }
}

/// Where a report stands (`spec/behaviour.md` §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum ReportState {
    /// Measuring.
    Open,
    /// No new measurements, not sent yet.
    Closed,
    /// Sent, no ACK yet.
    Pending,
    /// Requested at least once by a collector, no ACK.
    Unacknowledged,
    /// ACK received.
    Acknowledged,
    /// Closed for good by the peer; never sent again.
    Rejected,
}

impl ReportState {
    /// The CLI word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Closed | Self::Pending => "CLOSED",
            Self::Unacknowledged => "UNACK",
            Self::Acknowledged => "ACK",
            Self::Rejected => "REJECTED",
        }
    }

    /// Whether the report is closed and still waits for its ACK.
    #[must_use]
    pub const fn awaits_ack(self) -> bool {
        matches!(self, Self::Closed | Self::Pending | Self::Unacknowledged)
    }
}

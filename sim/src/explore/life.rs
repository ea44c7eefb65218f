//! A life: one device, what happens to it and when. Everything in it can be written as a scenario file.

use std::time::Duration;

use slpsim_agent::{Purpose, TransportMode};
use slpsim_policy::Wall;
use slpsim_transport::fault::{Kind, Spec};

use crate::queue::Class;
use crate::scenario::Peer;

/// The life of one device, to be played and judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Life {
    /// Decides what is drawn.
    pub seed: u64,
    /// True time at which it begins; the device boots then.
    pub start: Wall,
    /// When it ends, in milliseconds since the start, that instant included.
    pub until_ms: u64,
    /// The transport at boot.
    pub transport: TransportMode,
    /// What the mock plays.
    pub peer: Peer,
    /// What an exchange takes, in milliseconds.
    pub latency_ms: u64,
    /// What happens, in the order of a file: those of one time happen in this order within their class.
    pub steps: Vec<Step>,
}

/// A step of a life.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When, in milliseconds since the start.
    pub at_ms: u64,
    /// What.
    pub deed: Deed,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// `license smart trust idtoken {token} local|all [force]`
    Trust {
        /// For both units.
        all: bool,
        /// Although a trust code is installed.
        force: bool,
    },
    /// `license smart sync`
    Sync,
    /// `license smart factory reset`
    FactoryReset,
    /// `license smart transport`
    Transport(TransportMode),
    /// `license smart usage interval`, in days.
    Interval(u16),
    /// So many of the licence at this position are used from now on.
    Usage {
        /// Position in the profile's list of licences.
        license: u8,
        /// How many.
        count: u32,
    },
    /// `reload`
    Reload,
    /// The power fails and comes back: what was not durable is lost.
    PowerLoss,
    /// The clock is stepped by so many milliseconds.
    ClockStep(i64),
    /// A second supervisor is plugged in.
    StandbyAdded,
    /// It is taken out.
    StandbyRemoved,
    /// The standby becomes active.
    Switchover,
    /// The mock is replaced by one that plays this and knows the same.
    Peer(Peer),
    /// A fault begins.
    Fault(Trouble),
}

/// A fault, as far as exploration uses the fault table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Which.
    pub kind: Kind,
    /// How long it is in force, in milliseconds; none: without limit.
    pub for_ms: Option<u64>,
    /// The next so many exchanges that it hits.
    pub next: Option<u64>,
    /// Every so manyth exchange.
    pub every: Option<u64>,
    /// Only exchanges of this purpose.
    pub purpose: Option<Purpose>,
}

impl Trouble {
    /// Hits one exchange of a purpose that begins at the very instant.
    #[must_use]
    pub const fn at_once(kind: Kind, purpose: Purpose) -> Self {
        Self { kind, for_ms: Some(1), next: Some(1), every: None, purpose: Some(purpose) }
    }

    /// The same in the words of the fault table.
    #[must_use]
    pub fn spec(&self) -> Spec {
        Spec {
            span: self.for_ms.map(Duration::from_millis),
            next: self.next,
            every: self.every,
            purpose: self.purpose,
            ..Spec::of(self.kind)
        }
    }
}

impl Deed {
    /// Where it stands in the order of one instant (`spec/behaviour.md` §7.5).
    #[must_use]
    pub const fn class(&self) -> Class {
        match self {
            Self::Fault(_) | Self::Peer(_) => Class::World,
            Self::Trust { .. }
            | Self::Sync
            | Self::FactoryReset
            | Self::Transport(_)
            | Self::Interval(_)
            | Self::Usage { .. }
            | Self::Reload
            | Self::PowerLoss
            | Self::ClockStep(_)
            | Self::StandbyAdded
            | Self::StandbyRemoved
            | Self::Switchover => Class::Event,
        }
    }
}

impl Life {
    /// Adds a step behind those of its time.
    pub fn add(&mut self, at_ms: u64, deed: Deed) {
        self.steps.push(Step { at_ms, deed });
    }
}

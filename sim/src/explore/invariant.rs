//! What holds for every agent at every moment (`spec/behaviour.md` §4–§11).

use std::fmt;

/// Something that must hold whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Invariant {
    /// At most one exchange of a purpose is in flight (§7).
    OneInFlight,
    /// After a call no timer lies in the past, and timers of one instant come to an end.
    DeadlineAhead,
    /// An early or double time-out, and the late end of an exchange, do nothing.
    Harmless,
    /// No report is lost, but by the counted purge (§4).
    NoneLost,
    /// A report is acknowledged at most once, and only by an ACK that names it (§8).
    AcknowledgedOnce,
    /// Report ids only grow (§4).
    IdsGrow,
    /// A closed report never changes (§4).
    ClosedStays,
    /// `COMM_RESTORED` only after `COMM_FAILED`, and at most once in an outage (§7.2).
    RestoredOnce,
    /// The 15-minute interval does not survive an authenticated answer to a report (§7.2).
    FastEnds,
    /// After a delivered report the next push stands one configured interval ahead (§3.4, §7.2).
    IntervalBack,
    /// What is sent was durable before (§11).
    DurableFirst,
    /// Save, restore and go on is the same as going on (§11).
    SnapshotGoesOn,
    /// A factory reset leaves nothing (§11).
    ResetLeavesNothing,
    /// No call of an agent panics.
    NoPanic,
}

impl Invariant {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 14] = [
        Self::OneInFlight,
        Self::DeadlineAhead,
        Self::Harmless,
        Self::NoneLost,
        Self::AcknowledgedOnce,
        Self::IdsGrow,
        Self::ClosedStays,
        Self::RestoredOnce,
        Self::FastEnds,
        Self::IntervalBack,
        Self::DurableFirst,
        Self::SnapshotGoesOn,
        Self::ResetLeavesNothing,
        Self::NoPanic,
    ];

    /// Its word, as it is printed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::OneInFlight => "one-in-flight",
            Self::DeadlineAhead => "deadline-ahead",
            Self::Harmless => "early-timeout-harmless",
            Self::NoneLost => "no-report-lost",
            Self::AcknowledgedOnce => "acknowledged-once",
            Self::IdsGrow => "report-ids-grow",
            Self::ClosedStays => "closed-report-stays",
            Self::RestoredOnce => "restored-once",
            Self::FastEnds => "fast-interval-ends",
            Self::IntervalBack => "interval-back",
            Self::DurableFirst => "durable-before-sent",
            Self::SnapshotGoesOn => "snapshot-goes-on",
            Self::ResetLeavesNothing => "reset-leaves-nothing",
            Self::NoPanic => "no-panic",
        }
    }

    /// What it says, as a sentence without its full stop.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::OneInFlight => "at most one exchange of a purpose is in flight",
            Self::DeadlineAhead => {
                "no timer lies in the past after a call, and those of one instant come to an end"
            }
            Self::Harmless => "an early or double time-out and the late end of an exchange do nothing",
            Self::NoneLost => "no report is lost, but by the counted purge",
            Self::AcknowledgedOnce => "a report is acknowledged at most once, by an ACK that names it",
            Self::IdsGrow => "report ids only grow",
            Self::ClosedStays => "a closed report never changes",
            Self::RestoredOnce => "COMM_RESTORED comes only after COMM_FAILED, at most once in an outage",
            Self::FastEnds => "the 15-minute interval ends with an authenticated answer to a report",
            Self::IntervalBack => {
                "after a delivered report the next push stands one configured interval ahead"
            }
            Self::DurableFirst => "what is sent was durable before",
            Self::SnapshotGoesOn => "a state that was saved and restored goes on like the one that was not",
            Self::ResetLeavesNothing => "a factory reset leaves no licensing data",
            Self::NoPanic => "no call of the agent panics",
        }
    }
}

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// True time since the start, in milliseconds.
    pub at_ms: u64,
    /// Which.
    pub invariant: Invariant,
    /// What was seen, in one line.
    pub why: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = crate::scenario::Moment(self.at_ms);
        write!(f, "{} at {at}: {} ({})", self.invariant.word(), self.why, self.invariant.meaning())
    }
}

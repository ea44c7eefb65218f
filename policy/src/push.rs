//! How often the product instance sends reports (`spec/behaviour.md` §3.4).

use crate::class::ClassSet;
use crate::deadline::{Phase, in_policy};
use crate::rules::Rules;

/// The *configured* push interval; the fast phase is the agent's affair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PushInterval {
    /// Days from one push to the next.
    Days(u16),
    /// `0 (no reporting)`: a report was delivered and no class in use asks for another.
    NoReporting,
}

impl PushInterval {
    /// The days, where there are any.
    #[must_use]
    pub const fn days(self) -> Option<u16> {
        match self {
            Self::Days(days) => Some(days),
            Self::NoReporting => None,
        }
    }
}

/// The smaller one of the user's interval and the policy's day count of the phase (modelled; agrees with every output).
#[must_use]
pub fn push_interval(rules: &Rules, phase: Phase, in_use: ClassSet, user_days: u16) -> PushInterval {
    match (in_policy(rules, phase, in_use), phase) {
        (Some(n), _) => PushInterval::Days(user_days.min(n)),
        (None, Phase::Ongoing) if !in_use.is_empty() => PushInterval::NoReporting,
        (None, Phase::First | Phase::Ongoing) => PushInterval::Days(user_days),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_interval_with_reports_has_days() {
        assert_eq!(PushInterval::Days(30).days(), Some(30));
        assert_eq!(PushInterval::NoReporting.days(), None);
    }
}

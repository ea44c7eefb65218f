//! `Next ACK deadline` (`spec/behaviour.md` §3.1).

use crate::class::{Class, ClassSet};
use crate::rules::Rules;
use crate::time::Wall;

/// Whether a report has been delivered since the policy in use took effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Phase {
    /// None yet; tech support prints `State(2)`.
    #[default]
    First,
    /// At least one, acknowledged or not; tech support prints `State(4)`.
    Ongoing,
}

/// What the deadline depends on, beside the rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// T0: start of the reporting clock; absent where no licence was ever in use.
    pub t0: Option<Wall>,
    /// P: when the policy in use was installed; absent for the default.
    pub policy_installed: Option<Wall>,
    /// A: `Last ACK received`.
    pub last_ack: Option<Wall>,
    /// First or ongoing.
    pub phase: Phase,
    /// Classes with licences in use now.
    pub in_use: ClassSet,
    /// The earliest "on change" bound that no ACK has cleared, from [`on_change_bound`].
    pub bound: Option<Wall>,
}

/// `InPolicy(n)`: the smallest non-zero day count of the phase over the classes in use.
#[must_use]
pub fn in_policy(rules: &Rules, phase: Phase, in_use: ClassSet) -> Option<u16> {
    let days = |class| match phase {
        Phase::First => rules.first(class).value,
        Phase::Ongoing => rules.ongoing(class).value,
    };
    in_use.iter().map(days).filter(|days| *days > 0).min()
}

/// X, the time by which an acknowledgement must have arrived; `None` prints as `<none>`.
///
/// A missed deadline stays: the result may lie in the past.
#[must_use]
pub fn deadline(rules: &Rules, facts: &Facts) -> Option<Wall> {
    if !rules.ack_required.value {
        return None;
    }
    let scheduled = scheduled(rules, facts);
    match (scheduled, facts.bound) {
        (Some(scheduled), Some(bound)) => Some(scheduled.min(bound)),
        (one, other) => one.or(other),
    }
}

/// The bound that a change of consumption of `class` at time `at` sets; none where the policy's value is zero.
#[must_use]
pub fn on_change_bound(rules: &Rules, class: Class, at: Wall) -> Option<Wall> {
    let days = rules.on_change(class).value;
    (days > 0).then(|| at.plus_days(days))
}

fn scheduled(rules: &Rules, facts: &Facts) -> Option<Wall> {
    let n = in_policy(rules, facts.phase, facts.in_use)?;
    let base = facts.t0.max(facts.policy_installed)?;
    match (facts.phase, facts.last_ack) {
        (Phase::First, _) => Some(base.plus_days(n)),
        (Phase::Ongoing, Some(last_ack)) => Some(last_ack.plus_days(n)),
        // Delivered, but nothing that sets A has arrived yet: the first deadline stands (modelled).
        (Phase::Ongoing, None) => {
            in_policy(rules, Phase::First, facts.in_use).map(|first| base.plus_days(first))
        }
    }
}

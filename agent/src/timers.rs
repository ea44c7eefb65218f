//! The timers of an agent: one table, and the deadline is its minimum.

use core::fmt;
use core::time::Duration;

use slpsim_policy::Mono;

/// What a timer is for. The order is that in which timers of one instant run (`spec/behaviour.md` §7.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Timer {
    /// Fetch an ACK.
    Poll,
    /// Hello.
    Hello,
    /// Repeat a trust request.
    Trust,
    /// `Next report push`, and the attempts of a retry window.
    Report,
    /// TRUST_SYNC.
    Sync,
    /// The reminder at start.
    StartReminder,
    /// The next reminder of the ACK deadline.
    Reminder,
    /// Authorization renewal of a device from classic Smart Licensing.
    AuthRenew,
    /// Registration renewal of a device from classic Smart Licensing.
    IdRenew,
    /// Ask for a new trust code before the old one ends.
    TrustRenew,
}

impl Timer {
    /// All timers, in the order in which those of one instant run.
    pub const ALL: [Self; 10] = [
        Self::Poll,
        Self::Hello,
        Self::Trust,
        Self::Report,
        Self::Sync,
        Self::StartReminder,
        Self::Reminder,
        Self::AuthRenew,
        Self::IdRenew,
        Self::TrustRenew,
    ];
}

const OFF: u64 = u64::MAX;

/// When each timer runs out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerTable([u64; Timer::ALL.len()]);

impl TimerTable {
    pub(crate) const fn new() -> Self {
        Self([OFF; Timer::ALL.len()])
    }

    pub(crate) fn get(&self, timer: Timer) -> Option<Mono> {
        let at = self.0[timer as usize];
        (at != OFF).then_some(Mono(at))
    }

    pub(crate) fn set(&mut self, timer: Timer, at: Mono) {
        self.0[timer as usize] = at.0.min(OFF - 1);
    }

    pub(crate) fn set_in(&mut self, timer: Timer, now: Mono, span: Duration) {
        self.set(timer, now.plus(span));
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        self.0[timer as usize] = OFF;
    }

    /// The earliest timer; of those of one instant, the first in order.
    pub(crate) fn next(&self) -> Option<(Mono, Timer)> {
        // A fleet asks after every event. `Timer::ALL` is in order, so that the first of equal ones is kept.
        let mut next = (OFF, Timer::Poll);
        for (at, timer) in self.0.iter().zip(Timer::ALL) {
            if *at < next.0 {
                next = (*at, timer);
            }
        }
        (next.0 != OFF).then_some((Mono(next.0), next.1))
    }
}

impl fmt::Debug for TimerTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Timer::ALL.iter().filter_map(|t| self.get(*t).map(|at| (t, at.0)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_timer_is_next_and_ties_follow_the_order_of_one_instant() {
        let mut table = TimerTable::new();
        assert_eq!(table.next(), None);
        for timer in [Timer::Reminder, Timer::Report, Timer::Poll] {
            table.set(timer, Mono(5));
        }
        table.set(Timer::Sync, Mono(4));
        assert_eq!(table.next(), Some((Mono(4), Timer::Sync)));
        table.clear(Timer::Sync);
        assert_eq!(table.next(), Some((Mono(5), Timer::Poll)));
        table.clear(Timer::Poll);
        assert_eq!(table.next(), Some((Mono(5), Timer::Report)));
    }
}

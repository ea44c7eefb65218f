//! The end of a sink, for one that waits.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tells a sink that waits for its receiver until when it may do so.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<(Mutex<Option<Instant>>, Condvar)>);

impl Stop {
    /// From now on waiting ends at `at`.
    pub fn at(&self, at: Instant) {
        let (until, changed) = &*self.0;
        *until.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
        changed.notify_all();
    }

    /// When waiting ends, where that is known.
    #[must_use]
    pub fn until(&self) -> Option<Instant> {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether waiting has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until().is_some_and(|until| until <= Instant::now())
    }

    /// Waits for `span`, or until waiting ends; says whether it has.
    #[must_use]
    pub fn wait(&self, span: Duration) -> bool {
        let (until, changed) = &*self.0;
        let end = Instant::now() + span;
        let mut known = until.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            if known.is_some_and(|until| until <= now) {
                return true;
            }
            let wake = known.map_or(end, |until| until.min(end));
            let Some(rest) = wake.checked_duration_since(now).filter(|rest| !rest.is_zero()) else {
                return false;
            };
            known = changed.wait_timeout(known, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_it_is_told_to() {
        let stop = Stop::default();
        assert!(!stop.wait(Duration::ZERO));
        let other = stop.clone();
        let waiting = std::thread::spawn(move || other.wait(Duration::from_secs(3600)));
        stop.at(Instant::now());
        assert!(waiting.join().unwrap());
        assert!(stop.is_over());
    }
}

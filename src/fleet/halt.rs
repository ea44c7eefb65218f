//! The end of a run before its time: a signal, or nobody who reads.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Asked for once, seen by all clones.
#[derive(Clone, Debug, Default)]
pub struct Halt(Arc<(Mutex<bool>, Condvar)>);

impl Halt {
    /// Asks for the end.
    pub fn ask(&self) {
        let (asked, changed) = &*self.0;
        *asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Whether the end has been asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `until`, or until the end is asked for; says whether it is.
    #[must_use]
    pub fn wait_until(&self, until: Instant) -> bool {
        let (asked, changed) = &*self.0;
        let mut known = asked.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            if *known || rest.is_zero() {
                return *known;
            }
            // A day at most: some systems refuse longer waits.
            let rest = rest.min(Duration::from_secs(86_400));
            known = changed.wait_timeout(known, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_of_an_hour_ends_when_the_end_is_asked_for() {
        let halt = Halt::default();
        assert!(!halt.is_asked() && !halt.wait_until(Instant::now()));
        let other = halt.clone();
        let waiting =
            std::thread::spawn(move || other.wait_until(Instant::now() + Duration::from_secs(3600)));
        halt.ask();
        assert!(waiting.join().unwrap());
    }
}

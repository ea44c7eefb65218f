//! The end of a run before its time: a signal, or nobody who reads. And what wakes a run that waits.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Asked for once, seen by all clones.
#[derive(Clone, Default)]
pub struct Halt(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    asked: bool,
    nudged: bool,
    /// What is done when the end is asked for.
    then: Vec<Box<dyn FnOnce() + Send>>,
}

impl Halt {
    /// Asks for the end.
    pub fn ask(&self) {
        let then = {
            let mut state = self.lock();
            state.asked = true;
            std::mem::take(&mut state.then)
        };
        self.0.1.notify_all();
        then.into_iter().for_each(|work| work());
    }

    /// Does this when the end is asked for, on the thread that asks; at once where it has been asked for. It must not
    /// take long.
    pub fn on_ask(&self, work: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        if state.asked {
            drop(state);
            work();
        } else {
            state.then.push(Box::new(work));
        }
    }

    /// Whether the end has been asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.lock().asked
    }

    /// Wakes whoever waits, or is about to: there is something to look at.
    pub fn nudge(&self) {
        self.lock().nudged = true;
        self.0.1.notify_all();
    }

    /// Waits until `until`, until the end is asked for, or until the next [`Halt::nudge`]; says whether the end is asked
    /// for.
    #[must_use]
    pub fn wait_until(&self, until: Instant) -> bool {
        let mut state = self.lock();
        loop {
            let rest = until.saturating_duration_since(Instant::now());
            if state.asked || rest.is_zero() || std::mem::take(&mut state.nudged) {
                return state.asked;
            }
            // A day at most: some systems refuse longer waits.
            let rest = rest.min(Duration::from_secs(86_400));
            state = self.0.1.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Halt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Halt").field("asked", &self.is_asked()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_wait_of_an_hour_ends_when_the_end_is_asked_for() {
        let halt = Halt::default();
        assert!(!halt.is_asked() && !halt.wait_until(Instant::now()));
        let other = halt.clone();
        let waiting = std::thread::spawn(move || other.wait_until(Instant::now() + HOUR));
        halt.ask();
        assert!(waiting.join().unwrap());
    }

    #[test]
    fn a_nudge_wakes_who_waits_and_who_is_about_to() {
        let halt = Halt::default();
        halt.nudge();
        assert!(!halt.wait_until(Instant::now() + HOUR), "it came before");
        let other = halt.clone();
        let waiting = std::thread::spawn(move || other.wait_until(Instant::now() + HOUR));
        halt.nudge();
        assert!(!waiting.join().unwrap());
    }

    #[test]
    fn what_is_to_be_done_at_the_end_is_done_even_where_it_was_asked_for_before() {
        let (done, told) = std::sync::mpsc::channel();
        let halt = Halt::default();
        for name in ["before", "after"] {
            let done = done.clone();
            halt.on_ask(move || done.send(name).unwrap());
            halt.ask();
        }
        drop(done);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["before", "after"]);
    }
}

//! A mock that does not run: which time it is there.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use slpsim_cssm::server::{Clock, SystemClock};
use slpsim_policy::Wall;

use crate::error::one_line;
use crate::kept_clock::{self, KeptClock};
use crate::store::SlotStore;

/// A time that stands still: nobody lives by it.
struct Standing(Wall);

impl Clock for Standing {
    fn now(&self) -> Wall {
        self.0
    }
}

/// The time of a mock that does not run: where the daemon would go on that keeps its state in that folder. A mock that
/// never belonged to a daemon lives by the host's clock.
///
/// # Errors
/// Where the kept time cannot be read; one line for the user.
pub fn clock_of(state: Option<&Path>) -> Result<Arc<dyn Clock>, String> {
    let Some(state) = state else { return Ok(Arc::new(SystemClock)) };
    if !state.is_dir() {
        tracing::warn!(
            "the time of the mock was kept in {}, which is not there: it is worked on at this machine's time",
            state.display()
        );
        return Ok(Arc::new(SystemClock));
    }
    let store = SlotStore::new(state, "clock", kept_clock::VERSION);
    let kept = KeptClock::open(Box::new(store))
        .with_context(|| format!("the time of the mock, kept in {}", state.display()))
        .map_err(|error| one_line(&error))?;
    Ok(match kept.shown() {
        Some(time) => Arc::new(Standing(time)),
        None => Arc::new(SystemClock),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_mock_shows_the_time_at_which_its_daemon_goes_on() {
        let state = tempfile::tempdir().unwrap();
        let host = crate::time::host_now();
        assert!(clock_of(None).unwrap().now() >= host, "it never belonged to a daemon");
        assert!(clock_of(Some(state.path())).unwrap().now() >= host, "the daemon never kept a time");
        let kept = Wall::from_secs(1_772_445_600);
        let store = SlotStore::new(state.path(), "clock", kept_clock::VERSION);
        KeptClock::open(Box::new(store)).unwrap().save(kept).unwrap();
        assert_eq!(clock_of(Some(state.path())).unwrap().now(), kept);
        assert!(clock_of(Some(&state.path().join("gone"))).unwrap().now() >= host);
    }
}

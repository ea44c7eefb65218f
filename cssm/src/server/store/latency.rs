//! How long things take, in the buckets of a Prometheus histogram.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

/// Upper ends of the buckets, in seconds, from half a millisecond to the time-out of a store.
pub(in crate::server) const BOUNDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Counts durations.
#[derive(Debug, Default)]
pub(in crate::server) struct Latency(Mutex<Counts>);

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::server) struct Counts {
    /// How many ended within each of [`BOUNDS`], not counting those of smaller ones.
    pub(in crate::server) within: [u64; BOUNDS.len()],
    /// How many there were.
    pub(in crate::server) count: u64,
    /// All of them together, in seconds.
    pub(in crate::server) sum: f64,
}

impl Latency {
    /// Counts one.
    pub(in crate::server) fn note(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = BOUNDS.iter().position(|bound| seconds <= *bound)
            && let Some(bucket) = counts.within.get_mut(at)
        {
            *bucket += 1;
        }
        counts.count += 1;
        counts.sum += seconds;
    }

    /// What was counted so far.
    pub(in crate::server) fn counts(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let latency = Latency::default();
        for millis in [1, 2, 60_000] {
            latency.note(Duration::from_millis(millis));
        }
        let counts = latency.counts();
        assert_eq!((counts.count, counts.within[1], counts.within[2]), (3, 1, 1));
        assert_eq!(counts.within.iter().sum::<u64>(), 2, "a minute is beyond the last bound");
        assert!((counts.sum - 60.003).abs() < 1e-9);
    }
}

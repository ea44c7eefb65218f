//! The two clocks of a product instance, both in milliseconds.

use core::fmt;
use core::time::Duration;

/// Elapsed time since the driver's start, in milliseconds. Never goes back; knows no calendar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

/// The device's clock: milliseconds since 1970-01-01T00:00:00Z. May be stepped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Wall(pub i64);

/// One day of elapsed time, in milliseconds (`spec/behaviour.md` §3.1: daylight saving does not matter).
pub const DAY_MS: i64 = 86_400_000;

impl Mono {
    /// This instant plus `span`, saturating at the end of time.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(millis(span)))
    }

    /// Milliseconds from `earlier` to here; 0 where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl Wall {
    /// From whole Unix seconds.
    #[must_use]
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Whole Unix seconds, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds within the second, 0 to 999.
    #[must_use]
    pub const fn subsec_millis(self) -> u32 {
        // rem_euclid(1000) lies in 0..1000, so the cast keeps the value.
        #[expect(clippy::cast_possible_truncation, reason = "0..1000")]
        {
            self.0.rem_euclid(1000) as u32
        }
    }

    /// This time plus whole days of 86,400 s.
    #[must_use]
    pub const fn plus_days(self, days: u16) -> Self {
        Self(self.0.saturating_add(days as i64 * DAY_MS))
    }

    /// This time plus milliseconds, which may be negative.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to here, negative where `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Wall {
    /// Seconds and milliseconds since the epoch, for diagnostics.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.secs(), self.subsec_millis())
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_down_on_both_sides_of_the_epoch() {
        assert_eq!(Wall(1_999).secs(), 1);
        assert_eq!(Wall(-1).secs(), -1);
        assert_eq!(Wall(-1).subsec_millis(), 999);
    }

    #[test]
    fn arithmetic_saturates_at_the_ends_of_time() {
        assert_eq!(Wall(i64::MAX).plus_days(1), Wall(i64::MAX));
        assert_eq!(Mono(u64::MAX).plus(Duration::from_secs(1)), Mono(u64::MAX));
        assert_eq!(Mono(1).since(Mono(5)), 0);
    }
}

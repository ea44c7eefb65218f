//! When `REPORTING_REQUIRED` is due, and what it says (`spec/messages.md` §1 row 11, `spec/behaviour.md` §3.3).

use crate::numbers;
use crate::time::{DAY_MS, Wall};

/// The next reminder strictly after `now` for the deadline `x`: `x` − 30 d, `x`, then every day after `x`.
///
/// A reminder that is past, or equal to `now`, is skipped.
#[must_use]
pub fn next_reminder(x: Wall, now: Wall) -> Option<Wall> {
    let early = x.plus_millis(-i64::from(numbers::REMINDER_BEFORE_DAYS) * DAY_MS);
    if early > now {
        return Some(early);
    }
    if x > now {
        return Some(x);
    }
    let days_past = now.since(x) / DAY_MS;
    let next = x.0.checked_add(days_past.checked_add(1)?.checked_mul(DAY_MS)?)?;
    Some(Wall(next))
}

/// Whole days left to `x`, rounded down, never below 0.
#[must_use]
pub fn days_left(x: Wall, now: Wall) -> u32 {
    u32::try_from((x.since(now) / DAY_MS).max(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: Wall = Wall::from_secs(1_780_221_600); // 2026-05-31 10:00:00

    #[test]
    fn reminders_stand_thirty_days_before_at_the_deadline_and_daily_after_it() {
        let day = |n: i64| X.plus_millis(n * DAY_MS);
        for (now, next, left_then) in [
            (day(-90), day(-30), 30),
            (day(-30), X, 0), // equal to now: skipped
            (day(-1), X, 0),
            (X, day(1), 0),
            (day(1).plus_millis(-1), day(1), 0),
            (day(500), day(501), 0),
        ] {
            assert_eq!(next_reminder(X, now), Some(next), "now {now}");
            assert_eq!(days_left(X, next), left_then);
        }
    }

    #[test]
    fn days_left_are_rounded_down() {
        assert_eq!(days_left(X, X.plus_days(0).plus_millis(-90 * DAY_MS + 5_000)), 89);
        assert_eq!(days_left(X, X.plus_days(3)), 0);
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        assert_eq!(next_reminder(Wall(i64::MIN), Wall(i64::MAX)), None);
        assert_eq!(days_left(Wall(i64::MAX), Wall(i64::MIN)), u32::MAX);
    }
}

//! Times as users read them.

use chrono::{DateTime, SecondsFormat, Utc};
pub use slpsim_config::parse_time;
use slpsim_policy::Wall;

/// The host's clock.
#[must_use]
pub fn host_now() -> Wall {
    Wall(Utc::now().timestamp_millis())
}

/// Prints an RFC 3339 time in UTC, with milliseconds where there are any.
#[must_use]
pub fn print_time(time: Wall) -> String {
    let format = if time.subsec_millis() == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    DateTime::<Utc>::from_timestamp_millis(time.0)
        .unwrap_or(if time.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC })
        .to_rfc3339_opts(format, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_what_they_print() {
        for text in ["2026-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z"] {
            assert_eq!(print_time(parse_time(text).unwrap()), text);
        }
        assert_eq!(parse_time("2026-01-01T02:00:00+02:00"), parse_time("2026-01-01T00:00:00Z"));
        assert!(parse_time("yesterday").unwrap_err().contains("2026-01-01T00:00:00Z"));
        assert!(!print_time(Wall(i64::MAX)).is_empty());
    }
}

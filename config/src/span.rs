//! Spans and times as users write them (`interface.md` §6 "Rules").

use std::time::Duration;

use chrono::DateTime;
use slpsim_policy::{Wall, span};

/// Reads a sum like `30d6h15m10s` or `250ms`.
///
/// # Errors
/// One line that says what is wrong and what would be right.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let millis = span::parse(text).map_err(|error| format!("`{text}` {error}"))?;
    Ok(Duration::from_millis(millis.unsigned_abs()))
}

/// The same with a sign in front, in milliseconds.
///
/// # Errors
/// As [`parse_span`].
pub fn parse_signed_span(text: &str) -> Result<i64, String> {
    span::parse_signed(text).map_err(|error| format!("`{text}` {error}"))
}

/// Prints a span as [`parse_span`] reads it; parts of a millisecond are left out.
#[must_use]
pub fn print_span(span: Duration) -> String {
    span::print(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

/// Reads a time like `2026-01-01T00:00:00Z` (RFC 3339).
///
/// # Errors
/// One line that says what is wrong and what would be right.
pub fn parse_time(text: &str) -> Result<Wall, String> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("`{text}` is no time with its zone like 2026-01-01T00:00:00Z: {error}"))?;
    Ok(Wall(time.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_sum_of_its_parts() {
        for (text, millis) in [
            ("4h", 14_400_000),
            ("30d6h15m10s", 2_592_000_000 + 21_600_000 + 900_000 + 10_000),
            ("250ms", 250),
            ("1m1ms", 60_001),
            ("0s", 0),
        ] {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(millis)));
            assert_eq!(print_span(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for bad in ["", "4", "h", "4 h", "-4h", "4y", "1.5h", "4h3"] {
            assert!(parse_span(bad).unwrap_err().contains("is no span of time"), "{bad}");
        }
        for long in ["36526d", "36525d1ms", "99999999999999999999s"] {
            assert!(parse_span(long).unwrap_err().contains("longer than 100 years"), "{long}");
        }
    }

    #[test]
    fn a_time_needs_its_zone() {
        assert_eq!(parse_time("2026-01-01T00:00:00Z"), Ok(Wall(1_767_225_600_000)));
        assert_eq!(parse_time("2026-01-01T01:00:00.5+01:00"), Ok(Wall(1_767_225_600_500)));
        assert!(parse_time("2026-01-01T00:00:00").unwrap_err().contains("2026-01-01T00:00:00Z"));
    }
}

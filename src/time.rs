//! Times and spans as users write them.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use slpsim_policy::Wall;

/// The host's clock.
#[must_use]
pub fn host_now() -> Wall {
    Wall(Utc::now().timestamp_millis())
}

/// Reads an RFC 3339 time, such as `2026-01-01T00:00:00Z`.
///
/// # Errors
/// One line that says what is expected.
pub fn parse_time(text: &str) -> Result<Wall, String> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(Wall(time.timestamp_millis())),
        Err(error) => Err(format!("{text:?} is no time like 2026-01-01T00:00:00Z: {error}")),
    }
}

/// Prints an RFC 3339 time in UTC, with milliseconds where there are any.
#[must_use]
pub fn print_time(time: Wall) -> String {
    let format = if time.subsec_millis() == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    DateTime::<Utc>::from_timestamp_millis(time.0)
        .unwrap_or(if time.0 < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC })
        .to_rfc3339_opts(format, true)
}

/// Reads a sum of parts like `30d6h15m10s`; `ms` is a unit too. At most 100 years.
///
/// # Errors
/// One line that says what is expected.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    const MAX_MS: u64 = 100 * 366 * 86_400_000;
    let bad = || format!("{text:?} is no span like 4h or 30d6h15m10s (units d, h, m, s, ms)");
    let mut rest = text.trim();
    let mut total = 0_u64;
    if rest.is_empty() {
        return Err(bad());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let unit_ms = match unit {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1000,
            "ms" => 1,
            _ => return Err(bad()),
        };
        let number: u64 = number.parse().map_err(|_| bad())?;
        total = number.checked_mul(unit_ms).and_then(|part| part.checked_add(total)).ok_or_else(bad)?;
        rest = tail;
    }
    if total > MAX_MS {
        return Err(format!("{text:?} is longer than 100 years"));
    }
    Ok(Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_sums_of_their_parts() {
        for (text, ms) in [
            ("4h", 14_400_000),
            ("30d6h15m10s", 2_592_000_000 + 21_600_000 + 900_000 + 10_000),
            ("250ms", 250),
            ("0s", 0),
        ] {
            assert_eq!(parse_span(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "4", "h", "4 h", "-4h", "4w", "99999999999999999999d", "40000d", "4h5", "1d\u{e9}"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

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

//! Spans and times as users write them (`interface.md` §6 "Rules").

use std::time::Duration;

use chrono::DateTime;
use slpsim_policy::Wall;

/// A hundred years; longer spans are mistakes.
const LONGEST: Duration = Duration::from_secs(36_525 * 86_400);
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a sum like `30d6h15m10s` or `250ms`.
///
/// # Errors
/// One line that says what is wrong and what would be right.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no span of time: write a sum like 30d6h15m10s or 250ms");
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() || text.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, tail) = tail.split_at(letters);
        let unit = UNITS.iter().find(|(unit, _)| *unit == word).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(unit.1).map(Duration::from_millis);
        let sum = part.and_then(|part| total.checked_add(part)).filter(|sum| *sum <= LONGEST);
        total = sum.ok_or_else(|| format!("`{text}` is longer than 100 years"))?;
        rest = tail;
    }
    Ok(total)
}

/// Prints a span as [`parse_span`] reads it; parts of a millisecond are left out.
#[must_use]
pub fn print_span(span: Duration) -> String {
    let mut rest = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, size) in UNITS {
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if text.is_empty() { "0s".into() } else { text }
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
        for bad in ["", "4", "h", "4 h", "-4h", "4y", "1.5h", "4h3", "99999999999999999999s"] {
            assert!(parse_span(bad).unwrap_err().contains("is no span of time"), "{bad}");
        }
        for long in ["36526d", "36525d1ms", "18446744073709551615d"] {
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

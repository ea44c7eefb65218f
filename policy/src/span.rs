//! Spans of time as people write them: sums like `30d6h15m10s` (`interface.md` §6 "Rules"). The one reader of them.

use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

use crate::time::DAY_MS;

/// A hundred years, in milliseconds; longer spans are mistakes.
pub const LONGEST_MS: i64 = 36_525 * DAY_MS;
const UNITS: [(&str, i64); 5] = [("d", DAY_MS), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is no span; what follows the text in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanError {
    /// It is none.
    NoSpan,
    /// It has a sign where none is allowed.
    Negative,
    /// It is longer than [`LONGEST_MS`].
    TooLong,
}

impl fmt::Display for SpanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSpan => "is no span of time: write a sum like 30d6h15m10s or 250ms",
            Self::Negative => "is no span of time here: it must not be negative",
            Self::TooLong => "is longer than 100 years",
        })
    }
}

/// Milliseconds of a sum like `30d6h15m10s` or `250ms`; never negative.
///
/// # Errors
/// Where it is none, or longer than a hundred years.
pub fn parse(text: &str) -> Result<i64, SpanError> {
    if text.starts_with('-') {
        return Err(SpanError::Negative);
    }
    if text.is_empty() {
        return Err(SpanError::NoSpan);
    }
    let (mut total, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, tail) = tail.split_at(letters);
        let word = if word == "min" { "m" } else { word };
        let (_, size) = UNITS.iter().find(|(unit, _)| *unit == word).ok_or(SpanError::NoSpan)?;
        if number.is_empty() {
            return Err(SpanError::NoSpan);
        }
        // Digits alone: whatever does not fit is too long.
        let number: i64 = number.parse().map_err(|_| SpanError::TooLong)?;
        let sum = number.checked_mul(*size).and_then(|part| total.checked_add(part));
        total = sum.filter(|sum| *sum <= LONGEST_MS).ok_or(SpanError::TooLong)?;
        rest = tail;
    }
    Ok(total)
}

/// The same with a sign in front, which may be left out.
///
/// # Errors
/// As [`parse`].
pub fn parse_signed(text: &str) -> Result<i64, SpanError> {
    let (sign, rest) = match (text.strip_prefix('-'), text.strip_prefix('+')) {
        (Some(rest), _) => (-1, rest),
        (None, Some(rest)) => (1, rest),
        (None, None) => (1, text),
    };
    match parse(rest) {
        Ok(millis) => Ok(sign * millis),
        Err(SpanError::Negative) => Err(SpanError::NoSpan),
        Err(error) => Err(error),
    }
}

/// A span in the form that [`parse_signed`] reads.
#[must_use]
pub fn print(millis: i64) -> String {
    let mut text = String::new();
    if millis < 0 {
        text.push('-');
    }
    let mut rest = millis.unsigned_abs();
    for (unit, size) in UNITS {
        let size = size.unsigned_abs();
        if rest >= size {
            text.push_str(&format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if millis == 0 { "0s".to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_sum_of_numbers_with_units() {
        for (text, millis) in [
            ("6h", 21_600_000),
            ("30d6h15m10s", 30 * DAY_MS + 6 * 3_600_000 + 15 * 60_000 + 10_000),
            ("250ms", 250),
            ("1m1ms", 60_001),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(millis), "{text}");
            assert_eq!(print(millis), text);
            assert_eq!(parse_signed(text), Ok(millis), "{text}");
        }
        assert_eq!(parse("5min"), Ok(300_000));
        assert_eq!((parse_signed("-2h"), parse_signed("+2h")), (Ok(-7_200_000), Ok(7_200_000)));
        assert_eq!(print(-7_200_000), "-2h");
    }

    #[test]
    fn what_is_no_span_is_refused() {
        use SpanError::{Negative, NoSpan, TooLong};
        for (text, error) in [
            ("", NoSpan),
            ("h", NoSpan),
            ("6", NoSpan),
            ("6x", NoSpan),
            ("6 h", NoSpan),
            ("1.5h", NoSpan),
            ("6h-1m", NoSpan),
            ("ä", NoSpan),
            ("-2h", Negative),
            ("36526d", TooLong),
            ("36525d1ms", TooLong),
            ("99999999999999999999d", TooLong),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        assert_eq!((parse_signed("--2h"), parse_signed("-")), (Err(NoSpan), Err(NoSpan)));
    }
}

//! Spans of time as people write them: sums like `30d6h15m10s` (`interface.md` §6), and the words for purposes.

use slpsim_agent::Purpose;

/// Milliseconds of a sum like `30d6h15m10s` or `250ms`, with a sign in front where `signed`.
///
/// # Errors
/// One line that says what is wrong and what would be right.
pub fn parse(text: &str, signed: bool) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no span of time; write a sum like 30d6h15m10s or 250ms");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) if signed => (true, rest),
        Some(_) => return Err(format!("{text:?} must not be negative")),
        None => (false, text.strip_prefix('+').filter(|_| signed).unwrap_or(text)),
    };
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let millis = match unit {
            "d" => 86_400_000,
            "h" => 3_600_000,
            "m" | "min" => 60_000,
            "s" => 1_000,
            "ms" => 1,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        let add = number.checked_mul(millis).filter(|add| *add <= LONGEST_MS).ok_or_else(too_long)?;
        total = total.checked_add(add).filter(|total| *total <= LONGEST_MS).ok_or_else(too_long)?;
        rest = tail;
    }
    Ok(if negative { -total } else { total })
}

/// A hundred years; longer spans are mistakes.
const LONGEST_MS: i64 = 36_525 * 86_400_000;

fn too_long() -> String {
    "a span of more than 100 years is surely a mistake".into()
}

/// A span in the form that [`parse`] reads.
#[must_use]
pub fn print(millis: i64) -> String {
    let mut text = String::new();
    if millis < 0 {
        text.push('-');
    }
    let mut rest = millis.unsigned_abs();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        let count = rest / size;
        rest %= size;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
        }
    }
    if millis == 0 {
        text.push_str("0s");
    }
    text
}

/// The word of a purpose in faults, histories and metrics.
#[must_use]
pub const fn purpose_word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Poll => "poll",
        Purpose::Hello => "hello",
        Purpose::Trust => "trust",
        Purpose::Usage => "usage",
        Purpose::TrustSync => "trust-sync",
        Purpose::AuthRequest => "auth-request",
        Purpose::AuthReturn => "auth-return",
        Purpose::AuthRenew => "auth-renew",
        Purpose::IdRenew => "id-renew",
    }
}

/// The purpose of a word of [`purpose_word`].
#[must_use]
pub fn purpose_of(word: &str) -> Option<Purpose> {
    Purpose::ALL.into_iter().find(|purpose| purpose_word(*purpose) == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_sum_of_numbers_with_units() {
        for (text, millis) in [
            ("6h", 21_600_000),
            ("30d6h15m10s", 30 * 86_400_000 + 6 * 3_600_000 + 15 * 60_000 + 10_000),
            ("250ms", 250),
            ("0s", 0),
        ] {
            assert_eq!(parse(text, false), Ok(millis), "{text}");
            assert_eq!(parse(&print(millis), false), Ok(millis), "{text}");
        }
        assert_eq!(parse("-2h", true), Ok(-7_200_000));
        assert_eq!(print(-7_200_000), "-2h");
    }

    #[test]
    fn what_is_no_span_is_refused_with_one_line() {
        for text in ["", "-", "h", "6", "6x", "6 h", "-2h", "99999999999999999999d", "36526d", "6h-1m", "ä"]
        {
            let refusal = parse(text, false).unwrap_err();
            assert!(!refusal.contains('\n'), "{refusal}");
        }
    }

    #[test]
    fn every_purpose_has_a_word_of_its_own() {
        for purpose in Purpose::ALL {
            assert_eq!(purpose_of(purpose_word(purpose)), Some(purpose));
        }
    }
}

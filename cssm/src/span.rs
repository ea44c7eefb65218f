//! Spans of time as people write them: sums like `30d6h15m10s` (`interface.md` §6), and the words for purposes.

use slpsim_agent::Purpose;
use slpsim_policy::span;
pub use slpsim_policy::span::print;

/// Milliseconds of a sum like `30d6h15m10s` or `250ms`, with a sign in front where `signed`.
///
/// # Errors
/// One line that says what is wrong and what would be right.
pub fn parse(text: &str, signed: bool) -> Result<i64, String> {
    let read = if signed { span::parse_signed(text) } else { span::parse(text) };
    read.map_err(|error| format!("{text:?} {error}"))
}

/// The word of a purpose in faults, histories and metrics.
#[must_use]
pub const fn purpose_word(purpose: Purpose) -> &'static str {
    purpose.word()
}

/// The purpose of a word of [`purpose_word`].
#[must_use]
pub fn purpose_of(word: &str) -> Option<Purpose> {
    Purpose::by_word(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_span_is_refused_with_one_line() {
        for (text, signed) in [("", false), ("-2h", false), ("36526d", true), ("six", true)] {
            let refusal = parse(text, signed).unwrap_err();
            assert!(
                !refusal.contains('\n') && refusal.contains("span") | refusal.contains("100 years"),
                "{refusal}"
            );
        }
        assert_eq!(parse("-2h", true), Ok(-7_200_000));
    }
}

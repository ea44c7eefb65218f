//! Values that only scenarios have: windows, amounts, regular expressions, mnemonics.

use regex::{Regex, RegexBuilder};
use slpsim_agent::messages::{CATALOGUE, Kind};
use slpsim_config::parse_span;
use slpsim_config::reader::{Item, Table, Value, did_you_mean};

use super::{Cx, millis};
use crate::scenario::model::{Amount, Moment, Window};

/// Bytes of a compiled regular expression.
const REGEX_MAX: usize = 1 << 20;

impl Cx<'_> {
    /// The message that `key` names.
    pub(super) fn message(&mut self, table: &Table, key: &str) -> Option<Kind> {
        let word = table.text(key)?;
        let found = Kind::ALL.into_iter().find(|kind| kind.row().mnemonic() == word);
        if found.is_none() {
            let hint = did_you_mean(word, CATALOGUE.iter().map(|row| row.mnemonic()));
            self.add(table.place(key), format!("no message is called `{word}`{hint}"));
        }
        found
    }

    /// A regular expression; one over the `whole` text is anchored at both ends.
    pub(super) fn regex(&mut self, table: &Table, key: &str, whole: bool) -> Option<Regex> {
        let text = table.text(key)?;
        let pattern = if whole { format!("^(?:{text})$") } else { text.to_owned() };
        match RegexBuilder::new(&pattern).size_limit(REGEX_MAX).multi_line(!whole).build() {
            Ok(regex) => Some(regex),
            Err(error) => {
                let why = error.to_string();
                let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                self.add(table.place(key), format!("`{key}` is no regular expression: {why}"));
                None
            }
        }
    }

    /// `30d..30d6h`, both ends included; either end may be left out.
    pub(super) fn window(&mut self, table: &Table) -> Option<Window> {
        let text = table.text("within")?;
        match window(text, self.until_ms) {
            Ok(window) => Some(window),
            Err(why) => {
                self.add(table.place("within"), why);
                None
            }
        }
    }

    /// `count`; without it at least one.
    pub(super) fn amount(&mut self, table: &Table) -> Amount {
        let any = Amount { from: 1, to: None };
        let Some(Item::Any(node)) = table.item_of("count") else { return any };
        let read = match &node.value {
            Value::Integer(number) => {
                u64::try_from(*number).ok().map(|number| Amount { from: number, to: Some(number) })
            }
            Value::Text(text) => amount(text),
            Value::Float(_) | Value::Bool(_) | Value::Time(_) | Value::List(_) | Value::Table(_) => None,
        };
        read.unwrap_or_else(|| {
            self.add(
                &node.place,
                "`count` is a number or a range such as \"15\", \"1..\", \"3..5\" or \"0\"",
            );
            any
        })
    }
}

pub(super) fn window(text: &str, until_ms: u64) -> Result<Window, String> {
    let wrong = || format!("`{text}` is no window: write two times such as 30d..30d6h");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let time = |text: &str, open: u64| {
        let text = text.trim();
        if text.is_empty() { Ok(open) } else { parse_span(text).map(millis) }
    };
    let window = Window { from: time(from, 0)?, to: time(to, until_ms)? };
    if window.from > window.to {
        return Err(format!("`{text}` ends before it begins"));
    }
    if window.from > until_ms {
        return Err(format!("`{text}` lies behind `until`, which is {}", Moment(until_ms)));
    }
    Ok(window)
}

fn amount(text: &str) -> Option<Amount> {
    let number = |text: &str| text.trim().parse::<u64>().ok();
    let Some((from, to)) = text.split_once("..") else {
        let exact = number(text)?;
        return Some(Amount { from: exact, to: Some(exact) });
    };
    let from = if from.trim().is_empty() { 0 } else { number(from)? };
    let to = if to.trim().is_empty() { None } else { Some(number(to)?) };
    to.is_none_or(|to| from <= to).then_some(Amount { from, to })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_numbers_and_ranges() {
        for (text, expected) in [
            ("15", Some((15, Some(15)))),
            ("0", Some((0, Some(0)))),
            ("1..", Some((1, None))),
            ("3..5", Some((3, Some(5)))),
            ("..2", Some((0, Some(2)))),
            ("5..3", None),
            ("many", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(amount(text), expected.map(|(from, to)| Amount { from, to }), "{text}");
        }
    }

    #[test]
    fn windows_have_two_ends_and_may_be_open() {
        const DAY: u64 = 86_400_000;
        let read = |text| window(text, 40 * DAY).map(|window| (window.from, window.to));
        assert_eq!(read("30d..30d6h"), Ok((30 * DAY, 30 * DAY + DAY / 4)));
        assert_eq!(read("1d.."), Ok((DAY, 40 * DAY)));
        assert_eq!(read("..1d"), Ok((0, DAY)));
        for bad in ["30d", "2d..1d", "41d..42d", "x..1d"] {
            assert!(read(bad).is_err_and(|why| !why.contains('\n')), "{bad}");
        }
    }
}

//! How a typed line is read against the command table.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::grammar::{Item, Sequence, sequences};
use super::kind::Kind;
use crate::table::Row;

/// A word of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// The word.
    pub text: &'a str,
    /// Its column, in characters from 0.
    pub column: usize,
}

/// The words of `line`; blanks and control characters separate them.
#[must_use]
pub fn tokens(line: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut start: Option<(usize, usize)> = None;
    for (column, (at, character)) in line.char_indices().enumerate() {
        let separates = character.is_whitespace() || character.is_control();
        match (start, separates) {
            (None, false) => start = Some((at, column)),
            (Some((from, column)), true) => {
                found.push(Word { text: line.get(from..at).unwrap_or_default(), column });
                start = None;
            }
            (None, true) | (Some(_), false) => {}
        }
    }
    if let Some((from, column)) = start {
        found.push(Word { text: line.get(from..).unwrap_or_default(), column });
    }
    found
}

/// A line that is a command.
#[derive(Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The row of the table.
    pub row: &'static Row,
    /// The `no` form.
    pub no: bool,
    words: Vec<(Item, String)>,
}

impl Parsed {
    /// Whether `keyword` is among the words.
    #[must_use]
    pub fn has(&self, keyword: &str) -> bool {
        self.words.iter().any(|(item, _)| matches!(item, Item::Key(own) if *own == keyword))
    }

    /// The argument `name`, where it was typed.
    #[must_use]
    pub fn arg(&self, name: &str) -> Option<&str> {
        let found =
            self.words.iter().find(|(item, _)| matches!(item, Item::Arg { name: own, .. } if *own == name));
        found.map(|(_, text)| text.as_str())
    }

    /// The same, read as a number.
    #[must_use]
    pub fn number<N: core::str::FromStr>(&self, name: &str) -> Option<N> {
        self.arg(name)?.parse().ok()
    }

    /// The first of `keywords` that is among the words.
    #[must_use]
    pub fn one_of<'k>(&self, keywords: &[&'k str]) -> Option<&'k str> {
        keywords.iter().copied().find(|keyword| self.has(keyword))
    }
}

impl fmt::Debug for Parsed {
    /// Without what was typed: it may be an id token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed").field("row", &self.row.syntax).field("no", &self.no).finish_non_exhaustive()
    }
}

/// Why a line is no command; columns are in characters from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyntaxError {
    /// No command has this word here.
    Invalid {
        /// Where the word begins.
        column: usize,
    },
    /// Something must follow.
    Incomplete {
        /// Where it must.
        column: usize,
    },
    /// The word begins several keywords.
    Ambiguous {
        /// Where the word begins.
        column: usize,
    },
    /// A number outside its range.
    Number {
        /// Where it begins.
        column: usize,
        /// Its type.
        kind: Kind,
    },
}

impl SyntaxError {
    /// Where the caret stands.
    #[must_use]
    pub const fn column(&self) -> usize {
        match self {
            Self::Invalid { column }
            | Self::Incomplete { column }
            | Self::Ambiguous { column }
            | Self::Number { column, .. } => *column,
        }
    }
}

impl fmt::Display for SyntaxError {
    /// The line below the caret (`spec/console.md` §1); the one for numbers is modelled on the same pattern.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { .. } => f.write_str("% Invalid command at '^' marker."),
            Self::Incomplete { .. } => f.write_str("% Incomplete command at '^' marker."),
            Self::Ambiguous { .. } => f.write_str("% Ambiguous command at '^' marker."),
            Self::Number { kind, .. } => {
                let range = kind.range().unwrap_or(0..=0);
                write!(f, "% Invalid number, range is ({}:{}) at '^' marker.", range.start(), range.end())
            }
        }
    }
}

impl core::error::Error for SyntaxError {}

/// A way to type a command that agrees with the words so far.
#[derive(Clone, Debug)]
pub struct Candidate {
    row: &'static Row,
    sequence: Sequence,
}

/// Every way to type one of `rows`.
#[must_use]
pub fn candidates<'r>(
    rows: impl IntoIterator<Item = &'static Row> + 'r,
    first: Option<&str>,
) -> Vec<Candidate> {
    // Most rows fall out by their first word, before anything is built of them.
    let possible = |row: &&'static Row| first.is_none_or(|first| begins_with(row.syntax, first));
    let built = |row: &'static Row| {
        sequences(row.syntax).into_iter().map(move |sequence| Candidate { row, sequence })
    };
    rows.into_iter().filter(possible).flat_map(built).collect()
}

fn begins_with(syntax: &str, word: &str) -> bool {
    syntax.split(' ').next().is_some_and(|first| is_prefix(word, first))
}

/// Keywords are typed in any case, in full or abbreviated.
fn is_prefix(word: &str, keyword: &str) -> bool {
    keyword.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Reads `words` as one of `rows`; `end` is the column after the line.
///
/// # Errors
/// Where the words are no command.
pub fn parse<'r>(
    rows: impl IntoIterator<Item = &'static Row> + 'r,
    words: &[Word<'_>],
    end: usize,
) -> Result<Parsed, SyntaxError> {
    let (no, words, column) = match words.split_first() {
        Some((first, rest)) if first.text.eq_ignore_ascii_case("no") => (true, rest, first.column),
        _ => (false, words, 0),
    };
    let Some(first) = words.first() else {
        return Err(if no {
            SyntaxError::Incomplete { column: end }
        } else {
            SyntaxError::Invalid { column }
        });
    };
    let rows = rows.into_iter().filter(move |row| !no || row.has_no());
    let mut left = candidates(rows, Some(first.text));
    let mut typed = Vec::new();
    for (position, word) in words.iter().enumerate() {
        let item = choose(&left, position, *word)?;
        left.retain(|candidate| candidate.sequence.items.get(position) == Some(&item));
        typed.push((item, String::from(word.text)));
    }
    let ends = |candidate: &&Candidate| {
        let sequence = &candidate.sequence;
        sequence.items.len() == words.len() || (no && sequence.no_ends.contains(&words.len()))
    };
    let complete = left.iter().find(ends).ok_or(SyntaxError::Incomplete { column: end })?;
    Ok(Parsed { row: complete.row, no, words: typed })
}

/// What `word` is, in its position.
fn choose(left: &[Candidate], position: usize, word: Word<'_>) -> Result<Item, SyntaxError> {
    let column = word.column;
    let items = distinct(left, position);
    let mut keys = items.iter().filter(|item| matches!(item, Item::Key(key) if is_prefix(word.text, key)));
    if let Some(exact) =
        items.iter().find(|item| matches!(item, Item::Key(key) if key.eq_ignore_ascii_case(word.text)))
    {
        return Ok(*exact);
    }
    let accepting =
        items.iter().find(|item| matches!(item, Item::Arg { kind, .. } if kind.accepts(word.text)));
    match (keys.next(), keys.next(), accepting) {
        (Some(key), None, _) => Ok(*key),
        (_, _, Some(argument)) => Ok(*argument),
        (Some(_), Some(_), None) => Err(SyntaxError::Ambiguous { column }),
        (None, _, None) => Err(out_of_range(&items, word).unwrap_or(SyntaxError::Invalid { column })),
    }
}

fn out_of_range(items: &[Item], word: Word<'_>) -> Option<SyntaxError> {
    word.text.parse::<i128>().ok()?;
    items.iter().find_map(|item| match item {
        Item::Arg { kind, .. } if kind.range().is_some() => {
            Some(SyntaxError::Number { column: word.column, kind: *kind })
        }
        Item::Arg { .. } | Item::Key(_) => None,
    })
}

fn distinct(left: &[Candidate], position: usize) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for candidate in left {
        if let Some(item) = candidate.sequence.items.get(position)
            && !items.contains(item)
        {
            items.push(*item);
        }
    }
    items
}

/// What may follow `words` (for `?` and completion), and whether the line may end there.
///
/// # Errors
/// Where one of the words is wrong already.
pub fn next_items<'r>(
    rows: impl IntoIterator<Item = &'static Row> + 'r,
    words: &[Word<'_>],
) -> Result<(Vec<Item>, bool), SyntaxError> {
    let (no, words) = match words.split_first() {
        Some((first, rest)) if first.text.eq_ignore_ascii_case("no") => (true, rest),
        _ => (false, words),
    };
    let rows = rows.into_iter().filter(move |row| !no || row.has_no());
    let mut left = candidates(rows, words.first().map(|word| word.text));
    for (position, word) in words.iter().enumerate() {
        let item = choose(&left, position, *word)?;
        left.retain(|candidate| candidate.sequence.items.get(position) == Some(&item));
    }
    let ends = left.iter().any(|candidate| {
        let sequence = &candidate.sequence;
        sequence.items.len() == words.len() || (no && sequence.no_ends.contains(&words.len()))
    });
    Ok((distinct(&left, words.len()), ends && !words.is_empty()))
}

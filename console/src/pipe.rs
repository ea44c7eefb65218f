//! What stands behind `|`: filters of the text, and the structured form.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use regex_nostd::bytes::{Regex, RegexBuilder};

use crate::document::Document;
use crate::session::Refusal;
use crate::syntax::SyntaxError;

/// Largest compiled pattern, in bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// Most filters on one line.
const FILTERS_MAX: usize = 8;

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pipe {
    Include(String),
    Exclude(String),
    Begin(String),
    Count,
    Json,
    JsonPretty,
    Last(usize),
    NoMore,
}

/// What follows a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wants {
    Nothing,
    Pattern,
    /// A number of lines, which may be left out.
    Lines,
}

/// Lines of `last` without a number (modelled).
const LAST_LINES: usize = 10;
/// Most lines of `last`.
const LAST_MAX: usize = 9999;

/// Keywords with what follows, and what `?` says of them.
const KEYWORDS: [(&str, Wants, &str); 8] = [
    ("begin", Wants::Pattern, "From the first line that matches"),
    ("count", Wants::Nothing, "How many lines"),
    ("exclude", Wants::Pattern, "Lines that do not match"),
    ("include", Wants::Pattern, "Lines that match"),
    ("json", Wants::Nothing, "The structured form"),
    ("json-pretty", Wants::Nothing, "The structured form over several lines"),
    ("last", Wants::Lines, "The last lines"),
    ("no-more", Wants::Nothing, "Without paging"),
];

/// The command before the first separator, and what may follow behind the last one (`?`); none where there is no
/// separator.
pub(crate) fn help(asked: &str) -> Option<Result<(&str, Vec<Help>), SyntaxError>> {
    let mut parts = outside_quotes(asked, '|');
    let (column, last) = parts.pop().filter(|_| !parts.is_empty())?;
    let (_, command) = parts.first()?;
    let column = column + last.chars().take_while(|c| c.is_whitespace()).count();
    let lines = match last.trim_start().split_once(char::is_whitespace) {
        Some((word, rest)) => keyword(word, column).map(|(_, wants, _)| {
            let end = ("<CR>", "");
            match (wants, rest.trim().is_empty()) {
                (Wants::Pattern, true) => Vec::from([("LINE", "Regular expression")]),
                (Wants::Lines, true) => Vec::from([end, ("<1-9999>", "How many")]),
                (Wants::Nothing, _) | (Wants::Pattern | Wants::Lines, false) => Vec::from([end]),
            }
        }),
        None => {
            Ok(KEYWORDS.iter().filter(|row| starts(row.0, last.trim())).map(|row| (row.0, row.2)).collect())
        }
    };
    Some(match lines {
        Ok(lines) if lines.is_empty() => Err(SyntaxError::Invalid { column }),
        other => other.map(|lines| (*command, lines)),
    })
}

/// The filters: keyword, what follows it, and what it does.
pub(crate) fn keywords() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    KEYWORDS.iter().map(|(word, wants, help)| {
        let follows = match wants {
            Wants::Nothing => "",
            Wants::Pattern => " REGEX",
            Wants::Lines => " [N]",
        };
        (*word, follows, *help)
    })
}

/// A word that may follow, and what is said of it.
pub(crate) type Help = (&'static str, &'static str);

fn starts(keyword: &str, word: &str) -> bool {
    keyword.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// The row of a keyword, in full or abbreviated.
fn keyword(word: &str, column: usize) -> Result<(&'static str, Wants, &'static str), SyntaxError> {
    let exact = KEYWORDS.iter().find(|row| row.0.eq_ignore_ascii_case(word));
    let mut matching = KEYWORDS.iter().filter(|row| starts(row.0, word));
    match (exact, matching.next(), matching.next()) {
        (Some(exact), ..) => Ok(*exact),
        (None, Some(only), None) => Ok(*only),
        (None, Some(_), Some(_)) => Err(SyntaxError::Ambiguous { column }),
        (None, None, _) => Err(SyntaxError::Invalid { column }),
    }
}

/// The command and its filters. Columns of errors count from the begin of the line.
pub(crate) fn split(line: &str) -> Result<(&str, Vec<Pipe>), SyntaxError> {
    let mut parts = outside_quotes(line, '|').into_iter();
    let (_, command) = parts.next().unwrap_or((0, line));
    let mut pipes = Vec::new();
    for (column, text) in parts {
        if pipes.len() >= FILTERS_MAX {
            return Err(SyntaxError::Invalid { column });
        }
        pipes.push(filter(text, column)?);
    }
    Ok((command, pipes))
}

fn filter(text: &str, column: usize) -> Result<Pipe, SyntaxError> {
    let blanks = text.chars().take_while(|c| c.is_whitespace()).count();
    let column = column + blanks;
    let end = column + text.trim().chars().count();
    let (word, pattern) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    if word.is_empty() {
        return Err(SyntaxError::Incomplete { column });
    }
    let (keyword, wants, _) = keyword(word, column)?;
    let pattern = unquoted(pattern.trim());
    let wrong = SyntaxError::Invalid { column: column + word.chars().count() + 1 };
    let lines = match (wants, pattern.is_empty()) {
        (Wants::Pattern, true) => return Err(SyntaxError::Incomplete { column: end }),
        (Wants::Nothing, false) => return Err(wrong),
        (Wants::Lines, false) => {
            pattern.parse().ok().filter(|lines| (1..=LAST_MAX).contains(lines)).ok_or(wrong)?
        }
        (Wants::Pattern, false) | (Wants::Nothing | Wants::Lines, true) => LAST_LINES,
    };
    let pattern = pattern.to_string();
    Ok(match keyword {
        "begin" => Pipe::Begin(pattern),
        "exclude" => Pipe::Exclude(pattern),
        "include" => Pipe::Include(pattern),
        "count" => Pipe::Count,
        "json" => Pipe::Json,
        "json-pretty" => Pipe::JsonPretty,
        "last" => Pipe::Last(lines),
        _ => Pipe::NoMore,
    })
}

/// The text of `doc` behind the filters.
pub(crate) fn apply(pipes: &[Pipe], doc: &Document) -> Result<String, Refusal> {
    let mut lines: Vec<String> = doc.lines().map(ToString::to_string).collect();
    for pipe in pipes {
        match pipe {
            Pipe::Include(pattern) => {
                let regex = compile(pattern)?;
                lines.retain(|line| regex.is_match(line.as_bytes()));
            }
            Pipe::Exclude(pattern) => {
                let regex = compile(pattern)?;
                lines.retain(|line| !regex.is_match(line.as_bytes()));
            }
            Pipe::Begin(pattern) => {
                let regex = compile(pattern)?;
                let from =
                    lines.iter().position(|line| regex.is_match(line.as_bytes())).unwrap_or(lines.len());
                lines.drain(..from);
            }
            Pipe::Count => lines = Vec::from([lines.len().to_string()]),
            Pipe::Json => lines = Vec::from([doc.to_value().to_string()]),
            Pipe::JsonPretty => {
                lines = doc.to_value().to_pretty().lines().map(ToString::to_string).collect();
            }
            Pipe::Last(most) => {
                lines.drain(..lines.len().saturating_sub(*most));
            }
            Pipe::NoMore => {}
        }
    }
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    Ok(lines.iter().take(end).fold(String::new(), |text, line| text + line + "\n"))
}

fn compile(pattern: &str) -> Result<Regex, Refusal> {
    let built = RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN_BYTES).build();
    built.map_err(|_| Refusal::new("% Invalid regular expression"))
}

/// The parts of `line` between separators that stand outside double quotes, each with its column.
fn outside_quotes(line: &str, separator: char) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut quoted, mut from, mut from_column) = (false, 0, 0);
    for (column, (at, character)) in line.char_indices().enumerate() {
        quoted ^= character == '"';
        if character == separator && !quoted {
            parts.push((from_column, line.get(from..at).unwrap_or_default()));
            (from, from_column) = (at + character.len_utf8(), column + 1);
        }
    }
    parts.push((from_column, line.get(from..).unwrap_or_default()));
    parts
}

/// The commands of a text in which `;` and line ends separate them (`interface.md` §1, `spec/console.md` §4).
pub fn commands(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| {
        outside_quotes(line, ';')
            .into_iter()
            .map(|(_, command)| command.trim())
            .filter(|command| !command.is_empty())
    })
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(line: &str) -> String {
        let mut doc = Document::new();
        for text in ["Transport:", "  Type: cslu", "  Cslu address: cslu-local", "Policy:"] {
            doc.text(text);
        }
        doc.data("type", "cslu");
        let (_, pipes) = split(line).unwrap();
        apply(&pipes, &doc).unwrap()
    }

    #[test]
    fn filters_keep_what_they_say() {
        for (line, expected) in [
            ("x | include Type", "  Type: cslu\n"),
            ("x | i ^[A-Z]", "Transport:\nPolicy:\n"),
            ("x | inc \"Type|Policy\"", "  Type: cslu\nPolicy:\n"),
            ("x | exclude :.", "Transport:\nPolicy:\n"),
            ("x | begin address", "  Cslu address: cslu-local\nPolicy:\n"),
            ("x | begin nothing", ""),
            ("x | include ^$", ""),
            ("x | last 2", "  Cslu address: cslu-local\nPolicy:\n"),
            ("x | last", "Transport:\n  Type: cslu\n  Cslu address: cslu-local\nPolicy:\n"),
            ("x | count", "4\n"),
            ("x | include cslu | count", "2\n"),
            ("x | no-more | include Type", "  Type: cslu\n"),
            ("x | json", "{\"type\": \"cslu\"}\n"),
            ("x | json-p", "{\n    \"type\": \"cslu\"\n}\n"),
        ] {
            assert_eq!(filtered(line), expected, "{line}");
        }
    }

    #[test]
    fn a_wrong_filter_is_pointed_at() {
        for (line, error) in [
            ("show | nothing", SyntaxError::Invalid { column: 7 }),
            ("show |", SyntaxError::Incomplete { column: 6 }),
            ("show | include", SyntaxError::Incomplete { column: 14 }),
            ("show | count 5", SyntaxError::Invalid { column: 13 }),
            ("show | last 0", SyntaxError::Invalid { column: 12 }),
            ("show | last five", SyntaxError::Invalid { column: 12 }),
        ] {
            assert_eq!(split(line).unwrap_err(), error, "{line}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_refused() {
        let (_, pipes) = split("x | include (").unwrap();
        assert!(apply(&pipes, &Document::new()).is_err());
    }

    #[test]
    fn semicolons_and_line_ends_separate_commands_but_not_inside_quotes() {
        let all: Vec<_> = commands("a ;b\n c; \n\nd | include \"x;y\"").collect();
        assert_eq!(all, ["a", "b", "c", "d | include \"x;y\""]);
    }
}

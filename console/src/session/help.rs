//! `?` and Tab: what may follow what has been typed.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use slpsim_agent::Profile;

use super::{Reply, Session, further, rows_of};
use crate::pipe;
use crate::syntax::{self, Item, SyntaxError, Word};
use crate::table;

/// What Tab finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// What to add behind what has been typed: the rest of a keyword and a blank, or as much as several keywords have in
    /// common.
    pub insert: String,
    /// The keywords that fit, in order; a front end lists them where there are several.
    pub words: Vec<&'static str>,
}

impl Session {
    /// What `?` answers where `before` has been typed: one line for each word that may follow (`spec/console.md` §1). A
    /// front end prints the text below the line and then shows the prompt with the same line again. `hostname` is that
    /// of the switch: the caret of an error stands below a line behind its prompt.
    #[must_use]
    pub fn help_at(&self, profile: &Profile, hostname: &str, before: &str) -> Reply {
        let shift = if self.echo { self.prompt(hostname).chars().count() } else { 0 };
        self.help(profile, before, shift)
    }

    pub(super) fn help(&self, profile: &Profile, asked: &str, shift: usize) -> Reply {
        if let Some(behind) = pipe::help(asked) {
            let known = behind.and_then(|(command, lines)| {
                let end = command.trim_end().chars().count();
                self.parse(profile, &syntax::tokens(command), end).map(|_| lines)
            });
            return match known {
                Ok(lines) => listed(lines.into_iter().map(|(word, help)| (word.to_string(), help)).collect()),
                Err(error) => Reply::wrong(&error, shift),
            };
        }
        let words = syntax::tokens(asked);
        let (before, start) = split(asked, &words);
        let mut lines: Vec<(String, &'static str)> = Vec::new();
        let mut furthest: Option<SyntaxError> = None;
        for place in self.mode.places() {
            match syntax::next_items(rows_of(place, profile), before) {
                Ok((items, ends)) => add_help(&mut lines, &items, ends && start.is_empty(), start, before),
                Err(error) => furthest = further(furthest, error),
            }
        }
        if start.is_empty() && self.takes_pipes(profile, before) {
            lines.push(("|".to_string(), "Filter what is shown"));
        }
        if lines.is_empty() {
            let column = words.last().map_or(0, |word| word.column);
            let error = furthest.unwrap_or(SyntaxError::Invalid { column });
            return Reply::wrong(&error, shift);
        }
        listed(lines)
    }

    fn takes_pipes(&self, profile: &Profile, words: &[Word<'_>]) -> bool {
        let parsed = self.parse(profile, words, 0);
        parsed.is_ok_and(|parsed| parsed.row.syntax.starts_with("show "))
    }

    /// The words with which the last word of `line` can be completed (Tab).
    #[must_use]
    pub fn complete(&self, profile: &Profile, line: &str) -> Vec<&'static str> {
        if let Some(behind) = pipe::help(line) {
            let words = behind.map(|(_, lines)| lines).unwrap_or_default();
            let is_keyword = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            return words.into_iter().map(|(word, _)| word).filter(is_keyword).collect();
        }
        let words = syntax::tokens(line);
        let (before, start) = split(line, &words);
        let mut found = Vec::new();
        for place in self.mode.places() {
            let Ok((items, _)) = syntax::next_items(rows_of(place, profile), before) else { continue };
            for item in items {
                if let Item::Key(key) = item
                    && starts(key, start)
                    && !found.contains(&key)
                {
                    found.push(key);
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// What Tab does behind `before`, the part of the line before the cursor.
    #[must_use]
    pub fn completion(&self, profile: &Profile, before: &str) -> Completion {
        let words = self.complete(profile, before);
        let typed = before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let typed = typed.rsplit('|').next().unwrap_or_default().len();
        let insert = match words.as_slice() {
            [] => String::new(),
            [only] => only.get(typed..).unwrap_or_default().to_string() + " ",
            [first, others @ ..] => {
                let all = |len: &usize| {
                    let head = first.get(..*len);
                    head.is_some() && others.iter().all(|other| other.get(..*len) == head)
                };
                let common = (typed..=first.len()).rev().find(all).unwrap_or(typed);
                first.get(typed..common).unwrap_or_default().to_string()
            }
        };
        Completion { insert, words }
    }
}

/// The whole words of a line, and the begin of the one that is being typed.
fn split<'w, 'l>(line: &'l str, words: &'w [Word<'l>]) -> (&'w [Word<'l>], &'l str) {
    let partial = line.chars().next_back().is_some_and(|last| !last.is_whitespace());
    match words.split_last() {
        Some((last, before)) if partial => (before, last.text),
        _ => (words, ""),
    }
}

fn add_help(
    lines: &mut Vec<(String, &'static str)>,
    items: &[Item],
    ends: bool,
    start: &str,
    before: &[Word<'_>],
) {
    let mut add = |word: String, help: &'static str| {
        if !lines.iter().any(|(known, _)| *known == word) {
            lines.push((word, help));
        }
    };
    if ends {
        add("<CR>".to_string(), "");
    }
    for item in items {
        match item {
            Item::Key(key) if starts(key, start) => {
                add((*key).to_string(), table::help_of(before.last().map(|word| word.text), key));
            }
            Item::Arg { kind, name } if start.is_empty() => {
                add(
                    kind.placeholder().to_string(),
                    table::help_of(before.last().map(|word| word.text), name),
                );
            }
            Item::Key(_) | Item::Arg { .. } => {}
        }
    }
}

/// In order; the pipe comes last.
fn listed(mut lines: Vec<(String, &'static str)>) -> Reply {
    lines.sort();
    let width = lines.iter().map(|(word, _)| word.len()).max().unwrap_or(0);
    let text = lines.iter().fold(String::new(), |text, (word, help)| {
        text + alloc::format!("  {word:width$}  {help}").trim_end() + "\n"
    });
    Reply { text, ..Reply::default() }
}

fn starts(key: &str, start: &str) -> bool {
    key.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

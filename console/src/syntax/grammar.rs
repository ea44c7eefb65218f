//! The syntax column of the command table.
//!
//! `license smart trust idtoken <id_token:token> [local|all] [force]`: words are keywords, `<name:kind>` is an
//! argument, `[…]` may be left out, `(…)` groups, `|` separates alternatives. In configuration commands `/` marks
//! where the `no` form may end, with blanks around it: `license smart usage interval / <days:interval>`.

use alloc::vec;
use alloc::vec::Vec;

use super::kind::Kind;

/// One word of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Item {
    /// A keyword.
    Key(&'static str),
    /// An argument.
    Arg {
        /// Its name in the table.
        name: &'static str,
        /// Its type.
        kind: Kind,
    },
}

/// One way to type a command, from the first word to the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequence {
    /// The words.
    pub items: Vec<Item>,
    /// After how many words the `no` form may end, beside at the end.
    pub no_ends: Vec<usize>,
}

/// All ways to type a command with this syntax; nothing where the syntax itself is malformed (a test reads all of the
/// table).
#[must_use]
pub fn sequences(syntax: &'static str) -> Vec<Sequence> {
    let mut reader = Reader { rest: syntax };
    let all = reader.alternatives(0);
    if reader.rest.trim().is_empty() { all.unwrap_or_default() } else { Vec::new() }
}

/// Deepest nesting of brackets.
const DEPTH: usize = 8;

struct Reader {
    rest: &'static str,
}

impl Reader {
    fn alternatives(&mut self, depth: usize) -> Option<Vec<Sequence>> {
        let mut all = Vec::new();
        loop {
            all.extend(self.row(depth)?);
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix('|') {
                Some(rest) => self.rest = rest,
                None => return Some(all),
            }
        }
    }

    fn row(&mut self, depth: usize) -> Option<Vec<Sequence>> {
        let mut all = vec![Sequence::default()];
        loop {
            self.rest = self.rest.trim_start();
            let Some(first) = self.rest.chars().next() else { return Some(all) };
            match first {
                '|' | ']' | ')' => return Some(all),
                '/' => {
                    self.rest = &self.rest[1..];
                    for sequence in &mut all {
                        sequence.no_ends.push(sequence.items.len());
                    }
                }
                '[' => {
                    let mut inner = self.bracketed(']', depth)?;
                    inner.push(Sequence::default());
                    all = product(&all, &inner);
                }
                '(' => {
                    let inner = self.bracketed(')', depth)?;
                    all = product(&all, &inner);
                }
                _ => {
                    let item = self.item()?;
                    for sequence in &mut all {
                        sequence.items.push(item);
                    }
                }
            }
        }
    }

    fn bracketed(&mut self, close: char, depth: usize) -> Option<Vec<Sequence>> {
        if depth >= DEPTH {
            return None;
        }
        self.rest = &self.rest[1..];
        let inner = self.alternatives(depth + 1)?;
        self.rest = self.rest.strip_prefix(close)?;
        Some(inner)
    }

    fn item(&mut self) -> Option<Item> {
        let end = self.rest.find([' ', '|', '[', ']', '(', ')']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        let Some(argument) = word.strip_prefix('<') else { return Some(Item::Key(word)) };
        let (name, kind) = argument.strip_suffix('>')?.split_once(':')?;
        Some(Item::Arg { name, kind: Kind::by_name(kind)? })
    }
}

fn product(heads: &[Sequence], tails: &[Sequence]) -> Vec<Sequence> {
    let joined = |head: &Sequence, tail: &Sequence| {
        let mut both = head.clone();
        both.no_ends.extend(tail.no_ends.iter().map(|end| end + head.items.len()));
        both.items.extend_from_slice(&tail.items);
        both
    };
    heads.iter().flat_map(|head| tails.iter().map(move |tail| joined(head, tail))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn spelled(syntax: &'static str) -> Vec<String> {
        let word = |item: &Item| match item {
            Item::Key(key) => String::from(*key),
            Item::Arg { name, .. } => alloc::format!("<{name}>"),
        };
        let one = |sequence: Sequence| sequence.items.iter().map(word).collect::<Vec<_>>().join(" ");
        sequences(syntax).into_iter().map(one).collect()
    }

    #[test]
    fn alternatives_and_options_become_all_ways_to_type_a_command() {
        assert_eq!(spelled("a <x:word> [b|c] d"), ["a <x> b d", "a <x> c d", "a <x> d"]);
        assert_eq!(spelled("a (b <x:days>|c)"), ["a b <x>", "a c"]);
    }

    #[test]
    fn the_mark_says_where_no_forms_may_end() {
        assert_eq!(sequences("a b / <x:days>")[0].no_ends, [2]);
        let both = sequences("a / (b / <x:days>|c)");
        assert_eq!(both[0].no_ends, [1, 2]);
        assert_eq!(both[1].no_ends, [1]);
    }

    #[test]
    fn a_malformed_syntax_gives_nothing() {
        for bad in ["a [b", "a b]", "a <x>", "a <x:nothing>", "a (b|c"] {
            assert!(sequences(bad).is_empty(), "{bad}");
        }
    }
}

//! Paging: a long answer stops at `--More--` until a key is pressed (`spec/console.md` §1).
//!
//! Pure, for every front end that has a terminal. [`crate::Session::pager`] makes one of a reply; print
//! [`Pager::first`], and while [`Page::more`] says so, read a key, ask [`Key::of`] what it means, and print
//! [`Pager::press`]. Lines end in `\n`; a front end in raw mode makes `\r\n` of it. What other keys do at `--More--` on
//! a switch is not public; here they do nothing (modelled).

use alloc::string::String;

use crate::session::Terminal;

/// What stands on the last line while there is more.
pub const MORE: &str = "--More--";
/// Takes [`MORE`] away again: back to the margin, blanks over it, back again.
pub const ERASE: &str = "\r        \r";

/// A key at `--More--`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// Space: the next page.
    Page,
    /// Return: the next line.
    Line,
    /// `q` or Ctrl-C: no more of this answer.
    Quit,
}

impl Key {
    /// The key that sends `character`; none where it means nothing here.
    #[must_use]
    pub const fn of(character: char) -> Option<Self> {
        match character {
            ' ' => Some(Self::Page),
            '\r' | '\n' => Some(Self::Line),
            'q' | 'Q' | '\u{3}' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// What is printed next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The text, with [`ERASE`] before and [`MORE`] behind it where they belong.
    pub text: String,
    /// Wait for a key; otherwise the prompt follows.
    pub more: bool,
}

/// An answer on its way to a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pager {
    text: String,
    /// Where what has not been printed begins.
    at: usize,
    length: usize,
    width: usize,
}

impl Pager {
    /// For `text`, on a terminal with these settings; `length` 0 prints all of it at once.
    #[must_use]
    pub fn new(text: String, terminal: &Terminal) -> Self {
        Self { text, at: 0, length: terminal.length.into(), width: terminal.width.into() }
    }

    /// The first page: one line less than the terminal has, which [`MORE`] takes.
    pub fn first(&mut self) -> Page {
        let rows = self.page();
        self.print(rows, "")
    }

    /// What a key brings.
    pub fn press(&mut self, key: Key) -> Page {
        match key {
            Key::Page => {
                let rows = self.page();
                self.print(rows, ERASE)
            }
            Key::Line => self.print(1, ERASE),
            Key::Quit => {
                self.at = self.text.len();
                Page { text: String::from(ERASE), more: false }
            }
        }
    }

    const fn page(&self) -> usize {
        if self.length == 0 { usize::MAX } else { self.length.saturating_sub(1) }
    }

    /// Whole lines for at most `rows` rows of the terminal, but at least one, so that every key gets on.
    fn print(&mut self, rows: usize, before: &str) -> Page {
        let mut text = String::from(before);
        let mut used = 0;
        let rest = self.text.get(self.at..).unwrap_or_default();
        for line in rest.split_inclusive('\n') {
            used += self.rows_of(line);
            if used > rows && text.len() > before.len() {
                break;
            }
            text.push_str(line);
        }
        self.at += text.len() - before.len();
        let more = self.at < self.text.len();
        if more {
            text.push_str(MORE);
        }
        Page { text, more }
    }

    /// A line that is wider than the terminal takes several rows.
    fn rows_of(&self, line: &str) -> usize {
        let columns = line.trim_end_matches('\n').chars().count();
        if self.width == 0 { 1 } else { columns.div_ceil(self.width).max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terminal(length: u16, width: u16) -> Terminal {
        Terminal { length, width, ..Terminal::default() }
    }

    fn numbered(lines: usize) -> String {
        (1..=lines).fold(String::new(), |text, line| text + &alloc::format!("{line}\n"))
    }

    #[test]
    fn space_brings_a_page_return_a_line_and_q_the_prompt() {
        let mut pager = Pager::new(numbered(9), &terminal(4, 80));
        assert_eq!(pager.first(), Page { text: "1\n2\n3\n--More--".into(), more: true });
        let erased = |text: &str| String::from(ERASE) + text;
        assert_eq!(pager.press(Key::Line).text, erased("4\n--More--"));
        assert_eq!(pager.press(Key::Page).text, erased("5\n6\n7\n--More--"));
        let mut other = pager.clone();
        assert_eq!(pager.press(Key::Page), Page { text: erased("8\n9\n"), more: false });
        assert_eq!(other.press(Key::Quit), Page { text: erased(""), more: false });
    }

    #[test]
    fn what_fits_and_what_has_no_length_is_printed_at_once() {
        for (lines, length) in [(3, 4), (0, 4), (500, 0)] {
            let mut pager = Pager::new(numbered(lines), &terminal(length, 80));
            assert_eq!(pager.first(), Page { text: numbered(lines), more: false }, "{lines} lines, {length}");
        }
    }

    #[test]
    fn a_long_line_takes_the_rows_that_it_needs() {
        let text = "x".repeat(25) + "\nshort\n";
        let mut pager = Pager::new(text.clone(), &terminal(4, 10));
        assert_eq!(pager.first().text, "x".repeat(25) + "\n--More--");
        assert_eq!(Pager::new(text.clone(), &terminal(4, 0)).first().text, text);
        // A line that is larger than the screen is shown nevertheless.
        assert!(Pager::new(text, &terminal(2, 10)).first().text.starts_with('x'));
    }

    #[test]
    fn only_the_keys_of_the_pager_mean_something() {
        for (character, key) in [
            (' ', Some(Key::Page)),
            ('\r', Some(Key::Line)),
            ('\n', Some(Key::Line)),
            ('q', Some(Key::Quit)),
            ('\u{3}', Some(Key::Quit)),
            ('x', None),
            ('\u{1b}', None),
        ] {
            assert_eq!(Key::of(character), key, "{character:?}");
        }
    }

    proptest! {
        #[test]
        fn pages_together_are_the_text_and_every_key_gets_on(
            text in "(.{0,30}\n){0,40}", length in 0_u16..6, width in 0_u16..12, lines in any::<bool>(),
        ) {
            let mut pager = Pager::new(text.clone(), &terminal(length, width));
            let (mut page, mut printed) = (pager.first(), String::new());
            let mut keys = 0;
            loop {
                let part = page.text.strip_prefix(ERASE).unwrap_or(&page.text);
                printed.push_str(if page.more { part.strip_suffix(MORE).unwrap() } else { part });
                if !page.more {
                    break;
                }
                keys += 1;
                prop_assert!(keys <= 41);
                page = pager.press(if lines { Key::Line } else { Key::Page });
            }
            prop_assert_eq!(printed, text);
        }
    }
}

//! Editing of a line on a terminal: bytes in, echo and whole lines out. Pure.
//!
//! What comes is echoed as it is read, character by character, since programs wait for the echo of what they send.
//! Control sequences that mean nothing here are swallowed; what is no UTF-8 becomes U+FFFD, which no command has.

use std::collections::VecDeque;

/// Lines that arrow-up finds.
const HISTORY: usize = 100;
/// Longest control sequence, in bytes; of a longer one the rest is taken for text.
const SEQUENCE_MAX: usize = 16;

/// What the user asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Run this line; Ctrl-Z stands at its end where it was typed.
    Line(String),
    /// A line that was longer than the limit.
    TooLong,
    /// Ctrl-C: a new line.
    Interrupt,
    /// `?` behind this.
    Help(String),
    /// Tab behind this.
    Complete(String),
    /// Ctrl-D on an empty line.
    Close,
}

/// The line that is being typed.
#[derive(Debug)]
pub(super) struct Editor {
    prompt: String,
    columns: usize,
    limit: usize,
    line: Vec<char>,
    cursor: usize,
    overflowed: bool,
    history: VecDeque<String>,
    /// Which line of the history is shown, from the newest, and what had been typed before.
    browsing: Option<(usize, Vec<char>)>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// The last byte was a carriage return, so that a line feed belongs to it.
    after_return: bool,
    /// Ctrl-V: the next character means itself.
    literal: bool,
    sequence: Sequence,
    /// A character of several bytes, as far as it is there, and how many bytes that is.
    partial: ([u8; 4], usize),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sequence {
    #[default]
    None,
    /// ESC.
    Escape,
    /// ESC O.
    Single,
    /// ESC [ and what follows: the first number, and how many bytes.
    Control { number: u8, bytes: usize },
}

impl Editor {
    /// An empty line of at most `limit` characters behind `prompt`.
    pub(super) fn new(prompt: &str, limit: usize) -> Self {
        Self {
            prompt: prompt.to_owned(),
            columns: 80,
            limit,
            line: Vec::new(),
            cursor: 0,
            overflowed: false,
            history: VecDeque::new(),
            browsing: None,
            state: State::default(),
        }
    }

    /// The prompt from now on.
    pub(super) fn set_prompt(&mut self, prompt: &str) {
        prompt.clone_into(&mut self.prompt);
    }

    /// The width of the terminal.
    pub(super) fn set_columns(&mut self, columns: usize) {
        self.columns = columns.max(1);
    }

    /// Whether nothing has been typed.
    pub(super) const fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// A byte of a client with a terminal; the echo goes to `out`.
    pub(super) fn feed(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<Asked> {
        let after_return = std::mem::take(&mut self.state.after_return);
        if byte == b'\n' && after_return {
            return None;
        }
        if self.state.sequence != Sequence::None {
            self.continue_sequence(byte, out);
            return None;
        }
        if self.breaks_off(byte) {
            self.type_in(char::REPLACEMENT_CHARACTER, out);
        }
        if let Some(character) = self.decode(byte) {
            return self.character(character, out);
        }
        None
    }

    /// A byte of a client without a terminal: nothing is echoed, and only line ends mean something.
    pub(super) fn plain(&mut self, byte: u8) -> Option<Asked> {
        let after_return = std::mem::take(&mut self.state.after_return);
        match byte {
            b'\n' if after_return => None,
            b'\n' | b'\r' => {
                self.state.after_return = byte == b'\r';
                Some(self.take())
            }
            _ => {
                if self.breaks_off(byte) && self.has_room() {
                    self.line.push(char::REPLACEMENT_CHARACTER);
                }
                let character = self.decode(byte)?;
                if self.has_room() {
                    self.line.push(character);
                }
                None
            }
        }
    }

    /// What was typed without a line end, at the end of the input.
    pub(super) fn rest(&mut self) -> Option<Asked> {
        Some(if self.line.is_empty() { Asked::Close } else { self.take() })
    }

    /// Adds `text` at the cursor.
    pub(super) fn insert(&mut self, text: &str, out: &mut Vec<u8>) {
        for character in text.chars() {
            self.type_in(character, out);
        }
    }

    /// Prints the prompt and the line, from the margin.
    pub(super) fn draw(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.prompt.as_bytes());
        out.extend_from_slice(self.line.iter().collect::<String>().as_bytes());
        self.back_from_end(out);
    }

    fn character(&mut self, character: char, out: &mut Vec<u8>) -> Option<Asked> {
        if std::mem::take(&mut self.state.literal) {
            if !character.is_control() {
                self.type_in(character, out);
            }
            return None;
        }
        match character {
            '\r' | '\n' => {
                self.state.after_return = character == '\r';
                out.extend_from_slice(b"\r\n");
                return Some(self.take());
            }
            '\u{1a}' => {
                out.extend_from_slice(b"^Z\r\n");
                return Some(match self.take() {
                    Asked::Line(line) => Asked::Line(line + "\u{1a}"),
                    other @ (Asked::TooLong
                    | Asked::Interrupt
                    | Asked::Help(_)
                    | Asked::Complete(_)
                    | Asked::Close) => other,
                });
            }
            '\u{3}' => {
                out.extend_from_slice(b"^C\r\n");
                self.clear();
                return Some(Asked::Interrupt);
            }
            '\u{4}' if self.line.is_empty() => {
                out.extend_from_slice(b"\r\n");
                return Some(Asked::Close);
            }
            '?' => {
                out.extend_from_slice(b"?\r\n");
                return Some(Asked::Help(self.before_cursor()));
            }
            '\t' => return Some(Asked::Complete(self.before_cursor())),
            '\u{1b}' => self.state.sequence = Sequence::Escape,
            '\u{16}' => self.state.literal = true,
            control if control.is_control() => self.edit(control, out),
            typed => self.type_in(typed, out),
        }
        None
    }

    /// The editing keys of NX-OS, which are those of emacs.
    fn edit(&mut self, control: char, out: &mut Vec<u8>) {
        match control {
            '\u{7f}' | '\u{8}' if self.cursor > 0 => self.remove(self.cursor - 1..self.cursor, out),
            '\u{4}' if self.cursor < self.line.len() => self.remove(self.cursor..self.cursor + 1, out),
            '\u{15}' => self.remove(0..self.cursor, out),
            '\u{b}' => self.remove(self.cursor..self.line.len(), out),
            '\u{17}' => self.remove(self.word_start()..self.cursor, out),
            '\u{1}' => self.move_to(0, out),
            '\u{5}' => self.move_to(self.line.len(), out),
            '\u{2}' => self.move_to(self.cursor.saturating_sub(1), out),
            '\u{6}' => self.move_to(self.cursor + 1, out),
            '\u{10}' => self.browse(true, out),
            '\u{e}' => self.browse(false, out),
            '\u{c}' | '\u{12}' => {
                out.extend_from_slice(b"\r\n");
                self.draw(out);
            }
            _ => {}
        }
    }

    fn continue_sequence(&mut self, byte: u8, out: &mut Vec<u8>) {
        let key = match (self.state.sequence, byte) {
            (Sequence::Escape, b'[') => {
                self.state.sequence = Sequence::Control { number: 0, bytes: 0 };
                return;
            }
            (Sequence::Escape, b'O') => {
                self.state.sequence = Sequence::Single;
                return;
            }
            (Sequence::Control { number, bytes }, b'0'..=b'?') if bytes < SEQUENCE_MAX => {
                let digit = byte.wrapping_sub(b'0');
                let number = if digit < 10 { number.wrapping_mul(10).wrapping_add(digit) } else { number };
                self.state.sequence = Sequence::Control { number, bytes: bytes + 1 };
                return;
            }
            (Sequence::Control { number, .. }, b'~') => match number {
                1 | 7 => b'H',
                4 | 8 => b'F',
                3 => b'~',
                _ => 0,
            },
            (Sequence::Control { .. } | Sequence::Single, key) => key,
            (Sequence::Escape | Sequence::None, _) => 0,
        };
        self.state.sequence = Sequence::None;
        match key {
            b'A' => self.browse(true, out),
            b'B' => self.browse(false, out),
            b'C' => self.move_to(self.cursor + 1, out),
            b'D' => self.move_to(self.cursor.saturating_sub(1), out),
            b'H' => self.move_to(0, out),
            b'F' => self.move_to(self.line.len(), out),
            b'~' if self.cursor < self.line.len() => self.remove(self.cursor..self.cursor + 1, out),
            _ => {}
        }
    }

    /// Whether a character was begun that this byte does not go on with.
    fn breaks_off(&mut self, byte: u8) -> bool {
        let (_, have) = &mut self.state.partial;
        let breaks = *have > 0 && byte.is_ascii();
        if breaks {
            *have = 0;
        }
        breaks
    }

    /// A character, once all its bytes are there.
    fn decode(&mut self, byte: u8) -> Option<char> {
        let (bytes, have) = &mut self.state.partial;
        if *have == 0 && byte.is_ascii() {
            return Some(char::from(byte));
        }
        if let Some(place) = bytes.get_mut(*have) {
            *place = byte;
            *have += 1;
        }
        let seen = bytes.get(..*have).unwrap_or_default();
        match std::str::from_utf8(seen) {
            Ok(text) => {
                let character = text.chars().next();
                *have = 0;
                character
            }
            Err(error) if error.error_len().is_none() && *have < 4 => None,
            Err(_) => {
                *have = 0;
                Some(char::REPLACEMENT_CHARACTER)
            }
        }
    }

    fn has_room(&mut self) -> bool {
        self.overflowed |= self.line.len() >= self.limit;
        !self.overflowed
    }

    fn type_in(&mut self, character: char, out: &mut Vec<u8>) {
        if !self.has_room() {
            return;
        }
        self.line.insert(self.cursor, character);
        self.cursor += 1;
        if self.cursor == self.line.len() {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            let before = self.cursor - 1;
            self.redraw(before, out);
        }
    }

    fn remove(&mut self, range: std::ops::Range<usize>, out: &mut Vec<u8>) {
        if range.is_empty() {
            return;
        }
        let before = self.cursor;
        let last = range.end == self.line.len() && range.end == before;
        let (removed, wrapped) = (range.len(), self.at(self.line.len()) >= self.columns);
        self.cursor = range.start.min(self.cursor);
        self.line.drain(range);
        // What did not fit is lost; only an empty line begins anew.
        self.overflowed &= !self.line.is_empty();
        if last && !wrapped {
            out.extend_from_slice("\u{8} \u{8}".repeat(removed).as_bytes());
        } else {
            self.redraw(before, out);
        }
    }

    fn move_to(&mut self, to: usize, out: &mut Vec<u8>) {
        let before = self.cursor;
        self.cursor = to.min(self.line.len());
        if self.cursor != before {
            self.go(self.at(before), self.at(self.cursor), out);
        }
    }

    fn browse(&mut self, back: bool, out: &mut Vec<u8>) {
        let shown = self.browsing.as_ref().map(|(shown, _)| *shown);
        let wanted = match (shown, back) {
            (None, true) => Some(0),
            (Some(shown), true) => Some(shown + 1),
            (Some(shown), false) => shown.checked_sub(1),
            (None, false) => return,
        };
        let line = match wanted.map(|wanted| self.history.get(wanted)) {
            Some(Some(line)) => line.chars().collect(),
            Some(None) => return,
            None => self.browsing.as_ref().map(|(_, typed)| typed.clone()).unwrap_or_default(),
        };
        let before = self.cursor;
        let typed = std::mem::replace(&mut self.line, line);
        self.browsing = match (wanted, self.browsing.take()) {
            (Some(wanted), Some((_, typed))) => Some((wanted, typed)),
            (Some(wanted), None) => Some((wanted, typed)),
            (None, _) => None,
        };
        self.cursor = self.line.len();
        self.redraw(before, out);
    }

    fn take(&mut self) -> Asked {
        let overflowed = self.overflowed;
        let line: String = self.line.iter().collect();
        self.clear();
        if overflowed {
            return Asked::TooLong;
        }
        if !line.trim().is_empty() && self.history.front() != Some(&line) {
            self.history.push_front(line.clone());
            self.history.truncate(HISTORY);
        }
        Asked::Line(line)
    }

    fn clear(&mut self) {
        self.line.clear();
        self.cursor = 0;
        self.overflowed = false;
        self.browsing = None;
        self.state.partial = Default::default();
        self.state.literal = false;
    }

    fn before_cursor(&self) -> String {
        self.line.iter().take(self.cursor).collect()
    }

    fn word_start(&self) -> usize {
        let before = self.line.get(..self.cursor).unwrap_or_default();
        let word = before.iter().rposition(|character| !character.is_whitespace()).map_or(0, |last| last + 1);
        let begin = before.get(..word).unwrap_or_default();
        begin.iter().rposition(|character| character.is_whitespace()).map_or(0, |blank| blank + 1)
    }

    /// How far from the begin of the prompt a place of the line is, on the terminal.
    fn at(&self, place: usize) -> usize {
        self.prompt.chars().count() + place
    }

    /// Prints the line anew, where the cursor stood at `before` when the terminal showed it last.
    fn redraw(&self, before: usize, out: &mut Vec<u8>) {
        out.push(b'\r');
        up(self.at(before) / self.columns, out);
        out.extend_from_slice(b"\x1b[J");
        self.draw(out);
    }

    fn back_from_end(&self, out: &mut Vec<u8>) {
        if self.cursor < self.line.len() {
            self.go(self.at(self.line.len()), self.at(self.cursor), out);
        }
    }

    /// Moves the terminal's cursor; on one row by what every terminal knows.
    fn go(&self, from: usize, to: usize, out: &mut Vec<u8>) {
        let (from_row, to_row) = (from / self.columns, to / self.columns);
        if from_row == to_row && to < from {
            out.extend(std::iter::repeat_n(8, from - to));
            return;
        }
        if from_row == to_row {
            out.extend_from_slice(format!("\x1b[{}C", to - from).as_bytes());
            return;
        }
        out.push(b'\r');
        up(from_row.saturating_sub(to_row), out);
        if to_row > from_row {
            out.extend_from_slice(format!("\x1b[{}B", to_row - from_row).as_bytes());
        }
        if !to.is_multiple_of(self.columns) {
            out.extend_from_slice(format!("\x1b[{}C", to % self.columns).as_bytes());
        }
    }
}

fn up(rows: usize, out: &mut Vec<u8>) {
    if rows > 0 {
        out.extend_from_slice(format!("\x1b[{rows}A").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked for, and what the terminal gets.
    fn typed(editor: &mut Editor, bytes: &[u8]) -> (Vec<Asked>, String) {
        let mut echo = Vec::new();
        let asked = bytes.iter().filter_map(|byte| editor.feed(*byte, &mut echo)).collect();
        (asked, String::from_utf8(echo).unwrap())
    }

    fn lines(bytes: &[u8]) -> Vec<String> {
        let (asked, _) = typed(&mut Editor::new("switch# ", 100), bytes);
        asked
            .into_iter()
            .map(|asked| if let Asked::Line(line) = asked { line } else { format!("{asked:?}") })
            .collect()
    }

    #[test]
    fn keys_edit_the_line_as_on_a_switch() {
        for (bytes, expected) in [
            (&b"show clock\r"[..], &["show clock"][..]),
            (b"a\nb\r\nc\r", &["a", "b", "c"]),
            (b"showx\x7f clock\r", &["show clock"]),
            (b"ab\x08\x08\x08c\r", &["c"]),
            (b"rubbish\x15show\r", &["show"]),
            (b"show clock\x17version\r", &["show version"]),
            (b"how\x01s\x05!\r", &["show!"]),
            (b"sho clock\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Dw\r", &["show clock"]),
            (b"xab\x1b[H\x1b[3~\r", &["ab"]),
            (b"xab\x01\x04\x0b\r", &[""]),
            (b"end\x1a", &["end\u{1a}"]),
            (b"half\x03next\r", &["Interrupt", "next"]),
            (b"one\rtwo\r\x1b[A\x1b[A\r\x10\r", &["one", "two", "one", "one"]),
            (b"one\rtw\x1b[A\x1b[Bo\r", &["one", "two"]),
            (b"url ?", &["Help(\"url \")"]),
            (b"a\x16?b\r", &["a?b"]),
            (b"sh\t", &["Complete(\"sh\")"]),
            (b"\x04", &["Close"]),
            (b"\x00\x07\x1b[99zok\r", &["ok"]),
            (b"\x1bxok\r", &["ok"]),
            (b"gr\xc3\xbc\xc3\x9f\r", &["gr\u{fc}\u{df}"]),
            (b"\xff\xfe\xc3(\xc3\r", &["\u{fffd}\u{fffd}\u{fffd}(\u{fffd}"]),
        ] {
            assert_eq!(lines(bytes), expected, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_is_typed_at_the_end_is_echoed_as_it_is_whatever_the_width() {
        let mut editor = Editor::new("switch# ", 1000);
        editor.set_columns(20);
        let line = "license smart url https://example.com/a/very/long/path";
        let (_, echo) = typed(&mut editor, format!("{line}\r").as_bytes());
        assert_eq!(echo, format!("{line}\r\n"));
    }

    #[test]
    fn a_line_that_is_too_long_is_refused_and_the_next_is_not() {
        let mut editor = Editor::new("", 8);
        let (asked, echo) = typed(&mut editor, b"123456789012345\rok\r");
        assert_eq!(asked, [Asked::TooLong, Asked::Line("ok".into())]);
        assert_eq!(echo, "12345678\r\nok\r\n");
        // What was cut off does not come back with a backspace.
        assert_eq!(typed(&mut editor, b"123456789\x7f\r").0, [Asked::TooLong]);
        assert_eq!(typed(&mut editor, b"123456789\x15ok\r").0, [Asked::Line("ok".into())]);
        assert_eq!(editor.history.len(), 1, "{editor:?}");
    }

    #[test]
    fn a_line_over_several_rows_is_drawn_anew_from_its_first_row() {
        let mut editor = Editor::new("sw# ", 100);
        editor.set_columns(10);
        typed(&mut editor, b"12345678901234");
        let (_, echo) = typed(&mut editor, b"\x7f");
        assert_eq!(echo, "\r\x1b[1A\x1b[Jsw# 1234567890123");
        let (_, echo) = typed(&mut editor, b"\x01");
        assert_eq!(echo, "\r\x1b[1A\x1b[4C");
    }

    #[test]
    fn without_a_terminal_only_line_ends_count() {
        let mut editor = Editor::new("", 100);
        let asked: Vec<_> = b"a?\tb\r\n\nhalf".iter().filter_map(|byte| editor.plain(*byte)).collect();
        assert_eq!(asked, [Asked::Line("a?\tb".into()), Asked::Line(String::new())]);
        assert_eq!(editor.rest(), Some(Asked::Line("half".into())));
        assert_eq!(editor.rest(), Some(Asked::Close));
    }
}

//! What is printed, page by page.

use std::borrow::Cow;
use std::io::{self, Write};

use anyhow::Result;
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode, is_raw_mode_enabled};
use slpsim_console::Terminal;
use slpsim_console::pager::{Key, Pager};

use crate::control::console::Reply;

/// Prints at once. A terminal in raw mode does not go back to the margin by itself.
pub(super) fn print(text: &str) -> Result<()> {
    let raw = is_raw_mode_enabled()?;
    let text = if raw { Cow::Owned(text.replace('\n', "\r\n")) } else { Cow::Borrowed(text) };
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints a reply, with `--More--` where it is longer than the terminal.
pub(super) fn show(reply: &Reply) -> Result<()> {
    let length = if reply.unpaged { 0 } else { reply.length };
    let terminal = Terminal { length, width: reply.width, ..Terminal::default() };
    let mut pager = Pager::new(reply.text.clone(), &terminal);
    let mut page = pager.first();
    print(&page.text)?;
    while page.more {
        let key = key()?;
        page = pager.press(key);
        print(&page.text)?;
    }
    Ok(())
}

/// Gives the terminal back as it was, where somebody else than its reader ends the process.
pub fn leave_raw() {
    // The terminal may have gone.
    let _ = disable_raw_mode();
}

/// Waits for a key of the pager.
fn key() -> Result<Key> {
    loop {
        let Event::Key(key) = read()? else { continue };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let found = if let KeyCode::Char(character) = key.code {
            match (control, character) {
                (true, 'c' | 'C') => Some(Key::Quit),
                (true, _) => None,
                (false, character) => Key::of(character),
            }
        } else {
            (key.code == KeyCode::Enter).then_some(Key::Line)
        };
        if let Some(key) = found {
            return Ok(key);
        }
    }
}

/// Raw mode, until dropped. It stays on between lines: what is typed ahead would else be taken by the terminal, which
/// makes other keys of Return, Ctrl-C, Ctrl-U and Ctrl-Z.
pub(super) struct Raw;

impl Raw {
    pub(super) fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self)
    }

    /// Once more, where somebody has left it.
    pub(super) fn again() -> io::Result<()> {
        enable_raw_mode()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}

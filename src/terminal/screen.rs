//! What is printed, page by page.

use std::io::{self, Write};

use anyhow::Result;
use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers, read};
use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use slpsim_console::Terminal;
use slpsim_console::pager::{Key, Pager};

use crate::control::console::Reply;

/// Prints at once.
pub(super) fn print(text: &str) -> Result<()> {
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

/// Waits for a key of the pager.
fn key() -> Result<Key> {
    let _raw = Raw::enter()?;
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

/// Keys come one by one and are not echoed, until dropped.
struct Raw;

impl Raw {
    fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        Ok(Self)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = disable_raw_mode();
    }
}

//! `slpsim console`: a person's terminal at a device's console.
//!
//! The device's session is at the other end of the control socket ([`crate::control::console`]); here are the keys, the
//! screen and the pages. What a line means is not known here.

mod editor;
mod hangup;
mod keys;
mod link;
mod prompt;
mod screen;
mod script;

use std::io;
use std::time::Duration;

use anyhow::{Context, Result};

pub use hangup::on_hangup;
pub use link::Link;
pub use script::script;

use crate::control::console::Typed;
use editor::{Editor, Event};
use screen::Raw;
pub use screen::leave_raw;

/// Begins a line that this program does itself. To a switch such a line is a comment, so that nothing is taken away.
const OWN: &str = "!advance";

/// Behind a line that ends configuration.
const CTRL_Z: char = '\u{1a}';

/// Moves the clock of the daemon; the text is what it shows then.
pub type Advance<'a> = &'a mut dyn FnMut(Duration) -> Result<String>;

/// Lets a person work at the console until one of them leaves.
///
/// # Errors
/// Where the terminal cannot be used, or the daemon ends.
pub fn interact(mut link: Link, advance: Advance<'_>) -> Result<()> {
    let first = link.reply()?;
    let _raw = Raw::enter().context("the terminal")?;
    let mut editor = Editor::new(&mut link);
    editor.prompt(&first.prompt);
    loop {
        match editor.read().context("the terminal")? {
            Event::Line(line) => {
                if let Some(span) = own(&line) {
                    screen::print(&moved(span, advance).0)?;
                    continue;
                }
                if line.ends_with(CTRL_Z) {
                    screen::print("\n")?;
                }
                link.send(Typed::Line(line))?;
                let reply = link.reply()?;
                screen::show(&reply)?;
                if reply.closed {
                    return Ok(());
                }
                editor.prompt(&reply.prompt);
            }
            Event::Help(before) => {
                link.send(Typed::Help(before))?;
                let reply = link.reply()?;
                screen::print(&(editor.shown() + "?\n"))?;
                screen::show(&reply)?;
            }
            Event::Complete(before) => {
                link.send(Typed::Complete(before))?;
                let (insert, words) = link.completion()?;
                if !insert.is_empty() {
                    editor.insert(insert);
                } else if words.len() > 1 {
                    screen::print(&format!("{}\n{}\n", editor.shown(), words.join("  ")))?;
                }
            }
            Event::Interrupted => screen::print("^C\n")?,
            Event::End => return Ok(()),
        }
    }
}

/// The span of `!advance SPAN`.
fn own(line: &str) -> Option<&str> {
    let rest = line.trim().strip_prefix(OWN)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then(|| rest.trim())
}

/// What is printed, and whether it is an error.
fn moved(span: &str, advance: Advance<'_>) -> (String, bool) {
    let outcome = match slpsim_config::parse_span(span) {
        Ok(span) => advance(span).map_err(|error| format!("{error:#}")),
        Err(error) => Err(format!("{OWN} takes a span of time, such as 4h or 30d6h15m: {error}")),
    };
    match outcome {
        Ok(now) => (format!("! {now}\n"), false),
        Err(why) => (format!("! {why}\n"), true),
    }
}

/// Whether a person sits at both ends of this process.
#[must_use]
pub fn is_interactive() -> bool {
    use io::IsTerminal;
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Lines and columns of the terminal; 24 and 80 where it does not say.
#[must_use]
pub fn size() -> (u16, u16) {
    match crossterm::terminal::size() {
        Ok((columns, lines)) if columns > 0 && lines > 0 => (lines, columns),
        Ok(_) | Err(_) => (24, 80),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_this_program_are_comments_to_a_switch_and_others_are_the_switch_s() {
        assert_eq!(own("!advance 30d"), Some("30d"));
        assert_eq!(own("  !advance   4h "), Some("4h"));
        assert_eq!(own("!advance"), Some(""));
        for line in ["! a comment", "!advanced", "show clock"] {
            assert_eq!(own(line), None, "{line}");
        }
    }

    #[test]
    fn a_span_that_is_none_is_said_and_the_clock_stays() {
        let mut moves = Vec::new();
        let mut advance = |span| {
            moves.push(span);
            Ok("2026-01-02T00:00:00Z".to_owned())
        };
        assert_eq!(moved("1d", &mut advance), ("! 2026-01-02T00:00:00Z\n".into(), false));
        let (said, wrong) = moved("soon", &mut advance);
        assert!(said.starts_with("! !advance takes a span") && wrong, "{said}");
        assert_eq!(moves, [Duration::from_secs(86_400)]);
    }
}

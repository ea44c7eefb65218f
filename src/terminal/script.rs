//! A console without a person: the lines of a file or a pipe.

use std::io::BufRead;

use anyhow::{Context, Result};

use super::{Advance, Link, moved, own};
use crate::control::console::Typed;

/// Runs the lines of `input` one by one and prints what is answered; whether one was answered with an error. Ends with
/// the input, or with the session.
///
/// # Errors
/// Where the input cannot be read or the output written, or the daemon ends.
pub fn script(
    mut link: Link,
    input: impl BufRead,
    advance: Advance<'_>,
    mut print: impl FnMut(&str) -> Result<()>,
) -> Result<bool> {
    link.reply()?;
    // Nobody listens to the log here.
    drop(link.log());
    let mut error = false;
    for line in input.split(b'\n') {
        let line = line.context("standard input")?;
        let line = String::from_utf8_lossy(&line).into_owned();
        if let Some(span) = own(&line) {
            let (text, wrong) = moved(span, advance);
            print(&text)?;
            error |= wrong;
            continue;
        }
        link.send(Typed::Line(line))?;
        let reply = link.reply()?;
        print(&reply.text)?;
        error |= reply.error;
        if reply.closed {
            break;
        }
    }
    Ok(error)
}

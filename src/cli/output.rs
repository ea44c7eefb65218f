//! Results on standard output.

use std::io::{self, Write};

use anyhow::{Context, Result};

/// Writes a result. A reader that has gone (`slpsim … | head`) is no error.
///
/// # Errors
/// Where standard output cannot be written otherwise.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("standard output"),
        Ok(()) | Err(_) => Ok(()),
    }
}

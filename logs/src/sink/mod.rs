//! Where lines go. These implementations block; a [`crate::Queue`] runs one on a thread of its own.

mod file;
mod udp;
#[cfg(feature = "unix-syslog")]
mod unix;

use std::io::{self, Write};
use std::path::PathBuf;

pub use file::FileSink;
pub use udp::UdpSink;
#[cfg(feature = "unix-syslog")]
pub use unix::UnixSink;

/// Takes formatted lines, one by one, without a newline at their end.
pub trait Sink: Send {
    /// Takes a line.
    ///
    /// # Errors
    /// Where the line is lost.
    fn write(&mut self, line: &[u8]) -> io::Result<()>;

    /// Hands on what is buffered.
    ///
    /// # Errors
    /// Where buffered lines are lost.
    fn flush(&mut self) -> io::Result<()>;

    /// Opens its file again, after log rotation (SIGHUP). Sinks without a file have nothing to do.
    ///
    /// # Errors
    /// Where the file cannot be opened; the old one is used on.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Lines that were taken, but lost on the way as far as the sink can tell.
    fn lost(&self) -> u64 {
        0
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        (**self).write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        (**self).flush()
    }

    fn reopen(&mut self) -> io::Result<()> {
        (**self).reopen()
    }

    fn lost(&self) -> u64 {
        (**self).lost()
    }
}

/// Why a sink cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or socket.
    #[error("cannot open {}: {source}", path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The receiver's name or the socket.
    #[error("cannot send to {receiver}: {source}")]
    Receiver {
        /// Whom.
        receiver: String,
        /// Why.
        source: io::Error,
    },
    /// Neither this machine nor allowed.
    #[error("{receiver} is not on this machine: log lines leave it only with --allow-external")]
    External {
        /// Whom.
        receiver: String,
    },
}

/// Standard output, one line after the other. What is written together is flushed together.
#[derive(Debug)]
pub struct StdoutSink(io::BufWriter<io::Stdout>);

impl StdoutSink {
    /// This process's standard output.
    #[must_use]
    pub fn new() -> Self {
        Self(io::BufWriter::new(io::stdout()))
    }
}

impl Default for StdoutSink {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink for StdoutSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.0.write_all(line)?;
        self.0.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Throws lines away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn write(&mut self, _line: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Where lines go. These implementations block; a [`crate::Queue`] runs one on a thread of its own.

mod file;
mod rotate;
mod socket;
mod stdout;
mod stream;
mod tcp;
mod tls;
mod udp;
#[cfg(feature = "unix-syslog")]
mod unix;
mod unix_stream;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

pub use file::FileSink;
pub use rotate::Rotation;
pub use stdout::StdoutSink;
pub use stream::StreamSink;
pub use tcp::TcpSink;
pub(crate) use tls::certificates;
pub use tls::{ClientCertificate, TlsSink, TlsTrust};
pub use udp::UdpSink;
#[cfg(feature = "unix-syslog")]
pub use unix::UnixSink;
pub use unix_stream::UnixStreamSink;

use crate::batch::Batch;
use crate::framing::Framing;
use crate::stop::Stop;
use crate::url::Receiver;

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

    /// How the lines of a batch are to be framed; `None` where each is a datagram of its own.
    fn framing(&self) -> Option<Framing> {
        None
    }

    /// Takes many lines, which are best framed as [`Sink::framing`] says.
    fn write_batch(&mut self, batch: &Batch) -> Taken {
        let mut taken = Taken::default();
        for line in batch.iter() {
            match self.write(line) {
                Ok(()) => taken.line(line),
                Err(error) => taken.error = Some(error),
            }
        }
        taken
    }

    /// Ends with everything handed on, and waits until the receiver has it where that can be known.
    ///
    /// # Errors
    /// Where buffered lines are lost.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }

    /// What ends the waiting of this sink, where it ever waits.
    fn stop(&self) -> Option<Stop> {
        None
    }
}

/// How much of a batch was taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// Lines; the others of the batch are lost.
    pub lines: u64,
    /// Bytes of these, without frames.
    pub bytes: u64,
    /// Why the others are lost.
    pub error: Option<io::Error>,
}

impl Taken {
    /// All of it.
    #[must_use]
    pub fn all(batch: &Batch) -> Self {
        Self::first(batch, batch.len(), None)
    }

    /// The first `lines` of it.
    #[must_use]
    pub fn first(batch: &Batch, lines: usize, error: Option<io::Error>) -> Self {
        Self { lines: u64::try_from(lines).unwrap_or(u64::MAX), bytes: batch.payload_of(lines), error }
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        self.bytes += u64::try_from(line.len()).unwrap_or(0);
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

    fn framing(&self) -> Option<Framing> {
        (**self).framing()
    }

    fn write_batch(&mut self, batch: &Batch) -> Taken {
        (**self).write_batch(batch)
    }

    fn finish(&mut self) -> io::Result<()> {
        (**self).finish()
    }

    fn stop(&self) -> Option<Stop> {
        (**self).stop()
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
    /// Keys or certificates of a TLS connection.
    #[error("{}: {reason}", path.display())]
    Tls {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Neither this machine nor allowed.
    #[error("{receiver} is not on this machine: log lines leave it only with --allow-external")]
    External {
        /// Whom.
        receiver: String,
    },
}

impl OpenError {
    /// The same, with what the file of a TLS connection is for.
    fn advise(mut self, purpose: &str) -> Self {
        if let Self::Tls { reason, .. } = &mut self {
            reason.push_str("; ");
            reason.push_str(purpose);
        }
        self
    }
}

/// A receiver's addresses; whoever is not on this machine must be allowed, and so must any name but `localhost`: another
/// name would be asked of a name server, and that question leaves the machine already.
fn resolve(receiver: &Receiver, allow_external: bool) -> Result<Vec<SocketAddr>, OpenError> {
    let failed = |source| OpenError::Receiver { receiver: receiver.to_string(), source };
    let external = || OpenError::External { receiver: receiver.to_string() };
    let host = receiver.host.as_str();
    let is_here = host
        .parse::<IpAddr>()
        .map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback());
    if !allow_external && !is_here {
        return Err(external());
    }
    let addresses: Vec<_> = (host, receiver.port).to_socket_addrs().map_err(failed)?.collect();
    if addresses.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address")));
    }
    if !allow_external && addresses.iter().any(|address| !address.ip().is_loopback()) {
        return Err(external());
    }
    Ok(addresses)
}

/// Throws lines away.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullSink;

impl Sink for NullSink {
    fn write(&mut self, _line: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn write_batch(&mut self, batch: &Batch) -> Taken {
        Taken::all(batch)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

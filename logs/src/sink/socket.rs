//! A stream socket of the system as a link: TCP and Unix alike.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv};

use super::stream::{Link, is_pause};

/// How long a write may take before the sink looks whether its end has come.
pub(super) const TICK: Duration = Duration::from_millis(200);
/// Shortest limit that a socket takes.
const SHORTEST: Duration = Duration::from_millis(1);

/// What both kinds of stream sockets have, and the standard library has no trait for.
pub(super) trait Socket: Read + Write + AsFd + Send {
    /// Says that nothing follows.
    fn end_writing(&self) -> io::Result<()>;

    /// Reads wait no longer than that.
    fn limit_reads(&self, limit: Duration) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn limit_reads(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))
    }
}

impl Socket for UnixStream {
    fn end_writing(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn limit_reads(&self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit))
    }
}

impl<S: Socket> Link for S {
    /// What the receiver says is thrown away: no syslog receiver talks.
    fn check(&mut self) -> io::Result<()> {
        let mut heard = [0; 256];
        loop {
            match recv(self.as_fd().as_raw_fd(), &mut heard, MsgFlags::MSG_DONTWAIT) {
                Ok(0) => {
                    return Err(io::Error::new(io::ErrorKind::ConnectionReset, "closed by the receiver"));
                }
                Ok(_) => {}
                Err(nix::errno::Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn close(&mut self, until: Instant) -> io::Result<()> {
        self.end_writing()?;
        await_end(until, |left| {
            self.limit_reads(left)?;
            self.read(&mut [0; 1024])
        })
    }
}

/// Reads until the other side closes: then it has read everything.
pub(super) fn await_end(
    until: Instant,
    mut read: impl FnMut(Duration) -> io::Result<usize>,
) -> io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left < SHORTEST {
            return Ok(());
        }
        match read(left) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if is_pause(&error) || error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

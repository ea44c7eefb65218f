//! A local receiver that listens on a Unix stream socket. Lines end in a newline.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};

use super::OpenError;
use super::socket::TICK;
use super::stream::{Dial, StreamSink};
use crate::framing::Framing;

/// Sends lines to a Unix stream socket.
pub type UnixStreamSink = StreamSink<UnixDial>;

/// Connects to one socket.
#[derive(Clone, Debug)]
pub struct UnixDial(PathBuf);

impl UnixStreamSink {
    /// Connects to the stream socket at `path`.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub fn connect(path: &Path, framing: Framing) -> Result<Self, OpenError> {
        Self::open(UnixDial(path.into()), framing)
    }
}

impl Dial for UnixDial {
    type Link = UnixStream;

    fn dial(&self, within: Duration) -> io::Result<UnixStream> {
        let (kind, flags) = (SockType::Stream, SockFlag::SOCK_CLOEXEC);
        let socket = socket(AddressFamily::Unix, kind, flags, None)?;
        // A receiver that accepts nobody has a full queue; unix(7): the send timeout holds for connect(2), too.
        let limit = TimeVal::microseconds(i64::try_from(within.as_micros()).unwrap_or(i64::MAX).max(1));
        setsockopt(&socket, SendTimeout, &limit)?;
        connect(socket.as_raw_fd(), &UnixAddr::new(&self.0)?).map_err(|error| {
            if error == Errno::EAGAIN {
                io::Error::new(io::ErrorKind::TimedOut, "the receiver accepts no connection")
            } else {
                error.into()
            }
        })?;
        let stream = UnixStream::from(socket);
        stream.set_write_timeout(Some(TICK))?;
        Ok(stream)
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{Backlog, bind, listen};

    #[test]
    fn a_receiver_that_accepts_nobody_is_told_within_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let listener = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        bind(listener.as_raw_fd(), &UnixAddr::new(&path).unwrap()).unwrap();
        listen(&listener, Backlog::new(0).unwrap()).unwrap();
        let dial = UnixDial(path);
        let mut connected = Vec::new();
        let refused = loop {
            match dial.dial(Duration::from_millis(1)) {
                Ok(stream) => connected.push(stream),
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), io::ErrorKind::TimedOut);
        assert!(connected.len() < 4, "{}", connected.len());
    }
}

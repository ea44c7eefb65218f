//! Syslog over TCP (RFC 6587).

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv};

use super::stream::{Dial, Link, StreamSink, is_pause};
use super::{OpenError, resolve};
use crate::framing::Framing;
use crate::url::Receiver;

/// How long a write may take before the sink looks whether its end has come.
const TICK: Duration = Duration::from_millis(200);
/// Shortest limit that a socket takes.
const SHORTEST: Duration = Duration::from_millis(1);

/// Sends lines over TCP.
pub type TcpSink = StreamSink<TcpDial>;

/// Connects to one receiver.
#[derive(Clone, Debug)]
pub struct TcpDial {
    name: String,
    addresses: Vec<SocketAddr>,
}

impl TcpSink {
    /// Connects to the receiver. Whoever is not on this machine must be allowed, and so must any name but `localhost`.
    ///
    /// # Errors
    /// Where the name does not resolve, nobody listens, or the receiver is neither loopback nor allowed.
    pub fn connect(receiver: &Receiver, framing: Framing, allow_external: bool) -> Result<Self, OpenError> {
        Self::open(TcpDial::to(receiver, allow_external)?, framing)
    }
}

impl TcpDial {
    pub(super) fn to(receiver: &Receiver, allow_external: bool) -> Result<Self, OpenError> {
        Ok(Self { name: receiver.to_string(), addresses: resolve(receiver, allow_external)? })
    }

    pub(super) fn connect(&self, within: Duration) -> io::Result<TcpStream> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in &self.addresses {
            match TcpStream::connect_timeout(address, within) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_write_timeout(Some(TICK))?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Dial for TcpDial {
    type Link = TcpStream;

    fn dial(&self, within: Duration) -> io::Result<TcpStream> {
        self.connect(within)
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

impl Link for TcpStream {
    fn check(&mut self) -> io::Result<()> {
        is_open(self)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn close(&mut self, until: Instant) -> io::Result<()> {
        self.shutdown(Shutdown::Write)?;
        await_end(until, |left| {
            self.set_read_timeout(Some(left))?;
            self.read(&mut [0; 1024])
        })
    }
}

/// Whether the other side still has the connection open. What it says is thrown away: no syslog receiver talks.
pub(super) fn is_open(socket: &impl AsFd) -> io::Result<()> {
    let mut heard = [0; 256];
    loop {
        match recv(socket.as_fd().as_raw_fd(), &mut heard, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => return Err(io::Error::new(io::ErrorKind::ConnectionReset, "closed by the receiver")),
            Ok(_) => {}
            Err(nix::errno::Errno::EAGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
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

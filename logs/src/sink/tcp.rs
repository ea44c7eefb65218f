//! Syslog over TCP (RFC 6587).

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::socket::TICK;
use super::stream::{Dial, StreamSink};
use super::{OpenError, resolve};
use crate::framing::Framing;
use crate::url::Receiver;

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

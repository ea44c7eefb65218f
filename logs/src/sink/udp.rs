//! One datagram by line, without a newline (RFC 5426 §3.1).

use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, sendmsg};

use super::{OpenError, Sink, Taken, resolve};
use crate::batch::Batch;
use crate::url::Receiver;

/// Sends datagrams to one receiver.
#[derive(Debug)]
pub struct UdpSink {
    socket: UdpSocket,
    /// Datagrams whose source is chosen go unconnected: their source decides the way that they take.
    to: Option<SockaddrIn>,
    lost: u64,
}

impl UdpSink {
    /// Resolves the receiver and opens a socket towards it. Whoever is not on this machine must be allowed, and so must
    /// any name but `localhost`.
    ///
    /// # Errors
    /// Where the name does not resolve, the socket cannot be opened, or the receiver is neither loopback nor allowed.
    pub fn connect(receiver: &Receiver, allow_external: bool) -> Result<Self, OpenError> {
        let addresses = resolve(receiver, allow_external)?;
        Self::to_first(receiver, addresses.into_iter().next())
    }

    /// As [`UdpSink::connect`], for datagrams that carry source addresses of IPv4: of several addresses of the receiver, one
    /// of IPv4 counts.
    ///
    /// # Errors
    /// As there; also where the receiver has no such address.
    pub fn connect_from(receiver: &Receiver, allow_external: bool) -> Result<Self, OpenError> {
        let addresses = resolve(receiver, allow_external)?;
        let address = addresses.into_iter().find(SocketAddr::is_ipv4).ok_or_else(|| {
            let reason = "source-net= gives addresses of IPv4, and the receiver has none of these";
            OpenError::Receiver { receiver: receiver.to_string(), source: io::Error::other(reason) }
        })?;
        Self::to_first(receiver, Some(address))
    }

    fn to_first(receiver: &Receiver, address: Option<SocketAddr>) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Receiver { receiver: receiver.to_string(), source };
        let address = address.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).map_err(failed)?;
        socket.connect(address).map_err(failed)?;
        let to = match address {
            SocketAddr::V4(address) => Some(address.into()),
            SocketAddr::V6(_) => None,
        };
        Ok(Self { socket, to, lost: 0 })
    }

    #[inline]
    fn send(&mut self, line: &[u8], source: Option<Ipv4Addr>) -> io::Result<()> {
        match self.send_once(line, source) {
            // The answer to an earlier datagram: nobody listens. That one is lost; this one is sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.lost += 1;
                self.send_once(line, source)
            }
            sent => sent,
        }
    }

    #[inline]
    fn send_once(&self, line: &[u8], source: Option<Ipv4Addr>) -> io::Result<()> {
        match (source, &self.to) {
            (Some(source), Some(to)) => {
                let info = info_from(source);
                let message = [ControlMessage::Ipv4PacketInfo(&info)];
                let line = [IoSlice::new(line)];
                sendmsg(self.socket.as_raw_fd(), &line, &message, MsgFlags::empty(), Some(to))?;
                Ok(())
            }
            (Some(_) | None, _) => self.socket.send(line).map(drop),
        }
    }
}

/// `IP_PKTINFO`: where the datagram comes from, on whichever interface leads to its receiver.
fn info_from(source: Ipv4Addr) -> libc::in_pktinfo {
    let address = |address: Ipv4Addr| libc::in_addr { s_addr: u32::from_ne_bytes(address.octets()) };
    libc::in_pktinfo {
        ipi_ifindex: 0,
        ipi_spec_dst: address(source),
        ipi_addr: address(Ipv4Addr::UNSPECIFIED),
    }
}

impl Sink for UdpSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.send(line, None)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn write_batch(&mut self, batch: &Batch) -> Taken {
        let mut taken = Taken::default();
        for (at, line) in (0..).zip(batch.iter()) {
            match self.send(line, batch.source(at)) {
                Ok(()) => taken.line(line),
                Err(error) => taken.error = Some(error),
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(host: &str, port: u16) -> Receiver {
        Receiver { host: host.into(), port }
    }

    #[test]
    fn a_line_is_a_datagram_without_newline() {
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut sink = UdpSink::connect(&receiver("127.0.0.1", port), false).unwrap();
        for line in [&b"<187>: one"[..], b"<187>: two"] {
            sink.write(line).unwrap();
            let mut datagram = [0; 64];
            let size = listener.recv(&mut datagram).unwrap();
            assert_eq!(&datagram[..size], line);
        }
        assert_eq!(sink.lost(), 0);
    }

    #[test]
    fn lines_that_nobody_takes_are_counted() {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut sink = UdpSink::connect(&receiver("127.0.0.1", port), false).unwrap();
        sink.write(b"lost").unwrap();
        sink.write(b"lost as well").unwrap();
        assert!(sink.lost() >= 1, "{}", sink.lost());
    }

    #[test]
    fn each_device_has_its_own_source_address() {
        let listener = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut sink = UdpSink::connect_from(&receiver("localhost", port), false).unwrap();
        let mut batch = Batch::new(sink.framing());
        let addresses = [Ipv4Addr::new(127, 1, 0, 1), Ipv4Addr::new(127, 1, 255, 254)];
        for address in addresses {
            batch.push_from(address.to_string().as_bytes(), Some(address));
        }
        batch.push(b"127.0.0.1");
        assert_eq!(sink.write_batch(&batch).lines, 3);
        for _ in 0..3 {
            let mut datagram = [0; 64];
            let (size, from) = listener.recv_from(&mut datagram).unwrap();
            assert_eq!(from.ip().to_string().as_bytes(), &datagram[..size]);
        }
    }

    #[test]
    fn source_addresses_of_ipv4_need_a_receiver_of_ipv4() {
        let error = UdpSink::connect_from(&receiver("::1", 514), false).unwrap_err().to_string();
        assert!(error.contains("cannot send to [::1]:514: source-net= gives addresses of IPv4"), "{error}");
    }

    #[test]
    fn a_receiver_outside_this_machine_must_be_allowed() {
        for (host, shown) in [("192.0.2.1", "192.0.2.1:514"), ("logs.example.com", "logs.example.com:514")] {
            let error = UdpSink::connect(&receiver(host, 514), false).unwrap_err();
            assert!(error.to_string().contains(&format!("{shown} is not on this machine")), "{error}");
        }
        UdpSink::connect(&receiver("LocalHost", 514), false).unwrap();
    }
}

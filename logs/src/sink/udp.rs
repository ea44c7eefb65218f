//! One datagram by line, without a newline (RFC 5426 §3.1).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};

use super::{OpenError, Sink};
use crate::url::Receiver;

/// Sends datagrams to one receiver.
#[derive(Debug)]
pub struct UdpSink {
    socket: UdpSocket,
    lost: u64,
}

impl UdpSink {
    /// Resolves the receiver and opens a socket towards it. Whoever is not on this machine must be allowed, and so must
    /// any name but `localhost`.
    ///
    /// # Errors
    /// Where the name does not resolve, the socket cannot be opened, or the receiver is neither loopback nor allowed.
    pub fn connect(receiver: &Receiver, allow_external: bool) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Receiver { receiver: receiver.to_string(), source };
        if !allow_external && !is_of_this_machine(&receiver.host) {
            return Err(OpenError::External { receiver: receiver.to_string() });
        }
        let mut addresses = (receiver.host.as_str(), receiver.port).to_socket_addrs().map_err(failed)?;
        let none = || failed(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        let address = addresses.next().ok_or_else(none)?;
        if !address.ip().is_loopback() && !allow_external {
            return Err(OpenError::External { receiver: receiver.to_string() });
        }
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).map_err(failed)?;
        socket.connect(address).map_err(failed)?;
        Ok(Self { socket, lost: 0 })
    }
}

/// Any other name would be asked of a name server, and that question leaves the machine already.
fn is_of_this_machine(host: &str) -> bool {
    host.parse::<IpAddr>()
        .map_or_else(|_| host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

impl Sink for UdpSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self.socket.send(line) {
            Ok(_) => Ok(()),
            // The answer to an earlier datagram: nobody listens. That one is lost; this one is sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                self.lost += 1;
                self.socket.send(line).map(drop)
            }
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn lost(&self) -> u64 {
        self.lost
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
    fn a_receiver_outside_this_machine_must_be_allowed() {
        for (host, shown) in [("192.0.2.1", "192.0.2.1:514"), ("logs.example.com", "logs.example.com:514")] {
            let error = UdpSink::connect(&receiver(host, 514), false).unwrap_err();
            assert!(error.to_string().contains(&format!("{shown} is not on this machine")), "{error}");
        }
        UdpSink::connect(&receiver("LocalHost", 514), false).unwrap();
    }
}

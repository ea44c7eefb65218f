//! `slpsim receive --listen URL`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::framing::Framing;
use crate::sink::ClientCertificate;
use crate::url::{decoded, encoded, parameters};

/// Where lines are waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// `udp://address:port`
    Udp(SocketAddr),
    /// `tcp://address:port?framing=newline|octet`; by default each connection by what it looks like.
    Tcp(SocketAddr, Option<Framing>),
    /// `tls://address:port?cert=FILE&key=FILE&ca=FILE`
    Tls(TlsListen),
    /// `unix:///path`: datagrams, as `/dev/log`.
    Unix(PathBuf),
    /// `unix-stream:///path`
    UnixStream(PathBuf),
}

/// A TLS listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsListen {
    /// Where; port 0 is any that is free.
    pub address: SocketAddr,
    /// How lines are told apart; by default by octet counting (RFC 5425 §4.3).
    pub framing: Option<Framing>,
    /// Certificate and key; without them a certificate is made.
    pub identity: Option<ClientCertificate>,
    /// Roots of the certificates that senders must show; without it they need none.
    pub ca: Option<PathBuf>,
}

/// Why a text is no listener.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no listener: {reason}")]
pub struct ListenError {
    text: String,
    reason: String,
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(text: &str) -> Result<Self, ListenError> {
        let bad = |reason: String| ListenError { text: text.into(), reason };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| {
            bad("write udp://127.0.0.1:5514, tcp://…, tls://…, unix:///path or unix-stream:///path".into())
        })?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut given = Given::default();
        for (name, value) in parameters(query) {
            let value = decoded(value).map_err(|error| bad(error.to_string()))?;
            given.take(scheme, name, value).map_err(bad)?;
        }
        let path = || -> Result<PathBuf, ListenError> {
            let path = PathBuf::from(decoded(place).map_err(|error| bad(error.to_string()))?);
            if path.is_absolute() { Ok(path) } else { Err(bad("it needs an absolute path".into())) }
        };
        let address = || address(place).map_err(bad);
        match scheme {
            "udp" => Ok(Self::Udp(address()?)),
            "tcp" => Ok(Self::Tcp(address()?, given.framing)),
            "tls" => {
                let identity = match (given.cert, given.key) {
                    (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
                    (None, None) => None,
                    (Some(_), None) | (None, Some(_)) => {
                        return Err(bad("give cert=FILE and key=FILE together".into()));
                    }
                };
                let Given { framing, ca, .. } = given;
                Ok(Self::Tls(TlsListen { address: address()?, framing, identity, ca }))
            }
            "unix" => path().map(Self::Unix),
            "unix-stream" => path().map(Self::UnixStream),
            other => Err(bad(format!("{other}:// cannot be listened at"))),
        }
    }
}

#[derive(Default)]
struct Given {
    framing: Option<Framing>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    ca: Option<PathBuf>,
}

impl Given {
    fn take(&mut self, scheme: &str, name: &str, value: String) -> Result<(), String> {
        match (scheme, name) {
            ("tcp" | "tls", "framing") => {
                let framing = Framing::by_word(&value);
                self.framing = Some(framing.ok_or("framing is newline or octet")?);
            }
            ("tls", "cert") => self.cert = Some(value.into()),
            ("tls", "key") => self.key = Some(value.into()),
            ("tls", "ca") => self.ca = Some(value.into()),
            _ => return Err(format!("{scheme}:// has no parameter {name:?}")),
        }
        Ok(())
    }
}

/// An address and a port; a port alone is one of loopback.
fn address(place: &str) -> Result<SocketAddr, String> {
    let named = place.strip_prefix("localhost:").or_else(|| place.strip_prefix(':'));
    let parsed = match named.map(str::parse) {
        Some(port) => port.ok().map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        None => place.parse().ok(),
    };
    parsed.ok_or_else(|| format!("{place:?} is no address with a port, such as 127.0.0.1:5514"))
}

impl Listen {
    /// The address in the network, where it has one.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Udp(address) | Self::Tcp(address, _) => Some(*address),
            Self::Tls(tls) => Some(tls.address),
            Self::Unix(_) | Self::UnixStream(_) => None,
        }
    }

    /// The same listener at the address that it got.
    #[must_use]
    pub fn at(&self, address: SocketAddr) -> Self {
        match self {
            Self::Udp(_) => Self::Udp(address),
            Self::Tcp(_, framing) => Self::Tcp(address, *framing),
            Self::Tls(tls) => Self::Tls(TlsListen { address, ..tls.clone() }),
            Self::Unix(_) | Self::UnixStream(_) => self.clone(),
        }
    }
}

impl Listen {
    /// As a sender writes it: `--sink` of that URL reaches this listener.
    #[must_use]
    pub fn for_sender(&self) -> String {
        match self {
            Self::Udp(_) | Self::Tcp(..) | Self::Tls(_) => self.to_string(),
            // A sink finds out by itself which kind of socket it is.
            Self::Unix(path) | Self::UnixStream(path) => {
                format!("unix://{}", encoded(&path.to_string_lossy()))
            }
        }
    }
}

impl fmt::Display for Listen {
    /// As `--listen` has it, without settings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::Tcp(address, _) => write!(f, "tcp://{address}"),
            Self::Tls(tls) => write!(f, "tls://{}", tls.address),
            Self::Unix(path) => write!(f, "unix://{}", encoded(&path.to_string_lossy())),
            Self::UnixStream(path) => write!(f, "unix-stream://{}", encoded(&path.to_string_lossy())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_read_and_shown_and_as_a_sender_writes_them() {
        for (text, shown, for_sender) in [
            ("udp://127.0.0.1:0", "udp://127.0.0.1:0", "udp://127.0.0.1:0"),
            ("tcp://localhost:5514?framing=octet", "tcp://127.0.0.1:5514", "tcp://127.0.0.1:5514"),
            ("tls://:6514?cert=a.pem&key=b.pem&ca=c.pem", "tls://127.0.0.1:6514", "tls://127.0.0.1:6514"),
            ("unix:///tmp/log", "unix:///tmp/log", "unix:///tmp/log"),
            ("unix-stream:///tmp/a%20log", "unix-stream:///tmp/a%20log", "unix:///tmp/a%20log"),
        ] {
            let listen = text.parse::<Listen>().unwrap();
            assert_eq!((listen.to_string().as_str(), listen.for_sender().as_str()), (shown, for_sender));
        }
    }

    #[test]
    fn what_cannot_be_listened_at_is_refused_with_a_reason() {
        for (text, expected) in [
            ("127.0.0.1:514", "write udp://127.0.0.1:5514"),
            ("file:///tmp/x", "file:// cannot be listened at"),
            ("udp://host.example:1", "is no address with a port"),
            ("udp://127.0.0.1", "is no address with a port"),
            ("udp://127.0.0.1:1?cert=x", "has no parameter \"cert\""),
            ("tls://127.0.0.1:1?cert=x", "together"),
            ("tcp://127.0.0.1:1?framing=x", "newline or octet"),
            ("unix://x", "absolute path"),
        ] {
            let error = text.parse::<Listen>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

//! `--sink URL` (`interface.md` §3), read into what it means.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::sink::ClientCertificate;

/// Port of syslog over UDP (RFC 5426 §3.3).
const UDP_PORT: u16 = 514;
/// Port of syslog over TLS (RFC 5425 §4.1).
const TLS_PORT: u16 = 6514;
/// No URL of ours is longer, in bytes.
const URL_MAX: usize = 4096;
const SCHEMES: [&str; 7] = ["stdout", "file", "udp", "tcp", "tls", "unix", "null"];

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SinkUrl {
    /// `stdout:`
    Stdout,
    /// `file:///path`: appended to.
    File(PathBuf),
    /// `udp://host:port`
    Udp(Receiver),
    /// `tcp://host:port`
    Tcp(Receiver),
    /// `tls://host:port?ca=FILE&sni=NAME&cert=FILE&key=FILE`
    Tls {
        /// Whom to connect to.
        receiver: Receiver,
        /// Root certificates that the receiver's must lead to.
        ca: Option<PathBuf>,
        /// The name that the certificate must have, where it is not the host.
        sni: Option<String>,
        /// What is shown to a receiver that asks for a certificate.
        client: Option<ClientCertificate>,
    },
    /// `unix:///dev/log`
    Unix(PathBuf),
    /// `null:`: lines are counted and thrown away.
    Null,
}

/// A receiver in the network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receiver {
    /// Name or address, without the brackets of an IPv6 address.
    pub host: String,
    /// Port.
    pub port: u16,
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is no sink. Each says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkUrlError {
    /// Nothing before a colon.
    #[error("{0:?} is no sink URL: begin with one of stdout: file:// udp:// tcp:// tls:// unix:// null:")]
    NoScheme(String),
    /// A scheme that there is not.
    #[error("unknown scheme {0:?} of a sink URL: use stdout: file:// udp:// tcp:// tls:// unix:// null:")]
    Scheme(String),
    /// Something behind `stdout:` or `null:`.
    #[error("{scheme}: takes nothing behind the colon, but has {rest:?}")]
    Rest {
        /// Which.
        scheme: &'static str,
        /// What is too much.
        rest: String,
    },
    /// Not an absolute path.
    #[error("{0}: needs an absolute path behind two slashes, such as {0}:///path")]
    Path(&'static str),
    /// No host.
    #[error("{0}:// needs a host and a port, such as {0}://127.0.0.1:5514")]
    Host(&'static str),
    /// No port where there is no usual one, or no number.
    #[error("{scheme}:// needs a port between 1 and 65535, but has {port:?}")]
    Port {
        /// Which scheme.
        scheme: &'static str,
        /// What stands there.
        port: String,
    },
    /// Something behind host and port.
    #[error("{scheme}:// takes no path, but has {rest:?}")]
    Trailing {
        /// Which scheme.
        scheme: &'static str,
        /// What is too much.
        rest: String,
    },
    /// A parameter that the scheme does not have.
    #[error("{scheme}: has no parameter {name:?}; behind its ? may stand {}", parameters_of(scheme))]
    Parameter {
        /// Which scheme.
        scheme: &'static str,
        /// Which parameter.
        name: String,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("tls:// needs cert=FILE and key=FILE together")]
    HalfPair,
    /// `%` without two hexadecimal digits, or not UTF-8 when decoded.
    #[error("bad percent-encoding in {0:?}: write % as %25")]
    Encoding(String),
    /// Longer than anything sensible.
    #[error("a sink URL has at most {URL_MAX} bytes")]
    TooLong,
}

impl FromStr for SinkUrl {
    type Err = SinkUrlError;

    fn from_str(text: &str) -> Result<Self, SinkUrlError> {
        if text.len() > URL_MAX {
            return Err(SinkUrlError::TooLong);
        }
        let (word, rest) = text.split_once(':').ok_or_else(|| SinkUrlError::NoScheme(text.into()))?;
        let known = SCHEMES.into_iter().find(|scheme| word.eq_ignore_ascii_case(scheme));
        let scheme = known.ok_or_else(|| SinkUrlError::Scheme(word.into()))?;
        match scheme {
            "stdout" => bare(scheme, rest, Self::Stdout),
            "null" => bare(scheme, rest, Self::Null),
            "file" => path(scheme, rest).map(Self::File),
            "unix" => path(scheme, rest).map(Self::Unix),
            "udp" => plain(scheme, rest, Some(UDP_PORT)).map(Self::Udp),
            "tcp" => plain(scheme, rest, None).map(Self::Tcp),
            _ => tls(scheme, rest),
        }
    }
}

impl fmt::Display for SinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout:"),
            Self::Null => f.write_str("null:"),
            Self::File(path) => write!(f, "file://{}", encoded(&path.to_string_lossy())),
            Self::Unix(path) => write!(f, "unix://{}", encoded(&path.to_string_lossy())),
            Self::Udp(receiver) => write!(f, "udp://{receiver}"),
            Self::Tcp(receiver) => write!(f, "tcp://{receiver}"),
            Self::Tls { receiver, ca, sni, client } => {
                write!(f, "tls://{receiver}")?;
                let pairs = [
                    ("ca", ca.as_ref().map(|path| path.to_string_lossy())),
                    ("sni", sni.as_deref().map(Into::into)),
                    ("cert", client.as_ref().map(|client| client.certificate.to_string_lossy())),
                    ("key", client.as_ref().map(|client| client.key.to_string_lossy())),
                ];
                let given = pairs.into_iter().filter_map(|(name, value)| Some((name, value?)));
                let parameters: Vec<_> =
                    given.map(|(name, value)| format!("{name}={}", encoded(&value))).collect();
                if parameters.is_empty() { Ok(()) } else { write!(f, "?{}", parameters.join("&")) }
            }
        }
    }
}

/// What a sink of that scheme takes, be it of the URL or of the target that it belongs to.
fn parameters_of(scheme: &str) -> &'static str {
    match scheme {
        "file" => "severity, device, site, rotate, keep and gzip (a ? in a path is written %3F)",
        "unix" => "severity, device and site (a ? in a path is written %3F)",
        "udp" => "severity, device, site and source-net",
        "tcp" => "severity, device, site and framing",
        "tls" => "severity, device, site, framing, ca, sni, cert and key",
        _ => "severity, device and site",
    }
}

fn bare(scheme: &'static str, rest: &str, sink: SinkUrl) -> Result<SinkUrl, SinkUrlError> {
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    match (rest, parameters(query).next()) {
        ("" | "//", None) => Ok(sink),
        ("" | "//", Some((name, _))) => Err(SinkUrlError::Parameter { scheme, name: name.into() }),
        (rest, _) => Err(SinkUrlError::Rest { scheme, rest: rest.into() }),
    }
}

fn path(scheme: &'static str, rest: &str) -> Result<PathBuf, SinkUrlError> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if !path.starts_with('/') || path.len() < 2 {
        return Err(SinkUrlError::Path(scheme));
    }
    match parameters(query).next() {
        None => decoded(path).map(PathBuf::from),
        Some((name, _)) => Err(SinkUrlError::Parameter { scheme, name: name.into() }),
    }
}

fn plain(scheme: &'static str, rest: &str, usual: Option<u16>) -> Result<Receiver, SinkUrlError> {
    let (receiver, query) = receiver(scheme, rest, usual)?;
    match parameters(query).next() {
        None => Ok(receiver),
        Some((name, _)) => Err(SinkUrlError::Parameter { scheme, name: name.into() }),
    }
}

fn tls(scheme: &'static str, rest: &str) -> Result<SinkUrl, SinkUrlError> {
    let (receiver, query) = receiver(scheme, rest, Some(TLS_PORT))?;
    let [mut ca, mut cert, mut key] = [const { None }; 3];
    let mut sni = None;
    for (name, value) in parameters(query) {
        match name {
            "ca" => ca = Some(PathBuf::from(decoded(value)?)),
            "sni" => sni = Some(decoded(value)?),
            "cert" => cert = Some(PathBuf::from(decoded(value)?)),
            "key" => key = Some(PathBuf::from(decoded(value)?)),
            other => return Err(SinkUrlError::Parameter { scheme, name: other.into() }),
        }
    }
    let client = match (cert, key) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(SinkUrlError::HalfPair),
    };
    Ok(SinkUrl::Tls { receiver, ca, sni, client })
}

/// Splits `//host:port?query`.
fn receiver<'a>(
    scheme: &'static str,
    rest: &'a str,
    usual: Option<u16>,
) -> Result<(Receiver, &'a str), SinkUrlError> {
    let rest = rest.strip_prefix("//").ok_or(SinkUrlError::Host(scheme))?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, trailing) = place.split_once('/').unwrap_or((place, ""));
    if !trailing.is_empty() {
        return Err(SinkUrlError::Trailing { scheme, rest: trailing.into() });
    }
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) if port.is_empty() || port.starts_with(':') => (host, port.strip_prefix(':')),
        Some(_) => return Err(SinkUrlError::Host(scheme)),
        None => authority.rsplit_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '@' | '[' | ']');
    if host.is_empty() || host.contains(bad) || (host.contains(':') && !authority.starts_with('[')) {
        return Err(SinkUrlError::Host(scheme));
    }
    let number = port.map_or(usual, |port| port.parse().ok().filter(|port| *port != 0));
    let port = number.ok_or_else(|| SinkUrlError::Port { scheme, port: port.unwrap_or_default().into() })?;
    Ok((Receiver { host: host.into(), port }, query))
}

pub(crate) fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

pub(crate) fn decoded(text: &str) -> Result<String, SinkUrlError> {
    let bad = || SinkUrlError::Encoding(text.into());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16)).ok_or_else(bad);
            let (high, low) = (digit()?, digit()?);
            bytes.push(u8::try_from(high << 4 | low).map_err(|_| bad())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(bad)
}

pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | '?' | '&' | '#') || character <= ' ' {
            out.push_str(&format!("%{:02X}", u32::from(character)));
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receiver(host: &str, port: u16) -> Receiver {
        Receiver { host: host.into(), port }
    }

    #[test]
    fn every_kind_of_sink_is_read_and_printed_again() {
        for (text, expected) in [
            ("stdout:", SinkUrl::Stdout),
            ("null:", SinkUrl::Null),
            ("file:///var/log/fleet.log", SinkUrl::File("/var/log/fleet.log".into())),
            ("file:///a%20b%25", SinkUrl::File("/a b%".into())),
            ("udp://127.0.0.1:5514", SinkUrl::Udp(receiver("127.0.0.1", 5514))),
            ("udp://[::1]:514", SinkUrl::Udp(receiver("::1", 514))),
            ("tcp://localhost:601", SinkUrl::Tcp(receiver("localhost", 601))),
            (
                "tls://log.example.com:6514",
                SinkUrl::Tls {
                    receiver: receiver("log.example.com", 6514),
                    ca: None,
                    sni: None,
                    client: None,
                },
            ),
            (
                "tls://127.0.0.1:6514?ca=ca.pem&sni=log.example.com",
                SinkUrl::Tls {
                    receiver: receiver("127.0.0.1", 6514),
                    ca: Some("ca.pem".into()),
                    sni: Some("log.example.com".into()),
                    client: None,
                },
            ),
            (
                "tls://127.0.0.1:6514?cert=me.pem&key=me.key",
                SinkUrl::Tls {
                    receiver: receiver("127.0.0.1", 6514),
                    ca: None,
                    sni: None,
                    client: Some(ClientCertificate { certificate: "me.pem".into(), key: "me.key".into() }),
                },
            ),
            ("unix:///dev/log", SinkUrl::Unix("/dev/log".into())),
        ] {
            assert_eq!(text.parse(), Ok(expected.clone()), "{text}");
            assert_eq!(expected.to_string(), text);
        }
        assert_eq!("udp://host".parse(), Ok(SinkUrl::Udp(receiver("host", 514))));
        assert_eq!("file:/tmp/x".parse(), Ok(SinkUrl::File("/tmp/x".into())));
    }

    #[test]
    fn an_unusable_url_is_refused_with_what_is_wrong() {
        for (text, expected) in [
            ("", "is no sink URL"),
            ("fleet.log", "is no sink URL"),
            ("http://x:1", "unknown scheme \"http\""),
            ("stdout:x", "takes nothing behind the colon, but has \"x\""),
            ("file://relative/path", "needs an absolute path"),
            ("file:///", "needs an absolute path"),
            ("unix:", "needs an absolute path"),
            ("udp:127.0.0.1", "needs a host and a port, such as udp://"),
            ("udp://:514", "needs a host"),
            ("udp://::1:514", "needs a host"),
            ("udp://[::1", "needs a host"),
            ("udp://[::1]x", "needs a host"),
            ("tcp://host", "needs a port between 1 and 65535, but has \"\""),
            ("udp://host:0", "needs a port between 1 and 65535, but has \"0\""),
            ("udp://host:70000", "needs a port between 1 and 65535, but has \"70000\""),
            ("udp://host:514/path", "takes no path, but has \"path\""),
            ("udp://host:514?ca=x", "has no parameter \"ca\""),
            ("tls://host?pin=x", "has no parameter \"pin\""),
            ("tls://host?cert=x", "needs cert=FILE and key=FILE together"),
            (
                "file:///a?turn=1M",
                "file: has no parameter \"turn\"; behind its ? may stand severity, device, site, rotate",
            ),
            ("file://?foo", "file: needs an absolute path"),
            ("null:?foo", "null: has no parameter \"foo\"; behind its ? may stand severity, device and site"),
            ("stdout:x?foo", "takes nothing behind the colon, but has \"x\""),
            ("file:///a%2", "bad percent-encoding"),
            ("file:///a%00", "bad percent-encoding"),
        ] {
            let error = text.parse::<SinkUrl>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert_eq!("x".repeat(5_000).parse::<SinkUrl>(), Err(SinkUrlError::TooLong));
    }
}

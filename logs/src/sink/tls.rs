//! Syslog over TLS (RFC 5425).

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::OpenError;
use super::socket::{TICK, await_end};
use super::stream::{Dial, Link, StreamSink, is_pause};
use super::tcp::TcpDial;
use crate::framing::Framing;
use crate::url::Receiver;

/// One TLS record at most (RFC 8446 §5.1). A record that was sent in part cannot be decrypted, so that what went out is
/// known: whole records.
const RECORD: usize = 16 << 10;

/// Sends lines over TLS.
pub type TlsSink = StreamSink<TlsDial>;

/// Whom a TLS sink believes, and who it is itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsTrust {
    /// Root certificates (PEM) that the receiver's must lead to; by default those of this machine.
    pub ca: Option<PathBuf>,
    /// The name that the certificate must have, where it is not the host.
    pub sni: Option<String>,
    /// What is shown to receivers that ask for a certificate.
    pub client: Option<ClientCertificate>,
}

/// A certificate of our own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCertificate {
    /// The certificate and those that lead to its root (PEM).
    pub certificate: PathBuf,
    /// Its private key (PEM).
    pub key: PathBuf,
}

/// Connects to one receiver.
#[derive(Clone)]
pub struct TlsDial {
    tcp: TcpDial,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl TlsSink {
    /// Connects to the receiver and shakes hands. Whoever is not on this machine must be allowed.
    ///
    /// # Errors
    /// Where a file cannot be used, the receiver cannot be reached, or its certificate is refused.
    pub fn connect(
        receiver: &Receiver,
        trust: &TlsTrust,
        framing: Framing,
        allow_external: bool,
    ) -> Result<Self, OpenError> {
        let tcp = TcpDial::to(receiver, allow_external)?;
        let host = trust.sni.as_deref().unwrap_or(&receiver.host);
        let name = ServerName::try_from(host.to_owned()).map_err(|_| OpenError::Receiver {
            receiver: receiver.to_string(),
            source: io::Error::other(format!("{host:?} is no name that a certificate can have")),
        })?;
        Self::open(TlsDial { tcp, name, config: Arc::new(config(trust)?) }, framing)
    }
}

fn config(trust: &TlsTrust) -> Result<ClientConfig, OpenError> {
    let roots = roots(trust.ca.as_deref())?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let of = |path: &Path, reason: String| OpenError::Tls { path: path.into(), reason };
    let place = trust.ca.as_deref().unwrap_or_else(|| Path::new("TLS"));
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| of(place, error.to_string()))?
        .with_root_certificates(roots);
    match &trust.client {
        None => Ok(builder.with_no_client_auth()),
        Some(ClientCertificate { certificate, key }) => {
            let chain = certificates(certificate).map_err(|error| {
                error.advise("cert=FILE names the certificate to be shown to the receiver")
            })?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                let reason = unusable("private key", &error);
                of(key, reason).advise("key=FILE names the private key that goes with cert=FILE")
            })?;
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|error| of(certificate, format!("does not go with its key ({error})")))
        }
    }
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, OpenError> {
    let mut store = RootCertStore::empty();
    let Some(path) = ca else {
        let native = rustls_native_certs::load_native_certs();
        if store.add_parsable_certificates(native.certs).0 == 0 {
            let reason = "this machine has no root certificates: name the receiver's with ?ca=FILE".into();
            return Err(OpenError::Tls { path: "TLS".into(), reason });
        }
        return Ok(store);
    };
    let trusted = certificates(path).map_err(|error| {
        error.advise("ca=FILE names the root certificates that the receiver's must lead to")
    })?;
    for certificate in trusted {
        store.add(certificate).map_err(|error| OpenError::Tls {
            path: path.into(),
            reason: format!("a certificate in it cannot be used as a root ({error})"),
        })?;
    }
    Ok(store)
}

/// All certificates of a PEM file, at least one.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let of = |reason: String| OpenError::Tls { path: path.into(), reason };
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let all = all.map_err(|error| of(unusable("certificates", &error)))?;
    if all.is_empty() { Err(of("no certificates in PEM".into())) } else { Ok(all) }
}

/// Why nothing of that kind was read from a file.
fn unusable(what: &str, error: &pem::Error) -> String {
    if let pem::Error::Io(error) = error {
        return format!("cannot be read: {error}");
    }
    let more = if matches!(error, pem::Error::NoItemsFound) { String::new() } else { format!(" ({error})") };
    format!("no {what} in PEM{more}")
}

impl Dial for TlsDial {
    type Link = TlsLink;

    fn dial(&self, within: Duration) -> io::Result<TlsLink> {
        let mut tcp = self.tcp.connect(within)?;
        tcp.set_write_timeout(Some(within))?;
        tcp.set_read_timeout(Some(within))?;
        let mut tls =
            ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(io::Error::other)?;
        let deadline = Instant::now() + within;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp).map_err(timed)?;
            if Instant::now() > deadline {
                return Err(timed(io::ErrorKind::TimedOut.into()));
            }
        }
        tls.set_buffer_limit(None);
        tcp.set_write_timeout(Some(TICK))?;
        let mut link = TlsLink { tcp, tls, half: 0 };
        link.await_verdict()?;
        Ok(link)
    }

    fn name(&self) -> String {
        self.tcp.name()
    }
}

/// How long a receiver may think about our certificate.
const VERDICT: Duration = Duration::from_millis(250);

fn timed(error: io::Error) -> io::Error {
    if is_pause(&error) {
        return io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time: is that a TLS receiver?");
    }
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    if let Some(rustls::Error::InvalidCertificate(_)) = cause {
        let advice = "ca=FILE names the roots that it must lead to, sni=NAME the name that it must have";
        return io::Error::new(error.kind(), format!("{error}; {advice}"));
    }
    error
}

/// A TLS connection.
pub(super) struct TlsLink {
    tcp: TcpStream,
    tls: ClientConnection,
    /// Bytes of the record that has not gone out whole.
    half: usize,
}

impl TlsLink {
    /// Sends what is encrypted already. A socket that is full says so after a while.
    fn send_records(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }

    /// With TLS 1.3 our side of the handshake is over before the receiver has looked at our certificate. Its next words,
    /// a session ticket or an alert, tell what it thinks; one that stays silent is content.
    fn await_verdict(&mut self) -> io::Result<()> {
        if self.tls.protocol_version() != Some(rustls::ProtocolVersion::TLSv1_3) {
            return Ok(());
        }
        self.tcp.set_read_timeout(Some(VERDICT))?;
        match self.hear() {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::ConnectionReset,
                "closed by the receiver after the handshake",
            )),
            Err(error) if !is_pause(&error) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Takes in what has come, and says where the receiver has closed.
    fn hear(&mut self) -> io::Result<usize> {
        if self.tls.read_tls(&mut self.tcp)? == 0 {
            return Ok(0);
        }
        let state = self.tls.process_new_packets().map_err(io::Error::other)?;
        let heard = u64::try_from(state.plaintext_bytes_to_read()).unwrap_or(0);
        let closed = state.peer_has_closed();
        // No syslog receiver talks: what one says all the same is of no interest.
        io::copy(&mut self.tls.reader().take(heard), &mut io::sink())?;
        Ok(usize::from(!closed))
    }
}

impl Link for TlsLink {
    fn check(&mut self) -> io::Result<()> {
        loop {
            let mut one = [0];
            let flags = nix::sys::socket::MsgFlags::MSG_DONTWAIT | nix::sys::socket::MsgFlags::MSG_PEEK;
            let descriptor = std::os::fd::AsRawFd::as_raw_fd(&self.tcp);
            let there = match nix::sys::socket::recv(descriptor, &mut one, flags) {
                Err(nix::errno::Errno::EAGAIN) => return Ok(()),
                Err(error) => return Err(error.into()),
                Ok(there) => there,
            };
            if there == 0 || self.hear()? == 0 {
                return Err(io::Error::new(io::ErrorKind::ConnectionReset, "closed by the receiver"));
            }
        }
    }

    /// One record. Where the socket takes only a part of it, the next call goes on with it.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.half == 0 {
            self.half = self.tls.writer().write(bytes.get(..RECORD).unwrap_or(bytes))?;
        }
        self.send_records()?;
        Ok(std::mem::take(&mut self.half))
    }

    /// `close_notify` both ways: otherwise the tail is lost with TLS 1.3 (`spec/logs.md` §8).
    fn close(&mut self, until: Instant) -> io::Result<()> {
        self.tls.send_close_notify();
        while let Err(error) = self.send_records() {
            if !is_pause(&error) || Instant::now() >= until {
                return Err(error);
            }
        }
        self.tcp.shutdown(Shutdown::Write)?;
        await_end(until, |left| {
            self.tcp.set_read_timeout(Some(left))?;
            self.hear()
        })
    }
}

impl fmt::Debug for TlsDial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsDial").field("tcp", &self.tcp).field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for TlsLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsLink").field("tcp", &self.tcp).finish_non_exhaustive()
    }
}

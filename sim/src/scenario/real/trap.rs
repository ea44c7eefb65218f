//! Listeners that misbehave, for one exchange each.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd,
};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What is wrong with a TLS listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Its certificate was valid until 1976.
    Expired,
    /// Its certificate is valid from 4000 on.
    NotYetValid,
    /// Its certificate is another host's.
    WrongName,
    /// Its certificate is under a CA that nobody trusts.
    UnknownCa,
    /// It closes the connection in the handshake.
    Closed,
}

/// A listener that lives as long as this.
pub(super) struct Trap {
    pub(super) address: SocketAddr,
    /// Takes connections, but nobody ever reads from them.
    _silent: Option<TcpListener>,
    task: Option<JoinHandle<()>>,
}

impl Drop for Trap {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Makes traps: a CA that the devices trust, and one that they do not.
pub(super) struct Traps {
    trusted: Issuer<'static, KeyPair>,
    stranger: Issuer<'static, KeyPair>,
    ca_pem: String,
}

impl Traps {
    /// With two new CAs.
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        let (trusted, ca_pem) = authority("slpsim lockstep CA")?;
        let (stranger, _) = authority("slpsim unknown CA")?;
        Ok(Self { trusted, stranger, ca_pem })
    }

    /// The CA that devices have to trust.
    pub(super) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// Takes the connection and says nothing: the system completes the connect, nobody accepts.
    pub(super) fn silent() -> io::Result<Trap> {
        let listener = TcpListener::bind(LOOPBACK)?;
        Ok(Trap { address: listener.local_addr()?, _silent: Some(listener), task: None })
    }

    /// TLS for `host`, with that flaw.
    pub(super) fn tls(&self, runtime: &Runtime, flaw: Flaw, host: &str) -> io::Result<Trap> {
        let acceptor = match flaw {
            Flaw::Closed => None,
            Flaw::Expired | Flaw::NotYetValid | Flaw::WrongName | Flaw::UnknownCa => {
                let config = self.flawed(flaw, host).map_err(io::Error::other)?;
                Some(TlsAcceptor::from(Arc::new(config)))
            }
        };
        let listener = TcpListener::bind(LOOPBACK)?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let _inside = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let serve = async move {
            while let Ok((stream, _)) = listener.accept().await {
                if let Some(acceptor) = &acceptor {
                    // Fails where the client refuses the certificate, which is what it is there for.
                    let _ = acceptor.accept(stream).await;
                }
            }
        };
        Ok(Trap { address, _silent: None, task: Some(runtime.spawn(serve)) })
    }

    fn flawed(
        &self,
        flaw: Flaw,
        host: &str,
    ) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
        let name = if flaw == Flaw::WrongName { "other.invalid" } else { host.trim_matches(['[', ']']) };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(vec![name.to_owned()])?;
        match flaw {
            Flaw::Expired => params.not_after = date_time_ymd(1976, 1, 1),
            Flaw::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
            Flaw::WrongName | Flaw::UnknownCa | Flaw::Closed => {}
        }
        let issuer = if flaw == Flaw::UnknownCa { &self.stranger } else { &self.trusted };
        let certificate = params.signed_by(&key, issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(config)
    }
}

/// A port that the system chooses.
pub(super) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

fn authority(name: &str) -> Result<(Issuer<'static, KeyPair>, String), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let pem = params.self_signed(&key)?.pem();
    Ok((Issuer::new(params, key), pem))
}

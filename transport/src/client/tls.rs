//! TLS as the device sees it: configured roots only, the device's clock, the name of the URL.
//!
//! rustls reads the subject alternative names only: a certificate that has its name in CN alone is refused
//! (`spec/behaviour.md` §7.1, modelled).

use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::call::Clock;

/// The certification authorities that TLS trusts. Public ones are never added: what is not configured is not trusted.
#[derive(Clone, Debug)]
pub struct Anchors {
    roots: Arc<RootCertStore>,
}

impl Anchors {
    /// Most certificates that a file may hold; the public bundles have about 150.
    pub const MOST: usize = 1000;

    /// Trusts nobody; enough for `http://`.
    #[must_use]
    pub fn none() -> Self {
        Self { roots: Arc::new(RootCertStore::empty()) }
    }

    /// All certificates of a PEM file (`ca-file`).
    ///
    /// # Errors
    /// Where the text holds no certificate, too many, or one that cannot be read.
    pub fn from_pem(pem: &[u8]) -> Result<Self, AnchorError> {
        let mut roots = RootCertStore::empty();
        for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let number = index + 1;
            if number > Self::MOST {
                return Err(AnchorError::TooMany);
            }
            let certificate =
                certificate.map_err(|error| AnchorError::Unreadable { number, why: error.to_string() })?;
            roots
                .add(certificate)
                .map_err(|error| AnchorError::Unreadable { number, why: error.to_string() })?;
        }
        if roots.is_empty() {
            return Err(AnchorError::Empty);
        }
        Ok(Self { roots: Arc::new(roots) })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.roots.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }
}

/// Why a CA file cannot be used; the file is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorError {
    /// No PEM block with a certificate.
    #[error("no certificate in it: expected PEM text with BEGIN CERTIFICATE")]
    Empty,
    /// More than [`Anchors::MOST`].
    #[error("more than {} certificates in it", Anchors::MOST)]
    TooMany,
    /// PEM or certificate is damaged.
    #[error("certificate {number} in it cannot be read: {why}")]
    Unreadable {
        /// Counted from 1.
        number: usize,
        /// What the reader found.
        why: String,
    },
}

/// One configuration for one exchange: nothing of it is shared, so that no session is resumed and each handshake is
/// judged anew.
///
/// `verify_as` is the name in the certificate where the connection is made under another one.
pub(super) fn client_config(
    anchors: &Anchors,
    clock: Arc<dyn Clock>,
    verify_as: Option<ServerName<'static>>,
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::clone(&PROVIDER);
    let algorithms = provider.signature_verification_algorithms;
    let versions = ClientConfig::builder_with_details(provider, Arc::new(DeviceTime(clock)))
        .with_safe_default_protocol_versions()?;
    let roots = Arc::clone(&anchors.roots);
    let mut config = match verify_as {
        None => versions.with_root_certificates(roots).with_no_client_auth(),
        Some(name) => versions
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(VerifyAs { name, roots, algorithms }))
            .with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    Ok(config)
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

struct DeviceTime(Arc<dyn Clock>);

impl fmt::Debug for DeviceTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceTime")
    }
}

impl TimeProvider for DeviceTime {
    /// A clock before 1970 counts as 1970: certificates are not yet valid then, which is what such a device would find.
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.now().0).unwrap_or(0);
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

/// The usual checks of rustls, with the name of the configured URL in place of the address that the connection goes to.
#[derive(Debug)]
struct VerifyAs {
    name: ServerName<'static>,
    roots: Arc<RootCertStore>,
    algorithms: rustls::crypto::WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for VerifyAs {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _connected_to: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        verify_server_name(&certificate, &self.name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_policy::Wall;

    #[test]
    fn a_ca_file_without_a_readable_certificate_is_refused_with_its_reason() {
        assert_eq!(Anchors::from_pem(b"").unwrap_err(), AnchorError::Empty);
        assert_eq!(Anchors::from_pem(b"not a certificate\n").unwrap_err(), AnchorError::Empty);
        let damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let error = Anchors::from_pem(damaged).unwrap_err();
        assert!(matches!(error, AnchorError::Unreadable { number: 1, .. }), "{error}");
        let cut = b"-----BEGIN CERTIFICATE-----\nAAAA\n";
        assert!(matches!(Anchors::from_pem(cut).unwrap_err(), AnchorError::Unreadable { number: 1, .. }));
    }

    #[test]
    fn certificates_of_a_file_are_counted() {
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
        let anchors = Anchors::from_pem(pem.as_bytes()).unwrap();
        assert_eq!((anchors.len(), anchors.is_empty()), (1, false));
        let many = pem.repeat(Anchors::MOST + 1);
        assert_eq!(Anchors::from_pem(many.as_bytes()).unwrap_err(), AnchorError::TooMany);
        assert!(Anchors::none().is_empty());
    }

    #[test]
    fn a_clock_before_1970_counts_as_1970() {
        let time = DeviceTime(Arc::new(|| Wall(-5)));
        assert_eq!(time.current_time().unwrap().as_secs(), 0);
        let time = DeviceTime(Arc::new(|| Wall(1_772_446_020_999)));
        assert_eq!(time.current_time().unwrap().as_secs(), 1_772_446_020);
    }
}

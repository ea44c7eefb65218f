//! Keys and certificates of a server: the licensing PKI, and a TLS certificate under a CA of its own.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::NoServerSessionStorage;
use slpsim_agent::numbers;
use slpsim_policy::Wall;
use slpsim_transport::sign::{KeyError, Signer};
use time::OffsetDateTime;

use super::StartError;
use super::clock::{Clock, TlsTime};
use super::store::Vault;

/// Names that every TLS certificate of a mock has, so that documented URLs work as printed (`interface.md` §1).
pub const NAMES: [&str; 4] = ["smartreceiver.cisco.com", "tools.cisco.com", "cslu-local", "localhost"];

/// Why keys or certificates are not there.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The state folder.
    #[error("cannot use the mock's state folder: {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file in the state folder.
    #[error("{path} is damaged: {detail}; repair it, or delete the mock's state folder to begin anew")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A name.
    #[error("{0:?} cannot be a name in a certificate")]
    Name(String),
    /// The library.
    #[error("cannot make keys or certificates: {0}")]
    Library(String),
}

impl From<rcgen::Error> for PkiError {
    fn from(error: rcgen::Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl From<rustls::Error> for PkiError {
    fn from(error: rustls::Error) -> Self {
        Self::Library(error.to_string())
    }
}

impl From<KeyError> for PkiError {
    fn from(error: KeyError) -> Self {
        Self::Library(error.to_string())
    }
}

/// Everything that a server proves itself with.
pub(crate) struct Pki {
    /// Signs answers and what is in them.
    pub(crate) signer: Arc<Signer>,
    /// What clients trust: the root of the licensing PKI and the TLS CA.
    pub(crate) ca_pem: String,
    /// For HTTPS listeners.
    pub(crate) tls: Arc<ServerConfig>,
}

impl Pki {
    /// Loads from `vault`, making what is missing; without one everything lives as long as the process.
    ///
    /// Certificates are valid 20 years to each side of `reference` (`spec/behaviour.md` §19).
    pub(crate) fn open(
        mut vault: Option<&mut dyn Vault>,
        made_before: Option<Arc<Signer>>,
        extra: &[String],
        reference: Wall,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let signer = match kept(&mut vault, "licensing.pem")? {
            Some((place, pem)) => Arc::new(Signer::from_pem(&pem).map_err(|error| damaged(place, &error))?),
            None => {
                let signer = match made_before {
                    Some(signer) => signer,
                    None => Arc::new(Signer::generate(reference).map_err(PkiError::from)?),
                };
                keep(&mut vault, "licensing.pem", &signer.to_pem())?;
                signer
            }
        };
        let authority = match kept(&mut vault, "tls-ca.pem")? {
            Some((place, pem)) => Authority::from_pem(&pem).map_err(|error| damaged(place, &error))?,
            None => {
                let authority = Authority::generate(reference)?;
                keep(&mut vault, "tls-ca.pem", &authority.to_pem())?;
                authority
            }
        };
        let ca_pem = [signer.root_pem(), &authority.pem].concat();
        let tls = authority.server_config(extra, reference, clock)?;
        Ok(Self { signer, ca_pem, tls: Arc::new(tls) })
    }
}

/// Where a file of the vault lies, and its text.
fn kept(vault: &mut Option<&mut dyn Vault>, name: &str) -> Result<Option<(PathBuf, String)>, StartError> {
    let Some(vault) = vault else { return Ok(None) };
    let text = vault.read(name)?;
    Ok(text.map(|text| (vault.place(name).into(), text)))
}

fn keep(vault: &mut Option<&mut dyn Vault>, name: &str, text: &str) -> Result<(), StartError> {
    match vault {
        Some(vault) => Ok(vault.write(name, text)?),
        None => Ok(()),
    }
}

/// The CA of the TLS certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn generate(reference: Wall) -> Result<Self, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params("SLP Mock TLS CA", reference);
        params.serial_number = Some(SerialNumber::from(1_u64));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::from_ca_cert_pem(&pem, key)?, pem })
    }

    fn from_pem(text: &str) -> Result<Self, PkiError> {
        let key = KeyPair::from_pem(text)?;
        let at =
            text.find("-----BEGIN CERTIFICATE").ok_or_else(|| PkiError::Library("no certificate".into()))?;
        let pem = text.get(at..).unwrap_or_default().to_owned();
        Ok(Self { issuer: Issuer::from_ca_cert_pem(&pem, key)?, pem })
    }

    fn to_pem(&self) -> String {
        [self.issuer.key().serialize_pem().as_str(), &self.pem].concat()
    }

    fn server_config(
        &self,
        extra: &[String],
        reference: Wall,
        clock: Arc<dyn Clock>,
    ) -> Result<ServerConfig, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = params("slpsim mock", reference);
        params.subject_alt_names = alternative_names(extra)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let authority = rustls::pki_types::pem::PemObject::from_pem_slice(self.pem.as_bytes());
        let authority: CertificateDer<'static> =
            authority.map_err(|_| PkiError::Library("the TLS CA is no PEM certificate".into()))?;
        let chain = vec![certificate.der().clone(), authority];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(TlsTime(clock)))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        // Resumption would hide TLS faults, and sessions of another time of day make no sense in simulated time.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn params(common_name: &str, reference: Wall) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    let years = i64::from(numbers::MOCK_TLS_VALIDITY_YEARS) * 365 * 86_400;
    params.not_before = date(reference.secs().saturating_sub(years));
    params.not_after = date(reference.secs().saturating_add(years));
    params
}

/// Certificates know the years 1950 to 9999 (RFC 5280 §4.1.2.5).
fn date(secs: i64) -> OffsetDateTime {
    const FIRST: i64 = -631_152_000;
    const LAST: i64 = 253_402_300_799;
    OffsetDateTime::from_unix_timestamp(secs.clamp(FIRST, LAST)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn alternative_names(extra: &[String]) -> Result<Vec<SanType>, PkiError> {
    let loopback = ["127.0.0.1", "::1"];
    let names = NAMES.iter().chain(&loopback).copied().chain(extra.iter().map(String::as_str));
    names
        .map(|name| match name.parse::<IpAddr>() {
            Ok(address) => Ok(SanType::IpAddress(address)),
            Err(_) => name.try_into().map(SanType::DnsName).map_err(|_| PkiError::Name(name.into())),
        })
        .collect()
}

pub(super) fn damaged(path: PathBuf, detail: &dyn std::fmt::Display) -> PkiError {
    PkiError::Damaged { path, detail: detail.to_string() }
}

pub(super) fn read(path: Option<&Path>) -> Result<Option<(PathBuf, String)>, PkiError> {
    let Some(path) = path else { return Ok(None) };
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some((path.into(), text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(PkiError::File { path: path.into(), source }),
    }
}

pub(super) fn make_dir(dir: &Path) -> Result<(), PkiError> {
    fs::create_dir_all(dir).map_err(|source| PkiError::File { path: dir.into(), source })
}

/// Writes under another name first, so that a crash leaves either nothing or all of it; readable by the owner only.
pub(super) fn write_secret(path: Option<&Path>, text: &str) -> Result<(), PkiError> {
    let Some(path) = path else { return Ok(()) };
    let beside = path.with_extension("new");
    let write = || {
        let _ = fs::remove_file(&beside);
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|source| PkiError::File { path: path.into(), source })
}

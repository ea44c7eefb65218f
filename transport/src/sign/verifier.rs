//! The device's side: is this from my peer.

use std::sync::{Arc, Mutex, PoisonError};

use slpsim_agent::Failure;

use super::public::{CertError, Certificate, VerifyingKey};

/// A signature as it stands beside what it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureBlock {
    /// `SHA256`, or `SHA-256` as devices write it.
    pub kind: Box<str>,
    /// Serial number of the signer.
    pub key: Box<str>,
    /// Base64.
    pub value: Box<str>,
    /// The signer's certificate, PEM (modelled).
    pub certificate: Option<Box<str>>,
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    /// There is none.
    #[error("there is no signature")]
    Missing,
    /// The signature type is unknown.
    #[error("the signature type is not SHA256")]
    Kind,
    /// It does not fit the text.
    #[error("the signature does not fit the text")]
    Value,
    /// `key` names a serial number, and no certificate for it was given or sent.
    #[error("the signer is unknown: send its certificate beside the signature, or add it to the root file")]
    UnknownSigner,
    /// The issuer of the signer's certificate is none of the roots.
    #[error("the signer's certificate is issued by nobody that is in the root file")]
    UnknownIssuer,
    /// The certificate names a root as its issuer but is not signed by it.
    #[error("the signer's certificate is not signed by the root that it names")]
    NotUnderRoot,
    /// The certificate beside the signature cannot be used.
    #[error("the signer's certificate cannot be used: {0}")]
    Certificate(CertError),
    /// The certificate beside the signature has another serial number than `key`.
    #[error("the signer's certificate has another serial number than `key`")]
    OtherSerial,
}

impl SignatureFault {
    /// The row of `spec/messages.md` §5 for the envelope of an answer.
    #[must_use]
    pub const fn failure(self) -> Failure {
        match self {
            Self::Missing | Self::Kind | Self::Value => Failure::BadSignature,
            Self::UnknownSigner | Self::UnknownIssuer => Failure::TrustChain,
            Self::NotUnderRoot | Self::Certificate(_) | Self::OtherSerial => Failure::SignerInvalid,
        }
    }
}

/// Verifies what a peer signs: against roots, or not at all.
#[derive(Clone, Debug)]
pub struct Verifier(Mode);

#[derive(Clone, Debug)]
enum Mode {
    Off,
    Nobody,
    Roots(Arc<Roots>),
}

#[derive(Debug)]
struct Roots {
    roots: Vec<Certificate>,
    signers: Vec<Certificate>,
    /// The last signer that came beside a signature and is under one of the roots: a peer sends the same one each time.
    last: Mutex<Option<Arc<Sent>>>,
}

/// A signer that came beside a signature, and is known to be under a root.
#[derive(Debug)]
struct Sent {
    pem: Box<str>,
    serial: Option<u64>,
    key: VerifyingKey,
}

impl Verifier {
    /// `verify = "off"`: whatever comes is taken, signed or not.
    pub const OFF: Self = Self(Mode::Off);

    /// `verify = "root"` without any root: nothing that comes is taken.
    pub const NOBODY: Self = Self(Mode::Nobody);

    /// `verify = "root"`: `pem` has the roots, and may have signers that they issued.
    ///
    /// # Errors
    /// Where a certificate cannot be used, none is a root, or one is under no root.
    pub fn root(pem: &str) -> Result<Self, CertError> {
        let (roots, signers): (Vec<_>, Vec<_>) =
            Certificate::all_from_pem(pem)?.into_iter().partition(Certificate::is_self_issued);
        if roots.is_empty() {
            return Err(CertError::NoRoot);
        }
        for signer in &signers {
            if !roots.iter().any(|root| signer.names_issuer(root) && signer.is_signed_by(root)) {
                return Err(CertError::Stray);
            }
        }
        Ok(Self(Mode::Roots(Arc::new(Roots { roots, signers, last: Mutex::new(None) }))))
    }

    /// Whether anything is verified.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        matches!(self.0, Mode::Off)
    }

    /// Verifies `signature` over the exact `text`.
    ///
    /// # Errors
    /// Says why it does not count.
    pub fn verify(&self, text: &[u8], signature: Option<&SignatureBlock>) -> Result<(), SignatureFault> {
        let known = match &self.0 {
            Mode::Off => return Ok(()),
            Mode::Nobody => &NOBODY,
            Mode::Roots(known) => known,
        };
        let signature = signature.ok_or(SignatureFault::Missing)?;
        if !matches!(&*signature.kind, "SHA256" | "SHA-256") {
            return Err(SignatureFault::Kind);
        }
        let fits = match &signature.certificate {
            Some(pem) => known.sent(pem, &signature.key)?.key.verifies(text, &signature.value),
            None => known.given(&signature.key)?.key.verifies(text, &signature.value),
        };
        if fits { Ok(()) } else { Err(SignatureFault::Value) }
    }
}

static NOBODY: Roots = Roots { roots: Vec::new(), signers: Vec::new(), last: Mutex::new(None) };

impl Roots {
    /// The signer of that serial number in the file.
    fn given(&self, key: &str) -> Result<&Certificate, SignatureFault> {
        let serial: u64 = key.parse().map_err(|_| SignatureFault::UnknownSigner)?;
        let mut all = self.signers.iter().chain(&self.roots);
        all.find(|one| one.serial == Some(serial)).ok_or(SignatureFault::UnknownSigner)
    }

    /// The signer whose certificate came along.
    fn sent(&self, pem: &str, key: &str) -> Result<Arc<Sent>, SignatureFault> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sent) = last.as_ref().filter(|sent| *sent.pem == *pem) {
            let is_named = key.parse().ok() == sent.serial;
            return if is_named { Ok(Arc::clone(sent)) } else { Err(SignatureFault::OtherSerial) };
        }
        let signer = sent_signer(pem, key, &self.roots)?;
        let sent = Sent { pem: pem.into(), serial: signer.serial, key: signer.key.verifying() };
        Ok(Arc::clone(last.insert(Arc::new(sent))))
    }
}

fn sent_signer(pem: &str, key: &str, roots: &[Certificate]) -> Result<Certificate, SignatureFault> {
    let signer = Certificate::from_pem(pem).map_err(SignatureFault::Certificate)?;
    if signer.serial.is_none() || key.parse().ok() != signer.serial {
        return Err(SignatureFault::OtherSerial);
    }
    let mut named = roots.iter().filter(|root| signer.names_issuer(root)).peekable();
    if named.peek().is_none() {
        return Err(SignatureFault::UnknownIssuer);
    }
    if named.any(|root| signer.is_signed_by(root)) { Ok(signer) } else { Err(SignatureFault::NotUnderRoot) }
}

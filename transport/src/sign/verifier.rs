//! The device's side: is this from my peer.

use slpsim_agent::Failure;

use super::public::{CertError, Certificate};

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
    Root { roots: Vec<Certificate>, signers: Vec<Certificate> },
}

impl Verifier {
    /// `verify = "off"`: whatever comes is taken, signed or not.
    pub const OFF: Self = Self(Mode::Off);

    /// `verify = "root"` without any root: nothing that comes is taken.
    pub const NOBODY: Self = Self(Mode::Root { roots: Vec::new(), signers: Vec::new() });

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
        Ok(Self(Mode::Root { roots, signers }))
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
        let Mode::Root { roots, signers } = &self.0 else { return Ok(()) };
        let signature = signature.ok_or(SignatureFault::Missing)?;
        if !matches!(&*signature.kind, "SHA256" | "SHA-256") {
            return Err(SignatureFault::Kind);
        }
        let sent;
        let signer = match &signature.certificate {
            Some(pem) => {
                sent = sent_signer(pem, &signature.key, roots)?;
                &sent
            }
            None => known_signer(&signature.key, signers, roots)?,
        };
        if signer.key.verifies(text, &signature.value) { Ok(()) } else { Err(SignatureFault::Value) }
    }
}

fn known_signer<'a>(
    key: &str,
    signers: &'a [Certificate],
    roots: &'a [Certificate],
) -> Result<&'a Certificate, SignatureFault> {
    let serial: u64 = key.parse().map_err(|_| SignatureFault::UnknownSigner)?;
    signers
        .iter()
        .chain(roots)
        .find(|certificate| certificate.serial == Some(serial))
        .ok_or(SignatureFault::UnknownSigner)
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

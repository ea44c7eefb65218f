//! Certificates and the public keys in them.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use x509_parser::oid_registry::{OID_KEY_TYPE_EC_PUBLIC_KEY, OID_PKCS1_RSAENCRYPTION};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::base64;

/// Why a certificate cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// No PEM block `CERTIFICATE`.
    #[error("not a PEM certificate")]
    Pem,
    /// Not X.509.
    #[error("not an X.509 certificate")]
    X509,
    /// An ID certificate with a serial number of more than 64 bits; requests name it as a number.
    #[error("its serial number does not fit in 64 bits; make it with `-set_serial N`")]
    Serial,
    /// Neither RSA nor ECDSA P-256.
    #[error("its key is neither RSA nor ECDSA P-256")]
    Key,
    /// A root file without a self-signed certificate.
    #[error("there is no self-signed certificate among them")]
    NoRoot,
    /// A certificate beside the roots that none of them issued.
    #[error("a certificate among them is neither a root nor issued by one of the roots")]
    Stray,
}

/// A public key that verifies signatures with SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    ecdsa: bool,
    bytes: Box<[u8]>,
}

impl PublicKey {
    /// The key of a certificate.
    ///
    /// # Errors
    /// Where there is no certificate in `pem`, or its key is of another kind.
    pub fn from_certificate_pem(pem: &str) -> Result<Self, CertError> {
        Certificate::from_pem(pem).map(|certificate| certificate.key)
    }

    /// The key as a verifier that is made once and used for several signatures: making it costs more than using it, and
    /// it takes some kilobytes of memory.
    #[must_use]
    pub fn verifying(&self) -> VerifyingKey {
        let algorithm: &'static dyn VerificationAlgorithm =
            if self.ecdsa { &ECDSA_P256_SHA256_ASN1 } else { &RSA_PKCS1_2048_8192_SHA256 };
        VerifyingKey(ParsedPublicKey::new(algorithm, &self.bytes).ok())
    }

    /// As [`VerifyingKey::verifies`], for a single signature.
    #[must_use]
    pub fn verifies(&self, text: &[u8], value: &str) -> bool {
        self.verifying().verifies(text, value)
    }
}

/// A public key that is ready to verify; one that the library refuses verifies nothing.
#[derive(Clone)]
pub struct VerifyingKey(Option<ParsedPublicKey>);

impl VerifyingKey {
    /// Whether `value`, base64, is a signature of `text`: RSA PKCS#1 v1.5 or ECDSA P-256 in DER, with SHA-256.
    #[must_use]
    pub fn verifies(&self, text: &[u8], value: &str) -> bool {
        let Some(key) = &self.0 else { return false };
        base64::decode(value).is_ok_and(|signature| key.verify_sig(text, &signature).is_ok())
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifyingKey").field(&self.0.is_some()).finish()
    }
}

/// A certificate, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Serial number; `None` for one of more than 64 bits, as openssl invents them for roots.
    pub serial: Option<u64>,
    /// Its key.
    pub key: PublicKey,
    der: Box<[u8]>,
}

impl Certificate {
    /// The first certificate in `pem`.
    ///
    /// # Errors
    /// Where there is none that can be used.
    pub fn from_pem(pem: &str) -> Result<Self, CertError> {
        Self::all_from_pem(pem)?.into_iter().next().ok_or(CertError::Pem)
    }

    /// All certificates in `pem`; other blocks are passed over.
    ///
    /// # Errors
    /// Where one of them cannot be used.
    pub fn all_from_pem(pem: &str) -> Result<Vec<Self>, CertError> {
        let mut found = Vec::new();
        for block in x509_parser::pem::Pem::iter_from_buffer(pem.as_bytes()) {
            let block = block.map_err(|_| CertError::Pem)?;
            if block.label == "CERTIFICATE" {
                found.push(Self::from_der(&block.contents)?);
            }
        }
        Ok(found)
    }

    fn from_der(der: &[u8]) -> Result<Self, CertError> {
        let (_, x509) = X509Certificate::from_der(der).map_err(|_| CertError::X509)?;
        let serial = x509.tbs_certificate.serial.to_u64_digits();
        let serial = match serial.as_slice() {
            [] => Some(0),
            [serial] => Some(*serial),
            [..] => None,
        };
        let spki = x509.public_key();
        let ecdsa = if spki.algorithm.algorithm == OID_PKCS1_RSAENCRYPTION {
            false
        } else if spki.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            true
        } else {
            return Err(CertError::Key);
        };
        let key = PublicKey { ecdsa, bytes: spki.subject_public_key.data.as_ref().into() };
        Ok(Self { serial, key, der: der.into() })
    }

    fn with_x509<T>(&self, read: impl FnOnce(&X509Certificate<'_>) -> T) -> Option<T> {
        X509Certificate::from_der(&self.der).ok().map(|(_, x509)| read(&x509))
    }

    /// Whether subject and issuer are the same name.
    pub(super) fn is_self_issued(&self) -> bool {
        self.with_x509(|x509| x509.subject() == x509.issuer()).unwrap_or(false)
    }

    /// Whether the issuer's name is that of `issuer`.
    pub(super) fn names_issuer(&self, issuer: &Self) -> bool {
        let own = self.with_x509(|x509| x509.issuer().as_raw().to_vec());
        own.is_some() && own == issuer.with_x509(|x509| x509.subject().as_raw().to_vec())
    }

    /// Whether `issuer` signed this certificate.
    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        let verified = self.with_x509(|x509| {
            issuer.with_x509(|issuer| x509.verify_signature(Some(issuer.public_key())).is_ok())
        });
        verified.flatten().unwrap_or(false)
    }
}

//! Private keys: the ID key of a device, and what the keys of a server have in common with it.

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256};
use slpsim_agent::Udi;

use crate::base64;
use crate::error::EncodeError;

/// Why keys or certificates could not be made or loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a PKCS#8 key in PEM of the right kind.
    #[error("not an RSA key of at least 2048 bits in PKCS#8 PEM")]
    Unreadable,
    /// Not all parts of a persisted PKI are there.
    #[error("the file does not hold the keys and certificates of a signer")]
    Incomplete,
    /// Not a certificate request with a valid signature.
    #[error("not a certificate request in PEM with a valid signature")]
    Csr,
    /// The cryptographic library refused.
    #[error("the cryptographic library refused: out of entropy?")]
    Library,
}

impl From<rcgen::Error> for KeyError {
    fn from(_: rcgen::Error) -> Self {
        Self::Library
    }
}

/// The RSA-2048 key of a device's ID certificate. Making one takes about 80 ms, so it is kept in the state folder.
pub struct DeviceKeys(RsaKey);

impl DeviceKeys {
    /// A new key from the operating system's randomness.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn generate() -> Result<Self, KeyError> {
        RsaKey::generate().map(Self)
    }

    /// Reads what [`DeviceKeys::to_pem`] wrote.
    ///
    /// # Errors
    /// [`KeyError::Unreadable`].
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        RsaKey::from_pem(pem).map(Self)
    }

    /// PKCS#8 PEM. A secret.
    #[must_use]
    pub fn to_pem(&self) -> String {
        self.0.pair.serialize_pem()
    }

    /// RSA PKCS#1 v1.5 with SHA-256, base64: 344 characters.
    ///
    /// # Errors
    /// [`EncodeError::Signing`].
    pub fn sign(&self, text: &[u8]) -> Result<String, EncodeError> {
        self.0.sign(text)
    }

    /// A certificate request in PEM for `udi`.
    ///
    /// # Errors
    /// [`EncodeError::Signing`].
    pub fn csr(&self, udi: &Udi) -> Result<String, EncodeError> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, udi.in_messages().to_string());
        let request = params.serialize_request(&self.0.pair).map_err(|_| EncodeError::Signing)?;
        request.pem().map_err(|_| EncodeError::Signing)
    }
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKeys(..)")
    }
}

/// An RSA key for certificates and for signatures.
pub(super) struct RsaKey {
    pub(super) pair: KeyPair,
    signer: RsaKeyPair,
}

impl RsaKey {
    pub(super) fn generate() -> Result<Self, KeyError> {
        Self::from_pair(KeyPair::generate_for(&PKCS_RSA_SHA256)?)
    }

    pub(super) fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pair =
            KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_RSA_SHA256).map_err(|_| KeyError::Unreadable)?;
        Self::from_pair(pair)
    }

    fn from_pair(pair: KeyPair) -> Result<Self, KeyError> {
        let signer = RsaKeyPair::from_pkcs8(pair.serialized_der()).map_err(|_| KeyError::Unreadable)?;
        Ok(Self { pair, signer })
    }

    pub(super) fn sign(&self, text: &[u8]) -> Result<String, EncodeError> {
        let mut signature = vec![0; self.signer.public_modulus_len()];
        self.signer
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
            .map_err(|_| EncodeError::Signing)?;
        Ok(base64::encode(&signature))
    }
}

/// An ECDSA P-256 key, for authorization codes.
pub(super) struct EcKey {
    pub(super) pair: KeyPair,
    signer: EcdsaKeyPair,
}

impl EcKey {
    pub(super) fn generate() -> Result<Self, KeyError> {
        Self::from_pair(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
    }

    pub(super) fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8_pem_and_sign_algo(pem, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| KeyError::Unreadable)?;
        Self::from_pair(pair)
    }

    fn from_pair(pair: KeyPair) -> Result<Self, KeyError> {
        let signer = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pair.serialized_der())
            .map_err(|_| KeyError::Unreadable)?;
        Ok(Self { pair, signer })
    }

    pub(super) fn sign(&self, text: &[u8]) -> Result<String, EncodeError> {
        let signature = self.signer.sign(&SystemRandom::new(), text).map_err(|_| EncodeError::Signing)?;
        Ok(base64::encode(signature.as_ref()))
    }
}

//! The server's side: a small PKI, modelled on `spec/formats.md` §13.

use std::fmt;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SerialNumber,
};
use slpsim_agent::{IdCert, InstanceId};
use slpsim_policy::Wall;
use time::OffsetDateTime;

use super::keys::{EcKey, KeyError, RsaKey};
use super::verifier::SignatureBlock;
use crate::error::EncodeError;

/// Begin of an ID certificate's validity, in seconds against its issue (`spec/formats.md` §5, D).
pub const ID_VALID_FROM_OFFSET_S: i64 = -302;

/// Years to each side for which root and signer are made. The one-year validity that the reference gives a signer is
/// judged by the issue time of what it signed, not by its certificate, so that a simulation may run for decades.
const CA_YEARS: i64 = 20;
const YEAR_MS: i64 = 365 * 86_400_000;

const ROOT_SERIAL: u64 = 1;
const SIGNER_SERIAL: u64 = 1001;
const AUTH_SERIAL: u64 = 1002;
/// `SERIALNUMBER` of a distinguished name (X.520).
const OID_SERIAL_NUMBER: [u64; 4] = [2, 5, 4, 5];

/// Root, signer and authorization signer of a peer: `CN=SLP Mock Licensing Root CA` -> `CN=Mock Signer`.
pub struct Signer {
    root_key: KeyPair,
    root_pem: String,
    rsa: RsaKey,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    ec: EcKey,
    auth_pem: String,
}

/// What an ID certificate is made for.
#[derive(Clone, Copy, Debug)]
pub struct IdRequest<'a> {
    /// The device's certificate request, PEM.
    pub csr: &'a str,
    /// `CN`: the product.
    pub product: &'a str,
    /// `SERIALNUMBER` and serial number.
    pub identity: IdCert,
    /// Begin of validity.
    pub valid_from: Wall,
    /// End of validity.
    pub valid_to: Wall,
}

impl Signer {
    /// A new PKI; takes about 0.2 s.
    ///
    /// # Errors
    /// [`KeyError::Library`].
    pub fn generate(now: Wall) -> Result<Self, KeyError> {
        let root = RsaKey::generate()?;
        let root_params = ca_params("SLP Mock Licensing Root CA", ROOT_SERIAL, now);
        let root_pem = root_params.self_signed(&root.pair)?.pem();
        let root_issuer = Issuer::new(root_params, root.pair);

        let rsa = RsaKey::generate()?;
        let pem = ca_params("Mock Signer", SIGNER_SERIAL, now).signed_by(&rsa.pair, &root_issuer)?.pem();

        let ec = EcKey::generate()?;
        let mut auth_params = ca_params("Mock Authorization Signer", AUTH_SERIAL, now);
        auth_params.is_ca = IsCa::NoCa;
        auth_params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let auth_pem = auth_params.signed_by(&ec.pair, &root_issuer)?.pem();
        let root_key = KeyPair::try_from(root_issuer.key().serialized_der())?;
        Self::assemble(root_key, root_pem, rsa, pem, ec, auth_pem)
    }

    fn assemble(
        root_key: KeyPair,
        root_pem: String,
        rsa: RsaKey,
        pem: String,
        ec: EcKey,
        auth_pem: String,
    ) -> Result<Self, KeyError> {
        let key = KeyPair::try_from(rsa.pair.serialized_der())?;
        let issuer = Issuer::from_ca_cert_pem(&pem, key).map_err(|_| KeyError::Incomplete)?;
        Ok(Self { root_key, root_pem, rsa, pem, issuer, ec, auth_pem })
    }

    /// Reads what [`Signer::to_pem`] wrote.
    ///
    /// # Errors
    /// [`KeyError::Incomplete`] or [`KeyError::Unreadable`].
    pub fn from_pem(bundle: &str) -> Result<Self, KeyError> {
        let (mut keys, mut certificates) = (Vec::new(), Vec::new());
        for block in bundle.split("-----BEGIN ").skip(1) {
            let block = format!("-----BEGIN {}\n", block.trim_end());
            if block.starts_with("-----BEGIN CERTIFICATE") {
                certificates.push(block);
            } else {
                keys.push(block);
            }
        }
        let keys: [String; 3] = keys.try_into().map_err(|_| KeyError::Incomplete)?;
        let certificates: [String; 3] = certificates.try_into().map_err(|_| KeyError::Incomplete)?;
        let [root_key, rsa, ec] = keys;
        let [root_pem, pem, auth_pem] = certificates;
        let root_key = RsaKey::from_pem(&root_key)?.pair;
        Self::assemble(root_key, root_pem, RsaKey::from_pem(&rsa)?, pem, EcKey::from_pem(&ec)?, auth_pem)
    }

    /// Everything as one PEM text: key and certificate of root, signer, authorization signer. A secret.
    #[must_use]
    pub fn to_pem(&self) -> String {
        [
            self.root_key.serialize_pem(),
            self.root_pem.clone(),
            self.rsa.pair.serialize_pem(),
            self.pem.clone(),
            self.ec.pair.serialize_pem(),
            self.auth_pem.clone(),
        ]
        .concat()
    }

    /// The root's certificate: what a device is given to verify with.
    #[must_use]
    pub fn root_pem(&self) -> &str {
        &self.root_pem
    }

    /// The signer's certificate: `sub_ca` of trust codes, `certificate` of signatures.
    #[must_use]
    pub fn signer_pem(&self) -> &str {
        &self.pem
    }

    /// Serial number of the signer: `key` of its signatures.
    #[must_use]
    pub const fn serial(&self) -> u64 {
        SIGNER_SERIAL
    }

    /// Signs an answer or the `data` of an object: RSA PKCS#1 v1.5 with SHA-256. `kind` is the word for the type.
    ///
    /// # Errors
    /// [`EncodeError::Signing`].
    pub fn sign(&self, text: &[u8], kind: &str) -> Result<SignatureBlock, EncodeError> {
        Ok(SignatureBlock {
            kind: kind.into(),
            key: SIGNER_SERIAL.to_string().into(),
            value: self.rsa.sign(text)?.into(),
            certificate: Some(self.pem.as_str().into()),
        })
    }

    /// Signs the element `authorizationCode`: ECDSA P-256 in DER.
    ///
    /// # Errors
    /// [`EncodeError::Signing`].
    pub fn sign_authorization(&self, element: &[u8]) -> Result<SignatureBlock, EncodeError> {
        Ok(SignatureBlock {
            kind: "SHA256".into(),
            key: AUTH_SERIAL.to_string().into(),
            value: self.ec.sign(element)?.into(),
            certificate: Some(self.auth_pem.as_str().into()),
        })
    }

    /// Makes an ID certificate, PEM: `CN=<product>, SERIALNUMBER=<product instance identifier>`, issued by the signer.
    ///
    /// # Errors
    /// [`KeyError::Csr`] where the request is not one, or not signed by the key in it.
    pub fn issue_id(&self, request: IdRequest<'_>) -> Result<String, KeyError> {
        let mut csr = CertificateSigningRequestParams::from_pem(request.csr).map_err(|_| KeyError::Csr)?;
        csr.params = CertificateParams::default();
        csr.params.distinguished_name = id_name(request.product, &request.identity.instance);
        csr.params.serial_number = Some(SerialNumber::from(request.identity.serial));
        csr.params.not_before = date(request.valid_from);
        csr.params.not_after = date(request.valid_to);
        csr.params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        csr.params.use_authority_key_identifier_extension = true;
        Ok(csr.signed_by(&self.issuer)?.pem())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("serial", &SIGNER_SERIAL).finish_non_exhaustive()
    }
}

fn id_name(product: &str, instance: &InstanceId) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, product);
    name.push(DnType::CustomDnType(OID_SERIAL_NUMBER.to_vec()), instance.to_string());
    name.push(DnType::OrganizationName, "SLP Mock");
    name
}

fn ca_params(common_name: &str, serial: u64, now: Wall) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(SerialNumber::from(serial));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params.not_before = date(now.plus_millis(-CA_YEARS * YEAR_MS));
    params.not_after = date(now.plus_millis(CA_YEARS * YEAR_MS));
    params.use_authority_key_identifier_extension = true;
    params
}

/// Certificates know whole seconds of the years 1950 to 9999 (RFC 5280 §4.1.2.5); what lies outside is moved inside.
fn date(wall: Wall) -> OffsetDateTime {
    const FIRST: i64 = -631_152_000;
    const LAST: i64 = 253_402_300_799;
    OffsetDateTime::from_unix_timestamp(wall.secs().clamp(FIRST, LAST)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::{Certificate, DeviceKeys, PublicKey, SignatureFault, Verifier};
    use slpsim_agent::Udi;

    const NOW: Wall = Wall(1_772_445_600_000);

    fn identity() -> IdCert {
        let instance = InstanceId::parse("00000000-0000-4000-8000-0000000000aa").unwrap();
        IdCert { instance, serial: 16_451_201 }
    }

    #[test]
    fn what_the_signer_signs_verifies_under_its_root_and_under_no_other() {
        let signer = Signer::generate(NOW).unwrap();
        let verifier = Verifier::root(signer.root_pem()).unwrap();
        let mut block = signer.sign(b"text", "SHA256").unwrap();
        assert_eq!(block.value.len(), 344);
        assert_eq!(verifier.verify(b"text", Some(&block)), Ok(()));
        assert_eq!(verifier.verify(b"texts", Some(&block)), Err(SignatureFault::Value));
        assert_eq!(verifier.verify(b"text", None), Err(SignatureFault::Missing));
        let authorization = signer.sign_authorization(b"code").unwrap();
        assert_eq!(verifier.verify(b"code", Some(&authorization)), Ok(()));
        // Another root of the same name, and one of another name.
        let other = Signer::generate(NOW).unwrap();
        let under_other = other.sign(b"text", "SHA256").unwrap();
        assert_eq!(verifier.verify(b"text", Some(&under_other)), Err(SignatureFault::NotUnderRoot));
        assert_eq!(Verifier::OFF.verify(b"text", Some(&under_other)), Ok(()));
        // Without its certificate the signer is known only where the device was given it.
        block.certificate = None;
        assert_eq!(verifier.verify(b"text", Some(&block)), Err(SignatureFault::UnknownSigner));
        let given = Verifier::root(&[signer.root_pem(), signer.signer_pem()].concat()).unwrap();
        assert_eq!(given.verify(b"text", Some(&block)), Ok(()));
        block.kind = "MD5".into();
        assert_eq!(given.verify(b"text", Some(&block)), Err(SignatureFault::Kind));
    }

    #[test]
    fn a_signer_that_was_seen_before_is_judged_as_strictly_as_a_new_one() {
        let signer = Signer::generate(NOW).unwrap();
        let verifier = Verifier::root(signer.root_pem()).unwrap();
        let genuine = signer.sign(b"text", "SHA256").unwrap();
        let renamed = SignatureBlock { key: "1".into(), ..genuine.clone() };
        let stranger = Signer::generate(NOW).unwrap().sign(b"text", "SHA256").unwrap();
        for _ in 0..2 {
            assert_eq!(verifier.verify(b"text", Some(&genuine)), Ok(()));
            assert_eq!(verifier.verify(b"texts", Some(&genuine)), Err(SignatureFault::Value));
            assert_eq!(verifier.verify(b"text", Some(&renamed)), Err(SignatureFault::OtherSerial));
            assert_eq!(verifier.verify(b"text", Some(&stranger)), Err(SignatureFault::NotUnderRoot));
        }
        assert_eq!(Verifier::NOBODY.verify(b"text", Some(&genuine)), Err(SignatureFault::UnknownIssuer));
    }

    #[test]
    fn an_id_certificate_makes_no_signer() {
        let signer = Signer::generate(NOW).unwrap();
        let verifier = Verifier::root(signer.root_pem()).unwrap();
        let keys = DeviceKeys::generate().unwrap();
        let csr = keys.csr(&Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap()).unwrap();
        let request = IdRequest {
            csr: &csr,
            product: "N9K-C93180YC-FX3",
            identity: identity(),
            valid_from: NOW.plus_millis(ID_VALID_FROM_OFFSET_S * 1000),
            valid_to: NOW.plus_millis(8 * YEAR_MS),
        };
        let id_cert = signer.issue_id(request).unwrap();
        assert_eq!(Certificate::from_pem(&id_cert).unwrap().serial, Some(16_451_201));
        let value = keys.sign(b"text").unwrap();
        assert!(PublicKey::from_certificate_pem(&id_cert).unwrap().verifies(b"text", &value));
        let block = SignatureBlock {
            kind: "SHA256".into(),
            key: "16451201".into(),
            value: value.into(),
            certificate: Some(id_cert.into()),
        };
        assert_eq!(verifier.verify(b"text", Some(&block)), Err(SignatureFault::UnknownIssuer));
        assert_eq!(signer.issue_id(IdRequest { csr: "nonsense", ..request }), Err(KeyError::Csr));
    }

    #[test]
    fn a_pki_and_a_device_key_outlive_the_process() {
        let signer = Signer::generate(NOW).unwrap();
        let again = Signer::from_pem(&signer.to_pem()).unwrap();
        assert_eq!(again.to_pem(), signer.to_pem());
        assert_eq!(again.sign(b"text", "SHA256").unwrap(), signer.sign(b"text", "SHA256").unwrap());
        assert_eq!(Signer::from_pem("").unwrap_err(), KeyError::Incomplete);
        let keys = DeviceKeys::generate().unwrap();
        let again = DeviceKeys::from_pem(&keys.to_pem()).unwrap();
        assert_eq!(again.sign(b"text").unwrap(), keys.sign(b"text").unwrap());
        assert_eq!(DeviceKeys::from_pem("-----BEGIN").unwrap_err(), KeyError::Unreadable);
    }

    #[test]
    fn no_secret_is_printed() {
        assert_eq!(format!("{:?}", DeviceKeys::generate().unwrap()), "DeviceKeys(..)");
        assert_eq!(format!("{:?}", Signer::generate(NOW).unwrap()), "Signer { serial: 1001, .. }");
    }

    #[test]
    fn times_outside_what_a_certificate_can_say_are_moved_inside() {
        for extreme in [i64::MIN, i64::MAX] {
            assert!((1950..=9999).contains(&date(Wall(extreme)).year()));
        }
    }

    #[test]
    fn a_root_file_that_cannot_be_used_is_refused() {
        let signer = Signer::generate(NOW).unwrap();
        let other = Signer::generate(NOW).unwrap();
        use crate::sign::CertError;
        assert_eq!(Verifier::root("").unwrap_err(), CertError::NoRoot);
        assert_eq!(Verifier::root(signer.signer_pem()).unwrap_err(), CertError::NoRoot);
        let mixed = [signer.root_pem(), other.signer_pem()].concat();
        assert_eq!(Verifier::root(&mixed).unwrap_err(), CertError::Stray);
    }
}

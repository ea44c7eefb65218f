//! Who a TLS listener is, and whom it lets in.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::{ReceiveError, TlsListen};
use crate::sink::{OpenError, certificates};

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// The configuration of a listener, and the certificate where one had to be made (PEM).
pub(super) fn config(wanted: &TlsListen) -> Result<(ServerConfig, Option<String>), ReceiveError> {
    let other = |error: String| ReceiveError::Certificate(error);
    let ((chain, key), made) = match &wanted.identity {
        Some(identity) => {
            let of_key = |error| OpenError::Tls {
                path: identity.key.clone(),
                reason: format!("no private key in PEM ({error})"),
            };
            let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(of_key)?;
            ((certificates(&identity.certificate)?, key), None)
        }
        None => make(wanted).map_err(|error| other(error.to_string()))?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| other(error.to_string()))?;
    let builder = match &wanted.ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| other(format!("{}: {error}", path.display())))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| other(error.to_string()))?)
        }
    };
    let config = builder.with_single_cert(chain, key).map_err(|error| other(error.to_string()))?;
    Ok((config, made))
}

/// A certificate for the listener's address and `localhost`, which is its own root.
fn make(wanted: &TlsListen) -> Result<(Identity, Option<String>), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned(), wanted.address.ip().to_string()];
    let certificate = CertificateParams::new(names)?.self_signed(&key)?;
    let private = PrivatePkcs8KeyDer::from(key.serialize_der());
    Ok(((vec![certificate.der().clone()], private.into()), Some(certificate.pem())))
}

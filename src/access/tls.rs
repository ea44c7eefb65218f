//! The certificate of NX-API over HTTPS: the switch's own, signed by itself, as on NX-OS.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, SanType};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Key and certificate, in one file.
const FILE: &str = "nxapi.pem";
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// TLS with the certificate of the device whose folder this is; made (mode 0600) where there is none.
pub(super) fn server_config(folder: &Path) -> Result<Arc<ServerConfig>> {
    let path = folder.join(FILE);
    let pem = match fs::File::open(&path) {
        Ok(file) => {
            let mut pem = Vec::new();
            file.take(MAX_FILE).read_to_end(&mut pem).with_context(|| path.display().to_string())?;
            pem
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(&path).with_context(|| path.display().to_string())?
        }
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    configured(&pem).with_context(|| {
        format!("{} is damaged: restore it, or delete it for a new certificate", path.display())
    })
}

fn configured(pem: &[u8]) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(pem)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_no_client_auth().with_single_cert(chain, key)?))
}

fn make(path: &Path) -> Result<Vec<u8>> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, "nxos");
    params.subject_alt_names.push(SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    let certificate = params.self_signed(&key)?;
    let pem = [key.serialize_pem(), certificate.pem()].concat().into_bytes();
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(&pem)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_certificate_is_made_once_private_and_a_damaged_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        server_config(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let first = fs::read(&path).unwrap();
        server_config(folder.path()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), first);
        fs::write(&path, "rubbish").unwrap();
        let error = format!("{:#}", server_config(folder.path()).unwrap_err());
        assert!(error.contains("is damaged"), "{error}");
    }
}

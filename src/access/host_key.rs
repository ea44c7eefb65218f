//! The key by which SSH clients know a switch again.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

use crate::store::sync_folder;

/// Name of the file, as OpenSSH names it.
const FILE: &str = "ssh_host_ed25519_key";
/// Largest key file that is read, in bytes.
const MAX_KEY: u64 = 64 << 10;

/// The host key of the device whose folder this is; made (mode 0600) where there is none.
///
/// A damaged one is an error and stays where it is: a switch that is suddenly another one is what clients must notice.
pub(super) fn host_key(folder: &Path) -> Result<PrivateKey> {
    let path = folder.join(FILE);
    let mut text = Vec::new();
    match fs::File::open(&path) {
        Ok(file) => {
            file.take(MAX_KEY).read_to_end(&mut text).with_context(|| path.display().to_string())?;
            let key = PrivateKey::from_openssh(&text).with_context(|| {
                format!("{} is damaged: restore it, or delete it for a new host key", path.display())
            })?;
            Ok(key)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(folder, &path).with_context(|| path.display().to_string())
        }
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn make(folder: &Path, path: &Path) -> Result<PrivateKey> {
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| anyhow!("the system has no random numbers"))?;
    let key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    let text = key.to_openssh(LineEnding::LF)?;
    let temporary = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(folder)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_host_key_is_made_once_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let first = host_key(folder.path()).unwrap();
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(host_key(folder.path()).unwrap().public_key(), first.public_key());
        fs::write(&path, "rubbish").unwrap();
        let error = format!("{:#}", host_key(folder.path()).unwrap_err());
        assert!(error.contains("is damaged") && error.contains(FILE), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "rubbish");
    }
}

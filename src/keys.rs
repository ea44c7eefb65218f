//! The private keys of devices, in the state folder: making one takes longer than everything else at a start.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use slpsim_transport::sign::DeviceKeys;

use crate::error::BlameUser;
use crate::store::sync_folder;

/// Largest key file that is read, in bytes.
const MAX_KEY: u64 = 64 << 10;
/// Name of the key in the folder of a device's keys.
const FILE: &str = "device.pem";

/// The key of the device whose folder this is; made where there is none. A damaged key file is kept aside: what was
/// signed with that key, such as trust, has to be got anew then.
///
/// # Errors
/// Where the folder cannot be read or written.
pub fn device_keys(folder: &Path) -> Result<DeviceKeys> {
    let path = folder.join(FILE);
    match read(&path) {
        Ok(pem) => match DeviceKeys::from_pem(&pem) {
            Ok(keys) => return Ok(keys),
            Err(error) => {
                let aside = keep_aside(&path).with_context(|| path.display().to_string()).blame_user()?;
                tracing::warn!(
                    "{}: {error}; kept aside as {}, and a new key is made: trust must be established anew",
                    path.display(),
                    aside.display()
                );
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| path.display().to_string()).blame_user(),
    }
    let keys = DeviceKeys::generate().context("no key for the device")?;
    write(folder, &path, &keys.to_pem()).with_context(|| path.display().to_string()).blame_user()?;
    Ok(keys)
}

/// Whether a device with this folder has a key already.
#[must_use]
pub fn has_key(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

/// Makes the keys that are missing, each on a thread of its own: whoever has many devices gives as many folders as there
/// are cores.
///
/// # Errors
/// As [`device_keys`].
pub fn make_missing(folders: &[PathBuf]) -> Result<()> {
    std::thread::scope(|scope| {
        let missing = folders.iter().filter(|folder| !has_key(folder));
        let making: Vec<_> = missing.map(|folder| scope.spawn(|| device_keys(folder).map(drop))).collect();
        let mut made = making.into_iter().map(|thread| match thread.join() {
            Ok(made) => made,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        made.by_ref().find(Result::is_err).unwrap_or(Ok(()))
    })
}

fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_KEY).read_to_end(&mut bytes)?;
    // What is no text is no key either, and kept aside as such.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn keep_aside(path: &Path) -> io::Result<PathBuf> {
    for number in 1..1000 {
        let aside = path.with_extension(format!("pem.damaged-{number}"));
        match fs::hard_link(path, &aside) {
            Ok(()) => {
                fs::remove_file(path)?;
                return Ok(aside);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many damaged keys are kept; look at them"))
}

/// The key is durable before anything is signed with it.
fn write(folder: &Path, path: &Path, pem: &str) -> Result<()> {
    let temporary = path.with_extension("pem.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_folder(folder)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_made_once_private_and_replaced_where_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let first = device_keys(folder.path()).unwrap().to_pem();
        let path = folder.path().join("device.pem");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(device_keys(folder.path()).unwrap().to_pem(), first);
        fs::write(&path, "rubbish").unwrap();
        assert_ne!(device_keys(folder.path()).unwrap().to_pem(), first);
        assert_eq!(fs::read_to_string(folder.path().join("device.pem.damaged-1")).unwrap(), "rubbish");
        fs::write(&path, b"\xff\xfe\0").unwrap();
        device_keys(folder.path()).unwrap();
        assert_eq!(fs::read(folder.path().join("device.pem.damaged-2")).unwrap(), b"\xff\xfe\0");
    }

    #[test]
    fn missing_keys_are_made_together_and_those_that_are_there_stay() {
        let root = tempfile::tempdir().unwrap();
        let folders: Vec<_> = ["a", "b", "c"].map(|name| root.path().join(name)).into();
        folders.iter().for_each(|folder| fs::create_dir(folder).unwrap());
        let first = device_keys(&folders[0]).unwrap().to_pem();
        make_missing(&folders).unwrap();
        let made: Vec<_> = folders.iter().map(|f| fs::read_to_string(f.join(FILE)).unwrap()).collect();
        assert_eq!(made[0], first);
        assert_ne!(made[1], made[2]);
        fs::remove_file(folders[1].join(FILE)).unwrap();
        let gone = root.path().join("gone");
        let error = make_missing(&[gone.clone(), folders[1].clone()]).unwrap_err();
        assert!(error.to_string().contains(&gone.display().to_string()), "{error:#}");
        assert!(has_key(&folders[1]), "what could be made is there");
    }
}

//! The state folder: who may use it, and what lies where in it.
//!
//! ```text
//! lock             held by the process that uses the folder; its number is inside
//! clock.0 .1       the simulated time
//! devices/NAME.0 .1
//! files/NAME/       the file systems of a switch: bootflash/ and others
//! keys/            private keys and certificates
//! control.sock
//! ```

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

use crate::error::{BlameUser, user_error};
use crate::store::{SlotStore, sync_folder};

/// A state folder that this process alone uses until the value is dropped.
#[derive(Debug)]
pub struct StateFolder {
    path: PathBuf,
    _lock: Flock<File>,
}

impl StateFolder {
    /// `$XDG_STATE_HOME/slpsim`, else `~/.local/state/slpsim` (XDG Base Directory Specification).
    ///
    /// # Errors
    /// Where the environment names no home.
    pub fn default_path() -> Result<PathBuf> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")));
        base.map(|base| base.join("slpsim"))
            .ok_or_else(|| user_error("neither XDG_STATE_HOME nor HOME is set: give --state DIR"))
    }

    /// Makes the folder where it is missing (mode 0700) and locks it.
    ///
    /// # Errors
    /// Where it cannot be made or written, or another process has it; each is one line for the user.
    pub fn open(path: &Path) -> Result<Self> {
        make_folder(path)?;
        let lock_path = path.join("lock");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock_path)
            .with_context(|| format!("state folder {} cannot be written", path.display()))
            .blame_user()?;
        let mut lock = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => lock,
            Err((file, Errno::EAGAIN)) => return Err(held(path, file)),
            Err((_, errno)) => {
                return Err(user_error(format!("cannot lock {}: {errno}", lock_path.display())));
            }
        };
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .with_context(|| format!("state folder {} cannot be written", path.display()))
            .blame_user()?;
        let path = path.canonicalize().with_context(|| path.display().to_string()).blame_user()?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The store of a device's state, of format `version`.
    ///
    /// # Errors
    /// Where its folder cannot be made.
    pub fn device_store(&self, device: &str, version: u16) -> Result<SlotStore> {
        let folder = self.folder("devices")?;
        Ok(SlotStore::new(&folder, &file_name(device), version))
    }

    /// The store of something that the folder has once, such as the clock.
    #[must_use]
    pub fn store(&self, name: &str, version: u16) -> SlotStore {
        SlotStore::new(&self.path, name, version)
    }

    /// A folder for private keys and certificates of `owner` (mode 0700).
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn keys(&self, owner: &str) -> Result<PathBuf> {
        let folder = self.folder("keys")?.join(file_name(owner));
        make_folder(&folder)?;
        Ok(folder)
    }

    /// The folder of a device's file systems (mode 0700).
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn files(&self, device: &str) -> Result<PathBuf> {
        let folder = self.folder("files")?.join(file_name(device));
        make_folder(&folder)?;
        Ok(folder)
    }

    /// Where the control socket is unless the user says otherwise.
    #[must_use]
    pub fn control_socket(path: &Path) -> PathBuf {
        path.join("control.sock")
    }

    fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path.join(name);
        make_folder(&folder)?;
        Ok(folder)
    }
}

fn make_folder(path: &Path) -> Result<()> {
    let missing: Vec<_> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("state folder {} cannot be made", path.display()))
        .blame_user()?;
    for around in missing.iter().filter_map(|made| made.parent()) {
        // What is durable in a new folder is lost with the folder. One that may not be read is not ours to make durable.
        let _ = sync_folder(if around.as_os_str().is_empty() { Path::new(".") } else { around });
    }
    Ok(())
}

fn held(path: &Path, file: File) -> anyhow::Error {
    let mut pid = String::new();
    let known = file.take(20).read_to_string(&mut pid).is_ok() && pid.trim().parse::<u32>().is_ok();
    let who = if known { format!("process {}", pid.trim()) } else { "another process".into() };
    user_error(format!(
        "state folder {} is in use by {who}: stop it, or give another one with --state DIR",
        path.display()
    ))
}

/// A name as one component of a path: what could mean something else there is written as `%` and two hex digits.
fn file_name(name: &str) -> String {
    let mut safe = String::new();
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' || (byte == b'.' && at > 0);
        if plain { safe.push(char::from(byte)) } else { safe.push_str(&format!("%{byte:02X}")) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{UserError, one_line};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_second_process_is_told_who_has_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("deep/state");
        let held = StateFolder::open(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let error = one_line(&StateFolder::open(&path).unwrap_err());
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(held);
        StateFolder::open(&path).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let error = StateFolder::open(Path::new("/proc/nowhere/state")).unwrap_err();
        assert!(one_line(&error).contains("/proc/nowhere/state"), "{error:#}");
        assert!(error.is::<UserError>());
    }

    #[test]
    fn a_device_name_stays_inside_its_folder() {
        for (name, file) in
            [("switch-1.lab", "switch-1.lab"), ("../x", "%2E.%2Fx"), ("a b", "a%20b"), (".", "%2E")]
        {
            assert_eq!(file_name(name), file);
        }
    }
}

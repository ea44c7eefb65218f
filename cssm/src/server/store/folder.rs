//! Keys and tokens as files of a folder, and whether a file of records is still the one that was opened.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::StoreError;
use crate::server::pki;

pub(super) fn make(dir: &Path) -> Result<(), StoreError> {
    pki::make_dir(dir).map_err(|error| refused(dir, &error))
}

pub(super) fn read(dir: &Path, name: &str) -> Result<Option<String>, StoreError> {
    let path = dir.join(name);
    let read = pki::read(Some(&path)).map_err(|error| refused(dir, &error))?;
    Ok(read.map(|(_, text)| text))
}

pub(super) fn write(dir: &Path, name: &str, text: &str) -> Result<(), StoreError> {
    pki::write_secret(Some(&dir.join(name)), text).map_err(|error| refused(dir, &error))
}

/// Which file it is, whatever its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    number: u64,
}

impl From<&Metadata> for Identity {
    fn from(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), number: metadata.ino() }
    }
}

/// The file that has this name.
pub(super) fn identity(path: &Path) -> Result<Identity, StoreError> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Identity::from(&metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(gone(path, "the file was deleted")),
        Err(error) => Err(gone(path, &error.to_string())),
    }
}

/// The file `opened` is the one that has the name: one that somebody has deleted or replaced while it is open takes what is
/// written and loses it with the process.
pub(super) fn checked(path: &Path, opened: Option<Identity>) -> Result<(), StoreError> {
    match opened {
        None => Err(gone(path, "it is not open")),
        Some(opened) if identity(path)? == opened => Ok(()),
        Some(_) => Err(gone(path, "another file has its name now")),
    }
}

fn gone(path: &Path, detail: &str) -> StoreError {
    StoreError::Gone { store: path.display().to_string(), detail: detail.into() }
}

fn refused(dir: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused { store: dir.display().to_string(), detail: error.to_string() }
}

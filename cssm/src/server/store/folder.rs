//! Keys and tokens as files of a folder.

use std::fs;
use std::io;
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

/// A file that somebody has deleted while it is open takes what is written and loses it with the process.
pub(super) fn still_there(path: &Path) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::Gone { store: path.display().to_string(), detail: "the file was deleted".into() })
        }
        Err(error) => Err(StoreError::Gone { store: path.display().to_string(), detail: error.to_string() }),
    }
}

fn refused(dir: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Refused { store: dir.display().to_string(), detail: error.to_string() }
}

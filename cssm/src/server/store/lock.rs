//! One mock at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::StoreError;

/// Keeps every other mock out.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock `file` of the store `of`; the system gives it back when the process ends, however that happens.
    pub(super) fn take(file: &Path, of: &Path) -> Result<Self, StoreError> {
        let trouble = |error: std::io::Error| StoreError::Refused {
            store: of.display().to_string(),
            detail: format!("{}: {error}", file.display()),
        };
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(file);
        let opened = opened.map_err(trouble)?;
        match opened.try_lock() {
            Ok(()) => Ok(Self { _file: opened }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(of.display().to_string())),
            Err(TryLockError::Error(error)) => Err(trouble(error)),
        }
    }
}

//! Records on disk: a snapshot that grows by the lines of what changes, and is written anew at each start.
//!
//! Lines reach the operating system before the answer leaves, so they outlive the process, not a power cut.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::pki::PkiError;
use crate::cssm::Cssm;

/// The file that grows.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    failed: bool,
}

/// Keeps everybody else out of a folder.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes it; the system gives it back when the process ends, however that happens.
    pub(super) fn take(dir: &Path) -> Result<Self, PkiError> {
        super::pki::make_dir(dir)?;
        let path = dir.join("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|source| PkiError::File { path: path.clone(), source })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(PkiError::InUse(dir.into())),
            Err(TryLockError::Error(source)) => Err(PkiError::File { path, source }),
        }
    }
}

impl Journal {
    /// What was known when the mock ran before; empty at the first time. A last line that a crash has cut is left out.
    pub(super) fn read(dir: &Path) -> Result<(PathBuf, String), PkiError> {
        let path = dir.join("records.jsonl");
        let mut text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(PkiError::File { path, source }),
        };
        text.truncate(text.rfind('\n').map_or(0, |at| at + 1));
        Ok((path, text))
    }

    /// Writes a snapshot of `cssm` and has it note its changes from now on.
    pub(super) fn begin(path: &Path, cssm: &mut Cssm) -> Result<Self, PkiError> {
        let write = || {
            let beside = path.with_extension("new");
            let _ = fs::remove_file(&beside);
            let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&beside)?;
            let mut text = cssm.export().join("\n");
            text.push('\n');
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, path)?;
            Ok(file)
        };
        let file = write().map_err(|source| PkiError::File { path: path.into(), source })?;
        cssm.keep_journal();
        cssm.journal();
        Ok(Self { file, failed: false })
    }

    /// Adds what has changed. Trouble is told once; the mock goes on with what is in memory.
    pub(super) fn follow(&mut self, cssm: &mut Cssm) {
        let lines = cssm.journal();
        if lines.is_empty() {
            return;
        }
        let mut text = lines.join("\n");
        text.push('\n');
        if let Err(error) = self.file.write_all(text.as_bytes())
            && !std::mem::replace(&mut self.failed, true)
        {
            tracing::error!(%error, "cannot write the mock's records; a restart will not know what happened since");
        }
    }
}

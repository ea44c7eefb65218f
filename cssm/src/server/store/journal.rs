//! Records in a file of JSON lines: a snapshot that grows by what changes, and is written anew at each start.
//!
//! Lines reach the operating system before the answer leaves, so they outlive the process, not a power cut.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::backend::{Backend, Pulled, Take, Vault};
use super::lock::Lock;
use super::{StoreError, folder};
use crate::persist::Entry;

/// A folder with such a file.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    path: PathBuf,
    /// The lines of this run are behind the snapshot; none before the first one.
    file: Option<File>,
    _lock: Lock,
}

/// Its name in the folder.
pub(super) const FILE: &str = "records.jsonl";

impl Journal {
    pub(super) fn open(dir: &Path) -> Result<Self, StoreError> {
        folder::make(dir)?;
        let lock = Lock::take(&dir.join("lock"), dir)?;
        Ok(Self { dir: dir.into(), path: dir.join(FILE), file: None, _lock: lock })
    }

    fn trouble(&self, error: &io::Error) -> StoreError {
        trouble(&self.path, error)
    }

    fn append(&mut self, entries: &[Entry]) -> io::Result<()> {
        let mut text = String::new();
        for entry in entries {
            text.push_str(&entry.line);
            text.push('\n');
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
                self.file.insert(file)
            }
        };
        let begin = file.seek(io::SeekFrom::End(0))?;
        // A batch of which only a part fits is taken away again, so that it is there as a whole or not at all.
        file.write_all(text.as_bytes()).inspect_err(|_| drop(file.set_len(begin)))
    }
}

/// Hands out the whole lines of a file of records; a last one that a crash has cut is left out.
pub(super) fn read_lines(path: &Path, take: Take<'_>) -> Result<(), StoreError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(trouble(path, &error)),
    };
    let damaged = |detail: String| StoreError::Damaged { store: path.display().to_string(), detail };
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(|error| trouble(path, &error))?;
        let Some(whole) = line.strip_suffix(b"\n") else { return Ok(()) };
        let text = std::str::from_utf8(whole).map_err(|_| damaged("it is not UTF-8".into()))?;
        take(text).map_err(damaged)?;
    }
}

fn trouble(path: &Path, error: &io::Error) -> StoreError {
    let (store, detail) = (path.display().to_string(), error.to_string());
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge) {
        StoreError::Full { store, detail }
    } else if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) {
        StoreError::Refused { store, detail }
    } else {
        StoreError::Gone { store, detail }
    }
}

impl Backend for Journal {
    fn is_shared(&self) -> bool {
        false
    }

    fn load(&mut self, take: Take<'_>) -> Result<(), StoreError> {
        // The last line of each record alone, so that the file does not grow over restarts.
        let mut last = std::collections::BTreeMap::new();
        let mut order = 0_u64;
        read_lines(&self.path, &mut |text| {
            take(text)?;
            if text.trim().is_empty() {
                return Ok(());
            }
            let entry = crate::persist::entry_of(text)?;
            order += 1;
            let key = (entry.rank, entry.kind, entry.key.clone());
            let born = last.get(&key).map_or(order, |(born, _)| *born);
            if entry.gone {
                drop(last.remove(&key))
            } else {
                drop(last.insert(key, (born, entry)))
            }
            Ok(())
        })?;
        let mut entries: Vec<_> = last.into_values().collect();
        entries.sort_unstable_by_key(|(born, entry)| (entry.rank, *born));
        self.file = None;
        let beside = self.path.with_extension("new");
        let write = || {
            let _ = fs::remove_file(&beside);
            let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&beside)?;
            let mut writer = io::BufWriter::new(file);
            for (_, entry) in &entries {
                writeln!(writer, "{}", entry.line)?;
            }
            let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)?;
            Ok(file)
        };
        self.file = Some(write().map_err(|error: io::Error| self.trouble(&error))?);
        Ok(())
    }

    fn begin(&mut self) -> Result<Pulled, StoreError> {
        Ok(Pulled::NOTHING)
    }

    fn commit(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        folder::still_there(&self.path)?;
        self.append(entries).map_err(|error| self.trouble(&error))
    }

    fn cancel(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn look(&mut self) -> Result<Pulled, StoreError> {
        Ok(Pulled::NOTHING)
    }
}

impl Vault for Journal {
    fn read(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        folder::read(&self.dir, name)
    }

    fn write(&mut self, name: &str, text: &str) -> Result<(), StoreError> {
        folder::write(&self.dir, name, text)
    }

    fn place(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }
}

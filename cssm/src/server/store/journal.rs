//! Records in a file of JSON lines: a snapshot that grows by what changes, and is written anew at each start.
//!
//! Lines reach the operating system before the answer leaves, so they outlive the process, not a power cut. What belongs
//! together ends with an empty line: what a crash has cut is not taken in part.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::backend::{Backend, Pulled, Take, Vault};
use super::folder::Identity;
use super::lock::Lock;
use super::watch::{Boundary, Watched};
use super::{StoreError, folder};
use crate::persist::{Entry, entry_of};

/// A folder with such a file.
#[derive(Debug)]
pub(super) struct Journal {
    dir: PathBuf,
    path: PathBuf,
    /// The lines of this run are behind the snapshot; none before the first one. It may be another file that has the name.
    file: Option<(File, Identity)>,
    /// There has been a snapshot, so a file that is not there was taken away.
    begun: bool,
    watched: Watched,
    _lock: Lock,
}

/// Its name in the folder.
pub(super) const FILE: &str = "records.jsonl";

impl Journal {
    pub(super) fn open(dir: &Path, watched: Watched) -> Result<Self, StoreError> {
        folder::make(dir)?;
        let lock = Lock::take(&dir.join("lock"), dir)?;
        Ok(Self { dir: dir.into(), path: dir.join(FILE), file: None, begun: false, watched, _lock: lock })
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
        text.push('\n');
        let Some((file, _)) = &mut self.file else { return Err(io::ErrorKind::NotConnected.into()) };
        let begin = file.seek(io::SeekFrom::End(0))?;
        // A batch of which only a part fits is taken away again, so that it is there as a whole or not at all.
        file.write_all(text.as_bytes()).inspect_err(|_| drop(file.set_len(begin)))
    }
}

/// Hands out the lines of a file of records up to the last empty one; of a file that has none, as a release before this one
/// has written it, all that are whole.
pub(super) fn read_lines(path: &Path, take: Take<'_>) -> Result<(), StoreError> {
    let mut left = match whole_part(path) {
        Ok(left) => left,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(trouble(path, &error)),
    };
    let damaged = |detail: String| StoreError::Damaged { store: path.display().to_string(), detail };
    let mut reader = BufReader::new(File::open(path).map_err(|error| trouble(path, &error))?);
    let mut line = Vec::new();
    while left > 0 {
        line.clear();
        let read = reader.read_until(b'\n', &mut line).map_err(|error| trouble(path, &error))?;
        left = left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        let Some(whole) = line.strip_suffix(b"\n") else { return Ok(()) };
        let text = std::str::from_utf8(whole).map_err(|_| damaged("it is not UTF-8".into()))?;
        take(text).map_err(damaged)?;
    }
    Ok(())
}

/// The last form of each record in a file of them, in the order in which every store hands them out: by rank, then as they
/// came first. `take` sees each line before.
pub(super) fn last_forms(path: &Path, take: Take<'_>) -> Result<Vec<Entry>, StoreError> {
    let mut last = BTreeMap::new();
    let mut number = 0_u64;
    read_lines(path, &mut |text| {
        number += 1;
        take(text)?;
        if text.trim().is_empty() {
            return Ok(());
        }
        let entry = entry_of(text).map_err(|error| format!("line {number}: {error}"))?;
        let key = (entry.rank, entry.kind, entry.key.clone());
        let born = last.get(&key).map_or(number, |(born, _)| *born);
        if entry.gone {
            drop(last.remove(&key))
        } else {
            drop(last.insert(key, (born, entry)))
        }
        Ok(())
    })?;
    let mut entries: Vec<_> = last.into_values().collect();
    entries.sort_unstable_by_key(|(born, entry)| (entry.rank, *born));
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

/// How many bytes of a file of records are to be read.
fn whole_part(path: &Path) -> io::Result<u64> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut at, mut last, mut line) = (0, None, Vec::new());
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(last.unwrap_or(at));
        }
        at += u64::try_from(read).map_err(io::Error::other)?;
        if line == b"\n" {
            last = Some(at);
        }
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
        if self.begun {
            folder::identity(&self.path)?;
        }
        // The last form of each record alone, so that the file does not grow over restarts.
        let entries = last_forms(&self.path, take)?;
        self.file = None;
        let beside = self.path.with_extension("new");
        let write = || {
            let _ = fs::remove_file(&beside);
            let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&beside)?;
            let mut writer = io::BufWriter::new(file);
            for entry in &entries {
                writeln!(writer, "{}", entry.line)?;
            }
            writeln!(writer)?;
            let file = writer.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            let identity = Identity::from(&file.metadata()?);
            fs::rename(&beside, &self.path)?;
            Ok((file, identity))
        };
        self.file = Some(write().map_err(|error: io::Error| self.trouble(&error))?);
        self.begun = true;
        Ok(())
    }

    fn begin(&mut self) -> Result<Pulled, StoreError> {
        Ok(Pulled::NOTHING)
    }

    fn commit(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        folder::checked(&self.path, self.file.as_ref().map(|(_, identity)| *identity))?;
        self.watched.at(Boundary::Written);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        fs::write(&path, text).unwrap();
        let mut lines = Vec::new();
        read_lines(&path, &mut |line| {
            lines.extend((!line.is_empty()).then(|| line.to_owned()));
            Ok(())
        })
        .unwrap();
        lines
    }

    #[test]
    fn what_belongs_together_and_was_cut_is_not_taken_in_part() {
        let whole = "a\nb\n\nc\nd\n\n";
        assert_eq!(read(whole), ["a", "b", "c", "d"]);
        for cut in 5..whole.len() {
            assert_eq!(read(&whole[..cut]), ["a", "b"], "{cut}");
        }
        assert_eq!(read("a\nb\nc"), ["a", "b"], "of a release before");
    }
}

//! Two slot files, written in turn.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::slot::{self, HEADER, Slot};
use super::{KeptAside, Loaded, MAX_BLOB, Store, StoreError};

/// How many damaged files of one name are kept before the operator has to look.
const MAX_ASIDE: u32 = 1000;

/// A blob in two files, `NAME.0` and `NAME.1`, mode 0600. A save goes to the one that does not hold the last good
/// state, and counts only when it is on disk; a save that is cut off leaves the other file as it was.
#[derive(Debug)]
pub struct SlotStore {
    folder: PathBuf,
    paths: [PathBuf; 2],
    version: u16,
    /// Position and sequence number of the last good slot.
    last: Option<(usize, u64)>,
    loaded: bool,
    writes: u64,
}

impl SlotStore {
    /// A store named `name` in `folder`, which must exist, for blobs of format `version`.
    #[must_use]
    pub fn new(folder: &Path, name: &str, version: u16) -> Self {
        let path = |slot: usize| folder.join(format!("{name}.{slot}"));
        Self {
            folder: folder.into(),
            paths: [path(0), path(1)],
            version,
            last: None,
            loaded: false,
            writes: 0,
        }
    }

    fn read(&self, path: &Path) -> Result<Option<Slot>, StoreError> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(io_error("open", path, source)),
        };
        let limit = u64::try_from(HEADER + MAX_BLOB).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes).map_err(|source| io_error("read", path, source))?;
        Ok(Some(slot::decode(&bytes, self.version)))
    }

    /// Moves a damaged file to a name of its own, never over another one.
    fn move_aside(&self, path: &Path, why: &'static str) -> Result<KeptAside, StoreError> {
        for number in 1..=MAX_ASIDE {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".damaged-{number}"));
            let aside = PathBuf::from(name);
            // A link fails where the name is taken; a rename would write over it.
            match fs::hard_link(path, &aside) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(source) => return Err(io_error("keep aside", path, source)),
            }
            fs::remove_file(path).map_err(|source| io_error("keep aside", path, source))?;
            sync_folder(&self.folder)?;
            return Ok(KeptAside { path: aside, why });
        }
        let full = io::Error::other(format!("{MAX_ASIDE} damaged files are kept already; look at them"));
        Err(io_error("keep aside", path, full))
    }
}

impl Store for SlotStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let mut loaded = Loaded::default();
        let mut damaged = Vec::new();
        self.last = None;
        for (position, path) in self.paths.iter().enumerate() {
            match self.read(path)? {
                None => {}
                Some(Slot::Good { sequence, blob }) => {
                    let is_later = self.last.is_none_or(|(_, best)| sequence > best);
                    if is_later {
                        self.last = Some((position, sequence));
                        loaded.blob = Some(blob);
                    }
                }
                Some(Slot::Newer { found }) => {
                    return Err(StoreError::Newer { path: path.clone(), found, known: self.version });
                }
                Some(Slot::Damaged { why }) => damaged.push((path.clone(), why)),
            }
        }
        for (path, why) in damaged {
            if self.last.is_some() {
                loaded.torn.push(path);
            } else {
                loaded.kept_aside.push(self.move_aside(&path, why)?);
            }
        }
        self.loaded = true;
        Ok(loaded)
    }

    fn save(&mut self, blob: &[u8]) -> Result<(), StoreError> {
        if blob.len() > MAX_BLOB {
            return Err(StoreError::TooLarge { size: blob.len() });
        }
        if !self.loaded {
            // Which slot may be written is known only after a look at both.
            self.load()?;
        }
        let (position, sequence) = match self.last {
            Some((position, sequence)) => (1 - position, sequence.saturating_add(1)),
            None => (0, 1),
        };
        let path = self.paths.get(position).unwrap_or(&self.paths[0]);
        write_slot(&self.folder, path, &slot::encode(self.version, sequence, blob))?;
        self.last = Some((position, sequence));
        self.writes += 1;
        Ok(())
    }

    fn keep_aside(&mut self, why: &'static str) -> Result<Vec<KeptAside>, StoreError> {
        let there = self.paths.iter().filter(|path| path.exists());
        let kept = there.map(|path| self.move_aside(path, why)).collect();
        self.last = None;
        kept
    }

    fn writes(&self) -> u64 {
        self.writes
    }
}

fn write_slot(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let is_new = !path.exists();
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|source| io_error("open", path, source))?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let written = file.write_all(bytes).and_then(|()| file.set_len(length)).and_then(|()| file.sync_all());
    written.map_err(|source| io_error("write", path, source))?;
    if is_new {
        sync_folder(folder)?;
    }
    Ok(())
}

/// Makes names in `folder` durable: a new file is not there after a power loss unless its folder is on disk too.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| io_error("sync", folder, source))
}

fn io_error(doing: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { doing, path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn open(folder: &Path) -> SlotStore {
        SlotStore::new(folder, "switch", 1)
    }

    fn load(folder: &Path) -> Loaded {
        open(folder).load().unwrap()
    }

    #[test]
    fn the_last_saved_blob_is_loaded_and_writes_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        assert_eq!(store.load().unwrap(), Loaded::default());
        for (n, blob) in [&b"one"[..], b"two is longer", b"3"].into_iter().enumerate() {
            store.save(blob).unwrap();
            assert_eq!(store.writes(), u64::try_from(n).unwrap() + 1);
            assert_eq!(load(folder.path()), Loaded { blob: Some(blob.to_vec()), ..Loaded::default() });
        }
        for slot in ["switch.0", "switch.1"] {
            let mode = fs::metadata(folder.path().join(slot)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    /// Cuts the write of the third blob at every byte, once with the slot's old bytes behind the cut, as a disk
    /// leaves them, and once with nothing behind it.
    #[test]
    fn a_write_that_is_cut_at_any_byte_leaves_the_last_good_state() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let (first, second, third) = (vec![1; 24], vec![2; 15], vec![3; 19]);
        store.save(&first).unwrap();
        store.save(&second).unwrap();
        let slot = folder.path().join("switch.0");
        let old = fs::read(&slot).unwrap();
        store.save(&third).unwrap();
        let new = fs::read(&slot).unwrap();
        for cut in 0..=new.len() {
            let over_old = [&new[..cut], &old[cut.min(old.len())..]].concat();
            for left in [&over_old[..], &new[..cut]] {
                fs::write(&slot, left).unwrap();
                let loaded = load(folder.path());
                let expected = if cut == new.len() { &third } else { &second };
                assert_eq!(loaded.blob.as_ref(), Some(expected), "cut at {cut}");
                assert!(loaded.kept_aside.is_empty());
                let mut again = open(folder.path());
                again.save(b"goes on").unwrap();
                assert_eq!(load(folder.path()).blob.unwrap(), b"goes on");
                // Put the files back as they were before the cut.
                fs::remove_file(folder.path().join("switch.1")).unwrap();
                fs::remove_file(&slot).unwrap();
                let mut fresh = open(folder.path());
                fresh.save(&first).unwrap();
                fresh.save(&second).unwrap();
            }
        }
    }

    #[test]
    fn a_first_write_that_is_cut_off_is_kept_aside_and_the_start_is_fresh() {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path()).save(b"the first").unwrap();
        let slot = folder.path().join("switch.0");
        let whole = fs::read(&slot).unwrap();
        for cut in 0..whole.len() {
            fs::write(&slot, &whole[..cut]).unwrap();
            let loaded = load(folder.path());
            assert_eq!(loaded.blob, None, "cut at {cut}");
            let [aside] = &loaded.kept_aside[..] else { panic!("one file kept aside, not {loaded:?}") };
            assert_eq!(fs::read(&aside.path).unwrap(), &whole[..cut]);
            assert!(!slot.exists());
        }
    }

    #[test]
    fn two_damaged_slots_are_both_kept_under_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        for round in 1..=2 {
            fs::write(folder.path().join("switch.0"), b"rubbish").unwrap();
            fs::write(folder.path().join("switch.1"), b"SLPSTATE and then rubbish").unwrap();
            let kept: Vec<_> = load(folder.path()).kept_aside.into_iter().map(|kept| kept.path).collect();
            let expected =
                ["switch.0", "switch.1"].map(|slot| folder.path().join(format!("{slot}.damaged-{round}")));
            assert_eq!(kept, expected);
        }
    }

    #[test]
    fn a_blob_that_its_reader_cannot_use_can_be_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        store.save(b"one").unwrap();
        store.save(b"two").unwrap();
        assert_eq!(store.keep_aside("not readable").unwrap().len(), 2);
        assert_eq!(load(folder.path()), Loaded::default());
        store.save(b"three").unwrap();
        assert_eq!(load(folder.path()).blob.unwrap(), b"three");
    }

    #[test]
    fn a_newer_format_is_refused_and_left_untouched() {
        let folder = tempfile::tempdir().unwrap();
        SlotStore::new(folder.path(), "switch", 7).save(b"from the future").unwrap();
        let before = fs::read(folder.path().join("switch.0")).unwrap();
        let mut store = open(folder.path());
        for _ in 0..2 {
            let error = store.save(b"old").unwrap_err();
            assert!(matches!(error, StoreError::Newer { found: 7, known: 1, .. }), "{error}");
        }
        assert_eq!(fs::read(folder.path().join("switch.0")).unwrap(), before);
        assert!(!folder.path().join("switch.1").exists());
    }

    #[test]
    fn an_unwritable_folder_is_named() {
        let error = open(Path::new("/nonexistent/folder")).save(b"x").unwrap_err();
        assert!(error.to_string().contains("/nonexistent/folder/switch.0"), "{error}");
    }
}

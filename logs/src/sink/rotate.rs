//! Old log files: how many there are, and their compression.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;

/// When a file is put aside, and what becomes of it: `FILE.1` is the youngest of the old ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rotation {
    /// Once the file has this many bytes, the next line begins a new one.
    pub bytes: u64,
    /// How many old files are kept.
    pub keep: u32,
    /// Whether old ones are compressed (`FILE.1.gz`).
    pub gzip: bool,
}

impl Rotation {
    /// Old files that are kept where nothing else is asked for.
    pub const KEEP: u32 = 5;
    /// No more old files than this.
    pub const KEEP_MAX: u32 = 1000;
    /// A file has at least this many bytes.
    pub const BYTES_MIN: u64 = 4096;
}

/// The old files of one log.
#[derive(Debug)]
pub(super) struct Old {
    path: PathBuf,
    rotation: Rotation,
    compressing: Option<JoinHandle<io::Result<()>>>,
}

impl Old {
    pub(super) const fn of(path: PathBuf, rotation: Rotation) -> Self {
        Self { path, rotation, compressing: None }
    }

    pub(super) const fn rotation(&self) -> Rotation {
        self.rotation
    }

    /// Puts the file aside as the youngest old one and opens a new one with `open`; the oldest goes. Where the file has
    /// been taken away, there is nothing to put aside.
    ///
    /// On an error the file has its name again and no old one is gone: whoever writes to it goes on with it.
    pub(super) fn put_aside<T>(&mut self, open: impl Fn(&Path) -> io::Result<T>) -> io::Result<T> {
        self.wait();
        let aside = self.numbered(0, "");
        // What an earlier attempt left there, before the process died, comes first.
        if fs::symlink_metadata(&aside).is_ok() {
            self.shift(&aside)?;
        }
        match fs::rename(&self.path, &aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return open(&self.path),
            moved => moved?,
        }
        let new = open(&self.path).and_then(|new| self.shift(&aside).map(|()| new));
        if new.is_err() {
            // The new file, if there is one, is empty.
            fs::rename(&aside, &self.path)?;
        }
        let new = new?;
        self.compress();
        Ok(new)
    }

    /// Makes `aside` the youngest old file.
    fn shift(&self, aside: &Path) -> io::Result<()> {
        let keep = self.rotation.keep;
        if keep == 0 {
            return fs::remove_file(aside);
        }
        // After an attempt that failed half-way a number is free: nothing above it has to move, and none is dropped.
        let mut last = 1;
        while last < keep && self.is_taken(last)? {
            last += 1;
        }
        if self.is_taken(last)? {
            // A run with another choice of `gzip` may have left either kind.
            ["", ".gz"].iter().try_for_each(|ending| there(fs::remove_file(self.numbered(last, ending))))?;
        }
        for number in (1..last).rev() {
            for ending in ["", ".gz"] {
                there(fs::rename(self.numbered(number, ending), self.numbered(number + 1, ending)))?;
            }
        }
        fs::rename(aside, self.numbered(1, ""))
    }

    /// Whether there is an old file of that number. What is none is not moved about.
    fn is_taken(&self, number: u32) -> io::Result<bool> {
        let mut taken = false;
        for ending in ["", ".gz"] {
            let path = self.numbered(number, ending);
            match fs::symlink_metadata(&path) {
                Ok(found) if found.is_dir() => {
                    let reason = format!("{} is a folder, not an old log", path.display());
                    return Err(io::Error::new(io::ErrorKind::IsADirectory, reason));
                }
                Ok(_) => taken = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(taken)
    }

    /// Compresses the youngest old file. Where that fails, it stays as it is.
    fn compress(&mut self) {
        if !self.rotation.gzip || self.rotation.keep == 0 {
            return;
        }
        let (from, to) = (self.numbered(1, ""), self.numbered(1, ".gz"));
        let work = move || compress(&from, &to);
        match std::thread::Builder::new().name("log-gzip".into()).spawn(work) {
            Ok(thread) => self.compressing = Some(thread),
            Err(error) => self.not_compressed(&error),
        }
    }

    /// Waits for the compression of the youngest.
    pub(super) fn wait(&mut self) {
        match self.compressing.take().map(JoinHandle::join) {
            None | Some(Ok(Ok(()))) => {}
            Some(Ok(Err(error))) => self.not_compressed(&error),
            Some(Err(_)) => self.not_compressed(&io::Error::other("its thread has ended by itself")),
        }
    }

    fn not_compressed(&self, error: &io::Error) {
        tracing::warn!("an old log of {} stays uncompressed: {error}", self.path.display());
    }

    fn numbered(&self, number: u32, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}{ending}"));
        name.into()
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        self.wait();
    }
}

/// An old file that is not there (yet) is none to be moved.
fn there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn compress(from: &Path, to: &Path) -> io::Result<()> {
    let write = || {
        let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
        let mut gzip = GzEncoder::new(BufWriter::new(out), Compression::fast());
        io::copy(&mut BufReader::with_capacity(1 << 16, File::open(from)?), &mut gzip)?;
        gzip.finish()?.flush()
    };
    // A part of it would only be in the way.
    write().inspect_err(|_| drop(fs::remove_file(to)))?;
    fs::remove_file(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_compression_leaves_nothing_half_done_and_does_not_hinder_the_next_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert!(compress(&folder.path().join("none"), &folder.path().join("none.gz")).is_err());
        fs::write(&path, "one\n").unwrap();
        let mut old = Old::of(path.clone(), Rotation { bytes: 4096, keep: 2, gzip: false });
        old.compressing = Some(std::thread::spawn(|| Err(io::ErrorKind::StorageFull.into())));
        old.put_aside(|path| File::create(path)).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("log.1")).unwrap(), "one\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn where_the_new_file_cannot_be_opened_nothing_is_moved_however_often() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let write = |name: &str| fs::write(folder.path().join(name), name).unwrap();
        ["log", "log.1", "log.2"].into_iter().for_each(write);
        let mut old = Old::of(path, Rotation { bytes: 4096, keep: 2, gzip: false });
        for _ in 0..3 {
            let refused = old.put_aside(|_| Err::<File, _>(io::ErrorKind::PermissionDenied.into()));
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        }
        for name in ["log", "log.1", "log.2"] {
            assert_eq!(fs::read_to_string(folder.path().join(name)).unwrap(), name);
        }
    }
}

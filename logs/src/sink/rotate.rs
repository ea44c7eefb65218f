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

    /// Puts the file aside as the youngest old one; the oldest goes.
    pub(super) fn put_aside(&mut self) -> io::Result<()> {
        self.wait()?;
        let Rotation { keep, gzip, .. } = self.rotation;
        if keep == 0 {
            return fs::remove_file(&self.path);
        }
        // A run with another choice of `gzip` may have left either kind.
        for ending in ["", ".gz"] {
            there(fs::remove_file(self.numbered(keep, ending)))?;
            for number in (1..keep).rev() {
                there(fs::rename(self.numbered(number, ending), self.numbered(number + 1, ending)))?;
            }
        }
        let first = self.numbered(1, "");
        fs::rename(&self.path, &first)?;
        if gzip {
            let to = self.numbered(1, ".gz");
            let work = move || compress(&first, &to);
            self.compressing = Some(std::thread::Builder::new().name("log-gzip".into()).spawn(work)?);
        }
        Ok(())
    }

    /// Waits for the compression of the youngest.
    pub(super) fn wait(&mut self) -> io::Result<()> {
        match self.compressing.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(done)) => done,
            Some(Err(_)) => Err(io::Error::other("the compression of an old log has failed")),
        }
    }

    fn numbered(&self, number: u32, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}{ending}"));
        name.into()
    }
}

impl Drop for Old {
    fn drop(&mut self) {
        if let Err(error) = self.wait() {
            tracing::warn!("old log of {}: {error}", self.path.display());
        }
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
    let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(to)?;
    let mut gzip = GzEncoder::new(BufWriter::new(out), Compression::fast());
    io::copy(&mut BufReader::with_capacity(1 << 16, File::open(from)?), &mut gzip)?;
    gzip.finish()?.flush()?;
    fs::remove_file(from)
}

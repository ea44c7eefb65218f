//! A file that grows.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::rotate::{Old, Rotation};
use super::{OpenError, Sink, Taken};
use crate::batch::Batch;
use crate::framing::Framing;

/// Single lines are gathered up to this many bytes, where nobody asks for a flush.
const GATHER: usize = 64 << 10;

/// Appends to a file; after [`Sink::reopen`], to the file that then has its path. It holds whole lines only: where the
/// disk is full, what was written of a line is taken back.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    file: File,
    size: u64,
    gathered: Batch,
    old: Option<Old>,
    /// At this size the file is put aside, or that is tried again.
    bound: u64,
    /// Whether it could not be put aside, so that this is said once.
    stuck: bool,
    /// Whether the disk was full, so that this is said once.
    full: bool,
    lost: u64,
}

impl FileSink {
    /// Opens `path` for appending and creates it where it is missing, readable to its owner alone.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::rotating(path, None)
    }

    /// As [`FileSink::open`]; the file is put aside when it is large.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn rotating(path: &Path, rotation: Option<Rotation>) -> Result<Self, OpenError> {
        let (file, size) = open(path).map_err(|source| OpenError::Path { path: path.into(), source })?;
        let bound = rotation.map_or(u64::MAX, |rotation| rotation.bytes.max(1));
        let old = rotation.map(|rotation| Old::of(path.into(), rotation));
        let gathered = Batch::new(Some(Framing::Newline));
        let path = path.into();
        Ok(Self { path, file, size, gathered, old, bound, stuck: false, full: false, lost: 0 })
    }

    /// Writes whole lines of `batch`; says how many are in the file.
    fn append(&mut self, batch: &Batch) -> Result<(), (usize, io::Error)> {
        let mut from = 0;
        while from < batch.bytes().len() {
            let to = self.share(batch, from);
            let bytes = batch.bytes().get(from..to).unwrap_or_default();
            if let Err((written, error)) = write_all(&mut self.file, bytes) {
                let (whole, end) = batch.whole_before(from + written);
                self.size += length(end.saturating_sub(from));
                self.take_back(&error);
                return Err((whole, error));
            }
            self.size += length(bytes.len());
            from = to;
        }
        self.full = false;
        Ok(())
    }

    /// Up to which byte the present file takes the batch. Puts the file aside first where it is full.
    fn share(&mut self, batch: &Batch, from: usize) -> usize {
        if self.size >= self.bound {
            self.put_aside();
        }
        let room = usize::try_from(self.bound - self.size).unwrap_or(usize::MAX);
        // The line that reaches the limit is the last one.
        let (lines, end) = batch.whole_before(from.saturating_add(room - 1));
        match batch.bytes().get(end..).filter(|rest| !rest.is_empty()) {
            None => end,
            Some(_) => batch.whole_before_next(lines).1,
        }
    }

    /// Begins a new file. Where that cannot be done, this one grows on, and it is tried again when it has grown as much
    /// again: a log that is too long is better than none.
    fn put_aside(&mut self) {
        let Some(old) = &mut self.old else { return };
        let limit = old.rotation().bytes.max(1);
        match old.put_aside(open) {
            Ok((file, size)) => {
                (self.file, self.size, self.stuck) = (file, size, false);
                // What others have written there meanwhile counts, too.
                self.bound = limit.max(size.saturating_add(1));
            }
            Err(error) => {
                self.bound = self.size.saturating_add(limit);
                if !std::mem::replace(&mut self.stuck, true) {
                    tracing::warn!(
                        "log file {} cannot be put aside and grows on: {error}",
                        self.path.display()
                    );
                }
            }
        }
    }

    fn take_back(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.full, true) {
            tracing::warn!("log file {}: {error}; lines are lost until that ends", self.path.display());
        }
        // Where that fails too, a torn line stays in the file: its reader sees it as one line with the next.
        let _ = self.file.set_len(self.size);
    }

    fn append_gathered(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.gathered);
        let done = self.append(&batch).map_err(|(lines, error)| {
            self.lost += u64::try_from(batch.len() - lines).unwrap_or(0);
            error
        });
        batch.clear();
        self.gathered = batch;
        done
    }
}

/// The file for appending, and its size.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

/// Says how much was written before an error.
fn write_all(file: &mut File, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        match file.write(rest) {
            Ok(0) => return Err((at, io::ErrorKind::WriteZero.into())),
            Ok(written) => at += written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err((at, error)),
        }
    }
    Ok(())
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

impl Sink for FileSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.gathered.push(line);
        if self.gathered.bytes().len() < GATHER {
            return Ok(());
        }
        let before = self.lost;
        let done = self.append_gathered();
        // The caller counts this line as refused already.
        self.lost -= u64::from(done.is_err() && self.lost > before);
        done
    }

    fn flush(&mut self) -> io::Result<()> {
        self.append_gathered()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let new = open(&self.path)?;
        self.append_gathered()?;
        (self.file, self.size) = new;
        if let Some(old) = &self.old {
            self.bound = old.rotation().bytes.max(1);
        }
        Ok(())
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Newline)
    }

    fn write_batch(&mut self, batch: &Batch) -> Taken {
        if batch.framing() != Some(Framing::Newline) {
            self.gathered.append(batch);
            return Taken { error: self.append_gathered().err(), ..Taken::all(batch) };
        }
        match self.append_gathered().map_err(|error| (0, error)).and_then(|()| self.append(batch)) {
            Ok(()) => Taken::all(batch),
            Err((lines, error)) => Taken::first(batch, lines, Some(error)),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.append_gathered()?;
        if let Some(old) = &mut self.old {
            old.wait();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_appended_to_and_opened_again_after_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("log"), folder.path().join("log.1"));
        fs::write(&path, "before\n").unwrap();
        let mut sink = FileSink::open(&path).unwrap();
        sink.write(b"one").unwrap();
        fs::rename(&path, &rotated).unwrap();
        sink.reopen().unwrap();
        sink.write(b"two").unwrap();
        sink.flush().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "before\none\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = FileSink::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot open {}: ", folder.path().display())), "{error}");
    }

    fn lines(from: usize, to: usize) -> String {
        (from..to).map(|number| format!("{number:0>99}\n")).collect()
    }

    /// Lines of 100 bytes, files of 4096: the line that reaches the limit is the file's last.
    fn rotated(gzip: bool, in_batches_of: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let rotation = Rotation { bytes: 4096, keep: 2, gzip };
        let mut sink = FileSink::rotating(&folder.path().join("log"), Some(rotation)).unwrap();
        let all: Vec<usize> = (0..150).collect();
        for part in all.chunks(in_batches_of) {
            let mut batch = Batch::new(sink.framing());
            part.iter().for_each(|number| batch.push(format!("{number:0>99}").as_bytes()));
            let taken = sink.write_batch(&batch);
            assert!(taken.error.is_none(), "{taken:?}");
            assert_eq!((taken.lines, taken.bytes), (length(part.len()), length(99 * part.len())));
        }
        sink.finish().unwrap();
        folder
    }

    #[test]
    fn a_large_file_is_put_aside_at_a_line_and_the_oldest_go() {
        for in_batches_of in [1, 7, 150] {
            let folder = rotated(false, in_batches_of);
            let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
            assert_eq!(read("log"), lines(123, 150));
            assert_eq!(read("log.1"), lines(82, 123));
            assert_eq!(read("log.2"), lines(41, 82));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        }
    }

    #[test]
    fn old_files_are_compressed() {
        let folder = rotated(true, 50);
        let read = |name: &str| {
            let mut text = String::new();
            let file = File::open(folder.path().join(name)).unwrap();
            flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(read("log.1.gz"), lines(82, 123));
        assert_eq!(read("log.2.gz"), lines(41, 82));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    fn log_in(folder: &Path, keep: u32, gzip: bool) -> FileSink {
        FileSink::rotating(&folder.join("log"), Some(Rotation { bytes: 4096, keep, gzip })).unwrap()
    }

    fn send(sink: &mut FileSink, from: usize, to: usize) {
        for number in from..to {
            let mut batch = Batch::new(sink.framing());
            batch.push(format!("{number:0>99}").as_bytes());
            let taken = sink.write_batch(&batch);
            assert!(taken.error.is_none() && taken.lines == 1, "line {number}: {taken:?}");
        }
    }

    #[test]
    fn a_file_that_somebody_removed_is_begun_anew_and_the_old_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let mut sink = log_in(folder.path(), 2, false);
        send(&mut sink, 0, 90);
        fs::remove_file(folder.path().join("log")).unwrap();
        send(&mut sink, 90, 170);
        assert_eq!(read("log"), lines(164, 170), "41 lines went with the removed file");
        assert_eq!((read("log.1"), read("log.2")), (lines(123, 164), lines(41, 82)));
    }

    #[test]
    fn where_old_files_cannot_be_moved_the_log_grows_on_until_they_can() {
        let folder = tempfile::tempdir().unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let mut sink = log_in(folder.path(), 2, false);
        send(&mut sink, 0, 50);
        fs::create_dir(folder.path().join("log.2")).unwrap();
        send(&mut sink, 50, 100);
        assert_eq!((read("log"), read("log.1")), (lines(41, 100), lines(0, 41)));
        fs::remove_dir(folder.path().join("log.2")).unwrap();
        send(&mut sink, 100, 150);
        assert_eq!(read("log.1").len() + read("log").len() + read("log.2").len(), 15_000);
        assert_eq!((read("log.2"), read("log.1").len() >= 8192), (lines(0, 41), true));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_full_disk_costs_lines_and_is_counted() {
        let mut sink = FileSink::open(Path::new("/dev/full")).unwrap();
        let mut batch = Batch::new(sink.framing());
        (0..5).for_each(|_| batch.push(b"line"));
        let taken = sink.write_batch(&batch);
        assert_eq!(taken.lines, 0);
        assert_eq!(taken.error.unwrap().kind(), io::ErrorKind::StorageFull);
        sink.write(b"line").unwrap();
        assert!(sink.flush().is_err());
        assert_eq!(sink.lost(), 1);
    }
}

//! A file that grows.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{OpenError, Sink};

/// Appends to a file; after [`Sink::reopen`], to the file that then has its path.
#[derive(Debug)]
pub struct FileSink {
    path: PathBuf,
    file: BufWriter<File>,
}

impl FileSink {
    /// Opens `path` for appending and creates it where it is missing.
    ///
    /// # Errors
    /// Where it cannot be opened.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        match open(path) {
            Ok(file) => Ok(Self { path: path.into(), file: BufWriter::with_capacity(1 << 16, file) }),
            Err(source) => Err(OpenError::Path { path: path.into(), source }),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

impl Sink for FileSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.file.write_all(line)?;
        self.file.write_all(b"\n")
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let new = open(&self.path)?;
        self.file.flush()?;
        *self.file.get_mut() = new;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

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
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "before\none\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = FileSink::open(folder.path()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot open {}: ", folder.path().display())), "{error}");
    }
}

//! Files of a switch: its file systems, what may be a path, and a bootflash in memory.

use std::collections::BTreeMap;
use std::fmt;

/// Longest path, in characters (`spec/behaviour.md` §16).
pub const PATH_MAX_CHARS: usize = 127;
/// Longest component of a path, in bytes: what file systems of hosts take.
const NAME_MAX_BYTES: usize = 100;
/// File systems of a switch; one without a name in a path is the first.
const FILE_SYSTEMS: [&str; 8] =
    ["bootflash", "volatile", "logflash", "usb1", "usb2", "usbflash1", "usbflash2", "slot0"];

/// A place on one of the file systems of a switch; never outside of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath {
    system: &'static str,
    components: Vec<String>,
}

impl FilePath {
    /// Reads `bootflash:name`, `usb1:folder/name`, `/bootflash/name` or a plain name.
    ///
    /// # Errors
    /// Where it is none, or leads outside.
    pub fn parse(text: &str) -> Result<Self, FileError> {
        if !(1..=PATH_MAX_CHARS).contains(&text.chars().count()) {
            return Err(FileError::Length);
        }
        let (system, rest) = match text.split_once(':') {
            Some((system, rest)) => (system, rest.trim_start_matches('/')),
            None => match text.strip_prefix('/') {
                Some(absolute) => absolute.split_once('/').ok_or(FileError::Path)?,
                None => (FILE_SYSTEMS[0], text),
            },
        };
        let known = FILE_SYSTEMS.into_iter().find(|known| *known == system);
        let system = known.ok_or_else(|| FileError::FileSystem(system.into()))?;
        let components: Vec<_> = rest.split('/').map(str::to_owned).collect();
        if components.iter().all(|component| is_name(component)) {
            Ok(Self { system, components })
        } else {
            Err(FileError::Path)
        }
    }

    /// The file system, such as `bootflash`.
    #[must_use]
    pub const fn system(&self) -> &'static str {
        self.system
    }

    /// Folders and the name of the file; at least one, none of them special.
    #[must_use]
    pub fn components(&self) -> &[String] {
        &self.components
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.system, self.components.join("/"))
    }
}

fn is_name(component: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+=@~,#%".contains(&byte);
    (1..=NAME_MAX_BYTES).contains(&component.len())
        && component.bytes().all(plain)
        && !component.bytes().all(|byte| byte == b'.')
}

/// Why a file is not read or written; as the console prints it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Too short or too long.
    #[error("% Invalid path: it must have 1 to {PATH_MAX_CHARS} characters")]
    Length,
    /// A file system that switches do not have here; URLs of servers too.
    #[error("% Invalid path: there is no file system {0}: here; use bootflash:NAME")]
    FileSystem(Box<str>),
    /// It leads outside of the file system, or has characters that names do not have.
    #[error("% Invalid path: use bootflash:NAME with letters, digits and . _ -")]
    Path,
    /// There is none.
    #[error("% No such file or directory: {0}")]
    Missing(FilePath),
    /// A folder, a link, or another thing that is no file.
    #[error("% Not a regular file: {0}")]
    NotAFile(FilePath),
    /// More than fits.
    #[error("% No space left on {}:", .0.system())]
    NoSpace(FilePath),
    /// The host refuses.
    #[error("% {path}: {why}")]
    Host {
        /// Which file.
        path: FilePath,
        /// What the host says.
        why: String,
    },
}

/// The file systems of a switch.
pub trait Files: Send {
    /// The contents of a file; of one with more than `limit` bytes, at least `limit` + 1 bytes of its beginning.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    fn read(&mut self, path: &FilePath, limit: usize) -> Result<Vec<u8>, FileError>;

    /// Writes a file in place of one that is there; a crash leaves the old one or the new one.
    ///
    /// # Errors
    /// Where it cannot be written.
    fn write(&mut self, path: &FilePath, bytes: &[u8]) -> Result<(), FileError>;
}

/// File systems in memory, for simulations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryFiles {
    files: BTreeMap<FilePath, Vec<u8>>,
    full: bool,
}

/// Bytes of all files of one device in memory (modelled; a switch has gigabytes).
pub const MEMORY_MAX: usize = 64 << 20;

impl MemoryFiles {
    /// From now on every write finds no space, or finds it again.
    pub const fn set_full(&mut self, full: bool) {
        self.full = full;
    }

    /// All files with their contents, in order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&FilePath, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path, bytes.as_slice()))
    }
}

impl Files for MemoryFiles {
    fn read(&mut self, path: &FilePath, limit: usize) -> Result<Vec<u8>, FileError> {
        let bytes = self.files.get(path).ok_or_else(|| FileError::Missing(path.clone()))?;
        Ok(bytes.get(..=limit).unwrap_or(bytes).to_vec())
    }

    fn write(&mut self, path: &FilePath, bytes: &[u8]) -> Result<(), FileError> {
        let others = self.files.iter().filter(|(known, _)| *known != path);
        let used: usize = others.map(|(_, bytes)| bytes.len()).sum();
        if self.full || used.saturating_add(bytes.len()) > MEMORY_MAX {
            return Err(FileError::NoSpace(path.clone()));
        }
        self.files.insert(path.clone(), bytes.to_vec());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_on_a_file_system_of_the_switch_or_refused() {
        for (text, expected) in [
            ("usage.txt", "bootflash:usage.txt"),
            ("bootflash:usage.txt", "bootflash:usage.txt"),
            ("bootflash:/a/usage.txt", "bootflash:a/usage.txt"),
            ("bootflash:///usage.txt", "bootflash:usage.txt"),
            ("/bootflash/usage.txt", "bootflash:usage.txt"),
            ("usbflash1:usage.txt", "usbflash1:usage.txt"),
            ("usb1:x/y", "usb1:x/y"),
            ("...x", "bootflash:...x"),
        ] {
            assert_eq!(FilePath::parse(text).map(|path| path.to_string()), Ok(expected.to_owned()), "{text}");
        }
        let too_long = "x".repeat(128);
        for (text, expected) in [
            ("", FileError::Length),
            (too_long.as_str(), FileError::Length),
            ("../x", FileError::Path),
            ("bootflash:../x", FileError::Path),
            ("bootflash:a/../x", FileError::Path),
            ("bootflash:.", FileError::Path),
            ("bootflash:", FileError::Path),
            ("bootflash:a//b", FileError::Path),
            ("bootflash:a/", FileError::Path),
            ("bootflash:a b", FileError::Path),
            ("bootflash:a\0b", FileError::Path),
            ("bootflash:é", FileError::Path),
            ("bootflash:a\\b", FileError::Path),
            ("/etc", FileError::Path),
            ("/etc/passwd", FileError::FileSystem("etc".into())),
            ("tftp://198.51.100.1/x", FileError::FileSystem("tftp".into())),
            ("https://example.com/x", FileError::FileSystem("https".into())),
            ("Bootflash:x", FileError::FileSystem("Bootflash".into())),
        ] {
            assert_eq!(FilePath::parse(text), Err(expected), "{text}");
        }
        assert!(FilePath::parse(&"x".repeat(127)).is_err(), "longer than a name on the host");
    }

    #[test]
    fn a_bootflash_in_memory_keeps_what_was_written_and_has_an_end() {
        let mut files = MemoryFiles::default();
        let [one, other] = ["one", "other"].map(|name| FilePath::parse(name).unwrap());
        assert_eq!(files.read(&one, 10), Err(FileError::Missing(one.clone())));
        files.write(&one, b"12345").unwrap();
        assert_eq!(files.read(&one, 10), Ok(b"12345".to_vec()));
        assert_eq!(
            files.read(&one, 2),
            Ok(b"123".to_vec()),
            "one more than the limit shows that it is too long"
        );
        files.write(&one, &vec![0; MEMORY_MAX]).unwrap();
        assert_eq!(files.write(&other, b"x"), Err(FileError::NoSpace(other.clone())));
        files.write(&one, b"").unwrap();
        files.write(&other, b"x").unwrap();
        assert_eq!(files.iter().count(), 2);
    }
}

//! The file systems of a driven switch: folders of the host, `files/DEVICE/bootflash/…` in the state folder.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use slpsim_sim::files::{FileError, FilePath, Files, MemoryFiles};
use slpsim_transport::client::{Nonces, SystemNonces};
use slpsim_transport::sign::{DeviceKeys, Verifier};

use crate::store::sync_folder;

/// The folders of one device. Files are private (mode 0600) and are replaced whole; links are not followed.
#[derive(Clone, Debug)]
pub struct FolderFiles {
    folder: PathBuf,
}

impl FolderFiles {
    /// Below `folder`, which is there; each file system gets its own folder in it when it is written to first.
    #[must_use]
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder in which the file lies, and its name. A part on the way that is no folder is refused.
    fn locate<'a>(&self, path: &'a FilePath) -> Result<(PathBuf, &'a str), FileError> {
        let mut folder = self.folder.join(path.system());
        let (name, folders) = path.components().split_last().ok_or(FileError::Path)?;
        for component in folders {
            folder.push(component);
            let is_folder = fs::symlink_metadata(&folder).map_err(|error| said(path, &error))?.is_dir();
            if !is_folder {
                return Err(FileError::NotAFile(path.clone()));
            }
        }
        Ok((folder, name))
    }
}

impl Files for FolderFiles {
    fn read(&mut self, path: &FilePath, limit: usize) -> Result<Vec<u8>, FileError> {
        let (folder, name) = self.locate(path)?;
        // Without waiting for the other end of a pipe.
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(folder.join(name));
        let file = file.map_err(|error| said(path, &error))?;
        if !file.metadata().map_err(|error| said(path, &error))?.is_file() {
            return Err(FileError::NotAFile(path.clone()));
        }
        let mut bytes = Vec::new();
        let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
        file.take(most).read_to_end(&mut bytes).map_err(|error| said(path, &error))?;
        Ok(bytes)
    }

    fn write(&mut self, path: &FilePath, bytes: &[u8]) -> Result<(), FileError> {
        let system = self.folder.join(path.system());
        DirBuilder::new().recursive(true).mode(0o700).create(system).map_err(|error| said(path, &error))?;
        let (folder, name) = self.locate(path)?;
        let target = folder.join(name);
        if fs::symlink_metadata(&target).is_ok_and(|known| !known.is_file() && !known.is_symlink()) {
            return Err(FileError::NotAFile(path.clone()));
        }
        // No name of a file of the switch: those have no blanks.
        let temporary = folder.join(format!("{name} new"));
        replace(&folder, &temporary, &target, bytes).map_err(|error| {
            let _ = fs::remove_file(&temporary); // it may not have come to be
            said(path, &error)
        })
    }
}

fn replace(folder: &Path, temporary: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlag::O_NOFOLLOW.bits();
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(flags)
        .open(temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(temporary, target)?;
    sync_folder(folder).map_err(io::Error::other)
}

fn said(path: &FilePath, error: &io::Error) -> FileError {
    let path = path.clone();
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT | Errno::ENOTDIR) => FileError::Missing(path),
        Some(Errno::ENOSPC | Errno::EDQUOT) => FileError::NoSpace(path),
        // A link that is not followed, and a pipe at whose other end is nobody.
        Some(Errno::ELOOP | Errno::ENXIO) => FileError::NotAFile(path),
        Some(_) | None => FileError::Host { path, why: error.to_string() },
    }
}

/// What a driven device works on files with.
pub struct DeviceFiles {
    /// Its file systems.
    pub files: Box<dyn Files>,
    /// The key of its ID certificate.
    pub keys: Option<Arc<DeviceKeys>>,
    /// Whom it believes.
    pub verifier: Arc<Verifier>,
    /// Where nonces come from.
    pub nonces: Arc<dyn Nonces>,
}

impl DeviceFiles {
    /// In memory, for a device that believes nobody and has no key.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            files: Box::new(MemoryFiles::default()),
            keys: None,
            verifier: Arc::new(Verifier::NOBODY),
            nonces: Arc::new(SystemNonces),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn path(text: &str) -> FilePath {
        FilePath::parse(text).unwrap()
    }

    #[test]
    fn a_file_is_private_replaced_whole_and_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = FolderFiles::new(folder.path().to_path_buf());
        files.write(&path("usage.txt"), b"one").unwrap();
        files.write(&path("bootflash:usage.txt"), b"two").unwrap();
        assert_eq!(files.read(&path("usage.txt"), 100), Ok(b"two".to_vec()));
        assert_eq!(files.read(&path("usage.txt"), 1), Ok(b"tw".to_vec()));
        let file = folder.path().join("bootflash/usage.txt");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(folder.path().join("bootflash")).unwrap().count(), 1, "nothing is left over");
        fs::create_dir(folder.path().join("bootflash/sub")).unwrap();
        files.write(&path("sub/x"), b"three").unwrap();
        assert_eq!(files.read(&path("bootflash:sub/x"), 100), Ok(b"three".to_vec()));
    }

    #[test]
    fn what_is_no_file_of_the_switch_is_refused() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret"), "s").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut files = FolderFiles::new(folder.path().to_path_buf());
        let flash = folder.path().join("bootflash");
        fs::create_dir_all(flash.join("folder")).unwrap();
        symlink(outside.path().join("secret"), flash.join("link")).unwrap();
        symlink(outside.path(), flash.join("way")).unwrap();
        nix::unistd::mkfifo(&flash.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for (text, read, write) in [
            ("nowhere", FileError::Missing(path("nowhere")), None),
            ("usb1:x", FileError::Missing(path("usb1:x")), None),
            ("no/folder", FileError::Missing(path("no/folder")), Some(FileError::Missing(path("no/folder")))),
            ("folder", FileError::NotAFile(path("folder")), Some(FileError::NotAFile(path("folder")))),
            ("pipe", FileError::NotAFile(path("pipe")), Some(FileError::NotAFile(path("pipe")))),
            (
                "way/secret",
                FileError::NotAFile(path("way/secret")),
                Some(FileError::NotAFile(path("way/secret"))),
            ),
            ("link", FileError::NotAFile(path("link")), None),
        ] {
            assert_eq!(files.read(&path(text), 10), Err(read), "{text}");
            assert_eq!(files.write(&path(text), b"x").err(), write, "{text}");
        }
        assert_eq!(
            fs::read_to_string(outside.path().join("secret")).unwrap(),
            "s",
            "a link is replaced, not followed"
        );
    }
}

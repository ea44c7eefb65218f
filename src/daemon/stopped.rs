//! A mock that does not run: which time it is there.

use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use slpsim_cssm::server::{Clock, StoreChoice, SystemClock};
use slpsim_policy::Wall;

use crate::error::BlameUser;
use crate::kept_clock::{self, KeptClock};
use crate::store::SlotStore;

/// Beside a mock's records: the state folder of the daemon that it belongs to.
const FILE: &str = "state-folder";

/// A time that stands still: nobody lives by it.
struct Standing(Wall);

impl Clock for Standing {
    fn now(&self) -> Wall {
        self.0
    }
}

/// Notes beside a mock's records where its daemon keeps the time.
pub(super) fn remember(mock: &StoreChoice, state: &Path) -> io::Result<()> {
    use io::Write as _;
    let Some(path) = mock.beside(FILE) else { return Ok(()) };
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(state.as_os_str().as_bytes())
}

/// The time of a mock that does not run: where its daemon would go on. A mock that never belonged to a daemon, and one
/// whose records lie in a database, lives by the host's clock.
///
/// # Errors
/// Where the kept time cannot be read; one line for the user.
pub fn clock_of(mock: &StoreChoice) -> Result<Arc<dyn Clock>> {
    let Some(path) = mock.beside(FILE) else { return Ok(Arc::new(SystemClock)) };
    let state = match fs::read(&path) {
        Ok(path) => PathBuf::from(std::ffi::OsString::from_vec(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Arc::new(SystemClock)),
        Err(error) => return Err(error).with_context(|| path.display().to_string()).blame_user(),
    };
    let store = SlotStore::new(&state, "clock", kept_clock::VERSION);
    let kept = KeptClock::open(Box::new(store))
        .with_context(|| format!("the time of the mock, kept in {}", state.display()))
        .blame_user()?;
    Ok(match kept.shown() {
        Some(time) => Arc::new(Standing(time)),
        None => Arc::new(SystemClock),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_mock_shows_the_time_at_which_its_daemon_goes_on() {
        let (folder, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mock = StoreChoice::Folder(folder.path().into());
        let host = crate::time::host_now();
        assert!(clock_of(&mock).unwrap().now() >= host, "it never belonged to a daemon");
        remember(&mock, state.path()).unwrap();
        assert!(clock_of(&mock).unwrap().now() >= host, "the daemon never kept a time");
        let kept = Wall::from_secs(1_772_445_600);
        let store = SlotStore::new(state.path(), "clock", kept_clock::VERSION);
        KeptClock::open(Box::new(store)).unwrap().save(kept).unwrap();
        assert_eq!(clock_of(&mock).unwrap().now(), kept);
    }
}

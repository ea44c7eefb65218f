//! A mock that does not run: its folder, for the commands that work on it.

use std::path::Path;
use std::sync::Arc;

use super::bundle::{self, FileError, Handover, Taken};
use super::{Clock, ServerConfig, Shared, StartError, about, journal, pki, records};
use crate::cssm::ManageError;
use crate::peer::Role;
use crate::persist::ImportError;

/// The records, keys and certificates in a folder. Nobody else can use the folder meanwhile.
#[derive(Debug)]
pub struct Offline {
    shared: Shared,
    /// What it was when it ran; nothing where that is not known.
    role: Option<Role>,
    _lock: journal::Lock,
}

impl Offline {
    /// Opens the folder that a mock has used before, as the mock that it was. `clock` has that mock's time.
    ///
    /// # Errors
    /// Where there is no such folder, a mock uses it at this time, or something in it is damaged.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let lock = journal::Lock::take(dir)?;
        let now = clock.now();
        let about = about::read(dir)?;
        let role = about.as_ref().map(|config| config.role);
        let (cssm, journal, _) = records(about.unwrap_or_default(), Some(dir), None, now, false)?;
        let pki = pki::Pki::open(Some(dir), None, &[], now, Arc::clone(&clock))?;
        let defaults = ServerConfig::default();
        let (shared, _) =
            Shared::new((cssm, journal), pki.signer, defaults.wire, clock, None, defaults.body_time);
        Ok(Self { shared, role, _lock: lock })
    }

    /// *Download All For Cisco*.
    ///
    /// # Errors
    /// Where nothing waits.
    pub fn download(&self) -> Result<Handover, FileError> {
        bundle::download(&self.shared)
    }

    /// Takes a file: *Upload From Cisco* of a CSLU or On-Prem, or what people bring to CSSM.
    ///
    /// # Errors
    /// Where the file or the account is to blame; then nothing of the file took effect.
    pub fn upload(
        &self,
        name: &str,
        bytes: &[u8],
        virtual_account: Option<&str>,
    ) -> Result<Taken, FileError> {
        let account = |name| {
            self.shared.with(|cssm| {
                cssm.account(name)?;
                cssm.account_or_new(None, Some(name))
            })
        };
        let account = virtual_account.map(account).transpose();
        let account = account.map_err(|error: ManageError| FileError::Wrong(error.to_string()))?;
        bundle::upload(&self.shared, name, bytes, account, self.role)
    }

    /// Everything that is known, as JSON lines. They hold id tokens.
    #[must_use]
    pub fn export(&self) -> Vec<String> {
        self.shared.with(|cssm| cssm.export())
    }

    /// Takes what [`Offline::export`] gave.
    ///
    /// # Errors
    /// Names the line that cannot be taken.
    pub fn import(&self, text: &str) -> Result<usize, ImportError> {
        self.shared.with(|cssm| cssm.import(text.lines()))
    }
}

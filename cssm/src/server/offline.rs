//! A mock that does not run: its folder, for the commands that work on it.

use std::path::Path;
use std::sync::Arc;

use super::bundle::{self, FileError, Handover, Taken};
use super::{Clock, ServerConfig, Shared, StartError, journal, pki, records};
use crate::config::Config;
use crate::cssm::ManageError;
use crate::persist::ImportError;
use crate::records::AccountId;

/// The records, keys and certificates in a folder. Nobody else can use the folder meanwhile.
#[derive(Debug)]
pub struct Offline {
    shared: Shared,
    _lock: journal::Lock,
}

impl Offline {
    /// Opens the folder that a mock has used before.
    ///
    /// # Errors
    /// Where there is no such folder, a mock uses it at this time, or something in it is damaged.
    pub fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let lock = journal::Lock::take(dir)?;
        let now = clock.now();
        let (cssm, journal, _) = records(Config::default(), Some(dir), None, now)?;
        let pki = pki::Pki::open(Some(dir), None, &[], now, Arc::clone(&clock))?;
        let defaults = ServerConfig::default();
        let (shared, _) =
            Shared::new((cssm, journal), pki.signer, defaults.wire, clock, None, defaults.body_time);
        Ok(Self { shared, _lock: lock })
    }

    /// *Download All For Cisco*.
    ///
    /// # Errors
    /// Where nothing waits.
    pub fn download(&self) -> Result<Handover, FileError> {
        bundle::download(&self.shared)
    }

    /// Takes a file: *Upload From Cisco* of a CSLU, or what people bring to CSSM; the file itself decides.
    ///
    /// # Errors
    /// Where the file or the account is to blame; then nothing of the file took effect.
    pub fn upload(
        &self,
        name: &str,
        bytes: &[u8],
        virtual_account: Option<&str>,
    ) -> Result<Taken, FileError> {
        let account = match virtual_account {
            None => Ok(AccountId(0)),
            Some(name) => self.shared.with(|cssm| {
                cssm.account(name)?;
                cssm.account_or_new(None, Some(name))
            }),
        };
        let account = account.map_err(|error: ManageError| FileError::Wrong(error.to_string()))?;
        bundle::upload(&self.shared, name, bytes, account, None)
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

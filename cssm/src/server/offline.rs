//! A mock that does not run: its store, for the commands that work on it.

use std::path::Path;
use std::sync::Arc;

use super::bundle::{self, FileError, Handover, Taken};
use super::store::{Keeper, StoreChoice, StoreError, Wanted, Watch};
use super::{Clock, ServerConfig, Shared, StartError, about, pki, write_ca};
use crate::cssm::{Cssm, ManageError};
use crate::peer::Role;
use crate::persist::ImportError;

/// The records, keys and certificates of a store. Nobody else can use it meanwhile, unless it is one for several.
#[derive(Debug)]
pub struct Offline {
    shared: Shared,
    /// What it was when it ran; nothing where that is not known.
    role: Option<Role>,
}

impl Offline {
    /// Opens a store that a mock has used before, as the mock that it was. `clock` knows the time of the mock whose daemon
    /// has its state in that folder, where it had one; its error is one line.
    ///
    /// # Errors
    /// Where it cannot be opened, a mock uses it at this time, or something in it is damaged.
    pub fn open(
        store: &StoreChoice,
        watch: Option<Arc<dyn Watch>>,
        clock: impl FnOnce(Option<&Path>) -> Result<Arc<dyn Clock>, String> + Send + 'static,
    ) -> Result<Self, StartError> {
        let wanted = Wanted { choice: store.clone(), watch };
        let (keeper, (pki, role, clock)) = Keeper::open(wanted, Cssm::guest()?, move |cssm, vault| {
            let (role, state) = about::restore(vault, &mut cssm.config)?.unzip();
            let clock = clock(state.flatten().as_deref()).map_err(StartError::Time)?;
            let pki = pki::Pki::open(Some(vault), None, &[], clock.now(), Arc::clone(&clock))?;
            Ok::<_, StartError>((pki, role, clock))
        })?;
        write_ca(store, &pki)?;
        let defaults = ServerConfig::default();
        let (shared, _) = Shared::new(keeper, pki.signer, defaults.wire, clock, None, defaults.body_time);
        Ok(Self { shared, role })
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
        let taken = bundle::upload(&self.shared, name, bytes, account, self.role)?;
        self.settle().map_err(|error| FileError::Refused(error.to_string()))?;
        Ok(taken)
    }

    /// Everything that is known, as JSON lines. They hold id tokens.
    #[must_use]
    pub fn export(&self) -> Vec<String> {
        self.shared.with(|cssm| cssm.export())
    }

    /// Takes what [`Offline::export`] gave.
    ///
    /// # Errors
    /// Names the line that cannot be taken, or says what is the matter with the store; then nothing was taken.
    pub fn import(&self, text: &str) -> Result<usize, OfflineError> {
        let entered = self.shared.keeper.enter()?;
        let taken = self.shared.with(|cssm| cssm.import(text.lines()))?;
        self.shared.keeper.settle_blocking(entered)?;
        Ok(taken)
    }

    fn settle(&self) -> Result<(), StoreError> {
        self.shared.keeper.settle_blocking(self.shared.keeper.enter()?)
    }
}

/// Why records were not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OfflineError {
    /// The lines are to blame.
    #[error(transparent)]
    Lines(#[from] ImportError),
    /// The store is.
    #[error(transparent)]
    Store(#[from] StoreError),
}

//! What all listeners of one server share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, TryLockError};
use std::time::Duration;

use axum::body::Bytes;
use slpsim_agent::Udi;
use slpsim_policy::Wall;
use slpsim_transport::WireProfile;
use slpsim_transport::sign::{DeviceKeys, Signer};
use tokio::sync::{Semaphore, watch};

use super::clock::Clock;
use super::forward::Forward;
use super::metrics::Doors;
use super::payloads::Payloads;
use super::rest::AccessTokens;
use super::store::{Keeper, StoreError};
use crate::cssm::Cssm;

/// The mock, its keys and its clock. Steering in process goes through [`Shared::with`].
pub struct Shared {
    /// The records, and what keeps them.
    pub(super) keeper: Keeper,
    pub(super) signer: Arc<Signer>,
    pub(super) wire: WireProfile,
    clock: Arc<dyn Clock>,
    pub(super) manage_token: Option<String>,
    pub(super) body_time: Duration,
    /// How long exchanges take.
    pub(super) doors: Doors,
    /// The last reports as they came.
    pub(super) payloads: Payloads,
    /// Access tokens of the REST interface.
    pub(super) access: AccessTokens,
    /// The way to the CSSM above.
    pub(super) forward: Option<Arc<Forward>>,
    /// True when the server ends.
    pub(super) stopping: watch::Receiver<bool>,
    /// How many messages are worked on at one time: signing keeps a core busy, and more would only wait in threads.
    pub(super) work: Semaphore,
    /// Held for reading by whoever answers on a thread of the runtime, for writing by whoever needs the records for long.
    long: RwLock<()>,
    replays: Mutex<HashMap<Udi, Bytes>>,
    stranger: OnceLock<Option<Signer>>,
    placeholder: OnceLock<Option<Arc<str>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// For how many devices the last answer is kept, for the fault `replayed`.
const REPLAYS: usize = 1_000;

/// How long a page waits to see what other processes have changed: one of them may keep everybody out, and the thread
/// that looks may stand in that queue for somebody who wants to change something.
const GLANCE: Duration = Duration::from_millis(500);

impl Shared {
    pub(super) fn new(
        keeper: Keeper,
        signer: Arc<Signer>,
        wire: WireProfile,
        clock: Arc<dyn Clock>,
        manage_token: Option<String>,
        body_time: Duration,
    ) -> (Self, watch::Sender<bool>) {
        let (stop, stopping) = watch::channel(false);
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let shared = Self {
            keeper,
            signer,
            wire,
            clock,
            manage_token,
            body_time,
            doors: Doors::default(),
            payloads: Payloads::default(),
            access: AccessTokens::default(),
            forward: None,
            stopping,
            work: Semaphore::new(cores * 2),
            long: RwLock::default(),
            replays: Mutex::default(),
            stranger: OnceLock::new(),
            placeholder: OnceLock::new(),
        };
        (shared, stop)
    }

    /// Does something with the mock, between two messages. Must not wait for anything.
    ///
    /// What it changes is in the store when the answer to whoever asked leaves. Behind a store that other processes write
    /// as well this waits for the database: then it is for threads that may be kept busy.
    pub fn with<T>(&self, act: impl FnOnce(&mut Cssm) -> T) -> T {
        self.keeper.with(act)
    }

    /// Reads the mock, and changes what is of this process alone: history and keys. Behind a shared store the records may
    /// be a moment old. Never waits.
    pub(super) fn local<T>(&self, act: impl FnOnce(&mut Cssm) -> T) -> T {
        self.keeper.local(act)
    }

    /// Reads records and nothing else; behind a shared store they may be a moment old, see [`Shared::glance`]. Never waits.
    pub(super) fn read<T>(&self, act: impl FnOnce(&Cssm) -> T) -> T {
        self.keeper.local(|cssm| act(cssm))
    }

    /// Takes what other processes have changed, for somebody who only looks: without keeping anybody out, and no longer
    /// than a reader has patience. Whether [`Shared::read`] is up to date now.
    pub(super) async fn glance(&self) -> bool {
        if !self.keeper.waits() {
            return true;
        }
        matches!(tokio::time::timeout(GLANCE, self.keeper.look()).await, Ok(Ok(())))
    }

    /// Returns when everything that was changed so far is in the store; at once where there is none.
    ///
    /// # Errors
    /// Where the store is in trouble; then nothing since the last success is there.
    pub async fn settled(&self) -> Result<(), StoreError> {
        self.keeper.settle(self.keeper.enter()?).await
    }

    /// Does something that needs the records for long, such as taking or giving all of them, on a thread of its own. The
    /// threads of the runtime go on meanwhile.
    ///
    /// # Errors
    /// Where `job` panics.
    pub(super) async fn at_length<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        let shared = Arc::clone(self);
        let work = move || {
            let _long = shared.long.write().unwrap_or_else(PoisonError::into_inner);
            job(&shared)
        };
        tokio::task::spawn_blocking(work).await
    }

    /// While this is held, nobody has the records for long; none where somebody has, or wants them.
    pub(super) fn free_records(&self) -> Option<RwLockReadGuard<'_, ()>> {
        match self.long.try_read() {
            Ok(free) => Some(free),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The true time; [`Cssm::clock`] adds the skew.
    #[must_use]
    pub fn now(&self) -> Wall {
        self.clock.now()
    }

    /// Returns when the server ends.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        let _ = stopping.wait_for(|stopping| *stopping).await;
    }

    /// A signer whom nobody trusts; made when the first fault asks for it.
    pub(super) fn stranger(&self) -> Option<&Signer> {
        self.stranger.get_or_init(|| Signer::generate(self.now()).ok()).as_ref()
    }

    /// A certificate request for ID certificates of devices that sent none: trust that comes with an ACK is given to a
    /// device whose key nobody has told the server (modelled).
    pub(super) fn placeholder_csr(&self, udi: &Udi) -> Option<Arc<str>> {
        let make = || Some(DeviceKeys::generate().ok()?.csr(udi).ok()?.into());
        self.placeholder.get_or_init(make).clone()
    }

    /// Keeps an answer; returns the one before.
    pub(super) fn remember_answer(&self, udi: Udi, answer: &Bytes) -> Option<Bytes> {
        let mut replays = self.replays.lock().unwrap_or_else(PoisonError::into_inner);
        if replays.len() >= REPLAYS && !replays.contains_key(&udi) {
            return None;
        }
        replays.insert(udi, answer.clone())
    }
}

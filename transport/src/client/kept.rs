//! Connections that stay open between exchanges: for load, where thousands of devices ask one server.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;

use super::call::Clock;

/// How long a connection that nobody uses stays open; shorter than what most servers allow.
pub(super) const IDLE: Duration = Duration::from_secs(4);

/// Peers whose connections are kept; a fleet has one, or a few addresses of one.
const PEERS: usize = 64;

/// Connections that all carriers with a clone of this share: for carriers with the same network, anchors and proxy.
///
/// The addresses of a peer are those of the first exchange. A switch opens a connection for each exchange. Whoever wants to load a server with more than handshakes keeps them.
#[derive(Clone)]
pub struct Kept {
    clock: Arc<dyn Clock>,
    clients: Arc<Mutex<HashMap<String, Client>>>,
}

impl Kept {
    /// None yet. Certificates are judged by `clock`, as no device's own is that of all.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, clients: Arc::default() }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The client for the peer at `origin`; `make` makes it at the first exchange.
    pub(super) fn client<E>(
        &self,
        origin: &str,
        make: impl FnOnce() -> Result<Client, E>,
    ) -> Result<Client, E> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(origin) {
            return Ok(client.clone());
        }
        let made = make()?;
        if clients.len() < PEERS {
            clients.insert(origin.to_owned(), made.clone());
        }
        Ok(made)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").finish_non_exhaustive()
    }
}

//! Connections that stay open between exchanges: for load, where thousands of devices ask one server.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::Client;

use super::call::Clock;

/// How long a connection that nobody uses stays open; servers close theirs later.
pub(super) const IDLE: Duration = Duration::from_secs(4);

/// Connections that all carriers with a clone of this share. For carriers with the same network, anchors and proxy; an
/// exchange with another peer than that of the first one has a connection of its own.
///
/// A switch opens a connection for each exchange. Whoever wants to load a server with more than handshakes keeps them.
#[derive(Clone)]
pub struct Kept {
    clock: Arc<dyn Clock>,
    first: Arc<OnceLock<(String, Client)>>,
}

impl Kept {
    /// None yet. Certificates are judged by `clock`, as no device's own is that of all.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, first: Arc::default() }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The client for the peer at `origin`, where that is the first one's; `make` makes it once.
    pub(super) fn client<E>(&self, origin: &str, make: impl Fn() -> Result<Client, E>) -> Result<Client, E> {
        let (of, client) = match self.first.get() {
            Some(first) => first,
            None => {
                let made = make()?;
                // Of two that come at once one is kept, for both.
                self.first.get_or_init(|| (origin.to_owned(), made))
            }
        };
        if of == origin { Ok(client.clone()) } else { make() }
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("of", &self.first.get().map(|(origin, _)| origin))
            .finish_non_exhaustive()
    }
}

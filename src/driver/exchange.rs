//! Exchanges that are under way.

use std::sync::Arc;
use std::time::Duration;

use slpsim_agent::{Failure, Purpose, Request, Sender, Txn};
use slpsim_policy::Wall;
use slpsim_transport::client::{Exchanged, Transport};
use tokio::task::{AbortHandle, JoinSet};

/// An exchange that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) txn: Txn,
    pub(super) purpose: Purpose,
    pub(super) sent_at: Wall,
    pub(super) exchanged: Exchanged,
}

#[derive(Debug)]
struct Open {
    txn: Txn,
    purpose: Purpose,
    sent_at: Wall,
    handle: AbortHandle,
}

/// The open exchanges of one device; the agent keeps them below one by purpose.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    tasks: JoinSet<Exchanged>,
    open: Vec<Open>,
}

impl Exchanges {
    /// Starts one that is sent at `sent_at` by the device's clock. After `give_up_after` of wall time it ends as
    /// unreachable (`interface.md` §1 "Clocks").
    pub(super) fn start(
        &mut self,
        transport: Arc<dyn Transport>,
        (txn, request, sender): (Txn, Request, Sender),
        sent_at: Wall,
        give_up_after: Duration,
    ) {
        let purpose = request.purpose();
        let handle = self.tasks.spawn(async move {
            let exchange = transport.exchange(&request, &sender);
            tokio::time::timeout(give_up_after, exchange).await.unwrap_or_else(|_| {
                let why = format_args!("no whole answer within {give_up_after:?}");
                Exchanged::unsent(Failure::Unreachable, why)
            })
        });
        self.open.push(Open { txn, purpose, sent_at, handle });
    }

    /// Ends one whose end nobody wants to know.
    pub(super) fn cancel(&mut self, txn: Txn) {
        if let Some(at) = self.open.iter().position(|open| open.txn == txn) {
            self.open.swap_remove(at).handle.abort();
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.open.len()
    }

    /// Waits for the next end; for ever where nothing is open. May be dropped without losing one.
    pub(super) async fn next(&mut self) -> Ended {
        loop {
            let (id, exchanged) = match self.tasks.join_next_with_id().await {
                None => std::future::pending().await,
                Some(Ok(ended)) => ended,
                // Cancelled ones are no longer listed as open; what is left is a transport that panicked.
                Some(Err(error)) => {
                    let why = format_args!("the exchange broke off: {error}");
                    (error.id(), Exchanged::unsent(Failure::Unspecified, why))
                }
            };
            if let Some(at) = self.open.iter().position(|open| open.handle.id() == id) {
                let Open { txn, purpose, sent_at, .. } = self.open.swap_remove(at);
                return Ended { txn, purpose, sent_at, exchanged };
            }
        }
    }
}

//! Exchanges that are under way.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use slpsim_agent::{Failure, Purpose, Reply, Request, Sender, Txn};
use slpsim_policy::Wall;
use tokio::task::{AbortHandle, JoinSet};

/// What is to be carried. Its `Debug` form may hold an id token only as `Token(..)`.
#[derive(Clone, Debug)]
pub struct Job {
    /// Who sends.
    pub sender: Sender,
    /// What.
    pub request: Request,
    /// Names the exchange.
    pub txn: Txn,
    /// The device's time at which it is sent.
    pub at: Wall,
}

/// How an exchange ended.
#[derive(Clone, Debug)]
pub struct Carried {
    /// What the agent is told.
    pub result: Result<Reply, Failure>,
    /// Text of the request as sent, for `show license history message`; none where nothing was sent.
    pub sent: Option<String>,
    /// Text of the answer as received.
    pub received: Option<String>,
    /// For the program's own diagnostics: what went wrong, who is to blame.
    pub detail: Option<String>,
}

impl Carried {
    /// An end without an answer.
    #[must_use]
    pub const fn failed(failure: Failure) -> Self {
        Self { result: Err(failure), sent: None, received: None, detail: None }
    }
}

/// The other side of a device, however it is reached.
pub trait Peer: Send + Sync {
    /// Carries one exchange. Dropping the future cancels it.
    fn carry(&self, job: Job) -> Pin<Box<dyn Future<Output = Carried> + Send>>;
}

/// An exchange that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) txn: Txn,
    pub(super) purpose: Purpose,
    pub(super) sent_at: Wall,
    pub(super) carried: Carried,
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
    tasks: JoinSet<Carried>,
    open: Vec<Open>,
}

impl Exchanges {
    /// Starts one. After `give_up_after` of wall time it ends as unreachable (`interface.md` §1 "Clocks").
    pub(super) fn start(&mut self, peer: &dyn Peer, job: Job, give_up_after: Duration) {
        let (txn, purpose, sent_at) = (job.txn, job.request.purpose(), job.at);
        let carried = peer.carry(job);
        let handle = self.tasks.spawn(async move {
            tokio::time::timeout(give_up_after, carried).await.unwrap_or_else(|_| Carried {
                detail: Some(format!("no answer within {give_up_after:?}")),
                ..Carried::failed(Failure::Unreachable)
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

    pub(super) const fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Waits for the next end; for ever where nothing is open. May be dropped without losing one.
    pub(super) async fn next(&mut self) -> Ended {
        loop {
            let (id, carried) = match self.tasks.join_next_with_id().await {
                None => std::future::pending().await,
                Some(Ok((id, carried))) => (id, carried),
                // Cancelled ones are no longer listed as open; what is left is a transport that panicked.
                Some(Err(error)) => {
                    let detail = Some(format!("the exchange broke off: {error}"));
                    (error.id(), Carried { detail, ..Carried::failed(Failure::Unspecified) })
                }
            };
            if let Some(at) = self.open.iter().position(|open| open.handle.id() == id) {
                let Open { txn, purpose, sent_at, .. } = self.open.swap_remove(at);
                return Ended { txn, purpose, sent_at, carried };
            }
        }
    }
}

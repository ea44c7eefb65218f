//! The plug: what a driver asks of any transport.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use slpsim_agent::{Failure, Reply, Request, Sender};

/// Carries an agent's requests to a peer and brings the answers back. A new transport needs no change in the agent.
///
/// Object safe: a driver holds the transport that is configured now as `Box<dyn Transport>`, and what wraps a transport
/// (faults, recordings) is one itself.
pub trait Transport: Send + Sync {
    /// One exchange. It ends by itself, within the time-outs of the transport; dropping the future ends it at once.
    fn exchange<'a>(&'a self, request: &'a Request, sender: &'a Sender) -> Exchanging<'a>;
}

/// An exchange under way.
pub type Exchanging<'a> = Pin<Box<dyn Future<Output = Exchanged> + Send + 'a>>;

/// How an exchange ended.
///
/// Its `Debug` form leaves the texts out.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchanged {
    /// For the agent.
    pub result: Result<Reply, Failure>,
    /// Where it failed: one line for the program's own diagnostics.
    pub detail: Option<String>,
    /// Nothing was sent because this program may not leave the machine; the operator should see `detail` once.
    pub refused: bool,
    /// What was sent, as `show license history message` prints it; an id token is masked.
    pub sent: Option<String>,
    /// What was received, as `show license history message` prints it.
    pub received: Option<String>,
}

impl Exchanged {
    /// One that failed before anything was sent.
    #[must_use]
    pub fn unsent(failure: Failure, detail: impl fmt::Display) -> Self {
        let detail = Some(detail.to_string());
        Self { result: Err(failure), detail, refused: false, sent: None, received: None }
    }
}

impl fmt::Debug for Exchanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanged")
            .field("result", &self.result)
            .field("detail", &self.detail)
            .field("refused", &self.refused)
            .field("sent_bytes", &self.sent.as_ref().map(String::len))
            .field("received_bytes", &self.received.as_ref().map(String::len))
            .finish()
    }
}

/// Transport `off`: nothing is ever sent (`spec/messages.md` §3).
///
/// The agent starts no exchange then; one that was due at the moment of the change ends here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Off;

impl Transport for Off {
    fn exchange<'a>(&'a self, _request: &'a Request, _sender: &'a Sender) -> Exchanging<'a> {
        Box::pin(std::future::ready(Exchanged::unsent(
            Failure::TransportMissing,
            "transport off: nothing is sent",
        )))
    }
}

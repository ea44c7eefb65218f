//! What an agent wants done, in order.

use core::time::Duration;

use crate::failure::Failure;
use crate::files::File;
use crate::ids::{ReportId, Txn};
use crate::messages::Message;
use crate::request::Request;

/// One thing to do. A driver performs outputs in the order in which they were left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Make [`crate::Agent`]'s durable state durable before anything that follows.
    Persist,
    /// Carry a request; report the end as [`crate::Input::Completed`].
    Send {
        /// Names the exchange.
        txn: Txn,
        /// What to carry.
        request: Request,
        /// End it as unreachable after this time.
        give_up_after: Duration,
    },
    /// The exchange is of no interest any more; its end need not be reported.
    Cancel(Txn),
    /// A line for the device's log.
    Log(Message),
    /// An entry for `show license eventlog`.
    Event(Event),
    /// Write a file where the command that caused it says.
    WriteFile(File),
}

/// Entries of the event log (`spec/formats.md` §14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The agent started.
    InitStart,
    /// Consumption of a licence (position in the profile's list) changed.
    EndpointUsage {
        /// Position in the profile's list.
        license: u8,
        /// In use now.
        count: u32,
    },
    /// An exchange failed.
    CommFail(Failure),
    /// The peer answers again.
    CommRestored,
    /// A policy was installed.
    PolicyInstall,
    /// A trust code was installed.
    TrustInstall,
    /// An ACK arrived.
    Ack {
        /// Why it, or a report named in it, was ignored.
        ignored: Option<AckIgnored>,
    },
    /// A report was lost at the cap (`spec/behaviour.md` §4).
    RumPurged(ReportId),
}

/// Why an ACK, or a part of it, has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckIgnored {
    /// Its signature does not verify, or the device clock is outside the signer's validity.
    Signature,
    /// Its time stamp and the device clock do not agree.
    Timestamp,
    /// Not readable.
    Unreadable,
    /// It names a report that this device does not have.
    UnknownReport(ReportId),
}

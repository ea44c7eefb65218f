//! One product instance: the licensing agent as a sans-IO state machine.
//!
//! The agent asks nobody for time, luck or bytes: [`Agent::handle`] takes an [`Input`] with the two clocks of that
//! instant and leaves [`Output`]s to be performed in order. The same agent therefore runs in real, scaled and
//! simulated time. What it does is written in `spec/behaviour.md`; what it says, in `spec/messages.md`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod failure;
pub mod ids;
pub mod input;
pub mod messages;
pub mod numbers;
pub mod output;
pub mod profile;
pub mod reply;
pub mod report;
pub mod request;
pub mod settings;
pub mod text;

pub use failure::Failure;
pub use ids::{AgentId, IdCert, InstanceId, PollId, ReportId, Serial, Token, Txn, Udi};
pub use input::{BootCause, Command, CommandError, Input, Scope, Usage};
pub use messages::{AuthError, Message, Peer, PolicyError, Severity, Spelling, TrustError};
pub use output::{Event, Output};
pub use profile::{License, Profile, ProfileId};
pub use reply::{
    Account, Ack, AuthCode, Capabilities, Element, ElementFault, Reply, ReportVerdict, Status, TrustCode,
};
pub use report::{Measurement, Reason, Report, ReportState, Role, Signer, Unit};
pub use request::{Purpose, Request, Sender};
pub use settings::{Settings, TransportMode};

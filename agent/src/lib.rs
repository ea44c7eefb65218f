//! One product instance: the licensing agent as a sans-IO state machine.
//!
//! The agent asks nobody for time, luck or bytes: [`Agent::handle`] takes an [`Input`] with the two clocks of that
//! instant and leaves [`Output`]s to be performed in order. The same agent therefore runs in real, scaled and
//! simulated time. What it does is written in `spec/behaviour.md`; what it says, in `spec/messages.md`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod agent;
mod authorization;
pub mod counters;
mod draw;
mod elements;
pub mod failure;
pub mod files;
mod ha;
mod health;
pub mod ids;
pub mod input;
pub mod judge;
mod life;
pub mod messages;
pub mod numbers;
pub mod output;
pub mod persist;
mod polling;
pub mod profile;
mod renewals;
pub mod reply;
pub mod report;
mod reporting;
pub mod request;
mod rum;
pub mod settings;
pub mod shared;
mod sync;
pub mod text;
mod timers;
mod trust;
pub mod view;

pub use agent::{Agent, Cx, Now};
pub use draw::{Draw, draw};
pub use failure::Failure;
pub use files::{File, Import, ImportFault, ImportKind, SaveUsage};
pub use ids::{AgentId, IdCert, InstanceId, PollId, ReportId, Serial, Token, Txn, Udi};
pub use input::{BootCause, Command, CommandError, Input, Scope, Usage};
pub use messages::{AuthError, Message, Peer, PolicyError, Severity, Spelling, TrustError};
pub use output::{Event, Output};
pub use profile::{License, Profile, ProfileId};
pub use reply::{
    Account, Ack, AuthCode, Capabilities, Element, ElementFault, PeerInfo, Reply, ReportVerdict, Status,
    TrustCode,
};
pub use report::{Measurement, Reason, Report, ReportState, Role, Signer, Unit};
pub use reporting::Reporting;
pub use request::{Purpose, Request, Sender};
pub use settings::{Settings, TransportMode};
pub use shared::{Keep, Shared};
pub use sync::Sync;
pub use timers::Timer;
pub use trust::TrustData;
pub use view::View;

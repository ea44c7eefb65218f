//! The other side of a product instance: mock CSSM, CSLU and SSM On-Prem.
//!
//! [`Cssm`] holds the rules and records without a wire: messages go in as values, answers come out, time is an
//! argument. Feature `server` puts it behind HTTP(S) listeners with a management interface. What it does is written in
//! `spec/behaviour.md` §6, §8, §9, §12, §13; what travels, in `spec/formats.md`.
#![forbid(unsafe_code)]

pub mod config;
pub mod cssm;
mod decide;
pub mod draw;
pub mod exchange;
pub mod fault;
mod filetext;
pub mod history;
mod inventory;
mod keeping;
pub mod peer;
pub mod persist;
pub mod records;
mod relay;
pub mod rule;
#[cfg(feature = "server")]
pub mod server;
pub mod span;
pub mod store;
mod waiting;

pub use config::{AccountConfig, AckMode, Config, Limits};
pub use cssm::{Cssm, ManageError, TokenWish};
pub use exchange::{Answer, Arrived, Csr, Proof, Signed, Steer};
pub use fault::{FaultSpec, Struck};
pub use peer::{Peer, Role, Route};
pub use rule::Rule;

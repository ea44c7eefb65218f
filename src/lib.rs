//! slpsim: the command line, the real-time driver, durable state.
//!
//! Everything that behaves like a licensing agent, a console or a peer lives in the other crates; this one gives
//! them time, sockets and files.
#![forbid(unsafe_code)]

pub mod access;
pub mod cli;
pub mod clock;
pub mod control;
pub mod daemon;
pub mod demo;
pub mod driver;
pub mod error;
pub mod failpoint;
pub mod files;
pub mod fleet;
pub mod health;
pub mod kept_clock;
pub mod keys;
pub mod metrics;
pub mod ready;
pub mod signals;
pub mod sinks;
pub mod state;
pub mod store;
pub mod terminal;
pub mod time;

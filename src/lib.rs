//! slpsim: the command line, the real-time driver, durable state.
//!
//! Everything that behaves like a licensing agent, a console or a peer lives in the other crates; this one gives
//! them time, sockets and files.
#![forbid(unsafe_code)]

pub mod clock;
pub mod error;
pub mod failpoint;
pub mod ready;
pub mod state;
pub mod store;
pub mod time;

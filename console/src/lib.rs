//! The switch around the agent as an operator sees it: command table, modes, configuration, show output.
//!
//! Pure: [`Session::line`] takes a line and the switch as it is, and gives back text and [`Effect`]s. What the
//! commands are is one table ([`table::rows`]); parser, abbreviations, `no` forms and `?` derive from it. What
//! `show` prints is built as a [`Document`], whose text and structured form come from the same description.
//! The rules are in `spec/console.md` and `spec/behaviour.md` §17, §18.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod calendar;
pub mod config;
pub mod device;
pub mod document;
pub mod features;
pub mod history;
mod pipe;
mod run;
pub mod session;
pub mod show;
pub mod syntax;
pub mod table;

pub use config::Config;
pub use device::{Device, Effect, SaveUsage};
pub use document::{Document, Value};
pub use history::{EventLog, LogFile, MessageHistory};
pub use pipe::commands;
pub use session::{Mode, Refusal, Reply, Session, Startup, StartupError, apply_startup};
pub use table::Role;

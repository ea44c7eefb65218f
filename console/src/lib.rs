//! The switch around the agent as an operator sees it: command table, modes, configuration, show output.
//!
//! Pure: [`Session::line`] takes a line and the switch as it is, and gives back text and [`Effect`]s. What the
//! commands are is one table ([`table::rows`]); parser, abbreviations, `no` forms and `?` derive from it. What
//! `show` prints is built as a [`Document`], whose text and structured form come from the same description.
//!
//! A front end with a terminal (SSH, `slpsim console`) echoes, edits and pages itself: it asks [`Session::help_at`] at `?`,
//! [`Session::completion`] at Tab, [`Session::pager`] for the pages of a reply, and [`Session::hears`] before it prints a
//! log line. A command that asks, such as `reload`, has its question as the prompt of the reply, and the next line is
//! the answer; where nobody can answer, [`Terminal::dont_ask`] is set.
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
pub mod pager;
mod pipe;
mod run;
pub mod session;
pub mod show;
pub mod syntax;
pub mod table;

pub use config::Config;
pub use device::{Device, Effect, SaveUsage};
pub use document::{Document, Value};
pub use history::{EventLog, LogFile, Logged, MessageHistory};
pub use pipe::commands;
pub use session::{Mode, Refusal, Reply, Session, Startup, StartupError, Terminal, apply_startup};
pub use table::Role;

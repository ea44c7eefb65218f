//! Exploration: random and exhaustive sequences of faults, checked call by call against what must always hold.
//!
//! A [`Life`] is what happens to one device. [`play`] plays it with a [`Subject`] while a [`Checker`] watches.

mod check;
mod engine;
mod exhaust;
mod file;
mod invariant;
mod life;
mod panic;
mod random;
mod search;
mod shrink;
mod subject;
mod twin;
mod watch;

pub use check::{Call, Checker};
pub use engine::{Played, play};
pub use exhaust::short_life;
pub use file::scenario_file;
pub use invariant::{Invariant, Violation};
pub use life::{Deed, Life, Step, Trouble};
pub use random::random;
pub use search::{Digest, Effort, Found, Ground, Progress, Searched, search};
pub use shrink::shrink;
pub use subject::{Seen, Subject};
pub use watch::{Watch, Watcher};

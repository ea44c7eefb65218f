//! Scenario files (`interface.md` §6): scripted faults and expectations in simulated time.
//!
//! [`load`] reads a file into one [`Scenario`] for each combination of its matrix; [`run`] plays one and judges it.

mod act;
mod file;
mod judge;
mod keys;
mod link;
mod looks;
mod manage;
mod model;
mod page;
mod property;
#[cfg(feature = "lockstep")]
mod real;
mod record;
mod report;
mod resolve;
mod run;
mod shown;
mod trace;
mod wire;

pub(crate) use link::{Timing, in_process};
pub(crate) use run::plays;

pub use file::{LoadError, load, parse, parts};
pub use keys::reference;
pub use model::{
    Action, Amount, Anchor, ClockChange, Event, Expectation, Moment, NetworkChange, Open, Peer, Scenario,
    Seen, Step, Wanted, When, Window,
};
pub use page::{Band, Course, State, index, page, page_name};
pub use property::{Claim, Mood, Partner, Property, Quantity, QuantityKind, Test};
pub use report::{fault_entries, json, junit};
pub use run::{Mode, Options, RunError, run};
pub use shown::{Shown, run_and_show};
pub use trace::{Entry, Outcome, Target, Trace, Verdict, What};
pub use wire::Wire;

//! What a licensing policy asks for, and when it falls due.
//!
//! Pure arithmetic over wall-clock times: no clock is read, nothing is stored. The rules and their
//! evidence grades are in `spec/behaviour.md` §2, §3 and §19.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod class;
pub mod deadline;
pub mod numbers;
pub mod push;
pub mod reminder;
pub mod rules;
pub mod span;
pub mod time;

pub use class::{Class, ClassSet};
pub use deadline::{Facts, Phase, deadline, in_policy, on_change_bound};
pub use push::{PushInterval, push_interval};
pub use reminder::{days_left, next_reminder};
pub use rules::{CiscoDefault, Policy, Rules, Source, Tagged, Values};
pub use time::{Mono, Wall};

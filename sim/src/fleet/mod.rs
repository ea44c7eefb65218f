//! A fleet: very many product instances in simulated time, and what they log.
//!
//! Devices do not influence one another, so the fleet is cut into contiguous shards, one for each thread. Each shard
//! runs its devices epoch by epoch: within an epoch one device after the other, which keeps an agent in the cache while
//! it works; afterwards the lines of the epoch are put into the total order (time, device, number). So the same seed
//! gives the same lines on any number of threads, whatever the length of an epoch.

pub mod cast;
mod companion;
pub mod engine;
mod hopeless;
pub mod line;
mod lost;
mod luck;
mod peer;
pub mod population;
mod print;
mod seat;
mod shard;
pub mod truth;
mod weather;
mod wheel;

pub use cast::{Cast, Character, Companions};
pub use engine::{Batch, Broken, Fleet, Spec, Stop, Totals};
pub use line::{Cause, Key, Record};
pub use luck::whole;
pub use population::Population;
pub use print::{Printer, Text};
pub use truth::{Explained, Incident, Truth};
pub use weather::Opened;

#[cfg(test)]
mod tests;

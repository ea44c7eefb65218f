//! Simulated time: a world of product instances, their links to a peer, and one total order of events.
//!
//! Nothing sleeps and nothing ticks: the earliest event is next, and idle years cost nothing. Order at one instant is
//! that of `spec/behaviour.md` §7.5.

#[cfg(feature = "lockstep")]
pub mod connect;
pub mod device;
pub mod explore;
mod factory;
pub mod files;
pub mod filing;
pub mod fleet;
pub mod link;
#[cfg(feature = "lockstep")]
pub mod lockstep;
pub mod operate;
mod operator;
pub mod queue;
pub mod scenario;
pub mod switch;
pub mod world;

pub use device::{Device, DeviceId, DeviceSpec, Filed};
pub use factory::factory_config;
pub use files::{FileError, FilePath, Files, MemoryFiles};
pub use filing::Filing;
pub use link::{Carried, Exchange, InProcess, Link, Outage, Outages, Written};
pub use operate::Operated;
pub use queue::Class;
pub use switch::{Factory, Started, Switch, zone_at, zone_of};
pub use world::{Observer, World};

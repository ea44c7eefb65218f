//! The real-time driver: agents in real or scaled time (`docs/DESIGN.md`, "One core, three drivers").
//!
//! One task drives one device: it performs the agent's outputs strictly in order, then waits for the next timer, the
//! end of an exchange, or an order. What an exchange depends on is durable before it is sent. Clock, transport, store
//! and log are lent to it, so that tests can run it with a paused clock over a transport in memory.

mod advance;
mod console;
mod device;
mod effects;
mod exchange;
mod host;
mod metrics;
mod monitor;
mod names;
mod redundancy;
mod saved;
mod syslog;

pub use advance::{AdvanceError, advance};
pub(crate) use console::serve as serve_console;
pub use device::{Boot, Device, DriverError, LogSink, Look, Order, Parts, Settled};
pub(crate) use host::ask;
pub use host::{Handle, Host, PeerClock};
pub use metrics::DeviceMetrics;
pub use monitor::LogLine;
pub(crate) use names::line;
pub use saved::{BLOB_VERSION, Restored, SavedDevice, restore};
pub use slpsim_sim::connect::{Connect, HttpConnect};
pub use slpsim_sim::operate::{run_line, run_lines};
pub use slpsim_sim::{Factory, Switch};

#[cfg(test)]
pub(crate) mod tests;

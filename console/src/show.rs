//! `show license …` (`spec/behaviour.md` §18, `spec/console.md` §5, `spec/formats.md` §14 to §17).

use alloc::string::{String, ToString};

use slpsim_policy::Wall;

use crate::calendar::show_time;
use crate::device::Device;

pub(crate) mod authorization;
pub(crate) mod facts;
pub(crate) mod history;
pub(crate) mod rum;
pub(crate) mod status;
pub(crate) mod summary;
pub(crate) mod tech;
pub(crate) mod udi;
pub(crate) mod usage;

/// What `Agent Version` and the event log say (modelled).
pub const AGENT_VERSION: &str = concat!("slpsim-", env!("CARGO_PKG_VERSION"));
/// An empty time.
const NONE: &str = "<none>";
/// An empty text.
const EMPTY: &str = "<empty>";

/// A time in the zone of the switch.
pub(crate) fn time(device: &Device<'_>, wall: Wall) -> String {
    show_time(wall, &device.config.zone).to_string()
}

/// The same, or `<none>`.
pub(crate) fn time_or_none(device: &Device<'_>, wall: Option<Wall>) -> String {
    wall.map_or_else(|| NONE.to_string(), |wall| time(device, wall))
}

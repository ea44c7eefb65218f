//! How `slpsim exec`, `slpsim advance`, `slpsim event` and `slpsim console` reach a running daemon: a Unix socket that only its owner may use.
//!
//! One JSON object a line in each direction, one answer to each request, in order:
//!
//! ```text
//! -> {"exec":{"device":"switch","lines":["show license udi"]}}
//! <- {"exec":{"text":"UDI: ...\n","error":false}}
//! -> {"advance":{"ms":14400000}}
//! <- {"advance":{"now":"2026-01-01T04:00:00Z"}}
//! -> {"event":{"device":"switch","event":"standby-added"}}
//! <- {"event":{"units":["PID:N9K-C93180YC-FX3,SN:FDO00000001","PID:N9K-C93180YC-FX3,SN:SBY00000001"]}}
//! -> "status"
//! <- {"refused":{"why":"..."}}
//! ```

mod client;
pub mod console;
mod frame;
mod server;

use serde::{Deserialize, Serialize};

pub use client::{call, no_daemon};
pub use server::{Asked, ControlServer};

/// Largest request, in bytes.
pub const MAX_REQUEST: usize = 1 << 20;
/// Largest answer, in bytes; all reports of a switch at the cap fit.
pub const MAX_ANSWER: usize = 64 << 20;
/// Most console lines in one request.
pub const MAX_LINES: usize = 10_000;

/// What is asked of a daemon.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Run console lines in one session.
    Exec {
        /// Which device; may be left out where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
        /// The lines, in order.
        lines: Vec<String>,
    },
    /// Move the clock, with everything that falls due on the way.
    Advance {
        /// By how many milliseconds of simulated time.
        ms: u64,
    },
    /// Something happens to the hardware of a device.
    Event {
        /// Which device; may be left out where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<String>,
        /// What.
        event: Event,
    },
    /// From now on this connection is a console.
    Console(console::Wish),
    /// How the daemon is.
    Status,
}

impl std::fmt::Debug for Request {
    /// Without the lines: an id token may stand in one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exec { device, lines } => write!(f, "Exec({device:?}, {} lines)", lines.len()),
            Self::Advance { ms } => write!(f, "Advance({ms} ms)"),
            Self::Event { device, event } => write!(f, "Event({device:?}, {event:?})"),
            Self::Console(wish) => write!(f, "Console({:?})", wish.device),
            Self::Status => f.write_str("Status"),
        }
    }
}

/// What somebody at the rack does to a device, in the words of scenario files (`interface.md` §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A second supervisor is put in
    StandbyAdded,
    /// The standby supervisor is taken out
    StandbyRemoved,
    /// The standby supervisor takes over, as with `system switchover`
    Switchover,
}

/// A daemon's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// What the console printed.
    Exec {
        /// The output.
        text: String,
        /// Whether the device answered a line with an error.
        error: bool,
    },
    /// The clock has been moved.
    Advance {
        /// Simulated time now, RFC 3339.
        now: String,
    },
    /// It has happened.
    Event {
        /// The units of the device now, the active one first.
        units: Vec<String>,
    },
    /// The daemon's state.
    Status(Status),
    /// The request is not carried out.
    Refused {
        /// Why, in one line.
        why: String,
    },
}

/// A daemon at a glance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Process number.
    pub pid: u32,
    /// Simulated time, RFC 3339.
    pub now: String,
    /// The devices by name.
    pub devices: Vec<String>,
    /// When each device has something to do next, RFC 3339; in the order of `devices`.
    pub next: Vec<Option<String>>,
}

//! What a formatter is given.

use slpsim_agent::Message;
use slpsim_policy::Wall;

use crate::zone::Zone;

/// One message of one device at one time.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The device's clock.
    pub at: Wall,
    /// The device's time zone.
    pub zone: Zone,
    /// The device's host name; absent until it is known.
    pub host: Option<&'a str>,
    /// The address that the device sends from, as printed.
    pub address: Option<&'a str>,
    /// The device's count of messages, from 1; only the IOS forms print it.
    pub sequence: u64,
    /// What it says.
    pub message: &'a Message,
    /// Whether the line stands for lines that were held back.
    pub repeated: Repeated,
}

/// What stands for lines that were held back (`spec/logs.md` §6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Repeated {
    /// Nothing was.
    #[default]
    No,
    /// The whole message again, with ` (message repeated N time[s])` at its end, as newer NX-OS does it.
    Suffix(u32),
    /// `last message repeated N time[s]` in the message's place, as older NX-OS does it.
    Line(u32),
}

//! The simulated network that a switch, its transport, the scenarios and `ping` share: pure data and rules.
//!
//! A [`World`] is what is out there: names, servers, a firewall, and where an address really leads on this
//! machine. [`IpSettings`] are what one switch knows of it, from its configuration. A [`Network`] puts the two
//! together and answers the questions that an exchange or an operator asks. The troubleshooting steps of
//! `spec/chapter.md` §5.3 look at exactly these things; `interface.md` §5 `[network]` has the keys.
//!
//! No packet moves here, and no socket is opened.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod answers;
pub mod firewall;
pub mod ip;
pub mod reach;
pub mod world;

pub use answers::{Answers, Question, Said};
pub use firewall::{Rule, RuleError, Verdict};
pub use ip::{Interface, IpSettings, Ipv4Net, Source};
pub use reach::{NameServer, Network, Ping, ResolveError, Unreached};
pub use world::{DEFAULT_NAME_SERVER, DEFAULT_NTP_SERVER, RouteError, World, is_cisco};

/// The host name by which a CSLU is discovered (`spec/behaviour.md` §7.1).
pub const CSLU_LOCAL: &str = "cslu-local";

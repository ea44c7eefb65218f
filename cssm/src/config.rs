//! What a mock is told at its start.

use serde::{Deserialize, Serialize};
use slpsim_agent::Account as Names;
use slpsim_policy::{Policy, Values};

use crate::peer::Role;

/// How a mock behaves. [`Config::default`] is the default world of scenarios: one account `Example SA` / `Lab` with
/// `Example Policy`, ACKs ready at the first poll.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What it plays.
    pub role: Role,
    /// A CSLU or On-Prem reaches its CSSM; a CSSM is connected by nature.
    pub connected: bool,
    /// A CSSM of its own stands above a connected CSLU or On-Prem: what needs CSSM is stored and forwarded. Without it a
    /// connected one is its CSSM as well.
    pub relay: bool,
    /// An On-Prem of before usage policies.
    pub down_rev: bool,
    /// Refuses requests whose clock is an hour or more off, instead of noting them (`spec/behaviour.md` §9).
    pub strict_clock: bool,
    /// Verifies signatures; off reads real files without checking (`spec/formats.md` §13).
    pub verify: bool,
    /// Capability words in place of those that belong to role and route (`spec/formats.md` §8.4).
    pub capabilities: Option<Vec<String>>,
    /// When ACKs become ready.
    pub ack_mode: AckMode,
    /// The accounts, the default one first; at least one.
    pub accounts: Vec<AccountConfig>,
    /// What it keeps.
    pub limits: Limits,
    /// Decides every id, uuid and token.
    pub seed: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            role: Role::Cssm,
            connected: true,
            relay: false,
            down_rev: false,
            strict_clock: false,
            verify: true,
            capabilities: None,
            ack_mode: AckMode::AtOnce,
            accounts: vec![AccountConfig::default()],
            limits: Limits::default(),
            seed: 0,
        }
    }
}

/// An account that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountConfig {
    /// Smart and Virtual Account.
    pub names: Names,
    /// The policy that answers carry.
    pub policy: Option<Policy>,
}

impl Default for AccountConfig {
    fn default() -> Self {
        Self {
            names: Names { smart: "Example SA".into(), r#virtual: "Lab".into() },
            policy: Some(Policy::nxos("Example Policy", Values::of(60, 180, 60))),
        }
    }
}

/// When ACKs become ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AckMode {
    /// At the first poll.
    #[default]
    AtOnce,
    /// So many milliseconds after the push.
    Delay(i64),
    /// When they are released.
    Manual,
}

/// How much a mock keeps; what is older goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Product instances; beyond it new ones are refused.
    pub devices: usize,
    /// Id tokens; beyond it no more are made.
    pub tokens: usize,
    /// Virtual Accounts.
    pub accounts: usize,
    /// Reports; 0 keeps none.
    pub reports: usize,
    /// Reports that came longer ago go, in milliseconds.
    pub report_age_ms: Option<i64>,
    /// Bytes of reports that wait for CSSM; beyond it devices are asked to come again.
    pub held_bytes: usize,
    /// Exchanges of the history; 0 keeps none.
    pub exchanges: usize,
    /// Bytes of text that the history keeps of one request or response; 0 keeps none.
    pub text: usize,
    /// Events; 0 keeps none.
    pub events: usize,
    /// Faults at one time.
    pub faults: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            devices: 2_000_000,
            tokens: 100_000,
            accounts: 1_000,
            reports: 100_000,
            report_age_ms: None,
            held_bytes: 256_000_000,
            exchanges: 2_000,
            text: 16_384,
            events: 10_000,
            faults: 1_000,
        }
    }
}

impl Limits {
    /// For whoever opens the records of another mock.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            devices: usize::MAX,
            tokens: usize::MAX,
            accounts: usize::MAX,
            reports: usize::MAX,
            report_age_ms: None,
            held_bytes: usize::MAX,
            exchanges: 0,
            text: 0,
            events: usize::MAX,
            faults: usize::MAX,
        }
    }

    /// For a fleet in process: devices and nothing about the past.
    #[must_use]
    pub const fn fleet() -> Self {
        Self {
            devices: usize::MAX,
            tokens: 100_000,
            accounts: 1_000,
            reports: 0,
            report_age_ms: None,
            held_bytes: 0,
            exchanges: 0,
            text: 0,
            events: 0,
            faults: 1_000,
        }
    }
}

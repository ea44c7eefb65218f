//! A scenario, resolved: every default filled in, every name followed.

use std::fmt;
use std::net::IpAddr;

use regex::Regex;
use slpsim_agent::messages::Kind;
use slpsim_agent::{Purpose, Usage};
use slpsim_config::Device;
use slpsim_network::{Rule, World};
use slpsim_policy::{Policy, Wall};
use slpsim_transport::fault::{Effect, Fault};

use super::manage::Call;
use super::property::Property;
use super::wire::Wire;

/// One scenario, ready to be played.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file, as it was named.
    pub file: String,
    /// `name`
    pub name: String,
    /// `shows`: the id or section that it is about.
    pub shows: Option<String>,
    /// The combination of the matrix: variable and value.
    pub matrix: Vec<(String, String)>,
    /// `seed`
    pub seed: u64,
    /// `start`
    pub start: Wall,
    /// `until`, in milliseconds since the start; inclusive.
    pub until_ms: u64,
    /// The product instances.
    pub devices: Vec<Device>,
    /// The network around them.
    pub network: World,
    /// What of that is left open.
    pub open: Open,
    /// What the mock plays.
    pub peer: Peer,
    /// Whether its account has the example policy.
    pub has_policy: bool,
    /// What an exchange takes, in milliseconds.
    pub latency_ms: u64,
    /// What it takes beside that, by device: the first that names it.
    pub links: Vec<Wire>,
    /// When ACKs become ready.
    pub ack_mode: slpsim_cssm::AckMode,
    /// The mock refuses requests whose clock is an hour or more off.
    pub strict_clock: bool,
    /// What happens, in file order.
    pub steps: Vec<Step>,
    /// What has to come of it, in file order.
    pub expectations: Vec<Expectation>,
}

/// What a scenario does not say of its network leads to the mock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// No `[world.network.hosts]`: every name resolves.
    pub names: bool,
    /// No `[world.network.routes]`: somebody listens everywhere.
    pub routes: bool,
}

/// `[world] peer`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peer {
    /// A CSSM; at the CSLU route a connected CSLU with it.
    #[default]
    Cssm,
    /// A CSLU that is connected.
    Cslu,
    /// A CSLU that is not.
    CsluDisconnected,
    /// A current SSM On-Prem.
    OnPrem,
    /// An SSM On-Prem of before usage policies.
    OnPremDownRev,
}

impl Peer {
    /// The words.
    pub const WORDS: &'static [&'static str] =
        &["cssm", "cslu", "cslu-disconnected", "on-prem", "on-prem-down-rev"];

    /// All, in the order of the words.
    pub const ALL: [Self; 5] =
        [Self::Cssm, Self::Cslu, Self::CsluDisconnected, Self::OnPrem, Self::OnPremDownRev];

    /// The peer of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|peer| peer.word() == word)
    }

    /// Whether a CSSM stands above it: at the CSLU route of a CSSM too, where a connected CSLU answers.
    #[must_use]
    pub const fn has_upstream(self) -> bool {
        !matches!(self, Self::CsluDisconnected)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        let at = Self::ALL.iter().position(|peer| *peer == self);
        at.and_then(|at| Self::WORDS.get(at)).copied().unwrap_or("")
    }
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it is written.
    pub place: String,
    /// When it is done.
    pub when: When,
    /// At which device; none: at all.
    pub device: Option<usize>,
    /// What is done.
    pub action: Action,
    /// What it is called, where that is not its action: a loss or a partition of a link.
    pub called: Option<String>,
    /// It is what the scenario is about: without it the scenario has to fail.
    pub is_cause: bool,
}

/// When a step is done. Times are milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Once.
    At(u64),
    /// Again and again.
    Every {
        /// First.
        from: u64,
        /// Time between two.
        period: u64,
        /// Not later than this.
        to: u64,
    },
    /// After a message.
    After {
        /// Which.
        message: Kind,
        /// The how manyth, from 1.
        nth: u32,
        /// Of which device; none: of any.
        device: Option<usize>,
        /// How long after it.
        delay: u64,
    },
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum Action {
    /// Console lines in one session; what the console answers has to match.
    Command(Vec<String>, Option<Regex>),
    /// A fault begins.
    Fault(Fault),
    /// Something happens to the device.
    Event(Event),
    /// The power fails, and the last so many writes of the durable state with it.
    LosingPower(usize),
    /// The device's clock changes.
    Clock(ClockChange),
    /// A licence is used more or less.
    Usage(Usage),
    /// The account's policy from now on; none: it has none any more.
    Policy(Option<Policy>),
    /// The network around the devices changes.
    Network(NetworkChange),
    /// The mock is replaced by one that plays this; it keeps the accounts and all that it knows.
    Peer(Peer),
    /// A management call; parts of the answer are kept as variables: variable and key of the answer.
    Manage(Call, Vec<(String, String)>),
}

impl Action {
    /// How many writes are lost with the power.
    #[must_use]
    pub const fn lost_writes(&self) -> usize {
        if let Self::LosingPower(lost) = self { *lost } else { 0 }
    }

    /// Whether the store of a device does not keep what it was given, so that nothing durable is what it should be.
    #[must_use]
    pub fn harms_the_store(&self) -> bool {
        self.lost_writes() > 0
            || matches!(self, Self::Fault(fault) if matches!(fault.effect, Effect::Write(_)))
    }
}

/// A change of the network that is no device's own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkChange {
    /// The firewall from now on; none: as it is.
    pub firewall: Option<Vec<Rule>>,
    /// Names that the DNS has from now on.
    pub hosts: Vec<(String, IpAddr)>,
    /// Names that it has no more.
    pub gone: Vec<String>,
}

impl NetworkChange {
    /// Makes the change.
    pub fn make(&self, network: &mut World) {
        if let Some(rules) = &self.firewall {
            network.firewall.clone_from(rules);
        }
        for name in &self.gone {
            network.remove_host(name);
        }
        for (name, address) in &self.hosts {
            network.add_host(name, *address);
        }
    }
}

/// What can happen to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `reload`
    Reload,
    /// The power fails and comes back.
    PowerLoss,
    /// The standby becomes active.
    Switchover,
    /// A second supervisor is plugged in.
    StandbyAdded,
    /// It is taken out.
    StandbyRemoved,
    /// Upgrade from a release with classic Smart Licensing.
    Upgrade,
}

impl Event {
    /// All, in the order of [`Event::WORDS`].
    pub const ALL: [Self; 6] = [
        Self::Reload,
        Self::PowerLoss,
        Self::Switchover,
        Self::StandbyAdded,
        Self::StandbyRemoved,
        Self::Upgrade,
    ];
    /// The words.
    pub const WORDS: &'static [&'static str] =
        &["reload", "power-loss", "switchover", "standby-added", "standby-removed", "upgrade"];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .position(|event| *event == self)
            .and_then(|at| Self::WORDS.get(at))
            .copied()
            .unwrap_or("")
    }
}

/// A change of a device's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChange {
    /// Stepped by so many milliseconds.
    Step(i64),
    /// From now on it gains so many milliseconds a day.
    Drift(i64),
    /// NTP sets it right and keeps it so: authoritative, and equal to true time.
    Synced,
}

/// An expectation.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Where it is written.
    pub place: String,
    /// Of which device; none: of any.
    pub device: Option<usize>,
    /// What is expected.
    pub wanted: Wanted,
}

/// What is expected.
#[derive(Clone, Debug)]
pub enum Wanted {
    /// So many lines of a message in a window.
    Message {
        /// Which; none: any.
        message: Option<Kind>,
        /// When.
        window: Option<Window>,
        /// How many.
        count: Amount,
        /// The whole text.
        text: Option<Regex>,
        /// Only those that come after this one.
        after: Option<Anchor>,
        /// Only those that come before this one.
        before: Option<Anchor>,
    },
    /// So many exchanges that ended in a window.
    Exchange {
        /// What for; none: for anything.
        purpose: Option<Purpose>,
        /// When.
        window: Option<Window>,
        /// How many.
        count: Amount,
        /// With an authenticated answer, or without; none: either way.
        answered: Option<bool>,
        /// The whole text of the failure.
        text: Option<Regex>,
    },
    /// What holds over the whole run, or over a window.
    Property(Property),
    /// What a console command prints at a time.
    Show {
        /// When.
        at: u64,
        /// The command.
        command: String,
        /// What it has to contain.
        contains: Vec<String>,
        /// What it must not contain.
        not_contains: Vec<String>,
        /// What it has to match somewhere.
        matches: Option<Regex>,
        /// A path in its structured form, and the value that is there.
        field: Option<(String, String)>,
    },
    /// What the mock knows at a time.
    Peer {
        /// When.
        at: u64,
        /// What of it.
        what: Seen,
        /// How much.
        count: Amount,
    },
}

/// A message that others come before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Which.
    pub message: Kind,
    /// The how manyth, from 1.
    pub nth: u32,
    /// Of which device; none: of that of the expectation.
    pub device: Option<usize>,
    /// How far away at most, in milliseconds; none: any distance.
    pub span_ms: Option<u64>,
}

/// What the mock knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Reports that arrived.
    Reports,
    /// Reports whose ACK was fetched.
    Acknowledged,
    /// Product instances.
    Devices,
    /// Product instances that were given a trust code.
    Trusted,
    /// Reports that were refused.
    Rejected,
    /// Reports whose ACK was not fetched yet.
    Waiting,
    /// Times that a report arrived which had arrived before.
    Repeats,
}

impl Seen {
    /// The words.
    pub const WORDS: &'static [&'static str] =
        &["reports", "acknowledged", "devices", "trusted", "rejected", "waiting", "repeats"];
    /// All, in the order of the words.
    pub const ALL: [Self; 7] = [
        Self::Reports,
        Self::Acknowledged,
        Self::Devices,
        Self::Trusted,
        Self::Rejected,
        Self::Waiting,
        Self::Repeats,
    ];

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL
            .iter()
            .position(|seen| *seen == self)
            .and_then(|at| Self::WORDS.get(at))
            .copied()
            .unwrap_or("")
    }
}

/// Both ends included, in milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From.
    pub from: u64,
    /// To.
    pub to: u64,
}

/// `15`, `1..`, `3..5`, `..2`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// At least.
    pub from: u64,
    /// At most; none: any number.
    pub to: Option<u64>,
}

impl Amount {
    /// Whether `count` is inside.
    #[must_use]
    pub fn has(self, count: u64) -> bool {
        count >= self.from && self.to.is_none_or(|to| count <= to)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to {
            Some(to) if to == self.from => write!(f, "exactly {to}"),
            Some(to) => write!(f, "{} to {to}", self.from),
            None => write!(f, "at least {}", self.from),
        }
    }
}

/// A time of a scenario as it is written: `30d6h15m10s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub u64);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&slpsim_config::print_span(std::time::Duration::from_millis(self.0)))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", Moment(self.from), Moment(self.to))
    }
}

impl Scenario {
    /// Its name, with the combination of the matrix: `outage [length=6h]`.
    #[must_use]
    pub fn title(&self) -> String {
        if self.matrix.is_empty() {
            return self.name.clone();
        }
        let parts: Vec<_> = self.matrix.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{} [{}]", self.name, parts.join(" "))
    }
}

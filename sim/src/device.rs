//! A product instance in a simulated world: the agent and the switch around it.

use std::sync::Arc;

use slpsim_agent::persist::Saved;
use slpsim_agent::{Agent, ProfileId, Settings, Timer, Udi, Usage};
use slpsim_console::Config;
use slpsim_network::World as NetworkWorld;
use slpsim_policy::time::DAY_MS;
use slpsim_policy::{Mono, Wall};
use slpsim_transport::sign::{DeviceKeys, Verifier};

use crate::files::MemoryFiles;
use crate::switch::{Factory, Started, Switch};

/// Number of a device in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// What a device is when it leaves the factory.
#[derive(Clone, Debug)]
pub struct DeviceSpec {
    /// Its configuration, and console lines of its first boot.
    pub factory: Factory,
    /// Platform.
    pub profile: ProfileId,
    /// Identity.
    pub udi: Udi,
    /// Licences in use from boot.
    pub usage: Vec<Usage>,
    /// The network around it.
    pub network: Arc<NetworkWorld>,
}

impl DeviceSpec {
    /// A Nexus 9000 with the first licence of its profile in use.
    #[must_use]
    pub fn new(hostname: &str, udi: Udi, settings: Settings) -> Self {
        let mut config = Config { hostname: hostname.into(), ..Config::default() };
        config.smart.transport = settings.transport;
        config.smart.usage_interval_days = settings.usage_interval_days;
        Self {
            factory: Factory { config, lines: String::new() },
            profile: ProfileId::Nexus9000,
            udi,
            usage: vec![Usage { license: 0, count: 1 }],
            network: Arc::default(),
        }
    }
}

/// The files of a simulated device.
#[derive(Clone, Debug, Default)]
pub struct Filed {
    /// Its file systems.
    pub files: MemoryFiles,
    /// The key of its ID certificate; made when it is needed first, unless it is given.
    pub keys: Option<Arc<DeviceKeys>>,
    /// Whom it believes; without one, anybody, as in process, where nothing is signed.
    pub verifier: Option<Arc<Verifier>>,
}

/// A device in the world.
#[derive(Debug)]
pub struct Device {
    /// The licensing agent.
    pub agent: Agent,
    /// The switch around it.
    pub switch: Switch,
    /// Device clock minus true time, in milliseconds, before what has drifted.
    pub clock_offset_ms: i64,
    /// What the device's clock gains a day in milliseconds, and since when.
    pub(crate) drift: (i64, u64),
    /// Its files, and what it works on them with.
    pub filed: Filed,
    /// Console lines of its first boot.
    pub(crate) first_lines: Vec<String>,
    /// What the switch refused of its startup configuration.
    pub(crate) refused: Vec<String>,
    /// Requests so far; numbers the nonces.
    pub(crate) requests: u64,
    /// The timer that stands in the queue.
    pub(crate) queued: Option<(Mono, Timer)>,
    /// Counts restorations from durable state: ends of exchanges of an earlier life are of no interest.
    pub(crate) life: u32,
    /// The last durable state, where the world keeps it.
    pub(crate) durable: Option<Box<Saved>>,
    /// Those before it, oldest first, where the world keeps them.
    #[expect(clippy::vec_box, reason = "a state moves here in the box in which it was kept, on every save")]
    pub(crate) earlier: Vec<Box<Saved>>,
}

impl Device {
    pub(crate) fn new(spec: DeviceSpec, now: Wall) -> Self {
        let DeviceSpec { factory, profile, udi, usage, network } = spec;
        let (switch, Started { lines, refused }) = Switch::boot(None, factory, network, profile, now);
        Self {
            agent: Agent::new(profile, udi, switch.config.settings(), &switch.first_usage(usage)),
            switch,
            clock_offset_ms: 0,
            drift: (0, 0),
            filed: Filed::default(),
            first_lines: lines,
            refused,
            requests: 0,
            queued: None,
            life: 0,
            durable: None,
            earlier: Vec::new(),
        }
    }

    /// Device clock minus true time at `now_ms` since the start, in milliseconds.
    pub(crate) fn offset_at(&self, now_ms: u64) -> i64 {
        let (gain, since) = self.drift;
        if gain == 0 {
            return self.clock_offset_ms;
        }
        let drifted = i128::from(gain) * i128::from(now_ms.saturating_sub(since)) / i128::from(DAY_MS);
        self.clock_offset_ms.saturating_add(i64::try_from(drifted).unwrap_or(i64::MAX))
    }

    /// From now on the clock gains so many milliseconds a day (negative: it loses them).
    pub(crate) fn set_drift(&mut self, gain_ms: i64, now_ms: u64) {
        self.clock_offset_ms = self.offset_at(now_ms);
        self.drift = (gain_ms, now_ms);
    }

    /// Lines of startup configurations that the switch refused so far.
    #[must_use]
    pub fn refused(&self) -> &[String] {
        &self.refused
    }
}

//! A product instance in a simulated world: the agent and what lies around it.

use slpsim_agent::persist::Saved;
use slpsim_agent::{Agent, ProfileId, Sender, Settings, Timer, Udi, Usage};
use slpsim_policy::Mono;

/// Number of a device in its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

/// What a device is when it leaves the factory.
#[derive(Clone, Debug)]
pub struct DeviceSpec {
    /// Host name.
    pub hostname: String,
    /// Platform.
    pub profile: ProfileId,
    /// Identity.
    pub udi: Udi,
    /// Transport and interval of the first boot.
    pub settings: Settings,
    /// Licences in use from boot.
    pub usage: Vec<Usage>,
}

/// A device in the world.
#[derive(Clone, Debug)]
pub struct Device {
    /// The licensing agent.
    pub agent: Agent,
    /// Host name.
    pub hostname: String,
    /// `license smart privacy hostname`.
    pub hide_hostname: bool,
    /// `license smart privacy version`.
    pub hide_version: bool,
    /// `license smart custom_id`.
    pub custom_id: Option<String>,
    /// Device clock minus true time, in milliseconds.
    pub clock_offset_ms: i64,
    /// Requests so far; numbers the nonces.
    pub(crate) requests: u64,
    /// The timer that stands in the queue.
    pub(crate) queued: Option<(Mono, Timer)>,
    /// Counts restorations from durable state: ends of exchanges of an earlier life are of no interest.
    pub(crate) life: u32,
    /// The last durable state, where the world keeps it.
    pub(crate) durable: Option<Box<Saved>>,
}

impl Device {
    pub(crate) fn new(spec: DeviceSpec) -> Self {
        Self {
            agent: Agent::new(spec.profile, spec.udi, spec.settings, &spec.usage),
            hostname: spec.hostname,
            hide_hostname: false,
            hide_version: false,
            custom_id: None,
            clock_offset_ms: 0,
            requests: 0,
            queued: None,
            life: 0,
            durable: None,
        }
    }

    pub(crate) fn sender(&self) -> Sender {
        Sender {
            hostname: (!self.hide_hostname).then(|| self.hostname.clone()),
            send_version: !self.hide_version,
            custom_id: self.custom_id.clone(),
            ..self.agent.sender()
        }
    }
}

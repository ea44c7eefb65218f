//! What is counted of a device.

use slpsim_agent::{Failure, Message, Purpose, Reply};

use crate::metrics::{Number, Registry};

/// The numbers of one device in the registry of its daemon.
#[derive(Clone, Debug)]
pub struct DeviceMetrics {
    registry: Registry,
    device: Box<str>,
    pub(super) saves: Number,
    pub(super) usage_saves: Number,
    pub(super) open: Number,
    pub(super) deadline: Number,
}

impl DeviceMetrics {
    /// The numbers of the device that is called `device`.
    #[must_use]
    pub fn new(registry: &Registry, device: &str) -> Self {
        let labels = [("device", device)];
        Self {
            registry: registry.clone(),
            device: device.into(),
            saves: registry.counter(
                "slpsim_state_saves_total",
                "Times the device's state was made durable.",
                &labels,
            ),
            usage_saves: registry.counter(
                "slpsim_usage_saves_total",
                "Of these, saves of nothing but an hour's use of licences.",
                &labels,
            ),
            open: registry.gauge("slpsim_exchanges_open", "Exchanges under way.", &labels),
            deadline: registry.gauge(
                "slpsim_ack_deadline_timestamp_seconds",
                "Next ACK deadline by the device's clock, Unix time; 0: none.",
                &labels,
            ),
        }
    }

    pub(super) fn message(&self, message: &Message) {
        let labels = [("device", &*self.device), ("mnemonic", message.row().mnemonic())];
        self.registry.counter("slpsim_messages_total", "LICMGR messages of the device.", &labels).increment();
    }

    pub(super) fn exchange(&self, purpose: Purpose, result: &Result<Reply, Failure>) {
        let result = if result.is_ok() { "answered" } else { "failed" };
        let labels = [("device", &*self.device), ("purpose", word(purpose)), ("result", result)];
        self.registry.counter("slpsim_exchanges_total", "Exchanges that ended.", &labels).increment();
    }
}

const fn word(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Poll => "poll",
        Purpose::Hello => "hello",
        Purpose::Trust => "trust",
        Purpose::Usage => "usage",
        Purpose::TrustSync => "trust-sync",
        Purpose::AuthRequest => "auth-request",
        Purpose::AuthReturn => "auth-return",
        Purpose::AuthRenew => "auth-renew",
        Purpose::IdRenew => "id-renew",
    }
}

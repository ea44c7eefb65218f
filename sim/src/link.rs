//! How an exchange gets to the peer and back: in process here, over real sockets in [`crate::lockstep`].

use std::time::Duration;

use slpsim_agent::{AgentId, Failure, Reply, Request, Sender, TransportMode};
use slpsim_console::Config;
use slpsim_cssm::{Arrived, Cssm, Route};
use slpsim_policy::Wall;
use slpsim_transport::message::{accept, compose};

/// One exchange, as it begins.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// True time.
    pub at: Wall,
    /// The device's clock.
    pub device_clock: Wall,
    /// Whose exchange it is.
    pub device: AgentId,
    /// Transport that is configured.
    pub transport: TransportMode,
    /// Who asks.
    pub sender: &'a Sender,
    /// The running configuration of the switch.
    pub config: &'a Config,
    /// What it asks.
    pub request: &'a Request,
    /// The nonce.
    pub nonce: u64,
    /// The device's time-out.
    pub give_up_after: Duration,
}

/// How an exchange ended.
#[derive(Clone, Debug)]
pub struct Carried {
    /// Simulated time from begin to end.
    pub after: Duration,
    /// With an authenticated answer, or without.
    pub result: Result<Reply, Failure>,
}

/// What became of a write of a device's durable state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is durable.
    Kept,
    /// The store said so, but it is not.
    Lost,
    /// The store refused it, and the device works on.
    Refused,
}

/// Carries exchanges, and what else of the world around a device can fail.
pub trait Link {
    /// Carries one exchange that begins now.
    fn carry(&mut self, exchange: &Exchange<'_>) -> Carried;

    /// A device writes its durable state now.
    fn write(&mut self, at: Wall, device: AgentId) -> Written {
        let _ = (at, device);
        Written::Kept
    }

    /// Whether the file systems of a device have no space now.
    fn is_full(&self, at: Wall, device: AgentId) -> bool {
        let _ = (at, device);
        false
    }
}

/// A stretch of true time in which the peer cannot be reached, half-open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// From here on.
    pub from: Wall,
    /// Not in force at this time any more.
    pub to: Wall,
}

/// The outages of a link: TCP connections are refused at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outages(Vec<Outage>);

impl Outages {
    /// Adds one.
    pub fn add(&mut self, outage: Outage) {
        self.0.push(outage);
    }

    /// Whether one is in force.
    #[must_use]
    pub fn in_force(&self, at: Wall) -> bool {
        self.0.iter().any(|outage| outage.from <= at && at < outage.to)
    }
}

/// A mock in the same process: typed messages go from hand to hand, no time passes.
#[derive(Debug)]
pub struct InProcess {
    /// The peer.
    pub cssm: Cssm,
    /// When it cannot be reached.
    pub outages: Outages,
}

impl InProcess {
    /// A link that always works.
    #[must_use]
    pub fn to(cssm: Cssm) -> Self {
        Self { cssm, outages: Outages::default() }
    }
}

impl Link for InProcess {
    fn carry(&mut self, exchange: &Exchange<'_>) -> Carried {
        let result = if self.outages.in_force(exchange.at) {
            Err(Failure::Unreachable)
        } else {
            ask(&mut self.cssm, exchange)
        };
        Carried { after: Duration::ZERO, result }
    }
}

/// Asks a mock as the exchange's transport would.
fn ask(cssm: &mut Cssm, exchange: &Exchange<'_>) -> Result<Reply, Failure> {
    let route = route_of(exchange.transport).ok_or(Failure::TransportMissing)?;
    let message = compose(exchange.request, exchange.sender, exchange.device_clock, exchange.nonce);
    let answer = cssm.handle(exchange.at, &Arrived::in_process(route, &message));
    accept(answer.message, exchange.nonce, &exchange.sender.units)
}

/// The door at which requests of a transport arrive; none on transport `off`.
#[must_use]
pub const fn route_of(transport: TransportMode) -> Option<Route> {
    match transport {
        TransportMode::Smart => Some(Route::Smart),
        TransportMode::Callhome => Some(Route::Callhome),
        TransportMode::Cslu => Some(Route::Cslu { tenant: None }),
        TransportMode::Off => None,
    }
}

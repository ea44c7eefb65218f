//! The link of a scenario: the simulated network, then the faults, then the mock's rules in the same process.

use std::sync::Arc;
use std::time::Duration;

use slpsim_agent::{AgentId, Draw, ElementFault, Failure, Purpose, Reply, TransportMode, draw};
use slpsim_config::Device as Keys;
use slpsim_console::config::{CSLU_DISCOVERY, Config};
use slpsim_cssm::{Arrived, Cssm, Rule, Steer};
use slpsim_network::{Network, ResolveError, Source, Unreached, World};
use slpsim_transport::fault::{Effect, Meets, Plan, ReportWhy, TokenWhy};
use slpsim_transport::message::{PolicyObject, Sealed, ServerMessage, accept, compose};

use super::model::Open;
use super::resolve::is_called;
use crate::link::{Carried, Exchange, Link, route_of};

/// A link with faults.
#[derive(Debug)]
pub(super) struct FaultLink {
    /// The peer.
    pub(super) mock: Mock,
    /// The faults in force.
    pub(super) plan: Plan,
    /// The devices as the file has them, by number.
    pub(super) devices: Vec<Keys>,
    /// The network around them.
    pub(super) network: Arc<World>,
    /// What the scenario does not say of it.
    pub(super) open: Open,
    /// What an exchange takes.
    pub(super) latency: Duration,
    /// Decides what is drawn.
    pub(super) seed: u64,
    /// Exchanges that a fault has hit.
    pub(super) hits: Vec<Hit>,
}

/// An exchange that a fault has hit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) device: AgentId,
    pub(super) purpose: Purpose,
    pub(super) at: slpsim_policy::Wall,
    pub(super) fault: u64,
}

impl Link for FaultLink {
    fn carry(&mut self, exchange: &Exchange<'_>) -> Carried {
        let network = exchange.config.network(&self.network);
        let way = Way { config: exchange.config, network: network.clone(), open: self.open };
        let struck = match way.lead(exchange.transport) {
            Ok((by_name, tls)) => self.strike(exchange, by_name, tls),
            Err(failure) => match &mut self.mock {
                Mock::InProcess(_) => return Carried { after: Duration::ZERO, result: Err(failure) },
                #[cfg(feature = "lockstep")]
                Mock::Real(real) => {
                    let timing = Timing {
                        after: Duration::ZERO,
                        at_timeout: false,
                        ..Timing::of(exchange, None, self.latency)
                    };
                    return real.carry(exchange, network, None, timing);
                }
            },
        };
        let effect = struck.map(|(_, effect)| effect);
        let timing = Timing::of(exchange, effect, self.latency);
        match &mut self.mock {
            Mock::InProcess(cssm) => timing.end(in_process(cssm, exchange, effect)),
            #[cfg(feature = "lockstep")]
            Mock::Real(real) => {
                let number = struck.map(|(number, _)| number);
                let fault = self.plan.active().find(|(active, _)| Some(*active) == number);
                real.carry(exchange, network, fault.map(|(_, fault)| fault), timing)
            }
        }
    }
}

impl FaultLink {
    /// The fault that hits an exchange: the same in every mode, as it is drawn from the same numbers.
    fn strike(&mut self, exchange: &Exchange<'_>, by_name: bool, tls: bool) -> Option<(u64, Effect)> {
        let purpose = exchange.request.purpose();
        let keys = self.devices.get(exchange.device.0 as usize);
        let called = |name: &str| keys.is_some_and(|keys| is_called(keys, name));
        let meets = Meets { at: exchange.at, purpose: Some(purpose), by_name, tls, is_called: &called };
        let (seed, device) = (self.seed, exchange.device);
        let luck = move |fault: u64, met: u64| draw(seed ^ fault.rotate_left(32), device, Draw::Network, met);
        let struck = self.plan.strike(&meets, &luck);
        if let Some((fault, _)) = struck {
            self.hits.push(Hit { device, purpose, at: exchange.at, fault });
        }
        struck
    }
}

/// The peer of a scenario.
#[derive(Debug)]
pub(super) enum Mock {
    /// Its rules alone.
    InProcess(Box<Cssm>),
    /// Behind real listeners.
    #[cfg(feature = "lockstep")]
    Real(Box<super::real::RealMock>),
}

impl Mock {
    /// Does something with the mock's rules, between two exchanges.
    pub(super) fn with<T>(&mut self, act: impl FnOnce(&mut Cssm) -> T) -> T {
        match self {
            Self::InProcess(cssm) => act(cssm),
            #[cfg(feature = "lockstep")]
            Self::Real(real) => real.with(act),
        }
    }
}

/// When an exchange ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timing {
    after: Duration,
    give_up: Duration,
    /// It ends at the time-out whatever comes.
    at_timeout: bool,
}

impl Timing {
    fn of(exchange: &Exchange<'_>, effect: Option<Effect>, usual: Duration) -> Self {
        let (after, at_timeout) = match effect {
            Some(Effect::Lost { at_timeout, .. }) => (usual, at_timeout),
            Some(Effect::Late(by)) => (usual.saturating_add(by), false),
            Some(
                Effect::Spoiled(_)
                | Effect::LostAck
                | Effect::TryAgain(_)
                | Effect::LateAck(_)
                | Effect::ForeignAck
                | Effect::RejectReport(_)
                | Effect::PolicyBadSignature
                | Effect::PolicyBadTime(_)
                | Effect::TokenRefused(_),
            )
            | None => (usual, false),
        };
        Self { after, give_up: exchange.give_up_after, at_timeout }
    }

    /// What comes too late is lost on the way.
    pub(super) fn end(self, result: Result<Reply, Failure>) -> Carried {
        if self.at_timeout {
            Carried { after: self.give_up, result }
        } else if self.after >= self.give_up {
            Carried { after: self.give_up, result: Err(Failure::Unreachable) }
        } else {
            Carried { after: self.after, result }
        }
    }
}

fn in_process(cssm: &mut Cssm, exchange: &Exchange<'_>, effect: Option<Effect>) -> Result<Reply, Failure> {
    if let Some(Effect::Lost { failure, .. }) = effect {
        return Err(failure);
    }
    let route = route_of(exchange.transport).ok_or(Failure::TransportMissing)?;
    let message = compose(exchange.request, exchange.sender, exchange.device_clock, exchange.nonce);
    let arrived = Arrived::in_process(route, &message);
    let mut answer = cssm.handle_steered(exchange.at, &arrived, &steer(effect)).message;
    match effect {
        // The peer has done its part and does not know.
        Some(Effect::Spoiled(failure)) => return Err(failure),
        Some(Effect::LostAck) if answer.data.ack.is_some() => return Err(Failure::Unreachable),
        Some(Effect::PolicyBadSignature) => {
            each_policy(&mut answer, |policy| policy.spoiled(ElementFault::Signature));
        }
        Some(Effect::PolicyBadTime(by)) => {
            each_policy(&mut answer, |policy| Sealed { issued: policy.issued.plus_millis(by), ..policy });
        }
        Some(_) | None => {}
    }
    accept(answer, exchange.nonce, &exchange.sender.units)
}

/// What the mock's own rules carry out.
fn steer(effect: Option<Effect>) -> Steer {
    let mut steer = Steer::default();
    match effect {
        Some(Effect::TryAgain(seconds)) => steer.try_again_s = Some(seconds),
        Some(Effect::LateAck(by)) => {
            steer.late_ack_ms = Some(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
        }
        Some(Effect::ForeignAck) => steer.foreign_ack = true,
        Some(Effect::RejectReport(why)) => {
            steer.reject_reports = Some(match why {
                ReportWhy::Signature => Rule::ReportSignature,
                ReportWhy::Timestamp => Rule::ReportTimestamp,
                ReportWhy::Device => Rule::ReportDevice,
            });
        }
        Some(Effect::TokenRefused(why)) => {
            steer.refuse_token = Some(match why {
                TokenWhy::Unknown => Rule::TokenUnknown,
                TokenWhy::Expired => Rule::TokenExpired,
                TokenWhy::Revoked => Rule::TokenRevoked,
                TokenWhy::UsedUp => Rule::TokenUsedUp,
                TokenWhy::Account => Rule::OtherAccount,
                TokenWhy::Connection => Rule::TokenConnection,
                TokenWhy::Installed => Rule::NodeLock,
            });
        }
        Some(
            Effect::Lost { .. }
            | Effect::Late(_)
            | Effect::Spoiled(_)
            | Effect::LostAck
            | Effect::PolicyBadSignature
            | Effect::PolicyBadTime(_),
        )
        | None => {}
    }
    steer
}

fn each_policy(answer: &mut ServerMessage, spoil: impl Fn(Sealed<PolicyObject>) -> Sealed<PolicyObject>) {
    answer.data.policy = answer.data.policy.take().map(&spoil);
    if let Some(ack) = answer.data.ack.as_mut().and_then(|ack| ack.object.as_mut()) {
        ack.policy = ack.policy.take().map(&spoil);
    }
}

/// How a device gets to the peer.
pub(super) struct Way<'a> {
    pub(super) config: &'a Config,
    pub(super) network: Network,
    pub(super) open: Open,
}

impl Way<'_> {
    /// Whether the way is by name, and whether it has TLS; or what stands in the way (`spec/messages.md` §5).
    fn lead(&self, transport: TransportMode) -> Result<(bool, bool), Failure> {
        let (smart, callhome) = (&self.config.smart, &self.config.callhome);
        match transport {
            TransportMode::Callhome if !callhome.enabled => return Err(Failure::CallhomeService),
            TransportMode::Callhome if !callhome.profile_active => return Err(Failure::CallhomeProfile),
            TransportMode::Off => return Err(Failure::TransportMissing),
            TransportMode::Callhome | TransportMode::Smart | TransportMode::Cslu => {}
        }
        let (url, vrf) = (url_of(self.config, transport), vrf_of(self.config, transport));
        if url.is_empty() {
            return Err(Failure::NoUrl);
        }
        let (host, port, tls) = endpoint(url).ok_or(Failure::NotReady)?;
        let interface = smart.source_interface.as_deref().or(self.config.http_source_interface.as_deref());
        let source = Source { vrf, interface };
        if let Some(proxy) = &smart.proxy_address {
            // A proxy resolves the name itself; what does not resolve is the proxy (`NotReady`).
            return match self.pass(proxy, smart.proxy_port.unwrap_or(80), source) {
                Err(Failure::Resolve) => Err(Failure::NotReady),
                other => other.map(|()| (true, tls)),
            };
        }
        self.pass(&host, port, source)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok((bare.parse::<std::net::IpAddr>().is_err(), tls))
    }

    pub(super) fn pass(&self, host: &str, port: u16, source: Source<'_>) -> Result<(), Failure> {
        let Open { names, routes } = self.open;
        // The mock's documented names are always there (`interface.md` §1 "Network").
        let documented = DOCUMENTED.iter().any(|name| name.eq_ignore_ascii_case(host));
        let unknown = names || documented && self.network.world.lookup(host).is_none();
        match self.network.destination_from(host, port, source) {
            Ok(_) => Ok(()),
            Err(Unreached::Resolve(ResolveError::NoSuchName(_))) if unknown => Ok(()),
            Err(Unreached::Cisco(_)) if unknown || routes => Ok(()),
            Err(Unreached::External(_)) if routes => Ok(()),
            Err(Unreached::Resolve(_)) => Err(Failure::Resolve),
            Err(Unreached::SourceInterface(_) | Unreached::Vrf(_)) => Err(Failure::NotReady),
            Err(
                Unreached::NoRoute(_) | Unreached::Firewall(_) | Unreached::Cisco(_) | Unreached::External(_),
            ) => Err(Failure::Unreachable),
        }
    }
}

/// The URL of a transport; empty where there is none.
pub(super) fn url_of(config: &Config, transport: TransportMode) -> &str {
    match transport {
        TransportMode::Smart => &config.smart.smart_url,
        TransportMode::Cslu => &config.smart.cslu_url,
        TransportMode::Callhome => &config.callhome.url,
        TransportMode::Off => "",
    }
}

/// The VRF in which a transport looks for its peer.
pub(super) fn vrf_of(config: &Config, transport: TransportMode) -> &str {
    match transport {
        TransportMode::Callhome => config.callhome.vrf.as_ref().unwrap_or(&config.smart.vrf),
        TransportMode::Smart | TransportMode::Cslu | TransportMode::Off => &config.smart.vrf,
    }
}

/// The names that a mock maps to itself.
const DOCUMENTED: [&str; 3] = ["smartreceiver.cisco.com", "tools.cisco.com", CSLU_DISCOVERY];

/// Host, port and TLS of a URL of the configuration; `None` for one that has no host.
pub(super) fn endpoint(url: &str) -> Option<(String, u16, bool)> {
    if url == CSLU_DISCOVERY {
        return Some((CSLU_DISCOVERY.to_owned(), slpsim_agent::numbers::CSLU_PORT, false));
    }
    let (tls, rest) = match url.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("http://")?),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let default = if tls { 443 } else { 80 };
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().unwrap_or(default)),
        Some(_) | None => (host, default),
    };
    (!host.is_empty()).then(|| (host.to_owned(), port, tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_host_port_and_tls() {
        for (url, expected) in [
            (
                "https://smartreceiver.cisco.com/licservice/license",
                Some(("smartreceiver.cisco.com", 443, true)),
            ),
            ("http://192.168.0.1:8182/cslu/v1/pi", Some(("192.168.0.1", 8182, false))),
            ("http://[2001:db8::1]:8182/cslu/v1/pi", Some(("[2001:db8::1]", 8182, false))),
            ("http://[2001:db8::1]/cslu/v1/pi", Some(("[2001:db8::1]", 80, false))),
            ("cslu-local", Some(("cslu-local", 8182, false))),
            ("", None),
            ("ftp://x", None),
        ] {
            let found = endpoint(url);
            let found = found.as_ref().map(|(host, port, tls)| (host.as_str(), *port, *tls));
            assert_eq!(found, expected, "{url}");
        }
    }
}

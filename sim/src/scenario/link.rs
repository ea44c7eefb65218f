//! The link of a scenario: the simulated network, then the faults, then the mock's rules in the same process.

use std::time::Duration;

use slpsim_agent::{AgentId, Draw, ElementFault, Failure, Purpose, Reply, TransportMode, draw};
use slpsim_config::Device as Keys;
use slpsim_console::config::Config;
use slpsim_cssm::{Arrived, Cssm, Rule, Steer};
use slpsim_network::{Network, ResolveError, Source, Unreached};
use slpsim_transport::fault::{Effect, Meets, Plan, ReportWhy, TokenWhy};
use slpsim_transport::message::{PolicyObject, Sealed, ServerMessage, accept, compose};

use super::resolve::is_called;
use super::switch::endpoint;
use crate::link::{Carried, Exchange, Link, route_of};

/// A link with faults.
#[derive(Debug)]
pub(super) struct FaultLink {
    /// The peer.
    pub(super) cssm: Cssm,
    /// The faults in force.
    pub(super) plan: Plan,
    /// How each device gets to the peer, by number.
    pub(super) ways: Vec<Way>,
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

/// How a device gets to the peer.
#[derive(Debug)]
pub(super) struct Way {
    /// As the file has the device.
    pub(super) keys: Keys,
    /// The running configuration.
    pub(super) config: Config,
    /// The network as that makes it.
    pub(super) network: Network,
    /// What the network does not know leads to the mock.
    pub(super) open: bool,
}

impl Link for FaultLink {
    fn carry(&mut self, exchange: &Exchange<'_>) -> Carried {
        let Some(way) = self.ways.get(exchange.device.0 as usize) else {
            return Carried { after: Duration::ZERO, result: Err(Failure::TransportMissing) };
        };
        let (by_name, tls) = match way.lead(exchange.transport) {
            Ok(found) => found,
            Err(failure) => return Carried { after: Duration::ZERO, result: Err(failure) },
        };
        let purpose = exchange.request.purpose();
        let called = |name: &str| is_called(&way.keys, name);
        let meets = Meets { at: exchange.at, purpose: Some(purpose), by_name, tls, is_called: &called };
        let (seed, device) = (self.seed, exchange.device);
        let luck = move |fault: u64, met: u64| draw(seed ^ fault.rotate_left(32), device, Draw::Network, met);
        let struck = self.plan.strike(&meets, &luck);
        if let Some((fault, _)) = struck {
            self.hits.push(Hit { device, purpose, at: exchange.at, fault });
        }
        self.with_effect(exchange, struck.map(|(_, effect)| effect))
    }
}

impl FaultLink {
    fn with_effect(&mut self, exchange: &Exchange<'_>, effect: Option<Effect>) -> Carried {
        let usual = self.latency;
        let in_time = |after: Duration, result| {
            if after >= exchange.give_up_after {
                // What comes too late is lost on the way.
                Carried { after: exchange.give_up_after, result: Err(Failure::Unreachable) }
            } else {
                Carried { after, result }
            }
        };
        match effect {
            Some(Effect::Lost { failure, at_timeout: true }) => {
                Carried { after: exchange.give_up_after, result: Err(failure) }
            }
            Some(Effect::Lost { failure, at_timeout: false }) => in_time(usual, Err(failure)),
            Some(Effect::Late(by)) => {
                let result = self.ask(exchange, None);
                in_time(usual.saturating_add(by), result)
            }
            Some(Effect::Spoiled(failure)) => {
                // The peer has done its part and does not know.
                let _ = self.ask(exchange, None);
                in_time(usual, Err(failure))
            }
            effect => {
                let result = self.ask(exchange, effect);
                in_time(usual, result)
            }
        }
    }

    fn ask(&mut self, exchange: &Exchange<'_>, effect: Option<Effect>) -> Result<Reply, Failure> {
        let route = route_of(exchange.transport).ok_or(Failure::TransportMissing)?;
        let message = compose(exchange.request, exchange.sender, exchange.device_clock, exchange.nonce);
        let arrived = Arrived::in_process(route, &message);
        let mut answer = self.cssm.handle_steered(exchange.at, &arrived, &steer(effect)).message;
        match effect {
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

impl Way {
    /// Whether the way is by name, and whether it has TLS; or what stands in the way (`spec/messages.md` §5).
    fn lead(&self, transport: TransportMode) -> Result<(bool, bool), Failure> {
        let smart = &self.config.smart;
        let (url, vrf) = match transport {
            TransportMode::Smart => (&smart.smart_url, &smart.vrf),
            TransportMode::Cslu => (&smart.cslu_url, &smart.vrf),
            TransportMode::Callhome => {
                let callhome = &self.config.callhome;
                if !callhome.enabled {
                    return Err(Failure::CallhomeService);
                }
                if !callhome.profile_active {
                    return Err(Failure::CallhomeProfile);
                }
                (&callhome.url, callhome.vrf.as_ref().unwrap_or(&smart.vrf))
            }
            TransportMode::Off => return Err(Failure::TransportMissing),
        };
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

    fn pass(&self, host: &str, port: u16, source: Source<'_>) -> Result<(), Failure> {
        match self.network.destination_from(host, port, source) {
            Ok(_) => Ok(()),
            Err(
                Unreached::Resolve(ResolveError::NoSuchName(_))
                | Unreached::Cisco(_)
                | Unreached::External(_),
            ) if self.open => Ok(()),
            Err(Unreached::Resolve(_)) => Err(Failure::Resolve),
            Err(Unreached::SourceInterface(_) | Unreached::Vrf(_)) => Err(Failure::NotReady),
            Err(
                Unreached::NoRoute(_) | Unreached::Firewall(_) | Unreached::Cisco(_) | Unreached::External(_),
            ) => Err(Failure::Unreachable),
        }
    }
}

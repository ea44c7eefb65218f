//! The link of a scenario: the simulated network, then the faults, then the mock's rules in the same process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use slpsim_agent::{AgentId, Draw, ElementFault, Failure, Purpose, Reply, TransportMode, draw};
use slpsim_config::Device as Keys;
use slpsim_console::config::{CSLU_DISCOVERY, Config};
use slpsim_cssm::fault::steer;
use slpsim_cssm::{AckMode, Arrived, Cssm, Route};
use slpsim_network::{Network, ResolveError, Source, Unreached, World};
use slpsim_policy::Wall;
use slpsim_transport::fault::{Effect, Meets, Plan, PolicyFlaw, Verdict, WriteFlaw};
#[cfg(feature = "lockstep")]
use slpsim_transport::fault::{Fault, Kind, Spec};
use slpsim_transport::message::{PolicyObject, Sealed, ServerMessage, accept, compose};

use super::model::Open;
use super::resolve::is_called;
use super::wire::Wire;
use crate::link::{Carried, Exchange, Link, Written};

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
    /// Names in lower case that a step has taken out of the DNS: they lead nowhere, whatever is open.
    pub(super) gone: BTreeSet<String>,
    /// What an exchange takes.
    pub(super) latency: Duration,
    /// What it takes beside that, by device: the first that names it.
    pub(super) wires: Vec<Wire>,
    /// Devices whose last push the peer could not bring to the CSSM above it.
    pub(super) stuck: BTreeSet<AgentId>,
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
    pub(super) at: Wall,
    pub(super) fault: u64,
}

impl Link for FaultLink {
    fn carry(&mut self, exchange: &Exchange<'_>) -> Carried {
        let network = exchange.config.network(&self.network);
        let way =
            Way { config: exchange.config, network: network.clone(), open: self.open, gone: &self.gone };
        let usual = self.usual(exchange);
        let (struck, route) = match way.lead(exchange.transport) {
            Ok(Led { by_name, tls, route }) => (self.strike(exchange, by_name, tls), route),
            Err(failure) => match &mut self.mock {
                Mock::InProcess(_) => return Carried { after: Duration::ZERO, result: Err(failure) },
                #[cfg(feature = "lockstep")]
                Mock::Real(real) => {
                    let timing = Timing {
                        after: Duration::ZERO,
                        at_timeout: false,
                        ..Timing::of(exchange, None, usual)
                    };
                    return real.carry(exchange, (network, &self.gone), None, timing);
                }
            },
        };
        let (effect, ready) = self.above(exchange, route.as_ref(), struck.map(|(_, effect)| effect));
        let timing = Timing::of(exchange, effect, usual);
        let mode = if ready { None } else { Some(self.mock.with(|cssm| cssm.ack_mode())) };
        if mode.is_some() {
            self.mock.with(|cssm| cssm.set_ack_mode(AckMode::Manual));
        }
        let carried = match &mut self.mock {
            Mock::InProcess(cssm) => timing.end(in_process(cssm, exchange, route, effect)),
            #[cfg(feature = "lockstep")]
            Mock::Real(real) => {
                let number = struck.map(|(number, _)| number);
                let own = self.plan.active().find(|(active, _)| Some(*active) == number);
                let busy = busy(effect, own.is_some());
                let fault = own.map(|(_, fault)| fault).or(busy.as_ref());
                real.carry(exchange, (network, &self.gone), fault, timing)
            }
        };
        if let Some(mode) = mode {
            self.mock.with(|cssm| cssm.set_ack_mode(mode));
        }
        carried
    }

    fn write(&mut self, at: Wall, device: AgentId) -> Written {
        if self.plan.is_empty() {
            return Written::Kept;
        }
        let keys = self.devices.get(device.0 as usize);
        let called = |name: &str| keys.is_some_and(|keys| is_called(keys, name));
        let luck = luck(self.seed, device);
        match self.plan.strike_write(at, &called, &luck) {
            None => Written::Kept,
            Some((_, Effect::Write(WriteFlaw::Lost))) => Written::Lost,
            Some(_) => Written::Refused,
        }
    }

    fn is_full(&self, at: Wall, device: AgentId) -> bool {
        let keys = self.devices.get(device.0 as usize);
        self.plan.is_full(at, &|name| keys.is_some_and(|keys| is_called(keys, name)))
    }
}

/// Keyed draws of the faults of a device.
fn luck(seed: u64, device: AgentId) -> impl Fn(u64, u64) -> u64 {
    move |fault: u64, met: u64| draw(seed ^ fault.rotate_left(32), device, Draw::Network, met)
}

/// The fault with which a real mock says what a peer says that cannot reach the CSSM above it; none where the exchange
/// has a fault of its own.
#[cfg(feature = "lockstep")]
fn busy(effect: Option<Effect>, has_own: bool) -> Option<Fault> {
    let Some(Effect::Decided(Verdict::TryAgain(seconds))) = effect.filter(|_| !has_own) else { return None };
    Fault::resolve(Spec { retry_after_s: Some(seconds), ..Spec::of(Kind::TryAgain) }).ok()
}

/// When a device shall ask again what its peer could not pass on, in seconds: as the server does.
const PASS_AGAIN_S: u32 = 60;
/// Parts the draws of a link from those of faults.
const OF_THE_WAY: u64 = 0x6c69_6e6b;

impl FaultLink {
    /// The fault that hits an exchange: the same in every mode, as it is drawn from the same numbers.
    fn strike(&mut self, exchange: &Exchange<'_>, by_name: bool, tls: bool) -> Option<(u64, Effect)> {
        let purpose = exchange.request.purpose();
        let keys = self.devices.get(exchange.device.0 as usize);
        let called = |name: &str| keys.is_some_and(|keys| is_called(keys, name));
        let meets = Meets { at: exchange.at, purpose: Some(purpose), by_name, tls, is_called: &called };
        let device = exchange.device;
        let struck = self.plan.strike(&meets, &luck(self.seed, device));
        if let Some((fault, _)) = struck {
            self.hits.push(Hit { device, purpose, at: exchange.at, fault });
        }
        struck
    }

    /// What an exchange takes without a fault.
    fn usual(&self, exchange: &Exchange<'_>) -> Duration {
        let device = exchange.device;
        let keys = self.devices.get(device.0 as usize);
        let called = |name: &String| keys.is_some_and(|keys| is_called(keys, name));
        let wire = self.wires.iter().find(|wire| wire.devices.is_empty() || wire.devices.iter().any(called));
        let drawn = || draw(self.seed ^ OF_THE_WAY, device, Draw::Network, exchange.nonce);
        self.latency.saturating_add(wire.map_or(Duration::ZERO, |wire| wire.takes(exchange.request, drawn())))
    }

    /// What a fault on the link to the CSSM above makes of an exchange, and whether an ACK can be there (modelled:
    /// `spec/behaviour.md` §12 has only the peer without connection). The peer keeps a report and brings it there when it
    /// comes and whenever the device asks for its ACK; what only CSSM answers is put off.
    fn above(
        &mut self,
        exchange: &Exchange<'_>,
        route: Option<&Route>,
        effect: Option<Effect>,
    ) -> (Option<Effect>, bool) {
        let arrives = !matches!(effect, Some(Effect::Lost { .. }));
        let Some(route) = route.filter(|_| arrives && !self.plan.is_empty()) else { return (effect, true) };
        let peer = self.mock.with(|cssm| cssm.peer(route));
        if !peer.connected || peer.is_cssm {
            return (effect, true);
        }
        let device = exchange.device;
        match exchange.request.purpose() {
            Purpose::Trust | Purpose::TrustSync | Purpose::AuthRequest | Purpose::AuthReturn => {
                if effect.is_some() {
                    return (effect, true);
                }
                (
                    self.ask_above(exchange).map(|above| {
                        if above.lets_through() {
                            above
                        } else {
                            Effect::Decided(Verdict::TryAgain(PASS_AGAIN_S))
                        }
                    }),
                    true,
                )
            }
            Purpose::Usage => {
                if self.ask_above(exchange).is_some_and(|above| !above.lets_through()) {
                    self.stuck.insert(device);
                } else {
                    self.stuck.remove(&device);
                }
                (effect, true)
            }
            Purpose::Poll if self.stuck.contains(&device) => {
                if self.ask_above(exchange).is_some_and(|above| !above.lets_through()) {
                    return (effect, false);
                }
                self.stuck.remove(&device);
                (effect, true)
            }
            Purpose::Poll | Purpose::Hello | Purpose::AuthRenew | Purpose::IdRenew => (effect, true),
        }
    }

    /// The fault that hits what the peer asks the CSSM above it for a device.
    fn ask_above(&mut self, exchange: &Exchange<'_>) -> Option<Effect> {
        let (device, purpose) = (exchange.device, exchange.request.purpose());
        let keys = self.devices.get(device.0 as usize);
        let called = |name: &str| keys.is_some_and(|keys| is_called(keys, name));
        let meets =
            Meets { at: exchange.at, purpose: Some(purpose), by_name: true, tls: true, is_called: &called };
        let (fault, effect) = self.plan.strike_upstream(&meets, &luck(self.seed, device))?;
        self.hits.push(Hit { device, purpose, at: exchange.at, fault });
        Some(effect)
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
pub(crate) struct Timing {
    after: Duration,
    give_up: Duration,
    /// It ends at the time-out whatever comes.
    at_timeout: bool,
}

impl Timing {
    pub(crate) fn of(exchange: &Exchange<'_>, effect: Option<Effect>, usual: Duration) -> Self {
        let (after, at_timeout) = match effect {
            Some(Effect::Lost { at_timeout, .. }) => (usual, at_timeout),
            Some(Effect::Late(by)) => (usual.saturating_add(by), false),
            Some(
                Effect::Spoiled(_)
                | Effect::LostAck
                | Effect::Decided(_)
                | Effect::Policy(_)
                | Effect::Write(_),
            )
            | None => (usual, false),
        };
        Self { after, give_up: exchange.give_up_after, at_timeout }
    }

    /// What comes too late is lost on the way.
    pub(crate) fn end(self, result: Result<Reply, Failure>) -> Carried {
        if self.at_timeout {
            Carried { after: self.give_up, result }
        } else if self.after >= self.give_up {
            Carried { after: self.give_up, result: Err(Failure::Unreachable) }
        } else {
            Carried { after: self.after, result }
        }
    }
}

/// Asks a mock in the same process, where a fault may have a say.
pub(crate) fn in_process(
    cssm: &mut Cssm,
    exchange: &Exchange<'_>,
    route: Option<Route>,
    effect: Option<Effect>,
) -> Result<Reply, Failure> {
    if let Some(Effect::Lost { failure, .. }) = effect {
        return Err(failure);
    }
    // The server is there, but nothing is served at this path.
    let route = route.ok_or(Failure::HttpStatus(404))?;
    let message = compose(exchange.request, exchange.sender, exchange.device_clock, exchange.nonce);
    let arrived = Arrived::in_process(route, &message);
    let mut answer = cssm.handle_steered(exchange.at, &arrived, &steer(effect)).message;
    match effect {
        // The peer has done its part and does not know.
        Some(Effect::Spoiled(failure)) => return Err(failure),
        Some(Effect::LostAck) if answer.data.ack.is_some() => return Err(Failure::Unreachable),
        Some(Effect::Policy(PolicyFlaw::Signature)) => {
            each_policy(&mut answer, |policy| policy.spoiled(ElementFault::Signature));
        }
        Some(Effect::Policy(PolicyFlaw::Time(by))) => {
            each_policy(&mut answer, |policy| Sealed { issued: policy.issued.plus_millis(by), ..policy });
        }
        Some(_) | None => {}
    }
    accept(answer, exchange.nonce, &exchange.sender.units)
}

fn each_policy(answer: &mut ServerMessage, spoil: impl Fn(Sealed<PolicyObject>) -> Sealed<PolicyObject>) {
    answer.data.policy = answer.data.policy.take().map(&spoil);
    if let Some(ack) = answer.data.ack.as_mut().and_then(|ack| ack.object.as_mut()) {
        ack.policy = ack.policy.take().map(&spoil);
    }
}

/// Where a way leads.
struct Led {
    /// The peer was looked up by its name.
    by_name: bool,
    /// The way has TLS.
    tls: bool,
    /// The door at the end of it; none where the path of the URL is none of the transport's.
    route: Option<Route>,
}

/// How a device gets to the peer.
pub(super) struct Way<'a> {
    pub(super) config: &'a Config,
    pub(super) network: Network,
    pub(super) open: Open,
    pub(super) gone: &'a BTreeSet<String>,
}

impl Way<'_> {
    /// Where it leads; or what stands in the way (`spec/messages.md` §5).
    fn lead(&self, transport: TransportMode) -> Result<Led, Failure> {
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
        let route = door(transport, url);
        let interface = smart.source_interface.as_deref().or(self.config.http_source_interface.as_deref());
        let source = Source { vrf, interface };
        if let Some(proxy) = &smart.proxy_address {
            // A proxy resolves the name itself; what does not resolve is the proxy (`NotReady`).
            return match self.pass(proxy, smart.proxy_port.unwrap_or(80), source) {
                Err(Failure::Resolve) => Err(Failure::NotReady),
                other => other.map(|()| Led { by_name: true, tls, route }),
            };
        }
        self.pass(&host, port, source)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Led { by_name: bare.parse::<std::net::IpAddr>().is_err(), tls, route })
    }

    pub(super) fn pass(&self, host: &str, port: u16, source: Source<'_>) -> Result<(), Failure> {
        let Open { names, routes } = self.open;
        // The mock's documented names are always there (`interface.md` §1 "Network").
        let documented = DOCUMENTED.iter().any(|name| name.eq_ignore_ascii_case(host));
        let gone = self.gone.contains(&host.to_ascii_lowercase());
        let unknown = !gone && (names || documented && self.network.world.lookup(host).is_none());
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

/// The door that the path of a URL names (`spec/formats.md` §8, §9, §12); none where a server answers 404.
fn door(transport: TransportMode, url: &str) -> Option<Route> {
    if url == CSLU_DISCOVERY {
        return Some(Route::Cslu { tenant: None });
    }
    let (_, rest) = url.split_once("://")?;
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match transport {
        TransportMode::Smart => {
            matches!(path, "/licservice/license" | "/SmartTransport").then_some(Route::Smart)
        }
        TransportMode::Callhome => {
            (path == "/its/service/oddce/services/DDCEService").then_some(Route::Callhome)
        }
        TransportMode::Cslu => match path.strip_prefix("/cslu/v1/pi")? {
            "" => Some(Route::Cslu { tenant: None }),
            rest => rest.strip_prefix('/').filter(|tenant| !tenant.is_empty()).map(Route::tenant),
        },
        TransportMode::Off => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_no_server_has_leads_to_no_door() {
        use TransportMode::{Callhome, Cslu, Smart};
        let tenant = || Some(Route::tenant("Example-1"));
        for (transport, url, expected) in [
            (Smart, "https://smartreceiver.cisco.com/licservice/license", Some(Route::Smart)),
            (Smart, "https://smartreceiver.cisco.com/licservice/licence", None),
            (Smart, "https://smartreceiver.cisco.com", None),
            (
                Callhome,
                "https://tools.cisco.com/its/service/oddce/services/DDCEService",
                Some(Route::Callhome),
            ),
            (Callhome, "https://tools.cisco.com/its", None),
            (Cslu, "http://192.168.0.1:8182/cslu/v1/pi", Some(Route::Cslu { tenant: None })),
            (Cslu, "http://192.168.0.1:8182/cslu/v1/pi/Example-1", tenant()),
            (Cslu, "http://192.168.0.1:8182/cslu/v1", None),
            (Cslu, CSLU_DISCOVERY, Some(Route::Cslu { tenant: None })),
        ] {
            assert_eq!(door(transport, url), expected, "{url}");
        }
    }

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

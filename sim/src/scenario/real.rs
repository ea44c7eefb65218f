//! Lockstep: the same scenario with every exchange carried by real HTTP(S) (`interface.md` §6).
//!
//! The fault has been decided as in simulation, by the same draws; here it is made real: by a port that refuses, a
//! listener that misbehaves, a resolver without an answer, or a fault of the mock for this one exchange.

mod keys;
mod proxy;
mod trap;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use slpsim_agent::{AgentId, Failure};
use slpsim_console::config::Config as SwitchConfig;
use slpsim_cssm::fault::FaultSpec;
use slpsim_cssm::server::{Running, Server, ServerConfig};
use slpsim_cssm::{Config, Cssm, span};
use slpsim_network::{Network, Source};
use slpsim_transport::WireProfile;
use slpsim_transport::callhome::CallhomeFormat;
use slpsim_transport::client::{Anchors, Carrier, Format, Limits, NoWay, Resolve, Way as Lead};
use slpsim_transport::fault::{Effect, Fault, Kind};
use slpsim_transport::sign::Verifier;
use slpsim_transport::smart::SmartFormat;

use self::proxy::Proxy;
use self::trap::{Flaw, Traps};
use super::link::{Timing, Way, endpoint};
use super::model::{Action, Open, Scenario};
use crate::connect::{PROXY_PORT, proxy, transport};
use crate::link::{Carried, Exchange};
use crate::lockstep::Lockstep;

/// A mock behind real listeners, and what the devices need to get there.
pub(super) struct RealMock {
    // Before the runtime in which it serves.
    server: Running,
    proxy: Option<Proxy>,
    lockstep: Lockstep,
    traps: Traps,
    anchors: Anchors,
    formats: Vec<Formats>,
    /// Devices that have had an answer.
    answered: BTreeSet<AgentId>,
    open: Open,
    /// How long a device really waits where nobody answers.
    patience: Duration,
}

/// A device's forms of messages; Call Home counts its own.
struct Formats {
    smart: Arc<dyn Format>,
    callhome: Arc<dyn Format>,
}

impl std::fmt::Debug for RealMock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RealMock").field("server", &self.server).finish_non_exhaustive()
    }
}

impl RealMock {
    /// Starts the mock of `scenario`.
    ///
    /// # Errors
    /// One line that says what this machine does not give.
    pub(super) fn start(scenario: &Scenario, mock: Config, patience: Duration) -> Result<Self, String> {
        let told = |error: &dyn std::fmt::Display| error.to_string();
        let lockstep = Lockstep::new(scenario.start).map_err(|error| told(&error))?;
        let config = ServerConfig {
            seed: Some(mock.seed),
            mock,
            signer: Some(keys::signer(scenario.start).map_err(|error| told(&error))?),
            tls_names: names(scenario),
            ..ServerConfig::default()
        };
        let clock = Arc::clone(&lockstep.wires().true_clock);
        let server = lockstep.runtime().block_on(Server::start(config, clock)).map_err(|e| told(&e))?;
        let traps = Traps::new().map_err(|error| told(&error))?;
        let trusted = [server.ca_pem.as_str(), traps.ca_pem()].concat();
        let anchors = Anchors::from_pem(trusted.as_bytes()).map_err(|error| told(&error))?;
        let verifier = Arc::new(Verifier::root(&server.ca_pem).map_err(|error| told(&error))?);
        let mut formats = Vec::new();
        for position in 0..scenario.devices.len() {
            let profile = Arc::new(WireProfile::default());
            let smart: Arc<dyn Format> = Arc::new(SmartFormat {
                keys: Some(keys::of_device(position).map_err(|error| told(&error))?),
                verifier: Arc::clone(&verifier),
                profile: Arc::clone(&profile),
            });
            formats.push(Formats {
                callhome: Arc::new(CallhomeFormat::new(Arc::clone(&smart), profile)),
                smart,
            });
        }
        Ok(Self {
            server,
            proxy: None,
            lockstep,
            traps,
            anchors,
            formats,
            answered: BTreeSet::new(),
            open: scenario.open,
            patience,
        })
    }

    /// The id token of its account.
    pub(super) fn token(&self) -> String {
        self.server.idtoken.expose().to_owned()
    }

    /// Does something with the mock's rules, between two exchanges.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Cssm) -> T) -> T {
        self.server.shared().with(act)
    }

    /// Carries one exchange that `fault` has hit; it ends at its modelled time, however long it really takes.
    pub(super) fn carry(
        &mut self,
        exchange: &Exchange<'_>,
        (network, gone): (Network, &BTreeSet<String>),
        fault: Option<&Fault>,
        timing: Timing,
    ) -> Carried {
        match self.really(exchange, (network, gone), fault) {
            Ok(result) => timing.end(result),
            // This machine gives no port or no thread: the device finds that it cannot begin.
            Err(why) => {
                tracing::warn!("an exchange cannot be carried: {why}");
                Carried { after: Duration::ZERO, result: Err(Failure::NotReady) }
            }
        }
    }

    fn really(
        &mut self,
        exchange: &Exchange<'_>,
        (network, gone): (Network, &BTreeSet<String>),
        fault: Option<&Fault>,
    ) -> std::io::Result<Result<slpsim_agent::Reply, Failure>> {
        let wires = self.lockstep.wires().clone();
        wires.open(exchange);
        let runtime = self.lockstep.runtime();
        let Some(formats) = self.formats.get(exchange.device.0 as usize) else {
            return Ok(Err(Failure::TransportMissing));
        };
        let url = super::link::url_of(exchange.config, exchange.transport);
        let (host, tls) = endpoint(url).map_or_else(Default::default, |(host, _, tls)| (host, tls));
        let mut limits = Limits::default();
        // Lives until the exchange ends.
        let trap = match fault.map(|fault| (fault.spec.kind, flaw(fault.spec.kind))) {
            Some((Kind::Stall, _)) => {
                limits = Limits::within(self.patience);
                Some(Traps::silent()?)
            }
            Some((_, Some(flaw))) => Some(self.traps.tls(runtime, flaw, &host)?),
            Some((_, None)) | None => None,
        };
        let server = if tls { self.server.addresses.0 } else { self.server.addresses.1 };
        if exchange.config.smart.proxy_address.is_some() && self.proxy.is_none() {
            self.proxy = Some(Proxy::start(runtime)?);
        }
        let ways = Ways {
            config: exchange.config.clone(),
            network,
            open: self.open,
            gone: gone.clone(),
            target: Ok(trap.as_ref().map_or(server, |trap| trap.address)),
            refusing: wires.door.address(),
            proxy: self.proxy.as_ref().map(|proxy| proxy.address),
            everywhere: false,
        };
        let ways = ways.with(fault.map(|fault| fault.spec.kind));
        let known = self.answered.contains(&exchange.device);
        if let Some(spec) = fault.and_then(|fault| live(fault, known)) {
            let begun = self.server.shared().with(|cssm| cssm.begin_fault(spec, exchange.at));
            begun.map_err(|error| std::io::Error::other(error.to_string()))?;
        }
        let mut carrier = Carrier::new(Arc::clone(&wires.device_clock) as _, Arc::new(ways));
        carrier.anchors = self.anchors.clone();
        carrier.limits = limits;
        carrier.proxy = proxy(exchange.config);
        let link = slpsim_transport::client::Link {
            carrier,
            format: Arc::clone(&formats.smart),
            nonces: Arc::clone(&wires.nonces) as _,
        };
        let transport = transport(exchange.config, link, &formats.callhome);
        let exchanged = runtime.block_on(transport.exchange(exchange.request, exchange.sender));
        drop(trap);
        self.server.shared().with(|cssm| cssm.faults(exchange.at).clear());
        if exchanged.received.is_some() {
            self.answered.insert(exchange.device);
        }
        Ok(exchanged.result)
    }
}

/// What a listener in place of the mock's has to have.
const fn flaw(kind: Kind) -> Option<Flaw> {
    match kind {
        Kind::TlsExpired => Some(Flaw::Expired),
        Kind::TlsNotYetValid => Some(Flaw::NotYetValid),
        Kind::TlsWrongName => Some(Flaw::WrongName),
        Kind::TlsUnknownCa => Some(Flaw::UnknownCa),
        Kind::TlsClosed => Some(Flaw::Closed),
        Kind::Unreachable
        | Kind::Reset
        | Kind::Stall
        | Kind::Slow
        | Kind::Latency
        | Kind::Dribble
        | Kind::DnsNxdomain
        | Kind::DnsServfail
        | Kind::DnsTimeout
        | Kind::ProxyAuth
        | Kind::ProxyUnreachable
        | Kind::HttpStatus
        | Kind::Quota
        | Kind::Maintenance
        | Kind::TryAgain
        | Kind::Empty
        | Kind::Truncated
        | Kind::Corrupt
        | Kind::Oversized
        | Kind::WrongNonce
        | Kind::BadSignature
        | Kind::WrongSigner
        | Kind::Replayed
        | Kind::LostAnswer
        | Kind::LostAck
        | Kind::LateAck
        | Kind::ForeignAck
        | Kind::RejectReport
        | Kind::PolicyBadSignature
        | Kind::PolicyBadTime
        | Kind::TokenRefused
        | Kind::WriteLost
        | Kind::DiskFull => None,
    }
}

/// What the mock itself does for one exchange; none where the fault lies on the way. `known` says whether the device has
/// had an answer that could be replayed.
fn live(fault: &Fault, known: bool) -> Option<FaultSpec> {
    let spec = &fault.spec;
    let mut word = spec.kind.word();
    let mut by = spec.by_ms.map(span::print);
    let mut status = spec.status;
    match fault.effect {
        // The modelled time says how late; the pieces are real.
        Effect::Late(_) if spec.kind == Kind::Dribble => by = Some("20ms".into()),
        Effect::Late(_) => return None,
        Effect::Lost { failure: Failure::Proxy, .. } => {
            word = Kind::HttpStatus.word();
            status = Some(407);
        }
        Effect::Lost { failure: Failure::HttpStatus(_), .. } => {}
        Effect::Lost { .. } if spec.kind == Kind::Reset => {}
        Effect::Lost { .. } => return None,
        // Writes are the device's own.
        Effect::Write(_) => return None,
        Effect::Spoiled(_) if spec.kind == Kind::Replayed && !known => word = Kind::WrongNonce.word(),
        Effect::Spoiled(_) | Effect::LostAck | Effect::Decided(_) | Effect::Policy(_) => {}
    }
    Some(FaultSpec {
        kind: word.into(),
        next: Some(1),
        status,
        retry_after: spec.retry_after_s,
        by,
        why: spec.why.clone(),
        ..FaultSpec::of(spec.kind)
    })
}

/// Hosts of the URLs that the scenario gives its devices: the mock's certificate is good for them.
fn names(scenario: &Scenario) -> Vec<String> {
    let mut urls: Vec<&str> = Vec::new();
    for device in &scenario.devices {
        let licensing = &device.licensing;
        urls.extend([licensing.url_smart.as_str(), &licensing.url_cslu, &licensing.url_callhome]);
    }
    for step in &scenario.steps {
        if let Action::Command(lines, _) = &step.action {
            urls.extend(lines.iter().flat_map(|line| line.split_whitespace()));
        }
    }
    let hosts = urls.into_iter().filter(|url| url.starts_with("https://")).filter_map(endpoint);
    let mut names: Vec<String> = hosts
        .map(|(host, ..)| host.trim_matches(['[', ']']).to_owned())
        .filter(|host| is_name(host))
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What a certificate can hold; others fail at the device, as they should.
fn is_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:".contains(&byte);
    !host.is_empty() && host.bytes().all(plain)
}

/// The network of a scenario as the client asks for it.
struct Ways {
    config: SwitchConfig,
    network: Network,
    open: Open,
    /// Names that a step has taken out of the DNS.
    gone: BTreeSet<String>,
    /// Where the peer's URL leads, or why its name does not resolve.
    target: Result<SocketAddr, &'static str>,
    /// Where nobody listens.
    refusing: SocketAddr,
    /// The proxy, where one is configured.
    proxy: Option<SocketAddr>,
    /// Also the proxy is found at the target.
    everywhere: bool,
}

impl Resolve for Ways {
    fn resolve(&self, host: &str, port: u16) -> Result<Lead, NoWay> {
        let smart = &self.config.smart;
        let is_proxy = smart.proxy_address.as_deref() == Some(host)
            && smart.proxy_port.unwrap_or(PROXY_PORT) == port
            && self.proxy.is_some();
        let interface = smart.source_interface.as_deref().or(self.config.http_source_interface.as_deref());
        let vrf = super::link::vrf_of(&self.config, smart.transport);
        let way =
            Way { config: &self.config, network: self.network.clone(), open: self.open, gone: &self.gone };
        let written = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        match way.pass(&written, port, Source { vrf, interface }) {
            Ok(()) if is_proxy && !self.everywhere => Ok(self.proxy.map_or(Lead::Unmapped, Lead::Mapped)),
            Ok(()) => self.peer(),
            Err(Failure::Resolve) => Err(NoWay::Name("the scenario's network does not know it".into())),
            Err(Failure::Unreachable) => Ok(Lead::Mapped(self.refusing)),
            Err(other) => Err(NoWay::NotReady(other.to_string())),
        }
    }

    fn behind_proxy(&self, _host: &str, _port: u16) -> Result<Lead, NoWay> {
        self.peer()
    }
}

impl Ways {
    /// What a fault does to the way itself.
    fn with(mut self, fault: Option<Kind>) -> Self {
        match fault {
            Some(Kind::Unreachable | Kind::ProxyUnreachable) => {
                self.target = Ok(self.refusing);
                self.everywhere = true;
            }
            Some(Kind::Stall) => self.everywhere = true,
            Some(Kind::DnsNxdomain) => self.target = Err("NXDOMAIN"),
            Some(Kind::DnsServfail) => self.target = Err("SERVFAIL"),
            Some(Kind::DnsTimeout) => self.target = Err("the name server does not answer"),
            Some(_) | None => {}
        }
        self
    }

    fn peer(&self) -> Result<Lead, NoWay> {
        self.target.map(Lead::Mapped).map_err(|why| NoWay::Name(why.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_transport::fault::Spec;

    #[test]
    fn every_kind_is_real_in_one_way() {
        for kind in Kind::ALL {
            let fault = Fault::resolve(Spec::of(kind)).unwrap();
            let on_the_way = flaw(kind).is_some()
                || matches!(
                    kind,
                    Kind::Unreachable
                        | Kind::ProxyUnreachable
                        | Kind::Stall
                        | Kind::Slow
                        | Kind::Latency
                        | Kind::DnsNxdomain
                        | Kind::DnsServfail
                        | Kind::DnsTimeout
                        | Kind::WriteLost
                        | Kind::DiskFull
                );
            assert_eq!(live(&fault, true).is_none(), on_the_way, "{}", kind.word());
        }
    }
}

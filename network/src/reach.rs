//! What one switch finds when it looks for a name or opens a connection.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::CSLU_LOCAL;
use crate::answers::{Answers, Question, Said};
use crate::firewall::{self, Verdict};
use crate::ip::{Interface, IpSettings, Source};
use crate::world::{World, is_cisco};

const DNS_PORT: u16 = 53;
const NTP_PORT: u16 = 123;

/// The network as one switch sees it. Cheap to clone: switches share the world.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// What is out there.
    pub world: Arc<World>,
    /// What this switch is configured with.
    pub ip: IpSettings,
    /// What real name servers have said. Where nobody asks them, they are taken for the simulated one.
    pub answers: Option<Arc<Answers>>,
}

/// Why a name gives no address. The transport says `Failure::Resolve` to each of them (`spec/messages.md` §5).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// No `ip name-server` is configured.
    #[error("no name server is configured; `ip name-server ADDRESS` sets one")]
    NoNameServer,
    /// None of the configured name servers answers: it is no name server, no way leads there, or a firewall is between.
    #[error("none of the configured name servers answers")]
    NoAnswer,
    /// The name does not exist (NXDOMAIN).
    #[error("the name {0} does not exist; [network.hosts] holds the names of the simulated network")]
    NoSuchName(String),
    /// Real name servers gave no address; what they said.
    #[error("{0}")]
    Said(String),
    /// A real name server is to be asked first.
    #[error("the name server at {} has not been asked for {} yet", .0.server, .0.name)]
    Unasked(Question),
}

/// Why a connection cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreached {
    /// The name of the destination does not resolve.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The source interface does not exist, is shut, or has no address that a host can have.
    #[error("the source interface {0} cannot be used: it is missing, shut or without a host address")]
    SourceInterface(String),
    /// No interface of the VRF can be used.
    #[error("VRF {0} has no interface that is up and has an address")]
    Vrf(String),
    /// The interfaces have addresses, but no route leads to the destination.
    #[error("no route leads to {0}; check address, mask and gateway of the interface")]
    NoRoute(IpAddr),
    /// A firewall rule drops the traffic.
    #[error("the firewall drops traffic to {0}")]
    Firewall(SocketAddr),
    /// One of Cisco's own servers, which is never contacted.
    #[error("{0} is one of Cisco's own servers and is never contacted; map it in [network.routes]")]
    Cisco(String),
    /// Neither mapped nor loopback.
    #[error(
        "{0} is neither mapped nor loopback; map it in [network.routes], or pass --allow-external to let it out"
    )]
    External(String),
}

impl Unreached {
    /// Whether the exchange cannot even begin (`Failure::NotReady` of `spec/messages.md` §5); the others are
    /// failures on the way.
    #[must_use]
    pub const fn is_not_ready(&self) -> bool {
        matches!(self, Self::SourceInterface(_) | Self::Vrf(_))
    }
}

/// A name server that a switch can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameServer {
    /// That of the simulated network, with the names of `[network.hosts]`.
    Simulated,
    /// A real one, to which `[network.routes]` leads.
    Real(SocketAddr),
}

/// The outcome of a ping of some echos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ping {
    /// Whom the name stands for.
    pub address: IpAddr,
    /// Whether the echos come back.
    pub answered: bool,
}

impl Network {
    /// The network of a switch with these settings.
    #[must_use]
    pub const fn new(world: Arc<World>, ip: IpSettings) -> Self {
        Self { world, ip, answers: None }
    }

    /// The same, where real name servers are asked and have said this.
    #[must_use]
    pub fn with_answers(self, answers: Option<Arc<Answers>>) -> Self {
        Self { answers, ..self }
    }

    /// The address of `name`; an address stands for itself. A name without a dot that does not exist is tried once
    /// more with the domain name appended.
    ///
    /// # Errors
    /// Where no name server is configured or none answers, and where the name does not exist.
    pub fn resolve(&self, name: &str) -> Result<IpAddr, ResolveError> {
        let (_, address) = self.resolve_from(name, Source::default())?;
        Ok(address)
    }

    /// What a real name server has to be asked, before it is known what `name` stands for.
    #[must_use]
    pub fn question(&self, name: &str, source: Source<'_>) -> Option<Question> {
        match self.resolve_from(name, source) {
            Err(ResolveError::Unasked(question)) => Some(question),
            Ok(_) | Err(_) => None,
        }
    }

    /// The names under which a CSLU is looked for, in order (`spec/behaviour.md` §7.1).
    #[must_use]
    pub fn discovery_names(&self) -> Vec<String> {
        let with_domain = self.ip.domain.as_ref().map(|domain| format!("{CSLU_LOCAL}.{domain}"));
        core::iter::once(CSLU_LOCAL.to_string()).chain(with_domain).collect()
    }

    /// The name under which a CSLU is found, for its URL.
    ///
    /// # Errors
    /// As [`Network::resolve`].
    pub fn discover(&self) -> Result<String, ResolveError> {
        self.resolve_from(CSLU_LOCAL, Source::default()).map(|(name, _)| name)
    }

    /// The real socket address behind `host:port`, seen from the default source.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub fn destination(&self, host: &str, port: u16) -> Result<SocketAddr, Unreached> {
        self.destination_from(host, port, Source::default())
    }

    /// The same, from a given VRF and interface.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub fn destination_from(
        &self,
        host: &str,
        port: u16,
        source: Source<'_>,
    ) -> Result<SocketAddr, Unreached> {
        self.sources(source)?;
        let (name, address) = match self.resolve_from(host, source) {
            Err(ResolveError::NoSuchName(_)) if is_cisco(host) => return Err(Unreached::Cisco(host.into())),
            other => other?,
        };
        self.reach_from(&name, address, port, source)
    }

    /// The real socket address behind `port` of `address`, which `name` stands for: what [`Network::destination_from`]
    /// finds once the name is resolved.
    ///
    /// # Errors
    /// Says what stands in the way.
    pub fn reach_from(
        &self,
        name: &str,
        address: IpAddr,
        port: u16,
        source: Source<'_>,
    ) -> Result<SocketAddr, Unreached> {
        let interfaces = self.sources(source)?;
        if !address.is_loopback() && !interfaces.iter().any(|interface| interface.leads_to(address)) {
            return Err(Unreached::NoRoute(address));
        }
        if firewall::judge(&self.world.firewall, address, Some(port)) == Verdict::Deny {
            return Err(Unreached::Firewall(SocketAddr::new(address, port)));
        }
        self.led(name, address, port)
    }

    /// Where a proxy is led that is asked for `host:port`. Neither the name servers of the switch nor what stands
    /// between the switch and the destination matter to it.
    ///
    /// # Errors
    /// Where the world does not know the name, or the destination is outside.
    pub fn destination_behind_proxy(&self, host: &str, port: u16) -> Result<SocketAddr, Unreached> {
        let bare = bare(host);
        let Some(address) = bare.parse().ok().or_else(|| self.world.lookup(bare)) else {
            let cisco = is_cisco(bare).then(|| Unreached::Cisco(bare.into()));
            return Err(cisco.unwrap_or_else(|| ResolveError::NoSuchName(bare.to_string()).into()));
        };
        self.led(bare, address, port)
    }

    /// The real address from which connections begin, where the interface's own one leads to one of this machine
    /// (a route of all ports); `None` leaves the choice to the operating system.
    ///
    /// # Errors
    /// Where no exchange can begin.
    pub fn source_address(&self, source: Source<'_>) -> Result<Option<IpAddr>, Unreached> {
        let own = self.sources(source)?.into_iter().find_map(|interface| interface.address);
        Ok(own.and_then(|net| self.world.real_address(IpAddr::V4(net.address))))
    }

    /// The name servers that can be asked from a source, in the order in which they are configured.
    ///
    /// # Errors
    /// Where none is configured, and where none answers.
    pub fn name_servers_from(&self, source: Source<'_>) -> Result<Vec<NameServer>, ResolveError> {
        let configured = self.ip.name_servers_of(source.vrf);
        if configured.is_empty() {
            return Err(ResolveError::NoNameServer);
        }
        let asked = configured.iter().filter(|server| self.passes(**server, Some(DNS_PORT), source));
        let servers: Vec<_> = asked
            .filter_map(|server| match self.world.route(&server.to_string(), DNS_PORT) {
                Some(real) => Some(NameServer::Real(real)),
                None => self.world.name_servers.contains(server).then_some(NameServer::Simulated),
            })
            .collect();
        if servers.is_empty() { Err(ResolveError::NoAnswer) } else { Ok(servers) }
    }

    /// What needs no name server: an address stands for itself, and `localhost` is known.
    #[must_use]
    pub fn known(&self, host: &str) -> Option<IpAddr> {
        let host = bare(host);
        let local = || host.eq_ignore_ascii_case("localhost").then(|| self.world.lookup(host)).flatten();
        host.parse().ok().or_else(local)
    }

    /// The names under which `name` is looked for, in order: as it is, and with the domain name where it has no dot.
    #[must_use]
    pub fn candidates(&self, name: &str) -> Vec<String> {
        let domain = self.ip.domain.as_ref().filter(|_| !name.contains('.'));
        let qualified = domain.map(|domain| format!("{name}.{domain}"));
        core::iter::once(name.to_string()).chain(qualified).collect()
    }

    /// Pings `host` from the default source.
    ///
    /// # Errors
    /// Where the name gives no address.
    pub fn ping(&self, host: &str) -> Result<Ping, ResolveError> {
        self.ping_from(host, Source::default())
    }

    /// The same, from a given VRF and interface. Whoever is reached and has nothing to say about pings is silent.
    ///
    /// # Errors
    /// Where the name gives no address.
    pub fn ping_from(&self, host: &str, source: Source<'_>) -> Result<Ping, ResolveError> {
        let (_, address) = self.resolve_from(host, source)?;
        let neighbour = |interface: &Interface| {
            interface.gateway.map(IpAddr::V4) == Some(address)
                || interface.address.is_some_and(|own| IpAddr::V4(own.address) == address)
        };
        let answers = self.world.answers_ping(address)
            || self.sources(source).is_ok_and(|all| all.into_iter().any(neighbour));
        Ok(Ping { address, answered: answers && self.passes(address, None, source) })
    }

    /// Whether `server` answers NTP to this switch, for `ntp server ADDRESS`; NTP takes the VRF that it is told.
    #[must_use]
    pub fn ntp_answers(&self, server: &str, source: Source<'_>) -> bool {
        self.resolve_from(server, source).is_ok_and(|(_, address)| {
            self.world.ntp_servers.contains(&address) && self.passes(address, Some(NTP_PORT), source)
        })
    }

    /// The name that exists and its address.
    fn resolve_from(&self, name: &str, source: Source<'_>) -> Result<(String, IpAddr), ResolveError> {
        if let Some(address) = self.known(name) {
            return Ok((bare(name).to_string(), address));
        }
        let servers = self.name_servers_from(source)?;
        let Some(answers) = &self.answers else { return self.in_hosts(name) };
        let mut faults = Vec::new();
        for server in servers {
            match server {
                NameServer::Simulated => return self.in_hosts(name),
                NameServer::Real(server) => match self.said(answers, server, name)? {
                    Ok(found) => return Ok(found),
                    Err(fault) => faults.push(fault),
                },
            }
        }
        Err(ResolveError::Said(faults.join("; ")))
    }

    /// What one name server said of `name`, as it is or with the domain name; inside, why the next one is to be asked.
    fn said(
        &self,
        answers: &Answers,
        server: SocketAddr,
        name: &str,
    ) -> Result<Result<(String, IpAddr), String>, ResolveError> {
        let mut nothing = String::new();
        for name in self.candidates(name) {
            let question = Question { server, name };
            match answers.get(&question) {
                None => return Err(ResolveError::Unasked(question)),
                Some(Said::Fault(why)) => return Ok(Err(why.clone())),
                Some(Said::Addresses(addresses)) => {
                    if let Some(first) = addresses.first() {
                        return Ok(Ok((question.name, *first)));
                    }
                }
                Some(Said::Nothing(why)) => nothing = format!("{}: {why}", question.name),
            }
        }
        Err(ResolveError::Said(nothing))
    }

    /// The name that exists and its address, as the simulated name server has it.
    ///
    /// # Errors
    /// [`ResolveError::NoSuchName`].
    pub fn in_hosts(&self, name: &str) -> Result<(String, IpAddr), ResolveError> {
        let found = self.candidates(name).into_iter().find_map(|candidate| {
            let address = self.world.lookup(&candidate)?;
            Some((candidate, address))
        });
        found.ok_or_else(|| ResolveError::NoSuchName(name.to_string()))
    }

    /// Where the way to `address`, which `name` stands for, ends on this machine.
    fn led(&self, name: &str, address: IpAddr, port: u16) -> Result<SocketAddr, Unreached> {
        let mapped = self.world.route(name, port).or_else(|| self.world.route(&address.to_string(), port));
        match mapped {
            Some(real) => Ok(real),
            None if address.is_loopback() => Ok(SocketAddr::new(address, port)),
            None if is_cisco(name) => Err(Unreached::Cisco(name.to_string())),
            None if self.world.allow_external => Ok(SocketAddr::new(address, port)),
            None => Err(Unreached::External(format!("{name}:{port}"))),
        }
    }

    /// Whether packets get to `address`.
    fn passes(&self, address: IpAddr, port: Option<u16>, source: Source<'_>) -> bool {
        let led = address.is_loopback()
            || self
                .sources(source)
                .is_ok_and(|all| all.into_iter().any(|interface| interface.leads_to(address)));
        led && firewall::judge(&self.world.firewall, address, port) == Verdict::Permit
    }

    /// The interfaces from which an exchange may begin.
    fn sources(&self, source: Source<'_>) -> Result<Vec<&Interface>, Unreached> {
        if let Some(name) = source.interface {
            let interface = self.ip.interface(name).filter(|interface| interface.is_usable());
            let interface = interface.ok_or_else(|| Unreached::SourceInterface(name.to_string()))?;
            return Ok(Vec::from([interface]));
        }
        let of_vrf = self.ip.interfaces.iter().filter(|interface| interface.vrf == source.vrf);
        let usable: Vec<_> = of_vrf.filter(|interface| interface.is_usable()).collect();
        if usable.is_empty() { Err(Unreached::Vrf(source.vrf.to_string())) } else { Ok(usable) }
    }
}

/// Without the brackets of an IPv6 literal.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests;

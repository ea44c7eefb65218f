//! What one switch finds when it looks for a name or opens a connection.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::CSLU_LOCAL;
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
        Self { world, ip }
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
        let interfaces = self.sources(source)?;
        let (name, address) = match self.resolve_from(host, source) {
            Err(ResolveError::NoSuchName(_)) if is_cisco(host) => return Err(Unreached::Cisco(host.into())),
            other => other?,
        };
        if !address.is_loopback() && !interfaces.iter().any(|interface| interface.leads_to(address)) {
            return Err(Unreached::NoRoute(address));
        }
        let seen = SocketAddr::new(address, port);
        if firewall::judge(&self.world.firewall, address, Some(port)) == Verdict::Deny {
            return Err(Unreached::Firewall(seen));
        }
        let mapped = self.world.route(&name, port).or_else(|| self.world.route(&address.to_string(), port));
        match mapped {
            Some(real) => Ok(real),
            None if address.is_loopback() => Ok(seen),
            None if is_cisco(&name) => Err(Unreached::Cisco(name)),
            None if self.world.allow_external => Ok(seen),
            None => Err(Unreached::External(format!("{host}:{port}"))),
        }
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
        let bare = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
        if let Ok(address) = bare.parse() {
            return Ok((bare.to_string(), address));
        }
        if name.eq_ignore_ascii_case("localhost") {
            let local = self.world.lookup(name).ok_or_else(|| ResolveError::NoSuchName(name.to_string()))?;
            return Ok((name.to_string(), local));
        }
        if self.ip.name_servers.is_empty() {
            return Err(ResolveError::NoNameServer);
        }
        let serves = |server: &IpAddr| {
            self.world.name_servers.contains(server) && self.passes(*server, Some(DNS_PORT), source)
        };
        if !self.ip.name_servers.iter().any(serves) {
            return Err(ResolveError::NoAnswer);
        }
        if let Some(address) = self.world.lookup(name) {
            return Ok((name.to_string(), address));
        }
        let qualified = self.ip.domain.as_ref().filter(|_| !name.contains('.'));
        let qualified = qualified.map(|domain| format!("{name}.{domain}"));
        qualified
            .and_then(|full| self.world.lookup(&full).map(|address| (full, address)))
            .ok_or_else(|| ResolveError::NoSuchName(name.to_string()))
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

#[cfg(test)]
mod tests;

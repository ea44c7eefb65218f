//! The simulated network as one switch sees it, with the real name servers that it leads to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use slpsim_network::{NameServer, Network, ResolveError, Source, Unreached};

use super::dns::{Dns, NameFault};
use super::route::{Finding, NoWay, Resolve, Way};

/// A switch's network, seen from the source of its licensing agent. Conditions are those that `ping` finds: it asks the
/// same [`Network`].
#[derive(Clone)]
pub struct SwitchNetwork {
    /// World and IP settings.
    pub network: Network,
    /// `license smart vrf`, or that of Call Home.
    pub vrf: String,
    /// `license smart source-interface` or `ip http client source-interface`.
    pub interface: Option<String>,
    /// Asks the name servers that are real ones. A device keeps it for its life, so that it remembers answers.
    pub dns: Arc<Dns>,
}

impl fmt::Debug for SwitchNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SwitchNetwork")
            .field("vrf", &self.vrf)
            .field("interface", &self.interface)
            .finish_non_exhaustive()
    }
}

impl SwitchNetwork {
    /// From a network and the source of `console::Config::source`.
    #[must_use]
    pub fn new(network: Network, source: Source<'_>, dns: Arc<Dns>) -> Self {
        let interface = source.interface.map(str::to_owned);
        Self { network, vrf: source.vrf.to_owned(), interface, dns }
    }

    fn source(&self) -> Source<'_> {
        Source { vrf: &self.vrf, interface: self.interface.as_deref() }
    }

    /// The real address from which connections begin; `None` leaves the choice to the operating system, also where no
    /// connection can begin: then nothing is found either.
    #[must_use]
    pub fn source_address(&self) -> Option<IpAddr> {
        self.network.source_address(self.source()).ok().flatten()
    }

    fn way(&self, found: Result<SocketAddr, Unreached>) -> Result<Way, NoWay> {
        match found {
            Ok(address) => Ok(Way::Mapped(address)),
            // The simulated name server does not know the name; the host's may, where that is allowed.
            Err(Unreached::Resolve(ResolveError::NoSuchName(_))) if self.network.world.allow_external => {
                Ok(Way::Unmapped)
            }
            Err(error @ Unreached::Resolve(_)) => Err(NoWay::Name(error.to_string())),
            Err(error @ (Unreached::SourceInterface(_) | Unreached::Vrf(_))) => {
                Err(NoWay::NotReady(error.to_string()))
            }
            Err(error @ (Unreached::NoRoute(_) | Unreached::Firewall(_))) => {
                Err(NoWay::Unreachable(error.to_string()))
            }
            Err(error @ (Unreached::Cisco(_) | Unreached::External(_))) => {
                Err(NoWay::Refused(error.to_string()))
            }
        }
    }

    async fn search(&self, host: &str, port: u16) -> Result<Way, NoWay> {
        // What keeps an exchange from beginning comes before any question to a name server.
        let from = match self.network.source_address(self.source()) {
            Ok(from) => from,
            Err(error) => return self.way(Err(error)),
        };
        if self.network.known(host).is_some() {
            return self.resolve(host, port);
        }
        let servers = self.network.name_servers_from(self.source());
        let servers = servers.map_err(|error| NoWay::Name(error.to_string()))?;
        let mut faults = Vec::new();
        for server in servers {
            match server {
                NameServer::Simulated => return self.resolve(host, port),
                NameServer::Real(server) => match self.ask(server, host, from).await {
                    Ok((name, addresses)) => return self.first_of(&name, &addresses, port),
                    Err(fault) if fault.asks_the_next() => faults.push(fault.to_string()),
                    Err(fault) => return Err(NoWay::Name(fault.to_string())),
                },
            }
        }
        Err(NoWay::Name(faults.join("; ")))
    }

    /// The name that exists, with its addresses: the name as it is, else with the domain name.
    async fn ask(
        &self,
        server: SocketAddr,
        host: &str,
        from: Option<IpAddr>,
    ) -> Result<(String, Vec<IpAddr>), NameFault> {
        let mut outcome = Err(NameFault::NoSuchName);
        for candidate in self.network.candidates(host) {
            match self.dns.ask(server, &candidate, from).await {
                Ok(addresses) => return Ok((candidate, addresses)),
                Err(fault) if fault.asks_the_next() => return Err(fault),
                Err(fault) => outcome = Err(fault),
            }
        }
        outcome
    }

    /// The first address to which a way leads; where none does, what stands in the way of the first.
    fn first_of(&self, name: &str, addresses: &[IpAddr], port: u16) -> Result<Way, NoWay> {
        let mut ways =
            addresses.iter().map(|address| self.network.reach_from(name, *address, port, self.source()));
        let first = ways.next().unwrap_or_else(|| Err(ResolveError::NoSuchName(name.to_owned()).into()));
        let best = if first.is_ok() { first } else { ways.find(Result::is_ok).unwrap_or(first) };
        self.way(best)
    }
}

impl Resolve for SwitchNetwork {
    fn resolve(&self, host: &str, port: u16) -> Result<Way, NoWay> {
        self.way(self.network.destination_from(host, port, self.source()))
    }

    fn find<'a>(&'a self, host: &'a str, port: u16) -> Finding<'a> {
        Box::pin(self.search(host, port))
    }

    fn behind_proxy(&self, host: &str, port: u16) -> Result<Way, NoWay> {
        self.way(self.network.destination_behind_proxy(host, port))
    }
}

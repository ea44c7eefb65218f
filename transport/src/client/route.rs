//! Where an exchange really goes: the simulated network's answer, and the door that keeps it on this machine.
//!
//! The switch does not see the host's resolver but a simulated network (`interface.md` §1 "Network"): what the switch
//! names leads to a real address that the configuration gives. What the configuration says nothing of stays inside.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;

use slpsim_agent::Failure;

use super::call::CarryError;

/// The device's view of the network, asked once for each destination.
pub trait Resolve: Send + Sync {
    /// Where `host` (a name or an address as in the URL, lower case, without brackets) and `port` lead.
    ///
    /// # Errors
    /// Why they lead nowhere, as the device would find out.
    fn resolve(&self, host: &str, port: u16) -> Result<Way, NoWay>;

    /// The same, for a network that has to ask somebody first. Only this one is used for exchanges.
    fn find<'a>(&'a self, host: &'a str, port: u16) -> Finding<'a> {
        Box::pin(std::future::ready(self.resolve(host, port)))
    }

    /// Where a proxy is led that is asked for `host` and `port`: what stands between device and destination does not
    /// matter there.
    ///
    /// # Errors
    /// Why the proxy would not get there either.
    fn behind_proxy(&self, host: &str, port: u16) -> Result<Way, NoWay> {
        self.resolve(host, port)
    }
}

/// A question to the network under way.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Result<Way, NoWay>> + Send + 'a>>;

impl<F: Fn(&str, u16) -> Result<Way, NoWay> + Send + Sync> Resolve for F {
    fn resolve(&self, host: &str, port: u16) -> Result<Way, NoWay> {
        self(host, port)
    }
}

/// Where something leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The simulated network maps it to this real address.
    Mapped(SocketAddr),
    /// The simulated network says nothing of it: only loopback is reached, unless the carrier may leave the machine.
    Unmapped,
}

/// Why something leads nowhere. The text says what was found, for diagnostics; it never reaches the device's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoWay {
    /// The name does not resolve: NXDOMAIN, SERVFAIL, DNS time-out, no name server configured.
    Name(String),
    /// The exchange cannot begin: no address on the source interface, VRF missing or without route.
    NotReady(String),
    /// Resolved, but no route leads there or a firewall is in between.
    Unreachable(String),
    /// The rules of this program forbid it.
    Refused(String),
}

impl NoWay {
    pub(super) fn into_error(self, host: &str) -> CarryError {
        match self {
            Self::Name(why) => {
                CarryError::new(Failure::Resolve, format_args!("{host} does not resolve: {why}"))
            }
            Self::NotReady(why) => CarryError::new(Failure::NotReady, why),
            Self::Unreachable(why) => {
                CarryError::new(Failure::Unreachable, format_args!("{host} is not reachable: {why}"))
            }
            Self::Refused(why) => refusal(Failure::Unreachable, why),
        }
    }
}

/// Real addresses of a destination that passed the door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    /// In the order in which they are tried; empty only where a proxy is to look the name up.
    pub(super) addresses: Vec<SocketAddr>,
    /// Whether the simulated network gave the address.
    pub(super) mapped: bool,
}

/// Asks the simulated network for `host`, then the door.
pub(super) async fn find(
    network: &dyn Resolve,
    allow_external: bool,
    host: &str,
    port: u16,
) -> Result<Destination, CarryError> {
    let way = network.find(host, port).await;
    enter(way, allow_external, host, port).await
}

/// The same, for what a proxy is asked for.
pub(super) async fn find_behind_proxy(
    network: &dyn Resolve,
    allow_external: bool,
    host: &str,
    port: u16,
) -> Result<Destination, CarryError> {
    match network.behind_proxy(host, port) {
        // The proxy does not find the name and refuses (`spec/messages.md` §5).
        Err(NoWay::Name(why)) => {
            Err(CarryError::new(Failure::Proxy, format_args!("the proxy does not find {host}: {why}")))
        }
        // A name outside is the proxy's to look up; this machine may not even be able to.
        Ok(Way::Unmapped) => {
            let addresses = match unmapped(host, port, allow_external)? {
                Unmapped::Known(addresses) => addresses,
                Unmapped::AskHost => Vec::new(),
            };
            Ok(Destination { addresses, mapped: false })
        }
        way => enter(way, allow_external, host, port).await,
    }
}

async fn enter(
    way: Result<Way, NoWay>,
    allow_external: bool,
    host: &str,
    port: u16,
) -> Result<Destination, CarryError> {
    match way.map_err(|no_way| no_way.into_error(host))? {
        Way::Mapped(address) => {
            admit(address, allow_external)?;
            Ok(Destination { addresses: vec![address], mapped: true })
        }
        Way::Unmapped => {
            let addresses = match unmapped(host, port, allow_external)? {
                Unmapped::Known(addresses) => addresses,
                Unmapped::AskHost => ask_host(host, port).await?,
            };
            Ok(Destination { addresses, mapped: false })
        }
    }
}

enum Unmapped {
    Known(Vec<SocketAddr>),
    AskHost,
}

fn unmapped(host: &str, port: u16, allow_external: bool) -> Result<Unmapped, CarryError> {
    if let Ok(address) = host.parse::<IpAddr>() {
        let address = SocketAddr::new(address, port);
        admit(address, allow_external)?;
        return Ok(Unmapped::Known(vec![address]));
    }
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if name == "localhost" {
        // RFC 6761 §6.3: this name is loopback without asking anybody.
        let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        return Ok(Unmapped::Known(here.map(|address| SocketAddr::new(address, port)).to_vec()));
    }
    if name == "cisco.com" || name.ends_with(".cisco.com") {
        let why = format!("{name} is Cisco's own; map it under [network.hosts] to a server of yours");
        return Err(refusal(Failure::Resolve, why));
    }
    if !allow_external {
        let why = format!(
            "{name} is neither mapped nor loopback; map it under [network.hosts] or allow it with --allow-external"
        );
        return Err(refusal(Failure::Resolve, why));
    }
    Ok(Unmapped::AskHost)
}

fn admit(address: SocketAddr, allow_external: bool) -> Result<(), CarryError> {
    if allow_external || address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let why = format!(
        "{address} is not on loopback; map it under [network.routes] or allow it with --allow-external"
    );
    Err(refusal(Failure::Unreachable, why))
}

fn refusal(failure: Failure, why: impl std::fmt::Display) -> CarryError {
    let error = CarryError::new(failure, format_args!("refused to leave this machine: {why}"));
    CarryError { refused: true, ..error }
}

async fn ask_host(host: &str, port: u16) -> Result<Vec<SocketAddr>, CarryError> {
    let unresolved = |why: &dyn std::fmt::Display| {
        CarryError::new(
            Failure::Resolve,
            format_args!("{host} does not resolve by this machine's resolver: {why}"),
        )
    };
    let addresses = tokio::net::lookup_host((host, port)).await.map_err(|error| unresolved(&error))?;
    let addresses: Vec<_> = addresses.take(MOST_ADDRESSES).collect();
    if addresses.is_empty() { Err(unresolved(&"no addresses")) } else { Ok(addresses) }
}

/// More addresses of one name than this are not tried.
const MOST_ADDRESSES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    async fn through(
        way: Result<Way, NoWay>,
        host: &str,
        allow_external: bool,
    ) -> Result<Vec<SocketAddr>, CarryError> {
        let network = move |_: &str, _: u16| way.clone();
        find(&network, allow_external, host, 443).await.map(|found| found.addresses)
    }

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[tokio::test]
    async fn what_the_network_maps_to_loopback_is_reached_under_any_name() {
        for host in ["smartreceiver.cisco.com", "cslu-local", "192.168.0.1", "2001:db8::1"] {
            for real in ["127.0.0.1:40001", "127.9.9.9:1", "[::1]:40001", "[::ffff:127.0.0.1]:5"] {
                let found = through(Ok(Way::Mapped(at(real))), host, false).await;
                assert_eq!(found.unwrap(), [at(real)], "{host}");
            }
        }
    }

    #[tokio::test]
    async fn nothing_leaves_the_machine_unless_allowed_and_ciscos_servers_never_unless_mapped() {
        let outside = Way::Mapped(at("192.0.2.1:443"));
        let cases = [
            (Way::Unmapped, "smartreceiver.cisco.com", true, Failure::Resolve),
            (Way::Unmapped, "Tools.Cisco.COM.", true, Failure::Resolve),
            (Way::Unmapped, "cisco.com", true, Failure::Resolve),
            (Way::Unmapped, "license.example.com", false, Failure::Resolve),
            (Way::Unmapped, "192.0.2.1", false, Failure::Unreachable),
            (Way::Unmapped, "2001:db8::1", false, Failure::Unreachable),
            (Way::Unmapped, "0.0.0.0", false, Failure::Unreachable),
            (outside, "cslu-local", false, Failure::Unreachable),
        ];
        for (way, host, allow, failure) in cases {
            let error = through(Ok(way), host, allow).await.unwrap_err();
            assert_eq!((error.failure, error.refused), (failure, true), "{host}");
            assert!(error.detail.starts_with("refused to leave this machine: "), "{error}");
        }
        assert_eq!(through(Ok(outside), "cslu-local", true).await.unwrap(), [at("192.0.2.1:443")]);
        assert_eq!(through(Ok(Way::Unmapped), "192.0.2.1", true).await.unwrap(), [at("192.0.2.1:443")]);
        assert_eq!(through(Ok(Way::Unmapped), "127.0.0.1", false).await.unwrap(), [at("127.0.0.1:443")]);
        let here = [at("127.0.0.1:443"), at("[::1]:443")];
        assert_eq!(through(Ok(Way::Unmapped), "localhost", false).await.unwrap(), here);
        // A name that only ends like Cisco's is somebody else's.
        assert!(matches!(unmapped("notcisco.com", 443, true), Ok(Unmapped::AskHost)));
    }

    #[tokio::test]
    async fn each_reason_of_the_network_is_its_own_failure() {
        let why = || "no such name".to_owned();
        let cases = [
            (NoWay::Name(why()), Failure::Resolve, false),
            (NoWay::NotReady(why()), Failure::NotReady, false),
            (NoWay::Unreachable(why()), Failure::Unreachable, false),
            (NoWay::Refused(why()), Failure::Unreachable, true),
        ];
        for (no_way, failure, refused) in cases {
            let error = through(Err(no_way), "cslu-local", true).await.unwrap_err();
            assert_eq!((error.failure, error.refused), (failure, refused), "{error}");
            assert!(error.detail.ends_with("no such name"), "{error}");
        }
    }
}

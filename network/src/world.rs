//! What is out there, for all switches alike.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use thiserror::Error;

use crate::firewall::Rule;

/// The name server with which a switch is configured.
pub const DEFAULT_NAME_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 53));
/// The address that answers NTP (`interface.md` §1 "Network", `spec/chapter.md` S-22).
pub const DEFAULT_NTP_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 100));

/// The simulated network without any switch: names, servers, firewall, and the way to real sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    hosts: BTreeMap<String, IpAddr>,
    routes: BTreeMap<(String, u16), SocketAddr>,
    /// Addresses that answer DNS.
    pub name_servers: BTreeSet<IpAddr>,
    /// Addresses that answer NTP.
    pub ntp_servers: BTreeSet<IpAddr>,
    /// Addresses that answer `ping`, beside servers, gateways and whatever a route leads to.
    pub ping: BTreeSet<IpAddr>,
    /// The firewall in front of all switches.
    pub firewall: Vec<Rule>,
    /// Destinations that are neither mapped nor loopback may be reached, except Cisco's own servers.
    pub allow_external: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            hosts: BTreeMap::new(),
            routes: BTreeMap::new(),
            name_servers: BTreeSet::from([DEFAULT_NAME_SERVER]),
            ntp_servers: BTreeSet::from([DEFAULT_NTP_SERVER]),
            ping: BTreeSet::new(),
            firewall: Vec::new(),
            allow_external: false,
        }
    }
}

impl World {
    /// Makes `name` resolve to `address` (`[network.hosts]`).
    pub fn add_host(&mut self, name: &str, address: IpAddr) {
        self.hosts.insert(canonical(name), address);
    }

    /// Takes `name` out of the DNS; whether it was there.
    pub fn remove_host(&mut self, name: &str) -> bool {
        self.hosts.remove(&canonical(name)).is_some()
    }

    /// Lets `host:port` (a name or an address) lead to `to` (`[network.routes]`). A name that has a route and no
    /// host entry resolves to the address of `to`.
    pub fn add_route(&mut self, host: &str, port: u16, to: SocketAddr) {
        self.routes.insert((canonical(host), port), to);
    }

    /// The same, from the key as written in a file: `192.168.0.1:8182`, `cslu.example.com:8182`, `[2001:db8::1]:443`.
    /// Port 0 on both sides stands for every port: `192.0.2.10:0` to `127.0.0.5:0`.
    ///
    /// # Errors
    /// Where `endpoint` is not a host with a port, or `to` is no loopback address.
    pub fn add_route_text(&mut self, endpoint: &str, to: &str) -> Result<(), RouteError> {
        let (host, port) = endpoint
            .rsplit_once(':')
            .and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)))
            .filter(|(host, _)| !host.is_empty())
            .ok_or_else(|| RouteError::Endpoint(endpoint.to_string()))?;
        let to: SocketAddr = to.parse().map_err(|_| RouteError::Target(to.to_string()))?;
        if port == 0 && to.port() != 0 {
            return Err(RouteError::Endpoint(endpoint.to_string()));
        }
        if !to.ip().is_loopback() && !self.allow_external {
            return Err(RouteError::NotLoopback(to));
        }
        self.add_route(host, port, to);
        Ok(())
    }

    /// The address of `name`, as the DNS has it; `localhost` is always there.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<IpAddr> {
        let name = canonical(name);
        let routed = || {
            let mut of_name = self.routes.range((name.clone(), 0)..=(name.clone(), u16::MAX));
            of_name.next().map(|(_, to)| to.ip())
        };
        let local = (name == "localhost").then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.hosts.get(&name).copied().or_else(routed).or(local)
    }

    /// Where traffic to `host` (a name or an address) and `port` really leads: a route of the port, else one of all
    /// ports.
    #[must_use]
    pub fn route(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let host = canonical(host);
        if let Some(to) = self.routes.get(&(host.clone(), port)) {
            return Some(*to);
        }
        self.routes.get(&(host, 0)).map(|to| SocketAddr::new(to.ip(), port))
    }

    /// What the address of a switch really is on this machine: where all its ports lead. Connections of the switch
    /// come from there.
    #[must_use]
    pub fn real_address(&self, address: IpAddr) -> Option<IpAddr> {
        self.routes.get(&(address.to_string(), 0)).map(SocketAddr::ip)
    }

    /// The host entries, by name (`show hosts`).
    pub fn hosts(&self) -> impl Iterator<Item = (&str, IpAddr)> {
        self.hosts.iter().map(|(name, address)| (name.as_str(), *address))
    }

    /// Whether `address` answers a ping that reaches it.
    #[must_use]
    pub fn answers_ping(&self, address: IpAddr) -> bool {
        let text = address.to_string();
        address.is_loopback()
            || self.ping.contains(&address)
            || self.name_servers.contains(&address)
            || self.ntp_servers.contains(&address)
            || self.routes.keys().any(|(host, _)| *host == text || self.hosts.get(host) == Some(&address))
    }
}

/// Whether `name` is one of Cisco's own servers, which nothing of ours ever contacts.
#[must_use]
pub fn is_cisco(name: &str) -> bool {
    let name = canonical(name);
    name == "cisco.com" || name.ends_with(".cisco.com")
}

/// Why a route of a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    /// The left side is no host with a port.
    #[error("`{0}` is no destination: write host:port or address:port")]
    Endpoint(String),
    /// The right side is no socket address.
    #[error("`{0}` is no socket address: write for instance 127.0.0.1:40002")]
    Target(String),
    /// The right side leaves the machine.
    #[error("{0} leaves this machine: routes lead to loopback addresses unless --allow-external is given")]
    NotLoopback(SocketAddr),
}

/// Lower case, without the brackets of an IPv6 literal and without dots at the end; addresses in their one form.
fn canonical(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => bare.trim_end_matches('.').to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_without_regard_to_case_and_root_dot() {
        let mut world = World::default();
        world.add_host("Cslu-Local.Example.com", "192.168.0.1".parse().unwrap());
        assert_eq!(world.lookup("cslu-local.example.COM."), "192.168.0.1".parse().ok());
        assert!(world.remove_host("CSLU-LOCAL.example.com"));
        assert_eq!(world.lookup("cslu-local.example.com"), None);
    }

    #[test]
    fn a_name_with_a_route_alone_resolves_to_where_it_leads() {
        let mut world = World::default();
        world.add_route_text("smartreceiver.cisco.com:443", "127.0.0.1:40001").unwrap();
        assert_eq!(world.lookup("smartreceiver.cisco.com"), "127.0.0.1".parse().ok());
        assert_eq!(world.lookup("receiver.cisco.com"), None);
    }

    #[test]
    fn a_route_that_cannot_be_used_says_why() {
        let mut world = World::default();
        for (endpoint, to, expected) in [
            ("host", "127.0.0.1:1", RouteError::Endpoint("host".into())),
            (":80", "127.0.0.1:1", RouteError::Endpoint(":80".into())),
            ("host:0", "127.0.0.1:1", RouteError::Endpoint("host:0".into())),
            ("host:80", "127.0.0.1", RouteError::Target("127.0.0.1".into())),
            ("host:80", "203.0.113.1:80", RouteError::NotLoopback("203.0.113.1:80".parse().unwrap())),
        ] {
            assert_eq!(world.add_route_text(endpoint, to), Err(expected));
        }
        world.add_route_text("[2001:db8::1]:443", "[::1]:40001").unwrap();
        assert_eq!(world.route("2001:db8:0::1", 443), "[::1]:40001".parse().ok());
    }

    #[test]
    fn a_route_of_all_ports_gives_way_to_that_of_one_and_is_what_an_address_really_is() {
        let mut world = World::default();
        world.add_route_text("192.0.2.10:0", "127.0.0.5:0").unwrap();
        world.add_route_text("192.0.2.10:443", "127.0.0.1:40001").unwrap();
        assert_eq!(world.route("192.0.2.10", 443), "127.0.0.1:40001".parse().ok());
        assert_eq!(world.route("192.0.2.10", 80), "127.0.0.5:80".parse().ok());
        assert_eq!(world.real_address("192.0.2.10".parse().unwrap()), "127.0.0.5".parse().ok());
        assert_eq!(world.real_address("192.0.2.11".parse().unwrap()), None);
    }

    #[test]
    fn only_names_under_cisco_com_are_ciscos() {
        assert!(is_cisco("smartreceiver.cisco.com") && is_cisco("TOOLS.CISCO.COM."));
        // Name servers are asked without dots at the end, however many there are.
        assert!(is_cisco("tools.cisco.com.."));
        assert!(!is_cisco("cisco.com.example.com") && !is_cisco("notcisco.com"));
    }
}

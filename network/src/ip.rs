//! What one switch knows of the network: the part that its configuration sets.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr};
use core::str::FromStr;

use crate::world::DEFAULT_NAME_SERVER;

/// The IP settings of a switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IpSettings {
    /// `ip name-server`, in order; without any, no name resolves.
    pub name_servers: Vec<IpAddr>,
    /// `ip name-server … use-vrf`: name servers of one VRF, in order. A VRF without an entry has the others (modelled).
    pub vrf_name_servers: BTreeMap<String, Vec<IpAddr>>,
    /// `ip domain name`.
    pub domain: Option<String>,
    /// The interfaces through which the switch can talk.
    pub interfaces: Vec<Interface>,
}

impl Default for IpSettings {
    /// As after the start-up configuration of `interface.md` §1 "Network": a name server and `mgmt0`.
    fn default() -> Self {
        Self {
            name_servers: Vec::from([DEFAULT_NAME_SERVER]),
            vrf_name_servers: BTreeMap::new(),
            domain: None,
            interfaces: Vec::from([Interface::mgmt0()]),
        }
    }
}

impl IpSettings {
    /// The name servers that count in a VRF.
    #[must_use]
    pub fn name_servers_of(&self, vrf: &str) -> &[IpAddr] {
        self.vrf_name_servers.get(vrf).unwrap_or(&self.name_servers)
    }

    /// The interface of that name; names are compared without regard to case.
    #[must_use]
    pub fn interface(&self, name: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.name.eq_ignore_ascii_case(name))
    }

    /// The same, to be changed.
    pub fn interface_mut(&mut self, name: &str) -> Option<&mut Interface> {
        self.interfaces.iter_mut().find(|interface| interface.name.eq_ignore_ascii_case(name))
    }

    /// The address by which others know the switch: that of the first usable interface.
    #[must_use]
    pub fn own_address(&self) -> Option<Ipv4Addr> {
        let usable = self.interfaces.iter().filter(|interface| interface.is_usable());
        usable.filter_map(|interface| interface.address).map(|net| net.address).next()
    }
}

/// An interface of the switch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interface {
    /// Such as `mgmt0`.
    pub name: String,
    /// The VRF that it belongs to.
    pub vrf: String,
    /// Its address and mask.
    pub address: Option<Ipv4Net>,
    /// Where traffic for other subnets goes.
    pub gateway: Option<Ipv4Addr>,
    /// `shutdown`.
    pub shut: bool,
}

impl Interface {
    /// The management interface as it ships: up, with an address of the documentation range.
    #[must_use]
    pub fn mgmt0() -> Self {
        Self {
            name: "mgmt0".to_string(),
            vrf: "management".to_string(),
            address: Some(Ipv4Net { address: Ipv4Addr::new(192, 0, 2, 10), prefix: 24 }),
            gateway: Some(Ipv4Addr::new(192, 0, 2, 1)),
            shut: false,
        }
    }

    /// Whether a connection can begin here: up, and with an address that a host can have.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.shut && self.address.is_some_and(Ipv4Net::is_host)
    }

    /// Whether packets to `address` leave through here: on the subnet, or by a gateway that is on it.
    #[must_use]
    pub fn leads_to(&self, address: IpAddr) -> bool {
        let (true, Some(net)) = (self.is_usable(), self.address) else { return false };
        let direct = match address {
            IpAddr::V4(address) => net.contains(address),
            IpAddr::V6(_) => false,
        };
        direct || self.gateway.is_some_and(|gateway| gateway != net.address && net.contains(gateway))
    }
}

/// An IPv4 address with the length of its mask, written `192.0.2.10/24`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ipv4Net {
    /// The address of the host.
    pub address: Ipv4Addr,
    /// Length of the mask, 0 to 32.
    pub prefix: u8,
}

impl Ipv4Net {
    /// The mask as an address.
    #[must_use]
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.mask_bits())
    }

    /// From an address and a mask such as `255.255.255.0`; `None` where the mask has a hole.
    #[must_use]
    pub fn with_mask(address: Ipv4Addr, mask: Ipv4Addr) -> Option<Self> {
        let prefix = u8::try_from(mask.to_bits().leading_ones()).ok()?;
        let net = Self { address, prefix };
        (net.mask() == mask).then_some(net)
    }

    /// Whether `other` is on the same subnet.
    #[must_use]
    pub fn contains(self, other: Ipv4Addr) -> bool {
        (self.address.to_bits() ^ other.to_bits()) & self.mask_bits() == 0
    }

    /// Whether this is the address of a host, not that of the subnet or its broadcast address: the mistake that
    /// `spec/chapter.md` S-28g looks for. A /31 or /32 has neither (RFC 3021).
    #[must_use]
    pub fn is_host(self) -> bool {
        let host = self.address.to_bits() & !self.mask_bits();
        self.prefix >= 31 || (host != 0 && host != !self.mask_bits())
    }

    fn mask_bits(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0)
    }
}

impl FromStr for Ipv4Net {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "write the address with the length of its mask, such as 192.0.2.10/24";
        let (address, prefix) = text.split_once('/').ok_or(FORM)?;
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= 32).ok_or(FORM)?;
        Ok(Self { address: address.parse().map_err(|_| FORM)?, prefix })
    }
}

impl fmt::Display for Ipv4Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// From where an exchange is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The VRF, such as `management`.
    pub vrf: &'a str,
    /// `license smart source-interface` or `ip http client source-interface`, where one is set.
    pub interface: Option<&'a str>,
}

impl Default for Source<'_> {
    /// The VRF of the switch's default (`spec/behaviour.md` §1).
    fn default() -> Self {
        Self { vrf: "management", interface: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_with_its_mask_knows_its_hosts() {
        for (net, host) in [
            ("192.0.2.10/24", true),
            ("192.0.2.0/24", false),
            ("192.0.2.255/24", false),
            ("192.0.2.0/31", true),
            ("192.0.2.0/32", true),
        ] {
            assert_eq!(net.parse::<Ipv4Net>().unwrap().is_host(), host, "{net}");
        }
    }

    #[test]
    fn a_mask_may_be_written_as_an_address() {
        let address = Ipv4Addr::new(192, 0, 2, 10);
        let net = Ipv4Net::with_mask(address, Ipv4Addr::new(255, 255, 255, 0)).unwrap();
        assert_eq!(net.to_string(), "192.0.2.10/24");
        assert_eq!(net.mask(), Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(Ipv4Net::with_mask(address, Ipv4Addr::new(255, 0, 255, 0)), None);
        assert_eq!(Ipv4Net { address, prefix: 0 }.mask(), Ipv4Addr::UNSPECIFIED);
    }

    #[test]
    fn traffic_leaves_by_the_subnet_or_by_a_gateway_on_it() {
        let away = "198.51.100.1".parse().unwrap();
        let near = "192.0.2.77".parse().unwrap();
        let up = Interface::mgmt0();
        assert!(up.leads_to(away) && up.leads_to(near));
        let no_gateway = Interface { gateway: None, ..up.clone() };
        assert!(!no_gateway.leads_to(away) && no_gateway.leads_to(near));
        let wrong_mask = Interface { address: "192.0.2.10/30".parse().ok(), ..up.clone() };
        assert!(!wrong_mask.leads_to(away), "the gateway is outside the subnet");
        let shut = Interface { shut: true, ..up };
        assert!(!shut.leads_to(near));
    }
}

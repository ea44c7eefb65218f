//! Features that an operator switches on, and the licences that they take.
//!
//! Which feature belongs to which licence is public for the classic packages of NX-OS; only those are here.

use slpsim_agent::Profile;

/// Features with the licence that they need; `None`: they come with the switch.
pub const FEATURES: [(&str, Option<&str>); 15] = [
    ("bgp", Some("LAN_ENTERPRISE_SERVICES_PKG")),
    ("eigrp", Some("LAN_ENTERPRISE_SERVICES_PKG")),
    ("isis", Some("LAN_ENTERPRISE_SERVICES_PKG")),
    ("msdp", Some("LAN_ENTERPRISE_SERVICES_PKG")),
    ("ospf", Some("LAN_ENTERPRISE_SERVICES_PKG")),
    ("ospfv3", Some("LAN_ENTERPRISE_SERVICES_PKG")),
    ("pbr", Some("LAN_ENTERPRISE_SERVICES_PKG")),
    ("pim", Some("LAN_ENTERPRISE_SERVICES_PKG")),
    ("fcoe-npv", Some("FC_PORT_ACTIVATION_PKG")),
    ("macsec", Some("SECURITY_PKG")),
    ("interface-vlan", None),
    ("lacp", None),
    ("lldp", None),
    ("nxapi", None),
    ("vpc", None),
];

/// Position of the licence that `feature` takes on this platform.
#[must_use]
pub fn license_of(feature: &str, profile: &Profile) -> Option<u8> {
    let (_, license) = FEATURES.iter().find(|(known, _)| *known == feature)?;
    profile.license((*license)?).map(|(at, _)| at)
}

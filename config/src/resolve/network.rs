//! `[network]`.

use std::net::{IpAddr, Ipv4Addr};

use slpsim_network::{Interface, IpSettings, Ipv4Net, World};

use super::required;
use crate::check::Table;
use crate::kind::Item;
use crate::problem::Problems;

/// The world, and what every switch knows of it.
pub(super) fn network(
    table: Option<&Table>,
    allow_external: bool,
    problems: &mut Problems,
) -> (World, IpSettings) {
    let mut world = World::default();
    world.allow_external = allow_external;
    let mut ip = IpSettings::default();
    let Some(table) = table else { return (world, ip) };
    if let Some(Item::Ips(servers)) = table.item_of("name-servers") {
        world.name_servers = servers.iter().copied().collect();
        ip.name_servers.clone_from(servers);
    }
    if let Some(Item::Ips(servers)) = table.item_of("ntp-servers") {
        world.ntp_servers = servers.iter().copied().collect();
    }
    if let Some(Item::Ips(addresses)) = table.item_of("ping") {
        world.ping = addresses.iter().copied().collect();
    }
    if let Some(Item::Rules(rules)) = table.item_of("firewall") {
        world.firewall.clone_from(rules);
    }
    ip.domain = table.owned("domain");
    for (name, place, item) in table.one("hosts").map_or(&[][..], |hosts| &hosts.free) {
        if let Item::Ip(address) = item {
            if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c.is_control() || c == ':') {
                problems.add(place, "a host name has no blanks, no colon and at least one character");
            }
            world.add_host(name, *address);
        }
    }
    for (endpoint, place, item) in table.one("routes").map_or(&[][..], |routes| &routes.free) {
        if let Item::Socket(to) = item
            && let Err(error) = world.add_route_text(endpoint, &to.to_string())
        {
            problems.add(place, error.to_string());
        }
    }
    let interfaces = table.inner("interfaces");
    if !interfaces.is_empty() {
        ip.interfaces = interfaces.iter().map(|(name, table)| interface(name, table, problems)).collect();
    }
    (world, ip)
}

fn interface(name: &str, table: &Table, problems: &mut Problems) -> Interface {
    let default_vrf = if name.eq_ignore_ascii_case("mgmt0") { "management" } else { "default" };
    Interface {
        name: name.into(),
        vrf: table.text("vrf").unwrap_or(default_vrf).into(),
        address: address(table, problems),
        gateway: v4(table, "gateway", problems),
        shut: table.flag("shut"),
    }
}

fn address(table: &Table, problems: &mut Problems) -> Option<Ipv4Net> {
    let mask = v4(table, "mask", problems);
    match (table.item_of("address"), mask) {
        (Some(Item::Net(net)), None) => Some(*net),
        (Some(Item::Net(_)), Some(_)) => {
            problems
                .add(table.place("mask"), "`address` has the length of its mask already: leave `mask` out");
            None
        }
        (Some(Item::Ip(IpAddr::V4(address))), Some(mask)) => {
            let net = Ipv4Net::with_mask(*address, mask);
            if net.is_none() {
                problems.add(table.place("mask"), format!("`{mask}` is no mask: its bits have a hole"));
            }
            net
        }
        (Some(_), None) if !table.has("mask") => {
            problems.add(
                table.place("address"),
                "`address` needs the length of its mask, such as 192.0.2.10/24, or `mask`",
            );
            None
        }
        (None, Some(_)) => required(table, "address", problems).and(None),
        (Some(_), _) | (None, None) => None,
    }
}

fn v4(table: &Table, key: &str, problems: &mut Problems) -> Option<Ipv4Addr> {
    match table.item_of(key) {
        Some(Item::Ip(IpAddr::V4(address))) => Some(*address),
        Some(_) => {
            problems.add(table.place(key), format!("`{key}` must be an IPv4 address"));
            None
        }
        None => None,
    }
}

//! From checked tables to a configuration.

mod device;
mod mock;
mod network;

use std::collections::BTreeMap;

use crate::check::Table;
use crate::kind::Item;
use crate::problem::{Place, Problems};
use crate::resolved::{Config, Credential, Sink, Speed, Start, User};

/// Fills in defaults and follows references.
pub(crate) fn config(top: &Table, allow_external: bool, problems: &mut Problems) -> Config {
    let allow_external = allow_external || top.flag("allow-external");
    let (world, ip) = network::network(top.one("network"), allow_external, problems);
    Config {
        seed: top.count("seed"),
        speed: if let Some(Item::Speed(speed)) = top.item_of("speed") { *speed } else { Speed::default() },
        start: if let Some(Item::Time(start)) = top.item_of("start") { *start } else { Start::default() },
        state: top.path("state"),
        control: top.path("control"),
        ready_file: top.path("ready-file"),
        clock_from: top.path("clock-from"),
        allow_external,
        health: socket(top, "health"),
        metrics: socket(top, "metrics"),
        devices: device::devices(top.inner("device"), top.one("network"), &ip, problems),
        world,
        mock: top.one("mock").map(|table| mock::mock(table, problems)),
        users: users(top, problems),
        sinks: top.inner("sink").iter().filter_map(|(_, table)| sink(table, problems)).collect(),
    }
}

/// The tables of `[device]` and `[network]` of a file that shares them with configurations: the network, and the devices
/// in it.
pub fn devices_in(
    devices: &[(String, Table)],
    network: Option<&Table>,
    problems: &mut Problems,
) -> (slpsim_network::World, Vec<crate::resolved::Device>) {
    let (world, ip) = network::network(network, false, problems);
    let devices = device::devices(devices, network, &ip, problems);
    (world, devices)
}

fn socket(table: &Table, key: &str) -> Option<std::net::SocketAddr> {
    if let Some(Item::Socket(address)) = table.item_of(key) { Some(*address) } else { None }
}

fn users(top: &Table, problems: &mut Problems) -> Vec<User> {
    let mut names = Unique::new("user");
    let mut users = Vec::new();
    for (_, table) in top.inner("user") {
        let Some(name) = required(table, "name", problems) else { continue };
        names.see(&name, table.place("name"), problems);
        let keys = if let Some(Item::Texts(keys)) = table.item_of("keys") {
            keys.iter()
                .flat_map(|text| text.lines())
                .map(str::trim)
                .filter(|line| !line.is_empty())
                .map(Into::into)
                .collect()
        } else {
            Vec::new()
        };
        let credential = match (table.secret("password"), table.secret("password-hash")) {
            (Some(password), None) => Some(Credential::Password(password)),
            (None, Some(hash)) => Some(Credential::Hash(hash)),
            (None, None) if !keys.is_empty() => None,
            (Some(_), Some(_)) => {
                problems.add(table.place("password-hash"), "give `password` or `password-hash`, not both");
                continue;
            }
            (None, None) => {
                problems
                    .add(&table.place, format!("user `{name}` needs `password`, `password-hash` or `keys`"));
                continue;
            }
        };
        users.push(User { name, credential, keys, admin: table.text("role") == Some("network-admin") });
    }
    users
}

fn sink(table: &Table, problems: &mut Problems) -> Option<Sink> {
    let url = required(table, "url", problems)?;
    let stream = url.starts_with("tcp:") || url.starts_with("tls:");
    if table.has("framing") && !stream {
        problems.add(table.place("framing"), "`framing` is for tcp:// and tls:// only");
    }
    Some(Sink {
        url,
        form: table.owned("form"),
        framing: table.owned("framing"),
        origin_id: table.owned("origin-id"),
        timestamp: table.owned("timestamp"),
        repeat: table.owned("repeat"),
        facility: table.owned("facility"),
        max_bytes: table.count("max-bytes").and_then(|bytes| usize::try_from(bytes).ok()),
    })
}

fn required(table: &Table, key: &str, problems: &mut Problems) -> Option<String> {
    table.require(key, problems);
    table.owned(key)
}

/// Finds names that occur twice.
struct Unique {
    what: &'static str,
    seen: BTreeMap<String, Place>,
}

impl Unique {
    const fn new(what: &'static str) -> Self {
        Self { what, seen: BTreeMap::new() }
    }

    fn see(&mut self, name: &str, place: &Place, problems: &mut Problems) {
        if let Some(first) = self.seen.get(name) {
            problems.add(place, format!("{} `{name}` is there twice, first at {first}", self.what));
        } else {
            self.seen.insert(name.into(), place.clone());
        }
    }
}

//! From checked tables to a scenario.

mod claim;
mod expect;
mod step;
mod value;
mod wire;

pub(super) use step::{is_called, placeholders};

use std::time::Duration;

use slpsim_config::reader::{self, Checker, Item, Node, Place, Problems, Table, did_you_mean};
use slpsim_config::{Checks, Device, Start, parse_time};
use slpsim_cssm::AckMode;
use slpsim_logs::{SinkUrl, Zone};
use slpsim_policy::Wall;

use super::keys::SCHEMA;
use super::model::{Moment, Open, Peer, Scenario};

const CHECKS: Checks = Checks {
    zone: |text| text.parse::<Zone>().map(drop).map_err(|error| error.to_string()),
    sink: |text| text.parse::<SinkUrl>().map(drop).map_err(|error| error.to_string()),
    // A scenario's mock keeps nothing beyond its run, and has no such key.
    store: |_| Err("a scenario has no store".into()),
};
/// Where a scenario begins, unless it says otherwise (`interface.md` §4, §6).
const START: &str = "2026-01-01T00:00:00Z";
/// Devices of one scenario; a fleet is another command.
const DEVICES_MAX: usize = 10_000;

/// What steps and expectations are resolved with.
struct Cx<'a> {
    devices: &'a [Device],
    until_ms: u64,
    problems: &'a mut Problems,
}

/// Checks and resolves a document.
pub(super) fn scenario(
    document: &Node,
    file: &str,
    matrix: Vec<(String, String)>,
) -> Result<Scenario, Problems> {
    let mut problems = Problems::default();
    let Some(top) = reader::check(document, Checker { schema: &SCHEMA, checks: &CHECKS }, &mut problems)
    else {
        return Err(problems);
    };
    let world = top.one("world");
    let network_table = world.and_then(|world| world.one("network"));
    let (network, devices) = reader::devices_in(top.inner("device"), network_table, &mut problems);
    if devices.len() > DEVICES_MAX {
        problems.add(&top.place, format!("a scenario has at most {DEVICES_MAX} devices; see `slpsim fleet`"));
    }
    let until_ms = match top.span("until") {
        Some(until) => millis(until),
        None => {
            required(&top, "until", &mut problems);
            // What else is wrong can be said all the same.
            u64::MAX
        }
    };
    let mut cx = Cx { devices: &devices, until_ms, problems: &mut problems };
    // The link's own faults begin first, so that those of steps decide.
    let (links, mut steps) = wire::links(world.map_or(&[], |world| world.inner("link")), &mut cx);
    steps.extend(step::steps(top.inner("at"), &mut cx));
    let expectations = expect::expectations(top.inner("expect"), &mut cx);
    let says = |name| network_table.is_some_and(|table| !table.inner(name).is_empty());
    let open = Open { names: !says("hosts"), routes: !says("routes") };
    let scenario = Scenario {
        file: file.into(),
        name: required(&top, "name", &mut problems).unwrap_or_default(),
        shows: top.owned("shows"),
        matrix,
        seed: top.count("seed").unwrap_or(1),
        start: start(&top, &mut problems),
        until_ms,
        open,
        network,
        peer: world.and_then(|world| Peer::by_word(world.text("peer")?)).unwrap_or_default(),
        has_policy: world.is_none_or(|world| world.text("policy") != Some("none")),
        links,
        latency_ms: world.and_then(|world| world.span("latency")).map_or(0, millis),
        ack_mode: world.map_or(AckMode::AtOnce, |world| ack_mode(world, &mut problems)),
        strict_clock: world.is_some_and(|world| world.flag("strict-clock")),
        devices,
        steps,
        expectations,
    };
    step::has_chains(&scenario, &mut problems, top.inner("at"));
    problems.or(scenario)
}

fn start(top: &Table, problems: &mut Problems) -> Wall {
    match top.item_of("start") {
        Some(Item::Time(Start::At(wall))) => *wall,
        Some(_) => {
            problems.add(
                top.place("start"),
                "a scenario begins at a fixed time, so that it is the same every time",
            );
            Wall::default()
        }
        None => parse_time(START).unwrap_or_default(),
    }
}

fn ack_mode(world: &Table, problems: &mut Problems) -> AckMode {
    let delay = world.span("ack-delay");
    let mode = world.text("ack-mode");
    if delay.is_some() && mode != Some("delay") {
        problems.add(world.place("ack-delay"), "`ack-delay` needs `ack-mode = \"delay\"`");
    }
    match mode {
        Some("delay") => AckMode::Delay(i64::try_from(millis(delay.unwrap_or_default())).unwrap_or(i64::MAX)),
        Some("manual") => AckMode::Manual,
        Some(_) | None => AckMode::AtOnce,
    }
}

fn required(table: &Table, key: &str, problems: &mut Problems) -> Option<String> {
    let text = table.owned(key);
    if !table.is_given(key) {
        problems.add(&table.place, format!("`{key}` is missing"));
    }
    text
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl Cx<'_> {
    fn add(&mut self, place: &Place, why: impl Into<String>) {
        self.problems.add(place, why);
    }

    /// The device that `device` names.
    fn device(&mut self, table: &Table) -> Option<usize> {
        let name = table.text("device")?;
        let at = self.devices.iter().position(|device| device.name == name);
        if at.is_none() {
            let hint = did_you_mean(name, self.devices.iter().map(|device| device.name.as_str()));
            self.add(table.place("device"), format!("no device is called `{name}`{hint}"));
        }
        at
    }

    /// A time within the run.
    fn time(&mut self, table: &Table, key: &str) -> Option<u64> {
        let at = millis(table.span(key)?);
        if at > self.until_ms {
            let end = Moment(self.until_ms);
            self.add(table.place(key), format!("`{key}` lies behind `until`, which is {end}"));
        }
        Some(at)
    }
}

/// `file:line:column`
fn printed(place: &Place) -> String {
    place.to_string()
}

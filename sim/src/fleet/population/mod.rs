//! Who is in a fleet: `config/populations/*.toml`, read and resolved.

mod keys;
mod possible;
mod reference;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use slpsim_agent::{Failure, ProfileId, TransportMode};
use slpsim_config::reader::{self, Checker, Item, Node, Source, Table, did_you_mean};
use slpsim_config::{Checks, Problems};
use slpsim_logs::Zone;
use slpsim_policy::numbers::INTERVAL_RANGE_DAYS;
use slpsim_policy::{Policy, Values};

use super::luck::whole;
pub use reference::reference;

/// A population, everything filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Population {
    /// What it is called.
    pub name: String,
    /// Devices boot for the first time within so many milliseconds.
    pub bring_up_ms: u64,
    /// Neighbours in number share a site.
    pub devices_per_site: u32,
    /// The policy of the account; absent: the Cisco default stays.
    pub policy: Option<Policy>,
    /// Models by share.
    pub models: Vec<(f64, Model)>,
    /// Zones of sites by share.
    pub zones: Vec<(f64, SiteZone)>,
    /// Transports by share.
    pub transports: Vec<(f64, TransportMode)>,
    /// Reporting intervals in days by share.
    pub intervals: Vec<(f64, u16)>,
    /// What is wrong with devices.
    pub troubles: Troubles,
    /// Kinds of outages.
    pub outages: Vec<OutageKind>,
    /// Devices whose own link comes and goes.
    pub flapping: Flapping,
    /// What happens to devices.
    pub life: Life,
    /// When people work.
    pub rhythm: Rhythm,
    /// Mean time from one companion message to the next in milliseconds: sparse, busy.
    pub companions_ms: [u64; 2],
}

/// A model of switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Model {
    /// Product id.
    pub pid: String,
    /// What it is.
    pub profile: ProfileId,
    /// Part of the host name.
    pub role: String,
    /// Positions in the profile's licences, in use from boot.
    pub licenses: Vec<u8>,
    /// Releases, the first one at boot.
    pub software: Vec<String>,
}

/// A zone in which sites lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteZone {
    /// The zone.
    pub zone: Zone,
    /// Beginnings of host names.
    pub cities: Vec<String>,
}

/// What is wrong with devices, as shares and times in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Troubles {
    /// No CSLU was ever there.
    pub never_cslu: f64,
    /// They never report.
    pub forgotten: f64,
    /// The clock is wrong for a time.
    pub wrong_clock: f64,
    /// By so many milliseconds.
    pub wrong_clock_by_ms: i64,
    /// For so long, in the mean.
    pub wrong_clock_for_ms: u64,
    /// The first token is a wrong one.
    pub token_mistake: f64,
    /// From boot to the first token, in the mean.
    pub token_after_ms: u64,
}

/// A kind of outage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutageKind {
    /// All sites at once.
    pub upstream: bool,
    /// What the devices see.
    pub trouble: Trouble,
    /// Which transports are hit.
    pub transports: Vec<TransportMode>,
    /// Mean time between two, in milliseconds.
    pub every_ms: u64,
    /// Median length, in milliseconds.
    pub lasts_ms: u64,
}

/// Devices whose own link comes and goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flapping {
    /// How many.
    pub share: f64,
    /// Mean time between two losses, in milliseconds.
    pub every_ms: u64,
    /// Median length, in milliseconds.
    pub lasts_ms: u64,
}

/// Mean times in milliseconds between two of a kind; 0: never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// A licence more or less in use.
    pub change_ms: u64,
    /// `license smart sync`.
    pub sync_ms: u64,
    /// A reload.
    pub reload_ms: u64,
    /// A reload with other software.
    pub upgrade_ms: u64,
    /// A new switch with the same host name.
    pub replace_ms: u64,
}

/// Weights against a working day's hours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rhythm {
    /// 18:00 to 8:00.
    pub night: f64,
    /// Saturday and Sunday.
    pub weekend: f64,
}

/// What devices see of an outage, by the words of a population file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The name does not resolve.
    Dns,
    /// Refused, or swallowed by a firewall.
    Unreachable,
    /// An expired certificate.
    Certificate,
    /// The server answers 404.
    NotFound,
    /// The server answers 503: maintenance.
    Maintenance,
    /// The proxy refuses.
    Proxy,
    /// The source interface has no address.
    NotReady,
    /// 2xx without a body.
    Empty,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Dns,
        Self::Unreachable,
        Self::Certificate,
        Self::NotFound,
        Self::Maintenance,
        Self::Proxy,
        Self::NotReady,
        Self::Empty,
    ];
    /// Their words, in the same order.
    pub const WORDS: &'static [&'static str] =
        &["dns", "unreachable", "certificate", "not-found", "maintenance", "proxy", "not-ready", "empty"];

    /// The word of a population file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// The one of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| trouble.word() == word)
    }

    /// How an exchange ends meanwhile (`spec/messages.md` §5).
    #[must_use]
    pub const fn failure(self) -> Failure {
        match self {
            Self::Dns => Failure::Resolve,
            Self::Unreachable => Failure::Unreachable,
            Self::Certificate => Failure::TlsCertificate,
            Self::NotFound => Failure::HttpStatus(404),
            Self::Maintenance => Failure::HttpStatus(503),
            Self::Proxy => Failure::Proxy,
            Self::NotReady => Failure::NotReady,
            Self::Empty => Failure::EmptyReply,
        }
    }
}

/// The populations that ship: name and text.
pub const SHIPPED: [(&str, &str); 3] = [
    ("steady", include_str!("../../../../config/populations/steady.toml")),
    ("reference", include_str!("../../../../config/populations/reference.toml")),
    ("storm", include_str!("../../../../config/populations/storm.toml")),
];

/// Reads a population.
///
/// # Errors
/// Everything that is wrong with `text`, each with its place.
pub fn parse(text: &str, name: &str) -> Result<Population, Problems> {
    let source = Arc::new(Source { name: name.into(), base: Path::new("").into() });
    let document: Node = reader::parse(&source, text)?;
    let mut problems = Problems::default();
    let checker = Checker { schema: &keys::SCHEMA, checks: &CHECKS };
    let Some(table) = reader::check(&document, checker, &mut problems) else { return Err(problems) };
    let population = Resolver { problems: &mut problems }.population(&table);
    possible::check(&table, &mut problems);
    problems.or(population)
}

/// Zones are read by the logs; sinks are no part of a population.
const CHECKS: Checks = Checks {
    zone: |text| text.parse::<Zone>().map(drop).map_err(|error| error.to_string()),
    sink: |_| Err("a population has no sinks".into()),
    store: |_| Err("a population has no store".into()),
};

/// Kinds of outages at most: the kind is a byte of what decides when one begins.
const OUTAGES_MAX: usize = 255;

struct Resolver<'a> {
    problems: &'a mut Problems,
}

impl Resolver<'_> {
    fn population(&mut self, table: &Table) -> Population {
        let name = self.required(table, "name");
        let models = table.inner("model").iter().map(|(_, model)| self.model(model)).collect::<Vec<_>>();
        if models.is_empty() {
            self.problems.add(&table.place, "a population needs at least one [[model]]");
        }
        if let Some((_, outage)) = table.inner("outage").get(OUTAGES_MAX) {
            self.problems
                .add(&outage.place, format!("a population has at most {OUTAGES_MAX} kinds of outages"));
        }
        Population {
            name,
            bring_up_ms: span(table, "bring-up", Duration::ZERO),
            devices_per_site: count(table, "devices-per-site", 200),
            policy: (table.text("policy") != Some("none"))
                .then(|| Policy::nxos("Example Policy", Values::of(60, 180, 60))),
            models,
            zones: self.zones(table),
            transports: self.transports(table),
            intervals: self.intervals(table),
            troubles: troubles(table.one("trouble")),
            outages: table.inner("outage").iter().map(|(_, outage)| self.outage(outage)).collect(),
            flapping: table.one("flapping").map(flapping).unwrap_or_default(),
            life: table.one("life").map(life).unwrap_or_default(),
            rhythm: Rhythm {
                night: share(table.one("rhythm"), "night", 1.0),
                weekend: share(table.one("rhythm"), "weekend", 1.0),
            },
            companions_ms: companions(table.one("companions")),
        }
    }

    fn required(&mut self, table: &Table, key: &str) -> String {
        table.owned(key).unwrap_or_else(|| {
            self.problems.add(&table.place, format!("`{key}` is missing"));
            String::new()
        })
    }

    fn model(&mut self, table: &Table) -> (f64, Model) {
        let profile = table.text("profile").and_then(ProfileId::by_name).unwrap_or_default();
        let licenses = match table.item_of("licenses") {
            Some(Item::Names(names)) => names.clone(),
            Some(_) | None => Vec::new(),
        };
        let mut rows = Vec::new();
        for name in &licenses {
            match profile.profile().license(name) {
                Some((at, _)) => rows.push(at),
                None => {
                    let known = profile.profile().licenses.iter().map(|license| license.name);
                    let hint = did_you_mean(name, known);
                    let message = format!("{} has no licence `{name}`{hint}", profile.profile().name);
                    self.problems.add(table.place("licenses"), message);
                }
            }
        }
        if licenses.is_empty() && !table.has("licenses") {
            rows.push(0);
        }
        let pid = self.required(table, "pid");
        if pid.len() > 23 || slpsim_agent::ids::Pid::new(&pid).is_err() {
            let message = "`pid` is a product id: 1 to 23 printable characters without blanks";
            self.problems.add(table.place("pid"), message);
        }
        let release = || vec![profile.profile().release.to_owned()];
        let model = Model {
            pid,
            profile,
            role: table.owned("role").unwrap_or_else(|| "leaf".into()),
            licenses: rows,
            software: names(table, "software").filter(|list| !list.is_empty()).unwrap_or_else(release),
        };
        (share(Some(table), "share", 1.0), model)
    }

    fn zones(&mut self, table: &Table) -> Vec<(f64, SiteZone)> {
        let zone = |(_, zone): &(String, Table)| {
            let name = zone.text("name").and_then(|text| text.parse().ok()).unwrap_or_default();
            let cities = names(zone, "cities").filter(|list| !list.is_empty());
            let cities = cities.unwrap_or_else(|| vec!["site".into()]);
            (share(Some(zone), "share", 1.0), SiteZone { zone: name, cities })
        };
        let zones: Vec<_> = table.inner("zone").iter().map(zone).collect();
        if zones.is_empty() {
            return vec![(1.0, SiteZone { zone: Zone::UTC, cities: vec!["site".into()] })];
        }
        zones
    }

    fn transports(&mut self, table: &Table) -> Vec<(f64, TransportMode)> {
        let mut shares = Vec::new();
        for (word, place, item) in table.one("transport").map_or(&[][..], |table| &table.free) {
            let Item::Share(share) = item else { continue };
            match transport(word) {
                Some(mode) => shares.push((*share, mode)),
                None => {
                    let hint = did_you_mean(word, TransportMode::ALL.map(TransportMode::keyword));
                    self.problems.add(place, format!("unknown transport `{word}`{hint}"));
                }
            }
        }
        if shares.is_empty() { vec![(1.0, TransportMode::Cslu)] } else { shares }
    }

    fn intervals(&mut self, table: &Table) -> Vec<(f64, u16)> {
        let mut shares = Vec::new();
        for (word, place, item) in table.one("interval").map_or(&[][..], |table| &table.free) {
            let Item::Share(share) = item else { continue };
            match word.parse::<u16>().ok().filter(|days| INTERVAL_RANGE_DAYS.contains(days)) {
                Some(days) => shares.push((*share, days)),
                None => {
                    let (from, to) = (INTERVAL_RANGE_DAYS.start(), INTERVAL_RANGE_DAYS.end());
                    self.problems.add(place, format!("`{word}` is no interval: days from {from} to {to}"));
                }
            }
        }
        if shares.is_empty() { vec![(1.0, 30)] } else { shares }
    }

    fn outage(&mut self, table: &Table) -> OutageKind {
        let mut transports = Vec::new();
        for word in names(table, "transports").unwrap_or_default() {
            match transport(&word) {
                Some(mode) => transports.push(mode),
                None => {
                    let hint = did_you_mean(&word, TransportMode::ALL.map(TransportMode::keyword));
                    self.problems.add(table.place("transports"), format!("unknown transport `{word}`{hint}"));
                }
            }
        }
        if !table.has("transports") {
            transports = vec![TransportMode::Cslu, TransportMode::Smart, TransportMode::Callhome];
        }
        for key in ["every", "lasts"] {
            if table.span(key).is_none_or(|span| span < MINUTE) {
                self.problems.add(table.place(key), format!("`{key}` of an [[outage]] is at least 1m"));
            }
        }
        OutageKind {
            upstream: table.text("scope") == Some("upstream"),
            trouble: table.text("failure").and_then(Trouble::by_word).unwrap_or(Trouble::Unreachable),
            transports,
            every_ms: span(table, "every", MINUTE).max(60_000),
            lasts_ms: span(table, "lasts", MINUTE).max(60_000),
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

fn transport(word: &str) -> Option<TransportMode> {
    TransportMode::ALL.into_iter().find(|mode| mode.keyword() == word)
}

fn names(table: &Table, key: &str) -> Option<Vec<String>> {
    match table.item_of(key) {
        Some(Item::Names(names)) => Some(names.clone()),
        Some(_) | None => None,
    }
}

fn share(table: Option<&Table>, key: &str, default: f64) -> f64 {
    match table.and_then(|table| table.item_of(key)) {
        Some(Item::Share(share)) => *share,
        Some(_) | None => default,
    }
}

fn count(table: &Table, key: &str, default: u32) -> u32 {
    table.count(key).and_then(|count| u32::try_from(count).ok()).unwrap_or(default)
}

/// In milliseconds.
fn span(table: &Table, key: &str, default: Duration) -> u64 {
    whole(table.span(key).unwrap_or(default).as_secs_f64() * 1000.0)
}

fn troubles(table: Option<&Table>) -> Troubles {
    let span = |key, default| table.map_or(default, |table| span(table, key, Duration::from_millis(default)));
    let by = match table.and_then(|table| table.item_of("wrong-clock-by")) {
        Some(Item::SignedSpan(millis)) => *millis,
        Some(_) | None => 3 * 3_600_000,
    };
    Troubles {
        never_cslu: share(table, "never-cslu", 0.0),
        forgotten: share(table, "forgotten", 0.0),
        wrong_clock: share(table, "wrong-clock", 0.0),
        wrong_clock_by_ms: by,
        wrong_clock_for_ms: span("wrong-clock-for", 10 * 86_400_000),
        token_mistake: share(table, "token-mistake", 0.0),
        token_after_ms: span("token-after", 2 * 3_600_000),
    }
}

fn flapping(table: &Table) -> Flapping {
    Flapping {
        share: share(Some(table), "share", 0.0),
        every_ms: span(table, "every", Duration::from_secs(10 * 86_400)).max(60_000),
        lasts_ms: span(table, "lasts", Duration::from_secs(20 * 60)).max(1_000),
    }
}

fn life(table: &Table) -> Life {
    let mean = |key| span(table, key, Duration::ZERO);
    Life {
        change_ms: mean("change-every"),
        sync_ms: mean("sync-every"),
        reload_ms: mean("reload-every"),
        upgrade_ms: mean("upgrade-every"),
        replace_ms: mean("replace-every"),
    }
}

fn companions(table: Option<&Table>) -> [u64; 2] {
    let mean = |key, default: u64| {
        table.map_or(default, |table| span(table, key, Duration::from_millis(default))).max(1_000)
    };
    [mean("sparse-every", 12 * 3_600_000), mean("busy-every", 20 * 60_000)]
}

#[cfg(test)]
mod tests;

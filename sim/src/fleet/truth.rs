//! The ground truth of a fleet: what caused a line, in words, with the incident and the rule.

use slpsim_agent::messages::Kind;

use super::cast::Cast;
use super::line::{Cause, Record};
use super::seat::{Flap, clock_right_ms};
use super::weather::{Opened, Weather};

/// What caused a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Something that began and ended and may have caused many lines; absent where a line stands by itself.
    pub incident: Option<Incident>,
    /// In words.
    pub cause: String,
    /// The rule by which the line followed, as a section of the reference.
    pub rule: &'static str,
}

/// Something that began and ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Incident {
    /// Names it within the run.
    pub id: String,
    /// What it was.
    pub what: String,
    /// The site, where it was one of a site; `*` for all.
    pub site: String,
    /// The device, where it was one of a single one.
    pub device: Option<String>,
    /// When it began, in milliseconds since the start.
    pub from_ms: u64,
    /// When it was over; absent: never.
    pub to_ms: Option<u64>,
}

/// Explains lines of a fleet.
#[derive(Clone, Debug)]
pub struct Truth {
    weather: Weather,
    /// Outages that were opened by hand.
    pub opened: Vec<Opened>,
}

impl Truth {
    /// That of a fleet with this cast.
    #[must_use]
    pub fn of(cast: &Cast) -> Self {
        Self { weather: Weather::new(cast.luck, &cast.population.outages, 0), opened: Vec::new() }
    }

    /// An outage that was opened by hand ends at that time, where it had not ended by itself before; as it is now, where
    /// that changes anything.
    pub fn close(&mut self, cast: &Cast, id: u32, at_ms: u64) -> Option<Incident> {
        let opened = self.opened.iter_mut().find(|one| one.id == id && one.to_ms > at_ms)?;
        opened.to_ms = at_ms.max(opened.from_ms);
        self.by_hand(cast, id)
    }

    fn by_hand(&self, cast: &Cast, id: u32) -> Option<Incident> {
        let opened = self.opened.iter().find(|one| one.id == id)?;
        Some(Incident {
            id: format!("opened-{id}"),
            what: format!("an outage opened by hand: {}", opened.failure),
            site: opened.site.map_or("*", |site| cast.site_name(site)).into(),
            device: None,
            from_ms: opened.from_ms,
            to_ms: Some(opened.to_ms),
        })
    }

    /// What caused a line.
    #[must_use]
    pub fn explain(&self, cast: &Cast, record: &Record) -> Explained {
        let incident = self.incident(cast, record);
        let brought = match record.kind() {
            Some(Kind::TrustCodeInstallSuccess) => "the answer brought a trust code",
            Some(Kind::PolicyInstallSuccess) => "the answer brought a policy",
            Some(_) | None => "this came of the answer",
        };
        let cause = match (&incident, record.cause) {
            (Some(incident), _) if record.kind() == Some(Kind::CommRestored) => {
                format!("the first answer since this was over: {}", incident.what)
            }
            (Some(incident), _) => incident.what.clone(),
            (None, Cause::Schedule) => "a reminder of the ACK deadline fell due".into(),
            (None, Cause::Boot(n)) => format!("the switch started, for the {} time", nth(n)),
            (None, Cause::Companion) => "not of the licensing agent: decoration (--companions)".into(),
            (None, Cause::Operator(_)) => format!("an operator typed `license smart sync`; {brought}"),
            (None, Cause::Token) => format!("an operator entered an id token; {brought}"),
            (None, Cause::Mistyped) => "an operator mistyped the id token".into(),
            (None, Cause::Acknowledged) => format!("the peer acknowledged a usage report; {brought}"),
            (None, Cause::Sync) => format!("the agent synchronised its trust with the peer; {brought}"),
            (
                None,
                Cause::SiteOutage(..)
                | Cause::UpstreamOutage(..)
                | Cause::Flap(_)
                | Cause::NeverCslu
                | Cause::Clock
                | Cause::Opened(_),
            ) => "an outage".into(),
        };
        Explained { incident, cause, rule: rule(record) }
    }

    fn incident(&self, cast: &Cast, record: &Record) -> Option<Incident> {
        let device = record.key.device;
        let site = cast.site(device);
        let host = || Some(cast.host(device));
        let single = |id: String, what: String, from_ms, to_ms| Incident {
            id,
            what,
            site: cast.site_name(site).into(),
            device: host(),
            from_ms,
            to_ms,
        };
        match record.cause {
            Cause::SiteOutage(kind, n) | Cause::UpstreamOutage(kind, n) => {
                let (spell, outage) = self.weather.of(site, record.cause)?;
                let at = if outage.upstream { "*" } else { cast.site_name(site) };
                let word = outage.trouble.word();
                Some(Incident {
                    id: format!("{at}-{word}{kind}-{n}"),
                    what: format!("outage ({word}): {}", outage.trouble.failure()),
                    site: at.into(),
                    device: None,
                    from_ms: spell.from_ms,
                    to_ms: Some(spell.to_ms),
                })
            }
            Cause::Flap(n) => {
                let mut flap = Flap::first(cast, device);
                while flap.n < n {
                    flap = flap.next(cast, device);
                }
                let id = format!("{}-link-{n}", cast.host(device));
                let what = "the link of the switch itself was down".into();
                Some(single(id, what, flap.from_ms, Some(flap.to_ms)))
            }
            Cause::NeverCslu => {
                let id = format!("{}-no-cslu", cast.host(device));
                let what = "no CSLU was ever there: the name cslu-local does not resolve".into();
                Some(single(id, what, cast.boot_ms(device), None))
            }
            Cause::Clock => {
                let id = format!("{}-clock", cast.host(device));
                let what = format!("the clock of the switch was {}", off(record.clock_s));
                Some(single(id, what, cast.boot_ms(device), clock_right_ms(cast, device)))
            }
            Cause::Opened(id) => self.by_hand(cast, id),
            Cause::Schedule
            | Cause::Boot(_)
            | Cause::Operator(_)
            | Cause::Token
            | Cause::Mistyped
            | Cause::Acknowledged
            | Cause::Sync
            | Cause::Companion => None,
        }
    }
}

/// By how much a clock is wrong, in words.
fn off(seconds: i32) -> String {
    let by = seconds.unsigned_abs();
    let (by, unit) = match by {
        by if by.is_multiple_of(86_400) => (by / 86_400, "d"),
        by if by.is_multiple_of(3_600) => (by / 3_600, "h"),
        by => (by, "s"),
    };
    format!("{by}{unit} {}", if seconds < 0 { "slow" } else { "fast" })
}

fn nth(n: u32) -> String {
    match n {
        1 => "first".into(),
        2 => "second".into(),
        3 => "third".into(),
        n => format!("{n}th"),
    }
}

/// The rule by which a message follows.
fn rule(record: &Record) -> &'static str {
    match record.said.kind() {
        Some(_) if record.cause == Cause::Clock => "behaviour.md §9",
        Some(Kind::CommFailed) => "behaviour.md §7.2",
        Some(Kind::CommRestored) => "behaviour.md §7.2, messages.md §1 row 4",
        Some(Kind::ReportingRequired) => "behaviour.md §3.3, messages.md §1 row 11",
        Some(Kind::TrustCodeInstallSuccess | Kind::TrustCodeInstallFailed) => "behaviour.md §6",
        Some(Kind::PolicyInstallSuccess | Kind::PolicyRemoved) => "behaviour.md §2.3",
        Some(Kind::PolicyInstallFailed) => "behaviour.md §9",
        Some(Kind::ReportingNotSupported) => "behaviour.md §13",
        Some(
            Kind::AuthorizationInstallFailed | Kind::AuthorizationInstallSuccess | Kind::AuthorizationRemoved,
        ) => "formats.md §6",
        None => "logs.md §11",
    }
}

//! Faults of a live server: what `POST faults` takes, and which one hits an exchange.
//!
//! Words, defaults and meanings are those of the fault table ([`slpsim_transport::fault`]). A fault wraps an exchange; the
//! rules know nothing of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use slpsim_agent::{Purpose, Udi};
use slpsim_policy::Wall;
use slpsim_transport::fault::{
    self, Distribution, Effect, Kind, Meets, Place, Plan, ReportWhy, Spec, Standing, TokenWhy, Verdict, Wrong,
};

use crate::draw::{For, Luck, key};
use crate::exchange::Steer;
use crate::rule::Rule;
use crate::span;

/// A fault as an operator writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FaultSpec {
    /// Which: a word of the fault table that a live mock takes ([`Kind::WORDS`], [`Place::Live`]).
    pub kind: String,
    /// How long, by the server's clock, from now on, such as `6h`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
    /// The next so many exchanges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Only once so many exchanges have passed that it could have hit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Every so manyth exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// With this probability, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Its delay or its share grows from nothing in so long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<String>,
    /// In force for so long, then not for `off`, and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// See `on`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<String>,
    /// `latency`, `slow`, `dribble`: how `by` varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// By how much, for distributions that have a spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<String>,
    /// Only these: UDIs in any spelling, or serial numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
    /// Only exchanges of this purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// `http-status`: which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `http-status`, `quota`, `maintenance`: seconds of the header `Retry-After`, or of `retry_time_seconds`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// `late-ack`, `latency`, `slow`, `dribble`, `policy-bad-time`: by how much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// `token-refused`: `unknown`, `expired`, `revoked`, `used-up`, `account`, `connection`; `reject-report`: a reason
    /// word of `spec/formats.md` §3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl FaultSpec {
    /// One of that kind with all defaults.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self {
            kind: kind.word().into(),
            span: None,
            next: None,
            after: None,
            every: None,
            probability: None,
            ramp: None,
            on: None,
            off: None,
            distribution: None,
            spread: None,
            devices: Vec::new(),
            purpose: None,
            status: None,
            retry_after: None,
            by: None,
            why: None,
        }
    }

    /// Whether it can begin.
    ///
    /// # Errors
    /// Says what is wrong, and with which key.
    pub fn check(&self) -> Result<(), Wrong> {
        self.read().map(drop)
    }

    /// What it means.
    fn read(&self) -> Result<fault::Fault, Wrong> {
        let kind = Kind::by_word(&self.kind).ok_or_else(|| wrong("kind", Kind::no_such(&self.kind)))?;
        if !kind.row().places.contains(&Place::Live) {
            let word = kind.word();
            let why = format!(
                "{word} happens at the device or on the way, not in a server; give it to the device's network"
            );
            return Err(wrong("kind", why));
        }
        let purpose = match self.purpose.as_deref() {
            None => None,
            Some(word) => Some(Purpose::by_word(word).ok_or_else(|| {
                let words = Purpose::ALL.map(Purpose::word).join(", ");
                wrong("purpose", format!("no purpose is called {word:?}; there are {words}"))
            })?),
        };
        let distribution = match self.distribution.as_deref() {
            None => None,
            Some(word) => Some(Distribution::by_word(word).ok_or_else(|| {
                let words = Distribution::WORDS.join(", ");
                wrong("distribution", format!("no distribution is called {word:?}; there are {words}"))
            })?),
        };
        let by = self.by.as_deref().map(|text| span::parse(text, true)).transpose();
        let spec = Spec {
            span: Some(Duration::from_millis(self.ttl_ms()?)),
            next: self.next,
            after: self.after,
            every: self.every,
            probability: self.probability,
            ramp: span_of("ramp", self.ramp.as_deref())?,
            on: span_of("on", self.on.as_deref())?,
            off: span_of("off", self.off.as_deref())?,
            distribution,
            spread: span_of("spread", self.spread.as_deref())?,
            devices: self.devices.clone(),
            purpose,
            status: self.status,
            retry_after_s: self.retry_after,
            by_ms: by.map_err(|why| wrong("by", why))?,
            why: self.why.clone(),
            ..Spec::of(kind)
        };
        fault::Fault::resolve(spec)
    }

    fn ttl_ms(&self) -> Result<u64, Wrong> {
        Ok(match (&self.span, self.next) {
            (Some(text), _) => span::parse(text, false).map_err(|why| wrong("for", why))?.unsigned_abs(),
            (None, Some(_)) => DEFAULT_TTL_NEXT_MS.unsigned_abs(),
            (None, None) => DEFAULT_TTL_MS.unsigned_abs(),
        })
    }
}

fn wrong(key: &'static str, why: String) -> Wrong {
    Wrong { key: Some(key), why }
}

fn span_of(key: &'static str, text: Option<&str>) -> Result<Option<Duration>, Wrong> {
    let millis = text.map(|text| span::parse(text, false)).transpose().map_err(|why| wrong(key, why))?;
    Ok(millis.map(|millis| Duration::from_millis(millis.unsigned_abs())))
}

/// What a fault does to the exchange that it hits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Struck {
    /// Its number.
    pub id: u64,
    /// Its kind.
    pub kind: Kind,
    /// What it does.
    pub effect: Effect,
    /// Seconds of `Retry-After` beside an HTTP status.
    pub retry_after_s: Option<u32>,
}

/// What the mock's own rules carry out of an effect.
#[must_use]
pub fn steer(effect: Option<Effect>) -> Steer {
    let mut steer = Steer::default();
    let Some(Effect::Decided(verdict)) = effect else { return steer };
    match verdict {
        Verdict::TryAgain(seconds) => steer.try_again_s = Some(seconds),
        Verdict::LateAck(by) => {
            steer.late_ack_ms = Some(i64::try_from(by.as_millis()).unwrap_or(i64::MAX));
        }
        Verdict::ForeignAck => steer.foreign_ack = true,
        Verdict::RejectReport(why) => {
            steer.reject_reports = Some(match why {
                ReportWhy::Signature => Rule::ReportSignature,
                ReportWhy::Timestamp => Rule::ReportTimestamp,
                ReportWhy::Device => Rule::ReportDevice,
            });
        }
        Verdict::TokenRefused(why) => {
            steer.refuse_token = Some(match why {
                TokenWhy::Unknown => Rule::TokenUnknown,
                TokenWhy::Expired => Rule::TokenExpired,
                TokenWhy::Revoked => Rule::TokenRevoked,
                TokenWhy::UsedUp => Rule::TokenUsedUp,
                TokenWhy::Account => Rule::OtherAccount,
                TokenWhy::Connection => Rule::TokenConnection,
                TokenWhy::Installed => Rule::NodeLock,
            });
        }
    }
    steer
}

/// A fault that is in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Its number.
    pub id: u64,
    /// As it was written.
    pub spec: FaultSpec,
    /// When it began.
    pub began: Wall,
    /// When it ends at the latest; not in force at that time any more.
    pub until: Wall,
    /// How many more exchanges it hits.
    pub left: Option<u64>,
    /// How many exchanges it met.
    pub met: u64,
    /// How many it hit.
    pub hit: u64,
}

/// Without `for`, in milliseconds: a live fault reverts by itself (modelled).
pub const DEFAULT_TTL_MS: i64 = 3_600_000;
/// Without `for` but with `next`, in milliseconds (modelled).
pub const DEFAULT_TTL_NEXT_MS: i64 = 7 * 86_400_000;

/// The faults that are in force, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    plan: Plan,
    /// As they were written, by number.
    written: BTreeMap<u64, FaultSpec>,
    /// Counts up with every change.
    changes: u64,
}

impl Faults {
    /// Begins one. Its number.
    ///
    /// # Errors
    /// One line that says what is wrong with `spec`.
    pub fn begin(&mut self, spec: FaultSpec, now: Wall, limit: usize) -> Result<u64, String> {
        if self.written.len() >= limit {
            return Err(format!("{limit} faults are in force already; delete some"));
        }
        let id = self.plan.begin(spec.read().map_err(|wrong| wrong.why)?, now);
        self.written.insert(id, spec);
        self.changes += 1;
        Ok(id)
    }

    /// Takes one as it stood somewhere else, or before a restart; one of that number is replaced.
    ///
    /// # Errors
    /// As [`Faults::begin`].
    pub(crate) fn put(&mut self, fault: Fault, limit: usize) -> Result<(), String> {
        if self.written.len() >= limit && !self.written.contains_key(&fault.id) {
            return Err(format!("{limit} faults are in force already; delete some"));
        }
        self.plan.put(Standing {
            number: fault.id,
            fault: &fault.spec.read().map_err(|wrong| wrong.why)?,
            began: fault.began,
            until: Some(fault.until),
            left: fault.left,
            met: fault.met,
            hit: fault.hit,
        });
        self.written.insert(fault.id, fault.spec);
        self.changes += 1;
        Ok(())
    }

    /// Differs from what it was after every change.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }

    /// Ends those whose time is over; their numbers.
    pub fn expire(&mut self, now: Wall) -> Vec<u64> {
        if self.written.is_empty() {
            return Vec::new();
        }
        self.plan.expire(now);
        let left: Vec<u64> = self.plan.active().map(|(id, _)| id).collect();
        let ended: Vec<u64> = self.written.keys().copied().filter(|id| !left.contains(id)).collect();
        for id in &ended {
            self.written.remove(id);
            self.changes += 1;
        }
        ended
    }

    /// Ends one. Whether it was there.
    pub fn end(&mut self, id: u64) -> bool {
        self.written.remove(&id);
        self.changes += 1;
        self.plan.end(id)
    }

    /// Ends all; how many there were.
    pub fn clear(&mut self) -> usize {
        let ids: Vec<u64> = self.written.keys().copied().collect();
        ids.into_iter().filter(|id| self.end(*id)).count()
    }

    /// Those in force.
    #[must_use]
    pub fn active(&self) -> Vec<Fault> {
        let standing = self.plan.standing().filter_map(|standing| {
            Some(Fault {
                id: standing.number,
                spec: self.written.get(&standing.number)?.clone(),
                began: standing.began,
                until: standing.until?,
                left: standing.left,
                met: standing.met,
                hit: standing.hit,
            })
        });
        standing.collect()
    }

    /// How many are in force.
    #[must_use]
    pub fn count(&self) -> usize {
        self.written.len()
    }

    /// Whether a fault in force is for certain devices, and for this one.
    #[must_use]
    pub fn names(&self, udi: &Udi) -> bool {
        self.written.values().any(|spec| names(&spec.devices, udi))
    }

    /// The fault that hits this exchange: of those that fit it, the one that began last (`spec/behaviour.md` §7.5).
    /// One that lets this exchange pass (`every`, `probability`) leaves it to the one before.
    pub fn strike(
        &mut self,
        at: Wall,
        device: Option<&Udi>,
        purpose: Option<Purpose>,
        luck: Luck,
    ) -> Option<Struck> {
        if self.plan.is_empty() {
            return None;
        }
        self.changes += 1;
        let is_called = |name: &str| device.is_some_and(|udi| is_called(name, udi));
        let who = device.map_or(0, key);
        let draw = |id: u64, met: u64| luck.number(who ^ id.rotate_left(32), For::Fault, met);
        // What happens on the way to a server is not begun here.
        let meets = Meets { at, purpose, by_name: true, tls: true, is_called: &is_called };
        let (id, effect) = self.plan.strike(&meets, &draw)?;
        let (_, fault) = self.plan.active().find(|(number, _)| *number == id)?;
        Some(Struck { id, kind: fault.spec.kind, effect, retry_after_s: fault.retry_after_s() })
    }
}

/// Whether a list of UDIs in any spelling or serial numbers names `udi`.
pub(crate) fn names(list: &[String], udi: &Udi) -> bool {
    list.iter().any(|text| is_called(text, udi))
}

/// Whether `text` is `udi` in any of its spellings (`spec/messages.md` §4), or its serial number.
#[must_use]
pub fn is_called(text: &str, udi: &Udi) -> bool {
    text == udi.serial.as_str() || udi_of(text).is_some_and(|named| named == *udi)
}

/// A UDI in one of the spellings of `spec/messages.md` §4.
#[must_use]
pub fn udi_of(text: &str) -> Option<Udi> {
    let (pid, serial) = text.split_once(',')?;
    let pid = pid.strip_prefix("PID:").or_else(|| pid.strip_prefix("P:"))?;
    let serial = serial.strip_prefix("SN:").or_else(|| serial.strip_prefix("S:"))?;
    Udi::new(pid, serial).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Wall = Wall::from_secs(1_772_445_600);

    fn udi(n: u32) -> Udi {
        Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap()
    }

    fn spec(json: &str) -> FaultSpec {
        serde_json::from_str(json).unwrap()
    }

    fn begin(faults: &mut Faults, json: &str) -> u64 {
        faults.begin(spec(json), NOW, 10).unwrap()
    }

    #[test]
    fn of_several_faults_the_one_that_began_last_decides() {
        let mut faults = Faults::default();
        begin(&mut faults, r#"{"kind": "stall", "for": "1h"}"#);
        let second = begin(&mut faults, r#"{"kind": "http-status", "status": 404, "next": 1}"#);
        let mut strike = || faults.strike(NOW, Some(&udi(1)), Some(Purpose::Usage), Luck::seeded(1));
        let first = strike().unwrap();
        assert_eq!((first.id, first.kind, first.retry_after_s), (second, Kind::HttpStatus, None));
        assert_eq!(strike().map(|struck| struck.kind), Some(Kind::Stall));
    }

    #[test]
    fn a_fault_is_half_open_and_ends_by_the_earlier_limit() {
        let mut faults = Faults::default();
        begin(&mut faults, r#"{"kind": "empty", "for": "1m", "next": 100}"#);
        let strike = |faults: &mut Faults, at| faults.strike(at, None, None, Luck::seeded(1)).is_some();
        assert!(strike(&mut faults, NOW));
        assert!(strike(&mut faults, NOW.plus_millis(59_999)));
        assert!(!strike(&mut faults, NOW.plus_millis(60_000)));
        assert_eq!(faults.expire(NOW.plus_millis(60_000)), [1]);
        assert!(faults.active().is_empty());
    }

    #[test]
    fn a_fault_without_an_end_reverts_by_itself() {
        let mut faults = Faults::default();
        begin(&mut faults, r#"{"kind": "reset"}"#);
        assert!(faults.strike(NOW.plus_millis(DEFAULT_TTL_MS - 1), None, None, Luck::seeded(1)).is_some());
        assert!(faults.strike(NOW.plus_millis(DEFAULT_TTL_MS), None, None, Luck::seeded(1)).is_none());
    }

    #[test]
    fn a_fault_hits_the_devices_purposes_and_shares_that_it_names() {
        let mut faults = Faults::default();
        begin(
            &mut faults,
            r#"{"kind": "reset", "devices": ["FDO00000001", "P:N9K-C93180YC-FX3,S:FDO00000002"], "purpose": "poll"}"#,
        );
        for (n, purpose, expected) in [
            (1, Purpose::Poll, true),
            (2, Purpose::Poll, true),
            (3, Purpose::Poll, false),
            (1, Purpose::Usage, false),
        ] {
            let hit = faults.strike(NOW, Some(&udi(n)), Some(purpose), Luck::seeded(1)).is_some();
            assert_eq!(hit, expected, "device {n}, {purpose:?}");
        }
        let mut faults = Faults::default();
        begin(&mut faults, r#"{"kind": "reset", "every": 3}"#);
        let hits: Vec<bool> =
            (0..6).map(|_| faults.strike(NOW, None, None, Luck::seeded(1)).is_some()).collect();
        assert_eq!(hits, [false, false, true, false, false, true]);
        let mut faults = Faults::default();
        begin(&mut faults, r#"{"kind": "reset", "probability": 0.25}"#);
        let hits = (0..4000).filter(|_| faults.strike(NOW, None, None, Luck::seeded(1)).is_some()).count();
        assert!((850..1150).contains(&hits), "{hits}");
    }

    #[test]
    fn what_cannot_be_a_fault_is_refused_with_one_line() {
        for json in [
            r#"{"kind": "nonsense"}"#,
            r#"{"kind": "dns-timeout"}"#,
            r#"{"kind": "reset", "next": 0}"#,
            r#"{"kind": "reset", "every": 0}"#,
            r#"{"kind": "reset", "probability": 1.5}"#,
            r#"{"kind": "reset", "for": "soon"}"#,
            r#"{"kind": "reset", "purpose": "lunch"}"#,
            r#"{"kind": "http-status", "status": 99}"#,
            r#"{"kind": "reject-report", "why": "BAD_MOOD"}"#,
            r#"{"kind": "token-refused", "why": "mood"}"#,
            r#"{"kind": "late-ack", "by": "-1h"}"#,
        ] {
            let refusal = Faults::default().begin(spec(json), NOW, 10).unwrap_err();
            assert!(!refusal.is_empty() && !refusal.contains('\n'), "{json}: {refusal}");
        }
        assert!(serde_json::from_str::<FaultSpec>(r#"{"kind": "reset", "fore": "1h"}"#).is_err());
        assert!(Faults::default().begin(spec(r#"{"kind": "reset"}"#), NOW, 0).is_err());
    }

    #[test]
    fn every_kind_that_the_table_gives_to_a_live_mock_can_begin_and_no_other() {
        for kind in Kind::ALL {
            let begun = Faults::default().begin(FaultSpec::of(kind), NOW, 10);
            assert_eq!(begun.is_ok(), kind.row().places.contains(&Place::Live), "{}", kind.word());
        }
        let refused = Faults::default().begin(spec(r#"{"kind": "unreachble"}"#), NOW, 10).unwrap_err();
        assert_eq!(refused, "no fault is called `unreachble`; did you mean `unreachable`?");
    }

    #[test]
    fn shapes_are_those_of_the_table_and_a_quota_comes_with_its_header() {
        let mut faults = Faults::default();
        begin(&mut faults, r#"{"kind": "quota", "after": 1, "next": 1}"#);
        let mut strike = || faults.strike(NOW, None, None, Luck::seeded(1));
        assert_eq!(strike(), None);
        assert_eq!(strike().and_then(|struck| struck.retry_after_s), Some(60));
        assert_eq!(strike(), None);
        for json in [
            r#"{"kind": "latency", "distribution": "bell"}"#,
            r#"{"kind": "reset", "on": "1m"}"#,
            r#"{"kind": "reset", "ramp": "0s"}"#,
        ] {
            assert!(Faults::default().begin(spec(json), NOW, 10).is_err(), "{json}");
        }
        let delayed =
            r#"{"kind": "latency", "by": "1s", "distribution": "uniform", "spread": "500ms", "ramp": "1h"}"#;
        assert!(Faults::default().begin(spec(delayed), NOW, 10).is_ok());
    }
}

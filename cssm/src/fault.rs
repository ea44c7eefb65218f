//! Faults of a live server: what `POST faults` takes, and which one hits an exchange.
//!
//! The words are those of the fault table (`interface.md` §6). A fault wraps an exchange; the rules know nothing of it.

use serde::{Deserialize, Serialize};
use slpsim_agent::{Purpose, Udi};
use slpsim_policy::Wall;

use crate::draw::{For, Luck, key};
use crate::exchange::Steer;
use crate::rule::Rule;
use crate::span;

/// A fault as an operator writes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FaultSpec {
    /// Which: a word of [`FaultKind::WORDS`].
    pub kind: String,
    /// How long, by the server's clock, from now on, such as `6h`.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub span: Option<String>,
    /// The next so many exchanges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Every so manyth exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// With this probability, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
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

/// What a fault does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The connection is closed without an answer, before anything is done.
    Drop,
    /// Nothing is answered until the client gives up.
    Stall,
    /// The answer comes later.
    Late(i64),
    /// The answer comes byte by byte, over this time.
    Dribble(i64),
    /// Another HTTP status, with `Retry-After`.
    Status(u16, Option<u32>),
    /// `OK_TRY_AGAIN`, with these seconds.
    TryAgain(u32),
    /// 200 without a body.
    Empty,
    /// The first half of the answer.
    Truncated,
    /// Some bytes of the answer are others.
    Corrupt,
    /// More bytes than a message may have.
    Oversized,
    /// Another nonce.
    WrongNonce,
    /// A signature that does not verify.
    BadSignature,
    /// Signed by somebody else.
    WrongSigner,
    /// The answer to the device's exchange before.
    Replayed,
    /// Everything is done, but the answer to a poll is lost.
    LostAck,
    /// ACKs are ready so much later.
    LateAck(i64),
    /// The ACK names reports that are not the device's.
    ForeignAck,
    /// Reports are answered `REJECTED`.
    RejectReport(Rule),
    /// The policy's signature does not verify.
    PolicyBadSignature,
    /// The policy was issued so much later (negative: earlier) than now.
    PolicyBadTime(i64),
    /// Tokens are refused.
    TokenRefused(Rule),
}

impl FaultKind {
    /// The words that a live server takes.
    pub const WORDS: [&'static str; 25] = [
        "unreachable",
        "reset",
        "stall",
        "slow",
        "latency",
        "dribble",
        "http-status",
        "quota",
        "maintenance",
        "try-again",
        "empty",
        "truncated",
        "corrupt",
        "oversized",
        "wrong-nonce",
        "bad-signature",
        "wrong-signer",
        "replayed",
        "lost-ack",
        "late-ack",
        "foreign-ack",
        "reject-report",
        "policy-bad-signature",
        "policy-bad-time",
        "token-refused",
    ];
    /// Words of the table for faults that happen at the device or on its way to the server.
    pub const ELSEWHERE: [&'static str; 10] = [
        "dns-nxdomain",
        "dns-servfail",
        "dns-timeout",
        "tls-expired",
        "tls-not-yet-valid",
        "tls-wrong-name",
        "tls-unknown-ca",
        "tls-closed",
        "proxy-auth",
        "proxy-unreachable",
    ];

    fn read(spec: &FaultSpec) -> Result<Self, String> {
        let by = |default: i64, signed: bool| {
            spec.by.as_deref().map_or(Ok(default), |text| span::parse(text, signed))
        };
        Ok(match spec.kind.as_str() {
            "unreachable" | "reset" => Self::Drop,
            "stall" => Self::Stall,
            "slow" => Self::Late(by(5_000, false)?),
            "latency" => Self::Late(by(200, false)?),
            "dribble" => Self::Dribble(by(10_000, false)?),
            "http-status" => Self::Status(http_status(spec.status)?, spec.retry_after),
            "quota" => Self::Status(429, Some(spec.retry_after.unwrap_or(60))),
            "maintenance" => Self::Status(503, Some(spec.retry_after.unwrap_or(3600))),
            "try-again" => Self::TryAgain(spec.retry_after.unwrap_or(0)),
            "empty" => Self::Empty,
            "truncated" => Self::Truncated,
            "corrupt" => Self::Corrupt,
            "oversized" => Self::Oversized,
            "wrong-nonce" => Self::WrongNonce,
            "bad-signature" => Self::BadSignature,
            "wrong-signer" => Self::WrongSigner,
            "replayed" => Self::Replayed,
            "lost-ack" => Self::LostAck,
            "late-ack" => Self::LateAck(by(3_600_000, false)?),
            "foreign-ack" => Self::ForeignAck,
            "reject-report" => Self::RejectReport(report_reason(spec.why.as_deref())?),
            "policy-bad-signature" => Self::PolicyBadSignature,
            "policy-bad-time" => Self::PolicyBadTime(by(2 * 3_600_000, true)?),
            "token-refused" => Self::TokenRefused(token_reason(spec.why.as_deref())?),
            other if Self::ELSEWHERE.contains(&other) => {
                return Err(format!(
                    "{other} happens at the device or on the way, not in a server; give it to the device's network"
                ));
            }
            other => {
                return Err(format!("no fault is called {other:?}; there are {}", Self::WORDS.join(", ")));
            }
        })
    }
}

fn http_status(status: Option<u16>) -> Result<u16, String> {
    match status.unwrap_or(503) {
        status @ (200..=599) => Ok(status),
        other => Err(format!("status {other} is no HTTP status from 200 to 599")),
    }
}

fn report_reason(why: Option<&str>) -> Result<Rule, String> {
    match why.unwrap_or("SIGNATURE_MISMATCH") {
        "SIGNATURE_MISMATCH" => Ok(Rule::ReportSignature),
        "TIMESTAMP_MISMATCH" => Ok(Rule::ReportTimestamp),
        "UNKNOWN_DEVICE" => Ok(Rule::ReportDevice),
        other => Err(format!(
            "{other:?} is no reason; there are SIGNATURE_MISMATCH, TIMESTAMP_MISMATCH, UNKNOWN_DEVICE"
        )),
    }
}

fn token_reason(why: Option<&str>) -> Result<Rule, String> {
    match why.unwrap_or("unknown") {
        "unknown" | "token" => Ok(Rule::TokenUnknown),
        "expired" => Ok(Rule::TokenExpired),
        "revoked" => Ok(Rule::TokenRevoked),
        "used-up" => Ok(Rule::TokenUsedUp),
        "account" => Ok(Rule::OtherAccount),
        "connection" => Ok(Rule::TokenConnection),
        "installed" => Ok(Rule::NodeLock),
        other => Err(format!(
            "{other:?} is no reason; there are unknown, expired, revoked, used-up, account, connection, installed"
        )),
    }
}

impl FaultKind {
    /// Has the rules carry out what they can carry out.
    pub fn steer(self, steer: &mut Steer) {
        match self {
            Self::TryAgain(seconds) => steer.try_again_s = Some(seconds),
            Self::LateAck(by) => steer.late_ack_ms = Some(by),
            Self::ForeignAck => steer.foreign_ack = true,
            Self::RejectReport(rule) => steer.reject_reports = Some(rule),
            Self::TokenRefused(rule) => steer.refuse_token = Some(rule),
            Self::Drop
            | Self::Stall
            | Self::Late(_)
            | Self::Dribble(_)
            | Self::Status(..)
            | Self::Empty
            | Self::Truncated
            | Self::Corrupt
            | Self::Oversized
            | Self::WrongNonce
            | Self::BadSignature
            | Self::WrongSigner
            | Self::Replayed
            | Self::LostAck
            | Self::PolicyBadSignature
            | Self::PolicyBadTime(_) => {}
        }
    }

    /// The exchanges that it can do something to; empty: all.
    const fn aim(self) -> &'static [Purpose] {
        match self {
            Self::LostAck | Self::ForeignAck => &[Purpose::Poll],
            Self::LateAck(_) | Self::RejectReport(_) => &[Purpose::Usage],
            Self::TokenRefused(_) => &[Purpose::Trust],
            Self::PolicyBadSignature | Self::PolicyBadTime(_) => {
                &[Purpose::Trust, Purpose::TrustSync, Purpose::Poll]
            }
            Self::Drop
            | Self::Stall
            | Self::Late(_)
            | Self::Dribble(_)
            | Self::Status(..)
            | Self::TryAgain(_)
            | Self::Empty
            | Self::Truncated
            | Self::Corrupt
            | Self::Oversized
            | Self::WrongNonce
            | Self::BadSignature
            | Self::WrongSigner
            | Self::Replayed => &[],
        }
    }
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
    kind: FaultKind,
    purpose: Option<Purpose>,
}

/// Without `for`, in milliseconds: a live fault reverts by itself (modelled).
pub const DEFAULT_TTL_MS: i64 = 3_600_000;
/// Without `for` but with `next`, in milliseconds (modelled).
pub const DEFAULT_TTL_NEXT_MS: i64 = 7 * 86_400_000;

/// The faults that are in force, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    active: Vec<Fault>,
    begun: u64,
}

impl Faults {
    /// Begins one.
    ///
    /// # Errors
    /// One line that says what is wrong with `spec`.
    pub fn begin(&mut self, spec: FaultSpec, now: Wall, limit: usize) -> Result<&Fault, String> {
        if self.active.len() >= limit {
            return Err(format!("{limit} faults are in force already; delete some"));
        }
        let kind = FaultKind::read(&spec)?;
        if spec.next == Some(0) || spec.every == Some(0) {
            return Err("next and every count from 1".into());
        }
        if spec.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Err("probability lies between 0 and 1".into());
        }
        let purpose = match spec.purpose.as_deref() {
            None => None,
            Some(word) => Some(span::purpose_of(word).ok_or_else(|| {
                let words = Purpose::ALL.map(span::purpose_word).join(", ");
                format!("no purpose is called {word:?}; there are {words}")
            })?),
        };
        let ttl = match (&spec.span, spec.next) {
            (Some(text), _) => span::parse(text, false)?,
            (None, Some(_)) => DEFAULT_TTL_NEXT_MS,
            (None, None) => DEFAULT_TTL_MS,
        };
        self.begun += 1;
        let left = spec.next;
        let until = now.plus_millis(ttl);
        let at = self.active.len();
        self.active.push(Fault {
            id: self.begun,
            spec,
            began: now,
            until,
            left,
            met: 0,
            hit: 0,
            kind,
            purpose,
        });
        self.active.get(at).ok_or_else(|| "the fault is gone".into())
    }

    /// Ends those whose time is over; their numbers.
    pub fn expire(&mut self, now: Wall) -> Vec<u64> {
        if self.active.is_empty() {
            return Vec::new();
        }
        let over = |fault: &Fault| now >= fault.until || fault.left == Some(0);
        let ended = self.active.iter().filter(|fault| over(fault)).map(|fault| fault.id).collect();
        self.active.retain(|fault| !over(fault));
        ended
    }

    /// Ends one. Whether it was there.
    pub fn end(&mut self, id: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|fault| fault.id != id);
        self.active.len() < before
    }

    /// Ends all; how many there were.
    pub fn clear(&mut self) -> usize {
        std::mem::take(&mut self.active).len()
    }

    /// Those in force.
    #[must_use]
    pub fn active(&self) -> &[Fault] {
        &self.active
    }

    /// The fault that hits this exchange: of those that fit it, the one that began last (`spec/behaviour.md` §7.5).
    /// One that lets this exchange pass (`every`, `probability`) leaves it to the one before.
    pub fn strike(
        &mut self,
        now: Wall,
        device: Option<&Udi>,
        purpose: Option<Purpose>,
        luck: Luck,
    ) -> Option<(u64, FaultKind)> {
        for fault in self.active.iter_mut().rev() {
            if now < fault.began || now >= fault.until || fault.left == Some(0) {
                continue;
            }
            if fault.purpose.is_some() && fault.purpose != purpose {
                continue;
            }
            let aim = fault.kind.aim();
            if !aim.is_empty() && !purpose.is_some_and(|purpose| aim.contains(&purpose)) {
                continue;
            }
            if !fault.spec.devices.is_empty() && !device.is_some_and(|udi| names(&fault.spec.devices, udi)) {
                continue;
            }
            fault.met += 1;
            if fault.spec.every.is_some_and(|every| fault.met % every != 0) {
                continue;
            }
            if fault.spec.probability.is_some_and(|p| !lucky(luck, device, fault.id, fault.met, p)) {
                continue;
            }
            fault.hit += 1;
            fault.left = fault.left.map(|left| left.saturating_sub(1));
            return Some((fault.id, fault.kind));
        }
        None
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

fn lucky(luck: Luck, device: Option<&Udi>, id: u64, met: u64, probability: f64) -> bool {
    let who = device.map_or(0, key) ^ id.rotate_left(32);
    // The upper 32 bits are exact in a double.
    let drawn = u32::try_from(luck.number(who, For::Fault, met) >> 32).unwrap_or(0);
    f64::from(drawn) < probability * (f64::from(u32::MAX) + 1.0)
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
        faults.begin(spec(json), NOW, 10).unwrap().id
    }

    #[test]
    fn of_several_faults_the_one_that_began_last_decides() {
        let mut faults = Faults::default();
        begin(&mut faults, r#"{"kind": "stall", "for": "1h"}"#);
        let second = begin(&mut faults, r#"{"kind": "http-status", "status": 404, "next": 1}"#);
        let mut strike = || faults.strike(NOW, Some(&udi(1)), Some(Purpose::Usage), Luck::seeded(1));
        assert_eq!(strike(), Some((second, FaultKind::Status(404, None))));
        assert_eq!(strike().map(|(_, kind)| kind), Some(FaultKind::Stall));
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
    fn every_word_of_a_live_fault_can_begin() {
        for word in FaultKind::WORDS {
            let mut faults = Faults::default();
            assert!(faults.begin(spec(&format!(r#"{{"kind": "{word}"}}"#)), NOW, 10).is_ok(), "{word}");
        }
    }
}

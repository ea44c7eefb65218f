//! Faults: one vocabulary for the simulated link, the real client and the mock (`interface.md` §6).
//!
//! [`Kind::row`] is the table. A [`Spec`] is a fault as somebody wrote it, a [`Fault`] what it means; a [`Plan`] holds
//! those in force and says which one hits an exchange.

mod docs;
mod effect;
mod plan;
mod shape;
mod table;

use std::time::Duration;

use slpsim_agent::{Failure, Purpose};

pub use docs::{Form, print};
pub use effect::{Effect, PolicyFlaw, ReportWhy, TokenWhy, Verdict, WriteFlaw};
pub use plan::{Luck, Meets, Plan, Standing};
pub use shape::Distribution;
pub use table::{Key, Kind, Needs, Param, Place, Row};

/// A fault as it is written, with typed values.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// `kind`: what happens.
    pub kind: Kind,
    /// `for`: how long it is in force; without it and without `next`: until it is ended.
    pub span: Option<Duration>,
    /// `next`: the next so many exchanges that it hits.
    pub next: Option<u64>,
    /// `after`: only once so many exchanges that it could have hit have passed.
    pub after: Option<u64>,
    /// `every`: every so manyth exchange.
    pub every: Option<u64>,
    /// `probability`: each exchange with this share, 0 to 1.
    pub probability: Option<f64>,
    /// `ramp`: its delay, or for kinds without one its share, grows from nothing to its measure in so long.
    pub ramp: Option<Duration>,
    /// `on`: in force for so long, then not for `off`, and so on.
    pub on: Option<Duration>,
    /// `off`: see `on`.
    pub off: Option<Duration>,
    /// `distribution`, for kinds with a delay: how `by` varies.
    pub distribution: Option<Distribution>,
    /// `spread`, for distributions that have one.
    pub spread: Option<Duration>,
    /// `link = "upstream"`: on the link between a CSLU or On-Prem and its CSSM, not on that of the device.
    pub upstream: bool,
    /// `devices`: only these; empty: all.
    pub devices: Vec<String>,
    /// `purpose`: only exchanges of this purpose.
    pub purpose: Option<Purpose>,
    /// `status`, for kinds that take it.
    pub status: Option<u16>,
    /// `retry-after` in seconds, for kinds that take it.
    pub retry_after_s: Option<u32>,
    /// `by` in milliseconds, for kinds that take it; negative only for `policy-bad-time`.
    pub by_ms: Option<i64>,
    /// `why`, for kinds that take it.
    pub why: Option<String>,
}

impl Spec {
    /// A fault of `kind` with all defaults, in force until it is ended.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        Self {
            kind,
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
            upstream: false,
            devices: Vec::new(),
            purpose: None,
            status: None,
            retry_after_s: None,
            by_ms: None,
            why: None,
        }
    }
}

/// A fault with its defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// As it was written.
    pub spec: Spec,
    /// What it does.
    pub effect: Effect,
}

/// Why a fault cannot be; one line for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Wrong {
    /// The key that is wrong; none where the whole is.
    pub key: Option<&'static str>,
    /// What is wrong and what would be right.
    pub why: String,
}

impl Fault {
    /// Fills in the defaults of the table.
    ///
    /// # Errors
    /// Where a key does not belong to the kind, or its value is out of range.
    pub fn resolve(spec: Spec) -> Result<Self, Wrong> {
        spec.check_limits()?;
        spec.check_shape()?;
        spec.check_keys()?;
        let effect = spec.effect()?;
        Ok(Self { spec, effect })
    }

    /// Seconds of the header `Retry-After` of an HTTP answer; none: it has no such header.
    #[must_use]
    pub const fn retry_after_s(&self) -> Option<u32> {
        match (self.spec.retry_after_s, self.spec.kind) {
            (Some(seconds), _) => Some(seconds),
            (None, Kind::Quota) => Some(60),
            (None, Kind::Maintenance) => Some(3600),
            (None, _) => None,
        }
    }

    /// What it does in place of [`Fault::effect`], where its delay varies: `part` of it, 0 to 1, as `drawn` says.
    fn effect_now(&self, part: f64, drawn: u64) -> Effect {
        let Effect::Late(by) = self.effect else { return self.effect };
        let distribution = self.spec.distribution.unwrap_or_default();
        let spread = self.spec.spread.unwrap_or(match distribution {
            Distribution::Uniform => by / 2,
            Distribution::Normal => by / 4,
            Distribution::Fixed | Distribution::Exponential => Duration::ZERO,
        });
        let delay = distribution.delay(by, spread, drawn);
        let part = if part < 1.0 { delay.mul_f64(part) } else { delay };
        Effect::Late(Duration::from_millis(u64::try_from(part.as_millis()).unwrap_or(u64::MAX)))
    }
}

fn wrong<T>(key: &'static str, why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { key: Some(key), why: why.into() })
}

impl Spec {
    fn check_limits(&self) -> Result<(), Wrong> {
        if self.next == Some(0) {
            return wrong("next", "`next` counts from 1");
        }
        if self.every == Some(0) {
            return wrong("every", "`every` counts from 1");
        }
        if self.probability.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
            return wrong("probability", "`probability` lies between 0 and 1");
        }
        Ok(())
    }

    /// `ramp`, `on` and `off`, `distribution` and `spread`, `link`.
    fn check_shape(&self) -> Result<(), Wrong> {
        let row = self.kind.row();
        for (key, span) in [("ramp", self.ramp), ("on", self.on), ("off", self.off)] {
            if span == Some(Duration::ZERO) {
                return wrong(key, format!("`{key}` must be longer than nothing"));
            }
        }
        match (self.on, self.off) {
            (Some(_), None) => return wrong("on", "`on` needs `off`: how long it is not in force then"),
            (None, Some(_)) => return wrong("off", "`off` needs `on`: how long it is in force before"),
            (Some(_), Some(_)) | (None, None) => {}
        }
        let has_delay = matches!(self.kind, Kind::Slow | Kind::Latency | Kind::Dribble);
        if self.distribution.is_some() && !has_delay {
            return wrong("distribution", format!("{} has no delay that could be distributed", row.word));
        }
        let spreads = matches!(self.distribution, Some(Distribution::Uniform | Distribution::Normal));
        if self.spread.is_some() && !spreads {
            return wrong("spread", "`spread` needs `distribution = \"uniform\"` or `\"normal\"`");
        }
        if self.upstream && !row.places.contains(&Place::Upstream) {
            return wrong("link", format!("{} does not happen on the link to the CSSM above", row.word));
        }
        Ok(())
    }

    /// The keys of only some kinds.
    fn check_keys(&self) -> Result<(), Wrong> {
        let given = [
            (Key::Status, self.status.is_some()),
            (Key::RetryAfter, self.retry_after_s.is_some()),
            (Key::By, self.by_ms.is_some()),
            (Key::Why, self.why.is_some()),
        ];
        let row = self.kind.row();
        if self.purpose.is_some() && row.needs == Needs::Write {
            return wrong(
                "purpose",
                format!("{} hits writes of the store, and these have no purpose", row.word),
            );
        }
        for (key, _) in given.into_iter().filter(|(_, given)| *given) {
            if !row.params.iter().any(|param| param.key == key) {
                let takes = match row.params {
                    [] => "no keys of its own".to_owned(),
                    params => params.iter().map(|param| param.key.word()).collect::<Vec<_>>().join(", "),
                };
                return wrong(
                    key.word(),
                    format!("{} does not take `{}`: it takes {takes}", row.word, key.word()),
                );
            }
        }
        Ok(())
    }

    fn effect(&self) -> Result<Effect, Wrong> {
        let lost = |failure| Effect::Lost { failure, at_timeout: false };
        let timeout = |failure| Effect::Lost { failure, at_timeout: true };
        Ok(match self.kind {
            Kind::Unreachable | Kind::Reset | Kind::TlsClosed | Kind::ProxyUnreachable => {
                lost(Failure::Unreachable)
            }
            Kind::Stall => timeout(Failure::Unreachable),
            Kind::Slow => Effect::Late(self.delay(5_000)?),
            Kind::Latency => Effect::Late(self.delay(200)?),
            Kind::Dribble => Effect::Late(self.delay(10_000)?),
            Kind::DnsNxdomain | Kind::DnsServfail => lost(Failure::Resolve),
            Kind::DnsTimeout => timeout(Failure::Resolve),
            Kind::TlsExpired | Kind::TlsNotYetValid | Kind::TlsWrongName | Kind::TlsUnknownCa => {
                lost(Failure::TlsCertificate)
            }
            Kind::ProxyAuth => lost(Failure::Proxy),
            Kind::HttpStatus => lost(Failure::HttpStatus(self.http_status()?)),
            Kind::Quota => lost(Failure::HttpStatus(429)),
            Kind::Maintenance => lost(Failure::HttpStatus(503)),
            Kind::TryAgain => Effect::Decided(Verdict::TryAgain(self.retry_after_s.unwrap_or(0))),
            Kind::Empty => Effect::Spoiled(Failure::EmptyReply),
            Kind::Truncated | Kind::Corrupt | Kind::Oversized => Effect::Spoiled(Failure::BadReply),
            Kind::WrongNonce | Kind::Replayed => Effect::Spoiled(Failure::NonceMismatch),
            Kind::BadSignature => Effect::Spoiled(Failure::BadSignature),
            Kind::WrongSigner => Effect::Spoiled(Failure::SignerInvalid),
            Kind::LostAnswer => Effect::Spoiled(Failure::Unreachable),
            Kind::LostAck => Effect::LostAck,
            Kind::LateAck => Effect::Decided(Verdict::LateAck(self.delay(3_600_000)?)),
            Kind::ForeignAck => Effect::Decided(Verdict::ForeignAck),
            Kind::RejectReport => Effect::Decided(Verdict::RejectReport(self.why_of(&ReportWhy::WORDS)?)),
            Kind::PolicyBadSignature => Effect::Policy(PolicyFlaw::Signature),
            Kind::PolicyBadTime => Effect::Policy(PolicyFlaw::Time(self.by_ms.unwrap_or(7_200_000))),
            Kind::TokenRefused => Effect::Decided(Verdict::TokenRefused(self.why_of(&TokenWhy::WORDS)?)),
            Kind::WriteLost => Effect::Write(WriteFlaw::Lost),
            Kind::DiskFull => Effect::Write(WriteFlaw::DiskFull),
        })
    }

    fn delay(&self, default_ms: u64) -> Result<Duration, Wrong> {
        match self.by_ms.map(u64::try_from) {
            None => Ok(Duration::from_millis(default_ms)),
            Some(Ok(millis)) => Ok(Duration::from_millis(millis)),
            Some(Err(_)) => Err(Wrong { key: Some("by"), why: "`by` must not be negative here".into() }),
        }
    }

    fn http_status(&self) -> Result<u16, Wrong> {
        match self.status.unwrap_or(503) {
            status @ 300..=599 => Ok(status),
            other => Err(Wrong {
                key: Some("status"),
                why: format!("status {other} is no HTTP status outside 2xx; there are 300 to 599"),
            }),
        }
    }

    /// The first word of the table is the default.
    fn why_of<T: Copy>(&self, words: &[(&'static str, T)]) -> Result<T, Wrong> {
        let wanted = self.why.as_deref();
        let found = words.iter().find(|(word, _)| wanted.is_none_or(|wanted| wanted == *word));
        found.map(|(_, why)| *why).ok_or_else(|| {
            let words = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            Wrong {
                key: Some("why"),
                why: format!("`{}` is no reason; there are {words}", wanted.unwrap_or_default()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_resolves_with_its_defaults_and_its_failure_is_that_of_the_table() {
        for kind in Kind::ALL {
            let fault = Fault::resolve(Spec::of(kind)).unwrap();
            let expected = kind.row().failure;
            let failure = match fault.effect {
                Effect::Lost { failure, .. } | Effect::Spoiled(failure) => Some(failure),
                Effect::LostAck => Some(Failure::Unreachable),
                Effect::Late(_) | Effect::Decided(_) | Effect::Policy(_) | Effect::Write(_) => None,
            };
            assert_eq!(failure, expected, "{}", kind.word());
        }
    }

    #[test]
    fn what_cannot_be_a_fault_names_its_key() {
        let of = Spec::of;
        for (spec, key) in [
            (Spec { next: Some(0), ..of(Kind::Reset) }, "next"),
            (Spec { every: Some(0), ..of(Kind::Reset) }, "every"),
            (Spec { probability: Some(1.5), ..of(Kind::Reset) }, "probability"),
            (Spec { probability: Some(f64::NAN), ..of(Kind::Reset) }, "probability"),
            (Spec { status: Some(404), ..of(Kind::Reset) }, "status"),
            (Spec { status: Some(200), ..of(Kind::HttpStatus) }, "status"),
            (Spec { by_ms: Some(-1), ..of(Kind::LateAck) }, "by"),
            (Spec { why: Some("mood".into()), ..of(Kind::TokenRefused) }, "why"),
            (Spec { retry_after_s: Some(1), ..of(Kind::Empty) }, "retry-after"),
            (Spec { on: Some(Duration::from_secs(1)), ..of(Kind::Reset) }, "on"),
            (Spec { off: Some(Duration::from_secs(1)), ..of(Kind::Reset) }, "off"),
            (Spec { ramp: Some(Duration::ZERO), ..of(Kind::Reset) }, "ramp"),
            (Spec { distribution: Some(Distribution::Normal), ..of(Kind::Reset) }, "distribution"),
            (Spec { spread: Some(Duration::ZERO), ..of(Kind::Slow) }, "spread"),
            (Spec { upstream: true, ..of(Kind::LateAck) }, "link"),
            (Spec { purpose: Some(Purpose::Usage), ..of(Kind::DiskFull) }, "purpose"),
            (Spec { purpose: Some(Purpose::Poll), ..of(Kind::WriteLost) }, "purpose"),
        ] {
            let wrong = Fault::resolve(spec.clone()).unwrap_err();
            assert_eq!(wrong.key, Some(key), "{spec:?}");
            assert!(!wrong.why.contains('\n') && !wrong.why.is_empty());
        }
    }

    #[test]
    fn parameters_change_the_effect() {
        let resolve = |spec| Fault::resolve(spec).unwrap().effect;
        let not_found = Spec { status: Some(404), ..Spec::of(Kind::HttpStatus) };
        assert_eq!(resolve(not_found), Effect::Lost { failure: Failure::HttpStatus(404), at_timeout: false });
        let late = Spec { by_ms: Some(1), ..Spec::of(Kind::Slow) };
        assert_eq!(resolve(late), Effect::Late(Duration::from_millis(1)));
        let why = Spec { why: Some("account".into()), ..Spec::of(Kind::TokenRefused) };
        assert_eq!(resolve(why), Effect::Decided(Verdict::TokenRefused(TokenWhy::Account)));
    }
}

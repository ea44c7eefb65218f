//! The faults in force, and which one hits an exchange.

use slpsim_agent::Purpose;
use slpsim_policy::Wall;

use super::shape::grown;
use super::table::Needs;
use super::{Effect, Fault, Kind};

/// The faults in force, in the order in which they began.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    active: Vec<Active>,
    begun: u64,
}

#[derive(Clone, Debug)]
struct Active {
    number: u64,
    fault: Fault,
    began: Wall,
    /// First instant at which it is not in force any more.
    until: Option<Wall>,
    left: Option<u64>,
    met: u64,
    hit: u64,
}

/// How a fault in force stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Its number.
    pub number: u64,
    /// What it is.
    pub fault: &'a Fault,
    /// When it began.
    pub began: Wall,
    /// First instant at which it is not in force any more; none: until it is ended.
    pub until: Option<Wall>,
    /// How many more exchanges it hits; none: any number.
    pub left: Option<u64>,
    /// How many exchanges it met.
    pub met: u64,
    /// How many it hit.
    pub hit: u64,
}

/// The exchange that a fault may hit.
#[derive(Clone, Copy)]
pub struct Meets<'a> {
    /// When.
    pub at: Wall,
    /// What for; none where the request's own word is unknown.
    pub purpose: Option<Purpose>,
    /// Whether its URL has a name, not an address.
    pub by_name: bool,
    /// Whether it uses TLS.
    pub tls: bool,
    /// Whether a text of `devices` names its device.
    pub is_called: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Meets<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meets").field("at", &self.at).field("purpose", &self.purpose).finish_non_exhaustive()
    }
}

/// Keyed draws: the same fault, device and count give the same number.
pub trait Luck {
    /// 64 bits for the `met`-th exchange that fault `number` met.
    fn draw(&self, number: u64, met: u64) -> u64;
}

impl<F: Fn(u64, u64) -> u64> Luck for F {
    fn draw(&self, number: u64, met: u64) -> u64 {
        self(number, met)
    }
}

impl Plan {
    /// Begins a fault at `now`; its number, from 1.
    pub fn begin(&mut self, fault: Fault, now: Wall) -> u64 {
        self.begun += 1;
        let until =
            fault.spec.span.map(|span| now.plus_millis(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)));
        let left = fault.spec.next;
        self.active.push(Active { number: self.begun, fault, began: now, until, left, met: 0, hit: 0 });
        self.begun
    }

    /// Takes a fault as it stood somewhere else, or before a restart; one of that number is replaced. The next one to
    /// begin has a higher number.
    pub fn put(&mut self, standing: Standing<'_>) {
        let Standing { number, fault, began, until, left, met, hit } = standing;
        self.begun = self.begun.max(number);
        let active = Active { number, fault: fault.clone(), began, until, left, met, hit };
        match self.active.binary_search_by_key(&number, |active| active.number) {
            Ok(at) => {
                if let Some(known) = self.active.get_mut(at) {
                    *known = active;
                }
            }
            Err(at) => self.active.insert(at, active),
        }
    }

    /// Ends a fault; whether it was in force.
    pub fn end(&mut self, number: u64) -> bool {
        let before = self.active.len();
        self.active.retain(|active| active.number != number);
        self.active.len() < before
    }

    /// Forgets those that are over; how many are in force.
    pub fn expire(&mut self, now: Wall) -> usize {
        self.active.retain(|active| !active.is_over(now));
        self.active.len()
    }

    /// Whether none was begun that is not forgotten yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// How those stand that were begun and not forgotten yet.
    pub fn standing(&self) -> impl Iterator<Item = Standing<'_>> {
        self.active.iter().map(|active| Standing {
            number: active.number,
            fault: &active.fault,
            began: active.began,
            until: active.until,
            left: active.left,
            met: active.met,
            hit: active.hit,
        })
    }

    /// Those that were begun and not forgotten yet: number and fault.
    pub fn active(&self) -> impl Iterator<Item = (u64, &Fault)> {
        self.active.iter().map(|active| (active.number, &active.fault))
    }

    /// The fault that hits this exchange: of those that fit, the one that began last (`spec/behaviour.md` §7.5). One that
    /// lets this exchange pass (`every`, `probability`) leaves it to the one before. Its number, and what it does.
    pub fn strike(&mut self, meets: &Meets<'_>, luck: &dyn Luck) -> Option<(u64, Effect)> {
        self.first(meets.at, luck, &|active| !active.fault.spec.upstream && active.fits(meets))
    }

    /// The same on the link between a CSLU or On-Prem and its CSSM, for an exchange that makes the peer ask there.
    pub fn strike_upstream(&mut self, meets: &Meets<'_>, luck: &dyn Luck) -> Option<(u64, Effect)> {
        let meets = Meets { by_name: true, tls: true, ..*meets };
        self.first(meets.at, luck, &|active| active.fault.spec.upstream && active.fits(&meets))
    }

    /// The same for a write of the store of a device.
    pub fn strike_write(
        &mut self,
        at: Wall,
        is_called: &dyn Fn(&str) -> bool,
        luck: &dyn Luck,
    ) -> Option<(u64, Effect)> {
        self.first(at, luck, &|active| active.hits_writes_of(is_called))
    }

    /// Whether the store of a device is full, without counting anything.
    #[must_use]
    pub fn is_full(&self, at: Wall, is_called: &dyn Fn(&str) -> bool) -> bool {
        let is_full = |active: &Active| {
            active.fault.spec.kind == Kind::DiskFull
                && !active.is_over(at)
                && active.is_on(at)
                && active.hits_writes_of(is_called)
        };
        self.active.iter().any(is_full)
    }

    fn first(&mut self, at: Wall, luck: &dyn Luck, fits: &dyn Fn(&Active) -> bool) -> Option<(u64, Effect)> {
        for active in self.active.iter_mut().rev() {
            if active.is_over(at) || !active.is_on(at) || !fits(active) {
                continue;
            }
            active.met += 1;
            let spec = &active.fault.spec;
            let Some(counted @ 1..) = active.met.checked_sub(spec.after.unwrap_or(0)) else { continue };
            if spec.every.is_some_and(|every| !counted.is_multiple_of(every)) {
                continue;
            }
            let grown = spec.ramp.map_or(1.0, |ramp| grown(at.since(active.began), ramp));
            // What has a delay comes with a part of it; the rest comes now and then.
            let has_delay = matches!(active.fault.effect, Effect::Late(_));
            let share = spec.probability.unwrap_or(1.0) * if has_delay { 1.0 } else { grown };
            if share < 1.0 && !is_lucky(luck.draw(active.number, active.met), share) {
                continue;
            }
            active.hit += 1;
            active.left = active.left.map(|left| left.saturating_sub(1));
            let drawn = luck.draw(active.number, active.met | DELAY);
            return Some((active.number, active.fault.effect_now(grown, drawn)));
        }
        None
    }
}

/// Marks the draw of a delay, so that it is not that of a share.
const DELAY: u64 = 1 << 63;

impl Active {
    /// Half-open: at `until` itself it is over. Of `for` and `next` the earlier limit ends it.
    fn is_over(&self, at: Wall) -> bool {
        self.left == Some(0) || self.until.is_some_and(|until| at >= until)
    }

    /// `on` and `off`: half-open windows from its begin.
    fn is_on(&self, at: Wall) -> bool {
        let (Some(on), Some(off)) = (self.fault.spec.on, self.fault.spec.off) else { return true };
        let since = u128::try_from(at.since(self.began)).unwrap_or(0);
        let period = (on + off).as_millis();
        period == 0 || since % period < on.as_millis()
    }

    fn hits_writes_of(&self, is_called: &dyn Fn(&str) -> bool) -> bool {
        self.fault.spec.kind.row().needs == Needs::Write && self.is_meant(is_called)
    }

    fn is_meant(&self, is_called: &dyn Fn(&str) -> bool) -> bool {
        let devices = &self.fault.spec.devices;
        devices.is_empty() || devices.iter().any(|name| is_called(name))
    }

    fn fits(&self, meets: &Meets<'_>) -> bool {
        let (spec, row) = (&self.fault.spec, self.fault.spec.kind.row());
        let aimed = |purposes: &[Purpose]| meets.purpose.is_some_and(|purpose| purposes.contains(&purpose));
        let reached = match row.needs {
            Needs::Any => true,
            Needs::Name => meets.by_name,
            Needs::Tls => meets.tls,
            Needs::Write => false,
        };
        reached
            && (row.aim.is_empty() || aimed(row.aim))
            && spec.purpose.is_none_or(|purpose| aimed(&[purpose]))
            && self.is_meant(meets.is_called)
    }
}

/// The upper 32 bits are exact in a double.
fn is_lucky(drawn: u64, share: f64) -> bool {
    let drawn = u32::try_from(drawn >> 32).unwrap_or(0);
    f64::from(drawn) < share * (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Kind, Spec, WriteFlaw};
    use slpsim_agent::{AgentId, Draw, Failure, draw};
    use std::time::Duration;

    const NOW: Wall = Wall::from_secs(1_772_445_600);

    fn meets(at: Wall, purpose: Purpose, called: &dyn Fn(&str) -> bool) -> Meets<'_> {
        Meets { at, purpose: Some(purpose), by_name: true, tls: false, is_called: called }
    }

    fn hits(plan: &mut Plan, at: Wall, purpose: Purpose) -> Option<Effect> {
        let luck = |number: u64, met| draw(7, AgentId(u32::try_from(number).unwrap()), Draw::Network, met);
        plan.strike(&meets(at, purpose, &|_| true), &luck).map(|(_, effect)| effect)
    }

    fn begin(plan: &mut Plan, spec: Spec) {
        plan.begin(Fault::resolve(spec).unwrap(), NOW);
    }

    #[test]
    fn of_several_faults_the_one_that_began_last_decides() {
        let mut plan = Plan::default();
        begin(&mut plan, Spec { span: Some(Duration::from_secs(3600)), ..Spec::of(Kind::Reset) });
        begin(&mut plan, Spec { next: Some(1), ..Spec::of(Kind::Empty) });
        assert_eq!(hits(&mut plan, NOW, Purpose::Usage), Some(Effect::Spoiled(Failure::EmptyReply)));
        let lost = Effect::Lost { failure: Failure::Unreachable, at_timeout: false };
        assert_eq!(hits(&mut plan, NOW, Purpose::Usage), Some(lost));
    }

    #[test]
    fn a_fault_is_half_open_and_ends_by_the_earlier_limit() {
        let minute = Some(Duration::from_secs(60));
        for (next, expected) in
            [(None, [true, true, false]), (Some(1), [true, false, false]), (Some(9), [true, true, false])]
        {
            let mut plan = Plan::default();
            begin(&mut plan, Spec { span: minute, next, ..Spec::of(Kind::Reset) });
            let at =
                [0, 59_999, 60_000].map(|ms| hits(&mut plan, NOW.plus_millis(ms), Purpose::Poll).is_some());
            assert_eq!(at, expected, "{next:?}");
            assert_eq!(plan.expire(NOW.plus_millis(60_000)), 0);
        }
    }

    #[test]
    fn a_fault_hits_only_what_it_fits() {
        let table = [
            (Spec { purpose: Some(Purpose::Poll), ..Spec::of(Kind::Reset) }, Purpose::Poll, Purpose::Usage),
            (Spec::of(Kind::TokenRefused), Purpose::Trust, Purpose::Usage),
            (Spec::of(Kind::LostAck), Purpose::Poll, Purpose::Hello),
        ];
        for (spec, yes, no) in table {
            let mut plan = Plan::default();
            begin(&mut plan, spec.clone());
            assert!(hits(&mut plan, NOW, no).is_none(), "{spec:?}");
            assert!(hits(&mut plan, NOW, yes).is_some(), "{spec:?}");
        }
        let mut plan = Plan::default();
        begin(&mut plan, Spec { devices: vec!["a".into()], ..Spec::of(Kind::Reset) });
        let (yes, no) = (|name: &str| name == "a", |name: &str| name == "b");
        let luck = |_, _| 0;
        assert!(plan.strike(&meets(NOW, Purpose::Poll, &no), &luck).is_none());
        assert!(plan.strike(&meets(NOW, Purpose::Poll, &yes), &luck).is_some());
        let mut plan = Plan::default();
        begin(&mut plan, Spec::of(Kind::TlsExpired));
        assert!(
            plan.strike(&meets(NOW, Purpose::Poll, &yes), &luck).is_none(),
            "plain HTTP has no certificate"
        );
        assert!(plan.strike(&Meets { tls: true, ..meets(NOW, Purpose::Poll, &yes) }, &luck).is_some());
    }

    #[test]
    fn every_nth_and_a_share_are_counted_by_fault() {
        let mut plan = Plan::default();
        begin(&mut plan, Spec { every: Some(3), ..Spec::of(Kind::Reset) });
        let third: Vec<bool> = (0..6).map(|_| hits(&mut plan, NOW, Purpose::Poll).is_some()).collect();
        assert_eq!(third, [false, false, true, false, false, true]);
        let mut plan = Plan::default();
        begin(&mut plan, Spec { probability: Some(0.25), ..Spec::of(Kind::Reset) });
        let count = (0..4000).filter(|_| hits(&mut plan, NOW, Purpose::Poll).is_some()).count();
        assert!((850..1150).contains(&count), "{count}");
    }

    fn series(spec: Spec, at: impl Fn(i64) -> i64, count: i64) -> Vec<bool> {
        let mut plan = Plan::default();
        begin(&mut plan, spec);
        (0..count).map(|n| hits(&mut plan, NOW.plus_millis(at(n)), Purpose::Poll).is_some()).collect()
    }

    #[test]
    fn a_quota_lets_the_first_exchanges_pass_and_a_flapping_link_comes_and_goes() {
        let quota = Spec { after: Some(2), next: Some(2), ..Spec::of(Kind::Quota) };
        assert_eq!(series(quota, |_| 0, 5), [false, false, true, true, false]);
        let second = Spec { after: Some(1), every: Some(2), ..Spec::of(Kind::Reset) };
        assert_eq!(series(second, |_| 0, 5), [false, false, true, false, true]);
        let (on, off) = (Some(Duration::from_secs(10)), Some(Duration::from_secs(20)));
        let flaps = Spec { on, off, ..Spec::of(Kind::Reset) };
        assert_eq!(series(flaps, |n| n * 10_000, 5), [true, false, false, true, false]);
    }

    #[test]
    fn a_ramp_grows_a_share_or_a_delay() {
        let ramp = Some(Duration::from_secs(4000));
        let seen = series(Spec { ramp, ..Spec::of(Kind::Reset) }, |n| n * 1000, 8000);
        let count = |range: std::ops::Range<usize>| seen[range].iter().filter(|hit| **hit).count();
        assert!(count(0..400) < 60 && (1700..2300).contains(&count(0..4000)), "{}", count(0..4000));
        assert_eq!(count(4000..8000), 4000);
        let mut plan = Plan::default();
        begin(&mut plan, Spec { ramp, by_ms: Some(1000), ..Spec::of(Kind::Latency) });
        for (at, expected) in [(0, 0), (1_000_000, 250), (4_000_000, 1000), (9_000_000, 1000)] {
            let effect = hits(&mut plan, NOW.plus_millis(at), Purpose::Poll);
            assert_eq!(effect, Some(Effect::Late(Duration::from_millis(expected))), "{at}");
        }
    }

    #[test]
    fn a_delay_by_distribution_is_another_each_time_and_the_same_again() {
        let delays = || {
            let mut plan = Plan::default();
            let distribution = Some(crate::fault::Distribution::Exponential);
            begin(&mut plan, Spec { distribution, by_ms: Some(1000), ..Spec::of(Kind::Latency) });
            (0..50).map(|_| hits(&mut plan, NOW, Purpose::Poll).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(delays(), delays());
        let mut distinct: Vec<_> = delays().iter().map(|effect| format!("{effect:?}")).collect();
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 45, "{}", distinct.len());
    }

    #[test]
    fn each_link_and_the_store_have_their_own_faults() {
        let mut plan = Plan::default();
        begin(&mut plan, Spec { upstream: true, ..Spec::of(Kind::TlsExpired) });
        begin(&mut plan, Spec { devices: vec!["a".into()], next: Some(1), ..Spec::of(Kind::DiskFull) });
        let (named, luck) = (|name: &str| name == "a", |_: u64, _: u64| 0);
        let meets = meets(NOW, Purpose::Poll, &named);
        assert!(plan.strike(&meets, &luck).is_none());
        assert_eq!(plan.strike_upstream(&meets, &luck).map(|(number, _)| number), Some(1));
        assert!(plan.is_full(NOW, &named) && !plan.is_full(NOW, &|_| false));
        assert!(plan.strike_write(NOW, &|_| false, &luck).is_none());
        assert_eq!(plan.strike_write(NOW, &named, &luck), Some((2, Effect::Write(WriteFlaw::DiskFull))));
        assert!(plan.strike_write(NOW, &named, &luck).is_none() && !plan.is_full(NOW, &named));
    }
}

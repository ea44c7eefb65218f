//! The faults in force, and which one hits an exchange.

use slpsim_agent::Purpose;
use slpsim_policy::Wall;

use super::table::Needs;
use super::{Effect, Fault};

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
    /// First instant at which it is not in force any more.
    until: Option<Wall>,
    left: Option<u64>,
    met: u64,
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
        self.active.push(Active { number: self.begun, fault, until, left, met: 0 });
        self.begun
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

    /// Those that were begun and not forgotten yet: number and fault.
    pub fn active(&self) -> impl Iterator<Item = (u64, &Fault)> {
        self.active.iter().map(|active| (active.number, &active.fault))
    }

    /// The fault that hits this exchange: of those that fit, the one that began last (`spec/behaviour.md` §7.5). One that
    /// lets this exchange pass (`every`, `probability`) leaves it to the one before. Its number, and what it does.
    pub fn strike(&mut self, meets: &Meets<'_>, luck: &dyn Luck) -> Option<(u64, Effect)> {
        for active in self.active.iter_mut().rev() {
            if active.is_over(meets.at) || !active.fits(meets) {
                continue;
            }
            active.met += 1;
            let spec = &active.fault.spec;
            if spec.every.is_some_and(|every| !active.met.is_multiple_of(every)) {
                continue;
            }
            if spec.probability.is_some_and(|share| !is_lucky(luck.draw(active.number, active.met), share)) {
                continue;
            }
            active.left = active.left.map(|left| left.saturating_sub(1));
            return Some((active.number, active.fault.effect));
        }
        None
    }
}

impl Active {
    /// Half-open: at `until` itself it is over. Of `for` and `next` the earlier limit ends it.
    fn is_over(&self, at: Wall) -> bool {
        self.left == Some(0) || self.until.is_some_and(|until| at >= until)
    }

    fn fits(&self, meets: &Meets<'_>) -> bool {
        let (spec, row) = (&self.fault.spec, self.fault.spec.kind.row());
        let aimed = |purposes: &[Purpose]| meets.purpose.is_some_and(|purpose| purposes.contains(&purpose));
        let reached = match row.needs {
            Needs::Any => true,
            Needs::Name => meets.by_name,
            Needs::Tls => meets.tls,
        };
        reached
            && (row.aim.is_empty() || aimed(row.aim))
            && spec.purpose.is_none_or(|purpose| aimed(&[purpose]))
            && (spec.devices.is_empty() || spec.devices.iter().any(|name| (meets.is_called)(name)))
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
    use crate::fault::{Kind, Spec};
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
}

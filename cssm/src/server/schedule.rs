//! Which device's reports go up next: in turn, each with a wait of its own, and the whole way up with one.
//!
//! Two kinds of trouble. Where the CSSM above cannot be reached at all, nobody gets through: that is noticed once, and
//! from then on one device after the other finds out whether it is over. Where a single call fails, its device waits and
//! the others go on; when calls fail one after the other, they go one at a time, so that a CSSM in trouble is not
//! pressed.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use slpsim_agent::Udi;
use tokio::time::Instant;

use super::upstream::CallError;

/// How many devices are worked on at one time.
const AT_ONCE: usize = 8;
/// Waits between tries, doubled from the first to the last. Wall time: trouble on the way is real.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(60);

/// The devices that wait to be tried again, and what is known of the way up. It forgets nothing that matters: what waits
/// for CSSM is in the records.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// Those that were tried, by the time of their next try.
    waits: HashMap<Udi, Wait>,
    by_time: BTreeSet<(Instant, Udi)>,
    under_way: HashMap<Udi, UnderWay>,
    /// The last one that was tried for the first time: the next one stands behind it.
    last: Option<Udi>,
    /// Whose turn it is where both kinds are there: one that was never tried, or one that was.
    again_first: bool,
    outage: Option<Wait>,
    /// Calls that failed one after the other.
    failed: usize,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    tries: u32,
    until: Instant,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    tries: u32,
    /// Begun to find out whether an outage is over.
    probe: bool,
}

impl Wait {
    fn after(tries: u32, now: Instant) -> Self {
        let span = FIRST_WAIT.saturating_mul(1 << tries.min(10)).min(LAST_WAIT);
        Self { tries: tries.saturating_add(1), until: now + span }
    }
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Try this device.
    Of(Udi),
    /// Nothing before this time.
    At(Instant),
    /// Nothing before something happens.
    Idle,
}

/// What changed with the end of a try.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// The CSSM above cannot be reached since this try.
    pub(super) lost: bool,
    /// It can be reached again.
    pub(super) back: bool,
    /// It is the first trouble of this device in a row, and its own.
    pub(super) first: bool,
}

/// The devices that wait for CSSM, as the records know them.
pub(super) trait Holders {
    /// How many there are.
    fn count(&self) -> usize;
    /// Whether this is one.
    fn has(&self, udi: &Udi) -> bool;
    /// The first one behind `last`, in a circle, that is none of those that `skip` names.
    fn next(&self, last: Option<&Udi>, skip: &dyn Fn(&Udi) -> bool) -> Option<Udi>;
}

impl Schedule {
    /// Whose turn it is; that device is under way from now on, until [`Schedule::ended`].
    pub(super) fn turn(&mut self, now: Instant, holders: &impl Holders) -> Turn {
        let lanes = if self.outage.is_some() || self.failed >= AT_ONCE { 1 } else { AT_ONCE };
        if self.under_way.len() >= lanes {
            return Turn::Idle;
        }
        if let Some(outage) = self.outage.filter(|outage| now < outage.until) {
            return Turn::At(outage.until);
        }
        let found = match self.again_first {
            true => self.again(now, holders).or_else(|| self.fresh(holders)),
            false => self.fresh(holders).or_else(|| self.again(now, holders)),
        };
        self.again_first = !self.again_first;
        match found {
            Some((udi, tries)) => {
                self.under_way.insert(udi, UnderWay { tries, probe: self.outage.is_some() });
                Turn::Of(udi)
            }
            None => self.by_time.first().map_or(Turn::Idle, |(until, _)| Turn::At(*until)),
        }
    }

    /// One that was never tried, or not since its last report was done with.
    fn fresh(&mut self, holders: &impl Holders) -> Option<(Udi, u32)> {
        if holders.count() <= self.waits.len() + self.under_way.len() {
            // Each of them is known; where some of those are holders no more, their time shows it.
            return None;
        }
        let known = |udi: &Udi| self.waits.contains_key(udi) || self.under_way.contains_key(udi);
        let next = holders.next(self.last.as_ref(), &known)?;
        self.last = Some(next);
        Some((next, 0))
    }

    /// The one that has waited longest beyond its time.
    fn again(&mut self, now: Instant, holders: &impl Holders) -> Option<(Udi, u32)> {
        while let Some((until, udi)) = self.by_time.first().copied() {
            if until > now {
                return None;
            }
            self.by_time.pop_first();
            let tries = self.waits.remove(&udi).map_or(0, |wait| wait.tries);
            if holders.has(&udi) {
                return Some((udi, tries));
            }
        }
        None
    }

    /// Notes how a try ended: whether everything of the device is done with.
    pub(super) fn ended(&mut self, udi: Udi, now: Instant, outcome: &Result<bool, CallError>) -> News {
        let begun = self.under_way.remove(&udi).unwrap_or(UnderWay { tries: 0, probe: false });
        let mut news = News::default();
        match outcome {
            Err(CallError::Down(_)) => {
                // Behind all others that wait; the way up has the wait.
                self.wait(udi, Wait { tries: begun.tries, until: now });
                let grown = self.outage.is_none() || begun.probe;
                news.lost = self.outage.is_none();
                if grown {
                    self.outage = Some(Wait::after(self.outage.map_or(0, |outage| outage.tries), now));
                }
                return news;
            }
            Err(CallError::Failed(_)) => {
                self.failed = self.failed.saturating_add(1);
                news.first = begun.tries == 0;
                self.wait(udi, Wait::after(begun.tries, now));
            }
            Err(CallError::Refused(_)) => {
                self.failed = 0;
                news.first = begun.tries == 0;
                self.wait(udi, Wait::after(begun.tries, now));
            }
            Ok(false) => {
                self.failed = 0;
                self.wait(udi, Wait::after(begun.tries, now));
            }
            Ok(true) => self.failed = 0,
        }
        // It answers, whatever it says.
        news.back = self.outage.take().is_some();
        news
    }

    /// Everything that waits may be tried at once.
    pub(super) fn retry_now(&mut self) {
        self.waits.clear();
        self.by_time.clear();
        self.outage = None;
        self.failed = 0;
    }

    fn wait(&mut self, udi: Udi, wait: Wait) {
        if let Some(before) = self.waits.insert(udi, wait) {
            self.by_time.remove(&(before.until, udi));
        }
        self.by_time.insert((wait.until, udi));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Some8(BTreeSet<Udi>);

    impl Holders for Some8 {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn has(&self, udi: &Udi) -> bool {
            self.0.contains(udi)
        }

        fn next(&self, last: Option<&Udi>, skip: &dyn Fn(&Udi) -> bool) -> Option<Udi> {
            let behind = self.0.iter().filter(|udi| last.is_none_or(|last| *udi > last));
            behind.chain(&self.0).find(|udi| !skip(udi)).copied()
        }
    }

    fn udi(n: usize) -> Udi {
        Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap()
    }

    fn holders(count: usize) -> Some8 {
        Some8((0..count).map(udi).collect())
    }

    fn down() -> Result<bool, CallError> {
        Err(CallError::Down("connection refused".into()))
    }

    fn failed() -> Result<bool, CallError> {
        Err(CallError::Failed("HTTP 500".into()))
    }

    fn turns(schedule: &mut Schedule, now: Instant, holders: &Some8) -> Vec<Udi> {
        std::iter::from_fn(|| match schedule.turn(now, holders) {
            Turn::Of(udi) => Some(udi),
            Turn::At(_) | Turn::Idle => None,
        })
        .collect()
    }

    #[test]
    fn devices_whose_calls_fail_do_not_keep_the_others_from_their_turn() {
        let (mut schedule, all, now) = (Schedule::default(), holders(20), Instant::now());
        let first = turns(&mut schedule, now, &all);
        assert_eq!(first, (0..8).map(udi).collect::<Vec<_>>());
        for udi in &first {
            schedule.ended(*udi, now, &failed());
        }
        // One at a time now, but every one of them.
        let mut served = Vec::new();
        while let Turn::Of(next) = schedule.turn(now, &all) {
            served.push(next);
            schedule.ended(next, now, &failed());
        }
        assert_eq!(served, (8..20).map(udi).collect::<Vec<_>>());
        assert_eq!(schedule.turn(now, &all), Turn::At(now + FIRST_WAIT));
        // Then each once more, in the same order, and all lanes are open again as soon as one gets through.
        let later = now + FIRST_WAIT;
        assert_eq!(schedule.turn(later, &all), Turn::Of(udi(0)));
        schedule.ended(udi(0), later, &Ok(false));
        assert_eq!(turns(&mut schedule, later, &all).len(), 8);
    }

    #[test]
    fn an_outage_is_noticed_once_and_one_device_after_the_other_finds_out_whether_it_is_over() {
        let (mut schedule, all, now) = (Schedule::default(), holders(20), Instant::now());
        let lost: Vec<bool> = turns(&mut schedule, now, &all)
            .into_iter()
            .map(|udi| schedule.ended(udi, now, &down()).lost)
            .collect();
        assert_eq!(lost, [true, false, false, false, false, false, false, false]);
        let mut at = now;
        let mut probes = Vec::new();
        for n in 0..12_u32 {
            let wait = FIRST_WAIT.saturating_mul(1 << n).min(LAST_WAIT);
            assert_eq!(schedule.turn(at, &all), Turn::At(at + wait), "try {n}");
            at += wait;
            let Turn::Of(probe) = schedule.turn(at, &all) else { panic!("no probe at try {n}") };
            assert_eq!(schedule.turn(at, &all), Turn::Idle, "only one");
            assert_eq!(schedule.ended(probe, at, &down()), News::default());
            probes.push(probe);
        }
        probes.sort_unstable();
        probes.dedup();
        assert_eq!(probes.len(), 12, "each time another one");
        at += LAST_WAIT;
        let Turn::Of(probe) = schedule.turn(at, &all) else { panic!("no probe") };
        assert!(schedule.ended(probe, at, &Ok(true)).back);
        assert_eq!(turns(&mut schedule, at, &all).len(), 8);
    }

    #[test]
    fn those_that_wait_longer_and_longer_meet_those_that_are_new_in_turn() {
        let (mut schedule, mut all, now) = (Schedule::default(), holders(2), Instant::now());
        for udi in turns(&mut schedule, now, &all) {
            let news = schedule.ended(udi, now, &Err(CallError::Refused("no".into())));
            assert!(news.first);
        }
        let later = now + FIRST_WAIT;
        all.0.extend((2..6).map(udi));
        let order = turns(&mut schedule, later, &all);
        assert_eq!(order.len(), 6);
        let tried_before = order.iter().position(|next| *next == udi(1)).unwrap();
        assert!(tried_before < 4, "{order:?}");
        let news = schedule.ended(udi(0), later, &Err(CallError::Refused("no".into())));
        assert!(!news.first, "told once");
        // What is gone is forgotten; what is asked for at once is tried at once.
        all.0.remove(&udi(0));
        for udi in order.into_iter().skip(1) {
            schedule.ended(udi, later, &Ok(false));
        }
        schedule.retry_now();
        assert_eq!(turns(&mut schedule, later, &all).len(), 5);
    }
}

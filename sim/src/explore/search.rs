//! Many lives on many cores, with the same result on any number of them.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

use slpsim_agent::{Failure, Message, Purpose, TransportMode};

use super::engine::{Played, play};
use super::exhaust::{Boundaries, Branch, branches, short_life};
use super::invariant::Violation;
use super::life::Life;
use super::random::random;
use super::subject::Subject;
use super::watch::Watcher;

/// Seeds of one portion of work.
const PORTION: u64 = 32;

/// Lives after which the clock is looked at.
const LOOK_EVERY: u64 = 64;

/// Where is searched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The random lives of these seeds.
    Seeds(Range<u64>),
    /// Every sequence of up to so many faults in the short life, on `smart` and on `cslu`.
    Faults(u8),
}

/// How a search is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Threads; 0 counts as 1.
    pub jobs: usize,
    /// When it ends without having seen all.
    pub deadline: Option<Instant>,
}

/// How far a search is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Portions of work that are done; those before them are, too.
    pub done: u64,
    /// Portions in all.
    pub of: u64,
    /// Lives played so far, by all threads.
    pub lives: u64,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Searched {
    /// Lives that were played, up to the failing one.
    pub lives: u64,
    /// Simulated time, in milliseconds.
    pub lived_ms: u64,
    /// Timers that ran and exchanges that ended.
    pub events: u64,
    /// Stands for every line, request and end of exchange with its time; the same on any number of threads.
    pub digest: u64,
    /// All of the ground was searched, or all up to the failing life.
    pub complete: bool,
    /// Seeds that were searched, from the first one of the ground on; of [`Ground::Seeds`] only.
    pub seeds: Option<Range<u64>>,
    /// The first life, in the order of the ground, in which an invariant breaks.
    pub found: Option<Found>,
}

/// A life in which an invariant breaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// As it was found, not shrunk.
    pub life: Life,
    /// What breaks.
    pub violation: Violation,
    /// The seed, where it is a random life.
    pub seed: Option<u64>,
}

/// Stands for everything that happened in a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// The number.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Adds a number: a step of FNV-1a over words, with the high bits folded back.
    const fn add(&mut self, value: u64) {
        let mixed = (self.0 ^ value).wrapping_mul(0x0000_0100_0000_01b3);
        self.0 = mixed ^ mixed.rotate_right(29);
    }
}

impl Watcher for Digest {
    fn line(&mut self, at_ms: u64, message: &Message) {
        self.add(at_ms);
        self.add(message.kind() as u64);
    }

    fn sent(&mut self, at_ms: u64, purpose: Purpose) {
        self.add(at_ms);
        self.add(0x100 | purpose as u64);
    }

    fn ended(&mut self, at_ms: u64, purpose: Purpose, failed: Option<Failure>) {
        self.add(at_ms);
        self.add(0x200 | u64::from(failed.is_some()) << 4 | purpose as u64);
    }
}

/// Searches a ground with subjects of the type `S`; `progress` hears of it now and then.
pub fn search<S: Subject>(ground: &Ground, effort: Effort, progress: &mut dyn FnMut(Progress)) -> Searched {
    let work = Work::<S>::of(ground, effort.deadline);
    let count = work.count();
    let (next, lives, end) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let (sender, results) = mpsc::channel();
    let mut searched = Searched::default();
    std::thread::scope(|scope| {
        for _ in 0..effort.jobs.max(1) {
            let (sender, work, next, lives, end) = (sender.clone(), &work, &next, &lives, &end);
            scope.spawn(move || {
                loop {
                    let portion = next.fetch_add(1, Ordering::Relaxed);
                    // What stands behind a failing portion does not matter any more.
                    if portion >= count || portion > end.load(Ordering::Relaxed) || work.is_over() {
                        return;
                    }
                    let done = work.portion(portion);
                    lives.fetch_add(done.lives, Ordering::Relaxed);
                    if done.found.is_some() || !done.complete {
                        end.fetch_min(portion, Ordering::Relaxed);
                    }
                    if sender.send((portion, done)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        searched = gather(results, count, &lives, progress);
    });
    if let Ground::Seeds(seeds) = ground {
        let to = seeds.start.saturating_add(searched.lives).min(seeds.end);
        searched.seeds = Some(seeds.start..to);
    }
    searched
}

/// Puts portions together in their order, up to the first that fails or was not finished.
fn gather(
    results: mpsc::Receiver<(u64, Portion)>,
    count: u64,
    lives: &AtomicU64,
    progress: &mut dyn FnMut(Progress),
) -> Searched {
    let mut searched = Searched::default();
    let mut digest = Digest::default();
    let (mut waiting, mut due, mut ended) = (BTreeMap::new(), 0, false);
    for (portion, done) in results {
        waiting.insert(portion, done);
        while let Some(done) = waiting.remove(&due).filter(|_| !ended) {
            due += 1;
            if done.complete || done.found.is_some() {
                searched.lives += done.lives;
                searched.lived_ms += done.lived_ms;
                searched.events += done.events;
                digest.add(done.digest.value());
            }
            ended = done.found.is_some() || !done.complete;
            searched.complete = due == count && done.complete || done.found.is_some();
            searched.found = done.found;
        }
        progress(Progress { done: due, of: count, lives: lives.load(Ordering::Relaxed) });
    }
    searched.complete |= count == 0;
    searched.digest = digest.value();
    searched
}

/// A ground in portions.
struct Work<S> {
    deadline: Option<Instant>,
    lives: Lives,
    subject: PhantomData<fn() -> S>,
}

enum Lives {
    Seeds(Range<u64>),
    /// The lives with at most one fault; each goes on with so many more.
    Branches(Vec<(Branch, u8)>),
}

/// What came of a portion.
#[derive(Debug, Default)]
struct Portion {
    lives: u64,
    lived_ms: u64,
    events: u64,
    digest: Digest,
    complete: bool,
    found: Option<Found>,
}

impl<S: Subject> Work<S> {
    fn of(ground: &Ground, deadline: Option<Instant>) -> Self {
        let lives = match ground {
            Ground::Seeds(seeds) => Lives::Seeds(seeds.clone()),
            Ground::Faults(depth) => Lives::Branches(Self::first_branches(*depth)),
        };
        Self { deadline, lives, subject: PhantomData }
    }

    /// The undisturbed lives, which go no further, and those with one fault.
    fn first_branches(depth: u8) -> Vec<(Branch, u8)> {
        let mut all = Vec::new();
        for transport in [TransportMode::Smart, TransportMode::Cslu] {
            let life = short_life(transport);
            let mut boundaries = Boundaries::default();
            play::<S>(&life, &mut boundaries);
            let faulty = branches(&life, &boundaries.all, 0);
            all.push((Branch { life, from: usize::MAX }, 0));
            if let Some(rest) = depth.checked_sub(1) {
                all.extend(faulty.into_iter().map(|branch| (branch, rest)));
            }
        }
        all
    }

    fn count(&self) -> u64 {
        match &self.lives {
            Lives::Seeds(seeds) => seeds.end.saturating_sub(seeds.start).div_ceil(PORTION),
            Lives::Branches(all) => u64::try_from(all.len()).unwrap_or(u64::MAX),
        }
    }

    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    fn portion(&self, number: u64) -> Portion {
        let mut done = Portion { complete: true, ..Portion::default() };
        match &self.lives {
            Lives::Seeds(seeds) => {
                let from = seeds.start.saturating_add(number.saturating_mul(PORTION));
                for seed in from..from.saturating_add(PORTION).min(seeds.end) {
                    let life = random(seed);
                    let mut digest = Digest::default();
                    let played = play::<S>(&life, &mut digest);
                    done.take(&life, played, digest, Some(seed));
                    if done.found.is_some() {
                        break;
                    }
                }
            }
            Lives::Branches(all) => {
                let branch = usize::try_from(number).ok().and_then(|number| all.get(number));
                if let Some((branch, rest)) = branch {
                    self.explore(branch, *rest, &mut done);
                }
            }
        }
        done
    }

    /// A life, then all that have up to `rest` faults more.
    fn explore(&self, branch: &Branch, rest: u8, done: &mut Portion) {
        let mut boundaries = Boundaries::default();
        let played = play::<S>(&branch.life, &mut boundaries);
        done.take(&branch.life, played, boundaries.digest, None);
        if done.lives.is_multiple_of(LOOK_EVERY) && self.is_over() {
            done.complete = false;
        }
        let Some(rest) = rest.checked_sub(1) else { return };
        for branch in branches(&branch.life, &boundaries.all, branch.from) {
            if done.found.is_some() || !done.complete {
                return;
            }
            self.explore(&branch, rest, done);
        }
    }
}

impl Portion {
    fn take(&mut self, life: &Life, played: Played, digest: Digest, seed: Option<u64>) {
        self.lives += 1;
        self.lived_ms = self.lived_ms.saturating_add(played.lived_ms);
        self.events = self.events.saturating_add(played.events);
        self.digest.add(digest.value());
        if let Some(violation) = played.violation {
            self.digest.add(violation.at_ms);
            self.found = Some(Found { life: life.clone(), violation, seed });
        }
    }
}

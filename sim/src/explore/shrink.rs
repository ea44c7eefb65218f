//! A failing life made short: fewer steps, then simpler ones, as long as the same invariant breaks.

use super::engine::play;
use super::invariant::{Invariant, Violation};
use super::life::{Deed, Life, Step};
use super::search::Digest;
use super::subject::Subject;
use crate::scenario::Peer;

/// Lives that are played to shrink one; a life is short, so this takes a second at most.
const TRIES_MAX: u32 = 4_000;

/// The shortest life found in which the same invariant breaks, and how it breaks there.
#[must_use]
pub fn shrink<S: Subject>(life: &Life, violation: &Violation) -> (Life, Violation) {
    let mut search =
        Shrink { best: life.clone(), violation: violation.clone(), wanted: violation.invariant, tries: 0 };
    search.end_early::<S>();
    loop {
        let before = search.best.clone();
        search.fewer_steps::<S>();
        search.simpler_steps::<S>();
        search.simpler_world::<S>();
        search.end_early::<S>();
        if search.best == before || search.tries >= TRIES_MAX {
            return (search.best, search.violation);
        }
    }
}

struct Shrink {
    best: Life,
    violation: Violation,
    wanted: Invariant,
    tries: u32,
}

impl Shrink {
    /// Takes a life in place of the best one if it still fails so.
    fn try_life<S: Subject>(&mut self, life: Life) -> bool {
        if life == self.best || self.tries >= TRIES_MAX {
            return false;
        }
        self.tries += 1;
        let played = play::<S>(&life, &mut Digest::default());
        match played.violation {
            Some(violation) if violation.invariant == self.wanted => {
                self.best = life;
                self.violation = violation;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Nothing after the violation is needed.
    fn end_early<S: Subject>(&mut self) {
        let at = self.violation.at_ms;
        let mut life = self.best.clone();
        life.steps.retain(|step| step.at_ms <= at);
        life.until_ms = at;
        self.try_life::<S>(life);
    }

    /// Delta debugging (Zeller, Hildebrandt, "Simplifying and Isolating Failure-Inducing Input"): takes out chunks of
    /// half the steps, then of a quarter, and so on down to single ones.
    fn fewer_steps<S: Subject>(&mut self) {
        let mut size = self.best.steps.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.best.steps.len() {
                let mut life = self.best.clone();
                let end = (at + size).min(life.steps.len());
                life.steps.drain(at..end);
                if !self.try_life::<S>(life) {
                    at += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn simpler_steps<S: Subject>(&mut self) {
        for at in 0..self.best.steps.len() {
            let Some(step) = self.best.steps.get(at).cloned() else { return };
            for simpler in simpler(&step) {
                let mut life = self.best.clone();
                if let Some(slot) = life.steps.get_mut(at) {
                    *slot = simpler;
                }
                // The others are made of the step as it was, and would undo this one; the next round goes on from here.
                if self.try_life::<S>(life) {
                    break;
                }
            }
        }
    }

    fn simpler_world<S: Subject>(&mut self) {
        self.try_life::<S>(Life { latency_ms: 0, ..self.best.clone() });
        self.try_life::<S>(Life { peer: Peer::Cssm, ..self.best.clone() });
        self.try_life::<S>(Life { seed: 1, ..self.best.clone() });
    }
}

/// The same step with fewer words or a rounder time, the simplest first.
fn simpler(step: &Step) -> Vec<Step> {
    let mut all = Vec::new();
    let deed = |deed| Step { deed, ..step.clone() };
    match &step.deed {
        Deed::Fault(trouble) => {
            use slpsim_transport::fault::Kind;
            let mut plain = *trouble;
            plain.kind = Kind::Unreachable;
            all.push(deed(Deed::Fault(plain)));
            all.push(deed(Deed::Fault(super::life::Trouble { every: None, ..*trouble })));
            all.push(deed(Deed::Fault(super::life::Trouble { purpose: None, ..*trouble })));
            if trouble.next.is_some() {
                all.push(deed(Deed::Fault(super::life::Trouble { for_ms: None, ..*trouble })));
                all.push(deed(Deed::Fault(super::life::Trouble { next: Some(1), ..*trouble })));
            }
        }
        Deed::Trust { .. } => all.push(deed(Deed::Trust { all: false, force: false })),
        Deed::PowerLoss => all.push(deed(Deed::Reload)),
        Deed::Sync
        | Deed::FactoryReset
        | Deed::Transport(_)
        | Deed::Interval(_)
        | Deed::Usage { .. }
        | Deed::Reload
        | Deed::ClockStep(_)
        | Deed::StandbyAdded
        | Deed::StandbyRemoved
        | Deed::Switchover
        | Deed::Peer(_) => {}
    }
    for grain in [86_400_000, 3_600_000, 60_000, 1_000] {
        all.push(Step { at_ms: step.at_ms - step.at_ms % grain, ..step.clone() });
    }
    all
}

//! Exploration finds agents that misbehave, passes the one that does not, and says the same on any number of cores.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the variants that it is about")]

mod spoilers;
mod wrappers;

use std::path::Path;

use slpsim_agent::messages::Kind;
use slpsim_agent::{Agent, Message};
use slpsim_sim::explore::{
    Digest, Effort, Ground, Invariant, Life, Searched, Subject, Watcher, play, random, scenario_file, search,
    shrink,
};
use slpsim_sim::scenario::{Options, What, parse, run};

use spoilers::Spoiled;
use wrappers::{FastSurvives, LostAckDrops, PersistLate};

fn searched<S: Subject>(ground: &Ground, jobs: usize) -> Searched {
    search::<S>(ground, Effort { jobs, deadline: None }, &mut |_| {})
}

/// Finds a wrapper's fault, shrinks it, and plays the file with the true agent.
fn finds<S: Subject>(ground: &Ground, invariant: Invariant) -> Life {
    let found = searched::<S>(ground, 2).found.expect("it misbehaves");
    assert_eq!(found.violation.invariant, invariant, "{}", found.violation);
    let (life, violation) = shrink::<S>(&found.life, &found.violation);
    assert_eq!(violation.invariant, invariant, "{violation}");
    assert!(life.steps.len() <= 10, "{life:?}");
    assert_eq!(play::<S>(&life, &mut Digest::default()).violation, Some(violation.clone()));
    let file = scenario_file(&life, "shrunk", Some((&violation, "slpsim scenario explore")));
    let scenarios =
        parse(&file, "shrunk.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}\n{file}"));
    let outcome = run(&scenarios[0], &Options::default()).unwrap();
    assert!(outcome.passed(), "the agent itself is right: {}\n{file}", outcome.failure_text());
    life
}

#[test]
fn a_fast_interval_that_survives_an_answered_report_is_found() {
    finds::<FastSurvives>(&Ground::Seeds(0..20_000), Invariant::FastEnds);
}

#[test]
fn a_lost_ack_that_drops_the_report_is_found_at_random_and_exhaustively() {
    finds::<LostAckDrops>(&Ground::Seeds(0..20_000), Invariant::AcknowledgedOnce);
    finds::<LostAckDrops>(&Ground::Faults(1), Invariant::AcknowledgedOnce);
}

#[test]
fn a_persist_after_send_is_found_at_random_and_exhaustively() {
    finds::<PersistLate>(&Ground::Seeds(0..20_000), Invariant::DurableFirst);
    finds::<PersistLate>(&Ground::Faults(1), Invariant::DurableFirst);
}

/// The invariant of an agent that breaks just that one.
fn breaks<const AT: usize>() {
    let found = searched::<Spoiled<AT>>(&Ground::Seeds(0..2_000), 2).found;
    let found = found.unwrap_or_else(|| panic!("{:?} is not seen to break", Spoiled::<AT>::INVARIANT));
    assert_eq!(found.violation.invariant, Spoiled::<AT>::INVARIANT, "{}", found.violation);
}

#[test]
fn every_invariant_is_seen_to_break() {
    breaks::<0>();
    breaks::<1>();
    breaks::<2>();
    breaks::<3>();
    breaks::<4>();
    breaks::<5>();
    breaks::<6>();
    breaks::<7>();
    breaks::<8>();
    breaks::<9>();
    breaks::<10>();
    breaks::<11>();
    breaks::<12>();
    breaks::<13>();
    assert_eq!(Invariant::ALL.len(), 14);
}

/// A panic ends a life, not the search: its seed is known, and the shortest life with it is written.
#[test]
fn a_panic_of_the_agent_is_found_and_shrunk_like_any_other_violation() {
    let found = searched::<Spoiled<13>>(&Ground::Seeds(0..2_000), 2).found.expect("it panics");
    assert!(found.seed.is_some());
    let (life, violation) = shrink::<Spoiled<13>>(&found.life, &found.violation);
    assert!(violation.why.ends_with(": spoiled") && violation.why.contains("spoilers.rs:"), "{violation}");
    assert!(life.steps.len() <= 1, "{life:?}");
}

/// A simplification that holds is kept: those after it are made of the step as it was before.
#[test]
fn what_shrinking_has_made_simpler_stays_simpler() {
    use slpsim_sim::explore::{Deed, Trouble};
    let found = searched::<LostAckDrops>(&Ground::Seeds(0..20_000), 2).found.expect("it misbehaves");
    let (life, _) = shrink::<LostAckDrops>(&found.life, &found.violation);
    for step in &life.steps {
        if let Deed::Fault(Trouble { purpose, every, for_ms, next, .. }) = &step.deed {
            // With any of these left out it still breaks, or shrinking would have stopped short of it.
            let kept = [purpose.is_some(), every.is_some(), for_ms.is_some() && next.is_some()];
            for (at, _) in kept.iter().enumerate().filter(|(_, kept)| **kept) {
                let mut simpler = life.clone();
                for other in simpler.steps.iter_mut().filter(|other| other.at_ms == step.at_ms) {
                    if let Deed::Fault(trouble) = &mut other.deed {
                        match at {
                            0 => trouble.purpose = None,
                            1 => trouble.every = None,
                            _ => trouble.for_ms = None,
                        }
                    }
                }
                let broken = play::<LostAckDrops>(&simpler, &mut Digest::default()).violation;
                let same = broken.is_some_and(|broken| broken.invariant == Invariant::AcknowledgedOnce);
                assert!(!same, "it could be simpler: {life:?}");
            }
        }
    }
}

#[test]
fn the_guide_has_every_invariant_in_its_words() {
    let guide =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/scenarios.md")).unwrap();
    let rows: Vec<_> =
        Invariant::ALL.iter().map(|i| format!("| `{}` | {} |", i.word(), i.meaning())).collect();
    assert!(guide.contains(&rows.join("\n")), "docs/scenarios.md lacks:\n{}", rows.join("\n"));
}

const LYING_STORE: &str = r#"
name  = "a store that loses writes, and a loss of power"
until = "70d"
[device]
transport = "smart"
[[at]]
t = "10s"
command = "license smart trust idtoken {token} local"
[[at]]
t = "29d"
fault = { kind = "write-lost", for = "3d" }
[[at]]
t = "31d"
event = "power-loss"
"#;

/// What a store loses that said that it wrote, no agent can know.
#[test]
fn an_agent_is_not_blamed_for_what_its_store_has_lost() {
    let scenarios = parse(LYING_STORE, "lying.toml", Path::new("")).unwrap();
    let outcome = run(&scenarios[0], &Options::default()).unwrap();
    assert!(outcome.passed(), "{}", outcome.failure_text());
}

#[test]
fn the_agent_keeps_every_invariant_in_random_lives_and_at_every_boundary_of_a_short_one() {
    for ground in [Ground::Seeds(0..300), Ground::Faults(1)] {
        let searched = searched::<Agent>(&ground, 2);
        if let Some(found) = searched.found {
            let (life, violation) = shrink::<Agent>(&found.life, &found.violation);
            panic!(
                "seed {:?}\n{}",
                found.seed,
                scenario_file(&life, "found", Some((&violation, "this test")))
            );
        }
        assert!(searched.complete && searched.lives > 60, "{ground:?}: {searched:?}");
    }
}

#[test]
fn one_job_and_many_give_the_same_digest_and_find_the_same_life() {
    for ground in [Ground::Seeds(5..105), Ground::Faults(1)] {
        let one = searched::<Agent>(&ground, 1);
        for jobs in [2, 5] {
            assert_eq!(searched::<Agent>(&ground, jobs), one, "{ground:?} with {jobs} jobs");
        }
    }
    let one = searched::<LostAckDrops>(&Ground::Seeds(0..20_000), 1);
    assert_eq!(searched::<LostAckDrops>(&Ground::Seeds(0..20_000), 4), one);
    let other = searched::<Agent>(&Ground::Seeds(5..106), 1);
    assert_ne!(other.digest, searched::<Agent>(&Ground::Seeds(5..105), 1).digest);
}

/// The lines of a life.
#[derive(Default)]
struct Lines(Vec<(u64, Kind)>);

impl Watcher for Lines {
    fn line(&mut self, at_ms: u64, message: &Message) {
        self.0.push((at_ms, message.kind()));
    }
}

#[test]
fn a_life_and_its_scenario_file_are_the_same_story() {
    for seed in 0..100 {
        let life = random(seed);
        let mut lived = Lines::default();
        assert_eq!(play::<Agent>(&life, &mut lived).violation, None, "seed {seed}");
        let file = scenario_file(&life, &format!("seed {seed}"), None);
        let scenarios =
            parse(&file, "life.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}\n{file}"));
        let outcome = run(&scenarios[0], &Options::default()).unwrap();
        let entries = outcome.trace.entries.iter();
        let lines = entries.filter_map(|entry| match &entry.what {
            What::Line { message, .. } => Some((entry.at_ms, message.kind())),
            _ => None,
        });
        let lines: Vec<_> = lines.collect();
        let at = (0..lines.len().max(lived.0.len())).find(|at| lines.get(*at) != lived.0.get(*at));
        assert_eq!(
            at,
            None,
            "seed {seed}: {:?} and {:?}\n{file}",
            at.map(|at| lived.0.get(at)),
            at.map(|at| lines.get(at))
        );
        assert!(outcome.passed(), "seed {seed}: {}\n{file}", outcome.failure_text());
    }
}

//! Exploration finds agents that misbehave, passes the one that does not, and says the same on any number of cores.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the variants that it is about")]

mod wrappers;

use std::path::Path;

use slpsim_agent::messages::Kind;
use slpsim_agent::{Agent, Message};
use slpsim_sim::explore::{
    Digest, Effort, Ground, Invariant, Life, Searched, Subject, Watcher, play, random, scenario_file, search,
    shrink,
};
use slpsim_sim::scenario::{Options, What, parse, run};

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
        assert_eq!(searched::<Agent>(&ground, 4), one, "{ground:?}");
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

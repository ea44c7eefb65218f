//! What holds for every agent at every moment, whatever happens to it (`spec/behaviour.md` §4–§11).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test picks the variants that it is about")]

#[path = "invariants/steps.rs"]
mod steps;
#[path = "invariants/world.rs"]
mod world;

use proptest::collection::vec;
use proptest::prelude::*;
use slpsim_agent::{BootCause, Command, Input};

use steps::{Step, start, step};
use world::World;

/// `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(120);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// The checks stand in `World::call` and `World::drain`, after every single call.
    #[test]
    fn no_sequence_of_events_breaks_an_invariant(start in start(), steps in vec(step(), 1..80)) {
        let mut world = World::new(&start);
        for step in &steps {
            world.take(step);
            world.drain();
        }
    }

    /// Save, restore and go on is the same as going on, but for what a reload loses.
    #[test]
    fn a_restored_agent_lives_the_life_of_the_one_that_was_saved(
        start in start(),
        before in vec(step(), 1..50),
        after in vec(step(), 1..40),
    ) {
        let mut original = World::new(&start);
        for step in &before {
            original.take(step);
            original.drain();
        }
        let mut restored = original.restored();
        let reload = Input::Boot { cause: BootCause::Reload, clock_authoritative: true };
        for world in [&mut original, &mut restored] {
            world.forget_trace();
            world.input(reload.clone());
            world.drain();
        }
        prop_assert_eq!(original.trace(), restored.trace());
        for step in after.iter().filter(|step| !matches!(step, Step::Late(..) | Step::Unknown(..))) {
            for world in [&mut original, &mut restored] {
                world.take(step);
                world.drain();
            }
            prop_assert_eq!(original.trace(), restored.trace(), "after {:?}", step);
            prop_assert_eq!(original.saved(), restored.saved(), "after {:?}", step);
        }
    }

    /// §11: a factory reset leaves nothing but usage, units and settings; report ids are never given again.
    #[test]
    fn a_factory_reset_leaves_a_fresh_device(start in start(), steps in vec(step(), 1..60)) {
        let mut world = World::new(&start);
        for step in steps.iter().filter(|step| !matches!(step, Step::Standby(..))) {
            world.take(step);
            world.drain();
        }
        world.command(Command::FactoryReset);
        let fresh = world.fresh();
        prop_assert_eq!(without_ids(&world.saved()), without_ids(&fresh));
    }
}

/// The text with every report id blotted out.
fn without_ids(saved: &str) -> String {
    let mut parts = saved.split("id: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + "id: #" + part.trim_start_matches(|c: char| c.is_ascii_digit()))
}

//! The transition table, `docs/transitions.md`: each state of each concern of `spec/behaviour.md` §5.2 with each input.
//!
//! It is made from the agent, held against the file, and held against what the reference says in words
//! (`expected.rs`), so that a wrong transition cannot be written down by mistake.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod closed;
mod expected;
mod inputs;
mod observe;
mod render;
mod replies;
mod scenes;
mod states;
mod steps;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use std::{env, fs};

use expected::Effects;
use inputs::{InputKind, Variant};
use observe::Effect;
use scenes::Scene;
use slpsim_agent::messages::catalogue::CATALOGUE;
use states::{Concern, State};
use support::Rig;
use table::{SceneTable, Words};

/// Made once for all tests of this file.
static TABLES: LazyLock<Vec<SceneTable>> = LazyLock::new(SceneTable::all);

#[test]
fn the_document_says_what_the_agent_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/transitions.md");
    let seen = render::document(&TABLES);
    if env::var_os("SLPSIM_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, seen).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let same = written.lines().zip(seen.lines()).take_while(|(old, new)| old == new).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("<end>").to_owned();
    assert!(
        written == seen,
        "docs/transitions.md:{}: differs; SLPSIM_BLESS=1 writes it anew, if that is wanted\n  written: {}\n  \
         seen:    {}",
        same + 1,
        line(&written),
        line(&seen)
    );
}

#[test]
fn each_state_with_each_input_has_exactly_one_row() {
    let kinds = InputKind::all();
    for table in TABLES.iter() {
        let rows = table.rows();
        let listed: Vec<_> =
            rows.iter().flat_map(|row| Words::of(&row.inputs)).flat_map(|words| words.inputs()).collect();
        let scene = table.stage.scene;
        assert_eq!(listed.len(), kinds.len(), "{scene:?} has an input twice or not at all");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), kinds.iter().copied().collect(), "{scene:?}");
    }
    let reached: BTreeSet<_> = TABLES.iter().map(|table| table.stage.scene.state()).collect();
    assert_eq!(reached, State::ALL.iter().copied().collect(), "each state has a table");
    assert_eq!(kinds.iter().collect::<BTreeSet<_>>().len(), kinds.len());
}

/// `spec/behaviour.md` §5.2: the concerns and states of the reference are those of the table.
#[test]
fn the_concerns_and_states_are_those_of_the_reference() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/spec/behaviour.md");
    let text = fs::read_to_string(path).unwrap();
    let section = text.split("### 5.2 ").nth(1).unwrap().split("\n## ").next().unwrap();
    for concern in Concern::ALL.iter().filter(|concern| **concern != Concern::Authorization) {
        let row = section.lines().find(|line| line.starts_with(&format!("| {} |", concern.text())));
        let cell = row.unwrap_or_else(|| panic!("no row {}", concern.text())).split('|').nth(2).unwrap();
        let in_reference: BTreeSet<_> = cell.split('`').skip(1).step_by(2).map(name).collect();
        let here = State::ALL.iter().filter(|state| state.concern() == *concern);
        if *concern == Concern::Reminder {
            // Named in words there.
            for state in here.filter(|state| **state != State::ReminderNone) {
                assert!(cell.contains(state.text()), "{} is not in {cell}", state.text());
            }
        } else {
            let here: BTreeSet<_> = here.map(|state| name(state.text().split(',').next().unwrap())).collect();
            assert_eq!(here, in_reference, "{}", concern.text());
        }
    }
}

/// A state without its fields.
fn name(state: &str) -> &str {
    state.split('{').next().unwrap()
}

#[test]
fn each_variant_of_the_agents_inputs_is_in_the_table() {
    let steps = TABLES.iter().flat_map(|table| {
        InputKind::all().into_iter().filter_map(|kind| Some(table.stage.prepare(kind).ok()?.step.variant()))
    });
    let seen: BTreeSet<_> = steps.map(Variant::text).collect();
    assert_eq!(seen, Variant::ALL.iter().map(|variant| variant.text()).collect());
}

#[test]
fn each_message_of_the_catalogue_occurs() {
    let entries = TABLES.iter().flat_map(|table| table.entries.values());
    let seen: BTreeSet<_> = entries.flatten().flat_map(|outcome| outcome.messages.iter().copied()).collect();
    assert_eq!(seen, CATALOGUE.iter().map(|row| row.kind).collect());
}

#[test]
fn the_agent_does_what_the_reference_says() {
    let rows = expected::all();
    let mut wrong = Vec::new();
    for row in &rows {
        let table = TABLES.iter().find(|table| table.stage.scene == row.at).unwrap();
        let seen = match &table.entries[&row.input] {
            Ok(seen) => seen,
            Err(never) => {
                wrong.push(format!("{}: {:?} {:?}: {}", row.cite, row.at, row.input, never.text()));
                continue;
            }
        };
        let effects: BTreeSet<&Effect> = seen.effects.iter().collect();
        let as_wanted = match &row.effects {
            Effects::Among(some) => some.iter().all(|effect| effects.contains(effect)),
            Effects::Only(all) => effects == all.iter().collect(),
        };
        if !as_wanted || seen.next != row.next || seen.messages != row.messages {
            wrong.push(format!("{}: {:?} {:?}: {seen:?}", row.cite, row.at, row.input));
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn the_end_of_an_exchange_that_is_not_in_flight_changes_nothing() {
    for table in TABLES.iter() {
        let mut rig: Rig = table.stage.at.clone();
        let before = rig.agent.clone();
        rig.outputs.clear();
        for input in steps::strange_ends(&table.stage.at) {
            rig.input(input);
        }
        // Before the first start all that an input does is to ask for the first state to be kept.
        if table.stage.scene != Scene::RenewalsNotStarted {
            assert_eq!(rig.agent, before, "{:?}", table.stage.scene);
            assert_eq!(rig.outputs, [], "{:?}", table.stage.scene);
        }
    }
}

#[test]
fn the_durable_state_is_kept_before_anything_that_depends_on_it() {
    for table in TABLES.iter() {
        for (kind, outcome) in
            table.entries.iter().filter_map(|(kind, entry)| Some((kind, entry.as_ref().ok()?)))
        {
            let at = outcome.effects.iter().position(|effect| *effect == Effect::Persist);
            assert!(at.is_none_or(|at| at == 0), "{:?} {kind:?}: {outcome:?}", table.stage.scene);
            let reports = outcome.effects.iter().any(|effect| {
                matches!(effect, Effect::CloseReports | Effect::SettleReports | Effect::PurgeReport)
            });
            assert!(!reports || at.is_some(), "{:?} {kind:?}: {outcome:?}", table.stage.scene);
        }
    }
}

//! The scenarios that ship: each passes, and each fails once what it is about is taken out.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use slpsim_sim::scenario::{Options, Scenario, load, run};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    files
}

fn scenarios() -> Vec<Scenario> {
    files().iter().flat_map(|path| load(path).unwrap_or_else(|error| panic!("{error}"))).collect()
}

#[test]
fn every_scenario_of_the_library_passes() {
    let failed: Vec<_> = scenarios()
        .iter()
        .map(|scenario| run(scenario, &Options::default()).unwrap())
        .filter(|outcome| !outcome.passed())
        .map(|outcome| format!("{}\n{}", outcome.title, outcome.failure_text()))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// A scenario that passes without its fault shows nothing.
#[test]
fn every_scenario_of_the_library_fails_without_what_it_is_about() {
    let toothless: Vec<_> = scenarios()
        .iter()
        .map(|scenario| run(scenario, &Options { without_cause: true, ..Options::default() }).unwrap())
        .filter(slpsim_sim::scenario::Outcome::passed)
        .map(|outcome| format!("{} ({})", outcome.title, outcome.file))
        .collect();
    assert!(toothless.is_empty(), "{}", toothless.join("\n"));
}

#[test]
fn every_scenario_of_the_library_has_a_title_of_its_own_and_says_what_it_shows() {
    let mut titles: Vec<_> = scenarios().iter().map(Scenario::title).collect();
    let count = titles.len();
    titles.sort();
    titles.dedup();
    assert_eq!(titles.len(), count);
    for path in files() {
        // The example of the interface is kept as printed there.
        let is_example = path.ends_with("outage-six-hours.toml");
        for scenario in load(&path).unwrap() {
            assert!(scenario.shows.is_some() || is_example, "{} says not what it shows", path.display());
        }
    }
}

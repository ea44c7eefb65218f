//! Scenario files: the example of `interface.md` §6 as printed, and what is said of files and runs that are wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use slpsim_sim::scenario::{Options, Outcome, load, parse, run};

fn library() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios")
}

fn played(text: &str) -> Outcome {
    let scenarios = parse(text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
    run(&scenarios[0], &Options::default()).unwrap()
}

fn refused(text: &str) -> String {
    parse(text, "f.toml", Path::new("")).unwrap_err().to_string()
}

#[test]
fn the_example_of_the_interface_passes_as_printed() {
    let scenarios = load(&library().join("outage-six-hours.toml")).unwrap_or_else(|error| panic!("{error}"));
    let outcome = run(&scenarios[0], &Options::default()).unwrap();
    assert!(outcome.passed(), "{}", outcome.failure_text());
    assert_eq!(outcome.verdicts.len(), 3);
}

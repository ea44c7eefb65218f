//! Every licensing show command in every state, as goldens: `sim/tests/goldens/states/STATE.txt`, one a scenario of
//! `sim/tests/states`, so that a state is reached as on a switch and never by setting fields.
//!
//! `SLPSIM_BLESS=1 cargo test -p slpsim-sim --test states` writes them anew; `git diff` is the review.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use slpsim_console::table::sources::origin_of;
use slpsim_sim::scenario::{Options, Shown, load, run_and_show};

/// The states of `spec/behaviour.md` that a show command looks different in.
const STATES: [&str; 12] = [
    "after-factory-reset",
    "customer-policy",
    "down-rev",
    "fresh",
    "no-licence-in-use",
    "outage-in-fast-interval",
    "outage-in-the-window",
    "overdue",
    "transport-off",
    "trusted",
    "two-supervisors",
    "waiting-for-ack",
];

/// Every show command of licensing (`spec/console.md` §2).
const COMMANDS: [&str; 17] = [
    "show license all",
    "show license status",
    "show license summary",
    "show license usage",
    "show license udi",
    "show license eventlog",
    "show license history message",
    "show license rum id all",
    "show license rum id all detail",
    "show license tech support",
    "show license authorization",
    "show license data conversion",
    "show license host-id",
    "show call-home profile all",
    "show callhome",
    "show ip http client",
    "show running-config license",
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// Plays the scenario of a state to its end and types all commands.
fn reach(state: &str) -> Vec<Shown> {
    let scenarios =
        load(&folder("states").join(format!("{state}.toml"))).unwrap_or_else(|error| panic!("{error}"));
    let (outcome, shown) = run_and_show(&scenarios[0], &Options::default(), &COMMANDS).unwrap();
    assert!(outcome.passed(), "{}", outcome.failure_text());
    shown
}

/// What a person sees who types one command after the other.
fn session(shown: &[Shown]) -> String {
    shown.iter().fold(String::new(), |text, one| text + "switch# " + &one.line + "\n" + &one.text)
}

#[test]
fn every_command_in_every_state_is_as_it_was_reviewed() {
    let bless = std::env::var_os("SLPSIM_BLESS").is_some_and(|value| value == "1");
    let mut wrong = Vec::new();
    for state in STATES {
        let shown = reach(state);
        for one in &shown {
            assert!(!one.error, "{state}: {}: {}", one.line, one.text);
        }
        let actual = session(&shown);
        let path = folder("goldens/states").join(format!("{state}.txt"));
        if bless {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = actual.lines().zip(expected.lines()).find(|(actual, expected)| actual != expected);
        if let Some((actual, expected)) = differs {
            wrong.push(format!("{}: {actual:?} instead of {expected:?}", path.display()));
        } else if actual != expected {
            wrong.push(format!("{}: differs at its end", path.display()));
        }
    }
    assert!(wrong.is_empty(), "SLPSIM_BLESS=1 writes them anew:\n{}", wrong.join("\n"));
}

#[test]
fn every_state_has_its_scenario_and_its_golden_and_there_are_no_others() {
    for (place, ending) in [("states", "toml"), ("goldens/states", "txt")] {
        let entries = std::fs::read_dir(folder(place)).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        assert_eq!(names, STATES.map(|state| format!("{state}.{ending}")), "{place}");
    }
}

/// What automation takes for a prompt or for a failure (`spec/console.md` §1, measured).
#[test]
fn nothing_that_is_shown_is_taken_for_a_prompt_or_a_failure() {
    const FAILURES: [&str; 6] = [
        "invalid input",
        "incomplete command",
        "ambiguous command",
        "connection timed out",
        "syntax error",
        "unknown command",
    ];
    for state in STATES {
        for one in reach(state) {
            for line in one.text.lines() {
                let small = line.to_ascii_lowercase();
                let prompt = !line.contains(' ') && line.ends_with(['#', '>', '$']);
                let failure = FAILURES.iter().any(|failure| small.contains(failure))
                    || small.ends_with("not found")
                    || small.starts_with("error:")
                    || (line.starts_with('%') && line[1..].trim_start().starts_with(char::is_alphanumeric));
                assert!(!prompt && !failure, "{state}: {}: {line}", one.line);
                assert_eq!(line, line.trim_end(), "{state}: {}: blanks at the end", one.line);
            }
        }
    }
}

/// `docs/commands.md` says of each line whether NX-OS, IOS-XE or nobody is known to print it so.
#[test]
fn every_line_that_is_shown_has_its_source() {
    for state in STATES {
        for one in reach(state) {
            let lines = one.text.lines().filter(|line| !line.is_empty());
            let unknown: Vec<_> = lines.filter(|line| origin_of(&one.line, line).is_none()).collect();
            assert!(unknown.is_empty(), "{state}: {}: {unknown:#?}", one.line);
        }
    }
}

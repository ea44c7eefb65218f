//! Simulation and lockstep tell the same story: every scenario that ships and every kind of fault, in both modes.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use slpsim_agent::{Failure, Purpose};
use slpsim_sim::scenario::{Mode, Options, Outcome, Scenario, What, load, parse, run};
use slpsim_transport::fault::{Kind, Place};

/// Files that cannot run in lockstep, each with the reason.
const ELSEWHERE: [(&str, &str); 0] = [];

/// One thing that a device did: when, which, and what.
#[derive(Debug, PartialEq)]
enum Did {
    Line(u64, Option<usize>, String),
    Exchange {
        device: Option<usize>,
        began: u64,
        ended: u64,
        purpose: Purpose,
        failed: Option<Failure>,
        fault: Option<u64>,
    },
}

fn trace(outcome: &Outcome) -> Vec<Did> {
    let entries = outcome.trace.entries.iter();
    let did = entries.filter_map(|entry| match &entry.what {
        What::Line { message, text, .. } => {
            Some(Did::Line(entry.at_ms, entry.device, format!("{}: {text}", message.row().mnemonic())))
        }
        What::Exchange { began_ms, purpose, failed, fault } => Some(Did::Exchange {
            device: entry.device,
            began: *began_ms,
            ended: entry.at_ms,
            purpose: *purpose,
            failed: *failed,
            fault: *fault,
        }),
        What::Step { .. } | What::Console { .. } => None,
    });
    did.collect()
}

/// How the two modes part, or nothing.
fn difference(scenario: &Scenario) -> Option<String> {
    let in_mode = |mode| run(scenario, &Options { mode, ..Options::default() }).unwrap();
    let (simulated, real) = (in_mode(Mode::Sim), in_mode(Mode::Lockstep));
    let title = scenario.title();
    let (one, other) = (trace(&simulated), trace(&real));
    if let Some(at) = (0..one.len().max(other.len())).find(|at| one.get(*at) != other.get(*at)) {
        let (one, other) = (one.get(at), other.get(at));
        return Some(format!("{title}: at {at}\n  simulation {one:?}\n  lockstep   {other:?}"));
    }
    let passed =
        |outcome: &Outcome| outcome.verdicts.iter().map(|verdict| verdict.passed).collect::<Vec<_>>();
    (passed(&simulated) != passed(&real)).then(|| format!("{title}: verdicts\n{}", real.failure_text()))
}

/// All of them, on two threads; how those that part do so.
fn differences(scenarios: &[Scenario]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = BTreeMap::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(scenario) = scenarios.get(at) else { return found };
            if let Some(difference) = difference(scenario) {
                found.insert(at, difference);
            }
        }
    };
    let found: BTreeMap<usize, String> = std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    found.into_values().collect()
}

#[test]
fn every_scenario_of_the_library_says_the_same_in_both_modes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| {
        let elsewhere = ELSEWHERE.iter().any(|(name, _)| path.ends_with(name));
        path.extension().is_some_and(|extension| extension == "toml") && !elsewhere
    });
    files.sort();
    let scenarios: Vec<_> =
        files.iter().flat_map(|path| load(path).unwrap_or_else(|error| panic!("{error}"))).collect();
    assert!(scenarios.len() >= files.len() && files.len() > 30);
    let parted = differences(&scenarios);
    assert!(parted.is_empty(), "{}", parted.join("\n"));
}

/// A trust request, a report and its poll with each fault in its way: on TLS, over Call Home and in the clear.
#[test]
fn every_kind_of_fault_says_the_same_in_both_modes() {
    let mut scenarios = Vec::new();
    for kind in Kind::ALL {
        for transport in ["smart", "callhome", "cslu"] {
            let name = kind.word();
            let text = format!(
                "name = \"{name} on {transport}\"\nuntil = \"33d\"\n[device]\ntransport = \"{transport}\"\n\
                 [[at]]\nt = \"5s\"\nfault = {{ kind = \"{name}\", next = 1 }}\n\
                 [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {{token}}\"\n\
                 [[at]]\nt = \"30d\"\nfault = {{ kind = \"{name}\", next = 2 }}\n"
            );
            scenarios.extend(parse(&text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}")));
        }
    }
    let parted = differences(&scenarios);
    assert!(parted.is_empty(), "{}", parted.join("\n"));
}

/// Each kind on the link between a CSLU or On-Prem and its CSSM, in the way of a trust request, a report and polls.
#[test]
fn every_kind_on_the_upstream_link_says_the_same_in_both_modes() {
    let mut scenarios = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| kind.row().places.contains(&Place::Upstream)) {
        for peer in ["cslu", "on-prem"] {
            let name = kind.word();
            let text = format!(
                "name = \"{name} above {peer}\"\nuntil = \"33d\"\n[world]\npeer = \"{peer}\"\n[device]\ntransport = \"cslu\"\n\
                 [[at]]\nt = \"5s\"\nfault = {{ kind = \"{name}\", next = 1, link = \"upstream\" }}\n\
                 [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {{token}}\"\n\
                 [[at]]\nt = \"30d\"\nfault = {{ kind = \"{name}\", for = \"5m\", link = \"upstream\" }}\n"
            );
            scenarios.extend(parse(&text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}")));
        }
    }
    assert!(scenarios.len() > 20);
    let parted = differences(&scenarios);
    assert!(parted.is_empty(), "{}", parted.join("\n"));
}

/// Shapes are drawn from the same numbers, and writes of the store fail alike.
#[test]
fn every_shape_of_a_fault_says_the_same_in_both_modes() {
    let mut scenarios = Vec::new();
    for (at, fault) in [
        "kind = \"quota\", after = 2, next = 3",
        "kind = \"reset\", on = \"7h\", off = \"5h\"",
        "kind = \"http-status\", status = 404, ramp = \"20d\"",
        "kind = \"slow\", by = \"40s\", distribution = \"exponential\"",
        "kind = \"dribble\", by = \"50s\", distribution = \"normal\", spread = \"20s\"",
        "kind = \"latency\", by = \"1m\", distribution = \"uniform\", ramp = \"10d\"",
        "kind = \"write-lost\", probability = 0.5",
        "kind = \"disk-full\", every = 2",
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!(
            "name = \"shape {at}\"\nuntil = \"25d\"\n[device]\ntransport = \"smart\"\nusage-interval = 1\n\
             [[world.link]]\nlatency = \"1s\"\njitter = \"300ms\"\nbandwidth = 56000\nloss = 0.05\n\
             [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {{token}}\"\n\
             [[at]]\nt = \"2d\"\nfault = {{ {fault} }}\n\
             [[at]]\nt = \"9d\"\nevent = \"power-loss\"\n[[at]]\nt = \"18d\"\nevent = \"power-loss\"\nlost-writes = 2\n"
        );
        scenarios.extend(parse(&text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}")));
    }
    let parted = differences(&scenarios);
    assert!(parted.is_empty(), "{}", parted.join("\n"));
}

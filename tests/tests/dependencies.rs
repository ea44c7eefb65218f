//! Which crate may use which: the rooms of `docs/DESIGN.md` §1, held against `cargo metadata`.
#![expect(clippy::expect_used, reason = "helpers of tests say what they expect, too")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use slpsim_tests::{read, root};

/// The crates of the project, and what each may use of the others. Tests and benches are free.
const DIRECTION: [(&str, &[&str]); 11] = [
    ("slpsim-policy", &[]),
    ("slpsim-agent", &["slpsim-policy"]),
    ("slpsim-network", &[]),
    ("slpsim-console", &["slpsim-agent", "slpsim-policy", "slpsim-network"]),
    ("slpsim-transport", &["slpsim-agent", "slpsim-policy", "slpsim-network"]),
    // The policy gives the logs their clock types.
    ("slpsim-logs", &["slpsim-agent", "slpsim-policy"]),
    ("slpsim-cssm", &["slpsim-transport", "slpsim-agent", "slpsim-policy"]),
    ("slpsim-config", &["slpsim-agent", "slpsim-network", "slpsim-policy"]),
    (
        "slpsim-sim",
        &[
            "slpsim-agent",
            "slpsim-console",
            "slpsim-network",
            "slpsim-cssm",
            "slpsim-transport",
            "slpsim-logs",
            "slpsim-policy",
            "slpsim-config",
        ],
    ),
    (
        "slpsim",
        &[
            "slpsim-agent",
            "slpsim-config",
            "slpsim-console",
            "slpsim-cssm",
            "slpsim-logs",
            "slpsim-network",
            "slpsim-policy",
            "slpsim-sim",
            "slpsim-transport",
        ],
    ),
    ("slpsim-tests", &[]),
];

/// The crates that run without an operating system.
const BARE: [&str; 4] = ["slpsim-policy", "slpsim-agent", "slpsim-network", "slpsim-console"];

/// All that the bare crates may pull in, directly or not; each is `no_std` as they use it.
const BARE_MAY_USE: [&str; 9] = [
    // The console's `| include`; its two accelerators come with the features that other crates ask for.
    "aho-corasick",
    "memchr",
    "regex",
    "regex-automata",
    "regex-syntax",
    "serde",
    "serde_core",
    "smallvec",
    "thiserror",
];

/// The top level that the project promises, beside the files of Cargo.
const TOP_LEVEL: [&str; 11] = [
    "Cargo.toml",
    "agent/Cargo.toml",
    "transport/Cargo.toml",
    "policy/Cargo.toml",
    "tests/Cargo.toml",
    "config/Cargo.toml",
    "src/main.rs",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
];

#[test]
fn every_crate_uses_only_what_its_room_may_use() {
    let metadata = metadata();
    let ours: BTreeMap<&str, &Package> =
        metadata.workspace_packages().into_iter().map(|package| (package.name.as_str(), package)).collect();
    let named: BTreeSet<&str> = DIRECTION.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours.keys().copied().collect::<BTreeSet<_>>(), named, "crates and rule differ");
    let mut wrong = Vec::new();
    for (name, allowed) in DIRECTION {
        for used in &ours[name].dependencies {
            let normal = used.kind == DependencyKind::Normal && ours.contains_key(used.name.as_str());
            if normal && name != "slpsim-tests" && !allowed.contains(&used.name.as_str()) {
                wrong.push(format!("{name} uses {}", used.name));
            }
        }
    }
    assert!(wrong.is_empty(), "against the dependency direction of docs/DESIGN.md: {}", wrong.join(", "));
}

#[test]
fn the_core_needs_no_operating_system() {
    let metadata = metadata();
    let packages: BTreeMap<&PackageId, &Package> =
        metadata.packages.iter().map(|package| (&package.id, package)).collect();
    for name in BARE {
        let folder = name.trim_start_matches("slpsim-");
        let lib = read(&format!("{folder}/src/lib.rs"));
        assert!(lib.contains("\n#![no_std]\n"), "{folder}/src/lib.rs does not say #![no_std]");
        let package = metadata.packages.iter().find(|package| package.name == name).expect("crate exists");
        let pulled: BTreeSet<&str> = closure(&metadata, &packages, &package.id)
            .into_iter()
            .map(|id| packages[id].name.as_str())
            .filter(|used| !BARE.contains(used) && !BARE_MAY_USE.contains(used))
            .collect();
        assert!(pulled.is_empty(), "{name} pulls in {pulled:?}, which is not known to do without std");
        for used in package.dependencies.iter().filter(|used| used.kind == DependencyKind::Normal) {
            assert!(!used.features.iter().any(|f| f == "std"), "{name} asks {} for std", used.name);
            assert!(
                !defaults_to_std(&metadata, used),
                "{name} takes the defaults of {}, with std",
                used.name
            );
        }
    }
}

#[test]
fn the_files_that_users_look_for_stand_at_the_top() {
    for path in TOP_LEVEL {
        assert!(root().join(path).is_file(), "{path} is missing");
    }
}

/// The metadata for the platform that the tests run on: its crates are there, since the tests were built from them.
fn metadata() -> Metadata {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(vec!["--locked".into(), "--filter-platform".into(), platform])
        .exec()
        .expect("cargo metadata runs")
}

/// What a crate pulls in at run time: normal dependencies of normal dependencies, procedural macros apart.
fn closure<'a>(
    metadata: &'a Metadata,
    packages: &BTreeMap<&PackageId, &Package>,
    from: &'a PackageId,
) -> BTreeSet<&'a PackageId> {
    let graph = metadata.resolve.as_ref().expect("metadata has the graph");
    let nodes: BTreeMap<&PackageId, _> = graph.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        for used in &nodes[id].deps {
            let normal = used.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            let at_run_time = !packages[&used.pkg].targets.iter().any(cargo_metadata::Target::is_proc_macro);
            if normal && at_run_time && seen.insert(&used.pkg) {
                open.push(&used.pkg);
            }
        }
    }
    seen
}

/// Whether a dependency is taken with default features, and these include `std`.
fn defaults_to_std(metadata: &Metadata, used: &cargo_metadata::Dependency) -> bool {
    used.uses_default_features
        && metadata
            .packages
            .iter()
            .filter(|package| package.name == used.name.as_str())
            .any(|package| package.features.get("default").is_some_and(|on| on.iter().any(|f| f == "std")))
}

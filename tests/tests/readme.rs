//! What `README.md` promises is what the checks run.

use slpsim_tests::{read, root};

const DEMO: &str = "cargo run --release -- demo";
const TESTS: &str = "cargo test --workspace";

#[test]
fn the_readme_has_its_two_commands_each_as_a_block_of_its_own() {
    let readme = read("README.md");
    for command in [DEMO, TESTS] {
        assert!(
            readme.contains(&format!("\n```sh\n{command}\n```\n")),
            "README.md does not have `{command}`"
        );
    }
}

#[test]
fn the_checks_run_the_readmes_test_command_word_for_word() {
    let checks = read(".ci/run");
    let last = checks.lines().rfind(|line| !line.is_empty());
    assert_eq!(
        last,
        Some(TESTS),
        "the last line of .ci/run is the test command, so that its summary ends the output"
    );
    assert!(checks.contains("\nexport SLPSIM_REQUIRE_PEERS=1\n"));
    assert!(checks.contains("\nset -euo pipefail\n"));
}

#[cfg(unix)]
#[test]
fn the_checks_can_be_started() {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(root().join(".ci/run")).expect(".ci/run exists").permissions().mode();
    assert_eq!(mode & 0o111, 0o111, ".ci/run is not executable");
}

#[test]
fn the_folders_that_the_documents_link_to_exist() {
    let link = regex::Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").expect("pattern is valid");
    let mut checked = 0;
    for document in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/DESIGN.md", "docs/interface.md"] {
        let folder = root().join(document).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
        for target in link.captures_iter(&read(document)) {
            checked += 1;
            assert!(folder.join(&target[1]).exists(), "{document} links to {}, which is missing", &target[1]);
        }
    }
    assert!(checked > 15, "only {checked} links were found");
}

//! The tour of `README.md`, as it is printed there.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::timeout;

const README: &str = include_str!("../../README.md");

/// The blocks of the tour, in order.
fn tour() -> String {
    let (_, tour) = README.split_once("\n## A tour of five minutes\n").unwrap();
    let (tour, _) = tour.split_once("\n## ").unwrap();
    let blocks = tour.split("```sh\n").skip(1).map(|block| block.split_once("```").unwrap().0);
    blocks.collect::<Vec<_>>().concat()
}

#[tokio::test]
async fn the_tour_of_the_readme_shows_what_it_says() {
    for program in ["bash", "curl", "jq"] {
        if slpsim_tests::peer(program).is_none() {
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_slpsim");
    let script = format!("set -eu\nslpsim() {{ '{program}' \"$@\"; }}\n{}", tour());
    let child = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let group = Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap());
    let output = timeout(Duration::from_secs(120), child.wait_with_output()).await;
    // Daemons of a tour that broke off.
    let _ = killpg(group, Signal::SIGKILL);
    let output = output.expect("the tour ends").unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{errors}");
    let mut rest = &*text;
    for step in [
        "\"smart\":",
        "switch.toml: good",
        "TRUST_CODE_INSTALL_SUCCESS",
        "POLICY_INSTALL_SUCCESS",
        "INSTALLED on",
        "Report Id",
        "\"serial\":\"FDO00000001\"",
        "\"report_id\":",
        "\"kind\":\"http-status\"",
        "COMM_FAILED",
        "COMM_RESTORED",
        "\"status\":\"acknowledged\"",
        "INSTALLED on",
        "INSTALLED on",
        "INSTALLED on",
    ] {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step} in {rest} of {text}\n{errors}"));
        rest = rest.split_at(at + step.len()).1;
    }
}

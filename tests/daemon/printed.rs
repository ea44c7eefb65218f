//! Shell blocks of a document, run as they are printed.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::timeout;

/// The `sh` blocks of a text, one after the other.
pub(crate) fn blocks(text: &str) -> String {
    text.split("```sh\n").skip(1).map(|block| block.split_once("```").unwrap().0).collect()
}

/// Runs `blocks` in one shell in an empty folder, with `slpsim` as it is built, and expects that each command succeeds and
/// that its output holds `steps` in this order. Skipped where one of `programs` is missing.
pub(crate) async fn shows(blocks: &str, programs: &[&str], steps: &[&str]) {
    for program in ["bash"].iter().chain(programs) {
        if slpsim_tests::peer(program).is_none() {
            return;
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_slpsim");
    let script = format!("set -eu\nslpsim() {{ '{program}' \"$@\"; }}\n{blocks}");
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
    // Daemons of a text that broke off.
    let _ = killpg(group, Signal::SIGKILL);
    let output = output.expect("the blocks end").unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{errors}");
    let mut rest = &*text;
    for step in steps {
        let at = rest.find(step).unwrap_or_else(|| panic!("{step} in {rest} of {text}\n{errors}"));
        rest = rest.split_at(at + step.len()).1;
    }
}

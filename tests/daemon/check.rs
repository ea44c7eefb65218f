//! `slpsim messages --check`: a log held against the catalogue, from a file and from standard input.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::process::{run, slpsim, stderr, stdout};

const GOOD: &str = "2026 Mar  2 10:00:00 leaf-1 %LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.\n\
    2026 Mar  2 10:00:01 leaf-1 %ETHPORT-5-IF_UP: Interface mgmt0 is up\n";
const BAD: &str = "2026 Mar  2 10:00:02 leaf-1 %LICMGR-3-NO_SUCH_THING: y\n";

async fn check_input(log: &str) -> Output {
    let mut child = slpsim()
        .args(["messages", "--check", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(log.as_bytes()).await.unwrap();
    drop(input);
    timeout(Duration::from_secs(60), child.wait_with_output()).await.expect("it ends").unwrap()
}

#[tokio::test]
async fn what_is_no_log_or_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["messages", "--check", folder.path().to_str().unwrap()]).await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    let output = check_input("\u{1f}\u{8b}\n").await;
    assert!(
        output.status.success() && stderr(&output).contains("no licensing line in -"),
        "{}",
        stderr(&output)
    );
    let output = run(&["messages", "--check", "-", "--format", "md"]).await;
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[tokio::test]
async fn a_log_that_fits_is_said_nothing_about_and_one_that_does_not_is_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("switch.log").display().to_string();
    let reason = "3: %LICMGR-3-NO_SUCH_THING is no message of the catalogue: ";
    for (log, code) in [(GOOD.to_owned(), 0), (format!("{GOOD}{BAD}"), 1)] {
        std::fs::write(&path, &log).unwrap();
        for (output, name) in
            [(run(&["messages", "--check", &path]).await, path.as_str()), (check_input(&log).await, "-")]
        {
            assert_eq!(output.status.code(), Some(code), "{name}: {}", stderr(&output));
            let expected = if code == 0 { String::new() } else { format!("{name}:{reason}{BAD}") };
            assert_eq!(stdout(&output), expected);
            assert!(!stderr(&output).contains("no licensing line"), "{}", stderr(&output));
        }
    }
}

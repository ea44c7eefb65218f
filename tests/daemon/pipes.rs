//! Whoever reads the output goes away, as with `| head`.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::timeout;

use crate::process::slpsim;

/// Reads one line of `slpsim ARGS...` and goes; gives the exit code and what stood on standard error.
async fn first_line_of(args: &[&str]) -> (Option<i32>, String) {
    let mut child = slpsim().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).await.unwrap();
    assert!(!line.is_empty(), "{args:?}");
    drop(reader);
    let output = timeout(Duration::from_secs(60), child.wait_with_output()).await.expect("it ends").unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_reader_that_goes_ends_the_program_in_peace() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    let run = ["run", "--state", &state, "--speed", "1000", "--start", "2026-01-01T00:00:00Z"];
    for args in [&["demo"][..], &["messages"], &["config", "reference"], &["completions", "bash"], &run] {
        let (code, errors) = first_line_of(args).await;
        assert_eq!(code, Some(0), "{args:?}: {errors}");
        assert!(!errors.to_lowercase().contains("broken pipe"), "{args:?}: {errors}");
    }
}

//! How `slpsim fleet` ends, whatever its receivers and servers do.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use serde_json::{Value, json};
use slpsim_tests::changes::until;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::process::Child;
use tokio::time::timeout;

use crate::process::{Daemon, run, slpsim, stderr, stdout};

/// Longest wait for anything; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);

fn start(args: &[&str]) -> Child {
    slpsim()
        .args(["fleet", "--output", "json"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id().expect("it runs")).unwrap()), signal).unwrap();
}

/// Its end, without anybody having to kill it.
async fn end(child: Child) -> Output {
    timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap()
}

/// A fleet without an end that waits for a receiver who reads nothing.
async fn unheard(folder: &Path) -> (Child, UnixStream) {
    let (socket, log) = (folder.join("socket"), folder.join("log"));
    let listener = UnixListener::bind(&socket).unwrap();
    let sinks = [&socket, &log].map(|path| path.display().to_string());
    let (deaf, file) = (format!("unix://{}", sinks[0]), format!("file://{}", sinks[1]));
    let endless = ["--population", "storm", "--devices", "2000", "--duration", "3650d"];
    let child = start(&[&endless[..], &["--sink", &deaf, "--sink", &file]].concat());
    let (stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    // More than the system holds for a socket, and less than the fleet holds besides.
    until(folder, async || std::fs::metadata(&log).ok().filter(|data| data.len() > 300_000)).await;
    (child, stream)
}

/// All lines of a summary with one sink are accounted for.
fn accounted(summary: &Value) {
    let of = |key: &str| summary["sinks"][0][key].as_u64().unwrap();
    assert_eq!(summary["lines"].as_u64().unwrap(), of("lines") + of("dropped") + of("failed"), "{summary:#}");
    let missed = ["dropped", "failed"].map(|key| summary[key].as_u64().unwrap());
    assert!(missed == [of("dropped"), of("failed")] && missed != [0, 0], "{summary:#}");
}

#[tokio::test]
async fn a_receiver_that_reads_nothing_keeps_no_fleet_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let (child, _stream) = unheard(folder.path()).await;
    send(&child, Signal::SIGTERM);
    let output = end(child).await;
    accounted(&serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn nor_does_it_where_nothing_is_to_be_lost_and_the_time_is_over() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let sink = format!("tcp://{}", listener.local_addr().unwrap());
    let fleet = ["--population", "storm", "--devices", "2000", "--sink", &sink];
    let child = start(&[&fleet[..], &["--rate", "1000000/s", "--lossless", "--duration", "1s"]].concat());
    let (_stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let output = end(child).await;
    accounted(&serde_json::from_slice(&output.stdout).unwrap());
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn a_reader_of_standard_output_that_has_stopped_keeps_no_fleet_from_ending() {
    let mut child = start(&["--population", "storm", "--duration", "3650d", "--sink", "stdout:"]);
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).await.unwrap();
    send(&child, Signal::SIGINT);
    let output = end(child).await;
    accounted(&serde_json::from_slice(&output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn the_second_signal_ends_it_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (child, _stream) = unheard(folder.path()).await;
    send(&child, Signal::SIGINT);
    send(&child, Signal::SIGTERM);
    let output = end(child).await;
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""), "no summary");
}

#[tokio::test]
async fn a_silent_server_keeps_no_fleet_from_ending() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/cslu/v1/pi", listener.local_addr().unwrap());
    let common = ["--against", &url, "--devices", "3", "--device-keys", "1", "--no-verify"];
    for how in [Some(Signal::SIGTERM), None] {
        let args = if how.is_none() { &["--duration", "1s"][..] } else { &[] };
        let child = start(&[&common[..], args].concat());
        let (_stream, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
        if let Some(signal) = how {
            send(&child, signal);
        }
        let output = end(child).await;
        let ledger: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &ledger["unfinished"]), (Some(1), &3.into()), "{ledger:#}");
        assert_eq!(ledger["exchanges"], 0, "none of them was waited for: {ledger:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_when_a_fleet_was_ended_counts_as_sent() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mock = Daemon::start(folder.path(), "mock", &["cssm", "--state", state.to_str().unwrap()]).await;
    let stall = json!({"kind": "stall", "purpose": "usage", "for": "1h"});
    mock.manage(reqwest::Method::POST, "faults", Some(stall)).await;
    let child = start(&["--against", mock.text("/urls/cslu"), "--devices", "3", "--device-keys", "1"]);
    let seen = async {
        // The mock notes a stalled request when it comes.
        while !mock.manage(reqwest::Method::GET, "requests", None).await.to_string().contains("stalled") {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, seen).await.unwrap();
    send(&child, Signal::SIGTERM);
    let output = end(child).await;
    let ledger: Value = serde_json::from_slice(&output.stdout).unwrap();
    let reports = &ledger["reports"];
    assert!(reports["sent"].as_u64() >= Some(1), "{ledger:#}");
    assert_eq!((&reports["missing"], &ledger["unfinished"]), (&reports["sent"], &3.into()), "{ledger:#}");
    mock.end().await;
}

#[tokio::test]
async fn what_a_live_pipe_says_is_sent_on_and_its_silence_keeps_no_replay_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let sink = format!("file://{}", log.display());
    let mut child = start(&["--replay", "-", "--sink", &sink]);
    let mut source = child.stdin.take().unwrap();
    let line = "2026 Mar  2 10:00:00 leaf %LICMGR-6-X: y\n";
    source.write_all(line.as_bytes()).await.unwrap();
    until(folder.path(), async || std::fs::read_to_string(&log).ok().filter(|text| text == line)).await;
    send(&child, Signal::SIGTERM);
    let output = end(child).await;
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &summary["lines"]), (Some(0), &1.into()), "{summary:#}");
    drop(source);
}

#[tokio::test]
async fn a_pipe_whose_writer_is_yet_to_come_is_waited_for_and_keeps_no_replay_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (pipe, ready, log) = (path("pipe"), path("ready"), path("log"));
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let sink = format!("file://{}", log.display());
    let replay =
        ["--replay", pipe.to_str().unwrap(), "--sink", &sink, "--ready-file", ready.to_str().unwrap()];
    let line = "2026 Mar  2 10:00:00 leaf %LICMGR-6-X: y\n";
    for comes in [false, true] {
        let child = start(&replay);
        until(folder.path(), async || ready.exists().then_some(())).await;
        if comes {
            // For reading as well: so it does not matter who comes first.
            let mut writer = std::fs::File::options().read(true).write(true).open(&pipe).unwrap();
            writer.write_all(line.as_bytes()).unwrap();
            until(folder.path(), async || std::fs::read_to_string(&log).ok().filter(|text| text == line))
                .await;
        } else {
            send(&child, Signal::SIGINT);
        }
        let output = end(child).await;
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let lines = u64::from(comes);
        assert_eq!((output.status.code(), &summary["lines"]), (Some(0), &lines.into()), "{summary:#}");
    }
}

#[tokio::test]
async fn a_source_that_breaks_off_costs_no_summary_of_what_was_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let sink = format!("file://{}", log.display());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stdin = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut source, _) = timeout(PATIENCE, listener.accept()).await.unwrap().unwrap();
    let child = slpsim()
        .args(["fleet", "--output", "json", "--replay", "-", "--sink", &sink])
        .stdin(OwnedFd::from(stdin))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let line = "2026 Mar  2 10:00:00 leaf %LICMGR-6-X: y\n";
    source.write_all(line.as_bytes()).await.unwrap();
    until(folder.path(), async || std::fs::read_to_string(&log).ok().filter(|text| text == line)).await;
    source.set_zero_linger().unwrap();
    drop(source);
    let output = end(child).await;
    let said = stderr(&output);
    assert!(output.status.code() == Some(1) && said.contains("cannot read -: Connection reset"), "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["lines"], &summary["sinks"][0]["lines"]), (&1.into(), &1.into()), "{summary:#}");
    assert!(summary["error"].as_str().unwrap().contains("Connection reset"), "{summary:#}");
}

#[tokio::test]
async fn a_reader_that_has_gone_hides_no_other_sink_that_failed() {
    let run = ["--devices", "50", "--population", "storm", "--duration", "30d"];
    let mut child = start(&[&run[..], &["--sink", "stdout:", "--sink", "file:///dev/full"]].concat());
    drop(child.stdout.take());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(1));
    assert!(said.contains("\"url\":\"file:///dev/full\""), "{said}");
}

#[tokio::test]
async fn a_full_disk_beside_the_log_is_told_and_so_is_what_the_log_has() {
    let folder = tempfile::tempdir().unwrap();
    for option in ["--truth", "--report"] {
        let log = folder.path().join(option);
        let sink = format!("file://{}", log.display());
        let fleet = ["--devices", "200", "--population", "storm", "--duration", "30d", "--sink", &sink];
        let output = end(start(&[&fleet[..], &[option, "/dev/full"]].concat())).await;
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{option}: {said}");
        assert!(said.contains("cannot write /dev/full: No space left"), "{option}: {said}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        let lines = std::fs::read_to_string(&log).unwrap().lines().count();
        assert_eq!(summary["sinks"][0]["lines"].as_u64(), u64::try_from(lines).ok(), "{summary:#}");
        assert_eq!(summary["lines"], summary["sinks"][0]["lines"], "{summary:#}");
    }
}

#[tokio::test]
async fn a_truth_that_finds_no_room_costs_no_summary_of_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let sink = format!("file://{}", log.display());
    let common = ["fleet", "--devices", "50", "--population", "storm", "--output", "json", "--sink", &sink];
    // Full while the fleet runs, and at its end: three hours bring less than what is gathered before it is written.
    for (duration, whole) in [("30d", false), ("3h", true)] {
        let _ = std::fs::remove_file(&log);
        let output = run(&[&common[..], &["--duration", duration, "--truth", "/dev/full"]].concat()).await;
        let said = stderr(&output);
        assert!(output.status.code() == Some(1) && said.contains("cannot write /dev/full"), "{said}");
        let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(summary["error"].as_str().unwrap().contains("/dev/full"), "{summary:#}");
        let lines = std::fs::read_to_string(&log).unwrap().lines().count();
        assert!(lines > 0 && summary["lines"] == lines, "{lines} {summary:#}");
        assert_eq!(summary["simulated_s"] == 10800.0, whole, "{summary:#}");
    }
}

#[tokio::test]
async fn what_is_no_log_is_not_replayed_and_lines_that_cannot_be_read_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (log, out) = (path("log"), path("out"));
    let sink = format!("file://{out}");
    let replay = ["fleet", "--speed", "max", "--sink", &sink, "--replay", &log];
    for garbage in
        ["\u{1f}\u{8b}\u{8}garbage".repeat(300_000), "garbage\n".repeat(5_000), "one\ntwo\n".into()]
    {
        std::fs::write(&log, garbage).unwrap();
        let output = run(&replay).await;
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("has a time stamp"), "{}", stderr(&output));
        assert_eq!(std::fs::read_to_string(&out).unwrap(), "", "nothing was sent");
    }
    let mixed = "# recorded\n2026 Mar  2 10:00:00 leaf %LICMGR-6-X: y\nlast message repeated 1 time\n";
    std::fs::write(&log, mixed).unwrap();
    let output = run(&replay).await;
    assert_eq!(std::fs::read_to_string(&out).unwrap(), mixed);
    let said = stderr(&output);
    assert!(output.status.success() && said.contains("2 of 3 lines"), "{said}");
    std::fs::write(&log, "").unwrap();
    let output = run(&replay).await;
    assert!(output.status.success() && stderr(&output).contains("nothing of"), "{}", stderr(&output));
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(Path::new(&path("log")), "").unwrap();
    let nowhere = path("none/page.html");
    let log = path("log");
    for (args, expected) in [
        (&["--report", &nowhere, "--duration", "3650d"][..], "cannot write"),
        (&["--replay", "/tmp"], "cannot read /tmp: that is a folder; name a recorded log"),
        (&["--replay", &log, "--duration", "1d"], "cannot be used with"),
        (&["--replay", &log, "--devices", "5"], "cannot be used with"),
        (&["--replay", &log, "--shard", "1/2"], "cannot be used with"),
        (&["--replay", &log, "--seed", "5"], "cannot be used with"),
        (&["--replay", &log, "--sink", "stdout:?severity=0..3"], "do not go with --replay"),
        (&["--sink", "udp://[::1]:514?source-net=127.1.0.0/16"], "source-net"),
    ] {
        let output = run(&[&["fleet", "--sink", "null:"], args].concat()).await;
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(expected), "{args:?}: {}", stderr(&output));
    }
}

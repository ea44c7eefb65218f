//! `slpsim receive` at the far end of relays that do to lines what relays do, and of switches.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "../daemon/process.rs"]
#[expect(dead_code, reason = "made for daemons, of which this uses a part")]
mod process;
mod relay;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use process::{Daemon, run, slpsim, stdout};
use relay::{Deed, send};
use serde_json::Value;
use slpsim_tests::changes::until;
use tokio::process::Child;
use tokio::time::timeout;

/// Longest wait for anything; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// `slpsim receive` as a process, and what it says at its end.
struct Receiver {
    child: Child,
    ready: Value,
}

impl Receiver {
    async fn start(folder: &Path, args: &[&str]) -> Self {
        let ready_file = folder.join("receive.ready");
        let child = slpsim()
            .args(["receive", "--output", "json", "--ready-file"])
            .arg(&ready_file)
            .args(args)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let bytes = until(folder, async || std::fs::read(&ready_file).ok()).await;
        Self { child, ready: serde_json::from_slice(&bytes).unwrap() }
    }

    fn url(&self) -> &str {
        self.ready["urls"]["log"].as_str().unwrap()
    }

    fn address(&self) -> &str {
        self.url().split_once("://").unwrap().1
    }

    /// Sends it that line alone.
    fn take(&self, line: &str) {
        let mut sender = std::net::TcpStream::connect(self.address()).unwrap();
        sender.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id().unwrap()).unwrap()), signal).unwrap();
    }

    /// Its end, without anybody having to kill it.
    async fn output(self) -> std::process::Output {
        timeout(PATIENCE, self.child.wait_with_output()).await.expect("it ends").unwrap()
    }

    /// Its summary and exit code.
    async fn end(self) -> (Value, i32) {
        let output = self.output().await;
        let shown = || format!("{}{}", stdout(&output), process::stderr(&output));
        let summary =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", shown()));
        (summary, output.status.code().unwrap())
    }
}

/// 3 devices, 133 lines each; every line is another one. All of them fit a socket's usual buffer: no datagram is lost.
fn log() -> Vec<String> {
    (0..399_u32)
        .map(|number| {
            let (device, minute, second) = (number % 3, number / 180 % 60, number / 3 % 60);
            let days = number / 3;
            format!(
                "<190>leaf-{device}: 2026 Mar  2 10:{minute:02}:{second:02} UTC: %LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: \
                 A Usage report acknowledgement will be required in {days} days."
            )
        })
        .collect()
}

fn counts(summary: &Value) -> [u64; 5] {
    ["lost", "doubled", "reordered", "altered", "foreign"].map(|key| summary[key].as_u64().unwrap())
}

/// Whatever a relay does is counted exactly, over every transport.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_relay_does_to_lines_is_counted_exactly() {
    let deeds = [
        (10, Deed::Lose),
        (11, Deed::Lose),
        (50, Deed::Double),
        (70, Deed::Alter),
        (80, Deed::DelayBy(3)),
        (81, Deed::DelayBy(3)),
        (120, Deed::DelayBy(1)),
        (150, Deed::Double),
        (200, Deed::Alter),
        (398, Deed::Lose),
    ];
    for scheme in ["tcp", "tls", "udp", "unix", "unix-stream"] {
        let folder = tempfile::tempdir().unwrap();
        let sent = folder.path().join("sent.log");
        std::fs::write(&sent, log().join("\n") + "\n").unwrap();
        let at = match scheme {
            "unix" | "unix-stream" => folder.path().join("socket").display().to_string(),
            _ => "127.0.0.1:0".into(),
        };
        let listen = format!("{scheme}://{at}");
        let receiver = Receiver::start(
            folder.path(),
            &["--listen", &listen, "--expect", sent.to_str().unwrap(), "--count", "398", "--duration", "60s"],
        )
        .await;
        let arriving = relay::through(&log(), &deeds);
        assert_eq!(arriving.len(), 398);
        let ca_file = receiver.ready["ca_file"].as_str().map(Into::into);
        let url = receiver.url().to_owned();
        tokio::task::spawn_blocking(move || send(&url, ca_file, &arriving)).await.unwrap();
        let (summary, code) = receiver.end().await;
        assert_eq!((summary["ended_by"].as_str(), code), (Some("count"), 1), "{scheme}: {summary:#}");
        // Delayed by three places, a line is overtaken by one of its own device; by one place, by none.
        assert_eq!(counts(&summary), [3, 2, 2, 2, 0], "{scheme}: {summary:#}");
        assert_eq!((&summary["sent"], &summary["lines"]), (&399.into(), &398.into()), "{scheme}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_arrives_as_it_was_sent_is_clean() {
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent.log");
    std::fs::write(&sent, log().join("\n") + "\n").unwrap();
    let receiver = Receiver::start(
        folder.path(),
        &[
            "--listen",
            "tcp://127.0.0.1:0",
            "--expect",
            sent.to_str().unwrap(),
            "--count",
            "399",
            "--duration",
            "60s",
        ],
    )
    .await;
    let (url, lines) = (receiver.url().to_owned(), log());
    tokio::task::spawn_blocking(move || send(&url, None, &lines)).await.unwrap();
    let (summary, code) = receiver.end().await;
    assert_eq!((summary["ended_by"].as_str(), code), (Some("count"), 0), "{summary:#}");
    assert_eq!(counts(&summary), [0; 5]);
    assert_eq!((&summary["fit"], &summary["forms"]["nxos"]), (&399.into(), &399.into()));
}

/// The usual order is receiver first: the log as sent is written while it listens. And a relay is seldom there for one
/// sender alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_as_sent_may_be_yet_to_come_and_other_programs_lines_stand_for_none_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent.log");
    let expect = ["--listen", "tcp://127.0.0.1:0", "--expect", sent.to_str().unwrap()];
    let receiver =
        Receiver::start(folder.path(), &[&expect[..], &["--count", "399", "--duration", "60s"]].concat())
            .await;
    let (url, mut lines) = (receiver.url().to_owned(), log());
    std::fs::write(&sent, lines.join("\n") + "\n").unwrap();
    lines[7] = "<86>Mar  2 10:00:02 relay sshd[811]: Accepted publickey for root".into();
    lines[9] = "\u{1}\u{2}\u{3}".into();
    tokio::task::spawn_blocking(move || send(&url, None, &lines)).await.unwrap();
    let (summary, code) = receiver.end().await;
    assert_eq!((counts(&summary), code), ([2, 0, 0, 0, 2], 1), "{summary:#}");
    assert_eq!((&summary["sent"], &summary["other"]), (&399.into(), &2.into()), "{summary:#}");
}

#[tokio::test]
async fn a_log_as_sent_that_never_came_is_the_users_mistake_and_what_arrived_is_told_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent.log");
    let args = ["--listen", "tcp://127.0.0.1:0", "--expect", sent.to_str().unwrap(), "--count", "1"];
    let receiver = Receiver::start(folder.path(), &args).await;
    receiver.take(&log()[0]);
    let output = receiver.output().await;
    let said = process::stderr(&output);
    assert!(output.status.code() == Some(2) && said.contains("is still not there at the end"), "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["fit"], &summary["lost"]), (&1.into(), &Value::Null), "{summary:#}");
}

/// Nobody writes to the pipe: whoever waited for it would wait for ever.
#[tokio::test]
async fn a_pipe_in_the_place_of_the_log_as_sent_keeps_no_receiver_from_ending() {
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent.log");
    let args = ["--listen", "tcp://127.0.0.1:0", "--expect", sent.to_str().unwrap(), "--count", "1"];
    let receiver = Receiver::start(folder.path(), &args).await;
    mkfifo(&sent, Mode::S_IRWXU).unwrap();
    receiver.take(&log()[0]);
    let output = receiver.output().await;
    let said = process::stderr(&output);
    assert!(output.status.code() == Some(2) && said.contains("that is a pipe or a device"), "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["fit"], 1, "{summary:#}");
}

/// The file is a hole of a terabyte, at which any machine reads for long.
#[tokio::test]
async fn the_first_signal_ends_a_comparing_that_has_begun_and_what_arrived_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let sent = folder.path().join("sent.log");
    std::fs::File::create(&sent).unwrap().set_len(1 << 40).unwrap();
    let args = ["--listen", "tcp://127.0.0.1:0", "--expect", sent.to_str().unwrap(), "--count", "1"];
    let receiver = Receiver::start(folder.path(), &args).await;
    receiver.take(&log()[0]);
    let ready_file = folder.path().join("receive.ready");
    until(folder.path(), async || (!ready_file.exists()).then_some(())).await;
    receiver.signal(Signal::SIGTERM);
    let output = receiver.output().await;
    let said = process::stderr(&output);
    assert!(output.status.code() == Some(1) && said.contains("a signal ended the comparing"), "{said}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&summary["ended_by"], &summary["fit"], &summary["lost"]),
        (&"count".into(), &1.into(), &Value::Null),
        "{summary:#}"
    );
}

#[tokio::test]
async fn silence_ends_it_also_where_nothing_ever_arrives() {
    let output =
        run(&["receive", "--listen", "tcp://127.0.0.1:0", "--idle", "10ms", "--output", "json"]).await;
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&summary["ended_by"], &summary["lines"]), (&"idle".into(), &0.into()), "{summary:#}");
    assert!(output.status.success() && process::stderr(&output).contains("nothing arrived"));
}

/// A switch, its log in a file and over TCP and TLS: every line arrives, and the file says the same as the wire.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_switch_sends_is_what_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let receiver =
        Receiver::start(path, &["--listen", "tls://127.0.0.1:0", "--count", "3", "--duration", "60s"]).await;
    let (file, ca) = (path.join("log"), receiver.ready["ca_file"].as_str().unwrap());
    let sinks = [format!("file://{}", file.display()), format!("tls://{}?ca={ca}", receiver.address())];
    let state = path.join("state");
    let args = ["run", "--speed", "60", "--state", state.to_str().unwrap(), "--form", "rfc5424"];
    let args: Vec<_> =
        args.into_iter().chain(sinks.iter().flat_map(|sink| ["--sink", sink.as_str()])).collect();
    let daemon = Daemon::start(path, "run", &args).await;
    let (summary, code) = receiver.end().await;
    assert_eq!(code, 0, "{summary:#}");
    assert_eq!((&summary["fit"], &summary["forms"]["rfc5424"]), (&3.into(), &3.into()), "{summary:#}");
    daemon.end().await;
    let checked = run(&["messages", "--check", file.to_str().unwrap(), "--output", "json"]).await;
    assert!(checked.status.success(), "{}", stdout(&checked));
}

#[tokio::test]
async fn what_cannot_be_received_is_refused_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("tcp://{}", taken.local_addr().unwrap());
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let unix = format!("unix://{}", in_the_way.display());
    let pipe = folder.path().join("pipe");
    mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    let pipe = pipe.to_str().unwrap();
    for (args, expected) in [
        (vec!["--listen", "http://127.0.0.1:0"], "http:// cannot be listened at"),
        (vec!["--listen", &taken], "Address already in use"),
        (vec!["--listen", &unix], "Address already in use"),
        (vec!["--listen", "udp://0.0.0.0:0"], "--allow-external"),
        (vec!["--listen", "tls://127.0.0.1:0"], "say with --ca-file where it is to be written"),
        (vec!["--listen", "tls://127.0.0.1:0?cert=/none&key=/none"], "/none: no private key in PEM"),
        (vec!["--listen", "udp://127.0.0.1:0", "--expect", "/none/sent.log"], "there is no such folder"),
        (vec!["--listen", "udp://127.0.0.1:0", "--expect", "/tmp"], "that is a folder"),
        (vec!["--listen", "udp://127.0.0.1:0", "--expect", pipe], "that is a pipe or a device"),
        (vec!["--listen", "udp://127.0.0.1:0", "--compare", "content"], "--expect"),
    ] {
        let output = run(&[&["receive"], &args[..]].concat()).await;
        let said = process::stderr(&output);
        assert!(output.status.code() == Some(2) && said.contains(expected), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn a_signal_costs_no_line_that_has_arrived_and_what_cannot_be_understood_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(folder.path(), &["--listen", "tcp://127.0.0.1:0?framing=octet"]).await;
    let mut sender = std::net::TcpStream::connect(receiver.address()).unwrap();
    sender.write_all("26 <187>a: 2026 Mar  2 10:00:".repeat(20_000).as_bytes()).unwrap();
    let mut broken = std::net::TcpStream::connect(receiver.address()).unwrap();
    broken.write_all(b"hello").unwrap();
    receiver.signal(Signal::SIGTERM);
    let (summary, code) = receiver.end().await;
    assert_eq!((&summary["ended_by"], &summary["lines"]), (&"signal".into(), &20_000.into()), "{summary:#}");
    assert_eq!((code, &summary["troubles"]), (1, &1.into()), "{summary:#}");
}

//! `slpsim fleet` and `slpsim why` as processes (`interface.md` §4).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use slpsim_tests::changes::until;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use crate::process::{Daemon, run, slpsim, stderr, stdout};

/// Longest wait for anything; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a fleet with one file as its sink; the file's bytes and the summary.
async fn fleet(folder: &Path, name: &str, args: &[&str]) -> (Vec<u8>, Value) {
    let path = folder.join(name);
    let sink = format!("file://{}", path.display());
    let output = run(&[&["fleet", "--output", "json", "--sink", &sink], args].concat()).await;
    assert!(output.status.success(), "{}", stderr(&output));
    (std::fs::read(&path).unwrap(), serde_json::from_str(&stdout(&output)).unwrap())
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

#[tokio::test]
async fn the_same_seed_gives_the_same_file_on_any_number_of_threads_and_the_summary_has_all_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let common = ["--devices", "300", "--duration", "40d", "--seed", "5"];
    let (one, summary) = fleet(folder.path(), "1", &[&common[..], &["--threads", "1"]].concat()).await;
    let (two, again) = fleet(folder.path(), "2", &[&common[..], &["--threads", "2"]].concat()).await;
    assert!(one == two && !one.is_empty());
    assert_eq!(summary["digest"], again["digest"]);
    for key in [
        "devices",
        "simulated_s",
        "wall_s",
        "events",
        "messages",
        "lines",
        "bytes",
        "dropped",
        "lines_per_s",
        "events_per_s",
        "peak_rss_bytes",
        "bytes_per_device",
        "digest",
    ] {
        assert!(!summary[key].is_null(), "{key} in {summary:#}");
    }
    let counted: u64 = summary["messages"].as_object().unwrap().values().filter_map(Value::as_u64).sum();
    assert_eq!(summary["lines"].as_u64(), Some(counted));
    assert_eq!(u64::try_from(lines(&one)).unwrap(), counted);
    assert_eq!(
        (summary["devices"].as_u64(), summary["simulated_s"].as_f64()),
        (Some(300), Some(3_456_000.0))
    );
    assert_eq!(summary["dropped"], 0);
    assert_eq!(summary["bytes"].as_u64().unwrap() + counted, u64::try_from(one.len()).unwrap());
}

#[tokio::test]
async fn shards_together_have_the_lines_of_the_whole_and_their_digests_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let common = ["--devices", "101", "--duration", "30d", "--form", "json", "--population", "storm"];
    let (whole, summary) = fleet(folder.path(), "whole", &common).await;
    let digest = |summary: &Value| u64::from_str_radix(summary["digest"].as_str().unwrap(), 16).unwrap();
    let mut together = Vec::new();
    let mut sum = 0_u64;
    for part in 1..=4 {
        let shard = format!("{part}/4");
        let args = [&common[..], &["--shard", &shard]].concat();
        let (bytes, summary) = fleet(folder.path(), &format!("part{part}"), &args).await;
        together.extend(String::from_utf8(bytes).unwrap().lines().map(str::to_owned));
        sum = sum.wrapping_add(digest(&summary));
    }
    let whole: BTreeSet<String> = String::from_utf8(whole).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(together.len(), usize::try_from(summary["lines"].as_u64().unwrap()).unwrap());
    assert!(together.into_iter().collect::<BTreeSet<_>>() == whole);
    assert_eq!(sum, digest(&summary));
}

#[tokio::test]
async fn a_rate_is_kept_to_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--devices", "400", "--population", "storm", "--rate", "1500/s", "--duration", "2s"];
    let (bytes, summary) = fleet(folder.path(), "paced", &args).await;
    assert_eq!((lines(&bytes), summary["lines"].as_u64()), (3_000, Some(3_000)));
    let wall = summary["wall_s"].as_f64().unwrap();
    assert!(wall >= 1.99, "{wall}");
}

#[tokio::test]
async fn the_truth_says_of_every_line_what_caused_it() {
    let folder = tempfile::tempdir().unwrap();
    let truth = folder.path().join("truth.jsonl");
    let truth = truth.to_str().unwrap();
    let report = folder.path().join("report.html");
    let page = report.to_str().unwrap();
    let args =
        ["--devices", "60", "--duration", "10d", "--population", "storm", "--truth", truth, "--report", page];
    let (log, _) = fleet(folder.path(), "log", &args).await;
    let log = String::from_utf8(log).unwrap();
    let rows: Vec<Value> = std::fs::read_to_string(truth)
        .unwrap()
        .lines()
        .map(|row| serde_json::from_str(row).unwrap())
        .collect();
    let told: Vec<&str> = rows.iter().filter_map(|row| row["text"].as_str()).collect();
    assert_eq!(told, log.lines().collect::<Vec<_>>());
    let known: BTreeSet<&str> =
        rows.iter().filter(|row| row["line"].is_null()).filter_map(|row| row["incident"].as_str()).collect();
    let named = rows.iter().filter(|row| !row["line"].is_null()).filter_map(|row| row["incident"].as_str());
    assert!(
        named.collect::<BTreeSet<_>>() == known && known.len() > 10,
        "each incident has a row of its own"
    );
    let failed = log.lines().position(|line| line.contains("Unable to resolve")).unwrap();
    let by_number = run(&["why", &(failed + 1).to_string(), "--truth", truth]).await;
    let by_text = run(&["why", log.lines().nth(failed).unwrap(), "--truth", truth]).await;
    for output in [by_number, by_text] {
        let words = stdout(&output);
        assert!(output.status.success() && words.contains("behaviour.md §7.2"), "{words}");
        assert!(words.contains("\n  incident "), "{words}");
    }
    let output = run(&["why", &(failed + 1).to_string(), "--truth", truth, "--output", "json"]).await;
    let why: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (&why["line"]["line"], &why["line"]["rule"]),
        (&(failed + 1).into(), &"behaviour.md §7.2".into())
    );
    assert_eq!(why["incident"]["incident"], why["line"]["incident"], "{why:#}");
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(page.contains("<h1>A fleet of 60 switches</h1>") && page.contains("LOG_SMART_LIC_COMM_FAILED: "));
    assert!(page.contains("<title>") && page.matches("<rect").count() > 100 && !page.contains("<script"));
    let none = run(&["why", "999999999", "--truth", truth]).await;
    assert_eq!((none.status.code(), stderr(&none).contains("no line of that number")), (Some(2), true));
}

#[tokio::test]
async fn a_reader_that_goes_away_ends_it_quietly() {
    let mut child = slpsim()
        .args(["fleet", "--population", "storm", "--duration", "3650d"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).await.unwrap();
    assert!(line.contains("%LICMGR-"), "{line}");
    drop(reader);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!((child.wait().await.unwrap().code(), said.as_str()), (Some(0), ""));
}

/// The source never ends, and nothing of it is ever waited for.
#[tokio::test]
async fn a_reader_that_goes_away_ends_a_replay_quietly_too() {
    let mut child = slpsim()
        .args(["fleet", "--replay", "-", "--speed", "max"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut source = child.stdin.take().unwrap();
    let said = "2026 Mar  2 10:00:00 leaf %LICMGR-6-X: y\nlast message repeated 1 time\n".repeat(1000);
    let talking = tokio::spawn(async move { while source.write_all(said.as_bytes()).await.is_ok() {} });
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).await.unwrap();
    assert!(line.contains("%LICMGR-"), "{line}");
    drop(reader);
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
    timeout(PATIENCE, talking).await.expect("nobody listens any more").unwrap();
}

/// What comes one line at a time fills no batch.
#[tokio::test]
async fn a_reader_that_goes_away_ends_a_replay_of_a_slow_pipe() {
    let mut child = slpsim()
        .args(["fleet", "--replay", "-", "--speed", "max"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut source = child.stdin.take().unwrap();
    let line = "2026 Mar  2 10:00:00 leaf %LICMGR-6-X: y\n";
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut arrived = String::new();
    source.write_all(line.as_bytes()).await.unwrap();
    reader.read_line(&mut arrived).await.unwrap();
    assert_eq!(arrived, line);
    drop(reader);
    // The first of them finds nobody, and a later one that it is so.
    let talking = async {
        while source.write_all(line.as_bytes()).await.is_ok() {
            tokio::task::yield_now().await
        }
    };
    timeout(PATIENCE, talking).await.expect("it ends while lines still come");
    let output = timeout(PATIENCE, child.wait_with_output()).await.expect("it ends").unwrap();
    assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_signal_ends_a_live_fleet_and_its_counts_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("live");
    let sink = format!("file://{}", path.display());
    let mut child = slpsim()
        .args(["fleet", "--devices", "200", "--population", "storm", "--backfill", "2d"])
        .args(["--output", "json", "--sink", &sink])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The backfill is out as soon as the run is live, or nearly so.
    until(folder.path(), async || std::fs::metadata(&path).ok().filter(|data| data.len() > 100_000)).await;
    kill(Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()), Signal::SIGTERM).unwrap();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    let summary: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(summary["lines"].as_u64(), u64::try_from(lines(&std::fs::read(&path).unwrap())).ok());
    assert_eq!(summary["sinks"][0]["lines"], summary["lines"]);
}

#[tokio::test]
async fn a_population_of_the_users_own_is_read_and_its_mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let name = path.to_str().unwrap();
    std::fs::write(&path, "name = \"mine\"\n[[model]]\npid = \"N9K-X\"\n[trouble]\nnever-cslu = 1\n")
        .unwrap();
    let args = ["--population", name, "--devices", "5", "--duration", "1d"];
    let (log, summary) = fleet(folder.path(), "log", &args).await;
    assert_eq!(summary["population"], "mine");
    assert!(String::from_utf8(log).unwrap().contains("Unable to resolve server hostname/domain name"));
    std::fs::write(&path, "name = \"mine\"\nbring-upp = \"1d\"\n").unwrap();
    let output = run(&["fleet", "--population", name, "--sink", "null:"]).await;
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2));
    assert!(said.contains("mine.toml:2:1: unknown key `bring-upp`"), "{said}");
    assert!(said.contains("did you mean `bring-up`?"), "{said}");
}

#[tokio::test]
async fn a_sink_that_is_not_there_is_told_before_anything_runs() {
    let output = run(&["fleet", "--sink", "tcp://127.0.0.1:1"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cannot send to 127.0.0.1:1"), "{}", stderr(&output));
    let output = run(&["fleet", "--sink", "udp://192.0.2.1:514"]).await;
    assert!(stderr(&output).contains("--allow-external"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn against_a_mock_every_report_is_acknowledged_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mock = Daemon::start(folder.path(), "mock", &["cssm", "--state", state.to_str().unwrap()]).await;
    let ca = ["--ca", mock.text("/ca_file"), "--output", "json", "--device-keys", "1"];
    for (seed, route, devices, more) in [
        ("1", "/urls/smart", 12, &[][..]),
        ("2", "/urls/callhome", 5, &[]),
        ("3", "/urls/cslu", 12, &[]),
        ("4", "/urls/smart", 5, &["--fresh-connections"]),
    ] {
        let count = devices.to_string();
        let args = ["fleet", "--against", mock.text(route), "--devices", &count, "--seed", seed];
        let token = ["--idtoken", mock.text("/idtoken")];
        let output = run(&[&args[..], &ca, &token, more].concat()).await;
        assert!(output.status.success(), "{route}: {} {}", stdout(&output), stderr(&output));
        let ledger: Value = serde_json::from_str(&stdout(&output)).unwrap();
        let reports = &ledger["reports"];
        assert!(reports["sent"].as_u64().unwrap() >= devices, "{ledger:#}");
        assert_eq!(reports["sent"], reports["acknowledged"], "{ledger:#}");
        assert_eq!(
            (ledger["unfinished"].as_u64(), ledger["failed"].as_object().unwrap().len()),
            (Some(0), 0)
        );
        assert!(ledger["latency_ms"]["p99"].as_f64().unwrap() > 0.0);
    }
    let smart = ["fleet", "--against", mock.text("/urls/smart"), "--devices", "2"];
    let output = run(&smart).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("give one with --idtoken"), "{}", stderr(&output));
    let output = run(&[&smart[..], &ca, &["--idtoken", "MISTYPED"]].concat()).await;
    let ledger: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!((output.status.code(), ledger["unfinished"].as_u64()), (Some(1), Some(2)));
    assert_eq!(ledger["refused"]["The token is not valid"], 2, "{ledger:#}");
    mock.end().await;
}

/// What one has said the other has to know: trust, the poll id of a push, the ACK.
#[tokio::test(flavor = "multi_thread")]
async fn against_two_mocks_over_one_database_in_turn_every_report_is_acknowledged_exactly_once() {
    let Some(database) = slpsim_tests::Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let start = async |name: &str| {
        let state = folder.path().join(format!("{name}.state")).display().to_string();
        let args = ["cssm", "--state", &state, "--store", &database.url()];
        Daemon::start(folder.path(), name, &args).await
    };
    let (one, other) = (start("one").await, start("other").await);
    let args =
        ["fleet", "--devices", "12", "--device-keys", "1", "--output", "json", "--ca", one.text("/ca_file")];
    let against = ["--against", one.text("/urls/smart"), "--against", other.text("/urls/smart")];
    let token = ["--idtoken", one.text("/idtoken")];
    let output = run(&[&args[..], &against, &token].concat()).await;
    assert!(output.status.success(), "{} {}", stdout(&output), stderr(&output));
    let ledger: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(ledger["against"], serde_json::json!([one.text("/urls/smart"), other.text("/urls/smart")]));
    let sent = ledger["reports"]["sent"].as_u64().unwrap();
    assert!(sent >= 12, "{ledger:#}");
    for mock in [&one, &other] {
        let reports = mock.manage(reqwest::Method::GET, "reports", None).await;
        assert_eq!(u64::try_from(reports.as_array().unwrap().len()).unwrap(), sent);
        let asked = mock.manage(reqwest::Method::GET, "requests", None).await;
        assert!(asked.as_array().unwrap().len() >= 12, "each of them is asked");
    }
    let mixed = ["--against", one.text("/urls/smart"), "--against", other.text("/urls/cslu")];
    let output = run(&[&args[..], &mixed, &token].concat()).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("are of different kinds"), "{}", stderr(&output));
    one.end().await;
    other.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_fleet_is_steered_and_watched() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let sink = format!("file://{}", log.display());
    let truth = folder.path().join("truth");
    // So slow that only another rate brings anything.
    let args = ["fleet", "--devices", "300", "--population", "steady", "--rate", "1/h", "--sink", &sink];
    let listen = ["--manage", "0", "--metrics", "0", "-q", "--truth", truth.to_str().unwrap()];
    let fleet = Daemon::start(folder.path(), "fleet", &[&args[..], &listen].concat()).await;
    let client = crate::process::client();
    let to = |path: &str| format!("{}/{path}", fleet.text("/urls/manage"));
    let send = async |request: reqwest::RequestBuilder, body: Value| {
        let answer = request.json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap_or_default())
    };

    let (code, body) = send(client.put(to("rate")), serde_json::json!({"rate": "50000/s"})).await;
    assert_eq!((code, &body["rate"]), (200, &"50000/s".into()), "{body}");
    let (code, body) = send(client.put(to("rate")), serde_json::json!({"rate": "fast"})).await;
    assert!(code == 400 && body["error"].as_str().unwrap().contains("5000/s"), "{body}");

    let (code, body) = send(client.post(to("devices")), serde_json::json!({"count": 2})).await;
    let names = &body["devices"];
    assert_eq!((code, names.as_array().map(Vec::len)), (200, Some(2)), "{body}");
    assert!(names[1].as_str().unwrap().ends_with("-302"), "{names}");
    let gone = client.delete(to(&format!("devices/{}", names[1].as_str().unwrap()))).send().await.unwrap();
    assert_eq!(gone.status().as_u16(), 204);
    let again = client.delete(to(&format!("devices/{}", names[1].as_str().unwrap()))).send().await.unwrap();
    assert_eq!(again.status().as_u16(), 404, "it is gone already");
    assert_eq!(client.delete(to("devices/lab00-leaf-999")).send().await.unwrap().status().as_u16(), 404);

    let outage = serde_json::json!({"failure": "maintenance", "for": "90d"});
    let (code, body) = send(client.post(to("outages")), outage).await;
    assert_eq!((code, &body["id"]), (200, &1.into()), "{body}");
    let wrong = serde_json::json!({"site": "nowhere", "for": "1h"});
    assert_eq!(send(client.post(to("outages")), wrong).await.0, 404);
    let wrong = serde_json::json!({"failure": "dnss", "for": "1h"});
    let (code, body) = send(client.post(to("outages")), wrong).await;
    assert!(code == 400 && body["error"].as_str().unwrap().contains("did you mean `dns`?"), "{body}");
    until(folder.path(), async || {
        let text = std::fs::read_to_string(&log).unwrap();
        text.contains("HTTP server error 503").then_some(())
    })
    .await;
    assert_eq!(client.delete(to("outages/1")).send().await.unwrap().status().as_u16(), 204);
    assert_eq!(client.delete(to("outages/9")).send().await.unwrap().status().as_u16(), 404);

    let state: Value = client.get(to("state")).send().await.unwrap().json().await.unwrap();
    assert!(state["devices"].as_u64().unwrap() >= 302, "{state}");
    let metrics = client.get(fleet.text("/urls/metrics")).send().await.unwrap().text().await.unwrap();
    let failures = "slpsim_fleet_messages_total{mnemonic=\"LOG_SMART_LIC_COMM_FAILED\"} ";
    let count = metrics.lines().find_map(|line| line.strip_prefix(failures)).unwrap();
    assert!(count.parse::<u64>().unwrap() > 0, "{metrics}");
    fleet.end().await;
    let rows = std::fs::read_to_string(truth).unwrap();
    let rows = rows.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
    let ends: Vec<_> = rows
        .filter(|row| row["line"].is_null() && row["incident"] == "opened-1")
        .map(|row| row["end"].as_str().unwrap().to_owned())
        .collect();
    assert!(ends.len() == 2 && ends[1] < ends[0], "planned, and as it was ended by hand: {ends:?}");
}

#[tokio::test]
async fn management_stays_on_this_machine() {
    let output = run(&["fleet", "--manage", "0.0.0.0:0", "--sink", "null:"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("only on this machine"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_recorded_log_is_sent_again_as_it_was_or_with_new_stamps() {
    let folder = tempfile::tempdir().unwrap();
    let common = ["--devices", "50", "--duration", "3d", "--population", "storm", "--form", "nxos"];
    let (log, _) = fleet(folder.path(), "recorded", &common).await;
    let recorded = folder.path().join("recorded");
    let replay = ["--replay", recorded.to_str().unwrap()];
    let (again, summary) = fleet(folder.path(), "again", &[&replay[..], &["--speed", "max"]].concat()).await;
    assert!(again == log);
    assert_eq!(summary["lines"].as_u64(), u64::try_from(lines(&log)).ok());
    assert!((200_000.0..260_000.0).contains(&summary["recorded_s"].as_f64().unwrap()), "{summary}");
    let args = [&replay[..], &["--speed", "1000000", "--stamps", "new"]].concat();
    let (fresh, summary) = fleet(folder.path(), "fresh", &args).await;
    let spacing = summary["recorded_s"].as_f64().unwrap() / 1e6;
    assert!(summary["wall_s"].as_f64().unwrap() >= spacing, "{summary}");
    let (fresh, log) = (String::from_utf8(fresh).unwrap(), String::from_utf8(log).unwrap());
    assert_eq!(fresh.lines().count(), log.lines().count());
    for (new, old) in fresh.lines().zip(log.lines()) {
        assert_ne!(new, old);
        assert_eq!(new.split_once('%').unwrap().1, old.split_once('%').unwrap().1);
        assert_eq!(new.split(':').next(), old.split(':').next());
    }
}

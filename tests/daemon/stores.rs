//! `slpsim cssm` and its stores: SIGKILL at any moment, exit codes, export and import.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use slpsim_agent::{
    Measurement, PollId, ProfileId, Reason, Report, ReportId, Request, Role, Sender, Signer, Udi, Unit,
};
use slpsim_policy::Wall;
use slpsim_tests::Postgres;
use slpsim_transport::WireProfile;
use slpsim_transport::message::{ServerMessage, compose};
use slpsim_transport::sign::{DeviceKeys, Verifier};
use slpsim_transport::smart::{decode_response, encode_request};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::process::{Daemon, client, run, stderr, stdout};

/// What a mock has said that it keeps.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kept {
    Token(String),
    /// Serial number and number of the report; an ACK has named it.
    Acknowledged(String, u64),
    /// The same, answered `OK_POLL`.
    Taken(String, u64),
}

/// How often a mock dies, and after how many answers.
const DEATHS: u32 = 4;
const ANSWERS: usize = 60;
const DEVICES: u32 = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigkill_at_any_moment_loses_nothing_that_was_answered_with_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("mock.db").display());
    let mut kept = BTreeSet::new();
    for round in 1..=DEATHS {
        let mock = cssm(folder.path(), "one", &store).await;
        let mut working = JoinSet::new();
        let mut told = work(&mut working, &[&mock], round);
        hear(&mut told, ANSWERS + usize::try_from(round).unwrap() * 7, &mut kept).await;
        mock.power_off().await;
        working.join_all().await;
        drain(&mut told, &mut kept);
    }
    let mock = cssm(folder.path(), "one", &store).await;
    holds(&mock, &kept).await;
    mock.end().await;
}

/// Of two mocks behind one database one dies again and again; the other goes on, and so does the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigkill_of_one_of_two_mocks_loses_nothing_that_was_answered_with_postgresql() {
    let Some(database) = Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let other = cssm(folder.path(), "other", &database.url()).await;
    let mut kept = BTreeSet::new();
    for round in 1..=DEATHS {
        let mock = cssm(folder.path(), "one", &database.url()).await;
        assert_eq!(mock.text("/idtoken"), other.text("/idtoken"), "they are one to their devices");
        let mut working = JoinSet::new();
        let mut told = work(&mut working, &[&mock, &other], round);
        hear(&mut told, ANSWERS + usize::try_from(round).unwrap() * 7, &mut kept).await;
        mock.power_off().await;
        // The other answers on: its devices have not noticed anything.
        hear(&mut told, ANSWERS, &mut kept).await;
        told.close();
        working.join_all().await;
        drain(&mut told, &mut kept);
    }
    holds(&other, &kept).await;
    other.end().await;
}

pub(crate) async fn cssm(folder: &Path, name: &str, store: &str) -> Daemon {
    let state = folder.join(format!("{name}.state")).display().to_string();
    Daemon::start(folder, name, &["cssm", "--state", &state, "--store", store]).await
}

/// Devices that report and poll, and an operator who makes tokens, at each mock until it dies or nobody listens.
pub(crate) fn work(working: &mut JoinSet<()>, mocks: &[&Daemon], round: u32) -> UnboundedReceiver<Kept> {
    let (tell, told) = unbounded_channel();
    for (at, mock) in mocks.iter().enumerate() {
        for n in 1..=DEVICES {
            let number = u32::try_from(at).unwrap() * 100 + n;
            let verifier = Verifier::root(&std::fs::read_to_string(mock.text("/ca_file")).unwrap()).unwrap();
            working.spawn(report(mock.text("/urls/cslu").into(), verifier, (number, round), tell.clone()));
        }
        let (url, token) = (format!("{}/tokens", mock.text("/urls/manage")), mock.text("/manage_token"));
        working.spawn(make_tokens(url, token.into(), tell.clone()));
    }
    told
}

pub(crate) async fn hear(told: &mut UnboundedReceiver<Kept>, answers: usize, kept: &mut BTreeSet<Kept>) {
    for _ in 0..answers {
        kept.insert(told.recv().await.expect("the mock answers"));
    }
}

pub(crate) fn drain(told: &mut UnboundedReceiver<Kept>, kept: &mut BTreeSet<Kept>) {
    while let Ok(more) = told.try_recv() {
        kept.insert(more);
    }
}

async fn make_tokens(url: String, token: String, tell: UnboundedSender<Kept>) {
    let http = client();
    loop {
        let call = http.post(&url).bearer_auth(&token).json(&json!({})).send().await;
        let Ok(answer) = call else { return };
        let Ok(made) = answer.json::<Value>().await else { return };
        let text = made["idtoken"].as_str().unwrap().to_owned();
        if tell.send(Kept::Token(text)).is_err() {
            return;
        }
    }
}

async fn report(url: String, verifier: Verifier, (n, round): (u32, u32), tell: UnboundedSender<Kept>) {
    let http = client();
    let sender = sender(n);
    let serial = sender.udi.serial.as_str().to_owned();
    let mut nonce = 0;
    for id in u64::from(round) * 1_000_000.. {
        let usage = Request::Usage { reports: vec![usage(&sender, id)] };
        nonce += 1;
        let Some(answer) = ask(&http, &url, &verifier, (&usage, &sender, nonce)).await else { return };
        let poll_id: PollId = answer.data.poll_id.unwrap();
        if tell.send(Kept::Taken(serial.clone(), id)).is_err() {
            return;
        }
        nonce += 1;
        let poll = Request::Poll { poll_id };
        let Some(answer) = ask(&http, &url, &verifier, (&poll, &sender, nonce)).await else { return };
        let named = answer.data.ack.unwrap().object.unwrap().reports;
        assert_eq!(named.iter().map(|(id, _)| id.0).collect::<Vec<_>>(), [id]);
        if tell.send(Kept::Acknowledged(serial.clone(), id)).is_err() {
            return;
        }
    }
}

/// A device keeps its key, so that it asks again with the same one; here one is that of all.
static KEYS: LazyLock<DeviceKeys> = LazyLock::new(|| DeviceKeys::generate().unwrap());

/// The answer, or none where the mock has died meanwhile.
pub(crate) async fn ask(
    http: &reqwest::Client,
    url: &str,
    verifier: &Verifier,
    (request, sender, nonce): (&Request, &Sender, u64),
) -> Option<ServerMessage> {
    let profile = WireProfile::default();
    let message = compose(request, sender, now(), nonce);
    // What asks for trust needs a key.
    let keys = matches!(request, Request::Trust { .. }).then(|| &*KEYS);
    let body = encode_request(&message, keys, &profile).unwrap().body;
    let call = http.post(url).header("content-type", "application/json").body(body).send().await;
    let answer = call.ok()?;
    let status = answer.status();
    let bytes = answer.bytes().await.ok()?;
    assert!(status.is_success(), "{status} {}", String::from_utf8_lossy(&bytes));
    Some(decode_response(&bytes, verifier, &profile).unwrap().message)
}

pub(crate) fn now() -> Wall {
    Wall(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap())
}

pub(crate) fn sender(n: u32) -> Sender {
    let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
    Sender {
        udi,
        units: vec![Unit { role: Role::Active, udi }],
        identity: None,
        standby_identity: None,
        profile: ProfileId::Nexus9000.profile(),
        hostname: Some("n9k-leaf-01".into()),
        send_version: true,
        custom_id: None,
    }
}

pub(crate) fn usage(sender: &Sender, id: u64) -> Report {
    let start = now();
    Report {
        id: ReportId(id),
        previous: None,
        license: &sender.profile.licenses[0],
        signer: Signer::Builtin,
        units: sender.units.clone(),
        measurements: vec![Measurement {
            start,
            end: start.plus_millis(120_000),
            value: 1,
            reason: Some(Reason::CurrentUsageRequested),
            clock_change_s: None,
        }],
    }
}

/// Whether a mock that was started anew has all of it.
pub(crate) async fn holds(mock: &Daemon, kept: &BTreeSet<Kept>) {
    let url = format!("{}/export", mock.text("/urls/manage"));
    let lines = client().get(url).bearer_auth(mock.text("/manage_token")).send().await.unwrap();
    let (mut there, mut pushed) = (BTreeSet::new(), BTreeSet::new());
    for line in lines.text().await.unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let polls = line["device"]["polls"].as_array().map(Vec::as_slice).unwrap_or_default();
        for report in polls.iter().flat_map(|poll| poll["reports"].as_array().unwrap()) {
            let serial = line["device"]["serial"].as_str().unwrap();
            pushed.insert(Kept::Taken(serial.into(), report[0].as_u64().unwrap()));
        }
        if let Some(text) = line["token"]["text"].as_str() {
            there.insert(Kept::Token(text.into()));
        }
        if let Some(id) = line["report"]["id"].as_u64() {
            let serial = line["report"]["serial"].as_str().unwrap();
            there.insert(Kept::Taken(serial.into(), id));
            if line["report"]["answered"] == json!(true) {
                there.insert(Kept::Acknowledged(serial.into(), id));
            }
        }
    }
    let lost: Vec<_> = kept.difference(&there).collect();
    assert!(lost.is_empty(), "of {} lost are {lost:?}", kept.len());
    // A device with its push and the reports in it are one transaction.
    let torn: Vec<_> = pushed.difference(&there).collect();
    assert!(torn.is_empty(), "pushed, and not there: {torn:?}");
    let kinds = [
        kept.iter().any(|kept| matches!(kept, Kept::Token(_))),
        kept.iter().any(|kept| matches!(kept, Kept::Acknowledged(..))),
    ];
    assert_eq!(kinds, [true, true], "there were tokens and ACKs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_from_one_store_into_another_and_back_as_the_same_lines() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (one, other) = (format!("sqlite:{}", at("one.db")), format!("sqlite:{}", at("other.db")));
    let mock = cssm(folder.path(), "one", &one).await;
    mock.manage(reqwest::Method::POST, "tokens", Some(json!({"virtual_account": "Other"}))).await;
    mock.manage(reqwest::Method::PUT, "policies/Lab", Some(json!({"name": "P", "first": 9}))).await;
    mock.manage(reqwest::Method::POST, "faults", Some(json!({"kind": "slow", "by": "1ms"}))).await;
    let exported = run(&["cssm", "export", &at("live.jsonl"), "--ready", &at("one.ready")]).await;
    assert!(exported.status.success(), "{}", stderr(&exported));
    mock.end().await;
    let exported = run(&["cssm", "export", &at("rest.jsonl"), "--store", &one]).await;
    assert!(exported.status.success(), "{}", stderr(&exported));
    let sorted = |name: &str| {
        let text = std::fs::read_to_string(at(name)).unwrap();
        let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted("live.jsonl"), sorted("rest.jsonl"));

    cssm(folder.path(), "other", &other).await.end().await;
    let taken = run(&["cssm", "import", &at("rest.jsonl"), "--store", &other, "--output", "json"]).await;
    assert!(taken.status.success(), "{}", stderr(&taken));
    let taken: Value = serde_json::from_str(&stdout(&taken)).unwrap();
    assert_eq!(taken["taken"], json!(sorted("rest.jsonl").len()));
    let exported = run(&["cssm", "export", &at("other.jsonl"), "--store", &other]).await;
    assert!(exported.status.success(), "{}", stderr(&exported));
    let there: BTreeSet<_> = sorted("other.jsonl").into_iter().collect();
    let missing: Vec<_> = sorted("rest.jsonl").into_iter().filter(|line| !there.contains(line)).collect();
    assert_eq!(missing, Vec::<String>::new());

    // A line in the middle that does not fit leaves nothing behind.
    let spoiled = format!("{}\n{{\"device\":{{}}}}\n", std::fs::read_to_string(at("rest.jsonl")).unwrap());
    std::fs::write(at("spoiled.jsonl"), spoiled.replace("\"first\":9", "\"first\":8")).unwrap();
    let refused = run(&["cssm", "import", &at("spoiled.jsonl"), "--store", &other]).await;
    assert_eq!(refused.status.code(), Some(2));
    let exported = run(&["cssm", "export", &at("after.jsonl"), "--store", &other]).await;
    assert!(exported.status.success(), "{}", stderr(&exported));
    assert_eq!(sorted("after.jsonl"), sorted("other.jsonl"));
}

#[tokio::test]
async fn a_store_that_cannot_be_used_ends_with_one_line_and_its_code() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(
        at("letter.db"),
        "a letter to my aunt, and long enough to be taken for a file of another kind",
    )
    .unwrap();
    let mine = format!("sqlite:{}", at("mine.db"));
    let mock = cssm(folder.path(), "mine", &mine).await;
    for (store, code, words) in [
        ("mysql://h/d".to_owned(), 2, "no store is called"),
        (format!("sqlite:{}", at("letter.db")), 2, "is the file of another program"),
        (format!("sqlite:{}", at("no/such/folder/a.db")), 2, "cannot be opened"),
        (mine, 2, "in use by another mock"),
        ("postgres://mock:s3cret@127.0.0.1:1/mock".to_owned(), 1, "is gone"),
    ] {
        let ended = run(&["cssm", "--state", &at("state"), "--store", &store]).await;
        let said = stderr(&ended);
        assert_eq!(ended.status.code(), Some(code), "{store}: {said}");
        assert!(said.contains(words) && !said.contains("s3cret"), "{store}: {said}");
    }
    let nowhere = format!("sqlite:{}", at("nowhere.db"));
    let ended = run(&["cssm", "export", &at("out"), "--store", &nowhere]).await;
    assert_eq!(
        (ended.status.code(), Path::new(&at("nowhere.db")).exists()),
        (Some(2), false),
        "{}",
        stderr(&ended)
    );
    mock.end().await;
}

/// A disk with a limit stands for a full one.
#[tokio::test]
async fn a_mock_whose_disk_is_full_says_so_to_whoever_asks() {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}?max-bytes=150000", folder.path().join("mock.db").display());
    let mock = cssm(folder.path(), "full", &store).await;
    let (url, token) =
        (format!("{}/tokens", mock.text("/urls/manage")), mock.text("/manage_token").to_owned());
    let mut last = Value::Null;
    for _ in 0..2_000 {
        let answer = client().post(&url).bearer_auth(&token).json(&json!({})).send().await.unwrap();
        let full = answer.status().as_u16() == 503;
        last = answer.json().await.unwrap();
        if full {
            break;
        }
    }
    assert_eq!(last["store"], json!("full"), "{last}");
    mock.end().await;
    let log = std::fs::read_to_string(folder.path().join("full.err")).unwrap();
    assert!(log.contains("is full"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_fills_a_new_store_of_any_kind_and_comes_out_as_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let mock = Daemon::start(folder.path(), "mock", &["cssm", "--state", &path("state")]).await;
    mock.end().await;
    let (all, again) = (path("all.jsonl"), path("again.jsonl"));
    let output = run(&["cssm", "export", &all, "--store", &path("state/mock")]).await;
    assert!(output.status.success(), "{}", stderr(&output));
    for store in [format!("sqlite:{}", path("new.db")), path("new"), format!("journal:{}", path("lines"))] {
        let output = run(&["cssm", "export", &again, "--store", &store]).await;
        assert_eq!(output.status.code(), Some(2), "nothing is made by looking");
        assert!(stderr(&output).contains("is not there"), "{}", stderr(&output));
        let output = run(&["cssm", "import", &all, "--store", &store]).await;
        assert!(output.status.success(), "{store}: {}", stderr(&output));
        let output = run(&["cssm", "export", &again, "--store", &store]).await;
        assert!(output.status.success(), "{store}: {}", stderr(&output));
        assert_eq!(std::fs::read(&all).unwrap(), std::fs::read(&again).unwrap(), "{store}");
    }
}

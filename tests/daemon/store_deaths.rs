//! Death of a mock at the boundaries of its store's transactions: when all is written and nothing holds yet, and when all
//! is durable and nobody has been told. Nothing that was answered is lost, and nothing is half there.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use slpsim_agent::{Request, Sender, Token};
use slpsim_tests::Postgres;
use slpsim_transport::message::StatusWord;
use slpsim_transport::sign::Verifier;
use tokio::task::JoinSet;

use crate::process::{Daemon, client, run, slpsim, stderr};
use crate::stores::{Kept, ask, drain, holds, sender, usage, work};

/// Both sides of a transaction.
const SIDES: [&str; 2] = ["before", "after"];

/// A place for records, and what has to live as long.
struct Place {
    folder: tempfile::TempDir,
    store: String,
    _database: Option<Postgres>,
}

impl Place {
    /// One of each kind that promises to outlive a loss of power; PostgreSQL where it is installed.
    fn all() -> Vec<Self> {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite:{}", folder.path().join("mock.db").display());
        let mut all = vec![Self { folder, store, _database: None }];
        if let Some(database) = Postgres::start() {
            let folder = tempfile::tempdir().unwrap();
            all.push(Self { folder, store: database.url(), _database: Some(database) });
        }
        all
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn args(&self) -> Vec<String> {
        ["cssm", "--state", &self.path("state"), "--store", &self.store].map(ToOwned::to_owned).to_vec()
    }

    async fn mock(&self, failpoint: Option<&str>) -> Daemon {
        Daemon::start_dying(self.folder.path(), "mock", &self.args(), failpoint).await
    }

    /// What the store has, read without a mock.
    async fn lines(&self) -> Vec<String> {
        let file = self.path("out.jsonl");
        let exported = run(&["cssm", "export", &file, "--store", &self.store]).await;
        assert!(exported.status.success(), "{}: {}", self.store, stderr(&exported));
        std::fs::read_to_string(file).unwrap().lines().map(ToOwned::to_owned).collect()
    }
}

/// Runs a command that dies at a failpoint.
async fn dies(args: &[&str], failpoint: &str) {
    let status = slpsim().args(args).env("SLPSIM_FAILPOINT", failpoint).output().await.unwrap().status;
    assert_eq!(status.signal(), Some(9), "{args:?} {failpoint}: {status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mock_that_dies_at_its_first_start_starts_the_next_time() {
    for place in Place::all() {
        let args = place.args();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        for side in SIDES {
            dies(&args, &format!("commit:1:{side}")).await;
        }
        let mock = place.mock(None).await;
        let token = mock.text("/idtoken").to_owned();
        mock.end().await;
        let tokens = place.lines().await.iter().filter(|line| line.starts_with("{\"token\"")).count();
        assert_eq!(tokens, 1, "{}: one first token", place.store);
        let again = place.mock(None).await;
        assert_eq!(again.text("/idtoken"), token);
        again.end().await;
    }
}

/// Many answers share a transaction; all of them wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_within_and_after_a_shared_transaction_loses_nothing_that_was_answered() {
    for place in Place::all() {
        let mut kept = BTreeSet::new();
        let mut round = 0;
        for number in [3, 12, 60] {
            for side in SIDES {
                round += 1;
                let mock = place.mock(Some(&format!("commit:{number}:{side}"))).await;
                let mut working = JoinSet::new();
                let mut told = work(&mut working, &[&mock], round);
                mock.dies().await;
                working.join_all().await;
                drain(&mut told, &mut kept);
            }
        }
        let mock = place.mock(None).await;
        holds(&mock, &kept).await;
        mock.end().await;
    }
}

async fn asks_for_trust(mock: &Daemon, sender: &Sender, token: &Token, nonce: u64) -> Option<StatusWord> {
    let verifier = Verifier::root(&std::fs::read_to_string(mock.text("/ca_file")).unwrap()).unwrap();
    let request = Request::Trust { token: token.clone(), force: false, units: sender.units.clone() };
    let url = mock.text("/urls/cslu");
    Some(ask(&client(), url, &verifier, (&request, sender, nonce)).await?.status)
}

/// The device asks again, as after any failure (`spec/behaviour.md` §6).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_one_use_survives_death_at_its_use_and_is_still_for_one_device() {
    for place in Place::all() {
        for (n, side) in [(1, SIDES[0]), (3, SIDES[1])] {
            let mock = place.mock(None).await;
            let made = mock.manage(Method::POST, "tokens", Some(json!({"max_uses": 1}))).await;
            let token = Token::new(made["idtoken"].as_str().unwrap()).unwrap();
            mock.end().await;
            let (device, other) = (sender(n), sender(n + 1));
            // The first transaction is that of the start.
            let dying = place.mock(Some(&format!("commit:2:{side}"))).await;
            assert_eq!(asks_for_trust(&dying, &device, &token, 1).await, None, "{}: {side}", place.store);
            dying.dies().await;
            let mock = place.mock(None).await;
            let again = asks_for_trust(&mock, &device, &token, 2).await;
            assert_eq!(again, Some(StatusWord::Ok), "{}: {side}", place.store);
            assert_eq!(asks_for_trust(&mock, &other, &token, 1).await, Some(StatusWord::Failed));
            mock.end().await;
            let is_it =
                |line: &&String| line.contains(&format!("{{\"token\":{{\"text\":\"{}\"", token.expose()));
            let lines = place.lines().await;
            let line: Value = serde_json::from_str(lines.iter().find(is_it).unwrap()).unwrap();
            assert_eq!(line["token"]["uses"], 1, "{}: {side}", place.store);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_dies_has_taken_everything_or_nothing() {
    for place in Place::all() {
        place.mock(None).await.end().await;
        let before = place.lines().await;
        let account = |position| {
            format!(
                "{{\"account\":{{\"position\":{position},\"names\":{{\"smart_account\":\"S\",\"virtual_account\":\"V{position}\"}},\"listed\":null,\"policy\":null}}}}"
            )
        };
        let names: Value =
            serde_json::from_str(before.iter().find(|line| line.starts_with("{\"account\"")).unwrap())
                .unwrap();
        let fields: Vec<_> = names["account"]["names"].as_object().unwrap().keys().cloned().collect();
        // Written as the mock writes the one that it has.
        let new: Vec<String> = (1..=200)
            .map(|n| account(n).replace("smart_account", &fields[0]).replace("virtual_account", &fields[1]))
            .collect();
        let file = place.path("in.jsonl");
        std::fs::write(&file, new.join("\n") + "\n").unwrap();
        let import = ["cssm", "import", &file, "--store", &place.store];
        // The first transaction is that of the opening.
        dies(&import, "commit:2:before").await;
        assert_eq!(place.lines().await, before, "{}: nothing", place.store);
        dies(&import, "commit:2:after").await;
        let after = place.lines().await;
        assert_eq!(after.len(), before.len() + new.len(), "{}: everything", place.store);
        // An export that dies changes nothing, and leaves nothing under the name that was asked for.
        let out = place.path("never.jsonl");
        dies(&["cssm", "export", &out, "--store", &place.store], "commit:1:after").await;
        assert!(!Path::new(&out).exists());
        assert_eq!(place.lines().await, after);
        place.mock(None).await.end().await;
    }
}

/// The oldest reports go in the transaction in which new ones come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn death_while_old_reports_go_keeps_the_newest_and_no_more() {
    const KEEP: usize = 5;
    for place in Place::all() {
        let device = sender(1);
        let mut next = 1;
        for (number, side) in [(9, SIDES[0]), (12, SIDES[1]), (2, SIDES[0]), (2, SIDES[1])] {
            let mut args = place.args();
            args.extend(["--set".into(), format!("mock.keep-reports={KEEP}")]);
            let failpoint = format!("commit:{number}:{side}");
            let mock = Daemon::start_dying(place.folder.path(), "mock", &args, Some(&failpoint)).await;
            let verifier = Verifier::root(&std::fs::read_to_string(mock.text("/ca_file")).unwrap()).unwrap();
            let http = client();
            let mut answered = None;
            loop {
                let request = Request::Usage { reports: vec![usage(&device, next)] };
                let url = mock.text("/urls/cslu");
                if ask(&http, url, &verifier, (&request, &device, next)).await.is_none() {
                    break;
                }
                answered = Some(next);
                next += 1;
            }
            mock.dies().await;
            let ids: Vec<u64> = place
                .lines()
                .await
                .iter()
                .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["report"]["id"].as_u64())
                .collect();
            assert!(ids.len() <= KEEP, "{}: {ids:?}", place.store);
            assert!(
                ids.windows(2).all(|pair| pair[0] + 1 == pair[1]),
                "{}: oldest first, none missing: {ids:?}",
                place.store
            );
            let last = ids.last().copied();
            assert!(
                answered.is_none() || last >= answered,
                "{}: {answered:?} was answered: {ids:?}",
                place.store
            );
            let durable = side == SIDES[1];
            assert_eq!(last == Some(next), durable, "{}: {failpoint}: report {next}, {ids:?}", place.store);
            // What was not taken comes again.
            next += u64::from(durable);
        }
    }
}

/// Devices ask one mock while the other dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mock_that_dies_with_the_database_in_its_hands_lets_it_go() {
    let Some(database) = Postgres::start() else { return };
    let folder = tempfile::tempdir().unwrap();
    let start = async |name: &str, failpoint: Option<&str>| {
        let state = folder.path().join(format!("{name}.state")).display().to_string();
        let args = ["cssm", "--state", &state, "--store", &database.url()];
        Daemon::start_dying(folder.path(), name, &args, failpoint).await
    };
    let other = start("other", None).await;
    let mut kept = BTreeSet::new();
    for (round, side) in SIDES.into_iter().enumerate() {
        let dying = start("dying", Some(&format!("commit:5:{side}"))).await;
        let mut working = JoinSet::new();
        let mut told = work(&mut working, &[&dying, &other], u32::try_from(round).unwrap() + 1);
        dying.dies().await;
        // The other has the row now, at once.
        for _ in 0..30 {
            kept.insert(told.recv().await.expect("the other answers"));
        }
        told.close();
        working.join_all().await;
        drain(&mut told, &mut kept);
    }
    assert!(kept.iter().any(|kept| matches!(kept, Kept::Taken(..))));
    holds(&other, &kept).await;
    other.end().await;
}

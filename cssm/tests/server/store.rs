//! What outlives a mock, in each store.

use serde_json::json;
use slpsim_agent::Request;
use slpsim_cssm::server::{Offline, Server, ServerConfig, StoreChoice, SystemClock};
use slpsim_cssm::{AckMode, Config, Limits};
use slpsim_tests::Postgres;
use slpsim_transport::message::StatusWord;
use tempfile::TempDir;

use crate::client::{Device, World};

/// A store, and what has to live as long.
pub(crate) struct Place {
    pub(crate) choice: StoreChoice,
    pub(crate) folder: TempDir,
    pub(crate) database: Option<Postgres>,
}

impl Place {
    fn in_folder(choice: impl FnOnce(&std::path::Path) -> StoreChoice) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { choice: choice(folder.path()), folder, database: None }
    }

    pub(crate) fn sqlite() -> Self {
        Self::in_folder(|folder| StoreChoice::Sqlite { path: folder.join("mock.db"), most_bytes: None })
    }

    pub(crate) fn postgres() -> Option<Self> {
        let database = Postgres::start()?;
        let choice = database.url().parse().unwrap();
        Some(Self { choice, folder: tempfile::tempdir().unwrap(), database: Some(database) })
    }

    /// One of each kind; PostgreSQL where it is installed.
    fn all() -> Vec<Self> {
        Self::files().into_iter().chain(Self::postgres()).collect()
    }

    /// One of each kind that is a file.
    pub(crate) fn files() -> Vec<Self> {
        vec![
            Self::in_folder(|folder| StoreChoice::Folder(folder.into())),
            Self::in_folder(|folder| StoreChoice::Journal(folder.into())),
            Self::sqlite(),
        ]
    }

    /// Where its records are.
    pub(crate) fn file(&self) -> std::path::PathBuf {
        self.folder.path().join(match self.choice {
            StoreChoice::Folder(_) => "records.db",
            StoreChoice::Journal(_) => "records.jsonl",
            StoreChoice::Sqlite { .. } | StoreChoice::Postgres(_) => "mock.db",
        })
    }

    pub(crate) fn config(&self) -> ServerConfig {
        ServerConfig { store: Some(self.choice.clone()), ..ServerConfig::default() }
    }

    pub(crate) async fn world(&self) -> World {
        World::with(self.config()).await
    }
}

/// All lines of a mock, in an order of their own.
pub(crate) fn lines(world: &World) -> Vec<String> {
    let mut lines = in_order(world);
    lines.sort_unstable();
    lines
}

/// All lines of a mock as it hands them out.
fn in_order(world: &World) -> Vec<String> {
    world.server.shared().with(|cssm| cssm.export())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mock_knows_outlives_it_in_every_store() {
    for place in Place::all() {
        let shown = place.choice.to_string();
        let first = place.world().await;
        let smart = first.server.urls.smart.clone();
        let mut device = Device::new(&first, 1);
        device.gets_trust(&first).await;
        let poll_id = device.reports(&first, &smart, &[1, 2]).await;
        first.ok("PUT", "policies/Lab", Some(json!({"name": "P", "first": 10}))).await;
        first.ok("POST", "tokens", Some(json!({"virtual_account": "Other"}))).await;
        let mut other = Device::new(&first, 2);
        other.reports(&first, &first.server.urls.cslu.clone(), &[1]).await;
        first.ok("DELETE", "devices/FDO00000002", None).await;
        first
            .ok("POST", "faults", Some(json!({"kind": "slow", "by": "1ms", "devices": ["FDO00000077"]})))
            .await;
        first.ok("POST", "clock", Some(json!({"skew": "10m"}))).await;
        let (token, ca_pem, before) = (first.token(), first.server.ca_pem.clone(), lines(&first));
        drop(first);

        let second = place.world().await;
        assert_eq!((second.token(), &second.server.ca_pem), (token, &ca_pem), "{shown}");
        assert_eq!(lines(&second), before, "{shown}");
        let smart = second.server.urls.smart.clone();
        let answer = device.says(&second, &smart, &Request::Poll { poll_id }).await.unwrap();
        assert_eq!(answer.status, StatusWord::Ok, "{shown}: {}", answer.status_message);
        assert_eq!(answer.data.ack.unwrap().object.unwrap().reports.len(), 2, "{shown}");
        second.server.shutdown().await;
    }
}

#[tokio::test]
async fn a_configuration_that_was_changed_wins_over_what_an_operator_had_set() {
    let place = Place::sqlite();
    let with = async |ack_mode| {
        let mock = Config { ack_mode, ..Config::default() };
        World::with(ServerConfig { mock, ..place.config() }).await
    };
    let first = with(AckMode::AtOnce).await;
    first.ok("PUT", "ack-mode", Some(json!({"mode": "manual"}))).await;
    first.server.shutdown().await;
    let second = with(AckMode::AtOnce).await;
    assert_eq!(second.ok("GET", "ack-mode", None).await, json!({"mode": "manual"}));
    second.server.shutdown().await;
    let third = with(AckMode::Delay(60_000)).await;
    assert_eq!(third.ok("GET", "ack-mode", None).await, json!({"mode": "delay", "delay": "1m"}));
}

/// A release before this one kept its records as lines in the same folder.
#[tokio::test]
async fn records_that_were_kept_as_lines_are_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let of = |choice: fn(std::path::PathBuf) -> StoreChoice| ServerConfig {
        store: Some(choice(folder.path().into())),
        ..ServerConfig::default()
    };
    let old = World::with(of(StoreChoice::Journal)).await;
    let mut device = Device::new(&old, 1);
    device.gets_trust(&old).await;
    let poll_id = device.reports(&old, &old.server.urls.smart.clone(), &[1]).await;
    Device::new(&old, 2).reports(&old, &old.server.urls.cslu.clone(), &[1]).await;
    let (token, before) = (old.token(), in_order(&old));
    old.server.shutdown().await;
    // The first one changes once more, and is the first all the same.
    let file = folder.path().join("records.jsonl");
    let kept = std::fs::read_to_string(&file).unwrap();
    let first = kept.lines().find(|line| line.starts_with("{\"report\"")).unwrap();
    std::fs::write(&file, format!("{kept}{first}\n\n")).unwrap();

    let new = World::with(of(StoreChoice::Folder)).await;
    assert_eq!((new.token(), in_order(&new)), (token, before));
    assert!(!folder.path().join("records.jsonl").exists());
    assert!(folder.path().join("records.jsonl.taken-over").exists());
    let answer = device.says(&new, &new.server.urls.smart.clone(), &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(answer.status, StatusWord::Ok);
    new.server.shutdown().await;

    std::fs::remove_file(folder.path().join("records.db")).unwrap();
    std::fs::write(folder.path().join("records.jsonl"), "{\"device\":{}}\n").unwrap();
    let refused = Server::start(of(StoreChoice::Folder), std::sync::Arc::new(SystemClock)).await.unwrap_err();
    assert!(refused.to_string().contains("records.jsonl is damaged: line 1: "), "{refused}");
}

#[tokio::test]
async fn what_is_no_longer_kept_leaves_the_store_as_well() {
    let place = Place::sqlite();
    let limits = Limits { reports: 2, events: 3, ..Limits::default() };
    let config = || ServerConfig { mock: Config { limits, ..Config::default() }, ..place.config() };
    let first = World::with(config()).await;
    let cslu = first.server.urls.cslu.clone();
    let mut device = Device::new(&first, 1);
    for id in 1..=4 {
        device.reports(&first, &cslu, &[id]).await;
    }
    let ids = |world: &World| {
        world
            .server
            .shared()
            .with(|cssm| cssm.store().reports().map(|report| report.id.0).collect::<Vec<_>>())
    };
    assert_eq!(ids(&first), [3, 4]);
    let before = lines(&first);
    first.server.shutdown().await;
    let second = World::with(config()).await;
    assert_eq!((ids(&second), lines(&second)), (vec![3, 4], before));
}

#[tokio::test]
async fn the_file_is_its_owners_and_its_words_are_for_people_too() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::sqlite();
    let world = place.world().await;
    let mut device = Device::new(&world, 1);
    device.reports(&world, &world.server.urls.cslu.clone(), &[7]).await;
    for file in std::fs::read_dir(place.folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?}", file.path());
    }
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.folder.path().join("mock.db"));
    let mut reader = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.unwrap();
    let row: (String, i64) =
        sqlx::query_as("SELECT serial, report_id FROM reports").fetch_one(&mut reader).await.unwrap();
    assert_eq!(row, ("FDO00000001".into(), 7));
    let host: String =
        sqlx::query_scalar("SELECT hostname FROM devices").fetch_one(&mut reader).await.unwrap();
    assert_eq!(host, "n9k-leaf-01");
}

/// Whoever works on a store while its mock does not run does it at that mock's time.
#[tokio::test(flavor = "multi_thread")]
async fn every_store_knows_where_the_daemon_of_its_mock_keeps_the_time() {
    for place in Place::all() {
        let shown = place.choice.to_string();
        let state = place.folder.path().join("state");
        let config = ServerConfig { state: Some(state.clone()), ..place.config() };
        World::with(config).await.server.shutdown().await;
        let choice = place.choice.clone();
        let asked = tokio::task::spawn_blocking(move || {
            let (tell, told) = std::sync::mpsc::channel();
            let clock = move |state: Option<&std::path::Path>| {
                tell.send(state.map(Into::into)).unwrap();
                Ok(std::sync::Arc::new(SystemClock) as _)
            };
            drop(Offline::open(&choice, None, clock).unwrap());
            told.recv().unwrap()
        });
        assert_eq!(asked.await.unwrap(), Some(state), "{shown}");
    }
}

/// Which kind of store it was shows nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn records_go_through_every_store_and_come_out_as_the_same_bytes() {
    let first = Place::sqlite();
    let world = first.world().await;
    let cslu = world.server.urls.cslu.clone();
    // Not in the order of their names.
    for (n, ids) in [(3, [9, 2]), (1, [5, 6]), (2, [8, 1])] {
        let mut device = Device::new(&world, n);
        for id in ids {
            device.reports(&world, &cslu, &[id]).await;
        }
    }
    world.ok("POST", "faults", Some(json!({"kind": "slow", "by": "1ms", "devices": ["FDO00000077"]}))).await;
    world.server.shutdown().await;
    let offline = |choice: &StoreChoice| {
        Offline::open(choice, None, |_| Ok(std::sync::Arc::new(SystemClock) as _)).unwrap()
    };
    tokio::task::spawn_blocking(move || {
        let before = offline(&first.choice).export();
        let ids: Vec<&str> =
            before.iter().filter(|line| line.starts_with("{\"report\"")).map(|line| line.as_str()).collect();
        assert!(ids[0].contains("\"id\":9,") && ids[5].contains("\"id\":1,"), "as they came: {ids:#?}");
        for place in Place::all() {
            let text = before.join("\n");
            assert_eq!(offline(&place.choice).import(&text).unwrap(), before.len());
            assert_eq!(offline(&place.choice).export(), before, "{}", place.choice);
        }
        // A line in the middle that does not fit, or is longer than any record, leaves nothing.
        for (line, words) in [
            ("{\"device\":{}}".to_owned(), "line 3: missing field"),
            ("x".repeat(40_000_000), "line 3: it has 40000000 bytes"),
        ] {
            let mut spoiled = before.clone();
            spoiled[2] = line;
            let store = offline(&first.choice);
            let error = store.import(&spoiled.join("\n")).unwrap_err().to_string();
            assert!(error.starts_with(words), "{error}");
            assert_eq!(store.export(), before);
        }
    })
    .await
    .unwrap();
}

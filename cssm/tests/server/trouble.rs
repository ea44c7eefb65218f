//! Stores that are full, locked, gone, of a newer release, damaged, or somebody else's.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use slpsim_agent::Request;
use slpsim_cssm::server::{Server, ServerConfig, StartError, StoreChoice, StoreError, SystemClock};
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::{Duration, timeout};

use crate::client::{Device, World};
use crate::store::{Place, lines};

fn file(place: &Place) -> PathBuf {
    place.folder.path().join("mock.db")
}

async fn beside(place: &Place) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file(place));
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn refusal(config: ServerConfig) -> StoreError {
    match Server::start(config, Arc::new(SystemClock)).await.unwrap_err() {
        StartError::Store(error) => error,
        other => panic!("{other}"),
    }
}

/// Asks until the mock is well again, which it finds out when it is asked.
async fn well_again(world: &World) {
    let asked = async {
        while world.call("GET", "accounts", None).await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(20), asked).await.expect("the mock goes on by itself");
}

/// What an operator and a device see while the store is in trouble. Health and metrics answer all the same.
async fn in_trouble(world: &World, device: &mut Device, word: &str) {
    let (status, answer) = world.call("POST", "tokens", Some(json!({"virtual_account": "Lost"}))).await;
    assert_eq!((status, answer["store"].as_str()), (503, Some(word)), "{answer}");
    let line = answer["error"].as_str().unwrap();
    assert!(line.starts_with("the store ") && !line.contains('\n'), "{line}");
    let raw = device.raw(world, &world.server.urls.cslu.clone(), &Request::Hello).await.unwrap();
    assert_eq!((raw.status, raw.retry_after.as_deref()), (503, Some("1")));
    let accounts =
        world.http.get(format!("{}/accounts", world.server.urls.manage)).header("accept", "text/html");
    let page = accounts.send().await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert!(page.text().await.unwrap().contains("role=\"alert\">the store "));
    let (status, health) = world.call("GET", "health", None).await;
    assert_eq!((status, &health["alive"], &health["ready"]), (503, &json!(true), &json!(false)), "{health}");
    assert_eq!(world.ok("GET", "health/live", None).await["alive"], json!(true));
    let metrics = world.http.get(&world.server.urls.metrics).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nslpsim_mock_store_up 0\n"), "{metrics}");
}

async fn healthy(world: &World) {
    let health = world.ok("GET", "health", None).await;
    assert_eq!(
        (&health["alive"], &health["ready"], &health["store"]),
        (&json!(true), &json!(true), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_store_is_told_and_leaves_nothing_half_written() {
    let place = Place::sqlite();
    let world = place.world().await;
    let mut device = Device::new(&world, 1);
    device.gets_trust(&world).await;
    let before = lines(&world);
    let mut other = beside(&place).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    in_trouble(&world, &mut device, "locked").await;
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    well_again(&world).await;
    healthy(&world).await;
    assert_eq!(lines(&world), before, "what nobody was told has not happened");
    device.reports(&world, &world.server.urls.smart.clone(), &[1]).await;
}

/// What a page was about to say of a change is not said where the change was lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_a_locked_store_has_not_taken_is_not_called_done_afterwards() {
    let place = Place::sqlite();
    let world = place.world().await;
    let browser = world.browser();
    let page = browser.open("/accounts").await;
    let mut other = beside(&place).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let csrf = page.csrf();
    let request = browser.request("POST", "/accounts").header("accept", "text/html");
    let form = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = browser.send(form.body(format!("csrf={csrf}&virtual=Other"))).await;
    assert_eq!(answer.status, 503);
    answer.has("is locked by another process");
    answer.has("What you have just sent was not taken");
    answer.has("href=\"/style.css\"");
    assert_eq!(browser.look("/style.css").await.status, 200);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    well_again(&world).await;
    let page = browser.open("/accounts").await;
    page.has_not("was made");
    page.has_not("Other");
    browser
        .submit("/accounts", "/accounts", &[("virtual", "Other")])
        .await
        .has("The Virtual Account was made.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_store_keeps_what_was_acknowledged_and_no_more() {
    let place = Place::sqlite();
    let choice = StoreChoice::Sqlite { path: file(&place), most_bytes: Some(150_000) };
    let config = || ServerConfig { store: Some(choice.clone()), ..ServerConfig::default() };
    let world = World::with(config()).await;
    let mut tokens = Vec::new();
    let answer = loop {
        let body = json!({"virtual_account": "Lab"});
        match world.call("POST", "tokens", Some(body)).await {
            (200, made) => tokens.push(made["idtoken"].as_str().unwrap().to_owned()),
            (503, answer) => break answer,
            other => panic!("{other:?}"),
        }
        assert!(tokens.len() < 2_000, "150,000 bytes hold fewer");
    };
    assert_eq!(answer["store"], json!("full"), "{answer}");
    assert!(tokens.len() > 50, "{}", tokens.len());
    drop(world);
    let choice = StoreChoice::Sqlite { path: file(&place), most_bytes: None };
    let world = World::with(ServerConfig { store: Some(choice), ..config() }).await;
    let known = world.server.shared().with(|cssm| {
        assert!(tokens.iter().all(|text| cssm.store().has_token(text)));
        cssm.store().token_count()
    });
    assert_eq!(known, tokens.len() + 1, "those, and the one of the start");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_deleted_is_told_and_goes_on_when_it_is_back() {
    for place in Place::files() {
        let world = place.world().await;
        let mut device = Device::new(&world, 1);
        device.gets_trust(&world).await;
        let before = lines(&world);
        let aside = place.folder.path().join("aside");
        std::fs::rename(place.file(), &aside).unwrap();
        in_trouble(&world, &mut device, "gone").await;
        // Without its records it does not go on.
        assert_eq!(world.call("GET", "accounts", None).await.0, 503, "{}", place.choice);
        std::fs::rename(&aside, place.file()).unwrap();
        well_again(&world).await;
        assert_eq!(lines(&world), before, "{}", place.choice);
    }
}

/// As a restored copy or an editor's way to save does it.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_replaced_is_told_and_takes_no_answer_with_it() {
    for place in Place::files() {
        let shown = place.choice.to_string();
        let world = place.world().await;
        let mut device = Device::new(&world, 1);
        device.gets_trust(&world).await;
        let before = lines(&world);
        let copy = place.folder.path().join("copy");
        std::fs::copy(place.file(), &copy).unwrap();
        std::fs::rename(&copy, place.file()).unwrap();
        let (status, answer) = world.call("POST", "tokens", Some(json!({"virtual_account": "Lost"}))).await;
        assert_eq!((status, &answer["store"]), (503, &json!("gone")), "{shown}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains("another file has its name now"), "{answer}");
        well_again(&world).await;
        assert_eq!(lines(&world), before, "{shown}: what nobody was told has not happened");
        world.ok("POST", "tokens", Some(json!({"virtual_account": "Kept"}))).await;
        let known = lines(&world);
        world.server.shutdown().await;
        assert_eq!(lines(&place.world().await), known, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_ends_is_told_and_goes_on_when_it_is_back() {
    let Some(mut place) = Place::postgres() else { return };
    let world = place.world().await;
    let mut device = Device::new(&world, 1);
    device.gets_trust(&world).await;
    let before = lines(&world);
    let mut database = place.database.take().unwrap();
    database.stop();
    in_trouble(&world, &mut device, "gone").await;
    database.go_on();
    well_again(&world).await;
    healthy(&world).await;
    assert_eq!(lines(&world), before);
    device.reports(&world, &world.server.urls.smart.clone(), &[1]).await;
}

#[tokio::test]
async fn a_store_of_a_newer_release_is_not_touched() {
    let place = Place::sqlite();
    place.world().await.server.shutdown().await;
    let mut other = beside(&place).await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (99, 'of tomorrow', true, x'00', 0)";
    sqlx::query(newer).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(file(&place)).unwrap();
    let error = refusal(place.config()).await;
    assert!(matches!(error, StoreError::Newer { version: 99, .. }) && error.is_users(), "{error}");
    assert!(error.to_string().contains("newer slpsim"), "{error}");
    assert_eq!(std::fs::read(file(&place)).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_store_of_ours_is_refused_with_one_line() {
    let place = Place::sqlite();
    let running = place.world().await;
    let error = refusal(place.config()).await;
    assert!(matches!(error, StoreError::InUse(_)), "{error}");
    running.server.shutdown().await;

    let mut other = beside(&place).await;
    sqlx::query("UPDATE records SET line = '{\"device\":{}}' WHERE kind = 'account'")
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();
    let error = refusal(place.config()).await;
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");

    std::fs::write(
        file(&place),
        "a letter to my aunt, and long enough to be taken for a file of another kind",
    )
    .unwrap();
    let error = refusal(place.config()).await;
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");

    let nowhere = "postgres://mock:s3cret@127.0.0.1:1/mock".parse().unwrap();
    let error = refusal(ServerConfig { store: Some(nowhere), ..ServerConfig::default() }).await;
    assert!(matches!(error, StoreError::Gone { .. }) && !error.is_users(), "{error}");
    assert!(!error.to_string().contains("s3cret"), "{error}");
    let error = "postgres://mock:s3cret@[nonsense".parse::<StoreChoice>().unwrap_err().to_string();
    assert!(error.contains("postgres://USER:PASSWORD@HOST") && !error.contains("s3cret"), "{error}");
}

#[tokio::test]
async fn a_database_file_of_another_program_is_refused_and_left_as_it_was() {
    let place = Place::sqlite();
    for table in [
        "CREATE TABLE bookmarks (url TEXT)",
        // It keeps account of its tables as we do.
        "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL, installed_on TIMESTAMP, \
         success BOOLEAN NOT NULL, checksum BLOB NOT NULL, execution_time BIGINT NOT NULL); CREATE TABLE bookmarks (url TEXT)",
    ] {
        let _ = std::fs::remove_file(file(&place));
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(file(&place)).create_if_missing(true);
        let mut other = SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql(table).execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        let before = std::fs::read(file(&place)).unwrap();
        let error = refusal(place.config()).await;
        assert!(matches!(error, StoreError::Refused { .. }) && error.is_users(), "{error}");
        assert!(error.to_string().contains("the file of another program"), "{error}");
        assert_eq!(std::fs::read(file(&place)).unwrap(), before);
    }
}

#[tokio::test]
async fn a_store_whose_tables_are_not_whole_is_damaged_and_one_that_is_a_folder_is_refused() {
    let place = Place::sqlite();
    place.world().await.server.shutdown().await;
    let mut other = beside(&place).await;
    sqlx::raw_sql("DROP VIEW reports; DROP VIEW devices; ALTER TABLE records RENAME COLUMN line TO text")
        .execute(&mut other)
        .await
        .unwrap();
    other.close().await.unwrap();
    let error = refusal(place.config()).await;
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");

    let folder = place.folder.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let choice = StoreChoice::Sqlite { path: folder, most_bytes: None };
    let error = refusal(ServerConfig { store: Some(choice), ..ServerConfig::default() }).await;
    assert!(error.to_string().contains("it is a folder; write the folder alone"), "{error}");
    for choice in [StoreChoice::Folder(file(&place)), StoreChoice::Journal(file(&place))] {
        let error = refusal(ServerConfig { store: Some(choice), ..ServerConfig::default() }).await;
        assert!(error.to_string().contains("it is a file; write sqlite:FILE"), "{error}");
    }
}

/// Somebody who watches is sent no work while the mock is in trouble, so watching has to be enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_mock_that_is_only_watched_notices_that_its_store_is_back() {
    for path in ["metrics", "health"] {
        let place = Place::sqlite();
        let world = place.world().await;
        let aside = place.folder.path().join("aside");
        std::fs::rename(file(&place), &aside).unwrap();
        let (status, _) = world.call("POST", "tokens", Some(json!({}))).await;
        assert_eq!(status, 503);
        std::fs::rename(&aside, file(&place)).unwrap();
        let watch = async {
            loop {
                let well = match path {
                    "health" => world.call("GET", "health", None).await.0 == 200,
                    _ => {
                        let shown = world.http.get(&world.server.urls.metrics).send().await.unwrap();
                        shown.text().await.unwrap().contains("\nslpsim_mock_store_up 1\n")
                    }
                };
                if well {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), watch).await.unwrap_or_else(|_| panic!("{path}"));
        assert_eq!(world.call("POST", "tokens", Some(json!({}))).await.0, 200);
    }
}

/// Nothing was under way, so nobody has to be told.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_restarted_while_nobody_asked_is_not_noticed() {
    let Some(mut place) = Place::postgres() else { return };
    let world = place.world().await;
    let mut device = Device::new(&world, 1);
    device.gets_trust(&world).await;
    for id in [1, 2] {
        let database = place.database.as_mut().unwrap();
        database.stop();
        database.go_on();
        // A look without the lock comes first, then a change under it.
        device.reports(&world, &world.server.urls.smart.clone(), &[id]).await;
        healthy(&world).await;
    }
}

#[tokio::test]
async fn a_database_that_does_not_let_us_in_says_why_and_never_the_password() {
    let Some(mut place) = Place::postgres() else { return };
    let database = place.database.take().unwrap();
    let url = database.url();
    let mut other = sqlx::PgConnection::connect(&url).await.unwrap();
    let roles = "CREATE ROLE locked LOGIN PASSWORD 'r1ght'; CREATE DATABASE foreign_one";
    for statement in roles.split("; ") {
        sqlx::raw_sql(statement).execute(&mut other).await.unwrap();
    }
    let foreign = url.replace("/postgres?", "/foreign_one?");
    let mut program = sqlx::PgConnection::connect(&foreign).await.unwrap();
    sqlx::raw_sql("CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY); INSERT INTO _sqlx_migrations VALUES (2024)")
        .execute(&mut program)
        .await
        .unwrap();
    for (store, words) in [
        (url.replace("/postgres?", "/nowhere?"), "database \"nowhere\" does not exist"),
        (url.replace("user=mock", "user=nobody&password=s3cret"), "role \"nobody\" does not exist"),
        // It may log in, and makes no tables.
        (url.replace("user=mock", "user=locked&password=s3cret"), "permission denied"),
        (foreign, "another program has its tables there"),
    ] {
        let choice = store.parse().unwrap();
        let error = refusal(ServerConfig { store: Some(choice), ..ServerConfig::default() }).await;
        assert!(matches!(error, StoreError::Refused { .. }) && error.is_users(), "{store}: {error}");
        let said = format!("{error} {error:?}");
        assert!(said.contains(words) && !said.contains("s3cret"), "{error}");
    }
}

//! The pages of several mocks with one database: nobody's edit is lost, and nobody's page waits for another process.

use std::sync::Arc;

use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;

use crate::browser::Page;
use crate::client::World;
use crate::store::Place;

const GENERAL: &str = "/inventory/0/general";
const POLICY: &str = "/inventory/0/policy";

async fn two(place: &Place) -> (Arc<World>, Arc<World>) {
    let (one, other) = tokio::join!(place.world(), place.world());
    (Arc::new(one), Arc::new(other))
}

/// The form of a policy; the version is that of the page.
fn edit(page: &Page, name: &str, ongoing: u16) -> Vec<(&'static str, String)> {
    vec![
        ("csrf", page.csrf()),
        ("version", page.field("version").unwrap()),
        ("name", name.into()),
        ("first", "30".into()),
        ("ongoing", ongoing.to_string()),
        ("on_change", "30".into()),
        ("ack_required", "yes".into()),
    ]
}

async fn send(browser: &crate::browser::Browser, fields: &[(&'static str, String)]) -> Page {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(key, value)| (*key, value.as_str())).collect();
    browser.post_raw(POLICY, &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn who_edits_a_policy_at_one_mock_is_told_what_somebody_has_changed_at_the_other() {
    let Some(place) = Place::postgres() else { return };
    let (one, other) = two(&place).await;
    let (ada, bob) = (one.browser(), other.browser());
    let [hers, his] = [ada.open(GENERAL).await, bob.open(GENERAL).await];
    assert_eq!(send(&ada, &edit(&hers, "Ada's", 60)).await.status, 303);
    let refused = send(&bob, &edit(&his, "Bob's", 90)).await;
    assert_eq!(refused.status, 409);
    for expected in [
        "Nothing was saved",
        "Somebody else has changed the policy",
        "data-label=\"In force\">Ada's<",
        "data-label=\"In your form\">Bob's<",
        "data-label=\"In force\">60<",
        "data-label=\"In your form\">90<",
        "value=\"Bob's\"",
    ] {
        refused.has(expected);
    }
    refused.has_not("In force\">30<");
    for world in [&one, &other] {
        let policy = world.ok("GET", "policies/Lab", None).await;
        assert_eq!((policy["name"].as_str(), policy["ongoing"].as_u64()), (Some("Ada's"), Some(60)));
    }
    // Ada has not seen Bob's second try either, and takes the policy away at her mock no more.
    assert_eq!(send(&bob, &edit(&refused, "Bob's", 90)).await.status, 303);
    let version = hers.field("version").unwrap();
    let csrf = hers.csrf();
    let kept = ada.post_raw("/inventory/0/policy/remove", &[("csrf", &csrf), ("version", &version)]).await;
    assert_eq!(kept.status, 409);
    kept.has("Nothing was removed");
    kept.has("value=\"Bob's\"");
}

/// Whoever comes first wins, and of what the others wrote there is nothing.
#[tokio::test(flavor = "multi_thread")]
async fn of_ten_people_who_save_at_once_at_two_mocks_one_has_saved() {
    let Some(place) = Place::postgres() else { return };
    let (one, other) = two(&place).await;
    let mut saving = JoinSet::new();
    let mut ready = Vec::new();
    for n in 1..=10_u16 {
        let browser = if n % 2 == 0 { one.browser() } else { other.browser() };
        let page = browser.open(GENERAL).await;
        ready.push((browser, edit(&page, &format!("Edit {n}"), n)));
    }
    for (browser, fields) in ready {
        saving.spawn(async move { (send(&browser, &fields).await.status, fields) });
    }
    let mut saved = Vec::new();
    for (status, fields) in saving.join_all().await {
        match status {
            303 => saved.push(fields),
            other => assert_eq!(other, 409),
        }
    }
    let [winner] = &saved[..] else { panic!("{} have saved", saved.len()) };
    for world in [&one, &other] {
        let policy = world.ok("GET", "policies/Lab", None).await;
        let whole = (policy["name"].as_str(), policy["ongoing"].as_u64().map(|days| days.to_string()));
        assert_eq!(whole, (Some(winner[2].1.as_str()), Some(winner[4].1.clone())));
    }
}

/// A process that keeps the others out, such as one that was stopped in the middle of its transaction.
struct Holder(PgConnection);

impl Holder {
    async fn of(place: &Place) -> Self {
        let mut connection = PgConnection::connect(&place.database.as_ref().unwrap().url()).await.unwrap();
        sqlx::raw_sql("BEGIN; SELECT seq FROM slpsim_head FOR UPDATE")
            .execute(&mut connection)
            .await
            .unwrap();
        Self(connection)
    }

    /// Returns when somebody stands in its queue.
    async fn is_waited_for(&mut self) {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut self.0).await.unwrap() == 0 {}
    }
}

const PAGES: [&str; 12] = [
    "/accounts",
    GENERAL,
    "/inventory/0/licenses",
    "/inventory/0/product-instances",
    "/inventory/0/event-log",
    "/product-instances/PID%3AN9K-C93180YC-FX3%2CSN%3AFDO00000001",
    "/reports",
    "/reports/PID%3AN9K-C93180YC-FX3%2CSN%3AFDO00000001/1",
    "/requests",
    "/faults",
    "/clock",
    "/cslu",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_page_does_not_wait_for_a_process_that_keeps_the_others_out() {
    let Some(place) = Place::postgres() else { return };
    let (one, other) = two(&place).await;
    let mut device = crate::client::Device::new(&one, 1);
    device.reports(&one, &one.server.urls.cslu.clone(), &[1]).await;
    let browser = other.browser();
    let page = browser.open("/faults").await;
    let csrf = page.csrf();

    let mut holder = Holder::of(&place).await;
    for path in PAGES {
        browser.open(path).await.has_not("may be a moment old");
    }
    // What the other mock knows is here as well, and nobody was kept out for it.
    browser.open("/reports").await.has("FDO00000001");
    let list = other.ok("GET", "devices", None).await;
    assert_eq!(list.as_array().unwrap().len(), 1);

    // Somebody who wants to change something has to wait; who only looks is told that it may be old.
    let changing = {
        let request = browser.request("POST", "/faults/end-all");
        let form = request.header("content-type", "application/x-www-form-urlencoded");
        let sent = other.browser();
        let csrf = sent.open("/faults").await.csrf();
        let cookie = sent.cookie();
        tokio::spawn(form.header("cookie", cookie).body(format!("csrf={csrf}")).send())
    };
    holder.is_waited_for().await;
    browser.open("/reports").await.has("may be a moment old");
    browser.open("/faults").await.has("No fault is in force.");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder.0).await.unwrap();
    assert_eq!(changing.await.unwrap().unwrap().status().as_u16(), 303);
    let answer = browser.post_raw("/faults/end-all", &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, 303);
    browser.open("/reports").await.has_not("may be a moment old");
}

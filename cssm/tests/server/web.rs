//! The pages: the chapter's tasks by forms, who may come in, and what bad input meets.

use std::sync::Arc;

use serde_json::json;
use slpsim_agent::Request;
use slpsim_cssm::server::ServerConfig;
use slpsim_cssm::server::web::{BoxFuture, Doorman, Visitor};
use slpsim_cssm::{Config, Role};

use crate::browser::Browser;
use crate::client::{Device, World};

impl World {
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.server.ca_pem, &self.server.urls.web)
    }
}

const EVIL: &str = "<script>alert(1)</script>'; DROP TABLE devices; --";

/// *Generating a New Token for a Trust Code from CSSM*, and what is done with tokens afterwards.
#[tokio::test]
async fn a_token_is_made_used_and_revoked_by_form() {
    let world = World::new().await;
    let browser = world.browser();
    let page = browser.open("/").await;
    for expected in ["This is a mock", "not Cisco&#39;s", "Virtual Account", "Lab", "Example Policy"] {
        let text = page.text().replace('\'', "&#39;");
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let (general, tokens) = ("/inventory/0/general", "/inventory/0/tokens");
    let page = browser.submit(general, tokens, &[("expires_after_days", "1"), ("max_uses", "1")]).await;
    page.has("0 of 1");
    page.has("The new token is the first one in the list.");
    browser.open(general).await.has_not("The new token is the first");
    let (_, rest) =
        page.text().split_once("readonly value=\"").map(|(a, b)| (a.len(), b.to_owned())).unwrap();
    let token = rest.split('"').next().unwrap().to_owned();

    let mut device = Device::new(&world, 1);
    let trust = Request::Trust {
        token: slpsim_agent::Token::new(&token).unwrap(),
        force: false,
        units: device.sender.units.clone(),
    };
    let url = world.server.urls.smart.clone();
    device.says(&world, &url, &trust).await.unwrap();
    browser.open(general).await.has("used-up");
    let page = browser.submit(general, "/inventory/0/tokens/revoke", &[("idtoken", &token)]).await;
    page.has("The token was revoked.");
    page.has("revoked</span>");
    for (fields, expected) in [
        ([("expires_after_days", "0"), ("max_uses", "")], "expires_after_days must lie between"),
        ([("expires_after_days", "-4"), ("max_uses", "")], "is no whole number"),
        ([("expires_after_days", ""), ("max_uses", "0")], "max_uses must be 1 or more"),
    ] {
        let page = browser.open(general).await;
        let answer = browser.post(&page, tokens, &fields).await;
        assert_eq!(answer.status, 400);
        answer.has(expected);
        answer.has("New Token");
    }
}

#[tokio::test]
async fn a_policy_is_edited_downloaded_and_kept_from_two_people_at_once() {
    let world = World::new().await;
    let (one, other) = (world.browser(), world.browser());
    let (general, path) = ("/inventory/0/general", "/inventory/0/policy");
    let [mine, theirs] = [one.open(general).await, other.open(general).await];
    let version = mine.field("version").unwrap();
    let edit = |name, ongoing| {
        [
            ("version", version.as_str()),
            ("name", name),
            ("first", "30"),
            ("ongoing", ongoing),
            ("on_change", "30"),
            ("ack_required", "yes"),
        ]
    };
    let answer = one.post(&mine, path, &edit("First Edit", "60")).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    one.open(general).await.has("First Edit");
    let answer = other.post(&theirs, path, &edit("Second Edit", "90")).await;
    assert_eq!(answer.status, 409);
    answer.has("Somebody else has changed this policy");
    answer.has("value=\"Second Edit\"");
    let policy = world.ok("GET", "policies/Lab", None).await;
    assert_eq!(policy["name"], "First Edit");
    // The page that said so knows the present version: sending it once more replaces theirs.
    let version = answer.field("version").unwrap();
    let again: Vec<(&str, &str)> = edit("Second Edit", "90")
        .into_iter()
        .map(|(k, v)| (k, if k == "version" { &*version } else { v }))
        .collect();
    assert_eq!(other.post(&answer, path, &again).await.status, 303);
    assert_eq!(world.ok("GET", "policies/Lab", None).await["ongoing"], 90);

    let file = one.look("/inventory/0/policy/file").await;
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"policy.xml\"");
    assert!(file.text().contains("<smartLicensePolicy>"), "{}", file.text());
    let page = one.open(general).await;
    let version = page.field("version").unwrap();
    assert_eq!(one.post(&page, "/inventory/0/policy/remove", &[("version", &version)]).await.status, 303);
    one.open(general).await.has("This account has no policy");
    assert_eq!(one.look("/inventory/0/policy/file").await.status, 404);
}

#[tokio::test]
async fn a_product_instance_is_found_transferred_and_removed_and_its_reports_are_read() {
    let world = World::new().await;
    let mut device = Device::new(&world, 1);
    device.sender.hostname = Some(EVIL.into());
    device.gets_trust(&world).await;
    let url = world.server.urls.smart.clone();
    let poll_id = device.reports(&world, &url, &[1_772_445_600]).await;
    let browser = world.browser();
    let page = browser.open("/inventory/0/product-instances?find=FDO00000001").await;
    page.has("Trust Code Installed");
    page.has("1 reports wait for their ACK");
    page.has("&lt;script&gt;");
    page.has_not("<script>alert");
    browser.open("/inventory/0/product-instances?find=nobody").await.has("No product instance");
    let udi = "PID%3AN9K-C93180YC-FX3%2CSN%3AFDO00000001";
    browser.open(&format!("/product-instances/{udi}")).await.has_not("<script>alert");
    let page = browser.open(&format!("/reports/{udi}/1772445600")).await;
    for expected in ["verified", "ACK not fetched yet", "&quot;report_id&quot;"] {
        page.has(expected);
    }
    device.says(&world, &url, &Request::Poll { poll_id }).await.unwrap();
    browser.open("/reports").await.has("acknowledged");
    browser.open("/inventory/0/licenses").await.has("In Compliance");
    browser.open("/inventory/0/event-log").await.has("Trust code");
    browser.open("/requests?device=FDO00000001").await.has("OK_POLL");

    let page = browser.submit("/accounts", "/accounts", &[("smart", "Example SA"), ("virtual", EVIL)]).await;
    page.has("The Virtual Account was made.");
    page.has_not("<script>alert");
    let path = format!("/product-instances/{udi}");
    let page = browser.submit(&path, &format!("{path}/transfer"), &[("account", "1")]).await;
    page.has("It was transferred to");
    page.has("FDO00000001");
    let page = browser.submit(&path, &format!("{path}/remove"), &[]).await;
    page.has("The product instance was removed.");
    let (status, _) = world.call("GET", "devices/FDO00000001", None).await;
    assert_eq!(status, 404);
    assert_eq!(browser.look(&path).await.status, 404);
}

/// *Download All For Cisco* > *Uploading Usage Data to CSSM and Downloading an ACK* > *Upload From Cisco*.
#[tokio::test]
async fn a_bundle_goes_round_by_clicking_on_both_pages() {
    let cssm = World::new().await;
    let mock = Config { role: Role::Cslu, connected: false, ..Config::default() };
    let cslu = World::with(ServerConfig { mock, seed: Some(8), ..ServerConfig::default() }).await;
    let (at_cssm, at_cslu) = (cssm.browser(), cslu.browser());
    at_cslu.open("/").await.has("not connected: files are carried");
    let answer = at_cslu.look("/cslu/bundle").await;
    assert_eq!(answer.status, 404);
    answer.has("nothing waits to be brought to Cisco");

    let mut device = Device::new(&cslu, 1);
    let door = cslu.server.urls.cslu.clone();
    let poll_id = device.reports(&cslu, &door, &[1_772_445_600]).await;
    at_cslu.open("/cslu").await.has("Download All For Cisco");
    let bundle = at_cslu.look("/cslu/bundle").await;
    let name = "UD_SA_26Mar02_10_00_00_000.tar.gz";
    assert_eq!(bundle.headers["content-disposition"], format!("attachment; filename=\"{name}\"").as_str());

    let page = at_cssm.bring("/reports", "/reports/upload", name, &bundle.bytes).await;
    page.has(&format!("ACK_{name}"));
    let ack = at_cssm.look("/reports/files/1").await;
    assert_eq!(ack.status, 200);
    let page = at_cslu.bring("/cslu", "/cslu/upload", &format!("ACK_{name}"), &ack.bytes).await;
    page.has("was taken: 1 ACK files for 1 pushes");
    let answer = device.raw(&cslu, &door, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!((answer.status, answer.rule), (200, None));
    at_cslu.open("/reports").await.has("acknowledged");

    for (path, action, expected) in
        [("/reports", "/reports/upload", "notes.txt"), ("/cslu", "/cslu/upload", "notes.txt")]
    {
        let browser = if path == "/cslu" { &at_cslu } else { &at_cssm };
        let answer = browser.bring(path, action, "notes.txt", b"just <b>text</b>").await;
        assert_eq!(answer.status, 400);
        answer.has(expected);
        answer.has_not("<b>text");
        let answer = browser.bring(path, action, "", b"").await;
        answer.has("No file was chosen.");
    }
    let answer = at_cssm.bring("/reports", "/reports/upload", "ack", &ack.bytes).await;
    answer.has("they are for the switch or for a CSLU");
}

#[tokio::test]
async fn faults_clock_and_acks_are_steered_by_form() {
    let world = World::new().await;
    let browser = world.browser();
    let page = browser
        .submit("/faults", "/faults", &[("kind", "http-status"), ("status", "404"), ("for", "2h")])
        .await;
    page.has("http-status</code>: status 404, for 2h");
    page.has("Fault 1 is on.");
    page.has("2h");
    world.advance(3_600_000);
    browser.open("/faults").await.has("1h");
    assert_eq!(world.ok("GET", "faults", None).await[0]["fault"]["kind"], "http-status");
    browser.submit("/faults", "/faults/1/end", &[]).await.has("The fault is off.");
    browser.submit("/faults", "/faults/1/end", &[]).await.has("over already");
    for (fields, expected) in [([("kind", EVIL), ("for", "1h")], "no fault is called")] {
        let page = browser.open("/faults").await;
        let answer = browser.post(&page, "/faults", &fields).await;
        assert_eq!(answer.status, 400);
        answer.has(expected);
        answer.has_not("<script>alert");
    }
    browser.submit("/clock", "/clock", &[("skew", "-90m")]).await.has("-1h30m");
    assert_eq!(world.ok("GET", "clock", None).await["skew"], "-1h30m");
    browser.submit("/clock", "/clock/acks", &[("mode", "manual")]).await.has("selected");
    assert_eq!(world.ok("GET", "ack-mode", None).await, json!({"mode": "manual"}));
    browser.submit("/clock", "/clock/acks/release", &[]).await.has("0 ACKs were released.");
    let page = browser.open("/clock").await;
    browser.post(&page, "/clock", &[("skew", "later")]).await.has("role=\"alert\"");
}

/// What `POST faults` takes as JSON, the form takes as fields of the same names.
#[tokio::test]
async fn a_fault_by_form_is_the_same_as_by_call() {
    let world = World::new().await;
    let browser = world.browser();
    for (fields, call) in [
        (
            &[
                ("kind", "latency"),
                ("for", "2h"),
                ("by", "2s"),
                ("distribution", "normal"),
                ("spread", "500ms"),
                ("ramp", "30m"),
            ][..],
            json!({"kind": "latency", "for": "2h", "by": "2s", "distribution": "normal", "spread": "500ms", "ramp": "30m"}),
        ),
        (
            &[
                ("kind", "quota"),
                ("for", ""),
                ("after", "5"),
                ("every", "2"),
                ("next", "7"),
                ("retry-after", "30"),
            ],
            json!({"kind": "quota", "after": 5, "every": 2, "next": 7, "retry-after": 30}),
        ),
        (
            &[
                ("kind", "reset"),
                ("for", "1d"),
                ("probability", "0.25"),
                ("on", "5m"),
                ("off", "10m"),
                ("purpose", "poll"),
                ("devices", "FDO00000001  PID:N9K-C93180YC-FX3,SN:FDO00000002"),
            ],
            json!({"kind": "reset", "for": "1d", "probability": 0.25, "on": "5m", "off": "10m", "purpose": "poll", "devices": ["FDO00000001", "PID:N9K-C93180YC-FX3,SN:FDO00000002"]}),
        ),
        (
            &[("kind", "token-refused"), ("for", "1h"), ("why", "expired")],
            json!({"kind": "token-refused", "for": "1h", "why": "expired"}),
        ),
    ] {
        browser.submit("/faults", "/faults", fields).await.has("is on.");
        let called = world.ok("POST", "faults", Some(call)).await;
        let all = world.ok("GET", "faults", None).await;
        let ours = all.as_array().unwrap().iter().rev().nth(1).unwrap();
        assert_eq!(ours["fault"], called["fault"]);
        assert_eq!(ours["until"], called["until"]);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_fault_stands_beside_its_field_and_the_rest_stays_filled_in() {
    let world = World::new().await;
    let browser = world.browser();
    let big = "9".repeat(30);
    for (key, value, said) in [
        ("kind", "", "choose a fault"),
        ("kind", EVIL, "no fault is called"),
        ("kind", "dns-nxdomain", "not in a server"),
        ("for", "soon", "span"),
        ("next", "0", "`next` counts from 1"),
        ("next", "-1", "is no whole number"),
        ("after", EVIL, "is no whole number"),
        ("every", "0", "`every` counts from 1"),
        ("probability", "1.5", "lies between 0 and 1"),
        ("probability", "NaN", "between 0 and 1"),
        ("probability", "often", "is no number between 0 and 1"),
        ("ramp", "0s", "longer than nothing"),
        ("on", "5m", "`on` needs `off`"),
        ("off", "5m", "`off` needs `on`"),
        ("distribution", EVIL, "no distribution is called"),
        ("distribution", "normal", "has no delay"),
        ("spread", "1s", "`spread` needs"),
        ("purpose", EVIL, "no purpose is called"),
        ("status", "99", "no HTTP status outside 2xx"),
        ("status", "70000", "too large here"),
        ("retry-after", &big, "is no whole number"),
        ("by", "1h", "does not take `by`"),
        ("why", "mood", "does not take `why`"),
    ] {
        let page = browser.open("/faults").await;
        let fields = [("kind", "http-status"), ("devices", "FDO00000009"), (key, value)];
        let fields = if key == "kind" { &fields[1..] } else { &fields[..] };
        let answer = browser.post(&page, "/faults", fields).await;
        assert_eq!(answer.status, 400, "{key} {value}");
        let text = answer.text();
        let beside = format!("id=\"wrong-{key}\">");
        let (_, rest) = text.split_once(&beside).unwrap_or_else(|| panic!("{beside} in {text}"));
        let beside = rest.split("</small>").next().unwrap();
        assert!(beside.contains(said), "{key} {value}: {beside}");
        answer.has("aria-invalid=\"true\"");
        answer.has("value=\"FDO00000009\"");
        answer.has_not("<script>alert");
    }
    assert_eq!(world.ok("GET", "faults", None).await, json!([]));
}

/// Every form of every page, without its word, from another site, and with fields of a megabyte.
#[tokio::test]
async fn no_form_is_taken_that_is_not_from_our_own_page() {
    let world = World::new().await;
    let browser = world.browser();
    browser.open("/").await;
    let long = "x".repeat(1_000_000);
    for action in [
        "/accounts",
        "/inventory/0/tokens",
        "/inventory/0/tokens/revoke",
        "/inventory/0/policy",
        "/inventory/0/policy/remove",
        "/inventory/0/membership",
        "/product-instances/FDO00000001/transfer",
        "/product-instances/FDO00000001/remove",
        "/reports/upload",
        "/faults",
        "/faults/end-all",
        "/faults/1/end",
        "/clock",
        "/clock/acks",
        "/clock/acks/release",
        "/cslu/upload",
        "/cslu/retry",
        "/switches/switch/console",
        "/logout",
    ] {
        let answer = browser.post_raw(action, &[]).await;
        assert_eq!(answer.status, 403, "{action}: {}", answer.text());
        answer.has("not ours");
        let csrf = browser.open("/clock").await.csrf();
        let cross = browser.request("POST", action).header("origin", "http://evil.example");
        let form = "application/x-www-form-urlencoded";
        let answer = browser.send(cross.header("content-type", form).body(format!("csrf={csrf}"))).await;
        assert_eq!(answer.status, 403, "{action}");
        let answer = browser.post_raw(action, &[("csrf", &csrf), ("virtual", &long)]).await;
        assert_eq!(answer.status, 413, "{action}");
        answer.has("holds 1000000 characters");
        let stranger = world.browser();
        stranger.open("/").await;
        assert_eq!(stranger.post_raw(action, &[("csrf", &csrf)]).await.status, 403, "{action}");
    }
    let answer = browser.send(browser.request("GET", "/").header("host", "evil.example")).await;
    assert_eq!(answer.status, 421);
    answer.has("open them as 127.0.0.1");
    let page = browser.open("/accounts").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    page.has_not("<style");
    page.has_not(" style=");
    page.has_not("onclick");
}

#[derive(Debug)]
struct Two;

impl Doorman for Two {
    fn admits<'a>(&'a self, name: &'a str, password: &'a str) -> BoxFuture<'a, Option<Visitor>> {
        let visitor = match (name, password) {
            ("ada", "lovelace") => Some(Visitor { name: name.into(), may_change: true }),
            ("bob", "looks") => Some(Visitor { name: name.into(), may_change: false }),
            _ => None,
        };
        Box::pin(async move { visitor })
    }
}

#[tokio::test]
async fn whoever_must_log_in_sees_nothing_before_and_guesses_five_times_at_most() {
    let doorman: Option<Arc<dyn Doorman>> = Some(Arc::new(Two));
    let config = ServerConfig { doorman, always_log_in: true, seed: Some(7), ..ServerConfig::default() };
    let world = World::with(config).await;
    let browser = world.browser();
    for path in ["/", "/accounts", "/inventory/0/general", "/reports", "/switches", "/cslu/bundle"] {
        let answer = browser.look(path).await;
        assert_eq!((answer.status, answer.location.as_deref()), (303, Some("/login")), "{path}");
    }
    let door = browser.open("/login").await;
    door.has("Log in");
    assert_eq!(browser.post(&door, "/accounts", &[("virtual", "x")]).await.status, 401);
    let answer = browser.post(&door, "/login", &[("name", "ada"), ("password", "wrong")]).await;
    assert_eq!(answer.status, 401);
    answer.has("User name or password is wrong.");
    let answer = browser.post(&door, "/login", &[("name", "ada"), ("password", "lovelace")]).await;
    assert_eq!(answer.status, 303);
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    browser.open("/accounts").await.has("Log out ada");
    browser.submit("/accounts", "/accounts", &[("virtual", "Other")]).await.has("was made");

    let guest = world.browser();
    let door = guest.open("/login").await;
    assert_eq!(guest.post(&door, "/login", &[("name", "bob"), ("password", "looks")]).await.status, 303);
    let page = guest.open("/clock").await;
    let answer = guest.post(&page, "/clock", &[("skew", "2h")]).await;
    assert_eq!(answer.status, 403);
    answer.has("change nothing");
    assert_eq!(guest.post(&page, "/logout", &[]).await.status, 303);
    assert_eq!(guest.look("/clock").await.status, 303);

    let guesser = world.browser();
    let door = guesser.open("/login").await;
    let fields = [("name", "ada"), ("password", "guess")];
    for _ in 0..5 {
        assert_eq!(guesser.post(&door, "/login", &fields).await.status, 401);
    }
    for fields in [fields, [("name", "ada"), ("password", "lovelace")]] {
        let answer = guesser.post(&door, "/login", &fields).await;
        assert_eq!(answer.status, 429);
        assert!(answer.headers.contains_key("retry-after"));
        answer.has("Too many wrong log-ins");
    }
}

/// Another machine meets TLS, and a log-in that nobody has.
#[tokio::test]
async fn an_address_that_others_can_reach_has_tls_and_is_closed_without_users() {
    let everywhere = std::net::SocketAddr::from(([0, 0, 0, 0], 0));
    for (doorman, status) in [(None, 403), (Some(Arc::new(Two) as Arc<dyn Doorman>), 303)] {
        let config = ServerConfig {
            listen_manage: everywhere,
            allow_remote: true,
            doorman,
            ..ServerConfig::default()
        };
        let world = World::with(config).await;
        assert!(world.server.urls.web.starts_with("https://0.0.0.0:"), "{}", world.server.urls.web);
        let port = world.server.urls.web.trim_end_matches('/').rsplit(':').next().unwrap().to_owned();
        let browser = Browser::new(&world.server.ca_pem, &format!("https://127.0.0.1:{port}"));
        let answer = browser.look("/accounts").await;
        assert_eq!(answer.status, status, "{}", answer.text());
        let cookie = answer.headers["set-cookie"].to_str().unwrap();
        assert!(cookie.contains("Secure"), "{cookie}");
        let plain = world.http.get(format!("http://127.0.0.1:{port}/accounts")).send().await;
        assert!(plain.is_err(), "without TLS there is nothing: {plain:?}");
    }
}

/// `interface.md` §2: the figures of ten thousand product instances are measured by the bench; here the paging is right.
#[tokio::test]
async fn ten_thousand_product_instances_are_paged_through() {
    let world = World::new().await;
    let export = world.server.shared().with(|cssm| cssm.export());
    let mut device = Device::new(&world, 1);
    let url = world.server.urls.smart.clone();
    device.gets_trust(&world).await;
    device.says(&world, &url, &Request::TrustSync).await.unwrap();
    let lines = world.server.shared().with(|cssm| cssm.export());
    let line = lines.iter().find(|line| line.contains("FDO00000001")).unwrap();
    assert!(export.len() < lines.len());
    let many: Vec<String> =
        (2..=10_000).map(|n| line.replace("FDO00000001", &format!("FDO{n:08}"))).collect();
    world.server.shared().with(|cssm| cssm.import(many.iter().map(String::as_str))).unwrap();
    let browser = world.browser();
    let page = browser.open("/inventory/0/product-instances").await;
    page.has("10000 in all; page 1 of 100");
    assert_eq!(page.text().matches("data-label=\"UDI\"").count(), 100);
    let mut seen = std::collections::BTreeSet::new();
    for number in [1, 50, 100, 101] {
        let page = browser.open(&format!("/inventory/0/product-instances?page={number}")).await;
        for part in page.text().split("data-label=\"UDI\">").skip(1) {
            seen.insert(part.split('<').next().unwrap().to_owned());
        }
    }
    assert_eq!(seen.len(), 300, "a page beyond the last is the last");
    browser.open("/inventory/0/product-instances?page=nonsense").await.has("page 1 of 100");
}

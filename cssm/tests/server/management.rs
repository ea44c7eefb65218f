//! The management interface, call by call (`interface.md` §7).

use std::collections::BTreeSet;

use serde_json::json;
use slpsim_agent::Request;
use slpsim_cssm::server::{ServerConfig, StoreChoice};
use slpsim_transport::message::StatusWord;

use crate::client::{Device, World};

#[tokio::test]
async fn whoever_does_not_show_the_token_is_turned_away() {
    let world = World::new().await;
    let base = &world.server.urls.manage;
    let right = world.server.manage_token.clone().unwrap();
    for path in ["devices", "requests", "faults", "clock", "accounts/Lab", "policies/Lab"] {
        for token in [None, Some("wrong"), Some("")] {
            let mut request = world.http.get(format!("{base}/{path}"));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status().as_u16(), 401, "{path}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            assert!(!response.text().await.unwrap().contains(&right));
        }
    }
    let health = world.http.get(format!("{base}/health")).send().await.unwrap();
    assert_eq!(health.status().as_u16(), 200);
    let open = World::with(ServerConfig { manage_open: true, ..ServerConfig::default() }).await;
    assert_eq!(open.server.manage_token, None);
    open.ok("GET", "devices", None).await;
}

#[tokio::test]
async fn the_listener_for_operators_serves_no_devices_and_the_other_way_round() {
    let world = World::new().await;
    let manage = world.server.urls.manage.trim_end_matches("/mock/v1").to_owned();
    let cslu = world.server.urls.cslu.trim_end_matches("/cslu/v1/pi").to_owned();
    for url in [format!("{manage}/cslu/v1/pi"), format!("{cslu}/mock/v1/health"), format!("{cslu}/metrics")] {
        assert_eq!(world.http.get(&url).send().await.unwrap().status().as_u16(), 404, "{url}");
    }
}

#[tokio::test]
async fn tokens_accounts_and_policies() {
    let world = World::new().await;
    let made = world
        .ok("POST", "tokens", Some(json!({"smart_account": "Example SA", "virtual_account": "Other"})))
        .await;
    assert!(made["idtoken"].as_str().unwrap().len() >= 32);
    assert_eq!(
        world.ok("GET", "accounts/Other", None).await,
        json!({
            "smart_account": "Example SA", "virtual_account": "Other",
            "membership": "open", "devices": [], "policy": null
        })
    );
    let listed = json!({"membership": "listed", "devices": ["PID:N9K-C93180YC-FX3,SN:FDO00000001"]});
    let view = world.ok("PUT", "accounts/Other", Some(listed)).await;
    assert_eq!(view["devices"][0], "PID:N9K-C93180YC-FX3,SN:FDO00000001");
    assert_eq!(
        world.ok("GET", "policies/Lab", None).await,
        json!({"name": "Example Policy", "first": 60, "ongoing": 180, "on_change": 60, "ack_required": true})
    );
    assert_eq!(world.call("GET", "policies/Other", None).await.0, 404);
    let policy = json!({"name": "P", "first": 10, "ongoing": 10, "on_change": 10, "ack_required": false});
    assert_eq!(world.ok("PUT", "policies/Lab", Some(policy.clone())).await, policy);
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    let answer = device.says(&world, &cslu, &Request::TrustSync).await.unwrap();
    let policy = answer.data.policy.unwrap().object.unwrap().policy;
    assert_eq!((policy.name.as_str(), policy.ack_required), ("P", Some(false)));
    world.ok("DELETE", "policies/Lab", None).await;
    let answer = device.says(&world, &cslu, &Request::TrustSync).await.unwrap();
    assert!(answer.data.policy.is_none());
    assert_eq!(world.ok("GET", "accounts", None).await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn devices_requests_and_events_can_be_looked_at_and_devices_removed() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let (mut one, mut two) = (Device::new(&world, 1), Device::new(&world, 2));
    one.reports(&world, &cslu, &[1]).await;
    two.reports(&world, &cslu, &[1]).await;
    assert_eq!(world.ok("GET", "devices", None).await.as_array().unwrap().len(), 2);
    for name in ["FDO00000002", "PID:N9K-C93180YC-FX3,SN:FDO00000002", "P:N9K-C93180YC-FX3,S:FDO00000002"] {
        assert_eq!(world.ok("GET", &format!("devices/{name}"), None).await["serial"], "FDO00000002");
        let requests = world.ok("GET", &format!("requests?device={name}"), None).await;
        assert_eq!(requests.as_array().unwrap().len(), 1);
        let only = &requests[0];
        assert_eq!(
            (&only["answer"], &only["purpose"], &only["rule"]),
            (&json!("OK_POLL"), &json!("usage"), &json!(null))
        );
        assert!(only["request"].as_str().unwrap().contains("FDO00000002"));
        assert!(only["response"].as_str().unwrap().contains("OK_POLL"));
    }
    world.ok("DELETE", "devices/FDO00000002", None).await;
    assert_eq!(world.call("GET", "devices/FDO00000002", None).await.0, 404);
    assert_eq!(world.ok("GET", "reports", None).await.as_array().unwrap().len(), 1);
    let events = world.ok("GET", "events", None).await;
    let words: Vec<_> =
        events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(words, ["device-added", "device-added", "device-removed"]);
}

#[tokio::test]
async fn an_id_token_is_nowhere_to_be_seen() {
    let world = World::new().await;
    let mut device = Device::new(&world, 1);
    device.gets_trust(&world).await;
    let token = world.token();
    for path in ["devices", "requests", "events", "accounts", "reports", "faults"] {
        let shown = world.ok("GET", path, None).await.to_string();
        assert!(!shown.contains(token.expose()), "{path}");
    }
    let shown = world.ok("GET", "requests", None).await;
    assert!(shown[0]["request"].as_str().unwrap().contains("********"));
    let printed = format!("{:?} {:?}", world.server, world.server.shared());
    assert!(
        !printed.contains(token.expose()) && !printed.contains(world.server.manage_token.as_deref().unwrap())
    );
}

#[tokio::test]
async fn acks_wait_until_they_are_released_and_the_clock_can_be_wrong() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    assert_eq!(world.ok("GET", "ack-mode", None).await, json!({"mode": "at-once"}));
    world.ok("PUT", "ack-mode", Some(json!({"mode": "manual"}))).await;
    let poll_id = device.reports(&world, &cslu, &[1]).await;
    let poll = Request::Poll { poll_id };
    assert_eq!(device.says(&world, &cslu, &poll).await.unwrap().status, StatusWord::OkPoll);
    assert_eq!(world.ok("POST", "acks/release", None).await, json!({"released": 1}));
    assert_eq!(device.says(&world, &cslu, &poll).await.unwrap().status, StatusWord::Ok);
    let mode = json!({"mode": "delay", "delay": "10m"});
    assert_eq!(world.ok("PUT", "ack-mode", Some(mode.clone())).await, mode);
    let clock = world.ok("GET", "clock", None).await;
    assert_eq!((&clock["skew"], &clock["time"]), (&json!("0s"), &json!("2026-03-02T10:00:00Z")));
    world.ok("POST", "clock", Some(json!({"skew": "2h"}))).await;
    let answer = device.says(&world, &cslu, &Request::Hello).await.unwrap();
    assert_eq!(answer.timestamp, crate::client::NOW.plus_millis(7_200_000));
    let events = world.ok("GET", "events", None).await;
    let skewed = events.as_array().unwrap().iter().find(|event| event["event"] == "clock-skew").unwrap();
    assert_eq!(skewed["detail"]["device_minus_server_ms"], -7_200_000);
}

#[tokio::test]
async fn faults_are_listed_with_what_they_did_and_end_by_themselves() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    let id = world.ok("POST", "faults", Some(json!({"kind": "empty", "for": "1h"}))).await["id"].clone();
    device.raw(&world, &cslu, &Request::Hello).await.unwrap();
    let view = world.ok("GET", &format!("faults/{id}"), None).await;
    assert_eq!((&view["hit"], &view["until"]), (&json!(1), &json!("2026-03-02T11:00:00Z")));
    world.advance(3_600_000);
    assert_eq!(world.ok("GET", "faults", None).await, json!([]));
    assert_eq!(world.call("GET", &format!("faults/{id}"), None).await.0, 404);
    let id = world.ok("POST", "faults", Some(json!({"kind": "empty"}))).await["id"].clone();
    world.ok("DELETE", &format!("faults/{id}"), None).await;
    assert_eq!(device.says(&world, &cslu, &Request::Hello).await.unwrap().status, StatusWord::Ok);
}

#[tokio::test]
async fn wishes_that_make_no_sense_are_refused_with_one_line() {
    let world = World::new().await;
    for (method, path, body, status) in [
        ("POST", "tokens", json!({"expires_after_days": 0}), 400),
        ("POST", "tokens", json!({"max_uses": 0}), 400),
        ("POST", "tokens", json!({"max_usees": 1}), 400),
        ("POST", "tokens", json!({"virtual_account": ""}), 400),
        ("POST", "tokens", json!([]), 400),
        ("POST", "tokens/revoke", json!({"idtoken": "nobody"}), 404),
        ("PUT", "accounts/Lab", json!({"membership": "closed"}), 400),
        ("PUT", "accounts/Lab", json!({"membership": "listed", "devices": ["FDO00000001"]}), 400),
        ("GET", "accounts/Nobody", json!({}), 404),
        ("PUT", "policies/Lab", json!({"name": ""}), 400),
        ("PUT", "policies/Lab", json!({"name": "P", "first": -1}), 400),
        ("PUT", "policies/Lab", json!({"name": "P", "first": 70_000}), 400),
        ("GET", "devices/nobody", json!({}), 404),
        ("DELETE", "devices/nobody", json!({}), 404),
        ("GET", "devices?colour=red", json!({}), 400),
        ("GET", "requests?limit=many", json!({}), 400),
        ("POST", "faults", json!({"kind": "dns-timeout"}), 400),
        ("POST", "faults", json!({"kind": "nonsense"}), 400),
        ("POST", "faults", json!({}), 400),
        ("DELETE", "faults/77", json!({}), 404),
        ("GET", "faults/first", json!({}), 400),
        ("POST", "clock", json!({"skew": "late"}), 400),
        ("PUT", "ack-mode", json!({"mode": "delay"}), 400),
        ("PUT", "ack-mode", json!({"mode": "manual", "delay": "1m"}), 400),
        ("PUT", "ack-mode", json!({"mode": "later"}), 400),
        ("POST", "nonsense", json!({}), 404),
        ("PATCH", "clock", json!({}), 405),
    ] {
        let (seen, answer) = world.call(method, path, Some(body.clone())).await;
        assert_eq!(seen, status, "{method} {path} {body}: {answer}");
        let error = answer["error"].as_str().unwrap();
        assert!(!error.is_empty() && !error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn everything_can_be_taken_to_another_mock() {
    let (one, other) = (World::new().await, World::new().await);
    let cslu = one.server.urls.cslu.clone();
    let mut device = Device::new(&one, 1);
    device.gets_trust(&one).await;
    device.reports(&one, &cslu, &[1, 2]).await;
    let url = |world: &World, call: &str| format!("{}/{call}", world.server.urls.manage);
    let export = async |world: &World| {
        let request =
            world.http.get(url(world, "export")).bearer_auth(world.server.manage_token.as_ref().unwrap());
        request.send().await.unwrap().text().await.unwrap()
    };
    let text = export(&one).await;
    assert_eq!(
        text.lines().count(),
        9,
        "counters, settings, account, token, device, two reports, two events"
    );
    let import = |body: Vec<u8>| {
        let token = other.server.manage_token.as_ref().unwrap();
        other.http.post(url(&other, "import")).bearer_auth(token).body(body).send()
    };
    let answer = import(text.clone().into()).await.unwrap().text().await.unwrap();
    assert_eq!(answer, "{\"taken\":9}");
    let mut lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
    let mut again: Vec<_> = export(&other).await.lines().map(ToOwned::to_owned).collect();
    lines.sort_unstable();
    again.sort_unstable();
    assert_eq!(lines, again);
    for (body, why) in [(format!("{text}nonsense\n").into_bytes(), "line 10: "), (b"\xff".to_vec(), "UTF-8")]
    {
        let refused = import(body).await.unwrap();
        assert_eq!(refused.status().as_u16(), 400);
        let refusal: serde_json::Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
        assert!(refusal["error"].as_str().unwrap().contains(why), "{refusal}");
    }
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    device.reports(&world, &cslu, &[1, 2]).await;
    device.says(&world, &cslu, &Request::Hello).await.unwrap();
    crate::client::post(&world.http, &cslu, "nonsense").await.unwrap();
    let text = world.http.get(&world.server.urls.metrics).send().await.unwrap().text().await.unwrap();
    for line in [
        "slpsim_mock_exchanges_total{purpose=\"usage\",answer=\"OK_POLL\"} 1",
        "slpsim_mock_exchanges_total{purpose=\"hello\",answer=\"OK\"} 1",
        "slpsim_mock_exchanges_total{purpose=\"unreadable\",answer=\"HTTP 400\"} 1",
        "slpsim_mock_rules_broken_total{rule=\"json\"} 1",
        "slpsim_mock_devices 1",
        "slpsim_mock_tokens 1",
        "slpsim_mock_reports 2",
        "slpsim_mock_reports_waiting 2",
        "slpsim_mock_devices_by_state{state=\"without-trust\"} 1",
        "slpsim_mock_devices_by_state{state=\"trusted\"} 0",
        "slpsim_mock_reports_by_state{state=\"received\"} 2",
        "slpsim_mock_exchange_seconds_count{door=\"cslu\",purpose=\"usage\"} 1",
        "slpsim_mock_exchange_seconds_count{door=\"cslu\",purpose=\"hello\"} 1",
        "slpsim_mock_exchange_seconds_count{door=\"cslu\",purpose=\"unreadable\"} 1",
        "slpsim_mock_exchange_seconds_bucket{door=\"cslu\",purpose=\"usage\",le=\"+Inf\"} 1",
        "slpsim_mock_faults 0",
    ] {
        assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("_store_"), "there is none");
}

/// The dashboard asks for nothing that a mock does not have.
#[tokio::test]
async fn every_name_in_the_dashboard_is_a_metric() {
    let folder = tempfile::tempdir().unwrap();
    let store = StoreChoice::Sqlite { path: folder.path().join("mock.db"), most_bytes: None };
    let world = World::with(ServerConfig { store: Some(store), ..ServerConfig::default() }).await;
    world.ok("POST", "faults", Some(json!({"kind": "slow", "by": "1ms"}))).await;
    let mut device = Device::new(&world, 1);
    device.reports(&world, &world.server.urls.cslu.clone(), &[1]).await;
    let text = world.http.get(&world.server.urls.metrics).send().await.unwrap().text().await.unwrap();
    for line in ["slpsim_mock_store_up 1", "slpsim_mock_faults_by_kind{kind=\"slow\"} 1"] {
        assert!(text.lines().any(|seen| seen == line), "{line} is not in\n{text}");
    }
    let dashboard = slpsim_tests::read("deploy/grafana-mock.json");
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let names: BTreeSet<&str> =
        dashboard.split("slpsim_").skip(1).map(|rest| rest.split(|c| !is_name(c)).next().unwrap()).collect();
    assert!(names.len() > 8, "{names:?}");
    for name in names {
        let there = text.lines().any(|line| line.starts_with(&format!("slpsim_{name}")));
        assert!(there || name == "mock_rules_broken_total", "slpsim_{name} is not in\n{text}");
    }
    // What a panel is split by is a label of what it shows.
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    let targets =
        dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut splits = 0;
    for query in targets.map(|target| target["expr"].as_str().unwrap()) {
        let Some((_, rest)) = query.split_once(" by (") else { continue };
        let (labels, rest) = rest.split_once(')').unwrap();
        let name = rest.split("slpsim_").nth(1).unwrap().split(|c| !is_name(c)).next().unwrap();
        let lines = || text.lines().filter(|line| line.starts_with(&format!("slpsim_{name}{{")));
        for label in labels.split(", ").filter(|_| name != "mock_rules_broken_total") {
            splits += 1;
            assert!(lines().any(|line| line.contains(&format!("{label}=\""))), "{label} in {query}");
        }
    }
    assert!(splits > 8, "{splits}");
}

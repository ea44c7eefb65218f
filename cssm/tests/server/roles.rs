//! CSLU and SSM On-Prem: what devices see of a CSSM above them, and of one to which files are carried
//! (`spec/behaviour.md` §6, §12, §13).

use std::time::Duration;

use serde_json::json;
use slpsim_agent::{PollId, ReportId, ReportVerdict, Request, numbers};
use slpsim_cssm::server::{ServerConfig, StoreChoice, Upstream};
use slpsim_cssm::{Config, Role};
use slpsim_transport::message::{AckObject, ServerMessage, StatusWord};
use tokio::time::timeout;

use crate::client::{Device, World};

const PATIENCE: Duration = Duration::from_secs(20);

/// A mock of that role under `cssm`.
async fn under(cssm: &World, role: Role, url: &str) -> World {
    let upstream = Upstream { url: url.into(), ca_pem: Some(cssm.server.ca_pem.clone()) };
    World::with(ServerConfig { upstream: Some(upstream), ..of(role) }).await
}

fn of(role: Role) -> ServerConfig {
    let mock = Config { role, connected: false, ..Config::default() };
    ServerConfig { mock, seed: Some(8), ..ServerConfig::default() }
}

async fn forwarded(world: &World) {
    timeout(PATIENCE, world.server.forwarded()).await.expect("the ACK comes back");
}

async fn poll(device: &mut Device, world: &World, url: &str, poll_id: PollId) -> ServerMessage {
    device.says(world, url, &Request::Poll { poll_id }).await.unwrap()
}

fn ack(answer: &ServerMessage) -> &AckObject {
    answer.data.ack.as_ref().expect("an ACK").object.as_ref().unwrap()
}

fn acknowledged(answer: &ServerMessage) -> Vec<u64> {
    let reports = &ack(answer).reports;
    assert!(reports.iter().all(|(_, verdict)| *verdict == ReportVerdict::Acknowledged), "{reports:?}");
    reports.iter().map(|(ReportId(id), _)| *id).collect()
}

/// Topology 1 of `spec/behaviour.md` §12, over both kinds of socket.
#[tokio::test]
async fn a_device_behind_a_connected_cslu_gets_ack_policy_and_trust_from_cssm() {
    let cssm = World::new().await;
    let plain = format!("http://{}", cssm.server.addresses.1);
    for url in [&cssm.server.urls.smart, &cssm.server.urls.rest, &plain] {
        let cslu = under(&cssm, Role::Cslu, url).await;
        let door = cslu.server.urls.cslu.clone();
        let mut device = Device::new(&cslu, 1);
        let hello = device.says(&cslu, &door, &Request::Hello).await.unwrap();
        assert_eq!(hello.connect_info.name, "CSLU_V1");
        let request = device.usage(&[1]);
        let answer = device.says(&cslu, &door, &request).await.unwrap();
        assert_eq!((answer.status, answer.data.poll_interval_s), (StatusWord::OkPoll, Some(60)));
        let poll_id = answer.data.poll_id.unwrap();
        forwarded(&cslu).await;
        let answer = poll(&mut device, &cslu, &door, poll_id).await;
        assert_eq!(answer.status, StatusWord::Ok);
        assert_eq!(acknowledged(&answer), [1]);
        // All of it is signed by the CSSM, as `Device::says` has verified; the envelope by the CSLU.
        let account = ack(&answer).account.as_ref().unwrap();
        assert_eq!(account.smart, "Example SA");
        assert_eq!(
            ack(&answer).policy.as_ref().unwrap().object.as_ref().unwrap().policy.name,
            "Example Policy"
        );
        let code = ack(&answer).trust_codes[0].object.as_ref().unwrap();
        assert_eq!(code.code.udi, device.sender.udi);
        let known = cssm.ok("GET", "devices/FDO00000001", None).await;
        assert_eq!(known["trust"]["product_instance_identifier"], code.code.identity.instance.to_string());
        cssm.ok("DELETE", "devices/FDO00000001", None).await;
    }
}

#[tokio::test]
async fn a_cslu_passes_tokens_and_trust_syncs_on_and_what_is_signed_later_is_verified_by_cssm() {
    let cssm = World::new().await;
    let cslu = under(&cssm, Role::Cslu, &cssm.server.urls.smart).await;
    let door = cslu.server.urls.cslu.clone();
    let mut device = Device::new(&cslu, 1);
    let wrong = Request::Trust {
        token: slpsim_agent::Token::new("EXAMPLETOKEN0001").unwrap(),
        force: false,
        units: device.sender.units.clone(),
    };
    let answer = device.says(&cslu, &door, &wrong).await.unwrap();
    assert_eq!(
        (answer.status, answer.status_message.as_ref()),
        (StatusWord::Failed, "The token is not valid")
    );
    let request = device.trust(&cssm);
    let answer = device.says(&cslu, &door, &request).await.unwrap();
    assert_eq!(answer.connect_info.name, "CSLU_V1");
    device.sender.identity = Some(answer.data.trust_codes[0].object.as_ref().unwrap().code.identity);
    let synced = device.says(&cslu, &door, &Request::TrustSync).await.unwrap();
    assert_eq!(synced.data.policy.unwrap().object.unwrap().policy.name, "Example Policy");
    // The report is signed with the ID key, which the CSLU has never seen.
    let poll_id = device.reports(&cslu, &door, &[1]).await;
    forwarded(&cslu).await;
    let answer = poll(&mut device, &cslu, &door, poll_id).await;
    assert_eq!(acknowledged(&answer), [1]);
    assert!(ack(&answer).trust_codes.is_empty(), "it has trust");
    // Nothing of the token is kept on the way.
    let requests = cslu.ok("GET", "requests", None).await.to_string();
    assert!(requests.contains("passed on") && !requests.contains(cssm.token().expose()));
}

#[tokio::test]
async fn trouble_above_a_cslu_is_seen_by_nobody_but_its_operator_and_nothing_is_lost() {
    let cssm = World::new().await;
    let cslu = under(&cssm, Role::Cslu, &cssm.server.urls.smart).await;
    let door = cslu.server.urls.cslu.clone();
    cssm.ok("POST", "faults", Some(json!({"kind": "http-status", "status": 503}))).await;
    let mut device = Device::new(&cslu, 1);
    let first = device.reports(&cslu, &door, &[1]).await;
    let answer = poll(&mut device, &cslu, &door, first).await;
    assert_eq!((answer.status, answer.data.poll_interval_s), (StatusWord::OkPoll, Some(60)));
    let request = device.trust(&cssm);
    let answer = device.says(&cslu, &door, &request).await.unwrap();
    assert_eq!((answer.status, answer.retry_time_s), (StatusWord::TryAgain, Some(60)));
    let second = device.reports(&cslu, &door, &[1, 2]).await;
    let view = cslu.ok("GET", "upstream", None).await;
    assert_eq!((&view["waiting_devices"], &view["waiting_reports"]), (&json!(1), &json!(2)));
    cssm.ok("DELETE", "faults", None).await;
    cslu.ok("POST", "upstream/retry", None).await;
    forwarded(&cslu).await;
    let view = cslu.ok("GET", "upstream", None).await;
    assert_eq!((&view["waiting_reports"], &view["trouble"]), (&json!(0), &json!(null)));
    assert_eq!(acknowledged(&poll(&mut device, &cslu, &door, second).await), [1, 2]);
    let events = cslu.ok("GET", "events", None).await.to_string();
    assert!(events.contains("ack-brought"));
}

#[tokio::test]
async fn a_lost_ack_is_given_again_without_asking_cssm_again() {
    let cssm = World::new().await;
    let cslu = under(&cssm, Role::Cslu, &cssm.server.urls.smart).await;
    let door = cslu.server.urls.cslu.clone();
    let mut device = Device::new(&cslu, 1);
    let poll_id = device.reports(&cslu, &door, &[1]).await;
    forwarded(&cslu).await;
    assert_eq!(acknowledged(&poll(&mut device, &cslu, &door, poll_id).await), [1]);
    let again = device.reports(&cslu, &door, &[1]).await;
    assert_eq!(cslu.ok("GET", "upstream", None).await["waiting_reports"], 0);
    assert_eq!(acknowledged(&poll(&mut device, &cslu, &door, again).await), [1]);
    // With something new in it, CSSM names both.
    let more = device.reports(&cslu, &door, &[1, 2]).await;
    forwarded(&cslu).await;
    assert_eq!(acknowledged(&poll(&mut device, &cslu, &door, more).await), [1, 2]);
}

#[tokio::test]
async fn a_cslu_that_dies_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let cssm = World::new().await;
    let start = || async {
        let upstream =
            Upstream { url: cssm.server.urls.smart.clone(), ca_pem: Some(cssm.server.ca_pem.clone()) };
        let store = Some(StoreChoice::Folder(folder.path().into()));
        World::with(ServerConfig { upstream: Some(upstream), store, ..of(Role::Cslu) }).await
    };
    cssm.ok("POST", "faults", Some(json!({"kind": "unreachable"}))).await;
    let cslu = start().await;
    let mut device = Device::new(&cslu, 1);
    let poll_id = device.reports(&cslu, &cslu.server.urls.cslu.clone(), &[1]).await;
    // No farewell: what is on disk must be enough.
    drop(cslu);
    let cslu = start().await;
    assert_eq!(cslu.ok("GET", "upstream", None).await["waiting_reports"], 1);
    // Killed again between the upload and the ACK.
    cssm.ok("DELETE", "faults", None).await;
    cssm.ok("PUT", "ack-mode", Some(json!({"mode": "manual"}))).await;
    cslu.ok("POST", "upstream/retry", None).await;
    uploaded(&cssm).await;
    drop(cslu);
    cssm.ok("POST", "acks/release", None).await;
    let cslu = start().await;
    forwarded(&cslu).await;
    let door = cslu.server.urls.cslu.clone();
    assert_eq!(acknowledged(&poll(&mut device, &cslu, &door, poll_id).await), [1]);
    assert_eq!(cssm.ok("GET", "reports", None).await.as_array().unwrap().len(), 1);
}

/// Returns when the CSSM has got reports.
async fn uploaded(cssm: &World) {
    let arrived = async {
        while cssm.ok("GET", "reports", None).await == json!([]) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, arrived).await.expect("an upload");
}

/// Topology 3; tenant and route say nothing about how it is forwarded.
#[tokio::test]
async fn a_connected_on_prem_serves_tenants_and_smart_transport() {
    let cssm = World::new().await;
    let on_prem = under(&cssm, Role::OnPrem, &cssm.server.urls.smart).await;
    let https = on_prem.server.urls.smart.replace("/licservice/license", "");
    let tenant = format!("{https}/cslu/v1/pi/Example%20SA-1");
    for (n, url, name) in [(1, tenant, "CSLU_V1"), (2, format!("{https}/SmartTransport"), "SSM")] {
        let mut device = Device::new(&on_prem, n);
        let hello = device.says(&on_prem, &url, &Request::Hello).await.unwrap();
        assert_eq!(hello.connect_info.name, name);
        let poll_id = device.reports(&on_prem, &url, &[1]).await;
        forwarded(&on_prem).await;
        let answer = poll(&mut device, &on_prem, &url, poll_id).await;
        assert_eq!(acknowledged(&answer), [1]);
        assert_eq!(ack(&answer).trust_codes.len(), 1);
    }
    let mut device = Device::new(&on_prem, 3);
    let nobody = format!("{https}/cslu/v1/pi/Nobody-1");
    for request in [device.usage(&[1]), device.trust(&cssm)] {
        let answer = device.says(&on_prem, &nobody, &request).await.unwrap();
        assert!(answer.status_message.starts_with("tenant: "), "{}", answer.status_message);
    }
}

/// `spec/behaviour.md` §13: down-rev, connected or not.
#[tokio::test]
async fn a_down_rev_on_prem_takes_no_reports_and_passes_nothing_on() {
    let cssm = World::new().await;
    let mut config = of(Role::OnPrem);
    config.mock.down_rev = true;
    config.upstream =
        Some(Upstream { url: cssm.server.urls.smart.clone(), ca_pem: Some(cssm.server.ca_pem.clone()) });
    let on_prem = World::with(config).await;
    let door = on_prem.server.urls.cslu.clone();
    let mut device = Device::new(&on_prem, 1);
    let hello = device.says(&on_prem, &door, &Request::Hello).await.unwrap();
    let set = hello.connect_info.capability_set();
    assert!(!set.contains(slpsim_agent::Capabilities::POLICY_USAGE));
    for (request, message) in [
        (device.usage(&[1]), "policy-usage: this server does not support policy and usage reporting"),
        (device.trust(&cssm), "The token cannot be validated: no connection to CSSM"),
    ] {
        let answer = device.says(&on_prem, &door, &request).await.unwrap();
        assert_eq!((answer.status, answer.status_message.as_ref()), (StatusWord::Failed, message));
    }
    assert_eq!(on_prem.ok("GET", "upstream", None).await["waiting_reports"], 0);
    assert_eq!(cssm.ok("GET", "requests", None).await, json!([]));
}

#[tokio::test]
async fn an_upstream_that_makes_no_sense_is_refused_at_the_start() {
    let cssm = World::new().await;
    for (role, url, why) in [
        (Role::Cssm, cssm.server.urls.smart.as_str(), "a CSSM has nothing above it"),
        (Role::Cslu, "https://swapi.cisco.com", "Cisco's own servers"),
        (Role::Cslu, "http://192.0.2.1:8182", "not on this machine"),
        (Role::OnPrem, "cssm", "no http:// or https:// URL"),
    ] {
        let upstream = Some(Upstream { url: url.into(), ca_pem: None });
        let config = ServerConfig { upstream, ..of(role) };
        let clock = std::sync::Arc::new(slpsim_cssm::server::SystemClock);
        let error = slpsim_cssm::server::Server::start(config, clock).await.unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains('\n'), "{error}");
    }
    assert_eq!(numbers::POLL_CSLU.as_secs(), 60);
}

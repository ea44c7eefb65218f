//! After a switchover the new active unit pushes what the old one has measured, and nothing of it is left without its ACK
//! (`spec/behaviour.md` §10, §12).

use std::time::Duration;

use serde_json::{Value, json};
use slpsim_agent::{Report, ReportId, ReportVerdict, Request, Role as UnitRole, Unit};
use slpsim_cssm::server::{ServerConfig, StoreChoice, Upstream};
use slpsim_cssm::{Config, Role};
use slpsim_transport::message::{ServerMessage, StatusWord};
use tokio::time::timeout;

use crate::client::{Device, World};

const PATIENCE: Duration = Duration::from_secs(20);

/// Both units of a pair; the first is active until the switchover.
fn pair(world: &World) -> (Device, Device) {
    let (mut one, mut two) = (Device::new(world, 1), Device::new(world, 2));
    let unit = |role, of: &Device| Unit { role, udi: of.sender.udi };
    one.sender.units = vec![unit(UnitRole::Active, &one), unit(UnitRole::Standby, &two)];
    two.sender.units = vec![unit(UnitRole::Active, &two), unit(UnitRole::Standby, &one)];
    (one, two)
}

/// What the new active unit pushes: a report of the old one, and one of its own.
fn both(one: &Device, two: &Device) -> Request {
    let reports: Vec<Report> = vec![one.report(1), two.report(2)];
    Request::Usage { reports }
}

async fn cslu_under(cssm: &World) -> World {
    let mock = Config { role: Role::Cslu, connected: false, ..Config::default() };
    let upstream = Upstream { url: cssm.server.urls.smart.clone(), ca_pem: Some(cssm.server.ca_pem.clone()) };
    World::with(ServerConfig { mock, seed: Some(8), upstream: Some(upstream), ..ServerConfig::default() })
        .await
}

fn acknowledged(answer: &ServerMessage) -> Vec<u64> {
    let ack = answer.data.ack.as_ref().expect("an ACK").object.as_ref().unwrap();
    assert!(ack.reports.iter().all(|(_, verdict)| *verdict == ReportVerdict::Acknowledged), "{ack:?}");
    ack.reports.iter().map(|(ReportId(id), _)| *id).collect()
}

async fn statuses(cssm: &World) -> Vec<Value> {
    let reports = cssm.ok("GET", "reports", None).await;
    reports.as_array().unwrap().iter().map(|report| report["status"].clone()).collect()
}

#[tokio::test]
async fn a_cslu_brings_the_new_active_unit_one_ack_for_what_both_have_measured() {
    // The old unit's report got through before it went, or it did not.
    for got_through in [true, false] {
        let cssm = World::new().await;
        let cslu = cslu_under(&cssm).await;
        let door = cslu.server.urls.cslu.clone();
        let (mut one, mut two) = pair(&cslu);
        let kind = if got_through { "manual" } else { "at-once" };
        cssm.ok("PUT", "ack-mode", Some(json!({"mode": kind}))).await;
        if !got_through {
            cssm.ok("POST", "faults", Some(json!({"kind": "http-status", "status": 503}))).await;
        }
        one.reports(&cslu, &door, &[1]).await;
        if got_through {
            let arrived = async {
                while statuses(&cssm).await.is_empty() {
                    tokio::task::yield_now().await
                }
            };
            timeout(PATIENCE, arrived).await.expect("an upload");
            cssm.ok("PUT", "ack-mode", Some(json!({"mode": "at-once"}))).await;
        }

        let request = both(&one, &two);
        let poll_id = two.says(&cslu, &door, &request).await.unwrap().data.poll_id.unwrap();
        cssm.ok("DELETE", "faults", None).await;
        cslu.ok("POST", "upstream/retry", None).await;
        timeout(PATIENCE, cslu.server.forwarded()).await.expect("the ACK comes back");
        let answer = two.says(&cslu, &door, &Request::Poll { poll_id }).await.unwrap();
        assert_eq!(answer.status, StatusWord::Ok);
        assert_eq!(acknowledged(&answer), [1, 2], "got through before: {got_through}");
        let ack = answer.data.ack.unwrap().object.unwrap();
        assert_eq!(ack.udi, two.sender.udi, "it is for whoever asks");
        for side in [&cssm, &cslu] {
            assert_eq!(statuses(side).await, ["acknowledged", "acknowledged"]);
        }
    }
}

#[tokio::test]
async fn a_cslu_that_dies_after_the_switchover_still_knows_who_waits() {
    let folder = tempfile::tempdir().unwrap();
    let cssm = World::new().await;
    let start = || async {
        let mock = Config { role: Role::Cslu, connected: false, ..Config::default() };
        let upstream =
            Upstream { url: cssm.server.urls.smart.clone(), ca_pem: Some(cssm.server.ca_pem.clone()) };
        let store = Some(StoreChoice::Folder(folder.path().into()));
        let seed = Some(8);
        World::with(ServerConfig { mock, seed, upstream: Some(upstream), store, ..ServerConfig::default() })
            .await
    };
    cssm.ok("POST", "faults", Some(json!({"kind": "unreachable"}))).await;
    let cslu = start().await;
    let door = cslu.server.urls.cslu.clone();
    let (mut one, mut two) = pair(&cslu);
    one.reports(&cslu, &door, &[1]).await;
    let request = both(&one, &two);
    let poll_id = two.says(&cslu, &door, &request).await.unwrap().data.poll_id.unwrap();
    drop(cslu);
    cssm.ok("DELETE", "faults", None).await;
    let cslu = start().await;
    let door = cslu.server.urls.cslu.clone();
    timeout(PATIENCE, cslu.server.forwarded()).await.expect("the ACK comes back");
    let answer = two.says(&cslu, &door, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(acknowledged(&answer), [1, 2]);
    assert_eq!(statuses(&cslu).await, ["acknowledged", "acknowledged"]);
}

#[tokio::test]
async fn a_bundle_says_for_whom_the_reports_of_another_unit_are() {
    let cssm = World::new().await;
    let mock = Config { role: Role::Cslu, connected: false, ..Config::default() };
    let mut cslu = World::with(ServerConfig { mock, seed: Some(8), ..ServerConfig::default() }).await;
    cslu.server.ca_pem.push_str(&cssm.server.ca_pem);
    let door = cslu.server.urls.cslu.clone();
    let (mut one, mut two) = pair(&cslu);
    one.reports(&cslu, &door, &[1]).await;
    let request = both(&one, &two);
    let poll_id = two.says(&cslu, &door, &request).await.unwrap().data.poll_id.unwrap();

    let bundle = crate::files::file(&cslu, "GET", "bundle", Vec::new()).await;
    let acks = crate::files::file(&cssm, "POST", &format!("uploads?name={}", bundle.1), bundle.2).await;
    assert_eq!(acks.0, 200, "{}", String::from_utf8_lossy(&acks.2));
    let (_, _, brought) = crate::files::file(&cslu, "POST", "uploads", acks.2).await;
    let brought: Value = serde_json::from_slice(&brought).unwrap();
    assert_eq!(brought, json!({"acks": 1, "pushes": 1, "policy": true}));
    let answer = two.says(&cslu, &door, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(acknowledged(&answer), [1, 2]);
    for side in [&cssm, &cslu] {
        assert_eq!(statuses(side).await, ["acknowledged", "acknowledged"]);
    }
}

/// Without anybody between: the ACK names both, and so do the records of the CSSM.
#[tokio::test]
async fn cssm_counts_the_reports_of_the_old_active_unit_as_acknowledged() {
    let cssm = World::new().await;
    let door = cssm.server.urls.cslu.clone();
    let (one, mut two) = pair(&cssm);
    let request = both(&one, &two);
    let poll_id = two.says(&cssm, &door, &request).await.unwrap().data.poll_id.unwrap();
    let answer = two.says(&cssm, &door, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(acknowledged(&answer), [1, 2]);
    assert_eq!(statuses(&cssm).await, ["acknowledged", "acknowledged"]);
}

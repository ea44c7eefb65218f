//! Several mocks behind one database: what one knows all know, and nothing happens twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use slpsim_agent::{ReportId, ReportVerdict, Request, Token};
use slpsim_transport::message::StatusWord;
use tokio::task::JoinSet;

use crate::client::{Device, World};
use crate::store::{Place, lines};

async fn two(place: &Place) -> (Arc<World>, Arc<World>) {
    let (one, other) = tokio::join!(place.world(), place.world());
    (Arc::new(one), Arc::new(other))
}

/// Started at the same moment over an empty database, so that both would make keys, accounts and the first token.
#[tokio::test(flavor = "multi_thread")]
async fn two_mocks_that_begin_together_are_one_to_their_devices() {
    let Some(place) = Place::postgres() else { return };
    let (one, other) = two(&place).await;
    assert_eq!(one.server.ca_pem, other.server.ca_pem);
    assert_eq!(one.token(), other.token());
    assert_eq!(lines(&one), lines(&other));

    // Trust from one, a signed report to the other, the ACK from the first.
    let mut device = Device::new(&one, 1);
    device.gets_trust(&one).await;
    let poll_id = device.reports(&other, &other.server.urls.smart.clone(), &[1]).await;
    let answer = device.says(&one, &one.server.urls.smart.clone(), &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(answer.status, StatusWord::Ok, "{}", answer.status_message);
    // A signature is checked with the key that the other has seen.
    let mut message = device.message(&other, &Request::TrustSync);
    let body: Value = serde_json::from_str(&device.encode(&message)).unwrap();
    message.header.nonce = 5.into();
    let mut forged: Value = serde_json::from_str(&device.encode(&message)).unwrap();
    forged["signature"] = body["signature"].clone();
    let smart = other.server.urls.smart.clone();
    let raw = crate::client::post(&other.http, &smart, forged.to_string()).await.unwrap();
    assert_eq!(raw.rule.as_deref(), Some("signature"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_does_at_one_mock_holds_at_all() {
    let Some(place) = Place::postgres() else { return };
    let (one, other) = two(&place).await;
    let cslu = other.server.urls.cslu.clone();
    one.ok("PUT", "ack-mode", Some(json!({"mode": "manual"}))).await;
    one.ok("PUT", "policies/Lab", Some(json!({"name": "New", "first": 5}))).await;
    let mut device = Device::new(&other, 1);
    let poll_id = device.reports(&other, &cslu, &[1]).await;
    let poll = Request::Poll { poll_id };
    let waiting = device.says(&other, &cslu, &poll).await.unwrap();
    assert_eq!(waiting.status, StatusWord::OkPoll);
    assert_eq!(one.ok("POST", "acks/release", None).await, json!({"released": 1}));
    let ack = device.says(&other, &cslu, &poll).await.unwrap().data.ack.unwrap().object.unwrap();
    assert_eq!(ack.policy.unwrap().object.unwrap().policy.name, "New");

    // The next exchange of either is hit, and no second one.
    one.ok("POST", "faults", Some(json!({"kind": "http-status", "status": 500, "next": 1}))).await;
    assert_eq!(device.raw(&other, &cslu, &Request::Hello).await.unwrap().status, 500);
    assert_eq!(device.raw(&one, &one.server.urls.cslu.clone(), &Request::Hello).await.unwrap().status, 200);
    assert_eq!(other.ok("GET", "faults", None).await, json!([]));

    // An access token of one is one of the other.
    let grant = "grant_type=client_credentials&client_id=a&client_secret=b";
    let base = one.server.urls.rest.split("/services/").next().unwrap().to_owned();
    let form = one.http.post(format!("{base}/as/token.oauth2")).body(grant);
    let granted = form.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    let granted: Value = granted.json().await.unwrap();
    let search = other.http.get(format!("{}/v2/accounts/search", other.server.urls.rest));
    let found = search.bearer_auth(granted["access_token"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(found.status().as_u16(), 200);

    one.ok("DELETE", "devices/FDO00000001", None).await;
    let raw = device.raw(&other, &cslu, &poll).await.unwrap();
    assert_eq!(raw.rule.as_deref(), Some("poll-id"), "nobody knows it any more");
    assert_eq!(lines(&one), lines(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_device_is_given_to_one_whoever_is_asked() {
    let Some(place) = Place::postgres() else { return };
    let (one, other) = two(&place).await;
    let made = one.ok("POST", "tokens", Some(json!({"max_uses": 1}))).await;
    let token = Token::new(made["idtoken"].as_str().unwrap()).unwrap();
    let mut asking = JoinSet::new();
    for n in 1..=16 {
        let world = Arc::clone(if n % 2 == 0 { &one } else { &other });
        let token = token.clone();
        asking.spawn(async move {
            let mut device = Device::new(&world, n);
            let request = Request::Trust { token, force: false, units: device.sender.units.clone() };
            let smart = world.server.urls.smart.clone();
            device.says(&world, &smart, &request).await.unwrap().status
        });
    }
    let statuses = asking.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == StatusWord::Ok).count(), 1, "{statuses:?}");
}

/// Each device pushes at one mock and polls at the other, all at once; each report is acknowledged once, in one ACK.
#[tokio::test(flavor = "multi_thread")]
async fn every_report_of_a_fleet_over_two_mocks_is_acknowledged_exactly_once() {
    const DEVICES: u32 = 40;
    const ROUNDS: u64 = 3;
    let Some(place) = Place::postgres() else { return };
    let (one, other) = two(&place).await;
    let mut fleet = JoinSet::new();
    for n in 1..=DEVICES {
        let (push, poll) = if n % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let (push, poll) = (Arc::clone(push), Arc::clone(poll));
        fleet.spawn(async move {
            let mut device = Device::new(&push, n);
            device.gets_trust(&push).await;
            let mut acknowledged: BTreeMap<u64, u32> = BTreeMap::new();
            for round in 1..=ROUNDS {
                let poll_id = device.reports(&push, &push.server.urls.smart.clone(), &[round]).await;
                let smart = poll.server.urls.smart.clone();
                let answer = device.says(&poll, &smart, &Request::Poll { poll_id }).await.unwrap();
                for (ReportId(id), verdict) in answer.data.ack.unwrap().object.unwrap().reports {
                    assert_eq!(verdict, ReportVerdict::Acknowledged);
                    *acknowledged.entry(id).or_default() += 1;
                }
            }
            acknowledged
        });
    }
    for acknowledged in fleet.join_all().await {
        let once: BTreeMap<u64, u32> = (1..=ROUNDS).map(|id| (id, 1)).collect();
        assert_eq!(acknowledged, once);
    }
    assert_eq!(lines(&one), lines(&other));
    let (kept, times, answered) = one.server.shared().with(|cssm| {
        let reports = || cssm.store().reports();
        let times: u32 = reports().map(|report| report.times).sum();
        (reports().count(), times, reports().filter(|report| report.answered).count())
    });
    let all = u64::from(DEVICES) * ROUNDS;
    assert_eq!((u64::try_from(kept).unwrap(), u64::from(times)), (all, all), "each came once");
    assert_eq!(u64::try_from(answered).unwrap(), all);
}

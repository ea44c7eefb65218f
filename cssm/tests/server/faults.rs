//! Live faults, as a device sees them.

use std::time::Duration;

use serde_json::json;
use slpsim_agent::{ElementFault, Failure, Request};
use slpsim_transport::accept;
use slpsim_transport::message::StatusWord;
use slpsim_transport::smart::decode_response;
use slpsim_transport::{Refusal, WireProfile};

use crate::client::{Device, World};

async fn fault(world: &World, spec: serde_json::Value) -> u64 {
    world.ok("POST", "faults", Some(spec)).await["id"].as_u64().unwrap()
}

/// What the device makes of one hello.
async fn hello(world: &World, device: &mut Device) -> Result<(), Failure> {
    let url = world.server.urls.smart.clone();
    let Ok(raw) = device.raw(world, &url, &Request::Hello).await else { return Err(Failure::Unreachable) };
    if !(200..300).contains(&raw.status) {
        return Err(Failure::HttpStatus(raw.status));
    }
    if raw.body.is_empty() {
        return Err(Failure::EmptyReply);
    }
    let received = decode_response(&raw.body, &device.verifier, &WireProfile::default());
    let message = received.map_err(|Refusal { failure, .. }| failure)?.message;
    accept(message, device.nonce, &device.sender.units).map(|_| ())
}

/// `interface.md` §6: the kinds, and what each of them looks like (`spec/messages.md` §5).
#[tokio::test]
async fn each_fault_brings_its_failure_once_and_is_over() {
    let world = World::new().await;
    let mut device = Device::new(&world, 1);
    assert_eq!(hello(&world, &mut device).await, Ok(()));
    for (spec, expected) in [
        (json!({"kind": "unreachable"}), Err(Failure::Unreachable)),
        (json!({"kind": "reset"}), Err(Failure::Unreachable)),
        (json!({"kind": "http-status", "status": 404}), Err(Failure::HttpStatus(404))),
        (json!({"kind": "quota"}), Err(Failure::HttpStatus(429))),
        (json!({"kind": "maintenance"}), Err(Failure::HttpStatus(503))),
        (json!({"kind": "empty"}), Err(Failure::EmptyReply)),
        (json!({"kind": "truncated"}), Err(Failure::BadReply)),
        (json!({"kind": "oversized"}), Err(Failure::BadReply)),
        (json!({"kind": "wrong-nonce"}), Err(Failure::NonceMismatch)),
        (json!({"kind": "bad-signature"}), Err(Failure::BadSignature)),
        (json!({"kind": "wrong-signer"}), Err(Failure::SignerInvalid)),
        (json!({"kind": "replayed"}), Err(Failure::NonceMismatch)),
        (json!({"kind": "latency", "by": "20ms"}), Ok(())),
        (json!({"kind": "slow", "by": "20ms"}), Ok(())),
        (json!({"kind": "dribble", "by": "30ms"}), Ok(())),
    ] {
        let mut once = spec.clone();
        once["next"] = json!(1);
        let id = fault(&world, once).await;
        assert_eq!(hello(&world, &mut device).await, expected, "{spec}");
        let last = world.ok("GET", "requests?limit=1", None).await;
        assert_eq!(last[0]["fault"], id, "{spec}");
        assert_eq!(hello(&world, &mut device).await, Ok(()), "after {spec}");
        assert_eq!(world.ok("GET", "faults", None).await, json!([]), "{spec} is over");
    }
}

#[tokio::test]
async fn a_corrupt_answer_is_never_taken_for_a_good_one() {
    let world = World::new().await;
    let mut device = Device::new(&world, 1);
    fault(&world, json!({"kind": "corrupt", "for": "1h"})).await;
    for _ in 0..20 {
        assert!(hello(&world, &mut device).await.is_err());
    }
}

#[tokio::test]
async fn http_faults_say_when_to_come_back() {
    let world = World::new().await;
    let url = world.server.urls.smart.clone();
    let mut device = Device::new(&world, 1);
    fault(&world, json!({"kind": "http-status", "status": 503, "retry-after": 120})).await;
    let raw = device.raw(&world, &url, &Request::Hello).await.unwrap();
    assert_eq!((raw.status, raw.retry_after.as_deref()), (503, Some("120")));
    world.ok("DELETE", "faults", None).await;
    fault(&world, json!({"kind": "try-again", "retry-after": 120, "next": 1})).await;
    let answer = device.says(&world, &url, &Request::Hello).await.unwrap();
    assert_eq!((answer.status, answer.retry_time_s), (StatusWord::TryAgain, Some(120)));
}

/// A stalled exchange is silent until the device gives up; it keeps nobody else waiting.
#[tokio::test]
async fn a_stall_is_silent_and_holds_up_nobody_else() {
    let world = World::new().await;
    let (mut stalled, mut other) = (Device::new(&world, 1), Device::new(&world, 2));
    fault(&world, json!({"kind": "stall", "for": "1h", "devices": ["FDO00000001"]})).await;
    let silent = tokio::time::timeout(Duration::from_millis(150), hello(&world, &mut stalled)).await;
    assert!(silent.is_err(), "an answer came");
    assert_eq!(hello(&world, &mut other).await, Ok(()));
}

/// `interface.md` §6 `lost-ack`: the poll is done at the server and lost on the way.
#[tokio::test]
async fn a_lost_ack_can_be_fetched_again_and_a_late_one_later() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    let late = fault(&world, json!({"kind": "late-ack", "by": "10m", "next": 1})).await;
    fault(&world, json!({"kind": "lost-ack", "next": 1})).await;
    let poll_id = device.reports(&world, &cslu, &[1]).await;
    let poll = Request::Poll { poll_id };
    assert_eq!(world.ok("GET", "requests?limit=1", None).await[0]["fault"], late);
    let early = world.ok("DELETE", "faults", None).await;
    assert_eq!(early["deleted"], 1, "the lost ack still waits for its poll");
    assert_eq!(device.says(&world, &cslu, &poll).await.unwrap().status, StatusWord::OkPoll);
    world.advance(600_000);
    fault(&world, json!({"kind": "lost-ack", "next": 1})).await;
    assert!(device.raw(&world, &cslu, &poll).await.is_err(), "the answer is lost");
    assert_eq!(device.says(&world, &cslu, &poll).await.unwrap().status, StatusWord::Ok);
}

#[tokio::test]
async fn objects_inside_an_answer_can_be_wrong_by_themselves() {
    let world = World::new().await;
    let url = world.server.urls.cslu.clone();
    let mut device = Device::new(&world, 1);
    let mut sync = async |spec: serde_json::Value| {
        fault(&world, spec).await;
        let raw = device.raw(&world, &url, &Request::TrustSync).await.unwrap();
        let received = decode_response(&raw.body, &device.verifier, &WireProfile::default()).unwrap();
        received.message.data.policy.unwrap()
    };
    let spoiled = sync(json!({"kind": "policy-bad-signature", "next": 1})).await;
    assert_eq!(spoiled.fault, Some(ElementFault::Signature));
    let late = sync(json!({"kind": "policy-bad-time", "by": "2h", "next": 1})).await;
    assert_eq!((late.fault, late.issued), (None, crate::client::NOW.plus_millis(7_200_000)));
    let poll_id = device.reports(&world, &url, &[1]).await;
    fault(&world, json!({"kind": "foreign-ack", "next": 1})).await;
    let answer = device.says(&world, &url, &Request::Poll { poll_id }).await.unwrap();
    assert_ne!(answer.data.ack.unwrap().object.unwrap().udi, device.sender.udi);
}

#[tokio::test]
async fn tokens_can_be_refused_by_a_fault() {
    let world = World::new().await;
    let url = world.server.urls.smart.clone();
    let mut device = Device::new(&world, 1);
    for (why, text) in [
        ("expired", "The token is not valid"),
        ("account", "Smart Account and Virtual Account mismatch"),
        ("connection", "The token cannot be validated: no connection to CSSM"),
        ("installed", "Trust code is already installed"),
    ] {
        fault(&world, json!({"kind": "token-refused", "why": why, "next": 1})).await;
        let request = device.trust(&world);
        let answer = device.says(&world, &url, &request).await.unwrap();
        assert_eq!((answer.status, answer.status_message.as_ref()), (StatusWord::Failed, text), "{why}");
    }
    device.gets_trust(&world).await;
}

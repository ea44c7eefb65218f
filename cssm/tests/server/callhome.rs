//! Call Home: the same messages in an envelope (`spec/formats.md` §9, §12).

use serde_json::json;
use slpsim_agent::{ReportId, ReportVerdict, Request};
use slpsim_cssm::server::ServerConfig;
use slpsim_cssm::{Config, Role};
use slpsim_transport::WireProfile;
use slpsim_transport::callhome::{Dispatch, decode_callhome_response, encode_callhome_request};
use slpsim_transport::message::{ServerMessage, StatusWord};
use slpsim_transport::smart::decode_response;

use crate::client::{Device, NOW, World};

const TO_CSSM: &str = "/its/service/oddce/services/DDCEService";
const TO_ON_PREM: &str = "/Transportgateway/services/DeviceRequestHandler";

async fn post(world: &World, path: &str, kind: &str, body: String) -> (u16, String, Vec<u8>) {
    let url = format!("https://{}{path}", world.server.addresses.0);
    let response = world.http.post(url).header("content-type", kind).body(body).send().await.unwrap();
    let kind = response.headers().get("content-type").and_then(|value| value.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    (response.status().as_u16(), kind, response.bytes().await.unwrap().to_vec())
}

async fn says(device: &mut Device, world: &World, path: &str, request: &Request) -> ServerMessage {
    let message = device.message(world, request);
    let dispatch = Dispatch { udi: device.sender.udi, number: 7, created: NOW };
    let profile = WireProfile::default();
    let body = encode_callhome_request(&dispatch, &device.encode(&message), &profile).unwrap();
    let (status, kind, body) = post(world, path, "text/xml; charset=utf-8", body).await;
    assert_eq!((status, kind.as_str()), (200, "text/xml; charset=utf-8"));
    let delivery = decode_callhome_response(&body, &profile).unwrap();
    assert!(delivery.message_id.to_string().starts_with("M7:FDO0000000"));
    let received = decode_response(delivery.message.as_bytes(), &device.verifier, &profile).unwrap();
    assert_eq!(received.notes, Vec::<String>::new());
    received.message
}

#[tokio::test]
async fn a_device_gets_trust_and_its_ack_by_call_home() {
    let world = World::new().await;
    assert!(world.server.urls.callhome.ends_with(TO_CSSM));
    let mut device = Device::new(&world, 1);
    // CSSM reached directly wants to know who asks, in an envelope too.
    let request = device.usage(&[1]);
    let answer = says(&mut device, &world, TO_CSSM, &request).await;
    assert!(answer.status_message.starts_with("trust-required"), "{}", answer.status_message);
    let request = device.trust(&world);
    let answer = says(&mut device, &world, TO_CSSM, &request).await;
    assert_eq!(answer.connect_info.name, "SSM");
    device.sender.identity = Some(answer.data.trust_codes[0].object.as_ref().unwrap().code.identity);
    let request = device.usage(&[1]);
    let answer = says(&mut device, &world, TO_CSSM, &request).await;
    assert_eq!(answer.data.poll_interval_s, Some(300));
    let request = Request::Poll { poll_id: answer.data.poll_id.unwrap() };
    let answer = says(&mut device, &world, TO_CSSM, &request).await;
    let ack = answer.data.ack.unwrap().object.unwrap();
    assert_eq!(ack.reports, [(ReportId(1), ReportVerdict::Acknowledged)]);
    let requests = world.ok("GET", "requests", None).await;
    assert_eq!(requests[1]["route"], "callhome");
    assert!(!requests.to_string().contains(world.token().expose()));
}

#[tokio::test]
async fn an_on_prem_answers_at_its_call_home_address() {
    let mock = Config { role: Role::OnPrem, connected: false, ..Config::default() };
    let world = World::with(ServerConfig { mock, seed: Some(7), ..ServerConfig::default() }).await;
    let mut device = Device::new(&world, 1);
    let request = device.usage(&[1]);
    let answer = says(&mut device, &world, TO_ON_PREM, &request).await;
    assert_eq!((answer.status, answer.data.poll_interval_s), (StatusWord::OkPoll, Some(60)));
    assert_eq!(world.ok("GET", "upstream", None).await["waiting_reports"], 1);
}

#[tokio::test]
async fn an_envelope_that_is_none_is_refused_with_the_part_that_is_wrong() {
    let world = World::new().await;
    let mut device = Device::new(&world, 1);
    let message = device.message(&world, &Request::Hello);
    let dispatch = Dispatch { udi: device.sender.udi, number: 1, created: NOW };
    let good = encode_callhome_request(&dispatch, &device.encode(&message), &WireProfile::default()).unwrap();
    for (kind, body, status, rule) in [
        ("application/json", good.clone(), 415, "content-type"),
        ("text/xml", "{}".into(), 400, "xml"),
        ("text/xml", "<a/>".into(), 400, "root-element"),
        ("text/xml", good.replace("smart_licensing_data", "inventory"), 400, "present"),
        ("application/xml", good.replace("\"request\"", "\"reques\""), 400, "present"),
    ] {
        let (found, _, answer) = post(&world, TO_CSSM, kind, body).await;
        let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!((found, &answer["rule"]), (status, &json!(rule)), "{answer}");
    }
    assert_eq!(post(&world, TO_CSSM, "application/soap+xml", good).await.0, 200);
}

/// Faults do to an envelope what they do to a message.
#[tokio::test]
async fn a_fault_cuts_an_envelope_short() {
    let world = World::new().await;
    world.ok("POST", "faults", Some(json!({"kind": "truncated", "next": 1}))).await;
    let mut device = Device::new(&world, 1);
    let message = device.message(&world, &Request::Hello);
    let dispatch = Dispatch { udi: device.sender.udi, number: 1, created: NOW };
    let body = encode_callhome_request(&dispatch, &device.encode(&message), &WireProfile::default()).unwrap();
    let (status, _, body) = post(&world, TO_CSSM, "text/xml", body).await;
    assert_eq!(status, 200);
    assert!(decode_callhome_response(&body, &WireProfile::default()).is_err());
}

//! Whatever arrives is answered with a typed refusal, never with a status of 500 and above.

use serde_json::{Value, json};
use slpsim_agent::Request;

use crate::client::{Device, World, post};

fn pieces(world: &World) -> (String, Value, Value, Value) {
    let mut device = Device::new(world, 1);
    let message = device.message(world, &Request::Hello);
    let body = device.encode(&message);
    let outer: Value = serde_json::from_str(&body).unwrap();
    let request: Value = serde_json::from_str(outer["request"].as_str().unwrap()).unwrap();
    let data: Value = serde_json::from_str(request["request_data"].as_str().unwrap()).unwrap();
    (body, outer, request, data)
}

fn wrap(mut outer: Value, mut request: Value, data: &Value) -> String {
    request["request_data"] = data.to_string().into();
    outer["request"] = request.to_string().into();
    outer.to_string()
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_the_rule_and_noted() {
    let world = World::new().await;
    let smart = world.server.urls.smart.clone();
    let (_, outer, request, data) = pieces(&world);
    let broken_request = |pointer: &str, value: Value| {
        let mut request = request.clone();
        *request.pointer_mut(pointer).unwrap() = value;
        wrap(outer.clone(), request, &data)
    };
    let broken_data = |key: &str, value: Value| {
        let mut data = data.clone();
        data[key] = value;
        wrap(outer.clone(), request.clone(), &data)
    };
    for (body, rule) in [
        (String::new(), "json"),
        ("hello".into(), "json"),
        ("[]".into(), "object"),
        ("{}".into(), "present"),
        ("\u{0}\u{1}".into(), "json"),
        ("[".repeat(100_000), "depth"),
        (json!({"request": 5}).to_string(), "string"),
        (json!({"request": "{"}).to_string(), "json"),
        (json!({"request": "{}"}).to_string(), "present"),
        (json!({"signature": {"type": "MD5", "value": ""}, "request": "{}"}).to_string(), "word"),
        (json!({"signature": {"type": "SHA-256", "value": "%"}, "request": "{}"}).to_string(), "base64"),
        (broken_request("/header", json!(null)), "present"),
        (broken_request("/header/sudi/udi_pid", json!("")), "udi"),
        (broken_request("/header/timestamp", json!("soon")), "number"),
        (broken_request("/header/request_type", json!(7)), "string"),
        (broken_request("/header/product_instance_identifier", json!("x")), "uuid"),
        (broken_request("/header/id_cert_serial_number", json!("x")), "decimal-string"),
        (broken_request("/nonce", json!("4")), "agrees"),
        (broken_request("/nonce", json!(4)), "string"),
        (broken_data("nonce", json!("4")), "agrees"),
        (broken_data("timestamp", json!(4)), "agrees"),
        (broken_data("sudi", json!({"udi_pid": "A", "udi_serial_number": "B"})), "agrees"),
        (broken_data("sudi", json!([])), "object"),
    ] {
        let raw = post(&world.http, &smart, body.clone()).await.unwrap();
        let shown = body.chars().take(200).collect::<String>();
        let answer: Value = serde_json::from_slice(&raw.body).unwrap();
        assert_eq!((raw.status, answer["rule"].as_str()), (400, Some(rule)), "{shown}: {answer}");
        assert_eq!(raw.rule.as_deref(), Some(rule));
        assert!(!answer["message"].as_str().unwrap().is_empty());
        assert_eq!(world.last_rule().await.as_deref(), Some(rule), "{shown}");
    }
}

#[tokio::test]
async fn http_itself_has_rules_too() {
    let world = World::new().await;
    let smart = world.server.urls.smart.clone();
    let base = smart.trim_end_matches("/licservice/license");
    let json = |body: Vec<u8>| world.http.post(&smart).header("content-type", "application/json").body(body);
    for (request, status, rule) in [
        (world.http.get(&smart), 405, "method"),
        (world.http.post(format!("{base}/nowhere")), 404, "path"),
        (world.http.post(&smart).body("{}"), 415, "content-type"),
        (json(vec![b' '; 5_000_001]), 413, "body-size"),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{rule}");
        let answer: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["rule"], rule);
        assert_eq!(world.last_rule().await.as_deref(), Some(rule));
    }
}

/// Every byte of a good request is left out, doubled or changed in turn; and it is cut everywhere.
#[tokio::test]
async fn no_damage_to_a_request_brings_a_server_error() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    let (good, ..) = pieces(&world);
    let good = good.into_bytes();
    let mut seen = std::collections::BTreeMap::<u16, usize>::new();
    for at in 0..good.len() {
        let mut changed = good.clone();
        match at % 4 {
            0 => drop(changed.remove(at)),
            1 => changed.insert(at, good[at]),
            2 => changed[at] ^= 0x80,
            _ => changed.truncate(at),
        }
        let raw = post(&world.http, &cslu, changed).await.unwrap();
        *seen.entry(raw.status).or_default() += 1;
        assert!(raw.status < 500, "byte {at}");
        assert!(raw.status == 200 || raw.rule.is_some(), "byte {at}: a refusal names its rule");
    }
    assert!(seen[&400] > 100, "{seen:?}");
}

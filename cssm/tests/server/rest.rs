//! The REST interface, as public clients of it use it (`spec/formats.md` §11).

use reqwest::StatusCode;
use serde_json::{Value, json};
use slpsim_cssm::server::ServerConfig;
use slpsim_cssm::{AccountConfig, Config};
use slpsim_policy::{Policy, Values};
use slpsim_transport::base64;
use slpsim_transport::files::{LicenseFile, Opener};
use slpsim_transport::message::compose;
use slpsim_transport::rum;
use slpsim_transport::sign::Verifier;

use crate::client::{Device, NOW, World};

/// A client as the public ones are: form for the token, JSON for the rest.
struct Rest<'a> {
    world: &'a World,
    token: String,
    headers: Vec<(&'static str, String)>,
}

impl<'a> Rest<'a> {
    async fn new(world: &'a World) -> Self {
        let body = "client_id=me&client_secret=mine&grant_type=client_credentials";
        let answer = grant(world, "/as/token.oauth2", "application/x-www-form-urlencoded", body).await;
        assert_eq!(answer.0, 200);
        assert_eq!((&answer.1["token_type"], &answer.1["expires_in"]), (&json!("Bearer"), &json!(3599)));
        Self { world, token: answer.1["access_token"].as_str().unwrap().into(), headers: Vec::new() }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/{path}", self.world.server.urls.rest);
        let mut request = self.world.http.request(method, url).bearer_auth(&self.token);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(body) = body {
            // As some clients do: JSON with no content type at all.
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, Some(body)).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn poll(&self, poll_id: &Value, action: &str) -> Value {
        // A time stamp as text, as a public script sends it.
        let data = json!({"timestamp": NOW.0.to_string(), "nonce": "n0000002", "poll_id": poll_id, "action": action});
        self.post("v2/accounts/poll", json!({"data": data})).await
    }
}

async fn grant(world: &World, path: &str, kind: &str, body: &str) -> (u16, Value) {
    let origin = world.server.urls.rest.split("/services").next().unwrap();
    let call = world.http.post(format!("{origin}{path}")).header("content-type", kind).body(body.to_owned());
    let response = call.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The usage of an upload, made as the public script does it: payload and signature, no header.
fn usage(device: &Device, ids: &[u64]) -> Vec<Value> {
    let message = compose(&device.usage(ids), &device.sender, NOW, 1);
    let slpsim_transport::message::DeviceBody::LicenseUsage { reports, .. } = message.body else { panic!() };
    let envelope = |report| {
        let mut envelope: Value =
            serde_json::from_str(&rum::envelope_text(&rum::seal(&report, Some(device.keys)).unwrap()))
                .unwrap();
        envelope.as_object_mut().unwrap().remove("header");
        envelope
    };
    reports.into_iter().map(envelope).collect()
}

fn sudi(device: &Device) -> Value {
    let udi = &device.sender.udi;
    json!({"udi_pid": udi.pid.as_str(), "udi_serial_number": udi.serial.as_str()})
}

fn upload(device: &Device, ids: &[u64]) -> Value {
    let report = json!({"sudi": sudi(device), "usage": usage(device, ids)});
    json!({"data": {"timestamp": NOW.0, "nonce": "n0000001", "reports": [report]}})
}

fn file(answer: &Value, list: &str) -> LicenseFile {
    let text = answer["data"][list][0]["smart_license"].as_str().unwrap();
    LicenseFile::read(&base64::decode(text).unwrap(), &mut Opener::new(&Verifier::OFF, NOW)).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The way of a public script: token, accounts, upload, poll until complete, ACK file.
#[tokio::test]
async fn a_public_script_gets_its_ack() {
    let world = World::new().await;
    let mut rest = Rest::new(&world).await;
    let accounts = rest.get("v2/accounts/search").await;
    let wanted = "example-sa.example.com";
    let accounts = accounts["accounts"].as_array().unwrap();
    let smart = accounts.iter().find(|account| account["domain"] == wanted).unwrap();
    let lab = smart["virtual_accounts"].as_array().unwrap().iter().find(|va| va["name"] == "Lab").unwrap();
    let device = Device::new(&world, 1);
    rest.headers = vec![
        ("X-CSW-SMART-ACCOUNT-ID", smart["account_id"].as_str().unwrap().into()),
        ("X-CSW-VIRTUAL-ACCOUNT-ID", lab["virtual_account_id"].as_str().unwrap().into()),
        ("X-CSW-REQUESTING-SYSTEM", sudi(&device).to_string()),
    ];
    let (status, answer) =
        rest.call("POST", "v2/devices/reportusage", Some(upload(&device, &[1_772_445_600]))).await;
    assert_eq!(status, 202);
    let expected = [
        "status",
        "message_code",
        "message",
        "timestamp",
        "nonce",
        "type",
        "poll_id",
        "poll_interval",
        "action",
    ];
    assert_eq!(keys(&answer), expected);
    assert_eq!((&answer["status"], &answer["message"]), (&json!("OK_POLL"), &Value::Null));
    assert_eq!((&answer["nonce"], &answer["poll_interval"]), (&json!("n0000001"), &json!(300)));
    assert_eq!(answer["action"], "acknowledgements");
    let done = rest.poll(&answer["poll_id"], "acknowledgements").await;
    let expected =
        ["status", "message_code", "message", "timestamp", "nonce", "type", "correlation_id", "data"];
    assert_eq!(keys(&done), expected);
    assert_eq!((&done["status"], &done["type"]), (&json!("COMPLETE"), &json!("acknowledgements")));
    let entry = &done["data"]["acknowledgements"][0];
    assert_eq!(keys(entry), ["sudi", "software_tag_identifier", "smart_license"]);
    assert_eq!(entry["sudi"], sudi(&device));
    let ack = file(&done, "acknowledgements").into_ack().unwrap().object.unwrap();
    assert_eq!(ack.udi, device.sender.udi);
    assert_eq!(
        ack.reports,
        [(slpsim_agent::ReportId(1_772_445_600), slpsim_agent::ReportVerdict::Acknowledged)]
    );
    assert!(ack.policy.is_some());
    assert!(ack.trust_codes.is_empty(), "nobody asked for trust");
}

#[tokio::test]
async fn a_poll_says_ok_poll_without_a_message_until_the_ack_is_ready() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    world.ok("PUT", "ack-mode", Some(json!({"mode": "manual"}))).await;
    let device = Device::new(&world, 1);
    let answer = rest.post("v2/devices/reportusage", upload(&device, &[1])).await;
    let working = rest.poll(&answer["poll_id"], "acknowledgements").await;
    assert_eq!((&working["status"], &working["message"]), (&json!("OK_POLL"), &json!("")));
    world.ok("POST", "acks/release", None).await;
    // A poll id as text, as a public collection sends it.
    let text = json!(answer["poll_id"].to_string());
    assert_eq!(rest.poll(&text, "acknowledgements").await["status"], "COMPLETE");
    let other = rest.poll(&answer["poll_id"], "authorizations").await;
    assert_eq!(other["status"], "FAILED");
    assert_eq!(
        rest.poll(&json!(77), "acknowledgements").await["message"],
        "The requested item was not found"
    );
}

/// `spec/formats.md` §19: accepted once, `FAILED` for the second.
#[tokio::test]
async fn an_upload_of_known_reports_fails_with_a_message_and_one_with_something_new_does_not() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    let device = Device::new(&world, 1);
    let first = rest.post("v2/devices/reportusage", upload(&device, &[1, 2])).await;
    let (status, again) = rest.call("POST", "v2/devices/reportusage", Some(upload(&device, &[2]))).await;
    assert_eq!((status.as_u16(), &again["status"]), (202, &json!("FAILED")));
    assert!(again["message"].as_str().unwrap().starts_with("Duplicate report: 2 of PID:N9K-C93180YC-FX3"));
    assert_eq!(again["poll_id"], first["poll_id"]);
    let more = rest.post("v2/devices/reportusage", upload(&device, &[2, 3])).await;
    assert_eq!(more["status"], "OK_POLL");
    let done = rest.poll(&more["poll_id"], "acknowledgements").await;
    let ids: Vec<u64> = file(&done, "acknowledgements")
        .into_ack()
        .unwrap()
        .object
        .unwrap()
        .reports
        .iter()
        .map(|(id, _)| id.0)
        .collect();
    assert_eq!(ids, [2, 3]);
}

#[tokio::test]
async fn a_report_that_was_changed_on_the_way_is_rejected_in_the_ack() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    let device = Device::new(&world, 1);
    let mut body = upload(&device, &[1]);
    let payload = &mut body["data"]["reports"][0]["usage"][0]["payload"];
    *payload = json!(payload.as_str().unwrap().replace("\"value\":\"1\"", "\"value\":\"2\""));
    let answer = rest.post("v2/devices/reportusage", body).await;
    let done = rest.poll(&answer["poll_id"], "acknowledgements").await;
    let ack = file(&done, "acknowledgements").into_ack().unwrap().object.unwrap();
    assert_eq!(ack.reports[0].1, slpsim_agent::ReportVerdict::Rejected("SIGNATURE_MISMATCH".into()));
}

#[tokio::test]
async fn several_devices_of_one_upload_have_one_poll_id_and_a_trust_code_comes_where_one_is_asked_for() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    let (one, two) = (Device::new(&world, 1), Device::new(&world, 2));
    let mut body = upload(&one, &[1]);
    let mut other = upload(&two, &[1])["data"]["reports"][0].clone();
    other["trust_requests"] = json!([{"sudi": sudi(&two)}]);
    other["hostname"] = json!("n9k-leaf-02");
    body["data"]["reports"].as_array_mut().unwrap().push(other);
    let answer = rest.post("v2/devices/reportusage", body).await;
    let done = rest.poll(&answer["poll_id"], "acknowledgements").await;
    let list = done["data"]["acknowledgements"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    let codes = |at: usize| {
        let text = base64::decode(list[at]["smart_license"].as_str().unwrap()).unwrap();
        LicenseFile::read(&text, &mut Opener::new(&one.verifier, NOW)).unwrap().trust_codes
    };
    assert!(codes(0).is_empty());
    let code = codes(1).remove(0);
    assert_eq!((code.fault, code.object.unwrap().code.udi), (None, two.sender.udi));
    let device = world.ok("GET", "devices/FDO00000002", None).await;
    assert_eq!(device["hostname"], "n9k-leaf-02");
}

#[tokio::test]
async fn authorization_codes_are_requested_polled_and_returned() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    let mds = slpsim_agent::ProfileId::Mds9000.profile();
    let tag =
        mds.licenses.iter().find(|license| license.class == slpsim_policy::Class::Enforced).unwrap().tag;
    let sudi = json!({"udi_pid": "DS-C9148T-K9", "udi_serial_number": "FDO00000009"});
    let wish = |keys: Value| {
        json!({"data": {"timestamp": NOW.0, "nonce": "n1", "licenses": [
        {"sudi": sudi, "hostname": "mds", "keys": keys, "remove_code": "RETURN1"}]}})
    };
    let asked = rest.post("v2/devices/authrequest", wish(json!([{"entitlement": tag, "count": "2"}]))).await;
    assert_eq!((&asked["status"], &asked["action"]), (&json!("OK_POLL"), &json!("authorizations")));
    let done = rest.poll(&asked["poll_id"], "authorizations").await;
    let item = &done["data"]["authorizations"][0];
    let expected = [
        "product_instance_identifier",
        "sudi",
        "smart_license",
        "auth_status",
        "error_code",
        "status",
        "status_message",
        "correlation_id",
    ];
    assert_eq!(keys(item), expected);
    assert_eq!(item["status"], "SUCCESS");
    let code = file(&done, "authorizations").auth_codes.remove(0).object.unwrap();
    assert_eq!((code.entitlements[0].0.count, code.entitlements[0].0.entitlement.as_ref()), (2, tag));
    let returned = rest.post("v2/devices/authrequest", wish(json!([]))).await;
    let done = rest.poll(&returned["poll_id"], "authorizations").await;
    assert_eq!(done["data"]["authorizations"][0]["smart_license"], Value::Null);
    let nonsense = rest.post("v2/devices/authrequest", wish(json!([{"entitlement": "x", "count": 1}]))).await;
    let done = rest.poll(&nonsense["poll_id"], "authorizations").await;
    assert_eq!(done["data"]["authorizations"][0]["status"], "FAILED");
}

fn two_accounts() -> ServerConfig {
    let account = |name: &str| AccountConfig {
        names: slpsim_agent::Account { smart: "example.com".into(), r#virtual: name.into() },
        policy: Some(Policy::nxos("P", Values::of(60, 180, 60))),
    };
    let mock = Config { accounts: vec![account("Lab"), account("Other")], ..Config::default() };
    ServerConfig { mock, seed: Some(7), ..ServerConfig::default() }
}

#[tokio::test]
async fn accounts_are_listed_in_the_documented_shape() {
    let world = World::with(two_accounts()).await;
    let rest = Rest::new(&world).await;
    let expected = json!({"message_code": "", "accounts": [{
        "account_id": "900001", "domain": "example.com", "name": "example.com", "virtual_accounts": [
            {"default": true, "name": "Lab", "virtual_account_id": "900002"},
            {"default": false, "name": "Other", "virtual_account_id": "900003"},
        ]}], "message": "", "status": "COMPLETE"});
    assert_eq!(rest.get("v2/accounts/search").await.to_string(), expected.to_string());
    assert_eq!(rest.get("v2/accounts/search?name=example.com").await, expected);
    let list = rest.get("v1/accounts/900001/virtual-accounts").await;
    assert_eq!(list["virtualAccounts"][1]["name"], "Other");
    let (status, _) = rest.call("GET", "v1/accounts/nobody/virtual-accounts", None).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn id_tokens_are_made_listed_revoked_and_good_for_their_account() {
    let world = World::with(two_accounts()).await;
    let rest = Rest::new(&world).await;
    let path = "v1/accounts/example.com/virtual-accounts/Other/tokens";
    let wish = json!({"description": "lab", "expiresAfterDays": 30, "exportControlled": "Not Allowed", "numberofUses": 10});
    let made = rest.post(path, wish).await;
    let token = made["tokenInfo"]["token"].as_str().unwrap().to_owned();
    let listed = |tokens: Value| json!({"tokens": tokens, "statusMessage": "", "status": "SUCCESS"});
    assert_eq!(rest.get(path).await, listed(json!([{"token": token}])));
    let mut device = Device::new(&world, 1);
    let request = slpsim_agent::Request::Trust {
        token: slpsim_agent::Token::new(&token).unwrap(),
        force: false,
        units: device.sender.units.clone(),
    };
    let answer = device.says(&world, &world.server.urls.smart.clone(), &request).await.unwrap();
    assert_eq!(answer.data.account.unwrap().r#virtual, "Other");
    let revoked = rest.post(&format!("{path}/revoke"), json!({"tokens": [token, "NOSUCH"]})).await;
    let statuses = &revoked["tokensRevokeStatus"];
    assert_eq!((&statuses[0]["status"], &statuses[1]["status"]), (&json!("SUCCESS"), &json!("FAILED")));
    assert_eq!(rest.get(path).await, listed(json!([])));
    let (status, answer) = rest.call("POST", path, Some(json!({"expiresAfterDays": 0}))).await;
    assert_eq!((status.as_u16(), &answer["status"]), (400, &json!("FAILED")));
}

#[tokio::test]
async fn devices_and_licences_are_told_in_the_documented_shapes() {
    let world = World::with(two_accounts()).await;
    let mut rest = Rest::new(&world).await;
    let device = Device::new(&world, 1);
    rest.headers = vec![("X-CSW-VIRTUAL-ACCOUNT-ID", "900003".into())];
    rest.post("v2/devices/reportusage", upload(&device, &[1_772_445_600])).await;
    let license = &device.sender.profile.licenses[0];
    let expected = json!({"totalRecords": 1, "devices": [{
        "licenseUsage": [{"license": license.description, "quantity": 1}],
        "hostName": null,
        "sudi": {"macAddress": null, "suvi": null, "hostIdentifier": null, "udiSerialNumber": "FDO00000001",
            "udiPid": "N9K-C93180YC-FX3", "uuid": null, "udiVid": null},
        "displayName": "UDI_PID:N9K-C93180YC-FX3; UDI_SN:FDO00000001; ",
        "registrationDate": "2026-03-02T10:00:00Z", "productTagName": "", "virtualAccount": "Other",
        "productName": "", "productDescription": "", "productType": "", "status": "In Compliance",
        "lastContactDate": "2026-03-02T10:00:00Z",
    }], "statusMessage": "", "status": "SUCCESS"});
    let found = rest.get("v1/accounts/example.com/virtual-accounts/Other/devices").await;
    assert_eq!(found.to_string(), expected.to_string());
    let window = json!({"virtualAccounts": ["Other"], "limit": 50, "offset": 0});
    assert_eq!(rest.post("v1/accounts/example.com/devices", window.clone()).await, expected);
    let empty = rest.post("v1/accounts/example.com/devices", json!({"virtualAccounts": ["Lab"]})).await;
    assert_eq!((&empty["totalRecords"], &empty["devices"]), (&json!(0), &json!([])));

    let summary = rest.post("v3/licenses/summary", json!({"data": {"nonce": "n0000003"}})).await;
    let expected = json!({"status": "SUCCESS", "message_code": null, "message": "", "timestamp": NOW.0,
        "nonce": "n0000003", "out_standing_reports": 1, "summary": [{
            "tag": license.tag, "compliance_status": "In Compliance", "display_name": license.description,
            "enforced": false, "export_restricted": false, "license_details": [{
                "billing_type": "PREPAID", "quantity": 1, "postpaid_usage": null, "start_date": null,
                "end_date": null, "subscription_id": null, "status": "ACTIVE", "billing_model": null,
                "license_type": "PERPETUAL"}],
            "prepaid_entitled": 1, "prepaid_inuse": 1, "prepaid_reserved": 0}]});
    assert_eq!(summary.to_string(), expected.to_string());
    let licenses = rest.post("v1/accounts/example.com/licenses", window).await;
    assert_eq!((&licenses["totalRecords"], &licenses["licenses"][0]["inUse"]), (&json!(1), &json!(1)));
    let none = rest.post("v1/accounts/example.com/license-subscriptions", json!({})).await;
    assert_eq!(none["totalRecords"], 0);
}

#[tokio::test]
async fn access_tokens_come_by_form_or_json_at_each_documented_path_and_end() {
    let world = World::new().await;
    for (path, kind, body, status) in [
        (
            "/oauth2/default/v1/token",
            "application/x-www-form-urlencoded; charset=utf-8",
            "grant_type=client_credentials&client_id=a&client_secret=b",
            200,
        ),
        (
            "/oauth/token",
            "application/json",
            r#"{"grant_type":"password","client_id":"a","client_secret":"b","username":"u","password":"p"}"#,
            200,
        ),
        (
            "/as/token.oauth2",
            "application/x-www-form-urlencoded",
            "grant_type=client_credentials&client_id=a",
            401,
        ),
        (
            "/as/token.oauth2",
            "application/x-www-form-urlencoded",
            "grant_type=magic&client_id=a&client_secret=b",
            400,
        ),
        ("/oauth/token", "application/json", "[", 400),
    ] {
        let (found, answer) = grant(&world, path, kind, body).await;
        assert_eq!(found, status, "{path} {body}: {answer}");
        assert_eq!(answer.get("error").is_some(), status != 200);
    }
    let mut rest = Rest::new(&world).await;
    world.advance(3_598_999);
    assert_eq!(rest.get("v2/accounts/search").await["status"], "COMPLETE");
    world.advance(1);
    let (status, answer) = rest.call("GET", "v2/accounts/search", None).await;
    assert_eq!((status.as_u16(), &answer["status"]), (401, &json!("FAILED")));
    rest.token = String::new();
    assert_eq!(rest.call("GET", "v2/accounts/search", None).await.0, 401);
}

#[tokio::test]
async fn wrong_calls_are_refused_with_a_message_and_change_nothing() {
    let world = World::new().await;
    let mut rest = Rest::new(&world).await;
    let device = Device::new(&world, 1);
    let mut foreign = upload(&device, &[1]);
    foreign["data"]["reports"][0]["sudi"]["udi_serial_number"] = json!("FDO00000002");
    let mut unreadable = upload(&device, &[1]);
    unreadable["data"]["reports"][0]["usage"][0]["payload"] = json!("{}");
    for (path, body) in [
        ("v2/devices/reportusage", json!({})),
        ("v2/devices/reportusage", json!({"data": {"reports": []}})),
        ("v2/devices/reportusage", foreign),
        ("v2/devices/reportusage", unreadable),
        ("v2/devices/reportusage", json!({"data": {"nonce": "x".repeat(65), "reports": []}})),
        (
            "v2/devices/authrequest",
            json!({"data": {"licenses": [{"sudi": {"udi_pid": "", "udi_serial_number": ""}}]}}),
        ),
        ("v2/accounts/poll", json!({"data": {"poll_id": "no number"}})),
    ] {
        let (status, answer) = rest.call("POST", path, Some(body)).await;
        assert_eq!(status, 400, "{path}: {answer}");
        let message = answer["message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains('\n'), "{message}");
    }
    rest.headers = vec![("X-CSW-VIRTUAL-ACCOUNT-ID", "123".into())];
    let (status, _) = rest.call("POST", "v2/devices/reportusage", Some(upload(&device, &[1]))).await;
    assert_eq!(status, 403);
    assert_eq!(world.ok("GET", "devices", None).await, json!([]));
}

/// Faults of the server hit its REST interface too, so that a CSLU above it can be tried.
#[tokio::test]
async fn a_fault_in_force_hits_rest_calls() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    world.ok("POST", "faults", Some(json!({"kind": "http-status", "status": 503, "next": 1}))).await;
    let url = format!("{}/v2/devices/reportusage", world.server.urls.rest);
    let device = Device::new(&world, 1);
    let call = || world.http.post(&url).bearer_auth(&rest.token).body(upload(&device, &[1]).to_string());
    assert_eq!(call().send().await.unwrap().status(), 503);
    assert_eq!(call().send().await.unwrap().status(), 202);
}

#[tokio::test]
async fn a_fault_for_certain_devices_hits_rest_calls_about_them_only() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    let [one, two, three] = [1, 2, 3].map(|n| Device::new(&world, n));
    let first = rest.post("v2/devices/reportusage", upload(&one, &[1])).await;
    let mut both = upload(&two, &[1]);
    let other = upload(&three, &[1])["data"]["reports"][0].clone();
    both["data"]["reports"].as_array_mut().unwrap().push(other);
    let second = rest.post("v2/devices/reportusage", both.clone()).await;
    let fault = |purpose| json!({"kind": "http-status", "status": 503, "devices": ["FDO00000003"], "purpose": purpose});
    for purpose in ["usage", "poll"] {
        world.ok("POST", "faults", Some(fault(purpose))).await;
    }
    let poll = |answer: &Value| json!({"data": {"nonce": "n", "poll_id": answer["poll_id"]}});
    for (path, body, status) in [
        ("v2/accounts/poll", poll(&first), 200),
        ("v2/accounts/poll", poll(&second), 503),
        ("v2/devices/reportusage", both, 503),
        ("v2/devices/reportusage", upload(&one, &[2]), 202),
    ] {
        let url = format!("{}/{path}", world.server.urls.rest);
        let call = world.http.post(&url).bearer_auth(&rest.token).body(body.to_string());
        assert_eq!(call.send().await.unwrap().status().as_u16(), status, "{path}");
    }
}

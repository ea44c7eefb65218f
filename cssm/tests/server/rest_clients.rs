//! Forms of calls that public clients of CSSM's REST interface use beside the documented ones: Python scripts, Postman
//! collections, Ansible roles, a Go library (`spec/formats.md` §11, §12).

use serde_json::{Value, json};
use slpsim_cssm::server::ServerConfig;
use slpsim_cssm::{AccountConfig, Config, Role};
use slpsim_transport::base64;
use slpsim_transport::files::{LicenseFile, Opener};
use slpsim_transport::sign::Verifier;

use crate::client::{Device, NOW, World};

/// Status and body of a call.
async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn origin(world: &World) -> &str {
    world.server.urls.rest.split("/services").next().unwrap()
}

async fn access(world: &World) -> String {
    let query = "grant_type=client_credentials&client_id=me&client_secret=mine";
    let (status, body) = answer(world.http.post(format!("{}/as/token.oauth2?{query}", origin(world)))).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

/// A client with an access token.
struct Rest<'a> {
    world: &'a World,
    token: String,
}

impl<'a> Rest<'a> {
    async fn new(world: &'a World) -> Self {
        Self { world, token: access(world).await }
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/{path}", self.world.server.urls.rest);
        let request = self.world.http.request(method, url).bearer_auth(&self.token);
        answer(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    async fn ok(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }
}

fn two_smart_accounts() -> ServerConfig {
    let account = |smart: &str, name: &str| AccountConfig {
        names: slpsim_agent::Account { smart: smart.into(), r#virtual: name.into() },
        policy: None,
    };
    let accounts = vec![account("work.example.com", "Lab"), account("network.example.com", "DEFAULT")];
    ServerConfig { mock: Config { accounts, ..Config::default() }, seed: Some(7), ..ServerConfig::default() }
}

#[tokio::test]
async fn access_tokens_are_given_to_a_query_without_a_body_and_to_basic_credentials() {
    let world = World::new().await;
    let url = format!("{}/as/token.oauth2", origin(&world));
    let client = |url: &str| world.http.post(url);
    let query = format!("{url}?grant_type=client_credentials&client_id=a&client_secret=b");
    let kind = format!("{url}?grant_type=client_credentials");
    for (request, status) in [
        (client(&query), 200),
        // As `requests` sends it: a content type, and nothing behind it.
        (client(&query).header("content-type", "application/x-www-form-urlencoded").body(""), 200),
        (client(&query).header("content-type", "application/json"), 200),
        (client(&url).basic_auth("a", Some("b")).body("grant_type=client_credentials"), 200),
        (client(&kind).basic_auth("a", Some("b")), 200),
        (client(&kind).header("authorization", format!("basic {}", base64::encode(b"a:b"))), 200),
        (client(&kind).basic_auth("a", Some("")), 401),
        (client(&kind).header("authorization", "Basic !"), 401),
        (client(&kind), 401),
        (client(&url), 400),
    ] {
        let request = request.build().unwrap();
        let said = format!("{} {:?}", request.url(), request.headers());
        let response = world.http.execute(request).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{said}");
        let asks = response.headers().contains_key("www-authenticate");
        assert_eq!(asks, status == 401, "{said}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body.get("access_token").is_some(), status == 200, "{body}");
    }
}

/// RFC 9110 §11.1.
#[tokio::test]
async fn the_scheme_of_a_token_is_written_in_any_case() {
    let world = World::new().await;
    let token = access(&world).await;
    let manage = world.server.manage_token.clone().unwrap();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        for (url, token) in [
            (format!("{}/v2/accounts/search", world.server.urls.rest), &token),
            (format!("{}/accounts", world.server.urls.manage), &manage),
        ] {
            let request = world.http.get(&url).header("authorization", format!("{scheme} {token}"));
            assert_eq!(answer(request).await.0, 200, "{scheme} {url}");
        }
    }
    let wrong = world.http.get(format!("{}/v2/accounts/search", world.server.urls.rest));
    assert_eq!(answer(wrong.header("authorization", format!("Token {token}"))).await.0, 401);
}

#[tokio::test]
async fn a_doubled_slash_behind_the_host_leads_to_the_same_call() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    let expected = rest.ok("GET", "v2/accounts/search", None).await;
    let url = format!(
        "{}//services/api/smart-accounts-and-licensing/v2/accounts/search?name=Example",
        origin(&world)
    );
    let found = answer(world.http.get(url).bearer_auth(&rest.token)).await;
    assert_eq!(found, (200, expected));
}

#[tokio::test]
async fn what_is_no_call_is_refused_in_the_form_of_the_interface() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    for (method, path, status) in [
        ("GET", "v2/devices/nosuch", 404),
        ("GET", "v2/devices/reportusage", 405),
        ("GET", "v1/accounts/example-sa.example.com/partner/virtual-accounts", 404),
        ("GET", "v1/upstream_satellites/accounts", 404),
        ("POST", "v1/accounts/example-sa.example.com/dlc_convert", 501),
    ] {
        let (found, answer) = rest.call(method, path, None).await;
        assert_eq!((found, &answer["status"]), (status, &json!("FAILED")), "{path}: {answer}");
        assert!(!answer["statusMessage"].as_str().unwrap().is_empty());
    }
    let nobody = answer(world.http.get(format!("{}/v2/nosuch", world.server.urls.rest))).await;
    assert_eq!(nobody.0, 401, "first things first");
}

#[tokio::test]
async fn a_search_finds_by_part_of_name_or_domain() {
    let world = World::with(two_smart_accounts()).await;
    let rest = Rest::new(&world).await;
    for (query, expected) in [
        ("", vec!["work.example.com", "network.example.com"]),
        ("?name=work.example", vec!["work.example.com", "network.example.com"]),
        ("?domain=NETWORK", vec!["network.example.com"]),
        ("?name=network&domain=example.com&type=CUSTOMER", vec!["network.example.com"]),
        ("?limit=1&offset=1", vec!["network.example.com"]),
        ("?name=nobody", vec![]),
    ] {
        for version in ["v1", "v2"] {
            let found = rest.ok("GET", &format!("{version}/accounts/search{query}"), None).await;
            let names: Vec<_> = found["accounts"]
                .as_array()
                .unwrap()
                .iter()
                .map(|account| account["name"].as_str().unwrap())
                .collect();
            assert_eq!(names, expected, "{version} {query}");
        }
    }
    let older = rest.ok("GET", "v1/accounts/search?domain=network", None).await;
    let expected = json!({"totalRecords": 1, "accounts": [{"domain": "network.example.com",
        "name": "network.example.com", "id": 1_000_001, "type": "CUSTOMER", "status": "ACTIVE"}],
        "statusMessage": "", "status": "SUCCESS"});
    assert_eq!(older, expected);
    assert_eq!(rest.call("GET", "v2/accounts/search?limit=many", None).await.0, 400);
}

#[tokio::test]
async fn virtual_accounts_are_listed_and_made_in_the_customers_form() {
    let world = World::with(two_smart_accounts()).await;
    let rest = Rest::new(&world).await;
    let list = rest.ok("GET", "v1/accounts/work.example.com/CUSTOMER/virtual-accounts", None).await;
    let lab = json!({"isDefault": "true", "name": "Lab", "description": "", "commerceAccessLevel": "PUBLIC"});
    assert_eq!(list, json!({"virtualAccounts": [lab], "statusMessage": "", "status": "SUCCESS"}));
    let path = "v1/accounts/work.example.com/customer/virtual-accounts";
    let wish =
        json!({"name": "Branch", "description": "x", "isDefault": "false", "commerceAccessLevel": "PUBLIC"});
    let made = rest.ok("POST", path, Some(wish.clone())).await;
    assert_eq!(made["status"], "SUCCESS");
    let list = rest.ok("GET", path, None).await;
    assert_eq!(
        (&list["virtualAccounts"][1]["name"], &list["virtualAccounts"][1]["isDefault"]),
        (&json!("Branch"), &json!("false"))
    );
    assert_eq!(rest.call("POST", path, Some(wish)).await.0, 409);
    assert_eq!(rest.call("POST", path, Some(json!({"name": ""}))).await.0, 400);
    let token =
        rest.ok("POST", "v1/accounts/work.example.com/virtual-accounts/Branch/tokens", Some(json!({}))).await;
    assert_eq!((&token["status"], token["tokenInfo"]["token"].is_string()), (&json!("SUCCESS"), true));
}

#[tokio::test]
async fn devices_are_removed_from_their_account_only() {
    let world = World::with(two_smart_accounts()).await;
    let rest = Rest::new(&world).await;
    let cslu = world.server.urls.cslu.clone();
    Device::new(&world, 1).reports(&world, &cslu, &[1]).await;
    let devices = |pid: &str, serial: &str| {
        json!({"devices": [
            {"sudi": {pid: "N9K-C93180YC-FX3", serial: "FDO00000001"}},
            {"sudi": {pid: "N9K-C93180YC-FX3", serial: "FDO00000002"}},
        ]})
    };
    let statuses = |answer: Value| -> Vec<String> {
        let list = answer["devicesRemoveStatus"].as_array().unwrap().clone();
        list.iter().map(|entry| entry["status"].as_str().unwrap().to_owned()).collect()
    };
    let elsewhere = "v1/accounts/network.example.com/virtual-accounts/DEFAULT/devices/remove";
    let answer = rest.ok("POST", elsewhere, Some(devices("udi_pid", "udi_serial_number"))).await;
    assert_eq!(statuses(answer), ["FAILED", "FAILED"]);
    let here = "v2/accounts/work.example.com/virtual-accounts/Lab/devices/remove";
    let answer = rest.ok("POST", here, Some(devices("udiPid", "udiSerialNumber"))).await;
    assert_eq!(statuses(answer), ["SUCCESS", "FAILED"]);
    assert_eq!(world.ok("GET", "devices", None).await, json!([]));
}

/// `spec/formats.md` §6: an SLR code, where the platform has enforced licences.
#[tokio::test]
async fn licences_are_reserved_for_a_request_code() {
    let world = World::new().await;
    let rest = Rest::new(&world).await;
    let mds = slpsim_agent::ProfileId::Mds9000.profile();
    let enforced =
        mds.licenses.iter().find(|license| license.class == slpsim_policy::Class::Enforced).unwrap();
    let wish = |code: &str, tag: &str| {
        json!({"reservationRequests": [{"reservationCode": code, "reservationType": "SPECIFIC", "licenses": [
            {"entitlementTag": tag, "quantity": 2, "precedence": "LONGEST_TERM_FIRST"}]}]})
    };
    let path = "v1/accounts/example-sa.example.com/virtual-accounts/Lab/reserve-licenses";
    let code = "CF-ZDS-C9148T-K9:FDO00000009-A68C2vcWX-21";
    let answer = rest.ok("POST", path, Some(wish(code, enforced.tag))).await;
    assert_eq!(
        (&answer["status"], &answer["authorizationCodes"][0]["status"]),
        (&json!("SUCCESS"), &json!("SUCCESS"))
    );
    let text = answer["authorizationCodes"][0]["authorizationCode"].as_str().unwrap();
    let file = LicenseFile::read(text.as_bytes(), &mut Opener::new(&Verifier::OFF, NOW)).unwrap();
    let object = file.auth_codes[0].object.as_ref().unwrap();
    assert_eq!((object.udi.serial.as_str(), object.entitlements[0].0.count), ("FDO00000009", 2));
    for wrong in [wish("nonsense", enforced.tag), wish(code, "regid.nothing")] {
        let answer = rest.ok("POST", path, Some(wrong)).await;
        assert_eq!(answer["status"], "ERROR");
        assert_ne!(answer["authorizationCodes"][0]["statusMessage"], "");
    }
    assert_eq!(rest.call("POST", path, Some(json!({"reservationRequests": []}))).await.0, 400);
}

/// `spec/formats.md` §12.
#[tokio::test]
async fn an_on_prem_lists_the_accounts_that_it_has_for_its_upstream() {
    let mock = Config { role: Role::OnPrem, connected: false, ..Config::default() };
    let world = World::with(ServerConfig { mock, ..ServerConfig::default() }).await;
    let token = access(&world).await;
    let url = format!("{}/api/v1/upstream_satellites/accounts", origin(&world));
    let (status, body) = answer(world.http.get(url).bearer_auth(token)).await;
    assert_eq!((status, &body["accounts"][0]["virtual_account"]), (200, &json!("Lab")), "{body}");
}

//! Who may steer a running `slpsim fleet`, and what a wrong call is answered with.

use serde_json::Value;

use crate::process::{Daemon, client, run, stderr};

/// A fleet that can be steered, and ends no epoch late.
const BRISK: [&str; 9] =
    ["fleet", "--devices", "20", "--rate", "500/s", "--sink", "null:", "--manage", "127.0.0.1:0"];

/// What is wrong with a call, as the answer says it.
async fn refused(request: reqwest::RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["error"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_is_no_call_is_refused_as_the_mock_refuses_it() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Daemon::start(folder.path(), "fleet", &BRISK).await;
    let base = fleet.text("/urls/manage");
    assert!(!base.ends_with('/'), "{base}");
    let (put, post, get) = (reqwest::Method::PUT, reqwest::Method::POST, reqwest::Method::GET);
    let large = "x".repeat(70_000);
    for (method, path, body, status, expected) in [
        (&get, "", "", 404, "there is no such call; there are GET state, PUT rate"),
        (&get, "/nothing", "", 404, "there is no such call"),
        (&get, "/rate", "", 405, "this call has another method"),
        (&post, "/rate", "{}", 405, "this call has another method"),
        (&put, "/rate", "", 400, "the body is not as it should be: missing field `rate`"),
        (&put, "/rate", "{\"rate\"", 400, "the body is not as it should be"),
        (&put, "/rate", "{\"rate\": \"-5/s\"}", 400, "is no rate: write lines by time such as 5000/s"),
        (&put, "/rate", &large, 413, "at most 65536 bytes"),
        (&post, "/devices", "{\"count\": 0}", 400, "count is from 1 to 1000000"),
        (&post, "/devices", "{\"cuont\": 1}", 400, "unknown field `cuont`"),
        (&reqwest::Method::DELETE, "/devices/%ff", "", 400, "UTF-8"),
        (&reqwest::Method::DELETE, "/outages/x", "", 404, "there is no outage x"),
    ] {
        let request = client().request(method.clone(), format!("{base}{path}")).body(body.to_owned());
        let (code, error) = refused(request).await;
        assert!(code == status && error.contains(expected), "{method} {path}: {code} {error}");
    }
    // As `curl -X PUT -d` sends it.
    let form = client()
        .put(format!("{base}/rate"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("{\"rate\": \"600/s\"}");
    assert_eq!(form.send().await.unwrap().status(), 200);
    fleet.end().await;
}

#[tokio::test]
async fn pages_of_others_neither_see_nor_steer_a_fleet() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Daemon::start(folder.path(), "fleet", &BRISK).await;
    let base = fleet.text("/urls/manage");
    let authority = base.strip_prefix("http://").unwrap();
    let port = authority.rsplit_once(':').unwrap().1;
    let own = format!("http://{authority}");
    for (headers, expected) in [
        (vec![], None),
        (vec![("host", format!("localhost:{port}"))], None),
        (vec![("origin", own), ("sec-fetch-site", "same-origin".into())], None),
        (vec![("host", "evil.example".into())], Some("from this machine only")),
        (vec![("host", format!("127.0.0.1.evil.example:{port}"))], Some("from this machine only")),
        (vec![("origin", "http://evil.example".into())], Some("pages of other servers")),
        (vec![("origin", "null".into())], Some("pages of other servers")),
        (vec![("sec-fetch-site", "cross-site".into())], Some("pages of other servers")),
    ] {
        let calls = [
            client().get(format!("{base}/state")),
            client().put(format!("{base}/rate")).body("{\"rate\": \"600/s\"}"),
            client().post(format!("{base}/devices")),
        ];
        for call in calls {
            let call = headers.iter().fold(call, |call, (name, value)| call.header(*name, value));
            match expected {
                None => assert_eq!(call.send().await.unwrap().status(), 200, "{headers:?}"),
                Some(expected) => {
                    let (code, error) = refused(call).await;
                    assert!(code == 403 && error.contains(expected), "{headers:?}: {code} {error}");
                }
            }
        }
    }
    let state: Value = client().get(format!("{base}/state")).send().await.unwrap().json().await.unwrap();
    assert_eq!(state["devices"], 23, "three calls were allowed: {state}");
    fleet.end().await;
}

#[tokio::test]
async fn a_server_elsewhere_is_refused_before_anything_runs() {
    for (url, more, expected) in [
        ("http://192.0.2.1:1/cslu/v1/pi", &[][..], "192.0.2.1 is not on this machine"),
        ("https://cssm.example.com/licservice/license", &[], "only with --allow-external"),
        ("https://smartreceiver.cisco.com/licservice/license", &["--allow-external"], "is never contacted"),
    ] {
        let output = run(&[&["fleet", "--devices", "2", "--against", url][..], more].concat()).await;
        let said = stderr(&output);
        assert_eq!((output.status.code(), said.lines().count()), (Some(2), 1), "{url}: {said}");
        assert!(said.contains(expected), "{url}: {said}");
    }
}

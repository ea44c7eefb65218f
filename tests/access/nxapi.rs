//! NX-API in its three encodings, over HTTP and HTTPS.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::process::{Daemon, client};
use crate::{SWITCH, start};

/// Status and body of a request of `user`.
async fn ask(daemon: &Daemon, user: (&str, &str), kind: &str, body: String) -> (StatusCode, String) {
    let request = client().post(daemon.text("/devices/0/nxapi")).basic_auth(user.0, Some(user.1));
    let answer = request.header("content-type", kind).body(body).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

const ADMIN: (&str, &str) = ("admin", "secret");

async fn rpc(daemon: &Daemon, calls: &[(&str, &str)]) -> Value {
    let call = |(id, (method, cmd)): (usize, &(&str, &str))| json!({ "jsonrpc": "2.0", "method": method, "params": { "cmd": cmd, "version": 1 }, "id": id });
    let body = Value::Array(calls.iter().enumerate().map(call).collect()).to_string();
    let (status, text) = ask(daemon, ADMIN, "application/json-rpc", body).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn ins(daemon: &Daemon, user: (&str, &str), kind: &str, input: &str) -> Value {
    let body = json!({ "ins_api": { "version": "1.0", "type": kind, "chunk": "0", "sid": "1",
        "input": input, "output_format": "json" } });
    let (status, text) = ask(daemon, user, "application/json", body.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(answer["ins_api"]["sid"], "eoc", "{text}");
    answer["ins_api"]["outputs"]["output"].clone()
}

#[tokio::test]
async fn json_rpc_answers_an_object_to_one_command_and_a_list_to_several() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path(), SWITCH, &[]).await;
    let one = rpc(&daemon, &[("cli", "show hostname")]).await;
    assert_eq!(one, json!({ "jsonrpc": "2.0", "result": { "body": { "hostname": "leaf-1" } }, "id": 0 }));
    let several = rpc(
        &daemon,
        &[
            ("cli", "configure terminal"),
            ("cli", "hostname leaf-7"),
            ("cli_ascii", "show hostname"),
            ("cli", "show rubbish"),
            ("tell", "show hostname"),
        ],
    )
    .await;
    assert_eq!(several[0]["result"], Value::Null);
    assert_eq!(several[1]["result"], Value::Null);
    assert_eq!(several[2]["result"]["msg"], "leaf-7\n", "one session for all commands");
    assert_eq!(several[3]["error"]["code"], -32_602);
    assert!(several[3]["error"]["data"]["msg"].as_str().unwrap().contains("% Invalid command"), "{several}");
    assert_eq!(several[4]["error"]["code"], -32_601);
    daemon.end().await;
}

#[tokio::test]
async fn ins_api_answers_in_json_and_in_xml() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path(), SWITCH, &[]).await;
    let one = ins(&daemon, ADMIN, "cli_show", "show license usage").await;
    assert_eq!((&one["code"], &one["msg"]), (&json!("200"), &json!("Success")));
    let row = &one["body"]["TABLE_license"]["ROW_license"][0];
    assert_eq!(row["name"], "LAN_ENTERPRISE_SERVICES_PKG", "{one}");
    let two = ins(&daemon, ADMIN, "cli_show_ascii", "show hostname ;show rubbish").await;
    assert_eq!(two[0]["body"], "leaf-1\n");
    assert_eq!((&two[1]["code"], &two[1]["msg"]), (&json!("400"), &json!("Input CLI command error")));
    let conf = ins(&daemon, ADMIN, "cli_conf", "hostname leaf-8 ;license smart usage interval 9").await;
    assert_eq!((&conf[0]["code"], &conf[1]["body"]), (&json!("200"), &json!({})));
    assert!(daemon.show("show running-config").await.contains("license smart usage interval 9"));

    let xml = "<?xml version=\"1.0\"?><ins_api><version>1.0</version><type>cli_show</type><chunk>0</chunk>\
               <sid>sid</sid><input>show hostname ;show rubbish</input><output_format>xml</output_format></ins_api>";
    let (status, text) = ask(&daemon, ADMIN, "application/xml", xml.into()).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.starts_with("<?xml version=\"1.0\"?>\n<ins_api>"), "{text}");
    assert!(
        text.contains("<output><body><hostname>leaf-8</hostname></body><input>show hostname</input>"),
        "{text}"
    );
    assert!(text.contains("<clierror>") && text.matches("<output>").count() == 2, "{text}");
    daemon.end().await;
}

#[tokio::test]
async fn who_is_nobody_gets_401_and_an_operator_may_only_look() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path(), SWITCH, &[]).await;
    for user in [("admin", "wrong"), ("nobody", "secret"), ("", "")] {
        let (status, _) = ask(&daemon, user, "application/json", "{}".into()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{user:?}");
    }
    let viewer = ("viewer", "look");
    assert_eq!(ins(&daemon, viewer, "cli_show", "show hostname").await["code"], "200");
    let refused = ins(&daemon, viewer, "cli_conf", "hostname mine").await;
    assert_eq!(refused["code"], "400");
    assert_eq!(refused["clierror"], "% Permission denied for the role\n");
    daemon.end().await;
}

#[tokio::test]
async fn what_is_no_request_is_told_so_and_the_next_one_is_answered() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = start(folder.path(), SWITCH, &["--nxapi-https", "0"]).await;
    let huge = format!("{{\"ins_api\": \"{}\"}}", "x".repeat(2 << 20));
    for (kind, body, status, part) in [
        ("application/json", "{", 200, "Request is malformed"),
        ("application/json", "{\"ins_api\":{\"type\":\"bash\",\"input\":\"ls\"}}", 200, "is not supported"),
        ("application/json-rpc", "[", 200, "-32700"),
        ("application/json-rpc", "[]", 200, "-32600"),
        ("application/json-rpc", "[{\"id\":1}]", 200, "-32600"),
        ("application/xml", "<ins_api>", 200, "malformed"),
        ("application/json", &huge, 413, "at most"),
    ] {
        let (seen, text) = ask(&daemon, ADMIN, kind, body.into()).await;
        assert_eq!(seen.as_u16(), status, "{part}: {text:.300}");
        assert!(text.contains(part), "{part}: {text:.300}");
        assert_eq!(ins(&daemon, ADMIN, "cli_show_ascii", "show hostname").await["body"], "leaf-1\n");
    }
    let url = daemon.text("/devices/0/nxapi_https").to_owned();
    let https = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
    let answer = https.post(url).basic_auth("admin", Some("secret")).body("{").send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("malformed"));
    daemon.end().await;
}

//! A switch behind a CSLU: connected to a CSSM, and with files carried between the two (`spec/behaviour.md` §12).

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::process::{self, Daemon, line_with, run, stderr, stdout};

/// A switch on transport cslu, on the clock of the CSSM.
async fn switch(folder: &Path, cslu: &Daemon, cssm: &Daemon) -> Daemon {
    let keys = format!("transport = \"cslu\"\nurl-cslu = \"{}\"", cslu.text("/urls/cslu"));
    Daemon::start(folder, "run", &process::switch(folder, &keys, &[cssm, cslu])).await
}

#[tokio::test]
async fn a_switch_behind_a_connected_cslu_gets_trust_and_policy_although_the_cslu_dies() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let (above, below, clock) = (path("above"), path("below"), path("cssm.ready"));
    let cssm = Daemon::start(folder, "cssm", &["cssm", "--state", &above, "--speed", "60"]).await;
    let port = "127.0.0.1:0";
    let plain = |port: &str| {
        let args = ["cssm", "--role", "cslu", "--state", &below, "--clock-from", &clock, "--upstream"];
        let more = [cssm.text("/urls/rest"), "--upstream-ca", cssm.text("/ca_file"), "--listen-plain", port];
        args.into_iter().chain(more).map(String::from).collect::<Vec<_>>()
    };
    let start = async |port: &str| {
        let args = plain(port);
        Daemon::start(folder, "cslu", &args.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    cssm.manage(Method::POST, "faults", Some(json!({"kind": "unreachable"}))).await;
    let cslu = start(port).await;
    let address = cslu.text("/urls/cslu").split('/').nth(2).unwrap().to_owned();
    let switch = switch(folder, &cslu, &cssm).await;
    switch.show("license smart sync").await;
    let waiting = cslu.manage(Method::GET, "upstream", None).await;
    assert_eq!(waiting["waiting_reports"], 1, "{waiting}");
    cslu.power_off().await;
    cssm.manage(Method::DELETE, "faults", None).await;
    let cslu = start(&address).await;
    let log = folder.join("log");
    line_with(&log, &["TRUST_CODE_INSTALL_SUCCESS"]).await;
    line_with(&log, &["POLICY_INSTALL_SUCCESS"]).await;
    let status = switch.show("show license status").await;
    assert!(status.contains("Example Policy") && !status.contains("Last ACK received: <none>"), "{status}");
    assert!(!std::fs::read_to_string(&log).unwrap().contains("INSTALL_FAILED"));
    for daemon in [switch, cslu, cssm] {
        daemon.end().await;
    }
}

#[tokio::test]
async fn the_file_round_of_a_disconnected_cslu_as_commands() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let (above, below, clock) = (path("above"), path("below"), path("cssm.ready"));
    let cssm = Daemon::start(folder, "cssm", &["cssm", "--state", &above, "--speed", "60"]).await;
    let args = ["cssm", "--role", "cslu", "--state", &below, "--clock-from", &clock];
    let cslu = Daemon::start(folder, "cslu", &args).await;
    let at_cslu = path("cslu.ready");
    let carried = folder.join("carried");
    std::fs::create_dir(&carried).unwrap();
    let nothing = run(&["cssm", "bundle", "download", &path("carried"), "--ready", &at_cslu]).await;
    assert_eq!(nothing.status.code(), Some(2));
    assert!(stderr(&nothing).contains("nothing waits"), "{}", stderr(&nothing));

    let switch = switch(folder, &cslu, &cssm).await;
    switch.show("license smart sync").await;
    let into = path("carried");
    let down = ["--output", "json", "cssm", "bundle", "download", &into, "--ready", &at_cslu];
    let down = run(&down).await;
    assert!(down.status.success(), "{}", stderr(&down));
    let down: Value = serde_json::from_str(&stdout(&down)).unwrap();
    let bundle = down["file"].as_str().unwrap();
    assert!(bundle.contains("/UD_SA_") && bundle.ends_with(".tar.gz"), "{bundle}");

    let manage = cssm.text("/urls/manage");
    let up = ["cssm", "bundle", "upload", bundle, "--manage", manage, "--manage-token"];
    let refused = run(&[&up[..], &["wrong"]].concat()).await;
    assert!(refused.status.code() == Some(2) && stderr(&refused).contains("management token"));
    let up = run(&[&up[..], &[cssm.text("/manage_token")]].concat()).await;
    let acks = bundle.replace("UD_SA_", "ACK_UD_SA_");
    assert_eq!(stdout(&up), format!("{acks}\n"), "{}", stderr(&up));

    let back = run(&["cssm", "bundle", "upload", &acks, "--ready", &at_cslu]).await;
    assert_eq!(
        stdout(&back),
        "ACK files: 1, pushes that can fetch their ACK: 1, policy: yes\n",
        "{}",
        stderr(&back)
    );
    let log = folder.join("log");
    line_with(&log, &["TRUST_CODE_INSTALL_SUCCESS"]).await;
    line_with(&log, &["POLICY_INSTALL_SUCCESS"]).await;

    // What CSSM does not take of a bundle is named; the rest has its answer all the same.
    let known = cssm.manage(Method::GET, "devices", None).await;
    let known = format!("devices/{}", known[0]["serial"].as_str().unwrap());
    cssm.manage(Method::DELETE, &known, None).await;
    cssm.manage(Method::PUT, "accounts/Lab", Some(json!({"membership": "listed", "devices": []}))).await;
    let up = ["cssm", "bundle", "upload", bundle, "--ready", &clock];
    let out = run(&up).await;
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert!(stderr(&out).contains("(dev_1_") && stderr(&out).contains("membership"), "{}", stderr(&out));
    cssm.manage(Method::PUT, "accounts/Lab", Some(json!({"membership": "open"}))).await;

    let records = path("records.jsonl");
    let out = run(&["cssm", "export", &records, "--ready", &path("cssm.ready")]).await;
    assert!(out.status.success(), "{}", stderr(&out));
    for daemon in [switch, cslu] {
        daemon.end().await;
    }
    let at_rest = folder.join("below").join("mock");
    let into = run(&["cssm", "import", &records, "--store", at_rest.to_str().unwrap()]).await;
    assert!(into.status.success() && stdout(&into).ends_with(" records\n"), "{}", stderr(&into));
    // The folder stays that of a CSLU, which takes no usage, and lives by the simulated time.
    let rest = at_rest.to_str().unwrap();
    let usage = run(&["cssm", "bundle", "upload", bundle, "--store", rest]).await;
    assert!(usage.status.code() == Some(2) && stderr(&usage).contains("are for CSSM"), "{}", stderr(&usage));
    let busy = run(&["cssm", "export", &records, "--store", &format!("{above}/mock")]).await;
    assert!(busy.status.code() == Some(2) && stderr(&busy).contains("in use by another mock"));
    let none = run(&["cssm", "export", &records]).await;
    assert!(none.status.code() == Some(2) && stderr(&none).contains("--ready"));
    cssm.end().await;
}

/// By its folder a mock that does not run answers at the time at which it stood, not at the host's.
#[tokio::test]
async fn a_stopped_mock_answers_at_its_own_time() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let (state, store, clock) = (path("state"), path("elsewhere"), path("cssm.ready"));
    let config = path("mock.toml");
    std::fs::write(&config, format!("[mock]\nstore = \"{store}\"\n")).unwrap();
    let start = "2026-03-02T10:00:00Z";
    let cssm =
        Daemon::start(folder, "cssm", &["cssm", "-c", &config, "--state", &state, "--start", start]).await;
    let cslu = ["cssm", "--role", "cslu", "--state", &path("below"), "--clock-from", &clock];
    let cslu = Daemon::start(folder, "cslu", &cslu).await;
    let switch = switch(folder, &cslu, &cssm).await;
    switch.show("license smart sync").await;
    let bundle = path("bundle.tar.gz");
    let down = run(&["cssm", "bundle", "download", &bundle, "--ready", &path("cslu.ready")]).await;
    assert!(down.status.success(), "{}", stderr(&down));
    for daemon in [switch, cslu, cssm] {
        daemon.end().await;
    }
    let up = run(&["cssm", "bundle", "upload", &bundle, "--store", &store]).await;
    assert!(up.status.success(), "{}", stderr(&up));
    let records = path("records.jsonl");
    let out = run(&["cssm", "export", &records, "--store", &store]).await;
    assert!(out.status.success(), "{}", stderr(&out));
    let device = std::fs::read_to_string(&records).unwrap();
    let device = device.lines().find(|line| line.starts_with("{\"device\"")).unwrap().to_owned();
    let device: Value = serde_json::from_str(&device).unwrap();
    let seen = device["device"]["last_seen"].as_i64().unwrap();
    let start = 1_772_445_600_000;
    assert!((start..start + 3_600_000).contains(&seen), "{seen}");
}

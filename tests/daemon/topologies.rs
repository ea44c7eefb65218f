//! From factory default to an acknowledged report with a customer policy, over real sockets, for the topologies of
//! `spec/behaviour.md` §12. Topologies 1 and 4 (a CSLU) stand in `carry`, topology 5 (files alone) in `files`.

use std::path::Path;

use serde_json::{Value, json};

use crate::process::{self, Daemon, acknowledged, line_with, run, stderr, stdout};

/// A switch whose `[device]` has these lines; it trusts the mocks, and shares the clock of the first.
async fn switch(folder: &Path, keys: &str, mocks: &[&Daemon]) -> Daemon {
    Daemon::start(folder, "run", &process::switch(folder, keys, mocks)).await
}

async fn cssm(folder: &Path) -> Daemon {
    let state = folder.join("above").display().to_string();
    Daemon::start(folder, "cssm", &["cssm", "--state", &state, "--speed", "60"]).await
}

/// An SSM On-Prem on the clock of the CSSM, with more options.
async fn on_prem(folder: &Path, more: &[&str]) -> Daemon {
    let (state, clock) = (folder.join("below"), folder.join("cssm.ready"));
    let args = ["cssm", "--role", "on-prem", "--state", state.to_str().unwrap(), "--clock-from"];
    Daemon::start(folder, "onprem", &[&args[..], &[clock.to_str().unwrap()], more].concat()).await
}

/// Waits for the acknowledgement, and reads trust, policy and report off the switch.
async fn is_settled(folder: &Path, switch: &Daemon) {
    let log = folder.join("log");
    line_with(&log, &["TRUST_CODE_INSTALL_SUCCESS"]).await;
    line_with(&log, &["POLICY_INSTALL_SUCCESS"]).await;
    acknowledged(switch, &folder.join("run")).await;
    let reports = switch.show("show license rum id all").await;
    assert!(reports.contains(" OPEN "), "{reports}");
    let status = switch.show("show license status").await;
    assert!(status.contains("Policy name: Example Policy") && status.contains("INSTALLED on"), "{status}");
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("FAILED"), "{log}");
}

/// Topology 2, over both transports that it has.
#[tokio::test]
async fn connected_directly_to_cssm() {
    for (transport, url) in [("smart", "/urls/smart"), ("callhome", "/urls/callhome")] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let cssm = cssm(folder).await;
        let keys = format!("transport = \"{transport}\"\nurl-{transport} = \"{}\"", cssm.text(url));
        let switch = switch(folder, &keys, &[&cssm]).await;
        let before = switch.show("show license status").await;
        assert!(before.contains("Trust Code Installed: <none>"), "{transport}: {before}");
        switch.show(&format!("license smart trust idtoken {} local", cssm.text("/idtoken"))).await;
        is_settled(folder, &switch).await;
        switch.end().await;
        cssm.end().await;
    }
}

fn tenant(on_prem: &Daemon) -> String {
    format!("transport = \"cslu\"\nurl-cslu = \"{}/Example%20SA-1\"", on_prem.text("/urls/cslu"))
}

/// Topology 3.
#[tokio::test]
async fn connected_to_cssm_through_an_on_prem() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cssm = cssm(folder).await;
    let upstream = ["--upstream", cssm.text("/urls/rest"), "--upstream-ca", cssm.text("/ca_file")];
    let on_prem = on_prem(folder, &upstream).await;
    let switch = switch(folder, &tenant(&on_prem), &[&on_prem, &cssm]).await;
    switch.show("license smart sync").await;
    is_settled(folder, &switch).await;
    let devices = cssm.manage(reqwest::Method::GET, "devices", None).await;
    assert!(devices.to_string().contains("FDO00000001"), "CSSM knows the switch: {devices}");
    for daemon in [switch, on_prem, cssm] {
        daemon.end().await;
    }
}

/// Topology 6.
#[tokio::test]
async fn an_on_prem_disconnected_from_cssm() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let cssm = cssm(folder).await;
    let on_prem = on_prem(folder, &[]).await;
    let switch = switch(folder, &tenant(&on_prem), &[&on_prem, &cssm]).await;
    switch.show("license smart sync").await;
    std::fs::create_dir(folder.join("carried")).unwrap();
    let (here, there) = (path("onprem.ready"), path("cssm.ready"));
    let down = ["--output", "json", "cssm", "bundle", "download", &path("carried"), "--ready", &here];
    let down = run(&down).await;
    assert!(down.status.success(), "{}", stderr(&down));
    let down: Value = serde_json::from_str(&stdout(&down)).unwrap();
    let up = run(&["cssm", "bundle", "upload", down["file"].as_str().unwrap(), "--ready", &there]).await;
    assert!(up.status.success(), "{}", stderr(&up));
    let back = run(&["cssm", "bundle", "upload", stdout(&up).trim(), "--ready", &here]).await;
    assert!(back.status.success(), "{}", stderr(&back));
    is_settled(folder, &switch).await;
    for daemon in [switch, on_prem, cssm] {
        daemon.end().await;
    }
}

/// §6, §7.1: on `cslu` usage is sent without trust, on `smart` it is not, and nothing is logged.
#[tokio::test]
async fn without_trust_a_switch_reports_to_a_cslu_and_not_to_cssm() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cssm = cssm(folder).await;
    let keys = format!("transport = \"smart\"\nurl-smart = \"{}\"", cssm.text("/urls/smart"));
    let keys = format!("{keys}\nurl-cslu = \"{}\"", cssm.text("/urls/cslu"));
    let switch = switch(folder, &keys, &[&cssm]).await;
    switch.show("license smart sync").await;
    assert_eq!(cssm.manage(reqwest::Method::GET, "reports", None).await, json!([]));
    switch.show("configure terminal ; license smart transport cslu ; end ; license smart sync").await;
    is_settled(folder, &switch).await;
    switch.end().await;
    cssm.end().await;
}

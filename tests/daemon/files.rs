//! Topology 5 of `spec/behaviour.md` §12: no connection and no CSLU. Files go by hand between a switch and CSSM.

use std::path::Path;

use reqwest::Method;

use crate::process::{self, Daemon, client, line_with, stdout};

/// What a person uploads to CSSM, and the file that comes back.
async fn upload(cssm: &Daemon, file: &Path) -> Vec<u8> {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let url = format!("{}/uploads?name={name}", cssm.text("/urls/manage"));
    let request = client().post(url).bearer_auth(cssm.text("/manage_token"));
    let answer = request.body(std::fs::read(file).unwrap()).send().await.unwrap();
    let status = answer.status();
    let bytes = answer.bytes().await.unwrap().to_vec();
    assert!(status.is_success(), "{status} {}", String::from_utf8_lossy(&bytes));
    bytes
}

#[tokio::test]
async fn from_factory_default_to_an_acknowledged_report_with_a_customer_policy_by_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (cssm_state, log) = (folder.path().join("cssm"), folder.path().join("log"));
    let cssm = Daemon::start(folder.path(), "c", &["cssm", "--state", cssm_state.to_str().unwrap()]).await;
    let args = process::switch(folder.path(), "hostname = \"leaf-1\"\ntransport = \"off\"", &[&cssm]);
    let switch = Daemon::start(folder.path(), "r", &args).await;
    let flash = folder.path().join("run/files/N9K-C93180YC-FX3_FDO00000001/bootflash");

    switch.show("license smart save trust-request bootflash:trust.txt").await;
    std::fs::write(flash.join("code.txt"), upload(&cssm, &flash.join("trust.txt")).await).unwrap();
    assert_eq!(switch.show("license smart import bootflash:code.txt").await, "Import Data Successful\n");
    line_with(&log, &["TRUST_CODE_INSTALL_SUCCESS", "P:N9K-C93180YC-FX3,S:FDO00000001."]).await;

    switch.show("license smart save usage unreported file usage.txt").await;
    let ack = upload(&cssm, &flash.join("usage.txt")).await;
    std::fs::write(flash.join("ack.txt"), &ack).unwrap();
    assert_eq!(switch.show("license smart import ack.txt").await, "Import Data Successful\n");
    line_with(&log, &["POLICY_INSTALL_SUCCESS"]).await;
    let status = switch.show("show license status").await;
    for part in ["Type: Transport Off", "INSTALLED on", "Policy name: Example Policy", "Virtual Account: Lab"]
    {
        assert!(status.contains(part), "{part} in\n{status}");
    }
    assert!(!status.contains("Last ACK received: <none>"), "{status}");
    let reports = switch.show("show license rum id all").await;
    assert!(reports.lines().any(|line| line.split_whitespace().nth(1) == Some("ACK")), "{reports}");
    let known = cssm.manage(Method::GET, "reports", None).await;
    assert_eq!(known.as_array().unwrap().len(), 1, "{known:#}");

    // What is on the flash survives a loss of power, and a file of another switch does not get in.
    switch.power_off().await;
    let switch = Daemon::start(folder.path(), "r", &args).await;
    assert_eq!(switch.show("license smart import ack.txt").await, "Import Data Successful\n");
    let other = String::from_utf8(ack).unwrap().replace("FDO00000001", "FDO00000009");
    std::fs::write(flash.join("other.txt"), other).unwrap();
    let refused = switch.exec("license smart import other.txt").await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(stdout(&refused).starts_with("% Import Data Failed: RUM ACK: Signature mismatch"));
    switch.end().await;
    cssm.end().await;
}

//! The chapter's tasks on CSSM and CSLU by clicking, each with a switch that is healthy at its end
//! (`spec/chapter.md` S-33, S-36, S-45).

use std::path::Path;

use crate::driver::Browser;
use crate::process::{self, Daemon, line_with};

/// A switch and a CSSM in one process, without trust.
pub(crate) async fn together(folder: &Path, speed: &str) -> Daemon {
    let file = folder.join("together.toml");
    let log = folder.join("log").display().to_string();
    let toml = format!(
        "[device]\nhostname = \"leaf-1\"\ntransport = \"smart\"\n[mock]\n[[sink]]\nurl = \"file://{log}\"\n"
    );
    std::fs::write(&file, toml).unwrap();
    let (file, state) = (file.display().to_string(), folder.join("state").display().to_string());
    Daemon::start(folder, "together", &["run", "-c", &file, "--state", &state, "--speed", speed]).await
}

/// Types a line into the console of the page that is open.
async fn types(browser: &Browser, line: &str) {
    // The script has taken the form over; before that, a line is sent as a form.
    browser.find("form[data-open]").await;
    browser.fill("line", line).await;
    browser.click("Enter").await;
}

async fn is_healthy(switch: &Daemon, policy: &str) {
    let status = switch.show("show license status").await;
    for part in ["INSTALLED on", &format!("Policy name: {policy}"), "Virtual Account: Lab"] {
        assert!(status.contains(part), "{part} in\n{status}");
    }
    assert!(!status.contains("Last ACK received: <none>"), "{status}");
}

/// *Generating a New Token for a Trust Code from CSSM*, a policy, faults, transfer; S-33b, S-36b, S-45a.
#[tokio::test]
async fn a_switch_gets_trust_and_policy_and_survives_a_fault_by_clicking() {
    let folder = tempfile::tempdir().unwrap();
    let Some(browser) = Browser::open(folder.path()).await else { return };
    let daemon = together(folder.path(), "60").await;
    browser.goto(daemon.text("/urls/web")).await;
    browser.sees("This is a mock").await;
    browser.click("Lab").await;
    browser.fill("max_uses", "1").await;
    browser.click("New Token").await;
    browser.sees("The new token is the first one in the list.").await;
    browser.click("Copy").await;
    let token = browser.find("#token-0").await.prop("value").await.unwrap().unwrap();

    browser.click("Switches").await;
    browser.click("leaf-1").await;
    types(&browser, &format!("license smart trust idtoken {token} local")).await;
    browser.sees("TRUST_CODE_INSTALL_SUCCESS").await;
    browser.reload_until("installed 20").await;
    browser.reload_until("Example Policy").await;

    browser.click("Inventory").await;
    browser.sees("Trust Code Installed").await;
    browser.click("General").await;
    browser.sees("1 of 1").await;
    browser.fill("name", "Clicked Policy").await;
    browser.fill("ongoing", "90").await;
    browser.click("Save Policy").await;
    browser.sees("The policy was saved.").await;

    browser.click("Faults").await;
    browser.choose("kind", "http-status").await;
    browser.fill("status", "503").await;
    browser.click("Switch On").await;
    browser.sees("http-status: status 503").await;
    browser.click("Switches").await;
    browser.click("leaf-1").await;
    types(&browser, "license smart sync").await;
    browser.sees("COMM_FAILED").await;
    browser.click("Faults").await;
    browser.click("Switch Off").await;
    browser.sees("No fault is in force.").await;
    browser.click("Switches").await;
    browser.click("leaf-1").await;
    types(&browser, "license smart sync").await;
    browser.sees("COMM_RESTORED").await;
    browser.reload_until("Clicked Policy").await;
    line_with(&folder.path().join("log"), &["COMM_RESTORED"]).await;

    browser.click("Reports").await;
    browser.reload_until("acknowledged").await;
    browser.click("Switches").await;
    browser.click("leaf-1").await;
    types(&browser, "show license status").await;
    browser.sees("Policy name: Clicked Policy").await;
    is_healthy(&daemon, "Clicked Policy").await;

    browser.click("Accounts").await;
    browser.fill("virtual", "Other").await;
    browser.click("New Virtual Account").await;
    browser.click("Product Instances").await;
    browser.click("Inventory").await;
    browser.click("leaf-1").await;
    browser.choose("account", "Other").await;
    browser.click("Transfer").await;
    browser.sees("It was transferred to Other.").await;
    browser.click("Event Log").await;
    browser.sees("was transferred to Virtual Account Other").await;
    browser.close().await;
    daemon.end().await;
}

/// *Download All For Cisco* > *Uploading Usage Data to CSSM and Downloading an ACK* > *Upload From Cisco*; S-33e, S-45c.
#[tokio::test]
async fn the_file_round_of_a_disconnected_cslu_by_clicking() {
    let folder = tempfile::tempdir().unwrap();
    let Some(browser) = Browser::open(folder.path()).await else { return };
    let folder = folder.path();
    let path = |name: &str| folder.join(name).display().to_string();
    let (above, below, clock) = (path("above"), path("below"), path("cssm.ready"));
    let cssm = Daemon::start(folder, "cssm", &["cssm", "--state", &above, "--speed", "60"]).await;
    let args = ["cssm", "--role", "cslu", "--state", &below, "--clock-from", &clock];
    let cslu = Daemon::start(folder, "cslu", &args).await;
    let keys = format!("transport = \"cslu\"\nurl-cslu = \"{}\"", cslu.text("/urls/cslu"));
    let switch = Daemon::start(folder, "run", &process::switch(folder, &keys, &[&cssm, &cslu])).await;

    browser.goto(cslu.text("/urls/web")).await;
    browser.sees("not connected: files are carried").await;
    switch.show("license smart sync").await;
    browser.reload_until("Download All For Cisco").await;
    browser.reload_until("1 reports of 1 product instances").await;
    let bundle = browser.downloads(async |browser| browser.click("Download All For Cisco").await).await;
    assert!(bundle.file_name().unwrap().to_string_lossy().starts_with("UD_SA_"), "{bundle:?}");

    browser.goto(cssm.text("/urls/web")).await;
    browser.click("Reports").await;
    browser.attach(&bundle).await;
    browser.click("Upload Usage Data").await;
    browser.sees("Its ACK is ready").await;
    browser.sees("acknowledged").await;
    let ack = browser
        .downloads(async |browser| {
            browser.find("a[href^='/reports/files/']").await.click().await.unwrap();
        })
        .await;
    assert!(ack.file_name().unwrap().to_string_lossy().starts_with("ACK_UD_SA_"), "{ack:?}");

    browser.goto(cslu.text("/urls/web")).await;
    browser.attach(&ack).await;
    browser.click("Upload From Cisco").await;
    browser.sees("1 ACK files for 1 pushes, with a policy").await;
    let log = folder.join("log");
    line_with(&log, &["TRUST_CODE_INSTALL_SUCCESS"]).await;
    line_with(&log, &["POLICY_INSTALL_SUCCESS"]).await;
    is_healthy(&switch, "Example Policy").await;
    browser.close().await;
    for daemon in [switch, cslu, cssm] {
        daemon.end().await;
    }
}

/// *Downloading a Policy File from CSSM* > *Installing a File on the Switch*, and usage by file; S-33f, S-45d.
#[tokio::test]
async fn a_switch_without_any_connection_gets_everything_by_files_from_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let Some(browser) = Browser::open(folder.path()).await else { return };
    let folder = folder.path();
    let state = folder.join("cssm").display().to_string();
    let cssm = Daemon::start(folder, "c", &["cssm", "--state", &state]).await;
    let args = process::switch(folder, "hostname = \"leaf-1\"\ntransport = \"off\"", &[&cssm]);
    let switch = Daemon::start(folder, "r", &args).await;
    let flash = folder.join("run/files/N9K-C93180YC-FX3_FDO00000001/bootflash");
    std::fs::create_dir_all(&flash).unwrap();
    let log = folder.join("log");

    browser.goto(cssm.text("/urls/web")).await;
    browser.click("Lab").await;
    let policy = browser.downloads(async |browser| browser.click("Download Policy File").await).await;
    std::fs::copy(&policy, flash.join("policy.xml")).unwrap();
    assert_eq!(switch.show("license smart import policy.xml").await, "Import Data Successful\n");
    line_with(&log, &["POLICY_INSTALL_SUCCESS"]).await;

    for (save, file, answer) in [
        ("license smart save trust-request trust.txt", "trust.txt", "code.txt"),
        ("license smart save usage unreported file usage.txt", "usage.txt", "ack.txt"),
    ] {
        switch.show(save).await;
        browser.click("Reports").await;
        browser.attach(&flash.join(file)).await;
        browser.click("Upload Usage Data").await;
        browser.sees("Its ACK is ready").await;
        let back = browser
            .downloads(async |browser| {
                browser.find("a[href^='/reports/files/']").await.click().await.unwrap();
            })
            .await;
        std::fs::copy(&back, flash.join(answer)).unwrap();
        let installed = switch.show(&format!("license smart import {answer}")).await;
        assert_eq!(installed, "Import Data Successful\n", "{answer}");
    }
    is_healthy(&switch, "Example Policy").await;
    browser.close().await;
    switch.end().await;
    cssm.end().await;
}

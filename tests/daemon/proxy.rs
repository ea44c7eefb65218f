//! A switch behind a proxy that wants to know who it is (`spec/behaviour.md` §1 "proxy address, proxy port").

use slpsim_tests::Tinyproxy;

use crate::process::{Daemon, line_with};

const USER: &str = "robot-of-the-lab";
const PASSWORD: &str = "secret-of-the-lab";

/// Starts a switch with an embedded mock behind `proxy`, which is told `login`.
async fn behind(folder: &std::path::Path, proxy: &Tinyproxy, login: &str) -> Daemon {
    let toml = format!(
        "[device]\ntransport = \"smart\"\nproxy-address = \"proxy.example.com\"\nproxy-port = 3128\n{login}\n\
         [network.hosts]\n\"proxy.example.com\" = \"192.0.2.80\"\n\
         [network.routes]\n\"192.0.2.80:3128\" = \"{}\"\n\
         [mock]\n[[sink]]\nurl = \"file://{}\"\n",
        proxy.address,
        folder.join("log").display()
    );
    let file = folder.join("switch.toml");
    std::fs::write(&file, toml).unwrap();
    let (file, state) = (file.display().to_string(), folder.join("state").display().to_string());
    Daemon::start(folder, "run", &["-v", "run", "-c", &file, "--state", &state]).await
}

#[tokio::test]
async fn a_proxy_with_credentials_lets_the_switch_through_and_they_are_shown_nowhere() {
    let Some(proxy) = Tinyproxy::start(Some((USER, PASSWORD))).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let login = format!("proxy-user = \"{USER}\"\nproxy-password = \"{PASSWORD}\"");
    let switch = behind(folder, &proxy, &login).await;
    switch.show(&format!("license smart trust idtoken {} local", switch.text("/idtoken"))).await;
    line_with(&folder.join("log"), &["TRUST_CODE_INSTALL_SUCCESS"]).await;
    let shown = switch
        .show("show license all ; show license tech support ; show running-config ; show startup-config ; show license history message")
        .await;
    assert!(shown.contains("Address: proxy.example.com"), "{shown}");
    switch.end().await;
    let said = std::fs::read_to_string(folder.join("run.err")).unwrap();
    let log = std::fs::read_to_string(folder.join("log")).unwrap();
    for (place, text) in [("show", shown), ("stderr", said), ("log", log)] {
        for secret in [USER, PASSWORD, "cm9ib3Qtb2YtdGhlLWxhYjpz"] {
            assert!(!text.contains(secret), "{secret} in {place}");
        }
    }
}

#[tokio::test]
async fn without_credentials_or_with_wrong_ones_the_proxy_s_refusal_is_logged() {
    let Some(proxy) = Tinyproxy::start(Some((USER, PASSWORD))).await else { return };
    for login in ["", "proxy-user = \"robot\"\nproxy-password = \"guess\""] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let switch = behind(folder, &proxy, login).await;
        switch.show(&format!("license smart trust idtoken {} local", switch.text("/idtoken"))).await;
        let line = line_with(&folder.join("log"), &["COMM_FAILED"]).await;
        assert!(line.ends_with("HTTP server error 407: Proxy Authentication Required"), "{line}");
        switch.end().await;
    }
}

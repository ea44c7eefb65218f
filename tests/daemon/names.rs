//! A real name server, to which `[network.routes]` leads: whatever a switch resolves is asked there.

#[path = "../../transport/tests/client_carrier/name_server.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod name_server;

use hickory_server::proto::op::ResponseCode;

use self::name_server::{Answer, Zone};
use crate::process::{Daemon, stdout};

/// Starts a switch whose name server is `zone`; the names of the simulated network are others.
async fn switch(folder: &std::path::Path, zone: &Zone) -> (Daemon, impl Sized + use<>) {
    let (server, serving) = zone.serve().await;
    let toml = format!(
        "[device]\ntransport = \"off\"\n\
         [network]\nname-servers = [\"198.51.100.54\"]\nping = [\"192.0.2.77\", \"192.0.2.78\"]\n\
         ntp-servers = [\"192.0.2.123\"]\n\
         [network.hosts]\n\"simulated.example.com\" = \"192.0.2.77\"\n\
         [network.routes]\n\"198.51.100.54:53\" = \"{server}\"\n\
         [[sink]]\nurl = \"null:\"\n"
    );
    let file = folder.join("switch.toml");
    std::fs::write(&file, toml).unwrap();
    let (file, state) = (file.display().to_string(), folder.join("state").display().to_string());
    (Daemon::start(folder, "run", &["run", "-c", &file, "--state", &state]).await, serving)
}

#[tokio::test]
async fn ping_and_nslookup_ask_the_real_name_server_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let zone = Zone::default();
    zone.set("host.example.com", Answer::Addresses(vec!["192.0.2.77".parse().unwrap()], 0));
    zone.set("sick.example.com", Answer::Code(ResponseCode::ServFail));
    let (switch, _serving) = switch(folder.path(), &zone).await;
    let answer = switch.show("ping host.example.com").await;
    assert!(answer.contains("to 192.0.2.77, timeout") && answer.contains("\n!!!!!\n"), "{answer}");
    assert_eq!(zone.names_asked(), ["host.example.com"]);
    let answer = switch.show("nslookup host.example.com | json").await;
    assert!(answer.contains("\"address\": \"192.0.2.77\""), "{answer}");
    // Its address changes, and it holds for no time.
    zone.set("host.example.com", Answer::Addresses(vec!["192.0.2.78".parse().unwrap()], 0));
    assert!(switch.show("ping host.example.com").await.contains("to 192.0.2.78, timeout"));
    // With the domain name appended, in one session.
    let answer = switch.show("configure terminal ; ip domain name example.com ; end ; ping host").await;
    assert!(answer.contains("to 192.0.2.78, timeout"), "{answer}");
    for (name, why) in [
        ("simulated.example.com", "the name does not exist (NXDOMAIN)"),
        ("sick.example.com", "answered Server Failure"),
    ] {
        let refused = switch.exec(&format!("ping {name}")).await;
        let text = stdout(&refused);
        assert!(refused.status.code() == Some(1) && text.contains(why), "{text}");
        assert!(text.starts_with(&format!("% Invalid host/interface {name}: ")), "{text}");
    }
    switch.end().await;
}

#[tokio::test]
async fn a_time_server_by_name_is_found_through_the_real_name_server_and_sets_the_clock() {
    let folder = tempfile::tempdir().unwrap();
    let zone = Zone::default();
    zone.address("clock.example.com", "192.0.2.123");
    let (switch, _serving) = switch(folder.path(), &zone).await;
    switch.show("clock set 03:00:00 1 January 2031").await;
    assert!(switch.show("show clock").await.contains(" 2031\n"));
    switch.show("configure terminal ; ntp server clock.example.com use-vrf management").await;
    // The name server is asked beside the session.
    while !switch.show("show ntp status").await.contains("Server clock.example.com: reachable") {}
    assert!(!switch.show("show clock").await.contains(" 2031\n"));
    switch.end().await;
}

#[tokio::test]
async fn a_log_server_by_name_is_found_through_the_real_name_server() {
    let folder = tempfile::tempdir().unwrap();
    let zone = Zone::default();
    zone.address("log.example.com", "127.0.0.1");
    let receiver = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (switch, _serving) = switch(folder.path(), &zone).await;
    let port = receiver.local_addr().unwrap().port();
    switch.show(&format!("configure terminal ; logging server log.example.com 6 port {port}")).await;
    let bootflash = folder.path().join("state/files/N9K-C93180YC-FX3_FDO00000001/bootflash");
    std::fs::create_dir_all(&bootflash).unwrap();
    std::fs::write(bootflash.join("bad.txt"), "<smartLicensePolicy>").unwrap();
    // Each import logs a line; one of them comes behind the name server's answer.
    let log = async { while switch.exec("license smart import bad.txt").await.status.code() == Some(1) {} };
    let mut line = [0; 1024];
    let length = tokio::select! {
        received = receiver.recv(&mut line) => received.unwrap(),
        () = log => panic!("the import of a bad file succeeds"),
    };
    let line = std::str::from_utf8(&line[..length]).unwrap();
    assert!(line.contains("LOG_SMART_LIC_POLICY_INSTALL_FAILED"), "{line}");
    switch.end().await;
}

//! Starting, stopping, starting again; slow and silent clients.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use slpsim_agent::Request;
use slpsim_cssm::server::{Server, ServerConfig, StartError, StoreChoice, SystemClock};
use slpsim_transport::message::StatusWord;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Device, World, client};

#[tokio::test]
async fn keys_and_certificates_outlive_a_restart_and_are_nobody_elses() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let config = || ServerConfig {
        store: Some(StoreChoice::Folder(dir.path().join("mock"))),
        ..ServerConfig::default()
    };
    let first = World::with(config()).await;
    let ca_pem = first.server.ca_pem.clone();
    let token = first.token();
    first.server.shutdown().await;
    for file in ["licensing.pem", "tls-ca.pem"] {
        let mode = std::fs::metadata(dir.path().join("mock").join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert_eq!(std::fs::read_to_string(dir.path().join("mock/ca.pem")).unwrap(), ca_pem);
    let second = World::with(ServerConfig { idtoken: Some(token), ..config() }).await;
    assert_eq!(second.server.ca_pem, ca_pem);
    let mut device = Device::new(&second, 1);
    device.gets_trust(&second).await;
    second.server.shutdown().await;
    std::fs::write(dir.path().join("mock/licensing.pem"), "nonsense").unwrap();
    let refused = Server::start(config(), std::sync::Arc::new(SystemClock)).await.unwrap_err();
    assert!(refused.to_string().contains("licensing.pem is damaged"), "{refused}");
}

#[tokio::test]
async fn the_certificate_has_the_documented_names_and_those_asked_for() {
    let world =
        World::with(ServerConfig { tls_names: vec!["cssm.example.com".into()], ..ServerConfig::default() })
            .await;
    let port = world.server.urls.smart.rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned();
    let here = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
    for name in ["smartreceiver.cisco.com", "tools.cisco.com", "cslu-local", "localhost", "cssm.example.com"]
    {
        let http = named(&world.server.ca_pem, name, here);
        let response = http.get(format!("https://{name}:{port}/")).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 404, "{name}");
    }
    let http = named(&world.server.ca_pem, "other.example.com", here);
    assert!(http.get(format!("https://other.example.com:{port}/")).send().await.is_err());
    let stranger = World::new().await;
    let other = client(&stranger.server.ca_pem);
    assert!(other.get(&world.server.urls.smart).send().await.is_err(), "another CA vouches for nothing here");
}

fn named(ca_pem: &str, name: &str, to: SocketAddr) -> reqwest::Client {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    for certificate in
        <rustls::pki_types::CertificateDer<'_> as rustls::pki_types::pem::PemObject>::pem_slice_iter(
            ca_pem.as_bytes(),
        )
    {
        roots.add(certificate.unwrap()).unwrap();
    }
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().resolve(name, to).build().unwrap()
}

#[tokio::test]
async fn addresses_that_others_can_reach_are_refused_unless_asked_for() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    for config in [
        ServerConfig { listen: everywhere, ..ServerConfig::default() },
        ServerConfig { listen_plain: everywhere, ..ServerConfig::default() },
        ServerConfig { listen_manage: everywhere, ..ServerConfig::default() },
    ] {
        let refused = Server::start(config, std::sync::Arc::new(SystemClock)).await.unwrap_err();
        assert!(matches!(refused, StartError::Remote(_)), "{refused}");
    }
    let open = ServerConfig {
        listen_manage: everywhere,
        allow_remote: true,
        manage_open: true,
        ..ServerConfig::default()
    };
    let refused = Server::start(open, std::sync::Arc::new(SystemClock)).await.unwrap_err();
    assert!(matches!(refused, StartError::OpenToAll(_)), "{refused}");
    let taken = World::new().await;
    let address = taken.server.urls.manage.trim_start_matches("http://").trim_end_matches("/mock/v1");
    let config = ServerConfig { listen: address.parse().unwrap(), ..ServerConfig::default() };
    let refused = Server::start(config, std::sync::Arc::new(SystemClock)).await.unwrap_err();
    assert!(refused.to_string().starts_with("cannot listen on 127.0.0.1:"), "{refused}");
}

#[tokio::test]
async fn a_shutdown_ends_even_stalled_exchanges_and_frees_the_ports() {
    let world = World::new().await;
    let cslu = world.server.urls.cslu.clone();
    world.ok("POST", "faults", Some(json!({"kind": "stall"}))).await;
    let mut device = Device::new(&world, 1);
    let message = device.message(&world, &Request::Hello);
    let body = device.encode(&message);
    let http = world.http.clone();
    let url = cslu.clone();
    let stalled = tokio::spawn(async move { crate::client::post(&http, &url, body).await });
    loop {
        let last = world.ok("GET", "requests", None).await;
        if last[0]["answer"] == "stalled" {
            break;
        }
        tokio::task::yield_now().await;
    }
    tokio::time::timeout(Duration::from_secs(2), world.server.shutdown()).await.expect("within two seconds");
    assert!(stalled.await.unwrap().is_err());
    let address: SocketAddr =
        cslu.trim_start_matches("http://").trim_end_matches("/cslu/v1/pi").parse().unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

/// A daemon that is started again finds its devices known: nobody has to ask for trust anew.
#[tokio::test]
async fn what_a_mock_knows_outlives_a_restart_and_a_line_cut_by_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        || ServerConfig { store: Some(StoreChoice::Journal(dir.path().into())), ..ServerConfig::default() };
    let first = World::with(config()).await;
    let smart = first.server.urls.smart.clone();
    let mut device = Device::new(&first, 1);
    device.gets_trust(&first).await;
    let poll_id = device.reports(&first, &smart, &[1]).await;
    first.ok("PUT", "policies/Lab", Some(json!({"name": "P", "first": 10}))).await;
    let made = first.ok("POST", "tokens", Some(json!({"virtual_account": "Other"}))).await;
    let mut other = Device::new(&first, 2);
    other.reports(&first, &first.server.urls.cslu.clone(), &[1]).await;
    first.ok("DELETE", "devices/FDO00000002", None).await;
    let (token, lines) = (first.token(), first.server.shared().with(|cssm| cssm.export()));
    // No clean end: the process is gone.
    drop(first);
    let records = dir.path().join("records.jsonl");
    let mut torn = std::fs::read(&records).unwrap();
    torn.extend_from_slice(b"{\"device\":{\"pid\"");
    std::fs::write(&records, torn).unwrap();

    let second = World::with(config()).await;
    assert_eq!(second.token(), token, "the id token of before");
    let mut before: Vec<_> = lines;
    let mut after: Vec<_> = second.server.shared().with(|cssm| cssm.export());
    before.sort_unstable();
    after.sort_unstable();
    assert_eq!(after, before);
    let smart = second.server.urls.smart.clone();
    let answer = device.says(&second, &smart, &Request::Poll { poll_id }).await.unwrap();
    assert_eq!(answer.status, StatusWord::Ok, "{}", answer.status_message);
    let ack = answer.data.ack.unwrap().object.unwrap();
    assert_eq!(ack.policy.unwrap().object.unwrap().policy.name, "P");
    // Its signature is still checked, with the key from its certificate request.
    let mut message = device.message(&second, &Request::TrustSync);
    let body = device.encode(&message);
    message.header.nonce = 5.into();
    let forged = device.encode(&message);
    let swap = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let mut forged = swap(&forged);
    forged["signature"] = swap(&body)["signature"].clone();
    let raw = crate::client::post(&second.http, &smart, forged.to_string()).await.unwrap();
    assert_eq!(raw.rule.as_deref(), Some("signature"));
    let mut third = Device::new(&second, 3);
    let units = third.sender.units.clone();
    let made = slpsim_agent::Token::new(made["idtoken"].as_str().unwrap()).unwrap();
    let answer =
        third.says(&second, &smart, &Request::Trust { token: made, force: false, units }).await.unwrap();
    assert_eq!(answer.data.account.unwrap().r#virtual, "Other");

    drop(second);
    std::fs::write(&records, "{\"device\":{}}\n").unwrap();
    let refused = Server::start(config(), std::sync::Arc::new(SystemClock)).await.unwrap_err();
    assert!(refused.to_string().contains("records.jsonl is damaged: line 1: "), "{refused}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused_with_its_rule() {
    let config = ServerConfig { body_time: Duration::from_millis(50), ..ServerConfig::default() };
    let world = World::with(config).await;
    let address = world.server.urls.cslu.trim_start_matches("http://").trim_end_matches("/cslu/v1/pi");
    let mut slow = TcpStream::connect(address).await.unwrap();
    let head = "POST /cslu/v1/pi HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"rule\":\"body-time\""), "{answer}");
    assert_eq!(world.last_rule().await.as_deref(), Some("body-time"));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_others_served() {
    let world = World::with(ServerConfig { connections: 2, ..ServerConfig::default() }).await;
    let address =
        world.server.urls.cslu.trim_start_matches("http://").trim_end_matches("/cslu/v1/pi").to_owned();
    let first = TcpStream::connect(&address).await.unwrap();
    let second = TcpStream::connect(&address).await.unwrap();
    let mut third = TcpStream::connect(&address).await.unwrap();
    let _ = third.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut answer = Vec::new();
    let read = third.read_to_end(&mut answer).await;
    assert!(read.is_err() || answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
    drop((first, second));
    let mut device = Device::new(&world, 1);
    let cslu = world.server.urls.cslu.clone();
    let mut tries = 0;
    let status = loop {
        // The server notices closed connections in its own time.
        match device.raw(&world, &cslu, &Request::Hello).await {
            Ok(raw) => break raw.status,
            Err(error) => {
                tries += 1;
                assert!(tries < 1000, "{error}");
                tokio::task::yield_now().await;
            }
        }
    };
    assert_eq!(status, 200);
    let answer = device.says(&world, &cslu, &Request::Hello).await.unwrap();
    assert_eq!(answer.status, StatusWord::Ok);
}

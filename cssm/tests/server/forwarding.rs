//! Store and forward in trouble: what becomes of reports when the CSSM above a CSLU fails in one way or another
//! (`spec/behaviour.md` §12).

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};
use slpsim_agent::{ReportId, ReportVerdict, Request};
use slpsim_cssm::server::{ServerConfig, Upstream};
use slpsim_cssm::{Config, Role};
use tokio::time::timeout;

use crate::client::{Device, World};

const PATIENCE: Duration = Duration::from_secs(20);

async fn cslu(url: &str, ca_pem: Option<&str>) -> World {
    let mock = Config { role: Role::Cslu, connected: false, ..Config::default() };
    let upstream = Some(Upstream { url: url.into(), ca_pem: ca_pem.map(Into::into) });
    World::with(ServerConfig { mock, seed: Some(8), upstream, ..ServerConfig::default() }).await
}

/// Returns when `GET path` of a mock fulfils `expected`.
async fn until(world: &World, path: &str, expected: impl Fn(&Value) -> bool) -> Value {
    let wait = async {
        loop {
            let view = world.ok("GET", path, None).await;
            if expected(&view) {
                return view;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{path} stays as it was"))
}

#[tokio::test]
async fn a_device_that_cssm_has_forgotten_between_upload_and_ack_is_uploaded_again() {
    let cssm = World::new().await;
    let cslu = cslu(&cssm.server.urls.smart, Some(&cssm.server.ca_pem)).await;
    let door = cslu.server.urls.cslu.clone();
    cssm.ok("PUT", "ack-mode", Some(json!({"mode": "manual"}))).await;
    let mut device = Device::new(&cslu, 1);
    let poll_id = device.reports(&cslu, &door, &[1]).await;
    until(&cssm, "reports", |reports| *reports != json!([])).await;
    cssm.ok("DELETE", "devices/FDO00000001", None).await;
    cssm.ok("PUT", "ack-mode", Some(json!({"mode": "at-once"}))).await;
    cslu.ok("POST", "upstream/retry", None).await;
    timeout(PATIENCE, cslu.server.forwarded()).await.expect("the ACK comes back");
    let answer = device.says(&cslu, &door, &Request::Poll { poll_id }).await.unwrap();
    let ack = answer.data.ack.unwrap().object.unwrap();
    assert_eq!(ack.reports, [(ReportId(1), ReportVerdict::Acknowledged)]);
}

#[tokio::test]
async fn devices_whose_uploads_fail_do_not_keep_the_others_from_their_acks() {
    let cssm = World::new().await;
    let cslu = cslu(&cssm.server.urls.smart, Some(&cssm.server.ca_pem)).await;
    let door = cslu.server.urls.cslu.clone();
    let bad: Vec<String> = (1..=8).map(|n| format!("FDO{n:08}")).collect();
    for status in [503, 500] {
        let fault = json!({"kind": "http-status", "status": status, "devices": bad, "purpose": "usage"});
        cssm.ok("POST", "faults", Some(fault)).await;
        for n in 1..=12 {
            Device::new(&cslu, n).reports(&cslu, &door, &[status]).await;
        }
        let view = until(&cslu, "upstream", |view| view["waiting_devices"] == 8).await;
        assert!(view["delivered"].as_u64().unwrap() >= 4, "{view}");
        cssm.ok("DELETE", "faults", None).await;
        cslu.ok("POST", "upstream/retry", None).await;
        timeout(PATIENCE, cslu.server.forwarded()).await.expect("all of them get through");
    }
}

/// A server that answers every connection with these bytes and closes it. It ends with the test.
fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]).and_then(|_| stream.write_all(bytes));
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn an_operator_reads_what_is_wrong_with_the_way_up() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cssm = World::new().await;
    for (url, words) in [
        (format!("http://{free}"), "upstream: connection refused; does it run, and at that port?"),
        (cssm.server.urls.smart.clone(), "upstream: TLS: invalid peer certificate: UnknownIssuer"),
        (answering(b""), "upstream: it closed the connection before its answer was there"),
        (answering(b"220 mail.example.com ESMTP\r\n"), "upstream: it answers something that is not HTTP"),
    ] {
        let cslu = cslu(&url, None).await;
        let door = cslu.server.urls.cslu.clone();
        Device::new(&cslu, 1).reports(&cslu, &door, &[1]).await;
        let view = until(&cslu, "upstream", |view| !view["trouble"].is_null()).await;
        let trouble = view["trouble"].as_str().unwrap();
        assert!(trouble.starts_with(words), "{url}: {trouble}");
    }
}

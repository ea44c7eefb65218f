//! The transports with a format of their own: what each end of an exchange means for the agent.

use std::sync::Arc;

use slpsim_agent::profile::ProfileId;
use slpsim_agent::{Capabilities, Failure, Request, Role, Sender, Status, Token, Udi, Unit};
use slpsim_policy::Wall;
use slpsim_transport::client::{
    CarryError, Cslu, Decoded, Encoded, Exchanged, Format, Link, NoWay, Off, Smart, Transport, Way,
};
use slpsim_transport::{ConnectInfo, DeviceMessage, Nonce, ServerMessage, StatusWord};

use crate::peer::{Act, Authority, Peer, nobody};
use crate::{NOW, carrier};

/// Asks with the nonce alone; an answer is a nonce and nothing else.
struct Numbers;

impl Format for Numbers {
    fn content_type(&self) -> &'static str {
        "text/plain"
    }

    fn encode(&self, message: DeviceMessage) -> Result<Encoded, CarryError> {
        assert_eq!(message.header.timestamp, Wall::from_secs(NOW));
        let text = message.header.nonce.to_string();
        Ok(Encoded { body: text.clone().into_bytes(), text })
    }

    fn decode(&self, body: &[u8]) -> Decoded {
        let text = String::from_utf8_lossy(body).into_owned();
        let result = if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let (nonce, stamp) = (Nonce::parse(&text), Wall::from_secs(NOW));
            let kind = slpsim_agent::Purpose::Hello.into();
            Ok(ServerMessage::bare(nonce, kind, stamp, ConnectInfo::CSSM, StatusWord::Ok))
        } else {
            Err(CarryError::new(Failure::BadSignature, "not signed"))
        };
        Decoded { result, text: Some(text) }
    }
}

fn link(real: std::net::SocketAddr) -> Link {
    Link { carrier: carrier(real), format: Arc::new(Numbers), nonces: Arc::new(|| Some(7)) }
}

fn sender() -> Sender {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    let profile = ProfileId::Nexus9000.profile();
    let units = vec![Unit { role: Role::Active, udi }];
    Sender {
        udi,
        units,
        identity: None,
        standby_identity: None,
        profile,
        hostname: None,
        send_version: true,
        custom_id: None,
    }
}

const URL: &str = "http://license.example.com/licservice/license";

async fn ask(transport: &dyn Transport) -> Exchanged {
    transport.exchange(&Request::Hello, &sender()).await
}

fn saying(body: &str) -> Act {
    Act::Say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).leak())
}

#[tokio::test]
async fn an_answer_with_the_nonce_becomes_a_reply() {
    let peer = Peer::plain(saying("7")).await;
    let exchanged = ask(&Smart { link: link(peer.address), url: URL.to_owned() }).await;
    let reply = exchanged.result.unwrap();
    assert_eq!((reply.status, reply.stamp), (Status::Ok, Wall::from_secs(NOW)));
    assert!(reply.capabilities.contains(Capabilities::POLICY_USAGE));
    assert_eq!(exchanged.sent.as_deref(), Some("7"));
    assert_eq!(exchanged.received.as_deref(), Some("7"));
    assert_eq!(exchanged.detail, None);
    let request = peer.seen().await.request;
    assert!(request.starts_with("POST /licservice/license HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: text/plain\r\n") && request.ends_with("\r\n\r\n7"), "{request}");
}

#[tokio::test]
async fn an_answer_that_is_not_authentic_is_a_failure_with_its_text_kept() {
    let table = [("8", Failure::NonceMismatch), ("something else", Failure::BadSignature)];
    for (body, failure) in table {
        let peer = Peer::plain(saying(body)).await;
        let exchanged = ask(&Smart { link: link(peer.address), url: URL.to_owned() }).await;
        assert_eq!(exchanged.result, Err(failure));
        assert_eq!(exchanged.received.as_deref(), Some(body));
        assert!(exchanged.detail.is_some());
    }
}

#[tokio::test]
async fn what_ends_before_an_answer_has_no_received_text() {
    let exchanged = ask(&Smart { link: link(nobody().await), url: URL.to_owned() }).await;
    assert_eq!(exchanged.result, Err(Failure::Unreachable));
    assert_eq!((exchanged.sent.as_deref(), exchanged.received), (Some("7"), None));

    let exchanged = ask(&Smart { link: link(nobody().await), url: String::new() }).await;
    assert_eq!(exchanged.result.unwrap_err().to_string(), "No URL is configured");
    assert_eq!(exchanged.sent, None);

    let mut silent = link(nobody().await);
    silent.nonces = Arc::new(|| None);
    let exchanged = ask(&Smart { link: silent, url: URL.to_owned() }).await;
    assert_eq!(exchanged.result, Err(Failure::NotBuilt));

    let mut outside = link(nobody().await);
    outside.carrier.network = Arc::new(|_: &str, _: u16| Ok(Way::Unmapped));
    let exchanged = ask(&Smart { link: outside, url: URL.to_owned() }).await;
    assert_eq!((exchanged.result, exchanged.refused), (Err(Failure::Resolve), true));
}

#[tokio::test]
async fn a_cslu_found_by_discovery_gets_the_same_message() {
    for known in ["cslu-local", "cslu-local.example.com"] {
        let peer = Peer::plain(saying("7")).await;
        let real = peer.address;
        let mut link = link(real);
        link.carrier.network = Arc::new(move |host: &str, port: u16| {
            if (host, port) == (known, 8182) {
                Ok(Way::Mapped(real))
            } else {
                Err(NoWay::Name("NXDOMAIN".into()))
            }
        });
        let cslu = Cslu { link, url: Cslu::DISCOVERY.to_owned(), domain: Some("example.com".to_owned()) };
        assert!(ask(&cslu).await.result.is_ok(), "{known}");
        let request = peer.seen().await.request;
        assert!(request.starts_with("POST /cslu/v1/pi HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("\r\nhost: {known}:8182\r\n")), "{request}");
    }
}

/// `spec/formats.md` §12: an SSM On-Prem behind a CSLU URL, with its tenant, over HTTP and HTTPS.
#[tokio::test]
async fn an_on_prem_behind_a_cslu_url_is_asked_for_its_tenant() {
    let authority = Authority::new();
    let paths = [
        ("/cslu/v1/pi/Example%20SA-1", "/cslu/v1/pi/Example%20SA-1"),
        ("/cslu/v1/pi/Example SA-2", "/cslu/v1/pi/Example%20SA-2"),
        ("/cslu/v1/pi", "/cslu/v1/pi"),
    ];
    for (path, asked) in paths {
        for scheme in ["http", "https"] {
            let tls = authority.server(&["onprem.example.com"], NOW - 1000..NOW + 1000);
            let peer = if scheme == "https" {
                Peer::secure(saying("7"), tls).await
            } else {
                Peer::plain(saying("7")).await
            };
            let mut link = link(peer.address);
            link.carrier.anchors = authority.anchors();
            let url = format!("{scheme}://onprem.example.com{path}");
            let exchanged = ask(&Cslu { link, url: url.clone(), domain: None }).await;
            assert!(exchanged.result.is_ok(), "{url}: {:?}", exchanged.detail);
            let request = peer.seen().await.request;
            assert!(request.starts_with(&format!("POST {asked} HTTP/1.1\r\n")), "{request}");
            assert!(request.contains("\r\nhost: onprem.example.com\r\n"), "{request}");
        }
    }
}

#[tokio::test]
async fn a_cslu_that_discovery_does_not_find_is_a_name_that_does_not_resolve() {
    let mut link = link(nobody().await);
    link.carrier.network = Arc::new(|_: &str, _: u16| Err(NoWay::Name("no name server".into())));
    let cslu = Cslu { link, url: Cslu::DISCOVERY.to_owned(), domain: Some("example.com".to_owned()) };
    let exchanged = ask(&cslu).await;
    assert_eq!(exchanged.result.unwrap_err().to_string(), "Unable to resolve server hostname/domain name");
    let detail = exchanged.detail.unwrap();
    assert!(detail.contains("cslu-local does") && detail.contains("cslu-local.example.com does"), "{detail}");
}

#[tokio::test]
async fn transport_off_never_sends() {
    let exchanged = ask(&Off).await;
    assert_eq!(exchanged.result.unwrap_err().to_string(), "The transport type needed is not configured");
    assert_eq!((exchanged.sent, exchanged.received), (None, None));
}

#[tokio::test]
async fn no_debug_output_of_an_exchange_holds_its_texts() {
    let peer = Peer::plain(saying("7")).await;
    let smart = Smart { link: link(peer.address), url: URL.to_owned() };
    let token = Token::new("EXAMPLETOKEN0001").unwrap();
    let request = Request::Trust { token, force: false, units: Vec::new() };
    let exchanged = smart.exchange(&request, &sender()).await;
    let debug = format!("{exchanged:?} {smart:?}");
    assert!(debug.contains("sent_bytes: Some(1)") && !debug.contains("EXAMPLETOKEN"), "{debug}");
}

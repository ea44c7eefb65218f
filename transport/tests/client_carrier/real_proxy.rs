//! Through tinyproxy, a proxy that others wrote (`license smart proxy`).

use std::sync::Arc;

use slpsim_tests::Tinyproxy;
use slpsim_transport::client::{Credentials, NoWay, Proxy, Way};

use crate::peer::{Act, Authority, Peer, nobody};
use crate::{NAME, NOW, carrier, plain, secure};

const OK: Act = Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
const PROXY: &str = "HTTP server error 407: Proxy Authentication Required";

/// What became of an exchange, and what the peer behind the proxy saw of it.
async fn through(
    proxy: &Tinyproxy,
    credentials: Option<(&str, &str)>,
    tls: bool,
) -> (String, Option<String>) {
    let authority = Authority::new();
    let server = authority.server(&[NAME], NOW - 1000..NOW + 1000);
    let peer = if tls { Peer::secure(OK, server).await } else { Peer::plain(OK).await };
    let (real, proxy_at) = (peer.address, proxy.address);
    let mut carrier = carrier(real);
    carrier.anchors = authority.anchors();
    carrier.network = Arc::new(move |host: &str, port: u16| match (host, port) {
        ("proxy.example.com", 3128) => Ok(Way::Mapped(proxy_at)),
        (NAME, _) => Ok(Way::Mapped(real)),
        _ => Err(NoWay::Name("NXDOMAIN".to_owned())),
    });
    let proxy = Proxy::new("proxy.example.com", 3128);
    carrier.proxy = Some(match credentials {
        Some((user, password)) => proxy.with_credentials(Credentials::new(user, password).unwrap()),
        None => proxy,
    });
    let call = if tls { secure() } else { plain() };
    match carrier.post(&call).await {
        Ok(answer) => (answer.status.to_string(), Some(peer.seen().await.request)),
        Err(error) => (error.failure.to_string(), None),
    }
}

#[tokio::test]
async fn a_real_proxy_carries_both_kinds_of_url() {
    let Some(proxy) = Tinyproxy::start(None).await else { return };
    for (tls, host) in [(false, "license.example.com:8182"), (true, "license.example.com")] {
        let (outcome, seen) = through(&proxy, None, tls).await;
        assert_eq!(outcome, "200", "tls {tls}");
        let seen = seen.unwrap().to_ascii_lowercase();
        // Inside the tunnel the peer sees what it sees without a proxy; for plain HTTP the proxy makes the name anew
        // from the address that it was given (RFC 9112 §3.2.2).
        if tls {
            assert!(seen.contains(&format!("\r\nhost: {host}\r\n")), "{seen}");
            assert!(!seen.contains("proxy"), "{seen}");
        }
        assert!(seen.starts_with("post /") && seen.ends_with("{\"hello\":1}"), "{seen}");
    }
}

#[tokio::test]
async fn a_real_proxy_that_wants_credentials_gets_the_right_ones_or_refuses() {
    let Some(proxy) = Tinyproxy::start(Some(("robot", "secret"))).await else { return };
    let right = Some(("robot", "secret"));
    let wrong = Some(("robot", "guess"));
    for (credentials, tls, expected) in [
        (None, false, PROXY),
        (None, true, PROXY),
        // This proxy answers 401 to wrong ones; in a tunnel any refusal is the proxy's.
        (wrong, false, "HTTP server error 401: Unauthorized"),
        (wrong, true, PROXY),
        (right, false, "200"),
        (right, true, "200"),
    ] {
        let (outcome, seen) = through(&proxy, credentials, tls).await;
        assert_eq!(outcome, expected, "{credentials:?} tls {tls}");
        if let Some(seen) = seen {
            assert!(!seen.to_ascii_lowercase().contains("proxy-authorization"), "{seen}");
        }
    }
}

#[tokio::test]
async fn a_real_proxy_that_does_not_reach_the_peer_says_so() {
    let Some(proxy) = Tinyproxy::start(None).await else { return };
    for (call, expected) in [(plain(), "HTTP server error 500: Internal Server Error"), (secure(), PROXY)] {
        let (real, proxy_at) = (nobody().await, proxy.address);
        let mut carrier = carrier(real);
        carrier.network = Arc::new(move |host: &str, _: u16| {
            Ok(Way::Mapped(if host == "proxy.example.com" { proxy_at } else { real }))
        });
        carrier.proxy = Some(Proxy::new("proxy.example.com", 3128));
        assert_eq!(carrier.post(&call).await.unwrap_err().failure.to_string(), expected);
    }
}

//! Through an HTTP proxy (`license smart proxy`).

use std::sync::Arc;

use slpsim_transport::client::{NoWay, Proxy, Way};

use crate::peer::{Act, Authority, Peer, nobody};
use crate::{NAME, NOW, carrier, plain, secure};

const PROXY: &str = "HTTP server error 407: Proxy Authentication Required";

#[tokio::test]
async fn a_proxy_that_refuses_connect_has_its_text() {
    let table = [
        ("asks for credentials", "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"),
        ("forbids", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
        ("does not reach the peer", "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
        ("closes", ""),
        ("speaks something else", "SSH-2.0-OpenSSH_9.9\r\n"),
    ];
    for (what, answer) in table {
        let peer = Peer::plain(Act::Say(answer)).await;
        let mut carrier = carrier(peer.address);
        carrier.proxy = Some(Proxy::new("proxy.example.com", 3128));
        let error = carrier.post(&secure()).await.unwrap_err();
        assert_eq!(error.failure.to_string(), PROXY, "{what}: {error}");
        // A mapped name never gets to a proxy, which would look for the real one.
        let request = peer.seen().await.request;
        assert!(request.starts_with("CONNECT 127.0.0.1:") && !request.contains(NAME), "{request}");
    }
}

#[tokio::test]
async fn a_proxy_that_wants_credentials_for_plain_http_has_the_same_text() {
    let peer = Peer::plain(Act::Say("HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")).await;
    let mut carrier = carrier(peer.address);
    carrier.proxy = Some(Proxy::new("proxy.example.com", 3128));
    assert_eq!(carrier.post(&plain()).await.unwrap_err().failure.to_string(), PROXY);
    let request = peer.seen().await.request;
    assert!(request.starts_with("POST http://127.0.0.1:"), "{request}");
    assert!(request.contains("\r\nhost: license.example.com:8182\r\n"), "{request}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_and_one_without_address_differ() {
    let mut carrier = carrier(nobody().await);
    carrier.proxy = Some(Proxy::new("proxy.example.com", 3128));
    assert_eq!(carrier.post(&secure()).await.unwrap_err().failure.to_string(), "Communications failure");

    let real = nobody().await;
    carrier.network =
        Arc::new(
            move |host: &str, _: u16| {
                if host == NAME { Ok(Way::Mapped(real)) } else { Err(NoWay::Name("NXDOMAIN".to_owned())) }
            },
        );
    assert_eq!(carrier.post(&secure()).await.unwrap_err().failure.to_string(), "Communications init failure");
}

/// The proxy is given the real address, yet it is the configured name that the certificate has to carry.
#[tokio::test]
async fn an_exchange_through_a_proxy_checks_the_configured_name() {
    let authority = Authority::new();
    for (name, good) in [(NAME, true), ("127.0.0.1", false)] {
        let server = authority.server(&[name], NOW - 1000..NOW + 1000);
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        let peer = Peer::tunnel(Act::Say(answer), server).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = authority.anchors();
        carrier.proxy = Some(Proxy::new("proxy.example.com", 3128));
        let result = carrier.post(&secure()).await;
        assert_eq!(result.is_ok(), good, "{name}: {result:?}");
    }
}

/// Where others may be reached, a name that nothing maps is the proxy's to look up.
#[tokio::test]
async fn a_name_outside_is_left_to_the_proxy_where_that_is_allowed() {
    let peer = Peer::plain(Act::Say("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")).await;
    let proxy = peer.address;
    let mut carrier = carrier(proxy);
    carrier.proxy = Some(Proxy::new("proxy.example.com", 3128));
    carrier.network = Arc::new(move |host: &str, _: u16| {
        Ok(if host == "proxy.example.com" { Way::Mapped(proxy) } else { Way::Unmapped })
    });
    let error = carrier.post(&secure()).await.unwrap_err();
    assert!(error.refused, "{error}");
    carrier.allow_external = true;
    assert_eq!(carrier.post(&secure()).await.unwrap_err().failure.to_string(), PROXY);
    let request = peer.seen().await.request;
    assert!(request.starts_with("CONNECT license.example.com:443 HTTP/1.1\r\n"), "{request}");
}

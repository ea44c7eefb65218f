//! Certificates are judged by the device's clock and the configured name, against configured roots only.

use std::sync::Arc;

use rustls::HandshakeKind;
use slpsim_agent::Failure;
use slpsim_policy::Wall;
use slpsim_transport::client::Anchors;

use crate::peer::{Act, Authority, Peer};
use crate::{NAME, NOW, call, carrier, secure};

const OK: Act = Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
const YEAR: i64 = 365 * 86_400;

/// `spec/behaviour.md` §9: never by the host's clock. None of these years is the host's.
#[tokio::test]
async fn one_certificate_is_early_good_and_expired_by_the_clock_of_the_device() {
    let authority = Authority::new();
    let begin = 4_000_000_000;
    let server = authority.server(&[NAME], begin..begin + YEAR);
    let table = [
        (begin - 1, Err(Failure::TlsCertificate)),
        (begin, Ok(200)),
        (begin + YEAR, Ok(200)),
        (begin + YEAR + 1, Err(Failure::TlsCertificate)),
        (-1, Err(Failure::TlsCertificate)),
    ];
    for (clock, expected) in table {
        let peer = Peer::secure(OK, server.clone()).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = authority.anchors();
        carrier.clock = Arc::new(move || Wall::from_secs(clock));
        let status = carrier.post(&secure()).await.map(|answer| answer.status);
        assert_eq!(status.map_err(|error| error.failure), expected, "{clock}");
    }
}

#[tokio::test]
async fn without_configured_roots_nobody_is_trusted() {
    let authority = Authority::new();
    let server = authority.server(&[NAME, "192.168.0.1"], NOW - YEAR..NOW + YEAR);
    for url in [secure().url, "https://192.168.0.1/licservice/license".to_owned()] {
        let peer = Peer::secure(OK, server.clone()).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = Anchors::none();
        assert_eq!(carrier.post(&call(&url)).await.unwrap_err().failure, Failure::TlsCertificate, "{url}");
    }
}

#[tokio::test]
async fn the_configured_name_is_in_sni_host_header_and_certificate_check() {
    let authority = Authority::new();
    let server = authority.server(&[NAME, "192.168.0.1", "::1"], NOW - YEAR..NOW + YEAR);
    let table = [
        (format!("https://{NAME}/licservice/license"), NAME.to_owned(), Some(NAME)),
        (format!("https://{NAME}:8443/x"), format!("{NAME}:8443"), Some(NAME)),
        // Addresses have no server name in TLS (RFC 6066 §3); they are checked in the certificate all the same.
        ("https://192.168.0.1:8443/x".to_owned(), "192.168.0.1:8443".to_owned(), None),
        ("https://[::1]/x".to_owned(), "[::1]".to_owned(), None),
    ];
    for (url, host, sni) in table {
        let peer = Peer::secure(OK, server.clone()).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = authority.anchors();
        carrier.post(&call(&url)).await.unwrap();
        let seen = peer.seen().await;
        assert_eq!(seen.sni.as_deref(), sni, "{url}");
        assert!(seen.request.contains(&format!("\r\nhost: {host}\r\n")), "{url}: {}", seen.request);
    }
}

/// The connection goes to 127.0.0.1, but it is not this address that the certificate has to name.
#[tokio::test]
async fn a_certificate_for_the_real_address_does_not_stand_for_the_configured_one() {
    let authority = Authority::new();
    let server = authority.server(&["127.0.0.1", "localhost"], NOW - YEAR..NOW + YEAR);
    for url in [secure().url, "https://192.168.0.1/licservice/license".to_owned()] {
        let peer = Peer::secure(OK, server.clone()).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = authority.anchors();
        assert_eq!(carrier.post(&call(&url)).await.unwrap_err().failure, Failure::TlsCertificate, "{url}");
    }
}

/// A resumed session would hide that the certificate has expired since.
#[tokio::test]
async fn no_tls_session_is_resumed() {
    let authority = Authority::new();
    let server = authority.server(&[NAME], NOW - YEAR..NOW + YEAR);
    for _ in 0..2 {
        let peer = Peer::secure(OK, server.clone()).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = authority.anchors();
        carrier.post(&secure()).await.unwrap();
        assert_eq!(peer.seen().await.handshake, Some(HandshakeKind::Full));
    }
}

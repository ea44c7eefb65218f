//! The table of `spec/messages.md` §5: condition on the wire, exact text of the device.

use std::time::Duration;

use slpsim_transport::client::{Call, Carrier, Limits};

use crate::peer::{Act, Authority, Peer, nobody, self_signed};
use crate::{NAME, NOW, carrier, plain, secure};

const UNREACHABLE: &str = "Communications failure";
const EMPTY: &str = "Received empty response from server";
const BAD_REPLY: &str = "message parsing error";
const CERTIFICATE: &str = "Cannot establish secure connection because server TLS cert cannot be validated";

const YEAR: i64 = 365 * 86_400;

async fn text(carrier: &Carrier, call: &Call) -> String {
    match carrier.post(call).await {
        Ok(answer) => format!("{} {}", answer.status, String::from_utf8(answer.body).unwrap()),
        Err(error) => {
            assert!(!error.refused, "{error}");
            assert!(error.detail.contains("://") && !error.detail.contains('\n'), "{error}");
            error.failure.to_string()
        }
    }
}

/// What a server answers, over HTTP and HTTPS alike.
const ANSWERS: &[(&str, Act, &str)] = &[
    ("whole", Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), "200 {}"),
    (
        "chunked",
        Act::Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
        "200 {}",
    ),
    ("accepted", Act::Say("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"), "202 {}"),
    (
        "after an interim answer",
        Act::Say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"),
        "200 {}",
    ),
    ("empty", Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), EMPTY),
    ("empty, chunked", Act::Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), EMPTY),
    ("empty, of unknown length", Act::Say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), EMPTY),
    ("no content", Act::Say("HTTP/1.1 204 No Content\r\n\r\n"), EMPTY),
    ("404", Act::Say("HTTP/1.1 404 Nowhere\r\nContent-Length: 2\r\n\r\n{}"), "404 host not found"),
    ("404, empty", Act::Say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"), "404 host not found"),
    (
        "503",
        Act::Say("HTTP/1.1 503 Down\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n"),
        "HTTP server error 503: Service Unavailable",
    ),
    (
        "500",
        Act::Say("HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\ncut"),
        "HTTP server error 500: Internal Server Error",
    ),
    ("no status of the registry", Act::Say("HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\n{}"), "299 {}"),
    (
        "unknown status",
        Act::Say("HTTP/1.1 599 Odd\r\nContent-Length: 0\r\n\r\n"),
        "HTTP server error 599: Unknown",
    ),
    (
        "redirect",
        Act::Say("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        "HTTP server error 302: Found",
    ),
    (
        "407",
        Act::Say("HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n"),
        "HTTP server error 407: Proxy Authentication Required",
    ),
    ("truncated", Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\""), BAD_REPLY),
    (
        "truncated before its first byte",
        Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
        BAD_REPLY,
    ),
    (
        "truncated in a chunk",
        Act::Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"),
        BAD_REPLY,
    ),
    (
        "truncated before the last chunk",
        Act::Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
        BAD_REPLY,
    ),
    (
        "broken chunk",
        Act::Say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
        BAD_REPLY,
    ),
    ("broken length", Act::Say("HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n{}"), BAD_REPLY),
    ("no HTTP", Act::Say("SSH-2.0-OpenSSH_9.9\r\n"), BAD_REPLY),
    ("lost on the way", Act::Say(""), UNREACHABLE),
    ("reset", Act::Reset(""), UNREACHABLE),
    (
        "reset in mid-answer",
        Act::Reset("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\""),
        UNREACHABLE,
    ),
];

#[tokio::test]
async fn each_answer_over_http_has_its_text() {
    for (what, act, expected) in ANSWERS {
        let peer = Peer::plain(*act).await;
        assert_eq!(text(&carrier(peer.address), &plain()).await, *expected, "{what}");
    }
}

#[tokio::test]
async fn each_answer_over_https_has_the_same_text() {
    let authority = Authority::new();
    let server = authority.server(&[NAME], NOW - YEAR..NOW + YEAR);
    for (what, act, expected) in ANSWERS {
        let peer = Peer::secure(*act, server.clone()).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = authority.anchors();
        assert_eq!(text(&carrier, &secure()).await, *expected, "{what}");
    }
}

#[tokio::test]
async fn a_peer_that_cannot_be_reached_or_says_nothing_is_a_communications_failure() {
    assert_eq!(text(&carrier(nobody().await), &plain()).await, UNREACHABLE);
    assert_eq!(text(&carrier(nobody().await), &secure()).await, UNREACHABLE);

    for act in [Act::Silence, Act::Dribble] {
        let peer = Peer::plain(act).await;
        let mut carrier = carrier(peer.address);
        carrier.limits = Limits::within(Duration::from_millis(250));
        assert_eq!(text(&carrier, &plain()).await, UNREACHABLE, "{act:?}");
        // The peer ends only when the client has left.
        peer.seen().await;
    }
}

#[tokio::test]
async fn a_handshake_that_fails_for_another_reason_than_the_certificate_is_a_communications_failure() {
    for act in [Act::CloseHandshake, Act::PlainInHandshake] {
        let peer = Peer::plain(act).await;
        assert_eq!(text(&carrier(peer.address), &secure()).await, UNREACHABLE, "{act:?}");
    }
    // A peer that takes the connection and never speaks TLS ends by the time-out for connecting.
    let peer = Peer::plain(Act::Silence).await;
    let mut carrier = carrier(peer.address);
    carrier.limits.connect = Duration::from_millis(100);
    assert_eq!(text(&carrier, &secure()).await, UNREACHABLE);
}

#[tokio::test]
async fn each_fault_of_a_certificate_is_the_certificate_text() {
    let authority = Authority::new();
    let good = NOW - YEAR..NOW + YEAR;
    let table = [
        ("good", authority.server(&[NAME], good.clone()), "200 {}"),
        ("expired", authority.server(&[NAME], NOW - YEAR..NOW - 1), CERTIFICATE),
        ("not yet valid", authority.server(&[NAME], NOW + 1..NOW + YEAR), CERTIFICATE),
        ("wrong name", authority.server(&["other.example.com"], good.clone()), CERTIFICATE),
        ("name in CN alone", authority.server(&[], good.clone()), CERTIFICATE),
        ("unknown CA", Authority::new().server(&[NAME], good.clone()), CERTIFICATE),
        ("self-signed", self_signed(&[NAME], good), CERTIFICATE),
    ];
    for (what, server, expected) in table {
        let peer = Peer::secure(Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), server).await;
        let mut carrier = carrier(peer.address);
        carrier.anchors = authority.anchors();
        assert_eq!(text(&carrier, &secure()).await, expected, "{what}");
    }
}

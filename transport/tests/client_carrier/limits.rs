//! Sizes and times are bounded, and each exchange stands alone.

use std::time::{Duration, Instant};

use slpsim_agent::Failure;
use slpsim_transport::client::Limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::peer::{Act, Peer, nobody, read_request};
use crate::{carrier, plain};

#[tokio::test]
async fn an_answer_of_100_megabytes_is_cut_at_the_limit() {
    for announced in [None, Some(100_000_000), Some(u64::MAX - 9)] {
        let peer = Peer::plain(Act::Flood { announced }).await;
        let carrier = carrier(peer.address);
        let error = carrier.post(&plain()).await.unwrap_err();
        assert_eq!(error.failure, Failure::BadReply, "{error}");
        assert!(error.detail.contains("more than 5000000 bytes"), "{error}");
        // The limit, and what the kernel's buffers on both sides hold; never the whole.
        let taken = peer.seen().await.written;
        assert!(taken < 60_000_000, "{announced:?}: the client took {taken} bytes");
    }
}

#[tokio::test]
async fn an_answer_may_be_as_large_as_the_limit_and_not_larger() {
    for (limit, expected) in [(4, Ok(4)), (3, Err(Failure::BadReply))] {
        for head in ["Content-Length: 4", "Connection: close"] {
            let text: &'static str = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{{  }}").leak();
            let peer = Peer::plain(Act::Say(text)).await;
            let mut carrier = carrier(peer.address);
            carrier.limits.answer_bytes = limit;
            let size = carrier.post(&plain()).await.map(|answer| answer.body.len());
            assert_eq!(size.map_err(|error| error.failure), expected, "{limit} {head}");
        }
    }
}

#[tokio::test]
async fn a_request_above_the_limit_is_not_sent() {
    let mut carrier = carrier(nobody().await);
    carrier.limits.request_bytes = 10;
    let error = carrier.post(&plain()).await.unwrap_err();
    assert_eq!(error.failure.to_string(), "Message size exceed the limit");
}

#[tokio::test]
async fn an_answer_that_dribbles_ends_by_the_total_time_out() {
    let peer = Peer::plain(Act::Dribble).await;
    let mut carrier = carrier(peer.address);
    carrier.limits = Limits::within(Duration::from_millis(300));
    let begin = Instant::now();
    let error = carrier.post(&plain()).await.unwrap_err();
    let took = begin.elapsed();
    assert_eq!(error.failure, Failure::Unreachable);
    assert!(error.detail.ends_with("no whole answer within 300ms"), "{error}");
    // It is the total that ends it, not a pause between bytes: these came all the time.
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert!(peer.seen().await.written > 1);
}

#[tokio::test]
async fn the_request_is_a_plain_post_that_closes_its_connection() {
    let peer = Peer::plain(Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await;
    carrier(peer.address).post(&plain()).await.unwrap();
    let request = peer.seen().await.request;
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /cslu/v1/pi HTTP/1.1");
    lines.sort_unstable();
    let expected = [
        "accept: */*",
        "connection: close",
        "content-length: 11",
        "content-type: application/json",
        "host: license.example.com:8182",
    ];
    assert_eq!(lines, expected);
    assert_eq!(body, "{\"hello\":1}");
}

/// The peer keeps the first connection open and says so; the second exchange must not use it.
#[tokio::test]
async fn each_exchange_has_a_connection_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let carrier = carrier(listener.local_addr().unwrap());
    let peer = async {
        let mut open = Vec::new();
        for _ in 0..2 {
            let (mut stream, from) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            let answer = b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}";
            stream.write_all(answer).await.unwrap();
            open.push((stream, from));
        }
        open
    };
    let device = async {
        for _ in 0..2 {
            carrier.post(&plain()).await.unwrap();
        }
    };
    let (open, ()) = tokio::join!(peer, device);
    assert_ne!(open[0].1, open[1].1);
}

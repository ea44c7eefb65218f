//! Connections that stay open, for load.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slpsim_policy::Wall;
use slpsim_transport::client::{Carrier, Kept};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::peer::read_request;
use crate::{NOW, carrier, plain};

/// A server that answers `most` requests of each connection, and announces that the last one is the last.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, most));
            }
        });
        Self { address, connections }
    }

    /// How many connections were opened so far.
    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, most: usize) {
    for number in 1..=most {
        if read_request(&mut stream).await.is_empty() {
            return;
        }
        let last = if number == most { "connection: close\r\n" } else { "" };
        let answer = format!("HTTP/1.1 200 OK\r\n{last}content-length: 2\r\n\r\n{{}}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

fn kept() -> Kept {
    Kept::new(Arc::new(|| Wall::from_secs(NOW)))
}

fn keeping(kept: &Kept, server: &Server) -> Carrier {
    Carrier { kept: Some(kept.clone()), ..carrier(server.address) }
}

#[tokio::test]
async fn devices_share_a_kept_connection_until_the_server_closes_it() {
    let (server, kept) = (Server::start(3).await, kept());
    let (one, other) = (keeping(&kept, &server), keeping(&kept, &server));
    for exchange in 0..4 {
        let device = if exchange % 2 == 0 { &one } else { &other };
        assert_eq!(device.post(&plain()).await.unwrap().body, b"{}");
    }
    assert_eq!(server.connections(), 2, "three exchanges, and one after the server had closed");
}

#[tokio::test]
async fn without_it_each_exchange_has_a_connection_of_its_own() {
    let server = Server::start(3).await;
    let device = carrier(server.address);
    for _ in 0..2 {
        device.post(&plain()).await.unwrap();
    }
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn each_peer_has_its_own() {
    let (first, second, kept) = (Server::start(9).await, Server::start(9).await, kept());
    for _ in 0..2 {
        keeping(&kept, &first).post(&plain()).await.unwrap();
        let elsewhere = crate::call("http://other.example.com:8182/cslu/v1/pi");
        keeping(&kept, &second).post(&elsewhere).await.unwrap();
    }
    assert_eq!((first.connections(), second.connections()), (1, 1));
}

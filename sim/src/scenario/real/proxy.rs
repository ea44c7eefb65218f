//! The HTTP proxy that stands in a scenario's network (RFC 9110 §7.7, §9.3.6): it lets everything through.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::trap::LOOPBACK;

/// Longest head of a request, in bytes.
const HEAD_MAX: usize = 16 * 1024;

/// A proxy that serves as long as this lives.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// On a port that the system chooses.
    pub(super) fn start(runtime: &Runtime) -> io::Result<Self> {
        let listener = runtime.block_on(TcpListener::bind(LOOPBACK))?;
        let address = listener.local_addr()?;
        let serve = async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that fails is the client's to notice.
                tokio::spawn(async move { pass(stream).await.ok() });
            }
        };
        Ok(Self { address, task: runtime.spawn(serve) })
    }
}

/// One connection: the head says where to, the rest is passed on as it is.
async fn pass(mut client: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    let end = loop {
        if let Some(at) = head.windows(4).position(|four| four == b"\r\n\r\n") {
            break at.saturating_add(4);
        }
        if head.len() > HEAD_MAX || client.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    };
    let text = String::from_utf8_lossy(head.get(..end).unwrap_or_default()).into_owned();
    let mut words = text.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let tunnel = method == "CONNECT";
    let authority = target.strip_prefix("http://").unwrap_or(target);
    let (authority, path) = authority.find('/').map_or((authority, "/"), |at| authority.split_at(at));
    let Some(to) = authority.parse::<SocketAddr>().ok().filter(|to| to.ip().is_loopback()) else {
        return client.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await;
    };
    let Ok(mut peer) = TcpStream::connect(to).await else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    };
    if tunnel {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        peer.write_all(text.replacen(target, path, 1).as_bytes()).await?;
    }
    peer.write_all(head.get(end..).unwrap_or_default()).await?;
    copy_bidirectional(&mut client, &mut peer).await.map(|_| ())
}

//! A scripted peer: accepts one connection, does as told, and says what arrived.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig};
use slpsim_transport::client::Anchors;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What a peer does once it has read a whole request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Write these bytes, then close in order.
    Say(&'static str),
    /// Write these bytes, then reset the connection.
    Reset(&'static str),
    /// Say nothing until the client gives up.
    Silence,
    /// The head of a large answer, then one byte after the other.
    Dribble,
    /// As many bytes as the client takes, announced or in one endless chunked body.
    Flood { announced: Option<u64> },
    /// Before any TLS: read a little, then close.
    CloseHandshake,
    /// Before any TLS: answer in plain HTTP.
    PlainInHandshake,
}

/// One peer on a port of its own.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    task: JoinHandle<Seen>,
}

/// What a peer saw of its one connection.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Head and body of the request.
    pub(crate) request: String,
    /// Server name of the TLS handshake.
    pub(crate) sni: Option<String>,
    /// Full, or resumed from an earlier one.
    pub(crate) handshake: Option<HandshakeKind>,
    /// Bytes that the client took.
    pub(crate) written: u64,
    /// Where the connection came from.
    pub(crate) from: Option<SocketAddr>,
}

impl Peer {
    pub(crate) async fn plain(act: Act) -> Self {
        Self::start(act, None).await
    }

    pub(crate) async fn secure(act: Act, config: Arc<ServerConfig>) -> Self {
        Self::start(act, Some(config)).await
    }

    /// A proxy that grants `CONNECT` and is the peer itself.
    pub(crate) async fn tunnel(act: Act, config: Arc<ServerConfig>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (mut stream, from) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            let mut seen = Seen { from: Some(from), ..Seen::default() };
            serve(stream, act, Some(config), &mut seen).await;
            seen
        });
        Self { address, task }
    }

    /// A server, with TLS where `tls` says how, that answers the body of a request with the body that `respond` makes of
    /// it.
    pub(crate) async fn answering(
        tls: Option<Arc<ServerConfig>>,
        respond: impl Fn(&str) -> String + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (stream, from) = listener.accept().await.unwrap();
            let request = match tls {
                Some(config) => {
                    // A client that refuses the certificate ends the handshake: nothing more to do then.
                    let Ok(mut stream) = TlsAcceptor::from(config).accept(stream).await else {
                        return Seen::default();
                    };
                    answer(&mut stream, respond).await
                }
                None => answer(&mut { stream }, respond).await,
            };
            Seen { request, from: Some(from), ..Seen::default() }
        });
        Self { address, task }
    }

    async fn start(act: Act, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let (stream, from) = listener.accept().await.unwrap();
            let mut seen = Seen { from: Some(from), ..Seen::default() };
            serve(stream, act, tls, &mut seen).await;
            seen
        });
        Self { address, task }
    }

    /// Waits for the end of the connection.
    pub(crate) async fn seen(self) -> Seen {
        self.task.await.unwrap()
    }
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

async fn answer<S>(stream: &mut S, respond: impl Fn(&str) -> String) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = read_request(stream).await;
    let body = respond(request.split_once("\r\n\r\n").unwrap().1);
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + &body).as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    request
}

async fn serve(mut stream: TcpStream, act: Act, tls: Option<Arc<ServerConfig>>, seen: &mut Seen) {
    match (act, tls) {
        (Act::CloseHandshake | Act::PlainInHandshake, _) => {
            let mut hello = [0; 4096];
            let _ = stream.read(&mut hello).await;
            if matches!(act, Act::PlainInHandshake) {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
            let _ = stream.shutdown().await;
        }
        (_, None) => {
            let (mut read, mut write) = stream.split();
            if perform(&mut read, &mut write, act, seen).await {
                stream.set_zero_linger().unwrap();
            }
        }
        (_, Some(config)) => {
            // A client that refuses the certificate ends the handshake: nothing more to do then.
            let Ok(stream) = TlsAcceptor::from(config).accept(stream).await else { return };
            let session = stream.get_ref().1;
            seen.sni = session.server_name().map(str::to_owned);
            seen.handshake = session.handshake_kind();
            let (mut read, mut write) = tokio::io::split(stream);
            if perform(&mut read, &mut write, act, seen).await {
                read.unsplit(write).get_ref().0.set_zero_linger().unwrap();
            }
        }
    }
}

/// Returns whether the connection is to be reset. Write errors are the client's right to leave.
async fn perform<R, W>(read: &mut R, write: &mut W, act: Act, seen: &mut Seen) -> bool
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    seen.request = read_request(read).await;
    match act {
        Act::Say(text) => {
            let _ = write.write_all(text.as_bytes()).await;
            let _ = write.shutdown().await;
        }
        Act::Reset(text) => {
            let _ = write.write_all(text.as_bytes()).await;
            let _ = write.flush().await;
            return true;
        }
        Act::Silence => {
            let _ = read.read(&mut [0]).await;
        }
        Act::Dribble => {
            let _ = write.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n").await;
            let mut pace = tokio::time::interval(std::time::Duration::from_millis(5));
            while write.write_all(b"{").await.is_ok() && write.flush().await.is_ok() {
                seen.written += 1;
                pace.tick().await;
            }
        }
        Act::Flood { announced } => flood(write, announced, seen).await,
        Act::CloseHandshake | Act::PlainInHandshake => {}
    }
    false
}

const MEGABYTE: usize = 1_000_000;

async fn flood<W: AsyncWrite + Unpin>(write: &mut W, announced: Option<u64>, seen: &mut Seen) {
    let length = announced.map_or_else(
        || "Transfer-Encoding: chunked".to_owned(),
        |announced| format!("Content-Length: {announced}"),
    );
    let _ = write.write_all(format!("HTTP/1.1 200 OK\r\n{length}\r\n\r\n").as_bytes()).await;
    let block = vec![b'x'; MEGABYTE];
    for _ in 0..100 {
        let head = if announced.is_none() { format!("{MEGABYTE:x}\r\n") } else { String::new() };
        let tail: &[u8] = if announced.is_none() { b"\r\n" } else { b"" };
        for part in [head.as_bytes(), &block, tail] {
            if write.write_all(part).await.is_err() {
                return;
            }
        }
        seen.written += 1_000_000;
    }
}

pub(crate) async fn read_request<R: AsyncRead + Unpin>(read: &mut R) -> String {
    let mut request = Vec::new();
    let mut wanted = None;
    while wanted.is_none_or(|wanted| request.len() < wanted) {
        let mut block = [0; 4096];
        let count = read.read(&mut block).await.unwrap_or(0);
        if count == 0 {
            break;
        }
        request.extend_from_slice(&block[..count]);
        let text = String::from_utf8_lossy(&request);
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text[..end].lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")
                    .and_then(|value| value.parse().ok())
            });
            wanted = Some(end + 4 + length.unwrap_or(0_usize));
        }
    }
    String::from_utf8(request).unwrap()
}

/// A certification authority of the tests.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

/// Validity in seconds since 1970.
pub(crate) type Validity = std::ops::Range<i64>;

impl Authority {
    pub(crate) fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "Example Test CA");
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(params, key), pem }
    }

    pub(crate) fn anchors(&self) -> Anchors {
        Anchors::from_pem(self.pem.as_bytes()).unwrap()
    }

    /// A server whose certificate has `names` as subject alternative names and `CN` = the first one of the tests.
    pub(crate) fn server(&self, names: &[&str], validity: Validity) -> Arc<ServerConfig> {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = params(names, validity).signed_by(&key, &self.issuer).unwrap();
        server(certificate, &key)
    }
}

/// A server that vouches for itself.
pub(crate) fn self_signed(names: &[&str], validity: Validity) -> Arc<ServerConfig> {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params(names, validity).self_signed(&key).unwrap();
    server(certificate, &key)
}

fn params(names: &[&str], validity: Validity) -> rcgen::CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, super::NAME);
    params.not_before = time::OffsetDateTime::from_unix_timestamp(validity.start).unwrap();
    params.not_after = time::OffsetDateTime::from_unix_timestamp(validity.end).unwrap();
    params
}

fn server(certificate: rcgen::Certificate, key: &rcgen::KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    Arc::new(config)
}

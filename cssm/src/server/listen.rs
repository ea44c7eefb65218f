//! Listeners: limits on connections, time-outs, and the way to close a connection without an answer.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use rustls::ServerConfig;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tower::Service;

/// How long a client may take for TLS handshake and for each request head.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// A bound listener that serves.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    /// Ends it with grace.
    pub handle: Handle<SocketAddr>,
    /// Serves until it is ended or aborted.
    pub task: JoinHandle<io::Result<()>>,
}

/// Serves `router` on `listener`, over TLS where there is a configuration for it, and as many connections at a time as
/// there are permits.
///
/// # Errors
/// Where the listener cannot be used.
pub fn serve(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    connections: &Arc<Semaphore>,
) -> io::Result<Listening> {
    serve_as(listener, router, tls, connections, Kind::Plain)
}

/// What a listener understands beside HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Plain,
    /// WebSockets. The library's server that lets a connection be taken over finds out the version of HTTP itself, so
    /// that HTTP/2 is understood as well.
    Upgrading,
}

pub(crate) fn serve_as(
    listener: TcpListener,
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    connections: &Arc<Semaphore>,
    kind: Kind,
) -> io::Result<Listening> {
    let address = listener.local_addr()?;
    let handle = Handle::new();
    let server = axum_server::from_tcp(listener)?;
    let server = match kind {
        Kind::Plain => server.http1_only(),
        Kind::Upgrading => server,
    };
    let mut server = server.handle(handle.clone()).first_request_timeout(HEAD_TIME);
    server.http_builder().http1().header_read_timeout(HEAD_TIME).max_buf_size(64 * 1024);
    let limited = Limited { connections: Arc::clone(connections) };
    let make = Doors(router);
    let task = match tls {
        Some(tls) => {
            let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(tls))
                .handshake_timeout(HEAD_TIME)
                .acceptor(limited);
            tokio::spawn(server.acceptor(acceptor).serve(make))
        }
        None => tokio::spawn(server.acceptor(limited).serve(make)),
    };
    Ok(Listening { address, handle, task })
}

/// Put into the extensions of a response: close the connection, send nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abort;

/// Why a connection was closed without an answer; never seen by a client.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("closed without an answer, as a fault asks for")]
pub(crate) struct Aborted;

/// Who is at the other end, in the extensions of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller(pub(crate) SocketAddr);

/// Makes a [`Door`] for each connection.
struct Doors(Router);

impl Service<SocketAddr> for Doors {
    type Response = Door;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Door, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, caller: SocketAddr) -> Self::Future {
        std::future::ready(Ok(Door(self.0.clone(), Caller(caller))))
    }
}

/// The router behind a door that can be slammed: hyper answers nothing where a service fails.
#[derive(Clone)]
struct Door(Router, Caller);

impl<B> Service<Request<B>> for Door
where
    Router: Service<Request<B>, Response = Response<Body>, Error = std::convert::Infallible>,
    <Router as Service<Request<B>>>::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Aborted;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Aborted>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Aborted>> {
        <Router as Service<Request<B>>>::poll_ready(&mut self.0, cx).map_err(|never| match never {})
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(self.1);
        let answer = self.0.call(request);
        Box::pin(async move {
            let response = answer.await.unwrap_or_else(|never| match never {});
            match response.extensions().get::<Abort>() {
                Some(Abort) => Err(Aborted),
                None => Ok(response),
            }
        })
    }
}

/// Takes connections up to a limit; what comes beyond it is closed at once.
#[derive(Clone)]
struct Limited {
    connections: Arc<Semaphore>,
}

impl<I, S> Accept<I, S> for Limited {
    type Stream = I;
    type Service = Counted<S>;
    type Future = std::future::Ready<io::Result<(I, Counted<S>)>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        std::future::ready(match Arc::clone(&self.connections).try_acquire_owned() {
            Ok(permit) => Ok((stream, Counted { inner: service, _permit: Arc::new(permit) })),
            Err(_) => Err(io::Error::other("as many connections as the limit allows are open")),
        })
    }
}

/// A service that counts as a connection as long as it lives.
#[derive(Clone)]
struct Counted<S> {
    inner: S,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl<S, R> Service<R> for Counted<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.inner.call(request)
    }
}

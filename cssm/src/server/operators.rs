//! The listener of operators: the management interface, and the pages beside it.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

use super::listen::{self, Kind, Listening};
use super::store::{kept, off_the_runtime};
use super::web::{self, Doorman, Entry, Switches, Web};
use super::{Shared, StartError, manage};

/// Who comes in, and what there is beside the mock.
pub(super) struct House {
    pub(super) doorman: Option<Arc<dyn Doorman>>,
    pub(super) always_log_in: bool,
    pub(super) switches: Option<Arc<dyn Switches>>,
}

/// Begins to serve. On an address that others can reach there is TLS, and nobody sees a page without a log-in.
pub(super) fn serve(
    address: SocketAddr,
    house: House,
    shared: &Arc<Shared>,
    tls: Arc<rustls::ServerConfig>,
    connections: &Arc<Semaphore>,
) -> Result<(Listening, &'static str), StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let local = address.ip().is_loopback();
    let House { doorman, always_log_in, switches } = house;
    let entry = match (local && !always_log_in, doorman) {
        (true, _) => Entry::Open,
        (false, Some(doorman)) => Entry::Login(doorman),
        (false, None) => Entry::Closed,
    };
    let kind = if switches.is_some() { Kind::Upgrading } else { Kind::Plain };
    let web = Web::new(Arc::clone(shared), (entry, port, !local, local), switches);
    let pages = web::routes(web.ok_or(StartError::Random)?);
    let router = manage::routes(Arc::clone(shared)).merge(pages).fallback(nowhere);
    let router = kept(off_the_runtime(router, shared), shared);
    let (tls, scheme) = if local { (None, "http") } else { (Some(tls), "https") };
    let listening = listen::serve_as(listener, router, tls, connections, kind).map_err(failed)?;
    Ok((listening, scheme))
}

/// What is at no path: in words for people, as JSON for scripts.
async fn nowhere(uri: Uri) -> Response {
    match uri.path().starts_with("/mock/") {
        true => manage::no_such_call().await.into_response(),
        false => web::no_such_page(),
    }
}

//! NX-API: commands over HTTP(S), `POST /ins` (`spec/console.md` §4).
//!
//! Three encodings of the same thing: [`call`] is what is asked, [`output`] what a command answers, and [`ins`],
//! [`rpc`] and [`xml`] how both are written. All commands of a request run in one session.

mod call;
mod ins;
mod output;
mod rpc;
#[cfg(test)]
mod tests;
mod xml;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::ServerConfig;
use slpsim_cssm::server::listen::serve;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::operator::{Gone, Operator};
use super::users::Account;
use super::{Gate, Target};

/// Serves NX-API on `listener`, over TLS where there is a configuration for it, until the task is aborted.
pub(super) fn listen(
    listener: std::net::TcpListener,
    tls: Option<Arc<ServerConfig>>,
    target: Target,
    gate: Gate,
) -> io::Result<AbortHandle> {
    let connections = Arc::new(Semaphore::new(gate.limits.http_connections));
    let listening = serve(listener, router(target, gate), tls, &connections)?;
    Ok(listening.task.abort_handle())
}

/// The service of one device.
pub(super) fn router(target: Target, gate: Gate) -> Router {
    Router::new().route("/ins", post(ins_api)).with_state(Arc::new(Api { target, gate }))
}

struct Api {
    target: Target,
    gate: Gate,
}

async fn ins_api(State(api): State<Arc<Api>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Some(account) = api.account(&head.headers).await else {
        sleep(api.gate.limits.login_penalty).await;
        let asks = [(WWW_AUTHENTICATE, "Basic realm=\"Secure Zone\"")];
        return (StatusCode::UNAUTHORIZED, asks, "401 Authorization Required\n").into_response();
    };
    let limits = &api.gate.limits;
    let body = match timeout(limits.request_time, to_bytes(body, limits.request_bytes)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            let most = limits.request_bytes;
            return (StatusCode::PAYLOAD_TOO_LARGE, format!("A request has at most {most} bytes\n"))
                .into_response();
        }
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let content_type =
        head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match api.answer(&account, content_type, &body).await {
        Ok((content_type, text)) => ([(CONTENT_TYPE, content_type)], text).into_response(),
        Err(Gone) => (StatusCode::SERVICE_UNAVAILABLE, "The device has ended\n").into_response(),
    }
}

impl Api {
    async fn account(&self, headers: &HeaderMap) -> Option<Arc<Account>> {
        let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, encoded) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (name, password) = decoded.split_once(':')?;
        self.gate.users.by_password(name, password).await
    }

    /// The answer, with its content type. The encoding is seen from the content type, and without a telling one from
    /// the body.
    async fn answer(
        &self,
        account: &Account,
        content_type: &str,
        body: &Bytes,
    ) -> Result<(&'static str, String), Gone> {
        let mut operator = Operator::new(self.target.orders.clone(), account);
        let settings = &mut operator.session().terminal;
        (settings.length, settings.dont_ask) = (0, true);
        let most = self.gate.limits.commands;
        let looks_like_xml = body.trim_ascii_start().starts_with(b"<");
        if content_type.contains("json-rpc") {
            return Ok((rpc::CONTENT_TYPE, rpc::answer(&mut operator, body, most).await?));
        }
        if content_type.contains("xml") || looks_like_xml {
            return Ok((xml::CONTENT_TYPE, xml::answer(&mut operator, body, most).await?));
        }
        ins::answer(&mut operator, body, most).await
    }
}

//! Access tokens (RFC 6749 §4.4, §4.3).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use slpsim_transport::base64;

use super::{Shared, TOKEN_S, credentials, read};

/// What a client sends: as a form, as JSON, or in the query of the URL.
#[derive(Deserialize, Default)]
struct Wish {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
}

pub(super) async fn grant(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let bytes = match read(&shared, body).await {
        Ok(bytes) => bytes,
        Err(refused) => return refused.into_response(),
    };
    let Some(wish) = Wish::read(&parts, &bytes) else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "send a form, or a JSON object");
    };
    if !matches!(wish.grant_type.as_str(), "client_credentials" | "password") {
        let why = "grant_type must be client_credentials, or password at an On-Prem";
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", why);
    }
    if wish.client_id.is_empty() || wish.client_secret.is_empty() {
        let why = "client_id and client_secret must not be empty; any will do";
        let refused = refuse(StatusCode::UNAUTHORIZED, "invalid_client", why);
        return ([(WWW_AUTHENTICATE, "Basic realm=\"slpsim\"")], refused).into_response();
    }
    let now = shared.now();
    let now = shared.local(|cssm| cssm.clock(now));
    match shared.access.give(now) {
        Some(token) => {
            let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_S});
            ([(CACHE_CONTROL, "no-store")], Json(body)).into_response()
        }
        None => {
            let why = "the operating system gives no random numbers";
            refuse(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", why)
        }
    }
}

impl Wish {
    /// Public clients put it into the body, or leave that empty and put it into the query; the client's credentials may
    /// stand in the header `Authorization: Basic` instead (RFC 6749 §2.3.1).
    fn read(parts: &Parts, body: &[u8]) -> Option<Self> {
        let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let said = match kind.split(';').next().unwrap_or_default().trim() {
            _ if body.trim_ascii().is_empty() => Self::default(),
            kind if kind.eq_ignore_ascii_case("application/json") => serde_json::from_slice(body).ok()?,
            _ => serde_urlencoded::from_bytes(body).ok()?,
        };
        let asked: Self = serde_urlencoded::from_str(parts.uri.query().unwrap_or_default()).ok()?;
        let (id, secret) = credentials(&parts.headers, "Basic").and_then(basic).unwrap_or_default();
        let first = |texts: [String; 3]| texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        Some(Self {
            grant_type: first([said.grant_type, asked.grant_type, String::new()]),
            client_id: first([id, said.client_id, asked.client_id]),
            client_secret: first([secret, said.client_secret, asked.client_secret]),
        })
    }
}

/// User and password of `Basic` (RFC 7617 §2). Any will do, so it does not matter whether they are form-encoded as well.
fn basic(credentials: &str) -> Option<(String, String)> {
    let text = String::from_utf8(base64::decode(credentials).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((id.to_owned(), secret.to_owned()))
}

/// RFC 6749 §5.2.
fn refuse(status: StatusCode, error: &str, why: &str) -> Response {
    (status, Json(json!({"error": error, "error_description": why}))).into_response()
}

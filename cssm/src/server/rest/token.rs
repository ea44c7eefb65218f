//! Access tokens (RFC 6749 §4.4, §4.3).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::{Shared, TOKEN_S, read};

/// What a client sends, as a form or as JSON.
#[derive(Deserialize)]
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
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let wish: Option<Wish> = match kind.split(';').next().unwrap_or_default().trim() {
        "application/json" => serde_json::from_slice(&bytes).ok(),
        _ => serde_urlencoded::from_bytes(&bytes).ok(),
    };
    let Some(wish) = wish else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request", "send a form, or a JSON object");
    };
    if !matches!(wish.grant_type.as_str(), "client_credentials" | "password") {
        let why = "grant_type must be client_credentials, or password at an On-Prem";
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type", why);
    }
    if wish.client_id.is_empty() || wish.client_secret.is_empty() {
        let why = "client_id and client_secret must not be empty; any will do";
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client", why);
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

/// RFC 6749 §5.2.
fn refuse(status: StatusCode, error: &str, why: &str) -> Response {
    (status, Json(json!({"error": error, "error_description": why}))).into_response()
}

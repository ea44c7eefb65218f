//! The management interface (`interface.md` §7), and `/metrics` beside it.

mod accounts;
pub(super) mod files;
mod steering;
mod views;

use std::sync::Arc;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Shared;
use super::metrics;
use super::rest::credentials;
use crate::cssm::ManageError;

/// Largest body of a management call, in bytes.
const MAX_BODY: usize = 1_000_000;
/// The same for `import`, which takes everything that a mock knows.
const MAX_IMPORT: usize = 256_000_000;

/// The same for a file that somebody brings.
const MAX_UPLOAD: usize = 64_000_000;

/// All routes of operators.
pub(super) fn routes(shared: Arc<Shared>) -> Router {
    let closed = Router::new()
        .route("/tokens", post(accounts::make_token))
        .route("/tokens/revoke", post(accounts::revoke_token))
        .route("/accounts", get(accounts::list))
        .route("/accounts/{name}", get(accounts::get).put(accounts::put))
        .route(
            "/policies/{name}",
            get(accounts::get_policy).put(accounts::put_policy).delete(accounts::delete_policy),
        )
        .route("/policies/{name}/file", get(files::policy))
        .route("/accounts/{name}/devices", get(files::instances))
        .route("/uploads", post(files::upload))
        .route("/bundle", get(files::download))
        .route("/upstream", get(files::upstream))
        .route("/upstream/retry", post(files::retry))
        .route("/devices", get(views::devices))
        .route("/devices/{name}/transfer", post(files::transfer))
        .route("/devices/{name}", get(views::device).delete(views::delete_device))
        .route("/reports", get(views::reports))
        .route("/events", get(views::events))
        .route("/requests", get(views::requests))
        .route("/faults", get(steering::faults).post(steering::begin_fault).delete(steering::clear_faults))
        .route("/faults/{id}", get(steering::fault).delete(steering::end_fault))
        .route("/clock", get(steering::clock).post(steering::set_clock))
        .route("/ack-mode", get(steering::ack_mode).put(steering::set_ack_mode))
        .route("/acks/release", post(steering::release))
        .route("/export", get(views::export))
        .route("/import", post(views::import))
        .layer(from_fn_with_state(Arc::clone(&shared), authorized));
    let open = Router::new().route("/health", get(health));
    Router::new()
        .nest("/mock/v1", closed.merge(open))
        .route("/metrics", get(metrics::metrics))
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_method)
        // Each call has its own limit, set where its body is read.
        .layer(axum::extract::DefaultBodyLimit::disable())
        .with_state(shared)
}

/// The answer to a call that cannot be fulfilled: `{"error": "…"}`, one line.
pub(super) struct Refused(StatusCode, String);

impl Refused {
    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, what.into())
    }

    pub(super) fn wrong(what: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, what.into())
    }
}

impl From<ManageError> for Refused {
    fn from(error: ManageError) -> Self {
        let status = match &error {
            ManageError::NotFound(_) => StatusCode::NOT_FOUND,
            ManageError::Wrong(_) => StatusCode::BAD_REQUEST,
            ManageError::Full(_) => StatusCode::CONFLICT,
        };
        Self(status, error.to_string())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, axum::Json(json!({"error": self.1}))).into_response()
    }
}

/// What a call answers.
pub(super) type Answered = Result<axum::Json<Value>, Refused>;

/// The JSON body of a call. curl's `-d` calls it a form, so the content type is not looked at.
pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes)
        .map_err(|error| Refused::wrong(format!("the body is not as it should be: {error}")))
}

async fn health(State(shared): State<Arc<Shared>>) -> axum::Json<Value> {
    let role = shared.with(|cssm| cssm.config().role.word());
    axum::Json(json!({"status": "ok", "role": role}))
}

async fn no_such_call() -> Refused {
    Refused::not_found(
        "there is no such call; GET /mock/v1/health, devices, reports, events, requests, faults, clock are some",
    )
}

async fn no_such_method() -> Refused {
    Refused(StatusCode::METHOD_NOT_ALLOWED, "this call has another method".into())
}

async fn authorized(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if let Some(token) = &shared.manage_token
        && !shows(request.headers(), token)
    {
        let refused =
            Refused(StatusCode::UNAUTHORIZED, "show the management token: Authorization: Bearer …".into());
        return ([(WWW_AUTHENTICATE, "Bearer")], refused).into_response();
    }
    // Read here, so that no call is without a limit.
    let (parts, incoming) = request.into_parts();
    let limit = match parts.uri.path().rsplit('/').next() {
        Some("import") => MAX_IMPORT,
        Some("uploads") => MAX_UPLOAD,
        Some(_) | None => MAX_BODY,
    };
    let Ok(Ok(bytes)) = tokio::time::timeout(shared.body_time, to_bytes(incoming, limit)).await else {
        let why = format!("a body has at most {limit} bytes, and comes at once");
        return Refused(StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
    };
    next.run(Request::from_parts(parts, bytes.into())).await
}

/// Whether the headers show `token`; takes the same time for every wrong one of its length.
fn shows(headers: &HeaderMap, token: &str) -> bool {
    let shown = credentials(headers, "Bearer").unwrap_or_default();
    aws_lc_rs::constant_time::verify_slices_are_equal(shown.as_bytes(), token.as_bytes()).is_ok()
}

/// Text in the format that Prometheus reads.
pub(super) fn plain(text: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

//! The management interface (`interface.md` §7), and `/metrics` beside it.

pub(super) mod accounts;
#[expect(unused_qualifications, reason = "utoipa's macro writes them")]
pub(super) mod files;
mod openapi;
mod schema;
pub(super) mod steering;
#[expect(unused_qualifications, reason = "utoipa's macro writes them")]
mod views;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use schema::{ErrorView, HealthView, LiveView};
use serde::de::DeserializeOwned;

use super::Shared;
use super::metrics;
use super::rest::credentials;
use crate::cssm::ManageError;

/// Largest body of a management call, in bytes.
const MAX_BODY: usize = 1_000_000;
/// The same for `import`, which takes everything that a mock knows.
pub const MAX_IMPORT: usize = 256_000_000;

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
    let open = Router::new()
        .route("/health", get(health))
        .route("/health/live", get(live))
        .route("/openapi.json", get(openapi));
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
pub(super) struct Refused(pub(super) StatusCode, pub(super) String);

impl Refused {
    /// What is said.
    pub(super) fn text(self) -> String {
        self.1
    }

    pub(super) fn not_found(what: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, what.into())
    }

    /// A bug of ours, which has been printed.
    pub(super) fn broken() -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, "the mock failed at this; its own log says more".into())
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
        (self.0, axum::Json(ErrorView { error: self.1 })).into_response()
    }
}

/// What a call answers.
pub(super) type Answered<T> = Result<axum::Json<T>, Refused>;

/// The JSON body of a call. curl's `-d` calls it a form, so the content type is not looked at.
pub(super) fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes)
        .map_err(|error| Refused::wrong(format!("the body is not as it should be: {error}")))
}

/// How long `health` waits for the store.
const HEALTH_TIME: Duration = Duration::from_secs(2);

/// Whether work can be sent here: 503 while the store is in trouble.
#[utoipa::path(get, path = "/health", tag = "health", responses(
    (status = 200, body = HealthView),
    (status = 503, body = HealthView)
))]
async fn health(State(shared): State<Arc<Shared>>) -> Response {
    let role = shared.local(|cssm| cssm.config().role.word());
    let store = match tokio::time::timeout(HEALTH_TIME, shared.keeper.look()).await {
        Ok(seen) => seen.err().map(|error| error.to_string()),
        Err(_) => Some("the store does not answer".into()),
    };
    let (code, status) = match store {
        None => (StatusCode::OK, "ok"),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
    };
    let ready = store.is_none();
    (code, axum::Json(HealthView { status, alive: true, ready, role, store })).into_response()
}

/// Whether the process should be left alone: it answers, so it should.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, body = LiveView)))]
async fn live() -> axum::Json<LiveView> {
    axum::Json(LiveView { alive: true })
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", responses((status = 200, body = std::collections::BTreeMap<String, serde_json::Value>)))]
async fn openapi() -> Response {
    match openapi::text() {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(error) => Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

pub(super) async fn no_such_call() -> Refused {
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
    // Who only asks is told what other processes have done as well, without keeping them out; the calls read no more.
    if request.method() == Method::GET
        && shared.keeper.waits()
        && let Err(error) = shared.keeper.look().await
    {
        return Refused(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response();
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

//! Between a listener and its routes: an answer leaves when what it says is durable.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::runtime::Handle;

use super::StoreError;
use crate::server::Shared;

/// How long an answer waits for the store. Longer than any time-out of the store itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// The same routes, with a store behind them; without a store they are as they were.
pub(in crate::server) fn kept(routes: Router, shared: &Arc<Shared>) -> Router {
    match shared.keeper.is_durable() {
        true => routes.layer(from_fn_with_state(Arc::clone(shared), durable)),
        false => routes,
    }
}

/// The same routes on threads that may be kept busy, where a change of records waits for a database that others use as
/// well; the threads of the runtime go on meanwhile.
pub(in crate::server) fn off_the_runtime<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    shared: &Shared,
) -> Router<S> {
    match shared.keeper.waits() {
        true => routes.layer(from_fn(elsewhere)),
        false => routes,
    }
}

async fn elsewhere(request: Request, next: Next) -> Response {
    let runtime = Handle::current();
    let answered = tokio::task::spawn_blocking(move || runtime.block_on(next.run(request))).await;
    answered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// What is asked of these is asked because there may be trouble: they wait for nothing.
fn is_about_health(path: &str) -> bool {
    path == "/metrics" || path.starts_with("/mock/v1/health")
}

async fn durable(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if is_about_health(request.uri().path()) {
        return next.run(request).await;
    }
    let entered = match shared.keeper.enter() {
        Ok(entered) => entered,
        Err(error) => return unavailable(&error),
    };
    let response = next.run(request).await;
    match tokio::time::timeout(PATIENCE, shared.keeper.settle(entered)).await {
        Ok(Ok(())) => response,
        Ok(Err(error)) => unavailable(&error),
        Err(_) => unavailable(&StoreError::Gone { store: "of the mock".into(), detail: "no answer".into() }),
    }
}

/// The answer to everybody while the store is in trouble. What a request has changed went with the records in memory,
/// or is whole in the store: then the asker comes again, as after any answer that was lost.
fn unavailable(error: &StoreError) -> Response {
    let body = json!({"error": error.to_string(), "store": error.word()});
    (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], Json(body)).into_response()
}

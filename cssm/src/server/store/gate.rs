//! Between a listener and its routes: an answer leaves when what it says is durable.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, RETRY_AFTER};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tokio::runtime::Handle;

use super::StoreError;
use crate::server::Shared;

/// How long an answer waits for the store. Longer than any time-out of the store itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the page of a store in trouble may load.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

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

/// What is asked of these is asked because there may be trouble, or is how the word of it looks: they wait for nothing.
fn needs_no_store(path: &str) -> bool {
    matches!(path, "/metrics" | "/style.css" | "/app.js") || path.starts_with("/mock/v1/health")
}

async fn durable(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if needs_no_store(request.uri().path()) {
        return next.run(request).await;
    }
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let for_people = accept.contains("text/html").then(|| request.method() == Method::POST);
    let entered = match shared.keeper.enter() {
        Ok(entered) => entered,
        Err(error) => return unavailable(&error, for_people),
    };
    let response = next.run(request).await;
    match tokio::time::timeout(PATIENCE, shared.keeper.settle(entered)).await {
        Ok(Ok(())) => response,
        Ok(Err(error)) => unavailable(&error, for_people),
        Err(_) => {
            let silent =
                StoreError::Gone { store: "of the mock".into(), detail: "it does not answer".into() };
            unavailable(&silent, for_people)
        }
    }
}

/// The answer to everybody while the store is in trouble. What a request has changed went with the records in memory,
/// or is whole in the store: then the asker comes again, as after any answer that was lost.
///
/// `for_people` where a browser asks: whether it has sent a form.
fn unavailable(error: &StoreError, for_people: Option<bool>) -> Response {
    let (status, again) = (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]);
    if let Some(sent) = for_people {
        return (status, again, [(CONTENT_SECURITY_POLICY, POLICY)], Html(page(error, sent))).into_response();
    }
    (status, again, Json(json!({"error": error.to_string(), "store": error.word()}))).into_response()
}

/// For a browser. The name of a store is the operator's own, but a page trusts nobody.
fn page(error: &StoreError, sent: bool) -> String {
    let line = error.to_string().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let then = match sent {
        true => {
            "What you have just sent was not taken. When the store works again, look first, then go back and send it once more."
        }
        false => "Load the page again when the store works.",
    };
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>slpsim mock: the store is in trouble</title><link rel=\"stylesheet\" href=\"/style.css\"></head>\
         <body><p class=\"mock\"><strong>This is a mock</strong>, made by slpsim for rehearsals. It is not Cisco's.</p>\
         <main><h1>The store of this mock is in trouble</h1><p class=\"banner bad\" role=\"alert\">{line}</p>\
         <p>{then}</p></main></body></html>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_the_name_of_a_store_as_text() {
        let error = StoreError::Gone { store: "<script>".into(), detail: "a & b".into() };
        let page = page(&error, true);
        assert!(page.contains("&lt;script&gt; is gone (a &amp; b)") && !page.contains("<script>"), "{page}");
    }
}

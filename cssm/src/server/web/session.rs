//! Before and after each page: who asks, whether a form is our own, log-in and log-out.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::Extension;
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, UPGRADE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::Web;
use super::access::{Access, Entry};
use super::layout::{self, Trouble, Visit};
use super::posted::Posted;
use crate::server::caller::is_own;
use crate::server::listen::Caller;

/// Largest form, in bytes; its fields are limited further.
const MAX_FORM: usize = 4_000_000;
/// Largest form with a file.
const MAX_FILE: usize = 64_000_000;
/// Nothing but what this server sends itself; no script or style inside a page.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Stands before every page.
pub(super) async fn guard(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    let known = web.access.session(request.headers());
    let Some(session) = known.clone().or_else(Access::new_session) else {
        return Trouble(StatusCode::SERVICE_UNAVAILABLE, "The system gives no random numbers.".into())
            .into_response();
    };
    let mut answer = match admitted(&web, &session, request).await {
        Ok(request) => next.run(request).await,
        Err(answer) => answer,
    };
    let headers = answer.headers_mut();
    if known.is_none()
        && !headers.contains_key(SET_COOKIE)
        && let Some(cookie) = web.access.set_cookie(&session)
    {
        headers.insert(SET_COOKIE, cookie);
    }
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Without it a browser says of its own forms that they come from nowhere.
        (REFERRER_POLICY, "same-origin"),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    answer
}

/// The request with what its page needs to know, or the answer that it gets instead.
async fn admitted(web: &Arc<Web>, session: &str, request: Request) -> Result<Request, Response> {
    let refuse = |trouble: Trouble| trouble.into_response();
    if let Some(why) = web.access.foreign(request.headers(), request.uri()) {
        return Err(refuse(Trouble(StatusCode::MISDIRECTED_REQUEST, why.into())));
    }
    let visitor = web.access.visitor(session);
    let posts = request.method() == Method::POST;
    let at_door = request.uri().path() == "/login";
    match (&web.access.entry, &visitor) {
        (Entry::Open, _) | (Entry::Login(_), Some(_)) => {}
        (Entry::Login(_), None) if at_door => {}
        (Entry::Login(_), None) if posts => {
            let text = "Your log-in has ended; log in again.";
            return Err(refuse(Trouble(StatusCode::UNAUTHORIZED, text.into())));
        }
        (Entry::Login(_), None) => return Err(Redirect::to("/login").into_response()),
        (Entry::Closed, _) => {
            let text = "These pages want a log-in, because other machines can reach them or because that was asked for, and nobody may log in: name a [[user]] with a password in the configuration.";
            return Err(refuse(Trouble::forbidden(text)));
        }
    }
    // A page of another site can open a WebSocket as well; browsers say whose it is.
    let own = is_own(request.headers());
    if !own && (posts || request.headers().contains_key(UPGRADE)) {
        let text =
            "This form does not come from a page of this server. Open the page here and send it again.";
        return Err(refuse(Trouble::forbidden(text)));
    }
    let changes = posts && !at_door && request.uri().path() != "/logout";
    if changes && visitor.as_ref().is_some_and(|visitor| !visitor.may_change) {
        return Err(refuse(Trouble::forbidden(
            "You may look at everything and change nothing: your role is network-operator.",
        )));
    }
    let (mut parts, body) = request.into_parts();
    let body = if posts {
        let limit = if parts.uri.path().ends_with("/upload") { MAX_FILE } else { MAX_FORM };
        let read = tokio::time::timeout(web.shared.body_time, to_bytes(body, limit)).await;
        let Ok(Ok(bytes)) = read else {
            let text = format!("The form was not taken: it has at most {limit} bytes, and comes at once.");
            return Err(refuse(Trouble(StatusCode::PAYLOAD_TOO_LARGE, text)));
        };
        let posted = Posted::read(&parts.headers, bytes).await.map_err(refuse)?;
        if !web.access.has_csrf(session, posted.get("csrf")) {
            let text = "This form is from before the server was started, or not ours. Open the page again and send it from there.";
            return Err(refuse(Trouble::forbidden(text)));
        }
        parts.extensions.insert(posted);
        axum::body::Body::empty()
    } else {
        body
    };
    let is_behind = !web.shared.glance().await;
    let shown = !posts && !parts.headers.contains_key(UPGRADE);
    parts.extensions.insert(Visit {
        csrf: web.access.csrf(session),
        session: session.to_owned(),
        visitor,
        note: if shown { web.note(session) } else { None },
        trouble: None,
        since: web.shared.keeper.enter().ok(),
        is_behind,
        role: web.shared.read(|cssm| cssm.config().role),
        has_switches: web.switches.is_some(),
    });
    Ok(Request::from_parts(parts, body))
}

/// `GET /login`
pub(super) async fn login_page(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Response {
    match (&web.access.entry, &visit.visitor) {
        (Entry::Login(_), None) => form_page(&visit, ""),
        (Entry::Login(_), Some(_)) | (Entry::Open | Entry::Closed, _) => Redirect::to("/").into_response(),
    }
}

fn form_page(visit: &Visit, name: &str) -> Response {
    let fields = html! {
        label.field { span { "User name" } input type="text" name="name" value=(name) autocomplete="username" required; }
        label.field { span { "Password" } input type="password" name="password" autocomplete="current-password" required; }
        button.main { "Log in" }
    };
    let body = html! {
        h1 { "Log in" }
        p.hint { "Users are those of " code { "[[user]]" } " in the configuration of this mock." }
        (layout::form(visit, "/login", "row", &fields))
    };
    layout::page(visit, "Log in", "", &body)
}

/// `POST /login`
pub(super) async fn log_in(
    State(web): State<Arc<Web>>,
    Extension(mut visit): Extension<Visit>,
    caller: Option<Extension<Caller>>,
    Extension(posted): Extension<Posted>,
) -> Response {
    let Entry::Login(doorman) = &web.access.entry else { return Redirect::to("/").into_response() };
    let address = caller.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Extension(Caller(peer))| peer.ip());
    if let Some(wait) = web.access.attempt(address) {
        visit.trouble =
            Some(format!("Too many wrong log-ins from your address. Try again in {wait} seconds."));
        let mut answer = form_page(&visit, posted.get("name"));
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
        return answer;
    }
    let Some(visitor) = doorman.admits(posted.get("name"), posted.get("password")).await else {
        tracing::warn!(%address, "a wrong log-in to the pages");
        visit.trouble = Some("User name or password is wrong.".into());
        let mut answer = form_page(&visit, posted.get("name"));
        *answer.status_mut() = StatusCode::UNAUTHORIZED;
        return answer;
    };
    web.access.succeeded(address);
    let begun = web.access.log_in(visitor).and_then(|session| web.access.set_cookie(&session));
    let mut answer = Redirect::to("/").into_response();
    if let Some(cookie) = begun {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}

/// `POST /logout`
pub(super) async fn log_out(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Redirect {
    web.access.log_out(&visit.session);
    Redirect::to("/")
}

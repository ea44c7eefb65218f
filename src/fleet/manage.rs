//! `--manage ADDR`: a running fleet is steered over HTTP. Loopback only: whoever reaches it can make the fleet louder.
//! There is no token (`interface.md` §4), so that pages of others in a browser of this machine are kept out by what the
//! browser says of them.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use slpsim_cssm::server::caller::{is_local, is_own, named_host};
use slpsim_cssm::server::listen;
use slpsim_sim::fleet::population::Trouble;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::pace::Rate;
use super::steer::{Refusal, Steer, Wish};
use crate::error::{BlameUser, user_error};

/// Devices that one call may add.
const ADD_MAX: u32 = 1_000_000;
/// Connections at a time; a call may wait for the end of an epoch.
const CONNECTIONS: usize = 128;
/// Largest body of a call, in bytes.
const BODY_MAX: usize = 64 << 10;
/// How long the body of a call may take to come.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Serves until the runtime ends, in the context of which it is to be called; where it listens.
///
/// # Errors
/// Where the address is taken, not ours, or not on this machine; one line for the user.
pub fn serve(address: SocketAddr, steer: Steer) -> Result<SocketAddr> {
    if !address.ip().is_loopback() {
        return Err(user_error(format!("--manage {address}: only on this machine, such as 127.0.0.1:0")));
    }
    let listening = TcpListener::bind(address).and_then(|listener| {
        listen::serve(listener, router(steer), None, &Arc::new(Semaphore::new(CONNECTIONS)))
    });
    let listening =
        listening.with_context(|| format!("--manage: cannot listen at {address}")).blame_user()?;
    Ok(listening.address)
}

fn router(steer: Steer) -> Router {
    Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/state", get(|State(steer): State<Steer>| async move { Json(steer.shown()) }))
        .route("/rate", put(rate))
        .route("/devices", post(add))
        .route("/devices/{name}", delete(remove))
        .route("/outages", post(open))
        .route("/outages/{id}", delete(close))
        .fallback(no_such_call)
        .method_not_allowed_fallback(no_such_method)
        .layer(from_fn(guard))
        .with_state(steer)
}

/// The answer to a call that cannot be fulfilled, in the form of the mock's management (`interface.md` §7):
/// `{"error": "…"}`, one line.
#[derive(Debug)]
struct Refused(StatusCode, String);

impl Refused {
    fn wrong(why: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, why.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound(why) => Self(StatusCode::NOT_FOUND, why),
            Refusal::Conflict(why) => Self(StatusCode::CONFLICT, why),
        }
    }
}

impl From<PathRejection> for Refused {
    fn from(rejection: PathRejection) -> Self {
        Self::wrong(rejection.body_text())
    }
}

async fn no_such_call() -> Refused {
    let why = "there is no such call; there are GET state, PUT rate, POST devices, DELETE devices/{name}, \
               POST outages, DELETE outages/{id}";
    Refused(StatusCode::NOT_FOUND, why.into())
}

async fn no_such_method() -> Refused {
    Refused(StatusCode::METHOD_NOT_ALLOWED, "this call has another method".into())
}

/// Stands before every call: who asks, and how much.
async fn guard(request: Request, next: Next) -> Response {
    let forbidden = |why: &str| Refused(StatusCode::FORBIDDEN, why.into()).into_response();
    if !named_host(request.headers(), request.uri()).is_some_and(is_local) {
        return forbidden("a fleet is steered from this machine only: call it 127.0.0.1, [::1] or localhost");
    }
    if !is_own(request.headers()) {
        return forbidden("pages of other servers do not steer a fleet; curl does, without an Origin");
    }
    let (parts, incoming) = request.into_parts();
    let Ok(read) = timeout(BODY_TIME, to_bytes(incoming, BODY_MAX)).await else {
        return Refused(StatusCode::REQUEST_TIMEOUT, "the body of a call comes at once".into())
            .into_response();
    };
    let Ok(bytes) = read else {
        let why = format!("the body of a call has at most {BODY_MAX} bytes");
        return Refused(StatusCode::PAYLOAD_TOO_LARGE, why).into_response();
    };
    next.run(Request::from_parts(parts, bytes.into())).await
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateBody {
    rate: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DevicesBody {
    #[serde(default = "one")]
    count: u32,
}

const fn one() -> u32 {
    1
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct OutageBody {
    site: Option<String>,
    failure: Option<String>,
    r#for: String,
}

async fn rate(State(steer): State<Steer>, bytes: Bytes) -> Result<Response, Refused> {
    let RateBody { rate } = body(&bytes)?;
    ask(&steer, Wish::Rate(rate.parse::<Rate>().map_err(Refused::wrong)?)).await
}

async fn add(State(steer): State<Steer>, bytes: Bytes) -> Result<Response, Refused> {
    let DevicesBody { count } = body(&bytes)?;
    if !(1..=ADD_MAX).contains(&count) {
        return Err(Refused::wrong(format!("count is from 1 to {ADD_MAX}")));
    }
    ask(&steer, Wish::Add(count)).await
}

async fn remove(
    State(steer): State<Steer>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, Refused> {
    let Path(name) = name?;
    ask(&steer, Wish::Remove(name)).await
}

async fn open(State(steer): State<Steer>, bytes: Bytes) -> Result<Response, Refused> {
    let OutageBody { site, failure, r#for } = body(&bytes)?;
    let word = failure.as_deref().unwrap_or("unreachable");
    let trouble = Trouble::by_word(word).ok_or_else(|| {
        let hint = slpsim_config::reader::did_you_mean(word, Trouble::WORDS.iter().copied());
        Refused::wrong(format!("unknown failure `{word}`{hint}"))
    })?;
    let lasts = slpsim_config::parse_span(&r#for).map_err(Refused::wrong)?;
    ask(&steer, Wish::Open { site, trouble, lasts }).await
}

async fn close(
    State(steer): State<Steer>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Refused> {
    let Path(id) = id?;
    let none = || Refusal::NotFound(format!("there is no outage {id}"));
    ask(&steer, Wish::Close(id.parse().map_err(|_| none())?)).await
}

/// The JSON body of a call. curl's `-d` calls it a form, so the content type is not looked at.
fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes)
        .map_err(|error| Refused::wrong(format!("the body is not as it should be: {error}")))
}

async fn ask(steer: &Steer, wish: Wish) -> Result<Response, Refused> {
    let conflict = |why: &str| Refusal::Conflict(why.into());
    let told = steer.wish(wish).ok_or_else(|| conflict("too many calls wait for the fleet"))?;
    let outcome = told.await.map_err(|_| conflict("the fleet has ended"))?;
    let value = outcome?;
    Ok(if value.is_null() { StatusCode::NO_CONTENT.into_response() } else { Json(value).into_response() })
}

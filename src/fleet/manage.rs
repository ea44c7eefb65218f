//! `--manage ADDR`: a running fleet is steered over HTTP. Loopback only: whoever reaches it can make the fleet louder.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use slpsim_sim::fleet::population::Trouble;
use tokio::net::TcpListener;

use super::pace::Rate;
use super::steer::{Outcome, Refusal, Steer, Wish};
use crate::error::{BlameUser, user_error};

/// Devices that one call may add.
const ADD_MAX: u32 = 1_000_000;

/// Serves until the runtime ends; where it listens.
///
/// # Errors
/// Where the address is taken, not ours, or not on this machine; one line for the user.
pub async fn serve(address: SocketAddr, steer: Steer) -> Result<SocketAddr> {
    if !address.ip().is_loopback() {
        return Err(user_error(format!("--manage {address}: only on this machine, such as 127.0.0.1:0")));
    }
    let listener = TcpListener::bind(address).await;
    let listener = listener.with_context(|| format!("cannot listen at {address}")).blame_user()?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router(steer)).await {
            tracing::warn!("management listener: {error}");
        }
    });
    Ok(address)
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
        .with_state(steer)
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

async fn rate(State(steer): State<Steer>, body: Result<Json<RateBody>, JsonRejection>) -> Response {
    with(body, &steer, |body: RateBody| body.rate.parse::<Rate>().map(Wish::Rate)).await
}

async fn add(State(steer): State<Steer>, body: Result<Json<DevicesBody>, JsonRejection>) -> Response {
    let wish = |DevicesBody { count }| match count {
        1..=ADD_MAX => Ok(Wish::Add(count)),
        _ => Err(format!("count is from 1 to {ADD_MAX}")),
    };
    with(body, &steer, wish).await
}

async fn remove(State(steer): State<Steer>, Path(name): Path<String>) -> Response {
    ask(&steer, Wish::Remove(name)).await
}

async fn open(State(steer): State<Steer>, body: Result<Json<OutageBody>, JsonRejection>) -> Response {
    let wish = |body: OutageBody| {
        let word = body.failure.as_deref().unwrap_or("unreachable");
        let trouble = Trouble::by_word(word).ok_or_else(|| {
            let hint = slpsim_config::reader::did_you_mean(word, Trouble::WORDS.iter().copied());
            format!("unknown failure `{word}`{hint}")
        })?;
        let lasts = slpsim_config::parse_span(&body.r#for)?;
        Ok(Wish::Open { site: body.site, trouble, lasts })
    };
    with(body, &steer, wish).await
}

async fn close(State(steer): State<Steer>, Path(id): Path<String>) -> Response {
    match id.parse() {
        Ok(id) => ask(&steer, Wish::Close(id)).await,
        Err(_) => answer(Err(Refusal::NotFound(format!("there is no outage {id}")))),
    }
}

async fn with<T>(
    body: Result<Json<T>, JsonRejection>,
    steer: &Steer,
    wish: impl FnOnce(T) -> Result<Wish, String>,
) -> Response {
    let read = body.map_err(|error| error.body_text()).and_then(|Json(body)| wish(body));
    match read {
        Ok(wish) => ask(steer, wish).await,
        Err(why) => (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response(),
    }
}

async fn ask(steer: &Steer, wish: Wish) -> Response {
    let gone = || Err(Refusal::Conflict("the fleet has ended".into()));
    match steer.wish(wish) {
        None => answer(Err(Refusal::Conflict("too many calls wait for the fleet".into()))),
        Some(told) => answer(told.await.unwrap_or_else(|_| gone())),
    }
}

fn answer(outcome: Outcome) -> Response {
    let error = |status, why: String| (status, Json(json!({"error": why}))).into_response();
    match outcome {
        Ok(Value::Null) => StatusCode::NO_CONTENT.into_response(),
        Ok(value) => Json(value).into_response(),
        Err(Refusal::NotFound(why)) => error(StatusCode::NOT_FOUND, why),
        Err(Refusal::Conflict(why)) => error(StatusCode::CONFLICT, why),
    }
}

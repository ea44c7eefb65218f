//! Faults, clock, ACKs.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answered, Refused, body};
use crate::config::AckMode;
use crate::fault::{Fault, FaultSpec};
use crate::server::Shared;
use crate::server::manage::views::time_text;
use crate::span;

pub(super) async fn faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|cssm| cssm.faults(shared.now()).active().iter().map(view).collect()))
}

pub(super) async fn begin_fault(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered {
    let spec: FaultSpec = body(&bytes)?;
    let now = shared.now();
    let begun = shared.with(|cssm| {
        let id = cssm.begin_fault(spec, now)?;
        Ok::<_, crate::cssm::ManageError>(find(&cssm.faults(now).active(), id))
    })?;
    begun
        .map(Json)
        .ok_or_else(|| Refused::wrong("the fault was over as soon as it began; give it a longer time"))
}

pub(super) async fn clear_faults(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let now = shared.now();
    let ended = shared.with(|cssm| {
        let ids: Vec<u64> = cssm.faults(now).active().iter().map(|fault| fault.id).collect();
        ids.into_iter().filter(|id| cssm.end_fault(*id, now)).count()
    });
    Json(json!({"deleted": ended}))
}

pub(super) async fn fault(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answered {
    let id = number(&id)?;
    let found = shared.with(|cssm| find(&cssm.faults(shared.now()).active(), id));
    found.map(Json).ok_or_else(|| no_fault(id))
}

pub(super) async fn end_fault(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answered {
    let id = number(&id)?;
    match shared.with(|cssm| cssm.end_fault(id, shared.now())) {
        true => Ok(Json(json!({"deleted": 1}))),
        false => Err(no_fault(id)),
    }
}

fn number(text: &str) -> Result<u64, Refused> {
    text.parse().map_err(|_| Refused::wrong(format!("{text:?} is no number of a fault")))
}

fn no_fault(id: u64) -> Refused {
    Refused::not_found(format!("fault {id} is not in force; it may have ended by itself"))
}

fn find(faults: &[Fault], id: u64) -> Option<Value> {
    faults.iter().find(|fault| fault.id == id).map(view)
}

fn view(fault: &Fault) -> Value {
    json!({
        "id": fault.id,
        "fault": fault.spec,
        "began": time_text(fault.began),
        "until": time_text(fault.until),
        "left": fault.left,
        "met": fault.met,
        "hit": fault.hit,
    })
}

pub(super) async fn clock(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(clock_view(&shared))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    skew: String,
}

pub(super) async fn set_clock(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered {
    let wish: ClockBody = body(&bytes)?;
    let skew = span::parse(&wish.skew, true).map_err(Refused::wrong)?;
    shared.with(|cssm| cssm.set_skew_ms(skew));
    Ok(Json(clock_view(&shared)))
}

fn clock_view(shared: &Shared) -> Value {
    let now = shared.now();
    let (server, skew) = shared.with(|cssm| (cssm.clock(now), cssm.skew_ms()));
    json!({"time": time_text(server), "unix_ms": server.0, "skew": span::print(skew)})
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AckModeBody {
    mode: String,
    delay: Option<String>,
}

pub(super) async fn ack_mode(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(mode_view(shared.with(|cssm| cssm.ack_mode())))
}

pub(super) async fn set_ack_mode(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered {
    let wish: AckModeBody = body(&bytes)?;
    let mode = ack_mode_of(&wish.mode, wish.delay.as_deref()).map_err(Refused::wrong)?;
    shared.with(|cssm| cssm.set_ack_mode(mode));
    Ok(Json(mode_view(mode)))
}

/// The mode that is meant.
pub(in crate::server) fn ack_mode_of(mode: &str, delay: Option<&str>) -> Result<AckMode, String> {
    match (mode, delay) {
        ("at-once", None) => Ok(AckMode::AtOnce),
        ("manual", None) => Ok(AckMode::Manual),
        ("delay", Some(delay)) => Ok(AckMode::Delay(span::parse(delay, false)?)),
        ("delay", None) => Err("mode delay needs a delay, such as \"10m\"".into()),
        ("at-once" | "manual", Some(_)) => Err("only mode delay has a delay".into()),
        (other, _) => Err(format!("{other:?} is no mode; there are at-once, delay, manual")),
    }
}

fn mode_view(mode: AckMode) -> Value {
    match mode {
        AckMode::AtOnce => json!({"mode": "at-once"}),
        AckMode::Delay(millis) => json!({"mode": "delay", "delay": span::print(millis)}),
        AckMode::Manual => json!({"mode": "manual"}),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    #[serde(default)]
    devices: Vec<String>,
}

pub(super) async fn release(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered {
    let wish: ReleaseBody = body(&bytes)?;
    let released = shared.with(|cssm| cssm.release_acks(&wish.devices));
    Ok(Json(json!({"released": released})))
}

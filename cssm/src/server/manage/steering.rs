//! Faults, clock, ACKs.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::schema::{AckModeView, ClockView, DeletedView, ErrorView, FaultView, ReleasedView, time_text};
use super::{Answered, Refused, body};
use crate::config::AckMode;
use crate::fault::{Fault, FaultSpec};
use crate::server::Shared;
use crate::span;

/// The faults in force.
#[utoipa::path(get, path = "/faults", tag = "faults", responses((status = 200, body = [FaultView])))]
pub(super) async fn faults(State(shared): State<Arc<Shared>>) -> Json<Vec<FaultView>> {
    Json(shared.read(|cssm| cssm.faults_in_force(shared.now()).iter().map(view).collect()))
}

/// Begins a fault; it ends by itself.
#[utoipa::path(post, path = "/faults", tag = "faults", request_body = FaultSpec, responses(
    (status = 200, body = FaultView),
    (status = 400, description = "no such fault, or wrong keys", body = ErrorView),
))]
pub(super) async fn begin_fault(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered<FaultView> {
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

/// Ends all faults.
#[utoipa::path(delete, path = "/faults", tag = "faults", responses((status = 200, body = DeletedView)))]
pub(super) async fn clear_faults(State(shared): State<Arc<Shared>>) -> Json<DeletedView> {
    Json(DeletedView { deleted: end_all(&shared) })
}

/// Ends all faults; how many there were.
pub(in crate::server) fn end_all(shared: &Shared) -> usize {
    let now = shared.now();
    shared.with(|cssm| {
        let ids: Vec<u64> = cssm.faults(now).active().iter().map(|fault| fault.id).collect();
        ids.into_iter().filter(|id| cssm.end_fault(*id, now)).count()
    })
}

/// A fault in force.
#[utoipa::path(get, path = "/faults/{id}", tag = "faults", params(("id" = u64, Path)), responses(
    (status = 200, body = FaultView),
    (status = 400, description = "no number", body = ErrorView),
    (status = 404, description = "not in force", body = ErrorView),
))]
pub(super) async fn fault(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answered<FaultView> {
    let id = number(&id)?;
    let found = shared.read(|cssm| find(&cssm.faults_in_force(shared.now()), id));
    found.map(Json).ok_or_else(|| no_fault(id))
}

/// Ends a fault.
#[utoipa::path(delete, path = "/faults/{id}", tag = "faults", params(("id" = u64, Path)), responses(
    (status = 200, body = DeletedView),
    (status = 400, description = "no number", body = ErrorView),
    (status = 404, description = "not in force", body = ErrorView),
))]
pub(super) async fn end_fault(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
) -> Answered<DeletedView> {
    let id = number(&id)?;
    match shared.with(|cssm| cssm.end_fault(id, shared.now())) {
        true => Ok(Json(DeletedView { deleted: 1 })),
        false => Err(no_fault(id)),
    }
}

fn number(text: &str) -> Result<u64, Refused> {
    text.parse().map_err(|_| Refused::wrong(format!("{text:?} is no number of a fault")))
}

fn no_fault(id: u64) -> Refused {
    Refused::not_found(format!("fault {id} is not in force; it may have ended by itself"))
}

fn find(faults: &[Fault], id: u64) -> Option<FaultView> {
    faults.iter().find(|fault| fault.id == id).map(view)
}

fn view(fault: &Fault) -> FaultView {
    FaultView {
        id: fault.id,
        fault: fault.spec.clone(),
        began: time_text(fault.began),
        until: time_text(fault.until),
        left: fault.left,
        met: fault.met,
        hit: fault.hit,
    }
}

/// The server's clock.
#[utoipa::path(get, path = "/clock", tag = "clock", responses((status = 200, body = ClockView)))]
pub(super) async fn clock(State(shared): State<Arc<Shared>>) -> Json<ClockView> {
    Json(clock_view(&shared))
}

/// Where the server's clock shall stand.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ClockBody {
    /// Against true time, such as `2h` or `-1h30m`.
    skew: String,
}

/// Sets the server's clock against the devices'.
#[utoipa::path(post, path = "/clock", tag = "clock", request_body = ClockBody, responses(
    (status = 200, body = ClockView),
    (status = 400, description = "no span of time", body = ErrorView),
))]
pub(super) async fn set_clock(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered<ClockView> {
    let wish: ClockBody = body(&bytes)?;
    let skew = span::parse(&wish.skew, true).map_err(Refused::wrong)?;
    shared.with(|cssm| cssm.set_skew_ms(skew));
    Ok(Json(clock_view(&shared)))
}

fn clock_view(shared: &Shared) -> ClockView {
    let now = shared.now();
    let (server, skew) = shared.read(|cssm| (cssm.clock(now), cssm.skew_ms()));
    ClockView { time: time_text(server), unix_ms: server.0, skew: span::print(skew) }
}

/// When ACKs shall become ready.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AckModeBody {
    /// `at-once`, `delay` or `manual`.
    mode: String,
    /// With mode `delay`, such as `10m`.
    delay: Option<String>,
}

/// When ACKs become ready.
#[utoipa::path(get, path = "/ack-mode", tag = "acks", responses((status = 200, body = AckModeView)))]
pub(super) async fn ack_mode(State(shared): State<Arc<Shared>>) -> Json<AckModeView> {
    Json(mode_view(shared.read(crate::cssm::Cssm::ack_mode)))
}

/// Sets when ACKs become ready.
#[utoipa::path(put, path = "/ack-mode", tag = "acks", request_body = AckModeBody, responses(
    (status = 200, body = AckModeView),
    (status = 400, description = "no such mode", body = ErrorView),
))]
pub(super) async fn set_ack_mode(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered<AckModeView> {
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

fn mode_view(mode: AckMode) -> AckModeView {
    match mode {
        AckMode::AtOnce => AckModeView { mode: "at-once", delay: None },
        AckMode::Delay(millis) => AckModeView { mode: "delay", delay: Some(span::print(millis)) },
        AckMode::Manual => AckModeView { mode: "manual", delay: None },
    }
}

/// Whose ACKs shall be made ready.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseBody {
    /// UDIs or serial numbers; all devices without it.
    #[serde(default)]
    devices: Vec<String>,
}

/// Makes the ACKs of pushes ready that wait.
#[utoipa::path(post, path = "/acks/release", tag = "acks", request_body = ReleaseBody, responses(
    (status = 200, body = ReleasedView),
    (status = 400, description = "wrong keys", body = ErrorView),
))]
pub(super) async fn release(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered<ReleasedView> {
    let wish: ReleaseBody = body(&bytes)?;
    let released = shared.with(|cssm| cssm.release_acks(&wish.devices));
    Ok(Json(ReleasedView { released }))
}

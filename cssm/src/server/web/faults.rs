//! Faults: what there is, what is in force, for how long.

mod fields;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};
use slpsim_policy::Wall;
use slpsim_transport::fault::{Kind, Wrong};

use super::layout::{self, Trouble, Visit, cell, form, number, table, text, time_words};
use super::posted::Posted;
use super::{Web, again};
use crate::fault::Fault;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/faults", get(show).post(begin))
        .route("/faults/end-all", post(end_all))
        .route("/faults/{id}/end", post(end))
}

async fn show(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Result<Response, Trouble> {
    page(&web, &visit, None, None)
}

/// `wrong` is what keeps the form from being taken.
fn page(
    web: &Web,
    visit: &Visit,
    posted: Option<&Posted>,
    wrong: Option<&Wrong>,
) -> Result<Response, Trouble> {
    let now = web.shared.now();
    let (now, active) = web.shared.read(|cssm| (cssm.clock(now), cssm.faults_in_force(now)));
    let rows: Vec<Markup> = active.iter().map(|fault| row(visit, now, fault)).collect();
    let columns = ["Number", "Fault", "Began", "Time left", "Exchanges hit", "Action"];
    let fields = html! {
        @for group in &fields::GROUPS { (group.show(posted, wrong)) }
        button.main { "Switch On" }
    };
    let body = html! {
        h1 { "Faults" }
        p.hint { "A fault spoils exchanges with this server and ends by itself." }
        (table("Faults in force", &columns, &rows, "No fault is in force."))
        @if active.len() > 1 { (form(visit, "/faults/end-all", "inline", &html! { button.bad { "Switch All Off" } })) }
        h2 { "Switch a fault on" }
        (form(visit, "/faults", "", &fields))
        details {
            summary { "What each fault does" }
            dl { @for kind in fields::live() { dt { code { (kind.word()) } } dd { (about(kind)) } } }
        }
    };
    Ok(layout::page(visit, "Faults", "/faults", &body))
}

/// What a kind does, and the keys that only some kinds take.
fn about(kind: Kind) -> Markup {
    let row = kind.row();
    html! {
        (row.sees) "; " (row.due)
        @for param in row.params { ". " code { (param.key.word()) } ": " (param.meaning) " (default " (param.default) ")" }
    }
}

fn row(visit: &Visit, now: Wall, fault: &Fault) -> Markup {
    let spec = &fault.spec;
    let about = fields::words(spec).join(", ");
    let time = crate::span::print((fault.until.since(now) / 1_000).max(1) * 1_000);
    let left = match fault.left {
        Some(left) => format!("{time}, or {left} exchanges"),
        None => time,
    };
    let action = format!("/faults/{}/end", fault.id);
    html! {
        (number("Number", fault.id))
        (cell("Fault", &html! { code { (spec.kind) } @if !about.is_empty() { ": " (about) } }))
        (text("Began", &time_words(fault.began)))
        (text("Time left", &left))
        (number("Exchanges hit", fault.hit))
        (cell("Action", &form(visit, &action, "inline", &html! { button.bad { "Switch Off" } })))
    }
}

async fn begin(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Extension(posted): Extension<Posted>,
) -> Response {
    let spec = match fields::spec(&posted) {
        Ok(spec) => spec,
        Err(wrong) => {
            let trouble = Trouble::wrong(format!("No fault was switched on: {wrong}."));
            return again(visit, trouble, |visit| page(&web, visit, Some(&posted), Some(&wrong)));
        }
    };
    match web.shared.with(|cssm| cssm.begin_fault(spec, web.shared.now())) {
        Ok(id) => web.done(&visit, "/faults", format!("Fault {id} is on.")),
        Err(error) => again(visit, error.into(), |visit| page(&web, visit, Some(&posted), None)),
    }
}

async fn end(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(id): Path<String>,
) -> Response {
    let ended = id.parse().is_ok_and(|id| web.shared.with(|cssm| cssm.end_fault(id, web.shared.now())));
    let said = if ended { "The fault is off." } else { "The fault was over already." };
    web.done(&visit, "/faults", said)
}

async fn end_all(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Response {
    let ended = crate::server::manage::steering::end_all(&web.shared);
    web.done(&visit, "/faults", format!("{ended} faults are off."))
}

//! Faults: what there is, what is in force, for how long.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};
use slpsim_agent::Purpose;
use slpsim_policy::Wall;
use slpsim_transport::fault::{Kind, Place};

use super::layout::{self, Trouble, Visit, cell, choice, field, form, number, table, text, time_words};
use super::posted::Posted;
use super::{Web, again, kept};
use crate::fault::{Fault, FaultSpec};

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/faults", get(show).post(begin))
        .route("/faults/end-all", post(end_all))
        .route("/faults/{id}/end", post(end))
}

async fn show(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Result<Response, Trouble> {
    page(&web, &visit, None)
}

fn page(web: &Web, visit: &Visit, posted: Option<&Posted>) -> Result<Response, Trouble> {
    let now = web.shared.now();
    let (now, active) = web.shared.with(|cssm| (cssm.clock(now), cssm.faults(now).active()));
    let rows: Vec<Markup> = active.iter().map(|fault| row(visit, now, fault)).collect();
    let columns = ["Number", "Fault", "Began", "Time left", "Exchanges hit", "Action"];
    let body = html! {
        h1 { "Faults" }
        p.hint { "A fault spoils exchanges with this server and ends by itself." }
        (table("Faults in force", &columns, &rows, "No fault is in force."))
        @if active.len() > 1 { (form(visit, "/faults/end-all", "inline", &html! { button.bad { "Switch All Off" } })) }
        h2 { "Switch a fault on" }
        (form(visit, "/faults", "row", &fields(posted)))
        details {
            summary { "What each fault does" }
            dl { @for kind in live() { dt { code { (kind.word()) } } dd { (kind.row().sees) "; " (kind.row().due) } } }
        }
    };
    Ok(layout::page(visit, "Faults", "/faults", &body))
}

/// The faults that a server can have.
fn live() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| kind.row().places.contains(&Place::Live))
}

fn fields(posted: Option<&Posted>) -> Markup {
    let kinds = live().map(|kind| (kind.word(), kind.word()));
    let purposes = std::iter::once(("", "every exchange"))
        .chain(Purpose::ALL.into_iter().map(|purpose| (purpose.word(), purpose.word())));
    html! {
        (choice("Fault", "kind", kept(posted, "kind", "unreachable"), kinds))
        (field("For, such as 6h", "for", kept(posted, "for", "1h"), "text"))
        (field("The next so many exchanges", "next", kept(posted, "next", ""), "number"))
        (choice("Purpose", "purpose", kept(posted, "purpose", ""), purposes))
        (field("Product instances: UDIs or serial numbers", "devices", kept(posted, "devices", ""), "text"))
        (field("HTTP status", "status", kept(posted, "status", ""), "number"))
        (field("Retry after (seconds)", "retry_after", kept(posted, "retry_after", ""), "number"))
        (field("By, such as 20s", "by", kept(posted, "by", ""), "text"))
        (field("Why", "why", kept(posted, "why", ""), "text"))
        button.main { "Switch On" }
    }
}

fn row(visit: &Visit, now: Wall, fault: &Fault) -> Markup {
    let spec = &fault.spec;
    let about: Vec<String> = [
        spec.purpose.as_ref().map(|purpose| format!("purpose {purpose}")),
        (!spec.devices.is_empty()).then(|| format!("only {}", spec.devices.join(" "))),
        spec.status.map(|status| format!("HTTP {status}")),
        spec.by.as_ref().map(|by| format!("by {by}")),
        spec.why.as_ref().map(|why| format!("why {why}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let time = crate::span::print((fault.until.since(now) / 1_000).max(1) * 1_000);
    let left = match fault.left {
        Some(left) => format!("{time}, or {left} exchanges"),
        None => time,
    };
    let action = format!("/faults/{}/end", fault.id);
    html! {
        (number("Number", fault.id))
        (cell("Fault", &html! { code { (spec.kind) } @if !about.is_empty() { " " (about.join(", ")) } }))
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
    let begun = spec(&posted)
        .and_then(|spec| Ok(web.shared.with(|cssm| cssm.begin_fault(spec, web.shared.now()))?));
    match begun {
        Ok(id) => web.done(&visit, "/faults", format!("Fault {id} is on.")),
        Err(trouble) => again(visit, trouble, |visit| page(&web, visit, Some(&posted))),
    }
}

fn spec(posted: &Posted) -> Result<FaultSpec, Trouble> {
    let word = posted.get("kind");
    let kind = Kind::by_word(word).ok_or_else(|| Trouble::wrong(Kind::no_such(word)))?;
    let owned = |name: &str| posted.given(name).map(ToOwned::to_owned);
    let devices = posted.get("devices").split_whitespace().map(ToOwned::to_owned).collect();
    Ok(FaultSpec {
        span: owned("for"),
        next: posted.number("next", "The next so many exchanges")?,
        purpose: owned("purpose"),
        devices,
        status: posted.number("status", "HTTP status")?,
        retry_after: posted.number("retry_after", "Retry after")?,
        by: owned("by"),
        why: owned("why"),
        ..FaultSpec::of(kind)
    })
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

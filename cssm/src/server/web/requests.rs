//! What arrived, what was answered, which rule was broken.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{self, PER_PAGE, Part, Trouble, Visit, cell, encoded, facts, table, text, time_words};
use super::{Web, Wish, texts, wish};
use crate::fault::is_called;
use crate::records::Exchange;
use crate::rule::Broken;
use crate::span::purpose_word;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/requests", get(list)).route("/requests/{number}", get(one))
}

/// Which entries are shown.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Asked {
    device: String,
    broken: Option<String>,
    page: Option<usize>,
}

async fn list(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    asked: Wish<Asked>,
) -> Response {
    let asked = wish(asked);
    let device = asked.device.trim();
    let (part, rows) = web.shared.read(|cssm| {
        let fits = |exchange: &&Exchange| {
            (device.is_empty() || exchange.device.is_some_and(|udi| is_called(device, &udi)))
                && (asked.broken.is_none() || exchange.rule.is_some())
        };
        let part = Part::of(asked.page, cssm.history().exchanges().filter(fits).count());
        let shown = cssm.history().exchanges().rev().filter(fits).skip(part.skipped()).take(PER_PAGE);
        (part, shown.map(row).collect::<Vec<_>>())
    });
    let columns = ["Number", "Time", "Route", "Product Instance", "Purpose", "Answer", "Broken rule"];
    let mut path = format!("/requests?device={}", encoded(device));
    if asked.broken.is_some() {
        path.push_str("&broken=yes");
    }
    let body = html! {
        h1 { "Requests" }
        form.row method="get" action="/requests" {
            (layout::field("Product Instance: UDI or serial number", "device", device, "search"))
            label.check { input type="checkbox" name="broken" value="yes" checked[asked.broken.is_some()]; "only those that broke a rule" }
            button { "Show" }
        }
        (table("The last exchanges, newest first", &columns, &rows, "Nothing has arrived."))
        (part.links(&path))
    };
    layout::page(&visit, "Requests", "/requests", &body)
}

fn row(exchange: &Exchange) -> Markup {
    let link = format!("/requests/{}", exchange.number);
    let udi = exchange.device.map(|udi| udi.in_show().to_string()).unwrap_or_default();
    let fault = exchange.fault.map(|fault| format!("fault {fault}"));
    html! {
        (cell("Number", &html! { a href=(link) { (exchange.number) } }))
        (text("Time", &time_words(exchange.at)))
        (text("Route", exchange.route.as_ref().map_or("", crate::peer::Route::word)))
        (text("Product Instance", &udi))
        (text("Purpose", exchange.purpose.map_or("unreadable", purpose_word)))
        (cell("Answer", &html! { (exchange.answer) @if let Some(fault) = fault { " (" (fault) ")" } }))
        (cell("Broken rule", &html! {
            @if let Some(rule) = exchange.rule { span.bad-word { (rule.name()) } }
        }))
    }
}

async fn one(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(number): Path<String>,
) -> Result<Response, Trouble> {
    let number: Option<u64> = number.parse().ok();
    let found = web
        .shared
        .read(|cssm| cssm.history().exchanges().find(|exchange| Some(exchange.number) == number).cloned());
    let exchange =
        found.ok_or_else(|| Trouble::not_found("There is no such request, or it is too old to be kept."))?;
    let rule = exchange.rule.map(|rule| match rule {
        Broken::Mock(known) => format!("{}: {}", rule.name(), known.text()),
        Broken::Wire(_) => rule.name().to_owned(),
    });
    let texts = [("What arrived", &exchange.request), ("What was answered", &exchange.response)];
    let title = format!("Request {}", exchange.number);
    let body = html! {
        h1 { (title) }
        (facts([
            ("Time", html! { (time_words(exchange.at)) }),
            ("Route", html! { (exchange.route.as_ref().map_or("none", crate::peer::Route::word)) }),
            ("Product Instance", html! { @if let Some(udi) = exchange.device { (udi.in_show().to_string()) } @else { "unknown" } }),
            ("Purpose", html! { (exchange.purpose.map_or("unreadable", purpose_word)) }),
            ("Answer", html! { (exchange.answer) }),
            ("Broken rule", html! { @if let Some(rule) = &rule { span.bad-word { (rule) } } @else { "none" } }),
            ("Fault", html! { @if let Some(fault) = exchange.fault { (fault) } @else { "none" } }),
        ]))
        @for (head, kept) in texts {
            h2 { (head) }
            @if let Some(kept) = kept { (texts::shown(head, kept)) } @else { p.dim { "Nothing of it is kept." } }
        }
    };
    Ok(layout::page(&visit, &title, "/requests", &body))
}

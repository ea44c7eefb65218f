//! CSLU: its product instances, and the two tasks that carry files to Cisco and back.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};

use super::inventory::{Found, state};
use super::layout::{
    self, PER_PAGE, Part, Trouble, Visit, cell, encoded, facts, file_form, form, number, table, text,
    time_words,
};
use super::posted::Posted;
use super::reports::taken;
use super::{Web, Wish, again, wish};
use crate::cssm::Cssm;
use crate::records::Device;
use crate::server::bundle::Taken;
use crate::server::manage::files::{attachment, download_all, upstream_state};

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/cslu", get(show))
        .route("/cslu/bundle", get(download))
        .route("/cslu/upload", post(upload))
        .route("/cslu/retry", post(retry))
}

async fn show(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    asked: Wish<Found>,
) -> Result<Response, Trouble> {
    let asked = wish(asked);
    page(&web, &visit, &asked)
}

fn page(web: &Web, visit: &Visit, asked: &Found) -> Result<Response, Trouble> {
    let (part, rows) = web.shared.read(|cssm| {
        let mut devices: Vec<&Device> = cssm.store().devices().filter(|device| asked.takes(device)).collect();
        devices.sort_by_key(|device| (device.first_seen, device.udi));
        let part = Part::of(asked.page, devices.len());
        let rows = devices.into_iter().skip(part.skipped()).take(PER_PAGE).map(|device| row(cssm, device));
        (part, rows.collect::<Vec<_>>())
    });
    let columns = ["Name", "UDI", "Last Contact", "State", "Reports for Cisco"];
    let body = html! {
        h1 { "Product Instances" }
        (connection(web, visit))
        (tasks(web, visit))
        h2 { "Product Instances" }
        form.row method="get" action="/cslu" {
            (layout::field("Find by host name or UDI", "find", &asked.find, "search"))
            button { "Find" }
        }
        (table("Product instances that have reported here", &columns, &rows, "No product instance was seen yet."))
        (part.links(&format!("/cslu?find={}", encoded(asked.find.trim()))))
    };
    Ok(layout::page(visit, "Product Instances", "/cslu", &body))
}

fn row(cssm: &Cssm, device: &Device) -> Markup {
    let udi = device.udi.in_show().to_string();
    let link = format!("/product-instances/{}", encoded(&udi));
    html! {
        (cell("Name", &html! { a href=(link) { (device.hostname.as_deref().unwrap_or(device.udi.serial.as_str())) } }))
        (text("UDI", &udi))
        (text("Last Contact", &time_words(device.last_seen)))
        (cell("State", &state(device)))
        (number("Reports for Cisco", cssm.store().held(&device.udi).count()))
    }
}

/// Connected to CSSM or not.
fn connection(web: &Web, visit: &Visit) -> Markup {
    let connected = web.shared.read(|cssm| cssm.config().connected);
    let upstream = upstream_state(&web.shared);
    let word = html! {
        @match (&upstream.url, &upstream.trouble) {
            (Some(_), Some(trouble)) => span.bad-word { "not reached: " (trouble) },
            (Some(_), None) => span.good { "connected" },
            (None, _) if connected => span.good { "connected: this mock is its CSSM as well" },
            (None, _) => span.warn { "not connected: files are carried" },
        }
    };
    html! {
        h2 { "Connection to CSSM" }
        (facts([
            ("State", word),
            ("CSSM", html! { (upstream.url.as_deref().unwrap_or("none")) }),
            ("Waiting for Cisco", html! { (upstream.waiting_reports) " reports of " (upstream.waiting_devices) " product instances" }),
            ("Delivered", html! { (upstream.delivered) " since the start" }),
        ]))
        @if upstream.url.is_some() { (form(visit, "/cslu/retry", "inline", &html! { button { "Try Again Now" } })) }
    }
}

fn tasks(web: &Web, visit: &Visit) -> Markup {
    let waits = upstream_state(&web.shared).waiting_reports > 0;
    let fields = html! {
        label.field { span { "ACK bundle, ACK file or policy file from CSSM" } input type="file" name="file" required; }
        button.main { "Upload From Cisco" }
    };
    html! {
        h2 { "Data for Cisco" }
        p {
            @if waits { a.button.main href="/cslu/bundle" { "Download All For Cisco" } }
            @else { "Nothing waits: " em { "Download All For Cisco" } " has nothing to download." }
        }
        p.hint { "The file goes to CSSM: Reports, " em { "Upload Usage Data" } "." }
        (file_form(visit, "/cslu/upload", &fields))
    }
}

async fn download(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Response {
    match download_all(&web.shared).await {
        Ok(handover) => attachment(handover),
        Err(refused) => again(visit, refused.into(), |visit| page(&web, visit, &Found::default())),
    }
}

async fn upload(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Extension(posted): Extension<Posted>,
) -> Response {
    match taken(&web, "", posted.file).await {
        Ok((name, Taken::Brought { acks, pushes, policy })) => {
            let policy = if policy { ", with a policy" } else { "" };
            let said = format!(
                "{name} was taken: {acks} ACK files for {pushes} pushes{policy}. The product instances fetch them at their next poll."
            );
            web.done(&visit, "/cslu", said)
        }
        Ok((name, Taken::Answered { .. })) => web.done(&visit, "/cslu", format!("{name} was taken.")),
        Err(trouble) => again(visit, trouble, |visit| page(&web, visit, &Found::default())),
    }
}

async fn retry(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Response {
    let said = match &web.shared.forward {
        Some(forward) => {
            forward.retry_now();
            "What waits is tried again now."
        }
        None => "This mock has no CSSM above it.",
    };
    web.done(&visit, "/cslu", said)
}

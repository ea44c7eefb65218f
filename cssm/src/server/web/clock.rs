//! The server's clock against the devices', and when ACKs become ready.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::html;

use super::layout::{self, Trouble, Visit, choice, facts, field, form, time_words};
use super::posted::Posted;
use super::{Web, again, kept};
use crate::config::AckMode;
use crate::server::manage::steering::ack_mode_of;
use crate::span;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/clock", get(show).post(set))
        .route("/clock/acks", post(set_acks))
        .route("/clock/acks/release", post(release))
}

async fn show(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Result<Response, Trouble> {
    page(&web, &visit, None)
}

fn page(web: &Web, visit: &Visit, posted: Option<&Posted>) -> Result<Response, Trouble> {
    let now = web.shared.now();
    let (server, skew, mode, waiting) =
        web.shared.read(|cssm| (cssm.clock(now), cssm.skew_ms(), cssm.ack_mode(), cssm.waiting().count()));
    let (word, delay) = match mode {
        AckMode::AtOnce => ("at-once", String::new()),
        AckMode::Delay(millis) => ("delay", span::print(millis)),
        AckMode::Manual => ("manual", String::new()),
    };
    let skew_text = span::print(skew);
    let clock_fields = html! {
        (field("Skew, such as 2h or -90m", "skew", kept(posted, "skew", &skew_text), "text"))
        button.main { "Set Clock" }
    };
    let options = [
        ("at-once", "at once: at the first poll"),
        ("delay", "after a delay"),
        ("manual", "by hand: when they are released"),
    ];
    let ack_fields = html! {
        (choice("ACKs become ready", "mode", kept(posted, "mode", word), options))
        (field("Delay, such as 10m", "delay", kept(posted, "delay", &delay), "text"))
        button.main { "Save" }
    };
    let body = html! {
        h1 { "Clock" }
        p.hint { "A server whose clock differs from the switch's by an hour or more is what the chapter calls a timestamp or signature mismatch." }
        (facts([
            ("Clock of this server", html! { (time_words(server)) }),
            ("True time", html! { (time_words(now)) }),
            ("Skew", html! { (skew_text) }),
        ]))
        (form(visit, "/clock", "row", &clock_fields))
        h2 { "ACKs" }
        (form(visit, "/clock/acks", "row", &ack_fields))
        p { (waiting) " reports wait for their ACK to be fetched." }
        (form(visit, "/clock/acks/release", "row", &html! { button { "Release All ACKs" } }))
    };
    Ok(layout::page(visit, "Clock", "/clock", &body))
}

async fn set(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Extension(posted): Extension<Posted>,
) -> Response {
    match span::parse(posted.get("skew"), true) {
        Ok(skew) => {
            web.shared.with(|cssm| cssm.set_skew_ms(skew));
            web.done(&visit, "/clock", format!("The clock of this server is {} off.", span::print(skew)))
        }
        Err(wrong) => again(visit, Trouble::wrong(wrong), |visit| page(&web, visit, Some(&posted))),
    }
}

async fn set_acks(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Extension(posted): Extension<Posted>,
) -> Response {
    match ack_mode_of(posted.get("mode"), posted.given("delay")) {
        Ok(mode) => {
            web.shared.with(|cssm| cssm.set_ack_mode(mode));
            web.done(&visit, "/clock", "It is set.")
        }
        Err(wrong) => again(visit, Trouble::wrong(wrong), |visit| page(&web, visit, Some(&posted))),
    }
}

async fn release(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Response {
    let released = web.shared.with(|cssm| cssm.release_acks(&[]));
    web.done(&visit, "/clock", format!("{released} ACKs were released."))
}

//! Tab *Event Log*: what happened in an account, newest first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use maud::{Markup, html};

use super::instances::Found;
use super::{Shown, Tab, tab};
use crate::cssm::Cssm;
use crate::records::{AccountId, Event, EventRecord};
use crate::server::web::layout::{PER_PAGE, Part, Visit, table, text, time_words};
use crate::server::web::{Web, Wish, wish};

pub(super) async fn list(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(account): Path<String>,
    asked: Wish<Found>,
) -> Shown {
    let (id, account) = web.account(&account)?;
    let asked = wish(asked);
    let (part, rows) = web.shared.read(|cssm| {
        // What concerns no product instance, or one that is gone, is everybody's.
        let of = |event: &EventRecord| event.device.and_then(|udi| Some(cssm.store().device(&udi)?.account));
        let mut events: Vec<&EventRecord> =
            cssm.store().events().filter(|event| of(event).is_none_or(|other| other == id)).collect();
        events.reverse();
        let part = Part::of(asked.page, events.len());
        let shown = events.into_iter().skip(part.skipped()).take(PER_PAGE);
        (part, shown.map(|event| row(cssm, event)).collect::<Vec<_>>())
    });
    let path = format!("/inventory/{}/event-log", id.0);
    let content = html! {
        (table("Events, newest first", &["Time", "Event", "Product Instance"], &rows, "Nothing has happened yet."))
        (part.links(&path))
    };
    Ok(tab(&web, &visit, (id, &account), Tab::Events, &content))
}

fn row(cssm: &Cssm, event: &EventRecord) -> Markup {
    html! {
        (text("Time", &time_words(event.at)))
        (text("Event", &words(cssm, event.event)))
        (text("Product Instance", &event.device.map(|udi| udi.in_show().to_string()).unwrap_or_default()))
    }
}

/// An event as a sentence.
fn words(cssm: &Cssm, event: Event) -> String {
    let account = |AccountId(id): AccountId| {
        cssm.store()
            .accounts()
            .get(usize::from(id))
            .map_or_else(String::new, |account| account.names.r#virtual.clone())
    };
    match event {
        Event::DeviceAdded(id) => {
            format!("The product instance was added to Virtual Account {}.", account(id))
        }
        Event::DeviceMoved(id) => {
            format!("The product instance was transferred to Virtual Account {}.", account(id))
        }
        Event::DeviceRemoved => "The product instance was removed.".into(),
        Event::TrustIssued { trust_id } => format!("Trust code {trust_id} was given out."),
        Event::TrustRenewed { trust_id } => format!("Trust code {trust_id} was renewed."),
        Event::ClockSkew(millis) => {
            format!("The clock of the product instance differs by {}.", crate::span::print(millis))
        }
        Event::ReportRejected(id, rule) => format!("Report {} was rejected: {}.", id.0, rule.text()),
        Event::ReportsDropped(count) => {
            format!("{count} of the oldest reports had to go: the store is full.")
        }
        Event::Authorization => "An authorization code was given out or taken back.".into(),
        Event::AckBrought(pushes) => format!("ACKs for {pushes} pushes came back from Cisco."),
        Event::UpstreamRefused => "CSSM did not take its reports.".into(),
        Event::FaultBegan(id) => format!("Fault {id} began."),
        Event::FaultEnded(id) => format!("Fault {id} ended."),
    }
}

//! Tab *Product Instances*.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Shown, Tab, tab};
use crate::records::Device;
use crate::server::web::layout::{self, PER_PAGE, Part, Visit, cell, encoded, table, text, time_words};
use crate::server::web::{Web, Wish, wish};

/// Which ones are shown.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(in crate::server::web) struct Found {
    /// Part of a host name or UDI.
    pub(in crate::server::web) find: String,
    /// From 1 on.
    pub(in crate::server::web) page: Option<usize>,
}

impl Found {
    pub(in crate::server::web) fn takes(&self, device: &Device) -> bool {
        let find = self.find.trim();
        find.is_empty()
            || device.udi.in_show().to_string().contains(find)
            || device.hostname.as_deref().is_some_and(|hostname| hostname.contains(find))
    }
}

pub(super) async fn list(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(account): Path<String>,
    asked: Wish<Found>,
) -> Shown {
    let (id, account) = web.account(&account)?;
    let asked = wish(asked);
    let (part, rows) = web.shared.read(|cssm| {
        let mut devices = cssm.instances(id);
        devices.retain(|device| asked.takes(device));
        let part = Part::of(asked.page, devices.len());
        let rows = devices.into_iter().skip(part.skipped()).take(PER_PAGE).map(row);
        (part, rows.collect::<Vec<_>>())
    });
    let path = format!("/inventory/{}/product-instances", id.0);
    let columns = ["Name", "UDI", "Last Contact", "State", "Actions"];
    let content = html! {
        form.row method="get" action=(path) {
            (layout::field("Find by host name or UDI", "find", &asked.find, "search"))
            button { "Find" }
        }
        (table("Product instances of this account", &columns, &rows, "No product instance was seen yet."))
        (part.links(&format!("{path}?find={}", encoded(asked.find.trim()))))
    };
    Ok(tab(&web, &visit, (id, &account), Tab::Instances, &content))
}

fn row(device: &Device) -> Markup {
    let link = format!("/product-instances/{}", encoded(&device.udi.in_show().to_string()));
    html! {
        (cell("Name", &html! { a href=(link) { (device.hostname.as_deref().unwrap_or(device.udi.serial.as_str())) } }))
        (text("UDI", &device.udi.in_show().to_string()))
        (text("Last Contact", &time_words(device.last_seen)))
        (cell("State", &state(device)))
        (cell("Actions", &html! { a href=(link) { "Transfer or Remove" } }))
    }
}

/// Where a product instance stands.
pub(in crate::server::web) fn state(device: &Device) -> Markup {
    let open = device.polls.iter().filter(|pending| !pending.answered);
    let waiting: usize = open.map(|pending| pending.reports.len()).sum();
    html! {
        @if device.trust.is_some() || device.named.is_some() { span.good { "Trust Code Installed" } } @else { span.warn { "no trust code" } }
        @if waiting > 0 { ", " (waiting) " reports wait for their ACK" }
    }
}

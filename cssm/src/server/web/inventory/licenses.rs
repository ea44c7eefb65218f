//! Tab *Licenses*: what is in use, by the last report of each product instance.

use axum::Extension;
use axum::extract::{Path, State};
use maud::{Markup, html};
use slpsim_policy::Class;

use super::{Asks, Shown, Tab, tab};
use crate::server::rest::accounts::{display_name, known, licenses_in_use};
use crate::server::web::layout::{number, table, text};

pub(super) async fn show((State(web), Extension(visit), Path(account)): Asks) -> Shown {
    let (id, account) = web.account(&account)?;
    let used = web.shared.read(|cssm| licenses_in_use(cssm, |device| device.account == id));
    let rows: Vec<Markup> = used
        .iter()
        .map(|(tag, count)| {
            let class = known(tag).map(|license| license.class);
            let enforcement = match class {
                Some(Class::Enforced) => "enforced",
                Some(Class::Export) => "export-controlled",
                Some(Class::Subscription | Class::Perpetual | Class::Unenforced) => "unenforced",
                None => "unknown",
            };
            html! {
                (text("License", display_name(tag)))
                (text("Entitlement tag", tag))
                (text("Enforcement", enforcement))
                (number("In use", count))
                (text("Status", "In Compliance"))
            }
        })
        .collect();
    let content = html! {
        p.hint { "Counts are those of the last report of each product instance. A mock owns as many licences as are used." }
        (table("Licences in use", &["License", "Entitlement tag", "Enforcement", "In use", "Status"], &rows, "No usage was reported yet."))
    };
    Ok(tab(&web, &visit, (id, &account), Tab::Licenses, &content))
}

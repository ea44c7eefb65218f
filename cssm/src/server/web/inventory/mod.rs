//! *Inventory* of a Virtual Account, with its tabs (`spec/chapter.md` S-36b).

mod events;
mod general;
mod instance;
mod instances;
mod licenses;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use maud::{Markup, html};

use super::Web;
use super::layout::{self, Trouble, Visit};
use crate::records::{Account, AccountId};
pub(super) use instances::{Found, state};

pub(super) fn routes() -> Router<Arc<Web>> {
    let of_account = Router::new()
        .route("/", get(to_general))
        .route("/general", get(general::show))
        .route("/tokens", post(general::new_token))
        .route("/tokens/revoke", post(general::revoke))
        .route("/policy", post(general::save_policy))
        .route("/policy/remove", post(general::remove_policy))
        .route("/policy/file", get(general::policy_file))
        .route("/membership", post(general::save_membership))
        .route("/licenses", get(licenses::show))
        .route("/product-instances", get(instances::list))
        .route("/event-log", get(events::list));
    Router::new()
        .route("/inventory", get(first))
        .nest("/inventory/{account}", of_account)
        .route("/product-instances/{name}", get(instance::show))
        .route("/product-instances/{name}/transfer", post(instance::transfer))
        .route("/product-instances/{name}/remove", post(instance::remove))
}

async fn first() -> Redirect {
    Redirect::to("/inventory/0/product-instances")
}

async fn to_general(Path(account): Path<String>) -> Redirect {
    Redirect::to(&format!("/inventory/{}/general", layout::encoded(&account)))
}

/// A tab of an account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tab {
    General,
    Licenses,
    Instances,
    Events,
}

const TABS: [(Tab, &str, &str); 4] = [
    (Tab::General, "general", "General"),
    (Tab::Licenses, "licenses", "Licenses"),
    (Tab::Instances, "product-instances", "Product Instances"),
    (Tab::Events, "event-log", "Event Log"),
];

/// A page of *Inventory*: which account, its tabs, and what the tab shows.
fn tab(web: &Web, visit: &Visit, account: (AccountId, &Account), here: Tab, content: &Markup) -> Response {
    let (AccountId(id), account) = account;
    let names: Vec<(u16, String)> = web.shared.read(|cssm| {
        (0..).zip(cssm.store().accounts()).map(|(at, other)| (at, other.names.r#virtual.clone())).collect()
    });
    let title = TABS.iter().find(|(tab, ..)| *tab == here).map_or("", |(_, _, word)| word);
    let body = html! {
        h1 { "Inventory: " (account.names.r#virtual) }
        p.hint { "Virtual Account " (account.names.r#virtual) " of Smart Account " (account.names.smart) "." }
        @if names.len() > 1 {
            details {
                summary { "Other Virtual Accounts" }
                ul {
                    @for (at, name) in names.iter().filter(|(at, _)| *at != id) {
                        li { a href=(format!("/inventory/{at}/general")) { (name) } }
                    }
                }
            }
        }
        nav.tabs aria-label="Inventory" {
            ul {
                @for (tab, path, word) in TABS {
                    li { a href=(format!("/inventory/{id}/{path}")) aria-current=[(tab == here).then_some("page")] { (word) } }
                }
            }
        }
        (content)
    };
    layout::page(visit, &format!("{title}: {}", account.names.r#virtual), "/inventory", &body)
}

/// Shows a tab of the account in the path.
type Shown = Result<Response, Trouble>;

/// The parts of a request that every tab takes.
type Asks = (State<Arc<Web>>, Extension<Visit>, Path<String>);

/// Sends the browser to the tab *General* of an account.
fn to(account: AccountId) -> String {
    format!("/inventory/{}/general", account.0)
}

/// An answer that is a file.
fn attachment(handover: crate::server::bundle::Handover) -> Response {
    crate::server::manage::files::attachment(handover).into_response()
}

//! Smart Accounts and Virtual Accounts.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use maud::{Markup, html};

use super::layout::{self, Trouble, Visit, cell, number, table, text};
use super::posted::Posted;
use super::{Web, again, kept};
use crate::records::{AccountId, Membership};

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new().route("/accounts", get(list).post(make))
}

async fn list(State(web): State<Arc<Web>>, Extension(visit): Extension<Visit>) -> Result<Response, Trouble> {
    page(&web, &visit, None)
}

fn page(web: &Web, visit: &Visit, posted: Option<&Posted>) -> Result<Response, Trouble> {
    let (accounts, counts) = web.shared.read(|cssm| {
        let mut counts: HashMap<AccountId, usize> = HashMap::new();
        for device in cssm.store().devices() {
            *counts.entry(device.account).or_default() += 1;
        }
        (cssm.store().accounts().to_vec(), counts)
    });
    let row = |(at, account): (u16, &crate::records::Account)| -> Markup {
        let link = format!("/inventory/{at}/general");
        let policy = account.policy.as_ref().map_or("none: Cisco default", |policy| &policy.policy.name);
        let joins = match &account.membership {
            Membership::Open => "everybody whom no other account has".to_owned(),
            Membership::Listed(list) => format!("{} listed", list.len()),
        };
        html! {
            (cell("Virtual Account", &html! { a href=(link) { (account.names.r#virtual) } }))
            (text("Smart Account", &account.names.smart))
            (text("Policy", policy))
            (text("Who may join", &joins))
            (number("Product Instances", counts.get(&AccountId(at)).copied().unwrap_or(0)))
        }
    };
    let rows: Vec<Markup> = (0..).zip(&accounts).map(row).collect();
    let columns = ["Virtual Account", "Smart Account", "Policy", "Who may join", "Product Instances"];
    let smart = accounts.first().map_or("", |account| &account.names.smart);
    let fields = html! {
        (layout::field("Smart Account", "smart", kept(posted, "smart", smart), "text"))
        (layout::field("Virtual Account", "virtual", kept(posted, "virtual", ""), "text"))
        button.main { "New Virtual Account" }
    };
    let body = html! {
        h1 { "Accounts" }
        (table("Virtual Accounts of this mock", &columns, &rows, "There is no account."))
        h2 { "New Virtual Account" }
        (layout::form(visit, "/accounts", "row", &fields))
    };
    Ok(layout::page(visit, "Accounts", "/accounts", &body))
}

async fn make(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Extension(posted): Extension<Posted>,
) -> Response {
    let name = posted.get("virtual");
    let made = web.shared.with(|cssm| {
        if cssm.store().account_by_name(posted.given("smart"), name).is_some() {
            return Err(Trouble::wrong(format!("There is a Virtual Account {name:?} already.")));
        }
        Ok(cssm.account_or_new(posted.given("smart"), Some(name))?)
    });
    match made {
        Ok(id) => web.done(&visit, &format!("/inventory/{}/general", id.0), "The Virtual Account was made."),
        Err(trouble) => again(visit, trouble, |visit| page(&web, visit, Some(&posted))),
    }
}

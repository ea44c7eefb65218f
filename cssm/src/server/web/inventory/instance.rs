//! One product instance: what is known, transfer to another Virtual Account, removal.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::html;

use super::Shown;
use super::instances::state;
use crate::peer::Role;
use crate::records::AccountId;
use crate::server::web::layout::{self, Trouble, Visit, choice, encoded, facts, form, time_words};
use crate::server::web::posted::Posted;
use crate::server::web::{Web, again};

pub(super) async fn show(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Shown {
    page(&web, &visit, &name)
}

fn page(web: &Web, visit: &Visit, name: &str) -> Shown {
    let (device, accounts) = web.shared.read(|cssm| {
        let names: Vec<String> =
            cssm.store().accounts().iter().map(|account| account.names.r#virtual.clone()).collect();
        (cssm.device_called(name).cloned(), names)
    });
    let device = device
        .ok_or_else(|| Trouble::not_found("There is no such product instance; it may have been removed."))?;
    let udi = device.udi.in_show().to_string();
    let title = device.hostname.as_deref().unwrap_or(device.udi.serial.as_str()).to_owned();
    let trust = device.trust.as_ref();
    let base = format!("/product-instances/{}", encoded(&udi));
    let account = usize::from(device.account.0);
    let numbers: Vec<String> = (0..accounts.len()).map(|at| at.to_string()).collect();
    let others = numbers.iter().zip(&accounts).enumerate().filter(|(at, _)| *at != account);
    let others: Vec<(&str, &str)> =
        others.map(|(_, (number, name))| (number.as_str(), name.as_str())).collect();
    let here = if visit.role == Role::Cssm { "/inventory" } else { "/cslu" };
    let body = html! {
        h1 { (title) }
        (facts([
            ("UDI", html! { (udi) }),
            ("Host name", html! { (device.hostname.as_deref().unwrap_or("not told")) }),
            ("Software", html! { (device.software_tag.as_deref().unwrap_or("not told")) }),
            ("Virtual Account", html! { a href=(format!("/inventory/{account}/product-instances")) { (accounts.get(account).map_or("", String::as_str)) } }),
            ("First Contact", html! { (time_words(device.first_seen)) }),
            ("Last Contact", html! { (time_words(device.last_seen)) }),
            ("State", state(&device)),
            ("Trust code", html! { @match trust {
                Some(trust) => { "issued " (time_words(trust.issued)) ", product instance identifier " code { (trust.identity.instance.to_string()) } },
                None => "none",
            } }),
        ]))
        p {
            a href=(format!("/reports?device={}", encoded(&udi))) { "Its reports" } " · "
            a href=(format!("/requests?device={}", encoded(&udi))) { "Its requests" }
        }
        h2 { "Transfer" }
        @if others.is_empty() { p.dim { "There is no other Virtual Account; " a href="/accounts" { "make one" } " first." } } @else {
            (form(visit, &format!("{base}/transfer"), "row", &html! {
                (choice("To Virtual Account", "account", "", others.iter().copied()))
                button.main { "Transfer" }
            }))
        }
        h2 { "Remove" }
        p.hint { "The server forgets it with its reports. The switch itself notices at its next request." }
        (form(visit, &format!("{base}/remove"), "inline", &html! { button.bad { "Remove" } }))
    };
    Ok(layout::page(visit, &title, here, &body))
}

pub(super) async fn transfer(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
    Extension(posted): Extension<Posted>,
) -> Response {
    let moved = web.account(posted.get("account")).and_then(|(AccountId(id), account)| {
        let act = |cssm: &mut crate::Cssm| cssm.transfer_to(&name, AccountId(id), web.shared.now());
        web.shared.with(act)?;
        Ok((id, account))
    });
    match moved {
        Ok((id, account)) => {
            let said = format!("It was transferred to {}.", account.names.r#virtual);
            web.done(&visit, &format!("/inventory/{id}/product-instances"), said)
        }
        Err(trouble) => again(visit, trouble, |visit| page(&web, visit, &name)),
    }
}

pub(super) async fn remove(
    State(web): State<Arc<Web>>,
    Extension(visit): Extension<Visit>,
    Path(name): Path<String>,
) -> Result<Response, Trouble> {
    let removed = web.shared.with(|cssm| {
        let account = cssm.device_called(&name)?.account;
        cssm.remove_device(&name, web.shared.now()).then_some(account)
    });
    let account = removed.ok_or_else(|| {
        Trouble::not_found("There is no such product instance; it may have been removed already.")
    })?;
    let path = match visit.role {
        Role::Cssm => format!("/inventory/{}/product-instances", account.0),
        Role::Cslu | Role::OnPrem => "/cslu".to_owned(),
    };
    Ok(web.done(&visit, &path, "The product instance was removed."))
}

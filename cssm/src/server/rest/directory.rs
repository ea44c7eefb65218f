//! Smart and Virtual Accounts: searched, listed, made.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Answered, Refused, Shared, body, domain, means_smart, smart_id, virtual_id};
use crate::cssm::Cssm;
use crate::peer::Role;
use crate::records::{Account, AccountId};

/// What narrows a search, as public clients send it; what is not known here is left alone.
#[derive(Deserialize, Default)]
pub(super) struct Search {
    /// A part of the name, in any case.
    name: Option<String>,
    /// A part of the domain: real searches find `wework.com` for `work.com`.
    domain: Option<String>,
    limit: Option<usize>,
    offset: Option<usize>,
}

type Asked = Result<Query<Search>, QueryRejection>;

impl Search {
    fn takes(&self, smart: &str) -> bool {
        let within = |text: &str, part: &Option<String>| {
            part.as_ref().is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
        };
        within(smart, &self.name) && within(&domain(smart), &self.domain)
    }

    /// The Smart Accounts that it finds, each once.
    fn found(&self, cssm: &Cssm) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let all = cssm.store().accounts().iter().map(|account| &account.names.smart);
        all.filter(|smart| seen.insert(*smart) && self.takes(smart)).cloned().collect()
    }

    fn cut<'a>(&self, found: &'a [String]) -> impl Iterator<Item = &'a String> {
        found.iter().skip(self.offset.unwrap_or(0)).take(self.limit.unwrap_or(super::PAGE).min(super::PAGE))
    }
}

fn search_of(asked: Asked) -> Result<Search, Refused> {
    asked.map(|Query(search)| search).map_err(|error| Refused::wrong(error.body_text()))
}

/// `GET v2/accounts/search`
pub(super) async fn search(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered {
    let search = search_of(asked)?;
    let accounts: Vec<Value> = shared.with(|cssm| {
        let found = search.found(cssm);
        search.cut(&found).map(|smart| smart_view(cssm, smart)).collect()
    });
    Ok(Json(json!({"message_code": "", "accounts": accounts, "message": "", "status": "COMPLETE"})))
}

/// `GET v1/accounts/search`: the older form, in the members that public clients read.
pub(super) async fn search_v1(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered {
    let search = search_of(asked)?;
    let (total, accounts) = shared.with(|cssm| {
        let found = search.found(cssm);
        let view = |smart: &String| {
            json!({
                "domain": domain(smart),
                "name": smart,
                "id": smart_id(cssm, smart),
                "type": "CUSTOMER",
                "status": "ACTIVE",
            })
        };
        (found.len(), search.cut(&found).map(view).collect::<Vec<_>>())
    });
    Ok(Json(json!({"totalRecords": total, "accounts": accounts, "statusMessage": "", "status": "SUCCESS"})))
}

/// `GET upstream_satellites/accounts` of an On-Prem: its accounts, for the CSSM above it. The members are modelled.
pub(super) async fn satellite_accounts(State(shared): State<Arc<Shared>>) -> Answered {
    if shared.with(|cssm| cssm.config().role) != Role::OnPrem {
        return Err(Refused::not_found("only an SSM On-Prem has accounts at an upstream; this is none"));
    }
    let upstream = shared.forward.as_ref().map(|forward| forward.url.clone());
    let accounts: Vec<Value> = shared.with(|cssm| {
        let view = |account: &Account| {
            json!({
                "name": account.names.r#virtual,
                "smart_account": account.names.smart,
                "virtual_account": account.names.r#virtual,
                "upstream": upstream,
            })
        };
        cssm.store().accounts().iter().map(view).collect()
    });
    Ok(Json(json!({"accounts": accounts, "statusMessage": "", "status": "SUCCESS"})))
}

fn smart_view(cssm: &Cssm, smart: &str) -> Value {
    json!({
        "account_id": smart_id(cssm, smart).to_string(),
        "domain": domain(smart),
        "name": smart,
        "virtual_accounts": virtual_views(cssm, smart),
    })
}

pub(super) fn numbered(cssm: &Cssm) -> impl Iterator<Item = (AccountId, &Account)> {
    let accounts = cssm.store().accounts().iter().enumerate();
    accounts.filter_map(|(at, account)| Some((AccountId(u16::try_from(at).ok()?), account)))
}

fn virtual_views(cssm: &Cssm, smart: &str) -> Vec<Value> {
    let within = numbered(cssm).filter(|(_, account)| account.names.smart == smart);
    let view = |(at, (id, account)): (usize, (AccountId, &Account))| json!({"default": at == 0, "name": account.names.r#virtual, "virtual_account_id": virtual_id(id)});
    within.enumerate().map(view).collect()
}

/// The name of the Smart Account that a path means.
pub(super) fn smart_of(cssm: &Cssm, sa: &str) -> Result<String, Refused> {
    let mut accounts = cssm.store().accounts().iter();
    let found = accounts.find(|account| means_smart(cssm, &account.names.smart, sa));
    let found = found.map(|account| account.names.smart.clone());
    found.ok_or_else(|| Refused::not_found(format!("there is no Smart Account {sa:?}")))
}

pub(super) async fn virtual_accounts(State(shared): State<Arc<Shared>>, Path(sa): Path<String>) -> Answered {
    let list = shared.with(|cssm| smart_of(cssm, &sa).map(|smart| virtual_views(cssm, &smart)))?;
    Ok(Json(json!({"virtualAccounts": list, "statusMessage": "", "status": "SUCCESS"})))
}

/// `…/accounts/{sa}/customer/virtual-accounts`: the kind of account is written in either case by public clients.
fn of_customer(kind: &str) -> Result<(), Refused> {
    match kind.eq_ignore_ascii_case("customer") {
        true => Ok(()),
        false => Err(Refused::not_found(format!("accounts are of type CUSTOMER here, not {kind:?}"))),
    }
}

/// `GET v1/accounts/{sa}/customer/virtual-accounts`, in the members that public clients read; `isDefault` is text there.
pub(super) async fn customer_accounts(
    State(shared): State<Arc<Shared>>,
    Path((sa, kind)): Path<(String, String)>,
) -> Answered {
    of_customer(&kind)?;
    let list = shared.with(|cssm| {
        let smart = smart_of(cssm, &sa)?;
        let within = numbered(cssm).filter(|(_, account)| account.names.smart == smart);
        let view = |(at, (_, account)): (usize, (AccountId, &Account))| {
            json!({
                "isDefault": if at == 0 { "true" } else { "false" },
                "name": account.names.r#virtual,
                "description": "",
                "commerceAccessLevel": "PUBLIC",
            })
        };
        Ok::<_, Refused>(within.enumerate().map(view).collect::<Vec<_>>())
    })?;
    Ok(Json(json!({"virtualAccounts": list, "statusMessage": "", "status": "SUCCESS"})))
}

#[derive(Deserialize)]
struct NewAccount {
    name: String,
}

/// `POST v1/accounts/{sa}/customer/virtual-accounts`: a new one has no policy. The answer is modelled.
pub(super) async fn make_account(
    State(shared): State<Arc<Shared>>,
    Path((sa, kind)): Path<(String, String)>,
    bytes: Bytes,
) -> Answered {
    of_customer(&kind)?;
    let wish: NewAccount = body(&bytes)?;
    shared.with(|cssm| {
        let smart = smart_of(cssm, &sa)?;
        if cssm.store().account_by_name(Some(&smart), &wish.name).is_some() {
            let why = format!("there is a Virtual Account {:?} already", wish.name);
            return Err(Refused(StatusCode::CONFLICT, why));
        }
        let made = cssm.account_or_new(Some(&smart), Some(&wish.name));
        made.map(drop).map_err(|error| Refused::wrong(error.to_string()))
    })?;
    Ok(Json(json!({"statusMessage": "", "status": "SUCCESS"})))
}

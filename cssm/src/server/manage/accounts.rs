//! Tokens, accounts, policies.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use slpsim_agent::Udi;
use slpsim_policy::{Class, Policy, Values};

use super::{Answered, Refused, body};
use crate::cssm::{ManageError, TokenWish};
use crate::fault::udi_of;
use crate::records::{Account, Membership};
use crate::server::Shared;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenBody {
    smart_account: Option<String>,
    virtual_account: Option<String>,
    expires_after_days: Option<u32>,
    max_uses: Option<u32>,
}

pub(super) async fn make_token(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered {
    let wish: TokenBody = body(&bytes)?;
    let wish = TokenWish {
        smart: wish.smart_account,
        r#virtual: wish.virtual_account,
        expires_after_days: wish.expires_after_days,
        max_uses: wish.max_uses,
        text: None,
    };
    let token = shared.with(|cssm| cssm.make_token(shared.now(), &wish))?;
    Ok(Json(json!({"idtoken": token.expose()})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokeBody {
    idtoken: String,
}

pub(super) async fn revoke_token(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered {
    let wish: RevokeBody = body(&bytes)?;
    match shared.with(|cssm| cssm.revoke_token(&wish.idtoken)) {
        true => Ok(Json(json!({"revoked": true}))),
        false => Err(Refused::not_found("there is no such id token")),
    }
}

pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(shared.with(|cssm| cssm.store().accounts().iter().map(account_view).collect()))
}

pub(super) async fn get(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    Ok(Json(shared.with(|cssm| cssm.account(&name).map(account_view))?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountBody {
    membership: Word,
    #[serde(default)]
    devices: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Open,
    Listed,
}

pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answered {
    let wish: AccountBody = body(&bytes)?;
    let membership = match wish.membership {
        Word::Open => Membership::Open,
        Word::Listed => {
            let devices: Result<BTreeSet<Udi>, Refused> = wish.devices.iter().map(|text| udi(text)).collect();
            Membership::Listed(devices?)
        }
    };
    let view = shared.with(|cssm| {
        cssm.set_membership(&name, membership)?;
        cssm.account(&name).map(account_view)
    })?;
    Ok(Json(view))
}

pub(in crate::server) fn udi(text: &str) -> Result<Udi, Refused> {
    udi_of(text).ok_or_else(|| Refused::wrong(format!("{text:?} is no UDI; write PID:<pid>,SN:<serial>")))
}

pub(super) fn account_view(account: &Account) -> Value {
    let (membership, devices) = match &account.membership {
        Membership::Open => ("open", Vec::new()),
        Membership::Listed(list) => ("listed", list.iter().map(|udi| udi.in_show().to_string()).collect()),
    };
    json!({
        "smart_account": account.names.smart,
        "virtual_account": account.names.r#virtual,
        "membership": membership,
        "devices": devices,
        "policy": account.policy.as_ref().map(|policy| policy.policy.name.as_str()),
    })
}

/// Days of the class that NX-OS has; what is left out keeps the Cisco default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct PolicyBody {
    pub(in crate::server) name: String,
    pub(in crate::server) first: Option<u16>,
    pub(in crate::server) ongoing: Option<u16>,
    pub(in crate::server) on_change: Option<u16>,
    pub(in crate::server) ack_required: Option<bool>,
}

/// The policy that is meant.
pub(in crate::server) fn policy_of(wish: PolicyBody) -> Result<Policy, ManageError> {
    let usable = (1..=127).contains(&wish.name.chars().count()) && !wish.name.chars().any(char::is_control);
    if !usable {
        return Err(ManageError::Wrong(
            "a policy's name has 1 to 127 characters and no control characters".into(),
        ));
    }
    let values = Values { first: wish.first, ongoing: wish.ongoing, on_change: wish.on_change };
    Ok(Policy { ack_required: wish.ack_required, ..Policy::nxos(&wish.name, values) })
}

pub(super) async fn get_policy(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    let policy = shared.with(|cssm| cssm.account(&name).map(|account| account.policy.clone()))?;
    let policy = policy.ok_or_else(|| {
        Refused::not_found(format!("{name} has no policy; its devices keep the Cisco default"))
    })?;
    Ok(Json(policy_view(&policy.policy)))
}

pub(super) async fn put_policy(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answered {
    let policy = policy_of(body(&bytes)?)?;
    let view = policy_view(&policy);
    shared.with(|cssm| cssm.set_policy(&name, Some(policy)))?;
    Ok(Json(view))
}

pub(super) async fn delete_policy(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    shared.with(|cssm| {
        cssm.account(&name)?;
        cssm.set_policy(&name, None)
    })?;
    Ok(Json(json!({"deleted": true})))
}

fn policy_view(policy: &Policy) -> Value {
    let values = policy.values[Class::Unenforced.index()];
    json!({
        "name": policy.name,
        "first": values.first,
        "ongoing": values.ongoing,
        "on_change": values.on_change,
        "ack_required": policy.ack_required,
    })
}

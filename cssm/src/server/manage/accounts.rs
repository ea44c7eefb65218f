//! Tokens, accounts, policies.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use slpsim_agent::Udi;
use slpsim_policy::{Class, Policy, Values};
use utoipa::ToSchema;

use super::schema::{AccountView, ErrorView, PolicyDeletedView, PolicyView, RevokedView, TokenView};
use super::{Answered, Refused, body};
use crate::cssm::{ManageError, TokenWish};
use crate::fault::udi_of;
use crate::records::{Account, Membership};
use crate::server::Shared;

/// What an id token shall be good for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenBody {
    /// Left out: that of the Virtual Account.
    smart_account: Option<String>,
    /// Left out: the default one. One that does not exist is made.
    virtual_account: Option<String>,
    /// Left out: never.
    #[schema(minimum = 1, maximum = 36500)]
    expires_after_days: Option<u32>,
    /// Left out: any number.
    #[schema(minimum = 1)]
    max_uses: Option<u32>,
}

/// Makes an id token.
#[utoipa::path(post, path = "/tokens", tag = "tokens", request_body = TokenBody, responses(
    (status = 200, body = TokenView),
    (status = 400, description = "wrong keys or values", body = ErrorView),
    (status = 409, description = "the mock holds as many tokens or accounts as it may", body = ErrorView),
))]
pub(super) async fn make_token(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered<TokenView> {
    let wish: TokenBody = body(&bytes)?;
    let wish = TokenWish {
        smart: wish.smart_account,
        r#virtual: wish.virtual_account,
        expires_after_days: wish.expires_after_days,
        max_uses: wish.max_uses,
        text: None,
    };
    let token = shared.with(|cssm| cssm.make_token(shared.now(), &wish))?;
    Ok(Json(TokenView { idtoken: token.expose().to_owned() }))
}

/// Which id token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RevokeBody {
    /// Its text.
    idtoken: String,
}

/// Takes an id token back.
#[utoipa::path(post, path = "/tokens/revoke", tag = "tokens", request_body = RevokeBody, responses(
    (status = 200, body = RevokedView),
    (status = 400, description = "wrong keys", body = ErrorView),
    (status = 404, description = "no such token", body = ErrorView),
))]
pub(super) async fn revoke_token(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered<RevokedView> {
    let wish: RevokeBody = body(&bytes)?;
    match shared.with(|cssm| cssm.revoke_token(&wish.idtoken)) {
        true => Ok(Json(RevokedView { revoked: true })),
        false => Err(Refused::not_found("there is no such id token")),
    }
}

/// All Virtual Accounts.
#[utoipa::path(get, path = "/accounts", tag = "accounts", responses((status = 200, body = [AccountView])))]
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Json<Vec<AccountView>> {
    Json(shared.read(|cssm| cssm.store().accounts().iter().map(account_view).collect()))
}

/// A Virtual Account.
#[utoipa::path(get, path = "/accounts/{name}", tag = "accounts", params(("name" = String, Path)), responses(
    (status = 200, body = AccountView),
    (status = 404, description = "no such account", body = ErrorView),
))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Answered<AccountView> {
    Ok(Json(shared.read(|cssm| cssm.account(&name).map(account_view))?))
}

/// Who may join.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AccountBody {
    /// Everybody whom no other account has, or those on the list.
    membership: Word,
    /// UDIs, such as `PID:N9K-C93180YC-FX3,SN:FDO00000001`.
    #[serde(default)]
    devices: Vec<String>,
}

/// A kind of membership.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Word {
    /// Everybody whom no other account has.
    Open,
    /// Those on the list.
    Listed,
}

/// Sets who may join an account; one that does not exist is made.
#[utoipa::path(put, path = "/accounts/{name}", tag = "accounts", params(("name" = String, Path)), request_body = AccountBody, responses(
    (status = 200, body = AccountView),
    (status = 400, description = "wrong keys, names or UDIs", body = ErrorView),
    (status = 409, description = "the mock holds as many accounts as it may", body = ErrorView),
))]
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answered<AccountView> {
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

pub(super) fn account_view(account: &Account) -> AccountView {
    let (membership, devices) = match &account.membership {
        Membership::Open => ("open", Vec::new()),
        Membership::Listed(list) => ("listed", list.iter().map(|udi| udi.in_show().to_string()).collect()),
    };
    AccountView {
        smart_account: account.names.smart.clone(),
        virtual_account: account.names.r#virtual.clone(),
        membership,
        devices,
        policy: account.policy.as_ref().map(|policy| policy.policy.name.clone()),
    }
}

/// Days of the class that NX-OS has; what is left out keeps the Cisco default.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct PolicyBody {
    /// 1 to 127 characters.
    #[schema(min_length = 1, max_length = 127)]
    pub(in crate::server) name: String,
    /// First report requirement.
    pub(in crate::server) first: Option<u16>,
    /// Ongoing reporting frequency.
    pub(in crate::server) ongoing: Option<u16>,
    /// Report on change.
    pub(in crate::server) on_change: Option<u16>,
    /// Whether a report needs an ACK.
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

/// The policy that answers of an account carry.
#[utoipa::path(get, path = "/policies/{name}", tag = "policies", params(("name" = String, Path)), responses(
    (status = 200, body = PolicyView),
    (status = 404, description = "no such account, or no policy", body = ErrorView),
))]
pub(super) async fn get_policy(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Answered<PolicyView> {
    let policy = shared.read(|cssm| cssm.account(&name).map(|account| account.policy.clone()))?;
    let policy = policy.ok_or_else(|| {
        Refused::not_found(format!("{name} has no policy; its devices keep the Cisco default"))
    })?;
    Ok(Json(policy_view(&policy.policy)))
}

/// Sets the policy of an account from now on; an account that does not exist is made.
#[utoipa::path(put, path = "/policies/{name}", tag = "policies", params(("name" = String, Path)), request_body = PolicyBody, responses(
    (status = 200, body = PolicyView),
    (status = 400, description = "wrong keys or names", body = ErrorView),
    (status = 409, description = "the mock holds as many accounts as it may", body = ErrorView),
))]
pub(super) async fn put_policy(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answered<PolicyView> {
    let policy = policy_of(body(&bytes)?)?;
    let view = policy_view(&policy);
    shared.with(|cssm| cssm.set_policy(&name, Some(policy)))?;
    Ok(Json(view))
}

/// Takes the policy of an account away; its devices keep what they have.
#[utoipa::path(delete, path = "/policies/{name}", tag = "policies", params(("name" = String, Path)), responses(
    (status = 200, body = PolicyDeletedView),
    (status = 404, description = "no such account", body = ErrorView),
))]
pub(super) async fn delete_policy(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Answered<PolicyDeletedView> {
    shared.with(|cssm| {
        cssm.account(&name)?;
        cssm.set_policy(&name, None)
    })?;
    Ok(Json(PolicyDeletedView { deleted: true }))
}

fn policy_view(policy: &Policy) -> PolicyView {
    let values = policy.values[Class::Unenforced.index()];
    PolicyView {
        name: policy.name.clone(),
        first: values.first,
        ongoing: values.ongoing,
        on_change: values.on_change,
        ack_required: policy.ack_required,
    }
}

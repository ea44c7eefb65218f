//! The REST interface of CSSM (`spec/formats.md` §11) with its real paths, and that of an On-Prem (§12), beside the
//! routes of devices.
//!
//! Access tokens are given to whoever names a client and a secret: a mock has nobody to keep out, but a client that
//! forgets its token, or shows one that has ended, shall learn it here.

mod access;
mod accounts;
mod token;
mod usage;

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use slpsim_agent::numbers;

use super::Shared;
use crate::cssm::Cssm;
use crate::records::AccountId;
pub(super) use access::AccessTokens;

/// Where the calls hang: the documented base, the one with `services/api/` doubled as public collections spell it, and
/// that of the newer host.
const BASES: [&str; 3] = [
    "/services/api/smart-accounts-and-licensing",
    "/services/api/services/api/smart-accounts-and-licensing",
    "/v1/software/apis",
];
/// Where an On-Prem has them (modelled: `spec/formats.md` §12 leaves the beginning out).
const ON_PREM_BASE: &str = "/api";

/// All routes. Every call but those for tokens wants an access token.
pub(super) fn routes(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let calls = Router::new()
        .route("/v1/accounts/search", get(accounts::search))
        .route("/v2/accounts/search", get(accounts::search))
        .route("/v2/accounts/poll", post(usage::poll))
        .route("/v2/devices/reportusage", post(usage::report))
        .route("/v2/devices/authrequest", post(usage::authorize))
        .route("/v3/licenses/summary", post(accounts::summary))
        .route("/v1/accounts/{sa}/virtual-accounts", get(accounts::virtual_accounts))
        .route("/v1/accounts/{sa}/devices", post(accounts::devices))
        .route("/v1/accounts/{sa}/licenses", post(accounts::licenses))
        .route("/v1/accounts/{sa}/license-subscriptions", post(accounts::subscriptions))
        .route("/v1/accounts/{sa}/virtual-accounts/{va}/devices", get(accounts::devices_of))
        .route(
            "/v1/accounts/{sa}/virtual-accounts/{va}/tokens",
            get(accounts::tokens).post(accounts::make_token),
        )
        .route("/v1/accounts/{sa}/virtual-accounts/{va}/tokens/revoke", post(accounts::revoke_tokens))
        .layer(from_fn_with_state(Arc::clone(shared), authorized));
    let mut all = Router::new()
        .route("/as/token.oauth2", post(token::grant))
        .route("/oauth2/default/v1/token", post(token::grant))
        .route("/oauth/token", post(token::grant));
    for base in BASES.into_iter().chain([ON_PREM_BASE]) {
        all = all.nest(base, calls.clone());
    }
    all
}

/// How long an access token is good, in seconds (`spec/formats.md` §11).
const TOKEN_S: i64 = 3599;

/// A call that cannot be carried out. REST clients look at `status` and `message`.
#[derive(Debug)]
pub(super) struct Refused(StatusCode, String);

impl Refused {
    fn wrong(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }

    fn not_found(message: impl Into<String>) -> Self {
        Self(StatusCode::NOT_FOUND, message.into())
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({
            "status": "FAILED",
            "message_code": self.0.as_u16().to_string(),
            "message": self.1,
            "statusMessage": self.1,
        });
        (self.0, Json(body)).into_response()
    }
}

type Answered = Result<Json<Value>, Refused>;

/// Looks for the access token, and reads the body within its limits.
async fn authorized(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let now = shared.now();
    if !shared.access.is_good(shared.local(|cssm| cssm.clock(now)), shown.trim()) {
        let why = "show a good access token: Authorization: Bearer …; POST /as/token.oauth2 gives one";
        let refused = Refused(StatusCode::UNAUTHORIZED, why.into());
        return ([(WWW_AUTHENTICATE, "Bearer")], refused).into_response();
    }
    let (parts, body) = request.into_parts();
    match read(&shared, body).await {
        Ok(bytes) => next.run(Request::from_parts(parts, bytes.into())).await,
        Err(refused) => refused.into_response(),
    }
}

async fn read(shared: &Shared, body: axum::body::Body) -> Result<Bytes, Refused> {
    match tokio::time::timeout(shared.body_time, to_bytes(body, numbers::MESSAGE_SIZE)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err(Refused(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 5000000 bytes".into())),
        Err(_) => Err(Refused(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time".into())),
    }
}

/// The JSON body of a call; an absent one is an empty object.
fn body<T: DeserializeOwned>(bytes: &Bytes) -> Result<T, Refused> {
    let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes)
        .map_err(|error| Refused::wrong(format!("the body is not as it should be: {error}")))
}

/// Number of a Virtual Account in `virtual_account_id`, of the first of a Smart Account less one in `account_id`.
const FIRST_ID: u32 = 900_002;

fn virtual_id(id: AccountId) -> String {
    (FIRST_ID + u32::from(id.0)).to_string()
}

/// A Smart Account is numbered by its first Virtual Account, so that it keeps its number.
fn smart_id(cssm: &Cssm, smart: &str) -> String {
    let first = cssm.store().accounts().iter().position(|account| account.names.smart == smart);
    let first = first.and_then(|at| u32::try_from(at).ok()).unwrap_or(0);
    (FIRST_ID - 1 + first * 100_000).to_string()
}

/// The domain of a Smart Account (modelled): its name where it is one already, else made from it.
fn domain(smart: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    match smart.contains('.') && !smart.contains(' ') {
        true => smart.to_lowercase(),
        false => format!("{}.example.com", smart.chars().map(plain).collect::<String>()),
    }
}

/// Whether a path or header means that Smart Account: by name, domain or number.
fn means_smart(cssm: &Cssm, smart: &str, text: &str) -> bool {
    smart.eq_ignore_ascii_case(text)
        || domain(smart).eq_ignore_ascii_case(text)
        || smart_id(cssm, smart) == text
}

/// The account that the headers name; without any the default one.
fn account_of(cssm: &Cssm, headers: &HeaderMap) -> Result<AccountId, Refused> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let smart = header("x-csw-smart-account-id");
    let wanted = header("x-csw-virtual-account-id");
    let fits = |(at, account): (usize, &crate::records::Account)| {
        let id = AccountId(u16::try_from(at).ok()?);
        let smart_fits = smart.is_none_or(|text| means_smart(cssm, &account.names.smart, text));
        let fits = wanted.is_none_or(|text| virtual_id(id) == text || account.names.r#virtual == text);
        (smart_fits && fits).then_some(id)
    };
    cssm.store().accounts().iter().enumerate().find_map(fits).ok_or_else(|| {
        Refused(
            StatusCode::FORBIDDEN,
            "no account has the ids of the headers X-CSW-…; GET v2/accounts/search lists them".into(),
        )
    })
}

/// The account of a path `…/accounts/{sa}/virtual-accounts/{va}/…`.
fn account_at(cssm: &Cssm, sa: &str, va: &str) -> Result<AccountId, Refused> {
    let fits = |(at, account): (usize, &crate::records::Account)| {
        let id = AccountId(u16::try_from(at).ok()?);
        let fits = account.names.r#virtual == va || virtual_id(id) == va;
        (fits && means_smart(cssm, &account.names.smart, sa)).then_some(id)
    };
    let found = cssm.store().accounts().iter().enumerate().find_map(fits);
    found.ok_or_else(|| Refused::not_found(format!("there is no Virtual Account {va:?} in {sa:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_kept_and_a_name_becomes_one() {
        for (name, expected) in [
            ("example.com", "example.com"),
            ("Example SA", "example-sa.example.com"),
            ("A. B", "a--b.example.com"),
        ] {
            assert_eq!(domain(name), expected);
        }
    }
}

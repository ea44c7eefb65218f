//! Files that people carry, the product instances of an account, and the way to the CSSM above.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use slpsim_transport::files::policy_file;
use slpsim_transport::message::{PolicyObject, Sealed, Word};
use utoipa::{IntoParams, ToSchema};

use super::schema::{BroughtView, DeviceView, ErrorView, UpstreamView};
use super::views::device_view;
use super::{Answered, Refused, body};
use crate::cssm::ManageError;
use crate::records::{Account, AccountId};
use crate::server::Shared;
use crate::server::bundle::{self, FileError, Handover, Taken};

impl From<FileError> for Refused {
    fn from(error: FileError) -> Self {
        let status = match &error {
            FileError::Wrong(_) => StatusCode::BAD_REQUEST,
            FileError::Refused(_) => StatusCode::CONFLICT,
            FileError::Nothing => StatusCode::NOT_FOUND,
        };
        Self(status, error.to_string())
    }
}

/// What an upload says of itself.
#[derive(Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// The file's name; the answer's is made from it.
    name: Option<String>,
    /// For whom it is brought; the default account where nobody is named.
    virtual_account: Option<String>,
}

/// Longest name of an uploaded file.
const NAME: usize = 200;

/// Takes a file that people carry: usage data and requests for a CSSM, ACKs and policies for a CSLU. The body is the file,
/// and so is the answer of a CSSM.
#[utoipa::path(post, path = "/uploads", tag = "files", params(About),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
    (status = 200, description = "a CSLU took it; or a CSSM answers with a file", content((BroughtView = "application/json"), (Vec<u8> = "application/xml"), (Vec<u8> = "application/gzip"))),
    (status = 400, description = "the file is to blame", body = ErrorView),
    (status = 404, description = "no such account", body = ErrorView),
    (status = 409, description = "the rules refuse it", body = ErrorView),
))]
pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    about: Result<Query<About>, QueryRejection>,
    bytes: Bytes,
) -> Result<Response, Refused> {
    let Query(about) = about.map_err(|error| Refused::wrong(error.body_text()))?;
    let account = match about.virtual_account {
        None => None,
        Some(name) => Some(shared.with(|cssm| {
            cssm.account(&name)?;
            cssm.account_or_new(None, Some(&name))
        })?),
    };
    Ok(match take(&shared, &about.name.unwrap_or_default(), bytes, account).await? {
        Taken::Answered { answer, refused } => {
            let mut response = attachment(answer);
            if !refused.is_empty()
                && let Ok(value) = HeaderValue::from_str(&told(&refused))
            {
                response.headers_mut().insert(REFUSED_HEADER, value);
            }
            response
        }
        Taken::Brought { acks, pushes, policy } => Json(BroughtView { acks, pushes, policy }).into_response(),
    })
}

/// The header that says what of a bundle was not taken: a JSON list in ASCII.
pub(crate) const REFUSED_HEADER: &str = "slpsim-refused";

/// As JSON in ASCII. A header is no place for thousands: after the first ones only their number is told.
fn told(refused: &[bundle::Refused]) -> String {
    const MOST: usize = 50;
    const WHY: usize = 200;
    let short = |refused: &bundle::Refused| bundle::Refused {
        why: refused.why.chars().take(WHY).collect(),
        ..refused.clone()
    };
    let mut told: Vec<bundle::Refused> = refused.iter().take(MOST).map(short).collect();
    if let Some(more) = refused.len().checked_sub(MOST).filter(|more| *more > 0) {
        told.push(bundle::Refused { member: "…".into(), device: None, why: format!("{more} more") });
    }
    let text = serde_json::to_string(&told).unwrap_or_default();
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii() {
            true => ascii.push(c),
            false => ascii.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
        }
    }
    ascii
}

/// Takes a file that somebody brings, for an account or for the one that the file names.
pub(in crate::server) async fn take(
    shared: &Arc<Shared>,
    name: &str,
    bytes: Bytes,
    account: Option<AccountId>,
) -> Result<Taken, FileError> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    if name.len() > NAME || name.chars().any(|c| c.is_control() || c == '"') {
        return Err(FileError::Wrong(
            "the name of a file has at most 200 bytes and no control characters".into(),
        ));
    }
    let role = shared.read(|cssm| cssm.config().role);
    let worker = Arc::clone(shared);
    working(move || bundle::upload(&worker, &name, &bytes, account, Some(role))).await
}

/// *Download All For Cisco*: everything that waits for CSSM.
#[utoipa::path(get, path = "/bundle", tag = "files", responses(
    (status = 200, description = "the bundle", body = Vec<u8>, content_type = "application/gzip"),
    (status = 400, description = "it cannot be made", body = ErrorView),
    (status = 404, description = "nothing waits", body = ErrorView),
))]
pub(super) async fn download(State(shared): State<Arc<Shared>>) -> Result<Response, Refused> {
    Ok(attachment(download_all(&shared).await?))
}

/// Everything that waits for Cisco, as a file.
pub(in crate::server) async fn download_all(shared: &Arc<Shared>) -> Result<Handover, FileError> {
    let worker = Arc::clone(shared);
    working(move || bundle::download(&worker)).await
}

async fn working<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    // A worker that dies has come upon an error of ours; the file is the only thing that can be changed.
    let died = |_| FileError::Wrong("the server cannot work on this file; please report it".into());
    tokio::task::spawn_blocking(job).await.map_err(died)?
}

/// The policy of an account as *Downloading a Policy File from CSSM* gives it.
#[utoipa::path(get, path = "/policies/{name}/file", tag = "policies", params(("name" = String, Path)), responses(
    (status = 200, description = "the file", body = Vec<u8>, content_type = "application/xml"),
    (status = 404, description = "no such account, or no policy", body = ErrorView),
))]
pub(super) async fn policy(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let account = shared.read(|cssm| cssm.account(&name).cloned())?;
    Ok(attachment(policy_handover(&shared, account)?))
}

/// The policy of an account as a file.
pub(in crate::server) fn policy_handover(shared: &Shared, account: Account) -> Result<Handover, ManageError> {
    let now = shared.now();
    let at = shared.read(|cssm| cssm.clock(now));
    let policy = account.policy.ok_or_else(|| {
        let name = &account.names.r#virtual;
        ManageError::NotFound(format!("{name} has no policy; its devices keep the Cisco default"))
    })?;
    let object =
        PolicyObject { id: Word::Owned(policy.id), policy: policy.policy, account: Some(account.names) };
    let file = policy_file(&Sealed::good(at, object), &shared.signer);
    let bytes = file.map_err(|error| ManageError::Wrong(error.to_string()))?;
    Ok(Handover { name: "policy.xml".into(), bytes: bytes.into_bytes() })
}

/// A file as an answer.
pub(in crate::server) fn attachment(handover: Handover) -> Response {
    let kind = match handover.name.ends_with(".gz") {
        true => "application/gzip",
        false => "application/xml",
    };
    let disposition = format!("attachment; filename=\"{}\"", handover.name);
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], handover.bytes).into_response()
}

/// The product instances of an account: *Inventory > Product Instances*.
#[utoipa::path(get, path = "/accounts/{name}/devices", tag = "accounts", params(("name" = String, Path)), responses(
    (status = 200, body = [DeviceView]),
    (status = 404, description = "no such account", body = ErrorView),
))]
pub(super) async fn instances(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Answered<Vec<DeviceView>> {
    let list = shared.read(|cssm| {
        cssm.account(&name)?;
        let id = cssm.store().account_by_name(None, &name);
        let devices = id.map(|id| cssm.instances(id)).unwrap_or_default();
        Ok::<_, Refused>(devices.into_iter().map(|device| device_view(cssm, device)).collect())
    })?;
    Ok(Json(list))
}

/// Where a product instance shall belong.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TransferBody {
    /// Of this mock.
    virtual_account: String,
}

/// Moves a product instance to another Virtual Account.
#[utoipa::path(post, path = "/devices/{name}/transfer", tag = "devices", params(("name" = String, Path)), request_body = TransferBody, responses(
    (status = 200, body = DeviceView),
    (status = 400, description = "wrong keys, or the account takes listed devices only", body = ErrorView),
    (status = 404, description = "no such device or account", body = ErrorView),
))]
pub(super) async fn transfer(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answered<DeviceView> {
    let wish: TransferBody = body(&bytes)?;
    let view = shared.with(|cssm| {
        let udi = cssm.transfer(&name, &wish.virtual_account, shared.now())?;
        Ok::<_, Refused>(cssm.store().device(&udi).map(|device| device_view(cssm, device)))
    })?;
    view.map(Json).ok_or_else(|| Refused::not_found("the device is gone"))
}

/// How it stands with the CSSM above.
#[utoipa::path(get, path = "/upstream", tag = "upstream", responses((status = 200, body = UpstreamView)))]
pub(super) async fn upstream(State(shared): State<Arc<Shared>>) -> Json<UpstreamView> {
    Json(upstream_state(&shared))
}

/// Tries at once what waits to be tried again.
#[utoipa::path(post, path = "/upstream/retry", tag = "upstream", responses(
    (status = 200, body = UpstreamView),
    (status = 404, description = "there is no CSSM above", body = ErrorView),
))]
pub(super) async fn retry(State(shared): State<Arc<Shared>>) -> Answered<UpstreamView> {
    let forward = shared.forward.as_ref();
    forward.ok_or_else(|| Refused::not_found("this mock has no upstream"))?.retry_now();
    Ok(Json(upstream_state(&shared)))
}

/// How it stands with the CSSM above.
pub(in crate::server) fn upstream_state(shared: &Shared) -> UpstreamView {
    let (waiting_devices, waiting_reports) =
        shared.read(|cssm| (cssm.store().holders().count(), cssm.store().held_count()));
    let status = shared.forward.as_ref().map(|forward| (forward.url.clone(), forward.status()));
    let (url, trouble, delivered) = match status {
        Some((url, status)) => (Some(url), status.trouble, status.delivered),
        None => (None, None, 0),
    };
    UpstreamView { url, waiting_devices, waiting_reports, delivered, trouble }
}

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
use serde_json::{Value, json};
use slpsim_transport::files::policy_file;
use slpsim_transport::message::{PolicyObject, Sealed, Word};

use super::views::device_view;
use super::{Answered, Refused, body};
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
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct About {
    /// The file's name; the answer's is made from it.
    name: Option<String>,
    /// For whom it is brought; the default account where nobody is named.
    virtual_account: Option<String>,
}

/// Longest name of an uploaded file.
const NAME: usize = 200;

/// `POST uploads`: the body is the file, and so is the answer of a CSSM.
pub(super) async fn upload(
    State(shared): State<Arc<Shared>>,
    about: Result<Query<About>, QueryRejection>,
    bytes: Bytes,
) -> Result<Response, Refused> {
    let Query(about) = about.map_err(|error| Refused::wrong(error.body_text()))?;
    let name = about.name.unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    if name.len() > NAME || name.chars().any(|c| c.is_control() || c == '"') {
        return Err(Refused::wrong("the name of a file has at most 200 bytes and no control characters"));
    }
    let account = match about.virtual_account {
        None => None,
        Some(name) => Some(shared.with(|cssm| {
            cssm.account(&name)?;
            cssm.account_or_new(None, Some(&name))
        })?),
    };
    let role = shared.with(|cssm| cssm.config().role);
    let worker = Arc::clone(&shared);
    let taken = working(move || bundle::upload(&worker, &name, &bytes, account, Some(role))).await?;
    Ok(match taken {
        Taken::Answered { answer, refused } => {
            let mut response = attachment(answer);
            if !refused.is_empty()
                && let Ok(value) = HeaderValue::from_str(&told(&refused))
            {
                response.headers_mut().insert(REFUSED_HEADER, value);
            }
            response
        }
        Taken::Brought { acks, pushes, policy } => {
            Json(json!({"acks": acks, "pushes": pushes, "policy": policy})).into_response()
        }
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

/// `GET bundle`: *Download All For Cisco*.
pub(super) async fn download(State(shared): State<Arc<Shared>>) -> Result<Response, Refused> {
    working(move || bundle::download(&shared)).await.map(attachment)
}

async fn working<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, Refused> {
    match tokio::task::spawn_blocking(job).await {
        Ok(done) => done.map_err(Refused::from),
        Err(_) => Err(Refused(StatusCode::INTERNAL_SERVER_ERROR, "a worker died on the file".into())),
    }
}

/// `GET policies/{name}/file`: what *Downloading a Policy File from CSSM* gives.
pub(super) async fn policy(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Result<Response, Refused> {
    let now = shared.now();
    let (at, account) =
        shared.with(|cssm| Ok::<_, Refused>((cssm.clock(now), cssm.account(&name)?.clone())))?;
    let policy = account.policy.ok_or_else(|| {
        Refused::not_found(format!("{name} has no policy; its devices keep the Cisco default"))
    })?;
    let object =
        PolicyObject { id: Word::Owned(policy.id), policy: policy.policy, account: Some(account.names) };
    let file = policy_file(&Sealed::good(at, object), &shared.signer);
    let bytes = file.map_err(|error| Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(attachment(Handover { name: "policy.xml".into(), bytes: bytes.into_bytes() }))
}

fn attachment(handover: Handover) -> Response {
    let kind = match handover.name.ends_with(".gz") {
        true => "application/gzip",
        false => "application/xml",
    };
    let disposition = format!("attachment; filename=\"{}\"", handover.name);
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], handover.bytes).into_response()
}

/// `GET accounts/{name}/devices`: *Inventory > Product Instances*.
pub(super) async fn instances(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    let list: Vec<Value> = shared.with(|cssm| {
        cssm.account(&name)?;
        let id = cssm.account_or_new(None, Some(&name))?;
        Ok::<_, Refused>(cssm.instances(id).into_iter().map(|device| device_view(cssm, device)).collect())
    })?;
    Ok(Json(list.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransferBody {
    virtual_account: String,
}

/// `POST devices/{name}/transfer`
pub(super) async fn transfer(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
    bytes: Bytes,
) -> Answered {
    let wish: TransferBody = body(&bytes)?;
    let view = shared.with(|cssm| {
        let udi = cssm.transfer(&name, &wish.virtual_account, shared.now())?;
        Ok::<_, Refused>(cssm.store().device(&udi).map(|device| device_view(cssm, device)))
    })?;
    Ok(Json(view.unwrap_or_default()))
}

/// `GET upstream`
pub(super) async fn upstream(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(upstream_view(&shared))
}

/// `POST upstream/retry`: tries at once what waits to be tried again.
pub(super) async fn retry(State(shared): State<Arc<Shared>>) -> Answered {
    let forward = shared.forward.as_ref();
    forward.ok_or_else(|| Refused::not_found("this mock has no upstream"))?.retry_now();
    Ok(Json(upstream_view(&shared)))
}

fn upstream_view(shared: &Shared) -> Value {
    let (devices, reports) = shared.with(|cssm| (cssm.store().holders().count(), cssm.store().held_count()));
    let status = shared.forward.as_ref().map(|forward| (forward.url.clone(), forward.status()));
    let (url, trouble, delivered) = match status {
        Some((url, status)) => (Some(url), status.trouble, status.delivered),
        None => (None, None, 0),
    };
    json!({
        "url": url,
        "waiting_devices": devices,
        "waiting_reports": reports,
        "delivered": delivered,
        "trouble": trouble,
    })
}

//! Reports, authorization codes, and what becomes of them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use slpsim_agent::{PollId, Purpose, Udi, numbers};
use slpsim_transport::base64;
use slpsim_transport::message::{AuthEntry, Nonce, UsageReport, Word};
use slpsim_transport::rum;

use super::{Refused, Shared, account_of, body, count};
use crate::draw::For;
use crate::peer::Route;
use crate::records::{AuthResult, Upload};
use crate::server::device::{self, Outcome};
use crate::server::push::{self, Push};

/// Most devices of one upload.
const MOST_DEVICES: usize = 1_000;
/// Longest nonce.
const MAX_NONCE: usize = 64;

#[derive(Deserialize)]
struct ReportBody {
    data: ReportData,
}

#[derive(Deserialize)]
struct ReportData {
    #[serde(default)]
    nonce: Value,
    reports: Vec<ReportEntry>,
}

#[derive(Deserialize)]
struct Sudi {
    udi_pid: String,
    udi_serial_number: String,
}

impl Sudi {
    fn udi(&self) -> Result<Udi, Refused> {
        Udi::new(&self.udi_pid, &self.udi_serial_number)
            .map_err(|error| Refused::wrong(format!("sudi: product id and serial number {error}")))
    }
}

fn sudi_view(udi: &Udi) -> Value {
    json!({"udi_pid": udi.pid.as_str(), "udi_serial_number": udi.serial.as_str()})
}

#[derive(Deserialize)]
struct ReportEntry {
    sudi: Sudi,
    hostname: Option<String>,
    software_tag_identifier: Option<String>,
    /// Any entry asks for a trust code beside the ACK (modelled): a CSLU knows that the device has none.
    #[serde(default)]
    trust_requests: Vec<Value>,
    usage: Vec<Value>,
}

/// `POST v2/devices/reportusage`
pub(super) async fn report(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    device::work(&shared, move |shared| {
        let read = read_reports(&bytes).and_then(|(nonce, parts)| {
            let account = shared.with(|cssm| account_of(cssm, &headers))?;
            Ok((nonce, parts, Route::Rest { account }))
        });
        let (nonce, parts, route) = match read {
            Ok(read) => read,
            Err(refused) => return Outcome::Now(refused.into_response()),
        };
        let devices: Vec<Udi> = parts.iter().map(|(push, _)| push.udi).collect();
        device::faulted(shared, &devices, Purpose::Usage, |shared| {
            take_reports(shared, &route, nonce, parts).into_response()
        })
    })
    .await
}

type Parts = Vec<(Push, bool)>;

/// One [`Push`] for each device, and whether it asks for a trust code.
fn read_reports(bytes: &Bytes) -> Result<(Value, Parts), Refused> {
    let ReportBody { data } = body(bytes)?;
    let nonce = nonce(&data.nonce)?;
    if data.reports.is_empty() || data.reports.len() > MOST_DEVICES {
        return Err(Refused::wrong(format!("data.reports must have 1 to {MOST_DEVICES} entries")));
    }
    let mut parts: Parts = Vec::new();
    for entry in data.reports {
        let udi = entry.sudi.udi()?;
        if entry.usage.is_empty() {
            add(&mut parts, udi, &entry, &nonce, None);
        }
        for value in &entry.usage {
            let report = rum::read_envelope(value)
                .map_err(|error| Refused::wrong(format!("data.reports[].usage[]: {error}")))?;
            if report.udi != udi {
                return Err(Refused::wrong(
                    "data.reports[].sudi is not the device that the payload measures",
                ));
            }
            let sender = reporting_device(value).unwrap_or(udi);
            add(&mut parts, sender, &entry, &nonce, Some(report));
        }
    }
    Ok((nonce, parts))
}

/// Who reports usage that it has not measured: after a switchover the new active unit. The member is public, what is in it
/// is modelled; anything but a UDI says nothing.
fn reporting_device(usage: &Value) -> Option<Udi> {
    let sudi = usage.get("reporting_device")?;
    let word = |name| sudi.get(name)?.as_str();
    Udi::new(word("udi_pid")?, word("udi_serial_number")?).ok()
}

/// Adds a report to the push of `sender`; a new push says of itself what `entry` does.
fn add(parts: &mut Parts, sender: Udi, entry: &ReportEntry, nonce: &Value, report: Option<UsageReport>) {
    if parts.iter().all(|(push, _)| push.udi != sender) {
        let tag = entry.software_tag_identifier.clone().map(Word::Owned);
        let tag = tag.or_else(|| Some(report.as_ref()?.software_tag.clone()));
        let push = Push {
            udi: sender,
            hostname: entry.hostname.as_deref().map(Into::into),
            software_tag: tag.unwrap_or_default(),
            nonce: Nonce::parse(nonce.as_str().unwrap_or_default()),
            reports: Vec::new(),
        };
        parts.push((push, false));
    }
    if let Some((push, wants_trust)) = parts.iter_mut().find(|(push, _)| push.udi == sender) {
        push.reports.extend(report);
        *wants_trust |= !entry.trust_requests.is_empty();
    }
}

/// A nonce is text; public users send a number as well.
fn nonce(value: &Value) -> Result<Value, Refused> {
    let short = |text: &str| text.len() <= MAX_NONCE;
    match value {
        Value::Null => Ok(Value::Null),
        Value::String(text) if short(text) => Ok(value.clone()),
        Value::Number(number) => Ok(Value::String(number.to_string())),
        Value::String(_) | Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            Err(Refused::wrong(format!("data.nonce must be text of at most {MAX_NONCE} bytes")))
        }
    }
}

fn take_reports(shared: &Shared, route: &Route, nonce: Value, parts: Parts) -> Response {
    if let Some((poll_id, message)) = repeated(shared, &parts) {
        return accepted(shared, "FAILED", Some(message), nonce, Some(poll_id), "acknowledgements");
    }
    let mut pushed = Vec::with_capacity(parts.len());
    let mut refusal = None;
    for (push, trust) in parts {
        let udi = push.udi;
        match push::push(shared, route, push) {
            Ok(poll_id) => pushed.push((udi, poll_id, trust)),
            Err(error) => refusal = Some(format!("{}: {}", udi.in_show(), error.text)),
        }
    }
    if pushed.is_empty() {
        return accepted(shared, "FAILED", refusal, nonce, None, "acknowledgements");
    }
    let poll_id = shared.with(|cssm| cssm.put_upload(Upload::Acks(pushed)));
    accepted(shared, "OK_POLL", None, nonce, Some(poll_id), "acknowledgements")
}

/// An upload of which every report was uploaded before, in one upload: its poll id, and what to say. The poll id is
/// modelled: whoever lost it finds it again.
fn repeated<'a>(shared: &Shared, parts: &'a Parts) -> Option<(u64, String)> {
    shared.with(|cssm| {
        let before = |(sender, report): (Udi, &UsageReport)| {
            let known = cssm.store().report(&report.udi, report.id)?;
            known.broken.is_none().then(|| cssm.uploaded_before(&sender, (report.udi, report.id)))?
        };
        let of = |part: &'a (Push, bool)| part.0.reports.iter().map(|report| (part.0.udi, report));
        let mut reports = parts.iter().flat_map(of);
        let (sender, first) = reports.next()?;
        let (_, poll_id) = before((sender, first))?;
        let same = reports.all(|report| before(report).is_some_and(|(_, other)| other == poll_id));
        let message =
            format!("Duplicate report: {} of {} was uploaded before", first.id.0, first.udi.in_show());
        same.then_some((poll_id, message))
    })
}

fn accepted(
    shared: &Shared,
    status: &str,
    message: Option<String>,
    nonce: Value,
    poll_id: Option<u64>,
    action: &str,
) -> Response {
    let now = shared.now();
    let body = json!({
        "status": status,
        "message_code": null,
        "message": message,
        "timestamp": shared.with(|cssm| cssm.clock(now)).0,
        "nonce": nonce,
        "type": null,
        "poll_id": poll_id,
        "poll_interval": numbers::POLL_DIRECT.as_secs(),
        "action": action,
    });
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

#[derive(Deserialize)]
struct AuthBody {
    data: AuthData,
}

#[derive(Deserialize)]
struct AuthData {
    #[serde(default)]
    nonce: Value,
    licenses: Vec<AuthWish>,
}

#[derive(Deserialize)]
struct AuthWish {
    sudi: Sudi,
    #[serde(default)]
    keys: Vec<AuthKey>,
    remove_code: Option<String>,
}

#[derive(Deserialize)]
struct AuthKey {
    entitlement: String,
    count: Value,
}

impl AuthKey {
    /// The count is a decimal string; a number is read as well.
    fn entry(self) -> Result<AuthEntry, Refused> {
        let count =
            count(&self.count).ok_or_else(|| Refused::wrong("keys[].count must be a number in a string"))?;
        Ok(AuthEntry { entitlement: Word::Owned(self.entitlement), count })
    }
}

/// `POST v2/devices/authrequest`
pub(super) async fn authorize(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    device::work(&shared, move |shared| Outcome::Now(authorized(shared, &headers, &bytes).into_response()))
        .await
}

fn authorized(shared: &Shared, headers: &HeaderMap, bytes: &Bytes) -> Result<Response, Refused> {
    let AuthBody { data } = body(bytes)?;
    let nonce = nonce(&data.nonce)?;
    if data.licenses.is_empty() || data.licenses.len() > MOST_DEVICES {
        return Err(Refused::wrong(format!("data.licenses must have 1 to {MOST_DEVICES} entries")));
    }
    let mut wishes = Vec::with_capacity(data.licenses.len());
    for wish in data.licenses {
        let keys: Result<Vec<_>, _> = wish.keys.into_iter().map(AuthKey::entry).collect();
        wishes.push((wish.sudi.udi()?, keys?, wish.remove_code));
    }
    let account = shared.with(|cssm| account_of(cssm, headers))?;
    let route = Route::Rest { account };
    let mut results = Vec::with_capacity(wishes.len());
    for (udi, keys, remove_code) in wishes {
        let outcome = push::authorize(shared, &route, udi, keys, remove_code.as_deref());
        let instance = shared
            .with(|cssm| cssm.store().device(&udi)?.trust.as_ref().map(|trust| trust.identity.instance));
        let (file, refused) = match outcome {
            Ok(file) => (file.map(Arc::from), None),
            Err(refusal) => (None, Some(refusal.text)),
        };
        results.push(AuthResult { udi, instance, file, refused });
    }
    let poll_id = shared.with(|cssm| cssm.put_upload(Upload::Codes(results)));
    Ok(accepted(shared, "OK_POLL", None, nonce, Some(poll_id), "authorizations"))
}

#[derive(Deserialize)]
struct PollBody {
    data: PollData,
}

#[derive(Deserialize)]
struct PollData {
    #[serde(default)]
    nonce: Value,
    poll_id: Value,
    #[serde(default)]
    action: String,
}

/// `POST v2/accounts/poll`
pub(super) async fn poll(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Response {
    device::work(&shared, move |shared| {
        let wish = match body::<PollBody>(&bytes) {
            Ok(PollBody { data }) => data,
            Err(refused) => return Outcome::Now(refused.into_response()),
        };
        let upload = wish.number().and_then(|id| shared.with(|cssm| cssm.store().upload(id).cloned()));
        let devices: Vec<Udi> = match &upload {
            None => Vec::new(),
            Some(Upload::Acks(parts)) => parts.iter().map(|(udi, ..)| *udi).collect(),
            Some(Upload::Codes(results)) => results.iter().map(|result| result.udi).collect(),
        };
        device::faulted(shared, &devices, Purpose::Poll, |shared| {
            polled(shared, &headers, wish, upload).into_response()
        })
    })
    .await
}

impl PollData {
    fn number(&self) -> Option<u64> {
        self.poll_id.as_u64().or_else(|| self.poll_id.as_str()?.parse().ok())
    }
}

fn polled(
    shared: &Shared,
    headers: &HeaderMap,
    data: PollData,
    upload: Option<Upload>,
) -> Result<Json<Value>, Refused> {
    let nonce = nonce(&data.nonce)?;
    let poll_id = data.number().ok_or_else(|| Refused::wrong("data.poll_id must be a number"))?;
    let account = shared.with(|cssm| account_of(cssm, headers))?;
    let answer = |status: &str, message: &str, kind: &str, data: Value| {
        let now = shared.now();
        let (clock, id) =
            shared.with(|cssm| (cssm.clock(now), cssm.luck().uuid_text(3, For::Transaction, poll_id)));
        Json(json!({
            "status": status,
            "message_code": "",
            "message": message,
            "timestamp": clock.0,
            "nonce": nonce,
            "type": kind,
            "correlation_id": id,
            "data": data,
        }))
    };
    let kind = match &upload {
        None => return Ok(answer("FAILED", "The requested item was not found", &data.action, Value::Null)),
        Some(Upload::Acks(_)) => "acknowledgements",
        Some(Upload::Codes(_)) => "authorizations",
    };
    if !data.action.is_empty() && data.action != kind {
        let message = format!("the poll id is one of action {kind}");
        return Ok(answer("FAILED", &message, &data.action, Value::Null));
    }
    match upload {
        Some(Upload::Acks(parts)) => match acknowledgements(shared, &Route::Rest { account }, &parts)? {
            Some(list) => Ok(answer("COMPLETE", "", kind, json!({"acknowledgements": list}))),
            // Public users take any message here for trouble.
            None => Ok(answer("OK_POLL", "", kind, Value::Null)),
        },
        Some(Upload::Codes(results)) => {
            let list: Vec<Value> = results.iter().map(|result| code_view(shared, poll_id, result)).collect();
            Ok(answer("COMPLETE", "", kind, json!({"authorizations": list})))
        }
        None => Ok(answer("FAILED", "The requested item was not found", kind, Value::Null)),
    }
}

/// The ACK files; nothing until all of them are ready. A push whose device is gone by now is left out.
fn acknowledgements(
    shared: &Shared,
    route: &Route,
    parts: &[(Udi, PollId, bool)],
) -> Result<Option<Vec<Value>>, Refused> {
    let trouble = |error: push::Refusal| Refused(StatusCode::SERVICE_UNAVAILABLE, error.text);
    let mut acks = Vec::with_capacity(parts.len());
    for (udi, poll_id, trust) in parts {
        match push::ack(shared, route, *udi, *poll_id, *trust) {
            Ok(Some(ack)) => acks.push((udi, ack)),
            Ok(None) => return Ok(None),
            Err(refusal) if refusal.rule.is_some() => {}
            Err(refusal) => return Err(trouble(refusal)),
        }
    }
    let view = |(udi, ack)| {
        let file = push::ack_text(shared, &ack).map_err(trouble)?;
        let tag = shared.with(|cssm| cssm.store().device(udi)?.software_tag.clone());
        Ok(json!({
            "sudi": sudi_view(udi),
            "software_tag_identifier": tag,
            "smart_license": base64::encode(file.as_bytes()),
        }))
    };
    acks.into_iter().map(view).collect::<Result<Vec<_>, Refused>>().map(Some)
}

fn code_view(shared: &Shared, poll_id: u64, result: &AuthResult) -> Value {
    let (status, message) = match &result.refused {
        None => ("SUCCESS", ""),
        Some(text) => ("FAILED", text.as_str()),
    };
    json!({
        "product_instance_identifier": result.instance.map(|instance| instance.to_string()),
        "sudi": sudi_view(&result.udi),
        "smart_license": result.file.as_ref().map(|file| base64::encode(file.as_bytes())),
        "auth_status": [],
        "error_code": null,
        "status": status,
        "status_message": message,
        "correlation_id": shared.with(|cssm| cssm.luck().uuid_text(3, For::Transaction, poll_id)),
    })
}

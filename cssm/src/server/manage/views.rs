//! What the mock knows: devices, reports, events, exchanges.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use slpsim_agent::Udi;
use slpsim_policy::Wall;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Answered, Refused};
use crate::cssm::Cssm;
use crate::fault::is_called;
use crate::records::{Device, Event, EventRecord, Exchange, ReportRecord};
use crate::server::Shared;
use crate::span::purpose_word;

/// What narrows a list.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// UDI in any spelling, or serial number.
    device: Option<String>,
    /// The last so many.
    limit: Option<usize>,
}

/// How much one list shows unless asked otherwise.
const LIMIT: usize = 1_000;

type Asked = Result<Query<Filter>, QueryRejection>;

fn filter(asked: Asked) -> Result<Filter, Refused> {
    asked.map(|Query(filter)| filter).map_err(|error| Refused::wrong(error.body_text()))
}

impl Filter {
    fn takes(&self, udi: Option<&Udi>) -> bool {
        self.device.as_deref().is_none_or(|name| udi.is_some_and(|udi| is_called(name, udi)))
    }

    /// The last ones of `all`, which are in order, as they are shown.
    fn last<T>(&self, all: impl Iterator<Item = T>, view: impl FnMut(T) -> Value) -> Vec<Value> {
        let mut all: Vec<T> = all.collect();
        let keep = self.limit.unwrap_or(LIMIT);
        all.drain(..all.len().saturating_sub(keep));
        all.into_iter().map(view).collect()
    }
}

pub(super) async fn devices(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered {
    let filter = filter(asked)?;
    let list = shared.with(|cssm| {
        let mut devices: Vec<&Device> =
            cssm.store().devices().filter(|device| filter.takes(Some(&device.udi))).collect();
        devices.sort_by_key(|device| (device.first_seen, device.udi));
        filter.last(devices.into_iter(), |device| device_view(cssm, device))
    });
    Ok(Json(list.into()))
}

pub(super) async fn device(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    let view = shared.with(|cssm| cssm.device_called(&name).map(|device| device_view(cssm, device)));
    view.map(Json).ok_or_else(|| no_device(&name))
}

pub(super) async fn delete_device(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answered {
    match shared.with(|cssm| cssm.remove_device(&name, shared.now())) {
        true => Ok(Json(json!({"deleted": 1}))),
        false => Err(no_device(&name)),
    }
}

fn no_device(name: &str) -> Refused {
    Refused::not_found(format!(
        "no device is called {name:?}; name it by serial number or PID:<pid>,SN:<serial>"
    ))
}

pub(super) fn device_view(cssm: &Cssm, device: &Device) -> Value {
    let account = cssm.store().accounts().get(usize::from(device.account.0));
    let trust = device.trust.as_ref().map(|trust| {
        json!({
            "trust_id": trust.trust_id,
            "product_instance_identifier": trust.identity.instance.to_string(),
            "id_cert_serial_number": trust.identity.serial.to_string(),
            "issued": time_text(trust.issued),
            "valid_to": time_text(trust.valid_to),
        })
    });
    let polls: Vec<Value> = device
        .polls
        .iter()
        .map(|pending| {
            json!({
                "poll_id": pending.poll_id.0,
                "received": time_text(pending.received),
                "reports": pending.reports.iter().map(|(id, _)| id.0).collect::<Vec<_>>(),
                "acknowledged": pending.answered,
            })
        })
        .collect();
    json!({
        "udi": device.udi.in_show().to_string(),
        "pid": device.udi.pid.as_str(),
        "serial": device.udi.serial.as_str(),
        "hostname": device.hostname,
        "software_tag": device.software_tag,
        "smart_account": account.map(|account| account.names.smart.as_str()),
        "virtual_account": account.map(|account| account.names.r#virtual.as_str()),
        "first_seen": time_text(device.first_seen),
        "last_seen": time_text(device.last_seen),
        "trust": trust,
        "polls": polls,
        "authorized": device.authorized.iter().map(|entry| {
            json!({"entitlement": entry.entitlement, "count": entry.count})
        }).collect::<Vec<_>>(),
    })
}

pub(super) async fn reports(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered {
    let filter = filter(asked)?;
    let list = shared.with(|cssm| {
        let reports = cssm.store().reports().filter(|report| filter.takes(Some(&report.udi)));
        filter.last(reports, report_view)
    });
    Ok(Json(list.into()))
}

fn report_view(report: &ReportRecord) -> Value {
    let status = match (report.broken, report.answered) {
        (Some(_), _) => "rejected",
        (None, true) => "acknowledged",
        (None, false) => "received",
    };
    json!({
        "device": report.udi.in_show().to_string(),
        "report_id": report.id.0,
        "entitlement_tag": report.tag,
        "start": time_text(report.start),
        "end": time_text(report.end),
        "count": report.peak,
        "received": time_text(report.received),
        "times": report.times,
        "status": status,
        "rule": report.broken.map(|rule| rule.name()),
    })
}

pub(super) async fn events(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered {
    let filter = filter(asked)?;
    let list = shared.with(|cssm| {
        let events = cssm.store().events().filter(|event| filter.takes(event.device.as_ref()));
        filter.last(events, |event| event_view(cssm, event))
    });
    Ok(Json(list.into()))
}

fn event_view(cssm: &Cssm, event: &EventRecord) -> Value {
    let detail = match event.event {
        Event::AckBrought(pushes) => json!({"pushes": pushes}),
        Event::DeviceAdded(id) | Event::DeviceMoved(id) => {
            let account = cssm.store().accounts().get(usize::from(id.0));
            json!({"virtual_account": account.map(|account| account.names.r#virtual.as_str())})
        }
        Event::TrustIssued { trust_id } | Event::TrustRenewed { trust_id } => json!({"trust_id": trust_id}),
        Event::ClockSkew(millis) => json!({"device_minus_server_ms": millis}),
        Event::ReportRejected(id, rule) => json!({"report_id": id.0, "rule": rule.name()}),
        Event::ReportsDropped(count) => json!({"dropped_so_far": count}),
        Event::FaultBegan(id) | Event::FaultEnded(id) => json!({"fault": id}),
        Event::DeviceRemoved | Event::Authorization | Event::UpstreamRefused => Value::Null,
    };
    json!({
        "at": time_text(event.at),
        "event": event.event.word(),
        "device": event.device.map(|udi| udi.in_show().to_string()),
        "detail": detail,
    })
}

pub(super) async fn requests(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered {
    let filter = filter(asked)?;
    let list = shared.with(|cssm| {
        let exchanges = cssm.history().exchanges().filter(|exchange| filter.takes(exchange.device.as_ref()));
        filter.last(exchanges, exchange_view)
    });
    Ok(Json(list.into()))
}

fn exchange_view(exchange: &Exchange) -> Value {
    json!({
        "number": exchange.number,
        "at": time_text(exchange.at),
        "route": exchange.route.as_ref().map(crate::peer::Route::word),
        "device": exchange.device.map(|udi| udi.in_show().to_string()),
        "purpose": exchange.purpose.map(purpose_word),
        "answer": exchange.answer,
        "rule": exchange.rule.map(crate::rule::Broken::name),
        "fault": exchange.fault,
        "request": exchange.request,
        "response": exchange.response,
    })
}

/// Everything that the mock knows, as JSON lines.
pub(super) async fn export(State(shared): State<Arc<Shared>>) -> Response {
    let mut text = shared.with(|cssm| cssm.export()).join("\n");
    text.push('\n');
    ([(CONTENT_TYPE, "application/x-ndjson")], text).into_response()
}

/// Takes what [`export`] gave; what is known under the same key is replaced.
pub(super) async fn import(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered {
    let text = std::str::from_utf8(&bytes).map_err(|_| Refused::wrong("the records are not UTF-8"))?;
    let taken = shared.with(|cssm| cssm.import(text.lines()));
    taken.map(|taken| Json(json!({"taken": taken}))).map_err(|error| Refused::wrong(error.to_string()))
}

/// RFC 3339, with milliseconds where there are some.
pub(super) fn time_text(at: Wall) -> Value {
    let nanos = i128::from(at.0).saturating_mul(1_000_000);
    let text =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|time| time.format(&Rfc3339).ok());
    text.map_or_else(|| json!(at.0), Value::String)
}

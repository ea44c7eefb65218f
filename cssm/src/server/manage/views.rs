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
use utoipa::IntoParams;

use super::schema::{
    AuthorizedView, DeletedView, DeviceView, ErrorView, EventView, ExchangeView, PollView, ReportView,
    TakenView, TrustView, time_text,
};
use super::{Answered, Refused};
use crate::cssm::Cssm;
use crate::fault::is_called;
use crate::records::{Device, Event, EventRecord, Exchange, Pending, ReportRecord};
use crate::server::Shared;
use crate::span::purpose_word;

/// What narrows a list.
#[derive(Deserialize, Default, IntoParams)]
#[into_params(parameter_in = Query)]
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
    fn last<T, V>(&self, all: impl Iterator<Item = T>, view: impl FnMut(T) -> V) -> Vec<V> {
        let mut all: Vec<T> = all.collect();
        let keep = self.limit.unwrap_or(LIMIT);
        all.drain(..all.len().saturating_sub(keep));
        all.into_iter().map(view).collect()
    }
}

/// The product instances that are known, the first ones first.
#[utoipa::path(get, path = "/devices", tag = "devices", params(Filter), responses(
    (status = 200, body = [DeviceView]),
    (status = 400, description = "wrong keys", body = ErrorView),
))]
pub(super) async fn devices(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered<Vec<DeviceView>> {
    let filter = filter(asked)?;
    let list = shared.read(|cssm| {
        let mut devices: Vec<&Device> =
            cssm.store().devices().filter(|device| filter.takes(Some(&device.udi))).collect();
        devices.sort_by_key(|device| (device.first_seen, device.udi));
        filter.last(devices.into_iter(), |device| device_view(cssm, device))
    });
    Ok(Json(list))
}

/// A product instance.
#[utoipa::path(get, path = "/devices/{name}", tag = "devices", params(("name" = String, Path)), responses(
    (status = 200, body = DeviceView),
    (status = 404, description = "no such device", body = ErrorView),
))]
pub(super) async fn device(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Answered<DeviceView> {
    let view = shared.read(|cssm| cssm.device_called(&name).map(|device| device_view(cssm, device)));
    view.map(Json).ok_or_else(|| no_device(&name))
}

/// Forgets a product instance with its reports.
#[utoipa::path(delete, path = "/devices/{name}", tag = "devices", params(("name" = String, Path)), responses(
    (status = 200, body = DeletedView),
    (status = 404, description = "no such device", body = ErrorView),
))]
pub(super) async fn delete_device(
    State(shared): State<Arc<Shared>>,
    Path(name): Path<String>,
) -> Answered<DeletedView> {
    match shared.with(|cssm| cssm.remove_device(&name, shared.now())) {
        true => Ok(Json(DeletedView { deleted: 1 })),
        false => Err(no_device(&name)),
    }
}

fn no_device(name: &str) -> Refused {
    Refused::not_found(format!(
        "no device is called {name:?}; name it by serial number or PID:<pid>,SN:<serial>"
    ))
}

pub(super) fn device_view(cssm: &Cssm, device: &Device) -> DeviceView {
    let account = cssm.store().accounts().get(usize::from(device.account.0));
    let trust = device.trust.as_ref().map(|trust| TrustView {
        trust_id: trust.trust_id,
        product_instance_identifier: trust.identity.instance.to_string(),
        id_cert_serial_number: trust.identity.serial.to_string(),
        issued: time_text(trust.issued),
        valid_to: time_text(trust.valid_to),
    });
    let poll = |pending: &Pending| PollView {
        poll_id: pending.poll_id.0,
        received: time_text(pending.received),
        reports: pending.reports.iter().map(|(id, _)| id.0).collect(),
        acknowledged: pending.answered,
    };
    let authorized = device.authorized.iter();
    let authorized = authorized
        .map(|entry| AuthorizedView { entitlement: entry.entitlement.to_string(), count: entry.count });
    DeviceView {
        udi: device.udi.in_show().to_string(),
        pid: device.udi.pid.as_str().to_owned(),
        serial: device.udi.serial.as_str().to_owned(),
        hostname: device.hostname.as_deref().map(Into::into),
        software_tag: device.software_tag.as_deref().map(Into::into),
        smart_account: account.map(|account| account.names.smart.clone()),
        virtual_account: account.map(|account| account.names.r#virtual.clone()),
        first_seen: time_text(device.first_seen),
        last_seen: time_text(device.last_seen),
        trust,
        polls: device.polls.iter().map(poll).collect(),
        authorized: authorized.collect(),
    }
}

/// RUM reports, the last ones, in order.
#[utoipa::path(get, path = "/reports", tag = "reports", params(Filter), responses(
    (status = 200, body = [ReportView]),
    (status = 400, description = "wrong keys", body = ErrorView),
))]
pub(super) async fn reports(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered<Vec<ReportView>> {
    let filter = filter(asked)?;
    let list = shared.read(|cssm| {
        let reports = cssm.store().reports().filter(|report| filter.takes(Some(&report.udi)));
        filter.last(reports, report_view)
    });
    Ok(Json(list))
}

fn report_view(report: &ReportRecord) -> ReportView {
    let status = match (report.broken, report.answered) {
        (Some(_), _) => "rejected",
        (None, true) => "acknowledged",
        (None, false) => "received",
    };
    ReportView {
        device: report.udi.in_show().to_string(),
        report_id: report.id.0,
        entitlement_tag: report.tag.to_string(),
        start: time_text(report.start),
        end: time_text(report.end),
        count: report.peak,
        received: time_text(report.received),
        times: report.times,
        status,
        rule: report.broken.map(|rule| rule.name()),
    }
}

/// What happened, the last, in order.
#[utoipa::path(get, path = "/events", tag = "history", params(Filter), responses(
    (status = 200, body = [EventView]),
    (status = 400, description = "wrong keys", body = ErrorView),
))]
pub(super) async fn events(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered<Vec<EventView>> {
    let filter = filter(asked)?;
    let list = shared.read(|cssm| {
        let events = cssm.store().events().filter(|event| filter.takes(event.device.as_ref()));
        filter.last(events, |event| event_view(cssm, event))
    });
    Ok(Json(list))
}

fn event_view(cssm: &Cssm, event: &EventRecord) -> EventView {
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
    EventView {
        at: time_text(event.at),
        event: event.event.word(),
        device: event.device.map(|udi| udi.in_show().to_string()),
        detail,
    }
}

/// What arrived, what was answered, which rule was broken; the last, in order.
#[utoipa::path(get, path = "/requests", tag = "history", params(Filter), responses(
    (status = 200, body = [ExchangeView]),
    (status = 400, description = "wrong keys", body = ErrorView),
))]
pub(super) async fn requests(State(shared): State<Arc<Shared>>, asked: Asked) -> Answered<Vec<ExchangeView>> {
    let filter = filter(asked)?;
    let list = shared.read(|cssm| {
        let exchanges = cssm.history().exchanges().filter(|exchange| filter.takes(exchange.device.as_ref()));
        filter.last(exchanges, exchange_view)
    });
    Ok(Json(list))
}

fn exchange_view(exchange: &Exchange) -> ExchangeView {
    ExchangeView {
        number: exchange.number,
        at: time_text(exchange.at),
        route: exchange.route.as_ref().map(crate::peer::Route::word),
        device: exchange.device.map(|udi| udi.in_show().to_string()),
        purpose: exchange.purpose.map(purpose_word),
        answer: exchange.answer.to_string(),
        rule: exchange.rule.map(crate::rule::Broken::name),
        fault: exchange.fault,
        request: exchange.request.as_deref().map(Into::into),
        response: exchange.response.as_deref().map(Into::into),
    }
}

/// Everything that the mock knows, as JSON lines. They hold id tokens.
#[utoipa::path(get, path = "/export", tag = "records", responses((status = 200, body = String, content_type = "application/x-ndjson")))]
pub(super) async fn export(State(shared): State<Arc<Shared>>) -> Response {
    let Ok(lines) = shared.at_length(|shared| shared.read(Cssm::export)).await else {
        return Refused::broken().into_response();
    };
    let mut text = lines.join("\n");
    text.push('\n');
    ([(CONTENT_TYPE, "application/x-ndjson")], text).into_response()
}

/// Takes what `export` gave; what is known under the same key is replaced.
#[utoipa::path(post, path = "/import", tag = "records", request_body(content = String, content_type = "text/plain"), responses(
    (status = 200, body = TakenView),
    (status = 400, description = "a line that cannot be taken; those before it are", body = ErrorView),
))]
pub(super) async fn import(State(shared): State<Arc<Shared>>, bytes: Bytes) -> Answered<TakenView> {
    let text = String::from_utf8(bytes.into()).map_err(|_| Refused::wrong("the records are not UTF-8"))?;
    let take = move |shared: &Shared| shared.with(|cssm| cssm.import(text.lines()));
    let taken = shared.at_length(take).await.map_err(|_| Refused::broken())?;
    taken.map(|taken| Json(TakenView { taken })).map_err(|error| Refused::wrong(error.to_string()))
}

//! Id tokens, devices and licences of accounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use slpsim_agent::{ProfileId, Udi};
use slpsim_policy::{Class, Wall};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::directory::{numbered, smart_of};
use super::{Answered, PAGE, Refused, Shared, account_at, account_of, body};
use crate::cssm::{Cssm, TokenWish};
use crate::records::{Account, AccountId, Device, ReportRecord};

pub(super) async fn tokens(
    State(shared): State<Arc<Shared>>,
    Path((sa, va)): Path<(String, String)>,
) -> Answered {
    let now = shared.now();
    let tokens: Vec<Value> = shared.with(|cssm| {
        let id = account_at(cssm, &sa, &va)?;
        let now = cssm.clock(now);
        let good =
            cssm.store().tokens().filter(|(_, token)| token.account == id && token.refusal(now).is_none());
        Ok::<_, Refused>(good.take(PAGE).map(|(text, _)| json!({"token": text})).collect())
    })?;
    Ok(Json(json!({"tokens": tokens, "statusMessage": "", "status": "SUCCESS"})))
}

#[derive(Deserialize)]
struct TokenBody {
    #[serde(rename = "expiresAfterDays")]
    expires_after_days: Option<u32>,
    #[serde(rename = "numberofUses")]
    number_of_uses: Option<u32>,
}

pub(super) async fn make_token(
    State(shared): State<Arc<Shared>>,
    Path((sa, va)): Path<(String, String)>,
    bytes: Bytes,
) -> Answered {
    let wish: TokenBody = body(&bytes)?;
    let token = shared.with(|cssm| {
        let id = account_at(cssm, &sa, &va)?;
        let names = cssm.store().accounts().get(usize::from(id.0)).map(|account| account.names.clone());
        let names = names.ok_or_else(|| Refused::not_found("the account is gone"))?;
        let wish = TokenWish {
            smart: Some(names.smart),
            r#virtual: Some(names.r#virtual),
            expires_after_days: wish.expires_after_days,
            max_uses: wish.number_of_uses,
            text: None,
        };
        cssm.make_token(shared.now(), &wish).map_err(|error| Refused::wrong(error.to_string()))
    })?;
    Ok(Json(json!({"tokenInfo": {"token": token.expose()}, "statusMessage": "", "status": "SUCCESS"})))
}

#[derive(Deserialize)]
struct RevokeBody {
    tokens: Vec<String>,
}

/// The answer by token is modelled.
pub(super) async fn revoke_tokens(
    State(shared): State<Arc<Shared>>,
    Path((sa, va)): Path<(String, String)>,
    bytes: Bytes,
) -> Answered {
    let wish: RevokeBody = body(&bytes)?;
    let statuses: Vec<Value> = shared.with(|cssm| {
        let id = account_at(cssm, &sa, &va)?;
        let mut statuses = Vec::with_capacity(wish.tokens.len());
        for text in &wish.tokens {
            let ours = cssm.store().tokens().any(|(known, token)| known == text && token.account == id);
            let (status, message) = match ours && cssm.revoke_token(text) {
                true => ("SUCCESS", ""),
                false => ("FAILED", "there is no such token in this account"),
            };
            statuses.push(json!({"token": text, "status": status, "statusMessage": message}));
        }
        Ok::<_, Refused>(statuses)
    })?;
    Ok(Json(json!({"tokensRevokeStatus": statuses, "statusMessage": "", "status": "SUCCESS"})))
}

/// What narrows a list; `virtualAccounts` left out or empty means all.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Window {
    #[serde(rename = "virtualAccounts")]
    virtual_accounts: Vec<String>,
    limit: Option<usize>,
    offset: Option<usize>,
}

impl Window {
    fn takes(&self, account: &Account) -> bool {
        self.virtual_accounts.is_empty() || self.virtual_accounts.contains(&account.names.r#virtual)
    }

    fn cut(&self, all: Vec<Value>) -> Vec<Value> {
        let limit = self.limit.unwrap_or(PAGE).min(PAGE);
        all.into_iter().skip(self.offset.unwrap_or(0)).take(limit).collect()
    }
}

pub(super) async fn devices(
    State(shared): State<Arc<Shared>>,
    Path(sa): Path<String>,
    bytes: Bytes,
) -> Answered {
    let window: Window = body(&bytes)?;
    let all = shared.with(|cssm| {
        let smart = smart_of(cssm, &sa)?;
        let accounts = numbered(cssm).filter(|(_, account)| account.names.smart == smart);
        let accounts = accounts.filter(|(_, account)| window.takes(account));
        Ok::<_, Refused>(accounts.flat_map(|(id, account)| device_views(cssm, id, account)).collect())
    })?;
    Ok(device_list(&window, all))
}

pub(super) async fn devices_of(
    State(shared): State<Arc<Shared>>,
    Path((sa, va)): Path<(String, String)>,
) -> Answered {
    let all = shared.with(|cssm| {
        let id = account_at(cssm, &sa, &va)?;
        let account = cssm.store().accounts().get(usize::from(id.0));
        Ok::<_, Refused>(account.map(|account| device_views(cssm, id, account)).unwrap_or_default())
    })?;
    Ok(device_list(&Window::default(), all))
}

/// Devices to be removed. The members are modelled, so both spellings of a UDI are read.
#[derive(Deserialize)]
struct RemoveBody {
    #[serde(alias = "productInstances")]
    devices: Vec<RemoveEntry>,
}

#[derive(Deserialize)]
struct RemoveEntry {
    sudi: RemoveSudi,
}

#[derive(Deserialize)]
struct RemoveSudi {
    #[serde(rename = "udiPid", alias = "udi_pid")]
    pid: String,
    #[serde(rename = "udiSerialNumber", alias = "udi_serial_number")]
    serial: String,
}

/// `POST …/virtual-accounts/{va}/devices/remove`
pub(super) async fn remove_devices(
    State(shared): State<Arc<Shared>>,
    Path((sa, va)): Path<(String, String)>,
    bytes: Bytes,
) -> Answered {
    let wish: RemoveBody = body(&bytes)?;
    let now = shared.now();
    let statuses: Vec<Value> = shared.with(|cssm| {
        let id = account_at(cssm, &sa, &va)?;
        let statuses = wish.devices.iter().take(PAGE).map(|RemoveEntry { sudi }| {
            let udi = Udi::new(&sudi.pid, &sudi.serial).ok();
            let ours = udi.filter(|udi| cssm.store().device(udi).is_some_and(|device| device.account == id));
            let (status, message) = match ours.is_some_and(|udi| cssm.forget(&udi, now)) {
                true => ("SUCCESS", ""),
                false => ("FAILED", "there is no such device in this account"),
            };
            let sudi = json!({"udiPid": sudi.pid, "udiSerialNumber": sudi.serial});
            json!({"sudi": sudi, "status": status, "statusMessage": message})
        });
        Ok::<_, Refused>(statuses.collect())
    })?;
    Ok(Json(json!({"devicesRemoveStatus": statuses, "statusMessage": "", "status": "SUCCESS"})))
}

fn device_list(window: &Window, all: Vec<Value>) -> Json<Value> {
    let total = all.len();
    let devices = window.cut(all);
    Json(json!({"totalRecords": total, "devices": devices, "statusMessage": "", "status": "SUCCESS"}))
}

fn device_views(cssm: &Cssm, id: AccountId, account: &Account) -> Vec<Value> {
    let usage = latest_usage(cssm, |device| device.account == id);
    let view = |device: &Device| {
        let udi = &device.udi;
        let used = usage.iter().filter(|((of, _), _)| of == udi);
        let used: Vec<Value> =
            used.map(|((_, tag), count)| json!({"license": display_name(tag), "quantity": count})).collect();
        let (pid, serial) = (udi.pid.as_str(), udi.serial.as_str());
        json!({
            "licenseUsage": used,
            "hostName": device.hostname,
            "sudi": {
                "macAddress": null, "suvi": null, "hostIdentifier": null, "udiSerialNumber": serial,
                "udiPid": pid, "uuid": null, "udiVid": null,
            },
            "displayName": format!("UDI_PID:{pid}; UDI_SN:{serial}; "),
            "registrationDate": date(device.first_seen),
            "productTagName": "",
            "virtualAccount": account.names.r#virtual,
            "productName": "",
            "productDescription": "",
            "productType": "",
            "status": "In Compliance",
            "lastContactDate": date(device.last_seen),
        })
    };
    cssm.instances(id).into_iter().map(view).collect()
}

/// Peak of the last report of each device and tag.
fn latest_usage(cssm: &Cssm, takes: impl Fn(&Device) -> bool) -> BTreeMap<(Udi, String), u32> {
    let mut latest: BTreeMap<(Udi, String), &ReportRecord> = BTreeMap::new();
    for report in cssm.store().reports().filter(|report| report.broken.is_none()) {
        if cssm.store().device(&report.udi).is_some_and(&takes) {
            let entry = latest.entry((report.udi, report.tag.to_string())).or_insert(report);
            if report.id > entry.id {
                *entry = report;
            }
        }
    }
    latest.into_iter().map(|(key, report)| (key, report.peak)).collect()
}

pub(in crate::server) fn known(tag: &str) -> Option<&'static slpsim_agent::License> {
    let mut licenses = ProfileId::ALL.into_iter().flat_map(|profile| profile.profile().licenses);
    licenses.find(|license| license.tag == tag)
}

pub(in crate::server) fn display_name(tag: &str) -> &str {
    known(tag).map_or(tag, |license| license.description)
}

/// Licences in use by tag; a mock owns as many as are used.
pub(in crate::server) fn licenses_in_use(
    cssm: &Cssm,
    takes: impl Fn(&Device) -> bool,
) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for ((_, tag), count) in latest_usage(cssm, takes) {
        *sums.entry(tag).or_default() += u64::from(count);
    }
    sums
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SummaryBody {
    data: SummaryData,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct SummaryData {
    nonce: Value,
}

pub(super) async fn summary(State(shared): State<Arc<Shared>>, headers: HeaderMap, bytes: Bytes) -> Answered {
    let wish: SummaryBody = body(&bytes)?;
    let now = shared.now();
    let (clock, waiting, used) = shared.with(|cssm| {
        let id = account_of(cssm, &headers)?;
        let waiting: usize = cssm
            .instances(id)
            .iter()
            .flat_map(|device| &device.polls)
            .filter(|pending| !pending.answered)
            .map(|pending| pending.reports.len())
            .sum();
        let used = licenses_in_use(cssm, |device| device.account == id);
        Ok::<_, Refused>((cssm.clock(now), waiting, used))
    })?;
    let summary: Vec<Value> = used.iter().map(|(tag, count)| summary_view(tag, *count)).collect();
    Ok(Json(json!({
        "status": "SUCCESS",
        "message_code": null,
        "message": "",
        "timestamp": clock.0,
        "nonce": wish.data.nonce,
        "out_standing_reports": waiting,
        "summary": summary,
    })))
}

fn summary_view(tag: &str, count: u64) -> Value {
    let class = known(tag).map(|license| license.class);
    json!({
        "tag": tag,
        "compliance_status": "In Compliance",
        "display_name": display_name(tag),
        "enforced": class == Some(Class::Enforced),
        "export_restricted": class == Some(Class::Export),
        "license_details": [{
            "billing_type": "PREPAID", "quantity": count, "postpaid_usage": null, "start_date": null,
            "end_date": null, "subscription_id": null, "status": "ACTIVE", "billing_model": null,
            "license_type": "PERPETUAL",
        }],
        "prepaid_entitled": count,
        "prepaid_inuse": count,
        "prepaid_reserved": 0,
    })
}

/// The members of an entry are modelled after public users of the call.
pub(super) async fn licenses(
    State(shared): State<Arc<Shared>>,
    Path(sa): Path<String>,
    bytes: Bytes,
) -> Answered {
    let window: Window = body(&bytes)?;
    let all: Vec<Value> = shared.with(|cssm| {
        let smart = smart_of(cssm, &sa)?;
        let accounts = numbered(cssm).filter(|(_, account)| account.names.smart == smart);
        let accounts = accounts.filter(|(_, account)| window.takes(account));
        let views = accounts.flat_map(|(id, account)| {
            let used = licenses_in_use(cssm, |device| device.account == id);
            used.into_iter().map(|(tag, count)| license_view(account, &tag, count)).collect::<Vec<_>>()
        });
        Ok::<_, Refused>(views.collect())
    })?;
    let total = all.len();
    let licenses = window.cut(all);
    Ok(Json(json!({"totalRecords": total, "licenses": licenses, "statusMessage": "", "status": "SUCCESS"})))
}

fn license_view(account: &Account, tag: &str, count: u64) -> Value {
    json!({
        "license": display_name(tag),
        "virtualAccount": account.names.r#virtual,
        "quantity": count,
        "inUse": count,
        "available": 0,
        "status": "In Compliance",
        "pendingQuantity": 0,
        "reserved": 0,
        "licenseDetails": [{
            "licenseType": "PERPETUAL", "quantity": count, "startDate": "", "endDate": "",
            "subscriptionId": "", "status": "ACTIVE",
        }],
    })
}

/// A mock sells no subscriptions.
pub(super) async fn subscriptions(State(shared): State<Arc<Shared>>, Path(sa): Path<String>) -> Answered {
    shared.with(|cssm| smart_of(cssm, &sa).map(drop))?;
    Ok(Json(json!({
        "totalRecords": 0, "licenseSubscriptions": [], "statusMessage": "", "status": "SUCCESS",
    })))
}

/// `2026-03-02T10:02:00Z`
fn date(at: Wall) -> String {
    let time = OffsetDateTime::from_unix_timestamp(at.secs()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    time.format(&Rfc3339).unwrap_or_default()
}

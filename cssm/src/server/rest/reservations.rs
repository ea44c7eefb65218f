//! Licences reserved for a device without connection, and conversions.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use slpsim_agent::Udi;
use slpsim_transport::message::{AuthEntry, Word};

use super::directory::smart_of;
use super::{Answered, Refused, Shared, account_at, body, count};
use crate::peer::Route;
use crate::records::AccountId;
use crate::server::device::{self, Outcome};
use crate::server::push;

/// Most reservations of one call.
const MOST: usize = 1_000;

#[derive(Deserialize)]
struct Wishes {
    #[serde(rename = "reservationRequests")]
    requests: Vec<Wish>,
}

#[derive(Deserialize)]
struct Wish {
    #[serde(rename = "reservationCode")]
    code: String,
    #[serde(default)]
    licenses: Vec<WishedLicense>,
}

#[derive(Deserialize)]
struct WishedLicense {
    #[serde(rename = "entitlementTag")]
    tag: String,
    /// A number, or one in a string.
    quantity: Value,
}

/// `POST v1/accounts/{sa}/virtual-accounts/{va}/reserve-licenses`: an SLR code for each request (`spec/formats.md` §6).
/// Members of request and answer as public clients write and read them.
pub(super) async fn reserve(
    State(shared): State<Arc<Shared>>,
    Path((sa, va)): Path<(String, String)>,
    bytes: Bytes,
) -> Response {
    device::work(&shared, move |shared| Outcome::Now(reserved(shared, &sa, &va, &bytes).into_response()))
        .await
}

fn reserved(shared: &Shared, sa: &str, va: &str, bytes: &Bytes) -> Answered {
    let Wishes { requests } = body(bytes)?;
    if requests.is_empty() || requests.len() > MOST {
        return Err(Refused::wrong(format!("reservationRequests must have 1 to {MOST} entries")));
    }
    let account = shared.with(|cssm| account_at(cssm, sa, va))?;
    let mut good = true;
    let mut codes = Vec::with_capacity(requests.len());
    for wish in requests {
        let code = wish.code.clone();
        let (text, why) = match reserve_one(shared, account, wish) {
            Ok(file) => (file, String::new()),
            Err(why) => (String::new(), why),
        };
        good &= why.is_empty();
        codes.push(json!({
            "reservationCode": code,
            "authorizationCode": text,
            "status": if why.is_empty() { "SUCCESS" } else { "ERROR" },
            "statusMessage": why,
        }));
    }
    let status = if good { "SUCCESS" } else { "ERROR" };
    Ok(Json(json!({"authorizationCodes": codes, "statusMessage": "", "status": status})))
}

fn reserve_one(shared: &Shared, account: AccountId, wish: Wish) -> Result<String, String> {
    let udi = udi_of_request(&wish.code).ok_or_else(|| {
        format!("{:?} is no reservation request code of a device: C?-Z<pid>:<serial>-…", wish.code)
    })?;
    let entry = |license: WishedLicense| {
        let count = count(&license.quantity).ok_or("quantity must be a number")?;
        Ok::<_, String>(AuthEntry { entitlement: Word::Owned(license.tag), count })
    };
    let keys = wish.licenses.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
    let file = push::authorize(shared, &Route::Rest { account }, udi, keys, None);
    file.map(Option::unwrap_or_default).map_err(|refusal| refusal.text)
}

/// Whom a reservation request code is for: `CF-ZDS-C9148T-K9:FDO00000001-A68C2vcWX-21` (public form, on other platforms;
/// what stands behind the serial number is not looked at).
fn udi_of_request(code: &str) -> Option<Udi> {
    let (version, rest) = code.trim().split_once("-Z")?;
    let (pid, rest) = rest.split_once(':')?;
    let serial = rest.split('-').next()?;
    (version.len() == 2 && version.starts_with('C')).then(|| Udi::new(pid, serial).ok()).flatten()
}

/// `POST v1/accounts/{sa}/dlc_convert`: conversion is led by the device here (`spec/behaviour.md` §15), so there is nothing
/// that CSSM would convert.
pub(super) async fn convert(State(shared): State<Arc<Shared>>, Path(sa): Path<String>) -> Answered {
    shared.with(|cssm| smart_of(cssm, &sa).map(drop))?;
    let why =
        "this server converts nothing: conversion is led by the device and comes with its licence report";
    Err(Refused(StatusCode::NOT_IMPLEMENTED, why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_code_names_its_device() {
        let named = |code| udi_of_request(code).map(|udi| udi.in_show().to_string());
        assert_eq!(
            named("CF-ZDS-C9148T-K9:FDO00000001-A68C2vcWX-21").as_deref(),
            Some("PID:DS-C9148T-K9,SN:FDO00000001")
        );
        for code in ["", "CF", "CF-Z:-", "XX-ZPID:SN-1-2", "CF-ZPID", "CFF-ZPID:SN-1-2"] {
            assert_eq!(named(code), None, "{code:?}");
        }
    }
}

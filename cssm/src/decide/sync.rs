//! `TRUST_SYNC`: policy, account and trust codes that end soon (`spec/behaviour.md` §6, §7.1).

use slpsim_agent::numbers;
use slpsim_transport::message::{Sealed, ServerData, StatusWord, SyncUnit};

use super::trust::{New, for_units, issue};
use super::{Cx, Granted, gate};
use crate::records::{Device, Event};
use crate::rule::Rule;
use crate::store::Changes;

/// Answers with what the account has. A peer without connection to CSSM has the policy that came by file, or nothing.
pub(super) fn synchronise(cx: &Cx<'_>, units: &[SyncUnit]) -> Result<Granted, Rule> {
    if !cx.peer.connected {
        return without_cssm(cx);
    }
    let (mut device, events) = cx.joined()?;
    let account = cx.account(device.account).ok_or(Rule::Membership)?;
    let mut changes = Changes { events, ..Changes::default() };
    let mut data = ServerData {
        policy: cx.policy(account),
        account: Some(account.names.clone()),
        ..ServerData::default()
    };
    if gate::names_identity(cx) && ends_soon(cx, &device) {
        let csr = device.trust.as_ref().and_then(|trust| trust.csr.clone());
        let code = issue(cx, &mut device, account, csr, New::Certificate);
        changes.events.push(cx.event(Event::TrustRenewed { trust_id: code.code.trust_id }));
        data.trust_codes.push(Sealed::good(cx.now, code));
    }
    if gate::names_identity(cx) {
        for_units(cx, units, &device, account, (&mut changes, &mut data));
    }
    changes.devices.push(device);
    Ok(Granted { changes, ..Granted::new(StatusWord::Ok, data) })
}

fn without_cssm(cx: &Cx<'_>) -> Result<Granted, Rule> {
    let home = cx.sender().map_or_else(|| gate::home(cx), |device| Ok(device.account))?;
    let Some(file) = cx.account(home).and_then(|account| account.policy_file.clone()) else {
        return Ok(Granted::new(StatusWord::NoData, ServerData::default()));
    };
    let (device, events) = cx.joined()?;
    let changes = Changes { devices: vec![device], events, ..Changes::default() };
    let data = ServerData { file: Some(file), ..ServerData::default() };
    Ok(Granted { changes, ..Granted::new(StatusWord::Ok, data) })
}

fn ends_soon(cx: &Cx<'_>, device: &Device) -> bool {
    let before = i64::try_from(numbers::TRUST_RENEWAL_BEFORE.as_millis()).unwrap_or(i64::MAX);
    device.trust.as_ref().is_some_and(|trust| trust.valid_to.since(cx.now) <= before)
}

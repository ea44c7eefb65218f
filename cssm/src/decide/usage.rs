//! `LICENSE_USAGE` and `POLL_REQ`: reports, their verdicts, and the ACK (`spec/behaviour.md` §8, `spec/formats.md` §3).

use std::collections::HashSet;

use slpsim_agent::{PollId, ReportId, ReportVerdict, Udi};
use slpsim_policy::Wall;
use slpsim_transport::message::{AckObject, Sealed, ServerData, StatusWord, UsageReport, Word};

use super::trust::{New, issue};
use super::{Cx, Granted, gate};
use crate::config::AckMode;
use crate::draw::{For, key};
use crate::exchange::Signed;
use crate::records::{Account, Device, Event, POLLS_PER_DEVICE, Pending, ReportRecord, kept};
use crate::rule::Rule;
use crate::store::Changes;

/// Takes reports. The same report may come any number of times: it is taken again and named in the next ACK.
pub(super) fn report(
    cx: &Cx<'_>,
    reports: &[UsageReport],
    hostname: Option<&str>,
    software_tag: &Word,
) -> Result<Granted, Rule> {
    let mut seen = HashSet::new();
    for report in reports {
        if report.tag.is_empty() || report.measurements.is_empty() {
            return Err(Rule::ReportPayload);
        }
        if reports.len() > 1 && !seen.insert((report.udi, report.id)) {
            return Err(Rule::ReportTwice);
        }
    }
    let (mut device, events) = cx.joined()?;
    device.says_of_itself(hostname, software_tag);
    let mut changes = Changes { events, ..Changes::default() };
    if reports.is_empty() {
        changes.devices.push(device);
        return Ok(Granted { changes, ..Granted::new(StatusWord::NoData, ServerData::default()) });
    }
    let kin = kin(cx, reports, &device);
    let mut verdicts = Vec::with_capacity(reports.len());
    for (at, report) in reports.iter().enumerate() {
        let broken = verdict(cx, at, report, &device, &kin);
        if let Some(rule) = broken {
            changes.events.push(cx.event(Event::ReportRejected(report.id, rule)));
        }
        verdicts.push((report.id, broken));
        if cx.config.limits.reports > 0 {
            changes.reports.push(record(cx.now, report, broken));
        }
    }
    let poll_id = poll_id(cx, &mut device);
    remember(cx, &mut device, poll_id, verdicts);
    changes.devices.push(device);
    let data =
        ServerData { poll_id: Some(poll_id), poll_interval_s: Some(cx.peer.poll_s), ..ServerData::default() };
    Ok(Granted { changes, ..Granted::new(StatusWord::OkPoll, data) })
}

/// Gives the ACK, or says that it is not ready. An ACK can be fetched again: its answer may have been lost.
pub(super) fn poll(cx: &Cx<'_>, poll_id: PollId) -> Result<Granted, Rule> {
    let known = cx.sender().ok_or(Rule::PollId)?;
    let at = known.polls.iter().position(|pending| pending.poll_id == poll_id).ok_or(Rule::PollId)?;
    let (mut device, events) = cx.joined()?;
    let mut changes = Changes { events, ..Changes::default() };
    let ready = device.polls.get(at).is_some_and(|pending| is_ready(cx, pending));
    if !ready {
        changes.devices.push(device);
        let data = ServerData { poll_interval_s: Some(cx.peer.poll_s), ..ServerData::default() };
        return Ok(Granted { changes, ..Granted::new(StatusWord::OkPoll, data) });
    }
    let account = cx.account(device.account).ok_or(Rule::Membership)?;
    let mut instance = None;
    let mut ack = acknowledge(cx, &mut device, at, account, &mut changes);
    if !cx.peer.direct && !gate::names_identity(cx) {
        // Implicit trust: beside the first ACK for a UDI that has none (`spec/behaviour.md` §6).
        let code = issue(cx, &mut device, account, None, New::Registration);
        instance = Some(code.code.identity.instance);
        changes.events.push(cx.event(Event::TrustIssued { trust_id: code.code.trust_id }));
        ack.trust_codes.push(Sealed::good(cx.now, code));
    }
    changes.devices.push(device);
    let data = ServerData {
        ack: Some(Sealed::good(cx.now, ack)),
        account: Some(account.names.clone()),
        ..ServerData::default()
    };
    Ok(Granted { changes, instance, ..Granted::new(StatusWord::Ok, data) })
}

fn acknowledge(
    cx: &Cx<'_>,
    device: &mut Device,
    at: usize,
    account: &Account,
    changes: &mut Changes,
) -> AckObject {
    let n = device.draws;
    device.draws += 1;
    let udi = device.udi;
    let mut ack = AckObject {
        udi,
        nonce: None,
        account: Some(account.names.clone()),
        transaction_id: Word::Owned(cx.luck.uuid_text(key(&udi), For::Transaction, n)),
        reports: Vec::new(),
        policy: cx.policy(account),
        trust_codes: Vec::new(),
    };
    let Some(pending) = device.polls.get_mut(at) else { return ack };
    pending.answered = true;
    ack.nonce = Some(pending.nonce.clone());
    ack.reports = pending.reports.iter().map(|(id, broken)| (*id, spoken(*broken))).collect();
    if cx.config.limits.reports > 0 {
        changes.answered.extend(pending.reports.iter().map(|(id, _)| (udi, *id)));
    }
    if cx.steer.foreign_ack {
        // The same verdicts, for a product instance that does not exist.
        ack.udi = Udi::new(udi.pid.as_str(), "FOREIGN00001").unwrap_or(udi);
    }
    ack
}

fn spoken(broken: Option<Rule>) -> ReportVerdict {
    match broken {
        None => ReportVerdict::Acknowledged,
        Some(rule) => ReportVerdict::Rejected(rule.text().into()),
    }
}

/// Whether the ACK of a push can be fetched now (`spec/behaviour.md` §8, §12).
fn is_ready(cx: &Cx<'_>, pending: &Pending) -> bool {
    if pending.not_before.is_some_and(|then| cx.now < then) {
        return false;
    }
    if pending.released {
        return true;
    }
    if !cx.peer.connected {
        // Until the ACK file has been brought back.
        return false;
    }
    match cx.ack_mode {
        AckMode::AtOnce => true,
        AckMode::Delay(millis) => cx.now.since(pending.received) >= millis,
        AckMode::Manual => false,
    }
}

fn verdict(
    cx: &Cx<'_>,
    at: usize,
    report: &UsageReport,
    device: &Device,
    kin: &HashSet<Udi>,
) -> Option<Rule> {
    if let Some(rule) = cx.steer.reject_reports {
        return Some(rule);
    }
    if !speaks_for(cx, &report.udi, device, kin) {
        return Some(Rule::ReportDevice);
    }
    let signed = cx.arrived.proof.reports.get(at).copied().unwrap_or(Signed::Valid);
    match signed {
        Signed::Valid | Signed::Unverifiable => None,
        Signed::Missing | Signed::Wrong => cx.config.verify.then_some(Rule::ReportSignature),
    }
}

/// A device speaks for itself and for units that its account knows: after a switchover the new active sends what the
/// old one measured. An account with a list must have both on it.
fn speaks_for(cx: &Cx<'_>, udi: &Udi, device: &Device, kin: &HashSet<Udi>) -> bool {
    let listed = cx.account(device.account).is_some_and(|account| account.membership.takes(udi));
    listed && (*udi == device.udi || kin.contains(udi))
}

/// The devices that reports of others than the sender speak of and that its account knows.
fn kin(cx: &Cx<'_>, reports: &[UsageReport], device: &Device) -> HashSet<Udi> {
    if reports.iter().all(|report| report.udi == device.udi) {
        return HashSet::new();
    }
    let loaded = cx.loaded.devices.iter().copied().flatten();
    loaded.filter(|other| other.account == device.account).map(|other| other.udi).collect()
}

fn record(now: Wall, report: &UsageReport, broken: Option<Rule>) -> ReportRecord {
    ReportRecord {
        udi: report.udi,
        id: report.id,
        tag: kept(&report.tag),
        start: report.measurements.first().map_or(now, |first| first.start),
        end: report.measurements.last().map_or(now, |last| last.end),
        peak: report.measurements.iter().map(|measurement| measurement.value).max().unwrap_or(0),
        received: now,
        times: 1,
        broken,
        answered: false,
    }
}

/// Poll ids are long and start with 77, as in `spec/formats.md` §8.1. They are multiples of 80: at that size a double
/// holds multiples of 16 exactly, and the shortest decimal of such a one is itself where it ends in 0. So readers whose
/// numbers are doubles (jq, JavaScript) give them back unharmed.
fn poll_id(cx: &Cx<'_>, device: &mut Device) -> PollId {
    let n = device.draws;
    device.draws += 1;
    let drawn = cx.luck.number(key(&device.udi), For::Poll, n) % 12_500_000_000_000;
    PollId(77_000_000_000_000_000 + drawn * 80)
}

fn remember(cx: &Cx<'_>, device: &mut Device, poll_id: PollId, reports: Vec<(ReportId, Option<Rule>)>) {
    if device.polls.len() >= POLLS_PER_DEVICE {
        device.polls.remove(0);
    }
    device.polls.push(Pending {
        poll_id,
        received: cx.now,
        nonce: cx.arrived.message.header.nonce.clone(),
        reports,
        not_before: cx.steer.late_ack_ms.map(|millis| cx.now.plus_millis(millis)),
        released: false,
        answered: false,
    });
}

//! `LICENSE_USAGE` and `POLL_REQ`: reports, their verdicts, and the ACK (`spec/behaviour.md` §8, `spec/formats.md` §3).

use std::collections::HashSet;
use std::sync::Arc;

use slpsim_agent::{PollId, ReportId, ReportVerdict, Udi};
use slpsim_policy::Wall;
use slpsim_transport::message::{AckObject, Sealed, ServerData, StatusWord, UsageReport, Word};
use slpsim_transport::rum::envelope_text;

use super::trust::{New, issue};
use super::{Cx, Granted, gate};
use crate::config::AckMode;
use crate::draw::{For, key};
use crate::exchange::Signed;
use crate::filetext;
use crate::peer::Route;
use crate::records::{Account, Device, Event, Held, POLLS_PER_DEVICE, Pending, ReportRecord, kept};
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
    if hostname.is_some() || !cx.arrived.route.is_upload() {
        device.says_of_itself(hostname, software_tag);
    } else {
        device.software_tag = Some(kept(software_tag)); // a file that names no host does not take the name away
    }
    device.named = cx.arrived.message.header.instance;
    let mut changes = Changes { events, ..Changes::default() };
    if !cx.peer.judges && cx.config.limits.reports > 0 && reports.len() > cx.loaded.report_room {
        // Rather late than lost: the device keeps what it cannot get rid of.
        changes.devices.push(device);
        return Ok(Granted { changes, ..Granted::new(StatusWord::TryAgain, ServerData::default()) });
    }
    if reports.is_empty() {
        changes.devices.push(device);
        return Ok(Granted { changes, ..Granted::new(StatusWord::NoData, ServerData::default()) });
    }
    let brought = brought_before(&device, reports);
    let holds = !cx.peer.judges && brought.is_none();
    let kin = kin(cx, reports, &device);
    let mut verdicts = Vec::with_capacity(reports.len());
    for (at, report) in reports.iter().enumerate() {
        let broken = verdict(cx, at, report, &device, &kin);
        if let Some(rule) = broken {
            changes.events.push(cx.event(Event::ReportRejected(report.id, rule)));
        }
        verdicts.push((report.id, broken));
        if cx.config.limits.reports > 0 {
            let held = report.envelope.as_ref().filter(|_| holds).map(|envelope| Held {
                sender: device.udi,
                envelope: envelope_text(envelope).into(),
                upload: None,
            });
            changes.reports.push(ReportRecord { held, ..record(cx.now, report, broken) });
        }
    }
    let poll_id = poll_id(cx, &mut device);
    let units = units(reports, device.udi);
    remember(cx, &mut device, poll_id, (verdicts, units), brought);
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
    device.named = cx.arrived.message.header.instance;
    if let Some(file) = device.polls.get(at).and_then(|pending| pending.ack.clone()) {
        return Ok(hand_out(cx, device, at, &file, changes));
    }
    let account = cx.account(device.account).ok_or(Rule::Membership)?;
    let mut instance = None;
    let mut ack = acknowledge(cx, &mut device, at, account, &mut changes);
    if gate::implies_trust(cx) {
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

/// Gives out the ACK file that came from CSSM, as it came; without the trust codes in it where the device has trust by
/// now, because a code that nobody needs would be installed in place of the one that it has.
fn hand_out(cx: &Cx<'_>, mut device: Device, at: usize, file: &Arc<str>, mut changes: Changes) -> Granted {
    if let Some(pending) = device.polls.get_mut(at) {
        pending.answered = true;
        if cx.config.limits.reports > 0 {
            changes.answered.extend(pending.keys(device.udi));
        }
    }
    changes.devices.push(device);
    let file = match gate::names_identity(cx) {
        true => filetext::without(file, filetext::TRUST_CODE).map_or_else(|| Arc::clone(file), Arc::from),
        false => Arc::clone(file),
    };
    let data = ServerData { file: Some(file), ..ServerData::default() };
    Granted { changes, ..Granted::new(StatusWord::Ok, data) }
}

/// The ACK file that names all of these reports already: the answer with it may have been lost.
fn brought_before(device: &Device, reports: &[UsageReport]) -> Option<Arc<str>> {
    let names = |pending: &Pending, id| pending.reports.iter().any(|(named, _)| *named == id);
    let covers =
        |pending: &&Pending| pending.ack.is_some() && reports.iter().all(|report| names(pending, report.id));
    device.polls.iter().rev().find(covers)?.ack.clone()
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
        changes.answered.extend(pending.keys(udi));
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
    if pending.released || matches!(cx.arrived.route, Route::File { .. }) {
        // Whoever brings a file waits for the answer.
        return true;
    }
    if !cx.peer.judges {
        // Until the ACK has come back from CSSM.
        return pending.ack.is_some();
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
    if !cx.peer.judges {
        // CSSM knows the keys.
        return None;
    }
    if !speaks_for(cx, report, device, kin) {
        return Some(Rule::ReportDevice);
    }
    let signed = cx.arrived.proof.reports.get(at).copied().unwrap_or(Signed::Valid);
    match signed {
        Signed::Valid | Signed::Unverifiable => None,
        Signed::Missing | Signed::Wrong => cx.config.verify.then_some(Rule::ReportSignature),
    }
}

/// A device speaks for itself and for units that its account knows: after a switchover the new active sends what the
/// old one measured. So it does for a unit that nobody knows, where the report itself names both as one redundancy
/// set: the old active may have been taken out before it ever got through. An account with a list must have
/// both on it.
fn speaks_for(cx: &Cx<'_>, report: &UsageReport, device: &Device, kin: &HashSet<Udi>) -> bool {
    let listed = cx.account(device.account).is_some_and(|account| account.membership.takes(&report.udi));
    let in_set = |udi| report.units.iter().any(|unit| unit.udi == udi);
    let of_one_set = || cx.device(&report.udi).is_none() && in_set(report.udi) && in_set(device.udi);
    listed && (report.udi == device.udi || kin.contains(&report.udi) || of_one_set())
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
        held: None,
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

/// Whose usage each report is, where not all of it is the sender's own.
fn units(reports: &[UsageReport], sender: Udi) -> Vec<Udi> {
    match reports.iter().all(|report| report.udi == sender) {
        true => Vec::new(),
        false => reports.iter().map(|report| report.udi).collect(),
    }
}

fn remember(
    cx: &Cx<'_>,
    device: &mut Device,
    poll_id: PollId,
    (reports, units): (Vec<(ReportId, Option<Rule>)>, Vec<Udi>),
    ack: Option<Arc<str>>,
) {
    if device.polls.len() >= POLLS_PER_DEVICE {
        device.polls.remove(0);
    }
    device.polls.push(Pending {
        poll_id,
        received: cx.now,
        nonce: cx.arrived.message.header.nonce.clone(),
        reports,
        units,
        not_before: cx.steer.late_ack_ms.map(|millis| cx.now.plus_millis(millis)),
        released: false,
        answered: false,
        ack,
    });
}

//! `show license tech support`: blocks in order (`spec/formats.md` §17).

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use slpsim_agent::counters::{Conversation, FailureReason};
use slpsim_agent::numbers::{MEASUREMENT_INTERVAL_S, PROCESS_REPORTS, SAVE_UNREPORTED};
use slpsim_agent::{Capabilities, Purpose, Role, Timer, TransportMode};
use slpsim_policy::Wall;

use super::status::{self, Interval};
use super::summary::{agent_version, reports, status_blocks};
use super::{EMPTY, NONE, authorization, time, time_or_none, udi, usage};
use crate::config::{CALLHOME_URL, CSLU_DISCOVERY, SMART_URL};
use crate::device::Device;
use crate::document::Document;
use crate::session::{Exec, Outcome};
use crate::syntax::Parsed;

const GONE: &str = "Expired Not Rescheduled";
const NOT_AVAILABLE: &str = "Not Available";

pub(crate) fn show(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    doc.text("Smart Licensing Tech Support info");
    doc.blank();
    status_blocks(doc, device, Interval::Technical);
    licenses(doc, device);
    doc.heading("Product Information", 19);
    udi::identity(doc, device);
    doc.blank();
    agent_version(doc);
    doc.blank();
    jobs(doc, device);
    doc.blank();
    communication(doc, device);
    doc.blank();
    doc.heading("License Certificates", 20);
    doc.field("Production Cert", "True");
    doc.text("Not registered. No certificates installed");
    doc.blank();
    redundancy(doc, device);
    doc.blank();
    reservation(doc, device);
    doc.blank();
    reports(doc, device, true);
    doc.blank();
    doc.heading("Device Telemetry Report Summary:", 32);
    doc.field("Data Channel", "AVAILABLE");
    doc.field("Reports on disk", 0);
    doc.blank();
    status::trust(doc, device);
    doc.blank();
    other(doc, device);
    doc.blank();
    doc.heading("Platform Provided Mapping Table", 31);
    let total = device.profile().licenses.len();
    doc.indented(2, |doc| {
        doc.text(format_args!("{}: Total licenses found: {total}", device.agent.udi().pid));
    });
    enforced(doc, device);
    Ok(())
}

fn licenses(doc: &mut Document, device: &Device<'_>) {
    doc.heading("License Usage", 13);
    for (row, handle) in device.agent.usage().zip(1_u32..) {
        let license = row.license;
        let of_license = device.agent.reports().filter(|report| report.license == license);
        let current = of_license.max_by_key(|report| report.id);
        let status = if row.count > 0 { "IN USE(15)" } else { "NOT IN USE(1)" };
        let since = current.as_ref().map(|report| report.start);
        doc.number("Handle", handle);
        doc.indented(2, |doc| {
            doc.field("License", license.name);
            doc.field("Entitlement Tag", license.tag);
            doc.field("Description", license.description);
            doc.number("Count", row.count);
            doc.field("Version", "1.0");
            doc.field("Status", status);
            doc.field("Status time", time_or_none(device, since));
            doc.field("Request Time", time_or_none(device, since));
            doc.field("Export status", "NOT RESTRICTED");
            doc.field("Feature Name", license.name);
            doc.field("Feature Description", license.description);
            doc.field("Enforcement type", usage::enforcement(license));
            doc.field("License type", "Generic");
            doc.section("Measurements", 2, |doc| {
                doc.section("ENTITLEMENT", 2, |doc| {
                    doc.field("Interval", "00:15:00");
                    doc.number("Current Value", row.count);
                    let (id, previous) =
                        current.map_or((0, 0), |report| (report.id.0, report.previous.map_or(0, |id| id.0)));
                    doc.text(format_args!("Current Report: {id}       Previous: {previous}"));
                });
            });
            doc.field("Soft Enforced", "True");
        });
        doc.blank();
    }
}

/// Jobs that the agent does at each change, instead of by a timer of their own, are shown at the times of a device.
fn jobs(doc: &mut Document, device: &Device<'_>) {
    let every = |period: Duration| Some(next_of(device, period));
    doc.heading("Upcoming Scheduled Jobs", 23);
    doc.field("Current time", time(device, device.now()));
    let mut job = |name: &str, at: Option<Wall>, without: &str| {
        let text = at.map_or_else(|| without.to_string(), |at| remaining(device, at));
        doc.field(name, text);
    };
    job("Daily", every(PROCESS_REPORTS), GONE);
    job("Init Flag Check", None, GONE);
    job("Reservation configuration mismatch between nodes in HA mode", None, GONE);
    job("Retrieve data processing result", device.agent.timer(Timer::Poll), GONE);
    job("Start Utility Measurements", every(Duration::from_secs(MEASUREMENT_INTERVAL_S)), GONE);
    job("Send Utility RUM reports", device.agent.timer(Timer::Report), GONE);
    job("Save unreported RUM Reports", every(SAVE_UNREPORTED), GONE);
    job("Process Utility RUM reports", every(PROCESS_REPORTS), GONE);
    for name in ["Telemetry Reporting", "Authorization Code Process"] {
        job(name, None, GONE);
    }
    job("Data Synchronization", device.agent.timer(Timer::Sync), NOT_AVAILABLE);
    for name in ["External Event", "Operational Model"] {
        job(name, None, GONE);
    }
}

/// The next multiple of `period` after the start of the switch.
fn next_of(device: &Device<'_>, period: Duration) -> Wall {
    let period = i64::try_from(period.as_millis()).unwrap_or(i64::MAX).max(1);
    let up = device.now().since(device.started);
    device.now().plus_millis(period - up.rem_euclid(period))
}

/// `Mar 02 10:15:00 2026 UTC (14 minutes, 55 seconds remaining)`.
fn remaining(device: &Device<'_>, at: Wall) -> String {
    let left = at.since(device.now()).max(0) / 1000;
    let mut parts = String::new();
    for (count, unit) in [
        (left / 86_400, "days"),
        (left / 3600 % 24, "hours"),
        (left / 60 % 60, "minutes"),
        (left % 60, "seconds"),
    ] {
        // The largest unit that is there begins; seconds are always there.
        if count > 0 || !parts.is_empty() || unit == "seconds" {
            let unit = if count == 1 { unit.trim_end_matches('s') } else { unit };
            let comma = if parts.is_empty() { "" } else { ", " };
            parts += &format!("{comma}{count} {unit}");
        }
    }
    format!("{} ({parts} remaining)", time(device, at))
}

fn communication(doc: &mut Document, device: &Device<'_>) {
    const CONVERSATIONS: [(&str, Option<Purpose>); 10] = [
        ("Trust Establishment", Some(Purpose::Trust)),
        ("Trust Acknowledgement", None),
        ("Usage Reporting", Some(Purpose::Usage)),
        ("Result Polling", Some(Purpose::Poll)),
        ("Authorization Request", Some(Purpose::AuthRequest)),
        ("Authorization Confirmation", None),
        ("Authorization Return", Some(Purpose::AuthReturn)),
        ("Trust Sync", Some(Purpose::TrustSync)),
        ("Hello Message", Some(Purpose::Hello)),
        ("Telemetry Reporting", None),
    ];
    let (level, state) = device.agent.communication_level();
    doc.heading("Communication Statistics:", 23);
    doc.field("Communication Level Allowed", level);
    doc.field("Overall State", state);
    let none = Conversation::default();
    for (name, purpose) in CONVERSATIONS {
        let counted = purpose.and_then(|purpose| device.agent.conversation(purpose)).unwrap_or(&none);
        doc.section(name, 2, |doc| conversation(doc, device, counted));
    }
}

fn conversation(doc: &mut Document, device: &Device<'_>, counted: &Conversation) {
    doc.text(format_args!(
        "Attempts: Total={}, Success={}, Fail={}  Ongoing Failure: Overall={} Communication={}",
        counted.total, counted.success, counted.fail, counted.ongoing_overall, counted.ongoing_communication
    ));
    doc.data("total", counted.total);
    doc.data("success", counted.success);
    doc.data("fail", counted.fail);
    let last = counted.last_response.map(|(word, at)| format!("{word} on {}", time(device, at)));
    doc.field("Last Response", last.as_deref().unwrap_or(NONE));
    let reason = counted.failure_reason.as_ref().map(|reason| match reason {
        FailureReason::Failure(failure) => failure.to_string(),
        FailureReason::Server(text) => text.to_string(),
    });
    doc.indented(2, |doc| doc.field("Failure Reason", reason.as_deref().unwrap_or(NONE)));
    doc.field("Last Success Time", time_or_none(device, counted.last_success));
    doc.field("Last Failure Time", time_or_none(device, counted.last_failure));
}

fn redundancy(doc: &mut Document, device: &Device<'_>) {
    let standby = device.agent.units().any(|(unit, _)| unit.role == Role::Standby);
    doc.heading("HA Info", 10);
    for role in ["RP Role", "Chassis Role", "Behavior Role"] {
        doc.field(role, Role::Active.name());
    }
    doc.field("RMF", "True");
    doc.field("CF", "True");
    doc.field("CF State", if standby { "Stateful" } else { "Stateless" });
    doc.field("Message Flow Allowed", if standby { "True" } else { "False" });
}

fn reservation(doc: &mut Document, device: &Device<'_>) {
    doc.heading("Reservation Info", 16);
    doc.field("License reservation", "DISABLED");
    doc.blank();
    doc.section("Overall status", 2, |doc| {
        for (unit, _) in device.agent.units() {
            doc.text(format_args!("{}: {}", unit.role.name(), unit.udi.in_show()));
            doc.indented(2, |doc| {
                doc.field("Reservation status", "NOT INSTALLED");
                for code in [
                    "Request code",
                    "Last return code",
                    "Last Confirmation code",
                    "Reservation authorization code",
                ] {
                    doc.field(code, NONE);
                }
            });
        }
    });
    doc.blank();
    doc.text("Specified license reservations:");
    doc.blank();
    authorization::purchased(doc);
}

/// What tells something about this agent; the many switches of a real one are not repeated.
fn other(doc: &mut Document, device: &Device<'_>) {
    let profile = device.profile();
    let privacy = device.config.smart.privacy_hostname;
    doc.heading("Other Info", 10);
    doc.field("Software ID", profile.software_tag);
    doc.field("Agent State", "authorized");
    doc.field("TS enable", "True");
    transport(doc, device.config.smart.transport);
    doc.field("Privacy Send Hostname", if privacy { "False" } else { "True" });
    doc.field("Message Version", "1.3");
    connect_info(doc, device);
    let words: alloc::vec::Vec<_> = Capabilities::AGENT.words().collect();
    doc.field("agent.capabilities", words.join(", "));
    doc.field("Event log max size", "5120 KB");
    let mut installed = false;
    for (unit, trust) in device.agent.units() {
        let udi = unit.udi;
        installed |= trust.is_some();
        doc.text(match trust {
            Some(trust) => format!(
                "{0}: {0}, state[2], Trust Data INSTALLED  TrustId:{1}",
                udi.in_messages(),
                trust.trust_id
            ),
            None => format!("{}: No Trust Data", udi.in_messages()),
        });
    }
    doc.field("Overall Trust", if installed { "INSTALLED (2)" } else { "No ID" });
    doc.field("Clock sync-ed with NTP", if device.ntp_synchronized { "True" } else { "False" });
}

/// What the peer said of itself, once it has answered; a reload, a factory reset and another peer forget it with the
/// answer to hello (`spec/behaviour.md` §11, §7.1).
fn connect_info(doc: &mut Document, device: &Device<'_>) {
    let peer = device.peer.filter(|_| device.agent.peer_is_known());
    doc.field("connect_info.name", peer.map_or(EMPTY, |peer| &peer.name));
    doc.field("connect_info.version", peer.map_or(EMPTY, |peer| &peer.version));
    match peer {
        // `additional_info` is empty in every message that is known.
        Some(_) => doc.text("connect_info.additional:"),
        None => doc.field("connect_info.additional", EMPTY),
    }
    doc.field("connect_info.prod", if peer.is_some_and(|peer| peer.production) { "True" } else { "False" });
    let words = peer.map(|peer| peer.capabilities.join(", "));
    doc.field("connect_info.capabilities", words.as_deref().unwrap_or(EMPTY));
}

fn transport(doc: &mut Document, mode: TransportMode) {
    let (name, url) = match mode {
        TransportMode::Smart => ("Smart", SMART_URL),
        TransportMode::Callhome => ("Callhome", CALLHOME_URL),
        TransportMode::Cslu => ("cslu", CSLU_DISCOVERY),
        TransportMode::Off => return doc.field("Transport", "Transport Off"),
    };
    doc.field("Transport", name);
    doc.indented(2, |doc| doc.field("Default URL", url));
}

fn enforced(doc: &mut Document, device: &Device<'_>) {
    doc.text("Enforced Licenses:");
    let of_class = |license: &&slpsim_agent::License| license.class == slpsim_policy::Class::Enforced;
    let mut any = false;
    doc.indented(2, |doc| doc.text(format_args!("{}:", device.agent.udi().in_messages())));
    for license in device.profile().licenses.iter().filter(of_class) {
        any = true;
        doc.indented(4, |doc| doc.text(format_args!("{}: {}", license.name, license.tag)));
    }
    if !any {
        doc.indented(4, |doc| doc.text("No PD enforced licenses"));
    }
}

//! `show license status`, and the blocks that it shares with `all` and `tech support`.

use alloc::format;
use alloc::string::{String, ToString};

use slpsim_agent::TransportMode;
use slpsim_policy::{Class, Phase, PushInterval, Source, Tagged};

use super::{EMPTY, NONE, time, time_or_none};
use crate::device::Device;
use crate::document::Document;
use crate::session::{Exec, Outcome};
use crate::syntax::Parsed;

/// The fast interval, in minutes, as it is printed (`spec/behaviour.md` §7.2).
const FAST_MINUTES: &str = "15  minutes";

pub(crate) fn show(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    utility(doc);
    doc.blank();
    policy_mode(doc, false);
    doc.blank();
    account(doc, device);
    doc.blank();
    privacy(doc, device);
    doc.blank();
    transport(doc, device);
    doc.blank();
    policy(doc, device);
    doc.blank();
    miscellaneous(doc, device);
    doc.blank();
    reporting(doc, device, Interval::Short);
    doc.blank();
    trust(doc, device);
    Ok(())
}

pub(crate) fn utility(doc: &mut Document) {
    doc.section("Utility", 2, |doc| doc.field("Status", "DISABLED"));
}

pub(crate) fn policy_mode(doc: &mut Document, reporting_mode: bool) {
    doc.section("Smart Licensing Using Policy", 2, |doc| {
        doc.field("Status", "ENABLED");
        if reporting_mode {
            doc.field("Reporting Mode", "STANDARD");
        }
    });
}

pub(crate) fn account(doc: &mut Document, device: &Device<'_>) {
    doc.section("Account Information", 2, |doc| match device.agent.account() {
        Some((account, as_of)) => {
            let as_of = as_of.map(|at| format!(" As of {}", time(device, at))).unwrap_or_default();
            doc.field("Smart Account", format_args!("{}{as_of}", account.smart));
            doc.field("Virtual Account", &account.r#virtual);
        }
        None => {
            doc.field("Smart Account", NONE);
            doc.field("Virtual Account", NONE);
        }
    });
}

pub(crate) fn privacy(doc: &mut Document, device: &Device<'_>) {
    let smart = &device.config.smart;
    let state = |on: bool| if on { "ENABLED" } else { "DISABLED" };
    doc.section("Data Privacy", 2, |doc| {
        doc.field("Sending Hostname", if smart.privacy_hostname { "no" } else { "yes" });
        doc.indented(2, |doc| {
            doc.field("Callhome hostname privacy", state(smart.privacy_hostname));
            doc.field("Smart Licensing hostname privacy", state(smart.privacy_hostname));
        });
        doc.field("Version privacy", state(smart.privacy_version));
    });
}

pub(crate) fn transport(doc: &mut Document, device: &Device<'_>) {
    let config = &*device.config;
    let smart = &config.smart;
    doc.section("Transport", 2, |doc| {
        match smart.transport {
            TransportMode::Cslu => {
                doc.field("Type", "cslu");
                doc.field("Cslu address", &smart.cslu_url);
            }
            TransportMode::Smart => {
                doc.field("Type", "Smart");
                doc.field("URL", &smart.smart_url);
            }
            TransportMode::Callhome => {
                doc.field("Type", "Callhome");
                doc.field("URL", &config.callhome.url);
            }
            TransportMode::Off => doc.field("Type", "Transport Off"),
        }
        doc.section("Proxy", 2, |doc| match &smart.proxy_address {
            Some(address) => {
                doc.field("Address", address);
                doc.field(
                    "Port",
                    smart.proxy_port.map_or_else(|| EMPTY.to_string(), |port| port.to_string()),
                );
                doc.field("Username", EMPTY);
                doc.field("Password", EMPTY);
            }
            None => doc.text("Not Configured"),
        });
        doc.field("VRF", &smart.vrf);
        if let Some(interface) = &smart.source_interface {
            doc.field("Source Interface", interface);
        }
    });
}

pub(crate) fn miscellaneous(doc: &mut Document, device: &Device<'_>) {
    let id = device.config.smart.custom_id.as_deref().unwrap_or(EMPTY);
    doc.section("Miscellaneous", 2, |doc| doc.field("Custom Id", id));
}

pub(crate) fn policy(doc: &mut Document, device: &Device<'_>) {
    let rules = device.agent.rules();
    doc.section("Policy", 2, |doc| {
        match device.agent.policy() {
            Some((name, installed)) => {
                doc.field("Policy in use", format_args!("Installed On {}", time_or_none(device, installed)));
                doc.field("Policy name", name);
            }
            None => doc.field("Policy in use", "Merged from multiple sources."),
        }
        let ack = rules.ack_required;
        let yes = Tagged { value: if ack.value { "yes" } else { "no" }, source: ack.source };
        doc.field("Reporting ACK required", tagged(yes));
        for (class, label) in classes(device) {
            doc.section(label, 2, |doc| {
                doc.field("First report requirement (days)", tagged(rules.first(*class)));
                doc.field("Ongoing reporting frequency (days)", tagged(rules.ongoing(*class)));
                doc.field("On change reporting (days)", tagged(rules.on_change(*class)));
            });
        }
    });
}

/// The classes that a platform has (`spec/behaviour.md` §2.1), with their labels.
fn classes(device: &Device<'_>) -> &'static [(Class, &'static str)] {
    const ALL: [(Class, &str); 2] =
        [(Class::Unenforced, "Unenforced/Non-Export"), (Class::Enforced, "Enforced")];
    if device.profile().has_enforced { &ALL } else { &ALL[..1] }
}

fn tagged<T: ToString>(tagged: Tagged<T>) -> String {
    let tag = match tagged.source {
        Source::CiscoDefault => "CISCO default",
        Source::Customer => "Customer Policy",
    };
    format!("{} ({tag})", tagged.value.to_string())
}

/// How much the interval line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interval {
    /// The interval.
    Short,
    /// With state and policy number, as in tech support.
    Technical,
}

pub(crate) fn reporting(doc: &mut Document, device: &Device<'_>, interval: Interval) {
    let agent = &device.agent;
    doc.section("Usage Reporting", 2, |doc| {
        doc.field("Last ACK received", time_or_none(device, agent.last_ack()));
        doc.field("Next ACK deadline", time_or_none(device, agent.ack_deadline()));
        doc.field("Reporting push interval", push_interval(device, interval));
        doc.data("reporting_push_interval_configured", configured(device));
        doc.data("reporting_push_interval_effective", effective(device));
        doc.field("Next ACK push check", time_or_none(device, agent.next_poll()));
        doc.field("Next report push", time_or_none(device, agent.next_push()));
        doc.field("Last report push", time_or_none(device, agent.last_push()));
        doc.field("Last report file write", time_or_none(device, agent.last_file_write()));
    });
}

fn push_interval(device: &Device<'_>, interval: Interval) -> String {
    if interval == Interval::Short {
        return effective(device);
    }
    let mut text = effective(device);
    if device.agent.is_fast() {
        text += &format!(" (configured {})", configured(device));
    }
    let state = match device.agent.phase() {
        Phase::First => 2,
        Phase::Ongoing => 4,
    };
    text + &format!(" State({state}) InPolicy({})", device.agent.in_policy().unwrap_or(0))
}

fn configured(device: &Device<'_>) -> String {
    match device.agent.configured_interval() {
        PushInterval::Days(days) => format!("{days}  days"),
        PushInterval::NoReporting => "0 (no reporting)".to_string(),
    }
}

fn effective(device: &Device<'_>) -> String {
    if device.agent.is_fast() { FAST_MINUTES.to_string() } else { configured(device) }
}

/// `spec/behaviour.md` §6 "display": per unit, or `<none>` where none has a trust code.
pub(crate) fn trust(doc: &mut Document, device: &Device<'_>) {
    let units = || device.agent.units().filter_map(|(unit, trust)| Some((unit, trust?)));
    if units().next().is_none() {
        return doc.field("Trust Code Installed", NONE);
    }
    doc.section("Trust Code Installed", 2, |doc| {
        for (unit, trust) in units() {
            doc.text(format_args!("{}: {}", unit.role.name(), unit.udi.in_show()));
            doc.indented(2, |doc| doc.text(format_args!("INSTALLED on {}", time(device, trust.installed))));
            doc.row("trust", |doc| {
                doc.data("role", unit.role.name());
                doc.data("udi", unit.udi.in_show().to_string());
                doc.data("installed_on", time(device, trust.installed));
            });
        }
    });
}

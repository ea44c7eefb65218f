//! `show license authorization`, `show license data conversion`.

use slpsim_agent::Unit;
use slpsim_agent::view::Conversion;

use super::{time, time_or_none};
use crate::device::Device;
use crate::document::Document;
use crate::session::{Exec, Outcome};
use crate::syntax::Parsed;

/// What stands before the state of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    /// `Status:`, as on IOS-XE.
    Status,
    /// A word of its own, so that no line `Status:` follows the usage block of `show license all`
    /// (`spec/console.md` §5).
    AuthorizationStatus,
}

pub(crate) fn show(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    overall(cx.doc, cx.device, Label::Status);
    cx.doc.blank();
    purchased(cx.doc);
    Ok(())
}

pub(crate) fn overall(doc: &mut Document, device: &Device<'_>, label: Label) {
    doc.section("Overall status", 2, |doc| {
        for (unit, _) in device.agent.units() {
            doc.text(format_args!("{}: {}", unit.role.name(), unit.udi.in_show()));
            doc.row("unit", |doc| doc.indented(2, |doc| of_unit(doc, device, unit, label)));
        }
    });
}

fn of_unit(doc: &mut Document, device: &Device<'_>, unit: Unit, label: Label) {
    let label = match label {
        Label::Status => "Status",
        Label::AuthorizationStatus => "Authorization Status",
    };
    let mut codes = device.agent.authorizations().filter(|(code, _)| code.udi == unit.udi).peekable();
    if codes.peek().is_none() {
        return doc.field(label, "NOT INSTALLED");
    }
    for (code, installed) in codes {
        doc.field(label, format_args!("SMART AUTHORIZATION INSTALLED on {}", time(device, installed)));
        for (tag, count) in &code.entitlements {
            let named = device.profile().licenses.iter().find(|license| license.tag == tag);
            let name = named.map_or(tag.as_str(), |license| license.name);
            doc.indented(2, |doc| {
                doc.text(format_args!("{name}: {count}"));
                doc.row("entitlement", |doc| {
                    doc.data("name", name);
                    doc.data("count", *count);
                });
            });
        }
    }
}

pub(crate) fn purchased(doc: &mut Document) {
    doc.section("Purchased Licenses", 2, |doc| doc.text("No Purchase Information Available"));
}

pub(crate) fn conversion(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    let conversion = device.agent.conversion();
    doc.field("Status", conversion.word());
    if let Conversion::Success(at) = conversion {
        doc.field("Completed", time(device, at));
    }
    conversion_facts(doc, device);
    Ok(())
}

/// Automatic on a device that comes from classic licensing; its data go with usage reports, or are saved with them
/// (`spec/behaviour.md` §15, layout modelled).
pub(crate) fn conversion_facts(doc: &mut Document, device: &Device<'_>) {
    let agent = &device.agent;
    let upgraded = agent.conversion() != Conversion::NotStarted;
    doc.field("Automatic Conversion Enabled", if upgraded { "True" } else { "False" });
    doc.field("Last Data Push", time_or_none(device, agent.last_push().filter(|_| upgraded)));
    doc.field("Last File Export", time_or_none(device, agent.last_file_write().filter(|_| upgraded)));
}

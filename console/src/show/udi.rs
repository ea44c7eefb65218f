//! `show license udi`, `show license host-id`.

use alloc::string::ToString;

use crate::device::Device;
use crate::document::Document;
use crate::session::{Exec, Outcome};
use crate::syntax::Parsed;

pub(crate) fn show(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    identity(cx.doc, cx.device);
    Ok(())
}

/// The units of a redundancy set are listed where there are two.
pub(crate) fn identity(doc: &mut Document, device: &Device<'_>) {
    doc.field("UDI", device.agent.udi().in_show());
    if device.agent.units().count() < 2 {
        return;
    }
    doc.blank();
    doc.section("HA UDI List", 4, |doc| {
        for (unit, _) in device.agent.units() {
            doc.text(format_args!("{}:{}", unit.role.name(), unit.udi.in_show()));
            doc.row("unit", |doc| {
                doc.data("role", unit.role.name());
                doc.data("udi", unit.udi.in_show().to_string());
            });
        }
    });
}

pub(crate) fn host_id(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let serial = cx.device.agent.udi().serial;
    cx.doc.field("License hostid", format_args!("VDH={serial}"));
    Ok(())
}

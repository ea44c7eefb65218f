//! `show license all`, and the summary of usage reports (`spec/formats.md` §17).

use super::authorization::{self, Label};
use super::status::{self, Interval};
use super::{AGENT_VERSION, NONE, udi, usage};
use crate::device::Device;
use crate::document::Document;
use crate::session::{Exec, Outcome};
use crate::syntax::Parsed;

pub(crate) fn all(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    status_blocks(doc, device, Interval::Short);
    status::trust(doc, device);
    doc.blank();
    doc.heading("License Usage", 13);
    doc.blank();
    if device.agent.usage().all(|row| row.count == 0) {
        doc.text("No licenses in use");
        doc.blank();
    }
    usage::blocks(doc, device);
    doc.heading("Product Information", 19);
    udi::identity(doc, device);
    doc.blank();
    agent_version(doc);
    doc.blank();
    doc.heading("License Authorizations", 22);
    authorization::overall(doc, device, Label::AuthorizationStatus);
    doc.blank();
    authorization::purchased(doc);
    doc.blank();
    reports(doc, device, false);
    Ok(())
}

/// The blocks of `Smart Licensing Status`, each followed by an empty line.
pub(crate) fn status_blocks(doc: &mut Document, device: &Device<'_>, interval: Interval) {
    doc.heading("Smart Licensing Status", 22);
    doc.blank();
    doc.text("Smart Licensing is ENABLED");
    doc.blank();
    doc.section("License Conversion", 2, |doc| {
        authorization::conversion_facts(doc, device);
    });
    doc.blank();
    doc.section("Export Authorization Key", 2, |doc| {
        doc.section("Features Authorized", 2, |doc| doc.text(NONE))
    });
    doc.blank();
    status::utility(doc);
    doc.blank();
    status::policy_mode(doc, true);
    doc.blank();
    status::account(doc, device);
    doc.blank();
    status::privacy(doc, device);
    doc.blank();
    status::transport(doc, device);
    doc.blank();
    status::miscellaneous(doc, device);
    doc.blank();
    status::policy(doc, device);
    doc.blank();
    status::reporting(doc, device, interval);
    doc.blank();
}

pub(crate) fn agent_version(doc: &mut Document) {
    doc.heading("Agent Version", 13);
    doc.field("Smart Agent for Licensing", AGENT_VERSION);
}

/// The short form, or with what tech support adds.
pub(crate) fn reports(doc: &mut Document, device: &Device<'_>, technical: bool) {
    let summary = device.agent.report_summary();
    // In brackets what tech support adds: lost in all, and closed without ACK, sent or not.
    let closed = summary.available - summary.collecting.min(summary.available);
    let more = |n: u32| if technical { alloc::format!("({n})") } else { alloc::string::String::new() };
    doc.heading("Usage Report Summary:", 21);
    doc.text(format_args!("Total: {},  Purged: {}{}", summary.total, summary.purged, more(summary.purged)));
    doc.text(format_args!(
        "Total Acknowledged Received: {},  Waiting for Ack: {}{}",
        summary.acknowledged,
        summary.waiting_for_ack,
        more(closed)
    ));
    doc.text(format_args!(
        "Available to Report: {}  Collecting Data: {}",
        summary.available, summary.collecting
    ));
    if technical {
        let stored =
            device.agent.reports().filter(|report| report.end.is_none() || report.state.awaits_ack());
        let (listed, stored) = (device.agent.reports().count(), stored.count());
        doc.text(format_args!("Maximum Display: {listed}  In Storage: {stored},  MIA: 0(0)"));
        doc.text("Report Module Status: Ready");
    }
    doc.group("usage_report_summary", |doc| {
        doc.data("total", i64::try_from(summary.total).unwrap_or(i64::MAX));
        doc.data("purged", summary.purged);
        doc.data("acknowledged", summary.acknowledged);
        doc.data("waiting_for_ack", summary.waiting_for_ack);
        doc.data("available_to_report", summary.available);
        doc.data("collecting_data", summary.collecting);
    });
}

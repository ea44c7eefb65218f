//! `show license rum id` (`spec/formats.md` §16).

use alloc::string::ToString;
use alloc::vec::Vec;

use slpsim_agent::view::ReportView;
use slpsim_agent::{ReportId, ReportState};

use super::{NONE, time, time_or_none};
use crate::device::Device;
use crate::document::Document;
use crate::session::{Exec, Outcome, Refusal};
use crate::syntax::Parsed;

const UNDERLINE: usize = 36;

pub(crate) fn show(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let wanted = parsed.number("id").map(ReportId);
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    let reports: Vec<_> =
        device.agent.reports().filter(|report| wanted.is_none_or(|wanted| report.id == wanted)).collect();
    if reports.is_empty() && wanted.is_some() {
        return Err(Refusal::new("% The requested item was not found"));
    }
    if parsed.has("detail") {
        doc.heading("Smart Licensing Usage Report Detail:", UNDERLINE);
        for (at, report) in reports.iter().enumerate() {
            if at > 0 {
                doc.blank();
            }
            detail(doc, device, report);
        }
        return Ok(());
    }
    doc.heading("Smart Licensing Usage Report:", UNDERLINE);
    doc.text("Report Id,          State,    Flag, Feature Name");
    for report in &reports {
        let (id, state) = (report.id.0, report.state.word());
        doc.text(format_args!("{id:<20}{state:<10}{:<6}{}", "N", report.license.name));
        doc.row("report", |doc| {
            doc.data("report_id", id.to_string());
            doc.data("state", state);
            doc.data("flag", "N");
            doc.data("feature_name", report.license.name);
        });
    }
    Ok(())
}

fn detail(doc: &mut Document, device: &Device<'_>, report: &ReportView<'_>) {
    let number = |id: Option<ReportId>| id.map_or(0, |id| id.0);
    let (previous, next) = (number(report.previous), number(report.next));
    let (state, reason) = (report.state.word(), change_reason(report));
    let (start, end) = (time(device, report.start), time_or_none(device, report.end));
    doc.row("report", |doc| {
        doc.field("Report Id", report.id.0);
        doc.indented(2, |doc| {
            doc.field("Metric Name", "ENTITLEMENT");
            doc.field("Feature Name", report.license.name);
            doc.field("Metric Value", report.license.tag);
            doc.field("UDI", report.udi.in_show());
            doc.text(format_args!("Previous Report Id: {previous},    Next Report Id: {next}"));
            doc.text(format_args!("State: {state},      State Change Reason: {reason}"));
            doc.text(format_args!("Start Time: {start},      End Time: {end}"));
            doc.data("previous_report_id", previous.to_string());
            doc.data("next_report_id", next.to_string());
            doc.data("state", state);
            doc.data("state_change_reason", reason);
            doc.data("start_time", start);
            doc.data("end_time", end);
            doc.field("Storage State", storage(report.state));
            doc.field("Transaction ID", 0);
            doc.field("Transaction Message", report.rejected.unwrap_or(NONE));
        });
    });
}

/// `ACKED` is what devices print; the words of other states are modelled.
fn change_reason(report: &ReportView<'_>) -> &'static str {
    match report.state {
        ReportState::Acknowledged => "ACKED",
        ReportState::Rejected => "REJECTED",
        ReportState::Open | ReportState::Closed | ReportState::Pending | ReportState::Unacknowledged => {
            report.reason.map_or(NONE, |reason| reason.word())
        }
    }
}

/// After the ACK the contents are gone (`spec/behaviour.md` §4).
const fn storage(state: ReportState) -> &'static str {
    match state {
        ReportState::Acknowledged => "DELETED",
        ReportState::Open
        | ReportState::Closed
        | ReportState::Pending
        | ReportState::Unacknowledged
        | ReportState::Rejected => "EXIST",
    }
}

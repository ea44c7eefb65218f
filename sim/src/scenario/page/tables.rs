//! What a picture cannot say: faults, steps and exchanges as tables.

use std::fmt::Write;

use super::timeline::end_of;
use crate::scenario::model::Moment;
use crate::scenario::report::escaped;
use crate::scenario::trace::{Outcome, What};

/// Rows of one table; the rest is counted.
const ROWS: usize = 2_000;

/// The faults, with what they met and hit.
pub(super) fn faults(out: &mut String, outcome: &Outcome) {
    if outcome.course.faults.is_empty() {
        return;
    }
    let rows = outcome.course.faults.iter().map(|band| {
        let names: Vec<_> = band.devices.iter().map(|at| outcome.device_name(Some(*at))).collect();
        let whom = if names.is_empty() { "all".to_owned() } else { names.join(", ") };
        let hit = if band.hit == 0 { "hit nothing".to_owned() } else { band.hit.to_string() };
        [
            band.number.to_string(),
            band.text.clone(),
            whom,
            Moment(band.from_ms).to_string(),
            Moment(end_of(band, outcome)).to_string(),
            band.met.to_string(),
            hit,
        ]
    });
    table(out, "Faults", ["", "what", "devices", "from", "to", "met", "hit"], rows.collect());
}

/// What was done, step by step.
pub(super) fn steps(out: &mut String, outcome: &Outcome) {
    let rows = outcome.trace.entries.iter().filter_map(|entry| {
        let What::Step { place, text, .. } = &entry.what else { return None };
        let whom = match entry.device {
            Some(_) => outcome.device_name(entry.device),
            None => "",
        };
        Some([Moment(entry.at_ms).to_string(), whom.to_owned(), text.clone(), place.clone()])
    });
    table(out, "Steps", ["time", "device", "what", "where"], rows.collect());
}

/// The exchanges as they ended.
pub(super) fn exchanges(out: &mut String, outcome: &Outcome) {
    let rows = outcome.trace.entries.iter().filter_map(|entry| {
        let What::Exchange { began_ms, purpose, failed, fault } = &entry.what else { return None };
        let took = entry.at_ms.saturating_sub(*began_ms);
        Some([
            Moment(*began_ms).to_string(),
            outcome.device_name(entry.device).to_owned(),
            purpose.word().to_owned(),
            failed.map_or_else(|| "answered".to_owned(), |failure| failure.to_string()),
            Moment(took).to_string(),
            fault.map(|number| number.to_string()).unwrap_or_default(),
        ])
    });
    table(out, "Exchanges", ["time", "device", "purpose", "result", "took", "fault"], rows.collect());
}

fn table<const N: usize>(out: &mut String, title: &str, heads: [&str; N], rows: Vec<[String; N]>) {
    if rows.is_empty() {
        return;
    }
    let heads: String = heads.iter().map(|head| format!("<th>{head}</th>")).collect();
    // Writing to a String does not fail.
    let _ = writeln!(out, "<h2>{title}</h2>\n<table class=\"data\">\n<thead><tr>{heads}</tr></thead>");
    for row in rows.iter().take(ROWS) {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        let _ = writeln!(out, "<tr>{cells}</tr>");
    }
    out.push_str("</table>\n");
    if let Some(more @ 1..) = rows.len().checked_sub(ROWS) {
        let _ = writeln!(out, "<p>{more} more are left out here; <code>--trace FILE</code> has all.</p>");
    }
}

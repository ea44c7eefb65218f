//! Outcomes for machines: JSON and JUnit.

use std::fmt::Write;

use super::model::Moment;
use super::page::Band;
use super::trace::Outcome;

/// An outcome as one object.
#[must_use]
pub fn json(outcome: &Outcome) -> serde_json::Value {
    let verdicts: Vec<_> = outcome
        .verdicts
        .iter()
        .map(|verdict| {
            serde_json::json!({
                "place": verdict.place,
                "expected": verdict.expected,
                "seen": verdict.seen,
                "passed": verdict.passed,
                "near": verdict.near,
            })
        })
        .collect();
    let faults: Vec<_> = outcome.course.faults.iter().map(fault_json).collect();
    let matrix: serde_json::Map<String, serde_json::Value> =
        outcome.matrix.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    serde_json::json!({
        "name": outcome.title,
        "file": outcome.file,
        "shows": outcome.shows,
        "seed": outcome.seed,
        "matrix": matrix,
        "passed": outcome.passed(),
        "events": outcome.events,
        "verdicts": verdicts,
        "faults": faults,
        "warnings": outcome.warnings(),
        "command": outcome.command(),
    })
}

/// A fault, and how often it met and hit something.
fn fault_json(fault: &Band) -> serde_json::Value {
    serde_json::json!({
        "fault": fault.number,
        "kind": fault.kind,
        "place": fault.place,
        "text": fault.text,
        "ms": fault.from_ms,
        "met": fault.met,
        "hit": fault.hit,
    })
}

/// The faults of a run as the last entries of its trace, one object each.
pub fn fault_entries(outcome: &Outcome) -> impl Iterator<Item = serde_json::Value> {
    outcome.course.faults.iter().map(|fault| {
        let mut object = fault_json(fault);
        if let Some(map) = object.as_object_mut() {
            map.insert("event".into(), "fault".into());
            map.insert("t".into(), Moment(fault.from_ms).to_string().into());
        }
        object
    })
}

/// A JUnit report: one test case for each outcome, with the seconds that it took.
#[must_use]
pub fn junit(outcomes: &[(Outcome, f64)]) -> String {
    let failed = outcomes.iter().filter(|(outcome, _)| !outcome.passed()).count();
    let time: f64 = outcomes.iter().map(|(_, seconds)| seconds).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "<testsuite name=\"slpsim scenario\" tests=\"{}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\" time=\"{time:.3}\">",
        outcomes.len()
    );
    for (outcome, seconds) in outcomes {
        let (name, class) = (escaped(&outcome.title), escaped(&outcome.file));
        let _ = write!(out, "  <testcase name=\"{name}\" classname=\"{class}\" time=\"{seconds:.3}\"");
        if outcome.passed() {
            out.push_str("/>\n");
            continue;
        }
        let bad = outcome.verdicts.iter().find(|verdict| !verdict.passed);
        let message = bad.map(|verdict| format!("expected {}, seen: {}", verdict.expected, verdict.seen));
        let _ = writeln!(out, ">\n    <failure message=\"{}\">", escaped(&message.unwrap_or_default()));
        let _ = writeln!(out, "{}    </failure>\n  </testcase>", escaped(&outcome.failure_text()));
    }
    out.push_str("</testsuite>\n");
    out
}

/// Text for XML 1.0, in attributes and elements; characters that it does not have become `?`.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(character),
            control if control.is_control() => out.push('?'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_keeps_what_it_can_hold() {
        assert_eq!(escaped("a<b & \"c\" > d\u{7}"), "a&lt;b &amp; &quot;c&quot; &gt; d?");
    }
}

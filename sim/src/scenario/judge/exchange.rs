//! Verdicts on exchanges.

use regex::Regex;
use slpsim_agent::{Failure, Purpose};

use super::{NEAR, PART, bare, extra, tally, verdict};
use crate::scenario::model::{Expectation, Moment, Wanted};
use crate::scenario::trace::{Entry, Outcome, Verdict, What};

/// Judges an expectation of exchanges.
pub(in crate::scenario) fn exchange(expectation: &Expectation, outcome: &Outcome) -> Verdict {
    let Wanted::Exchange { purpose, window, count, answered, text } = &expectation.wanted else {
        return verdict(&expectation.place, String::new(), String::new(), true);
    };
    let part = text.as_ref().and_then(|whole| Regex::new(bare(whole)).ok());
    let misses = |entry: &Entry| -> Option<&'static str> {
        let (of, failed) = parts(entry)?;
        if purpose.is_some_and(|purpose| purpose != of) {
            return Some("another purpose");
        }
        if expectation.device.is_some() && expectation.device != entry.device {
            return Some("another device");
        }
        if window.is_some_and(|window| !(window.from..=window.to).contains(&entry.at_ms)) {
            return Some("outside the window");
        }
        if answered.is_some_and(|answered| answered == failed.is_some()) {
            return Some(if failed.is_some() { "it failed" } else { "it was answered" });
        }
        let fits = |regex: Option<&Regex>, failure: Failure| {
            regex.is_none_or(|regex| regex.is_match(&failure.to_string()))
        };
        match failed {
            Some(failure) if !fits(text.as_ref(), failure) => {
                let is_part = part.is_some() && fits(part.as_ref(), failure);
                Some(if is_part { PART } else { "another failure" })
            }
            None if text.is_some() => Some("it was answered"),
            Some(_) | None => None,
        }
    };
    let all: Vec<_> = outcome.trace.entries.iter().filter(|entry| parts(entry).is_some()).collect();
    let hits: Vec<_> = all.iter().copied().filter(|entry| misses(entry).is_none()).collect();
    let seen = u64::try_from(hits.len()).unwrap_or(u64::MAX);
    let passed = count.has(seen);
    let mut expected = format!("{count} exchanges {}", purpose.map_or("of any purpose", Purpose::word));
    match answered {
        Some(true) => expected.push_str(" that were answered"),
        Some(false) => expected.push_str(" that failed"),
        None => {}
    }
    if let Some(text) = text {
        expected.push_str(&format!(" with `{}`", bare(text)));
    }
    if expectation.device.is_some() {
        expected.push_str(&format!(" of {}", outcome.device_name(expectation.device)));
    }
    if let Some(window) = window {
        expected.push_str(&format!(" within {window}"));
    }
    let near = match (passed, seen < count.from) {
        (true, _) => Vec::new(),
        (false, false) => {
            extra(&hits, count.to).map(|entry| shown(entry, Some("one too many"), outcome)).collect()
        }
        (false, true) => {
            let mut others: Vec<_> = all.iter().filter_map(|entry| Some((misses(entry)?, *entry))).collect();
            let from = window.map_or(0, |window| window.from);
            others.sort_by_key(|(why, entry)| (*why == "another purpose", entry.at_ms.abs_diff(from)));
            others.truncate(NEAR);
            others.extend(hits.iter().take(NEAR).map(|entry| ("counts", *entry)));
            others.sort_by_key(|(_, entry)| entry.at_ms);
            others.into_iter().map(|(why, entry)| shown(entry, Some(why), outcome)).collect()
        }
    };
    Verdict { near, ..verdict(&expectation.place, expected, tally(&hits), passed) }
}

const fn parts(entry: &Entry) -> Option<(Purpose, Option<Failure>)> {
    match &entry.what {
        What::Exchange { purpose, failed, .. } => Some((*purpose, *failed)),
        What::Line { .. } | What::Step { .. } | What::Console { .. } => None,
    }
}

fn shown(entry: &Entry, why: Option<&str>, outcome: &Outcome) -> String {
    let What::Exchange { purpose, failed, fault, .. } = &entry.what else { return String::new() };
    let name = outcome.device_name(entry.device);
    let how = failed.map_or_else(|| "answered".to_owned(), |failure| format!("failed: {failure}"));
    let fault = fault.map(|number| format!(", hit by fault {number}")).unwrap_or_default();
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{} {name} exchange {} {how}{fault}{why}", Moment(entry.at_ms), purpose.word())
}

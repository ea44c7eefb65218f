//! From what was expected and what was seen to a verdict.

mod exchange;
mod property;

use regex::Regex;
use slpsim_agent::messages::Kind;
use slpsim_console::Value;

pub(super) use self::exchange::exchange;
pub(super) use self::property::property;
use super::act::described;
use super::model::{Amount, Anchor, Expectation, Moment, Seen, Step, Wanted, When, Window};
use super::property::Test;
use super::trace::{Entry, Outcome, Verdict, What};
use crate::explore::Violation;

/// Messages that are shown beside a failed expectation.
const NEAR: usize = 6;
/// Characters that a line must have in common with a text that is missing.
const NEAR_CHARS: usize = 6;
/// Characters of a console's answer that are shown.
const ANSWER_MAX: usize = 4_000;

/// Judges an expectation of messages.
pub(super) fn message(expectation: &Expectation, outcome: &Outcome) -> Verdict {
    let Wanted::Message { message, window, count, text, after, before } = &expectation.wanted else {
        return verdict(&expectation.place, String::new(), String::new(), true);
    };
    let mut filter = Filter {
        message: *message,
        window: *window,
        text: text.as_ref(),
        device: expectation.device,
        after: after.map(|anchor| (anchor, None)),
        before: before.map(|anchor| (anchor, None)),
    };
    let expected = filter.words(*count, outcome);
    let entries = &outcome.trace.entries;
    for (side, slot) in [("after", &mut filter.after), ("before", &mut filter.before)] {
        let Some((anchor, place)) = slot else { continue };
        match find(*anchor, expectation.device, entries) {
            Ok(found) => *place = Some(found),
            Err(times) => {
                let name = anchor.message.row().mnemonic();
                let seen = match times {
                    0 => format!("{name}, which they have to come {side}, never came"),
                    _ => format!("{name}, which they have to come {side}, came only {times} times"),
                };
                return verdict(&expectation.place, expected, seen, false);
            }
        }
    }
    let lines = || entries.iter().enumerate().filter(|(_, entry)| entry.what.kind().is_some());
    let hits: Vec<_> =
        lines().filter(|line| filter.misses(*line).is_none()).map(|(_, entry)| entry).collect();
    let seen = u64::try_from(hits.len()).unwrap_or(u64::MAX);
    let passed = count.has(seen);
    let near = if passed { Vec::new() } else { near(&filter, lines(), &hits, *count, outcome) };
    let seen = tally(&hits);
    Verdict { near, ..verdict(&expectation.place, expected, seen, passed) }
}

/// How many there are, and when.
fn tally(hits: &[&Entry]) -> String {
    match (hits.len(), hits.first(), hits.last()) {
        (1, Some(first), _) => format!("1, at {}", Moment(first.at_ms)),
        (count, Some(first), Some(last)) => {
            format!("{count}, from {} to {}", Moment(first.at_ms), Moment(last.at_ms))
        }
        (_, _, _) => "none".into(),
    }
}

/// The place of an anchor in the trace and its time; or how often its message came.
fn find(anchor: Anchor, device: Option<usize>, entries: &[Entry]) -> Result<(usize, u64), usize> {
    let device = anchor.device.or(device);
    let fits = |entry: &Entry| {
        entry.what.kind() == Some(anchor.message) && (device.is_none() || device == entry.device)
    };
    let mut found = entries.iter().enumerate().filter(|(_, entry)| fits(entry));
    let wanted = usize::try_from(anchor.nth.saturating_sub(1)).unwrap_or(usize::MAX);
    match found.nth(wanted) {
        Some((position, entry)) => Ok((position, entry.at_ms)),
        None => Err(entries.iter().filter(|entry| fits(entry)).count()),
    }
}

/// A regular expression over a whole text, as it was written.
pub(super) fn bare(regex: &Regex) -> &str {
    let pattern = regex.as_str();
    pattern.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(pattern)
}

/// What an expectation of messages looks for.
struct Filter<'a> {
    message: Option<Kind>,
    window: Option<Window>,
    text: Option<&'a Regex>,
    device: Option<usize>,
    /// With its place in the trace and its time.
    after: Option<(Anchor, Option<(usize, u64)>)>,
    before: Option<(Anchor, Option<(usize, u64)>)>,
}

impl Filter<'_> {
    /// Why an entry does not count; `None` where it does.
    fn misses(&self, (position, entry): (usize, &Entry)) -> Option<&'static str> {
        let What::Line { message, text, .. } = &entry.what else { return Some("no message") };
        if self.message.is_some_and(|kind| kind != message.kind()) {
            return Some("another message");
        }
        if self.device.is_some() && self.device != entry.device {
            return Some("another device");
        }
        if self.window.is_some_and(|window| !(window.from..=window.to).contains(&entry.at_ms)) {
            return Some("outside the window");
        }
        let far =
            |anchor: Anchor, at: u64| anchor.span_ms.is_some_and(|span| entry.at_ms.abs_diff(at) > span);
        if let Some((anchor, Some((place, at)))) = self.after {
            if position <= place {
                return Some("not after it");
            }
            if far(anchor, at) {
                return Some("too long after it");
            }
        }
        if let Some((anchor, Some((place, at)))) = self.before {
            if position >= place {
                return Some("not before it");
            }
            if far(anchor, at) {
                return Some("too long before it");
            }
        }
        if self.text.is_some_and(|regex| !regex.is_match(text)) {
            return Some("another text");
        }
        None
    }

    fn words(&self, count: Amount, outcome: &Outcome) -> String {
        let name = self.message.map_or("any message", |kind| kind.row().mnemonic());
        let mut words = format!("{count} of {name}");
        if self.device.is_some() {
            words.push_str(&format!(" of {}", outcome.device_name(self.device)));
        }
        if let Some(window) = self.window {
            words.push_str(&format!(" within {window}"));
        }
        if let Some(text) = self.text {
            words.push_str(&format!(" with text `{}`", bare(text)));
        }
        for (side, anchor) in [("after", self.after), ("before", self.before)] {
            let Some((anchor, _)) = anchor else { continue };
            let name = anchor.message.row().mnemonic();
            words.push_str(&format!(" {side} number {} of {name}", anchor.nth));
            if let Some(span) = anchor.span_ms {
                words.push_str(&format!(", at most {} away", Moment(span)));
            }
        }
        words
    }
}

/// The messages that explain a verdict best: too many, those beyond the count; too few, those that counted and those
/// that nearly did.
fn near<'a>(
    filter: &Filter<'_>,
    lines: impl Iterator<Item = (usize, &'a Entry)>,
    hits: &[&'a Entry],
    count: Amount,
    outcome: &Outcome,
) -> Vec<String> {
    if u64::try_from(hits.len()).unwrap_or(u64::MAX) >= count.from {
        return extra(hits, count.to).map(|entry| shown(entry, Some("one too many"), outcome)).collect();
    }
    let distance = |entry: &Entry| match filter.window {
        Some(window) if entry.at_ms < window.from => window.from - entry.at_ms,
        Some(window) if entry.at_ms > window.to => entry.at_ms - window.to,
        Some(_) | None => 0,
    };
    let mut others: Vec<_> = lines.filter_map(|line| Some((filter.misses(line)?, line.1))).collect();
    // The same message where there is one, else whatever is nearest in time.
    if others.iter().any(|(why, _)| *why != "another message") || !hits.is_empty() {
        others.retain(|(why, _)| *why != "another message");
    }
    others.sort_by_key(|(_, entry)| (distance(entry), entry.at_ms));
    others.truncate(NEAR);
    others.extend(hits.iter().take(NEAR).map(|entry| ("counts", *entry)));
    others.sort_by_key(|(_, entry)| entry.at_ms);
    if others.is_empty() {
        return vec!["no device logged anything".into()];
    }
    let anywhere = filter.text.and_then(|whole| Regex::new(bare(whole)).ok());
    let said = |(why, entry): (&'static str, &Entry)| {
        let is_part = why == "another text"
            && matches!((&entry.what, &anywhere), (What::Line { text, .. }, Some(part)) if part.is_match(text));
        shown(entry, Some(if is_part { PART } else { why }), outcome)
    };
    others.into_iter().map(said).collect()
}

/// Why a line does not count that has `text` somewhere.
const PART: &str = "contains it, but `text` has to match the whole text: put `.*` around it";

/// Of what counted, the first that are too many, and the last of all.
fn extra<'h, 'a>(hits: &'h [&'a Entry], to: Option<u64>) -> impl Iterator<Item = &'h &'a Entry> {
    let enough = to.and_then(|to| usize::try_from(to).ok()).unwrap_or(0).min(hits.len());
    let extra = hits.get(enough..).unwrap_or_default();
    let (first, rest) = extra.split_at(extra.len().min(NEAR - 1));
    first.iter().chain(rest.last())
}

fn shown(entry: &Entry, why: Option<&str>, outcome: &Outcome) -> String {
    let What::Line { message, text, .. } = &entry.what else { return String::new() };
    let name = outcome.device_name(entry.device);
    let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{} {name} {}: {text}{why}", Moment(entry.at_ms), message.row().mnemonic())
}

/// What a device has answered to a show command.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) device: String,
    pub(super) text: String,
    pub(super) structured: Value,
    /// The device refuses the command.
    pub(super) error: bool,
}

/// How a field of a structured answer differs from what it has to be; `None` where it does not.
fn differs((path, wanted): &(String, String), answer: &Value) -> Option<String> {
    match field(path, answer).map(printed) {
        Ok(seen) => (seen != *wanted).then(|| format!("`{path}` is `{seen}`")),
        Err(why) => Some(why),
    }
}

/// That a device refuses the command with which it is looked at: then nothing is seen, whatever was claimed.
pub(super) fn refused_look(command: &str, answer: &str) -> String {
    let line = answer.lines().map(str::trim).find(|line| line.starts_with('%')).unwrap_or("an error");
    format!("the device refuses `{command}`: {line}")
}

/// Whether a field of this kind can be what a test asks for at all.
///
/// # Errors
/// Where it cannot: such a claim would hold never, whatever happens.
pub(super) fn can_be(path: &str, value: &Value, test: &Test) -> Result<(), String> {
    let (kind, fits) = match value {
        Value::Text(text) => ("a text", matches!(test, Test::Equals(_)) || text.parse::<i64>().is_ok()),
        Value::Number(_) => ("a number", test.is_for_numbers()),
        Value::Bool(_) => ("true or false", test.is_for_truths()),
        Value::Null => return Ok(()),
        Value::List(_) => ("a list", false),
        Value::Map(_) => ("a table", false),
    };
    if fits {
        return Ok(());
    }
    let seen = printed(value);
    Err(format!("`{path}` is {kind} (`{seen}`), and {kind} never {test}"))
}

/// A field of a structured answer; or why there is none.
pub(super) fn field<'a>(path: &str, answer: &'a Value) -> Result<&'a Value, String> {
    let mut at = answer;
    for (position, part) in path.split('.').enumerate() {
        let inner = match at {
            Value::Map(entries) => entries.iter().find(|(key, _)| key == part).map(|(_, value)| value),
            Value::List(values) => part.parse::<usize>().ok().and_then(|number| values.get(number)),
            Value::Text(_) | Value::Number(_) | Value::Bool(_) | Value::Null => None,
        };
        let Some(inner) = inner else {
            let before = path.split('.').take(position).collect::<Vec<_>>().join(".");
            let before = if before.is_empty() { "the top".to_owned() } else { format!("`{before}`") };
            return Err(format!("there is no `{part}` in {before}{}", keys_of(at)));
        };
        at = inner;
    }
    Ok(at)
}

/// A value of a structured answer, as it is compared: as a text.
pub(super) fn printed(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Null => "null".into(),
        Value::List(_) => "a list".into(),
        Value::Map(_) => "a table".into(),
    }
}

/// The keys that there are, for somebody who has guessed.
fn keys_of(value: &Value) -> String {
    let Value::Map(entries) = value else { return String::new() };
    let keys: Vec<_> = entries.iter().map(|(key, _)| key.as_str()).collect();
    format!(" (it has {})", keys.join(", "))
}

/// Judges what a show command has printed, on each device.
pub(super) fn show(expectation: &Expectation, answers: &[Answer]) -> Verdict {
    let Wanted::Show { at, command, contains, not_contains, matches, field } = &expectation.wanted else {
        return verdict(&expectation.place, String::new(), String::new(), true);
    };
    let mut words = Vec::new();
    words.extend(contains.iter().map(|text| format!("contains `{text}`")));
    words.extend(not_contains.iter().map(|text| format!("does not contain `{text}`")));
    words.extend(matches.iter().map(|regex| format!("matches `{}`", regex.as_str())));
    words.extend(field.iter().map(|(path, value)| format!("has `{path}` = `{value}`")));
    let expected = format!("that `{command}` at {} {}", Moment(*at), words.join(", "));
    // Who expects a refusal says with what words; anything else would hold of no answer at all.
    let takes_refusals = !contains.is_empty() || matches.is_some();
    for Answer { device: name, text: answer, structured, error } in answers {
        if *error && !takes_refusals {
            let why = format!("{} (on {name})", refused_look(command, answer));
            return Verdict {
                near: around(answer, None),
                ..verdict(&expectation.place, expected, why, false)
            };
        }
        let missing = contains.iter().find(|text| !answer.contains(text.as_str()));
        let excess = not_contains.iter().find(|text| answer.contains(text.as_str()));
        let unmatched = matches.as_ref().filter(|regex| !regex.is_match(answer));
        let nearest = missing.and_then(|text| nearest(text, answer));
        let why = match (missing, excess, unmatched) {
            (Some(text), _, _) => {
                let line = nearest.map(|(_, line)| format!("; it has `{}`", line.trim())).unwrap_or_default();
                format!("`{text}` is not in the answer of {name}{line}")
            }
            (None, Some(text), _) => format!("`{text}` is in the answer of {name}"),
            (None, None, Some(regex)) => {
                format!("`{}` matches nothing in the answer of {name}", regex.as_str())
            }
            (None, None, None) => match field.as_ref().and_then(|field| differs(field, structured)) {
                Some(why) => format!("{why} in the answer of {name}"),
                None => continue,
            },
        };
        let near = around(answer, nearest.map(|(at, _)| at));
        return Verdict { near, ..verdict(&expectation.place, expected, why, false) };
    }
    verdict(&expectation.place, expected, "as expected".into(), true)
}

/// The line that begins like a text that is missing, as with another value behind the same label; and its position.
fn nearest<'a>(text: &str, answer: &'a str) -> Option<(usize, &'a str)> {
    let text = text.trim();
    let common =
        |line: &str| line.trim().chars().zip(text.chars()).take_while(|(one, other)| one == other).count();
    let lines = answer.lines().enumerate().map(|(at, line)| (common(line), at, line));
    let (_, at, line) =
        lines.filter(|(common, ..)| *common >= NEAR_CHARS).max_by_key(|(common, ..)| *common)?;
    Some((at, line))
}

/// The lines of an answer around one of them; the whole of it where none is nearer than the others.
fn around(answer: &str, at: Option<usize>) -> Vec<String> {
    let cut: String = answer.chars().take(ANSWER_MAX).collect();
    let near = |position: usize| at.is_none_or(|at| position.abs_diff(at) <= NEAR);
    let lines = cut.lines().enumerate().filter(|(position, line)| near(*position) && !line.trim().is_empty());
    lines.map(|(_, line)| line.to_owned()).collect()
}

/// Judges what the mock has; `all` is how much it has of everything.
pub(super) fn peer(
    expectation: &Expectation,
    (what, count): (Seen, Amount),
    device: &str,
    all: &[(Seen, u64)],
) -> Verdict {
    let at = if let Wanted::Peer { at, .. } = expectation.wanted { Moment(at) } else { Moment(0) };
    let of = if device.is_empty() { String::new() } else { format!(" of {device}") };
    let expected = format!("{count} {}{of} at the mock at {at}", what.word());
    let seen = all.iter().find(|(other, _)| *other == what).map_or(0, |(_, seen)| *seen);
    let passed = count.has(seen);
    let table: Vec<_> = all.iter().map(|(what, count)| format!("{} {count}", what.word())).collect();
    let near = if passed { Vec::new() } else { vec![format!("the mock has {}", table.join(", "))] };
    Verdict { near, ..verdict(&expectation.place, expected, seen.to_string(), passed) }
}

/// Judges what a console has answered to a step; `None` where nothing was expected and nothing went wrong.
pub(super) fn reply(
    step: &Step,
    lines: &[String],
    wanted: Option<&Regex>,
    answer: &str,
    error: bool,
) -> Option<Verdict> {
    let typed = lines.join("; ");
    let near = || -> Vec<String> {
        let cut: String = answer.chars().take(ANSWER_MAX).collect();
        cut.lines().map(str::to_owned).collect()
    };
    match wanted {
        Some(regex) => {
            let passed = regex.is_match(answer);
            let expected = format!("that `{typed}` is answered with `{}`", regex.as_str());
            let seen = if passed { "as expected" } else { "another answer" };
            let near = if passed { Vec::new() } else { near() };
            Some(Verdict { near, ..verdict(&step.place, expected, seen.into(), passed) })
        }
        None if error => {
            let expected =
                format!("that `{typed}` is taken (where a refusal is wanted, say so with `reply`)");
            Some(Verdict {
                near: near(),
                ..verdict(&step.place, expected, "the device refuses it".into(), false)
            })
        }
        None => None,
    }
}

/// Lines with a name that no step has saved anything under so far; they are not typed.
pub(super) fn unset(step: &Step, lines: &[String], name: &str) -> Verdict {
    let expected = format!("that `{{{name}}}` of `{}` is saved before it is used", lines.join("; "));
    let seen = "no step has saved it so far, and the lines were not typed".into();
    verdict(&step.place, expected, seen, false)
}

/// A management call that the mock has refused.
pub(super) fn refused_call(step: &Step, why: &str) -> Verdict {
    verdict(&step.place, format!("that the mock takes {}", described(&step.action)), why.into(), false)
}

/// Lines of a startup configuration that the switch has refused.
pub(super) fn refused_startup(device: &str, refused: &str) -> Verdict {
    verdict(device, "that its startup configuration is taken".into(), refused.into(), false)
}

/// An invariant that does not hold for a device.
pub(super) fn broken(device: &str, violation: &Violation) -> Verdict {
    let Violation { at_ms, invariant, why } = violation;
    let expected = format!("that {} (invariant {})", invariant.meaning(), invariant.word());
    verdict(device, expected, format!("at {}: {why}", Moment(*at_ms)), false)
}

/// A step that was never done.
pub(super) fn never_released(step: &Step) -> Verdict {
    let waits = match step.when {
        When::After { message, nth, .. } => format!("number {nth} of {}", message.row().mnemonic()),
        When::At(at) | When::Every { from: at, .. } => Moment(at).to_string(),
    };
    let expected = format!("{waits}, which {} follows", described(&step.action));
    verdict(&step.place, expected, "it never came, and the step was not done".into(), false)
}

fn verdict(place: &str, expected: String, seen: String, passed: bool) -> Verdict {
    Verdict { place: place.into(), expected, seen, passed, near: Vec::new() }
}

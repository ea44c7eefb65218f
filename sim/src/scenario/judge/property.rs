//! Verdicts on properties of a whole run.

use super::{NEAR, shown, verdict};
use crate::scenario::looks::Sight;
use crate::scenario::model::{Expectation, Moment, Wanted, Window};
use crate::scenario::property::{Claim, Mood, Partner, Property};
use crate::scenario::trace::{Entry, Outcome, Verdict, What};

/// Judges a property; `sights` is what was seen of it at each device that it is about.
pub(in crate::scenario) fn property(
    expectation: &Expectation,
    sights: &[(usize, Sight)],
    outcome: &Outcome,
) -> Verdict {
    let Wanted::Property(property) = &expectation.wanted else {
        return verdict(&expectation.place, String::new(), String::new(), true);
    };
    let of = match expectation.device {
        Some(_) => format!(" on {}", outcome.device_name(expectation.device)),
        None => String::new(),
    };
    let window = property.window.map(|window| format!(" within {window}")).unwrap_or_default();
    let expected = format!("that {}{window}{of} {}", property.mood.word(), property.claim);
    let (seen, near) = match &property.claim {
        Claim::State(..) | Claim::Field(..) => state(property, sights, outcome),
        Claim::Message { partner, .. } => messages(property, *partner, expectation.device, outcome),
    };
    let passed = near.is_none();
    Verdict { near: near.unwrap_or_default(), ..verdict(&expectation.place, expected, seen, passed) }
}

/// What was seen of a state; and what explains it, where it is not as claimed.
fn state(property: &Property, sights: &[(usize, Sight)], outcome: &Outcome) -> (String, Option<Vec<String>>) {
    let name = |device: usize| outcome.device_name(Some(device));
    for (device, sight) in sights {
        let (at, value) = match (property.mood, &sight.decided) {
            (Mood::Always | Mood::Never, Some((at, value))) => (*at, format!("{value} on {}", name(*device))),
            (Mood::Eventually, None) => {
                let Some((at, value)) = &sight.last else {
                    return ("it was never looked at: the window is empty".into(), Some(Vec::new()));
                };
                (*at, format!("at no instant; at the last {value} on {}", name(*device)))
            }
            // What could not be looked at was not seen to be otherwise either.
            (Mood::Always | Mood::Never, None) if sight.looks == 0 => {
                return ("it was never looked at: the window is empty".into(), Some(Vec::new()));
            }
            (Mood::Never, None) if sight.found == 0 => {
                let Some((at, why)) = &sight.missing else { continue };
                (*at, format!("at no instant was there a value: {why} on {}", name(*device)))
            }
            (Mood::Always | Mood::Never, None) | (Mood::Eventually, Some(_)) => continue,
        };
        return (format!("{value} at {}", Moment(at)), Some(around(at, *device, outcome)));
    }
    let looks: u64 = sights.iter().map(|(_, sight)| sight.looks).sum();
    (format!("as expected, {looks} times looked at"), None)
}

/// The lines of a device around a time.
fn around(at_ms: u64, device: usize, outcome: &Outcome) -> Vec<String> {
    let lines = outcome.trace.entries.iter();
    let mut lines: Vec<_> =
        lines.filter(|entry| entry.device == Some(device) && entry.what.kind().is_some()).collect();
    lines.sort_by_key(|entry| (entry.at_ms.abs_diff(at_ms), entry.at_ms));
    lines.truncate(NEAR);
    lines.sort_by_key(|entry| entry.at_ms);
    if lines.is_empty() {
        return vec!["the device logged nothing".into()];
    }
    lines.into_iter().map(|entry| shown(entry, None, outcome)).collect()
}

/// What was seen of messages; and what explains it, where it is not as claimed.
fn messages(
    property: &Property,
    partner: Option<Partner>,
    device: Option<usize>,
    outcome: &Outcome,
) -> (String, Option<Vec<String>>) {
    let entries = &outcome.trace.entries;
    let hits: Vec<_> = entries
        .iter()
        .enumerate()
        .filter(|(_, entry)| is_claimed(&property.claim, entry))
        .filter(|(_, entry)| device.is_none() || entry.device == device)
        .filter(|(_, entry)| {
            property.window.is_none_or(|Window { from, to }| (from..=to).contains(&entry.at_ms))
        })
        .collect();
    let lines = |entries: &[(usize, &Entry)]| -> Vec<String> {
        entries.iter().take(NEAR).map(|(_, entry)| shown(entry, None, outcome)).collect()
    };
    match (property.mood, partner) {
        (Mood::Never, _) => match hits.first() {
            Some((_, first)) => {
                (format!("{}, first at {}", hits.len(), Moment(first.at_ms)), Some(lines(&hits)))
            }
            None => ("none".into(), None),
        },
        (Mood::Eventually, _) | (Mood::Always, None) => match hits.first() {
            Some((_, first)) => (format!("at {}", Moment(first.at_ms)), None),
            None => {
                let all: Vec<_> =
                    entries.iter().enumerate().filter(|(_, entry)| entry.what.kind().is_some()).collect();
                ("none".into(), Some(lines(&all)))
            }
        },
        (Mood::Always, Some(partner)) => {
            let alone = hits.iter().find(|hit| !has_partner(&property.claim, partner, **hit, entries));
            match alone {
                Some((_, entry)) => {
                    let at = entry.device.unwrap_or(0);
                    (
                        format!("one without it at {}", Moment(entry.at_ms)),
                        Some(around(entry.at_ms, at, outcome)),
                    )
                }
                None => (format!("as expected, {} times", hits.len()), None),
            }
        }
    }
}

fn is_claimed(claim: &Claim, entry: &Entry) -> bool {
    let (Claim::Message { message: wanted, text: regex, .. }, What::Line { message, text, .. }) =
        (claim, &entry.what)
    else {
        return false;
    };
    wanted.is_none_or(|kind| kind == message.kind())
        && regex.as_ref().is_none_or(|regex| regex.is_match(text))
}

/// Whether a message of the same device stands on the right side of an entry, and near enough. One that comes before
/// goes with one entry only: it stands after the last one that the claim is about.
fn has_partner(
    claim: &Claim,
    partner: Partner,
    (position, entry): (usize, &Entry),
    entries: &[Entry],
) -> bool {
    let same = |other: &&Entry| other.device == entry.device;
    let fits = |other: &Entry| {
        other.what.kind() == Some(partner.message)
            && partner.span_ms.is_none_or(|span| other.at_ms.abs_diff(entry.at_ms) <= span)
    };
    if partner.before {
        let before = entries.iter().take(position).rev().filter(same);
        before.take_while(|other| !is_claimed(claim, other)).any(fits)
    } else {
        entries.iter().skip(position.saturating_add(1)).filter(same).any(fits)
    }
}

//! The timeline of a run as SVG inside the page: the whole run, and each outage that is a hair there once more.

use std::fmt::Write;

use super::marks::{Marks, labels};
use super::scale::{Lanes, Scale, WIDTH, cut, print, text_tenths};
use super::{Band, State};
use crate::scenario::model::{Moment, Window};
use crate::scenario::report::escaped;
use crate::scenario::trace::{Outcome, Target, What};

const ROW: u64 = 26;
const LANE: u64 = 18;
const AXIS: u64 = 24;
/// Most devices of one picture; more would be no picture.
const DEVICES: usize = 50;
/// Most lanes of faults; what has no room is in the table below.
const FAULT_LANES: usize = 16;
/// Characters of the name of a fault.
const FAULT_CHARS: usize = 70;

pub(super) const OK: &str = "#1a7f37";
pub(super) const BAD: &str = "#c1121f";
pub(super) const NOTE: &str = "#0969da";
pub(super) const DONE: &str = "#6f42c1";
pub(super) const FAULT: &str = "#f4a261";

/// Draws what happened in a window of `outcome`.
pub(super) fn draw(out: &mut String, outcome: &Outcome, window: Window, what: &str) {
    let scale = Scale::of(window);
    // Heights follow from what has to be placed, so rows are drawn before the picture is opened.
    let mut inner = String::new();
    let (mut top, lanes) = (AXIS, faults(&mut inner, outcome, scale));
    top += lanes * LANE;
    let world = labels(outcome, scale, None);
    if !world.is_empty() {
        label(&mut inner, "around them", top, "dim");
        top += world.draw(&mut inner, top);
    }
    top += 4;
    let devices = outcome.devices.len().min(DEVICES);
    for (position, name) in outcome.devices.iter().take(devices).enumerate() {
        top = device(&mut inner, outcome, scale, (position, name, top));
    }
    let height = top + 6;
    let (name, least) = (escaped(what), WIDTH);
    // Writing to a String does not fail.
    let _ = writeln!(
        out,
        "<div class=\"picture\"><svg viewBox=\"0 0 {WIDTH} {height}\" width=\"{least}\" role=\"img\" aria-label=\"{name}\">"
    );
    axis(out, scale, height);
    out.push_str(&inner);
    out.push_str("</svg></div>\n");
    if let Some(more @ 1..) = outcome.devices.len().checked_sub(devices) {
        let _ = writeln!(out, "<p>{more} more devices are not in the picture.</p>");
    }
}

/// What the marks mean.
pub(super) fn legend(out: &mut String) {
    let tick = |colour: &str, from: u64, text: &str| {
        format!(
            "<span><svg viewBox=\"0 0 12 24\" width=\"12\" height=\"20\"><line x1=\"6\" x2=\"6\" y1=\"{from}\" y2=\"22\" stroke=\"{colour}\" stroke-width=\"3\"/></svg> {text}</span>"
        )
    };
    let bar = |colour: &str, text: &str| {
        format!(
            "<span><svg viewBox=\"0 0 24 16\" width=\"24\" height=\"16\"><rect x=\"1\" y=\"2\" width=\"22\" height=\"12\" fill=\"{colour}\" fill-opacity=\".35\" stroke=\"{colour}\"/></svg> {text}</span>"
        )
    };
    let _ = writeln!(
        out,
        "<p class=\"legend\">{} {} {} {} {} {} {} {}</p>",
        tick(OK, 8, "exchange answered"),
        tick(BAD, 1, "exchange failed, or message of severity 0 to 4"),
        tick(NOTE, 8, "other message"),
        tick(DONE, 8, "something was done"),
        bar(FAULT, "fault in force"),
        bar(OK, "push interval"),
        bar(BAD, "interval reset to 15 minutes"),
        bar(NOTE, "ACK deadline: the time that was shown"),
    );
}

/// Steps of the axis: the first that gives at most ten.
const STEPS_S: [u64; 19] = [
    1,
    10,
    60,
    300,
    900,
    1_800,
    3_600,
    7_200,
    14_400,
    43_200,
    86_400,
    432_000,
    864_000,
    2_592_000,
    7_776_000,
    15_552_000,
    31_536_000,
    157_680_000,
    315_360_000,
];

fn axis(out: &mut String, scale: Scale, height: u64) {
    let span = scale.last_ms() - scale.first_ms();
    let fits = |step: &&u64| span / (**step * 1_000) <= 10;
    let step = STEPS_S.iter().find(fits).map_or(span, |step| step * 1_000).max(1);
    let mut free = 0;
    for number in scale.first_ms().div_ceil(step)..=scale.last_ms() / step {
        let at = number * step;
        let (place, x, text) = (scale.tenths(at), scale.x(at), Moment(at).to_string());
        let _ =
            writeln!(out, "<line x1=\"{x}\" x2=\"{x}\" y1=\"{AXIS}\" y2=\"{height}\" stroke=\"#d0d7de\"/>");
        let half = text_tenths(&text) / 2;
        let (anchor, from) = match (place, place + half > WIDTH * 10) {
            (_, true) => ("end", place.saturating_sub(half * 2)),
            (_, false) => ("middle", place.saturating_sub(half)),
        };
        // A label that would stand in the one before is left out; its line is there.
        if from + 60 >= free {
            let _ = writeln!(
                out,
                "<text class=\"dim\" x=\"{x}\" y=\"15\" text-anchor=\"{anchor}\">{text}</text>"
            );
            free = from + half * 2 + 60;
        }
    }
}

/// A fault of the next N ends with the last of them.
pub(super) fn end_of(band: &Band, outcome: &Outcome) -> u64 {
    let end = band.to_ms.unwrap_or(outcome.course.until_ms).min(outcome.course.until_ms);
    band.ended_ms.map_or(end, |ended| ended.min(end))
}

/// Faults, each with its name beside it, in as many lanes as that takes. How many.
fn faults(out: &mut String, outcome: &Outcome, scale: Scale) -> u64 {
    let mut lanes = Lanes::default();
    for band in &outcome.course.faults {
        let to = end_of(band, outcome);
        if !scale.meets(band.from_ms, to) {
            continue;
        }
        let (left, width) = (scale.tenths(band.from_ms), scale.width_tenths(band.from_ms, to));
        let name = cut(&format!("{} {}", band.number, band.text), FAULT_CHARS);
        let needs = text_tenths(&name) + 80;
        // The name stands in its bar, else right of it, else left of it.
        let right = left + width;
        let (text, anchor, from, until) = if needs <= width {
            (left + 40, "start", left, right)
        } else if right + needs <= WIDTH * 10 {
            (right + 40, "start", left, right + needs)
        } else {
            (left.saturating_sub(40), "end", left.saturating_sub(needs), right)
        };
        let Some(lane) = lanes.place(from, until, FAULT_LANES) else { continue };
        let top = AXIS + u64::try_from(lane).unwrap_or(0) * LANE;
        let title = escaped(&format!(
            "fault {}: {}, {} to {}; hit {} of {} that it met",
            band.number,
            band.text,
            Moment(band.from_ms),
            Moment(to),
            band.hit,
            band.met
        ));
        let (x, width, y) = (print(left), print(width), top + 2);
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"14\" fill=\"{FAULT}\" fill-opacity=\".6\" stroke=\"#bc6c25\" stroke-width=\".7\"><title>{title}</title></rect><text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            print(text),
            top + 13,
            escaped(&name)
        );
    }
    if lanes.count() > 0 {
        label(out, "faults", AXIS - 2, "dim");
    }
    lanes.count()
}

fn label(out: &mut String, text: &str, top: u64, class: &str) {
    let y = top + 16;
    let _ = writeln!(out, "<text class=\"{class}\" x=\"2\" y=\"{y}\">{}</text>", escaped(text));
}

/// The rows of one device; where the next one begins.
fn device(
    out: &mut String,
    outcome: &Outcome,
    scale: Scale,
    (position, name, top): (usize, &str, u64),
) -> u64 {
    let _ = writeln!(
        out,
        "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{top}\" y2=\"{top}\" stroke=\"#57606a\" stroke-width=\".5\"/>"
    );
    let done = labels(outcome, scale, Some(position));
    let below = top + ROW + done.height();
    shades(out, outcome, scale, (position, top, below + ROW * 3 + 8));
    label(out, &cut(name, 16), top, "device");
    if !done.is_empty() {
        label(out, "done to it", top + ROW, "dim");
        done.draw(out, top + ROW);
    }
    label(out, "exchanges", below, "dim");
    label(out, "interval", below + ROW, "dim");
    label(out, "ACK deadline", below + ROW * 2, "dim");
    let (messages, exchanges) = Marks::of(outcome, scale, position);
    messages.draw(out, top);
    exchanges.draw(out, below);
    let states: Vec<&State> = outcome.course.states.iter().filter(|state| state.device == position).collect();
    let until_ms = outcome.course.until_ms;
    intervals(out, (&states, until_ms), scale, below + ROW);
    deadlines(out, outcome, &states, scale, below + ROW * 2);
    below + ROW * 3 + 8
}

/// The faults that are for a device, as shades behind its rows.
fn shades(out: &mut String, outcome: &Outcome, scale: Scale, (position, top, end): (usize, u64, u64)) {
    for band in &outcome.course.faults {
        let to = end_of(band, outcome);
        let is_meant = band.devices.is_empty() || band.devices.contains(&position);
        if !is_meant || !scale.meets(band.from_ms, to) {
            continue;
        }
        let (x, width) = (scale.x(band.from_ms), print(scale.width_tenths(band.from_ms, to)));
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{}\" fill=\"{FAULT}\" fill-opacity=\".14\"/>",
            end - top
        );
    }
}

/// Stretches of equal value: from, to, value. Stretches of no length are left out.
fn stretches<T: PartialEq + Copy>(
    states: &[&State],
    until_ms: u64,
    of: impl Fn(&State) -> T,
) -> Vec<(u64, u64, T)> {
    let mut found: Vec<(u64, u64, T)> = Vec::new();
    for state in states {
        let value = of(state);
        match found.last_mut() {
            Some((_, _, last)) if *last == value => {}
            last => {
                if let Some((_, to, _)) = last {
                    *to = state.at_ms;
                }
                found.push((state.at_ms, until_ms, value));
            }
        }
    }
    found.retain(|(from, to, _)| from < to);
    found
}

fn intervals(out: &mut String, (states, until_ms): (&[&State], u64), scale: Scale, top: u64) {
    for (from, to, (days, fast)) in stretches(states, until_ms, |state| (state.interval_days, state.is_fast))
    {
        let text = match (fast, days) {
            (true, _) => "15 minutes".to_owned(),
            (false, Some(days)) => format!("{days} days"),
            (false, None) => "no reporting".to_owned(),
        };
        let fill = if fast { BAD } else { OK };
        stretch(out, scale, (from, to, top), fill, &text, &text);
    }
}

/// A bar with a text in it where there is room, and more of it when pointed at.
fn stretch(
    out: &mut String,
    scale: Scale,
    (from, to, top): (u64, u64, u64),
    fill: &str,
    text: &str,
    more: &str,
) {
    if !scale.meets(from, to) {
        return;
    }
    let (left, width) = (scale.tenths(from), scale.width_tenths(from, to));
    let title = escaped(&format!("{more}, {} to {}", Moment(from), Moment(to)));
    let _ = writeln!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"18\" fill=\"{fill}\" fill-opacity=\".18\" stroke=\"{fill}\" stroke-width=\".7\"><title>{title}</title></rect>",
        print(left),
        top + 6,
        print(width)
    );
    if width > text_tenths(text) + 80 {
        let _ = writeln!(out, "<text x=\"{}\" y=\"{}\">{}</text>", print(left + 40), top + 19, escaped(text));
    }
}

fn deadlines(out: &mut String, outcome: &Outcome, states: &[&State], scale: Scale, top: u64) {
    for (from, to, deadline) in stretches(states, outcome.course.until_ms, |state| state.deadline) {
        let Some(deadline) = deadline else { continue };
        let at = deadline.0.saturating_sub(outcome.course.start.0);
        let at = u64::try_from(at).unwrap_or(0);
        let text = format!("at {}", Moment(at / 1_000 * 1_000));
        stretch(out, scale, (from, to, top), NOTE, &text, &format!("deadline {text}"));
        let reached = at.max(from);
        if at <= to && scale.has(reached) {
            let (x, y) = (scale.tenths(reached), top + 24);
            let _ = writeln!(
                out,
                "<path d=\"M{} {top}h8l-4 8v{}\" fill=\"none\" stroke=\"{BAD}\" stroke-width=\"1.5\"><title>{}</title></path>",
                print(x.saturating_sub(40)),
                y - top - 8,
                escaped(&format!("the deadline {text} is reached"))
            );
        }
    }
}

/// Outages of the run, with what is around them: from a COMM_FAILED to the COMM_RESTORED after it. Those that overlap
/// are one.
pub(super) fn outages(outcome: &Outcome) -> Vec<Window> {
    use slpsim_agent::messages::Kind;
    let until = outcome.course.until_ms;
    let mut found: Vec<Window> = Vec::new();
    for position in 0..outcome.devices.len() {
        let mut since = None;
        let own = outcome.trace.entries.iter().filter(|entry| entry.device == Some(position));
        for entry in own {
            let begins = match &entry.what {
                What::Line { message, .. } if message.kind() == Kind::CommFailed => true,
                What::Line { message, .. } if message.kind() == Kind::CommRestored => false,
                What::Step { to: Target::Device | Target::World | Target::Fault, .. }
                | What::Line { .. }
                | What::Exchange { .. }
                | What::Console { .. } => continue,
            };
            if begins {
                since = since.or(Some(entry.at_ms));
            } else if let Some(from) = since.take() {
                found.push(Window { from, to: entry.at_ms });
            }
        }
        found.extend(since.map(|from| Window { from, to: until }));
    }
    found.sort_by_key(|window| window.from);
    let mut joined: Vec<Window> = Vec::new();
    for window in found {
        let around = (window.to - window.from) / 8 + 600_000;
        let wide = Window {
            from: window.from.saturating_sub(around),
            to: window.to.saturating_add(around).min(until),
        };
        match joined.last_mut() {
            Some(last) if last.to >= wide.from => last.to = last.to.max(wide.to),
            _ => joined.push(wide),
        }
    }
    joined
}

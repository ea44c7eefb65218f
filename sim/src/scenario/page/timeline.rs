//! The timeline of a run as SVG inside the page.

use std::collections::BTreeMap;
use std::fmt::Write;

use slpsim_cssm::span::purpose_word;

use super::{Band, State};
use crate::scenario::model::Moment;
use crate::scenario::report::escaped;
use crate::scenario::trace::{Entry, Outcome, What};

const WIDTH: u64 = 1200;
const LEFT: u64 = 110;
const ROW: u64 = 26;
const AXIS: u64 = 24;
/// Most devices of one picture; more would be no picture.
const DEVICES: usize = 50;
/// Most bands whose names are written.
const BANDS: usize = 200;
/// Marks at one place whose texts are told apart.
const TOLD: usize = 8;

const OK: &str = "#1a7f37";
const BAD: &str = "#c1121f";
const NOTE: &str = "#0969da";

/// Draws the timeline of `outcome`.
pub(super) fn draw(out: &mut String, outcome: &Outcome) {
    let devices = outcome.devices.len().min(DEVICES);
    let rows = u64::try_from(devices).unwrap_or(0);
    let height = AXIS + ROW + rows * (ROW * 4 + 10) + 8;
    // Writing to a String does not fail.
    let _ = writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"timeline\">");
    let scale = Scale { until_ms: outcome.course.until_ms.max(1) };
    axis(out, scale, height);
    bands(out, outcome, scale, height);
    for (position, name) in outcome.devices.iter().take(devices).enumerate() {
        let top = AXIS + ROW + u64::try_from(position).unwrap_or(0) * (ROW * 4 + 10);
        device(out, outcome, scale, (position, name, top));
    }
    out.push_str("</svg>\n");
    if let Some(more @ 1..) = outcome.devices.len().checked_sub(devices) {
        let _ = writeln!(out, "<p>{more} more devices are not in the picture.</p>");
    }
}

#[derive(Clone, Copy)]
struct Scale {
    until_ms: u64,
}

impl Scale {
    /// Tenths of a unit from the left edge.
    fn tenths(self, at_ms: u64) -> u64 {
        let span = u128::from((WIDTH - LEFT - 10) * 10);
        let along = span * u128::from(at_ms.min(self.until_ms)) / u128::from(self.until_ms);
        LEFT * 10 + u64::try_from(along).unwrap_or(0)
    }

    fn x(self, at_ms: u64) -> String {
        print(self.tenths(at_ms))
    }

    /// A width that is seen.
    fn width(self, from_ms: u64, to_ms: u64) -> String {
        print(self.tenths(to_ms).saturating_sub(self.tenths(from_ms)).max(10))
    }
}

fn print(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Steps of the axis: the first that gives at most twelve.
const STEPS_S: [u64; 16] = [
    1,
    10,
    60,
    300,
    900,
    3_600,
    14_400,
    43_200,
    86_400,
    432_000,
    864_000,
    2_592_000,
    7_776_000,
    31_536_000,
    157_680_000,
    315_360_000,
];

fn axis(out: &mut String, scale: Scale, height: u64) {
    let fits = |step: &&u64| scale.until_ms / (**step * 1_000) <= 12;
    let step = STEPS_S.iter().find(fits).map_or(scale.until_ms, |step| step * 1_000);
    for number in 0..=scale.until_ms / step {
        let at = number * step;
        let x = scale.x(at);
        let _ = writeln!(
            out,
            "<line x1=\"{x}\" x2=\"{x}\" y1=\"{AXIS}\" y2=\"{height}\" stroke=\"#d0d7de\"/><text class=\"dim\" x=\"{x}\" y=\"15\" text-anchor=\"middle\">{}</text>",
            Moment(at)
        );
    }
}

fn bands(out: &mut String, outcome: &Outcome, scale: Scale, height: u64) {
    for band in outcome.course.faults.iter().take(BANDS) {
        let to = end_of(band, outcome);
        let (x, width) = (scale.x(band.from_ms), scale.width(band.from_ms, to));
        let text = escaped(&format!(
            "fault {}: {}, {} to {}",
            band.number,
            band.text,
            Moment(band.from_ms),
            Moment(to)
        ));
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{AXIS}\" width=\"{width}\" height=\"{}\" fill=\"#f4a261\" fill-opacity=\".35\"><title>{text}</title></rect>",
            height - AXIS
        );
        let right = scale.tenths(band.from_ms) > (LEFT + WIDTH) * 5;
        let anchor = if right { "end" } else { "start" };
        let y = AXIS + 16;
        let _ = writeln!(
            out,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(&format!("{} {}", band.number, band.text))
        );
    }
    if !outcome.course.faults.is_empty() {
        label(out, "faults", AXIS, "dim");
    }
}

/// A fault of the next N exchanges ends with the last of them.
fn end_of(band: &Band, outcome: &Outcome) -> u64 {
    let end = band.to_ms.unwrap_or(outcome.course.until_ms);
    if !band.counts {
        return end;
    }
    let hit = |entry: &Entry| match &entry.what {
        What::Exchange { fault, .. } if *fault == Some(band.number) => Some(entry.at_ms),
        What::Exchange { .. } | What::Line { .. } | What::Step { .. } | What::Console { .. } => None,
    };
    outcome.trace.entries.iter().filter_map(hit).max().map_or(end, |last| last.min(end))
}

fn label(out: &mut String, text: &str, top: u64, class: &str) {
    let y = top + 16;
    let _ = writeln!(out, "<text class=\"{class}\" x=\"2\" y=\"{y}\">{}</text>", escaped(text));
}

fn device(out: &mut String, outcome: &Outcome, scale: Scale, (position, name, top): (usize, &str, u64)) {
    let _ = writeln!(
        out,
        "<line x1=\"0\" x2=\"{WIDTH}\" y1=\"{top}\" y2=\"{top}\" stroke=\"#57606a\" stroke-width=\".5\"/>"
    );
    let short: String = name.chars().take(16).collect();
    label(out, &short, top, "device");
    label(out, "exchanges", top + ROW, "dim");
    label(out, "interval", top + ROW * 2, "dim");
    label(out, "ACK deadline", top + ROW * 3, "dim");
    let (mut messages, mut exchanges) = (Marks::default(), Marks::default());
    for entry in outcome.trace.entries.iter().filter(|entry| entry.device == Some(position)) {
        let at = Moment(entry.at_ms);
        match &entry.what {
            What::Line { message, text, .. } => {
                let colour = if message.severity().digit() <= 4 { BAD } else { NOTE };
                messages
                    .add(scale, entry.at_ms, colour, || format!("{at} {}: {text}", message.row().mnemonic()));
            }
            What::Exchange { purpose, failed, fault, .. } => {
                let colour = if failed.is_some() { BAD } else { OK };
                exchanges.add(scale, entry.at_ms, colour, || {
                    let end = failed.map_or_else(|| "answered".to_owned(), |failure| failure.to_string());
                    let fault = fault.map(|number| format!(" (fault {number})")).unwrap_or_default();
                    format!("{at} {}: {end}{fault}", purpose_word(*purpose))
                });
            }
            What::Step { .. } | What::Console { .. } => {}
        }
    }
    messages.draw(out, top);
    exchanges.draw(out, top + ROW);
    let states: Vec<&State> = outcome.course.states.iter().filter(|state| state.device == position).collect();
    intervals(out, &states, scale, top + ROW * 2);
    deadlines(out, outcome, &states, scale, top + ROW * 3);
}

/// Marks of one row, by place and colour: what falls on one place is one mark, however much it is.
#[derive(Default)]
struct Marks(BTreeMap<(u64, &'static str), (u64, Vec<String>)>);

impl Marks {
    fn add(&mut self, scale: Scale, at_ms: u64, colour: &'static str, text: impl FnOnce() -> String) {
        // Half a unit is nearer than one can see.
        let place = scale.tenths(at_ms) / 5 * 5;
        let (count, texts) = self.0.entry((place, colour)).or_default();
        *count += 1;
        if texts.len() < TOLD {
            texts.push(text());
        }
    }

    fn draw(&self, out: &mut String, top: u64) {
        for ((place, colour), (count, texts)) in &self.0 {
            // Failures are longer, so that they are told apart without colour.
            let (from, to) = if *colour == BAD { (top + 2, top + 24) } else { (top + 9, top + 24) };
            let mut title = texts.join("\n");
            let told = u64::try_from(texts.len()).unwrap_or(0);
            if *count > told {
                let _ = write!(title, "\nand {} more", count - told);
            }
            let (x, title) = (print(*place), escaped(&title));
            let _ = writeln!(
                out,
                "<line x1=\"{x}\" x2=\"{x}\" y1=\"{from}\" y2=\"{to}\" stroke=\"{colour}\" stroke-width=\"2\"><title>{title}</title></line>"
            );
        }
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

fn intervals(out: &mut String, states: &[&State], scale: Scale, top: u64) {
    for (from, to, (days, fast)) in
        stretches(states, scale.until_ms, |state| (state.interval_days, state.is_fast))
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
    let (x, width) = (scale.x(from), scale.width(from, to));
    let title = escaped(&format!("{more}, {} to {}", Moment(from), Moment(to)));
    let y = top + 6;
    let _ = writeln!(
        out,
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"18\" fill=\"{fill}\" fill-opacity=\".18\" stroke=\"{fill}\" stroke-width=\".7\"><title>{title}</title></rect>"
    );
    let room = scale.tenths(to).saturating_sub(scale.tenths(from)) / 10;
    if room > u64::try_from(text.chars().count()).unwrap_or(0) * 7 + 8 {
        let (x, y) = (print(scale.tenths(from) + 40), top + 19);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\">{}</text>", escaped(text));
    }
}

fn deadlines(out: &mut String, outcome: &Outcome, states: &[&State], scale: Scale, top: u64) {
    for (from, to, deadline) in stretches(states, scale.until_ms, |state| state.deadline) {
        let Some(deadline) = deadline else { continue };
        let at = deadline.0.saturating_sub(outcome.course.start.0);
        let at = u64::try_from(at).unwrap_or(0);
        let text = format!("at {}", Moment(at / 1_000 * 1_000));
        stretch(out, scale, (from, to, top), NOTE, &text, &format!("deadline {text}"));
        if at <= to {
            let (x, y) = (scale.tenths(at.max(from)), top + 24);
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

//! What happened at an instant, as marks in a row; and what was done, with labels.

use std::collections::BTreeMap;
use std::fmt::Write;

use slpsim_cssm::span::purpose_word;

use super::scale::{Lanes, Scale, WIDTH, cut, print, text_tenths};
use super::timeline::{BAD, DONE, NOTE, OK};
use crate::scenario::model::Moment;
use crate::scenario::report::escaped;
use crate::scenario::trace::{Outcome, Target, What};

/// Marks at one place whose texts are told apart.
const TOLD: usize = 8;
/// Lanes of labels of one device; what has no room keeps its mark.
const LABEL_LANES: usize = 5;
const LABEL_LANE: u64 = 15;
/// Characters of a label.
const LABEL_CHARS: usize = 44;

/// Marks of one row, by place and colour: what falls on one place is one mark, however much it is.
#[derive(Default)]
pub(super) struct Marks(BTreeMap<(u64, &'static str), (u64, Vec<String>)>);

impl Marks {
    /// Messages and exchanges of a device.
    pub(super) fn of(outcome: &Outcome, scale: Scale, position: usize) -> (Self, Self) {
        let (mut messages, mut exchanges) = (Self::default(), Self::default());
        let own = outcome.trace.entries.iter().filter(|entry| entry.device == Some(position));
        for entry in own.filter(|entry| scale.has(entry.at_ms)) {
            let at = Moment(entry.at_ms);
            match &entry.what {
                What::Line { message, text, .. } => {
                    let colour = if message.severity().digit() <= 4 { BAD } else { NOTE };
                    let text = || format!("{at} {}: {text}", message.row().mnemonic());
                    messages.add(scale, entry.at_ms, colour, text);
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
        (messages, exchanges)
    }

    fn add(&mut self, scale: Scale, at_ms: u64, colour: &'static str, text: impl FnOnce() -> String) {
        // Half a unit is nearer than one can see.
        let place = scale.tenths(at_ms) / 5 * 5;
        let (count, texts) = self.0.entry((place, colour)).or_default();
        *count += 1;
        if texts.len() < TOLD {
            texts.push(text());
        }
    }

    pub(super) fn draw(&self, out: &mut String, top: u64) {
        for ((place, colour), (count, texts)) in &self.0 {
            // Failures are longer, so that they are told apart without colour.
            let (from, to) = if *colour == BAD { (top + 2, top + 24) } else { (top + 9, top + 24) };
            let mut title = texts.join("\n");
            let told = u64::try_from(texts.len()).unwrap_or(0);
            if *count > told {
                // Writing to a String does not fail.
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

/// What was done in a picture, with labels in lanes.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// Place in tenths, lane where there is room for the label, label, what is said of it when pointed at.
    all: Vec<(u64, Option<usize>, String, String)>,
    lanes: u64,
}

/// What was done to a device (reloads, losses of power, clock steps, console lines …), or to what is around all.
pub(super) fn labels(outcome: &Outcome, scale: Scale, device: Option<usize>) -> Labels {
    let mut labels = Labels::default();
    let mut lanes = Lanes::default();
    for entry in outcome.trace.entries.iter().filter(|entry| scale.has(entry.at_ms)) {
        let What::Step { to, text, .. } = &entry.what else { continue };
        let is_meant = match (to, device) {
            (Target::Device, Some(position)) => entry.device.is_none_or(|only| only == position),
            (Target::World, None) => true,
            (Target::Device, None) | (Target::World, Some(_)) | (Target::Fault, _) => false,
        };
        if !is_meant {
            continue;
        }
        let plain = text.strip_prefix("event ").or_else(|| text.strip_prefix("command ")).unwrap_or(text);
        let label = cut(plain, LABEL_CHARS);
        let place = scale.tenths(entry.at_ms);
        let needs = text_tenths(&label) + 90;
        // The same again and again has one label for as long as it stands close.
        let (from, to) = if place + needs <= WIDTH * 10 {
            (place, place + needs)
        } else {
            (place.saturating_sub(needs), place + 20)
        };
        let lane = lanes.place(from, to, LABEL_LANES);
        labels.all.push((place, lane, label, format!("{} {text}", Moment(entry.at_ms))));
    }
    labels.lanes = lanes.count();
    labels
}

impl Labels {
    pub(super) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What they take from top to bottom.
    pub(super) const fn height(&self) -> u64 {
        self.lanes * LABEL_LANE + if self.lanes > 0 { 4 } else { 0 }
    }

    /// Draws them; what they took.
    pub(super) fn draw(&self, out: &mut String, top: u64) -> u64 {
        for (place, lane, label, title) in &self.all {
            let y = top + u64::try_from(lane.unwrap_or(0)).unwrap_or(0) * LABEL_LANE;
            let (x, title) = (print(*place), escaped(title));
            let _ = write!(
                out,
                "<line x1=\"{x}\" x2=\"{x}\" y1=\"{}\" y2=\"{}\" stroke=\"{DONE}\" stroke-width=\"2\"><title>{title}</title></line>",
                y + 3,
                y + 15
            );
            if lane.is_some() {
                let (anchor, text) = if *place + text_tenths(label) + 90 <= WIDTH * 10 {
                    ("start", place + 40)
                } else {
                    ("end", place.saturating_sub(40))
                };
                let _ = write!(
                    out,
                    "<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
                    print(text),
                    y + 13,
                    escaped(label)
                );
            }
            out.push('\n');
        }
        self.height()
    }
}

//! Exchanges, messages and faults of a switch as a picture (SVG).

use maud::{Markup, html};
use slpsim_policy::Wall;

use super::{Condition, Happened, HappenedKind};
use crate::cssm::Cssm;
use crate::fault::is_called;
use crate::records::{Event, Exchange};
use crate::server::web::layout::time_words;
use crate::span::purpose_word;

const WIDTH: i64 = 1_000;
const LEFT: i64 = 90;
const HEIGHT: i64 = 110;
/// Most marks of one row; older ones are left out.
const MARKS: usize = 1_000;

/// A fault of the mock, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Band {
    from: Wall,
    to: Wall,
    text: String,
}

/// The faults that began and ended, and those in force, by the true time, as the server's clock is set now.
pub(super) fn bands(cssm: &Cssm, now: Wall) -> Vec<Band> {
    let skew = cssm.skew_ms();
    let active = cssm.active_faults();
    let mut bands: Vec<(u64, Band)> = Vec::new();
    for event in cssm.store().events() {
        let at = event.at.plus_millis(-skew);
        match event.event {
            Event::FaultBegan(id) => {
                let known = active.iter().find(|fault| fault.id == id);
                let kind = known.map(|fault| &fault.spec.kind);
                let text = kind.map_or_else(|| format!("fault {id}"), |kind| format!("fault {id}: {kind}"));
                // That its time is over is noted when an exchange meets it next.
                let to = known.map_or(now, |fault| now.min(fault.until.plus_millis(-skew)));
                bands.push((id, Band { from: at, to, text }));
            }
            Event::FaultEnded(id) => {
                if let Some((_, band)) = bands.iter_mut().find(|(known, _)| *known == id) {
                    band.to = at;
                }
            }
            Event::DeviceAdded(_)
            | Event::DeviceRemoved
            | Event::TrustIssued { .. }
            | Event::TrustRenewed { .. }
            | Event::ClockSkew(_)
            | Event::ReportRejected(..)
            | Event::ReportsDropped(_)
            | Event::Authorization
            | Event::DeviceMoved(_)
            | Event::AckBrought(_)
            | Event::UpstreamRefused => {}
        }
    }
    bands.into_iter().map(|(_, band)| band).collect()
}

/// The exchanges with that device that this mock has seen, by the true time. Those that never arrived, only the switch
/// knows.
pub(super) fn answered(cssm: &Cssm, udi: &str) -> Vec<Happened> {
    let is_its = |exchange: &&Exchange| exchange.device.is_some_and(|device| is_called(udi, &device));
    let happened = |exchange: &Exchange| {
        let purpose = exchange.purpose.map_or("unreadable", purpose_word);
        let fault = exchange.fault.map(|fault| format!(" (fault {fault})")).unwrap_or_default();
        // What a fault did to it, the switch tells by its own event.
        let kind = if exchange.rule.is_some() { HappenedKind::Failed } else { HappenedKind::Answered };
        let text = format!("{purpose}: {}{fault}", exchange.answer);
        Happened { at: exchange.true_at, kind, text }
    };
    cssm.history().exchanges().filter(is_its).map(happened).collect()
}

/// From the first thing that is known to now, in milliseconds.
#[derive(Clone, Copy)]
struct Scale {
    from: Wall,
    span: i64,
}

impl Scale {
    fn x(self, at: Wall) -> i64 {
        let along = at.since(self.from).clamp(0, self.span);
        let width = i128::from(WIDTH - LEFT - 10) * i128::from(along) / i128::from(self.span);
        LEFT + i64::try_from(width).unwrap_or(0)
    }
}

/// The picture, with the same in words below it.
pub(super) fn draw(condition: &Condition, faults: &[Band]) -> Markup {
    let Some(first) = condition.happened.first() else {
        return html! { p.dim { "Nothing has happened yet." } };
    };
    let from = first.at;
    let scale = Scale { from, span: condition.now.since(from).max(1_000) };
    let skipped = condition.happened.len().saturating_sub(MARKS);
    let marks = || condition.happened.iter().skip(skipped);
    let exchanges = |happened: &&Happened| happened.kind != HappenedKind::Message;
    let told: Vec<&Happened> = condition.happened.iter().rev().filter(exchanges).take(20).collect();
    let shown: Vec<&Band> = faults.iter().filter(|band| band.to >= from).collect();
    html! {
        div.scroll tabindex="0" role="region" aria-label="Timeline" {
            svg.timeline viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label="Timeline of exchanges, messages and faults" {
                @for (word, y) in [("exchanges", 40), ("messages", 75)] {
                    text x="2" y=(y) { (word) }
                }
                @for band in &shown {
                    rect.fault x=(scale.x(band.from)) y="8" width=((scale.x(band.to) - scale.x(band.from)).max(2)) height="74" {
                        title { (band.text) ", " (time_words(band.from)) " to " (time_words(band.to)) }
                    }
                }
                line.axis x1=(LEFT) x2=(WIDTH - 10) y1="86" y2="86" {}
                @for happened in marks() {
                    (mark(scale, happened))
                }
                text x=(LEFT) y="104" { (time_words(from)) }
                text x=(WIDTH - 10) y="104" text-anchor="end" { (time_words(condition.now)) }
            }
        }
        details {
            summary { "The last exchanges in words" }
            ul { @for happened in told { li { (time_words(happened.at)) ": " (happened.text) } } }
            @if !shown.is_empty() { ul { @for band in shown { li { (band.text) ", " (time_words(band.from)) " to " (time_words(band.to)) } } } }
        }
    }
}

/// Failures reach higher, so that they are told apart without colours.
fn mark(scale: Scale, happened: &Happened) -> Markup {
    let (class, from, to) = match happened.kind {
        HappenedKind::Answered => ("ok", 30, 46),
        HappenedKind::Failed => ("no", 14, 46),
        HappenedKind::Message => ("note", 64, 80),
    };
    let x = scale.x(happened.at);
    html! {
        line class=(class) x1=(x) x2=(x) y1=(from) y2=(to) { title { (time_words(happened.at)) ": " (happened.text) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lie_between_the_first_event_and_now_and_texts_are_escaped() {
        let at = |seconds: i64| Wall::from_secs(1_772_445_600 + seconds);
        let happened = |at, kind, text: &str| Happened { at, kind, text: text.into() };
        let condition = Condition {
            now: at(100),
            // A clock that is wrong moves nothing.
            clock: at(-86_400),
            happened: vec![
                happened(at(0), HappenedKind::Answered, "hello"),
                happened(at(50), HappenedKind::Failed, "<b>usage</b>"),
                happened(at(100), HappenedKind::Message, "line"),
            ],
            ..Condition::default()
        };
        let band = Band { from: at(40), to: at(60), text: "fault 1: stall".into() };
        let old = Band { from: at(-90), to: at(-80), text: "fault 0".into() };
        let drawn = draw(&condition, &[old, band]).0;
        for expected in ["x1=\"90\"", "x1=\"540\"", "x1=\"990\"", "fault 1: stall", "&lt;b&gt;usage"] {
            assert!(drawn.contains(expected), "{expected} in {drawn}");
        }
        assert!(!drawn.contains("<b>") && !drawn.contains("fault 0"), "{drawn}");
        assert!(draw(&Condition::default(), &[]).0.contains("Nothing has happened"));
    }
}

//! How far a fleet is, while it runs: one line on a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use slpsim_policy::Wall;
use slpsim_sim::fleet::Totals;

use super::outlets::Missed;
use super::{Order, Pace};
use crate::time::print_time;

/// Between two looks of a person.
const REDRAW: Duration = Duration::from_millis(200);

/// The line, where it is wanted.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    start: Wall,
    begin: Instant,
    drawn: Instant,
    now_ms: u64,
    /// Whether the length of the bar is wall time.
    by_wall: bool,
}

impl Progress {
    pub(super) fn new(order: &Order, begin: Instant) -> Self {
        let by_wall = matches!(order.pace, Pace::Rate(_));
        let bar = order.progress.then(|| {
            let bar = match order.duration {
                Some(duration) => ProgressBar::new(super::millis(duration)),
                None => ProgressBar::no_length(),
            };
            let template =
                if order.duration.is_some() { "{bar:24} {percent:>3}% {msg}" } else { "{spinner} {msg}" };
            // The template is a fixed one; were it wrong, the default would do.
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self { bar, start: order.start, begin, drawn: begin, now_ms: 0, by_wall }
    }

    /// Shows the numbers, unless it did so a moment ago.
    pub(super) fn tick(&mut self, now_ms: Option<u64>, totals: &Totals, missed: Missed) {
        self.now_ms = now_ms.unwrap_or(self.now_ms);
        let Some(bar) = &self.bar else { return };
        if self.drawn.elapsed() < REDRAW {
            return;
        }
        self.drawn = Instant::now();
        let wall = self.begin.elapsed();
        let simulated = self.start.plus_millis(i64::try_from(self.now_ms).unwrap_or(i64::MAX));
        let per_second = |count: u64| count as f64 / wall.as_secs_f64().max(0.001);
        bar.set_position(if self.by_wall { super::millis(wall) } else { self.now_ms });
        bar.set_message(format!(
            "{} | {:.0} lines/s | {:.0} events/s | {missed}",
            print_time(simulated).get(..16).unwrap_or_default(),
            per_second(totals.lines),
            per_second(totals.events)
        ));
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

//! `--replay FILE`: a recorded log again, with its own spacing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::halt::Halt;
use super::outlets::{Fate, Outlets};
use super::pace::Rate;
use super::stamps::{self, Stamp};
use crate::error::BlameUser;
use crate::sinks::SinkSpec;
use crate::time::host_now;

/// A line is cut here; longer ones are no log.
const LINE_MAX: u64 = 1 << 20;
/// Devices whose clocks are remembered; of more, the others are taken for one.
const DEVICES_MAX: usize = 1_000_000;
/// What falls due within it goes out together.
const TICK: Duration = Duration::from_millis(5);

/// What a replay is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The recorded log; `-` is standard input.
    pub file: PathBuf,
    /// How fast.
    pub pace: super::Pace,
    /// Lines get the present time in place of the recorded one.
    pub new_stamps: bool,
    /// Where lines go; they keep their form.
    pub sinks: Vec<SinkSpec>,
    /// Lines may leave this machine.
    pub allow_external: bool,
    /// Wait for a sink that is behind.
    pub lossless: bool,
}

/// What a replay did.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Lines that were sent on.
    pub lines: u64,
    /// Of these, lines without a time stamp; they went with the line before.
    pub unstamped: u64,
    /// From the first stamp to the last, in milliseconds, gaps between devices' clocks left out.
    pub recorded_ms: i64,
    /// How long it took.
    pub wall: Duration,
    /// What became of the lines, by sink.
    pub sinks: Vec<Fate>,
}

/// Sends a recorded log again.
///
/// # Errors
/// Where the file cannot be read or a sink not opened; one line for the user.
pub fn run(order: &Order, halt: &Halt) -> Result<Replayed> {
    let mut reader = open(&order.file)?;
    let wait = order.lossless || order.pace == super::Pace::Max;
    let mut outlets = Outlets::open(&order.sinks, order.allow_external, wait)?;
    let begin = Instant::now();
    let mut tape = Tape::new(host_now().0);
    let (mut line, mut stamped) = (Vec::new(), Vec::new());
    let mut lines = 0;
    let mut unstamped = 0;
    loop {
        line.clear();
        let read = Read::take(&mut reader, LINE_MAX).read_until(b'\n', &mut line);
        if read.with_context(|| format!("cannot read {}", order.file.display()))? == 0 || halt.is_asked() {
            break;
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.is_empty() {
            continue;
        }
        let stamp = stamps::find(text, tape.last);
        let place = tape.place(text, stamp.as_ref());
        let due = begin + due(order.pace, lines, place);
        if due > Instant::now() {
            outlets.flush();
            if halt.wait_until(due.max(Instant::now() + TICK)) || outlets.reader_gone() {
                break;
            }
        }
        match &stamp {
            Some(stamp) if order.new_stamps => {
                stamp.replaced(text, host_now(), &mut stamped);
                outlets.take_text(&stamped);
            }
            Some(_) => outlets.take_text(text),
            None => {
                unstamped += 1;
                outlets.take_text(text);
            }
        }
        lines += 1;
    }
    let recorded_ms = tape.at;
    let sinks = outlets.close();
    Ok(Replayed { lines, unstamped, recorded_ms, wall: begin.elapsed(), sinks })
}

fn due(pace: super::Pace, line: u64, place_ms: i64) -> Duration {
    let place = Duration::from_millis(u64::try_from(place_ms).unwrap_or(0));
    match pace {
        super::Pace::Max => Duration::ZERO,
        super::Pace::Speed(speed) => place / speed.max(1),
        super::Pace::Rate(rate) => Rate::time_of(&rate, line).min(Duration::from_secs(1 << 40)),
    }
}

fn open(path: &Path) -> Result<Box<dyn BufRead>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display())).blame_user()?;
    Ok(Box::new(BufReader::new(file)))
}

/// Where on the tape each line stands. Clocks of devices differ, by zone or because they are wrong: the first line of a
/// device is where the tape is, and from then on the device's own clock tells how far its next one is.
#[derive(Debug)]
struct Tape {
    /// Milliseconds since the first line; never goes back.
    at: i64,
    /// The last stamp, for the year of those that have none.
    last: i64,
    /// By device: its stamps minus the place on the tape.
    clocks: HashMap<Box<[u8]>, i64>,
}

impl Tape {
    fn new(like: i64) -> Self {
        Self { at: 0, last: like, clocks: HashMap::new() }
    }

    fn place(&mut self, line: &[u8], stamp: Option<&Stamp>) -> i64 {
        let Some(stamp) = stamp else { return self.at };
        self.last = stamp.millis;
        let device = stamp.device(line);
        let device = if self.clocks.len() < DEVICES_MAX { device } else { &[] };
        match self.clocks.get_mut(device) {
            None => drop(self.clocks.insert(device.into(), stamp.millis.saturating_sub(self.at))),
            Some(clock) => {
                let place = stamp.millis.saturating_sub(*clock);
                if place < self.at {
                    // Set back, or behind another device: from here on it counts anew.
                    *clock = stamp.millis.saturating_sub(self.at);
                } else {
                    self.at = place;
                }
            }
        }
        self.at
    }
}

impl Replayed {
    /// Lines that did not reach some sink.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.counts.dropped + sink.counts.failed).sum()
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let sink = |fate: &Fate| {
            let counts = fate.counts;
            json!({"url": fate.url, "lines": counts.lines, "dropped": counts.dropped, "failed": counts.failed})
        };
        json!({
            "lines": self.lines,
            "unstamped": self.unstamped,
            "recorded_s": self.recorded_ms as f64 / 1000.0,
            "wall_s": self.wall.as_secs_f64(),
            "dropped": self.dropped(),
            "sinks": self.sinks.iter().map(sink).collect::<Vec<_>>(),
        })
    }

    /// As a table.
    #[must_use]
    pub fn text(&self) -> String {
        let recorded = Duration::from_millis(u64::try_from(self.recorded_ms).unwrap_or(0));
        format!(
            "lines        {}, {} without a time stamp\nrecorded     {}\nwall time    {:.1} s\ndropped      {}\n",
            self.lines,
            self.unstamped,
            slpsim_config::print_span(recorded),
            self.wall.as_secs_f64(),
            self.dropped()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(lines: &[&str]) -> Vec<i64> {
        let mut tape = Tape::new(0);
        lines
            .iter()
            .map(|line| tape.place(line.as_bytes(), stamps::find(line.as_bytes(), 0).as_ref()) / 1000)
            .collect()
    }

    #[test]
    fn devices_in_other_zones_and_with_wrong_clocks_keep_their_own_spacing() {
        let utc = places(&[
            "<187>a: 2026 Mar  2 10:00:00 UTC: %X-3-Y: z",
            "<187>b: 2026 Mar  2 05:00:10 EST: %X-3-Y: z",
            "last message repeated 1 time",
            "<187>a: 2026 Mar  2 10:00:15 UTC: %X-3-Y: z",
        ]);
        assert_eq!(utc, [0, 0, 0, 15]);
        let local = places(&[
            "2026 Mar  2 10:00:00 a %X-3-Y: z",
            "1999 Mar  2 05:00:00 b %X-3-Y: z",
            "2026 Mar  2 10:00:20 a %X-3-Y: z",
            "1999 Mar  2 05:00:30 b %X-3-Y: z",
            "2026 Mar  2 09:00:00 a %X-3-Y: z",
            "2026 Mar  2 09:00:07 a %X-3-Y: z",
        ]);
        assert_eq!(local, [0, 0, 20, 30, 30, 37]);
    }
}

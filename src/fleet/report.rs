//! `--report FILE.html`: a run on one page, for a browser or for paper: messages over time, outages as bands, devices by
//! state. No scripts, nothing from elsewhere.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use slpsim_agent::messages::{CATALOGUE, Kind};
use slpsim_policy::Wall;
use slpsim_sim::fleet::{Cast, Cause, Incident, Opened, Record, Truth};

use super::summary::Summary;
use crate::error::BlameUser;
use crate::time::print_time;

/// Columns of the picture at most; a longer run has broader ones.
const COLUMNS: usize = 480;
/// Outages that are drawn; of more, the first ones.
const BANDS: usize = 200;
/// The picture's width and the height of its bars, in units of SVG.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
/// Room for a line of letters above or below a picture.
const LETTERS: f64 = 16.0;
/// Times below a picture.
const TICKS: u32 = 6;
const HOUR_MS: u64 = 3_600_000;
const KINDS: usize = CATALOGUE.len();
/// Companions come last.
const ROWS: usize = KINDS + 1;

/// Colours that can be told apart, also by people who see fewer (after Okabe and Ito), by row of the catalogue.
const COLOURS: [&str; ROWS] = [
    "#882255", "#999933", "#d55e00", "#009e73", "#aa4499", "#cc79a7", "#117733", "#56b4e9", "#44aa99",
    "#ddcc77", "#e69f00", "#0072b2", "#bbbbbb",
];

/// Readable on a screen of any width: what cannot be made narrower is moved sideways.
const STYLE: &str = "body{font:14px sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222}\
    pre,.wide{overflow-x:auto}pre{background:#f4f4f4;padding:1em}.wide svg{width:100%;min-width:880px;height:auto}\
    text{font-size:11px}svg.bar{width:min(300px,30vw)}ul{padding:0}li{list-style:none;overflow-wrap:anywhere}\
    li span{display:inline-block;width:1em;height:1em;margin-right:.5em;vertical-align:-2px}\
    table{border-collapse:collapse}th{text-align:left}td,th{padding:.1em 1em .1em 0}";

/// Gathers what the page shows.
#[derive(Debug)]
pub struct Report {
    path: PathBuf,
    file: File,
    truth: Truth,
    width_ms: u64,
    columns: Vec<[u64; ROWS]>,
    states: Vec<State>,
    seen: HashSet<(Cause, u32)>,
    bands: Vec<Incident>,
    more_bands: u64,
}

/// How a device stands, as far as its lines tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// It has said nothing.
    #[default]
    Silent,
    /// Its last word on its peer was good, or it has had none to say.
    Good,
    /// COMM_FAILED, and no COMM_RESTORED since.
    Down,
    /// Its deadline has passed: REPORTING_REQUIRED with 0 days.
    Overdue,
}

impl State {
    const fn words(self) -> &'static str {
        match self {
            Self::Silent => "has said nothing",
            Self::Good => "in contact, or nothing to complain of",
            Self::Down => "cannot reach its peer",
            Self::Overdue => "cannot or does not report, and the deadline has passed",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Silent => "#bbbbbb",
            Self::Good => "#009e73",
            Self::Down => "#d55e00",
            Self::Overdue => "#882255",
        }
    }
}

impl Report {
    /// Begins a page, in place of what is there.
    ///
    /// # Errors
    /// Where it cannot be written; one line for the user.
    pub fn create(path: &Path, cast: &Cast) -> Result<Self> {
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display())).blame_user()?;
        Ok(Self {
            path: path.to_owned(),
            file,
            truth: Truth::of(cast),
            width_ms: HOUR_MS,
            columns: Vec::new(),
            states: Vec::new(),
            seen: HashSet::new(),
            bands: Vec::new(),
            more_bands: 0,
        })
    }

    /// An outage was opened by hand.
    pub fn opened(&mut self, outage: Opened) {
        self.truth.opened.push(outage);
    }

    /// An outage that was opened by hand ends at that time.
    pub fn closed(&mut self, cast: &Cast, id: u32, at_ms: u64) {
        let Some(ended) = self.truth.close(cast, id, at_ms) else { return };
        if let Some(band) = self.bands.iter_mut().find(|band| band.id == ended.id) {
            *band = ended;
        }
    }

    /// Takes note of a line.
    pub fn take(&mut self, cast: &Cast, record: &Record) {
        let row = record.kind().map_or(KINDS, |kind| kind as usize);
        if let Some(count) = self.column(record.key.at_ms).get_mut(row) {
            *count += 1;
        }
        let device = usize::try_from(record.key.device).unwrap_or(0);
        if self.states.len() <= device {
            self.states.resize(device + 1, State::Silent);
        }
        self.states[device] = match (record.kind(), record.days()) {
            (Some(Kind::CommFailed), _) if self.states[device] != State::Overdue => State::Down,
            (Some(Kind::ReportingRequired), Some(0)) => State::Overdue,
            (Some(Kind::CommRestored), _) => State::Good,
            (_, _) => self.states[device].max(State::Good),
        };
        self.band(cast, record);
    }

    fn column(&mut self, at_ms: u64) -> &mut [u64; ROWS] {
        let mut at = usize::try_from(at_ms / self.width_ms).unwrap_or(usize::MAX);
        while at >= COLUMNS {
            // Twice as broad: two and two become one.
            self.width_ms *= 2;
            let halves = self.columns.chunks(2).map(|pair| {
                let mut sum = [0; ROWS];
                pair.iter().flatten().zip((0..ROWS).cycle()).for_each(|(count, row)| sum[row] += count);
                sum
            });
            self.columns = halves.collect();
            at = usize::try_from(at_ms / self.width_ms).unwrap_or(usize::MAX);
        }
        if self.columns.len() <= at {
            self.columns.resize(at + 1, [0; ROWS]);
        }
        &mut self.columns[at]
    }

    fn band(&mut self, cast: &Cast, record: &Record) {
        let site = match record.cause {
            Cause::SiteOutage(..) => cast.site(record.key.device),
            Cause::UpstreamOutage(..) | Cause::Opened(_) => u32::MAX,
            Cause::Schedule
            | Cause::Boot(_)
            | Cause::Flap(_)
            | Cause::NeverCslu
            | Cause::Operator(_)
            | Cause::Token
            | Cause::Mistyped
            | Cause::Acknowledged
            | Cause::Sync
            | Cause::Clock
            | Cause::Companion => return,
        };
        if self.seen.contains(&(record.cause, site)) {
            return;
        }
        self.seen.insert((record.cause, site));
        if self.bands.len() >= BANDS {
            self.more_bands += 1;
        } else {
            self.bands.extend(self.truth.explain(cast, record).incident);
        }
    }

    /// Writes the page.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write(mut self, summary: &Summary, start: Wall) -> Result<()> {
        let page = self.page(summary, start);
        self.file.write_all(page.as_bytes()).with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn page(&self, summary: &Summary, start: Wall) -> String {
        let end = start.plus_millis(i64::try_from(self.span_ms()).unwrap_or(i64::MAX));
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>slpsim fleet</title>\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>{STYLE}</style></head><body>\n\
             <h1>A fleet of {} switches</h1>\n<p>Simulated time from {} to {}. Amounts are modelled.</p>\n\
             <h2>Messages</h2>\n<p>{} in a column</p>\n{}{}<h2>Outages</h2>\n{}<h2>Devices at the end</h2>\n{}\
             <h2>Summary</h2>\n<pre>{}</pre>\n</body></html>\n",
            summary.devices,
            print_time(start),
            print_time(end),
            slpsim_config::print_span(std::time::Duration::from_millis(self.width_ms)),
            self.bars(start),
            self.legend(),
            self.outages(start),
            self.devices(summary.devices),
            escaped(&summary.text()),
        )
    }

    fn span_ms(&self) -> u64 {
        u64::try_from(self.columns.len().max(1)).unwrap_or(1).saturating_mul(self.width_ms)
    }

    fn bars(&self, start: Wall) -> String {
        let highest = self.columns.iter().map(|column| column.iter().sum::<u64>()).max().unwrap_or(0).max(1);
        let width = WIDTH / self.columns.len().max(1) as f64;
        let (floor, whole) = (LETTERS + HEIGHT, LETTERS + HEIGHT + LETTERS);
        let mut svg = format!(
            "<div class=\"wide\"><svg viewBox=\"0 0 {WIDTH} {whole}\" role=\"img\" aria-label=\"messages over time\">\n\
             <text x=\"0\" y=\"12\">{highest} at most</text>\n"
        );
        for (at, column) in self.columns.iter().enumerate() {
            let mut top = floor;
            for (count, colour) in column.iter().zip(COLOURS).filter(|(count, _)| **count > 0) {
                let height = HEIGHT * *count as f64 / highest as f64;
                top -= height;
                let x = width * at as f64;
                // Writing to a string does not fail.
                let _ = writeln!(
                    svg,
                    "<rect x=\"{x:.2}\" y=\"{top:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{colour}\"/>"
                );
            }
        }
        self.times(start, floor, &mut svg);
        svg.push_str("</svg></div>\n");
        svg
    }

    /// What time it is at some places of a picture, below `floor`.
    fn times(&self, start: Wall, floor: f64, svg: &mut String) {
        let step = self.span_ms() / u64::from(TICKS);
        for (tick, at) in (0..TICKS).map(|tick| (tick, u64::from(tick) * step)) {
            let time = print_time(start.plus_millis(i64::try_from(at).unwrap_or(i64::MAX)));
            let shown = if step >= 24 * HOUR_MS { time.get(..10) } else { time.get(..16) };
            let (x, y) = (WIDTH * f64::from(tick) / f64::from(TICKS), floor + 12.0);
            let _ = writeln!(
                svg,
                "<path d=\"M{x:.1} {floor}v4\" stroke=\"#222\"/><text x=\"{x:.1}\" y=\"{y}\"> {}</text>",
                shown.unwrap_or(&time).replace('T', " ")
            );
        }
    }

    fn legend(&self) -> String {
        let mut text = String::from("<ul>\n");
        for (row, colour) in COLOURS.iter().enumerate() {
            let sum: u64 = self.columns.iter().filter_map(|column| column.get(row)).sum();
            let name = CATALOGUE.get(row).map_or("not of the licensing agent", |row| row.nxos.mnemonic);
            if sum > 0 {
                let _ = writeln!(text, "<li><span style=\"background:{colour}\"></span>{name}: {sum}</li>");
            }
        }
        text.push_str("</ul>\n");
        text
    }

    fn outages(&self, start: Wall) -> String {
        if self.bands.is_empty() {
            return "<p>None that anybody noticed.</p>\n".into();
        }
        let span = self.span_ms() as f64;
        let floor = 10.0 * self.bands.len() as f64;
        let mut svg = format!(
            "<div class=\"wide\"><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"outages over time\">\n",
            floor + LETTERS
        );
        let mut rows = String::new();
        for (at, band) in self.bands.iter().enumerate() {
            let place = |ms: u64| WIDTH * (ms as f64 / span).min(1.0);
            let (x, end) = (place(band.from_ms), band.to_ms.map_or(WIDTH, place));
            let time = |ms: u64| print_time(start.plus_millis(i64::try_from(ms).unwrap_or(i64::MAX)));
            let (from, until) = (time(band.from_ms), band.to_ms.map_or_else(|| "now".into(), time));
            let (site, what) = (escaped(&band.site), escaped(&band.what));
            let width = (end - x).max(1.0);
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.2}\" y=\"{}\" width=\"{width:.2}\" height=\"8\" fill=\"#d55e00\"><title>{site}: {what}, {from} to {until}</title></rect>",
                10 * at
            );
            let _ = writeln!(rows, "<tr><td>{site}</td><td>{what}</td><td>{from}</td><td>{until}</td></tr>");
        }
        self.times(start, floor, &mut svg);
        let _ = writeln!(
            svg,
            "</svg></div>\n<details><summary>As a table</summary><div class=\"wide\"><table>\n\
             <tr><th>Site</th><th>What</th><th>From</th><th>To</th></tr>\n{rows}</table></div></details>"
        );
        if self.more_bands > 0 {
            let _ = writeln!(svg, "<p>The first {BANDS} are drawn; {} more are not.</p>", self.more_bands);
        }
        svg
    }

    fn devices(&self, devices: u32) -> String {
        let mut counts: BTreeMap<State, u64> = BTreeMap::new();
        for state in &self.states {
            *counts.entry(*state).or_default() += 1;
        }
        // Numbers below those of this part belong to other ones.
        counts.remove(&State::Silent);
        let silent = u64::from(devices).saturating_sub(counts.values().sum());
        counts.insert(State::Silent, silent);
        let mut text = String::from("<table>\n");
        for (state, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            let share = 300.0 * count as f64 / f64::from(devices.max(1));
            let _ = writeln!(
                text,
                "<tr><td>{}</td><td>{count}</td><td><svg class=\"bar\" viewBox=\"0 0 300 12\">\
                 <rect width=\"{share:.1}\" height=\"12\" fill=\"{}\"/></svg></td></tr>",
                state.words(),
                state.colour()
            );
        }
        text.push_str("</table>\n");
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_agent::{Failure, Message, Peer};
    use slpsim_sim::fleet::{Key, population};

    fn cast() -> Cast {
        let (name, text) = population::SHIPPED[2];
        Cast::new(population::parse(text, name).unwrap(), 1, 400)
    }

    fn empty(cast: &Cast) -> Report {
        let folder = tempfile::tempdir().unwrap();
        Report::create(&folder.path().join("page.html"), cast).unwrap()
    }

    fn record(at_ms: u64, device: u32, message: &Message) -> Record {
        Record::new(Key { at_ms, device, number: 1 }, message, Cause::Schedule)
    }

    #[test]
    fn columns_become_broader_and_lose_no_line() {
        let cast = cast();
        let mut report = empty(&cast);
        let failed = Message::CommFailed { peer: Peer::Cslu, failure: Failure::Resolve };
        for hour in 0..3_000_u64 {
            report.take(&cast, &record(hour * HOUR_MS, 0, &failed));
        }
        assert!(report.columns.len() <= COLUMNS);
        assert_eq!(report.width_ms, 8 * HOUR_MS);
        assert_eq!(report.columns.iter().flatten().sum::<u64>(), 3_000);
        assert!(report.columns[..300].iter().all(|column| column.iter().sum::<u64>() == 8));
    }

    #[test]
    fn an_outage_that_was_ended_by_hand_is_drawn_until_then() {
        let cast = cast();
        let mut report = empty(&cast);
        let opened = Opened { id: 1, site: None, failure: Failure::Resolve, from_ms: 0, to_ms: 90 * HOUR_MS };
        report.opened(opened);
        let failed = Message::CommFailed { peer: Peer::Cslu, failure: Failure::Resolve };
        let key = Key { at_ms: HOUR_MS, device: 0, number: 1 };
        report.take(&cast, &Record::new(key, &failed, Cause::Opened(1)));
        assert_eq!(report.bands[0].to_ms, Some(90 * HOUR_MS));
        report.closed(&cast, 1, 2 * HOUR_MS);
        report.closed(&cast, 1, 3 * HOUR_MS);
        assert_eq!(report.bands[0].to_ms, Some(2 * HOUR_MS));
    }

    #[test]
    fn devices_are_told_by_what_they_said_last() {
        let cast = cast();
        let mut report = empty(&cast);
        let failed = Message::CommFailed { peer: Peer::Cslu, failure: Failure::Resolve };
        let restored = Message::CommRestored { peer: Peer::Cslu };
        let overdue = Message::ReportingRequired { days: 0 };
        for (device, messages) in [
            (1, vec![&failed]),
            (2, vec![&failed, &restored]),
            (3, vec![&overdue, &failed]),
            (4, vec![&overdue, &restored]),
        ] {
            messages.into_iter().for_each(|message| report.take(&cast, &record(1, device, message)));
        }
        assert_eq!(report.states, [State::Silent, State::Down, State::Good, State::Overdue, State::Good]);
        let table = report.devices(10);
        assert!(table.contains("<td>has said nothing</td><td>6</td>"), "{table}");
    }
}

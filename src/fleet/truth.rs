//! `--truth FILE`: beside the log what caused each line, as JSON lines; and `slpsim why`, which reads it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use slpsim_policy::Wall;
use slpsim_sim::fleet::{Batch, Cast, Cause, Incident, Opened, Record, Truth};

use crate::error::{BlameUser, user_error};
use crate::time::print_time;

/// Bytes of one line of a truth file; longer ones are none of ours.
const LINE_MAX: u64 = 64 * 1024;

/// Writes the ground truth.
#[derive(Debug)]
pub struct TruthFile {
    path: PathBuf,
    out: BufWriter<File>,
    truth: Truth,
    start: Wall,
    told: HashSet<String>,
    lines: u64,
}

/// A row of the file about a line.
#[derive(Debug, Serialize, Deserialize)]
pub struct LineRow {
    /// Number of the line in the log, from 1.
    pub line: u64,
    /// True time.
    pub time: String,
    /// Host name.
    pub device: String,
    /// Number of the line among the device's, from 1.
    pub number: u32,
    /// Mnemonic.
    pub message: String,
    /// The incident that it belongs to, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// When that began, true time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// When it was over; absent: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// In words.
    pub cause: String,
    /// Section of the reference.
    pub rule: String,
    /// Whether it was spoiled on purpose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spoiled: bool,
    /// The line itself, in the form of the first sink.
    pub text: String,
}

/// A row of the file about an incident; it stands before the first line that it caused. One of the same name further down
/// takes its place: the outage was ended by hand.
#[derive(Debug, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Names it.
    pub incident: String,
    /// What it was.
    pub what: String,
    /// The site; `*`: all.
    pub site: String,
    /// The device, where it was one of a single one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// When it began, true time.
    pub start: String,
    /// When it was over; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// Whether it was opened by hand; then its end is the planned one, unless another row follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
}

impl TruthFile {
    /// Begins a file, in place of what is there.
    ///
    /// # Errors
    /// Where it cannot be written; one line for the user.
    pub fn create(path: &Path, cast: &Cast, start: Wall) -> Result<Self> {
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display())).blame_user()?;
        let out = BufWriter::with_capacity(1 << 18, file);
        let path = path.to_owned();
        Ok(Self { path, out, truth: Truth::of(cast), start, told: HashSet::new(), lines: 0 })
    }

    /// An outage was opened by hand.
    pub fn opened(&mut self, outage: Opened) {
        self.truth.opened.push(outage);
    }

    /// An outage that was opened by hand ends at that time.
    ///
    /// # Errors
    /// Where the disk is full, or such.
    pub fn closed(&mut self, cast: &Cast, id: u32, at_ms: u64) -> Result<()> {
        match self.truth.close(cast, id, at_ms) {
            Some(incident) if self.told.contains(&incident.id) => self.incident(&incident, true),
            Some(_) | None => Ok(()),
        }
    }

    fn time(&self, ms: u64) -> String {
        print_time(self.start.plus_millis(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    fn incident(&mut self, incident: &Incident, by_hand: bool) -> Result<()> {
        let row = IncidentRow {
            incident: incident.id.clone(),
            what: incident.what.clone(),
            site: incident.site.clone(),
            device: incident.device.clone(),
            start: self.time(incident.from_ms),
            end: incident.to_ms.map(|end| self.time(end)),
            by_hand,
        };
        self.row(&row)
    }

    /// Writes what caused a line.
    ///
    /// # Errors
    /// Where the disk is full, or such.
    pub fn write(&mut self, cast: &Cast, record: &Record, batch: &Batch, at: usize) -> Result<()> {
        self.lines += 1;
        let explained = self.truth.explain(cast, record);
        if let Some(incident) = &explained.incident
            && !self.told.contains(&incident.id)
        {
            self.told.insert(incident.id.clone());
            self.incident(incident, matches!(record.cause, Cause::Opened(_)))?;
        }
        let text = batch.texts.first().map(|text| text.line(at)).unwrap_or_default();
        let row = LineRow {
            line: self.lines,
            time: self.time(record.key.at_ms),
            device: cast.host(record.key.device),
            number: record.key.number,
            message: record.kind().map_or("companion", |kind| kind.row().nxos.mnemonic).into(),
            start: explained.incident.as_ref().map(|incident| self.time(incident.from_ms)),
            end: explained.incident.as_ref().and_then(|incident| incident.to_ms).map(|end| self.time(end)),
            incident: explained.incident.map(|incident| incident.id),
            cause: explained.cause,
            rule: explained.rule.into(),
            spoiled: u32::try_from(at).is_ok_and(|at| batch.spoiled.binary_search(&at).is_ok()),
            text: String::from_utf8_lossy(text).into_owned(),
        };
        self.row(&row)
    }

    fn row(&mut self, row: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.out, row)
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(self.out.write_all(b"\n")?))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Where the rest of it cannot be written.
    pub fn finish(mut self) -> Result<()> {
        self.out.flush().with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// What caused a line, as the truth file has it.
#[derive(Debug, Serialize)]
pub struct Why {
    /// The line.
    pub line: LineRow,
    /// What it belongs to, if anything.
    pub incident: Option<IncidentRow>,
}

/// What caused a line of a log: `which` is its number in the log, from 1, or the line itself.
///
/// # Errors
/// Where the file cannot be read or has no such line; one line for the user.
pub fn why(which: &str, path: &Path) -> Result<Why> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display())).blame_user()?;
    let mut reader = BufReader::new(file);
    let wanted = which.trim();
    let number = wanted.parse::<u64>().ok();
    let mut incidents = std::collections::HashMap::<String, IncidentRow>::new();
    let mut found: Option<Box<LineRow>> = None;
    let mut text = String::new();
    for place in 1_u64.. {
        text.clear();
        let read = std::io::Read::take(&mut reader, LINE_MAX).read_line(&mut text);
        if read.with_context(|| format!("cannot read {}", path.display())).blame_user()? == 0 {
            break;
        }
        let wrong = || user_error(format!("{}:{place}: this is no row of a truth file", path.display()));
        let row: Row = serde_json::from_str(&text).map_err(|_| wrong())?;
        match row {
            Row::Line(line) if found.is_none() && (number == Some(line.line) || line.text == wanted) => {
                let incident = line.incident.as_ref().and_then(|id| incidents.get(id));
                let by_hand = incident.is_some_and(|incident| incident.by_hand);
                found = Some(line);
                // One of that kind may have been ended by hand, too, which stands further down.
                if !by_hand {
                    break;
                }
            }
            Row::Line(_) => {}
            Row::Incident(incident) => drop(incidents.insert(incident.incident.clone(), incident)),
        }
    }
    if let Some(line) = found {
        let incident = line.incident.as_ref().and_then(|id| incidents.remove(id));
        return Ok(Why { line: *line, incident });
    }
    let what = if number.is_some() { "line of that number" } else { "such line" };
    Err(user_error(format!(
        "{} has no {what}: give the number of a line of the log, from 1, or the whole line as the first sink got it",
        path.display()
    )))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Line(Box<LineRow>),
    Incident(IncidentRow),
}

impl Why {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { line, incident } = self;
        let mut words = format!(
            "{}\n  line {}, the {}. of {}, at {} (true time)\n  message  {}\n  cause    {}\n",
            line.text, line.line, line.number, line.device, line.time, line.message, line.cause
        );
        if let Some(incident) = incident {
            let whom = incident.device.clone().unwrap_or_else(|| match incident.site.as_str() {
                "*" => "all sites".into(),
                site => format!("site {site}"),
            });
            let end = incident
                .end
                .as_deref()
                .map_or_else(|| "and never ended".into(), |end| format!("until {end}"));
            words.push_str(&format!(
                "  incident {} ({whom}), from {} {end}\n",
                incident.incident, incident.start
            ));
        }
        words.push_str(&format!("  rule     {}\n", line.rule));
        if line.spoiled {
            words.push_str("  spoiled  on purpose (--corrupt)\n");
        }
        words
    }
}

//! The sinks of a fleet: lines are gathered into batches, each for its sink, and handed over together.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use slpsim_logs::queue::{DEFAULT_LINES, DRAIN, Release};
use slpsim_logs::{Batch, Counts, Filter, Framing, Options, Queue, SinkUrl, SourceNet};
use slpsim_sim::fleet;

use crate::sinks::SinkSpec;

/// As [`DRAIN`], where the end was asked for or is late already.
const HURRY: Duration = Duration::from_secs(2);
/// Bytes of a batch before it is handed over.
const BATCH_BYTES: usize = 64 * 1024;

/// The open sinks of a fleet.
#[derive(Debug)]
pub struct Outlets {
    outlets: Vec<Outlet>,
    forms: Vec<Options>,
    /// The producer waits for room; otherwise lines without room are dropped.
    wait: bool,
}

#[derive(Debug)]
struct Outlet {
    url: SinkUrl,
    /// The URL with what was chosen behind its `?`.
    shown: String,
    framing: Option<Framing>,
    filter: Filter,
    /// By device what the filter says to it, where it looks at devices at all: patterns cost time.
    devices: Option<Vec<Wanted>>,
    source_net: Option<SourceNet>,
    /// Position among the forms.
    form: usize,
    queue: Queue,
    batch: Batch,
}

/// What a filter says to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    NotAsked,
    Yes,
    No,
}

/// Lets a producer go that waits for sinks, from another thread.
#[derive(Clone, Debug)]
pub struct LetGo(Vec<Release>);

impl LetGo {
    /// From that instant on nobody waits for a sink: lines without room are dropped and counted.
    pub fn at(&self, at: Instant) {
        self.0.iter().for_each(|release| release.at(at));
    }
}

/// What became of the lines of one sink.
#[derive(Clone, Debug)]
pub struct Fate {
    /// Where to.
    pub to: SinkUrl,
    /// The same, with everything that was chosen behind the `?` of its URL.
    pub url: String,
    /// How lines were told apart, where they went over TCP or TLS.
    pub framing: Option<Framing>,
    /// The counts.
    pub counts: Counts,
    /// The kind of the last error that it met.
    pub error: Option<io::ErrorKind>,
}

/// Lines that did not reach a sink, in the two words that every summary has for them; a line counts once for each sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    /// Those that found no room in the queue of a sink, and were never given to it.
    pub dropped: u64,
    /// Those that a sink refused or could not send.
    pub failed: u64,
}

impl Missed {
    /// Over these sinks together.
    #[must_use]
    pub fn by(sinks: &[Fate]) -> Self {
        sinks.iter().map(|fate| fate.counts).collect()
    }
}

impl FromIterator<Counts> for Missed {
    fn from_iter<I: IntoIterator<Item = Counts>>(counts: I) -> Self {
        counts.into_iter().fold(Self::default(), |sum, one| Self {
            dropped: sum.dropped + one.dropped,
            failed: sum.failed + one.failed,
        })
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dropped, {} failed", self.dropped, self.failed)
    }
}

impl Fate {
    /// Whether it is standard output, and its reader has gone: whoever read there did so for as long as it was of
    /// interest.
    #[must_use]
    pub fn reader_gone(&self) -> bool {
        self.to == SinkUrl::Stdout && self.error == Some(io::ErrorKind::BrokenPipe)
    }

    /// Whether it refused lines that somebody wanted.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.counts.failed > 0 && !self.reader_gone()
    }

    /// Whether standard output was the only one of these sinks that anybody could read, and its reader has gone, as with
    /// `slpsim fleet | head`.
    #[must_use]
    pub fn nobody_reads(sinks: &[Self]) -> bool {
        let mut readers = sinks.iter().filter(|sink| sink.to != SinkUrl::Null).peekable();
        readers.peek().is_some() && readers.all(Self::reader_gone)
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let Counts { lines, bytes, dropped, failed } = self.counts;
        let mut row =
            json!({"url": self.url, "lines": lines, "bytes": bytes, "dropped": dropped, "failed": failed});
        if let (Some(framing), Some(row)) = (self.framing, row.as_object_mut()) {
            row.insert("framing".into(), framing.word().into());
        }
        row
    }

    /// As a row of a table, with its newline.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { url, framing, counts, error, .. } = self;
        let missed = Missed::from_iter([*counts]);
        let framing = framing.map(|framing| format!(" ({} framing)", framing.word())).unwrap_or_default();
        let why = error.filter(|_| missed != Missed::default()).map(|kind| format!(" (last error: {kind})"));
        let why = why.unwrap_or_default();
        // As in `null: 5 lines sent`.
        let url = url.strip_suffix(':').unwrap_or(url);
        format!("  {url}{framing}: {} lines sent, {missed}{why}\n", counts.lines)
    }
}

impl Outlets {
    /// Opens sinks. `wait`: the producer waits for a sink that is behind, so that nothing is dropped.
    ///
    /// # Errors
    /// Where one cannot be opened, or lies outside this machine without leave; one line for the user.
    pub fn open(specs: &[SinkSpec], allow_external: bool, wait: bool) -> Result<Self> {
        let mut forms: Vec<Options> = Vec::new();
        let mut outlets = Vec::new();
        for spec in specs {
            let options = spec.line_options();
            let form = forms.iter().position(|known| *known == options).unwrap_or_else(|| {
                forms.push(options);
                forms.len() - 1
            });
            let sink = spec.open(allow_external)?;
            let queue = Queue::spawn("log-sink", sink, DEFAULT_LINES).context("no thread for a log sink")?;
            let filter = spec.target.filter.clone();
            outlets.push(Outlet {
                url: spec.target.url.clone(),
                shown: spec.url(),
                framing: matches!(spec.target.url, SinkUrl::Tcp(_) | SinkUrl::Tls { .. })
                    .then(|| spec.framing()),
                devices: (filter.device.is_some() || filter.site.is_some()).then(Vec::new),
                filter,
                source_net: spec.target.source_net,
                form,
                batch: queue.batch(),
                queue,
            });
        }
        Ok(Self { outlets, forms, wait })
    }

    /// The forms that are wanted.
    #[must_use]
    pub fn forms(&self) -> &[Options] {
        &self.forms
    }

    /// Whether any sink does more with lines than to throw them away.
    #[must_use]
    pub fn want_lines(&self) -> bool {
        self.outlets.iter().any(|outlet| outlet.url != SinkUrl::Null)
    }

    /// Whether the producer waits for room from now on.
    pub fn wait_for_room(&mut self, wait: bool) {
        self.wait = wait;
    }

    /// Takes a line of a fleet.
    pub fn take(&mut self, cast: &fleet::Cast, record: &fleet::Record, batch: &fleet::Batch, at: usize) {
        let wait = self.wait;
        let device = record.key.device;
        for outlet in &mut self.outlets {
            if !outlet.filter.has_severity(record.severity()) {
                continue;
            }
            if !outlet.wants_device(cast, device) {
                continue;
            }
            let Some(text) = batch.texts.get(outlet.form) else { continue };
            let source = outlet.source_net.map(|net| net.address(device.into()));
            outlet.batch.push_from(text.line(at), source);
            if outlet.batch.bytes().len() >= BATCH_BYTES {
                outlet.hand_over(wait);
            }
        }
    }

    /// Takes a line that is printed already, for every sink; nothing is known of it that a filter could ask for. Says whether
    /// lines were handed over: then it may show that nobody reads them ([`Outlets::reader_gone`]).
    pub fn take_text(&mut self, line: &[u8]) -> bool {
        let wait = self.wait;
        let mut handed_over = false;
        for outlet in &mut self.outlets {
            outlet.batch.push(line);
            if outlet.batch.bytes().len() >= BATCH_BYTES {
                outlet.hand_over(wait);
                handed_over = true;
            }
        }
        handed_over
    }

    /// Hands over what is gathered.
    pub fn flush(&mut self) {
        let wait = self.wait;
        self.outlets.iter_mut().for_each(|outlet| outlet.hand_over(wait));
    }

    /// Whether the only reader of lines was that of standard output, and it has gone, as with `slpsim fleet | head`.
    #[must_use]
    pub fn reader_gone(&self) -> bool {
        let gone = |outlet: &Outlet| {
            outlet.url == SinkUrl::Stdout && outlet.queue.error() == Some(io::ErrorKind::BrokenPipe)
        };
        let mut readers = self.outlets.iter().filter(|outlet| outlet.url != SinkUrl::Null).peekable();
        readers.peek().is_some() && readers.all(gone)
    }

    /// Lines that did not reach a sink so far.
    #[must_use]
    pub fn missed(&self) -> Missed {
        self.outlets.iter().map(|outlet| outlet.queue.counts()).collect()
    }

    /// What lets go whoever waits for these sinks.
    #[must_use]
    pub fn let_go(&self) -> LetGo {
        LetGo(self.outlets.iter().map(|outlet| outlet.queue.release()).collect())
    }

    /// Lets the sinks write what waits, and says what became of the lines. Where nothing is to be lost, a sink that is
    /// behind is waited for until [`LetGo::at`]; from then on all of them together have two seconds. Everywhere else they have
    /// [`DRAIN`].
    #[must_use]
    pub fn close(mut self) -> Vec<Fate> {
        self.flush();
        if self.wait {
            for outlet in &self.outlets {
                // Where it is not out, the counts say so.
                let _ = outlet.queue.settle();
            }
        }
        let released = self.outlets.iter().any(|outlet| outlet.queue.is_released());
        let until = Instant::now() + if released { HURRY } else { DRAIN };
        self.outlets.iter().for_each(|outlet| outlet.queue.end_by(until));
        let close = |outlet: Outlet| {
            let error = outlet.queue.error();
            let Outlet { url: to, shown: url, framing, queue, .. } = outlet;
            Fate { to, url, framing, error, counts: queue.close_by(until) }
        };
        self.outlets.into_iter().map(close).collect()
    }
}

impl Outlet {
    fn wants_device(&mut self, cast: &fleet::Cast, device: u32) -> bool {
        let Some(devices) = &mut self.devices else { return true };
        let at = usize::try_from(device).unwrap_or(usize::MAX);
        if devices.len() <= at {
            devices.resize(at + 1, Wanted::NotAsked);
        }
        let ask = || self.filter.has_device(&cast.host(device), cast.site_name(cast.site(device)));
        match devices.get_mut(at) {
            None => ask(),
            Some(Wanted::Yes) => true,
            Some(Wanted::No) => false,
            Some(wanted) => {
                let is = ask();
                *wanted = if is { Wanted::Yes } else { Wanted::No };
                is
            }
        }
    }

    fn hand_over(&mut self, wait: bool) {
        if self.batch.is_empty() {
            return;
        }
        if wait {
            self.queue.put_batch(&mut self.batch);
        } else {
            self.queue.offer_batch(&mut self.batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_logs::Target;

    #[test]
    fn a_row_names_its_sink_with_what_was_chosen_for_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let spec = |text: &str, framing| {
            let target: Target = text.parse().unwrap();
            SinkSpec { framing, target: target.clone(), ..SinkSpec::to(target.url) }
        };
        let (plain, octet) = (format!("tcp://{address}"), format!("tcp://{address}?framing=octet"));
        let specs = [
            spec("null:", None),
            spec("null:?severity=0..3&device=leaf-*", None),
            spec(&plain, None),
            spec(&plain, Some(Framing::Octet)),
            spec(&octet, Some(Framing::Newline)),
        ];
        let outlets = Outlets::open(&specs, false, true).unwrap();
        // Whoever listens reads nothing until then: the end of these connections is not waited for.
        drop(listener);
        let fates = outlets.close();
        let rows: Vec<_> = fates.iter().map(|fate| fate.text()).collect();
        for (row, expected) in rows.iter().zip([
            "  null: 0 lines sent, 0 dropped, 0 failed\n".into(),
            "  null:?severity=0..3&device=leaf-*: 0 lines sent, 0 dropped, 0 failed\n".into(),
            format!("  {plain} (newline framing): 0 lines sent"),
            format!("  {octet} (octet framing): 0 lines sent"),
            format!("  {plain}?framing=newline (newline framing): 0 lines sent"),
        ]) {
            assert!(row.starts_with(&expected), "{row:?}, not {expected:?}");
        }
        assert_eq!(
            (fates[0].json()["framing"].as_str(), fates[3].json()["framing"].as_str()),
            (None, Some("octet"))
        );
    }
}

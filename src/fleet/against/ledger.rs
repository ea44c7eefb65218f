//! What came of a fleet over real HTTP(S): latencies, refusals, and whether every report was acknowledged exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use slpsim_agent::Purpose;
use slpsim_agent::messages::CATALOGUE;
use slpsim_cssm::span::purpose_word;
use slpsim_policy::Wall;
use slpsim_sim::fleet::{Batch, Cast, Printer, Totals};
use tokio::sync::mpsc;

use super::device::{Lived, Said};
use crate::fleet::outlets::{Fate, Missed, Outlets};

/// Different reasons that are told apart; all others count as one.
const REASONS: usize = 50;
/// Microseconds that an exchange can last: ten minutes.
const LONGEST_US: u64 = 600_000_000;

/// The ledger.
#[derive(Debug)]
pub struct Ledger {
    urls: Vec<String>,
    devices: u32,
    /// Devices that had not got their ACK when the run was ended.
    pub unfinished: u32,
    /// How long it took.
    pub wall: Duration,
    latency: Option<Histogram<u64>>,
    by_purpose: BTreeMap<Purpose, u64>,
    refused: BTreeMap<String, u64>,
    failed: BTreeMap<String, u64>,
    reports: Reports,
    totals: Totals,
    sinks: Vec<Fate>,
}

/// What became of reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reports {
    /// Sent, answered or not.
    pub sent: u64,
    /// Acknowledged exactly once.
    pub acknowledged: u64,
    /// Acknowledged more than once.
    pub doubled: u64,
    /// Not acknowledged.
    pub missing: u64,
    /// Rejected by the server.
    pub rejected: u64,
}

impl Ledger {
    pub(super) fn new(urls: Vec<String>, devices: u32) -> Self {
        Self {
            urls,
            devices,
            unfinished: 0,
            wall: Duration::ZERO,
            // Three digits; the bounds are good ones.
            latency: Histogram::new_with_bounds(1, LONGEST_US, 3).ok(),
            by_purpose: BTreeMap::new(),
            refused: BTreeMap::new(),
            failed: BTreeMap::new(),
            reports: Reports::default(),
            totals: Totals::default(),
            sinks: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, lived: Lived) {
        for (purpose, took) in lived.took {
            *self.by_purpose.entry(purpose).or_default() += 1;
            if let Some(latency) = &mut self.latency {
                latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LONGEST_US));
            }
        }
        lived.refused.into_iter().for_each(|why| count(&mut self.refused, why));
        for (failure, detail) in lived.failed {
            if let Some(detail) = detail {
                tracing::debug!("{detail}");
            }
            count(&mut self.failed, failure.to_string());
        }
        if lived.reports.is_empty() || lived.reports.values().any(|times| *times == 0) {
            self.unfinished += 1;
        }
        for times in lived.reports.into_values() {
            self.reports.sent += 1;
            match times {
                0 => self.reports.missing += 1,
                1 => self.reports.acknowledged += 1,
                _ => self.reports.doubled += 1,
            }
        }
        self.reports.rejected += u64::from(lived.rejected);
    }

    pub(super) fn written(&mut self, (totals, sinks): (Totals, Vec<Fate>)) {
        self.totals = totals;
        self.sinks = sinks;
    }

    /// What became of reports.
    #[must_use]
    pub const fn reports(&self) -> Reports {
        self.reports
    }

    /// Whether every device got its report acknowledged, each report exactly once.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        let Reports { sent, acknowledged, rejected, .. } = self.reports;
        self.unfinished == 0 && sent == acknowledged && rejected == 0
    }

    fn exchanges(&self) -> u64 {
        self.by_purpose.values().sum()
    }

    fn per_second(&self) -> f64 {
        let seconds = self.wall.as_secs_f64();
        if seconds > 0.0 { (self.exchanges() as f64 / seconds).round() } else { 0.0 }
    }

    /// Milliseconds below which that share of exchanges lies.
    fn quantile(&self, share: f64) -> f64 {
        self.latency.as_ref().map_or(0.0, |latency| latency.value_at_quantile(share) as f64 / 1000.0)
    }

    fn messages(&self) -> BTreeMap<&'static str, u64> {
        let rows = CATALOGUE.iter().zip(self.totals.messages);
        rows.filter(|(_, count)| *count > 0).map(|(row, count)| (row.nxos.mnemonic, count)).collect()
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let purposes: BTreeMap<_, _> =
            self.by_purpose.iter().map(|(purpose, count)| (purpose_word(*purpose), count)).collect();
        json!({
            "against": match self.urls.as_slice() {
                [one] => json!(one),
                several => json!(several),
            },
            "devices": self.devices,
            "unfinished": self.unfinished,
            "wall_s": self.wall.as_secs_f64(),
            "exchanges": self.exchanges(),
            "exchanges_per_s": self.per_second(),
            "by_purpose": purposes,
            "latency_ms": {
                "p50": self.quantile(0.5),
                "p90": self.quantile(0.9),
                "p99": self.quantile(0.99),
                "p999": self.quantile(0.999),
                "max": self.quantile(1.0),
            },
            "refused": self.refused,
            "failed": self.failed,
            "reports": {
                "sent": self.reports.sent,
                "acknowledged": self.reports.acknowledged,
                "doubled": self.reports.doubled,
                "missing": self.reports.missing,
                "rejected": self.reports.rejected,
            },
            "messages": self.messages(),
            "lines": self.totals.lines,
            "bytes": self.totals.bytes,
            "dropped": Missed::by(&self.sinks).dropped,
            "lines_failed": Missed::by(&self.sinks).failed,
            "sinks": self.sinks.iter().map(Fate::json).collect::<Vec<_>>(),
            "peak_rss_bytes": crate::fleet::summary::peak_rss(),
        })
    }

    /// As a table.
    #[must_use]
    pub fn text(&self) -> String {
        let Reports { sent, acknowledged, doubled, missing, rejected } = self.reports;
        let mut text = format!(
            "against      {}\ndevices      {}, {} without their ACK\nwall time    {:.1} s\nexchanges    {} ({:.0}/s)\n\
             latency      {:.1} ms in the middle, p90 {:.1}, p99 {:.1}, p99.9 {:.1}, longest {:.1}\n\
             reports      {sent} sent, {acknowledged} acknowledged once, {doubled} more than once, {missing} not, {rejected} rejected\n\
             lines        {}, {}\n",
            self.urls.join(" "),
            self.devices,
            self.unfinished,
            self.wall.as_secs_f64(),
            self.exchanges(),
            self.per_second(),
            self.quantile(0.5),
            self.quantile(0.9),
            self.quantile(0.99),
            self.quantile(0.999),
            self.quantile(1.0),
            self.totals.lines,
            Missed::by(&self.sinks),
        );
        for (what, reasons) in [("refused", &self.refused), ("failed", &self.failed)] {
            for (why, count) in reasons {
                text.push_str(&format!("{what:<12} {count} {why}\n"));
            }
        }
        text
    }
}

fn count(counts: &mut BTreeMap<String, u64>, why: String) {
    let why = if counts.len() < REASONS || counts.contains_key(&why) { why } else { "other reasons".into() };
    *counts.entry(why).or_default() += 1;
}

/// Writes the lines of all devices as they come.
pub(super) struct Scribe {
    outlets: Outlets,
    printer: Printer,
    totals: Totals,
}

impl Scribe {
    pub(super) fn new(outlets: Outlets, start: Wall) -> Self {
        let printer = Printer::new(outlets.forms().to_vec(), start, 0.0);
        Self { outlets, printer, totals: Totals::default() }
    }

    /// Until nobody says anything any more; what was written, and what became of it.
    pub(super) fn write(mut self, cast: &Cast, mut said: mpsc::Receiver<Said>) -> (Totals, Vec<Fate>) {
        let mut batch = Batch::default();
        while let Some(Said(record)) = said.blocking_recv() {
            self.printer.print(cast, &[record], &mut batch, &mut self.totals);
            self.outlets.take(cast, &record, &batch, 0);
            if said.is_empty() {
                self.outlets.flush();
            }
        }
        (self.totals, self.outlets.close())
    }
}

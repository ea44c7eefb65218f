//! What a fleet did, at its end: a table for people, JSON for programs.

use serde_json::{Map, Value, json};
use slpsim_agent::messages::CATALOGUE;
use slpsim_sim::fleet::Totals;

use super::outlets::{Fate, Missed};

/// Everything that is told at the end.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The population.
    pub population: String,
    /// Decided everything that is random.
    pub seed: u64,
    /// Which part this was, and of how many.
    pub part: (u32, u32),
    /// Devices of this part.
    pub devices: u32,
    /// Threads.
    pub threads: u16,
    /// Simulated seconds.
    pub simulated_s: f64,
    /// Seconds that it took.
    pub wall_s: f64,
    /// What happened.
    pub totals: Totals,
    /// What became of the lines, by sink.
    pub sinks: Vec<Fate>,
    /// Most memory that this process had, in bytes.
    pub peak_rss: u64,
    /// The form of the first sink, of which bytes and digest are.
    pub form: &'static str,
    /// Why the run ended before its time, or why a file beside the log is not whole; one line.
    pub error: Option<String>,
}

impl Summary {
    /// Whether the reader of standard output has gone and nobody else is left who takes lines.
    #[must_use]
    pub fn nobody_reads(&self) -> bool {
        Fate::nobody_reads(&self.sinks)
    }

    fn per_second(&self, count: u64) -> f64 {
        if self.wall_s > 0.0 { (count as f64 / self.wall_s).round() } else { 0.0 }
    }

    fn bytes_per_device(&self) -> u64 {
        self.peak_rss / u64::from(self.devices.max(1))
    }

    fn messages(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let rows = CATALOGUE.iter().zip(self.totals.messages);
        rows.filter(|(_, count)| *count > 0).map(|(row, count)| (row.nxos.mnemonic, count))
    }

    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let totals = &self.totals;
        let missed = Missed::by(&self.sinks);
        json!({
            "population": self.population,
            "seed": self.seed,
            "shard": format!("{}/{}", self.part.0, self.part.1),
            "threads": self.threads,
            "devices": self.devices,
            "simulated_s": self.simulated_s,
            "wall_s": self.wall_s,
            "events": totals.events,
            "messages": self.messages().map(|(name, n)| (name.into(), n.into())).collect::<Map<_, _>>(),
            "lines": totals.lines,
            "bytes": totals.bytes,
            "corrupted": totals.corrupted,
            "companions": totals.companions,
            "dropped": missed.dropped,
            "failed": missed.failed,
            "lines_per_s": self.per_second(totals.lines),
            "events_per_s": self.per_second(totals.events),
            "peak_rss_bytes": self.peak_rss,
            "bytes_per_device": self.bytes_per_device(),
            "form": self.form,
            "error": self.error,
            "digest": format!("{:016x}", totals.digest),
            "sinks": self.sinks.iter().map(Fate::json).collect::<Vec<_>>(),
        })
    }

    /// As a table.
    #[must_use]
    pub fn text(&self) -> String {
        let totals = &self.totals;
        let missed = Missed::by(&self.sinks);
        let mut rows = vec![
            ("population", format!("{}, seed {}", self.population, self.seed)),
            ("devices", self.devices.to_string()),
            ("simulated", span(self.simulated_s)),
            ("wall time", format!("{:.1} s", self.wall_s)),
            ("events", format!("{} ({:.0}/s)", totals.events, self.per_second(totals.events))),
            ("lines", format!("{} ({:.0}/s)", totals.lines, self.per_second(totals.lines))),
            ("bytes", totals.bytes.to_string()),
            ("dropped", missed.dropped.to_string()),
            ("failed", missed.failed.to_string()),
            ("memory", format!("{} bytes at most, {} a device", self.peak_rss, self.bytes_per_device())),
            ("digest", format!("{:016x} ({} form)", totals.digest, self.form)),
        ];
        if self.part.1 > 1 {
            rows.insert(1, ("shard", format!("{}/{}", self.part.0, self.part.1)));
        }
        if totals.corrupted > 0 {
            rows.push(("spoiled", format!("{} on purpose", totals.corrupted)));
        }
        if totals.companions > 0 {
            rows.push((
                "companions",
                format!("{} lines that are not of the licensing agent", totals.companions),
            ));
        }
        let mut text: String = rows.iter().map(|(name, value)| format!("{name:<12} {value}\n")).collect();
        for (name, count) in self.messages() {
            text.push_str(&format!("  {count:>12} {name}\n"));
        }
        self.sinks.iter().for_each(|fate| text.push_str(&fate.text()));
        text
    }
}

fn span(seconds: f64) -> String {
    let millis = slpsim_sim::fleet::whole(seconds * 1000.0);
    slpsim_config::print_span(std::time::Duration::from_millis(millis))
}

/// Most memory that this process had, in bytes (proc(5)); 0 where the system does not say.
#[must_use]
pub fn peak_rss() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0) * 1024
}

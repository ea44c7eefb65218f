//! A fleet through a year as fast as possible, lines formatted and hashed but sent nowhere.
//!
//! `cargo bench -p slpsim-sim --bench fleet_year [-- DEVICES DAYS POPULATION...]`; by default 1,000,000 devices, 365 days,
//! `steady` and `reference`, on all cores. The bare limit in the same run is the lines alone: as many lines, formatted on
//! one core from one message. How the cost of an event grows shows beside a fleet of 10,000.

use std::hint::black_box;
use std::time::Instant;

use slpsim_agent::{Failure, Message, Peer};
use slpsim_logs::{Formatter, Line, Options, Repeated, Zone};
use slpsim_policy::Wall;
use slpsim_sim::fleet::{Companions, Fleet, Spec, Totals, population};

/// With how many devices the large fleet is compared.
const SMALL: u32 = 10_000;
const START: Wall = Wall::from_secs(1_767_225_600);

#[expect(clippy::unwrap_used, reason = "a bench stops where its own input is wrong")]
fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let devices: u32 = words.first().map_or(1_000_000, |word| word.parse().unwrap());
    let days: u64 = words.get(1).map_or(365, |word| word.parse().unwrap());
    let names: Vec<&str> = match words.get(2..) {
        None | Some([]) => vec!["steady", "reference"],
        Some(names) => names.iter().map(String::as_str).collect(),
    };
    let threads = std::thread::available_parallelism().map_or(1, |n| u16::try_from(n.get()).unwrap_or(1));
    for name in names {
        // The small fleet comes first, so that the large one's memory is the peak.
        let few = SMALL.min(devices);
        let (small, of_small) = year(name, few, days, threads);
        let before = rss();
        let (totals, seconds) = year(name, devices, days, threads);
        println!(
            "{name}: {devices} devices, {days} days, {threads} threads: {seconds:.1} s, {} events ({:.2} M/s), {} lines \
             ({:.2} M/s), digest {:016x}",
            totals.events,
            totals.events as f64 / seconds / 1e6,
            totals.lines,
            totals.lines as f64 / seconds / 1e6,
            totals.digest
        );
        println!("  {:.0} bytes a device", (peak_rss() - before) as f64 / f64::from(devices));
        let bare = bare(totals.lines);
        println!(
            "  the bare lines, one core: {bare:.1} s, {:.2} of the fleet's time on all cores",
            bare / seconds
        );
        let each = |totals: &Totals, seconds: f64| seconds / totals.events as f64;
        println!(
            "  an event costs {:.2} times what it costs with {few} devices ({of_small:.2} s)",
            each(&totals, seconds) / each(&small, of_small)
        );
    }
}

/// Runs one fleet; what came of it, and how many seconds it took.
#[expect(clippy::unwrap_used, reason = "a bench stops where its own input is wrong")]
fn year(name: &str, devices: u32, days: u64, threads: u16) -> (Totals, f64) {
    let text = population::SHIPPED.iter().find(|(shipped, _)| *shipped == name).unwrap().1;
    let begin = Instant::now();
    let mut fleet = Fleet::new(Spec {
        population: population::parse(text, name).unwrap(),
        seed: 1,
        devices,
        start: START,
        part: (1, 1),
        threads,
        epoch_ms: 3_600_000,
        forms: vec![Options::default()],
        deliver: false,
        corrupt: 0.0,
        companions: Companions::Off,
    })
    .unwrap();
    fleet.run(days * 86_400_000, &mut |_, _, _| Ok(()), &mut |_, _| Ok(())).unwrap().unwrap();
    (*fleet.totals(), begin.elapsed().as_secs_f64())
}

/// Seconds that formatting so many lines takes.
fn bare(lines: u64) -> f64 {
    let message = Message::CommFailed { peer: Peer::Cslu, failure: Failure::Resolve };
    let mut formatter = Formatter::new(Options::default());
    let begin = Instant::now();
    for n in 0..lines {
        let at = START.plus_millis(i64::try_from(n / 8).unwrap_or(0) * 1000);
        black_box(formatter.format(&Line {
            at,
            zone: Zone::UTC,
            host: Some("ams01-leaf-1234"),
            address: None,
            sequence: n,
            message: &message,
            repeated: Repeated::No,
        }));
    }
    begin.elapsed().as_secs_f64()
}

/// A figure of this process in bytes (proc(5)).
fn status(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("0");
    line.trim_start_matches(':')
        .split_whitespace()
        .next()
        .and_then(|word| word.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

fn rss() -> u64 {
    status("VmRSS")
}

fn peak_rss() -> u64 {
    status("VmHWM")
}

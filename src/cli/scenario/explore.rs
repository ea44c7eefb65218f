//! `slpsim scenario explore`: sequences of faults that nobody thought of, against what must always hold.

use std::fmt::Write as _;
use std::io::{IsTerminal, stderr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use slpsim_agent::Agent;
use slpsim_sim::explore::{
    Effort, Found, Ground, Invariant, Progress, Searched, Subject, scenario_file, search, shrink,
};

use crate::cli::options::OutputForm;
use crate::cli::output;
use crate::error::{BlameUser, user_error};

/// Faults in a sequence, where nothing is said.
const DEPTH: u8 = 3;
/// Seeds, where nothing is said.
const SEEDS: Range<u64> = 0..1_000;
const YEAR_MS: f64 = 365.0 * 86_400_000.0;

/// `slpsim scenario explore`
#[derive(Debug, Args)]
pub(crate) struct ExploreArgs {
    /// Random lives of a year with these seeds, the last one not included, such as 0..1000; only these unless --depth is
    /// given too
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// Every sequence of up to so many faults in a short life; only these unless --seeds is given too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=4))]
    depth: Option<u8>,
    /// Ends after so long; without --seeds, random lives go on until then
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minutes: Option<u32>,
    /// So many lives at once; the result is the same [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Where the scenario file of a life that breaks an invariant is written
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || "write A..B, such as 0..1000: the first seed, and the one behind the last".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let range = from.parse().map_err(|_| wrong())?..to.parse().map_err(|_| wrong())?;
    if range.start < range.end { Ok(range) } else { Err(wrong()) }
}

/// Explores with the agent itself.
pub(super) fn explore(args: &ExploreArgs, form: OutputForm) -> Result<ExitCode> {
    explore_subject::<Agent>(args, form)
}

/// The same with what stands in the place of the agent.
fn explore_subject<S: Subject>(args: &ExploreArgs, form: OutputForm) -> Result<ExitCode> {
    if !args.out.is_dir() {
        return Err(user_error(format!("--out {}: there is no such folder", args.out.display())));
    }
    let begin = Instant::now();
    let deadline = args.minutes.map(|minutes| begin + Duration::from_secs(u64::from(minutes) * 60));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let effort = Effort { jobs: args.jobs.map_or(cores, usize::from), deadline };
    let mut rows = Vec::new();
    for ground in grounds(args) {
        let bar = progress_bar(&ground);
        let since = Instant::now();
        let searched = search::<S>(&ground, effort, &mut |progress| show(&bar, progress));
        bar.finish_and_clear();
        let years = searched.lived_ms as f64 / YEAR_MS;
        tracing::info!(
            "{}: {:.1} s, {:.0} device-years a second",
            named(&ground, &searched),
            since.elapsed().as_secs_f64(),
            years / since.elapsed().as_secs_f64()
        );
        let written = match &searched.found {
            Some(found) => Some(write_found::<S>(found, &ground, &args.out)?),
            None => None,
        };
        if form == OutputForm::Text {
            output::print(&text(&ground, &searched, written.as_ref()))?;
        }
        let is_broken = written.is_some();
        rows.push(row(&ground, &searched, written));
        if is_broken {
            break;
        }
    }
    let passed = rows.iter().all(|row| row.get("found").is_none_or(serde_json::Value::is_null));
    if form == OutputForm::Json {
        output::print(&format!("{}\n", json!({"passed": passed, "searched": rows})))?;
    }
    Ok(ExitCode::from(u8::from(!passed)))
}

/// What is searched, in this order.
fn grounds(args: &ExploreArgs) -> Vec<Ground> {
    let endless = args.minutes.map(|_| 0..u64::MAX);
    match (args.depth, args.seeds.clone()) {
        (Some(depth), None) => vec![Ground::Faults(depth)],
        (None, Some(seeds)) => vec![Ground::Seeds(seeds)],
        (Some(depth), Some(seeds)) => vec![Ground::Faults(depth), Ground::Seeds(seeds)],
        (None, None) => vec![Ground::Faults(DEPTH), Ground::Seeds(endless.unwrap_or(SEEDS))],
    }
}

/// A bar on a terminal, else nothing.
fn progress_bar(ground: &Ground) -> ProgressBar {
    let endless = matches!(ground, Ground::Seeds(seeds) if seeds.end == u64::MAX);
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = if endless { ProgressBar::no_length() } else { ProgressBar::new(0) };
    bar.set_draw_target(ProgressDrawTarget::stderr());
    let form = if endless { "{elapsed} {msg}" } else { "{elapsed} [{bar:40}] {percent}% {msg}" };
    if let Ok(style) = ProgressStyle::with_template(form) {
        bar.set_style(style);
    }
    bar
}

fn show(bar: &ProgressBar, progress: Progress) {
    if bar.length().is_some() {
        bar.set_length(progress.of);
    }
    bar.set_position(progress.done);
    bar.set_message(format!("{} lives", progress.lives));
}

/// A ground as far as it was searched.
fn named(ground: &Ground, searched: &Searched) -> String {
    match (ground, &searched.seeds) {
        (Ground::Faults(depth), _) => format!("up to {depth} faults in a short life"),
        (Ground::Seeds(_), Some(seeds)) | (Ground::Seeds(seeds), None) => {
            format!("seeds {}..{}", seeds.start, seeds.end)
        }
    }
}

/// A life that was found, shrunk, in a file.
struct Written {
    file: PathBuf,
    steps: usize,
    before: usize,
    violation: String,
    invariant: Invariant,
    again: String,
}

fn write_found<S: Subject>(found: &Found, ground: &Ground, folder: &Path) -> Result<Written> {
    let (life, violation) = shrink::<S>(&found.life, &found.violation);
    let (origin, again) = match (found.seed, ground) {
        (Some(seed), _) => {
            let next = seed.saturating_add(1);
            (format!("seed-{seed}"), format!("slpsim scenario explore --seeds {seed}..{next}"))
        }
        (None, Ground::Faults(depth)) => {
            ("faults".into(), format!("slpsim scenario explore --depth {depth}"))
        }
        (None, Ground::Seeds(seeds)) => {
            ("seeds".into(), format!("slpsim scenario explore --seeds {}..{}", seeds.start, seeds.end))
        }
    };
    let word = violation.invariant.word();
    let file = folder.join(format!("explore-{word}-{origin}.toml"));
    let text = scenario_file(&life, &format!("explore: {word}, {origin}"), Some((&violation, &again)));
    std::fs::write(&file, text).with_context(|| file.display().to_string()).blame_user()?;
    Ok(Written {
        file,
        steps: life.steps.len(),
        before: found.life.steps.len(),
        violation: violation.to_string(),
        invariant: violation.invariant,
        again,
    })
}

fn text(ground: &Ground, searched: &Searched, written: Option<&Written>) -> String {
    let mut out = format!(
        "{}: {} lives, {:.1} device-years, digest {:016x}: ",
        named(ground, searched),
        searched.lives,
        searched.lived_ms as f64 / YEAR_MS,
        searched.digest
    );
    // Writing to a String does not fail.
    let _ = match written {
        None if searched.complete => writeln!(out, "every invariant holds"),
        None => writeln!(out, "every invariant holds as far as it went, time is up"),
        Some(Written { file, steps, before, violation, again, .. }) => writeln!(
            out,
            "broken\n  {violation}\n  shrunk from {before} steps to {steps}: {}\n  again: slpsim scenario run {}\n         {again}",
            file.display(),
            file.display()
        ),
    };
    out
}

fn row(ground: &Ground, searched: &Searched, written: Option<Written>) -> serde_json::Value {
    let found = written.map(|written| {
        json!({
            "invariant": written.invariant.word(),
            "violation": written.violation,
            "steps": written.steps,
            "file": written.file.display().to_string(),
            "command": format!("slpsim scenario run {}", written.file.display()),
            "explore": written.again,
        })
    });
    json!({
        "ground": named(ground, searched),
        "lives": searched.lives,
        "device_years": searched.lived_ms as f64 / YEAR_MS,
        "events": searched.events,
        "digest": format!("{:016x}", searched.digest),
        "complete": searched.complete,
        "found": found,
    })
}

#[cfg(test)]
mod tests;

//! `slpsim receive`: the other end of a log pipeline.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde_json::json;
use slpsim_logs::receive::{Arrival, Listen, Listener};
use slpsim_logs::verify::{Compare, Expected, Report, Verifier, Way};

use super::options::OutputForm;
use super::output;
use crate::error::{BlameUser, user_error};
use crate::ready::{Ready, ReadyFile, Urls};
use crate::signals::{Asked, Signals};

/// How long one look for lines may take: ends are noticed in between.
const TICK: Duration = Duration::from_millis(50);

/// `slpsim receive`
#[derive(Debug, Args)]
pub(crate) struct ReceiveArgs {
    /// udp://, tcp:// or tls:// with address and port (0: any that is free), unix:///path or unix-stream:///path
    ///
    /// Behind a ?, joined by &: framing=newline or octet for tcp:// and tls:// (by default over TCP each connection by
    /// what it looks like, over TLS octet), cert=FILE and key=FILE for tls:// (by default a certificate is made), ca=FILE for tls:// whose senders
    /// must have a certificate.
    #[arg(long, value_name = "URL")]
    listen: Listen,
    /// The log as it was sent: says which lines were lost, doubled, reordered within a device or altered
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// When a line that arrives is one of those that were sent
    #[arg(long, value_enum, value_name = "HOW", default_value_t, requires = "expect")]
    compare: CompareBy,
    /// End after this many lines; fewer are a failure
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End when nothing has arrived for so long since the last line, such as 5s
    #[arg(long, value_name = "SPAN", value_parser = slpsim_config::parse_span)]
    idle: Option<Duration>,
    /// End after so long, whatever arrives, such as 10m
    #[arg(long, value_name = "SPAN", value_parser = slpsim_config::parse_span)]
    duration: Option<Duration>,
    /// Listen at an address that others can reach, too
    #[arg(long)]
    allow_external: bool,
    /// Write this file once it listens
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Write the certificate here that was made for tls://, for senders to trust
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// `--compare`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum CompareBy {
    /// It has the same bytes
    #[default]
    Bytes,
    /// It has the same device, day, time and message; the form may be another
    Content,
}

pub(super) fn receive(args: &ReceiveArgs, form: OutputForm) -> Result<ExitCode> {
    args.ready_file.as_deref().map_or(Ok(()), ReadyFile::clear)?;
    if let Some(address) = args.listen.address().filter(|address| !address.ip().is_loopback())
        && !args.allow_external
    {
        return Err(user_error(format!(
            "--listen {address}: others could reach that; listen at 127.0.0.1, or give --allow-external"
        )));
    }
    let verifier = verifier(args)?;
    let listener = Listener::open(&args.listen).context("receive").blame_user()?;
    // Signals are taken over by a thread of their own: lines come in bursts, and nothing else waits here.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let ended = Arc::new(AtomicBool::new(false));
    let mut signals = runtime.block_on(async { Signals::listen() })?;
    let told = Arc::clone(&ended);
    runtime.spawn(async move {
        while signals.next().await != Asked::End {}
        told.store(true, Ordering::Relaxed);
    });
    let ready_file = announce(args, &listener)?;
    let (verifier, why) = take_all(args, &listener, verifier, &ended);
    drop(ready_file);
    drop(listener);
    let short = args.count.is_some_and(|count| verifier.lines() < count);
    let report = verifier.finish();
    let text = match form {
        OutputForm::Text => as_text(&report, why)?,
        OutputForm::Json => format!("{}\n", as_json(&report, why)),
    };
    output::print(&text)?;
    let clean =
        report.misfit == 0 && report.way.is_none_or(|way| way.is_clean()) && !short && report.troubles == 0;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verifier(args: &ReceiveArgs) -> Result<Verifier> {
    let Some(path) = &args.expect else { return Ok(Verifier::default()) };
    let compare = match args.compare {
        CompareBy::Bytes => Compare::Bytes,
        CompareBy::Content => Compare::Content,
    };
    let read = || Expected::read(BufReader::with_capacity(1 << 16, File::open(path)?), compare);
    let expected = read().with_context(|| format!("log as sent {}", path.display())).blame_user()?;
    tracing::info!("{} lines were sent, says {}", expected.sent(), path.display());
    Ok(Verifier::against(expected))
}

/// Says where it listens, to people and to scripts.
fn announce(args: &ReceiveArgs, listener: &Listener) -> Result<Option<ReadyFile>> {
    let mut ready = Ready {
        pid: std::process::id(),
        urls: Urls { log: Some(listener.url().for_sender()), ..Urls::default() },
        ..Ready::default()
    };
    if let Some(pem) = listener.certificate() {
        let beside = args.ready_file.as_ref().map(|path| path.with_extension("ca.pem"));
        let path = args.ca_file.clone().or(beside).ok_or_else(|| {
            user_error(
                "tls:// without cert= makes a certificate: say with --ca-file where it is to be written",
            )
        })?;
        std::fs::write(&path, pem).with_context(|| path.display().to_string()).blame_user()?;
        tracing::info!("senders have to trust {}", path.display());
        ready.ca_file = Some(std::path::absolute(path)?);
    }
    tracing::info!("listening at {}", listener.url());
    args.ready_file.as_deref().map(|path| ReadyFile::write(path, &ready)).transpose()
}

/// Why nothing more is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Count,
    Idle,
    Duration,
    Signal,
}

impl Why {
    const fn word(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Idle => "idle",
            Self::Duration => "duration",
            Self::Signal => "signal",
        }
    }
}

fn take_all(
    args: &ReceiveArgs,
    listener: &Listener,
    mut verifier: Verifier,
    ended: &AtomicBool,
) -> (Verifier, Why) {
    let begin = Instant::now();
    let mut last: Option<Instant> = None;
    loop {
        let why = if ended.load(Ordering::Relaxed) {
            Some(Why::Signal)
        } else if args.duration.is_some_and(|limit| begin.elapsed() >= limit) {
            Some(Why::Duration)
        } else if args.idle.zip(last).is_some_and(|(limit, last)| last.elapsed() >= limit) {
            Some(Why::Idle)
        } else {
            None
        };
        if let Some(why) = why {
            // What has arrived by then was not lost on its way.
            let all = listener.rest().all(|arrival| !take(args, &mut verifier, &arrival));
            return (verifier, if all { why } else { Why::Count });
        }
        let Some(arrival) = listener.next(TICK) else { continue };
        if matches!(arrival, Arrival::Lines(_)) {
            last = Some(Instant::now());
        }
        if take(args, &mut verifier, &arrival) {
            return (verifier, Why::Count);
        }
    }
}

/// Takes what arrived; says whether that is as many lines as were asked for.
fn take(args: &ReceiveArgs, verifier: &mut Verifier, arrival: &Arrival) -> bool {
    match arrival {
        Arrival::Trouble(reason) => {
            tracing::warn!("{reason}");
            verifier.trouble(reason);
            false
        }
        Arrival::Lines(lines) => lines.iter().any(|line| {
            verifier.take(line);
            args.count.is_some_and(|count| verifier.lines() >= count)
        }),
    }
}

fn as_json(report: &Report, why: Why) -> serde_json::Value {
    let way = report.way;
    let of = |part: fn(&Way) -> Option<u64>| way.as_ref().and_then(part);
    json!({
        "ended_by": why.word(),
        "lines": report.lines,
        "bytes": report.bytes,
        "fit": report.fit,
        "misfit": report.misfit,
        "repeats": report.repeats,
        "other": report.other,
        "troubles": report.troubles,
        "forms": report.forms,
        "messages": report.messages,
        "sent": of(|way| way.sent),
        "lost": of(|way| Some(way.lost)),
        "doubled": of(|way| Some(way.doubled)),
        "reordered": of(|way| Some(way.reordered)),
        "altered": of(|way| way.altered),
        "foreign": of(|way| way.foreign),
        "examples": report.examples,
    })
}

fn as_text(report: &Report, why: Why) -> Result<String> {
    let mut text = String::new();
    let mut row = |name: &str, value: &dyn std::fmt::Display| writeln!(text, "{name:<12} {value:>12}");
    row("lines", &report.lines)?;
    row("bytes", &report.bytes)?;
    row("fit", &report.fit)?;
    row("misfit", &report.misfit)?;
    row("repeats", &report.repeats)?;
    row("other", &report.other)?;
    row("troubles", &report.troubles)?;
    match &report.way {
        None => row("lost", &"not known")?,
        Some(way) => {
            let known =
                |count: Option<u64>| count.map_or_else(|| "not known".into(), |count| count.to_string());
            row("sent", &known(way.sent))?;
            row("lost", &way.lost)?;
            row("doubled", &way.doubled)?;
            row("reordered", &way.reordered)?;
            row("altered", &known(way.altered))?;
            row("foreign", &known(way.foreign))?;
        }
    }
    row("ended by", &why.word())?;
    for (name, counts) in [("form", &report.forms), ("message", &report.messages)] {
        for (what, count) in counts {
            writeln!(text, "{name:<12} {count:>12} {what}")?;
        }
    }
    for example in &report.examples {
        writeln!(text, "{example}")?;
    }
    Ok(text)
}

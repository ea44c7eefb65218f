//! `slpsim receive`: the other end of a log pipeline.

use std::fmt::Write as _;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use nix::fcntl::OFlag;
use serde_json::json;
use slpsim_logs::receive::{Arrival, Listen, Listener};
use slpsim_logs::verify::{Compare, Report, Verifier, Way};

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
    ///
    /// It is read when the receiving has ended, so that it may be yet to come, or grow meanwhile. The sender must have
    /// written all of it by then.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// When a line that arrives is one of those that were sent
    #[arg(long, value_enum, value_name = "HOW", default_value_t, requires = "expect")]
    compare: CompareBy,
    /// End after this many lines; fewer are a failure
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// End when nothing has arrived for so long, such as 5s, since the last line, or since it listens
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
    if let Some(path) = &args.expect {
        check_expected(path)?;
    }
    let listener = Listener::open(&args.listen).context("receive").blame_user()?;
    // Signals are taken over by a thread of their own: lines come in bursts, and nothing else waits here.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let ended = Arc::new(AtomicBool::new(false));
    let signals = runtime.block_on(async { Signals::listen() })?;
    runtime.spawn(heed(signals, Arc::clone(&ended), args.ready_file.clone()));
    let ready_file = announce(args, &listener)?;
    let verifier = args.expect.as_ref().map_or_else(Verifier::default, |_| {
        Verifier::comparing(match args.compare {
            CompareBy::Bytes => Compare::Bytes,
            CompareBy::Content => Compare::Content,
        })
    });
    let (mut verifier, why) = take_all(args, &listener, verifier, &ended);
    // A signal that ends the receiving does not end the comparing as well.
    let stop = Some(&*ended).filter(|ended| !ended.load(Ordering::Relaxed));
    drop(ready_file);
    drop(listener);
    let held = args.expect.as_deref().map_or(Ok(()), |path| hold_against(&mut verifier, path, stop));
    let short = args.count.is_some_and(|count| verifier.lines() < count);
    let report = verifier.finish();
    let text = match form {
        OutputForm::Text => as_text(&report, why)?,
        OutputForm::Json => format!("{}\n", as_json(&report, why)),
    };
    output::print(&text)?;
    // What arrived has been told, whatever it could be compared with.
    held?;
    if report.lines == 0 {
        tracing::warn!("nothing arrived");
    }
    let clean = report.tally.misfit == 0
        && report.way.is_none_or(|way| way.is_clean())
        && !short
        && report.troubles == 0;
    Ok(if clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The first signal ends the receiving, or the comparing where the receiving has ended by itself; the second one ends the
/// process, however long the log as sent may be.
async fn heed(mut signals: Signals, ended: Arc<AtomicBool>, ready_file: Option<PathBuf>) {
    while signals.next().await != Asked::End {}
    ended.store(true, Ordering::Relaxed);
    while signals.next().await != Asked::End {}
    // The process ends here, and nothing more can be said of it.
    let _ = ready_file.as_deref().map(ReadyFile::clear);
    std::process::exit(1);
}

/// Whether the log as sent can be opened, or be yet to come.
fn check_expected(path: &Path) -> Result<()> {
    let refused = |reason: &str| Err(user_error(format!("--expect {}: {reason}", path.display())));
    match std::fs::metadata(path) {
        Ok(there) => match why_no_log(&there) {
            Some(reason) => refused(reason),
            None => open_unwaiting(path).map(drop).with_context(|| as_sent(path)).blame_user(),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if !folder.unwrap_or_else(|| Path::new(".")).is_dir() {
                return refused("there is no such folder");
            }
            tracing::info!("{} is yet to come", as_sent(path));
            Ok(())
        }
        Err(error) => Err(error).with_context(|| as_sent(path)).blame_user(),
    }
}

/// Why nothing can be held against it.
fn why_no_log(there: &Metadata) -> Option<&'static str> {
    if there.is_dir() {
        Some("that is a folder; name the file that the sender writes")
    } else if there.is_file() {
        None
    } else {
        Some(
            "that is a pipe or a device, for which the end might wait for ever; name the file that the sender writes",
        )
    }
}

/// Opens it without waiting for a writer, should a pipe be there by now.
fn open_unwaiting(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
}

fn as_sent(path: &Path) -> String {
    format!("log as sent {}", path.display())
}

/// Compares, unless `stop` becomes true meanwhile.
fn hold_against(verifier: &mut Verifier, path: &Path, stop: Option<&AtomicBool>) -> Result<()> {
    let file = open_unwaiting(path).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            return user_error(format!(
                "{} is still not there at the end: let the sender write it (--sink file://PATH), or name it with --expect",
                as_sent(path)
            ));
        }
        anyhow::Error::from(error).context(as_sent(path))
    });
    let file = file.blame_user()?;
    if let Some(reason) = why_no_log(&file.metadata().with_context(|| as_sent(path))?) {
        return Err(user_error(format!("{}: {reason}", as_sent(path))));
    }
    let log = Unless { stop, log: BufReader::with_capacity(1 << 16, file) };
    let held = verifier.hold_against(log).with_context(|| as_sent(path));
    // Whoever stops it is no user whose file is wrong.
    if stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) { held } else { held.blame_user() }
}

/// A log that cannot be read any further once it is to stop.
struct Unless<'a> {
    stop: Option<&'a AtomicBool>,
    log: BufReader<File>,
}

impl Read for Unless<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Unless<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed)) {
            return Err(io::Error::other(
                "a signal ended the comparing; what became of the lines is not known",
            ));
        }
        self.log.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.log.consume(amount);
    }
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

impl ReceiveArgs {
    /// Whether the receiving is over after so long, of which the last part brought nothing.
    fn is_over(&self, running: Duration, quiet: Duration) -> Option<Why> {
        if self.duration.is_some_and(|limit| running >= limit) {
            Some(Why::Duration)
        } else if self.idle.is_some_and(|limit| quiet >= limit) {
            Some(Why::Idle)
        } else {
            None
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
    let mut last = begin;
    loop {
        let signal = ended.load(Ordering::Relaxed).then_some(Why::Signal);
        if let Some(why) = signal.or_else(|| args.is_over(begin.elapsed(), last.elapsed())) {
            // What has arrived by then was not lost on its way.
            let all = listener.rest().all(|arrival| !take(args, &mut verifier, &arrival));
            return (verifier, if all { why } else { Why::Count });
        }
        let Some(arrival) = listener.next(TICK) else { continue };
        if matches!(arrival, Arrival::Lines(_)) {
            last = Instant::now();
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
        "fit": report.tally.fit,
        "misfit": report.tally.misfit,
        "repeats": report.tally.repeats,
        "other": report.tally.other,
        "troubles": report.troubles,
        "forms": report.tally.forms,
        "messages": report.tally.messages,
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
    row("fit", &report.tally.fit)?;
    row("misfit", &report.tally.misfit)?;
    row("repeats", &report.tally.repeats)?;
    row("other", &report.tally.other)?;
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
    for (name, counts) in [("form", &report.tally.forms), ("message", &report.tally.messages)] {
        for (what, count) in counts {
            writeln!(text, "{name:<12} {count:>12} {what}")?;
        }
    }
    for example in &report.examples {
        writeln!(text, "{example}")?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn silence_counts_from_the_beginning_and_the_whole_time_comes_first() {
        let second = Duration::from_secs;
        for (options, running, quiet, expected) in [
            ("", 1_000_000, 1_000_000, None),
            ("--idle 5s", 4, 4, None),
            ("--idle 5s", 5, 5, Some(Why::Idle)),
            ("--idle 5s", 60, 4, None),
            ("--idle 5s", 60, 5, Some(Why::Idle)),
            ("--duration 1m", 59, 59, None),
            ("--idle 5s --duration 1m", 60, 1, Some(Why::Duration)),
            ("--idle 5s --duration 1m", 60, 5, Some(Why::Duration)),
        ] {
            let line = format!("slpsim receive --listen udp://127.0.0.1:0 {options}");
            let cli = super::super::Cli::try_parse_from(line.split_whitespace()).unwrap();
            let super::super::Command::Receive(args) = cli.command else { panic!("{line}") };
            assert_eq!(args.is_over(second(running), second(quiet)), expected, "{options}");
        }
    }
}

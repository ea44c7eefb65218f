//! How fast messages become lines: `cargo bench -p slpsim-logs`.
//!
//! The measure is a bare copy of lines of the same sizes; `write!` is what a formatter without a table would do.
#![expect(clippy::unwrap_used, reason = "a bench says what it expects by unwrapping it")]
#![expect(clippy::cast_precision_loss, reason = "rates are printed with three digits")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use slpsim_agent::{Failure, Message, Peer, PolicyError, TrustError, Udi};
use slpsim_logs::{Batch, Form, Formatter, Framing, Line, Options, Repeated, Zone};
use slpsim_policy::Wall;

const AT: Wall = Wall(1_772_445_600_000);
const HOST: &str = "n9k-leaf-01";

fn main() {
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    let every_row = [
        Message::PolicyInstallFailed { error: PolicyError::Signature },
        Message::AuthorizationInstallFailed { udi, error: PolicyError::Timestamp },
        Message::CommFailed { peer: Peer::Cslu, failure: Failure::Resolve },
        Message::CommRestored { peer: Peer::Cslu },
        Message::PolicyRemoved,
        Message::TrustCodeInstallFailed { udi, error: TrustError::AlreadyInstalled },
        Message::ReportingNotSupported,
        Message::PolicyInstallSuccess,
        Message::AuthorizationInstallSuccess { udi },
        Message::AuthorizationRemoved { udi },
        Message::ReportingRequired { days: 89 },
        Message::TrustCodeInstallSuccess { udi },
    ];
    // Where a peer is missing, nearly all lines are failures (`spec/logs.md` §10).
    let failures =
        [Failure::Resolve, Failure::Unreachable, Failure::HttpStatus(503), Failure::TlsCertificate]
            .map(|failure| Message::CommFailed { peer: Peer::Cssm, failure });
    for (name, messages) in [("every row once", &every_row[..]), ("failures", &failures[..])] {
        println!("{name}");
        for form in [Form::Nxos, Form::Logfile, Form::Rfc5424] {
            bench(form, messages);
        }
    }
}

fn bench(form: Form, messages: &[Message]) {
    let mut formatter = Formatter::new(Options { form, ..Options::default() });
    let lines: Vec<Vec<u8>> =
        messages.iter().map(|message| formatter.format(&line(message, AT)).to_vec()).collect();
    let bytes: usize = lines.iter().map(Vec::len).sum::<usize>() / lines.len();

    let mut out = Vec::with_capacity(4096);
    let copied = rate(messages.len(), || {
        for line in &lines {
            out.clear();
            out.extend_from_slice(black_box(line));
            black_box(&out);
        }
    });
    let rendered = rate(messages.len(), || {
        for message in messages {
            black_box(formatter.format(&line(black_box(message), AT)));
        }
    });
    // As a fleet has it: into a large buffer that goes out when it is full.
    let mut batch = Batch::new(Some(Framing::Newline));
    let appended = rate(messages.len(), || {
        for message in messages {
            formatter.append(&line(black_box(message), AT), &mut batch);
        }
        if batch.bytes().len() > 64 << 10 {
            black_box(batch.bytes());
            batch.clear();
        }
    });
    let mut at = AT;
    let fresh = rate(messages.len(), || {
        for message in messages {
            at = at.plus_millis(1000);
            black_box(formatter.format(&line(black_box(message), at)));
        }
    });
    let written = rate(messages.len(), || {
        use std::io::Write;
        let stamp = black_box("2026 Mar  2 10:00:00 UTC");
        for message in messages {
            out.clear();
            write!(out, "<{}>{HOST}: {stamp}: {message}", black_box(187)).unwrap();
            black_box(&out);
        }
    });
    println!(
        "  {:8} {bytes} bytes: {:6.1} million lines/s, stamp kept; {:6.1} into a batch; {:6.1}, a new second each; bare copy {:6.1}, {:.2} times as fast; write! {:6.1}",
        form.word(),
        rendered,
        appended,
        fresh,
        copied,
        copied / rendered,
        written,
    );
}

fn line(message: &Message, at: Wall) -> Line<'_> {
    Line {
        at,
        zone: Zone::UTC,
        host: Some(HOST),
        address: None,
        sequence: 1,
        message,
        repeated: Repeated::No,
    }
}

/// Million calls a second of processor time, the best of five rounds.
fn rate(by_round: usize, mut round: impl FnMut()) -> f64 {
    let mut best: f64 = 0.0;
    for _ in 0..5 {
        let (begin, on_cpu, mut rounds) = (Instant::now(), on_cpu(), 0_u32);
        while begin.elapsed() < Duration::from_millis(200) {
            for _ in 0..1000 {
                round();
            }
            rounds += 1000;
        }
        let calls = f64::from(rounds) * by_round as f64;
        let spent = on_cpu_since(on_cpu).unwrap_or(begin.elapsed());
        best = best.max(calls / spent.as_secs_f64() / 1e6);
    }
    best
}

/// Time that this thread has run, where the system tells: others may want the same core.
fn on_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

fn on_cpu_since(begin: Option<Duration>) -> Option<Duration> {
    on_cpu()?.checked_sub(begin?).filter(|spent| !spent.is_zero())
}

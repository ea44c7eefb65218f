//! A life as a scenario file (`interface.md` §6).

use std::fmt::Write;
use std::time::Duration;

use slpsim_agent::ProfileId;
use slpsim_config::print_span;
use slpsim_cssm::span::purpose_word;

use super::invariant::Violation;
use super::life::{Deed, Life, Trouble};
use crate::scenario::Peer;

/// The scenario file of a life; with a violation, a comment says what broke and how it was found.
#[must_use]
pub fn scenario_file(life: &Life, name: &str, found: Option<(&Violation, &str)>) -> String {
    let mut out = String::new();
    // Writing to a String does not fail.
    if let Some((violation, how)) = found {
        let _ = writeln!(out, "# {violation}");
        let _ = writeln!(out, "# Found by `{how}`. The invariants are checked whenever a scenario is run.");
    }
    let _ = writeln!(out, "name  = {}", quoted(name));
    let _ = writeln!(out, "seed  = {}", life.seed);
    let until = life.until_ms.max(life.steps.iter().map(|step| step.at_ms).max().unwrap_or(0));
    let _ = writeln!(out, "until = \"{}\"", span(until));
    let _ = writeln!(out, "\n[device]\ntransport = \"{}\"", life.transport.keyword());
    let mut world = String::new();
    if life.peer != Peer::Cssm {
        let _ = writeln!(world, "peer    = \"{}\"", life.peer.word());
    }
    if life.latency_ms > 0 {
        let _ = writeln!(world, "latency = \"{}\"", span(life.latency_ms));
    }
    if !world.is_empty() {
        let _ = write!(out, "\n[world]\n{world}");
    }
    for step in &life.steps {
        let _ = write!(out, "\n[[at]]\nt = \"{}\"\n{}\n", span(step.at_ms), deed(&step.deed));
    }
    out
}

/// The key of a step, and its value.
fn deed(deed: &Deed) -> String {
    match deed {
        Deed::Trust { all, force } => {
            let (scope, force) = (if *all { "all" } else { "local" }, if *force { " force" } else { "" });
            format!("command = \"license smart trust idtoken {{token}} {scope}{force}\"")
        }
        Deed::Sync => "command = \"license smart sync\"".into(),
        Deed::FactoryReset => "command = \"license smart factory reset\"".into(),
        Deed::Transport(transport) => configured(&format!("license smart transport {}", transport.keyword())),
        Deed::Interval(days) => configured(&format!("license smart usage interval {days}")),
        Deed::Usage { license, count } => {
            let licenses = ProfileId::Nexus9000.profile().licenses;
            let name = licenses.get(usize::from(*license)).map_or("", |license| license.name);
            format!("usage = {{ license = \"{name}\", count = {count} }}")
        }
        Deed::Reload => "event = \"reload\"".into(),
        Deed::PowerLoss => "event = \"power-loss\"".into(),
        Deed::ClockStep(by) => {
            let sign = if *by < 0 { "-" } else { "" };
            format!("clock = {{ step = \"{sign}{}\" }}", span(by.unsigned_abs()))
        }
        Deed::StandbyAdded => "event = \"standby-added\"".into(),
        Deed::StandbyRemoved => "event = \"standby-removed\"".into(),
        Deed::Switchover => "event = \"switchover\"".into(),
        Deed::Peer(peer) => format!("peer = \"{}\"", peer.word()),
        Deed::Fault(trouble) => fault(trouble),
    }
}

fn configured(line: &str) -> String {
    format!("command = [\"configure terminal\", \"{line}\", \"end\"]")
}

fn fault(trouble: &Trouble) -> String {
    let mut out = format!("fault = {{ kind = \"{}\"", trouble.kind.word());
    if let Some(for_ms) = trouble.for_ms {
        let _ = write!(out, ", for = \"{}\"", span(for_ms));
    }
    if let Some(next) = trouble.next {
        let _ = write!(out, ", next = {next}");
    }
    if let Some(every) = trouble.every {
        let _ = write!(out, ", every = {every}");
    }
    if let Some(purpose) = trouble.purpose {
        let _ = write!(out, ", purpose = \"{}\"", purpose_word(purpose));
    }
    out.push_str(" }");
    out
}

fn span(ms: u64) -> String {
    print_span(Duration::from_millis(ms))
}

/// A TOML string on one line.
fn quoted(text: &str) -> String {
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}

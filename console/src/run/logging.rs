//! `logging …`, `show logging …`.

use alloc::string::ToString;

use crate::config::{FACILITY, LogServer, Logging, OriginId, SERVERS_MAX, Timestamp};
use crate::session::{Configure, Exec, Outcome, Refusal};
use crate::syntax::Parsed;

const FACILITIES: [&str; 8] =
    ["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];

/// `no logging console` silences it; `logging console` without a severity restores the default.
pub(crate) fn console(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let severity = parsed.number("severity").or(Logging::default().console);
    cx.config.logging.console = severity.filter(|_| !parsed.no);
    Ok(())
}

pub(crate) fn monitor(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let severity = parsed.number("severity").or(Logging::default().monitor);
    cx.config.logging.monitor = severity.filter(|_| !parsed.no);
    Ok(())
}

pub(crate) fn server(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let name = parsed.arg("server").unwrap_or_default();
    let servers = &mut cx.config.logging.servers;
    let known = servers.iter().position(|known| known.server.eq_ignore_ascii_case(name));
    if parsed.no {
        if let Some(at) = known {
            servers.remove(at);
        }
        return Ok(());
    }
    let default = LogServer::new(name);
    let line = LogServer {
        severity: parsed.number("severity").unwrap_or(default.severity),
        port: parsed.number("port").unwrap_or(default.port),
        facility: (0..)
            .zip(FACILITIES)
            .find(|(_, name)| parsed.has(name))
            .map_or(FACILITY, |(number, _)| number),
        vrf: parsed.arg("vrf").map(ToString::to_string),
        ..default
    };
    let full = servers.len() >= SERVERS_MAX;
    match known.and_then(|at| servers.get_mut(at)) {
        Some(known) => *known = line,
        None if full => return Err(Refusal(alloc::format!("% At most {SERVERS_MAX} logging servers"))),
        None => servers.push(line),
    }
    Ok(())
}

pub(crate) fn origin(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.logging.origin = match (parsed.no, parsed.arg("text")) {
        (true, _) => OriginId::None,
        (false, Some(text)) => OriginId::Text(text.to_string()),
        (false, None) if parsed.has("ip") => OriginId::Ip,
        (false, None) => OriginId::Hostname,
    };
    Ok(())
}

pub(crate) fn timestamp(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let named = Timestamp::ALL.into_iter().find(|unit| parsed.has(unit.keyword()));
    cx.config.logging.timestamp = named.filter(|_| !parsed.no).unwrap_or_default();
    Ok(())
}

pub(crate) fn rfc_strict(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.logging.rfc5424 = !parsed.no;
    Ok(())
}

pub(crate) fn logfile(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    list(cx, usize::MAX);
    Ok(())
}

pub(crate) fn last(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    list(cx, parsed.number("lines").unwrap_or(usize::MAX));
    Ok(())
}

fn list(cx: &mut Exec<'_, '_>, most: usize) {
    let log = &cx.device.events.file;
    let skipped = log.lines().len().saturating_sub(most);
    for line in log.lines().skip(skipped) {
        cx.doc.text(line);
        cx.doc.row("log", |doc| doc.data("line", line));
    }
}

//! Commands that look at the network (`spec/chapter.md` §5.3).

use alloc::string::ToString;

use slpsim_network::{Question, ResolveError, Source};

use crate::config::VRF;
use crate::device::Effect;
use crate::session::{Exec, Outcome, Refusal};
use crate::syntax::Parsed;

/// Echos of a ping without `count` (S-28b).
const ECHOS: u32 = 5;
/// Most marks on one line (modelled).
const MARKS_A_LINE: u32 = 70;
/// Most echos that one command sends; the range of the argument is that of NX-OS.
const ECHOS_MAX: u32 = 10_000;

/// In the form of the chapter (S-28b, S-28e). Round trips in the simulated network take 1 ms (modelled).
pub(crate) fn ping(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let host = parsed.arg("host").unwrap_or_default();
    let source = Source { vrf: parsed.arg("vrf").unwrap_or(VRF), interface: None };
    let echos = parsed.number("count").unwrap_or(ECHOS).min(ECHOS_MAX);
    let ping = match cx.device.asking().ping_from(host, source) {
        Err(ResolveError::Unasked(question)) => return ask(cx, question),
        ping => ping.map_err(|error| Refusal(alloc::format!("% Invalid host/interface {host}: {error}")))?,
    };
    let doc = &mut *cx.doc;
    doc.text("Type escape sequence to abort.");
    doc.text(format_args!("Sending {echos}, 100-byte ICMP Echos to {}, timeout is 2 seconds:", ping.address));
    let mark = if ping.answered { "!" } else { "." };
    let mut left = echos;
    while left > 0 {
        let now = left.min(MARKS_A_LINE);
        doc.text(mark.repeat(usize::try_from(now).unwrap_or(0)));
        left -= now;
    }
    let back = if ping.answered { echos } else { 0 };
    let times = if ping.answered { ", round-trip min/avg/max = 1/1/1 ms" } else { "" };
    let percent = if ping.answered { 100 } else { 0 };
    doc.text(format_args!("Success rate is {percent} percent ({back}/{echos}){times}"));
    doc.data("address", ping.address.to_string());
    doc.data("sent", echos);
    doc.data("received", back);
    Ok(())
}

pub(crate) fn nslookup(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let host = parsed.arg("host").unwrap_or_default();
    let network = cx.device.asking();
    let address = match network.resolve(host) {
        Err(ResolveError::Unasked(question)) => return ask(cx, question),
        address => address.map_err(|error| Refusal(alloc::format!("% {error}")))?,
    };
    if let Some(server) = network.ip.name_servers_of(VRF).first() {
        cx.doc.field("Server", server);
    }
    cx.doc.field("Name", host);
    cx.doc.field("Address", address);
    Ok(())
}

/// The line is run again once the name server has answered.
fn ask(cx: &mut Exec<'_, '_>, question: Question) -> Outcome {
    cx.effects.push(Effect::AskName(question));
    Ok(())
}

pub(crate) fn hosts(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let ip = &cx.device.config.ip;
    let doc = &mut *cx.doc;
    doc.text("DNS lookup enabled");
    doc.blank();
    doc.text(format_args!("Default domain for vrf:default is {}", ip.domain.as_deref().unwrap_or("not set")));
    doc.data("domain_name", ip.domain.as_deref().unwrap_or_default());
    let of_vrfs = ip.vrf_name_servers.iter().map(|(vrf, servers)| (vrf.as_str(), servers));
    for (vrf, servers) in core::iter::once(("default", &ip.name_servers)).chain(of_vrfs) {
        let servers: alloc::vec::Vec<_> = servers.iter().map(ToString::to_string).collect();
        doc.text(format_args!("Name servers for vrf:{vrf}: {}", servers.join(" ")).to_string().trim_end());
        for server in servers {
            doc.row("nameserver", |doc| {
                doc.data("address", server);
                doc.data("vrf", vrf);
            });
        }
    }
    Ok(())
}

pub(crate) fn ntp_status(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let device = &*cx.device;
    let doc = &mut *cx.doc;
    doc.text("Distribution : Disabled");
    doc.text("Last operational state: No session");
    doc.text(if device.ntp_synchronized { "Clock is synchronized" } else { "Clock is unsynchronized" });
    doc.data("synchronized", device.ntp_synchronized);
    let network = device.network();
    for server in &device.config.ntp {
        let reachable = server.answers(&network);
        let state = if reachable { "reachable" } else { "unreachable" };
        doc.text(format_args!("Server {}: {state}", server.server));
        doc.row("peer", |doc| {
            doc.data("server", server.server.as_str());
            doc.data("reachable", reachable);
        });
    }
    Ok(())
}

/// In the layout that clients read for the state of interfaces.
pub(crate) fn interface_status(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let rule = "-".repeat(80);
    let doc = &mut *cx.doc;
    doc.text(&rule);
    doc.text("Port          Name               Status    Vlan      Duplex  Speed   Type");
    doc.text(&rule);
    for interface in &cx.device.config.ip.interfaces {
        let status = if interface.shut { "disabled" } else { "connected" };
        let name = interface.name.as_str();
        doc.text(format_args!(
            "{name:<13} {:<18} {status:<9} {:<9} {:<7} {:<7} --",
            "--", "routed", "full", "1000"
        ));
        doc.row("interface", |doc| {
            doc.data("interface", name);
            doc.data("state", status);
            doc.data("vlan", "routed");
            doc.data("duplex", "full");
            doc.data("speed", "1000");
        });
    }
    Ok(())
}

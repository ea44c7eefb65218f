//! The rest of configuration mode.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use slpsim_agent::Command;
use slpsim_network::{Interface, Ipv4Net};

use crate::calendar::{Summer, YearDay, Zone};
use crate::config::{CALLHOME_URL, Config, DEFAULT_VRF, NtpServer};
use crate::device::Effect;
use crate::features;
use crate::session::{Configure, LineKind, Mode, Outcome, Refusal};
use crate::syntax::{Parsed, hour_minute, month, weekday};

/// Most entries of a list that the operator fills (modelled).
const LIST_MAX: usize = 32;

pub(crate) fn hostname(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.hostname = typed(parsed, "name").unwrap_or_else(|| Config::bare().hostname);
    Ok(())
}

pub(crate) fn domain(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.ip.domain = typed(parsed, "domain");
    Ok(())
}

/// Adds servers of a VRF, or takes away the ones named, or all where none is named. `vrf context` names the VRF too.
pub(crate) fn name_server(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let named = ["server", "server2", "server3"].into_iter().filter_map(|name| parsed.number::<IpAddr>(name));
    let named: Vec<IpAddr> = named.collect();
    let vrf = match (&*cx.mode, parsed.arg("vrf")) {
        (_, Some(vrf)) => vrf,
        (Mode::Vrf(vrf), None) => vrf,
        (Mode::Exec | Mode::Config | Mode::Interface(_) | Mode::Callhome | Mode::Line(_), None) => {
            DEFAULT_VRF
        }
    };
    let ip = &mut cx.config.ip;
    let mut servers = match vrf {
        DEFAULT_VRF => ip.name_servers.clone(),
        other => ip.vrf_name_servers.get(other).cloned().unwrap_or_default(),
    };
    if parsed.no {
        servers.retain(|server| !named.is_empty() && !named.contains(server));
    } else {
        for server in named {
            if !servers.contains(&server) {
                room(servers.len())?;
                servers.push(server);
            }
        }
    }
    if vrf == DEFAULT_VRF {
        ip.name_servers = servers;
    } else if servers.is_empty() {
        ip.vrf_name_servers.remove(vrf);
    } else {
        if !ip.vrf_name_servers.contains_key(vrf) {
            room(ip.vrf_name_servers.len())?;
        }
        ip.vrf_name_servers.insert(vrf.to_string(), servers);
    }
    Ok(())
}

pub(crate) fn http_source(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.http_source_interface = typed(parsed, "interface");
    Ok(())
}

pub(crate) fn ntp_server(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let server = parsed.arg("server").unwrap_or_default();
    let known = cx.config.ntp.iter().position(|known| known.server.eq_ignore_ascii_case(server));
    if parsed.no {
        let Some(at) = known else { return Err(Refusal::new("% NTP server is not configured")) };
        cx.config.ntp.remove(at);
        return Ok(());
    }
    let line = NtpServer {
        server: server.to_string(),
        version: parsed.number("version"),
        prefer: parsed.has("prefer"),
        vrf: parsed.arg("vrf").map(ToString::to_string),
    };
    match known.and_then(|at| cx.config.ntp.get_mut(at)) {
        Some(known) => *known = line,
        None => {
            room(cx.config.ntp.len())?;
            cx.config.ntp.push(line);
        }
    }
    Ok(())
}

pub(crate) fn zone(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let summer = cx.config.zone.summer.take();
    if parsed.no {
        cx.config.zone = Zone { summer, ..Zone::default() };
        return Ok(());
    }
    let hours = parsed.arg("hours").unwrap_or_default();
    let (hours_only, minutes): (i16, i16) =
        (parsed.number("hours").unwrap_or_default(), parsed.number("minutes").unwrap_or_default());
    let sign = if hours.starts_with('-') { -1 } else { 1 };
    let offset_min = sign * (hours_only.abs() * 60 + minutes);
    let abbreviation = parsed.arg("zone").unwrap_or_default().to_string();
    cx.config.zone = Zone { abbreviation, offset_min, summer };
    Ok(())
}

pub(crate) fn summer_time(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.zone.summer = match (parsed.arg("summer"), parsed.number("ahead")) {
        (Some(name), Some(offset_min)) if !parsed.no => {
            let names = [
                ["startweek", "startday", "startmonth", "starttime"],
                ["endweek", "endday", "endmonth", "endtime"],
            ];
            let [Some(start), Some(end)] = names.map(|names| year_day(parsed, names)) else {
                return Err(Refusal::new("% Invalid date"));
            };
            Some(Summer { abbreviation: name.to_string(), start, end, offset_min })
        }
        (_, _) => None,
    };
    Ok(())
}

fn year_day(parsed: &Parsed, [week, day, month_name, time]: [&str; 4]) -> Option<YearDay> {
    let [hour, minute] = hour_minute(parsed.arg(time)?)?;
    let (weekday, month) = (weekday(parsed.arg(day)?)?, month(parsed.arg(month_name)?)?);
    Some(YearDay { week: parsed.number(week)?, weekday, month, hour, minute })
}

/// A feature that needs a licence takes one; the last one of a licence gives it back.
pub(crate) fn feature(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let Some(feature) = parsed.one_of(&features::FEATURES.map(|(name, _)| name)) else { return Ok(()) };
    let license = features::license_of(feature, cx.profile);
    let in_use = |config: &Config| {
        license.is_some_and(|wanted| {
            config.features.iter().any(|on| features::license_of(on, cx.profile) == Some(wanted))
        })
    };
    let before = in_use(cx.config);
    if parsed.no {
        cx.config.features.remove(feature);
    } else {
        cx.config.features.insert(feature);
    }
    let after = in_use(cx.config);
    if let (Some(license), true) = (license, before != after) {
        cx.effects.push(Effect::FeatureLicense { license, on: after });
    }
    Ok(())
}

pub(crate) fn interface(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let name = parsed.arg("interface").unwrap_or_default();
    let Some(known) = cx.config.ip.interface(name) else {
        return Err(Refusal(alloc::format!("% Invalid interface {name}")));
    };
    *cx.mode = Mode::Interface(known.name.clone());
    Ok(())
}

pub(crate) fn shutdown(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    this_interface(cx, |interface| interface.shut = !parsed.no)
}

pub(crate) fn address(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let with_mask = parsed.number("address").zip(parsed.number("mask"));
    let net = match (parsed.no, with_mask) {
        (true, _) => None,
        (false, Some((address, mask))) => {
            let net = Ipv4Net::with_mask(address, mask);
            Some(net.ok_or_else(|| Refusal::new("% Invalid mask"))?)
        }
        (false, None) => parsed.number("net"),
    };
    this_interface(cx, |interface| interface.address = net)
}

/// A change of the VRF takes the address away, as on the switch.
pub(crate) fn vrf_member(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let vrf = typed(parsed, "vrf").unwrap_or_else(|| DEFAULT_VRF.to_string());
    this_interface(cx, |interface| {
        if interface.vrf != vrf {
            interface.vrf = vrf;
            interface.address = None;
        }
    })
}

pub(crate) fn vrf(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    *cx.mode = Mode::Vrf(parsed.arg("vrf").unwrap_or_default().to_string());
    Ok(())
}

/// The default route of a VRF is the gateway of its interfaces; outside of `vrf context`, VRF `default` is meant. Where no
/// interface is in the VRF, the route leads nowhere and is not kept (modelled).
pub(crate) fn gateway(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let vrf = match &*cx.mode {
        Mode::Vrf(vrf) => vrf,
        Mode::Exec | Mode::Config | Mode::Interface(_) | Mode::Callhome | Mode::Line(_) => DEFAULT_VRF,
    };
    let gateway = parsed.number("gateway").filter(|_| !parsed.no);
    for interface in cx.config.ip.interfaces.iter_mut().filter(|interface| interface.vrf == *vrf) {
        interface.gateway = gateway;
    }
    Ok(())
}

pub(crate) fn callhome(cx: &mut Configure<'_>, _: &Parsed) -> Outcome {
    *cx.mode = Mode::Callhome;
    Ok(())
}

pub(crate) fn callhome_enable(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    if !parsed.no && cx.config.callhome.contact.is_none() {
        return Err(Refusal::new("% Call Home needs an email-contact before it is enabled"));
    }
    cx.config.callhome.enabled = !parsed.no;
    Ok(())
}

pub(crate) fn callhome_contact(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let contact = typed(parsed, "email");
    if contact.as_ref().is_some_and(|contact| !contact.contains('@')) {
        return Err(Refusal::new("% Invalid email address"));
    }
    if contact.is_none() && cx.config.callhome.enabled {
        return Err(Refusal::new("% Call Home is enabled and needs its email-contact"));
    }
    cx.config.callhome.contact = contact;
    Ok(())
}

pub(crate) fn callhome_profile(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    if parsed.has("transport-method") {
        cx.config.callhome.profile_active = !parsed.no;
        return Ok(());
    }
    let before = cx.config.url().map(ToString::to_string);
    cx.config.callhome.url = typed(parsed, "url").unwrap_or_else(|| CALLHOME_URL.to_string());
    if before.as_deref() != cx.config.url() {
        cx.effects.push(Effect::Agent(Command::Url));
    }
    Ok(())
}

pub(crate) fn callhome_vrf(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.callhome.vrf = typed(parsed, "vrf");
    Ok(())
}

pub(crate) fn line(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    *cx.mode = Mode::Line(if parsed.has("console") { LineKind::Console } else { LineKind::Vty });
    Ok(())
}

pub(crate) fn exec_timeout(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let minutes = parsed.number("minutes").filter(|_| !parsed.no);
    match &*cx.mode {
        Mode::Line(LineKind::Console) => cx.config.lines.console_timeout_min = minutes,
        Mode::Line(LineKind::Vty) => cx.config.lines.vty_timeout_min = minutes,
        Mode::Exec | Mode::Config | Mode::Interface(_) | Mode::Vrf(_) | Mode::Callhome => {}
    }
    Ok(())
}

fn this_interface(cx: &mut Configure<'_>, change: impl FnOnce(&mut Interface)) -> Outcome {
    let Mode::Interface(name) = &*cx.mode else { return Ok(()) };
    match cx.config.ip.interface_mut(name) {
        Some(interface) => change(interface),
        None => return Err(Refusal(alloc::format!("% Invalid interface {name}"))),
    }
    Ok(())
}

fn room(len: usize) -> Outcome {
    if len < LIST_MAX { Ok(()) } else { Err(Refusal(alloc::format!("% At most {LIST_MAX} entries"))) }
}

/// The argument, unless this is the `no` form.
fn typed(parsed: &Parsed, name: &str) -> Option<String> {
    parsed.arg(name).filter(|_| !parsed.no).map(ToString::to_string)
}

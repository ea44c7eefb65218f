//! What a switch says of itself beside licensing.

use alloc::string::ToString;

use crate::calendar::clock_time;
use crate::config::{CALLHOME_PROFILE, Section};
use crate::session::{Exec, Outcome};
use crate::syntax::Parsed;
use crate::table::Role;

pub(crate) fn clock(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let device = &*cx.device;
    let time = clock_time(device.now(), &device.config.zone).to_string();
    cx.doc.text(&time);
    let source = if device.ntp_synchronized { "NTP" } else { "Hardware Calendar" };
    cx.doc.text(format_args!("Time source is {source}"));
    cx.doc.data("simple_time", time);
    cx.doc.data("time_source", source);
    Ok(())
}

pub(crate) fn hostname(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let hostname = &cx.device.config.hostname;
    cx.doc.text(hostname);
    cx.doc.data("hostname", hostname.as_str());
    Ok(())
}

pub(crate) fn privilege(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let level = match cx.session.role {
        Role::Admin => 15_u32,
        Role::Operator => 1,
    };
    cx.doc.field("User role", role_name(cx.session.role));
    cx.doc.number("Current privilege level", level);
    Ok(())
}

pub(crate) fn user_account(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let user = &cx.session.user;
    let role = role_name(cx.session.role);
    cx.doc.text(format_args!("user:{user}"));
    cx.doc.indented(8, |doc| {
        doc.text("this user account has no expiry date");
        doc.text(format_args!("roles:{role}"));
    });
    cx.doc.data("usr_name", user.as_str());
    cx.doc.data("role", role);
    Ok(())
}

const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Admin => "network-admin",
        Role::Operator => "network-operator",
    }
}

pub(crate) fn place(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let path = cx.session.mode.path();
    let line = alloc::format!("{path}  {}", cx.device.config.hostname);
    cx.doc.text(line.trim_start());
    Ok(())
}

/// Every line that differs from a bare switch, or those of one part.
pub(crate) fn running_config(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let only = Section::ALL.into_iter().find(|section| parsed.has(section.word()));
    let device = &*cx.device;
    let doc = &mut *cx.doc;
    doc.blank();
    let which = only.map_or("", |section| section.word());
    doc.text(alloc::format!("!Command: show running-config {which}").trim_end());
    doc.text(format_args!("!Time: {}", crate::show::time(device, device.now())));
    doc.blank();
    doc.text(format_args!("version {}", device.profile().release));
    for section in Section::ALL.into_iter().filter(|section| only.is_none_or(|only| only == *section)) {
        let lines = device.config.lines_of(section);
        if lines.is_empty() {
            continue;
        }
        doc.blank();
        doc.data(
            section.word(),
            crate::document::Value::List(lines.iter().map(|line| line.as_str().into()).collect()),
        );
        for line in lines {
            doc.text(line);
        }
    }
    Ok(())
}

pub(crate) fn startup_config(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    match cx.device.startup_config {
        Some(text) => {
            cx.doc.blank();
            cx.doc.text("!Command: show startup-config");
            cx.doc.blank();
            // As in the running configuration: tools that compare the two would find a difference for ever.
            cx.doc.text(format_args!("version {}", cx.device.profile().release));
            cx.doc.blank();
            for line in text.lines() {
                cx.doc.text(line);
            }
        }
        None => cx.doc.text("No startup configuration"),
    }
    Ok(())
}

/// Our own text in the layout that automation reads (`spec/console.md` §3).
pub(crate) fn version(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let device = &*cx.device;
    let profile = device.profile();
    let udi = device.agent.udi();
    let image = alloc::format!("bootflash:///{}.{}.bin", profile.name, profile.release);
    let up = u64::try_from(device.now().since(device.started) / 1000).unwrap_or(0);
    let (days, hours, minutes, seconds) = (up / 86_400, up / 3600 % 24, up / 60 % 60, up % 60);
    let hostname = device.config.hostname.as_str();
    let doc = &mut *cx.doc;
    doc.text("Cisco Nexus Operating System (NX-OS) Software, simulated by slpsim");
    doc.blank();
    doc.text("Software");
    doc.text(format_args!("  NXOS: version {}", profile.release));
    doc.text(format_args!("  NXOS image file is: {image}"));
    doc.blank();
    doc.text("Hardware");
    doc.text(format_args!("  cisco {} Chassis", chassis(profile.name, udi.pid.as_str())));
    doc.text(format_args!("  Processor Board ID {}", udi.serial));
    doc.text(format_args!("  Device name: {hostname}"));
    doc.blank();
    doc.text(format_args!(
        "Kernel uptime is {days} day(s), {hours} hour(s), {minutes} minute(s), {seconds} second(s)"
    ));
    doc.data("nxos_ver_str", profile.release);
    doc.data("nxos_file_name", image);
    doc.data("chassis_id", alloc::format!("{} Chassis", chassis(profile.name, udi.pid.as_str())));
    doc.data("proc_board_id", udi.serial.as_str());
    doc.data("host_name", hostname);
    for (key, value) in [("days", days), ("hrs", hours), ("mins", minutes), ("secs", seconds)] {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        doc.data(&alloc::format!("kern_uptm_{key}"), value);
    }
    Ok(())
}

pub(crate) fn inventory(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let device = &*cx.device;
    for (number, (unit, _)) in device.agent.units().enumerate() {
        let name =
            if number == 0 { "Chassis".to_string() } else { alloc::format!("Supervisor {}", number + 1) };
        let pid = unit.udi.pid.as_str();
        let description = alloc::format!("{} {name}", chassis(device.profile().name, pid));
        let description =
            if number == 0 { description } else { alloc::format!("{pid} {}", unit.role.name()) };
        cx.doc.text(format_args!("NAME: \"{name}\",  DESCR: \"{description}\""));
        cx.doc.text(format_args!("PID: {pid:<20},  VID: V01 ,  SN: {}", unit.udi.serial));
        cx.doc.row("inv", |doc| {
            doc.data("name", name);
            doc.data("desc", description);
            doc.data("productid", pid);
            doc.data("vendorid", "V01");
            doc.data("serialnum", unit.udi.serial.as_str());
        });
    }
    Ok(())
}

/// `spec/chapter.md` S-28d, `spec/console.md` §2.
pub(crate) fn call_home_profile(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let callhome = &cx.device.config.callhome;
    let (messages, status) = states(callhome.enabled, callhome.profile_active);
    let doc = &mut *cx.doc;
    doc.text("Current smart-licensing transport settings:");
    doc.indented(1, |doc| doc.field("Smart-license messages", messages));
    doc.blank();
    doc.text(format_args!("Profile: {CALLHOME_PROFILE} (status: {status})"));
    doc.indented(4, |doc| doc.field("Destination URL(s)", &callhome.url));
    doc.data("profile", CALLHOME_PROFILE);
    doc.data("status", status);
    Ok(())
}

pub(crate) fn callhome(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let callhome = &cx.device.config.callhome;
    let doc = &mut *cx.doc;
    doc.text(if callhome.enabled { "callhome enabled" } else { "callhome disabled" });
    doc.data("enabled", callhome.enabled);
    doc.text("Callhome Information:");
    doc.field("contact person's email", callhome.contact.as_deref().unwrap_or("<none>"));
    doc.field("transport vrf", callhome.vrf.as_deref().unwrap_or("<none>"));
    Ok(())
}

pub(crate) fn http_client(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let config = &*cx.device.config;
    let doc = &mut *cx.doc;
    doc.field("HTTP client source interface", config.http_source_interface.as_deref().unwrap_or("<none>"));
    doc.field(
        "Smart licensing source interface",
        config.smart.source_interface.as_deref().unwrap_or("<none>"),
    );
    doc.field("VRF", &config.smart.vrf);
    Ok(())
}

const fn states(enabled: bool, active: bool) -> (&'static str, &'static str) {
    (if enabled && active { "enabled" } else { "disabled" }, if active { "ACTIVE" } else { "INACTIVE" })
}

/// `Nexus9000 C93180YC-FX3` for `N9K-C93180YC-FX3`.
fn chassis(profile: &str, pid: &str) -> alloc::string::String {
    let family = match profile {
        "nexus9000" => "Nexus9000",
        "nexus3000" => "Nexus3000",
        other => other,
    };
    let model = pid.split_once('-').filter(|(_, model)| !model.is_empty()).map_or(pid, |(_, model)| model);
    alloc::format!("{family} {model}")
}

//! `license smart …` of configuration mode (`spec/behaviour.md` §1, §17). A `no` form restores the default.

use alloc::string::{String, ToString};

use slpsim_agent::{Command, TransportMode};

use crate::config::{SMART_URL, Smart, VRF};
use crate::device::Effect;
use crate::session::{Configure, Outcome};
use crate::syntax::Parsed;

pub(crate) fn transport(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let named = TransportMode::ALL.into_iter().find(|mode| parsed.has(mode.keyword()));
    let wanted = named.filter(|_| !parsed.no).unwrap_or_default();
    // `no license smart transport smart` takes back what it names, and nothing else.
    let takes_back = !parsed.no || named.is_none_or(|named| named == cx.config.smart.transport);
    if takes_back && cx.config.smart.transport != wanted {
        cx.config.smart.transport = wanted;
        cx.effects.push(Effect::Agent(Command::Transport(wanted)));
    }
    Ok(())
}

/// A URL without a keyword is that of smart transport, as on IOS-XE; `default` restores both.
pub(crate) fn url(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let before = cx.config.url().map(ToString::to_string);
    let default = Smart::default();
    let typed = parsed.arg("url").filter(|_| !parsed.no);
    let smart = &mut cx.config.smart;
    if parsed.has("cslu") {
        smart.cslu_url = typed.map_or(default.cslu_url, ToString::to_string);
    } else if parsed.has("smart") || typed.is_some() {
        smart.smart_url = typed.unwrap_or(SMART_URL).to_string();
    } else {
        (smart.cslu_url, smart.smart_url) = (default.cslu_url, default.smart_url);
    }
    if before.as_deref() != cx.config.url() {
        cx.effects.push(Effect::Agent(Command::Url));
    }
    Ok(())
}

pub(crate) fn interval(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let default = Smart::default().usage_interval_days;
    let days = parsed.number("days").filter(|_| !parsed.no).unwrap_or(default);
    if cx.config.smart.usage_interval_days != days {
        cx.config.smart.usage_interval_days = days;
        cx.effects.push(Effect::Agent(Command::UsageInterval(days)));
    }
    Ok(())
}

pub(crate) fn privacy(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    let on = !parsed.no;
    if parsed.has("hostname") || parsed.has("all") {
        cx.config.smart.privacy_hostname = on;
    }
    if parsed.has("version") || parsed.has("all") {
        cx.config.smart.privacy_version = on;
    }
    Ok(())
}

pub(crate) fn proxy(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    if parsed.has("address") {
        cx.config.smart.proxy_address = text(parsed, "host");
    } else {
        cx.config.smart.proxy_port = parsed.number("port").filter(|_| !parsed.no);
    }
    Ok(())
}

pub(crate) fn vrf(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.smart.vrf = text(parsed, "vrf").unwrap_or_else(|| VRF.to_string());
    Ok(())
}

pub(crate) fn source_interface(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.smart.source_interface = text(parsed, "interface");
    Ok(())
}

pub(crate) fn custom_id(cx: &mut Configure<'_>, parsed: &Parsed) -> Outcome {
    cx.config.smart.custom_id = text(parsed, "id");
    Ok(())
}

/// The argument, unless this is the `no` form.
fn text(parsed: &Parsed, name: &str) -> Option<String> {
    parsed.arg(name).filter(|_| !parsed.no).map(ToString::to_string)
}

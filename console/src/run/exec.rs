//! Exec commands that act.

use slpsim_agent::{Command, Scope, Token};

use crate::calendar::Civil;
use crate::device::Effect;
use crate::session::{Exec, Mode, Outcome, Question, Refusal};
use crate::syntax::{Parsed, clock_parts, month};

pub(crate) fn trust(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let token = Token::new(parsed.arg("id_token").unwrap_or_default());
    // The reason never repeats the token.
    let token = token.map_err(|error| Refusal(alloc::format!("% The id token {error}")))?;
    let scope = if parsed.has("all") { Scope::All } else { Scope::Local };
    cx.effects.push(Effect::Agent(Command::Trust { token, scope, force: parsed.has("force") }));
    Ok(())
}

/// Both arguments are accepted; the exchange is one for the whole redundancy set.
pub(crate) fn sync(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    cx.effects.push(Effect::Agent(Command::Sync));
    Ok(())
}

pub(crate) fn factory_reset(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    cx.doc.text("%Warning: reload required after \"license smart factory reset\" command");
    cx.effects.push(Effect::Agent(Command::FactoryReset));
    Ok(())
}

pub(crate) fn clear_eventlog(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    cx.effects.push(Effect::ClearEventLog);
    Ok(())
}

/// Without a name, the first enforced licence of the platform is meant (modelled).
pub(crate) fn authorization_request(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let profile = cx.device.profile();
    let named = parsed.arg("license");
    let mut enforced = (0_u8..).zip(profile.licenses).filter(|(_, license)| {
        license.class == slpsim_policy::Class::Enforced
            && named.is_none_or(|name| license.name.eq_ignore_ascii_case(name))
    });
    let Some((license, _)) = enforced.next() else {
        return Err(Refusal(alloc::format!(
            "% {} is no enforced license of this platform",
            named.unwrap_or("It")
        )));
    };
    let count = parsed.number("count").unwrap_or(1);
    cx.effects.push(Effect::Agent(Command::AuthorizationRequest { license, count }));
    Ok(())
}

pub(crate) fn authorization_return(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    cx.effects.push(Effect::Agent(Command::AuthorizationReturn));
    Ok(())
}

pub(crate) fn configure(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    cx.doc.text("Enter configuration commands, one per line. End with CNTL/Z.");
    cx.session.mode = Mode::Config;
    Ok(())
}

pub(crate) fn save_config(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    cx.doc.text("[########################################] 100%");
    cx.doc.text("Copy complete.");
    cx.effects.push(Effect::SaveStartup(cx.device.config.to_text()));
    Ok(())
}

pub(crate) fn write_erase(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    cx.doc.text("Warning: This command will erase the startup-configuration.");
    ask(cx, Question::Erase);
    Ok(())
}

/// Says what would be lost, as the switch does, and asks unless it is told not to.
pub(crate) fn reload(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    if parsed.has("force") {
        cx.effects.push(Effect::Reload);
        *cx.closed = true;
        return Ok(());
    }
    let asks = !cx.session.terminal.dont_ask;
    if asks && cx.device.startup_config != Some(cx.device.config.to_text().as_str()) {
        cx.doc.text("WARNING: There is unsaved configuration!!!");
    }
    ask(cx, Question::Reload);
    *cx.closed = !asks;
    Ok(())
}

fn ask(cx: &mut Exec<'_, '_>, question: Question) {
    if cx.session.terminal.dont_ask {
        cx.effects.push(question.effect());
    } else {
        cx.session.question = Some(question);
    }
}

pub(crate) fn clock_set(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    let date = clock_parts(parsed.arg("time").unwrap_or_default())
        .zip(month(parsed.arg("month").unwrap_or_default()))
        .zip(parsed.number("day").zip(parsed.number("year")));
    let Some((([hour, minute, second], month), (day, year))) = date else {
        return Err(Refusal::new("% Invalid date"));
    };
    let civil = Civil { year, month, day, hour, minute, second, millis: 0, weekday: 0 };
    let zone = &cx.device.config.zone;
    let wall = civil.to_wall(zone);
    // The 31st of a month with 30 days would be the 1st of the next.
    if Civil::at(wall, zone).day != day {
        return Err(Refusal::new("% Invalid date"));
    }
    cx.doc.text(crate::calendar::clock_time(wall, zone));
    cx.effects.push(Effect::SetClock(wall));
    Ok(())
}

pub(crate) fn terminal_length(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    cx.session.terminal.length = parsed.number("lines").unwrap_or_default();
    Ok(())
}

pub(crate) fn terminal_width(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    cx.session.terminal.width = parsed.number("columns").unwrap_or_default();
    Ok(())
}

pub(crate) fn terminal_timeout(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    cx.session.terminal.timeout_min = parsed.number("minutes").unwrap_or_default();
    Ok(())
}

/// `terminal no monitor` and `no terminal monitor` are both typed.
pub(crate) fn terminal_monitor(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    cx.session.terminal.monitor = !parsed.has("no");
    Ok(())
}

pub(crate) fn terminal_dont_ask(cx: &mut Exec<'_, '_>, parsed: &Parsed) -> Outcome {
    cx.session.terminal.dont_ask = !parsed.has("no");
    Ok(())
}

pub(crate) fn end(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    cx.session.mode = Mode::Exec;
    Ok(())
}

pub(crate) fn exit(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    match cx.session.mode.outer() {
        Some(outer) => cx.session.mode = outer,
        None => *cx.closed = true,
    }
    Ok(())
}

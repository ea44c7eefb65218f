//! Console lines on a device: what a line wants done is done before the next line is run.
//!
//! The same for every driver: a driver says how its device takes a command and an input, and what it keeps.

use std::collections::BTreeSet;

use slpsim_agent::{Agent, BootCause, Command, CommandError, Input, Now, Shared, Usage};
use slpsim_console::config::NtpServer;
use slpsim_console::features::license_of;
use slpsim_console::{Effect, Reply, Role, Session};

use crate::filing::{self, Filing};
use crate::switch::Switch;

/// A device that an operator can work on. `Error` is what ends the device itself, not what a command answers.
pub trait Operated {
    /// Why the device cannot go on.
    type Error;

    /// The switch, with the agent and the time for its show commands.
    fn switch(&mut self) -> (&mut Switch, &Agent, &Shared, Now);

    /// Gives the agent a command and performs what it wants done.
    ///
    /// # Errors
    /// Outside: the device cannot go on. Inside: the agent refuses.
    fn command(&mut self, command: Command) -> Result<Result<(), CommandError>, Self::Error>;

    /// Gives the agent an input and performs what it wants done.
    ///
    /// # Errors
    /// Where the device cannot go on.
    fn input(&mut self, input: Input) -> Result<(), Self::Error>;

    /// Steps the device's clock.
    ///
    /// # Errors
    /// Where the device cannot go on.
    fn step_clock(&mut self, delta_ms: i64) -> Result<(), Self::Error>;

    /// An NTP server sets the device's clock right; from now on it is authoritative.
    ///
    /// # Errors
    /// Where the device cannot go on.
    fn follow_ntp(&mut self) -> Result<(), Self::Error>;

    /// The running configuration changed: exchanges from now on go by it.
    fn reconfigured(&mut self);

    /// The agent's usage stands for these features, while they are not those of the running configuration: what a
    /// driver makes durable says so, and a death in between loses no licence.
    fn accounts_for(&mut self, features: Option<&BTreeSet<String>>) {
        let _ = features;
    }

    /// Something beside the agent's state is to be kept.
    ///
    /// # Errors
    /// Where the device cannot go on.
    fn keep(&mut self) -> Result<(), Self::Error>;

    /// The agent's durable state moves into a fresh agent with the settings of the running configuration, and exchanges
    /// under way end unnoticed: what a reload does before the agent starts.
    ///
    /// # Errors
    /// Where the device cannot go on.
    fn replace_agent(&mut self) -> Result<(), Self::Error>;

    /// What the device works on files with.
    fn filing(&mut self) -> Filing<'_>;

    /// The key of the ID certificate is about to be needed.
    fn make_keys(&mut self) {}

    /// Lines of the startup configuration that the switch or the agent refused.
    fn refused_at_start(&mut self, texts: &[String]);
}

/// Runs lines in one session of an administrator: what they print, and whether one was answered with an error. Nobody
/// is there to answer questions, so commands go ahead.
///
/// # Errors
/// Where the device cannot go on.
pub fn run_lines<D: Operated>(device: &mut D, lines: &[String]) -> Result<(String, bool), D::Error> {
    let mut session = Session::new(Role::Admin);
    session.terminal.dont_ask = true;
    let (mut text, mut error) = (String::new(), false);
    for line in lines {
        let reply = run_line(device, &mut session, line)?;
        text.push_str(&reply.text);
        error |= reply.error;
        if reply.closed {
            break;
        }
    }
    Ok((text, error))
}

/// Runs one console line and does what it wants done.
///
/// # Errors
/// Where the device cannot go on.
pub fn run_line<D: Operated>(device: &mut D, session: &mut Session, line: &str) -> Result<Reply, D::Error> {
    let (switch, agent, shared, now) = device.switch();
    let heard = switch.ntp_heard();
    let mut reply = switch.line(session, (agent, shared), now, line);
    let effects = std::mem::take(&mut reply.effects);
    if effects.contains(&Effect::ConfigChanged) {
        // First of all: what the agent sends next goes by the new configuration.
        device.reconfigured();
        follow_ntp(device, &heard)?;
    }
    for effect in effects {
        perform(device, effect, &mut reply)?;
    }
    Ok(reply)
}

fn perform<D: Operated>(device: &mut D, effect: Effect, reply: &mut Reply) -> Result<(), D::Error> {
    match effect {
        Effect::Agent(command) => {
            if let Err(error) = device.command(command)? {
                reply.refuse(&error);
            }
        }
        Effect::ConfigChanged => {}
        Effect::FeatureLicense { license, on } => feature_license(device, license, on)?,
        Effect::SaveStartup(text) => {
            device.switch().0.startup = Some(text);
            device.keep()?;
        }
        Effect::EraseStartup => {
            device.switch().0.startup = None;
            device.keep()?;
        }
        Effect::Reload => reload(device)?,
        Effect::Switchover => device.input(Input::Switchover)?,
        Effect::SetClock(wall) => {
            let now = device.switch().3;
            device.step_clock(wall.since(now.wall))?;
        }
        Effect::AskName(question) => reply.asks = Some(question),
        Effect::ClearEventLog => device.switch().0.events.clear(),
        Effect::SaveUsage { which, path } => {
            filing::save(device, Command::SaveUsage(filing::choice(which)), &path, reply)?;
        }
        Effect::SaveTrustRequest { path } => filing::save(device, Command::SaveTrustRequest, &path, reply)?,
        Effect::Import { path } => filing::import(device, &path, reply)?,
    }
    Ok(())
}

/// A server that is configured anew, or can be reached again, sets the clock (`spec/chapter.md` S-22, S-36c; that it takes
/// no time is modelled). Where nothing changed, a clock that the operator has set stays.
///
/// # Errors
/// Where the device cannot go on.
pub fn follow_ntp<D: Operated>(device: &mut D, heard: &[NtpServer]) -> Result<(), D::Error> {
    let hears = device.switch().0.ntp_heard();
    if hears.iter().any(|server| !heard.contains(server)) { device.follow_ntp() } else { Ok(()) }
}

fn feature_license<D: Operated>(device: &mut D, license: u8, on: bool) -> Result<(), D::Error> {
    let (_, agent, shared, now) = device.switch();
    let used = agent.view(shared, now).usage().find(|row| row.index == license).map_or(0, |row| row.count);
    let count = if on { used.saturating_add(1) } else { used.saturating_sub(1) };
    device.input(Input::Usage(Usage { license, count }))
}

/// The features of the running configuration.
pub fn features<D: Operated>(device: &mut D) -> BTreeSet<String> {
    device.switch().0.config.features.iter().map(|feature| (*feature).into()).collect()
}

/// Licences follow the features: `before` were on, those of the running configuration are on now.
///
/// # Errors
/// Where the device cannot go on.
pub fn features_changed<D: Operated>(device: &mut D, before: &BTreeSet<String>) -> Result<(), D::Error> {
    let profile = device.switch().1.profile();
    let now = features(device);
    let changes = before.difference(&now).map(|gone| (gone, false));
    let changes: Vec<_> = changes.chain(now.difference(before).map(|new| (new, true))).collect();
    let mut accounted = before.clone();
    for (feature, on) in changes {
        if on {
            accounted.insert(feature.clone());
        } else {
            accounted.remove(feature);
        }
        device.accounts_for(Some(&accounted));
        if let Some(license) = license_of(feature, profile) {
            feature_license(device, license, on)?;
        }
    }
    device.accounts_for(None);
    Ok(())
}

/// Reloads the switch: takes no time (`spec/behaviour.md` §11, modelled).
///
/// # Errors
/// Where the device cannot go on.
pub fn reload<D: Operated>(device: &mut D) -> Result<(), D::Error> {
    let before = features(device);
    let (switch, agent, _, now) = device.switch();
    let started = switch.load(agent.profile(), now.wall);
    device.refused_at_start(&started.refused);
    device.replace_agent()?;
    device.reconfigured();
    device.accounts_for(Some(&before));
    device.input(Input::Boot { cause: BootCause::Reload, clock_authoritative: true })?;
    features_changed(device, &before)?;
    type_lines(device, &started.lines)
}

/// Runs the exec lines of a startup configuration.
///
/// # Errors
/// Where the device cannot go on.
pub fn type_lines<D: Operated>(device: &mut D, lines: &[String]) -> Result<(), D::Error> {
    if lines.is_empty() {
        return Ok(());
    }
    let (text, error) = run_lines(device, lines)?;
    if error {
        device.refused_at_start(&[text.trim().to_owned()]);
    }
    Ok(())
}

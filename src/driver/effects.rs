//! Console lines on a driven device: what a line wants done is done before the next line is run.

use std::collections::BTreeSet;

use slpsim_agent::{Agent, BootCause, Input, Usage};
use slpsim_console::features::license_of;
use slpsim_console::{Effect, Reply, Role, Session};
use slpsim_policy::Wall;

use super::{Device, DriverError};

/// Runs lines in one session of an administrator: what they print, and whether one was answered with an error.
///
/// # Errors
/// Where the device cannot go on.
pub fn run_lines(device: &mut Device, lines: &[String]) -> Result<(String, bool), DriverError> {
    let mut session = Session::new(Role::Admin);
    let (mut text, mut error) = (String::new(), false);
    for line in lines {
        let reply = device.line(&mut session, line)?;
        text.push_str(&reply.text);
        error |= reply.error;
        if reply.closed {
            break;
        }
    }
    Ok((text, error))
}

impl Device {
    /// Runs one console line and does what it wants done.
    ///
    /// # Errors
    /// Where the device cannot go on.
    pub fn line(&mut self, session: &mut Session, line: &str) -> Result<Reply, DriverError> {
        let now = self.now();
        let parts = &mut self.parts;
        let mut reply = parts.switch.line(session, (&parts.agent, &parts.shared), now, line);
        let effects = std::mem::take(&mut reply.effects);
        if effects.contains(&Effect::ConfigChanged) {
            // First of all: what the agent sends next goes by the new configuration.
            self.reconfigure();
        }
        for effect in effects {
            self.perform_effect(effect, &mut reply)?;
        }
        Ok(reply)
    }

    fn perform_effect(&mut self, effect: Effect, reply: &mut Reply) -> Result<(), DriverError> {
        match effect {
            Effect::Agent(command) => {
                if let Err(error) = self.command(command)? {
                    reply.refuse(&error);
                }
            }
            Effect::ConfigChanged => {}
            Effect::FeatureLicense { license, on } => self.feature_license(license, on)?,
            Effect::SaveStartup(text) => {
                self.parts.switch.startup = Some(text);
                self.persist()?;
            }
            Effect::EraseStartup => {
                self.parts.switch.startup = None;
                self.persist()?;
            }
            Effect::Reload => self.reload()?,
            Effect::SetClock(wall) => self.set_clock(wall)?,
            Effect::ClearEventLog => self.parts.switch.events.clear(),
            Effect::SaveUsage { .. } | Effect::SaveTrustRequest { .. } | Effect::Import { .. } => {
                reply.refuse_with("% Files cannot be written or read by this version");
            }
        }
        Ok(())
    }

    fn feature_license(&mut self, license: u8, on: bool) -> Result<(), DriverError> {
        let view = self.parts.agent.view(&self.parts.shared, self.now());
        let used = view.usage().find(|row| row.index == license).map_or(0, |row| row.count);
        let count = if on { used.saturating_add(1) } else { used.saturating_sub(1) };
        self.input(Input::Usage(Usage { license, count }))
    }

    /// Licences follow the features: `before` were on, those of the running configuration are on now.
    ///
    /// # Errors
    /// Where the device cannot go on.
    pub(super) fn features_changed(&mut self, before: &BTreeSet<String>) -> Result<(), DriverError> {
        let profile = self.parts.agent.profile();
        let now: BTreeSet<String> =
            self.parts.switch.config.features.iter().map(|feature| (*feature).into()).collect();
        let changes = before.difference(&now).map(|gone| (gone, false));
        let changes: Vec<_> = changes.chain(now.difference(before).map(|new| (new, true))).collect();
        for (feature, on) in changes {
            if let Some(license) = license_of(feature, profile) {
                self.feature_license(license, on)?;
            }
        }
        Ok(())
    }

    fn set_clock(&mut self, wall: Wall) -> Result<(), DriverError> {
        self.step_clock(wall.since(self.now().wall))
    }

    /// Reloads the switch: takes no time (`spec/behaviour.md` §11, modelled).
    ///
    /// # Errors
    /// Where the device cannot go on.
    pub fn reload(&mut self) -> Result<(), DriverError> {
        let now = self.now();
        let profile = self.parts.agent.profile();
        let before = self.parts.switch.config.features.iter().map(|feature| (*feature).into()).collect();
        let exec_lines = self.parts.switch.load(profile, now.wall);
        let saved = self.parts.agent.save(&self.parts.shared, now);
        let settings = self.parts.switch.config.settings();
        self.parts.agent =
            Agent::restore(saved, settings, &mut self.parts.shared).map_err(DriverError::Restore)?;
        self.abandon_exchanges();
        self.reconfigure();
        self.input(Input::Boot { cause: BootCause::Reload, clock_authoritative: true })?;
        self.features_changed(&before)?;
        self.type_lines(&exec_lines)
    }
}

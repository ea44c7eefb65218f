//! A driven device as an operator's lines find it.

use std::collections::BTreeSet;

use slpsim_agent::{Agent, Command, CommandError, Input, Now, Shared};
use slpsim_sim::{Filing, Operated, Switch};

use super::{Device, DriverError};
use crate::files::DeviceFiles;

impl Operated for Device {
    type Error = DriverError;

    fn switch(&mut self) -> (&mut Switch, &Agent, &Shared, Now) {
        let now = self.now();
        let parts = &mut self.parts;
        (&mut parts.switch, &parts.agent, &parts.shared, now)
    }

    fn command(&mut self, command: Command) -> Result<Result<(), CommandError>, DriverError> {
        Device::command(self, command)
    }

    fn input(&mut self, input: Input) -> Result<(), DriverError> {
        Device::input(self, input)
    }

    fn step_clock(&mut self, delta_ms: i64) -> Result<(), DriverError> {
        Device::step_clock(self, delta_ms)
    }

    fn follow_ntp(&mut self) -> Result<(), DriverError> {
        let offset = self.parts.device_clock.offset_ms();
        if offset != 0 {
            Device::step_clock(self, offset.saturating_neg())?;
        }
        Device::input(self, Input::ClockAuthoritative)
    }

    fn reconfigured(&mut self) {
        self.reconfigure();
    }

    fn accounts_for(&mut self, features: Option<&BTreeSet<String>>) {
        self.accounted = features.cloned();
    }

    fn keep(&mut self) -> Result<(), DriverError> {
        self.persist()
    }

    fn replace_agent(&mut self) -> Result<(), DriverError> {
        let now = self.now();
        let parts = &mut self.parts;
        let saved = parts.agent.save(&parts.shared, now);
        let settings = parts.switch.config.settings();
        parts.agent = Agent::restore(saved, settings, &mut parts.shared).map_err(DriverError::Restore)?;
        self.abandon_exchanges();
        Ok(())
    }

    fn filing(&mut self) -> Filing<'_> {
        let DeviceFiles { files, keys, verifier, nonces } = &mut self.parts.files;
        Filing { files: &mut **files, keys: keys.as_deref(), verifier, nonce: nonces.next() }
    }

    fn refused_at_start(&mut self, texts: &[String]) {
        for text in texts {
            tracing::warn!(device = &*self.parts.name, "startup configuration: {text}");
        }
    }
}

//! An operator at a device of a world.

use std::convert::Infallible;
use std::sync::Arc;

use slpsim_agent::persist::RestoreError;
use slpsim_agent::{Agent, AgentId, BootCause, Command, CommandError, Input, Now, Shared};
use slpsim_transport::sign::{DeviceKeys, Verifier};

use crate::device::{Device, DeviceId, Filed};
use crate::filing::Filing;
use crate::link::Link;
use crate::operate::{Operated, features, features_changed, run_lines, type_lines};
use crate::switch::Switch;
use crate::world::{Observer, World, next_nonce};

/// Works on one device, which is there.
pub(crate) struct Operator<'a, L> {
    world: &'a mut World<L>,
    id: DeviceId,
    seen: &'a mut dyn Observer,
}

impl<L: Link> World<L> {
    /// Runs console lines in one session: what they print, and whether one was answered with an error. `None` where
    /// there is no such device.
    pub fn exec(
        &mut self,
        id: DeviceId,
        lines: &[String],
        seen: &mut dyn Observer,
    ) -> Option<(String, bool)> {
        self.device(id)?;
        let Ok(answered) = run_lines(&mut Operator { world: self, id, seen }, lines);
        Some(answered)
    }

    /// Starts a device for the first time, now.
    pub fn boot(&mut self, id: DeviceId, cause: BootCause, seen: &mut dyn Observer) {
        self.input(id, Input::Boot { cause, clock_authoritative: true }, seen);
        let Some(device) = self.device_mut(id) else { return };
        let lines = std::mem::take(&mut device.first_lines);
        let Ok(()) = type_lines(&mut Operator { world: self, id, seen }, &lines);
    }

    /// `reload` of a device, now.
    pub fn reload(&mut self, id: DeviceId, seen: &mut dyn Observer) {
        if self.device(id).is_some() {
            let Ok(()) = crate::operate::reload(&mut Operator { world: self, id, seen });
        }
    }

    /// What a power cut leaves: the durable state of the agent ([`World::keep_durable`]) and the startup configuration.
    ///
    /// # Errors
    /// Where the state does not fit together.
    pub fn power_cycle(&mut self, id: DeviceId, seen: &mut dyn Observer) -> Result<(), RestoreError> {
        self.power_cycle_losing(id, 0, seen)
    }

    /// The same where the last `lost` writes are lost too, as far as states before them are kept
    /// ([`World::keep_writes`]).
    ///
    /// # Errors
    /// As [`World::power_cycle`].
    pub fn power_cycle_losing(
        &mut self,
        id: DeviceId,
        lost: usize,
        seen: &mut dyn Observer,
    ) -> Result<(), RestoreError> {
        let Some(device) = self.device_mut(id) else { return Ok(()) };
        for _ in 0..lost {
            let Some(before) = device.earlier.pop() else { break };
            device.durable = Some(before);
        }
        let now = self.now(id);
        let (saved, before) = {
            let mut operator = Operator { world: self, id, seen };
            let before = features(&mut operator);
            let (_, agent, shared, now) = operator.switch();
            (agent.save(shared, now), before)
        };
        // What is durable stays so: writes from now on may be lost.
        let durable = self.device(id).and_then(|device| device.durable.as_deref().cloned());
        let saved = durable.unwrap_or(saved);
        let Some(device) = self.device_mut(id) else { return Ok(()) };
        let started = device.switch.load(device.agent.profile(), now.wall);
        device.refused.extend(started.refused);
        let settings = device.switch.config.settings();
        let restored = Agent::restore(saved, settings, &mut self.shared)?;
        if let Some(watch) = &mut self.watch {
            watch.restored(id, &restored, (&self.shared, now));
        }
        if let Some(device) = self.device_mut(id) {
            device.agent = restored;
            device.life = device.life.wrapping_add(1);
        }
        self.input(id, Input::Boot { cause: BootCause::PowerLoss, clock_authoritative: true }, seen);
        let mut operator = Operator { world: self, id, seen };
        let Ok(()) = features_changed(&mut operator, &before);
        let Ok(()) = type_lines(&mut operator, &started.lines);
        Ok(())
    }
}

impl<L: Link> Operated for Operator<'_, L> {
    type Error = Infallible;

    fn switch(&mut self) -> (&mut Switch, &Agent, &Shared, Now) {
        let now = self.world.now(self.id);
        let (Device { agent, switch, .. }, shared) = self.world.parts(self.id);
        (switch, agent, shared, now)
    }

    fn command(&mut self, command: Command) -> Result<Result<(), CommandError>, Infallible> {
        Ok(self.world.command(self.id, command, self.seen))
    }

    fn input(&mut self, input: Input) -> Result<(), Infallible> {
        self.world.input(self.id, input, self.seen);
        Ok(())
    }

    fn step_clock(&mut self, delta_ms: i64) -> Result<(), Infallible> {
        self.input(Input::ClockStep { delta_ms })
    }

    fn follow_ntp(&mut self) -> Result<(), Infallible> {
        self.world.follow_ntp(self.id, self.seen);
        Ok(())
    }

    /// Exchanges take the configuration as it is when they begin.
    fn reconfigured(&mut self) {}

    fn keep(&mut self) -> Result<(), Infallible> {
        Ok(())
    }

    fn replace_agent(&mut self) -> Result<(), Infallible> {
        let settings = self.switch().0.config.settings();
        // A reload keeps all that the agent holds durable; what it loses, the boot forgets.
        self.world.parts(self.id).0.agent.set_settings(settings);
        Ok(())
    }

    fn filing(&mut self) -> Filing<'_> {
        let id = self.id;
        let full = self.world.link.is_full(self.world.wall(), AgentId(id.0));
        self.world.parts(id).0.filed.files.set_full(full);
        let (device, shared) = self.world.parts(id);
        let nonce = next_nonce(device, shared.seed, id);
        let Filed { files, keys, verifier } = &mut device.filed;
        Filing {
            files,
            keys: keys.as_deref(),
            verifier: verifier.as_deref().unwrap_or(&Verifier::OFF),
            nonce: Some(nonce),
        }
    }

    fn make_keys(&mut self) {
        let filed = &mut self.world.parts(self.id).0.filed;
        if filed.keys.is_none() {
            filed.keys = DeviceKeys::generate().map(Arc::new).ok();
        }
    }

    fn refused_at_start(&mut self, texts: &[String]) {
        self.world.parts(self.id).0.refused.extend_from_slice(texts);
    }
}

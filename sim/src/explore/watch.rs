//! Who wants to know what happens in a life, and the watch over the devices of a world.

use slpsim_agent::{Agent, Failure, Message, Now, Output, Purpose, Shared};

use super::check::{Call, Checker};
use super::invariant::Violation;
use crate::device::DeviceId;

/// Sees what happens in a life; times are milliseconds of true time since its start.
pub trait Watcher {
    /// The device logged a message.
    fn line(&mut self, at_ms: u64, message: &Message);

    /// The device made its state durable.
    fn persisted(&mut self, at_ms: u64) {
        let _ = at_ms;
    }

    /// An exchange began.
    fn sent(&mut self, at_ms: u64, purpose: Purpose) {
        let _ = (at_ms, purpose);
    }

    /// An exchange ended.
    fn ended(&mut self, at_ms: u64, purpose: Purpose, failed: Option<Failure>) {
        let _ = (at_ms, purpose, failed);
    }
}

/// The invariants of every device of a world ([`crate::World::watch`]).
#[derive(Clone, Debug, Default)]
pub struct Watch {
    devices: Vec<Checker<Agent>>,
    broken: Vec<(DeviceId, Violation)>,
}

/// Violations that are kept; the first one says most.
const BROKEN_MAX: usize = 20;

impl Watch {
    /// What broke, by device, in order of time.
    #[must_use]
    pub fn broken(&self) -> &[(DeviceId, Violation)] {
        &self.broken
    }

    fn of(&mut self, id: DeviceId) -> Option<&mut Checker<Agent>> {
        let at = usize::try_from(id.0).ok()?;
        if self.devices.len() <= at {
            self.devices.resize_with(at + 1, Checker::default);
        }
        self.devices.get_mut(at)
    }

    /// A call is about to be made.
    pub(crate) fn begin(&mut self, id: DeviceId, call: Call<'_>) {
        if let Some(checker) = self.of(id) {
            checker.begin(call);
        }
    }

    /// A call was made, and its outputs have not been performed yet.
    pub(crate) fn end(
        &mut self,
        id: DeviceId,
        agent: &Agent,
        (shared, now): (&Shared, Now),
        outputs: &[Output],
    ) {
        let judged = self.of(id).map_or(Ok(()), |checker| checker.end(agent, shared, now, outputs));
        self.note(id, judged);
    }

    /// A device lost power, and has a new agent that has not booted yet.
    pub(crate) fn restored(&mut self, id: DeviceId, agent: &Agent, (shared, now): (&Shared, Now)) {
        let judged = self.of(id).map_or(Ok(()), |checker| checker.restored(agent, shared, now));
        self.note(id, judged);
    }

    fn note(&mut self, id: DeviceId, judged: Result<(), Violation>) {
        if let Err(violation) = judged
            && self.broken.len() < BROKEN_MAX
        {
            self.broken.push((id, violation));
        }
    }
}

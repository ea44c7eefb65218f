//! What a run sees of its world, and which steps a message releases.

use slpsim_agent::messages::Kind;
use slpsim_agent::{Failure, Message, Purpose, Spelling};
use slpsim_policy::Wall;

use super::link::Hit;
use super::model::{Scenario, When};
use super::trace::{Entry, What};
use crate::device::DeviceId;
use crate::world::Observer;

/// Writes down what happens.
#[derive(Debug)]
pub(super) struct Recorder {
    /// The trace so far.
    pub(super) entries: Vec<Entry>,
    /// Steps that a message has released, by position.
    pub(super) released: Vec<usize>,
    waiting: Vec<Waiting>,
    spelling: Vec<Spelling>,
}

/// A step that waits for a message.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    step: usize,
    message: Kind,
    device: Option<usize>,
    left: u32,
}

impl Recorder {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let waits = |(step, when): (usize, When)| match when {
            When::After { message, nth, device, .. } => Some(Waiting { step, message, device, left: nth }),
            When::At(_) | When::Every { .. } => None,
        };
        let steps = scenario.steps.iter().enumerate().map(|(position, step)| (position, step.when));
        Self {
            entries: Vec::new(),
            released: Vec::new(),
            waiting: steps.filter_map(waits).collect(),
            spelling: scenario.devices.iter().map(|device| device.spelling).collect(),
        }
    }

    /// Whether a step still waits for its message.
    pub(super) fn waits(&self, step: usize) -> bool {
        self.waiting.iter().any(|waiting| waiting.step == step)
    }

    /// Adds an entry of the run itself.
    pub(super) fn add(&mut self, at_ms: u64, device: Option<usize>, what: What) {
        self.entries.push(Entry { at_ms, device, what });
    }

    /// The trace, with the faults that have hit its exchanges.
    pub(super) fn finish(&mut self, start: Wall, hits: &[Hit]) -> Vec<Entry> {
        let mut entries = std::mem::take(&mut self.entries);
        for entry in &mut entries {
            if let What::Exchange { began_ms, purpose, fault, .. } = &mut entry.what {
                let at = start.plus_millis(i64::try_from(*began_ms).unwrap_or(i64::MAX));
                // Hits are in order of time.
                let from = hits.partition_point(|hit| hit.at < at);
                let same = hits.iter().skip(from).take_while(|hit| hit.at == at);
                let mut same = same.filter(|hit| {
                    hit.purpose == *purpose
                        && entry.device.is_some_and(|device| device == hit.device.0 as usize)
                });
                *fault = same.next().map(|hit| hit.fault);
            }
        }
        entries
    }
}

impl Observer for Recorder {
    fn line(&mut self, at_ms: u64, device: DeviceId, device_clock: Wall, message: &Message) {
        let position = device.0 as usize;
        let mut text = String::new();
        let spelling = self.spelling.get(position).copied().unwrap_or_default();
        // Writing to a String does not fail.
        let _ = message.write_text(&mut text, spelling);
        let kind = message.kind();
        for waiting in &mut self.waiting {
            if waiting.message == kind && waiting.device.is_none_or(|device| device == position) {
                waiting.left = waiting.left.saturating_sub(1);
            }
        }
        let released = self.waiting.iter().filter(|waiting| waiting.left == 0).map(|waiting| waiting.step);
        self.released.extend(released);
        self.waiting.retain(|waiting| waiting.left > 0);
        self.add(at_ms, Some(position), What::Line { clock: device_clock, message: message.clone(), text });
    }

    fn exchange(
        &mut self,
        began_ms: u64,
        ended_ms: u64,
        device: DeviceId,
        purpose: Purpose,
        failed: Option<Failure>,
    ) {
        let what = What::Exchange { began_ms, purpose, failed, fault: None };
        self.add(ended_ms, Some(device.0 as usize), what);
    }
}

//! What somebody wants changed while a fleet runs, and how far it is; between the thread that runs it and the servers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::Value;
use slpsim_sim::fleet::Totals;
use slpsim_sim::fleet::population::Trouble;
use tokio::sync::oneshot;

use super::halt::Halt;
use super::outlets::Missed;
use super::pace::Rate;
use crate::metrics::{Number, Registry};

/// Wishes that wait at most.
const WAITING: usize = 64;

/// A change of a running fleet.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// Another pace.
    Rate(Rate),
    /// So many more devices.
    Add(u32),
    /// The device of this host name says nothing any more.
    Remove(String),
    /// An outage begins.
    Open {
        /// At this site; absent: at all.
        site: Option<String>,
        /// What devices see.
        trouble: Trouble,
        /// Simulated time until it ends by itself.
        lasts: Duration,
    },
    /// The outage of this number ends.
    Close(u32),
}

/// Why a wish is not fulfilled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such thing.
    NotFound(String),
    /// This fleet cannot do that.
    Conflict(String),
}

/// What came of a wish.
pub type Outcome = Result<Value, Refusal>;

/// Where wishes are left; clones are the same place.
#[derive(Clone, Debug, Default)]
pub struct Steer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pending: AtomicBool,
    wishes: Mutex<VecDeque<(Wish, oneshot::Sender<Outcome>)>>,
    shown: Mutex<Value>,
    /// Where the run waits that fulfils wishes.
    wakes: OnceLock<Halt>,
}

impl Steer {
    /// Leaves a wish; the receiver hears what came of it. `None` where too many wait.
    pub fn wish(&self, wish: Wish) -> Option<oneshot::Receiver<Outcome>> {
        let (tell, told) = oneshot::channel();
        let mut wishes = self.0.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        if wishes.len() >= WAITING {
            return None;
        }
        wishes.push_back((wish, tell));
        self.0.pending.store(true, Ordering::Release);
        drop(wishes);
        if let Some(halt) = self.0.wakes.get() {
            halt.nudge();
        }
        Some(told)
    }

    /// From now on a wish wakes whoever waits there.
    pub(super) fn wakes(&self, halt: &Halt) {
        // A run has one place to wait at; a second one would be told of nothing new.
        let _ = self.0.wakes.set(halt.clone());
    }

    /// Whether somebody waits.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.0.pending.load(Ordering::Acquire)
    }

    /// Takes the wishes, the first one first.
    pub(super) fn take(&self) -> VecDeque<(Wish, oneshot::Sender<Outcome>)> {
        self.0.pending.store(false, Ordering::Release);
        std::mem::take(&mut *self.0.wishes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the wishes for another pace only.
    pub(super) fn take_rates(&self) -> Vec<(Rate, oneshot::Sender<Outcome>)> {
        if !self.is_pending() {
            return Vec::new();
        }
        let mut wishes = self.0.wishes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rates = Vec::new();
        for (wish, tell) in std::mem::take(&mut *wishes) {
            if let Wish::Rate(rate) = wish {
                rates.push((rate, tell));
            } else {
                wishes.push_back((wish, tell));
            }
        }
        self.0.pending.store(!wishes.is_empty(), Ordering::Release);
        rates
    }

    /// Says how far the fleet is.
    pub(super) fn show(&self, state: Value) {
        *self.0.shown.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// How far the fleet is, as it last said.
    #[must_use]
    pub fn shown(&self) -> Value {
        self.0.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The numbers of a fleet for a scraper.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    lines: Number,
    bytes: Number,
    events: Number,
    dropped: Number,
    failed: Number,
    corrupted: Number,
    simulated: Number,
    devices: Number,
    messages: Vec<Number>,
}

impl Numbers {
    pub(super) fn new(registry: &Registry) -> Self {
        let counter = |name, help| registry.counter(name, help, &[]);
        let by_message = |row: &slpsim_agent::messages::Row| {
            let labels = [("mnemonic", row.nxos.mnemonic)];
            registry.counter("slpsim_fleet_messages_total", "Lines by message.", &labels)
        };
        Self {
            lines: counter("slpsim_fleet_lines_total", "Lines of the fleet."),
            bytes: counter("slpsim_fleet_bytes_total", "Bytes of these in the form of the first sink."),
            events: counter("slpsim_fleet_events_total", "Timers, exchanges and things that happened."),
            dropped: counter(
                "slpsim_fleet_lines_dropped_total",
                "Lines that found no room in a sink's queue.",
            ),
            failed: counter(
                "slpsim_fleet_lines_failed_total",
                "Lines that a sink refused or could not send.",
            ),
            corrupted: counter("slpsim_fleet_lines_spoiled_total", "Lines spoiled on purpose."),
            simulated: registry.gauge("slpsim_fleet_simulated_seconds", "Simulated time so far.", &[]),
            devices: registry.gauge("slpsim_fleet_devices", "Devices.", &[]),
            messages: slpsim_agent::messages::CATALOGUE.iter().map(by_message).collect(),
        }
    }

    pub(super) fn set(&self, now_ms: u64, devices: u32, totals: &Totals, missed: Missed) {
        let set = |number: &Number, value: u64| number.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.lines, totals.lines);
        set(&self.bytes, totals.bytes);
        set(&self.events, totals.events);
        set(&self.dropped, missed.dropped);
        set(&self.failed, missed.failed);
        set(&self.corrupted, totals.corrupted);
        set(&self.simulated, now_ms / 1000);
        set(&self.devices, devices.into());
        for (number, count) in self.messages.iter().zip(totals.messages) {
            set(number, count);
        }
    }
}

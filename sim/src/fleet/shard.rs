//! A contiguous part of a fleet: its devices, and when they are due.

use std::collections::VecDeque;

use slpsim_agent::{Output, Shared};
use slpsim_policy::Wall;

use super::cast::{Cast, Character};
use super::line::Record;
use super::lost::Lost;
use super::peer::Peer;
use super::seat::{Flight, Seat, Stage};
use super::weather::{Opened, Weather};
use super::wheel::Wheel;

/// Where a device is: in the upper half of the numbers those without an agent.
const LOST: u32 = 1 << 31;
/// Removed.
const GONE: u32 = u32::MAX;

/// A part of a fleet, run by one thread.
#[derive(Debug)]
pub(crate) struct Shard {
    first: u32,
    slots: Vec<u32>,
    seats: Vec<Seat>,
    lost: Vec<Lost>,
    wheel: Wheel,
    weather: Weather,
    peer: Peer,
    shared: Shared,
    outputs: Vec<Output>,
    flights: VecDeque<Flight>,
    due: Vec<u32>,
    start: Wall,
    now_ms: u64,
    step_ms: u64,
    pub(crate) events: u64,
}

impl Shard {
    /// The devices from `first` on, `count` of them, at time 0; `step_ms` is the length of an epoch.
    pub(crate) fn new(cast: &Cast, start: Wall, first: u32, count: u32, step_ms: u64) -> Self {
        let mut shard = Self {
            first,
            slots: Vec::with_capacity(count as usize),
            seats: Vec::new(),
            lost: Vec::new(),
            wheel: Wheel::new(0, step_ms),
            weather: Weather::new(cast.luck, &cast.population.outages, cast.site(first)),
            peer: Peer::new(cast.luck, cast.population.policy.clone()),
            shared: Shared { seed: cast.luck.0, outline: true, ..Shared::default() },
            outputs: Vec::new(),
            flights: VecDeque::new(),
            due: Vec::new(),
            start,
            now_ms: 0,
            step_ms: step_ms.max(1),
            events: 0,
        };
        // Exactly as many as there are: growing by doubling would cost a third of the memory.
        let lost = (first..first.saturating_add(count)).filter(|device| is_lost(cast, *device)).count();
        shard.seats.reserve_exact((count as usize).saturating_sub(lost));
        shard.lost.reserve_exact(lost);
        for _ in 0..count {
            shard.add(cast);
        }
        shard
    }

    /// Adds the next device; the cast says when its time begins.
    pub(crate) fn add(&mut self, cast: &Cast) {
        let local = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let device = self.first + local;
        self.wheel.grow();
        let lost = is_lost(cast, device).then(|| Lost::new(cast, device)).flatten();
        match lost {
            Some(lost) => {
                self.slots.push(LOST | u32::try_from(self.lost.len()).unwrap_or(0));
                self.lost.push(lost);
            }
            None => {
                self.slots.push(u32::try_from(self.seats.len()).unwrap_or(0));
                self.seats.push(Seat::new(cast, device));
            }
        }
        self.wheel.put(local, cast.boot_ms(device));
    }

    /// Takes a device out; whether it was there. It says nothing any more.
    pub(crate) fn remove(&mut self, device: u32) -> bool {
        let slot = device.checked_sub(self.first).and_then(|local| self.slots.get_mut(local as usize));
        slot.is_some_and(|slot| std::mem::replace(slot, GONE) != GONE)
    }

    /// Opens an outage.
    pub(crate) fn open(&mut self, outage: Opened) {
        self.weather.opened.push(outage);
    }

    /// Ends an outage that was opened.
    pub(crate) fn close(&mut self, id: u32) {
        let now = self.now_ms;
        for outage in self.weather.opened.iter_mut().filter(|outage| outage.id == id) {
            outage.to_ms = outage.to_ms.min(now);
        }
    }

    /// Epochs have another length from now on.
    pub(crate) fn restep(&mut self, step_ms: u64) {
        self.step_ms = step_ms.max(1);
        self.wheel.restep(self.step_ms, self.now_ms);
    }

    /// Runs the next epoch, up to `to_ms` where that comes before its end; lines go to `records`, in total order.
    pub(crate) fn run(&mut self, cast: &Cast, to_ms: u64, records: &mut Vec<Record>) {
        let end = (self.now_ms / self.step_ms + 1).saturating_mul(self.step_ms);
        let stop = end.min(to_ms);
        self.weather.advance(self.now_ms);
        let mut due = std::mem::take(&mut self.due);
        self.wheel.take(&mut due);
        if stop < end {
            self.wheel.again();
        }
        for local in &due {
            let next = self.run_one(cast, *local, stop, records);
            self.wheel.put(*local, next);
        }
        self.due = due;
        self.now_ms = stop;
        records.sort_by_key(|record| (record.key.at_ms, record.key.device));
    }

    fn run_one(&mut self, cast: &Cast, local: u32, to_ms: u64, records: &mut Vec<Record>) -> u64 {
        let device = self.first + local;
        match self.slots.get(local as usize).copied() {
            None | Some(GONE) => u64::MAX,
            Some(slot) if slot & LOST != 0 => {
                let Some(lost) = self.lost.get_mut((slot & !LOST) as usize) else { return u64::MAX };
                lost.run(cast, device, to_ms, records, &mut self.events)
            }
            Some(slot) => {
                let Some(seat) = self.seats.get_mut(slot as usize) else { return u64::MAX };
                let mut stage = Stage {
                    cast,
                    peer: &self.peer,
                    weather: &mut self.weather,
                    shared: &mut self.shared,
                    outputs: &mut self.outputs,
                    records,
                    flights: &mut self.flights,
                    events: &mut self.events,
                    start: self.start,
                };
                seat.run(device, to_ms, &mut stage)
            }
        }
    }
}

fn is_lost(cast: &Cast, device: u32) -> bool {
    cast.character(device) == Character::NeverCslu && Lost::new(cast, device).is_some()
}

//! The world: devices, one link, the clock, and the events between them.

use slpsim_agent::{
    AgentId, Command, CommandError, Cx, Draw, Failure, Input, Message, Now, Output, Purpose, Reply, Request,
    Shared, Timer, Txn, Udi, View, draw,
};
use slpsim_policy::{Mono, Wall};

use crate::device::{Device, DeviceId, DeviceSpec};
use crate::explore::{Call, Watch};
use crate::link::{Exchange, Link, Written};
use crate::queue::{Class, Queue};

/// Sees what happens. Times are milliseconds of true time since the start; the line's own time is the device's.
pub trait Observer {
    /// A device logged a message.
    fn line(&mut self, at_ms: u64, device: DeviceId, device_clock: Wall, message: &Message);

    /// An exchange ended; how long it took is the difference of the two times.
    fn exchange(
        &mut self,
        at_ms: u64,
        ended_ms: u64,
        device: DeviceId,
        purpose: Purpose,
        failed: Option<Failure>,
    ) {
        let _ = (at_ms, ended_ms, device, purpose, failed);
    }

    /// Something else was left to be done (persist, event log).
    fn output(&mut self, at_ms: u64, device: DeviceId, output: &Output) {
        let _ = (at_ms, device, output);
    }
}

impl<F: FnMut(u64, DeviceId, Wall, &Message)> Observer for F {
    fn line(&mut self, at_ms: u64, device: DeviceId, device_clock: Wall, message: &Message) {
        self(at_ms, device, device_clock, message);
    }
}

/// Devices in simulated time.
#[derive(Debug)]
pub struct World<L> {
    /// The way to the peer.
    pub link: L,
    /// What the agents have in common.
    pub shared: Shared,
    /// Every state that a device makes durable is kept, so that a power cut goes back to the last one; without it, to
    /// the state of the moment, which is the same for whoever makes every change durable.
    pub keep_durable: bool,
    /// How many states before the last durable one are kept, for a loss of power that takes writes with it.
    pub keep_writes: usize,
    /// Checks every call of an agent against what must always hold, where it is wanted.
    pub watch: Option<Watch>,
    start: Wall,
    now_ms: u64,
    devices: Vec<Device>,
    queue: Queue<Event>,
    outputs: Vec<Output>,
    events: u64,
}

#[derive(Debug)]
enum Event {
    /// The end of an exchange, with its begin, its number among the device's, and its purpose.
    Reply { began_ms: u64, life: u32, txn: Txn, purpose: Purpose, result: Box<Result<Reply, Failure>> },
    /// A timer, if it still stands so.
    Timer(Mono, Timer),
}

impl<L: Link> World<L> {
    /// An empty world at `start`; `seed` decides every draw.
    #[must_use]
    pub fn new(start: Wall, seed: u64, link: L) -> Self {
        Self {
            link,
            shared: Shared { seed, ..Shared::default() },
            keep_durable: false,
            keep_writes: 0,
            watch: None,
            start,
            now_ms: 0,
            devices: Vec::new(),
            queue: Queue::default(),
            outputs: Vec::new(),
            events: 0,
        }
    }

    /// Adds a device; it does nothing until it is booted.
    pub fn add(&mut self, spec: DeviceSpec) -> DeviceId {
        let now = self.wall();
        self.devices.push(Device::new(spec, now));
        DeviceId(u32::try_from(self.devices.len() - 1).unwrap_or(u32::MAX))
    }

    /// True time since the start, in milliseconds.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// True time.
    #[must_use]
    pub fn wall(&self) -> Wall {
        self.start.plus_millis(i64::try_from(self.now_ms).unwrap_or(i64::MAX))
    }

    /// Events so far: timers that ran and exchanges that ended.
    #[must_use]
    pub const fn events(&self) -> u64 {
        self.events
    }

    /// A device; `None` where there is no such number.
    #[must_use]
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(id.0 as usize)
    }

    /// A device, to be changed: its settings around the agent, its clock's offset before boot.
    pub fn device_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        self.devices.get_mut(id.0 as usize)
    }

    /// The read model of a device now.
    #[must_use]
    pub fn view(&self, id: DeviceId) -> Option<View<'_>> {
        let device = self.device(id)?;
        Some(device.agent.view(&self.shared, self.now_of(device)))
    }

    /// Both clocks of the device `id`; true time where there is none.
    #[must_use]
    pub fn now(&self, id: DeviceId) -> Now {
        self.device(id)
            .map_or(Now { mono: Mono(self.now_ms), wall: self.wall() }, |device| self.now_of(device))
    }

    /// A device that is known to be there, and what agents have in common.
    pub(crate) fn parts(&mut self, id: DeviceId) -> (&mut Device, &Shared) {
        (&mut self.devices[id.0 as usize], &self.shared)
    }

    fn now_of(&self, device: &Device) -> Now {
        Now { mono: Mono(self.now_ms), wall: self.wall().plus_millis(device.offset_at(self.now_ms)) }
    }

    /// Gives a device an input now. What it causes at once without time passing is run by [`World::run_to`].
    pub fn input(&mut self, id: DeviceId, input: Input, seen: &mut dyn Observer) {
        if let Input::ClockStep { delta_ms } = input
            && let Some(device) = self.device_mut(id)
        {
            device.clock_offset_ms = device.clock_offset_ms.saturating_add(delta_ms);
        }
        if let Some(watch) = &mut self.watch {
            watch.begin(id, Call::Input(&input));
        }
        self.with_agent(id, seen, |agent, cx| agent.handle(cx, input));
    }

    /// Sets a device's clock right now and keeps it so: authoritative, without drift.
    pub fn follow_ntp(&mut self, id: DeviceId, seen: &mut dyn Observer) {
        let now_ms = self.now_ms;
        let Some(device) = self.device_mut(id) else { return };
        let offset = device.offset_at(now_ms);
        device.set_drift(0, now_ms);
        if offset != 0 {
            self.input(id, Input::ClockStep { delta_ms: offset.saturating_neg() }, seen);
        }
        self.input(id, Input::ClockAuthoritative, seen);
    }

    /// Types a command at a device now.
    ///
    /// # Errors
    /// Where the device refuses it.
    pub fn command(
        &mut self,
        id: DeviceId,
        command: Command,
        seen: &mut dyn Observer,
    ) -> Result<(), CommandError> {
        if let Some(watch) = &mut self.watch {
            watch.begin(id, Call::Command(&command));
        }
        self.with_agent(id, seen, |agent, cx| agent.command(cx, command))
            .unwrap_or(Err(CommandError::NotFound))
    }

    /// Runs everything due up to `to_ms`; at that time itself, everything of a class before `before`.
    ///
    /// The clock then stands at `to_ms`, so that the caller can do what belongs into its own place in the order.
    pub fn run_to(&mut self, to_ms: u64, before: Class, seen: &mut dyn Observer) {
        while self.run_one(to_ms, before, seen) {}
        self.now_ms = self.now_ms.max(to_ms);
    }

    /// When the next event is due, in milliseconds since the start; none where nothing more happens by itself.
    #[must_use]
    pub fn next_ms(&self) -> Option<u64> {
        self.queue.peek().map(|(at, ..)| at)
    }

    /// Runs the next event of those that [`World::run_to`] would run; whether there was one.
    pub fn run_one(&mut self, to_ms: u64, before: Class, seen: &mut dyn Observer) -> bool {
        let Some((at, class, ..)) = self.queue.peek() else { return false };
        if (at, class) >= (to_ms, before) {
            return false;
        }
        if let Some(((at, _, device, _), event)) = self.queue.pop() {
            self.now_ms = self.now_ms.max(at);
            self.happen(DeviceId(device), event, seen);
        }
        true
    }

    /// Gives a device that has not been booted yet a second supervisor that was there from the start.
    pub fn fit_standby(&mut self, id: DeviceId, udi: Udi) {
        if let Some(device) = self.device_mut(id) {
            device.agent.pair_with(udi);
        }
    }

    fn make_durable(&mut self, id: DeviceId, now: Now) {
        let kept = match self.link.write(self.wall(), AgentId(id.0)) {
            Written::Kept => true,
            Written::Lost | Written::Refused => false,
        };
        if let (false, Some(watch)) = (kept, &mut self.watch) {
            watch.lost_write(id);
        }
        let keep = self.keep_writes;
        if let Some(device) = self.devices.get_mut(id.0 as usize).filter(|_| kept) {
            let saved = Box::new(device.agent.save(&self.shared, now));
            let before = device.durable.replace(saved);
            if keep > 0 {
                device.earlier.extend(before);
                let excess = device.earlier.len().saturating_sub(keep);
                device.earlier.drain(..excess);
            }
        }
    }

    fn happen(&mut self, id: DeviceId, event: Event, seen: &mut dyn Observer) {
        match event {
            Event::Reply { began_ms, life, txn, purpose, result } => {
                self.events += 1;
                if self.device(id).is_none_or(|device| device.life != life) {
                    return;
                }
                let mut result = result;
                if let (Ok(reply), Some(device)) = (&mut *result, self.device_mut(id)) {
                    device.switch.peer = reply.peer.take();
                }
                seen.exchange(began_ms, self.now_ms, id, purpose, result.as_ref().as_ref().err().copied());
                self.input(id, Input::Completed { txn, result: *result }, seen);
            }
            Event::Timer(at, timer) => {
                let stands =
                    self.device(id).is_some_and(|device| device.agent.next_deadline() == Some((at, timer)));
                if let Some(device) = self.device_mut(id)
                    && device.queued == Some((at, timer))
                {
                    device.queued = None;
                }
                if stands {
                    self.events += 1;
                    self.input(id, Input::Timeout, seen);
                } else {
                    self.queue_timer(id);
                }
            }
        }
    }

    fn with_agent<R>(
        &mut self,
        id: DeviceId,
        seen: &mut dyn Observer,
        call: impl FnOnce(&mut slpsim_agent::Agent, &mut Cx<'_>) -> R,
    ) -> Option<R> {
        let now = self.now_of(self.device(id)?);
        let mut outputs = std::mem::take(&mut self.outputs);
        let device = self.devices.get_mut(id.0 as usize)?;
        let mut cx = Cx { now, id: AgentId(id.0), shared: &mut self.shared, out: &mut outputs };
        let result = call(&mut device.agent, &mut cx);
        if let Some(watch) = &mut self.watch {
            watch.end(id, &device.agent, (&self.shared, now), &outputs);
        }
        for output in outputs.drain(..) {
            self.perform(id, now, output, seen);
        }
        self.outputs = outputs;
        self.queue_timer(id);
        Some(result)
    }

    fn perform(&mut self, id: DeviceId, now: Now, output: Output, seen: &mut dyn Observer) {
        match &output {
            Output::Log(message) => {
                if let Some(device) = self.device_mut(id) {
                    device.switch.note(now.wall, message);
                }
                seen.line(self.now_ms, id, now.wall, message);
            }
            Output::Send { txn, request, give_up_after } => self.send(id, now, *txn, request, *give_up_after),
            Output::WriteFile(file) => {
                if let Some(device) = self.device_mut(id) {
                    device.switch.unwritten = Some(file.clone());
                }
                seen.output(self.now_ms, id, &output);
            }
            // The end of a cancelled exchange is of no interest to the agent, which has forgotten its number.
            Output::Persist => {
                if self.keep_durable {
                    self.make_durable(id, now);
                }
                seen.output(self.now_ms, id, &output);
            }
            Output::Cancel(_) => seen.output(self.now_ms, id, &output),
            Output::Event(event) => {
                if let Some(device) = self.device_mut(id) {
                    device.switch.events.add(now, *event);
                }
                seen.output(self.now_ms, id, &output);
            }
        }
    }

    fn send(
        &mut self,
        id: DeviceId,
        now: Now,
        txn: Txn,
        request: &Request,
        give_up_after: std::time::Duration,
    ) {
        let (at, seed) = (self.wall(), self.shared.seed);
        let Some(device) = self.devices.get_mut(id.0 as usize) else { return };
        let nonce = next_nonce(device, seed, id);
        let number = device.requests;
        let carried = self.link.carry(&Exchange {
            at,
            device_clock: now.wall,
            device: AgentId(id.0),
            transport: device.agent.settings().transport,
            sender: &device.switch.sender(&device.agent),
            config: &device.switch.config,
            request,
            nonce,
            give_up_after,
        });
        let ends = self.now_ms.saturating_add(u64::try_from(carried.after.as_millis()).unwrap_or(u64::MAX));
        let event = Event::Reply {
            began_ms: self.now_ms,
            life: device.life,
            txn,
            purpose: request.purpose(),
            result: Box::new(carried.result),
        };
        self.queue.push((ends, Class::Reply, id.0, number), event);
    }

    /// A second supervisor comes up beside the one of this device (`spec/behaviour.md` §10).
    pub fn standby_added(&mut self, id: DeviceId, udi: Udi, seen: &mut dyn Observer) {
        self.input(id, Input::StandbyAdded(udi), seen);
    }

    /// The second supervisor goes.
    pub fn standby_removed(&mut self, id: DeviceId, seen: &mut dyn Observer) {
        self.input(id, Input::StandbyRemoved, seen);
    }

    /// The second supervisor takes over.
    pub fn switchover(&mut self, id: DeviceId, seen: &mut dyn Observer) {
        self.input(id, Input::Switchover, seen);
    }

    /// Puts the device's next timer into the queue, unless it stands there.
    fn queue_timer(&mut self, id: DeviceId) {
        let Some(device) = self.devices.get_mut(id.0 as usize) else { return };
        let next = device.agent.next_deadline();
        if next == device.queued {
            return;
        }
        device.queued = next;
        if let Some((at, timer)) = next {
            let due = at.0.max(self.now_ms);
            self.queue.push((due, Class::Timer, id.0, timer as u64), Event::Timer(at, timer));
        }
    }
}

/// The next nonce of a device: 63 bits (`spec/formats.md` §8.1).
pub(crate) fn next_nonce(device: &mut Device, seed: u64, id: DeviceId) -> u64 {
    device.requests += 1;
    draw(seed, AgentId(id.0), Draw::Nonce, device.requests) >> 1
}

//! One device, driven.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use slpsim_agent::numbers::SAVE_UNREPORTED;
use slpsim_agent::persist::RestoreError;
use slpsim_agent::{
    Agent, AgentId, BootCause, Command, CommandError, Cx, Input, Message, Now, Output, Purpose, Scope,
    Shared, Spelling, Token, Udi,
};
use slpsim_console::config::Config;
use slpsim_policy::{Mono, Wall};
use slpsim_sim::{Switch, operate};
use slpsim_transport::client::Transport;
use tokio::sync::{broadcast, mpsc, oneshot};

use super::Connect;
use super::exchange::{Ended, Exchanges};
use super::monitor::{LogLine, Monitor};
use super::names::Names;
use super::syslog::Syslog;
use super::{DeviceMetrics, SavedDevice};
use crate::clock::{Clock, DeviceClock};
use crate::failpoint::{Faults, Point, Side, Stopped};
use crate::files::DeviceFiles;
use crate::store::{Store, StoreError};

/// A timer that is handled late is still handled at its own moment, so that scaled time shows whole minutes; unless
/// the driver is later than this, in real milliseconds.
const NOMINAL_MS: u64 = 1000;
/// More timers of one instant than any agent has; beyond, the agent is in a loop.
const MAX_PER_INSTANT: u32 = 10_000;

/// Why a device cannot be driven any further.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Its state cannot be made durable, so nothing may be sent any more.
    #[error("the state of the device cannot be kept: {0}")]
    Store(#[from] StoreError),
    /// Its state cannot be written down.
    #[error("the state of the device cannot be written down: {0}")]
    Encode(#[from] serde_json::Error),
    /// Its state is from a newer program.
    #[error("{0}")]
    Restore(RestoreError),
    /// A test stopped it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The agent does not come to rest.
    #[error("timers of one instant do not end: this is an error of slpsim, please report it")]
    Restless,
}

/// Takes a device's messages. Must not wait.
pub trait LogSink: Send {
    /// One message at the device's time `at`.
    fn log(&mut self, at: Wall, message: &Message);

    /// The device's host name or time zone may have changed.
    fn reconfigured(&mut self, _config: &Config) {}

    /// When, by the device's clock, [`LogSink::timeout`] has something to say: repeats that are held back.
    fn deadline(&self) -> Option<Wall> {
        None
    }

    /// The device's clock shows `now`.
    fn timeout(&mut self, _now: Wall) {}

    /// The device ends: what is held back is said now.
    fn flush(&mut self) {}
}

/// What a device is made of.
pub struct Parts {
    /// Its name in configurations.
    pub name: Arc<str>,
    /// Its number in this process.
    pub id: AgentId,
    /// The agent.
    pub agent: Agent,
    /// What the agent is lent; each device of a daemon has its own.
    pub shared: Shared,
    /// The process's clock.
    pub clock: Clock,
    /// The device's own clock, by the process's.
    pub device_clock: DeviceClock,
    /// The switch around the agent.
    pub switch: Switch,
    /// Where its state becomes durable.
    pub store: Box<dyn Store>,
    /// Makes its transport.
    pub connect: Box<dyn Connect>,
    /// What it works on files with.
    pub files: DeviceFiles,
    /// Its log.
    pub log: Box<dyn LogSink>,
    /// Where it is counted.
    pub metrics: DeviceMetrics,
    /// Where tests stop it.
    pub faults: Arc<dyn Faults>,
}

/// Something done with a device between two of its steps.
pub type Look = Box<dyn FnOnce(&mut Device) -> Result<(), DriverError> + Send>;

/// How a device starts.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Why.
    pub cause: BootCause,
    /// Nothing of what the device gets once in its life is known to have reached it.
    pub first: bool,
    /// A second supervisor that is there from the first boot on.
    pub standby: Option<Udi>,
    /// An id token that is entered at the first boot.
    pub token: Option<Token>,
    /// Features that were on when its state was saved; none at a first boot.
    pub features_before: Option<BTreeSet<String>>,
    /// Lines for its console once it is up.
    pub lines: Vec<String>,
}

/// What a device can be told.
pub enum Order {
    /// Something happens to it.
    Input(Box<Input>),
    /// The operator commands it.
    Command(Command, oneshot::Sender<Result<(), CommandError>>),
    /// Look at it: the closure gets the device between two steps.
    Look(Look),
    /// Come to rest: everything due is done and no exchange is open; then answer.
    Settle(oneshot::Sender<Settled>),
    /// Make the state durable and end.
    End,
}

/// A device at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// When it has something to do next.
    pub next: Option<Mono>,
}

/// A product instance with all that it needs to live.
pub struct Device {
    pub(super) parts: Parts,
    transport: Arc<dyn Transport>,
    exchanges: Exchanges,
    outputs: Vec<Output>,
    /// The time of the last input: the agent's time never goes back.
    last: Mono,
    /// When its state was made durable last.
    saved_at: Mono,
    /// The first boot is not over: after a death now, it is repeated.
    pub(super) first_boot: bool,
    /// Features that the agent's usage stands for, while they are not those of the running configuration.
    pub(super) accounted: Option<BTreeSet<String>>,
    /// The supervisors that fit into it, its own one first.
    pub(super) supervisors: Vec<Udi>,
    /// The last destination that was refused.
    refused: Option<Box<str>>,
    pub(super) names: Names,
    monitor: Monitor,
    syslog: Syslog,
}

impl Device {
    /// A device that has not been started.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            transport: parts.connect.connect(&parts.switch.config),
            parts,
            exchanges: Exchanges::default(),
            outputs: Vec::new(),
            last: Mono(0),
            saved_at: Mono(0),
            first_boot: false,
            accounted: None,
            supervisors: Vec::new(),
            refused: None,
            names: Names::default(),
            monitor: Monitor::new(Spelling::default()),
            syslog: Syslog::new(Spelling::default()),
        }
    }

    /// The same with log lines for sessions and servers in this spelling.
    #[must_use]
    pub fn spelled(mut self, spelling: Spelling) -> Self {
        self.monitor = Monitor::new(spelling);
        self.syslog = Syslog::new(spelling);
        self
    }

    /// The same with a chassis into which these supervisors fit; without, none can be put in while it runs.
    #[must_use]
    pub fn with_supervisors(mut self, supervisors: Vec<Udi>) -> Self {
        self.supervisors = supervisors;
        self
    }

    /// The log lines from now on, as the console prints them.
    #[must_use]
    pub fn listen(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.monitor.listen()
    }

    /// Its parts.
    #[must_use]
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Both clocks now.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now_at(self.parts.clock.mono())
    }

    fn now_at(&self, at: Mono) -> Now {
        let mono = at.max(self.last);
        Now { mono, wall: self.parts.device_clock.wall_at(mono) }
    }

    /// Starts the device, and drives it until it is told to end, or nobody can tell it anything any more.
    ///
    /// # Errors
    /// Where it cannot go on. Its durable state is then what it was before the step that failed.
    pub async fn run(mut self, boot: Boot, mut orders: mpsc::Receiver<Order>) -> Result<(), DriverError> {
        self.boot(boot)?;
        loop {
            // While the clock is moved, it is this device's turn only when it is told to settle.
            if self.parts.clock.is_running() {
                self.run_due()?;
                self.save_usage()?;
            }
            let next = earlier(self.next_deadline(), self.usage_save_due());
            let clock = self.parts.clock.clone();
            let due = async {
                match next {
                    Some(at) => clock.passed(at).await,
                    None => std::future::pending().await,
                }
            };
            // The order of one instant: commands and events, replies, timers (`spec/behaviour.md` §7.5).
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    None | Some(Order::End) => {
                        self.parts.log.flush();
                        return self.persist();
                    }
                    Some(order) => {
                        self.run_overdue()?;
                        self.take(order).await?;
                    }
                },
                ended = self.exchanges.next() => {
                    self.run_overdue()?;
                    self.completed(ended)?;
                }
                answer = self.names.next() => {
                    self.run_overdue()?;
                    self.heard(answer)?;
                }
                () = due => {}
            }
        }
    }

    fn boot(&mut self, boot: Boot) -> Result<(), DriverError> {
        self.first_boot = boot.first;
        self.ask_names_anew();
        self.accounted.clone_from(&boot.features_before);
        if let Some(standby) = boot.standby {
            self.parts.agent.pair_with(standby);
        }
        self.input(Input::Boot { cause: boot.cause, clock_authoritative: true })?;
        if let Some(before) = &boot.features_before {
            operate::features_changed(self, before)?;
        }
        operate::type_lines(self, &boot.lines)?;
        if let Some(token) = boot.token {
            // What a token command has to say comes later, in the log.
            let _ = self.command(Command::Trust { token, scope: Scope::Local, force: false })?;
        }
        if self.first_boot {
            self.first_boot = false;
            self.persist()?;
        }
        Ok(())
    }

    /// Takes the running configuration into use.
    pub(super) fn reconfigure(&mut self) {
        let config = &self.parts.switch.config;
        self.transport = self.parts.connect.connect(config);
        self.parts.log.reconfigured(config);
        self.ask_names_anew();
    }

    /// Exchanges under way end unnoticed.
    pub(super) fn abandon_exchanges(&mut self) {
        self.exchanges = Exchanges::default();
    }

    async fn take(&mut self, order: Order) -> Result<(), DriverError> {
        match order {
            Order::Input(input) => self.input(*input)?,
            Order::Command(command, answer) => {
                // Whoever asked may have gone.
                let _ = answer.send(self.command(command)?);
            }
            Order::Look(look) => look(self)?,
            Order::Settle(answer) => {
                self.settle().await?;
                let _ = answer.send(Settled { next: self.next_deadline() });
            }
            Order::End => {}
        }
        Ok(())
    }

    async fn settle(&mut self) -> Result<(), DriverError> {
        // An exchange takes no simulated time here, and replies come before timers (`spec/behaviour.md` §7.5).
        for _ in 0..MAX_PER_INSTANT {
            while self.exchanges.len() > 0 {
                let ended = self.exchanges.next().await;
                self.completed(ended)?;
            }
            if !self.run_timer(Mono::le)? {
                self.log_due();
                return Ok(());
            }
        }
        Err(DriverError::Restless)
    }

    /// When the agent or the log has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Mono> {
        let agent = self.parts.agent.next_deadline().map(|(at, _)| at);
        let log = self.parts.log.deadline().map(|wall| {
            let now = self.now();
            now.mono.plus(Duration::from_millis(u64::try_from(wall.since(now.wall)).unwrap_or(0)))
        });
        earlier(agent, log)
    }

    /// Runs every timer that is due.
    fn run_due(&mut self) -> Result<(), DriverError> {
        self.run_timers(Mono::le)?;
        self.log_due();
        Ok(())
    }

    /// Runs every timer of an earlier moment, before something that happens now.
    fn run_overdue(&mut self) -> Result<(), DriverError> {
        self.run_timers(Mono::lt)
    }

    fn run_timers(&mut self, is_due: fn(&Mono, &Mono) -> bool) -> Result<(), DriverError> {
        for _ in 0..MAX_PER_INSTANT {
            if !self.run_timer(is_due)? {
                return Ok(());
            }
        }
        Err(DriverError::Restless)
    }

    /// Runs the next timer if it is due; whether it was.
    fn run_timer(&mut self, is_due: fn(&Mono, &Mono) -> bool) -> Result<bool, DriverError> {
        let now = self.parts.clock.mono();
        let Some((at, _)) = self.parts.agent.next_deadline().filter(|(at, _)| is_due(at, &now)) else {
            return Ok(false);
        };
        let late = NOMINAL_MS.saturating_mul(u64::from(self.parts.clock.speed().factor()));
        let moment = if now.since(at) <= late { at } else { now };
        self.input_at(self.now_at(moment), Input::Timeout)?;
        Ok(true)
    }

    fn log_due(&mut self) {
        let wall = self.now().wall;
        if self.parts.log.deadline().is_some_and(|end| end <= wall) {
            self.parts.log.timeout(wall);
        }
    }

    /// Usage is kept as intervals that end when the state is saved, so that of a licence in use only what came after
    /// the last save is unknown after a loss of power (`spec/behaviour.md` §19, "save unreported reports").
    fn save_usage(&mut self) -> Result<(), DriverError> {
        if self.usage_save_due().is_some_and(|at| at <= self.parts.clock.mono()) {
            self.persist()?;
            self.parts.metrics.usage_saves.increment();
        }
        Ok(())
    }

    /// When the use of a licence is to be saved; none without a use. At most once in a real second, however fast the
    /// time is.
    fn usage_save_due(&self) -> Option<Mono> {
        let view = self.parts.agent.view(&self.parts.shared, self.now());
        let in_use = view.usage().any(|row| row.count > 0);
        let real_second = Duration::from_secs(self.parts.clock.speed().factor().into());
        in_use.then(|| self.saved_at.plus(SAVE_UNREPORTED.max(real_second)))
    }

    /// Gives the agent an input and performs what it wants done.
    ///
    /// # Errors
    /// Where the device cannot go on.
    pub fn input(&mut self, input: Input) -> Result<(), DriverError> {
        self.input_at(self.now(), input)
    }

    fn input_at(&mut self, now: Now, input: Input) -> Result<(), DriverError> {
        self.with_agent(now, |agent, cx| agent.handle(cx, input))
    }

    /// Gives the agent a command and performs what it wants done.
    ///
    /// # Errors
    /// Outside: the device cannot go on. Inside: the agent refuses.
    pub fn command(&mut self, command: Command) -> Result<Result<(), CommandError>, DriverError> {
        let mut result = Ok(());
        self.with_agent(self.now(), |agent, cx| result = agent.command(cx, command))?;
        Ok(result)
    }

    /// Steps the device's clock.
    ///
    /// # Errors
    /// Where the device cannot go on.
    pub fn step_clock(&mut self, delta_ms: i64) -> Result<(), DriverError> {
        self.parts.device_clock.step(delta_ms);
        self.input(Input::ClockStep { delta_ms })
    }

    fn with_agent(
        &mut self,
        now: Now,
        call: impl FnOnce(&mut Agent, &mut Cx<'_>),
    ) -> Result<(), DriverError> {
        self.last = now.mono;
        let mut outputs = std::mem::take(&mut self.outputs);
        let Parts { agent, shared, id, .. } = &mut self.parts;
        call(agent, &mut Cx { now, id: *id, shared, out: &mut outputs });
        for output in outputs.drain(..) {
            self.perform(now, output)?;
        }
        self.outputs = outputs;
        let metrics = &self.parts.metrics;
        metrics.open.set(i64::try_from(self.exchanges.len()).unwrap_or(i64::MAX));
        let deadline = self.parts.agent.view(&self.parts.shared, now).ack_deadline();
        metrics.deadline.set(deadline.map_or(0, Wall::secs));
        Ok(())
    }

    fn perform(&mut self, now: Now, output: Output) -> Result<(), DriverError> {
        match output {
            Output::Persist => self.persist_at(now),
            Output::Send { txn, request, give_up_after } => {
                self.parts.faults.at(Point::Send, Side::Before)?;
                let sender = self.parts.switch.sender(&self.parts.agent);
                let transport = Arc::clone(&self.transport);
                self.exchanges.start(transport, (txn, request, sender), now.wall, give_up_after);
                Ok(())
            }
            Output::WriteFile(file) => {
                self.parts.switch.unwritten = Some(file);
                Ok(())
            }
            Output::Cancel(txn) => {
                self.exchanges.cancel(txn);
                Ok(())
            }
            Output::Log(message) => {
                self.parts.metrics.message(&message);
                self.parts.switch.note(now.wall, &message);
                let switch = &self.parts.switch;
                self.monitor.say(now.wall, &message, &switch.config);
                self.syslog.say(now.wall, &message, &switch.config, &switch.network());
                self.parts.log.log(now.wall, &message);
                Ok(())
            }
            Output::Event(event) => {
                self.parts.switch.events.add(now, event);
                Ok(())
            }
        }
    }

    fn completed(&mut self, ended: Ended) -> Result<(), DriverError> {
        // The peer has done its part, and the device does not know of it yet.
        self.parts.faults.at(Point::Send, Side::After)?;
        let Ended { txn, purpose, sent_at, mut exchanged } = ended;
        let now = self.now();
        self.parts.metrics.exchange(purpose, &exchanged.result);
        if let Some(detail) = &exchanged.detail {
            self.diagnose(purpose, detail, exchanged.refused);
        }
        let received = exchanged.received.take().map(|text| (now.wall, text));
        self.parts.switch.remember(purpose, (sent_at, exchanged.sent.take()), received);
        if let Ok(reply) = &mut exchanged.result {
            self.parts.switch.peer = reply.peer.take();
        }
        self.input_at(now, Input::Completed { txn, result: exchanged.result })
    }

    /// Says once, where the operator sees it, that this program does not leave the machine; anything else is detail.
    fn diagnose(&mut self, purpose: Purpose, detail: &str, refused: bool) {
        let device = &*self.parts.name;
        if refused && self.refused.as_deref() != Some(detail) {
            tracing::warn!(device, "{detail}");
            self.refused = Some(detail.into());
        } else {
            tracing::debug!(device, ?purpose, "{detail}");
        }
    }

    /// Makes the present state durable.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn persist(&mut self) -> Result<(), DriverError> {
        self.persist_at(self.now())
    }

    fn persist_at(&mut self, now: Now) -> Result<(), DriverError> {
        self.parts.faults.at(Point::Persist, Side::Before)?;
        let saved = SavedDevice {
            agent: self.parts.agent.save(&self.parts.shared, now),
            clock_offset_ms: self.parts.device_clock.offset_ms(),
            startup_config: self.parts.switch.startup.clone(),
            factory: self.parts.switch.factory.text(),
            features: match &self.accounted {
                Some(features) => features.iter().cloned().collect(),
                None => self.parts.switch.config.features.iter().map(|feature| (*feature).into()).collect(),
            },
            first_boot: self.first_boot,
        };
        self.parts.store.save(&serde_json::to_vec(&saved)?)?;
        self.saved_at = now.mono;
        self.parts.metrics.saves.increment();
        self.parts.faults.at(Point::Persist, Side::After)?;
        Ok(())
    }
}

fn earlier(one: Option<Mono>, other: Option<Mono>) -> Option<Mono> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

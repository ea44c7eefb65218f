//! Plays a scenario: steps, events and expectations in the total order of `spec/behaviour.md` §7.5.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use slpsim_agent::input::Scope;
use slpsim_agent::persist::RestoreError;
use slpsim_agent::{BootCause, Command, Keep, Token, Usage};
use slpsim_config::IdToken;
use slpsim_config::reader;
use slpsim_cssm::{AccountConfig, Config, Cssm, ManageError, Role, TokenWish};
use slpsim_logs::{Form, Formatter, Line, Repeated, ZoneError};
use slpsim_transport::fault::Plan;

use super::act::class_of;
use super::judge;
use super::link::{FaultLink, Mock};
use super::looks::{self, Looks};
use super::model::{Peer, Scenario, Wanted, When};
use super::page::{Band, State};
use super::record::Recorder;
use super::trace::{Outcome, Verdict, What};
use crate::device::{DeviceId, DeviceSpec};
use crate::explore::Watch;
use crate::factory::factory_config;
use crate::queue::Class;
use crate::switch::{Factory, zone_at};
use crate::world::World;

/// Entries of one trace; more are a mistake, or the work of a fleet.
const ENTRIES_MAX: usize = 2_000_000;

/// How a scenario is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How exchanges are carried.
    pub mode: Mode,
    /// In lockstep: how long a device really waits where nobody answers.
    pub lockstep_timeout: Duration,
    /// In place of the file's.
    pub seed: Option<u64>,
    /// Leaves out what the scenario is about: its faults and causes or, without any, the defects of its world. A scenario
    /// that still passes shows nothing.
    pub without_cause: bool,
    /// Notes how interval and deadline change, for the timeline of a page.
    pub course: bool,
}

impl Default for Options {
    fn default() -> Self {
        let lockstep_timeout = Duration::from_millis(250);
        Self { mode: Mode::Sim, lockstep_timeout, seed: None, without_cause: false, course: false }
    }
}

/// How exchanges are carried. Messages and verdicts are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// From hand to hand in one process.
    #[default]
    Sim,
    /// By real HTTP(S) on the loopback, with certificates in simulated time.
    #[cfg(feature = "lockstep")]
    Lockstep,
}

impl Mode {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            #[cfg(feature = "lockstep")]
            Self::Lockstep => "lockstep",
        }
    }
}

/// Why a scenario cannot be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The mock refuses its own configuration.
    #[error("the mock of the scenario cannot be set up: {0}")]
    Mock(#[from] ManageError),
    /// This machine does not give what lockstep needs.
    #[error("cannot prepare real exchanges: {0}")]
    Lockstep(String),
    /// A file that a device names cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A text that a device names is no id token.
    #[error("{}: {why}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The state of a device does not fit together.
    #[error("the state of a device does not fit together: this is an error of slpsim, please report it: {0}")]
    Restore(#[from] RestoreError),
    /// There is no such time zone.
    #[error(transparent)]
    Zone(#[from] ZoneError),
    /// It does not come to an end.
    #[error("more than {0} happen: give `every` a longer time or `until` a shorter one")]
    TooMuch(&'static str),
}

/// Plays a scenario.
///
/// # Errors
/// Where it cannot be played to its end; what merely goes otherwise than expected is in the outcome.
pub fn run(scenario: &Scenario, options: &Options) -> Result<Outcome, RunError> {
    let mut run = Run::new(scenario, options)?;
    run.boot()?;
    run.play()?;
    Ok(run.outcome())
}

/// A place in the order: time, class, position in the file.
type Key = (u64, Class, usize);

#[derive(Clone, Copy, Debug)]
enum Item {
    Step(usize),
    Expect(usize),
}

/// A scenario under way.
pub(super) struct Run<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) world: World<FaultLink>,
    /// Devices that have been made.
    count: usize,
    pub(super) seen: Recorder,
    /// What `{name}` stands for in console lines.
    pub(super) variables: BTreeMap<String, String>,
    /// Verdicts by place in the file: steps first, then expectations.
    pub(super) verdicts: Vec<(usize, Verdict)>,
    schedule: BTreeMap<Key, Item>,
    options: Options,
    /// Entries of the trace that are in the log files of the switches.
    logged: usize,
    /// The lines of all devices.
    log: Vec<String>,
    /// Faults that have begun.
    pub(super) faults: Vec<Band>,
    /// Properties of state.
    pub(super) looks: Looks,
    states: Vec<State>,
    /// The place of each device's last state.
    last_states: Vec<Option<usize>>,
    log_form: Formatter,
}

impl<'a> Run<'a> {
    pub(super) fn new(scenario: &'a Scenario, options: &Options) -> Result<Self, RunError> {
        let seed = options.seed.unwrap_or(scenario.seed);
        let bare = options.without_cause && !scenario.steps.iter().any(|step| step.is_cause);
        let (mock, token) = peer(scenario, mock(scenario, seed, bare), options)?;
        let latency = Duration::from_millis(if bare { 0 } else { scenario.latency_ms });
        let link = FaultLink {
            mock,
            plan: Plan::default(),
            stuck: BTreeSet::new(),
            wires: if bare { Vec::new() } else { scenario.links.clone() },
            devices: scenario.devices.clone(),
            network: Arc::new(scenario.network.clone()),
            open: scenario.open,
            gone: BTreeSet::new(),
            latency,
            seed,
            hits: Vec::new(),
        };
        let mut world = World::new(scenario.start, seed, link);
        world.shared.keep = Keep::SWITCH;
        world.keep_durable = true;
        world.keep_writes = scenario.steps.iter().map(|step| step.action.lost_writes()).max().unwrap_or(0);
        // Where the store does not keep what it was given, nothing of what depends on it can hold.
        let is_kept = !scenario.steps.iter().any(|step| step.action.harms_the_store());
        world.watch = is_kept.then(Watch::default);
        let mut run = Self {
            scenario,
            world,
            count: 0,
            log_form: Formatter::new(slpsim_logs::Options { form: Form::Logfile, ..Default::default() }),
            seen: Recorder::new(scenario),
            variables: BTreeMap::from([("token".to_owned(), token)]),
            verdicts: Vec::new(),
            schedule: BTreeMap::new(),
            options: *options,
            logged: 0,
            log: Vec::new(),
            faults: Vec::new(),
            looks: Looks::of(scenario),
            states: Vec::new(),
            last_states: vec![None; scenario.devices.len()],
        };
        run.plan();
        Ok(run)
    }

    /// Puts everything with a time into the schedule.
    fn plan(&mut self) {
        for (position, step) in self.scenario.steps.iter().enumerate() {
            if let When::At(at) | When::Every { from: at, .. } = step.when {
                self.schedule.insert((at, class_of(&step.action), position), Item::Step(position));
            }
        }
        for (position, expectation) in self.scenario.expectations.iter().enumerate() {
            let times = match &expectation.wanted {
                Wanted::Show { at, .. } | Wanted::Peer { at, .. } => vec![*at],
                Wanted::Property(property) => {
                    let window = looks::window(property, self.scenario.until_ms);
                    vec![window.from, window.to]
                }
                Wanted::Message { .. } | Wanted::Exchange { .. } => Vec::new(),
            };
            for at in times {
                self.schedule.insert((at, Class::Expect, position), Item::Expect(position));
            }
        }
    }

    /// Builds and boots the devices, at 0.
    pub(super) fn boot(&mut self) -> Result<(), RunError> {
        let network = Arc::clone(&self.world.link.network);
        for (position, keys) in self.scenario.devices.iter().enumerate() {
            let lines = match &keys.startup_config {
                None => String::new(),
                Some(path) => {
                    reader::read(path).map_err(|source| RunError::Read { path: path.clone(), source })?
                }
            };
            let (config, _) = factory_config(keys, &network, self.scenario.start)?;
            let usage = keys.licenses.iter().map(|used| Usage { license: used.license, count: used.count });
            let id = self.world.add(DeviceSpec {
                factory: Factory { config, lines },
                profile: keys.profile,
                udi: keys.udi,
                usage: usage.filter(|used| used.count > 0).collect(),
                network: Arc::clone(&network),
            });
            self.count += 1;
            if let Some(udi) = keys.standby {
                self.world.fit_standby(id, udi);
            }
            let cause =
                if keys.upgraded { BootCause::Upgraded { registered: true } } else { BootCause::First };
            self.world.boot(id, cause, &mut self.seen);
            self.settle();
            let refused = self.world.device(id).map(|device| device.refused().join("; ")).unwrap_or_default();
            if !refused.is_empty() {
                self.verdicts.push((position, judge::refused_startup(&keys.name, &refused)));
            }
            if let Some(token) = token_of(keys.idtoken.as_ref())? {
                let command = Command::Trust { token, scope: Scope::Local, force: false };
                // A device that has just been made has no trust code, so it does not refuse.
                let _ = self.world.command(id, command, &mut self.seen);
                self.settle();
            }
        }
        Ok(())
    }

    pub(super) fn play(&mut self) -> Result<(), RunError> {
        let end = (self.scenario.until_ms, Class::Expect, usize::MAX);
        loop {
            let (key, item) = match self.schedule.first_key_value() {
                Some((key, item)) if *key < end => (*key, Some(*item)),
                Some(_) | None => (end, None),
            };
            if self.run_until(key)? {
                continue;
            }
            self.world.run_to(key.0, key.1, &mut self.seen);
            let Some(item) = item else {
                self.observe();
                return Ok(());
            };
            self.schedule.remove(&key);
            match item {
                Item::Step(position) => self.step(position, key)?,
                Item::Expect(position) => self.look(position),
            }
            self.observe();
        }
    }

    /// Runs the world up to a place in the order. `true` where something comes before that place now.
    fn run_until(&mut self, key: Key) -> Result<bool, RunError> {
        while self.world.run_one(key.0, key.1, &mut self.seen) {
            self.settle();
            self.observe();
            if self.seen.entries.len() > ENTRIES_MAX {
                return Err(RunError::TooMuch("2000000 things"));
            }
            if self.schedule.first_key_value().is_some_and(|(first, _)| *first < key) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether nothing more happens at this instant.
    pub(super) fn is_over(&self) -> bool {
        let now = self.world.now_ms();
        let step = self.schedule.first_key_value().map(|(key, _)| key.0);
        [self.world.next_ms(), step].into_iter().flatten().all(|at| at > now)
    }

    /// What has to be done after the world has moved: lines go to the log, messages release steps.
    pub(super) fn settle(&mut self) {
        self.count_hits();
        for entry in self.seen.entries.get(self.logged..).unwrap_or_default() {
            if let (What::Line { clock, message, .. }, Some(position)) = (&entry.what, entry.device)
                && let Some(device) = self.world.device(Self::id(position))
            {
                let config = &device.switch.config;
                let line = self.log_form.format(&Line {
                    at: *clock,
                    zone: zone_at(&config.zone, *clock),
                    host: Some(&config.hostname),
                    address: None,
                    sequence: 0,
                    message,
                    repeated: Repeated::No,
                });
                self.log.push(String::from_utf8_lossy(line).into_owned());
            }
        }
        self.logged = self.seen.entries.len();
        if self.options.course {
            self.note_states();
        }
        for position in self.seen.released.drain(..) {
            let Some(step) = self.scenario.steps.get(position) else { continue };
            if let When::After { delay, .. } = step.when {
                let at = self.world.now_ms().saturating_add(delay);
                self.schedule.insert((at, class_of(&step.action), position), Item::Step(position));
            }
        }
    }

    /// Notes what has changed in the states of the devices.
    fn note_states(&mut self) {
        for position in 0..self.count {
            let Some(view) = self.world.view(Self::id(position)) else { continue };
            let state = State {
                at_ms: self.world.now_ms(),
                device: position,
                interval_days: view.configured_interval().days(),
                is_fast: view.is_fast(),
                deadline: view.ack_deadline(),
            };
            let last = self.last_states.get(position).copied().flatten().and_then(|at| self.states.get(at));
            if last.is_some_and(|last| State { at_ms: state.at_ms, ..*last } == state) {
                continue;
            }
            if let Some(slot) = self.last_states.get_mut(position) {
                *slot = Some(self.states.len());
            }
            self.states.push(state);
        }
    }

    fn step(&mut self, position: usize, key: Key) -> Result<(), RunError> {
        let Some(step) = self.scenario.steps.get(position) else { return Ok(()) };
        if let When::Every { period, to, .. } = step.when {
            let again = key.0.saturating_add(period);
            if again <= to {
                self.schedule.insert((again, key.1, position), Item::Step(position));
            }
        }
        if self.options.without_cause && step.is_cause {
            return Ok(());
        }
        self.act(position, step)
    }

    fn look(&mut self, position: usize) {
        let Some(expectation) = self.scenario.expectations.get(position) else { return };
        let verdict = match &expectation.wanted {
            Wanted::Show { .. } => self.show(expectation),
            Wanted::Peer { what, count, .. } => {
                let all = self.counts_at_peer(expectation.device);
                let device = expectation.device.and_then(|at| self.scenario.devices.get(at));
                let name = device.map_or("", |device| device.name.as_str());
                judge::peer(expectation, (*what, *count), name, &all)
            }
            Wanted::Message { .. } | Wanted::Exchange { .. } | Wanted::Property(_) => return,
        };
        self.verdicts.push((self.place_of(position), verdict));
    }

    /// Expectations stand behind the steps in the order of verdicts.
    fn place_of(&self, expectation: usize) -> usize {
        self.scenario.steps.len().saturating_add(expectation)
    }

    pub(super) fn outcome(mut self) -> Outcome {
        self.count_hits();
        let mut outcome = self.scenario.outcome(self.world.shared.seed);
        outcome.log = std::mem::take(&mut self.log);
        outcome.course.faults = std::mem::take(&mut self.faults);
        outcome.course.states = std::mem::take(&mut self.states);
        outcome.mode = self.options.mode;
        outcome.without_cause = self.options.without_cause;
        outcome.events = self.world.events();
        outcome.trace.entries = self.seen.finish(self.scenario.start, &self.world.link.hits);
        for (position, expectation) in self.scenario.expectations.iter().enumerate() {
            let verdict = match expectation.wanted {
                Wanted::Message { .. } => judge::message(expectation, &outcome),
                Wanted::Exchange { .. } => judge::exchange(expectation, &outcome),
                Wanted::Property(_) => judge::property(expectation, self.looks.sights(position), &outcome),
                Wanted::Show { .. } | Wanted::Peer { .. } => continue,
            };
            let place = self.place_of(position);
            self.verdicts.push((place, verdict));
        }
        self.verdicts.extend(self.never_released());
        let broken = self.world.watch.iter().flat_map(Watch::broken);
        self.verdicts.extend(broken.map(|(device, violation)| {
            let name = self.scenario.devices.get(device.0 as usize).map_or("", |keys| &keys.name);
            (usize::MAX, judge::broken(name, violation))
        }));
        self.verdicts.sort_by_key(|(place, _)| *place);
        outcome.verdicts = self.verdicts.into_iter().map(|(_, verdict)| verdict).collect();
        outcome
    }

    /// Steps that waited for a message that never came: the scenario did not do what it says.
    fn never_released(&self) -> Vec<(usize, Verdict)> {
        let waiting =
            self.scenario.steps.iter().enumerate().filter(|(position, _)| self.seen.waits(*position));
        waiting.map(|(position, step)| (position, judge::never_released(step))).collect()
    }

    /// The devices that a step or an expectation is for.
    pub(super) fn concerned(&self, device: Option<usize>) -> Vec<usize> {
        device.map_or_else(|| (0..self.count).collect(), |only| vec![only])
    }

    /// The number of a device in its world.
    pub(super) fn id(position: usize) -> DeviceId {
        DeviceId(u32::try_from(position).unwrap_or(u32::MAX))
    }
}

/// The mock, and a good id token of it.
fn peer(scenario: &Scenario, config: Config, options: &Options) -> Result<(Mock, String), RunError> {
    match options.mode {
        Mode::Sim => {
            let mut cssm = Cssm::new(config)?;
            let token = cssm.make_token(scenario.start, &TokenWish::default())?;
            Ok((Mock::InProcess(Box::new(cssm)), token.expose().to_owned()))
        }
        #[cfg(feature = "lockstep")]
        Mode::Lockstep => {
            let real = super::real::RealMock::start(scenario, config, options.lockstep_timeout);
            let real = real.map_err(RunError::Lockstep)?;
            let token = real.token();
            Ok((Mock::Real(Box::new(real)), token))
        }
    }
}

/// What a mock is told to play a peer: role, connected, down-rev.
pub(crate) const fn plays(peer: Peer) -> (Role, bool, bool) {
    match peer {
        Peer::Cssm => (Role::Cssm, true, false),
        Peer::Cslu => (Role::Cslu, true, false),
        Peer::CsluDisconnected => (Role::Cslu, false, false),
        Peer::OnPrem => (Role::OnPrem, true, false),
        Peer::OnPremDownRev => (Role::OnPrem, true, true),
    }
}

fn mock(scenario: &Scenario, seed: u64, bare: bool) -> Config {
    let (role, connected, down_rev) = plays(scenario.peer);
    let (connected, down_rev) = (connected || bare, down_rev && !bare);
    let account = AccountConfig::default();
    let policy = account.policy.clone().filter(|_| bare || scenario.has_policy);
    Config {
        role,
        connected,
        down_rev,
        strict_clock: scenario.strict_clock && !bare,
        ack_mode: if bare { slpsim_cssm::AckMode::AtOnce } else { scenario.ack_mode },
        accounts: vec![AccountConfig { policy, ..account }],
        seed,
        ..Config::default()
    }
}

fn token_of(token: Option<&IdToken>) -> Result<Option<Token>, RunError> {
    match token {
        None => Ok(None),
        Some(IdToken::Given(token)) => Ok(Some(token.clone())),
        Some(IdToken::File(path)) => {
            let text = reader::read(path).map_err(|source| RunError::Read { path: path.clone(), source })?;
            let token = Token::new(text.trim());
            token.map(Some).map_err(|error| RunError::Token { path: path.clone(), why: error.to_string() })
        }
    }
}

//! Plays a life with a subject, every call watched: the order of events is that of [`crate::World`], for one device.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use slpsim_agent::input::Scope;
use slpsim_agent::{
    AgentId, BootCause, Command, Cx, Draw, Failure, Input, Keep, Now, Output, ProfileId, Purpose, Reply,
    ReportId, Request, Sender, Settings, Shared, Token, Txn, Udi, Usage, draw,
};
use slpsim_console::Config as SwitchConfig;
use slpsim_cssm::{AccountConfig, Config, Cssm, TokenWish};
use slpsim_policy::{Mono, Wall};
use slpsim_transport::fault::{Fault, Meets, Plan};

use super::check::{Call, Checker};
use super::invariant::{Invariant, Violation};
use super::life::{Deed, Life};
use super::panic::caught;
use super::subject::Subject;
use super::twin::Twin;
use super::watch::Watcher;
use crate::link::{Exchange, route_of};
use crate::scenario::{Timing, in_process, plays};

/// Events of one life; more are a device that never rests.
const EVENTS_MAX: u64 = 200_000;

/// How a life went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// The first invariant that broke; the life ends there.
    pub violation: Option<Violation>,
    /// Timers that ran and exchanges that ended.
    pub events: u64,
    /// How far it came, in milliseconds.
    pub lived_ms: u64,
}

/// Plays a life with a subject of its own.
pub fn play<S: Subject>(life: &Life, watcher: &mut dyn Watcher) -> Played {
    let mut engine = match Engine::<S>::new(life, watcher) {
        Ok(engine) => engine,
        Err(why) => {
            let violation = Violation { at_ms: 0, invariant: Invariant::Harmless, why };
            return Played { violation: Some(violation), events: 0, lived_ms: 0 };
        }
    };
    // A panic is an error of the agent like any other, and its life is worth as much: it is found, shrunk and written.
    let violation = match caught(|| engine.run()) {
        Ok(ran) => ran.err(),
        Err(why) => Some(Violation { at_ms: engine.now_ms, invariant: Invariant::NoPanic, why }),
    };
    Played { violation, events: engine.events, lived_ms: engine.now_ms }
}

struct Engine<'a, S> {
    life: &'a Life,
    watcher: &'a mut dyn Watcher,
    subject: S,
    checker: Checker<S>,
    twin: Option<Twin<S>>,
    shared: Shared,
    cssm: Cssm,
    token: Token,
    plan: Plan,
    /// What requests say of the switch beside the agent.
    hostname: String,
    config: SwitchConfig,
    now_ms: u64,
    clock_offset_ms: i64,
    /// Ends of exchanges in the order in which they come.
    replies: VecDeque<Pending>,
    /// Steps by time, class and place.
    order: Vec<usize>,
    next_step: usize,
    requests: u64,
    events: u64,
    out: Vec<Output>,
    /// The exchange that ended last: its second end does nothing.
    landed: Txn,
}

/// The end of an exchange.
struct Pending {
    ends_ms: u64,
    txn: Txn,
    purpose: Purpose,
    result: Result<Reply, Failure>,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Step,
    Reply,
    Timer,
}

type Checked = Result<(), Violation>;

impl<'a, S: Subject> Engine<'a, S> {
    fn new(life: &'a Life, watcher: &'a mut dyn Watcher) -> Result<Self, String> {
        let udi = Udi::new(PID, SERIAL).map_err(|error| error.to_string())?;
        let (role, connected, down_rev) = plays(life.peer);
        let config = Config {
            role,
            connected,
            down_rev,
            accounts: vec![AccountConfig::default()],
            seed: life.seed,
            ..Config::default()
        };
        let mut cssm = Cssm::new(config).map_err(|error| error.to_string())?;
        let token = cssm.make_token(life.start, &TokenWish::default()).map_err(|error| error.to_string())?;
        let settings = Settings { transport: life.transport, ..Settings::default() };
        let mut order: Vec<usize> = (0..life.steps.len()).collect();
        order.sort_by_key(|at| life.steps.get(*at).map(|step| (step.at_ms, step.deed.class(), *at)));
        Ok(Self {
            life,
            watcher,
            subject: S::new(ProfileId::Nexus9000, udi, settings, &[Usage { license: 0, count: 1 }]),
            checker: Checker::default(),
            twin: None,
            shared: Shared { seed: life.seed, keep: Keep::SWITCH, ..Shared::default() },
            cssm,
            token,
            plan: Plan::default(),
            hostname: "switch".into(),
            config: SwitchConfig::default(),
            now_ms: 0,
            clock_offset_ms: 0,
            replies: VecDeque::new(),
            order,
            next_step: 0,
            requests: 0,
            events: 0,
            out: Vec::new(),
            landed: Txn(0),
        })
    }

    fn run(&mut self) -> Checked {
        self.input(Input::Boot { cause: BootCause::First, clock_authoritative: true })?;
        while let Some((at, next)) = self.next().filter(|(at, _)| *at <= self.life.until_ms) {
            if at > self.now_ms {
                self.poke()?;
                self.now_ms = at;
            }
            match next {
                Next::Step => self.step()?,
                Next::Reply => self.reply()?,
                Next::Timer => {
                    self.events += 1;
                    self.input(Input::Timeout)?;
                }
            }
            if self.events > EVENTS_MAX {
                return self.broken(Invariant::DeadlineAhead, format!("more than {EVENTS_MAX} events"));
            }
        }
        self.now_ms = self.life.until_ms;
        self.peer_agrees()
    }

    /// What the device takes for acknowledged, the peer has received. (Whether it noted that its ACK was fetched is not
    /// asked: for a report of the other supervisor it does not.)
    fn peer_agrees(&self) -> Checked {
        let received: BTreeSet<ReportId> = self.cssm.store().reports().map(|report| report.id).collect();
        match self.checker.acknowledged().find(|id| !received.contains(id)) {
            None => Ok(()),
            Some(ReportId(id)) => {
                let why = format!("report {id} is acknowledged, and the peer never received it");
                self.broken(Invariant::AcknowledgedOnce, why)
            }
        }
    }

    /// The earliest of step, reply and timer; of those of one instant, the first by class. Every step stands before
    /// replies, as faults and commands do.
    fn next(&self) -> Option<(u64, Next)> {
        let step = self.order.get(self.next_step).and_then(|at| self.life.steps.get(*at));
        let step = step.map(|step| (step.at_ms, Next::Step));
        let reply = self.replies.front().map(|reply| (reply.ends_ms, Next::Reply));
        let timer = self.checker.next_deadline().map(|(at, _)| (at.0.max(self.now_ms), Next::Timer));
        [step, reply, timer].into_iter().flatten().min()
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.now_ms), wall: self.wall().plus_millis(self.clock_offset_ms) }
    }

    fn wall(&self) -> Wall {
        self.life.start.plus_millis(i64::try_from(self.now_ms).unwrap_or(i64::MAX))
    }

    fn broken(&self, invariant: Invariant, why: String) -> Checked {
        Err(Violation { at_ms: self.now_ms, invariant, why })
    }

    /// Time is about to pass: now every further time-out is early, and every further end of an exchange a late one.
    fn poke(&mut self) -> Checked {
        let (now, due) = (self.now(), self.checker.next_deadline());
        self.out.clear();
        let mut cx = Cx { now, id: AgentId(0), shared: &mut self.shared, out: &mut self.out };
        self.subject.handle(&mut cx, Input::Timeout);
        let late = Input::Completed { txn: self.landed, result: Err(Failure::Unreachable) };
        self.subject.handle(&mut cx, late);
        if self.out.is_empty() && self.subject.next_deadline() == due {
            return Ok(());
        }
        let what = if self.out.is_empty() { "moved a timer" } else { "did something" };
        self.broken(Invariant::Harmless, format!("an early time-out or a late end of an exchange {what}"))
    }

    fn input(&mut self, input: Input) -> Checked {
        let now = self.now();
        self.checker.begin(Call::Input(&input));
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let twins = self.twin.as_ref().map(|_| input.clone());
        let mut cx = Cx { now, id: AgentId(0), shared: &mut self.shared, out: &mut out };
        self.subject.handle(&mut cx, input);
        if let (Some(twin), Some(input)) = (&mut self.twin, twins) {
            let same = twin.input(input, (&mut self.shared, now), &out);
            same.map_err(|(invariant, why)| Violation { at_ms: self.now_ms, invariant, why })?;
        }
        self.called(now, out)
    }

    fn command(&mut self, command: Command) -> Checked {
        let now = self.now();
        self.checker.begin(Call::Command(&command));
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let twins = self.twin.as_ref().map(|_| command.clone());
        let mut cx = Cx { now, id: AgentId(0), shared: &mut self.shared, out: &mut out };
        // A refusal is an answer like any other: nothing has changed then.
        let _ = self.subject.command(&mut cx, command);
        if let (Some(twin), Some(command)) = (&mut self.twin, twins) {
            let same = twin.command(command, (&mut self.shared, now), &out);
            same.map_err(|(invariant, why)| Violation { at_ms: self.now_ms, invariant, why })?;
        }
        self.called(now, out)
    }

    /// Judges a call, then performs what it left to be done.
    fn called(&mut self, now: Now, mut out: Vec<Output>) -> Checked {
        if self.twin.as_ref().is_some_and(Twin::is_done) {
            self.twin = None;
        }
        self.checker.end(&self.subject, &self.shared, now, &out)?;
        for output in out.drain(..) {
            match output {
                Output::Persist => self.watcher.persisted(self.now_ms),
                Output::Log(message) => self.watcher.line(self.now_ms, &message),
                Output::Send { txn, request, give_up_after } => self.send(now, txn, &request, give_up_after),
                Output::Cancel(_) | Output::Event(_) | Output::WriteFile(_) => {}
            }
        }
        self.out = out;
        Ok(())
    }

    fn send(&mut self, now: Now, txn: Txn, request: &Request, give_up_after: Duration) {
        let purpose = request.purpose();
        self.watcher.sent(self.now_ms, purpose);
        self.requests += 1;
        let transport = self.subject.agent().settings().transport;
        let meets = Meets {
            at: self.wall(),
            purpose: Some(purpose),
            by_name: true,
            tls: transport.is_direct(),
            is_called: &|_| true,
        };
        let effect = self.plan.strike(&meets, &|_, _| 0).map(|(_, effect)| effect);
        let nonce = draw(self.shared.seed, AgentId(0), Draw::Nonce, self.requests) >> 1;
        let sender = Sender { hostname: Some(self.hostname.clone()), ..self.subject.agent().sender() };
        let exchange = Exchange {
            at: self.wall(),
            device_clock: now.wall,
            device: AgentId(0),
            transport,
            sender: &sender,
            config: &self.config,
            request,
            nonce,
            give_up_after,
        };
        let timing = Timing::of(&exchange, effect, Duration::from_millis(self.life.latency_ms));
        // On transport `off` nothing is ever sent.
        let result = match route_of(transport) {
            Some(route) => in_process(&mut self.cssm, &exchange, Some(route), effect),
            None => Err(Failure::TransportMissing),
        };
        let carried = timing.end(result);
        let ends_ms =
            self.now_ms.saturating_add(u64::try_from(carried.after.as_millis()).unwrap_or(u64::MAX));
        let at = self.replies.partition_point(|reply| reply.ends_ms <= ends_ms);
        self.replies.insert(at, Pending { ends_ms, txn, purpose, result: carried.result });
    }

    fn reply(&mut self) -> Checked {
        let Some(Pending { txn, purpose, result, .. }) = self.replies.pop_front() else { return Ok(()) };
        self.events += 1;
        self.watcher.ended(self.now_ms, purpose, result.as_ref().err().copied());
        self.landed = txn;
        self.input(Input::Completed { txn, result })
    }

    fn step(&mut self) -> Checked {
        let step = self.order.get(self.next_step).and_then(|at| self.life.steps.get(*at));
        self.next_step += 1;
        let Some(step) = step else { return Ok(()) };
        match step.deed {
            Deed::Trust { all, force } => {
                let scope = if all { Scope::All } else { Scope::Local };
                self.command(Command::Trust { token: self.token.clone(), scope, force })
            }
            Deed::Sync => self.command(Command::Sync),
            Deed::FactoryReset => self.command(Command::FactoryReset),
            Deed::Transport(transport) => self.command(Command::Transport(transport)),
            Deed::Interval(days) => self.command(Command::UsageInterval(days)),
            Deed::Usage { license, count } => self.input(Input::Usage(Usage { license, count })),
            Deed::Reload => self.reload(),
            Deed::PowerLoss => self.power_loss(),
            Deed::ClockStep(delta_ms) => {
                self.clock_offset_ms = self.clock_offset_ms.saturating_add(delta_ms);
                self.input(Input::ClockStep { delta_ms })
            }
            Deed::StandbyAdded => {
                let udi = Udi::new(PID, STANDBY);
                udi.map_or(Ok(()), |udi| self.input(Input::StandbyAdded(udi)))
            }
            Deed::StandbyRemoved => self.input(Input::StandbyRemoved),
            Deed::Switchover => self.input(Input::Switchover),
            Deed::Peer(peer) => {
                let (role, connected, down_rev) = plays(peer);
                self.cssm.set_role(role, connected, down_rev);
                Ok(())
            }
            Deed::Fault(trouble) => {
                let now = self.wall();
                self.plan.expire(now);
                if let Ok(fault) = Fault::resolve(trouble.spec()) {
                    self.plan.begin(fault, now);
                }
                Ok(())
            }
        }
    }

    /// Nothing was copied to the startup configuration: a start goes back to that of the first boot.
    fn startup(&self) -> Settings {
        Settings { transport: self.life.transport, ..Settings::default() }
    }

    /// The agent goes on in place; beside it goes one that was saved and restored.
    fn reload(&mut self) -> Checked {
        let now = self.now();
        self.subject.set_settings(self.startup());
        let twin = Twin::of(&self.subject, &mut self.shared, now);
        self.twin =
            Some(twin.map_err(|(invariant, why)| Violation { at_ms: self.now_ms, invariant, why })?);
        self.input(Input::Boot { cause: BootCause::Reload, clock_authoritative: true })
    }

    /// What was not durable is lost, and with it the ends of exchanges that were under way.
    fn power_loss(&mut self) -> Checked {
        let Some(flash) = self.checker.flash() else { return Ok(()) };
        let saved = flash.subject.save(&self.shared, flash.at);
        match S::restore(saved, self.startup(), &mut self.shared) {
            Ok(restored) => self.subject = restored,
            Err(error) => return self.broken(Invariant::SnapshotGoesOn, error.to_string()),
        }
        self.replies.clear();
        self.twin = None;
        self.landed = Txn(0);
        let now = self.now();
        self.checker.restored(&self.subject, &self.shared, now)?;
        self.input(Input::Boot { cause: BootCause::PowerLoss, clock_authoritative: true })
    }
}

/// The device of a scenario that says nothing of it.
const PID: &str = "N9K-C93180YC-FX3";
const SERIAL: &str = "FDO00000001";
/// The second supervisor of the first device of a scenario.
const STANDBY: &str = "SBY00000001";

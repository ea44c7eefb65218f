//! What a step does, and what a look at a device or at the mock finds.

use std::sync::Arc;

use slpsim_agent::{BootCause, Failure, Input, Udi};
use slpsim_console::{Role, Session};
use slpsim_network::World;
use slpsim_transport::fault::{Effect, Fault};

use super::judge;
use super::model::{Action, ClockChange, Event, Expectation, Moment, NetworkChange, Seen, Step, Wanted};
use super::page::Band;
use super::resolve::{is_called, placeholders};
use super::run::{Run, RunError, plays};
use super::trace::{Target, Verdict, What};
use crate::device::Device;
use crate::queue::Class;

/// Where an action stands in the order: changes of the world and faults come before commands and events
/// (`spec/behaviour.md` §7.5).
pub(super) const fn class_of(action: &Action) -> Class {
    match action {
        Action::Fault(_) | Action::Network(_) | Action::Peer(_) | Action::Policy(_) | Action::Manage(..) => {
            Class::World
        }
        Action::Command(..)
        | Action::Event(_)
        | Action::LosingPower(_)
        | Action::Clock(_)
        | Action::Usage(_) => Class::Event,
    }
}

/// What an action is done to.
const fn target_of(action: &Action) -> Target {
    match action {
        Action::Fault(_) => Target::Fault,
        Action::Network(_) | Action::Peer(_) | Action::Policy(_) | Action::Manage(..) => Target::World,
        Action::Command(..)
        | Action::Event(_)
        | Action::LosingPower(_)
        | Action::Clock(_)
        | Action::Usage(_) => Target::Device,
    }
}

impl Run<'_> {
    /// Does a step.
    pub(super) fn act(&mut self, position: usize, step: &Step) -> Result<(), RunError> {
        let now = self.world.now_ms();
        let text = step.called.clone().unwrap_or_else(|| described(&step.action));
        self.seen.add(
            now,
            step.device,
            What::Step { place: step.place.clone(), to: target_of(&step.action), text },
        );
        match &step.action {
            Action::Fault(fault) => {
                self.count_hits();
                self.world.link.plan.expire(self.world.wall());
                let number = self.world.link.plan.begin(fault.clone(), self.world.wall());
                let span = fault.spec.span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
                self.faults.push(Band {
                    number,
                    place: step.place.clone(),
                    kind: fault.spec.kind.word(),
                    text: step.called.clone().unwrap_or_else(|| described_fault(fault)),
                    devices: self.hit_devices(fault),
                    from_ms: now,
                    to_ms: span.map(|span| now.saturating_add(span)),
                    ended_ms: None,
                    met: 0,
                    hit: 0,
                });
            }
            Action::Network(change) => self.change_network(change),
            Action::Peer(peer) => {
                let (role, connected, down_rev) = plays(*peer);
                self.world.link.mock.with(|cssm| cssm.set_role(role, connected, down_rev));
            }
            Action::Policy(policy) => {
                let account = self.account();
                self.world.link.mock.with(|cssm| cssm.set_policy(&account, policy.clone()))?;
            }
            Action::Manage(call, saves) => {
                let wall = self.world.wall();
                match self.world.link.mock.with(|cssm| call.make(cssm, wall)) {
                    Ok(values) => {
                        for (variable, key) in saves {
                            let at = call.answers().iter().position(|answer| answer == key);
                            let value = at.and_then(|at| values.get(at)).cloned().unwrap_or_default();
                            self.variables.insert(variable.clone(), value);
                        }
                    }
                    Err(error) => {
                        self.verdicts.push((position, judge::refused_call(step, &error.to_string())))
                    }
                }
            }
            Action::Command(lines, reply) => {
                if let Some(name) = self.unset(lines) {
                    self.verdicts.push((position, judge::unset(step, lines, name)));
                    return Ok(());
                }
                for device in self.concerned(step.device) {
                    let (answer, error) = self.console(device, lines);
                    if let Some(verdict) = judge::reply(step, lines, reply.as_ref(), &answer, error) {
                        self.verdicts.push((position, verdict));
                    }
                }
            }
            Action::Event(event) => {
                for device in self.concerned(step.device) {
                    self.event(device, *event)?;
                }
            }
            Action::LosingPower(lost) => {
                for device in self.concerned(step.device) {
                    self.world.power_cycle_losing(Self::id(device), *lost, &mut self.seen)?;
                    self.settle();
                }
            }
            Action::Clock(change) => {
                for device in self.concerned(step.device) {
                    self.clock(device, *change);
                }
            }
            Action::Usage(usage) => {
                for device in self.concerned(step.device) {
                    self.world.input(Self::id(device), Input::Usage(*usage), &mut self.seen);
                    self.settle();
                }
            }
        }
        Ok(())
    }

    /// Notes how often the faults in force have met and hit something, before they are forgotten.
    pub(super) fn count_hits(&mut self) {
        for standing in self.world.link.plan.standing() {
            // Numbers count from 1, in the order of the bands.
            let at = usize::try_from(standing.number.saturating_sub(1)).unwrap_or(usize::MAX);
            if let Some(band) = self.faults.get_mut(at) {
                (band.met, band.hit) = (standing.met, standing.hit);
                if standing.left == Some(0) {
                    band.ended_ms = band.ended_ms.or(Some(self.world.now_ms()));
                }
            }
        }
    }

    /// The devices that a fault is for, by position; empty: all.
    fn hit_devices(&self, fault: &Fault) -> Vec<usize> {
        let names = &fault.spec.devices;
        let devices = self.scenario.devices.iter().enumerate();
        let meant = devices.filter(|(_, keys)| names.iter().any(|name| is_called(keys, name)));
        meant.map(|(at, _)| at).collect()
    }

    /// The account whose policy a step changes: the default one.
    fn account(&mut self) -> String {
        self.world.link.mock.with(|cssm| {
            let accounts = cssm.store().accounts();
            accounts.first().map(|account| account.names.r#virtual.clone()).unwrap_or_default()
        })
    }

    /// Types lines in one session: what it answers, and whether one was refused.
    pub(super) fn console(&mut self, device: usize, lines: &[String]) -> (String, bool) {
        let typed: Vec<String> = lines.iter().map(|line| self.filled(line)).collect();
        let answered = self.world.exec(Self::id(device), &typed, &mut self.seen);
        let (answer, error) = answered.unwrap_or_default();
        self.settle();
        let what = What::Console { line: lines.join("; "), answer: answer.clone(), error };
        self.seen.add(self.world.now_ms(), Some(device), what);
        (answer, error)
    }

    /// The first name in braces that nothing has been saved under so far.
    fn unset<'l>(&self, lines: &'l [String]) -> Option<&'l str> {
        let names = lines.iter().flat_map(|line| placeholders(line));
        names.into_iter().find(|name| !self.variables.contains_key(*name))
    }

    fn filled(&self, line: &str) -> String {
        let mut filled = line.to_owned();
        for name in placeholders(line) {
            if let Some(value) = self.variables.get(name) {
                filled = filled.replace(&format!("{{{name}}}"), value);
            }
        }
        filled
    }

    fn event(&mut self, device: usize, event: Event) -> Result<(), RunError> {
        let id = Self::id(device);
        match event {
            Event::Reload => self.world.reload(id, &mut self.seen),
            Event::PowerLoss => self.world.power_cycle(id, &mut self.seen)?,
            Event::Upgrade => {
                let registered = self.scenario.devices.get(device).is_some_and(|keys| keys.upgraded);
                let cause = BootCause::Upgraded { registered };
                self.world.input(id, Input::Boot { cause, clock_authoritative: true }, &mut self.seen);
            }
            Event::Switchover => self.world.input(id, Input::Switchover, &mut self.seen),
            Event::StandbyRemoved => self.world.input(id, Input::StandbyRemoved, &mut self.seen),
            Event::StandbyAdded => {
                if let Some(udi) = self.standby(device) {
                    self.world.input(id, Input::StandbyAdded(udi), &mut self.seen);
                }
            }
        }
        self.settle();
        Ok(())
    }

    /// That of the file, else one with a serial number of its own.
    fn standby(&self, device: usize) -> Option<Udi> {
        let keys = self.scenario.devices.get(device)?;
        let made = || Udi::new(keys.udi.pid.as_str(), &format!("SBY{:08}", device.saturating_add(1))).ok();
        keys.standby.or_else(made)
    }

    /// The devices share one network.
    fn change_network(&mut self, change: &NetworkChange) {
        let mut network = World::clone(&self.world.link.network);
        change.make(&mut network);
        let gone = &mut self.world.link.gone;
        gone.extend(change.gone.iter().map(|name| name.to_ascii_lowercase()));
        for (name, _) in &change.hosts {
            gone.remove(&name.to_ascii_lowercase());
        }
        let network = Arc::new(network);
        for device in self.concerned(None) {
            if let Some(device) = self.world.device_mut(Self::id(device)) {
                device.switch.world = Arc::clone(&network);
            }
        }
        self.world.link.network = network;
    }

    fn clock(&mut self, device: usize, change: ClockChange) {
        let id = Self::id(device);
        match change {
            ClockChange::Step(delta_ms) => {
                if delta_ms != 0 {
                    self.world.input(id, Input::ClockStep { delta_ms }, &mut self.seen);
                }
            }
            ClockChange::Drift(gain) => {
                let now = self.world.now_ms();
                if let Some(device) = self.world.device_mut(id) {
                    device.set_drift(gain, now);
                }
            }
            ClockChange::Synced => self.world.follow_ntp(id, &mut self.seen),
        }
        self.settle();
    }

    /// Asks the console, on every device that the expectation is for.
    pub(super) fn show(&mut self, expectation: &Expectation) -> Verdict {
        let mut answers = Vec::new();
        for device in self.concerned(expectation.device) {
            let Wanted::Show { command, .. } = &expectation.wanted else { continue };
            let id = Self::id(device);
            let now = self.world.now(id);
            let (Device { agent, switch, .. }, shared) = self.world.parts(id);
            // What it wants done is not done: an expectation only looks.
            let reply = switch.line(&mut Session::new(Role::Operator), (agent, shared), now, command);
            let name = self.scenario.devices.get(device).map(|keys| keys.name.clone());
            let structured = reply.document.to_value();
            answers.push(judge::Answer {
                device: name.unwrap_or_default(),
                text: reply.text,
                structured,
                error: reply.error,
            });
        }
        judge::show(expectation, &answers)
    }

    /// What the mock has, of a device or of all.
    pub(super) fn counts_at_peer(&mut self, device: Option<usize>) -> Vec<(Seen, u64)> {
        let udi = device.and_then(|at| self.scenario.devices.get(at)).map(|device| device.udi);
        let is_meant = |other: &Udi| udi.is_none_or(|udi| udi == *other);
        self.world.link.mock.with(|cssm| {
            let store = cssm.store();
            let count = |what: Seen| {
                let reports = || store.reports().filter(|report| is_meant(&report.udi));
                let devices = || store.devices().filter(|device| is_meant(&device.udi));
                let of = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
                match what {
                    Seen::Reports => of(reports().count()),
                    Seen::Acknowledged => of(reports().filter(|report| report.answered).count()),
                    Seen::Devices => of(devices().count()),
                    Seen::Trusted => of(devices().filter(|device| device.trust.is_some()).count()),
                    Seen::Rejected => of(reports().filter(|report| report.broken.is_some()).count()),
                    Seen::Waiting => of(reports().filter(|report| !report.answered).count()),
                    Seen::Repeats => reports().map(|report| u64::from(report.times).saturating_sub(1)).sum(),
                }
            };
            Seen::ALL.into_iter().map(|what| (what, count(what))).collect()
        })
    }
}

/// What a step does, in words and without secrets.
pub(super) fn described(action: &Action) -> String {
    match action {
        Action::Command(lines, _) => format!("command {}", lines.join("; ")),
        Action::Fault(fault) => format!("fault {}", described_fault(fault)),
        Action::Event(event) => format!("event {}", event.word()),
        Action::LosingPower(lost) => format!("event power-loss with the last {lost} writes lost"),
        Action::Clock(ClockChange::Step(by)) => {
            let sign = if *by < 0 { "-" } else { "" };
            format!("clock stepped by {sign}{}", Moment(by.unsigned_abs()))
        }
        Action::Clock(ClockChange::Drift(gain)) => format!("clock gains {gain} ms a day"),
        Action::Clock(ClockChange::Synced) => "clock synchronised".into(),
        Action::Usage(usage) => format!("usage of licence {}: {}", usage.license, usage.count),
        Action::Network(_) => "change of the network".into(),
        Action::Peer(peer) => format!("the mock plays {}", peer.word()),
        Action::Policy(Some(policy)) => format!("policy {}", policy.name),
        Action::Policy(None) => "no policy any more".into(),
        Action::Manage(call, _) => format!("manage {}", call.word()),
    }
}

fn described_fault(fault: &Fault) -> String {
    let mut text = fault.spec.kind.word().to_owned();
    if let Effect::Lost { failure: Failure::HttpStatus(status), .. } = fault.effect {
        text.push_str(&format!(" {status}"));
    }
    if let Some(by) = fault.spec.by_ms {
        let sign = if by < 0 { "-" } else { "" };
        text.push_str(&format!(" by {sign}{}", Moment(by.unsigned_abs())));
    }
    if let Some(why) = &fault.spec.why {
        text.push_str(&format!(" ({why})"));
    }
    if let Some(purpose) = fault.spec.purpose {
        text.push_str(&format!(" of {}", purpose.word()));
    }
    if let Some(span) = fault.spec.span {
        text.push_str(&format!(" for {}", slpsim_config::print_span(span)));
    }
    let spec = &fault.spec;
    if let Some(share) = spec.probability {
        text.push_str(&format!(", probability {share}"));
    }
    for (word, count) in [("next", spec.next), ("after", spec.after), ("every", spec.every)] {
        if let Some(count) = count {
            text.push_str(&format!(", {word} {count}"));
        }
    }
    for (word, span) in [("on", spec.on), ("off", spec.off), ("ramp", spec.ramp)] {
        if let Some(span) = span {
            text.push_str(&format!(", {word} {}", slpsim_config::print_span(span)));
        }
    }
    if spec.upstream {
        text.push_str(", upstream");
    }
    text
}

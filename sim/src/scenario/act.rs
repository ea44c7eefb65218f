//! What a step does, and what a look at a device or at the mock finds.

use std::sync::Arc;

use slpsim_agent::{BootCause, Input, Udi};
use slpsim_console::{Role, Session};
use slpsim_network::World;
use slpsim_transport::fault::Fault;

use super::judge;
use super::model::{Action, ClockChange, Event, Expectation, Moment, NetworkChange, Seen, Step, Wanted};
use super::page::Band;
use super::resolve::placeholders;
use super::run::{Run, RunError, plays};
use super::trace::{Verdict, What};
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

impl Run<'_> {
    /// Does a step.
    pub(super) fn act(&mut self, position: usize, step: &Step) -> Result<(), RunError> {
        let now = self.world.now_ms();
        let text = described(&step.action);
        self.seen.add(now, step.device, What::Step { place: step.place.clone(), text });
        match &step.action {
            Action::Fault(fault) => {
                self.world.link.plan.expire(self.world.wall());
                let number = self.world.link.plan.begin(fault.clone(), self.world.wall());
                let span = fault.spec.span.map(|span| u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
                self.faults.push(Band {
                    number,
                    text: described_fault(fault).trim_start_matches("fault ").to_owned(),
                    from_ms: now,
                    to_ms: span.map(|span| now.saturating_add(span)),
                    counts: fault.spec.next.is_some(),
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
            answers.push(judge::Answer { device: name.unwrap_or_default(), text: reply.text, structured });
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
        Action::Fault(fault) => described_fault(fault),
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
    let mut text = format!("fault {}", fault.spec.kind.word());
    if let Some(span) = fault.spec.span {
        text.push_str(&format!(" for {}", slpsim_config::print_span(span)));
    }
    let spec = &fault.spec;
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

//! One agent with its clock and its exchanges; every call is checked.

use std::collections::BTreeMap;

use slpsim_agent::input::Scope;
use slpsim_agent::{
    Account, Ack, Agent, AgentId, AuthCode, BootCause, Capabilities, Command, Cx, Element, ElementFault,
    Failure, File, IdCert, Import, Input, InstanceId, Keep, Message, Now, Output, PollId, Purpose, Reply,
    Report, ReportId, ReportState, ReportVerdict, Request, SaveUsage, Settings, Shared, Status, Token,
    TrustCode, Txn, Udi, Usage,
};
use slpsim_policy::{Mono, Policy, Values, Wall};

use crate::steps::{Answer, Start, Step};

/// 2026-03-02 10:00:00 UTC.
const T: Wall = Wall::from_secs(1_772_445_600);
const SERIALS: [&str; 3] = ["FDO00000001", "FDO00000002", "FDO00000003"];

#[derive(Clone)]
pub(crate) struct World {
    agent: Agent,
    shared: Shared,
    now: Now,
    /// In the order in which they were sent.
    flying: Vec<(Txn, Request)>,
    landed: Vec<Txn>,
    /// As the log tells it.
    down: bool,
    sent: BTreeMap<ReportId, Report>,
    identities: u8,
    trace: Vec<String>,
}

impl World {
    pub(crate) fn new(start: &Start) -> Self {
        let usage: BTreeMap<u8, u32> = start.usage.iter().copied().collect();
        let usage: Vec<Usage> = usage.into_iter().map(|(license, count)| Usage { license, count }).collect();
        let settings = Settings { transport: start.transport, ..Settings::default() };
        let keep = if start.keeps_history { Keep::SWITCH } else { Keep::default() };
        let mut world = Self {
            agent: Agent::new(start.profile, udi(0), settings, &usage),
            shared: Shared { keep, ..Shared::default() },
            now: Now { mono: Mono(5_000), wall: T },
            flying: Vec::new(),
            landed: Vec::new(),
            down: false,
            sent: BTreeMap::new(),
            identities: 0,
            trace: Vec::new(),
        };
        let cause = match start.registered {
            true => BootCause::Upgraded { registered: true },
            false => BootCause::First,
        };
        world.input(Input::Boot { cause, clock_authoritative: start.clock_authoritative });
        world.drain();
        world
    }

    /// The same world with the agent that comes out of a save; what was under way died with the process.
    pub(crate) fn restored(&self) -> Self {
        let mut world = self.clone();
        world.flying.clear();
        world.landed.clear();
        let saved = self.agent.save(&self.shared, self.now);
        world.agent = Agent::restore(saved, self.agent.settings(), &mut world.shared).unwrap();
        world
    }

    /// The durable state of a device that starts now, with the same usage.
    pub(crate) fn fresh(&self) -> String {
        let view = self.agent.view(&self.shared, self.now);
        let usage: Vec<_> = view.usage().map(|row| Usage { license: row.index, count: row.count }).collect();
        let profile = slpsim_agent::ProfileId::by_name(self.agent.profile().name).unwrap();
        let mut world = self.clone();
        world.flying.clear();
        world.agent = Agent::new(profile, self.agent.sender().udi, self.agent.settings(), &usage);
        world.input(Input::Boot { cause: BootCause::First, clock_authoritative: true });
        world.saved()
    }

    /// What is durable, but for the time and what only a draw decides.
    pub(crate) fn saved(&self) -> String {
        masked(&format!("{:?}", self.agent.save(&self.shared, self.now)))
    }

    pub(crate) fn trace(&self) -> &[String] {
        &self.trace
    }

    pub(crate) fn forget_trace(&mut self) {
        self.trace.clear();
    }

    pub(crate) fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(seconds) => self.wait(u64::from(*seconds) * 1_000),
            Step::NextTimer => {
                if let Some((at, _)) = self.agent.next_deadline() {
                    // Nobody waits for centuries.
                    self.wait(at.since(self.now.mono).min(400 * 86_400_000));
                }
            }
            Step::Reply(which, answer) if !self.flying.is_empty() => {
                let (txn, request) = self.flying.remove(usize::from(*which) % self.flying.len());
                self.land(txn, &request, answer);
            }
            Step::Reply(..) => {}
            Step::Late(which, answer) if !self.landed.is_empty() => {
                let txn = self.landed[usize::from(*which) % self.landed.len()];
                self.lands_without_effect(txn, answer);
            }
            Step::Late(..) => {}
            Step::Unknown(txn, answer) if !self.flying.iter().any(|(flying, _)| flying.0 == *txn) => {
                self.lands_without_effect(Txn(*txn), answer);
            }
            Step::Unknown(..) => {}
            Step::Usage(license, count) => {
                self.input(Input::Usage(Usage { license: *license, count: *count }));
            }
            Step::Clock(delta_ms) => {
                self.now.wall = self.now.wall.plus_millis(*delta_ms);
                self.input(Input::ClockStep { delta_ms: *delta_ms });
            }
            Step::ClockAuthoritative => self.input(Input::ClockAuthoritative),
            Step::Standby(what) => self.input(match what {
                0 => Input::StandbyRemoved,
                1 | 2 => Input::Switchover,
                n => Input::StandbyAdded(udi(usize::from(*n) % SERIALS.len())),
            }),
            Step::Restart { restored, power_loss } => {
                if *restored {
                    *self = self.restored();
                }
                let cause = if *power_loss { BootCause::PowerLoss } else { BootCause::Reload };
                self.input(Input::Boot { cause, clock_authoritative: true });
            }
            Step::File(answer) => {
                let command = self.file(answer);
                self.command(command);
            }
            Step::Trust { .. }
            | Step::Save(_)
            | Step::Sync
            | Step::FactoryReset
            | Step::Transport(_)
            | Step::Url
            | Step::Interval(_)
            | Step::AuthRequest(_)
            | Step::AuthReturn => self.command(command(step)),
        }
    }

    fn wait(&mut self, millis: u64) {
        let end = Mono(self.now.mono.0 + millis);
        // Timers on the way run at their times, as far as there are few of them.
        for _ in 0..40 {
            match self.agent.next_deadline().filter(|(at, _)| *at <= end) {
                Some((at, _)) => self.advance(at.max(self.now.mono)),
                None => break,
            }
            self.drain();
        }
        self.advance(end);
    }

    fn advance(&mut self, mono: Mono) {
        let ahead = i64::try_from(mono.since(self.now.mono)).unwrap();
        self.now = Now { mono, wall: self.now.wall.plus_millis(ahead) };
    }

    /// Runs what is due; afterwards nothing is, and a further timeout does nothing.
    pub(crate) fn drain(&mut self) {
        for _ in 0..60 {
            if self.agent.next_deadline().is_none_or(|(at, _)| at > self.now.mono) {
                let before = self.agent.clone();
                let outputs = self.call(|agent, cx| agent.handle(cx, Input::Timeout));
                assert_eq!(outputs, [], "an early timeout");
                assert_eq!(self.agent, before, "an early timeout");
                return;
            }
            self.input(Input::Timeout);
        }
        panic!("timers run out for ever at one instant: {:?}", self.agent);
    }

    pub(crate) fn command(&mut self, command: Command) {
        let reset = command == Command::FactoryReset;
        let named = match &command {
            Command::Import(import) => {
                let acks = import.acks.iter().filter_map(|(_, ack)| ack.body.as_ref().ok());
                acks.flat_map(|ack| ack.reports.iter().map(|(id, _)| *id)).collect()
            }
            _ => Vec::new(),
        };
        let import = matches!(command, Command::Import(_));
        let before = self.agent.clone();
        let mut refused = false;
        let outputs = self.call(|agent, cx| refused = agent.command(cx, command).is_err());
        // Of a file, what is good is installed although other parts are refused.
        if refused && !import {
            assert_eq!((outputs.len(), &self.agent), (0, &before), "a refused command changes nothing");
        }
        self.check_reports(&before, &outputs, reset, &named);
        self.perform(outputs);
    }

    pub(crate) fn input(&mut self, input: Input) {
        let before = self.agent.clone();
        if matches!(input, Input::Boot { .. }) {
            self.down = false; // a reload cuts an outage
        }
        let named = match &input {
            Input::Completed {
                result: Ok(Reply { ack: Some(Element { body: Ok(ack), .. }), .. }), ..
            } => ack.reports.iter().map(|(id, _)| *id).collect(),
            _ => Vec::new(),
        };
        let outputs = self.call(|agent, cx| agent.handle(cx, input));
        self.check_reports(&before, &outputs, false, &named);
        self.perform(outputs);
    }

    fn land(&mut self, txn: Txn, request: &Request, answer: &Answer) {
        self.landed.push(txn);
        let result = self.answer(request, answer);
        let reported = request.purpose() == Purpose::Usage && result.is_ok();
        self.input(Input::Completed { txn, result });
        let fast = self.agent.view(&self.shared, self.now).is_fast();
        assert!(!(reported && fast), "the fast interval survived an authenticated answer to a report");
    }

    fn lands_without_effect(&mut self, txn: Txn, answer: &Answer) {
        let result = self.answer(&Request::Hello, answer);
        let before = self.agent.clone();
        let outputs = self.call(|agent, cx| agent.handle(cx, Input::Completed { txn, result }));
        assert_eq!((outputs.len(), &self.agent), (0, &before), "a late, double or unknown end");
    }

    /// One call: what became durable is announced before anything else.
    fn call(&mut self, call: impl FnOnce(&mut Agent, &mut Cx<'_>)) -> Vec<Output> {
        let save = |world: &Self| (world.agent.save(&world.shared, world.now), world.agent.return_code());
        let before = save(self);
        let mut out = Vec::new();
        let mut cx = Cx { now: self.now, id: AgentId(7), shared: &mut self.shared, out: &mut out };
        call(&mut self.agent, &mut cx);
        let changed = save(self) != before;
        assert!(!changed || out.first() == Some(&Output::Persist), "changed, but not persisted: {out:?}");
        assert!(out.iter().skip(1).all(|output| *output != Output::Persist), "{out:?}");
        out
    }

    /// Report ids only grow, and none is lost but by the counted purge, a verdict, or a factory reset.
    fn check_reports(&self, before: &Agent, outputs: &[Output], reset: bool, named: &[ReportId]) {
        let (then, now) = (before.view(&self.shared, self.now), self.agent.view(&self.shared, self.now));
        let last = then.reports().map(|report| report.id).max();
        let known = |id| then.reports().any(|report| report.id == id);
        let all: Vec<_> = now.reports().map(|report| (report.id, report.state)).collect();
        assert!(all.is_sorted_by(|one, next| one.0 < next.0));
        assert!(all.iter().all(|(id, _)| known(*id) || Some(*id) > last), "an id was given twice");
        let purged: Vec<_> = outputs
            .iter()
            .filter_map(|output| match output {
                Output::Event(slpsim_agent::Event::RumPurged(id)) => Some(*id),
                _ => None,
            })
            .collect();
        for report in then.reports().filter(|_| !reset) {
            let still = all.iter().find(|(id, _)| *id == report.id).map(|(_, state)| *state);
            let settled = !report.state.awaits_ack() && report.state != ReportState::Open;
            let gone = settled || named.contains(&report.id) || purged.contains(&report.id);
            assert!(still.is_some() || gone, "{report:?} is lost");
            assert!(
                report.state == ReportState::Open || still != Some(ReportState::Open),
                "{report:?} reopened"
            );
        }
        if !reset {
            let counted = u64::from(now.report_summary().purged - then.report_summary().purged);
            assert_eq!(counted, u64::try_from(purged.len()).unwrap());
        }
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match &output {
                Output::Send { request, .. } => {
                    self.trace.push(masked(&format!("{} {request:?}", self.now.wall)));
                }
                // Only the saved agent has something to cancel at its reload.
                Output::Cancel(_) => {}
                Output::Persist | Output::Log(_) | Output::Event(_) | Output::WriteFile(_) => {
                    self.trace.push(format!("{} {output:?}", self.now.wall));
                }
            }
            match output {
                Output::Send { txn, request, .. } => self.depart(txn, request),
                Output::Cancel(txn) => {
                    let at = self.flying.iter().position(|(flying, _)| *flying == txn);
                    self.flying.remove(at.expect("it was in flight"));
                    self.landed.push(txn);
                }
                Output::Log(Message::CommFailed { .. }) => self.down = true,
                Output::Log(Message::CommRestored { .. }) => {
                    assert!(self.down, "COMM_RESTORED without an outage");
                    self.down = false;
                }
                Output::WriteFile(File::Usage(reports)) => self.hand_over(&reports),
                Output::Log(_) | Output::Event(_) | Output::Persist | Output::WriteFile(_) => {}
            }
        }
        let down = self.agent.view(&self.shared, self.now).down().is_some();
        assert_eq!(down, self.down, "the log tells another story than the read model");
    }

    fn depart(&mut self, txn: Txn, request: Request) {
        let purpose = request.purpose();
        let twice = self.flying.iter().any(|(_, flying)| flying.purpose() == purpose);
        assert!(!twice, "two exchanges of {purpose:?} in flight");
        if let Request::Usage { reports } = &request {
            self.hand_over(reports);
        }
        self.flying.push((txn, request));
    }

    fn hand_over(&mut self, reports: &[Report]) {
        assert!(!reports.is_empty());
        for report in reports {
            let first = self.sent.entry(report.id).or_insert_with(|| report.clone());
            assert_eq!(first, report, "a closed report changed");
        }
    }

    /// A file with what an answer would bring.
    fn file(&mut self, answer: &Answer) -> Command {
        let units: Vec<_> = self.agent.units().collect();
        let request = Request::Trust { token: Token::new("EXAMPLETOKEN0001").unwrap(), force: false, units };
        let answer = Answer { status: Some(0), ..answer.clone() };
        let Ok(reply) = self.answer(&request, &answer) else { return Command::SaveTrustRequest };
        let udi = self.agent.sender().udi;
        Command::Import(Box::new(Import {
            account: reply.account,
            trust: reply.trust,
            policies: reply.policy.into_iter().collect(),
            acks: reply.ack.map(|ack| (Some(udi), ack)).into_iter().collect(),
            auth: reply.auth,
        }))
    }

    fn answer(&mut self, request: &Request, answer: &Answer) -> Result<Reply, Failure> {
        let Some(status) = answer.status else { return Err(Failure::Unreachable) };
        let issued = self.now.wall.plus_millis(answer.skew_s * 1_000);
        let capabilities = if answer.down_rev { Capabilities(0b110) } else { Capabilities::AGENT };
        let status = match (status, request) {
            (0..=2, Request::Usage { .. }) => {
                Status::OkPoll { poll_id: Some(PollId(u64::from(status))), interval_s: answer.seconds }
            }
            (0, Request::Poll { .. }) | (6, _) => {
                Status::OkPoll { poll_id: None, interval_s: answer.seconds }
            }
            (7, _) => Status::TryAgain { after_s: answer.seconds },
            (8, _) => Status::Refused { message: "The token is not valid".into() },
            (5, _) => Status::NoData,
            _ => Status::Ok,
        };
        let mut reply = Reply::bare(issued, capabilities, status);
        reply.trust = self.trust_codes(request, answer.trust, issued);
        let policy = match answer.policy {
            n @ 0..=2 => Some(Ok(Policy::nxos("P", Values::of(u16::from(n) * 10, u16::from(n) * 20, 30)))),
            3 => Some(Err(ElementFault::Signature)),
            _ => None,
        };
        reply.policy = policy.map(|body| Element { issued, body });
        reply.account = (answer.policy < 5)
            .then(|| Account { smart: "Example SA".into(), r#virtual: answer.policy.to_string() });
        reply.ack = self.ack(answer.ack).map(|body| Element { issued, body });
        if answer.auth < 3 {
            let body = match answer.auth {
                0 => Err(ElementFault::Unreadable),
                n => Ok(AuthCode {
                    udi: udi(usize::from(n) - 1),
                    entitlements: vec![("t".into(), 1)],
                    flag: "A".into(),
                }),
            };
            reply.auth.push(Element { issued, body });
        }
        Ok(reply)
    }

    fn trust_codes(&mut self, request: &Request, kind: u8, issued: Wall) -> Vec<Element<TrustCode>> {
        let asked: Vec<Udi> = match (request, kind) {
            (Request::Trust { units, .. }, 0..=7) => units.iter().map(|unit| unit.udi).collect(),
            (Request::Poll { .. } | Request::TrustSync, 0) => vec![self.agent.sender().udi],
            (_, 1) => vec![udi(2)],
            (_, 8) => return vec![Element { issued, body: Err(ElementFault::Signature) }],
            _ => return Vec::new(),
        };
        let mut code = |udi| {
            // Sometimes the same code again, sometimes one at its end.
            self.identities = if kind == 3 { self.identities } else { self.identities.wrapping_add(1) };
            let n = self.identities;
            let identity = IdCert { instance: InstanceId([n; 16]), serial: u64::from(n) };
            let valid_to = if kind == 5 { issued } else { issued.plus_days(2922) };
            Element { issued, body: Ok(TrustCode { udi, trust_id: 1, identity, valid_to }) }
        };
        asked.into_iter().map(&mut code).collect()
    }

    fn ack(&self, kind: u8) -> Option<Result<Ack, ElementFault>> {
        let all = self.sent.keys().map(|id| (*id, ReportVerdict::Acknowledged));
        Some(Ok(match kind {
            0..=2 => Ack { reports: all.collect() },
            3 => Ack {
                reports: all.take(1).map(|(id, _)| (id, ReportVerdict::Rejected("R".into()))).collect(),
            },
            4 => Ack { reports: vec![(ReportId(3), ReportVerdict::Acknowledged)] },
            5 => return Some(Err(ElementFault::Signature)),
            _ => return None,
        }))
    }
}

fn udi(n: usize) -> Udi {
    Udi::new("N9K-C93180YC-FX3", SERIALS[n]).unwrap()
}

fn command(step: &Step) -> Command {
    match step {
        Step::Trust { all, force } => Command::Trust {
            token: Token::new("EXAMPLETOKEN0001").unwrap(),
            scope: if *all { Scope::All } else { Scope::Local },
            force: *force,
        },
        Step::FactoryReset => Command::FactoryReset,
        Step::Transport(transport) => Command::Transport(*transport),
        Step::Url => Command::Url,
        Step::Interval(days) => Command::UsageInterval(*days),
        Step::AuthRequest(license) => Command::AuthorizationRequest { license: *license, count: 1 },
        Step::AuthReturn => Command::AuthorizationReturn,
        Step::Save(0) => Command::SaveTrustRequest,
        Step::Save(1) => Command::SaveUsage(SaveUsage::All),
        Step::Save(2) => Command::SaveUsage(SaveUsage::Unreported),
        Step::Save(days) => Command::SaveUsage(SaveUsage::Days(u16::from(*days))),
        _ => Command::Sync,
    }
}

/// Return codes are drawn by the number of the exchange, which a restart begins anew.
fn masked(text: &str) -> String {
    let mut parts = text.split("\"R");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |masked, part| masked + "\"R" + part.get(16..).filter(|_| hex(part)).unwrap_or(part))
}

fn hex(part: &str) -> bool {
    part.get(..16).is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

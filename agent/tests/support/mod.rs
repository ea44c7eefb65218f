//! A product instance in simulated time with a scripted peer: exchanges take no time (`spec/behaviour.md` §7.3).
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "test support")]

use slpsim_agent::{
    Account, Ack, Agent, AgentId, BootCause, Capabilities, Command, Cx, Element, Failure, IdCert, Input,
    InstanceId, Keep, Message, Now, Output, PollId, ProfileId, Purpose, Reply, ReportId, ReportVerdict,
    Request, Settings, Shared, Status, Timer, Token, TransportMode, TrustCode, Txn, Udi, Usage, View,
    input::Scope,
};
use slpsim_policy::{Mono, Policy, Values, Wall};

/// 2026-03-02 10:00:00 UTC, T of the timelines.
pub const T: Wall = Wall::from_secs(1_772_445_600);
pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// What the peer does with one request.
pub type Answer = Result<Reply, Failure>;

/// The agent, its clock and its peer.
#[derive(Clone)]
pub struct Rig {
    pub agent: Agent,
    pub shared: Shared,
    pub now: Now,
    pub log: Vec<(Wall, Message)>,
    pub sent: Vec<(Wall, Request)>,
    pub outputs: Vec<Output>,
    pub peer: Peer,
    pub start: Wall,
    /// Answers are held back until [`Rig::deliver`].
    pub hold: bool,
    pub held: Vec<(Txn, Request)>,
}

/// A peer that always does the same.
#[derive(Clone)]
pub struct Peer {
    pub down: Vec<(Wall, Wall)>,
    pub policy: Option<Policy>,
    pub trust_in_ack: bool,
    pub poll_after_s: Option<u32>,
    pub capabilities: Capabilities,
    pub unacked: Vec<ReportId>,
    pub polls_before_ack: u32,
    pub next_poll: u64,
    pub failure: Failure,
    /// Replaces the answer to the next request of that purpose.
    pub scripted: Vec<(Purpose, Answer)>,
    pub skew_ms: i64,
    pub identities: u8,
}

impl Default for Peer {
    fn default() -> Self {
        Self {
            down: Vec::new(),
            policy: None,
            trust_in_ack: false,
            poll_after_s: None,
            capabilities: Capabilities::AGENT,
            unacked: Vec::new(),
            polls_before_ack: 0,
            next_poll: 77,
            failure: Failure::Unreachable,
            scripted: Vec::new(),
            skew_ms: 0,
            identities: 0,
        }
    }
}

pub fn udi() -> Udi {
    Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap()
}

pub fn standby() -> Udi {
    Udi::new("N9K-C93180YC-FX3", "FDO00000002").unwrap()
}

pub fn example_policy() -> Policy {
    Policy::nxos("Example Policy", Values::of(60, 180, 60))
}

impl Peer {
    fn answer(&mut self, now: Wall, agent: &Agent, request: &Request) -> Answer {
        let at = self.scripted.iter().position(|(purpose, _)| *purpose == request.purpose());
        if let Some(at) = at {
            return self.scripted.remove(at).1;
        }
        if self.down.iter().any(|(from, to)| *from <= now && now < *to) {
            return Err(self.failure);
        }
        let stamp = now.plus_millis(self.skew_ms);
        let mut reply = Reply::bare(stamp, self.capabilities, Status::Ok);
        match request {
            Request::Usage { reports } => {
                self.unacked.extend(reports.iter().map(|report| report.id));
                self.next_poll += 1;
                reply.status =
                    Status::OkPoll { poll_id: Some(PollId(self.next_poll)), interval_s: self.poll_after_s };
            }
            Request::Poll { .. } if self.polls_before_ack > 0 => {
                self.polls_before_ack -= 1;
                reply.status = Status::OkPoll { poll_id: None, interval_s: None };
            }
            Request::Poll { .. } => {
                let reports = self.unacked.drain(..).map(|id| (id, ReportVerdict::Acknowledged)).collect();
                reply.ack = Some(Element { issued: stamp, body: Ok(Ack { reports }) });
                reply.policy = self.policy(stamp);
                if self.trust_in_ack && agent.sender().identity.is_none() {
                    reply.trust.push(self.trust_code(agent.sender().udi, stamp));
                }
            }
            Request::Trust { units, .. } => {
                reply.trust = units.iter().map(|unit| self.trust_code(unit.udi, stamp)).collect();
                reply.policy = self.policy(stamp);
                reply.account = Some(Account { smart: "Example SA".into(), r#virtual: "Lab".into() });
            }
            Request::TrustSync => reply.policy = self.policy(stamp),
            Request::Hello
            | Request::AuthRequest { .. }
            | Request::AuthReturn { .. }
            | Request::AuthRenew
            | Request::IdRenew => {}
        }
        Ok(reply)
    }

    pub fn policy(&self, issued: Wall) -> Option<Element<Policy>> {
        self.policy.clone().map(|policy| Element { issued, body: Ok(policy) })
    }

    pub fn trust_code(&mut self, udi: Udi, issued: Wall) -> Element<TrustCode> {
        self.identities += 1;
        let identity =
            IdCert { instance: InstanceId([self.identities; 16]), serial: 1000 + u64::from(self.identities) };
        let code = TrustCode { udi, trust_id: 101, identity, valid_to: issued.plus_days(2922) };
        Element { issued, body: Ok(code) }
    }
}

impl Rig {
    /// A Nexus 9000 with one licence in use, booted at `start`.
    pub fn new(transport: TransportMode, start: Wall, peer: Peer) -> Self {
        Self::with(ProfileId::Nexus9000, transport, start, peer, &[Usage { license: 0, count: 1 }])
    }

    pub fn with(
        profile: ProfileId,
        transport: TransportMode,
        start: Wall,
        peer: Peer,
        usage: &[Usage],
    ) -> Self {
        let mut rig = Self::unbooted(profile, transport, start, peer, usage);
        rig.input(Input::Boot { cause: BootCause::First, clock_authoritative: true });
        rig
    }

    pub fn unbooted(
        profile: ProfileId,
        transport: TransportMode,
        start: Wall,
        peer: Peer,
        usage: &[Usage],
    ) -> Self {
        let settings = Settings { transport, ..Settings::default() };
        let shared = Shared { keep: Keep::SWITCH, ..Shared::default() };
        Self {
            agent: Agent::new(profile, udi(), settings, usage),
            shared,
            now: Now { mono: Mono(1_000), wall: start },
            log: Vec::new(),
            sent: Vec::new(),
            outputs: Vec::new(),
            peer,
            start,
            hold: false,
            held: Vec::new(),
        }
    }

    pub fn view(&self) -> View<'_> {
        self.agent.view(&self.shared, self.now)
    }

    /// Runs timers up to and including `until`.
    pub fn run_to(&mut self, until: Wall) {
        loop {
            let due = self.agent.next_deadline().map(|(at, _)| at.max(self.now.mono));
            let end = Mono(self.now.mono.0 + u64::try_from(until.since(self.now.wall)).unwrap());
            match due.filter(|at| *at <= end) {
                Some(at) => {
                    self.advance_to(at);
                    self.input(Input::Timeout);
                }
                None => {
                    self.advance_to(end);
                    return;
                }
            }
        }
    }

    pub fn run_for(&mut self, millis: i64) {
        self.run_to(self.now.wall.plus_millis(millis));
    }

    fn advance_to(&mut self, mono: Mono) {
        let ahead = i64::try_from(mono.since(self.now.mono)).unwrap();
        self.now = Now { mono, wall: self.now.wall.plus_millis(ahead) };
    }

    pub fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        let mut cx = Cx { now: self.now, id: AgentId(1), shared: &mut self.shared, out: &mut out };
        self.agent.handle(&mut cx, input);
        self.perform(out);
    }

    pub fn try_command(&mut self, command: Command) -> Result<(), slpsim_agent::CommandError> {
        let mut out = Vec::new();
        let mut cx = Cx { now: self.now, id: AgentId(1), shared: &mut self.shared, out: &mut out };
        let result = self.agent.command(&mut cx, command);
        self.perform(out);
        result
    }

    pub fn command(&mut self, command: Command) {
        self.try_command(command).unwrap();
    }

    pub fn trust(&mut self, force: bool) {
        let token = Token::new("EXAMPLETOKEN0001").unwrap();
        self.command(Command::Trust { token, scope: Scope::Local, force });
    }

    /// Steps the device's clock.
    pub fn step_clock(&mut self, delta_ms: i64) {
        self.now.wall = self.now.wall.plus_millis(delta_ms);
        self.input(Input::ClockStep { delta_ms });
    }

    fn perform(&mut self, outputs: Vec<Output>) {
        let mut exchanges = Vec::new();
        for output in &outputs {
            match output {
                Output::Log(message) => self.log.push((self.now.wall, message.clone())),
                Output::Send { txn, request, .. } => {
                    self.sent.push((self.now.wall, request.clone()));
                    exchanges.push((*txn, request.clone()));
                }
                Output::Cancel(txn) => self.held.retain(|(held, _)| held != txn),
                Output::Persist | Output::Event(_) | Output::WriteFile(_) => {}
            }
        }
        self.outputs.extend(outputs);
        for (txn, request) in exchanges {
            self.held.push((txn, request));
        }
        if !self.hold {
            self.deliver();
        }
    }

    /// An answer of the peer at this time that carries only a status.
    pub fn reply(&self, status: Status) -> Reply {
        Reply::bare(self.now.wall.plus_millis(self.peer.skew_ms), self.peer.capabilities, status)
    }

    /// An element issued at this time.
    pub fn element<E>(&self, body: E) -> Element<E> {
        Element { issued: self.now.wall.plus_millis(self.peer.skew_ms), body: Ok(body) }
    }

    /// The next exchange of that purpose ends so.
    pub fn once(&mut self, purpose: Purpose, answer: Answer) {
        self.peer.scripted.push((purpose, answer));
    }

    /// The next exchange of that purpose is refused in these words.
    pub fn refuse_once(&mut self, purpose: Purpose, message: &str) {
        let reply = self.reply(Status::Refused { message: message.into() });
        self.once(purpose, Ok(reply));
    }

    /// An ACK for everything that has been sent and not acknowledged.
    pub fn ack_all(&mut self) -> Element<Ack> {
        let reports = self.peer.unacked.drain(..).map(|id| (id, ReportVerdict::Acknowledged)).collect();
        self.element(Ack { reports })
    }

    /// The peer is down from now on for so long.
    pub fn outage(&mut self, millis: i64) {
        self.peer.down.push((self.now.wall, self.now.wall.plus_millis(millis)));
    }

    /// Milliseconds from now until a timer runs out.
    pub fn due_in(&self, timer: Timer) -> Option<i64> {
        self.view().timer(timer).map(|at| at.since(self.now.wall))
    }

    /// What was logged since the last call, as it is printed, with seconds since the start.
    pub fn lines(&mut self) -> Vec<(i64, String)> {
        let start = self.start;
        self.log.drain(..).map(|(at, message)| (at.since(start) / SECOND, message.to_string())).collect()
    }

    /// What was logged since the last call, as it is printed.
    pub fn texts(&mut self) -> Vec<String> {
        self.log.drain(..).map(|(_, message)| message.to_string()).collect()
    }

    /// What was sent since the last call: purpose, and seconds since the start.
    pub fn take_sent(&mut self) -> Vec<(i64, Purpose)> {
        let start = self.start;
        self.sent.drain(..).map(|(at, request)| (at.since(start) / SECOND, request.purpose())).collect()
    }

    /// Ids of the closed reports that wait for an ACK.
    pub fn waiting(&self) -> Vec<ReportId> {
        let waiting = self.view().reports().filter(|report| report.state.awaits_ack());
        waiting.map(|report| report.id).collect()
    }

    /// Lets the peer answer what is in flight.
    pub fn deliver(&mut self) {
        while !self.held.is_empty() {
            let (txn, request) = self.held.remove(0);
            let result = self.peer.answer(self.now.wall, &self.agent, &request);
            self.input(Input::Completed { txn, result });
        }
    }

    /// Saves, restores, and boots as after a power loss.
    pub fn restart(&mut self, cause: BootCause) {
        let saved = self.agent.save(&self.shared, self.now);
        self.shared = Shared { keep: Keep::SWITCH, ..Shared::default() };
        self.agent = Agent::restore(saved, self.agent.settings(), &mut self.shared).unwrap();
        self.held.clear();
        self.input(Input::Boot { cause, clock_authoritative: true });
    }

    /// Log since the last call, as (milliseconds since `from`, mnemonic).
    pub fn take_log(&mut self, from: Wall) -> Vec<(i64, Message)> {
        self.log.drain(..).map(|(at, message)| (at.since(from), message)).collect()
    }

    pub fn purposes(&self) -> Vec<Purpose> {
        self.sent.iter().map(|(_, request)| request.purpose()).collect()
    }
}

/// Times of COMM_FAILED in whole minutes since `from`.
pub fn failures(log: &[(Wall, Message)], from: Wall) -> Vec<i64> {
    log.iter()
        .filter(|(_, message)| matches!(message, Message::CommFailed { .. }))
        .map(|(at, _)| at.since(from) / MINUTE)
        .collect()
}

/// Times of COMM_RESTORED in milliseconds since `from`.
pub fn restored(log: &[(Wall, Message)], from: Wall) -> Vec<i64> {
    log.iter()
        .filter(|(_, message)| matches!(message, Message::CommRestored { .. }))
        .map(|(at, _)| at.since(from))
        .collect()
}

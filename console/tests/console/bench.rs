//! A switch with a real agent, a scripted peer and a clock that the test moves.
#![expect(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]
use std::path::PathBuf;
use std::sync::Arc;

use slpsim_agent::{
    Account, Ack, Agent, AgentId, BootCause, Capabilities, Cx, Element, Failure, IdCert, Input, InstanceId,
    Keep, Now, Output, PollId, ProfileId, Reply as Answer, ReportVerdict, Request, Role as UnitRole, Shared,
    Status, TrustCode, Txn, Udi, Usage,
};
use slpsim_console::{Config, Device, Effect, EventLog, MessageHistory, Mode, Reply, Session};
use slpsim_network::World;
use slpsim_policy::{Mono, Policy, Values, Wall};

/// 2026-03-02 10:00:00 UTC.
pub(crate) const START: i64 = 1_772_445_600;

pub(crate) struct Bench {
    pub(crate) agent: Agent,
    pub(crate) shared: Shared,
    pub(crate) config: Config,
    pub(crate) world: Arc<World>,
    pub(crate) history: MessageHistory,
    pub(crate) events: EventLog,
    pub(crate) startup: Option<String>,
    pub(crate) session: Session,
    pub(crate) peer_is_down: bool,
    pub(crate) policy: Option<Policy>,
    elapsed_ms: u64,
    waiting: Vec<(Txn, Request)>,
    polled: Vec<slpsim_agent::ReportId>,
}

impl Bench {
    /// A switch that has just started, with `usage` in use.
    pub(crate) fn new(profile: ProfileId, usage: &[Usage], change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let udi = Udi::new(profile.profile().default_pid, "FDO00000001").unwrap();
        let mut world = World::default();
        world.add_host("cslu.example.com", "192.168.0.1".parse().unwrap());
        world.add_route_text("192.168.0.1:8182", "127.0.0.1:40002").unwrap();
        let mut bench = Self {
            agent: Agent::new(profile, udi, config.settings(), usage),
            shared: Shared { keep: Keep::SWITCH, seed: 1, ..Shared::default() },
            world: Arc::new(world),
            config,
            history: MessageHistory::default(),
            events: EventLog::default(),
            startup: None,
            session: Session::default(),
            peer_is_down: false,
            policy: Some(Policy::nxos("Example Policy", Values::of(60, 180, 60))),
            elapsed_ms: 0,
            waiting: Vec::new(),
            polled: Vec::new(),
        };
        bench.input(Input::Boot { cause: BootCause::First, clock_authoritative: true });
        bench
    }

    /// A Nexus 9000 with its default licence in use.
    pub(crate) fn nexus(change: impl FnOnce(&mut Config)) -> Self {
        Self::new(ProfileId::Nexus9000, &[Usage { license: 0, count: 1 }], change)
    }

    pub(crate) fn now(&self) -> Now {
        let ms = i64::try_from(self.elapsed_ms).unwrap();
        Now { mono: Mono(self.elapsed_ms), wall: Wall::from_secs(START).plus_millis(ms) }
    }

    pub(crate) fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        let now = self.now();
        let mut cx = Cx { now, id: AgentId(0), shared: &mut self.shared, out: &mut out };
        self.agent.handle(&mut cx, input);
        self.perform(out);
    }

    fn perform(&mut self, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { txn, request, .. } => self.waiting.push((txn, request)),
                Output::Event(event) => self.events.add(self.now(), event),
                Output::Persist | Output::Cancel(_) | Output::Log(_) | Output::WriteFile(_) => {}
            }
        }
        while let Some((txn, request)) = self.waiting.pop() {
            let result = self.answer(&request);
            self.input(Input::Completed { txn, result });
        }
    }

    /// The default world of scenarios: an exchange takes no time, an ACK is ready at the first poll.
    fn answer(&mut self, request: &Request) -> Result<Answer, Failure> {
        if self.peer_is_down {
            return Err(Failure::Unreachable);
        }
        let issued = self.now().wall;
        let mut answer = Answer::bare(issued, Capabilities::AGENT, Status::Ok);
        answer.account = Some(Account { smart: "Example SA".into(), r#virtual: "Lab".into() });
        let policy = self.policy.clone().map(|policy| Element { issued, body: Ok(policy) });
        match request {
            Request::Trust { units, .. } => {
                answer.policy = policy;
                let code = |udi, number| Element {
                    issued,
                    body: Ok(TrustCode {
                        udi,
                        trust_id: 100 + number,
                        identity: IdCert { instance: InstanceId([1; 16]), serial: 7 },
                        valid_to: issued.plus_days(2922),
                    }),
                };
                answer.trust =
                    units.iter().zip(0_u32..).map(|(unit, number)| code(unit.udi, number)).collect();
            }
            Request::Usage { reports } => {
                self.polled = reports.iter().map(|report| report.id).collect();
                answer.status = Status::OkPoll { poll_id: Some(PollId(9)), interval_s: Some(300) };
            }
            Request::Poll { .. } => {
                answer.policy = policy;
                let reports = self.polled.drain(..).map(|id| (id, ReportVerdict::Acknowledged)).collect();
                answer.ack = Some(Element { issued, body: Ok(Ack { reports }) });
            }
            Request::TrustSync => answer.policy = policy,
            Request::Hello
            | Request::AuthRequest { .. }
            | Request::AuthReturn { .. }
            | Request::AuthRenew
            | Request::IdRenew => {}
        }
        Ok(answer)
    }

    /// Lets time pass until `seconds` after the start.
    pub(crate) fn until(&mut self, seconds: u64) {
        let end = seconds * 1000;
        while let Some((at, _)) = self.agent.next_deadline().filter(|(at, _)| at.0 <= end) {
            self.elapsed_ms = self.elapsed_ms.max(at.0);
            self.input(Input::Timeout);
        }
        self.elapsed_ms = self.elapsed_ms.max(end);
    }

    /// Types one line; commands for the agent reach it as a driver would bring them.
    pub(crate) fn type_line(&mut self, line: &str) -> Reply {
        let now = self.now();
        let network = self.config.network(&self.world);
        let mut device = Device {
            config: &mut self.config,
            agent: self.agent.view(&self.shared, now),
            network: &network,
            history: &self.history,
            events: &self.events,
            peer: None,
            asked: None,
            startup_config: self.startup.as_deref(),
            started: Wall::from_secs(START),
            ntp_synchronized: true,
        };
        let mut reply = self.session.line(&mut device, line);
        for effect in reply.effects.clone() {
            if let Effect::Agent(command) = effect {
                let mut out = Vec::new();
                let mut cx = Cx { now, id: AgentId(0), shared: &mut self.shared, out: &mut out };
                let result = self.agent.command(&mut cx, command);
                self.perform(out);
                if let Err(error) = result {
                    reply.refuse(&error);
                }
            }
        }
        reply
    }

    /// The text of a line that must succeed.
    pub(crate) fn text(&mut self, line: &str) -> String {
        let reply = self.type_line(line);
        assert!(!reply.error, "{line}: {}", reply.text);
        reply.text
    }

    /// Runs a line in configuration mode and returns to the exec prompt.
    pub(crate) fn configure(&mut self, line: &str) -> Reply {
        self.session.mode = Mode::Config;
        let reply = self.type_line(line);
        self.session.mode = Mode::Exec;
        reply
    }

    /// A second supervisor.
    pub(crate) fn add_standby(&mut self) {
        let pid = self.agent.profile().default_pid;
        self.input(Input::StandbyAdded(Udi::new(pid, "FDO00000002").unwrap()));
    }

    pub(crate) fn units(&self) -> Vec<UnitRole> {
        self.agent.view(&self.shared, self.now()).units().map(|(unit, _)| unit.role).collect()
    }
}

/// Compares with `tests/goldens/NAME.txt`; `SLPSIM_BLESS=1` writes it anew.
pub(crate) fn golden(name: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(format!("{name}.txt"));
    if std::env::var_os("SLPSIM_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs; SLPSIM_BLESS=1 writes it anew", path.display());
}

//! An agent, its clock and a transport: the smallest driver there can be. Time is simulated, exchanges are real.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use slpsim_agent::messages::Spelling;
use slpsim_agent::{
    Agent, AgentId, BootCause, Command, Cx, Input, Keep, Now, Output, ProfileId, Settings, Shared,
    TransportMode, Udi, Usage, View,
};
use slpsim_policy::{Mono, Wall};
use slpsim_transport::client::Transport;

/// A device's clock, as its transport sees it.
#[derive(Clone)]
pub(crate) struct Clock(Arc<AtomicI64>);

impl Clock {
    /// One that shows `start`.
    pub(crate) fn at(start: Wall) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }
}

impl slpsim_transport::client::Clock for Clock {
    fn now(&self) -> Wall {
        Wall(self.0.load(Ordering::SeqCst))
    }
}

/// A Nexus 9000 with one licence in use.
pub(crate) struct Device {
    agent: Agent,
    shared: Shared,
    now: Now,
    clock: Clock,
    transport: Arc<dyn Transport>,
    /// Lines of the log so far, and what the diagnostics have beside each failed exchange.
    pub(crate) log: Vec<String>,
    pub(crate) details: Vec<String>,
}

impl Device {
    /// Boots when `clock` says; from then on the clock follows the device.
    pub(crate) async fn boot(mode: TransportMode, clock: Clock, transport: Arc<dyn Transport>) -> Self {
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let settings = Settings { transport: mode, ..Settings::default() };
        let usage = [Usage { license: 0, count: 1 }];
        let start = slpsim_transport::client::Clock::now(&clock);
        let mut device = Self {
            agent: Agent::new(ProfileId::Nexus9000, udi, settings, &usage),
            shared: Shared { keep: Keep::SWITCH, ..Shared::default() },
            now: Now { mono: Mono(1_000), wall: start },
            clock,
            transport,
            log: Vec::new(),
            details: Vec::new(),
        };
        device.input(Input::Boot { cause: BootCause::First, clock_authoritative: true }).await;
        device
    }

    /// Lets time pass, and does what falls due, in order.
    pub(crate) async fn run_for(&mut self, secs: u64) {
        let end = Mono(self.now.mono.0 + secs * 1000);
        while let Some((at, _)) = self.agent.next_deadline().filter(|(at, _)| *at <= end) {
            self.advance_to(at.max(self.now.mono));
            self.input(Input::Timeout).await;
        }
        self.advance_to(end);
    }

    /// What an operator asks for.
    #[allow(dead_code, reason = "each test binary uses its part")]
    pub(crate) async fn command(&mut self, command: Command) {
        let mut out = Vec::new();
        let mut cx = Cx { now: self.now, id: AgentId(1), shared: &mut self.shared, out: &mut out };
        self.agent.command(&mut cx, command).unwrap();
        self.perform(out).await;
    }

    /// What a show command would read.
    #[allow(dead_code, reason = "each test binary uses its part")]
    pub(crate) const fn view(&self) -> View<'_> {
        self.agent.view(&self.shared, self.now)
    }

    fn advance_to(&mut self, mono: Mono) {
        let ahead = i64::try_from(mono.since(self.now.mono)).unwrap();
        self.now = Now { mono, wall: self.now.wall.plus_millis(ahead) };
        self.clock.0.store(self.now.wall.0, Ordering::SeqCst);
    }

    async fn input(&mut self, input: Input) {
        let mut out = Vec::new();
        self.handle(&mut out, input);
        self.perform(out).await;
    }

    fn handle(&mut self, out: &mut Vec<Output>, input: Input) {
        let mut cx = Cx { now: self.now, id: AgentId(1), shared: &mut self.shared, out };
        self.agent.handle(&mut cx, input);
    }

    async fn perform(&mut self, outputs: Vec<Output>) {
        let mut open = VecDeque::from(outputs);
        while let Some(output) = open.pop_front() {
            match output {
                Output::Send { txn, request, .. } => {
                    let sender = self.agent.sender();
                    let exchanged = self.transport.exchange(&request, &sender).await;
                    self.details.extend(exchanged.detail);
                    let mut out = Vec::new();
                    self.handle(&mut out, Input::Completed { txn, result: exchanged.result });
                    open.extend(out);
                }
                Output::Log(message) => {
                    let mut line = String::new();
                    message.write_line(&mut line, Spelling::Device).unwrap();
                    self.log.push(line);
                }
                Output::Persist | Output::Cancel(_) | Output::Event(_) | Output::WriteFile(_) => {}
            }
        }
    }
}

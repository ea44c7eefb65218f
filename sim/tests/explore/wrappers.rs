//! Agents that misbehave, each in one way. The agent itself has no switch for that.

use slpsim_agent::persist::{RestoreError, Saved};
use slpsim_agent::{
    Ack, Agent, Command, CommandError, Cx, Element, Import, Input, Now, Output, ProfileId, Purpose,
    ReportVerdict, Request, Settings, Shared, Timer, Txn, Udi, Usage,
};
use slpsim_policy::Mono;
use slpsim_sim::explore::{Seen, Subject};

/// What every wrapper does as the agent does.
macro_rules! forward {
    ($wrapper:ident { $($more:ident),* }) => {
        fn new(profile: ProfileId, udi: Udi, settings: Settings, usage: &[Usage]) -> Self {
            Self { agent: Agent::new(profile, udi, settings, usage), $($more: Default::default()),* }
        }

        fn restore(saved: Saved, settings: Settings, shared: &mut Shared) -> Result<Self, RestoreError> {
            Ok(Self { agent: Agent::restore(saved, settings, shared)?, $($more: Default::default()),* })
        }

        fn agent(&self) -> &Agent {
            &self.agent
        }

        fn set_settings(&mut self, settings: Settings) {
            self.agent.set_settings(settings);
        }
    };
}

const QUARTER_MS: u64 = 15 * 60_000;

/// The fast interval survives an answered report: every 15 minutes a push goes on.
#[derive(Clone, Debug)]
pub(crate) struct FastSurvives {
    agent: Agent,
    stuck: Option<Mono>,
}

impl Subject for FastSurvives {
    forward!(FastSurvives { stuck });

    fn handle(&mut self, cx: &mut Cx<'_>, input: Input) {
        let now = cx.now;
        let was_fast = self.agent.view(cx.shared, now).is_fast();
        let answered = matches!(input, Input::Completed { result: Ok(_), .. });
        if let Input::Boot { .. } = input {
            self.stuck = None;
        }
        let again = input == Input::Timeout && self.stuck.is_some_and(|at| at <= now.mono);
        if again && self.agent.next_deadline().is_none_or(|(at, _)| at > now.mono) {
            self.stuck = Some(Mono(now.mono.0 + QUARTER_MS));
            let _ = self.agent.command(cx, Command::Sync);
            return;
        }
        self.agent.handle(cx, input);
        if answered && was_fast && !self.agent.view(cx.shared, now).is_fast() {
            self.stuck = Some(Mono(now.mono.0 + QUARTER_MS));
        }
    }

    fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), CommandError> {
        self.agent.command(cx, command)
    }

    fn next_deadline(&self) -> Option<(Mono, Timer)> {
        let stuck = self.stuck.map(|at| (at, Timer::Report));
        [self.agent.next_deadline(), stuck].into_iter().flatten().min()
    }

    fn look(&self, shared: &Shared, now: Now, seen: &mut Seen) {
        seen.look_at(&self.agent, shared, now);
        seen.is_fast |= self.stuck.is_some();
    }
}

/// A lost ACK drops the report: a poll that fails counts as one that brought the ACK.
#[derive(Clone, Debug)]
pub(crate) struct LostAckDrops {
    agent: Agent,
    poll: Option<Txn>,
}

impl Subject for LostAckDrops {
    forward!(LostAckDrops { poll });

    fn handle(&mut self, cx: &mut Cx<'_>, input: Input) {
        let lost = match &input {
            Input::Completed { txn, result } if Some(*txn) == self.poll => {
                self.poll = None;
                result.is_err()
            }
            _ => false,
        };
        let first = cx.out.len();
        self.agent.handle(cx, input);
        self.note_poll(&cx.out[first..]);
        if lost {
            self.drop_reports(cx);
        }
    }

    fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), CommandError> {
        self.agent.command(cx, command)
    }
}

impl LostAckDrops {
    fn note_poll(&mut self, outputs: &[Output]) {
        for output in outputs {
            if let Output::Send { txn, request: Request::Poll { .. }, .. } = output {
                self.poll = Some(*txn);
            }
        }
    }

    fn drop_reports(&mut self, cx: &mut Cx<'_>) {
        let waiting = self.agent.view(cx.shared, cx.now).reports().filter(|report| report.state.awaits_ack());
        let reports = waiting.map(|report| (report.id, ReportVerdict::Acknowledged)).collect();
        let ack = Element { issued: cx.now.wall, body: Ok(Ack { reports }) };
        let udi = self.agent.sender().udi;
        let import = Import {
            account: None,
            trust: Vec::new(),
            policies: Vec::new(),
            acks: vec![(Some(udi), ack)],
            auth: Vec::new(),
        };
        let (mut unseen, now, id) = (Vec::new(), cx.now, cx.id);
        let mut aside = Cx { now, id, shared: cx.shared, out: &mut unseen };
        let _ = self.agent.command(&mut aside, Command::Import(Box::new(import)));
    }
}

/// Persist comes after send.
#[derive(Clone, Debug)]
pub(crate) struct PersistLate {
    agent: Agent,
}

impl Subject for PersistLate {
    forward!(PersistLate {});

    fn handle(&mut self, cx: &mut Cx<'_>, input: Input) {
        let first = cx.out.len();
        self.agent.handle(cx, input);
        persist_last(cx, first);
    }

    fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), CommandError> {
        let first = cx.out.len();
        let done = self.agent.command(cx, command);
        persist_last(cx, first);
        done
    }
}

fn persist_last(cx: &mut Cx<'_>, first: usize) {
    let sends = cx.out[first..].iter().any(|output| match output {
        Output::Send { request, .. } => request.purpose() == Purpose::Usage,
        _ => false,
    });
    if sends && cx.out.get(first) == Some(&Output::Persist) {
        cx.out.remove(first);
        cx.out.push(Output::Persist);
    }
}

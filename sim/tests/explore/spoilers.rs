//! Agents of which each breaks one invariant, so that every check is seen to bite.

use slpsim_agent::persist::{RestoreError, Saved};
use slpsim_agent::{
    Agent, Command, CommandError, Cx, Event, Input, Message, Now, Output, ProfileId, ReportState, Request,
    Settings, Shared, Timer, Txn, Udi, Usage,
};
use slpsim_policy::{Mono, PushInterval, Wall};
use slpsim_sim::explore::{Invariant, Seen, Subject};

/// An agent that breaks the invariant at this place of [`Invariant::ALL`].
#[derive(Clone, Debug)]
pub(crate) struct Spoiled<const AT: usize> {
    agent: Agent,
    calls: u32,
}

impl<const AT: usize> Spoiled<AT> {
    /// What it breaks.
    pub(crate) const INVARIANT: Invariant = Invariant::ALL[AT];

    fn spoil(&self, out: &mut Vec<Output>, first: usize, now: Now) {
        match Self::INVARIANT {
            Invariant::OneInFlight => {
                let again = out[first..].iter().find_map(|output| match output {
                    Output::Send { txn, request, give_up_after } => Some(Output::Send {
                        txn: Txn(txn.0.wrapping_add(1_000)),
                        request: request.clone(),
                        give_up_after: *give_up_after,
                    }),
                    _ => None,
                });
                out.extend(again);
            }
            Invariant::RestoredOnce => {
                let restored = |output: &&Output| matches!(output, Output::Log(Message::CommRestored { .. }));
                let again = out[first..].iter().find(restored).cloned();
                out.extend(again);
            }
            Invariant::ClosedStays => {
                for output in &mut out[first..] {
                    if let Output::Send { request: Request::Usage { reports }, .. } = output {
                        reports[0].measurements[0].value = u32::try_from(now.mono.0 / 1_000).unwrap();
                    }
                }
            }
            Invariant::DurableFirst => out.retain(|output| *output != Output::Persist || now.mono.0 == 0),
            Invariant::NoPanic if now.mono.0 > 0 => panic!("spoiled"),
            _ => {}
        }
    }
}

impl<const AT: usize> Subject for Spoiled<AT> {
    fn new(profile: ProfileId, udi: Udi, settings: Settings, usage: &[Usage]) -> Self {
        Self { agent: Agent::new(profile, udi, settings, usage), calls: 0 }
    }

    fn restore(saved: Saved, settings: Settings, shared: &mut Shared) -> Result<Self, RestoreError> {
        let (profile, udi) = (saved.profile, Udi::new(&saved.udi.pid, &saved.udi.serial).unwrap());
        let agent = match Self::INVARIANT {
            Invariant::SnapshotGoesOn => Agent::new(profile, udi, settings, &[]),
            _ => Agent::restore(saved, settings, shared)?,
        };
        Ok(Self { agent, calls: 0 })
    }

    fn agent(&self) -> &Agent {
        &self.agent
    }

    fn set_settings(&mut self, settings: Settings) {
        self.agent.set_settings(settings);
    }

    fn handle(&mut self, cx: &mut Cx<'_>, input: Input) {
        let first = cx.out.len();
        let early =
            input == Input::Timeout && self.agent.next_deadline().is_none_or(|(at, _)| at > cx.now.mono);
        self.calls += 1;
        self.agent.handle(cx, input);
        if early && Self::INVARIANT == Invariant::Harmless {
            cx.out.push(Output::Event(Event::InitStart));
        }
        self.spoil(cx.out, first, cx.now);
    }

    fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), CommandError> {
        if command == Command::FactoryReset && Self::INVARIANT == Invariant::ResetLeavesNothing {
            return Ok(());
        }
        let first = cx.out.len();
        self.calls += 1;
        let done = self.agent.command(cx, command);
        self.spoil(cx.out, first, cx.now);
        done
    }

    fn next_deadline(&self) -> Option<(Mono, Timer)> {
        match Self::INVARIANT {
            Invariant::DeadlineAhead if self.calls > 5 => Some((Mono(1), Timer::Poll)),
            _ => self.agent.next_deadline(),
        }
    }

    fn schedule(&self, shared: &Shared, now: Now) -> (Option<Wall>, PushInterval) {
        let view = self.agent.view(shared, now);
        let next = match Self::INVARIANT {
            Invariant::IntervalBack => Some(now.wall.plus_millis(900_000)),
            _ => view.next_push(),
        };
        (next, view.configured_interval())
    }

    fn look(&self, shared: &Shared, now: Now, seen: &mut Seen) {
        seen.look_at(&self.agent, shared, now);
        match Self::INVARIANT {
            Invariant::NoneLost => seen.reports.retain(|(_, state)| *state == ReportState::Open),
            Invariant::IdsGrow => {
                if let [first, .., last] = &mut seen.reports[..] {
                    last.0 = first.0;
                }
            }
            // All that waits counts as acknowledged, whoever said so.
            Invariant::AcknowledgedOnce => {
                for (_, state) in seen.reports.iter_mut().filter(|(_, state)| state.awaits_ack()) {
                    *state = ReportState::Acknowledged;
                }
            }
            Invariant::FastEnds => seen.is_fast |= self.calls > 5,
            _ => {}
        }
    }
}

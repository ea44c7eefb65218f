//! What one input does to an agent.

use std::collections::{BTreeMap, BTreeSet};

use slpsim_agent::messages::Kind;
use slpsim_agent::output::Event;
use slpsim_agent::{Output, Purpose, ReportId, ReportState, Timer};

use crate::inputs::{InputKind, Operator};
use crate::states::{Concern, State};
use crate::steps::{Never, Prepared, Stage};
use crate::support::{DAY, HOUR, MINUTE, Rig, SECOND};

/// What an input does, or why it cannot come.
pub(crate) type Entry = Result<Outcome, Never>;

/// Next state, effects, messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Outcome {
    /// Of the concern that the table is about.
    pub(crate) next: State,
    /// In order: outputs, timers, reports, other concerns.
    pub(crate) effects: Vec<Effect>,
    /// In order.
    pub(crate) messages: Vec<Kind>,
}

/// One thing that happens beside the change of state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Effect {
    /// The command is refused, with that text.
    CommandRefused(Operator, String),
    /// The durable state is written, before all that follows.
    Persist,
    /// An exchange begins.
    Send(Purpose),
    /// An exchange is given up.
    Cancel(Purpose),
    /// A timer stands that many milliseconds ahead, where it did not before.
    Arm(Timer, i64),
    /// A timer stands no more.
    Clear(Timer),
    /// Open reports are closed.
    CloseReports,
    /// Reports are acknowledged.
    SettleReports,
    /// A report is lost at the cap.
    PurgeReport,
    /// A file is written.
    WriteFile,
    /// An ACK element has no effect but an entry in the event log.
    IgnoreAck,
    /// Another concern changes its state.
    Also(State),
}

/// Gives an input of that kind to the agent in that scene.
pub(crate) fn observe(stage: &Stage, kind: InputKind) -> Entry {
    let Prepared { mut rig, step } = stage.prepare(kind)?;
    (rig.log, rig.sent, rig.outputs) = (Vec::new(), Vec::new(), Vec::new());
    let before = Snapshot::of(&rig);
    let held: BTreeMap<_, _> = rig.held.iter().map(|(txn, request)| (txn.0, request.purpose())).collect();
    let (ran_out, operator) = match kind {
        InputKind::Due(timer) => (Some(timer), None),
        InputKind::Operator(operator) => (None, Some(operator)),
        InputKind::World(_) | InputKind::Ends(..) => (None, None),
    };
    let refused = operator.zip(step.give(&mut rig));
    let mut effects: Vec<_> = refused.map(|(o, why)| Effect::CommandRefused(o, why)).into_iter().collect();
    effects.extend(rig.outputs.iter().filter_map(|output| of_output(output, &held)));
    effects.dedup();
    let after = Snapshot::of(&rig);
    effects.extend(before.timers_until(&after, ran_out));
    effects.extend(before.reports_until(&after));
    let concern = stage.scene.state().concern();
    let also = after.states.difference(&before.states).filter(|state| state.concern() != concern);
    effects.extend(also.map(|state| Effect::Also(*state)));
    let messages = rig.log.iter().map(|(_, message)| message.kind()).collect();
    Ok(Outcome { next: State::of(concern, &rig), effects, messages })
}

fn of_output(output: &Output, held: &BTreeMap<u16, Purpose>) -> Option<Effect> {
    match output {
        Output::Persist => Some(Effect::Persist),
        Output::Send { request, .. } => Some(Effect::Send(request.purpose())),
        Output::WriteFile(_) => Some(Effect::WriteFile),
        Output::Cancel(txn) => Some(Effect::Cancel(held[&txn.0])),
        Output::Event(Event::Ack { ignored: Some(_) }) => Some(Effect::IgnoreAck),
        Output::Event(Event::RumPurged(_)) => Some(Effect::PurgeReport),
        Output::Event(
            Event::InitStart
            | Event::EndpointUsage { .. }
            | Event::CommFail(_)
            | Event::CommRestored
            | Event::PolicyInstall
            | Event::TrustInstall
            | Event::Ack { ignored: None },
        )
        | Output::Log(_) => None,
    }
}

/// What can be compared before and after.
struct Snapshot {
    states: BTreeSet<State>,
    /// Milliseconds ahead.
    timers: BTreeMap<Timer, i64>,
    closed: BTreeSet<ReportId>,
    waiting: BTreeSet<ReportId>,
}

impl Snapshot {
    fn of(rig: &Rig) -> Self {
        let view = rig.view();
        let ids = |is: fn(ReportState) -> bool| {
            view.reports().filter(|report| is(report.state)).map(|report| report.id).collect()
        };
        let ahead = |timer| Some((timer, view.timer(timer)?.since(rig.now.wall)));
        Self {
            states: Concern::ALL.iter().map(|concern| State::of(*concern, rig)).collect(),
            timers: Timer::ALL.into_iter().filter_map(ahead).collect(),
            closed: ids(|state| state != ReportState::Open),
            waiting: ids(ReportState::awaits_ack),
        }
    }

    fn timers_until(&self, after: &Self, ran_out: Option<Timer>) -> Vec<Effect> {
        let changed = Timer::ALL.into_iter().filter_map(|timer| {
            match (self.timers.get(&timer), after.timers.get(&timer)) {
                (Some(old), Some(new)) if old == new => None,
                (_, Some(new)) => Some(Effect::Arm(timer, *new)),
                (Some(_), None) => (ran_out != Some(timer)).then_some(Effect::Clear(timer)),
                (None, None) => None,
            }
        });
        changed.collect()
    }

    fn reports_until(&self, after: &Self) -> Vec<Effect> {
        let closed = after.closed.difference(&self.closed).next().map(|_| Effect::CloseReports);
        let kept = |id: &&ReportId| after.closed.contains(*id) && !after.waiting.contains(*id);
        let settled = self.waiting.iter().find(kept).map(|_| Effect::SettleReports);
        closed.into_iter().chain(settled).collect()
    }
}

impl Effect {
    /// Whose effect it is: of each table, only its concern's are shown.
    pub(crate) const fn owner(&self) -> Option<Concern> {
        match self {
            Self::Persist => None,
            Self::CommandRefused(Operator::IntervalRefused, _) | Self::CloseReports | Self::PurgeReport => {
                Some(Concern::Reporting)
            }
            Self::CommandRefused(Operator::ImportTrustOlder, _) => Some(Concern::Trust),
            Self::CommandRefused(Operator::ImportPolicyOlder | Operator::ImportUnreadable, _) => {
                Some(Concern::Policy)
            }
            Self::CommandRefused(Operator::SaveUsage, _) | Self::WriteFile => Some(Concern::Reporting),
            Self::CommandRefused(Operator::ImportAckOther, _) => Some(Concern::Polling),
            Self::CommandRefused(..) => Some(Concern::Authorization),
            Self::Send(purpose) | Self::Cancel(purpose) => Some(owner_of_purpose(*purpose)),
            Self::Arm(timer, _) | Self::Clear(timer) => Some(owner_of_timer(*timer)),
            Self::SettleReports | Self::IgnoreAck => Some(Concern::Polling),
            Self::Also(state) => Some(state.concern()),
        }
    }

    /// As the table prints it.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::CommandRefused(_, why) => format!("refuses: “{why}”"),
            Self::Persist => "persists".to_owned(),
            Self::Send(purpose) => format!("**sends {}**", name_of_purpose(*purpose)),
            Self::Cancel(purpose) => format!("cancels {}", name_of_purpose(*purpose)),
            // These two follow a wall-clock time of their own; the distance says nothing.
            Self::Arm(timer @ (Timer::Reminder | Timer::TrustRenew), _) => {
                format!("re-arms {}", name_of_timer(*timer))
            }
            Self::Arm(timer, ahead) => format!("{} in {}", name_of_timer(*timer), span(*ahead)),
            Self::Clear(timer) => format!("no {}", name_of_timer(*timer)),
            Self::CloseReports => "closes reports".to_owned(),
            Self::SettleReports => "reports acknowledged".to_owned(),
            Self::PurgeReport => "purges a report".to_owned(),
            Self::WriteFile => "writes a file".to_owned(),
            Self::IgnoreAck => "ACK ignored".to_owned(),
            Self::Also(state) => format!("{} → {}", state.concern().text(), state.text()),
        }
    }
}

const fn owner_of_purpose(purpose: Purpose) -> Concern {
    match purpose {
        Purpose::Poll => Concern::Polling,
        Purpose::Hello => Concern::Discovery,
        Purpose::Trust => Concern::Trust,
        Purpose::Usage => Concern::Reporting,
        Purpose::TrustSync => Concern::Sync,
        Purpose::AuthRequest | Purpose::AuthReturn => Concern::Authorization,
        Purpose::AuthRenew | Purpose::IdRenew => Concern::Renewals,
    }
}

const fn owner_of_timer(timer: Timer) -> Concern {
    match timer {
        Timer::Poll => Concern::Polling,
        Timer::Hello => Concern::Discovery,
        Timer::Trust | Timer::TrustRenew => Concern::Trust,
        Timer::Report => Concern::Reporting,
        Timer::Sync => Concern::Sync,
        Timer::StartReminder | Timer::Reminder => Concern::Reminder,
        Timer::AuthRenew | Timer::IdRenew => Concern::Renewals,
    }
}

/// The word for an exchange.
pub(crate) const fn name_of_purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Poll => "poll",
        Purpose::Hello => "hello",
        Purpose::Trust => "trust request",
        Purpose::Usage => "usage report",
        Purpose::TrustSync => "TRUST_SYNC",
        Purpose::AuthRequest => "authorization request",
        Purpose::AuthReturn => "authorization return",
        Purpose::AuthRenew => "authorization renewal",
        Purpose::IdRenew => "registration renewal",
    }
}

/// The word for a timer.
pub(crate) const fn name_of_timer(timer: Timer) -> &'static str {
    match timer {
        Timer::Poll => "timer poll",
        Timer::Hello => "timer hello",
        Timer::Trust => "timer trust request",
        Timer::Report => "next push",
        Timer::Sync => "timer TRUST_SYNC",
        Timer::StartReminder => "start reminder",
        Timer::Reminder => "reminder",
        Timer::AuthRenew => "timer authorization renewal",
        Timer::IdRenew => "timer registration renewal",
        Timer::TrustRenew => "timer trust renewal",
    }
}

fn span(millis: i64) -> String {
    if millis == 0 {
        return "0 s".to_owned();
    }
    let mut left = millis;
    let mut words = Vec::new();
    for (unit, word) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"), (1, "ms")] {
        if left >= unit {
            words.push(format!("{} {word}", left / unit));
            left %= unit;
        }
    }
    words.join(" ")
}

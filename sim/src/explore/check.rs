//! Watches one device, call by call, and says which invariant breaks.

mod outputs;
mod reports;
mod reset;

use std::collections::BTreeMap;

use slpsim_agent::persist::Saved;
use slpsim_agent::{
    Command, Input, Now, Output, Purpose, Report, ReportId, ReportVerdict, Shared, Status, Txn,
};
use slpsim_policy::{Mono, PushInterval};

use super::invariant::{Invariant, Violation};
use super::subject::{Seen, Subject};

/// Timers that may run out at one instant, one after the other; more never end.
const SPIN_MAX: u32 = 64;

/// One call of an agent, before it is made.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// [`Subject::handle`]
    Input(&'a Input),
    /// [`Subject::command`]
    Command(&'a Command),
}

/// The invariants of one device.
///
/// Use it so: [`Checker::begin`] before a call, [`Checker::end`] after it and before its outputs are performed,
/// [`Checker::restored`] after a subject has been made of a durable state.
#[derive(Clone, Debug)]
pub struct Checker<S> {
    before: Seen,
    after: Seen,
    cause: Cause,
    /// Reports that the answer or file of this call names, and whether as acknowledged.
    named: Vec<(ReportId, bool)>,
    /// By purpose; `Txn(0)`: none.
    flying: [Txn; Purpose::ALL.len()],
    /// By the log: the last of COMM_FAILED and COMM_RESTORED was COMM_FAILED.
    outage: bool,
    /// Every report that has left the device, as it was then.
    sent: BTreeMap<ReportId, Report>,
    /// Reports that had their verdict.
    settled: BTreeMap<ReportId, bool>,
    highest: ReportId,
    purged: Vec<ReportId>,
    flash: Option<Flash<S>>,
    /// The call that is judged made its state durable.
    is_fresh: bool,
    spin: (Mono, u32),
}

/// The last state that was made durable.
#[derive(Clone, Debug)]
pub(super) struct Flash<S> {
    pub(super) subject: S,
    pub(super) at: Now,
    /// What a save of it gives, once that was needed.
    saved: Option<Box<Saved>>,
}

/// Why a call is made, as far as invariants ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Boot,
    Timeout,
    Answered(Option<Purpose>, Answer),
    Failed,
    Reset,
    Other,
}

/// What an authenticated answer says of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Delivered,
    TryAgain,
    Refused,
}

impl<S> Default for Checker<S> {
    fn default() -> Self {
        Self {
            before: Seen::default(),
            after: Seen::default(),
            cause: Cause::Other,
            named: Vec::new(),
            flying: [Txn(0); Purpose::ALL.len()],
            outage: false,
            sent: BTreeMap::new(),
            settled: BTreeMap::new(),
            highest: ReportId(0),
            purged: Vec::new(),
            flash: None,
            is_fresh: false,
            spin: (Mono(0), 0),
        }
    }
}

impl<S: Subject> Checker<S> {
    /// Notes what a call is about.
    pub fn begin(&mut self, call: Call<'_>) {
        self.named.clear();
        self.cause = match call {
            Call::Input(Input::Boot { .. }) => {
                // A reload cuts an outage: no COMM_RESTORED comes for the old one (§7.2).
                self.outage = false;
                Cause::Boot
            }
            Call::Input(Input::Timeout) => Cause::Timeout,
            Call::Input(Input::Completed { txn, result }) => self.completed(*txn, result.as_ref().ok()),
            Call::Input(
                Input::Usage(_)
                | Input::ClockStep { .. }
                | Input::ClockAuthoritative
                | Input::StandbyAdded(_)
                | Input::StandbyRemoved
                | Input::Switchover,
            ) => Cause::Other,
            Call::Command(Command::FactoryReset) => Cause::Reset,
            Call::Command(Command::Import(import)) => {
                let acks = import.acks.iter().filter_map(|(_, ack)| ack.body.as_ref().ok());
                self.named.extend(acks.flat_map(|ack| &ack.reports).map(verdict));
                Cause::Other
            }
            Call::Command(_) => Cause::Other,
        };
    }

    fn completed(&mut self, txn: Txn, reply: Option<&slpsim_agent::Reply>) -> Cause {
        let purpose = Purpose::ALL.into_iter().find(|purpose| self.flying[purpose.index()] == txn);
        let purpose = purpose.filter(|_| txn != Txn(0));
        if let Some(purpose) = purpose {
            self.flying[purpose.index()] = Txn(0);
        }
        let Some(reply) = reply else { return Cause::Failed };
        // An exchange that was cancelled brings nothing.
        if let (Some(_), Some(Ok(ack))) = (purpose, reply.ack.as_ref().map(|ack| &ack.body)) {
            self.named.extend(ack.reports.iter().map(verdict));
        }
        let answer = match reply.status {
            Status::Ok | Status::OkPoll { .. } | Status::NoData => Answer::Delivered,
            Status::TryAgain { .. } => Answer::TryAgain,
            Status::Refused { .. } => Answer::Refused,
        };
        Cause::Answered(purpose, answer)
    }

    /// Judges a call that has been made.
    ///
    /// # Errors
    /// The invariant that it broke.
    pub fn end(
        &mut self,
        subject: &S,
        shared: &Shared,
        now: Now,
        outputs: &[Output],
    ) -> Result<(), Violation> {
        subject.look(shared, now, &mut self.after);
        let judged = self.judge(subject, shared, now, outputs);
        std::mem::swap(&mut self.before, &mut self.after);
        judged.map_err(|(invariant, why)| Violation { at_ms: now.mono.0, invariant, why })
    }

    /// A subject was made of the last durable state, as after a loss of power; it has not booted yet.
    ///
    /// # Errors
    /// Where a report that was durable is not there.
    pub fn restored(&mut self, subject: &S, shared: &Shared, now: Now) -> Result<(), Violation> {
        let mut durable = Seen::default();
        if let Some(flash) = &self.flash {
            flash.subject.look(shared, now, &mut durable);
        }
        subject.look(shared, now, &mut self.before);
        self.flying = [Txn(0); Purpose::ALL.len()];
        if durable.reports == self.before.reports {
            return Ok(());
        }
        let why = format!("durable were {}, restored are {}", listed(&durable), listed(&self.before));
        Err(Violation { at_ms: now.mono.0, invariant: Invariant::SnapshotGoesOn, why })
    }

    /// The last durable state.
    pub(super) fn flash(&self) -> Option<&Flash<S>> {
        self.flash.as_ref()
    }

    fn judge(&mut self, subject: &S, shared: &Shared, now: Now, outputs: &[Output]) -> Broken {
        self.outputs(subject, shared, now, outputs)?;
        if self.cause == Cause::Reset {
            self.reset(subject, shared, now)?;
        } else {
            self.reports()?;
        }
        self.answered_report(now)?;
        self.deadline(subject, now)
    }

    /// §7.2: an authenticated answer to a report ends the fast interval; a delivered one brings the configured interval.
    fn answered_report(&self, now: Now) -> Broken {
        let Cause::Answered(Some(Purpose::Usage), answer) = self.cause else { return Ok(()) };
        if self.after.is_fast {
            return Err((
                Invariant::FastEnds,
                "a report was answered, and the interval still is 15 minutes".into(),
            ));
        }
        if answer != Answer::Delivered {
            return Ok(());
        }
        let wanted = match self.after.interval {
            Some(PushInterval::Days(days)) => Some(now.wall.plus_days(days)),
            Some(PushInterval::NoReporting) | None => None,
        };
        // A push that an event asked for while the report was under way is due now (§4).
        let queued = self.after.next_push == Some(now.wall);
        if self.after.next_push == wanted || queued {
            return Ok(());
        }
        let said = |at: Option<slpsim_policy::Wall>| match at {
            Some(at) => {
                let ahead = u64::try_from(at.since(now.wall)).unwrap_or(0);
                format!("in {}", crate::scenario::Moment(ahead))
            }
            None => "never".into(),
        };
        let why = format!(
            "a report was delivered, and the next push is {}, not {}",
            said(self.after.next_push),
            said(wanted)
        );
        Err((Invariant::IntervalBack, why))
    }

    fn deadline(&mut self, subject: &S, now: Now) -> Broken {
        let next = subject.next_deadline();
        if let Some((at, timer)) = next.filter(|(at, _)| *at < now.mono) {
            let late = crate::scenario::Moment(now.mono.since(at));
            return Err((Invariant::DeadlineAhead, format!("{timer:?} was due {late} ago")));
        }
        if self.cause != Cause::Timeout || self.spin.0 != now.mono {
            self.spin = (now.mono, 0);
            return Ok(());
        }
        self.spin.1 += 1;
        if self.spin.1 > SPIN_MAX {
            let timer = next.map(|(_, timer)| timer);
            return Err((Invariant::DeadlineAhead, format!("{timer:?} runs out for ever at one instant")));
        }
        Ok(())
    }
}

/// What is broken, and how it shows.
type Broken = Result<(), (Invariant, String)>;

fn verdict((id, verdict): &(ReportId, ReportVerdict)) -> (ReportId, bool) {
    (*id, *verdict == ReportVerdict::Acknowledged)
}

fn listed(seen: &Seen) -> String {
    let all: Vec<_> = seen.reports.iter().map(|(id, state)| format!("{} {}", id.0, state.word())).collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}

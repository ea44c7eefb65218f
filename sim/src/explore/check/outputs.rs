//! What a call leaves to be done: in the right order, durable first, nothing twice.

use slpsim_agent::{Event, File, Message, Now, Output, Purpose, Report, ReportId, Request, Shared, Txn};

use super::{Broken, Cause, Checker, Flash};
use crate::explore::invariant::Invariant;
use crate::explore::subject::Subject;

impl<S: Subject> Checker<S> {
    pub(super) fn outputs(&mut self, subject: &S, shared: &Shared, now: Now, outputs: &[Output]) -> Broken {
        self.purged.clear();
        self.is_fresh = false;
        for output in outputs {
            match output {
                Output::Persist => {
                    self.is_fresh = true;
                    self.flash = Some(Flash { subject: subject.clone(), at: now, saved: None });
                }
                Output::Send { txn, request, .. } => {
                    self.depart(*txn, request.purpose())?;
                    self.durable(subject, shared, now, request.purpose())?;
                    if let Request::Usage { reports } = request {
                        self.hand_over(reports)?;
                    }
                }
                Output::Cancel(txn) => {
                    if let Some(slot) = self.flying.iter_mut().find(|flying| *flying == txn) {
                        *slot = Txn(0);
                    }
                }
                Output::Log(Message::CommFailed { .. }) => self.outage = true,
                Output::Log(Message::CommRestored { .. }) => self.restored_message()?,
                Output::Event(Event::RumPurged(id)) => self.purged.push(*id),
                Output::WriteFile(File::Usage(reports)) => self.hand_over(reports)?,
                Output::Log(_) | Output::Event(_) | Output::WriteFile(_) => {}
            }
        }
        // The log and the state tell one story.
        if self.outage != self.after.is_down {
            let (log, state) = (down(self.outage), down(self.after.is_down));
            return Err((
                Invariant::RestoredOnce,
                format!("by its log the peer is {log}, by its state {state}"),
            ));
        }
        Ok(())
    }

    fn depart(&mut self, txn: Txn, purpose: Purpose) -> Broken {
        let slot = &mut self.flying[purpose.index()];
        if *slot != Txn(0) {
            let why = format!("a second {purpose:?} was sent while one was in flight");
            return Err((Invariant::OneInFlight, why));
        }
        *slot = txn;
        Ok(())
    }

    /// What leaves the device rests on a state that no loss of power takes back.
    fn durable(&mut self, subject: &S, shared: &Shared, now: Now, purpose: Purpose) -> Broken {
        let lost = |what: &str| Err((Invariant::DurableFirst, format!("{purpose:?} was sent, and {what}")));
        if self.is_fresh {
            return Ok(()); // this very call made it durable
        }
        let Some(flash) = &mut self.flash else { return lost("nothing was durable yet") };
        let at = flash.at;
        let saved = flash.saved.get_or_insert_with(|| Box::new(flash.subject.save(shared, at)));
        let mut present = subject.save(shared, now);
        present.at = saved.at;
        if **saved == present { Ok(()) } else { lost("the state behind it was not durable yet") }
    }

    fn restored_message(&mut self) -> Broken {
        if !self.outage {
            let why = "COMM_RESTORED was logged, and there was no COMM_FAILED before it";
            return Err((Invariant::RestoredOnce, why.into()));
        }
        if !matches!(self.cause, Cause::Answered(Some(_), _)) {
            let why = "COMM_RESTORED was logged, and no exchange was answered";
            return Err((Invariant::RestoredOnce, why.into()));
        }
        self.outage = false;
        Ok(())
    }

    /// Reports leave the device: the same report is the same for ever.
    fn hand_over(&mut self, reports: &[Report]) -> Broken {
        for report in reports {
            self.highest = self.highest.max(report.id);
            match self.sent.get(&report.id) {
                Some(first) if first == report => {}
                Some(_) => {
                    let ReportId(id) = report.id;
                    return Err((
                        Invariant::ClosedStays,
                        format!("report {id} was sent before with other contents"),
                    ));
                }
                None => {
                    self.sent.insert(report.id, report.clone());
                }
            }
        }
        Ok(())
    }
}

const fn down(is_down: bool) -> &'static str {
    if is_down { "down" } else { "good" }
}

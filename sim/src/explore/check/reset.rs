//! A factory reset leaves nothing but usage, units and settings (`spec/behaviour.md` §11).

use slpsim_agent::view::TrustState;
use slpsim_agent::{Now, ReportState, Reporting, Shared};
use slpsim_policy::Phase;

use super::{Broken, Checker};
use crate::explore::invariant::Invariant;
use crate::explore::subject::Subject;

impl<S: Subject> Checker<S> {
    pub(super) fn reset(&mut self, subject: &S, shared: &Shared, now: Now) -> Broken {
        let view = subject.agent().view(shared, now);
        let left = [
            ("the trust code", view.trust() != TrustState::Absent),
            ("a trust code of the standby", view.units().any(|(_, trust)| trust.is_some())),
            ("the policy", view.policy().is_some()),
            ("the account", view.account().is_some()),
            ("the last ACK", view.last_ack().is_some()),
            ("the last push", view.last_push().is_some()),
            ("the last file write", view.last_file_write().is_some()),
            ("a poll id", view.poll_id().is_some()),
            ("an authorization code", view.authorizations().next().is_some()),
            ("the phase", view.phase() != Phase::First),
            ("a retry window", view.reporting() != Reporting::Idle),
            ("a report", self.after.reports.iter().any(|(_, state)| *state != ReportState::Open)),
            ("a count of reports", self.after.purged != 0 || self.after.acknowledged != 0),
            ("an exchange", self.flying.iter().any(|txn| txn.0 != 0)),
        ];
        if let Some((what, _)) = left.into_iter().find(|(_, is_left)| *is_left) {
            return Err((Invariant::ResetLeavesNothing, format!("{what} is left")));
        }
        let last = self.before.reports.last().map(|(id, _)| *id).max(Some(self.highest));
        if self.after.reports.iter().any(|(id, _)| Some(*id) <= last) {
            return Err((Invariant::IdsGrow, "an id from before the factory reset was given again".into()));
        }
        self.highest = last.unwrap_or(self.highest);
        Ok(())
    }
}

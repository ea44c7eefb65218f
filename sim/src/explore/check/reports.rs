//! No report is lost or acknowledged twice, and ids only grow (`spec/behaviour.md` §4, §8).

use slpsim_agent::{ReportId, ReportState};

use super::{Broken, Checker};
use crate::explore::invariant::Invariant;
use crate::explore::subject::Subject;

impl<S: Subject> Checker<S> {
    /// Compares the reports before and after a call.
    pub(super) fn reports(&mut self) -> Broken {
        let mut acknowledged = 0;
        if self.before.reports != self.after.reports {
            for at in 0..self.before.reports.len() {
                let Some((id, before)) = self.before.reports.get(at).copied() else { continue };
                let after = self.after.report(id);
                if after != Some(before) {
                    acknowledged += u32::from(self.went(id, before, after)?);
                }
            }
            self.ids_grow()?;
        }
        self.counts(acknowledged)
    }

    /// A report went from one state to another, or away; whether by being acknowledged.
    fn went(
        &mut self,
        id: ReportId,
        before: ReportState,
        after: Option<ReportState>,
    ) -> Result<bool, (Invariant, String)> {
        let verdict =
            self.named.iter().find(|(named, _)| *named == id).map(|(_, acknowledged)| *acknowledged);
        let settled_before = is_settled(before);
        match after {
            Some(after) if rank(after) < rank(before) || settled_before => {
                let why = format!("report {} went back from {} to {}", id.0, before.word(), after.word());
                return Err((Invariant::ClosedStays, why));
            }
            Some(ReportState::Acknowledged) if verdict != Some(true) => {
                let why = format!("report {} is acknowledged, and no ACK named it", id.0);
                return Err((Invariant::AcknowledgedOnce, why));
            }
            Some(ReportState::Rejected) if verdict != Some(false) => {
                let why = format!("report {} is rejected, and no ACK said so", id.0);
                return Err((Invariant::AcknowledgedOnce, why));
            }
            Some(after) if !is_settled(after) => return Ok(false),
            None if settled_before => return Ok(false), // it was listed only to be shown
            None if verdict.is_none() && self.purged.contains(&id) => return Ok(false),
            None if verdict.is_none() => {
                let why = format!("report {} ({}) is gone", id.0, before.word());
                return Err((Invariant::NoneLost, why));
            }
            Some(_) | None => {}
        }
        let acknowledged = verdict == Some(true);
        if self.settled.insert(id, acknowledged).is_some() {
            let why = format!("report {} got its verdict a second time", id.0);
            return Err((Invariant::AcknowledgedOnce, why));
        }
        Ok(acknowledged)
    }

    fn ids_grow(&mut self) -> Broken {
        let grow = |reports: &[(ReportId, ReportState)]| reports.is_sorted_by(|one, next| one.0 < next.0);
        if !grow(&self.after.reports) {
            return Err((Invariant::IdsGrow, "the reports are not in the order of their ids".into()));
        }
        let last = self.before.reports.last().map_or(ReportId(0), |(id, _)| *id).max(self.highest);
        let new = self
            .after
            .reports
            .iter()
            .map(|(id, _)| *id)
            .find(|id| *id <= last && self.before.report(*id).is_none());
        if let Some(id) = new {
            return Err((Invariant::IdsGrow, format!("id {} was given after {}", id.0, last.0)));
        }
        self.highest = last;
        Ok(())
    }

    fn counts(&self, acknowledged: u32) -> Broken {
        let more = |after: u32, before: u32| i64::from(after) - i64::from(before);
        let purged = more(self.after.purged, self.before.purged);
        let lost = i64::try_from(self.purged.len()).unwrap_or(i64::MAX);
        if purged != lost {
            return Err((Invariant::NoneLost, format!("{lost} reports were purged and {purged} counted")));
        }
        let counted = more(self.after.acknowledged, self.before.acknowledged);
        if counted != i64::from(acknowledged) {
            let why = format!("{acknowledged} reports were acknowledged and {counted} counted");
            return Err((Invariant::AcknowledgedOnce, why));
        }
        Ok(())
    }
}

/// Whether a report had its verdict.
const fn is_settled(state: ReportState) -> bool {
    matches!(state, ReportState::Acknowledged | ReportState::Rejected)
}

/// States are passed in this order.
const fn rank(state: ReportState) -> u8 {
    match state {
        ReportState::Open => 0,
        ReportState::Closed => 1,
        ReportState::Pending => 2,
        ReportState::Unacknowledged => 3,
        ReportState::Acknowledged | ReportState::Rejected => 4,
    }
}

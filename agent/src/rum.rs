//! Usage as intervals, and the RUM reports made of it (`spec/behaviour.md` §4).
//!
//! There is no sampling timer: counts are kept with the times at which they changed, and the measurements of a
//! report are computed when the report is built.

use alloc::boxed::Box;
use alloc::vec::Vec;

use slpsim_policy::{Class, ClassSet, Wall};
use smallvec::SmallVec;

use crate::ids::ReportId;
use crate::input::Usage;
use crate::numbers::{MEASUREMENT_DAY_S, REPORT_CAP, USAGE_ROWS_INLINE};
use crate::profile::Profile;
use crate::report::{Measurement, Reason, ReportState};

/// Usage and reports of one agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rum {
    pub(crate) usage: SmallVec<[Usage; USAGE_ROWS_INLINE]>,
    /// By growing id.
    pub(crate) rows: SmallVec<[ReportRow; 3]>,
    pub(crate) last_id: u64,
    pub(crate) acknowledged: u32,
    pub(crate) rejected: u32,
    pub(crate) purged: u32,
    pub(crate) more: Option<Box<More>>,
}

/// What few agents have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct More {
    pub(crate) segments: Vec<Segment>,
    pub(crate) rejections: Vec<(ReportId, Box<str>)>,
}

/// One report; times in Unix seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReportRow {
    pub(crate) id: u64,
    pub(crate) start: i64,
    /// The same as `start` while the report is open.
    pub(crate) end: i64,
    /// The count at the start.
    pub(crate) value: u32,
    /// `id` minus the id of the report before it in the chain; 0: none.
    pub(crate) previous: u32,
    pub(crate) license: u8,
    pub(crate) state: ReportState,
    pub(crate) reason: Option<Reason>,
    pub(crate) seal: Seal,
}

const _: () = assert!(size_of::<ReportRow>() == 40, "300 of them on each box of a fleet that is cut off");

/// What was true when a report was closed, and stays true for it: generations of identity and of units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Seal {
    /// 0: signed with the built-in key.
    pub(crate) identity: u16,
    /// Which set of supervisors.
    pub(crate) units: u16,
}

/// A further stretch of constant usage in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Segment {
    pub(crate) report: u64,
    /// Where the stretch before it ended; differs from `start` after a clock step.
    pub(crate) before_end: i64,
    pub(crate) start: i64,
    pub(crate) value: u32,
    pub(crate) clock_change_s: Option<i64>,
}

impl ReportRow {
    pub(crate) fn previous_id(&self) -> Option<ReportId> {
        (self.previous > 0).then(|| ReportId(self.id.saturating_sub(u64::from(self.previous))))
    }
}

impl Rum {
    pub(crate) fn count(&self, license: u8) -> u32 {
        self.usage.iter().find(|row| row.license == license).map_or(0, |row| row.count)
    }

    pub(crate) fn any_in_use(&self) -> bool {
        self.usage.iter().any(|row| row.count > 0)
    }

    pub(crate) fn classes_in_use(&self, profile: &Profile) -> ClassSet {
        self.usage
            .iter()
            .filter(|row| row.count > 0)
            .filter_map(|row| class_of(profile, row.license))
            .collect()
    }

    /// Sets the count and records it in the open report, which it opens where there is none. Returns the old count.
    pub(crate) fn set_count(&mut self, license: u8, count: u32, now: i64) -> u32 {
        let old = match self.usage.iter_mut().find(|row| row.license == license) {
            Some(row) => core::mem::replace(&mut row.count, count),
            None if count == 0 => 0,
            None => {
                self.usage.push(Usage { license, count });
                0
            }
        };
        if old != count {
            self.record(license, count, now);
        }
        old
    }

    fn record(&mut self, license: u8, count: u32, now: i64) {
        match self.rows.iter().position(|row| row.license == license && row.state == ReportState::Open) {
            Some(at) => self.segment(at, now, now, count, None),
            None if count > 0 => self.open(license, now),
            None => {}
        }
    }

    fn segment(&mut self, at: usize, before_end: i64, start: i64, value: u32, clock_change_s: Option<i64>) {
        let Some(row) = self.rows.get_mut(at) else { return };
        let id = row.id;
        let segments = self.more.iter_mut().flat_map(|more| &mut more.segments).filter(|s| s.report == id);
        let (many, last) = segments.fold((0, None), |(n, _), segment| (n + 1, Some(segment)));
        match last {
            Some(last) if last.start == start && clock_change_s.is_none() => last.value = value,
            Some(last) if many >= MAX_MEASUREMENTS => last.value = last.value.max(value),
            None if row.start == start && clock_change_s.is_none() => row.value = value,
            Some(_) | None => self.more.get_or_insert_default().segments.push(Segment {
                report: id,
                before_end,
                start,
                value,
                clock_change_s,
            }),
        }
    }

    /// Opens a report for each licence in use that has none.
    pub(crate) fn open_missing(&mut self, now: i64) {
        let in_use: SmallVec<[u8; USAGE_ROWS_INLINE]> =
            self.usage.iter().filter(|row| row.count > 0).map(|row| row.license).collect();
        for license in in_use {
            if !self.rows.iter().any(|row| row.license == license && row.state == ReportState::Open) {
                self.open(license, now);
            }
        }
    }

    /// The id is the Unix second of the first report on the box, then one more for each further report (D).
    fn open(&mut self, license: u8, now: i64) {
        let first = u64::try_from(now).unwrap_or(1);
        let id = if self.last_id == 0 { first.max(1) } else { self.last_id.saturating_add(1) };
        let previous = self.rows.iter().rfind(|row| row.license == license).map_or(0, |row| id - row.id);
        self.last_id = id;
        self.rows.push(ReportRow {
            id,
            start: now,
            end: now,
            value: self.count(license),
            previous: u32::try_from(previous).unwrap_or(0),
            license,
            state: ReportState::Open,
            reason: None,
            seal: Seal::default(),
        });
    }

    /// Closes all open reports at `end` and opens new ones at `start` for licences in use.
    pub(crate) fn close_open(&mut self, end: i64, start: i64, reason: Reason, seal: Seal) {
        for row in self.rows.iter_mut().filter(|row| row.state == ReportState::Open) {
            row.end = end; // before the start, where the clock was stepped back
            row.state = ReportState::Closed;
            row.reason = Some(reason);
            row.seal = seal;
        }
        self.open_missing(start);
    }

    /// Begins a new measurement in every open report (`clock_change_delta`).
    pub(crate) fn clock_step(&mut self, old: i64, new: i64) {
        if old == new {
            return; // the delta is recorded in whole seconds
        }
        for at in 0..self.rows.len() {
            let Some(row) = self.rows.get(at).filter(|row| row.state == ReportState::Open) else { continue };
            let value = self.count(row.license);
            self.segment(at, old, new, value, Some(new.saturating_sub(old)));
        }
    }

    /// Forgets the oldest unacknowledged report where there are too many (§4 "cap").
    pub(crate) fn purge_one(&mut self) -> Option<ReportId> {
        let waiting = self.waiting().count();
        let oldest = (waiting > REPORT_CAP).then(|| self.waiting().next().map(|row| row.id)).flatten()?;
        self.forget(|row| row.id == oldest);
        self.purged = self.purged.saturating_add(1);
        Some(ReportId(oldest))
    }

    /// Closed, unacknowledged reports, oldest first.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &ReportRow> {
        self.rows.iter().filter(|row| row.state.awaits_ack())
    }

    pub(crate) fn mark_sent(&mut self) {
        for row in self.rows.iter_mut().filter(|row| row.state == ReportState::Closed) {
            row.state = ReportState::Pending;
        }
    }

    /// Applies a verdict; `false` where there is no such closed report.
    pub(crate) fn settle(&mut self, id: ReportId, rejected: Option<Box<str>>) -> bool {
        let Some(row) = self.rows.iter_mut().find(|row| row.id == id.0 && row.state != ReportState::Open)
        else {
            return false;
        };
        if !row.state.awaits_ack() {
            return true; // named again: nothing changes
        }
        match rejected {
            None => {
                row.state = ReportState::Acknowledged;
                self.acknowledged = self.acknowledged.saturating_add(1);
            }
            Some(why) => {
                row.state = ReportState::Rejected;
                self.rejected = self.rejected.saturating_add(1);
                self.more.get_or_insert_default().rejections.push((id, why));
            }
        }
        true
    }

    /// Keeps at most `keep` settled reports, the newest ones, for show commands.
    pub(crate) fn trim(&mut self, keep: u16) {
        let settled = |row: &ReportRow| row.state != ReportState::Open && !row.state.awaits_ack();
        let excess = self.rows.iter().filter(|row| settled(row)).count().saturating_sub(usize::from(keep));
        if excess == 0 {
            return;
        }
        let newest_gone = self.rows.iter().filter(|row| settled(row)).nth(excess - 1).map_or(0, |row| row.id);
        self.forget(|row| settled(row) && row.id <= newest_gone);
    }

    fn forget(&mut self, gone: impl Fn(&ReportRow) -> bool) {
        self.rows.retain(|row| !gone(row));
        let rows = &self.rows;
        if let Some(more) = &mut self.more {
            more.segments.retain(|segment| rows.iter().any(|row| row.id == segment.report));
            more.rejections.retain(|(id, _)| rows.iter().any(|row| row.id == id.0));
            if more.segments.is_empty() && more.rejections.is_empty() {
                self.more = None;
            }
        }
    }

    pub(crate) fn rejection(&self, id: u64) -> Option<&str> {
        let more = self.more.as_ref()?;
        more.rejections.iter().find(|(rejected, _)| rejected.0 == id).map(|(_, why)| why.as_ref())
    }

    /// Factory reset: reports are gone, usage goes on; ids continue from max(now, last + 1) (§11).
    pub(crate) fn reset(&mut self, now: i64) {
        let usage = core::mem::take(&mut self.usage);
        let floor = u64::try_from(now).unwrap_or(1).saturating_sub(1);
        let last_id = if self.last_id == 0 { 0 } else { self.last_id.max(floor) };
        *self = Self { usage, last_id, ..Self::default() };
        self.usage.retain(|row| row.count > 0);
        self.open_missing(now);
    }

    /// The measurements of a report, day by day; an open one is measured up to `now`.
    pub(crate) fn measurements(&self, row: &ReportRow, now: i64) -> Vec<Measurement> {
        let end = if row.state == ReportState::Open { now } else { row.end };
        let mut measured = Vec::new();
        let mut piece = (row.start, row.value, None);
        let segments = self.more.iter().flat_map(|more| &more.segments).filter(|s| s.report == row.id);
        for segment in segments {
            by_day(&mut measured, piece, segment.before_end);
            piece = (segment.start, segment.value, segment.clock_change_s);
        }
        by_day(&mut measured, piece, end);
        if let Some(last) = measured.last_mut() {
            last.reason = row.reason;
        }
        measured
    }
}

/// A measurement ends after 24 hours, one second before the next begins (86,399 recorded, (X)).
fn by_day(
    out: &mut Vec<Measurement>,
    (mut start, value, mut clock_change_s): (i64, u32, Option<i64>),
    end: i64,
) {
    let end = end.max(start);
    loop {
        let boundary = start.saturating_add(MEASUREMENT_DAY_S);
        let last = end <= boundary;
        let until = if last { end } else { boundary - 1 };
        out.push(Measurement {
            start: Wall::from_secs(start),
            end: Wall::from_secs(until),
            value,
            reason: None,
            clock_change_s: clock_change_s.take(),
        });
        // A clock that was stepped by centuries must not fill the memory.
        if last || out.len() >= MAX_MEASUREMENTS {
            return;
        }
        start = boundary;
    }
}

/// Ten years, day by day (modelled bound). A use that changes more often within one report is counted at its peak.
const MAX_MEASUREMENTS: usize = 3_660;

fn class_of(profile: &Profile, license: u8) -> Option<Class> {
    profile.licenses.get(usize::from(license)).map(|license| license.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: i64 = 1_772_445_600;
    const SEAL: Seal = Seal { identity: 0, units: 0 };

    fn in_use(count: u32) -> Rum {
        let mut rum = Rum::default();
        rum.set_count(0, count, T);
        rum
    }

    fn spans(rum: &Rum, at: usize, now: i64) -> Vec<(i64, i64, u32)> {
        let measured = rum.measurements(&rum.rows[at], now);
        measured.iter().map(|m| (m.start.secs() - T, m.end.secs() - T, m.value)).collect()
    }

    #[test]
    fn the_first_report_is_named_after_its_second_and_the_next_ones_count_on() {
        let mut rum = in_use(1);
        rum.close_open(T + 120, T + 120, Reason::CurrentUsageRequested, SEAL);
        rum.set_count(1, 1, T + 200);
        let ids: Vec<_> = rum.rows.iter().map(|row| (row.id, row.previous_id(), row.license)).collect();
        let t = u64::try_from(T).unwrap();
        assert_eq!(ids, [(t, None, 0), (t + 1, Some(ReportId(t)), 0), (t + 2, None, 1)]);
    }

    #[test]
    fn a_change_of_the_count_begins_a_measurement_and_a_day_ends_one() {
        let mut rum = in_use(1);
        rum.set_count(0, 3, T + 100);
        assert_eq!(spans(&rum, 0, T + 86_600), [(0, 100, 1), (100, 86_499, 3), (86_500, 86_600, 3)]);
    }

    #[test]
    fn a_clock_step_is_recorded_with_its_seconds() {
        let mut rum = in_use(1);
        rum.clock_step(T + 60, T - 3_540);
        let measured = rum.measurements(&rum.rows[0], T - 3_500);
        assert_eq!(measured[1].clock_change_s, Some(-3_600));
        assert_eq!(spans(&rum, 0, T - 3_500), [(0, 60, 1), (-3_540, -3_500, 1)]);
    }

    #[test]
    fn only_the_oldest_report_beyond_the_cap_is_purged_and_it_is_counted() {
        let mut rum = in_use(1);
        for n in 1..=301 {
            rum.close_open(T + n, T + n, Reason::CurrentUsageRequested, SEAL);
        }
        assert_eq!(rum.purge_one(), Some(ReportId(u64::try_from(T).unwrap())));
        assert_eq!(rum.purge_one(), None);
        assert_eq!((rum.waiting().count(), rum.purged), (300, 1));
    }

    #[test]
    fn settled_reports_are_listed_up_to_the_limit_and_named_again_without_effect() {
        let mut rum = in_use(1);
        for n in 1..=4 {
            rum.close_open(T + n, T + n, Reason::CurrentUsageRequested, SEAL);
        }
        let ids: Vec<_> = rum.waiting().map(|row| ReportId(row.id)).collect();
        assert!(rum.settle(ids[0], None) && rum.settle(ids[0], None));
        assert!(rum.settle(ids[1], Some("SIGNATURE_MISMATCH".into())));
        assert!(!rum.settle(ReportId(7), None));
        assert_eq!(rum.acknowledged, 1);
        rum.trim(1);
        assert_eq!(rum.rows[0].id, ids[1].0);
        assert_eq!(rum.rejection(ids[1].0), Some("SIGNATURE_MISMATCH"));
    }

    #[test]
    fn a_factory_reset_keeps_usage_and_never_gives_an_id_twice() {
        let mut rum = in_use(2);
        let last = rum.last_id;
        rum.reset(T);
        assert_eq!((rum.rows.len(), rum.last_id), (1, last + 1));
        rum.reset(T + 5_000);
        assert_eq!(rum.last_id, u64::try_from(T + 5_000).unwrap());
        assert_eq!(rum.count(0), 2);
    }
}

//! Sending usage: the schedule, the 4-hour window and the 15-minute interval (`spec/behaviour.md` §3.4, §7.2).

use alloc::vec::Vec;
use core::time::Duration;

use slpsim_policy::{Mono, Phase, PushInterval, Wall, numbers::INTERVAL_RANGE_DAYS};

use crate::agent::{Agent, Cx, Stamp};
use crate::elements::Elements;
use crate::input::CommandError;
use crate::numbers::{FAST_INTERVAL, NOT_POSSIBLE, RETRY_WINDOW, TRY_AGAIN, WINDOW_ATTEMPTS_MIN};
use crate::output::{Event, Output};
use crate::polling::given_or;
use crate::reply::Status;
use crate::report::{Reason, Report};
use crate::request::{Purpose, Request};
use crate::shared::Shared;
use crate::timers::Timer;

/// Where the report job stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reporting {
    /// Waits for the next push.
    #[default]
    Idle,
    /// The first attempt, at the scheduled time T, is under way.
    InFlight,
    /// Inside the 4 hours after T.
    Retrying,
    /// The window ended without success: the interval is reset to 15 minutes.
    Fast,
}

/// Which usage exchange is in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Attempt {
    /// None.
    #[default]
    None,
    /// One of the schedule or its window.
    Scheduled,
    /// That of `license smart sync`: TRUST_SYNC follows, failing it leaves the grid as it is.
    Manual,
    /// A manual one that a scheduled time has joined.
    Both,
    /// Its ladder has been ended; its end changes no timer.
    Orphan,
}

/// The grid of attempts after a scheduled time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ladder {
    /// T.
    pub(crate) t: Mono,
    /// The next further scheduled time, at which open reports join the set.
    pub(crate) next_close: Mono,
    /// When the attempt in flight began.
    pub(crate) began: Mono,
    /// The configured interval as at T, in days.
    pub(crate) close_every_days: u16,
}

impl Ladder {
    /// The first grid point after `attempt` that is not before `now`: an attempt that lasts beyond one skips it.
    fn next_after(&self, attempt: Mono, now: Mono) -> Mono {
        let window = WINDOW_ATTEMPTS_MIN.iter().map(|minutes| self.t.plus(Duration::from_secs(minutes * 60)));
        let mut in_window = window.filter(|at| *at > attempt && *at >= now);
        in_window.next().unwrap_or_else(|| {
            let end = self.t.plus(RETRY_WINDOW);
            let fast = u64::try_from(FAST_INTERVAL.as_millis()).unwrap_or(u64::MAX);
            let past_attempt = attempt.since(end) / fast + 1;
            let not_before_now = now.since(end).div_ceil(fast);
            Mono(end.0.saturating_add(past_attempt.max(not_before_now).saturating_mul(fast)))
        })
    }
}

impl Agent {
    /// The timer `next push` ran out.
    pub(crate) fn report_due(&mut self, cx: &mut Cx<'_>) {
        if self.is_in_flight(Purpose::Usage) {
            self.flags.start_push_pending = false;
            self.due_while_in_flight(cx);
        } else if !self.rum.any_in_use() && self.rum.waiting().next().is_none() {
            self.end_pending(); // nothing to report: the timer ends
        } else if !self.may_talk() {
            self.timers.set_in(Timer::Report, cx.now.mono, NOT_POSSIBLE);
        } else if self.flags.down_rev {
            self.store_locally(cx);
        } else {
            self.flags.start_push_pending = false;
            match self.reporting {
                Reporting::Idle => self.begin_window(cx),
                Reporting::InFlight | Reporting::Retrying | Reporting::Fast => self.retry(cx),
            }
        }
    }

    fn due_while_in_flight(&mut self, cx: &mut Cx<'_>) {
        match self.reporting {
            Reporting::Idle => {
                // A scheduled time meets a manual sync, or an attempt whose window was ended: reports were closed
                // moments ago, and its fate counts for T.
                self.attempt = match self.attempt {
                    Attempt::Manual | Attempt::Both => Attempt::Both,
                    Attempt::None | Attempt::Scheduled | Attempt::Orphan => Attempt::Scheduled,
                };
                self.reporting = Reporting::InFlight;
                self.set_t(cx);
            }
            Reporting::InFlight | Reporting::Retrying | Reporting::Fast => {
                let next = self.ladder.next_after(cx.now.mono, cx.now.mono);
                self.timers.set(Timer::Report, next);
            }
        }
    }

    /// A down-rev peer takes no reports; they are recorded and stay on the device (§13).
    fn store_locally(&mut self, cx: &mut Cx<'_>) {
        if self.reporting == Reporting::Idle {
            self.close_reports(cx, Reason::CurrentUsageRequested); // a retry closes nothing
        }
        self.end_pending();
        if self.rum.any_in_use() {
            self.schedule_from(cx, cx.now.wall);
        }
    }

    /// The peer turned out down-rev between two attempts: no report is sent to it, so no window goes on (§13).
    pub(crate) fn end_ladder_at_down_rev(&mut self, cx: &Cx<'_>) {
        if self.attempt == Attempt::None && self.reporting != Reporting::Idle {
            self.reporting = Reporting::Idle;
            self.schedule_from(cx, cx.now.wall);
        }
    }

    const fn end_pending(&mut self) {
        self.reporting = Reporting::Idle;
        self.flags.start_push_pending = false;
        self.flags.deferred = false;
    }

    fn begin_window(&mut self, cx: &mut Cx<'_>) {
        // What OK_TRY_AGAIN put off is sent again; retries close nothing.
        if !core::mem::take(&mut self.flags.deferred) || self.rum.waiting().next().is_none() {
            self.close_reports(cx, Reason::CurrentUsageRequested);
        }
        self.reporting = Reporting::InFlight;
        self.set_t(cx);
        self.send_usage(cx, Attempt::Scheduled);
    }

    fn set_t(&mut self, cx: &Cx<'_>) {
        let days = self.configured_interval(cx.shared).days().unwrap_or(self.settings.usage_interval_days);
        let t = cx.now.mono;
        self.ladder = Ladder { t, next_close: t.plus(span_of(days)), began: t, close_every_days: days };
        self.timers.set(Timer::Report, self.ladder.next_after(t, t));
    }

    fn retry(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now.mono;
        if now >= self.ladder.next_close {
            self.close_reports(cx, Reason::CurrentUsageRequested);
            while self.ladder.next_close <= now {
                self.ladder.next_close =
                    self.ladder.next_close.plus(span_of(self.ladder.close_every_days.max(1)));
            }
        }
        if self.rum.waiting().next().is_none() {
            // An ACK for all of the set came by another way: nothing is left of this T.
            self.reporting = Reporting::Idle;
            self.schedule_from(cx, cx.now.wall);
            return;
        }
        self.timers.set(Timer::Report, self.ladder.next_after(now, now));
        self.send_usage(cx, Attempt::Scheduled);
    }

    pub(crate) fn send_usage(&mut self, cx: &mut Cx<'_>, attempt: Attempt) {
        self.attempt = attempt;
        self.ladder.began = cx.now.mono;
        if self.rum.waiting().any(|row| row.state == crate::report::ReportState::Closed) {
            self.rum.mark_sent();
            self.flags.dirty = true;
        }
        let reports = self.reports_to_send(cx.shared.outline);
        self.send(cx, Request::Usage { reports });
    }

    fn reports_to_send(&self, outline: bool) -> Vec<Report> {
        let build = |row| if outline { self.outline_report(row) } else { self.build_report(row) };
        self.rum.waiting().filter_map(build).collect()
    }

    pub(crate) fn usage_failed(&mut self, cx: &mut Cx<'_>) {
        let attempt = core::mem::take(&mut self.attempt);
        match attempt {
            Attempt::None | Attempt::Manual | Attempt::Orphan => {}
            Attempt::Scheduled | Attempt::Both => {
                let late = self.ladder.began.since(self.ladder.t);
                let window = u64::try_from(RETRY_WINDOW.as_millis()).unwrap_or(u64::MAX);
                self.reporting = if late >= window { Reporting::Fast } else { Reporting::Retrying };
                let next = self.ladder.next_after(self.ladder.began, cx.now.mono);
                self.timers.set(Timer::Report, next);
            }
        }
        self.run_queued(cx);
    }

    pub(crate) fn usage_answered(&mut self, cx: &mut Cx<'_>, status: Status, elements: Elements) {
        let attempt = core::mem::take(&mut self.attempt);
        match status {
            Status::Ok | Status::NoData => {
                self.delivered(cx);
                if elements.ack.is_some() {
                    self.wait_for_ack(cx, None, None); // it is here already
                }
            }
            Status::OkPoll { poll_id, interval_s } => {
                self.delivered(cx);
                self.wait_for_ack(cx, poll_id, interval_s);
            }
            Status::TryAgain { after_s } => self.put_off(cx, attempt, after_s),
            Status::Refused { .. } => self.not_delivered(cx, attempt),
        }
        self.install(cx, elements);
        if matches!(attempt, Attempt::Manual | Attempt::Both) {
            self.sync_after_report(cx);
        }
        self.run_queued(cx);
    }

    fn delivered(&mut self, cx: &mut Cx<'_>) {
        self.end_pending();
        self.flags.delivered_since_start = true;
        self.flags.dirty = true;
        self.phase = Phase::Ongoing;
        self.last_push = Stamp::at(cx.now.wall);
        self.schedule_from(cx, cx.now.wall);
        self.rearm_reminder(cx);
    }

    /// `OK_TRY_AGAIN` ends outage and fast interval, but delivers nothing.
    fn put_off(&mut self, cx: &mut Cx<'_>, attempt: Attempt, after_s: Option<u32>) {
        let ran = self.reporting != Reporting::Idle;
        self.reporting = Reporting::Idle;
        if ran || attempt == Attempt::Scheduled {
            self.flags.deferred = true;
            self.timers.set_in(Timer::Report, cx.now.mono, given_or(after_s, TRY_AGAIN));
        }
    }

    /// `FAILED`: again at the next scheduled push.
    fn not_delivered(&mut self, cx: &mut Cx<'_>, attempt: Attempt) {
        let ran = self.reporting != Reporting::Idle;
        self.reporting = Reporting::Idle;
        // A peer that has just turned out able to take reports is due at once (§13): that timer stays.
        if ran || attempt == Attempt::Scheduled {
            self.schedule_from(cx, cx.now.wall);
        }
    }

    /// `next push` = `base` + configured interval; none where nothing is to be reported.
    pub(crate) fn schedule_from(&mut self, cx: &Cx<'_>, base: Wall) {
        match self.configured_interval(cx.shared) {
            PushInterval::Days(days) => self.set_report_at(cx, base.plus_days(days)),
            PushInterval::NoReporting => self.timers.clear(Timer::Report),
        }
    }

    /// Arms `next push` for a wall-clock time; one that is past is due at once.
    pub(crate) fn set_report_at(&mut self, cx: &Cx<'_>, at: Wall) {
        let ahead = u64::try_from(at.since(cx.now.wall)).unwrap_or(0);
        self.timers.set(Timer::Report, cx.now.mono.plus(Duration::from_millis(ahead)));
    }

    /// Interval or policy changed (§3.4): next push = last push + new interval.
    pub(crate) fn reschedule(&mut self, cx: &Cx<'_>) {
        let pending = self.flags.start_push_pending || self.flags.deferred;
        let busy = self.reporting != Reporting::Idle;
        if let (Some(last), false, false) = (self.last_push.get(), pending, busy) {
            self.schedule_from(cx, last);
        }
    }

    pub(crate) fn set_interval(&mut self, cx: &mut Cx<'_>, days: u16) -> Result<(), CommandError> {
        if !INTERVAL_RANGE_DAYS.contains(&days) {
            return Err(CommandError::IntervalRange);
        }
        if self.settings.usage_interval_days != days {
            self.settings.usage_interval_days = days;
            self.reschedule(cx);
        }
        Ok(())
    }

    /// A push that the schedule did not cause: it is due now, and opens a window (§4).
    pub(crate) fn event_push(&mut self, cx: &mut Cx<'_>) {
        if self.is_in_flight(Purpose::Usage) {
            self.flags.push_queued = true;
        } else {
            self.end_ladder();
            self.flags.deferred = false;
            self.timers.set(Timer::Report, cx.now.mono);
        }
    }

    /// Ends a window without success; an exchange still in flight belongs to none any more.
    pub(crate) fn end_ladder(&mut self) {
        if matches!(self.attempt, Attempt::Scheduled) {
            self.attempt = Attempt::Orphan;
        } else if self.attempt == Attempt::Both {
            self.attempt = Attempt::Manual;
        }
        self.reporting = Reporting::Idle;
    }

    fn run_queued(&mut self, cx: &mut Cx<'_>) {
        if core::mem::take(&mut self.flags.push_queued) {
            self.event_push(cx);
        }
        if core::mem::take(&mut self.flags.sync_queued) {
            self.run_sync(cx);
        }
    }

    pub(crate) fn close_reports(&mut self, cx: &mut Cx<'_>, reason: Reason) {
        self.close_reports_at(cx, cx.now.wall, reason);
    }

    pub(crate) fn close_reports_at(&mut self, cx: &mut Cx<'_>, end: Wall, reason: Reason) {
        let seal = self.seal();
        self.rum.close_open(end.secs(), cx.now.wall.secs(), reason, seal);
        while let Some(purged) = self.rum.purge_one() {
            cx.out.push(Output::Event(Event::RumPurged(purged)));
        }
        self.flags.dirty = true;
    }

    /// Days of the policy's *first* or *ongoing* value in force, for a push that a licence starts (§3.4).
    pub(crate) fn first_push_days(&self, shared: &Shared) -> u16 {
        let user = self.settings.usage_interval_days;
        slpsim_policy::in_policy(&self.rules(shared), self.phase, self.in_use()).map_or(user, |n| user.min(n))
    }
}

fn span_of(days: u16) -> Duration {
    Duration::from_secs(u64::from(days) * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/behaviour.md` §7.2 "window attempts", "fast attempts", "grid".
    #[test]
    fn the_grid_is_counted_from_t_and_an_attempt_that_lasts_beyond_a_point_skips_it() {
        let minute = |m: u64| Mono(1_000 + m * 60_000);
        let ladder = Ladder { t: minute(0), ..Ladder::default() };
        for (attempt, now, next) in [
            (0, 0, 5),
            (0, 1, 5),
            (0, 5, 5),
            (0, 6, 10),
            (5, 5, 10),
            (15, 15, 60),
            (180, 180, 240),
            (240, 240, 255),
            (240, 256, 270),
            (255, 255, 270),
            (255, 285, 285),
            (43_200, 43_200, 43_215),
        ] {
            assert_eq!(ladder.next_after(minute(attempt), minute(now)), minute(next), "{attempt} {now}");
        }
    }
}

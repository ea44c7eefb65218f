//! Start, reload, factory reset, the clock, usage and reminders (`spec/behaviour.md` §3, §9, §11).

use core::time::Duration;

use slpsim_policy::{Mono, Phase, Wall, days_left, next_reminder, on_change_bound};

use crate::agent::{Agent, Cx, Flags, Stamp};
use crate::input::{BootCause, Usage};
use crate::messages::Message;
use crate::numbers::{HELLO_AFTER_START, REPORT_AFTER_START, START_REMINDER};
use crate::output::{Event, Output};
use crate::report::Reason;
use crate::reporting::{Attempt, Ladder, Reporting};
use crate::request::Purpose;
use crate::sync::Sync;
use crate::timers::{Timer, TimerTable};

impl Agent {
    pub(crate) fn boot(&mut self, cx: &mut Cx<'_>, cause: BootCause, clock_authoritative: bool) {
        let (cancelled, was_armed) = (self.flags.renewals_cancelled, self.flags.renewals);
        for purpose in Purpose::ALL {
            self.cancel(cx, purpose);
        }
        self.forget_volatile();
        let known_until = self.spill.as_mut().and_then(|spill| spill.known_until.take());
        self.flags.renewals_cancelled = cancelled;
        self.flags.renewals = (was_armed || Self::boot_cause_registers(cause)) && !cancelled;
        if let BootCause::Upgraded { .. } = cause {
            self.spill().upgraded = Some(cx.now.wall);
        }
        cx.out.push(Output::Event(Event::InitStart));
        match cause {
            BootCause::First | BootCause::Upgraded { .. } => self.rum.open_missing(cx.now.wall.secs()),
            BootCause::Reload => self.close_reports(cx, Reason::ProductReload),
            BootCause::PowerLoss => {
                // Of the time after the last durable state nothing is known, so nothing is measured.
                let end = known_until.unwrap_or(cx.now.wall).min(cx.now.wall);
                self.close_reports_at(cx, end, Reason::ProductReload);
            }
        }
        for usage in self.rum.usage.iter().filter(|usage| usage.count > 0) {
            let event = Event::EndpointUsage { license: usage.license, count: usage.count };
            cx.out.push(Output::Event(event));
        }
        self.start(cx, clock_authoritative);
        self.arm_trust_renewal(cx, HELLO_AFTER_START);
        self.arm_renewals(cx);
    }

    /// What a reload loses (§11).
    fn forget_volatile(&mut self) {
        self.timers = TimerTable::new();
        self.flags = Flags { dirty: true, ..Flags::default() };
        self.reporting = Reporting::Idle;
        self.attempt = Attempt::None;
        self.ladder = Ladder::default();
        self.sync = Sync::None;
        self.end_polling();
        self.end_trust_request();
        self.forget_down();
        if let Some(spill) = &mut self.spill {
            spill.counters = None;
            spill.trust_refused = None;
        }
    }

    /// Timers as at a start: hello, the first report, the start reminder.
    fn start(&mut self, cx: &mut Cx<'_>, clock_authoritative: bool) {
        if self.t0.get().is_none() && self.rum.any_in_use() {
            self.t0 = Stamp::at(cx.now.wall);
        }
        self.flags.dirty = true;
        self.flags.delivered_since_start = false;
        self.flags.start_push_pending = true;
        self.arm_hello(cx);
        self.timers.set_in(Timer::Report, cx.now.mono, REPORT_AFTER_START);
        self.flags.clock_unsure = !clock_authoritative;
        // Whether there is one is decided now: a licence that appears after the start sends no start reminder (§5.2).
        self.flags.start_reminder_waits = self.rum.any_in_use();
        self.start_reminder(cx);
        self.rearm_reminder(cx);
    }

    pub(crate) fn clock_authoritative(&mut self, cx: &mut Cx<'_>) {
        self.flags.clock_unsure = false;
        self.start_reminder(cx);
    }

    fn start_reminder(&mut self, cx: &Cx<'_>) {
        if !self.flags.clock_unsure && core::mem::take(&mut self.flags.start_reminder_waits) {
            self.timers.set_in(Timer::StartReminder, cx.now.mono, START_REMINDER);
        }
    }

    /// `license smart factory reset`: all licensing data go, the agent works on (§11).
    pub(crate) fn factory_reset(&mut self, cx: &mut Cx<'_>) {
        for purpose in Purpose::ALL {
            self.cancel(cx, purpose);
        }
        let had_policy = self.policy.take().is_some();
        let auth = self.spill.as_mut().map(|spill| core::mem::take(&mut spill.auth)).unwrap_or_default();
        let (down_since, down_failures) = (self.down_since, self.down_failures);
        let clock_authoritative = !self.flags.clock_unsure;
        self.forget_volatile();
        (self.down_since, self.down_failures) = (down_since, down_failures);
        self.trust = None;
        self.policy_installed = Stamp::NONE;
        self.policy_issued = Stamp::NONE;
        self.phase = Phase::First;
        self.account = None;
        for stamp in [
            &mut self.account_as_of,
            &mut self.t0,
            &mut self.last_ack,
            &mut self.bound,
            &mut self.last_push,
            &mut self.last_file_write,
        ] {
            *stamp = Stamp::NONE;
        }
        self.forget_trust_of_standby();
        if let Some(spill) = &mut self.spill {
            spill.return_code = None;
            spill.upgraded = None;
        }
        self.rum.reset(cx.now.wall.secs());
        if had_policy {
            cx.out.push(Output::Log(Message::PolicyRemoved));
        }
        for installed in auth {
            cx.out.push(Output::Log(Message::AuthorizationRemoved { udi: installed.code.udi }));
        }
        self.start(cx, clock_authoritative);
    }

    pub(crate) fn clock_step(&mut self, cx: &mut Cx<'_>, delta_ms: i64) {
        let new = cx.now.wall;
        let old = new.plus_millis(delta_ms.saturating_neg());
        self.rum.clock_step(old.secs(), new.secs());
        self.flags.dirty = true;
        // `next push` and the end of trust are wall-clock times; a window runs on elapsed time (§9).
        if self.reporting == Reporting::Idle
            && let Some(at) = self.timers.get(Timer::Report)
        {
            self.timers.set(Timer::Report, shifted(at, delta_ms, cx.now.mono));
        }
        self.arm_trust_renewal(cx, Duration::ZERO);
        self.rearm_reminder(cx);
    }

    /// A change of consumption (§3.1 "on change", §3.4).
    pub(crate) fn usage(&mut self, cx: &mut Cx<'_>, usage: Usage) {
        let Some(license) = self.profile().licenses.get(usize::from(usage.license)) else {
            return; // no such licence on this platform
        };
        let old = self.rum.set_count(usage.license, usage.count, cx.now.wall.secs());
        if old == usage.count {
            return;
        }
        let event = Event::EndpointUsage { license: usage.license, count: usage.count };
        cx.out.push(Output::Event(event));
        self.flags.dirty = true;
        let c = cx.now.wall;
        let bound = on_change_bound(&self.rules(cx.shared), license.class, c);
        self.bound = [self.bound.get(), bound].into_iter().flatten().min().into();
        if self.t0.get().is_none() {
            self.t0 = Stamp::at(c);
        }
        if self.timers.get(Timer::Report).is_none() {
            self.schedule_for_usage(cx, usage, old, license.class, c);
        }
        self.rearm_reminder(cx);
    }

    fn schedule_for_usage(
        &mut self,
        cx: &Cx<'_>,
        usage: Usage,
        old: u32,
        class: slpsim_policy::Class,
        c: Wall,
    ) {
        let m = self.rules(cx.shared).on_change(class).value;
        let on_change = (m > 0).then(|| m.min(self.settings.usage_interval_days));
        let appears = (old == 0 && usage.count > 0).then(|| self.first_push_days(cx.shared));
        if let Some(days) = [on_change, appears].into_iter().flatten().min() {
            self.set_report_at(cx, c.plus_days(days));
        }
    }

    /// Logs REPORTING_REQUIRED for the reminder that stood at `due`.
    pub(crate) fn remind(&mut self, cx: &mut Cx<'_>, due: Mono) {
        let Some(x) = self.ack_deadline(cx.shared) else { return };
        // A driver may be late: the days are those left at the time for which the reminder was set.
        let late = i64::try_from(cx.now.mono.since(due)).unwrap_or(i64::MAX);
        let days = days_left(x, cx.now.wall.plus_millis(late.saturating_neg()));
        cx.out.push(Output::Log(Message::ReportingRequired { days }));
    }

    /// Arms the next reminder, strictly in the future; none where there is no deadline.
    pub(crate) fn rearm_reminder(&mut self, cx: &Cx<'_>) {
        let next = self.ack_deadline(cx.shared).and_then(|x| next_reminder(x, cx.now.wall));
        match next {
            Some(at) => {
                let ahead = u64::try_from(at.since(cx.now.wall)).unwrap_or(0);
                self.timers.set(Timer::Reminder, Mono(cx.now.mono.0.saturating_add(ahead)));
            }
            None => self.timers.clear(Timer::Reminder),
        }
    }
}

/// The same wall-clock time on the elapsed clock after a step; what the step jumped over is due now.
fn shifted(at: Mono, delta_ms: i64, now: Mono) -> Mono {
    let ahead = i64::try_from(at.since(now)).unwrap_or(i64::MAX).saturating_sub(delta_ms);
    Mono(now.0.saturating_add(u64::try_from(ahead).unwrap_or(0)))
}

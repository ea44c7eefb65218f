//! A switch that never reaches its peer, in closed form.
//!
//! It logs some 44,000 failures a year, and an agent that fails changes nothing but its own timers: the lines of a life
//! between two starts are three arithmetic series (`spec/behaviour.md` §7.1, §7.2, §3.3), here merged without an agent.
//! `tests/fleet_hopeless.rs` holds them against the agent itself.

use slpsim_agent::numbers::{
    FAST_INTERVAL, HELLO_AFTER_START, HOURLY_RETRY, REPORT_AFTER_START, RETRY_WINDOW, START_REMINDER,
    WINDOW_ATTEMPTS_MIN,
};
use slpsim_policy::{Wall, days_left, next_reminder};

/// What such a switch logs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cry {
    /// COMM_FAILED of hello.
    Hello,
    /// COMM_FAILED of the report.
    Report,
    /// REPORTING_REQUIRED of the start, with so many days.
    Start(u32),
    /// REPORTING_REQUIRED of the deadline, with so many days.
    Reminder(u32),
}

/// A switch with a licence in use that never reaches its peer, between two starts. Times in milliseconds of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hopeless {
    hello_ms: u64,
    /// T of the ladder.
    t_ms: u64,
    report_ms: u64,
    start_reminder_ms: u64,
    reminder_ms: u64,
    /// The ACK deadline, on the clock of the run.
    x_ms: i64,
}

impl Hopeless {
    /// Boots at `now_ms`; the reporting clock has run since `t0_ms`, and the first report is due `first_days` after it.
    pub(crate) fn boot(now_ms: u64, t0_ms: u64, first_days: u16) -> Self {
        let t_ms = now_ms + millis(REPORT_AFTER_START);
        let x_ms = signed(t0_ms) + i64::from(first_days) * slpsim_policy::time::DAY_MS;
        let mut this = Self {
            hello_ms: now_ms + millis(HELLO_AFTER_START),
            t_ms,
            report_ms: t_ms,
            start_reminder_ms: now_ms + millis(START_REMINDER),
            reminder_ms: u64::MAX,
            x_ms,
        };
        this.arm_reminder(now_ms);
        this
    }

    /// When it logs next.
    pub(crate) fn next_ms(&self) -> u64 {
        self.hello_ms.min(self.report_ms).min(self.start_reminder_ms).min(self.reminder_ms)
    }

    /// Logs at [`Hopeless::next_ms`]; of several at once in the order of timers (`spec/behaviour.md` §7.5).
    pub(crate) fn cry(&mut self) -> Cry {
        let now = self.next_ms();
        if self.hello_ms == now {
            self.hello_ms += millis(HOURLY_RETRY);
            return Cry::Hello;
        }
        if self.report_ms == now {
            self.report_ms = self.after(now);
            return Cry::Report;
        }
        let days = days_left(Wall(self.x_ms), Wall(signed(now)));
        if self.start_reminder_ms == now {
            self.start_reminder_ms = u64::MAX;
            return Cry::Start(days);
        }
        self.arm_reminder(now);
        Cry::Reminder(days)
    }

    fn arm_reminder(&mut self, now_ms: u64) {
        let next = next_reminder(Wall(self.x_ms), Wall(signed(now_ms)));
        self.reminder_ms = next.and_then(|at| u64::try_from(at.0).ok()).unwrap_or(u64::MAX);
    }

    /// The grid point of the ladder after that of `attempt`.
    fn after(&self, attempt: u64) -> u64 {
        let late = attempt - self.t_ms;
        let window = millis(RETRY_WINDOW);
        let in_window = WINDOW_ATTEMPTS_MIN.into_iter().map(|minutes| minutes * 60_000).find(|at| *at > late);
        self.t_ms
            + in_window.unwrap_or_else(|| {
                let fast = millis(FAST_INTERVAL);
                window + ((late - window) / fast + 1) * fast
            })
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

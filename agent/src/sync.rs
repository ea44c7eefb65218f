//! TRUST_SYNC, and `license smart sync` (`spec/behaviour.md` §7.1).

use crate::agent::{Agent, Cx};
use crate::elements::Elements;
use crate::numbers::{HOURLY_RETRY, NOT_POSSIBLE};
use crate::report::Reason;
use crate::reporting::{Attempt, Reporting};
use crate::request::{Purpose, Request};
use crate::timers::Timer;

/// Where trust synchronisation stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sync {
    /// Nothing to do.
    #[default]
    None,
    /// Waits for its time, or for its answer.
    Due,
    /// Its time has come, but another failing job keeps the peer down: it runs after the first success.
    Held,
}

impl Agent {
    pub(crate) fn sync_due(&mut self, cx: &mut Cx<'_>) {
        if self.sync == Sync::None {
            return;
        }
        if !self.may_talk() {
            self.timers.set_in(Timer::Sync, cx.now.mono, NOT_POSSIBLE);
        } else if self.flags.down_rev {
            self.sync = Sync::None; // nothing is sent to a down-rev peer but hello
        } else if self.is_held_up() {
            self.sync = Sync::Held;
        } else {
            self.sync = Sync::Due;
            // Counted from the start of the attempt; any answer takes it away.
            self.timers.set_in(Timer::Sync, cx.now.mono, HOURLY_RETRY);
            if !self.is_in_flight(Purpose::TrustSync) {
                self.send(cx, Request::TrustSync);
            }
        }
    }

    /// A failing report job or hello holds it; a failed poll, trust request or manual sync does not.
    fn is_held_up(&self) -> bool {
        let report_fails = matches!(self.reporting, Reporting::Retrying | Reporting::Fast);
        self.down_since.get().is_some() && (report_fails || self.flags.hello_failing)
    }

    pub(crate) fn release_sync(&mut self, cx: &Cx<'_>) {
        if self.sync == Sync::Held {
            self.sync = Sync::Due;
            self.timers.set(Timer::Sync, cx.now.mono);
        }
    }

    pub(crate) fn sync_answered(&mut self, cx: &mut Cx<'_>, elements: Elements) {
        self.install(cx, elements);
        // Also what a trust code in this very answer would ask for.
        self.sync = Sync::None;
        self.timers.clear(Timer::Sync);
    }

    /// `license smart sync`: closes and sends reports, then TRUST_SYNC; nothing of it is retried.
    pub(crate) fn sync_command(&mut self, cx: &mut Cx<'_>) {
        self.close_reports(cx, Reason::CurrentUsageRequested);
        self.run_sync(cx);
    }

    /// What of it can be done now; behind a usage exchange it waits.
    pub(crate) fn run_sync(&mut self, cx: &mut Cx<'_>) {
        if !self.may_talk() || self.flags.down_rev {
            return;
        }
        if self.is_in_flight(Purpose::Usage) {
            self.flags.sync_queued = true;
        } else if self.rum.waiting().next().is_some() {
            self.send_usage(cx, Attempt::Manual);
        } else {
            self.manual_trust_sync(cx);
        }
    }

    /// The second half of `license smart sync`, once the report was answered.
    pub(crate) fn sync_after_report(&mut self, cx: &mut Cx<'_>) {
        if self.may_talk() && !self.flags.down_rev {
            self.manual_trust_sync(cx);
        }
    }

    fn manual_trust_sync(&mut self, cx: &mut Cx<'_>) {
        if !self.is_in_flight(Purpose::TrustSync) {
            self.send(cx, Request::TrustSync);
        }
    }
}

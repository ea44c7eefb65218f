//! The renewal jobs of a device that comes from classic Smart Licensing (`spec/behaviour.md` §13).

use crate::agent::{Agent, Cx};
use crate::numbers::{AUTH_RENEWAL, FIRST_RENEWALS, HOURLY_RETRY, ID_RENEWAL, NOT_POSSIBLE, TRY_AGAIN};
use crate::polling::given_or;
use crate::reply::Status;
use crate::request::{Purpose, Request};
use crate::timers::Timer;

impl Agent {
    pub(crate) fn arm_renewals(&mut self, cx: &Cx<'_>) {
        if self.flags.renewals {
            self.timers.set_in(Timer::AuthRenew, cx.now.mono, FIRST_RENEWALS);
            self.timers.set_in(Timer::IdRenew, cx.now.mono, FIRST_RENEWALS);
        }
    }

    /// A down-rev peer ends them for good.
    pub(crate) fn cancel_renewals(&mut self) {
        if self.flags.renewals {
            self.flags.renewals = false;
            self.flags.renewals_cancelled = true;
            self.flags.dirty = true;
        }
        self.timers.clear(Timer::AuthRenew);
        self.timers.clear(Timer::IdRenew);
    }

    pub(crate) fn renewal_due(&mut self, cx: &mut Cx<'_>, purpose: Purpose) {
        let (timer, request) = match purpose {
            Purpose::AuthRenew => (Timer::AuthRenew, Request::AuthRenew),
            Purpose::IdRenew => (Timer::IdRenew, Request::IdRenew),
            Purpose::Poll
            | Purpose::Hello
            | Purpose::Trust
            | Purpose::Usage
            | Purpose::TrustSync
            | Purpose::AuthRequest
            | Purpose::AuthReturn => return,
        };
        if !self.may_talk() {
            self.timers.set_in(timer, cx.now.mono, NOT_POSSIBLE);
            return;
        }
        // A failing one is repeated like the other jobs (modelled); counted from the start of the attempt.
        self.timers.set_in(timer, cx.now.mono, HOURLY_RETRY);
        if !self.is_in_flight(purpose) {
            self.send(cx, request);
        }
    }

    pub(crate) fn renewal_answered(&mut self, cx: &Cx<'_>, purpose: Purpose, status: &Status) {
        if !self.flags.renewals {
            return; // the answer came from a peer that ended them
        }
        let (timer, period) = if purpose == Purpose::IdRenew {
            (Timer::IdRenew, ID_RENEWAL)
        } else {
            (Timer::AuthRenew, AUTH_RENEWAL)
        };
        let next = match status {
            Status::TryAgain { after_s } => given_or(*after_s, TRY_AGAIN),
            Status::Ok | Status::OkPoll { .. } | Status::NoData | Status::Refused { .. } => period,
        };
        self.timers.set_in(timer, cx.now.mono, next);
    }
}

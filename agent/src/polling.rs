//! Fetching the ACK of a report (`spec/behaviour.md` §8).

use core::time::Duration;

use crate::agent::{Agent, Cx};
use crate::elements::Elements;
use crate::ids::PollId;
use crate::numbers::{
    NOT_POSSIBLE, POLL_AFTER_FAILURE, POLL_CSLU, POLL_DIRECT, POLLS_BEFORE_DAILY, TRY_AGAIN,
};
use crate::reply::Status;
use crate::request::{Purpose, Request};
use crate::timers::Timer;

impl Agent {
    pub(crate) fn poll_due(&mut self, cx: &mut Cx<'_>) {
        let Some(poll_id) = self.poll_id else { return };
        if !self.may_talk() {
            self.timers.set_in(Timer::Poll, cx.now.mono, NOT_POSSIBLE);
            return;
        }
        // Where this poll fails, the next one comes a day after it.
        self.timers.set_in(Timer::Poll, cx.now.mono, POLL_AFTER_FAILURE);
        if !self.is_in_flight(Purpose::Poll) {
            self.polls = self.polls.saturating_add(1);
            self.send(cx, Request::Poll { poll_id });
        }
    }

    pub(crate) fn poll_answered(&mut self, cx: &mut Cx<'_>, status: Status, elements: Elements) {
        match status {
            Status::OkPoll { interval_s, .. } if elements.ack.is_none() => {
                if self.polls < POLLS_BEFORE_DAILY {
                    self.timers.set_in(Timer::Poll, cx.now.mono, self.poll_delay(interval_s));
                }
            }
            Status::TryAgain { after_s } => {
                self.timers.set_in(Timer::Poll, cx.now.mono, given_or(after_s, TRY_AGAIN));
            }
            // A refusal ends polling: what it was for goes with the next push (modelled).
            Status::Ok | Status::OkPoll { .. } | Status::NoData | Status::Refused { .. } => {
                self.end_polling()
            }
        }
        self.install(cx, elements);
    }

    /// The poll id of a new push replaces the old one, and with it a poll that is under way (§8): its report went
    /// with the new push again.
    pub(crate) fn wait_for_ack(&mut self, cx: &mut Cx<'_>, poll_id: Option<PollId>, interval_s: Option<u32>) {
        self.cancel(cx, Purpose::Poll);
        self.end_polling();
        if poll_id.is_some() {
            self.poll_id = poll_id;
            self.timers.set_in(Timer::Poll, cx.now.mono, self.poll_delay(interval_s));
        }
    }

    fn poll_delay(&self, interval_s: Option<u32>) -> Duration {
        let default = if self.settings.transport.is_direct() { POLL_DIRECT } else { POLL_CSLU };
        given_or(interval_s, default)
    }

    pub(crate) fn end_polling(&mut self) {
        self.poll_id = None;
        self.polls = 0;
        self.timers.clear(Timer::Poll);
    }
}

/// What the peer gives, in seconds, or else `default`; 0 counts as not given.
pub(crate) fn given_or(seconds: Option<u32>, default: Duration) -> Duration {
    seconds.filter(|s| *s > 0).map_or(default, |s| Duration::from_secs(u64::from(s)))
}

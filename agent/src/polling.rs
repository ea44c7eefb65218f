//! Fetching the ACK of a report (`spec/behaviour.md` §8).

use core::time::Duration;

use crate::agent::{Agent, Cx};
use crate::elements::Elements;
use crate::numbers::{NOT_POSSIBLE, POLL_AFTER_FAILURE, POLLS_BEFORE_DAILY, TRY_AGAIN};
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
                    let given = interval_s.map(|seconds| Duration::from_secs(u64::from(seconds)));
                    self.timers.set_in(Timer::Poll, cx.now.mono, given.unwrap_or(self.poll_delay()));
                }
            }
            Status::TryAgain { after_s } => {
                let after =
                    after_s.filter(|s| *s > 0).map_or(TRY_AGAIN, |s| Duration::from_secs(u64::from(s)));
                self.timers.set_in(Timer::Poll, cx.now.mono, after);
            }
            // A refusal ends polling: what it was for goes with the next push (modelled).
            Status::Ok | Status::OkPoll { .. } | Status::NoData | Status::Refused { .. } => {
                self.end_polling()
            }
        }
        self.install(cx, elements);
    }

    pub(crate) fn end_polling(&mut self) {
        self.poll_id = None;
        self.polls = 0;
        self.timers.clear(Timer::Poll);
    }
}

//! COMM_FAILED, COMM_RESTORED, and what the peer can do (`spec/messages.md` §7, `spec/behaviour.md` §5.2, §13).

use crate::agent::{Agent, Cx, Stamp};
use crate::failure::Failure;
use crate::messages::{Message, Peer};
use crate::numbers::{DOWN_REV_HELLO, HELLO_AFTER_START, HOURLY_RETRY, NOT_POSSIBLE};
use crate::output::{Event, Output};
use crate::reply::Capabilities;
use crate::request::{Purpose, Request};
use crate::settings::TransportMode;
use crate::timers::Timer;

impl Agent {
    /// An exchange brought no authenticated answer: one message for each.
    pub(crate) fn comm_failed(&mut self, cx: &mut Cx<'_>, failure: Failure) {
        // An exchange may outlive its transport: on `off` no message is ever sent.
        let Some(peer) = Peer::of(self.settings.transport) else { return };
        if self.down_since.get().is_none() {
            self.down_since = Stamp::at(cx.now.wall);
        }
        self.down_failures = self.down_failures.saturating_add(1);
        cx.out.push(Output::Log(Message::CommFailed { peer, failure }));
        cx.out.push(Output::Event(Event::CommFail(failure)));
    }

    /// An authenticated answer, whatever it says: ends an outage, and counts as the answer to hello.
    pub(crate) fn authenticated(&mut self, cx: &mut Cx<'_>, capabilities: Capabilities, stale: bool) {
        if self.down_since.get().is_some()
            && let Some(peer) = Peer::of(self.settings.transport)
        {
            self.forget_down();
            cx.out.push(Output::Log(Message::CommRestored { peer }));
            cx.out.push(Output::Event(Event::CommRestored));
        }
        if !stale {
            self.learn(cx, capabilities);
        }
        self.release_sync(cx);
    }

    pub(crate) const fn forget_down(&mut self) {
        self.down_since = Stamp::NONE;
        self.down_failures = 0;
    }

    fn learn(&mut self, cx: &mut Cx<'_>, capabilities: Capabilities) {
        let was_down_rev = self.flags.down_rev;
        self.flags.answered = true;
        self.flags.hello_failing = false;
        self.flags.down_rev = !capabilities.contains(Capabilities::POLICY_USAGE);
        if !self.flags.down_rev {
            self.timers.clear(Timer::Hello);
            if was_down_rev {
                self.event_push(cx); // the peer was upgraded: a push starts at once
            }
            return;
        }
        self.timers.set_in(Timer::Hello, cx.now.mono, DOWN_REV_HELLO);
        if !was_down_rev {
            cx.out.push(Output::Log(Message::ReportingNotSupported));
            self.cancel_renewals();
            self.end_ladder_at_down_rev(cx);
        }
    }

    /// An answer to another exchange may have come first; then hello is no longer wanted.
    pub(crate) fn hello_failed(&mut self) {
        self.flags.hello_failing = self.timers.get(Timer::Hello).is_some();
    }

    pub(crate) fn hello_due(&mut self, cx: &mut Cx<'_>) {
        if !self.may_talk() {
            self.timers.set_in(Timer::Hello, cx.now.mono, NOT_POSSIBLE);
            return;
        }
        // Counted from the start of the attempt; an answer takes it away.
        self.timers.set_in(Timer::Hello, cx.now.mono, HOURLY_RETRY);
        if !self.is_in_flight(Purpose::Hello) {
            self.send(cx, Request::Hello);
        }
    }

    /// Start of the agent, or a new peer: hello in 10 s on `cslu`; on `smart` and `callhome` only with trust.
    pub(crate) fn arm_hello(&mut self, cx: &Cx<'_>) {
        self.flags.answered = false;
        self.flags.down_rev = false;
        self.flags.hello_failing = false;
        if self.may_talk() {
            self.timers.set_in(Timer::Hello, cx.now.mono, HELLO_AFTER_START);
        } else {
            self.timers.clear(Timer::Hello);
        }
    }

    pub(crate) fn set_transport(&mut self, cx: &mut Cx<'_>, transport: TransportMode) {
        if self.settings.transport != transport {
            let was_direct = core::mem::replace(&mut self.settings.transport, transport).is_direct();
            self.peer_changed(cx, was_direct);
        }
    }

    /// Only arms hello and forgets the old answer; an outage, a window and a poll stay (§7.1).
    pub(crate) fn peer_changed(&mut self, cx: &mut Cx<'_>, was_direct: bool) {
        for purpose in Purpose::ALL {
            if self.is_in_flight(purpose) && self.flags.stale & purpose.bit() == 0 {
                self.flags.stale |= purpose.bit();
                let direct = if was_direct { purpose.bit() } else { 0 };
                self.stale_direct = self.stale_direct & !purpose.bit() | direct;
            }
        }
        self.cancel(cx, Purpose::Hello);
        self.arm_hello(cx);
    }
}

//! Attempts by purpose, for `show license tech support` (`spec/behaviour.md` §7.4).

use alloc::boxed::Box;

use slpsim_policy::Wall;

use crate::agent::{Agent, Cx};
use crate::failure::Failure;
use crate::reply::{Reply, Status};
use crate::request::Purpose;

/// Counters of all purposes.
pub(crate) type Counters = [Conversation; Purpose::ALL.len()];

/// What is counted of one purpose.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// Attempts.
    pub total: u32,
    /// Attempts that the peer answered with success.
    pub success: u32,
    /// Attempts that failed or were refused.
    pub fail: u32,
    /// Consecutive attempts without success.
    pub ongoing_overall: u32,
    /// Consecutive attempts without an authenticated answer.
    pub ongoing_communication: u32,
    /// Word of the last answer, and when.
    pub last_response: Option<(&'static str, Wall)>,
    /// Why the last attempt failed.
    pub failure_reason: Option<FailureReason>,
    /// Time of the last success.
    pub last_success: Option<Wall>,
    /// Time of the last failure.
    pub last_failure: Option<Wall>,
}

/// Text of `Failure Reason:`.
#[derive(Clone, Debug, PartialEq)]
pub enum FailureReason {
    /// No authenticated answer.
    Failure(Failure),
    /// The server's words.
    Server(Box<str>),
}

impl Agent {
    pub(crate) fn count_attempt(&mut self, cx: &Cx<'_>, purpose: Purpose) {
        if cx.shared.keep.counters {
            self.conversation(purpose).total += 1;
        }
    }

    fn conversation(&mut self, purpose: Purpose) -> &mut Conversation {
        &mut self.spill().counters.get_or_insert_default()[purpose.index()]
    }

    /// What increments which: `spec/messages.md` §7.
    pub(crate) fn count_result(&mut self, cx: &Cx<'_>, purpose: Purpose, result: &Result<Reply, Failure>) {
        if !cx.shared.keep.counters {
            return;
        }
        let now = cx.now.wall;
        let (word, reason) = match result {
            Ok(reply) => match &reply.status {
                Status::Ok => ("OK", None),
                Status::OkPoll { .. } => ("OK_POLL", None),
                Status::NoData => ("NO DATA TO PROCESS", None),
                Status::TryAgain { .. } => ("OK_TRY_AGAIN", Some(FailureReason::Failure(Failure::Busy))),
                Status::Refused { message } => {
                    ("INVALID STATUS CODE", Some(FailureReason::Server(message.clone())))
                }
            },
            Err(Failure::NotBuilt) => {
                ("BUILD REQUEST ERROR", Some(FailureReason::Failure(Failure::NotBuilt)))
            }
            Err(failure) => ("NO REPLY", Some(FailureReason::Failure(*failure))),
        };
        let counted = self.conversation(purpose);
        counted.last_response = Some((word, now));
        match result {
            Ok(_) => counted.ongoing_communication = 0,
            Err(Failure::NotBuilt) => {}
            Err(_) => counted.ongoing_communication += 1,
        }
        if reason.is_none() {
            counted.success += 1;
            counted.ongoing_overall = 0;
            counted.last_success = Some(now);
        } else {
            counted.fail += 1;
            counted.ongoing_overall += 1;
            counted.last_failure = Some(now);
        }
        counted.failure_reason = reason;
    }
}

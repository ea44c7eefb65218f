//! What one exchange needs and what it brings: bytes, limits, and the two ways to end.

use std::fmt;
use std::time::Duration;

use slpsim_agent::{Failure, numbers};
use slpsim_policy::Wall;

/// Says what time it is for one end of a connection: the host's clock, a device's own, a scaled one, or the one that a
/// simulation holds still. A device judges certificates by its own, never by the host's (`spec/behaviour.md` §9).
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Wall;
}

impl<F: Fn() -> Wall + Send + Sync> Clock for F {
    fn now(&self) -> Wall {
        self()
    }
}

/// One request to be carried: `POST` of `body` to `url`.
///
/// Its `Debug` form leaves the body out: it may hold an id token.
#[derive(Clone)]
pub struct Call {
    /// `http://` or `https://`, as the operator configured it.
    pub url: String,
    /// Value of the header `Content-Type`.
    pub content_type: &'static str,
    /// The request's bytes.
    pub body: Vec<u8>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("url", &self.url)
            .field("content_type", &self.content_type)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// An answer with a 2xx status and at least one byte of body.
///
/// Its `Debug` form leaves the body out.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status, 200 to 299.
    pub status: u16,
    /// The answer's bytes, never empty, at most [`Limits::answer_bytes`].
    pub body: Vec<u8>,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("status", &self.status).field("body_bytes", &self.body.len()).finish()
    }
}

/// An exchange that brought no answer to decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct CarryError {
    /// The row of `spec/messages.md` §5: what the device logs.
    pub failure: Failure,
    /// One line for the program's own diagnostics: what happened, whose fault it is, what to do next.
    pub detail: String,
    /// Nothing was sent because this program may not leave the machine (`interface.md` §1). The operator should see
    /// `detail` once, as it is nothing that the device could know.
    pub refused: bool,
}

impl CarryError {
    /// From a row and a line of detail; control characters in the line become blanks.
    #[must_use]
    pub fn new(failure: Failure, detail: impl fmt::Display) -> Self {
        let detail = detail.to_string().replace(|c: char| c.is_control(), " ");
        Self { failure, detail, refused: false }
    }
}

/// The bounds of an exchange. Times are wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For reaching the peer, TLS handshake and proxy included (modelled).
    pub connect: Duration,
    /// For the whole exchange, from the look-up of the name to the last byte of the answer.
    pub total: Duration,
    /// Largest request, in bytes.
    pub request_bytes: usize,
    /// Largest answer, in bytes.
    pub answer_bytes: usize,
}

impl Limits {
    /// The shortest time-out that is accepted; a shorter one would fail exchanges that only had to wait for a core.
    pub const SHORTEST: Duration = Duration::from_millis(10);

    /// The ordinary limits with another total time-out, as lockstep needs it (`interface.md` §6); the time-out for
    /// connecting follows where it would be longer.
    #[must_use]
    pub fn within(total: Duration) -> Self {
        let ordinary = Self::default();
        let total = total.max(Self::SHORTEST);
        Self { connect: ordinary.connect.min(total), total, ..ordinary }
    }
}

impl Default for Limits {
    /// 60 s in all, 15 s of them to connect, 5,000,000 bytes each way (`spec/behaviour.md` §16, §19).
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(15),
            total: numbers::EXCHANGE_TIMEOUT,
            request_bytes: numbers::MESSAGE_SIZE,
            answer_bytes: numbers::MESSAGE_SIZE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_never_shows_in_debug_output() {
        let call = Call { url: "http://a/".into(), content_type: "text/plain", body: b"secret".to_vec() };
        assert_eq!(
            format!("{call:?}"),
            r#"Call { url: "http://a/", content_type: "text/plain", body_bytes: 6 }"#
        );
        let answer = Answer { status: 200, body: b"secret".to_vec() };
        assert_eq!(format!("{answer:?}"), "Answer { status: 200, body_bytes: 6 }");
    }

    #[test]
    fn a_short_total_time_out_shortens_the_one_for_connecting() {
        let limits = Limits::within(Duration::from_millis(250));
        assert_eq!((limits.connect, limits.total), (Duration::from_millis(250), Duration::from_millis(250)));
        let limits = Limits::within(Duration::from_secs(120));
        assert_eq!((limits.connect, limits.total), (Duration::from_secs(15), Duration::from_secs(120)));
        assert_eq!(Limits::within(Duration::ZERO).total, Limits::SHORTEST);
    }

    #[test]
    fn a_detail_is_one_line() {
        assert_eq!(CarryError::new(Failure::Unreachable, "a\nb\u{7}c").to_string(), "a b c");
    }
}

//! From a request of the agent to a reply: compose, encode and sign, post, decode and verify, accept.

use std::fmt;
use std::sync::Arc;

use slpsim_agent::{Failure, Request, Sender};

use super::call::{Call, CarryError};
use super::carrier::Carrier;
use super::transport::Exchanged;
use crate::message::{DeviceMessage, ServerMessage, accept, compose};

/// How messages become the body of a request, and the body of an answer a message.
pub trait Format: Send + Sync {
    /// Value of the header `Content-Type`.
    fn content_type(&self) -> &'static str;

    /// Encodes and signs.
    ///
    /// # Errors
    /// Why the request cannot be made, and the row of `spec/messages.md` §5 with which the exchange ends.
    fn encode(&self, message: DeviceMessage) -> Result<Encoded, CarryError>;

    /// Decodes, and verifies the signature of the answer.
    fn decode(&self, body: &[u8]) -> Decoded;
}

/// A request ready to be carried.
pub struct Encoded {
    /// The bytes.
    pub body: Vec<u8>,
    /// As `show license history message` prints it, id tokens masked.
    pub text: String,
}

/// What became of the bytes of an answer.
pub struct Decoded {
    /// The message, where it is in the expected form and its signature good.
    pub result: Result<ServerMessage, CarryError>,
    /// As `show license history message` prints it, where that much could be read.
    pub text: Option<String>,
}

/// Where nonces come from: random 63-bit numbers of the operating system in a daemon, keyed draws in simulation
/// (`spec/formats.md` §8.1).
pub trait Nonces: Send + Sync {
    /// The next one; `None` where the source has failed.
    fn next(&self) -> Option<u64>;
}

impl<F: Fn() -> Option<u64> + Send + Sync> Nonces for F {
    fn next(&self) -> Option<u64> {
        self()
    }
}

/// The operating system's random numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemNonces;

impl Nonces for SystemNonces {
    fn next(&self) -> Option<u64> {
        let mut bytes = [0; 8];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        Some(u64::from_be_bytes(bytes) >> 1)
    }
}

/// All that the transports over HTTP have in common.
#[derive(Clone)]
pub struct Link {
    /// Moves the bytes; its clock is that of the messages' time stamps too.
    pub carrier: Carrier,
    /// The form of the bytes.
    pub format: Arc<dyn Format>,
    /// One for each request.
    pub nonces: Arc<dyn Nonces>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("carrier", &self.carrier).finish_non_exhaustive()
    }
}

impl Link {
    /// One exchange with the peer at `url`.
    pub async fn exchange(&self, url: &str, request: &Request, sender: &Sender) -> Exchanged {
        let mut exchanged = Exchanged::unsent(Failure::NotReady, "");
        match self.attempt(url, request, sender, &mut exchanged).await {
            Ok(reply) => Exchanged { result: Ok(reply), detail: None, ..exchanged },
            Err(CarryError { failure, detail, refused }) => {
                Exchanged { result: Err(failure), detail: Some(detail), refused, ..exchanged }
            }
        }
    }

    async fn attempt(
        &self,
        url: &str,
        request: &Request,
        sender: &Sender,
        texts: &mut Exchanged,
    ) -> Result<slpsim_agent::Reply, CarryError> {
        if url.is_empty() {
            return Err(CarryError::new(Failure::NoUrl, "no URL is configured for this transport"));
        }
        let nonce = self.nonces.next().ok_or_else(|| {
            CarryError::new(Failure::NotBuilt, "the operating system gave no random number for the nonce")
        })?;
        let message = compose(request, sender, self.carrier.clock.now(), nonce);
        let Encoded { body, text } = self.format.encode(message)?;
        texts.sent = Some(text);
        let call = Call { url: url.to_owned(), content_type: self.format.content_type(), body };
        let answer = self.carrier.post(&call).await?;
        let Decoded { result, text } = self.format.decode(&answer.body);
        texts.received = text;
        accept(result?, nonce, &sender.units).map_err(|failure| {
            CarryError::new(
                failure,
                "the answer belongs to another request: its nonce is not the one that was sent",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_of_the_system_have_63_bits_and_differ() {
        let first = SystemNonces.next().unwrap();
        let second = SystemNonces.next().unwrap();
        assert!(first < 1 << 63 && second < 1 << 63);
        assert_ne!(first, second);
    }
}

//! The envelope as a [`Format`] around another one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use slpsim_agent::Failure;

use super::{Dispatch, decode_callhome_response, encode_callhome_request};
use crate::client::{CarryError, Decoded, Encoded, Format};
use crate::error::Refusal;
use crate::message::DeviceMessage;
use crate::profile::WireProfile;

/// One device's way of sending smart messages by Call Home. It counts them, so a device keeps one for its life.
pub struct CallhomeFormat {
    /// Writes and reads the smart message inside.
    smart: Arc<dyn Format>,
    profile: Arc<WireProfile>,
    /// Messages so far.
    sent: AtomicU32,
}

impl CallhomeFormat {
    /// An envelope around `smart`.
    #[must_use]
    pub const fn new(smart: Arc<dyn Format>, profile: Arc<WireProfile>) -> Self {
        Self { smart, profile, sent: AtomicU32::new(0) }
    }
}

impl Format for CallhomeFormat {
    fn content_type(&self) -> &'static str {
        // Modelled: no public source names it.
        "text/xml; charset=utf-8"
    }

    fn encode(&self, message: DeviceMessage) -> Result<Encoded, CarryError> {
        let (udi, created) = (message.header.udi, message.header.timestamp);
        let Encoded { body, text } = self.smart.encode(message)?;
        let unusable = |why: &dyn std::fmt::Display| CarryError::new(Failure::NotReady, why);
        let inner = String::from_utf8(body).map_err(|_| unusable(&"the message inside is not UTF-8"))?;
        let number = self.sent.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let body = encode_callhome_request(&Dispatch { udi, number, created }, &inner, &self.profile)
            .map_err(|error| CarryError::new(error.failure().unwrap_or(Failure::NotReady), error))?;
        Ok(Encoded { body: body.into_bytes(), text })
    }

    fn decode(&self, body: &[u8]) -> Decoded {
        match decode_callhome_response(body, &self.profile) {
            Ok(delivery) => self.smart.decode(delivery.message.as_bytes()),
            Err(error) => {
                let Refusal { failure, detail, .. } = error.into();
                Decoded { result: Err(CarryError::new(failure, detail)), text: None }
            }
        }
    }
}

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
            .map_err(|error| CarryError::new(error.failure().unwrap_or(Failure::NotBuilt), error))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callhome::decode_callhome_request;
    use crate::message::{ConnectInfo, DeviceBody, DeviceHeader, Nonce};
    use slpsim_agent::Udi;
    use slpsim_policy::Wall;

    /// Writes the nonce, reads nothing.
    struct Bare;

    impl Format for Bare {
        fn content_type(&self) -> &'static str {
            "text/plain"
        }

        fn encode(&self, message: DeviceMessage) -> Result<Encoded, CarryError> {
            Ok(Encoded { body: message.header.nonce.to_string().into_bytes(), text: "inner".to_owned() })
        }

        fn decode(&self, body: &[u8]) -> Decoded {
            let text = String::from_utf8_lossy(body).into_owned();
            Decoded { result: Err(CarryError::new(Failure::NonceMismatch, "not read")), text: Some(text) }
        }
    }

    fn hello(nonce: u64) -> DeviceMessage {
        let header = DeviceHeader {
            udi: Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap(),
            timestamp: Wall::from_secs(1_772_445_720),
            nonce: Nonce::Number(nonce),
            connect_info: ConnectInfo::AGENT,
            instance: None,
            id_cert_serial: None,
            signing_cert_serial: None,
            custom_id: None,
        };
        DeviceMessage { header, body: DeviceBody::Hello }
    }

    #[test]
    fn messages_of_a_device_are_counted_and_the_inner_format_does_the_rest() {
        let words = Arc::new(WireProfile::default());
        let format = CallhomeFormat::new(Arc::new(Bare), Arc::clone(&words));
        for number in 1..=3 {
            let encoded = format.encode(hello(number)).unwrap();
            assert_eq!(encoded.text, "inner", "the history has the message, not its envelope");
            let delivery = decode_callhome_request(&encoded.body, &words).unwrap();
            assert_eq!(delivery.message, number.to_string());
            assert_eq!(delivery.message_id.to_string(), format!("M{number}:FDO00000001:69A56018"));
        }
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let dispatch = Dispatch { udi, number: 1, created: Wall::from_secs(0) };
        let answer = crate::callhome::encode_callhome_response(&dispatch, "7", &words).unwrap();
        let decoded = format.decode(answer.as_bytes());
        assert_eq!(decoded.text.as_deref(), Some("7"));
        assert_eq!(decoded.result.unwrap_err().failure, Failure::NonceMismatch);
        assert_eq!(format.decode(b"{}").result.unwrap_err().failure, Failure::BadReply);
    }
}

//! The smart message as a [`Format`] for the clients.

use std::sync::Arc;

use slpsim_agent::Failure;

use super::{decode_response, encode_request};
use crate::client::{CarryError, Decoded, Encoded, Format};
use crate::message::DeviceMessage;
use crate::profile::WireProfile;
use crate::sign::{DeviceKeys, Verifier};

/// One device's way of writing and reading smart messages.
#[derive(Clone, Debug)]
pub struct SmartFormat {
    /// The key of its ID certificate, made before the first trust request.
    pub keys: Option<Arc<DeviceKeys>>,
    /// Whom it believes.
    pub verifier: Arc<Verifier>,
    /// The words.
    pub profile: Arc<WireProfile>,
}

impl Format for SmartFormat {
    fn content_type(&self) -> &'static str {
        "application/json"
    }

    fn encode(&self, message: DeviceMessage) -> Result<Encoded, CarryError> {
        let encoded = encode_request(&message, self.keys.as_deref(), &self.profile);
        let encoded =
            encoded.map_err(|error| CarryError::new(error.failure().unwrap_or(Failure::NotBuilt), error))?;
        Ok(Encoded { body: encoded.body.into_bytes(), text: encoded.history })
    }

    /// What is wrong with signed objects inside goes to the diagnostics; the agent is told of each by itself.
    fn decode(&self, body: &[u8]) -> Decoded {
        match decode_response(body, &self.verifier, &self.profile) {
            Ok(received) => {
                for note in &received.notes {
                    tracing::warn!("a part of the answer is refused: {note}");
                }
                Decoded { result: Ok(received.message), text: Some(received.history) }
            }
            Err(refusal) => Decoded {
                result: Err(CarryError::new(refusal.failure, &refusal.detail)),
                text: refusal.text.map(String::from),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{ConnectInfo, DeviceBody, DeviceHeader, Nonce, ServerMessage, StatusWord};
    use crate::sign::Signer;
    use crate::smart::{Sealing, decode_request, encode_response};
    use slpsim_agent::Udi;
    use slpsim_policy::Wall;

    const NOW: Wall = Wall(1_772_446_020_000);

    fn hello() -> DeviceMessage {
        let header = DeviceHeader {
            udi: Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap(),
            timestamp: NOW,
            nonce: Nonce::Number(7),
            connect_info: ConnectInfo::AGENT,
            instance: None,
            id_cert_serial: None,
            signing_cert_serial: None,
            custom_id: None,
        };
        DeviceMessage { header, body: DeviceBody::Hello }
    }

    #[test]
    fn a_format_and_a_server_understand_each_other_and_failures_keep_their_text() {
        let signer = Signer::generate(NOW).unwrap();
        let verifier = Arc::new(Verifier::root(signer.root_pem()).unwrap());
        let profile = Arc::new(WireProfile::default());
        let format = SmartFormat { keys: None, verifier, profile: Arc::clone(&profile) };
        let encoded = format.encode(hello()).unwrap();
        let asked = decode_request(&encoded.body, &profile).unwrap().message;
        assert_eq!(asked, hello());
        let answer = ServerMessage::bare(
            asked.header.nonce.clone(),
            asked.request_type(),
            NOW,
            ConnectInfo::CSSM,
            StatusWord::Ok,
        );
        let body = encode_response(&answer, Sealing::by(&signer), &profile).unwrap();
        assert_eq!(format.decode(body.as_bytes()).result.unwrap().nonce, Nonce::Number(7));
        let spoiled = encode_response(&answer, Sealing { signer: &signer, spoiled: true }, &profile).unwrap();
        let decoded = format.decode(spoiled.as_bytes());
        assert_eq!(decoded.result.unwrap_err().failure, Failure::BadSignature);
        assert!(decoded.text.unwrap().starts_with("{\"header\""));
        assert!(format.decode(b"<html>").text.is_none());
    }

    #[test]
    fn a_device_without_a_key_cannot_begin_a_signed_exchange() {
        let format = SmartFormat {
            keys: None,
            verifier: Arc::new(Verifier::OFF),
            profile: Arc::new(WireProfile::default()),
        };
        let mut message = hello();
        message.header.id_cert_serial = Some(1);
        let Err(error) = format.encode(message) else { panic!("it was encoded") };
        assert_eq!(error.failure, Failure::NotBuilt);
        assert!(error.detail.contains("trust code"));
    }
}

//! Device to peer.

use slpsim_agent::{InstanceId, Token};

use super::{Codec, MAX_WORDS, layer, owned, read_connect_info, read_nonce, write_connect_info, write_sudi};
use crate::error::{DecodeError, EncodeError, Rule};
use crate::json::{Field, MAX_BYTES, Object, Writer, parse};
use crate::message::{DeviceBody, DeviceHeader, DeviceMessage};
use crate::profile::{Fields, WireProfile};
use crate::sign::{DeviceKeys, VerifyingKey};

/// A request, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct EncodedRequest {
    /// The body of the POST. May hold an id token.
    pub body: String,
    /// The string `request` for `show license history message`, with an id token blanked.
    pub history: String,
}

impl std::fmt::Debug for EncodedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EncodedRequest").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// Writes a request. It is signed with the key of the ID certificate once the header names one; a trust request without
/// a certificate request gets one for `keys`.
///
/// # Errors
/// [`EncodeError::NoKey`] where a key is needed and `keys` is absent, [`EncodeError::TooLarge`] above 5,000,000 bytes.
pub fn encode_request(
    message: &DeviceMessage,
    keys: Option<&DeviceKeys>,
    profile: &WireProfile,
) -> Result<EncodedRequest, EncodeError> {
    let codec = Codec { profile };
    let data = codec.request_data(message, keys)?;
    let request = codec.write_request(message, &data);
    let names = codec.names();
    let value = match message.header.id_cert_serial {
        Some(_) => Some(keys.ok_or(EncodeError::NoKey)?.sign(request.as_bytes())?),
        None => None,
    };
    let body = Writer::object(|w| {
        match &value {
            Some(value) => w.inner(&names.signature, |w| {
                w.text(&names.kind, &profile.values.request_signature);
                w.text(&names.value, value);
            }),
            None => w.null(&names.signature),
        }
        w.null(&names.credential);
        w.text(&names.request, &request);
    });
    if body.len() > MAX_BYTES {
        return Err(EncodeError::TooLarge(body.len()));
    }
    let history = match &message.body {
        DeviceBody::IdTokenTrust { .. } => {
            codec.write_request(message, &codec.request_data(&blanked(message), keys)?)
        }
        DeviceBody::LicenseUsage { .. }
        | DeviceBody::Poll { .. }
        | DeviceBody::TrustSync { .. }
        | DeviceBody::Hello
        | DeviceBody::AuthRequest { .. }
        | DeviceBody::AuthReturn { .. }
        | DeviceBody::AuthRenew
        | DeviceBody::IdRenew
        | DeviceBody::Unknown(_) => request,
    };
    Ok(EncodedRequest { body, history })
}

/// The message with asterisks for an id token.
fn blanked(message: &DeviceMessage) -> DeviceMessage {
    let mut message = message.clone();
    if let (DeviceBody::IdTokenTrust { token, .. }, Ok(blank)) = (&mut message.body, Token::new("********")) {
        *token = blank;
    }
    message
}

impl Codec<'_> {
    fn write_request(self, message: &DeviceMessage, data: &str) -> String {
        let names = self.names();
        Writer::object(|w| {
            w.inner(&names.header, |w| self.write_header(w, message));
            w.text(&names.nonce, &message.header.nonce.to_string());
            w.text(&names.request_data, data);
        })
    }

    fn write_header(self, w: &mut Writer, message: &DeviceMessage) {
        let (names, header) = (self.names(), &message.header);
        w.text(&names.version, &self.profile.values.message_version);
        w.text(&names.locale, &self.profile.values.locale);
        w.inner(&names.sudi, |w| {
            for unused in [&names.suvi, &names.uuid, &names.host_identifier, &names.mac_address] {
                w.null(unused);
            }
            w.text(&names.udi_pid, header.udi.pid.as_str());
            w.text(&names.udi_serial_number, header.udi.serial.as_str());
            w.null(&names.udi_vid);
        });
        w.number(&names.timestamp, header.timestamp.0);
        w.text(&names.nonce, &header.nonce.to_string());
        w.text(&names.request_type, self.profile.request_word(&message.request_type()));
        w.null(&names.agent_actions);
        write_connect_info(w, names, &header.connect_info);
        w.plain_or_null(&names.product_instance_identifier, header.instance);
        w.plain_or_null(&names.id_cert_serial_number, header.id_cert_serial);
        w.plain_or_null(&names.signing_cert_serial_number, header.signing_cert_serial);
    }

    fn request_data(self, message: &DeviceMessage, keys: Option<&DeviceKeys>) -> Result<String, EncodeError> {
        let (names, header) = (self.names(), &message.header);
        let mut outcome = Ok(());
        let data = Writer::object(|w| {
            write_sudi(w, names, &header.udi);
            w.number(&names.timestamp, header.timestamp.0);
            w.text(&names.nonce, &header.nonce.to_string());
            if let Some(custom_id) = &header.custom_id {
                w.text(&names.custom_id, custom_id);
            }
            outcome = self.write_body(w, message, keys);
        });
        outcome.map(|()| data)
    }
}

/// A request that was read.
///
/// Its `Debug` form leaves the text out.
#[derive(Clone, PartialEq)]
pub struct ReceivedRequest {
    /// What it says.
    pub message: DeviceMessage,
    /// Base64 value of its signature; `None` where `signature` is `null`, as before trust.
    pub signature: Option<Box<str>>,
    /// The exact string that the signature covers. Holds the id token of a trust request.
    request: Box<str>,
}

impl std::fmt::Debug for ReceivedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceivedRequest")
            .field("message", &self.message)
            .field("signature", &self.signature)
            .field("request_bytes", &self.request.len())
            .finish()
    }
}

impl ReceivedRequest {
    /// Whether it has a signature, and `key` made it.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        self.signature.as_deref().is_some_and(|value| key.verifies(self.request.as_bytes(), value))
    }
}

/// Reads a request, strictly. The signature is not judged here: its key is known by `id_cert_serial` only to the server.
///
/// # Errors
/// Names the rule that is broken and the field, for a refusal that helps whoever wrote the device.
pub fn decode_request(bytes: &[u8], profile: &WireProfile) -> Result<ReceivedRequest, DecodeError> {
    let codec = Codec { profile };
    let names = codec.names();
    let outer = parse(bytes)?;
    let outer = Field::entry("", &outer).object()?;
    let signature = outer.field(&names.signature).optional();
    let signature = signature.map(|signature| codec.read_signature(signature)).transpose()?;
    let request = outer.field(&names.request);
    let message = layer(request, |request| codec.read_request(Object(request)))?;
    Ok(ReceivedRequest { message, signature, request: request.text()?.into() })
}

impl Codec<'_> {
    fn read_signature(self, signature: Field<'_>) -> Result<Box<str>, DecodeError> {
        let names = self.names();
        signature.object_with(|signature| {
            let kind = signature.field(&names.kind);
            if kind.text()? != self.profile.values.request_signature {
                return Err(kind.wrong(Rule::Word));
            }
            let value = signature.field(&names.value);
            value.text_with(crate::base64::decode)?;
            Ok(value.text()?.into())
        })
    }

    fn read_request(self, request: Object<'_>) -> Result<DeviceMessage, DecodeError> {
        let names = self.names();
        let (mut header, word) =
            request.field(&names.header).object_with(|header| self.read_header(header))?;
        let nonce = request.field(&names.nonce);
        if read_nonce(nonce)? != header.nonce {
            return Err(nonce.wrong(Rule::Agrees));
        }
        let body = layer(request.field(&names.request_data), |data| {
            let data = Object(data);
            self.check_repeats(data, &header)?;
            let custom_id = data.field(&names.custom_id).optional();
            header.custom_id = custom_id.map(Field::text).transpose()?.map(Into::into);
            self.read_body(data, &word, &header)
        })?;
        Ok(DeviceMessage { header, body })
    }

    /// The header, and the request type word in it.
    fn read_header(self, header: Object<'_>) -> Result<(DeviceHeader, Box<str>), DecodeError> {
        let names = self.names();
        header.field(&names.version).text()?;
        let instance = header.field(&names.product_instance_identifier).optional();
        let serial = |name| header.field(name).optional().map(Field::decimal::<u64>).transpose();
        let read = DeviceHeader {
            udi: super::read_sudi(header, names)?,
            timestamp: header.field(&names.timestamp).millis()?,
            nonce: read_nonce(header.field(&names.nonce))?,
            connect_info: read_connect_info(header, names)?,
            instance: instance.map(Field::uuid).transpose()?,
            id_cert_serial: serial(&names.id_cert_serial_number)?,
            signing_cert_serial: serial(&names.signing_cert_serial_number)?,
            custom_id: None,
        };
        Ok((read, header.field(&names.request_type).text()?.into()))
    }

    /// Device, time and nonce are said again in the data, and must be the same.
    fn check_repeats(self, data: Object<'_>, header: &DeviceHeader) -> Result<(), DecodeError> {
        let names: &Fields = self.names();
        if super::read_sudi(data, names)? != header.udi {
            return Err(data.field(&names.sudi).wrong(Rule::Agrees));
        }
        let timestamp = data.field(&names.timestamp);
        if timestamp.millis()? != header.timestamp {
            return Err(timestamp.wrong(Rule::Agrees));
        }
        let nonce = data.field(&names.nonce);
        if read_nonce(nonce)? != header.nonce {
            return Err(nonce.wrong(Rule::Agrees));
        }
        Ok(())
    }

    /// `product_instance_identifier` of the data, which may be left out and must not be another one.
    pub(super) fn check_instance(
        self,
        data: Object<'_>,
        header: Option<InstanceId>,
    ) -> Result<(), DecodeError> {
        let field = data.field(&self.names().product_instance_identifier);
        match field.optional().map(Field::uuid).transpose()? {
            Some(instance) if Some(instance) != header => Err(field.wrong(Rule::Agrees)),
            Some(_) | None => Ok(()),
        }
    }

    /// Host name and software tag, which several types have.
    pub(super) fn read_names(
        self,
        data: Object<'_>,
    ) -> Result<(Option<Box<str>>, crate::message::Word), DecodeError> {
        let hostname = data.field(&self.names().hostname).optional().map(Field::text).transpose()?;
        Ok((hostname.map(Into::into), owned(data.field(&self.names().software_tag_identifier).text()?)))
    }

    /// Most entries of the lists in a request.
    pub(super) const fn max_units(self) -> usize {
        MAX_WORDS
    }
}

//! Peer to device.

use super::{Codec, layer, owned, read_connect_info, read_nonce, write_connect_info};
use crate::error::{DecodeError, EncodeError, Refusal, Rule};
use crate::files::Opener;
use crate::json::{Field, MAX_BYTES, Object, Writer, parse};
use crate::message::{Nonce, ServerMessage};
use crate::profile::WireProfile;
use crate::sign::{SignatureBlock, Signer, Verifier};

/// How a server seals its answers.
#[derive(Clone, Copy, Debug)]
pub struct Sealing<'a> {
    /// Who signs.
    pub signer: &'a Signer,
    /// Make the signature of the envelope wrong (for faults).
    pub spoiled: bool,
}

impl<'a> Sealing<'a> {
    /// As it should be.
    #[must_use]
    pub const fn by(signer: &'a Signer) -> Self {
        Self { signer, spoiled: false }
    }
}

/// Writes an answer.
///
/// # Errors
/// [`EncodeError::Signing`], [`EncodeError::TooLarge`].
pub fn encode_response(
    message: &ServerMessage,
    sealing: Sealing<'_>,
    profile: &WireProfile,
) -> Result<String, EncodeError> {
    let codec = Codec { profile };
    let names = codec.names();
    let data = codec.response_data(&message.data, sealing.signer)?;
    let response = codec.write_response(message, &data);
    let signed: &[u8] = if sealing.spoiled { b"spoiled" } else { response.as_bytes() };
    let signature = sealing.signer.sign(signed, &profile.values.response_signature)?;
    let body = Writer::object(|w| {
        codec.write_signature(w, &signature);
        w.text(&names.response, &response);
        w.null(&names.sch_response);
    });
    if body.len() > MAX_BYTES { Err(EncodeError::TooLarge(body.len())) } else { Ok(body) }
}

impl Codec<'_> {
    fn write_response(self, message: &ServerMessage, data: &str) -> String {
        let names = self.names();
        Writer::object(|w| {
            w.inner(&names.header, |w| {
                w.text(&names.version, &self.profile.values.message_version);
                w.number(&names.timestamp, message.timestamp.0);
                w.text(&names.nonce, &message.nonce.to_string());
                w.text(&names.request_type, self.profile.request_word(&message.request_type));
                write_connect_info(w, names, &message.connect_info);
                w.plain_or_null(&names.product_instance_identifier, message.instance);
            });
            w.text(&names.status_code, self.profile.status_word(&message.status));
            w.text(&names.status_message, &message.status_message);
            w.number(&names.retry_time_seconds, message.retry_time_s.unwrap_or(0));
            w.text(&names.response_data, data);
        })
    }

    pub(super) fn write_signature(self, w: &mut Writer, signature: &SignatureBlock) {
        let names = self.names();
        w.inner(&names.signature, |w| {
            w.text(&names.kind, &signature.kind);
            w.text(&names.key, &signature.key);
            w.text(&names.value, &signature.value);
            if let Some(certificate) = &signature.certificate {
                w.text(&names.certificate, certificate);
            }
        });
    }

    pub(super) fn read_signature_block(self, signature: Object<'_>) -> Result<SignatureBlock, DecodeError> {
        let names = self.names();
        let certificate = signature.field(&names.certificate).optional();
        // People write the serial number of their own signer as a number, too.
        let key = signature.field(&names.key);
        let key = key
            .text()
            .map(Into::into)
            .or_else(|_| key.number::<u64>().map(|serial| serial.to_string().into()))?;
        let kind = signature.field(&names.kind).text()?;
        let usual = kind == self.profile.values.response_signature;
        Ok(SignatureBlock {
            kind: if usual { "SHA256" } else { kind }.into(),
            key,
            value: signature.field(&names.value).text()?.into(),
            certificate: certificate.map(Field::text).transpose()?.map(Into::into),
        })
    }
}

/// An answer that was read; its envelope is genuine.
#[derive(Clone, Debug, PartialEq)]
pub struct ReceivedResponse {
    /// What it says.
    pub message: ServerMessage,
    /// The exact string `response`, for `show license history message`.
    pub history: String,
    /// What was wrong with signed objects inside, one line each, for diagnostics.
    pub notes: Vec<String>,
}

/// Reads an answer: size, form, signature of the envelope, then the contents. Whether it belongs to the request is
/// judged by [`crate::accept`].
///
/// # Errors
/// The [`slpsim_agent::Failure`] of the exchange, with a detail.
pub fn decode_response(
    bytes: &[u8],
    verifier: &Verifier,
    profile: &WireProfile,
) -> Result<ReceivedResponse, Refusal> {
    let codec = Codec { profile };
    let names = codec.names();
    let outer = parse(bytes)?;
    let outer = Field::entry("", &outer).object()?;
    let response = outer.field(&names.response);
    let text = response.text()?;
    let (message, notes) = codec.authentic(outer, response, text, verifier).map_err(|mut refusal| {
        refusal.text = Some(text.into());
        refusal
    })?;
    Ok(ReceivedResponse { message, history: text.to_owned(), notes })
}

impl Codec<'_> {
    /// Verifies the envelope, then reads what is inside.
    fn authentic(
        self,
        outer: Object<'_>,
        response: Field<'_>,
        text: &str,
        verifier: &Verifier,
    ) -> Result<(ServerMessage, Vec<String>), Refusal> {
        let signature = outer.field(&self.names().signature).optional();
        let signature =
            match signature.map(|field| field.object_with(|block| self.read_signature_block(block))) {
                // Without verification nobody needs the signature to be readable.
                Some(Err(_)) if verifier.is_off() => None,
                Some(block) => Some(block?),
                None => None,
            };
        if let Err(fault) = verifier.verify(text.as_bytes(), signature.as_ref()) {
            let detail = format!("the answer is not authentic: {fault}");
            return Err(Refusal { failure: fault.failure(), detail, text: None });
        }
        Ok(layer(response, |response| self.read_response(Object(response), verifier))?)
    }

    fn read_response(
        self,
        response: Object<'_>,
        verifier: &Verifier,
    ) -> Result<(ServerMessage, Vec<String>), DecodeError> {
        let names = self.names();
        let mut message =
            response.field(&names.header).object_with(|header| self.read_answer_header(header))?;
        message.status = self.profile.status(response.field(&names.status_code).text()?);
        if let Some(text) = response.field(&names.status_message).optional() {
            message.status_message = owned(text.text()?);
        }
        message.retry_time_s =
            response.field(&names.retry_time_seconds).optional().map(Field::number).transpose()?;
        let mut opener = Opener::new(verifier, message.timestamp);
        if let Some(data) = response.field(&names.response_data).optional()
            && !data.text()?.is_empty()
        {
            message.data =
                layer(data, |data| self.read_data(Object(data), &message.request_type, &mut opener))?;
        }
        Ok((message, opener.notes))
    }

    fn read_answer_header(self, header: Object<'_>) -> Result<ServerMessage, DecodeError> {
        let names = self.names();
        let nonce = header.field(&names.nonce);
        let nonce = match nonce.number::<u64>() {
            Ok(number) => Nonce::Number(number),
            Err(_) => read_nonce(nonce)?,
        };
        let word = header.field(&names.request_type).optional().map(Field::text).transpose()?;
        let mut message = ServerMessage::bare(
            nonce,
            self.profile.request_type(word.unwrap_or_default()),
            header.field(&names.timestamp).millis()?,
            read_connect_info(header, names)?,
            crate::message::StatusWord::Ok,
        );
        // An own server may well put something else here; the device knows who it is.
        let instance = header.field(&names.product_instance_identifier).optional();
        message.instance = instance.and_then(|field| field.uuid().ok());
        Ok(message)
    }
}

/// A base64 file in a member.
pub(super) fn file(field: Field<'_>) -> Result<Vec<u8>, DecodeError> {
    let bytes = field.text_with(crate::base64::decode)?;
    if bytes.len() > MAX_BYTES { Err(field.wrong(Rule::Size)) } else { Ok(bytes) }
}

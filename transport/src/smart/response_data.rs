//! `response_data` (`spec/formats.md` §8.3). Policy and trust codes are objects with `data` and `signature` (modelled);
//! the ACK is a base64 file.

use std::borrow::Cow;

use slpsim_agent::{Account, PollId, Purpose};
use slpsim_policy::Wall;

use super::response::file;
use super::{Codec, MAX_WORDS};
use crate::base64;
use crate::error::{DecodeError, EncodeError};
use crate::files::{
    LicenseFile, Opener, SealedText, ack_file, auth_file, read_policy, read_trust, seal_policy, seal_trust,
};
use crate::json::{Field, Object, Writer};
use crate::message::{RequestType, Sealed, ServerData};
use crate::sign::Signer;

impl Codec<'_> {
    pub(super) fn response_data(self, data: &ServerData, signer: &Signer) -> Result<String, EncodeError> {
        let names = self.names();
        let kind = &self.profile.values.response_signature;
        let policy = data.policy.as_ref().map(|policy| seal_policy(policy, signer, kind)).transpose()?;
        let codes: Result<Vec<_>, _> =
            data.trust_codes.iter().map(|code| seal_trust(code, signer, kind)).collect();
        let codes = codes?;
        let license: Option<Cow<'_, str>> = match (&data.file, &data.ack) {
            (Some(file), _) => Some(Cow::Borrowed(file)),
            (None, Some(ack)) => Some(ack_file(ack, signer)?.into()),
            (None, None) if !data.auth.is_empty() => Some(auth_file(&data.auth, signer)?.into()),
            (None, None) => None,
        };
        Ok(Writer::object(|w| {
            if let Some(poll_id) = data.poll_id {
                w.number(&names.poll_id, poll_id.0);
            }
            if let Some(interval) = data.poll_interval_s {
                w.number(&names.poll_interval, interval);
            }
            if !codes.is_empty() {
                w.list(&names.trust_codes, |w| {
                    codes.iter().for_each(|code| w.entry(|w| self.write_sealed(w, code)))
                });
            }
            if let Some(policy) = &policy {
                w.inner(&names.policy, |w| self.write_sealed(w, policy));
            }
            if let Some(account) = &data.account {
                w.inner(&names.account, |w| {
                    w.text(&names.smart_account, &account.smart);
                    w.text(&names.virtual_account, &account.r#virtual);
                });
            }
            if let Some(license) = &license {
                w.text(&names.smart_license, &base64::encode(license.as_bytes()));
            }
        }))
    }

    fn write_sealed(self, w: &mut Writer, text: &SealedText) {
        w.text(&self.names().data, &text.data);
        if let Some(signature) = &text.signature {
            self.write_signature(w, signature);
        }
    }

    pub(super) fn read_data(
        self,
        data: Object<'_>,
        kind: &RequestType,
        opener: &mut Opener<'_>,
    ) -> Result<ServerData, DecodeError> {
        let names = self.names();
        let mut read = ServerData {
            poll_id: data.field(&names.poll_id).optional().map(Field::number).transpose()?.map(PollId),
            poll_interval_s: data.field(&names.poll_interval).optional().map(Field::number).transpose()?,
            ..ServerData::default()
        };
        if let Some(account) = data.field(&names.account).optional() {
            read.account = Some(account.object_with(|account| {
                Ok(Account {
                    smart: account.field(&names.smart_account).text()?.to_owned(),
                    r#virtual: account.field(&names.virtual_account).text()?.to_owned(),
                })
            })?);
        }
        let policy = data.field(&names.policy).optional();
        read.policy = policy.map(|policy| self.open(policy, "policy", opener, read_policy));
        if let Some(codes) = data.field(&names.trust_codes).optional() {
            read.trust_codes =
                codes.each(MAX_WORDS, |code| Ok(self.open(code, "trust code", opener, read_trust)))?;
        }
        if let Some(license) = data.field(&names.smart_license).optional() {
            read_license(license, kind, opener, &mut read);
        }
        Ok(read)
    }

    fn open<T>(
        self,
        field: Field<'_>,
        what: &str,
        opener: &mut Opener<'_>,
        read: impl FnOnce(&str) -> Result<(Wall, T), DecodeError>,
    ) -> Sealed<T> {
        let names = self.names();
        let text = field.object_with(|sealed| {
            let signature = sealed.field(&names.signature).optional();
            Ok(SealedText {
                data: sealed.field(&names.data).text()?.into(),
                signature: signature
                    .map(|field| field.object_with(|s| self.read_signature_block(s)))
                    .transpose()?,
            })
        });
        match text {
            Ok(text) => opener.open(what, &text, read),
            Err(error) => opener.unreadable(what, &error, None),
        }
    }
}

/// `smart_license`: what is inside decides. A file that cannot be read counts as an unreadable ACK, or code where one
/// was asked for.
fn read_license(field: Field<'_>, kind: &RequestType, opener: &mut Opener<'_>, data: &mut ServerData) {
    let what = "smart_license";
    match file(field).and_then(|bytes| LicenseFile::read(&bytes, opener)) {
        Ok(mut file) => {
            data.auth = std::mem::take(&mut file.auth_codes);
            if file.acks.is_empty() {
                data.policy = data.policy.take().or_else(|| file.policies.into_iter().next());
                data.trust_codes.append(&mut file.trust_codes);
            } else {
                data.ack = file.into_ack();
            }
        }
        Err(error) if kind.purpose() == Some(Purpose::AuthRequest) => {
            data.auth.push(opener.unreadable(what, &error, None));
        }
        Err(error) => data.ack = Some(opener.unreadable(what, &error, None)),
    }
}

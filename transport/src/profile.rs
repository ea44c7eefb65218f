//! The words of the wire: request types, status words and member names of `spec/formats.md` §8 to §10.
//!
//! Most of them are ours (modelled): no public source confirms the response envelope or the type words. They stand in
//! one table, so that a better source, or a server of the user's own, changes one place. A file may override single
//! words; `docs/wire-profile.schema.json` describes it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use slpsim_agent::Purpose;

use crate::message::{RequestType, StatusWord};

/// One entry of the table, for documentation and the schema.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Key in a profile file.
    pub name: &'static str,
    /// The built-in word.
    pub default: &'static str,
    /// What it is.
    pub doc: &'static str,
}

/// One section of the table.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Key in a profile file.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its entries.
    pub entries: &'static [Entry],
}

macro_rules! wire_words {
    ($(#[doc = $section_doc:literal] $section:ident: $Section:ident {
        $(#[doc = $doc:literal] $name:ident = $word:literal,)*
    })*) => {
        $(
            #[doc = $section_doc]
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub struct $Section {
                $(#[doc = $doc] pub $name: Cow<'static, str>,)*
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $($name: Cow::Borrowed($word),)* }
                }
            }
        )*

        /// The words in use. The default is the built-in table; a file overrides single words.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct WireProfile {
            $(#[doc = $section_doc] pub $section: $Section,)*
        }

        impl WireProfile {
            /// The built-in table.
            pub const TABLE: &'static [Section] = &[$(Section {
                name: stringify!($section),
                doc: $section_doc,
                entries: &[$(Entry { name: stringify!($name), default: $word, doc: $doc },)*],
            },)*];

            fn sections(&self) -> Vec<(&'static str, Vec<(&'static str, &str)>)> {
                vec![$((stringify!($section), vec![$((stringify!($name), self.$section.$name.as_ref()),)*]),)*]
            }
        }
    };
}

wire_words! {
    /// Words of `request_type` (modelled).
    request_types: RequestTypes {
        /// Trust establishment with an id token.
        id_token_trust = "ID_TOKEN_TRUST",
        /// Usage report.
        license_usage = "LICENSE_USAGE",
        /// Result polling.
        poll = "POLL_REQ",
        /// Trust synchronisation.
        trust_sync = "TRUST_SYNC",
        /// Discovery.
        hello = "HELLO",
        /// Authorization request.
        auth_request = "AUTH_REQUEST",
        /// Authorization return.
        auth_return = "AUTH_RETURN",
        /// Authorization renewal of a device from classic Smart Licensing.
        auth_renew = "AUTH_RENEW",
        /// Registration renewal of a device from classic Smart Licensing.
        id_renew = "ID_RENEW",
    }
    /// Words of `status_code`.
    status: StatusWords {
        /// Done, data inside.
        ok = "OK",
        /// Come back with the poll id.
        ok_poll = "OK_POLL",
        /// Again after `retry_time_seconds`.
        try_again = "OK_TRY_AGAIN",
        /// Nothing to do.
        no_data = "NO DATA TO PROCESS",
        /// Refused, as the agent records it.
        invalid = "INVALID STATUS CODE",
        /// Refused, as the server words it.
        failed = "FAILED",
    }
    /// Fixed values.
    values: Values {
        /// Version of the message format.
        message_version = "1.3",
        /// Locale of the device.
        locale = "en_US.UTF-8",
        /// Signature type of requests.
        request_signature = "SHA-256",
        /// Signature type of answers and of signed objects in them.
        response_signature = "SHA256",
    }
    /// The envelope of Call Home.
    callhome: CallhomeWords {
        /// Whom it is for.
        to = "http://tools.cisco.com/neddce/services/DDCEService",
        /// Whom it is from, and by way of.
        from = "http://www.cisco.com/appliance/uri",
        /// What it is about (modelled).
        block_type = "http://www.cisco.com/2005/05/callhome/smart_licensing",
        /// Version of its builder.
        builder_version = "2.0",
        /// Attachment with the smart message of the device.
        data = "smart_licensing_data",
        /// Attachment with the smart message of the answer (modelled).
        response = "smart_licensing_response",
    }
    /// Names of members.
    fields: Fields {
        /// Signature object of a request, an answer, or a signed object.
        signature = "signature",
        /// In a signature: its type.
        kind = "type",
        /// In a signature: serial number of the signer.
        key = "key",
        /// In a signature: the base64 value.
        value = "value",
        /// In a signature: the signer's certificate, PEM (modelled).
        certificate = "certificate",
        /// Beside a signature: the exact text that was signed.
        data = "data",
        /// Unused, null.
        credential = "credential",
        /// The request as a string.
        request = "request",
        /// The answer as a string.
        response = "response",
        /// Unused, null.
        sch_response = "sch_response",
        /// Header of a request or an answer.
        header = "header",
        /// Version of the message format, or of a program.
        version = "version",
        /// Locale of the device.
        locale = "locale",
        /// Identity of the device.
        sudi = "sudi",
        /// Unused, null.
        suvi = "suvi",
        /// Unused, null.
        uuid = "uuid",
        /// Unused, null.
        host_identifier = "host_identifier",
        /// Unused, null.
        mac_address = "mac_address",
        /// Product id.
        udi_pid = "udi_pid",
        /// Serial number.
        udi_serial_number = "udi_serial_number",
        /// Unused, null.
        udi_vid = "udi_vid",
        /// Milliseconds since 1970.
        timestamp = "timestamp",
        /// What the answer repeats.
        nonce = "nonce",
        /// Type of the request.
        request_type = "request_type",
        /// Unused, null.
        agent_actions = "agent_actions",
        /// Who is speaking.
        connect_info = "connect_info",
        /// Name of the program.
        name = "name",
        /// True outside test beds.
        production = "production",
        /// Unused, empty.
        additional_info = "additional_info",
        /// Capability words.
        capabilities = "capabilities",
        /// Uuid of the product instance.
        product_instance_identifier = "product_instance_identifier",
        /// Serial number of the device's ID certificate.
        id_cert_serial_number = "id_cert_serial_number",
        /// Serial number of the signer that the device knows.
        signing_cert_serial_number = "signing_cert_serial_number",
        /// The data of a request, as a string.
        request_data = "request_data",
        /// The operator's id token.
        id_token = "id_token",
        /// Host name.
        hostname = "hostname",
        /// Software tag.
        software_tag_identifier = "software_tag_identifier",
        /// Certificate request, PEM.
        csr = "csr",
        /// Kind of trust, PERMANENT.
        mode = "mode",
        /// A new trust code although one exists.
        force = "force",
        /// The units that ask.
        device_list = "device_list",
        /// Role of a unit.
        role = "role",
        /// The operator's custom id (modelled).
        custom_id = "custom_id",
        /// Usage reports by device.
        reports = "reports",
        /// The RUM reports of one device.
        usage = "usage",
        /// Number with which the ACK is fetched.
        poll_id = "poll_id",
        /// Seconds until then.
        poll_interval = "poll_interval",
        /// Entitlements of an authorization request.
        keys = "keys",
        /// Entitlement tag.
        entitlement = "entitlement",
        /// How many, as a string.
        count = "count",
        /// Return code.
        remove_code = "remove_code",
        /// Status word.
        status_code = "status_code",
        /// Text beside it.
        status_message = "status_message",
        /// Seconds after which to try again.
        retry_time_seconds = "retry_time_seconds",
        /// The data of an answer, as a string.
        response_data = "response_data",
        /// The account's policy.
        policy = "policy",
        /// Trust codes.
        trust_codes = "trust_codes",
        /// The account of the device.
        account = "account",
        /// Smart Account.
        smart_account = "smart_account",
        /// Virtual Account.
        virtual_account = "virtual_account",
        /// Base64 of an ACK file or of an authorization code.
        smart_license = "smart_license",
    }
}

/// Most characters of a word.
const MAX_WORD: usize = 64;

/// Why a profile cannot be used: the file is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireProfileError {
    /// A word is empty, too long or not printable.
    #[error("wire profile: {section}.{name} must have 1 to {MAX_WORD} printable characters")]
    Word {
        /// Section of the table.
        section: &'static str,
        /// Entry of the section.
        name: &'static str,
    },
    /// Two entries of a section share a word, so that it could not be read back.
    #[error("wire profile: {section}.{first} and {section}.{second} are the same word")]
    Same {
        /// Section of the table.
        section: &'static str,
        /// One entry.
        first: &'static str,
        /// The other one.
        second: &'static str,
    },
    /// Not JSON, or a key that is not in the table.
    #[error("wire profile: {0}")]
    Unreadable(String),
}

impl WireProfile {
    /// Reads a profile file in JSON. A file in TOML is deserialised by the caller and then checked with
    /// [`WireProfile::check`].
    ///
    /// # Errors
    /// Names the key that is unknown, or the word that cannot be used.
    pub fn from_json(text: &str) -> Result<Self, WireProfileError> {
        let profile: Self =
            serde_json::from_str(text).map_err(|error| WireProfileError::Unreadable(error.to_string()))?;
        profile.check()?;
        Ok(profile)
    }

    /// Whether all words can be used.
    ///
    /// # Errors
    /// Names the first that cannot.
    pub fn check(&self) -> Result<(), WireProfileError> {
        for (section, words) in self.sections() {
            let distinct = matches!(section, "request_types" | "status");
            for (position, (name, word)) in words.iter().enumerate() {
                let printable = word.chars().all(|character| !character.is_control());
                if word.is_empty() || word.chars().count() > MAX_WORD || !printable {
                    return Err(WireProfileError::Word { section, name });
                }
                let earlier = words.iter().take(position).find(|(_, other)| distinct && other == word);
                if let Some((first, _)) = earlier {
                    return Err(WireProfileError::Same { section, first, second: name });
                }
            }
        }
        Ok(())
    }

    /// The word of a request type.
    #[must_use]
    pub fn request_word<'a>(&'a self, kind: &'a RequestType) -> &'a str {
        match kind {
            RequestType::Known(purpose) => self.purpose_word(*purpose),
            RequestType::Other(word) => word,
        }
    }

    /// The word of a purpose.
    #[must_use]
    pub fn purpose_word(&self, purpose: Purpose) -> &str {
        let words = &self.request_types;
        match purpose {
            Purpose::Poll => &words.poll,
            Purpose::Hello => &words.hello,
            Purpose::Trust => &words.id_token_trust,
            Purpose::Usage => &words.license_usage,
            Purpose::TrustSync => &words.trust_sync,
            Purpose::AuthRequest => &words.auth_request,
            Purpose::AuthReturn => &words.auth_return,
            Purpose::AuthRenew => &words.auth_renew,
            Purpose::IdRenew => &words.id_renew,
        }
    }

    /// What a request type word stands for.
    #[must_use]
    pub fn request_type(&self, word: &str) -> RequestType {
        let known = Purpose::ALL.into_iter().find(|purpose| self.purpose_word(*purpose) == word);
        known.map_or_else(|| RequestType::Other(word.into()), RequestType::Known)
    }

    /// The word of a status.
    #[must_use]
    pub fn status_word<'a>(&'a self, status: &'a StatusWord) -> &'a str {
        match status {
            StatusWord::Ok => &self.status.ok,
            StatusWord::OkPoll => &self.status.ok_poll,
            StatusWord::TryAgain => &self.status.try_again,
            StatusWord::NoData => &self.status.no_data,
            StatusWord::Invalid => &self.status.invalid,
            StatusWord::Failed => &self.status.failed,
            StatusWord::Other(word) => word,
        }
    }

    /// What a status word stands for.
    #[must_use]
    pub fn status(&self, word: &str) -> StatusWord {
        let known = [
            StatusWord::Ok,
            StatusWord::OkPoll,
            StatusWord::TryAgain,
            StatusWord::NoData,
            StatusWord::Invalid,
            StatusWord::Failed,
        ];
        let found = known.into_iter().find(|status| self.status_word(status) == word);
        found.unwrap_or_else(|| StatusWord::Other(word.into()))
    }

    /// JSON Schema (draft 2020-12) of a profile file, derived from the table.
    #[must_use]
    pub fn schema() -> serde_json::Value {
        use serde_json::{Map, Value, json};
        let sections: Map<String, Value> = Self::TABLE
            .iter()
            .map(|section| {
                let entries: Map<String, Value> = section
                    .entries
                    .iter()
                    .map(|entry| {
                        let schema = json!({
                            "description": entry.doc.trim(),
                            "type": "string",
                            "minLength": 1,
                            "maxLength": MAX_WORD,
                            "default": entry.default,
                        });
                        (entry.name.to_owned(), schema)
                    })
                    .collect();
                let schema = json!({
                    "description": section.doc.trim(),
                    "type": "object",
                    "additionalProperties": false,
                    "properties": entries,
                });
                (section.name.to_owned(), schema)
            })
            .collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "slpsim wire profile",
            "description": "Overrides single words of the smart message; what is left out keeps the built-in word.",
            "type": "object",
            "additionalProperties": false,
            "properties": sections,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `SLPSIM_BLESS=1` the file is written anew from the table.
    #[test]
    fn the_schema_in_the_docs_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/wire-profile.schema.json");
        let expected = serde_json::to_string_pretty(&WireProfile::schema()).unwrap() + "\n";
        if std::env::var_os("SLPSIM_BLESS").is_some() {
            std::fs::create_dir_all(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).unwrap();
            std::fs::write(path, &expected).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    }

    #[test]
    fn a_file_overrides_single_words_and_keeps_the_rest() {
        let file = r#"{"request_types":{"hello":"DISCOVER"},"fields":{"request_data":"payload"}}"#;
        let profile = WireProfile::from_json(file).unwrap();
        assert_eq!(profile.request_type("DISCOVER"), RequestType::Known(Purpose::Hello));
        assert_eq!(profile.request_type("HELLO"), RequestType::Other("HELLO".into()));
        assert_eq!(profile.fields.request_data, "payload");
        assert_eq!(profile.status, WireProfile::default().status);
    }

    #[test]
    fn a_file_that_cannot_be_used_is_refused_with_the_key() {
        for (file, expected) in [
            (r#"{"fields":{"nonsense":"x"}}"#, "unknown field `nonsense`"),
            (r#"{"status":{"ok":""}}"#, "status.ok must have 1 to 64 printable characters"),
            (r#"{"status":{"ok":"FAILED"}}"#, "status.ok and status.failed are the same word"),
            ("[", "EOF"),
        ] {
            let error = WireProfile::from_json(file).unwrap_err().to_string();
            assert!(error.contains(expected), "{file}: {error}");
        }
    }

    /// `spec/formats.md` §8.3, §8.5.
    #[test]
    fn words_and_meanings_go_both_ways() {
        let profile = WireProfile::default();
        profile.check().unwrap();
        for purpose in Purpose::ALL {
            assert_eq!(profile.request_type(profile.purpose_word(purpose)).purpose(), Some(purpose));
        }
        for word in [
            "OK",
            "OK_POLL",
            "OK_TRY_AGAIN",
            "NO DATA TO PROCESS",
            "INVALID STATUS CODE",
            "FAILED",
            "COMPLETE",
        ] {
            assert_eq!(profile.status_word(&profile.status(word)), word);
        }
    }
}

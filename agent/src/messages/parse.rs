//! Parse-back: every template is a matcher (`spec/messages.md` §10).

use super::catalogue::{CATALOGUE, Kind, Row};
use super::{Message, Peer, PolicyError, Shape, TrustError};
use crate::failure::Failure;
use crate::ids::Udi;

impl Message {
    /// Reads `%LICMGR-s-MNEMONIC: text`. Both spellings of the CSLU are accepted.
    ///
    /// Nothing comes of a line with an unknown tag, another text than the template's, or an argument that this
    /// simulator would not print there.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        Self::parse_as(line, |row| &row.nxos)
    }

    /// As [`Message::parse`], in the shape that `shape` chooses of each row: that of NX-OS or of one of its twins.
    ///
    /// IOS-XR names nobody when communications are restored; its `Cisco licensing cloud` reads as CSSM (modelled).
    #[must_use]
    pub fn parse_as(line: &str, shape: impl Fn(&'static Row) -> &'static Shape) -> Option<Self> {
        CATALOGUE.iter().find_map(|row| {
            let shape = shape(row);
            let rest = line.strip_prefix(shape.pieces()[0])?;
            let arguments = arguments(shape, rest)?;
            if row.kind == Kind::CommRestored && shape.fields() == 0 {
                return Some(Self::CommRestored { peer: Peer::Cssm });
            }
            build(row.kind, arguments)
        })
    }
}

/// What stands in the fields of the template, where `rest` follows its first piece. Two fields are split where
/// the text between them first occurs: neither a UDI nor a peer name contains it.
fn arguments<'a>(shape: &Shape, rest: &'a str) -> Option<[&'a str; 2]> {
    match shape.pieces() {
        [_, last] => Some([rest.strip_suffix(last)?, ""]),
        [_, between, last] => {
            let (first, second) = match rest.split_once(between) {
                Some(pair) => pair,
                // A failure without detail leaves no blank at the line's end.
                None => (rest.strip_suffix(between.trim_end())?, ""),
            };
            Some([first, second.strip_suffix(last)?])
        }
        _ => rest.is_empty().then_some(["", ""]),
    }
}

fn build(kind: Kind, [first, second]: [&str; 2]) -> Option<Message> {
    let udi = || Udi::parse_in_messages(first);
    Some(match kind {
        Kind::PolicyInstallFailed => Message::PolicyInstallFailed { error: PolicyError::from_text(first)? },
        Kind::AuthorizationInstallFailed => {
            Message::AuthorizationInstallFailed { udi: udi()?, error: PolicyError::from_text(second)? }
        }
        Kind::CommFailed => {
            Message::CommFailed { peer: Peer::from_name(first)?, failure: Failure::from_text(second)? }
        }
        Kind::CommRestored => Message::CommRestored { peer: Peer::from_name(first)? },
        Kind::PolicyRemoved => Message::PolicyRemoved,
        Kind::TrustCodeInstallFailed => {
            Message::TrustCodeInstallFailed { udi: udi()?, error: TrustError::from_text(second) }
        }
        Kind::ReportingNotSupported => Message::ReportingNotSupported,
        Kind::PolicyInstallSuccess => Message::PolicyInstallSuccess,
        Kind::AuthorizationInstallSuccess => Message::AuthorizationInstallSuccess { udi: udi()? },
        Kind::AuthorizationRemoved => Message::AuthorizationRemoved { udi: udi()? },
        Kind::ReportingRequired => Message::ReportingRequired { days: decimal(first)? },
        Kind::TrustCodeInstallSuccess => Message::TrustCodeInstallSuccess { udi: udi()? },
    })
}

/// A number as `[dec]` prints it: no sign, no leading zero.
fn decimal(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::Spelling;
    use alloc::string::{String, ToString};
    use alloc::vec;
    use proptest::prelude::*;

    fn udis() -> impl Strategy<Value = Udi> {
        ("[A-Z0-9][A-Z0-9-]{0,22}", "[A-Z0-9]{1,15}")
            .prop_map(|(pid, serial)| Udi::new(&pid, &serial).unwrap())
    }

    fn failures() -> impl Strategy<Value = Failure> {
        let status = (100_u16..=999).prop_filter("reads as Proxy", |status| *status != 407);
        prop_oneof![prop::sample::select(&Failure::ALL[..]), status.prop_map(Failure::HttpStatus)]
    }

    fn trust_errors() -> impl Strategy<Value = TrustError> {
        let known = prop::sample::select(&TrustError::KNOWN[..]);
        prop_oneof![known, "\\PC{0,80}".prop_map(|text| TrustError::from_text(&text))]
    }

    fn messages() -> impl Strategy<Value = Message> {
        let peers = || prop::sample::select(&Peer::ALL[..]);
        let errors = || prop::sample::select(&PolicyError::ALL[..]);
        prop_oneof![
            errors().prop_map(|error| Message::PolicyInstallFailed { error }),
            (udis(), errors()).prop_map(|(udi, error)| Message::AuthorizationInstallFailed { udi, error }),
            (peers(), failures()).prop_map(|(peer, failure)| Message::CommFailed { peer, failure }),
            peers().prop_map(|peer| Message::CommRestored { peer }),
            Just(Message::PolicyRemoved),
            (udis(), trust_errors()).prop_map(|(udi, error)| Message::TrustCodeInstallFailed { udi, error }),
            Just(Message::ReportingNotSupported),
            Just(Message::PolicyInstallSuccess),
            udis().prop_map(|udi| Message::AuthorizationInstallSuccess { udi }),
            udis().prop_map(|udi| Message::AuthorizationRemoved { udi }),
            any::<u32>().prop_map(|days| Message::ReportingRequired { days }),
            udis().prop_map(|udi| Message::TrustCodeInstallSuccess { udi }),
        ]
    }

    proptest! {
        #[test]
        fn every_message_is_read_back_from_either_spelling(message in messages()) {
            for spelling in [Spelling::Device, Spelling::Chapter] {
                let mut line = String::new();
                message.write_line(&mut line, spelling).unwrap();
                prop_assert_eq!(Message::parse(&line), Some(message.clone()), "{}", line);
            }
        }

        #[test]
        fn no_text_makes_the_reader_panic(line in "\\PC*", tail in "\\PC{0,40}") {
            let _ = Message::parse(&line);
            for row in &CATALOGUE {
                if let Some(message) = Message::parse(&alloc::format!("{}{tail}", row.nxos.pieces()[0])) {
                    prop_assert_eq!(message.kind(), row.kind);
                }
            }
        }
    }

    #[test]
    fn what_is_no_message_of_the_catalogue_is_not_read() {
        for line in [
            "",
            "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED",
            "%LICMGR-4-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.",
            "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed",
            "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed. ",
            "%LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: A Usage report acknowledgement will be required in 089 days.",
            "%LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: A Usage report acknowledgement will be required in -1 days.",
            "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the Satellite : Communications failure",
            "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the Cisco Smart Software Manager (CSSM) : HTTP server error 0503: Service Unavailable",
            "%LICMGR-2-LOG_LIC_NO_LIC: No license(s) present for feature LAN_ENTERPRISE_SERVICES_PKG.",
        ] {
            assert_eq!(Message::parse(line), None, "{line}");
        }
    }

    /// The two texts are the same in the table of `spec/messages.md` §5.
    #[test]
    fn a_status_407_reads_as_the_proxys() {
        let peer = Peer::Cssm;
        let line = Message::CommFailed { peer, failure: Failure::HttpStatus(407) }.to_string();
        assert_eq!(Message::parse(&line), Some(Message::CommFailed { peer, failure: Failure::Proxy }));
    }
}

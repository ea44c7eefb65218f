//! From a message to its text (`spec/messages.md` §10).

use core::fmt::{self, Write};

use super::shape::Shape;
use super::{Message, Spelling, TrustError};
use crate::failure::{self, Failure};

impl Message {
    /// Writes the text without the tag.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn write_text(&self, out: &mut (impl Write + ?Sized), spelling: Spelling) -> fmt::Result {
        let shape = &self.row().nxos;
        self.write_from(out, shape, shape.lead(), spelling)
    }

    /// Writes the whole `%LICMGR-s-MNEMONIC: text`.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn write_line(&self, out: &mut (impl Write + ?Sized), spelling: Spelling) -> fmt::Result {
        self.write_as(out, &self.row().nxos, spelling)
    }

    /// Writes tag and text in the shape of its row or of one of the row's twins.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn write_as(
        &self,
        out: &mut (impl Write + ?Sized),
        shape: &Shape,
        spelling: Spelling,
    ) -> fmt::Result {
        self.write_from(out, shape, shape.pieces()[0], spelling)
    }

    #[inline]
    fn write_from(
        &self,
        out: &mut (impl Write + ?Sized),
        shape: &Shape,
        first: &str,
        spelling: Spelling,
    ) -> fmt::Result {
        out.write_str(first)?;
        let (after_one, after_two) = shape.behind_fields();
        if shape.fields() == 0 {
            return Ok(());
        }
        match self {
            Self::PolicyRemoved | Self::ReportingNotSupported | Self::PolicyInstallSuccess => return Ok(()),
            Self::CommFailed { peer, failure } => {
                out.write_str(peer.name(spelling))?;
                if *failure == Failure::Unspecified {
                    // Without detail the line ends in `(CSSM) :` (`spec/messages.md` §5).
                    return out.write_str(after_one.trim_end());
                }
                out.write_str(after_one)?;
                write_failure(out, *failure)?;
                return out.write_str(after_two);
            }
            Self::AuthorizationInstallFailed { udi, error } => {
                udi.write_in_messages(out)?;
                out.write_str(after_one)?;
                out.write_str(error.text())?;
                return out.write_str(after_two);
            }
            Self::TrustCodeInstallFailed { udi, error } => {
                udi.write_in_messages(out)?;
                out.write_str(after_one)?;
                match error {
                    TrustError::Other(words) => write_foreign(out, words)?,
                    TrustError::AlreadyInstalled
                    | TrustError::Account
                    | TrustError::Signature
                    | TrustError::Timestamp
                    | TrustError::Token
                    | TrustError::NoConnection
                    | TrustError::Parse => out.write_str(error.text())?,
                }
                return out.write_str(after_two);
            }
            Self::CommRestored { peer } => out.write_str(peer.name(spelling))?,
            Self::PolicyInstallFailed { error } => out.write_str(error.text())?,
            Self::AuthorizationInstallSuccess { udi }
            | Self::AuthorizationRemoved { udi }
            | Self::TrustCodeInstallSuccess { udi } => udi.write_in_messages(out)?,
            Self::ReportingRequired { days } => write_decimal(out, *days)?,
        }
        out.write_str(after_one)
    }
}

impl fmt::Display for Message {
    /// The whole line, as a device prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_line(f, Spelling::Device)
    }
}

fn write_failure(out: &mut (impl Write + ?Sized), failure: Failure) -> fmt::Result {
    match (failure.fixed_text(), failure) {
        (None, Failure::HttpStatus(status)) => {
            out.write_str(failure::HTTP_ERROR)?;
            write_decimal(out, u32::from(status))?;
            out.write_str(": ")?;
            out.write_str(failure::reason_phrase(status))
        }
        (text, _) => out.write_str(text.unwrap_or_default()),
    }
}

/// Text that a server chose: control characters become `?`, so that nothing can forge a second line (modelled).
fn write_foreign(out: &mut (impl Write + ?Sized), text: &str) -> fmt::Result {
    let mut pieces = text.split(char::is_control);
    out.write_str(pieces.next().unwrap_or_default())?;
    pieces.try_for_each(|piece| {
        out.write_char('?')?;
        out.write_str(piece)
    })
}

/// `[dec]`: without sign, grouping or padding.
fn write_decimal(out: &mut (impl Write + ?Sized), number: u32) -> fmt::Result {
    let mut digits = [b'0'; 10];
    let mut rest = number;
    let mut at = digits.len();
    while at > 0 {
        at -= 1;
        // A remainder by 10 fits a digit.
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.write_str(core::str::from_utf8(&digits[at..]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Udi;
    use crate::messages::{Peer, PolicyError};
    use alloc::string::{String, ToString};

    fn udi() -> Udi {
        Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap()
    }

    /// `spec/messages.md` §10, the examples, and the rows that have none there.
    #[test]
    fn every_row_has_exactly_its_text() {
        let cslu = Peer::Cslu;
        for (message, expected) in [
            (
                Message::PolicyInstallFailed { error: PolicyError::Signature },
                "%LICMGR-3-LOG_SMART_LIC_POLICY_INSTALL_FAILED: The installation of a new licensing policy has failed: Signature mismatch.",
            ),
            (
                Message::AuthorizationInstallFailed { udi: udi(), error: PolicyError::Timestamp },
                "%LICMGR-3-LOG_SMART_LIC_AUTHORIZATION_INSTALL_FAILED: The install of a new licensing authorization code has failed on P:N9K-C93180YC-FX3,S:FDO00000001: Timestamp mismatch.",
            ),
            (
                Message::CommFailed { peer: cslu, failure: Failure::Resolve },
                "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: Communications failure with the Cisco Smart License Utility (CSLU) : Unable to resolve server hostname/domain name",
            ),
            (
                Message::CommRestored { peer: cslu },
                "%LICMGR-3-LOG_SMART_LIC_COMM_RESTORED: Communications with the Cisco Smart License Utility (CSLU) restored.",
            ),
            (
                Message::PolicyRemoved,
                "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.",
            ),
            (
                Message::TrustCodeInstallFailed { udi: udi(), error: TrustError::AlreadyInstalled },
                "%LICMGR-3-LOG_SMART_LIC_TRUST_CODE_INSTALL_FAILED: The install of a new licensing trust code has failed on P:N9K-C93180YC-FX3,S:FDO00000001: Trust code is already installed.",
            ),
            (
                Message::ReportingNotSupported,
                "%LICMGR-4-LOG_SMART_LIC_REPORTING_NOT_SUPPORTED: The CSSM OnPrem that this product instance is connected to is down rev and does not support the enhanced policy and usage reporting mode.",
            ),
            (
                Message::PolicyInstallSuccess,
                "%LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS: A new licensing policy was successfully installed.",
            ),
            (
                Message::AuthorizationInstallSuccess { udi: udi() },
                "%LICMGR-6-LOG_SMART_LIC_AUTHORIZATION_INSTALL_SUCCESS: A new licensing authorization code was successfully installed on: P:N9K-C93180YC-FX3,S:FDO00000001.",
            ),
            (
                Message::AuthorizationRemoved { udi: udi() },
                "%LICMGR-6-LOG_SMART_LIC_AUTHORIZATION_REMOVED: A licensing authorization code has been removed from P:N9K-C93180YC-FX3,S:FDO00000001",
            ),
            (
                Message::ReportingRequired { days: 89 },
                "%LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: A Usage report acknowledgement will be required in 89 days.",
            ),
            (
                Message::TrustCodeInstallSuccess { udi: udi() },
                "%LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS: A new licensing trust code was successfully installed on P:N9K-C93180YC-FX3,S:FDO00000001.",
            ),
        ] {
            assert_eq!(message.to_string(), expected);
            let mut text = String::new();
            message.write_text(&mut text, Spelling::Device).unwrap();
            assert_eq!(Some(text.as_str()), expected.split_once(": ").map(|(_, text)| text));
        }
    }

    /// `spec/messages.md` §3, §5.
    #[test]
    fn peers_and_failures_have_the_texts_of_their_tables() {
        let text = |peer, failure| {
            let mut text = String::new();
            Message::CommFailed { peer, failure }.write_text(&mut text, Spelling::Chapter).unwrap();
            text
        };
        assert_eq!(
            text(Peer::Cssm, Failure::HttpStatus(503)),
            "Communications failure with the Cisco Smart Software Manager (CSSM) : HTTP server error 503: Service Unavailable"
        );
        assert_eq!(
            text(Peer::Cslu, Failure::HttpStatus(404)),
            "Communications failure with the Cisco Smart License utility (CSLU) : 404 host not found"
        );
        let bare = text(Peer::Cssm, Failure::Unspecified);
        assert_eq!(bare, "Communications failure with the Cisco Smart Software Manager (CSSM) :");
        for failure in Failure::ALL {
            let expected = failure.to_string();
            assert!(text(Peer::Cssm, failure).ends_with(&expected), "{failure:?}");
        }
    }

    /// S-03 speaks of 80 characters; the chapter's own COMM_FAILED is longer, so nothing is cut (`spec/logs.md` §7).
    #[test]
    fn a_line_longer_than_80_characters_is_not_cut() {
        let line = Message::CommFailed { peer: Peer::Cslu, failure: Failure::Resolve }.to_string();
        assert_eq!(line.chars().count(), 151);
    }

    #[test]
    fn a_servers_words_cannot_forge_a_second_line() {
        let error = TrustError::from_text("no\r\n%LICMGR-6-FORGED: \u{7f}\u{85}ü");
        let line = Message::TrustCodeInstallFailed { udi: udi(), error }.to_string();
        assert!(line.ends_with("S:FDO00000001: no??%LICMGR-6-FORGED: ??ü."), "{line}");
    }

    #[test]
    fn numbers_are_printed_without_padding() {
        for days in [0, 7, 10, 364, 4_294_967_295] {
            let mut text = String::new();
            write_decimal(&mut text, days).unwrap();
            assert_eq!(text, days.to_string());
        }
    }

    #[test]
    fn twins_take_the_same_arguments() {
        let message = Message::CommRestored { peer: Peer::Cslu };
        let text = |shape| {
            let mut text = String::new();
            message.write_as(&mut text, shape, Spelling::Device).unwrap();
            text
        };
        assert_eq!(
            text(&message.row().ios_xe.shape),
            "%SMART_LIC-5-COMM_RESTORED: Communications with Cisco Smart License Utility (CSLU) restored"
        );
        assert_eq!(
            text(&message.row().ios_xr.shape),
            "%LICENSE-SMART_LIC-5-COMM_RESTORED : Communications with Cisco licensing cloud restored"
        );
    }
}

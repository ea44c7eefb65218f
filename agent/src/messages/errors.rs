//! Why an installation is refused, in words (`spec/messages.md` §6). The words are modelled on the chapter's reasons.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

/// Why a policy is refused (`spec/messages.md` §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PolicyError {
    /// Signature wrong, or the clock outside the signer's validity.
    Signature,
    /// Clock and time stamp do not agree.
    Timestamp,
    /// Not readable.
    Parse,
}

/// Why an authorization code is refused: the three texts of [`PolicyError`].
pub type AuthError = PolicyError;

impl PolicyError {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Signature, Self::Timestamp, Self::Parse];

    /// The text in the message.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Signature => "Signature mismatch",
            Self::Timestamp => "Timestamp mismatch",
            Self::Parse => "message parsing error",
        }
    }

    /// The reason with that text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|error| error.text() == text)
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for PolicyError {}

/// Why a trust code is refused (`spec/messages.md` §6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TrustError {
    /// There is one, and `force` was not given.
    AlreadyInstalled,
    /// The UDI belongs to another account.
    Account,
    /// Signature wrong, or the clock outside the signer's validity.
    Signature,
    /// Clock and time stamp do not agree.
    Timestamp,
    /// Token unknown, expired, revoked or used up.
    Token,
    /// The peer has no connection to CSSM.
    NoConnection,
    /// Not readable (modelled).
    Parse,
    /// A server's own words.
    Other(Box<str>),
}

impl TrustError {
    /// The reasons that have a text of their own.
    pub const KNOWN: [Self; 7] = [
        Self::AlreadyInstalled,
        Self::Account,
        Self::Signature,
        Self::Timestamp,
        Self::Token,
        Self::NoConnection,
        Self::Parse,
    ];
    /// A server's own words are kept up to this many characters (modelled; no device text is known).
    pub const OTHER_MAX_CHARS: usize = 512;

    /// The text in the message, as the server or the table has it.
    #[must_use]
    pub const fn text(&self) -> &str {
        match self {
            Self::AlreadyInstalled => "Trust code is already installed",
            Self::Account => "Smart Account and Virtual Account mismatch",
            Self::Signature => "Signature mismatch",
            Self::Timestamp => "Timestamp mismatch",
            Self::Token => "The token is not valid",
            Self::NoConnection => "The token cannot be validated: no connection to CSSM",
            Self::Parse => "message parsing error",
            Self::Other(text) => text,
        }
    }

    /// What a server's refusal text says: a reason of the table, or else the server's own words.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|error| error.text() == text);
        known.unwrap_or_else(|| {
            let kept: String = text.chars().take(Self::OTHER_MAX_CHARS).collect();
            Self::Other(kept.into())
        })
    }
}

impl fmt::Display for TrustError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for TrustError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_text_is_recognised_or_kept() {
        for error in TrustError::KNOWN {
            assert_eq!(TrustError::from_text(error.text()), error);
        }
        assert_eq!(TrustError::from_text("Quota used up"), TrustError::Other("Quota used up".into()));
        assert_eq!(TrustError::from_text(&"é".repeat(9_000)).text().chars().count(), 512);
        for error in PolicyError::ALL {
            assert_eq!(PolicyError::from_text(error.text()), Some(error));
        }
        assert_eq!(PolicyError::from_text("signature mismatch"), None);
    }
}

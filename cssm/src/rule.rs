//! The rules that a request can break, each with its name; a refusal names the one that was broken.

use core::fmt;

pub use slpsim_transport::Rule as WireRule;

/// How the mock says that a rule is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing was understood: this HTTP status with a JSON body `{rule, message}`.
    Unreadable(u16),
    /// Understood and refused: HTTP 200, status `FAILED`.
    Failed,
    /// HTTP 200, status `INVALID STATUS CODE` (`spec/messages.md` §7).
    InvalidStatus,
    /// The request is accepted, one report in it is answered `REJECTED` in the ACK (`spec/formats.md` §3).
    Report,
}

macro_rules! rules {
    ($($(#[doc = $doc:literal])+ $variant:ident, $name:literal, $kind:expr, $text:literal;)+) => {
        /// One rule that a request can break.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($(#[doc = $doc])+ $variant,)+ }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            const fn row(self) -> (&'static str, Kind, &'static str) {
                match self { $(Self::$variant => ($name, $kind, $text),)+ }
            }
        }
    };
}

use Kind::{Failed, InvalidStatus, Report, Unreadable};

rules! {
    /// The path is one of those that the mock serves.
    Path, "path", Unreadable(404), "nothing is served at this path; devices post to /licservice/license or /cslu/v1/pi";
    /// The method is the one of the path.
    Method, "method", Unreadable(405), "devices send POST";
    /// The body is declared as JSON.
    ContentType, "content-type", Unreadable(415), "send the message with content type application/json, and a Call Home envelope with text/xml";
    /// The body fits into the message size (`spec/behaviour.md` §16).
    BodySize, "body-size", Unreadable(413), "a message has at most 5000000 bytes";
    /// The body arrives in time.
    BodyTime, "body-time", Unreadable(408), "the body did not arrive in time; send it at once";
    /// The request type is a known word.
    RequestType, "request-type", Failed, "header.request_type must be a word of spec/formats.md §8.3";

    /// The clock of the device is less than an hour off (`spec/behaviour.md` §9; only with `strict-clock`).
    Clock, "clock", Failed, "Timestamp mismatch";
    /// A CSSM reached directly wants to know who asks (`spec/behaviour.md` §6, §7.1).
    TrustRequired, "trust-required", Failed, "a product instance without trust code is answered by a CSLU only";
    /// A device with trust signs what it sends (`spec/formats.md` §13).
    SignatureMissing, "signature-missing", Failed, "a request with a product_instance_identifier must be signed with the ID key";
    /// The signature verifies.
    Signature, "signature", Failed, "the signature does not verify over the string request with the key of the ID certificate";
    /// The certificate named is the one that was issued.
    CertificateSerial, "certificate-serial", Failed, "id_cert_serial_number is not that of the ID certificate issued last";
    /// The identity is the one that the server gave to this UDI (`spec/messages.md` §7).
    Identity, "identity", InvalidStatus, "the product_instance_identifier is not known for this UDI";
    /// The tenant in an On-Prem URL exists.
    Tenant, "tenant", Failed, "the tenant in the URL is neither a Smart Account nor a Virtual Account of this server";
    /// The server has room for another device.
    DeviceLimit, "device-limit", Failed, "this server knows as many product instances as it can hold; delete some";

    /// The token exists.
    TokenUnknown, "token-unknown", Failed, "The token is not valid";
    /// The token has not expired.
    TokenExpired, "token-expired", Failed, "The token is not valid";
    /// The token has not been revoked.
    TokenRevoked, "token-revoked", Failed, "The token is not valid";
    /// The token has uses left.
    TokenUsedUp, "token-used-up", Failed, "The token is not valid";
    /// The peer can have a token validated.
    TokenConnection, "token-connection", Failed, "The token cannot be validated: no connection to CSSM";
    /// The device is not known in another Virtual Account.
    OtherAccount, "other-account", Failed, "Smart Account and Virtual Account mismatch";
    /// An account with a list takes those on it (S-35b).
    Membership, "membership", Failed, "Smart Account and Virtual Account mismatch";
    /// One trust code for a UDI, unless forced.
    NodeLock, "node-lock", Failed, "Trust code is already installed";
    /// A trust request brings a certificate request that verifies.
    Csr, "csr", Failed, "csr must be a PEM certificate request whose own signature verifies";
    /// The units asked for are a few, different, and the sender is one of them.
    DeviceList, "device-list", Failed, "device_list must name the sender and each unit once, at most 8";

    /// The peer takes part in policy reporting (`spec/behaviour.md` §13).
    PolicyUsage, "policy-usage", Failed, "this server does not support policy and usage reporting";
    /// A report is readable as far as the server must read it.
    ReportPayload, "report-payload", Failed, "each usage entry needs a payload with report id, entitlement tag and measurements";
    /// A message does not carry the same report twice.
    ReportTwice, "report-twice", Failed, "the same report id occurs twice in one message";
    /// The poll id is one that was given to this UDI.
    PollId, "poll-id", Failed, "The requested item was not found";

    /// Authorization is asked for something that is enforced (`spec/formats.md` §6).
    Entitlement, "entitlement", Failed, "keys must name enforced entitlements with a count of 1 or more";
    /// A return names what it returns.
    RemoveCode, "remove-code", Failed, "AUTH_RETURN needs keys:[] and a remove_code of 1 to 255 characters";

    /// The report's signature covers its payload.
    ReportSignature, "report-signature", Report, "SIGNATURE_MISMATCH";
    /// The report measures a device that the sender may speak for.
    ReportDevice, "report-device", Report, "UNKNOWN_DEVICE";
    /// Only where a scenario asks for it.
    ReportTimestamp, "report-timestamp", Report, "TIMESTAMP_MISMATCH";
}

impl Rule {
    /// Its name, as refusals and `GET requests` print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// How the mock says that it is broken.
    #[must_use]
    pub const fn kind(self) -> Kind {
        self.row().1
    }

    /// What is wrong, for the one who wrote the request; for [`Kind::Report`] the reason word of the ACK.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.row().2
    }

    /// The rule of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }

    /// Whether the text is one that the device prints (`spec/messages.md` §6); such a text travels without the rule's
    /// name in front, because it becomes part of a log line.
    #[must_use]
    pub const fn text_is_fixed(self) -> bool {
        matches!(
            self,
            Self::Clock
                | Self::TokenUnknown
                | Self::TokenExpired
                | Self::TokenRevoked
                | Self::TokenUsedUp
                | Self::TokenConnection
                | Self::OtherAccount
                | Self::Membership
                | Self::NodeLock
                | Self::PollId
        )
    }
}

/// A broken rule: one of the form of messages, or one of the mock's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broken {
    /// The bytes do not have the form of a message (`spec/formats.md` §8.1).
    Wire(WireRule),
    /// The message is readable, or never got that far.
    Mock(Rule),
}

impl Broken {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wire(rule) => rule.name(),
            Self::Mock(rule) => rule.name(),
        }
    }
}

impl From<Rule> for Broken {
    fn from(rule: Rule) -> Self {
        Self::Mock(rule)
    }
}

impl From<WireRule> for Broken {
    fn from(rule: WireRule) -> Self {
        Self::Wire(rule)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_found_by_its_own_name() {
        for rule in Rule::ALL {
            assert_eq!(Rule::by_name(rule.name()), Some(*rule), "{rule}");
            assert!(!rule.text().is_empty());
        }
        assert_eq!(Rule::by_name("no-such-rule"), None);
        for wire in WireRule::ALL {
            assert_eq!(Rule::by_name(wire.name()), None, "two rules are called {}", wire.name());
        }
    }
}

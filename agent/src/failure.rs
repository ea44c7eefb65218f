//! Why an exchange brought no authenticated answer (`spec/messages.md` §5).

use core::fmt;

/// One row per variant of the table in `spec/messages.md` §5; [`fmt::Display`] prints its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The name does not resolve.
    Resolve,
    /// The exchange cannot begin: no address on the source interface, VRF without route, proxy unresolved.
    NotReady,
    /// Refused, reset, no route, time-out, or the TLS handshake failed for a reason other than the certificate.
    Unreachable,
    /// A 2xx answer without a body.
    EmptyReply,
    /// The server's certificate cannot be validated.
    TlsCertificate,
    /// A status outside 2xx.
    HttpStatus(u16),
    /// Call Home: profile `CiscoTAC-1` is inactive.
    CallhomeProfile,
    /// Call Home: the service is off.
    CallhomeService,
    /// The answer is truncated, too large, or not in the expected form.
    BadReply,
    /// The answer carries another nonce.
    NonceMismatch,
    /// The signature of the answer is wrong.
    BadSignature,
    /// The signer's certificate is not under the licensing root.
    SignerInvalid,
    /// Sub-CA or root unknown.
    TrustChain,
    /// The request needs a transport that is not set.
    TransportMissing,
    /// The chosen transport has an empty URL.
    NoUrl,
    /// The request is above the size limit.
    TooLarge,
    /// The proxy asks for credentials or refuses CONNECT.
    Proxy,
    /// The request could not be built, and nothing was sent: no failure of communication (`spec/messages.md` §7), so that
    /// no message ever names it and [`Failure::ALL`] leaves it out.
    NotBuilt,
    /// Listed in the same code table; never used in COMM_FAILED.
    Busy,
    /// The agent has no detail; only where a scenario asks for it.
    Unspecified,
}

impl Failure {
    /// Every variant that a message can name, with 404 and 503 standing for the two kinds of status.
    pub const ALL: [Self; 20] = [
        Self::Resolve,
        Self::NotReady,
        Self::Unreachable,
        Self::EmptyReply,
        Self::TlsCertificate,
        Self::HttpStatus(404),
        Self::HttpStatus(503),
        Self::CallhomeProfile,
        Self::CallhomeService,
        Self::BadReply,
        Self::NonceMismatch,
        Self::BadSignature,
        Self::SignerInvalid,
        Self::TrustChain,
        Self::TransportMissing,
        Self::NoUrl,
        Self::TooLarge,
        Self::Proxy,
        Self::Busy,
        Self::Unspecified,
    ];
}

impl Failure {
    /// The text, except of [`Failure::HttpStatus`] with another status than 404, whose text is composed.
    #[must_use]
    pub const fn fixed_text(self) -> Option<&'static str> {
        Some(match self {
            Self::Resolve => "Unable to resolve server hostname/domain name",
            Self::NotReady => "Communications init failure",
            Self::Unreachable => "Communications failure",
            Self::EmptyReply => "Received empty response from server",
            Self::TlsCertificate => {
                "Cannot establish secure connection because server TLS cert cannot be validated"
            }
            Self::HttpStatus(404) => "404 host not found",
            Self::HttpStatus(_) => return None,
            Self::CallhomeProfile => {
                "The action failed because smart license transport is disabled in call-home."
            }
            Self::CallhomeService => "Fail to send out Call Home HTTP message",
            Self::BadReply => "message parsing error",
            Self::NonceMismatch => "nonce failed to match",
            Self::BadSignature => "Signature Verification failed",
            Self::SignerInvalid => "Signing Certificate Verification failed",
            Self::TrustChain => "Could not validate Trust Chain",
            Self::TransportMissing => "The transport type needed is not configured",
            Self::NoUrl => "No URL is configured",
            Self::TooLarge => "Message size exceed the limit",
            Self::Proxy => "HTTP server error 407: Proxy Authentication Required",
            Self::NotBuilt => "BUILD REQUEST ERROR",
            Self::Busy => "CSSM requested to try again",
            Self::Unspecified => "",
        })
    }

    /// The failure with that text. A status 407 reads as [`Failure::Proxy`], whose text is the same.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        if let Some(known) = Self::ALL.into_iter().find(|failure| failure.fixed_text() == Some(text)) {
            return Some(known);
        }
        let (status, phrase) = text.strip_prefix(HTTP_ERROR)?.split_once(": ")?;
        let number = status.parse().ok().filter(|number| *number != 404)?;
        // Without sign and leading zeros, so that the failure prints as the text it was read from.
        let canonical = status.bytes().all(|byte| byte.is_ascii_digit()) && !status.starts_with('0');
        (canonical && phrase == reason_phrase(number)).then_some(Self::HttpStatus(number))
    }
}

pub(crate) const HTTP_ERROR: &str = "HTTP server error ";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.fixed_text(), self) {
            (None, Self::HttpStatus(status)) => {
                write!(f, "{HTTP_ERROR}{status}: {}", reason_phrase(*status))
            }
            (text, _) => f.write_str(text.unwrap_or_default()),
        }
    }
}

/// The reason phrase registered for an HTTP status (RFC 9110 §15, RFC 6585), or `Unknown`.
#[must_use]
pub const fn reason_phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        511 => "Network Authentication Required",
        _ => "Unknown",
    }
}

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
    /// Listed in the same code table; never used in COMM_FAILED.
    Busy,
    /// The agent has no detail; only where a scenario asks for it.
    Unspecified,
}

impl Failure {
    /// Every variant, with 404 and 503 standing for the two kinds of status.
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "Unable to resolve server hostname/domain name",
            Self::NotReady => "Communications init failure",
            Self::Unreachable => "Communications failure",
            Self::EmptyReply => "Received empty response from server",
            Self::TlsCertificate => {
                "Cannot establish secure connection because server TLS cert cannot be validated"
            }
            Self::HttpStatus(404) => "404 host not found",
            Self::HttpStatus(status) => {
                return write!(f, "HTTP server error {status}: {}", reason_phrase(*status));
            }
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
            Self::Busy => "CSSM requested to try again",
            Self::Unspecified => "",
        })
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

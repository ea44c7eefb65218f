//! Signing and verifying (`spec/formats.md` §13).
//!
//! Genuine Cisco signatures can neither be made nor checked here; everything stands under a root of our own, or of the
//! user's.
//!
//! # How a device learns who signs (modelled)
//!
//! Every signature of a peer names the serial number of its signer in `key`. The device looks for the certificate
//! 1. in the member `certificate` beside `key` (in files: the element of that name), one PEM block: it must have this
//!    serial number and be issued directly by one of the device's roots;
//! 2. without that member, among the certificates that the device was given together with its roots: there a root may
//!    sign by itself, and any other certificate must be issued by one of the roots.
//!
//! Directly, because ID certificates are issued by the signer: with longer chains a device could sign answers.
//!
//! A server of one's own needs nothing but openssl, for the exact `response` string (or `data` of an object):
//!
//! ```text
//! openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.pem -subj "/CN=My Root" -days 7300
//! openssl req -newkey rsa:2048 -nodes -keyout signer.key -out signer.csr -subj "/CN=My Signer"
//! openssl x509 -req -in signer.csr -CA root.pem -CAkey root.key -set_serial 1001 -days 7300 -out signer.pem
//! printf %s "$RESPONSE" | openssl dgst -sha256 -sign signer.key | openssl base64 -A     # value; key is "1001"
//! ```
//!
//! The device is given `root.pem` and, unless answers carry `certificate`, `signer.pem` in the same file. Validity
//! periods are not judged here: the agent does that by its own clock (`spec/behaviour.md` §9).

mod builtin;
mod keys;
mod public;
mod signer;
mod verifier;

pub use builtin::{builtin_value, verify_builtin};
pub use keys::{DeviceKeys, KeyError};
pub use public::{CertError, Certificate, PublicKey, VerifyingKey};
pub use signer::{ID_VALID_FROM_OFFSET_S, IdRequest, Signer};
pub use verifier::{SignatureBlock, SignatureFault, Verifier};

//! What travels between a product instance and its peer, and how.
//!
//! [`message`] has the decoded forms of both directions as plain data: what a simulation in process passes from hand to
//! hand, and what the codecs read and write. [`smart`] has the messages as bytes, [`rum`] the reports in them, [`files`]
//! what is carried by hand; all of them sign and verify with [`sign`]. Words that may be corrected stand in
//! [`WireProfile`].

pub mod base64;
pub mod callhome;
#[cfg(feature = "client")]
pub mod client;
mod error;
pub mod fault;
pub mod files;
mod json;
pub mod message;
mod profile;
pub mod rum;
pub mod sign;
pub mod smart;
mod xml;

pub use error::{DecodeError, EncodeError, Refusal, Rule};
pub use json::{MAX_BYTES, MAX_DEPTH};

pub use message::{
    AckObject, AuthEntry, AuthObject, ConnectInfo, DeviceBody, DeviceHeader, DeviceMessage, Envelope,
    EnvelopeSignature, Nonce, Payload, PolicyObject, RequestType, RumMeasurement, RumSigner, Sealed,
    ServerData, ServerMessage, StatusWord, TrustObject, UsageReport, accept, compose,
};
pub use profile::{
    CallhomeWords, Entry, Fields, RequestTypes, Section, StatusWords, Values, WireProfile, WireProfileError,
};

//! What travels between a product instance and its peer, and how.
//!
//! [`message`] has the decoded forms of both directions as plain data: what a simulation in process passes from hand to
//! hand, and what the codecs read and write.

#[cfg(feature = "client")]
pub mod client;
pub mod message;

pub use message::{
    AckObject, AuthEntry, AuthObject, ConnectInfo, DeviceBody, DeviceHeader, DeviceMessage, Envelope,
    EnvelopeSignature, Nonce, Payload, PolicyObject, RequestType, RumMeasurement, RumSigner, Sealed,
    ServerData, ServerMessage, StatusWord, TrustObject, UsageReport, accept, compose,
};

//! From the device to its peer.

use slpsim_agent::{IdCert, InstanceId, PollId, Purpose, ReportId, Token, Udi, Unit};
use slpsim_policy::Wall;

use super::{ConnectInfo, Nonce, RequestType, Word};

/// A request, decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceMessage {
    /// What every request says.
    pub header: DeviceHeader,
    /// What this one asks for.
    pub body: DeviceBody,
}

impl DeviceMessage {
    /// The type, for the table of words.
    #[must_use]
    pub fn request_type(&self) -> RequestType {
        match &self.body {
            DeviceBody::IdTokenTrust { .. } => Purpose::Trust.into(),
            DeviceBody::LicenseUsage { .. } => Purpose::Usage.into(),
            DeviceBody::Poll { .. } => Purpose::Poll.into(),
            DeviceBody::TrustSync { .. } => Purpose::TrustSync.into(),
            DeviceBody::Hello => Purpose::Hello.into(),
            DeviceBody::AuthRequest { .. } => Purpose::AuthRequest.into(),
            DeviceBody::AuthReturn { .. } => Purpose::AuthReturn.into(),
            DeviceBody::AuthRenew => Purpose::AuthRenew.into(),
            DeviceBody::IdRenew => Purpose::IdRenew.into(),
            DeviceBody::Unknown(word) => RequestType::Other(word.clone()),
        }
    }
}

/// What every request says (`spec/formats.md` §8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceHeader {
    /// The active unit.
    pub udi: Udi,
    /// The device's clock when the request was made.
    pub timestamp: Wall,
    /// To be repeated by the answer.
    pub nonce: Nonce,
    /// The agent and its capabilities.
    pub connect_info: ConnectInfo,
    /// `product_instance_identifier`, once trust exists.
    pub instance: Option<InstanceId>,
    /// `id_cert_serial_number`, once trust exists: whose key signed the request.
    pub id_cert_serial: Option<u64>,
    /// `signing_cert_serial_number`: serial of the peer's signer that the device knows.
    pub signing_cert_serial: Option<u64>,
    /// `license smart custom_id`: sent, never interpreted (where it travels is modelled: `request_data.custom_id`).
    pub custom_id: Option<Box<str>>,
}

impl DeviceHeader {
    /// The identity from the trust code, where the header names it completely.
    #[must_use]
    pub fn identity(&self) -> Option<IdCert> {
        Some(IdCert { instance: self.instance?, serial: self.id_cert_serial? })
    }
}

/// One variant for each row of `spec/formats.md` §8.3.
#[derive(Clone, Debug, PartialEq)]
pub enum DeviceBody {
    /// `ID_TOKEN_TRUST`
    IdTokenTrust {
        /// The operator's token; a secret.
        token: Token,
        /// Absent with `license smart privacy hostname`.
        hostname: Option<Box<str>>,
        /// Software tag.
        software_tag: Word,
        /// Certificate request for the ID key (PEM); absent in process, where nothing is signed.
        csr: Option<Box<str>>,
        /// `mode`, always `PERMANENT`.
        mode: Word,
        /// A new trust code although one exists.
        force: bool,
        /// `device_list`: the units that ask, the active one first.
        units: Vec<Unit>,
    },
    /// `LICENSE_USAGE`
    LicenseUsage {
        /// Absent with `license smart privacy hostname`.
        hostname: Option<Box<str>>,
        /// Software tag.
        software_tag: Word,
        /// Oldest first.
        reports: Vec<UsageReport>,
    },
    /// `POLL_REQ`
    Poll {
        /// As given with `OK_POLL`.
        poll_id: PollId,
    },
    /// `TRUST_SYNC`
    TrustSync {
        /// `device_list`: the units of a redundancy set, the active one first; empty for a single one (modelled).
        units: Vec<SyncUnit>,
    },
    /// `HELLO`
    Hello,
    /// `AUTH_REQUEST` (`mds9000`)
    AuthRequest {
        /// What for.
        keys: Vec<AuthEntry>,
    },
    /// `AUTH_RETURN` (`mds9000`)
    AuthReturn {
        /// The return code that the device made.
        remove_code: Box<str>,
    },
    /// `AUTH_RENEW`
    AuthRenew,
    /// `ID_RENEW`
    IdRenew,
    /// A type word that is not in the table.
    Unknown(Box<str>),
}

/// A unit of a redundancy set in a `TRUST_SYNC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncUnit {
    /// Which.
    pub unit: Unit,
    /// The identifier that its trust code brought; absent where it has none, also where the server gave it one that it
    /// does not have any more (modelled).
    pub instance: Option<InstanceId>,
}

/// An entitlement of an authorization request or code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthEntry {
    /// Entitlement tag.
    pub entitlement: Word,
    /// How many.
    pub count: u32,
}

/// One RUM report inside a request or a file (`spec/formats.md` §1), decoded.
#[derive(Clone, Debug, PartialEq)]
pub struct UsageReport {
    /// The product instance that it is about.
    pub udi: Udi,
    /// `report_id`
    pub id: ReportId,
    /// `entitlement_tag`
    pub tag: Word,
    /// `asset.name`
    pub software_tag: Word,
    /// Version and image train; absent with `license smart privacy version`.
    pub software_version: Option<Word>,
    /// `product_instance_identifier`, once trust exists.
    pub instance: Option<InstanceId>,
    /// `ha_udi`: the redundancy set, the active unit first; may be empty where the report leaves it out.
    pub units: Vec<Unit>,
    /// Oldest first.
    pub measurements: Vec<RumMeasurement>,
    /// Who signed it, as the report says.
    pub signer: RumSigner,
    /// The bytes that it came from; `None` when it was handed over in process: then there is nothing to verify.
    pub envelope: Option<Box<Envelope>>,
}

/// One stretch of constant usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RumMeasurement {
    /// First second.
    pub start: Wall,
    /// Last second.
    pub end: Wall,
    /// `num_samples`
    pub samples: u64,
    /// Licences in use.
    pub value: u32,
    /// `termination_reason`, or `close_reason`; unknown words are kept.
    pub reason: Option<Word>,
    /// `clock_change_delta`, in seconds.
    pub clock_change_s: Option<i64>,
}

/// Who signed a report (`spec/formats.md` §13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RumSigner {
    /// `builtin`: nothing but the software tag was known.
    Builtin,
    /// `SHA256`: the key of the ID certificate with this serial number.
    Id(u64),
    /// Another signing type, such as that of genuine hardware; its value cannot be checked.
    Other(Box<str>),
}

/// A report as it came (`spec/formats.md` §1.4). Never re-serialised: the signature covers the exact payload.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// The report itself.
    pub payload: Payload,
    /// `header`, where there is one.
    pub header: Option<serde_json::Value>,
    /// The outer signature.
    pub signature: Option<EnvelopeSignature>,
    /// Members that are not known, kept and written back unchanged.
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// The payload of an envelope.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// The exact text: its signature can be checked.
    Text(Box<str>),
    /// A JSON object, as Cisco's guide prints it: readable, but its signature cannot be checked.
    Object(serde_json::Value),
}

/// `signature` of an envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeSignature {
    /// `sudi`
    pub udi: Option<Udi>,
    /// `builtin`, `SHA256`, or a foreign word.
    pub signing_type: Box<str>,
    /// Software tag, or serial number of the ID certificate.
    pub key: Box<str>,
    /// Base64.
    pub value: Box<str>,
}

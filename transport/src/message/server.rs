//! From the peer to the device.

use std::sync::Arc;

use slpsim_agent::{Account, ElementFault, InstanceId, PollId, ReportId, ReportVerdict, TrustCode, Udi};
use slpsim_policy::{Policy, Wall};

use super::{AuthEntry, ConnectInfo, Nonce, RequestType, Word};

/// An answer, decoded (`spec/formats.md` §8.2).
#[derive(Clone, Debug, PartialEq)]
pub struct ServerMessage {
    /// That of the request.
    pub nonce: Nonce,
    /// The server's clock: what the device's clock is compared with.
    pub timestamp: Wall,
    /// That of the request.
    pub request_type: RequestType,
    /// The peer and its capabilities.
    pub connect_info: ConnectInfo,
    /// `product_instance_identifier` of the device, where it has one.
    pub instance: Option<InstanceId>,
    /// `status_code`
    pub status: StatusWord,
    /// Text beside it; the reason of a refusal.
    pub status_message: Word,
    /// `retry_time_seconds`; `None` or 0: the device's default.
    pub retry_time_s: Option<u32>,
    /// `response_data`
    pub data: ServerData,
}

/// The data of an answer; what is absent on the wire is absent here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServerData {
    /// Where the ACK can be fetched.
    pub poll_id: Option<PollId>,
    /// Seconds until then.
    pub poll_interval_s: Option<u32>,
    /// Smart and Virtual Account.
    pub account: Option<Account>,
    /// The account's policy, outside an ACK.
    pub policy: Option<Sealed<PolicyObject>>,
    /// Trust codes, outside an ACK.
    pub trust_codes: Vec<Sealed<TrustObject>>,
    /// `smart_license`: an ACK file, which may carry a policy and trust codes of its own.
    pub ack: Option<Sealed<AckObject>>,
    /// `smart_license` of an authorization answer (`mds9000`).
    pub auth: Vec<Sealed<AuthObject>>,
    /// A file that goes out as `smart_license` byte for byte, in place of one made from `ack` or `auth`: what a CSLU got
    /// from CSSM. Never set by reading, and of no meaning in process: there nothing comes from a CSSM by file.
    pub file: Option<Arc<str>>,
}

impl ServerMessage {
    /// The answer to the request with `nonce` and `request_type`, with a status and nothing else.
    #[must_use]
    pub fn bare(
        nonce: Nonce,
        request_type: RequestType,
        timestamp: Wall,
        connect_info: ConnectInfo,
        status: StatusWord,
    ) -> Self {
        Self {
            nonce,
            timestamp,
            request_type,
            connect_info,
            instance: None,
            status,
            status_message: Word::Borrowed(""),
            retry_time_s: None,
            data: ServerData::default(),
        }
    }
}

/// Status words (`spec/formats.md` §8.5). The words themselves stand in the wire profile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum StatusWord {
    /// `OK`: done, data inside.
    Ok,
    /// `OK_POLL`: come back with the poll id.
    OkPoll,
    /// `OK_TRY_AGAIN`: the server is busy.
    TryAgain,
    /// `NO DATA TO PROCESS`: nothing to do.
    NoData,
    /// `INVALID STATUS CODE`: refused; an unknown identity is refused so.
    Invalid,
    /// `FAILED`: refused.
    Failed,
    /// Any other word; the device takes it as a refusal (modelled).
    Other(Box<str>),
}

/// An object with a signature of its own: policy, trust code, ACK, authorization code (`spec/formats.md` §13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed<T> {
    /// When it was issued: its `timestamp`.
    pub issued: Wall,
    /// Read from a wire: what is wrong with it. To be written: what to make wrong with it (for faults).
    pub fault: Option<ElementFault>,
    /// The contents; `None` only where something unreadable was read.
    pub object: Option<T>,
}

impl<T> Sealed<T> {
    /// A good one.
    #[must_use]
    pub const fn good(issued: Wall, object: T) -> Self {
        Self { issued, fault: None, object: Some(object) }
    }

    /// The same with something wrong: a signature that does not verify, or contents that cannot be read.
    #[must_use]
    pub fn spoiled(self, fault: ElementFault) -> Self {
        Self { fault: Some(fault), ..self }
    }
}

/// A policy (`spec/formats.md` §4). The contents of its wire form are modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyObject {
    /// Its uuid.
    pub id: Word,
    /// What it asks for.
    pub policy: Policy,
    /// The account that it belongs to.
    pub account: Option<Account>,
}

/// A trust code (`spec/formats.md` §5). The contents of its wire form are modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustObject {
    /// What the device installs.
    pub code: TrustCode,
    /// Begin of validity: issue − 302 s.
    pub valid_from: Wall,
    /// ID certificate (PEM); absent in process, where nothing is signed. The device takes its identity's serial number
    /// from it.
    pub id_cert: Option<Box<str>>,
    /// The signer's certificate (PEM): how a device learns with whose key its peer signs.
    pub sub_ca: Option<Box<str>>,
    /// Nonce of the request that asked for it; absent where nobody asked.
    pub nonce: Option<Nonce>,
    /// The account that the device is in now.
    pub account: Option<Account>,
}

/// An ACK file (`spec/formats.md` §3). The contents of its wire form are modelled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AckObject {
    /// Whom it is for.
    pub udi: Udi,
    /// Nonce of the upload that it acknowledges.
    pub nonce: Option<Nonce>,
    /// The account that the device is in.
    pub account: Option<Account>,
    /// Uuid of the acknowledgement.
    pub transaction_id: Word,
    /// Verdict by report.
    pub reports: Vec<(ReportId, ReportVerdict)>,
    /// The account's policy (the mock always puts it in).
    pub policy: Option<Sealed<PolicyObject>>,
    /// Trust codes for units that have none.
    pub trust_codes: Vec<Sealed<TrustObject>>,
}

/// An authorization code (`spec/formats.md` §6, profile `mds9000`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthObject {
    /// Whom it is for.
    pub udi: Udi,
    /// `piid`
    pub instance: Option<InstanceId>,
    /// `flag`
    pub flag: Word,
    /// What it grants, with the display name of each.
    pub entitlements: Vec<(AuthEntry, Word)>,
}

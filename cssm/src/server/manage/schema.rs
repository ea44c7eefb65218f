//! What the management interface answers, as types: they are what is sent, and what its OpenAPI document describes.

use serde::Serialize;
use serde_json::Value;
use slpsim_policy::Wall;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

/// A call that cannot be fulfilled, and why, in one line.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct ErrorView {
    /// Who is to blame and what to do.
    pub(in crate::server) error: String,
}

/// The server serves.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthView {
    /// `ok` or `not ready`.
    pub(super) status: &'static str,
    /// Always: it answers.
    pub(super) alive: bool,
    /// Whether work can be sent here.
    pub(super) ready: bool,
    /// `cssm`, `cslu` or `on-prem`.
    pub(super) role: &'static str,
    /// What is wrong with the store, where something is.
    pub(super) store: Option<String>,
}

/// The process runs.
#[derive(Serialize, ToSchema)]
pub(super) struct LiveView {
    /// Always.
    pub(super) alive: bool,
}

/// A new id token.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenView {
    /// A secret.
    pub(super) idtoken: String,
}

/// An id token was taken back.
#[derive(Serialize, ToSchema)]
pub(super) struct RevokedView {
    /// Always true.
    pub(super) revoked: bool,
}

/// A Virtual Account.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountView {
    /// Its Smart Account.
    pub(super) smart_account: String,
    /// Its name.
    pub(super) virtual_account: String,
    /// `open` or `listed`.
    pub(super) membership: &'static str,
    /// UDIs that may join, where they are listed.
    pub(super) devices: Vec<String>,
    /// Name of its policy; without one its devices keep the Cisco default.
    #[schema(required)]
    pub(super) policy: Option<String>,
}

/// The policy that answers carry, in days; null keeps the Cisco default.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyView {
    /// Its name.
    pub(super) name: String,
    /// First report requirement.
    #[schema(required)]
    pub(super) first: Option<u16>,
    /// Ongoing reporting frequency.
    #[schema(required)]
    pub(super) ongoing: Option<u16>,
    /// Report on change.
    #[schema(required)]
    pub(super) on_change: Option<u16>,
    /// Whether a report needs an ACK.
    #[schema(required)]
    pub(super) ack_required: Option<bool>,
}

/// Something was deleted.
#[derive(Serialize, ToSchema)]
pub(super) struct DeletedView {
    /// How many.
    pub(super) deleted: usize,
}

/// A policy was deleted.
#[derive(Serialize, ToSchema)]
pub(super) struct PolicyDeletedView {
    /// Always true.
    pub(super) deleted: bool,
}

/// A product instance.
#[derive(Serialize, ToSchema)]
pub(super) struct DeviceView {
    /// As show commands print it.
    pub(super) udi: String,
    /// Product id.
    pub(super) pid: String,
    /// Serial number.
    pub(super) serial: String,
    /// As it last said; null with `license smart privacy hostname`.
    #[schema(required)]
    pub(super) hostname: Option<String>,
    /// As it last said.
    #[schema(required)]
    pub(super) software_tag: Option<String>,
    /// Where it belongs.
    #[schema(required)]
    pub(super) smart_account: Option<String>,
    /// Where it belongs.
    #[schema(required)]
    pub(super) virtual_account: Option<String>,
    /// RFC 3339.
    pub(super) first_seen: String,
    /// RFC 3339.
    pub(super) last_seen: String,
    /// The trust code that it was given last.
    #[schema(required)]
    pub(super) trust: Option<TrustView>,
    /// Pushes whose ACK waits, and the last ones that were fetched.
    pub(super) polls: Vec<PollView>,
    /// Authorizations that it holds.
    pub(super) authorized: Vec<AuthorizedView>,
}

/// A trust code.
#[derive(Serialize, ToSchema)]
pub(super) struct TrustView {
    /// `TrustId`.
    pub(super) trust_id: u32,
    /// The identity.
    pub(super) product_instance_identifier: String,
    /// Decimal number.
    pub(super) id_cert_serial_number: String,
    /// RFC 3339.
    pub(super) issued: String,
    /// RFC 3339.
    pub(super) valid_to: String,
}

/// A push.
#[derive(Serialize, ToSchema)]
pub(super) struct PollView {
    /// As given with `OK_POLL`.
    pub(super) poll_id: u64,
    /// RFC 3339.
    pub(super) received: String,
    /// Numbers of the reports in it.
    pub(super) reports: Vec<u64>,
    /// Whether its ACK was fetched.
    pub(super) acknowledged: bool,
}

/// An authorization.
#[derive(Serialize, ToSchema)]
pub(super) struct AuthorizedView {
    /// Entitlement tag.
    pub(super) entitlement: String,
    /// How many.
    pub(super) count: u32,
}

/// A RUM report.
#[derive(Serialize, ToSchema)]
pub(super) struct ReportView {
    /// UDI of the device that it measures.
    pub(super) device: String,
    /// Its number.
    pub(super) report_id: u64,
    /// Of the licence.
    pub(super) entitlement_tag: String,
    /// First second, RFC 3339.
    pub(super) start: String,
    /// Last second, RFC 3339.
    pub(super) end: String,
    /// Highest count.
    pub(super) count: u32,
    /// RFC 3339.
    pub(super) received: String,
    /// How often it came.
    pub(super) times: u32,
    /// `received`, `acknowledged` or `rejected`.
    pub(super) status: &'static str,
    /// The rule that it broke.
    #[schema(required)]
    pub(super) rule: Option<&'static str>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
pub(super) struct EventView {
    /// RFC 3339, by the server's clock.
    pub(super) at: String,
    /// Which.
    pub(super) event: &'static str,
    /// UDI, where a device is concerned.
    #[schema(required)]
    pub(super) device: Option<String>,
    /// Members by event.
    #[schema(required, value_type = Option<std::collections::BTreeMap<String, Value>>)]
    pub(super) detail: Value,
}

/// An exchange.
#[derive(Serialize, ToSchema)]
pub(super) struct ExchangeView {
    /// Since the start.
    pub(super) number: u64,
    /// RFC 3339, by the server's clock.
    pub(super) at: String,
    /// `smart`, `callhome`, `cslu`, `rest` or `file`.
    #[schema(required)]
    pub(super) route: Option<&'static str>,
    /// UDI, as far as it could be read.
    #[schema(required)]
    pub(super) device: Option<String>,
    /// As far as it could be read.
    #[schema(required)]
    pub(super) purpose: Option<&'static str>,
    /// A status word, `HTTP n`, or what a fault did.
    pub(super) answer: String,
    /// The rule that was broken.
    #[schema(required)]
    pub(super) rule: Option<&'static str>,
    /// The fault that changed the answer.
    #[schema(required)]
    pub(super) fault: Option<u64>,
    /// What arrived, cut to a limit, without id tokens.
    #[schema(required)]
    pub(super) request: Option<String>,
    /// What was answered, cut to a limit.
    #[schema(required)]
    pub(super) response: Option<String>,
}

/// How many records were taken.
#[derive(Serialize, ToSchema)]
pub(super) struct TakenView {
    /// Lines.
    pub(super) taken: usize,
}

/// What came back from Cisco.
#[derive(Serialize, ToSchema)]
pub(super) struct BroughtView {
    /// ACK files.
    pub(super) acks: usize,
    /// Pushes whose ACK can be fetched now.
    pub(super) pushes: usize,
    /// Whether a policy came along.
    pub(super) policy: bool,
}

/// The CSSM above.
#[derive(Serialize, ToSchema)]
pub(in crate::server) struct UpstreamView {
    /// Null: there is none.
    #[schema(required)]
    pub(in crate::server) url: Option<String>,
    /// Devices with reports that wait for CSSM.
    pub(in crate::server) waiting_devices: usize,
    /// Such reports.
    pub(in crate::server) waiting_reports: usize,
    /// Reports that were delivered since the start.
    pub(in crate::server) delivered: u64,
    /// What keeps it from being reached.
    #[schema(required)]
    pub(in crate::server) trouble: Option<String>,
}

/// A fault in force.
#[derive(Serialize, ToSchema)]
pub(super) struct FaultView {
    /// Its number.
    pub(super) id: u64,
    /// As it was written.
    pub(super) fault: crate::fault::FaultSpec,
    /// RFC 3339.
    pub(super) began: String,
    /// When it ends by itself, RFC 3339.
    pub(super) until: String,
    /// How many more exchanges it hits.
    #[schema(required)]
    pub(super) left: Option<u64>,
    /// Exchanges that it could have hit.
    pub(super) met: u64,
    /// Exchanges that it hit.
    pub(super) hit: u64,
}

/// The server's clock.
#[derive(Serialize, ToSchema)]
pub(super) struct ClockView {
    /// RFC 3339.
    pub(super) time: String,
    /// The same in milliseconds since 1970.
    pub(super) unix_ms: i64,
    /// Against true time, such as `-1h30m`.
    pub(super) skew: String,
}

/// When ACKs become ready.
#[derive(Serialize, ToSchema)]
pub(super) struct AckModeView {
    /// `at-once`, `delay` or `manual`.
    pub(super) mode: &'static str,
    /// With mode `delay`, such as `10m`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) delay: Option<String>,
}

/// ACKs that were made ready.
#[derive(Serialize, ToSchema)]
pub(super) struct ReleasedView {
    /// How many.
    pub(super) released: usize,
}

/// RFC 3339, with milliseconds where there are some; a time that has no such form, in milliseconds since 1970.
pub(super) fn time_text(at: Wall) -> String {
    let nanos = i128::from(at.0).saturating_mul(1_000_000);
    let text =
        OffsetDateTime::from_unix_timestamp_nanos(nanos).ok().and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| at.0.to_string())
}

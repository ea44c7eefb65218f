//! A configuration with every default filled in and every reference followed, except into files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use slpsim_agent::{ProfileId, Settings, Spelling, Token, Udi};
use slpsim_network::{IpSettings, World};
use slpsim_policy::Policy;

pub use crate::kind::{SPEED_MAX, Speed, Start};
pub use crate::secret::Secret;

/// Everything that a daemon is told by its file and by `--set`.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Decides everything that is random; chosen by the machine where there is none.
    pub seed: Option<u64>,
    /// Simulated seconds in a second.
    pub speed: Speed,
    /// When simulated time begins.
    pub start: Start,
    /// State folder; the XDG state folder where there is none.
    pub state: Option<PathBuf>,
    /// Control socket; in the state folder where there is none.
    pub control: Option<PathBuf>,
    /// Written once everything listens.
    pub ready_file: Option<PathBuf>,
    /// Ready file of the process whose clock is shared.
    pub clock_from: Option<PathBuf>,
    /// Destinations outside this machine may be reached.
    pub allow_external: bool,
    /// Health listener.
    pub health: Option<SocketAddr>,
    /// Listener for Prometheus.
    pub metrics: Option<SocketAddr>,
    /// The product instances; at least one.
    pub devices: Vec<Device>,
    /// The simulated network.
    pub world: World,
    /// The mock to embed, or to be.
    pub mock: Option<Mock>,
    /// Who may log in.
    pub users: Vec<User>,
    /// Where log lines go; empty: to standard output.
    pub sinks: Vec<Sink>,
}

/// A product instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// What `--device` calls it; unique.
    pub name: String,
    /// Host name.
    pub hostname: String,
    /// Platform.
    pub profile: ProfileId,
    /// Its identity; unique.
    pub udi: Udi,
    /// The second supervisor, where there is one.
    pub standby: Option<Udi>,
    /// Time zone, as `slpsim_logs::Zone` reads it.
    pub timezone: String,
    /// What the agent acts on.
    pub settings: Settings,
    /// The other licensing settings.
    pub licensing: Licensing,
    /// Root certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// Whether licensing objects must be signed under a trusted root.
    pub verify: Verify,
    /// The id token entered at boot.
    pub idtoken: Option<IdToken>,
    /// Console lines executed at boot.
    pub startup_config: Option<PathBuf>,
    /// Licences in use from boot, by position in the profile's list.
    pub licenses: Vec<LicenseUse>,
    /// Boots as if upgraded from classic Smart Licensing, registered with an On-Prem.
    pub upgraded: bool,
    /// How the CSLU is spelled.
    pub spelling: Spelling,
    /// Field names and words of the wire format.
    pub wire_profile: Option<PathBuf>,
    /// What the switch knows of the network.
    pub ip: IpSettings,
    /// Where its console listens for SSH.
    pub ssh: Option<SocketAddr>,
    /// Where NX-API listens over HTTP.
    pub nxapi: Option<SocketAddr>,
    /// Where NX-API listens over HTTPS.
    pub nxapi_https: Option<SocketAddr>,
}

/// Licensing settings that only the console and the transport look at (`spec/behaviour.md` §1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licensing {
    /// URL of transport smart; may be empty.
    pub url_smart: String,
    /// URL of transport callhome; may be empty.
    pub url_callhome: String,
    /// URL of transport cslu; `cslu-local` means discovery.
    pub url_cslu: String,
    /// VRF.
    pub vrf: String,
    /// Source interface.
    pub source_interface: Option<String>,
    /// Proxy: name or address.
    pub proxy_address: Option<String>,
    /// Proxy: port.
    pub proxy_port: u16,
    /// Proxy: user name and password; for whichever proxy the switch is configured with.
    pub proxy_login: Option<ProxyLogin>,
    /// Custom id.
    pub custom_id: Option<String>,
    /// The host name is left out of what is sent.
    pub privacy_hostname: bool,
    /// The software version is left out of what is sent.
    pub privacy_version: bool,
}

/// What a proxy is told of a device. NX-OS has no setting for it: the model of `spec/behaviour.md` §1 knows the proxy's
/// address and port alone, and so does the command. So it stands in the configuration file (modelled).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyLogin {
    /// User name, without a colon or control characters.
    pub user: Secret,
    /// Password, without control characters.
    pub password: Secret,
}

/// What a device or mock demands of signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// A chain to the root.
    #[default]
    Root,
    /// Nothing.
    Off,
}

/// Where the id token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdToken {
    /// Here.
    Given(Token),
    /// In this file.
    File(PathBuf),
}

/// A licence in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicenseUse {
    /// Position in the profile's list.
    pub license: u8,
    /// How many.
    pub count: u32,
}

/// How much of the past a mock keeps; what is absent has the mock's own limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// Reports.
    pub reports: Option<usize>,
    /// How long.
    pub reports_for: Option<Duration>,
    /// Events.
    pub events: Option<usize>,
    /// Exchanges.
    pub requests: Option<usize>,
}

/// Where a mock keeps what it knows, as written: a folder or a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePlace {
    /// A URL may have a password in it.
    pub text: Secret,
    /// A relative path is relative to this.
    pub base: PathBuf,
}

/// A mock to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Mock {
    /// What it plays.
    pub role: MockRole,
    /// The CSSM behind a CSLU or On-Prem.
    pub upstream: Option<String>,
    /// Certificates of that CSSM.
    pub upstream_ca: Option<PathBuf>,
    /// An On-Prem of before usage policies.
    pub down_rev: bool,
    /// Capability words in place of those of its role.
    pub capabilities: Option<Vec<String>>,
    /// Refuses requests whose clock is an hour or more off.
    pub strict_clock: bool,
    /// Whether signatures of reports are verified.
    pub verify: Verify,
    /// Where it keeps what it knows.
    pub store: Option<StorePlace>,
    /// HTTPS listener.
    pub listen: SocketAddr,
    /// HTTP listener.
    pub listen_plain: SocketAddr,
    /// Management listener.
    pub listen_manage: SocketAddr,
    /// Management without a token.
    pub manage_open: bool,
    /// The pages want a log-in on loopback as well.
    pub always_log_in: bool,
    /// When ACKs become ready.
    pub acks: AckMode,
    /// How much of the past it keeps.
    pub keep: Keep,
    /// Accounts that exist from the start, the default one first; empty: those of the default world.
    pub accounts: Vec<Account>,
}

/// What a mock plays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MockRole {
    /// CSSM.
    #[default]
    Cssm,
    /// CSLU.
    Cslu,
    /// SSM On-Prem.
    OnPrem,
}

/// When ACKs become ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AckMode {
    /// At the first poll.
    #[default]
    AtOnce,
    /// So long after the report.
    Delay(Duration),
    /// When they are released.
    Manual,
}

/// An account of a mock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Smart Account.
    pub smart: String,
    /// Virtual Account.
    pub r#virtual: String,
    /// The policy that answers carry.
    pub policy: Option<Policy>,
}

/// Somebody who may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name; unique.
    pub name: String,
    /// How they prove who they are with a password; none where they have keys only.
    pub credential: Option<Credential>,
    /// Public keys, one a line of OpenSSH's form.
    pub keys: Vec<String>,
    /// Whether they may change things (`network-admin`).
    pub admin: bool,
}

/// How a user logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// With this password.
    Password(Secret),
    /// With the password of this hash.
    Hash(Secret),
}

/// Where log lines go. Words are those of the types in `slpsim_logs`, which reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// `slpsim_logs::SinkUrl`
    pub url: String,
    /// `slpsim_logs::Form`
    pub form: Option<String>,
    /// `slpsim_logs::Framing`
    pub framing: Option<String>,
    /// `slpsim_logs::Origin`
    pub origin_id: Option<String>,
    /// `slpsim_logs::Precision`
    pub timestamp: Option<String>,
    /// `slpsim_logs::Repeat`
    pub repeat: Option<String>,
    /// `slpsim_logs::Facility`
    pub facility: Option<String>,
    /// Longer lines are cut, in bytes.
    pub max_bytes: Option<usize>,
}

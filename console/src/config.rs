//! The running configuration of a switch (`spec/behaviour.md` §1, `spec/console.md` §2).
//!
//! [`Config::bare`] is a switch without any configuration; every other setting is a line of
//! `show running-config`. [`Config::default`] is what a switch boots with first: bare, plus a name server, an NTP
//! server and Call Home ready to send (`interface.md` §1 "Network").

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use slpsim_agent::{Settings, TransportMode};
use slpsim_network::{DEFAULT_NTP_SERVER, IpSettings, Network, Source, World};
use slpsim_policy::numbers;

use crate::calendar::Zone;

mod logging;
mod running;

pub use logging::{FACILITY, LogServer, Logging, OriginId, SERVER_SEVERITY, SERVERS_MAX, Timestamp};
pub use running::Section;

/// CSLU URL that means discovery (`spec/behaviour.md` §7.1).
pub const CSLU_DISCOVERY: &str = "cslu-local";
/// Default of `license smart url smart` (V).
pub const SMART_URL: &str = "https://smartreceiver.cisco.com/licservice/license";
/// Default destination of Call Home profile `CiscoTAC-1` (S).
pub const CALLHOME_URL: &str = "https://tools.cisco.com/its/service/oddce/services/DDCEService";
/// Default of `license smart vrf` (V).
pub const VRF: &str = "management";
/// The VRF of configuration lines that name none.
pub const DEFAULT_VRF: &str = "default";
/// The one profile of Call Home that licensing uses (S).
pub const CALLHOME_PROFILE: &str = "CiscoTAC-1";
/// The contact that licensing sets when none is there, so that Call Home can be enabled (modelled).
pub const CALLHOME_CONTACT: &str = "sch-smart-licensing@cisco.com";

/// Everything that configuration commands set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `hostname`.
    pub hostname: String,
    /// `license smart …`.
    pub smart: Smart,
    /// `callhome`.
    pub callhome: Callhome,
    /// `ip name-server`, `ip domain name`, `interface`, `vrf context`.
    pub ip: IpSettings,
    /// `ip http client source-interface`.
    pub http_source_interface: Option<String>,
    /// `ntp server`, in the order typed.
    pub ntp: Vec<NtpServer>,
    /// `clock timezone`.
    pub zone: Zone,
    /// `feature`: those that are on.
    pub features: BTreeSet<&'static str>,
    /// `logging`.
    pub logging: Logging,
    /// `line console` and `line vty`.
    pub lines: Lines,
}

/// The settings of Smart Licensing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Smart {
    /// `transport`.
    pub transport: TransportMode,
    /// `url cslu`; [`CSLU_DISCOVERY`] means discovery.
    pub cslu_url: String,
    /// `url smart`.
    pub smart_url: String,
    /// `usage interval`, in days.
    pub usage_interval_days: u16,
    /// `privacy hostname`.
    pub privacy_hostname: bool,
    /// `privacy version`.
    pub privacy_version: bool,
    /// `proxy address`.
    pub proxy_address: Option<String>,
    /// `proxy port`.
    pub proxy_port: Option<u16>,
    /// `vrf`.
    pub vrf: String,
    /// `source-interface`.
    pub source_interface: Option<String>,
    /// `custom_id`.
    pub custom_id: Option<String>,
}

/// Call Home, as far as licensing uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callhome {
    /// `enable`; needs a contact (V).
    pub enabled: bool,
    /// `email-contact`.
    pub contact: Option<String>,
    /// Destination URL of profile `CiscoTAC-1`.
    pub url: String,
    /// Whether profile `CiscoTAC-1` sends by HTTP, that is whether it is active for licensing (modelled).
    pub profile_active: bool,
    /// `transport http use-vrf`.
    pub vrf: Option<String>,
}

/// One `ntp server` line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NtpServer {
    /// Address or name.
    pub server: String,
    /// `version`, 1 to 4; the chapter's example has it (S-22), NX-OS 10.x itself does not print it.
    pub version: Option<u8>,
    /// `prefer`.
    pub prefer: bool,
    /// `use-vrf`.
    pub vrf: Option<String>,
}

impl NtpServer {
    /// Whether it answers.
    #[must_use]
    pub fn answers(&self, network: &Network) -> bool {
        let source = Source { vrf: self.vrf.as_deref().unwrap_or(VRF), interface: None };
        network.ntp_answers(&self.server, source)
    }
}

/// Session limits of the two kinds of lines, in minutes; `None` is the default, 0 is without limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lines {
    /// `exec-timeout` under `line console`.
    pub console_timeout_min: Option<u32>,
    /// `exec-timeout` under `line vty`.
    pub vty_timeout_min: Option<u32>,
}

impl Default for Smart {
    fn default() -> Self {
        Self {
            transport: TransportMode::default(),
            cslu_url: CSLU_DISCOVERY.to_string(),
            smart_url: SMART_URL.to_string(),
            usage_interval_days: numbers::DEFAULT_USER_INTERVAL_DAYS,
            privacy_hostname: false,
            privacy_version: false,
            proxy_address: None,
            proxy_port: None,
            vrf: VRF.to_string(),
            source_interface: None,
            custom_id: None,
        }
    }
}

impl Callhome {
    /// Nothing set.
    #[must_use]
    pub fn bare() -> Self {
        Self { enabled: false, contact: None, url: CALLHOME_URL.to_string(), profile_active: true, vrf: None }
    }
}

impl Config {
    /// No configuration at all.
    #[must_use]
    pub fn bare() -> Self {
        Self {
            hostname: "switch".to_string(),
            smart: Smart::default(),
            callhome: Callhome::bare(),
            ip: IpSettings { name_servers: Vec::new(), ..IpSettings::default() },
            http_source_interface: None,
            ntp: Vec::new(),
            zone: Zone::default(),
            features: BTreeSet::new(),
            logging: Logging::default(),
            lines: Lines::default(),
        }
    }

    /// The part that the agent acts on.
    #[must_use]
    pub const fn settings(&self) -> Settings {
        Settings { transport: self.smart.transport, usage_interval_days: self.smart.usage_interval_days }
    }

    /// The network around a switch with this configuration.
    #[must_use]
    pub fn network(&self, world: &Arc<World>) -> Network {
        Network::new(world.clone(), self.ip.clone())
    }

    /// Where an exchange of the licensing agent begins: the interface of `license smart`, else that of the HTTP
    /// client; Call Home has a VRF of its own.
    #[must_use]
    pub fn source(&self) -> Source<'_> {
        let interface = self.smart.source_interface.as_ref().or(self.http_source_interface.as_ref());
        let vrf = match (self.smart.transport, &self.callhome.vrf) {
            (TransportMode::Callhome, Some(vrf)) => vrf,
            (TransportMode::Callhome, None)
            | (TransportMode::Smart | TransportMode::Cslu | TransportMode::Off, _) => &self.smart.vrf,
        };
        Source { vrf, interface: interface.map(String::as_str) }
    }

    /// Whether one of the NTP servers answers, so that the clock follows it.
    #[must_use]
    pub fn ntp_answers(&self, network: &Network) -> bool {
        self.ntp.iter().any(|server| server.answers(network))
    }

    /// URL of the transport in use, as configured; none where the transport is off.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        match self.smart.transport {
            TransportMode::Smart => Some(&self.smart.smart_url),
            TransportMode::Cslu => Some(&self.smart.cslu_url),
            TransportMode::Callhome => Some(&self.callhome.url),
            TransportMode::Off => None,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        let server = DEFAULT_NTP_SERVER.to_string();
        Self {
            callhome: Callhome {
                enabled: true,
                contact: Some(CALLHOME_CONTACT.to_string()),
                vrf: Some(VRF.to_string()),
                ..Callhome::bare()
            },
            ip: IpSettings::default(),
            ntp: Vec::from([NtpServer { server, version: None, prefer: false, vrf: Some(VRF.to_string()) }]),
            ..Self::bare()
        }
    }
}

/// Whether `name` may be a host name: `[A-Za-z0-9_.-]`, at most 63 characters (`spec/console.md` §1).
#[must_use]
pub fn is_hostname(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

//! `show running-config`: the lines that lead from a bare switch to this one.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use slpsim_network::Interface;

use crate::calendar::{MONTHS, WEEKDAYS, YearDay, Zone};

use super::{CALLHOME_PROFILE, CALLHOME_URL, Callhome, Config, DEFAULT_VRF, NtpServer, Smart};

/// A part of the configuration; the word behind `show running-config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// Host name.
    Hostname,
    /// Features.
    Feature,
    /// Clock.
    Clock,
    /// Names and HTTP client.
    Ip,
    /// Log.
    Logging,
    /// NTP.
    Ntp,
    /// Call Home.
    Callhome,
    /// Smart Licensing.
    License,
    /// Interfaces.
    Interface,
    /// VRF contexts; behind the interfaces, whose VRF they set a gateway for.
    Vrf,
    /// Lines.
    Line,
}

impl Section {
    /// All sections, in the order in which a switch lists them. Where Smart Licensing stands is modelled, and VRF contexts
    /// stand before interfaces there.
    pub const ALL: [Self; 11] = [
        Self::Hostname,
        Self::Feature,
        Self::Ip,
        Self::Callhome,
        Self::License,
        Self::Ntp,
        Self::Interface,
        Self::Vrf,
        Self::Clock,
        Self::Line,
        Self::Logging,
    ];

    /// The keyword.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Hostname => "hostname",
            Self::Feature => "feature",
            Self::Clock => "clock",
            Self::Ip => "ip",
            Self::Logging => "logging",
            Self::Ntp => "ntp",
            Self::Vrf => "vrf",
            Self::Callhome => "callhome",
            Self::License => "license",
            Self::Interface => "interface",
            Self::Line => "line",
        }
    }
}

impl Config {
    /// The lines of one section. Entered in configuration mode on a bare switch, they give this configuration.
    #[must_use]
    pub fn lines_of(&self, section: Section) -> Vec<String> {
        let bare = Self::bare();
        match section {
            Section::Hostname if self.hostname == bare.hostname => Vec::new(),
            Section::Hostname => Vec::from([format!("hostname {}", self.hostname)]),
            Section::Feature => self.features.iter().map(|feature| format!("feature {feature}")).collect(),
            Section::Clock => clock_lines(&self.zone),
            Section::Ip => ip_lines(self),
            Section::Logging => self.logging.lines(),
            Section::Ntp => self.ntp.iter().map(ntp_line).collect(),
            Section::Vrf => vrf_lines(self),
            Section::Callhome => callhome_lines(&self.callhome),
            Section::License => license_lines(&self.smart),
            Section::Interface => interface_lines(self, &bare),
            Section::Line => line_lines(self),
        }
    }

    /// The whole configuration, as `copy running-config startup-config` keeps it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let lines = Section::ALL.into_iter().flat_map(|section| self.lines_of(section));
        lines.fold(String::new(), |text, line| text + &line + "\n")
    }
}

fn clock_lines(zone: &Zone) -> Vec<String> {
    let mut lines = Vec::new();
    let bare = Zone::default();
    if (zone.offset_min, &zone.abbreviation) != (bare.offset_min, &bare.abbreviation) {
        // The sign belongs to both numbers: -3 30 is three and a half hours west, -0 30 is half an hour.
        let sign = if zone.offset_min < 0 { "-" } else { "" };
        let minutes = zone.offset_min.unsigned_abs();
        lines.push(format!("clock timezone {} {sign}{} {}", zone.abbreviation, minutes / 60, minutes % 60));
    }
    if let Some(summer) = &zone.summer {
        let [start, end] = [summer.start, summer.end].map(year_day);
        lines.push(format!("clock summer-time {} {start} {end} {}", summer.abbreviation, summer.offset_min));
    }
    lines
}

/// `5 Sun Mar 02:00`.
fn year_day(day: YearDay) -> String {
    let name = |names: &[&'static str], at: u8| names.get(usize::from(at)).copied().unwrap_or("???");
    let (weekday, month) = (name(&WEEKDAYS, day.weekday), name(&MONTHS, day.month.wrapping_sub(1)));
    format!("{} {weekday} {month} {:02}:{:02}", day.week, day.hour, day.minute)
}

fn ip_lines(config: &Config) -> Vec<String> {
    let domain = config.ip.domain.iter().map(|domain| format!("ip domain name {domain}"));
    let servers = config.ip.name_servers.iter().map(|server| format!("ip name-server {server}"));
    let http = config.http_source_interface.iter();
    let http = http.map(|interface| format!("ip http client source-interface {interface}"));
    let of_vrf = |(vrf, servers): (&String, &Vec<IpAddr>)| {
        let line = |server: &IpAddr| format!("ip name-server {server} use-vrf {vrf}");
        servers.iter().map(line).collect::<Vec<_>>()
    };
    let of_vrfs = config.ip.vrf_name_servers.iter().flat_map(of_vrf);
    domain.chain(servers).chain(of_vrfs).chain(http).collect()
}

fn ntp_line(server: &NtpServer) -> String {
    let mut line = format!("ntp server {}", server.server);
    if let Some(version) = server.version {
        line += &format!(" version {version}");
    }
    if server.prefer {
        line += " prefer";
    }
    if let Some(vrf) = &server.vrf {
        line += &format!(" use-vrf {vrf}");
    }
    line
}

fn vrf_lines(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    for interface in &config.ip.interfaces {
        let shipped = shipped(interface).and_then(|shipped| shipped.gateway);
        if interface.gateway == shipped {
            continue;
        }
        let indent = if interface.vrf == DEFAULT_VRF { "" } else { "  " };
        if !indent.is_empty() {
            lines.push(format!("vrf context {}", interface.vrf));
        }
        lines.push(match interface.gateway {
            Some(gateway) => format!("{indent}ip route 0.0.0.0/0 {gateway}"),
            None => format!("{indent}no ip route 0.0.0.0/0"),
        });
    }
    lines
}

fn callhome_lines(callhome: &Callhome) -> Vec<String> {
    if *callhome == Callhome::bare() {
        return Vec::new();
    }
    let mut lines = Vec::from(["callhome".to_string()]);
    if let Some(contact) = &callhome.contact {
        lines.push(format!("  email-contact {contact}"));
    }
    if callhome.url != CALLHOME_URL {
        lines.push(format!("  destination-profile {CALLHOME_PROFILE} http {}", callhome.url));
    }
    if !callhome.profile_active {
        lines.push(format!("  no destination-profile {CALLHOME_PROFILE} transport-method http"));
    }
    if let Some(vrf) = &callhome.vrf {
        lines.push(format!("  transport http use-vrf {vrf}"));
    }
    if callhome.enabled {
        lines.push("  enable".to_string());
    }
    lines
}

fn license_lines(smart: &Smart) -> Vec<String> {
    let default = Smart::default();
    let mut lines = Vec::new();
    let mut add = |differs: bool, rest: String| {
        if differs {
            lines.push(format!("license smart {rest}"));
        }
    };
    add(smart.transport != default.transport, format!("transport {}", smart.transport));
    add(smart.smart_url != default.smart_url, format!("url smart {}", smart.smart_url));
    add(smart.cslu_url != default.cslu_url, format!("url cslu {}", smart.cslu_url));
    let interval = smart.usage_interval_days;
    add(interval != default.usage_interval_days, format!("usage interval {interval}"));
    add(smart.privacy_hostname, "privacy hostname".to_string());
    add(smart.privacy_version, "privacy version".to_string());
    let proxy = smart.proxy_address.as_ref();
    add(proxy.is_some(), format!("proxy address {}", proxy.map_or("", String::as_str)));
    add(smart.proxy_port.is_some(), format!("proxy port {}", smart.proxy_port.unwrap_or_default()));
    add(smart.vrf != default.vrf, format!("vrf {}", smart.vrf));
    let source = smart.source_interface.as_ref();
    add(source.is_some(), format!("source-interface {}", source.map_or("", String::as_str)));
    let custom = smart.custom_id.as_ref();
    add(custom.is_some(), format!("custom_id {}", custom.map_or("", String::as_str)));
    lines
}

/// Where an interface differs from what it ships with, it is listed whole, so that other tools find what they look for.
fn interface_lines(config: &Config, bare: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    for interface in &config.ip.interfaces {
        let shipped = bare.ip.interface(&interface.name);
        lines.push(format!("interface {}", interface.name));
        lines.push(format!("  vrf member {}", interface.vrf));
        match interface.address {
            Some(address) => lines.push(format!("  ip address {address}")),
            None if shipped.is_some_and(|shipped| shipped.address.is_some()) => {
                lines.push("  no ip address".to_string());
            }
            None => {}
        }
        if interface.shut {
            lines.push("  shutdown".to_string());
        }
    }
    lines
}

fn line_lines(config: &Config) -> Vec<String> {
    let one = |name: &str, timeout: Option<u32>| {
        timeout.map(|timeout| [format!("line {name}"), format!("  exec-timeout {timeout}")])
    };
    let console = one("console", config.lines.console_timeout_min);
    let vty = one("vty", config.lines.vty_timeout_min);
    console.into_iter().chain(vty).flatten().collect()
}

fn shipped(interface: &Interface) -> Option<Interface> {
    let shipped = Interface::mgmt0();
    interface.name.eq_ignore_ascii_case(&shipped.name).then_some(shipped)
}

//! `logging …`: which lines go where, and in which form (`spec/logs.md` §2, §3, §5).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Severity up to which a server gets lines that names none (notifications).
pub const SERVER_SEVERITY: u8 = 5;
/// Most servers (V).
pub const SERVERS_MAX: usize = 8;
/// Facility of a server that names none: `local7` (V).
pub const FACILITY: u8 = 7;

/// The settings of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// `logging console`: highest severity number that the console shows; `None`: nothing.
    pub console: Option<u8>,
    /// `logging monitor`: the same for sessions.
    pub monitor: Option<u8>,
    /// `logging server`, in the order typed.
    pub servers: Vec<LogServer>,
    /// `logging origin-id`.
    pub origin: OriginId,
    /// `logging timestamp`.
    pub timestamp: Timestamp,
    /// `logging rfc-strict 5424`.
    pub rfc5424: bool,
}

/// One `logging server` line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LogServer {
    /// Address or name.
    pub server: String,
    /// Highest severity number that is sent.
    pub severity: u8,
    /// Port.
    pub port: u16,
    /// Number of the facility, `local0` to `local7`.
    pub facility: u8,
    /// `use-vrf`.
    pub vrf: Option<String>,
}

/// What stands before the time stamp of remote lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum OriginId {
    /// Nothing: the switch's own default.
    #[default]
    None,
    /// The host name.
    Hostname,
    /// The address of the management interface.
    Ip,
    /// A text.
    Text(String),
}

/// Fraction of the time stamps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Timestamp {
    /// None.
    #[default]
    Seconds,
    /// Three digits.
    Milliseconds,
    /// Six digits.
    Microseconds,
}

impl Timestamp {
    /// All, in the order of the command's keywords.
    pub const ALL: [Self; 3] = [Self::Seconds, Self::Milliseconds, Self::Microseconds];

    /// The keyword.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
        }
    }
}

impl Default for Logging {
    /// Console and sessions show severities up to 6, so that every line of licensing is seen (`spec/logs.md` §3, modelled).
    fn default() -> Self {
        Self {
            console: Some(6),
            monitor: Some(6),
            servers: Vec::new(),
            origin: OriginId::None,
            timestamp: Timestamp::Seconds,
            rfc5424: false,
        }
    }
}

impl LogServer {
    /// A server with nothing but its name.
    #[must_use]
    pub fn new(server: &str) -> Self {
        let (server, severity, port) = (server.to_string(), SERVER_SEVERITY, 514);
        Self { server, severity, port, facility: FACILITY, vrf: None }
    }

    fn line(&self) -> String {
        let mut line = format!("logging server {} {}", self.server, self.severity);
        if self.port != 514 {
            line += &format!(" port {}", self.port);
        }
        if self.facility != FACILITY {
            line += &format!(" facility local{}", self.facility);
        }
        if let Some(vrf) = &self.vrf {
            line += &format!(" use-vrf {vrf}");
        }
        line
    }
}

impl Logging {
    /// The lines that lead here from the default.
    pub(super) fn lines(&self) -> Vec<String> {
        let default = Self::default();
        let mut lines = Vec::new();
        for (name, now, shipped) in
            [("console", self.console, default.console), ("monitor", self.monitor, default.monitor)]
        {
            match now {
                _ if now == shipped => {}
                Some(severity) => lines.push(format!("logging {name} {severity}")),
                None => lines.push(format!("no logging {name}")),
            }
        }
        match &self.origin {
            OriginId::None => {}
            OriginId::Hostname => lines.push("logging origin-id hostname".to_string()),
            OriginId::Ip => lines.push("logging origin-id ip".to_string()),
            OriginId::Text(text) => lines.push(format!("logging origin-id string {text}")),
        }
        lines.extend(self.servers.iter().map(LogServer::line));
        if self.timestamp != default.timestamp {
            lines.push(format!("logging timestamp {}", self.timestamp.keyword()));
        }
        if self.rfc5424 {
            lines.push("logging rfc-strict 5424".to_string());
        }
        lines
    }
}

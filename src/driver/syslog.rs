//! `logging server`: lines that a switch sends by itself, over UDP, through its own network (`spec/logs.md` §3, S-01).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use slpsim_agent::{Message, Spelling};
use slpsim_console::config::{self, Config, LogServer, OriginId, Timestamp};
use slpsim_logs::{Facility, Form, Formatter, Line, Options, Origin, Precision, Repeated, UDP_MAX_BYTES};
use slpsim_network::{Network, Source};
use slpsim_policy::Wall;
use slpsim_sim::zone_at;

/// Facilities by the number of `facility localN`.
const FACILITIES: [Facility; 8] = [
    Facility::Local0,
    Facility::Local1,
    Facility::Local2,
    Facility::Local3,
    Facility::Local4,
    Facility::Local5,
    Facility::Local6,
    Facility::Local7,
];

/// Sends the lines of one device. Nothing waits for it: what a server does not take is lost, as over UDP.
#[derive(Debug)]
pub(super) struct Syslog {
    spelling: Spelling,
    sequence: u64,
    /// The trouble with each server that was told, while it lasts.
    told: BTreeMap<String, String>,
}

impl Syslog {
    pub(super) const fn new(spelling: Spelling) -> Self {
        Self { spelling, sequence: 0, told: BTreeMap::new() }
    }

    /// Sends a message to each server that wants its severity and can be reached now.
    pub(super) fn say(&mut self, at: Wall, message: &Message, config: &Config, network: &Network) {
        if config.logging.servers.is_empty() {
            return;
        }
        self.sequence += 1;
        let severity = message.row().nxos.severity.digit();
        for server in config.logging.servers.iter().filter(|server| severity <= server.severity) {
            let source = Source { vrf: server.vrf.as_deref().unwrap_or(config::VRF), interface: None };
            let sent = network
                .destination_from(&server.server, server.port, source)
                .map_err(|error| error.to_string())
                .and_then(|to| {
                    self.send(to, at, message, (config, server)).map_err(|error| error.to_string())
                });
            let trouble = sent.err();
            if self.is_new(&server.server, trouble.as_deref())
                && let Some(why) = trouble
            {
                tracing::warn!("logging server {}: {why}", server.server);
            }
        }
    }

    fn send(
        &self,
        to: SocketAddr,
        at: Wall,
        message: &Message,
        (config, server): (&Config, &LogServer),
    ) -> std::io::Result<()> {
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        let address = config.ip.own_address().map(|address| address.to_string());
        let mut formatter = Formatter::new(self.options(config, server));
        let line = formatter.format(&Line {
            at,
            zone: zone_at(&config.zone, at),
            host: Some(&config.hostname),
            address: address.as_deref(),
            sequence: self.sequence,
            message,
            repeated: Repeated::No,
        });
        socket.send_to(line, to).map(drop)
    }

    fn options(&self, config: &Config, server: &LogServer) -> Options {
        let logging = &config.logging;
        Options {
            form: if logging.rfc5424 { Form::Rfc5424 } else { Form::Nxos },
            origin: match &logging.origin {
                OriginId::None => Origin::None,
                OriginId::Hostname => Origin::Hostname,
                OriginId::Ip => Origin::Ip,
                OriginId::Text(text) => Origin::Text(text.as_str().into()),
            },
            precision: match logging.timestamp {
                Timestamp::Seconds => Precision::Seconds,
                Timestamp::Milliseconds => Precision::Milliseconds,
                Timestamp::Microseconds => Precision::Microseconds,
            },
            facility: FACILITIES.get(usize::from(server.facility)).copied().unwrap_or(Facility::Local7),
            spelling: self.spelling,
            max_bytes: Some(UDP_MAX_BYTES),
        }
    }

    /// Whether a trouble has not been told yet while it lasts. It is for the operator of this program; a switch says
    /// nothing.
    fn is_new(&mut self, server: &str, trouble: Option<&str>) -> bool {
        let told = self.told.get(server).map(String::as_str);
        let new = trouble.is_some() && told != trouble;
        match trouble {
            Some(why) if new => drop(self.told.insert(server.to_owned(), why.to_owned())),
            Some(_) => {}
            None => drop(self.told.remove(server)),
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trouble_is_told_once_for_each_server_while_it_lasts() {
        let mut syslog = Syslog::new(Spelling::default());
        for (server, trouble, new) in [
            ("a", Some("no route"), true),
            ("b", None, false),
            ("a", Some("no route"), false),
            ("b", Some("no route"), true),
            ("a", Some("no name"), true),
            ("a", None, false),
            ("a", Some("no name"), true),
        ] {
            assert_eq!(syslog.is_new(server, trouble), new, "{server}: {trouble:?}");
        }
    }
}

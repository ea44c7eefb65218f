//! `logging server`: lines that a switch sends by itself, over UDP, through its own network (`spec/logs.md` §3, S-01).

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use slpsim_agent::{Message, Spelling};
use slpsim_console::config::{self, Config, LogServer, OriginId, Timestamp};
use slpsim_logs::{Facility, Form, Formatter, Line, Options, Origin, Precision, Repeated, UDP_MAX_BYTES};
use slpsim_network::{Source, World};
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
    /// The last trouble that was told.
    trouble: Option<String>,
}

impl Syslog {
    pub(super) const fn new(spelling: Spelling) -> Self {
        Self { spelling, sequence: 0, trouble: None }
    }

    /// Sends a message to each server that wants its severity and can be reached now.
    pub(super) fn say(&mut self, at: Wall, message: &Message, config: &Config, world: &Arc<World>) {
        if config.logging.servers.is_empty() {
            return;
        }
        self.sequence += 1;
        let severity = message.row().nxos.severity.digit();
        let network = config.network(world);
        for server in config.logging.servers.iter().filter(|server| severity <= server.severity) {
            let source = Source { vrf: server.vrf.as_deref().unwrap_or(config::VRF), interface: None };
            let sent = network
                .destination_from(&server.server, server.port, source)
                .map_err(|error| error.to_string())
                .and_then(|to| {
                    self.send(to, at, message, (config, server)).map_err(|error| error.to_string())
                });
            self.tell(sent.err().map(|why| format!("logging server {}: {why}", server.server)));
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
        let interfaces = config.ip.interfaces.iter().filter(|interface| interface.is_usable());
        let address = interfaces.filter_map(|interface| interface.address).next();
        let address = address.map(|net| net.address.to_string());
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

    /// Once for each trouble, where the operator of this program sees it; a switch says nothing.
    fn tell(&mut self, trouble: Option<String>) {
        if let Some(text) = trouble.as_ref().filter(|_| trouble != self.trouble) {
            tracing::warn!("{text}");
        }
        self.trouble = trouble;
    }
}

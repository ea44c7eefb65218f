//! A switch of a scenario: configuration, console and what its show commands remember.

use std::sync::Arc;

use slpsim_agent::output::Event;
use slpsim_agent::{Message, Profile, View};
use slpsim_config::Device as Keys;
use slpsim_console::calendar::Zone;
use slpsim_console::config::{CSLU_DISCOVERY, Config};
use slpsim_console::{self as console, EventLog, MessageHistory, Reply, Session};
use slpsim_logs::{Form, Formatter, Line, Options, Repeated};
use slpsim_network::{Network, World};
use slpsim_policy::Wall;

/// A switch without its agent.
#[derive(Debug)]
pub(super) struct Switch {
    /// The running configuration.
    pub(super) config: Config,
    /// The startup configuration, where one was saved.
    pub(super) startup: Option<String>,
    /// Events of the agent.
    pub(super) events: EventLog,
    /// What the keys of the file say, and the lines of its startup configuration.
    factory: (Config, String),
    history: MessageHistory,
    world: Arc<World>,
    started: Wall,
    formatter: Formatter,
    zone: slpsim_logs::Zone,
    sequence: u64,
}

impl Switch {
    /// A switch as the keys of its file make it; and the exec lines to be run once it is up.
    pub(super) fn boot(keys: &Keys, lines: String, world: Arc<World>, now: Wall) -> (Self, Vec<String>) {
        let mut switch = Self {
            config: Config::bare(),
            startup: None,
            events: EventLog::default(),
            factory: (configured(keys, now), lines),
            history: MessageHistory::default(),
            world,
            started: now,
            formatter: Formatter::new(Options {
                form: Form::Logfile,
                spelling: keys.spelling,
                ..Options::default()
            }),
            zone: keys.timezone.parse().unwrap_or_default(),
            sequence: 0,
        };
        let lines = switch.load(keys.profile.profile(), now);
        (switch, lines)
    }

    /// Reads the startup configuration again, as at a reload; the exec lines in it.
    pub(super) fn load(&mut self, profile: &'static Profile, now: Wall) -> Vec<String> {
        let (mut config, text) = match &self.startup {
            Some(text) => (Config::bare(), text),
            None => (self.factory.0.clone(), &self.factory.1),
        };
        let startup = console::apply_startup(&mut config, profile, text);
        self.config = config;
        self.started = now;
        startup.exec_lines
    }

    /// The network as the running configuration makes it.
    pub(super) fn network(&self) -> Network {
        Network::new(Arc::clone(&self.world), self.config.ip.clone())
    }

    /// Keeps an event for `show license eventlog`.
    pub(super) fn note(&mut self, at: Wall, event: Event) {
        self.events.add(at, event);
    }

    /// Writes a line into the log file.
    pub(super) fn log(&mut self, at: Wall, message: &Message) {
        self.sequence += 1;
        let line = Line {
            at,
            zone: self.zone,
            host: Some(&self.config.hostname),
            address: None,
            sequence: self.sequence,
            message,
            repeated: Repeated::No,
        };
        let text = String::from_utf8_lossy(self.formatter.format(&line)).into_owned();
        self.events.file.add(text);
    }

    /// Runs one console line; what it wants done is in the reply.
    pub(super) fn line(&mut self, session: &mut Session, agent: View<'_>, line: &str) -> Reply {
        let network = self.network();
        let ntp_synchronized = self.config.ntp.iter().any(|server| {
            let vrf = server.vrf.as_deref().unwrap_or(console::config::VRF);
            network.ntp_answers(&server.server, slpsim_network::Source { vrf, interface: None })
        });
        let mut device = console::Device {
            config: &mut self.config,
            agent,
            network: &network,
            history: &self.history,
            events: &self.events,
            startup_config: self.startup.as_deref(),
            started: self.started,
            ntp_synchronized,
        };
        session.line(&mut device, line)
    }
}

/// The configuration that the keys of a file stand for.
fn configured(keys: &Keys, now: Wall) -> Config {
    let mut config = Config { hostname: keys.hostname.clone(), ip: keys.ip.clone(), ..Config::default() };
    let licensing = &keys.licensing;
    let smart = &mut config.smart;
    smart.transport = keys.settings.transport;
    smart.usage_interval_days = keys.settings.usage_interval_days;
    smart.smart_url.clone_from(&licensing.url_smart);
    smart.cslu_url.clone_from(&licensing.url_cslu);
    smart.vrf.clone_from(&licensing.vrf);
    smart.source_interface.clone_from(&licensing.source_interface);
    smart.proxy_address.clone_from(&licensing.proxy_address);
    smart.proxy_port = licensing.proxy_address.is_some().then_some(licensing.proxy_port);
    smart.custom_id.clone_from(&licensing.custom_id);
    smart.privacy_hostname = licensing.privacy_hostname;
    smart.privacy_version = licensing.privacy_version;
    config.callhome.url.clone_from(&licensing.url_callhome);
    // The check of the file has seen that the zone exists.
    if let Ok(zone) = keys.timezone.parse::<slpsim_logs::Zone>() {
        config.zone = zone.at(now.secs(), |offset_s, name| Zone {
            abbreviation: name.to_owned(),
            offset_min: i16::try_from(offset_s / 60).unwrap_or(0),
        });
    }
    config
}

/// Host, port and TLS of a URL of the configuration; `None` for one that has no host.
pub(super) fn endpoint(url: &str) -> Option<(String, u16, bool)> {
    if url == CSLU_DISCOVERY {
        return Some((CSLU_DISCOVERY.to_owned(), slpsim_agent::numbers::CSLU_PORT, false));
    }
    let (tls, rest) = match url.strip_prefix("https://") {
        Some(rest) => (true, rest),
        None => (false, url.strip_prefix("http://")?),
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let default = if tls { 443 } else { 80 };
    let (host, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port.parse().unwrap_or(default)),
        Some(_) | None => (host, default),
    };
    (!host.is_empty()).then(|| (host.to_owned(), port, tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_host_port_and_tls() {
        for (url, expected) in [
            (
                "https://smartreceiver.cisco.com/licservice/license",
                Some(("smartreceiver.cisco.com", 443, true)),
            ),
            ("http://192.168.0.1:8182/cslu/v1/pi", Some(("192.168.0.1", 8182, false))),
            ("http://[2001:db8::1]:8182/cslu/v1/pi", Some(("[2001:db8::1]", 8182, false))),
            ("http://[2001:db8::1]/cslu/v1/pi", Some(("[2001:db8::1]", 80, false))),
            ("cslu-local", Some(("cslu-local", 8182, false))),
            ("", None),
            ("ftp://x", None),
        ] {
            let found = endpoint(url);
            assert_eq!(
                found.as_ref().map(|(host, port, tls)| (host.as_str(), *port, *tls)),
                expected,
                "{url}"
            );
        }
    }
}

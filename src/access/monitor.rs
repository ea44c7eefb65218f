//! Log lines for sessions with `terminal monitor`.

use std::sync::Arc;

use slpsim_agent::{Message, Spelling};
use slpsim_console::config::Config;
use slpsim_logs::{Form, Formatter, Line, Options, Repeated, Zone};
use slpsim_policy::Wall;
use slpsim_sim::zone_of;
use tokio::sync::broadcast;

use crate::driver::LogSink;

/// Lines that a session may be behind; older ones are lost to it.
const LINES: usize = 32;

/// A device's log that sessions can listen to as well. Lines are formed only while somebody does.
pub struct Monitor {
    inner: Box<dyn LogSink>,
    lines: broadcast::Sender<Arc<str>>,
    formatter: Formatter,
    host: String,
    zone: Zone,
    /// `logging monitor`: the highest severity number that sessions see.
    severity: Option<u8>,
}

impl Monitor {
    /// `inner`, with ears for sessions.
    #[must_use]
    pub fn new(inner: Box<dyn LogSink>, spelling: Spelling, config: &Config) -> Self {
        // Sessions see lines as the log file has them (`spec/logs.md` §4).
        let options = Options { form: Form::Logfile, spelling, ..Options::default() };
        let (lines, _) = broadcast::channel(LINES);
        let mut monitor = Self {
            inner,
            lines,
            formatter: Formatter::new(options),
            host: String::new(),
            zone: Zone::UTC,
            severity: None,
        };
        monitor.note(config);
        monitor
    }

    /// Where the lines come out.
    #[must_use]
    pub fn lines(&self) -> broadcast::Sender<Arc<str>> {
        self.lines.clone()
    }

    fn note(&mut self, config: &Config) {
        self.host.clone_from(&config.hostname);
        self.zone = zone_of(config);
        self.severity = config.logging.monitor;
    }
}

impl LogSink for Monitor {
    fn log(&mut self, at: Wall, message: &Message) {
        let seen = self.severity.is_some_and(|most| message.row().nxos.severity.digit() <= most);
        if seen && self.lines.receiver_count() > 0 {
            let line = self.formatter.format(&Line {
                at,
                zone: self.zone,
                host: Some(&self.host),
                address: None,
                sequence: 0,
                message,
                repeated: Repeated::No,
            });
            // Who listened may have gone meanwhile.
            let _ = self.lines.send(String::from_utf8_lossy(line).into());
        }
        self.inner.log(at, message);
    }

    fn reconfigured(&mut self, config: &Config) {
        self.note(config);
        self.inner.reconfigured(config);
    }

    fn deadline(&self) -> Option<Wall> {
        self.inner.deadline()
    }

    fn timeout(&mut self, now: Wall) {
        self.inner.timeout(now);
    }

    fn flush(&mut self) {
        self.inner.flush();
    }
}

//! Log lines for console sessions.

use std::sync::Arc;

use slpsim_agent::{Message, Spelling};
use slpsim_console::config::{Config, Logging};
use slpsim_logs::{Form, Formatter, Line, Options, Repeated};
use slpsim_policy::Wall;
use slpsim_sim::zone_at;
use tokio::sync::broadcast;

/// Lines that a session may be behind; older ones are lost to it.
const LINES: usize = 256;

/// A line for those who sit before the switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its severity, 0 to 7.
    pub severity: u8,
    /// The line as the console prints it, without an end.
    pub text: String,
    /// The same as other sessions see it: as in the log file (`spec/logs.md` §4).
    pub session: String,
    /// The settings of the log when it was written; a session decides by them whether it is shown.
    pub logging: Logging,
}

/// Where sessions listen to a device. A line is formed only while somebody does.
#[derive(Debug)]
pub(super) struct Monitor {
    lines: broadcast::Sender<Arc<LogLine>>,
    console: Formatter,
    session: Formatter,
}

impl Monitor {
    pub(super) fn new(spelling: Spelling) -> Self {
        let (lines, _) = broadcast::channel(LINES);
        let form = |form| Formatter::new(Options { form, spelling, ..Options::default() });
        Self { lines, console: form(Form::Console), session: form(Form::Logfile) }
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.lines.subscribe()
    }

    pub(super) fn say(&mut self, at: Wall, message: &Message, config: &Config) {
        if self.lines.receiver_count() == 0 {
            return;
        }
        let line = Line {
            at,
            zone: zone_at(&config.zone, at),
            host: Some(&config.hostname),
            address: None,
            sequence: 0,
            message,
            repeated: Repeated::No,
        };
        let text = String::from_utf8_lossy(self.console.format(&line)).into_owned();
        let session = String::from_utf8_lossy(self.session.format(&line)).into_owned();
        let severity = message.row().nxos.severity.digit();
        // Whoever listened may have gone.
        let _ =
            self.lines.send(Arc::new(LogLine { severity, text, session, logging: config.logging.clone() }));
    }
}

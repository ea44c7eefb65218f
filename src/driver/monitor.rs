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

/// A line as the console prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its severity, 0 to 7.
    pub severity: u8,
    /// The line, without an end.
    pub text: String,
    /// The settings of the log when it was written; a session decides by them whether it is shown.
    pub logging: Logging,
}

/// Where sessions listen to a device. A line is formed only while somebody does.
#[derive(Debug)]
pub(super) struct Monitor {
    lines: broadcast::Sender<Arc<LogLine>>,
    form: Formatter,
}

impl Monitor {
    pub(super) fn new(spelling: Spelling) -> Self {
        let (lines, _) = broadcast::channel(LINES);
        let options = Options { form: Form::Console, spelling, ..Options::default() };
        Self { lines, form: Formatter::new(options) }
    }

    pub(super) fn listen(&self) -> broadcast::Receiver<Arc<LogLine>> {
        self.lines.subscribe()
    }

    pub(super) fn say(&mut self, at: Wall, message: &Message, config: &Config) {
        if self.lines.receiver_count() == 0 {
            return;
        }
        let line = self.form.format(&Line {
            at,
            zone: zone_at(&config.zone, at),
            host: Some(&config.hostname),
            address: None,
            sequence: 0,
            message,
            repeated: Repeated::No,
        });
        let text = String::from_utf8_lossy(line).into_owned();
        let severity = message.row().nxos.severity.digit();
        // Whoever listened may have gone.
        let _ = self.lines.send(Arc::new(LogLine { severity, text, logging: config.logging.clone() }));
    }
}

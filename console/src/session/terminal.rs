//! Settings of a session's terminal, and which log lines it shows.

use super::{LineKind, Session};
use crate::config::Logging;
use crate::pager::Pager;

/// Settings of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Lines of a page; 0: no paging.
    pub length: u16,
    /// Columns; 0: without limit.
    pub width: u16,
    /// Minutes without input after which the session ends; 0: never.
    pub timeout_min: u32,
    /// `terminal monitor`: log lines are shown.
    pub monitor: bool,
    /// `terminal dont-ask`: commands that would ask go ahead. Set it where nobody can answer.
    pub dont_ask: bool,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { length: 24, width: 80, timeout_min: 30, monitor: false, dont_ask: false }
    }
}

impl Session {
    /// The pages of `text`, which is that of a reply; `unpaged` is [`crate::Reply::unpaged`].
    #[must_use]
    pub fn pager(&self, text: alloc::string::String, unpaged: bool) -> Pager {
        let length = if unpaged { 0 } else { self.terminal.length };
        Pager::new(text, &Terminal { length, ..self.terminal })
    }

    /// Whether a log line of this severity is shown in this session: at the console by `logging console`, elsewhere by
    /// `terminal monitor` and `logging monitor` (`spec/logs.md` §3). `terminal monitor` at the console adds to it.
    #[must_use]
    pub fn hears(&self, severity: u8, logging: &Logging) -> bool {
        let up_to = |max: Option<u8>| max.is_some_and(|max| severity <= max);
        let at_console = self.line == LineKind::Console && up_to(logging.console);
        at_console || (self.terminal.monitor && up_to(logging.monitor))
    }
}

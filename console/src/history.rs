//! What a switch remembers only to show it: exchanged messages, licensing events, its log file. A driver keeps it (the
//! agent holds no texts).

use alloc::collections::VecDeque;
use alloc::string::String;

use slpsim_agent::numbers::HISTORY_ENTRIES;
use slpsim_agent::output::{AckIgnored, Event};
use slpsim_agent::{Failure, Now, Profile, Purpose};
use slpsim_policy::{Mono, Wall};

/// Most events that are kept; at about 100 bytes a line this is the 5120 KB of `spec/behaviour.md` §16.
pub const EVENTS_MAX: usize = 50_000;

/// Most lines of the log file; at about 130 bytes a line that is the 4 MB of a switch's own (modelled).
pub const LOG_LINES_MAX: usize = 32_000;

/// Most bytes of one text in the message history: all reports of a switch at the cap fit, and 120 texts of a peer that
/// sends megabytes do not fill the memory (modelled).
pub const TEXT_MAX: usize = 1 << 20;

/// The log file of a switch: lines as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFile {
    lines: VecDeque<String>,
}

impl LogFile {
    /// Adds a line; the oldest goes where there are too many.
    pub fn add(&mut self, line: String) {
        keep(&mut self.lines, line, LOG_LINES_MAX);
    }

    /// The lines, oldest first.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}

/// Texts of exchanged and imported messages, ten of each category (`spec/behaviour.md` §16). Id tokens must be masked
/// in the texts that are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageHistory {
    exchanged: [VecDeque<Exchanged>; Conversation::ALL.len()],
    imported: [VecDeque<Imported>; ImportKind::ALL.len()],
}

/// One exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchanged {
    /// When the request went out.
    pub sent: Wall,
    /// Its text.
    pub request: String,
    /// When the answer came, and its text; absent where none came.
    pub received: Option<(Wall, String)>,
}

/// One import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// When.
    pub at: Wall,
    /// The text of the file.
    pub text: String,
    /// Why the switch did not take it; none where it did.
    pub refused: Option<String>,
}

/// The sections of exchanged messages, in order (`spec/formats.md` §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversation {
    /// `Trust Establishment:`
    TrustEstablishment,
    /// `Usage Reporting:`
    UsageReporting,
    /// `Result Polling:`
    ResultPolling,
    /// `Authorization Request:`
    AuthorizationRequest,
    /// `Authorization Return:`
    AuthorizationReturn,
    /// `Trust Sync:`
    TrustSync,
}

impl Conversation {
    /// All, in order.
    pub const ALL: [Self; 6] = [
        Self::TrustEstablishment,
        Self::UsageReporting,
        Self::ResultPolling,
        Self::AuthorizationRequest,
        Self::AuthorizationReturn,
        Self::TrustSync,
    ];

    /// The heading.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrustEstablishment => "Trust Establishment",
            Self::UsageReporting => "Usage Reporting",
            Self::ResultPolling => "Result Polling",
            Self::AuthorizationRequest => "Authorization Request",
            Self::AuthorizationReturn => "Authorization Return",
            Self::TrustSync => "Trust Sync",
        }
    }

    /// Where messages of a purpose are listed; hello and the renewals of classic licensing are not.
    #[must_use]
    pub const fn of(purpose: Purpose) -> Option<Self> {
        match purpose {
            Purpose::Trust => Some(Self::TrustEstablishment),
            Purpose::Usage => Some(Self::UsageReporting),
            Purpose::Poll => Some(Self::ResultPolling),
            Purpose::AuthRequest => Some(Self::AuthorizationRequest),
            Purpose::AuthReturn => Some(Self::AuthorizationReturn),
            Purpose::TrustSync => Some(Self::TrustSync),
            Purpose::Hello | Purpose::AuthRenew | Purpose::IdRenew => None,
        }
    }
}

/// The sections of imported messages, in order (`spec/formats.md` §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImportKind {
    /// `Import POLICY:`
    Policy,
    /// `Import AUTH:`
    Auth,
    /// `Import TRUST CODE:`
    TrustCode,
    /// `Import RUM ACK:`
    RumAck,
    /// `Import CONVERSION ACK:`
    ConversionAck,
    /// `Import ACCOUNT INFO:`
    AccountInfo,
}

impl ImportKind {
    /// All, in order.
    pub const ALL: [Self; 6] =
        [Self::Policy, Self::Auth, Self::TrustCode, Self::RumAck, Self::ConversionAck, Self::AccountInfo];

    /// The heading.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "Import POLICY",
            Self::Auth => "Import AUTH",
            Self::TrustCode => "Import TRUST CODE",
            Self::RumAck => "Import RUM ACK",
            Self::ConversionAck => "Import CONVERSION ACK",
            Self::AccountInfo => "Import ACCOUNT INFO",
        }
    }
}

impl MessageHistory {
    /// Adds an exchange; the oldest of its category goes where there are more than ten, and texts are cut to
    /// [`TEXT_MAX`].
    pub fn add_exchanged(&mut self, conversation: Conversation, mut exchanged: Exchanged) {
        cut(&mut exchanged.request);
        if let Some((_, text)) = &mut exchanged.received {
            cut(text);
        }
        keep(&mut self.exchanged[conversation as usize], exchanged, HISTORY_ENTRIES);
    }

    /// Adds an import, likewise.
    pub fn add_imported(&mut self, kind: ImportKind, mut imported: Imported) {
        cut(&mut imported.text);
        keep(&mut self.imported[kind as usize], imported, HISTORY_ENTRIES);
    }

    /// The exchanges of a category, oldest first.
    pub fn exchanged(&self, conversation: Conversation) -> impl ExactSizeIterator<Item = &Exchanged> {
        self.exchanged[conversation as usize].iter()
    }

    /// The imports of a category, oldest first.
    pub fn imported(&self, kind: ImportKind) -> impl ExactSizeIterator<Item = &Imported> {
        self.imported[kind as usize].iter()
    }
}

/// What a switch has logged: licensing events (`show license eventlog`) and lines (`show logging`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog {
    /// The log file.
    pub file: LogFile,
    entries: VecDeque<Logged>,
}

/// A licensing event as it was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Elapsed time, in milliseconds: of two events the order and the distance, however the switch's clock was stepped in
    /// between.
    pub elapsed: Mono,
    /// The switch's clock.
    pub at: Wall,
    /// What happened.
    pub event: Event,
}

impl EventLog {
    /// Adds an event; the oldest goes where there are too many.
    pub fn add(&mut self, now: Now, event: Event) {
        keep(&mut self.entries, Logged { elapsed: now.mono, at: now.wall, event }, EVENTS_MAX);
    }

    /// Forgets the events; the log file stays.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// The events, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Logged> {
        self.entries.iter()
    }
}

/// The part of an event's line behind the time stamp (`spec/formats.md` §14).
#[must_use]
pub fn event_text(event: &Event, profile: &Profile) -> String {
    let with_error = |name: &str, error: Option<String>| match error {
        Some(error) => alloc::format!("{name} error=\"{error}\""),
        None => String::from(name),
    };
    match event {
        Event::InitStart => {
            alloc::format!("SAEVT_INIT_START version=\"{}\"", crate::show::AGENT_VERSION)
        }
        Event::EndpointUsage { license, count } => {
            let tag = profile.licenses.get(usize::from(*license)).map_or("", |license| license.tag);
            alloc::format!("SAEVT_ENDPOINT_USAGE count=\"{count}\" entitlementTag=\"{tag}\"")
        }
        Event::CommFail(failure) => with_error("SAEVT_COMM_FAIL", Some(failure_text(*failure))),
        Event::CommRestored => with_error("SAEVT_COMM_RESTORED", None),
        Event::PolicyInstall => with_error("SAEVT_POLICY_INSTALL", None),
        Event::TrustInstall => with_error("SAEVT_TRUST_INSTALL", None),
        Event::Ack { ignored } => with_error("SAEVT_ACK", ignored.map(ignored_text)),
        Event::RumPurged(id) => alloc::format!("SAEVT_RUM_PURGED reportId=\"{}\"", id.0),
    }
}

fn failure_text(failure: Failure) -> String {
    alloc::format!("{failure}")
}

fn ignored_text(ignored: AckIgnored) -> String {
    match ignored {
        AckIgnored::Signature => String::from("Signature mismatch"),
        AckIgnored::Timestamp => String::from("Timestamp mismatch"),
        AckIgnored::Unreadable => String::from("message parsing error"),
        AckIgnored::UnknownReport(id) => alloc::format!("unknown report {}", id.0),
    }
}

/// What is left of a long text says how long it was.
fn cut(text: &mut String) {
    let whole = text.len();
    if whole > TEXT_MAX {
        text.truncate((0..=TEXT_MAX).rfind(|at| text.is_char_boundary(*at)).unwrap_or(0));
        text.push_str(&alloc::format!("... ({whole} bytes in all)"));
        text.shrink_to_fit();
    }
}

fn keep<T>(queue: &mut VecDeque<T>, value: T, max: usize) {
    if queue.len() >= max {
        queue.pop_front();
    }
    queue.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_messages_of_each_category_are_kept() {
        let mut history = MessageHistory::default();
        for secs in 0..12 {
            let exchanged = Exchanged { sent: Wall::from_secs(secs), request: String::new(), received: None };
            history.add_exchanged(Conversation::TrustSync, exchanged);
        }
        let kept: Vec<_> = history.exchanged(Conversation::TrustSync).map(|one| one.sent.secs()).collect();
        assert_eq!(kept, (2..12).collect::<Vec<_>>());
        assert_eq!(history.exchanged(Conversation::UsageReporting).len(), 0);
    }

    #[test]
    fn a_text_of_megabytes_is_cut_between_two_characters() {
        let mut history = MessageHistory::default();
        let long = String::from("a") + &"ä".repeat(TEXT_MAX);
        let received = Some((Wall::from_secs(1), long.clone()));
        let exchanged = Exchanged { sent: Wall::from_secs(0), request: String::from("short"), received };
        history.add_exchanged(Conversation::TrustSync, exchanged);
        history
            .add_imported(ImportKind::Policy, Imported { at: Wall::from_secs(0), text: long, refused: None });
        let exchanged = history.exchanged(Conversation::TrustSync).next().unwrap();
        let imported = history.imported(ImportKind::Policy).next().unwrap();
        assert_eq!(exchanged.request, "short");
        for text in [&exchanged.received.as_ref().unwrap().1, &imported.text] {
            assert!(text.starts_with("aä") && text.ends_with("ä... (2097153 bytes in all)"));
            assert!(text.len() < TEXT_MAX + 40);
        }
    }

    use alloc::vec::Vec;
}

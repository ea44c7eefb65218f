//! Records as a store keeps them: by kind and key, the last form of each.

use core::fmt;

use super::Line;

/// One record in its last form. Its line and its key may be an id token: neither is ever printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where lines of this kind come among all: what others refer to comes first.
    pub rank: i16,
    /// Word of its kind.
    pub kind: &'static str,
    /// Its key within its kind; the keys of accounts sort by position.
    pub key: String,
    /// Its JSON line; of one that is gone the line that says so.
    pub line: String,
    /// It is no more.
    pub gone: bool,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("kind", &self.kind).field("gone", &self.gone).finish_non_exhaustive()
    }
}

/// The record of a line.
#[cfg(feature = "server")]
pub(crate) fn entry_of(text: &str) -> Result<Entry, String> {
    let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let entry = line.entry();
    Ok(Entry { line: text.to_owned(), ..entry })
}

impl Line {
    /// Whether [`crate::store::Memory`] takes it; the others are the mock's own.
    pub(crate) const fn is_record(&self) -> bool {
        !matches!(self, Self::Counters { .. } | Self::Settings(_) | Self::Fault(_) | Self::FaultGone { .. })
    }

    /// The record with its place in a store.
    pub(crate) fn entry(&self) -> Entry {
        let device = |pid: &str, serial: &str| format!("{pid}|{serial}");
        let report = |pid: &str, serial: &str, id: u64| format!("{pid}|{serial}|{id:020}");
        let (rank, kind, key, gone) = match self {
            Self::Counters { .. } => (0, "counters", String::new(), false),
            Self::Settings(_) => (1, "settings", String::new(), false),
            Self::Account(line) => (2, "account", format!("{:05}", line.position), false),
            Self::Token(line) => (3, "token", line.text.clone(), false),
            Self::Device(line) => (4, "device", device(&line.pid, &line.serial), false),
            Self::DeviceRemoved { pid, serial } => (4, "device", device(pid, serial), true),
            Self::Report(line) => (5, "report", report(&line.pid, &line.serial, line.id), false),
            Self::ReportGone { pid, serial, id } => (5, "report", report(pid, serial, *id), true),
            Self::Upload(line) => (6, "upload", format!("{:020}", line.poll_id), false),
            Self::UploadGone { poll_id } => (6, "upload", format!("{poll_id:020}"), true),
            Self::Fault(line) => (7, "fault", format!("{:020}", line.id), false),
            Self::FaultGone { id } => (7, "fault", format!("{id:020}"), true),
            Self::Event(line) => (8, "event", format!("{:020}", line.number), false),
            Self::EventGone { number } => (8, "event", format!("{number:020}"), true),
        };
        Entry { rank, kind, key, line: self.text(), gone }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_shows_neither_key_nor_line() {
        let line = r#"{"token":{"text":"EXAMPLETOKEN0001","account":0,"issued":0,"expires":null,"max_uses":null,"uses":0,"revoked":false}}"#;
        let entry = serde_json::from_str::<Line>(line).unwrap().entry();
        assert_eq!((entry.rank, entry.kind, entry.key.as_str()), (3, "token", "EXAMPLETOKEN0001"));
        assert_eq!(entry.line, line);
        assert!(!format!("{entry:?}").contains("EXAMPLETOKEN0001"));
    }

    #[test]
    fn what_is_gone_has_the_key_of_what_was_there() {
        for (there, gone) in [
            (
                r#"{"report":{"pid":"A","serial":"B","id":7,"tag":"t","start":0,"end":1,"peak":1,"received":2,"times":1,"broken":null,"answered":false}}"#,
                r#"{"report-gone":{"pid":"A","serial":"B","id":7}}"#,
            ),
            (r#"{"upload":{"poll_id":77}}"#, r#"{"upload-gone":{"poll_id":77}}"#),
            (r#"{"event":{"number":3,"at":0,"event":"device-removed"}}"#, r#"{"event-gone":{"number":3}}"#),
        ] {
            let entry = |text: &str| serde_json::from_str::<Line>(text).unwrap().entry();
            let (there, gone) = (entry(there), entry(gone));
            assert_eq!((there.rank, there.kind, &there.key), (gone.rank, gone.kind, &gone.key));
            assert!(gone.gone && !there.gone);
        }
    }
}

//! Everything that a mock knows, out and in: as JSON lines (`interface.md` §1 `slpsim cssm export|import`), and as
//! entries of the store behind it.

use std::collections::BTreeMap;

use slpsim_agent::numbers;

use crate::cssm::{Cssm, ManageError};
use crate::persist::{Entry, ImportError, Line, Settings};
use crate::store::Full;

/// What the store has of that which is no record of [`crate::store::Memory`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Journaled {
    counters: (u64, u64, u64),
    settings: Option<Settings>,
    /// Lines of faults by number.
    faults: BTreeMap<u64, String>,
    fault_changes: u64,
}

/// The longest record: a report that waits for CSSM carries the message in which it came, and JSON writes a character with up
/// to six.
const LINE_BYTES: usize = 6 * numbers::MESSAGE_SIZE + 100_000;

impl Cssm {
    /// All records as JSON lines. They hold id tokens.
    #[must_use]
    pub fn export(&self) -> Vec<String> {
        let mut lines = vec![self.counters().text(), Line::Settings(self.settings()).text()];
        lines.extend(self.store.lines().map(|line| line.text()));
        lines.extend(self.faults.active().iter().map(|fault| Line::of_fault(fault).text()));
        lines
    }

    /// Takes records as [`Cssm::export`] gives them; what is there already under the same key is replaced. How many.
    ///
    /// # Errors
    /// Names the first line that cannot be taken; then none is.
    pub fn import<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> Result<usize, ImportError> {
        let lines: Vec<(usize, &str)> = lines
            .into_iter()
            .enumerate()
            .filter(|(_, text)| !text.trim().is_empty())
            .map(|(at, text)| (at + 1, text))
            .collect();
        if let Some((number, text)) = lines.iter().find(|(_, text)| text.len() > LINE_BYTES) {
            let detail = format!("it has {} bytes, and a record has at most {LINE_BYTES}", text.len());
            return Err(ImportError { number: *number, detail });
        }
        let full = |error: ManageError| ImportError { number: 0, detail: error.to_string() };
        // On a copy first, so that a line in the middle that does not fit leaves nothing behind.
        let mut copy = Self::new(self.config.clone()).map_err(full)?;
        copy.restore(self.export().iter().map(String::as_str))?;
        for cssm in [&mut copy, self] {
            for (number, text) in &lines {
                let taken = read(text).and_then(|line| cssm.take(line));
                taken.map_err(|detail| ImportError { number: *number, detail })?;
            }
        }
        Ok(lines.len())
    }

    /// Takes the records of a mock that lived before, in place of the accounts that this one was configured with; those
    /// of them that it did not have come behind. Changes are noted for [`Cssm::journal`] from now on; the first ones are
    /// those accounts, and what had to go because less is kept now.
    ///
    /// # Errors
    /// Names the first line that cannot be taken, and where there are too many accounts.
    pub fn restore<'a>(&mut self, lines: impl IntoIterator<Item = &'a str>) -> Result<usize, ImportError> {
        let mut restoring = Restoring::begin(self);
        for text in lines {
            restoring.take(text)?;
        }
        restoring.finish()
    }

    /// Whether [`Cssm::journal`] has something to say.
    #[must_use]
    pub(crate) fn has_news(&self) -> bool {
        self.store.has_news()
            || self.journaled.counters != self.made()
            || self.journaled.fault_changes != self.faults.changes()
            || self.journaled.settings != Some(self.settings())
    }

    /// What changed since the last call.
    pub fn journal(&mut self) -> Vec<Entry> {
        let mut entries = self.store.journal();
        if self.journaled.counters != self.made() {
            self.journaled.counters = self.made();
            entries.push(self.counters().entry());
        }
        let settings = self.settings();
        if self.journaled.settings != Some(settings) {
            self.journaled.settings = Some(settings);
            entries.push(Line::Settings(settings).entry());
        }
        if self.journaled.fault_changes != self.faults.changes() {
            self.journaled.fault_changes = self.faults.changes();
            self.fault_news(&mut entries);
        }
        entries
    }

    fn fault_news(&mut self, entries: &mut Vec<Entry>) {
        let mut lines = BTreeMap::new();
        for fault in self.faults.active() {
            let entry = Line::of_fault(&fault).entry();
            lines.insert(fault.id, entry.line.clone());
            if self.journaled.faults.get(&fault.id) != Some(&entry.line) {
                entries.push(entry);
            }
        }
        let gone = self.journaled.faults.keys().filter(|id| !lines.contains_key(id));
        entries.extend(gone.map(|id| Line::FaultGone { id: *id }.entry()));
        self.journaled.faults = lines;
    }

    /// Takes what another process has changed in the store behind both. Nothing of it is news.
    ///
    /// # Errors
    /// Says what is wrong with a line; an older release reads nothing of a newer one.
    pub(crate) fn follow(&mut self, text: &str) -> Result<(), String> {
        let line = read(text)?;
        if line.is_record() {
            return self.store.follow(line);
        }
        let had_news = self.journaled.fault_changes != self.faults.changes();
        self.journaled.note(&line, text);
        self.take(line)?;
        if !had_news {
            self.journaled.fault_changes = self.faults.changes();
        }
        Ok(())
    }

    /// Goes on with the records of another that was restored from the same store; history and configuration stay.
    pub(crate) fn adopt(&mut self, fresh: Self) {
        self.ack_mode = fresh.ack_mode;
        self.skew_ms = fresh.skew_ms;
        self.store = fresh.store;
        self.faults = fresh.faults;
        self.tokens_made = fresh.tokens_made;
        self.policies_made = fresh.policies_made;
        self.uploads_made = fresh.uploads_made;
        self.journaled = fresh.journaled;
    }

    fn take(&mut self, line: Line) -> Result<(), String> {
        if line.is_record() {
            return self.store.take(line);
        }
        if let Line::Counters { tokens, policies, uploads } = line {
            self.tokens_made = self.tokens_made.max(tokens);
            self.uploads_made = self.uploads_made.max(uploads);
            self.policies_made = self.policies_made.max(policies);
        } else if let Line::Settings(settings) = line {
            self.ack_mode = settings.ack_mode;
            self.skew_ms = settings.skew_ms;
        } else if let Line::Fault(fault) = line {
            self.faults.put(fault.read(), self.config.limits.faults)?;
        } else if let Line::FaultGone { id } = line {
            self.faults.end(id);
        }
        Ok(())
    }

    const fn made(&self) -> (u64, u64, u64) {
        (self.tokens_made, self.policies_made, self.uploads_made)
    }

    const fn counters(&self) -> Line {
        Line::Counters { tokens: self.tokens_made, policies: self.policies_made, uploads: self.uploads_made }
    }

    const fn settings(&self) -> Settings {
        Settings { ack_mode: self.ack_mode, configured: self.config.ack_mode, skew_ms: self.skew_ms }
    }
}

impl Journaled {
    /// Notes what the store has.
    fn note(&mut self, line: &Line, text: &str) {
        if let Line::Counters { tokens, policies, uploads } = line {
            self.counters = (*tokens, *policies, *uploads);
        } else if let Line::Settings(settings) = line {
            self.settings = Some(*settings);
        } else if let Line::Fault(fault) = line {
            self.faults.insert(fault.id, text.to_owned());
        } else if let Line::FaultGone { id } = line {
            self.faults.remove(id);
        }
    }
}

fn read(text: &str) -> Result<Line, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Records on their way in, line by line: a store may be larger than what should lie in memory twice.
#[derive(Debug)]
pub(crate) struct Restoring<'a> {
    cssm: &'a mut Cssm,
    configured: Vec<crate::records::Account>,
    number: usize,
    taken: usize,
}

impl<'a> Restoring<'a> {
    pub(crate) fn begin(cssm: &'a mut Cssm) -> Self {
        let configured = cssm.store.take_accounts();
        cssm.store.keep_journal();
        Self { cssm, configured, number: 0, taken: 0 }
    }

    /// Takes one line; an empty one is passed over.
    pub(crate) fn take(&mut self, text: &str) -> Result<(), ImportError> {
        self.number += 1;
        if text.trim().is_empty() {
            return Ok(());
        }
        let number = self.number;
        let wrong = |detail: String| ImportError { number, detail };
        let line = read(text).map_err(wrong)?;
        self.cssm.journaled.note(&line, text);
        if let (Line::Settings(settings), true) = (&line, self.cssm.is_guest) {
            self.cssm.config.ack_mode = settings.configured;
        }
        if let Line::Settings(settings) = &line
            && settings.configured != self.cssm.config.ack_mode
        {
            // A configuration that was changed since then wins over what an operator had set before.
            self.cssm.skew_ms = settings.skew_ms;
        } else {
            self.cssm.take(line).map_err(wrong)?;
        }
        self.taken += 1;
        Ok(())
    }

    /// Adds the configured accounts that were not among the lines. How many lines were taken.
    pub(crate) fn finish(self) -> Result<usize, ImportError> {
        let Self { cssm, configured, taken, .. } = self;
        cssm.store.keep_losses_only();
        let as_it_was = cssm.is_guest && !cssm.store.accounts().is_empty();
        for account in configured.into_iter().filter(|_| !as_it_was) {
            let known = cssm.store.account_by_name(Some(&account.names.smart), &account.names.r#virtual);
            if known.is_none() {
                let full = |full: Full| ImportError { number: 0, detail: full.to_string() };
                cssm.store.add_account(account).map_err(full)?;
            }
        }
        cssm.journaled.fault_changes = cssm.faults.changes();
        Ok(taken)
    }
}

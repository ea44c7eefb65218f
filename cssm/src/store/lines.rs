//! Records out and in as lines, and what has changed since a store was written last.

use std::collections::{BTreeMap, BTreeSet};

use slpsim_agent::{ReportId, Udi};

use super::{Full, Memory, Secret, Store as _};
use crate::persist::{Entry, Line, udi};
use crate::records::{Account, AccountId, Device};
use crate::store::Changes;

/// What changed since the store was written last.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) accounts: BTreeSet<AccountId>,
    pub(super) tokens: BTreeSet<Secret>,
    pub(super) devices: BTreeSet<Udi>,
    pub(super) reports: InOrder,
    pub(super) uploads: BTreeSet<u64>,
    pub(super) events: BTreeSet<u64>,
}

/// Reports in the order in which they were noted first: the order in which they came, and go where there are too many.
#[derive(Debug, Default)]
pub(super) struct InOrder(BTreeMap<(Udi, ReportId), usize>);

impl InOrder {
    /// Whether it was not there.
    pub(super) fn insert(&mut self, key: (Udi, ReportId)) -> bool {
        let next = self.0.len();
        let is_new = !self.0.contains_key(&key);
        self.0.entry(key).or_insert(next);
        is_new
    }

    fn keys(self) -> Vec<(Udi, ReportId)> {
        let mut keys: Vec<_> = self.0.into_iter().collect();
        keys.sort_unstable_by_key(|(_, at)| *at);
        keys.into_iter().map(|(key, _)| key).collect()
    }
}

impl Touched {
    fn is_empty(&self) -> bool {
        let Self { accounts, tokens, devices, reports, uploads, events } = self;
        accounts.is_empty()
            && tokens.is_empty()
            && devices.is_empty()
            && reports.0.is_empty()
            && uploads.is_empty()
            && events.is_empty()
    }
}

/// Out and in as lines.
impl Memory {
    /// All records; the same records are the same lines in the same order, whichever store they come from.
    pub(crate) fn lines(&self) -> impl Iterator<Item = Line> {
        let mut devices: Vec<_> = self.devices.values().collect();
        devices.sort_unstable_by_key(|device| device.udi);
        let accounts = self.accounts.iter().enumerate().map(|(at, account)| Line::of_account(at, account));
        let tokens = self.tokens.iter().map(|(text, token)| Line::of_token(&text.0, token));
        let devices = devices.into_iter().map(Line::of_device);
        let uploads = self.uploads.iter().map(|(poll_id, upload)| Line::of_upload(poll_id, upload));
        let events = self.events.iter().map(|(number, event)| Line::of_event(*number, event));
        let reports = self.reports().map(Line::of_report);
        accounts.chain(tokens).chain(devices).chain(reports).chain(uploads).chain(events)
    }

    /// From now on changes are noted.
    pub(crate) fn keep_journal(&mut self) {
        self.touched = Some(Touched::default());
    }

    /// Whether something changed since the last call of [`Memory::journal`].
    pub(crate) fn has_news(&self) -> bool {
        self.touched.as_ref().is_some_and(|touched| !touched.is_empty())
    }

    /// The records that changed since the last call, in their new form.
    pub(crate) fn journal(&mut self) -> Vec<Entry> {
        let Some(touched) = self.touched.as_mut().map(std::mem::take) else { return Vec::new() };
        let mut lines = Vec::new();
        for id in &touched.accounts {
            let account = self.accounts.get(usize::from(id.0));
            lines.extend(account.map(|account| Line::of_account(usize::from(id.0), account)));
        }
        for text in &touched.tokens {
            lines.extend(self.tokens.get(text).map(|token| Line::of_token(&text.0, token)));
        }
        for udi in &touched.devices {
            lines.push(self.devices.get(udi).map_or_else(|| Line::of_removed(udi), Line::of_device));
        }
        for key in touched.reports.keys() {
            lines.push(self.reports.get(&key).map_or_else(|| Line::of_report_gone(key), Line::of_report));
        }
        for poll_id in touched.uploads {
            let upload = self.uploads.get(poll_id);
            lines
                .push(upload.map_or(Line::UploadGone { poll_id }, |upload| Line::of_upload(poll_id, upload)));
        }
        for number in touched.events {
            let event = self.events.binary_search_by_key(&number, |(number, _)| *number).ok();
            let event = event.and_then(|at| self.events.get(at));
            lines.push(match event {
                Some((number, event)) => Line::of_event(*number, event),
                None => Line::EventGone { number },
            });
        }
        lines.iter().map(Line::entry).collect()
    }

    /// Forgets what was noted of records that are there: they came from the store. What had to go for them stays noted.
    pub(crate) fn keep_losses_only(&mut self) {
        let Some(mut touched) = self.touched.take() else { return };
        touched.accounts.clear();
        touched.tokens.clear();
        touched.devices.clear();
        touched.reports.0.retain(|key, _| !self.reports.contains_key(key));
        touched.uploads.retain(|poll_id| self.uploads.get(*poll_id).is_none());
        let there: BTreeSet<u64> = self.events.iter().map(|(number, _)| *number).collect();
        touched.events.retain(|number| !there.contains(number));
        self.touched = Some(touched);
    }

    /// Takes one record that somebody else has changed in the store; nothing of it is noted.
    pub(crate) fn follow(&mut self, line: Line) -> Result<(), String> {
        let touched = self.touched.take();
        let taken = self.take(line);
        self.touched = touched;
        taken
    }

    /// Takes one record; what is there under the same key is replaced.
    pub(crate) fn take(&mut self, line: Line) -> Result<(), String> {
        let full = |error: Full| error.to_string();
        match line {
            Line::Counters { .. } | Line::Settings(_) | Line::Fault(_) | Line::FaultGone { .. } => {}
            Line::Account(account) => {
                let at = usize::from(account.position);
                self.take_account(at, account.read()?)?;
            }
            Line::Token(token) => {
                let (text, token) = token.read();
                self.known_account(token.account)?;
                self.add_token(&text, token).map_err(full)?;
            }
            Line::Device(device) => self.take_device(device.read()?)?,
            Line::DeviceRemoved { pid, serial } => {
                let udi = udi(&pid, &serial)?;
                self.forget(&udi);
            }
            Line::Report(report) => {
                let report = report.read()?;
                let key = (report.udi, report.id);
                self.put_report(report.clone());
                if let Some(known) = self.reports.get_mut(&key) {
                    *known = report;
                }
                self.index_held(key);
            }
            Line::ReportGone { pid, serial, id } => self.drop_report((udi(&pid, &serial)?, ReportId(id))),
            Line::Upload(upload) => self.put_upload(upload.poll_id, upload.read()?),
            Line::UploadGone { poll_id } => {
                self.uploads.remove(poll_id);
                self.touch(|touched| touched.uploads.insert(poll_id));
            }
            Line::Event(event) => {
                let (number, event) = event.read()?;
                self.put_event(number, event);
            }
            Line::EventGone { number } => {
                if let Ok(at) = self.events.binary_search_by_key(&number, |(number, _)| *number) {
                    self.events.remove(at);
                }
                self.touch(|touched| touched.events.insert(number));
            }
        }
        Ok(())
    }

    fn take_account(&mut self, at: usize, account: Account) -> Result<(), String> {
        let there_are = self.accounts.len();
        if let Some(known) = self.accounts.get_mut(at) {
            *known = account;
            if let Ok(id) = u16::try_from(at) {
                self.touch(|touched| touched.accounts.insert(AccountId(id)));
            }
            return Ok(());
        }
        if at != there_are {
            return Err(format!("account {at} comes before account {there_are}"));
        }
        self.add_account(account).map(drop).map_err(|error| error.to_string())
    }

    /// The keys of certificates that are known already stay: making them anew costs a signature each.
    fn take_device(&mut self, mut device: Device) -> Result<(), String> {
        self.known_account(device.account)?;
        let known = self.devices.get(&device.udi);
        if known.is_none() && self.devices.len() >= self.limits.devices {
            return Err(Full { what: "devices", limit: self.limits.devices }.to_string());
        }
        if let Some(known) = known {
            let trusts =
                [&mut device.trust, &mut device.previous].into_iter().flatten().chain(&mut device.past);
            for trust in trusts {
                let before = known.trust_by_serial(trust.identity.serial);
                trust.key =
                    before.filter(|before| before.csr == trust.csr).and_then(|before| before.key.clone());
            }
        }
        self.commit(Changes { devices: vec![device], ..Changes::default() });
        Ok(())
    }

    /// Takes all accounts away, to be replaced by those of a snapshot.
    pub(crate) fn take_accounts(&mut self) -> Vec<Account> {
        std::mem::take(&mut self.accounts)
    }

    fn known_account(&self, id: AccountId) -> Result<(), String> {
        let known = usize::from(id.0) < self.accounts.len();
        known.then_some(()).ok_or_else(|| format!("there is no account {}", id.0))
    }

    pub(super) fn touch(&mut self, note: impl FnOnce(&mut Touched) -> bool) {
        if let Some(touched) = &mut self.touched {
            note(touched);
        }
    }
}

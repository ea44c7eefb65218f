//! Where the records are: what a decision has to read, and what it changes.

mod lines;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use slpsim_agent::{PollId, ReportId, Udi};
use slpsim_policy::Wall;
use slpsim_transport::sign::PublicKey;

use crate::config::{Config, Limits};
use crate::draw::{For, Luck};
use crate::records::{
    Account, AccountId, AccountPolicy, Device, Event, EventRecord, Held, ReportRecord, Token, Upload,
};
use crate::waiting::{Uploads, Waiting};
use lines::Touched;

/// What a decision reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys<'a> {
    /// The sender first, then the other product instances that the request speaks of.
    pub devices: Vec<Udi>,
    /// The text of the id token.
    pub token: Option<&'a str>,
}

/// The records of some [`Keys`].
#[derive(Clone, Debug)]
pub struct Loaded<'a> {
    /// All accounts, indexed by [`AccountId`]; the first one is the default.
    pub accounts: &'a [Account],
    /// As asked for, in the same order.
    pub devices: Vec<Option<&'a Device>>,
    /// As asked for.
    pub token: Option<&'a Token>,
    /// How many more devices fit.
    pub room: usize,
    /// How many more reports fit that must not be lost.
    pub report_room: usize,
}

/// What a decision changes; to be committed as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Devices in their new form.
    pub devices: Vec<Device>,
    /// A use of the token that was loaded.
    pub token_used: Option<Box<str>>,
    /// Reports that came, or whose ACK was given out.
    pub reports: Vec<ReportRecord>,
    /// Reports whose ACK was given out.
    pub answered: Vec<(Udi, ReportId)>,
    /// What is worth knowing.
    pub events: Vec<EventRecord>,
}

/// Holds the records that a decision reads and changes. [`Memory`] is the one; what lies behind it (a file, SQLite,
/// PostgreSQL) takes its changes as [`crate::persist::Entry`] and is the server's concern.
pub trait Store {
    /// Reads.
    fn load(&self, keys: &Keys<'_>) -> Loaded<'_>;
    /// Writes; all of it or nothing.
    fn commit(&mut self, changes: Changes);
}

/// Everything in memory, with an upper limit on each kind.
#[derive(Debug)]
pub struct Memory {
    limits: Limits,
    accounts: Vec<Account>,
    devices: HashMap<Udi, Device>,
    tokens: BTreeMap<Secret, Token>,
    reports: HashMap<(Udi, ReportId), ReportRecord>,
    report_order: VecDeque<(Udi, ReportId)>,
    reports_dropped: u64,
    waiting: Waiting,
    uploads: Uploads,
    /// With their numbers, which grow.
    events: VecDeque<(u64, EventRecord)>,
    touched: Option<Touched>,
}

/// The text of an id token as a key that is never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Secret(Box<str>);

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl core::borrow::Borrow<str> for Secret {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why the store takes no more of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the mock holds {limit} {what} and takes no more; raise its limit or delete some")]
pub struct Full {
    /// Of what.
    pub what: &'static str,
    /// How many it holds.
    pub limit: usize,
}

impl Memory {
    /// With the accounts of `config` and nothing else.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let luck = Luck::seeded(config.seed);
        let mut memory = Self {
            limits: config.limits,
            accounts: Vec::new(),
            devices: HashMap::new(),
            tokens: BTreeMap::new(),
            reports: HashMap::new(),
            report_order: VecDeque::new(),
            reports_dropped: 0,
            waiting: Waiting::default(),
            uploads: Uploads::default(),
            events: VecDeque::new(),
            touched: None,
        };
        for (n, account) in config.accounts.iter().enumerate() {
            let id = luck.uuid_text(0, For::Policy, u64::try_from(n).unwrap_or(u64::MAX));
            memory.accounts.push(Account {
                policy: account.policy.clone().map(|policy| AccountPolicy { id, policy }),
                ..Account::named(account.names.clone())
            });
        }
        memory
    }

    /// All accounts.
    #[must_use]
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// The account with that Virtual Account name, of that Smart Account where one is named.
    #[must_use]
    pub fn account_by_name(&self, smart: Option<&str>, r#virtual: &str) -> Option<AccountId> {
        let fits = |account: &Account| {
            account.names.r#virtual == r#virtual && smart.is_none_or(|smart| account.names.smart == smart)
        };
        self.accounts.iter().position(fits).and_then(|at| u16::try_from(at).ok()).map(AccountId)
    }

    /// An account by position.
    pub fn account_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        self.touch(|touched| touched.accounts.insert(id));
        self.accounts.get_mut(usize::from(id.0))
    }

    /// Adds an account.
    ///
    /// # Errors
    /// Where there are as many as the limit allows.
    pub fn add_account(&mut self, account: Account) -> Result<AccountId, Full> {
        let full = Full { what: "accounts", limit: self.limits.accounts.min(usize::from(u16::MAX)) };
        if self.accounts.len() >= full.limit {
            return Err(full);
        }
        let id = AccountId(u16::try_from(self.accounts.len()).map_err(|_| full)?);
        self.accounts.push(account);
        self.touch(|touched| touched.accounts.insert(id));
        Ok(id)
    }

    /// Adds an id token, or replaces the one with this text.
    ///
    /// # Errors
    /// Where there are as many as the limit allows.
    pub fn add_token(&mut self, text: &str, token: Token) -> Result<(), Full> {
        if self.tokens.len() >= self.limits.tokens && !self.has_token(text) {
            return Err(Full { what: "tokens", limit: self.limits.tokens });
        }
        self.tokens.insert(Secret(text.into()), token);
        self.touch(|touched| touched.tokens.insert(Secret(text.into())));
        Ok(())
    }

    /// An id token by its text.
    pub fn token_mut(&mut self, text: &str) -> Option<&mut Token> {
        self.touch(|touched| touched.tokens.insert(Secret(text.into())));
        self.tokens.get_mut(text)
    }

    /// Whether there is such an id token.
    #[must_use]
    pub fn has_token(&self, text: &str) -> bool {
        self.tokens.contains_key(text)
    }

    /// All id tokens with their texts.
    pub fn tokens(&self) -> impl Iterator<Item = (&str, &Token)> {
        self.tokens.iter().map(|(text, token)| (&*text.0, token))
    }

    /// How many tokens there are.
    #[must_use]
    pub fn token_count(&self) -> usize {
        self.tokens.len()
    }

    /// A device.
    #[must_use]
    pub fn device(&self, udi: &Udi) -> Option<&Device> {
        self.devices.get(udi)
    }

    /// All devices, in no particular order.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.devices.values()
    }

    /// A device, to be changed.
    pub(crate) fn device_mut(&mut self, udi: &Udi) -> Option<&mut Device> {
        self.touch(|touched| touched.devices.insert(*udi));
        self.devices.get_mut(udi)
    }

    /// Notes the public key of an ID certificate.
    pub(crate) fn set_key(&mut self, udi: &Udi, serial: u64, key: Arc<PublicKey>) {
        let Some(device) = self.devices.get_mut(udi) else { return };
        let trusts = [&mut device.trust, &mut device.previous].into_iter().flatten().chain(&mut device.past);
        for trust in trusts.filter(|trust| trust.identity.serial == serial) {
            trust.key = Some(Arc::clone(&key));
        }
    }

    /// Forgets a device with its reports. Whether it was there.
    pub fn remove_device(&mut self, udi: &Udi, now: Wall) -> bool {
        let was_there = self.forget(udi);
        if was_there {
            self.note(EventRecord { at: now, device: Some(*udi), event: Event::DeviceRemoved });
        }
        was_there
    }

    fn forget(&mut self, udi: &Udi) -> bool {
        self.touch(|touched| touched.devices.insert(*udi));
        self.waiting.forget(udi);
        // What it has pushed of another unit waits for nobody any more; who still has it pushes it again.
        let pushed: Vec<_> = self.waiting.of(udi).collect();
        for (of, id) in pushed {
            self.hold(&of, id, |_| None);
        }
        let reports: Vec<_> = self.report_order.iter().filter(|(of, _)| of == udi).copied().collect();
        for key in reports {
            self.reports.remove(&key);
            self.touch(|touched| touched.reports.insert(key));
        }
        self.report_order.retain(|(of, _)| of != udi);
        self.devices.remove(udi).is_some()
    }

    /// The reports that are kept, oldest first.
    pub fn reports(&self) -> impl Iterator<Item = &ReportRecord> {
        self.report_order.iter().filter_map(|key| self.reports.get(key))
    }

    /// The events that are kept, oldest first.
    pub fn events(&self) -> impl Iterator<Item = &EventRecord> {
        self.events.iter().map(|(_, event)| event)
    }

    /// Notes an event; the oldest one goes where there are too many.
    pub fn note(&mut self, event: EventRecord) {
        let number = self.events.back().map_or(1, |(number, _)| number + 1);
        self.put_event(number, event);
    }

    /// An event that is not newer than the last one replaces the one of its number, where that is kept.
    fn put_event(&mut self, number: u64, event: EventRecord) {
        if self.limits.events == 0 {
            return;
        }
        self.touch(|touched| touched.events.insert(number));
        if self.events.back().is_some_and(|(last, _)| *last >= number) {
            if let Ok(at) = self.events.binary_search_by_key(&number, |(number, _)| *number)
                && let Some(known) = self.events.get_mut(at)
            {
                known.1 = event;
            }
            return;
        }
        if self.events.len() >= self.limits.events
            && let Some((oldest, _)) = self.events.pop_front()
        {
            self.touch(|touched| touched.events.insert(oldest));
        }
        self.events.push_back((number, event));
    }

    fn put_report(&mut self, report: ReportRecord) {
        if self.limits.reports == 0 {
            return;
        }
        let key = (report.udi, report.id);
        self.touch(|touched| touched.reports.insert(key));
        if let Some(known) = self.reports.get_mut(&key) {
            known.times = known.times.saturating_add(1);
            known.broken = report.broken;
            // Whoever pushed it last waits for an ACK of its own.
            known.held = match (known.held.take(), report.held) {
                (Some(before), Some(now)) if before.sender == now.sender => Some(before),
                (before, now) => now.or(before),
            };
            self.index_held(key);
            return;
        }
        let free = |key: &(Udi, ReportId)| self.reports.get(key).is_none_or(|known| known.held.is_none());
        if self.reports.len() >= self.limits.reports
            && let Some(at) = self.report_order.iter().position(free)
            && let Some(oldest) = self.report_order.remove(at)
        {
            self.reports.remove(&oldest);
            self.touch(|touched| touched.reports.insert(oldest));
            self.reports_dropped += 1;
            // One event for each power of two: enough to see it, too few to hide the rest.
            if self.reports_dropped.is_power_of_two() {
                let event = Event::ReportsDropped(self.reports_dropped);
                self.note(EventRecord { at: report.received, device: None, event });
            }
        }
        let received = report.received;
        self.report_order.push_back(key);
        self.reports.insert(key, report);
        self.index_held(key);
        self.retire_reports(received);
    }

    /// Lets reports go that are older than what is kept; one that waits for CSSM stays.
    fn retire_reports(&mut self, now: Wall) {
        let Some(age) = self.limits.report_age_ms else { return };
        let first = now.plus_millis(-age);
        while let Some(key) = self.report_order.front().copied()
            && self.reports.get(&key).is_none_or(|report| report.received < first && report.held.is_none())
        {
            self.report_order.pop_front();
            self.reports.remove(&key);
            self.touch(|touched| touched.reports.insert(key));
        }
    }

    /// Forgets a report.
    fn drop_report(&mut self, key: (Udi, ReportId)) {
        if self.reports.remove(&key).is_some() {
            self.report_order.retain(|other| *other != key);
        }
        self.touch(|touched| touched.reports.insert(key));
        self.index_held(key);
    }

    fn index_held(&mut self, key: (Udi, ReportId)) {
        let held = self.reports.get(&key).and_then(|report| report.held.as_ref());
        self.waiting.set(key, held.map(|held| (held.sender, held.envelope.len())));
    }
}

/// What a store-and-forward peer and the REST interface keep.
impl Memory {
    /// A report, where it is kept.
    #[must_use]
    pub fn report(&self, udi: &Udi, id: ReportId) -> Option<&ReportRecord> {
        self.reports.get(&(*udi, id))
    }

    /// The devices with reports that wait for CSSM.
    pub fn holders(&self) -> impl ExactSizeIterator<Item = &Udi> {
        self.waiting.senders()
    }

    /// The same devices, those behind `last` in the order of UDIs first.
    pub(crate) fn holders_after(&self, last: Option<&Udi>) -> impl Iterator<Item = &Udi> {
        self.waiting.senders_after(last)
    }

    /// The reports that a device has pushed and that wait for CSSM, oldest first, with whose usage they are.
    pub fn held(&self, sender: &Udi) -> impl DoubleEndedIterator<Item = ((Udi, ReportId), &Held)> {
        self.waiting.of(sender).filter_map(|key| Some((key, self.reports.get(&key)?.held.as_ref()?)))
    }

    /// How many reports wait for CSSM.
    #[must_use]
    pub fn held_count(&self) -> usize {
        self.waiting.count()
    }

    /// How many more may wait.
    fn report_room(&self) -> usize {
        match self.waiting.bytes() < self.limits.held_bytes {
            true => self.limits.reports.saturating_sub(self.waiting.count()),
            false => 0,
        }
    }

    /// Changes how a report waits; `None` ends it.
    pub(crate) fn hold(&mut self, udi: &Udi, id: ReportId, change: impl FnOnce(Held) -> Option<Held>) {
        let key = (*udi, id);
        if let Some(report) = self.reports.get_mut(&key) {
            report.held = report.held.take().and_then(change);
            self.touch(|touched| touched.reports.insert(key));
            self.index_held(key);
        }
    }

    /// What was uploaded under that poll id.
    #[must_use]
    pub fn upload(&self, poll_id: u64) -> Option<&Upload> {
        self.uploads.get(poll_id)
    }

    /// The poll id under which that push was uploaded last.
    #[must_use]
    pub fn upload_of(&self, push: (Udi, PollId)) -> Option<u64> {
        self.uploads.of_push(push)
    }

    /// Keeps an upload; the oldest ones go where there are too many.
    pub(crate) fn put_upload(&mut self, poll_id: u64, upload: Upload) {
        let gone = self.uploads.put(poll_id, upload);
        self.touch(|touched| {
            touched.uploads.extend(gone);
            touched.uploads.insert(poll_id)
        });
    }
}

impl Store for Memory {
    fn load(&self, keys: &Keys<'_>) -> Loaded<'_> {
        Loaded {
            accounts: &self.accounts,
            devices: keys.devices.iter().map(|udi| self.devices.get(udi)).collect(),
            token: keys.token.and_then(|text| self.tokens.get(text)),
            room: self.limits.devices.saturating_sub(self.devices.len()),
            report_room: self.report_room(),
        }
    }

    fn commit(&mut self, changes: Changes) {
        for device in changes.devices {
            self.touch(|touched| touched.devices.insert(device.udi));
            self.devices.insert(device.udi, device);
        }
        if let Some(token) = changes.token_used.and_then(|text| self.token_mut(&text)) {
            token.uses = token.uses.saturating_add(1);
        }
        for report in changes.reports {
            self.put_report(report);
        }
        for key in changes.answered {
            if let Some(report) = self.reports.get_mut(&key) {
                report.answered = true;
                self.touch(|touched| touched.reports.insert(key));
            }
        }
        for event in changes.events {
            self.note(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persist::Line;
    use slpsim_transport::message::Word;

    fn report(id: u64) -> ReportRecord {
        ReportRecord {
            udi: Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap(),
            id: ReportId(id),
            tag: Word::Borrowed("regid"),
            start: Wall(0),
            end: Wall(1),
            peak: 1,
            received: Wall(2),
            times: 1,
            broken: None,
            answered: false,
            held: None,
        }
    }

    #[test]
    fn the_oldest_report_goes_when_there_are_too_many_and_the_loss_is_told() {
        let limits = Limits { reports: 2, ..Limits::default() };
        let mut memory = Memory::new(&Config { limits, ..Config::default() });
        let reports = vec![report(1), report(2), report(2), report(3)];
        memory.commit(Changes { reports, ..Changes::default() });
        let kept: Vec<_> = memory.reports().map(|report| (report.id.0, report.times)).collect();
        assert_eq!(kept, [(2, 2), (3, 1)]);
        assert_eq!(memory.events().map(|event| event.event).collect::<Vec<_>>(), [Event::ReportsDropped(1)]);
    }

    #[test]
    fn reports_that_are_too_old_go_unless_they_wait_for_cssm() {
        let limits = Limits { report_age_ms: Some(1_000), ..Limits::default() };
        let mut memory = Memory::new(&Config { limits, ..Config::default() });
        let at = |id, received| ReportRecord { received: Wall(received), ..report(id) };
        let held = |report: ReportRecord| ReportRecord {
            held: Some(Held { sender: report.udi, envelope: "<RUMReport/>".into(), upload: None }),
            ..report
        };
        let mut ids_after = |report| {
            memory.commit(Changes { reports: vec![report], ..Changes::default() });
            memory.reports().map(|report| report.id.0).collect::<Vec<_>>()
        };
        assert_eq!(ids_after(at(1, 0)), [1]);
        assert_eq!(ids_after(at(2, 1_000)), [1, 2], "to the millisecond");
        assert_eq!(ids_after(held(at(3, 1_500))), [2, 3]);
        assert_eq!(ids_after(at(4, 9_000)), [3, 4]);
    }

    #[test]
    fn a_token_is_never_printed() {
        let mut memory = Memory::new(&Config::default());
        let token = Token {
            account: AccountId(0),
            issued: Wall(0),
            expires: None,
            max_uses: None,
            uses: 0,
            revoked: false,
        };
        memory.add_token("EXAMPLETOKEN0001", token).unwrap();
        assert!(!format!("{memory:?}").contains("EXAMPLETOKEN0001"));
    }

    /// A journal has a line for each use of a token.
    #[test]
    fn a_store_that_is_full_of_tokens_still_takes_the_new_form_of_one() {
        let limits = Limits { tokens: 1, ..Limits::default() };
        let mut memory = Memory::new(&Config { limits, ..Config::default() });
        let token = Token {
            account: AccountId(0),
            issued: Wall(0),
            expires: None,
            max_uses: Some(1),
            uses: 0,
            revoked: false,
        };
        memory.add_token("EXAMPLETOKEN0001", token.clone()).unwrap();
        memory.take(Line::of_token("EXAMPLETOKEN0001", &Token { uses: 1, ..token.clone() })).unwrap();
        assert_eq!(memory.token_mut("EXAMPLETOKEN0001").map(|token| token.uses), Some(1));
        assert!(memory.add_token("EXAMPLETOKEN0002", token).is_err());
    }
}

//! The mock as a whole: rules, records, history, faults and what an operator changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use slpsim_agent::{Account as Names, ReportId, Token as TokenText, Udi, numbers};
use slpsim_policy::time::DAY_MS;
use slpsim_policy::{Policy, Wall};
use slpsim_transport::message::Word;
use slpsim_transport::sign::PublicKey;

use crate::config::{AckMode, Config, Limits};
use crate::decide::{Cx, decide};
use crate::draw::{For, Luck};
use crate::exchange::{Answer, Arrived, Steer};
use crate::fault::{Fault, FaultSpec, Faults, is_called};
use crate::history::{History, Note, status_word};
use crate::keeping::Journaled;
use crate::peer::{Peer, Role, Route};
use crate::records::{
    Account, AccountId, AccountPolicy, Device, Event, EventRecord, Membership, Token, Trust,
};
use crate::rule::Broken;
use crate::store::{Full, Memory, Store};

/// The other side: everything that a mock CSSM, CSLU or SSM On-Prem knows and does, without a wire.
///
/// A simulation calls [`Cssm::handle`] with messages as values; a server does the same after reading and verifying.
/// Time is an argument everywhere and is the true time: [`Cssm::clock`] adds the skew that was set.
#[derive(Debug)]
pub struct Cssm {
    pub(crate) config: Config,
    pub(crate) ack_mode: AckMode,
    pub(crate) skew_ms: i64,
    luck: Luck,
    pub(crate) store: Memory,
    history: History,
    pub(crate) faults: Faults,
    pub(crate) tokens_made: u64,
    pub(crate) policies_made: u64,
    pub(crate) uploads_made: u64,
    pub(crate) journaled: Journaled,
    pub(crate) is_guest: bool,
}

/// Why an operator's wish cannot be fulfilled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManageError {
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The wish itself is wrong.
    #[error("{0}")]
    Wrong(String),
    /// The mock holds as many as it may.
    #[error(transparent)]
    Full(#[from] Full),
}

/// What an id token shall be good for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenWish {
    /// Smart Account; absent: that of the Virtual Account.
    pub smart: Option<String>,
    /// Virtual Account; absent: the default one. One that does not exist is made.
    pub r#virtual: Option<String>,
    /// From when on it is refused, in days; absent: never.
    pub expires_after_days: Option<u32>,
    /// How many trust requests it is good for; absent: any number.
    pub max_uses: Option<u32>,
    /// Its text, where it must be a certain one.
    pub text: Option<TokenText>,
}

impl Cssm {
    /// A mock in its first state.
    ///
    /// # Errors
    /// Where `config` has no account, or two of one name.
    pub fn new(config: Config) -> Result<Self, ManageError> {
        if config.accounts.is_empty() {
            return Err(ManageError::Wrong(
                "a mock needs at least one account; leave `accounts` out for the default one".into(),
            ));
        }
        let names: BTreeSet<_> =
            config.accounts.iter().map(|account| (&account.names.smart, &account.names.r#virtual)).collect();
        if names.len() < config.accounts.len() {
            return Err(ManageError::Wrong("two accounts of the mock have the same names".into()));
        }
        Ok(Self {
            ack_mode: config.ack_mode,
            skew_ms: 0,
            luck: Luck::seeded(config.seed),
            store: Memory::new(&config),
            history: History::new(config.limits.exchanges, config.limits.text),
            faults: Faults::default(),
            tokens_made: 0,
            policies_made: 0,
            uploads_made: 0,
            journaled: Journaled::default(),
            is_guest: false,
            config,
        })
    }

    /// One that opens the records of another and leaves them as they are: it has no accounts and settings of its own, and
    /// no limits.
    ///
    /// # Errors
    /// As [`Cssm::new`].
    pub fn guest() -> Result<Self, ManageError> {
        Ok(Self { is_guest: true, ..Self::new(Config { limits: Limits::none(), ..Config::default() })? })
    }

    /// What it was told at its start.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Plays another role from now on, or the same with another connection or release; accounts and devices stay. As
    /// where a server is replaced or upgraded under the address that devices know.
    pub const fn set_role(&mut self, role: Role, connected: bool, down_rev: bool) {
        self.config.role = role;
        self.config.connected = connected;
        self.config.down_rev = down_rev;
    }

    /// The server's clock at the true time `now`.
    #[must_use]
    pub const fn clock(&self, now: Wall) -> Wall {
        now.plus_millis(self.skew_ms)
    }

    /// Server's clock minus true time, in milliseconds.
    #[must_use]
    pub const fn skew_ms(&self) -> i64 {
        self.skew_ms
    }

    /// Sets the server's clock against the true one.
    pub const fn set_skew_ms(&mut self, skew_ms: i64) {
        self.skew_ms = skew_ms;
    }

    /// Answers a message.
    pub fn handle(&mut self, now: Wall, arrived: &Arrived<'_>) -> Answer {
        self.handle_steered(now, arrived, &Steer::default())
    }

    /// Answers a message as [`Cssm::handle`] does, where an operator or a fault has a say.
    pub fn handle_steered(&mut self, now: Wall, arrived: &Arrived<'_>, steer: &Steer) -> Answer {
        let true_at = now;
        let now = self.clock(now);
        let keys = arrived.keys();
        let loaded = self.store.load(&keys);
        let peer = self.peer(&arrived.route);
        let decision = decide(&Cx {
            config: &self.config,
            ack_mode: self.ack_mode,
            luck: self.luck,
            now,
            peer: &peer,
            loaded: &loaded,
            arrived,
            steer,
        });
        let header = &arrived.message.header;
        let number = self.history.note(Note {
            at: now,
            true_at,
            route: Some(&arrived.route),
            device: Some(header.udi),
            purpose: arrived.message.request_type().purpose(),
            answer: status_word(&decision.message.status),
            rule: decision.rule.map(Broken::Mock),
        });
        self.store.commit(decision.changes);
        Answer { message: decision.message, rule: decision.rule, number }
    }

    /// How this mock behaves at `route`.
    #[must_use]
    pub fn peer(&self, route: &Route) -> Peer {
        let peer = Peer::at(self.config.role, self.config.connected, self.config.down_rev, route);
        Peer { judges: peer.judges && !self.config.relay, ..peer }
    }

    /// Notes something that could not be read; `answer` says what it was answered. Its number.
    pub fn refuse_unread(&mut self, now: Wall, route: Option<&Route>, rule: Broken, answer: Word) -> u64 {
        let at = self.clock(now);
        let (device, purpose) = (None, None);
        self.history.note(Note { at, true_at: now, route, device, purpose, answer, rule: Some(rule) })
    }

    /// Notes an exchange that a fault ended before the rules saw it. Its number.
    pub fn note_fault_only(&mut self, now: Wall, arrived: &Arrived<'_>, fault: u64, answer: Word) -> u64 {
        let number = self.note_unjudged(now, arrived, answer);
        self.history.faulted(number, fault);
        number
    }

    /// Notes an exchange that was answered without the rules: by somebody else, or by a fault. Its number.
    pub fn note_unjudged(&mut self, now: Wall, arrived: &Arrived<'_>, answer: Word) -> u64 {
        self.history.note(Note {
            at: self.clock(now),
            true_at: now,
            route: Some(&arrived.route),
            device: Some(arrived.message.header.udi),
            purpose: arrived.message.request_type().purpose(),
            answer,
            rule: None,
        })
    }

    /// The identities with which a device may have signed, newest first. One with a certificate request and without a
    /// key has to be certified again, after a restart; one without both came with an ACK: nothing in a poll carries a
    /// key.
    #[must_use]
    pub fn trusts_of(&self, udi: &Udi) -> Vec<Trust> {
        self.store.device(udi).map(|device| device.trusts().cloned().collect()).unwrap_or_default()
    }

    /// Notes the public key of an ID certificate that was made.
    pub fn set_key(&mut self, udi: &Udi, serial: u64, key: Arc<PublicKey>) {
        self.store.set_key(udi, serial, key);
    }

    /// The certificate request for which the trust code with this serial number was made.
    #[must_use]
    pub fn csr_of(&self, udi: &Udi, serial: u64) -> Option<Arc<str>> {
        self.store.device(udi)?.trust_by_serial(serial)?.csr.clone()
    }

    /// What happened.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// What happened, to be added to.
    pub const fn history_mut(&mut self) -> &mut History {
        &mut self.history
    }

    /// What it knows.
    #[must_use]
    pub const fn store(&self) -> &Memory {
        &self.store
    }

    pub(crate) const fn store_mut(&mut self) -> &mut Memory {
        &mut self.store
    }

    /// Draws, for those who damage answers.
    #[must_use]
    pub const fn luck(&self) -> Luck {
        self.luck
    }
}

/// What an operator does (`interface.md` §7).
impl Cssm {
    /// Makes an id token.
    ///
    /// # Errors
    /// Where the wish is out of range, or there are too many tokens or accounts.
    pub fn make_token(&mut self, now: Wall, wish: &TokenWish) -> Result<TokenText, ManageError> {
        if wish.expires_after_days.is_some_and(|days| days == 0 || days > 36_500) {
            return Err(ManageError::Wrong("expires_after_days must lie between 1 and 36500".into()));
        }
        if wish.max_uses == Some(0) {
            return Err(ManageError::Wrong("max_uses must be 1 or more; leave it out for any number".into()));
        }
        let account = match (&wish.smart, &wish.r#virtual) {
            (None, None) => AccountId(0),
            (smart, r#virtual) => self.account_or_new(smart.as_deref(), r#virtual.as_deref())?,
        };
        let text = match &wish.text {
            Some(text) => text.clone(),
            None => self.draw_token()?,
        };
        let now = self.clock(now);
        let days = wish.expires_after_days.map(i64::from);
        let token = Token {
            account,
            issued: now,
            expires: days.map(|days| now.plus_millis(days.saturating_mul(DAY_MS))),
            max_uses: wish.max_uses,
            uses: 0,
            revoked: false,
        };
        self.store.add_token(text.expose(), token)?;
        Ok(text)
    }

    /// Takes an id token back. Whether there is such a token.
    pub fn revoke_token(&mut self, text: &str) -> bool {
        self.store.token_mut(text).map(|token| token.revoked = true).is_some()
    }

    /// The account of that name; one that does not exist is made, without a policy, within the default Smart Account
    /// unless `smart` names one.
    ///
    /// # Errors
    /// Where a name is unusable, or there are too many accounts.
    pub fn account_or_new(
        &mut self,
        smart: Option<&str>,
        r#virtual: Option<&str>,
    ) -> Result<AccountId, ManageError> {
        let first = self.store.accounts().first().map(|account| account.names.clone());
        let Some(first) = first else { return Err(ManageError::NotFound("there is no account".into())) };
        let virtual_name = r#virtual.unwrap_or(&first.r#virtual);
        if let Some(id) = self.store.account_by_name(smart, virtual_name) {
            return Ok(id);
        }
        let smart = smart.unwrap_or(&first.smart);
        for name in [smart, virtual_name] {
            let usable =
                !name.is_empty() && name.chars().count() <= 127 && !name.chars().any(char::is_control);
            if !usable {
                return Err(ManageError::Wrong(
                    "an account's name has 1 to 127 characters and no control characters".into(),
                ));
            }
        }
        let names = Names { smart: smart.into(), r#virtual: virtual_name.into() };
        Ok(self.store.add_account(Account::named(names))?)
    }

    /// The account of that name.
    ///
    /// # Errors
    /// Where there is none.
    pub fn account(&self, r#virtual: &str) -> Result<&Account, ManageError> {
        let id = self.store.account_by_name(None, r#virtual);
        id.and_then(|id| self.store.accounts().get(usize::from(id.0))).ok_or_else(|| {
            let names: Vec<_> =
                self.store.accounts().iter().map(|account| account.names.r#virtual.as_str()).collect();
            ManageError::NotFound(format!(
                "no Virtual Account is called {virtual:?}; there are {}",
                names.join(", ")
            ))
        })
    }

    /// Sets who may join an account; one that does not exist is made.
    ///
    /// # Errors
    /// As [`Cssm::account_or_new`].
    pub fn set_membership(&mut self, r#virtual: &str, membership: Membership) -> Result<(), ManageError> {
        let id = self.account_or_new(None, Some(r#virtual))?;
        self.set_membership_of(id, membership);
        Ok(())
    }

    /// Sets who may join an account.
    pub fn set_membership_of(&mut self, id: AccountId, membership: Membership) {
        if let Some(account) = self.store.account_mut(id) {
            account.membership = membership;
        }
    }

    /// Sets the policy that answers carry from now on; an account that does not exist is made.
    ///
    /// # Errors
    /// As [`Cssm::account_or_new`].
    pub fn set_policy(&mut self, r#virtual: &str, policy: Option<Policy>) -> Result<(), ManageError> {
        let id = self.account_or_new(None, Some(r#virtual))?;
        self.set_policy_of(id, policy);
        Ok(())
    }

    /// Sets the policy that answers of an account carry from now on.
    pub fn set_policy_of(&mut self, id: AccountId, policy: Option<Policy>) {
        self.policies_made += 1;
        let uuid = self.luck.uuid_text(1, For::Policy, self.policies_made);
        if let Some(account) = self.store.account_mut(id) {
            account.policy = policy.map(|policy| AccountPolicy { id: uuid, policy });
        }
    }

    /// The device that is called so: a UDI in any spelling, or a serial number.
    #[must_use]
    pub fn device_called(&self, name: &str) -> Option<&Device> {
        self.store.devices().find(|device| is_called(name, &device.udi))
    }

    /// Forgets a device. Whether there was one of that name.
    pub fn remove_device(&mut self, name: &str, now: Wall) -> bool {
        let udi = self.device_called(name).map(|device| device.udi);
        udi.is_some_and(|udi| self.forget(&udi, now))
    }

    /// Forgets the device with this UDI. Whether there was one.
    pub fn forget(&mut self, udi: &Udi, now: Wall) -> bool {
        let now = self.clock(now);
        self.store.remove_device(udi, now)
    }

    /// Sets when ACKs become ready, also those of pushes that wait.
    pub const fn set_ack_mode(&mut self, mode: AckMode) {
        self.ack_mode = mode;
    }

    /// When ACKs become ready.
    #[must_use]
    pub const fn ack_mode(&self) -> AckMode {
        self.ack_mode
    }

    /// Makes the ACKs of all pushes ready that wait, or of those of `devices`. How many there were.
    ///
    /// For a disconnected CSLU or On-Prem this is the file round: what was downloaded for Cisco has come back.
    pub fn release_acks(&mut self, devices: &[String]) -> usize {
        let mut released = 0;
        let waits = |device: &Device| {
            device.polls.iter().any(|pending| !pending.released && !pending.answered)
                && (devices.is_empty() || crate::fault::names(devices, &device.udi))
        };
        let waiting: Vec<Udi> =
            self.store.devices().filter(|device| waits(device)).map(|device| device.udi).collect();
        for udi in waiting {
            let Some(device) = self.store.device_mut(&udi) else { continue };
            for pending in device.polls.iter_mut().filter(|pending| !pending.released && !pending.answered) {
                pending.released = true;
                pending.not_before = None;
                released += 1;
            }
        }
        released
    }

    /// Reports that wait for their ACK to be fetched, by device.
    pub fn waiting(&self) -> impl Iterator<Item = (Udi, ReportId)> {
        self.store.devices().flat_map(|device| {
            let open = device.polls.iter().filter(|pending| !pending.answered);
            open.flat_map(|pending| &pending.reports).map(|(id, _)| (device.udi, *id))
        })
    }

    /// Begins a fault. Its number.
    ///
    /// # Errors
    /// Says in one line what is wrong with `spec`.
    pub fn begin_fault(&mut self, spec: FaultSpec, now: Wall) -> Result<u64, ManageError> {
        let now = self.clock(now);
        let limit = self.config.limits.faults;
        let id = self.faults.begin(spec, now, limit).map_err(ManageError::Wrong)?;
        self.store.note(EventRecord { at: now, device: None, event: Event::FaultBegan(id) });
        Ok(id)
    }

    /// Ends a fault. Whether it was in force.
    pub fn end_fault(&mut self, id: u64, now: Wall) -> bool {
        let ended = self.faults.end(id);
        if ended {
            let at = self.clock(now);
            self.store.note(EventRecord { at, device: None, event: Event::FaultEnded(id) });
        }
        ended
    }

    /// Whether a fault was begun that has not ended.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        self.faults.count() > 0
    }

    /// The faults that were begun and have not ended, as they stand.
    #[must_use]
    pub fn active_faults(&self) -> Vec<Fault> {
        self.faults.active()
    }

    /// Those in force at true time `now`, for somebody who only looks: whatever is over is left for [`Cssm::faults`].
    #[must_use]
    pub fn faults_in_force(&self, now: Wall) -> Vec<Fault> {
        let at = self.clock(now);
        let in_force = |fault: &Fault| at < fault.until && fault.left != Some(0);
        self.faults.active().into_iter().filter(in_force).collect()
    }

    /// The faults in force; those whose time is over are ended first.
    pub fn faults(&mut self, now: Wall) -> &mut Faults {
        let at = self.clock(now);
        for id in self.faults.expire(at) {
            self.store.note(EventRecord { at, device: None, event: Event::FaultEnded(id) });
        }
        &mut self.faults
    }

    fn draw_token(&mut self) -> Result<TokenText, ManageError> {
        let text = self.luck.token(self.tokens_made, TOKEN_LETTERS);
        self.tokens_made += 1;
        TokenText::new(&text).map_err(|error| ManageError::Wrong(format!("an id token {error}")))
    }
}

/// Letters of an id token: 64 × 5 bits, so that none is ever guessed (`spec/behaviour.md` §16 allows 255).
const TOKEN_LETTERS: usize = 64;
const _: () = assert!(TOKEN_LETTERS <= numbers::TOKEN_MAX_CHARS);

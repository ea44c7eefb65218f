//! What the mock knows, as records: accounts, id tokens, product instances, reports, and what happened.

use std::collections::BTreeSet;
use std::sync::Arc;

use slpsim_agent::{
    Account as Names, IdCert, InstanceId, PollId, Purpose, ReportId, Token as TokenText, Udi,
};
use slpsim_policy::{Policy, Wall};
use slpsim_transport::message::{AuthEntry, Nonce, Word};
use slpsim_transport::sign::PublicKey;

use crate::peer::Route;
use crate::rule::{Broken, Rule};

/// Position of an account in the store; accounts are never removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u16);

/// A Virtual Account within its Smart Account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Smart and Virtual Account.
    pub names: Names,
    /// Who may join.
    pub membership: Membership,
    /// The policy that answers carry; without one the devices keep the Cisco default.
    pub policy: Option<AccountPolicy>,
    /// The policy file that came from CSSM last, at a peer that is not CSSM itself.
    pub policy_file: Option<Arc<str>>,
}

impl Account {
    /// One that takes everybody and has no policy.
    #[must_use]
    pub const fn named(names: Names) -> Self {
        Self { names, membership: Membership::Open, policy: None, policy_file: None }
    }
}

/// Who may join an account (`spec/behaviour.md` §6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Membership {
    /// Everybody whom no other account has.
    #[default]
    Open,
    /// Those on the list (`spec/chapter.md` S-35b).
    Listed(BTreeSet<Udi>),
}

impl Membership {
    /// Whether the account takes `udi`.
    #[must_use]
    pub fn takes(&self, udi: &Udi) -> bool {
        match self {
            Self::Open => true,
            Self::Listed(list) => list.contains(udi),
        }
    }
}

/// A policy with the id under which the account has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPolicy {
    /// Uuid as text, new with every change.
    pub id: String,
    /// What it asks for.
    pub policy: Policy,
}

/// An id token, without its text: that is the key under which the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Where a device that shows it will belong.
    pub account: AccountId,
    /// When it was made.
    pub issued: Wall,
    /// From when on it is refused.
    pub expires: Option<Wall>,
    /// How many trust requests it is good for.
    pub max_uses: Option<u32>,
    /// How many it was used for.
    pub uses: u32,
    /// Taken back by the operator.
    pub revoked: bool,
}

impl Token {
    /// What is wrong with it at `now`, if anything.
    #[must_use]
    pub fn refusal(&self, now: Wall) -> Option<Rule> {
        if self.revoked {
            return Some(Rule::TokenRevoked);
        }
        if self.expires.is_some_and(|expires| now >= expires) {
            return Some(Rule::TokenExpired);
        }
        self.max_uses.is_some_and(|max| self.uses >= max).then_some(Rule::TokenUsedUp)
    }
}

/// A product instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its UDI.
    pub udi: Udi,
    /// Where it belongs.
    pub account: AccountId,
    /// When it was added.
    pub first_seen: Wall,
    /// Its last request.
    pub last_seen: Wall,
    /// As it last said; absent with `license smart privacy hostname`.
    pub hostname: Option<Box<str>>,
    /// As it last said.
    pub software_tag: Option<Word>,
    /// The identity that it named last; a CSLU tells CSSM with it who has no trust code yet.
    pub named: Option<InstanceId>,
    /// The identity that it was given last.
    pub trust: Option<Trust>,
    /// The identity before that, good until the new one is seen: the answer with the new one may have been lost.
    pub previous: Option<Trust>,
    /// Identities before that, oldest first, for their keys: a report keeps the signature with which it was closed
    /// (`spec/formats.md` §13), however often the identity has changed since.
    pub past: Vec<Trust>,
    /// Reports that wait for their ACK to be fetched, and the last ones that were; oldest first.
    pub polls: Vec<Pending>,
    /// Authorization that it holds (`mds9000`).
    pub authorized: Vec<AuthEntry>,
    /// How many ids were drawn for it.
    pub draws: u64,
}

impl Device {
    /// One that was never seen before.
    #[must_use]
    pub const fn new(udi: Udi, account: AccountId, now: Wall) -> Self {
        Self {
            udi,
            account,
            first_seen: now,
            last_seen: now,
            hostname: None,
            software_tag: None,
            named: None,
            trust: None,
            previous: None,
            past: Vec::new(),
            polls: Vec::new(),
            authorized: Vec::new(),
            draws: 0,
        }
    }

    /// Notes host name and software tag.
    pub(crate) fn says_of_itself(&mut self, hostname: Option<&str>, software_tag: &Word) {
        self.hostname = hostname.map(|hostname| begin(hostname).into());
        self.software_tag = Some(kept(software_tag));
    }

    /// The identity before is over; its key still verifies old reports.
    pub fn retire_previous(&mut self) {
        if let Some(old) = self.previous.take() {
            if self.past.len() >= PAST {
                self.past.remove(0);
            }
            self.past.push(old);
        }
    }

    /// The trust whose identity is `instance`, the current one or the one before.
    #[must_use]
    pub fn trust_of(&self, instance: InstanceId) -> Option<&Trust> {
        [&self.trust, &self.previous].into_iter().flatten().find(|trust| trust.identity.instance == instance)
    }

    /// All identities that it was given and that are kept, newest first.
    pub fn trusts(&self) -> impl Iterator<Item = &Trust> {
        [&self.trust, &self.previous].into_iter().flatten().chain(self.past.iter().rev())
    }

    /// The trust whose ID certificate has this serial number.
    #[must_use]
    pub fn trust_by_serial(&self, serial: u64) -> Option<&Trust> {
        self.trusts().find(|trust| trust.identity.serial == serial)
    }
}

/// A trust code that was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Product instance identifier and serial number of the ID certificate.
    pub identity: IdCert,
    /// `TrustId`.
    pub trust_id: u32,
    /// When it was issued.
    pub issued: Wall,
    /// End of validity.
    pub valid_to: Wall,
    /// The certificate request (PEM) that it was made for, so that it can be renewed; absent where none came along: in
    /// process, and for trust that came with an ACK.
    pub csr: Option<Arc<str>>,
    /// The device's public key; absent as above, then signatures cannot be checked.
    pub key: Option<Arc<PublicKey>>,
    /// The id token that it was given for, until the device has named itself by it: before that the answer may have been
    /// lost, and whoever asks again for the same has not used the token twice (modelled).
    pub asked_with: Option<TokenText>,
}

/// A push whose ACK can be fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// As given with `OK_POLL`.
    pub poll_id: PollId,
    /// When the push came.
    pub received: Wall,
    /// Nonce of the push.
    pub nonce: Nonce,
    /// The verdict on each report: accepted, or the rule that it broke.
    pub reports: Vec<(ReportId, Option<Rule>)>,
    /// Whose usage each of them is, in the same order; empty where all of it is the sender's own. After a switchover the
    /// new active unit pushes what the old one has measured (`spec/behaviour.md` §10).
    pub units: Vec<Udi>,
    /// Not ready before this time (fault `late-ack`).
    pub not_before: Option<Wall>,
    /// Released by the operator, or brought back from CSSM by file.
    pub released: bool,
    /// Its ACK was given out at least once.
    pub answered: bool,
    /// The ACK file that came from CSSM.
    pub ack: Option<Arc<str>>,
}

impl Pending {
    /// The keys of its reports in the store; `sender` is whose push it is.
    pub fn keys(&self, sender: Udi) -> impl Iterator<Item = (Udi, ReportId)> + '_ {
        let ids = self.reports.iter().map(|(id, _)| *id).enumerate();
        ids.map(move |(at, id)| (self.units.get(at).copied().unwrap_or(sender), id))
    }
}

/// How many characters of a text are kept that a device says: records are many, a message may have megabytes.
pub const TEXT_CHARS: usize = 255;

fn begin(text: &str) -> &str {
    text.char_indices().nth(TEXT_CHARS).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// As much of a device's text as is kept.
pub(crate) fn kept(text: &Word) -> Word {
    let begin = begin(text);
    if begin.len() < text.len() { Word::Owned(begin.to_owned()) } else { text.clone() }
}

/// How many earlier identities of a device are kept.
pub const PAST: usize = 16;

/// How many [`Pending`] a device may have; a new push replaces the oldest (`spec/behaviour.md` §8: the poll id of a new
/// push replaces the old one, so one is enough for a device that works).
pub const POLLS_PER_DEVICE: usize = 4;

/// A RUM report that arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportRecord {
    /// Whose usage.
    pub udi: Udi,
    /// Its number.
    pub id: ReportId,
    /// Entitlement tag.
    pub tag: Word,
    /// First second measured.
    pub start: Wall,
    /// Last second measured.
    pub end: Wall,
    /// The highest count in it.
    pub peak: u32,
    /// When it came first.
    pub received: Wall,
    /// How often it came.
    pub times: u32,
    /// The rule that it broke when it came last.
    pub broken: Option<Rule>,
    /// An ACK that names it was given out.
    pub answered: bool,
    /// It waits for CSSM to judge it.
    pub held: Option<Held>,
}

/// A report on its way to CSSM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Who pushed it last and waits for an ACK that names it: the unit that it measures, or after a switchover the new
    /// active one.
    pub sender: Udi,
    /// The envelope of `spec/formats.md` §1.4, as it came.
    pub envelope: Arc<str>,
    /// The poll id that CSSM gave for it; absent until it was uploaded.
    pub upload: Option<u64>,
}

/// Something that was uploaded over the REST interface; its result is fetched by poll id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upload {
    /// ACKs of pushes, and whether a trust code belongs beside each.
    Acks(Vec<(Udi, PollId, bool)>),
    /// Authorization codes.
    Codes(Vec<AuthResult>),
}

/// One authorization, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthResult {
    /// Who asked.
    pub udi: Udi,
    /// Its identity, where it has one.
    pub instance: Option<InstanceId>,
    /// The file with the code; a return has none.
    pub file: Option<Arc<str>>,
    /// The text of the refusal.
    pub refused: Option<String>,
}

/// One exchange, for `GET requests`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// Its number since the start.
    pub number: u64,
    /// When, by the server's clock.
    pub at: Wall,
    /// The same by the true time: the server's clock may have been set anew since.
    pub true_at: Wall,
    /// Which route.
    pub route: Option<Route>,
    /// Who asked, as far as it could be read.
    pub device: Option<Udi>,
    /// What for, as far as it could be read.
    pub purpose: Option<Purpose>,
    /// What was answered: a status word, `HTTP <n>`, or what a fault did.
    pub answer: Word,
    /// The rule that was broken.
    pub rule: Option<Broken>,
    /// The fault that changed the answer, by its number.
    pub fault: Option<u64>,
    /// What arrived, where texts are kept.
    pub request: Option<Box<str>>,
    /// What was answered, where texts are kept.
    pub response: Option<Box<str>>,
}

/// Something worth knowing that is no exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRecord {
    /// When, by the server's clock.
    pub at: Wall,
    /// Which device, where one is concerned.
    pub device: Option<Udi>,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A device was added to an account.
    DeviceAdded(AccountId),
    /// The operator removed a device.
    DeviceRemoved,
    /// A trust code was given out.
    TrustIssued {
        /// Its `TrustId`.
        trust_id: u32,
    },
    /// A trust code was renewed.
    TrustRenewed {
        /// Its `TrustId`.
        trust_id: u32,
    },
    /// The device's clock is an hour or more off (`spec/behaviour.md` §9); device minus server, in milliseconds.
    ClockSkew(i64),
    /// A report was refused.
    ReportRejected(ReportId, Rule),
    /// The oldest reports had to go: more than the store holds.
    ReportsDropped(u64),
    /// An authorization code was given out or taken back.
    Authorization,
    /// The operator moved a device to another account.
    DeviceMoved(AccountId),
    /// An ACK for so many pushes came back from CSSM.
    AckBrought(usize),
    /// CSSM did not take the device's reports.
    UpstreamRefused,
    /// A fault began.
    FaultBegan(u64),
    /// A fault ended.
    FaultEnded(u64),
}

impl Event {
    /// Its word in `GET events`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::DeviceAdded(_) => "device-added",
            Self::DeviceRemoved => "device-removed",
            Self::TrustIssued { .. } => "trust-issued",
            Self::TrustRenewed { .. } => "trust-renewed",
            Self::ClockSkew(_) => "clock-skew",
            Self::ReportRejected(..) => "report-rejected",
            Self::ReportsDropped(_) => "reports-dropped",
            Self::Authorization => "authorization",
            Self::DeviceMoved(_) => "device-moved",
            Self::AckBrought(_) => "ack-brought",
            Self::UpstreamRefused => "upstream-refused",
            Self::FaultBegan(_) => "fault-began",
            Self::FaultEnded(_) => "fault-ended",
        }
    }
}

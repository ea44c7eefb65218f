//! The agent: what it is made of, and how inputs reach the file of their concern.

use alloc::boxed::Box;
use alloc::vec::Vec;

use slpsim_policy::{ClassSet, Facts, Mono, Phase, PushInterval, Rules, Wall, deadline, push_interval};

use crate::counters::Counters;
use crate::failure::Failure;
use crate::ha::Ha;
use crate::ids::{AgentId, PollId, Txn, Udi};
use crate::input::{BootCause, Command, CommandError, Input, Usage};
use crate::output::Output;
use crate::profile::{Profile, ProfileId};
use crate::reply::{AuthCode, Reply};
use crate::reporting::{Attempt, Ladder, Reporting};
use crate::request::{Purpose, Request};
use crate::rum::Rum;
use crate::settings::{Settings, TransportMode};
use crate::shared::{Interned, Shared};
use crate::sync::Sync;
use crate::timers::{Timer, TimerTable};
use crate::trust::{TrustData, TrustRequest};

/// Both clocks at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Elapsed time; timers run on it.
    pub mono: Mono,
    /// The device's clock; what is shown and compared with time stamps.
    pub wall: Wall,
}

/// What an agent is lent for one call.
#[derive(Debug)]
pub struct Cx<'a> {
    /// The time.
    pub now: Now,
    /// Which agent this is, for keyed draws.
    pub id: AgentId,
    /// What agents have in common.
    pub shared: &'a mut Shared,
    /// Where outputs are left, in order.
    pub out: &'a mut Vec<Output>,
}

/// The licensing agent of one product instance.
///
/// Drive it so: perform the outputs of each call in order; call [`Agent::handle`] with [`Input::Timeout`] when
/// [`Agent::next_deadline`] is reached, again until it lies in the future; report the end of each [`Output::Send`]
/// with [`Input::Completed`] before timers of the same instant (`spec/behaviour.md` §7.5).
#[derive(Clone, Debug, PartialEq)]
#[repr(C)] // keeps the order of the fields: what a busy fleet touches lies in the first 128 bytes
pub struct Agent {
    pub(crate) timers: TimerTable,
    pub(crate) in_flight: [Txn; Purpose::ALL.len()],
    pub(crate) last_txn: Txn,
    pub(crate) reporting: Reporting,
    pub(crate) attempt: Attempt,
    pub(crate) sync: Sync,
    pub(crate) settings: Settings,
    pub(crate) profile: ProfileId,
    pub(crate) phase: Phase,
    pub(crate) polls: u8,
    pub(crate) flags: Flags,

    pub(crate) ladder: Ladder,
    pub(crate) poll_id: Option<PollId>,
    pub(crate) udi: Udi,
    pub(crate) trust: Option<TrustData>,
    pub(crate) policy: Option<Interned>,
    pub(crate) policy_installed: Stamp,
    /// When the one in use was issued; a file with an older one is refused.
    pub(crate) policy_issued: Stamp,
    pub(crate) t0: Stamp,
    pub(crate) last_ack: Stamp,
    pub(crate) bound: Stamp,
    pub(crate) last_push: Stamp,
    pub(crate) last_file_write: Stamp,
    pub(crate) account: Option<Interned>,
    pub(crate) account_as_of: Stamp,
    pub(crate) down_since: Stamp,
    pub(crate) down_failures: u32,
    /// Those of [`Flags::stale`] that went straight to CSSM.
    pub(crate) stale_direct: u16,
    /// The generation of an identity that was given last.
    pub(crate) identity: u16,
    pub(crate) rum: Rum,
    pub(crate) spill: Option<Box<Spill>>,
}

const _: () = assert!(size_of::<Agent>() <= 640, "a million agents are bound by cache misses");
const _: () = assert!(core::mem::offset_of!(Agent, ladder) <= 128);

/// Facts that are true or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, a byte each")]
pub(crate) struct Flags {
    /// The durable state changed since the last [`Output::Persist`].
    pub(crate) dirty: bool,
    /// A report has been delivered since start or factory reset.
    pub(crate) delivered_since_start: bool,
    /// The push at start + 2 min, or the trust + 30 s that replaced it, has not begun.
    pub(crate) start_push_pending: bool,
    /// `next push` stands where `OK_TRY_AGAIN` put it, and closes no report.
    pub(crate) deferred: bool,
    /// A `license smart sync` waits for the usage exchange in flight.
    pub(crate) sync_queued: bool,
    /// An event push waits for the usage exchange in flight.
    pub(crate) push_queued: bool,
    /// The peer's capabilities are known.
    pub(crate) answered: bool,
    /// The last known capabilities lack `POLICY_USAGE`.
    pub(crate) down_rev: bool,
    /// The last hello failed.
    pub(crate) hello_failing: bool,
    /// Exchanges in flight that were sent to the peer before a change of transport or URL, a bit each by purpose.
    pub(crate) stale: u16,
    /// The clock is not authoritative yet.
    pub(crate) clock_unsure: bool,
    /// The start reminder waits until it is.
    pub(crate) start_reminder_waits: bool,
    /// The jobs of classic Smart Licensing run.
    pub(crate) renewals: bool,
    /// They have been cancelled for good.
    pub(crate) renewals_cancelled: bool,
}

/// A wall-clock time that may be absent, in eight bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(i64);

impl Stamp {
    pub(crate) const NONE: Self = Self(i64::MIN);

    pub(crate) const fn at(wall: Wall) -> Self {
        Self(wall.0)
    }

    pub(crate) fn get(self) -> Option<Wall> {
        (self != Self::NONE).then_some(Wall(self.0))
    }
}

impl From<Option<Wall>> for Stamp {
    fn from(wall: Option<Wall>) -> Self {
        wall.map_or(Self::NONE, Self::at)
    }
}

impl core::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.get().fmt(f)
    }
}

/// A clock that is off by more than 70 million years is taken for one that is off by 70 million years, so that a time
/// some days after now is after now.
fn within_time(wall: Wall) -> Wall {
    const END: i64 = i64::MAX / 4;
    Wall(wall.0.clamp(-END, END))
}

/// What few agents have, or only for a while.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spill {
    pub(crate) trust_request: Option<TrustRequest>,
    pub(crate) trust_refused: Option<crate::messages::TrustError>,
    pub(crate) ha: Ha,
    pub(crate) auth: Vec<InstalledAuth>,
    pub(crate) return_code: Option<Box<str>>,
    pub(crate) counters: Option<Box<Counters>>,
    /// When the device came from classic licensing.
    pub(crate) upgraded: Option<Wall>,
    /// The last moment that a restored state knows of.
    pub(crate) known_until: Option<Wall>,
}

/// An authorization code on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstalledAuth {
    pub(crate) code: AuthCode,
    pub(crate) installed: Wall,
}

impl Agent {
    /// A device as it leaves the factory, with licences in use as `usage` says; [`Input::Boot`] starts it.
    #[must_use]
    pub fn new(profile: ProfileId, udi: Udi, settings: Settings, usage: &[Usage]) -> Self {
        let mut agent = Self {
            timers: TimerTable::new(),
            in_flight: [Txn(0); Purpose::ALL.len()],
            last_txn: Txn(0),
            reporting: Reporting::Idle,
            attempt: Attempt::None,
            sync: Sync::None,
            flags: Flags { dirty: true, ..Flags::default() },
            settings,
            profile,
            phase: Phase::First,
            polls: 0,
            ladder: Ladder::default(),
            poll_id: None,
            udi,
            trust: None,
            policy: None,
            policy_installed: Stamp::NONE,
            policy_issued: Stamp::NONE,
            t0: Stamp::NONE,
            last_ack: Stamp::NONE,
            bound: Stamp::NONE,
            last_push: Stamp::NONE,
            last_file_write: Stamp::NONE,
            account: None,
            account_as_of: Stamp::NONE,
            down_since: Stamp::NONE,
            down_failures: 0,
            stale_direct: 0,
            identity: 0,
            rum: Rum::default(),
            spill: None,
        };
        agent.rum.usage = usage.iter().copied().filter(|row| row.count > 0).collect();
        agent
    }

    /// Takes one input. Infallible: a bad reply is an input like any other.
    pub fn handle(&mut self, cx: &mut Cx<'_>, input: Input) {
        cx.now.wall = within_time(cx.now.wall);
        let first = cx.out.len();
        match input {
            Input::Boot { cause, clock_authoritative } => self.boot(cx, cause, clock_authoritative),
            Input::Timeout => self.timeout(cx),
            Input::Completed { txn, result } => self.completed(cx, txn, result),
            Input::Usage(usage) => self.usage(cx, usage),
            Input::ClockStep { delta_ms } => self.clock_step(cx, delta_ms),
            Input::ClockAuthoritative => self.clock_authoritative(cx),
            Input::StandbyAdded(udi) => self.standby_added(cx, udi),
            Input::StandbyRemoved => self.standby_removed(cx),
            Input::Switchover => self.switchover(cx),
        }
        self.persist_before(cx, first);
    }

    /// Takes an operator's command.
    ///
    /// # Errors
    /// Where the device refuses the command at once. Nothing has changed then, but for what is good of a file of which
    /// [`CommandError::ImportRefused`] names the rest.
    pub fn command(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<(), CommandError> {
        cx.now.wall = within_time(cx.now.wall);
        let first = cx.out.len();
        let result = match command {
            Command::Trust { token, scope, force } => {
                self.trust_command(cx, token, scope, force);
                Ok(())
            }
            Command::Sync => {
                self.sync_command(cx);
                Ok(())
            }
            Command::FactoryReset => {
                self.factory_reset(cx);
                Ok(())
            }
            Command::Transport(transport) => {
                self.set_transport(cx, transport);
                Ok(())
            }
            Command::Url => {
                self.peer_changed(cx, self.settings.transport.is_direct());
                Ok(())
            }
            Command::UsageInterval(days) => self.set_interval(cx, days),
            Command::AuthorizationRequest { license, count } => self.auth_request(cx, license, count),
            Command::AuthorizationReturn => self.auth_return(cx),
            Command::SaveUsage(which) => self.save_usage(cx, which),
            Command::SaveTrustRequest => {
                self.save_trust_request(cx);
                Ok(())
            }
            Command::Import(import) => self.import(cx, *import),
        };
        self.persist_before(cx, first);
        result
    }

    /// The earliest timer, and what it is for; [`Input::Timeout`] runs exactly that one.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Mono, Timer)> {
        self.timers.next()
    }

    /// The profile of the device.
    #[must_use]
    pub const fn profile(&self) -> &'static Profile {
        self.profile.profile()
    }

    /// The settings that the agent acts on.
    #[must_use]
    pub const fn settings(&self) -> Settings {
        self.settings
    }

    /// Sets what the configuration says before [`Input::Boot`]; while it runs, [`Command`]s change settings.
    pub const fn set_settings(&mut self, settings: Settings) {
        self.settings = settings;
    }

    fn timeout(&mut self, cx: &mut Cx<'_>) {
        let Some((at, timer)) = self.timers.next().filter(|(at, _)| *at <= cx.now.mono) else {
            return; // early or double
        };
        self.timers.clear(timer);
        match timer {
            Timer::Poll => self.poll_due(cx),
            Timer::Hello => self.hello_due(cx),
            Timer::Trust => self.trust_due(cx),
            Timer::Report => self.report_due(cx),
            Timer::Sync => self.sync_due(cx),
            Timer::StartReminder => self.remind(cx, at),
            Timer::Reminder => {
                self.remind(cx, at);
                self.rearm_reminder(cx);
            }
            Timer::AuthRenew => self.renewal_due(cx, Purpose::AuthRenew),
            Timer::IdRenew => self.renewal_due(cx, Purpose::IdRenew),
            Timer::TrustRenew => self.trust_renewal_due(cx),
        }
    }

    fn completed(&mut self, cx: &mut Cx<'_>, txn: Txn, result: Result<Reply, Failure>) {
        let purpose = Purpose::ALL.into_iter().find(|purpose| self.in_flight[purpose.index()] == txn);
        let Some(purpose) = purpose.filter(|_| txn != Txn(0)) else {
            return; // cancelled, or of an earlier life
        };
        self.in_flight[purpose.index()] = Txn(0);
        self.count_result(cx, purpose, &result);
        let stale = self.flags.stale & purpose.bit() != 0;
        match result {
            Ok(reply) => {
                let direct = match stale {
                    true => self.stale_direct & purpose.bit() != 0,
                    false => self.settings.transport.is_direct(),
                };
                self.authenticated(cx, reply.capabilities, stale);
                self.answered(cx, purpose, reply, direct);
            }
            Err(failure) => {
                // What was never sent says nothing of the peer (`spec/messages.md` §7).
                if failure != Failure::NotBuilt {
                    self.comm_failed(cx, failure);
                }
                self.failed(cx, purpose);
            }
        }
    }

    fn answered(&mut self, cx: &mut Cx<'_>, purpose: Purpose, mut reply: Reply, direct: bool) {
        let elements = Self::take_elements(&mut reply, direct);
        match purpose {
            Purpose::Poll => self.poll_answered(cx, reply.status, elements),
            Purpose::Hello => self.install(cx, elements),
            Purpose::Trust => self.trust_answered(cx, reply.status, elements),
            Purpose::Usage => self.usage_answered(cx, reply.status, elements),
            Purpose::TrustSync => self.sync_answered(cx, elements),
            // A refusal brings no code, and no message is documented for it.
            Purpose::AuthRequest => self.install(cx, elements),
            Purpose::AuthReturn => self.auth_return_answered(cx, &reply.status),
            Purpose::AuthRenew | Purpose::IdRenew => self.renewal_answered(cx, purpose, &reply.status),
        }
    }

    fn failed(&mut self, cx: &mut Cx<'_>, purpose: Purpose) {
        match purpose {
            // The next poll stands since this one began.
            Purpose::Poll => {}
            Purpose::Hello => self.hello_failed(),
            // The repetition stands since the attempt began.
            Purpose::Trust => {}
            Purpose::Usage => self.usage_failed(cx),
            // An automatic one is repeated: its timer stands. A manual one leaves what was due as it was.
            Purpose::TrustSync => {}
            Purpose::AuthRequest | Purpose::AuthReturn => {}
            // The repetition stands since the attempt began.
            Purpose::AuthRenew | Purpose::IdRenew => {}
        }
    }

    pub(crate) fn send(&mut self, cx: &mut Cx<'_>, request: Request) {
        let purpose = request.purpose();
        self.last_txn = Txn(self.last_txn.0.checked_add(1).unwrap_or(1));
        self.in_flight[purpose.index()] = self.last_txn;
        self.flags.stale &= !purpose.bit();
        self.count_attempt(cx, purpose);
        let give_up_after = crate::numbers::EXCHANGE_TIMEOUT;
        cx.out.push(Output::Send { txn: self.last_txn, request, give_up_after });
    }

    pub(crate) fn is_in_flight(&self, purpose: Purpose) -> bool {
        self.in_flight[purpose.index()] != Txn(0)
    }

    pub(crate) fn cancel(&mut self, cx: &mut Cx<'_>, purpose: Purpose) {
        let txn = core::mem::take(&mut self.in_flight[purpose.index()]);
        if txn != Txn(0) {
            cx.out.push(Output::Cancel(txn));
        }
    }

    /// What an exchange depends on, and what a message announces, is durable before it is sent.
    fn persist_before(&mut self, cx: &mut Cx<'_>, first: usize) {
        if core::mem::take(&mut self.flags.dirty) {
            cx.out.insert(first, Output::Persist);
        }
    }

    pub(crate) fn rules(&self, shared: &Shared) -> Rules {
        let policy = self.policy.and_then(|policy| shared.policies.get(policy));
        Rules::merge(self.profile().cisco_default, policy)
    }

    pub(crate) fn in_use(&self) -> ClassSet {
        self.rum.classes_in_use(self.profile())
    }

    pub(crate) fn ack_deadline(&self, shared: &Shared) -> Option<Wall> {
        deadline(&self.rules(shared), &self.facts())
    }

    pub(crate) fn facts(&self) -> Facts {
        Facts {
            t0: self.t0.get(),
            policy_installed: self.policy_installed.get(),
            last_ack: self.last_ack.get(),
            phase: self.phase,
            in_use: self.in_use(),
            bound: self.bound.get(),
        }
    }

    pub(crate) fn configured_interval(&self, shared: &Shared) -> PushInterval {
        push_interval(&self.rules(shared), self.phase, self.in_use(), self.settings.usage_interval_days)
    }

    /// Whether exchanges of this transport are allowed now: `smart` and `callhome` need trust, `off` allows none.
    pub(crate) const fn may_talk(&self) -> bool {
        match self.settings.transport {
            TransportMode::Cslu => true,
            TransportMode::Smart | TransportMode::Callhome => self.trust.is_some(),
            TransportMode::Off => false,
        }
    }

    pub(crate) fn spill(&mut self) -> &mut Spill {
        self.spill.get_or_insert_default()
    }

    /// Gives back the memory of what few agents have, where it holds nothing.
    pub(crate) fn prune_spill(&mut self) {
        if self.spill.as_deref() == Some(&Spill::default()) {
            self.spill = None;
        }
    }

    pub(crate) fn boot_cause_registers(cause: BootCause) -> bool {
        matches!(cause, BootCause::Upgraded { registered: true })
    }
}

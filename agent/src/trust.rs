//! Trust codes (`spec/behaviour.md` §6).

use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use slpsim_policy::Wall;

use crate::agent::{Agent, Cx, Stamp};
use crate::elements::Elements;
use crate::files::ImportFault;
use crate::ids::{IdCert, Token, Udi};
use crate::input::Scope;
use crate::judge::{Carrier, Refusal, judge};
use crate::messages::{Message, TrustError};
use crate::numbers::{
    HELLO_AFTER_START, HOURLY_RETRY, NOT_POSSIBLE, REPORT_AFTER_TRUST, SYNC_AFTER_TRUST,
    TRUST_RENEWAL_BEFORE, TRY_AGAIN,
};
use crate::output::{Event, Output};
use crate::polling::given_or;
use crate::reply::{Element, Status, TrustCode};
use crate::report::{Role, Unit};
use crate::reporting::Reporting;
use crate::request::{Purpose, Request};
use crate::settings::TransportMode;
use crate::sync::Sync;
use crate::timers::Timer;

/// An installed trust code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TrustData {
    /// When it was installed.
    pub installed: Wall,
    /// When it ends.
    pub valid_to: Wall,
    /// Identity that it brought.
    pub identity: IdCert,
    /// `TrustId` of tech support.
    pub trust_id: u32,
    /// Which identity of this device it is; reports name the one that signed them.
    pub(crate) generation: u16,
}

/// A token command that has not been answered yet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TrustRequest {
    pub(crate) token: Token,
    pub(crate) scope: Scope,
    pub(crate) force: bool,
    pub(crate) attempts: u32,
}

impl Agent {
    pub(crate) fn trust_command(&mut self, cx: &mut Cx<'_>, token: Token, scope: Scope, force: bool) {
        if self.settings.transport == TransportMode::Off {
            return; // dropped, nothing is logged
        }
        if self.trust.is_some() && !force {
            // Once per UDI: of two units, each that has a code.
            let standby = self.standby().filter(|standby| standby.trust.is_some()).map(|standby| standby.udi);
            self.trust_failed(cx, self.udi, TrustError::AlreadyInstalled);
            if let (Scope::All, Some(standby)) = (scope, standby) {
                self.trust_failed(cx, standby, TrustError::AlreadyInstalled);
            }
            return;
        }
        // A new token replaces one that is under way.
        self.cancel(cx, Purpose::Trust);
        self.spill().trust_request = Some(TrustRequest { token, scope, force, attempts: 0 });
        self.trust_due(cx);
    }

    pub(crate) fn trust_due(&mut self, cx: &mut Cx<'_>) {
        if self.settings.transport == TransportMode::Off {
            self.timers.set_in(Timer::Trust, cx.now.mono, NOT_POSSIBLE);
            return;
        }
        if self.is_in_flight(Purpose::Trust) {
            // In scaled time an exchange may last longer than an hour: it ends by itself, and is not begun again before.
            self.timers.set_in(Timer::Trust, cx.now.mono, HOURLY_RETRY);
            return;
        }
        let Some(mut pending) = self.spill.as_mut().and_then(|spill| spill.trust_request.take()) else {
            return;
        };
        if !pending.force && self.has_trust(pending.scope) {
            return; // it came with an ACK in the meantime (§5.2)
        }
        pending.attempts = pending.attempts.saturating_add(1);
        let units = match pending.scope {
            Scope::Local => vec![Unit { role: Role::Active, udi: self.udi }],
            Scope::All => self.units().collect(),
        };
        let request = Request::Trust { token: pending.token.clone(), force: pending.force, units };
        self.spill().trust_request = Some(pending);
        // Counted from the start of the attempt; an answer takes it away.
        self.timers.set_in(Timer::Trust, cx.now.mono, HOURLY_RETRY);
        self.send(cx, request);
    }

    /// Whether all units that a request of that scope names have a trust code.
    fn has_trust(&self, scope: Scope) -> bool {
        let standby = || self.standby().is_none_or(|standby| standby.trust.is_some());
        self.trust.is_some() && (scope == Scope::Local || standby())
    }

    pub(crate) fn trust_answered(&mut self, cx: &mut Cx<'_>, status: Status, elements: Elements) {
        let asked = self.asked_units();
        match status {
            Status::TryAgain { after_s } => {
                self.timers.set_in(Timer::Trust, cx.now.mono, given_or(after_s, TRY_AGAIN));
            }
            Status::Refused { message } => {
                self.end_trust_request();
                for udi in asked {
                    self.trust_failed(cx, udi, TrustError::from_text(&message));
                }
            }
            Status::Ok | Status::OkPoll { .. } | Status::NoData => {
                self.end_trust_request();
                if elements.trust.is_empty() {
                    // A server that says OK and brings nothing (modelled).
                    self.trust_failed(cx, self.udi, TrustError::Parse);
                }
            }
        }
        self.install(cx, elements);
        self.prune_spill();
    }

    fn asked_units(&self) -> Vec<Udi> {
        let request = self.spill.as_ref().and_then(|spill| spill.trust_request.as_ref());
        match request.map(|request| request.scope) {
            Some(Scope::All) => self.units().map(|unit| unit.udi).collect(),
            Some(Scope::Local) | None => vec![self.udi],
        }
    }

    pub(crate) fn end_trust_request(&mut self) {
        self.timers.clear(Timer::Trust);
        if let Some(spill) = &mut self.spill {
            spill.trust_request = None;
        }
    }

    fn trust_failed(&mut self, cx: &mut Cx<'_>, udi: Udi, error: TrustError) {
        if udi == self.udi && self.trust.is_none() {
            self.spill().trust_refused = Some(error.clone());
        }
        cx.out.push(Output::Log(Message::TrustCodeInstallFailed { udi, error }));
    }

    /// Judges each code by itself, that of the active unit first, then that of the standby (`spec/messages.md` §2). The
    /// results are in the order of the codes.
    pub(crate) fn install_trusts(
        &mut self,
        cx: &mut Cx<'_>,
        codes: Vec<Element<TrustCode>>,
        carrier: Carrier,
    ) -> Vec<Result<(), ImportFault>> {
        let readable = |udi: &Udi| codes.iter().any(|code| code.body.as_ref().is_ok_and(|c| c.udi == *udi));
        // A code that cannot be read names nobody: it is taken for one of a unit that no other code names.
        let unnamed: Vec<Udi> = self.units().map(|unit| unit.udi).filter(|udi| !readable(udi)).collect();
        let mut unnamed = unnamed.into_iter();
        let mut named: Vec<(usize, Udi, Element<TrustCode>)> = Vec::with_capacity(codes.len());
        for (at, code) in codes.into_iter().enumerate() {
            let udi = match &code.body {
                Ok(body) => body.udi,
                Err(_) => unnamed.next().unwrap_or(self.udi),
            };
            named.push((at, udi, code));
        }
        named.sort_by_key(|(_, udi, _)| *udi != self.udi);
        let installed =
            named.into_iter().map(|(at, udi, code)| (at, self.install_trust(cx, udi, code, carrier)));
        let mut results: Vec<_> = installed.collect();
        results.sort_by_key(|(at, _)| *at);
        results.into_iter().map(|(_, result)| result).collect()
    }

    fn install_trust(
        &mut self,
        cx: &mut Cx<'_>,
        named: Udi,
        element: Element<TrustCode>,
        carrier: Carrier,
    ) -> Result<(), ImportFault> {
        let judged = judge(element, carrier, cx.now.wall).map_err(ImportFault::from);
        let judged = judged.and_then(|code| {
            let older = carrier == Carrier::File && self.is_older(&code);
            if older { Err(ImportFault::Older) } else { Ok(code) }
        });
        let fault = match judged {
            Ok(code) if code.udi == self.udi => {
                self.install_active(cx, &code, carrier);
                return Ok(());
            }
            Ok(code) if self.install_standby(cx, &code) => return Ok(()),
            // Node lock: a code for somebody else is none for this device (modelled).
            Ok(_) => ImportFault::OtherDevice,
            Err(fault) => fault,
        };
        let udi = if fault == ImportFault::OtherDevice { self.udi } else { named };
        self.trust_failed(cx, udi, fault.refusal().into());
        Err(fault)
    }

    /// Codes of a server end equally long after their issue, so one that ends before the installed one is older.
    fn is_older(&self, code: &TrustCode) -> bool {
        let standby = self.standby().filter(|standby| standby.udi == code.udi).and_then(|unit| unit.trust);
        let installed = if code.udi == self.udi { self.trust } else { standby };
        installed.is_some_and(|installed| code.valid_to < installed.valid_to)
    }

    fn install_active(&mut self, cx: &mut Cx<'_>, code: &TrustCode, carrier: Carrier) {
        let old = self.trust;
        if old.is_some_and(|old| old.identity == code.identity && old.trust_id == code.trust_id) {
            return; // the same code again
        }
        let generation = match old {
            Some(old) if old.identity == code.identity => old.generation,
            Some(_) | None => self.next_identity(),
        };
        self.trust = Some(TrustData::installed(code, cx.now.wall, generation));
        if let Some(spill) = &mut self.spill {
            spill.trust_refused = None;
        }
        self.after_install(cx, code);
        // Trust by a file does not end a window (§7.2); trust that comes online does (§7.1).
        let keeps_window = carrier == Carrier::File && self.reporting != Reporting::Idle;
        if !self.flags.delivered_since_start && !keeps_window {
            self.push_after_trust(cx);
        }
        self.sync = Sync::Due;
        self.timers.set_in(Timer::Sync, cx.now.mono, SYNC_AFTER_TRUST);
        if !self.flags.answered && self.settings.transport.is_direct() {
            self.timers.set_in(Timer::Hello, cx.now.mono, HELLO_AFTER_START);
        }
        // A peer that gives out codes near their end is asked once a day, not at once again.
        self.arm_trust_renewal(cx, NOT_POSSIBLE);
    }

    /// `next push` becomes trust + 30 s; a window that runs ends, and trust + 30 s is a new T (§7.1).
    fn push_after_trust(&mut self, cx: &Cx<'_>) {
        self.end_ladder();
        self.flags.deferred = false;
        self.flags.start_push_pending = true;
        self.timers.set_in(Timer::Report, cx.now.mono, REPORT_AFTER_TRUST);
    }

    pub(crate) fn after_install(&mut self, cx: &mut Cx<'_>, code: &TrustCode) {
        self.last_ack = Stamp::at(cx.now.wall);
        self.flags.dirty = true;
        cx.out.push(Output::Log(Message::TrustCodeInstallSuccess { udi: code.udi }));
        cx.out.push(Output::Event(Event::TrustInstall));
        self.rearm_reminder(cx);
    }

    /// 90 days before the end, by the device's clock; where that is past, after `soonest`.
    pub(crate) fn arm_trust_renewal(&mut self, cx: &Cx<'_>, soonest: Duration) {
        let Some(trust) = self.trust else {
            self.timers.clear(Timer::TrustRenew);
            return;
        };
        let ahead = u64::try_from(trust.valid_to.since(cx.now.wall)).unwrap_or(0);
        let ahead = Duration::from_millis(ahead).saturating_sub(TRUST_RENEWAL_BEFORE);
        self.timers.set_in(Timer::TrustRenew, cx.now.mono, ahead.max(soonest));
    }

    /// A TRUST_SYNC asks for the new code; again each day until there is one.
    pub(crate) fn trust_renewal_due(&mut self, cx: &mut Cx<'_>) {
        self.timers.set_in(Timer::TrustRenew, cx.now.mono, NOT_POSSIBLE);
        self.sync = Sync::Due;
        self.timers.set(Timer::Sync, cx.now.mono);
    }
}

impl TrustData {
    pub(crate) const fn installed(code: &TrustCode, at: Wall, generation: u16) -> Self {
        Self {
            installed: at,
            valid_to: code.valid_to,
            identity: code.identity,
            trust_id: code.trust_id,
            generation,
        }
    }
}

impl From<Refusal> for TrustError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Signature => Self::Signature,
            Refusal::Timestamp => Self::Timestamp,
            Refusal::Unreadable => Self::Parse,
        }
    }
}

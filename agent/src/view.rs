//! The read model: what show commands and tests may know of an agent.

use slpsim_policy::{Facts, Phase, PushInterval, Rules, Wall, in_policy};

use crate::agent::{Agent, Now};
use crate::counters::Conversation;
use crate::ids::{PollId, ReportId, Udi};
use crate::messages::TrustError;
use crate::numbers::{CONVERSION, TRUST_BACKDATING_S};
use crate::profile::{License, Profile};
use crate::reply::{Account, AuthCode};
use crate::report::{Measurement, Reason, ReportState, Unit};
use crate::reporting::Reporting;
use crate::request::{Purpose, Sender};
use crate::settings::{Settings, TransportMode};
use crate::shared::Shared;
use crate::sync::Sync;
use crate::timers::Timer;
use crate::trust::TrustData;

/// An agent as seen at one instant.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    agent: &'a Agent,
    shared: &'a Shared,
    now: Now,
}

/// Where trust stands (`spec/behaviour.md` §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustState<'a> {
    /// No trust code, none asked for.
    Absent,
    /// A token command waits for its answer.
    Requesting {
        /// Attempts so far.
        attempt: u32,
    },
    /// A trust code is there; a new one may be asked for at the same time.
    Installed(TrustData),
    /// None, and the last request was refused.
    Refused(&'a TrustError),
}

/// Whether the peer's capabilities are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// No answer yet.
    Unknown,
    /// It answered.
    Answered {
        /// It lacks `POLICY_USAGE`.
        down_rev: bool,
    },
    /// The last hello failed.
    Failing,
}

/// Where the jobs of classic Smart Licensing stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewals {
    /// The device never had them.
    Absent,
    /// They run.
    Armed,
    /// A down-rev peer ended them.
    Cancelled,
}

/// Where Device Led Conversion stands (`spec/behaviour.md` §15): of the agent's words, those that occur here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// The device does not come from classic licensing.
    NotStarted,
    /// It runs since the upgrade.
    Started,
    /// It ended at that time, at the latest an hour after the upgrade.
    Success(Wall),
}

impl Conversion {
    /// The agent's word (X).
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::Started => "started",
            Self::Success(_) => "success",
        }
    }
}

/// One licence that is or was in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicenseUsage {
    /// Position in the profile's list.
    pub index: u8,
    /// The licence.
    pub license: &'static License,
    /// In use now.
    pub count: u32,
}

/// One RUM report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportView<'a> {
    /// Its number.
    pub id: ReportId,
    /// The unit that is active, or was when it was closed.
    pub udi: Udi,
    /// The report before it in its chain.
    pub previous: Option<ReportId>,
    /// The report after it in its chain, where it is still known.
    pub next: Option<ReportId>,
    /// The licence.
    pub license: &'static License,
    /// Where it stands.
    pub state: ReportState,
    /// Why it was closed.
    pub reason: Option<Reason>,
    /// Begin.
    pub start: Wall,
    /// End; absent while it is open.
    pub end: Option<Wall>,
    /// The peer's reason, where it was rejected.
    pub rejected: Option<&'a str>,
}

/// The counts of `Usage Report Summary:`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportSummary {
    /// Reports made on this box.
    pub total: u64,
    /// Lost at the cap.
    pub purged: u32,
    /// ACK received.
    pub acknowledged: u32,
    /// Sent or saved to a file, no ACK.
    pub waiting_for_ack: u32,
    /// Closed or open, not acknowledged.
    pub available: u32,
    /// Open.
    pub collecting: u32,
}

impl Agent {
    /// The read model at `now`.
    #[must_use]
    pub const fn view<'a>(&'a self, shared: &'a Shared, now: Now) -> View<'a> {
        View { agent: self, shared, now }
    }

    /// What requests say of this device; the driver adds host name, privacy and custom id of the configuration.
    #[must_use]
    pub fn sender(&self) -> Sender {
        Sender {
            udi: self.udi,
            units: self.units().collect(),
            identity: self.trust.map(|trust| trust.identity),
            standby_identity: self.standby().and_then(|standby| standby.trust).map(|trust| trust.identity),
            profile: self.profile(),
            hostname: None,
            send_version: true,
            custom_id: None,
        }
    }
}

impl<'a> View<'a> {
    /// The instant of the view.
    #[must_use]
    pub const fn now(&self) -> Now {
        self.now
    }

    /// The platform.
    #[must_use]
    pub const fn profile(&self) -> &'static Profile {
        self.agent.profile()
    }

    /// The active unit.
    #[must_use]
    pub const fn udi(&self) -> &'a Udi {
        &self.agent.udi
    }

    /// All units with their trust codes, the active one first.
    pub fn units(&self) -> impl Iterator<Item = (Unit, Option<TrustData>)> + use<'a> {
        let trusts = [self.agent.trust, self.agent.standby().and_then(|standby| standby.trust)];
        self.agent.units().zip(trusts)
    }

    /// Transport and interval.
    #[must_use]
    pub const fn settings(&self) -> Settings {
        self.agent.settings
    }

    /// Name and install time of the customer policy; `None`: the Cisco default is in use.
    #[must_use]
    pub fn policy(&self) -> Option<(&'a str, Option<Wall>)> {
        let policy = self.shared.policies.get(self.agent.policy?)?;
        Some((policy.name.as_str(), self.agent.policy_installed.get()))
    }

    /// The rules in use, each value with its source.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.agent.rules(self.shared)
    }

    /// First or ongoing (`State(2)`, `State(4)`).
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.agent.phase
    }

    /// `InPolicy(n)`.
    #[must_use]
    pub fn in_policy(&self) -> Option<u16> {
        in_policy(&self.rules(), self.agent.phase, self.agent.in_use())
    }

    /// What the deadline is computed from.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.agent.facts()
    }

    /// `Last ACK received:`
    #[must_use]
    pub fn last_ack(&self) -> Option<Wall> {
        self.agent.last_ack.get()
    }

    /// `Next ACK deadline:`
    #[must_use]
    pub fn ack_deadline(&self) -> Option<Wall> {
        self.agent.ack_deadline(self.shared)
    }

    /// The configured `Reporting push interval:`.
    #[must_use]
    pub fn configured_interval(&self) -> PushInterval {
        self.agent.configured_interval(self.shared)
    }

    /// The interval is reset to 15 minutes.
    #[must_use]
    pub fn is_fast(&self) -> bool {
        self.agent.reporting == Reporting::Fast
    }

    /// Where the report job stands.
    #[must_use]
    pub const fn reporting(&self) -> Reporting {
        self.agent.reporting
    }

    /// `Next ACK push check:`
    #[must_use]
    pub fn next_poll(&self) -> Option<Wall> {
        self.timer(Timer::Poll)
    }

    /// The poll id that is waited for.
    #[must_use]
    pub const fn poll_id(&self) -> Option<PollId> {
        self.agent.poll_id
    }

    /// `Next report push:`
    #[must_use]
    pub fn next_push(&self) -> Option<Wall> {
        self.timer(Timer::Report)
    }

    /// `Last report push:`
    #[must_use]
    pub fn last_push(&self) -> Option<Wall> {
        self.agent.last_push.get()
    }

    /// `Last report file write:`
    #[must_use]
    pub fn last_file_write(&self) -> Option<Wall> {
        self.agent.last_file_write.get()
    }

    /// When a timer runs out, by the device's clock.
    #[must_use]
    pub fn timer(&self, timer: Timer) -> Option<Wall> {
        let at = self.agent.timers.get(timer)?;
        let ahead = i64::try_from(at.since(self.now.mono)).unwrap_or(i64::MAX);
        let behind = i64::try_from(self.now.mono.since(at)).unwrap_or(i64::MAX);
        Some(self.now.wall.plus_millis(ahead.saturating_sub(behind)))
    }

    /// Where trust of the active unit stands.
    #[must_use]
    pub fn trust(&self) -> TrustState<'a> {
        let spill = self.agent.spill.as_ref();
        if let Some(trust) = self.agent.trust {
            return TrustState::Installed(trust);
        }
        if let Some(request) = spill.and_then(|spill| spill.trust_request.as_ref()) {
            return TrustState::Requesting { attempt: request.attempts };
        }
        match spill.and_then(|spill| spill.trust_refused.as_ref()) {
            Some(error) => TrustState::Refused(error),
            None => TrustState::Absent,
        }
    }

    /// Where TRUST_SYNC stands.
    #[must_use]
    pub const fn sync(&self) -> Sync {
        self.agent.sync
    }

    /// Whether the peer's capabilities are known.
    #[must_use]
    pub const fn discovery(&self) -> Discovery {
        let flags = self.agent.flags;
        match (flags.hello_failing, flags.answered) {
            (true, _) => Discovery::Failing,
            (false, true) => Discovery::Answered { down_rev: flags.down_rev },
            (false, false) => Discovery::Unknown,
        }
    }

    /// Since when the peer is down, and how many attempts have failed since; `None`: it is good.
    #[must_use]
    pub fn down(&self) -> Option<(Wall, u32)> {
        Some((self.agent.down_since.get()?, self.agent.down_failures))
    }

    /// Where the jobs of classic Smart Licensing stand.
    #[must_use]
    pub const fn renewals(&self) -> Renewals {
        match (self.agent.flags.renewals, self.agent.flags.renewals_cancelled) {
            (true, _) => Renewals::Armed,
            (false, true) => Renewals::Cancelled,
            (false, false) => Renewals::Absent,
        }
    }

    /// Whether the peer has answered since the start, or since it became another one.
    #[must_use]
    pub const fn peer_is_known(&self) -> bool {
        self.agent.flags.answered
    }

    /// Where the conversion of older licences stands.
    #[must_use]
    pub fn conversion(&self) -> Conversion {
        let Some(upgraded) = self.agent.spill.as_ref().and_then(|spill| spill.upgraded) else {
            return Conversion::NotStarted;
        };
        let end = upgraded.plus_millis(i64::try_from(CONVERSION.as_millis()).unwrap_or(i64::MAX));
        if self.now.wall < end { Conversion::Started } else { Conversion::Success(end) }
    }

    /// Smart and Virtual Account, and when an answer last named them.
    #[must_use]
    pub fn account(&self) -> Option<(&'a Account, Option<Wall>)> {
        let account = self.shared.accounts.get(self.agent.account?)?;
        Some((account, self.agent.account_as_of.get()))
    }

    /// Licences that are or were in use.
    pub fn usage(&self) -> impl Iterator<Item = LicenseUsage> + use<'a> {
        let profile = self.profile();
        self.agent.rum.usage.iter().filter_map(|row| {
            let license = profile.licenses.get(usize::from(row.license))?;
            Some(LicenseUsage { index: row.license, license, count: row.count })
        })
    }

    /// The reports that are still known, by number.
    pub fn reports(&self) -> impl Iterator<Item = ReportView<'a>> + use<'a> {
        let (profile, agent) = (self.profile(), self.agent);
        let rum = &agent.rum;
        rum.rows.iter().filter_map(move |row| {
            let next = rum.rows.iter().find(|later| later.previous_id() == Some(ReportId(row.id)));
            Some(ReportView {
                id: ReportId(row.id),
                udi: if row.state == ReportState::Open { agent.udi } else { agent.active_of(row.seal) },
                previous: row.previous_id(),
                next: next.map(|next| ReportId(next.id)),
                license: profile.licenses.get(usize::from(row.license))?,
                state: row.state,
                reason: row.reason,
                start: Wall::from_secs(row.start),
                end: (row.state != ReportState::Open).then_some(Wall::from_secs(row.end)),
                rejected: rum.rejection(row.id),
            })
        })
    }

    /// Number and state of the reports that are still known, by number: less than [`View::reports`] says, at less cost.
    pub fn report_states(&self) -> impl Iterator<Item = (ReportId, ReportState)> + use<'a> {
        self.agent.rum.rows.iter().map(|row| (ReportId(row.id), row.state))
    }

    /// The measurements of a report, up to now where it is open.
    #[must_use]
    pub fn measurements(&self, id: ReportId) -> alloc::vec::Vec<Measurement> {
        let rum = &self.agent.rum;
        let row = rum.rows.iter().find(|row| row.id == id.0);
        row.map(|row| rum.measurements(row, self.now.wall.secs())).unwrap_or_default()
    }

    /// The counts of `Usage Report Summary:`.
    #[must_use]
    pub fn report_summary(&self) -> ReportSummary {
        let rum = &self.agent.rum;
        let count = |is: fn(ReportState) -> bool| {
            u32::try_from(rum.rows.iter().filter(|row| is(row.state)).count()).unwrap_or(u32::MAX)
        };
        let collecting = count(|state| state == ReportState::Open);
        let waiting = count(ReportState::awaits_ack);
        let rejected = rum.rejected;
        ReportSummary {
            total: u64::from(rum.purged)
                + u64::from(rum.acknowledged)
                + u64::from(rejected)
                + u64::from(waiting)
                + u64::from(collecting),
            purged: rum.purged,
            acknowledged: rum.acknowledged,
            waiting_for_ack: count(|state| {
                matches!(state, ReportState::Pending | ReportState::Unacknowledged)
            }),
            available: waiting + collecting,
            collecting,
        }
    }

    /// Authorization codes on the device, with their install times (`mds9000`).
    pub fn authorizations(&self) -> impl Iterator<Item = (&'a AuthCode, Wall)> + use<'a> {
        let auth = self.agent.spill.as_ref().map(|spill| spill.auth.as_slice()).unwrap_or_default();
        auth.iter().map(|installed| (&installed.code, installed.installed))
    }

    /// Attempts of a purpose, where they are counted ([`crate::Keep::counters`]).
    #[must_use]
    pub fn conversation(&self, purpose: Purpose) -> Option<&'a Conversation> {
        self.agent.spill.as_ref()?.counters.as_ref()?.get(purpose.index())
    }

    /// Whether exchanges are allowed on this transport now.
    #[must_use]
    pub const fn may_talk(&self) -> bool {
        self.agent.may_talk()
    }

    /// `Communication Level Allowed:` and `Overall State:` of tech support (`spec/behaviour.md` §5.2).
    #[must_use]
    pub const fn communication_level(&self) -> (&'static str, &'static str) {
        match self.agent.settings.transport {
            TransportMode::Off => ("INDIRECT", "Device configured for Offline transport"),
            TransportMode::Smart | TransportMode::Callhome if self.agent.trust.is_none() => {
                ("INDIRECT", "Insufficient trust for direct communication")
            }
            TransportMode::Smart | TransportMode::Callhome | TransportMode::Cslu => ("DIRECT", "<empty>"),
        }
    }
}

impl TrustData {
    /// `Valid on`: the installation less the back-dating of the code.
    #[must_use]
    pub const fn valid_from(&self) -> Wall {
        self.installed.plus_millis(-TRUST_BACKDATING_S * 1000)
    }
}

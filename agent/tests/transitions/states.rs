//! The concerns of an agent and their states (`spec/behaviour.md` §5.2), read from its read model.

use slpsim_agent::view::{Discovery, Renewals, TrustState};
use slpsim_agent::{Reporting, Sync, Timer};

use crate::closed::closed;
use crate::support::{DAY, Rig};

closed! {
    /// What an agent minds, each with states of its own.
    Concern {
        Trust => "trust",
        Reporting => "reporting",
        Polling => "ACK polling",
        Sync => "trust sync",
        Discovery => "discovery",
        Health => "peer health",
        Policy => "policy",
        Reminder => "reminder",
        Renewals => "classic renewals",
        Authorization => "authorization codes",
    }
}

closed! {
    /// The states of all concerns.
    State {
        TrustAbsent => "Absent",
        TrustRequesting => "Requesting",
        TrustInstalled => "Installed",
        TrustRefused => "Refused",
        ReportingIdle => "Idle",
        ReportingInFlight => "InFlight",
        ReportingRetrying => "Retrying",
        ReportingFast => "Fast",
        PollingNone => "None",
        PollingWaiting => "Waiting",
        SyncNone => "None",
        SyncDue => "Due",
        SyncHeld => "Held",
        DiscoveryUnknown => "Unknown",
        DiscoveryAnswered => "Answered",
        DiscoveryDownRev => "Answered, down-rev",
        DiscoveryFailing => "Failing",
        HealthGood => "Good",
        HealthDown => "Down",
        PolicyDefault => "Default",
        PolicyInstalled => "Installed",
        ReminderNone => "none",
        ReminderStart => "start",
        ReminderBefore => "X − 30 d",
        ReminderAtDeadline => "X",
        ReminderDaily => "daily",
        RenewalsAbsent => "Absent",
        RenewalsArmed => "Armed",
        RenewalsCancelled => "Cancelled",
        AuthorizationNone => "None",
        AuthorizationInstalled => "Installed",
    }
}

impl Concern {
    /// What the concern is about, for readers of the table.
    pub(crate) const fn about(self) -> &'static str {
        match self {
            Self::Trust => "Trust code of the active unit; behaviour.md §6.",
            Self::Reporting => "The report job; behaviour.md §3.4, §7.2.",
            Self::Polling => "Fetching the ACK of a delivered report; behaviour.md §8.",
            Self::Sync => "TRUST_SYNC that the agent starts by itself; behaviour.md §7.1.",
            Self::Discovery => "Whether the peer has answered, and what it can do; behaviour.md §7.1, §13.",
            Self::Health => "Outages; messages.md §7.",
            Self::Policy => "The policy in use; behaviour.md §2.3.",
            Self::Reminder => {
                "The next REPORTING_REQUIRED: that of the start, or the next one of the deadline X; behaviour.md §3.1, §5.2."
            }
            Self::Renewals => "Jobs of a device that comes from classic Smart Licensing; behaviour.md §13.",
            Self::Authorization => {
                "Profile `mds9000` only, beside the list of behaviour.md §5.2; messages.md §1 row 2, row 9, row 10."
            }
        }
    }
}

impl State {
    /// Whose state it is.
    pub(crate) const fn concern(self) -> Concern {
        match self {
            Self::TrustAbsent | Self::TrustRequesting | Self::TrustInstalled | Self::TrustRefused => {
                Concern::Trust
            }
            Self::ReportingIdle | Self::ReportingInFlight | Self::ReportingRetrying | Self::ReportingFast => {
                Concern::Reporting
            }
            Self::PollingNone | Self::PollingWaiting => Concern::Polling,
            Self::SyncNone | Self::SyncDue | Self::SyncHeld => Concern::Sync,
            Self::DiscoveryUnknown
            | Self::DiscoveryAnswered
            | Self::DiscoveryDownRev
            | Self::DiscoveryFailing => Concern::Discovery,
            Self::HealthGood | Self::HealthDown => Concern::Health,
            Self::PolicyDefault | Self::PolicyInstalled => Concern::Policy,
            Self::ReminderNone
            | Self::ReminderStart
            | Self::ReminderBefore
            | Self::ReminderAtDeadline
            | Self::ReminderDaily => Concern::Reminder,
            Self::RenewalsAbsent | Self::RenewalsArmed | Self::RenewalsCancelled => Concern::Renewals,
            Self::AuthorizationNone | Self::AuthorizationInstalled => Concern::Authorization,
        }
    }

    /// The state in which a concern is now.
    pub(crate) fn of(concern: Concern, rig: &Rig) -> Self {
        let view = rig.view();
        match concern {
            Concern::Trust => match view.trust() {
                TrustState::Absent => Self::TrustAbsent,
                TrustState::Requesting { .. } => Self::TrustRequesting,
                TrustState::Installed(_) => Self::TrustInstalled,
                TrustState::Refused(_) => Self::TrustRefused,
            },
            Concern::Reporting => match view.reporting() {
                Reporting::Idle => Self::ReportingIdle,
                Reporting::InFlight => Self::ReportingInFlight,
                Reporting::Retrying => Self::ReportingRetrying,
                Reporting::Fast => Self::ReportingFast,
            },
            Concern::Polling => match view.poll_id() {
                None => Self::PollingNone,
                Some(_) => Self::PollingWaiting,
            },
            Concern::Sync => match view.sync() {
                Sync::None => Self::SyncNone,
                Sync::Due => Self::SyncDue,
                Sync::Held => Self::SyncHeld,
            },
            Concern::Discovery => match view.discovery() {
                Discovery::Unknown => Self::DiscoveryUnknown,
                Discovery::Answered { down_rev: false } => Self::DiscoveryAnswered,
                Discovery::Answered { down_rev: true } => Self::DiscoveryDownRev,
                Discovery::Failing => Self::DiscoveryFailing,
            },
            Concern::Health => match view.down() {
                None => Self::HealthGood,
                Some(_) => Self::HealthDown,
            },
            Concern::Policy => match view.policy() {
                None => Self::PolicyDefault,
                Some(_) => Self::PolicyInstalled,
            },
            Concern::Reminder => Self::of_reminder(rig),
            Concern::Renewals => match view.renewals() {
                Renewals::Absent => Self::RenewalsAbsent,
                Renewals::Armed => Self::RenewalsArmed,
                Renewals::Cancelled => Self::RenewalsCancelled,
            },
            Concern::Authorization => match view.authorizations().next() {
                None => Self::AuthorizationNone,
                Some(_) => Self::AuthorizationInstalled,
            },
        }
    }

    fn of_reminder(rig: &Rig) -> Self {
        let view = rig.view();
        if view.timer(Timer::StartReminder).is_some() {
            return Self::ReminderStart;
        }
        let Some((at, x)) = view.timer(Timer::Reminder).zip(view.ack_deadline()) else {
            return Self::ReminderNone;
        };
        match at.since(x) {
            ..0 => {
                assert_eq!(x.since(at), 30 * DAY, "a reminder before X stands at X - 30 d");
                Self::ReminderBefore
            }
            0 => Self::ReminderAtDeadline,
            1.. => Self::ReminderDaily,
        }
    }
}

//! Everything that can reach an agent, as a closed list.

use slpsim_agent::{BootCause, Command, Input, Purpose, Status, Timer, TransportMode};

use crate::closed::closed;

/// One kind of input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum InputKind {
    /// A timer runs out.
    Due(Timer),
    /// An operator's command.
    Operator(Operator),
    /// What happens to the device.
    World(World),
    /// An exchange ends.
    Ends(Purpose, End),
}

closed! {
    /// Commands.
    Operator {
        Trust => "`trust idtoken`",
        TrustForce => "`trust idtoken … force`",
        Sync => "`license smart sync`",
        FactoryReset => "`factory reset`",
        TransportCallhome => "`transport callhome`",
        TransportCslu => "`transport cslu`",
        TransportOff => "`transport off`",
        TransportSmart => "`transport smart`",
        Url => "change of the URL",
        Interval => "`usage interval 7`",
        IntervalRefused => "`usage interval 0`",
        AuthorizationRequest => "`authorization request`",
        AuthorizationReturn => "`authorization return`",
        SaveUsage => "`save usage all`",
        SaveTrustRequest => "`save trust-request`",
        ImportTrust => "`import`: trust code",
        ImportTrustOlder => "`import`: trust code, older",
        ImportPolicy => "`import`: new policy",
        ImportPolicyOlder => "`import`: policy, older",
        ImportAck => "`import`: ACK",
        ImportAckOther => "`import`: ACK of another device",
        ImportAuthorization => "`import`: authorization code",
        ImportUnreadable => "`import`: policy, unreadable",
    }
}

closed! {
    /// Boots, consumption, clock, supervisors.
    World {
        BootFirst => "first start",
        BootUpgraded => "upgrade from classic licensing",
        BootUpgradedRegistered => "upgrade, registered with an On-Prem",
        BootReload => "reload",
        BootPowerLoss => "power loss",
        UsageFirst => "a licence appears",
        UsageMore => "more of a licence",
        UsageNone => "a licence is given back",
        ClockForward => "clock + 2 h",
        ClockBack => "clock − 2 h",
        ClockAuthoritative => "clock authoritative",
        StandbyAdded => "standby added",
        StandbyRemoved => "standby removed",
        Switchover => "switchover",
    }
}

closed! {
    /// The ends of an exchange.
    End {
        Ok => "OK",
        Trust => "trust code",
        TrustSignature => "trust code, wrong signature",
        TrustTimestamp => "trust code, clock apart",
        TrustUnreadable => "trust code, unreadable",
        Policy => "new policy",
        PolicyInUse => "the policy in use",
        PolicySignature => "policy, wrong signature",
        PolicyTimestamp => "policy, clock apart",
        PolicyUnreadable => "policy, unreadable",
        Ack => "ACK",
        AckSignature => "ACK, wrong signature",
        AckTimestamp => "ACK, clock apart",
        AckUnreadable => "ACK, unreadable",
        Authorization => "authorization code",
        AuthorizationSignature => "authorization code, wrong signature",
        AuthorizationTimestamp => "authorization code, clock apart",
        AuthorizationUnreadable => "authorization code, unreadable",
        OkPoll => "OK_POLL",
        TryAgain => "OK_TRY_AGAIN",
        NoData => "NO DATA",
        Refused => "refused",
        Failure => "failure",
        DownRev => "down-rev peer",
    }
}

impl InputKind {
    /// All kinds.
    pub(crate) fn all() -> Vec<Self> {
        let ends =
            Purpose::ALL.iter().flat_map(|purpose| End::ALL.iter().map(|end| Self::Ends(*purpose, *end)));
        Timer::ALL
            .iter()
            .map(|timer| Self::Due(*timer))
            .chain(Operator::ALL.iter().map(|operator| Self::Operator(*operator)))
            .chain(World::ALL.iter().map(|world| Self::World(*world)))
            .chain(ends)
            .collect()
    }

    /// The sections that rule it, of `behaviour.md` where no other file is named.
    pub(crate) const fn sections(self) -> &'static [&'static str] {
        match self {
            Self::Due(timer) => match timer {
                Timer::Poll => &["§8"],
                Timer::Hello | Timer::Sync => &["§7.1"],
                Timer::Trust | Timer::TrustRenew => &["§6"],
                Timer::Report => &["§7.1", "§7.2"],
                Timer::StartReminder | Timer::Reminder => &["§3.1", "§5.2"],
                Timer::AuthRenew | Timer::IdRenew => &["§13"],
            },
            Self::Operator(operator) => match operator {
                Operator::Trust | Operator::TrustForce => &["§6"],
                Operator::Sync
                | Operator::TransportCallhome
                | Operator::TransportCslu
                | Operator::TransportOff
                | Operator::TransportSmart
                | Operator::Url => &["§7.1"],
                Operator::FactoryReset => &["§11"],
                Operator::Interval | Operator::IntervalRefused => &["§3.4"],
                Operator::AuthorizationRequest
                | Operator::AuthorizationReturn
                | Operator::SaveTrustRequest => &["§17"],
                Operator::SaveUsage => &["§4"],
                Operator::ImportTrust => &["§6", "§7.2"],
                Operator::ImportPolicy => &["§2.3"],
                Operator::ImportAck => &["§8"],
                Operator::ImportAuthorization => &["formats §3"],
                Operator::ImportTrustOlder
                | Operator::ImportPolicyOlder
                | Operator::ImportAckOther
                | Operator::ImportUnreadable => &["§9"],
            },
            Self::World(world) => match world {
                World::BootFirst | World::BootReload | World::BootPowerLoss => &["§11"],
                World::BootUpgraded | World::BootUpgradedRegistered => &["§15"],
                World::UsageFirst | World::UsageMore | World::UsageNone => &["§3.1", "§3.4"],
                World::ClockForward | World::ClockBack | World::ClockAuthoritative => &["§9"],
                World::StandbyAdded | World::StandbyRemoved | World::Switchover => &["§10"],
            },
            Self::Ends(purpose, end) => end.sections(purpose),
        }
    }
}

impl End {
    const fn sections(self, purpose: Purpose) -> &'static [&'static str] {
        match self {
            Self::TrustSignature
            | Self::TrustTimestamp
            | Self::TrustUnreadable
            | Self::PolicySignature
            | Self::PolicyTimestamp
            | Self::PolicyUnreadable
            | Self::AckSignature
            | Self::AckTimestamp
            | Self::AckUnreadable
            | Self::AuthorizationSignature
            | Self::AuthorizationTimestamp
            | Self::AuthorizationUnreadable => &["§9"],
            Self::Trust => &["§6"],
            Self::Policy | Self::PolicyInUse => &["§2.3"],
            Self::Ack => &["§8"],
            Self::Authorization => &["messages §1"],
            Self::DownRev => &["§13"],
            Self::Ok | Self::OkPoll | Self::TryAgain | Self::NoData | Self::Refused | Self::Failure => {
                match purpose {
                    Purpose::Poll => &["§8"],
                    Purpose::Hello | Purpose::TrustSync => &["§7.1"],
                    Purpose::Trust => &["§6"],
                    Purpose::Usage => &["§7.2"],
                    Purpose::AuthRequest | Purpose::AuthReturn => &["messages §7"],
                    Purpose::AuthRenew | Purpose::IdRenew => &["§13"],
                }
            }
        }
    }
}

closed! {
    /// The variants of the agent's own input types, so that one that is added there is missed here.
    Variant {
        BootFirst => "Boot/First",
        BootReload => "Boot/Reload",
        BootPowerLoss => "Boot/PowerLoss",
        BootUpgraded => "Boot/Upgraded",
        Timeout => "Timeout",
        Failed => "Completed/Err",
        StatusOk => "Completed/Ok",
        StatusOkPoll => "Completed/OkPoll",
        StatusTryAgain => "Completed/TryAgain",
        StatusNoData => "Completed/NoData",
        StatusRefused => "Completed/Refused",
        Usage => "Usage",
        ClockStep => "ClockStep",
        ClockAuthoritative => "ClockAuthoritative",
        StandbyAdded => "StandbyAdded",
        StandbyRemoved => "StandbyRemoved",
        Switchover => "Switchover",
        Trust => "command Trust",
        Sync => "command Sync",
        FactoryReset => "command FactoryReset",
        TransportCallhome => "command Transport/Callhome",
        TransportCslu => "command Transport/Cslu",
        TransportOff => "command Transport/Off",
        TransportSmart => "command Transport/Smart",
        Url => "command Url",
        UsageInterval => "command UsageInterval",
        AuthorizationRequest => "command AuthorizationRequest",
        AuthorizationReturn => "command AuthorizationReturn",
        SaveUsage => "command SaveUsage",
        SaveTrustRequest => "command SaveTrustRequest",
        Import => "command Import",
    }
}

impl Variant {
    /// The variant of an input. A variant that the agent gets anew fails to compile here, and then, until a kind of
    /// input brings it, in `each_variant_of_the_agents_inputs_is_in_the_table`.
    pub(crate) const fn of_input(input: &Input) -> Self {
        match input {
            Input::Boot { cause, clock_authoritative: _ } => Self::of_boot(*cause),
            Input::Timeout => Self::Timeout,
            Input::Completed { txn: _, result: Err(_) } => Self::Failed,
            Input::Completed { txn: _, result: Ok(reply) } => match reply.status {
                Status::Ok => Self::StatusOk,
                Status::OkPoll { .. } => Self::StatusOkPoll,
                Status::TryAgain { .. } => Self::StatusTryAgain,
                Status::NoData => Self::StatusNoData,
                Status::Refused { .. } => Self::StatusRefused,
            },
            Input::Usage(_) => Self::Usage,
            Input::ClockStep { .. } => Self::ClockStep,
            Input::ClockAuthoritative => Self::ClockAuthoritative,
            Input::StandbyAdded(_) => Self::StandbyAdded,
            Input::StandbyRemoved => Self::StandbyRemoved,
            Input::Switchover => Self::Switchover,
        }
    }

    /// The variant of a boot cause.
    pub(crate) const fn of_boot(cause: BootCause) -> Self {
        match cause {
            BootCause::First => Self::BootFirst,
            BootCause::Reload => Self::BootReload,
            BootCause::PowerLoss => Self::BootPowerLoss,
            BootCause::Upgraded { registered: _ } => Self::BootUpgraded,
        }
    }

    /// The variant of a command.
    pub(crate) const fn of_command(command: &Command) -> Self {
        match command {
            Command::Trust { .. } => Self::Trust,
            Command::Sync => Self::Sync,
            Command::FactoryReset => Self::FactoryReset,
            Command::Transport(TransportMode::Callhome) => Self::TransportCallhome,
            Command::Transport(TransportMode::Cslu) => Self::TransportCslu,
            Command::Transport(TransportMode::Off) => Self::TransportOff,
            Command::Transport(TransportMode::Smart) => Self::TransportSmart,
            Command::Url => Self::Url,
            Command::UsageInterval(_) => Self::UsageInterval,
            Command::AuthorizationRequest { .. } => Self::AuthorizationRequest,
            Command::AuthorizationReturn => Self::AuthorizationReturn,
            Command::SaveUsage(_) => Self::SaveUsage,
            Command::SaveTrustRequest => Self::SaveTrustRequest,
            Command::Import(_) => Self::Import,
        }
    }
}

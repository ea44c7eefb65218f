//! What a line of a fleet is made of before it is printed: its place in the total order, its text, its cause.

use slpsim_agent::messages::Kind;
use slpsim_agent::{Failure, Message, Peer, PolicyError, Severity, TrustError, Udi};

/// A line's place in the total order (`interface.md` §4): time, device, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// True time in milliseconds since the start of the run.
    pub at_ms: u64,
    /// Number of the device in the whole fleet, from 0.
    pub device: u32,
    /// Number of the line among the device's, from 1.
    pub number: u32,
}

/// One line before it is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub key: Key,
    /// What the device's clock adds to true time, in seconds.
    pub clock_s: i32,
    /// How often the switch has been replaced by a new one; part of its serial number.
    pub generation: u8,
    pub(crate) said: Said,
    /// What caused it.
    pub cause: Cause,
}

const _: () = assert!(size_of::<Record>() <= 48, "an hour of a storm has millions of them");

impl Record {
    /// A line of a device that has not been replaced and whose clock is right.
    #[must_use]
    pub fn new(key: Key, message: &Message, cause: Cause) -> Self {
        Self { key, clock_s: 0, generation: 0, said: Said::of(message), cause }
    }

    /// How serious the line is on NX-OS.
    #[must_use]
    pub fn severity(&self) -> Severity {
        match (self.said.kind(), self.said) {
            (Some(kind), _) => kind.row().nxos.severity,
            (None, said) => said.companion().map_or(Severity::Notification, super::companion::severity),
        }
    }

    /// The days of a REPORTING_REQUIRED.
    #[must_use]
    pub const fn days(&self) -> Option<u32> {
        if let Said::ReportingRequired(days) = self.said { Some(days) } else { None }
    }

    /// The row of the catalogue; none for a message that is not of the licensing agent.
    #[must_use]
    pub const fn kind(&self) -> Option<Kind> {
        self.said.kind()
    }
}

/// What a line says, without the device's own UDI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    PolicyInstallFailed(PolicyError),
    AuthorizationInstallFailed(PolicyError),
    CommFailed(Peer, Failure),
    CommRestored(Peer),
    PolicyRemoved,
    /// Position in [`TrustError::KNOWN`].
    TrustCodeInstallFailed(u8),
    ReportingNotSupported,
    PolicyInstallSuccess,
    AuthorizationInstallSuccess,
    AuthorizationRemoved,
    ReportingRequired(u32),
    TrustCodeInstallSuccess,
    /// Not of the licensing agent: row of the companion table, and luck for its arguments.
    Companion(u8, u32),
}

impl Said {
    /// Packs a message of a device that has no second supervisor.
    pub(crate) fn of(message: &Message) -> Self {
        match message {
            Message::PolicyInstallFailed { error } => Self::PolicyInstallFailed(*error),
            Message::AuthorizationInstallFailed { error, .. } => Self::AuthorizationInstallFailed(*error),
            Message::CommFailed { peer, failure } => Self::CommFailed(*peer, *failure),
            Message::CommRestored { peer } => Self::CommRestored(*peer),
            Message::PolicyRemoved => Self::PolicyRemoved,
            Message::TrustCodeInstallFailed { error, .. } => {
                let at = TrustError::KNOWN.iter().position(|known| known == error);
                // The peers of a fleet have no words of their own; those would be told as an unusable token.
                let at =
                    at.or_else(|| TrustError::KNOWN.iter().position(|known| *known == TrustError::Token));
                Self::TrustCodeInstallFailed(at.and_then(|at| u8::try_from(at).ok()).unwrap_or(0))
            }
            Message::ReportingNotSupported => Self::ReportingNotSupported,
            Message::PolicyInstallSuccess => Self::PolicyInstallSuccess,
            Message::AuthorizationInstallSuccess { .. } => Self::AuthorizationInstallSuccess,
            Message::AuthorizationRemoved { .. } => Self::AuthorizationRemoved,
            Message::ReportingRequired { days } => Self::ReportingRequired(*days),
            Message::TrustCodeInstallSuccess { .. } => Self::TrustCodeInstallSuccess,
        }
    }

    /// The message again; `udi` is asked for where it has one. None for a companion.
    pub(crate) fn message(self, udi: impl FnOnce() -> Udi) -> Option<Message> {
        Some(match self {
            Self::PolicyInstallFailed(error) => Message::PolicyInstallFailed { error },
            Self::AuthorizationInstallFailed(error) => {
                Message::AuthorizationInstallFailed { udi: udi(), error }
            }
            Self::CommFailed(peer, failure) => Message::CommFailed { peer, failure },
            Self::CommRestored(peer) => Message::CommRestored { peer },
            Self::PolicyRemoved => Message::PolicyRemoved,
            Self::TrustCodeInstallFailed(at) => Message::TrustCodeInstallFailed {
                udi: udi(),
                error: TrustError::KNOWN.get(usize::from(at)).cloned().unwrap_or(TrustError::Token),
            },
            Self::ReportingNotSupported => Message::ReportingNotSupported,
            Self::PolicyInstallSuccess => Message::PolicyInstallSuccess,
            Self::AuthorizationInstallSuccess => Message::AuthorizationInstallSuccess { udi: udi() },
            Self::AuthorizationRemoved => Message::AuthorizationRemoved { udi: udi() },
            Self::ReportingRequired(days) => Message::ReportingRequired { days },
            Self::TrustCodeInstallSuccess => Message::TrustCodeInstallSuccess { udi: udi() },
            Self::Companion(..) => return None,
        })
    }

    /// The row of the companion table.
    pub(crate) const fn companion(self) -> Option<u8> {
        if let Self::Companion(row, _) = self { Some(row) } else { None }
    }

    /// The row of the catalogue; none for a companion.
    pub(crate) const fn kind(self) -> Option<Kind> {
        Some(match self {
            Self::PolicyInstallFailed(_) => Kind::PolicyInstallFailed,
            Self::AuthorizationInstallFailed(_) => Kind::AuthorizationInstallFailed,
            Self::CommFailed(..) => Kind::CommFailed,
            Self::CommRestored(_) => Kind::CommRestored,
            Self::PolicyRemoved => Kind::PolicyRemoved,
            Self::TrustCodeInstallFailed(_) => Kind::TrustCodeInstallFailed,
            Self::ReportingNotSupported => Kind::ReportingNotSupported,
            Self::PolicyInstallSuccess => Kind::PolicyInstallSuccess,
            Self::AuthorizationInstallSuccess => Kind::AuthorizationInstallSuccess,
            Self::AuthorizationRemoved => Kind::AuthorizationRemoved,
            Self::ReportingRequired(_) => Kind::ReportingRequired,
            Self::TrustCodeInstallSuccess => Kind::TrustCodeInstallSuccess,
            Self::Companion(..) => return None,
        })
    }
}

/// What caused a line: the ground truth of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The rules of reporting alone: a reminder of the ACK deadline.
    #[default]
    Schedule,
    /// The device started, for the `n`-th time.
    Boot(u32),
    /// An outage of a site: class in the population, number at the site.
    SiteOutage(u8, u32),
    /// An outage above all sites: class in the population, number.
    UpstreamOutage(u8, u32),
    /// The link of the device itself was down, for the `n`-th time.
    Flap(u32),
    /// The peer's name has never resolved.
    NeverCslu,
    /// An operator typed `license smart sync`: the `n`-th thing that happened to the device.
    Operator(u32),
    /// An operator entered the id token that CSSM gave out; an outage may have held up the answer.
    Token,
    /// An operator mistyped the id token.
    Mistyped,
    /// A usage report was acknowledged, and the acknowledgement brought more.
    Acknowledged,
    /// Trust synchronisation, by the agent itself.
    Sync,
    /// The clock of the device is wrong.
    Clock,
    /// Something else than licensing, in the life of any switch.
    Companion,
    /// Somebody opened an outage while the fleet ran; its number.
    Opened(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_of_the_catalogue_survives_packing() {
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let mut messages = vec![
            Message::AuthorizationInstallFailed { udi, error: PolicyError::Parse },
            Message::PolicyRemoved,
            Message::ReportingNotSupported,
            Message::PolicyInstallSuccess,
            Message::AuthorizationInstallSuccess { udi },
            Message::AuthorizationRemoved { udi },
            Message::ReportingRequired { days: 89 },
            Message::TrustCodeInstallSuccess { udi },
        ];
        messages.extend(PolicyError::ALL.map(|error| Message::PolicyInstallFailed { error }));
        messages.extend(Peer::ALL.map(|peer| Message::CommRestored { peer }));
        messages.extend(Failure::ALL.map(|failure| Message::CommFailed { peer: Peer::Cslu, failure }));
        messages.extend(TrustError::KNOWN.map(|error| Message::TrustCodeInstallFailed { udi, error }));
        for message in messages {
            let said = Said::of(&message);
            assert_eq!(said.message(|| udi).as_ref(), Some(&message));
            assert_eq!(said.kind(), Some(message.kind()));
        }
    }
}

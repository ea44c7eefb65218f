//! The twelve LICMGR messages (`spec/messages.md`).

pub mod catalogue;
mod errors;
mod parse;
mod severity;
mod shape;
mod text;

pub use catalogue::{Argument, CATALOGUE, Kind, Row, Twin, Value};
pub use errors::{AuthError, PolicyError, TrustError};
pub use severity::{FieldKind, Severity};
pub use shape::Shape;

use crate::failure::Failure;
use crate::ids::Udi;
use crate::settings::TransportMode;

/// One message with its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// Row 1.
    PolicyInstallFailed {
        /// Why.
        error: PolicyError,
    },
    /// Row 2, not applicable to Nexus.
    AuthorizationInstallFailed {
        /// Where.
        udi: Udi,
        /// Why.
        error: AuthError,
    },
    /// Row 3.
    CommFailed {
        /// With whom.
        peer: Peer,
        /// Why.
        failure: Failure,
    },
    /// Row 4.
    CommRestored {
        /// With whom.
        peer: Peer,
    },
    /// Row 5.
    PolicyRemoved,
    /// Row 6.
    TrustCodeInstallFailed {
        /// On which UDI it was tried.
        udi: Udi,
        /// Why.
        error: TrustError,
    },
    /// Row 7.
    ReportingNotSupported,
    /// Row 8.
    PolicyInstallSuccess,
    /// Row 9, not applicable to Nexus.
    AuthorizationInstallSuccess {
        /// Where.
        udi: Udi,
    },
    /// Row 10; emitted on `mds9000` only.
    AuthorizationRemoved {
        /// Where.
        udi: Udi,
    },
    /// Row 11.
    ReportingRequired {
        /// Whole days left.
        days: u32,
    },
    /// Row 12.
    TrustCodeInstallSuccess {
        /// Where.
        udi: Udi,
    },
}

impl Message {
    /// Names its row.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::PolicyInstallFailed { .. } => Kind::PolicyInstallFailed,
            Self::AuthorizationInstallFailed { .. } => Kind::AuthorizationInstallFailed,
            Self::CommFailed { .. } => Kind::CommFailed,
            Self::CommRestored { .. } => Kind::CommRestored,
            Self::PolicyRemoved => Kind::PolicyRemoved,
            Self::TrustCodeInstallFailed { .. } => Kind::TrustCodeInstallFailed,
            Self::ReportingNotSupported => Kind::ReportingNotSupported,
            Self::PolicyInstallSuccess => Kind::PolicyInstallSuccess,
            Self::AuthorizationInstallSuccess { .. } => Kind::AuthorizationInstallSuccess,
            Self::AuthorizationRemoved { .. } => Kind::AuthorizationRemoved,
            Self::ReportingRequired { .. } => Kind::ReportingRequired,
            Self::TrustCodeInstallSuccess { .. } => Kind::TrustCodeInstallSuccess,
        }
    }

    /// Its row of the catalogue.
    #[must_use]
    pub const fn row(&self) -> &'static Row {
        self.kind().row()
    }

    /// How serious it is on NX-OS.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.row().nxos.severity
    }
}

/// The name of the other side in messages 3 and 4; follows the transport type configured at present (`spec/messages.md` §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// `Cisco Smart License Utility (CSLU)`
    Cslu,
    /// `Cisco Smart Software Manager (CSSM)`
    Cssm,
}

impl Peer {
    /// Both peers.
    pub const ALL: [Self; 2] = [Self::Cslu, Self::Cssm];

    /// The name as printed.
    #[must_use]
    pub const fn name(self, spelling: Spelling) -> &'static str {
        match (self, spelling) {
            (Self::Cslu, Spelling::Device) => "Cisco Smart License Utility (CSLU)",
            (Self::Cslu, Spelling::Chapter) => "Cisco Smart License utility (CSLU)",
            (Self::Cssm, Spelling::Device | Spelling::Chapter) => "Cisco Smart Software Manager (CSSM)",
        }
    }

    /// The peer of that name, in either spelling.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|peer| name == peer.name(Spelling::Device) || name == peer.name(Spelling::Chapter))
    }

    /// The peer's name by transport type; none on transport `off`, where no message is ever sent.
    #[must_use]
    pub const fn of(transport: TransportMode) -> Option<Self> {
        match transport {
            TransportMode::Cslu => Some(Self::Cslu),
            TransportMode::Smart | TransportMode::Callhome => Some(Self::Cssm),
            TransportMode::Off => None,
        }
    }
}

/// How the CSLU is spelled (`spec/messages.md` §11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Spelling {
    /// `Utility`, as devices print it.
    #[default]
    Device,
    /// `utility`, as the chapter prints it (`chapter-spelling`).
    Chapter,
}

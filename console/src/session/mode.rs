//! Where a session is.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::table::Place;

/// The mode of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// At the exec prompt.
    #[default]
    Exec,
    /// In configuration mode.
    Config,
    /// At an interface.
    Interface(String),
    /// At a VRF.
    Vrf(String),
    /// At Call Home.
    Callhome,
    /// At lines.
    Line(LineKind),
}

/// A kind of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// `line console`.
    Console,
    /// `line vty`.
    Vty,
}

impl Mode {
    /// The part of the prompt between host name and `#`.
    #[must_use]
    pub const fn in_prompt(&self) -> &'static str {
        match self {
            Self::Exec => "",
            Self::Config => "(config)",
            Self::Interface(_) => "(config-if)",
            Self::Vrf(_) => "(config-vrf)",
            Self::Callhome => "(config-callhome)",
            Self::Line(LineKind::Console) => "(config-console)",
            Self::Line(LineKind::Vty) => "(config-line)",
        }
    }

    /// Which commands belong to it.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::Exec => Place::Exec,
            Self::Config => Place::Config,
            Self::Interface(_) => Place::Interface,
            Self::Vrf(_) => Place::Vrf,
            Self::Callhome => Place::Callhome,
            Self::Line(_) => Place::Line,
        }
    }

    /// Whose commands can be typed here: its own first, then those of the modes around it. NX-OS takes exec commands
    /// in configuration modes.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let mut places = Vec::from([self.place()]);
        if self.is_sub_mode() {
            places.push(Place::Config);
        }
        if *self != Self::Exec {
            places.push(Place::Exec);
        }
        places
    }

    /// The mode that `exit` leads to; none at the exec prompt.
    #[must_use]
    pub const fn outer(&self) -> Option<Self> {
        match self {
            Self::Exec => None,
            Self::Config => Some(Self::Exec),
            Self::Interface(_) | Self::Vrf(_) | Self::Callhome | Self::Line(_) => Some(Self::Config),
        }
    }

    /// The commands that lead here, for `where`.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Exec => String::new(),
            Self::Config => String::from("conf"),
            Self::Interface(name) => format!("conf; interface {name}"),
            Self::Vrf(name) => format!("conf; vrf context {name}"),
            Self::Callhome => String::from("conf; callhome"),
            Self::Line(LineKind::Console) => String::from("conf; line console"),
            Self::Line(LineKind::Vty) => String::from("conf; line vty"),
        }
    }

    const fn is_sub_mode(&self) -> bool {
        matches!(self, Self::Interface(_) | Self::Vrf(_) | Self::Callhome | Self::Line(_))
    }
}

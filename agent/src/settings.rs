//! The settings of the configuration that the agent's behaviour depends on (`spec/behaviour.md` §1).

use core::fmt;

use slpsim_policy::numbers;

/// `license smart transport`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum TransportMode {
    /// Call Home to CSSM.
    Callhome,
    /// CSLU, or an SSM On-Prem behind a CSLU URL; the switch's default.
    #[default]
    Cslu,
    /// No communication.
    Off,
    /// Smart transport to CSSM.
    Smart,
}

impl TransportMode {
    /// All modes, in the order of the command's keywords.
    pub const ALL: [Self; 4] = [Self::Callhome, Self::Cslu, Self::Off, Self::Smart];

    /// The keyword of the command.
    #[must_use]
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Callhome => "callhome",
            Self::Cslu => "cslu",
            Self::Off => "off",
            Self::Smart => "smart",
        }
    }

    /// Whether answers come from CSSM itself; those of a CSLU or On-Prem are relayed (`spec/behaviour.md` §9).
    #[must_use]
    pub const fn is_direct(self) -> bool {
        matches!(self, Self::Smart | Self::Callhome)
    }
}

impl fmt::Display for TransportMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.keyword())
    }
}

/// The part of the configuration that the agent acts on. It belongs to the running configuration, not to the
/// licensing state: a driver gives it at boot and reports changes by [`crate::Command`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Transport type.
    pub transport: TransportMode,
    /// `license smart usage interval`, in days.
    pub usage_interval_days: u16,
}

impl Default for Settings {
    fn default() -> Self {
        Self { transport: TransportMode::Cslu, usage_interval_days: numbers::DEFAULT_USER_INTERVAL_DAYS }
    }
}

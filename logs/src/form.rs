//! The forms of a line, and what can be chosen within them (`spec/logs.md` §1 to §5).

use slpsim_agent::messages::Shape;
use slpsim_agent::{Message, Spelling};

use crate::pri::Facility;
use crate::url::SinkUrl;

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Form {
    /// NX-OS remote (F1 to F4): `<187>n9k-leaf-01: 2026 Mar  2 10:00:00 UTC: %LICMGR-…`.
    #[default]
    Nxos,
    /// NX-OS logfile (F5): `2026 Mar  2 10:00:00 n9k-leaf-01 %LICMGR-…`.
    Logfile,
    /// NX-OS console (F6): `2026 Mar  2 10:00:00 n9k-leaf-01 %$ VDC-1 %$ %LICMGR-…`.
    Console,
    /// As a server relays it after RFC 3164 (F8): `<187>Mar  2 10:00:00 n9k-leaf-01 : 2026 Mar  2 10:00:00 UTC: %LICMGR-…`.
    Rfc3164,
    /// RFC 5424 (F7). Shape by RFC, not by capture: no emitted line of a switch is public (modelled).
    Rfc5424,
    /// IOS-XE remote (F9), with the texts of IOS-XE.
    IosXe,
    /// IOS-XR remote (F10), with the texts of IOS-XR.
    IosXr,
    /// One JSON object by line; no form of a device.
    Json,
}

impl Form {
    /// All forms.
    pub const ALL: [Self; 8] = [
        Self::Nxos,
        Self::Logfile,
        Self::Console,
        Self::Rfc3164,
        Self::Rfc5424,
        Self::IosXe,
        Self::IosXr,
        Self::Json,
    ];

    /// The word of `--form`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Nxos => "nxos",
            Self::Logfile => "logfile",
            Self::Console => "console",
            Self::Rfc3164 => "rfc3164",
            Self::Rfc5424 => "rfc5424",
            Self::IosXe => "iosxe",
            Self::IosXr => "iosxr",
            Self::Json => "json",
        }
    }

    /// The form of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|form| form.word() == word)
    }

    /// Tag and template of a message in this form.
    #[must_use]
    pub const fn shape(self, message: &Message) -> &'static Shape {
        let row = message.row();
        match self {
            Self::IosXe => &row.ios_xe.shape,
            Self::IosXr => &row.ios_xr.shape,
            Self::Nxos | Self::Logfile | Self::Console | Self::Rfc3164 | Self::Rfc5424 | Self::Json => {
                &row.nxos
            }
        }
    }

    /// The form where none is chosen: logfile for files and pipes, console for a terminal, nxos on the wire.
    #[must_use]
    pub const fn default_for(sink: &SinkUrl, stdout_is_terminal: bool) -> Self {
        match sink {
            SinkUrl::Stdout if stdout_is_terminal => Self::Console,
            SinkUrl::Stdout | SinkUrl::File(_) => Self::Logfile,
            SinkUrl::Udp(_) | SinkUrl::Tcp(_) | SinkUrl::Tls { .. } | SinkUrl::Unix(_) | SinkUrl::Null => {
                Self::Nxos
            }
        }
    }
}

/// MSGID of a mnemonic: RFC 5424 §6.2.7 has room for 32 characters.
pub(crate) fn message_id(mnemonic: &str) -> &str {
    mnemonic.get(..32).unwrap_or(mnemonic)
}

/// What stands between PRI and time stamp: `logging origin-id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Nothing, the switch's own default (F1).
    None,
    /// The host name (F3), nothing where the device has none. The simulator's default, since many switches send from
    /// one address (modelled).
    #[default]
    Hostname,
    /// The address (F4), nothing where the device has none.
    Ip,
    /// A fixed text.
    Text(Box<str>),
}

impl Origin {
    /// Reads `none`, `hostname`, `ip` or `string:X`.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        match word {
            "none" => Some(Self::None),
            "hostname" => Some(Self::Hostname),
            "ip" => Some(Self::Ip),
            other => other
                .strip_prefix("string:")
                .filter(|text| !text.is_empty())
                .map(|text| Self::Text(text.into())),
        }
    }
}

/// Digits behind the seconds: `logging timestamp`. Seconds are cut, never rounded (modelled).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// None.
    #[default]
    Seconds,
    /// Three.
    Milliseconds,
    /// Six; the clock of a device counts milliseconds, so that the last three are zero. Breaks some receivers
    /// (`spec/logs.md` §13).
    Microseconds,
}

impl Precision {
    /// All choices.
    pub const ALL: [Self; 3] = [Self::Seconds, Self::Milliseconds, Self::Microseconds];

    /// The word of `--timestamp`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
        }
    }

    /// The choice of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.word() == word)
    }
}

/// Bytes of a UDP line; what is longer is cut (`spec/logs.md` §7, after RFC 3164 §4.1; modelled).
pub const UDP_MAX_BYTES: usize = 1024;

/// What a formatter can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Options {
    /// How a line looks.
    pub form: Form,
    /// What stands before the time stamp.
    pub origin: Origin,
    /// Digits behind the seconds.
    pub precision: Precision,
    /// The facility of PRI.
    pub facility: Facility,
    /// How the CSLU is spelled.
    pub spelling: Spelling,
    /// Longer lines are cut to this many bytes, at a character boundary; [`UDP_MAX_BYTES`] over UDP.
    pub max_bytes: Option<usize>,
}

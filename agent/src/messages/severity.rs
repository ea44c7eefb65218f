//! Severities and variable fields (`spec/chapter.md` §2.3, §2.4).

use core::fmt;

/// How serious a message is; the digit in its tag (`spec/chapter.md` S-07). The lower, the more serious.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// 0: the system is unusable.
    Emergency,
    /// 1: immediate action is required.
    Alert,
    /// 2: critical condition.
    Critical,
    /// 3: error condition.
    Error,
    /// 4: warning condition.
    Warning,
    /// 5: normal but significant condition.
    Notification,
    /// 6: informational message only.
    Informational,
    /// 7: message that appears during debugging only.
    Debugging,
}

impl Severity {
    /// All severities, by digit.
    pub const ALL: [Self; 8] = [
        Self::Emergency,
        Self::Alert,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notification,
        Self::Informational,
        Self::Debugging,
    ];

    /// The severity with this digit; 7 for every digit above it.
    #[must_use]
    pub const fn of(digit: u8) -> Self {
        match digit {
            0 => Self::Emergency,
            1 => Self::Alert,
            2 => Self::Critical,
            3 => Self::Error,
            4 => Self::Warning,
            5 => Self::Notification,
            6 => Self::Informational,
            _ => Self::Debugging,
        }
    }

    /// The digit, 0 to 7.
    #[must_use]
    pub const fn digit(self) -> u8 {
        self as u8
    }

    /// The name of chapter Table 1.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::Alert => "alert",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notification => "notification",
            Self::Informational => "informational",
            Self::Debugging => "debugging",
        }
    }

    /// What chapter Table 1 says that it means.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Emergency => "the system is unusable",
            Self::Alert => "immediate action is required",
            Self::Critical => "critical condition",
            Self::Error => "error condition",
            Self::Warning => "warning condition",
            Self::Notification => "normal but significant condition",
            Self::Informational => "informational message only",
            Self::Debugging => "message that appears during debugging only",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The kinds of variable fields of chapter Table 2 (`spec/chapter.md` S-11). The catalogue uses two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// A single character.
    Char,
    /// A character string.
    Chars,
    /// A decimal number.
    Dec,
    /// An Ethernet address, such as `0000.FEED.00C0`.
    Enet,
    /// A hexadecimal number.
    Hex,
    /// An Internet address, such as `10.0.2.16`.
    Inet,
    /// An integer.
    Int,
    /// An address name or a node name.
    Node,
    /// A terminal line number in octal, or in decimal where the decimal-TTY service is enabled.
    TLine,
    /// A clock value, such as `01:20:08 UTC Tue Mar 2 1993`.
    Clock,
}

impl FieldKind {
    /// All kinds, in the order of chapter Table 2.
    pub const ALL: [Self; 10] = [
        Self::Char,
        Self::Chars,
        Self::Dec,
        Self::Enet,
        Self::Hex,
        Self::Inet,
        Self::Int,
        Self::Node,
        Self::TLine,
        Self::Clock,
    ];

    /// How a template shows the field.
    #[must_use]
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Char => "[char]",
            Self::Chars => "[chars]",
            Self::Dec => "[dec]",
            Self::Enet => "[enet]",
            Self::Hex => "[hex]",
            Self::Inet => "[inet]",
            Self::Int => "[int]",
            Self::Node => "[node]",
            Self::TLine => "[t-line]",
            Self::Clock => "[clock]",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/chapter.md` §2.3, chapter Table 1.
    #[test]
    fn the_severities_are_those_of_table_1() {
        let expected = [
            (0, "emergency"),
            (1, "alert"),
            (2, "critical"),
            (3, "error"),
            (4, "warning"),
            (5, "notification"),
            (6, "informational"),
            (7, "debugging"),
        ];
        for ((digit, name), severity) in expected.into_iter().zip(Severity::ALL) {
            assert_eq!((severity.digit(), severity.name()), (digit, name));
            assert_eq!(Severity::of(digit), severity);
            assert!(!severity.meaning().is_empty());
        }
        assert!(Severity::Error < Severity::Informational, "the lower the number, the more serious");
    }

    /// `spec/chapter.md` §2.4, chapter Table 2, S-11.
    #[test]
    fn all_ten_kinds_of_fields_have_their_name() {
        let expected = [
            "[char]", "[chars]", "[dec]", "[enet]", "[hex]", "[inet]", "[int]", "[node]", "[t-line]",
            "[clock]",
        ];
        assert_eq!(FieldKind::ALL.map(FieldKind::placeholder), expected);
    }
}

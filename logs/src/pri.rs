//! PRI: `<8 × facility + severity>` (RFC 3164 §4.1.1, RFC 5424 §6.2.1, `spec/logs.md` §5).

use slpsim_agent::Severity;

/// The facilities that `logging server H facility F` offers to network devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Facility {
    /// 16
    Local0,
    /// 17
    Local1,
    /// 18
    Local2,
    /// 19
    Local3,
    /// 20
    Local4,
    /// 21
    Local5,
    /// 22
    Local6,
    /// 23, the switch's default.
    #[default]
    Local7,
}

impl Facility {
    /// All facilities, by number.
    pub const ALL: [Self; 8] = [
        Self::Local0,
        Self::Local1,
        Self::Local2,
        Self::Local3,
        Self::Local4,
        Self::Local5,
        Self::Local6,
        Self::Local7,
    ];

    /// The word of `--facility`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        ["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"][self as usize]
    }

    /// The facility of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facility| facility.word() == word)
    }

    /// PRI of a message with that severity.
    #[must_use]
    pub const fn pri(self, severity: Severity) -> u8 {
        8 * (16 + self as u8) + severity.digit()
    }
}

/// The eight PRI fields of a facility, ready to be copied.
#[derive(Clone, Debug)]
pub(crate) struct Fields([[u8; 5]; 8]);

impl Fields {
    pub(crate) fn of(facility: Facility) -> Self {
        // Local facilities give 128 to 191: always three digits.
        Self(Severity::ALL.map(|severity| {
            let pri = facility.pri(severity);
            [b'<', b'0' + pri / 100, b'0' + pri / 10 % 10, b'0' + pri % 10, b'>']
        }))
    }

    #[inline]
    pub(crate) fn of_severity(&self, severity: Severity) -> &[u8; 5] {
        &self.0[usize::from(severity.digit()) & 7]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `spec/logs.md` §5, the table.
    #[test]
    fn pri_is_that_of_the_table() {
        let severities = [2, 3, 4, 5, 6].map(Severity::of);
        for (word, number, expected) in [
            ("local0", 16, [130, 131, 132, 133, 134]),
            ("local4", 20, [162, 163, 164, 165, 166]),
            ("local7", 23, [186, 187, 188, 189, 190]),
        ] {
            let facility = Facility::by_word(word).unwrap();
            assert_eq!(severities.map(|severity| facility.pri(severity)), expected);
            assert_eq!(facility.pri(Severity::Emergency), 8 * number);
        }
        assert_eq!(Facility::by_word("local8"), None);
    }

    #[test]
    fn the_ready_fields_say_the_same() {
        for facility in Facility::ALL {
            let fields = Fields::of(facility);
            for severity in Severity::ALL {
                let text = std::str::from_utf8(fields.of_severity(severity)).unwrap();
                assert_eq!(text, format!("<{}>", facility.pri(severity)));
            }
        }
    }
}

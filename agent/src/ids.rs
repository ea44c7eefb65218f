//! Names and numbers that identify things.

use alloc::boxed::Box;
use core::fmt;

use crate::numbers;
use crate::text::{Text, TextError};

/// Number of an agent within one driver; part of the total order of events and of keyed draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub u32);

/// Number of an exchange of one agent; starts again after 65,535, long after the exchange that had it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Txn(pub u16);

/// Number of a RUM report, unique per UDI (`spec/behaviour.md` §4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct ReportId(pub u64);

/// Number with which the ACK of a report is fetched later (`spec/behaviour.md` §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PollId(pub u64);

/// A serial number.
pub type Serial = Text<15>;
/// A product id, such as `N9K-C93180YC-FX3`.
pub type Pid = Text<23>;

/// Unique device identifier: product id plus serial number (`spec/messages.md` §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Udi {
    /// Product id.
    pub pid: Pid,
    /// Serial number.
    pub serial: Serial,
}

impl Udi {
    /// From its two parts.
    ///
    /// # Errors
    /// Where a part is empty, too long or not printable ASCII without blanks.
    pub fn new(pid: &str, serial: &str) -> Result<Self, TextError> {
        Ok(Self { pid: Pid::new(pid)?, serial: Serial::new(serial)? })
    }

    /// As in messages: `P:N9K-C93180YC-FX3,S:FDO00000001`.
    #[must_use]
    pub const fn in_messages(&self) -> impl fmt::Display + use<'_> {
        Spelled { udi: self, pid: "P:", serial: ",S:" }
    }

    /// Writes the form of [`Udi::in_messages`] without going through a formatter: millions of lines a second have it.
    ///
    /// # Errors
    /// Where `out` fails.
    pub fn write_in_messages(&self, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        Spelled { udi: self, pid: "P:", serial: ",S:" }.write(out)
    }

    /// Reads the form of [`Udi::in_messages`].
    #[must_use]
    pub fn parse_in_messages(text: &str) -> Option<Self> {
        let (pid, serial) = text.strip_prefix("P:")?.split_once(",S:")?;
        Self::new(pid, serial).ok()
    }

    /// As in show commands: `PID:N9K-C93180YC-FX3,SN:FDO00000001`.
    #[must_use]
    pub const fn in_show(&self) -> impl fmt::Display + use<'_> {
        Spelled { udi: self, pid: "PID:", serial: ",SN:" }
    }
}

struct Spelled<'a> {
    udi: &'a Udi,
    pid: &'static str,
    serial: &'static str,
}

impl Spelled<'_> {
    #[inline]
    fn write(&self, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
        out.write_str(self.pid)?;
        out.write_str(self.udi.pid.as_str())?;
        out.write_str(self.serial)?;
        out.write_str(self.udi.serial.as_str())
    }
}

impl fmt::Display for Spelled<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)
    }
}

/// `product_instance_identifier`: the uuid that a device gets with its trust code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct InstanceId(pub [u8; 16]);

impl InstanceId {
    /// Reads the hyphenated form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0_u8; 16];
        let mut nibbles = text.bytes().filter(|byte| *byte != b'-');
        for byte in &mut bytes {
            let high = char::from(nibbles.next()?).to_digit(16)?;
            let low = char::from(nibbles.next()?).to_digit(16)?;
            *byte = u8::try_from(high << 4 | low).ok()?;
        }
        let hyphens = text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
        (nibbles.next().is_none() && hyphens).then_some(Self(bytes))
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, byte) in self.0.iter().enumerate() {
            if matches!(position, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a trust code gives a device to sign with and to name itself by (`spec/formats.md` §5, §13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct IdCert {
    /// The product instance identifier.
    pub instance: InstanceId,
    /// Serial number of the ID certificate; the `key` of signatures made with it.
    pub serial: u64,
}

/// An id token as typed by the operator. A secret: it is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Box<str>);

impl Token {
    /// Takes 1 to 255 characters (`spec/behaviour.md` §16).
    ///
    /// # Errors
    /// Where the length is outside that range, or a character is a control character or blank.
    pub fn new(token: &str) -> Result<Self, TextError> {
        if token.is_empty() {
            return Err(TextError::Empty);
        }
        if token.chars().count() > numbers::TOKEN_MAX_CHARS {
            return Err(TextError::TooLong { max: numbers::TOKEN_MAX_CHARS });
        }
        if let Some(bad) = token.chars().find(|c| c.is_control() || c.is_whitespace()) {
            return Err(TextError::Character(bad));
        }
        Ok(Self(token.into()))
    }

    /// The secret itself; for the wire and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::ToString;

    /// `spec/messages.md` §4.
    #[test]
    fn a_udi_has_one_spelling_for_each_place() {
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        assert_eq!(udi.in_messages().to_string(), "P:N9K-C93180YC-FX3,S:FDO00000001");
        assert_eq!(Udi::parse_in_messages("P:N9K-C93180YC-FX3,S:FDO00000001"), Some(udi));
        assert_eq!(Udi::parse_in_messages("PID:N9K-C93180YC-FX3,SN:FDO00000001"), None);
        assert_eq!(udi.in_show().to_string(), "PID:N9K-C93180YC-FX3,SN:FDO00000001");
    }

    #[test]
    fn an_instance_id_reads_what_it_prints() {
        let text = "00000000-0000-4000-8000-0000000000aa";
        assert_eq!(InstanceId::parse(text).unwrap().to_string(), text);
        for bad in ["", "0", "00000000-0000-4000-8000-0000000000a", "g0000000-0000-4000-8000-0000000000aa"] {
            assert_eq!(InstanceId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_token_is_never_printed() {
        let token = Token::new("EXAMPLETOKEN0001").unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert_eq!(Token::new(&"x".repeat(256)), Err(TextError::TooLong { max: 255 }));
    }
}

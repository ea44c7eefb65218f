//! A device's time zone: what is added to UTC, and the abbreviation that is printed.

use std::str::FromStr;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{OffsetName, Tz};

/// Characters of an abbreviation that is set by hand.
const NAME_MAX: usize = 8;
/// No zone is further from UTC than this, in seconds.
const OFFSET_MAX_S: i32 = 26 * 3600;

/// A zone of the tz database, with its summer time, or a fixed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Named(Tz),
    Fixed { name: [u8; NAME_MAX], len: u8, offset_s: i32 },
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(Kind::Named(Tz::UTC));

    /// A zone without summer time, as `clock timezone JST 9 0` sets it.
    ///
    /// # Errors
    /// Where the name has other characters than letters, digits, `+` and `-`, or more than 8, or the offset is a day or more.
    pub fn fixed(name: &str, offset_s: i32) -> Result<Self, ZoneError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'-';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(plain) {
            return Err(ZoneError::Name);
        }
        if offset_s.abs() >= OFFSET_MAX_S {
            return Err(ZoneError::Offset);
        }
        let mut bytes = [0; NAME_MAX];
        for (to, from) in bytes.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        let len = u8::try_from(name.len()).map_err(|_| ZoneError::Name)?;
        Ok(Self(Kind::Fixed { name: bytes, len, offset_s }))
    }

    /// Calls `with` with the seconds to add to UTC and the abbreviation, as they are at `secs` (Unix time).
    pub fn at<T>(self, secs: i64, with: impl FnOnce(i32, &str) -> T) -> T {
        match self.0 {
            Kind::Fixed { name, len, offset_s } => {
                let name = name.get(..usize::from(len)).unwrap_or_default();
                with(offset_s, std::str::from_utf8(name).unwrap_or_default())
            }
            Kind::Named(Tz::UTC) => with(0, "UTC"),
            Kind::Named(tz) => {
                let utc = DateTime::from_timestamp(secs, 0).unwrap_or(DateTime::UNIX_EPOCH).naive_utc();
                let offset = tz.offset_from_utc_datetime(&utc);
                let seconds = offset.fix().local_minus_utc();
                match offset.abbreviation() {
                    Some(name) => with(seconds, name),
                    // Many zones have no letters; the tz database prints their offset.
                    None => with(seconds, &numeric(seconds)),
                }
            }
        }
    }
}

/// `+04` or `-0330`.
fn numeric(offset_s: i32) -> String {
    let sign = if offset_s < 0 { '-' } else { '+' };
    let minutes = offset_s.unsigned_abs() / 60;
    match minutes % 60 {
        0 => format!("{sign}{:02}", minutes / 60),
        rest => format!("{sign}{:02}{rest:02}", minutes / 60),
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    /// Reads a name of the tz database (`UTC`, `Asia/Tokyo`), or abbreviation, hours and minutes as `clock timezone` has
    /// them (`JST 9 0`).
    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let mut words = text.split_ascii_whitespace();
        let (Some(name), Some(hours)) = (words.next(), words.next()) else {
            return text.parse().map(|tz| Self(Kind::Named(tz))).map_err(|_| ZoneError::Unknown(text.into()));
        };
        let number = |word: &str| word.parse::<i8>().map(i32::from).map_err(|_| ZoneError::Offset);
        let minutes = words.next().map_or(Ok(0), number)?;
        if words.next().is_some() || !(0..60).contains(&minutes) {
            return Err(ZoneError::Offset);
        }
        let sign = if hours.starts_with('-') { -1 } else { 1 };
        Self::fixed(name, number(hours)? * 3600 + sign * minutes * 60)
    }
}

/// Why a text is no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Not in the tz database.
    #[error(
        "unknown time zone {0:?}: use a name such as UTC or Asia/Tokyo, or an abbreviation with its offset such as \"JST 9 0\""
    )]
    Unknown(String),
    /// The abbreviation cannot be printed.
    #[error("a time-zone abbreviation has 1 to 8 letters, digits, + or -")]
    Name,
    /// Not hours and minutes.
    #[error("a time-zone offset is hours (-25 to 25) and minutes (0 to 59)")]
    Offset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_know_their_offset_and_abbreviation_in_winter_and_summer() {
        let winter = 1_772_445_600; // 2026-03-02 10:00:00 UTC
        let summer = 1_782_900_000; // 2026-07-01 10:00:00 UTC
        for (zone, at, expected) in [
            ("UTC", winter, (0, "UTC")),
            ("Europe/Zurich", winter, (3600, "CET")),
            ("Europe/Zurich", summer, (7200, "CEST")),
            ("America/Phoenix", summer, (-25_200, "MST")),
            ("America/New_York", summer, (-14_400, "EDT")),
            ("Asia/Tokyo", summer, (32_400, "JST")),
            ("Australia/Sydney", summer, (36_000, "AEST")),
            ("Asia/Dubai", winter, (14_400, "+04")),
            ("Asia/Kathmandu", winter, (20_700, "+0545")),
            ("America/Sao_Paulo", summer, (-10_800, "-03")),
            ("JST 9 0", winter, (32_400, "JST")),
            ("NST -3 30", winter, (-12_600, "NST")),
            ("X -0 30", winter, (-1_800, "X")),
        ] {
            let zone: Zone = zone.parse().unwrap();
            zone.at(at, |offset, name| assert_eq!((offset, name), expected));
        }
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        for bad in
            ["", "Mars", "JST 9 60", "JST nine", "JST 9 0 0", "ABCDEFGHI 1 0", "J\u{7}T 1 0", "JST 99 0"]
        {
            assert!(bad.parse::<Zone>().is_err(), "{bad}");
        }
    }
}

//! The types of arguments.

use core::net::{IpAddr, Ipv4Addr};
use core::ops::RangeInclusive;

use slpsim_agent::numbers::TOKEN_MAX_CHARS;
use slpsim_network::Ipv4Net;
use slpsim_policy::numbers::INTERVAL_RANGE_DAYS;

use crate::config::{CSLU_DISCOVERY, is_hostname};

/// Longest path of a file, in characters (`spec/behaviour.md` §16).
const PATH_MAX_CHARS: usize = 127;
/// Longest other argument, in characters (modelled).
const WORD_MAX_CHARS: usize = 255;

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any word.
    Word,
    /// An id token; never repeated in messages.
    Token,
    /// An `http` or `https` URL.
    Url,
    /// The same, or the word that means discovery.
    CsluUrl,
    /// A host name of the switch itself.
    Hostname,
    /// A host name or an address.
    Host,
    /// An address.
    Address,
    /// An IPv4 address.
    Ipv4,
    /// An IPv4 address with the length of its mask.
    Prefix,
    /// A path on the switch.
    Path,
    /// A number of days for the reporting interval.
    Interval,
    /// A number of days.
    Days,
    /// A port.
    Port,
    /// The number of a report.
    ReportId,
    /// A number from 1 to 4: the NTP version.
    Version,
    /// Hours east of UTC.
    ZoneHours,
    /// Minutes.
    ZoneMinutes,
    /// Lines of a terminal.
    Length,
    /// Columns of a terminal.
    Width,
    /// Minutes without input.
    Timeout,
    /// A severity of the log.
    Severity,
    /// A small count.
    Count,
    /// `hh:mm:ss`.
    Time,
    /// Day of a month.
    MonthDay,
    /// A month by its English name.
    Month,
    /// A year.
    Year,
    /// Week of a month; 5 is the last one.
    Week,
    /// A day of the week by its English name.
    Weekday,
    /// `hh:mm`.
    HourMinute,
    /// Minutes that summer time is ahead.
    SummerMinutes,
}

impl Kind {
    /// All kinds with the word that names them in the syntax column.
    pub const ALL: [(Self, &'static str); 30] = [
        (Self::Word, "word"),
        (Self::Token, "token"),
        (Self::Url, "url"),
        (Self::CsluUrl, "csluurl"),
        (Self::Hostname, "hostname"),
        (Self::Host, "host"),
        (Self::Address, "address"),
        (Self::Ipv4, "ipv4"),
        (Self::Prefix, "prefix"),
        (Self::Path, "path"),
        (Self::Interval, "interval"),
        (Self::Days, "days"),
        (Self::Port, "port"),
        (Self::ReportId, "report"),
        (Self::Version, "version"),
        (Self::ZoneHours, "zonehours"),
        (Self::ZoneMinutes, "zoneminutes"),
        (Self::Length, "length"),
        (Self::Width, "width"),
        (Self::Timeout, "timeout"),
        (Self::Severity, "severity"),
        (Self::Count, "count"),
        (Self::Time, "time"),
        (Self::MonthDay, "monthday"),
        (Self::Month, "month"),
        (Self::Year, "year"),
        (Self::Week, "week"),
        (Self::Weekday, "weekday"),
        (Self::HourMinute, "hhmm"),
        (Self::SummerMinutes, "summerminutes"),
    ];

    /// The kind of that name.
    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(kind, _)| kind)
    }

    /// What `?` lists in its place.
    #[must_use]
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Word
            | Self::Token
            | Self::Url
            | Self::CsluUrl
            | Self::Hostname
            | Self::Path
            | Self::Month
            | Self::Weekday => "WORD",
            Self::Host => "A.B.C.D or Hostname",
            Self::Address => "A.B.C.D or A:B::C:D",
            Self::Ipv4 => "A.B.C.D",
            Self::Prefix => "A.B.C.D/LEN",
            Self::Time => "HH:MM:SS",
            Self::HourMinute => "HH:MM",
            Self::Week => "<1-5>",
            Self::SummerMinutes => "<1-1440>",
            Self::Interval => "<1-3650>",
            Self::Days => "<1-36500>",
            Self::Port => "<1-65535>",
            Self::ReportId => "<1-18446744073709551615>",
            Self::Severity => "<0-7>",
            Self::Version => "<1-4>",
            Self::ZoneHours => "<-23-23>",
            Self::ZoneMinutes => "<0-59>",
            Self::Length | Self::Width => "<0-511>",
            Self::Timeout => "<0-525600>",
            Self::Count => "<1-655350>",
            Self::MonthDay => "<1-31>",
            Self::Year => "<1970-2099>",
        }
    }

    /// The numbers that are accepted, where the kind is a number.
    #[must_use]
    pub const fn range(self) -> Option<RangeInclusive<i128>> {
        Some(match self {
            Self::Interval => *INTERVAL_RANGE_DAYS.start() as i128..=*INTERVAL_RANGE_DAYS.end() as i128,
            Self::Days => 1..=36_500,
            Self::Port => 1..=65_535,
            Self::ReportId => 1..=u64::MAX as i128,
            Self::Severity => 0..=7,
            Self::Version => 1..=4,
            Self::ZoneHours => -23..=23,
            Self::ZoneMinutes => 0..=59,
            Self::Length | Self::Width => 0..=511,
            Self::Timeout => 0..=525_600,
            Self::Count => 1..=655_350,
            Self::MonthDay => 1..=31,
            Self::Year => 1970..=2099,
            Self::Week => 1..=5,
            Self::SummerMinutes => 1..=1440,
            Self::Word
            | Self::Token
            | Self::Url
            | Self::CsluUrl
            | Self::Hostname
            | Self::Host
            | Self::Address
            | Self::Ipv4
            | Self::Prefix
            | Self::Path
            | Self::Time
            | Self::HourMinute
            | Self::Weekday
            | Self::Month => return None,
        })
    }

    /// Whether `text` is such an argument.
    #[must_use]
    pub fn accepts(self, text: &str) -> bool {
        if let Some(range) = self.range() {
            return text.parse().is_ok_and(|number| range.contains(&number));
        }
        if text.chars().any(char::is_control) {
            return false;
        }
        let up_to = |max: usize| (1..=max).contains(&text.chars().count());
        match self {
            Self::Token => up_to(TOKEN_MAX_CHARS),
            Self::Url => is_url(text),
            Self::CsluUrl => text == CSLU_DISCOVERY || is_url(text),
            Self::Hostname => is_hostname(text),
            Self::Host => text.parse::<IpAddr>().is_ok() || (is_hostname(text) && !is_all_numbers(text)),
            Self::Address => text.parse::<IpAddr>().is_ok(),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Prefix => text.parse::<Ipv4Net>().is_ok(),
            Self::Path => up_to(PATH_MAX_CHARS),
            Self::Time => clock_parts(text).is_some(),
            Self::HourMinute => hour_minute(text).is_some(),
            Self::Month => month(text).is_some(),
            Self::Weekday => weekday(text).is_some(),
            Self::Word
            | Self::Interval
            | Self::Days
            | Self::Port
            | Self::ReportId
            | Self::Version
            | Self::ZoneHours
            | Self::ZoneMinutes
            | Self::Length
            | Self::Width
            | Self::Timeout
            | Self::Severity
            | Self::Count
            | Self::MonthDay
            | Self::Week
            | Self::SummerMinutes
            | Self::Year => up_to(WORD_MAX_CHARS),
        }
    }
}

/// Hours, minutes and seconds of `hh:mm:ss`.
#[must_use]
pub fn clock_parts(text: &str) -> Option<[u8; 3]> {
    let mut parts = text.split(':').map(|part| part.parse::<u8>().ok());
    let time = [parts.next()??, parts.next()??, parts.next()??];
    (parts.next().is_none() && time[0] < 24 && time[1] < 60 && time[2] < 60).then_some(time)
}

/// Hours and minutes of `hh:mm`.
#[must_use]
pub fn hour_minute(text: &str) -> Option<[u8; 2]> {
    let (hour, minute) = text.split_once(':')?;
    let time = [hour.parse().ok()?, minute.parse().ok()?];
    (time[0] < 24 && time[1] < 60).then_some(time)
}

/// The month of an English name, of which three letters are enough.
#[must_use]
pub fn month(text: &str) -> Option<u8> {
    named(text, &crate::calendar::MONTHS).map(|at| at + 1)
}

/// The day of an English name, likewise: 0 is Sunday.
#[must_use]
pub fn weekday(text: &str) -> Option<u8> {
    named(text, &crate::calendar::WEEKDAYS)
}

fn named(text: &str, names: &[&str]) -> Option<u8> {
    let short = text.get(..3).filter(|_| text.bytes().all(|byte| byte.is_ascii_alphabetic()))?;
    let found = names.iter().position(|name| name.eq_ignore_ascii_case(short))?;
    u8::try_from(found).ok()
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    text.len() <= WORD_MAX_CHARS
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && host.is_some_and(|host| !host.is_empty() && !host.starts_with(':'))
}

/// `1.2.3` is a mistyped address, not a name.
fn is_all_numbers(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn arguments_are_judged_by_their_kind() {
        for (kind, text, accepted) in [
            (Kind::Url, "http://192.168.0.1:8182/cslu/v1/pi", true),
            (Kind::Url, "ftp://host/", false),
            (Kind::Url, "http://:8182/", false),
            (Kind::Url, "cslu-local", false),
            (Kind::CsluUrl, "cslu-local", true),
            (Kind::Interval, "0", false),
            (Kind::Interval, "1", true),
            (Kind::Interval, "3650", true),
            (Kind::Interval, "3651", false),
            (Kind::Interval, "7d", false),
            (Kind::Hostname, "switch-1.a_b", true),
            (Kind::Hostname, "a b", false),
            (Kind::Host, "192.168.0", false),
            (Kind::Host, "2001:db8::1", true),
            (Kind::Time, "23:59:59", true),
            (Kind::Time, "24:00:00", false),
            (Kind::Month, "march", true),
            (Kind::Month, "Ma", false),
            (Kind::Weekday, "Sunday", true),
            (Kind::Weekday, "Someday", false),
            (Kind::HourMinute, "02:00", true),
            (Kind::HourMinute, "24:00", false),
            (Kind::HourMinute, "2", false),
            (Kind::Week, "6", false),
            (Kind::ReportId, "18446744073709551615", true),
            (Kind::Word, "a\u{7}", false),
        ] {
            assert_eq!(kind.accepts(text), accepted, "{kind:?} {text}");
        }
        assert!(Kind::Token.accepts(&String::from_utf8(alloc::vec![b'x'; 255]).unwrap()));
        assert!(!Kind::Token.accepts(&String::from_utf8(alloc::vec![b'x'; 256]).unwrap()));
        assert!(!Kind::Path.accepts(&String::from_utf8(alloc::vec![b'x'; 128]).unwrap()));
    }

    #[test]
    fn placeholders_of_numbers_say_their_range() {
        for (kind, name) in Kind::ALL {
            assert_eq!(Kind::by_name(name), Some(kind));
            if let Some(range) = kind.range() {
                assert_eq!(kind.placeholder(), alloc::format!("<{}-{}>", range.start(), range.end()));
            }
        }
    }
}

//! Time stamps in recorded lines of any of our forms: where they stand, and what they say.

use std::ops::Range;
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use regex::bytes::{Captures, Regex};
use slpsim_console::calendar::MONTHS;
use slpsim_policy::Wall;

/// The stamp stands near the beginning; further on there is text.
const LOOK_AT: usize = 160;
/// Years from one Feb 29 to the next, at most.
const LEAP: i32 = 8;
/// Abbreviations whose distance to UTC in hours is no riddle; others are taken for a zone of the device's own.
const ZONES: [(&str, i64); 14] = [
    ("UTC", 0),
    ("GMT", 0),
    ("CET", 1),
    ("CEST", 2),
    ("JST", 9),
    ("EST", -5),
    ("EDT", -4),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
    ("AEST", 10),
    ("AEDT", 11),
];

#[expect(clippy::expect_used, reason = "a fixed pattern, held by the tests")]
static ISO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(\d{1,9}))?(?:Z|[+-]\d\d:\d\d)")
        .expect("a good pattern")
});
#[expect(clippy::expect_used, reason = "a fixed pattern, held by the tests")]
static NXOS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u)(?:(\d{4}) )?(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?: ([A-Z]{3,4}):)?",
    )
    .expect("a good pattern")
});

/// A stamp that was found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Its time, in milliseconds: of UTC, or of the device's own clock where that is not known.
    pub(super) millis: i64,
    /// Where it stands, without its zone.
    place: Range<usize>,
    form: Form,
    /// The stamp of a relay before it, which has no year: where it stands, its digits, and how far it is from this one.
    relay: Option<(Range<usize>, usize, i64)>,
}

/// How a stamp is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// RFC 3339, with so many digits behind the seconds.
    Iso(usize),
    /// `2026 Mar  2 10:00:00`, so far from UTC.
    Year(usize, i64),
    /// `Mar  2 10:00:00`, so far from UTC.
    NoYear(usize, i64),
}

/// The first stamp of a line. Where it has no year, it gets the one with which it is nearest to `like`.
pub(super) fn find(line: &[u8], like: i64) -> Option<Stamp> {
    let head = line.get(..LOOK_AT).unwrap_or(line);
    if let Some(found) = ISO.captures(head) {
        return iso(&found);
    }
    // A relayed line has two: the one with the year is the device's.
    let all: Vec<Captures<'_>> = NXOS.captures_iter(head).collect();
    let at = all.iter().position(|found| found.get(1).is_some()).unwrap_or(0);
    let mut stamp = nxos(all.get(at)?, like)?;
    if at > 0
        && let Some(relay) = all.first().and_then(|found| nxos(found, stamp.millis))
        && let Form::NoYear(digits, _) = relay.form
    {
        stamp.relay = Some((relay.place, digits, relay.millis - stamp.millis));
    }
    Some(stamp)
}

fn iso(found: &Captures<'_>) -> Option<Stamp> {
    let whole = found.get(0)?;
    let time = DateTime::parse_from_rfc3339(std::str::from_utf8(whole.as_bytes()).ok()?).ok()?;
    let digits = found.get(1).map_or(0, |fraction| fraction.len());
    let place = whole.range();
    Some(Stamp { millis: time.timestamp_millis(), place, form: Form::Iso(digits), relay: None })
}

fn nxos(found: &Captures<'_>, like: i64) -> Option<Stamp> {
    let text = |at: usize| found.get(at).and_then(|part| std::str::from_utf8(part.as_bytes()).ok());
    let number = |at: usize| text(at)?.trim().parse::<u32>().ok();
    let month =
        MONTHS.iter().position(|month| Some(*month) == text(2)).and_then(|at| u32::try_from(at + 1).ok())?;
    let known_year = text(1).and_then(|year| year.parse::<i32>().ok());
    let (day, hour, minute, second) = (number(3)?, number(4)?, number(5)?, number(6)?);
    let of = |year| NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, second);
    let local: NaiveDateTime = match known_year {
        Some(year) => of(year)?,
        None => {
            // The nearest one: logs go on over the end of a year, and only leap years have a Feb 29.
            let around = chrono::Datelike::year(&DateTime::from_timestamp_millis(like)?);
            let far = |time: &NaiveDateTime| time.and_utc().timestamp_millis().abs_diff(like);
            (around - LEAP..=around + LEAP).filter_map(of).min_by_key(far)?
        }
    };
    let fraction = text(7).unwrap_or_default();
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let hours =
        text(8).and_then(|zone| ZONES.iter().find(|(name, _)| *name == zone)).map(|(_, hours)| *hours);
    let offset = hours.unwrap_or(0) * 3_600_000;
    let whole = found.get(0)?;
    // The zone with its blank and colon stays as it is.
    let zone = text(8).map_or(0, |zone| zone.len() + 2);
    let digits = fraction.len();
    Some(Stamp {
        millis: local.and_utc().timestamp_millis() + millis - offset,
        place: whole.start()..whole.end() - zone,
        form: if known_year.is_some() { Form::Year(digits, offset) } else { Form::NoYear(digits, offset) },
        relay: None,
    })
}

impl Stamp {
    /// The device that a line names, as far as its form tells; empty where it names none.
    pub(super) fn device<'a>(&self, line: &'a [u8]) -> &'a [u8] {
        let before = line.get(..self.place.start).unwrap_or_default();
        let after = line.get(self.place.end..).unwrap_or_default();
        let following = after.split(|byte| *byte == b' ').find(|word| !word.is_empty()).unwrap_or_default();
        match self.form {
            Form::Iso(_) => match after.strip_prefix(b"\",\"host\":\"") {
                Some(json) => json.split(|byte| *byte == b'"').next().unwrap_or_default(),
                None => following,
            },
            Form::Year(..) | Form::NoYear(..) => {
                let pri = before.iter().position(|byte| *byte == b'>').map_or(0, |at| at + 1);
                let mut words =
                    before.get(pri..).unwrap_or_default().split(|byte| matches!(byte, b' ' | b':' | b'*'));
                // A number is a count of messages.
                let origin = words.rfind(|word| !word.iter().all(u8::is_ascii_digit));
                match (origin, pri) {
                    (Some(origin), _) => origin,
                    (None, 0) => following,
                    (None, _) => &[],
                }
            }
        }
    }

    /// Writes `line` into `out` with another time in the place of this one, in the same form.
    pub(super) fn replaced(&self, line: &[u8], time: Wall, out: &mut Vec<u8>) {
        out.clear();
        let mut from = 0;
        if let Some((place, digits, apart)) = &self.relay {
            out.extend_from_slice(line.get(..place.start).unwrap_or_default());
            print(time.0.saturating_add(*apart), Form::NoYear(*digits, 0), out);
            from = place.end;
        }
        out.extend_from_slice(line.get(from..self.place.start).unwrap_or_default());
        print(time.0, self.form, out);
        out.extend_from_slice(line.get(self.place.end..).unwrap_or_default());
    }
}

/// Appends a time in that form, its zone left out where words stand for it.
fn print(millis: i64, form: Form, out: &mut Vec<u8>) {
    let (digits, offset, format) = match form {
        Form::Iso(digits) => (digits, 0, "%Y-%m-%dT%H:%M:%S"),
        Form::Year(digits, offset) => (digits, offset, "%Y %b %e %H:%M:%S"),
        Form::NoYear(digits, offset) => (digits, offset, "%b %e %H:%M:%S"),
    };
    let local =
        DateTime::from_timestamp_millis(millis.saturating_add(offset)).unwrap_or(DateTime::UNIX_EPOCH);
    out.extend_from_slice(local.format(format).to_string().as_bytes());
    if digits > 0 {
        let nanos = format!("{:09}", chrono::Timelike::nanosecond(&local));
        out.push(b'.');
        out.extend_from_slice(nanos.get(..digits).unwrap_or("000").as_bytes());
    }
    if let Form::Iso(_) = form {
        out.push(b'Z');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKE: i64 = 1_767_225_600_000;
    /// 2026-03-02 10:00:00 UTC
    const T: i64 = 1_772_445_600_000;

    #[test]
    fn the_stamp_of_every_form_is_found_and_replaced_in_its_form() {
        let tail = "%LICMGR-3-LOG_SMART_LIC_POLICY_REMOVED: The licensing policy has been removed.";
        for (head, millis, device, replaced) in [
            ("<187>: 2026 Mar  2 10:00:00 UTC: ", 0, "", "<187>: 2027 Apr 12 09:08:07 UTC: "),
            (
                "<187>n9k: 2026 Mar  2 05:00:00.123 EST: ",
                123,
                "n9k",
                "<187>n9k: 2027 Apr 12 04:08:07.006 EST: ",
            ),
            ("2026 Mar  2 10:00:00 n9k ", 0, "n9k", "2027 Apr 12 09:08:07 n9k "),
            ("2026 Mar  2 10:00:00 n9k %$ VDC-1 %$ ", 0, "n9k", "2027 Apr 12 09:08:07 n9k %$ VDC-1 %$ "),
            (
                "<187>Mar  2 10:00:00 n9k : 2026 Mar  2 10:00:00 UTC: ",
                0,
                "n9k",
                "<187>Apr 12 09:08:07 n9k : 2027 Apr 12 09:08:07 UTC: ",
            ),
            (
                "<187>Mar  2 11:00:01 n9k : 2026 Mar  2 10:00:00 UTC: ",
                0,
                "n9k",
                "<187>Apr 12 10:08:08 n9k : 2027 Apr 12 09:08:07 UTC: ",
            ),
            (
                "<187>1 2026-03-02T11:00:00.5+01:00 n9k LICMGR - X - ",
                500,
                "n9k",
                "<187>1 2027-04-12T09:08:07.0Z n9k LICMGR - X - ",
            ),
            ("<187>42: *Mar  2 10:00:00.123456 UTC: ", 123, "", "<187>42: *Apr 12 09:08:07.006000 UTC: "),
            ("<187>42: Mar  2 10:00:00 XYZ: ", 0, "", "<187>42: Apr 12 09:08:07 XYZ: "),
            ("<187>42: n9k: Mar  2 10:00:00 UTC: ", 0, "n9k", "<187>42: n9k: Apr 12 09:08:07 UTC: "),
            (
                "{\"time\":\"2026-03-02T10:00:00.000Z\",\"host\":\"n9k\",\"x\":\"",
                0,
                "n9k",
                "{\"time\":\"2027-04-12T09:08:07.006Z\",\"host\":\"n9k\",\"x\":\"",
            ),
        ] {
            let line = format!("{head}{tail}");
            let stamp = find(line.as_bytes(), LIKE).unwrap_or_else(|| panic!("{line}"));
            assert_eq!(stamp.millis, T + millis, "{line}");
            assert_eq!(String::from_utf8_lossy(stamp.device(line.as_bytes())), device, "{line}");
            let mut out = Vec::new();
            stamp.replaced(line.as_bytes(), Wall(1_807_520_887_006), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{replaced}{tail}"));
        }
    }

    #[test]
    fn a_stamp_without_a_year_gets_the_nearest() {
        const DAY: i64 = 86_400_000;
        for (line, days) in [
            ("<187>1: Dec 31 00:00:00 UTC: x", -1),
            ("<187>1: Jan  2 00:00:00 UTC: x", 1),
            // 2024, for 2028 is further from the beginning of 2026.
            ("<187>1: Feb 29 00:00:00 UTC: x", -672),
        ] {
            assert_eq!(find(line.as_bytes(), LIKE).unwrap().millis, LIKE + days * DAY, "{line}");
        }
    }

    #[test]
    fn a_line_without_a_stamp_has_none() {
        for line in [
            "",
            "last message repeated 1 time",
            "2026 Foo  2 10:00:00",
            "2026 Feb 30 10:00:00 x",
            "\u{e9}\u{e9}",
        ] {
            assert_eq!(find(line.as_bytes(), LIKE), None, "{line}");
        }
        assert_eq!(find(b"\xff\xfe2026 Mar  2 10:00:00 n9k", LIKE).unwrap().millis, T);
    }
}

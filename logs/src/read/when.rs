//! Time stamps, read back (`spec/logs.md` §2.1, §4, §5).

use chrono::NaiveDate;
use slpsim_policy::Wall;

use super::cursor::Cursor;
use crate::form::Precision;
use crate::stamp::MONTHS;
use crate::zone::Zone;

/// A time as a line has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct When<'a> {
    /// Absent in RFC 3164 stamps and, mostly, on IOS.
    pub year: Option<i32>,
    /// 1 to 12.
    pub month: u32,
    /// 1 to 31.
    pub day: u32,
    /// Seconds since midnight of the clock that the device shows.
    pub second: u32,
    /// Microseconds.
    pub micros: u32,
    /// Digits behind the seconds.
    pub precision: Precision,
    /// What the stamp says about the zone.
    pub zone: Named<'a>,
}

/// A zone as a stamp has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named<'a> {
    /// Not at all.
    No,
    /// By its abbreviation, such as `CET`.
    Abbreviation(&'a str),
    /// By the seconds that were added to UTC.
    Offset(i32),
}

impl<'a> When<'a> {
    /// The device's clock, where `zone` is the device's zone and `year` the year of a stamp that has none. None where
    /// there is no such day or time, or where the abbreviation is not that of the zone then.
    #[must_use]
    pub fn wall(&self, zone: Zone, year: Option<i32>) -> Option<Wall> {
        let date = NaiveDate::from_ymd_opt(self.year.or(year)?, self.month, self.day)?;
        let midnight = date.and_hms_opt(0, 0, 0)?.and_utc().timestamp();
        let local = midnight + i64::from(self.second);
        let secs = match self.zone {
            Named::Offset(offset) => local - i64::from(offset),
            Named::Abbreviation("UTC") => local,
            Named::No | Named::Abbreviation(_) => self.in_zone(zone, local)?,
        };
        Some(Wall::from_secs(secs).plus_millis(i64::from(self.micros / 1000)))
    }

    /// Where the clock was set back, two moments show the same time; the abbreviation tells them apart, else it is the
    /// first.
    fn in_zone(&self, zone: Zone, local: i64) -> Option<i64> {
        const DAY: i64 = 86_400;
        let offsets = [local - DAY, local + DAY].map(|at| zone.at(at, |offset, _| i64::from(offset)));
        let fits = |secs: &i64| {
            zone.at(*secs, |offset, name| {
                let named = match self.zone {
                    Named::Abbreviation(wanted) => wanted == name,
                    Named::No | Named::Offset(_) => true,
                };
                named && *secs + i64::from(offset) == local
            })
        };
        offsets.into_iter().map(|offset| local - offset).find(fits)
    }

    /// `2026 Mar  2 10:00:00[.mmm[uuu]]`
    pub(super) fn nxos(from: &mut Cursor<'a>) -> Option<Self> {
        let year = from.digits(4)?;
        from.literal(" ")?;
        let when = Self::without_year(from)?;
        Some(Self { year: i32::try_from(year).ok(), ..when })
    }

    /// `Mar  2 [2026 ]10:00:00[.mmm[uuu]]`
    pub(super) fn without_year(from: &mut Cursor<'a>) -> Option<Self> {
        let name = from.take(3)?;
        let month = MONTHS.iter().position(|month| *month == name)?;
        from.literal(" ")?;
        // Padded with a blank to two places.
        let day = if from.literal(" ").is_some() { from.digits(1)? } else { from.digits(2)? };
        from.literal(" ")?;
        let mut ahead = *from;
        let year = ahead.digits(4).filter(|_| ahead.literal(" ").is_some());
        if year.is_some() {
            *from = ahead;
        }
        let year = year.and_then(|year| i32::try_from(year).ok());
        Self::time(from, (year, u32::try_from(month + 1).ok()?, day))
    }

    /// `2026-03-02T10:00:00[.mmm[uuu]](Z|+01:00)`
    pub(super) fn iso(from: &mut Cursor<'a>) -> Option<Self> {
        let year = i32::try_from(from.digits(4)?).ok();
        from.literal("-")?;
        let month = from.digits(2)?;
        from.literal("-")?;
        let day = from.digits(2)?;
        from.literal("T")?;
        let when = Self::time(from, (year, month, day))?;
        Some(Self { zone: Named::Offset(offset(from)?), ..when })
    }

    fn time(from: &mut Cursor<'a>, (year, month, day): (Option<i32>, u32, u32)) -> Option<Self> {
        let hour = from.digits(2).filter(|hour| *hour < 24)?;
        from.literal(":")?;
        let minute = from.digits(2).filter(|minute| *minute < 60)?;
        from.literal(":")?;
        let second = hour * 3600 + minute * 60 + from.digits(2).filter(|second| *second < 60)?;
        let (micros, precision) = fraction(from)?;
        // A leap year where none is given: no day of it is refused for want of the year.
        NaiveDate::from_ymd_opt(year.unwrap_or(2024), month, day)?;
        Some(Self { year, month, day, second, micros, precision, zone: Named::No })
    }
}

fn fraction(from: &mut Cursor<'_>) -> Option<(u32, Precision)> {
    if from.literal(".").is_none() {
        return Some((0, Precision::Seconds));
    }
    let mut ahead = *from;
    if let Some(micros) = ahead.digits(6) {
        *from = ahead;
        return Some((micros, Precision::Microseconds));
    }
    Some((from.digits(3)? * 1000, Precision::Milliseconds))
}

fn offset(from: &mut Cursor<'_>) -> Option<i32> {
    if from.literal("Z").is_some() {
        return Some(0);
    }
    let sign = if from.literal("-").is_some() { -1 } else { from.literal("+").map(|()| 1)? };
    let hours = from.digits(2)?;
    from.literal(":")?;
    let minutes = from.digits(2).filter(|minutes| *minutes < 60)?;
    Some(sign * i32::try_from(hours * 3600 + minutes * 60).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hour that Zurich has twice, and one that it never has.
    #[test]
    fn the_abbreviation_tells_the_two_hours_of_autumn_apart() {
        let zurich: Zone = "Europe/Zurich".parse().unwrap();
        let read = |text: &'static str| When::nxos(&mut Cursor(text)).unwrap();
        let twice = read("2026 Oct 25 02:30:00");
        let named = |name| When { zone: Named::Abbreviation(name), ..twice };
        let summer = Wall::from_secs(1_792_888_200);
        assert_eq!(named("CEST").wall(zurich, None), Some(summer));
        assert_eq!(named("CET").wall(zurich, None), Some(summer.plus_millis(3_600_000)));
        assert_eq!(twice.wall(zurich, None), Some(summer));
        assert_eq!(named("JST").wall(zurich, None), None);
        assert_eq!(read("2026 Mar 29 02:30:00").wall(zurich, None), None, "the clock went from 2 to 3");
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "2026",
            "2026 Mar 2 10:00:00",
            "2026 Mar 02:10:00",
            "2026 Mrz  2 10:00:00",
            "2026 Feb 30 10:00:00",
            "2026 Mar  2 24:00:00",
            "2026 Mar  2 10:60:00",
            "2026 Mar  2 10:00:60",
            "2026 Mar  2 10:00:00.1",
        ] {
            assert_eq!(When::nxos(&mut Cursor(text)), None, "{text}");
        }
        for text in
            ["2026-03-02T10:00:00", "2026-13-02T10:00:00Z", "2026-03-02 10:00:00Z", "2026-03-02T10:00:00+1"]
        {
            assert_eq!(When::iso(&mut Cursor(text)), None, "{text}");
        }
    }
}

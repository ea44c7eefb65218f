//! Civil dates for show output. Time zones are an offset with an abbreviation, and one more in summer, given by
//! the caller.

use alloc::string::String;
use core::fmt;

use slpsim_policy::Wall;

/// Abbreviated month names, January first.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Abbreviated day names, Sunday first.
pub const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

const DAY_S: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_SHIFT: i64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: i64 = 146_097;

/// A time zone as `clock timezone NAME HOURS MINUTES` and `clock summer-time` set it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zone {
    /// Abbreviation that follows times, such as `UTC` or `PST`.
    pub abbreviation: String,
    /// Minutes east of UTC.
    pub offset_min: i16,
    /// Summer time, where there is one.
    pub summer: Option<Summer>,
}

/// Summer time, the same days of every year.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Summer {
    /// Abbreviation that follows times in summer, such as `PDT`.
    pub abbreviation: String,
    /// When it begins, in standard time.
    pub start: YearDay,
    /// When it ends, in summer time.
    pub end: YearDay,
    /// Minutes that clocks are put forward.
    pub offset_min: u16,
}

/// A moment that comes once a year, by week and weekday.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct YearDay {
    /// Which of the month, 1 to 5; 5 is the last one.
    pub week: u8,
    /// 0 (Sunday) to 6.
    pub weekday: u8,
    /// 1 to 12.
    pub month: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
}

impl Default for Zone {
    fn default() -> Self {
        Self { abbreviation: String::from("UTC"), offset_min: 0, summer: None }
    }
}

impl Zone {
    /// Minutes east of UTC and the abbreviation at this moment.
    #[must_use]
    pub fn at(&self, wall: Wall) -> (i16, &str) {
        let standard = i64::from(self.offset_min) * 60;
        match &self.summer {
            Some(summer) if summer.is_on(wall.secs(), standard) => {
                let offset = i16::try_from(summer.offset_min).unwrap_or(0);
                (self.offset_min.saturating_add(offset), &summer.abbreviation)
            }
            Some(_) | None => (self.offset_min, &self.abbreviation),
        }
    }
}

impl Summer {
    /// Whether it is on at `secs` (Unix time), where standard time is `standard` seconds east of UTC. South of the
    /// equator it begins later in the year than it ends.
    fn is_on(&self, secs: i64, standard: i64) -> bool {
        let (year, _, _) = from_days(secs.saturating_add(standard).div_euclid(DAY_S));
        let start = self.start.in_year(year) - standard;
        let end = self.end.in_year(year) - standard - i64::from(self.offset_min) * 60;
        if start <= end { start <= secs && secs < end } else { secs < end || start <= secs }
    }
}

impl YearDay {
    /// Seconds since 1970-01-01 in the time that it is given in.
    fn in_year(self, year: i64) -> i64 {
        let first = to_days(year, self.month, 1);
        let to_first = (i64::from(self.weekday) - weekday_of(first)).rem_euclid(7);
        let mut day = first + to_first + (i64::from(self.week) - 1) * 7;
        let next = if self.month == 12 { to_days(year + 1, 1, 1) } else { to_days(year, self.month + 1, 1) };
        if day >= next {
            day -= 7;
        }
        day * DAY_S + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60
    }
}

/// 0 (Sunday) to 6.
const fn weekday_of(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// A moment, taken apart in some zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Civil {
    /// Year of the Gregorian calendar, astronomically counted.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// 0 to 999.
    pub millis: u16,
    /// 0 (Sunday) to 6.
    pub weekday: u8,
}

impl Civil {
    /// `wall` in `zone`.
    #[must_use]
    pub fn at(wall: Wall, zone: &Zone) -> Self {
        let secs = wall.secs().saturating_add(i64::from(zone.at(wall).0) * 60);
        let days = secs.div_euclid(DAY_S);
        let (year, month, day) = from_days(days);
        let of_day = secs.rem_euclid(DAY_S);
        Self {
            year,
            month,
            day,
            hour: small(of_day / 3600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
            millis: u16::try_from(wall.subsec_millis()).unwrap_or(0),
            weekday: small(weekday_of(days)),
        }
    }

    /// Back to the device's clock; whole seconds. Of an hour that comes twice, the first one is meant.
    #[must_use]
    pub fn to_wall(&self, zone: &Zone) -> Wall {
        let of_day = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let days = to_days(self.year, self.month, self.day);
        let standard = Wall::from_secs(days * DAY_S + of_day - i64::from(zone.offset_min) * 60);
        let forward = zone.summer.as_ref().map_or(0, |summer| i64::from(summer.offset_min) * 60);
        let summer = standard.plus_millis(-forward * 1000);
        if zone.at(summer).0 == zone.offset_min { standard } else { summer }
    }

    /// Name of the month.
    #[must_use]
    pub fn month_name(&self) -> &'static str {
        MONTHS.get(usize::from(self.month).wrapping_sub(1)).copied().unwrap_or("???")
    }

    /// Name of the day.
    #[must_use]
    pub fn weekday_name(&self) -> &'static str {
        WEEKDAYS.get(usize::from(self.weekday)).copied().unwrap_or("???")
    }
}

/// `Jan 07 11:00:18 2024 PDT` (`spec/behaviour.md` §18).
#[must_use]
pub fn show_time(wall: Wall, zone: &Zone) -> impl fmt::Display + use<'_> {
    Spelled(move |f: &mut fmt::Formatter<'_>| {
        let t = Civil::at(wall, zone);
        write!(
            f,
            "{} {:02} {:02}:{:02}:{:02} {} {}",
            t.month_name(),
            t.day,
            t.hour,
            t.minute,
            t.second,
            t.year,
            zone.at(wall).1
        )
    })
}

/// `2026-03-02 10:00:00.120 UTC`, as in the event log (`spec/formats.md` §14).
#[must_use]
pub fn event_time(wall: Wall, zone: &Zone) -> impl fmt::Display + use<'_> {
    Spelled(move |f: &mut fmt::Formatter<'_>| {
        let t = Civil::at(wall, zone);
        write!(
            f,
            "{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03} {}",
            t.year,
            t.month,
            t.day,
            t.hour,
            t.minute,
            t.second,
            t.millis,
            zone.at(wall).1
        )
    })
}

/// `11:00:18.000 PDT Wed Jan 17 2024`, as in `show clock`.
#[must_use]
pub fn clock_time(wall: Wall, zone: &Zone) -> impl fmt::Display + use<'_> {
    Spelled(move |f: &mut fmt::Formatter<'_>| {
        let t = Civil::at(wall, zone);
        write!(
            f,
            "{:02}:{:02}:{:02}.{:03} {} {} {} {:02} {}",
            t.hour,
            t.minute,
            t.second,
            t.millis,
            zone.at(wall).1,
            t.weekday_name(),
            t.month_name(),
            t.day,
            t.year
        )
    })
}

struct Spelled<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Spelled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

/// Days since 1970-01-01 to year, month, day; years begin in March, so that the leap day is the last one.
fn from_days(days: i64) -> (i64, u8, u8) {
    let shifted = days + EPOCH_SHIFT;
    let era = shifted.div_euclid(ERA_DAYS);
    let of_era = shifted.rem_euclid(ERA_DAYS);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), small(month), small(day))
}

fn to_days(year: i64, month: u8, day: u8) -> i64 {
    let month = i64::from(month);
    let march_year = year - i64::from(month <= 2);
    let era = march_year.div_euclid(400);
    let year_of_era = march_year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * ERA_DAYS + of_era - EPOCH_SHIFT
}

/// All callers pass values below 60.
fn small(value: i64) -> u8 {
    u8::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn pdt() -> Zone {
        Zone { abbreviation: "PDT".into(), offset_min: -420, summer: None }
    }

    #[test]
    fn known_days_have_their_dates() {
        for (secs, expected) in [
            (0, "Jan 01 00:00:00 1970 UTC"),
            (-1, "Dec 31 23:59:59 1969 UTC"),
            (951_782_400, "Feb 29 00:00:00 2000 UTC"),
            (1_772_445_600, "Mar 02 10:00:00 2026 UTC"),
            (4_107_542_400, "Mar 01 00:00:00 2100 UTC"),
        ] {
            assert_eq!(show_time(Wall::from_secs(secs), &Zone::default()).to_string(), expected);
        }
    }

    #[test]
    fn a_zone_shifts_the_time_and_names_it() {
        let wall = Wall(1_705_514_418_120);
        assert_eq!(show_time(wall, &pdt()).to_string(), "Jan 17 11:00:18 2024 PDT");
        assert_eq!(clock_time(wall, &pdt()).to_string(), "11:00:18.120 PDT Wed Jan 17 2024");
        assert_eq!(event_time(wall, &Zone::default()).to_string(), "2024-01-17 18:00:18.120 UTC");
    }

    fn day(week: u8, month: u8, hour: u8) -> YearDay {
        YearDay { week, weekday: 0, month, hour, minute: 0 }
    }

    /// Zurich: last Sunday of March 02:00 to last Sunday of October 03:00; Sydney: first Sunday of October 02:00 to first
    /// Sunday of April 03:00.
    fn with_summer(name: &str, offset_min: i16, start: YearDay, end: YearDay) -> Zone {
        let summer = Summer { abbreviation: name.to_string() + "S", start, end, offset_min: 60 };
        Zone { abbreviation: name.into(), offset_min, summer: Some(summer) }
    }

    #[test]
    fn summer_time_begins_and_ends_at_its_days_on_both_halves_of_the_earth() {
        let zurich = with_summer("CE", 60, day(5, 3, 2), day(5, 10, 3));
        let sydney = with_summer("AE", 600, day(1, 10, 2), day(1, 4, 3));
        for (zone, secs, expected) in [
            (&zurich, 1_774_745_999, "Mar 29 01:59:59 2026 CE"),
            (&zurich, 1_774_746_000, "Mar 29 03:00:00 2026 CES"),
            (&zurich, 1_792_889_999, "Oct 25 02:59:59 2026 CES"),
            (&zurich, 1_792_890_000, "Oct 25 02:00:00 2026 CE"),
            (&sydney, 1_767_225_600, "Jan 01 11:00:00 2026 AES"),
            (&sydney, 1_775_318_399, "Apr 05 02:59:59 2026 AES"),
            (&sydney, 1_775_318_400, "Apr 05 02:00:00 2026 AE"),
            (&sydney, 1_791_043_200, "Oct 04 03:00:00 2026 AES"),
        ] {
            let wall = Wall::from_secs(secs);
            assert_eq!(show_time(wall, zone).to_string(), expected);
            let twice = secs == 1_792_890_000 || secs == 1_775_318_400;
            let back = Civil::at(wall, zone).to_wall(zone).secs();
            assert_eq!(back, if twice { secs - 3600 } else { secs }, "{expected}");
        }
    }

    proptest! {
        #[test]
        fn every_second_comes_back_from_its_date(secs in -200_000_000_000_i64..200_000_000_000, offset_min in -1439_i16..=1439) {
            let zone = Zone { abbreviation: "X".into(), offset_min, summer: None };
            let civil = Civil::at(Wall::from_secs(secs), &zone);
            prop_assert_eq!(civil.to_wall(&zone), Wall::from_secs(secs));
            prop_assert!((1..=12).contains(&civil.month) && (1..=31).contains(&civil.day) && civil.weekday < 7);
        }

        #[test]
        fn no_time_panics(ms in any::<i64>()) {
            show_time(Wall(ms), &pdt()).to_string();
        }
    }
}

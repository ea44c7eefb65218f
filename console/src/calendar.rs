//! Civil dates for show output. Time zones are a fixed offset with an abbreviation, given by the caller.

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

/// A time zone as `clock timezone NAME HOURS MINUTES` sets it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Zone {
    /// Abbreviation that follows times, such as `UTC` or `PDT`.
    pub abbreviation: String,
    /// Minutes east of UTC.
    pub offset_min: i16,
}

impl Default for Zone {
    fn default() -> Self {
        Self { abbreviation: String::from("UTC"), offset_min: 0 }
    }
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
        let secs = wall.secs().saturating_add(i64::from(zone.offset_min) * 60);
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
            weekday: small((days + 4).rem_euclid(7)),
        }
    }

    /// Back to the device's clock; whole seconds.
    #[must_use]
    pub fn to_wall(&self, zone: &Zone) -> Wall {
        let of_day = i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second);
        let days = to_days(self.year, self.month, self.day);
        Wall::from_secs(days * DAY_S + of_day - i64::from(zone.offset_min) * 60)
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
            zone.abbreviation
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
            t.year, t.month, t.day, t.hour, t.minute, t.second, t.millis, zone.abbreviation
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
            zone.abbreviation,
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
        Zone { abbreviation: "PDT".into(), offset_min: -420 }
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

    proptest! {
        #[test]
        fn every_second_comes_back_from_its_date(secs in -200_000_000_000_i64..200_000_000_000, offset_min in -1439_i16..=1439) {
            let zone = Zone { abbreviation: "X".into(), offset_min };
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

//! Time stamps, kept from line to line (`spec/logs.md` §2).

use chrono::{DateTime, Datelike, Timelike};
use slpsim_policy::Wall;

use crate::buffer::Buffer;
use crate::form::Precision;
use crate::zone::Zone;

pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// 0000-01-02 and 9999-12-30, so that the year has four digits in every zone.
const YEARS: std::ops::RangeInclusive<i64> = -62_167_132_800..=253_402_127_999;

/// `2026 Mar  2 10:00:00`: the year has four digits in every case.
const LOCAL_LEN: usize = 20;
/// Where minutes and seconds stand in it, and in `2026-03-02T10:00:00`.
const NXOS_MINUTE: usize = 15;
const ISO_MINUTE: usize = 14;
/// Zones change their offset at quarters of an hour, and have whole quarters of one, since 1973 at the latest: within a
/// quarter only minutes and seconds change.
const QUARTER_S: i64 = 900;
const FIRST_S: i64 = 94_694_400;
/// Zones whose stamps are kept.
const ZONES_MAX: usize = 16;

/// Time stamps of a second, by zone: lines of a fleet come from many zones in turn.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    kept: Vec<Kept>,
    /// The one that counts.
    at: usize,
    /// The one that is given up next.
    next: usize,
}

/// The parts of a second's time stamp in one zone.
#[derive(Clone, Debug)]
struct Kept {
    zone: Zone,
    secs: Option<i64>,
    /// Whether another second of the same quarter of an hour differs in minutes and seconds only.
    is_plain: bool,
    /// Of the zone's offset, what goes into minutes.
    minute_offset_s: i64,
    /// `2026 Mar  2 10:00:00 UTC: `
    nxos: Vec<u8>,
    /// `2026-03-02T10:00:00`
    iso: Vec<u8>,
    /// `Z` or `+01:00`
    offset: Vec<u8>,
}

impl Stamp {
    pub(crate) fn new() -> Self {
        Self { kept: vec![Kept::of(Zone::UTC)], at: 0, next: 0 }
    }

    /// Makes this the stamp of the second of `at`; free where it is already.
    #[inline]
    pub(crate) fn set(&mut self, at: Wall, zone: Zone) {
        if self.kept.get(self.at).is_none_or(|kept| kept.zone != zone) {
            self.at = self.place_of(zone);
        }
        if let Some(kept) = self.kept.get_mut(self.at) {
            kept.set(at.secs());
        }
    }

    fn place_of(&mut self, zone: Zone) -> usize {
        if let Some(place) = self.kept.iter().position(|kept| kept.zone == zone) {
            return place;
        }
        if self.kept.len() < ZONES_MAX {
            self.kept.push(Kept::of(zone));
            return self.kept.len() - 1;
        }
        let place = self.next;
        self.next = (place + 1) % ZONES_MAX;
        self.kept.splice(place..=place, [Kept::of(zone)]);
        place
    }

    /// `2026 Mar  2 10:00:00[.mmm[uuu]]`
    #[inline]
    pub(crate) fn push_local(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push_bytes(self.local());
        push_fraction(out, at, precision);
    }

    /// `2026 Mar  2 10:00:00[.mmm[uuu]] UTC: `
    #[inline]
    pub(crate) fn push_with_zone(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        if precision == Precision::Seconds {
            return out.push_bytes(&self.kept().nxos);
        }
        self.push_local(out, at, precision);
        out.push_bytes(self.zone());
    }

    /// `Mar  2 10:00:00[.mmm[uuu]]`, as RFC 3164 has it.
    pub(crate) fn push_without_year(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push_bytes(self.local().get(5..).unwrap_or_default());
        push_fraction(out, at, precision);
    }

    /// `Mar  2 10:00:00[.mmm[uuu]] UTC: `, as IOS has it.
    pub(crate) fn push_without_year_with_zone(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        self.push_without_year(out, at, precision);
        out.push_bytes(self.zone());
    }

    /// `2026-03-02T10:00:00[.mmm[uuu]]Z` (RFC 5424 §6.2.3).
    pub(crate) fn push_iso(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push_bytes(&self.kept().iso);
        push_fraction(out, at, precision);
        out.push_bytes(&self.kept().offset);
    }

    #[inline]
    fn kept(&self) -> &Kept {
        // The place is always one of those; there is always one.
        self.kept.get(self.at).unwrap_or(&self.kept[0])
    }

    #[inline]
    fn local(&self) -> &[u8] {
        self.kept().nxos.get(..LOCAL_LEN).unwrap_or_default()
    }

    #[inline]
    fn zone(&self) -> &[u8] {
        self.kept().nxos.get(LOCAL_LEN..).unwrap_or_default()
    }
}

impl Kept {
    fn of(zone: Zone) -> Self {
        let [nxos, iso, offset] = [(); 3].map(|()| Vec::with_capacity(48));
        Self { zone, secs: None, is_plain: false, minute_offset_s: 0, nxos, iso, offset }
    }

    #[inline]
    fn set(&mut self, secs: i64) {
        match self.secs.replace(secs) {
            Some(before) if before == secs => {}
            Some(before)
                if self.is_plain
                    && secs >= FIRST_S
                    && before.div_euclid(QUARTER_S) == secs.div_euclid(QUARTER_S) =>
            {
                self.patch(secs);
            }
            Some(_) | None => self.build(secs.clamp(*YEARS.start(), *YEARS.end())),
        }
    }

    #[inline]
    fn patch(&mut self, secs: i64) {
        let in_hour = u32::try_from((secs + self.minute_offset_s).rem_euclid(3600)).unwrap_or(0);
        let [minute, second] = [in_hour / 60, in_hour % 60].map(two);
        let digits = [minute[0], minute[1], b':', second[0], second[1]];
        for (text, at) in [(&mut self.nxos, NXOS_MINUTE), (&mut self.iso, ISO_MINUTE)] {
            if let Some(place) = text.get_mut(at..at + 5) {
                place.copy_from_slice(&digits);
            }
        }
    }

    fn build(&mut self, secs: i64) {
        let Self { nxos, iso, offset, is_plain, minute_offset_s, zone, .. } = self;
        for text in [&mut *nxos, &mut *iso, &mut *offset] {
            text.clear();
        }
        zone.at(secs, |offset_s, name| {
            *minute_offset_s = i64::from(offset_s) % 3600;
            *is_plain = i64::from(offset_s) % QUARTER_S == 0 && secs >= FIRST_S;
            let local =
                DateTime::from_timestamp(secs + i64::from(offset_s), 0).unwrap_or(DateTime::UNIX_EPOCH);
            let year = local.year().unsigned_abs();
            for text in [&mut *nxos, &mut *iso] {
                text.extend_from_slice(&two(year / 100));
                text.extend_from_slice(&two(year));
            }
            let day = local.day();
            nxos.push(b' ');
            let month = MONTHS[usize::try_from(local.month0()).unwrap_or(0) % 12];
            nxos.extend_from_slice(month.as_bytes());
            nxos.push(b' ');
            // Padded with a blank to two places (`spec/logs.md` §2).
            let [tens, ones] = two(day);
            nxos.extend_from_slice(&[if day < 10 { b' ' } else { tens }, ones, b' ']);
            iso.push(b'-');
            iso.extend_from_slice(&two(local.month()));
            iso.push(b'-');
            iso.extend_from_slice(&[tens, ones, b'T']);
            for text in [&mut *nxos, iso] {
                text.extend_from_slice(&two(local.hour()));
                text.push(b':');
                text.extend_from_slice(&two(local.minute()));
                text.push(b':');
                text.extend_from_slice(&two(local.second()));
            }
            nxos.push(b' ');
            nxos.extend_from_slice(name.as_bytes());
            nxos.extend_from_slice(b": ");
            push_offset(offset, offset_s);
        });
    }
}

/// `Z`, or sign, hours and minutes.
fn push_offset(out: &mut Vec<u8>, offset_s: i32) {
    if offset_s == 0 {
        return out.push(b'Z');
    }
    let minutes = offset_s.unsigned_abs() / 60;
    out.push(if offset_s < 0 { b'-' } else { b'+' });
    out.extend_from_slice(&two(minutes / 60));
    out.push(b':');
    out.extend_from_slice(&two(minutes % 60));
}

/// The last two digits of `number`.
#[inline]
fn two(number: u32) -> [u8; 2] {
    let digit = |number: u32| b'0' + u8::try_from(number % 10).unwrap_or(0);
    [digit(number / 10), digit(number)]
}

#[inline]
fn push_fraction(out: &mut Buffer, at: Wall, precision: Precision) {
    match precision {
        Precision::Seconds => {}
        Precision::Milliseconds => {
            out.push(".");
            out.push_padded(at.subsec_millis().into(), 3);
        }
        Precision::Microseconds => {
            out.push(".");
            out.push_padded(u64::from(at.subsec_millis()) * 1000, 6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The texts that a formatter takes from a stamp.
    fn texts(stamp: &Stamp) -> [&[u8]; 3] {
        [&stamp.kept().nxos, &stamp.kept().iso, &stamp.kept().offset]
    }

    proptest! {
        #[test]
        fn a_stamp_that_was_patched_is_the_one_that_is_built(
            steps in prop::collection::vec((0_i64..4_000_000_000, -1000_i64..1000, 0_usize..5), 1..60),
        ) {
            let zones = ["UTC", "Europe/Zurich", "Asia/Kathmandu", "Australia/Lord_Howe", "LMT 0 34"];
            let mut kept = Stamp::new();
            for (base, step, zone) in steps {
                let zone: Zone = zones[zone].parse().unwrap();
                for secs in [base, base + step, base + 2 * step] {
                    kept.set(Wall::from_secs(secs), zone);
                    let mut fresh = Stamp::new();
                    fresh.set(Wall::from_secs(secs), zone);
                    prop_assert_eq!(texts(&kept), texts(&fresh), "{} {:?}", secs, zone);
                }
            }
        }
    }

    #[test]
    fn more_zones_than_are_kept_are_no_trouble() {
        let mut stamp = Stamp::new();
        for round in 0..3 {
            for hours in 0..24 {
                stamp.set(Wall::from_secs(round), Zone::fixed("X", hours * 3600).unwrap());
                let expected = format!("1970 Jan  1 {hours:02}:00:0{round} X: ");
                assert_eq!(stamp.kept().nxos, expected.as_bytes());
            }
        }
        assert_eq!(stamp.kept.len(), ZONES_MAX);
    }
}

//! Time stamps, kept from line to line (`spec/logs.md` §2).

use chrono::{DateTime, Datelike, Timelike};
use slpsim_policy::Wall;

use crate::buffer::Buffer;
use crate::form::Precision;
use crate::zone::Zone;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// 0000-01-02 and 9999-12-30, so that the year has four digits in every zone.
const YEARS: std::ops::RangeInclusive<i64> = -62_167_132_800..=253_402_127_999;

/// `2026 Mar  2 10:00:00`: the year has four digits in every case.
const LOCAL_LEN: usize = 20;

/// The parts of a second's time stamp.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    key: Option<(i64, Zone)>,
    /// `2026 Mar  2 10:00:00 UTC: `
    nxos: String,
    /// `2026-03-02T10:00:00`
    iso: String,
    /// `Z` or `+01:00`
    offset: String,
}

impl Stamp {
    pub(crate) fn new() -> Self {
        let empty = || String::with_capacity(48);
        Self { key: None, nxos: empty(), iso: empty(), offset: empty() }
    }

    /// Makes this the stamp of the second of `at`; free where it is already.
    #[inline]
    pub(crate) fn set(&mut self, at: Wall, zone: Zone) {
        let key = Some((at.secs(), zone));
        if self.key != key {
            self.key = key;
            self.build(at.secs().clamp(*YEARS.start(), *YEARS.end()), zone);
        }
    }

    fn build(&mut self, secs: i64, zone: Zone) {
        let Self { nxos, iso, offset, .. } = self;
        for text in [&mut *nxos, &mut *iso, &mut *offset] {
            text.clear();
        }
        zone.at(secs, |offset_s, name| {
            let local =
                DateTime::from_timestamp(secs + i64::from(offset_s), 0).unwrap_or(DateTime::UNIX_EPOCH);
            let year = local.year().unsigned_abs();
            for text in [&mut *nxos, &mut *iso] {
                push_two(text, year / 100);
                push_two(text, year);
            }
            let day = local.day();
            nxos.push(' ');
            nxos.push_str(MONTHS[usize::try_from(local.month0()).unwrap_or(0) % 12]);
            nxos.push(' ');
            // Padded with a blank to two places (`spec/logs.md` §2).
            nxos.push(if day < 10 { ' ' } else { digit(day / 10) });
            nxos.push(digit(day));
            nxos.push(' ');
            iso.push('-');
            push_two(iso, local.month());
            iso.push('-');
            push_two(iso, day);
            iso.push('T');
            for text in [&mut *nxos, iso] {
                push_two(text, local.hour());
                text.push(':');
                push_two(text, local.minute());
                text.push(':');
                push_two(text, local.second());
            }
            nxos.push(' ');
            nxos.push_str(name);
            nxos.push_str(": ");
            push_offset(offset, offset_s);
        });
    }

    /// `2026 Mar  2 10:00:00[.mmm[uuu]]`
    #[inline]
    pub(crate) fn push_local(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push(self.local());
        push_fraction(out, at, precision);
    }

    /// `2026 Mar  2 10:00:00[.mmm[uuu]] UTC: `
    #[inline]
    pub(crate) fn push_with_zone(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        if precision == Precision::Seconds {
            return out.push(&self.nxos);
        }
        self.push_local(out, at, precision);
        out.push(self.zone());
    }

    /// `Mar  2 10:00:00[.mmm[uuu]]`, as RFC 3164 has it.
    pub(crate) fn push_without_year(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push(self.local().get(5..).unwrap_or_default());
        push_fraction(out, at, precision);
    }

    /// `Mar  2 10:00:00[.mmm[uuu]] UTC: `, as IOS has it.
    pub(crate) fn push_without_year_with_zone(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        self.push_without_year(out, at, precision);
        out.push(self.zone());
    }

    /// `2026-03-02T10:00:00[.mmm[uuu]]Z` (RFC 5424 §6.2.3).
    pub(crate) fn push_iso(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push(&self.iso);
        push_fraction(out, at, precision);
        out.push(&self.offset);
    }

    #[inline]
    fn local(&self) -> &str {
        self.nxos.get(..LOCAL_LEN).unwrap_or_default()
    }

    #[inline]
    fn zone(&self) -> &str {
        self.nxos.get(LOCAL_LEN..).unwrap_or_default()
    }
}

/// `Z`, or sign, hours and minutes.
fn push_offset(out: &mut String, offset_s: i32) {
    if offset_s == 0 {
        return out.push('Z');
    }
    let minutes = offset_s.unsigned_abs() / 60;
    out.push(if offset_s < 0 { '-' } else { '+' });
    push_two(out, minutes / 60);
    out.push(':');
    push_two(out, minutes % 60);
}

/// The last two digits of `number`.
fn push_two(out: &mut String, number: u32) {
    out.push(digit(number / 10));
    out.push(digit(number));
}

/// The last digit of `number`.
fn digit(number: u32) -> char {
    char::from_digit(number % 10, 10).unwrap_or('0')
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

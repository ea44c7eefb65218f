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

/// The parts of a second's time stamp.
#[derive(Clone, Debug)]
pub(crate) struct Stamp {
    key: Option<(i64, Zone)>,
    /// `2026 Mar  2 10:00:00`
    nxos: String,
    /// ` UTC: `
    tail: String,
    /// `2026-03-02T10:00:00`
    iso: String,
    /// `Z` or `+01:00`
    offset: String,
}

impl Stamp {
    pub(crate) fn new() -> Self {
        let empty = || String::with_capacity(32);
        Self { key: None, nxos: empty(), tail: empty(), iso: empty(), offset: empty() }
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
        use std::fmt::Write;
        let Self { nxos, tail, iso, offset, .. } = self;
        for text in [&mut *nxos, &mut *tail, &mut *iso, &mut *offset] {
            text.clear();
        }
        zone.at(secs, |offset_s, name| {
            let local =
                DateTime::from_timestamp(secs + i64::from(offset_s), 0).unwrap_or(DateTime::UNIX_EPOCH);
            let (year, month, day) = (local.year(), local.month(), local.day());
            let (hour, minute, second) = (local.hour(), local.minute(), local.second());
            let word = MONTHS[usize::try_from(local.month0()).unwrap_or(0) % 12];
            // Writing to a String does not fail.
            let _ = write!(nxos, "{year:04} {word} {day:>2} {hour:02}:{minute:02}:{second:02}");
            let _ = write!(iso, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
            let _ = write!(tail, " {name}: ");
            let (sign, minutes) = (if offset_s < 0 { '-' } else { '+' }, offset_s.abs() / 60);
            if offset_s == 0 {
                offset.push('Z');
            } else {
                let _ = write!(offset, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
            }
        });
    }

    /// `2026 Mar  2 10:00:00[.mmm[uuu]]`
    #[inline]
    pub(crate) fn push_nxos(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push(&self.nxos);
        push_fraction(out, at, precision);
    }

    /// `Mar  2 10:00:00[.mmm[uuu]]`, as RFC 3164 and IOS have it.
    pub(crate) fn push_without_year(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push(self.nxos.get(5..).unwrap_or_default());
        push_fraction(out, at, precision);
    }

    /// ` UTC: `
    #[inline]
    pub(crate) fn push_zone(&self, out: &mut Buffer) {
        out.push(&self.tail);
    }

    /// `2026-03-02T10:00:00[.mmm[uuu]]Z` (RFC 5424 §6.2.3).
    pub(crate) fn push_iso(&self, out: &mut Buffer, at: Wall, precision: Precision) {
        out.push(&self.iso);
        push_fraction(out, at, precision);
        out.push(&self.offset);
    }
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

//! From records to bytes: each form that some sink wants, in buffers that are used again.

use slpsim_agent::Message;
use slpsim_agent::messages::Kind;
use slpsim_logs::{Form, Formatter, Line, Options, Origin, Repeated};
use slpsim_policy::Wall;
use twox_hash::XxHash3_64;

use super::cast::Cast;
use super::companion;
use super::engine::{Batch, Totals};
use super::line::{Record, Said};
use super::luck::Why;

/// The lines of one form, one after the other, without newlines.
#[derive(Clone, Debug, Default)]
pub struct Text {
    /// All of them.
    pub bytes: Vec<u8>,
    /// Where each ends in `bytes`.
    pub ends: Vec<u32>,
}

impl Text {
    /// The `at`-th line.
    #[must_use]
    pub fn line(&self, at: usize) -> &[u8] {
        let end = |at: usize| self.ends.get(at).copied().unwrap_or(0) as usize;
        let begin = at.checked_sub(1).map_or(0, end);
        self.bytes.get(begin..end(at)).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

/// Prints lines in several forms.
#[derive(Debug)]
pub struct Printer {
    forms: Vec<Options>,
    /// By zone of the population and form: a formatter keeps the stamp of a second, which is another one in another zone.
    formatters: Vec<Vec<Formatter>>,
    start: Wall,
    /// This share of lines is spoiled.
    corrupt: f64,
    host: String,
    address: String,
    words: String,
    needs_address: bool,
}

impl Printer {
    /// Prints these forms; `start` is true time at 0 ms, and the share `corrupt` of lines is spoiled.
    #[must_use]
    pub fn new(forms: Vec<Options>, start: Wall, corrupt: f64) -> Self {
        let (host, address, words) = (String::new(), String::new(), String::new());
        let needs = |form: &Options| form.origin == Origin::Ip || form.form == Form::Json;
        let needs_address = forms.iter().any(needs);
        Self { forms, formatters: Vec::new(), start, corrupt, host, address, words, needs_address }
    }

    /// Prints `records` into `batch`, once for each form, in place of what is there; counts them in `totals`.
    pub fn print(&mut self, cast: &Cast, records: &[Record], batch: &mut Batch, totals: &mut Totals) {
        batch.texts.resize_with(self.forms.len(), Text::default);
        batch.texts.iter_mut().for_each(Text::clear);
        batch.hashes.clear();
        batch.spoiled.clear();
        for record in records {
            self.print_one(cast, record, batch, totals);
        }
    }

    fn print_one(&mut self, cast: &Cast, record: &Record, batch: &mut Batch, totals: &mut Totals) {
        let key = record.key;
        totals.lines += 1;
        totals.count_kind(record);
        let message = record.said.message(|| cast.udi(key.device, record.generation));
        cast.write_host(key.device, &mut self.host);
        if self.needs_address {
            Cast::write_address(key.device, &mut self.address);
        }
        let zone = cast.zone(key.device);
        let true_ms = i64::try_from(key.at_ms).unwrap_or(i64::MAX);
        let line = Line {
            at: self.start.plus_millis(true_ms).plus_millis(i64::from(record.clock_s) * 1000),
            zone,
            host: Some(&self.host),
            address: self.needs_address.then_some(&self.address),
            sequence: key.number.into(),
            message: message.as_ref().unwrap_or(&Message::PolicyRemoved),
            repeated: Repeated::No,
        };
        let zone_at = cast.zone_at(key.device);
        while self.formatters.len() <= zone_at {
            self.formatters.push(self.forms.iter().cloned().map(Formatter::new).collect());
        }
        let formatters = &mut self.formatters[zone_at];
        let spoil = self.corrupt > 0.0 && cast.luck.unit(key.device, Why::Corrupt, key.number) < self.corrupt;
        for (at, (formatter, text)) in formatters.iter_mut().zip(&mut batch.texts).enumerate() {
            let begin = text.bytes.len();
            let printed = if let Said::Companion(row, luck) = record.said {
                formatter.format_foreign(&line, &companion::words(row, luck, &mut self.words))
            } else {
                formatter.format(&line)
            };
            text.bytes.extend_from_slice(printed);
            if spoil {
                spoiled(&mut text.bytes, begin, cast.luck.number(key.device, Why::Corrupt, !key.number));
            }
            text.ends.push(u32::try_from(text.bytes.len()).unwrap_or(u32::MAX));
            if at == 0 {
                let printed = text.bytes.get(begin..).unwrap_or_default();
                totals.bytes += u64::try_from(printed.len()).unwrap_or(0);
                let hash = XxHash3_64::oneshot(printed);
                totals.digest = totals.digest.wrapping_add(hash);
                batch.hashes.push(hash);
            }
        }
        totals.corrupted += u64::from(spoil);
        if spoil {
            batch.spoiled.push(u32::try_from(batch.hashes.len() - 1).unwrap_or(u32::MAX));
        }
    }
}

/// Spoils a line as lines are spoiled on their way: cut, a wrong PRI, or bytes that are no UTF-8.
fn spoiled(bytes: &mut Vec<u8>, begin: usize, luck: u64) {
    let length = bytes.len() - begin;
    let somewhere = begin + usize::try_from(luck >> 8).unwrap_or(0) % length.max(1);
    match luck % 3 {
        0 => bytes.truncate(somewhere.max(begin + 1)),
        1 if bytes.get(begin) == Some(&b'<') => {
            // 999 is no PRI (RFC 5424 §6.2.1).
            let digits = bytes.iter().skip(begin + 1).take_while(|byte| byte.is_ascii_digit()).count();
            bytes.splice(begin + 1..begin + 1 + digits, *b"999");
        }
        _ => {
            if let Some(byte) = bytes.get_mut(somewhere) {
                *byte = 0xff;
            }
        }
    }
}

/// Kinds of messages that are counted.
pub(crate) const KINDS: usize = Kind::ALL.len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spoiled_line_differs_and_stays_a_line() {
        let line = b"<187>n9k: 2026 Mar  2 10:00:00 UTC: %LICMGR-3-X: text";
        let mut kinds = [0; 3];
        for luck in 0..3_000_u64 {
            let mut bytes = b"before".to_vec();
            bytes.extend_from_slice(line);
            spoiled(&mut bytes, 6, luck.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let after = &bytes[6..];
            assert_eq!(&bytes[..6], b"before");
            assert!(after != line && !after.is_empty());
            kinds[usize::from(after.contains(&0xff)) + 2 * usize::from(after.starts_with(b"<999>"))] += 1;
        }
        assert!(kinds.iter().all(|count| *count > 800), "{kinds:?}");
    }
}

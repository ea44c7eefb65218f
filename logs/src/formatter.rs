//! From a line to its bytes (`spec/logs.md` §1 to §5).

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use slpsim_agent::Severity;
use slpsim_agent::messages::Shape;

use crate::batch::Batch;
use crate::buffer::Buffer;
use crate::form::{Form, Options, Origin, Precision, message_id};
use crate::line::{Line, Repeated};
use crate::pri::Fields;
use crate::stamp::Stamp;
use crate::texts::Texts;

mod foreign;

pub use foreign::Foreign;

/// Writes lines, one after the other, into one buffer. It allocates nothing by line.
#[derive(Clone, Debug)]
pub struct Formatter {
    options: Options,
    pri: Fields,
    stamp: Stamp,
    texts: Texts,
    out: Buffer,
}

impl Formatter {
    /// A formatter with these options.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let pri = Fields::of(options.facility);
        Self { options, pri, stamp: Stamp::new(), texts: Texts::new(), out: Buffer::new() }
    }

    /// Its options.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// The bytes of `line`, without a newline at the end.
    pub fn format(&mut self, line: &Line<'_>) -> &[u8] {
        self.out.0.clear();
        self.write(line, 0);
        &self.out.0
    }

    /// Appends `line` to a batch, in its framing, without a copy in between.
    #[inline]
    pub fn append(&mut self, line: &Line<'_>, batch: &mut Batch) {
        self.append_from(line, None, batch);
    }

    /// As [`Formatter::append`], for a datagram from this source address.
    pub fn append_from(&mut self, line: &Line<'_>, source: Option<Ipv4Addr>, batch: &mut Batch) {
        let start = batch.lend(&mut self.out.0);
        self.write(line, start);
        batch.take_back(&mut self.out.0, start, source);
    }

    /// Appends `line` to what is there, and cuts it where it is too long.
    #[inline]
    fn write(&mut self, line: &Line<'_>, start: usize) {
        self.stamp.set(line.at, line.zone);
        match self.options.form {
            Form::Nxos => self.nxos(line),
            Form::Logfile => self.local(line, " "),
            Form::Console => self.local(line, " %$ VDC-1 %$ "),
            Form::Rfc3164 => self.rfc3164(line),
            Form::Rfc5424 => self.rfc5424(line),
            Form::IosXe => self.ios_xe(line),
            Form::IosXr => self.ios_xr(line),
            Form::Json => self.json(line),
        }
        if let Some(max) = self.options.max_bytes {
            self.out.cut(start, max);
        }
    }

    fn nxos(&mut self, line: &Line<'_>) {
        self.pri(&line.message.row().nxos);
        if let Some(origin) = origin(&self.options.origin, line) {
            self.out.push_name(origin);
        }
        self.out.push(": ");
        self.stamped(line);
    }

    /// `2026 Mar  2 10:00:00 UTC: TEXT`
    fn stamped(&mut self, line: &Line<'_>) {
        self.stamp.push_with_zone(&mut self.out, line.at, self.options.precision);
        self.text(line, &line.message.row().nxos);
    }

    fn local(&mut self, line: &Line<'_>, between: &str) {
        self.stamp.push_local(&mut self.out, line.at, self.options.precision);
        // Before the host name is known, two blanks stand in its place (`spec/logs.md` §3).
        self.out.push(" ");
        self.out.push_name(line.host.unwrap_or_default());
        self.out.push(between);
        self.text(line, &line.message.row().nxos);
    }

    fn rfc3164(&mut self, line: &Line<'_>) {
        self.pri(&line.message.row().nxos);
        self.stamp.push_without_year(&mut self.out, line.at, Precision::Seconds);
        self.out.push(" ");
        self.out.push_name(line.host.or(line.address).unwrap_or("-"));
        self.out.push(" : ");
        self.stamped(line);
    }

    /// RFC 5424 §6; APP-NAME `LICMGR`, MSGID the mnemonic, no structured data, no BOM (modelled).
    fn rfc5424(&mut self, line: &Line<'_>) {
        let shape = &line.message.row().nxos;
        self.pri(shape);
        self.out.push("1 ");
        self.stamp.push_iso(&mut self.out, line.at, self.options.precision);
        self.out.push(" ");
        push_hostname(&mut self.out, line.host.or(line.address).unwrap_or_default());
        self.out.push(" ");
        self.out.push(shape.facility);
        self.out.push(" - ");
        self.out.push(message_id(shape.mnemonic));
        self.out.push(" - ");
        self.text(line, shape);
    }

    fn ios_xe(&mut self, line: &Line<'_>) {
        let shape = &line.message.row().ios_xe.shape;
        self.pri(shape);
        self.out.push_number(line.sequence);
        self.out.push(": ");
        if let Some(origin) = origin(&self.options.origin, line) {
            self.out.push_name(origin);
            self.out.push(": ");
        }
        self.stamp.push_without_year_with_zone(&mut self.out, line.at, self.options.precision);
        self.text(line, shape);
    }

    fn ios_xr(&mut self, line: &Line<'_>) {
        let shape = &line.message.row().ios_xr.shape;
        self.pri(shape);
        self.out.push_number(line.sequence);
        self.out.push(": ");
        if let Some(origin) = origin(&self.options.origin, line) {
            self.out.push_name(origin);
            self.out.push(" ");
        }
        self.out.push("RP/0/RP0/CPU0:");
        self.stamp.push_without_year_with_zone(&mut self.out, line.at, Precision::Milliseconds);
        self.out.push("smartlicserver[390]: ");
        self.text(line, shape);
    }

    fn json(&mut self, line: &Line<'_>) {
        let shape = &line.message.row().nxos;
        self.json_head(line, shape.facility, shape.severity, shape.mnemonic);
        // Writing to a buffer does not fail.
        let _ = line.message.write_text(&mut Escaped(&mut self.out), self.options.spelling);
        self.out.push("\"");
        if let Repeated::Suffix(count) | Repeated::Line(count) = line.repeated {
            self.out.push(",\"repeated\":");
            self.out.push_number(count.into());
        }
        self.out.push("}");
    }

    /// A JSON line up to the quote before its text.
    #[inline]
    fn json_head(&mut self, line: &Line<'_>, facility: &str, severity: Severity, mnemonic: &str) {
        self.out.push("{\"time\":\"");
        self.stamp.push_iso(&mut self.out, line.at, Precision::Milliseconds);
        for (key, value) in [("host", line.host), ("address", line.address)] {
            if let Some(value) = value {
                self.out.push("\",\"");
                self.out.push(key);
                self.out.push("\":\"");
                push_json(&mut self.out, value);
            }
        }
        self.out.push("\",\"facility\":\"");
        self.out.push(facility);
        self.out.push("\",\"severity\":");
        self.out.push_number(severity.digit().into());
        self.out.push(",\"mnemonic\":\"");
        self.out.push(mnemonic);
        self.out.push("\",\"text\":\"");
    }

    #[inline]
    fn pri(&mut self, shape: &Shape) {
        self.out.0.extend_from_slice(self.pri.of_severity(shape.severity));
    }

    #[inline]
    fn text(&mut self, line: &Line<'_>, shape: &Shape) {
        let (before, count, after) = match line.repeated {
            Repeated::No => {
                return self.texts.push(&mut self.out, line.message, shape, self.options.spelling);
            }
            Repeated::Suffix(count) => {
                self.texts.push(&mut self.out, line.message, shape, self.options.spelling);
                (" (message repeated ", count, ")")
            }
            Repeated::Line(count) => ("last message repeated ", count, ""),
        };
        self.out.push(before);
        self.out.push_number(count.into());
        self.out.push(if count == 1 { " time" } else { " times" });
        self.out.push(after);
    }
}

fn origin<'a>(origin: &'a Origin, line: &Line<'a>) -> Option<&'a str> {
    match origin {
        Origin::None => None,
        Origin::Hostname => line.host,
        Origin::Ip => line.address,
        Origin::Text(text) => Some(text),
    }
}

/// HOSTNAME: 1 to 255 printable ASCII characters, or `-` (RFC 5424 §6.2.4).
fn push_hostname(out: &mut Buffer, name: &str) {
    if name.is_empty() {
        return out.push("-");
    }
    let kept = |byte: u8| if byte.is_ascii_graphic() { byte } else { b'?' };
    out.0.extend(name.bytes().take(255).map(kept));
}

/// A JSON string's inside (RFC 8259 §7).
fn push_json(out: &mut Buffer, text: &str) {
    for character in text.chars() {
        match character {
            '"' => out.push("\\\""),
            '\\' => out.push("\\\\"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other.encode_utf8(&mut [0; 4])),
        }
    }
}

struct Escaped<'a>(&'a mut Buffer);

impl std::fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        push_json(self.0, text);
        Ok(())
    }
}

#[cfg(test)]
#[path = "formatter_tests.rs"]
mod tests;

//! Reading JSON with an error that names the field, and writing it compact in a fixed order of keys.
//!
//! The order matters: signatures cover the text, and `spec/formats.md` gives every object as it has to be.

use std::fmt::Display;

use serde_json::{Map, Value};
use slpsim_agent::{InstanceId, Udi};
use slpsim_policy::Wall;

use crate::error::{DecodeError, Rule};

/// Size limit of messages and files, both ways (`spec/behaviour.md` §16).
pub const MAX_BYTES: usize = 5_000_000;
/// Depth limit (`spec/formats.md` §19).
pub const MAX_DEPTH: usize = 32;
/// Most values in one layer of JSON: a text within the size limit must not unfold to hundreds of megabytes.
const MAX_VALUES: usize = 500_000;

/// Reads a whole document within the limits.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, DecodeError> {
    if bytes.len() > MAX_BYTES {
        return Err(DecodeError::new(Rule::Size, "", format!("{} bytes", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        DecodeError::new(Rule::Utf8, "", format!("a bad byte at {}", error.valid_up_to()))
    })?;
    check_shape(bytes)?;
    serde_json::from_str(text).map_err(|error| {
        let what = if error.is_eof() { "the end of the text" } else { "something else" };
        DecodeError::new(Rule::Json, "", format!("{what} at line {} column {}", error.line(), error.column()))
    })
}

/// Reads a document that is an object.
pub(crate) fn parse_object(text: &str) -> Result<Map<String, Value>, DecodeError> {
    let value = parse(text.as_bytes())?;
    let found = kind(&value);
    if let Value::Object(map) = value { Ok(map) } else { Err(DecodeError::new(Rule::Object, "", found)) }
}

/// Depth and number of values, before anything is built from them.
fn check_shape(bytes: &[u8]) -> Result<(), DecodeError> {
    let (mut depth, mut deepest, mut values) = (0_usize, 0, 1_usize);
    let mut rest = bytes;
    while let [byte, after @ ..] = rest {
        rest = after;
        match byte {
            b'"' => rest = after_string(rest),
            b',' => values += 1,
            b'{' | b'[' => {
                values += 1;
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    if deepest > MAX_DEPTH {
        return Err(DecodeError::new(Rule::Depth, "", format!("{deepest} levels")));
    }
    if values > MAX_VALUES {
        return Err(DecodeError::new(Rule::Count, "", format!("more than {MAX_VALUES} values")));
    }
    Ok(())
}

/// What follows a string whose first quote has been read.
fn after_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let is_end = rest.get(at) == Some(&b'"');
        // What is escaped may be a quote.
        rest = rest.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
        if is_end {
            return rest;
        }
    }
    &[]
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a flag",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A JSON object that is being read.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a>(pub(crate) &'a Map<String, Value>);

impl<'a> Object<'a> {
    /// The member of that name.
    pub(crate) fn field(self, name: &'a str) -> Field<'a> {
        Field { name, value: self.0.get(name).filter(|value| !value.is_null()) }
    }

    /// `udi_pid` and `udi_serial_number`, under the names given.
    pub(crate) fn udi(self, pid: &'a str, serial: &'a str) -> Result<Udi, DecodeError> {
        let (pid, serial) = (self.field(pid), self.field(serial));
        let udi = Udi::new(pid.text()?, serial.text()?);
        udi.map_err(|error| DecodeError::new(Rule::Udi, serial.name, format!("a part that {error}")))
    }
}

/// One member of an object. A member that is `null` counts as absent.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    name: &'a str,
    value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    /// One entry of a list; `name` says where.
    pub(crate) const fn entry(name: &'a str, value: &'a Value) -> Self {
        Self { name, value: Some(value) }
    }

    /// The field itself where it is there.
    pub(crate) fn optional(self) -> Option<Self> {
        self.value.map(|_| self)
    }

    pub(crate) fn value(self) -> Result<&'a Value, DecodeError> {
        self.value.ok_or_else(|| DecodeError::new(Rule::Present, self.name, ""))
    }

    pub(crate) fn wrong(self, rule: Rule) -> DecodeError {
        DecodeError::new(rule, self.name, self.value.map_or("nothing", kind))
    }

    pub(crate) fn text(self) -> Result<&'a str, DecodeError> {
        self.value()?.as_str().ok_or_else(|| self.wrong(Rule::Text))
    }

    pub(crate) fn object(self) -> Result<Object<'a>, DecodeError> {
        self.value()?.as_object().map(Object).ok_or_else(|| self.wrong(Rule::Object))
    }

    pub(crate) fn list(self) -> Result<&'a [Value], DecodeError> {
        self.value()?.as_array().map(Vec::as_slice).ok_or_else(|| self.wrong(Rule::List))
    }

    pub(crate) fn flag(self) -> Result<bool, DecodeError> {
        self.value()?.as_bool().ok_or_else(|| self.wrong(Rule::Flag))
    }

    /// An integer that fits.
    pub(crate) fn number<T: TryFrom<i128>>(self) -> Result<T, DecodeError> {
        let value = self.value()?;
        let wide = value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from));
        wide.and_then(|wide| T::try_from(wide).ok()).ok_or_else(|| self.wrong(Rule::Number))
    }

    /// A decimal number in a string.
    pub(crate) fn decimal<T: std::str::FromStr>(self) -> Result<T, DecodeError> {
        self.text()?.parse().map_err(|_| self.wrong(Rule::Decimal))
    }

    /// A time stamp in milliseconds.
    pub(crate) fn millis(self) -> Result<Wall, DecodeError> {
        self.number().map(Wall)
    }

    /// A time stamp in seconds.
    pub(crate) fn seconds(self) -> Result<Wall, DecodeError> {
        self.number().map(Wall::from_secs)
    }

    pub(crate) fn uuid(self) -> Result<InstanceId, DecodeError> {
        InstanceId::parse(self.text()?).ok_or_else(|| self.wrong(Rule::Uuid))
    }

    /// Reads an object with `read`; errors name this field.
    pub(crate) fn object_with<T>(
        self,
        read: impl FnOnce(Object<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let object = self.object()?;
        read(object).map_err(|error| error.within(self.name))
    }

    /// Reads a string that holds something else; errors name this field.
    pub(crate) fn text_with<T>(
        self,
        read: impl FnOnce(&'a str) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let text = self.text()?;
        read(text).map_err(|error| error.within(self.name))
    }

    /// Reads each entry of a list of at most `max` with `read`; errors name this field and the position.
    pub(crate) fn each<T>(
        self,
        max: usize,
        mut read: impl FnMut(Field<'_>) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let list = self.list()?;
        if list.len() > max {
            return Err(DecodeError::new(Rule::Count, self.name, format!("{} of at most {max}", list.len())));
        }
        let entries = list.iter().enumerate().map(|(position, value)| {
            read(Field::entry("", value)).map_err(|error| error.within(&format!("[{position}]")))
        });
        let read: Result<_, DecodeError> = entries.collect();
        read.map_err(|error| error.within(self.name))
    }
}

/// Compact JSON in the order in which it is written.
#[derive(Default)]
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    /// An object that `fill` fills, as text.
    pub(crate) fn object(fill: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self::default();
        writer.open(fill);
        writer.out
    }

    /// A list that `fill` fills, as text.
    pub(crate) fn bare_list(fill: impl FnOnce(&mut Self)) -> String {
        let mut writer = Self::default();
        writer.out.push('[');
        fill(&mut writer);
        writer.out.push(']');
        writer.out
    }

    fn open(&mut self, fill: impl FnOnce(&mut Self)) {
        self.out.push('{');
        fill(self);
        self.out.push('}');
    }

    fn separate(&mut self) {
        if !self.out.ends_with(['{', '[', ':']) && !self.out.is_empty() {
            self.out.push(',');
        }
    }

    fn key(&mut self, name: &str) {
        self.separate();
        escape(&mut self.out, name);
        self.out.push(':');
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        escape(&mut self.out, value);
    }

    /// A value that prints without anything to escape, as a string.
    pub(crate) fn plain(&mut self, name: &str, value: impl Display) {
        self.key(name);
        append(&mut self.out, format_args!("\"{value}\""));
    }

    pub(crate) fn number(&mut self, name: &str, value: impl Display) {
        self.key(name);
        append(&mut self.out, format_args!("{value}"));
    }

    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        self.number(name, value);
    }

    pub(crate) fn null(&mut self, name: &str) {
        self.number(name, "null");
    }

    /// `value`, or `null`.
    pub(crate) fn text_or_null(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => self.null(name),
        }
    }

    /// The printed `value`, or `null`.
    pub(crate) fn plain_or_null(&mut self, name: &str, value: Option<impl Display>) {
        match value {
            Some(value) => self.plain(name, value),
            None => self.null(name),
        }
    }

    pub(crate) fn inner(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.key(name);
        self.open(fill);
    }

    /// A list; `fill` uses [`Writer::entry`] and [`Writer::text_entry`].
    pub(crate) fn list(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.key(name);
        self.out.push('[');
        fill(self);
        self.out.push(']');
    }

    pub(crate) fn entry(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.open(fill);
    }

    pub(crate) fn text_entry(&mut self, value: &str) {
        self.separate();
        escape(&mut self.out, value);
    }

    /// A value that was read before and is written back unchanged.
    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        self.number(name, value);
    }

    /// `{"udi_pid":…,"udi_serial_number":…}`
    pub(crate) fn udi(&mut self, name: &str, udi: &Udi) {
        self.inner(name, |w| {
            w.text("udi_pid", udi.pid.as_str());
            w.text("udi_serial_number", udi.serial.as_str());
        });
    }
}

fn append(out: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing into a String cannot fail.
    let _: std::fmt::Result = std::fmt::Write::write_fmt(out, what);
}

/// RFC 8259 §7: what must be escaped, and nothing else.
fn escape(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        // Only ASCII bytes are found, so both ends are boundaries.
        let (plain, tail) = rest.split_at(at);
        out.push_str(plain);
        let mut characters = tail.chars();
        match characters.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => append(out, format_args!("\\u{:04x}", u32::from(control))),
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_survives_writing_and_reading(text in any::<String>()) {
            let written = Writer::object(|w| { w.text("a", &text); w.list("l", |w| w.text_entry(&text)); });
            let read = parse_object(&written).unwrap();
            prop_assert_eq!(read["a"].as_str(), Some(text.as_str()));
            prop_assert_eq!(read["l"][0].as_str(), Some(text.as_str()));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn the_limits_are_kept() {
        let rule = |text: &str| parse(text.as_bytes()).unwrap_err().rule;
        assert!(parse(&[b"[".repeat(32), b"]".repeat(32)].concat()).is_ok());
        assert_eq!(rule(&("[".repeat(33) + &"]".repeat(33))), Rule::Depth);
        assert_eq!(rule(&("\"".to_owned() + &"x".repeat(MAX_BYTES))), Rule::Size);
        assert_eq!(rule(&format!("[{}0]", "0,".repeat(MAX_VALUES))), Rule::Count);
        assert_eq!(rule("{"), Rule::Json);
        assert_eq!(parse(b"\xff").unwrap_err().rule, Rule::Utf8);
        assert!(parse(br#""[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"[[[""#).is_ok());
    }
}

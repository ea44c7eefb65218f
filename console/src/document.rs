//! What a command answers, before it is text or JSON.
//!
//! One description serves both: a labelled field prints as `Label: value` and appears in the structured form under
//! its label in snake case (`spec/console.md` §4, modelled), so that the two never disagree.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Display, Write};

/// The answer of one command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    nodes: Vec<Node>,
    indent: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// A line of the text form.
    Line(String),
    /// A value of the structured form.
    Data {
        key: String,
        value: Value,
    },
    /// The values until the matching `Close` belong to this key.
    Open(String),
    /// The values until the matching `Close` are one row of `TABLE_x.ROW_x[]`.
    Row(String),
    Close,
}

/// A value of the structured form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Bool(bool),
    /// Nothing there.
    Null,
    /// Values in order.
    List(Vec<Value>),
    /// Values by key, in order.
    Map(Vec<(String, Value)>),
}

impl Document {
    /// An empty answer.
    #[must_use]
    pub const fn new() -> Self {
        Self { nodes: Vec::new(), indent: 0 }
    }

    /// Whether nothing would be printed.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        !self.nodes.iter().any(|node| matches!(node, Node::Line(_)))
    }

    /// A line of the text form alone, at the current indentation. Some of it comes from peers, so what controls a
    /// terminal becomes `?`, as in messages (`spec/messages.md` §10).
    pub fn text(&mut self, line: impl Display) {
        let mut text = String::new();
        self.pad(&mut text);
        push(&mut text, line);
        if text.contains(controls) {
            text = text.replace(controls, "?");
        }
        self.nodes.push(Node::Line(text));
    }

    /// An empty line.
    pub fn blank(&mut self) {
        self.nodes.push(Node::Line(String::new()));
    }

    /// A line with `=` under it, in the text form alone.
    pub fn heading(&mut self, line: &str, underline: usize) {
        self.text(line);
        self.text("=".repeat(underline));
    }

    /// `Label: value`, under the label's key.
    pub fn field(&mut self, label: &str, value: impl Display) {
        let value = value.to_string();
        self.text(format_args!("{label}: {value}"));
        self.data(&snake(label), Value::Text(value));
    }

    /// `Label: n`, a number in the structured form.
    pub fn number(&mut self, label: &str, value: impl Into<i64>) {
        let value = value.into();
        self.text(format_args!("{label}: {value}"));
        self.data(&snake(label), Value::Number(value));
    }

    /// A value of the structured form alone.
    pub fn data(&mut self, key: &str, value: impl Into<Value>) {
        self.nodes.push(Node::Data { key: key.to_owned(), value: value.into() });
    }

    /// `Label:` with what `body` adds indented by `step` blanks, under the label's key.
    pub fn section(&mut self, label: &str, step: usize, body: impl FnOnce(&mut Self)) {
        self.text(format_args!("{label}:"));
        self.indent += step;
        self.group(&snake(label), body);
        self.indent -= step;
    }

    /// The same without a line of its own and without indentation.
    pub fn group(&mut self, key: &str, body: impl FnOnce(&mut Self)) {
        self.nodes.push(Node::Open(key.to_owned()));
        body(self);
        self.nodes.push(Node::Close);
    }

    /// One row of the table `name`: `TABLE_name.ROW_name[]` in the structured form.
    pub fn row(&mut self, name: &str, body: impl FnOnce(&mut Self)) {
        self.nodes.push(Node::Row(name.to_owned()));
        body(self);
        self.nodes.push(Node::Close);
    }

    /// What `body` adds, indented by `step` blanks, in the same place of the structured form.
    pub fn indented(&mut self, step: usize, body: impl FnOnce(&mut Self)) {
        self.indent += step;
        body(self);
        self.indent -= step;
    }

    /// The text form; every line ends in a line feed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for line in self.lines() {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// The lines of the text form, without the empty ones at the end: an answer ends in one line feed.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        let said = |node: &Node| matches!(node, Node::Line(line) if !line.is_empty());
        let end = self.nodes.iter().rposition(said).map_or(0, |last| last + 1);
        self.nodes.iter().take(end).filter_map(|node| match node {
            Node::Line(line) => Some(line.as_str()),
            Node::Data { .. } | Node::Open(_) | Node::Row(_) | Node::Close => None,
        })
    }

    /// The structured form: always a map.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Map(collect(&mut self.nodes.iter()))
    }

    fn pad(&self, text: &mut String) {
        for _ in 0..self.indent {
            text.push(' ');
        }
    }
}

fn collect<'a>(nodes: &mut impl Iterator<Item = &'a Node>) -> Vec<(String, Value)> {
    let mut map = Vec::new();
    while let Some(node) = nodes.next() {
        match node {
            Node::Line(_) => {}
            Node::Data { key, value } => put(&mut map, key, value.clone()),
            Node::Open(key) => {
                let inner = collect(nodes);
                put(&mut map, key, Value::Map(inner));
            }
            Node::Row(name) => {
                let row = Value::Map(collect(nodes));
                add_row(&mut map, name, row);
            }
            Node::Close => break,
        }
    }
    map
}

/// A key that comes again adds to what is there: maps merge, of two values the later stays.
fn put(map: &mut Vec<(String, Value)>, key: &str, value: Value) {
    match (map.iter_mut().find(|(known, _)| known == key), value) {
        (Some((_, Value::Map(known))), Value::Map(new)) => known.extend(new),
        (Some((_, known)), value) => *known = value,
        (None, value) => map.push((key.to_owned(), value)),
    }
}

fn add_row(map: &mut Vec<(String, Value)>, name: &str, row: Value) {
    let table = alloc::format!("TABLE_{name}");
    let rows = alloc::format!("ROW_{name}");
    let known = map.iter_mut().find(|(key, _)| *key == table).map(|(_, value)| value);
    match known {
        Some(Value::Map(inner)) => match inner.first_mut() {
            Some((_, Value::List(list))) => list.push(row),
            Some(_) | None => inner.push((rows, Value::List(Vec::from([row])))),
        },
        Some(_) | None => {
            let list = Value::List(Vec::from([row]));
            map.push((table, Value::Map(Vec::from([(rows, list)]))));
        }
    }
}

/// `First report requirement (days)` to `first_report_requirement_days`.
#[must_use]
pub fn snake(label: &str) -> String {
    let mut key = String::new();
    for character in label.chars() {
        if character.is_ascii_alphanumeric() {
            key.push(character.to_ascii_lowercase());
        } else if !key.is_empty() && !key.ends_with('_') {
            key.push('_');
        }
    }
    key.truncate(key.trim_end_matches('_').len());
    key
}

/// Control characters; a tab only moves to the right.
fn controls(character: char) -> bool {
    character.is_control() && character != '\t'
}

/// Writing to a `String` cannot fail.
fn push(text: &mut String, what: impl Display) {
    let _ = write!(text, "{what}");
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl Value {
    /// As JSON over several lines (`| json-pretty`).
    #[must_use]
    pub fn to_pretty(&self) -> String {
        let mut text = String::new();
        self.pretty(&mut text, 0);
        text
    }

    fn pretty(&self, text: &mut String, depth: usize) {
        let items = match self {
            Self::Map(map) => map.len(),
            Self::List(list) => list.len(),
            Self::Text(_) | Self::Number(_) | Self::Bool(_) | Self::Null => 0,
        };
        if items == 0 {
            return push(text, self);
        }
        let (open, close) = if matches!(self, Self::Map(_)) { ('{', '}') } else { ('[', ']') };
        text.push(open);
        let new_line = |text: &mut String, depth: usize| {
            text.push('\n');
            text.push_str(&"    ".repeat(depth));
        };
        let comma = |text: &mut String, at: usize| {
            if at > 0 {
                text.push(',');
            }
            new_line(text, depth + 1);
        };
        if let Self::Map(map) = self {
            for (at, (key, value)) in map.iter().enumerate() {
                comma(text, at);
                push(text, format_args!("{}: ", Quoted(key)));
                value.pretty(text, depth + 1);
            }
        }
        if let Self::List(list) = self {
            for (at, value) in list.iter().enumerate() {
                comma(text, at);
                value.pretty(text, depth + 1);
            }
        }
        new_line(text, depth);
        text.push(close);
    }
}

impl Display for Value {
    /// As JSON on one line (RFC 8259).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => Quoted(text).fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Bool(bool) => bool.fmt(f),
            Self::Null => f.write_str("null"),
            Self::List(list) => {
                f.write_char('[')?;
                for (at, value) in list.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    write!(f, "{comma}{value}")?;
                }
                f.write_char(']')
            }
            Self::Map(map) => {
                f.write_char('{')?;
                for (at, (key, value)) in map.iter().enumerate() {
                    let comma = if at > 0 { ", " } else { "" };
                    write!(f, "{comma}{}: {value}", Quoted(key))?;
                }
                f.write_char('}')
            }
        }
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                control if control.is_control() => write!(f, "\\u{:04x}", u32::from(control))?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_description_gives_text_and_structure() {
        let mut doc = Document::new();
        doc.heading("Title", 5);
        doc.section("Transport", 2, |doc| {
            doc.field("Type", "cslu");
            doc.section("Proxy", 2, |doc| doc.text("Not Configured"));
        });
        doc.row("license", |doc| doc.number("Count", 1_u32));
        doc.row("license", |doc| doc.number("Count", 2_u32));
        assert_eq!(
            doc.to_text(),
            "Title\n=====\nTransport:\n  Type: cslu\n  Proxy:\n    Not Configured\nCount: 1\nCount: 2\n"
        );
        assert_eq!(
            doc.to_value().to_string(),
            r#"{"transport": {"type": "cslu", "proxy": {}}, "TABLE_license": {"ROW_license": [{"count": 1}, {"count": 2}]}}"#
        );
    }

    #[test]
    fn an_answer_ends_in_one_line_feed() {
        let mut doc = Document::new();
        assert_eq!(doc.to_text(), "");
        doc.blank();
        assert_eq!(doc.to_text(), "");
        doc.text("a");
        doc.blank();
        doc.text("b");
        doc.blank();
        doc.data("c", "d");
        doc.blank();
        assert_eq!(doc.to_text(), "\na\n\nb\n");
    }

    #[test]
    fn what_a_peer_says_controls_no_terminal() {
        let mut doc = Document::new();
        doc.field("Policy name", "a\u{1b}[2J\nswitch#\u{9b}");
        assert_eq!(doc.to_text(), "Policy name: a?[2J?switch#?\n");
        assert_eq!(doc.to_value().to_string(), "{\"policy_name\": \"a\\u001b[2J\\nswitch#\\u009b\"}");
    }

    #[test]
    fn labels_become_keys_in_snake_case() {
        assert_eq!(snake("First report requirement (days)"), "first_report_requirement_days");
        assert_eq!(snake("Unenforced/Non-Export"), "unenforced_non_export");
        assert_eq!(snake("HA UDI List"), "ha_udi_list");
    }

    #[test]
    fn json_escapes_what_must_be_escaped() {
        assert_eq!(Value::from("a\"b\\c\n\u{1}").to_string(), r#""a\"b\\c\n\u0001""#);
        let pretty = Value::Map(Vec::from([
            ("a".into(), Value::Number(1)),
            ("b".into(), Value::List(Vec::from([Value::Null]))),
            ("c".into(), Value::List(Vec::new())),
        ]));
        assert_eq!(
            pretty.to_pretty(),
            "{\n    \"a\": 1,\n    \"b\": [\n        null\n    ],\n    \"c\": []\n}"
        );
    }
}

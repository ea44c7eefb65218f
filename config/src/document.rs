//! TOML as written: values with their places, and `--set` laid over them.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Lines, Place, Problems, Source};

/// Bytes of a configuration file; what is larger is none.
pub(crate) const FILE_MAX: u64 = 4 << 20;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is written.
    pub value: Value,
    /// Where.
    pub place: Place,
}

/// A value of TOML.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Also a whole number larger than any of ours.
    Float(f64),
    /// `true` or `false`.
    Bool(bool),
    /// A time, as written.
    Time(String),
    /// A list.
    List(Vec<Node>),
    /// A table, its keys in the order of the file.
    Table(Vec<Entry>),
}

/// One key of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its name.
    pub key: String,
    /// Where the name stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

impl Value {
    /// What it is, in words.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a point, or too large",
            Self::Bool(_) => "true or false",
            Self::Time(_) => "a time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads `text`; what is no TOML goes to `problems`, each with its place.
pub(crate) fn parse(source: &Arc<Source>, text: &str, problems: &mut Problems) -> Node {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let place =
            error.span().map_or_else(|| Place::whole(source), |span| Place::at(source, &lines, span.start));
        problems
            .add(&place, format!("this is no TOML: {}", error.message().lines().next().unwrap_or_default()));
    }
    let reader = Reader { source, lines };
    let place = reader.place(table.span().start);
    Node { value: Value::Table(reader.entries(table.get_ref())), place }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    lines: Lines<'a>,
}

impl Reader<'_> {
    fn place(&self, offset: usize) -> Place {
        Place::at(self.source, &self.lines, offset)
    }

    fn entries(&self, table: &DeTable<'_>) -> Vec<Entry> {
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            Entry { key: name.to_string(), place: self.place(key.span().start), node: self.node(value) }
        };
        let mut entries: Vec<_> = table.iter().map(entry).collect();
        entries.sort_by_key(|entry| (entry.place.line, entry.place.column));
        entries
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let place = self.place(value.span().start);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => Value::Float(f64::MAX),
            },
            DeValue::Float(number) => {
                Value::Float(number.as_str().replace('_', "").parse().unwrap_or(f64::NAN))
            }
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Datetime(time) => Value::Time(time.to_string()),
            DeValue::Array(values) => Value::List(values.iter().map(|value| self.node(value)).collect()),
            DeValue::Table(table) => Value::Table(self.entries(table)),
        };
        Node { value, place }
    }
}

/// Lays `KEY=VALUE` over `document`. VALUE is TOML where it can be, else a text. A key that meets a list of tables
/// goes into each of them, or into one where its next part is that one's position from 0.
pub(crate) fn set(document: &mut Node, assignment: &str, folder: &Path, problems: &mut Problems) {
    let source = Arc::new(Source { name: format!("--set {}", shown(assignment)), base: folder.into() });
    let whole = Place::whole(&source);
    let Some((key, value)) = assignment.split_once('=') else {
        return problems.add(&whole, "write KEY=VALUE, with dots between the parts of KEY");
    };
    let mut as_toml = Problems::default();
    let mut parsed = parse(&source, &format!("{key} = {value}"), &mut as_toml);
    if !as_toml.0.is_empty() {
        let mut as_text = Problems::default();
        parsed = parse(&source, &format!("{key} = {}", quoted(value)), &mut as_text);
        if !as_text.0.is_empty() {
            return problems.add(&whole, "the key is not made of words with dots between them");
        }
    }
    unplace(&mut parsed, &whole);
    merge(document, parsed);
}

/// The key alone: values may be secrets.
fn shown(assignment: &str) -> &str {
    assignment.split_once('=').map_or(assignment, |(key, _)| key)
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// Columns within an assignment say nothing.
fn unplace(node: &mut Node, place: &Place) {
    node.place = place.clone();
    match &mut node.value {
        Value::Table(entries) => {
            for entry in entries {
                entry.place = place.clone();
                unplace(&mut entry.node, place);
            }
        }
        Value::List(nodes) => nodes.iter_mut().for_each(|node| unplace(node, place)),
        Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Time(_) => {}
    }
}

fn merge(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Value::Table(entries), Value::Table(new)) => {
            new.into_iter().for_each(|entry| merge_entry(entries, entry))
        }
        (Value::List(nodes), Value::Table(new)) if all_tables(nodes) => {
            for entry in new {
                match entry.key.parse::<usize>() {
                    Ok(position) if position < nodes.len() => merge(&mut nodes[position], entry.node),
                    _ => nodes.iter_mut().for_each(|node| {
                        if let Value::Table(entries) = &mut node.value {
                            merge_entry(entries, entry.clone());
                        }
                    }),
                }
            }
        }
        (_, value) => *base = Node { value, place: over.place },
    }
}

fn merge_entry(entries: &mut Vec<Entry>, new: Entry) {
    match entries.iter_mut().find(|entry| entry.key == new.key) {
        Some(entry) => merge(&mut entry.node, new.node),
        None => entries.push(new),
    }
}

fn all_tables(nodes: &[Node]) -> bool {
    !nodes.is_empty() && nodes.iter().all(|node| matches!(node.value, Value::Table(_)))
}

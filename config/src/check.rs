//! A document against the table of keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use crate::Checks;
use crate::document::{Entry, Node, Value};
use crate::keys::{Key, Schema, Section, Shape};
use crate::kind::{Item, Kind};
use crate::problem::{Place, Problems, did_you_mean};
use crate::secret::Secret;

/// Tables of one section; more are a mistake.
const TABLES_MAX: usize = 10_000;

/// A checked table: every value is of its key's kind.
#[derive(Clone, Debug)]
pub struct Table {
    /// Where it begins.
    pub place: Place,
    section: &'static Section,
    items: BTreeMap<&'static str, (Item, Place)>,
    /// Keys whose values were no good.
    refused: BTreeSet<&'static str>,
    tables: BTreeMap<&'static str, Vec<(String, Table)>>,
    /// Of a [`Shape::Free`] section: name, its place, value.
    pub free: Vec<(String, Place, Item)>,
}

/// What a table is checked with.
#[derive(Clone, Copy, Debug)]
pub struct Checker<'a> {
    /// The tables that there are.
    pub schema: &'static Schema,
    /// Words of other crates.
    pub checks: &'a Checks,
}

/// Checks `node` as a table of `section`.
pub(crate) fn table(
    section: &'static Section,
    node: &Node,
    checker: Checker<'_>,
    problems: &mut Problems,
) -> Table {
    let mut table = Table {
        place: node.place.clone(),
        section,
        items: BTreeMap::new(),
        refused: BTreeSet::new(),
        tables: BTreeMap::new(),
        free: Vec::new(),
    };
    let Value::Table(entries) = &node.value else {
        problems
            .add(&node.place, format!("[{}] must be a table, but is {}", section.path, node.value.kind()));
        return table;
    };
    for entry in entries {
        let name = entry.key.replace('_', "-");
        if let Shape::Free(kind) = section.shape {
            table.free(entry, kind, checker.checks, problems);
        } else if let Some(key) = section.keys.iter().find(|key| key.name == name) {
            table.item(key, entry, checker.checks, problems);
        } else if let Some((own, inner)) = checker.schema.inside(section).find(|(own, _)| *own == name) {
            let inner = tables(inner, &entry.node, checker, problems);
            table.tables.insert(own, inner);
        } else {
            unknown(section, entry, &name, checker, problems);
        }
    }
    table
}

fn tables(
    section: &'static Section,
    node: &Node,
    checker: Checker<'_>,
    problems: &mut Problems,
) -> Vec<(String, Table)> {
    match (section.shape, &node.value) {
        (Shape::Many, Value::List(nodes)) => {
            if nodes.len() > TABLES_MAX {
                problems.add(&node.place, format!("[[{}]] may occur {TABLES_MAX} times", section.path));
            }
            let nodes = nodes.iter().take(TABLES_MAX);
            nodes.map(|node| (String::new(), table(section, node, checker, problems))).collect()
        }
        (Shape::Named, Value::Table(entries)) => {
            let named = |entry: &Entry| (entry.key.clone(), table(section, &entry.node, checker, problems));
            entries.iter().map(named).collect()
        }
        (Shape::One | Shape::Many | Shape::Named | Shape::Free(_), _) => {
            vec![(String::new(), table(section, node, checker, problems))]
        }
    }
}

fn unknown(
    section: &'static Section,
    entry: &Entry,
    name: &str,
    checker: Checker<'_>,
    problems: &mut Problems,
) {
    let keys = section.keys.iter().map(|key| key.name);
    let hint = did_you_mean(name, keys.chain(checker.schema.inside(section).map(|(own, _)| own)));
    let shown: String = entry.key.chars().filter(|character| !character.is_control()).take(80).collect();
    problems.add(&entry.place, format!("unknown key `{shown}` {}{hint}", section.in_words()));
}

impl Table {
    fn item(&mut self, key: &'static Key, entry: &Entry, checks: &Checks, problems: &mut Problems) {
        if let Some((_, first)) = self.items.get(key.name) {
            problems.add(&entry.place, format!("`{}` is given twice, first at {first}", key.name));
        } else if let Some(item) = key.kind.check(key.name, &entry.node, checks, problems) {
            self.items.insert(key.name, (item, entry.node.place.clone()));
        } else {
            self.refused.insert(key.name);
        }
    }

    fn free(&mut self, entry: &Entry, kind: Kind, checks: &Checks, problems: &mut Problems) {
        if let Some(item) = kind.check(&entry.key, &entry.node, checks, problems) {
            self.free.push((entry.key.clone(), entry.place.clone(), item));
        }
    }

    /// The tables of the inner section `name`.
    #[must_use]
    pub fn inner(&self, name: &str) -> &[(String, Table)] {
        self.tables.get(name).map_or(&[], Vec::as_slice)
    }

    /// The one table of the inner section `name`.
    #[must_use]
    pub fn one(&self, name: &str) -> Option<&Table> {
        self.inner(name).first().map(|(_, table)| table)
    }

    /// Where the value of `key` stands; the table's own place without it.
    #[must_use]
    pub fn place(&self, key: &str) -> &Place {
        self.items.get(key).map_or(&self.place, |(_, place)| place)
    }

    /// Where the value of `word` stands, be it a key or an inner table; the table's own place without it.
    #[must_use]
    pub fn place_of(&self, word: &str) -> &Place {
        match self.one(word) {
            Some(inner) => &inner.place,
            None => self.place(word),
        }
    }

    fn get(&self, key: &str) -> Option<&Item> {
        debug_assert!(
            self.section.keys.iter().any(|own| own.name == key),
            "{key} is no key of [{}]",
            self.section.path
        );
        self.items.get(key).map(|(item, _)| item)
    }

    /// Whether `key` is given.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether `key` is given, be it with a value that was refused: then that was said already.
    #[must_use]
    pub fn is_given(&self, key: &str) -> bool {
        self.has(key) || self.refused.contains(key)
    }

    /// Says that `key` is missing, unless it is given, be it with a value that was refused.
    pub(crate) fn require(&self, key: &str, problems: &mut Problems) {
        if !self.is_given(key) {
            problems.add(&self.place, format!("`{key}` is missing {}", self.section.in_words()));
        }
    }

    /// The text of `key`.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        if let Some(Item::Text(text)) = self.get(key) { Some(text) } else { None }
    }

    /// The same, as a copy.
    #[must_use]
    pub fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    /// The secret of `key`.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<Secret> {
        if let Some(Item::Secret(secret)) = self.get(key) { Some(secret.clone()) } else { None }
    }

    /// The path of `key`.
    #[must_use]
    pub fn path(&self, key: &str) -> Option<PathBuf> {
        if let Some(Item::Path(path)) = self.get(key) { Some(path.clone()) } else { None }
    }

    /// Whether `key` is true.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.get(key) == Some(&Item::Bool(true))
    }

    /// The number of `key`.
    #[must_use]
    pub fn count(&self, key: &str) -> Option<u64> {
        if let Some(Item::Count(count)) = self.get(key) { Some(*count) } else { None }
    }

    /// The span of `key`.
    #[must_use]
    pub fn span(&self, key: &str) -> Option<Duration> {
        if let Some(Item::Span(span)) = self.get(key) { Some(*span) } else { None }
    }

    /// The value of `key`, of whatever kind.
    #[must_use]
    pub fn item_of(&self, key: &str) -> Option<&Item> {
        self.get(key)
    }
}

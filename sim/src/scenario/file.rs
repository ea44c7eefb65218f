//! From a file to scenarios: includes, variables, matrix.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use slpsim_config::reader::{self, Entry, Node, Place, Problems, Source, Value};

use super::model::Scenario;
use super::resolve;

/// Combinations of one matrix; more are a mistake.
const COMBINATIONS_MAX: usize = 1_000;
/// Files that include one another.
const INCLUDES_MAX: usize = 32;

/// Why a scenario file cannot be used. The text has one line for each problem: file, line, column, what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Its contents are wrong.
    #[error(transparent)]
    Wrong(#[from] Problems),
}

/// Reads a file: one scenario for each combination of its matrix.
///
/// # Errors
/// Where it, or a file that it includes, cannot be read or is wrong.
pub fn load(path: &Path) -> Result<Vec<Scenario>, LoadError> {
    let text = reader::read(path).map_err(|source| LoadError::Read { path: path.into(), source })?;
    parse(&text, &path.display().to_string(), path.parent().unwrap_or(Path::new("")))
}

/// The same from a text that came from `name`; relative paths in it are relative to `folder`.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, name: &str, folder: &Path) -> Result<Vec<Scenario>, LoadError> {
    let mut document = document(text, name, folder)?;
    include(&mut document, &mut 0)?;
    reader::one_device(&mut document);
    let mut problems = Problems::default();
    let variables = variables(&mut document, &mut problems);
    let matrix = matrix(&mut document, &mut problems);
    let combinations = combinations(&matrix, &document.place, &mut problems);
    problems.or(())?;
    let mut scenarios = Vec::with_capacity(combinations.len());
    for combination in combinations {
        let mut document = document.clone();
        let known: Vec<_> =
            combination.iter().copied().chain(variables.iter().map(|(name, node)| (&**name, node))).collect();
        let mut used = Vec::new();
        substitute(&mut document, &known, &mut used);
        let labels = combination.iter().map(|(name, node)| ((*name).to_owned(), printed(node))).collect();
        // All combinations have the same text, so the first one that is wrong says it all.
        let resolved = resolve::scenario(&document, name, labels);
        scenarios.push(resolved.map_err(|problems| with_variables(problems, &used))?);
    }
    Ok(scenarios)
}

/// Those of `files` that are only parts of others among them: included by one, and without `name` and `until` of their
/// own. What cannot be read is no part; [`load`] says what is wrong with it.
#[must_use]
pub fn parts(files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut included = BTreeSet::new();
    let mut nameless = Vec::new();
    for path in files {
        let folder = path.parent().unwrap_or(Path::new(""));
        let Ok(text) = reader::read(path) else { continue };
        let Ok(document) = document(&text, &path.display().to_string(), folder) else { continue };
        let Value::Table(entries) = &document.value else { continue };
        if !entries.iter().any(|entry| matches!(entry.key.as_str(), "name" | "until")) {
            nameless.push(path);
        }
        let includes = entries.iter().find(|entry| entry.key == "include").map(|entry| &entry.node);
        let nodes = match includes.map(|node| (node, &node.value)) {
            Some((_, Value::List(nodes))) => nodes.iter().collect(),
            Some((node, _)) => vec![node],
            None => Vec::new(),
        };
        for node in nodes {
            if let Value::Text(text) = &node.value
                && let Ok(path) = folder.join(text).canonicalize()
            {
                included.insert(path);
            }
        }
    }
    let is_included = |path: &PathBuf| path.canonicalize().is_ok_and(|path| included.contains(&path));
    nameless.into_iter().filter(|path| is_included(path)).cloned().collect()
}

fn document(text: &str, name: &str, folder: &Path) -> Result<Node, Problems> {
    reader::parse(&Arc::new(Source { name: name.into(), base: folder.into() }), text)
}

/// Puts the tables of included files before those of this one. Single keys of this file win.
fn include(document: &mut Node, count: &mut usize) -> Result<(), LoadError> {
    let Value::Table(entries) = &mut document.value else { return Ok(()) };
    let Some(at) = entries.iter().position(|entry| entry.key == "include") else { return Ok(()) };
    let include_entry = entries.remove(at);
    let files =
        if let Value::List(nodes) = include_entry.node.value { nodes } else { vec![include_entry.node] };
    for file in files.into_iter().rev() {
        let Value::Text(text) = &file.value else {
            return Err(wrong(&file.place, "`include` holds paths of files").into());
        };
        *count += 1;
        if *count > INCLUDES_MAX {
            return Err(wrong(
                &file.place,
                "more than 32 files include one another; does one include itself?",
            )
            .into());
        }
        let path = file.place.base().join(text);
        let text = reader::read(&path)
            .map_err(|error| wrong(&file.place, &format!("cannot read {}: {error}", path.display())))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut inner = self::document(&text, &path.display().to_string(), folder)?;
        include(&mut inner, count)?;
        if let (Value::Table(entries), Value::Table(inner)) = (&mut document.value, inner.value) {
            merge(entries, inner);
        }
    }
    Ok(())
}

fn wrong(place: &Place, why: &str) -> Problems {
    let mut problems = Problems::default();
    problems.add(place, why);
    problems
}

fn merge(entries: &mut Vec<Entry>, inner: Vec<Entry>) {
    for entry in inner {
        match (entries.iter_mut().find(|own| own.key == entry.key), entry.node.value) {
            (None, value) => entries.push(Entry { node: Node { value, place: entry.node.place }, ..entry }),
            (Some(own), Value::List(mut before)) => {
                if let Value::List(nodes) = &mut own.node.value {
                    before.append(nodes);
                    *nodes = before;
                }
            }
            (Some(own), Value::Table(before)) => {
                if let Value::Table(table) = &mut own.node.value {
                    merge(table, before);
                }
            }
            (
                Some(_),
                Value::Text(_) | Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Time(_),
            ) => {}
        }
    }
}

/// Takes a table of the top out of the document. What is no table stays for the check, which says what is wrong.
fn take(document: &mut Node, name: &str) -> Vec<Entry> {
    let Value::Table(entries) = &mut document.value else { return Vec::new() };
    let is_it = |entry: &Entry| entry.key == name && matches!(entry.node.value, Value::Table(_));
    let Some(at) = entries.iter().position(is_it) else { return Vec::new() };
    if let Value::Table(table) = entries.remove(at).node.value { table } else { Vec::new() }
}

fn variables(document: &mut Node, problems: &mut Problems) -> Vec<(String, Node)> {
    let mut variables = Vec::new();
    for entry in take(document, "variables") {
        usable(&entry, problems);
        single(&entry.node, problems);
        variables.push((entry.key, entry.node));
    }
    variables
}

fn matrix(document: &mut Node, problems: &mut Problems) -> Vec<(String, Vec<Node>)> {
    let mut matrix = Vec::new();
    for entry in take(document, "matrix") {
        usable(&entry, problems);
        let Value::List(nodes) = entry.node.value else {
            problems.add(&entry.node.place, format!("`{}` must be a list of values", entry.key));
            continue;
        };
        if nodes.is_empty() {
            problems.add(&entry.node.place, format!("`{}` needs at least one value", entry.key));
        }
        for node in &nodes {
            if let Value::Table(entries) = &node.value {
                // A row: several variables that belong together.
                for entry in entries {
                    usable(entry, problems);
                    single(&entry.node, problems);
                }
            } else {
                single(node, problems);
            }
        }
        matrix.push((entry.key, nodes));
    }
    matrix
}

fn usable(entry: &Entry, problems: &mut Problems) {
    let plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if entry.key == "token" {
        problems.add(&entry.place, "`token` is the name of the id token that every scenario has");
    } else if entry.key.is_empty() || !entry.key.chars().all(plain) {
        problems.add(&entry.place, "a variable is called by letters, digits, `_` and `-`");
    }
}

fn single(node: &Node, problems: &mut Problems) {
    if matches!(node.value, Value::List(_) | Value::Table(_) | Value::Time(_)) {
        problems.add(
            &node.place,
            format!("a variable holds a text or a number, but this is {}", node.value.kind()),
        );
    }
}

type Combination<'a> = Vec<(&'a str, &'a Node)>;

fn combinations<'a>(
    matrix: &'a [(String, Vec<Node>)],
    place: &Place,
    problems: &mut Problems,
) -> Vec<Combination<'a>> {
    let count = matrix.iter().try_fold(1_usize, |count, (_, nodes)| count.checked_mul(nodes.len()));
    if count.is_none_or(|count| count > COMBINATIONS_MAX) {
        problems.add(place, format!("the matrix has more than {COMBINATIONS_MAX} combinations"));
        return Vec::new();
    }
    let mut all: Vec<Combination<'a>> = vec![Vec::new()];
    for (name, nodes) in matrix {
        let with = |combination: &Combination<'a>, node: &'a Node| {
            let row: Combination<'a> = if let Value::Table(entries) = &node.value {
                entries.iter().map(|entry| (entry.key.as_str(), &entry.node)).collect()
            } else {
                vec![(name.as_str(), node)]
            };
            combination.iter().copied().chain(row).collect()
        };
        all = all
            .iter()
            .flat_map(|combination| nodes.iter().map(move |node| with(combination, node)))
            .collect();
    }
    all
}

/// Replaces `{name}` in every text, and notes where. A text that is nothing else becomes the value itself.
fn substitute(node: &mut Node, known: &[(&str, &Node)], used: &mut Vec<(Place, String)>) {
    match &mut node.value {
        Value::Text(text) => {
            let bare = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            if let Some((name, value)) = known.iter().find(|(name, _)| Some(*name) == bare) {
                used.push((node.place.clone(), format!("`{{{name}}}` is `{}`", printed(value))));
                node.value = value.value.clone();
                return;
            }
            for (name, value) in known {
                let pattern = format!("{{{name}}}");
                if text.contains(&pattern) {
                    used.push((node.place.clone(), format!("`{pattern}` is `{}`", printed(value))));
                    *text = text.replace(&pattern, &printed(value));
                }
            }
        }
        Value::List(nodes) => nodes.iter_mut().for_each(|node| substitute(node, known, used)),
        Value::Table(entries) => {
            entries.iter_mut().for_each(|entry| substitute(&mut entry.node, known, used));
        }
        Value::Integer(_) | Value::Float(_) | Value::Bool(_) | Value::Time(_) => {}
    }
}

/// Problems that come of the value of a variable say so: the place shows only the name in braces.
fn with_variables(mut problems: Problems, used: &[(Place, String)]) -> Problems {
    for problem in &mut problems.0 {
        let names: Vec<_> =
            used.iter().filter(|(place, _)| *place == problem.place).map(|(_, name)| name.as_str()).collect();
        if !names.is_empty() {
            problem.message = format!("{} (where {})", problem.message, names.join(", "));
        }
    }
    problems
}

fn printed(node: &Node) -> String {
    match &node.value {
        Value::Text(text) | Value::Time(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::List(_) | Value::Table(_) => String::new(),
    }
}

//! The reader of configurations, for other kinds of files: a table of keys goes in, checked tables come out.

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use crate::check::{Checker, Table};
pub use crate::document::{Entry, Node, Value};
pub use crate::keys::{Key, Schema, Section, Shape, key};
pub use crate::kind::{Item, Kind};
pub use crate::problem::{Place, Problem, Problems, Source, did_you_mean};
pub use crate::resolve::devices_in;

/// Reads a file of at most 4 MiB.
///
/// # Errors
/// Where it cannot be read, or is larger.
pub fn read(path: &Path) -> io::Result<String> {
    crate::read(path)
}

/// The values of a TOML text with their places.
///
/// # Errors
/// Where it is no TOML.
pub fn parse(source: &Arc<Source>, text: &str) -> Result<Node, Problems> {
    let mut problems = Problems::default();
    let document = crate::document::parse(source, text, &mut problems);
    problems.or(document)
}

/// Checks a whole document against a schema.
pub fn check(document: &Node, checker: Checker<'_>, problems: &mut Problems) -> Option<Table> {
    let top = checker.schema.sections.first()?;
    Some(crate::check::table(top, document, checker, problems))
}

/// Gives a document without `[device]` one with all defaults.
pub fn one_device(document: &mut Node) {
    crate::one_device(document);
}

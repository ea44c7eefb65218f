//! TOML files as users write them, resolved.
//!
//! A file is read into values with their places, checked against one table of [`keys`], and resolved into a
//! [`Config`] in which every default is filled in. Whatever is wrong is collected: each [`Problem`] names file, line,
//! column and what to do.
#![forbid(unsafe_code)]

mod check;
mod document;
pub mod keys;
mod kind;
mod problem;
pub mod reader;
mod reference;
mod resolve;
mod resolved;
mod secret;
mod span;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use document::{Node, Value};
pub use kind::Kind;
use problem::Source;
pub use problem::{Place, Problem, Problems};
pub use reference::reference;
pub use resolved::{
    Account, AckMode, Config, Credential, Device, IdToken, Keep, LicenseUse, Licensing, Mock, MockRole,
    ProxyLogin, SPEED_MAX, Secret, Sink, Speed, Start, StorePlace, User, Verify,
};
pub use span::{parse_signed_span, parse_span, parse_time, print_span};

/// Checks of words that other crates read; each answers with one line where the word is wrong.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// A time zone: `slpsim_logs::Zone`.
    pub zone: fn(&str) -> Result<(), String>,
    /// A sink URL: `slpsim_logs::SinkUrl`.
    pub sink: fn(&str) -> Result<(), String>,
    /// A store of a mock: `slpsim_cssm::server::StoreChoice`. What it says has no password of the store in it.
    pub store: fn(&str) -> Result<(), String>,
}

/// What is laid over a file.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// `--set KEY=VALUE`, in order; relative paths in them are relative to the working directory.
    pub set: Vec<String>,
    /// `--allow-external`
    pub allow_external: bool,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The contents are wrong.
    #[error(transparent)]
    Wrong(#[from] Problems),
}

/// Reads and resolves the file at `path`.
///
/// # Errors
/// Where it cannot be read, or something in it or in the overrides is wrong; all of that at once.
pub fn load(path: &Path, overrides: &Overrides, checks: &Checks) -> Result<Config, ConfigError> {
    let text = read(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(parse(&text, &path.display().to_string(), folder, overrides, checks)?)
}

/// Resolves `text`, which came from `name`; relative paths in it are relative to `folder`.
///
/// # Errors
/// Where something in it or in the overrides is wrong; all of that at once.
pub fn parse(
    text: &str,
    name: &str,
    folder: &Path,
    overrides: &Overrides,
    checks: &Checks,
) -> Result<Config, Problems> {
    let mut problems = Problems::default();
    let source = Arc::new(Source { name: name.into(), base: folder.into() });
    let mut document = document::parse(&source, text, &mut problems);
    if !problems.0.is_empty() {
        // What is no TOML would only seem to lack keys.
        return Err(problems);
    }
    for assignment in &overrides.set {
        document::set(&mut document, assignment, Path::new(""), &mut problems);
    }
    one_device(&mut document);
    let Some(top) = keys::section("") else { return Err(problems) };
    let checker = check::Checker { schema: &keys::CONFIG, checks };
    let table = check::table(top, &document, checker, &mut problems);
    let config = resolve::config(&table, overrides.allow_external, &mut problems);
    problems.or(config)
}

/// A file without `[device]` has one, with all defaults.
fn one_device(document: &mut Node) {
    let place = document.place.clone();
    if let Value::Table(entries) = &mut document.value
        && !entries.iter().any(|entry| entry.key == "device")
    {
        let node = Node { value: Value::Table(Vec::new()), place: place.clone() };
        entries.push(document::Entry { key: "device".into(), place, node });
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(document::FILE_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > document::FILE_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "a configuration file has at most 4 MiB"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;

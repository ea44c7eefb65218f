//! What the tests of the whole project share: its files, its Markdown, its goldens, and the foreign programs beside it.
#![forbid(unsafe_code)]

pub mod changes;
pub mod golden;
pub mod markdown;
mod peer;
mod postgres;
mod tinyproxy;

pub use golden::assert_golden;
pub use peer::{clients, peer};
pub use postgres::Postgres;
pub use tinyproxy::Tinyproxy;

use std::fs;
use std::path::{Path, PathBuf};

/// The root folder of the project.
#[must_use]
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().map_or_else(|| tests.to_path_buf(), Path::to_path_buf)
}

/// The text of a file, named relative to the project's root.
///
/// # Panics
/// Where the file cannot be read: a test that needs it has failed.
#[must_use]
pub fn read(path: &str) -> String {
    let full = root().join(path);
    match fs::read_to_string(&full) {
        Ok(text) => text,
        #[expect(clippy::panic, reason = "a test's own file is missing")]
        Err(error) => panic!("{}: {error}", full.display()),
    }
}

/// All files below the root with one of these extensions, relative to it and sorted; build output and hidden folders apart.
///
/// # Panics
/// Where a folder cannot be listed.
#[must_use]
pub fn files(extensions: &[&str]) -> Vec<PathBuf> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        #[expect(clippy::expect_used, reason = "a folder of the project cannot be listed")]
        let entries = fs::read_dir(&folder).expect("folder is listed");
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted)) {
                found.push(path.strip_prefix(&root).map(Path::to_path_buf).unwrap_or(path));
            }
        }
    }
    found.sort();
    found
}

//! The reference of population files, printed from their table of keys.

use std::fmt::Write;

use slpsim_config::reader::Shape;

use super::keys::SCHEMA;

/// Every key with type, default and meaning, for people.
#[must_use]
pub fn reference() -> String {
    let mut text = String::new();
    for section in SCHEMA.sections {
        let heading = match (section.path, section.shape) {
            ("", _) => "# the top of the file".to_owned(),
            (path, Shape::Many) => format!("[[{path}]]"),
            (path, Shape::One | Shape::Named | Shape::Free(_)) => format!("[{path}]"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{heading}\n  {}", section.meaning);
        for key in section.keys {
            let (name, kind, default) = (key.name, key.kind.words(), key.default);
            let _ = writeln!(text, "  {name:<18} {kind}; default: {default}. {}", key.meaning);
        }
        text.push('\n');
    }
    text
}

//! `slpsim config reference`: the table of keys as a document.

use std::fmt::Write;

use crate::keys::{SECTIONS, Section, Shape};

/// Every key with type, unit, default and meaning, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from(
        "# Configuration keys\n\n\
         A file is TOML. A relative path is relative to the file that names it. Underscores in keys are read as hyphens.\n\
         `--set KEY=VALUE` sets a key by its dotted name, for instance `--set device.transport=smart`; where there are several\n\
         tables it sets all of them, or one by its position from 0 (`--set device.1.hostname=leaf-2`).\n",
    );
    for section in SECTIONS {
        // Writing to a String does not fail.
        let _ = section_text(&mut out, section);
    }
    out
}

fn section_text(out: &mut String, section: &Section) -> std::fmt::Result {
    let heading = match (section.path, section.shape) {
        ("", _) => "Top of the file".into(),
        (path, Shape::One | Shape::Free(_)) => format!("`[{path}]`"),
        (path, Shape::Many) => format!("`[[{path}]]`"),
        (path, Shape::Named) => format!("`[{path}.NAME]`"),
    };
    write!(out, "\n## {heading}\n\n{}\n", section.meaning)?;
    if let Shape::Free(kind) = section.shape {
        writeln!(out, "Each value: {}.", kind.words())?;
    }
    if section.keys.is_empty() {
        return Ok(());
    }
    out.push_str("\n| key | type | unit | default | meaning |\n|---|---|---|---|---|\n");
    for key in section.keys {
        let unit = match key.kind.unit() {
            "" => "–",
            unit => unit,
        };
        let default = if key.default.contains("://") || key.default.contains('[') {
            format!("`{}`", key.default)
        } else {
            key.default.into()
        };
        writeln!(out, "| `{}` | {} | {unit} | {default} | {} |", key.name, key.kind.words(), key.meaning)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_a_row_for_every_key_with_all_five_columns() {
        let text = reference();
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(rows.len(), SECTIONS.iter().map(|section| section.keys.len()).sum::<usize>());
        for row in rows {
            assert_eq!(row.matches(" | ").count(), 4, "{row}");
        }
        assert!(text.contains("## `[[device.license]]`") && text.contains("## `[network.interfaces.NAME]`"));
        assert!(text.contains("| `usage-interval` | whole number, 1 to 3650 | days | 30 |"));
    }
}

//! `slpsim scenario faults`: the table as a document.

use std::fmt::Write;

use super::{Kind, Row};

/// A form of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For a terminal.
    Text,
    /// Markdown.
    Markdown,
    /// One JSON array.
    Json,
}

/// The keys that every kind takes.
const COMMON: &str = "Every kind also takes `for`, `next = N` (the next N exchanges that it hits), `after = N` (only once N exchanges \
    that it could have hit have passed, such as a quota), `every = N`, `probability`, `devices` and `purpose`; `on` and `off` (in force for `on`, \
    then not for `off`, and so on: a flapping link); `ramp` (its delay, or for kinds without one the share of exchanges that it hits, \
    grows from nothing to its measure in so long). Kinds with a delay (slow, latency, dribble) take `distribution` (fixed, uniform, normal, \
    exponential: how `by` varies) and `spread` (uniform: by ± spread, default a half of `by`; normal: the standard deviation, default a \
    quarter). A fault is in force in [t, t + for); of several the one that began last decides; of `for` and `next` the earlier limit ends \
    it. DNS faults do not hit URLs with an address, TLS faults do not hit plain HTTP, faults of the store count writes in place of \
    exchanges. With `link = \"upstream\"` a fault lies between a CSLU or On-Prem and its CSSM: a report is kept and its ACK waits, a trust \
    request is answered OK_TRY_AGAIN (modelled).";

/// The whole table.
#[must_use]
pub fn print(form: Form) -> String {
    let mut out = String::new();
    match form {
        Form::Text => {
            for kind in Kind::ALL {
                text(&mut out, kind.row());
            }
            // Writing to a String does not fail.
            let _ = writeln!(out, "{COMMON}");
        }
        Form::Markdown => {
            out.push_str(
                "# Faults\n\n| kind | the device sees | failure text | messages due | where | keys | example |\n|---|---|---|---|---|---|---|\n",
            );
            for kind in Kind::ALL {
                markdown(&mut out, kind.row());
            }
            let _ = writeln!(out, "\n{COMMON}");
        }
        Form::Json => {
            let rows: Vec<_> = Kind::ALL.into_iter().map(|kind| json(kind.row())).collect();
            out = serde_json::Value::from(rows).to_string();
            out.push('\n');
        }
    }
    out
}

fn text(out: &mut String, row: &Row) {
    let _ = writeln!(out, "{}\n    sees     {}", row.word, row.sees);
    if let Some(failure) = row.failure {
        let _ = writeln!(out, "    failure  {failure}");
    }
    let _ = writeln!(out, "    due      {}\n    where    {}", row.due, places(row));
    for param in row.params {
        let _ = writeln!(out, "    {:<8} {} (default {})", param.key.word(), param.meaning, param.default);
    }
    let _ = writeln!(out, "    example  {}\n", row.example);
}

fn markdown(out: &mut String, row: &Row) {
    let failure = row.failure.map_or_else(|| "–".to_owned(), |failure| format!("`{failure}`"));
    let keys: Vec<_> = row
        .params
        .iter()
        .map(|param| format!("`{}`: {} (default {})", param.key.word(), param.meaning, param.default))
        .collect();
    let keys = if keys.is_empty() { "–".to_owned() } else { keys.join("; ") };
    let (word, sees, due, places, example) = (row.word, row.sees, row.due, places(row), row.example);
    let _ = writeln!(out, "| `{word}` | {sees} | {failure} | {due} | {places} | {keys} | `{example}` |");
}

fn json(row: &Row) -> serde_json::Value {
    let keys: Vec<_> = row
        .params
        .iter()
        .map(|param| serde_json::json!({"key": param.key.word(), "default": param.default, "meaning": param.meaning}))
        .collect();
    serde_json::json!({
        "kind": row.word,
        "sees": row.sees,
        "failure": row.failure.map(|failure| failure.to_string()),
        "due": row.due,
        "where": row.places.iter().map(|place| place.word()).collect::<Vec<_>>(),
        "keys": keys,
        "example": row.example,
    })
}

fn places(row: &Row) -> String {
    row.places.iter().map(|place| place.word()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `slpsim scenario faults --format md > docs/faults.md` writes it anew.
    #[test]
    fn the_document_of_the_project_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md");
        let written = std::fs::read_to_string(path).unwrap();
        assert!(
            written == print(Form::Markdown),
            "docs/faults.md is not that of the table: slpsim scenario faults --format md > docs/faults.md"
        );
    }

    #[test]
    fn each_form_has_every_kind() {
        for form in [Form::Text, Form::Markdown, Form::Json] {
            let text = print(form);
            for kind in Kind::ALL {
                assert!(
                    text.contains(kind.word()) && text.contains(kind.row().due),
                    "{form:?} {}",
                    kind.word()
                );
            }
        }
        let rows: Vec<serde_json::Value> = serde_json::from_str(&print(Form::Json)).unwrap();
        assert_eq!(rows.len(), Kind::ALL.len());
        let columns = print(Form::Markdown)
            .lines()
            .filter(|line| line.starts_with("| `"))
            .all(|line| line.matches(" | ").count() == 6);
        assert!(columns);
    }
}

//! What was sent, for reading: JSON with line breaks, that inside its strings too.

use maud::{Markup, html};
use serde_json::Value;

/// How deep strings with JSON in them are opened: an envelope, a message, a report.
const DEPTH: u8 = 4;

/// A text as a part of a page.
pub(super) fn shown(label: &str, text: &str) -> Markup {
    let pretty = pretty(text);
    html! {
        @if pretty.is_some() { p.hint { "With line breaks, and strings that hold JSON are opened. Signatures are over the text as it was: the management calls have it." } }
        pre.text tabindex="0" role="region" aria-label=(label) { (pretty.as_deref().unwrap_or(text)) }
    }
}

/// Nothing where it is no JSON.
fn pretty(text: &str) -> Option<String> {
    let value: Value = serde_json::from_str(text).ok()?;
    serde_json::to_string_pretty(&opened(value, DEPTH)).ok()
}

fn opened(value: Value, depth: u8) -> Value {
    match value {
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, opened(value, depth))).collect()
        }
        Value::Array(values) => values.into_iter().map(|value| opened(value, depth)).collect(),
        Value::String(text) if depth > 0 && text.starts_with(['{', '[']) => {
            match serde_json::from_str(&text) {
                Ok(inner) => opened(inner, depth - 1),
                Err(_) => Value::String(text),
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_inside_an_envelope_is_shown_as_what_it_is() {
        let pretty =
            pretty(r#"{"payload":"{\"a\":\"[1]\",\"b\":\"{no\"}","header":{"type":"rum"}}"#).unwrap();
        for expected in ["\"payload\": {\n    \"a\": [\n      1\n    ]", "\"b\": \"{no\""] {
            assert!(pretty.contains(expected), "{pretty}");
        }
        assert!(shown("Payload", "<xml/>").0.contains(">&lt;xml/&gt;</pre>"));
    }

    #[test]
    fn strings_in_strings_in_strings_end_somewhere() {
        let mut text = "[1]".to_owned();
        for _ in 0..10 {
            text = serde_json::to_string(&vec![text]).unwrap();
        }
        let depth = pretty(&text).unwrap().matches("[\n").count();
        assert_eq!(depth, usize::from(DEPTH) + 1);
    }
}

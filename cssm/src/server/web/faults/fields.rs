//! The fields of the form that switches a fault on: one for each key of `POST faults`, under the key's own name.

use maud::{Markup, html};
use serde_json::{Map, Value};
use slpsim_agent::Purpose;
use slpsim_transport::fault::{Distribution, Kind, Place, ReportWhy, TokenWhy, Wrong};

use crate::fault::FaultSpec;
use crate::server::web::posted::Posted;

/// A key of a fault as people fill it in.
pub(super) struct Field {
    /// As `POST faults` calls it.
    pub(super) key: &'static str,
    label: &'static str,
    input: Input,
    /// What the empty form has.
    first: &'static str,
}

/// How a value is typed.
#[derive(Clone, Copy)]
enum Input {
    /// A text, such as a span of time.
    Text,
    /// A whole number.
    Count,
    /// A share, 0 to 1.
    Share,
    /// Names of devices with blanks between them: a UDI has a comma in itself.
    Names,
    /// One of these words; the first may be empty, and then says what holds without it.
    Words(fn() -> Vec<(&'static str, &'static str)>),
}

const fn field(key: &'static str, label: &'static str, input: Input, first: &'static str) -> Field {
    Field { key, label, input, first }
}

/// A part of the form.
pub(super) struct Group {
    legend: &'static str,
    hint: &'static str,
    /// In the order of the form.
    pub(super) fields: &'static [Field],
}

/// The whole form.
pub(super) const GROUPS: [Group; 3] = [
    Group {
        legend: "What happens",
        hint: "What is left empty has the default of its kind. Keys that a kind does not take stay empty.",
        fields: &[
            field("kind", "Fault", Input::Words(kinds), "unreachable"),
            field("status", "HTTP status", Input::Count, ""),
            field("retry-after", "Retry after (seconds)", Input::Count, ""),
            field("by", "By, such as 20s", Input::Text, ""),
            field("distribution", "How the delay varies", Input::Words(distributions), ""),
            field("spread", "Spread, such as 5s", Input::Text, ""),
            field("why", "Why", Input::Words(reasons), ""),
        ],
    },
    Group {
        legend: "When",
        hint: "It ends by itself: after the time, or after so many exchanges, whichever comes first.",
        fields: &[
            field("for", "For, such as 6h", Input::Text, "1h"),
            field("next", "The next so many exchanges", Input::Count, ""),
            field("after", "Only after so many exchanges", Input::Count, ""),
            field("every", "Every so manyth exchange", Input::Count, ""),
            field("probability", "With probability, 0 to 1", Input::Share, ""),
            field("ramp", "Grows for, such as 30m", Input::Text, ""),
            field("on", "Flapping: on for, such as 5m", Input::Text, ""),
            field("off", "Flapping: then off for", Input::Text, ""),
        ],
    },
    Group {
        legend: "Whom it hits",
        hint: "Left empty: everybody.",
        fields: &[
            field("purpose", "Purpose", Input::Words(purposes), ""),
            field("devices", "UDIs or serial numbers, blanks between them", Input::Names, ""),
        ],
    },
];

/// All fields.
pub(super) fn all() -> impl Iterator<Item = &'static Field> {
    GROUPS.iter().flat_map(|group| group.fields)
}

/// The kinds that a server can have.
pub(super) fn live() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| kind.row().places.contains(&Place::Live))
}

fn same(word: &'static str) -> (&'static str, &'static str) {
    (word, word)
}

fn kinds() -> Vec<(&'static str, &'static str)> {
    live().map(|kind| same(kind.word())).collect()
}

fn distributions() -> Vec<(&'static str, &'static str)> {
    std::iter::once(("", "not at all")).chain(Distribution::WORDS.iter().map(|word| same(word))).collect()
}

fn reasons() -> Vec<(&'static str, &'static str)> {
    let reports = ReportWhy::WORDS.into_iter().map(|(word, _)| same(word));
    let tokens = TokenWhy::WORDS.into_iter().map(|(word, _)| same(word));
    std::iter::once(("", "the first of its kind")).chain(reports).chain(tokens).collect()
}

fn purposes() -> Vec<(&'static str, &'static str)> {
    let words = Purpose::ALL.into_iter().map(|purpose| same(purpose.word()));
    std::iter::once(("", "every exchange")).chain(words).collect()
}

impl Group {
    /// With what was typed, and beside the field what is wrong with it.
    pub(super) fn show(&self, posted: Option<&Posted>, wrong: Option<&Wrong>) -> Markup {
        html! {
            fieldset {
                legend { (self.legend) }
                p.hint { (self.hint) }
                div.fields { @for field in self.fields { (field.show(posted, wrong)) } }
            }
        }
    }
}

impl Field {
    fn show(&self, posted: Option<&Posted>, wrong: Option<&Wrong>) -> Markup {
        let value = posted.map_or(self.first, |posted| posted.get(self.key));
        let wrong = wrong.filter(|wrong| wrong.key == Some(self.key));
        let note = format!("wrong-{}", self.key);
        let (invalid, described) = (wrong.map(|_| "true"), wrong.map(|_| note.as_str()));
        html! {
            label.field.wrong[wrong.is_some()] {
                span { (self.label) }
                @match self.input {
                    Input::Words(words) => {
                        select name=(self.key) aria-invalid=[invalid] aria-describedby=[described] {
                            @for (word, shown) in words() { option value=(word) selected[word == value] { (shown) } }
                        }
                    }
                    Input::Count => { input type="number" min="0" step="1" name=(self.key) value=(value) aria-invalid=[invalid] aria-describedby=[described]; }
                    Input::Share => { input type="number" min="0" max="1" step="any" name=(self.key) value=(value) aria-invalid=[invalid] aria-describedby=[described]; }
                    Input::Text | Input::Names => { input type="text" name=(self.key) value=(value) aria-invalid=[invalid] aria-describedby=[described]; }
                }
                @if let Some(wrong) = wrong { small.bad-word id=(note) { (wrong.why) } }
            }
        }
    }

    /// What was typed as `POST faults` has it; nothing where the field is empty.
    fn value(&self, typed: &str) -> Result<Option<Value>, Wrong> {
        let wrong = |why: &str| {
            let shown: String = typed.chars().take(40).collect();
            Wrong { key: Some(self.key), why: format!("{shown:?} {why}") }
        };
        if typed.is_empty() {
            return Ok(None);
        }
        Ok(Some(match self.input {
            Input::Text | Input::Words(_) => typed.into(),
            Input::Count => typed.parse::<u64>().map_err(|_| wrong("is no whole number"))?.into(),
            Input::Share => {
                let share = typed.parse::<f64>().ok().filter(|share| share.is_finite());
                share.ok_or_else(|| wrong("is no number between 0 and 1"))?.into()
            }
            Input::Names => typed.split_whitespace().collect(),
        }))
    }
}

/// The fault that a form asks for: the same as the same body of `POST faults`.
pub(super) fn spec(posted: &Posted) -> Result<FaultSpec, Wrong> {
    let mut object = Map::new();
    for field in all() {
        let Some(value) = field.value(posted.get(field.key))? else { continue };
        // Each alone first, so that whoever typed it is told where it stands: some numbers have a smaller range.
        let lone = Value::from_iter([("kind", Value::from("")), (field.key, value.clone())]);
        if serde_json::from_value::<FaultSpec>(lone).is_err() {
            return Err(Wrong { key: Some(field.key), why: "the number is too large here".into() });
        }
        object.insert(field.key.into(), value);
    }
    if !object.contains_key("kind") {
        return Err(Wrong { key: Some("kind"), why: "choose a fault".into() });
    }
    let whole = serde_json::from_value::<FaultSpec>(object.into());
    let spec = whole.map_err(|error| Wrong { key: None, why: error.to_string() })?;
    spec.check().map(|()| spec)
}

/// What a fault has beside its kind, as key and value.
pub(super) fn words(spec: &FaultSpec) -> Vec<String> {
    let value = serde_json::to_value(spec).unwrap_or_default();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    };
    let given = all().filter(|field| field.key != "kind");
    given.filter_map(|field| Some(format!("{} {}", field.key, text(value.get(field.key)?)))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn the_form_has_every_key_of_the_call_and_no_other() {
        let schema = serde_json::to_value(FaultSpec::schema()).unwrap();
        let keys: BTreeSet<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let fields: BTreeSet<&str> = all().map(|field| field.key).collect();
        assert_eq!(fields, keys);
    }

    #[test]
    fn every_kind_and_every_word_of_a_choice_can_be_shown_again() {
        for field in all() {
            let Input::Words(words) = field.input else { continue };
            assert!(words().iter().any(|(word, _)| *word == field.first), "{}", field.key);
        }
        assert_eq!(live().count(), kinds().len());
    }
}

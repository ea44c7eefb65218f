//! `always`, `never` and `eventually` of an expectation.

use slpsim_config::reader::{Item, Table};

use super::expect::{command, equals};
use super::{Cx, millis};
use crate::scenario::property::{Claim, Mood, Partner, Property, Quantity, Test};

/// The keys that belong to each thing that can be claimed of.
const ABOUT: [(&str, &[&str]); 3] = [
    ("state", &["equals", "at-least", "at-most"]),
    ("show", &["field", "equals", "at-least", "at-most"]),
    ("message", &["text", "after", "followed-by", "for"]),
];
const ALL: [&str; 8] = ["field", "equals", "at-least", "at-most", "text", "after", "followed-by", "for"];

/// The property of an expectation; `table` is the expectation's, `device` the one that it is about.
pub(super) fn property(
    mood: Mood,
    table: &Table,
    device: Option<usize>,
    cx: &mut Cx<'_>,
) -> Option<Property> {
    let inner = table.one(mood.word())?;
    let given: Vec<_> = ABOUT.into_iter().filter(|(key, _)| inner.is_given(key)).collect();
    let [(about, own)] = given[..] else {
        let words = ABOUT.map(|(key, _)| key).join(", ");
        cx.add(&inner.place, format!("`{}` is about one of {words}", mood.word()));
        return None;
    };
    for key in ALL.into_iter().filter(|key| !own.contains(key) && inner.has(key)) {
        cx.add(inner.place(key), format!("`{key}` does not go with `{about}`"));
    }
    let claim = match about {
        "state" => {
            let quantity = Quantity::by_word(inner.text("state")?)?;
            let test = test(inner, cx)?;
            if !quantity.kind().can_be(&test) {
                let key = ["equals", "at-least", "at-most"].into_iter().find(|key| inner.has(key));
                let (word, kind) = (quantity.word(), quantity.kind().words());
                let why = format!("`{word}` is {kind}, and that never {test}");
                cx.add(inner.place(key.unwrap_or("state")), why);
                return None;
            }
            Claim::State(quantity, test)
        }
        "show" => {
            let command = command(inner, device, cx)?;
            let Some(field) = inner.owned("field") else {
                if inner.is_given("field") {
                    return None;
                }
                cx.add(&inner.place, "`field` is missing: a path in the structured form of `show`");
                return None;
            };
            Claim::Field(command, field, test(inner, cx)?)
        }
        _ => message(mood, inner, cx)?,
    };
    Some(Property { mood, window: cx.window(table), claim })
}

fn test(table: &Table, cx: &mut Cx<'_>) -> Option<Test> {
    let number = |key| table.count(key).and_then(|number| i64::try_from(number).ok());
    if ["equals", "at-least", "at-most"].into_iter().any(|key| table.is_given(key) && !table.has(key)) {
        // What is wrong with it was said.
        return None;
    }
    let (from, to) = (number("at-least"), number("at-most"));
    match (table.item_of("equals"), from.is_some() || to.is_some()) {
        (Some(Item::Any(node)), false) => equals(node, cx).map(Test::Equals),
        (None, true) => {
            if from.zip(to).is_some_and(|(from, to)| from > to) {
                cx.add(table.place("at-most"), "`at_most` lies below `at_least`");
            }
            Some(Test::Between(from, to))
        }
        _ => {
            cx.add(&table.place, "say what it has to be: `equals`, or `at_least` and `at_most`");
            None
        }
    }
}

fn message(mood: Mood, table: &Table, cx: &mut Cx<'_>) -> Option<Claim> {
    let message = match table.text("message") {
        Some("any") => None,
        _ => Some(cx.message(table, "message")?),
    };
    let key = match (table.has("after"), table.has("followed-by")) {
        (true, true) => {
            cx.add(table.place("followed-by"), "give `after` or `followed_by`, not both");
            return None;
        }
        (true, false) => Some("after"),
        (false, true) => Some("followed-by"),
        (false, false) => None,
    };
    let partner = match (mood, key) {
        (Mood::Always, Some(key)) => Some(Partner {
            message: cx.message(table, key)?,
            before: key == "after",
            span_ms: table.span("for").map(millis),
        }),
        (Mood::Always, None) => {
            let why = "`always` with `message` says what goes with each: `after` or `followed_by`";
            cx.add(table.place("message"), why);
            return None;
        }
        (Mood::Never | Mood::Eventually, Some(key)) => {
            cx.add(table.place(key), format!("`{}` has no partner; only `always` has", mood.word()));
            return None;
        }
        (Mood::Never | Mood::Eventually, None) => {
            if table.has("for") {
                cx.add(table.place("for"), "`for` belongs to `after` or `followed_by`; use `within`");
            }
            None
        }
    };
    Some(Claim::Message { message, text: cx.regex(table, "text", true), partner })
}

//! `[[expect]]`.

use slpsim_agent::Purpose;
use slpsim_config::reader::{Item, Node, Table, Value};
use slpsim_console::{Role, Session};

use super::claim;
use super::{Cx, millis, printed};
use crate::scenario::model::{Anchor, Expectation, Seen, Wanted};
use crate::scenario::property::Mood;

/// What an expectation can be about, and the keys that only go with it.
const ABOUT: [(&str, &[&str]); 7] = [
    ("message", &["within", "count", "text", "after", "before", "device"]),
    ("exchange", &["within", "count", "text", "ended", "device"]),
    ("show", &["at", "contains", "not-contains", "matches", "field", "equals", "device"]),
    ("peer", &["at", "count", "device"]),
    ("always", &["within", "device"]),
    ("never", &["within", "device"]),
    ("eventually", &["within", "device"]),
];
/// All keys and tables that belong to some of them.
const ALL: [&str; 13] = [
    "within",
    "count",
    "text",
    "ended",
    "at",
    "contains",
    "not-contains",
    "matches",
    "field",
    "equals",
    "device",
    "after",
    "before",
];

/// All expectations, in file order.
pub(super) fn expectations(tables: &[(String, Table)], cx: &mut Cx<'_>) -> Vec<Expectation> {
    tables.iter().filter_map(|(_, table)| expectation(table, cx)).collect()
}

fn expectation(table: &Table, cx: &mut Cx<'_>) -> Option<Expectation> {
    let given: Vec<_> = ABOUT.into_iter().filter(|(key, _)| is_given(table, key)).collect();
    let [(about, own)] = given[..] else {
        let words = ABOUT.map(|(key, _)| key).join(", ");
        cx.add(&table.place, format!("an expectation has one of {words}"));
        return None;
    };
    for key in ALL.into_iter().filter(|key| !own.contains(key) && is_given(table, key)) {
        cx.add(table.place_of(key), format!("`{key}` does not belong to an expectation with `{about}`"));
    }
    let device = cx.device(table);
    let wanted = match about {
        "message" => message(table, cx),
        "exchange" => exchange(table, cx),
        "show" => show(table, device, cx),
        "peer" => peer(table, cx),
        other => {
            let mood = Mood::ALL.into_iter().find(|mood| mood.word() == other)?;
            claim::property(mood, table, device, cx).map(Wanted::Property)
        }
    }?;
    Some(Expectation { place: printed(&table.place), device, wanted })
}

/// `after`, `before` and the properties are tables, the others keys.
fn is_given(table: &Table, word: &str) -> bool {
    match word {
        "after" | "before" | "always" | "never" | "eventually" => table.one(word).is_some(),
        _ => table.is_given(word),
    }
}

fn message(table: &Table, cx: &mut Cx<'_>) -> Option<Wanted> {
    let message = match table.text("message") {
        Some("any") => None,
        _ => Some(cx.message(table, "message")?),
    };
    Some(Wanted::Message {
        message,
        window: cx.window(table),
        count: cx.amount(table),
        text: cx.regex(table, "text", true),
        after: anchor(table, "after", cx),
        before: anchor(table, "before", cx),
    })
}

/// The message that others come `before` or `after`.
fn anchor(table: &Table, side: &str, cx: &mut Cx<'_>) -> Option<Anchor> {
    let inner = table.one(side)?;
    if !inner.is_given("message") {
        cx.add(&inner.place, format!("`message` is missing: the message that the others come {side}"));
        return None;
    }
    Some(Anchor {
        message: cx.message(inner, "message")?,
        nth: inner.count("nth").and_then(|nth| u32::try_from(nth).ok()).unwrap_or(1),
        device: cx.device(inner),
        span_ms: inner.span("for").map(millis),
    })
}

fn exchange(table: &Table, cx: &mut Cx<'_>) -> Option<Wanted> {
    let word = table.text("exchange")?;
    let purpose = Purpose::ALL.into_iter().find(|purpose| purpose.word() == word);
    let answered = table.text("ended").map(|word| word == "answered");
    if answered == Some(true) && table.has("text") {
        cx.add(
            table.place("text"),
            "`text` is that of a failure, and an exchange that was answered has none",
        );
    }
    Some(Wanted::Exchange {
        purpose,
        window: cx.window(table),
        count: cx.amount(table),
        answered,
        text: cx.regex(table, "text", true),
    })
}

fn show(table: &Table, device: Option<usize>, cx: &mut Cx<'_>) -> Option<Wanted> {
    let command = command(table, device, cx)?;
    let texts = |key| match table.item_of(key) {
        Some(Item::Texts(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    if !["contains", "not-contains", "matches", "field"].into_iter().any(|key| table.is_given(key)) {
        cx.add(&table.place, "say what it prints: `contains`, `not_contains`, `matches` or `field`");
    }
    Some(Wanted::Show {
        at: at(table, cx)?,
        command,
        contains: texts("contains"),
        not_contains: texts("not-contains"),
        matches: cx.regex(table, "matches", false),
        field: field(table, cx),
    })
}

/// `show`: a command that changes nothing, and that every device concerned has.
pub(super) fn command(table: &Table, device: Option<usize>, cx: &mut Cx<'_>) -> Option<String> {
    let command = table.owned("show")?;
    if !command.trim_start().starts_with("sh") && !command.trim_start().starts_with("dir") {
        cx.add(
            table.place("show"),
            "`show` takes a command that only shows something; use a step for others",
        );
        return Some(command);
    }
    let session = Session::new(Role::Operator);
    let concerned = cx.devices.iter().enumerate().filter(|(at, _)| device.is_none_or(|only| only == *at));
    let wrong = concerned.into_iter().find_map(|(_, keys)| {
        let error = session.read(keys.profile.profile(), &command).err()?;
        let from = command.char_indices().nth(error.column()).map_or(command.len(), |(at, _)| at);
        let word = command.get(from..).and_then(|rest| rest.split_whitespace().next());
        let at = word.map_or_else(|| "the end".to_owned(), |word| format!("`{word}`"));
        let what = error.to_string();
        let what = what.trim_start_matches("% ").trim_end_matches(" at '^' marker.").to_lowercase();
        Some(format!("`{command}` is no command of {}: {what} at {at}", keys.name))
    });
    if let Some(why) = wrong {
        cx.add(table.place("show"), why);
    }
    Some(command)
}

/// `field` and `equals`, which belong together.
fn field(table: &Table, cx: &mut Cx<'_>) -> Option<(String, String)> {
    let given = (table.owned("field"), table.item_of("equals"));
    let (field, node) = match given {
        (Some(field), Some(Item::Any(node))) => (field, node),
        (None, None) => return None,
        (Some(_), _) => {
            cx.add(table.place("field"), "`field` needs `equals`, the value that is there");
            return None;
        }
        (None, Some(_)) => {
            cx.add(table.place("equals"), "`equals` needs `field`, a path in the structured form");
            return None;
        }
    };
    Some((field, equals(node, cx)?))
}

/// The value of `equals`, as it is compared: as a text.
pub(super) fn equals(node: &Node, cx: &mut Cx<'_>) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Float(_) | Value::Time(_) | Value::List(_) | Value::Table(_) => {
            let kind = node.value.kind();
            cx.add(&node.place, format!("`equals` is a text, a whole number, true or false, not {kind}"));
            None
        }
    }
}

fn peer(table: &Table, cx: &mut Cx<'_>) -> Option<Wanted> {
    let what = Seen::ALL.into_iter().find(|seen| Some(seen.word()) == table.text("peer"))?;
    Some(Wanted::Peer { at: at(table, cx)?, what, count: cx.amount(table) })
}

fn at(table: &Table, cx: &mut Cx<'_>) -> Option<u64> {
    if !table.is_given("at") {
        cx.add(&table.place, "`at` is missing: the time at which to look");
    }
    cx.time(table, "at")
}

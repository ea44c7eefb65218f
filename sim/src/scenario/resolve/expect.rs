//! `[[expect]]`.

use slpsim_config::reader::{Item, Table, Value};

use super::{Cx, printed};
use crate::scenario::model::{Expectation, Seen, Wanted};

/// All expectations, in file order.
pub(super) fn expectations(tables: &[(String, Table)], cx: &mut Cx<'_>) -> Vec<Expectation> {
    tables.iter().filter_map(|(_, table)| expectation(table, cx)).collect()
}

fn expectation(table: &Table, cx: &mut Cx<'_>) -> Option<Expectation> {
    let given: Vec<_> = ["message", "show", "peer"].into_iter().filter(|key| table.has(key)).collect();
    let [kind] = given[..] else {
        cx.add(&table.place, "an expectation has one of `message`, `show` and `peer`");
        return None;
    };
    let foreign: &[&str] = match kind {
        "message" => &["at", "contains", "not-contains", "matches", "field", "equals"],
        "show" => &["within", "count", "text"],
        _ => &["within", "text", "contains", "not-contains", "matches", "field", "equals", "device"],
    };
    for key in foreign.iter().filter(|key| table.has(key)) {
        cx.add(table.place(key), format!("`{key}` does not belong to an expectation with `{kind}`"));
    }
    let device = cx.device(table);
    let wanted = match kind {
        "message" => message(table, cx),
        "show" => show(table, cx),
        _ => peer(table, cx),
    }?;
    Some(Expectation { place: printed(&table.place), device, wanted })
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
    })
}

fn show(table: &Table, cx: &mut Cx<'_>) -> Option<Wanted> {
    let command = table.owned("show")?;
    if !command.trim_start().starts_with("sh") && !command.trim_start().starts_with("dir") {
        cx.add(
            table.place("show"),
            "`show` takes a command that only shows something; use a step for others",
        );
    }
    let texts = |key| match table.item_of(key) {
        Some(Item::Texts(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    if !["contains", "not-contains", "matches", "field"].into_iter().any(|key| table.has(key)) {
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
    let value = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Integer(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Float(_) | Value::Time(_) | Value::List(_) | Value::Table(_) => {
            cx.add(
                &node.place,
                format!("`equals` is a text, a whole number, true or false, not {}", node.value.kind()),
            );
            return None;
        }
    };
    Some((field, value))
}

fn peer(table: &Table, cx: &mut Cx<'_>) -> Option<Wanted> {
    let what = Seen::ALL.into_iter().find(|seen| Some(seen.word()) == table.text("peer"))?;
    Some(Wanted::Peer { at: at(table, cx)?, what, count: cx.amount(table) })
}

fn at(table: &Table, cx: &mut Cx<'_>) -> Option<u64> {
    if !table.has("at") {
        cx.add(&table.place, "`at` is missing: the time at which to look");
    }
    cx.time(table, "at")
}

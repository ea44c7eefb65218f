//! `[[expect]]`.

use slpsim_config::reader::{Item, Table};

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
        "message" => &["at", "contains", "not-contains", "matches"],
        "show" => &["within", "count", "text"],
        _ => &["within", "text", "contains", "not-contains", "matches", "device"],
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
    if !["contains", "not-contains", "matches"].into_iter().any(|key| table.has(key)) {
        cx.add(&table.place, "say what it prints: `contains`, `not_contains` or `matches`");
    }
    Some(Wanted::Show {
        at: at(table, cx)?,
        command,
        contains: texts("contains"),
        not_contains: texts("not-contains"),
        matches: cx.regex(table, "matches", false),
    })
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

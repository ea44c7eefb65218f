//! `[[world.link]]`.

use std::time::Duration;

use slpsim_config::print_span;
use slpsim_config::reader::{Item, Table, did_you_mean};
use slpsim_transport::fault::{Distribution, Fault, Kind, Spec};

use super::step::is_called;
use super::value::window;
use super::{Cx, printed};
use crate::scenario::model::{Action, Step, When};
use crate::scenario::wire::Wire;

/// Partitions of one link; more are a mistake.
const PARTITIONS_MAX: usize = 1_000;

/// The links, and the steps that their losses and partitions are.
pub(super) fn links(tables: &[(String, Table)], cx: &mut Cx<'_>) -> (Vec<Wire>, Vec<Step>) {
    let mut steps = Vec::new();
    let links = tables.iter().map(|(_, table)| link(table, &mut steps, cx)).collect();
    (links, steps)
}

fn link(table: &Table, steps: &mut Vec<Step>, cx: &mut Cx<'_>) -> Wire {
    let devices = match table.item_of("devices") {
        Some(Item::Names(names)) => names.clone(),
        _ => Vec::new(),
    };
    if let Some(unknown) =
        devices.iter().find(|name| !cx.devices.iter().any(|device| is_called(device, name)))
    {
        let hint = did_you_mean(unknown, cx.devices.iter().map(|device| device.name.as_str()));
        cx.add(table.place("devices"), format!("no device is called `{unknown}`{hint}"));
    }
    let jitter = table.span("jitter").unwrap_or_default();
    let distribution = match table.text("distribution").and_then(Distribution::by_word) {
        None if jitter.is_zero() => Distribution::Fixed,
        None => Distribution::Uniform,
        Some(Distribution::Fixed | Distribution::Exponential) if !jitter.is_zero() => {
            cx.add(table.place("jitter"), "`jitter` needs the distribution uniform or normal");
            Distribution::Fixed
        }
        Some(given) => given,
    };
    let silent = Spec { devices: devices.clone(), ..Spec::of(Kind::Stall) };
    if let Some(Item::Share(share)) = table.item_of("loss") {
        let called = format!("link loss of {} %", (share * 1_000.0).round() / 10.0);
        push(table, (0, called), Spec { probability: Some(*share), ..silent.clone() }, steps, cx);
    }
    for (from, span) in partitions(table, cx) {
        let called = format!("link partition for {}", print_span(span));
        push(table, (from, called), Spec { span: Some(span), ..silent.clone() }, steps, cx);
    }
    Wire {
        devices,
        latency: table.span("latency").unwrap_or_default(),
        distribution,
        jitter,
        bandwidth: table.count("bandwidth"),
    }
}

/// Begin and length of each.
fn partitions(table: &Table, cx: &mut Cx<'_>) -> Vec<(u64, Duration)> {
    let Some(Item::Texts(texts)) = table.item_of("partitions") else { return Vec::new() };
    if texts.len() > PARTITIONS_MAX {
        cx.add(table.place("partitions"), format!("a link has at most {PARTITIONS_MAX} partitions"));
    }
    let mut found = Vec::new();
    for text in texts.iter().take(PARTITIONS_MAX) {
        match window(text, cx.until_ms) {
            Ok(window) => {
                found.push((window.from, Duration::from_millis(window.to.saturating_sub(window.from))));
            }
            Err(why) => cx.add(table.place("partitions"), why),
        }
    }
    found
}

fn push(table: &Table, (at, called): (u64, String), spec: Spec, steps: &mut Vec<Step>, cx: &mut Cx<'_>) {
    match Fault::resolve(spec) {
        Ok(fault) => steps.push(Step {
            place: printed(&table.place),
            when: When::At(at),
            device: None,
            action: Action::Fault(fault),
            called: Some(called),
            is_cause: true,
        }),
        Err(wrong) => cx.add(&table.place, wrong.why),
    }
}

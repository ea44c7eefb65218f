//! Two supervisors, as the switch's own commands see them (`spec/behaviour.md` §10).

use slpsim_agent::Role as Unit;

use crate::device::{Device, Effect};
use crate::document::Document;
use crate::session::{Exec, Outcome, Refusal};
use crate::syntax::Parsed;

/// The standby takes over, and the session ends with the supervisor that it was on. It asks nothing, as on the switch;
/// that the old supervisor is the standby at once is modelled.
pub(crate) fn switchover(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    if !has_standby(cx.device) {
        return Err(Refusal::new("% Failed to switchover: there is no standby supervisor"));
    }
    cx.effects.push(Effect::Switchover);
    *cx.closed = true;
    Ok(())
}

/// Slots are not part of the model, so the supervisors have the names of the two slots of a small chassis, in the order
/// of their serial numbers: a supervisor keeps its slot through a switchover (modelled).
pub(crate) fn status(cx: &mut Exec<'_, '_>, _: &Parsed) -> Outcome {
    let (device, doc) = (&*cx.device, &mut *cx.doc);
    let paired = has_standby(device);
    let serial =
        |role| device.agent.units().find(|(unit, _)| unit.role == role).map(|(unit, _)| unit.udi.serial);
    let (active, standby) = (serial(Unit::Active), serial(Unit::Standby));
    let active_is_second = standby.is_some_and(|standby| active.is_some_and(|active| standby < active));
    let (this, other) = if active_is_second { ("sup-2", "sup-1") } else { ("sup-1", "sup-2") };
    doc.text("Redundancy mode");
    doc.text("---------------");
    aligned(doc, "administrative", "rdn_mode_admin", "HA");
    aligned(doc, "operational", "rdn_mode_oper", if paired { "HA" } else { "None" });
    doc.blank();
    let internal = if paired { "Active with HA standby" } else { "Active with no standby" };
    supervisor(doc, ("This supervisor", "this_sup", this), ["Active", "Active", internal]);
    doc.blank();
    let other = ("Other supervisor", "other_sup", other);
    if paired {
        supervisor(doc, other, ["Standby", "HA standby", "HA standby"]);
    } else {
        title(doc, other);
        aligned(doc, "Redundancy state", "other_sup_rdn_state", "Not present");
    }
    Ok(())
}

fn has_standby(device: &Device<'_>) -> bool {
    device.agent.units().any(|(unit, _)| unit.role == Unit::Standby)
}

/// The keys are those that scripts read off a switch's `| json`.
fn supervisor(doc: &mut Document, named: (&str, &str, &str), states: [&str; 3]) {
    title(doc, named);
    let labels = [
        ("Redundancy state", "rdn_state"),
        ("Supervisor state", "sup_state"),
        ("Internal state", "internal_state"),
    ];
    for ((label, key), state) in labels.into_iter().zip(states) {
        aligned(doc, label, &alloc::format!("{}_{key}", named.1), state);
    }
}

fn title(doc: &mut Document, (label, key, slot): (&str, &str, &str)) {
    let title = alloc::format!("{label} ({slot})");
    doc.text(&title);
    doc.text("-".repeat(title.len()));
    doc.data(key, slot);
}

/// Labels end in the same column.
fn aligned(doc: &mut Document, label: &str, key: &str, value: &str) {
    doc.text(format_args!("{label:>20}:   {value}"));
    doc.data(key, value);
}

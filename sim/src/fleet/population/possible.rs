//! Numbers of a population that are good one by one and cannot be together, or that no switch could live by.

use std::time::Duration;

use slpsim_config::Problems;
use slpsim_config::reader::{Item, Table};

/// The shortest mean time between two events of a device, and of its own link.
const SHORTEST: Duration = Duration::from_secs(60);
/// The same between companion messages, and of a link that is down.
const MOMENT: Duration = Duration::from_secs(1);
/// Longest part of a host name, in characters.
const PART_MAX: usize = 40;

/// Adds what is wrong with the tables of a population.
pub(super) fn check(table: &Table, problems: &mut Problems) {
    for name in ["model", "zone"] {
        let shares = table.inner(name).iter().map(|(_, one)| share(one.item_of("share")));
        if table.inner(name).iter().all(|(_, one)| one.has("share")) && all_zero(shares) {
            let place = table.place_of(name);
            problems.add(place, format!("each `share` of [[{name}]] is 0: at least one must be above"));
        }
    }
    for name in ["transport", "interval"] {
        if let Some(one) =
            table.one(name).filter(|one| all_zero(one.free.iter().map(|row| share(Some(&row.2)))))
        {
            problems.add(&one.place, format!("each share of [{name}] is 0: at least one must be above"));
        }
    }
    if let Some(trouble) = table.one("trouble") {
        let keys = ["never-cslu", "forgotten", "wrong-clock"];
        let sum: f64 = keys.iter().filter_map(|key| share(trouble.item_of(key))).sum();
        // Shares such as 0.1, 0.2 and 0.7 are not exact.
        if sum > 1.0 + 1e-9 {
            let message =
                format!("`never-cslu`, `forgotten` and `wrong-clock` together are at most 1, not {sum:.3}");
            problems.add(&trouble.place, message);
        }
    }
    let short = |name: &str, keys: &[&str], least, never: bool, problems: &mut Problems| {
        let Some(one) = table.one(name) else { return };
        for key in keys {
            if one.span(key).is_some_and(|span| span < least && !(never && span.is_zero())) {
                let least = slpsim_config::print_span(least);
                let or = if never { ", or 0s for never" } else { "" };
                problems.add(one.place(key), format!("`{key}` of [{name}] is at least {least}{or}"));
            }
        }
    };
    let life = ["change-every", "sync-every", "reload-every", "upgrade-every", "replace-every"];
    short("life", &life, SHORTEST, true, problems);
    short("flapping", &["every"], SHORTEST, false, problems);
    short("flapping", &["lasts"], MOMENT, false, problems);
    short("companions", &["sparse-every", "busy-every"], MOMENT, false, problems);
    host_names(table, problems);
}

/// A host name has no character that could be taken for a part of a log line.
fn host_names(table: &Table, problems: &mut Problems) {
    let good = |part: &str| {
        (1..=PART_MAX).contains(&part.len())
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let expected = format!("is a part of host names: 1 to {PART_MAX} letters, digits, - and _");
    for (_, model) in table.inner("model") {
        if model.text("role").is_some_and(|role| !good(role)) {
            problems.add(model.place("role"), format!("`role` {expected}"));
        }
    }
    for (_, zone) in table.inner("zone") {
        let Some(Item::Names(cities)) = zone.item_of("cities") else { continue };
        if let Some(bad) = cities.iter().find(|city| !good(city)) {
            problems.add(zone.place("cities"), format!("`{bad}` {expected}"));
        }
    }
}

fn share(item: Option<&Item>) -> Option<f64> {
    if let Some(Item::Share(share)) = item { Some(*share) } else { None }
}

/// Whether there are shares, and none above 0; one that could not be read has been told already.
fn all_zero(shares: impl Iterator<Item = Option<f64>>) -> bool {
    let mut shares = shares.peekable();
    shares.peek().is_some() && shares.all(|share| share == Some(0.0))
}

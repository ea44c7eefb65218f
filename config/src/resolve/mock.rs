//! `[mock]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use slpsim_policy::{Class, Policy, Values};

use super::{Unique, required, socket};
use crate::check::Table;
use crate::kind::Item;
use crate::problem::Problems;
use crate::resolved::{Account, AckMode, Keep, Mock, MockRole, StorePlace, Verify};

pub(super) fn mock(table: &Table, problems: &mut Problems) -> Mock {
    let role = match table.text("role") {
        Some("cslu") => MockRole::Cslu,
        Some("on-prem") => MockRole::OnPrem,
        Some(_) | None => MockRole::Cssm,
    };
    if table.has("upstream") && role == MockRole::Cssm {
        problems.add(
            table.place("upstream"),
            "`upstream` is for role cslu or on-prem; a CSSM has nothing above it",
        );
    }
    if table.flag("down-rev") && role != MockRole::OnPrem {
        problems.add(table.place("down-rev"), "`down-rev` is for role on-prem only");
    }
    let listen = |key| socket(table, key).unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    if table.has("upstream-ca") && !table.has("upstream") {
        problems.add(table.place("upstream-ca"), "`upstream-ca` needs an `upstream`");
    }
    let store = table.secret("store");
    let is_shared = store.as_ref().is_some_and(|store| is_postgres(store.expose()));
    if is_shared && table.has("upstream") {
        problems.add(
            table.place("store"),
            "a mock with an `upstream` has its records for itself; write `store = \"sqlite:FILE\"`, or leave it out",
        );
    }
    Mock {
        role,
        upstream: table.owned("upstream").filter(|url| !url.is_empty()),
        upstream_ca: table.path("upstream-ca"),
        down_rev: table.flag("down-rev"),
        capabilities: if let Some(Item::Names(words)) = table.item_of("capabilities") {
            Some(words.clone())
        } else {
            None
        },
        strict_clock: table.flag("strict-clock"),
        verify: verify(table),
        store: store.map(|text| StorePlace { text, base: table.place("store").source.base.clone() }),
        listen: listen("listen"),
        listen_plain: listen("listen-plain"),
        listen_manage: listen("listen-manage"),
        manage_open: table.flag("manage-open"),
        always_log_in: table.flag("always-log-in"),
        acks: acks(table, problems),
        keep: keep(table),
        accounts: accounts(table, problems),
    }
}

pub(super) fn verify(table: &Table) -> Verify {
    if table.text("verify") == Some("off") { Verify::Off } else { Verify::Root }
}

fn acks(table: &Table, problems: &mut Problems) -> AckMode {
    let delay = table.span("ack-delay");
    let mode = table.text("ack-mode");
    if delay.is_some() && mode != Some("delay") {
        problems.add(table.place("ack-delay"), "`ack-delay` needs `ack-mode = \"delay\"`");
    }
    match mode {
        Some("delay") => AckMode::Delay(delay.unwrap_or(Duration::ZERO)),
        Some("manual") => AckMode::Manual,
        Some(_) | None => AckMode::AtOnce,
    }
}

fn keep(table: &Table) -> Keep {
    let count = |key| table.count(key).map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    Keep {
        reports: count("keep-reports"),
        reports_for: table.span("keep-reports-for"),
        events: count("keep-events"),
        requests: count("keep-requests"),
    }
}

fn accounts(table: &Table, problems: &mut Problems) -> Vec<Account> {
    let mut names = Unique::new("virtual account");
    let mut accounts = Vec::new();
    for (_, table) in table.inner("accounts") {
        let smart = table.owned("smart-account").unwrap_or_else(|| "Example SA".into());
        let name = table.owned("virtual-account").unwrap_or_else(|| "Lab".into());
        names.see(&name, table.place("virtual-account"), problems);
        let policy = table.one("policy").and_then(|table| policy(table, problems));
        accounts.push(Account { smart, r#virtual: name, policy });
    }
    accounts
}

fn policy(table: &Table, problems: &mut Problems) -> Option<Policy> {
    let name = required(table, "name", problems)?;
    let days = |key| table.count(key).and_then(|days| u16::try_from(days).ok());
    let mut values = [Values::default(); 5];
    values[Class::Unenforced.index()] =
        Values { first: days("first"), ongoing: days("ongoing"), on_change: days("on-change") };
    Some(Policy {
        name,
        ack_required: Some(!table.has("ack-required") || table.flag("ack-required")),
        values,
    })
}

/// Several mocks may share such a store. A folder may have a name that begins alike.
fn is_postgres(store: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| store.starts_with(scheme))
}

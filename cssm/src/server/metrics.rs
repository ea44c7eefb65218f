//! Counters for Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Shared;
use super::manage::plain;
use super::store::{BOUNDS, Counts, Latency};
use crate::cssm::Cssm;
use crate::records::{Device, ReportRecord};
use slpsim_agent::Purpose;
use slpsim_policy::Wall;

/// How long exchanges take, by the kind of door and by purpose. Both are of a fixed number, whatever is sent.
#[derive(Debug, Default)]
pub(super) struct Doors([[Latency; PURPOSES + 1]; 4]);

const PURPOSES: usize = Purpose::ALL.len();
/// The words of doors, and that of a purpose which is none there.
const DOORS: [(&str, &str); 4] =
    [("smart", "unreadable"), ("callhome", "unreadable"), ("cslu", "unreadable"), ("rest", "other")];

impl Doors {
    fn note(&self, path: &str, purpose: Option<Purpose>, took: Duration) {
        let door = door(path);
        let purpose = if door == REST { rest_purpose(path) } else { purpose };
        let column = purpose.and_then(|purpose| Purpose::ALL.iter().position(|known| *known == purpose));
        let row = self.0.get(door);
        if let Some(latency) = row.and_then(|row| row.get(column.unwrap_or(PURPOSES))) {
            latency.note(took);
        }
    }

    /// Door, purpose, and what was counted, where something was.
    fn rows(&self) -> impl Iterator<Item = (&'static str, &'static str, Counts)> {
        self.0.iter().zip(DOORS).flat_map(|(row, (door, none))| {
            let words = Purpose::ALL.into_iter().map(Purpose::word).chain([none]);
            let counted = row.iter().zip(words).map(move |(latency, word)| (door, word, latency.counts()));
            counted.filter(|(_, _, counts)| counts.count > 0)
        })
    }
}

/// Its place in [`DOORS`].
fn door(path: &str) -> usize {
    if path.starts_with("/cslu/") {
        2
    } else if path.starts_with("/its/") || path.starts_with("/Transportgateway/") {
        1
    } else if path == "/licservice/license" || path == "/SmartTransport" {
        0
    } else {
        REST
    }
}

const REST: usize = 3;

/// What a call of the REST interface is for, as its path says (`spec/formats.md` §11).
fn rest_purpose(path: &str) -> Option<Purpose> {
    match path.rsplit('/').find(|part| !part.is_empty()) {
        Some("reportusage") => Some(Purpose::Usage),
        Some("poll") => Some(Purpose::Poll),
        Some("authrequest") => Some(Purpose::AuthRequest),
        Some(_) | None => None,
    }
}

/// What a message turns out to be for, said by whoever reads it to whoever measures.
#[derive(Clone, Debug, Default)]
pub(super) struct Meant(Arc<OnceLock<Purpose>>);

impl Meant {
    /// It is for that; what is said first holds.
    pub(super) fn say(&self, purpose: Option<Purpose>) {
        if let Some(purpose) = purpose {
            let _ = self.0.set(purpose);
        }
    }
}

/// Measures from the head of a request to the head of its answer, the store's time among it.
pub(super) async fn timed(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let begin = Instant::now();
    let path = request.uri().path().to_owned();
    let meant = Meant::default();
    request.extensions_mut().insert(meant.clone());
    let response = next.run(request).await;
    shared.doors.note(&path, meant.0.get().copied(), begin.elapsed());
    response
}

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    // Behind a shared store as of the last look: a scrape waits for nothing.
    let now = shared.now();
    let mut text = shared.read(|cssm| of_records(cssm, now));
    let name = "slpsim_mock_exchange_seconds";
    head(
        &mut text,
        name,
        "histogram",
        "Seconds from a request to its answer, by the door it came to and its purpose.",
    );
    for (door, purpose, counts) in shared.doors.rows() {
        histogram(&mut text, name, &[("door", door), ("purpose", purpose)], &counts);
    }
    if shared.keeper.is_durable() {
        let name = "slpsim_mock_store_commit_seconds";
        head(&mut text, name, "histogram", "Seconds of a transaction; many exchanges share one.");
        histogram(&mut text, name, &[], &shared.keeper.latency().counts());
        let name = "slpsim_mock_store_up";
        head(&mut text, name, "gauge", "1 while the store does what it should.");
        row(&mut text, name, &[], u64::from(shared.keeper.trouble().is_none()));
    }
    plain(text)
}

fn of_records(cssm: &Cssm, now: Wall) -> String {
    let mut text = String::new();
    let name = "slpsim_mock_exchanges_total";
    head(&mut text, name, "counter", "Exchanges with devices by purpose and answer.");
    for (purpose, answer, count) in cssm.history().counts() {
        row(&mut text, name, &[("purpose", purpose), ("answer", answer)], count);
    }
    let name = "slpsim_mock_rules_broken_total";
    head(&mut text, name, "counter", "Requests refused, by the rule that they broke.");
    for (rule, count) in cssm.history().broken() {
        row(&mut text, name, &[("rule", rule.name())], count);
    }
    let at = cssm.clock(now);
    let store = cssm.store();
    let name = "slpsim_mock_devices_by_state";
    head(&mut text, name, "gauge", "Product instances by their trust.");
    states(&mut text, name, &DEVICE_STATES, store.devices().map(|device| device_state(device, at)));
    let name = "slpsim_mock_reports_by_state";
    head(&mut text, name, "gauge", "RUM reports kept, by what became of them.");
    states(&mut text, name, &REPORT_STATES, store.reports().map(report_state));
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for fault in cssm.faults_in_force(now) {
        *kinds.entry(fault.spec.kind).or_default() += 1;
    }
    let name = "slpsim_mock_faults_by_kind";
    head(&mut text, name, "gauge", "Faults in force by kind.");
    for (kind, count) in &kinds {
        row(&mut text, name, &[("kind", kind)], *count);
    }
    for (name, help, value) in [
        ("slpsim_mock_devices", "Product instances known.", store.devices().count()),
        ("slpsim_mock_tokens", "Id tokens made.", store.token_count()),
        ("slpsim_mock_reports", "RUM reports kept.", store.reports().count()),
        ("slpsim_mock_reports_waiting", "Reports whose ACK was not fetched yet.", cssm.waiting().count()),
    ] {
        head(&mut text, name, "gauge", help);
        row(&mut text, name, &[], u64::try_from(value).unwrap_or(u64::MAX));
    }
    let name = "slpsim_mock_faults";
    head(&mut text, name, "gauge", "Faults in force.");
    row(&mut text, name, &[], kinds.values().sum());
    text
}

const DEVICE_STATES: [&str; 3] = ["trusted", "expired", "without-trust"];
const REPORT_STATES: [&str; 4] = ["received", "held", "acknowledged", "rejected"];

fn device_state(device: &Device, now: Wall) -> &'static str {
    match &device.trust {
        Some(trust) if now < trust.valid_to => "trusted",
        Some(_) => "expired",
        None => "without-trust",
    }
}

fn report_state(report: &ReportRecord) -> &'static str {
    match (report.broken, report.answered, &report.held) {
        (Some(_), _, _) => "rejected",
        (None, true, _) => "acknowledged",
        (None, false, Some(_)) => "held",
        (None, false, None) => "received",
    }
}

/// A row for each state, also for those that nothing is in: a graph without gaps.
fn states<'a>(text: &mut String, name: &str, all: &[&'a str], each: impl Iterator<Item = &'a str>) {
    let mut counts: BTreeMap<&str, u64> = all.iter().map(|state| (*state, 0)).collect();
    for state in each {
        *counts.entry(state).or_default() += 1;
    }
    for state in all {
        row(text, name, &[("state", state)], counts.get(state).copied().unwrap_or(0));
    }
}

fn histogram(text: &mut String, name: &str, labels: &[(&str, &str)], counts: &Counts) {
    let bucket = format!("{name}_bucket");
    let mut so_far = 0;
    for (bound, within) in BOUNDS.iter().zip(counts.within) {
        so_far += within;
        let bound = bound.to_string();
        row(text, &bucket, &[labels, &[("le", &bound)]].concat(), so_far);
    }
    row(text, &bucket, &[labels, &[("le", "+Inf")]].concat(), counts.count);
    start(text, &format!("{name}_sum"), labels);
    let _ = writeln!(text, " {}", counts.sum);
    row(text, &format!("{name}_count"), labels, counts.count);
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn row(text: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    start(text, name, labels);
    let _ = writeln!(text, " {value}");
}

fn start(text: &mut String, name: &str, labels: &[(&str, &str)]) {
    text.push_str(name);
    for (at, (label, word)) in labels.iter().enumerate() {
        let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{}{label}=\"{word}\"", if at == 0 { '{' } else { ',' });
    }
    if !labels.is_empty() {
        text.push('}');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_counted_by_its_door_and_its_purpose_and_by_nothing_that_a_sender_makes_up() {
        let doors = Doors::default();
        let rest = "/services/api/smart-accounts-and-licensing";
        for (path, purpose) in [
            ("/SmartTransport", Some(Purpose::Usage)),
            ("/licservice/license", Some(Purpose::Usage)),
            ("/cslu/v1/pi/tenant", None),
            ("/its/service/oddce/services/DDCEService", Some(Purpose::Hello)),
            ("/nowhere/1", None),
            ("/nowhere/2", None),
            (format!("{rest}//v2/devices/reportusage/").as_str(), None),
        ] {
            doors.note(path, purpose, Duration::from_millis(1));
        }
        let rows: Vec<_> =
            doors.rows().map(|(door, purpose, counts)| (door, purpose, counts.count)).collect();
        let expected = [
            ("smart", "usage", 2),
            ("callhome", "hello", 1),
            ("cslu", "unreadable", 1),
            ("rest", "usage", 1),
            ("rest", "other", 2),
        ];
        assert_eq!(rows, expected);
    }
}

//! Counters for Prometheus.

use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use super::Shared;
use super::manage::plain;

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    plain(shared.with(|cssm| {
        let mut text = String::new();
        let store = cssm.store();
        head(
            &mut text,
            "slpsim_mock_exchanges_total",
            "counter",
            "Exchanges with devices by purpose and answer.",
        );
        for (purpose, answer, count) in cssm.history().counts() {
            row(&mut text, "slpsim_mock_exchanges_total", &[("purpose", purpose), ("answer", answer)], count);
        }
        head(
            &mut text,
            "slpsim_mock_rules_broken_total",
            "counter",
            "Requests refused, by the rule that they broke.",
        );
        for (rule, count) in cssm.history().broken() {
            row(&mut text, "slpsim_mock_rules_broken_total", &[("rule", rule.name())], count);
        }
        for (name, help, value) in [
            ("slpsim_mock_devices", "Product instances known.", store.devices().count()),
            ("slpsim_mock_tokens", "Id tokens made.", store.token_count()),
            ("slpsim_mock_reports", "RUM reports kept.", store.reports().count()),
            ("slpsim_mock_reports_waiting", "Reports whose ACK was not fetched yet.", cssm.waiting().count()),
            ("slpsim_mock_faults", "Faults in force.", cssm.faults(shared.now()).count()),
        ] {
            head(&mut text, name, "gauge", help);
            row(&mut text, name, &[], u64::try_from(value).unwrap_or(u64::MAX));
        }
        text
    }))
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn row(text: &mut String, name: &str, labels: &[(&str, &str)], value: u64) {
    text.push_str(name);
    for (at, (label, word)) in labels.iter().enumerate() {
        let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{}{label}=\"{word}\"", if at == 0 { '{' } else { ',' });
    }
    if !labels.is_empty() {
        text.push('}');
    }
    let _ = writeln!(text, " {value}");
}

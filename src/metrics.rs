//! Counters of a running daemon, in Prometheus' text format 0.0.4.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One number of a registry. Clones are the same number.
#[derive(Clone, Debug, Default)]
pub struct Number(Arc<AtomicI64>);

impl Number {
    /// One more.
    pub fn increment(&self) {
        self.add(1);
    }

    /// `n` more.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// Sets a gauge.
    pub fn set(&self, n: i64) {
        self.0.store(n, Ordering::Relaxed);
    }

    /// The value.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What kind of number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

#[derive(Debug)]
struct Family {
    name: &'static str,
    help: &'static str,
    kind: Kind,
    numbers: Vec<(String, Number)>,
}

/// All numbers of a daemon. Clones are the same registry.
#[derive(Clone, Debug, Default)]
pub struct Registry(Arc<Mutex<Vec<Family>>>);

impl Registry {
    /// The number of that name and those labels; made where it is not there yet.
    #[must_use]
    pub fn number(
        &self,
        kind: Kind,
        name: &'static str,
        help: &'static str,
        labels: &[(&str, &str)],
    ) -> Number {
        let labels = print_labels(labels);
        let mut families = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = families.iter().position(|family| family.name == name).unwrap_or_else(|| {
            families.push(Family { name, help, kind, numbers: Vec::new() });
            families.len() - 1
        });
        let Some(family) = families.get_mut(at) else { return Number::default() };
        if let Some((_, number)) = family.numbers.iter().find(|(known, _)| *known == labels) {
            return number.clone();
        }
        let number = Number::default();
        family.numbers.push((labels, number.clone()));
        number
    }

    /// A counter.
    #[must_use]
    pub fn counter(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Number {
        self.number(Kind::Counter, name, help, labels)
    }

    /// A gauge.
    #[must_use]
    pub fn gauge(&self, name: &'static str, help: &'static str, labels: &[(&str, &str)]) -> Number {
        self.number(Kind::Gauge, name, help, labels)
    }

    /// The text that a scraper reads.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for family in self.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let kind = match family.kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            let (name, help) = (family.name, family.help);
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, number) in &family.numbers {
                let _ = writeln!(text, "{name}{labels} {}", number.get());
            }
        }
        text
    }
}

fn print_labels(labels: &[(&str, &str)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let pairs: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rendered_by_family_with_escaped_labels() {
        let registry = Registry::default();
        registry.counter("slpsim_lines_total", "Lines.", &[("device", "a\"b\\c")]).add(3);
        registry.counter("slpsim_lines_total", "Lines.", &[("device", "d")]).increment();
        registry.counter("slpsim_lines_total", "Lines.", &[("device", "d")]).increment();
        registry.gauge("slpsim_up", "Up.", &[]).set(-1);
        assert_eq!(
            registry.render(),
            "# HELP slpsim_lines_total Lines.\n# TYPE slpsim_lines_total counter\n\
             slpsim_lines_total{device=\"a\\\"b\\\\c\"} 3\nslpsim_lines_total{device=\"d\"} 2\n\
             # HELP slpsim_up Up.\n# TYPE slpsim_up gauge\nslpsim_up -1\n"
        );
    }
}

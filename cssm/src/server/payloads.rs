//! The last reports as they came, and what verification said of them: for people who look, not for the rules.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use slpsim_agent::{ReportId, Udi};
use slpsim_transport::message::{DeviceBody, DeviceMessage};
use slpsim_transport::rum::envelope_text;

pub(super) use crate::exchange::Signed as Verdict;

/// Reports that are kept.
const REPORTS: usize = 4_000;
/// Bytes of all of them.
const BYTES: usize = 16_000_000;

type Key = (Udi, ReportId);

/// A report as it came.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The envelope of `spec/formats.md` §1.4.
    pub(super) envelope: Arc<str>,
    pub(super) verdict: Verdict,
}

/// The last ones; older ones go.
#[derive(Debug, Default)]
pub(super) struct Payloads(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    seen: HashMap<Key, Seen>,
    order: VecDeque<Key>,
    bytes: usize,
}

impl Payloads {
    /// Keeps the reports of a message; `verdicts` are in their order.
    pub(super) fn note(&self, message: &DeviceMessage, verdicts: &[Verdict]) {
        let DeviceBody::LicenseUsage { reports, .. } = &message.body else { return };
        for (report, verdict) in reports.iter().zip(verdicts) {
            let Some(envelope) = report.envelope.as_deref() else { continue };
            let seen = Seen { envelope: envelope_text(envelope).into(), verdict: *verdict };
            self.0.lock().unwrap_or_else(PoisonError::into_inner).keep((report.udi, report.id), seen);
        }
    }

    /// A report, where it is kept.
    pub(super) fn get(&self, udi: &Udi, id: ReportId) -> Option<Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).seen.get(&(*udi, id)).cloned()
    }
}

impl Kept {
    fn keep(&mut self, key: Key, seen: Seen) {
        self.bytes += seen.envelope.len();
        match self.seen.insert(key, seen) {
            Some(before) => self.bytes -= before.envelope.len(),
            None => self.order.push_back(key),
        }
        while self.seen.len() > REPORTS || (self.bytes > BYTES && self.seen.len() > 1) {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(gone) = self.seen.remove(&oldest) {
                self.bytes -= gone.envelope.len();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_kept_up_to_a_number_and_a_size() {
        let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
        let seen = |bytes: usize| Seen { envelope: "x".repeat(bytes).into(), verdict: Verdict::Valid };
        let mut kept = Kept::default();
        for id in 0..5_000 {
            kept.keep((udi, ReportId(id)), seen(10));
            kept.keep((udi, ReportId(id)), seen(20));
        }
        assert_eq!((kept.seen.len(), kept.order.len(), kept.bytes), (REPORTS, REPORTS, REPORTS * 20));
        assert!(!kept.seen.contains_key(&(udi, ReportId(999))));
        kept.keep((udi, ReportId(9_000)), seen(BYTES + 1));
        assert_eq!((kept.seen.len(), kept.bytes), (1, BYTES + 1));
    }
}

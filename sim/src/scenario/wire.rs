//! The link between a device and its peer: what the way there and back takes.

use std::time::Duration;

use slpsim_agent::Request;
use slpsim_transport::fault::Distribution;

/// A link of `[[world.link]]`. Its losses and partitions are steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// Names, serial numbers or UDIs of the devices that have it; empty: all.
    pub devices: Vec<String>,
    /// What the way there and back takes.
    pub latency: Duration,
    /// How that varies.
    pub distribution: Distribution,
    /// By how much.
    pub jitter: Duration,
    /// Bits a second; none: without end.
    pub bandwidth: Option<u64>,
}

/// Bytes of a request and its answer with their TLS handshake (modelled, rounded from exchanges over real HTTPS).
const EXCHANGE_BYTES: u64 = 8_000;
/// Bytes of each report in a request (modelled likewise).
const REPORT_BYTES: u64 = 2_000;

impl Wire {
    /// What an exchange takes, as 64 drawn bits say.
    #[must_use]
    pub fn takes(&self, request: &Request, drawn: u64) -> Duration {
        let way = self.distribution.delay(self.latency, self.jitter, drawn);
        way.saturating_add(self.bandwidth.map_or(Duration::ZERO, |bits| Self::carries(request, bits)))
    }

    fn carries(request: &Request, bits_a_second: u64) -> Duration {
        let reports = match request {
            Request::Usage { reports, .. } => u64::try_from(reports.len()).unwrap_or(u64::MAX),
            Request::Poll { .. }
            | Request::Hello
            | Request::Trust { .. }
            | Request::TrustSync
            | Request::AuthRequest { .. }
            | Request::AuthReturn { .. }
            | Request::AuthRenew
            | Request::IdRenew => 0,
        };
        let bytes = EXCHANGE_BYTES.saturating_add(reports.saturating_mul(REPORT_BYTES));
        Duration::from_millis(bytes.saturating_mul(8_000) / bits_a_second.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_link_takes_longer_and_jitter_stays_within_its_bounds() {
        let narrow = Wire { bandwidth: Some(9_600), ..Wire::default() };
        assert_eq!(narrow.takes(&Request::Hello, 0), Duration::from_millis(6_666));
        let wire = Wire {
            latency: Duration::from_millis(100),
            distribution: Distribution::Uniform,
            jitter: Duration::from_millis(40),
            ..Wire::default()
        };
        assert_eq!(wire.takes(&Request::Hello, 0), Duration::from_millis(60));
        assert_eq!(wire.takes(&Request::Hello, u64::MAX), Duration::from_millis(140));
    }
}

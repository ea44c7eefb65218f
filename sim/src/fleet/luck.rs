//! Keyed luck of a fleet: the same key gives the same number, in whatever order draws are made.

use slpsim_agent::{AgentId, Draw, draw};

/// What a draw is for; keeps draws of different purposes apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Why {
    /// The zone and the city of a site.
    Site = 1,
    Model,
    Transport,
    Interval,
    /// Which trouble a device has for good.
    Trouble,
    Boot,
    Serial,
    /// Whether the first token is a wrong one.
    Mistake,
    /// When the next thing happens, and what.
    Life,
    Choice,
    Rhythm,
    Outage,
    OutageLength,
    Instance,
    Poll,
    Flapping,
    Clock,
    Companion,
    CompanionText,
    Corrupt,
}

/// Luck with a seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Luck(pub(crate) u64);

impl Luck {
    /// The `n`-th draw of `who` for that purpose.
    pub(crate) const fn number(self, who: u32, why: Why, n: u32) -> u64 {
        draw(self.0, AgentId(who), Draw::Network, (why as u64) << 32 | n as u64)
    }

    /// From 0 to just below 1.
    pub(crate) const fn unit(self, who: u32, why: Why, n: u32) -> f64 {
        (self.number(who, why, n) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A span with this mean, memoryless, in milliseconds.
    pub(crate) fn wait(self, who: u32, why: Why, n: u32, mean_ms: u64) -> u64 {
        // `libm` and not the system's: the same on every machine.
        let gap = -libm::log(1.0 - self.unit(who, why, n));
        whole(gap * mean_ms as f64)
    }

    /// A span with this median, now and then much longer (log-normal, sigma 1; modelled), in milliseconds.
    pub(crate) fn length(self, who: u32, why: Why, n: u32, median_ms: u64) -> u64 {
        let sum: f64 = (0..12).map(|k| self.unit(who, why, n.wrapping_mul(12).wrapping_add(k))).sum();
        // The sum of twelve is normal enough (Irwin and Hall), and needs no trigonometry.
        whole(libm::exp(sum - 6.0) * median_ms as f64).max(1_000)
    }
}

/// The whole part of a number that is not negative.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates at both ends, which is what is wanted"
)]
pub const fn whole(number: f64) -> u64 {
    number as u64
}

/// The entry of `shares` that `unit` (0 to 1) falls on; shares need not add up to 1.
pub(crate) fn pick<T>(shares: &[(f64, T)], unit: f64) -> Option<&T> {
    let total: f64 = shares.iter().map(|(share, _)| share).sum();
    let mut left = unit * total;
    for (share, value) in shares {
        if left < *share {
            return Some(value);
        }
        left -= share;
    }
    shares.iter().rfind(|(share, _)| *share > 0.0).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_their_mean_and_their_median() {
        let luck = Luck(7);
        let waits: u64 = (0..20_000).map(|n| luck.wait(1, Why::Life, n, 1_000_000)).sum();
        assert!((980_000..1_020_000).contains(&(waits / 20_000)), "{waits}");
        let mut lengths: Vec<u64> =
            (0..20_001).map(|n| luck.length(1, Why::OutageLength, n, 3_600_000)).collect();
        lengths.sort_unstable();
        assert!((3_400_000..3_800_000).contains(&lengths[10_000]), "{}", lengths[10_000]);
    }

    #[test]
    fn shares_are_met_and_one_of_nothing_is_never_picked() {
        let shares = [(0.0, 'a'), (0.25, 'b'), (0.75, 'c'), (0.0, 'd')];
        let luck = Luck(1);
        let mut hits = [0; 4];
        for n in 0..40_000 {
            let picked = *pick(&shares, luck.unit(n, Why::Model, 0)).unwrap();
            hits[usize::from(picked as u8 - b'a')] += 1;
        }
        assert_eq!((hits[0], hits[3]), (0, 0));
        assert!((9_600..10_400).contains(&hits[1]), "{hits:?}");
        assert_eq!(pick(&shares, 1.0), Some(&'c'));
        assert_eq!(pick::<char>(&[], 0.5), None);
    }
}

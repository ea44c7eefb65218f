//! Delays by distribution, and shares that grow: whole-number arithmetic and basic operations of IEEE 754 only, so that
//! the same draw gives the same delay on every machine.

use std::time::Duration;

/// How a delay is distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Always the same.
    #[default]
    Fixed,
    /// Evenly between `by` − `spread` and `by` + `spread`.
    Uniform,
    /// Around `by`, with `spread` as standard deviation; never below nothing.
    Normal,
    /// Mostly short, now and then long: `by` is the mean.
    Exponential,
}

impl Distribution {
    /// The words.
    pub const WORDS: &'static [&'static str] = &["fixed", "uniform", "normal", "exponential"];
    /// All, in the order of the words.
    pub const ALL: [Self; 4] = [Self::Fixed, Self::Uniform, Self::Normal, Self::Exponential];

    /// The distribution of that word.
    #[must_use]
    pub fn by_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().zip(Self::WORDS).find(|(_, known)| **known == word).map(|(found, _)| found)
    }

    /// A delay: around `by`, as 64 drawn bits say. Whole milliseconds.
    #[must_use]
    pub fn delay(self, by: Duration, spread: Duration, drawn: u64) -> Duration {
        let (by_ms, spread_ms) = (millis(by), millis(spread));
        match self {
            Self::Fixed => by,
            Self::Uniform => {
                let width = u128::from(spread_ms) * 2 + 1;
                let offset = u64::try_from((u128::from(drawn) * width) >> 64).unwrap_or(u64::MAX);
                Duration::from_millis(by_ms.saturating_add(offset).saturating_sub(spread_ms))
            }
            Self::Normal => {
                let off = i128::from(spread_ms) * i128::from(standard(drawn)) / i128::from(ONE);
                let sum = (i128::from(by_ms) + off).max(0);
                Duration::from_millis(u64::try_from(sum).unwrap_or(u64::MAX))
            }
            Self::Exponential => {
                let long = by.mul_f64(minus_ln(drawn));
                Duration::from_millis(millis(long))
            }
        }
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// One standard deviation of [`standard`].
const ONE: i64 = 1 << 16;

/// A number that is normally distributed to a good approximation: the sum of twelve even ones has variance 1.
fn standard(drawn: u64) -> i64 {
    let mut state = drawn;
    let mut sum = 0;
    for _ in 0..3 {
        // splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators").
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        for part in 0..4 {
            sum += i64::try_from((mixed >> (16 * part)) & 0xffff).unwrap_or(0);
        }
    }
    sum - 6 * ONE
}

/// −ln of the upper 32 bits as a share of 1: 0 to about 22.
fn minus_ln(drawn: u64) -> f64 {
    let upper = u32::try_from(drawn >> 32).unwrap_or(0) | 1;
    let zeros = upper.leading_zeros();
    // In [1/2, 1), where the series is fast.
    let m = f64::from(upper << zeros) / (f64::from(u32::MAX) + 1.0);
    let t = (1.0 - m) / (1.0 + m);
    let square = t * t;
    let (mut power, mut sum) = (t, 0.0);
    for odd in [1.0, 3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0] {
        sum += power / odd;
        power *= square;
    }
    f64::from(zeros) * std::f64::consts::LN_2 + 2.0 * sum
}

/// How far something has grown, 0 to 1, `since` it began, where it takes `whole`.
pub(super) fn grown(since_ms: i64, whole: Duration) -> f64 {
    let share = |millis: u64| f64::from(u32::try_from(millis >> 10).unwrap_or(u32::MAX));
    let (since, whole) = (u64::try_from(since_ms).unwrap_or(0), millis(whole));
    if since >= whole {
        return 1.0;
    }
    // A hundred years have 42 bits of milliseconds; seconds are exact enough above an hour.
    if whole >= 1 << 22 { share(since) / share(whole) } else { ratio(since, whole) }
}

fn ratio(part: u64, whole: u64) -> f64 {
    let exact = |value: u64| u32::try_from(value).map_or(f64::from(u32::MAX), f64::from);
    exact(part) / exact(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_agent::{AgentId, Draw, draw};

    const MANY: u64 = 20_000;

    fn mean_and_deviation(distribution: Distribution) -> (f64, f64) {
        let (by, spread) = (Duration::from_millis(1000), Duration::from_millis(250));
        let delays: Vec<f64> = (0..MANY)
            .map(|n| draw(7, AgentId(1), Draw::Network, n))
            .map(|drawn| distribution.delay(by, spread, drawn).as_secs_f64())
            .collect();
        let mean = delays.iter().sum::<f64>() / 20_000.0;
        let square = delays.iter().map(|delay| (delay - mean).powi(2)).sum::<f64>() / 20_000.0;
        (mean, square.sqrt())
    }

    #[test]
    fn each_distribution_has_its_mean_and_its_spread() {
        for (distribution, deviation) in [
            (Distribution::Fixed, 0.0),
            (Distribution::Uniform, 0.250 / 3_f64.sqrt()),
            (Distribution::Normal, 0.250),
            (Distribution::Exponential, 1.0),
        ] {
            let (mean, seen) = mean_and_deviation(distribution);
            assert!((mean - 1.0).abs() < 0.03, "{distribution:?}: mean {mean}");
            assert!((seen - deviation).abs() < 0.03, "{distribution:?}: deviation {seen}");
        }
    }

    #[test]
    fn the_ends_of_a_draw_give_delays_too() {
        let (by, spread) = (Duration::from_millis(100), Duration::from_millis(300));
        for drawn in [0, 1, u64::MAX >> 1, u64::MAX] {
            for distribution in Distribution::ALL {
                assert!(
                    distribution.delay(by, spread, drawn) < Duration::from_secs(3),
                    "{distribution:?} {drawn}"
                );
            }
        }
        assert_eq!(Distribution::Uniform.delay(by, spread, u64::MAX), Duration::from_millis(400));
        assert!((minus_ln(u64::MAX >> 1) - std::f64::consts::LN_2).abs() < 1e-8);
    }

    #[test]
    fn words_name_their_distribution_and_growth_ends_at_one() {
        for (distribution, word) in Distribution::ALL.into_iter().zip(Distribution::WORDS) {
            assert_eq!(Distribution::by_word(word), Some(distribution));
        }
        let hour = Duration::from_secs(3600);
        assert_eq!([grown(0, hour), grown(1_800_000, hour), grown(3_600_000, hour)], [0.0, 0.5, 1.0]);
        let year = Duration::from_secs(365 * 86_400);
        assert!((grown(365 * 43_200_000, year) - 0.5).abs() < 1e-6);
        assert_eq!(grown(-5, hour), 0.0);
    }
}

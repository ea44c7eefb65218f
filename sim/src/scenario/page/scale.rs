//! From times to places in a picture.

use crate::scenario::model::Window;

/// Width of a picture in its own units: pixels on a screen that has room for it.
pub(super) const WIDTH: u64 = 1200;
/// Where time begins; names of rows stand left of it.
pub(super) const LEFT: u64 = 118;
/// Free room at the right edge.
const RIGHT: u64 = 14;
/// Tenths of a unit that a character of the small font takes, rather too many than too few.
const CHARACTER: u64 = 66;

/// The stretch of time that a picture shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    from_ms: u64,
    to_ms: u64,
}

impl Scale {
    pub(super) fn of(window: Window) -> Self {
        Self { from_ms: window.from, to_ms: window.to.max(window.from.saturating_add(1)) }
    }

    pub(super) const fn first_ms(self) -> u64 {
        self.from_ms
    }

    pub(super) const fn last_ms(self) -> u64 {
        self.to_ms
    }

    /// Whether a time is in the picture.
    pub(super) const fn has(self, at_ms: u64) -> bool {
        self.from_ms <= at_ms && at_ms <= self.to_ms
    }

    /// Whether a stretch of time is in the picture, in part at least.
    pub(super) const fn meets(self, from_ms: u64, to_ms: u64) -> bool {
        from_ms <= self.to_ms && self.from_ms <= to_ms
    }

    /// Tenths of a unit from the left edge of the picture.
    pub(super) fn tenths(self, at_ms: u64) -> u64 {
        let span = u128::from((WIDTH - LEFT - RIGHT) * 10);
        let along = u128::from(at_ms.clamp(self.from_ms, self.to_ms) - self.from_ms);
        LEFT * 10 + u64::try_from(span * along / u128::from(self.to_ms - self.from_ms)).unwrap_or(0)
    }

    pub(super) fn x(self, at_ms: u64) -> String {
        print(self.tenths(at_ms))
    }

    /// A width that is seen, however short the time.
    pub(super) fn width_tenths(self, from_ms: u64, to_ms: u64) -> u64 {
        self.tenths(to_ms).saturating_sub(self.tenths(from_ms)).max(20)
    }
}

pub(super) fn print(tenths: u64) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// What a text takes, in tenths of a unit.
pub(super) fn text_tenths(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX).saturating_mul(CHARACTER)
}

/// A text that is cut where it is longer than `most` characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// Rows of one lane each: what does not meet stands in the same one.
#[derive(Debug, Default)]
pub(super) struct Lanes(Vec<u64>);

impl Lanes {
    /// The first lane in which there is room between two places, of at most so many.
    pub(super) fn place(&mut self, from: u64, to: u64, most: usize) -> Option<usize> {
        let free = self.0.iter().position(|taken| *taken <= from);
        let lane = free.or_else(|| (self.0.len() < most).then_some(self.0.len()))?;
        match self.0.get_mut(lane) {
            Some(taken) => *taken = to,
            None => self.0.push(to),
        }
        Some(lane)
    }

    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_meet_shares_a_lane_and_what_has_no_room_has_none() {
        let mut lanes = Lanes::default();
        let placed =
            [(0, 10), (5, 20), (10, 12), (11, 30), (12, 13)].map(|(from, to)| lanes.place(from, to, 2));
        assert_eq!(placed, [Some(0), Some(1), Some(0), None, Some(0)]);
        assert_eq!(lanes.count(), 2);
    }

    #[test]
    fn a_scale_keeps_times_outside_at_its_edges() {
        let scale = Scale::of(Window { from: 1_000, to: 2_000 });
        assert_eq!(scale.tenths(0), LEFT * 10);
        assert_eq!(scale.tenths(2_000), (WIDTH - RIGHT) * 10);
        assert_eq!(scale.tenths(9_000), scale.tenths(2_000));
        assert!(scale.has(1_000) && !scale.has(2_001) && scale.meets(0, 1_000) && !scale.meets(2_001, 3_000));
    }
}

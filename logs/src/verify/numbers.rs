//! The numbers that some forms carry (IOS-XE, IOS-XR): what is missing shows without the log as sent.

use std::collections::{BTreeMap, HashMap};

/// Numbers of devices, up to this many devices; those beyond are not followed.
const DEVICES_MAX: usize = 1 << 20;

/// The numbers that have arrived, by device.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    devices: HashMap<Box<str>, Seen>,
    pub(super) doubled: u64,
    pub(super) reordered: u64,
    /// Lines whose numbers were followed.
    pub(super) followed: u64,
}

/// Ranges of numbers, first and last; they never touch.
#[derive(Debug, Default)]
struct Seen(BTreeMap<u64, u64>);

impl Numbers {
    pub(super) fn take(&mut self, device: &str, number: u64) {
        if !self.devices.contains_key(device) && self.devices.len() >= DEVICES_MAX {
            return;
        }
        self.followed += 1;
        let seen = match self.devices.get_mut(device) {
            Some(seen) => seen,
            None => self.devices.entry(device.into()).or_default(),
        };
        let latest = seen.0.last_key_value().map(|(_, last)| *last);
        if !seen.add(number) {
            self.doubled += 1;
        } else if latest.is_some_and(|latest| number < latest) {
            self.reordered += 1;
        }
    }

    /// Numbers that are missing between the first and the last of each device.
    pub(super) fn lost(&self) -> u64 {
        self.devices.values().map(Seen::missing).fold(0, u64::saturating_add)
    }
}

impl Seen {
    /// Says whether the number is new.
    fn add(&mut self, number: u64) -> bool {
        let below = self.0.range(..=number).next_back().map(|(first, last)| (*first, *last));
        if below.is_some_and(|(_, last)| last >= number) {
            return false;
        }
        let first =
            below.filter(|(_, last)| last.checked_add(1) == Some(number)).map_or(number, |(first, _)| first);
        let above = number.checked_add(1).and_then(|next| self.0.remove(&next));
        self.0.insert(first, above.unwrap_or(number));
        true
    }

    fn missing(&self) -> u64 {
        let lasts = self.0.values();
        let gaps = lasts.zip(self.0.keys().skip(1)).map(|(last, next)| next - last - 1);
        gaps.fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_doubles_and_late_numbers_are_counted() {
        let mut numbers = Numbers::default();
        for number in [5, 6, 8, 7, 8, 5, 12, 10, u64::MAX] {
            numbers.take("leaf", number);
        }
        numbers.take("spine", 1);
        assert_eq!((numbers.doubled, numbers.reordered, numbers.followed), (2, 2, 10));
        assert_eq!(numbers.lost(), 2 + (u64::MAX - 13));
        assert_eq!(numbers.devices["leaf"].0.len(), 4);
        // Whoever sends decides on the numbers: no sum of them may be too much.
        [0, u64::MAX].into_iter().for_each(|number| numbers.take("border", number));
        assert_eq!(numbers.lost(), u64::MAX);
    }
}

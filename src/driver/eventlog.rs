//! The entries of `show license eventlog` (`spec/formats.md` §14).

use std::collections::VecDeque;

use slpsim_agent::Event;
use slpsim_policy::Wall;

/// Entries that are kept: the device has 5120 KB (X), and an entry is printed in about 100 bytes.
const MAX_ENTRIES: usize = 5120 * 1024 / 100;

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Logged {
    /// The device's time.
    pub at: Wall,
    /// What happened.
    pub event: Event,
}

/// What happened to a device's licensing, oldest first. Not durable: it begins anew at each start (modelled).
#[derive(Clone, Debug, Default)]
pub struct EventLog(VecDeque<Logged>);

impl EventLog {
    /// Adds an entry; the oldest makes room.
    pub fn add(&mut self, at: Wall, event: Event) {
        if self.0.len() == MAX_ENTRIES {
            self.0.pop_front();
        }
        self.0.push_back(Logged { at, event });
    }

    /// The entries since `from`, oldest first.
    pub fn since(&self, from: Wall) -> impl Iterator<Item = &Logged> {
        self.0.iter().filter(move |logged| logged.at >= from)
    }

    /// `license smart clear eventlog`.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_has_a_limit_and_is_read_from_a_day_on() {
        let mut log = EventLog::default();
        for second in 0..=i64::try_from(MAX_ENTRIES).unwrap() {
            log.add(Wall::from_secs(second), Event::CommRestored);
        }
        assert_eq!(log.since(Wall(0)).count(), MAX_ENTRIES);
        assert_eq!(log.since(Wall(0)).next().unwrap().at, Wall::from_secs(1));
        assert_eq!(log.since(Wall::from_secs(10)).next().unwrap().at, Wall::from_secs(10));
        log.clear();
        assert_eq!(log.since(Wall(0)).count(), 0);
    }
}

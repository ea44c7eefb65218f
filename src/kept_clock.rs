//! The simulated time in the state folder: it never goes back over a restart (`interface.md` §1).
//!
//! What is saved is always ahead of what anybody has seen. Where time runs faster than the host's, or was moved, a
//! span ahead is reserved and reserved anew before it is used up; after a crash time goes on behind the reserved
//! span, after a clean end exactly where it stood. Where the clock is the host's, a note of that is enough. The clock
//! of another process is not ours to reserve: what was seen of it is saved.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use slpsim_policy::Wall;

use crate::clock::{Clock, Speed};
use crate::error::user_error;
use crate::store::{Loaded, Store};
use crate::time::{host_now, print_time};

/// Format of the saved clock.
pub const VERSION: u16 = 1;
/// Real time for which simulated time is reserved ahead.
const AHEAD: Duration = Duration::from_secs(20);
/// How often the reservation is renewed.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);

#[derive(Serialize, Deserialize)]
struct Saved {
    /// Nobody has seen a later time.
    seen_until: Wall,
    /// Since then the clock has been the host's.
    #[serde(default)]
    then_host: bool,
    /// It is the end of a span that was reserved ahead: most of it nobody has seen, if the daemon died.
    #[serde(default)]
    reserved: bool,
}

/// What a daemon's clock is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Pace {
    /// Its own.
    #[default]
    Own,
    /// The host's, and noted as such.
    Host,
    /// That of another process.
    Shared,
}

/// What a saved time is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It has been seen.
    Exact,
    /// It has been reserved.
    Reserved,
    /// It has been seen, and the clock is the host's.
    Host,
}

/// The clock's place in a state folder.
pub struct KeptClock {
    store: Box<dyn Store>,
    seen_until: Option<Wall>,
    /// `seen_until` was reserved by a daemon that died.
    reserved: bool,
    pace: Pace,
    /// What [`Store::load`] reported.
    pub loaded: Loaded,
}

impl std::fmt::Debug for KeptClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptClock").field("seen_until", &self.seen_until).finish_non_exhaustive()
    }
}

impl KeptClock {
    /// Reads what is kept.
    ///
    /// # Errors
    /// Where it cannot be read, or is from a newer program.
    pub fn open(mut store: Box<dyn Store>) -> Result<Self> {
        let mut loaded = store.load()?;
        let mut reserved = false;
        let seen_until = match loaded.blob.take() {
            None => None,
            Some(blob) => {
                let saved: Saved =
                    serde_json::from_slice(&blob).context("the saved clock is not readable")?;
                reserved = saved.reserved;
                let host = if saved.then_host { host_now() } else { saved.seen_until };
                Some(saved.seen_until.max(host))
            }
        };
        Ok(Self { store, seen_until, reserved, pace: Pace::Own, loaded })
    }

    /// The time that the daemon of this folder shows, or would show if it ran; nothing where none ever did.
    #[must_use]
    pub const fn shown(&self) -> Option<Wall> {
        self.seen_until
    }

    /// The time at which a daemon starts that would start at `wanted`: never before what was seen.
    #[must_use]
    pub fn start_at(&self, wanted: Wall) -> Wall {
        self.seen_until.map_or(wanted, |seen| seen.max(wanted))
    }

    /// Follows a clock that another process sets. Where a daemon died here, the time that it had reserved may lie up to
    /// 20 real seconds ahead of the clock: then waits until the clock is there.
    ///
    /// # Errors
    /// Where it is behind what was seen here (one line for the user), or cannot be written down.
    pub async fn follow(&mut self, clock: &Clock) -> Result<()> {
        self.pace = Pace::Shared;
        let behind_ms = self.seen_until.map_or(0, |seen| seen.since(clock.wall()));
        let behind_ms = u64::try_from(behind_ms).unwrap_or(0);
        let wait = Duration::from_millis(behind_ms / u64::from(clock.speed().factor()));
        if behind_ms == 0 {
            return self.save(clock.wall());
        }
        let (seen, shared) = (self.seen_until.map(print_time).unwrap_or_default(), print_time(clock.wall()));
        if !self.reserved || wait > AHEAD {
            return Err(user_error(format!(
                "the time of the state folder stands at {seen}, the shared clock at {shared}, and time cannot go back: give another --state DIR"
            )));
        }
        tracing::info!(
            "a daemon that died here had reserved the time until {seen}; the shared clock is there in {} s",
            wait.as_secs() + 1
        );
        clock.passed(clock.mono().plus(Duration::from_millis(behind_ms))).await;
        self.save(clock.wall())
    }

    /// Saves `clock`'s time with a reserve; to be called at least each [`RENEW_EVERY`] while the clock runs.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn reserve(&mut self, clock: &Clock) -> Result<()> {
        let ahead_ms = u64::try_from(AHEAD.as_millis()).unwrap_or(u64::MAX);
        let ahead_ms = ahead_ms.saturating_mul(u64::from(clock.speed().factor()));
        let until = clock.wall().plus_millis(i64::try_from(ahead_ms).unwrap_or(i64::MAX));
        // A move of the clock that is under way has reserved more.
        if self.pace == Pace::Host {
            self.pace = Pace::Own;
        }
        self.write(self.start_at(until), Kind::Reserved)
    }

    /// [`KeptClock::reserve`], unless the clock is simply the host's, which goes on by itself, or another process's.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn renew(&mut self, clock: &Clock) -> Result<()> {
        let is_host_time = clock.speed() == Speed::REAL && clock.wall().since(host_now()).abs() < 1000;
        match (self.pace, is_host_time) {
            (Pace::Shared, _) => self.save(self.start_at(clock.wall())),
            (Pace::Host, true) => Ok(()),
            (Pace::Own, true) => {
                self.write(self.start_at(clock.wall()), Kind::Host)?;
                self.pace = Pace::Host;
                Ok(())
            }
            (Pace::Own | Pace::Host, false) => self.reserve(clock),
        }
    }

    /// Saves exactly `now`, at a clean end or where the clock is not ours to reserve.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn save(&mut self, now: Wall) -> Result<()> {
        if self.pace == Pace::Host {
            self.pace = Pace::Own;
        }
        self.write(now, Kind::Exact)
    }

    fn write(&mut self, now: Wall, kind: Kind) -> Result<()> {
        let (then_host, reserved) = (kind == Kind::Host, kind == Kind::Reserved);
        self.store.save(&serde_json::to_vec(&Saved { seen_until: now, then_host, reserved })?)?;
        self.seen_until = Some(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SlotStore;

    const START: Wall = Wall::from_secs(1_767_225_600);

    #[tokio::test(start_paused = true)]
    async fn time_never_goes_back_after_a_crash_nor_forward_after_a_clean_end() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptClock::open(Box::new(SlotStore::new(folder.path(), "clock", VERSION))).unwrap();
        let mut kept = open();
        assert_eq!(kept.start_at(START), START);
        let clock = Clock::start(START, Speed::try_from(100).unwrap());
        kept.reserve(&clock).unwrap();
        tokio::time::advance(RENEW_EVERY).await;
        let seen = clock.wall();
        drop(kept);
        assert!(open().start_at(START) >= seen);

        let mut kept = open();
        kept.save(seen).unwrap();
        assert_eq!(open().start_at(START), seen);
        assert_eq!(open().start_at(seen.plus_days(1)), seen.plus_days(1));
        assert!(open().follow(&Clock::start(START, Speed::REAL)).await.is_err());
        assert!(open().follow(&Clock::start(seen, Speed::REAL)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_takes_nothing_back_of_what_a_move_of_the_clock_has_reserved() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptClock::open(Box::new(SlotStore::new(folder.path(), "clock", VERSION))).unwrap();
        let mut kept = open();
        let target = START.plus_days(365);
        kept.save(target).unwrap();
        kept.renew(&Clock::start(START, Speed::REAL)).unwrap();
        assert_eq!(open().start_at(START), target);
    }

    #[tokio::test]
    async fn a_daemon_in_host_time_that_dies_does_not_start_in_the_past() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptClock::open(Box::new(SlotStore::new(folder.path(), "clock", VERSION))).unwrap();
        let mut kept = open();
        let before = host_now();
        kept.renew(&Clock::start(before, Speed::REAL)).unwrap();
        drop(kept);
        assert!(open().start_at(START) >= before, "another start does not matter");
        assert!(
            open().start_at(host_now()).since(host_now()) <= 0,
            "nothing is reserved: the peer has a clock too"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_seen_of_another_processs_clock_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptClock::open(Box::new(SlotStore::new(folder.path(), "clock", VERSION))).unwrap();
        let clock = Clock::start(START, Speed::try_from(100).unwrap());
        let mut kept = open();
        kept.follow(&clock).await.unwrap();
        tokio::time::advance(RENEW_EVERY).await;
        kept.renew(&clock).unwrap();
        let seen = clock.wall();
        drop(kept);
        assert_eq!(open().start_at(START), seen);
        assert!(open().follow(&Clock::start(seen.plus_millis(-1000), Speed::REAL)).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_dead_daemon_had_only_reserved_is_waited_for_and_more_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let open = || KeptClock::open(Box::new(SlotStore::new(folder.path(), "clock", VERSION))).unwrap();
        let speed = Speed::try_from(60).unwrap();
        let clock = Clock::start(START, speed);
        open().reserve(&clock).unwrap();
        tokio::time::advance(Duration::from_secs(6)).await;
        let reserved = open().start_at(START);
        assert!(reserved > clock.wall());
        // Another process's clock that shows what this one would show now.
        let shared = Clock::start(clock.wall(), speed);
        let mut kept = open();
        kept.follow(&shared).await.unwrap();
        assert!(shared.wall() >= reserved && clock.wall().since(START) <= 21 * 60_000, "14 s were waited");
        open().reserve(&Clock::start(START.plus_days(1), speed)).unwrap();
        let refused = open().follow(&shared).await.unwrap_err();
        assert!(format!("{refused:#}").contains("time cannot go back"), "{refused:#}");
    }
}

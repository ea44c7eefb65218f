//! Simulated time that runs with real time, faster than it, stands, or jumps.
//!
//! One [`Clock`] is shared by everything in a process; each device has its own offset to it ([`DeviceClock`]),
//! because an operator can step a switch's clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use slpsim_policy::{Mono, Wall};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::time::{host_now, parse_time, print_time};

/// How many simulated seconds pass in a real one, 1 to 1,000,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct Speed(u32);

impl Speed {
    /// Real time.
    pub const REAL: Self = Self(1);
    /// The fastest pace.
    pub const MAX: u32 = slpsim_config::SPEED_MAX;

    /// The factor.
    #[must_use]
    pub const fn factor(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Speed {
    type Error = String;

    fn try_from(factor: u32) -> Result<Self, String> {
        if (1..=Self::MAX).contains(&factor) {
            Ok(Self(factor))
        } else {
            Err(format!("speed must be 1 to {}", Self::MAX))
        }
    }
}

/// The `clock` of a ready file: from it another process computes the same time (`interface.md` §1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedClock {
    /// Simulated time at the anchor, RFC 3339.
    pub start: String,
    /// Host time at that moment, RFC 3339.
    pub anchor: String,
    /// Simulated seconds in a real one.
    pub speed: Speed,
}

/// The clock of a process. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct Clock {
    origin: Wall,
    pace: Arc<watch::Sender<Pace>>,
}

/// Elapsed simulated time as a function of real time.
#[derive(Clone, Copy, Debug)]
struct Pace {
    since: Instant,
    /// Microseconds elapsed at `since`.
    base_us: u64,
    speed: Speed,
    running: bool,
}

impl Pace {
    fn elapsed_us(&self) -> u64 {
        if !self.running {
            return self.base_us;
        }
        let real = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.base_us.saturating_add(real.saturating_mul(u64::from(self.speed.0)))
    }

    /// The real moment at which `at` is reached; at most a day from now, so that no sum overflows.
    fn moment_of(&self, at: Mono) -> Instant {
        let left_us = at.0.saturating_mul(1000).saturating_sub(self.elapsed_us());
        let real_us = left_us.div_ceil(u64::from(self.speed.0)).min(86_400_000_000);
        Instant::now() + Duration::from_micros(real_us)
    }
}

impl Clock {
    /// A clock that shows `start` now and goes on with `speed`.
    #[must_use]
    pub fn start(start: Wall, speed: Speed) -> Self {
        let pace = Pace { since: Instant::now(), base_us: 0, speed, running: true };
        Self { origin: start, pace: Arc::new(watch::Sender::new(pace)) }
    }

    /// The clock of another process, from its ready file.
    ///
    /// # Errors
    /// Where the times in it are not readable.
    pub fn shared_with(shared: &SharedClock) -> Result<Self, String> {
        let (start, anchor) = (parse_time(&shared.start)?, parse_time(&shared.anchor)?);
        let clock = Self::start(start, shared.speed);
        let since_anchor = u64::try_from(host_now().since(anchor)).unwrap_or(0);
        let base_us = since_anchor.saturating_mul(1000).saturating_mul(u64::from(shared.speed.0));
        clock.pace.send_modify(|pace| pace.base_us = base_us);
        Ok(clock)
    }

    /// What another process needs to compute this clock's time, until the clock jumps.
    #[must_use]
    pub fn share(&self) -> SharedClock {
        let pace = *self.pace.borrow();
        SharedClock { start: print_time(self.wall()), anchor: print_time(host_now()), speed: pace.speed }
    }

    /// Simulated time elapsed since the clock's start.
    #[must_use]
    pub fn mono(&self) -> Mono {
        Mono(self.pace.borrow().elapsed_us() / 1000)
    }

    /// The simulated date and time.
    #[must_use]
    pub fn wall(&self) -> Wall {
        self.wall_at(self.mono())
    }

    /// The simulated date and time at `at`.
    #[must_use]
    pub fn wall_at(&self, at: Mono) -> Wall {
        self.origin.plus_millis(i64::try_from(at.0).unwrap_or(i64::MAX))
    }

    /// The pace, while it runs.
    #[must_use]
    pub fn speed(&self) -> Speed {
        self.pace.borrow().speed
    }

    /// Lets the clock stand, until [`Clock::resume`].
    pub fn stop(&self) {
        self.pace.send_modify(|pace| {
            pace.base_us = pace.elapsed_us();
            pace.running = false;
        });
    }

    /// Lets a standing clock go on.
    pub fn resume(&self) {
        self.pace.send_modify(|pace| {
            if !pace.running {
                pace.since = Instant::now();
                pace.running = true;
            }
        });
    }

    /// Moves the clock forward to `to`; a moment that has passed changes nothing. Everybody who waits for a moment
    /// up to `to` wakes up.
    pub fn jump_to(&self, to: Mono) {
        self.pace.send_if_modified(|pace| {
            let (now, to) = (pace.elapsed_us(), to.0.saturating_mul(1000));
            if to > now {
                pace.base_us = to;
                pace.since = Instant::now();
            }
            to > now
        });
    }

    /// Whether it does not stand.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pace.borrow().running
    }

    /// Waits until the clock has reached `at`, by running or by jumping.
    pub async fn reached(&self, at: Mono) {
        self.wait(at, |_| true).await;
    }

    /// Waits until the clock runs and has reached `at`: where it stands, somebody moves it, and says whose turn it is.
    pub async fn passed(&self, at: Mono) {
        self.wait(at, |pace| pace.running).await;
    }

    async fn wait(&self, at: Mono, counts: fn(&Pace) -> bool) {
        let mut changes = self.pace.subscribe();
        loop {
            let pace = *changes.borrow_and_update();
            if counts(&pace) && pace.elapsed_us() / 1000 >= at.0 {
                return;
            }
            if pace.running {
                tokio::select! {
                    () = tokio::time::sleep_until(pace.moment_of(at)) => {}
                    _ = changes.changed() => {}
                }
            } else if changes.changed().await.is_err() {
                // The sender lives in `self`; this cannot come.
                return;
            }
        }
    }
}

/// The clock of one device: the process's clock, and how far off the device is. Clones are the same clock.
#[derive(Clone, Debug)]
pub struct DeviceClock {
    clock: Clock,
    offset_ms: Arc<AtomicI64>,
}

impl DeviceClock {
    /// A device's clock that is off by `offset_ms`: device time minus true simulated time, in milliseconds.
    #[must_use]
    pub fn new(clock: Clock, offset_ms: i64) -> Self {
        Self { clock, offset_ms: Arc::new(AtomicI64::new(offset_ms)) }
    }

    /// How far off it is.
    #[must_use]
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    /// What it shows at `at`.
    #[must_use]
    pub fn wall_at(&self, at: Mono) -> Wall {
        self.clock.wall_at(at).plus_millis(self.offset_ms())
    }

    /// Steps it.
    pub fn step(&self, delta_ms: i64) {
        self.offset_ms.store(self.offset_ms().saturating_add(delta_ms), Ordering::Relaxed);
    }
}

impl slpsim_transport::client::Clock for DeviceClock {
    fn now(&self) -> Wall {
        self.wall_at(self.clock.mono())
    }
}

impl slpsim_transport::client::Elapsed for DeviceClock {
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.clock.mono().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Wall = Wall::from_secs(1_767_225_600);

    #[tokio::test(start_paused = true)]
    async fn scaled_time_passes_faster_and_a_wait_ends_at_its_moment() {
        let clock = Clock::start(START, Speed::try_from(3600).unwrap());
        let real = Instant::now();
        clock.reached(Mono(4 * 3_600_000)).await;
        assert!(real.elapsed() >= Duration::from_secs(4) && real.elapsed() < Duration::from_millis(4010));
        assert!(clock.wall() >= START.plus_millis(4 * 3_600_000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_standing_clock_moves_only_by_jumps_and_then_goes_on_from_there() {
        let clock = Clock::start(START, Speed::REAL);
        clock.stop();
        tokio::time::advance(Duration::from_secs(100)).await;
        assert_eq!(clock.mono(), Mono(0));
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.reached(Mono(86_400_000)).await }
        });
        tokio::task::yield_now().await;
        clock.jump_to(Mono(86_399_999));
        clock.jump_to(Mono(5));
        assert_eq!(clock.mono(), Mono(86_399_999));
        assert!(!waiting.is_finished());
        clock.jump_to(Mono(86_400_000));
        waiting.await.unwrap();
        clock.resume();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(clock.mono(), Mono(86_401_000));
    }

    #[tokio::test]
    async fn two_processes_that_share_a_clock_show_the_same_time() {
        let real = std::time::Instant::now();
        let one = Clock::start(START, Speed::try_from(1000).unwrap());
        let json = serde_json::to_string(&one.share()).unwrap();
        assert!(json.contains("\"speed\":1000"), "{json}");
        let other = Clock::shared_with(&serde_json::from_str(&json).unwrap()).unwrap();
        let apart = other.wall().since(one.wall()).unsigned_abs();
        // The anchor has milliseconds of the host, thus seconds here; so has every pause that the machine makes.
        let pauses = u64::try_from(real.elapsed().as_millis()).unwrap() * 1000;
        assert!(apart <= pauses + 5_000, "{apart} ms apart after {pauses} ms");
    }

    #[test]
    fn a_speed_of_zero_or_beyond_the_limit_is_refused() {
        for bad in [0, 1_000_001] {
            assert!(Speed::try_from(bad).is_err());
            assert!(serde_json::from_str::<Speed>(&bad.to_string()).is_err());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_clock_keeps_its_offset() {
        let clock = Clock::start(START, Speed::REAL);
        let device = DeviceClock::new(clock, 0);
        device.clone().step(-7_200_000);
        assert_eq!(device.wall_at(Mono(1)), START.plus_millis(1 - 7_200_000));
    }
}

//! What every daemon has: a state folder, and a clock that never goes back in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use slpsim_config::{Speed as SpeedKey, Start};
use slpsim_policy::Wall;

use crate::clock::{Clock, Speed};
use crate::error::{BlameUser, user_error};
use crate::kept_clock::{self, KeptClock};
use crate::ready::Ready;
use crate::state::StateFolder;
use crate::time::{host_now, print_time};

/// The ground that a daemon stands on.
#[derive(Debug)]
pub struct Base {
    /// Its folder, locked.
    pub state: StateFolder,
    /// Its clock.
    pub clock: Clock,
    /// The clock's place in the folder.
    pub kept: KeptClock,
}

impl Base {
    /// Opens the state folder and starts the clock: where it stood, or at `start`, or with the clock of `clock_from`.
    ///
    /// # Errors
    /// Where the folder is in use or not writable, or time would go back; each is one line for the user.
    pub async fn open(
        folder: &Path,
        start: Start,
        speed: SpeedKey,
        clock_from: Option<&PathBuf>,
    ) -> Result<Self> {
        let state = StateFolder::open(folder)?;
        let store = state.store("clock", kept_clock::VERSION);
        let mut kept = KeptClock::open(Box::new(store)).context("state folder").blame_user()?;
        for aside in &kept.loaded.kept_aside {
            tracing::warn!(
                "the saved clock was damaged ({}); it is kept as {}",
                aside.why,
                aside.path.display()
            );
        }
        if let Some(path) = clock_from {
            let shared = Ready::read(path)?.clock;
            let shared = shared.with_context(|| format!("{} has no clock", path.display())).blame_user()?;
            let clock = Clock::shared_with(&shared).map_err(user_error)?;
            kept.follow(&clock).await?;
            return Ok(Self { state, clock, kept });
        }
        let speed = match speed {
            SpeedKey::Times(times) => Speed::try_from(times).map_err(user_error)?,
            SpeedKey::Max => {
                return Err(user_error("a daemon has no speed `max`: its peer answers in real time"));
            }
        };
        let wanted = match start {
            Start::Now => host_now(),
            Start::At(time) => time,
        };
        let at = kept.start_at(wanted);
        say_where_time_goes_on(wanted, at);
        Ok(Self { state, clock: Clock::start(at, speed), kept })
    }
}

fn say_where_time_goes_on(wanted: Wall, at: Wall) {
    if at.since(wanted) > 1000 {
        tracing::info!("simulated time goes on at {}, where it stood in the state folder", print_time(at));
    }
}

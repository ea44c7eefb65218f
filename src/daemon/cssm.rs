//! `slpsim cssm`: the mock on its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use slpsim_config as config;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Base, mock, run};
use crate::access::Users;
use crate::kept_clock::RENEW_EVERY;
use crate::ready::{Ready, ReadyFile};
use crate::signals::{Asked, Signals};
use crate::state::StateFolder;

/// How long open exchanges may take to end; the daemon has two seconds (`interface.md` §1).
const GRACE: Duration = Duration::from_millis(1500);

/// Serves until the system asks for the end.
///
/// # Errors
/// Where something cannot be set up; mostly the user's to mend.
pub async fn serve(config: config::Config, wanted: config::Mock, file: Option<PathBuf>) -> Result<()> {
    let mut signals = Signals::listen()?;
    // Beside the folder of `run`, so that both have their defaults.
    let default = || Ok(StateFolder::default_path()?.join("cssm"));
    let folder = config.state.clone().map_or_else(default, anyhow::Ok)?;
    let users = Arc::new(Users::of(&config.users)?);
    let opening = Base::open(&folder, config.start, config.speed, config.clock_from.as_ref());
    let Some(base) = signals.unless_ended(opening).await else { return Ok(()) };
    let base = base?;
    config.ready_file.as_deref().map_or(Ok(()), ReadyFile::clear)?;
    let keys = base.state.path().join("mock");
    let running =
        mock::start(&wanted, config.seed, config.allow_external, keys, &base.clock, (&users, None)).await?;
    let ready = Ready {
        pid: std::process::id(),
        urls: mock::urls(&running),
        ca_file: Some(run::write_ca(base.state.path(), &running.ca_pem)?),
        idtoken: Some(running.idtoken.expose().to_owned()),
        manage_token: running.manage_token.clone(),
        clock: Some(base.clock.share()),
        ..Ready::default()
    };
    let ready_file = config.ready_file.as_deref().map(|path| ReadyFile::write(path, &ready)).transpose()?;

    let mut kept = base.kept;
    let mut renew = interval(RENEW_EVERY);
    renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Asked::End => break,
                Asked::Reload => match &file {
                    Some(file) => tracing::warn!("{}: the mock takes its configuration at its start only; use the management interface", file.display()),
                    None => tracing::info!("there is no configuration file to be read"),
                },
            },
            _ = renew.tick() => kept.renew(&base.clock).context("the simulated time cannot be kept")?,
        }
    }
    drop(ready_file);
    if timeout(GRACE, running.shutdown()).await.is_err() {
        tracing::warn!("exchanges were still open at the end");
    }
    kept.save(base.clock.wall()).context("the simulated time cannot be kept")
}

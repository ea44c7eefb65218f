//! `slpsim run`: devices in real or scaled time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use slpsim_agent::Token;
use slpsim_config as config;
use slpsim_cssm::server::Running;
use slpsim_logs::SinkUrl;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::device::{Site, token_of};
use super::pages::Pages;
use super::reload::{Reloader, Reread};
use super::{Base, mock, translate};
use crate::access::{Access, Addresses, Gate, Target, Users};
use crate::control::ControlServer;
use crate::driver::{Device, Handle, Host, PeerClock};
use crate::error::BlameUser;
use crate::failpoint;
use crate::health::HealthServer;
use crate::keys::{has_key, make_missing};
use crate::metrics::Registry;
use crate::ready::{Ready, ReadyDevice, ReadyFile};
use crate::signals::Signals;
use crate::sinks::{SinkSpec, Sinks};
use crate::state::StateFolder;

/// How long the mock may take to end, of the daemon's two seconds.
const MOCK_GRACE: Duration = Duration::from_millis(300);
/// Keys that take so long to make that it is said.
const MANY_KEYS: usize = 20;
/// How long the receivers of the log may take to take what waits for them.
const LOG_GRACE: Duration = Duration::from_millis(300);

/// What a daemon is to run.
pub struct RunPlan {
    /// The configuration, options of the command line laid over it.
    pub config: config::Config,
    /// The file that it came from.
    pub file: Option<PathBuf>,
    /// Reads the configuration again, for SIGHUP.
    pub reread: Reread,
    /// Who in this process wants to know that everything listens.
    pub ready: Option<oneshot::Sender<Ready>>,
}

impl std::fmt::Debug for RunPlan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunPlan").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Runs until the system asks for the end.
///
/// # Errors
/// Where something cannot be set up (mostly the user's to mend), or a device cannot be kept durable.
pub async fn run(plan: RunPlan) -> Result<()> {
    run_until(plan, Signals::listen()?).await
}

/// Runs until `signals` ask for the end.
///
/// # Errors
/// As [`run`].
pub async fn run_until(plan: RunPlan, mut signals: Signals) -> Result<()> {
    let config = plan.config;
    let without_file = plan.file.is_none();
    let addresses = Addresses::of(&config)?;
    let gate = Gate { users: Arc::new(Users::of(&config.users)?), limits: Arc::default() };
    let folder = config.state.clone().map_or_else(StateFolder::default_path, Ok)?;
    let opening = Base::open(&folder, config.start, config.speed, config.clock_from.as_ref());
    let Some(base) = signals.unless_ended(opening).await else { return Ok(()) };
    let base = base?;
    config.ready_file.as_deref().map_or(Ok(()), ReadyFile::clear)?;
    let registry = Registry::default();
    let sinks = Arc::new(open_sinks(&config, &registry, &signals.reader_gone())?);

    let mut world = config.world.clone();
    let pages = Arc::new(Pages::default());
    let mock = match &config.mock {
        None => None,
        Some(wanted) => {
            let folder = base.state.path().join("mock");
            let running = mock::start(
                wanted,
                config.seed,
                config.allow_external,
                folder,
                &base.clock,
                (&gate.users, Some(Arc::clone(&pages))),
            )
            .await?;
            mock::map_names(&mut world, &running);
            Some(running)
        }
    };
    let site = Site {
        base: &base,
        world: Arc::new(world),
        sinks: Arc::clone(&sinks),
        registry: registry.clone(),
        faults: Arc::new(failpoint::Process::default()),
        mock_ca: mock.as_ref().map(|mock| mock.ca_pem.clone()),
        seed: config.seed.unwrap_or(0),
    };
    let token_in_place =
        plan.file.is_none().then(|| mock.as_ref().map(|mock| mock.idtoken.clone())).flatten();
    let Some(devices) = set_up(&site, &config, token_in_place.as_ref(), &mut signals).await? else {
        return Ok(());
    };
    drop(site);

    let (asked, control) = control_socket(&config, base.state.path())?;
    let listeners = listen(&config, &registry, &sinks).await?;
    let mut ready = describe(&base, mock.as_ref(), &control, &listeners)?;
    ready.devices = devices.iter().map(|set_up| described(&set_up.device)).collect();

    let (handles, accesses) = start(devices, &gate, &addresses)?;
    for (device, access) in ready.devices.iter_mut().zip(&accesses) {
        let url = |scheme, address| format!("{scheme}://{address}/ins");
        device.ssh = access.ssh.map(|address| address.to_string());
        device.nxapi = access.nxapi.map(|address| url("http", address));
        device.nxapi_https = access.nxapi_https.map(|address| url("https", address));
    }
    pages.started(handles.iter().map(|handle| (handle.name().into(), handle.orders().clone())).collect());
    let udis = config.devices.iter().map(|device| device.udi);
    let mut reloader = Reloader {
        file: plan.file,
        reread: plan.reread,
        clock: base.clock.clone(),
        sinks: Arc::clone(&sinks),
        devices: udis.zip(handles.iter().map(|handle| handle.orders().clone())).collect::<BTreeMap<_, _>>(),
        current: config.clone(),
        reopening: None,
    };
    let host = Host { devices: handles, clock: base.clock, kept: base.kept, peer_clock: peer_clock(&config) };
    let ready_file = config.ready_file.as_deref().map(|path| ReadyFile::write(path, &ready)).transpose()?;
    say_what_runs(&ready, without_file);
    if let Some(told) = plan.ready {
        // Who wanted to know may have gone.
        let _ = told.send(ready);
    }
    let result = host.serve(asked, signals, || reloader.reload()).await;

    drop(ready_file);
    drop(accesses);
    drop(control);
    if let Some(mock) = mock
        && timeout(MOCK_GRACE, mock.shutdown()).await.is_err()
    {
        tracing::debug!("the mock had exchanges open at its end");
    }
    drop(reloader);
    flush(sinks).await;
    drop(base.state);
    result
}

/// Starts the devices and opens the ways into each.
fn start(
    devices: Vec<super::device::SetUp>,
    gate: &Gate,
    addresses: &[Addresses],
) -> Result<(Vec<Handle>, Vec<Access>)> {
    let (mut handles, mut accesses) = (Vec::new(), Vec::new());
    for (set_up, addresses) in devices.into_iter().zip(addresses) {
        let keys = set_up.keys;
        let handle = Handle::spawn(set_up.device, set_up.boot);
        let target = Target { name: handle.name().into(), orders: handle.orders().clone(), keys };
        accesses.push(Access::open(&target, gate, addresses)?);
        handles.push(handle);
    }
    Ok((handles, accesses))
}

/// For the person who has just started it; scripts have the ready file.
fn say_what_runs(ready: &Ready, without_file: bool) {
    if without_file {
        tracing::info!(
            "no configuration file: one switch on transport smart, and an embedded mock CSSM; its URL, certificate and id token are in place"
        );
    }
    let names = ready.devices.iter().map(|device| device.name.as_str()).collect::<Vec<_>>().join(", ");
    let control = ready.control.as_deref().unwrap_or_else(|| Path::new("")).display();
    tracing::info!("running: {names}; control socket {control}");
}

/// Lets the log out, as far as its receivers take it: one that hangs does not hold up the end.
async fn flush(sinks: Arc<Sinks>) {
    // The last owner of the sinks waits for their threads; it must not be this one.
    let flushed = tokio::task::spawn_blocking(move || sinks.flush());
    if timeout(LOG_GRACE, flushed).await.is_err() {
        tracing::warn!("a receiver of the log does not take its lines: those that wait for it are lost");
    }
}

fn open_sinks(config: &config::Config, registry: &Registry, reader_gone: &Arc<Notify>) -> Result<Sinks> {
    let mut specs = config.sinks.iter().map(translate::sink).collect::<Result<Vec<_>>>()?;
    if specs.is_empty() {
        specs.push(SinkSpec::to(SinkUrl::Stdout));
    }
    Sinks::open(&specs, config.allow_external, registry, reader_gone)
}

/// Sets up all devices; none where the end is asked for meanwhile, since making the keys of many devices takes a while.
async fn set_up(
    site: &Site<'_>,
    config: &config::Config,
    token_in_place: Option<&Token>,
    signals: &mut Signals,
) -> Result<Option<Vec<super::device::SetUp>>> {
    let mut devices = Vec::new();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let folders = config.devices.iter().map(|device| site.key_folder(device)).collect::<Result<Vec<_>>>()?;
    let missing = folders.iter().filter(|folder| !has_key(folder)).count();
    if missing > MANY_KEYS {
        tracing::info!("making private keys for {missing} switches; that is done once");
    }
    let mut to_come = folders.chunks(cores);
    for (number, device) in (0..).zip(&config.devices) {
        if signals.end_is_asked().await {
            return Ok(None);
        }
        if devices.len().is_multiple_of(cores) {
            make_missing(to_come.next().unwrap_or_default())?;
        }
        let token = token_of(device).with_context(|| format!("device {}", device.name))?;
        devices.push(site.set_up(number, device, token.as_ref().or(token_in_place))?);
    }
    Ok(Some(devices))
}

fn control_socket(
    config: &config::Config,
    folder: &Path,
) -> Result<(mpsc::Receiver<crate::control::Asked>, ControlServer)> {
    let (asking, asked) = mpsc::channel(16);
    let path = config.control.clone().unwrap_or_else(|| StateFolder::control_socket(folder));
    Ok((asked, ControlServer::start(&path, asking)?))
}

/// The listeners of `--health` and `--metrics`.
struct Listeners {
    health: Option<HealthServer>,
    metrics: Option<HealthServer>,
}

async fn listen(config: &config::Config, registry: &Registry, sinks: &Arc<Sinks>) -> Result<Listeners> {
    let mut listeners = Listeners { health: None, metrics: None };
    let (registry, sinks) = (registry.clone(), Arc::downgrade(sinks));
    let metrics = move || {
        if let Some(sinks) = sinks.upgrade() {
            sinks.count();
        }
        registry.render()
    };
    if let Some(address) = config.health {
        listeners.health = Some(HealthServer::start(address, config.allow_external, metrics.clone()).await?);
    }
    // One address for both is one listener; port 0 is another one each time.
    match config.metrics {
        Some(address) if address.port() == 0 || config.health != Some(address) => {
            listeners.metrics = Some(HealthServer::start(address, config.allow_external, metrics).await?);
        }
        Some(_) | None => {}
    }
    Ok(listeners)
}

fn describe(
    base: &Base,
    mock: Option<&Running>,
    control: &ControlServer,
    listeners: &Listeners,
) -> Result<Ready> {
    let mut ready = Ready {
        pid: std::process::id(),
        clock: Some(base.clock.share()),
        control: Some(std::path::absolute(control.path())?),
        ..Ready::default()
    };
    if let Some(mock) = mock {
        ready.urls = mock::urls(mock);
        ready.ca_file = Some(write_ca(base.state.path(), &mock.ca_pem)?);
        ready.idtoken = Some(mock.idtoken.expose().to_owned());
        ready.manage_token.clone_from(&mock.manage_token);
    }
    if let Some(server) = &listeners.health {
        ready.urls.health = Some(format!("http://{}/health", server.address()));
    }
    let metrics = listeners.metrics.as_ref().or(listeners.health.as_ref());
    if let Some(server) = metrics {
        ready.urls.metrics = Some(format!("http://{}/metrics", server.address()));
    }
    Ok(ready)
}

/// Writes the certificate that is to be trusted where scripts find it.
pub(super) fn write_ca(folder: &Path, pem: &str) -> Result<PathBuf> {
    let path = folder.join("ca.pem");
    fs::write(&path, pem).with_context(|| path.display().to_string()).blame_user()?;
    Ok(path)
}

fn described(device: &Device) -> ReadyDevice {
    let parts = device.parts();
    ReadyDevice {
        name: parts.name.to_string(),
        udi: parts.agent.sender().udi.in_show().to_string(),
        ..ReadyDevice::default()
    }
}

fn peer_clock(config: &config::Config) -> PeerClock {
    let why = if config.clock_from.is_some() {
        "the clock is another process's (--clock-from): it cannot be moved from here"
    } else if config.mock.is_none() {
        "the peer has a clock of its own: only a daemon with an embedded mock can move its clock"
    } else {
        return PeerClock::Ours;
    };
    PeerClock::Theirs(why.into())
}

//! From a device of the configuration to one that can be driven.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use slpsim_agent::{Agent, AgentId, BootCause, Keep, Shared, Token, Udi, Usage};
use slpsim_config as config;
use slpsim_network::World;
use slpsim_transport::WireProfile;
use slpsim_transport::callhome::CallhomeFormat;
use slpsim_transport::client::{Anchors, Credentials, Dns, Format, Limits, SystemNonces};
use slpsim_transport::sign::{DeviceKeys, Verifier};
use slpsim_transport::smart::SmartFormat;

use super::Base;
use super::translate::factory_config;
use crate::clock::DeviceClock;
use crate::driver::{
    BLOB_VERSION, Boot, Device, DeviceMetrics, Factory, HttpConnect, Parts, SavedDevice, Switch, restore,
};
use crate::error::{BlameUser, user_error};
use crate::failpoint::Faults;
use crate::files::{DeviceFiles, FolderFiles};
use crate::keys::device_keys;
use crate::metrics::Registry;
use crate::sinks::{DeviceLog, Sinks};

/// Largest file that a device names, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// Where devices are set up.
pub(super) struct Site<'a> {
    pub(super) base: &'a Base,
    pub(super) world: Arc<World>,
    pub(super) sinks: Arc<Sinks>,
    pub(super) registry: Registry,
    pub(super) faults: Arc<dyn Faults>,
    /// Root certificate of the embedded mock (PEM), where there is one.
    pub(super) mock_ca: Option<String>,
    pub(super) seed: u64,
}

/// A device that is set up and not yet started.
pub(super) struct SetUp {
    pub(super) device: Device,
    pub(super) boot: Boot,
    /// The folder of its keys.
    pub(super) keys: PathBuf,
}

impl Site<'_> {
    /// Sets up the device with that number: from its saved state, or as the configuration has it.
    pub(super) fn set_up(
        &self,
        number: u32,
        device: &config::Device,
        token: Option<&Token>,
    ) -> Result<SetUp> {
        let name: Arc<str> = device.name.as_str().into();
        self.make(number, device, token).with_context(|| format!("device {name}"))
    }

    /// Where the private key of a device is kept.
    pub(super) fn key_folder(&self, device: &config::Device) -> Result<PathBuf> {
        self.base.state.keys(&folder_name(device)).with_context(|| format!("device {}", device.name))
    }

    fn make(&self, number: u32, device: &config::Device, token: Option<&Token>) -> Result<SetUp> {
        let base = self.base;
        let mut store = base.state.device_store(&folder_name(device), BLOB_VERSION)?;
        let restored = restore(&mut store).blame_user()?;
        for aside in &restored.kept_aside {
            tracing::warn!(
                device = device.name,
                "the saved state was damaged ({}); it is kept as {}, and the device starts fresh",
                aside.why,
                aside.path.display()
            );
        }
        let saved = restored.device;
        let clock =
            DeviceClock::new(base.clock.clone(), saved.as_ref().map_or(0, |saved| saved.clock_offset_ms));
        let now = clock.wall_at(base.clock.mono());
        let (config, zone) = factory_config(device, &self.world, now)?;
        let lines = match &device.startup_config {
            Some(path) => read("startup-config", path)?,
            None => String::new(),
        };
        let factory = Factory { config, lines };
        // A first boot that a death cut short is made once more.
        let first = saved.as_ref().is_none_or(|saved| saved.first_boot);
        let startup = saved.as_ref().filter(|_| !first).and_then(|saved| saved.startup_config.clone());
        let (mut switch, started) =
            Switch::boot(startup, factory, Arc::clone(&self.world), device.profile, now);
        for refused in &started.refused {
            tracing::warn!(device = device.name, "startup configuration: {refused}");
        }
        match &saved {
            Some(saved) if !first => say_what_wins(&device.name, saved, &switch),
            // The keys make the startup configuration of the first boot (`interface.md` §5).
            Some(_) | None => switch.startup = Some(switch.config.to_text()),
        }
        let mut shared = Shared { keep: Keep::SWITCH, seed: self.seed, ..Shared::default() };
        let (agent, cause) = self.agent(device, saved.as_ref(), &switch, &mut shared)?;
        let key_folder = self.key_folder(device)?;
        let keys = Arc::new(device_keys(&key_folder)?);
        let verifier = Arc::new(self.verifier(device)?);
        let connect = self.connect(device, &clock, &keys, &verifier)?;
        let files = DeviceFiles {
            files: Box::new(FolderFiles::new(base.state.files(&folder_name(device))?)),
            keys: Some(keys),
            verifier,
            nonces: Arc::new(SystemNonces),
        };
        let log = DeviceLog::new(Arc::clone(&self.sinks), device.spelling, zone, &switch.config);
        // From the first boot on the saved state knows of it.
        let standby = device.standby.filter(|_| first);
        // Entered at boot + 0 s (`interface.md` §5), once in the life of the device.
        let token = token.filter(|_| first).cloned();
        let spelling = device.spelling;
        let supervisors = supervisors(number, device);
        let device = Device::new(Parts {
            name: device.name.as_str().into(),
            id: AgentId(number),
            agent,
            shared,
            clock: base.clock.clone(),
            device_clock: clock,
            switch,
            store: Box::new(store),
            connect: Box::new(connect),
            files,
            log: Box::new(log),
            metrics: DeviceMetrics::new(&self.registry, &device.name),
            faults: Arc::clone(&self.faults),
        })
        .spelled(spelling)
        .with_supervisors(supervisors);
        let features_before = saved.map(|saved| saved.features.into_iter().collect());
        Ok(SetUp {
            device,
            boot: Boot { cause, first, standby, token, features_before, lines: started.lines },
            keys: key_folder,
        })
    }

    fn agent(
        &self,
        device: &config::Device,
        saved: Option<&SavedDevice>,
        switch: &Switch,
        shared: &mut Shared,
    ) -> Result<(Agent, BootCause)> {
        let settings = switch.config.settings();
        if let Some(saved) = saved {
            let agent = Agent::restore(saved.agent.clone(), settings, shared).blame_user()?;
            return Ok((agent, BootCause::PowerLoss));
        }
        let licenses = device.licenses.iter();
        let usage = licenses.map(|used| Usage { license: used.license, count: used.count }).collect();
        let agent = Agent::new(device.profile, device.udi, settings, &switch.first_usage(usage));
        let cause = if device.upgraded { BootCause::Upgraded { registered: true } } else { BootCause::First };
        Ok((agent, cause))
    }

    /// Whom the device believes, in answers and in files.
    fn verifier(&self, device: &config::Device) -> Result<Verifier> {
        match (device.verify, self.root_pem(device)?) {
            (config::Verify::Off, _) => Ok(Verifier::OFF),
            (config::Verify::Root, Some(pem)) => {
                Verifier::root(&pem).with_context(|| root_name(device)).blame_user()
            }
            (config::Verify::Root, None) => Ok(Verifier::NOBODY),
        }
    }

    fn root_pem(&self, device: &config::Device) -> Result<Option<String>> {
        match &device.ca_file {
            Some(path) => Ok(Some(read("ca-file", path)?)),
            None => Ok(self.mock_ca.clone()),
        }
    }

    fn connect(
        &self,
        device: &config::Device,
        clock: &DeviceClock,
        keys: &Arc<DeviceKeys>,
        verifier: &Arc<Verifier>,
    ) -> Result<HttpConnect> {
        let pem = self.root_pem(device)?;
        let anchors = match &pem {
            Some(pem) => Anchors::from_pem(pem.as_bytes()).with_context(|| root_name(device)).blame_user()?,
            None => Anchors::none(),
        };
        let profile = match &device.wire_profile {
            None => WireProfile::default(),
            Some(path) => {
                let text = read("wire-profile", path)?;
                WireProfile::from_json(&text)
                    .with_context(|| format!("wire-profile {}", path.display()))
                    .blame_user()?
            }
        };
        let profile = Arc::new(profile);
        let format: Arc<dyn Format> = Arc::new(SmartFormat {
            keys: Some(Arc::clone(keys)),
            verifier: Arc::clone(verifier),
            profile: Arc::clone(&profile),
        });
        Ok(HttpConnect {
            clock: Arc::new(clock.clone()),
            world: Arc::clone(&self.world),
            anchors,
            callhome: Arc::new(CallhomeFormat::new(Arc::clone(&format), profile)),
            format,
            dns: Arc::new(Dns::new(Arc::new(clock.clone()), Dns::TIMEOUT)),
            nonces: Arc::new(SystemNonces),
            proxy_login: proxy_login(device)?,
            limits: Limits::default(),
            door: None,
        })
    }
}

/// What a proxy is told of a device.
fn proxy_login(device: &config::Device) -> Result<Option<Credentials>> {
    let Some(login) = &device.licensing.proxy_login else { return Ok(None) };
    let credentials = Credentials::new(login.user.expose(), login.password.expose());
    // The configuration has looked at them already.
    credentials.map(Some).ok_or_else(|| user_error("proxy-user and proxy-password cannot be sent to a proxy"))
}

/// Where a device's root certificates come from, for messages.
fn root_name(device: &config::Device) -> String {
    match &device.ca_file {
        Some(path) => format!("ca-file {}", path.display()),
        None => "the mock's certificate".into(),
    }
}

/// A file that was changed while the daemon was down has no effect by itself; that should not be a riddle.
fn say_what_wins(device: &str, saved: &SavedDevice, switch: &Switch) {
    if saved.startup_config.is_some() && !saved.factory.is_empty() && saved.factory != switch.factory.text() {
        tracing::warn!(
            device,
            "its keys have changed in the configuration file, but the saved configuration wins; SIGHUP after a change applies it, and `write erase` with `reload` goes back to the file"
        );
    }
}

/// Those of the file, or a second one with a serial number of its own.
fn supervisors(number: u32, device: &config::Device) -> Vec<Udi> {
    let serial = format!("SBY{:08}", number.saturating_add(1));
    let made = || Udi::new(device.udi.pid.as_str(), &serial).ok();
    [Some(device.udi), device.standby.or_else(made)].into_iter().flatten().collect()
}

/// What a device's files are called: it is known by its UDI, whatever else the configuration calls it.
fn folder_name(device: &config::Device) -> String {
    format!("{}_{}", device.udi.pid, device.udi.serial)
}

/// The id token of a device, from the configuration.
pub(super) fn token_of(device: &config::Device) -> Result<Option<Token>> {
    match &device.idtoken {
        None => Ok(None),
        Some(config::IdToken::Given(token)) => Ok(Some(token.clone())),
        Some(config::IdToken::File(path)) => {
            let text = read("idtoken-file", path)?;
            let token = Token::new(text.trim()).with_context(|| format!("idtoken-file {}", path.display()));
            token.blame_user().map(Some)
        }
    }
}

/// The text of a file that a key of a device names.
fn read(key: &str, path: &Path) -> Result<String> {
    let read = || -> Result<String> {
        let mut bytes = Vec::new();
        fs::File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
        anyhow::ensure!(u64::try_from(bytes.len())? <= MAX_FILE, "larger than {MAX_FILE} bytes");
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().with_context(|| format!("{key} {}", path.display())).blame_user()
}

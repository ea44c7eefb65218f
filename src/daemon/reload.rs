//! SIGHUP: what changed in the configuration file is applied as if typed; what cannot be is named.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use slpsim_agent::{Input, Udi, Usage};
use slpsim_config as config;
use slpsim_console::config::Config;
use slpsim_sim::Operated;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::translate::factory_config;
use crate::clock::Clock;
use crate::driver::{Order, run_lines};
use crate::sinks::Sinks;

/// Reads the configuration again.
pub type Reread = Box<dyn Fn() -> anyhow::Result<config::Config> + Send>;

/// What a reload works on.
pub(super) struct Reloader {
    /// The file; none where there is none.
    pub(super) file: Option<PathBuf>,
    pub(super) reread: Reread,
    pub(super) current: config::Config,
    pub(super) clock: Clock,
    pub(super) sinks: Arc<Sinks>,
    /// The devices by UDI: what else a file calls them may change.
    pub(super) devices: BTreeMap<Udi, mpsc::Sender<Order>>,
    /// Opens log files again.
    pub(super) reopening: Option<JoinHandle<()>>,
}

impl Reloader {
    /// Reopens log files, and applies what changed in the file. A file that is wrong changes nothing.
    pub(super) fn reload(&mut self) {
        self.reopen();
        let Some(file) = &self.file else {
            tracing::info!("log files are opened again; there is no configuration file to be read");
            return;
        };
        let mut new = match (self.reread)() {
            Ok(new) => new,
            Err(error) => {
                tracing::error!("the configuration stays as it was: {error:#}");
                return;
            }
        };
        tracing::info!("{} is read again, and log files are opened again", file.display());
        let mut fixed = fixed_at_start(&self.current, &new);
        let mut untold = Vec::new();
        for device in &new.devices {
            let old = self.current.devices.iter().find(|old| old.udi == device.udi);
            let (Some(old), Some(orders)) = (old, self.devices.get(&device.udi)) else {
                fixed.push(format!("device {} (new)", device.name));
                continue;
            };
            fixed.extend(fixed_of_device(old, device));
            if !self.apply(old, device, &new, orders) {
                untold.push(old.clone());
            }
        }
        let gone =
            self.current.devices.iter().filter(|old| !new.devices.iter().any(|new| new.udi == old.udi));
        fixed.extend(gone.map(|gone| format!("device {} (gone)", gone.name)));
        if !fixed.is_empty() {
            tracing::warn!("takes effect at the next start only: {}", fixed.join(", "));
        }
        // What a device has not been told is still to be told, at the next SIGHUP.
        for old in untold {
            if let Some(device) = new.devices.iter_mut().find(|device| device.udi == old.udi) {
                *device = old;
            }
        }
        self.current = new;
    }

    /// On a thread of its own: a receiver of the log that hangs does not hold up the daemon.
    fn reopen(&mut self) {
        if self.reopening.as_ref().is_some_and(|before| !before.is_finished()) {
            tracing::warn!("log files are not open again since the last SIGHUP: one of them hangs");
            return;
        }
        let sinks = Arc::clone(&self.sinks);
        self.reopening = Some(tokio::task::spawn_blocking(move || sinks.reopen()));
    }

    /// Tells a device what changed; whether it could be told.
    fn apply(
        &self,
        old: &config::Device,
        new: &config::Device,
        file: &config::Config,
        orders: &mpsc::Sender<Order>,
    ) -> bool {
        let now = self.clock.wall();
        let configs = (factory_config(old, &self.current.world, now), factory_config(new, &file.world, now));
        let (Ok((before, _)), Ok((after, _))) = configs else { return true };
        let lines = lines_between(&before, &after);
        let usage = usage_between(old, new);
        if lines.is_empty() && usage.is_empty() {
            return true;
        }
        let name = new.name.clone();
        let look = Order::Look(Box::new(move |device| {
            // `write erase` and `reload` go back to the file, as it is now (`interface.md` §5).
            device.switch().0.factory.config = after;
            for usage in usage {
                device.input(Input::Usage(usage))?;
            }
            if !lines.is_empty() {
                let typed = [&["configure terminal".to_owned()], &lines[..], &["end".to_owned()]].concat();
                let (text, error) = run_lines(device, &typed)?;
                if error {
                    tracing::warn!(device = name, "not everything was accepted: {}", text.trim());
                }
                tracing::info!(device = name, "as if typed: {}", lines.join("; "));
            }
            Ok(())
        }));
        let told = orders.try_send(look).is_ok();
        if !told {
            tracing::error!(
                device = new.name,
                "is too busy to take its new configuration; send SIGHUP again"
            );
        }
        told
    }
}

/// Keys of the daemon that changed, by name.
fn fixed_at_start(old: &config::Config, new: &config::Config) -> Vec<String> {
    [
        ("seed", old.seed == new.seed),
        ("speed", old.speed == new.speed),
        ("start", old.start == new.start),
        ("state", old.state == new.state),
        ("control", old.control == new.control),
        ("ready-file", old.ready_file == new.ready_file),
        ("clock-from", old.clock_from == new.clock_from),
        ("allow-external", old.allow_external == new.allow_external),
        ("health", old.health == new.health),
        ("metrics", old.metrics == new.metrics),
        ("network", old.world == new.world),
        ("mock", old.mock == new.mock),
        ("user", old.users == new.users),
        ("sink", old.sinks == new.sinks),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(key, _)| key.into())
    .collect()
}

fn fixed_of_device(old: &config::Device, new: &config::Device) -> Vec<String> {
    [
        ("profile", old.profile == new.profile),
        ("name", old.name == new.name),
        ("standby", old.standby == new.standby),
        ("ca-file", old.ca_file == new.ca_file),
        ("verify", old.verify == new.verify),
        ("idtoken", old.idtoken == new.idtoken),
        ("startup-config", old.startup_config == new.startup_config),
        ("classic-registration", old.upgraded == new.upgraded),
        ("chapter-spelling", old.spelling == new.spelling),
        ("wire-profile", old.wire_profile == new.wire_profile),
        ("proxy-user or proxy-password", old.licensing.proxy_login == new.licensing.proxy_login),
        ("ssh", old.ssh == new.ssh),
        ("nxapi", old.nxapi == new.nxapi),
        ("nxapi-https", old.nxapi_https == new.nxapi_https),
    ]
    .into_iter()
    .filter(|(_, same)| !same)
    .map(|(key, _)| format!("{key} of device {}", new.name))
    .collect()
}

fn usage_between(old: &config::Device, new: &config::Device) -> Vec<Usage> {
    let count = |device: &config::Device, license| {
        device.licenses.iter().find(|used| used.license == license).map_or(0, |used| used.count)
    };
    let mut licenses: Vec<_> = old.licenses.iter().chain(&new.licenses).map(|used| used.license).collect();
    licenses.sort_unstable();
    licenses.dedup();
    let changed = licenses.into_iter().filter(|license| count(old, *license) != count(new, *license));
    changed.map(|license| Usage { license, count: count(new, license) }).collect()
}

/// What an operator would type in configuration mode to get from `before` to `after`: first what goes, then what comes.
fn lines_between(before: &Config, after: &Config) -> Vec<String> {
    let (before, after) = (blocks(before), blocks(after));
    let mut lines = Vec::new();
    for (head, body) in &before {
        match after.iter().find(|(new, _)| new == head) {
            None if after.iter().any(|(new, _)| replaces(new, head)) => {}
            None => lines.push(format!("no {head}")),
            Some((_, new)) => {
                let gone: Vec<_> = body
                    .iter()
                    .filter(|line| !new.contains(line) && !new.iter().any(|new| replaces(new, line)))
                    .map(|line| format!("no {line}"))
                    .collect();
                if !gone.is_empty() {
                    lines.push(head.clone());
                    lines.extend(gone);
                }
            }
        }
    }
    for (head, body) in &after {
        let known = before.iter().find(|(old, _)| old == head);
        let new: Vec<_> =
            body.iter().filter(|line| known.is_none_or(|(_, old)| !old.contains(line))).cloned().collect();
        if known.is_none() || !new.is_empty() {
            lines.push(head.clone());
            lines.extend(new);
        }
    }
    lines
}

/// Whether typing `new` sets what `old` had set: they differ in their last word alone.
fn replaces(new: &str, old: &str) -> bool {
    match (new.rsplit_once(' '), old.rsplit_once(' ')) {
        (Some((new, _)), Some((old, _))) => {
            new == old && !REPEATABLE.iter().any(|word| new.starts_with(word))
        }
        _ => false,
    }
}

/// Lines of which there may be several.
const REPEATABLE: [&str; 3] = ["feature", "ntp server", "ip name-server"];

/// The lines of a configuration, each with those of its sub-mode.
fn blocks(config: &Config) -> Vec<(String, Vec<String>)> {
    let mut blocks: Vec<(String, Vec<String>)> = Vec::new();
    for line in config.to_text().lines().filter(|line| !line.trim().is_empty() && !line.starts_with('!')) {
        match blocks.last_mut() {
            Some((_, body)) if line.starts_with(' ') => body.push(line.trim().into()),
            Some(_) | None => blocks.push((line.trim().into(), Vec::new())),
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_agent::{ProfileId, TransportMode};
    use slpsim_console::apply_startup;

    #[test]
    fn the_lines_between_two_configurations_lead_from_one_to_the_other() {
        let mut one = Config::default();
        one.smart.usage_interval_days = 7;
        one.smart.transport = TransportMode::Smart;
        one.smart.privacy_hostname = true;
        let mut other = Config { hostname: "leaf-2".into(), ..Config::default() };
        other.smart.usage_interval_days = 8;
        other.smart.smart_url = "https://cssm.example.com/".into();
        for (from, to) in [(&one, &other), (&other, &one)] {
            let lines = lines_between(from, to);
            let mut config = from.clone();
            let done = apply_startup(&mut config, ProfileId::Nexus9000.profile(), &lines.join("\n"));
            assert_eq!(done.errors, [], "{lines:?}");
            assert_eq!(&config, to, "{lines:?}");
        }
        assert_eq!(lines_between(&one, &one), [""; 0]);
        assert!(!lines_between(&one, &other).contains(&"no license smart usage interval 7".into()));
    }

    /// The configuration of a file with that host name.
    fn file(hostname: &str) -> config::Config {
        let checks = config::Checks { zone: |_| Ok(()), sink: |_| Ok(()), store: |_| Ok(()) };
        let text = format!("[device]\nhostname = \"{hostname}\"\nname = \"switch\"\n");
        let here = std::path::Path::new("");
        config::parse(&text, "test", here, &config::Overrides::default(), &checks).unwrap()
    }

    #[tokio::test]
    async fn a_device_that_was_too_busy_is_told_at_the_next_hangup() {
        let (orders, mut mailbox) = mpsc::channel(1);
        orders.try_send(Order::End).map_err(|_| "full").unwrap();
        let current = file("leaf-1");
        let mut reloader = Reloader {
            file: Some("test".into()),
            reread: Box::new(|| Ok(file("leaf-2"))),
            devices: BTreeMap::from([(current.devices[0].udi, orders)]),
            current,
            clock: Clock::start(slpsim_policy::Wall::from_secs(0), crate::clock::Speed::REAL),
            sinks: Arc::default(),
            reopening: None,
        };
        reloader.reload();
        assert!(matches!(mailbox.recv().await, Some(Order::End)));
        reloader.reload();
        assert!(matches!(mailbox.try_recv(), Ok(Order::Look(_))));
        reloader.reload();
        assert!(mailbox.try_recv().is_err(), "it has been told");
    }
}

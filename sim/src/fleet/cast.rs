//! Who each device of a fleet is. Nothing of it is stored: it follows from the seed and the device's number, so that a
//! million devices cost nothing but their agents.

use slpsim_agent::ids::{Pid, Serial};
use slpsim_agent::{Settings, TransportMode, Udi, Usage};
use slpsim_logs::Zone;

use super::luck::{Luck, Why, pick};
use super::population::{Model, Population, SiteZone};

/// Beginnings of Cisco serial numbers, by plant.
const PLANTS: [&str; 4] = ["FDO", "FOC", "SAL", "JPG"];
const BASE_36: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// Serial numbers of one plant, year and week.
const PER_WEEK: u32 = 36 * 36 * 36 * 36;

/// The cast of a fleet.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Who is in it.
    pub population: Population,
    pub(crate) luck: Luck,
    /// Mean time between two groups of companion messages; 0: there are none.
    pub(crate) chatter_ms: u64,
    /// Sites whose zone has been looked up.
    sites: Vec<Site>,
    /// Where the share of each model ends, from 0 to 1.
    model_ends: Vec<f64>,
    /// Devices that joined while the fleet ran: the first of each group, and when.
    joined: Vec<(u32, u64)>,
}

/// A site.
#[derive(Clone, Debug)]
struct Site {
    zone: Zone,
    /// Position of its zone in the population.
    zone_at: usize,
    /// `ams03`
    name: Box<str>,
}

/// How much other messages than those of the licensing agent there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Companions {
    /// None.
    #[default]
    Off,
    /// As on a quiet switch.
    Sparse,
    /// As on one that people work at.
    Busy,
}

/// What makes a device special for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Character {
    /// Nothing.
    Healthy,
    /// Transport cslu, and no CSLU was ever there.
    NeverCslu,
    /// Transport off: never reports.
    Forgotten,
    /// Its clock is wrong for a time.
    WrongClock,
}

impl Cast {
    /// The cast of `devices` devices.
    #[must_use]
    pub fn new(population: Population, seed: u64, devices: u32) -> Self {
        let total: f64 = population.models.iter().map(|(share, _)| share).sum();
        let mut end = 0.0;
        let ends = population.models.iter().map(|(share, _)| {
            end += share / total.max(f64::MIN_POSITIVE);
            end
        });
        let model_ends = ends.collect();
        let mut cast = Self {
            population,
            luck: Luck(seed),
            chatter_ms: 0,
            sites: Vec::new(),
            model_ends,
            joined: Vec::new(),
        };
        cast.reach(devices);
        cast
    }

    /// The same cast, with or without companion messages.
    #[must_use]
    pub fn with_companions(mut self, companions: Companions) -> Self {
        self.chatter_ms = match companions {
            Companions::Off => 0,
            Companions::Sparse => self.population.companions_ms[0],
            Companions::Busy => self.population.companions_ms[1],
        };
        self
    }

    /// Knows the sites of so many devices.
    pub(crate) fn reach(&mut self, devices: u32) {
        for site in u32::try_from(self.sites.len()).unwrap_or(u32::MAX)..self.sites_of(devices) {
            let fallback = SiteZone { zone: Zone::UTC, cities: vec!["site".into()] };
            let drawn = pick(&self.population.zones, self.luck.unit(site, Why::Site, 0));
            let zone_at = self.population.zones.iter().position(|(_, zone)| Some(zone) == drawn).unwrap_or(0);
            let zone = drawn.unwrap_or(&fallback);
            let count = u64::try_from(zone.cities.len()).unwrap_or(1).max(1);
            let city = self.luck.number(site, Why::Site, 1) % count;
            let city = zone.cities.get(usize::try_from(city).unwrap_or(0)).map_or("site", String::as_str);
            self.sites.push(Site { zone: zone.zone, zone_at, name: format!("{city}{site:02}").into() });
        }
    }

    /// Devices from `first` on join at that time, in milliseconds since the start.
    pub(crate) fn join(&mut self, first: u32, from_ms: u64) {
        self.joined.push((first, from_ms));
    }

    /// How many sites that many devices have.
    #[must_use]
    pub fn sites_of(&self, devices: u32) -> u32 {
        devices.div_ceil(self.population.devices_per_site)
    }

    /// The site of a device.
    #[must_use]
    pub const fn site(&self, device: u32) -> u32 {
        device / self.population.devices_per_site
    }

    /// The name of a site.
    #[must_use]
    pub fn site_name(&self, site: u32) -> &str {
        self.sites.get(site as usize).map_or("site", |site| &site.name)
    }

    /// The site of that name.
    #[must_use]
    pub fn site_by_name(&self, name: &str) -> Option<u32> {
        self.sites.iter().position(|site| &*site.name == name).and_then(|at| u32::try_from(at).ok())
    }

    /// The device of that host name.
    #[must_use]
    pub fn device_by_host(&self, host: &str) -> Option<u32> {
        let number: u32 = host.rsplit('-').next()?.parse().ok()?;
        let device = number.checked_sub(1)?;
        (self.host(device) == host).then_some(device)
    }

    /// The zone in which a device stands.
    #[must_use]
    pub fn zone(&self, device: u32) -> Zone {
        self.sites.get(self.site(device) as usize).map_or(Zone::UTC, |site| site.zone)
    }

    /// Position in the population of the zone in which a device stands.
    pub(crate) fn zone_at(&self, device: u32) -> usize {
        self.sites.get(self.site(device) as usize).map_or(0, |site| site.zone_at)
    }

    /// Position of the device's model in the population.
    pub(crate) fn model_at(&self, device: u32) -> usize {
        let unit = self.luck.unit(device, Why::Model, 0);
        let at = self.model_ends.iter().position(|end| unit < *end);
        at.unwrap_or(self.model_ends.len().saturating_sub(1))
    }

    /// The device's model; none only in a population without models, which is never read.
    #[must_use]
    pub fn model(&self, device: u32) -> Option<&Model> {
        self.population.models.get(self.model_at(device)).map(|(_, model)| model)
    }

    /// The device's host name, which a replacement keeps.
    #[must_use]
    pub fn host(&self, device: u32) -> String {
        let mut host = String::new();
        self.write_host(device, &mut host);
        host
    }

    /// Writes the host name over what is in `out`.
    pub(crate) fn write_host(&self, device: u32, out: &mut String) {
        out.clear();
        out.push_str(self.site_name(self.site(device)));
        out.push('-');
        out.push_str(self.model(device).map_or("leaf", |model| &model.role));
        out.push('-');
        push_number(out, device + 1);
    }

    /// The address that the device sends from.
    pub(crate) fn write_address(device: u32, out: &mut String) {
        out.clear();
        out.push_str("10");
        for shift in [16, 8, 0] {
            out.push('.');
            push_number(out, (device + 1) >> shift & 0xff);
        }
    }

    /// The device's identity after so many replacements.
    #[must_use]
    pub fn udi(&self, device: u32, generation: u8) -> Udi {
        let made = u32::try_from(self.luck.number(device, Why::Serial, 0) % 156).unwrap_or(0);
        // Three years of making, from 2021 on; each replacement is three years younger.
        let weeks = made + u32::from(generation) % 26 * 156;
        let (year, week) = (21 + weeks / 52, 1 + weeks % 52);
        let plant = PLANTS[(device / PER_WEEK) as usize % PLANTS.len()];
        let mut serial = format!("{plant}{year:02}{week:02}");
        for power in [36 * 36 * 36, 36 * 36, 36, 1] {
            let digit = BASE_36.get((device / power % 36) as usize).copied().unwrap_or(b'0');
            serial.push(char::from(digit));
        }
        let pid = self.model(device).map_or("N9K-C93180YC-FX3", |model| &model.pid);
        // Both have been checked to fit.
        Udi {
            pid: Pid::new(pid).unwrap_or(Pid::EMPTY),
            serial: Serial::new(&serial).unwrap_or(Serial::EMPTY),
        }
    }

    /// What is special about the device.
    #[must_use]
    pub fn character(&self, device: u32) -> Character {
        let unit = self.luck.unit(device, Why::Trouble, 0);
        let troubles = &self.population.troubles;
        let mut below = troubles.never_cslu;
        if unit < below {
            return Character::NeverCslu;
        }
        below += troubles.forgotten;
        if unit < below {
            return Character::Forgotten;
        }
        below += troubles.wrong_clock;
        if unit < below { Character::WrongClock } else { Character::Healthy }
    }

    /// The part of its configuration that the agent acts on.
    #[must_use]
    pub fn settings(&self, device: u32) -> Settings {
        let drawn = || pick(&self.population.transports, self.luck.unit(device, Why::Transport, 0)).copied();
        let transport = match self.character(device) {
            Character::NeverCslu => TransportMode::Cslu,
            Character::Forgotten => TransportMode::Off,
            Character::Healthy | Character::WrongClock => drawn().unwrap_or_default(),
        };
        let days = pick(&self.population.intervals, self.luck.unit(device, Why::Interval, 0));
        Settings { transport, usage_interval_days: days.copied().unwrap_or(30) }
    }

    /// The licences in use at the first boot.
    #[must_use]
    pub fn usage(&self, device: u32) -> Vec<Usage> {
        let rows = self.model(device).map_or(&[0][..], |model| &model.licenses);
        rows.iter().map(|license| Usage { license: *license, count: 1 }).collect()
    }

    /// When it boots for the first time, in milliseconds since the start.
    #[must_use]
    pub fn boot_ms(&self, device: u32) -> u64 {
        // Within a minute at least: not even a power cut brings a site back within the same millisecond.
        let after = self.luck.number(device, Why::Boot, 0) % self.population.bring_up_ms.max(60_000);
        let joined = self.joined.iter().rev().find(|(first, _)| *first <= device);
        joined.map_or(0, |(_, from_ms)| *from_ms).saturating_add(after)
    }

    /// Whether its own link comes and goes.
    #[must_use]
    pub fn flaps(&self, device: u32) -> bool {
        self.luck.unit(device, Why::Flapping, 0) < self.population.flapping.share
    }
}

fn push_number(out: &mut String, number: u32) {
    let mut digits = [0_u8; 10];
    let mut left = number;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    // Digits are ASCII.
    out.push_str(std::str::from_utf8(&digits[first..]).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::population;
    use std::collections::HashSet;

    fn cast(devices: u32) -> Cast {
        let text = "name = \"t\"\ndevices-per-site = 50\n[[model]]\npid = \"N9K-C93180YC-FX3\"\n\
            [[zone]]\nname = \"Asia/Tokyo\"\ncities = [\"tyo\"]\n[trouble]\nnever-cslu = 0.1\nforgotten = 0.2\n";
        Cast::new(population::parse(text, "t").unwrap(), 3, devices)
    }

    #[test]
    fn every_device_and_every_replacement_has_a_name_of_its_own() {
        let cast = cast(3_000);
        let mut serials = HashSet::new();
        let mut hosts = HashSet::new();
        for device in 0..3_000 {
            assert!(hosts.insert(cast.host(device)));
            for generation in 0..3 {
                let udi = cast.udi(device, generation);
                assert_eq!((udi.pid.as_str(), udi.serial.as_str().len()), ("N9K-C93180YC-FX3", 11));
                assert!(serials.insert(udi.serial), "{}", udi.serial);
            }
        }
        assert_eq!(cast.host(0), "tyo00-leaf-1");
        assert_eq!(cast.host(2_999), "tyo59-leaf-3000");
        assert_eq!(cast.device_by_host("tyo59-leaf-3000"), Some(2_999));
        for none in ["tyo58-leaf-3000", "tyo00-leaf-0", "x", "", "tyo00-leaf-+1"] {
            assert_eq!(cast.device_by_host(none), None, "{none}");
        }
        assert_eq!((cast.site_by_name("tyo59"), cast.site_by_name("tyo60")), (Some(59), None));
        let mut address = String::new();
        Cast::write_address(65_535, &mut address);
        assert_eq!(address, "10.1.0.0");
    }

    #[test]
    fn characters_have_their_shares() {
        let cast = cast(20_000);
        let count = |of| (0..20_000).filter(|device| cast.character(*device) == of).count();
        assert!((1_850..2_150).contains(&count(Character::NeverCslu)));
        assert!((3_800..4_200).contains(&count(Character::Forgotten)));
    }
}

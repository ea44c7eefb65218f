//! From the keys of a `[device]` table to the configuration that they stand for.

use slpsim_config::Device;
use slpsim_console::calendar;
use slpsim_console::config::{Config, NtpServer, VRF};
use slpsim_logs::{Zone, ZoneError};
use slpsim_network::World;
use slpsim_policy::Wall;

/// The configuration with which a device of a file boots first in `world` at `now`, and its time zone with summer time,
/// which the console's own has not.
///
/// # Errors
/// Where there is no such time zone.
pub fn factory_config(device: &Device, world: &World, now: Wall) -> Result<(Config, Zone), ZoneError> {
    let zone: Zone = device.timezone.parse()?;
    let mut made = Config { hostname: device.hostname.clone(), ip: device.ip.clone(), ..Config::default() };
    let licensing = &device.licensing;
    let smart = &mut made.smart;
    smart.transport = device.settings.transport;
    smart.usage_interval_days = device.settings.usage_interval_days;
    smart.smart_url.clone_from(&licensing.url_smart);
    smart.cslu_url.clone_from(&licensing.url_cslu);
    smart.vrf.clone_from(&licensing.vrf);
    smart.source_interface.clone_from(&licensing.source_interface);
    smart.proxy_address.clone_from(&licensing.proxy_address);
    smart.proxy_port = licensing.proxy_address.as_ref().map(|_| licensing.proxy_port);
    smart.custom_id.clone_from(&licensing.custom_id);
    smart.privacy_hostname = licensing.privacy_hostname;
    smart.privacy_version = licensing.privacy_version;
    made.callhome.url.clone_from(&licensing.url_callhome);
    made.zone = zone.at(now.secs(), |offset_s, abbreviation| calendar::Zone {
        abbreviation: abbreviation.into(),
        offset_min: i16::try_from(offset_s / 60).unwrap_or(0),
        summer: None,
    });
    let servers = world.ntp_servers.iter().map(|server| NtpServer {
        server: server.to_string(),
        version: None,
        prefer: false,
        vrf: Some(VRF.into()),
    });
    made.ntp = servers.collect();
    Ok((made, zone))
}

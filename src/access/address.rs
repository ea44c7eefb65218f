//! Where a device's listeners are.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use anyhow::Result;
use slpsim_config as config;

use crate::error::user_error;

/// The addresses of one device's listeners. Port 0 is any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// SSH.
    pub ssh: Option<SocketAddr>,
    /// NX-API over HTTP.
    pub nxapi: Option<SocketAddr>,
    /// NX-API over HTTPS.
    pub nxapi_https: Option<SocketAddr>,
}

impl Addresses {
    /// Those of each device of a configuration, in order. Where there are users, SSH and NX-API are open, at any port
    /// of the loopback unless the configuration says otherwise; without users everything stays closed.
    ///
    /// # Errors
    /// Where an address is given but no user, or one outside the loopback without leave; one line for the user.
    pub fn of(config: &config::Config) -> Result<Vec<Self>> {
        config.devices.iter().map(|device| Self::of_device(device, config)).collect()
    }

    fn of_device(device: &config::Device, config: &config::Config) -> Result<Self> {
        let given = Self { ssh: device.ssh, nxapi: device.nxapi, nxapi_https: device.nxapi_https };
        if config.users.is_empty() {
            return if given == Self::default() {
                Ok(given)
            } else {
                Err(user_error(
                    "SSH or NX-API is to listen, but nobody could log in: name a user with [[user]]",
                ))
            };
        }
        for address in [given.ssh, given.nxapi, given.nxapi_https].into_iter().flatten() {
            if !address.ip().is_loopback() && !config.allow_external {
                return Err(user_error(format!(
                    "device {}: {address} can be reached from other machines; --allow-external permits that",
                    device.name
                )));
            }
        }
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        Ok(Self { ssh: given.ssh.or(Some(any)), nxapi: given.nxapi.or(Some(any)), ..given })
    }
}

/// Gives each device in turn the address, counting the port up unless it is 0 (`--ssh`, `--nxapi`, `--nxapi-https`).
///
/// # Errors
/// Where there are more devices than ports; one line for the user.
pub fn spread(address: SocketAddr, devices: usize) -> Result<Vec<SocketAddr>> {
    (0..devices)
        .map(|number| {
            let step = if address.port() == 0 { 0 } else { u16::try_from(number).unwrap_or(u16::MAX) };
            match address.port().checked_add(step) {
                Some(port) => Ok(SocketAddr::new(address.ip(), port)),
                None => {
                    Err(user_error(format!("{devices} devices have no room in the ports from {address} on")))
                }
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_counted_up_and_any_port_stays_any() {
        let of = |text: &str, devices| spread(text.parse().unwrap(), devices);
        let ports =
            |text, devices| of(text, devices).unwrap().iter().map(SocketAddr::port).collect::<Vec<_>>();
        assert_eq!(ports("127.0.0.1:2201", 3), [2201, 2202, 2203]);
        assert_eq!(ports("127.0.0.1:0", 2), [0, 0]);
        assert!(of("127.0.0.1:65535", 2).unwrap_err().to_string().contains("no room"));
    }

    #[test]
    fn without_a_user_everything_stays_closed_and_with_one_both_open_on_the_loopback() {
        let checks = config::Checks { zone: |_| Ok(()), sink: |_| Ok(()), store: |_| Ok(()) };
        let of = |text: &str| {
            let here = std::path::Path::new("");
            let config = config::parse(text, "test", here, &config::Overrides::default(), &checks).unwrap();
            Addresses::of(&config).map(|all| all[0])
        };
        let user = "[[user]]\nname = \"admin\"\npassword = \"x\"\n";
        assert_eq!(of("[device]\n").unwrap(), Addresses::default());
        let open = of(user).unwrap();
        assert!(open.ssh.is_some_and(|address| address.ip().is_loopback() && address.port() == 0));
        assert!(open.nxapi.is_some() && open.nxapi_https.is_none());
        let error = of("[device]\nssh = \"127.0.0.1:2201\"\n").unwrap_err();
        assert!(error.to_string().contains("[[user]]"), "{error}");
        let error = of(&format!("{user}[device]\nssh = \"0.0.0.0:2201\"\n")).unwrap_err();
        assert!(error.to_string().contains("--allow-external"), "{error}");
    }
}

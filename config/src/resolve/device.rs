//! `[device]`.

use std::net::Ipv4Addr;

use slpsim_agent::{ProfileId, Settings, Spelling, Token, TransportMode, Udi};
use slpsim_network::{CSLU_LOCAL, IpSettings, Ipv4Net};

use super::mock::verify;
use super::{Unique, required, socket};
use crate::check::Table;
use crate::keys;
use crate::kind::Item;
use crate::problem::{Problems, did_you_mean};
use crate::resolved::{Device, IdToken, LicenseUse, Licensing, ProxyLogin};

/// All devices of the file; one with all defaults where there is none.
pub(super) fn devices(
    tables: &[(String, Table)],
    network: Option<&Table>,
    ip: &IpSettings,
    problems: &mut Problems,
) -> Vec<Device> {
    let (mut names, mut udis) = (Unique::new("device"), Unique::new("UDI"));
    let mut devices = Vec::with_capacity(tables.len().max(1));
    let own_interfaces = network.is_some_and(|network| !network.inner("interfaces").is_empty());
    for (position, (_, table)) in tables.iter().enumerate() {
        let Some(mut device) = device(position + 1, table, ip, problems) else { continue };
        set_address(&mut device, position, table, own_interfaces, problems);
        names.see(&device.name, table.place("name"), problems);
        for udi in [Some(device.udi), device.standby].into_iter().flatten() {
            udis.see(&udi.in_show().to_string(), table.place("serial"), problems);
        }
        devices.push(device);
    }
    devices
}

fn device(number: usize, table: &Table, ip: &IpSettings, problems: &mut Problems) -> Option<Device> {
    let profile = table.text("profile").and_then(ProfileId::by_name).unwrap_or_default();
    let hostname = table.owned("hostname").unwrap_or_else(|| match number {
        1 => "switch".into(),
        number => format!("switch-{number}"),
    });
    let pid = table.text("pid").unwrap_or(profile.profile().default_pid);
    let mut udi = |key, prefix: &str| {
        let serial = table.owned(key).unwrap_or_else(|| format!("{prefix}{number:08}"));
        Udi::new(pid, &serial)
            .map_err(|error| problems.add(table.place(key), format!("pid or serial: {error}")))
            .ok()
    };
    let (own, standby) = (udi("serial", "FDO"), udi("standby-serial", "SBY"));
    if table.has("standby-serial") && !table.flag("standby") {
        problems.add(table.place("standby-serial"), "`standby-serial` needs `standby = true`");
    }
    Some(Device {
        name: table.owned("name").unwrap_or_else(|| hostname.clone()),
        hostname,
        profile,
        udi: own?,
        standby: standby.filter(|_| table.flag("standby")),
        timezone: table.text("timezone").unwrap_or("UTC").into(),
        settings: settings(table),
        licensing: licensing(table, problems),
        ca_file: table.path("ca-file"),
        verify: verify(table),
        idtoken: idtoken(table, problems),
        startup_config: table.path("startup-config"),
        licenses: licenses(table, profile, problems),
        upgraded: table.has("classic-registration"),
        spelling: if table.flag("chapter-spelling") { Spelling::Chapter } else { Spelling::Device },
        wire_profile: table.path("wire-profile"),
        ip: ip.clone(),
        ssh: socket(table, "ssh"),
        nxapi: socket(table, "nxapi"),
        nxapi_https: socket(table, "nxapi-https"),
    })
}

fn settings(table: &Table) -> Settings {
    let mut settings = Settings::default();
    let word = table.text("transport");
    if let Some(mode) = TransportMode::ALL.into_iter().find(|mode| Some(mode.keyword()) == word) {
        settings.transport = mode;
    }
    if let Some(days) = table.count("usage-interval").and_then(|days| u16::try_from(days).ok()) {
        settings.usage_interval_days = days;
    }
    settings
}

fn licensing(table: &Table, problems: &mut Problems) -> Licensing {
    let text = |key: &str| table.owned(key).unwrap_or_else(|| default(key).into());
    Licensing {
        url_smart: text("url-smart"),
        url_callhome: text("url-callhome"),
        url_cslu: table.text("url-cslu").unwrap_or(CSLU_LOCAL).into(),
        vrf: text("vrf"),
        source_interface: table.owned("source-interface"),
        proxy_address: table.owned("proxy-address"),
        proxy_port: table.count("proxy-port").and_then(|port| u16::try_from(port).ok()).unwrap_or(80),
        proxy_login: proxy_login(table, problems),
        custom_id: table.owned("custom-id"),
        privacy_hostname: table.flag("privacy-hostname"),
        privacy_version: table.flag("privacy-version"),
    }
}

/// Both keys or none, and nothing that HTTP's Basic scheme cannot carry (RFC 7617 §2).
fn proxy_login(table: &Table, problems: &mut Problems) -> Option<ProxyLogin> {
    let (user, password) = match (table.secret("proxy-user"), table.secret("proxy-password")) {
        (None, None) => return None,
        (Some(user), Some(password)) => (user, password),
        (Some(_), None) => {
            problems.add(table.place("proxy-user"), "`proxy-user` needs `proxy-password`");
            return None;
        }
        (None, Some(_)) => {
            problems.add(table.place("proxy-password"), "`proxy-password` needs `proxy-user`");
            return None;
        }
    };
    for (key, secret) in [("proxy-user", &user), ("proxy-password", &password)] {
        if secret.expose().chars().any(char::is_control) {
            problems.add(table.place(key), format!("`{key}` must not hold control characters"));
        }
    }
    if user.expose().contains(':') {
        problems
            .add(table.place("proxy-user"), "`proxy-user` must not hold a colon: Basic ends the name there");
    }
    Some(ProxyLogin { user, password })
}

/// The default that the table of keys states for a key of `[device]`.
fn default(name: &str) -> &'static str {
    let section = keys::section("device").map_or(&[][..], |section| section.keys);
    section.iter().find(|key| key.name == name).map_or("", |key| key.default)
}

fn idtoken(table: &Table, problems: &mut Problems) -> Option<IdToken> {
    match (table.secret("idtoken"), table.path("idtoken-file")) {
        (Some(_), Some(_)) => {
            problems.add(table.place("idtoken-file"), "give `idtoken` or `idtoken-file`, not both");
            None
        }
        (Some(token), None) => match Token::new(token.expose()) {
            Ok(token) => Some(IdToken::Given(token)),
            Err(error) => {
                problems.add(table.place("idtoken"), format!("`idtoken` {error}"));
                None
            }
        },
        (None, file) => file.map(IdToken::File),
    }
}

fn licenses(table: &Table, profile: ProfileId, problems: &mut Problems) -> Vec<LicenseUse> {
    let tables = table.inner("license");
    if tables.is_empty() {
        return vec![LicenseUse { license: 0, count: 1 }];
    }
    let mut names = Unique::new("licence");
    let mut licenses = Vec::with_capacity(tables.len());
    for (_, table) in tables {
        let Some(name) = required(table, "name", problems) else { continue };
        let Some((license, _)) = profile.profile().license(&name) else {
            let known = profile.profile().licenses.iter().map(|license| license.name);
            let hint = did_you_mean(&name, known.clone());
            let (profile, known) = (profile.profile().name, known.collect::<Vec<_>>().join(", "));
            problems.add(
                table.place("name"),
                format!("profile {profile} has no licence `{name}`{hint} (it has {known})"),
            );
            continue;
        };
        names.see(&name, table.place("name"), problems);
        let count = table.count("count").and_then(|count| u32::try_from(count).ok()).unwrap_or(1);
        licenses.push(LicenseUse { license, count });
    }
    licenses
}

/// Every switch has an address of its own on mgmt0, unless the file describes the interfaces.
fn set_address(
    device: &mut Device,
    position: usize,
    table: &Table,
    own_interfaces: bool,
    problems: &mut Problems,
) {
    let given = if let Some(Item::Net(net)) = table.item_of("address") { Some(*net) } else { None };
    // 192.0.2.10 to 192.0.2.254, then again from the beginning: nothing but `show` and origin-id looks at it.
    let last = u8::try_from(10 + position % 245).unwrap_or(10);
    let own = Ipv4Net { address: Ipv4Addr::new(192, 0, 2, last), prefix: 24 };
    let net = given.or_else(|| (!own_interfaces).then_some(own));
    match (net, device.ip.interface_mut("mgmt0")) {
        (Some(net), Some(interface)) => interface.address = Some(net),
        (Some(_), None) => {
            problems.add(
                table.place("address"),
                "`address` is that of mgmt0, which [network.interfaces] does not have",
            );
        }
        (None, _) => {}
    }
}

//! Files as users write them, good and bad.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use slpsim_agent::{ProfileId, Spelling, TransportMode};
use slpsim_logs::{SinkUrl, Zone};
use slpsim_policy::{Class, Wall};

use super::*;

const CHECKS: Checks = Checks {
    zone: |text| text.parse::<Zone>().map(drop).map_err(|error| error.to_string()),
    sink: |text| text.parse::<SinkUrl>().map(drop).map_err(|error| error.to_string()),
    store: |text| if text.starts_with("mysql:") { Err("no such store".into()) } else { Ok(()) },
};

fn parsed(text: &str) -> Config {
    parse(text, "f.toml", Path::new("/etc/slpsim"), &Overrides::default(), &CHECKS).unwrap()
}

fn with(text: &str, set: &[&str]) -> Result<Config, Problems> {
    let set = set.iter().map(|&assignment| assignment.into()).collect();
    parse(text, "f.toml", Path::new("/etc/slpsim"), &Overrides { set, allow_external: false }, &CHECKS)
}

fn refused(text: &str) -> String {
    with(text, &[]).unwrap_err().to_string()
}

fn example(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    load(&path, &Overrides::default(), &CHECKS).unwrap_or_else(|error| panic!("{error}"))
}

/// `spec/behaviour.md` §1, `interface.md` §5.
#[test]
fn an_empty_file_is_one_switch_with_the_defaults_of_a_nexus() {
    let config = parsed("");
    let [device] = &config.devices[..] else { panic!("one device") };
    assert_eq!((device.name.as_str(), device.hostname.as_str()), ("switch", "switch"));
    assert_eq!(device.udi.in_show().to_string(), "PID:N9K-C93180YC-FX3,SN:FDO00000001");
    assert_eq!(device.settings.transport, TransportMode::Cslu);
    assert_eq!(device.settings.usage_interval_days, 30);
    assert_eq!(device.licensing.url_smart, "https://smartreceiver.cisco.com/licservice/license");
    assert_eq!(
        device.licensing.url_callhome,
        "https://tools.cisco.com/its/service/oddce/services/DDCEService"
    );
    assert_eq!(
        (device.licensing.url_cslu.as_str(), device.licensing.vrf.as_str()),
        ("cslu-local", "management")
    );
    assert_eq!(device.licenses, [LicenseUse { license: 0, count: 1 }]);
    assert_eq!(
        (device.timezone.as_str(), device.verify, device.spelling),
        ("UTC", Verify::Root, Spelling::Device)
    );
    assert_eq!(
        (config.speed, config.start, config.mock, config.seed),
        (Speed::Times(1), Start::Now, None, None)
    );
    assert!(config.sinks.is_empty() && config.users.is_empty());
}

#[test]
fn the_example_with_an_embedded_mock_is_what_it_says() {
    let config = example("switch-with-mock.toml");
    assert_eq!(config.devices[0].settings.transport, TransportMode::Smart);
    let mock = config.mock.unwrap();
    assert_eq!((mock.role, mock.acks, mock.strict_clock), (MockRole::Cssm, AckMode::AtOnce, false));
    let policy = mock.accounts[0].policy.as_ref().unwrap();
    let values = policy.values[Class::Unenforced.index()];
    assert_eq!((values.first, values.ongoing, values.on_change), (Some(60), Some(180), Some(60)));
    assert_eq!((policy.name.as_str(), policy.ack_required), ("Example Policy", Some(true)));
}

#[test]
fn the_example_against_an_own_server_takes_files_beside_it() {
    let config = example("own-server.toml");
    let device = &config.devices[0];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    assert_eq!(device.ca_file, Some(folder.join("own-ca.pem")));
    assert_eq!(device.idtoken, Some(IdToken::File(folder.join("own-idtoken.txt"))));
    assert_eq!((device.verify, &config.mock), (Verify::Off, &None));
    assert_eq!(config.world.lookup("cssm.example.com"), "192.0.2.80".parse().ok());
    assert_eq!(config.world.route("cssm.example.com", 443), "127.0.0.1:8443".parse().ok());
    assert_eq!(config.sinks[1].timestamp.as_deref(), Some("milliseconds"));
}

#[test]
fn the_example_of_two_switches_has_two() {
    let config = example("two-switches-cslu.toml");
    let names: Vec<_> = config.devices.iter().map(|device| device.name.as_str()).collect();
    assert_eq!(names, ["leaf-1", "leaf-2"]);
    let licenses = [LicenseUse { license: 0, count: 2 }, LicenseUse { license: 2, count: 1 }];
    assert_eq!(config.devices[1].licenses, licenses);
    assert_eq!(config.devices[1].licensing.url_cslu, "http://192.168.0.1:8182/cslu/v1/pi");
    let addresses: Vec<_> =
        config.devices.iter().map(|device| device.ip.interfaces[0].address.unwrap()).collect();
    assert_ne!(addresses[0], addresses[1], "each has an address of its own");
    assert_eq!(config.mock.unwrap().role, MockRole::Cslu);
}

#[test]
fn the_example_of_a_lab_describes_its_network() {
    let config = example("lab-with-routes.toml");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    assert_eq!((config.speed, config.start), (Speed::Times(60), Start::At(Wall(1_767_225_600_000))));
    assert_eq!(config.state, Some(folder.join("lab-state")));
    let [leaf, mds] = &config.devices[..] else { panic!("two devices") };
    assert!(leaf.startup_config.as_ref().is_some_and(|path| path.is_file()));
    assert_eq!(leaf.standby.unwrap().in_show().to_string(), "PID:N9K-C93180YC-FX3,SN:SBY00000001");
    assert_eq!(mds.profile, ProfileId::Mds9000);
    let address = |device: &Device| device.ip.interface("mgmt0").unwrap().address.unwrap().to_string();
    assert_eq!((address(leaf), address(mds)), ("192.0.2.21/24".into(), "192.0.2.22/24".into()));
    assert!(leaf.ip.interface("ethernet1/1").unwrap().shut);
    assert_eq!((leaf.ip.domain.as_deref(), config.world.firewall.len()), (Some("example.com"), 2));
    let to: SocketAddr = "127.0.0.1:40002".parse().unwrap();
    assert_eq!(config.world.route("192.168.0.1", 8182), Some(to));
    assert_eq!(config.mock.unwrap().acks, AckMode::Delay(Duration::from_secs(5_400)));
    let credential = Some(Credential::Password(Secret::new("lab-only")));
    assert_eq!(config.users, [User { name: "admin".into(), credential, keys: Vec::new(), admin: true }]);
}

/// Every shipped file is one of the tests above.
#[test]
fn no_example_is_forgotten() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| name.ends_with(".toml"));
    names.sort();
    let tested =
        ["lab-with-routes.toml", "own-server.toml", "switch-with-mock.toml", "two-switches-cslu.toml"];
    assert_eq!(names, tested);
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
    for (text, expected) in [
        ("sped = 2", "f.toml:1:1: unknown key `sped` at the top of the file; did you mean `speed`?"),
        (
            "\n[device]\n  hostnme = \"x\"",
            "f.toml:3:3: unknown key `hostnme` in [device]; did you mean `hostname`?",
        ),
        ("[devise]\n", "f.toml:1:2: unknown key `devise` at the top of the file; did you mean `device`?"),
        ("[mock]\nxyzzy = 1", "f.toml:2:1: unknown key `xyzzy` in [mock]"),
        ("[[device]]\n[[device.licence]]\n", "did you mean `license`?"),
        ("[network]\nhost = {}\n", "unknown key `host` in [network]; did you mean `hosts`?"),
    ] {
        let refused = refused(text);
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
fn a_wrong_value_is_told_with_its_place_and_what_would_be_right() {
    for (text, expected) in [
        (
            "[device]\ntransport = \"smrt\"",
            "f.toml:2:13: `transport`: there is no `smrt`; did you mean `smart`?",
        ),
        ("[device]\nprofile = \"nexus900\"", "did you mean `nexus9000`?"),
        ("[device]\nusage-interval = 4000", "f.toml:2:18: `usage-interval`: 4000 is outside 1 to 3650"),
        (
            "[device]\nusage-interval = \"30\"",
            "`usage-interval`: must be a whole number, 1 to 3650, but is a text",
        ),
        ("[device]\nusage-interval = 1.5", "but is a number with a point"),
        (
            "[device]\nurl-smart = \"ftp://x\"",
            "`url-smart`: `ftp://x` does not begin with http:// or https://",
        ),
        ("[device]\nurl-cslu = \"http://:8182/x\"", "is no URL"),
        ("[device]\nurl-cslu = \"http://h:99999/x\"", "the port is no number from 1 to 65535"),
        ("[device]\ntimezone = \"Asia/Tokio\"", "f.toml:2:12: `timezone`: unknown time zone \"Asia/Tokio\""),
        ("[device]\nhostname = \"a b\"", "`hostname`: must not contain ' '"),
        ("[device]\nserial = \"FDO0000000000001\"", "pid or serial: must have at most 15 characters"),
        ("[device]\naddress = \"192.0.2.1\"", "`address`: write the address with the length of its mask"),
        ("[device]\nidtoken = \"\"", "`idtoken` must not be empty"),
        ("[device]\nidtoken = \"x\"\nidtoken-file = \"y\"", "give `idtoken` or `idtoken-file`, not both"),
        ("[device]\nproxy-user = \"x\"", "`proxy-user` needs `proxy-password`"),
        ("[device]\nproxy-password = \"x\"", "`proxy-password` needs `proxy-user`"),
        (
            "[device]\nproxy-user = \"a:b\"\nproxy-password = \"x\"",
            "f.toml:2:14: `proxy-user` must not hold a colon",
        ),
        (
            "[device]\nproxy-user = \"a\"\nproxy-password = \"x\\n\"",
            "`proxy-password` must not hold control characters",
        ),
        ("[device]\nstandby-serial = \"X\"", "`standby-serial` needs `standby = true`"),
        (
            "[[device.license]]\nname = \"LAN_ENTERPRISE_SERVICE_PKG\"",
            "has no licence `LAN_ENTERPRISE_SERVICE_PKG`; did you mean `LAN_ENTERPRISE_SERVICES_PKG`?",
        ),
        ("[[device.license]]\ncount = 1", "f.toml:1:1: `name` is missing in [device.license]"),
        ("device = 3", "[device] must be a table, but is a whole number"),
        ("speed = 0", "0 is outside 1 to 1000000"),
        ("speed = 1000001", "1000001 is outside 1 to 1000000"),
        ("[mock.accounts.policy]\nfirst = 60", "`name` is missing in [mock.accounts.policy]"),
        ("health = 7", "must be an address:port"),
        ("seed = -1", "`seed`: -1 is below 0"),
        ("start = \"yesterday\"", "is no time with its zone like 2026-01-01T00:00:00Z"),
        ("start = 2026-01-01T00:00:00", "is no time with its zone"),
        ("health = \"localhost\"", "is no address with a port such as 127.0.0.1:0"),
        ("[network]\nname-servers = [\"192.0.2.53\", \"x\"]", "f.toml:2:31: `x` is no IP address"),
        (
            "[network]\nfirewall = [\"drop any\"]",
            "f.toml:2:13: a firewall rule begins with `permit` or `deny`",
        ),
        ("[network.hosts]\n\"a\" = \"b\"", "`a`: `b` is no IP address"),
        ("[network.routes]\n\"a\" = \"127.0.0.1:1\"", "f.toml:2:1: `a` is no destination"),
        ("[network.routes]\n\"a:1\" = \"192.0.2.1:1\"", "192.0.2.1:1 leaves this machine"),
        ("[network.interfaces.mgmt0]\naddress = \"192.0.2.1\"", "`address` needs the length of its mask"),
        (
            "[network.interfaces.mgmt0]\naddress = \"192.0.2.1\"\nmask = \"255.0.255.0\"",
            "its bits have a hole",
        ),
        ("[mock]\nrole = \"cslu\"\nack-delay = \"1h\"", "`ack-delay` needs `ack-mode = \"delay\"`"),
        (
            "[mock]\nack-mode = \"delay\"\nack-delay = \"1 hour\"",
            "is no span of time: write a sum like 30d6h15m10s",
        ),
        ("[mock]\nupstream = \"https://h/\"", "`upstream` is for role cslu or on-prem"),
        ("[mock]\nstore = \"mysql://h/d\"", "f.toml:2:9: `store`: no such store"),
        ("[mock]\nstore = 5", "`store`: must be a store, secret, but is"),
        (
            "[mock]\nrole = \"cslu\"\nupstream = \"https://h/\"\nstore = \"postgres://h/d\"",
            "f.toml:4:9: a mock with an `upstream` has its records for itself",
        ),
        ("[[user]]\nname = \"a\"", "user `a` needs `password`, `password-hash` or `keys`"),
        ("[[sink]]\nurl = \"udp:x\"", "f.toml:2:7: `url`: udp:// needs a host and a port"),
        ("[[sink]]\nurl = \"stdout:\"\nframing = \"octet\"", "`framing` is for tcp:// and tls:// only"),
        ("[[sink]]\nurl = \"null:\"\norigin-id = \"string:\"", "is none of none, hostname, ip, string:X"),
        ("[device]\nhostname = \"a\"\nhost_name = \"b\"", "unknown key `host_name`"),
        (
            "[device]\nurl-cslu = \"\"\nurl_cslu = \"\"",
            "f.toml:3:1: `url-cslu` is given twice, first at f.toml:2:12",
        ),
        ("[device]\nname = ", "f.toml:2:8: this is no TOML: "),
        ("a = 1\na = 2", "f.toml:2:1: this is no TOML: "),
    ] {
        let refused = refused(text);
        assert!(refused.contains(expected), "{text}\n{refused}");
        assert!(refused.starts_with("f.toml:"), "{refused}");
    }
}

#[test]
fn a_folder_whose_name_begins_like_a_database_is_a_folder() {
    let text = "[mock]\nrole = \"cslu\"\nupstream = \"https://h/\"\nstore = \"postgres-data\"";
    assert!(parsed(text).mock.unwrap().store.is_some());
}

#[test]
fn all_problems_are_told_at_once() {
    let refused = refused("speed = 0\n[device]\ntransport = \"x\"\nhostnme = \"y\"\n[[user]]\nname = \"a\"");
    assert_eq!(refused.lines().count(), 4, "{refused}");
}

#[test]
fn names_and_udis_are_unique() {
    let two = |first: &str, second: &str| refused(&format!("[[device]]\n{first}\n[[device]]\n{second}\n"));
    assert!(
        two("hostname = \"a\"", "hostname = \"a\"").contains("device `a` is there twice, first at f.toml:")
    );
    let refused = two("serial = \"X\"", "serial = \"X\"");
    assert!(
        refused.contains("UDI `PID:N9K-C93180YC-FX3,SN:X` is there twice, first at f.toml:2:10"),
        "{refused}"
    );
    let config = parsed("[[device]]\n[[device]]\n");
    assert_eq!(config.devices[1].name, "switch-2");
    assert_eq!(config.devices[1].udi.serial.as_str(), "FDO00000002");
}

#[test]
fn settings_are_laid_over_the_file() {
    let text = "[[device]]\nhostname = \"a\"\n[[device]]\nhostname = \"b\"\n";
    let config = with(
        text,
        &[
            "device.transport=smart",
            "device.1.usage-interval=10",
            "device.1.url-cslu=\"http://127.0.0.1:1/\"",
            "seed=5",
            "network.hosts.\"a.example.com\"=192.0.2.7",
            "start=2026-01-01T00:00:00Z",
            "state=there",
        ],
    )
    .unwrap();
    for device in &config.devices {
        assert_eq!(device.settings.transport, TransportMode::Smart);
    }
    let intervals = [0, 1].map(|position: usize| config.devices[position].settings.usage_interval_days);
    assert_eq!((intervals, config.seed), ([30, 10], Some(5)));
    assert_eq!(config.world.lookup("a.example.com"), "192.0.2.7".parse().ok());
    assert_eq!(config.state, Some("there".into()), "relative to the working directory");
    assert_eq!(
        with("", &["device.transport=off"]).unwrap().devices[0].settings.transport,
        TransportMode::Off
    );
}

#[test]
fn a_value_that_is_refused_is_not_called_missing_as_well() {
    let refused = with("[[sink]]\nurl = \"htp:x\"", &[]).unwrap_err().to_string();
    assert_eq!(refused.lines().count(), 1, "{refused}");
    assert!(refused.starts_with("f.toml:2:7: `url`: "), "{refused}");
}

#[test]
fn a_wrong_setting_is_told_without_its_value() {
    for (set, expected) in [
        ("speed", "--set speed: write KEY=VALUE"),
        ("=1", "--set : the key is not made of words"),
        (
            "device.transprt=smart",
            "--set device.transprt: unknown key `transprt` in [device]; did you mean `transport`?",
        ),
        (
            "device.usage-interval=often",
            "--set device.usage-interval: `usage-interval`: must be a whole number",
        ),
        ("user.password=hunter2", "--set user.password: `name` is missing in [user]"),
    ] {
        let refused = with("", &[set]).unwrap_err().to_string();
        assert!(refused.contains(expected) && !refused.contains("hunter2"), "{refused}");
    }
}

#[test]
fn secrets_are_in_no_debug_output_and_in_no_problem() {
    let text = "[device]\nidtoken = \"SECRET-1\"\n[[user]]\nname = \"a\"\npassword = \"SECRET-2\"\n";
    let config = parsed(text);
    assert!(!format!("{config:?}").contains("SECRET"));
    let Some(Credential::Password(password)) = &config.users[0].credential else { panic!("a password") };
    assert_eq!(password.expose(), "SECRET-2");
    let wrong = format!("{text}password-hash = \"SECRET-3\"\n[device.x]\n").replace("SECRET-1", "SECRET 1");
    assert!(!refused(&wrong).contains("SECRET"), "{}", refused(&wrong));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.toml");
    let error = load(&missing, &Overrides::default(), &CHECKS).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot read {}: ", missing.display())), "{error}");
    let large = folder.path().join("large.toml");
    std::fs::write(&large, "#".repeat(5 << 20)).unwrap();
    let error = load(&large, &Overrides::default(), &CHECKS).unwrap_err().to_string();
    assert!(error.contains("at most 4 MiB"), "{error}");
}

proptest! {
    #[test]
    fn no_file_makes_the_reader_panic(text in "([a-z.\\[\\]\"= 0-9{},\\n-]|device|mock|network|[\\PC]){0,200}", set in "\\PC{0,40}") {
        let _ = with(&text, &[&set]);
    }

    #[test]
    fn no_value_of_a_key_makes_the_reader_panic(value in "(\"\\PC{0,30}\"|[-+0-9.eTZ:]{1,20}|\\[\\]|\\{\\}|true)") {
        for section in keys::SECTIONS {
            for key in section.keys {
                let path = if section.path.is_empty() { String::new() } else { format!("[{}]\n", section.path) };
                let _ = with(&format!("{path}{} = {value}\n", key.name), &[]);
            }
        }
    }
}

//! The configuration: commands, their `no` forms, `show running-config`, startup configurations.

use proptest::prelude::*;
use slpsim_agent::{Command, ProfileId, TransportMode};
use slpsim_console::{Config, Effect, apply_startup};

use crate::bench::Bench;

fn bare() -> Bench {
    Bench::nexus(|config| *config = Config::bare())
}

/// Lines of `show running-config license`, without its head.
fn license(bench: &mut Bench) -> Vec<String> {
    let text = bench.text("show running-config license");
    text.lines().filter(|line| line.starts_with("license")).map(ToOwned::to_owned).collect()
}

/// Each licensing line is listed verbatim, and its `no` form restores the default (`spec/behaviour.md` §17).
#[test]
fn every_licensing_line_is_listed_as_typed_and_its_no_form_restores_the_default() {
    for (line, no) in [
        ("license smart transport smart", "no license smart transport"),
        ("license smart transport off", "no license smart transport off"),
        ("license smart transport callhome", "no license smart transport callhome"),
        ("license smart url cslu http://192.168.0.1:8182/cslu/v1/pi", "no license smart url cslu"),
        ("license smart url smart https://example.com/licservice/license", "no license smart url smart"),
        ("license smart url smart https://example.com/licservice/license", "no license smart url"),
        ("license smart url cslu http://192.168.0.1:8182/cslu/v1/pi", "license smart url cslu cslu-local"),
        ("license smart url smart https://example.com/licservice/license", "license smart url default"),
        ("license smart usage interval 7", "no license smart usage interval"),
        ("license smart usage interval 7", "no license smart usage interval 7"),
        ("license smart privacy hostname", "no license smart privacy hostname"),
        ("license smart privacy version", "no license smart privacy all"),
        ("license smart proxy address proxy.example.com", "no license smart proxy address"),
        ("license smart proxy port 3128", "no license smart proxy port"),
        ("license smart vrf default", "no license smart vrf"),
        ("license smart source-interface mgmt0", "no license smart source-interface"),
        ("license smart custom_id rack-7", "no license smart custom_id"),
    ] {
        let mut bench = bare();
        assert_eq!(license(&mut bench), [""; 0]);
        let reply = bench.configure(line);
        assert!(!reply.error && reply.text.is_empty(), "{line}: {}", reply.text);
        assert!(reply.effects.contains(&Effect::ConfigChanged), "{line}");
        assert_eq!(license(&mut bench), [line]);
        assert!(
            !bench.configure(line).effects.contains(&Effect::ConfigChanged),
            "{line} again changes nothing"
        );
        assert!(!bench.configure(no).error, "{no}");
        assert_eq!(license(&mut bench), [""; 0], "{no}");
        assert_eq!(bench.config, Config::bare());
    }
}

/// Outside of `vrf context`, VRF `default` is meant, as on the switch.
#[test]
fn a_default_route_can_be_typed_without_a_vrf() {
    let mut bench = bare();
    let before = bench.config.clone();
    assert!(!bench.configure("ip route 0.0.0.0/0 192.0.2.254").error);
    assert_eq!(bench.config, before, "mgmt0 is in another VRF");
    bench.session.mode = slpsim_console::Mode::Interface("mgmt0".into());
    for line in ["vrf member default", "ip address 192.0.2.9/24"] {
        let reply = bench.type_line(line);
        assert!(!reply.error, "{line}: {}", reply.text);
    }
    assert!(!bench.configure("ip route 0.0.0.0/0 192.0.2.254").error);
    assert_eq!(bench.config.ip.interface("mgmt0").unwrap().gateway, "192.0.2.254".parse().ok());
    let shown = bench.text("show running-config");
    assert!(
        shown.contains("\nip route 0.0.0.0/0 192.0.2.254\n") && !shown.contains("vrf context"),
        "{shown}"
    );
    assert!(!bench.configure("no ip route 0.0.0.0/0").error);
    assert_eq!(bench.config.ip.interface("mgmt0").unwrap().gateway, None);
}

#[test]
fn a_vrf_has_name_servers_of_its_own_from_either_form_of_the_command() {
    let mut bench = Bench::nexus(|_| {});
    let lines = |bench: &mut Bench| -> Vec<String> {
        let text = bench.text("show running-config ip");
        text.lines().filter(|line| line.starts_with("ip name")).map(ToOwned::to_owned).collect()
    };
    assert!(!bench.configure("ip name-server 192.0.2.53 use-vrf management").error);
    bench.session.mode = slpsim_console::Mode::Vrf("management".into());
    assert!(!bench.type_line("ip name-server 192.0.2.54").error);
    let own =
        ["ip name-server 192.0.2.53 use-vrf management", "ip name-server 192.0.2.54 use-vrf management"];
    assert_eq!(lines(&mut bench), ["ip name-server 198.51.100.53", own[0], own[1]]);
    let hosts = bench.text("show hosts");
    assert!(hosts.contains("Name servers for vrf:default: 198.51.100.53\n"), "{hosts}");
    assert!(hosts.contains("Name servers for vrf:management: 192.0.2.53 192.0.2.54\n"), "{hosts}");
    // Nobody answers at those addresses, so the agent's VRF knows no names until they are gone.
    assert!(bench.type_line("nslookup cslu.example.com").error);
    assert!(!bench.configure("no ip name-server 192.0.2.53 192.0.2.54 use-vrf management").error);
    let found = bench.text("nslookup cslu.example.com");
    assert!(found.starts_with("Server: 198.51.100.53\n"), "{found}");
}

#[test]
fn the_agent_hears_of_what_it_acts_on_and_only_of_changes() {
    let mut bench = bare();
    for (line, expected) in [
        ("license smart transport smart", Some(Command::Transport(TransportMode::Smart))),
        ("license smart transport smart", None),
        ("no license smart transport off", None),
        ("license smart usage interval 7", Some(Command::UsageInterval(7))),
        ("license smart usage interval 7", None),
        ("no license smart usage interval", Some(Command::UsageInterval(30))),
        ("license smart url smart https://example.com/", Some(Command::Url)),
        ("license smart url https://example.com/", None),
        // The URL of a transport that is not in use concerns nobody yet.
        ("license smart url cslu http://192.168.0.1:8182/cslu/v1/pi", None),
        ("license smart privacy hostname", None),
    ] {
        let effects = bench.configure(line).effects;
        let commands: Vec<_> = effects
            .into_iter()
            .filter_map(|effect| if let Effect::Agent(command) = effect { Some(command) } else { None })
            .collect();
        assert_eq!(commands, expected.into_iter().collect::<Vec<_>>(), "{line}");
    }
    assert_eq!(bench.agent.settings().transport, TransportMode::Smart);
}

#[test]
fn an_interval_outside_its_range_is_refused() {
    for days in ["0", "3651", "-1"] {
        let reply = bare().configure(&format!("license smart usage interval {days}"));
        assert_eq!(
            reply.text,
            "                             ^\n% Invalid number, range is (1:3650) at '^' marker.\n"
        );
        assert!(reply.error && reply.effects.is_empty());
    }
}

/// `spec/chapter.md` S-22, S-28l.
#[test]
fn the_chapters_examples_are_accepted_as_printed() {
    let mut bench = bare();
    for line in [
        "ntp server 198.51.100.100 version 2 prefer",
        "ip domain name example.com",
        "ip name-server 192.168.0.1",
        "license smart transport cslu",
        "license smart url cslu http://192.168.0.1:8182/cslu/v1/pi",
        "license smart url smart https://smartreceiver.cisco.com/licservice/license",
        "ip http client source-interface mgmt0",
    ] {
        let reply = bench.configure(line);
        assert!(!reply.error, "{line}: {}", reply.text);
    }
    let text = bench.text("show running-config");
    for line in [
        "ntp server 198.51.100.100 version 2 prefer\n",
        "ip domain name example.com\n",
        "ip name-server 192.168.0.1\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn summer_time_is_listed_as_typed_and_shows_in_the_clock() {
    let mut bench = bare();
    for line in ["clock timezone CET 1 0", "clock summer-time CEST 5 Sun Mar 02:00 5 Sun Oct 03:00 60"] {
        assert!(!bench.configure(line).error, "{line}");
        let text = bench.text("show running-config clock");
        assert!(text.contains(&format!("{line}\n")), "{text}");
    }
    assert!(bench.text("show clock").starts_with("11:00:00.000 CET Mon Mar 02 2026\n"));
    // In summer the same words mean an earlier moment.
    let set = bench.type_line("clock set 12:00:00 1 July 2026");
    assert_eq!(set.text, "12:00:00.000 CEST Wed Jul 01 2026\n");
    assert_eq!(set.effects, [Effect::SetClock(slpsim_policy::Wall::from_secs(1_782_900_000))]);
    assert!(!bench.configure("clock timezone EET 2 0").error);
    assert!(bench.text("show running-config clock").contains("clock summer-time CEST"));
    assert!(!bench.configure("no clock summer-time").error);
    assert!(!bench.text("show running-config clock").contains("summer-time"));
    for wrong in [
        "clock summer-time CEST 6 Sun Mar 02:00 5 Sun Oct 03:00 60",
        "clock summer-time CEST 5 Sun Mar 25:00 5 Sun Oct 03:00 60",
        "clock summer-time CEST 5 Sun Mar 02:00 5 Sun Oct 03:00 0",
    ] {
        assert!(bench.configure(wrong).error, "{wrong}");
    }
}

#[test]
fn call_home_needs_a_contact_before_it_is_enabled() {
    let mut bench = bare();
    bench.type_line("configure terminal");
    bench.type_line("callhome");
    assert!(bench.type_line("enable").error);
    assert!(!bench.type_line("email-contact admin@example.com").error);
    assert!(!bench.type_line("enable").error);
    assert!(bench.type_line("no email-contact").error);
    bench.type_line("no destination-profile CiscoTAC-1 transport-method http");
    bench.type_line("end");
    let text = bench.text("show call-home profile all");
    assert!(text.contains("Profile: CiscoTAC-1 (status: INACTIVE)\n"), "{text}");
}

#[test]
fn a_feature_takes_its_licence_once() {
    let mut bench = bare();
    let on = Effect::FeatureLicense { license: 0, on: true };
    let off = Effect::FeatureLicense { license: 0, on: false };
    assert!(bench.configure("feature bgp").effects.contains(&on));
    assert_eq!(bench.configure("feature ospf").effects, [Effect::ConfigChanged]);
    assert_eq!(bench.configure("no feature bgp").effects, [Effect::ConfigChanged]);
    assert!(bench.configure("no feature ospf").effects.contains(&off));
    assert_eq!(bench.configure("feature lldp").effects, [Effect::ConfigChanged]);
}

#[test]
fn the_saved_configuration_gives_the_same_switch() {
    let mut bench = Bench::nexus(|_| {});
    bench.configure("hostname leaf-1");
    bench.configure("license smart transport smart");
    let reply = bench.type_line("copy running-config startup-config");
    assert!(reply.text.ends_with("Copy complete.\n"));
    let [Effect::SaveStartup(text)] = reply.effects.as_slice() else { panic!("{:?}", reply.effects) };
    let mut restored = Config::bare();
    let startup = apply_startup(&mut restored, ProfileId::Nexus9000.profile(), text);
    assert_eq!((startup.errors.len(), startup.exec_lines.len()), (0, 0));
    assert_eq!(restored, bench.config);
    bench.startup = Some(text.clone());
    assert!(bench.text("show startup-config").contains("\nlicense smart transport smart\n"));
}

#[test]
fn a_startup_configuration_may_hold_exec_lines_and_names_its_wrong_lines() {
    let text = "! a comment\nhostname leaf-1\ninterface mgmt0\n  shutdown\nlicense smart sync\nhostnam leaf 2\nlicense smart usage interval 0\n";
    let mut config = Config::bare();
    let startup = apply_startup(&mut config, ProfileId::Nexus9000.profile(), text);
    assert_eq!(config.hostname, "leaf-1");
    assert!(config.ip.interface("mgmt0").unwrap().shut);
    assert_eq!(startup.exec_lines, ["license smart sync"]);
    let errors: Vec<_> = startup.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "line 6: % Invalid command at '^' marker.",
            "line 7: % Invalid number, range is (1:3650) at '^' marker."
        ]
    );
}

fn lines() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["callhome", "cslu", "off", "smart"])
            .prop_map(|mode| format!("license smart transport {mode}")),
        (1_u16..=3650).prop_map(|days| format!("license smart usage interval {days}")),
        "[a-z]{1,9}".prop_map(|host| format!("license smart url smart https://{host}.example.com/x")),
        "[a-z]{1,9}".prop_map(|host| format!("license smart url cslu http://{host}:8182/cslu/v1/pi")),
        prop::sample::select(vec!["hostname", "version", "all"])
            .prop_map(|what| format!("license smart privacy {what}")),
        (1_u16..).prop_map(|port| format!("license smart proxy port {port}")),
        "[a-z]{1,9}".prop_map(|host| format!("license smart proxy address {host}.example.com")),
        "[a-z]{1,9}".prop_map(|vrf| format!("license smart vrf {vrf}")),
        "[a-zA-Z0-9_-]{1,20}".prop_map(|id| format!("license smart custom_id {id}")),
        "[a-zA-Z][a-zA-Z0-9_.-]{0,20}".prop_map(|name| format!("hostname {name}")),
        "[a-z]{1,9}".prop_map(|domain| format!("ip domain name {domain}.example")),
        any::<std::net::Ipv4Addr>().prop_map(|server| format!("ip name-server {server}")),
        any::<std::net::Ipv4Addr>().prop_map(|server| format!("no ip name-server {server}")),
        any::<std::net::Ipv4Addr>().prop_map(|server| format!("ip name-server {server} use-vrf blue")),
        any::<std::net::Ipv4Addr>().prop_map(|server| format!("no ip name-server {server} use-vrf blue")),
        (any::<std::net::Ipv4Addr>(), 1_u8..=4)
            .prop_map(|(server, version)| format!("ntp server {server} version {version} prefer")),
        ("[A-Z]{1,5}", -23_i16..=23, 0_u8..60)
            .prop_map(|(name, h, m)| format!("clock timezone {name} {h} {m}")),
        Just("clock timezone HALF -0 30".to_owned()),
        (1_u8..=5, 1_u8..=5, 0_u8..24, 1_u16..=1440).prop_map(|(start, end, hour, ahead)| {
            format!(
                "clock summer-time DST {start} Sunday March {hour}:00 {end} Saturday October 03:30 {ahead}"
            )
        }),
        Just("no clock summer-time".to_owned()),
        prop::sample::select(vec!["bgp", "lldp", "ospf"]).prop_map(|name| format!("feature {name}")),
        any::<bool>().prop_map(|no| format!("interface mgmt0\n  {}shutdown", if no { "no " } else { "" })),
        (any::<std::net::Ipv4Addr>(), 0_u8..=32)
            .prop_map(|(ip, len)| format!("interface mgmt0\n  ip address {ip}/{len}")),
        Just("interface mgmt0\n  no ip address".to_owned()),
        "[a-z]{1,9}"
            .prop_map(|vrf| format!("interface mgmt0\n  vrf member {vrf}\n  ip address 192.0.2.10/24")),
        any::<std::net::Ipv4Addr>()
            .prop_map(|ip| format!("vrf context management\n  ip route 0.0.0.0/0 {ip}")),
        Just("vrf context management\n  no ip route 0.0.0.0/0".to_owned()),
        Just("callhome\n  email-contact a@example.com\n  enable".to_owned()),
        Just("callhome\n  destination-profile CiscoTAC-1 http https://h.example/x".to_owned()),
        Just("callhome\n  no destination-profile CiscoTAC-1 transport-method http".to_owned()),
        (0_u32..=525_600).prop_map(|min| format!("line console\n  exec-timeout {min}")),
        (0_u8..=7).prop_map(|severity| format!("logging console {severity}")),
        Just("no logging monitor".to_owned()),
        (any::<std::net::Ipv4Addr>(), 1_u16.., 0_u8..8).prop_map(|(server, port, facility)| {
            format!("logging server {server} 6 port {port} facility local{facility} use-vrf management")
        }),
        prop::sample::select(vec!["hostname", "ip", "string lab"])
            .prop_map(|origin| format!("logging origin-id {origin}")),
        Just("logging timestamp milliseconds\nlogging rfc-strict 5424".to_owned()),
        Just("ip http client source-interface mgmt0".to_owned()),
        Just("license smart source-interface mgmt0".to_owned()),
    ]
}

proptest! {
    #[test]
    fn the_text_of_any_configuration_leads_to_that_configuration(lines in prop::collection::vec(lines(), 0..20)) {
        let profile = ProfileId::Nexus9000.profile();
        let mut config = Config::default();
        let typed = apply_startup(&mut config, profile, &lines.join("\n"));
        prop_assert!(typed.errors.is_empty(), "{:?}", typed.errors);
        let mut again = Config::bare();
        let read = apply_startup(&mut again, profile, &config.to_text());
        prop_assert!(read.errors.is_empty(), "{:?} in {}", read.errors, config.to_text());
        prop_assert_eq!(again, config);
    }

    #[test]
    fn no_text_makes_a_startup_configuration_panic(text in "(?s).{0,300}") {
        apply_startup(&mut Config::default(), ProfileId::Mds9000.profile(), &text);
    }
}

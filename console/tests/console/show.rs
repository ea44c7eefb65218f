//! Every show command's text, for states that a real agent went through.

use crate::bench::{Bench, START, golden};
use slpsim_agent::{ProfileId, TransportMode, Usage};
use slpsim_console::history::{Conversation, Exchanged, ImportKind, Imported};
use slpsim_policy::Wall;

const DAY: u64 = 86_400;

fn smart() -> Bench {
    Bench::nexus(|config| config.smart.transport = TransportMode::Smart)
}

/// Trust at 10 s, then as in `spec/behaviour.md` §7.3 F.
fn trusted() -> Bench {
    let mut bench = smart();
    bench.until(10);
    bench.text("license smart trust idtoken EXAMPLETOKEN0001 local");
    bench
}

#[test]
fn a_switch_that_has_just_started_shows_the_default_policy_and_no_trust() {
    let mut bench = Bench::nexus(|_| {});
    bench.until(5);
    golden("status-start", &bench.text("show license status"));
    golden("all-start", &bench.text("show license all"));
    golden("usage", &bench.text("show license usage"));
    golden("summary", &bench.text("show license summary"));
    golden("udi", &bench.text("show license udi"));
    golden("authorization", &bench.text("show license authorization"));
    golden("rum-all-start", &bench.text("show license rum id all"));
}

#[test]
fn a_switch_with_trust_and_an_ack_shows_its_policy() {
    let mut bench = trusted();
    bench.until(1000);
    golden("status-trusted", &bench.text("show license status"));
    golden("all-trusted", &bench.text("show license all"));
    golden("tech-trusted", &bench.text("show license tech support"));
    golden("rum-all", &bench.text("show license rum id all"));
    golden("rum-detail", &bench.text("show license rum id all detail"));
    let one = format!("show license rum id {START} detail");
    let detail = bench.text(&one);
    assert_eq!(detail, bench.text(&format!("show license rum id detail {START}")));
    assert!(detail.contains("State: ACK,      State Change Reason: ACKED\n"), "{detail}");
    golden("eventlog", &bench.text("show license eventlog"));
}

/// `spec/behaviour.md` §7.3 F: from 30d4h0m40s the interval is 15 minutes.
#[test]
fn the_fast_phase_shows_15_minutes_and_tech_support_the_configured_interval_too() {
    let mut bench = trusted();
    bench.until(30 * DAY);
    bench.peer_is_down = true;
    bench.until(30 * DAY + 4 * 3600 + 39);
    assert!(bench.text("show license status").contains("  Reporting push interval: 30  days\n"));
    bench.until(30 * DAY + 4 * 3600 + 40);
    assert!(bench.text("show license status").contains("  Reporting push interval: 15  minutes\n"));
    assert!(
        bench.text("show license tech support").contains(
            "  Reporting push interval: 15  minutes (configured 30  days) State(4) InPolicy(180)\n"
        )
    );
    let json = bench.text("show license status | json");
    assert!(json.contains("\"reporting_push_interval_configured\": \"30  days\""), "{json}");
    assert!(json.contains("\"reporting_push_interval_effective\": \"15  minutes\""), "{json}");
    golden("status-fast", &bench.text("show license status"));
    bench.peer_is_down = false;
    bench.until(31 * DAY);
    assert!(bench.text("show license status").contains("  Reporting push interval: 30  days\n"));
}

#[test]
fn transports_show_themselves_each_in_its_own_way() {
    for (mode, expected) in [
        (
            TransportMode::Smart,
            "Transport:\n  Type: Smart\n  URL: https://smartreceiver.cisco.com/licservice/license\n",
        ),
        (TransportMode::Cslu, "Transport:\n  Type: cslu\n  Cslu address: cslu-local\n"),
        (
            TransportMode::Callhome,
            "Transport:\n  Type: Callhome\n  URL: https://tools.cisco.com/its/service/oddce/services/DDCEService\n",
        ),
        (TransportMode::Off, "Transport:\n  Type: Transport Off\n"),
    ] {
        let mut bench = Bench::nexus(|config| config.smart.transport = mode);
        let text = bench.text("show license status");
        assert!(text.contains(expected), "{text}");
    }
    let mut bench = smart();
    bench.configure("license smart proxy address proxy.example.com");
    bench.configure("license smart proxy port 3128");
    let text = bench.text("show license all");
    assert!(text.contains("  Proxy:\n    Address: proxy.example.com\n    Port: 3128\n"), "{text}");
}

#[test]
fn a_second_supervisor_is_listed_with_its_trust_code() {
    let mut bench = smart();
    bench.add_standby();
    bench.until(10);
    bench.text("license smart trust idtoken EXAMPLETOKEN0001 all");
    bench.until(1000);
    assert_eq!(bench.units().len(), 2);
    golden("all-two-supervisors", &bench.text("show license all"));
    golden("udi-two-supervisors", &bench.text("show license udi"));
    golden("inventory-two-supervisors", &bench.text("show inventory"));
}

#[test]
fn a_platform_with_enforced_licences_shows_their_class() {
    let usage = [Usage { license: 0, count: 1 }, Usage { license: 2, count: 4 }];
    let mut bench = Bench::new(ProfileId::Mds9000, &usage, |_| {});
    golden("all-mds", &bench.text("show license all"));
}

#[test]
fn a_licence_with_a_long_chain_shows_features_in_use() {
    let mut bench = smart();
    bench.configure("feature bgp");
    bench.configure("feature ospf");
    bench.configure("feature lldp");
    assert_eq!(bench.text("show license usage LAN_ENTERPRISE_SERVICES_PKG"), "Feature List:\nbgp\nospf\n");
    assert_eq!(bench.text("show license usage NXOS_ESSENTIALS"), "Feature List:\n");
    assert!(bench.type_line("show license usage NOTHING").error);
}

#[test]
fn no_licence_in_use_leaves_the_usage_to_its_first_block() {
    let mut bench = Bench::new(ProfileId::Nexus9000, &[], |_| {});
    assert_eq!(bench.text("show license usage"), "License Authorization:\n  Status: Not Applicable\n");
    assert!(bench.text("show license all").contains("No licenses in use\n"));
    assert!(bench.text("show license status").contains("  Next ACK deadline: <none>\n"));
}

#[test]
fn a_factory_reset_warns_and_leaves_the_default_policy() {
    let mut bench = trusted();
    bench.until(1000);
    assert_eq!(
        bench.text("license smart factory reset"),
        "%Warning: reload required after \"license smart factory reset\" command\n"
    );
    let text = bench.text("show license status");
    for line in [
        "  Policy in use: Merged from multiple sources.\n",
        "  Smart Account: <none>\n",
        "  Last ACK received: <none>\n",
        "Trust Code Installed: <none>\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[test]
fn messages_are_listed_by_category_and_empty_ones_say_so() {
    let mut bench = Bench::nexus(|_| {});
    golden("history-empty", &bench.text("show license history message"));
    bench.history.add_exchanged(
        Conversation::UsageReporting,
        Exchanged {
            sent: Wall::from_secs(START),
            request: "{\"nonce\":\"1\"}".into(),
            received: Some((Wall::from_secs(START + 1), "{\"status_code\":\"OK_POLL\"}".into())),
        },
    );
    let imported = Imported {
        at: Wall::from_secs(START),
        text: "<smartLicense>\n</smartLicense>\n".into(),
        refused: None,
    };
    bench.history.add_imported(ImportKind::Policy, imported);
    golden("history", &bench.text("show license history message"));
}

#[test]
fn the_event_log_can_be_limited_to_days_and_may_be_empty() {
    let mut bench = Bench::nexus(|_| {});
    bench.until(10 * DAY);
    let all = bench.text("show license eventlog");
    assert!(
        all.starts_with("**** Event Log ****\n\n2026-03-02 10:00:00.000 UTC SAEVT_INIT_START version="),
        "{all}"
    );
    assert!(bench.text("show license eventlog 1").ends_with(" No EventLog Found.\n"));
}

#[test]
fn the_switch_describes_itself() {
    let mut bench = Bench::nexus(|config| config.hostname = "leaf-1".into());
    bench.until(DAY + 3 * 3600 + 62);
    golden("version", &bench.text("show version"));
    golden("inventory", &bench.text("show inventory"));
    assert_eq!(bench.text("show hostname"), "leaf-1\n");
    assert_eq!(bench.text("show clock"), "13:01:02.000 UTC Tue Mar 03 2026\nTime source is NTP\n");
    assert_eq!(bench.text("show license host-id"), "License hostid: VDH=FDO00000001\n");
    golden("hosts", &bench.text("show hosts"));
    golden("ntp-status", &bench.text("show ntp status"));
    golden("call-home-profile", &bench.text("show call-home profile all"));
    golden("callhome", &bench.text("show callhome"));
    golden("http-client", &bench.text("show ip http client"));
    golden("interface-status", &bench.text("show interface status"));
    golden("user-account", &bench.text("show user-account"));
    golden("running-config", &bench.text("show running-config"));
    golden("version-json", &bench.text("show version | json-pretty"));
}

/// `spec/console.md` §5: a parser takes the last indented `Status:` of `show license all` for that of the licence.
#[test]
fn after_the_usage_blocks_no_indented_line_begins_with_status() {
    let mut bench = trusted();
    bench.until(1000);
    let all = bench.text("show license all");
    let (_, after) = all.split_once("License Usage\n").unwrap();
    let status: Vec<_> =
        after.lines().filter(|line| line.starts_with(' ') && line.trim().starts_with("Status:")).collect();
    assert_eq!(status, ["  Status: IN USE"]);
}

/// `spec/console.md` §1: clients take such a line for a prompt, or for a failure.
#[test]
fn no_show_command_prints_what_clients_take_for_a_prompt_or_a_failure() {
    let mut bench = trusted();
    bench.until(1000);
    let commands = [
        "show license all",
        "show license status",
        "show license summary",
        "show license usage",
        "show license udi",
        "show license tech support",
        "show license eventlog",
        "show license history message",
        "show license rum id all",
        "show license rum id all detail",
        "show license authorization",
        "show license data conversion",
        "show license host-id",
        "show call-home profile all",
        "show callhome",
        "show ip http client",
        "show clock",
        "show hostname",
        "show hosts",
        "show ntp status",
        "show running-config",
        "show startup-config",
        "show version",
        "show inventory",
        "show privilege",
    ];
    for command in commands {
        for line in bench.text(command).lines() {
            let prompt_like = !line.contains(' ') && line.ends_with(['#', '>', '$']);
            assert!(!prompt_like, "{command}: {line}");
            let lower = line.to_lowercase();
            for bad in [
                "invalid input",
                "incomplete command",
                "ambiguous command",
                "connection timed out",
                "syntax error",
                "unknown command",
                "not found",
            ] {
                assert!(!lower.contains(bad), "{command}: {line}");
            }
            assert!(!line.starts_with("% ") && !lower.starts_with("error:"), "{command}: {line}");
            assert_eq!(line, line.trim_end(), "{command}: no trailing blanks");
        }
    }
}

#[test]
fn the_log_file_can_be_read_whole_or_from_its_end() {
    let mut bench = Bench::nexus(|_| {});
    for n in 1..=3 {
        bench.events.file.add(format!("2026 Mar  2 10:00:0{n} switch %LICMGR-6-LINE: {n}"));
    }
    assert_eq!(bench.text("show logging logfile").lines().count(), 3);
    assert!(bench.text("show logging last 1").ends_with("LINE: 3\n"));
    assert_eq!(bench.text("show logging last 2 | count"), "2\n");
}

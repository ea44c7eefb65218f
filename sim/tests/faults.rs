//! Every kind of fault in simulation: what the device logs, and when (`interface.md` §6, `spec/messages.md` §5).
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use slpsim_agent::messages::Kind as Message;
use slpsim_sim::scenario::{Options, Outcome, What, parse, run};
use slpsim_transport::fault::Kind;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;

/// A switch with trust whose second report is due at 30 d + 40 s, polled 300 s later, in force of `fault` from `at` on.
fn with(at: &str, fault: &str) -> Outcome {
    let text = format!(
        "name = \"x\"\nuntil = \"32d\"\n[device]\ntransport = \"smart\"\n\
         [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {{token}}\"\n[[at]]\nt = \"{at}\"\nfault = {fault}\n"
    );
    let scenarios = parse(&text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
    run(&scenarios[0], &Options::default()).unwrap()
}

/// What the device logged after the first day: time and row.
fn later(outcome: &Outcome) -> Vec<(u64, Message)> {
    let entries = outcome.trace.entries.iter().filter(|entry| entry.at_ms > DAY);
    entries.filter_map(|entry| Some((entry.at_ms, entry.what.kind()?))).collect()
}

fn texts(outcome: &Outcome) -> Vec<&str> {
    let entries = outcome.trace.entries.iter();
    entries
        .filter_map(
            |entry| if let What::Line { text, .. } = &entry.what { Some(text.as_str()) } else { None },
        )
        .collect()
}

/// Each kind that ends an exchange without an authenticated answer is one COMM_FAILED with the text of its row.
#[test]
fn a_failure_is_logged_with_the_text_of_the_table() {
    let report = 30 * DAY + 40 * SECOND;
    for kind in Kind::ALL {
        let row = kind.row();
        let Some(failure) = row.failure else { continue };
        if !row.aim.is_empty() {
            continue;
        }
        let outcome = with("30d", &format!("{{ kind = \"{}\", next = 1 }}", row.word));
        let takes = if matches!(kind, Kind::Stall | Kind::DnsTimeout) { MINUTE } else { 0 };
        let restored = report + 5 * MINUTE;
        let expected = [(report + takes, Message::CommFailed), (restored, Message::CommRestored)];
        assert_eq!(later(&outcome), expected, "{}", row.word);
        let text = format!("Communications failure with the Cisco Smart Software Manager (CSSM) : {failure}");
        assert!(texts(&outcome).contains(&text.as_str()), "{}", row.word);
        let hits = outcome
            .trace
            .entries
            .iter()
            .filter(|entry| matches!(entry.what, What::Exchange { fault: Some(1), .. }));
        assert_eq!(hits.count(), 1, "{}", row.word);
    }
}

/// `spec/behaviour.md` §7.5: what is slower than the time-out is lost.
#[test]
fn a_slow_answer_counts_until_the_time_out() {
    for kind in ["slow", "latency", "dribble"] {
        let of = |by: &str| later(&with("30d", &format!("{{ kind = \"{kind}\", by = \"{by}\", next = 1 }}")));
        assert_eq!(of("59s999ms"), [], "{kind}");
        assert_eq!(of("60s").first(), Some(&(30 * DAY + 100 * SECOND, Message::CommFailed)), "{kind}");
    }
}

#[test]
fn an_answer_that_says_something_else_is_no_failure_of_communication() {
    let refused = (10 * SECOND, Message::TrustCodeInstallFailed);
    for (at, fault, expected) in [
        ("30d", "{ kind = \"try-again\", next = 1 }", vec![]),
        ("30d", "{ kind = \"late-ack\", by = \"12h\", next = 1 }", vec![]),
        ("30d", "{ kind = \"foreign-ack\", next = 1 }", vec![]),
        ("30d", "{ kind = \"reject-report\", next = 1 }", vec![]),
        (
            "30d",
            "{ kind = \"policy-bad-signature\", next = 1 }",
            vec![(30 * DAY + 340 * SECOND, Message::PolicyInstallFailed)],
        ),
        (
            "30d",
            "{ kind = \"policy-bad-time\", by = \"-400d\", next = 1 }",
            vec![(30 * DAY + 340 * SECOND, Message::PolicyInstallFailed)],
        ),
        ("30d", "{ kind = \"token-refused\", next = 1 }", vec![]),
    ] {
        let outcome = with(at, fault);
        assert_eq!(later(&outcome), expected, "{fault}");
    }
    let outcome = with("0s", "{ kind = \"token-refused\", why = \"expired\", next = 1 }");
    let first: Vec<_> =
        outcome.trace.entries.iter().filter_map(|entry| Some((entry.at_ms, entry.what.kind()?))).collect();
    assert!(first.contains(&refused), "{first:?}");
}

/// What the mock thinks of it afterwards.
#[test]
fn a_lost_answer_leaves_the_peer_in_the_belief_that_all_is_well() {
    let of = |fault: &str, count: &str| {
        let text = format!(
            "name = \"x\"\nuntil = \"30d1h\"\n[device]\ntransport = \"smart\"\n\
             [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {{token}}\"\n[[at]]\nt = \"30d\"\nfault = {fault}\n\
             [[expect]]\nat = \"30d10m\"\npeer = \"acknowledged\"\ncount = {count}\n"
        );
        let scenarios = parse(&text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
        let outcome = run(&scenarios[0], &Options::default()).unwrap();
        assert!(outcome.passed(), "{fault}: {}", outcome.failure_text());
    };
    of("{ kind = \"lost-ack\", next = 1 }", "2");
    of("{ kind = \"truncated\", next = 1, purpose = \"poll\" }", "2");
    of("{ kind = \"unreachable\", next = 1, purpose = \"poll\" }", "1");
    of("{ kind = \"late-ack\", by = \"1d\", next = 1 }", "1");
}

/// Of several the one that began last decides; when it is over, the one before counts again.
#[test]
fn faults_overlap_as_written() {
    let text = "name = \"x\"\nuntil = \"31d\"\n[device]\ntransport = \"smart\"\n\
        [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {token}\"\n\
        [[at]]\nt = \"30d\"\nfault = { kind = \"unreachable\", for = \"1h\" }\n\
        [[at]]\nt = \"30d1m\"\nfault = { kind = \"empty\", for = \"6m\" }\n\
        [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ntext = \".*: Communications failure\"\ncount = 3\n\
        [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\nwithin = \"30d5m40s..30d5m40s\"\ntext = \".*: Received empty response from server\"\ncount = 1\n";
    let scenarios = parse(text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
    let outcome = run(&scenarios[0], &Options::default()).unwrap();
    assert!(outcome.passed(), "{}", outcome.failure_text());
}

/// The network that a switch sees decides before any fault does.
#[test]
fn what_the_switch_lacks_is_seen_by_its_exchanges() {
    for (keys, lines, text) in [
        ("url-smart = \"\"", "", "No URL is configured"),
        ("vrf = \"blue\"", "", "Communications init failure"),
        ("source-interface = \"Ethernet1/1\"", "", "Communications init failure"),
        ("", "[world.network]\nname-servers = []", "Unable to resolve server hostname/domain name"),
        (
            "",
            "[world.network]\nfirewall = [\"deny any\"]\nname-servers = [\"127.0.0.1\"]",
            "Unable to resolve server hostname/domain name",
        ),
        (
            "",
            "[world.network.hosts]\n\"smartreceiver.cisco.com\" = \"192.0.2.200\"\n[world.network]\nfirewall = [\"deny 192.0.2.200\"]",
            "Communications failure",
        ),
    ] {
        let text_of = format!(
            "name = \"x\"\nuntil = \"1h\"\n[device]\ntransport = \"smart\"\n{keys}\n{lines}\n\
             [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {{token}}\"\n\
             [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\nwithin = \"10s..10s\"\ncount = 1\n\
             text = \".* : {text}\"\n"
        );
        let scenarios = parse(&text_of, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
        let outcome = run(&scenarios[0], &Options::default()).unwrap();
        assert!(outcome.passed(), "{keys} {lines}: {}", outcome.failure_text());
    }
}

/// A scenario that describes its network has that network.
#[test]
fn a_network_that_is_described_has_only_what_is_described() {
    let hosts = "[world.network.hosts]\n\"cslu.example.com\" = \"192.0.2.200\"\n";
    let routes = "[world.network.routes]\n\"192.0.2.200:8182\" = \"127.0.0.1:1\"\n";
    for (url, network, text) in [
        ("http://anything.example.com/cslu/v1/pi", "", None),
        ("http://cslu.example.com:8182/cslu/v1/pi", hosts, None),
        ("http://cslu.example.com:8182/cslu/v1/pi", &format!("{hosts}{routes}"), None),
        ("cslu-local", hosts, None),
        (
            "http://clsu.example.com:8182/cslu/v1/pi",
            hosts,
            Some("Unable to resolve server hostname/domain name"),
        ),
        (
            "http://cslu.example.com:8181/cslu/v1/pi",
            &format!("{hosts}{routes}"),
            Some("Communications failure"),
        ),
    ] {
        let count = u8::from(text.is_some());
        let file = format!(
            "name = \"x\"\nuntil = \"1m\"\n[device]\nurl-cslu = \"{url}\"\n{network}\
             [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = {count}\ntext = \".* : {}\"\n\
             [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = {count}\n",
            text.unwrap_or(".*")
        );
        let scenarios = parse(&file, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
        let outcome = run(&scenarios[0], &Options::default()).unwrap();
        assert!(outcome.passed(), "{url} {network}: {}", outcome.failure_text());
    }
}

/// The example of each row is a fault that a scenario takes.
#[test]
fn every_example_of_the_table_is_taken() {
    for kind in Kind::ALL {
        with("1d", kind.row().example);
    }
}

/// The worked example of the guide is played as it is printed there.
#[test]
fn the_example_of_the_guide_passes_as_printed() {
    let guide =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scenarios.md")).unwrap();
    let block = guide.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let scenarios = parse(block, "symptom.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
    let outcome = run(&scenarios[0], &Options::default()).unwrap();
    assert!(outcome.passed(), "{}", outcome.failure_text());
    let other = block.replace("dns-nxdomain", "unreachable");
    let scenarios = parse(&other, "symptom.toml", Path::new("")).unwrap();
    let said = run(&scenarios[0], &Options::default()).unwrap().failure_text();
    let printed = guide.split("## When it fails").nth(1).unwrap();
    for line in said.lines() {
        assert!(printed.contains(line.trim()), "{line}");
    }
}

//! Scenario files: the example of `interface.md` §6 as printed, and what is said of files and runs that are wrong.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use slpsim_sim::scenario::{Options, Outcome, load, parse, run};

fn library() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/scenarios")
}

fn played(text: &str) -> Outcome {
    let scenarios = parse(text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
    run(&scenarios[0], &Options::default()).unwrap()
}

fn refused(text: &str) -> String {
    parse(text, "f.toml", Path::new("")).unwrap_err().to_string()
}

#[test]
fn the_example_of_the_interface_passes_as_printed() {
    let scenarios = load(&library().join("outage-six-hours.toml")).unwrap_or_else(|error| panic!("{error}"));
    let outcome = run(&scenarios[0], &Options::default()).unwrap();
    assert!(outcome.passed(), "{}", outcome.failure_text());
    assert_eq!(outcome.verdicts.len(), 3);
}

/// The file of the library is the example of the contract, so that both stay true.
#[test]
fn the_example_in_the_library_is_that_of_the_interface() {
    let interface =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/interface.md")).unwrap();
    let section = interface.split("Scenario files\n").nth(1).unwrap();
    let example = section.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(std::fs::read_to_string(library().join("outage-six-hours.toml")).unwrap(), example);
}

const HEAD: &str = "name = \"x\"\nuntil = \"40d\"\n";

fn outage(length: &str) -> String {
    format!(
        "{HEAD}[device]\ntransport = \"smart\"\n[[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {{token}}\"\n\
         [[at]]\nt = \"30d\"\nfault = {{ kind = \"unreachable\", for = \"{length}\" }}\n"
    )
}

#[test]
fn a_failed_expectation_says_all_that_is_needed_to_see_why() {
    let text = outage("6h")
        + "[[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\nwithin = \"30d..30d5h\"\ncount = \"15\"\n\
           [[expect]]\nat = \"31d\"\nshow = \"show license status\"\ncontains = \"NOT THERE\"\n";
    let outcome = played(&text);
    assert!(!outcome.passed());
    let said = outcome.failure_text();
    for part in [
        "f.toml:11:1: expected exactly 15 of LOG_SMART_LIC_COMM_FAILED within 30d..30d5h",
        "seen: 11, from 30d40s to 30d4h45m40s",
        "30d5h40s switch LOG_SMART_LIC_COMM_FAILED: Communications failure with the Cisco Smart Software Manager (CSSM) \
         : Communications failure (outside the window)",
        "f.toml:15:1: expected that `show license status` at 31d contains `NOT THERE`",
        "`NOT THERE` is not in the answer of switch",
        "Trust Code Installed:",
        "seed 1; again: slpsim scenario run f.toml --seed 1",
    ] {
        assert!(said.contains(part), "{part}\n--- in ---\n{said}");
    }
}

#[test]
fn a_file_that_is_wrong_is_refused_with_place_and_nearest_word() {
    for (text, expected) in [
        (
            "[[at]]\nt = \"1d\"\nfault = { kind = \"unreachble\" }\n",
            "f.toml:5:18: `kind`: there is no `unreachble`; did you mean `unreachable`?",
        ),
        ("[[at]]\nt = \"1d\"\nfault = { kind = \"unreachble\" }\n", "did you mean `unreachable`?"),
        (
            "[[at]]\nt = \"1d\"\ncomand = \"x\"\n",
            "f.toml:5:1: unknown key `comand` in [at]; did you mean `command`?",
        ),
        ("[[at]]\nt = \"1d\"\n", "f.toml:3:1: a step does one thing"),
        ("[[at]]\ncommand = \"show clock\"\n", "f.toml:3:1: `t` is missing"),
        (
            "[[at]]\nt = \"41d\"\ncommand = \"show clock\"\n",
            "f.toml:4:5: `t` lies behind `until`, which is 40d",
        ),
        (
            "[[at]]\nt = \"1d\"\ncommand = \"x {tokn}\"\n",
            "`{tokn}` stands for nothing here; did you mean `token`?",
        ),
        (
            "[[at]]\nt = \"1d\"\ndevice = \"swich\"\nevent = \"reload\"\n",
            "no device is called `swich`; did you mean `switch`?",
        ),
        (
            "[[at]]\nt = \"1d\"\nfault = { kind = \"reset\", status = 404 }\n",
            "f.toml:5:36: reset does not take `status`",
        ),
        (
            "[[at]]\nt = \"1d\"\nusage = { license = \"LAN\", count = 1 }\n",
            "has no licence `LAN`; did you mean `LAN_",
        ),
        ("[[at]]\nt = \"1d\"\npeer = \"csul\"\n", "did you mean `cslu`?"),
        ("[[at]]\nt = \"1d\"\nnetwork = {}\n", "`network` changes nothing"),
        (
            "[[at]]\nt = \"1d\"\ndevice = \"switch\"\nnetwork = { gone = [\"x\"] }\n",
            "`network` is not done at a device",
        ),
        ("[[at]]\nt = \"1d\"\nnetwork = { firewall = [\"drop any\"] }\n", "begins with `permit` or `deny`"),
        ("[[at]]\nt = \"1d\"\nmanage = { call = \"POST token\" }\n", "did you mean `POST tokens`?"),
        (
            "[[at]]\nt = \"1d\"\nmanage = { call = \"PUT ack-mode\", body = { mod = \"manual\" } }\n",
            "`mode` is missing",
        ),
        (
            "[[at]]\nt = \"0s\"\nevery = \"1ms\"\nevent = \"reload\"\n",
            "f.toml:5:9: the step would be done more than 100000 times",
        ),
        ("[[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILD\"\n", "did you mean `LOG_SMART_LIC_COMM_FAILED`?"),
        (
            "[[expect]]\nmessage = \"any\"\nwithin = \"2d..1d\"\n",
            "f.toml:5:10: `2d..1d` ends before it begins",
        ),
        ("[[expect]]\nmessage = \"any\"\ncount = \"many\"\n", "f.toml:5:9: `count` is a number or a range"),
        (
            "[[expect]]\nmessage = \"any\"\ntext = \"(\"\n",
            "f.toml:5:8: `text` is no regular expression: unclosed group",
        ),
        ("[[expect]]\nshow = \"show clock\"\ncontains = \"x\"\n", "f.toml:3:1: `at` is missing"),
        (
            "[[expect]]\nat = \"1d\"\nshow = \"reload\"\ncontains = \"x\"\n",
            "a command that only shows something",
        ),
        (
            "[expect]\n",
            "f.toml:3:1: an expectation has one of message, exchange, show, peer, always, never, eventually",
        ),
        ("[matrix]\nlength = \"1h\"\n", "`length` must be a list of values"),
        ("[variables]\ntoken = \"x\"\n", "`token` is the name of the id token"),
        ("include = \"nowhere.toml\"\n", "f.toml:3:11: cannot read nowhere.toml"),
        ("[device]\nhostnme = \"x\"\n", "unknown key `hostnme` in [device]; did you mean `hostname`?"),
        ("[world]\npeer = \"clsu\"\n", "did you mean `cslu`?"),
        ("start = \"now\"\n", "a scenario begins at a fixed time"),
    ] {
        let said = refused(&format!("{HEAD}{text}"));
        assert!(said.contains(expected), "{text}\nexpected {expected}\nsaid {said}");
    }
    assert!(refused("seed = 1\n").contains("`until` is missing"));
    assert!(refused("name = \n").contains("f.toml:1:"), "{}", refused("name = \n"));
}

#[test]
fn a_matrix_runs_every_combination_and_variables_stand_in_any_text() {
    let text = outage("{length}")
        + "[matrix]\nlength = [\"40m\", \"6h\"]\nseed = [1, 2]\n[variables]\nwhat = \"COMM_FAILED\"\n\
           [[expect]]\nmessage = \"LOG_SMART_LIC_{what}\"\ncount = \"1..\"\n";
    let text = text.replace("until = \"40d\"\n", "until = \"40d\"\nseed = \"{seed}\"\n");
    let scenarios = parse(&text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
    let titles: Vec<_> = scenarios.iter().map(|scenario| scenario.title()).collect();
    assert_eq!(titles[..2], ["x [length=40m seed=1]", "x [length=40m seed=2]"]);
    assert_eq!(scenarios.len(), 4);
    for scenario in &scenarios {
        let outcome = run(scenario, &Options::default()).unwrap();
        assert!(outcome.passed(), "{}", outcome.failure_text());
        assert_eq!(outcome.seed.to_string(), scenario.matrix[1].1);
    }
}

#[test]
fn steps_follow_messages_and_repeat() {
    let text = outage("6h")
        + "[[at]]\nafter = { message = \"LOG_SMART_LIC_COMM_FAILED\", nth = 2, delay = \"10s\" }\ncommand = \"license smart sync\"\n\
           [[at]]\nt = \"1d\"\nevery = \"1d\"\nto = \"3d\"\ncommand = \"show clock\"\nreply = \"UTC\"\n\
           [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\nwithin = \"30d5m50s..30d5m50s\"\ncount = 1\n";
    let outcome = played(&text);
    assert!(outcome.passed(), "{}", outcome.failure_text());
    let replies = outcome.verdicts.iter().filter(|verdict| verdict.expected.contains("show clock")).count();
    assert_eq!(replies, 3);
    let never = outage("1m")
        + "[[at]]\nafter = { message = \"LOG_SMART_LIC_POLICY_REMOVED\" }\ncommand = \"license smart sync\"\n";
    let said = played(&never).failure_text();
    assert!(said.contains("it never came, and the step was not done"), "{said}");
}

#[test]
fn a_command_that_the_console_refuses_fails_unless_that_is_wanted() {
    let with = |reply: &str| {
        played(&format!("{HEAD}[[at]]\nt = \"1d\"\ncommand = \"show licence\"\n{reply}")).failure_text()
    };
    assert!(with("").contains("the device refuses it"));
    assert!(with("").contains("% Invalid command at '^' marker."));
    assert_eq!(with("reply = \"Invalid command\"\n"), "");
    assert!(with("reply = \"something else\"\n").contains("seen: another answer"));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let text = format!(
        "{HEAD}[[device]]\nname = \"a\"\ntransport = \"smart\"\n[[device]]\nname = \"b\"\nhostname = \"b\"\n\
         [[at]]\nt = \"0s\"\nfault = {{ kind = \"corrupt\", probability = 0.3 }}\n\
         [[at]]\nt = \"10s\"\ndevice = \"a\"\ncommand = \"license smart trust idtoken {{token}} force\"\n"
    );
    let trace = |seed| {
        let scenarios = parse(&text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
        let outcome = run(&scenarios[0], &Options { seed: Some(seed), ..Options::default() }).unwrap();
        let lines: Vec<_> =
            outcome.trace.entries.iter().map(|entry| entry.to_json(&outcome).to_string()).collect();
        (lines, outcome.log)
    };
    assert_eq!(trace(1), trace(1));
    assert_ne!(trace(1).1, trace(2).1);
    assert!(trace(1).0.iter().any(|line| line.contains("message parsing error")));
}

/// A trace is for reading by others: the id token that `{token}` stands for is not in it.
#[test]
fn no_token_is_in_the_trace() {
    let outcome = played(&outage("1h"));
    let lines: Vec<_> =
        outcome.trace.entries.iter().map(|entry| entry.to_json(&outcome).to_string()).collect();
    assert!(lines.iter().any(|line| line.contains("license smart trust idtoken {token}")));
    // The mock's tokens are long words of capitals and digits.
    let token = regex::Regex::new("[A-Z2-9]{24}").unwrap();
    assert!(!lines.iter().any(|line| token.is_match(line)));
}

#[test]
fn included_files_come_before_the_file_that_includes_them() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "base.toml",
        "until = \"40d\"\nseed = 5\n[device]\ntransport = \"smart\"\n[[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {token}\"\n",
    );
    write(
        "own.toml",
        "name = \"x\"\nseed = 6\ninclude = \"base.toml\"\n[device]\nhostname = \"leaf\"\n[[at]]\nt = \"1d\"\nevent = \"reload\"\n",
    );
    let scenarios = load(&folder.path().join("own.toml")).unwrap_or_else(|error| panic!("{error}"));
    let own = &scenarios[0];
    assert_eq!((own.seed, own.steps.len(), own.devices[0].hostname.as_str()), (6, 2, "leaf"));
    assert!(own.steps[0].place.contains("base.toml:5:1"), "{}", own.steps[0].place);
    write("loop.toml", "name = \"x\"\ninclude = [\"loop.toml\"]\n");
    let endless = load(&folder.path().join("loop.toml")).unwrap_err().to_string();
    assert!(endless.contains("more than 32 files include one another"), "{endless}");
}

/// `spec/behaviour.md` §7.5: the change of 2 min is in the report of 2 min.
#[test]
fn a_usage_change_comes_before_the_timers_of_its_instant() {
    let text = format!(
        "{HEAD}[device]\ntransport = \"cslu\"\n\
         [[at]]\nt = \"2m\"\nusage = {{ license = \"SECOND\", count = 4 }}\n\
         [[expect]]\nat = \"2m\"\npeer = \"reports\"\ncount = 2\n"
    );
    let second = slpsim_agent::ProfileId::Nexus9000.profile().licenses[1].name;
    let outcome = played(&text.replace("SECOND", second));
    assert!(outcome.passed(), "{}", outcome.failure_text());
}

/// `interface.md` §6: `t` is true time, lines and show commands carry the device's.
#[test]
fn a_clock_that_drifts_parts_the_devices_time_from_the_true_one() {
    let text = format!(
        "{HEAD}[device]\ntransport = \"smart\"\n[[at]]\nt = \"0s\"\nclock = {{ drift = \"-6m/d\" }}\n\
         [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {{token}}\"\n\
         [[at]]\nt = \"12d\"\nclock = {{ ntp = \"synced\" }}\n\
         [[expect]]\nat = \"10d\"\nshow = \"show clock\"\ncontains = \"23:00:00\"\n\
         [[expect]]\nat = \"13d\"\nshow = \"show clock\"\ncontains = \"00:00:00\"\n\
         [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = 0\n"
    );
    let outcome = played(&text);
    assert!(outcome.passed(), "{}", outcome.failure_text());
    assert!(refused(&text.replace("-6m/d", "6m")).contains("`6m` is no drift"));
}

#[test]
fn a_field_of_the_structured_form_can_be_expected() {
    let with = |field: &str, equals: &str| {
        let text = outage("1h")
            + &format!(
                "[[expect]]\nat = \"1d\"\nshow = \"show license status\"\nfield = \"{field}\"\nequals = {equals}\n"
            );
        played(&text).failure_text()
    };
    assert_eq!(with("transport.type", "\"Smart\""), "");
    assert!(
        with("transport.type", "\"Off\"")
            .contains("seen: `transport.type` is `Smart` in the answer of switch")
    );
    assert!(with("transport.tipe", "\"Off\"").contains("there is no `tipe` in `transport` (it has type"));
    assert!(
        refused(&format!("{HEAD}[[expect]]\nat = \"1d\"\nshow = \"show clock\"\nfield = \"x\"\n"))
            .contains("`field` needs `equals`")
    );
}

proptest::proptest! {
    /// Whatever a file says, it is read or refused.
    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\[\\[?(at|expect|device|world|matrix)\\]?\\]\n|(t|until|name|count|within|fault|command|message) = |\"[0-9a-z{}.]{0,8}\"\n|[0-9]{1,3}\n|\\{ kind = \"stall\" \\}\n){0,20}") {
        let _ = parse(&text, "f.toml", Path::new(""));
    }
}

/// `interface.md` §6: `network` changes what all devices see, `peer` what answers them.
#[test]
fn the_network_and_the_peer_change_at_a_step() {
    let text = format!(
        "{HEAD}[device]\ntransport = \"cslu\"\n[world.network.hosts]\n\"cslu-local\" = \"192.168.0.1\"\n\
         [world.network.routes]\n\"192.168.0.1:8182\" = \"127.0.0.1:8182\"\n\
         [[at]]\nt = \"10d\"\nnetwork = {{ gone = [\"cslu-local\"] }}\n\
         [[at]]\nt = \"10d1s\"\ncommand = [\"ping cslu-local\", \"license smart sync\"]\nreply = \"does not exist\"\n\
         [[at]]\nt = \"11d\"\nnetwork = {{ hosts = {{ \"cslu-local\" = \"192.168.0.1\" }}, firewall = [\"deny 192.168.0.1\"] }}\n\
         [[at]]\nt = \"11d1s\"\ncommand = [\"ping cslu-local\", \"license smart sync\"]\nreply = \"0 percent\"\n\
         [[at]]\nt = \"12d\"\nnetwork = {{ firewall = [] }}\n[[at]]\nt = \"12d\"\npeer = \"on-prem-down-rev\"\n\
         [[at]]\nt = \"12d1s\"\ncommand = [\"ping cslu-local\", \"license smart sync\"]\nreply = \"100 percent\"\n\
         [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ntext = \".* : Unable to resolve .*\"\nwithin = \"10d1s..10d1s\"\n\
         [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ntext = \".* : Communications failure\"\nwithin = \"11d1s..11d1s\"\n\
         [[expect]]\nmessage = \"LOG_SMART_LIC_REPORTING_NOT_SUPPORTED\"\nwithin = \"12d1s..12d1s\"\ncount = 1\n"
    );
    let outcome = played(&text);
    assert!(outcome.passed(), "{}", outcome.failure_text());
}

/// `spec/chapter.md` S-22: a server that is configured anew sets the clock; one that was there all the time leaves a clock
/// that the operator has set.
#[test]
fn ntp_server_sets_the_clock_right_where_the_server_answers() {
    let text = format!(
        "{HEAD}[device]\n[[at]]\nt = \"1d\"\nclock = {{ step = \"-2h\" }}\n\
         [[at]]\nt = \"1d1m\"\ncommand = [\"configure terminal\", \"ip domain name example.com\", \"show clock\"]\nreply = \"22:01:00\"\n\
         [[at]]\nt = \"1d2m\"\ncommand = [\"configure terminal\", \"ntp server 203.0.113.9\", \"show clock\"]\nreply = \"22:02:00\"\n\
         [[at]]\nt = \"1d3m\"\ncommand = [\"configure terminal\", \"ntp server 198.51.100.100 version 2 prefer\", \"show clock\"]\nreply = \"00:03:00\"\n\
         [[at]]\nt = \"1d4m\"\nclock = {{ step = \"3h\" }}\n\
         [[at]]\nt = \"1d5m\"\ncommand = [\"configure terminal\", \"interface mgmt0\", \"shutdown\", \"no shutdown\", \"show clock\"]\nreply = \"00:05:00\"\n"
    );
    let outcome = played(&text);
    assert!(outcome.passed(), "{}", outcome.failure_text());
}

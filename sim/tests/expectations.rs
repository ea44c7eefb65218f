//! Expectations beyond the single message: order, exchanges, properties of the whole run, and what the mock recorded.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use slpsim_sim::scenario::{Options, parse, run};

/// A report that meets an outage of an hour.
const OUTAGE: &str = "name = \"x\"\nuntil = \"40d\"\n[device]\ntransport = \"smart\"\n\
    [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {token}\"\n\
    [[at]]\nt = \"30d\"\nfault = { kind = \"unreachable\", for = \"1h\" }\n[[expect]]\n";

/// What is said of an expectation; empty where it passes.
fn said(expectation: &str) -> String {
    let text = format!("{OUTAGE}{expectation}\n");
    let scenarios =
        parse(&text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{expectation}\n{error}"));
    run(&scenarios[0], &Options::default()).unwrap().failure_text()
}

fn refused(expectation: &str) -> String {
    parse(&format!("{OUTAGE}{expectation}\n"), "f.toml", Path::new("")).unwrap_err().to_string()
}

#[test]
fn what_is_so_passes() {
    for expectation in [
        "message = \"LOG_SMART_LIC_COMM_RESTORED\"\ncount = 1\nafter = { message = \"LOG_SMART_LIC_COMM_FAILED\", nth = 2, for = \"2h\" }",
        "message = \"LOG_SMART_LIC_COMM_FAILED\"\nbefore = { message = \"LOG_SMART_LIC_COMM_RESTORED\" }\ncount = \"4..\"",
        "message = \"LOG_SMART_LIC_COMM_FAILED\"\nafter = { message = \"LOG_SMART_LIC_COMM_RESTORED\" }\ncount = 0",
        "exchange = \"usage\"\nended = \"failed\"\nwithin = \"30d..30d2h\"\ntext = \"Communications failure\"\ncount = \"4..\"",
        "exchange = \"trust\"\ncount = 1\nended = \"answered\"",
        "exchange = \"any\"\ncount = \"6..\"",
        "always = { state = \"trusted\", equals = true }\nwithin = \"1m..\"",
        "always = { state = \"down\", equals = false }\nwithin = \"30d2h..\"",
        "never = { state = \"overdue\", equals = true }",
        "eventually = { state = \"failures\", at-least = 4 }\nwithin = \"30d..30d1h\"",
        "eventually = { state = \"unacknowledged\", equals = 0 }\nwithin = \"31d..\"",
        "always = { state = \"interval\", at-least = 30, at-most = 30 }",
        "always = { state = \"policy\", equals = \"Example Policy\" }\nwithin = \"1d..29d\"",
        "always = { show = \"show license status\", field = \"transport.type\", equals = \"Smart\" }",
        "always = { message = \"LOG_SMART_LIC_COMM_RESTORED\", after = \"LOG_SMART_LIC_COMM_FAILED\" }",
        "always = { message = \"LOG_SMART_LIC_COMM_FAILED\", followed-by = \"LOG_SMART_LIC_COMM_RESTORED\", for = \"2h\" }",
        "never = { message = \"LOG_SMART_LIC_POLICY_INSTALL_FAILED\" }",
        "eventually = { message = \"LOG_SMART_LIC_COMM_RESTORED\" }\nwithin = \"30d1h..30d2h\"",
        "at = \"40d\"\npeer = \"trusted\"\ncount = 1",
        "at = \"40d\"\npeer = \"waiting\"\ncount = 0\ndevice = \"switch\"",
        "at = \"40d\"\npeer = \"rejected\"\ncount = 0",
        "at = \"40d\"\npeer = \"repeats\"\ncount = 0",
    ] {
        assert_eq!(said(expectation), "", "{expectation}");
    }
}

#[test]
fn what_is_not_so_says_why() {
    for (expectation, parts) in [
        (
            "message = \"LOG_SMART_LIC_COMM_FAILED\"\nafter = { message = \"LOG_SMART_LIC_COMM_RESTORED\" }",
            &[
                "at least 1 of LOG_SMART_LIC_COMM_FAILED after number 1 of LOG_SMART_LIC_COMM_RESTORED",
                "seen: none",
                "(not after it)",
            ][..],
        ),
        (
            "message = \"any\"\nbefore = { message = \"LOG_SMART_LIC_COMM_RESTORED\", nth = 3 }",
            &["LOG_SMART_LIC_COMM_RESTORED, which they have to come before, came only 1 times"],
        ),
        (
            "message = \"any\"\nafter = { message = \"LOG_SMART_LIC_POLICY_REMOVED\" }",
            &["LOG_SMART_LIC_POLICY_REMOVED, which they have to come after, never came"],
        ),
        (
            "exchange = \"usage\"\nended = \"failed\"\ncount = 0",
            &[
                "exactly 0 exchanges usage that failed",
                "exchange usage failed: Communications failure, hit by fault 1",
            ],
        ),
        (
            "exchange = \"trust\"\nended = \"failed\"",
            &[
                "at least 1 exchanges trust that failed",
                "seen: none",
                "exchange trust answered (it was answered)",
            ],
        ),
        (
            "always = { state = \"down\", equals = false }",
            &[
                "expected that always `down` is `false`",
                "seen: `true` on switch at 30d",
                "LOG_SMART_LIC_COMM_FAILED",
            ],
        ),
        (
            "never = { state = \"down\", equals = true }\ndevice = \"switch\"",
            &["expected that never on switch `down` is `true`", "seen: `true` on switch at 30d"],
        ),
        (
            "eventually = { state = \"failures\", at-least = 100 }\nwithin = \"30d..31d\"",
            &[
                "that eventually within 30d..31d `failures` is at least 100",
                "seen: at no instant; at the last `0` on switch at 31d",
            ],
        ),
        (
            "always = { show = \"show license status\", field = \"transport.tipe\", equals = \"Smart\" }",
            &["there is no `tipe` in `transport` (it has type"],
        ),
        (
            "always = { message = \"LOG_SMART_LIC_COMM_FAILED\", followed-by = \"LOG_SMART_LIC_COMM_RESTORED\", for = \"10m\" }",
            &[
                "LOG_SMART_LIC_COMM_FAILED has LOG_SMART_LIC_COMM_RESTORED after it, at most 10m away",
                "seen: one without it at 30d",
            ],
        ),
        (
            "never = { message = \"LOG_SMART_LIC_COMM_FAILED\" }",
            &["expected that never LOG_SMART_LIC_COMM_FAILED", "first at 30d"],
        ),
        (
            "never = { show = \"show license status\", field = \"transport.tipe\", equals = \"Smart\" }",
            &["at no instant was there a value: there is no `tipe` in `transport`"],
        ),
        (
            "never = { show = \"show license status\", field = \"transport.type\", at-least = 3 }",
            &["`transport.type` is a text (`Smart`), and a text never is at least 3"],
        ),
        (
            // A command that the table has, and this switch refuses.
            "at = \"1d\"\nshow = \"show license usage nothing\"\nnot-contains = \"x\"",
            &["the device refuses `show license usage nothing`: %"],
        ),
        (
            "message = \"LOG_SMART_LIC_COMM_FAILED\"\ntext = \"Communications failure\"",
            &["(contains it, but `text` has to match the whole text: put `.*` around it)"],
        ),
        (
            "exchange = \"usage\"\nended = \"failed\"\ntext = \"failure\"",
            &["(contains it, but `text` has to match the whole text"],
        ),
        ("message = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = 3", &["near: 30d15m40s switch", "(one too many)"]),
        (
            "message = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = 9\nwithin = \"30d..30d6m\"",
            &["30d40s switch LOG_SMART_LIC_COMM_FAILED", "(counts)", "(outside the window)"],
        ),
        (
            "at = \"29d\"\npeer = \"trusted\"\ncount = 2",
            &["exactly 2 trusted at the mock at 29d", "seen: 1", "the mock has reports"],
        ),
    ] {
        let said = said(expectation);
        for part in parts {
            assert!(said.contains(part), "{expectation}\n{part}\n--- in ---\n{said}");
        }
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    for (expectation, part) in [
        (
            "never = { stat = \"down\", equals = true }",
            "f.toml:12:11: unknown key `stat` in [expect.never]; did you mean `state`?",
        ),
        ("never = { state = \"dwn\", equals = true }", "did you mean `down`?"),
        ("nevr = { state = \"down\" }", "unknown key `nevr` in [expect]; did you mean `never`?"),
        ("always = { state = \"down\" }", "f.toml:12:10: say what it has to be"),
        ("always = { equals = true }", "`always` is about one of state, show, message"),
        (
            "always = { state = \"down\", equals = true, followed-by = \"x\" }",
            "`followed-by` does not go with `state`",
        ),
        ("always = { message = \"any\" }", "says what goes with each"),
        ("never = { message = \"any\", after = \"LOG_SMART_LIC_COMM_FAILED\" }", "`never` has no partner"),
        ("always = { state = \"interval\", at_least = 3, at_most = 2 }", "`at_most` lies below `at_least`"),
        (
            "never = { state = \"down\", equals = true }\ncount = 1",
            "f.toml:13:9: `count` does not belong to an expectation with `never`",
        ),
        ("message = \"any\"\nafter = { mesage = \"x\" }", "did you mean `message`?"),
        ("message = \"any\"\nafter = {}", "`message` is missing: the message that the others come after"),
        (
            "at = \"1d\"\npeer = \"reports\"\nafter = { message = \"any\" }",
            "f.toml:14:9: `after` does not belong to an expectation with `peer`",
        ),
        ("exchange = \"usge\"", "did you mean `usage`?"),
        ("exchange = \"usage\"\nended = \"answered\"\ntext = \"x\"", "`text` is that of a failure"),
        (
            "at = \"1d\"\nshow = \"show licens stauts\"\nnot_contains = \"x\"",
            "f.toml:13:8: `show licens stauts` is no command of switch: invalid command at `stauts`",
        ),
        ("never = { show = \"show license\", field = \"x\", equals = 1 }\nat = \"1d\"", "does not belong"),
        (
            "never = { state = \"down\", equals = \"maybe\" }",
            "`down` is true or false, and that never is `maybe`",
        ),
        ("always = { state = \"failures\", equals = \"three\" }", "`failures` is a whole number"),
        ("never = { state = \"interval\", equals = \"30 days\" }", "`interval` is a whole number"),
        (
            "never = { state = \"trusted\", at_least = 1 }",
            "`trusted` is true or false, and that never is at least 1",
        ),
        ("never = { state = \"policy\", at_least = 1 }", "`policy` is a text"),
        ("always = { show = \"reload\", field = \"x\", equals = 1 }", "only shows something"),
        ("always = { show = \"show clock\", equals = 1 }", "`field` is missing"),
    ] {
        let said = refused(expectation);
        assert!(said.contains(part), "{expectation}\n{part}\n--- in ---\n{said}");
    }
}

/// Two recoveries after one failure: the second one ends no outage.
#[test]
fn a_message_that_comes_after_another_has_one_of_its_own() {
    const TWICE: &str = "name = \"x\"\nuntil = \"2d\"\n[device]\ntransport = \"cslu\"\n\
        [[at]]\nt = \"1d\"\npolicy = { name = \"Other\", ongoing = 30 }\n\
        [[at]]\nt = \"1d1h\"\ncommand = \"license smart sync\"\n[[expect]]\n\
        always = { message = \"LOG_SMART_LIC_POLICY_INSTALL_SUCCESS\", after = \"LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS\" }\n";
    let scenarios = parse(TWICE, "f.toml", Path::new("")).unwrap();
    let outcome = run(&scenarios[0], &Options::default()).unwrap();
    assert!(outcome.failure_text().contains("seen: one without it at 1d1h"), "{}", outcome.failure_text());
}

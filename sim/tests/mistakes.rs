//! Mistakes in files that would make a run show nothing: each is refused, or said.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use slpsim_sim::scenario::{Options, Outcome, json, parse, run};

const HEAD: &str = "name = \"x\"\nuntil = \"40d\"\n[device]\ntransport = \"smart\"\n\
    [[at]]\nt = \"10s\"\ncommand = \"license smart trust idtoken {token} local\"\n";

fn refused(text: &str) -> String {
    parse(text, "f.toml", Path::new("")).unwrap_err().to_string()
}

fn played(text: &str) -> Outcome {
    let scenarios = parse(text, "f.toml", Path::new("")).unwrap_or_else(|error| panic!("{error}"));
    run(&scenarios[0], &Options::default()).unwrap()
}

#[test]
fn a_fault_that_hit_nothing_is_said_and_counted() {
    let outcome = played(&format!(
        "{HEAD}[[at]]\nt = \"30d\"\nfault = {{ kind = \"reset\", next = 1 }}\n\
         [[at]]\nt = \"35d\"\nfault = {{ kind = \"dns-nxdomain\", for = \"1h\" }}\n\
         [[expect]]\nmessage = \"LOG_SMART_LIC_COMM_FAILED\"\ncount = 2\n"
    ));
    let told = "f.toml:11:1: fault 2 (dns-nxdomain) hit nothing: it met nothing that it could hit";
    assert_eq!(outcome.warnings(), [told]);
    assert!(outcome.failure_text().contains(told), "{}", outcome.failure_text());
    let faults = json(&outcome)["faults"].clone();
    let counts: Vec<_> =
        faults.as_array().unwrap().iter().map(|fault| (&fault["met"], &fault["hit"])).collect();
    assert_eq!(counts, [(&1.into(), &1.into()), (&0.into(), &0.into())]);
    assert_eq!(json(&outcome)["warnings"][0], told);
}

#[test]
fn a_fault_above_a_cslu_needs_a_device_that_goes_through_one() {
    let fault = "[[at]]\nt = \"1d\"\nfault = { kind = \"stall\", link = \"upstream\" }\n";
    let said = refused(&format!("{HEAD}{fault}"));
    assert!(said.contains("f.toml:10:34: no device here goes through a CSLU"), "{said}");
    for right in [
        HEAD.replace("smart\"\n", "cslu\"\n"),
        HEAD.replace("[device]", "[world]\npeer = \"on-prem\"\n[device]"),
        format!("{HEAD}[[at]]\nt = \"1h\"\ncommand = \"configure terminal; license smart transport cslu\"\n"),
    ] {
        assert!(parse(&format!("{right}{fault}"), "f.toml", Path::new("")).is_ok(), "{right}");
    }
}

#[test]
fn a_variable_that_is_used_before_it_is_saved_is_never_typed_as_it_is_written() {
    let used = |at: &str, saved: &str| {
        format!(
            "{HEAD}[[at]]\nt = \"{at}\"\ncommand = \"license smart trust idtoken {{second}} local force\"\n\
             [[at]]\n{saved}\nmanage = {{ call = \"POST tokens\", save = {{ second = \"idtoken\" }} }}\n"
        )
    };
    let said = refused(&used("1d", "t = \"2d\""));
    assert!(said.contains("f.toml:10:11: `{second}` is used at 1d, and first saved at 2d"), "{said}");
    // Calls of one instant come before commands.
    let outcome = played(&used("1d", "t = \"1d\""));
    assert!(outcome.passed(), "{}", outcome.failure_text());
    // When a step follows a message its time is not known before.
    let follows = "after = { message = \"LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS\", delay = \"1h\" }";
    assert!(played(&used("1d", follows)).passed());
    let outcome = played(&used("1m", follows));
    let said = outcome.failure_text();
    assert!(
        said.contains(
            "expected that `{second}` of `license smart trust idtoken {second} local force` is saved"
        ),
        "{said}"
    );
    assert!(said.contains("the lines were not typed"), "{said}");
}

#[test]
fn one_mistyped_word_is_one_error_with_the_word_that_was_meant() {
    for (line, expected) in [
        (
            "fault = { kind = \"stal\", for = \"1h\" }",
            "f.toml:10:18: `kind`: there is no `stal`; did you mean `stall`?",
        ),
        ("event = \"relod\"", "f.toml:10:9: `event`: there is no `relod`; did you mean `reload`?"),
        ("usage = { license = \"\", count = 1 }", "f.toml:10:21: `license`: must not be empty"),
    ] {
        assert_eq!(refused(&format!("{HEAD}[[at]]\nt = \"1d\"\n{line}\n")), expected);
    }
    let far = refused(&format!("{HEAD}[[at]]\nt = \"1d\"\nevent = \"xyzzy\"\n"));
    assert!(far.contains("`xyzzy` is none of reload, power-loss"), "{far}");
}

#[test]
fn a_value_of_a_matrix_that_is_wrong_is_named() {
    let said = refused(&format!("[matrix]\nlength = [3]\n{HEAD}[[at]]\nt = \"1d\"\nfault = {{ kind = \"stall\", for = \"{{length}}\" }}\n").replace("[matrix]\nlength = [3]\nname = \"x\"\nuntil = \"40d\"\n", "name = \"x\"\nuntil = \"40d\"\n[matrix]\nlength = [3]\n"));
    assert!(
        said.contains("`for`: must be a span such as 30d6h15m10s, but is")
            && said.ends_with("(where `{length}` is `3`)"),
        "{said}"
    );
}

#[test]
fn a_fault_of_the_store_has_no_purpose() {
    let said = refused(&format!(
        "{HEAD}[[at]]\nt = \"1d\"\nfault = {{ kind = \"disk-full\", purpose = \"usage\" }}\n"
    ));
    assert!(said.contains("f.toml:10:41: disk-full hits writes of the store"), "{said}");
}

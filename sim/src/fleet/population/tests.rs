use super::*;

const SHIPPED: [(&str, &str); 3] = super::super::population::SHIPPED;

#[test]
fn each_shipped_population_is_read_and_every_rate_has_a_source_or_is_called_modelled() {
    for (name, text) in SHIPPED {
        assert_eq!(parse(text, name).unwrap().name, name);
        for (number, line) in (1..).zip(text.lines()) {
            let (value, comment) = line.split_once('#').unwrap_or((line, ""));
            let assigns = value.contains('=') && !value.contains('[') && !value.trim_start().starts_with('"');
            let is_rate = assigns
                && value.split('=').next_back().is_some_and(|v| v.contains(|c: char| c.is_ascii_digit()));
            let is_name = ["pid", "profile", "name"].iter().any(|key| value.trim_start().starts_with(key));
            if is_rate && !is_name {
                let sourced = comment.contains("modelled") || comment.contains("spec/");
                assert!(sourced, "{name}.toml:{number} has neither a source nor the word modelled: {line}");
            }
        }
    }
}

#[test]
fn what_is_wrong_in_a_population_is_named_with_its_place_and_the_nearest_word() {
    let wrong = |text: &str| parse(text, "p.toml").unwrap_err().to_string();
    let base = "name = \"p\"\n[[model]]\npid = \"X\"\n";
    for (text, expected) in [
        (
            "bring-upp = \"1d\"",
            "p.toml:1:1: unknown key `bring-upp` at the top of the file; did you mean `bring-up`?",
        ),
        ("[[model]]\npid = \"X\"\nshare = 1.5", "p.toml:3:9: `share`: 1.5 is outside 0 to 1"),
        ("[[model]]\npid = \"X\"\nshare = -3", "p.toml:3:9: `share`: -3 is outside 0 to 1"),
        (
            "[[model]]\npid = \"X\"\nlicenses = [\"LAN_ENTERPRISE\"]",
            "did you mean `LAN_ENTERPRISE_SERVICES_PKG`?",
        ),
        ("[[model]]\npid = \"NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN\"", "`pid` is a product id"),
        ("name = \"p\"", "needs at least one [[model]]"),
        ("[transport]\ncsluu = 1", "unknown transport `csluu`; did you mean `cslu`?"),
        ("[interval]\n4000 = 1", "`4000` is no interval: days from 1 to 3650"),
        ("[[outage]]\nevery = \"0s\"\nlasts = \"1h\"", "`every` of an [[outage]] is at least 1m"),
        ("[[outage]]\nfailure = \"dnss\"\nevery = \"1d\"\nlasts = \"1h\"", "`failure`:"),
        ("[trouble]\nnever-cslu = -0.1", "`never-cslu`:"),
        ("[[zone]]\nname = \"Mars\"", "unknown time zone"),
        ("[[model]]\npid = \"X\"\nshare = 0", "each `share` of [[model]] is 0: at least one must be above"),
        ("[[zone]]\nname = \"UTC\"\nshare = 0.0", "each `share` of [[zone]] is 0"),
        ("[transport]\ncslu = 0\noff = 0", "p.toml:1:1: each share of [transport] is 0"),
        ("[interval]\n30 = 0", "each share of [interval] is 0"),
        ("[trouble]\nnever-cslu = 0.5\nforgotten = 0.6", "together are at most 1, not 1.100"),
        ("[life]\nreload-every = \"1ms\"", "`reload-every` of [life] is at least 1m, or 0s for never"),
        ("[flapping]\nevery = \"0s\"", "`every` of [flapping] is at least 1m"),
        ("[companions]\nbusy-every = \"0s\"", "`busy-every` of [companions] is at least 1s"),
        ("[[model]]\npid = \"X\"\nrole = \"le:af\"", "`role` is a part of host names: 1 to 40 letters"),
        ("[[zone]]\nname = \"UTC\"\ncities = [\"z%C3\"]", "`z%C3` is a part of host names"),
    ] {
        let problems = wrong(text);
        assert!(problems.contains(expected), "{text}: {problems}");
    }
    let exact =
        "[trouble]\nnever-cslu = 0.1\nforgotten = 0.2\nwrong-clock = 0.7\n[life]\nreload-every = \"0s\"\n";
    assert!(parse(base, "p.toml").is_ok() && parse(&format!("{base}{exact}"), "p.toml").is_ok());
}

#[test]
fn defaults_are_those_that_the_reference_states() {
    let population = parse("name = \"p\"\n[[model]]\npid = \"X\"\n", "p").unwrap();
    assert_eq!(population.transports, [(1.0, TransportMode::Cslu)]);
    assert_eq!(population.intervals, [(1.0, 30)]);
    assert_eq!((population.devices_per_site, population.bring_up_ms), (200, 0));
    assert_eq!(population.models[0].1.licenses, [0]);
    let text = reference();
    for key in ["bring-up", "never-cslu", "[[outage]]", "sparse-every"] {
        assert!(text.contains(key), "{key}");
    }
}

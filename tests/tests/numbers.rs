//! The numbers in code are those of `spec/behaviour.md` §19: same names, same values, same units, same evidence.
#![expect(clippy::expect_used, reason = "helpers of tests say what they expect, too")]

use std::collections::BTreeMap;

use regex::Regex;
use slpsim_policy::numbers::Number;
use slpsim_tests::{markdown, read};

/// The sources of the two tables; their doc comments carry the evidence.
const SOURCES: [&str; 2] = ["policy/src/numbers.rs", "agent/src/numbers.rs"];

#[derive(Debug, PartialEq, Eq)]
struct Row {
    value: String,
    unit: String,
    evidence: String,
}

#[test]
fn the_tables_in_code_have_exactly_the_rows_of_the_reference() {
    let reference = reference();
    let code: Vec<&Number> =
        slpsim_policy::numbers::TABLE.iter().chain(slpsim_agent::numbers::TABLE).collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeMap::new();
    for number in code {
        if seen.insert(number.name, ()).is_some() {
            wrong.push(format!("{}: twice in code", number.name));
        }
        match reference.get(number.name) {
            None => wrong.push(format!("{}: in code only", number.name)),
            Some(row) if (row.value.as_str(), row.unit.as_str()) != (number.value, number.unit) => wrong
                .push(format!(
                    "{}: code says {} {}, §19 says {} {}",
                    number.name, number.value, number.unit, row.value, row.unit
                )),
            Some(_) => {}
        }
    }
    wrong.extend(
        reference
            .keys()
            .filter(|name| !seen.contains_key(name.as_str()))
            .map(|name| format!("{name}: in the reference only")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_constants_say_the_evidence_that_the_reference_gives() {
    let reference: BTreeMap<String, Row> =
        reference().into_iter().map(|(name, row)| (plain(&name), row)).collect();
    let constant = Regex::new(r#"(?m)^/// "([^"]+)"(.*)$"#).unwrap();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for source in SOURCES {
        for found in constant.captures_iter(&read(source)) {
            checked += 1;
            match reference.get(&plain(&found[1])) {
                None => wrong.push(format!("{source}: §19 has no row \"{}\"", &found[1])),
                Some(row) if grades(&row.evidence) != grades(&found[2]) => {
                    wrong.push(format!(
                        "{source}: \"{}\" says {}, §19 says {}",
                        &found[1], &found[2], row.evidence
                    ));
                }
                Some(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 30, "only {checked} constants were found: has their form changed?");
}

/// The rows of §19 by name, without the header.
fn reference() -> BTreeMap<String, Row> {
    let document = read("docs/spec/behaviour.md");
    let sections = markdown::sections(&document);
    let section = sections.iter().find(|section| section.number == "19").expect("behaviour.md has §19");
    let rows: BTreeMap<String, Row> = markdown::rows(&section.text)
        .into_iter()
        .skip(1)
        .map(|cells| {
            let [name, value, unit, evidence] = <[String; 4]>::try_from(cells).expect("§19 has four columns");
            (name, Row { value, unit, evidence })
        })
        .collect();
    assert!(rows.len() >= 38, "§19 was read in part only: {} rows", rows.len());
    rows
}

/// A name without what it points to: "renewal (§13)" is "renewal".
fn plain(name: &str) -> String {
    name.split(" (§").next().unwrap_or(name).to_owned()
}

/// The set of evidence grades in a text; "modelled" is the word of doc comments for (C).
fn grades(text: &str) -> String {
    "SVDXCM"
        .chars()
        .filter(|grade| text.contains(&format!("({grade})")) || (*grade == 'C' && text.contains("modelled")))
        .collect()
}

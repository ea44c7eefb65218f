//! Each requirement of the chapter has its test: `docs/chapter-coverage.md`, `spec/chapter.md` §9, the scenario library
//! and the test functions agree.
#![expect(clippy::expect_used, reason = "helpers of tests say what they expect, too")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex::Regex;
use slpsim_tests::{files, markdown, read, root};

const TABLE: &str = "docs/chapter-coverage.md";
/// Scenario files and test files of this name are about the chapter, so the table has to name them.
const OWN: &str = "chapter";
/// The sections of the chapter's account that define ids; §9 lists them.
const DEFINING: [&str; 4] = ["2", "3", "5", "6"];

#[test]
fn the_list_of_the_chapter_has_each_id_that_its_text_defines_and_no_other() {
    let chapter = Chapter::read();
    let in_text = &chapter.in_text;
    let only_text: Vec<_> = in_text.difference(&chapter.listed).collect();
    let only_list: Vec<_> = chapter.listed.difference(in_text).collect();
    assert!(only_text.is_empty(), "defined in the text, but not in §9: {only_text:?}");
    assert!(only_list.is_empty(), "in §9, but nowhere in the text: {only_list:?}");
    assert!(chapter.listed.len() > 80, "the list was read in part only: {:?}", chapter.listed);
}

#[test]
fn each_id_of_the_chapter_is_shown_by_tests_that_exist() {
    let wrong = compare(&Chapter::read().listed, &read(TABLE), &Sources::of_the_project());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_missing_on_either_side_is_named() {
    let listed = BTreeSet::from(["S-01".to_owned(), "S-02".to_owned()]);
    let sources = Sources {
        tests: BTreeMap::from([
            ("a/chapter.rs".to_owned(), BTreeSet::from(["one".to_owned(), "two".to_owned()])),
            ("a/other.rs".to_owned(), BTreeSet::from(["three".to_owned()])),
        ]),
        scenarios: BTreeMap::from([(
            "config/scenarios/chapter-x.toml".to_owned(),
            BTreeSet::from(["S-02".to_owned()]),
        )]),
    };
    let table = |rows: &str| format!("| id | tests | what |\n|---|---|---|\n{rows}");
    let good = "| S-01 | `a/chapter.rs::one`<br>`a/chapter.rs::two` | x |\n| S-02 | `config/scenarios/chapter-x.toml` | y |\n";
    assert_eq!(compare(&listed, &table(good), &sources), Vec::<String>::new());
    for (change, to, complaint) in [
        ("| S-02 | `config/scenarios/chapter-x.toml` | y |\n", "", "S-02: no row"),
        ("| S-01 |", "| S-03 |", "S-03: spec/chapter.md §9 has no such id"),
        ("| S-02 |", "| S-01 |", "S-01: two rows"),
        ("`a/chapter.rs::one`", "`a/chapter.rs::four`", "S-01: there is no test `a/chapter.rs::four`"),
        ("`a/chapter.rs::one`<br>", "", "a/chapter.rs::one: no row names it"),
        ("`a/chapter.rs::two`", "`a/none.toml`", "S-01: there is no test `a/none.toml`"),
        (
            "`config/scenarios/chapter-x.toml`",
            "`a/other.rs::three`",
            "config/scenarios/chapter-x.toml: says that it shows S-02, but the row of S-02 does not name it",
        ),
        ("`a/chapter.rs::one`<br>`a/chapter.rs::two`", "", "S-01: no test"),
        ("| y |", "| |", "S-02: says nothing of what is shown"),
    ] {
        let wrong = compare(&listed, &table(&good.replace(change, to)), &sources);
        assert!(wrong.iter().any(|wrong| wrong == complaint), "{complaint}: {wrong:?}");
    }
}

#[test]
fn test_functions_are_found_with_whatever_stands_around_their_attribute() {
    let text = "#[test]\nfn a() {}\n#[tokio::test(start_paused = true)]\nasync fn b() {}\nfn c() {}\n\
                    #[test]\n    #[should_panic = \"long\"]\n    fn d() {}\n/// #[test]\nfn e() {}\n";
    assert_eq!(tests_in(text), ["a", "b", "d"].map(str::to_owned).into());
}

/// What is wrong with a table.
fn compare(listed: &BTreeSet<String>, table: &str, sources: &Sources) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut rows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for cells in markdown::rows(table).into_iter().filter(|cells| cells[0].starts_with("S-")) {
        let [id, tests, what] = &cells[..] else {
            wrong.push(format!("{}: a row has three cells", cells[0]));
            continue;
        };
        if what.is_empty() {
            wrong.push(format!("{id}: says nothing of what is shown"));
        }
        let tests: BTreeSet<String> = tests
            .split("<br>")
            .map(|test| test.trim_matches('`').to_owned())
            .filter(|test| !test.is_empty())
            .collect();
        if tests.is_empty() {
            wrong.push(format!("{id}: no test"));
        }
        let unknown = tests.iter().filter(|test| !sources.has(test));
        wrong.extend(unknown.map(|test| format!("{id}: there is no test `{test}`")));
        if rows.insert(id.clone(), tests).is_some() {
            wrong.push(format!("{id}: two rows"));
        }
    }
    wrong.extend(listed.iter().filter(|id| !rows.contains_key(*id)).map(|id| format!("{id}: no row")));
    let excess = rows.keys().filter(|id| !listed.contains(*id));
    wrong.extend(excess.map(|id| format!("{id}: spec/chapter.md §9 has no such id")));
    for (file, ids) in &sources.scenarios {
        let unnamed = ids.iter().filter(|id| !rows.get(*id).is_some_and(|tests| tests.contains(file)));
        wrong.extend(
            unnamed
                .map(|id| format!("{file}: says that it shows {id}, but the row of {id} does not name it")),
        );
    }
    let named: BTreeSet<&String> = rows.values().flatten().collect();
    let own = sources.own_tests();
    wrong.extend(own.filter(|test| !named.contains(test)).map(|test| format!("{test}: no row names it")));
    wrong
}

/// The ids of the chapter.
struct Chapter {
    /// Those of §9.
    listed: BTreeSet<String>,
    /// Those of the sections that define them.
    in_text: BTreeSet<String>,
}

impl Chapter {
    fn read() -> Self {
        let sections = markdown::sections(&read("docs/spec/chapter.md"));
        let id = Regex::new(r"\bS-\d\d[a-z]?\b").expect("pattern is valid");
        let ids = |text: &str| id.find_iter(text).map(|id| id.as_str().to_owned()).collect::<BTreeSet<_>>();
        let (mut listed, mut in_text) = (BTreeSet::new(), BTreeSet::new());
        for section in &sections {
            let main = section.number.split('.').next().unwrap_or_default();
            if main == "9" {
                let rows = markdown::rows(&section.text);
                listed.extend(rows.iter().flat_map(|cells| ids(&cells[0])));
            } else if DEFINING.contains(&main) {
                in_text.extend(ids(&section.text));
            }
        }
        Self { listed, in_text }
    }
}

/// The tests that there are.
struct Sources {
    /// Test functions by file.
    tests: BTreeMap<String, BTreeSet<String>>,
    /// Scenario files about the chapter, each with the ids that it says it shows.
    scenarios: BTreeMap<String, BTreeSet<String>>,
}

impl Sources {
    fn of_the_project() -> Self {
        let name = |path: &Path| path.to_string_lossy().into_owned();
        let tests = files(&["rs"]).iter().map(|path| (name(path), tests_in(&read(&name(path))))).collect();
        let id = Regex::new(r"\bS-\d\d[a-z]?\b").expect("pattern is valid");
        let shows = Regex::new(r#"(?m)^shows\s*=\s*"([^"]*)""#).expect("pattern is valid");
        let library = files(&["toml"])
            .into_iter()
            .filter(|path| path.parent() == Some(Path::new("config/scenarios")) && is_own(path));
        let scenarios = library.map(|path| {
            let text = read(&name(&path));
            let said = shows.captures(&text).map(|found| found[1].to_owned()).unwrap_or_default();
            let ids: BTreeSet<String> = id.find_iter(&said).map(|id| id.as_str().to_owned()).collect();
            assert!(!ids.is_empty(), "{}: `shows` names no id of the chapter", path.display());
            (name(&path), ids)
        });
        Self { tests, scenarios: scenarios.collect() }
    }

    fn has(&self, test: &str) -> bool {
        match test.split_once("::") {
            Some((file, function)) => self.tests.get(file).is_some_and(|tests| tests.contains(function)),
            None => {
                let in_library = test.starts_with("config/scenarios/") && test.ends_with(".toml");
                in_library && (self.scenarios.contains_key(test) || root().join(test).is_file())
            }
        }
    }

    /// The functions of the test files that are about the chapter alone; this file is about the table.
    fn own_tests(&self) -> impl Iterator<Item = String> {
        let own = self.tests.iter().filter(|(file, _)| {
            is_own(Path::new(file)) && file.as_str() != "tests/tests/chapter_coverage.rs"
        });
        own.flat_map(|(file, tests)| tests.iter().map(move |test| format!("{file}::{test}")))
    }
}

fn is_own(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(OWN))
}

/// Names of the functions with an attribute of a test.
fn tests_in(text: &str) -> BTreeSet<String> {
    let pattern = r"(?m)^[ \t]*#\[(?:tokio::)?test\b[^\n]*\]\s*(?:#\[[^\n]*\]\s*)*(?:async )?fn (\w+)";
    let attribute = Regex::new(pattern).expect("pattern is valid");
    attribute.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

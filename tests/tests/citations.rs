//! Every citation of the project's documents leads somewhere.
//!
//! Code, configuration and documents cite the reference as `spec/README.md §3` says: a file, then sections, rows
//! named in quotation marks, worked examples, timelines, requirement ids. A citation whose target does not exist is a
//! statement without a source, so it fails here, with file and line.
#![expect(clippy::expect_used, reason = "helpers of tests say what they expect, too")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use regex::{Captures, Regex};
use slpsim_tests::{files, markdown, read, root};

/// Documents outside `docs/spec/` that are cited by section; their names need no folder.
const BESIDE_SPEC: [&str; 4] =
    ["docs/DESIGN.md", "docs/cslu-and-files.md", "docs/interface.md", "docs/own-server.md"];

/// Wrong citations are what this file is about.
const THIS_FILE: &str = "tests/tests/citations.rs";

#[test]
fn every_citation_leads_to_a_place_that_exists() {
    let checker = Checker::of_the_project();
    let mut checked = 0;
    let mut wrong = Vec::new();
    for path in files(&["rs", "toml", "md"]) {
        let name = path.to_string_lossy().into_owned();
        if name == THIS_FILE {
            continue;
        }
        let found = checker.check(&name, &read(&name));
        checked += found.checked;
        wrong.extend(found.wrong);
    }
    assert!(wrong.is_empty(), "{} citations lead nowhere:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 200, "only {checked} citations were found: has their form changed?");
}

#[test]
fn a_citation_of_something_that_does_not_exist_is_caught_with_file_and_line() {
    let checker = Checker::of_the_project();
    for (citation, complaint) in [
        ("spec/behaviour.md §99", "behaviour.md has no §99"),
        ("`spec/behaviour.md` §7.2, §7.9", "behaviour.md has no §7.9"),
        ("spec/behaviour.md §2,\n/// §3 and §21", "behaviour.md has no §21"),
        ("`spec/messages.md`\n//! §12", "messages.md has no §12"),
        ("spec/formats.md §19–§22", "formats.md has no §22"),
        ("spec/nothing.md §1", "there is no spec/nothing.md"),
        ("spec/nothing.md", "there is no spec/nothing.md"),
        ("spec/behaviour.md §", "§ without a number"),
        ("spec/behaviour.md §19 \"slow interval\"", "§19 has no row \"slow interval\""),
        ("spec/behaviour.md §3.2 TS-11", "§3.2 has no example TS-11"),
        ("spec/behaviour.md §3.3 N9", "§3.3 has no example N9"),
        ("spec/behaviour.md §7.3 G", "§7.3 has no timeline G"),
        ("spec/messages.md §1 row 13", "§1 has no row 13"),
        ("spec/behaviour.md §2.3 rule 8", "§2.3 has no rule 8"),
        ("spec/chapter.md S-27d", "there is no requirement S-27d"),
        ("spec/chapter.md S-27a to S-27d", "there is no requirement S-27d"),
        ("S-48", "there is no requirement S-48"),
        ("`interface.md` §8", "interface.md has no §8"),
    ] {
        let text = format!("//! lead\n\n/// {citation}.\n");
        let wrong = checker.check("agent/src/x.rs", &text).wrong;
        assert_eq!(wrong.len(), 1, "{citation}: {wrong:?}");
        assert!(wrong[0].starts_with("agent/src/x.rs:3: "), "{}", wrong[0]);
        assert!(wrong[0].ends_with(complaint), "{}", wrong[0]);
    }
}

#[test]
fn the_forms_that_the_reference_prescribes_are_understood() {
    let checker = Checker::of_the_project();
    for (citation, parts) in [
        ("spec/behaviour.md §7.2", 1),
        ("`spec/formats.md` §8.2, §8.5), as plain data", 2),
        ("spec/behaviour.md §2, §3 and §19.", 3),
        ("spec/behaviour.md §16 and §19, each under its name", 2),
        ("spec/behaviour.md §4–§11, §13", 3),
        ("spec/messages.md §1 row 3, `spec/chapter.md` S-27b", 3),
        ("spec/behaviour.md §3.2 TS-18, §3.2 ALL-4, §3.3 N6a", 6),
        ("spec/behaviour.md §7.3 B, `§7.3 F`", 4),
        ("spec/behaviour.md §19 \"fast interval\"", 2),
        ("spec/behaviour.md §19\n/// \"window attempts\", minutes", 2),
        ("spec/behaviour.md §9 (C)", 1),
        ("spec/behaviour.md, in words", 0),
    ] {
        let found = checker.check("agent/src/x.rs", &format!("/// {citation}\n"));
        assert_eq!(found.wrong, Vec::<String>::new(), "{citation}");
        assert_eq!(found.checked, parts, "{citation}");
    }
}

#[test]
fn a_bare_section_of_the_reference_means_the_file_that_it_stands_in() {
    let checker = Checker::of_the_project();
    let text = "See §7.5 and RFC 5424 §6.2.1.\nBut §77 is not there.\n";
    let found = checker.check("docs/spec/behaviour.md", text);
    assert_eq!(found.checked, 2);
    assert_eq!(found.wrong, ["docs/spec/behaviour.md:2: behaviour.md has no §77"]);
}

/// What a check of one file found.
struct Found {
    name: String,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    checked: usize,
    wrong: Vec<String>,
}

impl Found {
    fn new(name: &str, text: &str) -> Self {
        let lines = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self { name: name.to_owned(), lines, checked: 0, wrong: Vec::new() }
    }

    fn checked(&mut self, at: usize, exists: bool, complaint: impl FnOnce() -> String) {
        self.checked += 1;
        if !exists {
            self.wrong_at(at, complaint());
        }
    }

    fn wrong_at(&mut self, at: usize, complaint: String) {
        let line = self.lines.partition_point(|begin| *begin <= at) + 1;
        self.wrong.push(format!("{}:{line}: {complaint}", self.name));
    }
}

/// One document that can be cited.
struct Document {
    /// The name without its folder.
    name: String,
    /// The text of each numbered section, without its sub-sections.
    sections: BTreeMap<String, String>,
}

impl Document {
    fn read(path: &str) -> Self {
        let sections = markdown::sections(&read(path))
            .into_iter()
            .map(|section| (section.number, section.text))
            .collect();
        Self { name: path.rsplit('/').next().unwrap_or(path).to_owned(), sections }
    }
}

struct Checker {
    documents: BTreeMap<String, Document>,
    requirements: BTreeSet<String>,
    token: Regex,
    between: Regex,
    section: Regex,
    detail: Regex,
}

impl Checker {
    fn of_the_project() -> Self {
        let in_spec = files(&["md"]).into_iter().filter(|path| path.starts_with("docs/spec"));
        let beside = BESIDE_SPEC.iter().map(PathBuf::from).filter(|path| root().join(path).exists());
        let documents: BTreeMap<String, Document> = in_spec
            .chain(beside)
            .map(|path| {
                let path = path.to_string_lossy().into_owned();
                (path.trim_start_matches("docs/").to_owned(), Document::read(&path))
            })
            .collect();
        let requirements = requirements(&documents["spec/chapter.md"]);
        // A gap inside a citation may hold a line break with the sign of a comment.
        let gap = r"(?:[ \t`]|\n[ \t]*(?://[/!]?|#)?)";
        let regex = |pattern: &str| Regex::new(pattern).expect("pattern is valid");
        Self {
            documents,
            requirements,
            token: regex(
                r"(?x) \b(?P<file> spec/\w+\.md | [\w-]+\.md\b )
                     | (?P<rfc> RFC\ \d+\ § [\d.]+ )
                     | (?P<bare> § )\d
                     | \b(?P<requirement> S-\d{2}[a-z]? )\b",
            ),
            between: regex(&format!(r"^{gap}*(?:,|–|\bto\b|\band\b|\bor\b)?{gap}*")),
            section: regex(r"^§(\d+(?:\.\d+)*)?"),
            detail: regex(&format!(
                "^{gap}+(?:\"(?P<quote>[^\"\\n]+)\"|(?P<row>row \\d+)|(?P<rule>rule \\d+)|\
                 (?P<example>(?:TS|ALL|ST)-\\d+|N\\d+a?)\\b|(?P<timeline>[A-G])\\b)"
            )),
        }
    }

    /// Checks all citations in the text of a file, which is named relative to the project's root.
    fn check(&self, name: &str, text: &str) -> Found {
        let own = name.strip_prefix("docs/").and_then(|own| self.documents.get(own));
        let mut found = Found::new(name, text);
        let mut at = 0;
        while let Some(token) = self.token.captures_at(text, at) {
            let start = token.get(0).map_or(at, |whole| whole.start());
            at = token.get(0).map_or(text.len(), |whole| whole.end());
            if let Some(file) = token.name("file") {
                match self.document(name, file.as_str()) {
                    Some(document) => at = self.follow(document, text, start, at, &mut found),
                    // Other programs have files of their own; ours are cited with their folder.
                    None if file.as_str().starts_with("spec/") => {
                        found.wrong_at(start, format!("there is no {}", file.as_str()));
                    }
                    None => {}
                }
            } else if let (Some(bare), Some(own)) = (token.name("bare"), own) {
                at = self.follow(own, text, start, bare.start(), &mut found);
            } else if let Some(id) = token.name("requirement") {
                let known = self.requirements.contains(id.as_str());
                found.checked(start, known, || format!("there is no requirement {}", id.as_str()));
            }
        }
        found
    }

    /// The document that `cited` means in the file `name`.
    fn document(&self, name: &str, cited: &str) -> Option<&Document> {
        // The project has several files of this name; the reference's own is meant inside its folder alone.
        if cited == "README.md" && !name.starts_with("docs/spec/") {
            return None;
        }
        self.documents.get(cited).or_else(|| self.documents.get(&format!("spec/{cited}")))
    }

    /// Checks the sections that follow at `at`, and says where they end.
    fn follow(&self, document: &Document, text: &str, start: usize, at: usize, found: &mut Found) -> usize {
        let mut end = at;
        loop {
            let gap = self.between.find(&text[end..]).map_or(0, |gap| gap.end());
            let Some(section) = self.section.captures(&text[end + gap..]) else { return end };
            end += gap + section[0].len();
            let Some(number) = section.get(1).map(|number| number.as_str()) else {
                found.checked(start, false, || "§ without a number".to_owned());
                continue;
            };
            let Some(body) = document.sections.get(number) else {
                found.checked(start, false, || format!("{} has no §{number}", document.name));
                continue;
            };
            found.checked(start, true, String::new);
            if let Some(detail) = self.detail.captures(&text[end..]) {
                end += check_detail(number, body, &detail, start, found);
            }
        }
    }
}

/// Checks what stands behind a section number, and says how long that was; 0 where it was no detail after all.
fn check_detail(number: &str, body: &str, detail: &Captures<'_>, start: usize, found: &mut Found) -> usize {
    let part = |name: &str| detail.name(name).map(|part| part.as_str());
    let cells = || markdown::rows(body).into_iter().filter_map(|row| row.into_iter().next());
    let words = |wanted: &str| body.split(|c: char| !c.is_alphanumeric() && c != '-').any(|w| w == wanted);
    let (exists, kind, what) = if let Some(quote) = part("quote") {
        // The names of §19 are those of a table; elsewhere a quotation has to be one.
        let named = |cell: String| cell == quote || cell.split(" (§").next() == Some(quote);
        let exists = if number == "19" { cells().any(named) } else { body.contains(quote) };
        (exists, "row", format!("\"{quote}\""))
    } else if let Some(row) = part("row").and_then(|row| row.strip_prefix("row ")) {
        (cells().any(|cell| cell == row), "row", row.to_owned())
    } else if let Some(rule) = part("rule").and_then(|rule| rule.strip_prefix("rule ")) {
        (body.lines().any(|line| line.starts_with(&format!("{rule}. "))), "rule", rule.to_owned())
    } else if let Some(example) = part("example") {
        (words(example), "example", example.to_owned())
    } else if let (Some(timeline), "7.3") = (part("timeline"), number) {
        (body.contains(&format!("**{timeline}. ")), "timeline", timeline.to_owned())
    } else {
        return 0;
    };
    found.checked(start, exists, || format!("§{number} has no {kind} {what}"));
    detail[0].len()
}

/// The ids that §9 of the chapter's account lists, each with its parts.
fn requirements(chapter: &Document) -> BTreeSet<String> {
    let ids: BTreeSet<String> = markdown::rows(&chapter.sections["9"])
        .iter()
        .skip(1)
        .flat_map(|row| row[0].split(", ").map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(ids.len() > 80, "the list of requirements was read in part only: {ids:?}");
    ids
}

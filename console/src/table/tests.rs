use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;
use slpsim_agent::ProfileId;

use super::*;
use crate::config::Section;
use crate::features::FEATURES;
use crate::syntax::{Item, Kind, SyntaxError, parse, sequences, tokens};

const PLACES: [Place; 6] =
    [Place::Exec, Place::Config, Place::Interface, Place::Vrf, Place::Callhome, Place::Line];

fn of(place: Place) -> impl Iterator<Item = &'static Row> + Clone {
    rows().filter(move |row| row.place == place || row.place == Place::Anywhere)
}

/// Every way to type every command: where, by which row, and its words.
fn all() -> Vec<(Place, &'static Row, Vec<Item>)> {
    let of_place = |place| of(place).map(move |row| (place, row));
    PLACES
        .into_iter()
        .flat_map(of_place)
        .flat_map(|(place, row)| sequences(row.syntax).into_iter().map(move |way| (place, row, way.items)))
        .collect()
}

fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Word | Kind::Token | Kind::Path | Kind::Hostname => "xyz123",
        Kind::Url | Kind::CsluUrl => "http://192.168.0.1:8182/cslu/v1/pi",
        Kind::Host | Kind::Address | Kind::Ipv4 => "192.0.2.1",
        Kind::Prefix => "192.0.2.1/24",
        Kind::Time => "10:00:00",
        Kind::HourMinute => "02:00",
        Kind::Month => "March",
        Kind::Weekday => "Sunday",
        Kind::Year => "2026",
        Kind::Interval
        | Kind::Days
        | Kind::Port
        | Kind::ReportId
        | Kind::Version
        | Kind::ZoneHours
        | Kind::ZoneMinutes
        | Kind::Length
        | Kind::Width
        | Kind::Timeout
        | Kind::Severity
        | Kind::Count
        | Kind::MonthDay
        | Kind::Week
        | Kind::SummerMinutes => "3",
    }
}

fn typed(items: &[Item]) -> Vec<String> {
    let word = |item: &Item| match item {
        Item::Key(key) => (*key).to_string(),
        Item::Arg { kind, .. } => example(*kind).to_string(),
    };
    items.iter().map(word).collect()
}

fn read(place: Place, words: &[String]) -> Result<&'static str, SyntaxError> {
    let line = words.join(" ");
    parse(of(place), &tokens(&line), line.len()).map(|parsed| parsed.row.syntax)
}

#[test]
fn every_syntax_is_well_formed_and_every_argument_has_an_example() {
    for row in rows() {
        assert!(!sequences(row.syntax).is_empty(), "{}", row.syntax);
        assert!(!row.help.is_empty(), "{}", row.syntax);
    }
    for (kind, _) in Kind::ALL {
        assert!(kind.accepts(example(kind)), "{kind:?}");
    }
}

#[test]
fn every_way_to_type_a_command_is_that_command() {
    for (place, row, items) in all() {
        assert_eq!(read(place, &typed(&items)), Ok(row.syntax), "{:?}", typed(&items));
    }
}

#[test]
fn every_unambiguous_abbreviation_of_every_keyword_is_the_same_command_and_the_others_are_ambiguous() {
    let all = all();
    let mut abbreviations = 0;
    for (place, row, items) in &all {
        for (position, item) in items.iter().enumerate() {
            let Item::Key(key) = item else { continue };
            // What else could stand here, found without the parser.
            let siblings: Vec<Item> = all
                .iter()
                .filter(|(other, _, ways)| {
                    other == place && ways.len() > position && ways[..position] == items[..position]
                })
                .map(|(_, _, ways)| ways[position])
                .collect();
            for len in 1..=key.len() {
                let short = &key[..len];
                let mut keys: Vec<_> = siblings
                    .iter()
                    .filter(|other| matches!(other, Item::Key(other) if other.starts_with(short)))
                    .collect();
                keys.sort_by_key(|item| typed(&[**item]));
                keys.dedup();
                let exact = keys.contains(&&Item::Key(short));
                let argument = siblings
                    .iter()
                    .any(|other| matches!(other, Item::Arg { kind, .. } if kind.accepts(short)));
                let mut words = typed(items);
                words[position] = short.to_string();
                let read = read(*place, &words);
                if short == *key || (keys.len() == 1 && !exact) {
                    assert_eq!(read, Ok(row.syntax), "{words:?}");
                    abbreviations += 1;
                } else if !exact && !argument {
                    let column = words[..position].iter().map(|word| word.len() + 1).sum();
                    assert_eq!(read, Err(SyntaxError::Ambiguous { column }), "{words:?}");
                }
            }
        }
    }
    assert!(abbreviations > 1000, "{abbreviations}");
}

#[test]
fn a_command_without_its_last_words_is_incomplete_or_another_command() {
    for (place, row, items) in all() {
        for len in 1..items.len() {
            let words = typed(&items[..len]);
            let end = words.join(" ").len();
            let shorter = all().iter().any(|(other, _, ways)| *other == place && *ways == items[..len]);
            match read(place, &words) {
                Ok(_) => assert!(shorter, "{words:?} of {}", row.syntax),
                Err(error) => assert_eq!(error, SyntaxError::Incomplete { column: end }, "{words:?}"),
            }
        }
    }
}

#[test]
fn every_configuration_command_has_a_no_form_and_no_other_has() {
    for (place, row, items) in all() {
        let mut words = typed(&items);
        words.insert(0, "no".to_string());
        assert_eq!(read(place, &words).is_ok(), row.has_no(), "{words:?}");
    }
    for (row, way) in rows().flat_map(|row| sequences(row.syntax).into_iter().map(move |way| (row, way))) {
        for end in way.no_ends {
            let mut words = typed(&way.items[..end]);
            words.insert(0, "no".to_string());
            assert_eq!(read(row.place, &words), Ok(row.syntax), "{words:?}");
        }
    }
}

#[test]
fn every_keyword_and_argument_has_a_help_text() {
    for (_, row, items) in all() {
        let mut before = None;
        for item in items {
            let word = match item {
                Item::Key(key) => key,
                Item::Arg { name, .. } => name,
            };
            assert!(!help_of(before, word).is_empty(), "{word} in {}", row.syntax);
            before = Some(word);
        }
    }
}

#[test]
fn enforced_commands_exist_only_where_enforced_licences_do() {
    for id in ProfileId::ALL {
        let profile = id.profile();
        let on: Vec<_> =
            rows().filter(|row| row.is_on(profile) && row.syntax.contains("smart authorization")).collect();
        assert_eq!(on.is_empty(), !profile.has_enforced, "{}", profile.name);
    }
}

#[test]
fn lists_in_the_table_are_those_of_the_code() {
    let syntax_with =
        |start: &str| rows().map(|row| row.syntax).find(|syntax| syntax.starts_with(start)).unwrap();
    let mut features: Vec<_> = FEATURES.iter().map(|(name, _)| *name).collect();
    features.sort_unstable();
    assert_eq!(syntax_with("feature"), alloc::format!("feature ({})", features.join("|")));
    let mut sections: Vec<_> = Section::ALL.iter().map(|section| section.word()).collect();
    sections.push("all");
    sections.sort_unstable();
    assert_eq!(
        syntax_with("show running-config"),
        alloc::format!("show running-config [{}]", sections.join("|"))
    );
}

proptest! {
    #[test]
    fn no_line_makes_the_parser_panic(line in ".{0,200}", place in 0_usize..6) {
        let _ = parse(of(PLACES[place]), &tokens(&line), line.chars().count());
    }

    #[test]
    fn no_words_of_commands_in_any_order_make_the_parser_panic(
        picks in prop::collection::vec((0_usize..10_000, 0_usize..12), 0..8), place in 0_usize..6,
    ) {
        let ways = all();
        let word = |(way, at): &(usize, usize)| {
            let words = typed(&ways[way % ways.len()].2);
            words[at % words.len()].clone()
        };
        let words: Vec<_> = picks.iter().map(word).collect();
        let _ = read(PLACES[place], &words);
    }
}

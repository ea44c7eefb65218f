//! `docs/commands.md` is what the table says.

use std::path::Path;

use slpsim_console::table::{reference, rows, sources};

#[test]
fn the_document_of_the_commands_is_that_of_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/commands.md");
    if std::env::var_os("SLPSIM_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, reference()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(reference().lines()).position(|(old, new)| old != new);
    assert!(written == reference(), "line {differs:?} differs; SLPSIM_BLESS=1 writes docs/commands.md anew");
}

#[test]
fn every_page_with_a_source_is_a_command_and_every_licensing_page_has_one() {
    for page in sources::pages() {
        let reply = crate::bench::Bench::nexus(|_| {}).type_line(page.command);
        assert!(!reply.error, "{}: {}", page.command, reply.text);
    }
    for row in rows().filter(|row| row.syntax.starts_with("show license")) {
        let command = row.syntax.split(['[', '(', '<']).next().unwrap().trim();
        let known = sources::pages().iter().any(|page| page.command.starts_with(command));
        assert!(known, "{} has no source", row.syntax);
    }
}

//! `docs/commands.md`, made from the table.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::sources::{NAME, NUMBER, Origin, Page, pages};
use super::{Only, Place, Role, Row, rows};
use crate::pipe;

const HEAD: &str = "\
# Commands of the switch

Made from the command table of `console/src/table`, which the parser, abbreviations, `?` and Tab derive from too. After a
change of it:

```sh
SLPSIM_BLESS=1 cargo test -p slpsim-console --test console reference && git diff docs/commands.md
```

Words are keywords, each as short as it is unambiguous; `<name:type>` is an argument, `[…]` may be left out, `|` separates
alternatives. Where a configuration command has a ` / `, its `no` form may end there; what follows is not needed to take
a setting back. Modes, prompts and errors are in `spec/console.md` §1, what the commands do in `spec/behaviour.md`.

*role*: who may use it; `operator` means everybody. *MDS*: only platforms with enforced licences have it.
";

const SHOWN: &str = "\
## Where the lines of show pages are from

Nobody outside Cisco knows all of what a Nexus prints. So each line has a source:

| source | means |
|---|---|
| NX-OS | Cisco's NX-OS guides, the chapter, or outputs of real switches print it so |
| IOS-XE | the same agent prints it so there; a Nexus likely does |
| modelled | nothing public says; it is this program's own form |

Lines are given by how they begin. Pages that are not listed are modelled, their command and use excepted. Empty lines
and underlines are those of IOS-XE. Structured forms (`| json`, NX-API) of licensing pages are modelled: labels in
snake case.
";

/// The document.
#[must_use]
pub fn reference() -> String {
    let mut text = String::from(HEAD);
    for (place, title) in PLACES {
        section(&mut text, place, title);
    }
    text += "\n## Behind `|`\n\n| filter | does |\n|---|---|\n";
    for (word, follows, help) in pipe::keywords() {
        text += &format!("| `{word}{follows}` | {help} |\n");
    }
    text += "\n";
    text += SHOWN;
    for page in pages() {
        shown(&mut text, page);
    }
    text
}

const PLACES: [(Place, &str); 8] = [
    (Place::Exec, "Exec: act"),
    (Place::Exec, "Exec: show"),
    (Place::Config, "Configuration (`configure terminal`)"),
    (Place::Interface, "Under `interface`"),
    (Place::Vrf, "Under `vrf context`"),
    (Place::Callhome, "Under `callhome`"),
    (Place::Line, "Under `line`"),
    (Place::Anywhere, "In every mode"),
];

fn section(text: &mut String, place: Place, title: &str) {
    let shows = title.ends_with("show");
    let of_exec = |row: &&Row| place != Place::Exec || row.syntax.starts_with("show ") == shows;
    let mut here: Vec<_> = rows().filter(|row| row.place == place).filter(of_exec).collect();
    here.sort_by_key(|row| row.syntax);
    *text += &format!("\n## {title}\n\n| command | does | role |\n|---|---|---|\n");
    for row in here {
        let role = match row.role {
            Role::Operator => "operator",
            Role::Admin => "admin",
        };
        let only = match row.only {
            Only::Everywhere => "",
            Only::Enforced => ", MDS",
        };
        *text += &format!("| `{}` | {} | {role}{only} |\n", row.syntax.replace('|', "\\|"), row.help);
    }
}

fn shown(text: &mut String, page: &Page) {
    *text += &format!("\n`{}`\n\n| source | lines |\n|---|---|\n", page.command);
    for origin in Origin::ALL {
        let of_origin = page.blocks.iter().filter(|block| block.origin == origin);
        let lines: Vec<_> = of_origin.flat_map(|block| block.lines).map(|line| beginning(line)).collect();
        if !lines.is_empty() {
            *text += &format!("| {} | {} |\n", origin.name(), lines.join(", "));
        }
    }
}

fn beginning(line: &str) -> String {
    match line {
        NUMBER => "lines that begin with a number".to_string(),
        NAME => "lines that begin with a name".to_string(),
        line => format!("`{}`", line.trim_end()),
    }
}

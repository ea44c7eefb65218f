//! The table as `docs/transitions.md`.

use std::collections::BTreeSet;
use std::fmt::Write;

use slpsim_agent::Purpose;
use slpsim_agent::messages::Kind;

use crate::inputs::{End, InputKind};
use crate::observe::{Outcome, name_of_purpose, name_of_timer};
use crate::states::{Concern, State};
use crate::steps::Begun;
use crate::table::{Row, SceneTable, Words};

const HEAD: &str = "\
# transitions.md: each state with each input

What the agent does with every input in every state of every concern of [behaviour.md](spec/behaviour.md) §5.2. The file is made
from the agent itself by `agent/tests/transitions`, which compares it on each run; after a wanted change, write it anew and read the
difference:

```sh
SLPSIM_BLESS=1 cargo test -p slpsim-agent --test transitions && git diff docs/transitions.md
```

How to read it

* A state is reached by a dialogue, which its heading names; where the way matters, a state has several tables. Each input is then
  given to a copy of that agent. Together the rows of one table hold each input exactly once; inputs of the same outcome share a row.
* *next* is the state of the table's concern afterwards, `=` the same one. *effects* are those of the concern: its exchanges, its
  timers, and, where it is written, that the durable state is made durable first. Effects on other concerns stand in their tables.
* *message* holds all messages that the input causes, whichever concern sends them, without their prefix `LOG_SMART_LIC_`;
  *none documented* means that no message exists for it. `messages.md` §1 grades the messages.
* *§* names the sections of `behaviour.md`, or of `messages.md`, that rule the inputs of the row, where they have an effect. Their
  grades apply: what is (C) there is modelled here.
* An end of an exchange stands after the exchange's name. `OK` comes without elements; *trust code*, *policy*, *ACK* and
  *authorization code* come with status `OK`. *refused* means `FAILED` or `INVALID STATUS CODE`; *failure*, no authenticated answer
  (`messages.md` §5); *down-rev peer*, an answer without the capability `POLICY_USAGE`. A *bad* element has a wrong signature, or is
  unreadable, or the clocks are apart.
* The line under a heading says how the exchanges whose ends are given come to be in flight. Time runs until
  a timer is due, with a peer that keeps the state; where none does, the row says so.
* Where nothing else is said, the device is a Nexus 9000 on transport `cslu` with one licence in use and the Cisco default policy.
";

/// The document.
pub(crate) fn document(tables: &[SceneTable]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("\n| concern | states |\n|---|---|\n");
    for concern in Concern::ALL {
        let states = State::ALL.iter().filter(|state| state.concern() == *concern);
        let names: Vec<_> = states.map(|state| format!("`{}`", state.text())).collect();
        writeln!(
            text,
            "| [{0}](#{1}) | {2} |",
            concern.text(),
            concern.text().to_lowercase().replace(' ', "-"),
            names.join(", ")
        )
        .unwrap();
    }
    for concern in Concern::ALL {
        write!(text, "\n## {}\n\n{}\n", concern.text(), concern.about()).unwrap();
        for table in tables.iter().filter(|table| table.stage.scene.state().concern() == *concern) {
            scene(&mut text, table);
        }
    }
    text
}

fn scene(text: &mut String, table: &SceneTable) {
    let scene = table.stage.scene;
    write!(text, "\n### `{}`: {}\n\n", scene.state().text(), scene.text()).unwrap();
    if scene.started() {
        writeln!(text, "{}\n", exchanges(table)).unwrap();
    }
    text.push_str("| input | next | effects | message | § |\n|---|---|---|---|---|\n");
    for row in table.rows() {
        writeln!(text, "| {} | {} |", inputs(&row.inputs), outcome(&row, scene.state())).unwrap();
    }
}

fn outcome(row: &Row, state: State) -> String {
    let outcome = match &row.entry {
        Ok(outcome) => outcome,
        Err(never) => return format!("= | cannot come: {} | none documented | –", never.text()),
    };
    let stays = outcome.next == state;
    let next = if stays { "=".to_owned() } else { format!("`{}`", outcome.next.text()) };
    let nothing = stays && outcome.effects.is_empty() && outcome.messages.is_empty();
    let ruled = if nothing { "–".to_owned() } else { sections(row) };
    format!("{next} | {} | {} | {ruled}", effects(outcome), messages(&outcome.messages))
}

fn exchanges(table: &SceneTable) -> String {
    let of = |wanted: Option<Begun>| {
        let some = table.stage.exchanges().filter(|(_, how)| *how == wanted);
        some.map(|(purpose, _)| name_of_purpose(purpose)).collect::<Vec<_>>().join(", ")
    };
    let ways = Begun::ALL.iter().map(|how| (how.text(), of(Some(*how))));
    let all = ways.chain([("impossible", of(None))]).filter(|(_, purposes)| !purposes.is_empty());
    let words: Vec<_> = all.map(|(how, purposes)| format!("{how}: {purposes}")).collect();
    format!("Exchanges {}.", words.join("; "))
}

fn effects(outcome: &Outcome) -> String {
    if outcome.effects.is_empty() {
        return "–".to_owned();
    }
    outcome.effects.iter().map(|effect| effect.text()).collect::<Vec<_>>().join("; ")
}

fn messages(kinds: &[Kind]) -> String {
    if kinds.is_empty() {
        return "none documented".to_owned();
    }
    let name = |kind: &Kind| {
        let mnemonic = kind.row().mnemonic();
        mnemonic.strip_prefix("LOG_SMART_LIC_").unwrap_or(mnemonic)
    };
    kinds.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn sections(row: &Row) -> String {
    let all: BTreeSet<_> = row.inputs.iter().flat_map(|input| input.sections()).copied().collect();
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by_key(|section| {
        let (file, number) = section.rsplit_once('§').unwrap_or_default();
        let mut parts = number.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
        (file, parts.next(), parts.next())
    });
    all.join(", ")
}

fn inputs(inputs: &BTreeSet<InputKind>) -> String {
    let mut cells: Vec<String> = Vec::new();
    for word in Words::of(inputs) {
        cells.push(match word {
            Words::Timer(timer) => format!("{} due", name_of_timer(timer)),
            Words::Operator(operator) => operator.text().to_owned(),
            Words::World(world) => world.text().to_owned(),
            Words::Ends(purposes, ends) => {
                let purposes: Vec<_> = if purposes.len() == Purpose::ALL.len() {
                    vec!["any exchange"]
                } else {
                    purposes.into_iter().map(name_of_purpose).collect()
                };
                format!("*{}*: {}", purposes.join(", "), ends_in_words(&ends))
            }
        });
    }
    cells.join("; ")
}

/// The three ways in which an element can be bad.
const BAD: [([End; 3], &str); 4] = [
    ([End::TrustSignature, End::TrustTimestamp, End::TrustUnreadable], "bad trust code"),
    ([End::PolicySignature, End::PolicyTimestamp, End::PolicyUnreadable], "bad policy"),
    ([End::AckSignature, End::AckTimestamp, End::AckUnreadable], "bad ACK"),
    (
        [End::AuthorizationSignature, End::AuthorizationTimestamp, End::AuthorizationUnreadable],
        "bad authorization code",
    ),
];

fn ends_in_words(ends: &[End]) -> String {
    if ends.len() == End::ALL.len() {
        return "any end".to_owned();
    }
    let mut words = Vec::new();
    for end in ends {
        match BAD.iter().find(|(bad, _)| bad.contains(end) && bad.iter().all(|one| ends.contains(one))) {
            Some((bad, word)) if bad[0] == *end => words.push(*word),
            Some(_) => {}
            None => words.push(end.text()),
        }
    }
    words.join(", ")
}

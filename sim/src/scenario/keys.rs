//! Every key of a scenario file: one table, from which checks, unknown-key errors and the reference derive.

use std::fmt::Write;

use slpsim_agent::Purpose;
use slpsim_config::Kind;
use slpsim_config::reader::{Key, Schema, Section, Shape, key};
use slpsim_transport::fault;

use super::model::{Event, Peer, Seen};
use super::property::Quantity;

const PURPOSES: &[&str] = &{
    let mut words = [""; Purpose::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = Purpose::ALL[at].word();
        at += 1;
    }
    words
};

/// The same, or any.
const PURPOSES_OR_ANY: &[&str] = &{
    let mut words = ["any"; PURPOSES.len() + 1];
    let mut at = 0;
    while at < PURPOSES.len() {
        words[at + 1] = PURPOSES[at];
        at += 1;
    }
    words
};

/// The keys of `always`, `never` and `eventually`.
const CLAIM: &[Key] = &[
    key("state", Kind::Choice(Quantity::WORDS), "none", "Something of the agent's state."),
    key("show", Kind::Text, "none", "A console command that only shows something."),
    key("field", Kind::Text, "required with `show`", "A path in its structured form."),
    key("equals", Kind::Any, "none", "What it has to be: a text, a number, true or false."),
    key("at-least", Kind::Count(0, 1_000_000_000_000), "none", "A number that it is not below."),
    key("at-most", Kind::Count(0, 1_000_000_000_000), "none", "A number that it is not above."),
    key("message", Kind::Name, "none", "Mnemonic, or `any`."),
    key("text", Kind::Text, "any", "Regular expression over the whole text of the message."),
    key(
        "after",
        Kind::Name,
        "none",
        "With `always`: before each comes one of these, since the last such message.",
    ),
    key("followed-by", Kind::Name, "none", "With `always`: each is followed by one of these."),
    key("for", Kind::Span, "any", "How far away that one is at most."),
];

/// The keys of `before` and `after` of an expectation.
const ANCHOR: &[Key] = &[
    key("message", Kind::Name, "required", "Mnemonic."),
    key("nth", Kind::Count(1, 1_000_000), "1", "The how manyth of them."),
    key("device", Kind::Name, "that of the expectation", "Of which device."),
    key("for", Kind::Span, "any", "How far away from it at most."),
];

const fn section(path: &'static str, shape: Shape, meaning: &'static str, keys: &'static [Key]) -> Section {
    Section { path, shape, meaning, keys }
}

/// The tables of a scenario.
pub(super) static SCHEMA: Schema =
    Schema { sections: SECTIONS, shared: &[("device", "device"), ("world.network", "network")] };

static SECTIONS: &[Section] = &[
    section(
        "",
        Shape::One,
        "The scenario as a whole.",
        &[
            key("name", Kind::Text, "required", "What it is called."),
            key("shows", Kind::Text, "none", "The id or section that it is about."),
            key("seed", Kind::Count(0, u64::MAX), "1", "Decides everything that is random."),
            key(
                "start",
                Kind::Time,
                "2026-01-01T00:00:00Z",
                "True time at which it begins; devices boot then.",
            ),
            key("until", Kind::Span, "required", "When it ends, that instant included."),
            key("include", Kind::Texts, "none", "Files whose tables come before those of this one."),
        ],
    ),
    section(
        "variables",
        Shape::Free(Kind::Any),
        "Names for texts and numbers: `{name}` in any text stands for them.",
        &[],
    ),
    section(
        "matrix",
        Shape::Free(Kind::Any),
        "The same with several values each: the file is run with every combination. A value may be a table of variables that belong together.",
        &[],
    ),
    section(
        "world",
        Shape::One,
        "What is around the devices.",
        &[
            key("peer", Kind::Choice(Peer::WORDS), "cssm", "What the mock plays."),
            key(
                "policy",
                Kind::Choice(&["example", "none"]),
                "example",
                "The policy of its account: 60/180/60 with ACK, or none.",
            ),
            key("latency", Kind::Span, "0s", "What an exchange takes."),
            key(
                "ack-mode",
                Kind::Choice(&["at-once", "delay", "manual"]),
                "at-once",
                "When ACKs become ready.",
            ),
            key("ack-delay", Kind::Span, "0s", "Time from a report to its ACK, with `ack-mode = \"delay\"`."),
            key(
                "strict-clock",
                Kind::Bool,
                "false",
                "The mock refuses requests whose clock is an hour or more off.",
            ),
        ],
    ),
    section(
        "world.link",
        Shape::Many,
        "The link between devices and their peer; a device has the first one that names it. An exchange takes what its link takes beside `latency` of `[world]`.",
        &[
            key("devices", Kind::Names, "all", "Names, serial numbers or UDIs of devices."),
            key("latency", Kind::Span, "0s", "What the way there and back takes."),
            key(
                "jitter",
                Kind::Span,
                "0s",
                "By how much that varies: ± with `uniform`, standard deviation with `normal`.",
            ),
            key(
                "distribution",
                Kind::Choice(fault::Distribution::WORDS),
                "uniform with `jitter`, else fixed",
                "How it varies; with `exponential`, `latency` is the mean.",
            ),
            key(
                "bandwidth",
                Kind::Count(300, 1_000_000_000_000),
                "without end",
                "Bits a second, shared with nobody; sizes of messages are modelled.",
            ),
            key(
                "loss",
                Kind::Share,
                "0",
                "The share of exchanges that are lost: no answer until the time-out.",
            ),
            key(
                "partitions",
                Kind::Texts,
                "none",
                "Windows such as `2d..2d6h` in which nothing gets through: no answer until the time-out.",
            ),
        ],
    ),
    section(
        "at",
        Shape::Many,
        "A step: a time and one thing to do.",
        &[
            key("t", Kind::Span, "required, or `after`", "When, since the start."),
            key("every", Kind::Span, "once", "Again after so long, until `to`."),
            key("to", Kind::Span, "`until` of the file", "The last time, with `every`."),
            key("device", Kind::Name, "all", "At which device."),
            key(
                "command",
                Kind::Texts,
                "none",
                "Console lines, in one session; `{token}` is a good id token.",
            ),
            key(
                "reply",
                Kind::Text,
                "none",
                "Regular expression that the console's answer has to match somewhere.",
            ),
            key("event", Kind::Choice(Event::WORDS), "none", "Something that happens to the device."),
            key(
                "lost-writes",
                Kind::Count(1, 64),
                "none",
                "With `event = \"power-loss\"`: the last so many writes of the durable state are lost too.",
            ),
            key(
                "peer",
                Kind::Choice(Peer::WORDS),
                "none",
                "The mock is replaced by one that plays this and knows the same.",
            ),
            key(
                "cause",
                Kind::Bool,
                "true for a fault",
                "The scenario is about this step; `--without-cause` leaves it out.",
            ),
        ],
    ),
    section(
        "at.after",
        Shape::One,
        "The step follows a message instead of a time.",
        &[
            key("message", Kind::Name, "required", "Mnemonic."),
            key("nth", Kind::Count(1, 1_000_000), "1", "The how manyth of them."),
            key("device", Kind::Name, "any", "Of which device."),
            key("delay", Kind::Span, "0s", "How long after it."),
        ],
    ),
    section(
        "at.fault",
        Shape::One,
        "A fault begins; `slpsim scenario faults` prints the kinds.",
        &[
            key("kind", Kind::Choice(fault::Kind::WORDS), "required", "What happens."),
            key("for", Kind::Span, "to the end", "How long it is in force, the end not included."),
            key("next", Kind::Count(1, 1_000_000), "no limit", "The next so many exchanges that it hits."),
            key(
                "after",
                Kind::Count(0, 1_000_000),
                "0",
                "Only once so many exchanges have passed that it could have hit.",
            ),
            key("every", Kind::Count(1, 1_000_000), "each", "Every so manyth exchange."),
            key("probability", Kind::Share, "1", "Each exchange with this share."),
            key(
                "ramp",
                Kind::Span,
                "none",
                "Its delay, or the share of exchanges that it hits, grows from nothing in so long.",
            ),
            key("on", Kind::Span, "always", "In force for so long, then not for `off`, and so on."),
            key("off", Kind::Span, "none", "See `on`."),
            key(
                "distribution",
                Kind::Choice(fault::Distribution::WORDS),
                "fixed",
                "How its delay varies around `by`.",
            ),
            key(
                "spread",
                Kind::Span,
                "that of the distribution",
                "By how much: ± with `uniform`, standard deviation with `normal`.",
            ),
            key("devices", Kind::Names, "all", "Names, serial numbers or UDIs of devices."),
            key("purpose", Kind::Choice(PURPOSES), "any", "Exchanges of this purpose only."),
            key("status", Kind::Count(0, 65_535), "that of the kind", "HTTP status."),
            key("retry-after", Kind::Count(0, 4_294_967_295), "that of the kind", "Seconds."),
            key("by", Kind::SignedSpan, "that of the kind", "By how much."),
            key("why", Kind::Name, "that of the kind", "For what reason."),
            key(
                "link",
                Kind::Choice(&["device", "upstream"]),
                "device",
                "Which link: that of the device, or that between a CSLU or On-Prem and its CSSM.",
            ),
        ],
    ),
    section(
        "at.clock",
        Shape::One,
        "The device's clock changes.",
        &[
            key("step", Kind::SignedSpan, "none", "Stepped by so much."),
            key("drift", Kind::Text, "none", "From now on it gains so much, such as `10s/d` or `-200ms/h`."),
            key("ntp", Kind::Choice(&["synced"]), "none", "NTP sets it right."),
        ],
    ),
    section(
        "at.usage",
        Shape::One,
        "Consumption of a licence from now on.",
        &[
            key("license", Kind::Name, "required", "Feature name."),
            key("count", Kind::Count(0, 4_294_967_295), "required", "How many are in use."),
        ],
    ),
    section(
        "at.network",
        Shape::One,
        "The network around the devices changes.",
        &[
            key(
                "firewall",
                Kind::Rules,
                "as before",
                "Its rules from now on; an empty list lets all through.",
            ),
            key("gone", Kind::Names, "none", "Names that the DNS has no more."),
        ],
    ),
    section(
        "at.network.hosts",
        Shape::Free(Kind::Ip),
        "Names that the DNS has from now on, with their addresses.",
        &[],
    ),
    section(
        "at.policy",
        Shape::One,
        "The account's policy from now on; without `name` it has none any more.",
        &[
            key("name", Kind::Text, "none", "Its name."),
            key("first", Kind::Days(0, 3_650), "the Cisco default", "Days to the first report."),
            key("ongoing", Kind::Days(0, 3_650), "the Cisco default", "Days from an ACK to the next report."),
            key(
                "on-change",
                Kind::Days(0, 3_650),
                "the Cisco default",
                "Days after a change of consumption.",
            ),
            key("ack-required", Kind::Bool, "true", "Whether reporting-required alerts are sent."),
        ],
    ),
    section(
        "at.manage",
        Shape::One,
        "A management call of the mock.",
        &[
            key("call", Kind::Text, "required", "Method and path, such as `POST tokens`."),
            key("body", Kind::Any, "none", "What is sent."),
        ],
    ),
    section(
        "at.manage.save",
        Shape::Free(Kind::Name),
        "Variables to be set, each with the key of the answer that it gets.",
        &[],
    ),
    section(
        "expect",
        Shape::Many,
        "An expectation: messages, exchanges, what a show command prints, what the mock knows, or what holds over the run.",
        &[
            key("device", Kind::Name, "any; with `show`: all", "Of which device."),
            key("message", Kind::Name, "none", "Mnemonic, or `any`."),
            key("within", Kind::Text, "the whole run", "Window such as `30d..30d6h`, both ends included."),
            key("count", Kind::Any, "1..", "`15`, `1..`, `3..5` or `0`."),
            key(
                "text",
                Kind::Text,
                "any",
                "Regular expression over the whole text; of an exchange, over its failure.",
            ),
            key("exchange", Kind::Choice(PURPOSES_OR_ANY), "none", "Exchanges of this purpose that ended."),
            key("ended", Kind::Choice(&["answered", "failed"]), "either", "How they ended."),
            key("at", Kind::Span, "none", "When `show` or `peer` is asked."),
            key("show", Kind::Text, "none", "A console command."),
            key("contains", Kind::Texts, "none", "What it has to print."),
            key("not-contains", Kind::Texts, "none", "What it must not print."),
            key("matches", Kind::Text, "none", "Regular expression that it has to match somewhere."),
            key(
                "field",
                Kind::Text,
                "none",
                "A path in the structured form, such as `usage_reporting.next_report_push`.",
            ),
            key("equals", Kind::Any, "none", "What is there: a text, a number, true or false."),
            key("peer", Kind::Choice(Seen::WORDS), "none", "What the mock has: so many of these."),
        ],
    ),
    section("expect.after", Shape::One, "Only messages that come after this one count.", ANCHOR),
    section("expect.before", Shape::One, "Only messages that come before this one count.", ANCHOR),
    section(
        "expect.always",
        Shape::One,
        "What holds after everything that happens, and at both ends of `within`; or what goes with each message.",
        CLAIM,
    ),
    section("expect.never", Shape::One, "What holds at no instant, or messages that do not come.", CLAIM),
    section(
        "expect.eventually",
        Shape::One,
        "What holds at one instant at least, or comes once at least.",
        CLAIM,
    ),
];

/// Every key with type, unit, default and meaning, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut out = String::from("# Keys of scenario files\n");
    for section in SECTIONS {
        let heading = match (section.path, section.shape) {
            ("", _) => "Top of the file".to_owned(),
            (path, Shape::Many) => format!("`[[{path}]]`"),
            (path, Shape::One | Shape::Named | Shape::Free(_)) => format!("`[{path}]`"),
        };
        // Writing to a String does not fail.
        let _ = write!(out, "\n## {heading}\n\n{}\n", section.meaning);
        if section.keys.is_empty() {
            continue;
        }
        out.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
        for key in section.keys {
            let _ = writeln!(
                out,
                "| `{}` | {} | {} | {} |",
                key.name,
                key.kind.words(),
                key.default,
                key.meaning
            );
        }
    }
    out.push_str("\n`[[device]]` and `[world.network]` have the keys of `[[device]]` and `[network]` of a configuration.\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_tables_are_found_with_all_that_is_inside_them() {
        let names = |section| SCHEMA.inside(section).map(|(name, _)| name).collect::<Vec<_>>();
        let top = &SECTIONS[0];
        assert_eq!(names(top), ["variables", "matrix", "world", "at", "expect", "device"]);
        let (_, device) = SCHEMA.inside(top).find(|(name, _)| *name == "device").unwrap();
        assert_eq!(names(device), ["license"]);
        let world = SCHEMA.section("world").unwrap();
        let (_, network) = SCHEMA.inside(world).find(|(name, _)| *name == "network").unwrap();
        assert_eq!(names(network), ["hosts", "routes", "interfaces"]);
        let at = SCHEMA.section("at").unwrap();
        assert_eq!(names(at), ["after", "fault", "clock", "usage", "network", "policy", "manage"]);
    }

    #[test]
    fn the_reference_has_every_key() {
        let text = reference();
        for section in SECTIONS {
            for key in section.keys {
                assert!(text.contains(&format!("| `{}` |", key.name)), "{}", key.name);
            }
        }
    }
}

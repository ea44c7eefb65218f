//! Every key of a population file: one table, from which checks, unknown-key errors and the reference derive.

use slpsim_agent::ProfileId;
use slpsim_config::Kind;
use slpsim_config::reader::{Key, Schema, Section, Shape, key};

use super::Trouble;

const PROFILES: &[&str] = &{
    let mut words = [""; ProfileId::ALL.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = ProfileId::ALL[at].profile().name;
        at += 1;
    }
    words
};

const fn section(path: &'static str, shape: Shape, meaning: &'static str, keys: &'static [Key]) -> Section {
    Section { path, shape, meaning, keys }
}

/// The tables of a population.
pub(super) static SCHEMA: Schema = Schema { sections: SECTIONS, shared: &[] };

static SECTIONS: &[Section] = &[
    section(
        "",
        Shape::One,
        "The population as a whole. A share is a number from 0 to 1; shares of a list count against their sum. A mean time of `0s` means never.",
        &[
            key("name", Kind::Text, "required", "What it is called."),
            key("bring-up", Kind::Span, "0s", "The devices boot for the first time within this time."),
            key("devices-per-site", Kind::Count(1, 1_000_000), "200", "Neighbours in number share a site."),
            key(
                "policy",
                Kind::Choice(&["example", "none"]),
                "example",
                "The policy of the account: 60/180/60 with ACK, or none.",
            ),
        ],
    ),
    section(
        "model",
        Shape::Many,
        "A model of switch.",
        &[
            key("pid", Kind::Name, "required", "Product id."),
            key("profile", Kind::Choice(PROFILES), "nexus9000", "What it is."),
            key("role", Kind::Name, "leaf", "Part of the host name."),
            key("share", Kind::Share, "1", "How many of the devices are of it."),
            key("licenses", Kind::Names, "the first of the profile", "In use from boot."),
            key("software", Kind::Names, "that of the profile", "Releases; an upgrade goes to the next one."),
        ],
    ),
    section(
        "zone",
        Shape::Many,
        "A time zone of sites; abbreviations of three letters all year please every receiver.",
        &[
            key("name", Kind::Zone, "required", "Name in the tz database, or `JST 9 0`."),
            key("cities", Kind::Names, "site", "Beginnings of host names."),
            key("share", Kind::Share, "1", "How many of the sites lie in it."),
        ],
    ),
    section("transport", Shape::Free(Kind::Share), "Shares by transport: cslu, smart, callhome, off.", &[]),
    section("interval", Shape::Free(Kind::Share), "Shares by `license smart usage interval`, in days.", &[]),
    section(
        "trouble",
        Shape::One,
        "Devices that something is wrong with for good or for long.",
        &[
            key("never-cslu", Kind::Share, "0", "Transport cslu, and no CSLU was ever there."),
            key("forgotten", Kind::Share, "0", "Transport off: they never report."),
            key("wrong-clock", Kind::Share, "0", "The clock is wrong until somebody sets it."),
            key("wrong-clock-by", Kind::SignedSpan, "3h", "By how much."),
            key("wrong-clock-for", Kind::Span, "10d", "How long, in the mean."),
            key(
                "token-mistake",
                Kind::Share,
                "0",
                "The first token on transport smart or callhome is a wrong one.",
            ),
            key("token-after", Kind::Span, "2h", "From boot to the first token, in the mean."),
        ],
    ),
    section(
        "outage",
        Shape::Many,
        "A kind of outage.",
        &[
            key("scope", Kind::Choice(&["site", "upstream"]), "site", "Each site by itself, or all at once."),
            key("failure", Kind::Choice(Trouble::WORDS), "unreachable", "What the devices see."),
            key("transports", Kind::Names, "cslu, smart, callhome", "Which ones are hit."),
            key("every", Kind::Span, "required", "From one to the next, in the mean."),
            key("lasts", Kind::Span, "required", "How long, as a median; some last much longer."),
        ],
    ),
    section(
        "flapping",
        Shape::One,
        "Devices whose own link comes and goes.",
        &[
            key("share", Kind::Share, "0", "How many."),
            key("every", Kind::Span, "10d", "From one loss to the next, in the mean."),
            key("lasts", Kind::Span, "20m", "How long, as a median."),
        ],
    ),
    section(
        "life",
        Shape::One,
        "What happens to a device, each in the mean after so long; `0s` is never.",
        &[
            key("change-every", Kind::Span, "0s", "A licence more or less in use."),
            key("sync-every", Kind::Span, "0s", "An operator types `license smart sync`."),
            key("reload-every", Kind::Span, "0s", "A reload."),
            key("upgrade-every", Kind::Span, "0s", "A reload with other software."),
            key("replace-every", Kind::Span, "0s", "A new switch with the same host name."),
        ],
    ),
    section(
        "rhythm",
        Shape::One,
        "When people work at switches, by the clock of the site.",
        &[
            key("night", Kind::Share, "1", "Weight of 18:00 to 8:00 against the working day."),
            key("weekend", Kind::Share, "1", "Weight of Saturday and Sunday."),
        ],
    ),
    section(
        "companions",
        Shape::One,
        "Other messages than those of the licensing agent, where they are asked for.",
        &[
            key("sparse-every", Kind::Span, "12h", "From one to the next, in the mean, when sparse."),
            key("busy-every", Kind::Span, "20m", "The same when busy."),
        ],
    ),
];

//! Every key of a configuration file: one table, from which checks, unknown-key errors and the reference derive.

use slpsim_policy::numbers::INTERVAL_RANGE_DAYS;

use crate::kind::Kind;

/// A table of the file.
#[derive(Debug)]
pub struct Section {
    /// Its dotted name; empty for the top of the file.
    pub path: &'static str,
    /// How often it occurs, and what its keys are.
    pub shape: Shape,
    /// What it is for.
    pub meaning: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
}

impl Section {
    /// Where its keys stand, as a message says it.
    pub(crate) fn in_words(&self) -> String {
        match self.path {
            "" => "at the top of the file".into(),
            path => format!("in [{path}]"),
        }
    }
}

/// How a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `[path]`, once.
    One,
    /// `[[path]]`, several times; `[path]` where there is one.
    Many,
    /// `[path.NAME]`, with names of the user's choice.
    Named,
    /// `[path]` with keys of the user's choice, all of one kind.
    Free(Kind),
}

/// A key.
#[derive(Debug)]
pub struct Key {
    /// Its name, with hyphens; underscores are read as hyphens.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What holds without it, in words or as a value.
    pub default: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

/// A row of a section.
#[must_use]
pub const fn key(name: &'static str, kind: Kind, default: &'static str, meaning: &'static str) -> Key {
    Key { name, kind, default, meaning }
}

/// The tables of a kind of file.
#[derive(Debug)]
pub struct Schema {
    /// Its own tables; the first one is the top of the file.
    pub sections: &'static [Section],
    /// Tables that it shares with configurations: the path here, and the path there.
    pub shared: &'static [(&'static str, &'static str)],
}

/// The tables of a configuration.
pub static CONFIG: Schema = Schema { sections: SECTIONS, shared: &[] };

impl Schema {
    /// The section of that path.
    #[must_use]
    pub fn section(&self, path: &str) -> Option<&'static Section> {
        self.sections.iter().find(|section| section.path == path)
    }

    /// The sections directly inside `of`, with their own names.
    pub fn inside(&self, of: &'static Section) -> impl Iterator<Item = (&'static str, &'static Section)> {
        let path = of.path;
        let borrows = !self.shared.is_empty();
        let own = self.sections.iter().filter(move |_| !borrows || self.has(of));
        let theirs = SECTIONS.iter().filter(move |_| borrows && !self.has(of));
        let inner = own.chain(theirs).filter_map(move |section| Some((below(path, section.path)?, section)));
        let shared = self.shared.iter().filter(move |_| self.has(of));
        let shared = shared.filter_map(move |(here, there)| Some((below(path, here)?, section(there)?)));
        inner.chain(shared)
    }

    /// Whether `section` is one of its own, not a shared one.
    fn has(&self, section: &'static Section) -> bool {
        self.sections.iter().any(|own| std::ptr::eq(own, section))
    }
}

/// The name of `path` where it lies directly below `outer`.
fn below(outer: &str, path: &'static str) -> Option<&'static str> {
    let name = match outer {
        "" => path,
        outer => path.strip_prefix(outer)?.strip_prefix('.')?,
    };
    (!name.is_empty() && !name.contains('.')).then_some(name)
}

/// The section of that path in a configuration.
#[must_use]
pub fn section(path: &str) -> Option<&'static Section> {
    CONFIG.section(path)
}

pub(crate) const FORMS: &[&str] =
    &["nxos", "logfile", "console", "rfc3164", "rfc5424", "iosxe", "iosxr", "json"];
pub(crate) const FRAMINGS: &[&str] = &["newline", "octet"];
pub(crate) const PRECISIONS: &[&str] = &["seconds", "milliseconds", "microseconds"];
pub(crate) const REPEATS: &[&str] = &["off", "suffix", "line"];
pub(crate) const FACILITIES: &[&str] =
    &["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"];
pub(crate) const PROFILES: &[&str] = &["nexus9000", "nexus3000", "mds9000"];
pub(crate) const TRANSPORTS: &[&str] = &["callhome", "cslu", "off", "smart"];
pub(crate) const VERIFY: &[&str] = &["root", "off"];
pub(crate) const MOCK_ROLES: &[&str] = &["cssm", "cslu", "on-prem"];
pub(crate) const ACK_MODES: &[&str] = &["at-once", "delay", "manual"];
pub(crate) const USER_ROLES: &[&str] = &["network-admin", "network-operator"];

/// All sections, in the order of the reference.
pub static SECTIONS: &[Section] = &[
    Section {
        path: "",
        shape: Shape::One,
        meaning: "The daemon as a whole.",
        keys: &[
            key(
                "seed",
                Kind::Count(0, u64::MAX),
                "chosen by the machine",
                "Decides everything that is random. The same seed gives the same run.",
            ),
            key(
                "speed",
                Kind::Speed,
                "1",
                "Simulated seconds in a second, or `max`. Against a server of your own use 1: its clock is real.",
            ),
            key(
                "start",
                Kind::Time,
                "now",
                "The simulated time at the first start, or `now`. Later starts go on where the clock stood.",
            ),
            key(
                "state",
                Kind::Path,
                "the XDG state folder",
                "Folder of everything that outlives the daemon.",
            ),
            key(
                "control",
                Kind::Path,
                "control.sock in the state folder",
                "Unix socket for `slpsim exec`, `advance` and `console`.",
            ),
            key("ready-file", Kind::Path, "none", "Written once everything listens."),
            key(
                "clock-from",
                Kind::Path,
                "none",
                "Ready file of another process whose clock this one shares.",
            ),
            key(
                "allow-external",
                Kind::Bool,
                "false",
                "Lets destinations outside this machine be reached, Cisco's own servers excepted.",
            ),
            key("health", Kind::Listen, "none", "Address of the health listener."),
            key("metrics", Kind::Listen, "none", "Address of the listener for Prometheus."),
        ],
    },
    Section {
        path: "device",
        shape: Shape::Many,
        meaning: "A product instance. These keys make its start-up configuration at the first boot; from then on the saved state wins. \
            Without any, there is one with all defaults.",
        keys: &[
            key("name", Kind::Name, "the host name", "What `--device` calls it."),
            key(
                "hostname",
                Kind::Name,
                "switch, then switch-2 and so on",
                "Host name, in the prompt and in log lines.",
            ),
            key(
                "profile",
                Kind::Choice(PROFILES),
                "nexus9000",
                "Platform. mds9000 has enforced licences and authorization codes.",
            ),
            key("pid", Kind::Name, "that of the profile", "Product id, the first half of the UDI."),
            key(
                "serial",
                Kind::Name,
                "FDO00000001, then FDO00000002 and so on",
                "Serial number, the second half of the UDI; unique in the file.",
            ),
            key(
                "timezone",
                Kind::Zone,
                "UTC",
                "Time zone of the device's clock, by its name in the tz database.",
            ),
            key(
                "transport",
                Kind::Choice(TRANSPORTS),
                "cslu",
                "`license smart transport`; the default is the switch's.",
            ),
            key(
                "url-smart",
                Kind::Url,
                "https://smartreceiver.cisco.com/licservice/license",
                "`license smart url smart`.",
            ),
            key(
                "url-callhome",
                Kind::Url,
                "https://tools.cisco.com/its/service/oddce/services/DDCEService",
                "Destination of the Call Home profile `CiscoTAC-1`.",
            ),
            key(
                "url-cslu",
                Kind::Url,
                "cslu-local",
                "`license smart url cslu`; `cslu-local` means discovery.",
            ),
            key("vrf", Kind::Name, "management", "`license smart vrf`."),
            key("source-interface", Kind::Name, "none", "`license smart source-interface`."),
            key("proxy-address", Kind::Name, "none", "`license smart proxy address`."),
            key("proxy-port", Kind::Count(1, 65_535), "80", "`license smart proxy port`."),
            key(
                "proxy-user",
                Kind::Secret,
                "none",
                "User name for the proxy, which the switch itself cannot be told. Never printed.",
            ),
            key("proxy-password", Kind::Secret, "none", "Password for the proxy. A secret: never printed."),
            key("custom-id", Kind::Text, "none", "`license smart custom_id`; sent, never interpreted."),
            key("privacy-hostname", Kind::Bool, "false", "Leaves the host name out of what is sent."),
            key("privacy-version", Kind::Bool, "false", "Leaves the software version out of what is sent."),
            key(
                "usage-interval",
                Kind::Days(*INTERVAL_RANGE_DAYS.start(), *INTERVAL_RANGE_DAYS.end()),
                "30",
                "`license smart usage interval`.",
            ),
            key(
                "ca-file",
                Kind::Path,
                "the embedded mock's, where there is one",
                "PEM file of roots trusted for TLS and, with `verify = \"root\"`, for licensing objects.",
            ),
            key(
                "verify",
                Kind::Choice(VERIFY),
                "root",
                "`off` accepts licensing objects of a server that does not sign as ours does.",
            ),
            key("idtoken", Kind::Secret, "none", "Id token, entered at boot + 0 s. A secret: never printed."),
            key("idtoken-file", Kind::Path, "none", "File with the id token, in place of `idtoken`."),
            key("startup-config", Kind::Path, "none", "File of console lines, executed at boot."),
            key(
                "address",
                Kind::Net,
                "192.0.2.10/24, then 192.0.2.11/24 and so on",
                "Address and mask of mgmt0.",
            ),
            key("standby", Kind::Bool, "false", "A second supervisor is there from the start."),
            key(
                "standby-serial",
                Kind::Name,
                "SBY00000001, then SBY00000002 and so on",
                "Serial number of the second supervisor.",
            ),
            key(
                "classic-registration",
                Kind::Choice(&["on-prem"]),
                "none",
                "Boots as if upgraded from classic Smart Licensing, registered there.",
            ),
            key(
                "chapter-spelling",
                Kind::Bool,
                "false",
                "Spells the CSLU `utility` as Cisco's chapter does, not `Utility` as devices do.",
            ),
            key(
                "wire-profile",
                Kind::Path,
                "the built-in one",
                "File with field names and words of the wire format.",
            ),
            key(
                "ssh",
                Kind::Listen,
                "127.0.0.1:0 where there is a [[user]]",
                "Address at which its console listens for SSH.",
            ),
            key(
                "nxapi",
                Kind::Listen,
                "127.0.0.1:0 where there is a [[user]]",
                "Address at which NX-API listens over HTTP.",
            ),
            key("nxapi-https", Kind::Listen, "none", "Address at which NX-API listens over HTTPS."),
        ],
    },
    Section {
        path: "device.license",
        shape: Shape::Many,
        meaning: "A licence in use from boot. Without any, the first licence of the profile, count 1.",
        keys: &[
            key("name", Kind::Name, "required", "Feature name, as `show license usage` prints it."),
            key("count", Kind::Count(0, 4_294_967_295), "1", "How many are in use."),
        ],
    },
    Section {
        path: "network",
        shape: Shape::One,
        meaning: "The simulated network, the only one that the switches see.",
        keys: &[
            key(
                "name-servers",
                Kind::Ips,
                "[\"198.51.100.53\"]",
                "Addresses that answer DNS; the switches are configured with them. An empty list takes names away.",
            ),
            key("ntp-servers", Kind::Ips, "[\"198.51.100.100\"]", "Addresses that answer NTP."),
            key(
                "ping",
                Kind::Ips,
                "[]",
                "Addresses that answer a ping, beside servers and whatever a route leads to.",
            ),
            key(
                "firewall",
                Kind::Rules,
                "[]",
                "Rules such as `deny 192.168.0.1:8182` or `permit any`; the first that matches decides.",
            ),
            key("domain", Kind::Name, "none", "`ip domain name` of the switches."),
        ],
    },
    Section {
        path: "network.hosts",
        shape: Shape::Free(Kind::Ip),
        meaning: "What the DNS knows: a name and its address.",
        keys: &[],
    },
    Section {
        path: "network.routes",
        shape: Shape::Free(Kind::Route),
        meaning: "Where a destination really leads: `\"192.168.0.1:8182\" = \"127.0.0.1:40002\"`.",
        keys: &[],
    },
    Section {
        path: "network.interfaces",
        shape: Shape::Named,
        meaning: "Interfaces of the switches, by name. Without any, mgmt0 with an address of its own on each switch.",
        keys: &[
            key(
                "address",
                Kind::NetOrIp,
                "none",
                "Address, with the length of its mask (`192.0.2.10/24`) or with `mask`.",
            ),
            key("mask", Kind::Ip, "none", "Mask, such as 255.255.255.0."),
            key("gateway", Kind::Ip, "none", "Where traffic for other subnets goes."),
            key("vrf", Kind::Name, "management for mgmt0, else default", "The VRF that it belongs to."),
            key("shut", Kind::Bool, "false", "`shutdown`."),
        ],
    },
    Section {
        path: "mock",
        shape: Shape::One,
        meaning: "A mock CSSM, CSLU or SSM On-Prem: embedded in `run` where the file has this table, and the whole of `slpsim cssm`.",
        keys: &[
            key("role", Kind::Choice(MOCK_ROLES), "cssm", "What it plays."),
            key(
                "upstream",
                Kind::Url,
                "none",
                "The CSSM that a CSLU or On-Prem is connected to; without it, it is disconnected.",
            ),
            key(
                "upstream-ca",
                Kind::Path,
                "none",
                "Certificates of that CSSM (PEM), its `ca.pem`: for TLS, and for the devices that get its objects.",
            ),
            key("down-rev", Kind::Bool, "false", "An On-Prem of before usage policies."),
            key("capabilities", Kind::Names, "those of its role", "Capability words of its answers."),
            key(
                "strict-clock",
                Kind::Bool,
                "false",
                "Refuses requests whose clock is an hour or more off, instead of noting them.",
            ),
            key(
                "verify",
                Kind::Choice(VERIFY),
                "root",
                "`off` takes reports without verifying their signatures.",
            ),
            key(
                "store",
                Kind::Store,
                "a folder of the state folder",
                "Where it keeps what it knows: a folder (with SQLite in it), `sqlite:FILE`, `postgres://…`, `journal:FOLDER`. Never printed: a URL may have a password.",
            ),
            key("listen", Kind::Listen, "127.0.0.1:0", "HTTPS: smart transport, Call Home, REST."),
            key("listen-plain", Kind::Listen, "127.0.0.1:0", "HTTP: CSLU."),
            key(
                "listen-manage",
                Kind::Listen,
                "127.0.0.1:0",
                "Management, web pages and metrics; on an address that is not loopback with TLS and a log-in.",
            ),
            key("manage-open", Kind::Bool, "false", "Management without a bearer token."),
            key(
                "always-log-in",
                Kind::Bool,
                "false",
                "The web pages want a log-in on loopback as well; needs a [[user]].",
            ),
            key(
                "ack-mode",
                Kind::Choice(ACK_MODES),
                "at-once",
                "When ACKs become ready: at the first poll, after `ack-delay`, or when they are released.",
            ),
            key("ack-delay", Kind::Span, "0s", "Time from a report to its ACK, with `ack-mode = \"delay\"`."),
            key(
                "keep-reports",
                Kind::Count(1, 100_000_000),
                "100000",
                "How many reports it keeps; then the oldest one goes that does not wait for CSSM.",
            ),
            key(
                "keep-reports-for",
                Kind::Span,
                "no limit",
                "Older reports go as well, unless they wait for CSSM.",
            ),
            key("keep-events", Kind::Count(1, 10_000_000), "10000", "How many events it keeps."),
            key(
                "keep-requests",
                Kind::Count(0, 1_000_000),
                "2000",
                "How many exchanges `GET requests` shows; of this process, in memory alone.",
            ),
        ],
    },
    Section {
        path: "mock.accounts",
        shape: Shape::Many,
        meaning: "An account that exists from the start, the default one first. Without any: `Example SA` / `Lab` with `Example Policy`.",
        keys: &[
            key("smart-account", Kind::Text, "Example SA", "Smart Account."),
            key("virtual-account", Kind::Text, "Lab", "Virtual Account."),
        ],
    },
    Section {
        path: "mock.accounts.policy",
        shape: Shape::One,
        meaning: "The policy that answers carry. Without it the account has none; a value that is left out keeps the Cisco default.",
        keys: &[
            key("name", Kind::Text, "required", "Its name."),
            key(
                "first",
                Kind::Days(0, 3_650),
                "none",
                "Days before the first report is required; 0: none is.",
            ),
            key(
                "ongoing",
                Kind::Days(0, 3_650),
                "none",
                "Days from an acknowledged report to the next; 0: none is required.",
            ),
            key(
                "on-change",
                Kind::Days(0, 3_650),
                "none",
                "Days after a change of consumption; 0: none is required.",
            ),
            key("ack-required", Kind::Bool, "true", "Whether reporting-required alerts are sent."),
        ],
    },
    Section {
        path: "user",
        shape: Shape::Many,
        meaning: "Somebody who may log in. Without any, SSH and NX-API stay closed.",
        keys: &[
            key("name", Kind::Name, "required", "Login name; unique in the file."),
            key("password", Kind::Secret, "none", "Password. A secret: never printed."),
            key(
                "password-hash",
                Kind::Secret,
                "none",
                "Argon2 hash of the password in PHC form (`$argon2id$v=19$...`), in its place.",
            ),
            key(
                "keys",
                Kind::Texts,
                "[]",
                "Public keys for SSH, as in OpenSSH's .pub files; ed25519 and ecdsa.",
            ),
            key(
                "role",
                Kind::Choice(USER_ROLES),
                "network-operator",
                "What they may do: network-admin everything, network-operator look but change nothing.",
            ),
        ],
    },
    Section {
        path: "sink",
        shape: Shape::Many,
        meaning: "Where the devices' log lines go. Without any, to standard output.",
        keys: &[
            key(
                "url",
                Kind::Sink,
                "required",
                "stdout: file:///path udp://host:port tcp://host:port tls://host:port unix:///dev/log null:",
            ),
            key(
                "form",
                Kind::Choice(FORMS),
                "nxos on the wire, logfile in files, console on a terminal",
                "How a line looks.",
            ),
            key(
                "framing",
                Kind::Choice(FRAMINGS),
                "newline over tcp, octet over tls",
                "How messages are told apart on a stream.",
            ),
            key(
                "origin-id",
                Kind::Origin,
                "hostname",
                "none, hostname, ip or string:X before the time stamp; `none` is the switch's own default.",
            ),
            key("timestamp", Kind::Choice(PRECISIONS), "seconds", "Digits behind the seconds."),
            key("repeat", Kind::Choice(REPEATS), "off", "How identical lines in a row are told."),
            key("facility", Kind::Choice(FACILITIES), "local7", "Facility of PRI."),
            key("max-bytes", Kind::Bytes(480, 65_507), "1024 over udp, else none", "Longer lines are cut."),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use slpsim_agent::{ProfileId, TransportMode};
    use slpsim_logs::{Facility, Form, Framing, Precision, Repeat};

    /// The words live here so that this crate needs no log lines; they are those of the crate that has them.
    #[test]
    fn the_words_of_choices_are_those_of_the_types_that_read_them() {
        assert_eq!(FORMS, Form::ALL.map(Form::word));
        assert_eq!(FRAMINGS, Framing::ALL.map(Framing::word));
        assert_eq!(PRECISIONS, Precision::ALL.map(Precision::word));
        assert_eq!(REPEATS, Repeat::ALL.map(Repeat::word));
        assert_eq!(FACILITIES, Facility::ALL.map(Facility::word));
        assert_eq!(PROFILES, ProfileId::ALL.map(|id| id.profile().name));
        assert_eq!(TRANSPORTS, TransportMode::ALL.map(TransportMode::keyword));
    }

    #[test]
    fn names_are_unique_in_their_section_and_every_section_has_its_parent() {
        for one in SECTIONS {
            for key in one.keys {
                assert_eq!(one.keys.iter().filter(|other| other.name == key.name).count(), 1, "{}", key.name);
                assert!(!key.meaning.is_empty() && !key.default.is_empty() && !key.name.contains('_'));
            }
            if let Some((parent, _)) = one.path.rsplit_once('.') {
                assert!(section(parent).is_some(), "{}", one.path);
            }
        }
        let inner: Vec<_> = CONFIG.inside(section("network").unwrap()).map(|(name, _)| name).collect();
        assert_eq!(inner, ["hosts", "routes", "interfaces"]);
    }
}

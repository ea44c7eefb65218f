//! What keys hold: from a value as written to a value with a meaning.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use slpsim_network::{Ipv4Net, Rule};
use slpsim_policy::Wall;

use crate::Checks;
use crate::document::{Node, Value};
use crate::problem::{Problems, did_you_mean};
use crate::secret::Secret;
use crate::span::{parse_signed_span, parse_span, parse_time};

/// The fastest pace in simulated seconds a second: above it, a timer's granularity of 1 ms would hide a quarter of an hour.
pub const SPEED_MAX: u32 = 1_000_000;

/// Characters of a text; longer ones are mistakes.
const TEXT_MAX: usize = 4096;
/// Entries of a list.
const LIST_MAX: usize = 1000;

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text without control characters.
    Text,
    /// A text without blanks and control characters.
    Name,
    /// A text that is never printed.
    Secret,
    /// A store of a mock; never printed, because a URL may have a password.
    Store,
    /// A path; a relative one is relative to the file that names it.
    Path,
    /// `true` or `false`.
    Bool,
    /// A whole number, from the first to the last.
    Count(u64, u64),
    /// The same, counting days.
    Days(u16, u16),
    /// The same, counting bytes.
    Bytes(u64, u64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A span such as `30d6h15m10s`.
    Span,
    /// A time such as `2026-01-01T00:00:00Z`, or `now`.
    Time,
    /// A whole number from 1, or `max`.
    Speed,
    /// An `http://` or `https://` URL, `cslu-local`, or nothing.
    Url,
    /// An IP address.
    Ip,
    /// A list of IP addresses.
    Ips,
    /// An IPv4 address with the length of its mask.
    Net,
    /// An IPv4 address with or without the length of its mask.
    NetOrIp,
    /// A list of firewall rules.
    Rules,
    /// A list of names.
    Names,
    /// A socket address to listen at; port 0 is any.
    Listen,
    /// A socket address to send to.
    Route,
    /// A time zone.
    Zone,
    /// A log sink.
    Sink,
    /// `none`, `hostname`, `ip` or `string:X`.
    Origin,
    /// A text that may have several lines.
    Lines,
    /// A text with several lines, or a list of such texts.
    Texts,
    /// A span with a sign.
    SignedSpan,
    /// A share, 0 to 1.
    Share,
    /// Whatever TOML can hold; whoever reads it checks it.
    Any,
}

/// A checked value.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A text, word or choice.
    Text(String),
    /// A secret.
    Secret(Secret),
    /// A path.
    Path(PathBuf),
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Count(u64),
    /// A span.
    Span(Duration),
    /// A time.
    Time(Start),
    /// A speed.
    Speed(Speed),
    /// An address.
    Ip(IpAddr),
    /// Addresses.
    Ips(Vec<IpAddr>),
    /// An address with its mask.
    Net(Ipv4Net),
    /// Firewall rules.
    Rules(Vec<Rule>),
    /// Words.
    Names(Vec<String>),
    /// A socket address.
    Socket(SocketAddr),
    /// Texts.
    Texts(Vec<String>),
    /// A span with a sign, in milliseconds.
    SignedSpan(i64),
    /// A share.
    Share(f64),
    /// As written.
    Any(Node),
}

/// When simulated time begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the host's clock.
    #[default]
    Now,
    /// At this time.
    At(Wall),
}

/// Simulated seconds in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// So many, at least 1.
    Times(u32),
    /// As fast as the machine can.
    Max,
}

impl Default for Speed {
    fn default() -> Self {
        Self::Times(1)
    }
}

impl Kind {
    /// What to write, for the reference and for messages.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Name => "word".into(),
            Self::Secret => "text, secret".into(),
            Self::Store => "store, secret".into(),
            Self::Path => "path".into(),
            Self::Bool => "true or false".into(),
            Self::Count(from, u64::MAX) => format!("whole number from {from}"),
            Self::Count(from, to) => format!("whole number, {from} to {to}"),
            Self::Days(from, to) => format!("whole number, {from} to {to}"),
            Self::Bytes(from, to) => format!("whole number, {from} to {to}"),
            Self::Choice(words) => words.join(", "),
            Self::Span => "span such as 30d6h15m10s".into(),
            Self::Time => "time such as 2026-01-01T00:00:00Z, or now".into(),
            Self::Speed => format!("whole number, 1 to {SPEED_MAX}, or max"),
            Self::Url => "URL".into(),
            Self::Ip => "IP address".into(),
            Self::Ips => "list of IP addresses".into(),
            Self::Net => "address/length".into(),
            Self::NetOrIp => "address or address/length".into(),
            Self::Rules => "list of rules".into(),
            Self::Names => "list of words".into(),
            Self::Listen => "address:port".into(),
            Self::Route => "address:port".into(),
            Self::Zone => "time zone".into(),
            Self::Sink => "sink URL".into(),
            Self::Origin => "none, hostname, ip, string:X".into(),
            Self::Lines => "text".into(),
            Self::Texts => "text or list of texts".into(),
            Self::SignedSpan => "span such as 2h or -30s".into(),
            Self::Share => "number, 0 to 1".into(),
            Self::Any => "anything".into(),
        }
    }

    /// The unit in which numbers count, where there is one.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Span | Self::SignedSpan => "d h m s ms",
            Self::Days(..) => "days",
            Self::Bytes(..) => "bytes",
            Self::Text
            | Self::Name
            | Self::Secret
            | Self::Store
            | Self::Path
            | Self::Bool
            | Self::Count(..)
            | Self::Choice(_)
            | Self::Time
            | Self::Speed
            | Self::Url
            | Self::Ip
            | Self::Ips
            | Self::Net
            | Self::NetOrIp
            | Self::Rules
            | Self::Names
            | Self::Listen
            | Self::Route
            | Self::Zone
            | Self::Sink
            | Self::Origin
            | Self::Lines
            | Self::Texts
            | Self::Share
            | Self::Any => "",
        }
    }

    /// Checks `node`, the value of `key`.
    pub(crate) fn check(
        self,
        key: &str,
        node: &Node,
        checks: &Checks,
        problems: &mut Problems,
    ) -> Option<Item> {
        match self.item(node, checks, problems) {
            Ok(item) => item,
            Err(message) => {
                problems.add(&node.place, format!("`{key}`: {message}"));
                None
            }
        }
    }

    fn item(self, node: &Node, checks: &Checks, problems: &mut Problems) -> Result<Option<Item>, String> {
        let item = match (self, &node.value) {
            (Self::Bool, Value::Bool(value)) => Item::Bool(*value),
            (Self::Count(from, to), Value::Integer(number)) => Item::Count(count(*number, from, to)?),
            (Self::Days(from, to), Value::Integer(number)) => {
                Item::Count(count(*number, from.into(), to.into())?)
            }
            (Self::Bytes(from, to), Value::Integer(number)) => Item::Count(count(*number, from, to)?),
            (Self::Speed, Value::Integer(number)) => {
                let times = u32::try_from(*number).ok().filter(|times| (1..=SPEED_MAX).contains(times));
                let times = times.ok_or_else(|| format!("{number} is outside 1 to {SPEED_MAX}"))?;
                Item::Speed(Speed::Times(times))
            }
            (Self::Time, Value::Time(text)) => Item::Time(Start::At(parse_time(text)?)),
            (Self::Ips, Value::List(nodes)) => Item::Ips(list(nodes, problems, ip)?),
            (Self::Rules, Value::List(nodes)) => Item::Rules(list(nodes, problems, |text| {
                text.parse::<Rule>().map_err(|error| error.to_string())
            })?),
            (Self::Names, Value::List(nodes)) => Item::Names(list(nodes, problems, name)?),
            (Self::Path, Value::Text(text)) => Item::Path(path(node, text)?),
            (Self::Texts, Value::List(nodes)) => Item::Texts(list(nodes, problems, lines)?),
            (Self::Texts, Value::Text(text)) => Item::Texts(vec![lines(text)?]),
            (Self::Share, Value::Float(number)) => Item::Share(share(*number)?),
            (Self::Share, Value::Integer(0)) => Item::Share(0.0),
            (Self::Share, Value::Integer(1)) => Item::Share(1.0),
            (Self::Share, Value::Integer(number)) => return Err(format!("{number} is outside 0 to 1")),
            (Self::Any, _) => Item::Any(node.clone()),
            (kind, Value::Text(text)) => kind.of_text(text, checks)?,
            (kind, value) => return Err(kind.wrong(value.kind())),
        };
        Ok(Some(item))
    }

    fn of_text(self, text: &str, checks: &Checks) -> Result<Item, String> {
        if text.chars().count() > TEXT_MAX {
            return Err(format!("a text has at most {TEXT_MAX} characters"));
        }
        let sockets = |text: &str| {
            text.parse::<SocketAddr>()
                .map_err(|_| format!("`{text}` is no address with a port such as 127.0.0.1:0"))
        };
        Ok(match self {
            Self::Text => Item::Text(plain(text)?),
            Self::Name => Item::Text(name(text)?),
            Self::Secret => Item::Secret(Secret::new(text)),
            Self::Store => {
                (checks.store)(text)?;
                Item::Secret(Secret::new(text))
            }
            Self::Choice(words) => Item::Text(choice(text, words)?),
            Self::Span => Item::Span(parse_span(text)?),
            Self::Time if text == "now" => Item::Time(Start::Now),
            Self::Time => Item::Time(Start::At(parse_time(text)?)),
            Self::Speed if text == "max" => Item::Speed(Speed::Max),
            Self::Url => Item::Text(url(text)?),
            Self::Ip => Item::Ip(ip(text)?),
            Self::Net => Item::Net(text.parse()?),
            Self::NetOrIp => match text.parse::<Ipv4Addr>() {
                Ok(address) => Item::Ip(address.into()),
                Err(_) => Item::Net(text.parse()?),
            },
            Self::Listen | Self::Route => Item::Socket(sockets(text)?),
            Self::Zone => foreign(text, checks.zone)?,
            Self::Sink => foreign(text, checks.sink)?,
            Self::Origin => Item::Text(origin(text)?),
            Self::Lines => Item::Text(lines(text)?),
            Self::SignedSpan => Item::SignedSpan(parse_signed_span(text)?),
            Self::Texts
            | Self::Share
            | Self::Any
            | Self::Path
            | Self::Bool
            | Self::Count(..)
            | Self::Days(..)
            | Self::Bytes(..)
            | Self::Speed
            | Self::Ips
            | Self::Rules
            | Self::Names => {
                return Err(self.wrong("a text"));
            }
        })
    }

    fn wrong(self, found: &str) -> String {
        format!("must be {}, but is {found}", self.with_article())
    }

    fn with_article(self) -> String {
        let words = self.words();
        if matches!(self, Self::Bool | Self::Choice(_) | Self::Origin | Self::Any) {
            return words;
        }
        let article = if words.starts_with(['a', 'e', 'i', 'I', 'o']) { "an" } else { "a" };
        format!("{article} {words}")
    }
}

fn count(number: i64, from: u64, to: u64) -> Result<u64, String> {
    let inside = u64::try_from(number).ok().filter(|number| (from..=to).contains(number));
    inside.ok_or_else(|| match to {
        u64::MAX => format!("{number} is below {from}"),
        to => format!("{number} is outside {from} to {to}"),
    })
}

/// Reads every entry; wrong ones are reported each at its own place.
fn list<T>(
    nodes: &[Node],
    problems: &mut Problems,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    if nodes.len() > LIST_MAX {
        return Err(format!("a list has at most {LIST_MAX} entries"));
    }
    let mut items = Vec::with_capacity(nodes.len());
    for node in nodes {
        let item = match &node.value {
            Value::Text(text) => read(text),
            Value::Integer(_)
            | Value::Float(_)
            | Value::Bool(_)
            | Value::Time(_)
            | Value::List(_)
            | Value::Table(_) => Err(format!("an entry must be a text, but is {}", node.value.kind())),
        };
        match item {
            Ok(item) => items.push(item),
            Err(message) => problems.add(&node.place, message),
        }
    }
    Ok(items)
}

fn plain(text: &str) -> Result<String, String> {
    match text.chars().find(|character| character.is_control()) {
        Some(control) => Err(format!("must not contain {control:?}")),
        None => Ok(text.into()),
    }
}

fn lines(text: &str) -> Result<String, String> {
    if text.chars().count() > TEXT_MAX {
        return Err(format!("a text has at most {TEXT_MAX} characters"));
    }
    match text.chars().find(|character| character.is_control() && !matches!(character, '\n' | '\t')) {
        Some(control) => Err(format!("must not contain {control:?}")),
        None => Ok(text.into()),
    }
}

fn share(number: f64) -> Result<f64, String> {
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err(format!("{number} is outside 0 to 1")) }
}

fn name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("must not be empty".into());
    }
    match text.chars().find(|character| character.is_control() || character.is_whitespace()) {
        Some(bad) => Err(format!("must not contain {bad:?}")),
        None => Ok(text.into()),
    }
}

fn choice(text: &str, words: &[&'static str]) -> Result<String, String> {
    if words.contains(&text) {
        return Ok(text.into());
    }
    // Who has mistyped a word wants that word, not all of them.
    let hint = did_you_mean(text, words.iter().copied());
    Err(match hint.as_str() {
        "" => format!("`{}` is none of {}", short(text), words.join(", ")),
        hint => format!("there is no `{}`{hint}", short(text)),
    })
}

fn ip(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| format!("`{}` is no IP address", short(text)))
}

/// Empty is allowed: a transport whose URL is empty fails with a reason of its own (`spec/messages.md` §5 `NoUrl`).
fn url(text: &str) -> Result<String, String> {
    if text.is_empty() || text == slpsim_network::CSLU_LOCAL {
        return Ok(text.into());
    }
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let (host, port) = match host {
        None => return Err(format!("`{}` does not begin with http:// or https://", short(text))),
        Some(host) if host.ends_with(']') => (host, None),
        Some(host) => host.rsplit_once(':').map_or((host, None), |(host, port)| (host, Some(port))),
    };
    let bad = |character: char| character.is_whitespace() || character.is_control() || character == '@';
    if host.is_empty() || text.contains(bad) {
        return Err(format!(
            "`{}` is no URL: write for instance http://192.168.0.1:8182/cslu/v1/pi",
            short(text)
        ));
    }
    match port.map(str::parse::<u16>) {
        Some(Err(_) | Ok(0)) => Err(format!("`{}`: the port is no number from 1 to 65535", short(text))),
        Some(Ok(_)) | None => Ok(text.into()),
    }
}

fn origin(text: &str) -> Result<String, String> {
    match text {
        "none" | "hostname" | "ip" => Ok(text.into()),
        other if other.strip_prefix("string:").is_some_and(|text| !text.is_empty()) => name(other),
        other => Err(format!("`{}` is none of none, hostname, ip, string:X", short(other))),
    }
}

fn path(node: &Node, text: &str) -> Result<PathBuf, String> {
    if text.is_empty() || text.contains('\0') {
        return Err("a path must not be empty and not contain a NUL".into());
    }
    Ok(node.place.source.base.join(text))
}

fn foreign(text: &str, check: fn(&str) -> Result<(), String>) -> Result<Item, String> {
    check(text).map(|()| Item::Text(text.into()))
}

fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

//! A sink URL with everything that can be said behind its `?`: how the sink behaves, and which lines it gets.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use slpsim_agent::Severity;
use wildmatch::WildMatch;

use crate::framing::Framing;
use crate::sink::Rotation;
use crate::url::{SinkUrl, SinkUrlError, decoded, encoded, parameters};

/// No pattern is longer, in bytes.
const PATTERN_MAX: usize = 255;

/// Where lines go, and which.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Where to.
    pub url: SinkUrl,
    /// `framing=newline|octet`, for `tcp://` and `tls://`.
    pub framing: Option<Framing>,
    /// `rotate=100M&keep=5&gzip`, for `file://`.
    pub rotation: Option<Rotation>,
    /// `source-net=127.1.0.0/16`, for `udp://`.
    pub source_net: Option<SourceNet>,
    /// `severity=0..3&device=GLOB&site=GLOB`
    pub filter: Filter,
}

/// Which lines a sink gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// Severities, from the most serious (0) to the least (7).
    pub severities: (u8, u8),
    /// The device's host name, with `*` and `?`.
    pub device: Option<WildMatch>,
    /// The device's site, with `*` and `?`. A device without a site has the empty name.
    pub site: Option<WildMatch>,
}

/// Source addresses of datagrams, one for each device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceNet {
    base: u32,
    /// Host addresses of the network.
    hosts: u32,
}

/// Why a text is no target. Each says what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The URL itself.
    #[error(transparent)]
    Url(#[from] SinkUrlError),
    /// A value that its parameter does not take.
    #[error("{name}={value}: expected {expected}")]
    Value {
        /// Which parameter.
        name: &'static str,
        /// What stands there.
        value: String,
        /// What would be good.
        expected: &'static str,
    },
    /// A parameter that this kind of sink does not have.
    #[error("{name}= is for {schemes} only")]
    Misplaced {
        /// Which parameter.
        name: &'static str,
        /// Where it belongs.
        schemes: &'static str,
    },
}

impl Target {
    /// The sink at `url`, with all defaults.
    #[must_use]
    pub fn to(url: SinkUrl) -> Self {
        Self { url, framing: None, rotation: None, source_net: None, filter: Filter::default() }
    }
}

/// As it is read: the URL, and behind it everything that was chosen.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, framing, rotation, source_net, filter } = self;
        let mut text = url.to_string();
        let mut add = |parameter: &str| {
            text.push(if text.contains('?') { '&' } else { '?' });
            text.push_str(parameter);
        };
        if let Some(framing) = framing {
            add(&format!("framing={}", framing.word()));
        }
        if let Some(Rotation { bytes, keep, gzip }) = rotation {
            add(&format!("rotate={}", print_size(*bytes)));
            add(&format!("keep={keep}"));
            if *gzip {
                add("gzip");
            }
        }
        if let Some(net) = source_net {
            add(&format!("source-net={net}"));
        }
        match filter.severities {
            (0, 7) => {}
            (first, last) if first == last => add(&format!("severity={first}")),
            (first, last) => add(&format!("severity={first}..{last}")),
        }
        for (name, pattern) in [("device", &filter.device), ("site", &filter.site)] {
            if let Some(pattern) = pattern {
                add(&format!("{name}={}", encoded_pattern(&pattern.to_string())));
            }
        }
        f.write_str(&text)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self { severities: (0, 7), device: None, site: None }
    }
}

impl Filter {
    /// Whether it lets through lines of that device at all. To be asked once by device: patterns cost time.
    #[must_use]
    pub fn has_device(&self, name: &str, site: &str) -> bool {
        let is = |pattern: &Option<WildMatch>, text| pattern.as_ref().is_none_or(|wild| wild.matches(text));
        is(&self.device, name) && is(&self.site, site)
    }

    /// Whether it lets through lines of that severity.
    #[must_use]
    #[inline]
    pub const fn has_severity(&self, severity: Severity) -> bool {
        self.severities.0 <= severity.digit() && severity.digit() <= self.severities.1
    }
}

impl SourceNet {
    /// The address of a device, by its number. Where there are more devices than addresses, they begin again.
    #[must_use]
    pub fn address(self, device: u64) -> Ipv4Addr {
        let host = u32::try_from(device % u64::from(self.hosts)).unwrap_or(0);
        // Neither the network's own address nor its broadcast address.
        Ipv4Addr::from_bits(self.base + 1 + host)
    }
}

/// As it is read: `127.1.0.0/16`.
impl fmt::Display for SourceNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of a network of 2^n addresses all but two are hosts.
        let length = (self.hosts + 2).leading_zeros() + 1;
        write!(f, "{}/{length}", Ipv4Addr::from_bits(self.base))
    }
}

impl FromStr for SourceNet {
    type Err = TargetError;

    /// Reads `127.1.0.0/16`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let bad = || value("source-net", text, "an IPv4 network of at least 2 hosts, such as 127.1.0.0/16");
        let (address, length) = text.split_once('/').ok_or_else(bad)?;
        let address: Ipv4Addr = address.parse().map_err(|_| bad())?;
        let length: u32 = length.parse().ok().filter(|length| (1..=30).contains(length)).ok_or_else(bad)?;
        let size = 1 << (32 - length);
        let base = address.to_bits() & !(size - 1);
        Ok(Self { base, hosts: size - 2 })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (place, query) = text.split_once('?').unwrap_or((text, ""));
        let mut settings = Settings::default();
        let mut rest = Vec::new();
        for (name, given) in parameters(query) {
            if !settings.take(name, &decoded(given)?)? {
                rest.push(if given.is_empty() { name.to_owned() } else { format!("{name}={given}") });
            }
        }
        let url =
            if rest.is_empty() { place.parse()? } else { format!("{place}?{}", rest.join("&")).parse()? };
        settings.applied_to(url)
    }
}

/// The parameters of all kinds of sinks, as they are read.
#[derive(Debug, Default)]
struct Settings {
    filter: Filter,
    framing: Option<Framing>,
    bytes: Option<u64>,
    keep: Option<u32>,
    gzip: bool,
    source_net: Option<SourceNet>,
}

impl Settings {
    /// Reads a parameter; says whether it is one of these.
    fn take(&mut self, name: &str, text: &str) -> Result<bool, TargetError> {
        match name {
            "severity" => self.filter.severities = severities(text)?,
            "device" => self.filter.device = Some(pattern("device", text)?),
            "site" => self.filter.site = Some(pattern("site", text)?),
            "framing" => {
                let framing = Framing::by_word(text);
                self.framing = Some(framing.ok_or_else(|| value("framing", text, "newline or octet"))?);
            }
            "rotate" => self.bytes = Some(size(text)?),
            "keep" => {
                let keep = text.parse().ok().filter(|keep| *keep <= Rotation::KEEP_MAX);
                self.keep =
                    Some(keep.ok_or_else(|| value("keep", text, "a number of old files up to 1000"))?);
            }
            "gzip" => {
                self.gzip = match text {
                    "" | "yes" | "true" => true,
                    "no" | "false" => false,
                    other => return Err(value("gzip", other, "nothing, yes or no")),
                };
            }
            "source-net" => self.source_net = Some(text.parse()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn applied_to(self, url: SinkUrl) -> Result<Target, TargetError> {
        let misplaced = |name, schemes| Err(TargetError::Misplaced { name, schemes });
        let is_file = matches!(url, SinkUrl::File(_));
        let is_stream = matches!(url, SinkUrl::Tcp(_) | SinkUrl::Tls { .. });
        if self.framing.is_some() && !is_stream {
            return misplaced("framing", "tcp:// and tls://");
        }
        if self.source_net.is_some() && !matches!(url, SinkUrl::Udp(_)) {
            return misplaced("source-net", "udp://");
        }
        let rotation = match self.bytes {
            Some(_) if !is_file => return misplaced("rotate", "file://"),
            None if self.keep.is_some() => return misplaced("keep", "file:// with rotate"),
            None if self.gzip => return misplaced("gzip", "file:// with rotate"),
            None => None,
            Some(bytes) => {
                Some(Rotation { bytes, keep: self.keep.unwrap_or(Rotation::KEEP), gzip: self.gzip })
            }
        };
        let Self { filter, framing, source_net, .. } = self;
        Ok(Target { url, framing, rotation, source_net, filter })
    }
}

fn value(name: &'static str, value: &str, expected: &'static str) -> TargetError {
    TargetError::Value { name, value: value.into(), expected }
}

/// With its `?` as it is written in a pattern: behind the first one of a URL it stands for itself.
fn encoded_pattern(pattern: &str) -> String {
    encoded(pattern).replace("%3F", "?")
}

/// `3`, `0..3`, `..3` or `4..`, both ends included.
fn severities(text: &str) -> Result<(u8, u8), TargetError> {
    let bad = || value("severity", text, "digits from 0 (worst) to 7, such as 3 or 0..3");
    let digit = |word: &str, open| match word {
        "" => Some(open),
        word => word.parse().ok().filter(|digit: &u8| *digit <= 7),
    };
    let (first, last) = match text.split_once("..") {
        Some((first, last)) => (digit(first, 0), digit(last.trim_start_matches('='), 7)),
        None => (digit(text, 8), digit(text, 8)),
    };
    match (first, last) {
        (Some(first), Some(last)) if first <= last && last <= 7 => Ok((first, last)),
        _ => Err(bad()),
    }
}

fn pattern(name: &'static str, text: &str) -> Result<WildMatch, TargetError> {
    if text.is_empty() || text.len() > PATTERN_MAX {
        return Err(value(name, text, "a name of up to 255 characters, with * and ?"));
    }
    Ok(WildMatch::new(text))
}

/// A number of bytes, with `k`, `M` or `G` for powers of 1024.
fn size(text: &str) -> Result<u64, TargetError> {
    let bad = || value("rotate", text, "a size of at least 4k, such as 100M");
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'k' | 'K')) => (text.get(..at), 1 << 10),
        Some((at, 'm' | 'M')) => (text.get(..at), 1 << 20),
        Some((at, 'g' | 'G')) => (text.get(..at), 1 << 30),
        _ => (Some(text), 1),
    };
    let number: u64 = digits.and_then(|digits| digits.parse().ok()).ok_or_else(bad)?;
    number.checked_mul(factor).filter(|bytes| *bytes >= Rotation::BYTES_MIN).ok_or_else(bad)
}

/// The largest unit of which it is a whole number.
fn print_size(bytes: u64) -> String {
    let units = [(30, "G"), (20, "M"), (10, "k")];
    let unit = units.into_iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    unit.map_or_else(|| bytes.to_string(), |(shift, unit)| format!("{}{unit}", bytes >> shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn settings_are_parted_from_what_belongs_to_the_url() {
        let file = target("file:///var/log/a%20b?rotate=100M&keep=3&gzip&severity=0..3");
        assert_eq!(file.url, SinkUrl::File("/var/log/a b".into()));
        assert_eq!(file.rotation, Some(Rotation { bytes: 100 << 20, keep: 3, gzip: true }));
        assert_eq!(file.filter.severities, (0, 3));
        let tls = target("tls://localhost?device=leaf-*&ca=ca.pem&framing=newline");
        assert_eq!(tls.url, "tls://localhost?ca=ca.pem".parse().unwrap());
        assert_eq!(tls.framing, Some(Framing::Newline));
        assert!(tls.filter.has_device("leaf-7", "") && !tls.filter.has_device("spine-7", ""));
        assert_eq!(target("stdout:?severity=4..").filter.severities, (4, 7));
        assert_eq!(target("null:"), Target::to(SinkUrl::Null));
    }

    #[test]
    fn a_target_is_printed_as_it_is_read() {
        for text in [
            "stdout:",
            "null:?severity=0..3",
            "stdout:?severity=3&device=leaf-??&site=zrh%20*",
            "file:///var/log/a%20b?rotate=100M&keep=3&gzip",
            "file:///x?rotate=5000&keep=5",
            "file:///x?rotate=4k&keep=0&severity=4..7",
            "udp://127.0.0.1:514?source-net=127.1.0.0/16",
            "udp://127.0.0.1:514?source-net=0.0.0.0/1",
            "udp://127.0.0.1:514?source-net=127.1.0.4/30",
            "tcp://127.0.0.1:5514?framing=octet",
            "tls://localhost:6514?ca=ca.pem&sni=x&framing=newline&device=*",
        ] {
            assert_eq!(target(text).to_string(), text);
        }
        assert_eq!(target("file:///x?gzip=no&keep=1&rotate=2048M").to_string(), "file:///x?rotate=2G&keep=1");
    }

    #[test]
    fn a_filter_lets_through_what_it_names() {
        let filter = target("null:?severity=3&site=zrh-??&device=*-01").filter;
        assert!(filter.has_severity(Severity::of(3)) && !filter.has_severity(Severity::of(4)));
        assert!(filter.has_device("leaf-01", "zrh-02"));
        assert!(!filter.has_device("leaf-01", "gva-02") && !filter.has_device("leaf-01", ""));
        assert!(Filter::default().has_device("any", "") && Filter::default().has_severity(Severity::of(7)));
    }

    #[test]
    fn devices_have_addresses_of_the_network_and_begin_again_at_its_end() {
        let net: SourceNet = "127.1.2.3/16".parse().unwrap();
        for (device, expected) in
            [(0, "127.1.0.1"), (254, "127.1.0.255"), (65_533, "127.1.255.254"), (65_534, "127.1.0.1")]
        {
            assert_eq!(net.address(device).to_string(), expected);
        }
        assert_eq!("0.0.0.0/1".parse::<SourceNet>().unwrap().address(0).to_string(), "0.0.0.1");
    }

    #[test]
    fn an_unusable_setting_is_refused_with_what_would_be_good() {
        for (text, expected) in [
            ("null:?severity=8", "severity=8: expected digits from 0 (worst) to 7"),
            ("null:?severity=5..3", "severity=5..3: expected"),
            ("null:?severity=", "severity=: expected"),
            ("null:?device=", "device=: expected a name"),
            ("null:?colour=red", "null: has no parameter \"colour\""),
            ("udp://localhost?framing=octet", "framing= is for tcp:// and tls:// only"),
            ("tcp://localhost:1?framing=nul", "framing=nul: expected newline or octet"),
            ("tcp://localhost:1?rotate=1M", "rotate= is for file:// only"),
            ("file:///x?rotate=1", "rotate=1: expected a size of at least 4k"),
            ("file:///x?rotate=99999999999999999999G", "expected a size"),
            ("file:///x?keep=3", "keep= is for file:// with rotate only"),
            ("file:///x?gzip", "gzip= is for file:// with rotate only"),
            ("file:///x?rotate=1M&gzip=9", "gzip=9: expected nothing, yes or no"),
            ("tcp://localhost:1?source-net=127.1.0.0/16", "source-net= is for udp:// only"),
            ("udp://localhost?source-net=127.1.0.0/31", "expected an IPv4 network"),
            ("udp://localhost?source-net=::/16", "expected an IPv4 network"),
            ("carrier-pigeon:x?severity=3", "unknown scheme"),
            ("file:///x?device=%zz", "bad percent-encoding"),
        ] {
            let error = text.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}

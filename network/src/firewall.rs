//! The firewall between a switch and everything else (`spec/chapter.md` S-28i).

use alloc::string::{String, ToString};
use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;

use thiserror::Error;

/// What happens to traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It passes.
    Permit,
    /// It is dropped.
    Deny,
}

/// One rule; the first that matches decides, and what no rule matches passes.
///
/// Written as `deny 192.168.0.1:8182`, `deny 192.168.0.1`, `deny any:443`, `permit any`. An IPv6 address with a port
/// stands in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// What happens to matching traffic.
    pub verdict: Verdict,
    /// The destination address as the switch sees it; `None`: any.
    pub address: Option<IpAddr>,
    /// The destination port; `None`: any, `ping` included.
    pub port: Option<u16>,
}

impl Rule {
    /// Whether traffic to `address` falls under the rule; `port` is `None` for what has no port, such as `ping`.
    #[must_use]
    pub fn matches(&self, address: IpAddr, port: Option<u16>) -> bool {
        self.address.is_none_or(|own| own == address) && (self.port.is_none() || self.port == port)
    }
}

/// The verdict of `rules` on traffic to `address`.
#[must_use]
pub fn judge(rules: &[Rule], address: IpAddr, port: Option<u16>) -> Verdict {
    rules.iter().find(|rule| rule.matches(address, port)).map_or(Verdict::Permit, |rule| rule.verdict)
}

/// Why a text is no firewall rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RuleError {
    /// The first word is neither `permit` nor `deny`.
    #[error("a firewall rule begins with `permit` or `deny`, not with `{0}`")]
    Verdict(String),
    /// The rest is no address with an optional port.
    #[error("`{0}` is no destination: write an address or `any`, with `:PORT` where one port is meant")]
    Destination(String),
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let (word, destination) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let verdict = match word {
            "permit" => Verdict::Permit,
            "deny" => Verdict::Deny,
            other => return Err(RuleError::Verdict(other.to_string())),
        };
        let (address, port) = destination_of(destination.trim())
            .ok_or_else(|| RuleError::Destination(destination.trim().to_string()))?;
        Ok(Self { verdict, address, port })
    }
}

fn destination_of(text: &str) -> Option<(Option<IpAddr>, Option<u16>)> {
    if text == "any" {
        return Some((None, None));
    }
    if let Ok(address) = text.parse() {
        return Some((Some(address), None));
    }
    let (address, port) = text.rsplit_once(':')?;
    let port = Some(port.parse().ok().filter(|port| *port != 0)?);
    if address == "any" {
        return Some((None, port));
    }
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
    Some((Some(bare.parse().ok()?), port))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.verdict {
            Verdict::Permit => "permit ",
            Verdict::Deny => "deny ",
        })?;
        match (self.address, self.port) {
            (None, None) => f.write_str("any"),
            (None, Some(port)) => write!(f, "any:{port}"),
            (Some(address), None) => write!(f, "{address}"),
            (Some(address), Some(port)) => write!(f, "{}", core::net::SocketAddr::new(address, port)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_what_it_prints() {
        for text in
            ["deny any", "permit any:443", "deny 192.0.2.1", "deny 192.0.2.1:8182", "deny [2001:db8::1]:443"]
        {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_says_which_part_is_wrong() {
        assert_eq!("drop any".parse::<Rule>(), Err(RuleError::Verdict("drop".into())));
        for bad in ["deny", "deny host", "deny 192.0.2.1:0", "deny 192.0.2.1:99999", "deny any:"] {
            assert!(matches!(bad.parse::<Rule>(), Err(RuleError::Destination(_))), "{bad}");
        }
    }

    #[test]
    fn the_first_matching_rule_decides_and_the_rest_passes() {
        let rules: [Rule; 2] = ["permit 192.0.2.1:443".parse().unwrap(), "deny 192.0.2.1".parse().unwrap()];
        let address = "192.0.2.1".parse().unwrap();
        assert_eq!(judge(&rules, address, Some(443)), Verdict::Permit);
        assert_eq!(judge(&rules, address, Some(80)), Verdict::Deny);
        assert_eq!(judge(&rules, address, None), Verdict::Deny);
        assert_eq!(judge(&rules, "192.0.2.2".parse().unwrap(), Some(443)), Verdict::Permit);
    }
}

//! Whom a fleet may talk to, looked at before anything runs: every exchange of every switch would be refused for the same
//! reason.

use std::net::{IpAddr, ToSocketAddrs};

use anyhow::{Context, Result};
use slpsim_network::is_cisco;
use url::{Host, Url};

use crate::error::{BlameUser, user_error};

/// Whether the server at `url` may be reached: on this machine always, elsewhere with `allow_external`, Cisco's own never
/// (`interface.md` §1). A name is looked up where it may be reached, so that a mistyped one is told here.
///
/// # Errors
/// Why not, and what would be right; one line for the user.
pub(super) fn admit(url: &str, allow_external: bool) -> Result<()> {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    if authority.contains('@') {
        // It is not shown: what stands before the @ is a secret.
        return Err(user_error(
            "--against: the URL of a switch has no user name or password: leave out what stands before the @",
        ));
    }
    let named = || format!("--against {url}");
    let parsed = Url::parse(url).with_context(named).blame_user()?;
    let (host, port) = (parsed.host(), parsed.port_or_known_default().unwrap_or_default());
    let outside = |what: &str| {
        user_error(format!(
            "{}: {what} is not on this machine: a fleet leaves it only with --allow-external",
            named()
        ))
    };
    let address = match host {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(name)) if is_here(name) => return Ok(()),
        Some(Host::Domain(name)) if is_cisco(name) => {
            let why =
                "is one of Cisco's own servers and is never contacted: name a mock or a server of yours";
            return Err(user_error(format!("{}: {name} {why}", named())));
        }
        Some(Host::Domain(name)) if !allow_external => return Err(outside(name)),
        Some(Host::Domain(name)) => {
            let found = (name, port).to_socket_addrs();
            let found = found.with_context(|| format!("{}: {name} does not resolve", named())).blame_user();
            return found.map(drop);
        }
        None => return Err(user_error(format!("{}: the URL has no host", named()))),
    };
    let here = address.to_canonical().is_loopback();
    if here || allow_external { Ok(()) } else { Err(outside(&address.to_string())) }
}

/// RFC 6761 §6.3: this name is loopback without asking anybody.
fn is_here(name: &str) -> bool {
    name.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_needs_leave_and_cisco_s_own_gets_none() {
        for (url, allow_external, refused) in [
            ("http://127.0.0.1:1/cslu/v1/pi", false, None),
            ("https://[::1]:1/x", false, None),
            ("https://[::ffff:127.0.0.1]:1/x", false, None),
            ("https://LOCALHOST.:1/x", false, None),
            ("http://192.0.2.1:1/x", false, Some("only with --allow-external")),
            ("http://0.0.0.0:1/x", false, Some("only with --allow-external")),
            ("http://[2001:db8::1]/x", false, Some("2001:db8::1 is not on this machine")),
            ("https://cssm.example.com/x", false, Some("cssm.example.com is not on this machine")),
            ("http://192.0.2.1:1/x", true, None),
            ("https://smartreceiver.cisco.com/licservice/license", false, Some("is never contacted")),
            ("https://Tools.Cisco.COM./x", true, Some("is never contacted")),
            ("http://127.0.0.1:99999/x", false, Some("invalid port")),
            ("http://:80/x", false, Some("empty host")),
        ] {
            let admitted = admit(url, allow_external);
            let Some(expected) = refused else {
                admitted.unwrap();
                continue;
            };
            let error = admitted.unwrap_err();
            assert!(error.is::<crate::error::UserError>());
            assert!(error.to_string().contains(expected), "{url}: {error:#}");
            assert!(error.to_string().starts_with(&format!("--against {url}: ")), "{error:#}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_shown() {
        for url in ["http://u:geheim@127.0.0.1:1/cslu/v1/pi", "u:geheim@127.0.0.1", "https://geheim@h/x"] {
            let error = admit(url, true).unwrap_err();
            assert!(error.is::<crate::error::UserError>());
            assert!(!format!("{error:#}").contains("geheim"), "{error:#}");
        }
        admit("http://127.0.0.1:1/cslu/v1/pi/a@b", false).unwrap();
    }
}

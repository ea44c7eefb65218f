//! Whether a request comes from this machine, and not from a page of somebody else's in a browser on it.
//!
//! Where nobody shows a password or a token, that is what keeps other people's pages out: a page whose name was made to
//! lead here (DNS rebinding) still has that name as its `Host`, and what a page sends to another server has its `Origin`.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, Uri};

/// The server that a request names: its `Host`, or the authority of its URL.
#[must_use]
pub fn named_host<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Option<&'a str> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.or_else(|| uri.authority().map(|authority| authority.as_str()))
}

/// Whether a `Host` means this machine, whatever the port: it may be that of a tunnel.
#[must_use]
pub fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(name, _)| name),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Whether a request comes from a page of this server or from no page at all, as far as the browser says.
#[must_use]
pub fn is_own(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site");
    if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or("null"));
    let host = text(HOST.as_str()).unwrap_or_default();
    origin.is_none_or(|origin| {
        origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn a_host_is_local_whatever_its_port_and_nothing_else_is() {
        for (host, local) in [
            ("127.0.0.1:40003", true),
            ("127.0.0.1", true),
            ("127.8.8.8:1", true),
            ("[::1]:40003", true),
            ("localhost:8080", true),
            ("LOCALHOST", true),
            ("evil.example:40003", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example:1", false),
            ("192.0.2.1:40003", false),
            ("", false),
        ] {
            assert_eq!(is_local(host), local, "{host:?}");
        }
    }

    #[test]
    fn a_form_of_another_site_is_known_by_what_the_browser_says() {
        for (origin, site, own) in [
            (None, None, true),
            (Some("http://127.0.0.1:1"), Some("same-origin"), true),
            (Some("http://127.0.0.1:2"), None, false),
            (Some("null"), None, false),
            (Some("http://evil.example"), Some("cross-site"), false),
            (None, Some("same-site"), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static("127.0.0.1:1"));
            origin.map(|origin| headers.insert(ORIGIN, HeaderValue::from_static(origin)));
            site.map(|site| headers.insert("sec-fetch-site", HeaderValue::from_static(site)));
            assert_eq!(is_own(&headers), own, "{origin:?} {site:?}");
        }
    }
}

//! The HTTP proxy of a device (`license smart proxy`).

use std::fmt;
use std::net::SocketAddr;

/// An HTTP proxy: `CONNECT` for `https://`, absolute form for `http://` (RFC 9110 §9.3.6, RFC 9112 §3.2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Proxy {
    /// Name or address as the switch knows it; looked up in the simulated network.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// What it is told of the device, where it wants to know.
    pub credentials: Option<Credentials>,
}

/// User name and password for a proxy, sent as `Basic` (RFC 7617).
///
/// Its `Debug` form leaves both out.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name, without a colon.
    user: String,
    /// Password.
    password: String,
}

impl Credentials {
    /// A pair of user name and password; `None` where the name has a colon or one of them a control character, which
    /// cannot be sent.
    #[must_use]
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Option<Self> {
        let (user, password) = (user.into(), password.into());
        let sendable = !user.contains(':') && !user.chars().chain(password.chars()).any(char::is_control);
        sendable.then_some(Self { user, password })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials")
    }
}

impl Proxy {
    /// A proxy that wants no credentials.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port, credentials: None }
    }

    /// The same, with credentials.
    #[must_use]
    pub fn with_credentials(self, credentials: Credentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// What the HTTP client is told, with the real address.
    pub(super) fn at(&self, address: SocketAddr) -> Result<reqwest::Proxy, reqwest::Error> {
        let proxy = reqwest::Proxy::all(format!("http://{address}"))?;
        Ok(match &self.credentials {
            Some(credentials) => proxy.basic_auth(&credentials.user, &credentials.password),
            None => proxy,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_cannot_be_sent_are_none_and_good_ones_stay_out_of_debug_output() {
        assert!(Credentials::new("a:b", "c").is_none());
        assert!(Credentials::new("a", "b\r\nX: y").is_none());
        let proxy = Proxy::new("p", 3128).with_credentials(Credentials::new("robot", "secret").unwrap());
        let debug = format!("{proxy:?}");
        assert!(!debug.contains("robot") && !debug.contains("secret"), "{debug}");
    }
}

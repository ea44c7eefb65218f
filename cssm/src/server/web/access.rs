//! Who may see the pages, and who may send forms.
//!
//! On loopback nobody logs in, but a page of somebody else's in the same browser must neither read nor send anything:
//! the `Host` has to be a loopback name (DNS rebinding), the `Origin` of a form has to be this server, and each form
//! carries a word that only this server's own pages have (CSRF). Elsewhere people log in as well.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use axum::http::header::{COOKIE, HeaderValue};
use axum::http::{HeaderMap, Uri};
use futures_util::future::BoxFuture;

use crate::server::caller::{is_local, named_host};

/// Somebody who has logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// Their name.
    pub name: String,
    /// Whether they may send forms; the others only look.
    pub may_change: bool,
}

/// Knows who may log in to the pages.
pub trait Doorman: Send + Sync + std::fmt::Debug {
    /// The visitor of that name, if the password is theirs. Takes as long for a name that nobody has.
    fn admits<'a>(&'a self, name: &'a str, password: &'a str) -> BoxFuture<'a, Option<Visitor>>;
}

/// Who gets at the pages.
#[derive(Clone, Default)]
pub enum Entry {
    /// Everybody on this machine; for a loopback address only.
    #[default]
    Open,
    /// Who logs in.
    Login(Arc<dyn Doorman>),
    /// Nobody: an address that others can reach, and nobody who could log in.
    Closed,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "Open",
            Self::Login(_) => "Login",
            Self::Closed => "Closed",
        })
    }
}

/// How long a log-in holds.
const SESSION: Duration = Duration::from_secs(8 * 3_600);
/// Most people logged in at a time; the oldest goes.
const SESSIONS: usize = 1_000;
/// Wrong log-ins of one address within [`WINDOW`].
const ATTEMPTS: u32 = 5;
/// See [`ATTEMPTS`].
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses whose wrong log-ins are remembered; beyond it all others count as one.
const ADDRESSES: usize = 10_000;
/// Length of a session's name, in bytes before they are written in hexadecimal digits.
const NAME: usize = 24;

/// Decides about each request.
pub(super) struct Access {
    pub(super) entry: Entry,
    key: hmac::Key,
    /// Two mocks on one machine share the cookies of a browser; the port tells them apart.
    cookie: String,
    /// The listener has TLS.
    secure: bool,
    /// Only names of this machine are good as `Host`.
    local: bool,
    sessions: Mutex<HashMap<String, (Visitor, Instant)>>,
    failures: Mutex<HashMap<IpAddr, (u32, Instant)>>,
}

impl Access {
    pub(super) fn new(entry: Entry, port: u16, secure: bool, local: bool) -> Option<Self> {
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        Some(Self {
            entry,
            key: hmac::Key::new(hmac::HMAC_SHA256, &bytes),
            cookie: format!("slpsim_{port}"),
            secure,
            local,
            sessions: Mutex::default(),
            failures: Mutex::default(),
        })
    }

    /// Why the request does not come from a page of this server; nothing where it may be one.
    pub(super) fn foreign(&self, headers: &HeaderMap, uri: &Uri) -> Option<&'static str> {
        let Some(host) = named_host(headers, uri) else { return Some("the request names no host") };
        (self.local && !is_local(host))
            .then_some("these pages are for this machine only: open them as 127.0.0.1, [::1] or localhost")
    }

    /// The session that the browser names, if its name has the right form.
    pub(super) fn session(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs =
            cookies.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let (_, name) = pairs.find(|(name, _)| *name == self.cookie)?;
        let good = name.len() == NAME * 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        good.then(|| name.to_owned())
    }

    /// A name for a new session.
    pub(super) fn new_session() -> Option<String> {
        let mut bytes = [0; NAME];
        aws_lc_rs::rand::fill(&mut bytes).ok()?;
        Some(hex(&bytes))
    }

    /// `Set-Cookie` for a session.
    pub(super) fn set_cookie(&self, session: &str) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{}={session}; Path=/; HttpOnly; SameSite=Strict{secure}", self.cookie);
        HeaderValue::from_str(&text).ok()
    }

    /// The word that forms of this session carry.
    pub(super) fn csrf(&self, session: &str) -> String {
        hex(hmac::sign(&self.key, session.as_bytes()).as_ref())
    }

    /// Whether `word` is that of the session; takes the same time for every wrong one of its length.
    pub(super) fn has_csrf(&self, session: &str, word: &str) -> bool {
        verify_slices_are_equal(self.csrf(session).as_bytes(), word.as_bytes()).is_ok()
    }

    /// Who is logged in under that session.
    pub(super) fn visitor(&self, session: &str) -> Option<Visitor> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let (visitor, since) = sessions.get(session)?;
        if since.elapsed() < SESSION {
            return Some(visitor.clone());
        }
        sessions.remove(session);
        None
    }

    /// Begins a session of `visitor`; its name is new, so that nobody can have prepared it.
    pub(super) fn log_in(&self, visitor: Visitor) -> Option<String> {
        let name = Self::new_session()?;
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS {
            sessions.retain(|_, (_, since)| since.elapsed() < SESSION);
        }
        if sessions.len() >= SESSIONS {
            let oldest = sessions.iter().min_by_key(|(_, (_, since))| *since).map(|(name, _)| name.clone());
            oldest.map(|name| sessions.remove(&name));
        }
        sessions.insert(name.clone(), (visitor, Instant::now()));
        Some(name)
    }

    /// Ends a session.
    pub(super) fn log_out(&self, session: &str) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(session);
    }

    /// In how many seconds an address may try again to log in; nothing where it may at once. Each try counts as a
    /// wrong one until [`Access::succeeded`] says otherwise, so that many at a time are no way around.
    pub(super) fn attempt(&self, address: IpAddr) -> Option<u64> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES {
            failures.retain(|_, (_, since)| since.elapsed() < WINDOW);
        }
        let crowded = failures.len() >= ADDRESSES && !failures.contains_key(&address);
        let address = if crowded { IpAddr::from([0, 0, 0, 0]) } else { address };
        let (count, since) = failures.entry(address).or_insert((0, Instant::now()));
        if since.elapsed() >= WINDOW {
            (*count, *since) = (0, Instant::now());
        }
        if *count >= ATTEMPTS {
            return Some(WINDOW.saturating_sub(since.elapsed()).as_secs() + 1);
        }
        *count += 1;
        None
    }

    /// The last try of that address was right.
    pub(super) fn succeeded(&self, address: IpAddr) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&address);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access::new(Entry::Open, 40_003, false, true).unwrap()
    }

    #[test]
    fn a_word_is_good_for_its_own_session_only() {
        let access = access();
        let [one, other] = [(); 2].map(|()| Access::new_session().unwrap());
        assert!(access.has_csrf(&one, &access.csrf(&one)));
        assert!(!access.has_csrf(&other, &access.csrf(&one)) && !access.has_csrf(&one, ""));
        let mut headers = HeaderMap::new();
        let cookie = format!("other=1; slpsim_40003={one}");
        headers.insert(COOKIE, HeaderValue::from_str(&cookie).unwrap());
        assert_eq!(access.session(&headers), Some(one));
        headers.insert(COOKIE, HeaderValue::from_static("slpsim_40003=../../etc/passwd"));
        assert_eq!(access.session(&headers), None);
    }

    #[test]
    fn an_address_that_guesses_waits_and_another_one_does_not() {
        let access = access();
        let [one, other] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        for _ in 0..ATTEMPTS {
            assert_eq!(access.attempt(one), None);
        }
        assert!(access.attempt(one).is_some_and(|wait| (1..=61).contains(&wait)));
        assert_eq!(access.attempt(other), None);
        access.succeeded(one);
        assert_eq!(access.attempt(one), None);
    }

    #[test]
    fn a_session_begins_anew_at_each_log_in_and_ends() {
        let access = access();
        let visitor = Visitor { name: "ada".into(), may_change: true };
        let [one, two] = [(); 2].map(|()| access.log_in(visitor.clone()).unwrap());
        assert_ne!(one, two);
        assert_eq!(access.visitor(&one), Some(visitor));
        access.log_out(&one);
        assert_eq!(access.visitor(&one), None);
        assert!(access.visitor(&two).is_some());
    }
}

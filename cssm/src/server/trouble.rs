//! What is wrong with a call of ours, in words: who is to blame, and what to look at.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;

/// A call that brought no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The other side was never reached; where it was, only this call is lost.
    pub(super) unreachable: bool,
    /// One line.
    pub(super) words: String,
}

impl Trouble {
    /// What `error` is about.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let unreachable = error.is_connect() || error.is_builder();
        Self { unreachable, words: words(error) }
    }
}

const CLOSED: &str = "it closed the connection before its answer was there";

fn words(error: &reqwest::Error) -> String {
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return format!(
            "TLS: {tls}; does the CA file belong to it, and its name or address to its certificate?"
        );
    }
    let http = causes(error).find_map(|cause| cause.downcast_ref::<hyper::Error>());
    if http.is_some_and(hyper::Error::is_parse) {
        return format!("it answers something that is not HTTP: {}", innermost(error));
    }
    if http.is_some_and(hyper::Error::is_incomplete_message) {
        return CLOSED.into();
    }
    if error.is_timeout() {
        return match error.is_connect() {
            true => "it does not take the connection in time; a firewall may be in the way".into(),
            false => "it does not answer in time".into(),
        };
    }
    // The resolver's own error is private; its message is all there is.
    if causes(error).any(|cause| cause.to_string() == "dns error") {
        return format!("its name cannot be resolved: {}", innermost(error));
    }
    let io = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last();
    match io.map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => "connection refused; does it run, and at that port?".into(),
        Some(ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe) => {
            CLOSED.into()
        }
        Some(ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable) => {
            format!("there is no way to it: {}", innermost(error))
        }
        Some(_) | None => innermost(error),
    }
}

/// The outer layers only repeat that the request failed, and one of them shows the URL.
fn innermost(error: &reqwest::Error) -> String {
    causes(error).skip(1).last().map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

/// An error and what lies below it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    /// No chain is deeper; the bound keeps a cyclic one from hanging.
    const MOST: usize = 32;
    successors(Some(error), |outer| below(*outer)).take(MOST)
}

/// An `io::Error` that carries another error does not name that one as its source but the source of that one, so it is
/// unpacked.
fn below<'a>(outer: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match outer.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(carried) => Some(carried),
        None => outer.source(),
    }
}

//! From what went wrong on the wire to the row of `spec/messages.md` §5.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;

use slpsim_agent::Failure;

/// How far an exchange had come, and what it was given, when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    /// The head of an answer with a 2xx status has been read.
    pub(super) in_body: bool,
    /// The connection goes through a proxy.
    pub(super) proxy: bool,
    /// The operator chose the source address.
    pub(super) source: bool,
}

/// The row for an error of the HTTP client. Errors of the peer that no other row names are `Unreachable`.
pub(super) fn failure_of(error: &reqwest::Error, stage: Stage) -> Failure {
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return of_tls(tls);
    }
    if causes(error).filter_map(|cause| cause.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse) {
        return Failure::BadReply;
    }
    // The innermost one is the operating system's; the outer ones only carry it.
    if let Some(io) = causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last() {
        return of_io(io, stage);
    }
    if error.is_builder() {
        return Failure::NotReady;
    }
    // A refused CONNECT is the one error while connecting that has neither a TLS nor an I/O error below it.
    if stage.proxy && error.is_connect() && !error.is_timeout() {
        return Failure::Proxy;
    }
    Failure::Unreachable
}

fn of_tls(error: &rustls::Error) -> Failure {
    let certificate =
        matches!(error, rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented);
    if certificate { Failure::TlsCertificate } else { Failure::Unreachable }
}

fn of_io(error: &io::Error, stage: Stage) -> Failure {
    let kind = error.kind();
    // The end of the connection before the announced end of the body, and chunks that are no chunks.
    let cut = [ErrorKind::UnexpectedEof, ErrorKind::InvalidData, ErrorKind::InvalidInput];
    if stage.in_body && cut.contains(&kind) {
        Failure::BadReply
    } else if stage.source && kind == ErrorKind::AddrNotAvailable {
        Failure::NotReady
    } else {
        Failure::Unreachable
    }
}

/// The innermost reason as text; the outer layers only repeat that the request failed, and one of them shows the URL.
pub(super) fn reason(error: &reqwest::Error) -> String {
    causes(error).skip(1).last().map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

/// An error and what lies below it, outermost first.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |outer| below(*outer)).take(MOST_CAUSES)
}

/// An `io::Error` that carries another error does not name that one as its source but the source of that one, so it is
/// unpacked.
fn below<'a>(outer: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match outer.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(carried) => Some(carried),
        None => outer.source(),
    }
}

/// No chain is deeper; the bound keeps a cyclic one from hanging the device.
const MOST_CAUSES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Stage = Stage { in_body: false, proxy: false, source: false };

    #[test]
    fn an_error_two_io_errors_deep_is_found() {
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let once = io::Error::new(ErrorKind::InvalidData, tls);
        let twice = io::Error::other(once);
        let found = causes(&twice).find_map(|cause| cause.downcast_ref::<rustls::Error>());
        assert_eq!(found.map(of_tls), Some(Failure::TlsCertificate));
    }

    #[test]
    fn what_the_operating_system_reports_depends_on_the_stage() {
        let body = Stage { in_body: true, ..HEAD };
        let source = Stage { source: true, ..HEAD };
        let table = [
            (ErrorKind::ConnectionRefused, HEAD, Failure::Unreachable),
            (ErrorKind::HostUnreachable, HEAD, Failure::Unreachable),
            (ErrorKind::ConnectionReset, body, Failure::Unreachable),
            (ErrorKind::UnexpectedEof, HEAD, Failure::Unreachable),
            (ErrorKind::UnexpectedEof, body, Failure::BadReply),
            (ErrorKind::InvalidInput, body, Failure::BadReply),
            (ErrorKind::AddrNotAvailable, HEAD, Failure::Unreachable),
            (ErrorKind::AddrNotAvailable, source, Failure::NotReady),
        ];
        for (kind, stage, failure) in table {
            assert_eq!(of_io(&io::Error::from(kind), stage), failure, "{kind} {stage:?}");
        }
    }

    #[test]
    fn a_tls_error_that_is_not_about_the_certificate_is_unreachable() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        assert_eq!(of_tls(&alert), Failure::Unreachable);
        assert_eq!(of_tls(&rustls::Error::NoCertificatesPresented), Failure::TlsCertificate);
    }
}

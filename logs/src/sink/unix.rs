//! The syslog daemon of this machine, through the crate `syslog`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use syslog::{LogFormat, Logger, LoggerBackend, Severity};

use super::{OpenError, Sink};

/// Sends lines to a Unix datagram socket such as `/dev/log`.
pub struct UnixSink {
    path: PathBuf,
    logger: Logger<LoggerBackend, Verbatim>,
}

/// The line is complete: PRI and time stamp are the device's, where the library would write its own.
#[derive(Clone, Copy, Debug, Default)]
struct Verbatim;

impl<T: AsRef<[u8]>> LogFormat<T> for Verbatim {
    fn format<W: Write>(&self, out: &mut W, _severity: Severity, line: T) -> syslog::Result<()> {
        // One write is one datagram.
        out.write_all(line.as_ref()).map_err(syslog::Error::Write)
    }
}

impl UnixSink {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub fn connect(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Path { path: path.into(), source };
        Ok(Self { path: path.into(), logger: connect(path).map_err(failed)? })
    }
}

fn connect(path: &Path) -> io::Result<Logger<LoggerBackend, Verbatim>> {
    syslog::unix_custom(Verbatim, path).map_err(io::Error::other)
}

impl Sink for UnixSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        match self.logger.err(line) {
            Ok(()) => Ok(()),
            // A daemon that was restarted has a new socket at the same path.
            Err(_) => {
                self.logger = connect(&self.path)?;
                self.logger.err(line).map_err(io::Error::other)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Connects again: a restarted syslog daemon has a new socket.
    fn reopen(&mut self) -> io::Result<()> {
        self.logger = connect(&self.path)?;
        Ok(())
    }
}

impl std::fmt::Debug for UnixSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UnixSink").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn the_daemon_gets_the_devices_line_and_nothing_of_the_librarys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let mut sink = UnixSink::connect(&path).unwrap();
        sink.write(b"<187>n9k-leaf-01: 2026 Mar  2 10:00:00 UTC: %LICMGR-3-X: y").unwrap();
        sink.reopen().unwrap();
        sink.write(b"<187>: again").unwrap();
        for expected in ["<187>n9k-leaf-01: 2026 Mar  2 10:00:00 UTC: %LICMGR-3-X: y", "<187>: again"] {
            let mut datagram = [0; 256];
            let size = daemon.recv(&mut datagram).unwrap();
            assert_eq!(std::str::from_utf8(&datagram[..size]), Ok(expected));
        }
    }

    #[test]
    fn a_missing_daemon_is_named() {
        let error = UnixSink::connect(Path::new("/nowhere/log")).unwrap_err().to_string();
        assert!(error.starts_with("cannot open /nowhere/log: "), "{error}");
    }
}

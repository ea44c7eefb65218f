//! A local receiver that listens on a Unix stream socket. Lines end in a newline.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::OpenError;
use super::stream::{Dial, Link, StreamSink};
use super::tcp::{await_end, is_open};
use crate::framing::Framing;

/// How long a write may take before the sink looks whether its end has come.
const TICK: Duration = Duration::from_millis(200);

/// Sends lines to a Unix stream socket.
pub type UnixStreamSink = StreamSink<UnixDial>;

/// Connects to one socket.
#[derive(Clone, Debug)]
pub struct UnixDial(PathBuf);

impl UnixStreamSink {
    /// Connects to the stream socket at `path`.
    ///
    /// # Errors
    /// Where nothing listens there.
    pub fn connect(path: &Path, framing: Framing) -> Result<Self, OpenError> {
        Self::open(UnixDial(path.into()), framing)
    }
}

impl Dial for UnixDial {
    type Link = UnixStream;

    fn dial(&self, _within: Duration) -> io::Result<UnixStream> {
        let stream = UnixStream::connect(&self.0)?;
        stream.set_write_timeout(Some(TICK))?;
        Ok(stream)
    }

    fn name(&self) -> String {
        self.0.display().to_string()
    }
}

impl Link for UnixStream {
    fn check(&mut self) -> io::Result<()> {
        is_open(self)
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write(bytes)
    }

    fn close(&mut self, until: Instant) -> io::Result<()> {
        self.shutdown(Shutdown::Write)?;
        await_end(until, |left| {
            self.set_read_timeout(Some(left))?;
            self.read(&mut [0; 1024])
        })
    }
}

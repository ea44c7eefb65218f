//! Standard output.

use std::io;

use super::{Sink, Taken};
use crate::batch::Batch;
use crate::framing::Framing;

/// Single lines are gathered up to this many bytes, where nobody asks for a flush.
const GATHER: usize = 64 << 10;

/// Standard output, one line after the other. It writes past the buffer of the standard library, which would not say
/// how much of it is out when its reader goes.
#[derive(Debug)]
pub struct StdoutSink {
    gathered: Batch,
    lost: u64,
}

impl StdoutSink {
    /// Of this process.
    #[must_use]
    pub fn new() -> Self {
        Self { gathered: Batch::new(Some(Framing::Newline)), lost: 0 }
    }

    fn write_gathered(&mut self) -> io::Result<()> {
        let taken = append(&self.gathered);
        self.lost += u64::try_from(self.gathered.len()).unwrap_or(u64::MAX).saturating_sub(taken.lines);
        self.gathered.clear();
        taken.error.map_or(Ok(()), Err)
    }
}

impl Default for StdoutSink {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a batch and says how many of its lines are out whole.
fn append(batch: &Batch) -> Taken {
    let mut at = 0;
    while let Some(rest) = batch.bytes().get(at..).filter(|rest| !rest.is_empty()) {
        let error = match nix::unistd::write(io::stdout(), rest) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(written) => {
                at += written;
                continue;
            }
            Err(nix::errno::Errno::EINTR) => continue,
            Err(error) => error.into(),
        };
        return Taken::first(batch, batch.whole_before(at).0, Some(error));
    }
    Taken::all(batch)
}

impl Sink for StdoutSink {
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.gathered.push(line);
        if self.gathered.bytes().len() < GATHER {
            return Ok(());
        }
        let before = self.lost;
        let done = self.write_gathered();
        // The caller counts this line as refused already.
        self.lost -= u64::from(done.is_err() && self.lost > before);
        done
    }

    fn framing(&self) -> Option<Framing> {
        Some(Framing::Newline)
    }

    fn write_batch(&mut self, batch: &Batch) -> Taken {
        if let Err(error) = self.write_gathered() {
            return Taken::first(batch, 0, Some(error));
        }
        if batch.framing() != Some(Framing::Newline) {
            let mut framed = Batch::new(Some(Framing::Newline));
            framed.append(batch);
            return append(&framed);
        }
        append(batch)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_gathered()
    }

    fn lost(&self) -> u64 {
        self.lost
    }
}

//! What the system asks of a daemon.

use std::pin::pin;
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// A wish of the system or of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// SIGINT or SIGTERM, or nobody reads any more what the daemon writes: end cleanly. The daemon has two seconds
    /// (`interface.md` §1).
    End,
    /// SIGHUP: read the configuration again and reopen log files.
    Reload,
}

/// The signals of this process. From the first value on they do not kill it any more.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    reader_gone: Arc<Notify>,
    /// A hangup that came while only the end mattered.
    held: bool,
}

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// Where the system does not allow it.
    pub fn listen() -> Result<Self> {
        let take = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
            hangup: take(SignalKind::hangup())?,
            reader_gone: Arc::default(),
            held: false,
        })
    }

    /// Told when the reader of standard output has gone, as in `slpsim run | head`: asks for the end.
    #[must_use]
    pub fn reader_gone(&self) -> Arc<Notify> {
        Arc::clone(&self.reader_gone)
    }

    /// Whether the end has been asked for. For work at a start that nothing else interrupts; lets other tasks run.
    pub async fn end_is_asked(&mut self) -> bool {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => true,
            _ = self.terminate.recv() => true,
            Some(()) = self.hangup.recv() => {
                self.held = true;
                false
            }
            () = tokio::task::yield_now() => false,
        }
    }

    /// Waits for `work`, which may take a while; none where the end is asked for meanwhile.
    pub async fn unless_ended<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                _ = self.interrupt.recv() => return None,
                _ = self.terminate.recv() => return None,
                Some(()) = self.hangup.recv() => self.held = true,
            }
        }
    }

    /// Waits for the next one. May be dropped and called again without losing one.
    pub async fn next(&mut self) -> Asked {
        if std::mem::take(&mut self.held) {
            return Asked::Reload;
        }
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End,
            _ = self.terminate.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
            () = self.reader_gone.notified() => Asked::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal as Number, raise};

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn the_end_is_noticed_during_a_start_and_a_hangup_is_kept_for_later() {
        let mut signals = Signals::listen().unwrap();
        assert!(!signals.end_is_asked().await);
        raise(Number::SIGHUP).unwrap();
        while !signals.held {
            assert!(!signals.end_is_asked().await);
        }
        raise(Number::SIGTERM).unwrap();
        while !signals.end_is_asked().await {}
        assert_eq!(signals.next().await, Asked::Reload);
    }
}

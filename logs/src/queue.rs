//! A sink on a thread of its own, behind a queue with a limit: a slow receiver never holds up a device.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

use crate::sink::Sink;

/// Lines that wait at most, where nothing else is asked for.
pub const DEFAULT_LINES: usize = 16_384;

/// Hands lines to a sink that runs elsewhere.
#[derive(Debug)]
pub struct Queue {
    jobs: Option<SyncSender<Job>>,
    counts: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Job {
    Line(Box<[u8]>),
    Reopen(SyncSender<io::Result<()>>),
    Flush(SyncSender<io::Result<()>>),
}

#[derive(Debug, Default)]
struct Shared {
    lines: AtomicU64,
    bytes: AtomicU64,
    dropped: AtomicU64,
    failed: AtomicU64,
}

/// What became of the lines so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Taken by the sink.
    pub lines: u64,
    /// Bytes of these, without framing.
    pub bytes: u64,
    /// Never handed over, because the queue was full.
    pub dropped: u64,
    /// Refused by the sink, or taken and known to be lost.
    pub failed: u64,
}

impl Queue {
    /// Runs `sink` on a new thread named `name`, with room for `limit` waiting lines.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn spawn(name: &str, sink: impl Sink + 'static, limit: usize) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(limit.max(1));
        let counts = Arc::new(Shared::default());
        let shared = Arc::clone(&counts);
        let thread = thread::Builder::new().name(name.into()).spawn(move || run(sink, &waiting, &shared))?;
        Ok(Self { jobs: Some(jobs), counts, thread: Some(thread) })
    }

    /// Hands a line over, or counts it as dropped where there is no room. Never waits.
    pub fn offer(&self, line: &[u8]) {
        let sent = match &self.jobs {
            Some(jobs) => jobs.try_send(Job::Line(line.into())),
            None => Err(TrySendError::Disconnected(Job::Line(Box::default()))),
        };
        if sent.is_err() {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Opens the sink's file again, behind the lines that wait.
    ///
    /// # Errors
    /// As [`Sink::reopen`]; also where the sink's thread is gone.
    pub fn reopen(&self) -> io::Result<()> {
        self.ask(Job::Reopen)
    }

    /// Waits until the lines handed over so far are out.
    ///
    /// # Errors
    /// As [`Sink::flush`]; also where the sink's thread is gone.
    pub fn flush(&self) -> io::Result<()> {
        self.ask(Job::Flush)
    }

    fn ask(&self, job: impl FnOnce(SyncSender<io::Result<()>>) -> Job) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the sink's thread has ended");
        let (answer, answered) = sync_channel(1);
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job(answer)).map_err(|_| gone())?;
        answered.recv().map_err(|_| gone())?
    }

    /// What became of the lines so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            lines: read(&self.counts.lines),
            bytes: read(&self.counts.bytes),
            dropped: read(&self.counts.dropped),
            failed: read(&self.counts.failed),
        }
    }

    /// Lets the sink write what waits, ends its thread and says what became of the lines.
    #[must_use]
    pub fn close(mut self) -> Counts {
        self.end();
        self.counts()
    }

    fn end(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A sink that panicked has printed so; its lines are missing in the counts.
            let _ = thread.join();
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.end();
    }
}

/// Writes until nobody can hand over lines any more; flushes whenever nothing waits.
fn run(mut sink: impl Sink, waiting: &Receiver<Job>, counts: &Shared) {
    let mut lost = 0;
    while let Some(job) = next(&mut sink, waiting, counts) {
        match job {
            Job::Line(line) => match sink.write(&line) {
                Ok(()) => {
                    counts.lines.fetch_add(1, Ordering::Relaxed);
                    counts.bytes.fetch_add(u64::try_from(line.len()).unwrap_or(0), Ordering::Relaxed);
                }
                Err(_) => drop(counts.failed.fetch_add(1, Ordering::Relaxed)),
            },
            // Whoever asked may have gone away.
            Job::Reopen(answer) => drop(answer.send(sink.reopen())),
            Job::Flush(answer) => drop(answer.send(sink.flush())),
        }
        counts.failed.fetch_add(sink.lost() - lost, Ordering::Relaxed);
        lost = sink.lost();
    }
    flush(&mut sink, counts);
}

fn next(sink: &mut impl Sink, waiting: &Receiver<Job>, counts: &Shared) -> Option<Job> {
    if let Ok(job) = waiting.try_recv() {
        return Some(job);
    }
    flush(sink, counts);
    waiting.recv().ok()
}

fn flush(sink: &mut impl Sink, counts: &Shared) {
    if sink.flush().is_err() {
        counts.failed.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// Takes lines only while it is let.
    struct Gate {
        gate: Receiver<()>,
        taken: Arc<Mutex<Vec<Vec<u8>>>>,
    }

    impl Sink for Gate {
        fn write(&mut self, line: &[u8]) -> io::Result<()> {
            self.gate.recv().map_err(io::Error::other)?;
            self.taken.lock().unwrap().push(line.to_vec());
            Ok(())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_beyond_the_limit_are_dropped_and_counted() {
        let (open, gate) = sync_channel(64);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let queue = Queue::spawn("gate", Gate { gate, taken: Arc::clone(&taken) }, 4).unwrap();
        for _ in 0..20 {
            queue.offer(b"line");
        }
        let dropped = queue.counts().dropped;
        assert!((15..=16).contains(&dropped), "the queue holds 4 and the sink 1: {dropped}");
        for _ in 0..20 {
            open.send(()).unwrap();
        }
        queue.flush().unwrap();
        let lines = 20 - dropped;
        assert_eq!(queue.close(), Counts { lines, bytes: 4 * lines, dropped, failed: 0 });
        assert_eq!(u64::try_from(taken.lock().unwrap().len()).unwrap(), lines);
    }

    #[test]
    fn lines_that_the_sink_refuses_are_counted() {
        let (open, gate) = sync_channel(1);
        drop(open);
        let queue = Queue::spawn("gate", Gate { gate, taken: Arc::default() }, 4).unwrap();
        queue.offer(b"line");
        queue.reopen().unwrap();
        assert_eq!(queue.close(), Counts { lines: 0, bytes: 0, dropped: 0, failed: 1 });
    }
}

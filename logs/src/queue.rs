//! A sink on a thread of its own, behind a queue with a limit: a slow receiver never holds up a device.
//!
//! Lines wait in one [`Batch`], framed already; the thread takes the whole of it at once. So a sink that keeps up gets
//! single lines at once, and one that is behind gets many with one write.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::batch::Batch;
use crate::framing::Framing;
use crate::sink::{Sink, Taken};
use crate::stop::Stop;

/// Lines that wait at most, where nothing else is asked for.
pub const DEFAULT_LINES: usize = 16_384;
/// Bytes that wait at most, whatever the number of lines.
pub const MAX_BYTES: usize = 64 << 20;
/// A producer that waits and has many lines to hand over waits from here on, in bytes: what waits stays in the
/// processor's cache, and the sink still gets large writes.
const BULK: usize = 256 << 10;
/// How long a sink may go on after its end was asked for, to hand over what waits.
pub const DRAIN: Duration = Duration::from_secs(5);
/// A sink that looks at its [`Stop`] does so this often at least; only behind that it is left alone.
const GRACE: Duration = Duration::from_secs(1);

/// Hands lines to a sink that runs elsewhere.
#[derive(Debug)]
pub struct Queue {
    shared: Arc<Shared>,
    framing: Option<Framing>,
    limit: usize,
    stop: Option<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// Something waits, or the end was asked for.
    filled: Condvar,
    /// The thread has taken what waited, has nothing to do or has gone, or nobody is to wait any more.
    emptied: Condvar,
    counts: Counters,
    error: Mutex<Option<io::ErrorKind>>,
}

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    orders: Vec<Order>,
    /// Lines that the thread has taken and not done with.
    in_hand: u64,
    /// The thread has nothing to do, and everything is flushed.
    idle: bool,
    /// From then on producers wait no more: what finds no room is dropped.
    released: Option<Instant>,
    /// Nothing is taken any more.
    ended: bool,
    /// The thread has ended.
    gone: bool,
}

/// Lets producers go that wait for room, from another thread.
#[derive(Clone, Debug)]
pub struct Release(Arc<Shared>);

impl Release {
    /// From now on nobody waits for the sink: lines without room are dropped and counted.
    pub fn now(&self) {
        self.at(Instant::now());
    }

    /// The same from that instant on, or from an earlier one that was given before.
    pub fn at(&self, at: Instant) {
        let mut waiting = self.0.lock();
        waiting.released = Some(waiting.released.map_or(at, |known| known.min(at)));
        self.0.emptied.notify_all();
    }
}

#[derive(Debug)]
enum Order {
    Reopen(SyncSender<io::Result<()>>),
    Flush(SyncSender<io::Result<()>>),
}

#[derive(Debug, Default)]
struct Counters {
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
    /// Runs `sink` on a new thread named `name`, with room for `limit` waiting lines beside those that it is at.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn spawn(name: &str, sink: impl Sink + 'static, limit: usize) -> io::Result<Self> {
        let framing = sink.framing();
        let shared = Arc::new(Shared::default());
        shared.lock().batch = Batch::new(framing);
        let stop = sink.stop();
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name(name.into()).spawn(move || run(sink, &of_thread))?;
        Ok(Self { shared, framing, limit: limit.max(1), stop, thread: Some(thread) })
    }

    /// A batch in the framing of the sink, for [`Queue::offer_batch`] and [`Queue::put_batch`].
    #[must_use]
    pub fn batch(&self) -> Batch {
        Batch::new(self.framing)
    }

    /// Hands a line over, or counts it as dropped where there is no room. Never waits.
    pub fn offer(&self, line: &[u8]) {
        self.offer_from(line, None);
    }

    /// As [`Queue::offer`], with the source address of its datagram.
    pub fn offer_from(&self, line: &[u8], source: Option<std::net::Ipv4Addr>) {
        let mut waiting = self.shared.lock();
        if waiting.ended || !self.has_room(&waiting, 1, line.len()) {
            self.shared.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.batch.push_from(line, source);
        self.shared.filled.notify_one();
    }

    /// Hands a line over, and waits until there is room for it: nothing is dropped before [`Release::now`].
    pub fn put(&self, line: &[u8]) {
        let mut waiting = self.room(1, line.len());
        if waiting.ended || !self.has_room(&waiting, 1, line.len()) {
            self.shared.counts.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.batch.push(line);
        self.shared.filled.notify_one();
    }

    /// Hands all lines of `batch` over and empties it; those without room are dropped and counted. Never waits.
    pub fn offer_batch(&self, batch: &mut Batch) {
        let mut waiting = self.shared.lock();
        if !waiting.ended && self.has_room(&waiting, batch.len(), batch.bytes().len()) {
            self.hand_over(&mut waiting, batch);
        } else {
            let mut dropped = 0;
            for (at, line) in (0..).zip(batch.iter()) {
                if !waiting.ended && self.has_room(&waiting, 1, line.len()) {
                    waiting.batch.push_from(line, batch.source(at));
                } else {
                    dropped += 1;
                }
            }
            self.shared.counts.dropped.fetch_add(dropped, Ordering::Relaxed);
        }
        batch.clear();
        self.shared.filled.notify_one();
    }

    /// Hands all lines of `batch` over and empties it; waits until there is room, and does not let much more wait than
    /// one batch. Batches of 64 KiB to 256 KiB are best. After [`Release::now`] as [`Queue::offer_batch`].
    pub fn put_batch(&self, batch: &mut Batch) {
        let mut waiting = self.shared.lock();
        while !waiting.ended
            && !waiting.is_released()
            && (waiting.batch.bytes().len() >= BULK
                || !self.has_room(&waiting, batch.len(), batch.bytes().len()))
        {
            waiting = self.shared.wait(waiting);
        }
        if waiting.ended || waiting.is_released() {
            drop(waiting);
            return self.offer_batch(batch);
        }
        self.hand_over(&mut waiting, batch);
        batch.clear();
        self.shared.filled.notify_one();
    }

    /// Swaps the buffers where nothing waits, so that no byte is copied.
    fn hand_over(&self, waiting: &mut Waiting, batch: &mut Batch) {
        if waiting.batch.is_empty() && batch.framing() == self.framing {
            std::mem::swap(&mut waiting.batch, batch);
        } else {
            waiting.batch.append(batch);
        }
    }

    fn has_room(&self, waiting: &Waiting, lines: usize, bytes: usize) -> bool {
        waiting.batch.is_empty()
            || (waiting.batch.len() + lines <= self.limit && waiting.batch.bytes().len() + bytes <= MAX_BYTES)
    }

    fn room(&self, lines: usize, bytes: usize) -> MutexGuard<'_, Waiting> {
        let mut waiting = self.shared.lock();
        while !waiting.ended && !waiting.is_released() && !self.has_room(&waiting, lines, bytes) {
            waiting = self.shared.wait(waiting);
        }
        waiting
    }

    /// Opens the sink's file again, behind the lines that wait.
    ///
    /// # Errors
    /// As [`Sink::reopen`]; also where the sink's thread is gone.
    pub fn reopen(&self) -> io::Result<()> {
        self.ask(Order::Reopen)
    }

    /// Waits until the lines handed over so far are out.
    ///
    /// # Errors
    /// As [`Sink::flush`]; also where the sink's thread is gone.
    pub fn flush(&self) -> io::Result<()> {
        self.ask(Order::Flush)
    }

    /// Waits, however long it takes, until everything handed over so far is out; says whether it is. It is not where
    /// [`Release::now`] came first, or where the thread is gone.
    #[must_use]
    pub fn settle(&self) -> bool {
        let mut waiting = self.shared.lock();
        loop {
            if waiting.idle && waiting.batch.is_empty() {
                return true;
            }
            if waiting.is_released() || waiting.gone {
                return false;
            }
            waiting = self.shared.wait(waiting);
        }
    }

    /// What lets producers go that wait for this sink.
    #[must_use]
    pub fn release(&self) -> Release {
        Release(Arc::clone(&self.shared))
    }

    /// Whether producers wait no more ([`Release::now`]).
    #[must_use]
    pub fn is_released(&self) -> bool {
        self.shared.lock().is_released()
    }

    fn ask(&self, order: impl FnOnce(SyncSender<io::Result<()>>) -> Order) -> io::Result<()> {
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the sink's thread has ended");
        let (answer, answered) = sync_channel(1);
        let mut waiting = self.shared.lock();
        if waiting.ended {
            return Err(gone());
        }
        waiting.orders.push(order(answer));
        self.shared.filled.notify_one();
        drop(waiting);
        answered.recv().map_err(|_| gone())?
    }

    /// What became of the lines so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.shared.counts;
        Counts {
            lines: read(&counts.lines),
            bytes: read(&counts.bytes),
            dropped: read(&counts.dropped),
            failed: read(&counts.failed),
        }
    }

    /// What kind of error the sink last met, such as [`io::ErrorKind::BrokenPipe`] where the reader of standard output
    /// has gone.
    #[must_use]
    pub fn error(&self) -> Option<io::ErrorKind> {
        *self.shared.error.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes nothing more, and lets the sink write what waits until that instant; does not wait for it.
    pub fn end_by(&self, until: Instant) {
        if let Some(stop) = &self.stop {
            stop.at(until);
        }
        self.shared.end();
    }

    /// Lets the sink write what waits, ends its thread and says what became of the lines. A sink whose receiver takes
    /// nothing has [`DRAIN`] for that.
    #[must_use]
    pub fn close(self) -> Counts {
        self.close_within(DRAIN)
    }

    /// As [`Queue::close`], with another limit.
    #[must_use]
    pub fn close_within(self, limit: Duration) -> Counts {
        self.close_by(Instant::now() + limit)
    }

    /// As [`Queue::close`], with an instant as its limit. A sink that hangs beyond it, in a system call that nobody can
    /// end, is left alone; the lines that it was at count as failed, though some of them may be out.
    #[must_use]
    pub fn close_by(mut self, until: Instant) -> Counts {
        self.end(until);
        let waiting = self.shared.lock();
        let left = u64::try_from(waiting.batch.len()).unwrap_or(u64::MAX).saturating_add(waiting.in_hand);
        let counts = self.counts();
        Counts { failed: counts.failed.saturating_add(left), ..counts }
    }

    fn end(&mut self, until: Instant) {
        self.end_by(until);
        let Some(thread) = self.thread.take() else { return };
        let until = if self.stop.is_some() { until + GRACE } else { until };
        let mut waiting = self.shared.lock();
        while !waiting.gone {
            let rest = until.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return;
            }
            let woken = self.shared.emptied.wait_timeout(waiting, rest);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(waiting);
        // A sink that panicked has printed so.
        let _ = thread.join();
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end(Instant::now() + DRAIN);
        }
    }
}

impl Waiting {
    fn is_released(&self) -> bool {
        self.released.is_some_and(|at| at <= Instant::now())
    }
}

impl Shared {
    /// Waits for the thread, or until nobody is to wait any more.
    fn wait<'a>(&self, waiting: MutexGuard<'a, Waiting>) -> MutexGuard<'a, Waiting> {
        match waiting.released {
            None => self.emptied.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            Some(at) => {
                let rest = at.saturating_duration_since(Instant::now());
                self.emptied.wait_timeout(waiting, rest).unwrap_or_else(PoisonError::into_inner).0
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) {
        self.lock().ended = true;
        self.filled.notify_all();
        self.emptied.notify_all();
    }

    fn note(&self, error: &io::Error) {
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.kind());
    }
}

/// Nobody must wait for a thread that is gone, even where it panicked.
struct AtEnd<'a>(&'a Shared);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.end();
        let mut waiting = self.0.lock();
        waiting.orders.clear();
        waiting.gone = true;
        self.0.emptied.notify_all();
    }
}

/// Writes until nobody can hand over lines any more; flushes whenever nothing waits.
fn run(sink: impl Sink, shared: &Shared) {
    let at_end = AtEnd(shared);
    let batch = Batch::new(sink.framing());
    let mut worker = Worker { sink, shared, batch, lost: 0, clean: true };
    loop {
        let (orders, ended) = worker.next();
        let wrote = !worker.batch.is_empty();
        if wrote {
            worker.write();
        }
        let idle = orders.is_empty();
        for order in orders {
            worker.obey(order);
        }
        if ended && !wrote && idle {
            break;
        }
    }
    if let Err(error) = worker.sink.finish() {
        shared.note(&error);
    }
    worker.count_lost();
    drop(at_end);
}

/// What the thread works with.
struct Worker<'a, S> {
    sink: S,
    shared: &'a Shared,
    batch: Batch,
    /// Lines that the sink had lost when it was asked last.
    lost: u64,
    /// Nothing has been written since the last flush.
    clean: bool,
}

impl<S: Sink> Worker<'_, S> {
    /// Takes what waits into its batch; waits for it where there is nothing, with everything flushed.
    fn next(&mut self) -> (Vec<Order>, bool) {
        let shared = self.shared;
        let mut waiting = shared.lock();
        loop {
            if !waiting.batch.is_empty() || !waiting.orders.is_empty() || waiting.ended {
                std::mem::swap(&mut waiting.batch, &mut self.batch);
                waiting.in_hand = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
                waiting.idle = false;
                shared.emptied.notify_all();
                return (std::mem::take(&mut waiting.orders), waiting.ended);
            }
            if self.clean {
                if !waiting.idle {
                    waiting.idle = true;
                    shared.emptied.notify_all();
                }
                waiting = shared.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            } else {
                drop(waiting);
                self.clean = true;
                if let Err(error) = self.sink.flush() {
                    shared.note(&error);
                }
                self.count_lost();
                waiting = shared.lock();
            }
        }
    }

    /// Writes its batch. Lines are in hand or counted, never both: whoever leaves a thread that hangs counts exactly.
    fn write(&mut self) {
        self.clean = false;
        let Taken { lines, bytes, error } = self.sink.write_batch(&self.batch);
        let all = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
        let counts = &self.shared.counts;
        let mut waiting = self.shared.lock();
        counts.lines.fetch_add(lines, Ordering::Relaxed);
        counts.bytes.fetch_add(bytes, Ordering::Relaxed);
        counts.failed.fetch_add(all.saturating_sub(lines), Ordering::Relaxed);
        waiting.in_hand = 0;
        drop(waiting);
        if let Some(error) = error {
            self.shared.note(&error);
        }
        self.batch.clear();
        self.count_lost();
    }

    fn obey(&mut self, order: Order) {
        // Whoever asked may have gone away.
        match order {
            Order::Reopen(answer) => drop(answer.send(self.sink.reopen())),
            Order::Flush(answer) => {
                self.clean = true;
                let flushed = self.sink.flush();
                self.count_lost();
                drop(answer.send(flushed));
            }
        }
        self.count_lost();
    }

    /// Lines that the sink had taken, and now knows to be lost.
    fn count_lost(&mut self) {
        let now = self.sink.lost();
        let before = std::mem::replace(&mut self.lost, now);
        self.shared.counts.failed.fetch_add(now.saturating_sub(before), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::Receiver;

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

    /// Lines that the sink behind the gate has taken.
    type Taken = Arc<Mutex<Vec<Vec<u8>>>>;

    fn gated(limit: usize) -> (SyncSender<()>, Taken, Queue) {
        let (open, gate) = sync_channel(64);
        let taken = Arc::new(Mutex::new(Vec::new()));
        let queue = Queue::spawn("gate", Gate { gate, taken: Arc::clone(&taken) }, limit).unwrap();
        (open, taken, queue)
    }

    #[test]
    fn lines_beyond_the_limit_are_dropped_and_counted() {
        let (open, taken, queue) = gated(4);
        for _ in 0..20 {
            queue.offer(b"line");
        }
        let dropped = queue.counts().dropped;
        assert!((12..=16).contains(&dropped), "4 wait, and the sink is at 1 to 4: {dropped}");
        for _ in 0..20 {
            open.send(()).unwrap();
        }
        queue.flush().unwrap();
        let lines = 20 - dropped;
        assert_eq!(queue.close(), Counts { lines, bytes: 4 * lines, dropped, failed: 0 });
        assert_eq!(u64::try_from(taken.lock().unwrap().len()).unwrap(), lines);
    }

    #[test]
    fn a_producer_that_must_lose_nothing_waits() {
        let (open, taken, queue) = gated(4);
        let lines: Vec<Vec<u8>> = (0..60).map(|number: u8| vec![number]).collect();
        thread::scope(|scope| {
            scope.spawn(|| {
                for (number, line) in lines.iter().enumerate() {
                    if number % 20 == 0 {
                        let mut batch = queue.batch();
                        batch.push(line);
                        queue.put_batch(&mut batch);
                        assert!(batch.is_empty());
                    } else {
                        queue.put(line);
                    }
                }
            });
            for _ in 0..60 {
                open.send(()).unwrap();
            }
        });
        assert_eq!(queue.close(), Counts { lines: 60, bytes: 60, dropped: 0, failed: 0 });
        assert_eq!(*taken.lock().unwrap(), lines, "in order");
    }

    #[test]
    fn of_a_batch_without_room_the_rest_is_dropped() {
        let (open, _, queue) = gated(4);
        queue.offer(b"first");
        let mut batch = queue.batch();
        (0..9).for_each(|_| batch.push(b"line"));
        queue.offer_batch(&mut batch);
        for _ in 0..20 {
            open.send(()).unwrap();
        }
        let counts = queue.close();
        assert_eq!(counts.lines + counts.dropped, 10);
        // Where the thread had taken the first line already, nothing waited, and a whole batch always fits then.
        assert!([0, 6].contains(&counts.dropped), "{counts:?}");
    }

    #[test]
    fn lines_that_the_sink_refuses_are_counted() {
        let (open, _, queue) = gated(4);
        drop(open);
        queue.offer(b"line");
        queue.reopen().unwrap();
        assert_eq!(queue.error(), Some(io::ErrorKind::Other));
        assert_eq!(queue.close(), Counts { lines: 0, bytes: 0, dropped: 0, failed: 1 });
    }

    #[test]
    fn a_sink_that_hangs_is_left_at_the_limit_and_its_lines_count_as_failed() {
        let (open, _, queue) = gated(4);
        (0..3).for_each(|_| queue.offer(b"line"));
        let counts = queue.close_within(Duration::ZERO);
        assert_eq!(counts, Counts { lines: 0, bytes: 0, dropped: 0, failed: 3 });
        drop(open);
    }

    #[test]
    fn a_producer_that_waits_is_let_go_and_so_is_who_waits_for_the_end() {
        let (open, _, queue) = gated(1);
        let release = queue.release();
        thread::scope(|scope| {
            let producer = scope.spawn(|| {
                (0..3).for_each(|_| queue.put(b"line"));
                let mut batch = queue.batch();
                (0..3).for_each(|_| batch.push(b"line"));
                queue.put_batch(&mut batch);
                queue.settle()
            });
            release.now();
            assert!(!producer.join().unwrap());
        });
        let counts = queue.close_within(Duration::ZERO);
        assert_eq!((counts.lines, counts.dropped + counts.failed), (0, 6));
        drop(open);
    }

    #[test]
    fn who_waits_for_the_end_has_everything_out() {
        let (open, taken, queue) = gated(4);
        queue.offer(b"line");
        open.send(()).unwrap();
        assert!(queue.settle());
        assert_eq!(taken.lock().unwrap().len(), 1);
    }
}

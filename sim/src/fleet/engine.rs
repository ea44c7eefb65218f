//! Shards on threads, and their lines merged into one order.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use slpsim_logs::Options;
use slpsim_policy::Wall;

use super::cast::{Cast, Companions};
use super::line::{Key, Record};
use super::population::Population;
use super::print::{KINDS, Printer, Text};
use super::shard::Shard;
use super::weather::Opened;

/// Lines of one batch at most, so that an hour of a storm is never in memory as text.
const BATCH: usize = 16_384;
/// Batches of a shard that wait to be merged.
const WAITING: usize = 3;

/// What a fleet is.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Who is in it.
    pub population: Population,
    /// Decides everything that is random.
    pub seed: u64,
    /// How many devices, over all parts.
    pub devices: u32,
    /// True time at 0 ms.
    pub start: Wall,
    /// Which part of the fleet this one is, from 1, and of how many.
    pub part: (u32, u32),
    /// Threads.
    pub threads: u16,
    /// Length of an epoch in milliseconds; lines do not depend on it.
    pub epoch_ms: u64,
    /// The forms in which lines are printed; the digest is that of the first one.
    pub forms: Vec<Options>,
    /// Lines are handed over; otherwise they are only counted and hashed.
    pub deliver: bool,
    /// This share of lines is spoiled on purpose.
    pub corrupt: f64,
    /// Other messages than those of the licensing agent.
    pub companions: Companions,
}

/// What a fleet did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Timers that ran, exchanges that ended and things that happened.
    pub events: u64,
    /// Lines.
    pub lines: u64,
    /// Their bytes in the first form, without newlines.
    pub bytes: u64,
    /// Lines that were spoiled.
    pub corrupted: u64,
    /// Lines that are not of the licensing agent.
    pub companions: u64,
    /// Lines by message, in the order of the catalogue.
    pub messages: [u64; KINDS],
    /// Sum modulo 2^64 of the XXH3-64 of each line in the first form: the digests of shards add up to that of the whole.
    pub digest: u64,
}

impl Totals {
    /// Counts one line of a batch; for a caller that does not take all of them.
    pub fn count(&mut self, record: &Record, batch: &Batch, at: usize) {
        self.lines += 1;
        self.bytes += batch.texts.first().map_or(0, |text| u64::try_from(text.line(at).len()).unwrap_or(0));
        self.digest = self.digest.wrapping_add(batch.hashes.get(at).copied().unwrap_or(0));
        let spoiled = u32::try_from(at).is_ok_and(|at| batch.spoiled.binary_search(&at).is_ok());
        self.corrupted += u64::from(spoiled);
        self.count_kind(record);
    }

    pub(crate) fn count_kind(&mut self, record: &Record) {
        match record.kind() {
            Some(kind) => {
                if let Some(count) = self.messages.get_mut(kind as usize) {
                    *count += 1;
                }
            }
            None => self.companions += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.corrupted += other.corrupted;
        self.companions += other.companions;
        self.digest = self.digest.wrapping_add(other.digest);
        for (sum, one) in self.messages.iter_mut().zip(other.messages) {
            *sum += one;
        }
    }
}

/// Some lines of one shard, in order.
#[derive(Debug, Default)]
pub struct Batch {
    /// What they are.
    pub records: Vec<Record>,
    /// How they look, by form.
    pub texts: Vec<Text>,
    /// The XXH3-64 of each in the first form.
    pub hashes: Vec<u64>,
    /// Which of them were spoiled, in order.
    pub spoiled: Vec<u32>,
}

/// The caller wants no more lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;

/// Why a fleet cannot go on: a bug of ours, or no memory.
#[derive(Debug, thiserror::Error)]
#[error("a thread of the fleet has ended by itself")]
pub struct Broken;

enum Order {
    Run { to_ms: u64 },
    Restep { step_ms: u64 },
    Open(Opened),
    Close(u32),
    Add { cast: Arc<Cast>, count: u32 },
    Remove(u32),
}

enum News {
    Lines(Batch),
    /// The epoch is over; what the shard did in it.
    Epoch(Totals),
}

/// One shard on a thread of its own.
#[derive(Debug)]
struct Worker {
    first: u32,
    count: u32,
    orders: Option<SyncSender<Order>>,
    news: Receiver<News>,
    /// Empty batches go back.
    used: SyncSender<Batch>,
    thread: Option<JoinHandle<()>>,
}

/// A running fleet.
#[derive(Debug)]
pub struct Fleet {
    cast: Arc<Cast>,
    workers: Vec<Worker>,
    totals: Totals,
    epoch_ms: u64,
    now_ms: u64,
    /// The next epoch has been ordered already.
    ahead: bool,
    /// Where the last run was to end.
    to_ms: u64,
    /// Devices that were taken out.
    removed: HashSet<u32>,
}

impl Fleet {
    /// Builds the devices, on all threads.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn new(spec: Spec) -> std::io::Result<Self> {
        let (first, count) = part(spec.devices, spec.part);
        let cast = Cast::new(spec.population.clone(), spec.seed, spec.devices);
        let cast = Arc::new(cast.with_companions(spec.companions));
        let threads = u32::from(spec.threads.max(1)).min(count.max(1));
        let mut workers = Vec::new();
        for n in 1..=threads {
            let (within, count) = part(count, (n, threads));
            workers.push(Worker::spawn(&spec, &cast, first + within, count)?);
        }
        Ok(Self {
            cast,
            workers,
            totals: Totals::default(),
            epoch_ms: spec.epoch_ms.max(1),
            now_ms: 0,
            ahead: false,
            to_ms: 0,
            removed: HashSet::new(),
        })
    }

    /// Who is in it.
    #[must_use]
    pub fn cast(&self) -> &Cast {
        &self.cast
    }

    /// What it did so far.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How far it has run, in milliseconds since the start.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// From when on a change takes effect: up to here everything has been computed, or is being computed.
    #[must_use]
    pub fn changes_from_ms(&self) -> u64 {
        if self.ahead { self.end_of_epoch(self.to_ms) } else { self.now_ms }
    }

    /// How many devices it has.
    #[must_use]
    pub fn devices(&self) -> u32 {
        self.workers.iter().map(|worker| worker.count).sum()
    }

    /// Runs up to `to_ms` and hands each line to `take`, in total order; `epoch` is called at the end of each epoch with
    /// the time and the totals so far. Either ends the run early with [`Stop`]; where `epoch` did, the fleet can run on, to
    /// the same `to_ms`. What is changed in between takes effect an epoch later: the next one has been computed already.
    ///
    /// # Errors
    /// [`Broken`] where a thread is gone.
    pub fn run(
        &mut self,
        to_ms: u64,
        take: &mut dyn FnMut(&Record, &Batch, usize) -> Result<(), Stop>,
        epoch: &mut dyn FnMut(u64, &Totals) -> Result<(), Stop>,
    ) -> Result<Result<(), Stop>, Broken> {
        if self.now_ms >= to_ms {
            return Ok(Ok(()));
        }
        self.to_ms = to_ms;
        if !std::mem::take(&mut self.ahead) {
            self.order_all(|| Order::Run { to_ms })?;
        }
        loop {
            let end = self.end_of_epoch(to_ms);
            self.ahead = end < to_ms;
            if self.ahead {
                // The next epoch is computed while this one is written.
                self.order_all(|| Order::Run { to_ms })?;
            }
            let taken = self.merge(take)?;
            self.now_ms = end;
            let go_on = taken.and_then(|()| epoch(end, &self.totals));
            if go_on.is_err() || end >= to_ms {
                return Ok(go_on);
            }
        }
    }

    fn end_of_epoch(&self, to_ms: u64) -> u64 {
        ((self.now_ms / self.epoch_ms + 1).saturating_mul(self.epoch_ms)).min(to_ms)
    }

    fn order_all(&self, order: impl Fn() -> Order) -> Result<(), Broken> {
        self.workers.iter().try_for_each(|worker| worker.order(order()))
    }

    /// Merges the lines of one epoch of all shards.
    fn merge(
        &mut self,
        take: &mut dyn FnMut(&Record, &Batch, usize) -> Result<(), Stop>,
    ) -> Result<Result<(), Stop>, Broken> {
        let mut heads: Vec<Head> = Vec::new();
        for worker in 0..self.workers.len() {
            heads.extend(self.next_batch(worker)?);
        }
        let mut wanted = Ok(());
        // Few shards: the smallest head is found by looking at each.
        while let Some(least) = (0..heads.len()).min_by_key(|at| heads[*at].key()) {
            let bound = (0..heads.len()).filter(|at| *at != least).filter_map(|at| heads[at].key()).min();
            let head = &mut heads[least];
            while let Some(record) = head.batch.records.get(head.at) {
                if bound.is_some_and(|bound| record.key > bound) {
                    break;
                }
                if wanted.is_ok() {
                    wanted = take(record, &head.batch, head.at);
                }
                head.at += 1;
            }
            if head.at >= head.batch.records.len() {
                let used = heads.swap_remove(least);
                // Where nobody waits for it, it is thrown away.
                let _ = self.workers[used.worker].used.try_send(used.batch);
                heads.extend(self.next_batch(used.worker)?);
            }
        }
        Ok(wanted)
    }

    /// The next batch of a shard within its epoch; none at the epoch's end.
    fn next_batch(&mut self, worker: usize) -> Result<Option<Head>, Broken> {
        match self.workers[worker].news.recv().map_err(|_| Broken)? {
            News::Lines(batch) => Ok(Some(Head { worker, batch, at: 0 })),
            News::Epoch(totals) => {
                self.totals.add(&totals);
                Ok(None)
            }
        }
    }

    /// Epochs have this length from now on. Only between two runs.
    ///
    /// # Errors
    /// [`Broken`] where a thread is gone.
    pub fn set_epoch(&mut self, epoch_ms: u64) -> Result<(), Broken> {
        self.epoch_ms = epoch_ms.max(1);
        self.order_all(|| Order::Restep { step_ms: epoch_ms })
    }

    /// Opens an outage.
    ///
    /// # Errors
    /// [`Broken`] where a thread is gone.
    pub fn open(&self, outage: Opened) -> Result<(), Broken> {
        self.order_all(|| Order::Open(outage))
    }

    /// Ends an outage that was opened, at [`Fleet::changes_from_ms`].
    ///
    /// # Errors
    /// [`Broken`] where a thread is gone.
    pub fn close(&self, id: u32) -> Result<(), Broken> {
        self.order_all(|| Order::Close(id))
    }

    /// Adds devices with the next numbers; they boot as the population says, but not before now.
    ///
    /// # Errors
    /// [`Broken`] where a thread is gone.
    pub fn add(&mut self, count: u32) -> Result<(), Broken> {
        let from_ms = self.changes_from_ms();
        let Some(last) = self.workers.last_mut() else { return Err(Broken) };
        let mut cast = (*self.cast).clone();
        cast.join(last.first + last.count, from_ms);
        cast.reach(last.first + last.count + count);
        self.cast = Arc::new(cast);
        last.count += count;
        last.order(Order::Add { cast: Arc::clone(&self.cast), count })
    }

    /// Takes a device out: it says nothing any more. `false` where there is none of that number, or none any more.
    ///
    /// # Errors
    /// [`Broken`] where a thread is gone.
    pub fn remove(&mut self, device: u32) -> Result<bool, Broken> {
        let of = |worker: &&Worker| (worker.first..worker.first + worker.count).contains(&device);
        match self.workers.iter().find(of) {
            Some(worker) if self.removed.insert(device) => worker.order(Order::Remove(device)).map(|()| true),
            Some(_) | None => Ok(false),
        }
    }
}

/// The devices of the `n`-th of `parts` parts: the first one, and how many.
#[must_use]
pub fn part(devices: u32, (n, parts): (u32, u32)) -> (u32, u32) {
    let at = |n: u32| u64::from(devices) * u64::from(n) / u64::from(parts.max(1));
    let (first, end) = (at(n.saturating_sub(1)), at(n));
    (u32::try_from(first).unwrap_or(0), u32::try_from(end - first).unwrap_or(0))
}

/// Where the merge stands in the lines of a shard.
struct Head {
    worker: usize,
    batch: Batch,
    at: usize,
}

impl Head {
    fn key(&self) -> Option<Key> {
        self.batch.records.get(self.at).map(|record| record.key)
    }
}

impl Worker {
    fn spawn(spec: &Spec, cast: &Arc<Cast>, first: u32, count: u32) -> std::io::Result<Self> {
        let (orders, ordered) = sync_channel(16);
        let (told, news) = sync_channel(WAITING);
        let (used, empty) = sync_channel(WAITING + 1);
        let printer = Printer::new(spec.forms.clone(), spec.start, spec.corrupt);
        let (start, epoch_ms, deliver) = (spec.start, spec.epoch_ms, spec.deliver);
        let cast = Arc::clone(cast);
        let thread = thread::Builder::new().name("fleet".into()).spawn(move || {
            let shard = Shard::new(&cast, start, first, count, epoch_ms);
            Desk { cast, shard, printer, records: Vec::new(), deliver, told, empty, counted: 0 }
                .work(&ordered);
        })?;
        Ok(Self { first, count, orders: Some(orders), news, used, thread: Some(thread) })
    }

    fn order(&self, order: Order) -> Result<(), Broken> {
        self.orders.as_ref().ok_or(Broken)?.send(order).map_err(|_| Broken)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.orders = None;
        // Whoever waits to hand over lines is let go.
        let (_, nothing) = sync_channel(0);
        self.news = nothing;
        if let Some(thread) = self.thread.take() {
            // Where it panicked, it has said so.
            let _ = thread.join();
        }
    }
}

/// What a shard's thread works with.
struct Desk {
    cast: Arc<Cast>,
    shard: Shard,
    printer: Printer,
    records: Vec<Record>,
    deliver: bool,
    told: SyncSender<News>,
    empty: Receiver<Batch>,
    /// Events that have been told.
    counted: u64,
}

impl Desk {
    /// Until nobody gives orders, or takes lines, any more.
    fn work(mut self, ordered: &Receiver<Order>) {
        while let Ok(order) = ordered.recv() {
            match order {
                Order::Run { to_ms } => {
                    if self.epoch(to_ms).is_err() {
                        return;
                    }
                }
                Order::Restep { step_ms } => self.shard.restep(step_ms),
                Order::Open(outage) => self.shard.open(outage),
                Order::Close(id) => self.shard.close(id),
                Order::Add { cast, count } => {
                    self.cast = cast;
                    for _ in 0..count {
                        self.shard.add(&self.cast);
                    }
                }
                Order::Remove(device) => drop(self.shard.remove(device)),
            }
        }
    }

    fn epoch(&mut self, to_ms: u64) -> Result<(), Stop> {
        self.records.clear();
        self.shard.run(&self.cast, to_ms, &mut self.records);
        let mut totals = Totals { events: self.shard.events - self.counted, ..Totals::default() };
        self.counted = self.shard.events;
        let records = std::mem::take(&mut self.records);
        let mut spare = Batch::default();
        for chunk in records.chunks(BATCH) {
            if self.deliver {
                let mut batch = self.empty.try_recv().unwrap_or_default();
                self.printer.print(&self.cast, chunk, &mut batch, &mut totals);
                batch.records.clear();
                batch.records.extend_from_slice(chunk);
                self.told.send(News::Lines(batch)).map_err(|_| Stop)?;
            } else {
                self.printer.print(&self.cast, chunk, &mut spare, &mut totals);
            }
        }
        self.records = records;
        self.told.send(News::Epoch(totals)).map_err(|_| Stop)
    }
}

//! Takes what the rules have changed in memory to the store, and knows when it is there.
//!
//! Whoever changes something ([`Keeper::with`]) goes on at once; before its answer leaves it waits ([`Keeper::settle`])
//! until the change is durable. A thread of its own writes: everything that changed while one transaction was under way
//! goes into the next one, so that many exchanges share one commit.
//!
//! Behind a store that other processes write as well, changes are made between `begin` and `commit` only. Whoever wants to
//! make one waits until the thread has begun and has taken what the others have changed since.
//!
//! After any error memory may be ahead of the store. Then everybody who was under way is told so and nobody is answered,
//! until all records were loaded anew: nothing is ever half there.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::backend::{Backend, Pulled, Vault};
use super::watch::{Boundary, Watched};
use super::{Latency, StoreError, Wanted, open};
use crate::cssm::Cssm;
use crate::keeping::Restoring;

/// How long the thread waits between tries to load a store that was in trouble.
const AGAIN: Duration = Duration::from_millis(100);
/// How long it waits for those who want to change something while others are kept out. They never wait themselves.
const CHANGING: Duration = Duration::from_secs(1);
/// How long the thread lets changes come together, where as many as that waited for the transaction before.
const GATHER: Duration = Duration::from_millis(1);
const SEVERAL: usize = 3;
/// How long the end waits for the last transaction; a daemon has two seconds (`interface.md` §1).
const ENDING: Duration = Duration::from_millis(1200);

/// The mock, and what keeps its records.
#[derive(Debug)]
pub(in crate::server) struct Keeper {
    inner: Arc<Inner>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The state of the store when somebody came in; [`Keeper::settle`] takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Entered {
    generation: u64,
}

#[derive(Debug)]
struct Inner {
    kind: Kind,
    state: Mutex<State>,
    /// For those who want to change something: others are kept out now, or the store is in trouble.
    opened: Condvar,
    /// For the thread: there is something to do.
    work: Condvar,
    /// For the thread: the end is asked for.
    ended: Condvar,
    /// How long transactions take.
    latency: Latency,
    watched: Watched,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// There is no store.
    Memory,
    /// Nobody else changes it.
    Own,
    /// Others change it as well.
    Shared,
}

type Told = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct State {
    cssm: Cssm,
    /// Others are kept out.
    is_open: bool,
    /// How many want to change something.
    waiting: usize,
    /// Those who want to see what others have changed.
    lookers: Vec<Told>,
    /// Counts changes.
    changed: u64,
    /// The last change that is durable.
    durable: u64,
    /// Those who wait until a change is durable.
    settlers: Vec<(u64, Told)>,
    /// Counts how often memory got ahead of the store.
    generation: u64,
    /// Why nothing goes on.
    trouble: Option<StoreError>,
    /// The last trouble.
    last: Option<StoreError>,
    /// Somebody asks for a store that is in trouble.
    asked: bool,
    ending: bool,
    /// The store is closed.
    ended: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").field("trouble", &self.trouble).finish_non_exhaustive()
    }
}

impl Keeper {
    /// A mock whose records live as long as the process.
    pub(in crate::server) fn memory(cssm: Cssm) -> Self {
        let inner = Inner::new(Kind::Memory, cssm, Watched::default());
        Self { inner: Arc::new(inner), thread: Mutex::new(None) }
    }

    /// Opens a store, has `cssm` take what it holds, and calls `begin` before anything else happens. Waits for all of
    /// that.
    pub(in crate::server) fn open<T: Send + 'static, E: From<StoreError> + Send + 'static>(
        wanted: Wanted,
        cssm: Cssm,
        begin: impl FnOnce(&mut Cssm, &mut dyn Vault) -> Result<T, E> + Send + 'static,
    ) -> Result<(Self, T), E> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        let work = move || {
            let watched = Watched(wanted.watch);
            let opened = open(&wanted.choice, watched.clone()).map_err(E::from);
            let started = opened.and_then(|mut backend| {
                let mut cssm = cssm;
                let done = first(&mut *backend, &mut cssm, begin)?;
                watched.at(Boundary::Durable);
                Ok((backend, cssm, done))
            });
            match started {
                Err(error) => drop(tell.send(Err(error))),
                Ok((backend, cssm, done)) => {
                    let kind = if backend.is_shared() { Kind::Shared } else { Kind::Own };
                    let inner = Arc::new(Inner::new(kind, cssm, watched));
                    if tell.send(Ok((Arc::clone(&inner), done))).is_ok() {
                        run(&inner, backend);
                    }
                    inner.lock().ended = true;
                    inner.opened.notify_all();
                }
            }
        };
        let thread = std::thread::Builder::new().name("slpsim-store".into()).spawn(work);
        let thread = thread.map_err(|error| no_thread(&error))?;
        let (inner, done) = told.recv().map_err(|_| StoreError::Ended)??;
        Ok((Self { inner, thread: Mutex::new(Some(thread)) }, done))
    }

    /// Whether other processes change the records as well, so that [`Keeper::with`] waits for them.
    pub(in crate::server) fn is_shared(&self) -> bool {
        self.inner.kind == Kind::Shared
    }

    /// Reads and changes records. Behind a shared store this waits until others are kept out.
    pub(in crate::server) fn with<T>(&self, act: impl FnOnce(&mut Cssm) -> T) -> T {
        let mut state = self.inner.lock();
        if self.inner.kind == Kind::Shared {
            state = self.inner.wait_until_open(state);
        }
        // A panic in here leaves records that are whole: changes are committed last.
        let done = act(&mut state.cssm);
        if self.inner.kind != Kind::Memory && state.cssm.has_news() {
            state.changed += 1;
            self.inner.work.notify_one();
        }
        done
    }

    /// Reads records, and changes what is this process's own: history and keys. Behind a shared store the records may be
    /// a moment old. Never waits.
    pub(in crate::server) fn local<T>(&self, act: impl FnOnce(&mut Cssm) -> T) -> T {
        act(&mut self.inner.lock().cssm)
    }

    /// To be called before something that shall be durable.
    pub(in crate::server) fn enter(&self) -> Result<Entered, StoreError> {
        let mut state = self.inner.lock();
        match state.trouble.clone() {
            None => Ok(Entered { generation: state.generation }),
            Some(trouble) => {
                state.asked = true;
                self.inner.work.notify_one();
                Err(trouble)
            }
        }
    }

    /// Returns when everything is durable that was changed since [`Keeper::enter`].
    pub(in crate::server) async fn settle(&self, entered: Entered) -> Result<(), StoreError> {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.when_settled(entered, Box::new(|outcome| drop(tell.send(outcome))));
        told.await.unwrap_or(Err(StoreError::Ended))
    }

    /// The same for a thread that may wait.
    pub(in crate::server) fn settle_blocking(&self, entered: Entered) -> Result<(), StoreError> {
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.when_settled(entered, Box::new(move |outcome| drop(tell.send(outcome))));
        told.recv().unwrap_or(Err(StoreError::Ended))
    }

    fn when_settled(&self, entered: Entered, told: Told) {
        let mut state = self.inner.lock();
        let outcome = match (&state.trouble, state.generation == entered.generation) {
            (Some(trouble), _) => Err(trouble.clone()),
            (None, false) => Err(state.last.clone().unwrap_or(StoreError::Ended)),
            (None, true) => Ok(()),
        };
        if outcome.is_ok() && self.inner.kind != Kind::Memory && state.durable < state.changed {
            let change = state.changed;
            state.settlers.push((change, told));
            return;
        }
        drop(state);
        told(outcome);
    }

    /// Returns when the records have what others have changed before this call.
    pub(in crate::server) async fn look(&self) -> Result<(), StoreError> {
        let (tell, told) = tokio::sync::oneshot::channel();
        self.when_seen(Box::new(|outcome| drop(tell.send(outcome))));
        told.await.unwrap_or(Err(StoreError::Ended))
    }

    /// The same for a thread that may wait.
    pub(in crate::server) fn look_blocking(&self) -> Result<(), StoreError> {
        if self.inner.kind != Kind::Shared {
            return Ok(());
        }
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.when_seen(Box::new(move |outcome| drop(tell.send(outcome))));
        told.recv().unwrap_or(Err(StoreError::Ended))
    }

    fn when_seen(&self, told: Told) {
        let mut state = self.inner.lock();
        let outcome = state.trouble.clone().map_or(Ok(()), Err);
        if outcome.is_err() {
            state.asked = true;
        } else if self.inner.kind == Kind::Shared {
            state.lookers.push(told);
            self.inner.work.notify_one();
            return;
        }
        self.inner.work.notify_one();
        drop(state);
        told(outcome);
    }

    /// What is the matter with the store, as far as is known. Whoever asks has it tried again, for this may be all that
    /// is asked: who watches over a mock sends no work to one that is in trouble.
    pub(in crate::server) fn trouble(&self) -> Option<StoreError> {
        let mut state = self.inner.lock();
        if state.trouble.is_some() {
            state.asked = true;
            self.inner.work.notify_one();
        }
        state.trouble.clone()
    }

    /// Whether [`Keeper::with`] may wait for a database.
    pub(in crate::server) fn waits(&self) -> bool {
        self.inner.kind == Kind::Shared
    }

    /// Whether there is a store at all.
    pub(in crate::server) fn is_durable(&self) -> bool {
        self.inner.kind != Kind::Memory
    }

    /// How long transactions take.
    pub(in crate::server) fn latency(&self) -> &Latency {
        &self.inner.latency
    }

    /// Writes what is left and closes the store; returns when that is done, or when a store that does not answer has had
    /// its time. What is changed later is not kept.
    pub(in crate::server) fn end(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let mut state = self.inner.lock();
        state.ending = true;
        self.inner.work.notify_all();
        self.inner.ended.notify_all();
        let running = |state: &mut State| !state.ended;
        let waited = self.inner.opened.wait_timeout_while(state, ENDING, running);
        let (state, late) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(state);
        if late.timed_out() {
            tracing::warn!("the store does not answer; what was changed last may not be in it");
        } else if thread.join().is_err() {
            tracing::error!("the thread of the store died");
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.end();
    }
}

fn no_thread(error: &std::io::Error) -> StoreError {
    StoreError::Refused { store: "of the mock".into(), detail: format!("no thread for it: {error}") }
}

/// What happens before anybody is served: the records are taken, and `begin` adds what is missing.
fn first<T, E: From<StoreError>>(
    backend: &mut dyn Backend,
    cssm: &mut Cssm,
    begin: impl FnOnce(&mut Cssm, &mut dyn Vault) -> Result<T, E>,
) -> Result<T, E> {
    load(backend, cssm)?;
    // Of two mocks that begin together one makes keys and accounts, and the other finds them.
    match backend.begin()? {
        Pulled::Lines(lines) => follow(backend, cssm, &lines)?,
        Pulled::TooMuch => return Err(too_fast(backend).into()),
    }
    let done = begin(cssm, backend)?;
    backend.commit(&cssm.journal())?;
    Ok(done)
}

fn load(backend: &mut dyn Backend, cssm: &mut Cssm) -> Result<(), StoreError> {
    let place = backend.place("");
    let damaged =
        |error: crate::persist::ImportError| StoreError::Damaged { store: place, detail: error.to_string() };
    let mut restoring = Restoring::begin(cssm);
    backend.load(&mut |text| restoring.take(text).map_err(|error| error.to_string()))?;
    restoring.finish().map(drop).map_err(damaged)
}

fn follow(backend: &dyn Backend, cssm: &mut Cssm, lines: &[String]) -> Result<(), StoreError> {
    let damaged = |detail| StoreError::Damaged { store: backend.place(""), detail };
    lines.iter().try_for_each(|line| cssm.follow(line)).map_err(damaged)
}

impl Inner {
    fn new(kind: Kind, cssm: Cssm, watched: Watched) -> Self {
        let state = State {
            cssm,
            is_open: false,
            waiting: 0,
            lookers: Vec::new(),
            changed: 0,
            durable: 0,
            settlers: Vec::new(),
            generation: 0,
            trouble: None,
            last: None,
            asked: false,
            ending: false,
            ended: false,
        };
        Self {
            kind,
            state: Mutex::new(state),
            opened: Condvar::new(),
            work: Condvar::new(),
            ended: Condvar::new(),
            latency: Latency::default(),
            watched,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In trouble nobody waits: what is changed then is thrown away with the rest of memory.
    fn wait_until_open<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.is_open || state.trouble.is_some() {
            return state;
        }
        state.waiting += 1;
        self.work.notify_one();
        let closed = |state: &mut State| !state.is_open && state.trouble.is_none();
        let mut state = self.opened.wait_while(state, closed).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        if state.waiting == 0 {
            self.work.notify_one();
        }
        state
    }

    /// Notes trouble, and tells everybody who was under way.
    fn fail(&self, error: &StoreError) {
        let mut state = self.lock();
        state.is_open = false;
        state.generation += 1;
        state.trouble = Some(error.clone());
        state.last = Some(error.clone());
        let settlers = std::mem::take(&mut state.settlers).into_iter().map(|(_, told)| told);
        let told: Vec<Told> = settlers.chain(std::mem::take(&mut state.lookers)).collect();
        drop(state);
        self.opened.notify_all();
        tell(told, &Err(error.clone()));
    }
}

/// The thread: ends when the server does. However it ends, nobody waits for it any more.
fn run(inner: &Inner, mut backend: Box<dyn Backend>) {
    struct Gone<'a>(&'a Inner);
    impl Drop for Gone<'_> {
        fn drop(&mut self) {
            if !self.0.lock().ending {
                tracing::error!("the thread of the store has ended before the server");
            }
            self.0.fail(&StoreError::Ended);
        }
    }
    let _gone = Gone(inner);
    let mut together = 0;
    loop {
        let done = match inner.kind {
            Kind::Memory => return,
            Kind::Own => own_turn(inner, &mut *backend, &mut together),
            Kind::Shared => shared_turn(inner, &mut *backend),
        };
        match done {
            Ok(Turn::Again) => {}
            Ok(Turn::End) => return,
            Err(error) => {
                tracing::error!("{error}");
                inner.fail(&error);
                if !recover(inner, &mut *backend) {
                    return;
                }
            }
        }
    }
}

enum Turn {
    Again,
    End,
}

/// One transaction of a store that nobody else changes. `together` is how many waited for the one before: where there were
/// several, more are on their way, and one commit for all of them is worth a moment.
fn own_turn(inner: &Inner, backend: &mut dyn Backend, together: &mut usize) -> Result<Turn, StoreError> {
    let (entries, change) = {
        let state = inner.lock();
        let idle = |state: &mut State| state.durable == state.changed && !state.ending;
        let mut state = inner.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        if state.durable == state.changed {
            return Ok(Turn::End);
        }
        if *together >= SEVERAL {
            let running = |state: &mut State| !state.ending;
            let gathered = inner.ended.wait_timeout_while(state, GATHER, running);
            state = gathered.unwrap_or_else(PoisonError::into_inner).0;
        }
        (state.cssm.journal(), state.changed)
    };
    let begin = Instant::now();
    backend.commit(&entries)?;
    inner.watched.at(Boundary::Durable);
    inner.latency.note(begin.elapsed());
    *together = settled(inner, change);
    Ok(Turn::Again)
}

/// One transaction of a store that others change as well, or one look at it.
fn shared_turn(inner: &Inner, backend: &mut dyn Backend) -> Result<Turn, StoreError> {
    let (lookers, is_wanted) = {
        let state = inner.lock();
        let idle = |state: &mut State| state.waiting == 0 && state.lookers.is_empty() && !state.ending;
        let mut state = inner.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut state.lookers), state.waiting > 0)
    };
    if !is_wanted && lookers.is_empty() {
        return Ok(Turn::End);
    }
    let begin = Instant::now();
    let pulled = if is_wanted { backend.begin() } else { backend.look() };
    let seen = pulled.and_then(|pulled| take(inner, backend, pulled));
    tell(lookers, &seen.as_ref().map(|_| ()).map_err(Clone::clone));
    let state = seen?;
    if !is_wanted {
        return Ok(Turn::Again);
    }
    let (entries, change) = changes(inner, state);
    match entries.is_empty() {
        true => backend.cancel()?,
        false => {
            backend.commit(&entries)?;
            inner.watched.at(Boundary::Durable);
        }
    }
    inner.latency.note(begin.elapsed());
    settled(inner, change);
    Ok(Turn::Again)
}

fn tell(waiting: Vec<Told>, outcome: &Result<(), StoreError>) {
    for told in waiting {
        told(outcome.clone());
    }
}

/// Takes what others have changed; the records stay locked, so that nobody acts on them in between.
fn take<'a>(
    inner: &'a Inner,
    backend: &mut dyn Backend,
    pulled: Pulled,
) -> Result<MutexGuard<'a, State>, StoreError> {
    match pulled {
        Pulled::Lines(lines) => {
            let mut state = inner.lock();
            follow(backend, &mut state.cssm, &lines)?;
            Ok(state)
        }
        Pulled::TooMuch => {
            let fresh = loaded_anew(inner, backend)?;
            let mut state = inner.lock();
            state.cssm.adopt(fresh);
            Ok(state)
        }
    }
}

/// Lets those change something who want to. Their entries, and the number of the last change.
fn changes(inner: &Inner, mut state: MutexGuard<'_, State>) -> (Vec<crate::persist::Entry>, u64) {
    state.is_open = true;
    inner.opened.notify_all();
    let waiting = |state: &mut State| state.waiting > 0;
    let waited = inner.work.wait_timeout_while(state, CHANGING, waiting);
    let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
    state.is_open = false;
    (state.cssm.journal(), state.changed)
}

/// Everything up to `change` is durable: tells those who wait for that, and says how many they were.
fn settled(inner: &Inner, change: u64) -> usize {
    let mut state = inner.lock();
    state.durable = change;
    let waiting = std::mem::take(&mut state.settlers);
    let (done, left): (Vec<_>, _) = waiting.into_iter().partition(|(of, _)| *of <= change);
    state.settlers = left;
    drop(state);
    let count = done.len();
    for (_, told) in done {
        told(Ok(()));
    }
    count
}

/// Loads everything anew when somebody asks for it, until that succeeds. Whether it did; else the server ends.
fn recover(inner: &Inner, backend: &mut dyn Backend) -> bool {
    loop {
        {
            let state = inner.lock();
            let idle = |state: &mut State| !state.asked && !state.ending;
            let mut state = inner.work.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
            if state.ending {
                return false;
            }
            state.asked = false;
        }
        match writable_again(inner, backend) {
            Ok(fresh) => {
                let mut state = inner.lock();
                state.cssm.adopt(fresh);
                state.trouble = None;
                // What was changed in between went with the records that were thrown away.
                state.durable = state.changed;
                drop(state);
                tracing::info!("the store {} works again", backend.place(""));
                return true;
            }
            Err(error) => {
                let mut state = inner.lock();
                if state.trouble.as_ref() != Some(&error) {
                    tracing::error!("{error}");
                }
                state.trouble = Some(error.clone());
                state.last = Some(error);
                let ending = |state: &mut State| !state.ending;
                let waited = inner.work.wait_timeout_while(state, AGAIN, ending);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
        }
    }
}

/// The same, of a store that lets itself be changed.
fn writable_again(inner: &Inner, backend: &mut dyn Backend) -> Result<Cssm, StoreError> {
    let mut fresh = loaded_anew(inner, backend)?;
    match backend.begin()? {
        Pulled::Lines(lines) => follow(backend, &mut fresh, &lines)?,
        Pulled::TooMuch => return Err(too_fast(backend)),
    }
    backend.cancel()?;
    Ok(fresh)
}

fn too_fast(backend: &dyn Backend) -> StoreError {
    let detail = "others change it faster than it can be read".into();
    StoreError::Gone { store: backend.place(""), detail }
}

/// The records as the store has them.
fn loaded_anew(inner: &Inner, backend: &mut dyn Backend) -> Result<Cssm, StoreError> {
    let config = inner.lock().cssm.config().clone();
    let again = |error: crate::cssm::ManageError| StoreError::Damaged {
        store: backend.place(""),
        detail: error.to_string(),
    };
    let mut fresh = Cssm::new(config).map_err(again)?;
    load(backend, &mut fresh)?;
    Ok(fresh)
}

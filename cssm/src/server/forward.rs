//! Store and forward of a connected CSLU or On-Prem (`spec/behaviour.md` §12): what devices have reported goes to the
//! CSSM above in the background, and its ACKs come back. A device sees nothing of trouble there but that its ACK is late.
//!
//! What waits is in the records, and these are on disk before a device is answered; so is each poll id. The table here
//! only says when to try again, so that nothing is lost with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use slpsim_agent::{ReportId, Udi};
use slpsim_transport::files::{LicenseFile, Opener};
use slpsim_transport::sign::Verifier;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Shared;
use super::upstream::{CallError, Link, Polled};
use crate::relay::Outgoing;

/// How many devices are worked on at one time.
const AT_ONCE: usize = 8;
/// Waits between tries, doubled from the first to the last. Wall time: trouble on the way is real.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LAST_WAIT: Duration = Duration::from_secs(60);
/// Bytes of envelopes in one upload, so that its body fits into a message.
const UPLOAD_BYTES: usize = 4_000_000;

/// The way up, and what is known of it.
pub(super) struct Forward {
    pub(super) link: Link,
    /// Where it leads, for people.
    pub(super) url: String,
    /// There is something to do.
    pub(super) news: Notify,
    /// Something was tried.
    tried: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waits: HashMap<Udi, Wait>,
    down: Option<Wait>,
    trouble: Option<String>,
    delivered: u64,
}

#[derive(Clone, Copy)]
struct Wait {
    tries: u32,
    until: Instant,
}

impl Wait {
    fn after(before: Option<Self>) -> Self {
        let tries = before.map_or(0, |wait| wait.tries);
        let span = FIRST_WAIT.saturating_mul(1 << tries.min(10)).min(LAST_WAIT);
        Self { tries: tries.saturating_add(1), until: Instant::now() + span }
    }
}

/// What an operator is told.
pub(super) struct Status {
    pub(super) trouble: Option<String>,
    pub(super) delivered: u64,
}

impl Forward {
    pub(super) fn new(link: Link, url: String) -> Self {
        Self { link, url, news: Notify::new(), tried: Notify::new(), state: Mutex::default() }
    }

    pub(super) fn status(&self) -> Status {
        let state = self.state();
        Status { trouble: state.trouble.clone(), delivered: state.delivered }
    }

    /// Tries everything that waits at once.
    pub(super) fn retry_now(&self) {
        let mut state = self.state();
        state.waits.clear();
        state.down = None;
        drop(state);
        self.news.notify_one();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The devices to work on now, or the time until which there is nothing to do.
    fn due(&self, shared: &Shared) -> Result<Vec<Udi>, Option<Instant>> {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(down) = state.down.filter(|down| now < down.until) {
            return Err(Some(down.until));
        }
        shared.with(|cssm| {
            state.waits.retain(|udi, _| cssm.store().held(udi).next().is_some());
            let ready = |udi: &&Udi| state.waits.get(*udi).is_none_or(|wait| wait.until <= now);
            let due: Vec<Udi> = cssm.store().holders().filter(ready).take(AT_ONCE).copied().collect();
            let next = || state.waits.values().map(|wait| wait.until).min();
            if due.is_empty() { Err(next()) } else { Ok(due) }
        })
    }

    /// Notes how it went. Whether the device's reports were refused for the first time in a row.
    fn note(&self, udi: Udi, outcome: &Result<bool, CallError>) -> bool {
        let mut state = self.state();
        let first_refusal = matches!(outcome, Err(CallError::Refused(_))) && !state.waits.contains_key(&udi);
        match outcome {
            Ok(true) => {
                state.waits.remove(&udi);
                state.delivered += 1;
            }
            Ok(false) | Err(CallError::Refused(_)) => {
                let wait = Wait::after(state.waits.get(&udi).copied());
                state.waits.insert(udi, wait);
            }
            Err(CallError::Down(_)) => {
                // One wait for all that were under way together.
                let fresh = state.down.is_some_and(|down| Instant::now() < down.until);
                if !fresh {
                    state.down = Some(Wait::after(state.down));
                }
            }
        }
        let trouble = outcome.as_ref().err().map(ToString::to_string);
        if let Some(trouble) = trouble.as_ref().filter(|trouble| state.trouble.as_ref() != Some(trouble)) {
            tracing::warn!(device = %udi.in_show(), "{trouble}; the reports are kept and tried again");
        }
        if !matches!(outcome, Err(CallError::Down(_))) {
            state.down = None;
        }
        state.trouble = trouble;
        drop(state);
        self.tried.notify_waiters();
        first_refusal
    }

    /// Returns when nothing waits.
    pub(super) async fn idle(&self, shared: &Shared) {
        loop {
            let tried = self.tried.notified();
            if shared.with(|cssm| cssm.store().held_count()) == 0 {
                return;
            }
            tried.await;
        }
    }
}

/// Works until the server ends.
pub(super) async fn run(shared: Arc<Shared>, forward: Arc<Forward>) {
    loop {
        let pause = match forward.due(&shared) {
            Ok(due) => {
                let mut working = JoinSet::new();
                for udi in due {
                    let (shared, forward) = (Arc::clone(&shared), Arc::clone(&forward));
                    working.spawn(async move {
                        let outcome = advance(&shared, &forward.link, &udi).await;
                        if forward.note(udi, &outcome) {
                            shared.with(|cssm| cssm.upstream_refused(shared.now(), &udi));
                        }
                    });
                }
                tokio::select! {
                    _ = working.join_all() => continue,
                    () = shared.stopped() => return,
                }
            }
            Err(until) => until,
        };
        let wait = async {
            match pause {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            () = forward.news.notified() => {}
            () = shared.stopped() => return,
        }
    }
}

/// Takes the reports of one device as far as they get: uploads what was not, asks for the ACKs of what was. Whether all
/// of them are done with.
async fn advance(shared: &Shared, link: &Link, udi: &Udi) -> Result<bool, CallError> {
    let Some(outgoing) = shared.with(|cssm| cssm.outgoing(udi)) else { return Ok(true) };
    let now = shared.now();
    if outgoing.reports.iter().any(|(_, held)| held.upload.is_none()) {
        // The whole set, so that one ACK answers a push that repeats what was sent before.
        let outgoing = fitting(outgoing);
        let ids: Vec<ReportId> = outgoing.reports.iter().map(|(id, _)| *id).collect();
        let poll_id = link.upload(shared.with(|cssm| cssm.clock(now)), &outgoing).await?;
        shared.with(|cssm| cssm.uploaded(udi, &ids, Some(poll_id)));
    }
    let Some(outgoing) = shared.with(|cssm| cssm.outgoing(udi)) else { return Ok(true) };
    let mut uploads: Vec<u64> = outgoing.reports.iter().filter_map(|(_, held)| held.upload).collect();
    uploads.sort_unstable();
    uploads.dedup();
    for poll_id in uploads {
        match link.poll(shared.with(|cssm| cssm.clock(now)), udi, poll_id).await? {
            Polled::Working => {}
            Polled::Acks(acks) => fetched(shared, udi, poll_id, &acks)?,
            Polled::Unknown => {
                let ids = ids_of(shared, udi, poll_id);
                shared.with(|cssm| cssm.uploaded(udi, &ids, None));
            }
        }
    }
    Ok(shared.with(|cssm| cssm.outgoing(udi)).is_none())
}

fn ids_of(shared: &Shared, udi: &Udi, poll_id: u64) -> Vec<ReportId> {
    let of = |outgoing: Outgoing| {
        let reports = outgoing.reports.into_iter();
        reports.filter(|(_, held)| held.upload == Some(poll_id)).map(|(id, _)| id).collect()
    };
    shared.with(|cssm| cssm.outgoing(udi)).map(of).unwrap_or_default()
}

/// The newest reports that fit into one upload. A device's last push has everything that it still has, so the newest
/// are those whose ACK it waits for.
fn fitting(mut outgoing: Outgoing) -> Outgoing {
    let mut bytes = 0;
    let size = |held: &crate::records::Held| held.envelope.len();
    let fit = outgoing.reports.iter().rev().take_while(|(_, held)| {
        bytes += size(held);
        bytes <= UPLOAD_BYTES
    });
    let keep = fit.count().max(1);
    let surplus = outgoing.reports.len().saturating_sub(keep);
    outgoing.reports.drain(..surplus);
    outgoing
}

fn fetched(shared: &Shared, udi: &Udi, poll_id: u64, acks: &[(Udi, Arc<str>)]) -> Result<(), CallError> {
    let refused =
        |detail: &str| CallError::Refused(format!("upstream's ACK for {}: {detail}", udi.in_show()));
    let (_, file) = acks.iter().find(|(of, _)| of == udi).ok_or_else(|| refused("there is none"))?;
    let mut covered = named_in(shared, udi, file).map_err(|detail| refused(&detail))?;
    covered.extend(ids_of(shared, udi, poll_id));
    let brought = shared.with(|cssm| cssm.bring_ack(shared.now(), udi, file, &covered));
    brought.map(drop).map_err(|error| refused(&error.to_string()))
}

/// The reports that an ACK file names. Its signatures are for the device to judge.
pub(super) fn named_in(shared: &Shared, udi: &Udi, file: &str) -> Result<Vec<ReportId>, String> {
    let verifier = Verifier::OFF;
    let read = LicenseFile::read(file.as_bytes(), &mut Opener::new(&verifier, shared.now()));
    let read = read.map_err(|error| error.to_string())?;
    let objects = read.acks.iter().filter_map(|ack| ack.object.as_ref());
    let ids: Vec<ReportId> =
        objects.filter(|ack| ack.udi == *udi).flat_map(|ack| &ack.reports).map(|(id, _)| *id).collect();
    if ids.is_empty() { Err("it names no report of this device".into()) } else { Ok(ids) }
}

/// Passes a device's message on to the CSSM above; the answer's bytes.
pub(super) async fn pass(forward: &Forward, message: Bytes) -> Option<Bytes> {
    match forward.link.pass(message).await {
        Ok(answer) => Some(answer),
        Err(error) => {
            tracing::warn!("{error}; the device is asked to come again");
            None
        }
    }
}

//! Store and forward of a connected CSLU or On-Prem (`spec/behaviour.md` §12): what devices have reported goes to the
//! CSSM above in the background, and its ACKs come back. A device sees nothing of trouble there but that its ACK is late.
//!
//! What waits is in the records, and these are on disk before a device is answered; so is each poll id. The table here
//! only says when to try again, so that nothing is lost with it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use slpsim_agent::{ReportId, Udi};
use slpsim_transport::files::{LicenseFile, Opener};
use slpsim_transport::sign::Verifier;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Shared;
use super::schedule::{Holders, Schedule, Turn};
use super::upstream::{CallError, Link, Polled};
use crate::cssm::Cssm;
use crate::relay::{Home, Outgoing};

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
    schedule: Schedule,
    trouble: Option<String>,
    delivered: u64,
}

/// What an operator is told.
pub(super) struct Status {
    pub(super) trouble: Option<String>,
    pub(super) delivered: u64,
}

impl Holders for Cssm {
    fn count(&self) -> usize {
        self.store().holders().len()
    }

    fn has(&self, udi: &Udi) -> bool {
        self.store().held(udi).next().is_some()
    }

    fn next(&self, last: Option<&Udi>, skip: &dyn Fn(&Udi) -> bool) -> Option<Udi> {
        self.store().holders_after(last).find(|udi| !skip(udi)).copied()
    }
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
        self.state().schedule.retry_now();
        self.news.notify_one();
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self, shared: &Shared) -> Turn {
        let mut state = self.state();
        shared.with(|cssm| state.schedule.turn(Instant::now(), cssm))
    }

    /// Notes how it went, and tells each trouble once. Whether the device's reports were refused for the first time in a
    /// row.
    fn note(&self, udi: Udi, outcome: &Result<bool, CallError>) -> bool {
        let mut state = self.state();
        let news = state.schedule.ended(udi, Instant::now(), outcome);
        if news.back {
            tracing::info!(upstream = self.url, "the upstream can be reached again");
        }
        state.delivered += u64::from(*outcome == Ok(true));
        let trouble = outcome.as_ref().err().map(ToString::to_string);
        match &trouble {
            Some(trouble) if news.lost => tracing::warn!("{trouble}; all reports are kept and tried again"),
            Some(text) if news.first && state.trouble != trouble => {
                tracing::warn!(device = %udi.in_show(), "{text}; its reports are kept and tried again");
            }
            Some(_) | None => {}
        }
        state.trouble = trouble;
        drop(state);
        self.tried.notify_waiters();
        news.first && matches!(outcome, Err(CallError::Refused(_)))
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
    let mut working = JoinSet::new();
    loop {
        let pause = loop {
            match forward.turn(&shared) {
                Turn::Of(udi) => drop(working.spawn(one(Arc::clone(&shared), Arc::clone(&forward), udi))),
                Turn::At(until) => break Some(until),
                Turn::Idle => break None,
            }
        };
        let wait = async {
            match pause {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {}
            Some(_) = working.join_next() => {}
            () = forward.news.notified() => {}
            () = shared.stopped() => return,
        }
    }
}

async fn one(shared: Arc<Shared>, forward: Arc<Forward>, udi: Udi) {
    let outcome = advance(&shared, &forward.link, &udi).await;
    if forward.note(udi, &outcome) {
        shared.with(|cssm| cssm.upstream_refused(shared.now(), &udi));
    }
}

/// Takes the reports of one device as far as they get: uploads what was not, asks for the ACKs of what was. Whether all
/// of them are done with.
async fn advance(shared: &Shared, link: &Link, udi: &Udi) -> Result<bool, CallError> {
    // The second time for what CSSM turns out to know no more.
    for _ in 0..2 {
        let Some(outgoing) = shared.with(|cssm| cssm.outgoing(udi)) else { return Ok(true) };
        let now = shared.now();
        if outgoing.reports.iter().any(|report| report.held.upload.is_none()) {
            // The whole set, so that one ACK answers a push that repeats what was sent before.
            let outgoing = fitting(outgoing);
            let keys: Vec<_> = outgoing.reports.iter().map(|report| (report.udi, report.id)).collect();
            let poll_id = link.upload(shared.with(|cssm| cssm.clock(now)), &outgoing).await?;
            shared.with(|cssm| cssm.uploaded(udi, &keys, Some(poll_id)));
        }
        if !fetch(shared, link, udi).await? {
            break;
        }
    }
    Ok(shared.with(|cssm| cssm.outgoing(udi)).is_none())
}

/// Asks for the ACKs of everything of a device that was uploaded. Whether some of it has to go up once more.
async fn fetch(shared: &Shared, link: &Link, udi: &Udi) -> Result<bool, CallError> {
    let Some(outgoing) = shared.with(|cssm| cssm.outgoing(udi)) else { return Ok(false) };
    let mut uploads: Vec<u64> = outgoing.reports.iter().filter_map(|report| report.held.upload).collect();
    uploads.sort_unstable();
    uploads.dedup();
    let now = shared.now();
    let now = shared.with(|cssm| cssm.clock(now));
    let mut again = false;
    for poll_id in uploads {
        match link.poll(now, udi, poll_id).await? {
            Polled::Working => {}
            Polled::Acks(acks) => match acks.iter().find(|(of, _)| of == udi) {
                Some((_, file)) => fetched(shared, udi, poll_id, file)?,
                // It is done with the upload without this device, which was removed there, say.
                None => again |= lost(shared, udi, poll_id),
            },
            Polled::Unknown => again |= lost(shared, udi, poll_id),
        }
    }
    Ok(again)
}

/// What went up under that poll id and is not acknowledged has to go up again. Whether there is something.
fn lost(shared: &Shared, udi: &Udi, poll_id: u64) -> bool {
    let keys = uploaded_as(shared, udi, poll_id);
    shared.with(|cssm| cssm.uploaded(udi, &keys, None));
    !keys.is_empty()
}

/// The reports of a device that went up under that poll id.
fn uploaded_as(shared: &Shared, udi: &Udi, poll_id: u64) -> Vec<(Udi, ReportId)> {
    let of = |outgoing: Outgoing| {
        let reports = outgoing.reports.into_iter().filter(|report| report.held.upload == Some(poll_id));
        reports.map(|report| (report.udi, report.id)).collect()
    };
    shared.with(|cssm| cssm.outgoing(udi)).map(of).unwrap_or_default()
}

/// The newest reports that fit into one upload. A device's last push has everything that it still has, so the newest
/// are those whose ACK it waits for.
fn fitting(mut outgoing: Outgoing) -> Outgoing {
    let mut bytes = 0;
    let fit = outgoing.reports.iter().rev().take_while(|report| {
        bytes += report.held.envelope.len();
        bytes <= UPLOAD_BYTES
    });
    let keep = fit.count().max(1);
    let surplus = outgoing.reports.len().saturating_sub(keep);
    outgoing.reports.drain(..surplus);
    outgoing
}

fn fetched(shared: &Shared, udi: &Udi, poll_id: u64, file: &Arc<str>) -> Result<(), CallError> {
    let refused =
        |detail: &str| CallError::Refused(format!("upstream's ACK for {}: {detail}", udi.in_show()));
    let mut covered = named_in(shared, udi, file).map_err(|detail| refused(&detail))?;
    covered.extend(uploaded_as(shared, udi, poll_id).into_iter().map(|(_, id)| id));
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

/// Passes a message of a device of that account on to the CSSM above; the answer's bytes.
pub(super) async fn pass(forward: &Forward, message: Bytes, home: Option<&Home>) -> Option<Bytes> {
    match forward.link.pass(message, home).await {
        Ok(answer) => Some(answer),
        Err(error) => {
            tracing::warn!("{error}; the device is asked to come again");
            None
        }
    }
}

//! `--against URL`: a fleet over real HTTP(S), against a mock or somebody's own CSSM, CSLU or On-Prem.
//!
//! Each device lives through its first report: trust where the transport needs it, report, ACK. Its clock begins at the real
//! time and jumps to its next timer, so that the minutes between are not waited for; that is a few minutes, well within the
//! hour that device and server may differ (`spec/behaviour.md` §9).

mod device;
mod door;
mod ledger;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use slpsim_agent::{Token, TransportMode};
use slpsim_sim::fleet::{Cast, Population, engine::part};
use slpsim_transport::WireProfile;
use slpsim_transport::client::{Anchors, Kept};
use slpsim_transport::sign::{DeviceKeys, Verifier};
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::halt::Halt;
use super::outlets::Outlets;
use crate::error::{BlameUser, user_error};
use crate::sinks::SinkSpec;
use device::{Common, Said};
pub use ledger::{Ledger, Reports};

/// Lines that wait to be written.
const WAITING_LINES: usize = 4096;

/// What such a fleet is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// Where the peer is, or where the processes are that are one peer; the path says what it is. Each device asks them in
    /// turn, so that what one has said the next one has to know.
    pub urls: Vec<String>,
    /// Certificates that TLS and licensing objects must lead to (PEM).
    pub ca: Option<PathBuf>,
    /// The id token; needed where the peer is a CSSM.
    pub token: Option<Token>,
    /// Answers of a server that does not sign as ours does are believed.
    pub verify: bool,
    /// Exchanges at one time.
    pub connections: usize,
    /// Each exchange has a connection of its own.
    pub fresh_connections: bool,
    /// Private keys that the devices share among them.
    pub keys: usize,
    /// Who is in the fleet: models, names, licences.
    pub population: Population,
    /// Decides who each device is.
    pub seed: u64,
    /// How many devices, over all parts.
    pub devices: u32,
    /// Which part, from 1, and of how many.
    pub part: (u32, u32),
    /// The run ends after so long.
    pub duration: Option<Duration>,
    /// Where lines go.
    pub sinks: Vec<SinkSpec>,
    /// Lines and exchanges may leave this machine.
    pub allow_external: bool,
}

/// What peer a URL means, by its path (`spec/formats.md` §8 to §10).
///
/// # Errors
/// Where it is no URL that a switch could have.
pub fn transport_of(url: &str) -> Result<TransportMode> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let wrong =
        || user_error(format!("--against {url}: write http://HOST:PORT/PATH or https://HOST:PORT/PATH"));
    let (_, path) = rest.ok_or_else(wrong)?.split_once('/').ok_or_else(wrong)?;
    Ok(if path.starts_with("cslu/") {
        TransportMode::Cslu
    } else if path.contains("DDCEService") {
        TransportMode::Callhome
    } else {
        TransportMode::Smart
    })
}

/// Plays the fleet; what came of it.
///
/// # Errors
/// Where the URL, the certificates or a sink are wrong; one line for the user.
pub fn run(order: &Order, halt: &Halt) -> Result<Ledger> {
    let Some((first, others)) = order.urls.split_first() else {
        return Err(user_error("--against URL: where is the peer?"));
    };
    for url in &order.urls {
        door::admit(url, order.allow_external)?;
    }
    let transport = transport_of(first)?;
    for other in others {
        if transport_of(other)? != transport {
            return Err(user_error(format!(
                "--against {first} and {other} are of different kinds: name addresses of one peer"
            )));
        }
    }
    if transport.is_direct() && order.token.is_none() {
        return Err(user_error(format!(
            "--against {}: a CSSM asks each switch for an id token; give one with --idtoken or --idtoken-file",
            first
        )));
    }
    let outlets = Outlets::open(&order.sinks, order.allow_external, true)?;
    let common = Arc::new(common(order, transport)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(play(order, &common, outlets, halt));
    runtime.shutdown_background();
    done
}

fn common(order: &Order, transport: TransportMode) -> Result<Common> {
    let pem = match &order.ca {
        None => None,
        Some(path) => {
            let text = slpsim_config::reader::read(path);
            Some(text.with_context(|| format!("--ca {}", path.display())).blame_user()?)
        }
    };
    let named = || "--ca".to_owned();
    let anchors = match &pem {
        Some(pem) => Anchors::from_pem(pem.as_bytes()).with_context(named).blame_user()?,
        None => Anchors::none(),
    };
    let verifier = match (&pem, order.verify) {
        (_, false) => Verifier::OFF,
        (Some(pem), true) => Verifier::root(pem).with_context(named).blame_user()?,
        (None, true) => Verifier::NOBODY,
    };
    let make = |_| DeviceKeys::generate().map(Arc::new).context("no key for the devices");
    let keys = (0..order.keys.max(1)).map(make).collect::<Result<Vec<_>>>()?;
    let (first, count) = part(order.devices, order.part);
    Ok(Common {
        cast: Cast::new(order.population.clone(), order.seed, order.devices),
        first,
        count,
        start: crate::time::host_now(),
        urls: order.urls.clone(),
        transport,
        anchors,
        verifier: Arc::new(verifier),
        profile: Arc::new(WireProfile::default()),
        keys,
        token: order.token.clone(),
        allow_external: order.allow_external,
        kept: (!order.fresh_connections).then(|| Kept::new(Arc::new(crate::time::host_now))),
        slots: Semaphore::new(order.connections.max(1)),
    })
}

async fn play(order: &Order, common: &Arc<Common>, outlets: Outlets, halt: &Halt) -> Result<Ledger> {
    let begin = Instant::now();
    let until = order.duration.map(|span| begin + span);
    let asked = Arc::new(Notify::new());
    let (told, let_go) = (Arc::clone(&asked), outlets.let_go());
    let lines = let_go.clone();
    halt.on_ask(move || {
        lines.at(Instant::now());
        told.notify_one();
    });
    let (say, said) = mpsc::channel::<Said>(WAITING_LINES);
    let scribe = ledger::Scribe::new(outlets, common.start);
    let of_scribe = Arc::clone(common);
    let writing = tokio::task::spawn_blocking(move || scribe.write(&of_scribe.cast, said));
    let mut ledger = Ledger::new(order.urls.clone(), common.count);
    let mut running = JoinSet::new();
    let (end_all, ended) = watch::channel(false);
    let mut next = common.first;
    let end = common.first + common.count;
    // Twice as many devices as exchanges, so that there is always one that has something to ask.
    let most = order.connections.max(1) * 2;
    loop {
        let over = halt.is_asked() || until.is_some_and(|until| Instant::now() >= until);
        while next < end && running.len() < most && !over {
            running.spawn(device::live(Arc::clone(common), next, say.clone(), ended.clone()));
            next += 1;
        }
        if over {
            let_go.at(Instant::now());
            end_all.send_replace(true);
        }
        // A server may be silent for as long as it likes.
        let joined = tokio::select! {
            joined = running.join_next() => joined,
            () = asked.notified(), if !over => continue,
            () = at(until), if !over => continue,
        };
        match joined {
            None => break,
            Some(Ok(lived)) => ledger.add(lived),
            // A bug that has been printed.
            Some(Err(_)) => ledger.unfinished += 1,
        }
    }
    ledger.unfinished += end - next;
    drop(say);
    ledger.written(writing.await.context("the log's thread has ended by itself")?);
    ledger.wall = begin.elapsed();
    Ok(ledger)
}

/// At that instant; without one, never.
async fn at(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until.into()).await,
        None => std::future::pending().await,
    }
}

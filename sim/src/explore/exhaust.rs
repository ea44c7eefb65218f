//! Every sequence of faults at every boundary of a short life: trust, report, ACK, second report.

use slpsim_agent::{Failure, Message, Purpose, TransportMode};
use slpsim_transport::fault::Kind;

use super::life::{Deed, Life, Step, Trouble};
use super::random::START;
use super::watch::Watcher;
use crate::scenario::Peer;

const DAY: u64 = 86_400_000;

/// The short life, on a transport. An exchange takes a second, so that a boundary lies between its begin and its end.
#[must_use]
pub fn short_life(transport: TransportMode) -> Life {
    let mut life = Life {
        seed: 1,
        start: START,
        until_ms: 31 * DAY,
        transport,
        peer: Peer::Cssm,
        latency_ms: 1_000,
        steps: Vec::new(),
    };
    life.add(10_000, Deed::Trust { all: false, force: false });
    life
}

/// A moment of a life at which something may go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Boundary {
    at_ms: u64,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Persist,
    Send(Purpose),
    Reply,
}

/// Notes the boundaries of a life.
#[derive(Debug, Default)]
pub(super) struct Boundaries {
    pub(super) all: Vec<Boundary>,
    pub(super) digest: super::search::Digest,
}

impl Watcher for Boundaries {
    fn line(&mut self, at_ms: u64, message: &Message) {
        self.digest.line(at_ms, message);
    }

    fn persisted(&mut self, at_ms: u64) {
        self.all.push(Boundary { at_ms, what: What::Persist });
    }

    fn sent(&mut self, at_ms: u64, purpose: Purpose) {
        self.digest.sent(at_ms, purpose);
        self.all.push(Boundary { at_ms, what: What::Send(purpose) });
    }

    fn ended(&mut self, at_ms: u64, purpose: Purpose, failed: Option<Failure>) {
        self.digest.ended(at_ms, purpose, failed);
        self.all.push(Boundary { at_ms, what: What::Reply });
    }
}

/// A life with one fault more, and the first boundary of it at which the next one may come.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) life: Life,
    pub(super) from: usize,
}

/// All ways in which a life goes on when one thing more goes wrong, at one of its boundaries from `from` on.
pub(super) fn branches(life: &Life, boundaries: &[Boundary], from: usize) -> Vec<Branch> {
    let mut all = Vec::new();
    // Boundaries of one instant have harms in common.
    let mut done: (u64, Vec<Vec<Step>>) = (0, Vec::new());
    for (at, boundary) in boundaries.iter().enumerate().skip(from) {
        if done.0 != boundary.at_ms {
            done = (boundary.at_ms, Vec::new());
        }
        for harm in harms(*boundary) {
            if done.1.contains(&harm) {
                continue;
            }
            done.1.push(harm.clone());
            let next = at + usize::from(!takes_its_place(&harm, *boundary));
            let mut life = life.clone();
            // Before what the life does at that time anyway: the power fails before a command is typed.
            life.steps.splice(0..0, harm);
            all.push(Branch { life, from: next });
        }
    }
    all
}

/// Whether what was about to happen does not happen: then another boundary stands in its place.
fn takes_its_place(harm: &[Step], boundary: Boundary) -> bool {
    let restarts = |step: &Step| matches!(step.deed, Deed::PowerLoss | Deed::Reload);
    harm.iter().any(|step| step.at_ms == boundary.at_ms && restarts(step))
}

/// What can go wrong at a boundary, as steps of a scenario.
///
/// * Before a state is durable, or before a reply is taken: the power fails at that instant, which comes before replies
///   and timers (`spec/behaviour.md` §7.5).
/// * After a state is durable and before anything is sent: the request never leaves the device, and the power fails.
/// * After a request was sent: the peer does its part, and the power fails before the answer is there.
fn harms(boundary: Boundary) -> Vec<Vec<Step>> {
    let at_ms = boundary.at_ms;
    let step = |at_ms, deed| Step { at_ms, deed };
    match boundary.what {
        What::Persist => vec![vec![step(at_ms, Deed::PowerLoss)]],
        What::Reply => vec![vec![step(at_ms, Deed::PowerLoss)], vec![step(at_ms, Deed::Reload)]],
        What::Send(purpose) => {
            let fault = |kind| step(at_ms, Deed::Fault(Trouble::at_once(kind, purpose)));
            let power = || step(at_ms + 1, Deed::PowerLoss);
            let mut harms: Vec<Vec<Step>> = vec![vec![power()], vec![fault(Kind::Stall), power()]];
            harms.extend(kinds(purpose).iter().map(|kind| vec![fault(*kind)]));
            harms
        }
    }
}

/// Kinds that differ in what the peer knows afterwards, or in when the device learns that it failed.
const fn kinds(purpose: Purpose) -> &'static [Kind] {
    match purpose {
        Purpose::Trust => &[Kind::Unreachable, Kind::Stall, Kind::Empty, Kind::TryAgain, Kind::TokenRefused],
        Purpose::Usage => &[
            Kind::Unreachable,
            Kind::Stall,
            Kind::Empty,
            Kind::TryAgain,
            Kind::RejectReport,
            Kind::LateAck,
            Kind::ForeignAck,
        ],
        Purpose::Poll => &[Kind::Unreachable, Kind::Stall, Kind::LostAck, Kind::TryAgain],
        Purpose::Hello
        | Purpose::TrustSync
        | Purpose::AuthRequest
        | Purpose::AuthReturn
        | Purpose::AuthRenew
        | Purpose::IdRenew => &[Kind::Unreachable, Kind::Stall, Kind::Empty],
    }
}

//! A peer in memory that keeps what it was told, and the log that goes with it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use slpsim_agent::{
    Ack, Capabilities, Element, Failure, IdCert, InstanceId, Message, PollId, Reply, Report, ReportId,
    ReportVerdict, Request, Sender, Spelling, Status, TrustCode,
};
use slpsim_console::config::Config;
use slpsim_policy::{Policy, Values, Wall};
use slpsim_transport::client::{Exchanged, Exchanging, Transport};

use crate::clock::Clock;
use crate::driver::{Connect, LogSink};

/// What a peer knows; it survives the deaths of its device.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The reports that arrived, and how often.
    pub(super) reports: BTreeMap<ReportId, (Report, u32)>,
    /// How often a number came back with another report.
    pub(super) conflicts: u32,
    /// Trust codes given.
    pub(super) trusts: u64,
    polls: BTreeMap<PollId, Vec<ReportId>>,
    /// Everything that happened, in order: requests, saves, log lines.
    pub(super) trace: Vec<String>,
    /// The next exchanges end so.
    pub(super) fail: VecDeque<Failure>,
    /// Days between reports, where the policy has not the usual ones.
    pub(super) ongoing: Option<u16>,
    /// Never answers.
    pub(super) silent: bool,
}

impl Known {
    fn arrived(&mut self, report: &Report) {
        let (first, times) = self.reports.entry(report.id).or_insert_with(|| (report.clone(), 0));
        *times += 1;
        self.conflicts += u32::from(first != report);
    }

    pub(super) fn arrivals(&self) -> Vec<u32> {
        self.reports.values().map(|(_, times)| *times).collect()
    }
}

#[derive(Clone, Default)]
pub(super) struct World(pub(super) Arc<Mutex<Known>>);

impl World {
    pub(super) fn note(&self, what: impl Into<String>) {
        self.0.lock().unwrap().trace.push(what.into());
    }
}

#[derive(Clone)]
pub(super) struct MemoryPeer {
    pub(super) world: World,
    pub(super) clock: Clock,
}

impl Transport for MemoryPeer {
    fn exchange<'a>(&'a self, request: &'a Request, sender: &'a Sender) -> Exchanging<'a> {
        let result = self.answer(request, sender);
        let silent = self.world.0.lock().unwrap().silent;
        Box::pin(async move {
            if silent {
                std::future::pending::<()>().await;
            }
            Exchanged {
                result,
                detail: None,
                refused: false,
                sent: Some(format!("{:?}", request.purpose())),
                received: Some("{}".into()),
            }
        })
    }
}

impl Connect for MemoryPeer {
    fn connect(&self, _config: &Config) -> Arc<dyn Transport> {
        Arc::new(self.clone())
    }
}

impl MemoryPeer {
    fn answer(&self, request: &Request, sender: &Sender) -> Result<Reply, Failure> {
        let now = self.clock.wall();
        let mut known = self.world.0.lock().unwrap();
        known.trace.push(format!("send {:?}", request.purpose()));
        if let Some(failure) = known.fail.pop_front() {
            return Err(failure);
        }
        let mut reply = Reply::bare(now, Capabilities::AGENT, Status::Ok);
        match request {
            Request::Trust { .. } => {
                known.trusts += 1;
                let identity = IdCert { instance: InstanceId([7; 16]), serial: known.trusts };
                let code =
                    TrustCode { udi: sender.udi, trust_id: 1, identity, valid_to: now.plus_days(2922) };
                reply.trust.push(element(now, code));
                let policy = Policy::nxos("Example Policy", Values::of(60, known.ongoing.unwrap_or(180), 60));
                reply.policy = Some(element(now, policy));
            }
            Request::Usage { reports } => {
                let ids: Vec<_> = reports.iter().map(|report| report.id).collect();
                for report in reports {
                    known.arrived(report);
                }
                let poll_id = PollId(u64::try_from(known.polls.len()).unwrap() + 1);
                known.polls.insert(poll_id, ids);
                reply.status = Status::OkPoll { poll_id: Some(poll_id), interval_s: None };
            }
            Request::Poll { poll_id } => {
                let ids = known.polls.get(poll_id).cloned().unwrap_or_default();
                let reports = ids.into_iter().map(|id| (id, ReportVerdict::Acknowledged)).collect();
                reply.ack = Some(element(now, Ack { reports }));
            }
            Request::Hello
            | Request::TrustSync
            | Request::AuthRequest { .. }
            | Request::AuthReturn { .. }
            | Request::AuthRenew
            | Request::IdRenew => {}
        }
        Ok(reply)
    }
}

fn element<T>(issued: Wall, body: T) -> Element<T> {
    Element { issued, body: Ok(body) }
}

/// Notes the lines of a device with their times since `start`.
pub(super) struct Lines {
    pub(super) world: World,
    pub(super) start: Wall,
}

impl LogSink for Lines {
    fn log(&mut self, at: Wall, message: &Message) {
        let mut text = String::new();
        message.write_line(&mut text, Spelling::Device).unwrap();
        self.world.note(format!("{} {text}", at.since(self.start)));
    }
}

//! One device of a fleet over real HTTP(S), from its first boot to its first ACK.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use slpsim_agent::{
    Agent, AgentId, BootCause, Command, Cx, Failure, Input, Message, Now, Output, Purpose, Reply, ReportId,
    ReportVerdict, Request, Scope, Settings, Shared, Status, Token, TransportMode, Txn,
};
use slpsim_policy::{Mono, Wall};
use slpsim_sim::fleet::{Cast, Cause, Key, Record};
use slpsim_transport::WireProfile;
use slpsim_transport::callhome::CallhomeFormat;
use slpsim_transport::client::{
    Anchors, Callhome, Carrier, Clock, Cslu, Format, Kept, Link, Smart, SystemNonces, Transport, Way,
};
use slpsim_transport::sign::{DeviceKeys, Verifier};
use slpsim_transport::smart::SmartFormat;
use tokio::sync::{Semaphore, mpsc, watch};

/// A device has no longer to get its ACK by its own clock: an hour off, and the server's objects would be refused.
const LONGEST_MS: u64 = 55 * 60_000;
/// When the token is entered.
const TOKEN_MS: u64 = 10_000;

/// What the devices have in common.
pub(super) struct Common {
    pub(super) cast: Cast,
    pub(super) first: u32,
    pub(super) count: u32,
    /// When the run began.
    pub(super) start: Wall,
    pub(super) urls: Vec<String>,
    pub(super) transport: TransportMode,
    pub(super) anchors: Anchors,
    pub(super) verifier: Arc<Verifier>,
    pub(super) profile: Arc<WireProfile>,
    pub(super) keys: Vec<Arc<DeviceKeys>>,
    pub(super) token: Option<Token>,
    pub(super) allow_external: bool,
    /// Connections that stay open; without them each exchange has its own, as with switches.
    pub(super) kept: Option<Kept>,
    /// Exchanges at one time.
    pub(super) slots: Semaphore,
}

/// A line that a device logged.
#[derive(Debug)]
pub(super) struct Said(pub(super) Record);

/// What a device has lived through.
#[derive(Debug, Default)]
pub(super) struct Lived {
    /// By purpose: how long each exchange took.
    pub(super) took: Vec<(Purpose, Duration)>,
    /// Reasons of refusals by the server.
    pub(super) refused: Vec<String>,
    /// Exchanges without an authenticated answer.
    pub(super) failed: Vec<(Failure, Option<String>)>,
    /// Reports that were sent, and how often each was acknowledged.
    pub(super) reports: HashMap<ReportId, u32>,
    /// Reports that the server rejected.
    pub(super) rejected: u32,
}

/// The device's clock: it stands still while an exchange is open, and jumps to the next timer.
#[derive(Debug, Default)]
struct Jumping(AtomicI64);

impl Clock for Jumping {
    fn now(&self) -> Wall {
        Wall(self.0.load(Ordering::Relaxed))
    }
}

struct Device {
    common: Arc<Common>,
    number: u32,
    agent: Agent,
    shared: Shared,
    clock: Arc<Jumping>,
    /// One for each address, and which of them is next.
    transports: Vec<Arc<dyn Transport>>,
    turn: usize,
    start: Wall,
    now_ms: u64,
    say: mpsc::Sender<Said>,
    lines: u32,
    open: VecDeque<(Txn, Request)>,
    lived: Lived,
}

/// Lets a device live until each of its reports has been acknowledged, until its time is over, or until all shall end; what
/// it has done so far counts in any case.
pub(super) async fn live(
    common: Arc<Common>,
    number: u32,
    say: mpsc::Sender<Said>,
    mut ended: watch::Receiver<bool>,
) -> Lived {
    let mut device = Device::new(common, number, say);
    tokio::select! {
        () = device.live() => {}
        // Whoever could end it lives longer than the devices.
        _ = ended.wait_for(|ended| *ended) => {}
    }
    device.lived
}

impl Device {
    fn new(common: Arc<Common>, number: u32, say: mpsc::Sender<Said>) -> Self {
        let cast = &common.cast;
        let profile = cast.model(number).map(|model| model.profile).unwrap_or_default();
        let settings = Settings { transport: common.transport, ..cast.settings(number) };
        let agent = Agent::new(profile, cast.udi(number, 0), settings, &cast.usage(number));
        let start = crate::time::host_now();
        let clock = Arc::new(Jumping(AtomicI64::new(start.0)));
        let transports: Vec<_> =
            common.urls.iter().map(|url| connect(&common, number, &clock, url)).collect();
        Self {
            agent,
            shared: Shared::default(),
            clock,
            // Devices begin at different addresses.
            turn: number as usize,
            transports,
            start,
            now_ms: 0,
            say,
            lines: 0,
            open: VecDeque::new(),
            lived: Lived::default(),
            number,
            common,
        }
    }

    async fn live(&mut self) {
        self.feed(Input::Boot { cause: BootCause::First, clock_authoritative: true }).await;
        let mut token = self.common.token.clone().filter(|_| self.agent.settings().transport.is_direct());
        while !self.is_done() {
            let timer = self.agent.next_deadline().map_or(u64::MAX, |(at, _)| at.0);
            let due = if token.is_some() { timer.min(TOKEN_MS) } else { timer };
            if due > LONGEST_MS {
                break;
            }
            self.jump(due);
            match token.take_if(|_| due == TOKEN_MS) {
                Some(token) => self.enter(token).await,
                None => self.feed(Input::Timeout).await,
            }
        }
    }

    fn is_done(&self) -> bool {
        !self.lived.reports.is_empty() && self.lived.reports.values().all(|times| *times > 0)
    }

    fn jump(&mut self, to_ms: u64) {
        self.now_ms = self.now_ms.max(to_ms);
        self.clock.0.store(self.now().wall.0, Ordering::Relaxed);
    }

    fn now(&self) -> Now {
        let wall = self.start.plus_millis(i64::try_from(self.now_ms).unwrap_or(i64::MAX));
        Now { mono: Mono(self.now_ms), wall }
    }

    async fn feed(&mut self, input: Input) {
        self.call(|agent, cx| agent.handle(cx, input)).await;
        self.settle().await;
    }

    async fn enter(&mut self, token: Token) {
        let command = Command::Trust { token, scope: Scope::Local, force: false };
        // A device that has no trust yet refuses no token by itself.
        self.call(|agent, cx| drop(agent.command(cx, command))).await;
        self.settle().await;
    }

    /// Carries what the agent asked for, in order, each to its end.
    async fn settle(&mut self) {
        while let Some((txn, request)) = self.open.pop_front() {
            let result = self.exchange(&request).await;
            self.call(|agent, cx| agent.handle(cx, Input::Completed { txn, result })).await;
        }
    }

    async fn call(&mut self, call: impl FnOnce(&mut Agent, &mut Cx<'_>)) {
        let mut outputs = Vec::new();
        let now = self.now();
        let mut cx = Cx { now, id: AgentId(self.number), shared: &mut self.shared, out: &mut outputs };
        call(&mut self.agent, &mut cx);
        for output in outputs {
            match output {
                Output::Log(message) => self.log(&message).await,
                Output::Send { txn, request, .. } => self.open.push_back((txn, request)),
                Output::Cancel(txn) => self.open.retain(|(open, _)| *open != txn),
                Output::Persist | Output::Event(_) | Output::WriteFile(_) => {}
            }
        }
    }

    async fn log(&mut self, message: &Message) {
        self.lines += 1;
        let since = self.now().wall.since(self.common.start);
        let at_ms = u64::try_from(since).unwrap_or(0);
        let key = Key { at_ms, device: self.number, number: self.lines };
        // Whoever writes lines lives longer than the devices.
        let _ = self.say.send(Said(Record::new(key, message, Cause::Schedule))).await;
    }

    async fn exchange(&mut self, request: &Request) -> Result<Reply, Failure> {
        let mut sender = self.agent.sender();
        sender.hostname = Some(self.common.cast.host(self.number));
        let common = Arc::clone(&self.common);
        // It is closed by nobody.
        let _slot = common.slots.acquire().await;
        if let Request::Usage { reports } = request {
            // What is not answered may have arrived.
            for report in reports {
                self.lived.reports.entry(report.id).or_default();
            }
        }
        let begin = Instant::now();
        let at = self.turn % self.transports.len().max(1);
        self.turn = at + 1;
        // There is one at least.
        let Some(transport) = self.transports.get(at) else { return Err(Failure::NotBuilt) };
        let exchanged = transport.exchange(request, &sender).await;
        self.lived.took.push((request.purpose(), begin.elapsed()));
        match &exchanged.result {
            Err(failure) => self.lived.failed.push((*failure, exchanged.detail.clone())),
            Ok(reply) => self.account(reply),
        }
        exchanged.result
    }

    fn account(&mut self, reply: &Reply) {
        if let Status::Refused { message } = &reply.status {
            self.lived.refused.push(message.chars().take(200).collect());
        }
        let Some(Ok(ack)) = reply.ack.as_ref().map(|ack| &ack.body) else { return };
        for (id, verdict) in &ack.reports {
            match verdict {
                ReportVerdict::Acknowledged => *self.lived.reports.entry(*id).or_default() += 1,
                ReportVerdict::Rejected(_) => self.lived.rejected += 1,
            }
        }
    }
}

/// The transport of a device: the real network, with its own clock, and one of the keys.
fn connect(common: &Arc<Common>, number: u32, clock: &Arc<Jumping>, url: &str) -> Arc<dyn Transport> {
    let direct = |_: &str, _: u16| Ok(Way::Unmapped);
    let mut carrier = Carrier::new(Arc::clone(clock) as Arc<dyn Clock>, Arc::new(direct));
    carrier.anchors = common.anchors.clone();
    carrier.allow_external = common.allow_external;
    carrier.kept.clone_from(&common.kept);
    let key = common.keys.get(number as usize % common.keys.len().max(1));
    let format: Arc<dyn Format> = Arc::new(SmartFormat {
        keys: key.map(Arc::clone),
        verifier: Arc::clone(&common.verifier),
        profile: Arc::clone(&common.profile),
    });
    let url = url.to_owned();
    let link = |format| Link { carrier, format, nonces: Arc::new(SystemNonces) };
    match common.transport {
        TransportMode::Cslu => Arc::new(Cslu { link: link(format), url, domain: None }),
        TransportMode::Callhome => {
            let format = Arc::new(CallhomeFormat::new(format, Arc::clone(&common.profile)));
            Arc::new(Callhome { link: link(format), enabled: true, profile_active: true, http: true, url })
        }
        TransportMode::Smart | TransportMode::Off => Arc::new(Smart { link: link(format), url }),
    }
}

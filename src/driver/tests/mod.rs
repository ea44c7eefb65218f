//! The driver with a paused clock over a peer in memory.

mod console;
mod durable;
mod equivalence;
mod files;
mod order;
mod peer;

use std::sync::{Arc, Mutex};

use slpsim_agent::{
    Agent, AgentId, BootCause, Command, Failure, Keep, ProfileId, Scope, Shared, Token, TransportMode, Udi,
    Usage,
};
use slpsim_policy::{Mono, Wall};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::peer::{Known, Lines, MemoryPeer, World};
use super::*;
use crate::clock::{Clock, DeviceClock, Speed};
use crate::failpoint::{Faults, Point, Side, Stopped};
use crate::files::DeviceFiles;
use crate::metrics::Registry;
use crate::store::{KeptAside, Loaded, MemoryStore, Store, StoreError};

const START: Wall = Wall::from_secs(1_767_225_600);
const DAY: u64 = 86_400_000;

/// A store that notes each save, and survives its device.
#[derive(Clone)]
struct Flash(World, Arc<Mutex<MemoryStore>>);

impl Store for Flash {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        self.1.lock().unwrap().load()
    }

    fn save(&mut self, blob: &[u8]) -> Result<(), StoreError> {
        self.0.note("save");
        self.1.lock().unwrap().save(blob)
    }

    fn keep_aside(&mut self, why: &'static str) -> Result<Vec<KeptAside>, StoreError> {
        self.1.lock().unwrap().keep_aside(why)
    }

    fn writes(&self) -> u64 {
        self.1.lock().unwrap().writes()
    }
}

/// Stops the driver when so many boundaries have been crossed, and notes which.
#[derive(Clone, Default)]
struct Countdown(Arc<Mutex<(u32, Vec<Point>)>>);

impl Countdown {
    fn set(&self, left: u32) {
        self.0.lock().unwrap().0 = left;
    }
}

impl Faults for Countdown {
    fn at(&self, point: Point, _side: Side) -> Result<(), Stopped> {
        let (left, crossed) = &mut *self.0.lock().unwrap();
        crossed.push(point);
        *left = left.saturating_sub(1);
        if *left == 0 { Err(Stopped) } else { Ok(()) }
    }
}

pub(crate) struct Bench {
    world: World,
    flash: Flash,
    clock: Clock,
    countdown: Countdown,
    registry: Registry,
    /// What the device gets at its first boot.
    standby: Option<Udi>,
    token: Option<Token>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let world = World::default();
        let flash = Flash(world.clone(), Arc::default());
        Self {
            world,
            flash,
            clock: Clock::start(START, Speed::REAL),
            countdown: Countdown::default(),
            registry: Registry::default(),
            standby: None,
            token: None,
        }
    }

    /// Starts the device as the store has it, or a new one, and lets it die at a boundary.
    pub(crate) fn boot(&self, die_at: u32) -> (mpsc::Sender<Order>, JoinHandle<Result<(), DriverError>>) {
        let peer = MemoryPeer { world: self.world.clone(), clock: self.clock.clone() };
        let lines = Lines { world: self.world.clone(), start: START };
        self.boot_with(die_at, TransportMode::Smart, Box::new(peer), Box::new(lines))
    }

    fn boot_with(
        &self,
        die_at: u32,
        transport: TransportMode,
        connect: Box<dyn Connect>,
        log: Box<dyn LogSink>,
    ) -> (mpsc::Sender<Order>, JoinHandle<Result<(), DriverError>>) {
        self.boot_filed(die_at, transport, connect, log, DeviceFiles::in_memory())
    }

    fn boot_filed(
        &self,
        die_at: u32,
        transport: TransportMode,
        connect: Box<dyn Connect>,
        log: Box<dyn LogSink>,
        files: DeviceFiles,
    ) -> (mpsc::Sender<Order>, JoinHandle<Result<(), DriverError>>) {
        let mut store = self.flash.clone();
        let mut shared = Shared { keep: Keep::SWITCH, ..Shared::default() };
        let saved = restore(&mut store).unwrap().device;
        let first = saved.as_ref().is_none_or(|saved| saved.first_boot);
        let startup = saved.as_ref().filter(|_| !first).and_then(|saved| saved.startup_config.clone());
        let features_before = saved.as_ref().map(|saved| saved.features.iter().cloned().collect());
        let mut factory = Factory { lines: "feature lldp\n".into(), ..Factory::default() };
        factory.config.smart.transport = transport;
        let profile = ProfileId::Nexus9000;
        let (switch, _) = Switch::boot(startup, factory, Arc::default(), profile, self.clock.wall());
        let settings = switch.config.settings();
        let (agent, cause) = match saved {
            Some(saved) => {
                (Agent::restore(saved.agent, settings, &mut shared).unwrap(), BootCause::PowerLoss)
            }
            None => {
                let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
                let usage = [Usage { license: 0, count: 1 }];
                (Agent::new(profile, udi, settings, &usage), BootCause::First)
            }
        };
        let device = Device::new(Parts {
            name: "switch".into(),
            id: AgentId(0),
            agent,
            shared,
            clock: self.clock.clone(),
            device_clock: DeviceClock::new(self.clock.clone(), 0),
            switch,
            store: Box::new(store),
            connect,
            files,
            log,
            metrics: DeviceMetrics::new(&self.registry, "switch"),
            faults: Arc::new(self.countdown.clone()),
        });
        self.countdown.set(die_at);
        let (orders, mailbox) = mpsc::channel(16);
        let standby = self.standby.filter(|_| first);
        let token = self.token.clone().filter(|_| first);
        let boot = Boot { cause, first, standby, token, features_before, lines: Vec::new() };
        let task = tokio::spawn(device.run(boot, mailbox));
        (orders, task)
    }

    fn known<T>(&self, read: impl FnOnce(&mut Known) -> T) -> T {
        read(&mut self.world.0.lock().unwrap())
    }
}

pub(crate) async fn trust(orders: &mpsc::Sender<Order>) {
    let token = Token::new("EXAMPLETOKEN0001").unwrap();
    let command = Command::Trust { token, scope: Scope::Local, force: false };
    let (answer, answered) = oneshot::channel();
    // A device that has died meanwhile answers nothing.
    if orders.send(Order::Command(command, answer)).await.is_ok()
        && let Ok(result) = answered.await
    {
        result.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_device_gets_trust_reports_and_has_its_reports_acknowledged_in_real_time() {
    let bench = Bench::new();
    let (orders, task) = bench.boot(u32::MAX);
    bench.clock.reached(Mono(10_000)).await;
    trust(&orders).await;
    bench.clock.reached(Mono(31 * DAY)).await;
    orders.send(Order::End).await.unwrap();
    task.await.unwrap().unwrap();
    let (trace, reports, trusts) = bench.known(|known| (known.trace.clone(), known.arrivals(), known.trusts));
    assert_eq!(trusts, 1);
    assert_eq!(reports, [1, 1], "one at the start, one after 30 days");
    let lines: Vec<_> = trace.iter().filter(|line| line.contains("%LICMGR")).map(String::as_str).collect();
    assert!(lines[1].starts_with("10000 %LICMGR-6-LOG_SMART_LIC_TRUST_CODE_INSTALL_SUCCESS"), "{lines:#?}");
    assert!(lines[2].starts_with("10000 %LICMGR-6-LOG_SMART_LIC_POLICY_INSTALL_SUCCESS"), "{lines:#?}");
    assert_eq!(trace.last().unwrap(), "save");
}

#[tokio::test(start_paused = true)]
async fn what_an_exchange_depends_on_is_durable_before_it_is_sent() {
    let bench = Bench::new();
    let (orders, _task) = bench.boot(u32::MAX);
    trust(&orders).await;
    bench.clock.reached(Mono(31 * DAY)).await;
    let trace = bench.known(|known| known.trace.clone());
    for (at, _) in trace.iter().enumerate().filter(|(_, line)| *line == "send Usage") {
        let before = trace[..at].iter().rev().find(|line| !line.contains("%LICMGR")).unwrap();
        assert_eq!(before, "save", "{trace:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_without_end_is_given_up_after_a_minute_and_noted() {
    let bench = Bench::new();
    let (orders, _task) = bench.boot(u32::MAX);
    bench.known(|known| known.silent = true);
    bench.clock.reached(Mono(1000)).await;
    trust(&orders).await;
    bench.clock.reached(Mono(62_000)).await;
    let failed = bench.known(|known| known.trace.iter().find(|line| line.contains("COMM_FAILED")).cloned());
    let failed = failed.unwrap();
    assert!(failed.starts_with("61000 ") && failed.ends_with("Communications failure"), "{failed}");
}

/// The same device, moved by `advance` instead of by waiting: same lines, same times.
#[tokio::test(start_paused = true)]
async fn advancing_the_clock_gives_the_same_lines_at_the_same_times_as_waiting() {
    let mut traces = Vec::new();
    for by_jumps in [false, true] {
        let bench = Bench::new();
        let (orders, _task) = bench.boot(u32::MAX);
        // All of a retry window and some of the 15-minute phase behind it fail.
        trust(&orders).await;
        advance(&bench.clock, std::slice::from_ref(&orders), 60_000).await.unwrap();
        bench.known(|known| known.fail = vec![Failure::Unreachable; 12].into());
        if by_jumps {
            advance(&bench.clock, &[orders], 40 * DAY).await.unwrap();
        } else {
            bench.clock.reached(Mono(40 * DAY + 60_000)).await;
            tokio::task::yield_now().await;
        }
        // How often the use of licences is saved depends on who waits.
        let seen = |line: &&String| *line != "save";
        traces.push(bench.known(|known| known.trace.iter().filter(seen).cloned().collect::<Vec<_>>()));
    }
    assert!(traces[0].iter().any(|line| line.contains("COMM_RESTORED")), "{:#?}", traces[0]);
    assert_eq!(traces[0], traces[1]);
}

/// Lets the device die at each persist and send boundary of its first 35 days (of those that only save an hour's use,
/// at some), starts it again, and looks at the peer's books: no report and no number is lost or doubled, and trust is
/// kept.
#[tokio::test(start_paused = true)]
async fn death_at_any_boundary_loses_and_doubles_nothing() {
    let undisturbed = run_with_death_at(u32::MAX).await;
    let crossed = &undisturbed.crossed;
    let sends = |near: &[Point]| near.contains(&Point::Send);
    let matters = |at: &usize| {
        at.is_multiple_of(211) || *at < 12 || sends(&crossed[at.saturating_sub(3)..crossed.len().min(at + 4)])
    };
    let boundaries: Vec<_> =
        (0..crossed.len()).filter(matters).map(|at| u32::try_from(at + 1).unwrap()).collect();
    assert!(boundaries.len() > 20, "{boundaries:?}");
    for die_at in boundaries {
        let after = run_with_death_at(die_at).await;
        assert!(after.died, "boundary {die_at}");
        assert_eq!(after.unacknowledged, 0, "boundary {die_at}");
        assert!(after.trusted, "boundary {die_at}: trust is kept or was got again");
        assert!(after.ids_grow, "boundary {die_at}");
        assert_eq!(after.conflicts, 0, "boundary {die_at}: one number, two reports");
        // Each report reached the peer; a second arrival is a repetition of the same report, which is idempotent.
        assert!(after.reports >= undisturbed.reports, "boundary {die_at}: {} reports", after.reports);
    }
}

struct Aftermath {
    died: bool,
    crossed: Vec<Point>,
    reports: usize,
    unacknowledged: u32,
    trusted: bool,
    ids_grow: bool,
    conflicts: u32,
}

async fn run_with_death_at(die_at: u32) -> Aftermath {
    let bench = Bench::new();
    let (mut orders, mut task) = bench.boot(die_at);
    let mut died = false;
    loop {
        // After a death, the operator types the token again.
        bench.clock.reached(Mono(10_000)).await;
        trust(&orders).await;
        tokio::select! {
            biased;
            ended = &mut task => {
                assert!(matches!(ended.unwrap(), Err(DriverError::Stopped(_))));
                died = true;
                (orders, task) = bench.boot(u32::MAX);
            }
            () = bench.clock.reached(Mono(35 * DAY)) => break,
        }
    }
    let (answer, answered) = oneshot::channel();
    let look = Box::new(move |device: &mut Device| {
        let now = device.now();
        let parts = device.parts();
        let view = parts.agent.view(&parts.shared, now);
        let trusted = matches!(view.trust(), slpsim_agent::view::TrustState::Installed(_));
        let ids: Vec<_> = view.reports().map(|report| report.id).collect();
        let _ = answer.send((view.report_summary(), trusted, ids.is_sorted()));
        Ok(())
    });
    orders.send(Order::Look(look)).await.map_err(|_| "gone").unwrap();
    let (summary, trusted, ids_grow) = answered.await.unwrap();
    Aftermath {
        died,
        crossed: bench.countdown.0.lock().unwrap().1.clone(),
        reports: bench.known(|known| known.reports.len()),
        unacknowledged: summary.available - summary.collecting,
        trusted,
        ids_grow,
        conflicts: bench.known(|known| known.conflicts),
    }
}

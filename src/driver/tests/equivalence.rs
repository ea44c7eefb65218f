//! One core, three drivers: the same script gives the same messages at the same times here as in simulated time
//! (`spec/behaviour.md` §7.3 A to F); `sim/tests/lockstep.rs` has the third driver.

use std::time::Duration;

use slpsim_agent::{CommandError, Message};
use slpsim_cssm::{Config as MockConfig, Cssm, TokenWish};
use slpsim_sim::{Class, DeviceSpec, Exchange, InProcess, Link, Outage, Outages, World as Simulation};
use slpsim_transport::client::{Exchanged, Exchanging, Transport};

use super::*;
use crate::driver::Connect;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
/// A boot 30 d and 2 min before T on `cslu`, so that the scheduled push falls on T.
const T: u64 = 30 * DAY + 2 * MINUTE;

type Trace = Vec<(u64, Message)>;

/// What happens to one device.
struct Script {
    transport: TransportMode,
    outages: Vec<(u64, u64)>,
    steps: Vec<(u64, Step)>,
    until: u64,
}

#[derive(Clone, Copy)]
enum Step {
    Trust,
    Sync,
    Interval(u16),
    PowerCut,
}

impl Step {
    fn command(self, token: &Token) -> Option<Command> {
        match self {
            Self::Trust => Some(Command::Trust { token: token.clone(), scope: Scope::Local, force: false }),
            Self::Sync => Some(Command::Sync),
            Self::Interval(days) => Some(Command::UsageInterval(days)),
            Self::PowerCut => None,
        }
    }
}

fn at(ms: u64) -> Wall {
    START.plus_millis(i64::try_from(ms).unwrap())
}

/// The mock behind a link that fails during the outages of `script`.
fn link(script: &Script) -> (InProcess, Token) {
    let mut cssm = Cssm::new(MockConfig::default()).unwrap();
    let token = cssm.make_token(START, &TokenWish::default()).unwrap();
    let mut outages = Outages::default();
    for (from, to) in &script.outages {
        outages.add(Outage { from: at(*from), to: at(*to) });
    }
    (InProcess { outages, ..InProcess::to(cssm) }, token)
}

fn simulated(script: &Script) -> Trace {
    let (link, token) = link(script);
    let mut world = Simulation::new(START, 7, link);
    let udi = Udi::new("N9K-C93180YC-FX3", "FDO00000001").unwrap();
    let settings = slpsim_agent::Settings { transport: script.transport, ..Default::default() };
    let id = world.add(DeviceSpec::new("switch", udi, settings));
    let mut trace = Trace::new();
    let mut seen = |at, _, _, message: &Message| trace.push((at, message.clone()));
    world.boot(id, BootCause::First, &mut seen);
    for (at, step) in &script.steps {
        world.run_to(*at, Class::Event, &mut seen);
        match step.command(&token) {
            Some(command) => world.command(id, command, &mut seen).unwrap(),
            None => world.power_cycle(id, &mut seen).unwrap(),
        }
    }
    world.run_to(script.until, Class::Expect, &mut seen);
    trace
}

/// The link of the simulation as a transport of the driver.
#[derive(Clone)]
struct SimulatedWay {
    config: slpsim_console::config::Config,
    link: Arc<Mutex<InProcess>>,
    clock: Clock,
    transport: TransportMode,
}

impl Connect for SimulatedWay {
    fn connect(&self, config: &slpsim_console::config::Config) -> Arc<dyn Transport> {
        Arc::new(Self { config: config.clone(), ..self.clone() })
    }
}

impl Transport for SimulatedWay {
    fn exchange<'a>(
        &'a self,
        request: &'a slpsim_agent::Request,
        sender: &'a slpsim_agent::Sender,
    ) -> Exchanging<'a> {
        let carried = self.link.lock().unwrap().carry(&Exchange {
            at: self.clock.wall(),
            device_clock: self.clock.wall(),
            device: AgentId(0),
            transport: self.transport,
            sender,
            config: &self.config,
            request,
            nonce: 7,
            give_up_after: Duration::from_secs(60),
        });
        let exchanged =
            Exchanged { result: carried.result, detail: None, refused: false, sent: None, received: None };
        Box::pin(std::future::ready(exchanged))
    }
}

struct Recorder(Arc<Mutex<Trace>>);

impl LogSink for Recorder {
    fn log(&mut self, at: Wall, message: &Message) {
        self.0.lock().unwrap().push((u64::try_from(at.since(START)).unwrap(), message.clone()));
    }
}

/// Driver 1 with a paused clock.
fn driven(script: &Script) -> Trace {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let bench = Bench::new();
        let (link, token) = link(script);
        let (link, trace) = (Arc::new(Mutex::new(link)), Arc::new(Mutex::new(Trace::new())));
        let boot = || {
            let way = SimulatedWay {
                config: slpsim_console::config::Config::default(),
                link: Arc::clone(&link),
                clock: bench.clock.clone(),
                transport: script.transport,
            };
            let log = Recorder(Arc::clone(&trace));
            bench.boot_with(u32::MAX, script.transport, Box::new(way), Box::new(log))
        };
        let (mut orders, mut task) = boot();
        for (at, step) in &script.steps {
            bench.clock.reached(Mono(*at)).await;
            match step.command(&token) {
                Some(command) => ask(&orders, command).await.unwrap(),
                None => {
                    orders.send(Order::End).await.map_err(|_| "gone").unwrap();
                    task.await.unwrap().unwrap();
                    (orders, task) = boot();
                }
            }
        }
        bench.clock.reached(Mono(script.until)).await;
        let (answer, settled) = oneshot::channel();
        orders.send(Order::Settle(answer)).await.map_err(|_| "gone").unwrap();
        settled.await.unwrap();
        let trace = trace.lock().unwrap();
        trace.clone()
    })
}

async fn ask(orders: &mpsc::Sender<Order>, command: Command) -> Result<(), CommandError> {
    let (answer, answered) = oneshot::channel();
    orders.send(Order::Command(command, answer)).await.map_err(|_| "gone").unwrap();
    answered.await.unwrap()
}

fn on_cslu(outages: &[(u64, u64)], steps: Vec<(u64, Step)>, until: u64) -> Script {
    Script { transport: TransportMode::Cslu, outages: outages.to_vec(), steps, until }
}

#[test]
fn timelines_a_to_f_are_the_same_in_real_and_in_simulated_time() {
    let f = Script {
        transport: TransportMode::Smart,
        outages: vec![(30 * DAY, 30 * DAY + 6 * HOUR)],
        steps: vec![(10_000, Step::Trust)],
        until: 100 * DAY,
    };
    let sync = |after: u64| (T + after * MINUTE, Step::Sync);
    let table = [
        ("A", on_cslu(&[(T, 100 * DAY)], vec![], T + 6 * HOUR)),
        ("B", on_cslu(&[(T, T + 6 * HOUR)], vec![(T + 150 * MINUTE, Step::Interval(7))], T + 15 * DAY)),
        ("C", on_cslu(&[(T, T + 40 * MINUTE)], vec![], T + DAY)),
        ("D", on_cslu(&[(T + 20 * MINUTE, T + 140 * MINUTE)], vec![sync(30), sync(45)], T + 31 * DAY)),
        ("E", on_cslu(&[(0, 7 * HOUR)], vec![(2 * HOUR, Step::PowerCut)], 9 * HOUR)),
        ("F", f),
    ];
    for (name, script) in table {
        let simulated = simulated(&script);
        assert!(!simulated.is_empty(), "timeline {name}");
        assert_eq!(driven(&script), simulated, "timeline {name}");
    }
}

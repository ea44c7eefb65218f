//! Gives one input of a kind to an agent in a state of the table.

use slpsim_agent::input::Scope;
use slpsim_agent::{
    BootCause, Command, Import, ImportKind, Input, Purpose, SaveUsage, Timer, Token, TransportMode, Txn,
    Usage,
};
use slpsim_policy::Mono;

use crate::closed::closed;
use crate::inputs::{End, InputKind, Operator, Variant, World};
use crate::replies;
use crate::scenes::{Scene, standby};
use crate::states::State;
use crate::support::{HOUR, Rig};

/// The agent right before an input, and the input.
pub(crate) struct Prepared {
    pub(crate) rig: Rig,
    pub(crate) step: Step,
}

/// One input, ready to be given.
#[expect(clippy::large_enum_variant, reason = "it lives for one call")]
pub(crate) enum Step {
    Input(Input),
    Command(Command),
    /// The device's clock moves by that many milliseconds.
    Clock(i64),
    /// Durable state is loaded, then the agent boots.
    Restart(BootCause),
}

/// Why a kind of input has no effect: it cannot come in that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Never {
    /// The timer is not armed.
    NotArmed,
    /// Whatever the peer does, the state is left before the timer runs out.
    LeftBefore,
    /// No exchange of that purpose can be in flight. Should a driver report the end of one: it is ignored.
    NoExchange,
    /// There is nothing to which it could happen.
    NoObject(&'static str),
}

impl Never {
    /// As the table prints it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::NotArmed => "the timer is not armed",
            Self::LeftBefore => "the state is left before the timer runs out",
            Self::NoExchange => "no such exchange: ignored",
            Self::NoObject(why) => why,
        }
    }
}

closed! {
    /// What began an exchange.
    Begun {
        Already => "in flight",
        Timer => "by its timer",
        Sync => "by `license smart sync`",
        TrustForce => "by `trust idtoken … force`",
        Command => "by its command",
    }
}

/// How long, and with how many timers, an agent is followed until a timer runs out.
const PATIENCE_DAYS: u16 = 500;
const PATIENCE_TIMERS: usize = 12_000;

/// What the peer does while a timer is waited for.
#[derive(Clone, Copy)]
enum Meanwhile {
    /// Exchanges stay in flight; for less than the time that a device gives them.
    Silent,
    /// It takes reports and has no ACK for them yet.
    Takes,
    /// It answers all.
    Answers,
    /// No exchange succeeds.
    Fails,
}

impl Meanwhile {
    const ALL: [Self; 4] = [Self::Silent, Self::Takes, Self::Answers, Self::Fails];

    fn begin(self, rig: &mut Rig) {
        rig.peer.scripted.clear();
        rig.peer.down.clear();
        rig.peer.polls_before_ack = 0;
        rig.hold = false;
        match self {
            Self::Silent => rig.hold = true,
            Self::Takes => rig.peer.polls_before_ack = u32::MAX,
            Self::Answers => {}
            Self::Fails => {
                rig.peer.down = vec![(rig.start.plus_millis(-9_000 * 24 * HOUR), rig.start.plus_days(9_000))]
            }
        }
        if !rig.hold {
            rig.deliver();
        }
    }
}

/// A scene with all moments at which inputs can come without its state being left before.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) at: Rig,
    due: Vec<(Timer, Result<Rig, Never>)>,
    in_flight: Vec<(Purpose, Option<(Rig, Begun)>)>,
}

impl Stage {
    pub(crate) fn of(scene: Scene) -> Self {
        let (at, state) = (scene.reach(), scene.state());
        let due: Vec<_> =
            Timer::ALL.into_iter().map(|timer| (timer, run_until_due(&at, state, timer))).collect();
        let begun = |purpose| (purpose, in_flight(&at, state, purpose, &due));
        let in_flight = Purpose::ALL.into_iter().map(begun).collect();
        Self { scene, at, due, in_flight }
    }

    /// How exchanges of each purpose come to be in flight in this state, if they can.
    pub(crate) fn exchanges(&self) -> impl Iterator<Item = (Purpose, Option<Begun>)> {
        self.in_flight.iter().map(|(purpose, begun)| (*purpose, begun.as_ref().map(|(_, how)| *how)))
    }

    /// Leads the agent to the moment at which `kind` can come.
    pub(crate) fn prepare(&self, kind: InputKind) -> Result<Prepared, Never> {
        if !self.scene.started() && !matches!(kind, InputKind::World(_)) {
            return Err(Never::NoObject(NOT_STARTED));
        }
        let here = |step| Prepared { rig: self.at.clone(), step };
        match kind {
            InputKind::Due(timer) => {
                let rig = self.due[timer as usize].1.clone()?;
                Ok(Prepared { rig, step: Step::Input(Input::Timeout) })
            }
            InputKind::Operator(operator) => Ok(here(of_operator(&self.at, operator))),
            InputKind::World(world) => {
                of_world(self.scene, &self.at, world).map(here).map_err(Never::NoObject)
            }
            InputKind::Ends(purpose, end) => {
                let begun = &self.in_flight[purpose.index()].1;
                let (rig, _) = begun.clone().ok_or(Never::NoExchange)?;
                end_of(rig, purpose, end)
            }
        }
    }
}

const NOT_STARTED: &str = "not started";

fn end_of(mut rig: Rig, purpose: Purpose, end: End) -> Result<Prepared, Never> {
    let result = replies::end(&rig, purpose, end).map_err(Never::NoObject)?;
    let held = rig.held.iter().position(|(_, request)| request.purpose() == purpose);
    let (txn, _) = rig.held.remove(held.unwrap());
    Ok(Prepared { rig, step: Step::Input(Input::Completed { txn, result }) })
}

fn is_in_flight(rig: &Rig, purpose: Purpose) -> bool {
    rig.held.iter().any(|(_, request)| request.purpose() == purpose)
}

/// The agent in the same state with an exchange of `purpose` in flight, and what began it.
fn in_flight(
    at: &Rig,
    state: State,
    purpose: Purpose,
    due: &[(Timer, Result<Rig, Never>)],
) -> Option<(Rig, Begun)> {
    if is_in_flight(at, purpose) {
        return Some((at.clone(), Begun::Already));
    }
    let by_timer = |timer: Timer| {
        let mut rig = due[timer as usize].1.clone().ok()?;
        rig.input(Input::Timeout);
        Some((rig, Begun::Timer))
    };
    let by_command = |command: Command, how| {
        let mut rig = at.clone();
        rig.try_command(command).ok()?;
        Some((rig, how))
    };
    let sync = || by_command(Command::Sync, Begun::Sync);
    let found = match purpose {
        Purpose::Poll => vec![by_timer(Timer::Poll)],
        Purpose::Hello => vec![by_timer(Timer::Hello)],
        Purpose::Trust => vec![by_timer(Timer::Trust), by_command(trust(true), Begun::TrustForce)],
        Purpose::Usage => vec![by_timer(Timer::Report), sync()],
        Purpose::TrustSync => vec![by_timer(Timer::Sync), sync().and_then(answer_report)],
        Purpose::AuthRequest => vec![by_command(REQUEST, Begun::Command)],
        Purpose::AuthReturn => vec![by_command(Command::AuthorizationReturn, Begun::Command)],
        Purpose::AuthRenew => vec![by_timer(Timer::AuthRenew)],
        Purpose::IdRenew => vec![by_timer(Timer::IdRenew)],
    };
    let fits = |(rig, _): &(Rig, _)| is_in_flight(rig, purpose) && State::of(state.concern(), rig) == state;
    found.into_iter().flatten().find(fits)
}

const REQUEST: Command = Command::AuthorizationRequest { license: 2, count: 2 };

/// The first half of `license smart sync` is over.
fn answer_report((mut rig, how): (Rig, Begun)) -> Option<(Rig, Begun)> {
    if let Some(at) = rig.held.iter().position(|(_, request)| request.purpose() == Purpose::Usage) {
        let (txn, _) = rig.held.remove(at);
        let result = replies::end(&rig, Purpose::Usage, End::Ok).ok()?;
        rig.input(Input::Completed { txn, result });
    }
    Some((rig, how))
}

/// Runs up to the moment at which `timer` is next, with the first behaviour of the peer that keeps the state.
fn run_until_due(at: &Rig, state: State, timer: Timer) -> Result<Rig, Never> {
    if at.view().timer(timer).is_none() {
        return Err(Never::NotArmed);
    }
    let runs = Meanwhile::ALL.into_iter().filter_map(|meanwhile| {
        let mut rig = at.clone();
        meanwhile.begin(&mut rig);
        let until = match meanwhile {
            Meanwhile::Silent => rig.now.mono.plus(slpsim_agent::numbers::EXCHANGE_TIMEOUT),
            Meanwhile::Takes | Meanwhile::Answers | Meanwhile::Fails => {
                Mono(rig.now.mono.0 + u64::from(PATIENCE_DAYS) * 86_400_000)
            }
        };
        follow(&mut rig, timer, until).then_some(rig)
    });
    let mut kept = runs.filter(|rig| State::of(state.concern(), rig) == state);
    let mut rig = kept.next().ok_or(Never::LeftBefore)?;
    rig.hold = true;
    Ok(rig)
}

/// Whether `timer` is the next one, and due.
fn follow(rig: &mut Rig, timer: Timer, until: Mono) -> bool {
    for _ in 0..PATIENCE_TIMERS {
        let Some((at, next)) = rig.agent.next_deadline().filter(|(at, _)| *at <= until) else {
            return false;
        };
        let ahead = i64::try_from(at.since(rig.now.mono)).unwrap();
        rig.now.wall = rig.now.wall.plus_millis(ahead);
        rig.now.mono = rig.now.mono.max(at);
        if next == timer {
            return true;
        }
        rig.input(Input::Timeout);
        (rig.log, rig.sent, rig.outputs) = (Vec::new(), Vec::new(), Vec::new());
    }
    false
}

fn trust(force: bool) -> Command {
    Command::Trust { token: Token::new("EXAMPLETOKEN0002").unwrap(), scope: Scope::Local, force }
}

fn of_operator(rig: &Rig, operator: Operator) -> Step {
    let import = |import| Command::Import(Box::new(import));
    Step::Command(match operator {
        Operator::Trust => trust(false),
        Operator::TrustForce => trust(true),
        Operator::Sync => Command::Sync,
        Operator::FactoryReset => Command::FactoryReset,
        Operator::TransportCallhome => Command::Transport(TransportMode::Callhome),
        Operator::TransportCslu => Command::Transport(TransportMode::Cslu),
        Operator::TransportOff => Command::Transport(TransportMode::Off),
        Operator::TransportSmart => Command::Transport(TransportMode::Smart),
        Operator::Url => Command::Url,
        Operator::Interval => Command::UsageInterval(7),
        Operator::IntervalRefused => Command::UsageInterval(0),
        Operator::AuthorizationRequest => REQUEST,
        Operator::AuthorizationReturn => Command::AuthorizationReturn,
        Operator::SaveUsage => Command::SaveUsage(SaveUsage::All),
        Operator::SaveTrustRequest => Command::SaveTrustRequest,
        Operator::ImportTrust => import(replies::file_with_trust(rig, 0)),
        Operator::ImportTrustOlder => import(replies::file_with_trust(rig, 20)),
        Operator::ImportPolicy => import(replies::file_with_policy(rig, 0)),
        Operator::ImportPolicyOlder => import(replies::file_with_policy(rig, 20)),
        Operator::ImportAck => import(replies::file_with_ack(rig, rig.agent.sender().udi)),
        Operator::ImportAckOther => import(replies::file_with_ack(rig, replies::stranger())),
        Operator::ImportAuthorization => import(replies::file_with_authorization(rig)),
        Operator::ImportUnreadable => import(Import::unreadable(ImportKind::Policy, rig.now.wall)),
    })
}

fn of_world(scene: Scene, rig: &Rig, world: World) -> Result<Step, &'static str> {
    let boot = |cause| {
        let boots = Step::Input(Input::Boot { cause, clock_authoritative: true });
        if scene.started() { Err("only a device without licensing state starts so") } else { Ok(boots) }
    };
    let runs = |step| if scene.started() { Ok(step) } else { Err(NOT_STARTED) };
    let input = |input| runs(Step::Input(input));
    let in_use = rig.view().usage().find(|usage| usage.count > 0).ok_or("no licence in use");
    let usage = |license, count| input(Input::Usage(Usage { license, count }));
    match world {
        World::BootFirst => boot(BootCause::First),
        World::BootUpgraded => boot(BootCause::Upgraded { registered: false }),
        World::BootUpgradedRegistered => boot(BootCause::Upgraded { registered: true }),
        World::BootReload => runs(Step::Restart(BootCause::Reload)),
        World::BootPowerLoss => runs(Step::Restart(BootCause::PowerLoss)),
        World::UsageFirst => usage(u8::from(in_use.is_ok()), 1),
        World::UsageMore => in_use.and_then(|row| usage(row.index, row.count + 1)),
        World::UsageNone => in_use.and_then(|row| usage(row.index, 0)),
        World::ClockForward => runs(Step::Clock(2 * HOUR)),
        World::ClockBack => runs(Step::Clock(-2 * HOUR)),
        World::ClockAuthoritative => input(Input::ClockAuthoritative),
        World::StandbyAdded => input(Input::StandbyAdded(standby())),
        World::StandbyRemoved => input(Input::StandbyRemoved),
        World::Switchover => input(Input::Switchover),
    }
}

impl Step {
    /// Which variant of the agent's input types it is.
    pub(crate) const fn variant(&self) -> Variant {
        match self {
            Self::Input(input) => Variant::of_input(input),
            Self::Command(command) => Variant::of_command(command),
            Self::Clock(_) => Variant::ClockStep,
            Self::Restart(cause) => Variant::of_boot(*cause),
        }
    }

    /// Gives it; the text of a refused command.
    pub(crate) fn give(self, rig: &mut Rig) -> Option<String> {
        match self {
            Self::Input(input) => rig.input(input),
            Self::Command(command) => return rig.try_command(command).err().map(|error| error.to_string()),
            Self::Clock(delta) => rig.step_clock(delta),
            Self::Restart(cause) => rig.restart(cause),
        }
        None
    }
}

/// The ends of exchanges that this agent has not begun.
pub(crate) fn strange_ends(rig: &Rig) -> [Input; 2] {
    [Txn(0), Txn(u16::MAX)].map(|txn| Input::Completed { txn, result: Ok(replies::trust(rig)) })
}

//! One device of a fleet: its agent, and what happens to it.

use std::collections::VecDeque;

use slpsim_agent::{
    Agent, AgentId, BootCause, Command, Cx, Failure, Input, Message, Now, Output, Purpose, Reply, ReportId,
    Request, Scope, Shared, Timer, TrustError, Txn, Usage,
};
use slpsim_policy::{Mono, Wall};
use smallvec::SmallVec;

use super::cast::{Cast, Character};
use super::companion::Chatter;
use super::line::{Cause, Key, Record, Said};
use super::luck::{Luck, Why};
use super::peer::{Asked, Peer};
use super::weather::Weather;

/// What the devices of a shard share while they run.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) cast: &'a Cast,
    pub(crate) peer: &'a Peer,
    pub(crate) weather: &'a mut Weather,
    pub(crate) shared: &'a mut Shared,
    pub(crate) outputs: &'a mut Vec<Output>,
    pub(crate) records: &'a mut Vec<Record>,
    /// Exchanges whose ends have not been reported yet.
    pub(crate) flights: &'a mut VecDeque<Flight>,
    /// Timers that ran and exchanges that ended.
    pub(crate) events: &'a mut u64,
    /// True time at 0 ms.
    pub(crate) start: Wall,
}

/// The end of an exchange.
#[derive(Debug)]
pub(crate) struct Flight {
    txn: Txn,
    purpose: Purpose,
    result: Result<Reply, Failure>,
}

/// A device with a living agent.
#[derive(Debug)]
pub(crate) struct Seat {
    agent: Agent,
    /// When something happens to it next that no timer of the agent asks for.
    next_ms: u64,
    /// The reports of its last push.
    pushed: SmallVec<[ReportId; 2]>,
    /// When its trust code ends; [`NO_TRUST`]: none is installed.
    trust_ends: Wall,
    /// Of a device whose own link comes and goes.
    flap: Option<Box<Flap>>,
    chatter: Chatter,
    /// Exchanges so far.
    exchanges: u32,
    lines: u32,
    /// How many things have been considered to happen to it; decides the next one.
    happened: u32,
    /// What it failed of last.
    failing: Cause,
    /// What it is doing at the moment.
    doing: Cause,
    clock_s: i32,
    step: Step,
    generation: u8,
    boots: u8,
    changes: u8,
}

const _: () = assert!(size_of::<Seat>() <= 768, "a million of them have to fit beside what they own");

/// A loss of a device's own link, the latest or the next one; half-open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flap {
    pub(crate) n: u32,
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

const NO_TRUST: Wall = Wall(i64::MAX);

/// What happens next to a device, beside the timers of its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It boots for the first time.
    Boot,
    /// An operator enters a token: a mistyped one.
    Mistake,
    /// An operator enters a good token.
    Token,
    /// Somebody sets the clock.
    Clock,
    /// One of the things that happen again and again.
    Life,
}

impl Seat {
    /// A device that boots for the first time when the cast says.
    pub(crate) fn new(cast: &Cast, device: u32) -> Self {
        let profile = cast.model(device).map(|model| model.profile).unwrap_or_default();
        let mut seat = Self {
            agent: Agent::new(profile, cast.udi(device, 0), cast.settings(device), &cast.usage(device)),
            next_ms: cast.boot_ms(device),
            pushed: SmallVec::new(),
            trust_ends: NO_TRUST,
            flap: None,
            chatter: Chatter::silent(),
            exchanges: 0,
            lines: 0,
            happened: 0,
            failing: Cause::Schedule,
            doing: Cause::Schedule,
            clock_s: 0,
            step: Step::Boot,
            generation: 0,
            boots: 0,
            changes: 0,
        };
        if cast.flaps(device) {
            seat.flap = Some(Box::new(Flap::first(cast, device)));
        }
        seat
    }

    /// Runs the device up to `to_ms`, that time excluded; when it is due again.
    pub(crate) fn run(&mut self, device: u32, to_ms: u64, stage: &mut Stage<'_>) -> u64 {
        loop {
            let (timer, why) =
                self.agent.next_deadline().map_or((u64::MAX, Timer::Poll), |(at, why)| (at.0, why));
            // What happens comes before timers of the same instant (`spec/behaviour.md` §7.5).
            let due = self.next_ms.min(timer).min(self.chatter.next_ms());
            if due >= to_ms {
                return due;
            }
            if self.chatter.next_ms() == due {
                let (row, luck) = self.chatter.say(stage.cast.luck, device, stage.cast.chatter_ms);
                self.write(device, due, Said::Companion(row, luck), Cause::Companion, stage);
                continue;
            }
            *stage.events += 1;
            if self.next_ms <= timer {
                self.happen(device, due, stage);
            } else {
                let starts = why == Timer::StartReminder;
                self.doing = if starts { Cause::Boot(self.boots.into()) } else { Cause::Schedule };
                self.feed(device, due, stage, Input::Timeout);
            }
        }
    }

    fn now(&self, at_ms: u64, stage: &Stage<'_>) -> Now {
        let true_ms = i64::try_from(at_ms).unwrap_or(i64::MAX);
        let wall = stage.start.plus_millis(true_ms).plus_millis(i64::from(self.clock_s) * 1000);
        Now { mono: Mono(at_ms), wall }
    }

    /// Gives the agent an input and carries its exchanges. They take no time, so that their ends come at once, in the
    /// order in which they began and before any timer.
    fn feed(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>, input: Input) {
        self.call(device, at_ms, stage, |agent, cx| agent.handle(cx, input));
        self.settle(device, at_ms, stage);
    }

    fn settle(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>) {
        let doing = self.doing;
        while let Some(Flight { txn, purpose, result }) = stage.flights.pop_front() {
            *stage.events += 1;
            self.doing = brought_by(purpose, doing);
            self.call(device, at_ms, stage, |agent, cx| agent.handle(cx, Input::Completed { txn, result }));
        }
        self.doing = doing;
    }

    fn type_in(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>, command: Command) {
        // What a device refuses has no effect, and nobody reads its console here.
        self.call(device, at_ms, stage, |agent, cx| drop(agent.command(cx, command)));
        self.settle(device, at_ms, stage);
    }

    fn call(
        &mut self,
        device: u32,
        at_ms: u64,
        stage: &mut Stage<'_>,
        call: impl FnOnce(&mut Agent, &mut Cx<'_>),
    ) {
        let now = self.now(at_ms, stage);
        let mut outputs = std::mem::take(stage.outputs);
        let mut cx = Cx { now, id: AgentId(device), shared: stage.shared, out: &mut outputs };
        call(&mut self.agent, &mut cx);
        for output in outputs.drain(..) {
            match output {
                Output::Log(message) => self.log(device, at_ms, &message, stage),
                Output::Send { txn, request, .. } => {
                    let result = self.exchange(device, at_ms, &request, stage);
                    stage.flights.push_back(Flight { txn, purpose: request.purpose(), result });
                }
                Output::Cancel(_) | Output::Persist | Output::Event(_) | Output::WriteFile(_) => {}
            }
        }
        *stage.outputs = outputs;
    }

    fn exchange(
        &mut self,
        device: u32,
        at_ms: u64,
        request: &Request,
        stage: &mut Stage<'_>,
    ) -> Result<Reply, Failure> {
        self.exchanges = self.exchanges.wrapping_add(1);
        let transport = self.agent.settings().transport;
        if let Some(flap) = &mut self.flap {
            while flap.to_ms <= at_ms {
                **flap = flap.next(stage.cast, device);
            }
            if flap.from_ms <= at_ms {
                self.failing = Cause::Flap(flap.n);
                return Err(Failure::Unreachable);
            }
        }
        if let Some((failure, cause)) = stage.weather.at(stage.cast.site(device), transport, at_ms) {
            self.failing = cause;
            return Err(failure);
        }
        if let Request::Usage { reports } = request {
            self.pushed = reports.iter().map(|report| report.id).collect();
        }
        let reply = stage.peer.answer(&Asked {
            at: stage.start.plus_millis(i64::try_from(at_ms).unwrap_or(i64::MAX)),
            device,
            udi: &|| stage.cast.udi(device, self.generation),
            transport,
            request,
            has_trust: self.trust_ends != NO_TRUST,
            trust_ends: self.trust_ends,
            exchange: self.exchanges,
            pushed: &self.pushed,
        });
        if let Request::Poll { .. } = request {
            self.pushed = SmallVec::new();
        }
        Ok(reply)
    }

    fn log(&mut self, device: u32, at_ms: u64, message: &Message, stage: &mut Stage<'_>) {
        if let Message::TrustCodeInstallSuccess { .. } = message {
            let now = self.now(at_ms, stage).wall;
            self.trust_ends = now.plus_days(slpsim_agent::numbers::TRUST_VALIDITY_DAYS);
        }
        let cause = match message {
            Message::CommFailed { .. } | Message::CommRestored { .. } => self.failing,
            // Nobody forges anything here: what comes is refused by a clock that is wrong, and by nothing else.
            Message::PolicyInstallFailed { .. } => Cause::Clock,
            Message::TrustCodeInstallFailed {
                error: TrustError::Signature | TrustError::Timestamp, ..
            } => Cause::Clock,
            Message::TrustCodeInstallFailed { error: TrustError::Token, .. } => Cause::Mistyped,
            Message::TrustCodeInstallFailed { .. }
            | Message::AuthorizationInstallFailed { .. }
            | Message::PolicyRemoved
            | Message::ReportingNotSupported
            | Message::PolicyInstallSuccess
            | Message::AuthorizationInstallSuccess { .. }
            | Message::AuthorizationRemoved { .. }
            | Message::ReportingRequired { .. }
            | Message::TrustCodeInstallSuccess { .. } => self.doing,
        };
        self.write(device, at_ms, Said::of(message), cause, stage);
    }

    fn write(&mut self, device: u32, at_ms: u64, said: Said, cause: Cause, stage: &mut Stage<'_>) {
        self.lines += 1;
        let key = Key { at_ms, device, number: self.lines };
        let (clock_s, generation) = (self.clock_s, self.generation);
        stage.records.push(Record { key, clock_s, generation, said, cause });
    }

    fn happen(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>) {
        self.happened += 1;
        self.doing = Cause::Operator(self.happened);
        match self.step {
            Step::Boot => self.first_boot(device, at_ms, stage),
            Step::Mistake => {
                self.enter_token(device, at_ms, stage, false);
                self.plan(Step::Token, at_ms, stage, device, TOKEN_AGAIN_MS);
            }
            Step::Token => {
                self.enter_token(device, at_ms, stage, true);
                if self.clock_s == 0 {
                    self.live(device, at_ms, stage);
                } else {
                    let wrong_for = stage.cast.population.troubles.wrong_clock_for_ms;
                    self.plan(Step::Clock, at_ms, stage, device, wrong_for);
                }
            }
            Step::Clock => self.set_clock(device, at_ms, stage),
            Step::Life => {
                self.something(device, at_ms, stage);
            }
        }
    }

    fn plan(&mut self, step: Step, at_ms: u64, stage: &Stage<'_>, device: u32, mean_ms: u64) {
        self.step = step;
        self.next_ms = at_ms.saturating_add(wait_ms(stage.cast, device, self.happened, mean_ms));
    }

    fn boot(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>, cause: BootCause) {
        self.boots = self.boots.saturating_add(1);
        self.doing = Cause::Boot(self.boots.into());
        if stage.cast.chatter_ms > 0 {
            self.chatter.boot(at_ms);
        }
        self.feed(device, at_ms, stage, Input::Boot { cause, clock_authoritative: true });
    }

    fn first_boot(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>) {
        if self.generation == 0 && stage.cast.character(device) == Character::WrongClock {
            let by = stage.cast.population.troubles.wrong_clock_by_ms / 1000;
            let early = stage.cast.luck.number(device, Why::Clock, 0) & 1 == 0;
            let by = i32::try_from(by).unwrap_or(i32::MAX);
            self.clock_s = if early { by.saturating_neg() } else { by };
        }
        self.boot(device, at_ms, stage, BootCause::First);
        let troubles = &stage.cast.population.troubles;
        if self.agent.settings().transport.is_direct() {
            let mistaken = mistypes(stage.cast, device, self.generation);
            let step = if mistaken { Step::Mistake } else { Step::Token };
            self.plan(step, at_ms, stage, device, troubles.token_after_ms);
        } else if self.clock_s != 0 {
            self.plan(Step::Clock, at_ms, stage, device, troubles.wrong_clock_for_ms);
        } else {
            self.live(device, at_ms, stage);
        }
    }

    fn enter_token(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>, good: bool) {
        let token = if good { &stage.peer.token } else { &stage.peer.wrong_token };
        if let Some(token) = token.clone() {
            self.type_in(device, at_ms, stage, Command::Trust { token, scope: Scope::Local, force: false });
        }
    }

    /// The clock is right from now on. On a direct transport the token is entered again: without it there is no trust.
    fn set_clock(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>) {
        let delta_ms = i64::from(self.clock_s).saturating_neg() * 1000;
        self.clock_s = 0;
        self.feed(device, at_ms, stage, Input::ClockStep { delta_ms });
        if self.agent.settings().transport.is_direct() && self.trust_ends == NO_TRUST {
            self.plan(Step::Token, at_ms, stage, device, 10 * 60_000);
        } else {
            self.live(device, at_ms, stage);
        }
    }

    /// From now on the things happen to it that happen again and again.
    fn live(&mut self, device: u32, at_ms: u64, stage: &Stage<'_>) {
        self.step = Step::Life;
        let mean = proposal_ms(stage.cast);
        self.next_ms = match mean {
            0 => u64::MAX,
            mean => at_ms.saturating_add(stage.cast.luck.wait(device, Why::Life, self.happened, mean).max(1)),
        };
    }

    /// One of the things of life, or none, where it is not the time for it.
    fn something(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>) {
        let n = self.happened;
        let luck: Luck = stage.cast.luck;
        if luck.unit(device, Why::Rhythm, n) >= weight_at(stage.cast, device, stage.start, at_ms) {
            *stage.events -= 1; // only considered
            self.live(device, at_ms, stage);
            return;
        }
        let life = stage.cast.population.life;
        let rates =
            [life.change_ms, life.sync_ms, life.reload_ms, life.upgrade_ms, life.replace_ms].map(rate);
        let mut left = luck.unit(device, Why::Choice, n) * rates.iter().sum::<f64>();
        let chosen = rates.iter().position(|rate| {
            let hit = left < *rate;
            left -= rate;
            hit
        });
        match chosen {
            Some(0) => {
                // 1, 2, 3, 1 and so on: every change is one.
                self.changes = (self.changes + 1) % 3;
                let license = stage.cast.usage(device).first().map_or(0, |usage| usage.license);
                let usage = Usage { license, count: u32::from(self.changes) + 1 };
                self.feed(device, at_ms, stage, Input::Usage(usage));
            }
            Some(1) => self.type_in(device, at_ms, stage, Command::Sync),
            Some(2 | 3) => self.boot(device, at_ms, stage, BootCause::Reload),
            Some(4) => {
                self.replace(device, at_ms, stage);
                return;
            }
            Some(_) | None => {}
        }
        self.live(device, at_ms, stage);
    }

    /// A new switch in the old one's place, with its host name and configuration.
    fn replace(&mut self, device: u32, at_ms: u64, stage: &mut Stage<'_>) {
        self.generation = self.generation.wrapping_add(1);
        let (profile, settings) = (self.agent.profile(), self.agent.settings());
        let profile = slpsim_agent::ProfileId::by_name(profile.name).unwrap_or_default();
        let udi = stage.cast.udi(device, self.generation);
        self.agent = Agent::new(profile, udi, settings, &stage.cast.usage(device));
        self.trust_ends = NO_TRUST;
        self.pushed = SmallVec::new();
        self.changes = 0;
        self.first_boot(device, at_ms, stage);
    }
}

impl Flap {
    pub(crate) fn first(cast: &Cast, device: u32) -> Self {
        Self { n: 0, from_ms: 0, to_ms: cast.boot_ms(device) }.next(cast, device)
    }

    pub(crate) fn next(self, cast: &Cast, device: u32) -> Self {
        let n = self.n + 1;
        let flapping = cast.population.flapping;
        let from_ms =
            self.to_ms.saturating_add(cast.luck.wait(device, Why::Flapping, n, flapping.every_ms).max(1));
        let length = cast.luck.length(device, Why::Flapping, n | 1 << 24, flapping.lasts_ms);
        Self { n, from_ms, to_ms: from_ms.saturating_add(length) }
    }
}

/// When the clock of a device is set right that was wrong from its first boot on; none where it never was wrong.
pub(crate) fn clock_right_ms(cast: &Cast, device: u32) -> Option<u64> {
    if cast.character(device) != Character::WrongClock {
        return None;
    }
    // What happens to it until then, as `Seat::happen` plans it.
    let troubles = &cast.population.troubles;
    let mut waits = Vec::new();
    if cast.settings(device).transport.is_direct() {
        waits.push(troubles.token_after_ms);
        waits.extend(mistypes(cast, device, 0).then_some(TOKEN_AGAIN_MS));
    }
    waits.push(troubles.wrong_clock_for_ms);
    let waits = (1..).zip(waits).map(|(happened, mean_ms)| wait_ms(cast, device, happened, mean_ms));
    Some(waits.fold(cast.boot_ms(device), u64::saturating_add))
}

/// Whether the first token that an operator enters is a mistyped one.
fn mistypes(cast: &Cast, device: u32, generation: u8) -> bool {
    cast.luck.unit(device, Why::Mistake, generation.into()) < cast.population.troubles.token_mistake
}

/// How long it takes until the next thing happens to a device, after so many.
fn wait_ms(cast: &Cast, device: u32, happened: u32, mean_ms: u64) -> u64 {
    cast.luck.wait(device, Why::Life, happened, mean_ms).max(1_000)
}

/// What caused a message that came with the answer to such a question, where the device is doing this.
const fn brought_by(purpose: Purpose, doing: Cause) -> Cause {
    match (purpose, doing) {
        // Entered at this moment or before an outage.
        (Purpose::Trust, _) => Cause::Token,
        (_, Cause::Operator(_)) => doing,
        (Purpose::Usage | Purpose::Poll, _) => Cause::Acknowledged,
        (Purpose::TrustSync, _) => Cause::Sync,
        (
            Purpose::Hello
            | Purpose::AuthRequest
            | Purpose::AuthReturn
            | Purpose::AuthRenew
            | Purpose::IdRenew,
            _,
        ) => doing,
    }
}

/// Mean time from a mistyped token to the next try (modelled).
const TOKEN_AGAIN_MS: u64 = 30 * 60_000;
const HOUR_MS: u64 = 3_600_000;

/// Per millisecond.
fn rate(mean_ms: u64) -> f64 {
    if mean_ms == 0 { 0.0 } else { 1.0 / mean_ms as f64 }
}

/// Mean time between two moments at which something may happen: as often as at the busiest hour; 0: never.
fn proposal_ms(cast: &Cast) -> u64 {
    let life = cast.population.life;
    let rates = [life.change_ms, life.sync_ms, life.reload_ms, life.upgrade_ms, life.replace_ms].map(rate);
    let total: f64 = rates.iter().sum();
    if total <= 0.0 {
        return 0;
    }
    super::luck::whole(mean_weight(cast) / total).max(1)
}

/// The mean weight over a week, so that means of the file are met over all hours.
fn mean_weight(cast: &Cast) -> f64 {
    let rhythm = cast.population.rhythm;
    let working_day = (10.0 + 14.0 * rhythm.night) / 24.0;
    (working_day * 5.0 + rhythm.weekend * 2.0) / 7.0
}

/// The weight of the hour at the device's site.
fn weight_at(cast: &Cast, device: u32, start: Wall, at_ms: u64) -> f64 {
    let secs = start.plus_millis(i64::try_from(at_ms).unwrap_or(i64::MAX)).secs();
    let local = cast.zone(device).at(secs, |offset, _| secs + i64::from(offset));
    // The first of January 1970 was a Thursday: Monday is day 0.
    let weekday = (local.div_euclid(86_400) + 3).rem_euclid(7);
    let hour = u64::try_from(local.rem_euclid(86_400)).unwrap_or(0) * 1000 / HOUR_MS;
    let rhythm = cast.population.rhythm;
    if weekday >= 5 {
        rhythm.weekend
    } else if (8..18).contains(&hour) {
        1.0
    } else {
        rhythm.night
    }
}

//! `slpsim fleet`: very many switches, and their log traffic (`interface.md` §4).

pub mod against;
pub mod halt;
pub mod manage;
pub mod outlets;
pub mod pace;
mod progress;
pub mod replay;
pub mod report;
mod stamps;
pub mod steer;
pub mod summary;
pub mod truth;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use slpsim_policy::Wall;
use slpsim_sim::fleet::{Batch, Cast, Companions, Fleet, Opened, Population, Record, Spec, Stop, Totals};

use crate::metrics::Registry;
use crate::sinks::SinkSpec;
use crate::time::print_time;
use halt::Halt;
use outlets::Outlets;
use pace::Rate;
use progress::Progress;
use report::Report;
use steer::{Numbers, Outcome, Refusal, Steer, Wish};
use summary::Summary;
use truth::TruthFile;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
/// Devices of a fleet at most; more do not fit the addresses that they have.
pub const DEVICES_MAX: u32 = 16_000_000;
/// No run is longer, in simulated time: stamps have years of four digits.
const HORIZON_MS: u64 = 7_000 * 365 * 24 * HOUR_MS;
/// Lines between two looks at whether the end is asked for.
const LOOK_EVERY: u64 = 1024;
/// Between two moments at which scrapers and callers are told.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// Names of new devices that an answer lists.
const NAMED: usize = 1000;
/// The shortest wait of a paced run: what falls due within it goes out together.
const TICK: Duration = Duration::from_millis(5);

/// A run that waits for its sinks may last so much longer than it was asked to.
const LATE: Duration = Duration::from_secs(1);

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As fast as the machine can; a sink that is behind is waited for.
    Max,
    /// So many simulated seconds in a second.
    Speed(u32),
    /// Lines by wall time; simulated time follows.
    Rate(Rate),
}

/// What a fleet is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// Who is in it.
    pub population: Population,
    /// Decides everything that is random.
    pub seed: u64,
    /// How many devices, over all parts.
    pub devices: u32,
    /// When simulated time begins.
    pub start: Wall,
    /// Which part, from 1, and of how many.
    pub part: (u32, u32),
    /// Threads.
    pub threads: u16,
    /// How time passes.
    pub pace: Pace,
    /// So much of simulated time goes by at full speed before.
    pub backfill: Duration,
    /// How long: wall time with a rate, else simulated time, the backfill included; absent: until the end is asked for.
    pub duration: Option<Duration>,
    /// Where lines go.
    pub sinks: Vec<SinkSpec>,
    /// Lines may leave this machine.
    pub allow_external: bool,
    /// Also a paced run waits for a sink that is behind.
    pub lossless: bool,
    /// What caused each line goes here.
    pub truth: Option<PathBuf>,
    /// A page about the run goes here.
    pub report: Option<PathBuf>,
    /// This share of lines is spoiled.
    pub corrupt: f64,
    /// Other messages than those of the licensing agent.
    pub companions: Companions,
    /// Show how far it is, on standard error.
    pub progress: bool,
    /// Where somebody may ask for changes, and hears how far it is.
    pub steer: Steer,
    /// Somebody may ask: epochs are short, so that an answer does not take long.
    pub steered: bool,
    /// Numbers for a scraper.
    pub registry: Registry,
}

/// Runs a fleet to its end, or until the end is asked for.
///
/// # Errors
/// Where a sink or a file cannot be opened; one line for the user. What goes wrong later is in [`Summary::error`].
pub fn run(order: &Order, halt: &Halt) -> Result<Summary> {
    let begin = Instant::now();
    let full_speed = order.pace == Pace::Max;
    let outlets = Outlets::open(&order.sinks, order.allow_external, true)?;
    let let_go = outlets.let_go();
    halt.on_ask(move || let_go.at(Instant::now()));
    order.steer.wakes(halt);
    let deliver = outlets.want_lines() || order.truth.is_some() || order.report.is_some() || !full_speed;
    let form = outlets.forms().first().map_or("nxos", |options| options.form.word());
    let mut fleet = Fleet::new(Spec {
        population: order.population.clone(),
        seed: order.seed,
        devices: order.devices,
        start: order.start,
        part: order.part,
        threads: order.threads,
        epoch_ms: epoch_of(order.devices),
        forms: outlets.forms().to_vec(),
        deliver,
        corrupt: order.corrupt,
        companions: order.companions,
    })
    .context("no thread for the fleet")?;
    let report = order.report.as_deref().map(|path| Report::create(path, fleet.cast()));
    let truth = order.truth.as_deref().map(|path| TruthFile::create(path, fleet.cast(), order.start));
    let mut desk = Desk {
        outlets,
        truth: truth.transpose()?,
        report: report.transpose()?,
        taken: Totals::default(),
        progress: Progress::new(order, begin),
        halt: halt.clone(),
        clock: None,
        failed: None,
        steer: order.steer.clone(),
        late: None,
        steered: false,
        numbers: Numbers::new(&order.registry),
        devices: fleet.devices(),
        now_ms: 0,
        events: 0,
        drawn: None,
        outages: 0,
        start: order.start,
        whole: order.part.1 == 1,
    };
    let went = desk.all(order, &mut fleet);
    desk.progress.finish();
    // What has been sent is told, whatever went wrong.
    let mut failed = desk.failed.take().or(went.err());
    if let Some(truth) = desk.truth.take() {
        failed = failed.or(truth.finish().err());
    }
    let totals =
        if deliver { Totals { events: fleet.totals().events, ..desk.taken } } else { *fleet.totals() };
    let report = desk.report.take();
    let sinks = desk.outlets.close();
    let mut summary = Summary {
        population: order.population.name.clone(),
        seed: order.seed,
        part: order.part,
        devices: fleet.devices(),
        threads: order.threads,
        simulated_s: fleet.now_ms() as f64 / 1000.0,
        wall_s: begin.elapsed().as_secs_f64(),
        totals,
        sinks,
        peak_rss: summary::peak_rss(),
        form,
        error: None,
    };
    if let Some(report) = report {
        failed = failed.or(report.write(&summary, order.start).err());
    }
    summary.error = failed.map(|error| format!("{error:#}"));
    Ok(summary)
}

/// Long enough that the threads seldom wait for one another, short enough that an epoch of a storm fits into memory.
fn epoch_of(devices: u32) -> u64 {
    (HOUR_MS * 100_000 / u64::from(devices.max(1))).clamp(HOUR_MS, 240 * HOUR_MS)
}

/// When lines go out.
#[derive(Clone, Copy, Debug)]
enum Clock {
    /// At their simulated time: this instant is that simulated millisecond, and so fast it goes.
    Scaled { anchor: Instant, at_ms: u64, speed: u32 },
    /// By their number: this instant is that of line 0.
    Paced { anchor: Instant, rate: Rate, first: u64, end: Option<Duration> },
}

/// What takes the lines.
struct Desk {
    outlets: Outlets,
    truth: Option<TruthFile>,
    report: Option<Report>,
    taken: Totals,
    progress: Progress,
    halt: Halt,
    clock: Option<Clock>,
    failed: Option<anyhow::Error>,
    /// A run that waits for its sinks ends then, however far it is.
    late: Option<Instant>,
    steer: Steer,
    /// The stretch ended for the sake of wishes.
    steered: bool,
    numbers: Numbers,
    devices: u32,
    now_ms: u64,
    events: u64,
    /// When the numbers were told last.
    drawn: Option<Instant>,
    /// Outages opened by hand so far.
    outages: u32,
    start: Wall,
    /// The fleet is no part of a larger one.
    whole: bool,
}

impl Desk {
    fn all(&mut self, order: &Order, fleet: &mut Fleet) -> Result<()> {
        let backfill = millis(order.backfill);
        if backfill > 0 && self.through(fleet, backfill)?.is_err() {
            return Ok(());
        }
        let end = order.duration.map_or(HORIZON_MS, millis).min(HORIZON_MS);
        let anchor = Instant::now();
        match order.pace {
            Pace::Max => self.through(fleet, end)?.ok(),
            Pace::Speed(speed) => {
                self.outlets.wait_for_room(order.lossless);
                fleet.set_epoch((u64::from(speed) * 250).clamp(250, HOUR_MS))?;
                let at_ms = fleet.now_ms();
                self.clock = Some(Clock::Scaled { anchor, at_ms, speed });
                let lasts = order.duration.map(|_| scaled(end.saturating_sub(at_ms), speed));
                self.end_with_the_clock(order, anchor, lasts);
                self.through(fleet, end)?.ok()
            }
            Pace::Rate(rate) => {
                self.outlets.wait_for_room(order.lossless);
                if order.steered {
                    fleet.set_epoch(MINUTE_MS)?;
                }
                let first = self.taken.lines;
                self.clock = Some(Clock::Paced { anchor, rate, first, end: order.duration });
                self.end_with_the_clock(order, anchor, order.duration);
                self.through(fleet, HORIZON_MS)?.ok()
            }
        };
        Ok(())
    }

    /// A run of a given length does not wait for its sinks much longer than that.
    fn end_with_the_clock(&mut self, order: &Order, anchor: Instant, lasts: Option<Duration>) {
        let lasts = lasts.filter(|_| order.lossless);
        self.late = lasts.and_then(|lasts| anchor.checked_add(lasts.saturating_add(LATE)));
        if let Some(late) = self.late {
            self.outlets.let_go().at(late);
        }
    }

    /// Runs to `to_ms`, and fulfils wishes on the way.
    fn through(&mut self, fleet: &mut Fleet, to_ms: u64) -> Result<Result<(), Stop>> {
        loop {
            let went = self.stretch(fleet, to_ms)?;
            if went.is_ok() || self.failed.is_some() || !self.steered {
                return Ok(went);
            }
            self.steered = false;
            self.fulfil(fleet)?;
        }
    }

    fn stretch(&mut self, fleet: &mut Fleet, to_ms: u64) -> Result<Result<(), Stop>> {
        // The one closure is called while the other is not: a cell keeps them from sharing a reference.
        let desk = std::cell::RefCell::new(self);
        let cast: Cast = fleet.cast().clone();
        let mut take =
            |record: &Record, batch: &Batch, at: usize| desk.borrow_mut().take(&cast, record, batch, at);
        let mut epoch = |now_ms: u64, totals: &Totals| desk.borrow_mut().epoch(now_ms, totals);
        Ok(fleet.run(to_ms, &mut take, &mut epoch)?)
    }

    fn take(&mut self, cast: &Cast, record: &Record, batch: &Batch, at: usize) -> Result<(), Stop> {
        self.wait_for(record.key.at_ms)?;
        self.taken.count(record, batch, at);
        self.outlets.take(cast, record, batch, at);
        if let Some(report) = &mut self.report {
            report.take(cast, record);
        }
        if let Some(truth) = &mut self.truth
            && let Err(error) = truth.write(cast, record, batch, at)
        {
            self.failed = Some(error);
            return Err(Stop);
        }
        if self.taken.lines.is_multiple_of(LOOK_EVERY) { self.look() } else { Ok(()) }
    }

    fn look(&mut self) -> Result<(), Stop> {
        let late = self.late.is_some_and(|late| late <= Instant::now());
        let end = late || self.halt.is_asked() || self.outlets.reader_gone();
        if end { Err(Stop) } else { Ok(()) }
    }

    /// Waits until the line of that simulated time may go out.
    fn wait_for(&mut self, at_ms: u64) -> Result<(), Stop> {
        // Each time anew: a wish may have changed the pace.
        while let Some(due) = self.due(at_ms)?.filter(|due| *due > Instant::now()) {
            self.pause(due)?;
        }
        Ok(())
    }

    /// When the line of that simulated time is to go out; none: at once.
    fn due(&self, at_ms: u64) -> Result<Option<Instant>, Stop> {
        match self.clock {
            None => Ok(None),
            Some(Clock::Scaled { anchor, at_ms: from, speed }) => {
                Ok(anchor.checked_add(scaled(at_ms.saturating_sub(from), speed)))
            }
            Some(Clock::Paced { anchor, rate, first, end }) => {
                let line = self.taken.lines - first;
                if end.is_some_and(|end| line >= rate.lines_after(end)) {
                    return Err(Stop);
                }
                Ok(anchor.checked_add(rate.time_of(line).min(Duration::from_secs(1 << 40))))
            }
        }
    }

    /// Waits until then, or until somebody has a wish.
    fn pause(&mut self, due: Instant) -> Result<(), Stop> {
        self.outlets.flush();
        // A pace may be so slow that the end of the epoch is far away.
        let rates = self.steer.take_rates();
        if !rates.is_empty() {
            for (rate, tell) in rates {
                // Whoever asked may have gone.
                let _ = tell.send(self.change_rate(rate));
            }
            return self.look();
        }
        let taken = Totals { events: self.events, ..self.taken };
        self.progress.tick(None, &taken, self.outlets.missed());
        self.tell(&taken);
        let _ = self.halt.wait_until(due.max(Instant::now() + TICK));
        self.look()
    }

    fn epoch(&mut self, now_ms: u64, totals: &Totals) -> Result<(), Stop> {
        (self.now_ms, self.events) = (now_ms, totals.events);
        let shown =
            Totals { events: totals.events, ..if self.clock.is_some() { self.taken } else { *totals } };
        self.progress.tick(Some(now_ms), &shown, self.outlets.missed());
        match self.clock {
            Some(Clock::Scaled { anchor, at_ms: from, speed }) => {
                self.outlets.flush();
                let due = anchor.checked_add(scaled(now_ms.saturating_sub(from), speed));
                while let Some(due) = due.filter(|due| *due > Instant::now()) {
                    self.pause(due)?;
                    if self.steer.is_pending() {
                        break;
                    }
                }
            }
            // A fleet that says little: the end comes by the wall clock, too.
            Some(Clock::Paced { anchor, end: Some(end), .. }) if anchor.elapsed() >= end => return Err(Stop),
            Some(Clock::Paced { .. }) | None => {}
        }
        self.tell(&shown);
        self.look()?;
        // Only here may the fleet be left and run on.
        self.steered = self.steer.is_pending();
        if self.steered { Err(Stop) } else { Ok(()) }
    }

    /// Tells scrapers and callers how far it is, unless it did so a moment ago.
    fn tell(&mut self, totals: &Totals) {
        let now = Instant::now();
        if self.drawn.is_some_and(|drawn| now < drawn + TELL_EVERY) {
            return;
        }
        self.drawn = Some(now);
        let missed = self.outlets.missed();
        self.numbers.set(self.now_ms, self.devices, totals, missed);
        let simulated = self.start.plus_millis(i64::try_from(self.now_ms).unwrap_or(i64::MAX));
        self.steer.show(json!({
            "simulated": print_time(simulated),
            "devices": self.devices,
            "lines": totals.lines,
            "events": totals.events,
            "dropped": missed.dropped,
            "failed": missed.failed,
            "rate": match self.clock {
                Some(Clock::Paced { rate, .. }) => Some(rate.to_string()),
                Some(Clock::Scaled { .. }) | None => None,
            },
        }));
    }

    fn fulfil(&mut self, fleet: &mut Fleet) -> Result<()> {
        for (wish, tell) in self.steer.take() {
            let outcome = self.one(wish, fleet)?;
            self.devices = fleet.devices();
            // Whoever asked may have gone.
            let _ = tell.send(outcome);
        }
        self.drawn = None;
        Ok(())
    }

    fn one(&mut self, wish: Wish, fleet: &mut Fleet) -> Result<Outcome> {
        Ok(match wish {
            Wish::Rate(rate) => self.change_rate(rate),
            Wish::Add(_) if !self.whole => {
                Err(Refusal::Conflict("a part of a fleet has the devices that it has".into()))
            }
            Wish::Add(count) if fleet.devices().saturating_add(count) > DEVICES_MAX => {
                Err(Refusal::Conflict(format!("a fleet has {DEVICES_MAX} devices at most")))
            }
            Wish::Add(count) => {
                let last = fleet.devices();
                fleet.add(count)?;
                let named = (last..fleet.devices()).take(NAMED).map(|device| fleet.cast().host(device));
                Ok(json!({"added": count, "devices": named.collect::<Vec<_>>()}))
            }
            Wish::Remove(name) => match fleet.cast().device_by_host(&name) {
                Some(device) if fleet.remove(device)? => Ok(Value::Null),
                Some(_) | None => Err(Refusal::NotFound(format!("there is no device {name}"))),
            },
            Wish::Open { site, trouble, lasts } => {
                let at = site.as_deref().map(|name| fleet.cast().site_by_name(name));
                if at == Some(None) {
                    let name = site.unwrap_or_default();
                    return Ok(Err(Refusal::NotFound(format!("there is no site {name}"))));
                }
                self.outages += 1;
                let from_ms = fleet.changes_from_ms();
                let to_ms = from_ms.saturating_add(millis(lasts));
                let opened = Opened {
                    id: self.outages,
                    site: at.flatten(),
                    failure: trouble.failure(),
                    from_ms,
                    to_ms,
                };
                fleet.open(opened)?;
                if let Some(truth) = &mut self.truth {
                    truth.opened(opened);
                }
                if let Some(report) = &mut self.report {
                    report.opened(opened);
                }
                Ok(json!({"id": opened.id, "failure": trouble.word()}))
            }
            Wish::Close(id) if id == 0 || id > self.outages => {
                Err(Refusal::NotFound(format!("there is no outage {id}")))
            }
            Wish::Close(id) => {
                fleet.close(id)?;
                let at_ms = fleet.changes_from_ms();
                if let Some(truth) = &mut self.truth {
                    truth.closed(fleet.cast(), id, at_ms)?;
                }
                if let Some(report) = &mut self.report {
                    report.closed(fleet.cast(), id, at_ms);
                }
                Ok(Value::Null)
            }
        })
    }

    fn change_rate(&mut self, rate: Rate) -> Outcome {
        let Some(Clock::Paced { anchor, end, .. }) = self.clock else {
            return Err(Refusal::Conflict("this fleet was started without --rate".into()));
        };
        let now = Instant::now();
        let end = end.map(|end| end.saturating_sub(now.saturating_duration_since(anchor)));
        self.clock = Some(Clock::Paced { anchor: now, rate, first: self.taken.lines, end });
        Ok(json!({"rate": rate.to_string()}))
    }
}

/// Wall time of simulated milliseconds.
fn scaled(millis: u64, speed: u32) -> Duration {
    Duration::from_micros(millis.saturating_mul(1000) / u64::from(speed.max(1)))
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

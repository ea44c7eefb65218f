//! A daemon: its devices, its clock, and those who ask something of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use slpsim_console::{Role, Session};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Boot, Device, DriverError, Order, advance, console, names};
use crate::clock::Clock;
use crate::control::console::Shown;
use crate::control::{self, Answer, Asked, Request};
use crate::kept_clock::{KeptClock, RENEW_EVERY};
use crate::signals::{self, Signals};
use crate::time::print_time;

/// How long devices may take to end; the daemon has two seconds (`interface.md` §1), and mock and log follow.
const GRACE: Duration = Duration::from_millis(1200);

/// Longest move of the clock, as [`slpsim_config::parse_span`] limits it.
const LONGEST_MOVE_MS: u64 = 36_525 * 86_400_000;

/// Longest output of the lines of one request, in bytes: as JSON it fits into an answer of [`control::MAX_ANSWER`].
const MAX_OUTPUT: usize = control::MAX_ANSWER / 8;

/// Who has the clock of the peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerClock {
    /// The peer is embedded and uses this daemon's clock.
    Ours,
    /// The peer has its own; why the clock cannot be moved, in one line.
    Theirs(String),
}

/// A device of a daemon.
#[derive(Debug)]
pub struct Handle {
    name: Arc<str>,
    orders: mpsc::Sender<Order>,
    task: JoinHandle<Result<(), DriverError>>,
}

impl Handle {
    /// Starts driving `device`.
    #[must_use]
    pub fn spawn(device: Device, boot: Boot) -> Self {
        let name = Arc::clone(&device.parts().name);
        let (orders, mailbox) = mpsc::channel(64);
        Self { name, orders, task: tokio::spawn(device.run(boot, mailbox)) }
    }

    /// Where its orders go.
    #[must_use]
    pub const fn orders(&self) -> &mpsc::Sender<Order> {
        &self.orders
    }

    /// Its name in configurations.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// All that a daemon drives.
#[derive(Debug)]
pub struct Host {
    /// The devices, in order.
    pub devices: Vec<Handle>,
    /// Their clock.
    pub clock: Clock,
    /// Its place in the state folder.
    pub kept: KeptClock,
    /// Whether `advance` may move it.
    pub peer_clock: PeerClock,
}

/// What requests are answered from.
#[derive(Clone)]
struct Desk {
    devices: Arc<[(Arc<str>, mpsc::Sender<Order>)]>,
    clock: Clock,
    kept: Arc<Mutex<KeptClock>>,
    peer_clock: Arc<PeerClock>,
    /// Held while the clock is moved.
    moving: Arc<tokio::sync::Mutex<()>>,
}

impl Host {
    /// Serves until the system asks for the end, or a device cannot go on. `reload` is called at SIGHUP.
    ///
    /// # Errors
    /// Where a device, or the clock, could not be kept durable.
    pub async fn serve(
        self,
        mut asked: mpsc::Receiver<Asked>,
        mut signals: Signals,
        mut reload: impl FnMut(),
    ) -> Result<()> {
        let mut tasks = JoinSet::new();
        let mut devices = Vec::new();
        for Handle { name, orders, task } in self.devices {
            devices.push((Arc::clone(&name), orders));
            tasks.spawn(async move { (name, task.await) });
        }
        let desk = Desk {
            devices: devices.into(),
            clock: self.clock,
            kept: Arc::new(Mutex::new(self.kept)),
            peer_clock: Arc::new(self.peer_clock),
            moving: Arc::default(),
        };
        desk.keep_time()?;
        let mut renew = interval(RENEW_EVERY);
        renew.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let result = loop {
            tokio::select! {
                signal = signals.next() => match signal {
                    signals::Asked::End => break Ok(()),
                    signals::Asked::Reload => reload(),
                },
                Some(ended) = tasks.join_next() => break Err(broken(ended)),
                Some(asked) = asked.recv() => {
                    let desk = desk.clone();
                    tokio::spawn(async move { desk.take(asked).await });
                }
                _ = renew.tick() => if let Err(error) = desk.keep_time() {
                    break Err(error);
                },
            }
        };
        desk.end(tasks).await;
        result
    }
}

fn broken(ended: Result<(Arc<str>, Ended), tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok((name, Ok(Ok(())))) => anyhow!("device {name} ended by itself"),
        Ok((name, Ok(Err(error)))) => anyhow::Error::new(error).context(format!("device {name}")),
        Ok((_, Err(error))) | Err(error) => anyhow::Error::new(error).context("a device broke off"),
    }
}

type Ended = Result<Result<(), DriverError>, tokio::task::JoinError>;

impl Desk {
    async fn take(&self, asked: Asked) {
        match asked {
            Asked::Answer { request, answer } => {
                // Whoever asked may have gone.
                let _ = answer.send(self.answer(request).await);
            }
            Asked::Console { wish, wire } => match self.device(wish.device.as_deref()) {
                Ok(orders) => console::serve(orders.clone(), &wish, wire).await,
                Err(why) => {
                    let _ = wire.shown.send(Shown::Refused { why }).await;
                }
            },
        }
    }

    async fn answer(&self, request: Request) -> Answer {
        match request {
            Request::Exec { device, lines } => self.exec(device.as_deref(), lines).await,
            Request::Advance { ms } => self.advance(ms).await,
            Request::Event { device, event } => self.event(device.as_deref(), event).await,
            Request::Status => self.status().await,
            Request::Console(_) => Err("a console is a connection of its own".into()),
        }
        .unwrap_or_else(|why| Answer::Refused { why })
    }

    async fn exec(&self, device: Option<&str>, lines: Vec<String>) -> Result<Answer, String> {
        let orders = self.device(device)?;
        let mut session = Session::new(Role::Admin);
        // Nobody is there to answer questions.
        session.terminal.dont_ask = true;
        let (text, error) = exec(orders, session, &lines).await?;
        Ok(Answer::Exec { text, error })
    }

    async fn event(&self, device: Option<&str>, event: control::Event) -> Result<Answer, String> {
        let happened = ask(self.device(device)?, move |device| device.happens(event)).await?;
        Ok(Answer::Event { units: happened? })
    }

    fn device(&self, wanted: Option<&str>) -> Result<&mpsc::Sender<Order>, String> {
        let names = || self.devices.iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(", ");
        match (wanted, &*self.devices) {
            (None, [(_, only)]) => Ok(only),
            (None, _) => Err(format!("several devices: say which with --device ({})", names())),
            (Some(wanted), devices) => devices
                .iter()
                .find(|(name, _)| &**name == wanted)
                .map(|(_, orders)| orders)
                .ok_or_else(|| format!("no device {wanted:?} here; there is {}", names())),
        }
    }

    async fn advance(&self, ms: u64) -> Result<Answer, String> {
        if let PeerClock::Theirs(why) = &*self.peer_clock {
            return Err(why.clone());
        }
        if ms > LONGEST_MOVE_MS {
            return Err("the clock is moved by at most 100 years at a time".into());
        }
        let _moving = self.moving.try_lock().map_err(|_| "the clock is being moved already")?;
        // Time that has been seen must not come again, should the process die on the way.
        let target = self.clock.wall().plus_millis(i64::try_from(ms).unwrap_or(i64::MAX));
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let until = kept.start_at(target);
            kept.save(until).map_err(|error| format!("{error:#}"))?;
        }
        let devices: Vec<_> = self.devices.iter().map(|(_, orders)| orders.clone()).collect();
        advance(&self.clock, &devices, ms).await.map_err(|error| error.to_string())?;
        self.keep_time().map_err(|error| format!("{error:#}"))?;
        Ok(Answer::Advance { now: print_time(self.clock.wall()) })
    }

    async fn status(&self) -> Result<Answer, String> {
        let mut status = control::Status {
            pid: std::process::id(),
            now: print_time(self.clock.wall()),
            ..control::Status::default()
        };
        for (name, orders) in &*self.devices {
            let next = ask(orders, |device| Ok(device.next_deadline())).await?;
            status.devices.push(name.to_string());
            status.next.push(next.map(|at| print_time(self.clock.wall_at(at))));
        }
        Ok(Answer::Status(status))
    }

    /// Reserves time ahead, where this daemon's clock is not simply the host's.
    fn keep_time(&self) -> Result<()> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.renew(&self.clock).context("the simulated time cannot be kept")
    }

    async fn end(self, mut tasks: JoinSet<(Arc<str>, Ended)>) {
        for (_, orders) in &*self.devices {
            // A full mailbox is one of a device that hangs; it is left to the grace.
            let _ = orders.try_send(Order::End);
        }
        let all = async {
            while let Some(ended) = tasks.join_next().await {
                match ended {
                    Ok((_, Ok(Ok(())))) => {}
                    other => tracing::error!("{:#}", broken(other)),
                }
            }
        };
        if timeout(GRACE, all).await.is_err() {
            tracing::warn!(
                "a device did not come to its end in time; it goes on from its last durable state"
            );
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = kept.save(self.clock.wall()) {
            tracing::error!("the simulated time cannot be kept: {error:#}");
        }
    }
}

/// Runs lines in one session: what they print, and whether one was answered with an error.
pub(super) async fn exec(
    orders: &mpsc::Sender<Order>,
    mut session: Session,
    lines: &[String],
) -> Result<(String, bool), String> {
    let (mut text, mut error) = (String::new(), false);
    for (number, line) in (1..).zip(lines) {
        let (after, reply) = names::line(orders, session, line).await?;
        session = after;
        if text.len().saturating_add(reply.text.len()) > MAX_OUTPUT {
            return Err(format!(
                "with line {number}, which was run, the output is longer than {MAX_OUTPUT} bytes: ask for less at a time, or use `slpsim console`"
            ));
        }
        text.push_str(&reply.text);
        error |= reply.error;
        if reply.closed {
            break;
        }
    }
    Ok((text, error))
}

/// Lets `look` at a device between two of its steps.
pub(crate) async fn ask<T: Send + 'static>(
    orders: &mpsc::Sender<Order>,
    look: impl FnOnce(&mut Device) -> Result<T, DriverError> + Send + 'static,
) -> Result<T, String> {
    let (answer, answered) = oneshot::channel();
    let look = Order::Look(Box::new(move |device| {
        // Whoever asked may have gone.
        let _ = answer.send(look(device)?);
        Ok(())
    }));
    orders.send(look).await.map_err(|_| "the device has ended".to_owned())?;
    answered.await.map_err(|_| "the device has ended".to_owned())
}

//! Lines over a connection that may break: TCP, TLS, Unix stream (`spec/logs.md` §8).
//!
//! A broken connection is made again, with a pause that doubles up to [`PAUSE_MAX`]. Sending goes on at the first line
//! that had not gone out whole, so that no line is sent twice. What the system had taken before the break and the
//! receiver never read is lost without a trace; RFC 6587 §3.3 has no answer to that.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use super::{OpenError, Sink, Taken};
use crate::batch::Batch;
use crate::framing::Framing;
use crate::queue::DRAIN;
use crate::stop::Stop;

/// The pause after the first failed attempt.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long the first connection may take to be made.
const DIAL: Duration = Duration::from_secs(10);
/// How long one of the next ones may: less than [`DRAIN`], so that an attempt does not hold up the end.
const REDIAL: Duration = Duration::from_secs(3);
/// A connection that lasted so long was a good one. After a shorter one there is a pause: there are receivers that accept
/// and close at once.
const STEADY: Duration = Duration::from_secs(1);
/// Single lines are gathered up to this many bytes, where nobody asks for a flush.
const GATHER: usize = 64 << 10;

/// Makes connections.
pub(super) trait Dial: Send + fmt::Debug {
    /// A connection.
    type Link: Link;

    /// Connects.
    fn dial(&self, within: Duration) -> io::Result<Self::Link>;

    /// The receiver, for people.
    fn name(&self) -> String;
}

/// A connection. Its writes return [`io::ErrorKind::WouldBlock`] now and then, so that the end can be noticed.
pub(super) trait Link: Send {
    /// Whether the receiver still listens, without waiting.
    fn check(&mut self) -> io::Result<()>;

    /// Sends some of `bytes` and says how many can no longer be taken back.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Says that nothing follows, and waits until the receiver has closed too, at most until `until`.
    fn close(&mut self, until: Instant) -> io::Result<()>;
}

/// Sends lines over a connection, and makes it again when it breaks.
pub struct StreamSink<D: Dialer> {
    dial: D,
    link: Option<D::Link>,
    framing: Framing,
    gathered: Batch,
    stop: Stop,
    pause: Duration,
    /// When the connection was made.
    since: Instant,
    /// The last connection was no good one.
    brief: bool,
    reconnects: u64,
    lost: u64,
}

/// How a kind of stream is connected; the implementations are [`super::TcpSink`], [`super::TlsSink`] and
/// [`super::UnixStreamSink`].
#[expect(private_bounds, reason = "nobody outside makes another kind of stream")]
pub trait Dialer: Dial {}

impl<D: Dial> Dialer for D {}

impl<D: Dialer> StreamSink<D> {
    pub(super) fn open(dial: D, framing: Framing) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Receiver { receiver: dial.name(), source };
        let link = Some(dial.dial(DIAL).map_err(failed)?);
        let (gathered, stop) = (Batch::new(Some(framing)), Stop::default());
        let (since, pause) = (Instant::now(), PAUSE_MIN);
        Ok(Self { dial, link, framing, gathered, stop, pause, since, brief: false, reconnects: 0, lost: 0 })
    }

    /// How often the connection was made again.
    #[must_use]
    pub const fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// The connection, made again where it is broken; none where the end came first.
    fn connected(&mut self) -> io::Result<&mut D::Link> {
        if self.link.is_none() {
            self.link = Some(self.reconnect()?);
        }
        self.link.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    fn reconnect(&mut self) -> io::Result<D::Link> {
        if std::mem::take(&mut self.brief) && self.wait() {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "closed by the receiver"));
        }
        loop {
            let within = self.stop.until().map_or(REDIAL, |until| {
                until.saturating_duration_since(Instant::now()).min(REDIAL).max(Duration::from_millis(1))
            });
            match self.dial.dial(within) {
                Ok(link) => {
                    self.reconnects += 1;
                    self.since = Instant::now();
                    tracing::info!("log sink {}: connected again", self.dial.name());
                    return Ok(link);
                }
                Err(error) if self.wait() => return Err(error),
                Err(error) => {
                    tracing::debug!("log sink {}: {error}; next attempt follows", self.dial.name());
                }
            }
        }
    }

    /// Waits before the next attempt, each time longer; says whether the end came first.
    fn wait(&mut self) -> bool {
        let pause = self.pause;
        self.pause = (pause * 2).min(PAUSE_MAX);
        self.stop.wait(pause)
    }

    fn broken(&mut self, error: &io::Error) {
        self.brief = self.since.elapsed() < STEADY;
        if !self.brief {
            self.pause = PAUSE_MIN;
        }
        tracing::warn!("log sink {}: connection lost ({error}); it is made again", self.dial.name());
        self.link = None;
    }

    /// Sends all of `batch`, or as many lines as went out before the end.
    fn send(&mut self, batch: &Batch) -> Result<(), (usize, io::Error)> {
        let mut at = 0;
        loop {
            let sent = match self.connected() {
                Ok(link) => link.check().and_then(|()| send_all(link, batch.bytes(), &mut at)),
                Err(error) => return Err((batch.whole_before(at).0, error)),
            };
            match sent {
                Ok(()) if at == batch.bytes().len() => {
                    return Ok(());
                }
                Ok(()) if self.stop.is_over() => {
                    let error =
                        io::Error::new(io::ErrorKind::TimedOut, "the receiver does not take its lines");
                    return Err((batch.whole_before(at).0, error));
                }
                Ok(()) => {}
                Err(error) => {
                    self.broken(&error);
                    let (whole, begin) = batch.whole_before(at);
                    if self.stop.is_over() {
                        return Err((whole, error));
                    }
                    at = begin;
                }
            }
        }
    }

    fn send_gathered(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let mut batch = std::mem::take(&mut self.gathered);
        let sent = self.send(&batch).map_err(|(lines, error)| {
            self.lost += u64::try_from(batch.len() - lines).unwrap_or(0);
            error
        });
        batch.clear();
        self.gathered = batch;
        sent
    }
}

/// Sends from `at` on until everything is out or the link wants a pause.
fn send_all(link: &mut impl Link, bytes: &[u8], at: &mut usize) -> io::Result<()> {
    while let Some(rest) = bytes.get(*at..).filter(|rest| !rest.is_empty()) {
        match link.send(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(sent) => *at += sent,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if is_pause(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// What a socket with a time limit says when the limit is over.
pub(super) fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

impl<D: Dialer> Sink for StreamSink<D> {
    /// Single lines are sent with the next flush, or when many have gathered.
    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.gathered.push(line);
        if self.gathered.bytes().len() < GATHER {
            return Ok(());
        }
        let before = self.lost;
        let sent = self.send_gathered();
        // The caller counts this line as refused already.
        self.lost -= u64::from(sent.is_err() && self.lost > before);
        sent
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_gathered()
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn framing(&self) -> Option<Framing> {
        Some(self.framing)
    }

    fn write_batch(&mut self, batch: &Batch) -> Taken {
        if let Err(error) = self.send_gathered() {
            return Taken::first(batch, 0, Some(error));
        }
        if batch.framing() != Some(self.framing) {
            self.gathered.append(batch);
            return match self.send_gathered() {
                Ok(()) => Taken::all(batch),
                Err(error) => Taken { error: Some(error), ..Taken::all(batch) },
            };
        }
        match self.send(batch) {
            Ok(()) => Taken::all(batch),
            Err((lines, error)) => Taken::first(batch, lines, Some(error)),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.send_gathered()?;
        let until = self.stop.until().unwrap_or_else(|| Instant::now() + DRAIN);
        self.link.take().map_or(Ok(()), |mut link| link.close(until))
    }

    fn stop(&self) -> Option<Stop> {
        Some(self.stop.clone())
    }
}

impl<D: Dialer> fmt::Debug for StreamSink<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSink")
            .field("to", &self.dial.name())
            .field("framing", &self.framing)
            .field("connected", &self.link.is_some())
            .finish_non_exhaustive()
    }
}

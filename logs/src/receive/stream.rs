//! Connections of senders: one thread each.

use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::{self, Scope};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, poll};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Arrival, TICK};
use crate::batch::Batch;
use crate::framing::Framing;
use crate::receive::Deframer;
use crate::stop::Stop;

/// Bytes that are read at once.
const CHUNK: usize = 256 << 10;
/// Connections that are served at the same time; others are turned away.
const CONNECTIONS_MAX: usize = 1024;

/// Before the next attempt to take a connection, after one that failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves the connections of one listener.
pub(super) struct Accepting {
    pub(super) framing: Option<Framing>,
    pub(super) send: SyncSender<Arrival>,
    pub(super) stop: Stop,
}

impl Accepting {
    pub(super) fn tcp(&self, listener: &TcpListener, tls: Option<&Arc<ServerConfig>>) {
        self.accept(
            listener,
            |listener| {
                let (stream, peer) = listener.accept()?;
                stream.set_read_timeout(Some(TICK))?;
                stream.set_write_timeout(Some(Duration::from_secs(5)))?;
                Ok((stream, peer.to_string()))
            },
            |stream: TcpStream, from| match tls {
                None => self.read(stream, from),
                Some(config) => match ServerConnection::new(Arc::clone(config)) {
                    Ok(tls) => self.read(StreamOwned::new(tls, stream), from),
                    Err(error) => self.trouble(from, &io::Error::other(error)),
                },
            },
        );
    }

    pub(super) fn unix(&self, listener: &UnixListener) {
        self.accept(
            listener,
            |listener| {
                let (stream, _) = listener.accept()?;
                stream.set_read_timeout(Some(TICK))?;
                Ok((stream, "a local process".into()))
            },
            |stream: UnixStream, from| self.read(stream, from),
        );
    }

    fn accept<L: AsFd + Sync, S: Send>(
        &self,
        listener: &L,
        accept: impl Fn(&L) -> io::Result<(S, String)>,
        serve: impl Fn(S, &str) + Sync,
    ) {
        let served = std::sync::atomic::AtomicUsize::new(0);
        thread::scope(|scope| {
            while !self.stop.is_over() {
                let closing = self.stop.until().is_some();
                let mut ready = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
                let tick = if closing { 0 } else { u16::try_from(TICK.as_millis()).unwrap_or(100) };
                match poll(&mut ready, tick) {
                    Ok(1..) => {}
                    Ok(_) if closing => return,
                    Ok(_) | Err(_) => continue,
                }
                match accept(listener) {
                    Ok((stream, from)) => self.start(scope, &served, &serve, stream, from),
                    Err(error) => {
                        self.trouble("the next sender", &error);
                        // Without file descriptors, the next attempt would fail at once, too.
                        let _ = self.stop.wait(ACCEPT_PAUSE);
                    }
                }
            }
        });
    }

    fn start<'scope, 'env, S: Send + 'scope>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        served: &'scope std::sync::atomic::AtomicUsize,
        serve: &'scope (impl Fn(S, &str) + Sync),
        stream: S,
        from: String,
    ) {
        use std::sync::atomic::Ordering::Relaxed;
        if served.load(Relaxed) >= CONNECTIONS_MAX {
            let reason = format!("more than {CONNECTIONS_MAX} connections at the same time");
            return self.trouble(&from, &io::Error::other(reason));
        }
        served.fetch_add(1, Relaxed);
        let named = from.clone();
        let work = move || {
            serve(stream, &from);
            served.fetch_sub(1, Relaxed);
        };
        if let Err(error) = thread::Builder::new().name("log-receive".into()).spawn_scoped(scope, work) {
            served.fetch_sub(1, Relaxed);
            self.trouble(&named, &error);
        }
    }

    /// Reads a connection to its end.
    fn read(&self, mut stream: impl Read, from: &str) {
        let mut buffer = vec![0; CHUNK];
        let mut deframer = Deframer::new(self.framing);
        let mut batch = Batch::new(None);
        while !self.stop.is_over() {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(size) => {
                    let bytes = buffer.get(..size).unwrap_or_default();
                    let fed = deframer.feed(bytes, &mut batch);
                    if !self.hand_over(&mut batch) {
                        return;
                    }
                    if let Err(error) = fed {
                        return self.trouble(from, &io::Error::other(error));
                    }
                }
                // What had come is read; nothing more is waited for.
                Err(error) if is_pause(&error) && self.stop.until().is_some() => break,
                Err(error) if is_pause(&error) => {}
                Err(error) => {
                    self.trouble(from, &error);
                    break;
                }
            }
        }
        deframer.end(&mut batch);
        self.hand_over(&mut batch);
        if deframer.cut() > 0 {
            let reason =
                format!("{} lines were longer than {} bytes and cut", deframer.cut(), super::LINE_MAX);
            self.trouble(from, &io::Error::other(reason));
        }
    }

    /// Says whether anybody takes lines any more.
    fn hand_over(&self, batch: &mut Batch) -> bool {
        let full = std::mem::replace(batch, Batch::new(None));
        full.is_empty() || self.send.send(Arrival::Lines(full)).is_ok()
    }

    fn trouble(&self, from: &str, error: &io::Error) {
        // Nobody may be there any more to hear it.
        let _ = self.send.send(Arrival::Trouble(format!("{from}: {error}")));
    }
}

fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

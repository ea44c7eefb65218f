//! The other end: takes what senders of log lines send, over every transport that sinks have.

mod deframe;
mod stream;
mod tls;
mod url;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver as Channel, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub use deframe::{DeframeError, Deframer, LINE_MAX};
pub use url::{Listen, ListenError, TlsListen};

use nix::sys::socket::{setsockopt, sockopt};

use crate::batch::Batch;
use crate::framing::Framing;
use crate::queue::DRAIN;
use crate::stop::Stop;
use stream::Accepting;

/// Batches that wait for whoever takes them; then senders wait.
const WAITING: usize = 64;
/// How often a thread looks whether the end was asked for.
const TICK: Duration = Duration::from_millis(100);
/// Asked of the system for datagrams that wait; it may give less.
const UDP_BUFFER: usize = 8 << 20;

/// What arrives.
#[derive(Debug)]
pub enum Arrival {
    /// Lines of one sender, in its order.
    Lines(Batch),
    /// A connection, or part of one, that could not be understood; one line for people.
    Trouble(String),
}

/// A listener and the threads that serve it.
#[derive(Debug)]
pub struct Listener {
    url: Listen,
    certificate: Option<String>,
    arrivals: Channel<Arrival>,
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
    socket_file: Option<PathBuf>,
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The socket.
    #[error("cannot listen at {at}: {source}")]
    Socket {
        /// Where.
        at: String,
        /// Why.
        source: io::Error,
    },
    /// Certificate or key.
    #[error(transparent)]
    Tls(#[from] crate::sink::OpenError),
    /// No certificate could be made, or it does not go with its key.
    #[error("no TLS listener: {0}")]
    Certificate(String),
}

impl Listener {
    /// Listens. Port 0 is any that is free: [`Listener::url`] says which.
    ///
    /// # Errors
    /// Where the address is taken or not ours, or a file of a TLS listener cannot be used.
    pub fn open(url: &Listen) -> Result<Self, ReceiveError> {
        let failed = |source| ReceiveError::Socket { at: url.to_string(), source };
        let (send, arrivals) = sync_channel(WAITING);
        let stop = Stop::default();
        let mut listener = Self {
            url: url.clone(),
            certificate: None,
            arrivals,
            stop: stop.clone(),
            threads: Vec::new(),
            socket_file: None,
        };
        let thread = match url {
            Listen::Udp(address) => {
                let socket = udp(*address).map_err(failed)?;
                listener.url = url.at(socket.local_addr().map_err(failed)?);
                start(move || datagrams(&send, &stop, |buffer| socket.recv(buffer)))
            }
            Listen::Unix(path) => {
                let socket = unix(path, |path| UnixDatagram::bind(path)).map_err(failed)?;
                socket.set_read_timeout(Some(TICK)).map_err(failed)?;
                listener.socket_file = Some(path.clone());
                start(move || datagrams(&send, &stop, |buffer| socket.recv(buffer)))
            }
            Listen::UnixStream(path) => {
                let socket = unix(path, |path| UnixListener::bind(path)).map_err(failed)?;
                listener.socket_file = Some(path.clone());
                let accepting = Accepting { framing: None, send, stop };
                start(move || accepting.unix(&socket))
            }
            Listen::Tcp(address, framing) => {
                let socket = TcpListener::bind(address).map_err(failed)?;
                listener.url = url.at(socket.local_addr().map_err(failed)?);
                let accepting = Accepting { framing: *framing, send, stop };
                start(move || accepting.tcp(&socket, None))
            }
            Listen::Tls(wanted) => {
                let (config, made) = tls::config(wanted)?;
                listener.certificate = made;
                let socket = TcpListener::bind(wanted.address).map_err(failed)?;
                listener.url = url.at(socket.local_addr().map_err(failed)?);
                // RFC 5425 §4.3 has nothing else.
                let framing = Some(wanted.framing.unwrap_or(Framing::Octet));
                let accepting = Accepting { framing, send, stop };
                start(move || accepting.tcp(&socket, Some(&Arc::new(config))))
            }
        };
        listener.threads.push(thread.map_err(failed)?);
        Ok(listener)
    }

    /// Where it listens.
    #[must_use]
    pub const fn url(&self) -> &Listen {
        &self.url
    }

    /// Its address in the network, where it has one.
    #[must_use]
    pub const fn address(&self) -> Option<SocketAddr> {
        self.url.address()
    }

    /// The certificate that was made for it (PEM): what senders have to trust.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// What has arrived already and was not taken: nothing new is waited for. At most five seconds.
    pub fn rest(&self) -> impl Iterator<Item = Arrival> {
        self.stop.at(Instant::now() + DRAIN);
        // Ends with the last of the threads.
        self.arrivals.iter()
    }

    /// What arrives next; none after `within`.
    #[must_use]
    pub fn next(&self, within: Duration) -> Option<Arrival> {
        self.arrivals.recv_timeout(within).ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.at(Instant::now());
        // A thread may wait for room in the channel.
        while !self.threads.iter().all(JoinHandle::is_finished) {
            let _ = self.next(TICK);
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has printed so.
            let _ = thread.join();
        }
        if let Some(path) = &self.socket_file {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn start(work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("log-receive".into()).spawn(work)
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(TICK))?;
    // Less room than asked for is no error: the system has its limit (net.core.rmem_max), except for its administrator.
    if setsockopt(&socket, sockopt::RcvBufForce, &UDP_BUFFER).is_err() {
        let _ = setsockopt(&socket, sockopt::RcvBuf, &UDP_BUFFER);
    }
    Ok(socket)
}

/// Makes a socket file, private to its owner. One that a process left behind is replaced, where nobody listens at it.
fn unix<S>(path: &Path, bind: impl Fn(&Path) -> io::Result<S>) -> io::Result<S> {
    let socket = match bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let refused = |result: io::Result<()>| {
                result.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
            };
            let datagram = UnixDatagram::unbound()?;
            let stream = std::os::unix::net::UnixStream::connect(path).map(drop);
            let is_socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            if !is_socket || (!refused(datagram.connect(path)) && !refused(stream)) {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            bind(path)?
        }
        bound => bound?,
    };
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(socket)
}

/// Datagrams that are there already travel together.
fn datagrams(send: &SyncSender<Arrival>, stop: &Stop, receive: impl Fn(&mut [u8]) -> io::Result<usize>) {
    /// Lines of a batch at most.
    const TOGETHER: usize = 256;
    let mut buffer = vec![0; LINE_MAX];
    let mut batch = Batch::new(None);
    let mut since = Instant::now();
    while !stop.is_over() {
        let received = receive(&mut buffer);
        if let Ok(size) = received {
            if batch.is_empty() {
                since = Instant::now();
            }
            batch.push(buffer.get(..size).unwrap_or_default());
        }
        let due = batch.len() >= TOGETHER || since.elapsed() >= TICK || received.is_err();
        if due && !batch.is_empty() {
            let full = std::mem::replace(&mut batch, Batch::new(None));
            if send.send(Arrival::Lines(full)).is_err() {
                return;
            }
        }
        // Nothing is there any more, and nothing is waited for.
        if received.is_err() && stop.until().is_some() {
            return;
        }
    }
}

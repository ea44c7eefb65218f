//! Simulated time over real HTTP(S): the clock stands still while an exchange is open (`interface.md` §6).
//!
//! A year of real traffic passes in seconds and stays reproducible: nonces are keyed draws, certificates and time stamps
//! are judged by simulated clocks, and an outage is a port that really refuses connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use slpsim_policy::Wall;
use slpsim_transport::client::{Clock, Nonces};
use tokio::net::TcpSocket;
use tokio::runtime::{Builder, Runtime};

use crate::connect::Connect;
use crate::link::{Carried, Exchange, Link, Outages};

/// A link that carries each exchange over real sockets.
pub struct Lockstep {
    runtime: Runtime,
    wires: Wires,
    connects: Vec<Box<dyn Connect>>,
    /// When the peer cannot be reached.
    pub outages: Outages,
    last_detail: Option<String>,
}

impl std::fmt::Debug for Lockstep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lockstep").field("outages", &self.outages).finish_non_exhaustive()
    }
}

/// What real transports and servers have to be built with, so that they live in simulated time.
#[derive(Clone, Debug)]
pub struct Wires {
    /// The clock of the device whose exchange is open.
    pub device_clock: Arc<SharedClock>,
    /// True time, for the peer.
    pub true_clock: Arc<SharedClock>,
    /// The nonce of the exchange that is open.
    pub nonces: Arc<SharedNonce>,
    /// Closed in an outage.
    pub door: Arc<Door>,
}

impl Wires {
    /// Sets clocks and nonce for an exchange that begins.
    pub(crate) fn open(&self, exchange: &Exchange<'_>) {
        self.true_clock.set(exchange.at);
        self.device_clock.set(exchange.device_clock);
        self.nonces.0.store(exchange.nonce, Ordering::SeqCst);
    }
}

impl Lockstep {
    /// A link with a runtime of its own.
    ///
    /// # Errors
    /// Where the system gives no runtime or no port on the loopback.
    pub fn new(start: Wall) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let door = Arc::new(runtime.block_on(async { Door::new() })?);
        let wires = Wires {
            device_clock: Arc::new(SharedClock::at(start)),
            true_clock: Arc::new(SharedClock::at(start)),
            nonces: Arc::default(),
            door,
        };
        Ok(Self { runtime, wires, connects: Vec::new(), outages: Outages::default(), last_detail: None })
    }

    /// Clocks, nonces and door.
    #[must_use]
    pub const fn wires(&self) -> &Wires {
        &self.wires
    }

    /// The runtime, for a server that lives beside the devices.
    #[must_use]
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Adds what connects the next device, in the order of [`crate::World::add`].
    pub fn attach(&mut self, connect: Box<dyn Connect>) {
        self.connects.push(connect);
    }

    /// What the last exchange that failed says for diagnostics.
    #[must_use]
    pub fn last_detail(&self) -> Option<&str> {
        self.last_detail.as_deref()
    }
}

impl Link for Lockstep {
    fn carry(&mut self, exchange: &Exchange<'_>) -> Carried {
        self.wires.open(exchange);
        self.wires.door.closed.store(self.outages.in_force(exchange.at), Ordering::SeqCst);
        let Some(connect) = self.connects.get(exchange.device.0 as usize) else {
            return Carried { after: Duration::ZERO, result: Err(slpsim_agent::Failure::TransportMissing) };
        };
        // Each exchange goes by the configuration of its moment.
        let transport = connect.connect(exchange.config);
        let exchanged = self.runtime.block_on(transport.exchange(exchange.request, exchange.sender));
        self.last_detail = exchanged.detail;
        Carried { after: Duration::ZERO, result: exchanged.result }
    }
}

/// A clock that is set.
#[derive(Debug)]
pub struct SharedClock(AtomicI64);

impl SharedClock {
    fn at(wall: Wall) -> Self {
        Self(AtomicI64::new(wall.0))
    }

    fn set(&self, wall: Wall) {
        self.0.store(wall.0, Ordering::SeqCst);
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Wall {
        Wall(self.0.load(Ordering::SeqCst))
    }
}

/// A nonce that is set.
#[derive(Debug, Default)]
pub struct SharedNonce(AtomicU64);

impl Nonces for SharedNonce {
    fn next(&self) -> Option<u64> {
        Some(self.0.load(Ordering::SeqCst))
    }
}

/// Open, or closed by an outage: then every destination leads to a port at which nobody listens.
#[derive(Debug)]
pub struct Door {
    closed: AtomicBool,
    refusing: SocketAddr,
    /// Bound, but never listening: holds the port, and the system refuses connections to it.
    _socket: TcpSocket,
}

impl Door {
    fn new() -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { closed: AtomicBool::new(false), refusing: socket.local_addr()?, _socket: socket })
    }

    /// The port at which nobody listens.
    #[must_use]
    pub(crate) const fn address(&self) -> SocketAddr {
        self.refusing
    }

    /// Where everything leads now, if it is closed.
    #[must_use]
    pub fn refusing(&self) -> Option<SocketAddr> {
        self.closed.load(Ordering::SeqCst).then_some(self.refusing)
    }
}

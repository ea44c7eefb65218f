//! The console over SSH (RFC 4251 to 4254; `spec/console.md` §3).
//!
//! One task listens for a device, one supervises each connection, one serves each channel. The host key is made at the
//! first connection: a listener that nobody uses costs a socket and a task.

mod channel;
mod editor;
mod guard;
mod handler;
mod shell;
mod wire;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use russh::keys::PrivateKey;
use russh::server::{Config, run_stream};
use russh::{MethodKind, MethodSet, SshId};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use self::guard::Guarded;
use self::handler::{Connection, Visitor};
use super::host_key::host_key;
use super::{Gate, Limits, Target};

/// What the server says that it is (modelled on NX-OS, which runs OpenSSH).
const SOFTWARE: &str = concat!("SSH-2.0-slpsim_", env!("CARGO_PKG_VERSION"));
/// How often a silent client is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// After an accept that failed, most likely for want of file descriptors, others get time to close theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves SSH on `listener` until the task is aborted.
pub(super) fn listen(
    listener: std::net::TcpListener,
    target: Target,
    gate: Gate,
) -> io::Result<JoinHandle<()>> {
    let listener = TcpListener::from_std(listener)?;
    let door = Arc::new(Door::new(target, gate));
    Ok(tokio::spawn(accept(listener, door)))
}

async fn accept(listener: TcpListener, door: Arc<Door>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Ok(slot) = Arc::clone(&door.slots).try_acquire_owned() else {
                    tracing::debug!(
                        device = &*door.target.name,
                        "SSH: {peer} was turned away, all lines are in use"
                    );
                    continue;
                };
                // Keystrokes and their echo are small packets.
                let _ = stream.set_nodelay(true);
                let door = Arc::clone(&door);
                connections.spawn(async move {
                    door.serve(stream).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(device = &*door.target.name, "SSH: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// What all connections of a listener share.
pub(super) struct Door {
    target: Target,
    gate: Gate,
    slots: Arc<Semaphore>,
    config: OnceCell<Arc<Config>>,
}

impl Door {
    pub(super) fn new(target: Target, gate: Gate) -> Self {
        let slots = Arc::new(Semaphore::new(gate.limits.connections));
        Self { target, gate, slots, config: OnceCell::new() }
    }

    /// Serves one connection to its end.
    pub(super) async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let config = match self.config.get_or_try_init(|| self.configure()).await {
            Ok(config) => Arc::clone(config),
            Err(error) => {
                tracing::warn!(device = &*self.target.name, "SSH: {error:#}");
                return;
            }
        };
        let limits = &self.gate.limits;
        let connection = Arc::new(Connection::default());
        // Whatever ends this, the connection ends with it.
        let _cut_at_the_end = connection.cut.clone().drop_guard();
        let visitor = Visitor::new(self.target.clone(), self.gate.clone(), Arc::clone(&connection));
        let stream = Guarded::new(stream, connection.cut.clone(), limits.output_patience);
        let session = async {
            match run_stream(config, stream, visitor).await {
                Ok(session) => session.await,
                Err(error) => Err(error),
            }
        };
        tokio::pin!(session);
        let supervised = supervise(&connection, limits);
        tokio::select! {
            ended = &mut session => note_end(&self.target.name, ended),
            () = supervised => {
                // The stream now fails, and with it everything that waits for it.
                connection.cut.cancel();
                note_end(&self.target.name, session.await);
            }
        }
    }

    async fn configure(&self) -> Result<Arc<Config>> {
        let folder = self.target.keys.clone();
        let key = tokio::task::spawn_blocking(move || host_key(&folder)).await??;
        Ok(Arc::new(server_config(key, &self.gate.limits)))
    }
}

fn note_end(device: &str, ended: Result<(), russh::Error>) {
    if let Err(error) = ended {
        tracing::debug!(device, "SSH: {error}");
    }
}

/// Returns when the connection has to be cut: nobody has logged in in time, or nothing is asked for.
async fn supervise(connection: &Connection, limits: &Limits) {
    if timeout(limits.login_grace, connection.logged_in.notified()).await.is_err() {
        return;
    }
    loop {
        let without = connection.without_channel();
        sleep(limits.no_channel).await;
        if without.is_some() && without == connection.without_channel() {
            return;
        }
    }
}

fn server_config(key: PrivateKey, limits: &Limits) -> Config {
    let mut methods = MethodSet::empty();
    methods.push(MethodKind::PublicKey);
    methods.push(MethodKind::Password);
    Config {
        server_id: SshId::Standard(Cow::Borrowed(SOFTWARE)),
        methods,
        auth_rejection_time: limits.login_penalty,
        // OpenSSH asks first of all which methods there are; that is no attempt.
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![key],
        max_auth_attempts: limits.login_attempts,
        // Silence is for the shell to judge; the guard ends a client that does not read.
        inactivity_timeout: None,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 3,
        nodelay: true,
        ..Config::default()
    }
}

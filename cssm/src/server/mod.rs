//! The mock behind HTTP(S) listeners: for devices over TLS and in the clear, for operators on a listener of its own.

mod about;
mod archive;
mod bundle;
mod clock;
mod damage;
mod device;
mod forward;
mod journal;
pub mod listen;
mod manage;
mod metrics;
mod offline;
mod pki;
mod push;
mod remote;
mod rest;
mod schedule;
mod shared;
mod trouble;
mod upstream;
mod wire;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use slpsim_agent::Token;
use slpsim_policy::Wall;
use slpsim_transport::WireProfile;
use slpsim_transport::sign::Signer;
use tokio::sync::Semaphore;

pub use bundle::{FileError, Handover, Refused, Taken};
pub use clock::{Clock, SystemClock};
pub use offline::Offline;
pub use pki::{NAMES, PkiError};
pub use remote::{Remote, RemoteError};
pub use shared::Shared;
pub use upstream::{Upstream, UpstreamError};

use crate::config::Config;
use crate::cssm::{Cssm, ManageError, TokenWish};
use crate::peer::Role;
use forward::Forward;
use journal::{Journal, Lock};
use listen::Listening;
use pki::Pki;
use upstream::Link;

/// How a server is started. [`ServerConfig::default`] serves on loopback ports that the system chooses.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// What the mock is.
    pub mock: Config,
    /// Decides ids and tokens; without it the operating system does.
    pub seed: Option<u64>,
    /// The CSSM above a CSLU or On-Prem; without it such a mock is as connected as [`Config::connected`] says.
    pub upstream: Option<Upstream>,
    /// HTTPS for devices.
    pub listen: SocketAddr,
    /// HTTP for devices that talk to a CSLU.
    pub listen_plain: SocketAddr,
    /// HTTP for operators.
    pub listen_manage: SocketAddr,
    /// Addresses that are not loopback are allowed.
    pub allow_remote: bool,
    /// Management without a token; never beside [`ServerConfig::allow_remote`] on an address that is not loopback.
    pub manage_open: bool,
    /// The management token, where it must be a certain one.
    pub manage_token: Option<String>,
    /// The id token, where it must be a certain one.
    pub idtoken: Option<Token>,
    /// More names and addresses for the TLS certificate.
    pub tls_names: Vec<String>,
    /// Keeps keys, certificates and records, so that a restart keeps trust.
    pub state_dir: Option<PathBuf>,
    /// A licensing PKI that was made before, for many short-lived servers in one process; the state folder's own, where
    /// there is such a folder, comes before it.
    pub signer: Option<Arc<Signer>>,
    /// Words of the wire.
    pub wire: WireProfile,
    /// Middle of the validity of certificates; without it the clock's time at the start.
    pub reference: Option<Wall>,
    /// Open connections at one time, over all listeners.
    pub connections: usize,
    /// How long the body of a message may take.
    pub body_time: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            mock: Config::default(),
            seed: None,
            upstream: None,
            listen: any,
            listen_plain: any,
            listen_manage: any,
            allow_remote: false,
            manage_open: false,
            manage_token: None,
            idtoken: None,
            tls_names: Vec::new(),
            state_dir: None,
            signer: None,
            wire: WireProfile::default(),
            reference: None,
            connections: 4096,
            body_time: Duration::from_secs(20),
        }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address that others can reach.
    #[error("{0} is not a loopback address; a mock serves others only when that is asked for explicitly")]
    Remote(SocketAddr),
    /// Management without a token where others can reach it.
    #[error("management without a token is for loopback only, not for {0}")]
    OpenToAll(SocketAddr),
    /// A listener.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Keys or certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The CSSM above.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The mock itself.
    #[error(transparent)]
    Mock(#[from] ManageError),
    /// The operating system.
    #[error("the operating system gives no random numbers")]
    Random,
}

/// Where a server can be reached, as the ready file names it (`interface.md` §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Urls {
    /// Smart transport.
    pub smart: String,
    /// Call Home.
    pub callhome: String,
    /// CSLU.
    pub cslu: String,
    /// Base of the REST interface.
    pub rest: String,
    /// Management.
    pub manage: String,
    /// Metrics.
    pub metrics: String,
}

/// Starts servers.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Starts one; it serves when this returns. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Says in one line what is in the way.
    pub async fn start(config: ServerConfig, clock: Arc<dyn Clock>) -> Result<Running, StartError> {
        check(&config)?;
        let mut mock = config.mock;
        mock.seed = match config.seed {
            Some(seed) => seed,
            None => random_u64()?,
        };
        let forward = match &config.upstream {
            None => None,
            Some(_) if mock.role == Role::Cssm => return Err(UpstreamError::Role.into()),
            Some(upstream) => {
                mock.connected = true;
                mock.relay = true;
                let link = Link::new(upstream, config.allow_remote, Arc::clone(&clock))?;
                Some(Arc::new(Forward::new(link, upstream.url.clone())))
            }
        };
        let now = clock.now();
        let lock = config.state_dir.as_deref().map(Lock::take).transpose()?;
        if let Some(dir) = &config.state_dir {
            about::write(dir, &mock)?;
        }
        let (cssm, journal, idtoken) = records(mock, config.state_dir.as_deref(), config.idtoken, now, true)?;
        let manage_token = match (config.manage_open, config.manage_token) {
            (true, _) => None,
            (false, Some(token)) => Some(token),
            (false, None) => Some(random_token()?),
        };
        let reference = config.reference.unwrap_or(now);
        let pki = {
            let (dir, names, clock) = (config.state_dir, config.tls_names, Arc::clone(&clock));
            let signer = config.signer;
            let made = tokio::task::spawn_blocking(move || {
                Pki::open(dir.as_deref(), signer, &names, reference, clock)
            });
            made.await.map_err(|_| StartError::Random)??
        };
        let Pki { signer, mut ca_pem, tls } = pki;
        // Devices get objects of both, and verify them.
        ca_pem.extend(config.upstream.and_then(|upstream| upstream.ca_pem));
        let (mut shared, stop) =
            Shared::new((cssm, journal), signer, config.wire, clock, manage_token.clone(), config.body_time);
        shared.forward = forward;
        let shared = Arc::new(shared);
        let connections = Arc::new(Semaphore::new(config.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let devices = device::routes(Arc::clone(&shared));
        let operators = manage::routes(Arc::clone(&shared));
        let https = listen(config.listen, devices.clone(), Some(tls), &connections)?;
        let plain = listen(config.listen_plain, devices, None, &connections)?;
        let manage = listen(config.listen_manage, operators, None, &connections)?;
        let urls = Urls {
            smart: format!("https://{}/licservice/license", https.address),
            callhome: format!("https://{}/its/service/oddce/services/DDCEService", https.address),
            cslu: format!("http://{}/cslu/v1/pi", plain.address),
            rest: format!("https://{}/services/api/smart-accounts-and-licensing", https.address),
            manage: format!("http://{}/mock/v1", manage.address),
            metrics: format!("http://{}/metrics", manage.address),
        };
        if let Some(forward) = &shared.forward {
            tokio::spawn(forward::run(Arc::clone(&shared), Arc::clone(forward)));
        }
        tracing::debug!(smart = %urls.smart, cslu = %urls.cslu, manage = %urls.manage, "the mock serves");
        Ok(Running {
            urls,
            ca_pem,
            idtoken,
            manage_token,
            shared,
            stop,
            addresses: (https.address, plain.address),
            listening: vec![https, plain, manage],
            _lock: lock,
        })
    }
}

/// A server that serves. Dropping it closes everything at once; [`Running::shutdown`] lets open exchanges end.
pub struct Running {
    /// Where it can be reached.
    pub urls: Urls,
    /// What a client must trust, for TLS and for licensing objects (PEM).
    pub ca_pem: String,
    /// An id token of the default account, good for ever and for any number of devices. A secret.
    pub idtoken: Token,
    /// What an operator must show; none where management is open. A secret.
    pub manage_token: Option<String>,
    shared: Arc<Shared>,
    stop: tokio::sync::watch::Sender<bool>,
    /// Where devices reach it: HTTPS, and HTTP.
    pub addresses: (SocketAddr, SocketAddr),
    listening: Vec<Listening>,
    _lock: Option<Lock>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl Running {
    /// The mock itself, for steering in process.
    #[must_use]
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Returns when everything that devices have reported so far has its answer from the CSSM above; at once where there is
    /// none above. It may never come, so give it a time.
    pub async fn forwarded(&self) {
        if let Some(forward) = &self.shared.forward {
            forward.idle(&self.shared).await;
        }
    }

    /// Ends: takes nothing new, gives open exchanges a second, and returns when all listeners are closed.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        for listening in &self.listening {
            listening.handle.graceful_shutdown(Some(Duration::from_secs(1)));
        }
        for listening in std::mem::take(&mut self.listening) {
            if let Ok(Err(error)) = listening.task.await {
                tracing::warn!(%error, "a listener ended with an error");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        for listening in &self.listening {
            listening.handle.shutdown();
        }
    }
}

/// The mock with what it knew before, and its id token: the one asked for, the one from before, or a new one. The
/// accounts of `mock` come to those that it knew where they are `configured`.
fn records(
    mock: Config,
    dir: Option<&Path>,
    wanted: Option<Token>,
    now: Wall,
    configured: bool,
) -> Result<(Cssm, Option<Journal>, Token), StartError> {
    let mut cssm = Cssm::new(mock)?;
    let Some(dir) = dir else {
        let idtoken = cssm.make_token(now, &TokenWish { text: wanted, ..TokenWish::default() })?;
        return Ok((cssm, None, idtoken));
    };
    pki::make_dir(dir)?;
    let (path, text) = Journal::read(dir)?;
    if !text.is_empty() {
        cssm.restore(text.lines(), configured).map_err(|error| pki::damaged(path.clone(), &error))?;
    }
    let kept = dir.join("idtoken");
    let before = pki::read(Some(&kept))?.and_then(|(_, text)| Token::new(text.trim()).ok());
    let text = wanted.or(before);
    let known = text.clone().filter(|text| cssm.store().has_token(text.expose()));
    let idtoken = match known {
        Some(token) => token,
        None => cssm.make_token(now, &TokenWish { text, ..TokenWish::default() })?,
    };
    pki::write_secret(Some(&kept), idtoken.expose())?;
    let journal = Journal::begin(&path, &mut cssm)?;
    Ok((cssm, Some(journal), idtoken))
}

fn check(config: &ServerConfig) -> Result<(), StartError> {
    for address in [config.listen, config.listen_plain, config.listen_manage] {
        if !address.ip().is_loopback() && !config.allow_remote {
            return Err(StartError::Remote(address));
        }
    }
    if config.manage_open && !config.listen_manage.ip().is_loopback() {
        return Err(StartError::OpenToAll(config.listen_manage));
    }
    Ok(())
}

fn listen(
    address: SocketAddr,
    router: axum::Router,
    tls: Option<Arc<rustls::ServerConfig>>,
    connections: &Arc<Semaphore>,
) -> Result<Listening, StartError> {
    let bound = TcpListener::bind(address);
    bound
        .and_then(|listener| listen::serve(listener, router, tls, connections))
        .map_err(|source| StartError::Listen { address, source })
}

fn random_u64() -> Result<u64, StartError> {
    let mut bytes = [0; 8];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| StartError::Random)?;
    Ok(u64::from_le_bytes(bytes))
}

fn random_token() -> Result<String, StartError> {
    let mut bytes = [0; 24];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| StartError::Random)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

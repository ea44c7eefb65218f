//! The mock behind HTTP(S) listeners: for devices over TLS and in the clear, for operators on a listener of its own.

mod about;
mod archive;
mod bundle;
pub mod caller;
mod clock;
mod damage;
mod device;
mod forward;
pub mod listen;
mod manage;
mod metrics;
mod offline;
mod operators;
mod payloads;
mod pki;
mod push;
mod remote;
mod rest;
mod schedule;
mod shared;
mod store;
mod trouble;
mod upstream;
pub mod web;
mod wire;

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use serde::Serialize;
use slpsim_agent::Token;
use slpsim_policy::Wall;
use slpsim_transport::WireProfile;
use slpsim_transport::sign::Signer;
use tokio::sync::Semaphore;

pub use bundle::{FileError, Handover, Refused, Taken};
pub use clock::{Clock, SystemClock};
pub use manage::MAX_IMPORT;
pub use offline::{Offline, OfflineError};
pub use pki::{NAMES, PkiError};
pub use remote::{Remote, RemoteError};
pub use shared::Shared;
pub use store::{Boundary, StoreChoice, StoreError, StoreUrlError, Watch};
pub use upstream::{Upstream, UpstreamError};

use crate::config::Config;
use crate::cssm::{Cssm, ManageError, TokenWish};
use crate::peer::Role;
use forward::Forward;
use listen::Listening;
use pki::Pki;
use rest::AccessTokens;
use store::{Keeper, Vault, Wanted, kept};
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
    /// Keeps keys, certificates and records, so that a restart keeps trust; without one they live as long as the server.
    pub store: Option<StoreChoice>,
    /// Where the daemon that the mock belongs to keeps its time; noted in the store for [`Offline::open`].
    pub state: Option<PathBuf>,
    /// Who is told of the transactions of the store.
    pub watch: Option<Arc<dyn Watch>>,
    /// Who may log in to the pages on an address that is not loopback; nobody without it.
    pub doorman: Option<Arc<dyn web::Doorman>>,
    /// The pages want a log-in on loopback as well.
    pub always_log_in: bool,
    /// Switches of this process, for their pages.
    pub switches: Option<Arc<dyn web::Switches>>,
    /// A licensing PKI that was made before, for many short-lived servers in one process; the store's own, where there is
    /// a store, comes before it.
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
            store: None,
            state: None,
            watch: None,
            doorman: None,
            always_log_in: false,
            switches: None,
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
    /// What keeps the records.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mock itself.
    #[error(transparent)]
    Mock(#[from] ManageError),
    /// The time of a mock that does not run.
    #[error("{0}")]
    Time(String),
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
    /// The pages.
    pub web: String,
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
            Some(_) if matches!(config.store, Some(StoreChoice::Postgres(_))) => {
                return Err(UpstreamError::Several.into());
            }
            Some(upstream) => {
                mock.connected = true;
                mock.relay = true;
                let link = Link::new(upstream, config.allow_remote, Arc::clone(&clock))?;
                Some(Arc::new(Forward::new(link, upstream.url.clone())))
            }
        };
        let manage_token = match (config.manage_open, config.manage_token) {
            (true, _) => None,
            (false, Some(token)) => Some(token),
            (false, None) => Some(random_token()?),
        };
        let begin = Begin {
            now: clock.now(),
            reference: config.reference,
            idtoken: config.idtoken,
            signer: config.signer,
            names: config.tls_names,
            clock: Arc::clone(&clock),
            state: config.state,
        };
        let watch = config.watch;
        let store = config.store.map(|choice| Wanted { choice, watch });
        let opened = tokio::task::spawn_blocking(move || open(Cssm::new(mock)?, store, begin));
        let (keeper, begun) = opened.await.map_err(|_| StartError::Random)??;
        let Begun { pki: Pki { signer, mut ca_pem, tls }, idtoken, access_key } = begun;
        // Devices get objects of both, and verify them.
        ca_pem.extend(config.upstream.and_then(|upstream| upstream.ca_pem));
        let (mut shared, stop) =
            Shared::new(keeper, signer, config.wire, clock, manage_token.clone(), config.body_time);
        shared.forward = forward;
        shared.access = AccessTokens::under(&access_key);
        let shared = Arc::new(shared);
        let connections = Arc::new(Semaphore::new(config.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let devices = kept(device::routes(Arc::clone(&shared)), &shared)
            .layer(from_fn_with_state(Arc::clone(&shared), metrics::timed));
        let https = listen(config.listen, devices.clone(), Some(Arc::clone(&tls)), &connections)?;
        let plain = listen(config.listen_plain, devices, None, &connections)?;
        let (doorman, always_log_in, switches) = (config.doorman, config.always_log_in, config.switches);
        let house = operators::House { doorman, always_log_in, switches };
        let (manage, scheme) = operators::serve(config.listen_manage, house, &shared, tls, &connections)?;
        let urls = Urls {
            smart: format!("https://{}/licservice/license", https.address),
            callhome: format!("https://{}/its/service/oddce/services/DDCEService", https.address),
            cslu: format!("http://{}/cslu/v1/pi", plain.address),
            rest: format!("https://{}/services/api/smart-accounts-and-licensing", https.address),
            manage: format!("{scheme}://{}/mock/v1", manage.address),
            web: format!("{scheme}://{}/", manage.address),
            metrics: format!("{scheme}://{}/metrics", manage.address),
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
        let shared = Arc::clone(&self.shared);
        // What was changed last may still be on its way.
        if tokio::task::spawn_blocking(move || shared.keeper.end()).await.is_err() {
            tracing::error!("the store was not closed");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        for listening in &self.listening {
            listening.handle.shutdown();
        }
        self.shared.keeper.end();
    }
}

/// What a server needs before it serves.
struct Begin {
    now: Wall,
    reference: Option<Wall>,
    idtoken: Option<Token>,
    signer: Option<Arc<Signer>>,
    names: Vec<String>,
    clock: Arc<dyn Clock>,
    state: Option<PathBuf>,
}

impl Begin {
    /// The id token is the one asked for, the one from before, or a new one.
    fn run(self, cssm: &mut Cssm, mut vault: Option<&mut dyn Vault>) -> Result<Begun, StartError> {
        let before = match &mut vault {
            Some(vault) => vault.read("idtoken")?.and_then(|text| Token::new(text.trim()).ok()),
            None => None,
        };
        let text = self.idtoken.or(before);
        let known = text.clone().filter(|text| cssm.store().has_token(text.expose()));
        let idtoken = match known {
            Some(token) => token,
            None => cssm.make_token(self.now, &TokenWish { text, ..TokenWish::default() })?,
        };
        if let Some(vault) = &mut vault {
            vault.write("idtoken", idtoken.expose())?;
            about::write(*vault, cssm.config(), self.state.as_deref())?;
        }
        let kept = match &mut vault {
            Some(vault) => vault.read("access.key")?,
            None => None,
        };
        let access_key = match kept {
            Some(key) => key,
            None => {
                let key = random_token()?;
                if let Some(vault) = &mut vault {
                    vault.write("access.key", &key)?;
                }
                key
            }
        };
        let reference = self.reference.unwrap_or(self.now);
        let pki = Pki::open(vault, self.signer, &self.names, reference, self.clock)?;
        Ok(Begun { pki, idtoken, access_key })
    }
}

/// What it has then.
struct Begun {
    pki: Pki,
    idtoken: Token,
    /// Signs access tokens of the REST interface. A secret.
    access_key: String,
}

/// The mock with what it knew before.
fn open(mut cssm: Cssm, store: Option<Wanted>, begin: Begin) -> Result<(Keeper, Begun), StartError> {
    let Some(store) = store else {
        let begun = begin.run(&mut cssm, None)?;
        return Ok((Keeper::memory(cssm), begun));
    };
    let choice = store.choice.clone();
    let (keeper, begun) = Keeper::open(store, cssm, |cssm, vault| begin.run(cssm, Some(vault)))?;
    write_ca(&choice, &begun.pki)?;
    Ok((keeper, begun))
}

/// Beside the keys, what clients have to trust.
fn write_ca(store: &StoreChoice, pki: &Pki) -> Result<(), PkiError> {
    if let StoreChoice::Folder(dir) | StoreChoice::Journal(dir) = store {
        let path = dir.join("ca.pem");
        fs::write(&path, &pki.ca_pem).map_err(|source| PkiError::File { path, source })?;
    }
    Ok(())
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

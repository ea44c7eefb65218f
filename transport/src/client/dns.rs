//! Real name servers, asked over UDP and TCP, for what the simulated network leads to one.
//!
//! An answer is kept for its TTL of elapsed time, which a step of the wall clock does not change.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};

/// Time since some beginning, which never goes back. Scaled time runs faster than the host's.
pub trait Elapsed: Send + Sync {
    /// How long it is since then.
    fn elapsed(&self) -> Duration;
}

impl<F: Fn() -> Duration + Send + Sync> Elapsed for F {
    fn elapsed(&self) -> Duration {
        self()
    }
}

/// The host's own time.
impl Elapsed for Instant {
    fn elapsed(&self) -> Duration {
        Self::elapsed(self)
    }
}

/// Why a name server gave no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// NXDOMAIN.
    #[error("the name does not exist (NXDOMAIN)")]
    NoSuchName,
    /// The name exists, without an address.
    #[error("the name has no address")]
    NoAddress,
    /// The text is no name of the DNS (RFC 1035 §2.3.4).
    #[error("it is no name that a name server could be asked for")]
    NotAName,
    /// The server answers that it cannot say: SERVFAIL, REFUSED and the like.
    #[error("the name server at {0} answered {1}")]
    Server(SocketAddr, String),
    /// The server says nothing that can be read, in time.
    #[error("the name server at {0} does not answer: {1}")]
    NoAnswer(SocketAddr, String),
}

impl NameFault {
    /// Whether the next name server is worth a question; a server that knows better ends the search.
    #[must_use]
    pub const fn asks_the_next(&self) -> bool {
        match self {
            Self::Server(..) | Self::NoAnswer(..) => true,
            Self::NoSuchName | Self::NoAddress | Self::NotAName => false,
        }
    }
}

/// Asks name servers for one device, and remembers their answers.
pub struct Dns {
    elapsed: Arc<dyn Elapsed>,
    /// How long one server may take for one try, in wall time; there are [`Dns::TRIES`].
    timeout: Duration,
    cache: Mutex<Cache>,
}

type Cache = BTreeMap<(SocketAddr, String), Kept>;

struct Kept {
    outcome: Result<Vec<IpAddr>, NameFault>,
    until: Duration,
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Default for Dns {
    fn default() -> Self {
        Self::new(Arc::new(Instant::now()), Self::TIMEOUT)
    }
}

impl Dns {
    /// How long a server may take for one try (modelled).
    pub const TIMEOUT: Duration = Duration::from_secs(2);
    /// How often a server is asked before it counts as silent (modelled).
    pub const TRIES: usize = 2;
    /// Most answers that are kept; the one that ends first goes.
    pub const KEPT: usize = 256;
    /// Longest time for which an answer is kept (modelled).
    pub const LONGEST: Duration = Duration::from_secs(86_400);
    /// More addresses of a name than this are not looked at.
    pub const MOST_ADDRESSES: usize = 8;

    /// With a time for the cache and a time-out of wall time.
    #[must_use]
    pub fn new(elapsed: Arc<dyn Elapsed>, timeout: Duration) -> Self {
        Self { elapsed, timeout, cache: Mutex::default() }
    }

    /// The addresses of `name`, IPv4 before IPv6, never empty. Names of the DNS are taken as complete: no domain is
    /// appended. `from` is the address that the question comes from.
    ///
    /// # Errors
    /// What the server answered, or that it did not.
    pub async fn ask(
        &self,
        server: SocketAddr,
        name: &str,
        from: Option<IpAddr>,
    ) -> Result<Vec<IpAddr>, NameFault> {
        let key = (server, name.trim_end_matches('.').to_ascii_lowercase());
        if let Some(outcome) = self.kept(&key) {
            return outcome;
        }
        let mut query = Name::from_ascii(&key.1).map_err(|_| NameFault::NotAName)?;
        query.set_fqdn(true);
        let (outcome, ttl) = self.query(server, query, from).await;
        if let Some(ttl) = ttl {
            self.keep(key, &outcome, ttl);
        }
        outcome
    }

    fn kept(&self, key: &(SocketAddr, String)) -> Option<Result<Vec<IpAddr>, NameFault>> {
        let now = self.elapsed.elapsed();
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        match cache.get(key) {
            Some(kept) if now < kept.until => Some(kept.outcome.clone()),
            Some(_) => {
                cache.remove(key);
                None
            }
            None => None,
        }
    }

    fn keep(&self, key: (SocketAddr, String), outcome: &Result<Vec<IpAddr>, NameFault>, ttl: Duration) {
        let until = self.elapsed.elapsed() + ttl.min(Self::LONGEST);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= Self::KEPT {
            let first = cache.iter().min_by_key(|(_, kept)| kept.until).map(|(key, _)| key.clone());
            if let Some(first) = first {
                cache.remove(&first);
            }
        }
        cache.insert(key, Kept { outcome: outcome.clone(), until });
    }

    /// The outcome, and for how long it holds; faults of the server hold for no time.
    async fn query(&self, server: SocketAddr, name: Name, from: Option<IpAddr>) -> Outcome {
        let resolver = match self.resolver(server, from) {
            Ok(resolver) => resolver,
            Err(error) => return (Err(NameFault::NoAnswer(server, error.to_string())), None),
        };
        let v4 = addresses(server, &resolver, name.clone(), RecordType::A).await;
        match v4 {
            // The name exists and has no address of this kind; it may have one of the other.
            (Err(NameFault::NoAddress), _) => addresses(server, &resolver, name, RecordType::AAAA).await,
            other => other,
        }
    }

    fn resolver(&self, server: SocketAddr, from: Option<IpAddr>) -> Result<TokioResolver, NetError> {
        let bind = from.filter(|from| from.is_ipv4() == server.is_ipv4());
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection.bind_addr = bind.map(|address| SocketAddr::new(address, 0));
            connection
        });
        // A negative answer is an answer, whoever gives it.
        let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.timeout = self.timeout;
        options.attempts = Self::TRIES.saturating_sub(1);
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        // So that the TTL of a CNAME on the way counts as well.
        options.preserve_intermediates = true;
        builder.build()
    }
}

type Outcome = (Result<Vec<IpAddr>, NameFault>, Option<Duration>);

async fn addresses(server: SocketAddr, resolver: &TokioResolver, name: Name, kind: RecordType) -> Outcome {
    match resolver.lookup(name, kind).await {
        Ok(lookup) => {
            let ttl = lookup.answers().iter().map(|record| record.ttl).min();
            let found: Vec<_> = lookup
                .answers()
                .iter()
                .filter_map(|record| record.data.ip_addr())
                .take(Dns::MOST_ADDRESSES)
                .collect();
            let outcome = if found.is_empty() { Err(NameFault::NoAddress) } else { Ok(found) };
            (outcome, ttl.map(|ttl| Duration::from_secs(ttl.into())))
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
            let ttl = none.negative_ttl.map(|ttl| Duration::from_secs(ttl.into()));
            let code = none.response_code;
            if code == ResponseCode::NXDomain {
                (Err(NameFault::NoSuchName), ttl)
            } else if code == ResponseCode::NoError {
                (Err(NameFault::NoAddress), ttl)
            } else {
                (Err(NameFault::Server(server, code.to_string())), None)
            }
        }
        Err(NetError::Dns(DnsError::ResponseCode(code))) => {
            (Err(NameFault::Server(server, code.to_string())), None)
        }
        Err(error) => (Err(NameFault::NoAnswer(server, error.to_string())), None),
    }
}

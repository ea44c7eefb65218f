//! One exchange over HTTP or HTTPS: bytes out, bytes in, or the row of `spec/messages.md` §5.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::header::{CONNECTION, CONTENT_TYPE, HOST};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, redirect, retry};
use rustls::pki_types::ServerName;
use slpsim_agent::Failure;

use super::call::{Answer, Call, CarryError, Clock, Limits};
use super::classify::{Stage, failure_of, reason};
use super::kept::{self, Kept};
use super::proxy::Proxy;
use super::route::{Destination, Resolve, find, find_behind_proxy};
use super::tls::{Anchors, client_config};

/// Carries exchanges for one device.
///
/// Each exchange has a connection of its own: nothing is pooled and no TLS session resumed, so that what is wrong with
/// the network or a certificate shows at the next exchange. [`Carrier::kept`] is the exception, for load. Redirects are not followed; cookies, compression and the
/// proxy variables of the environment are unknown here.
#[derive(Clone)]
pub struct Carrier {
    /// By which certificates are judged.
    pub clock: Arc<dyn Clock>,
    /// Where names and addresses lead.
    pub network: Arc<dyn Resolve>,
    /// Whom TLS trusts.
    pub anchors: Anchors,
    /// Bounds of time and size.
    pub limits: Limits,
    /// Whether unmapped destinations outside loopback may be reached; Cisco's own servers may not even then.
    pub allow_external: bool,
    /// Proxy for all destinations.
    pub proxy: Option<Proxy>,
    /// Source address of connections.
    pub source: Option<IpAddr>,
    /// Connections that stay open, shared with other devices.
    pub kept: Option<Kept>,
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier")
            .field("anchors", &self.anchors.len())
            .field("limits", &self.limits)
            .field("allow_external", &self.allow_external)
            .field("proxy", &self.proxy)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Carrier {
    /// One that trusts nobody, stays on loopback and has the ordinary limits.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, network: Arc<dyn Resolve>) -> Self {
        let limits = Limits::default();
        Self {
            clock,
            network,
            anchors: Anchors::none(),
            limits,
            allow_external: false,
            proxy: None,
            source: None,
            kept: None,
        }
    }

    /// Posts `call` and reads the answer.
    ///
    /// # Errors
    /// Every end without a 2xx answer that has a body, as the row of `spec/messages.md` §5.
    pub async fn post(&self, call: &Call) -> Result<Answer, CarryError> {
        if call.body.len() > self.limits.request_bytes {
            let (size, limit) = (call.body.len(), self.limits.request_bytes);
            let why = format_args!("the request has {size} bytes, the limit is {limit}: nothing sent");
            return Err(CarryError::new(Failure::TooLarge, why));
        }
        let target = Target::parse(&call.url)?;
        let exchange = self.exchange(call, &target);
        tokio::time::timeout(self.limits.total, exchange).await.unwrap_or_else(|_elapsed| {
            let why = format_args!("{target}: no whole answer within {:?}", self.limits.total);
            Err(CarryError::new(Failure::Unreachable, why))
        })
    }

    /// Whether a name or address leads anywhere, without sending anything.
    ///
    /// # Errors
    /// As [`Carrier::post`] would fail for it.
    pub async fn look_up(&self, host: &str, port: u16) -> Result<(), CarryError> {
        let found = find(&*self.network, self.allow_external, host, port);
        match tokio::time::timeout(self.limits.total, found).await {
            Ok(found) => found.map(|_destination| ()),
            Err(_elapsed) => {
                let why = format_args!("{host} does not resolve: no answer within {:?}", self.limits.total);
                Err(CarryError::new(Failure::Resolve, why))
            }
        }
    }

    async fn exchange(&self, call: &Call, target: &Target) -> Result<Answer, CarryError> {
        let (network, external) = (&*self.network, self.allow_external);
        let proxy = self.find_proxy().await?;
        let destination = match proxy {
            Some(_) => find_behind_proxy(network, external, target.host(), target.port).await?,
            None => find(network, external, target.host(), target.port).await?,
        };
        let stage = Stage { in_body: false, proxy: proxy.is_some(), source: self.source.is_some() };
        let leg = Leg::plan(target, &destination, proxy.is_some())?;
        let make = || self.client(&leg, &destination, proxy);
        let client = match &self.kept {
            Some(kept) => kept.client(&target.to_string(), make),
            None => make(),
        };
        let client = client.map_err(|why| {
            CarryError::new(Failure::NotReady, format_args!("{target}: no HTTP client: {why}"))
        })?;
        let mut request = client.post(leg.url).header(HOST, target.authority());
        if self.kept.is_none() {
            request = request.header(CONNECTION, "close");
        }
        let response = request
            .header(CONTENT_TYPE, call.content_type)
            .body(call.body.clone())
            .send()
            .await
            .map_err(|error| failed(target, stage, error))?;
        self.read(target, response, Stage { in_body: true, ..stage }).await
    }

    async fn find_proxy(&self) -> Result<Option<(SocketAddr, &Proxy)>, CarryError> {
        let Some(proxy) = &self.proxy else { return Ok(None) };
        match find(&*self.network, self.allow_external, &proxy.host, proxy.port).await {
            Ok(found) => Ok(found.addresses.first().map(|address| (*address, proxy))),
            // `spec/messages.md` §5: an unresolved proxy keeps the exchange from beginning.
            Err(error) if error.failure == Failure::Resolve && !error.refused => {
                Err(CarryError::new(Failure::NotReady, format_args!("proxy: {error}")))
            }
            Err(error) => Err(CarryError { detail: format!("proxy: {error}"), ..error }),
        }
    }

    fn client(
        &self,
        leg: &Leg,
        destination: &Destination,
        proxy: Option<(SocketAddr, &Proxy)>,
    ) -> Result<Client, Box<dyn Error>> {
        let first = proxy.map(|(address, _)| address).or_else(|| destination.addresses.first().copied());
        // An address of the one kind cannot be the source of a connection of the other.
        let source = self.source.filter(|own| first.is_none_or(|first| first.is_ipv4() == own.is_ipv4()));
        let mut builder = ClientBuilder::new()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .referer(false)
            .retry(retry::never())
            .http1_only()
            .pool_max_idle_per_host(if self.kept.is_some() { usize::MAX } else { 0 })
            .pool_idle_timeout(kept::IDLE)
            .connect_timeout(self.limits.connect)
            .local_address(source);
        if let Some(name) = &leg.resolve {
            builder = builder.resolve_to_addrs(name, &destination.addresses);
        }
        if let Some((address, proxy)) = proxy {
            builder = builder.proxy(proxy.at(address)?);
        }
        // Also for plain HTTP: without a configuration of ours the client would ask the platform for its roots.
        let clock = self.kept.as_ref().map_or_else(|| Arc::clone(&self.clock), Kept::clock);
        let tls = client_config(&self.anchors, clock, leg.verify_as.clone())?;
        Ok(builder.tls_backend_preconfigured(tls).build()?)
    }

    async fn read(
        &self,
        target: &Target,
        mut response: Response,
        stage: Stage,
    ) -> Result<Answer, CarryError> {
        let status = response.status();
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            let why = format_args!("{target}: the proxy wants credentials (HTTP 407)");
            return Err(CarryError::new(Failure::Proxy, why));
        }
        // A status outside 2xx wins over an empty body (`spec/messages.md` §5).
        if !status.is_success() {
            let why = format_args!("{target}: the peer answered HTTP {}", status.as_u16());
            return Err(CarryError::new(Failure::HttpStatus(status.as_u16()), why));
        }
        let limit = self.limits.answer_bytes;
        let too_large = || {
            let why = format_args!("{target}: the answer has more than {limit} bytes and was cut");
            CarryError::new(Failure::BadReply, why)
        };
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > limit) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(target, stage, error))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        if body.is_empty() {
            let why = format_args!("{target}: HTTP {} without a body; wrong URL or port?", status.as_u16());
            return Err(CarryError::new(Failure::EmptyReply, why));
        }
        Ok(Answer { status: status.as_u16(), body })
    }
}

fn failed(target: &Target, stage: Stage, error: reqwest::Error) -> CarryError {
    let failure = failure_of(&error, stage);
    CarryError::new(failure, format_args!("{target}: {}", reason(&error)))
}

/// The configured URL, taken apart.
struct Target {
    url: Url,
    host: String,
    port: u16,
}

impl Target {
    fn parse(text: &str) -> Result<Self, CarryError> {
        if text.is_empty() {
            return Err(CarryError::new(Failure::NoUrl, "no URL is configured"));
        }
        let unusable = |why: &dyn fmt::Display| {
            CarryError::new(Failure::NotReady, format_args!("the configured URL cannot be used: {why}"))
        };
        let url = Url::parse(text).map_err(|error| unusable(&error))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable(&format_args!("scheme {:?} is neither http nor https", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(unusable(&"it holds a user name or password"));
        }
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(unusable(&"it names no host"));
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port, url })
    }

    fn host(&self) -> &str {
        &self.host
    }

    /// As the header `Host` has it (RFC 9110 §7.2): without the scheme's own port.
    fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }
}

impl fmt::Display for Target {
    /// Scheme, host and port; paths and queries may hold what is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.authority())
    }
}

/// What the HTTP client is told, so that it connects to the real address and still speaks of the configured host.
struct Leg {
    /// The configured URL with the real port and, where no name stands for it, the real address.
    url: Url,
    /// Name that the client looks up; it gets the real addresses.
    resolve: Option<String>,
    /// Name in the certificate, where the URL shows another one.
    verify_as: Option<ServerName<'static>>,
}

impl Leg {
    /// A name stays in the URL, so that SNI and the certificate check have it. An address in the URL is connected to
    /// as it stands, so a mapped one is replaced by the real one. A proxy gets the real address for what is mapped: it
    /// may be any proxy, and would take a mapped name of Cisco's to Cisco's own server.
    fn plan(target: &Target, destination: &Destination, proxied: bool) -> Result<Self, CarryError> {
        let mut url = target.url.clone();
        let is_name = target.host.parse::<IpAddr>().is_err();
        let resolve = (is_name && !proxied).then(|| target.host.clone());
        if !destination.mapped {
            return Ok(Self { url, resolve, verify_as: None });
        }
        let Some(real) = destination.addresses.first() else {
            return Err(CarryError::new(Failure::Resolve, format_args!("{target}: no addresses")));
        };
        let unusable =
            || CarryError::new(Failure::NotReady, format_args!("{target}: cannot be led to {real}"));
        url.set_port(Some(real.port())).map_err(|()| unusable())?;
        if resolve.is_some() {
            return Ok(Self { url, resolve, verify_as: None });
        }
        url.set_ip_host(real.ip()).map_err(|()| unusable())?;
        let name = ServerName::try_from(target.host.clone()).map_err(|_| unusable())?;
        Ok(Self { url, resolve: None, verify_as: Some(name) })
    }
}

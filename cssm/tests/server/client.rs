//! A device and an operator, as small as they can be.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use slpsim_agent::{
    IdCert, Measurement, PollId, ProfileId, Reason, Report, ReportId, Request, Role, Sender, Signer, Udi,
    Unit,
};
use slpsim_cssm::server::{Clock, Running, Server, ServerConfig};
use slpsim_policy::Wall;
use slpsim_transport::message::{DeviceMessage, ServerMessage, compose};
use slpsim_transport::sign::{DeviceKeys, Verifier};
use slpsim_transport::smart::{decode_response, encode_request};
use slpsim_transport::{Refusal, WireProfile};

pub(crate) const NOW: Wall = Wall::from_secs(1_772_445_600);

/// A clock that a test sets.
#[derive(Debug)]
pub(crate) struct TestClock(pub(crate) AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> Wall {
        Wall(self.0.load(Ordering::SeqCst))
    }
}

/// A server with an operator beside it.
pub(crate) struct World {
    pub(crate) server: Running,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) http: reqwest::Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(ServerConfig { seed: Some(7), ..ServerConfig::default() }).await
    }

    pub(crate) async fn with(config: ServerConfig) -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(NOW.0)));
        let server = Server::start(config, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap();
        let http = client(&server.ca_pem);
        Self { server, clock, http }
    }

    pub(crate) fn advance(&self, millis: i64) {
        self.clock.0.fetch_add(millis, Ordering::SeqCst);
    }

    pub(crate) fn token(&self) -> slpsim_agent::Token {
        self.server.idtoken.clone()
    }

    /// A management call with the right token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = format!("{}/{path}", self.server.urls.manage);
        let mut request = self.http.request(method, url);
        if let Some(token) = &self.server.manage_token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
    }

    pub(crate) async fn ok(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    /// The rule in the last entry of `GET requests`.
    pub(crate) async fn last_rule(&self) -> Option<String> {
        let list = self.ok("GET", "requests?limit=1", None).await;
        list[0]["rule"].as_str().map(ToOwned::to_owned)
    }
}

/// What came back from a POST.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) rule: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// A device.
pub(crate) struct Device {
    pub(crate) sender: Sender,
    pub(crate) keys: &'static DeviceKeys,
    pub(crate) nonce: u64,
    pub(crate) verifier: Verifier,
}

impl Device {
    pub(crate) fn new(world: &World, n: u32) -> Self {
        static KEYS: OnceLock<DeviceKeys> = OnceLock::new();
        let udi = Udi::new("N9K-C93180YC-FX3", &format!("FDO{n:08}")).unwrap();
        let sender = Sender {
            udi,
            units: vec![Unit { role: Role::Active, udi }],
            identity: None,
            profile: ProfileId::Nexus9000.profile(),
            hostname: Some("n9k-leaf-01".into()),
            send_version: true,
            standby_identity: None,
            custom_id: None,
        };
        Self {
            sender,
            keys: KEYS.get_or_init(|| DeviceKeys::generate().unwrap()),
            nonce: 1000,
            verifier: Verifier::root(&world.server.ca_pem).unwrap(),
        }
    }

    pub(crate) fn message(&mut self, world: &World, request: &Request) -> DeviceMessage {
        self.nonce += 1;
        compose(request, &self.sender, world.clock.now(), self.nonce)
    }

    pub(crate) fn encode(&self, message: &DeviceMessage) -> String {
        encode_request(message, Some(self.keys), &WireProfile::default()).unwrap().body
    }

    /// The bytes of the answer.
    pub(crate) async fn raw(&mut self, world: &World, url: &str, request: &Request) -> reqwest::Result<Raw> {
        let message = self.message(world, request);
        let body = self.encode(&message);
        post(&world.http, url, body).await
    }

    /// The answer, verified.
    pub(crate) async fn says(
        &mut self,
        world: &World,
        url: &str,
        request: &Request,
    ) -> Result<ServerMessage, Refusal> {
        let raw = self.raw(world, url, request).await.unwrap();
        assert_eq!(raw.status, 200, "{}", String::from_utf8_lossy(&raw.body));
        let received = decode_response(&raw.body, &self.verifier, &WireProfile::default())?;
        assert_eq!(received.notes, Vec::<String>::new(), "all objects in it are genuine");
        Ok(received.message)
    }

    /// Asks for trust and installs it.
    pub(crate) async fn gets_trust(&mut self, world: &World) -> IdCert {
        let request = self.trust(world);
        let answer = self.says(world, &world.server.urls.smart.clone(), &request).await.unwrap();
        let identity = answer.data.trust_codes[0].object.as_ref().unwrap().code.identity;
        self.sender.identity = Some(identity);
        identity
    }

    pub(crate) fn trust(&self, world: &World) -> Request {
        Request::Trust { token: world.token(), force: false, units: self.sender.units.clone() }
    }

    pub(crate) fn report(&self, id: u64) -> Report {
        let signer = self.sender.identity.map_or(Signer::Builtin, Signer::Id);
        Report {
            id: ReportId(id),
            previous: None,
            license: &self.sender.profile.licenses[0],
            signer,
            units: self.sender.units.clone(),
            measurements: vec![Measurement {
                start: NOW,
                end: NOW.plus_millis(120_000),
                value: 1,
                reason: Some(Reason::CurrentUsageRequested),
                clock_change_s: None,
            }],
        }
    }

    pub(crate) fn usage(&self, ids: &[u64]) -> Request {
        Request::Usage { reports: ids.iter().map(|id| self.report(*id)).collect() }
    }

    pub(crate) async fn reports(&mut self, world: &World, url: &str, ids: &[u64]) -> PollId {
        let request = self.usage(ids);
        self.says(world, url, &request).await.unwrap().data.poll_id.expect("a poll id")
    }
}

pub(crate) async fn post(
    http: &reqwest::Client,
    url: &str,
    body: impl Into<reqwest::Body>,
) -> reqwest::Result<Raw> {
    let response = http.post(url).header("content-type", "application/json").body(body).send().await?;
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
    };
    let (status, rule, retry_after) =
        (response.status().as_u16(), header("slpsim-rule"), header("retry-after"));
    Ok(Raw { status, rule, retry_after, body: response.bytes().await?.to_vec() })
}

/// A client that trusts `ca_pem` and nobody else.
pub(crate) fn client(ca_pem: &str) -> reqwest::Client {
    client_with(ca_pem, reqwest::redirect::Policy::default())
}

/// The same with a word on redirects.
pub(crate) fn client_with(ca_pem: &str, redirects: reqwest::redirect::Policy) -> reqwest::Client {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).redirect(redirects).no_proxy().build().unwrap()
}

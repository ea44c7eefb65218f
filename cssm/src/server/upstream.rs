//! The CSSM above a CSLU or On-Prem, as a client of its interfaces sees it: REST for reports (`spec/formats.md` §11),
//! the message handler for what a device asks CSSM itself.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, StatusCode, Url};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use slpsim_agent::{Account as Names, Udi, numbers};
use slpsim_policy::Wall;
use slpsim_transport::base64;
use tokio::sync::Mutex;

use super::clock::{Clock, TlsTime};
use super::trouble::Trouble;
use crate::relay::{Home, Outgoing};

/// Where the CSSM is.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Any URL of it: its origin, the base of its REST interface, or one of its device routes.
    pub url: String,
    /// Whom TLS to it trusts, and whose signatures pass on to devices (PEM); `http://` and trust that devices have
    /// anyway need none.
    pub ca_pem: Option<String>,
}

/// Why it cannot be used as upstream; the configuration is to blame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// The URL.
    #[error("upstream {0:?} is no http:// or https:// URL with a host: {1}")]
    Url(String, String),
    /// The host is not on this machine.
    #[error("upstream {0:?} is not on this machine; a mock leaves it only when that is asked for explicitly")]
    Remote(String),
    /// The host is Cisco's.
    #[error("upstream {0:?} is one of Cisco's own servers, which a mock never talks to")]
    Cisco(String),
    /// The CA file.
    #[error("the CA of the upstream cannot be used: {0}")]
    Ca(String),
    /// A CSSM has nothing above it.
    #[error("an upstream is for role cslu or on-prem; a CSSM has nothing above it")]
    Role,
    /// Each of several mocks would carry the same reports up.
    #[error(
        "a mock with an upstream cannot have PostgreSQL as store: several of them would share the reports that wait there, and each would carry the same ones up. Give this one a folder or sqlite:FILE as store; the CSSM above it may have PostgreSQL"
    )]
    Several,
}

/// How long reaching it may take, and a whole call. Wall time: nothing of it is the device's.
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(20);

/// What went wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CallError {
    /// It cannot be reached, or gives nobody access: nobody gets through at this time.
    #[error("{0}")]
    Down(String),
    /// This call failed; another one may get through.
    #[error("{0}")]
    Failed(String),
    /// It does not take this.
    #[error("{0}")]
    Refused(String),
}

/// What became of an upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Polled {
    /// Come back later.
    Working,
    /// ACK files by device.
    Acks(Vec<(Udi, Arc<str>)>),
    /// It knows nothing of it.
    Unknown,
}

/// A client with its access token.
pub(super) struct Link {
    http: Client,
    rest: String,
    token_url: String,
    message_url: Url,
    access: Mutex<Option<String>>,
    /// The accounts of CSSM as they were last listed; none are ever taken away.
    places: Mutex<Option<Vec<Place>>>,
}

/// An account of CSSM.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    names: Names,
    smart_id: String,
    virtual_id: String,
}

impl Link {
    pub(super) fn new(
        upstream: &Upstream,
        allow_remote: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, UpstreamError> {
        let url = Url::parse(&upstream.url);
        let url = url.map_err(|error| UpstreamError::Url(upstream.url.clone(), error.to_string()))?;
        check(&url, allow_remote)?;
        let origin = url.origin().ascii_serialization();
        let path = url.path().trim_end_matches('/');
        let is_base = path.ends_with("smart-accounts-and-licensing") || path.ends_with("software/apis");
        let base = if is_base { path } else { "/services/api/smart-accounts-and-licensing" };
        let tls = tls(upstream.ca_pem.as_deref(), clock)?;
        let http = Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(CALL)
            .build()
            .map_err(|error| UpstreamError::Ca(error.to_string()))?;
        Ok(Self {
            http,
            rest: format!("{origin}{base}"),
            token_url: format!("{origin}/as/token.oauth2"),
            message_url: Url::parse(&format!("{origin}/cslu/v1/pi"))
                .map_err(|error| UpstreamError::Url(upstream.url.clone(), error.to_string()))?,
            access: Mutex::new(None),
            places: Mutex::new(None),
        })
    }

    /// Passes a device's message on, byte for byte, and brings the answer back. A device that CSSM does not know joins the
    /// account of `home` there.
    pub(super) async fn pass(&self, message: Bytes, home: Option<&Home>) -> Result<Bytes, CallError> {
        let place = match home {
            Some(home) => self.place(home).await?,
            None => None,
        };
        let mut url = self.message_url.clone();
        if let (Some(place), Ok(mut path)) = (&place, url.path_segments_mut()) {
            // A tenant, as in the URL of an On-Prem (`spec/formats.md` §12).
            path.push(&format!("{}-1", place.names.r#virtual));
        }
        let call = self.http.post(url).header(CONTENT_TYPE, "application/json").body(message);
        let (status, bytes) = answer(call).await?;
        match status {
            StatusCode::OK => Ok(bytes),
            other => Err(CallError::Failed(format!("upstream answers a message with HTTP {other}"))),
        }
    }

    /// The account of CSSM that has the names of `home`; nothing where devices join the one of CSSM that asks for none.
    async fn place(&self, home: &Home) -> Result<Option<Place>, CallError> {
        let mut places = self.places.lock().await;
        let find = |places: &[Place]| places.iter().find(|place| place.names == home.names).cloned();
        if let Some(known) = &*places {
            let found = find(known);
            if found.is_some() || home.is_first {
                return Ok(found);
            }
        }
        let listed = self.call(Method::GET, "v2/accounts/search", &[], None).await;
        let listed = listed.and_then(|bytes| {
            // A server of somebody's own may list nothing, or in another form.
            let unusable = |error| CallError::Refused(format!("upstream lists no accounts: {error}"));
            serde_json::from_slice::<AccountsAnswer>(&bytes).map_err(unusable)
        });
        let found = match listed {
            Err(CallError::Refused(_)) if home.is_first => return Ok(None),
            listed => listed?,
        };
        let known = places.insert(found.places());
        match find(known) {
            None if !home.is_first => Err(CallError::Refused(format!(
                "upstream has no Virtual Account {:?} in {:?}; make it there, or move the device",
                home.names.r#virtual, home.names.smart
            ))),
            found => Ok(found),
        }
    }

    /// Uploads the reports of a device. The poll id of its ACK.
    pub(super) async fn upload(&self, now: Wall, outgoing: &Outgoing) -> Result<u64, CallError> {
        let mut headers = vec![("x-csw-requesting-system", sudi(&outgoing.udi).to_string())];
        if let Some(place) = self.place(&outgoing.home).await? {
            headers.push(("x-csw-smart-account-id", place.smart_id));
            headers.push(("x-csw-virtual-account-id", place.virtual_id));
        }
        let body = upload_body(now, outgoing);
        let answer = self.call(Method::POST, "v2/devices/reportusage", &headers, Some(&body)).await?;
        let answer: UploadAnswer = read(&answer)?;
        match (answer.status.as_str(), answer.poll_id) {
            ("OK_POLL", Some(poll_id)) => Ok(poll_id),
            // Uploaded before, and the answer was lost.
            ("FAILED", Some(poll_id)) => Ok(poll_id),
            (status, _) => Err(CallError::Refused(format!(
                "upstream answers an upload {status}: {}",
                answer.message.unwrap_or_default()
            ))),
        }
    }

    /// Asks for the ACKs of an upload.
    pub(super) async fn poll(&self, now: Wall, udi: &Udi, poll_id: u64) -> Result<Polled, CallError> {
        let body = json!({"data": {
            "timestamp": now.0, "nonce": poll_id.to_string(), "poll_id": poll_id, "action": "acknowledgements",
        }});
        let headers = [("x-csw-requesting-system", sudi(udi).to_string())];
        let answer: PollAnswer =
            read(&self.call(Method::POST, "v2/accounts/poll", &headers, Some(&body)).await?)?;
        match answer.status.as_str() {
            "OK_POLL" => Ok(Polled::Working),
            "COMPLETE" | "SUCCESS" => {
                let acks = answer.data.unwrap_or_default().acknowledgements;
                acks.into_iter().map(Acknowledgement::read).collect::<Result<_, _>>().map(Polled::Acks)
            }
            _ => Ok(Polled::Unknown),
        }
    }

    /// A REST call. An access token that is refused is replaced once.
    async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Option<&Value>,
    ) -> Result<Bytes, CallError> {
        for attempt in 0..2 {
            let token = self.token(attempt > 0).await?;
            let mut call =
                self.http.request(method.clone(), format!("{}/{path}", self.rest)).bearer_auth(token);
            for (name, value) in headers {
                call = call.header(*name, value);
            }
            if let Some(body) = body {
                call = call.header(CONTENT_TYPE, "application/json").body(body.to_string());
            }
            let (status, bytes) = answer(call).await?;
            match status {
                StatusCode::UNAUTHORIZED => {}
                status if status.is_success() => return Ok(bytes),
                status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                    return Err(CallError::Refused(format!("upstream answers {path} with HTTP {status}")));
                }
                status => {
                    return Err(CallError::Failed(format!("upstream answers {path} with HTTP {status}")));
                }
            }
        }
        Err(CallError::Down("upstream refuses its own access token".into()))
    }

    async fn token(&self, anew: bool) -> Result<String, CallError> {
        let mut access = self.access.lock().await;
        if let Some(token) = access.as_ref().filter(|_| !anew) {
            return Ok(token.clone());
        }
        *access = None;
        let call = self
            .http
            .post(&self.token_url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body("client_id=slpsim-cslu&client_secret=slpsim-cslu&grant_type=client_credentials");
        let (status, bytes) = answer(call).await?;
        if !status.is_success() {
            return Err(CallError::Down(format!("upstream gives no access token: HTTP {status}")));
        }
        let token = read::<TokenAnswer>(&bytes)?.access_token;
        Ok(access.insert(token).clone())
    }
}

/// A name or address of this machine; others only where that is allowed, and Cisco's never (`interface.md` §1).
pub(super) fn check(url: &Url, allow_remote: bool) -> Result<(), UpstreamError> {
    let text = || url.to_string();
    let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"));
    let wrong = || UpstreamError::Url(text(), format!("its scheme is {}", url.scheme()));
    let host = host.ok_or_else(wrong)?.trim_matches(['[', ']']).trim_end_matches('.');
    if host == "cisco.com" || host.ends_with(".cisco.com") {
        return Err(UpstreamError::Cisco(text()));
    }
    let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if local || allow_remote { Ok(()) } else { Err(UpstreamError::Remote(text())) }
}

fn tls(ca_pem: Option<&str>, clock: Arc<dyn Clock>) -> Result<ClientConfig, UpstreamError> {
    let wrong = |error: &dyn std::fmt::Display| UpstreamError::Ca(error.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default().as_bytes()) {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    if ca_pem.is_some() && roots.is_empty() {
        return Err(UpstreamError::Ca("no certificate in it".into()));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(TlsTime(clock)))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Status and body of an answer, within the size of a message.
async fn answer(call: reqwest::RequestBuilder) -> Result<(StatusCode, Bytes), CallError> {
    let lost = |error: reqwest::Error| {
        let Trouble { unreachable, words } = Trouble::of(&error);
        let words = format!("upstream: {words}");
        if unreachable { CallError::Down(words) } else { CallError::Failed(words) }
    };
    let mut response = call.send().await.map_err(lost)?;
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(lost)? {
        if body.len() + piece.len() > numbers::MESSAGE_SIZE {
            return Err(CallError::Failed("upstream sends more than 5000000 bytes".into()));
        }
        body.extend_from_slice(&piece);
    }
    Ok((response.status(), body.into()))
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a Bytes) -> Result<T, CallError> {
    serde_json::from_slice(bytes)
        .map_err(|error| CallError::Failed(format!("upstream sends something unexpected: {error}")))
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
}

#[derive(Deserialize)]
struct UploadAnswer {
    status: String,
    message: Option<String>,
    poll_id: Option<u64>,
}

#[derive(Deserialize)]
struct AccountsAnswer {
    accounts: Vec<SmartAccount>,
}

#[derive(Deserialize)]
struct SmartAccount {
    account_id: String,
    name: String,
    #[serde(default)]
    virtual_accounts: Vec<VirtualAccount>,
}

#[derive(Deserialize)]
struct VirtualAccount {
    name: String,
    virtual_account_id: String,
}

impl AccountsAnswer {
    fn places(self) -> Vec<Place> {
        let of_one = |SmartAccount { account_id, name, virtual_accounts }| {
            let place = move |one: VirtualAccount| Place {
                names: Names { smart: String::clone(&name), r#virtual: one.name },
                smart_id: String::clone(&account_id),
                virtual_id: one.virtual_account_id,
            };
            virtual_accounts.into_iter().map(place)
        };
        self.accounts.into_iter().flat_map(of_one).collect()
    }
}

#[derive(Deserialize)]
struct PollAnswer {
    status: String,
    data: Option<PollData>,
}

#[derive(Deserialize, Default)]
struct PollData {
    #[serde(default)]
    acknowledgements: Vec<Acknowledgement>,
}

#[derive(Deserialize)]
struct Acknowledgement {
    sudi: Sudi,
    smart_license: String,
}

#[derive(Deserialize)]
struct Sudi {
    udi_pid: String,
    udi_serial_number: String,
}

impl Acknowledgement {
    fn read(self) -> Result<(Udi, Arc<str>), CallError> {
        let wrong = |detail: String| CallError::Failed(format!("upstream sends an unusable ACK: {detail}"));
        let udi = Udi::new(&self.sudi.udi_pid, &self.sudi.udi_serial_number);
        let udi = udi.map_err(|error| wrong(error.to_string()))?;
        let bytes = base64::decode(&self.smart_license).map_err(|error| wrong(error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        Ok((udi, text.into()))
    }
}

/// The upload of what a device has pushed, an entry for each unit that it measures. The envelopes go as they came: what
/// was read into values keeps its members, their order and every text. Beside one that measures another unit stands who
/// reports it, so that the ACK comes to the device that waits for it (`reporting_device`; its contents are modelled).
fn upload_body(now: Wall, outgoing: &Outgoing) -> Value {
    let sudi = sudi(&outgoing.udi);
    let trust_requests = match outgoing.named {
        Some(_) => Vec::new(),
        None => vec![json!({"sudi": sudi})],
    };
    let mut usage: BTreeMap<Udi, Vec<Value>> = BTreeMap::new();
    for report in &outgoing.reports {
        let Ok(mut envelope) = serde_json::from_str::<Map<String, Value>>(&report.held.envelope) else {
            continue;
        };
        if report.udi != outgoing.udi {
            envelope.insert("reporting_device".into(), sudi.clone());
        }
        usage.entry(report.udi).or_default().push(Value::Object(envelope));
    }
    let entry = |(udi, usage): (Udi, Vec<Value>)| {
        json!({
            "sudi": self::sudi(&udi),
            "hostname": outgoing.hostname,
            "software_tag_identifier": outgoing.software_tag,
            "trust_requests": trust_requests,
            "usage": usage,
        })
    };
    let reports: Vec<Value> = usage.into_iter().map(entry).collect();
    let last = outgoing.reports.iter().map(|report| report.id.0).max();
    json!({"data": {
        "timestamp": now.0,
        "nonce": last.map_or_else(String::new, |last| last.to_string()),
        "sudi": sudi,
        "product_instance_identifier": outgoing.named.map(|instance| instance.to_string()),
        "reports": reports,
    }})
}

fn sudi(udi: &Udi) -> Value {
    json!({"udi_pid": udi.pid.as_str(), "udi_serial_number": udi.serial.as_str()})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::SystemClock;

    fn link(url: &str, allow_remote: bool) -> Result<Link, UpstreamError> {
        let upstream = Upstream { url: url.into(), ca_pem: None };
        Link::new(&upstream, allow_remote, Arc::new(SystemClock))
    }

    #[test]
    fn any_url_of_a_cssm_leads_to_its_interfaces() {
        for (url, rest) in [
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000/services/api/smart-accounts-and-licensing"),
            (
                "https://localhost:8443/licservice/license",
                "https://localhost:8443/services/api/smart-accounts-and-licensing",
            ),
            ("http://[::1]:80/v1/software/apis/", "http://[::1]/v1/software/apis"),
        ] {
            let link = link(url, false).unwrap();
            assert_eq!(link.rest, rest);
            assert!(link.message_url.path().ends_with("/cslu/v1/pi"));
        }
    }

    #[test]
    fn what_is_not_on_this_machine_is_refused_and_ciscos_servers_always() {
        let refusal = |url: &str, allow| link(url, allow).err().map(|error| error.to_string());
        assert!(refusal("ftp://127.0.0.1", true).unwrap().contains("no http"));
        assert!(refusal("nonsense", true).unwrap().contains("no http"));
        assert!(refusal("http://127.0.0.1:99999", true).unwrap().ends_with("invalid port number"));
        assert!(refusal("http://192.0.2.1", false).unwrap().contains("not on this machine"));
        assert_eq!(refusal("http://192.0.2.1", true), None);
        for url in ["https://swapi.cisco.com/", "https://SWAPI.CISCO.COM./", "https://cisco.com"] {
            assert!(refusal(url, true).unwrap().contains("Cisco's own"), "{url}");
        }
    }
}

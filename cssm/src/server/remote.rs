//! A running mock, for the commands that steer it through its management interface.

use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url};
use serde::Deserialize;

use super::bundle::{Handover, Refused, Taken};
use super::manage::files::REFUSED_HEADER;
use super::trouble::Trouble;
use super::upstream::check;

/// A running mock's management interface.
pub struct Remote {
    http: Client,
    base: String,
    token: Option<String>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Why a running mock did not do it. One line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The URL, the token, or what was asked for is to blame.
    #[error("{0}")]
    Refused(String),
    /// It was understood, and the rules of the mock refuse it.
    #[error("{0}")]
    Declined(String),
    /// It cannot do it now, because of its store; nobody is to blame who asks.
    #[error("{0}")]
    Unavailable(String),
    /// Nobody answers as a mock does.
    #[error("no mock answers: {0}")]
    Unreachable(String),
}

/// Longest answer: everything that a mock knows.
const MAX_ANSWER: usize = 256_000_000;
/// How long a call may take.
const CALL: Duration = Duration::from_secs(120);

#[derive(Deserialize)]
struct Brought {
    acks: usize,
    pushes: usize,
    policy: bool,
}

#[derive(Deserialize)]
struct Imported {
    taken: usize,
}

#[derive(Deserialize)]
struct Error {
    error: String,
}

/// An answer: whether it is a file, and which name that should have.
struct Answer {
    name: Option<String>,
    refused: Vec<Refused>,
    bytes: Vec<u8>,
}

impl Remote {
    /// The mock whose management is at `url`, such as `http://127.0.0.1:40003/mock/v1`.
    ///
    /// # Errors
    /// Where the URL is none, or leads off this machine.
    pub fn new(url: &str, token: Option<String>) -> Result<Self, RemoteError> {
        let wrong = |error: &dyn std::fmt::Display| RemoteError::Refused(error.to_string());
        let parsed =
            Url::parse(url).map_err(|_| wrong(&format!("{url:?} is no URL of a mock's management")))?;
        check(&parsed, false).map_err(|error| wrong(&error.to_string().replacen("upstream ", "", 1)))?;
        // No TLS: management is plain HTTP on loopback.
        let http = Client::builder()
            .tls_backend_preconfigured(no_tls().map_err(|error| wrong(&error))?)
            .no_proxy()
            .timeout(CALL)
            .build();
        let http = http.map_err(|error| wrong(&error))?;
        Ok(Self { http, base: url.trim_end_matches('/').into(), token })
    }

    /// *Download All For Cisco*.
    ///
    /// # Errors
    /// Where nothing waits, or the mock cannot be asked.
    pub async fn download(&self) -> Result<Handover, RemoteError> {
        self.call(Method::GET, "bundle", &[], Vec::new()).await.map(Answer::into_file)
    }

    /// Brings a file to a CSSM, or back to a CSLU.
    ///
    /// # Errors
    /// Where the mock refuses it, or cannot be asked.
    pub async fn upload(
        &self,
        name: &str,
        bytes: Vec<u8>,
        virtual_account: Option<&str>,
    ) -> Result<Taken, RemoteError> {
        let mut query = vec![("name", name)];
        query.extend(virtual_account.map(|account| ("virtual_account", account)));
        let answer = self.call(Method::POST, "uploads", &query, bytes).await?;
        if answer.name.is_some() {
            let refused = answer.refused.clone();
            return Ok(Taken::Answered { answer: answer.into_file(), refused });
        }
        let Brought { acks, pushes, policy } = answer.json()?;
        Ok(Taken::Brought { acks, pushes, policy })
    }

    /// Everything that the mock knows, as JSON lines. They hold id tokens.
    ///
    /// # Errors
    /// Where the mock cannot be asked.
    pub async fn export(&self) -> Result<Vec<u8>, RemoteError> {
        self.call(Method::GET, "export", &[], Vec::new()).await.map(|answer| answer.bytes)
    }

    /// Takes what [`Remote::export`] gave. How many records.
    ///
    /// # Errors
    /// Where the mock refuses a line, or cannot be asked.
    pub async fn import(&self, lines: Vec<u8>) -> Result<usize, RemoteError> {
        let answer: Imported = self.call(Method::POST, "import", &[], lines).await?.json()?;
        Ok(answer.taken)
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, RemoteError> {
        let unreachable = |error: reqwest::Error| RemoteError::Unreachable(Trouble::of(&error).words);
        let mut url = Url::parse(&format!("{}/{path}", self.base))
            .map_err(|error| RemoteError::Refused(error.to_string()))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.http.request(method, url).body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let name = response.headers().get("content-disposition").and_then(|value| value.to_str().ok());
        let name = name.and_then(|value| value.split('"').nth(1)).map(ToOwned::to_owned);
        let refused = response.headers().get(REFUSED_HEADER).map(|value| value.as_bytes().to_vec());
        let refused = refused.and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default();
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + piece.len() > MAX_ANSWER {
                return Err(RemoteError::Unreachable("the answer has no end".into()));
            }
            bytes.extend_from_slice(&piece);
        }
        if status.is_success() {
            return Ok(Answer { name, refused, bytes });
        }
        let why = serde_json::from_slice::<Error>(&bytes).map(|error| error.error);
        Err(match (status, why) {
            (StatusCode::UNAUTHORIZED, _) => {
                RemoteError::Refused("the mock wants its management token; its ready file has it".into())
            }
            (StatusCode::CONFLICT, Ok(why)) => RemoteError::Declined(why),
            (StatusCode::SERVICE_UNAVAILABLE, Ok(why)) => RemoteError::Unavailable(why),
            (_, Ok(why)) => RemoteError::Refused(why),
            (status, Err(_)) => {
                RemoteError::Unreachable(format!("it answers HTTP {status}; is the URL right?"))
            }
        })
    }
}

impl Answer {
    /// A name that cannot lead anywhere.
    fn into_file(self) -> Handover {
        let name = self.name.unwrap_or_default();
        let name = name.rsplit(['/', '\\']).next().filter(|name| !matches!(*name, "" | "." | ".."));
        Handover { name: name.unwrap_or("answer").into(), bytes: self.bytes }
    }

    fn json<T: for<'a> Deserialize<'a>>(&self) -> Result<T, RemoteError> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| RemoteError::Unreachable(format!("it answers something unexpected: {error}")))
    }
}

fn no_tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth())
}

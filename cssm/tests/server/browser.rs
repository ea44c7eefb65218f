//! Somebody with a browser: follows redirects by hand, keeps cookies, fills in forms that a page has.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};

/// A browser without scripts.
pub(crate) struct Browser {
    http: reqwest::Client,
    /// `http://127.0.0.1:1`
    pub(crate) base: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// What it got.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// The word of the page's forms.
    pub(crate) fn csrf(&self) -> String {
        self.field("csrf").expect("a form with its word")
    }

    /// The value of the first hidden field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let text = self.text();
        let (_, rest) = text.split_once(&format!("name=\"{name}\" value=\""))?;
        Some(rest.split('"').next()?.to_owned())
    }

    pub(crate) fn has(&self, expected: &str) {
        let text = self.text();
        assert!(text.contains(expected), "{expected:?} is not on the page ({}):\n{text}", self.status);
    }

    pub(crate) fn has_not(&self, unexpected: &str) {
        let text = self.text();
        assert!(!text.contains(unexpected), "{unexpected:?} is on the page:\n{text}");
    }
}

impl Browser {
    pub(crate) fn new(ca_pem: &str, web: &str) -> Self {
        let http = crate::client::client_with(ca_pem, reqwest::redirect::Policy::none());
        Self { http, base: web.trim_end_matches('/').into(), cookies: Mutex::default() }
    }

    /// The header of the same name.
    pub(crate) fn cookie(&self) -> String {
        let jar = self.cookies.lock().unwrap();
        let pairs: Vec<String> = jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Page {
        let response = request.header(COOKIE, self.cookie()).send().await.unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.lock().unwrap().insert(name.into(), value.into());
        }
        let headers = response.headers().clone();
        let location = headers.get(LOCATION).map(|location| location.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        Page { status, location, headers, bytes: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// One answer, no redirect followed.
    pub(crate) async fn look(&self, path: &str) -> Page {
        self.send(self.request("GET", path)).await
    }

    /// A page that is there.
    pub(crate) async fn open(&self, path: &str) -> Page {
        let mut page = self.look(path).await;
        for _ in 0..3 {
            let Some(location) = page.location.clone() else { break };
            page = self.look(&location).await;
        }
        assert_eq!(page.status, 200, "{path}: {}", page.text());
        page
    }

    /// Sends fields to `action` with the word of `page`; no redirect followed.
    pub(crate) async fn post(&self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = page.csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        self.post_raw(action, &all).await
    }

    pub(crate) async fn post_raw(&self, action: &str, fields: &[(&str, &str)]) -> Page {
        let body = serde_urlencoded::to_string(fields).unwrap();
        let request = self.request("POST", action).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(body)).await
    }

    /// Opens the page at `path`, sends the form, and returns the page that follows.
    pub(crate) async fn submit(&self, path: &str, action: &str, fields: &[(&str, &str)]) -> Page {
        let page = self.open(path).await;
        let answer = self.post(&page, action, fields).await;
        assert_eq!(answer.status, 303, "{action}: {}", answer.text());
        self.open(&answer.location.unwrap()).await
    }

    /// Sends a file with the form at `action` of the page at `path`.
    pub(crate) async fn bring(&self, path: &str, action: &str, name: &str, bytes: &[u8]) -> Page {
        let csrf = self.open(path).await.csrf();
        let mut body = Vec::new();
        let part = |head: &str| format!("--edge\r\ncontent-disposition: form-data; {head}\r\n\r\n");
        body.extend(format!("{}{csrf}\r\n", part("name=\"csrf\"")).into_bytes());
        body.extend(format!("{}0\r\n", part("name=\"account\"")).into_bytes());
        body.extend(part(&format!("name=\"file\"; filename=\"{name}\"")).into_bytes());
        body.extend(bytes);
        body.extend(b"\r\n--edge--\r\n");
        let kind = "multipart/form-data; boundary=edge";
        let answer = self.send(self.request("POST", action).header(CONTENT_TYPE, kind).body(body)).await;
        match &answer.location {
            Some(location) => self.open(location).await,
            None => answer,
        }
    }
}

//! Headless Chromium behind chromedriver, with a folder for what is downloaded.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longest wait for anything; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser window. Ends with the value; the window with [`Browser::close`].
pub(crate) struct Browser {
    pub(crate) window: Client,
    pub(crate) downloads: PathBuf,
    _driver: Driver,
}

/// chromedriver with the browser that it has started: both end with the value, also where a test fails.
struct Driver {
    child: Child,
    port: String,
}

/// How often it is started: on a machine with many sockets it may find its own second port taken, and ends.
const STARTS: usize = 5;

impl Driver {
    async fn start(program: &Path) -> Self {
        for _ in 0..STARTS {
            if let Some(driver) = Self::try_start(program).await {
                return driver;
            }
        }
        panic!("chromedriver did not start");
    }

    async fn try_start(program: &Path) -> Option<Self> {
        let mut child = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = async {
            while let Some(line) = said.next_line().await.unwrap() {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return Some(port.trim_end_matches('.').to_owned());
                }
            }
            None
        };
        let port = timeout(PATIENCE, port).await.expect("chromedriver starts or ends")?;
        // What it says later must not fill its pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        Some(Self { child, port })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let leader = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(leader) = leader {
            // It may have ended with its window.
            let _ = killpg(Pid::from_raw(leader), Signal::SIGKILL);
        }
    }
}

/// A size of the window.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Desk,
    Phone,
}

impl Browser {
    /// Opens a window; nothing where there is no browser on this machine.
    pub(crate) async fn open(folder: &Path) -> Option<Self> {
        let driver = slpsim_tests::peer("chromedriver")?;
        let chromium = slpsim_tests::peer("chromium")?;
        let driver = Driver::start(&driver).await;
        let downloads = folder.join("downloads");
        std::fs::create_dir_all(&downloads).unwrap();
        let profile = folder.join("profile");
        let options = json!({
            "binary": chromium,
            "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                format!("--user-data-dir={}", profile.display())],
            "prefs": {"download.default_directory": downloads, "download.prompt_for_download": false},
        });
        let capabilities = json!({"goog:chromeOptions": options}).as_object().unwrap().clone();
        let connecting = async {
            ClientBuilder::new(HttpConnector::new())
                .capabilities(capabilities)
                .connect(&format!("http://127.0.0.1:{}", driver.port))
                .await
        };
        let window = timeout(PATIENCE, connecting).await.expect("the browser starts").unwrap();
        let browser = Self { window, downloads, _driver: driver };
        browser.size(Size::Desk, false).await;
        Some(browser)
    }

    /// Another width, as a phone has it, and dark or light.
    pub(crate) async fn size(&self, size: Size, dark: bool) {
        let (width, height) = match size {
            Size::Desk => (1280, 900),
            Size::Phone => (390, 844),
        };
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let scheme = if dark { "dark" } else { "light" };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    async fn devtools(&self, command: &str, params: serde_json::Value) {
        self.window.issue_cmd(DevTools(json!({"cmd": command, "params": params}))).await.unwrap();
    }

    pub(crate) async fn goto(&self, url: &str) {
        timeout(PATIENCE, self.window.goto(url)).await.expect("the page comes").unwrap();
    }

    /// The first element that fits a CSS selector, once it is there.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let found = self.window.wait().at_most(PATIENCE).for_element(Locator::Css(css)).await;
        match found {
            Ok(element) => element,
            Err(error) => panic!("{css}: {error}\n{}", self.text().await),
        }
    }

    /// Clicks the link or button with this word.
    pub(crate) async fn click(&self, word: &str) {
        let path = format!("//a[normalize-space()='{word}'] | //button[normalize-space()='{word}']");
        for _ in 0..5 {
            let found = self.window.wait().at_most(PATIENCE).for_element(Locator::XPath(&path)).await;
            let Ok(element) = found else { panic!("no {word:?} on the page:\n{}", self.text().await) };
            match element.click().await {
                Ok(()) => return,
                // It was one of the page before.
                Err(error) if error.is_stale_element_reference() => {}
                Err(error) => panic!("{word:?}: {error}"),
            }
        }
        panic!("{word:?} is never there long enough to be clicked");
    }

    /// Types into the field of that name, in place of what is there.
    pub(crate) async fn fill(&self, name: &str, text: &str) {
        let field = self.find(&format!("main [name={name}]")).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Chooses the option with this word.
    pub(crate) async fn choose(&self, name: &str, word: &str) {
        self.find(&format!("main select[name={name}]")).await.select_by_label(word).await.unwrap();
    }

    /// Chooses a file.
    pub(crate) async fn attach(&self, path: &Path) {
        self.find("input[type=file]").await.send_keys(path.to_str().unwrap()).await.unwrap();
    }

    /// What can be read on the page.
    pub(crate) async fn text(&self) -> String {
        // In one step: an element that is found may be gone when it is read, because the page has changed.
        let script = "return document.body ? document.body.innerText : '';";
        let text = self.window.execute(script, Vec::new()).await.unwrap();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page says something: it may be on its way.
    pub(crate) async fn sees(&self, expected: &str) {
        let looking = async { while !self.text().await.contains(expected) {} };
        if timeout(PATIENCE, looking).await.is_err() {
            panic!("{expected:?} is not on the page:\n{}", self.text().await);
        }
    }

    /// Loads the page anew until it says something.
    pub(crate) async fn reload_until(&self, expected: &str) {
        let looking = async {
            while !self.text().await.contains(expected) {
                self.window.refresh().await.unwrap();
            }
        };
        if timeout(PATIENCE, looking).await.is_err() {
            panic!("{expected:?} never came:\n{}", self.text().await);
        }
    }

    /// The file that is downloaded by `click`, once it is whole.
    pub(crate) async fn downloads(&self, click: impl AsyncFnOnce(&Self)) -> PathBuf {
        let names = || -> std::collections::BTreeSet<PathBuf> {
            std::fs::read_dir(&self.downloads).unwrap().map(|entry| entry.unwrap().path()).collect()
        };
        let before = names();
        click(self).await;
        slpsim_tests::changes::until(&self.downloads, async || {
            let is_whole = |path: &&PathBuf| {
                !path.extension().is_some_and(|end| end == "crdownload" || end == "tmp")
                    && !path.file_name().unwrap().to_string_lossy().starts_with(".")
            };
            let new: Vec<PathBuf> = names().difference(&before).filter(is_whole).cloned().collect();
            new.into_iter().next()
        })
        .await
    }

    /// Keeps a picture of the page where `SLPSIM_SCREENSHOTS` names a folder.
    pub(crate) async fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("SLPSIM_SCREENSHOTS") {
            let png = self.window.screenshot().await.unwrap();
            std::fs::write(Path::new(&folder).join(format!("{name}.png")), png).unwrap();
        }
    }

    pub(crate) async fn close(self) {
        self.window.close().await.unwrap();
    }
}

/// A command of Chromium's own beside those of the W3C.
#[derive(Debug)]
struct DevTools(serde_json::Value);

impl fantoccini::wd::WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

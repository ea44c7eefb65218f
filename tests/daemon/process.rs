//! Daemons as processes of their own, and what a script does with them.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Longest wait for anything; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running `slpsim run` or `slpsim cssm`, killed with the value.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) ready: Value,
    ready_file: PathBuf,
}

pub(crate) fn slpsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slpsim"));
    command.kill_on_drop(true).stdin(Stdio::null()).env_remove("SLPSIM_FAILPOINT").env_remove("SLPSIM_LOG");
    command
}

/// Runs a command to its end.
pub(crate) async fn run(args: &[&str]) -> Output {
    timeout(PATIENCE, slpsim().args(args).output()).await.expect("the command ends").unwrap()
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

impl Daemon {
    /// Starts `slpsim ARGS... --ready-file FILE` with files in `folder` and waits until it is ready.
    pub(crate) async fn start(folder: &Path, name: &str, args: &[&str]) -> Self {
        let ready_file = folder.join(format!("{name}.ready"));
        let _ = std::fs::remove_file(&ready_file);
        let stderr = std::fs::File::create(folder.join(format!("{name}.err"))).unwrap();
        let child = slpsim()
            .args(args)
            .arg("--ready-file")
            .arg(&ready_file)
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut daemon = Self { child, ready: Value::Null, ready_file };
        let written = until(|| std::fs::read(&daemon.ready_file).ok());
        let exited = daemon.child.wait();
        let bytes = tokio::select! {
            bytes = written => bytes,
            status = exited => panic!(
                "{args:?} ended with {status:?}: {}",
                std::fs::read_to_string(folder.join(format!("{name}.err"))).unwrap()
            ),
        };
        daemon.ready = serde_json::from_slice(&bytes).unwrap();
        daemon
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.ready.pointer(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{key} in {:#}", self.ready))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id().expect("it runs")).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Ends it cleanly: code 0 within two seconds, and the ready file is gone.
    pub(crate) async fn end(mut self) {
        self.signal(Signal::SIGTERM);
        let status = timeout(Duration::from_secs(2), self.child.wait()).await.expect("two seconds").unwrap();
        assert!(status.success(), "{status}");
        assert!(!self.ready_file.exists());
    }

    /// Ends it as a loss of power does.
    pub(crate) async fn power_off(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Console lines on its device.
    pub(crate) async fn exec(&self, line: &str) -> Output {
        run(&["exec", "--control", self.text("/control"), line]).await
    }

    /// The same, where no error is expected.
    pub(crate) async fn show(&self, line: &str) -> String {
        let output = self.exec(line).await;
        assert!(output.status.success(), "{line}: {}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }

    /// Asks its management interface.
    pub(crate) async fn manage(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Value {
        let url = format!("{}/{path}", self.text("/urls/manage"));
        let mut request = client().request(method, url).bearer_auth(self.text("/manage_token"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

pub(crate) fn client() -> reqwest::Client {
    // The provider of the whole process; a second call finds it in place.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    reqwest::Client::new()
}

/// Looks until there is something to see.
pub(crate) async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("it happens in time")
}

/// Waits until a command shows `part`.
#[allow(dead_code, reason = "not every test target that shares this file waits for a page")]
pub(crate) async fn until_shown(daemon: &Daemon, line: &str, part: &str) {
    let looking = async {
        while !daemon.show(line).await.contains(part) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("it is shown in time");
}

/// Waits until a log has a line with all of `parts`, and gives the line.
pub(crate) async fn line_with(log: &Path, parts: &[&str]) -> String {
    until(|| {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        text.lines().find(|line| parts.iter().all(|part| line.contains(part))).map(String::from)
    })
    .await
}

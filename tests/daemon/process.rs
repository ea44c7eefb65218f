//! Daemons as processes of their own, and what a script does with them.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use slpsim_tests::changes::until;
use tokio::process::{Child, Command};
use tokio::time::timeout;

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
    pub(crate) async fn start<S: AsRef<OsStr> + Debug>(folder: &Path, name: &str, args: &[S]) -> Self {
        Self::start_dying(folder, name, args, None).await
    }

    /// The same for one that dies at a failpoint, once it has become ready.
    pub(crate) async fn start_dying<S: AsRef<OsStr> + Debug>(
        folder: &Path,
        name: &str,
        args: &[S],
        failpoint: Option<&str>,
    ) -> Self {
        let ready_file = folder.join(format!("{name}.ready"));
        let _ = std::fs::remove_file(&ready_file);
        let stderr = std::fs::File::create(folder.join(format!("{name}.err"))).unwrap();
        let child = slpsim()
            .args(args)
            .arg("--ready-file")
            .arg(&ready_file)
            .envs(failpoint.map(|failpoint| ("SLPSIM_FAILPOINT", failpoint)))
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut daemon = Self { child, ready: Value::Null, ready_file };
        let written = until(folder, async || std::fs::read(&daemon.ready_file).ok());
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

    /// Waits until it dies at its failpoint.
    pub(crate) async fn dies(mut self) {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it dies").unwrap();
        assert_eq!(status.signal(), Some(9), "{status}");
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

/// Writes the configuration of a switch whose `[device]` has these lines: it trusts the mocks, shares the clock of the
/// first, and logs to `log`. What starts it.
pub(crate) fn switch(folder: &Path, keys: &str, mocks: &[&Daemon]) -> Vec<PathBuf> {
    let pem = |mock: &&Daemon| std::fs::read_to_string(mock.text("/ca_file")).unwrap();
    std::fs::write(folder.join("roots.pem"), mocks.iter().map(pem).collect::<String>()).unwrap();
    let log = folder.join("log").display().to_string();
    let toml = format!("[device]\nca-file = \"roots.pem\"\n{keys}\n[[sink]]\nurl = \"file://{log}\"\n");
    let file = folder.join("switch.toml");
    std::fs::write(&file, toml).unwrap();
    let (state, clock) = (folder.join("run"), &mocks[0].ready_file);
    let parts: [&Path; 7] =
        ["run".as_ref(), "-c".as_ref(), &file, "--state".as_ref(), &state, "--clock-from".as_ref(), clock];
    parts.map(Path::to_path_buf).to_vec()
}

/// Waits until a log has a line with all of `parts`, and gives the line.
pub(crate) async fn line_with(log: &Path, parts: &[&str]) -> String {
    until(log.parent().unwrap(), async || {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        text.lines().find(|line| parts.iter().all(|part| line.contains(part))).map(String::from)
    })
    .await
}

/// Waits until the switch of this state folder has a report that is acknowledged and none that waits for it; the lines
/// of those that have it. What the agent learns is durable before anybody sees it.
pub(crate) async fn acknowledged(switch: &Daemon, state: &Path) -> Vec<String> {
    until(&state.join("devices"), async || {
        let text = switch.show("show license rum id all").await;
        let with = |state: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.split_whitespace().nth(1) == Some(state));
            lines.map(String::from).collect()
        };
        let (waiting, done) = ([with("CLOSED"), with("UNACK")].concat(), with("ACK"));
        (waiting.is_empty() && !done.is_empty()).then_some(done)
    })
    .await
}

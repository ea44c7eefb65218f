//! What the ways into a switch cost: `cargo bench --bench access`.
//!
//! Each figure stands beside a bare limit of the same run: a program that does nothing, an echo over loopback, listeners
//! without a switch behind them, the password hash alone.
#![expect(clippy::unwrap_used, reason = "a bench that cannot run has nothing to say")]
#![expect(clippy::cast_precision_loss, reason = "figures are printed with three digits")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use russh::ChannelMsg;
use russh::client::{self, AuthResult};
use russh::keys::PublicKeyOrCertificate;
use serde_json::Value;
use slpsim_tests::changes::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

const SESSIONS: usize = 100;
const COMMANDS: usize = 100;
const SWITCHES: usize = 1000;
const CALLS: usize = 201;
const SHOW: &str = "show license usage";
const PASSWORD: &str = "a password of the bench";

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path(), "one", &configuration(1)).await;
    exec(&daemon);
    sessions(&daemon).await;
    log_ins(&daemon).await;
    drop(daemon);
    switches(folder.path()).await;
}

/// A process that is killed with the value.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// `slpsim run`.
struct Daemon {
    child: Killed,
    ready: Value,
    /// From its start until everything listened.
    took: Duration,
}

impl Daemon {
    async fn start(folder: &Path, name: &str, config: &str) -> Self {
        let path = |extension| folder.join(name).with_extension(extension);
        std::fs::write(path("toml"), config).unwrap();
        let begin = Instant::now();
        let child = slpsim()
            .args(["run", "--sink", "null:", "-c"])
            .arg(path("toml"))
            .arg("--state")
            .arg(folder.join(name))
            .arg("--control")
            .arg(path("sock"))
            .arg("--ready-file")
            .arg(path("ready"))
            .spawn()
            .map(Killed)
            .unwrap();
        let ready = until(folder, async || std::fs::read(path("ready")).ok()).await;
        Self { child, took: begin.elapsed(), ready: serde_json::from_slice(&ready).unwrap() }
    }

    fn text(&self, key: &str) -> &str {
        self.ready.pointer(key).and_then(Value::as_str).unwrap()
    }

    /// Memory that it has now, in megabytes.
    fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }
}

fn slpsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slpsim"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// So many switches that send nothing, and one user.
fn configuration(switches: usize) -> String {
    let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).unwrap();
    let users = format!("[[user]]\nname = \"admin\"\nrole = \"network-admin\"\npassword-hash = \"{hash}\"\n");
    let device = |number| {
        format!(
            "[[device]]\nhostname = \"leaf-{number}\"\nserial = \"FDO{number:08}\"\ntransport = \"off\"\n\
             ssh = \"127.0.0.1:0\"\n"
        )
    };
    (1..=switches).map(device).collect::<String>() + "[mock]\n" + &users
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

fn exec(daemon: &Daemon) {
    let time = |mut command: Command| {
        let mut one = || {
            let begin = Instant::now();
            assert!(command.status().unwrap().success());
            begin.elapsed()
        };
        median((0..CALLS).map(|_| one()).collect())
    };
    let mut ours = slpsim();
    ours.args(["exec", "--control", daemon.text("/control"), SHOW]);
    let mut nothing = slpsim();
    nothing.arg("--version");
    let (ours, nothing) = (time(ours), time(nothing));
    println!(
        "slpsim exec, median of {CALLS}         {:>8.2} ms  ({:.2} times `slpsim --version`, {:.2} ms)",
        ms(ours),
        ms(ours) / ms(nothing),
        ms(nothing)
    );
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// Believes any host key.
struct Trusting;

impl client::Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

async fn log_in(address: &str) -> client::Handle<Trusting> {
    let config = Arc::new(client::Config { nodelay: true, ..client::Config::default() });
    let mut handle = client::connect(config, address, Trusting).await.unwrap();
    let result = handle.authenticate_password("admin", PASSWORD).await.unwrap();
    assert_eq!(result, AuthResult::Success);
    handle
}

/// A shell without a terminal that runs all lines; the bytes of the answers.
async fn shell(handle: &client::Handle<Trusting>) -> usize {
    let mut channel = handle.channel_open_session().await.unwrap();
    channel.request_shell(true).await.unwrap();
    channel.data(format!("{SHOW}\n").repeat(COMMANDS).as_bytes()).await.unwrap();
    channel.eof().await.unwrap();
    let (mut bytes, mut status) = (0, None);
    loop {
        match channel.wait().await {
            None => break,
            Some(ChannelMsg::Data { data }) => bytes += data.len(),
            Some(ChannelMsg::ExitStatus { exit_status }) => status = Some(exit_status),
            Some(_) => {}
        }
    }
    assert_eq!(status, Some(0), "a command was refused");
    bytes
}

async fn sessions(daemon: &Daemon) {
    let address = daemon.text("/devices/0/ssh");
    let mut handles = Vec::new();
    for _ in 0..SESSIONS {
        handles.push(log_in(address).await);
    }
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for handle in handles {
        running.spawn(async move { shell(&handle).await });
    }
    let bytes = running.join_all().await;
    let ours = begin.elapsed();
    assert!(bytes.iter().all(|count| *count == bytes[0] && *count > COMMANDS * 40), "{bytes:?}");
    let bare = echo(bytes[0] / COMMANDS).await;
    println!(
        "{SESSIONS} sessions x {COMMANDS} `{SHOW}`  {:>8.0} /s  ({:.3} of answers as long over bare TCP, {:.0} /s)",
        per_second(ours),
        bare.as_secs_f64() / ours.as_secs_f64(),
        per_second(bare)
    );
}

fn per_second(span: Duration) -> f64 {
    (SESSIONS * COMMANDS) as f64 / span.as_secs_f64()
}

/// As many connections, each with as many questions and answers as long, without SSH and without a switch.
async fn echo(answer: usize) -> Duration {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut line = [0; SHOW.len() + 1];
                let text = vec![b'x'; answer];
                while stream.read_exact(&mut line).await.is_ok() {
                    stream.write_all(&text).await.unwrap();
                }
            });
        }
    });
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..SESSIONS {
        running.spawn(async move {
            let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let mut text = vec![0; answer];
            for _ in 0..COMMANDS {
                stream.write_all(format!("{SHOW}\n").as_bytes()).await.unwrap();
                stream.read_exact(&mut text).await.unwrap();
            }
        });
    }
    running.join_all().await;
    begin.elapsed()
}

async fn log_ins(daemon: &Daemon) {
    let address = daemon.text("/devices/0/ssh");
    let mut ours = Vec::new();
    for _ in 0..21 {
        let begin = Instant::now();
        log_in(address).await;
        ours.push(begin.elapsed());
    }
    let hash = Argon2::default().hash_password(PASSWORD.as_bytes()).unwrap().to_string();
    let verify = || {
        let begin = Instant::now();
        let hash = PasswordHash::new(&hash).unwrap();
        assert!(Argon2::default().verify_password(PASSWORD.as_bytes(), &hash).is_ok());
        begin.elapsed()
    };
    let (ours, bare) = (median(ours), median((0..21).map(|_| verify()).collect()));
    println!(
        "a log-in by password               {:>8.1} ms  ({:.2} times its hash alone, {:.1} ms)",
        ms(ours),
        ms(ours) / ms(bare),
        ms(bare)
    );
}

async fn switches(folder: &Path) {
    // The first start makes keys; the second finds them.
    drop(Daemon::start(folder, "many", &configuration(SWITCHES)).await);
    std::fs::remove_file(folder.join("many.ready")).unwrap();
    let daemon = Daemon::start(folder, "many", &configuration(SWITCHES)).await;
    let address = daemon.text(&format!("/devices/{}/ssh", SWITCHES - 1));
    let handle = log_in(address).await;
    assert!(shell(&handle).await > COMMANDS * 40);
    let begin = Instant::now();
    let listeners: Vec<_> =
        (0..SWITCHES).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let bare = begin.elapsed();
    assert_eq!(listeners.len(), SWITCHES);
    println!(
        "{SWITCHES} switches with SSH            {:>8.2} s until ready, {:.0} MB  (the listeners alone: {:.3} s)",
        daemon.took.as_secs_f64(),
        daemon.resident(),
        bare.as_secs_f64()
    );
}

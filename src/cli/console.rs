//! `slpsim console`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use slpsim_config::{Config, Speed, Start};
use tokio::sync::{Notify, oneshot};

use super::daemons::RUN_WITHOUT_FILE;
use super::options::{Remote, WorldOptions, parse_speed, parse_start, sink_to};
use super::{block_on, output};
use crate::control::console::Wish;
use crate::control::{Answer, Request, call};
use crate::daemon::{RunPlan, run_until};
use crate::error::user_error;
use crate::signals::Signals;
use crate::terminal::{Link, interact, is_interactive, leave_raw, on_hangup, script, size};

/// Heading of the options of `--offline`.
const OFFLINE: &str = "Throw-away switch";

/// `slpsim console`
#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    /// On which device; may be left out where there is one
    #[arg(long, value_name = "NAME")]
    device: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// A throw-away switch in this process, instead of one of a running daemon
    #[arg(long, conflicts_with_all = ["control", "state"], help_heading = OFFLINE)]
    offline: bool,
    /// Configuration file (TOML) of the switch
    #[arg(short, long, value_name = "FILE", requires = "offline", help_heading = OFFLINE)]
    config: Option<PathBuf>,
    /// Set a key of the configuration, such as device.transport=smart (repeatable)
    #[arg(long, value_name = "KEY=VALUE", requires = "offline", help_heading = OFFLINE)]
    set: Vec<String>,
    /// Decides everything that is random
    #[arg(long, value_name = "N", requires = "offline", help_heading = OFFLINE)]
    seed: Option<u64>,
    /// Simulated seconds in a second
    #[arg(long, value_name = "N", value_parser = parse_speed, requires = "offline", help_heading = OFFLINE)]
    speed: Option<Speed>,
    /// Simulated time at the start: RFC 3339, or now
    #[arg(long, value_name = "TIME", value_parser = parse_start, requires = "offline", help_heading = OFFLINE)]
    start: Option<Start>,
}

pub(super) fn run(args: &ConsoleArgs) -> Result<ExitCode> {
    if !args.offline {
        if is_interactive() {
            on_hangup(|| exit(1))?;
        }
        return at(&args.remote.socket()?, args);
    }
    let throw_away = ThrowAway::start(args)?;
    if is_interactive() {
        throw_away.introduce();
        let folder = throw_away.folder.path().to_owned();
        on_hangup(move || forget(&folder, 1))?;
    }
    let result = at(&throw_away.control, args);
    throw_away.end()?;
    result
}

/// Works at the console behind a control socket.
fn at(control: &Path, args: &ConsoleArgs) -> Result<ExitCode> {
    let interactive = is_interactive();
    let (length, width) = if interactive { size() } else { (0, 0) };
    let link = Link::open(control, Wish { device: args.device.clone(), length, width })?;
    if interactive {
        interact(link, &mut |span| advance(control, span))?;
        return Ok(ExitCode::SUCCESS);
    }
    let error = script(link, io::stdin().lock(), &mut |span| advance(control, span), output::print)?;
    Ok(ExitCode::from(u8::from(error)))
}

fn advance(control: &Path, span: Duration) -> Result<String> {
    let request = Request::Advance { ms: u64::try_from(span.as_millis())? };
    match block_on(call(control, &request))? {
        Answer::Advance { now } => Ok(now),
        Answer::Refused { why } => Err(user_error(why)),
        Answer::Exec { .. } | Answer::Event { .. } | Answer::Status(_) => {
            bail!("the daemon answered something else than was asked")
        }
    }
}

/// A daemon in this process whose state folder is forgotten with it.
struct ThrowAway {
    daemon: JoinHandle<Result<()>>,
    end: Arc<Notify>,
    control: PathBuf,
    /// A good id token of the embedded mock, where there is one.
    idtoken: Option<String>,
    /// The person leaves, and the daemon is not to end the process.
    leaving: Arc<AtomicBool>,
    /// Removed when dropped.
    folder: tempfile::TempDir,
}

impl ThrowAway {
    fn start(args: &ConsoleArgs) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("slpsim-").tempdir().context("no temporary folder")?;
        let config = configure(args, folder.path())?;
        let (told, ready) = oneshot::channel();
        let unchanged = config.clone();
        let plan = RunPlan {
            config,
            file: args.config.clone(),
            reread: Box::new(move || Ok(unchanged.clone())),
            ready: Some(told),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let signals = {
            let _inside = runtime.enter();
            Signals::listen()?
        };
        let end = signals.reader_gone();
        let leaving = Arc::new(AtomicBool::new(false));
        let (left, path) = (Arc::clone(&leaving), folder.path().to_owned());
        let daemon = thread::Builder::new().name("switch".into()).spawn(move || {
            let done = runtime.block_on(run_until(plan, signals));
            runtime.shutdown_background();
            if is_interactive() && done.is_ok() && !left.load(Ordering::SeqCst) {
                // A signal has ended it, while the person's next key is waited for.
                forget(&path, 0);
            }
            done
        })?;
        let Ok(ready) = ready.blocking_recv() else {
            joined(daemon)?;
            bail!("the switch ended before it was ready");
        };
        let control = ready.control.context("the switch has no control socket")?;
        Ok(Self { daemon, end, control, idtoken: ready.idtoken, leaving, folder })
    }

    /// For the person at the terminal. The token is worth nothing beyond this process.
    fn introduce(&self) {
        let token = self.idtoken.as_ref().map(|token| format!(" with a mock CSSM, id token {token}"));
        eprintln!(
            "A throw-away switch{}; `!advance 30d` moves the clock, `exit` ends.",
            token.as_deref().unwrap_or("")
        );
    }

    fn end(self) -> Result<()> {
        self.leaving.store(true, Ordering::SeqCst);
        self.end.notify_one();
        joined(self.daemon)
    }
}

/// Ends the process beside its main thread, which waits for a key.
fn forget(folder: &Path, code: i32) -> ! {
    leave_raw();
    // A temporary folder: the system forgets it too.
    let _ = fs::remove_dir_all(folder);
    exit(code)
}

fn joined(daemon: JoinHandle<Result<()>>) -> Result<()> {
    match daemon.join() {
        Ok(done) => done,
        Err(_) => bail!("the switch broke off"),
    }
}

/// As `slpsim run` has it, but nothing outlives it, and log lines are for the console alone.
fn configure(args: &ConsoleArgs, folder: &Path) -> Result<Config> {
    let options = WorldOptions {
        config: args.config.clone(),
        set: args.set.clone(),
        seed: args.seed,
        speed: args.speed,
        start: args.start,
        state: Some(folder.to_path_buf()),
        ..WorldOptions::default()
    };
    let mut config = options.load(RUN_WITHOUT_FILE)?;
    (config.control, config.ready_file, config.clock_from) = (None, None, None);
    if config.sinks.is_empty() {
        config.sinks.push(sink_to("null:"));
    }
    Ok(config)
}

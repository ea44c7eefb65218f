//! The command line (`interface.md` §1).

mod catalogue;
mod check;
mod config;
mod console;
mod cssm_bundle;
mod daemons;
mod diagnostics;
mod fleet;
pub mod options;
pub mod output;
mod receive;
mod remote;
mod scenario;
mod shell;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::{exit_code, one_line, user_error};
use options::{Global, LogOptions, MockOptions, OutputForm, Remote, WorldOptions};

/// Simulator of Cisco's on-device licensing agent (Smart Licensing Using Policy), with a mock CSSM.
///
/// A test tool: it is not Cisco's, and it bypasses no licence. Results go to standard output, diagnostics to
/// standard error. Exit codes: 0 done or passed, 1 failed, 2 the input is wrong.
#[derive(Debug, Parser)]
#[command(name = "slpsim", version, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the main job: a switch, a year, an outage of six hours, in a few seconds
    ///
    /// One switch talks real HTTPS to a mock CSSM in this program, in simulated time. The switch's console goes to
    /// standard output, remarks to standard error.
    Demo {
        /// Decides everything that is random
        #[arg(long, value_name = "N", default_value_t = 7)]
        seed: u64,
    },
    /// Run switches in real or scaled time
    ///
    /// Without a configuration file: one switch on transport smart, and an embedded mock CSSM whose URL, certificate and
    /// id token are already in place.
    Run(Box<RunArgs>),
    /// Run the mock CSSM, CSLU or On-Prem on its own, or carry files to and from one
    #[command(args_conflicts_with_subcommands = true)]
    Cssm(Box<CssmArgs>),
    /// Run console lines on a device of a running daemon
    ///
    /// All lines run in one session, so that configuration mode lasts. `;` and newlines separate lines too.
    /// The device's output goes to standard output; exit code 1 where the device answers with an error.
    Exec(ExecArgs),
    /// The interactive console of a device
    ///
    /// Of a device of a running daemon, or with --offline of a throw-away switch in this process, which has an embedded mock
    /// CSSM and is forgotten at the end. `?` helps at once, Tab completes, Ctrl-R searches what was typed, Ctrl-Z leaves
    /// configuration mode; log lines appear above the prompt. A line `!advance 30d` moves the clock. `exit` or Ctrl-D ends.
    /// Where standard input is no terminal, its lines are run one by one; exit code 1 where one was answered with an error.
    Console(Box<console::ConsoleArgs>),
    /// Move the clock of a running daemon
    ///
    /// Everything that falls due on the way happens in order. Refused where the peer has a clock of its own.
    Advance(AdvanceArgs),
    /// Let something happen to the hardware of a device of a running daemon
    ///
    /// The words are those of scenario files. The units that are there afterwards go to standard output, the active one
    /// first. Exit code 2 where it cannot happen, such as a switchover without a standby.
    Event(EventArgs),
    /// Print the catalogue of the twelve LICMGR messages, or check a log against it
    Messages(MessagesArgs),
    /// Take log lines at the far end of a pipeline, and say what became of them on the way
    ///
    /// Counts, reads and verifies what arrives. With the log as it was sent (--expect), says how many lines were lost,
    /// doubled, reordered within a device or altered; forms that number their lines (iosxe, iosxr) show that without it,
    /// alterations apart. `lost` lines were sent and never arrived, `foreign` ones arrived and nobody sent them. Ends by --count,
    /// --idle, --duration or a signal. Exit code 1 where anything is not as it should be, 2 where the log as sent is not there.
    Receive(Box<receive::ReceiveArgs>),
    /// Check configuration files, or list their keys
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Play scripted tests in simulated time
    #[command(subcommand)]
    Scenario(scenario::ScenarioCommand),
    /// Let very many switches log, as fast as possible, at a pace, or live
    ///
    /// Lines go to sinks, in one order by time, device and number; the same seed gives the same bytes on any number of
    /// threads. A summary with exact counts comes at the end: `dropped` lines found no room in the queue of a sink and were
    /// never given to it, `failed` ones a sink refused or could not send; a line counts once for each sink. SIGINT and SIGTERM
    /// end it early. Exit code 1 where a sink failed lines or a file could not be written.
    Fleet(Box<fleet::FleetArgs>),
    /// Say what caused a line of a fleet's log
    Why(fleet::WhyArgs),
    /// Print the completion script of a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Write man pages
    Man {
        /// Into this folder
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

/// `slpsim run`
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) world: WorldOptions,
    /// Control socket for exec and advance [default: control.sock in the state folder]
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,
    /// Serve GET /health here; on loopback where only a port is given
    #[arg(long, value_name = "ADDR", value_parser = crate::health::parse_address)]
    pub(crate) health: Option<SocketAddr>,
    /// Serve GET /metrics for Prometheus here
    #[arg(long, value_name = "ADDR", value_parser = crate::health::parse_address)]
    pub(crate) metrics: Option<SocketAddr>,
    /// Listen here for SSH [default: 127.0.0.1:0 where there is a user]; of several devices each has the next port
    #[arg(long, value_name = "ADDR", value_parser = crate::health::parse_address)]
    pub(crate) ssh: Option<SocketAddr>,
    /// Listen here for NX-API over HTTP, in the same way
    #[arg(long, value_name = "ADDR", value_parser = crate::health::parse_address)]
    pub(crate) nxapi: Option<SocketAddr>,
    /// Listen here for NX-API over HTTPS, in the same way [default: nowhere]
    #[arg(long, value_name = "ADDR", value_parser = crate::health::parse_address)]
    pub(crate) nxapi_https: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) log: LogOptions,
    #[command(flatten)]
    pub(crate) mock: MockOptions,
}

/// `slpsim cssm`
#[derive(Debug, Args)]
pub(crate) struct CssmArgs {
    #[command(subcommand)]
    pub(crate) command: Option<cssm_bundle::CssmCommand>,
    #[command(flatten)]
    pub(crate) world: WorldOptions,
    /// What it plays [default: cssm]
    #[arg(long, value_enum)]
    pub(crate) role: Option<MockRole>,
    /// The CSSM that a CSLU or On-Prem is connected to
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<String>,
    /// Certificates of that CSSM (PEM): its ca.pem
    #[arg(long, value_name = "FILE")]
    pub(crate) upstream_ca: Option<PathBuf>,
    /// An On-Prem of before usage policies
    #[arg(long)]
    pub(crate) down_rev: bool,
    #[command(flatten)]
    pub(crate) mock: MockOptions,
}

/// `--role`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MockRole {
    /// CSSM
    Cssm,
    /// CSLU
    Cslu,
    /// SSM On-Prem
    OnPrem,
}

/// `slpsim config`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Say what is wrong with a configuration file
    Check {
        /// Which
        file: PathBuf,
        /// Set a key, as for `slpsim run` (repeatable)
        #[arg(long, value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Print every key with type, unit, default and meaning
    Reference,
}

/// `slpsim exec`
#[derive(Debug, Args)]
pub(crate) struct ExecArgs {
    /// On which device; may be left out where there is one
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// What to type
    #[arg(required = true, value_name = "LINE")]
    pub(crate) lines: Vec<String>,
}

/// `slpsim advance`
#[derive(Debug, Args)]
pub(crate) struct AdvanceArgs {
    /// By how much, such as 4h or 30d6h15m
    #[arg(value_parser = slpsim_config::parse_span)]
    pub(crate) span: std::time::Duration,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// `slpsim event`
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// What happens
    #[arg(value_enum)]
    pub(crate) event: crate::control::Event,
    /// On which device; may be left out where there is one
    #[arg(long, value_name = "NAME")]
    pub(crate) device: Option<String>,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// `slpsim messages`
#[derive(Debug, Args)]
pub(crate) struct MessagesArgs {
    /// In which form [default: text, or json with --output json]
    #[arg(long, value_enum, conflicts_with = "check")]
    pub(crate) format: Option<catalogue::Format>,
    /// Read this log instead (`-` for standard input), in any form of a line, and print what does not fit
    ///
    /// A licensing line fits where header, severity and text are those of the catalogue. Others are printed as
    /// FILE:LINE: REASON: TEXT, and the exit code is 1.
    #[arg(long, value_name = "FILE")]
    pub(crate) check: Option<PathBuf>,
}

/// Runs the program; what `main` returns.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output with code 0, everything else is the user's error.
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    diagnostics::start(&cli.global, matches!(cli.command, Command::Console(_)));
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            diagnostics::failure(&one_line(&error));
            exit_code(&error)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Demo { .. } if cli.global.output == OutputForm::Json => {
            Err(user_error("the demo is a console to be looked at: it has no JSON form"))
        }
        Command::Demo { seed } => crate::demo::run(seed).map(|()| ExitCode::SUCCESS),
        Command::Run(args) => daemons::run(*args),
        Command::Cssm(mut args) => match args.command.take() {
            Some(command) => block_on(cssm_bundle::run(command, cli.global.output)),
            None => daemons::cssm(*args),
        },
        Command::Config(ConfigCommand::Check { file, set }) => config::check(file, set, cli.global.output),
        Command::Config(ConfigCommand::Reference) => config::reference(cli.global.output),
        Command::Scenario(command) => scenario::scenario(&command, cli.global.output),
        Command::Console(_) if cli.global.output == OutputForm::Json => Err(user_error(
            "a console has no JSON form: `slpsim exec` has, and `| json` at the end of a command",
        )),
        Command::Console(args) => console::run(&args),
        Command::Exec(args) => block_on(remote::exec(args, cli.global.output)),
        Command::Advance(args) => block_on(remote::advance(args, cli.global.output)),
        Command::Event(args) => block_on(remote::event(args, cli.global.output)),
        Command::Messages(args) => catalogue::messages(&args, cli.global.output),
        Command::Fleet(args) => fleet::fleet(&args, &cli.global),
        Command::Why(args) => fleet::why(&args, cli.global.output),
        Command::Receive(args) => receive::receive(&args, cli.global.output),
        Command::Completions { shell } => shell::completions(shell),
        Command::Man { folder } => shell::man(&folder),
    }
}

/// A runtime for commands that only talk to a daemon.
fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_everything_in_it_has_help() {
        fn check(command: &clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} has no help");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {} has no help", argument.get_id());
            }
            for sub in command.get_subcommands() {
                check(sub, &format!("{path} {}", sub.get_name()));
            }
        }
        Cli::command().debug_assert();
        check(&Cli::command(), "slpsim");
    }

    #[test]
    fn wrong_usage_has_code_2_and_help_has_code_0() {
        for (line, code) in [
            ("slpsim", 2),
            ("slpsim nonsense", 2),
            ("slpsim advance 4weeks", 2),
            ("slpsim exec", 2),
            ("slpsim --help", 0),
            ("slpsim exec --help", 0),
            ("slpsim --version", 0),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), code, "{line}");
        }
    }
}

//! The command line (`interface.md` §1).

mod catalogue;
mod diagnostics;
pub mod options;
pub mod output;
mod remote;
mod shell;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use crate::error::{exit_code, one_line};
use options::{Global, Remote};

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
    /// Run console lines on a device of a running daemon
    ///
    /// All lines run in one session, so that configuration mode lasts. `;` and newlines separate lines too.
    /// The device's output goes to standard output; exit code 1 where the device answers with an error.
    Exec(ExecArgs),
    /// Move the clock of a running daemon
    ///
    /// Everything that falls due on the way happens in order. Refused where the peer has a clock of its own.
    Advance(AdvanceArgs),
    /// Print the catalogue of the twelve LICMGR messages, or check a log against it
    Messages(MessagesArgs),
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
    #[arg(value_parser = crate::time::parse_span)]
    pub(crate) span: std::time::Duration,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

/// `slpsim messages`
#[derive(Debug, Args)]
pub(crate) struct MessagesArgs {
    /// In which form
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: catalogue::Format,
    /// Parse this log instead (`-` for standard input) and print the LICMGR lines that do not fit the catalogue
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
    diagnostics::start(&cli.global);
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
        Command::Exec(args) => block_on(remote::exec(args, cli.global.output)),
        Command::Advance(args) => block_on(remote::advance(args, cli.global.output)),
        Command::Messages(args) => catalogue::messages(&args),
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

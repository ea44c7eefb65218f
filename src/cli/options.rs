//! Options that several commands share.

use std::path::PathBuf;

use anyhow::Result;
use clap::{ArgAction, Args, ValueEnum};

use crate::clock::Speed;
use crate::state::StateFolder;

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// More diagnostics; twice: even more
    #[arg(short, long, action = ArgAction::Count, global = true, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Only errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// When to colour diagnostics
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, global = true)]
    pub color: ColorWhen,
    /// Form of results on standard output
    #[arg(long, value_enum, value_name = "FORM", default_value_t, global = true)]
    pub output: OutputForm,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Form of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// Where a running daemon is.
#[derive(Clone, Debug, Args)]
pub struct Remote {
    /// Control socket of the daemon
    #[arg(long, value_name = "PATH")]
    pub control: Option<PathBuf>,
    /// State folder of the daemon, in which its control socket lies [default: the XDG state folder]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

impl Remote {
    /// The daemon's control socket.
    ///
    /// # Errors
    /// Where neither an option nor the environment names a place.
    pub fn socket(&self) -> Result<PathBuf> {
        match (&self.control, &self.state) {
            (Some(socket), _) => Ok(socket.clone()),
            (None, Some(folder)) => Ok(StateFolder::control_socket(folder)),
            (None, None) => Ok(StateFolder::control_socket(&StateFolder::default_path()?)),
        }
    }
}

/// `--speed`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeedOption {
    /// So many simulated seconds in a real one.
    Times(Speed),
    /// As fast as the machine can; simulated commands only.
    Max,
}

/// Reads `N` or `max`.
///
/// # Errors
/// One line that says what is expected.
pub fn parse_speed(text: &str) -> Result<SpeedOption, String> {
    if text == "max" {
        return Ok(SpeedOption::Max);
    }
    let factor = text.parse::<u32>().map_err(|_| format!("{text:?} is no whole number, nor `max`"))?;
    Speed::try_from(factor).map(SpeedOption::Times)
}

//! The program's own diagnostics on standard error, apart from the log of the devices.

use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use super::options::{ColorWhen, Global};

/// Turns `tracing` on: warnings, with `-v` progress, with `-vv` details of this program, with `-q` errors only. On a
/// screen that a person types on, warnings only unless `-v` is given.
/// `SLPSIM_LOG` takes a filter instead (`tracing_subscriber::EnvFilter`).
pub(super) fn start(global: &Global, on_screen: bool) {
    let level = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (false, 0) if on_screen => "warn",
        (false, 0) => "warn,slpsim=info",
        (false, 1) => "info,slpsim=debug,slpsim_transport=debug,slpsim_cssm=debug",
        (false, _) => "debug,slpsim=trace,slpsim_transport=trace,slpsim_cssm=trace",
    };
    let wanted = std::env::var("SLPSIM_LOG").ok().and_then(|filter| EnvFilter::try_new(filter).ok());
    let filter = wanted.unwrap_or_else(|| EnvFilter::new(level));
    let color = match global.color {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    };
    let started = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(color)
        .with_target(global.verbose > 1)
        .try_init();
    // A second start in one process can only come from a test.
    drop(started);
}

/// The line in which a command ends that could not do its work; a line by problem where there are several.
pub(super) fn failure(problems: &str) {
    let mut err = io::stderr().lock();
    for problem in problems.lines() {
        let _ = writeln!(err, "slpsim: {problem}");
    }
}

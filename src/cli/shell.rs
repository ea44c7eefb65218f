//! Shell completion and man pages, from the command line's own description.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, output};
use crate::error::BlameUser;

pub(super) fn completions(shell: Shell) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "slpsim", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes `slpsim.1`, `slpsim-exec.1` and so on.
pub(super) fn man(folder: &Path) -> Result<ExitCode> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), folder))
        .with_context(|| format!("man pages in {}", folder.display()))
        .blame_user()?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_a_man_page() {
        let folder = tempfile::tempdir().unwrap();
        man(folder.path()).unwrap();
        let page = std::fs::read_to_string(folder.path().join("slpsim-exec.1")).unwrap();
        assert!(page.contains("console lines"), "{page}");
        assert!(folder.path().join("slpsim.1").exists());
    }
}

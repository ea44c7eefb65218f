//! Foreign programs that tests talk to: a test whose program is missing is skipped, or fails where that is asked for.

use std::env;
use std::path::{Path, PathBuf};

/// Where `program` is, or `None` where it is missing; then the word `skipped` is printed, and the test returns.
///
/// ```no_run
/// let Some(curl) = slpsim_tests::peer("curl") else { return };
/// ```
///
/// # Panics
/// Where the program is missing and `SLPSIM_REQUIRE_PEERS=1` is set, as `.ci/run` does.
#[must_use]
pub fn peer(program: &str) -> Option<PathBuf> {
    let found = find(program, &env::var_os("PATH").map(|path| env::split_paths(&path).collect::<Vec<_>>())?);
    if found.is_none() {
        let required = env::var_os("SLPSIM_REQUIRE_PEERS").is_some_and(|value| value == "1");
        assert!(!required, "{program} is not installed, and SLPSIM_REQUIRE_PEERS=1 asks for it");
        println!("skipped: {program} is not installed");
    }
    found
}

/// The folder with the programs of the Python clients (`tests/clients/requirements.txt`): `target/clients/bin`, or that of
/// the environment that `SLPSIM_CLIENTS` names. `None` where they are not installed; then the word `skipped` is printed.
///
/// # Panics
/// Where they are missing and `SLPSIM_REQUIRE_PEERS=1` is set, as `.ci/run` does.
#[must_use]
pub fn clients() -> Option<PathBuf> {
    let named = env::var_os("SLPSIM_CLIENTS").map(PathBuf::from);
    let programs = named.unwrap_or_else(|| crate::root().join("target/clients")).join("bin");
    let found = programs.join("ansible-playbook").is_file() && programs.join("python").exists();
    if !found {
        let required = env::var_os("SLPSIM_REQUIRE_PEERS").is_some_and(|value| value == "1");
        assert!(!required, "{} has no clients, and SLPSIM_REQUIRE_PEERS=1 asks for them", programs.display());
        println!("skipped: tests/clients/requirements.txt is not installed in target/clients");
    }
    found.then_some(programs)
}

fn find(program: &str, folders: &[impl AsRef<Path>]) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.as_ref().join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_in_the_first_folder_that_has_it() {
        let (first, second) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let folders = [first.path(), second.path()];
        assert_eq!(find("tool", &folders), None);
        std::fs::write(second.path().join("tool"), "").expect("written");
        assert_eq!(find("tool", &folders), Some(second.path().join("tool")));
        std::fs::create_dir(first.path().join("tool")).expect("made");
        assert_eq!(find("tool", &folders), Some(second.path().join("tool")), "a folder is no program");
    }
}

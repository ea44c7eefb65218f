//! The pytest plugin of `deploy/pytest`, run with pytest on its own example.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use slpsim_tests::peer;

fn plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/pytest")
}

fn pytest(program: &Path, folder: &Path) -> Output {
    Command::new(program)
        // With `=`: pytest looks for its root in what stands alone before it knows the option.
        .args(["-v", "-p", "no:cacheprovider", concat!("--slpsim=", env!("CARGO_BIN_EXE_slpsim"))])
        .current_dir(folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("SLPSIM_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr[..]].iter().map(|text| String::from_utf8_lossy(text)).collect()
}

#[test]
fn the_example_for_pytest_passes_with_scenarios_and_daemons() {
    let Some(program) = peer("pytest") else { return };
    let output = pytest(&program, &plugin().join("example"));
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    for part in [
        "a short outage at a report [length=3m failures=1] PASSED",
        "a short outage at a report [length=8m failures=2] PASSED",
        "test_a_switch_gets_its_trust_code PASSED",
        "test_a_fault_of_the_mock_has_an_end PASSED",
        "5 passed",
    ] {
        assert!(said.contains(part), "{part}\n--- in ---\n{said}");
    }
}

/// A wrong expectation says why, and a wrong file where.
#[test]
fn a_scenario_that_fails_under_pytest_says_what_slpsim_says() {
    let Some(program) = peer("pytest") else { return };
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: PathBuf, to: &str, change: &dyn Fn(String) -> String| {
        let text = change(std::fs::read_to_string(from).unwrap());
        std::fs::write(folder.path().join(to), text).unwrap();
    };
    let scenarios = folder.path().join("scenarios");
    std::fs::create_dir(&scenarios).unwrap();
    let example = plugin().join("example");
    copy(plugin().join("slpsim_pytest.py"), "slpsim_pytest.py", &|text| text);
    copy(example.join("pytest.ini"), "pytest.ini", &|text| text);
    copy(example.join("conftest.py"), "conftest.py", &|text| text.replace(".parent.parent", ".parent"));
    let file = example.join("scenarios/short-outage.toml");
    copy(file.clone(), "scenarios/bad.toml", &|text| text.replace("failures = 2", "failures = 7"));
    let output = pytest(&program, folder.path());
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for part in [
        "1 failed, 1 passed",
        "expected exactly 7 of LOG_SMART_LIC_COMM_FAILED",
        "seen: 2",
        "again: slpsim scenario run",
    ] {
        assert!(told.contains(part), "{part}\n--- in ---\n{told}");
    }
    copy(file, "scenarios/bad.toml", &|text| text.replace("transport", "trnsport"));
    let told = said(&pytest(&program, folder.path()));
    assert!(told.contains("did you mean `transport`?"), "{told}");
}

#[test]
fn a_program_that_is_not_there_is_one_line_and_parts_and_equal_names_are_told_apart() {
    let Some(program) = peer("pytest") else { return };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("scenarios")).unwrap();
    write("slpsim_pytest.py", &std::fs::read_to_string(plugin().join("slpsim_pytest.py")).unwrap());
    write("conftest.py", "pytest_plugins = [\"slpsim_pytest\"]\n");
    write("pytest.ini", "[pytest]\nslpsim_scenarios = scenarios\n");
    write("scenarios/part.toml", "[device]\n");
    write(
        "scenarios/twice.toml",
        "name = \"twice\"\nuntil = \"1h\"\ninclude = \"part.toml\"\n[matrix]\nn = [1, \"1\"]\n[[expect]]\n\
         message = \"LOG_SMART_LIC_REPORTING_REQUIRED\"\ncount = \"{n}\"\n",
    );
    let output = pytest(&program, folder.path());
    let told = said(&output);
    assert!(output.status.success() && told.contains("2 passed"), "{told}");
    for part in ["twice [n=1] PASSED", "twice [n=1] #2 PASSED"] {
        assert!(told.contains(part), "{part}\n--- in ---\n{told}");
    }
    let nobody = Command::new(&program)
        .args(["-p", "no:cacheprovider", "--slpsim=/nope"])
        .current_dir(folder.path())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = said(&nobody);
    assert_eq!(told.trim(), "ERROR: there is no program '/nope': give --slpsim=PATH or set SLPSIM");
}

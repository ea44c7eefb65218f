//! The console of a running daemon, by a person and by a script.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::tty::{Tty, ready};

/// A daemon with two switches, killed with the value.
struct Daemon {
    child: Child,
    control: String,
}

impl Daemon {
    fn start(folder: &Path) -> Self {
        let config = folder.join("two.toml");
        let device =
            |name| format!("[[device]]\nname = \"{name}\"\nhostname = \"{name}\"\ntransport = \"off\"\n");
        let serials = ["FDO00000001", "FDO00000002"].map(|serial| format!("serial = \"{serial}\"\n"));
        let text = device("leaf-1") + &serials[0] + &device("leaf-2") + &serials[1] + "[mock]\n";
        std::fs::write(&config, text).unwrap();
        let (ready_file, control) = (folder.join("ready"), folder.join("control.sock"));
        let child = Command::new(env!("CARGO_BIN_EXE_slpsim"))
            .arg("run")
            .arg("-c")
            .arg(config)
            .arg("--state")
            .arg(folder.join("state"))
            .arg("--control")
            .arg(&control)
            .arg("--ready-file")
            .arg(&ready_file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        ready(&ready_file);
        Self { child, control: control.to_str().unwrap().to_owned() }
    }

    fn console(&self, device: &str) -> Vec<String> {
        ["console", "--control", &self.control, "--device", device].map(String::from).to_vec()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn script(args: &[String], lines: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_slpsim"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn consoles_of_a_daemon_share_the_switch_and_each_has_its_own_session() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    let args = daemon.console("leaf-1");
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let (mut one, mut other) = (Tty::start(&args), Tty::start(&args));
    one.expect("leaf-1# ");
    other.expect("leaf-1# ");
    one.answer("configure terminal", "leaf-1(config)# ");
    one.answer("hostname spine-9", "spine-9(config)# ");
    assert_eq!(other.answer("show hostname", "spine-9# "), "spine-9\n");
    assert!(one.answer("!advance 2d", "spine-9(config)# ").starts_with("! 20"));
    other.press("exit\r");
    assert!(other.end());
    // The daemon goes: what remains is said in one line.
    drop(daemon);
    one.press("show clock\r");
    one.expect("slpsim: the daemon has ended, and with it the session");
    assert!(!one.end());
}

#[test]
fn a_script_gets_what_is_printed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    let done =
        script(&daemon.console("leaf-2"), "show hostname\nconf t\nhostname leaf-3\nend\nshow hostname\n");
    let text = String::from_utf8(done.stdout).unwrap();
    let expected = "leaf-2\nEnter configuration commands, one per line. End with CNTL/Z.\nleaf-3\n";
    assert_eq!((text.as_str(), done.status.code()), (expected, Some(0)));
    // Long answers are not paged, a question is answered by the next line, and an error is an exit code.
    let done = script(&daemon.console("leaf-2"), "show license tech support\nreload\nn\nshow nonsense\n");
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.lines().count() > 100 && !text.contains("--More--"), "{text}");
    assert!(text.ends_with("% Invalid command at '^' marker.\n"), "{text}");
    assert_eq!(done.status.code(), Some(1));
    // Whom to blame is said, and what to do.
    for (args, said) in [
        (daemon.console("leaf-9"), "no device \"leaf-9\" here; there is leaf-1, leaf-2"),
        (daemon.console("leaf-1")[..3].to_vec(), "several devices: say which with --device (leaf-1, leaf-2)"),
        (
            ["console", "--control", "/nonexistent/control.sock"].map(String::from).to_vec(),
            "no daemon answers at",
        ),
    ] {
        let done = script(&args, "show clock\n");
        let error = String::from_utf8(done.stderr).unwrap();
        assert!(error.contains(said), "{error}");
        assert_eq!((done.stdout.len(), done.status.code()), (0, Some(2)), "{error}");
    }
}

#[test]
fn a_line_that_is_no_text_or_of_a_megabyte_is_answered_and_the_session_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(folder.path());
    let lines = "x".repeat(5_000_000) + "\nshow \u{1b}[2J\u{7}\nshow hostname\n";
    let done = script(&daemon.console("leaf-1"), &lines);
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.starts_with("% Command line is too long\n") && text.ends_with("leaf-1\n"), "{text}");
}

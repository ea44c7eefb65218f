//! The console of a running daemon, by a person and by a script.

use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::process::Daemon;
use crate::tty::Tty;

/// A daemon of this configuration.
fn daemon(folder: &Path, text: &str) -> Daemon {
    let (config, control) = (folder.join("config.toml"), folder.join("control.sock"));
    std::fs::write(&config, text).unwrap();
    let args = ["-c", config.to_str().unwrap(), "--control", control.to_str().unwrap()];
    Daemon::start(folder, "run", &args)
}

/// Two switches that send nothing.
fn two_switches(folder: &Path) -> Daemon {
    let device =
        |name| format!("[[device]]\nname = \"{name}\"\nhostname = \"{name}\"\ntransport = \"off\"\n");
    let serials = ["FDO00000001", "FDO00000002"].map(|serial| format!("serial = \"{serial}\"\n"));
    daemon(folder, &(device("leaf-1") + &serials[0] + &device("leaf-2") + &serials[1] + "[mock]\n"))
}

fn console(daemon: &Daemon, device: &str) -> Vec<String> {
    ["console", "--control", daemon.text("/control"), "--device", device].map(String::from).to_vec()
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
    let daemon = two_switches(folder.path());
    let args = console(&daemon, "leaf-1");
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
    let daemon = two_switches(folder.path());
    let done =
        script(&console(&daemon, "leaf-2"), "show hostname\nconf t\nhostname leaf-3\nend\nshow hostname\n");
    let text = String::from_utf8(done.stdout).unwrap();
    let expected = "leaf-2\nEnter configuration commands, one per line. End with CNTL/Z.\nleaf-3\n";
    assert_eq!((text.as_str(), done.status.code()), (expected, Some(0)));
    // Long answers are not paged, a question is answered by the next line, and an error is an exit code.
    let done = script(&console(&daemon, "leaf-2"), "show license tech support\nreload\nn\nshow nonsense\n");
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.lines().count() > 100 && !text.contains("--More--"), "{text}");
    assert!(text.ends_with("% Invalid command at '^' marker.\n"), "{text}");
    assert_eq!(done.status.code(), Some(1));
    // `!advance` is a line of the console's own here too.
    let done = script(
        &["console", "--offline", "--start", "2026-01-01T00:00:00Z"].map(String::from),
        "!advance 1d\nshow clock\n!advance soon\n",
    );
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.starts_with("! 2026-01-02T00:00:0") && text.contains("Fri Jan 02 2026"), "{text}");
    assert_eq!(done.status.code(), Some(1), "{text}");
    // Whom to blame is said, and what to do.
    for (args, said) in [
        (console(&daemon, "leaf-9"), "no device \"leaf-9\" here; there is leaf-1, leaf-2"),
        (
            console(&daemon, "leaf-1")[..3].to_vec(),
            "several devices: say which with --device (leaf-1, leaf-2)",
        ),
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
    let daemon = two_switches(folder.path());
    let lines = "x".repeat(5_000_000) + "\nshow \u{1b}[2J\u{7}\nshow hostname\n";
    let done = script(&console(&daemon, "leaf-1"), &lines);
    let text = String::from_utf8(done.stdout).unwrap();
    assert!(text.starts_with("% Command line is too long\n") && text.ends_with("leaf-1\n"), "{text}");
}

/// `spec/chapter.md` S-01: the console and, where it is configured, a logging server on another system.
#[test]
fn a_logging_server_gets_the_lines_of_its_severity_through_the_network_of_the_switch() {
    let folder = tempfile::tempdir().unwrap();
    let receivers = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let [all, errors] = receivers.each_ref().map(|socket| socket.local_addr().unwrap());
    let lines = "logging server 198.51.100.7 6 facility local3\nlogging server errors.example.com 3 port 5514\n\
                 logging origin-id hostname\n";
    std::fs::write(folder.path().join("switch.cfg"), lines).unwrap();
    let config = format!(
        r#"
[device]
hostname = "leaf-1"
transport = "off"
startup-config = "switch.cfg"
[mock]
[network.hosts]
"errors.example.com" = "198.51.100.8"
[network.routes]
"198.51.100.7:514" = "{all}"
"198.51.100.8:5514" = "{errors}"
"#
    );
    let daemon = daemon(folder.path(), &config);
    let next = |socket: &UdpSocket| {
        socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut datagram = [0; 2000];
        let size = socket.recv(&mut datagram).unwrap();
        String::from_utf8_lossy(&datagram[..size]).into_owned()
    };
    // Severity 6 of local3: 19 * 8 + 6.
    let line = next(&receivers[0]);
    assert!(line.starts_with("<158>leaf-1: 20"), "{line}");
    assert!(line.contains(": %LICMGR-6-LOG_SMART_LIC_REPORTING_REQUIRED: A Usage report "), "{line}");
    // A failure has severity 3, but the server with a name cannot be found any more.
    let console = ["console", "--control", daemon.text("/control")].map(String::from);
    let done = script(
        &console,
        "conf t\nlicense smart transport cslu\nno ip name-server\nend\nlicense smart sync\n",
    );
    assert!(done.status.success(), "{done:?}");
    let failed = "%LICMGR-3-LOG_SMART_LIC_COMM_FAILED: ";
    assert!(next(&receivers[0]).contains(failed));
    receivers[1].set_nonblocking(true).unwrap();
    let named = receivers[1].recv(&mut [0; 2000]).unwrap_err();
    assert_eq!(
        named.kind(),
        std::io::ErrorKind::WouldBlock,
        "a name that does not resolve any more gets nothing"
    );
}

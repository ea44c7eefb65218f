//! A program on a pseudo-terminal, and the screen that a person has before them.

use std::fs::File;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use slpsim_tests::changes::until;

/// Longest wait for anything; a busy machine needs some of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a program asks a terminal with to know where the cursor is (ECMA-48 DSR).
const WHERE: &[u8] = b"\x1b[6n";

pub(crate) const LINES: u16 = 24;
const COLUMNS: u16 = 100;

/// Everything that has been printed, and the screen that it makes.
struct Seen {
    screen: vt100::Parser,
    /// What is printed, as text: lines that have scrolled away are here.
    text: String,
    ended: bool,
}

/// A terminal with a program on it.
pub(crate) struct Tty {
    child: Child,
    keys: File,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
    /// How far the text has been read by [`Tty::expect`].
    read: usize,
}

impl Tty {
    /// Starts `slpsim ARGS...` on a terminal of 24 lines.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::with(env!("CARGO_BIN_EXE_slpsim").as_ref(), args)
    }

    /// Starts a program on such a terminal.
    pub(crate) fn with(program: &Path, args: &[&str]) -> Self {
        let size = Winsize { ws_row: LINES, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
        let (child, keys) = on_terminal(program, args, size);
        let size = [LINES, COLUMNS].map(|size| NonZero::new(size).unwrap());
        let screen = vt100::Parser::new(size[0], size[1], 0);
        let seen = Seen { screen, text: String::new(), ended: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let (from, to, shared) = (keys.try_clone().unwrap(), keys.try_clone().unwrap(), Arc::clone(&seen));
        let reader = Some(std::thread::spawn(move || watch(from, to, &shared)));
        Self { child, keys, seen, reader, read: 0 }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line and waits for its answer: what is printed until the prompt that follows.
    pub(crate) fn answer(&mut self, line: &str, prompt: &str) -> String {
        self.press(line);
        self.press("\r");
        // A log line may come while the line is typed; it is painted again then.
        self.expect(&format!("{line}\n"));
        let text = self.expect(prompt);
        text.strip_suffix(prompt).unwrap().to_owned()
    }

    /// Waits until `what` is printed, behind what was waited for before; what is printed until then.
    pub(crate) fn expect(&mut self, what: &str) -> String {
        let from = self.read;
        let end = self.wait(what, |seen| {
            let rest = &seen.text[from..];
            rest.find(what).map(|at| from + at + what.len())
        });
        self.read = end;
        self.seen.0.lock().unwrap().text[from..end].to_owned()
    }

    /// Waits until the screen is as `is` wants it.
    pub(crate) fn screen(&self, what: &str, is: impl Fn(&[String]) -> bool) -> Vec<String> {
        self.wait(what, |seen| {
            let lines: Vec<_> =
                seen.screen.screen().rows(0, COLUMNS).map(|line| line.trim_end().into()).collect();
            is(&lines).then_some(lines)
        })
    }

    fn wait<T>(&self, what: &str, look: impl Fn(&Seen) -> Option<T>) -> T {
        let (seen, changed) = &*self.seen;
        let mut seen = seen.lock().unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(&seen) {
                return found;
            }
            let left = end.saturating_duration_since(Instant::now());
            let screen = seen.screen.screen().contents();
            assert!(!seen.ended && !left.is_zero(), "{what:?} does not come; the screen is\n{screen}");
            seen = changed.wait_timeout(seen, left).unwrap().0;
        }
    }

    /// Asks the program to end, as `kill` does.
    pub(crate) fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    }

    /// Waits until the program has ended; whether it said that all went well.
    pub(crate) fn end(mut self) -> bool {
        {
            let (seen, changed) = &*self.seen;
            let running = |seen: &mut Seen| !seen.ended;
            let (seen, late) = changed.wait_timeout_while(seen.lock().unwrap(), PATIENCE, running).unwrap();
            assert!(!late.timed_out(), "it does not end; the screen is\n{}", seen.screen.screen().contents());
        }
        self.reader.take().unwrap().join().unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program on a terminal of its own, and the end of a person. No other program may inherit that one, or the terminal
/// would stay open.
fn on_terminal(program: &Path, args: &[&str], size: Winsize) -> (Child, File) {
    let pty = openpty(Some(&size), None).unwrap();
    fcntl(&pty.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    let end = || Stdio::from(pty.slave.try_clone().unwrap());
    let child = Command::new(program)
        .args(args)
        .env("TERM", "xterm-256color")
        .env_remove("SLPSIM_LOG")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap();
    (child, File::from(pty.master))
}

/// Keeps what is printed, and answers as a terminal does.
fn watch(mut from: File, mut to: File, shared: &(Mutex<Seen>, Condvar)) {
    let (seen, changed) = shared;
    let mut buffer = [0; 4096];
    let mut bytes = Vec::new();
    // At the end of the program, Linux gives EIO.
    while let Ok(count) = from.read(&mut buffer) {
        if count == 0 {
            break;
        }
        bytes.extend_from_slice(&buffer[..count]);
        let cut = bytes.split_off(whole(&bytes));
        let mut seen = seen.lock().unwrap();
        let mut rest = &bytes[..];
        while let Some(at) = rest.windows(WHERE.len()).position(|window| window == WHERE) {
            seen.take(&rest[..at]);
            rest = &rest[at + WHERE.len()..];
            let (row, column) = seen.screen.screen().cursor_position();
            // Who asked may have ended.
            let _ = write!(to, "\x1b[{};{}R", row + 1, column + 1);
        }
        seen.take(rest);
        bytes = cut;
        changed.notify_all();
    }
    seen.lock().unwrap().ended = true;
    changed.notify_all();
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        self.screen.process(bytes);
        self.text.push_str(&plain(bytes));
    }
}

/// How many of the bytes come before a control sequence whose end has not been read yet.
fn whole(bytes: &[u8]) -> usize {
    let Some(escape) = bytes.iter().rposition(|byte| *byte == 0x1b) else { return bytes.len() };
    let ended = match &bytes[escape + 1..] {
        [] => false,
        [b'[', rest @ ..] => rest.iter().any(|byte| (b'@'..=b'~').contains(byte)),
        [_, ..] => true,
    };
    if ended { bytes.len() } else { escape }
}

/// The text without what controls the terminal.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::new();
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\x1b' => match rest.next() {
                Some('[') => while rest.next().is_some_and(|next| !('@'..='~').contains(&next)) {},
                Some(']') => while rest.next().is_some_and(|next| next != '\x07' && next != '\\') {},
                Some(_) | None => {}
            },
            '\r' => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Starts `slpsim ARGS...` on a terminal that is closed once `prompt` stands there; whether the program ends.
pub(crate) fn closed_at(prompt: &str, args: &[&str]) -> bool {
    let size = Winsize { ws_row: LINES, ws_col: COLUMNS, ws_xpixel: 0, ws_ypixel: 0 };
    let (mut child, mut master) = on_terminal(env!("CARGO_BIN_EXE_slpsim").as_ref(), args, size);
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    while !plain(&text).contains(prompt) {
        let count = master.read(&mut buffer).unwrap();
        text.extend_from_slice(&buffer[..count]);
        if let Some(at) = text.windows(WHERE.len()).position(|window| window == WHERE) {
            text.drain(at..at + WHERE.len());
            master.write_all(b"\x1b[1;1R").unwrap();
        }
    }
    drop(master);
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
    let (tell, ended) = mpsc::channel();
    let waiting = std::thread::spawn(move || tell.send(child.wait()).is_ok());
    let ended = ended.recv_timeout(PATIENCE).is_ok();
    if !ended {
        kill(pid, Signal::SIGKILL).unwrap();
    }
    waiting.join().unwrap();
    ended
}

/// What a daemon has written once everything listens.
pub(crate) fn ready(path: &Path) -> Vec<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(until(path.parent().unwrap(), async || std::fs::read(path).ok()))
}

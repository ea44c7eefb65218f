//! The connection to the console of a device.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use anyhow::{Context, Result, bail};

use crate::control::console::{Reply, Shown, Typed, Wish};
use crate::control::{MAX_ANSWER, Request};
use crate::error::user_error;

/// What is said where the daemon ends first.
const ENDED: &str = "the daemon has ended, and with it the session";

/// Longest line that is passed on, in bytes.
const LINE_MAX: usize = 1 << 16;

/// A console session, for one thread that types. Another one reads, so that log lines come whenever there are some.
#[derive(Debug)]
pub struct Link {
    to: UnixStream,
    answers: Receiver<Shown>,
    log: Option<Receiver<String>>,
}

impl Link {
    /// Opens a session on a device of the daemon behind the socket `path`.
    ///
    /// # Errors
    /// Where no daemon listens there, one line for the user.
    pub fn open(path: &Path, wish: Wish) -> Result<Self> {
        let stream = UnixStream::connect(path).map_err(|error| crate::control::no_daemon(path, &error))?;
        let from = stream.try_clone().context("control socket")?;
        let (to_answers, answers) = channel();
        let (to_log, log) = channel();
        thread::Builder::new()
            .name("console".into())
            .spawn(move || read_all(from, &to_answers, &to_log))
            .context("no thread for the console")?;
        let mut link = Self { to: stream, answers, log: Some(log) };
        link.write(&Request::Console(wish))?;
        Ok(link)
    }

    /// Where log lines come out; once.
    pub fn log(&mut self) -> Option<Receiver<String>> {
        self.log.take()
    }

    /// Says what was typed.
    ///
    /// # Errors
    /// Where the daemon has ended.
    pub fn send(&mut self, mut typed: Typed) -> Result<()> {
        let (Typed::Line(text) | Typed::Help(text) | Typed::Complete(text)) = &mut typed;
        // The device refuses much shorter lines, and says so; the daemon closes the connection at a megabyte.
        text.truncate((0..=LINE_MAX).rfind(|at| text.is_char_boundary(*at)).unwrap_or(0));
        self.write(&typed)
    }

    fn write(&mut self, value: &impl serde::Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.to.write_all(&line).context(ENDED)
    }

    /// Waits for the answer to a line.
    ///
    /// # Errors
    /// Where the daemon refuses the session, or has ended.
    pub fn reply(&mut self) -> Result<Reply> {
        match self.next()? {
            Shown::Reply(reply) => Ok(reply),
            Shown::Completion { .. } | Shown::Log(_) | Shown::Refused { .. } => bail!(MISUNDERSTOOD),
        }
    }

    /// Waits for the answer to a Tab: what it adds, and the words that fit.
    ///
    /// # Errors
    /// As [`Link::reply`].
    pub fn completion(&mut self) -> Result<(String, Vec<String>)> {
        match self.next()? {
            Shown::Completion { insert, words } => Ok((insert, words)),
            Shown::Reply(_) | Shown::Log(_) | Shown::Refused { .. } => bail!(MISUNDERSTOOD),
        }
    }

    fn next(&mut self) -> Result<Shown> {
        match self.answers.recv() {
            Ok(Shown::Refused { why }) => Err(user_error(why)),
            Ok(shown) => Ok(shown),
            Err(_) => bail!(ENDED),
        }
    }
}

/// The daemon speaks another protocol.
const MISUNDERSTOOD: &str = "the daemon answered something else than was asked: is it of another version?";

/// Sorts what comes until the daemon closes the connection, or this program has enough.
fn read_all(from: UnixStream, answers: &Sender<Shown>, log: &Sender<String>) {
    let mut from = BufReader::new(from);
    let most = u64::try_from(MAX_ANSWER).unwrap_or(u64::MAX);
    loop {
        let mut line = Vec::new();
        match from.by_ref().take(most).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let passed = match serde_json::from_slice(&line) {
            // A session that shows no log lines is no reason to stop.
            Ok(Shown::Log(line)) => {
                let _ = log.send(line);
                true
            }
            Ok(shown) => answers.send(shown).is_ok(),
            Err(error) => {
                let why = format!("the daemon is not understood ({error}): is it of another version?");
                let _ = answers.send(Shown::Refused { why });
                false
            }
        };
        if !passed {
            return;
        }
    }
}

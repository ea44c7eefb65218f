//! The shell of a session: prompt, lines, pages, log lines above the prompt.

use std::sync::Arc;
use std::time::Duration;

use slpsim_console::Reply;
use slpsim_console::pager::{ERASE, Key, MORE, Page};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use super::editor::{Asked, Editor};
use super::wire::{Size, Wire, WireError};
use crate::access::Limits;
use crate::access::operator::Operator;
use crate::driver::LogLine;

/// What a user sees after a log-in; ours, in place of Cisco's.
const GREETING: &str = "Nexus Operating System (NX-OS) Software, simulated by slpsim\n\
    A test tool: it is not Cisco's, and it bypasses no license.\n";
/// The refusal of a line that is longer than the limit.
const TOO_LONG: &str = "% Command line is too long\n";
/// Widest and highest terminal that is believed.
const SIZE_MAX: u32 = 511;

/// Text with the line ends of a terminal, or as it is.
pub(super) fn ends(text: &str, terminal: bool) -> Vec<u8> {
    if terminal { text.replace('\n', "\r\n").into_bytes() } else { text.as_bytes().to_vec() }
}

/// A shell on a pseudo-terminal: echo, editing, pages. The exit status.
pub(super) async fn with_terminal(
    wire: &mut Wire,
    operator: &mut Operator,
    size: Size,
    limits: &Limits,
) -> Result<u32, WireError> {
    let greeting = wire.during(operator.greet()).await??;
    let session = operator.session();
    session.echo = true;
    // `exec-timeout` of the lines counts until the session says otherwise.
    session.terminal.timeout_min = greeting.timeout_min.unwrap_or(session.terminal.timeout_min);
    let editor = Editor::new(&greeting.prompt, limits.line_chars);
    let mut shell = Shell { wire, operator, editor, lines: None, columns: 0, input: Instant::now() };
    shell.fit(size);
    let welcome = [ends(GREETING, true), greeting.prompt.into_bytes()].concat();
    shell.wire.put(&welcome).await?;
    shell.run().await
}

/// A shell without a terminal: lines in, output out, nothing else. The exit status is 1 where a line was answered with an
/// error (modelled).
pub(super) async fn without_terminal(
    wire: &mut Wire,
    operator: &mut Operator,
    limits: &Limits,
) -> Result<u32, WireError> {
    let greeting = wire.during(operator.greet()).await??;
    let settings = &mut operator.session().terminal;
    (settings.length, settings.dont_ask) = (0, true);
    settings.timeout_min = greeting.timeout_min.unwrap_or(settings.timeout_min);
    let mut editor = Editor::new("", limits.line_chars);
    let mut status = 0;
    let mut input = Instant::now();
    loop {
        let asked = match wire.typed() {
            Some(byte) => {
                input = Instant::now();
                editor.plain(byte)
            }
            None if wire.has_ended() => editor.rest(),
            None => {
                let idle = idle(operator, input);
                tokio::select! {
                    heard = wire.listen() => heard?,
                    () = idle => return Ok(1),
                }
                continue;
            }
        };
        match asked {
            Some(Asked::Line(line)) => {
                let reply = wire.during(operator.line(line)).await??;
                wire.put(reply.text.as_bytes()).await?;
                status |= u32::from(reply.error);
                if reply.closed {
                    return Ok(status);
                }
            }
            Some(Asked::TooLong) => {
                wire.put(TOO_LONG.as_bytes()).await?;
                status = 1;
            }
            Some(Asked::Close) => return Ok(status),
            Some(Asked::Interrupt | Asked::Help(_) | Asked::Complete(_)) | None => {}
        }
    }
}

/// Until a session has been without input for as long as it may, in real time. What is printed is no input.
async fn idle(operator: &mut Operator, input: Instant) {
    match operator.session().terminal.timeout_min {
        0 => std::future::pending().await,
        minutes => sleep_until(input + Duration::from_secs(60) * minutes).await,
    }
}

struct Shell<'a> {
    wire: &'a mut Wire,
    operator: &'a mut Operator,
    editor: Editor,
    /// Log lines, while they are listened to.
    lines: Option<broadcast::Receiver<Arc<LogLine>>>,
    columns: u16,
    /// When something was typed.
    input: Instant,
}

enum Event {
    Heard(Result<(), WireError>),
    Logged(Logged),
    Idle,
}

impl Shell<'_> {
    async fn run(&mut self) -> Result<u32, WireError> {
        let mut echo = Vec::new();
        loop {
            while let Some(byte) = self.wire.typed() {
                self.input = Instant::now();
                if let Some(asked) = self.editor.feed(byte, &mut echo) {
                    self.flush(&mut echo).await?;
                    if self.answer(asked).await? {
                        return Ok(0);
                    }
                }
            }
            self.flush(&mut echo).await?;
            if self.wire.has_ended() {
                return Ok(0);
            }
            match self.event().await {
                Event::Heard(heard) => heard?,
                Event::Logged(logged) => self.show_log(&logged).await?,
                Event::Idle => return Ok(0),
            }
            if let Some(size) = self.wire.resized() {
                self.fit(size);
            }
        }
    }

    async fn flush(&mut self, echo: &mut Vec<u8>) -> Result<(), WireError> {
        if !echo.is_empty() {
            self.wire.put(echo).await?;
            echo.clear();
        }
        Ok(())
    }

    async fn event(&mut self) -> Event {
        let logged = next_line(&mut self.lines);
        let idle = idle(self.operator, self.input);
        tokio::select! {
            biased;
            heard = self.wire.listen() => Event::Heard(heard),
            line = logged => Event::Logged(line),
            () = idle => Event::Idle,
        }
    }

    /// Does what was asked for; whether the session is over.
    async fn answer(&mut self, asked: Asked) -> Result<bool, WireError> {
        match asked {
            Asked::Line(line) => {
                let reply = self.wire.during(self.operator.line(line)).await??;
                self.editor.set_prompt(&reply.prompt);
                self.keep_up().await?;
                if self.page(&reply).await? || reply.closed {
                    return Ok(true);
                }
                self.prompt("").await?;
            }
            Asked::TooLong => self.prompt(TOO_LONG).await?,
            Asked::Interrupt => self.prompt("").await?,
            Asked::Help(before) => {
                let text = self.wire.during(self.operator.help(before)).await??;
                self.prompt(&text).await?;
            }
            Asked::Complete(before) => {
                let completion = self.wire.during(self.operator.complete(before)).await??;
                if completion.insert.is_empty() && completion.words.len() > 1 {
                    let words = format!("\n{}\n", completion.words.join("  "));
                    self.prompt(&words).await?;
                } else {
                    let mut echo = Vec::new();
                    self.editor.insert(&completion.insert, &mut echo);
                    self.wire.put(&echo).await?;
                }
            }
            Asked::Close => return Ok(true),
        }
        Ok(false)
    }

    /// Prints a reply by pages; whether the client has gone away meanwhile.
    async fn page(&mut self, reply: &Reply) -> Result<bool, WireError> {
        let mut pager = self.operator.session().pager(reply.text.clone(), reply.unpaged);
        let mut page = pager.first();
        loop {
            let Page { text, more } = page;
            self.wire.put(&ends(&text, true)).await?;
            if self.wire.was_interrupted() {
                if more {
                    self.wire.put(ERASE.as_bytes()).await?;
                }
                return Ok(false);
            }
            if !more {
                return Ok(false);
            }
            debug_assert!(text.ends_with(MORE));
            page = match self.key().await? {
                Some(key) => pager.press(key),
                None => return Ok(true),
            };
        }
    }

    /// The next key that means something at `--More--`; none where nobody presses one any more.
    async fn key(&mut self) -> Result<Option<Key>, WireError> {
        loop {
            while let Some(byte) = self.wire.typed() {
                self.input = Instant::now();
                if let Some(key) = Key::of(char::from(byte)) {
                    return Ok(Some(key));
                }
            }
            if self.wire.has_ended() {
                return Ok(None);
            }
            let idle = idle(self.operator, self.input);
            tokio::select! {
                heard = self.wire.listen() => heard?,
                () = idle => return Ok(None),
            }
        }
    }

    /// Prints `text`, then the prompt with what has been typed behind it.
    async fn prompt(&mut self, text: &str) -> Result<(), WireError> {
        let mut out = ends(text, true);
        self.editor.draw(&mut out);
        self.wire.put(&out).await
    }

    /// NX-OS prints a log line behind the prompt (`spec/logs.md` §4); the prompt comes again, for whoever is typing.
    async fn show_log(&mut self, logged: &Logged) -> Result<(), WireError> {
        let line = match logged {
            Ok(line) if self.operator.hears(line) => line.session.clone(),
            Ok(_) => return Ok(()),
            Err(lost) => format!("({lost} log messages were lost here)"),
        };
        let before = if self.editor.is_empty() { "" } else { "\n" };
        self.prompt(&format!("{before}{line}\n")).await
    }

    /// The terminal of the client has this size. A length of 0 is the user's own wish and stays.
    fn fit(&mut self, size: Size) {
        let believed = |n: u32| u16::try_from(n.min(SIZE_MAX)).unwrap_or(0);
        let settings = &mut self.operator.session().terminal;
        if size.rows > 0 && settings.length > 0 {
            settings.length = believed(size.rows);
        }
        if size.columns > 0 {
            settings.width = believed(size.columns);
            self.columns = settings.width;
            self.editor.set_columns(usize::from(self.columns));
        }
    }

    /// After a command that may have changed the terminal's settings.
    async fn keep_up(&mut self) -> Result<(), WireError> {
        if !self.operator.session().terminal.monitor {
            self.lines = None;
        } else if self.lines.is_none() {
            self.lines = Some(self.wire.during(self.operator.listen()).await??);
        }
        let width = self.operator.session().terminal.width;
        if width > self.columns {
            // A program said so, which reads what is echoed: it must not be wrapped for a screen.
            self.editor.set_columns(usize::from(width));
        }
        Ok(())
    }
}

/// A log line, or how many were lost.
type Logged = Result<Arc<LogLine>, u64>;

/// The next log line; never where nobody listens.
async fn next_line(lines: &mut Option<broadcast::Receiver<Arc<LogLine>>>) -> Logged {
    let Some(receiver) = lines else { return std::future::pending().await };
    match receiver.recv().await {
        Ok(line) => Ok(line),
        Err(RecvError::Lagged(lost)) => Err(lost),
        Err(RecvError::Closed) => std::future::pending().await,
    }
}

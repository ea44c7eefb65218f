//! `--replay FILE`: a recorded log again, with its own spacing.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, PipeReader};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::{Value, json};
use slpsim_logs::Filter;

use super::halt::Halt;
use super::outlets::{Fate, Missed, Outlets};
use super::pace::Rate;
use super::stamps::{self, Stamp};
use crate::error::{BlameUser, user_error};
use crate::sinks::SinkSpec;
use crate::time::host_now;

/// A line is cut here, in bytes; longer ones are no log.
const LINE_MAX: usize = 1 << 20;
/// Devices whose clocks are remembered; of more, the others are taken for one.
const DEVICES_MAX: usize = 1_000_000;
/// A log has its first time stamp within so many lines and bytes.
const HEAD_LINES: usize = 1000;
const HEAD_BYTES: usize = 1 << 20;
/// What falls due within it goes out together.
const TICK: Duration = Duration::from_millis(5);

/// What a replay is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The recorded log; `-` is standard input.
    pub file: PathBuf,
    /// How fast.
    pub pace: super::Pace,
    /// Lines get the present time in place of the recorded one.
    pub new_stamps: bool,
    /// Where lines go; they keep their form.
    pub sinks: Vec<SinkSpec>,
    /// Lines may leave this machine.
    pub allow_external: bool,
    /// Wait for a sink that is behind.
    pub lossless: bool,
}

/// What a replay did.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Lines that were sent on.
    pub lines: u64,
    /// Of these, lines without a time stamp; they went with the line before.
    pub unstamped: u64,
    /// From the first stamp to the last, in milliseconds, gaps between devices' clocks left out.
    pub recorded_ms: i64,
    /// How long it took.
    pub wall: Duration,
    /// What became of the lines, by sink.
    pub sinks: Vec<Fate>,
    /// Why the log could not be read to its end; lines before that were sent.
    pub error: Option<String>,
}

/// Sends a recorded log again.
///
/// # Errors
/// Where the file cannot be opened, is no log, or a sink cannot be opened; one line for the user.
pub fn run(order: &Order, halt: &Halt) -> Result<Replayed> {
    order.sinks.iter().try_for_each(takes_lines_as_they_are)?;
    let mut source = Source::open(&order.file, halt)?;
    let wait = order.lossless || order.pace == super::Pace::Max;
    let outlets = Outlets::open(&order.sinks, order.allow_external, wait)?;
    let let_go = outlets.let_go();
    halt.on_ask(move || let_go.at(Instant::now()));
    let mut player = Player::new(order, outlets, halt);
    let mut line = Vec::new();
    while !halt.is_asked() {
        match source.next(&mut line) {
            Err(error) => {
                player.error = Some(format!("cannot read {}: {error}", order.file.display()));
                break;
            }
            Ok(Came::End) => break,
            Ok(Came::Nothing) => {
                player.outlets.flush();
                if player.outlets.reader_gone() {
                    break;
                }
                source.wait();
                continue;
            }
            Ok(Came::Line) => {}
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if !text.is_empty() && !player.take(text)? {
            break;
        }
        line.clear();
    }
    player.end()
}

/// Nothing is known of a recorded line that a filter could ask for, and nobody's address.
fn takes_lines_as_they_are(spec: &SinkSpec) -> Result<()> {
    let target = &spec.target;
    if target.filter == Filter::default() && target.source_net.is_none() {
        return Ok(());
    }
    let keys = "severity, device, site and source-net";
    Err(user_error(format!(
        "--sink {}: {keys} do not go with --replay, which sends every line as it is",
        target.url
    )))
}

/// Sends the lines of a log on, each at its time.
struct Player<'a> {
    order: &'a Order,
    halt: &'a Halt,
    outlets: Outlets,
    begin: Instant,
    tape: Tape,
    /// Lines before the first time stamp: they wait until it has shown that this is a log.
    head: Vec<Vec<u8>>,
    head_bytes: usize,
    stamped: Vec<u8>,
    lines: u64,
    unstamped: u64,
    /// Why there is no more of the log.
    error: Option<String>,
}

impl<'a> Player<'a> {
    fn new(order: &'a Order, outlets: Outlets, halt: &'a Halt) -> Self {
        Self {
            order,
            halt,
            outlets,
            begin: Instant::now(),
            tape: Tape::new(host_now().0),
            head: Vec::new(),
            head_bytes: 0,
            stamped: Vec::new(),
            lines: 0,
            unstamped: 0,
            error: None,
        }
    }

    /// Takes the next line; whether anybody wants more.
    fn take(&mut self, text: &[u8]) -> Result<bool> {
        let stamp = stamps::find(text, self.tape.last);
        if stamp.is_none() && self.lines == 0 {
            self.head.push(text.to_vec());
            self.head_bytes += text.len();
            let too_many = self.head.len() >= HEAD_LINES || self.head_bytes >= HEAD_BYTES;
            return if too_many { Err(self.no_log()) } else { Ok(true) };
        }
        for text in std::mem::take(&mut self.head) {
            if !self.play(&text, None) {
                return Ok(false);
            }
        }
        Ok(self.play(text, stamp.as_ref()))
    }

    fn no_log(&self) -> anyhow::Error {
        user_error(format!(
            "{}: none of its first {} lines has a time stamp: --replay takes a log as text, not compressed",
            self.order.file.display(),
            self.head.len()
        ))
    }

    /// Sends a line on when its time has come; `false` where the end came first.
    fn play(&mut self, text: &[u8], stamp: Option<&Stamp>) -> bool {
        let place = self.tape.place(text, stamp);
        let due = self.begin + due(self.order.pace, self.lines, place);
        if due > Instant::now() {
            self.outlets.flush();
            if self.halt.wait_until(due.max(Instant::now() + TICK)) || self.outlets.reader_gone() {
                return false;
            }
        }
        self.lines += 1;
        self.unstamped += u64::from(stamp.is_none());
        let text = match stamp {
            Some(stamp) if self.order.new_stamps => {
                stamp.replaced(text, host_now(), &mut self.stamped);
                &self.stamped
            }
            Some(_) | None => text,
        };
        !(self.outlets.take_text(text) && self.outlets.reader_gone())
    }

    fn end(self) -> Result<Replayed> {
        if self.lines == 0 && !self.head.is_empty() && !self.halt.is_asked() && self.error.is_none() {
            return Err(self.no_log());
        }
        let Self { lines, unstamped, error, .. } = self;
        let file = self.order.file.display();
        let recorded_ms = self.tape.at;
        let sinks = self.outlets.close();
        if Fate::nobody_reads(&sinks) {
            // Nor does anybody want to hear of lines without a time stamp.
        } else if lines == 0 {
            tracing::warn!("nothing of {file} was sent");
        } else if unstamped > 0 {
            tracing::warn!(
                "{unstamped} of {lines} lines of {file} have no time stamp: each went with the line before"
            );
        }
        Ok(Replayed { lines, unstamped, recorded_ms, wall: self.begin.elapsed(), sinks, error })
    }
}

fn due(pace: super::Pace, line: u64, place_ms: i64) -> Duration {
    let place = Duration::from_millis(u64::try_from(place_ms).unwrap_or(0));
    match pace {
        super::Pace::Max => Duration::ZERO,
        super::Pace::Speed(speed) => place / speed.max(1),
        super::Pace::Rate(rate) => Rate::time_of(&rate, line).min(Duration::from_secs(1 << 40)),
    }
}

/// A recorded log: a file, or a pipe that somebody writes to as he likes.
#[derive(Debug)]
struct Source {
    reader: BufReader<File>,
    /// Hangs up when the end is asked for.
    ended: PipeReader,
}

/// What a source has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    /// A whole line.
    Line,
    /// Nothing so far.
    Nothing,
    /// Nothing any more.
    End,
}

impl Source {
    fn open(path: &Path, halt: &Halt) -> Result<Self> {
        let file = if path == Path::new("-") {
            io::stdin().as_fd().try_clone_to_owned().map(File::from)
        } else {
            // Whoever writes to a pipe may be yet to come; he is waited for where the end can be asked for.
            OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)
        };
        let there = file.and_then(|file| Ok((file.metadata()?.is_dir(), file)));
        let (is_folder, file) =
            there.with_context(|| format!("cannot read {}", path.display())).blame_user()?;
        if is_folder {
            let file = path.display();
            return Err(user_error(format!("cannot read {file}: that is a folder; name a recorded log")));
        }
        let (ended, end) = io::pipe().context("no pipe")?;
        halt.on_ask(move || drop(end));
        Ok(Self { reader: BufReader::with_capacity(1 << 16, file), ended })
    }

    /// Appends what there is of the next line to `line`, without waiting.
    fn next(&mut self, line: &mut Vec<u8>) -> io::Result<Came> {
        loop {
            if self.reader.buffer().is_empty() && !self.is_ready() {
                return Ok(Came::Nothing);
            }
            let there = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Came::Nothing),
                there => there?,
            };
            if there.is_empty() {
                return Ok(if line.is_empty() { Came::End } else { Came::Line });
            }
            let room = LINE_MAX.saturating_sub(line.len());
            let window = there.get(..room).unwrap_or(there);
            let end = window.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let used = end.unwrap_or(window.len());
            line.extend_from_slice(window.get(..used).unwrap_or_default());
            self.reader.consume(used);
            if end.is_some() || line.len() >= LINE_MAX {
                return Ok(Came::Line);
            }
        }
    }

    fn is_ready(&self) -> bool {
        let mut file = [PollFd::new(self.reader.get_ref().as_fd(), PollFlags::POLLIN)];
        // Where that cannot be asked, reading says why.
        poll(&mut file, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
    }

    /// Waits until there is something, or until the end is asked for.
    fn wait(&self) {
        let mut both = [
            PollFd::new(self.reader.get_ref().as_fd(), PollFlags::POLLIN),
            PollFd::new(self.ended.as_fd(), PollFlags::POLLIN),
        ];
        // A signal wakes it as well; then it is called again.
        let _ = poll(&mut both, PollTimeout::NONE);
    }
}

/// Where on the tape each line stands. Clocks of devices differ, by zone or because they are wrong: the first line of a
/// device is where the tape is, and from then on the device's own clock tells how far its next one is.
#[derive(Debug)]
struct Tape {
    /// Milliseconds since the first line; never goes back.
    at: i64,
    /// The last stamp, for the year of those that have none.
    last: i64,
    /// By device: its stamps minus the place on the tape.
    clocks: HashMap<Box<[u8]>, i64>,
}

impl Tape {
    fn new(like: i64) -> Self {
        Self { at: 0, last: like, clocks: HashMap::new() }
    }

    fn place(&mut self, line: &[u8], stamp: Option<&Stamp>) -> i64 {
        let Some(stamp) = stamp else { return self.at };
        self.last = stamp.millis;
        let device = stamp.device(line);
        let device = if self.clocks.len() < DEVICES_MAX { device } else { &[] };
        match self.clocks.get_mut(device) {
            None => drop(self.clocks.insert(device.into(), stamp.millis.saturating_sub(self.at))),
            Some(clock) => {
                let place = stamp.millis.saturating_sub(*clock);
                if place < self.at {
                    // Set back, or behind another device: from here on it counts anew.
                    *clock = stamp.millis.saturating_sub(self.at);
                } else {
                    self.at = place;
                }
            }
        }
        self.at
    }
}

impl Replayed {
    /// As one JSON object.
    #[must_use]
    pub fn json(&self) -> Value {
        let missed = Missed::by(&self.sinks);
        json!({
            "lines": self.lines,
            "unstamped": self.unstamped,
            "recorded_s": self.recorded_ms as f64 / 1000.0,
            "wall_s": self.wall.as_secs_f64(),
            "dropped": missed.dropped,
            "failed": missed.failed,
            "sinks": self.sinks.iter().map(Fate::json).collect::<Vec<_>>(),
            "error": self.error,
        })
    }

    /// As a table.
    #[must_use]
    pub fn text(&self) -> String {
        let recorded = Duration::from_millis(u64::try_from(self.recorded_ms).unwrap_or(0));
        let Missed { dropped, failed } = Missed::by(&self.sinks);
        let mut text = format!(
            "lines        {}, {} without a time stamp\nrecorded     {}\nwall time    {:.1} s\n\
             dropped      {dropped}\nfailed       {failed}\n",
            self.lines,
            self.unstamped,
            slpsim_config::print_span(recorded),
            self.wall.as_secs_f64()
        );
        self.sinks.iter().for_each(|fate| text.push_str(&fate.text()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn places(lines: &[&str]) -> Vec<i64> {
        let mut tape = Tape::new(0);
        lines
            .iter()
            .map(|line| tape.place(line.as_bytes(), stamps::find(line.as_bytes(), 0).as_ref()) / 1000)
            .collect()
    }

    #[test]
    fn a_pipe_is_read_as_far_as_it_goes_and_its_end_is_noticed() {
        let (reader, mut writer) = io::pipe().unwrap();
        let halt = Halt::default();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("log"), "").unwrap();
        let mut source = Source::open(&folder.path().join("log"), &halt).unwrap();
        source.reader = BufReader::new(File::from(std::os::fd::OwnedFd::from(reader)));
        let mut line = Vec::new();
        let mut next = |source: &mut Source| {
            let came = source.next(&mut line).unwrap();
            let text = String::from_utf8(line.clone()).unwrap();
            if came == Came::Line {
                line.clear();
            }
            (came, text)
        };
        assert_eq!(next(&mut source), (Came::Nothing, String::new()));
        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(next(&mut source), (Came::Line, "one\n".into()));
        assert_eq!(next(&mut source), (Came::Nothing, "tw".into()));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| source.wait());
            halt.ask();
            waiting.join().unwrap();
        });
        writer.write_all(b"o\n\nthree").unwrap();
        drop(writer);
        for expected in ["two\n", "\n", "three"] {
            assert_eq!(next(&mut source), (Came::Line, expected.into()));
        }
        assert_eq!(next(&mut source), (Came::End, String::new()));
    }

    #[test]
    fn devices_in_other_zones_and_with_wrong_clocks_keep_their_own_spacing() {
        let utc = places(&[
            "<187>a: 2026 Mar  2 10:00:00 UTC: %X-3-Y: z",
            "<187>b: 2026 Mar  2 05:00:10 EST: %X-3-Y: z",
            "last message repeated 1 time",
            "<187>a: 2026 Mar  2 10:00:15 UTC: %X-3-Y: z",
        ]);
        assert_eq!(utc, [0, 0, 0, 15]);
        let local = places(&[
            "2026 Mar  2 10:00:00 a %X-3-Y: z",
            "1999 Mar  2 05:00:00 b %X-3-Y: z",
            "2026 Mar  2 10:00:20 a %X-3-Y: z",
            "1999 Mar  2 05:00:30 b %X-3-Y: z",
            "2026 Mar  2 09:00:00 a %X-3-Y: z",
            "2026 Mar  2 09:00:07 a %X-3-Y: z",
        ]);
        assert_eq!(local, [0, 0, 20, 30, 30, 37]);
    }
}

//! One operator's session: modes, prompts, and from a line to its reply.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use slpsim_agent::{CommandError, Profile};

use crate::config::Config;
use crate::device::{Device, Effect};
use crate::document::Document;
use crate::pipe::{self, Pipe};
use crate::syntax::{self, Item, Parsed, SyntaxError, Word};
use crate::table::{self, Place, Role, Row, Run};

mod mode;
mod reply;

pub use mode::{LineKind, Mode};
pub use reply::{Refusal, Reply};

/// Longest line, in characters (modelled).
const LINE_MAX_CHARS: usize = 4096;
/// Ctrl-Z: the end of configuration.
const CTRL_Z: char = '\u{1a}';

/// Whether a command was done, or why not.
pub type Outcome = Result<(), Refusal>;

/// A session. Sessions of one switch share its configuration, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Where the session is.
    pub mode: Mode,
    /// Its user.
    pub user: String,
    /// What its user may do.
    pub role: Role,
    /// Settings of the terminal.
    pub terminal: Terminal,
    /// Lines are typed behind a prompt, so that a caret has to stand further right.
    pub echo: bool,
}

/// Settings of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terminal {
    /// Lines of a page; 0: no paging.
    pub length: u16,
    /// Columns.
    pub width: u16,
    /// Minutes without input after which the session ends; 0: never.
    pub timeout_min: u32,
}

impl Default for Terminal {
    fn default() -> Self {
        Self { length: 24, width: 80, timeout_min: 30 }
    }
}

/// What a command that is no configuration works on.
#[derive(Debug)]
pub struct Exec<'a, 'd> {
    /// The session.
    pub session: &'a mut Session,
    /// The switch.
    pub device: &'a mut Device<'d>,
    /// What shall be done afterwards.
    pub effects: &'a mut Vec<Effect>,
    /// What is answered.
    pub doc: &'a mut Document,
    /// Set by `exit` at the exec prompt.
    pub closed: &'a mut bool,
}

/// What a configuration command works on.
#[derive(Debug)]
pub struct Configure<'a> {
    /// The configuration.
    pub config: &'a mut Config,
    /// The platform.
    pub profile: &'static Profile,
    /// Where the session is.
    pub mode: &'a mut Mode,
    /// What shall be done afterwards.
    pub effects: &'a mut Vec<Effect>,
}

impl Default for Session {
    /// A session of the administrator.
    fn default() -> Self {
        Self::new(Role::Admin)
    }
}

impl Session {
    /// A session at the exec prompt of somebody with that role, under the name `admin`.
    #[must_use]
    pub fn new(role: Role) -> Self {
        Self::of("admin", role)
    }

    /// A session at the exec prompt.
    #[must_use]
    pub fn of(user: &str, role: Role) -> Self {
        let (mode, terminal) = (Mode::default(), Terminal::default());
        Self { mode, user: user.to_string(), role, terminal, echo: false }
    }

    /// The prompt: `HOST# `, `HOST(config)# ` (`spec/console.md` §1).
    #[must_use]
    pub fn prompt(&self, hostname: &str) -> String {
        alloc::format!("{hostname}{}# ", self.mode.in_prompt())
    }

    /// Runs one line. What it prints and what shall be done is in the reply.
    pub fn line(&mut self, device: &mut Device<'_>, line: &str) -> Reply {
        let hostname = device.config.hostname.clone();
        let (line, leaves) = match line.split_once(CTRL_Z) {
            Some((before, _)) => (before, true),
            None => (line, false),
        };
        let mut reply = self.run(device, line.trim_end_matches(['\r', '\n']), &hostname);
        if leaves {
            self.mode = Mode::Exec;
        }
        reply.prompt = self.prompt(&device.config.hostname);
        reply
    }

    fn run(&mut self, device: &mut Device<'_>, line: &str, hostname: &str) -> Reply {
        if line.chars().count() > LINE_MAX_CHARS {
            return Reply::refused(&Refusal::new("% Command line is too long"));
        }
        let shift = if self.echo { self.prompt(hostname).chars().count() } else { 0 };
        if let Some(asked) = line.trim_end().strip_suffix('?') {
            return self.help(device.profile(), asked, shift);
        }
        let (command, pipes) = match pipe::split(line) {
            Ok(split) => split,
            Err(error) => return Reply::wrong(&error, shift),
        };
        let words = syntax::tokens(command);
        if words.first().is_none_or(|first| first.text.starts_with(['!', '#'])) {
            return Reply::default();
        }
        let end = command.trim_end().chars().count();
        match self.parse(device.profile(), &words, end) {
            Ok(parsed) => self.perform(device, &parsed, &pipes),
            Err(error) => Reply::wrong(&error, shift),
        }
    }

    /// Reads a line in this mode, then in those around it; of several errors the one furthest to the right counts.
    fn parse(&self, profile: &Profile, words: &[Word<'_>], end: usize) -> Result<Parsed, SyntaxError> {
        let mut furthest: Option<SyntaxError> = None;
        for place in self.mode.places() {
            match syntax::parse(rows_of(place, profile), words, end) {
                Ok(parsed) => return Ok(parsed),
                Err(error) => furthest = further(furthest, error),
            }
        }
        Err(furthest.unwrap_or(SyntaxError::Invalid { column: 0 }))
    }

    fn perform(&mut self, device: &mut Device<'_>, parsed: &Parsed, pipes: &[Pipe]) -> Reply {
        if parsed.row.role > self.role {
            return Reply::refused(&Refusal::new("% Permission denied for the role"));
        }
        let mut reply = Reply::default();
        let mut doc = Document::new();
        let outcome = match parsed.row.run {
            Run::Exec(run) => {
                let (effects, closed) = (&mut reply.effects, &mut reply.closed);
                run(&mut Exec { session: self, device, effects, doc: &mut doc, closed }, parsed)
            }
            Run::Config(_) | Run::Enter(_) => {
                // A command of the global configuration leads out of a sub-mode.
                let mut mode =
                    if self.mode.place() == parsed.row.place { self.mode.clone() } else { Mode::Config };
                let outcome =
                    configure(device.config, device.profile(), &mut mode, &mut reply.effects, parsed);
                if outcome.is_ok() {
                    self.mode = mode;
                }
                outcome
            }
        };
        match outcome.and_then(|()| pipe::apply(pipes, &doc)) {
            Ok(text) => {
                reply.text = text;
                reply.document = doc;
            }
            Err(refusal) => {
                reply.text = doc.to_text();
                reply.refuse_with(&refusal.0);
            }
        }
        reply
    }

    /// What `?` answers to the line before it: one line for each word that may follow (`spec/console.md` §1).
    fn help(&self, profile: &Profile, asked: &str, shift: usize) -> Reply {
        if let Some(behind) = pipe::help(asked) {
            let known = behind.and_then(|(command, lines)| {
                let end = command.trim_end().chars().count();
                self.parse(profile, &syntax::tokens(command), end).map(|_| lines)
            });
            return match known {
                Ok(lines) => listed(lines.into_iter().map(|(word, help)| (word.to_string(), help)).collect()),
                Err(error) => Reply::wrong(&error, shift),
            };
        }
        let words = syntax::tokens(asked);
        let partial = asked.chars().next_back().is_some_and(|last| !last.is_whitespace());
        let (before, start) = match words.split_last() {
            Some((last, before)) if partial => (before, last.text),
            _ => (words.as_slice(), ""),
        };
        let mut lines: Vec<(String, &'static str)> = Vec::new();
        let mut furthest: Option<SyntaxError> = None;
        for place in self.mode.places() {
            match syntax::next_items(rows_of(place, profile), before) {
                Ok((items, ends)) => add_help(&mut lines, &items, ends && start.is_empty(), start, before),
                Err(error) => furthest = further(furthest, error),
            }
        }
        if lines.is_empty() {
            let column = words.last().map_or(0, |word| word.column);
            let error = furthest.unwrap_or(SyntaxError::Invalid { column });
            return Reply::wrong(&error, shift);
        }
        listed(lines)
    }

    /// The words with which the last word of `line` can be completed (Tab).
    #[must_use]
    pub fn complete(&self, profile: &Profile, line: &str) -> Vec<&'static str> {
        let words = syntax::tokens(line);
        let partial = line.chars().next_back().is_some_and(|last| !last.is_whitespace());
        let (before, start) = match words.split_last() {
            Some((last, before)) if partial => (before, last.text),
            _ => (words.as_slice(), ""),
        };
        let mut found = Vec::new();
        for place in self.mode.places() {
            let Ok((items, _)) = syntax::next_items(rows_of(place, profile), before) else { continue };
            for item in items {
                if let Item::Key(key) = item
                    && starts(key, start)
                    && !found.contains(&key)
                {
                    found.push(key);
                }
            }
        }
        found.sort_unstable();
        found
    }
}

/// Applies a configuration command; what differs afterwards is an effect.
fn configure(
    config: &mut Config,
    profile: &'static Profile,
    mode: &mut Mode,
    effects: &mut Vec<Effect>,
    parsed: &Parsed,
) -> Outcome {
    let before = config.clone();
    let (Run::Config(run) | Run::Enter(run)) = parsed.row.run else { return Ok(()) };
    let outcome = run(&mut Configure { config, profile, mode, effects }, parsed);
    if *config != before {
        effects.push(Effect::ConfigChanged);
    }
    outcome
}

/// Applies the lines of a startup configuration (`interface.md` §5 `startup-config`). What the lines want done is in the
/// effects; exec commands, such as a token command, are handed back as lines to be run once the switch is up.
pub fn apply_startup(config: &mut Config, profile: &'static Profile, text: &str) -> Startup {
    let mut startup = Startup::default();
    let mut mode = Mode::Config;
    for (number, line) in (1..).zip(text.lines()) {
        let words = syntax::tokens(line);
        let Some(first) = words.first().filter(|first| !first.text.starts_with(['!', '#'])) else { continue };
        // Indentation says what belongs to a sub-mode; a line at the margin leaves it.
        if first.column == 0 {
            mode = Mode::Config;
        }
        let end = line.trim_end().chars().count();
        let places = [mode.place(), Place::Config];
        let parsed = places.iter().map(|place| syntax::parse(rows_of(*place, profile), &words, end));
        match parsed.reduce(|first, second| first.or_else(|error| second.map_err(|_| error))) {
            Some(Ok(parsed)) if matches!(parsed.row.run, Run::Config(_) | Run::Enter(_)) => {
                let outcome = configure(config, profile, &mut mode, &mut startup.effects, &parsed);
                startup.errors.extend(outcome.err().map(|refusal| StartupError { number, why: refusal.0 }));
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => match syntax::parse(rows_of(Place::Exec, profile), &words, end) {
                Ok(_) => startup.exec_lines.push(line.trim().to_string()),
                Err(_) => startup.errors.push(StartupError { number, why: error.to_string() }),
            },
            None => {}
        }
    }
    startup
}

/// The outcome of a startup configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Startup {
    /// What shall be done, in order.
    pub effects: Vec<Effect>,
    /// Exec commands among the lines, to be run in a session once the switch is up.
    pub exec_lines: Vec<String>,
    /// Lines that were not understood or refused.
    pub errors: Vec<StartupError>,
}

/// A line of a startup configuration that has no effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartupError {
    /// Its number, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub why: String,
}

impl core::fmt::Display for StartupError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "line {}: {}", self.number, self.why)
    }
}

impl core::error::Error for StartupError {}

impl Refusal {
    /// From what the agent says.
    #[must_use]
    pub fn of(error: &CommandError) -> Self {
        Self(error.to_string())
    }
}

/// Of two errors the one further to the right; the earlier of equals.
fn further(known: Option<SyntaxError>, new: SyntaxError) -> Option<SyntaxError> {
    known.filter(|known| known.column() >= new.column()).or(Some(new))
}

fn rows_of<'p>(place: Place, profile: &'p Profile) -> impl Iterator<Item = &'static Row> + use<'p> {
    table::rows()
        .filter(move |row| (row.place == place || row.place == Place::Anywhere) && row.is_on(profile))
}

fn add_help(
    lines: &mut Vec<(String, &'static str)>,
    items: &[Item],
    ends: bool,
    start: &str,
    before: &[Word<'_>],
) {
    let mut add = |word: String, help: &'static str| {
        if !lines.iter().any(|(known, _)| *known == word) {
            lines.push((word, help));
        }
    };
    if ends {
        add("<CR>".to_string(), "");
    }
    for item in items {
        match item {
            Item::Key(key) if starts(key, start) => {
                add((*key).to_string(), table::help_of(before.last().map(|word| word.text), key));
            }
            Item::Arg { kind, name } if start.is_empty() => {
                add(
                    kind.placeholder().to_string(),
                    table::help_of(before.last().map(|word| word.text), name),
                );
            }
            Item::Key(_) | Item::Arg { .. } => {}
        }
    }
}

fn listed(mut lines: Vec<(String, &'static str)>) -> Reply {
    lines.sort();
    let width = lines.iter().map(|(word, _)| word.len()).max().unwrap_or(0);
    let text = lines.iter().fold(String::new(), |text, (word, help)| {
        text + alloc::format!("  {word:width$}  {help}").trim_end() + "\n"
    });
    Reply { text, ..Reply::default() }
}

fn starts(key: &str, start: &str) -> bool {
    key.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

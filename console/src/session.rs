//! One operator's session: modes, prompts, and from a line to its reply.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use slpsim_agent::{CommandError, Profile};

use crate::config::Config;
use crate::device::{Device, Effect};
use crate::document::Document;
use crate::pipe::{self, Pipe};
use crate::syntax::{self, Parsed, SyntaxError, Word};
use crate::table::{self, Place, Role, Row, Run};

mod ask;
mod help;
mod mode;
mod reply;
mod terminal;

pub use ask::Question;
pub use help::Completion;
pub use mode::{LineKind, Mode};
pub use reply::{Refusal, Reply};
pub use terminal::Terminal;

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
    /// Which kind of line it came by; [`Session::of`] makes a `vty` of it.
    pub line: LineKind,
    /// What the next line answers.
    pub question: Option<Question>,
    /// Lines are typed behind a prompt, so that a caret has to stand further right.
    pub echo: bool,
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
        let user = user.to_string();
        Self { mode, user, role, terminal, line: LineKind::Vty, question: None, echo: false }
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
        let line = line.trim_end_matches(['\r', '\n']);
        let mut reply = match self.question.take() {
            Some(question) => question.answered(line),
            None => self.run(device, line, &hostname),
        };
        if leaves {
            self.mode = Mode::Exec;
        }
        let restarts = |effect: &Effect| matches!(effect, Effect::Reload | Effect::Switchover);
        reply.reloads = reply.effects.iter().any(restarts);
        reply.prompt = match self.question {
            Some(question) => question.text().to_string(),
            None => self.prompt(&device.config.hostname),
        };
        reply
    }

    /// Reads a line as this session would, without running it: the command that it is; none for an empty line or a
    /// remark.
    ///
    /// # Errors
    /// Where `profile` has no such command at this prompt, or a pipe is wrong.
    pub fn read(&self, profile: &Profile, line: &str) -> Result<Option<&'static Row>, SyntaxError> {
        let (command, _) = pipe::split(line)?;
        let words = syntax::tokens(command);
        if words.first().is_none_or(|first| first.text.starts_with(['!', '#'])) {
            return Ok(None);
        }
        let end = command.trim_end().chars().count();
        self.parse(profile, &words, end).map(|parsed| Some(parsed.row))
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
                reply.unpaged = pipes.contains(&Pipe::NoMore);
            }
            Err(refusal) => {
                reply.text = doc.to_text();
                reply.refuse_with(&refusal.0);
            }
        }
        reply
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
